//! A tree as the check sees it: what happens in each stage, one thing after the other.

use crate::facts::{Facts, leaks, sets_errexit};
use dfix_syntax::shell::{CompoundKind, Element, Script, SimpleCommand};
use dfix_syntax::{Dockerfile, HereDocument, Instruction, Keyword, Kind, variables_of};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// One thing that happens: a command of a RUN, or another instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Atom {
    /// What happens: words joined by one space.
    pub text: String,
    /// Under which circumstances: user, folder, shell, flags, variables, what decides whether it runs, and
    /// what earlier commands of the same shell left behind.
    pub context: u64,
    /// Whether it is part of the image's configuration.
    pub config: bool,
}

/// A stage.
#[derive(Debug, Clone)]
pub(crate) struct StageSummary {
    pub name: Option<String>,
    pub base: String,
    pub flags: Vec<String>,
    pub atoms: Vec<Atom>,
    /// References to images and stages: of FROM first, then of `--from` and mounts.
    pub sources: Vec<String>,
    pub parent: Option<usize>,
}

/// A tree.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub directives: Vec<(String, String)>,
    pub globals: Vec<Atom>,
    pub comments: BTreeMap<String, usize>,
    pub line_ends: (bool, bool, bool),
    pub stages: Vec<StageSummary>,
}

impl Summary {
    pub fn of(tree: &Dockerfile, text: &str) -> Self {
        let facts = Facts::of(tree);
        let mut comments = BTreeMap::new();
        let mut note = |comment: &str| *comments.entry(comment.trim().to_owned()).or_insert(0) += 1;
        for instruction in &tree.instructions {
            instruction.comments().for_each(&mut note);
            if let Some(Ok(script)) = instruction.script() {
                script.comments().iter().for_each(|span| note(&script.text()[span.clone()]));
            }
        }
        tree.trailer.lines().filter(|line| line.trim_start().starts_with('#')).for_each(&mut note);
        let crlf = text.matches("\r\n").count();
        let lines = text.matches('\n').count();
        Self {
            directives: tree.directives().iter().map(|d| (d.name.clone(), d.value.clone())).collect(),
            globals: tree.global_args().iter().map(|arg| instruction_atom(arg, 0)).collect(),
            comments,
            line_ends: (crlf > 0, lines > crlf, text.ends_with('\n')),
            stages: facts
                .stages
                .iter()
                .map(|stage| {
                    let range = stage.stage.instructions.clone();
                    let from = &tree.instructions[range.start];
                    StageSummary {
                        name: stage.stage.name.clone(),
                        base: stage.stage.base.clone(),
                        flags: from.flags().iter().map(|flag| format!("{flag:?}")).map(strip_span).collect(),
                        atoms: range.clone().skip(1).flat_map(|at| atoms(tree, &facts, at)).collect(),
                        sources: tree
                            .sources_elsewhere(&stage.stage)
                            .into_iter()
                            .map(|(_, from)| from)
                            .collect(),
                        parent: stage.parent,
                    }
                })
                .collect(),
        }
    }
}

/// A flag's debug text without its place.
fn strip_span(text: String) -> String {
    text.split(", span").next().unwrap_or_default().to_owned()
}

fn atoms(tree: &Dockerfile, facts: &Facts, at: usize) -> Vec<Atom> {
    let instruction = &tree.instructions[at];
    let place = facts.at(at);
    let mut hasher = DefaultHasher::new();
    let variable = |hasher: &mut DefaultHasher, name: &str| {
        let definition = place.stage.and_then(|stage| facts.variable(stage, at, name));
        (name, definition.map(|definition| (definition.env, &definition.value))).hash(hasher);
    };
    if instruction.keyword() != Keyword::Run {
        // Where a path is relative, the folder is part of what it means.
        let path = match instruction.kind() {
            Kind::Copy(transfer) | Kind::Add(transfer) => Some(&transfer.destination.raw),
            Kind::Workdir(word) => Some(&word.raw),
            _ => None,
        };
        let expanded = path.zip(place.stage).map(|(path, stage)| facts.expand_at(stage, at, path));
        if expanded.is_some_and(|path| path.is_none_or(|path| !path.starts_with('/'))) {
            place.workdir.hash(&mut hasher);
        }
        // Flags (`--chown=$USER`) are expanded, too.
        for name in variables_of(&instruction.logical().text) {
            variable(&mut hasher, &name);
        }
        return vec![instruction_atom(instruction, hasher.finish())];
    }
    (&place.user, &place.workdir, &place.shell.words).hash(&mut hasher);
    for flag in instruction.flags() {
        (&flag.name, &flag.value).hash(&mut hasher);
    }
    match instruction.script() {
        Some(Ok(script)) if !script.commands().is_empty() => {
            script_atoms(script, DefaultHasher::new(), &hasher, place.shell.exits_on_error(), &variable)
        }
        _ => vec![instruction_atom(instruction, hasher.finish())],
    }
}

fn script_atoms(
    script: &Script,
    mut state: DefaultHasher,
    hasher: &DefaultHasher,
    mut exits_on_error: bool,
    variable: &dyn Fn(&mut DefaultHasher, &str),
) -> Vec<Atom> {
    let leaks = leaks(script);
    let mut leak = leaks.iter().peekable();
    let mut atoms = Vec::with_capacity(script.commands().len());
    let units = units(script);
    for (number, unit) in units.iter().enumerate() {
        let exits = exits_on_error || sets_errexit(&script.commands()[unit.commands.clone()]);
        // `-e` is off in all but the last command of a `&&` list, inside brackets and keywords, too.
        let guarded = unit.compound && number + 1 < units.len() && exits;
        if let Some(inner) = &unit.subshell {
            let mut state = state.clone();
            if guarded {
                "without -e".hash(&mut state);
            }
            atoms.extend(script_atoms(inner, state, hasher, exits_on_error, variable));
            continue;
        }
        exits_on_error = exits;
        // What stands between commands: operators, brackets, keywords.
        let mut structure = DefaultHasher::new();
        guarded.hash(&mut structure);
        let mut plain = !guarded;
        let mut end = unit.span.start;
        for index in unit.commands.clone() {
            let simple = &script.commands()[index];
            let between = without_comments(script, end, simple.span.start);
            plain &= between.is_empty();
            between.hash(&mut structure);
            end = simple.span.end.max(end);
            while let Some(left) = leak
                .next_if(|left| left.command < index || left.command == index && left.what == "a function")
            {
                left.what.hash(&mut state);
                // What leaves a loop or a function behind is compared command by command.
                if let Some(command) = left.simple.and_then(|index| script.commands().get(index)) {
                    command_text(script, command).hash(&mut state);
                }
            }
            let mut context = hasher.clone();
            for word in simple.words.iter().chain(simple.assignments.iter().map(|a| &a.value)) {
                word.variables.iter().for_each(|name| variable(&mut context, name));
            }
            for word in simple.redirections.iter().filter_map(|r| r.target.as_ref()) {
                word.variables.iter().for_each(|name| variable(&mut context, name));
            }
            if !plain {
                structure.clone().finish().hash(&mut context);
            }
            state.clone().finish().hash(&mut context);
            atoms.push(Atom { text: command_text(script, simple), context: context.finish(), config: false });
        }
        let tail = without_comments(script, end, unit.span.end);
        if !tail.is_empty() {
            // A closing word, a here-document or a `&` behind the last command.
            let mut context = hasher.clone();
            structure.finish().hash(&mut context);
            atoms.push(Atom { text: tail, context: context.finish(), config: false });
        }
    }
    atoms
}

/// A part of a script that means the same as a RUN of its own.
struct Unit {
    span: Range<usize>,
    commands: Range<usize>,
    /// Whether it is more than one simple command or a pipeline of such.
    compound: bool,
    /// What stands in brackets, where it is `( … )` and nothing else: a shell of its own.
    subshell: Option<Script>,
}

/// The pipelines of a chain of `&&`: they mean the same as separate RUNs, as the first failure ends the
/// build. Anything else is one unit.
fn units(script: &Script) -> Vec<Unit> {
    let whole = || Unit {
        span: 0..script.text().len(),
        commands: 0..script.commands().len(),
        compound: true,
        subshell: None,
    };
    let ([list], true, false) = (script.lists(), script.is_and_chain(), script.has_here_document()) else {
        return vec![whole()];
    };
    let mut next = 0;
    list.pipelines
        .iter()
        .map(|pipeline| {
            let start = next;
            for element in &pipeline.elements {
                next = match element {
                    Element::Simple(index) => index + 1,
                    Element::Compound { commands, .. } => commands.end.max(next),
                };
            }
            let subshell = match &pipeline.elements[..] {
                [Element::Compound { kind: CompoundKind::Subshell, span, .. }] if *span == pipeline.span => {
                    script.text()[span.clone()]
                        .strip_prefix('(')
                        .and_then(|text| Script::parse(text.strip_suffix(')')?).ok())
                }
                _ => None,
            };
            Unit {
                span: pipeline.span.clone(),
                commands: start..next,
                compound: !pipeline.elements.iter().all(|element| matches!(element, Element::Simple(_))),
                subshell,
            }
        })
        .collect()
}

/// The text between two commands, comments left out, white space collapsed.
fn without_comments(script: &Script, start: usize, end: usize) -> String {
    let mut text = String::new();
    let mut at = start;
    for comment in script.comments().iter().filter(|span| span.start >= start && span.end <= end) {
        text.push_str(script.text().get(at..comment.start).unwrap_or_default());
        at = comment.end;
    }
    text.push_str(script.text().get(at.min(end)..end).unwrap_or_default());
    let newline = text.contains('\n') && start > 0;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A newline is a separator like `;` where nothing else separates.
    if words.is_empty() && newline && end < script.text().len() { ";".to_owned() } else { words }
}

/// What an instruction does, as [`Effect`](crate::plan::Effect)s name it: a RUN command by command.
pub(crate) fn atom_texts(instruction: &Instruction) -> Vec<String> {
    match instruction.script() {
        Some(Ok(script)) if instruction.keyword() == Keyword::Run && !script.commands().is_empty() => {
            let nothing = DefaultHasher::new();
            let atoms = script_atoms(script, nothing.clone(), &nothing, false, &|_, _| {});
            atoms.into_iter().map(|atom| atom.text).collect()
        }
        _ => vec![instruction_text(instruction)],
    }
}

/// A simple command as one line: its parts as written, joined by one space.
pub(crate) fn command_text(script: &Script, simple: &SimpleCommand) -> String {
    let mut parts: Vec<std::ops::Range<usize>> = simple.assignments.iter().map(|a| a.span.clone()).collect();
    parts.extend(simple.words.iter().map(|word| word.span.clone()));
    parts.extend(simple.redirections.iter().map(|redirection| redirection.span.clone()));
    parts.sort_by_key(|span| span.start);
    parts.into_iter().map(|span| &script.text()[span]).collect::<Vec<_>>().join(" ")
}

/// An instruction as one line: keyword in upper case, flags, arguments, here-documents.
pub(crate) fn instruction_text(instruction: &Instruction) -> String {
    let logical = &instruction.logical().text;
    let mut text = instruction.keyword().to_string();
    for flag in instruction.flags() {
        text.push(' ');
        text.push_str(&logical[flag.span.clone()]);
    }
    text.push(' ');
    text.push_str(&collapse(instruction.arguments()));
    for HereDocument { body, .. } in instruction.here_documents() {
        text.push('\n');
        text.push_str(&instruction.text()[body.clone()]);
    }
    text
}

fn instruction_atom(instruction: &Instruction, context: u64) -> Atom {
    let config = !matches!(
        instruction.keyword(),
        Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Arg | Keyword::From
    );
    Atom { text: instruction_text(instruction), context, config }
}

/// White space outside quotes as one space.
fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if quote.is_none() && c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    out
}
