//! What the stage that runs is asked for, by the sources and by the commands that start in it.

use super::debian::Debian;
use super::system_packages::Wanted;
use crate::catalog::slim_base::gap::{Gap, Installed, stripped};
use crate::knowledge::{BUILD_TOOLS, BuildTool, COMMAND_PURPOSES, PACKAGE_MANAGERS};
use crate::project::python::Place;
use crate::project::sources::{Need, Sources};

/// What full images have, slim ones lack and something asks for; and what can't be had.
#[derive(Default)]
pub(super) struct Asked {
    /// Packages, each with the reason.
    pub wanted: Wanted,
    /// What stands in the way, in words.
    pub obstacles: Vec<String>,
    /// What could not be looked at, in words.
    pub doubts: Vec<String>,
    /// Absolute names of the system, with the place.
    pub files: Vec<(String, String)>,
    /// Commands of the language's package managers that are called, with the place.
    pub managers: Vec<(String, String)>,
}

/// The stage that is asked.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The language that is split.
    pub language: &'a str,
    /// The distribution that it stands on.
    pub debian: &'a Debian,
    /// What its base lacks that the one before had.
    pub gap: Option<&'a Gap>,
    /// What the author installs in it.
    pub installed: &'a Installed,
}

impl Asked {
    /// Takes in what sources and instructions need.
    pub fn of(sources: &Sources, asking: Asking<'_>) -> Self {
        let mut asked = Self::default();
        for one in &sources.uses {
            asked.need(&one.need, &words(&one.place), asking);
        }
        asked.doubts.extend(sources.unread.iter().map(words));
        asked
    }

    fn need(&mut self, need: &Need, place: &str, asking: Asking<'_>) {
        match need {
            Need::Command(name) => self.command(name, place, asking),
            Need::Library(name) => self.library(name, place, asking),
            Need::File(name) => {
                self.files.push((name.clone(), place.to_owned()));
                self.file(name, place, asking);
            }
            Need::Module(name) => {
                let tool = asking.gap.and_then(|gap| gap.module(name, asking.installed));
                if let Some(tool) = tool {
                    self.tool(tool, &format!("{place} imports {name}"), asking);
                }
            }
            Need::LoginShell => self
                .obstacles
                .push(format!("{place} starts a login shell, which takes PATH from /etc/profile")),
            Need::Computed => {
                self.doubts.push(format!("{place} runs a command that is only known when it runs"));
            }
            Need::Script(_) | Need::PackageScript(_) => {}
        }
    }

    fn command(&mut self, name: &str, place: &str, asking: Asking<'_>) {
        let base = name.rsplit('/').next().unwrap_or(name);
        if name.starts_with('/') {
            self.files.push((name.to_owned(), place.to_owned()));
        }
        let manager = PACKAGE_MANAGERS
            .manager
            .iter()
            .find(|manager| !manager.system && manager.programs.iter().any(|program| program == base));
        if let Some(manager) = manager {
            if manager.language == asking.language {
                self.managers.push((base.to_owned(), place.to_owned()));
            } else {
                self.obstacles
                    .push(format!("{place} calls {base}, and only stages of one language are split"));
            }
            return;
        }
        match COMMAND_PURPOSES.of(base) {
            "login" => self
                .obstacles
                .push(format!("{place} calls {base}, which starts commands with a PATH of its own")),
            "compiles" => self.obstacles.push(format!("{place} calls {base}, which needs build tools")),
            _ => {
                let tool = asking.gap.and_then(|gap| gap.command(name, asking.installed));
                if let Some(tool) = tool {
                    self.tool(tool, &format!("{place} calls {base}"), asking);
                }
                self.called_by(name, place, asking);
            }
        }
    }

    /// What a command calls in its turn.
    fn called_by(&mut self, name: &str, place: &str, asking: Asking<'_>) {
        let Some(gap) = asking.gap else { return };
        for (caller, needs) in gap.called_by(name, asking.installed) {
            if caller.opaque {
                self.doubts.push(format!("{place} calls {name}, and what that runs is not looked at"));
            }
            for package in needs {
                let why = format!("{place} calls {name}, which needs it");
                match BUILD_TOOLS.package.iter().find(|tool| tool.name == package) {
                    Some(tool) => self.tool(tool, &why, asking),
                    None => self.want(package, why),
                }
            }
        }
    }

    /// A package that only the full image has.
    fn tool(&mut self, tool: &BuildTool, why: &str, asking: Asking<'_>) {
        match tool.kind.as_str() {
            "compiler" => self.obstacles.push(format!("{why}, which needs build tools")),
            "header" => self.runtime(&tool.name, why, asking),
            _ => {
                self.want(&tool.name, why.to_owned());
                for beside in &tool.beside {
                    self.runtime(beside, &format!("{} uses it, and {why}", tool.name), asking);
                }
            }
        }
    }

    /// The libraries that a package with headers stands for; another package itself.
    fn runtime(&mut self, package: &str, why: &str, asking: Asking<'_>) {
        match asking.debian.runtime(package) {
            Some(runtime) => {
                self.doubts.extend(runtime.unsure);
                for library in runtime.packages {
                    self.want(&library, why.to_owned());
                }
            }
            None => self.want(package, why.to_owned()),
        }
    }

    /// A library that is loaded by its name (`magic`, `libmagic.so.1`).
    fn library(&mut self, name: &str, place: &str, asking: Asking<'_>) {
        let tool = asking.gap.and_then(|gap| gap.library(name, asking.installed));
        if let Some(tool) = tool {
            self.runtime(&tool.name, &format!("{place} loads {name}"), asking);
        }
    }

    /// A file of the system.
    fn file(&mut self, path: &str, place: &str, asking: Asking<'_>) {
        let Some(gap) = asking.gap else { return };
        let tool = gap.file(path, asking.installed).or_else(|| gap.command(path, asking.installed));
        if let Some(tool) = tool {
            self.tool(tool, &format!("{place} names {path}"), asking);
        } else if let Some(folder) = stripped(path) {
            self.obstacles.push(format!("{place} names {path}, and slim images have nothing in {folder}"));
        }
    }

    fn want(&mut self, package: &str, why: String) {
        self.wanted.entry(package.to_owned()).or_insert(why);
    }
}

/// A place, in words.
pub(super) fn words(place: &Place) -> String {
    match (place.path.is_empty(), place.line) {
        (true, 0) => place.text.clone(),
        (true, line) => format!("line {line}"),
        (false, 0) => format!("{} ({})", place.path, place.text),
        (false, line) => format!("{}:{line}", place.path),
    }
}
