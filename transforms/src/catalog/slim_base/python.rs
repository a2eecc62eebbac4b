//! Python packages: which are compiled, and what they call and load.

use super::look::{Install, Look};
use crate::context::BuildContext;
use crate::facts::join;
use crate::knowledge::{PYTHON_PACKAGES, PythonPackage, numbers, version_matches};
use crate::project::join_context;
use crate::project::placement::source_of;
use crate::project::python::{
    Place, Pyproject, Requirement, Requirements, locked, locked_wheels, normalise, requirement_of,
};
use std::collections::BTreeMap;

/// The version of Python that `before:` in the table speaks of.
const TABLE: [u32; 2] = [3, 11];

pub(super) fn look(look: &mut Look<'_>, install: Install<'_>) {
    let Install { at, command, .. } = install;
    let line = look.situation.tree.instructions[at].line();
    match command.manager.id.as_str() {
        "pip" | "uv-pip" => pip(look, install, line),
        "poetry" | "uv" | "pdm" | "pipenv" => {
            let names: &[&str] = match command.manager.id.as_str() {
                "poetry" => &["poetry.lock"],
                "uv" => &["uv.lock"],
                "pdm" => &["pdm.lock"],
                _ => &["Pipfile.lock"],
            };
            lock(look, install, line, names);
        }
        other => look.doubt(format!("line {line} installs packages with {other}, which are not looked at")),
    }
}

fn pip(look: &mut Look<'_>, install: Install<'_>, line: usize) {
    let Install { at, command, .. } = install;
    let options = |name: &str| command.options.iter().any(|option| option.name == name);
    if options("--no-binary") || look.situation.facts.is_set(at, "PIP_NO_BINARY") {
        let needs = vec!["gcc".to_owned()];
        compiled(look, install, line, &format!("line {line} installs without wheels"), &needs, &[]);
    }
    let files: Vec<_> = command.values(&["-r", "--requirement"]).map(|option| option.value.clone()).collect();
    for file in files {
        let Some(file) = file else {
            look.doubt(format!("line {line} installs from a computed requirements file"));
            continue;
        };
        match in_context(look, install, &file).zip(look.situation.context) {
            Some((path, context)) => {
                let read = Requirements::of(context, [path.as_str()]);
                requirements(look, install, line, &read);
            }
            None => look.doubt(format!("line {line} installs from {file}, which is not known")),
        }
    }
    for option in command.values(&["-e", "--editable"]) {
        match option.value.as_deref() {
            Some(value) if value.starts_with("git+") => {
                vcs(look, install, line, &format!("line {line} installs {value}"))
            }
            _ => look.doubt(format!("line {line} installs a project whose dependencies are not looked at")),
        }
    }
    let variables = command.operands.iter().any(|&word| command.simple.words[word].literal.is_none());
    if variables {
        look.doubt(format!("line {line} installs packages whose names are computed"));
    }
    for operand in command.operand_values().flatten() {
        let place = Place { path: String::new(), line, text: operand.to_owned() };
        match requirement_of(operand, place) {
            Some(one) => requirement(look, install, line, &one, None),
            None if operand.contains("git+") => {
                vcs(look, install, line, &format!("line {line} installs {operand}"))
            }
            None => look.doubt(format!("line {line} installs {operand}, which is not looked at")),
        }
    }
}

/// The file of the context that a path in a command means.
fn in_context(look: &Look<'_>, install: Install<'_>, file: &str) -> Option<String> {
    source_of(look.situation, install.at, &join(install.folder, file)?)
}

fn requirements(look: &mut Look<'_>, install: Install<'_>, line: usize, read: &Requirements) {
    for place in &read.vcs {
        vcs(look, install, line, &format!("{}:{} ({})", place.path, place.line, place.text));
    }
    for place in read.local.iter().chain(&read.missing).chain(&read.unknown) {
        look.doubt(format!("{}:{} ({}) could not be looked at", place.path, place.line, place.text));
    }
    for one in &read.requirements {
        requirement(look, install, line, one, None);
    }
}

fn vcs(look: &mut Look<'_>, install: Install<'_>, line: usize, what: &str) {
    look.doubt(format!("{what}: what that installs is not looked at"));
    if !install.elsewhere && look.gap.command("git", install.installed).is_some() {
        let has_not = look.has_not("git");
        look.block(line, format!("{what} comes from a repository, for which git is called, {has_not}"));
    }
}

fn lock(look: &mut Look<'_>, install: Install<'_>, line: usize, names: &[&str]) {
    let found = names.iter().find_map(|name| in_context(look, install, name)).zip(look.situation.context);
    let Some((path, context)) = found else {
        look.doubt(format!("line {line} installs packages without a lock file that is known"));
        return;
    };
    match locked(context, &path) {
        Some(Ok(all)) => {
            let wheels = locked_wheels(context, &path);
            for one in &all {
                requirement(look, install, line, one, Some(&wheels));
            }
        }
        _ => look.doubt(format!("{path} could not be read")),
    }
    project(look, context, path.rsplit_once('/').map_or("", |(folder, _)| folder));
}

/// Build systems that call nothing and compile nothing.
const PLAIN: [&str; 8] =
    ["poetry-core", "poetry", "hatchling", "flit-core", "pdm-backend", "uv-build", "setuptools", "wheel"];

/// The project itself, which is built where it is installed.
fn project(look: &mut Look<'_>, context: &BuildContext, folder: &str) {
    let Some(Ok(project)) = Pyproject::of(context, folder) else { return };
    if !project.is_package() {
        return;
    }
    let requires = project.get(&["build-system", "requires"]).and_then(|list| list.as_array());
    for one in requires.into_iter().flatten().filter_map(|one| one.as_str()) {
        let place = Place { path: project.path.clone(), line: 0, text: one.to_owned() };
        let name = requirement_of(one, place).map_or_else(|| one.to_owned(), |one| one.name);
        if !PLAIN.contains(&name.as_str()) {
            look.doubt(format!(
                "{} is built with {name}, and what that calls is not looked at",
                project.path
            ));
        }
    }
    let setup = join_context(folder, "setup.py").and_then(|path| Some((context.text(&path)?, path)));
    let compiles = |text: &str| text.contains("ext_modules") || text.contains("Extension(");
    if let Some((_, path)) = setup.filter(|(text, _)| compiles(text)) {
        look.doubt(format!("{path} may compile extensions"));
    }
}

/// Judges one dependency. `wheels` are those that the lock file lists.
fn requirement(
    look: &mut Look<'_>,
    install: Install<'_>,
    line: usize,
    one: &Requirement,
    wheels: Option<&BTreeMap<String, Vec<String>>>,
) {
    let version = one.version.as_deref();
    let place = match (one.place.path.as_str(), one.place.line) {
        ("", line) => format!("line {line}"),
        (path, 0) => path.to_owned(),
        (path, line) => format!("{path}:{line}"),
    };
    let named = match version {
        Some(version) => format!("{} {version} ({place})", one.name),
        None => format!("{} ({place})", one.name),
    };
    // `psycopg[binary]` is `psycopg-binary` as well.
    let extras: Vec<String> =
        one.extras.iter().map(|extra| normalise(&format!("{}-{extra}", one.name))).collect();
    let row = PYTHON_PACKAGES
        .package
        .iter()
        .find(|row| row.name == one.name || extras.contains(&row.name) && !row.compiles.is_empty());
    let bundled = extras.iter().any(|name| PYTHON_PACKAGES.wheels.contains(name));
    let before = (look.obstacles.len(), look.doubts.len());
    match row {
        Some(row) => {
            match wheel(look, row, version, wheels.and_then(|wheels| wheels.get(&one.name))) {
                Wheel::Yes => {}
                Wheel::No => compiled(look, install, line, &named, &row.build_needs, &row.runtime_libraries),
                Wheel::Unknown => {
                    look.doubt(format!("whether {named} has a wheel for this Python is not known"))
                }
            }
            if row.compiles.is_empty() && !bundled {
                library(look, install, line, &named, &row.runtime_libraries);
            }
            if !bundled {
                library(look, install, line, &named, &row.runtime_system);
            }
            for name in &row.runtime_commands {
                if look.gap.command(name, install.installed).is_some() {
                    let has_not = look.has_not(name);
                    look.block(line, format!("{named} calls {name}, {has_not}"));
                }
            }
        }
        None if PYTHON_PACKAGES.pure.contains(&one.name) => {}
        None if PYTHON_PACKAGES.wheels.contains(&one.name) => {
            let since = PYTHON_PACKAGES.abi3.get(&one.name);
            let fits = version.is_none()
                || since.zip(version).is_some_and(|(since, version)| at_least(version, since))
                || wheels
                    .and_then(|wheels| wheels.get(&one.name))
                    .is_some_and(|files| has_wheel(look, files));
            if !fits {
                look.doubt(format!("whether {named} has a wheel for this Python is not known"));
            }
        }
        None if wheels
            .and_then(|wheels| wheels.get(&one.name))
            .is_some_and(|files| has_wheel(look, files)) =>
        {
            look.doubt(format!("what {named} calls is not known"));
        }
        None => look.doubt(format!("whether {named} is compiled, and what it calls, is not known")),
    }
    if before == (look.obstacles.len(), look.doubts.len()) {
        look.packages.insert(one.name.clone());
    }
}

enum Wheel {
    Yes,
    No,
    Unknown,
}

fn at_least(version: &str, since: &str) -> bool {
    version_matches(&numbers(version), &format!(">={since}"))
}

/// Whether a package of the table comes as a wheel.
fn wheel(look: &Look<'_>, row: &PythonPackage, version: Option<&str>, files: Option<&Vec<String>>) -> Wheel {
    let python = &look.root.base.version;
    match row.compiles.as_str() {
        "" | "never" => return Wheel::Yes,
        "always" => return Wheel::No,
        _ => {}
    }
    if files.is_some_and(|files| has_wheel(look, files)) {
        return Wheel::Yes;
    }
    let Some(version) = version else { return Wheel::Yes };
    let Some(since) = row.compiles.strip_prefix("before:") else { return Wheel::Unknown };
    let is_python = look.root.base.family() == "python" && python.len() >= 2;
    let (old, new) = (is_python && python[..] < TABLE[..], is_python && python[..2] == TABLE);
    let abi3 = PYTHON_PACKAGES.abi3.get(&row.name).is_some_and(|since| at_least(version, since));
    match at_least(version, since) {
        true if old || new || abi3 => Wheel::Yes,
        false if !old && is_python => Wheel::No,
        _ => Wheel::Unknown,
    }
}

/// Whether one of the wheels fits the Python of the image on Linux (PEP 425, PEP 600).
fn has_wheel(look: &Look<'_>, files: &[String]) -> bool {
    let [major, minor, ..] = look.root.base.version.as_slice() else { return false };
    if look.root.base.family() != "python" {
        return false;
    }
    files.iter().any(|file| {
        let Some(stem) = file.strip_suffix(".whl") else { return false };
        let mut tags = stem.rsplit('-');
        let (Some(platform), Some(abi), Some(python)) = (tags.next(), tags.next(), tags.next()) else {
            return false;
        };
        let on_linux = platform == "any" || platform.contains("manylinux") && platform.contains("x86_64");
        let own = format!("cp{major}{minor}");
        let fits = match abi {
            "none" => python.split('.').any(|tag| tag == format!("py{major}") || tag == own),
            "abi3" => python
                .strip_prefix("cp3")
                .and_then(|from| from.parse::<u32>().ok())
                .is_some_and(|from| from <= *minor),
            _ => python == own,
        };
        on_linux && fits
    })
}

/// A package that is compiled: on the image itself it needs tools, and wherever it was, its libraries.
fn compiled(
    look: &mut Look<'_>,
    install: Install<'_>,
    line: usize,
    named: &str,
    needs: &[String],
    libraries: &[String],
) {
    let compiler = ["gcc".to_owned()];
    let needs = if needs.is_empty() { &compiler[..] } else { needs };
    let lacking = look.gap.lacking(needs, install.installed).join(", ");
    if !install.elsewhere && !lacking.is_empty() {
        let has_not = look.has_not(&lacking);
        look.block(line, format!("{named} is compiled, which needs {lacking}, {has_not}"));
    }
    library(look, install, line, named, libraries);
}

fn library(look: &mut Look<'_>, install: Install<'_>, line: usize, named: &str, libraries: &[String]) {
    if let Some(package) = look.gap.library_package(libraries, install.installed) {
        let has_not = look.has_not(package);
        look.block(line, format!("{named} loads a library of {package}, {has_not}"));
    }
}
