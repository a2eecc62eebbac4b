//! Whether a command of a RUN has anything to do with what was copied.

use super::copied::{Copied, below};
use crate::facts::{PackageCommand, join, program_word};
use crate::knowledge::{COMMANDS, Command};
use crate::plan::Situation;
use dfix_syntax::shell::{Script, SimpleCommand, Word};

/// The place that a command runs at, and what was copied before.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub situation: Situation<'a>,
    /// Index of the RUN.
    pub at: usize,
    /// The working directory; `None` where unknown.
    pub folder: Option<&'a str>,
    pub copied: &'a [Copied],
}

/// Why a command that is none of a package manager's may use what was copied; `None` where it doesn't.
pub(super) fn why_dependent(place: Place<'_>, script: &Script, simple: &SimpleCommand) -> Option<String> {
    if let Some(word) = outside_words(simple).find(|word| place.concerned(word, true)) {
        return Some(format!("`{}` names what is copied", word.raw));
    }
    if let Some(reason) = substitutions(place, script, simple) {
        return Some(reason);
    }
    if simple.words.is_empty() {
        return None;
    }
    let unknown = || Some(format!("`{}` may use what is copied", first_words(simple)));
    let Some((program, _)) = program_word(simple) else { return unknown() };
    if reads_script_from_network(simple, program) {
        let inside = place.copied.iter().any(|copied| place.works_in(copied));
        return inside
            .then(|| "an installer from the network runs in the folder that is copied to".to_owned());
    }
    let Some(row) = row_of(simple, program) else { return unknown() };
    names_copied(place, row, simple, program)
}

/// Whether a command fetches something over the network.
pub(super) fn fetches(simple: &SimpleCommand) -> bool {
    program_word(simple).and_then(|(program, _)| row_of(simple, program)).is_some_and(|row| row.fetches)
}

/// Whether a command makes a user or a group.
pub(super) fn makes_user(simple: &SimpleCommand) -> bool {
    program_word(simple).and_then(|(program, _)| row_of(simple, program)).is_some_and(|row| row.user)
}

/// Why a command of a system package manager may use what was copied.
pub(super) fn why_system_dependent(place: Place<'_>, command: &PackageCommand<'_>) -> Option<String> {
    let words = command.simple.words[command.program + 1..].iter().chain(outside_words(command.simple));
    words
        .into_iter()
        .find(|word| place.concerned(word, false))
        .map(|word| format!("`{}` names what is copied", word.raw))
}

fn names_copied(place: Place<'_>, row: &Command, simple: &SimpleCommand, program: usize) -> Option<String> {
    let paths = row.operands == "paths";
    if let Some(word) = simple.words[program + 1..].iter().find(|word| place.concerned(word, paths)) {
        return Some(format!("`{}` names what is copied", word.raw));
    }
    let in_folder =
        row.folder && !has_option(simple, &row.folder_without) || has_option(simple, &row.folder_with);
    // What is unpacked may reach into folders below.
    let reached = |copied: &Copied| {
        place.works_in(copied)
            || !row.fetches
                && place.folder.is_some_and(|folder| copied.concerns(place.situation.context, folder))
    };
    if in_folder && place.copied.iter().any(reached) {
        return Some(format!("`{}` works in the folder that is copied to", first_words(simple)));
    }
    let home = |copied: &Copied| below(&copied.destination, "/home").is_some();
    if row.user && place.copied.iter().any(home) {
        return Some(format!("`{}` may make the home folder that is copied to", first_words(simple)));
    }
    None
}

/// Whether one of some options is among the words, alone, with its value or in a cluster (`-fsSLO`).
fn has_option(simple: &SimpleCommand, options: &[String]) -> bool {
    simple.words.iter().filter_map(|word| word.literal.as_deref()).any(|word| {
        options.iter().any(|option| match option.strip_prefix("--") {
            Some(_) => {
                word == option || word.strip_prefix(option.as_str()).is_some_and(|rest| rest.starts_with('='))
            }
            None => {
                !word.starts_with("--")
                    && word.starts_with('-')
                    && word.contains(option.trim_start_matches('-'))
            }
        })
    })
}

/// Redirections and assignments: what stands outside the words of a command.
fn outside_words(simple: &SimpleCommand) -> impl Iterator<Item = &Word> {
    let files = simple.redirections.iter().filter(|redirection| !redirection.operator.starts_with("<<"));
    files
        .filter_map(|redirection| redirection.target.as_ref())
        .chain(simple.assignments.iter().map(|a| &a.value))
}

/// Commands inside `$(…)` of a command have no place of their own in the script: all of them are looked at.
fn substitutions(place: Place<'_>, script: &Script, simple: &SimpleCommand) -> Option<String> {
    let words = simple.words.iter().chain(outside_words(simple));
    if !words.into_iter().any(|word| word.has_substitution) {
        return None;
    }
    if script.has_unknown_substitution() {
        return Some(format!("`{}` holds a substitution that can't be read", first_words(simple)));
    }
    for nested in script.substitution_commands() {
        let known = COMMANDS.command.iter().find(|row| {
            row.names.iter().any(|name| {
                name.split(' ')
                    .enumerate()
                    .all(|(at, part)| nested.words.get(at).and_then(Option::as_deref) == Some(part))
            })
        });
        let named = nested.words.iter().skip(1).any(|word| {
            word.as_deref()
                .is_none_or(|text| place.names(text, known.is_some_and(|row| row.operands == "paths")))
        });
        if known.is_none_or(|row| row.folder && place.copied.iter().any(|copied| place.works_in(copied)))
            || named
        {
            return Some(format!(
                "`{}` holds a substitution that may use what is copied",
                first_words(simple)
            ));
        }
    }
    None
}

/// `curl … | sh`: an installer that gets its script from the network and nothing else.
fn reads_script_from_network(simple: &SimpleCommand, program: usize) -> bool {
    let name = simple.words[program].literal.as_deref().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or(name);
    let rest = &simple.words[program + 1..];
    let plain = rest.iter().all(|word| {
        word.literal.as_deref().is_some_and(|text| text.starts_with('-') && !text.starts_with("-c"))
    });
    let input = rest.iter().any(|word| matches!(word.raw.as_str(), "-" | "-s"));
    // What stands behind `--` or `-s` goes to the script.
    let passed = rest.first().is_some_and(|word| matches!(word.raw.as_str(), "-s" | "-"));
    simple.in_pipeline
        && match name {
            "sh" | "bash" | "dash" | "ash" => rest.is_empty() || plain || passed,
            "python" | "python3" => input,
            _ => false,
        }
}

fn row_of(simple: &SimpleCommand, program: usize) -> Option<&'static Command> {
    COMMANDS.command.iter().find(|row| {
        row.names.iter().any(|name| {
            name.split(' ').enumerate().all(|(at, part)| {
                let word = simple.words.get(program + at).and_then(|word| word.literal.as_deref());
                let word = if at == 0 { word.map(|w| w.rsplit('/').next().unwrap_or(w)) } else { word };
                word == Some(part)
            })
        })
    })
}

/// The first words of a command, for a message.
pub(super) fn first_words(simple: &SimpleCommand) -> String {
    let words: Vec<&str> = simple.words.iter().take(3).map(|word| word.raw.as_str()).collect();
    let text = words.join(" ");
    if simple.words.len() > 3 { format!("{text} …") } else { text }
}

impl Place<'_> {
    /// Whether the working directory is where a COPY writes.
    fn works_in(self, copied: &Copied) -> bool {
        self.folder.is_none_or(|folder| copied.lies_around(self.situation.context, folder))
    }

    /// Whether a word may be the path of something copied. `paths`: also where it doesn't look like one.
    pub fn concerned(self, word: &Word, paths: bool) -> bool {
        if let Some(text) = &word.literal {
            return self.names(text, paths);
        }
        // A substitution is looked at by its commands; its output is no path here.
        if word.has_substitution && !word.raw.contains('/') {
            return false;
        }
        match self.value_of(word) {
            Some(text) => self.names(&text, paths),
            None if word.raw.trim_start_matches('"').starts_with(['/', '.']) || word.raw.contains("://") => {
                self.names(word.raw.trim_matches('"'), paths)
            }
            // Names of packages and options may be computed; paths may not.
            None => paths && (word.has_glob || !word.variables.is_empty()) && !is_option(&word.raw),
        }
    }

    /// The value of a word, all of whose variables the file defines.
    fn value_of(self, word: &Word) -> Option<String> {
        let Situation { facts, tree, .. } = self.situation;
        let stage = facts.at(self.at).stage?;
        let script = tree.instructions[self.at].script()?.ok()?;
        let assigned = |name: &str| {
            script.commands().iter().flat_map(|simple| &simple.assignments).any(|a| a.name == name)
        };
        let known = !word.variables.is_empty()
            && !word.has_substitution
            && word.variables.iter().all(|name| {
                !assigned(name) && facts.variable(stage, self.at, name).is_some_and(|known| known.env)
            });
        known.then(|| facts.expand_at(stage, self.at, &word.raw))?
    }

    /// Whether a text may be the path of something copied.
    pub fn names(self, text: &str, paths: bool) -> bool {
        // `--target=/app`
        let text = match text.split_once('=') {
            Some((name, value)) if name.starts_with('-') => value,
            _ => text,
        };
        if text.is_empty() || text.contains("://") {
            return false;
        }
        if text.starts_with('-') {
            // `-C/app`
            return text.find('/').is_some_and(|at| self.names(&text[at..], paths));
        }
        if text.starts_with('~') {
            return self.copied.iter().any(|copied| {
                below(&copied.destination, "/root").is_some() || below(&copied.destination, "/home").is_some()
            });
        }
        // Up to the first component that only the shell knows.
        let fixed = match text.find(['*', '?', '[', '$', '{', '`']) {
            Some(at) => text[..at].rfind('/').map_or("", |slash| &text[..slash + 1]),
            None => text,
        };
        let explicit = text == "." || text == ".." || text.starts_with("./") || text.starts_with("../");
        if !text.starts_with('/') && !explicit && !paths {
            return false;
        }
        match join(self.folder, fixed) {
            Some(path) => {
                let fixed_root = fixed.is_empty() && text.starts_with('/');
                fixed_root || self.copied.iter().any(|copied| copied.concerns(self.situation.context, &path))
            }
            None => true,
        }
    }
}

fn is_option(raw: &str) -> bool {
    raw.starts_with('-')
}
