//! The virtual environment: where it lies, and what would not find it.

use super::super::asked::Asked;
use super::fate::Fate;
use super::roles::{Role, Run};
use super::{Obstacle, indexes, sets};
use crate::knowledge::{PACKAGE_MANAGERS, numbers};
use crate::plan::Situation;
use crate::project::placement::source_of;
use dfix_syntax::{Keyword, Kind};

/// The virtual environment that is copied from one stage to the other.
pub(super) struct Environment {
    /// Its folder.
    pub path: String,
    /// Whether it has to be made, and PATH set: not where uv makes one in the project.
    pub made: bool,
    /// Whether a tool is told of it by `VIRTUAL_ENV`.
    pub announced: bool,
    /// What could not be looked at, in words.
    pub doubts: Vec<String>,
}

const PATH: &str = "/opt/venv";

/// Where Python's own packages are, and Debian's.
const PACKAGES: &[&str] = &["site-packages", "dist-packages", "/usr/local/lib/python"];

impl Environment {
    /// Decides on the environment. `first` and `last` are the first and the last installation.
    pub fn of(
        situation: Situation<'_>,
        runs: &[(usize, Run<'_>)],
        first: usize,
        last: usize,
    ) -> Result<Self, Obstacle> {
        let version = &situation.facts.stages[0].base.version;
        if !version.is_empty() && numbers("3.4") > *version && *version != [3] {
            return Err((
                situation.tree.instructions[first].line(),
                "this Python has no venv module".to_owned(),
            ));
        }
        let managers: Vec<(usize, &str)> = runs
            .iter()
            .flat_map(|(at, run)| run.installs().map(|install| (*at, install.manager.id.as_str())))
            .collect();
        let projects = managers.iter().filter(|(_, id)| *id == "uv").count();
        let mut environment = Self {
            path: PATH.to_owned(),
            made: true,
            announced: managers.iter().any(|(_, id)| *id != "pip"),
            doubts: Vec::new(),
        };
        if projects > 0 {
            let line = situation.tree.instructions[first].line();
            if projects < managers.len() {
                return Err((
                    line,
                    "uv installs into the project and something else into the system".to_owned(),
                ));
            }
            let Some(workdir) = situation.facts.at(first).workdir.as_deref() else {
                return Err((line, "the folder that uv works in is not known".to_owned()));
            };
            let other =
                managers.iter().any(|(at, _)| situation.facts.at(*at).workdir.as_deref() != Some(workdir));
            if other {
                return Err((line, "uv works in several folders".to_owned()));
            }
            if workdir == "/" {
                return Err((line, "the project lies in /; set a WORKDIR".to_owned()));
            }
            environment.path = format!("{}/.venv", workdir.trim_end_matches('/'));
            environment.made = false;
            environment.announced = false;
        }
        environment.instructions(situation, runs, first, last)?;
        Ok(environment)
    }

    /// What of the file's instructions is in the way.
    fn instructions(
        &self,
        situation: Situation<'_>,
        runs: &[(usize, Run<'_>)],
        first: usize,
        last: usize,
    ) -> Result<(), Obstacle> {
        let installs = |at: usize| {
            let found = runs.binary_search_by_key(&at, |(run, _)| *run);
            found.is_ok_and(|found| runs[found].1.has(Role::Install))
        };
        for at in indexes(situation) {
            let instruction = &situation.tree.instructions[at];
            let line = instruction.line();
            let fail = |reason: String| Err((line, reason));
            let place = situation.facts.at(at);
            match instruction.kind() {
                Kind::Onbuild(_) => {
                    return fail("ONBUILD runs in images that are built on this one".to_owned());
                }
                Kind::Run(_) if installs(at) => match place.user.as_deref() {
                    Some("root" | "0") => {}
                    Some(user) => {
                        return fail(format!("packages are installed as {user}, into a home folder"));
                    }
                    None => return fail("the user that installs packages is not known".to_owned()),
                },
                Kind::User(_) if at < last => {
                    let next = situation.facts.at(at + 1).user.clone();
                    if !matches!(next.as_deref(), Some("root" | "0")) {
                        return fail(
                            "another user than root is set before packages are installed".to_owned(),
                        );
                    }
                }
                Kind::Env(pairs) | Kind::Arg(pairs) => {
                    for pair in pairs {
                        self.variable(situation, at, &pair.name, first).map_err(|reason| (line, reason))?;
                    }
                }
                _ => {}
            }
            if place.shell.is_login() && instruction.keyword() == Keyword::Run {
                return fail("SHELL is a login shell, which takes PATH from /etc/profile".to_owned());
            }
            if !place.shell.is_posix() && instruction.keyword() == Keyword::Run {
                return fail("the shell is not a POSIX shell".to_owned());
            }
            let text = instruction.arguments();
            if let Some(named) = PACKAGES.iter().find(|part| text.contains(**part)) {
                return fail(format!("{named} is named, and packages would be in {}", self.path));
            }
            if self.made && text.contains(PATH) {
                return fail(format!("{PATH} is in use"));
            }
        }
        Ok(())
    }

    fn variable(&self, situation: Situation<'_>, at: usize, name: &str, first: usize) -> Result<(), String> {
        let moved = PACKAGE_MANAGERS.manager.iter().any(|manager| {
            manager.language == "python" && manager.elsewhere_variables.iter().any(|known| known == name)
        });
        if moved {
            return Err(format!("{name} decides where packages are installed"));
        }
        if name == "VIRTUAL_ENV" && self.made {
            return Err("the file has a virtual environment of its own".to_owned());
        }
        if name != "PATH" || !self.made {
            return Ok(());
        }
        if at > first {
            return Err("PATH is set after packages are installed; set it on top of the file".to_owned());
        }
        let Kind::Env(pairs) = situation.tree.instructions[at].kind() else { return Ok(()) };
        let value = pairs.iter().filter(|pair| pair.name == "PATH").find_map(|pair| pair.value.as_ref());
        let value = value.map(|word| word.raw.trim_matches(['"', '\'']).to_owned()).unwrap_or_default();
        let known = |folder: &str| {
            matches!(folder, "$PATH" | "${PATH}")
                || folder.ends_with("/.local/bin")
                || folder.ends_with("/.poetry/bin")
                || folder.contains("poetry") && folder.ends_with("/bin")
                || folder.contains("POETRY_HOME")
        };
        match value.split(':').find(|folder| !known(folder)) {
            Some(folder) => Err(format!(
                "PATH has {folder}, and it can't be told whether something in it is also in the virtual environment"
            )),
            None => Ok(()),
        }
    }

    /// Whether something names what a virtual environment would hide, or leave behind.
    pub fn hold_against(
        &self,
        situation: Situation<'_>,
        asked: &Asked,
        first: usize,
        fates: &[(usize, Fate)],
    ) -> Result<(), Obstacle> {
        let line = situation.tree.instructions[first].line();
        let end = situation.facts.stages[0].stage.instructions.end;
        for (path, place) in &asked.files {
            let of_python = PACKAGES.iter().any(|part| path.contains(part));
            let name = path.rsplit('/').next().unwrap_or(path);
            let in_bin = path.starts_with("/usr/local/bin/");
            let python = ["python", "pip"].iter().any(|start| name.starts_with(start))
                && (in_bin || path.starts_with("/usr/bin/"));
            if of_python || python && self.made {
                return Err((line, format!("{place} names {path}, which would not have the packages")));
            }
            if !self.made || !in_bin || name.is_empty() {
                continue;
            }
            let brought = source_of(situation, end - 1, path).is_some()
                || fates.iter().any(|(at, fate)| {
                    let instruction = &situation.tree.instructions[*at];
                    let copied = matches!(instruction.kind(), Kind::Copy(_) | Kind::Add(_));
                    let run = instruction.keyword() == Keyword::Run;
                    let text = instruction.arguments();
                    fate.runtime
                        && (copied
                            && (text.contains(path.as_str())
                                || text.contains(name) && text.contains("/usr/local/bin"))
                            || run && text.contains(path.as_str()))
                });
            if !brought {
                return Err((
                    line,
                    format!(
                        "{place} names {path}, which would be in {}/bin; call {name} by its name",
                        self.path
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether an ENV before the installations extends PATH.
    pub fn last_path(situation: Situation<'_>, first: usize) -> Option<usize> {
        indexes(situation).filter(|&at| at < first && sets(&situation.tree.instructions[at], "PATH")).last()
    }
}
