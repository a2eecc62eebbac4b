//! What a script leaves behind in the shell that runs it. One RUN is one shell: what ends with it today
//! would reach the commands of the next RUN once the two are joined.

use dfix_syntax::shell::{CompoundKind, Element, Script, SimpleCommand, Terminator};

/// Built-ins that change the shell they run in (POSIX.1-2024, 2.15 Special Built-In Utilities and the
/// intrinsic utilities; Bash Reference Manual, 4 Shell Builtin Commands).
const CHANGES_SHELL: &[&str] = &[
    ".",
    "alias",
    "bind",
    "break",
    "builtin",
    "cd",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "fc",
    "getopts",
    "hash",
    "let",
    "local",
    "mapfile",
    "popd",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "setopt",
    "shift",
    "shopt",
    "source",
    "suspend",
    "trap",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "unsetopt",
    "wait",
];

/// Something that outlives the command that did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Index in [`Script::commands`] of the command, or of the first one behind it.
    pub command: usize,
    /// What it is, in words.
    pub what: String,
}

/// What a script leaves behind, in order.
#[must_use]
pub fn leaks(script: &Script) -> Vec<Leak> {
    let mut found: Vec<Leak> = script
        .commands()
        .iter()
        .enumerate()
        .filter_map(|(command, simple)| leaks_of(simple).map(|what| Leak { command, what }))
        .collect();
    let mut next = 0;
    for list in script.lists() {
        for element in list.pipelines.iter().flat_map(|pipeline| &pipeline.elements) {
            match element {
                Element::Simple(index) => next = index + 1,
                Element::Compound { kind, commands, .. } => {
                    match kind {
                        CompoundKind::FunctionDefinition => {
                            found.push(Leak { command: commands.start, what: "a function".to_owned() });
                        }
                        CompoundKind::For | CompoundKind::ArithmeticFor | CompoundKind::Arithmetic => {
                            found.push(Leak { command: commands.start, what: "a variable".to_owned() });
                        }
                        _ => {}
                    }
                    next = commands.end;
                }
            }
        }
        if list.terminator == Terminator::Background {
            found.push(Leak { command: next, what: "a command in the background".to_owned() });
        }
    }
    found.sort_by_key(|leak| leak.command);
    found
}

/// What one command leaves behind.
#[must_use]
pub fn leaks_of(simple: &SimpleCommand) -> Option<String> {
    // A subshell, and each part of a pipeline, has a shell of its own.
    if simple.in_pipeline || simple.enclosures.contains(&CompoundKind::Subshell) {
        return None;
    }
    if simple.enclosures.contains(&CompoundKind::FunctionDefinition) {
        return Some("a function".to_owned());
    }
    let assigns =
        |raw: &str| raw.contains("${") && (raw.contains(":=") || raw.contains('=')) || raw.contains("$((");
    if simple.words.iter().any(|word| word.literal.is_none() && assigns(&word.raw)) {
        return Some("a variable that an expansion sets".to_owned());
    }
    let Some(first) = simple.words.first() else {
        return simple.assignments.first().map(|assignment| format!("`{}=`", assignment.name));
    };
    let Some(name) = first.literal.as_deref() else { return Some(format!("`{}`", first.raw)) };
    let writes_variable = name == "printf" && simple.words.get(1).is_some_and(|word| word.raw == "-v");
    (CHANGES_SHELL.contains(&name) || writes_variable).then(|| format!("`{name}`"))
}

/// Whether a script turns on that a failing command ends it (`set -e`), or may do so.
#[must_use]
pub fn sets_errexit(script: &Script) -> bool {
    script.commands().iter().filter(|simple| simple.name() == Some("set")).any(|simple| {
        simple.words.iter().skip(1).any(|word| match word.literal.as_deref() {
            Some(option) => option == "errexit" || option.starts_with('-') && option.contains('e'),
            None => true,
        })
    })
}
