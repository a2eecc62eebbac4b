//! Which of the two stages each instruction goes to.

use super::part::{Part, RunPart};
use super::reads::{Reads, base_name};
use super::roles::{Role, Run};
use crate::facts::join;
use crate::knowledge::PACKAGE_MANAGERS;
use crate::plan::Situation;
use crate::project::join_context;
use dfix_syntax::{Instruction, Kind, Transfer, variables_of};
use std::collections::HashMap;

/// Where an instruction goes.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    /// Into the stage that builds, as it is.
    pub builder: bool,
    /// Into the stage that runs.
    pub runtime: bool,
    /// In this form, where not as it is.
    pub edited: Option<Instruction>,
}

const BOTH: Fate = Fate { builder: true, runtime: true, edited: None };
const BUILDER: Fate = Fate { builder: true, runtime: false, edited: None };
const RUNTIME: Fate = Fate { builder: false, runtime: true, edited: None };

/// What fates depend on.
pub(super) struct Fates<'a> {
    pub situation: Situation<'a>,
    /// Index of the last installation.
    pub last: usize,
    pub runs: &'a [(usize, Run<'a>)],
    pub parts: Vec<RunPart>,
    pub reads: &'a Reads,
    /// Whether an installation may compile, or fetch by version control.
    pub compiles: bool,
    /// Where each variable is named for the last time up to the last installation.
    pub named: HashMap<String, usize>,
}

/// Where each variable is named for the last time.
pub(super) fn named<'i>(
    instructions: impl Iterator<Item = (usize, &'i Instruction)>,
) -> HashMap<String, usize> {
    let mut last = HashMap::new();
    for (at, instruction) in instructions {
        let script = instruction.script().and_then(Result::ok);
        let in_script = script.into_iter().flat_map(|script| script.variables_read().iter().cloned());
        last.extend(
            variables_of(instruction.arguments()).into_iter().chain(in_script).map(|name| (name, at)),
        );
    }
    last
}

impl Fates<'_> {
    /// The fate of each instruction, the FROM left out.
    pub fn of_all(&self) -> Vec<(usize, Fate)> {
        let range = self.situation.facts.stages[0].stage.instructions.clone();
        let mut fates: Vec<(usize, Fate)> = range.skip(1).map(|at| (at, self.of(at))).collect();
        self.arguments(&mut fates);
        self.indexes_of_packages(&mut fates);
        fates
    }

    fn of(&self, at: usize) -> Fate {
        let before = at <= self.last;
        let instruction = &self.situation.tree.instructions[at];
        match instruction.kind() {
            Kind::Run(_) => self.run(at),
            Kind::Copy(transfer) | Kind::Add(transfer) if before => self.copy(at, transfer),
            Kind::Env(pairs) | Kind::Arg(pairs) if before => {
                let builder = pairs.iter().any(|pair| self.may_be_read(at, &pair.name));
                if builder { BOTH } else { RUNTIME }
            }
            Kind::Workdir(_) | Kind::Shell(_) | Kind::User(_) if before => BOTH,
            _ => RUNTIME,
        }
    }

    /// Whether an installation, or something else before the last one, may read a variable.
    fn may_be_read(&self, at: usize, name: &str) -> bool {
        let known = PACKAGE_MANAGERS.environment.iter().any(|start| name.starts_with(start.as_str()));
        // What is built may read anything.
        known || self.compiles || self.reads.sources || self.named.get(name).is_some_and(|last| *last > at)
    }

    /// The place of a RUN among the others.
    fn found(&self, at: usize) -> Option<usize> {
        self.runs.binary_search_by_key(&at, |(run, _)| *run).ok()
    }

    fn run(&self, at: usize) -> Fate {
        let Some(found) = self.found(at) else { return BOTH };
        let (run, part) = (&self.runs[found].1, &self.parts[found].part);
        let (runtime, edited) = match part {
            Part::Nothing => (false, None),
            Part::Whole => (true, None),
            Part::Edited(instruction) => (true, Some(instruction.clone())),
        };
        let whole = matches!(part, Part::Whole);
        let builder = at <= self.last
            && if run.has(Role::Install) || run.has(Role::Tool) || !whole {
                true
            } else if run.only(&[Role::Image, Role::Plain, Role::Cleanup]) {
                false
            } else if run.only(&[Role::System, Role::Housekeeping, Role::Plain, Role::Image])
                || run.has(Role::System) && !self.concerns_installs(run)
            {
                self.compiles
            } else {
                true
            };
        // What is left out of one stage has to be in the other.
        Fate { builder: builder || !runtime, runtime, edited }
    }

    /// Whether a script names something that pip or what it calls reads.
    fn concerns_installs(&self, run: &Run<'_>) -> bool {
        let text = run.script.text();
        ["pip", "git", "ssh", "netrc", "python"].iter().any(|word| text.contains(word))
            || self.reads.names.iter().any(|name| text.contains(name.as_str()))
            || self.reads.files.iter().any(|file| text.contains(&base_name(file)))
    }

    fn copy(&self, at: usize, transfer: &Transfer) -> Fate {
        let instruction = &self.situation.tree.instructions[at];
        if instruction.flag("from").is_some() {
            let tools = |name: &str| {
                PACKAGE_MANAGERS.manager.iter().any(|manager| {
                    manager.language == "python" && manager.programs.iter().any(|known| known == name)
                }) || name == "uvx"
            };
            let all = transfer.sources.iter().all(|source| tools(&base_name(&source.raw)));
            return if all { BUILDER } else { BOTH };
        }
        let stage = self.situation.facts.at(at).stage.unwrap_or_default();
        let sources: Option<Vec<String>> =
            transfer.files().map(|source| self.situation.facts.expand_at(stage, at, &source.raw)).collect();
        let Some(sources) = sources.filter(|sources| sources.len() == transfer.sources.len()) else {
            return BOTH;
        };
        let fetched = |source: &String| source.contains("://");
        if !self.reads.sources && sources.iter().all(fetched) && !self.is_mentioned(at, transfer) {
            return RUNTIME;
        }
        if !self.reads.sources && !sources.iter().any(|source| self.is_read(source)) {
            return RUNTIME;
        }
        let only_manifests = sources.iter().all(|source| self.is_manifest(source));
        let dispensable = self.comes_again(at, transfer, &sources)
            || self.is_temporary(at, transfer)
            || sources.iter().all(|source| self.is_removed(&base_name(source)));
        if only_manifests && dispensable && !sources.iter().any(|source| self.is_missed(&base_name(source))) {
            return BUILDER;
        }
        BOTH
    }

    /// Whether the RUN that installs removes a file afterwards.
    fn is_removed(&self, name: &str) -> bool {
        self.runs.iter().any(|(_, run)| {
            run.script.commands().iter().zip(&run.roles).any(|(simple, role)| {
                *role == Role::Cleanup
                    && self.reads.removed_by(simple)
                    && simple.words.iter().any(|word| base_name(&word.raw) == name)
            })
        })
    }

    /// Whether something that is run in the last stage names a file.
    fn is_missed(&self, name: &str) -> bool {
        self.runs.iter().zip(&self.parts).any(|((_, run), part)| match &part.part {
            Part::Nothing => false,
            Part::Whole => run.script.text().contains(name),
            Part::Edited(instruction) => instruction.arguments().contains(name),
        })
    }

    /// Whether a RUN names what an instruction brings.
    fn is_mentioned(&self, at: usize, transfer: &Transfer) -> bool {
        let name = base_name(transfer.destination.raw.trim_end_matches('/'));
        self.runs.iter().any(|(run, one)| *run > at && one.instruction.arguments().contains(&name))
    }

    /// Whether an installation reads something of a source.
    fn is_read(&self, source: &str) -> bool {
        if source.contains(['*', '?', '[']) {
            return true;
        }
        let Some(path) = join_context("", source.trim_start_matches('/')) else { return true };
        let inside = |file: &str| {
            path.is_empty()
                || file == path
                || file.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'))
        };
        let folder = self.situation.context.is_none_or(|context| context.has_folder(&path));
        self.reads.files.iter().any(|file| inside(file))
            || self.reads.names.contains(&base_name(&path))
            || !self.reads.names.is_empty() && folder && self.is_unlocated(&path)
    }

    /// Whether files whose place is not known may lie in a folder.
    fn is_unlocated(&self, folder: &str) -> bool {
        match self.situation.context {
            None => !base_name(folder).contains('.') || folder.is_empty(),
            Some(context) => {
                context.under(folder).any(|(path, _)| self.reads.names.contains(&base_name(path)))
            }
        }
    }

    fn is_manifest(&self, source: &str) -> bool {
        let path = join_context("", source.trim_start_matches('/')).unwrap_or_default();
        self.reads.files.contains(&path) || self.reads.names.contains(&base_name(&path))
    }

    /// Whether a later COPY of a folder brings the same files to the same place.
    fn comes_again(&self, at: usize, transfer: &Transfer, sources: &[String]) -> bool {
        let range = self.situation.facts.stages[0].stage.instructions.clone();
        let Some(folder) = self.folder(at, transfer, sources) else { return false };
        (at + 1..range.end).any(|later| {
            let Kind::Copy(other) = self.situation.tree.instructions[later].kind() else { return false };
            let [source] = other.sources.as_slice() else { return false };
            let Some(root) = join_context("", source.raw.trim_start_matches('/')) else { return false };
            let Some(target) =
                join(self.situation.facts.at(later).workdir.as_deref(), &other.destination.raw)
            else {
                return false;
            };
            let flagged = self.situation.tree.instructions[later].flag("from").is_some();
            // `COPY . /app` brings api/requirements.txt to /app/api/requirements.txt.
            !flagged
                && sources.iter().all(|file| {
                    let Some(file) = join_context("", file.trim_start_matches('/')) else { return false };
                    let rest = match root.is_empty() {
                        true => Some(file.as_str()),
                        false => file.strip_prefix(&root).and_then(|rest| rest.strip_prefix('/')),
                    };
                    rest.is_some_and(|rest| {
                        format!("{}/{rest}", target.trim_end_matches('/'))
                            == format!("{}/{}", folder.trim_end_matches('/'), base_name(&file))
                    })
                })
        })
    }

    /// The folder that the files of a COPY end up in under their own names.
    fn folder(&self, at: usize, transfer: &Transfer, sources: &[String]) -> Option<String> {
        let place = self.situation.facts.at(at);
        let written = self.situation.facts.expand_at(place.stage?, at, &transfer.destination.raw)?;
        let target = join(place.workdir.as_deref(), &written)?;
        let is_folder = written.ends_with('/')
            || matches!(written.rsplit('/').next(), Some("." | ".." | ""))
            || sources.len() > 1;
        if is_folder {
            return Some(target);
        }
        // One file may be given the name that it has, or a folder that is there already.
        let [source] = sources else { return None };
        if base_name(&target) == base_name(source) {
            return target.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
        }
        (place.workdir.as_deref() == Some(target.as_str())).then_some(target)
    }

    fn is_temporary(&self, at: usize, transfer: &Transfer) -> bool {
        let place = self.situation.facts.at(at);
        join(place.workdir.as_deref(), &transfer.destination.raw)
            .is_some_and(|path| path == "/tmp" || path.starts_with("/tmp/"))
    }

    /// A RUN that only fetches or removes the package index goes where packages are installed.
    fn indexes_of_packages(&self, fates: &mut [(usize, Fate)]) {
        let run = |at: usize| self.found(at);
        let installing = |fates: &[(usize, Fate)], goes: fn(&Fate) -> bool| {
            fates.iter().any(|(at, fate)| {
                goes(fate)
                    && run(*at).is_some_and(|found| match goes(&BUILDER) {
                        true => self.runs[found].1.has(Role::System),
                        false => !self.parts[found].packages.is_empty(),
                    })
            })
        };
        let builder = installing(fates, |fate| fate.builder);
        let runtime = installing(fates, |fate| fate.runtime);
        for (at, fate) in fates.iter_mut().filter(|(at, _)| *at <= self.last) {
            let Some(found) = run(*at) else { continue };
            let run = &self.runs[found].1;
            if run.has(Role::Housekeeping) && run.only(&[Role::Housekeeping, Role::Plain]) {
                *fate = Fate { builder: builder || !runtime, runtime: runtime || !builder, edited: None };
            }
        }
    }

    /// An ARG is not repeated where nothing reads it.
    fn arguments(&self, fates: &mut [(usize, Fate)]) {
        let tree = self.situation.tree;
        let running = || fates.iter().filter(|(_, fate)| fate.runtime);
        let named =
            named(running().map(|(at, fate)| (*at, fate.edited.as_ref().unwrap_or(&tree.instructions[*at]))));
        // A program that a RUN starts may read it from its environment.
        let starts = |at: usize| self.found(at).is_some_and(|found| self.runs[found].1.has(Role::Other));
        let last_start = running().map(|(at, _)| *at).filter(|&at| starts(at)).max();
        for (at, fate) in fates.iter_mut().filter(|(_, fate)| fate.builder) {
            let Kind::Arg(pairs) = tree.instructions[*at].kind() else { continue };
            let is_named = pairs.iter().any(|pair| named.get(&pair.name).is_some_and(|last| last > at));
            fate.runtime = is_named || last_start.is_some_and(|last| last > *at);
        }
    }
}
