//! `order-layers`: what changes often stands below what doesn't.

mod arguments;

use super::sources::{
    Copied, End, NEAR, Reading, RunUse, Scene, Walk, is_start, last_copies, move_below, walk,
};
use super::split_dependency_copy::look;
use crate::check::instruction_text;
use crate::edit::Change;
use crate::facts::{Action, PackageCommand, package_commands};
use crate::plan::{Effect, Finding, Findings, Proposal, Safety, Situation};
use dfix_syntax::Keyword;

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    for stage in &situation.facts.stages {
        let range = stage.stage.instructions.clone();
        let mut kept: Vec<Copied> = Vec::new();
        let mut declined = 0;
        let found = findings.0.len();
        let mut at = range.start + 1;
        while at < range.end {
            if let Some(start) = is_start(situation, at, true) {
                let walk = walk(situation, start, range.end, last_copies(&kept), true, apart);
                if let Some((proposal, last)) = propose(situation, &walk) {
                    findings.propose(proposal);
                    kept.extend(walk.moved.into_iter().filter(|copied| copied.at <= last));
                    at = last + 1;
                    continue;
                }
                if let Some(end) = report(situation, &walk, range.end, declined, findings) {
                    declined = end;
                }
            }
            if let Some(Ok(copied)) = Copied::of(situation, at) {
                kept.push(copied);
            }
            at += 1;
        }
        // What stands elsewhere by now is for the next round.
        if !findings.0[found..].iter().any(|finding| matches!(finding, Finding::Propose(_))) {
            arguments::find(situation, stage, findings);
        }
    }
}

/// An installation has nothing to do with the sources only if it reads none of them.
fn apart(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    match look(scene, command) {
        Reading::Install(one)
            if one.needs.is_empty() && one.unproven.is_none() && one.first_with.is_none() =>
        {
            Reading::Nothing
        }
        Reading::Nothing => Reading::Nothing,
        Reading::Sources(reason) | Reading::Obstacle(reason) => Reading::Sources(reason),
        // A broken file is the business of who needs it.
        Reading::Install(_) | Reading::Broken(_) => Reading::Sources("it reads what is copied".to_owned()),
    }
}

/// The COPYs below the last RUN that is worth it.
fn propose(situation: Situation<'_>, walk: &Walk) -> Option<(Proposal, usize)> {
    let tree = situation.tree;
    let worth = |run: &RunUse| matches!(run, RunUse::Apart { worth: true });
    let (last, _) = walk.runs.iter().rev().find(|(_, run)| worth(run))?;
    let moved: Vec<&Copied> = walk.moved.iter().filter(|copied| copied.at < *last).collect();
    let first = moved.first()?.at;
    let sunk: Vec<usize> = moved.iter().map(|copied| copied.at).collect();
    let instructions =
        move_below(situation, &sunk, *last, |at| Some((vec![tree.instructions[at].clone()], Vec::new())))?;
    let lines = |indexes: &mut dyn Iterator<Item = usize>| {
        indexes.map(|at| tree.instructions[at].line().to_string()).collect::<Vec<_>>().join(" and ")
    };
    let copies = lines(&mut moved.iter().map(|copied| copied.at));
    let above = lines(&mut walk.runs.iter().filter(|(at, run)| at <= last && worth(run)).map(|(at, _)| *at));
    let proposal = Proposal {
        line: tree.instructions[first].line(),
        safety: Safety::Same,
        what: format!("move the COPY of line {copies} below line {above}, which has no need of it"),
        evidence: vec![
            "every command between them is one that looks at nothing but what its words name".to_owned(),
            "none of them names what is copied, and the COPY reads no variable that is set between them"
                .to_owned(),
        ],
        changes: vec![Change { range: first..*last + 1, with: instructions }],
        effects: moved
            .iter()
            .map(|copied| Effect::Moved(instruction_text(&tree.instructions[copied.at])))
            .collect(),
    };
    Some((proposal, *last))
}

/// Says why system packages are installed anew with every change of the sources.
fn report(
    situation: Situation<'_>,
    walk: &Walk,
    end: usize,
    declined: usize,
    findings: &mut Findings,
) -> Option<usize> {
    let tree = situation.tree;
    let End::Sources(stopped, reason) = &walk.end else { return None };
    if *stopped < declined {
        return None;
    }
    let install = (*stopped + 1..end.min(*stopped + NEAR)).find(|&at| {
        let run = tree.instructions[at].keyword() == Keyword::Run;
        tree.instructions[at].script().filter(|_| run).and_then(Result::ok).is_some_and(|script| {
            package_commands(script)
                .iter()
                .any(|command| command.manager.system && command.action == Action::Install)
        })
    })?;
    let line = |at: usize| tree.instructions[at].line();
    findings.decline(
        line(install),
        format!(
            "system packages are installed anew whenever what line {} copies changes; they stay there because of line {}: {reason}",
            line(walk.moved[0].at),
            line(*stopped),
        ),
    );
    Some(end)
}
