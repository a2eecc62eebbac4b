//! `split-stages`: a stage that builds and runs becomes one that builds and one that runs.

mod asked;
mod debian;
mod draft;
mod node;
mod python;
mod system_packages;

use crate::plan::{BadManifest, Findings, Proposal, Situation};

/// What came of looking at a stage.
pub(crate) enum Split {
    /// Not a stage for this ecosystem, or nothing to gain: no word about it.
    Nothing,
    /// It would gain, but something is in the way: where, and what.
    Declined(usize, String),
    /// A file of the build context that has to be read and can't be.
    Broken(BadManifest),
    /// The rewrite.
    Proposed(Box<Proposal>),
}

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    match look(situation) {
        Split::Nothing => {}
        Split::Declined(line, reason) => findings.decline(line, reason),
        Split::Broken(manifest) => findings.broken(manifest),
        Split::Proposed(proposal) => findings.propose(*proposal),
    }
}

/// Whether the chain is going to split the file, so that its base is left to this transform.
pub(crate) fn splits(situation: Situation<'_>) -> bool {
    situation.options.runs("split-stages")
        && matches!(look(situation), Split::Proposed(proposal)
            if situation.options.unproven || proposal.safety != crate::plan::Safety::Unproven)
}

fn look(situation: Situation<'_>) -> Split {
    // Who made stages has thought about them.
    if situation.facts.stages.len() != 1 {
        return Split::Nothing;
    }
    match python::look(situation) {
        Split::Nothing => node::look(situation),
        found => found,
    }
}
