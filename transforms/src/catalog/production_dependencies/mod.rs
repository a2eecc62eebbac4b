//! `production-dependencies`: what is only needed for development stays out of the image.

pub(crate) mod node;
mod python;

use super::run_edit::RunEdit;
use crate::edit::Change;
use crate::facts::{Action, PackageCommand, join, package_commands};
use crate::plan::{BadManifest, Findings, Proposal, Safety, Situation};
use dfix_syntax::shell::{CompoundKind, Script};
use dfix_syntax::{CommandForm, Keyword, Kind};

/// An install in a RUN.
#[derive(Clone, Copy)]
pub(crate) struct Install<'a> {
    pub situation: Situation<'a>,
    /// The number of its stage.
    pub stage: usize,
    /// The index of its instruction.
    pub at: usize,
    pub command: &'a PackageCommand<'a>,
    /// The folder of the image that it works in.
    pub folder: &'a str,
}

/// What came of looking at an install.
pub(crate) enum Verdict {
    /// It says itself what it installs, or there is nothing to leave out.
    Nothing,
    /// Development dependencies are needed, or it can't be told.
    Declined(String),
    /// A file that stands in the way.
    Broken(BadManifest),
    /// They can be left out.
    Possible(Possible),
}

/// An install that can be made smaller.
pub(crate) struct Possible {
    /// The subcommand to call instead.
    pub verb: Option<&'static str>,
    /// Options to put behind it; with none, all is installed as the lock file has it.
    pub options: Vec<String>,
    /// What was looked at.
    pub evidence: Vec<String>,
    /// What could not be.
    pub unknown: Vec<String>,
}

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    for stage in &situation.facts.stages {
        for at in stage.stage.instructions.clone() {
            let instruction = &situation.tree.instructions[at];
            if instruction.keyword() != Keyword::Run || !situation.facts.is_posix(at) {
                continue;
            }
            let Some(Ok(script)) = instruction.script() else { continue };
            for command in package_commands(script) {
                look(situation, stage.stage.number, at, script, &command, findings);
            }
        }
    }
}

fn look(
    situation: Situation<'_>,
    stage: usize,
    at: usize,
    script: &Script,
    command: &PackageCommand<'_>,
    findings: &mut Findings,
) {
    let manager = command.manager;
    if command.action != Action::Install
        || manager.production.is_empty()
        || command.has_option(&manager.production_decided)
        || manager.production_variables.iter().any(|name| situation.facts.is_set(at, name))
        || command.simple.assignments.iter().any(|own| manager.production_variables.contains(&own.name))
    {
        return;
    }
    let Some(folder) = folder(situation, at, script, command) else { return };
    let install = Install { situation, stage, at, command, folder: &folder };
    let line = situation.tree.instructions[at].line();
    let verdict = match manager.language.as_str() {
        "node" => node::look(install),
        "python" => python::look(install),
        _ => Verdict::Nothing,
    };
    match verdict {
        Verdict::Nothing => {}
        Verdict::Declined(reason) => findings.decline(line, reason),
        Verdict::Broken(manifest) => findings.broken(manifest),
        Verdict::Possible(possible) => {
            if let Some(proposal) = propose(install, possible) {
                findings.propose(proposal);
            }
        }
    }
}

fn propose(install: Install<'_>, possible: Possible) -> Option<Proposal> {
    let Install { situation, at, command, .. } = install;
    let instruction = &situation.tree.instructions[at];
    let behind = command.subcommand.unwrap_or(command.program);
    let mut edit = RunEdit::of(instruction, situation.style)?;
    if let (Some(verb), Some(word)) = (possible.verb, command.subcommand) {
        edit.replace_word(command.index, word, verb)?;
    }
    if !possible.options.is_empty() {
        edit.add_word(command.index, behind, &possible.options.join(" "))?;
    }
    let (edited, effects) = edit.finish()?;
    let called = &command.simple.words[command.program].raw;
    let mut evidence = possible.evidence;
    evidence.extend(possible.unknown.iter().map(|what| format!("not known: {what}")));
    Some(Proposal {
        line: instruction.line(),
        safety: if possible.unknown.is_empty() { Safety::Checked } else { Safety::Unproven },
        what: match (possible.verb, possible.options.as_slice()) {
            (Some(verb), []) => format!("install what the lock file has: {called} {verb}"),
            (verb, options) => format!(
                "install production dependencies only: {called} {} {}",
                verb.unwrap_or(command.verb()),
                options.join(" ")
            )
            .replace("  ", " "),
        },
        evidence,
        changes: vec![Change::replace(at, edited)],
        effects,
    })
}

/// The folder of the image that a command works in: WORKDIR, a `cd` before it in its chain, an option.
fn folder(
    situation: Situation<'_>,
    at: usize,
    script: &Script,
    command: &PackageCommand<'_>,
) -> Option<String> {
    let mut folder = situation.facts.at(at).workdir.as_deref()?.to_owned();
    for simple in &script.commands()[..command.index] {
        if simple.name() != Some("cd") || simple.enclosures.contains(&CompoundKind::Subshell) {
            continue;
        }
        let [_, target] = simple.words.as_slice() else { return None };
        if !simple.enclosures.is_empty() || simple.in_pipeline {
            return None;
        }
        folder = join(Some(&folder), target.literal.as_deref()?)?;
    }
    for option in command.values(&["--prefix", "-C", "--cwd", "--dir", "--directory", "--project"]) {
        folder = join(Some(&folder), option.value.as_deref()?)?;
    }
    Some(folder)
}

/// The stages that have what a stage installs: itself, those built on it, and those that copy from it or are
/// built on one that does.
pub(crate) fn users(situation: Situation<'_>, stage: usize) -> Vec<usize> {
    let mut found = vec![stage];
    let mut next = 0;
    while let Some(&one) = found.get(next) {
        let facts = &situation.facts.stages[one];
        for &other in facts.children.iter().chain(&facts.readers) {
            if !found.contains(&other) {
                found.push(other);
            }
        }
        next += 1;
    }
    found
}

/// The instructions of a stage that start something when a container does.
pub(crate) fn starts(situation: Situation<'_>, stage: usize) -> Vec<usize> {
    let range = situation.facts.stages[stage].stage.instructions.clone();
    let mut found: Vec<usize> = Vec::new();
    for at in range {
        let kind = situation.tree.instructions[at].kind();
        if matches!(kind, Kind::Cmd(_) | Kind::Entrypoint(_) | Kind::Healthcheck(_)) {
            // The last of each counts.
            let keyword = situation.tree.instructions[at].keyword();
            found.retain(|&known| situation.tree.instructions[known].keyword() != keyword);
            found.push(at);
        }
    }
    found
}

/// An instruction in a few words, for messages.
pub(crate) fn brief(situation: Situation<'_>, at: usize) -> String {
    let instruction = &situation.tree.instructions[at];
    let text: String = match instruction.command() {
        Some(CommandForm::Exec(words)) => words.join(" "),
        _ => instruction.arguments().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let short: String = text.chars().take(48).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("line {} (`{short}{dots}`)", instruction.line())
}
