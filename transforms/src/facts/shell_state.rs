//! What a script leaves behind in the shell that runs it. One RUN is one shell: what ends with it today
//! would reach the commands of the next RUN once the two are joined.

use super::packages::program_word;
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
    /// The simple command that leaves it behind; `None` for a compound one.
    pub simple: Option<usize>,
    /// Whether it is a process that goes on until the whole RUN ends: brackets don't hold it back.
    pub is_process: bool,
}

/// What a script leaves behind, in order.
#[must_use]
pub fn leaks(script: &Script) -> Vec<Leak> {
    let mut found: Vec<Leak> = script
        .commands()
        .iter()
        .enumerate()
        .filter_map(|(command, simple)| {
            if let Some(what) = daemon(simple) {
                return Some(Leak { command, what, simple: Some(command), is_process: true });
            }
            leaks_of(simple).map(|what| {
                let simple = (what != "a function").then_some(command);
                Leak { command, what, simple, is_process: false }
            })
        })
        .collect();
    let mut next = 0;
    for list in script.lists() {
        for element in list.pipelines.iter().flat_map(|pipeline| &pipeline.elements) {
            match element {
                Element::Simple(index) => next = index + 1,
                Element::Compound { kind, commands, .. } => {
                    match kind {
                        CompoundKind::FunctionDefinition => {
                            let what = "a function".to_owned();
                            found.push(Leak {
                                command: commands.start,
                                what,
                                simple: None,
                                is_process: false,
                            });
                        }
                        CompoundKind::For | CompoundKind::ArithmeticFor | CompoundKind::Arithmetic => {
                            let what = "a variable".to_owned();
                            found.push(Leak {
                                command: commands.start,
                                what,
                                simple: None,
                                is_process: false,
                            });
                        }
                        _ => {}
                    }
                    next = commands.end;
                }
            }
        }
        if list.terminator == Terminator::Background {
            let what = "a command in the background".to_owned();
            found.push(Leak { command: next, what, simple: None, is_process: true });
        }
    }
    found.sort_by_key(|leak| leak.command);
    found
}

/// Tools that are shell functions where their set-up was sourced, with the subcommands that change the
/// shell (their manuals: conda activate, nvm use, rvm use, sdk use, module load, pyenv shell).
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("asdf", &["shell"]),
    ("conda", &["activate", "deactivate"]),
    ("mamba", &["activate", "deactivate"]),
    ("micromamba", &["activate", "deactivate"]),
    ("module", &["load", "unload", "use", "swap", "purge"]),
    ("nvm", &["use", "install", "deactivate"]),
    ("pyenv", &["shell", "activate", "deactivate"]),
    ("rbenv", &["shell"]),
    ("rvm", &["use", "gemset"]),
    ("sdk", &["use", "install"]),
];

/// The daemon that a command starts.
fn daemon(simple: &SimpleCommand) -> Option<String> {
    let (program, _) = program_word(simple)?;
    let written = simple.words[program].literal.as_deref()?;
    let name = written.rsplit('/').next().unwrap_or(written);
    let says = |wanted: &[&str]| {
        simple.words.iter().skip(program + 1).any(|word| wanted.contains(&word.raw.as_str()))
    };
    let controls = matches!(
        name,
        "service" | "rc-service" | "invoke-rc.d" | "pg_ctl" | "pg_ctlcluster" | "apachectl" | "apache2ctl"
    ) || written.starts_with("/etc/init.d/");
    let starts = controls && says(&["start", "restart"]) || says(&["--daemonize", "--daemon", "--fork"]);
    starts.then(|| format!("the daemon of `{name}`"))
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
    // `${NAME:=word}` and `${NAME=word}`, and arithmetic, which may assign.
    let assigns = |raw: &str| {
        raw.contains("$((")
            || raw.split("${").skip(1).any(|inner| {
                let name = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
                name.starts_with(":=") || name.starts_with('=')
            })
    };
    if simple.words.iter().any(|word| word.literal.is_none() && assigns(&word.raw)) {
        return Some("a variable that an expansion sets".to_owned());
    }
    let Some(first) = simple.words.first() else {
        return simple.assignments.first().map(|assignment| format!("`{}=`", assignment.name));
    };
    let Some(name) = first.literal.as_deref() else { return Some(format!("`{}`", first.raw)) };
    let second = simple.words.get(1).and_then(|word| word.literal.as_deref()).unwrap_or_default();
    if FUNCTIONS.iter().any(|(tool, verbs)| *tool == name && verbs.contains(&second)) {
        return Some(format!("`{name} {second}`"));
    }
    let writes_variable = name == "printf" && simple.words.get(1).is_some_and(|word| word.raw == "-v");
    (CHANGES_SHELL.contains(&name) || writes_variable).then(|| format!("`{name}`"))
}

/// Whether one of the commands turns on that a failing command ends the shell (`set -e`), or may do so.
#[must_use]
pub fn sets_errexit(commands: &[SimpleCommand]) -> bool {
    commands.iter().filter(|simple| simple.name() == Some("set")).any(|simple| {
        simple.words.iter().skip(1).any(|word| match word.literal.as_deref() {
            Some(option) => option == "errexit" || option.starts_with('-') && option.contains('e'),
            None => true,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(script: &str) -> Vec<String> {
        leaks(&Script::parse(script).unwrap()).into_iter().map(|leak| leak.what).collect()
    }

    #[test]
    fn names_what_outlives_a_command() {
        for (script, what) in [
            ("cd /x && make", "`cd`"),
            ("A=1", "`A=`"),
            ("a ${B:=c}", "a variable that an expansion sets"),
            ("for p in a b; do c $p; done", "a variable"),
            ("f() { a; }", "a function"),
            ("nvm use 20", "`nvm use`"),
            ("conda activate x", "`conda activate`"),
            ("sudo service mysql start", "the daemon of `service`"),
            ("/etc/init.d/ssh restart", "the daemon of `ssh`"),
            ("redis-server --daemonize yes", "the daemon of `redis-server`"),
            ("a &", "a command in the background"),
        ] {
            assert!(left(script).iter().any(|left| left == what), "{script}: {:?}", left(script));
        }
    }

    #[test]
    fn leaves_the_rest_alone() {
        for script in [
            "(cd /x && make)",
            "a | cd /x",
            "A=1 make",
            "a ${B:-c} ${D:+==e}",
            "conda install -y x",
            "nvm --version",
            "service --status-all",
        ] {
            assert_eq!(left(script), Vec::<String>::new(), "{script}");
        }
    }
}
