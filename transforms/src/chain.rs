//! Runs the catalog in order.

use crate::catalog::CATALOG;
use crate::check::check;
use crate::context::BuildContext;
use crate::edit::{Change, apply};
use crate::facts::Facts;
use crate::options::Options;
use crate::plan::{Effect, Finding, Findings, Outcome, Plan, Proposal, Safety, Situation, Step, Transform};
use crate::style::Style;
use dfix_syntax::Dockerfile;

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
    let mut run = Run {
        context,
        options,
        style: &style,
        facts: Facts::of(tree),
        tree: tree.clone(),
        first: true,
        steps: Vec::new(),
        broken: Vec::new(),
    };
    for round in 0..ROUNDS {
        run.first = round == 0;
        let before = run.tree.clone();
        for transform in transforms.iter().filter(|transform| options.runs(transform.id)) {
            run.run(transform);
        }
        if run.tree == before || !run.broken.is_empty() {
            break;
        }
        if round + 1 == ROUNDS {
            // A chain that never comes to rest would change the file at every call.
            run.steps = vec![Step {
                transform: "chain",
                line: 1,
                outcome: Outcome::Dropped,
                safety: None,
                message: format!("the result still changed after {ROUNDS} rounds; please report this"),
                evidence: Vec::new(),
                effects: Vec::new(),
            }];
            run.tree = tree.clone();
        }
    }
    if !run.broken.is_empty() {
        run.tree = tree.clone();
        run.broken.dedup();
    }
    let order = |id: &str| transforms.iter().position(|transform| transform.id == id);
    run.steps.sort_by_key(|step| (order(step.transform), step.line));
    Plan { original: tree.clone(), result: run.tree, steps: run.steps, broken: run.broken }
}

struct Run<'a> {
    context: Option<&'a BuildContext>,
    options: &'a Options,
    style: &'a Style,
    facts: Facts,
    tree: Dockerfile,
    first: bool,
    steps: Vec<Step>,
    broken: Vec<crate::plan::BadManifest>,
}

impl Run<'_> {
    fn run(&mut self, transform: &Transform) {
        let mut findings = Findings::default();
        (transform.find)(
            Situation {
                tree: &self.tree,
                facts: &self.facts,
                context: self.context,
                options: self.options,
                style: self.style,
            },
            &mut findings,
        );
        let mut proposals = Vec::new();
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
        self.make(transform, proposals);
    }

    /// Makes all proposals at once; where the check objects, one after the other, leaving out what fails.
    fn make(&mut self, transform: &Transform, proposals: Vec<Proposal>) {
        if proposals.is_empty() {
            return;
        }
        let effects: Vec<Effect> =
            proposals.iter().flat_map(|proposal| proposal.effects.iter().cloned()).collect();
        let changes: Vec<&Change> = proposals.iter().flat_map(|proposal| &proposal.changes).collect();
        if let Some(tree) = apply(&self.tree, changes)
            && check(&self.tree, &tree, &effects).is_ok()
        {
            self.replace(tree);
            for proposal in proposals {
                self.note_proposal(transform, Outcome::Applied, proposal);
            }
            return;
        }
        let mut kept: Vec<Proposal> = Vec::new();
        for proposal in proposals {
            let tried = || kept.iter().chain(std::iter::once(&proposal));
            let Some(tree) = apply(&self.tree, tried().flat_map(|one| &one.changes)) else {
                // It touches what another one changes: its turn comes in the next round.
                continue;
            };
            let effects: Vec<Effect> = tried().flat_map(|one| one.effects.iter().cloned()).collect();
            match check(&self.tree, &tree, &effects) {
                Ok(()) => kept.push(proposal),
                Err(problems) => {
                    let message = format!(
                        "left out, because the check found what it should not have changed ({}); please report this",
                        problems.join("; ")
                    );
                    if self.first {
                        self.note(
                            transform,
                            proposal.line,
                            Outcome::Dropped,
                            None,
                            message,
                            vec![proposal.what],
                            Vec::new(),
                        );
                    }
                }
            }
        }
        if let Some(tree) = apply(&self.tree, kept.iter().flat_map(|one| &one.changes)) {
            self.replace(tree);
            for proposal in kept {
                self.note_proposal(transform, Outcome::Applied, proposal);
            }
        }
    }

    fn replace(&mut self, tree: Dockerfile) {
        self.facts = Facts::of(&tree);
        self.tree = tree;
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
        if outcome == Outcome::Applied {
            // What was declined for the tree as it was has come about after all.
            self.steps.retain(|step| {
                step.transform != transform.id || step.line != line || step.outcome == Outcome::Applied
            });
        }
        self.steps.push(Step { transform: transform.id, line, outcome, safety, message, evidence, effects });
    }
}
