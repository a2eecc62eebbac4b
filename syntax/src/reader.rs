//! Splits a file into instructions, line by line, as BuildKit's parser does
//! (`frontend/dockerfile/parser/parser.go`), without dropping a byte.

use crate::dockerfile::Directive;
use crate::error::{Error, ErrorKind, Position};
use crate::heredoc::{self, HereDocument};
use crate::instruction::Instruction;
use crate::kind::Parsed;
use crate::span::LogicalText;
use std::collections::HashSet;

/// What a file was split into.
pub(crate) struct Read {
    pub directives: Vec<Directive>,
    pub escape: char,
    pub instructions: Vec<Instruction>,
    /// Offset in the file at which each instruction's lead starts.
    pub offsets: Vec<usize>,
    /// Comments and blank lines after the last instruction.
    pub trailer: String,
}

pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Lines read so far.
    line: usize,
    escape: char,
    directives: Vec<Directive>,
    directives_done: bool,
    /// Terminators of here-documents that were looked for to the end of the file in vain.
    absent: HashSet<(String, bool)>,
}

const DIRECTIVES: [&str; 3] = ["syntax", "escape", "check"];

impl<'a> Reader<'a> {
    /// A reader of a whole file.
    pub fn of_file(text: &'a str) -> Self {
        Self { directives_done: false, ..Self::of_part(text, '\\') }
    }

    /// A reader of text from the middle of a file, where directives are comments.
    pub fn of_part(text: &'a str, escape: char) -> Self {
        let (directives, absent) = (Vec::new(), HashSet::new());
        Self { text, at: 0, line: 0, escape, directives, directives_done: true, absent }
    }

    pub fn read(mut self) -> Result<Read, Error> {
        let mut instructions = Vec::new();
        let mut offsets = Vec::new();
        let mut lead = 0;
        while let Some((start, line)) = self.next_line() {
            let body = without_mark(start, line).trim_start();
            if body.is_empty() || body.starts_with('#') {
                self.directive(start, body.trim_end_matches(['\r', '\n']))?;
                continue;
            }
            self.directives_done = true;
            let instruction = self.instruction(lead, start, line)?;
            offsets.push(lead);
            instructions.push(instruction);
            lead = self.at;
        }
        Ok(Read {
            directives: self.directives,
            escape: self.escape,
            instructions,
            offsets,
            trailer: self.text[lead..].to_owned(),
        })
    }

    fn next_line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let len = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.at = start + len;
        self.line += 1;
        Some((start, &rest[..len]))
    }

    fn error(&self, offset: usize, message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Grammar, message: message.into(), position: Position::of(self.text, offset) }
    }

    /// Takes note of a parser directive. A comment that is none ends them.
    fn directive(&mut self, offset: usize, line: &str) -> Result<(), Error> {
        if self.directives_done {
            return Ok(());
        }
        let Some((name, value)) = parse_directive(line) else {
            self.directives_done = true;
            return Ok(());
        };
        let name = name.to_ascii_lowercase();
        if !DIRECTIVES.contains(&name.as_str()) {
            return Ok(());
        }
        if self.directives.iter().any(|directive| directive.name == name) {
            return Err(self.error(offset, format!("only one {name} parser directive can be used")));
        }
        if name == "escape" {
            self.escape = match value {
                "\\" => '\\',
                "`" => '`',
                _ => {
                    return Err(
                        self.error(offset, format!("invalid escape token '{value}' does not match ` or \\"))
                    );
                }
            };
        }
        self.directives.push(Directive { name, value: value.to_owned() });
        Ok(())
    }

    /// Reads an instruction whose first line is `line`, with its continuations and here-documents.
    fn instruction(&mut self, lead: usize, start: usize, line: &'a str) -> Result<Instruction, Error> {
        let number = self.line;
        let mut logical = LogicalText::default();
        let first = line.trim_end_matches(['\r', '\n']);
        // Leading white space is not part of the line.
        let indent = first.len() - without_mark(start, first).trim_start().len();
        let mut open = self.push_line(&mut logical, &first[indent..], indent);
        while open {
            let Some((offset, line)) = self.next_line() else { break };
            let body = line.trim_end_matches(['\r', '\n']);
            let content = body.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            open = self.push_line(&mut logical, body, offset - start);
        }
        let parsed = Parsed::of(&logical.text, self.escape)
            .map_err(|(kind, message)| Error { kind, ..self.error(start + indent, message) })?;
        let heredocs = self.here_documents(&logical, &parsed, start)?;
        let text = &self.text[start..self.at];
        Ok(Instruction::new(&self.text[lead..start], text, logical, parsed, heredocs, self.escape, number))
    }

    /// Appends a line without its continuation character; tells whether it goes on.
    fn push_line(&self, logical: &mut LogicalText, line: &str, offset: usize) -> bool {
        let body = line.trim_end_matches([' ', '\t']);
        let continued = body.strip_suffix(self.escape).filter(|before| !before.ends_with(self.escape));
        match continued {
            Some(before) => logical.push(before, offset),
            None => logical.push(line, offset),
        }
        continued.is_some()
    }

    fn here_documents(
        &mut self,
        logical: &LogicalText,
        parsed: &Parsed,
        start: usize,
    ) -> Result<Vec<HereDocument>, Error> {
        if !parsed.can_contain_here_document() {
            return Ok(Vec::new());
        }
        let mut documents = Vec::new();
        for announced in heredoc::announced(&logical.text) {
            let (line_at, line_number) = (self.at, self.line);
            let key = (announced.name.clone(), announced.chomp);
            let known = announced.spaced && self.absent.contains(&key);
            match (!known).then(|| self.here_document(&announced, start)).flatten() {
                Some(document) => documents.push(document),
                // Older versions know no here-document with white space behind `<<`, and `$(( 1 << 2 ))`
                // looks like one.
                None if announced.spaced => {
                    self.absent.insert(key);
                    (self.at, self.line) = (line_at, line_number);
                }
                None => return Err(self.error(start, "unterminated heredoc")),
            }
        }
        Ok(documents)
    }

    /// Reads the lines of a here-document. `None` where its terminator does not come.
    fn here_document(&mut self, announced: &heredoc::Announced, start: usize) -> Option<HereDocument> {
        let body = self.at - start;
        loop {
            let (offset, line) = self.next_line()?;
            let line = line.trim_end_matches(['\r', '\n']);
            let line = if announced.chomp { line.trim_start_matches('\t') } else { line };
            if line == announced.name {
                return Some(HereDocument {
                    name: announced.name.clone(),
                    expand: announced.expand,
                    chomp: announced.chomp,
                    descriptor: announced.descriptor,
                    body: body..offset - start,
                    terminator: offset - start..self.at - start,
                });
            }
        }
    }
}

/// A line without the byte order mark that the first one of a file may have.
fn without_mark(start: usize, line: &str) -> &str {
    line.strip_prefix('\u{feff}').filter(|_| start == 0).unwrap_or(line)
}

/// BuildKit's `^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$` behind a `#` and white space. Its `\s` is ASCII.
fn parse_directive(line: &str) -> Option<(&str, &str)> {
    const SPACE: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];
    let (name, value) = line.strip_prefix('#')?.trim_start().split_once('=')?;
    let (name, value) = (name.trim_end_matches(SPACE), value.trim_matches(SPACE));
    let well_named = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    (well_named && !value.is_empty()).then_some((name, value))
}
