//! The types of the view.

use std::fmt;
use std::ops::Range;

/// Why a script has no view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// What is wrong, in a few words.
    pub message: String,
    /// The byte offset in the script, best effort.
    pub offset: usize,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the script", self.message, self.offset)
    }
}

impl std::error::Error for ScriptError {}

/// What ends an and-or list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminator {
    /// Nothing: the script, or the enclosing command, ends.
    None,
    /// `;`
    Sequential,
    /// A newline.
    Newline,
    /// `&`
    Background,
}

/// The operator between two pipelines of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AndOrList {
    /// From the first pipeline to the last, terminator excluded.
    pub span: Range<usize>,
    /// At least one pipeline.
    pub pipelines: Vec<Pipeline>,
    /// What ends the list.
    pub terminator: Terminator,
    /// The `;`, `&` or newline that ends the list.
    pub terminator_span: Option<Range<usize>>,
}

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// From its first word, `!` and `time` included, to the end of its last element.
    pub span: Range<usize>,
    /// The operator before the pipeline, none for the first of a list.
    pub joined_by: Option<Joint>,
    /// Where that operator is.
    pub operator_span: Option<Range<usize>>,
    /// Whether its status is inverted (an odd number of `!`).
    pub negated: bool,
    /// Whether `time` stands before it.
    pub timed: bool,
    /// At least one element.
    pub elements: Vec<Element>,
}

/// One command of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// The index of a simple command in [`Script::commands`](super::Script::commands).
    Simple(usize),
    /// A compound command.
    Compound {
        /// Which one.
        kind: CompoundKind,
        /// The whole command, its redirections included.
        span: Range<usize>,
        /// The indexes of the simple commands inside it.
        commands: Range<usize>,
    },
}

/// The kind of a compound command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompoundKind {
    /// `( … )`
    Subshell,
    /// `{ …; }`
    BraceGroup,
    /// `if … fi`
    If,
    /// `for name in … done`
    For,
    /// `for ((…)) … done`
    ArithmeticFor,
    /// `while … done`
    While,
    /// `until … done`
    Until,
    /// `case … esac`
    Case,
    /// `((…))`
    Arithmetic,
    /// `name() …`
    FunctionDefinition,
    /// `[[ … ]]`
    Test,
    /// Anything else. No script has it today.
    Other,
}

/// A simple command: assignments, words and redirections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimpleCommand {
    /// From its first token to its last, redirections included, body of a here-document excluded.
    pub span: Range<usize>,
    /// The assignments before the first word.
    pub assignments: Vec<Assignment>,
    /// The words, redirections excluded.
    pub words: Vec<Word>,
    /// The redirections, wherever they stand in the command.
    pub redirections: Vec<Redirection>,
    /// The compound commands around it, outermost first.
    pub enclosures: Vec<CompoundKind>,
    /// Whether it shares its pipeline with another element.
    pub in_pipeline: bool,
    /// The operator before its pipeline in its list.
    pub joined_by: Option<Joint>,
    /// Whether it stands in the condition of an `if`, `while` or `until`, or after `!`, at any depth.
    pub condition: bool,
}

impl SimpleCommand {
    /// The literal value of the first word, a path kept as it is.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.words.first()?.literal.as_deref()
    }

    /// The literal value of each word.
    pub fn literals(&self) -> impl Iterator<Item = Option<&str>> {
        self.words.iter().map(|word| word.literal.as_deref())
    }

    /// Where the last word ends; the last assignment, or the command, where there is no word.
    #[must_use]
    pub fn end_of_words(&self) -> usize {
        let last_word = self.words.last().map(|word| word.span.end);
        let last_assignment = self.assignments.last().map(|assignment| assignment.span.end);
        last_word.or(last_assignment).unwrap_or(self.span.end)
    }
}

/// `NAME=value` before a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Name, `=` and value.
    pub span: Range<usize>,
    /// The variable, an index (`a[1]`) excluded.
    pub name: String,
    /// What follows the `=`, possibly empty. An array `(…)` is one word that is not literal.
    pub value: Word,
    /// Whether the operator is `+=`.
    pub append: bool,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// From the descriptor, if any, to the end of the target.
    pub span: Range<usize>,
    /// The descriptor before the operator.
    pub descriptor: Option<u32>,
    /// The operator, without descriptor: `>`, `>>`, `>&`, `<<`, `&>` …
    pub operator: String,
    /// The target; for a here-document the delimiter as written.
    pub target: Option<Word>,
}

/// A word of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it is.
    pub span: Range<usize>,
    /// The text at the span.
    pub raw: String,
    /// The value after quote removal, when nothing in the word is expanded.
    pub literal: Option<String>,
    /// The variables expanded in it, in source order, duplicates kept.
    pub variables: Vec<String>,
    /// Whether it contains `$(…)`, `` `…` ``, `<(…)` or `>(…)`.
    pub has_substitution: bool,
    /// Whether it contains an unquoted glob character.
    pub has_glob: bool,
    /// Whether it contains a quote or an escape.
    pub quoted: bool,
}

/// A simple command inside a substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NestedCommand {
    /// The literal value of each word, or `None` where it has none.
    pub words: Vec<Option<String>>,
}
