//! What a transform says, and what comes of it.

use crate::context::BuildContext;
use crate::edit::Change;
use crate::facts::Facts;
use crate::options::Options;
use crate::style::Style;
use dfix_syntax::Dockerfile;
use std::fmt;

/// How sure a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// The image is the same but for caches, package indexes and layer boundaries.
    Same,
    /// The image changes, and every known hazard was looked for and not found, or dealt with.
    Checked,
    /// Something could not be looked at. Made only when asked for.
    Unproven,
}

impl fmt::Display for Safety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "Same",
            Self::Checked => "Checked",
            Self::Unproven => "Unproven",
        })
    }
}

/// A difference between two trees that a transform declares. Commands and instructions are given as
/// [`check`](crate::check) prints them: words joined by one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A command of a RUN reads differently.
    Rewritten {
        /// As it was.
        from: String,
        /// As it is.
        to: String,
    },
    /// A command or an instruction that was not there.
    Added(String),
    /// A command or an instruction that is gone.
    Removed(String),
    /// A command or an instruction stands elsewhere in its stage.
    Moved(String),
    /// A command or an instruction that stands in more than one of the stages a stage was split into.
    Repeated(String),
    /// Another base image.
    Base {
        /// As it was.
        from: String,
        /// As it is.
        to: String,
    },
    /// A stage became several: its number before, and how many there are instead. The last one takes its
    /// place and name.
    Split {
        /// The number of the stage.
        stage: usize,
        /// How many it became.
        into: usize,
    },
    /// A comment that stood behind an instruction has a line of its own.
    CommentMoved(String),
}

/// An edit that a transform offers.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The line of the original file that it is about.
    pub line: usize,
    /// How sure it is.
    pub safety: Safety,
    /// What is done, in one sentence.
    pub what: String,
    /// What was looked at, and for `Unproven`, in the end, what could not be.
    pub evidence: Vec<String>,
    /// The edit, in indexes of the tree it was made for.
    pub changes: Vec<Change>,
    /// All that differs afterwards.
    pub effects: Vec<Effect>,
}

/// A place where a transform leaves things alone although it looked promising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The line of the original file that it is about.
    pub line: usize,
    /// Why, so that a person can act on it.
    pub reason: String,
}

/// A file of the build context that has to be read and can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadManifest {
    /// Its path in the build context.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// Line and column, counted from 1, where known.
    pub position: Option<(usize, usize)>,
}

/// What a transform found at one place.
#[derive(Debug, Clone)]
pub enum Finding {
    /// Something to do.
    Propose(Proposal),
    /// Something left alone.
    Decline(Refusal),
    /// A file that stands in the way.
    Broken(BadManifest),
}

/// All that a transform found.
#[derive(Debug, Clone, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds an edit.
    pub fn propose(&mut self, proposal: Proposal) {
        self.0.push(Finding::Propose(proposal));
    }

    /// Adds a refusal.
    pub fn decline(&mut self, line: usize, reason: impl Into<String>) {
        self.0.push(Finding::Decline(Refusal { line, reason: reason.into() }));
    }

    /// Adds a file that can't be read.
    pub fn broken(&mut self, manifest: BadManifest) {
        self.0.push(Finding::Broken(manifest));
    }
}

/// What a transform looks at.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The tree.
    pub tree: &'a Dockerfile,
    /// What holds in it.
    pub facts: &'a Facts,
    /// The files beside it, or `None` where they are not known (standard input).
    pub context: Option<&'a BuildContext>,
    /// What the user chose.
    pub options: &'a Options,
    /// How the file is written.
    pub style: &'a Style,
}

/// A member of the chain.
pub struct Transform {
    /// Its name in flags, documents and messages.
    pub id: &'static str,
    /// How sure it can be at best.
    pub best: Safety,
    /// Its manual, whose examples are its tests.
    pub manual: &'static str,
    /// Looks at a tree.
    pub find: fn(Situation<'_>, &mut Findings),
}

/// What came of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The result holds it.
    Applied,
    /// Left out, because it is `Unproven`.
    Suggested,
    /// The transform declined.
    Declined,
    /// The check found an undeclared difference: a bug of the transform.
    Dropped,
}

/// One thing done or not done.
#[derive(Debug, Clone)]
pub struct Step {
    /// The id of the transform.
    pub transform: &'static str,
    /// The line of the original file that it is about.
    pub line: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// How sure it is; `None` for what was declined.
    pub safety: Option<Safety>,
    /// What was done, or why it wasn't.
    pub message: String,
    /// What was looked at.
    pub evidence: Vec<String>,
    /// All that differs by it.
    pub effects: Vec<Effect>,
}

/// The rewritten file, and how it came about.
#[derive(Debug, Clone)]
pub struct Plan {
    /// As it was.
    pub original: Dockerfile,
    /// As it should be.
    pub result: Dockerfile,
    /// What was done and what wasn't, in the order of the chain, then of lines.
    pub steps: Vec<Step>,
    /// Files of the build context that can't be read. While there are any, nothing should be written.
    pub broken: Vec<BadManifest>,
}

impl Plan {
    /// Whether the result differs from the original.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.original != self.result
    }

    /// The steps with an outcome.
    pub fn with_outcome(&self, outcome: Outcome) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.outcome == outcome)
    }
}
