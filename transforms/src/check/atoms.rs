//! A tree as the check sees it: what happens in each stage, one thing after the other.

use super::script::Walk;
use super::text::instruction_text;
use crate::facts::{Definition, Facts};
use dfix_syntax::{CommandForm, Dockerfile, Healthcheck, Instruction, Keyword, Kind, variables_of};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One thing that happens: a command of a RUN, or another instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Atom {
    /// What happens: words joined by one space.
    pub text: String,
    /// Whether it is part of the image's configuration.
    pub config: bool,
    /// Index of its instruction.
    pub at: usize,
    /// Under which circumstances: user, folder, shell, flags, what decides whether it runs, and what earlier
    /// commands of the same shell left behind.
    pub context: u64,
    /// The variables that it names, with a digest of what they are.
    pub variables: Vec<(String, u64)>,
    /// The stages that it takes files from; `None` is an image or another build context.
    pub sources: Vec<Option<usize>>,
    /// A digest of all variables that it sees, for what runs.
    pub environment: Option<u64>,
}

/// A stage.
#[derive(Debug, Clone)]
pub(crate) struct StageSummary {
    pub name: Option<String>,
    pub base: String,
    pub flags: Vec<String>,
    pub atoms: Vec<Atom>,
    /// References to images and stages by `--from` and mounts, and what they mean.
    pub sources: Vec<(String, Option<usize>)>,
    pub parent: Option<usize>,
}

/// A tree.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub directives: Vec<(String, String)>,
    pub globals: Vec<Atom>,
    pub comments: BTreeMap<String, usize>,
    pub stages: Vec<StageSummary>,
}

impl Summary {
    pub fn of(tree: &Dockerfile, facts: &Facts) -> Self {
        let mut comments = BTreeMap::new();
        let mut note = |comment: &str| *comments.entry(comment.trim().to_owned()).or_insert(0) += 1;
        for instruction in &tree.instructions {
            instruction.comments().for_each(&mut note);
            if instruction.text().contains('#')
                && let Some(Ok(script)) = instruction.script()
            {
                script.comments().iter().for_each(|span| note(&script.text()[span.clone()]));
            }
        }
        tree.trailer.lines().filter(|line| line.trim_start().starts_with('#')).for_each(&mut note);
        Self {
            directives: tree.directives().iter().map(|d| (d.name.clone(), d.value.clone())).collect(),
            globals: globals(tree),
            comments,
            stages: facts.stages.iter().map(|stage| summary_of(tree, facts, stage.stage.number)).collect(),
        }
    }
}

/// Global ARGs, each with the ones before it that it names.
fn globals(tree: &Dockerfile) -> Vec<Atom> {
    let mut known: HashMap<String, u64> = HashMap::new();
    let mut atoms = Vec::new();
    for (at, arg) in tree.global_args().iter().enumerate() {
        let names = variables_of(arg.arguments());
        let variables = names.into_iter().map(|name| {
            let value = known.get(&name).copied().unwrap_or_default();
            (name, value)
        });
        let atom = Atom { variables: variables.collect(), ..instruction_atom(arg, at) };
        if let Kind::Arg(pairs) = arg.kind() {
            let value = digest(&(&atom.text, &atom.variables));
            known.extend(pairs.iter().map(|pair| (pair.name.clone(), value)));
        }
        atoms.push(atom);
    }
    atoms
}

fn summary_of(tree: &Dockerfile, facts: &Facts, number: usize) -> StageSummary {
    let stage = &facts.stages[number].stage;
    let from = &tree.instructions[stage.instructions.start];
    let stages = || facts.stages.iter().map(|stage| &stage.stage);
    let written = tree.sources_elsewhere(stage);
    let mut sources = written.iter().map(|(at, from)| (*at, source(stages(), from, number))).peekable();
    let mut scope = Scope::of(facts, number, stage.instructions.start);
    let mut atoms = Vec::new();
    for at in stage.instructions.clone().skip(1) {
        let mut own = Vec::new();
        while let Some((_, source)) = sources.next_if(|(user, _)| *user == at) {
            own.push(source);
        }
        add_atoms(tree, facts, at, &own, &scope, &mut atoms);
        scope.define(facts, number, at, &tree.instructions[at]);
    }
    let logical = &from.logical().text;
    StageSummary {
        name: stage.name.clone(),
        base: stage.base.clone(),
        flags: from.flags().iter().map(|flag| logical[flag.span.clone()].to_owned()).collect(),
        atoms,
        sources: written.iter().map(|(_, from)| (from.clone(), source(stages(), from, number))).collect(),
        parent: facts.stages[number].parent,
    }
}

/// The stage before `number` that a `--from` means, by name or by number.
fn source<'s>(
    stages: impl DoubleEndedIterator<Item = &'s dfix_syntax::Stage> + ExactSizeIterator,
    reference: &str,
    number: usize,
) -> Option<usize> {
    let named = stages.rev().find(|stage| {
        stage.number < number && stage.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(reference))
    });
    named.map(|stage| stage.number).or_else(|| reference.parse().ok().filter(|known| *known < number))
}

/// The variables in effect at a place, as one number that doesn't depend on their order.
struct Scope {
    variables: HashMap<String, u64>,
    sum: u64,
}

impl Scope {
    fn of(facts: &Facts, stage: usize, from: usize) -> Self {
        let mut scope = Self { variables: HashMap::new(), sum: 0 };
        for (name, definition) in facts.variables(stage, from + 1) {
            scope.set(name, definition);
        }
        scope
    }

    fn set(&mut self, name: &str, definition: &Definition) {
        let value = digest(&(name, definition.env, &definition.value));
        let old = self.variables.insert(name.to_owned(), value).unwrap_or_default();
        self.sum = self.sum.wrapping_sub(old).wrapping_add(value);
    }

    /// Goes on behind the instruction at `at`.
    fn define(&mut self, facts: &Facts, stage: usize, at: usize, instruction: &Instruction) {
        if let Kind::Env(pairs) | Kind::Arg(pairs) = instruction.kind() {
            for pair in pairs {
                if let Some(definition) = facts.variable(stage, at + 1, &pair.name) {
                    self.set(&pair.name, definition);
                }
            }
        }
    }

    fn get(&self, name: &str) -> u64 {
        self.variables.get(name).copied().unwrap_or_default()
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn add_atoms(
    tree: &Dockerfile,
    facts: &Facts,
    at: usize,
    sources: &[Option<usize>],
    scope: &Scope,
    atoms: &mut Vec<Atom>,
) {
    let instruction = &tree.instructions[at];
    let place = facts.at(at);
    let mut hasher = DefaultHasher::new();
    if instruction.keyword() != Keyword::Run {
        match instruction.kind() {
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                folder(facts, at, &transfer.destination.raw).hash(&mut hasher);
            }
            // A folder that it makes belongs to the user.
            Kind::Workdir(path) => (folder(facts, at, &path.raw), &place.user).hash(&mut hasher),
            Kind::Cmd(form) | Kind::Entrypoint(form) | Kind::Healthcheck(Healthcheck::Cmd(form)) => {
                if matches!(form, CommandForm::Shell(_)) {
                    place.shell.words.hash(&mut hasher);
                }
            }
            _ => {}
        }
        let variables = named_variables(instruction).into_iter().map(|name| {
            let value = scope.get(&name);
            (name, value)
        });
        atoms.push(Atom {
            context: hasher.finish(),
            variables: variables.collect(),
            sources: sources.to_vec(),
            ..instruction_atom(instruction, at)
        });
        return;
    }
    (&place.user, &place.workdir, &place.shell.words).hash(&mut hasher);
    for flag in instruction.flags() {
        let value = flag.value.as_deref().unwrap_or_default();
        // Which stage a mount comes from is told by `sources`: its name or number may change.
        let fields = value.split(',').filter(|field| !field.starts_with("from=") || sources.contains(&None));
        (&flag.name, fields.collect::<Vec<_>>()).hash(&mut hasher);
    }
    let first = atoms.len();
    match instruction.script() {
        Some(Ok(script)) if !script.commands().is_empty() => {
            for document in instruction.here_documents() {
                (document.expand, document.chomp, document.descriptor).hash(&mut hasher);
            }
            Walk::of(script, hasher, place.shell.exits_on_error(), atoms).script();
        }
        _ => atoms.push(Atom { context: hasher.finish(), ..instruction_atom(instruction, at) }),
    }
    for atom in &mut atoms[first..] {
        atom.at = at;
        atom.sources.extend_from_slice(sources);
        atom.environment = Some(scope.sum);
        for (name, value) in &mut atom.variables {
            *value = scope.get(name);
        }
    }
}

/// Where a path is relative, the folder is part of what it means.
fn folder<'f>(facts: &'f Facts, at: usize, path: &str) -> Option<&'f str> {
    let place = facts.at(at);
    let expanded = place.stage.and_then(|stage| facts.expand_at(stage, at, path));
    let absolute = expanded.is_some_and(|path| path.starts_with('/'));
    place.workdir.as_deref().filter(|_| !absolute)
}

/// Names of the variables that BuildKit replaces in an instruction, its flags and here-documents.
fn named_variables(instruction: &Instruction) -> Vec<String> {
    if !instruction.text().contains('$') {
        return Vec::new();
    }
    let mut names = variables_of(&instruction.logical().text);
    for document in instruction.here_documents().iter().filter(|document| document.expand) {
        names.extend(variables_of(&instruction.text()[document.body.clone()]));
    }
    names
}

fn instruction_atom(instruction: &Instruction, at: usize) -> Atom {
    let config = !matches!(
        instruction.keyword(),
        Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Arg | Keyword::From
    );
    let text = instruction_text(instruction);
    Atom { text, config, at, context: 0, variables: Vec::new(), sources: Vec::new(), environment: None }
}
