//! What decides about a cache already: an option, a variable, a mount, the stage.

use super::Run;
use crate::facts::PackageCommand;
use crate::knowledge::PackageManager;

/// Whether an option of a command decides about its cache.
pub(super) fn by_option(command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    let flag = std::slice::from_ref(&manager.flag);
    !manager.flag.is_empty() && command.has_option(flag)
        || command.has_option(&manager.same_flags)
        || command.options.iter().any(|option| {
            let raw = command.simple.words[option.word].raw.clone();
            let full = match &option.value {
                Some(value) if option.value_word.is_some() => format!("{raw}={value}"),
                _ => raw,
            };
            manager.same_prefixes.iter().any(|prefix| full.starts_with(prefix))
        })
}

/// Whether a variable decides: set in the Dockerfile, for the command, or in the script before it. A row of
/// the table may name the value that decides.
pub(super) fn by_variable(run: &Run<'_>, command: &PackageCommand<'_>) -> bool {
    command.manager.variables.iter().any(|row| {
        let (name, wanted) = row.split_once('=').map_or((row.as_str(), None), |(n, value)| (n, Some(value)));
        let decides = |value: Option<&str>| wanted.is_none() || value.is_none() || value == wanted;
        let definition = run.situation.facts.variable(run.stage.stage.number, run.at, name);
        definition.is_some_and(|definition| decides(definition.value.as_deref()))
            || run.script.commands().iter().take(command.index + 1).any(|simple| {
                let assigned = simple.assignments.iter().filter(|assignment| assignment.name == name);
                let exported =
                    simple.words.iter().filter_map(|word| word.raw.strip_prefix(name)?.strip_prefix('='));
                assigned.map(|a| a.value.literal.as_deref()).any(decides) || exported.map(Some).any(decides)
            })
    })
}

/// Whether an unquoted variable among the words may hold the option: its value does, or is not known and its
/// name says that it holds options.
pub(super) fn by_expansion(run: &Run<'_>, command: &PackageCommand<'_>, flag: &str) -> bool {
    let words = command.simple.words.iter().skip(command.program + 1);
    words.filter(|word| word.literal.is_none() && !word.quoted).flat_map(|word| &word.variables).any(|name| {
        let definition = run.situation.facts.variable(run.stage.stage.number, run.at, name);
        match definition.and_then(|definition| definition.value.as_deref()) {
            Some(value) => value.split_whitespace().any(|word| word == flag),
            None => ["OPT", "ARG", "FLAG"].iter().any(|part| name.to_ascii_uppercase().contains(part)),
        }
    })
}

/// Whether something is mounted over the cache, or over a folder of it, or may be.
pub(super) fn by_mount(run: &Run<'_>, manager: &PackageManager) -> bool {
    run.run.flags().iter().filter(|flag| flag.name == "mount").any(|flag| {
        let value = flag.value.as_deref().unwrap_or_default();
        let fields = || value.split(',').filter_map(|field| field.split_once('='));
        if fields().any(|(name, value)| name == "type" && matches!(value, "secret" | "ssh")) {
            return false;
        }
        let target = fields().find(|(name, _)| matches!(*name, "target" | "dst" | "destination"));
        let Some((_, target)) = target else { return false };
        target.contains('$') || manager.cache.iter().any(|cache| overlap(&home(target), &home(cache)))
    })
}

/// A folder with the home of whichever user written as `~`.
pub(super) fn home(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix("/root") {
        return format!("~{rest}");
    }
    match path.strip_prefix("/home/") {
        Some(rest) => format!("~{}", rest.find('/').map_or("", |at| &rest[at..])),
        None => path.to_owned(),
    }
}

fn overlap(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    holds(one, other) || holds(other, one)
}
