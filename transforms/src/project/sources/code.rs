//! Calls in sources that start a process or load a library.

use super::imports::without_require;
use super::shell::{argv_needs, is_system_path, text_needs};
use super::tokens::{HOLE, Kind, Token, tokens};
use super::{Need, Use, extension};
use crate::knowledge::{PROCESS_CALLS, ProcessCall};
use crate::project::python::Place;
use std::collections::HashMap;

/// A language that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    /// TypeScript included.
    JavaScript,
    Go,
    Rust,
}

impl Language {
    /// By the ending of a file.
    pub fn of(path: &str) -> Option<Self> {
        Some(match extension(path) {
            "py" | "pyw" | "wsgi" => Self::Python,
            "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" | "vue" | "svelte" => {
                Self::JavaScript
            }
            "go" => Self::Go,
            "rs" => Self::Rust,
            _ => return None,
        })
    }

    /// By the first line of a file.
    pub fn of_shebang(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("#!")?;
        let program = line.split(['/', ' ']).rfind(|word| !word.is_empty() && !word.starts_with('-'))?;
        match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "python" | "pypy" => Some(Self::Python),
            "node" | "nodejs" | "tsx" | "ts-node" => Some(Self::JavaScript),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Go => "go",
            Self::Rust => "rust",
        }
    }
}

/// What a source needs.
pub(super) fn needs(language: Language, path: &str, text: &str) -> Vec<Use> {
    let tokens = without_require(language, tokens(language, text));
    let mut code = Code {
        language,
        path,
        lines: text.lines().collect(),
        tokens: &tokens,
        names: HashMap::new(),
        used: vec![false; tokens.len()],
        uses: Vec::new(),
    };
    code.imports();
    code.aliases();
    code.calls();
    code.system_paths();
    code.uses
}

pub(super) struct Code<'t> {
    pub language: Language,
    path: &'t str,
    lines: Vec<&'t str>,
    pub tokens: &'t [Token],
    /// What a local name stands for: a module, or `module.function`.
    pub names: HashMap<String, String>,
    /// Tokens that an import or alias accounts for.
    pub used: Vec<bool>,
    uses: Vec<Use>,
}

/// A dotted name: the tokens it takes, and its parts joined by dots.
pub(super) struct Path {
    pub end: usize,
    pub name: String,
}

impl<'t> Code<'t> {
    pub fn push(&mut self, need: Need, line: usize) {
        let text = self.lines.get(line.saturating_sub(1)).map_or("", |line| line.trim());
        let text: String = text.chars().take(100).collect();
        let place = Place { path: self.path.to_owned(), line, text };
        let one = Use { need, place };
        if !self.uses.contains(&one) {
            self.uses.push(one);
        }
    }

    /// The dotted name that starts at a token; empty where none does.
    pub fn path_at(&self, start: usize) -> Path {
        let mut name = String::new();
        let mut at = start;
        while let Some(part) = self.tokens.get(at).and_then(Token::name) {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
            at += 1;
            let sign =
                |offset: usize, sign: char| self.tokens.get(at + offset).is_some_and(|token| token.is(sign));
            let dots = match () {
                () if sign(0, '.') => 1,
                () if sign(0, '?') && sign(1, '.') || sign(0, ':') && sign(1, ':') => 2,
                () => 0,
            };
            if dots == 0 || self.tokens.get(at + dots).and_then(Token::name).is_none() {
                break;
            }
            at += dots;
        }
        Path { end: at, name }
    }

    /// A dotted name with its first part replaced by what it stands for; `None` where that isn't known.
    pub fn meaning(&self, name: &str) -> Option<String> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let meaning = self.names.get(first)?;
        Some(rest.map_or_else(|| meaning.clone(), |rest| format!("{meaning}.{rest}")))
    }

    fn calls(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let member = at > 0
                && (self.tokens[at - 1].is('.')
                    || self.language == Language::Rust && self.tokens[at - 1].is(':'));
            let defined =
                at > 0 && matches!(self.tokens[at - 1].name(), Some("def" | "function" | "func" | "fn"));
            if self.tokens[at].name().is_none() || member || defined || self.used[at] {
                at += 1;
                continue;
            }
            let path = self.path_at(at);
            let line = self.tokens[at].line;
            let row = match self.language {
                Language::Rust => row(self.language, &path.name),
                _ => self.meaning(&path.name).and_then(|meaning| row(self.language, &meaning)),
            };
            if let Some((row, function)) = row {
                self.call(row, &function, path.end, line);
            }
            at = path.end.max(at + 1);
        }
    }

    fn call(&mut self, row: &ProcessCall, function: &str, at: usize, line: usize) {
        if row.takes == "name" {
            self.push(Need::Command(function.replace('_', "-")), line);
            return;
        }
        let next = self.tokens.get(at);
        if let Some(text) = next.and_then(Token::text).filter(|_| self.language == Language::JavaScript) {
            let needs = of_shell(text);
            self.push_all(needs, line);
        } else if next.is_some_and(|token| token.is('(')) {
            let arguments = self.arguments(at);
            let named = arguments.iter().find(|slice| {
                let [name, equals, _, ..] = slice else { return false };
                !row.keyword.is_empty() && name.name() == Some(&row.keyword) && equals.is('=')
            });
            let given = named.map(|slice| &slice[2..]).or_else(|| arguments.get(row.argument).copied());
            let needs = given.and_then(|given| self.evaluate(given, &row.takes, 0));
            self.push_all(needs.unwrap_or_else(|| vec![Need::Computed]), line);
        } else if row.module == "shelljs" || row.functions.iter().any(String::is_empty) {
            // The module itself, handed on or looked into.
        } else {
            self.push(Need::Computed, line);
        }
    }

    fn push_all(&mut self, needs: Vec<Need>, line: usize) {
        for need in needs {
            self.push(need, line);
        }
    }

    /// The arguments between the bracket at a token and the one that closes it.
    fn arguments(&self, open: usize) -> Vec<&'t [Token]> {
        split(&self.tokens[open + 1..])
    }

    /// What an argument says is needed; `None` where that can't be told.
    fn evaluate(&self, argument: &'t [Token], takes: &str, depth: usize) -> Option<Vec<Need>> {
        let (first, rest) = argument.split_first()?;
        match &first.kind {
            Kind::Text(text) => match takes {
                "library" if rest.is_empty() && !text.contains(HOLE) => {
                    Some(vec![Need::Library(text.clone())])
                }
                "library" => None,
                "shell" | "command" => Some(of_shell(text)),
                _ if rest.is_empty() => Some(of_program(text)),
                _ => None,
            },
            Kind::Sign('[' | '(') => {
                let words: Vec<Option<&str>> = split(rest)
                    .into_iter()
                    .map(|element| match element {
                        [only] => only.text().filter(|text| !text.contains(HOLE)),
                        _ => None,
                    })
                    .collect();
                let starts = split(rest).first().copied().unwrap_or_default();
                if self.is_own(starts) {
                    return Some(Vec::new());
                }
                if words.first() == Some(&None) {
                    return self.evaluate(starts, "program", depth + 1);
                }
                Some(argv_needs(&words))
            }
            // `CDLL(None)` is the program itself.
            Kind::Name(name) if takes == "library" && name == "None" => Some(Vec::new()),
            Kind::Name(name) if name == "None" || name == "null" => None,
            Kind::Name(_) => self.evaluate_name(argument, takes, depth),
            Kind::Sign(_) => None,
        }
    }

    fn evaluate_name(&self, argument: &'t [Token], takes: &str, depth: usize) -> Option<Vec<Need>> {
        if self.is_own(argument) {
            return Some(Vec::new());
        }
        let start = argument.as_ptr_range().start;
        let at = self.tokens.iter().position(|token| std::ptr::eq(token, start))?;
        let path = self.path_at(at);
        let length = path.end - at;
        if matches!(
            path.name.as_str(),
            "shlex.split" | "util.find_library" | "ctypes.util.find_library" | "find_library"
        ) {
            let takes = if path.name == "shlex.split" { "shell" } else { "library" };
            let inner = split(argument.get(length + 1..)?);
            return self.evaluate(inner.first()?, takes, depth + 1);
        }
        if length != argument.len() || length != 1 || depth > 3 {
            return None;
        }
        // A constant of the file: every value that it is given.
        let mut needs = Vec::new();
        let mut known = false;
        for (equals, _) in self.tokens.iter().enumerate().filter(|(_, token)| token.is('=')) {
            let named = equals > 0 && self.tokens[equals - 1].name() == Some(path.name.as_str());
            let member = equals > 1 && self.tokens[equals - 2].is('.');
            let compared = self.tokens.get(equals + 1).is_some_and(|next| next.is('='));
            if !named || member || compared {
                continue;
            }
            let value = self.value(equals + 1)?;
            needs.extend(self.evaluate(value, takes, depth + 1)?);
            known = true;
        }
        known.then_some(needs)
    }

    /// The tokens of an assigned value: a list, or the rest of the line.
    fn value(&self, start: usize) -> Option<&'t [Token]> {
        let tokens = self.tokens;
        let first = tokens.get(start)?;
        let end = if first.is('[') || first.is('(') {
            let mut depth = 0_usize;
            (start..tokens.len()).find(|&at| {
                depth += usize::from(tokens[at].is('[') || tokens[at].is('('));
                depth -= usize::from(depth > 0 && (tokens[at].is(']') || tokens[at].is(')')));
                depth == 0
            })? + 1
        } else {
            (start..tokens.len())
                .find(|&at| tokens[at].line != first.line || tokens[at].is(';'))
                .unwrap_or(tokens.len())
        };
        tokens.get(start..end)
    }

    /// Whether an expression names the interpreter that runs the source.
    fn is_own(&self, expression: &[Token]) -> bool {
        let name: String = expression
            .iter()
            .map(|token| match &token.kind {
                Kind::Name(name) => name.clone(),
                Kind::Sign(sign) => sign.to_string(),
                Kind::Text(_) => String::from(HOLE),
            })
            .collect();
        let mut own = PROCESS_CALLS.own.iter().filter(|own| own.language == self.language.name());
        own.any(|own| own.names.contains(&name))
    }

    /// Texts that are absolute names of files of the system.
    fn system_paths(&mut self) {
        for token in self.tokens {
            if let Some(text) = token.text().filter(|text| is_system_path(text) && !text.contains(HOLE)) {
                self.push(Need::File(text.to_owned()), token.line);
            }
        }
    }
}

/// What a text for the shell, with holes, needs.
fn of_shell(text: &str) -> Vec<Need> {
    let mut needs = text_needs(text);
    for need in &mut needs {
        let hole = match need {
            Need::Command(name) | Need::Script(name) | Need::PackageScript(name) | Need::File(name) => {
                name.contains(HOLE) || name.contains("%s") || name.contains('{')
            }
            _ => false,
        };
        if hole {
            *need = Need::Computed;
        }
    }
    needs
}

fn of_program(text: &str) -> Vec<Need> {
    // `spawn(text, { shell: true })` is given a whole command.
    if text.contains(HOLE) || text.contains(' ') { of_shell(text) } else { argv_needs(&[Some(text)]) }
}

/// Splits at commas, up to the bracket that closes what stands before the tokens.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        let Kind::Sign(sign) = token.kind else { continue };
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                if at > start {
                    parts.push(&tokens[start..at]);
                }
                return parts;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

pub(super) fn rows(language: Language) -> impl Iterator<Item = &'static ProcessCall> {
    PROCESS_CALLS.call.iter().filter(move |row| row.language == language.name())
}

/// The row of a function by its full name, and the name in its module.
pub(super) fn row(language: Language, meaning: &str) -> Option<(&'static ProcessCall, String)> {
    rows(language).find_map(|row| {
        let function = match meaning.strip_prefix(row.module.as_str())? {
            "" => "",
            rest if row.module.is_empty() => rest,
            rest => rest.strip_prefix('.')?,
        };
        let known = row
            .functions
            .iter()
            .any(|name| name == "*" && !function.is_empty() || name.replace("::", ".") == function);
        known.then(|| (row, function.to_owned()))
    })
}
