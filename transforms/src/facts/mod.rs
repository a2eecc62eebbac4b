//! What is true at each instruction of a tree. Derived once, never changed.

mod base;
mod packages;
mod shell_state;

pub use base::{Base, Variant};
pub use packages::{
    Action, CommandOption, PackageCommand, cleans, package_command, package_commands, program_word, removes,
};
pub use shell_state::{Leak, leaks, leaks_of, sets_errexit};

use dfix_syntax::{Dockerfile, Instruction, Kind, Stage};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The shell that runs commands in shell form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// The words of SHELL, or of the default.
    pub words: Vec<String>,
}

impl Shell {
    fn default_of(base: &Base, escape: char) -> Self {
        // The default of Windows images. A backtick as escape character is made for them, but decides nothing.
        let windows = base.is_windows() || escape == '`' && !base.is_linux();
        let words: &[&str] = if windows { &["cmd", "/S", "/C"] } else { &["/bin/sh", "-c"] };
        Self { words: words.iter().map(|&word| word.to_owned()).collect() }
    }

    /// Whether it understands POSIX shell.
    #[must_use]
    pub fn is_posix(&self) -> bool {
        let name = self.words.first().map(|word| word.rsplit('/').next().unwrap_or(word));
        matches!(name, Some("sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" | "busybox"))
            && self.words.last().is_some_and(|last| last.starts_with('-') && last.ends_with('c'))
    }

    /// Whether it is started with `-e`, so that a failing command ends it.
    #[must_use]
    pub fn exits_on_error(&self) -> bool {
        self.words.iter().skip(1).any(|word| {
            word == "errexit" || word.starts_with('-') && !word.starts_with("--") && word.contains('e')
        })
    }

    /// Whether it reads the profile files that set PATH anew.
    #[must_use]
    pub fn is_login(&self) -> bool {
        self.words.iter().skip(1).any(|word| {
            word == "--login" || word.starts_with('-') && !word.starts_with("--") && word.contains('l')
        })
    }
}

/// A variable that is defined in a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Index of the instruction.
    pub at: usize,
    /// Whether ENV, else ARG.
    pub env: bool,
    /// Its value with variables replaced, where known. An ARG's default.
    pub value: Option<String>,
}

/// A stage and what holds in all of it.
#[derive(Debug, Clone)]
pub struct StageFacts {
    /// Its number, name and instructions.
    pub stage: Stage,
    /// The stage that it is built on.
    pub parent: Option<usize>,
    /// The image at the root of its chain of parents.
    pub base: Base,
    /// Stages that are built on it.
    pub children: Vec<usize>,
    /// Stages that copy from it or mount it.
    pub readers: Vec<usize>,
    /// Whether its files end up in an image that is the point of a build: it is the last stage, or one that
    /// no other refers to, or such a stage is built on it.
    pub shipped: bool,
    definitions: HashMap<String, Vec<Definition>>,
}

/// What holds at an instruction.
#[derive(Debug, Clone)]
pub struct At {
    /// Number of its stage; `None` before the first FROM.
    pub stage: Option<usize>,
    /// The user that commands run as; `None` where unknown.
    pub user: Option<Arc<str>>,
    /// The working directory, absolute; `None` where unknown.
    pub workdir: Option<Arc<str>>,
    /// The shell.
    pub shell: Arc<Shell>,
}

/// What is true at each instruction of a tree.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The stages.
    pub stages: Vec<StageFacts>,
    at: Vec<At>,
    globals: HashMap<String, Definition>,
}

impl Facts {
    /// Derives the facts of a tree.
    #[must_use]
    pub fn of(tree: &Dockerfile) -> Self {
        let stages = tree.stages();
        let globals = globals(tree);
        let mut facts = Self { stages: Vec::with_capacity(stages.len()), at: Vec::new(), globals };
        let nowhere = Arc::new(Shell { words: vec!["/bin/sh".to_owned(), "-c".to_owned()] });
        for _ in 0..stages.first().map_or(tree.instructions.len(), |stage| stage.instructions.start) {
            facts.at.push(At { stage: None, user: None, workdir: None, shell: Arc::clone(&nowhere) });
        }
        for stage in &stages {
            facts.add_stage(tree, &stages, stage);
        }
        facts.relate(tree, &stages);
        facts
    }

    fn add_stage(&mut self, tree: &Dockerfile, stages: &[Stage], stage: &Stage) {
        let parent = Dockerfile::stage_of(stages, &stage.base, stage.number, false);
        let number = stage.number;
        let (base, mut state, definitions) = match parent.and_then(|parent| self.stages.get(parent)) {
            Some(parent) => {
                let end = self.at_end(parent.stage.number, tree);
                // ARGs end with their stage; ENVs go on.
                let kept = parent
                    .definitions
                    .iter()
                    .filter_map(|(name, list)| {
                        let env = list.iter().rev().find(|definition| definition.env)?;
                        Some((name.clone(), vec![Definition { at: stage.instructions.start, ..env.clone() }]))
                    })
                    .collect();
                (parent.base.clone(), At { stage: Some(number), ..end }, kept)
            }
            None => {
                let resolved = expand(&stage.base, |name| Some(self.globals.get(name)?.value.clone()));
                let base = Base::of(&stage.base, resolved.as_deref());
                let shell = Arc::new(Shell::default_of(&base, tree.escape()));
                let row = base.row();
                let state = At {
                    stage: Some(number),
                    user: row.map(|row| {
                        Arc::from(if row.default_user.is_empty() { "root" } else { &row.default_user })
                    }),
                    workdir: row.and_then(|row| default_workdir(&row.family)).map(Arc::from),
                    shell,
                };
                (base, state, HashMap::new())
            }
        };
        self.stages.push(StageFacts {
            stage: stage.clone(),
            parent,
            base,
            children: Vec::new(),
            readers: Vec::new(),
            shipped: false,
            definitions,
        });
        for at in stage.instructions.clone() {
            self.at.push(state.clone());
            let instruction = &tree.instructions[at];
            self.define(number, at, instruction);
            self.follow(number, at, instruction, &mut state);
        }
    }

    /// How an instruction changes what holds after it.
    fn follow(&self, stage: usize, at: usize, instruction: &Instruction, state: &mut At) {
        let known = |text: &str| self.known_at(stage, at, text);
        match instruction.kind() {
            Kind::User(word) => {
                state.user = known(&word.raw).map(|user| user.split(':').next().unwrap_or_default().into());
            }
            Kind::Workdir(word) => {
                state.workdir =
                    known(&word.raw).and_then(|path| join(state.workdir.as_deref(), &path)).map(Into::into);
            }
            Kind::Shell(words) => state.shell = Arc::new(Shell { words: words.clone() }),
            _ => {}
        }
    }

    fn define(&mut self, stage: usize, at: usize, instruction: &Instruction) {
        let (Kind::Env(pairs) | Kind::Arg(pairs)) = instruction.kind() else { return };
        let env = matches!(instruction.kind(), Kind::Env(_));
        let found: Vec<(String, Definition)> = pairs
            .iter()
            .map(|pair| {
                let value = match &pair.value {
                    Some(word) => self.expand_at(stage, at, &word.raw),
                    None => self.globals.get(&pair.name).and_then(|global| global.value.clone()),
                };
                (pair.name.clone(), Definition { at, env, value })
            })
            .collect();
        for (name, definition) in found {
            self.stages[stage].definitions.entry(name).or_default().push(definition);
        }
    }

    fn relate(&mut self, tree: &Dockerfile, stages: &[Stage]) {
        for stage in stages {
            if let Some(parent) = self.stages[stage.number].parent {
                self.stages[parent].children.push(stage.number);
            }
            for (_, from) in tree.sources_elsewhere(stage) {
                if let Some(source) = Dockerfile::stage_of(stages, &from, stage.number, true) {
                    self.stages[source].readers.push(stage.number);
                }
            }
        }
        for number in (0..self.stages.len()).rev() {
            let facts = &self.stages[number];
            let alone = facts.children.is_empty() && facts.readers.is_empty();
            let carried = facts.children.iter().any(|&child| self.stages[child].shipped);
            self.stages[number].shipped = number + 1 == self.stages.len() || alone || carried;
        }
    }

    /// What holds before the instruction at an index.
    #[must_use]
    pub fn at(&self, index: usize) -> &At {
        &self.at[index]
    }

    /// What holds at the end of a stage.
    #[must_use]
    pub fn at_end(&self, stage: usize, tree: &Dockerfile) -> At {
        let range = &self.stages[stage].stage.instructions;
        let last = range.end - 1;
        let mut state = self.at[last].clone();
        self.follow(stage, last, &tree.instructions[last], &mut state);
        state
    }

    /// The definition of a variable that an instruction sees. ENV wins over ARG, wherever it stands.
    #[must_use]
    pub fn variable(&self, stage: usize, index: usize, name: &str) -> Option<&Definition> {
        let list = self.stages.get(stage)?.definitions.get(name)?;
        let seen = &list[..list.partition_point(|definition| definition.at < index)];
        seen.iter().rev().find(|definition| definition.env).or_else(|| seen.last())
    }

    /// The variables that an instruction of a stage sees, by name.
    #[must_use]
    pub fn variables(&self, stage: usize, index: usize) -> BTreeMap<&str, &Definition> {
        let definitions = self.stages.get(stage).map(|stage| &stage.definitions);
        definitions
            .into_iter()
            .flat_map(HashMap::keys)
            .filter_map(|name| Some((name.as_str(), self.variable(stage, index, name)?)))
            .collect()
    }

    /// Whether a variable has a value other than the empty one at an instruction.
    #[must_use]
    pub fn is_set(&self, index: usize, name: &str) -> bool {
        self.at[index]
            .stage
            .and_then(|stage| self.variable(stage, index, name))
            .is_some_and(|definition| definition.value.as_deref() != Some(""))
    }

    /// A text with its variables replaced by what is known at an instruction; quotes removed.
    #[must_use]
    pub fn expand_at(&self, stage: usize, index: usize, text: &str) -> Option<String> {
        expand(text, |name| Some(self.variable(stage, index, name)?.value.clone()))
    }

    /// Like [`expand_at`](Self::expand_at), but `None` where a variable is not defined in the file: the base
    /// image may define it.
    #[must_use]
    pub fn known_at(&self, stage: usize, index: usize, text: &str) -> Option<String> {
        let mut names = dfix_syntax::variables_of(text).into_iter();
        if names.any(|name| self.variable(stage, index, &name).is_none()) {
            return None;
        }
        self.expand_at(stage, index, text)
    }

    /// Whether the script of an instruction is POSIX shell.
    #[must_use]
    pub fn is_posix(&self, index: usize) -> bool {
        self.at[index].shell.is_posix()
    }

    /// The last stage.
    #[must_use]
    pub fn last_stage(&self) -> Option<&StageFacts> {
        self.stages.last()
    }
}

fn globals(tree: &Dockerfile) -> HashMap<String, Definition> {
    let mut globals: HashMap<String, Definition> = HashMap::new();
    for (at, instruction) in tree.global_args().iter().enumerate() {
        let Kind::Arg(pairs) = instruction.kind() else { continue };
        for pair in pairs {
            let value = pair
                .value
                .as_ref()
                .and_then(|word| expand(&word.raw, |name| Some(globals.get(name)?.value.clone())));
            globals.insert(pair.name.clone(), Definition { at, env: false, value });
        }
    }
    globals
}

/// The working directory that official images of a family set, `/` for most.
fn default_workdir(family: &str) -> Option<&'static str> {
    match family {
        "python" | "node" | "debian" | "ubuntu" | "alpine" | "rust" | "ruby" | "java" | "perl" => Some("/"),
        "golang" => Some("/go"),
        _ => None,
    }
}

/// Joins a path to a working directory and takes `.` and `..` out.
#[must_use]
pub fn join(workdir: Option<&str>, path: &str) -> Option<String> {
    let full = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", workdir?) };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// How much longer than its text a value may become and still be known: where each variable holds the one
/// before it twice, values double with every line.
const LONGEST_GROWTH: usize = 4096;

/// Replaces `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}` and removes quotes and escapes.
/// `lookup` gives `None` for a variable that isn't defined (empty), `Some(None)` for an unknown value.
#[allow(clippy::option_option, reason = "undefined and unknown are different answers")]
pub fn expand(text: &str, lookup: impl Fn(&str) -> Option<Option<String>>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = rest.chars().next()?;
                rest = &rest[next.len_utf8()..];
                out.push(next);
            }
            ('$', None | Some('"')) => {
                if let Some(inner) = rest.strip_prefix('{') {
                    let end = inner.find('}')?;
                    let body = &inner[..end];
                    rest = &inner[end + 1..];
                    let cut =
                        body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len());
                    let (name, operation) = body.split_at(cut);
                    let value = lookup(name);
                    match operation {
                        "" => out.push_str(&value.unwrap_or_else(|| Some(String::new()))?),
                        _ => {
                            let set = match value {
                                None => None,
                                Some(value) => Some(value?)
                                    .filter(|value| !value.is_empty() || !operation.starts_with(':')),
                            };
                            let word = operation.trim_start_matches(':');
                            if let Some(default) = word.strip_prefix('-') {
                                out.push_str(&set.unwrap_or_else(|| default.to_owned()));
                            } else if let Some(other) = word.strip_prefix('+') {
                                out.push_str(if set.is_some() { other } else { "" });
                            } else {
                                return None;
                            }
                        }
                    }
                } else {
                    let end =
                        rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                    if end == 0 {
                        return None;
                    }
                    out.push_str(&lookup(&rest[..end]).unwrap_or_else(|| Some(String::new()))?);
                    rest = &rest[end..];
                }
            }
            _ => out.push(c),
        }
        if out.len() > text.len() + LONGEST_GROWTH {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_double_become_unknown() {
        let text = format!("FROM a\nARG A=aa\n{}USER $A\n", "ENV A=$A$A\n".repeat(60));
        let tree = Dockerfile::parse(&text).unwrap();
        assert_eq!(Facts::of(&tree).expand_at(0, 4, "$A").as_deref(), Some("aaaaaaaa"));
        assert_eq!(Facts::of(&tree).expand_at(0, 62, "$A"), None);
    }
}
