//! Looks for what needs the full image: in the stages that stand on it, and in the sources.

use super::gap::{Gap, Installed};
use super::judge::at_line;
use super::target::Target;
use super::{node, python};
use crate::facts::{Action, PackageCommand, StageFacts, join, package_command};
use crate::options;
use crate::plan::Situation;
use crate::project::sources::{Need, Sources, argv_needs, script_needs};
use dfix_syntax::shell::Script;
use dfix_syntax::{CommandForm, Instruction, Kind};
use std::collections::BTreeSet;

/// The path under which a Dockerfile's own lines stand among the places.
pub(super) const DOCKERFILE: &str = "Dockerfile";

pub(super) struct Look<'a> {
    pub situation: Situation<'a>,
    pub root: &'a StageFacts,
    pub gap: Gap,
    /// The slim image.
    pub name: String,
    /// What needs the full image, with the line.
    pub obstacles: Vec<(usize, String)>,
    /// What could not be looked at.
    pub doubts: Vec<String>,
    /// Packages of the language that were looked at, for the evidence.
    pub packages: BTreeSet<String>,
    pub sources: Sources,
    pub installed: Vec<Option<Installed>>,
    pub made: BTreeSet<String>,
    pub commands: usize,
}

/// An installation of packages of a language.
#[derive(Clone, Copy)]
pub(super) struct Install<'a> {
    pub at: usize,
    pub command: &'a PackageCommand<'a>,
    pub installed: &'a Installed,
    /// The folder that it runs in, where that is known.
    pub folder: Option<&'a str>,
    /// Whether it stands in a stage whose files are copied, so that it may use what the full image has.
    pub elsewhere: bool,
}

impl<'a> Look<'a> {
    pub fn new(situation: Situation<'a>, root: &'a StageFacts, target: &Target) -> Option<Self> {
        Some(Self {
            situation,
            root,
            gap: Gap::of(&root.base)?,
            name: target.name.clone(),
            obstacles: Vec::new(),
            doubts: Vec::new(),
            packages: BTreeSet::new(),
            sources: Sources::default(),
            installed: vec![None; situation.facts.stages.len()],
            made: BTreeSet::new(),
            commands: 0,
        })
    }

    pub fn alpine(&self) -> bool {
        self.situation.options.base == options::Base::Alpine
    }

    pub fn block(&mut self, line: usize, reason: String) {
        self.obstacles.push((line, reason));
    }

    pub fn doubt(&mut self, reason: String) {
        if !self.doubts.contains(&reason) {
            self.doubts.push(reason);
        }
    }

    /// `which python:3.11-slim has not; …`
    pub fn has_not(&self, name: &str) -> String {
        format!("which {} has not; install {name} there or keep the full image", self.name)
    }

    /// The stages that stand on the base.
    pub fn stages(&mut self) {
        let facts = self.situation.facts;
        for stage in &facts.stages {
            let number = stage.stage.number;
            let start = match stage.parent {
                None if number == self.root.stage.number => Installed::default(),
                None => continue,
                Some(parent) => match self.installed[parent].clone() {
                    Some(installed) => installed,
                    None => continue,
                },
            };
            let end = self.stage(stage, start);
            self.installed[number] = Some(end);
        }
        let mut seen = BTreeSet::new();
        for number in 0..facts.stages.len() {
            if self.installed[number].is_some() {
                self.copies(number, &mut seen);
            }
        }
    }

    fn stage(&mut self, stage: &StageFacts, mut installed: Installed) -> Installed {
        let tree = self.situation.tree;
        for at in stage.stage.instructions.clone() {
            let instruction = &tree.instructions[at];
            match instruction.kind() {
                Kind::Run(_) => self.run(at, instruction, &mut installed),
                Kind::Cmd(_) | Kind::Entrypoint(_) | Kind::Healthcheck(_) => {
                    let needs = self.needs_of(at, instruction);
                    let scripts = needs.iter().any(|need| matches!(need, Need::PackageScript(_)));
                    for need in needs {
                        self.judge(&need, &at_line(instruction), &installed);
                        self.called_by(&need, &at_line(instruction), &installed, false);
                        if !scripts {
                            self.hidden_install(&need, &at_line(instruction));
                        }
                        self.follow(instruction.line(), need);
                    }
                }
                Kind::Env(pairs) => {
                    let values = pairs
                        .iter()
                        .filter_map(|pair| pair.value.as_ref())
                        .filter_map(|word| word.literal('\\'));
                    for value in values.filter(|value| value.starts_with('/')) {
                        self.judge(&Need::File(value), &at_line(instruction), &installed);
                    }
                }
                Kind::Shell(words) if self.alpine() => {
                    self.judge(&Need::Command(words[0].clone()), &at_line(instruction), &installed);
                }
                Kind::Onbuild(_) => self.block(
                    instruction.line(),
                    format!(
                        "line {} has an ONBUILD, and what is built on this image may need the full base",
                        instruction.line()
                    ),
                ),
                _ => {}
            }
        }
        installed
    }

    /// What an instruction runs; what it says is judged by the caller.
    fn needs_of(&mut self, at: usize, instruction: &Instruction) -> Vec<Need> {
        self.commands += 1;
        match (instruction.command(), instruction.script()) {
            (Some(CommandForm::Exec(words)), _) => {
                argv_needs(&words.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>())
            }
            (_, Some(Ok(script))) if self.situation.facts.is_posix(at) => {
                script_needs(script).into_iter().map(|(_, need)| need).collect()
            }
            (Some(CommandForm::Shell(range)), _) if range.is_empty() => Vec::new(),
            _ => {
                self.doubt(format!("the script of line {} was not understood", instruction.line()));
                Vec::new()
            }
        }
    }

    fn run(&mut self, at: usize, instruction: &Instruction, installed: &mut Installed) {
        let script = match instruction.script() {
            Some(Ok(script)) if self.situation.facts.is_posix(at) => script,
            _ => {
                for need in self.needs_of(at, instruction) {
                    self.judge(&need, &at_line(instruction), installed);
                    self.called_by(&need, &at_line(instruction), installed, true);
                    self.hidden_install(&need, &at_line(instruction));
                    self.follow(instruction.line(), need);
                }
                return;
            }
        };
        self.commands += 1;
        let needs = script_needs(script);
        let inside = |offset: usize| script.commands().iter().any(|simple| simple.span.start == offset);
        let mut early: Vec<&Need> =
            needs.iter().filter(|(offset, _)| !inside(*offset)).map(|(_, need)| need).collect();
        for (index, simple) in script.commands().iter().enumerate() {
            let own = needs.iter().filter(|(offset, _)| *offset == simple.span.start).map(|(_, need)| need);
            for need in early.drain(..).chain(own) {
                self.judge(need, &at_line(instruction), installed);
                self.called_by(need, &at_line(instruction), installed, true);
                self.follow(instruction.line(), need.clone());
            }
            self.stripped_paths(simple, instruction);
            let called = package_command(index, simple);
            for (_, need) in needs.iter().filter(|(offset, _)| *offset == simple.span.start) {
                let own =
                    called.as_ref().and_then(|command| simple.words[command.program].literal.as_deref());
                if own.is_none()
                    || !matches!(need, Need::Command(name) | Need::Module(name) if own == Some(name))
                {
                    self.hidden_install(need, &at_line(instruction));
                }
            }
            if let Some(command) = called {
                self.package_command(at, script, &command, installed, false);
            }
        }
    }

    pub fn package_command(
        &mut self,
        at: usize,
        script: &Script,
        command: &PackageCommand<'_>,
        installed: &mut Installed,
        elsewhere: bool,
    ) {
        let line = self.situation.tree.instructions[at].line();
        match command.manager.language.as_str() {
            "python" | "node" if command.action == Action::Install && self.gap.len() > 0 => {
                let folder = folder(at, script, command, self.situation);
                let install = Install { at, command, installed, folder: folder.as_deref(), elsewhere };
                match command.manager.language.as_str() {
                    "python" => python::look(self, install),
                    _ => node::look(self, install),
                }
            }
            "" if command.manager.id == "apt" => {
                let recommends =
                    !command.options.iter().any(|option| option.name == "--no-install-recommends");
                let removes = matches!(command.verb(), "remove" | "purge" | "autoremove");
                for operand in operands(at, script, command, self.situation) {
                    if removes {
                        installed.remove(&operand);
                    } else if command.action == Action::Install {
                        if let Some(folder) = self
                            .gap
                            .trips(&operand)
                            .filter(|folder| !elsewhere && !self.made.contains(*folder))
                        {
                            self.block(
                                line,
                                format!("line {line} installs {operand}, which fails where {folder} is missing, as in {}; make that folder first or keep the full image", self.name),
                            );
                        }
                        installed.add(&operand, recommends);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The folder that an install runs in: the working directory, changed by `cd` and by options.
fn folder(
    at: usize,
    script: &Script,
    command: &PackageCommand<'_>,
    situation: Situation<'_>,
) -> Option<String> {
    let mut folder = situation.facts.at(at).workdir.as_deref().map(str::to_owned);
    for simple in &script.commands()[..command.index] {
        if matches!(simple.name(), Some("cd" | "pushd" | "popd")) {
            let target = simple.words.get(1).and_then(|word| word.literal.as_deref());
            folder =
                target.filter(|target| *target != "-").and_then(|target| join(folder.as_deref(), target));
        }
    }
    let names = ["--prefix", "-C", "--cwd", "--dir", "--directory", "--project"];
    match command.values(&names).next() {
        Some(option) => join(folder.as_deref(), option.value.as_deref()?),
        None => folder,
    }
}

/// The operands of a command, variables of the script and of the Dockerfile replaced.
fn operands(
    at: usize,
    script: &Script,
    command: &PackageCommand<'_>,
    situation: Situation<'_>,
) -> Vec<String> {
    let mut found = Vec::new();
    for &word in &command.operands {
        let word = &command.simple.words[word];
        if let Some(literal) = &word.literal {
            found.push(literal.clone());
            continue;
        }
        let [name] = word.variables.as_slice() else { continue };
        let assigned =
            script.commands().iter().flat_map(|simple| &simple.assignments).find(|one| one.name == *name);
        let value = match assigned {
            Some(assignment) => assignment.value.literal.clone(),
            None => situation
                .facts
                .at(at)
                .stage
                .and_then(|stage| situation.facts.variable(stage, at, name)?.value.clone()),
        };
        found.extend(value.iter().flat_map(|value| value.split_whitespace()).map(str::to_owned));
    }
    found
}
