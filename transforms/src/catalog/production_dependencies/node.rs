//! npm, Yarn, pnpm and Bun.

use super::{Install, Possible, Verdict, brief, starts, users};
use crate::facts::{Action, Base};
use crate::knowledge::{NODE_PACKAGES, version_matches};
use crate::plan::Situation;
use crate::project::node::{Lock, Package, imports};
use crate::project::placement::{folder_of, source_of};
use crate::project::start::{Program, Provider, Started, provider, started_by, started_by_install};
use dfix_syntax::Keyword;

pub(super) fn look(install: Install<'_>) -> Verdict {
    let Install { situation, stage, at, command, folder } = install;
    if !command.operands.is_empty() || command.simple.in_pipeline {
        return Verdict::Nothing;
    }
    let users = users(situation, stage);
    if !users.iter().any(|&user| situation.facts.stages[user].shipped) {
        return Verdict::Nothing;
    }
    let Some(context) = situation.context else { return Verdict::Nothing };
    let Some(place) = folder_of(situation, at, folder, "package.json") else { return Verdict::Nothing };
    let package = match Package::of(context, &place) {
        None => return Verdict::Nothing,
        Some(Err(bad)) => return Verdict::Broken(bad),
        Some(Ok(package)) => package,
    };
    if package.dev_dependencies.is_empty() {
        return Verdict::Nothing;
    }
    for &user in &users {
        if let Some(need) = build_in(situation, user, at, &package) {
            // Who builds in a stage of its own knows that it needs them.
            let alone = situation.facts.stages.len() == 1;
            return if alone { Verdict::Declined(need) } else { all_of_lock(install, &package, &place) };
        }
    }
    let mut unknown = Vec::new();
    let mut evidence = Vec::new();
    for &user in users.iter().filter(|&&user| situation.facts.stages[user].shipped) {
        match start_needs(situation, user, &package) {
            Ok(looked) => {
                evidence.extend(looked.evidence);
                unknown.extend(looked.unknown);
            }
            Err(reason) => return Verdict::Declined(reason),
        }
    }
    match install_needs(situation, at, &package, command.has_option(&["--ignore-scripts".to_owned()])) {
        Ok(more) => unknown.extend(more),
        Err(reason) => return Verdict::Declined(reason),
    }
    match sources_need(situation, &place, &package) {
        Ok(count) => {
            let s = if count == 1 { "" } else { "s" };
            evidence.push(format!("none of {count} source file{s} loads a development dependency"));
        }
        Err(reason) => return Verdict::Declined(reason),
    }
    let left_out: Vec<&str> = package.dev_dependencies.keys().map(String::as_str).take(4).collect();
    let more = if package.dev_dependencies.len() > left_out.len() { ", …" } else { "" };
    evidence.push(format!("left out: {}{more} (development dependencies)", left_out.join(", ")));
    options(install, &package, &place, evidence, unknown)
}

/// The lock file of an install.
struct Locked {
    lock: Lock,
    /// Whether it is in the image by then, and in step.
    held: bool,
}

impl Locked {
    fn of(install: Install<'_>, package: &Package, place: &str) -> Self {
        let Install { situation, at, command, folder, .. } = install;
        let lock = match situation.context {
            Some(context) => Lock::of(&command.manager.id, package, context, place),
            None => Lock::Missing,
        };
        let held = is_held(situation, at, folder, &lock);
        Self { lock, held }
    }

    /// Whether `npm ci` does what another install of npm does.
    fn makes_ci_possible(&self, install: Install<'_>) -> bool {
        let base = &install.situation.facts.stages[install.stage].base;
        let readable = !matches!(self.lock, Lock::InStep { version: 3.., .. }) || !has_old_npm(base);
        base.family() == "node"
            && install.command.verb() != "ci"
            && self.held
            && readable
            && !install.command.has_option(&["--no-package-lock".to_owned()])
    }
}

/// Whether a lock file is in step, and in the image by the time of an install.
fn is_held(situation: Situation<'_>, at: usize, folder: &str, lock: &Lock) -> bool {
    let Lock::InStep { path, .. } = lock else { return false };
    let name = path.rsplit('/').next().unwrap_or(path);
    source_of(situation, at, &format!("{folder}/{name}")).is_some_and(|source| source == *path)
}

/// Whether an install at `at` in `folder`, repeated, brings the same again: its lock file is in step and in
/// the image.
pub(crate) fn is_locked(
    situation: Situation<'_>,
    at: usize,
    manager: &str,
    package: &Package,
    (folder, place): (&str, &str),
) -> bool {
    let Some(context) = situation.context else { return false };
    is_held(situation, at, folder, &Lock::of(manager, package, context, place))
}

/// npm 6 came with Node.js up to 14 (Node.js release table); it knows no `--omit`.
fn has_old_npm(base: &Base) -> bool {
    !version_matches(&base.version, ">=15")
}

/// All dependencies, for a stage that builds: as the lock file has them.
fn all_of_lock(install: Install<'_>, package: &Package, place: &str) -> Verdict {
    if install.command.manager.id != "npm" || !Locked::of(install, package, place).makes_ci_possible(install)
    {
        return Verdict::Nothing;
    }
    let evidence = vec![
        "package-lock.json is in step with package.json".to_owned(),
        "a build follows, so development dependencies stay".to_owned(),
    ];
    Verdict::Possible(Possible { verb: Some("ci"), options: Vec::new(), evidence, unknown: Vec::new() })
}

/// The options for this package manager, and whether the install can insist on the lock file.
fn options(
    install: Install<'_>,
    package: &Package,
    place: &str,
    mut evidence: Vec<String>,
    unknown: Vec<String>,
) -> Verdict {
    let Install { situation, command, .. } = install;
    let manager = command.manager;
    let locked = Locked::of(install, package, place);
    let Locked { lock, held } = &locked;
    let mut options = vec![manager.production.clone()];
    let mut verb = None;
    let has = |name: &str| command.has_option(&[name.to_owned()]);
    match manager.id.as_str() {
        "npm" => {
            let base = &situation.facts.stages[install.stage].base;
            if base.family() != "node" {
                return Verdict::Declined(
                    "the version of npm in this base image is not known, so neither is how it leaves out development dependencies; install them with `npm ci --omit=dev` yourself"
                        .to_owned(),
                );
            }
            if has_old_npm(base) {
                options = vec!["--only=production".to_owned()];
            }
            if locked.makes_ci_possible(install) {
                verb = Some("ci");
                evidence.push("package-lock.json is in step with package.json".to_owned());
            } else if let Some(obstacle) = lock.obstacle().filter(|_| command.verb() != "ci") {
                evidence.push(format!("`npm {}` stays: {obstacle}", command.verb()));
            }
        }
        "yarn" => match lock {
            Lock::InStep { version: 2.., .. } => {
                return Verdict::Declined(
                    "Yarn 2 and later install production dependencies by `yarn workspaces focus --production`, which Yarn 2 and 3 need a plugin for; write it yourself where you have it"
                        .to_owned(),
                );
            }
            Lock::InStep { .. } if *held && !has("--frozen-lockfile") && !has("--pure-lockfile") => {
                options.insert(0, "--frozen-lockfile".to_owned());
                evidence.push("yarn.lock is in step with package.json".to_owned());
            }
            _ => {}
        },
        "pnpm" if *held && !has("--frozen-lockfile") && !has("--offline") => {
            options.insert(0, "--frozen-lockfile".to_owned());
            evidence.push("pnpm-lock.yaml is in step with package.json".to_owned());
        }
        _ => {}
    }
    if matches!(command.verb(), "ci" | "clean-install") && !lock.is_in_step() {
        // It would fail as it is: not ours to hide.
        evidence.extend(lock.obstacle());
    }
    Verdict::Possible(Possible { verb, options, evidence, unknown })
}

/// What was looked at, and what could not be told.
#[derive(Default)]
pub(crate) struct Looked {
    pub evidence: Vec<String>,
    pub unknown: Vec<String>,
}

/// Why a stage needs development dependencies after the install at `install`: a RUN that builds or tests.
pub(crate) fn build_in(
    situation: Situation<'_>,
    stage: usize,
    install: usize,
    package: &Package,
) -> Option<String> {
    let range = situation.facts.stages[stage].stage.instructions.clone();
    range
        .filter(|&at| at >= install || !situation.facts.stages[stage].stage.instructions.contains(&install))
        .find_map(|at| {
            builds(situation, at, package)
                .then(|| format!("{} may need development dependencies", brief(situation, at)))
        })
}

/// Whether a RUN starts something of the application: a script of package.json, a command of a package, Node.
pub(crate) fn builds(situation: Situation<'_>, at: usize, package: &Package) -> bool {
    let instruction = &situation.tree.instructions[at];
    if instruction.keyword() != Keyword::Run {
        return false;
    }
    match instruction.script() {
        Some(Ok(_)) => {}
        // Exec form is looked at by its words; what is not shell can't be.
        Some(Err(_)) => return true,
        None if instruction.command().is_none() => return false,
        None => {}
    }
    let started = started_by(situation, at, package);
    !started.unknown.is_empty()
        || started
            .programs
            .iter()
            .any(|program| program.local && !is_generator(program, package) || program.name == "node")
}

/// A command of a production dependency that writes code, and needs no more than itself for that.
fn is_generator(program: &Program, package: &Package) -> bool {
    match provider(package, &program.name) {
        Provider::Production(name) => {
            NODE_PACKAGES.package.iter().any(|row| row.name == name && !row.generates.is_empty())
        }
        _ => false,
    }
}

/// Whether what a stage starts gets along without development dependencies.
pub(crate) fn start_needs(
    situation: Situation<'_>,
    stage: usize,
    package: &Package,
) -> Result<Looked, String> {
    let mut looked = Looked::default();
    for at in starts(situation, stage) {
        let started = started_by(situation, at, package);
        looked.unknown.extend(judge(&started, package)?);
        if started.programs.is_empty() && started.unknown.is_empty() {
            continue;
        }
        let names: Vec<&str> = started.programs.iter().map(|program| program.name.as_str()).collect();
        looked.evidence.push(format!("{} starts {}", brief(situation, at), names.join(", ")));
    }
    Ok(looked)
}

fn judge(started: &Started, package: &Package) -> Result<Vec<String>, String> {
    let mut unknown = started.unknown.clone();
    for program in &started.programs {
        match provider(package, &program.name) {
            Provider::Development(name) => {
                return Err(format!(
                    "{} starts {}, which comes from the development dependency {name}; make it a dependency, or start the built application",
                    program.place, program.name
                ));
            }
            Provider::Unknown if program.local => {
                unknown.push(format!("which package brings {} ({})", program.name, program.place));
            }
            _ => {}
        }
    }
    Ok(unknown)
}

/// Whether the scripts that an install runs get along without development dependencies.
pub(crate) fn install_needs(
    situation: Situation<'_>,
    at: usize,
    package: &Package,
    ignored: bool,
) -> Result<Vec<String>, String> {
    if ignored {
        return Ok(Vec::new());
    }
    judge(&started_by_install(situation, at, package), package)
}

/// Folders and names of files that don't run in production.
fn is_for_development(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folders = [
        "node_modules",
        "test",
        "tests",
        "__tests__",
        "__mocks__",
        "spec",
        "e2e",
        "cypress",
        ".storybook",
        "coverage",
        ".git",
        "dist",
        "build",
        ".next",
        "docs",
        "examples",
    ];
    path.split('/').any(|part| folders.contains(&part))
        || [".test.", ".spec.", ".stories.", ".config.", ".d.ts"].iter().any(|part| name.contains(part))
        || name.starts_with('.')
        || matches!(name, "gulpfile.js" | "Gruntfile.js" | "setupTests.js" | "setupTests.ts")
}

/// Whether a file below the folder of an application is code that runs in production.
pub(crate) fn runs(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or_default();
    let is_source =
        matches!(extension, "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte");
    is_source && !is_for_development(path)
}

/// How many sources were looked at; an error names the one that loads a development dependency.
pub(crate) fn sources_need(
    situation: Situation<'_>,
    place: &str,
    package: &Package,
) -> Result<usize, String> {
    let Some(context) = situation.context else { return Ok(0) };
    let mut count = 0;
    for (path, size) in context.under(place) {
        let below = path.strip_prefix(place).unwrap_or(path);
        if size > 1_000_000 || !runs(below) {
            continue;
        }
        let Some(text) = context.text(path) else { continue };
        count += 1;
        if let Some(name) = imports(&text).into_iter().find(|name| package.needs_for_development(name)) {
            return Err(format!(
                "{path} loads {name}, which package.json lists as a development dependency; if it is needed to run, list it under dependencies"
            ));
        }
    }
    Ok(count)
}

/// Whether a command is an install that a stage's `node_modules` come from.
pub(crate) fn is_project_install(command: &crate::facts::PackageCommand<'_>) -> bool {
    command.action == Action::Install
        && command.manager.language == "node"
        && command.operands.is_empty()
        && !["-g", "--global"].iter().any(|name| command.has_option(&[(*name).to_owned()]))
}
