//! Build arguments that differ with every build (`ARG GIT_SHA`): each RUN behind one is done anew.

use super::apart;
use crate::catalog::sources::{Copied, RunUse, last_copies, move_below, use_of};
use crate::check::instruction_text;
use crate::edit::Change;
use crate::facts::StageFacts;
use crate::knowledge::COMMANDS;
use crate::plan::{Effect, Findings, Proposal, Safety, Situation};
use dfix_syntax::{Instruction, Kind, variables_of};

pub(super) fn find(situation: Situation<'_>, stage: &StageFacts, findings: &mut Findings) {
    let range = stage.stage.instructions.clone();
    let mut kept: Vec<Copied> = Vec::new();
    let mut at = range.start + 1;
    while at < range.end {
        if let Some(name) = changing(&situation.tree.instructions[at])
            && let Some(last) = sink(situation, at, range.end, name, &kept, findings)
        {
            at = last;
        }
        if let Some(Ok(copied)) = Copied::of(situation, at) {
            kept.push(copied);
        }
        at += 1;
    }
}

/// The name of an ARG whose value differs with every build.
fn changing(instruction: &Instruction) -> Option<&str> {
    let Kind::Arg(pairs) = instruction.kind() else { return None };
    let [pair] = pairs.as_slice() else { return None };
    COMMANDS.changing.iter().any(|known| pair.name.eq_ignore_ascii_case(known)).then_some(&*pair.name)
}

/// Moves an ARG, and what reads it, below the last RUN that costs something and has no need of it. The index of
/// that RUN.
fn sink(
    situation: Situation<'_>,
    start: usize,
    end: usize,
    name: &str,
    kept: &[Copied],
    findings: &mut Findings,
) -> Option<usize> {
    let tree = situation.tree;
    let mut names = vec![name.to_owned()];
    let mut group = vec![start];
    let mut kept = last_copies(kept);
    let mut last = None;
    for at in start + 1..end {
        let instruction = &tree.instructions[at];
        if let Some(Ok(copied)) = Copied::of(situation, at) {
            kept.push(copied);
        }
        let defined: Vec<&str> = match instruction.kind() {
            Kind::Env(pairs) | Kind::Arg(pairs) => pairs.iter().map(|pair| pair.name.as_str()).collect(),
            _ => Vec::new(),
        };
        if defined.iter().any(|name| names.iter().any(|known| known == name))
            && !is_own_env(instruction, &names)
        {
            break;
        }
        if reads(instruction, &names) {
            if !matches!(instruction.kind(), Kind::Env(_) | Kind::Label(_) | Kind::Arg(_)) {
                break;
            }
            names.extend(defined.into_iter().map(str::to_owned));
            group.push(at);
            continue;
        }
        if changing(instruction).is_some() {
            names.extend(defined.into_iter().map(str::to_owned));
            group.push(at);
            continue;
        }
        match instruction.kind() {
            Kind::Run(_) => match use_of(situation, at, last_copies(&kept), apart) {
                Some(RunUse::Apart { worth }) => {
                    if worth {
                        last = Some((at, group.clone()));
                    }
                }
                _ => break,
            },
            Kind::Onbuild(_) => break,
            _ => {}
        }
    }
    let (last, group) = last?;
    let line = |at: usize| tree.instructions[at].line();
    let lines: Vec<String> = group.iter().map(|&at| line(at).to_string()).collect();
    let with =
        move_below(situation, &group, last, |at| Some((vec![tree.instructions[at].clone()], Vec::new())))?;
    findings.propose(Proposal {
        line: line(start),
        safety: Safety::Same,
        what: format!(
            "move line{} {} below line {}: the value of {name} differs with every build, and every RUN behind it is done anew",
            if lines.len() == 1 { "" } else { "s" },
            lines.join(", "),
            line(last),
        ),
        evidence: vec![format!("no instruction between them reads {}", names.join(", "))],
        changes: vec![Change { range: start..last + 1, with }],
        effects: group.iter().map(|&at| Effect::Moved(instruction_text(&tree.instructions[at]))).collect(),
    });
    Some(last)
}

/// `ENV GIT_SHA=$GIT_SHA`: the value goes on under its own name.
fn is_own_env(instruction: &Instruction, names: &[String]) -> bool {
    matches!(instruction.kind(), Kind::Env(_)) && reads(instruction, names)
}

/// Whether an instruction expands one of some variables, by BuildKit or in its shell.
fn reads(instruction: &Instruction, names: &[String]) -> bool {
    let mut text = variables_of(&instruction.logical().text);
    if let Some(Ok(script)) = instruction.script() {
        text.extend(script.variables_read().iter().cloned());
    }
    text.extend(
        instruction
            .here_documents()
            .iter()
            .flat_map(|one| variables_of(&instruction.text()[one.body.clone()])),
    );
    text.iter().any(|read| names.contains(read))
}
