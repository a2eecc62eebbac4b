//! What local names of a source stand for: imports, and aliases of imported functions.

use super::Need;
use super::code::{Code, Language, row, rows};
use super::tokens::{Kind, Token};

/// What stands before the module in the name of a token that was `require("module")`.
const REQUIRED: &str = "require:";

/// Makes one name of `require("module")` and `import("module")`.
pub(super) fn without_require(language: Language, tokens: Vec<Token>) -> Vec<Token> {
    if language != Language::JavaScript {
        return tokens;
    }
    let mut made: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        made.push(token);
        let [.., function, open, module, close] = made.as_slice() else { continue };
        let (true, true) = (open.is('('), close.is(')')) else { continue };
        let (Some("require" | "import"), Some(module)) = (function.name(), module.text()) else { continue };
        let name = format!("{REQUIRED}{}", module.trim_start_matches("node:"));
        let line = function.line;
        made.truncate(made.len() - 4);
        made.push(Token { kind: Kind::Name(name), line });
    }
    made
}

impl Code<'_> {
    fn bind(&mut self, local: &str, meaning: String) {
        self.names.insert(local.to_owned(), meaning);
    }

    fn module(&mut self, module: &str, line: usize) {
        self.push(Need::Module(module.to_owned()), line);
    }

    pub fn imports(&mut self) {
        match self.language {
            Language::Python => self.python_imports(),
            Language::JavaScript => self.javascript_imports(),
            Language::Go => self.go_imports(),
            Language::Rust => {
                for name in ["Command", "process.Command", "std.process.Command", "tokio.process.Command"] {
                    self.bind(name, "Command".to_owned());
                }
            }
        }
    }

    /// `import a.b as c, d` and `from a import b as c, d`.
    fn python_imports(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            let starts = at == 0 || {
                let before = &self.tokens[at - 1];
                before.line < token.line || before.is(';') || before.is(':')
            };
            let (start, line) = (at, token.line);
            match token.name().filter(|_| starts) {
                Some("import") => loop {
                    let path = self.path_at(at + 1);
                    at = path.end;
                    let local = self.renamed(&mut at);
                    self.module(&path.name, line);
                    match local {
                        Some(local) => self.bind(&local, path.name),
                        None => {
                            let first = path.name.split('.').next().unwrap_or_default().to_owned();
                            self.bind(&first.clone(), first);
                        }
                    }
                    if !self.tokens.get(at).is_some_and(|token| token.is(',')) || at + 1 >= self.tokens.len()
                    {
                        break;
                    }
                },
                Some("from") => {
                    let mut from = at + 1;
                    while self.tokens.get(from).is_some_and(|token| token.is('.')) {
                        from += 1;
                    }
                    let path = self.path_at(from);
                    // `from . import x`: the path is the keyword.
                    at = if path.name == "import" { from } else { path.end };
                    if self.tokens.get(at).and_then(Token::name) != Some("import") {
                        at = start + 1;
                        continue;
                    }
                    if from == start + 1 {
                        self.module(&path.name, line);
                    }
                    at = self.python_names(at + 1, &path.name);
                }
                _ => {
                    at += 1;
                    continue;
                }
            }
            at = at.max(start + 1);
            let end = at.min(self.used.len());
            self.used[start..end].fill(true);
        }
    }

    fn python_names(&mut self, mut at: usize, module: &str) -> usize {
        let open = self.tokens.get(at).is_some_and(|token| token.is('('));
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        at += usize::from(open);
        while let Some(token) = self.tokens.get(at) {
            if !open && token.line != line || token.is(')') {
                return at + usize::from(token.is(')'));
            }
            if token.is('*') {
                let all =
                    rows(self.language).filter(|row| row.module == module).flat_map(|row| &row.functions);
                let all: Vec<String> = all.cloned().collect();
                for function in all {
                    self.bind(&function, format!("{module}.{function}"));
                }
            }
            let name = token.name().map(str::to_owned);
            at += 1;
            if let Some(name) = name {
                let local = self.renamed(&mut at);
                self.bind(local.as_deref().unwrap_or(&name), format!("{module}.{name}"));
            }
        }
        at
    }

    /// The name behind `as`, which is gone past.
    fn renamed(&self, at: &mut usize) -> Option<String> {
        let named = self.tokens.get(*at)?.name() == Some("as");
        let name = named.then(|| self.tokens.get(*at + 1)?.name()).flatten()?;
        *at += 2;
        Some(name.to_owned())
    }

    /// `import d, { a as b } from 'm'`, `import * as n from 'm'`, `const { a: b } = require('m')`, `n = require('m')`.
    fn javascript_imports(&mut self) {
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            if let Some(module) = token.name().and_then(|name| name.strip_prefix(REQUIRED)) {
                let module = module.to_owned();
                self.module(&module, token.line);
                self.bind(&format!("{REQUIRED}{module}"), module.clone());
                let assigned = self.tokens.get(at + 1).is_none_or(|next| !next.is('.'))
                    && at >= 2
                    && (self.tokens[at - 1].is('=') || self.tokens[at - 1].name() == Some("await"));
                if assigned {
                    let equals = (0..at).rev().find(|&before| self.tokens[before].is('='));
                    let start = equals.map_or(at, |equals| self.local_names(equals, ':', &module));
                    self.used[start..=at].fill(true);
                }
                continue;
            }
            let module = self.tokens.get(at + 1).and_then(Token::text);
            if let (Some("from"), Some(module)) = (token.name(), module) {
                let module = module.trim_start_matches("node:").to_owned();
                self.module(&module, token.line);
                let start = self.local_names(at, '\0', &module);
                self.used[start..=at].fill(true);
            }
        }
    }

    /// Binds the names that stand before `end`; where they start.
    fn local_names(&mut self, end: usize, rename: char, module: &str) -> usize {
        let start = (0..end)
            .rev()
            .find(|&at| matches!(self.tokens[at].name(), Some("import" | "export" | "const" | "let" | "var")))
            .filter(|start| end - start < 200)
            .unwrap_or(end.saturating_sub(1));
        let mut at = start;
        let mut inside = false;
        while at < end {
            let token = &self.tokens[at];
            inside = (inside || token.is('{')) && !token.is('}');
            let keyword =
                |name: &str| matches!(name, "import" | "export" | "const" | "let" | "var" | "type" | "as");
            if let Some(name) = token.name().filter(|name| !keyword(name)).map(str::to_owned) {
                let next = self.tokens.get(at + 1);
                let renames =
                    next.is_some_and(|next| rename != '\0' && next.is(rename) || next.name() == Some("as"));
                let local = renames.then(|| self.tokens.get(at + 2)?.name()).flatten().map(str::to_owned);
                at += 2 * usize::from(local.is_some());
                let meaning = if inside { format!("{module}.{name}") } else { module.to_owned() };
                self.bind(&local.unwrap_or(name), meaning);
            }
            at += 1;
        }
        start
    }

    fn go_imports(&mut self) {
        let Some(start) = self.tokens.iter().position(|token| token.name() == Some("import")) else { return };
        for at in start + 1..self.tokens.len() {
            let Some(module) = self.tokens[at].text() else {
                if matches!(self.tokens[at].name(), Some("func" | "type" | "var" | "const")) {
                    break;
                }
                continue;
            };
            let module = module.to_owned();
            let before = &self.tokens[at - 1];
            let alias = before.name().filter(|name| *name != "import" && before.line == self.tokens[at].line);
            let local = alias.unwrap_or_else(|| module.rsplit('/').next().unwrap_or_default()).to_owned();
            self.module(&module, self.tokens[at].line);
            self.bind(&local, module);
        }
    }

    /// `run = subprocess.run`, `const run = promisify(exec)`.
    pub fn aliases(&mut self) {
        for at in 1..self.tokens.len() {
            if !self.tokens[at].is('=') || self.used[at] {
                continue;
            }
            let Some(local) = self.tokens[at - 1].name().map(str::to_owned) else { continue };
            let mut path = self.path_at(at + 1);
            let mut end = path.end;
            if path.name.rsplit('.').next() == Some("promisify")
                && self.tokens.get(end).is_some_and(|token| token.is('('))
            {
                path = self.path_at(end + 1);
                end = path.end + 1;
            } else if self.tokens.get(end).is_some_and(|next| {
                next.is('(') || next.is('[') || next.line == self.tokens[at].line && !next.is(';')
            }) {
                continue;
            }
            if let Some(meaning) =
                self.meaning(&path.name).filter(|meaning| row(self.language, meaning).is_some())
            {
                self.bind(&local, meaning);
                self.used[at - 1..end.min(self.tokens.len())].fill(true);
            }
        }
    }
}
