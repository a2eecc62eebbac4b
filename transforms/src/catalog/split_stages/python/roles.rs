//! What the commands of a RUN are for.

use crate::facts::{Action, PackageCommand, cleans, package_commands, program_word};
use crate::knowledge::{COMMAND_PURPOSES, PACKAGE_MANAGERS};
use crate::project::python::normalise;
use dfix_syntax::Instruction;
use dfix_syntax::shell::{Script, SimpleCommand};

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Puts packages into the Python environment.
    Install,
    /// Sets up a tool that installs, or tells it how.
    Tool,
    /// Installs packages of the distribution.
    System,
    /// Fetches or removes package indexes, removes packages that were built with.
    Housekeeping,
    /// Empties caches.
    Cleanup,
    /// Changes the shell for the commands behind it, or only says something.
    Plain,
    /// Accounts, folders, permissions, links.
    Image,
    /// Anything else.
    Other,
}

/// A RUN whose script was understood.
pub(super) struct Run<'a> {
    pub instruction: &'a Instruction,
    pub script: &'a Script,
    /// Of each command of the script.
    pub roles: Vec<Role>,
    pub packages: Vec<PackageCommand<'a>>,
}

impl<'a> Run<'a> {
    /// Looks at a RUN. `Err` names what is in the way of a split.
    pub fn of(instruction: &'a Instruction) -> Result<Self, String> {
        let line = instruction.line();
        let Some(Ok(script)) = instruction.script() else {
            return Err(format!("the shell script of line {line} was not understood"));
        };
        let packages = package_commands(script);
        let sets_up = installer(script);
        let roles = script
            .commands()
            .iter()
            .enumerate()
            .map(|(index, simple)| {
                let package = packages.iter().find(|package| package.index == index);
                role(simple, package, sets_up).map_err(|reason| format!("line {line}: {reason}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { instruction, script, roles, packages })
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether all commands have one of these roles.
    pub fn only(&self, roles: &[Role]) -> bool {
        self.roles.iter().all(|role| roles.contains(role))
    }

    /// The installations into the Python environment.
    pub fn installs(&self) -> impl Iterator<Item = &PackageCommand<'a>> {
        self.packages.iter().filter(|package| self.roles[package.index] == Role::Install)
    }
}

/// Whether a script runs the installation script of one of Python's package managers.
fn installer(script: &Script) -> bool {
    let mut addresses = PACKAGE_MANAGERS.manager.iter().flat_map(|manager| &manager.installers);
    addresses.any(|address| script.text().contains(address.as_str()))
}

fn role(simple: &SimpleCommand, package: Option<&PackageCommand<'_>>, sets_up: bool) -> Result<Role, String> {
    let Some((at, _)) = program_word(simple) else { return Ok(plain_or_other(simple)) };
    let literal = |at: usize| simple.words.get(at).and_then(|word| word.literal.as_deref());
    let Some(name) = literal(at) else { return Ok(Role::Other) };
    let base = name.rsplit('/').next().unwrap_or(name);
    if let Some(package) = package {
        return package_role(package);
    }
    if sets_up {
        return Ok(Role::Tool);
    }
    if matches!(base, "." | "source") && literal(at + 1).is_some_and(|path| path.ends_with("bin/activate")) {
        return Err("the file has a virtual environment of its own; copying it is up to you".to_owned());
    }
    let is_python = base.starts_with("python");
    match (is_python, literal(at + 1), literal(at + 2)) {
        (true, Some("-m"), Some("venv" | "virtualenv")) => {
            return Err("the file makes a virtual environment of its own; copying it is up to you".to_owned());
        }
        (true, Some("-m"), Some("spacy")) if literal(at + 3) == Some("download") => return Ok(Role::Install),
        (true, Some(file), Some(verb)) if file.ends_with("setup.py") => {
            return Err(format!(
                "`{file} {verb}` puts files where dfix can't follow; `pip install .` does the same in a way \
                 that it can"
            ));
        }
        _ => {}
    }
    match base {
        "virtualenv" => {
            Err("the file makes a virtual environment of its own; copying it is up to you".to_owned())
        }
        "easy_install" => Err("easy_install puts packages where dfix can't follow; use pip".to_owned()),
        "spacy" if literal(at + 1) == Some("download") => Ok(Role::Install),
        "rm" if PACKAGE_MANAGERS.manager.iter().any(|manager| manager.system && cleans(simple, manager)) => {
            Ok(Role::Housekeeping)
        }
        "rm" if is_cleanup(simple) => Ok(Role::Cleanup),
        _ => Ok(plain_or_other(simple)),
    }
}

fn plain_or_other(simple: &SimpleCommand) -> Role {
    let Some(name) = simple.name() else {
        return if simple.words.is_empty() { Role::Plain } else { Role::Other };
    };
    // What is written to a file is more than said.
    let writes = simple.redirections.iter().any(|redirection| {
        redirection.operator.contains('>')
            && redirection
                .target
                .as_ref()
                .is_some_and(|target| !matches!(target.literal.as_deref(), Some("/dev/null" | "1" | "2")))
    });
    match COMMAND_PURPOSES.of(name) {
        "plain" if !writes && !simple.in_pipeline => Role::Plain,
        "image" => Role::Image,
        _ => Role::Other,
    }
}

fn package_role(package: &PackageCommand<'_>) -> Result<Role, String> {
    let manager = package.manager;
    if manager.system {
        return match package.action {
            Action::Install if manager.id != "apt" => {
                Err(format!("{} is not the package manager of a Debian image", manager.id))
            }
            Action::Install if package.verb() == "install" => Ok(Role::System),
            Action::Install | Action::Update | Action::Clean => Ok(Role::Housekeeping),
            Action::Other if super::super::system_packages::is_housekeeping(package) => {
                Ok(Role::Housekeeping)
            }
            Action::Other => Ok(Role::Other),
        };
    }
    let verb = package.verb();
    match (manager.id.as_str(), verb) {
        (_, "run") if manager.language == "python" => {
            Err(format!("`{} run` is called, which only works where {0} is", manager.id))
        }
        ("pip", "install") if is_tool(package) => Ok(Role::Tool),
        ("pip", "install" | "uninstall" | "wheel" | "download") => Ok(Role::Install),
        ("pip", "config") => Ok(Role::Tool),
        ("pip", "cache") => Ok(Role::Cleanup),
        ("pip", _) => Ok(Role::Plain),
        ("uv-pip", _) | ("poetry" | "pipenv", "install" | "sync" | "add" | "update") => Ok(Role::Install),
        ("uv", "sync" | "add") => Ok(Role::Install),
        ("uv", "venv") => {
            Err("the file makes a virtual environment of its own; copying it is up to you".to_owned())
        }
        ("poetry" | "pipenv" | "uv", _) => Ok(Role::Tool),
        (id, _) if manager.language == "python" => {
            Err(format!("packages are installed by {id}, which dfix does not split"))
        }
        (id, _) => Err(format!("{id} installs packages of another language")),
    }
}

/// Whether pip installs nothing but tools that install (`pip install poetry`).
fn is_tool(package: &PackageCommand<'_>) -> bool {
    let names: Option<Vec<String>> = operands(package).map(|name| name.map(package_name)).collect();
    let Some(names) = names else { return false };
    let is_manager = |name: &String| {
        PACKAGE_MANAGERS.manager.iter().any(|manager| {
            manager.language == "python" && manager.id != "pip" && manager.programs.contains(name)
        })
    };
    let companion = |name: &String| {
        is_manager(name)
            || matches!(name.as_str(), "pip" | "setuptools" | "wheel" | "virtualenv" | "poetry-core")
            || name.starts_with("poetry-plugin-")
    };
    names.iter().any(is_manager)
        && names.iter().all(companion)
        && !package.options.iter().any(|option| matches!(option.name.as_str(), "-r" | "--requirement"))
}

/// What a command is given. `uvicorn[standard]` without quotes is a pattern to the shell, which leaves it as it
/// is where no file is called so.
pub(super) fn operands<'p>(package: &'p PackageCommand<'_>) -> impl Iterator<Item = Option<&'p str>> {
    package.operands.iter().map(|&at| {
        let word = &package.simple.words[at];
        let extras = word.has_glob
            && word.variables.is_empty()
            && !word.has_substitution
            && !word.quoted
            && !word.raw.contains(['*', '?']);
        word.literal.as_deref().or_else(|| extras.then_some(word.raw.as_str()))
    })
}

/// The name in `poetry==1.8.3`, `uvicorn[standard]`.
pub(super) fn package_name(specification: &str) -> String {
    normalise(
        specification.split(['=', '<', '>', '~', '!', '[', ';', ' ', '@']).next().unwrap_or(specification),
    )
}

/// Whether `rm` only empties caches and folders for temporary files.
fn is_cleanup(simple: &SimpleCommand) -> bool {
    let mut paths = simple.words.iter().skip(1).filter(|word| !word.raw.starts_with('-')).peekable();
    let cache = |text: &str| {
        let path = text.trim_end_matches(['*', '/']);
        matches!(path, "/tmp" | "/var/tmp" | "/root/.cache" | "~/.cache" | "$HOME/.cache")
            || path.starts_with("/tmp/")
            || PACKAGE_MANAGERS
                .manager
                .iter()
                .flat_map(|manager| manager.cache.iter().chain(&manager.cleaned_by))
                .any(|known| {
                    path.strip_prefix(known.as_str())
                        .is_some_and(|below| below.is_empty() || below.starts_with('/'))
                })
    };
    paths.peek().is_some() && paths.all(|word| cache(word.raw.trim_matches(['"', '\''])))
}
