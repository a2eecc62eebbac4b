//! Options that keep a cache out of the layer: `--no-cache-dir`, `--no-cache`.

use super::index::{Reader, reader_in};
use super::{Edit, Run, Work, decided};
use crate::edit::Change;
use crate::facts::{Action, PackageCommand, leaks_of, removes};
use crate::knowledge::{PackageManager, version_matches};
use crate::plan::{Effect, Findings, Proposal, Safety};
use dfix_syntax::shell::Terminator;

pub(super) fn find(run: &Run<'_>, work: &mut Vec<Work>, findings: &mut Findings) {
    for command in run.installs().filter(|command| wants_flag(run, command)) {
        let manager = command.manager;
        if let Some(obstacle) = obstacle(run, command) {
            findings.decline(run.line(), obstacle);
            continue;
        }
        let (safety, evidence) = match index_left_by(run, command) {
            Reader::None | Reader::Fetches => (Safety::Same, None),
            Reader::Needs { line, what } => {
                findings.decline(
                    run.line(),
                    format!(
                        "`{}` gets no {}: {what} of line {line} needs the package index that it leaves",
                        manager.id, manager.flag
                    ),
                );
                continue;
            }
            Reader::Unknown { line, what } => (
                Safety::Unproven,
                Some(format!("could not look into {what} (line {line}), which may need the package index")),
            ),
        };
        let Some(behind) = command.subcommand else { continue };
        let mut edits = vec![Edit::AddWord { command: command.index, behind, text: manager.flag.clone() }];
        let superseded = command.options.iter().filter(|option| manager.drops.contains(&option.name));
        edits.extend(
            superseded
                .filter(|option| can_drop(run, command, option.word))
                .map(|option| Edit::DropWord { command: command.index, word: option.word }),
        );
        work.push(Work {
            safety,
            what: format!("keep the cache of {} out of the layer ({})", manager.id, manager.flag),
            evidence: vec![format!(
                "no option, variable or cache mount decides about the cache of {} here",
                manager.id
            )]
            .into_iter()
            .chain(evidence)
            .collect(),
            edits,
        });
    }
    for command in run.commands.iter().filter(|command| command.action == Action::Update) {
        if !command.manager.flag.is_empty() && is_needless(run, command) {
            drop_update(run, command, work, findings);
        }
    }
}

/// Whether the flag belongs on an installing command. What stands in the way of it is another question.
fn wants_flag(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    !manager.flag.is_empty()
        && command.subcommand.is_some()
        && !decided::by_option(command)
        && !decided::by_variable(run, command)
        && !decided::by_expansion(run, command, &manager.flag)
        && !decided::by_mount(run, manager)
        && !run.silenced(manager)
        && !is_cleaned(run, command)
}

/// Whether an installing command will have the flag, so that it fetches the index by itself.
pub(super) fn will_have_flag(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    let flag = &command.manager.flag;
    !flag.is_empty() && command.has_option(std::slice::from_ref(flag))
        || run.kept && wants_flag(run, command) && obstacle(run, command).is_none()
}

fn is_cleaned(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    let emptied = run.commands.iter().any(|later| {
        later.index > command.index
            && later.manager.programs == manager.programs
            && later.action == Action::Clean
    });
    emptied
        || run.script.commands().iter().skip(command.index + 1).any(|simple| {
            removes(simple, manager.cleaned_by.iter().chain(&manager.cache).map(String::as_str))
        })
}

fn obstacle(run: &Run<'_>, command: &PackageCommand<'_>) -> Option<String> {
    let manager = command.manager;
    if !known_to(run, manager) {
        return Some(format!(
            "{} of {} is too old to know {}",
            manager.id, run.stage.base.written, manager.flag
        ));
    }
    if let Some(what) = leaks_of(command.simple) {
        return Some(format!(
            "`{}` of line {} leaves {what} to the commands after it",
            manager.id,
            run.line()
        ));
    }
    if let Some(line) = run.survey.cache_user(run.at, manager) {
        return Some(format!("line {line} uses the cache folder of {}", manager.id));
    }
    let line = run.survey.offline_reader(run.at, manager)?;
    Some(format!(
        "line {line} installs offline, from the cache of {} that line {} fills",
        manager.id,
        run.line()
    ))
}

/// Whether the program that the base image brings, or its distribution has, knows the flag.
fn known_to(run: &Run<'_>, manager: &PackageManager) -> bool {
    let base = &run.stage.base;
    let is_own = base.family() == manager.language;
    let release = base.release().unwrap_or_default();
    if !is_own && manager.flag_missing_in.iter().any(|missing| missing == release) {
        return false;
    }
    let name = base.reference.as_ref().map(dfix_syntax::ImageReference::familiar_name).unwrap_or_default();
    let alpine = name.rsplit('/').next() == Some("alpine") && !base.version.is_empty();
    !alpine || version_matches(&base.version, &manager.flag_versions)
}

/// Who reads the index that an `apk add --update` leaves, and would not find it any more.
fn index_left_by(run: &Run<'_>, command: &PackageCommand<'_>) -> Reader {
    if command.manager.lists.is_empty() || !command.has_option(&command.manager.drops) {
        return Reader::None;
    }
    match reader_in(run, command.index + 1, command.manager) {
        Reader::None => run.survey.reader_after(run.stage.stage.number, run.at, command.manager),
        found => found,
    }
}

/// A word can go where no line of comment stands between it and the word before.
fn can_drop(run: &Run<'_>, command: &PackageCommand<'_>, word: usize) -> bool {
    let words = &command.simple.words;
    let range = words[word - 1].span.end - 1..words[word].span.end;
    let source = run.run.script_range(range).map(|range| &run.run.text()[range]);
    source.is_some_and(|text| !text.lines().skip(1).any(|line| line.trim_start().starts_with('#')))
}

/// Whether nothing reads the index that a command fetches, once all installs have the flag.
fn is_needless(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    let fails_alike = run.script.is_and_chain()
        && run.script.lists().iter().all(|list| list.terminator != Terminator::Background);
    fails_alike
        && run.is_link(command.index)
        && !decided::by_mount(run, command.manager)
        && !run.silenced(command.manager)
        && command.operands.is_empty()
        && command.simple.redirections.is_empty()
        && (run.script.commands().len() == 1
            || run.installs().any(|install| install.manager.id == command.manager.id))
        && matches!(reader_in(run, command.index + 1, command.manager), Reader::None)
        && matches!(
            run.survey.reader_after(run.stage.stage.number, run.at, command.manager),
            Reader::None | Reader::Fetches
        )
}

fn drop_update(run: &Run<'_>, command: &PackageCommand<'_>, work: &mut Vec<Work>, findings: &mut Findings) {
    let manager = command.manager;
    let what = format!("leave out `{} {}`", manager.id, command.verb());
    let evidence = vec![format!(
        "every later use of {} fetches the index itself, by {}, or in a RUN of its own",
        manager.id, manager.flag
    )];
    if run.script.commands().len() > 1 {
        let edits = vec![Edit::Remove { command: command.index }];
        work.push(Work { safety: Safety::Same, what, evidence, edits });
    } else if !run.run.lead().contains('#') {
        findings.propose(Proposal {
            line: run.line(),
            safety: Safety::Same,
            what,
            evidence,
            changes: vec![Change { range: run.at..run.at + 1, with: Vec::new() }],
            effects: vec![Effect::Removed(crate::check::command_text(run.script, command.simple))],
        });
    }
}
