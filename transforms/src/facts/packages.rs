//! Package manager commands in a script.

use crate::knowledge::{PACKAGE_MANAGERS, PackageManager};
use dfix_syntax::shell::{Script, SimpleCommand};

/// What a package manager command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Installs or upgrades packages.
    Install,
    /// Fetches the package index.
    Update,
    /// Empties the cache.
    Clean,
    /// Anything else.
    Other,
}

/// An option of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOption {
    /// Index of its word.
    pub word: usize,
    /// Its name, dashes included.
    pub name: String,
    /// Its value, behind `=` or in the next word; `None` where it has none or a computed one.
    pub value: Option<String>,
    /// Index of the word that holds the value, where that is a word of its own.
    pub value_word: Option<usize>,
}

/// A package manager called in a script.
#[derive(Debug, Clone)]
pub struct PackageCommand<'a> {
    /// Which.
    pub manager: &'static PackageManager,
    /// Index in [`Script::commands`].
    pub index: usize,
    /// The command.
    pub simple: &'a SimpleCommand,
    /// Index of the word that is the program (or the module behind `python -m`).
    pub program: usize,
    /// Index of the word that says what to do.
    pub subcommand: Option<usize>,
    /// What it does.
    pub action: Action,
    /// Its options.
    pub options: Vec<CommandOption>,
    /// Indexes of the words that are neither options nor their values.
    pub operands: Vec<usize>,
    /// Whether `sudo` stands before it.
    pub sudo: bool,
    /// Whether a word can only be known when it runs.
    pub computed: bool,
}

impl PackageCommand<'_> {
    /// The subcommand; `""` where there is none.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.subcommand.and_then(|at| self.simple.words[at].literal.as_deref()).unwrap_or_default()
    }

    /// Whether one of `names` is among its options, alone or in a cluster of short ones (`-yq`).
    #[must_use]
    pub fn has_option(&self, names: &[String]) -> bool {
        self.options.iter().any(|option| names.iter().any(|name| is_option(&option.name, name)))
    }

    /// The values of options with one of `names`.
    pub fn values<'s>(&'s self, names: &'s [&str]) -> impl Iterator<Item = &'s CommandOption> + 's {
        self.options.iter().filter(move |option| names.contains(&option.name.as_str()))
    }

    /// The literal operands; `None` for one that is computed.
    pub fn operand_values(&self) -> impl Iterator<Item = Option<&str>> {
        self.operands.iter().map(|&at| self.simple.words[at].literal.as_deref())
    }

    /// Whether it is `manager.action`.
    #[must_use]
    pub fn is(&self, id: &str, action: Action) -> bool {
        self.manager.id == id && self.action == action
    }
}

fn is_option(given: &str, name: &str) -> bool {
    if given == name {
        return true;
    }
    // `-yq` holds `-y`; `-qqy` holds `-qq`.
    let (Some(cluster), Some(letters)) = (given.strip_prefix('-'), name.strip_prefix('-')) else {
        return false;
    };
    !cluster.starts_with('-')
        && !letters.starts_with('-')
        && !letters.is_empty()
        && cluster.chars().all(|c| c.is_ascii_alphabetic())
        && letters.chars().all(|letter| cluster.matches(letter).count() >= letters.matches(letter).count())
}

/// The package manager commands of a script, in order.
#[must_use]
pub fn package_commands(script: &Script) -> Vec<PackageCommand<'_>> {
    script
        .commands()
        .iter()
        .enumerate()
        .filter_map(|(index, simple)| package_command(index, simple))
        .collect()
}

/// Takes a command for one of a package manager.
#[must_use]
pub fn package_command(index: usize, simple: &SimpleCommand) -> Option<PackageCommand<'_>> {
    let (program, sudo) = program_word(simple)?;
    let name = simple.words[program].literal.as_deref()?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let module = is_python(name)
        .then(|| {
            let flag = simple.words.get(program + 1)?.literal.as_deref()?;
            let module = simple.words.get(program + 2)?.literal.as_deref()?;
            (flag == "-m").then_some(module)
        })
        .flatten();
    let (first, start) = match module {
        Some(_) => (program + 2, program + 3),
        None => (program, program + 1),
    };
    let called = |manager: &PackageManager| match module {
        Some(module) => manager.module == module,
        None => manager
            .programs
            .iter()
            .any(|known| known == name || manager.versioned && is_versioned(name, known)),
    };
    let literal = |at: usize| simple.words.get(at).and_then(|word| word.literal.as_deref());
    let candidates = PACKAGE_MANAGERS.manager.iter().filter(|manager| called(manager));
    let manager = candidates
        .filter(|manager| manager.group.is_empty() || literal(start) == Some(manager.group.as_str()))
        .max_by_key(|manager| manager.group.len())?;
    let start = start + usize::from(!manager.group.is_empty());

    let mut options = Vec::new();
    let mut operands = Vec::new();
    let mut subcommand = None;
    let mut at = start;
    while let Some(word) = simple.words.get(at) {
        let text = word.literal.as_deref().unwrap_or(&word.raw);
        if text.starts_with('-') && text.len() > 1 && (word.literal.is_some() || !word.raw.starts_with('$')) {
            let (name, value) =
                text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            let takes_next = value.is_none() && manager.value_options.iter().any(|option| option == name);
            let next = takes_next.then(|| simple.words.get(at + 1)).flatten();
            options.push(CommandOption {
                word: at,
                name: name.to_owned(),
                value: match next {
                    Some(next) => next.literal.clone(),
                    None => value.map(str::to_owned).filter(|_| word.literal.is_some()),
                },
                value_word: next.map(|_| at + 1),
            });
            at += usize::from(next.is_some());
        } else if subcommand.is_none() && word.literal.is_some() {
            subcommand = Some(at);
        } else {
            operands.push(at);
        }
        at += 1;
    }
    let verb = subcommand.and_then(literal).unwrap_or_default();
    let listed = |list: &[String]| list.iter().any(|known| known == verb);
    let action = if listed(&manager.install) {
        Action::Install
    } else if listed(&manager.update) {
        Action::Update
    } else if listed(&manager.clean) {
        Action::Clean
    } else {
        Action::Other
    };
    Some(PackageCommand {
        manager,
        index,
        simple,
        program: first,
        subcommand,
        action,
        options,
        operands,
        sudo,
        computed: simple.words[start.min(simple.words.len())..].iter().any(|word| word.literal.is_none()),
    })
}

/// Index of the word that names the program, behind `sudo`, `env` and the like.
#[must_use]
pub fn program_word(simple: &SimpleCommand) -> Option<(usize, bool)> {
    let mut at = 0;
    let mut sudo = false;
    loop {
        let word = simple.words.get(at)?.literal.as_deref()?;
        match word {
            "sudo" | "doas" => sudo = true,
            "env" | "command" | "nice" | "time" => {}
            _ => return Some((at, sudo)),
        }
        at += 1;
        while let Some(next) = simple.words.get(at) {
            let raw = next.raw.as_str();
            let skipped = raw.starts_with('-') && !matches!(raw, "-u" | "-g" | "-n")
                || word == "env" && raw.contains('=');
            if !skipped {
                break;
            }
            at += 1;
        }
        // Options with values change who runs what: not looked through.
        if simple.words.get(at).is_some_and(|next| next.raw.starts_with('-')) {
            return None;
        }
    }
}

/// Whether a command removes what a package manager leaves behind.
#[must_use]
pub fn cleans(simple: &SimpleCommand, manager: &PackageManager) -> bool {
    removes(simple, manager.cleaned_by.iter().chain(&manager.cache).map(String::as_str))
}

/// Whether a command removes one of `folders`, or all that is in it.
pub fn removes<'f>(simple: &SimpleCommand, mut folders: impl Iterator<Item = &'f str>) -> bool {
    let Some((program, _)) = program_word(simple) else { return false };
    let name = simple.words[program].literal.as_deref().unwrap_or_default();
    let removes = match name.rsplit('/').next().unwrap_or(name) {
        "rm" => true,
        "find" => simple.words.iter().any(|word| matches!(word.raw.as_str(), "-delete" | "rm" | "-exec")),
        _ => false,
    };
    removes
        && folders.any(|folder| {
            simple.words.iter().skip(program + 1).any(|word| holds(&plain_path(&word.raw), folder))
        })
}

/// A word of a command as a path: quotes, and what follows the first pattern, left out.
fn plain_path(raw: &str) -> String {
    let path = raw.replace(['"', '\''], "").replace("${HOME}", "~").replace("$HOME", "~");
    let end = path.find(['*', '?', '[', '{']).unwrap_or(path.len());
    let path = path[..end].trim_end_matches(['/', '.']);
    path.strip_prefix("/root").map_or_else(|| path.to_owned(), |rest| format!("~{rest}"))
}

/// Whether a folder is `path` or lies in it.
fn holds(path: &str, folder: &str) -> bool {
    let folder = plain_path(folder);
    !path.is_empty()
        && (folder == path || folder.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        || name == "pypy3"
        || name == "pypy"
}

fn is_versioned(name: &str, known: &str) -> bool {
    name.strip_prefix(known).is_some_and(|rest| {
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removes_lists(script: &str) -> bool {
        let script = Script::parse(script).unwrap();
        script.commands().iter().any(|simple| removes(simple, std::iter::once("/var/lib/apt/lists")))
    }

    #[test]
    fn sees_a_folder_go() {
        for script in [
            "rm -rf /var/lib/apt/lists/*",
            "sudo rm -r \"/var/lib/apt/lists\"",
            "rm -rf /var/lib/apt/lists/*_*",
            "rm -rf /var/lib/{apt,dpkg}/lists /tmp/*",
            "rm -rf /var/lib/apt/",
            "find /var/lib/apt/lists -type f -delete",
        ] {
            assert!(removes_lists(script), "{script}");
        }
        for script in [
            "rm -rf /var/lib/apt/lists/partial",
            "rm -rf /tmp/*",
            "ls /var/lib/apt/lists",
            "echo rm /var/lib/apt",
        ] {
            assert!(!removes_lists(script), "{script}");
        }
    }
}
