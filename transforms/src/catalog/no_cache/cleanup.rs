//! Commands that empty a cache in the RUN that filled it.

use super::index::Reader;
use super::{Edit, Run, Work, decided};
use crate::facts::{Action, PackageCommand, program_word, removes};
use crate::knowledge::PackageManager;
use crate::plan::{Findings, Safety};
use dfix_syntax::shell::{CompoundKind, Element, SimpleCommand, Terminator};

pub(super) fn find(run: &Run<'_>, work: &mut Vec<Work>, findings: &mut Findings) {
    let mut done: Vec<&str> = Vec::new();
    for command in run.commands.iter().filter(|command| fills(run, command)) {
        let manager = command.manager;
        if done.contains(&manager.cleanup.as_str()) {
            continue;
        }
        done.push(&manager.cleanup);
        let fillers: Vec<&PackageCommand<'_>> = run
            .commands
            .iter()
            .filter(|other| other.manager.cleanup == manager.cleanup && fills(run, other))
            .collect();
        let Some(last) = fillers.last() else { continue };
        if fillers.iter().any(|filler| decided::by_option(filler) || decided::by_variable(run, filler))
            || decided::by_mount(run, manager)
            || run.silenced(manager)
            || is_cleaned(run, last)
        {
            continue;
        }
        match plan(run, last) {
            Ok(None) => {}
            Ok(Some(found)) => work.push(found),
            Err(reason) => findings.decline(run.line(), reason),
        }
    }
}

/// Whether a command fills a cache that a clean-up command empties.
fn fills(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    if manager.cleanup.is_empty() {
        return false;
    }
    match command.action {
        // Where the index is what matters, only who fetches it fills it.
        Action::Update => !manager.lists.is_empty(),
        Action::Install => {
            manager.lists.is_empty() && run.installs().any(|install| install.index == command.index)
        }
        _ => false,
    }
}

/// Whether the cache is emptied behind the last command that fills it.
fn is_cleaned(run: &Run<'_>, last: &PackageCommand<'_>) -> bool {
    let manager = last.manager;
    let shares = |other: &PackageManager| other.cache.iter().any(|folder| manager.cache.contains(folder));
    let by_command = run.commands.iter().any(|later| {
        let verb = later.verb();
        later.index > last.index
            && shares(later.manager)
            && (later.action == Action::Clean && manager.lists.is_empty()
                || later.manager.empties_lists.iter().any(|empties| empties == verb))
    });
    let folders = || {
        let caches = if manager.lists.is_empty() { &manager.cache[..] } else { &[] };
        manager.cleaned_by.iter().chain(caches).map(String::as_str)
    };
    by_command
        || run.script.commands().iter().skip(last.index + 1).any(|simple| {
            removes(simple, folders())
                // In the folder itself: `cd /var/lib/apt/lists && rm -rf *`.
                || simple.name() == Some("cd")
                    && simple.words.iter().any(|word| folders().any(|folder| folder == word.raw.trim_end_matches('/')))
        })
}

fn plan(run: &Run<'_>, last: &PackageCommand<'_>) -> Result<Option<Work>, String> {
    let (manager, line) = (last.manager, run.line());
    let mut safety = Safety::Same;
    let mut evidence = Vec::new();
    if run.script.lists().iter().any(|list| list.terminator == Terminator::Background) {
        return Err(format!(
            "a command of line {line} runs in the background, and may still use the cache of {}",
            manager.id
        ));
    }
    if let Some(user) = run.survey.cache_user(run.at, manager) {
        return Err(format!("line {user} uses the cache folder of {}", manager.id));
    }
    if let Some(offline) = run.survey.offline_reader(run.at, manager) {
        return Err(format!(
            "line {offline} installs offline, from the cache of {} that line {line} fills",
            manager.id
        ));
    }
    if !manager.lists.is_empty() {
        let alone = run.script.commands().len() == 1;
        match run.survey.reader_after(run.stage.stage.number, run.at, manager) {
            Reader::Needs { line: reader, what } => {
                return Err(format!(
                    "the package index that line {line} fetches stays: {what} of line {reader} uses it; put `{} {}` in front of that, or install here",
                    last.manager.programs[0],
                    last.verb()
                ));
            }
            Reader::None | Reader::Fetches if alone => {
                return Err(format!(
                    "nothing in this file uses the package index that line {line} fetches: the line can go"
                ));
            }
            Reader::Unknown { .. } if alone => return Ok(None),
            Reader::Unknown { line: reader, what } => {
                safety = Safety::Unproven;
                evidence.push(format!(
                    "could not look into {what} (line {reader}), which may install from the package index"
                ));
            }
            Reader::None | Reader::Fetches => evidence.push(format!(
                "no later instruction installs with {} without fetching an index of its own",
                manager.id
            )),
        }
    }
    if manager.id == "yarn" {
        match yarn(run, last) {
            Yarn::Classic(found) => evidence.push(found),
            Yarn::Berry(found) => {
                return Err(format!("the cache of yarn stays: {found}, whose cache may be what runs"));
            }
            Yarn::Unknown => {
                safety = Safety::Unproven;
                evidence.push(
                    "could not see which yarn it is; from yarn 2 on the cache may be what runs".to_owned(),
                );
            }
        }
    }
    if let Some(operand) = last.operand_values().flatten().find(|operand| is_itself(operand, manager)) {
        return Err(format!(
            "line {line} installs another {operand}, which may not run here: its cache is left"
        ));
    }
    let text = command_text(run, last);
    evidence.insert(0, "it runs only where all before it went well".to_owned());
    let edit = place(run, last, text.clone())?;
    Ok(Some(Work {
        safety,
        what: match manager.lists.as_str() {
            "" => format!("empty the cache of {} in the layer that fills it (`{text}`)", manager.id),
            _ => format!("remove the package index of {} in the layer that fetches it", manager.id),
        },
        evidence,
        edits: vec![edit],
    }))
}

fn is_itself(operand: &str, manager: &PackageManager) -> bool {
    !manager.system
        && manager.cleanup.starts_with(manager.programs[0].as_str())
        && operand.split('@').next() == Some(manager.programs[0].as_str())
}

/// The clean-up, called as the installation is: by `sudo`, with its variables, from its folder.
fn command_text(run: &Run<'_>, last: &PackageCommand<'_>) -> String {
    let cleanup = last.manager.cleanup.as_str();
    let words = &last.simple.words;
    if cleanup.starts_with("rm ") {
        return match words.first().filter(|_| last.sudo) {
            Some(sudo) => format!("{} {cleanup}", sudo.raw),
            None => cleanup.to_owned(),
        };
    }
    let start = last.simple.assignments.first().map_or(words[0].span.start, |first| first.span.start);
    let called: Vec<&str> =
        run.script.text()[start..words[last.program].span.end].split_whitespace().collect();
    let arguments = cleanup.split_once(' ').map_or("", |(_, arguments)| arguments);
    format!("{} {arguments}", called.join(" "))
}

/// Where the clean-up goes: a removal of files to the end, a command of the package manager behind its last
/// use, as later commands may take it away.
fn place(run: &Run<'_>, last: &PackageCommand<'_>, text: String) -> Result<Edit, String> {
    let (manager, line) = (last.manager, run.line());
    let own_command = !manager.cleanup.starts_with("rm ");
    let last_use = run
        .commands
        .iter()
        .filter(|command| {
            command.manager.programs == manager.programs && (manager.system || fills(run, command))
        })
        .map(|command| command.index)
        .max()
        .unwrap_or(last.index);
    let ends = can_append(run);
    if own_command && run.is_link(last_use) {
        return Ok(Edit::Behind { command: last_use, text });
    }
    if ends && (!own_command || !may_take_away(run, last_use, manager)) {
        return Ok(Edit::Append(text));
    }
    if run.is_link(last_use) {
        return Ok(Edit::Behind { command: last_use, text });
    }
    Err(format!(
        "line {line} does not end in a plain command, so that nothing can be put behind it exactly: add `{text}` by hand"
    ))
}

/// Whether a command can be appended that runs when, and only when, all went well.
fn can_append(run: &Run<'_>) -> bool {
    let Some(last) = run.script.lists().last() else { return false };
    let ends_simple = last.pipelines.last().and_then(|pipeline| match pipeline.elements.last() {
        Some(Element::Simple(index)) if !pipeline.negated => run.script.commands().get(*index),
        _ => None,
    });
    let goes_on = ends_simple.is_some_and(|simple| !ends_shell(simple));
    goes_on
        && matches!(last.terminator, Terminator::None | Terminator::Newline)
        && !run.script.has_here_document()
        && !has_function(run)
        && !run.script.comments().iter().any(|comment| comment.end > last.span.end)
}

/// Whether nothing behind a command runs, or it runs what `-e` would no longer end.
fn ends_shell(simple: &SimpleCommand) -> bool {
    matches!(simple.name(), Some("exit" | "exec" | "return" | "." | "source" | "eval") | None)
}

/// A function that is called last would run without `-e` in front of a `&&`.
fn has_function(run: &Run<'_>) -> bool {
    let lists = run.script.lists().iter();
    let mut elements = lists.flat_map(|list| &list.pipelines).flat_map(|pipeline| &pipeline.elements);
    elements
        .any(|element| matches!(element, Element::Compound { kind: CompoundKind::FunctionDefinition, .. }))
}

/// Whether a command behind `last` may remove the package manager.
fn may_take_away(run: &Run<'_>, last: usize, manager: &PackageManager) -> bool {
    run.script.commands().iter().enumerate().skip(last + 1).any(|(index, simple)| {
        let program = program_word(simple).and_then(|(at, _)| simple.words[at].literal.as_deref());
        program == Some("rm")
            || run.commands.iter().any(|command| {
                command.index == index
                    && command.action == Action::Other
                    && command.manager.programs != manager.programs
            })
    })
}

enum Yarn {
    Classic(String),
    Berry(String),
    Unknown,
}

/// Which yarn it is: by the lock file, the settings file, or options that only one of them takes.
fn yarn(run: &Run<'_>, command: &PackageCommand<'_>) -> Yarn {
    if let Some(context) = run.situation.context {
        if let Some(settings) = context.named(".yarnrc.yml").next() {
            return Yarn::Berry(format!("{settings} is of yarn 2 or later"));
        }
        for path in context.named("yarn.lock") {
            let text = context.text(path).unwrap_or_default();
            if text.contains("__metadata:") {
                return Yarn::Berry(format!("{path} is of yarn 2 or later"));
            }
            if text.contains("# yarn lockfile v1") {
                return Yarn::Classic(format!("{path} is of yarn 1"));
            }
        }
    }
    let words: Vec<&str> = command.simple.literals().flatten().collect();
    if words.contains(&"global") {
        return Yarn::Classic("only yarn 1 has `global`".to_owned());
    }
    Yarn::Unknown
}
