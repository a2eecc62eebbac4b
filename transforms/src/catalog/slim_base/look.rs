//! Looks for what needs the full image: in the stages that stand on it, and in the sources.

use super::gap::{Gap, Installed, stripped};
use super::target::Target;
use super::{node, python};
use crate::facts::{Action, PackageCommand, StageFacts, package_command};
use crate::knowledge::{BUILD_TOOLS, BuildTool};
use crate::options;
use crate::plan::Situation;
use crate::project::python::Place;
use crate::project::sources::{Need, Sources, Use, argv_needs, script_needs};
use dfix_syntax::shell::{Script, SimpleCommand};
use dfix_syntax::{CommandForm, Dockerfile, Instruction, Keyword, Kind};
use std::collections::BTreeSet;

/// The path under which a Dockerfile's own lines stand among the places.
const DOCKERFILE: &str = "Dockerfile";

pub(super) struct Look<'a> {
    pub situation: Situation<'a>,
    pub root: &'a StageFacts,
    pub gap: Gap,
    /// The slim image.
    name: String,
    /// What needs the full image, with the line.
    pub obstacles: Vec<(usize, String)>,
    /// What could not be looked at.
    pub doubts: Vec<String>,
    /// Packages of the language that were looked at, for the evidence.
    pub packages: BTreeSet<String>,
    sources: Sources,
    installed: Vec<Option<Installed>>,
    made: BTreeSet<String>,
    commands: usize,
}

/// An installation of packages of a language.
#[derive(Clone, Copy)]
pub(super) struct Install<'a> {
    pub at: usize,
    pub command: &'a PackageCommand<'a>,
    pub installed: &'a Installed,
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

    fn alpine(&self) -> bool {
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
                    for need in self.needs_of(at, instruction) {
                        self.judge(&need, &at_line(instruction), &installed);
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
                self.called_by(need, instruction, installed);
                self.follow(instruction.line(), need.clone());
            }
            self.stripped_paths(simple, instruction);
            if let Some(command) = package_command(index, simple) {
                self.package_command(at, script, &command, installed, false);
            }
        }
    }

    fn package_command(
        &mut self,
        at: usize,
        script: &Script,
        command: &PackageCommand<'_>,
        installed: &mut Installed,
        elsewhere: bool,
    ) {
        let line = self.situation.tree.instructions[at].line();
        match command.manager.language.as_str() {
            "python" | "node" if command.action == Action::Install => {
                let install = Install { at, command, installed, elsewhere };
                match command.manager.language.as_str() {
                    "python" => python::look(self, install),
                    _ => node::look(self, install),
                }
            }
            "" if command.manager.id == "apt" => {
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
                        installed.add(&operand);
                    }
                }
            }
            _ => {}
        }
    }

    /// Folders that slim images leave empty, named by a command that reads from them.
    fn stripped_paths(&mut self, simple: &SimpleCommand, instruction: &Instruction) {
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

    fn called_by(&mut self, need: &Need, instruction: &Instruction, installed: &Installed) {
        let Need::Command(command) = need else { return };
        let Some((caller, needs)) = self.gap.called_by(command, installed) else { return };
        let line = instruction.line();
        let listed = needs.join(", ");
        if caller.uncertain {
            self.doubt(format!("line {line} calls {command}, which may need {listed}"));
        } else {
            let has_not = self.has_not(&listed);
            self.block(line, format!("line {line} calls {command}, which needs {listed}, {has_not}"));
        }
    }

    /// Holds a need against the gap. `place` is where it shows, as the start of a sentence.
    fn judge(&mut self, need: &Need, place: &Spot, installed: &Installed) {
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
        context
            .is_some_and(|context| context.under("").any(|(known, _)| known.rsplit('/').next() == Some(last)))
    }

    /// Adds what a command of the Dockerfile runs to the sources.
    pub fn follow(&mut self, line: usize, need: Need) {
        let place = Place { path: DOCKERFILE.to_owned(), line, text: String::new() };
        self.sources.add(self.situation.context, [Use { need, place }]);
    }

    /// What the stages hold that is copied into a stage on the base.
    fn copies(&mut self, number: usize, seen: &mut BTreeSet<usize>) {
        if self.gap.len() == 0 {
            return;
        }
        let Situation { tree, facts, .. } = self.situation;
        let stages: Vec<_> = facts.stages.iter().map(|stage| stage.stage.clone()).collect();
        for (at, from) in tree.sources_elsewhere(&stages[number]) {
            let line = tree.instructions[at].line();
            match Dockerfile::stage_of(&stages, &from, number, true) {
                Some(source) if self.installed[source].is_some() || !seen.insert(source) => {}
                Some(source) => {
                    let mut chain = Some(source);
                    while let Some(stage) = chain {
                        self.built_in(stage, line);
                        chain = facts.stages[stage].parent;
                    }
                    self.copies(source, seen);
                }
                None if tree.instructions[at].keyword() == Keyword::Run => {}
                None => {
                    let image = dfix_syntax::ImageReference::parse(&from).familiar_name();
                    if !BUILD_TOOLS.static_images.contains(&image) {
                        self.doubt(format!("line {line} copies from the image {from}; which libraries that needs is not known"));
                    }
                }
            }
        }
    }

    /// A stage whose files are copied: what is compiled there may need a library that only the full image has.
    fn built_in(&mut self, number: usize, copied: usize) {
        let Situation { tree, facts, .. } = self.situation;
        let mut installed = Installed::default();
        for at in facts.stages[number].stage.instructions.clone() {
            let instruction = &tree.instructions[at];
            let Kind::Run(_) = instruction.kind() else { continue };
            let line = instruction.line();
            let Some(Ok(script)) = instruction.script().filter(|_| facts.is_posix(at)) else {
                self.doubt(format!("line {copied} copies what line {line} may have compiled"));
                continue;
            };
            for (index, simple) in script.commands().iter().enumerate() {
                if let Some(command) = package_command(index, simple) {
                    self.package_command(at, script, &command, &mut installed, true);
                }
            }
            let compiler = script_needs(script).into_iter().find_map(|(_, need)| {
                let name = need.command()?.to_owned();
                let tool = BUILD_TOOLS
                    .package
                    .iter()
                    .any(|tool| tool.kind == "compiler" && tool.commands.contains(&name));
                let caller = BUILD_TOOLS.caller.iter().any(|caller| {
                    caller.commands.contains(&name)
                        && caller.needs.iter().any(|need| matches!(need.as_str(), "gcc" | "g++"))
                });
                (tool || caller).then_some(name)
            });
            if let Some(compiler) = compiler {
                self.doubt(format!("line {copied} copies what line {line} builds with {compiler}; which libraries that needs is not known"));
            }
        }
    }

    /// The sources that the image holds, and what the commands of the Dockerfile run.
    pub fn sources(&mut self) {
        if self.gap.len() == 0 {
            return;
        }
        let Situation { tree, facts, context, .. } = self.situation;
        let copies = tree.instructions.iter().filter(|instruction| {
            matches!(instruction.kind(), Kind::Copy(_) | Kind::Add(_)) && instruction.flag("from").is_none()
        });
        let copies: Vec<&Instruction> = copies.collect();
        match context {
            None => {
                if let Some(copy) = copies.first() {
                    self.doubt(format!(
                        "line {} copies files of the build context, which is not known",
                        copy.line()
                    ));
                }
            }
            Some(context) => {
                let brought = Brought::of(&copies);
                let paths: Vec<&str> =
                    context.under("").map(|(path, _)| path).filter(|path| brought.has(path)).collect();
                let mut read = Sources::of_files(context, paths);
                read.add(Some(context), self.sources.uses.drain(..));
                for name in ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"] {
                    if context.contains(name) {
                        read.follow(context, name);
                    }
                }
                self.sources = read;
            }
        }
        for place in self.sources.unread.clone() {
            self.doubt(format!("{} was not read: {}", place.path, place.text));
        }
        let ends: Vec<Installed> = facts
            .stages
            .iter()
            .filter(|stage| stage.children.is_empty())
            .filter_map(|stage| self.installed[stage.stage.number].clone())
            .collect();
        for one in self.sources.uses.clone() {
            if one.place.path == DOCKERFILE {
                continue;
            }
            let start = match one.place.line {
                0 => format!("{} ({})", one.place.path, one.place.text),
                line => format!("{}:{line}", one.place.path),
            };
            let line = self.situation.tree.instructions[self.root.stage.instructions.start].line();
            for installed in &ends {
                self.judge(&one.need, &Spot { line, start: start.clone() }, installed);
            }
        }
        let starts = [Keyword::Cmd, Keyword::Entrypoint];
        let own = facts.stages.iter().filter(|stage| self.installed[stage.stage.number].is_some());
        let started = own
            .flat_map(|stage| stage.stage.instructions.clone())
            .any(|at| starts.contains(&tree.instructions[at].keyword()));
        if !started {
            self.doubt(
                "the image has no CMD or ENTRYPOINT of its own, and what it is started with is not known"
                    .to_owned(),
            );
        }
    }

    /// What was looked at.
    pub fn evidence(&self) -> Vec<String> {
        let Self { name, commands, .. } = self;
        let mut found = Vec::new();
        if self.gap.len() == 0 {
            found.push(format!("{name} has the same packages, and leaves out manuals, documentation and message catalogues, which nothing here names"));
            return found;
        }
        let s = |count: usize| if count == 1 { "" } else { "s" };
        found.push(format!(
            "{name} leaves out {} packages (compilers, headers, git, curl and others); none of {commands} instruction{} that run commands calls one that is not installed here",
            self.gap.len(),
            s(*commands)
        ));
        let files = self.sources.files.iter().filter(|path| !path.contains('#')).count();
        if files > 0 {
            let mut called: Vec<&str> = self
                .sources
                .uses
                .iter()
                .filter(|one| one.place.path != DOCKERFILE)
                .filter_map(|one| one.need.command())
                .collect();
            called.sort_unstable();
            called.dedup();
            let what = match called.len() {
                0 => "no commands".to_owned(),
                1..=6 => called.join(", "),
                more => format!("{} and {} more", called[..6].join(", "), more - 6),
            };
            found.push(format!("{files} file{} of the build context call {what}", s(files)));
        }
        if !self.packages.is_empty() {
            let all: Vec<&str> = self.packages.iter().map(String::as_str).collect();
            let shown = all.iter().take(6).copied().collect::<Vec<_>>().join(", ");
            let more = if all.len() > 6 { format!(" and {} more", all.len() - 6) } else { String::new() };
            found.push(format!(
                "{} package{} with no need of their own: {shown}{more}",
                all.len(),
                s(all.len())
            ));
        }
        found
    }
}

/// Where something shows.
struct Spot {
    line: usize,
    start: String,
}

fn at_line(instruction: &Instruction) -> Spot {
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

/// Which files of the context COPYs and ADDs bring.
struct Brought(Vec<String>);

impl Brought {
    fn of(copies: &[&Instruction]) -> Self {
        let sources = copies.iter().flat_map(|copy| match copy.kind() {
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                transfer.files().map(|word| word.raw.clone()).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        });
        Self(
            sources
                .map(|source| {
                    let source =
                        source.trim_matches(['"', '\'']).trim_start_matches('/').trim_start_matches("./");
                    let source = if source == "." { "" } else { source.trim_end_matches('/') };
                    // Up to the first wildcard or variable.
                    source.split(['*', '?', '[', '$']).next().unwrap_or_default().to_owned()
                })
                .collect(),
        )
    }

    /// A superset: a name that only starts like a source counts.
    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|source| path.starts_with(source.as_str()))
    }
}
