//! Words: quoting, expansions and substitutions.

use super::check::{Event, Flat};
use super::model::{NestedCommand, SimpleCommand, Word};
use super::parser::{Fallible, Frame, Level, MAX_LEVELS, Parser};

/// A word while it is read.
#[derive(Debug, Default)]
pub(super) struct Builder {
    literal: String,
    expanded: bool,
    variables: Vec<String>,
    has_substitution: bool,
    has_glob: bool,
    quoted: bool,
    /// An unquoted `[` that a `]` may close.
    bracket: bool,
    /// Each open `{`, and whether it has a `,` or `..` of its own.
    braces: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    /// Inside double quotes, arithmetic or a here-document: single quotes mean nothing.
    Double,
}

pub(super) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(is_name_start) && text.bytes().all(is_name_byte)
}

/// The length of the `NAME=`, `NAME+=` or `NAME[…]=` that a word starts with.
pub(super) fn assignment_prefix(raw: &str) -> Option<usize> {
    let bytes = raw.as_bytes();
    let mut at = bytes.iter().take_while(|byte| is_name_byte(**byte)).count();
    if at == 0 || !is_name_start(bytes[0]) {
        return None;
    }
    if bytes.get(at) == Some(&b'[') {
        at += bytes[at..].iter().position(|byte| *byte == b']')? + 1;
    }
    if bytes.get(at) == Some(&b'+') {
        at += 1;
    }
    (bytes.get(at) == Some(&b'=')).then_some(at + 1)
}

impl Builder {
    pub fn into_variables(self) -> Vec<String> {
        self.variables
    }
}

impl Parser<'_> {
    /// Reads a word that starts here and is not empty.
    pub fn word(&mut self) -> Fallible<Word> {
        let start = self.position;
        let first_comment = self.found.comments.len();
        let mut builder = Builder { expanded: self.byte() == Some(b'~'), ..Builder::default() };
        while let Some(byte) = self.byte() {
            match byte {
                b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b')' => break,
                b'<' | b'>' => {
                    if self.byte_at(self.position + 1) == Some(b'(') {
                        return self.error("a process substitution inside a word");
                    }
                    break;
                }
                b'(' => {
                    let raw = &self.text[start..self.position];
                    if assignment_prefix(raw) == Some(raw.len()) {
                        return self.array(start, builder);
                    }
                    // Whether this is an extended glob depends on the shell and its options.
                    if raw.ends_with(['?', '*', '+', '@', '!']) {
                        return self.error("an extended glob");
                    }
                    break;
                }
                b'\\' => self.escape(&mut builder)?,
                b'\'' => {
                    builder.quoted = true;
                    let inside = self.rest().get(1..).unwrap_or_default();
                    let Some(length) = inside.find('\'') else {
                        return self.error("an unclosed single quote");
                    };
                    builder.literal.push_str(&inside[..length]);
                    self.position += length + 2;
                }
                b'"' => {
                    self.position += 1;
                    self.double_quoted(&mut builder)?;
                }
                b'$' => self.dollar(&mut builder, Mode::Plain)?,
                b'`' => self.backquoted(&mut builder, Mode::Plain)?,
                _ => self.plain(&mut builder),
            }
        }
        if self.position == start {
            return self.error("expected a word");
        }
        let raw = &self.text[start..self.position];
        let hash = Flat::hash_without(raw, start, &self.found.comments[first_comment..]);
        self.flat(Flat::Word(hash));
        Ok(self.finish(start, builder))
    }

    fn finish(&mut self, start: usize, builder: Builder) -> Word {
        self.found.variables.extend(builder.variables.iter().cloned());
        Word {
            span: start..self.position,
            raw: self.text[start..self.position].to_owned(),
            literal: (!builder.expanded).then_some(builder.literal),
            variables: builder.variables,
            has_substitution: builder.has_substitution,
            has_glob: builder.has_glob,
            quoted: builder.quoted,
        }
    }

    fn plain(&mut self, builder: &mut Builder) {
        let from = self.position;
        let Some(character) = self.character() else { return };
        match character {
            '*' | '?' => (builder.has_glob, builder.expanded) = (true, true),
            '[' => builder.bracket = true,
            // A `[` that nothing closes is no glob: `[ -f x ]` has the literal name `[`.
            ']' if builder.bracket => (builder.has_glob, builder.expanded) = (true, true),
            '{' => builder.braces.push(false),
            ',' => builder.braces.last_mut().into_iter().for_each(|separated| *separated = true),
            '.' if self.text[..from].ends_with('.') => {
                builder.braces.last_mut().into_iter().for_each(|separated| *separated = true);
            }
            '}' if builder.braces.pop() == Some(true) => builder.expanded = true,
            _ => {}
        }
        builder.literal.push(character);
    }

    fn escape(&mut self, builder: &mut Builder) -> Fallible<()> {
        self.position += 1;
        match self.character() {
            None => return self.error("a backslash at the end"),
            Some('\n') => {}
            Some(character) => {
                builder.quoted = true;
                builder.literal.push(character);
            }
        }
        Ok(())
    }

    /// Reads on from the opening quote to the closing one.
    pub fn double_quoted(&mut self, builder: &mut Builder) -> Fallible<()> {
        builder.quoted = true;
        loop {
            match self.byte() {
                None => return self.error("an unclosed double quote"),
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => match self.byte_at(self.position + 1) {
                    Some(b'\n') => self.position += 2,
                    Some(byte @ (b'$' | b'`' | b'"' | b'\\')) => {
                        builder.literal.push(char::from(byte));
                        self.position += 2;
                    }
                    _ => {
                        builder.literal.push('\\');
                        self.position += 1;
                    }
                },
                Some(b'$') => self.dollar(builder, Mode::Double)?,
                Some(b'`') => self.backquoted(builder, Mode::Double)?,
                Some(_) => builder.literal.extend(self.character()),
            }
        }
    }

    /// Reads what a `$` starts.
    pub fn dollar(&mut self, builder: &mut Builder, mode: Mode) -> Fallible<()> {
        self.position += 1;
        let Some(byte) = self.byte() else {
            builder.literal.push('$');
            return Ok(());
        };
        match byte {
            b'(' if self.byte_at(self.position + 1) == Some(b'(') => {
                builder.expanded = true;
                self.position += 2;
                self.deeper(Level::Other, |parser| parser.arithmetic(builder))
            }
            b'(' => {
                builder.expanded = true;
                builder.has_substitution = true;
                self.position += 1;
                self.hidden += 1;
                let result = self.substitution(Level::Other);
                self.hidden -= 1;
                result
            }
            b'{' => {
                builder.expanded = true;
                self.position += 1;
                self.deeper(Level::Other, |parser| parser.parameter(builder, mode))
            }
            // Arithmetic in bash, plain text elsewhere.
            b'[' => self.error("`$[`"),
            b'\'' if mode == Mode::Plain => {
                // Not literal: `dash` keeps the `$`.
                builder.expanded = true;
                builder.quoted = true;
                self.position += 1;
                loop {
                    match self.character() {
                        None => return self.error("an unclosed quote"),
                        Some('\\') => _ = self.character(),
                        Some('\'') => return Ok(()),
                        Some(_) => {}
                    }
                }
            }
            b'"' if mode == Mode::Plain => {
                builder.expanded = true;
                Ok(())
            }
            byte if is_name_start(byte) => {
                builder.expanded = true;
                let length = self.rest().bytes().take_while(|byte| is_name_byte(*byte)).count();
                builder.variables.push(self.rest()[..length].to_owned());
                self.position += length;
                Ok(())
            }
            b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' => {
                builder.expanded = true;
                builder.variables.push(char::from(byte).to_string());
                self.position += 1;
                Ok(())
            }
            _ => {
                builder.literal.push('$');
                Ok(())
            }
        }
    }

    /// Reads `${…}` from after the brace.
    fn parameter(&mut self, builder: &mut Builder, mode: Mode) -> Fallible<()> {
        let next = self.byte_at(self.position + 1);
        let names = |byte: u8| is_name_byte(byte) || byte == b'@' || byte == b'*';
        if matches!(self.byte(), Some(b'#' | b'!')) && next.is_some_and(names) {
            self.position += 1;
        }
        let start = self.position;
        let Some(first) = self.byte() else { return self.error("an unclosed `${`") };
        let length = if is_name_start(first) {
            self.rest().bytes().take_while(|byte| is_name_byte(*byte)).count()
        } else if first.is_ascii_digit() {
            self.rest().bytes().take_while(u8::is_ascii_digit).count()
        } else if b"@*#?-$!".contains(&first) {
            1
        } else {
            return self.error("a bad substitution");
        };
        self.position += length;
        builder.variables.push(self.text[start..self.position].to_owned());
        let rest = self.rest().as_bytes();
        let is_arithmetic = match rest {
            [b'[', ..] => true,
            [b':', operator, ..] => !b"-=?+".contains(operator),
            _ => false,
        };
        let start = self.position;
        loop {
            match self.byte() {
                None => return self.error("an unclosed `${`"),
                Some(b'}') => break,
                Some(b'\\') => {
                    self.position += 1;
                    self.character();
                }
                Some(b'\'') if mode == Mode::Plain => {
                    self.position += 1;
                    match self.rest().find('\'') {
                        Some(length) => self.position += length + 1,
                        None => return self.error("an unclosed single quote"),
                    }
                }
                Some(b'"') => {
                    self.position += 1;
                    self.double_quoted(builder)?;
                }
                Some(b'$') => self.dollar(builder, mode)?,
                Some(b'`') => self.backquoted(builder, mode)?,
                Some(_) => _ = self.character(),
            }
        }
        if is_arithmetic {
            names_in(&self.text[start..self.position], &mut builder.variables);
        }
        self.position += 1;
        Ok(())
    }

    /// Reads arithmetic from after its `((` to after its `))`. Any name in it may be a variable.
    pub fn arithmetic(&mut self, builder: &mut Builder) -> Fallible<()> {
        let mut open = 0_u32;
        loop {
            match self.byte() {
                None => return self.error("unclosed arithmetic"),
                Some(b'(') if open < MAX_LEVELS => {
                    open += 1;
                    self.position += 1;
                }
                Some(b'(') => return self.error("nested too deeply"),
                Some(b')') if open > 0 => {
                    open -= 1;
                    self.position += 1;
                }
                Some(b')') => {
                    if self.byte_at(self.position + 1) != Some(b')') {
                        return self.error("arithmetic or a subshell");
                    }
                    self.position += 2;
                    return Ok(());
                }
                Some(b'\'') => return self.error("a quote in arithmetic"),
                Some(b'\\') => {
                    self.position += 1;
                    self.character();
                }
                Some(b'"') => {
                    self.position += 1;
                    self.double_quoted(builder)?;
                }
                Some(b'$') => self.dollar(builder, Mode::Double)?,
                Some(b'`') => self.backquoted(builder, Mode::Double)?,
                Some(byte) if is_name_byte(byte) => {
                    let length = self.rest().bytes().take_while(|byte| is_name_byte(*byte)).count();
                    names_in(&self.rest()[..length], &mut builder.variables);
                    self.position += length;
                }
                Some(_) => _ = self.character(),
            }
        }
    }

    /// Reads the list of a `$(…)`, `<(…)` or `>(…)` from after the parenthesis to after the closing one.
    fn substitution(&mut self, level: Level) -> Fallible<()> {
        let outside = std::mem::take(&mut self.frame);
        let result = self.deeper(level, |parser| {
            parser.list()?;
            parser.expect_operator(")")?;
            if parser.frame.pending.is_empty() {
                Ok(())
            } else {
                parser.error("a here-document without body")
            }
        });
        let inside: Frame = std::mem::replace(&mut self.frame, outside);
        self.found.nested.extend(inside.commands.into_iter().map(nested));
        result
    }

    /// Reads `<(…)` or `>(…)`, which must be a word of its own: brush has no other.
    pub fn process_substitution(&mut self) -> Fallible<Word> {
        let start = self.position;
        self.flat(Flat::Operator(if self.byte() == Some(b'<') { "<" } else { ">" }));
        self.flat(Flat::Operator("("));
        self.event(Event::ProcessSubstitution);
        self.position += 2;
        self.substitution(Level::ProcessSubstitution)?;
        self.event(Event::Close);
        match self.byte() {
            None | Some(b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b')' | b'<' | b'>') => {}
            Some(_) => return self.error("a process substitution inside a word"),
        }
        let builder = Builder { expanded: true, has_substitution: true, ..Builder::default() };
        Ok(self.finish(start, builder))
    }

    fn backquoted(&mut self, builder: &mut Builder, mode: Mode) -> Fallible<()> {
        builder.expanded = true;
        builder.has_substitution = true;
        let mut script = String::new();
        let start = self.position;
        self.position += 1;
        loop {
            match self.character() {
                None => return self.error_at("an unclosed backquote", start),
                Some('`') => break,
                Some('\\') => match self.character() {
                    None => return self.error_at("an unclosed backquote", start),
                    Some(escaped @ ('`' | '\\' | '$')) => script.push(escaped),
                    Some('"') if mode == Mode::Double => script.push('"'),
                    Some(other) => script.extend(['\\', other]),
                },
                Some(character) => script.push(character),
            }
        }
        let mut inside = Parser::new(&script, self.depth + 1);
        inside.hidden = 1;
        let outcome = inside.deeper(Level::Other, Parser::script);
        self.found.nested.extend(inside.frame.commands.into_iter().map(nested));
        self.found.nested.append(&mut inside.found.nested);
        self.found.has_here_document |= inside.found.has_here_document;
        self.found.unknown |= inside.found.unknown || outcome.is_err();
        builder.variables.extend(inside.found.variables);
        if outcome.is_err() {
            names_after_dollars(&script, &mut builder.variables);
        }
        Ok(())
    }

    /// Reads the array of `NAME=(…)` from its parenthesis on.
    fn array(&mut self, start: usize, mut builder: Builder) -> Fallible<Word> {
        builder.expanded = true;
        let name = &self.text[start..self.position];
        self.flat(Flat::word(name));
        self.position += 1;
        self.hidden += 1;
        let result = self.deeper(Level::Other, |parser| {
            loop {
                parser.skip_blanks();
                match parser.byte() {
                    Some(b'\n') => parser.position += 1,
                    Some(b')') => return Ok(()),
                    _ => {
                        let word = parser.word()?;
                        builder.variables.extend(word.variables);
                        builder.has_substitution |= word.has_substitution;
                        builder.has_glob |= word.has_glob;
                        builder.quoted |= word.quoted;
                    }
                }
            }
        });
        self.hidden -= 1;
        result?;
        self.position += 1;
        self.flat(Flat::Opaque(self.position));
        match self.byte() {
            None | Some(b' ' | b'\t' | b'\n' | b'|' | b'&' | b';' | b')') => {}
            Some(_) => return self.error("text after an array"),
        }
        Ok(self.finish(start, builder))
    }

    /// Reads the expansions in the body of a here-document, up to where reading stops.
    pub fn here_text(&mut self) -> Fallible<()> {
        let mut builder = Builder::default();
        let result = loop {
            let outcome = match self.byte() {
                None => break Ok(()),
                Some(b'\\') => {
                    self.position += 1;
                    self.character();
                    Ok(())
                }
                Some(b'$') => self.dollar(&mut builder, Mode::Double),
                Some(b'`') => self.backquoted(&mut builder, Mode::Double),
                Some(_) => {
                    self.character();
                    Ok(())
                }
            };
            if outcome.is_err() {
                break outcome;
            }
        };
        self.found.variables.extend(builder.variables);
        result
    }
}

fn nested(command: SimpleCommand) -> NestedCommand {
    NestedCommand { words: command.words.into_iter().map(|word| word.literal).collect() }
}

/// Every name in a text.
fn names_in(text: &str, names: &mut Vec<String>) {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    names.extend(words.filter(|word| is_name(word)).map(str::to_owned));
}

/// Every name after a `$` or `${`, of a text that could not be parsed.
pub(super) fn names_after_dollars(text: &str, names: &mut Vec<String>) {
    for after in text.split('$').skip(1) {
        let after = after.trim_start_matches(['{', '#', '!']);
        let length = after.bytes().take_while(|byte| is_name_byte(*byte)).count();
        names.extend(is_name(&after[..length]).then(|| after[..length].to_owned()));
    }
}
