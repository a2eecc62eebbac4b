//! Which instruction belongs to the build, which to what runs, and which to both.

use super::Application;
use crate::catalog::production_dependencies::{brief, node as production, starts};
use crate::facts::{Action, join, package_commands, program_word};
use crate::knowledge::COMMANDS;
use crate::plan::Situation;
use crate::project::start::started_by;
use dfix_syntax::shell::Script;
use dfix_syntax::{Keyword, Kind, variables_of};

/// Where an instruction goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Where things are built.
    Build,
    /// Where they run.
    Runtime,
    /// Both.
    Both,
}

/// The instructions of the stage, divided.
pub(super) struct Parts {
    /// Index and part, in order, FROM left out.
    pub all: Vec<(usize, Part)>,
    /// The last instruction of the build.
    pub last_build: usize,
    /// The first instruction that puts something into the folder of the application.
    pub first_application: usize,
    /// RUNs behind the build that change the folder of the application.
    pub touched: Vec<usize>,
    /// Whether the sources are there when dependencies are installed.
    pub sources_first: bool,
    /// Programs that are started in the image.
    programs: Vec<String>,
}

impl Parts {
    /// # Errors
    /// What can't be divided, in words.
    pub fn of(application: Application<'_>, build: usize) -> Result<Self, String> {
        let Application { situation, folder, install, .. } = application;
        let range = situation.facts.stages[0].stage.instructions.clone().skip(1);
        let mut programs = Vec::new();
        for at in starts(situation, 0) {
            let started = started_by(situation, at, application.package);
            programs.extend(started.programs.into_iter().map(|program| program.name));
        }
        let mut parts = Self {
            all: Vec::new(),
            last_build: build,
            first_application: usize::MAX,
            touched: Vec::new(),
            sources_first: false,
            programs,
        };
        for at in range {
            let part = parts.part(application, at, build)?;
            let instruction = &situation.tree.instructions[at];
            let fills = matches!(instruction.kind(), Kind::Copy(_) | Kind::Add(_)) && part == Part::Build;
            if fills || at == install {
                parts.first_application = parts.first_application.min(at);
            }
            if fills && at < install && !is_manifest_copy(situation, at) {
                parts.sources_first = true;
            }
            if part == Part::Build {
                parts.last_build = parts.last_build.max(at);
            }
            parts.all.push((at, part));
        }
        if folder.is_empty() {
            return Err("its folder is not known".to_owned());
        }
        Ok(parts)
    }

    fn part(&mut self, application: Application<'_>, at: usize, build: usize) -> Result<Part, String> {
        let Application { situation, folder, .. } = application;
        let instruction = &situation.tree.instructions[at];
        let before = at < build;
        let either = if before { Part::Both } else { Part::Runtime };
        let inside = |path: &str| path == folder || path.starts_with(&format!("{folder}/"));
        Ok(match instruction.kind() {
            Kind::Env(_) | Kind::Arg(_) | Kind::Workdir(_) | Kind::User(_) | Kind::Shell(_) => either,
            Kind::Volume(paths)
                if before && paths.iter().any(|path| inside(path) || folder.starts_with(path.as_str())) =>
            {
                return Err(format!(
                    "{} makes the application's folder a volume before it is built",
                    brief(situation, at)
                ));
            }
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let place = situation.facts.at(at);
                let written = situation.facts.expand_at(0, at, &transfer.destination.raw);
                let target =
                    written.and_then(|path| join(place.workdir.as_deref(), &path)).ok_or_else(|| {
                        format!("{} copies to a place that only the build knows", brief(situation, at))
                    })?;
                match (inside(&target), before) {
                    (true, true) => Part::Build,
                    (false, true) if folder.starts_with(&format!("{}/", target.trim_end_matches('/'))) => {
                        return Err(format!("{} copies to a folder above {folder}", brief(situation, at)));
                    }
                    _ => either,
                }
            }
            Kind::Run(_) => self.run(application, at, before)?,
            Kind::Onbuild(_) => return Err(format!("{} is run in other builds", brief(situation, at))),
            _ => Part::Runtime,
        })
    }

    fn run(&mut self, application: Application<'_>, at: usize, before: bool) -> Result<Part, String> {
        let Application { situation, package, folder, .. } = application;
        let instruction = &situation.tree.instructions[at];
        let script = match instruction.script() {
            Some(Ok(script)) => script,
            _ => return Err(format!("{} is not understood as shell", brief(situation, at))),
        };
        let commands = package_commands(script);
        let builds = production::builds(situation, at, package)
            || commands.iter().any(|command| production::is_project_install(command));
        if builds {
            let other = commands.iter().any(|command| command.manager.system);
            if other {
                return Err(format!(
                    "{} installs system packages and builds in one command; give each a RUN of its own",
                    brief(situation, at)
                ));
            }
            return Ok(Part::Build);
        }
        let mut touches = false;
        for (index, simple) in script.commands().iter().enumerate() {
            let managed = commands.iter().find(|command| command.index == index);
            if let Some(command) = managed {
                if command.manager.language == "node" || command.manager.system {
                    continue;
                }
                return Err(format!(
                    "{} installs {} packages; only stages of one language are split",
                    brief(situation, at),
                    command.manager.id
                ));
            }
            let name = program_word(simple).and_then(|(word, _)| simple.words[word].literal.as_deref());
            let Some(name) = name else {
                if simple.words.is_empty() {
                    continue;
                }
                return Err(format!("it can't be told what {} does", brief(situation, at)));
            };
            if name == "corepack" {
                continue;
            }
            if COMMANDS.get(name).is_none_or(|row| row.fetches || row.folder) {
                return Err(format!(
                    "it can't be told whether what {} does is needed to run",
                    brief(situation, at)
                ));
            }
            touches |= touches_folder(situation, at, script, index, folder);
        }
        if touches {
            self.touched.push(at);
            return Ok(Part::Build);
        }
        let only_installs_tools = !commands.is_empty()
            && commands.iter().all(|command| {
                command.manager.language == "node"
                    && !self.is_started(command)
                    && command.action == Action::Install
                    || command.action == Action::Clean && command.manager.language == "node"
            })
            && commands.len() == script.commands().len();
        if before && only_installs_tools {
            return Ok(Part::Build);
        }
        Ok(if before { Part::Both } else { Part::Runtime })
    }

    /// Whether one of the packages that a command installs for all is started in the image.
    fn is_started(&self, command: &crate::facts::PackageCommand<'_>) -> bool {
        command.operand_values().any(|package| {
            let Some(package) = package else { return true };
            let name = package.rfind('@').filter(|&at| at > 0).map_or(package, |at| &package[..at]);
            let rows = crate::knowledge::NODE_PACKAGES.package.iter().filter(|row| row.name == name);
            let mut names = rows.flat_map(|row| row.cli.iter().map(String::as_str)).chain([name]);
            // npm itself, and the package managers, are started to start something else.
            names.any(|name| self.programs.iter().any(|program| program == name))
        })
    }

    /// Whether what runs needs an instruction that stands in both stages.
    pub fn wanted_at_run_time(&self, situation: Situation<'_>, at: usize) -> bool {
        let Kind::Arg(pairs) = situation.tree.instructions[at].kind() else { return true };
        let kept = self.all.iter().filter(|(other, part)| *other > at && *part != Part::Build);
        pairs.iter().any(|pair| {
            kept.clone().any(|(other, _)| {
                let instruction = &situation.tree.instructions[*other];
                variables_of(instruction.arguments()).contains(&pair.name)
                    || instruction.keyword() == Keyword::Run
            })
        })
    }
}

/// Whether a command may change the folder of the application: a path in it, or a relative one.
fn touches_folder(situation: Situation<'_>, at: usize, script: &Script, index: usize, folder: &str) -> bool {
    let simple = &script.commands()[index];
    let workdir = situation.facts.at(at).workdir.clone();
    let name = simple.name().unwrap_or_default();
    let targets = simple.redirections.iter().filter_map(|redirection| redirection.target.as_ref());
    // The mode or the owner comes first.
    let first = usize::from(matches!(name, "chmod" | "chown" | "chgrp"));
    let names_only = COMMANDS.get(name).is_some_and(|row| row.operands == "names" || row.user);
    let words = simple.words.iter().skip(1).filter(|word| !word.raw.starts_with('-')).skip(first);
    let is_path = |text: &str| text.contains('/') || text.starts_with('.') || text.contains('*');
    words.chain(targets).any(|word| {
        let plain = word.variables.is_empty() && !word.has_substitution;
        let Some(text) = word.literal.as_deref().or(plain.then_some(word.raw.as_str())) else { return true };
        if !is_path(text) && names_only {
            return false;
        }
        join(workdir.as_deref(), text).is_none_or(|path| {
            path == folder
                || path.starts_with(&format!("{folder}/"))
                || folder.starts_with(&format!("{path}/"))
        })
    })
}

/// Whether a COPY names files one by one: the manifests that an install reads.
fn is_manifest_copy(situation: Situation<'_>, at: usize) -> bool {
    let (Kind::Copy(transfer) | Kind::Add(transfer)) = situation.tree.instructions[at].kind() else {
        return false;
    };
    transfer.files().all(|source| {
        let name = source.raw.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        name.starts_with("package") && name.contains("json")
            || situation.context.is_some_and(|context| context.contains(source.raw.trim_start_matches("./")))
            || name.contains('*')
                && (name.contains("lock") || name.starts_with("yarn") || name.starts_with(".npmrc"))
    })
}
