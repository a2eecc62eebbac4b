//! `slim-base`: the slim form of a base image where nothing needs what the full one adds.

mod beside;
mod copied;
pub(super) mod gap;
mod judge;
mod look;
mod node;
mod python;
mod target;

use crate::edit::Change;
use crate::options;
use crate::plan::{Effect, Findings, Proposal, Safety, Situation};
use dfix_syntax::{Instruction, Kind};
use look::Look;
use target::{Form, Target};

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    let roots = situation.facts.stages.iter().filter(|stage| stage.shipped && stage.parent.is_none());
    for root in roots {
        let from = &situation.tree.instructions[root.stage.instructions.start];
        let form = match target::of(situation, root) {
            Form::None => continue,
            Form::Declined(reason) => {
                findings.decline(from.line(), reason);
                continue;
            }
            Form::Found(form) => form,
        };
        // The full image stays for the stage that builds.
        if super::split_stages::splits(situation) {
            return;
        }
        let Some(mut look) = Look::new(situation, root, &form) else { continue };
        look.stages();
        look.sources();
        look.doubts.extend(form.doubts.iter().cloned());
        if let Some((line, reason)) = look.obstacles.first() {
            findings.decline(*line, reason.clone());
            continue;
        }
        if let Some(proposal) = propose(from, root.stage.instructions.start, &form, &look, situation) {
            findings.propose(proposal);
        }
    }
}

fn propose(
    from: &Instruction,
    at: usize,
    form: &Target,
    look: &Look<'_>,
    situation: Situation<'_>,
) -> Option<Proposal> {
    let Kind::From { image, .. } = from.kind() else { return None };
    let range = from.logical().map.exact(image.span.clone())?;
    let edited = from.edited(&[(range, form.written.clone())]).ok()?;
    let mut evidence = look.evidence();
    evidence.extend(form.evidence.iter().cloned());
    let doubts = look.doubts.len();
    if doubts > 5 {
        evidence.push(format!("{doubts} things could not be looked at, among them"));
    }
    evidence.extend(look.doubts.iter().take(5).cloned());
    let alpine = situation.options.base == options::Base::Alpine;
    Some(Proposal {
        line: from.line(),
        safety: if doubts == 0 && !alpine { Safety::Checked } else { Safety::Unproven },
        what: format!("take {} as the base instead of {}", form.written, image.raw),
        evidence,
        changes: vec![Change::replace(at, edited)],
        effects: vec![Effect::Base { from: image.raw.clone(), to: form.written.clone() }],
    })
}
