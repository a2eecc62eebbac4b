//! Which neighbouring RUNs belong together, and why.

use crate::facts::{Action, PackageCommand, cleans, package_commands};
use crate::knowledge::{COMMANDS, Command, PackageManager};
use dfix_syntax::Instruction;
use dfix_syntax::shell::{Script, SimpleCommand};

/// Why two neighbours belong together.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    pub text: String,
    /// Whether it makes the image smaller, so that brackets around a part are a fair price.
    pub shrinks: bool,
    /// Whether all there is to gain is one layer less.
    pub minor: bool,
}

/// For each RUN but the first, why it belongs to the one before it.
pub(super) fn relations(runs: &[Instruction]) -> Vec<Option<Reason>> {
    let scripts: Vec<Option<&Script>> = runs.iter().map(|run| run.script().and_then(Result::ok)).collect();
    let mut reasons = vec![None; runs.len() - 1];
    for at in 1..runs.len() {
        let (Some(before), Some(script)) = (scripts[at - 1], scripts[at]) else { continue };
        reasons[at - 1] = packages(before, script)
            .or_else(|| permissions(before, script))
            .or_else(|| same_installer(before, script))
            .or_else(|| same_fetcher(before, script))
            .or_else(|| small(before, script));
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
                    reason.get_or_insert_with(|| Reason {
                        text: format!("{} is made and deleted", paths.join(", ")),
                        shrinks: true,
                        minor: false,
                    });
                }
            }
        }
    }
    reasons
}

/// Package index, installation and clean-up of one system package manager.
fn packages(before: &Script, script: &Script) -> Option<Reason> {
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
        return Some(Reason {
            text: format!("the package index of {} and the installation from it belong together", manager.id),
            shrinks: true,
            minor: false,
        });
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
        let text = if cleanup {
            format!("the clean-up after {} only makes the image smaller in the same layer", manager.id)
        } else {
            format!("both install packages with {}", manager.id)
        };
        Reason { text, shrinks: cleanup, minor: false }
    })
}

/// Named packages, installed with the same package manager of a language.
fn same_installer(before: &Script, script: &Script) -> Option<Reason> {
    let installer = |script: &Script| -> Option<&PackageManager> {
        let commands = package_commands(script);
        let named = |command: &PackageCommand<'_>| {
            let project = command.options.iter().any(|option| option.value.is_some());
            command.action == Action::Install && !command.operands.is_empty() && !command.computed && !project
        };
        let all = commands.len() == script.commands().len() && commands.iter().all(named);
        let first = commands.first().filter(|_| all)?.manager;
        commands.iter().all(|command| command.manager.id == first.id).then_some(first)
    };
    let (first, second) = (installer(before)?, installer(script)?);
    (first.id == second.id && !first.system).then(|| Reason {
        text: format!("both install named packages with {}", first.id),
        shrinks: false,
        minor: true,
    })
}

/// Repositories or files fetched with the same tool, and nothing else done.
fn same_fetcher(before: &Script, script: &Script) -> Option<Reason> {
    let fetcher = |script: &Script| -> Option<&'static str> {
        let mut found = None;
        for simple in script.commands() {
            let words = |row: &'static Command| {
                row.names.iter().find(|name| {
                    let mut literals = simple.literals();
                    name.split(' ').all(|word| literals.next().flatten() == Some(word))
                })
            };
            let name = COMMANDS.command.iter().filter(|row| row.fetches).find_map(words)?;
            if found.is_some_and(|known| known != name.as_str()) {
                return None;
            }
            found = Some(name.as_str());
        }
        found
    };
    let (first, second) = (fetcher(before)?, fetcher(script)?);
    (first == second).then(|| Reason {
        text: format!("both fetch with `{first}` and do nothing else"),
        shrinks: false,
        minor: true,
    })
}

/// Files, folders, links and users set up one after the other: running them again costs next to nothing.
fn small(before: &Script, script: &Script) -> Option<Reason> {
    let is_small = |simple: &SimpleCommand| {
        let row = simple.name().and_then(|name| COMMANDS.get(name));
        row.is_some_and(|row| !row.fetches && !row.folder)
    };
    let both = before.commands().iter().chain(script.commands()).all(is_small);
    both.then(|| Reason {
        text: "both only set up files or users, which takes no time".to_owned(),
        shrinks: false,
        minor: true,
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
fn permissions(before: &Script, script: &Script) -> Option<Reason> {
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
    made.then(|| Reason {
        text: format!("the permissions of {} are changed right after it is made", paths.join(", ")),
        shrinks: true,
        minor: false,
    })
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
