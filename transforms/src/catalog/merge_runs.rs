//! `merge-runs`: neighbouring RUNs that belong together become one layer.

use crate::edit::Change;
use crate::facts::{Action, leaks, package_commands};
use crate::knowledge::PackageManager;
use crate::options::Merge;
use crate::plan::{Findings, Proposal, Safety, Situation};
use crate::style::{Style, script_in_text};
use dfix_syntax::shell::{Script, SimpleCommand};
use dfix_syntax::{CommandForm, Instruction, Keyword, Kind};

/// Linux takes 128 KiB as one argument, and the script of a RUN is one (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST_SCRIPT: usize = 100_000;

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    for stage in situation.facts.stages.iter().filter(|stage| stage.shipped) {
        let mut at = stage.stage.instructions.start;
        while at < stage.stage.instructions.end {
            let end = (at..stage.stage.instructions.end)
                .find(|&next| situation.tree.instructions[next].keyword() != Keyword::Run)
                .unwrap_or(stage.stage.instructions.end);
            if end > at + 1 {
                neighbours(situation, at, end, findings);
            }
            at = end + 1;
        }
    }
}

/// Looks at the RUNs from `start` to `end`, between which nothing else stands.
fn neighbours(situation: Situation<'_>, start: usize, end: usize, findings: &mut Findings) {
    let runs = &situation.tree.instructions[start..end];
    let related = match situation.options.merge {
        Merge::All => vec![Some("both run one after the other".to_owned()); runs.len() - 1],
        Merge::Related => relations(runs),
    };
    let mut first = 0;
    let mut reasons: Vec<String> = Vec::new();
    let mut length = runs[0].arguments().len();
    for at in 1..=runs.len() {
        let reason = related.get(at - 1).cloned().flatten();
        let joined = reason.filter(|reason| {
            length += runs[at].arguments().len() + 8;
            match obstacle(situation, start + at) {
                _ if length > LONGEST_SCRIPT => false,
                None => {
                    reasons.push(reason.clone());
                    true
                }
                Some(obstacle) => {
                    if situation.options.merge == Merge::Related {
                        findings
                            .decline(runs[at].line(), format!("{reason}, but they stay apart: {obstacle}"));
                    }
                    false
                }
            }
        });
        if joined.is_none() {
            propose(situation, start + first, start + at, std::mem::take(&mut reasons), findings);
            first = at;
            length = runs.get(at).map_or(0, |run| run.arguments().len());
        }
    }
}

fn propose(
    situation: Situation<'_>,
    start: usize,
    end: usize,
    mut reasons: Vec<String>,
    findings: &mut Findings,
) {
    let runs = &situation.tree.instructions[start..end];
    if runs.len() < 2 {
        return;
    }
    let Some(joined) = join(runs, situation.style) else { return };
    reasons.dedup();
    findings.propose(Proposal {
        line: runs[0].line(),
        safety: Safety::Same,
        what: format!("merge {} RUNs into one layer: {}", runs.len(), reasons.join("; ")),
        evidence: vec![
            "each is a chain of `&&`, so joining them changes neither what runs nor when it stops".to_owned(),
            "nothing in them outlives its own shell (cd, export, set, umask, functions, traps)".to_owned(),
        ],
        changes: vec![Change { range: start..end, with: vec![joined] }],
        effects: Vec::new(),
    });
}

/// Why the RUN at `at` can't be joined to the one before it.
fn obstacle(situation: Situation<'_>, at: usize) -> Option<String> {
    let (before, run) = (&situation.tree.instructions[at - 1], &situation.tree.instructions[at]);
    if !situation.facts.is_posix(at) {
        return Some("the shell is not a POSIX shell".to_owned());
    }
    let flags = |instruction: &Instruction| {
        instruction.flags().iter().map(|flag| (flag.name.clone(), flag.value.clone())).collect::<Vec<_>>()
    };
    if flags(before) != flags(run) {
        return Some("their --mount, --network or --security flags differ".to_owned());
    }
    if run.lead().contains("ignore=") {
        return Some(
            "a comment above the second one is an instruction to a linter about that line".to_owned(),
        );
    }
    for instruction in [before, run] {
        if !instruction.here_documents().is_empty() {
            return Some(format!("line {} has a here-document", instruction.line()));
        }
        if matches!(instruction.kind(), Kind::Run(CommandForm::Exec(_))) {
            return Some(format!("line {} runs without a shell (JSON form)", instruction.line()));
        }
        let Some(Ok(script)) = instruction.script() else {
            return Some(format!("the shell script of line {} was not understood", instruction.line()));
        };
        if script.commands().is_empty() || !script.comments().is_empty() || script.has_here_document() {
            return Some(format!("line {} ends in a comment, or holds a here-document", instruction.line()));
        }
        if !script.is_and_chain() {
            return Some(format!("line {} is more than a chain of `&&`", instruction.line()));
        }
    }
    let script = before.script()?.ok()?;
    if let Some(leak) = leaks(script).first() {
        return Some(format!("{} of line {} would reach the commands after it", leak.what, before.line()));
    }
    None
}

/// One RUN with the scripts of several, comments between them kept in place.
fn join(runs: &[Instruction], style: &Style) -> Option<Instruction> {
    let (first, others) = runs.split_first()?;
    let style =
        runs.iter().map(|run| style.of_run(run)).find(|own| own != style).unwrap_or_else(|| style.clone());
    let end = script_in_text(first)?.end;
    let mut text = format!("{}{}", first.lead(), &first.text()[..end]);
    let mut rest = &first.text()[end..];
    for run in others {
        if !rest.trim().is_empty() {
            return None;
        }
        let script = script_in_text(run)?;
        let comments: Vec<&str> = run.lead().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if comments.is_empty() {
            text.push_str(&style.joint());
        } else {
            text.push_str(&style.joint_around(&comments));
        }
        text.push_str(&run.text()[script.clone()]);
        rest = &run.text()[script.end..];
    }
    text.push_str(rest);
    Some(Instruction::parse(&text, style.escape).ok()?.at_line(first.line()))
}

/// For each RUN but the first, why it belongs to the one before it.
fn relations(runs: &[Instruction]) -> Vec<Option<String>> {
    let scripts: Vec<Option<&Script>> = runs.iter().map(|run| run.script().and_then(Result::ok)).collect();
    let mut reasons = vec![None; runs.len() - 1];
    for at in 1..runs.len() {
        let (Some(before), Some(script)) = (scripts[at - 1], scripts[at]) else { continue };
        reasons[at - 1] = packages(before, script).or_else(|| permissions(before, script));
        // What is made and deleted: all RUNs from the one that makes it to the one that deletes it.
        if let Some(paths) = deleted(script)
            && reasons[at - 1].is_none()
        {
            let maker =
                (0..at).rev().take(8).take_while(|&earlier| scripts[earlier].is_some()).filter(|&earlier| {
                    scripts[earlier].is_some_and(|script| paths.iter().any(|path| names(script, path)))
                });
            if let Some(maker) = maker.last() {
                for reason in &mut reasons[maker..at] {
                    reason.get_or_insert_with(|| format!("{} is made and deleted", paths.join(", ")));
                }
            }
        }
    }
    reasons
}

/// Package index, installation and clean-up of one system package manager.
fn packages(before: &Script, script: &Script) -> Option<String> {
    let earlier = package_commands(before);
    let managers: Vec<&PackageManager> = earlier
        .iter()
        .filter(|command| {
            command.manager.system && matches!(command.action, Action::Install | Action::Update)
        })
        .map(|command| command.manager)
        .collect();
    let manager = *managers.last()?;
    let later = package_commands(script);
    let installs = later.iter().any(|command| command.is(&manager.id, Action::Install));
    let only_index =
        earlier.iter().filter(|command| command.manager.id == manager.id).all(|c| c.action == Action::Update);
    if only_index && installs {
        return Some(format!(
            "the package index of {} and the installation from it belong together",
            manager.id
        ));
    }
    let about_it = |(index, simple): (usize, &SimpleCommand)| {
        later.iter().any(|command| command.index == index && command.manager.id == manager.id)
            || cleans(simple, manager)
    };
    let only_it = script.commands().iter().enumerate().all(about_it);
    let all_before = before.commands().iter().enumerate().all(|(index, simple)| {
        earlier.iter().any(|command| command.index == index && command.manager.id == manager.id)
            || cleans(simple, manager)
    });
    if !only_it {
        return None;
    }
    let cleanup = !installs;
    (cleanup || all_before).then(|| {
        if cleanup {
            format!("the clean-up after {} only makes the image smaller in the same layer", manager.id)
        } else {
            format!("both install packages with {}", manager.id)
        }
    })
}

/// Whether a command removes what a package manager leaves behind.
pub(super) fn cleans(simple: &SimpleCommand, manager: &PackageManager) -> bool {
    simple.name() == Some("rm")
        && simple.words.iter().skip(1).any(|word| {
            let path = word.raw.trim_matches(['"', '\'']).trim_end_matches(['*', '/', '.']);
            manager.cleaned_by.iter().chain(&manager.cache).any(|known| path == known)
        })
}

/// The paths that a script deletes, where that is all it does.
fn deleted(script: &Script) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    for simple in script.commands() {
        if simple.name() != Some("rm") {
            return None;
        }
        for word in simple.words.iter().skip(1).filter(|word| !word.raw.starts_with('-')) {
            paths.push(word.literal.clone()?);
        }
    }
    (!paths.is_empty()).then_some(paths)
}

/// chmod or chown of what the script before named.
fn permissions(before: &Script, script: &Script) -> Option<String> {
    let mut paths = Vec::new();
    for simple in script.commands() {
        if !matches!(simple.name(), Some("chmod" | "chown" | "chgrp")) {
            return None;
        }
        let operands = simple.words.iter().skip(1).filter(|word| !word.raw.starts_with('-')).skip(1);
        for word in operands {
            paths.push(word.literal.clone()?);
        }
    }
    let made = !paths.is_empty() && paths.iter().all(|path| names(before, path));
    made.then(|| format!("the permissions of {} are changed right after it is made", paths.join(", ")))
}

/// Whether a command of a script has the path, or its last component, as a word.
fn names(script: &Script, path: &str) -> bool {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
    if name.is_empty() || name == "." || name == "*" {
        return false;
    }
    script.commands().iter().any(|simple| {
        let targets = simple.redirections.iter().filter_map(|redirection| redirection.target.as_ref());
        simple.words.iter().skip(1).chain(targets).any(|word| {
            let text = word.literal.as_deref().unwrap_or(&word.raw).trim_end_matches('/');
            text == path.trim_end_matches('/') || text.rsplit('/').next() == Some(name)
        })
    })
}
