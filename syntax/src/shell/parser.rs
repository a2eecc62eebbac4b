//! The state of the parser, and its tokens.

use std::collections::BTreeSet;
use std::ops::Range;

use super::check::{Event, Flat};
use super::model::{CompoundKind, NestedCommand, ScriptError, SimpleCommand, Word};

pub(super) type Fallible<T> = Result<T, ScriptError>;

/// Nesting of anything. Low enough for the recursion of brush in a thread with a stack of 2 MiB.
const MAX_DEPTH: u32 = 40;
/// brush tries these more than once at each level, so its time grows fast with their depth.
const MAX_SUBSHELLS: u32 = 12;
const MAX_CASES: u32 = 6;
/// Parentheses inside arithmetic, and the parts of a `[[`.
pub(super) const MAX_LEVELS: u32 = 20;
const MAX_PROCESS_SUBSTITUTIONS: u32 = 4;

/// The operators, longest first where one starts another.
const OPERATORS: [&str; 24] = [
    "&&", "&>>", "&>", "&", "(", ")", ";;&", ";;", ";&", ";", "||", "|&", "|", "<<<", "<<-", "<<", "<&",
    "<>", "<", ">>", ">&", ">|", ">", "\n",
];

#[derive(Debug, Clone)]
pub(super) enum Kind {
    End,
    Operator(&'static str),
    Word(Box<Word>),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
    /// The number directly before a redirection operator; the span starts there.
    pub descriptor: Option<u32>,
}

/// A here-document whose body starts on the next line.
#[derive(Debug)]
pub(super) struct Pending {
    pub delimiter: String,
    pub quoted: bool,
    pub strip_tabs: bool,
}

/// What starts anew inside a substitution.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub commands: Vec<SimpleCommand>,
    pub enclosures: Vec<CompoundKind>,
    pub condition: bool,
    pub pending: Vec<Pending>,
    pub ahead: Option<Token>,
}

/// What is collected over the whole script.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub comments: Vec<Range<usize>>,
    pub here_documents: Vec<Range<usize>>,
    pub has_here_document: bool,
    pub variables: BTreeSet<String>,
    pub nested: Vec<NestedCommand>,
    pub unknown: bool,
    /// For the comparison with brush.
    pub flat: Vec<Flat>,
    pub events: Vec<Event>,
}

#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub position: usize,
    /// Where reading stops: the end of the text, or of the body of a here-document.
    pub end: usize,
    pub depth: u32,
    subshells: u32,
    cases: u32,
    process_substitutions: u32,
    /// Above zero inside words, whose content brush has not as tokens.
    pub hidden: u32,
    pub frame: Frame,
    pub found: Found,
}

/// What is entered, for the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Subshell,
    Case,
    ProcessSubstitution,
    Other,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, depth: u32) -> Parser<'a> {
        Parser {
            text,
            position: 0,
            end: text.len(),
            depth,
            subshells: 0,
            cases: 0,
            process_substitutions: 0,
            hidden: 0,
            frame: Frame::default(),
            found: Found::default(),
        }
    }

    pub fn error<T>(&self, message: &str) -> Fallible<T> {
        self.error_at(message, self.position)
    }

    pub fn error_at<T>(&self, message: &str, offset: usize) -> Fallible<T> {
        Err(ScriptError { message: message.to_owned(), offset })
    }

    /// Runs `inside` one level deeper, and restores the level whatever comes of it.
    pub fn deeper<T>(&mut self, level: Level, inside: impl FnOnce(&mut Self) -> Fallible<T>) -> Fallible<T> {
        let saved = (self.depth, self.subshells, self.cases, self.process_substitutions);
        self.depth += 1;
        match level {
            Level::Subshell => self.subshells += 1,
            Level::Case => self.cases += 1,
            Level::ProcessSubstitution => self.process_substitutions += 1,
            Level::Other => {}
        }
        let fits = self.depth <= MAX_DEPTH
            && self.subshells <= MAX_SUBSHELLS
            && self.cases <= MAX_CASES
            && self.process_substitutions <= MAX_PROCESS_SUBSTITUTIONS;
        let result = if fits { inside(self) } else { self.error("nested too deeply") };
        (self.depth, self.subshells, self.cases, self.process_substitutions) = saved;
        result
    }

    pub fn byte(&self) -> Option<u8> {
        self.byte_at(self.position)
    }

    pub fn byte_at(&self, at: usize) -> Option<u8> {
        if at < self.end { self.text.as_bytes().get(at).copied() } else { None }
    }

    /// The text from the position to where reading stops.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.position..self.end).unwrap_or_default()
    }

    /// Takes one character, of whatever length.
    pub fn character(&mut self) -> Option<char> {
        let character = self.rest().chars().next()?;
        self.position += character.len_utf8();
        Some(character)
    }

    pub fn event(&mut self, event: Event) {
        if self.hidden == 0 {
            self.found.events.push(event);
        }
    }

    pub fn flat(&mut self, flat: Flat) {
        if self.hidden == 0 {
            self.found.flat.push(flat);
        }
    }

    pub fn peek(&mut self) -> Fallible<&Token> {
        let token = match self.frame.ahead.take() {
            Some(token) => token,
            None => self.token()?,
        };
        Ok(self.frame.ahead.insert(token))
    }

    pub fn take(&mut self) -> Fallible<Token> {
        match self.frame.ahead.take() {
            Some(token) => Ok(token),
            None => self.token(),
        }
    }

    pub fn peek_operator(&mut self) -> Fallible<Option<&'static str>> {
        Ok(match self.peek()?.kind {
            Kind::Operator(operator) => Some(operator),
            _ => None,
        })
    }

    /// The next token as written, when it is a word: what a reserved word is recognised by.
    pub fn peek_raw(&mut self) -> Fallible<Option<&str>> {
        Ok(match &self.peek()?.kind {
            Kind::Word(word) => Some(word.raw.as_str()),
            _ => None,
        })
    }

    pub fn expect_operator(&mut self, operator: &str) -> Fallible<Range<usize>> {
        let token = self.take()?;
        match token.kind {
            Kind::Operator(found) if found == operator => Ok(token.span),
            _ => self.error_at(&format!("expected `{operator}`"), token.span.start),
        }
    }

    pub fn expect_reserved(&mut self, reserved: &str) -> Fallible<Range<usize>> {
        let token = self.take()?;
        match token.kind {
            Kind::Word(word) if word.raw == reserved => Ok(token.span),
            _ => self.error_at(&format!("expected `{reserved}`"), token.span.start),
        }
    }

    pub fn skip_newlines(&mut self) -> Fallible<()> {
        while self.peek_operator()? == Some("\n") {
            self.take()?;
        }
        Ok(())
    }

    /// Skips blanks, continued lines and comments.
    pub fn skip_blanks(&mut self) {
        loop {
            match self.byte() {
                Some(b' ' | b'\t') => self.position += 1,
                Some(b'\\') if self.byte_at(self.position + 1) == Some(b'\n') => self.position += 2,
                Some(b'#') => {
                    let rest = self.rest();
                    let length = rest.find('\n').unwrap_or(rest.len());
                    self.found.comments.push(self.position..self.position + length);
                    self.position += length;
                }
                _ => return,
            }
        }
    }

    fn token(&mut self) -> Fallible<Token> {
        self.skip_blanks();
        let start = self.position;
        let Some(first) = self.byte() else {
            return Ok(Token { kind: Kind::End, span: start..start, descriptor: None });
        };
        let mut descriptor = None;
        if first.is_ascii_digit() {
            let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
            if matches!(self.byte_at(start + digits), Some(b'<' | b'>')) {
                let raw = &self.text[start..start + digits];
                // Longer numbers are no descriptor of any shell, and make brush panic.
                if digits > 4 {
                    return self.error("a descriptor out of range");
                }
                descriptor = raw.parse().ok();
                self.flat(Flat::word(raw));
                self.position += digits;
            }
        }
        if matches!(self.byte(), Some(b'<' | b'>')) && self.byte_at(self.position + 1) == Some(b'(') {
            if descriptor.is_some() {
                return self.error("a process substitution with a descriptor");
            }
            let word = self.process_substitution()?;
            let span = word.span.clone();
            return Ok(Token { kind: Kind::Word(Box::new(word)), span, descriptor });
        }
        let rest = self.rest();
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            self.position += operator.len();
            self.flat(Flat::Operator(operator));
            let span = start..self.position;
            if *operator == "\n" {
                self.here_bodies()?;
            }
            return Ok(Token { kind: Kind::Operator(operator), span, descriptor });
        }
        let word = self.word()?;
        if matches!(self.byte(), Some(b'<' | b'>')) && word.raw.starts_with('{') && word.raw.ends_with('}') {
            return self.error_at("a named descriptor", start);
        }
        let span = word.span.clone();
        Ok(Token { kind: Kind::Word(Box::new(word)), span, descriptor })
    }
}
