//! From a COPY of sources down: which of the instructions behind it could as well stand above it.

use super::commands::{self, Place};
use super::copied::{Copied, target};
use super::reading::{Crossing, Look, Reading, RunUse, Scene};
use crate::facts::{Action, join, leaks_of, package_command};
use crate::knowledge::PACKAGE_MANAGERS;
use crate::plan::{BadManifest, Situation};
use dfix_syntax::shell::{CompoundKind, Element, Joint, Script, SimpleCommand};
use dfix_syntax::{Instruction, Kind, variables_of};

/// More COPYs are not moved together: each of them is compared with each.
const MOST_COPIES: usize = 64;

/// How far a look goes up or down a stage for what has to do with an installation. Further away than any file
/// of a person needs, so that the cost grows with the length of a file and not with its square.
pub(crate) const NEAR: usize = 256;

/// The last COPYs of a list: those that count for what stands behind them.
pub(crate) fn last_copies(kept: &[Copied]) -> Vec<Copied> {
    kept[kept.len().saturating_sub(MOST_COPIES)..].to_vec()
}

/// Where a walk led.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The COPYs that can go down, in order.
    pub moved: Vec<Copied>,
    /// RUNs that they can go below.
    pub runs: Vec<(usize, RunUse)>,
    /// COPYs behind the first that stay where they are.
    pub kept: Vec<Copied>,
    /// Where it ended, and why.
    pub end: End,
}

/// Why a walk ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Nothing is left.
    Stage,
    /// The instruction at this index uses the sources.
    Sources(usize, String),
    /// The installation at this index could go up if a person changed something.
    Obstacle(usize, String),
    /// A file can't be read.
    Broken(BadManifest),
}

/// Whether a COPY can be one to go down: nothing that tools look at without being told.
pub(crate) fn is_start(situation: Situation<'_>, at: usize, manifests: bool) -> Option<Copied> {
    let copied = Copied::of(situation, at)?.ok()?;
    let fits = copied.system(situation.context).is_none() && (manifests || !only_manifests(&copied));
    fits.then_some(copied)
}

/// Goes down from a COPY. `manifests`: whether COPYs of manifests alone may go down, too.
pub(crate) fn walk(
    situation: Situation<'_>,
    start: Copied,
    end: usize,
    kept: Vec<Copied>,
    manifests: bool,
    look: Look,
) -> Walk {
    let first = start.at + 1;
    let mut walker = Walker { situation, kept, manifests, look, moved: vec![start], runs: Vec::new() };
    let end = (first..end).find_map(|at| match walker.step(at) {
        Step::On => None,
        Step::End(end) => Some(end),
        Step::Stop(reason) => Some(End::Sources(at, reason)),
    });
    Walk { moved: walker.moved, runs: walker.runs, kept: walker.kept, end: end.unwrap_or(End::Stage) }
}

/// What a RUN has to do with the project: whether it does no more than install, fetch and arrange, and by no
/// more than what `kept` brings.
pub(crate) fn use_of(situation: Situation<'_>, at: usize, kept: Vec<Copied>, look: Look) -> Option<RunUse> {
    let walker = Walker { situation, kept, manifests: true, look, moved: Vec::new(), runs: Vec::new() };
    walker.use_of(at, &situation.tree.instructions[at]).ok()
}

struct Walker<'a> {
    situation: Situation<'a>,
    kept: Vec<Copied>,
    manifests: bool,
    look: Look,
    moved: Vec<Copied>,
    runs: Vec<(usize, RunUse)>,
}

enum Step {
    On,
    Stop(String),
    End(End),
}

impl Walker<'_> {
    fn step(&mut self, at: usize) -> Step {
        let instruction = &self.situation.tree.instructions[at];
        match instruction.kind() {
            Kind::Copy(_) | Kind::Add(_) => self.copy(at, instruction),
            Kind::Env(pairs) | Kind::Arg(pairs) => {
                let names = pairs.iter().map(|pair| pair.name.as_str()).find(|name| self.reads(name));
                match names {
                    Some(name) => Step::Stop(format!("it sets {name}, which the COPY reads")),
                    None => Step::On,
                }
            }
            Kind::Workdir(_) if self.moved.iter().any(|copied| copied.relative) => Step::Stop(
                "it changes the working directory, which the destination of the COPY is relative to"
                    .to_owned(),
            ),
            // It would make the folder that the COPY makes today, as another user.
            Kind::Workdir(_) if self.manifests && self.made_otherwise(at) => {
                Step::Stop("it would make the folder that the COPY makes now, for another user".to_owned())
            }
            Kind::Volume(_) => Step::Stop("it makes a volume".to_owned()),
            Kind::Run(_) => self.run(at, instruction),
            _ => Step::On,
        }
    }

    /// Whether a WORKDIR would make a folder that a COPY makes with an owner or permissions of its own.
    fn made_otherwise(&self, at: usize) -> bool {
        let facts = self.situation.facts;
        let root = facts.at(at).user.as_deref() == Some("root");
        let folder = facts.at(at + 1 - usize::from(at + 1 == self.situation.tree.instructions.len()));
        self.moved.iter().any(|copied| {
            let met = folder
                .workdir
                .as_deref()
                .is_none_or(|folder| copied.concerns(self.situation.context, folder));
            met && !(root && copied.flags.is_empty())
        })
    }

    fn reads(&self, name: &str) -> bool {
        self.moved.iter().any(|copied| {
            let text = &self.situation.tree.instructions[copied.at].logical().text;
            variables_of(text).iter().any(|read| read == name)
        })
    }

    fn copy(&mut self, at: usize, instruction: &Instruction) -> Step {
        let context = self.situation.context;
        let overlap = || Step::Stop("it may write to the same place as a COPY above it".to_owned());
        match Copied::of(self.situation, at) {
            None | Some(Err(_)) => match target(self.situation, at, instruction) {
                Some(path) if !self.moved.iter().any(|copied| copied.concerns(context, &path)) => Step::On,
                _ => overlap(),
            },
            Some(Ok(copied)) => {
                if copied.system(context).is_some() {
                    if self.moved.iter().any(|moved| moved.overlaps(context, &copied)) {
                        return overlap();
                    }
                    self.kept.push(copied);
                } else if !self.manifests && only_manifests(&copied) && self.same_files(&copied) {
                    self.kept.push(copied);
                } else if self.moved.len() == MOST_COPIES {
                    return Step::Stop(format!("{MOST_COPIES} COPYs stand before it"));
                } else {
                    self.moved.push(copied);
                }
                Step::On
            }
        }
    }

    /// Whether the COPYs that go down bring the same files to the same places, or none there.
    fn same_files(&self, copied: &Copied) -> bool {
        copied.places().iter().all(|(path, image)| {
            self.moved.iter().all(|moved| moved.context_path(image).is_none_or(|other| other == *path))
        })
    }

    fn run(&mut self, at: usize, instruction: &Instruction) -> Step {
        match self.use_of(at, instruction) {
            Ok(run) => {
                let last = matches!(run, RunUse::Splits(..));
                self.runs.push((at, run));
                if last { Step::End(End::Stage) } else { Step::On }
            }
            Err(Reading::Obstacle(reason)) => Step::End(End::Obstacle(at, reason)),
            Err(Reading::Broken(manifest)) => Step::End(End::Broken(manifest)),
            Err(Reading::Sources(reason)) => Step::Stop(reason),
            Err(_) => Step::End(End::Stage),
        }
    }

    fn use_of(&self, at: usize, instruction: &Instruction) -> Result<RunUse, Reading> {
        let sources = |reason: &str| Err(Reading::Sources(reason.to_owned()));
        let binds = instruction.flags().iter().any(|flag| {
            flag.name == "mount"
                && !flag.value.as_deref().is_some_and(|value| {
                    ["type=cache", "type=secret", "type=ssh", "type=tmpfs"]
                        .iter()
                        .any(|kind| value.contains(kind))
                })
        });
        if binds {
            return sources("it mounts files of its own");
        }
        if !self.situation.facts.is_posix(at) {
            return sources("its shell is not a POSIX shell");
        }
        let Some(Ok(script)) = instruction.script() else {
            return sources("it can't be read as a shell script");
        };
        self.use_of_script(at, script)
    }

    fn use_of_script(&self, at: usize, script: &Script) -> Result<RunUse, Reading> {
        let start = self.situation.facts.at(at).workdir.clone();
        let mut folder: Option<String> = start.as_deref().map(str::to_owned);
        let mut entered: Vec<String> = Vec::new();
        let mut installs: Vec<Crossing> = Vec::new();
        let mut worth = false;
        for (index, simple) in script.commands().iter().enumerate() {
            if simple.name() == Some("cd") {
                folder = changed_folder(simple, folder.as_deref());
                entered.extend(folder.clone());
                if folder.is_some() {
                    continue;
                }
            }
            let scene = Scene {
                situation: self.situation,
                at,
                folder: folder.as_deref(),
                moved: &self.moved,
                kept: &self.kept,
            };
            let reading = self.command(scene, script, index, simple);
            match reading {
                Reading::Nothing => worth |= is_worth(index, simple),
                Reading::Install(install) if install.first_with.is_none() => {
                    worth = true;
                    installs.push(*install);
                }
                other => {
                    let other = match other {
                        Reading::Install(install) => {
                            installs.push(*install);
                            Reading::Nothing
                        }
                        other => other,
                    };
                    return self.cut(script, index, installs, &entered, start.as_deref(), other);
                }
            }
        }
        self.reaches(&entered, start.as_deref(), &installs)?;
        Ok(if installs.is_empty() { RunUse::Apart { worth } } else { RunUse::Installs(installs) })
    }

    /// A script whose command at `index` uses the sources.
    fn cut(
        &self,
        script: &Script,
        index: usize,
        installs: Vec<Crossing>,
        entered: &[String],
        start: Option<&str>,
        reading: Reading,
    ) -> Result<RunUse, Reading> {
        if installs.is_empty() || matches!(reading, Reading::Obstacle(_) | Reading::Broken(_)) {
            return Err(reading);
        }
        let obstacle = |reason: &str| {
            let first = self.moved.first().map_or(0, |copied| copied.at);
            let line = self.situation.tree.instructions[first].line();
            Err(Reading::Obstacle(format!(
                "the installation could go above the COPY of line {line}, but its RUN goes on with what needs the sources, and can't be cut in two: {reason}"
            )))
        };
        if !script.is_and_chain() || script.has_here_document() {
            return obstacle("it is more than a chain of `&&`");
        }
        let pipelines = script.lists().first().map(|list| list.pipelines.as_slice()).unwrap_or_default();
        let holds = |element: &Element| match element {
            Element::Simple(at) => *at == index,
            Element::Compound { commands, .. } => commands.contains(&index),
        };
        let Some(cut) = pipelines.iter().position(|pipeline| pipeline.elements.iter().any(holds)) else {
            return obstacle("it is more than a chain of `&&`");
        };
        if pipelines[..cut].iter().any(|pipeline| pipeline.negated) {
            return obstacle("a `!` stands in it");
        }
        let first = pipelines[cut].elements.iter().map(|element| match element {
            Element::Simple(at) => *at,
            Element::Compound { commands, .. } => commands.start,
        });
        let first = first.min().unwrap_or(index);
        for simple in &script.commands()[..first] {
            if let Some(leak) = leaks_of(simple).filter(|_| !is_repeatable(simple)) {
                return obstacle(&format!("{leak} reaches from one part to the other"));
            }
        }
        for (at, simple) in script.commands().iter().enumerate().skip(first) {
            if removes(at, simple) {
                return obstacle(&format!("`{}` makes its layer smaller", commands::first_words(simple)));
            }
        }
        self.reaches(entered, start, &installs)?;
        Ok(RunUse::Splits(cut, installs))
    }

    /// Whether folders that are entered are there before the sources are.
    fn reaches(&self, entered: &[String], start: Option<&str>, installs: &[Crossing]) -> Result<(), Reading> {
        let context = self.situation.context;
        for folder in entered {
            let prefix = format!("{}/", folder.trim_end_matches('/'));
            let made = start.is_some_and(|start| start == folder || start.starts_with(&prefix))
                || installs.iter().flat_map(|one| &one.needs).any(|need| need.image.starts_with(&prefix))
                || self
                    .kept
                    .iter()
                    .any(|kept| kept.targets().iter().any(|(_, image)| image.starts_with(&prefix)));
            if !made && self.moved.iter().any(|copied| copied.concerns(context, folder)) {
                return Err(Reading::Sources(format!("it enters {folder}, which is copied")));
            }
        }
        Ok(())
    }

    fn command(&self, scene: Scene<'_>, script: &Script, index: usize, simple: &SimpleCommand) -> Reading {
        let place =
            Place { situation: self.situation, at: scene.at, folder: scene.folder, copied: &self.moved };
        let or_nothing = |reason: Option<String>| reason.map_or(Reading::Nothing, Reading::Sources);
        let Some(command) = package_command(index, simple) else {
            return or_nothing(commands::why_dependent(place, script, simple));
        };
        if command.manager.system || command.action == Action::Clean {
            return or_nothing(commands::why_system_dependent(place, &command));
        }
        match command.action {
            Action::Install if simple.in_pipeline || simple.condition => {
                Reading::Sources(format!("`{}` is part of something larger", commands::first_words(simple)))
            }
            Action::Install => (self.look)(scene, &command),
            _ => {
                let verb = command.verb();
                let first = command.options.first().map_or("", |option| option.name.as_str());
                let apart = &command.manager.apart;
                let known = if verb.is_empty() { first } else { verb };
                if apart.iter().any(|one| one == known) && !command.has_option(&["--local".to_owned()]) {
                    or_nothing(commands::why_system_dependent(place, &command))
                } else {
                    Reading::Sources(format!("`{}` may use what is copied", commands::first_words(simple)))
                }
            }
        }
    }
}

/// Whether running a command again costs something.
fn is_worth(index: usize, simple: &SimpleCommand) -> bool {
    package_command(index, simple).is_some_and(|command| command.action == Action::Install)
        || commands::fetches(simple)
        || commands::makes_user(simple)
}

/// Where a `cd` leads; `None` where that is not known, or the `cd` doesn't last.
fn changed_folder(simple: &SimpleCommand, folder: Option<&str>) -> Option<String> {
    let lasting = !simple.in_pipeline
        && !simple.condition
        && simple.enclosures.is_empty()
        && simple.joined_by != Some(Joint::Or);
    let [_, to] = simple.words.as_slice() else { return None };
    let to = to.literal.as_deref().filter(|to| lasting && *to != "-" && !to.starts_with('~'))?;
    join(folder, to)
}

/// Whether a command that changes its shell can be given again in a second one.
pub(crate) fn is_repeatable(simple: &SimpleCommand) -> bool {
    matches!(simple.name(), Some("cd" | "set"))
        && simple.words.iter().all(|word| word.literal.is_some())
        && simple.enclosures.iter().all(|kind| *kind == CompoundKind::Other)
        && !simple.in_pipeline
        && simple.redirections.is_empty()
}

/// Whether a command empties the cache of an installation of the project. It can as well do so right behind it.
pub(crate) fn empties_cache(index: usize, simple: &SimpleCommand) -> bool {
    package_command(index, simple).is_some_and(|command| {
        command.action == Action::Clean && !command.manager.system && !command.computed
    }) && simple.enclosures.is_empty()
        && !simple.in_pipeline
        && simple.redirections.is_empty()
}

/// Whether a command takes away again what an earlier one of its script has made.
fn removes(index: usize, simple: &SimpleCommand) -> bool {
    if empties_cache(index, simple) {
        return false;
    }
    if let Some(command) = package_command(index, simple) {
        let verb = command.verb();
        return command.action == Action::Clean
            || command.manager.system
                && matches!(verb, "purge" | "remove" | "autoremove" | "del" | "erase" | "rm")
            || matches!(verb, "uninstall" | "prune");
    }
    matches!(simple.name(), Some("rm" | "find"))
}

/// Whether a COPY brings nothing but what package managers read.
fn only_manifests(copied: &Copied) -> bool {
    let known = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut listed = PACKAGE_MANAGERS
            .manager
            .iter()
            .flat_map(|manager| manager.manifests.iter().chain(&manager.unseen).chain(&manager.lock));
        let is_one = |known: &String| {
            known == name
                || known.trim_end_matches('*') == name.trim_end_matches('*')
                // `package*`
                || name.strip_suffix('*').is_some_and(|stem| !stem.is_empty() && known.starts_with(stem))
                || path
                    .strip_suffix(known.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        listed.any(is_one)
            || ["requirements", "constraints"].iter().any(|word| name.contains(word))
            || matches!(name, "setup.py" | "setup.cfg")
    };
    copied.paths().into_iter().all(known)
}
