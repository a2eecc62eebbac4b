//! Holds what is needed against what the slim form has.

use super::gap::{Installed, stripped};
use super::look::{DOCKERFILE, Look};
use crate::knowledge::BuildTool;
use crate::project::python::Place;
use crate::project::sources::{Need, Use};
use dfix_syntax::Instruction;
use dfix_syntax::shell::SimpleCommand;

/// Where something shows.
pub(super) struct Spot {
    pub line: usize,
    pub start: String,
}

pub(super) fn at_line(instruction: &Instruction) -> Spot {
    Spot { line: instruction.line(), start: format!("line {}", instruction.line()) }
}

fn is_bash(command: &str) -> bool {
    matches!(
        command.rsplit('/').next(),
        Some("bash" | "useradd" | "groupadd" | "usermod" | "apt-get" | "dpkg")
    )
}

/// Whether a path names a program of the application itself, rather than one that a package brings.
fn is_own_path(path: &str) -> bool {
    let system = ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].iter().any(|start| path.starts_with(start));
    !system
        && (path.ends_with(".sh")
            || path.starts_with("./") && !path.starts_with("./node_modules/")
            || path.starts_with("../")
            || path.starts_with('/') && !path.contains("/bin/") && !is_code(path))
}

fn is_code(path: &str) -> bool {
    [".py", ".js", ".mjs", ".cjs", ".ts"].iter().any(|end| path.ends_with(end))
}

impl Look<'_> {
    /// A package manager where its arguments are not looked at: in a script, behind `sh -c`, in JSON form.
    pub fn hidden_install(&mut self, need: &Need, place: &Spot) {
        let name = match need {
            Need::Command(name) => name.rsplit('/').next().unwrap_or(name),
            Need::Module(name) if name == "pip" => name,
            _ => return,
        };
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if matches!(name, "pip" | "npm" | "yarn" | "pnpm" | "bun" | "conda" | "easy_install")
            && self.gap.len() > 0
        {
            self.doubt(format!("{} calls {name}, and what that installs is not looked at", place.start));
        }
    }

    /// Folders that slim images leave empty, named by a command that reads from them.
    pub fn stripped_paths(&mut self, simple: &SimpleCommand, instruction: &Instruction) {
        let name = simple.name().unwrap_or_default();
        let words = simple.words.iter().skip(1).filter_map(|word| word.literal.as_deref());
        if name == "mkdir" {
            self.made.extend(words.map(|word| word.trim_end_matches('/').to_owned()));
            return;
        }
        if matches!(name, "rm" | "echo" | "printf" | "chmod" | "chown" | "find" | "test" | "[" | "ln") {
            return;
        }
        if let Some(path) =
            words.filter(|word| !self.made.contains(*word)).find(|word| stripped(word).is_some())
        {
            let line = instruction.line();
            let reason = format!(
                "line {line} names {path}, and {} has nothing in {}",
                self.name,
                stripped(path).unwrap_or(path)
            );
            self.block(line, reason);
        }
    }

    /// What a command calls in its turn. `run` is whether that is while the image is built.
    pub fn called_by(&mut self, need: &Need, place: &Spot, installed: &Installed, run: bool) {
        let Need::Command(command) = need else { return };
        for (caller, needs) in self.gap.called_by(command, installed) {
            let listed = needs.join(", ");
            let start = &place.start;
            if caller.opaque {
                self.doubt(format!("{start} calls {command}, and what that runs is not looked at"));
            } else if !run && !caller.always {
                continue;
            } else if caller.uncertain {
                self.doubt(format!("{start} calls {command}, which may need {listed}"));
            } else {
                let has_not = self.has_not(&listed);
                self.block(place.line, format!("{start} calls {command}, which needs {listed}, {has_not}"));
            }
        }
    }

    /// Holds a need against the gap. `place` is where it shows, as the start of a sentence.
    pub fn judge(&mut self, need: &Need, place: &Spot, installed: &Installed) {
        let Spot { line, start } = place;
        let found: Option<(String, &BuildTool)> = match need {
            Need::Command(command) => {
                self.gap.command(command, installed).map(|tool| (format!("calls {command}"), tool))
            }
            Need::Library(library) => {
                self.gap.library(library, installed).map(|tool| (format!("loads {library}"), tool))
            }
            Need::File(path) => {
                let file = self
                    .gap
                    .file(path, installed)
                    .map(|tool| (format!("names {path} (of {})", tool.name), tool));
                file.or_else(|| self.gap.command(path, installed).map(|tool| (format!("names {path}"), tool)))
            }
            Need::Module(module) => self
                .gap
                .module(module, installed)
                .map(|tool| (format!("imports {module}, which needs {}", tool.name), tool)),
            Need::Script(_) | Need::PackageScript(_) | Need::LoginShell | Need::Computed => None,
        };
        if let Some((what, tool)) = found {
            if tool.degrades {
                self.doubt(format!("{start} {what}, and without it {} does less", self.name));
            } else {
                let has_not = self.has_not(&tool.name);
                self.block(*line, format!("{start} {what}, {has_not}"));
            }
        }
        if self.gap.len() == 0 {
            return;
        }
        match need {
            Need::Computed => self.doubt(format!("{start} runs a command that is put together when it runs")),
            Need::Command(path) | Need::Script(path) if is_own_path(path) && !self.is_known(path) => {
                self.doubt(format!("{start} runs {path}, which is not in the build context"));
            }
            Need::Command(command) if self.alpine() && is_bash(command) => {
                self.block(*line, format!("{start} calls {command}, which {} has not", self.name));
            }
            _ => {}
        }
    }

    /// Whether a file that is run is among the sources.
    fn is_known(&self, path: &str) -> bool {
        let last = path.rsplit('/').next().unwrap_or(path);
        let context = self.situation.context;
        context.is_some_and(|context| context.named(last).next().is_some())
    }

    /// Adds what a command of the Dockerfile runs to the sources.
    pub fn follow(&mut self, line: usize, need: Need) {
        let place = Place { path: DOCKERFILE.to_owned(), line, text: String::new() };
        self.sources.add(self.situation.context, [Use { need, place }]);
    }
}
