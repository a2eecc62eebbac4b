//! The insides of compound commands.

use std::ops::Range;

use super::check::{Event, Flat};
use super::model::{CompoundKind, Element};
use super::parser::{Fallible, Kind, MAX_LEVELS, Parser};
use super::words::{Builder, Mode, is_name};

impl Parser<'_> {
    pub fn if_clause(&mut self, condition: bool) -> Fallible<Range<usize>> {
        self.take()?;
        self.condition_then_body(condition)?;
        while self.peek_raw()? == Some("elif") {
            self.take()?;
            self.event(Event::Item);
            self.condition_then_body(condition)?;
        }
        if self.peek_raw()? == Some("else") {
            self.take()?;
            self.event(Event::Item);
            self.inner_list()?;
        }
        self.expect_reserved("fi")
    }

    fn condition_then_body(&mut self, condition: bool) -> Fallible<()> {
        self.frame.condition = true;
        self.inner_list()?;
        self.frame.condition = condition;
        self.expect_reserved("then")?;
        self.event(Event::Body);
        self.inner_list()
    }

    pub fn do_group(&mut self) -> Fallible<Range<usize>> {
        self.expect_reserved("do")?;
        self.event(Event::Body);
        self.inner_list()?;
        self.expect_reserved("done")
    }

    /// Reads from the name on.
    pub fn for_clause(&mut self) -> Fallible<Range<usize>> {
        let token = self.take()?;
        match token.kind {
            Kind::Word(word) if is_name(&word.raw) => self.word_event(&word),
            _ => return self.error_at("expected a name", token.span.start),
        }
        let mut newline = false;
        while self.peek_operator()? == Some("\n") {
            self.take()?;
            newline = true;
        }
        if self.peek_raw()? == Some("in") {
            self.take()?;
            while let Kind::Word(word) = &self.peek()?.kind {
                let word = word.clone();
                self.take()?;
                self.word_event(&word);
            }
            newline = false;
        }
        match self.peek_operator()? {
            Some(";") if !newline => _ = self.take()?,
            Some("\n") => {}
            _ if newline || self.peek_raw()? == Some("do") => {}
            _ => return self.error("expected `do`"),
        }
        self.skip_newlines()?;
        self.do_group()
    }

    pub fn case_clause(&mut self) -> Fallible<Range<usize>> {
        self.take()?;
        let token = self.take()?;
        match token.kind {
            Kind::Word(word) => self.word_event(&word),
            _ => return self.error_at("expected a word", token.span.start),
        }
        self.skip_newlines()?;
        self.expect_reserved("in")?;
        loop {
            self.skip_newlines()?;
            if self.peek_raw()? == Some("esac") {
                return Ok(self.take()?.span);
            }
            self.event(Event::Item);
            if self.peek_operator()? == Some("(") {
                self.take()?;
            }
            loop {
                let token = self.take()?;
                match token.kind {
                    Kind::Word(word) => self.word_event(&word),
                    _ => return self.error_at("expected a pattern", token.span.start),
                }
                let token = self.take()?;
                match token.kind {
                    Kind::Operator("|") => {}
                    Kind::Operator(")") => break,
                    _ => return self.error_at("expected `)`", token.span.start),
                }
            }
            self.event(Event::Body);
            self.list()?;
            match self.peek_operator()? {
                Some(";;" | ";&" | ";;&") => _ = self.take()?,
                _ => return self.expect_reserved("esac"),
            }
        }
    }

    /// Reads `((…))`, whose first parenthesis is the next token.
    pub fn arithmetic_head(&mut self) -> Fallible<Range<usize>> {
        let start = self.expect_operator("(")?.start;
        if self.byte() != Some(b'(') {
            return self.error("expected `((`");
        }
        self.position += 1;
        let mut builder = Builder::default();
        self.arithmetic(&mut builder)?;
        self.found.variables.extend(builder.into_variables());
        self.flat(Flat::Opaque(self.position));
        Ok(start..self.position)
    }

    /// Reads `[[ … ]]`. What is inside has a grammar of its own, of which only the end matters.
    pub fn test(&mut self) -> Fallible<Range<usize>> {
        self.take()?;
        let mut after_match = false;
        // brush recurses at each of these.
        let mut levels = 0_u32;
        loop {
            if levels > MAX_LEVELS {
                return self.error("nested too deeply");
            }
            self.skip_blanks();
            let start = self.position;
            match self.byte() {
                None => return self.error("an unclosed `[[`"),
                Some(byte @ (b'\n' | b'(' | b')' | b'<' | b'>' | b'&' | b'|')) if !after_match => {
                    levels += u32::from(byte == b'(');
                    self.position += 1;
                }
                Some(b';') => return self.error("`;` inside `[[`"),
                Some(_) if after_match => {
                    self.regular_expression()?;
                    after_match = false;
                }
                Some(_) => {
                    self.hidden += 1;
                    let word = self.word();
                    self.hidden -= 1;
                    let word = word?;
                    if word.raw == "]]" {
                        self.flat(Flat::Opaque(start));
                        self.flat(Flat::word("]]"));
                        return Ok(start..self.position);
                    }
                    levels += u32::from(word.raw == "!");
                    after_match = word.raw == "=~";
                }
            }
        }
    }

    /// Reads the right side of `=~`, in which parentheses and bars are plain text.
    fn regular_expression(&mut self) -> Fallible<()> {
        let mut builder = Builder::default();
        let mut open = 0_u32;
        let start = self.position;
        loop {
            match self.byte() {
                Some(b' ' | b'\t') if open == 0 => break,
                None | Some(b'\n' | b';' | b'&' | b'<' | b'>' | b'\'') => {
                    return self.error("a regular expression");
                }
                Some(b'(') if open < MAX_LEVELS => {
                    open += 1;
                    self.position += 1;
                }
                Some(b'(') => return self.error("nested too deeply"),
                Some(b')') => {
                    let Some(less) = open.checked_sub(1) else {
                        return self.error("a regular expression");
                    };
                    open = less;
                    self.position += 1;
                }
                Some(b'\\') => {
                    self.position += 1;
                    self.character();
                }
                Some(b'"') => {
                    self.position += 1;
                    self.double_quoted(&mut builder)?;
                }
                Some(b'$') => self.dollar(&mut builder, Mode::Plain)?,
                Some(b'`') => return self.error("a regular expression"),
                Some(_) => _ = self.character(),
            }
        }
        self.found.variables.extend(builder.into_variables());
        if self.position == start { self.error("expected a word") } else { Ok(()) }
    }

    /// Reads a function definition from after its name on.
    pub fn function(&mut self, name: Kind) -> Fallible<Range<usize>> {
        match name {
            Kind::Word(word) if word.literal.as_deref() == Some(word.raw.as_str()) => {
                self.word_event(&word);
            }
            _ => return self.error("expected the name of a function"),
        }
        if self.peek_operator()? == Some("(") {
            self.take()?;
            self.expect_operator(")")?;
        }
        self.skip_newlines()?;
        let (element, end) = self.command()?;
        match element {
            Element::Compound { kind, span, .. }
                if !matches!(kind, CompoundKind::Test | CompoundKind::FunctionDefinition) =>
            {
                Ok(span.start..end)
            }
            _ => self.error("expected the body of a function"),
        }
    }
}
