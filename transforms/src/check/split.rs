//! What must hold of the stages that one was split into, whatever was declared.

use super::atoms::{Atom, StageSummary, Summary};
use super::text::parse_named;
use crate::facts::{Facts, join};
use dfix_syntax::{Dockerfile, Kind};
use std::ops::Range;

/// Folders that a base image fills, and installations write to without naming them.
const SYSTEM: [&str; 9] = ["/usr", "/etc", "/lib", "/lib64", "/bin", "/sbin", "/var", "/root", "/home"];

/// The commands that make users and groups.
const MAKES_USERS: [&str; 4] = ["useradd", "adduser", "groupadd", "addgroup"];

pub(super) fn compare(
    before: &StageSummary,
    after: &Summary,
    group: &Range<usize>,
    tree: &Dockerfile,
    facts: &Facts,
    problems: &mut Vec<String>,
) {
    for part in group.start..group.end.saturating_sub(1) {
        let used = after.stages[part + 1..group.end].iter().any(|later| {
            later.parent == Some(part) || later.sources.iter().any(|(_, source)| *source == Some(part))
        });
        if !used {
            let name = after.stages[part].name.clone().unwrap_or_else(|| part.to_string());
            problems.push(format!("nothing is taken from stage {name}"));
        }
    }
    if let Some(last) = after.stages[group.clone()].last() {
        users(before, last, problems);
    }
    for part in group.clone() {
        for atom in &after.stages[part].atoms {
            if let [Some(source)] = atom.sources[..]
                && group.contains(&source)
            {
                copied(atom, source, after, tree, facts, problems);
            }
        }
    }
}

/// Who runs the image exists in it, where the file makes the user.
fn users(before: &StageSummary, last: &StageSummary, problems: &mut Vec<String>) {
    let makes = |atom: &Atom, name: &str| {
        let mut words = atom.text.split([' ', '=', ':', '"', '\'']);
        atom.environment.is_some()
            && words.clone().any(|word| MAKES_USERS.contains(&word))
            && words.any(|word| word == name)
    };
    for atom in &last.atoms {
        let Some(user) = atom.text.strip_prefix("USER ") else { continue };
        let name = user.split(':').next().unwrap_or(user);
        if before.atoms.iter().any(|atom| makes(atom, name))
            && !last.atoms.iter().any(|atom| makes(atom, name))
        {
            problems.push(format!("user {name} is not made in the last stage"));
        }
    }
}

/// What is copied from another part was made there, and works where it goes.
fn copied(
    atom: &Atom,
    source: usize,
    after: &Summary,
    tree: &Dockerfile,
    facts: &Facts,
    problems: &mut Vec<String>,
) {
    let instruction = &tree.instructions[atom.at];
    let Kind::Copy(transfer) = instruction.kind() else { return };
    let literal = |word: &dfix_syntax::Word| word.literal(instruction.escape());
    let destination = literal(&transfer.destination);
    let target = destination.as_deref().and_then(|path| join(facts.at(atom.at).workdir.as_deref(), path));
    let name = after.stages[source].name.clone().unwrap_or_else(|| source.to_string());
    for word in &transfer.sources {
        let Some(path) = literal(word).and_then(|path| join(Some("/"), &path)) else { continue };
        if path.contains(['*', '?', '[']) {
            continue;
        }
        if !made(&path, source, after, tree, facts) {
            problems.push(format!("nothing in stage {name} makes {path}"));
        }
        let environment = after.stages[source].atoms.iter().any(|atom| is_environment(atom, &path));
        if environment && target.as_deref() != Some(path.as_str()) {
            problems.push(format!("the virtual environment of stage {name} works only at {path}"));
        }
    }
}

/// Whether a command makes a virtual environment at a path: its scripts hold the path.
fn is_environment(atom: &Atom, path: &str) -> bool {
    let words: Vec<&str> = atom.text.split(' ').collect();
    atom.environment.is_some()
        && words.iter().any(|word| matches!(*word, "venv" | "virtualenv"))
        && words.iter().any(|word| word.trim_end_matches('/') == path)
}

/// Whether something in a stage could have made a path: a folder it works in or copies to, or a name in it.
fn made(path: &str, stage: usize, after: &Summary, tree: &Dockerfile, facts: &Facts) -> bool {
    if SYSTEM.iter().any(|folder| within(path, folder)) {
        return true;
    }
    let summary = &after.stages[stage];
    if let Some(parent) = summary.parent
        && made(path, parent, after, tree, facts)
    {
        return true;
    }
    let range = &facts.stages[stage].stage.instructions;
    let folders = range.clone().map(|at| facts.at(at).workdir.clone());
    let folders = folders.chain(std::iter::once(facts.at_end(stage, tree).workdir));
    for folder in folders {
        match folder.as_deref() {
            // Where it is not known, anything can be there.
            None => return true,
            // The root of an image: what is named there, and what stands in it itself.
            Some("/") if path.matches('/').count() == 1 => return true,
            Some("/") => {}
            Some(folder) if related(path, folder) => return true,
            Some(_) => {}
        }
    }
    let named = |text: &str| {
        let last = path.rsplit('/').next().unwrap_or(path);
        text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).any(|word| word == last)
    };
    summary.atoms.iter().any(|atom| {
        let target = parse_named(&atom.text).and_then(|instruction| match instruction.kind() {
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let folder = facts.at(atom.at).workdir.clone();
                join(folder.as_deref(), &transfer.destination.literal('\\')?)
            }
            _ => None,
        });
        target.is_some_and(|target| related(path, &target)) || named(&atom.text)
    })
}

fn within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder == "/")
}

fn related(path: &str, other: &str) -> bool {
    within(path, other) || within(other, path)
}
