//! What the sources in the build context call and need of the image that they run in: commands, shared
//! libraries, files of the system, modules.
//!
//! Code is not run and not fully parsed: it is split into tokens, so that comments and strings are told from
//! code, and calls that start a process or load a library (`knowledge/process-calls.toml`) are looked at.
//! What such a call is given is followed through constants of the same file. A command that is put together
//! when it runs is a finding of its own, [`Need::Computed`]: nothing may be concluded from its absence.
//!
//! Shell scripts are read only where something runs them; a script for a release beside the sources says
//! nothing about the image. [`Sources::follow`] adds what a command of the Dockerfile runs.

mod code;
mod config;
mod imports;
mod shell;
mod tokens;

pub use shell::{argv_needs, script_needs};

use super::node::Package;
use super::python::Place;
use crate::context::BuildContext;
use dfix_syntax::{CommandForm, Instruction};
use std::collections::BTreeSet;

/// Something that has to be there at run time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A program, by its name or path as written.
    Command(String),
    /// A file that an interpreter is given to run: `bash x.sh`, `python x.py`, `. x`.
    Script(String),
    /// A script of package.json: `npm start`, `yarn run serve`.
    PackageScript(String),
    /// A shared library, as written: `libmagic.so.1`, `magic`.
    Library(String),
    /// A file or folder of the system, by its absolute name.
    File(String),
    /// A module that is imported, or run by `python -m`, as written.
    Module(String),
    /// A shell that takes PATH from `/etc/profile` and forgets the image's.
    LoginShell,
    /// A command, script or library whose name is put together when it runs.
    Computed,
}

impl Need {
    /// The name of a command without its folder.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Command(name) => Some(name.rsplit('/').next().unwrap_or(name)),
            _ => None,
        }
    }
}

/// A need, and where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// What is needed.
    pub need: Need,
    /// Where.
    pub place: Place,
}

/// What an instruction runs.
#[must_use]
pub fn uses_of(instruction: &Instruction) -> Vec<Use> {
    let place = Place {
        path: String::new(),
        line: instruction.line(),
        text: instruction.arguments().chars().take(60).collect(),
    };
    let needs: Vec<Need> = match instruction.command() {
        Some(CommandForm::Exec(words)) => {
            argv_needs(&words.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>())
        }
        Some(CommandForm::Shell(_)) => match instruction.script() {
            Some(Ok(script)) => script_needs(script).into_iter().map(|(_, need)| need).collect(),
            _ => vec![Need::Computed],
        },
        None => Vec::new(),
    };
    needs.into_iter().map(|need| Use { need, place: place.clone() }).collect()
}

/// What the sources of a build context need.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What they need, in the order in which files were read.
    pub uses: Vec<Use>,
    /// Files that were read.
    pub files: BTreeSet<String>,
    /// What could not be looked at, and why: a file too large, a language that is not read, too many files.
    pub unread: Vec<Place>,
}

/// More files than this are not read, nor larger ones than [`LARGEST`].
const MOST_FILES: usize = 5_000;
const LARGEST: u64 = 1 << 20;

/// Folders that don't hold sources that run in the image.
const LEFT_OUT: [&str; 24] = [
    ".git",
    ".github",
    ".gitlab",
    ".circleci",
    ".venv",
    "venv",
    "node_modules",
    "bower_components",
    "__pycache__",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".idea",
    ".vscode",
    "test",
    "tests",
    "__tests__",
    "__mocks__",
    "e2e",
    "docs",
    "doc",
    "examples",
    "site-packages",
];

/// Endings of sources in languages that are not read.
const NOT_READ: [&str; 16] = [
    "rb", "php", "pl", "pm", "java", "kt", "scala", "clj", "cs", "fs", "ex", "exs", "erl", "lua", "r", "jar",
];

impl Sources {
    /// Reads the sources below a folder of the context (`""` for all of it), tests and documentation left out.
    #[must_use]
    pub fn of(context: &BuildContext, folder: &str) -> Self {
        Self::of_files(context, context.under(folder).map(|(path, _)| path))
    }

    /// Reads those of the given files that are sources.
    #[must_use]
    pub fn of_files<'p>(context: &BuildContext, paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut all = Self::default();
        let mut not_read: BTreeSet<&str> = BTreeSet::new();
        for path in paths {
            if is_left_out(path) {
                continue;
            }
            let ending = extension(path);
            if NOT_READ.contains(&ending) {
                if not_read.insert(ending) {
                    all.leave(path, &format!("sources of this kind (.{ending}) are not read"));
                }
                continue;
            }
            if code::Language::of(path).is_some() {
                if all.files.len() >= MOST_FILES {
                    all.leave(path, &format!("more than {MOST_FILES} files"));
                    break;
                }
                all.read(context, path, false);
            }
        }
        if !context.is_complete() {
            all.leave("", "the build context has too many files to list");
        }
        all
    }

    /// Reads the file of the context that a command runs, and what that one runs: `name` is a command or a
    /// script as written (`./entrypoint.sh`, `/usr/local/bin/start`). Whether there is such a file: of a name
    /// that is not a path of the context, any file that is called so is taken for it.
    pub fn follow(&mut self, context: &BuildContext, name: &str) -> bool {
        let found = files_called(context, name);
        for path in &found {
            self.read(context, path, true);
        }
        !found.is_empty()
    }

    /// Adds needs found elsewhere, in an instruction of a Dockerfile for one, and follows the files of the
    /// context that they name.
    pub fn add(&mut self, context: Option<&BuildContext>, uses: impl IntoIterator<Item = Use>) {
        for one in uses {
            let need = one.need.clone();
            self.uses.push(one);
            if let Some(context) = context {
                self.follow_need(context, &need);
            }
        }
    }

    /// Where a command of this name is called, by whatever path.
    #[must_use]
    pub fn calls(&self, name: &str) -> Option<&Place> {
        self.uses.iter().find(|one| one.need.command() == Some(name)).map(|one| &one.place)
    }

    /// The places whose command can't be told.
    pub fn computed(&self) -> impl Iterator<Item = &Place> {
        self.uses.iter().filter(|one| one.need == Need::Computed).map(|one| &one.place)
    }

    /// Whether everything could be looked at: no computed command, no file left unread.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.computed().next().is_none()
    }

    fn leave(&mut self, path: &str, why: &str) {
        let place = Place { path: path.to_owned(), line: 0, text: why.to_owned() };
        if !self.unread.contains(&place) {
            self.unread.push(place);
        }
    }

    /// Reads one file. `run` is whether it is run as it is, so that its first line (`#!`) counts.
    fn read(&mut self, context: &BuildContext, path: &str, run: bool) {
        if !self.files.insert(path.to_owned()) {
            return;
        }
        if context.size(path).is_some_and(|size| size > LARGEST) {
            self.leave(path, "larger than a megabyte");
            return;
        }
        let Some(text) = context.text(path) else {
            if run {
                self.leave(path, "not a text");
            }
            return;
        };
        let mut uses = Vec::new();
        let interpreter = shell::shebang(path, &text);
        if let Some(interpreter) = interpreter.filter(|_| run) {
            uses.push(interpreter);
        }
        match code::Language::of(path).or_else(|| code::Language::of_shebang(&text)) {
            Some(language) => uses.extend(code::needs(language, path, &text)),
            None if shell::is_script(path, &text) => uses.extend(shell::file_needs(path, &text)),
            None => uses.extend(config::needs(path, &text)),
        }
        self.add(Some(context), uses);
    }

    fn follow_need(&mut self, context: &BuildContext, need: &Need) {
        match need {
            Need::Script(name) => {
                for path in files_called(context, name) {
                    self.read(context, &path, false);
                }
            }
            Need::Command(name) => {
                self.follow(context, name);
                let program = name.rsplit('/').next().unwrap_or(name);
                for path in config::read_by(context, program) {
                    self.read(context, &path, false);
                }
            }
            Need::PackageScript(name) => self.follow_package_script(context, name),
            _ => {}
        }
    }

    fn follow_package_script(&mut self, context: &BuildContext, name: &str) {
        // `npm run x` runs `prex` and `postx` around it (npm documentation, scripts).
        for name in [format!("pre{name}"), name.to_owned(), format!("post{name}")] {
            let manifests: Vec<String> =
                context.named("package.json").filter(|path| !is_left_out(path)).map(str::to_owned).collect();
            for path in manifests {
                if !self.files.insert(format!("{path}#{name}")) {
                    continue;
                }
                let package = context.text(&path).and_then(|text| Package::parse(&path, &text).ok());
                let Some(command) = package.and_then(|package| package.scripts.get(&name).cloned()) else {
                    continue;
                };
                let place = Place { path: path.clone(), line: 0, text: format!("\"{name}\": \"{command}\"") };
                let needs = shell::text_needs(&command);
                self.add(Some(context), needs.into_iter().map(|need| Use { need, place: place.clone() }));
            }
        }
    }
}

fn extension(path: &str) -> &str {
    path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending)
}

/// Whether a path lies in a folder of tests or the like, or is called like a test.
fn is_left_out(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    folders.split('/').any(|folder| LEFT_OUT.contains(&folder))
        || name.starts_with("test_")
        || name == "conftest.py"
        || [".min.js", "_test.py", "_test.go", ".d.ts"].iter().any(|end| name.ends_with(end))
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// The files of the context that a name in an image may stand for.
fn files_called(context: &BuildContext, name: &str) -> Vec<String> {
    let plain = name.trim_start_matches("./");
    if plain.is_empty() || plain.ends_with('/') {
        return Vec::new();
    }
    let relative = plain.trim_start_matches('/');
    if context.contains(relative) {
        return vec![relative.to_owned()];
    }
    let last = relative.rsplit('/').next().unwrap_or(relative);
    if !name.contains('/') && !last.contains('.') {
        return Vec::new();
    }
    let mut called: Vec<String> =
        context.named(last).filter(|path| !is_left_out(path)).map(str::to_owned).collect();
    // `/app/bin/start` is `bin/start` rather than `tools/start`.
    let exact: Vec<String> =
        called.iter().filter(|path| relative.ends_with(&format!("/{path}"))).cloned().collect();
    if !exact.is_empty() {
        called = exact;
    }
    called
}

#[cfg(test)]
mod tests;
