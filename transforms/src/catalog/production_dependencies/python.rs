//! Poetry and uv. pip has no notion of it; Pipenv leaves development dependencies out unless told otherwise.

use super::{Install, Possible, Verdict, brief, starts, users};
use crate::facts::{Action, package_commands, program_word};
use crate::knowledge::{numbers, version_matches};
use crate::plan::Situation;
use crate::project::placement::folder_of;
use crate::project::python::{Pyproject, imports, normalise};
use crate::project::sources::{Sources, uses_of};
use dfix_syntax::shell::SimpleCommand;
use dfix_syntax::{CommandForm, Keyword};
use toml::Value;

pub(super) fn look(install: Install<'_>) -> Verdict {
    let Install { situation, stage, at, command, folder } = install;
    let users = users(situation, stage);
    if !users.iter().any(|&user| situation.facts.stages[user].shipped) {
        return Verdict::Nothing;
    }
    let Some(context) = situation.context else { return Verdict::Nothing };
    let Some(place) = folder_of(situation, at, folder, "pyproject.toml") else { return Verdict::Nothing };
    let project = match Pyproject::of(context, &place) {
        None => return Verdict::Nothing,
        Some(Err(bad)) => return Verdict::Broken(bad),
        Some(Ok(project)) => project,
    };
    let groups = groups(&project, &command.manager.id);
    if groups.is_empty() {
        return Verdict::Nothing;
    }
    if let Some((group, _)) = groups.iter().find(|(group, _)| !is_for_development(group)) {
        return Verdict::Declined(format!(
            "pyproject.toml has a dependency group \"{group}\", and it can't be told whether the application needs it; choose with --only or --without"
        ));
    }
    let names: Vec<String> = groups.into_iter().flat_map(|(_, names)| names).collect();
    for &user in &users {
        let own = user == stage;
        let range = situation.facts.stages[user].stage.instructions.clone();
        let runs = range.filter(|&run| run >= at || !own);
        let runs = runs.filter(|&run| situation.tree.instructions[run].keyword() == Keyword::Run);
        for place in runs.chain(starts(situation, user)) {
            if let Some(name) = calls(situation, place, &names) {
                return Verdict::Declined(format!(
                    "{} calls {name}, a development dependency",
                    brief(situation, place)
                ));
            }
        }
    }
    if command.manager.id == "uv"
        && let Some(place) = users.iter().find_map(|&user| synchronises(situation, user, at))
    {
        return Verdict::Declined(format!(
            "{place} calls `uv run`, which installs the development dependencies when it starts if they are not there; say `uv run --no-sync`, or start the program itself"
        ));
    }
    let mut count = 0;
    for (path, size) in context.under(&place) {
        let below = path.strip_prefix(place.as_str()).unwrap_or(path);
        if !path.ends_with(".py") || size > 1_000_000 || is_test(below) {
            continue;
        }
        let Some(text) = context.text(path) else { continue };
        count += 1;
        if let Some(name) = imports(&text).into_iter().find(|name| names.contains(&normalise(name))) {
            return Verdict::Declined(format!(
                "{path} imports {name}, which pyproject.toml lists for development only; if it is needed to run, list it under dependencies"
            ));
        }
    }
    let mut options = vec![command.manager.production.clone()];
    if command.manager.id == "poetry" && is_old_poetry(situation, stage, at) {
        options = vec!["--no-dev".to_owned()];
    }
    let s = if count == 1 { "" } else { "s" };
    let evidence = vec![
        format!("pyproject.toml lists for development: {}", names.join(", ")),
        format!("nothing in the Dockerfile calls them, and none of {count} source file{s} imports them"),
    ];
    Verdict::Possible(Possible { verb: None, options, evidence, unknown: Vec::new() })
}

/// Groups of dependencies besides the main one, with the names in them.
fn groups(project: &Pyproject, manager: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let keys = |value: Option<&Value>| -> Vec<String> {
        let table = value.and_then(Value::as_table).into_iter().flatten();
        table.map(|(name, _)| normalise(name)).collect()
    };
    let names = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        list.map(|text| {
            normalise(text.split(['=', '<', '>', '~', '!', '[', ';', ' ']).next().unwrap_or(text))
        })
        .collect()
    };
    if manager == "poetry" {
        let old = keys(project.get(&["tool", "poetry", "dev-dependencies"]));
        if !old.is_empty() {
            found.push(("dev".to_owned(), old));
        }
        let all = project.get(&["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten();
        for (group, value) in all {
            // An optional group is not installed by default.
            if value.get("optional").and_then(Value::as_bool) != Some(true) {
                found.push((group.clone(), keys(value.get("dependencies"))));
            }
        }
    }
    let standard = project.get(&["dependency-groups"]).and_then(Value::as_table).into_iter().flatten();
    for (group, value) in standard {
        // uv installs the group `dev` by default, Poetry all of them.
        if manager == "poetry" || group == "dev" {
            found.push((group.clone(), names(value)));
        }
    }
    if let Some(list) = project.get(&["tool", "uv", "dev-dependencies"]).filter(|_| manager == "uv") {
        found.push(("dev".to_owned(), names(list)));
    }
    found
}

/// Where a stage calls `uv run` after an install in a way that brings the environment up to date first (uv
/// documentation, Locking and syncing).
fn synchronises(situation: Situation<'_>, stage: usize, install: usize) -> Option<String> {
    let end = situation.facts.stages[stage].stage.instructions.end;
    if ["UV_NO_SYNC", "UV_NO_DEV"].iter().any(|name| situation.facts.is_set(end - 1, name)) {
        return None;
    }
    let range = situation.facts.stages[stage].stage.instructions.clone();
    let runs = range.filter(|&at| at > install && situation.tree.instructions[at].keyword() == Keyword::Run);
    runs.chain(starts(situation, stage)).find_map(|at| {
        let instruction = &situation.tree.instructions[at];
        let commands: Vec<Vec<&str>> = match (instruction.command(), instruction.script()) {
            (Some(CommandForm::Exec(words)), _) => vec![words.iter().map(String::as_str).collect()],
            (_, Some(Ok(script))) => script.commands().iter().map(words).collect(),
            _ => Vec::new(),
        };
        let of_uv: Vec<&Vec<&str>> =
            commands.iter().filter(|words| words.first().is_some_and(|name| is_uv(name))).collect();
        if of_uv.iter().any(|words| runs_and_synchronises(words)) {
            return Some(brief(situation, at));
        }
        // What a script or a shell in between calls is known by its name alone.
        let mut sources = Sources::default();
        sources.add(situation.context, uses_of(instruction));
        let place = sources.calls("uv")?;
        match (place.path.is_empty(), of_uv.is_empty()) {
            (true, true) => Some(brief(situation, at)),
            (true, false) => None,
            (false, _) => Some(format!("{}:{}", place.path, place.line)),
        }
    })
}

/// The words of a command from its program on.
fn words(simple: &SimpleCommand) -> Vec<&str> {
    let first = program_word(simple).map_or(simple.words.len(), |(at, _)| at);
    simple.words[first..].iter().map(|word| word.literal.as_deref().unwrap_or(&word.raw)).collect()
}

fn is_uv(program: &str) -> bool {
    program.rsplit('/').next() == Some("uv")
}

fn runs_and_synchronises(words: &[&str]) -> bool {
    let lets_be = ["--no-sync", "--no-dev", "--no-project", "--no-default-groups"];
    words.contains(&"run") && !words.iter().any(|word| lets_be.contains(word))
}

/// Names of groups that nobody needs to run an application.
fn is_for_development(group: &str) -> bool {
    let group = group.to_ascii_lowercase();
    ["dev", "test", "lint", "doc", "typ", "format", "ci", "qa", "style", "debug"]
        .iter()
        .any(|start| group.starts_with(start))
}

fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| matches!(part, "test" | "tests" | "testing" | "docs" | ".venv" | "venv"))
        || name.starts_with("test_")
        || name.ends_with("_test.py")
        || matches!(name, "conftest.py" | "noxfile.py" | "tasks.py" | "setup.py")
}

/// The first of `names` that an instruction calls as a command or by `python -m`.
fn calls(situation: Situation<'_>, at: usize, names: &[String]) -> Option<String> {
    let instruction = &situation.tree.instructions[at];
    let named = |words: &mut dyn Iterator<Item = String>| -> Option<String> {
        words
            .map(|word| normalise(word.rsplit('/').next().unwrap_or(&word)))
            .find(|word| names.contains(word))
    };
    match (instruction.command(), instruction.script()) {
        (Some(CommandForm::Exec(words)), _) => named(&mut words.iter().cloned()),
        (_, Some(Ok(script))) => {
            script.commands().iter().find_map(|simple| named(&mut called(simple).into_iter()))
        }
        _ => None,
    }
}

/// The program of a command, and what `python -m`, `poetry run` or `uv run` run.
fn called(simple: &SimpleCommand) -> Vec<String> {
    let Some((first, _)) = program_word(simple) else { return Vec::new() };
    let words: Vec<&str> = simple.words[first..].iter().filter_map(|word| word.literal.as_deref()).collect();
    let deeper = words.iter().position(|&word| word == "-m" || word == "run").map(|at| at + 1);
    let deeper = deeper.and_then(|at| words.get(at));
    words.first().into_iter().chain(deeper).map(|&word| word.to_owned()).collect()
}

/// Poetry before 1.2 has no `--only` (Poetry's change log, 1.2.0).
fn is_old_poetry(situation: Situation<'_>, stage: usize, before: usize) -> bool {
    let start = situation.facts.stages[stage].stage.instructions.start;
    (start..=before).any(|at| {
        let Some(Ok(script)) = situation.tree.instructions[at].script() else { return false };
        package_commands(script).iter().filter(|command| command.action == Action::Install).any(|command| {
            command.operands.iter().any(|&word| {
                let raw = &command.simple.words[word].raw;
                let text = situation.facts.expand_at(stage, at, raw).unwrap_or_else(|| raw.clone());
                let version = text.strip_prefix("poetry==").map(numbers);
                version.is_some_and(|version| !version.is_empty() && !version_matches(&version, ">=1.2"))
            })
        })
    })
}
