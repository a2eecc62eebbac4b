//! Runs the catalog in order.

use crate::catalog::CATALOG;
use crate::check::Reading;
use crate::context::BuildContext;
use crate::edit::{Taken, apply};
use crate::options::Options;
use crate::plan::{Effect, Finding, Findings, Outcome, Plan, Proposal, Safety, Situation, Step, Transform};
use crate::style::Style;
use dfix_syntax::Dockerfile;
use std::collections::HashSet;
use std::rc::Rc;

/// How often the chain is run until it finds nothing more to do.
const ROUNDS: usize = 5;

/// Plans the rewrite of a tree by the whole catalog.
#[must_use]
pub fn plan(tree: &Dockerfile, context: Option<&BuildContext>, options: &Options) -> Plan {
    plan_with(CATALOG, tree, context, options)
}

/// Plans the rewrite of a tree by transforms of the caller's choice.
#[must_use]
pub fn plan_with(
    transforms: &[Transform],
    tree: &Dockerfile,
    context: Option<&BuildContext>,
    options: &Options,
) -> Plan {
    let style = Style::of(tree);
    let original = Rc::new(Reading::of(tree.clone()));
    let run = |careful: bool| {
        let mut run = Run {
            context,
            options,
            style: &style,
            original: Rc::clone(&original),
            current: Rc::clone(&original),
            careful,
            first: true,
            steps: Vec::new(),
            broken: Vec::new(),
        };
        run.run_all(transforms);
        let problems = run.problems_of_the_whole();
        (run, problems)
    };
    let (mut done, mut problems) = run(false);
    if !problems.is_empty() {
        // Which step was it? Each is held against the original as a whole, too.
        (done, problems) = run(true);
    }
    if !problems.is_empty() {
        done.drop_all(dropped(&problems));
    }
    if !done.broken.is_empty() {
        done.current = Rc::clone(&original);
        done.broken.dedup();
    }
    let order = |id: &str| transforms.iter().position(|transform| transform.id == id);
    done.steps.sort_by_key(|step| (order(step.transform), step.line));
    Plan {
        original: tree.clone(),
        result: done.current.tree().clone(),
        steps: done.steps,
        broken: done.broken,
    }
}

/// What is said of a step that the check objects to.
fn dropped(problems: &[String]) -> String {
    format!(
        "left out, because the check found what it should not have changed ({}); please report this",
        problems.join("; ")
    )
}

struct Run<'a> {
    context: Option<&'a BuildContext>,
    options: &'a Options,
    style: &'a Style,
    original: Rc<Reading>,
    current: Rc<Reading>,
    /// Whether every step is held against the original as a whole, too.
    careful: bool,
    first: bool,
    steps: Vec<Step>,
    broken: Vec<crate::plan::BadManifest>,
}

impl Run<'_> {
    /// Runs the chain until it finds nothing more to do.
    fn run_all(&mut self, transforms: &[Transform]) {
        for round in 0..ROUNDS {
            self.first = round == 0;
            let before = Rc::clone(&self.current);
            for transform in transforms.iter().filter(|transform| self.options.runs(transform.id)) {
                self.run(transform);
            }
            if Rc::ptr_eq(&self.current, &before)
                || self.current.tree() == before.tree()
                || !self.broken.is_empty()
            {
                return;
            }
        }
        // A chain that never comes to rest would change the file at every call.
        self.drop_all(format!("the result still changed after {ROUNDS} rounds; please report this"));
    }

    /// Takes everything back.
    fn drop_all(&mut self, message: String) {
        self.current = Rc::clone(&self.original);
        self.steps.retain(|step| step.outcome != Outcome::Applied);
        self.steps.push(Step {
            transform: "chain",
            line: 1,
            outcome: Outcome::Dropped,
            safety: None,
            message,
            evidence: Vec::new(),
            effects: Vec::new(),
        });
    }

    fn problems_of_the_whole(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !Rc::ptr_eq(&self.current, &self.original) && self.broken.is_empty() {
            self.original.compare_whole(&self.current, self.effects(), &mut problems);
        }
        problems
    }

    /// What has been declared so far.
    fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.steps.iter().filter(|step| step.outcome == Outcome::Applied).flat_map(|step| &step.effects)
    }

    fn run(&mut self, transform: &Transform) {
        let mut findings = Findings::default();
        let current = Rc::clone(&self.current);
        (transform.find)(
            Situation {
                tree: current.tree(),
                facts: current.facts(),
                context: self.context,
                options: self.options,
                style: self.style,
            },
            &mut findings,
        );
        let mut proposals = Vec::new();
        let before = self.steps.len();
        for finding in findings.0 {
            match finding {
                Finding::Decline(refusal) => {
                    // Later rounds look at a tree that the user hasn't seen.
                    if self.first {
                        self.note(
                            transform,
                            refusal.line,
                            Outcome::Declined,
                            None,
                            refusal.reason,
                            Vec::new(),
                            Vec::new(),
                        );
                    }
                }
                Finding::Broken(manifest) => self.broken.push(manifest),
                Finding::Propose(proposal)
                    if proposal.safety == Safety::Unproven && !self.options.unproven =>
                {
                    if self.first {
                        self.note_proposal(transform, Outcome::Suggested, proposal);
                    }
                }
                Finding::Propose(proposal) => proposals.push(proposal),
            }
        }
        self.make(transform, proposals, before);
    }

    /// Makes all proposals at once; where the check objects, looks for the ones that it objects to. Before them,
    /// there were `before` steps.
    fn make(&mut self, transform: &Transform, proposals: Vec<Proposal>, before: usize) {
        if proposals.is_empty() {
            return;
        }
        let mut settled = Settled::default();
        let mut waiting: Vec<usize> = (0..proposals.len()).collect();
        loop {
            // What touches the same as one that is made has its turn in the next round.
            let mut taken = Taken::default();
            settled.kept.iter().for_each(|&at| _ = taken.take(&proposals[at].changes));
            let (now, later): (Vec<usize>, Vec<usize>) =
                waiting.into_iter().partition(|&at| taken.take(&proposals[at].changes));
            let dropped = settled.dropped.len();
            self.settle(&proposals, &now, &mut settled);
            if later.is_empty() || settled.dropped.len() == dropped {
                break;
            }
            waiting = later;
        }
        settled.kept.sort_unstable();
        settled.dropped.sort_unstable();
        if let Some(reading) = settled.reading {
            self.current = Rc::new(reading);
        }
        // What was declined for the tree as it was has come about after all.
        let made: HashSet<usize> = settled.kept.iter().map(|&at| proposals[at].line).collect();
        let mut at = 0;
        self.steps.retain(|step| {
            at += 1;
            at > before
                || step.outcome == Outcome::Applied
                || !made.contains(&step.line)
                || step.transform != transform.id
        });
        let mut kept = settled.kept.into_iter().peekable();
        let mut dropped = settled.dropped.into_iter().peekable();
        for (at, proposal) in proposals.into_iter().enumerate() {
            if kept.next_if_eq(&at).is_some() {
                self.note_proposal(transform, Outcome::Applied, proposal);
            } else if let Some((_, message)) = dropped.next_if(|(dropped, _)| *dropped == at)
                && self.first
            {
                let (line, what) = (proposal.line, vec![proposal.what]);
                self.note(transform, line, Outcome::Dropped, None, message, what, Vec::new());
            }
        }
    }

    /// Tries some proposals together with those that are kept; halves them where that fails, so that few bad
    /// ones among many are found in few tries.
    fn settle(&self, proposals: &[Proposal], some: &[usize], settled: &mut Settled) {
        if some.is_empty() {
            return;
        }
        let tried = || settled.kept.iter().chain(some).map(|&at| &proposals[at]);
        let tree = apply(self.current.tree(), tried().flat_map(|proposal| &proposal.changes));
        let verdict = tree.map(|tree| {
            let effects: Vec<Effect> =
                tried().flat_map(|proposal| proposal.effects.iter().cloned()).collect();
            self.check(tree, &effects)
        });
        match (verdict, some) {
            (Some(Ok(reading)), _) => {
                settled.reading = Some(reading);
                settled.kept.extend(some);
            }
            (Some(Err(problems)), [at]) => settled.dropped.push((*at, dropped(&problems))),
            (None, [_]) => {}
            _ => {
                let (first, second) = some.split_at(some.len() / 2);
                self.settle(proposals, first, settled);
                self.settle(proposals, second, settled);
            }
        }
    }

    fn check(&self, tree: Dockerfile, effects: &[Effect]) -> Result<Reading, Vec<String>> {
        let reading = self.current.follow(tree, effects)?;
        let mut problems = Vec::new();
        if self.careful {
            self.original.compare_whole(&reading, self.effects().chain(effects), &mut problems);
        }
        if problems.is_empty() { Ok(reading) } else { Err(problems) }
    }

    fn note_proposal(&mut self, transform: &Transform, outcome: Outcome, proposal: Proposal) {
        let Proposal { line, safety, what, evidence, effects, .. } = proposal;
        self.note(transform, line, outcome, Some(safety), what, evidence, effects);
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of a step, in order")]
    fn note(
        &mut self,
        transform: &Transform,
        line: usize,
        outcome: Outcome,
        safety: Option<Safety>,
        message: String,
        evidence: Vec<String>,
        effects: Vec<Effect>,
    ) {
        self.steps.push(Step { transform: transform.id, line, outcome, safety, message, evidence, effects });
    }
}

/// What came of trying proposals, by their index.
#[derive(Default)]
struct Settled {
    kept: Vec<usize>,
    dropped: Vec<(usize, String)>,
    /// The tree with all that is kept.
    reading: Option<Reading>,
}
