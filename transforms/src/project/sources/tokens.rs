//! Sources as tokens: just enough to tell code from comments and strings.

use super::code::Language;

/// Stands in a text for what is put in when it runs.
pub(super) const HOLE: char = '\u{fffc}';

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier, or a number.
    Name(String),
    /// A string; each interpolation in it is a [`HOLE`].
    Text(String),
    /// Anything else, one character.
    Sign(char),
}

/// A token and its line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub line: usize,
}

impl Token {
    pub fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Splits a source into tokens. A string that never ends is a sign and what follows it.
pub(super) fn tokens(language: Language, text: &str) -> Vec<Token> {
    let mut reader = Reader { language, text, at: 0, line: 1, found: Vec::new() };
    while reader.at < text.len() {
        reader.next();
    }
    reader.found
}

struct Reader<'t> {
    language: Language,
    text: &'t str,
    at: usize,
    line: usize,
    found: Vec<Token>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, line: usize) {
        self.found.push(Token { kind, line });
    }

    /// Goes on to `at`, counting lines.
    fn go_to(&mut self, at: usize) {
        self.line += self.text[self.at..at].matches('\n').count();
        self.at = at;
    }

    fn skip_to(&mut self, end: &str) {
        let to = self.rest().find(end).map_or(self.text.len(), |found| self.at + found + end.len());
        self.go_to(to);
    }

    fn next(&mut self) {
        let python = self.language == Language::Python;
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        if c.is_whitespace() {
            self.go_to(self.at + c.len_utf8());
        } else if python && c == '#'
            || !python && rest.starts_with("//")
            || self.at == 0 && rest.starts_with("#!")
        {
            let to = rest.find('\n').map_or(self.text.len(), |found| self.at + found);
            self.go_to(to);
        } else if !python && rest.starts_with("/*") {
            self.skip_to("*/");
        } else if let Some(length) = string_prefix(self.language, rest) {
            self.string(length);
        } else if is_name(c) {
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let (name, line) = (rest[..end].to_owned(), self.line);
            self.at += end;
            self.push(Kind::Name(name), line);
        } else if c == '/'
            && self.language == Language::JavaScript
            && self.starts_expression()
            && self.regex()
        {
        } else {
            let line = self.line;
            self.at += c.len_utf8();
            self.push(Kind::Sign(c), line);
        }
    }

    /// Whether an expression starts here, so that a `/` opens a regular expression.
    fn starts_expression(&self) -> bool {
        match self.found.last().map(|token| &token.kind) {
            None => true,
            Some(Kind::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
            Some(Kind::Name(name)) => {
                matches!(
                    name.as_str(),
                    "return"
                        | "typeof"
                        | "case"
                        | "in"
                        | "of"
                        | "delete"
                        | "void"
                        | "throw"
                        | "new"
                        | "await"
                        | "yield"
                )
            }
            Some(Kind::Text(_)) => false,
        }
    }

    /// Skips a regular expression. `false` where the line ends before it does.
    fn regex(&mut self) -> bool {
        let mut class = false;
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => return false,
                '\\' => {
                    chars.next();
                }
                '[' => class = true,
                ']' => class = false,
                '/' if !class => {
                    let line = self.line;
                    self.at += at + 1;
                    self.push(Kind::Text(String::from(HOLE)), line);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Reads a string whose opening, prefix included, is `length` bytes long.
    fn string(&mut self, length: usize) {
        let line = self.line;
        let opening = &self.rest()[..length];
        let letters = opening.trim_end_matches(['\'', '"', '`', '#']).to_ascii_lowercase();
        let quotes: String = opening[letters.len()..].to_owned();
        let raw = letters.contains('r') || self.language == Language::Go && quotes == "`";
        let interpolates = match self.language {
            Language::Python => letters.contains('f').then_some("{"),
            Language::JavaScript => (quotes == "`").then_some("${"),
            Language::Go | Language::Rust => None,
        };
        // Rust closes `r#"` with `"#`.
        let closing: String = quotes.chars().rev().collect();
        let many_lines = quotes.len() >= 3 || quotes == "`" || self.language == Language::Rust;
        let mut value = String::new();
        let body = self.at + length;
        let mut at = body;
        loop {
            let rest = &self.text[at..];
            let Some(c) = rest.chars().next() else { break };
            if rest.starts_with(closing.as_str()) {
                self.go_to(at + closing.len());
                self.push(Kind::Text(value), line);
                return;
            }
            if c == '\n' && !many_lines {
                break;
            }
            if let Some(open) = interpolates.filter(|open| rest.starts_with(open)) {
                if open == "{" && rest.starts_with("{{") {
                    value.push('{');
                    at += 2;
                    continue;
                }
                value.push(HOLE);
                at += interpolation(rest);
                continue;
            }
            at += c.len_utf8();
            if c == '\\' && !raw {
                let Some(next) = self.text[at..].chars().next() else { break };
                at += next.len_utf8();
                match next {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    '\n' => {}
                    other => value.push(other),
                }
            } else {
                value.push(c);
            }
        }
        // It never ends: the quote is taken for a sign.
        self.at = body;
        self.push(Kind::Sign('\''), line);
    }
}

/// The length of an interpolation, its brackets included.
fn interpolation(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            '\n' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || c == '@'
}

/// The length of what opens a string here: prefix and quotes.
fn string_prefix(language: Language, text: &str) -> Option<usize> {
    let letters = match language {
        Language::Python => {
            let end = text.find(|c: char| !"rRbBfFuU".contains(c)).filter(|end| *end <= 2)?;
            &text[..end]
        }
        Language::Rust => {
            let end = text.find(|c: char| !"rbc".contains(c)).filter(|end| *end <= 2)?;
            &text[..end]
        }
        Language::JavaScript | Language::Go => "",
    };
    let rest = &text[letters.len()..];
    let quotes = match language {
        Language::Python => {
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(quote))?.len()
        }
        Language::JavaScript => ["\"", "'", "`"].into_iter().find(|quote| rest.starts_with(quote))?.len(),
        Language::Go => ["\"", "`", "'"].into_iter().find(|quote| rest.starts_with(quote))?.len(),
        Language::Rust => {
            let hashes = rest.len() - rest.trim_start_matches('#').len();
            (rest[hashes..].starts_with('"') && (hashes == 0 || letters.contains('r')))
                .then_some(hashes + 1)?
        }
    };
    Some(letters.len() + quotes)
}
