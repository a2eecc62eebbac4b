//! The whole file.

use crate::error::{Error, ErrorKind, Position};
use crate::image::ImageReference;
use crate::instruction::{Instruction, Keyword};
use crate::kind::{Kind, Parsed};
use crate::reader::Reader;
use std::fmt;
use std::ops::Range;

/// A parser directive (`# syntax=…`) on top of the file. Its line is part of the first instruction's lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// `syntax`, `escape` or `check`.
    pub name: String,
    /// What stands behind the `=`.
    pub value: String,
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newline {
    /// `\n`
    Lf,
    /// `\r\n`
    Crlf,
}

impl Newline {
    /// The characters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// A stage: its FROM and the instructions up to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its number, counted from 0.
    pub number: usize,
    /// Indexes of its instructions, FROM included.
    pub instructions: Range<usize>,
    /// The name after `AS`, as written.
    pub name: Option<String>,
    /// The base image or stage, as written.
    pub base: String,
}

impl Stage {
    /// The base as an image reference.
    #[must_use]
    pub fn image(&self) -> ImageReference {
        ImageReference::parse(&self.base)
    }
}

/// A Dockerfile that prints byte for byte what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    directives: Vec<Directive>,
    escape: char,
    newline: Newline,
    ended: bool,
    /// All instructions, global ARGs first.
    pub instructions: Vec<Instruction>,
    /// Comments and blank lines after the last instruction.
    pub trailer: String,
}

impl Dockerfile {
    /// Reads a file.
    ///
    /// # Errors
    /// What BuildKit's parser or frontend would not take, with its place.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read = Reader::of_file(text).read()?;
        let error = |kind, offset, message: &str| Error {
            kind,
            message: message.to_owned(),
            position: Position::of(text, offset),
        };
        if read.instructions.is_empty() {
            return Err(error(ErrorKind::Grammar, text.len(), "file with no instructions"));
        }
        let mut stage = false;
        for (instruction, offset) in read.instructions.iter().zip(&read.offsets) {
            let at = offset + instruction.lead().len();
            match instruction.keyword() {
                Keyword::From => stage = true,
                Keyword::Arg => {}
                _ if !stage => {
                    return Err(error(
                        ErrorKind::Build,
                        at,
                        "no build stage in current context: an instruction stands before the first FROM",
                    ));
                }
                _ => {}
            }
        }
        if !stage {
            return Err(error(
                ErrorKind::Build,
                text.len(),
                "no build stage in current context: the file has no FROM",
            ));
        }
        let newline = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => Newline::Crlf,
            _ => Newline::Lf,
        };
        Ok(Self {
            directives: read.directives,
            escape: read.escape,
            newline,
            ended: text.ends_with('\n'),
            instructions: read.instructions,
            trailer: read.trailer,
        })
    }

    /// Parser directives, in order.
    #[must_use]
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// The escape character: `\`, or what `# escape=` says.
    #[must_use]
    pub fn escape(&self) -> char {
        self.escape
    }

    /// How the first line ends.
    #[must_use]
    pub fn newline(&self) -> Newline {
        self.newline
    }

    /// Whether the file that was read ended with a newline.
    #[must_use]
    pub fn ended_with_newline(&self) -> bool {
        self.ended
    }

    /// ARGs before the first FROM.
    #[must_use]
    pub fn global_args(&self) -> &[Instruction] {
        let end = self.instructions.iter().position(|i| i.keyword() == Keyword::From);
        &self.instructions[..end.unwrap_or(self.instructions.len())]
    }

    /// The stages, in order.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        for (at, instruction) in self.instructions.iter().enumerate() {
            if let Kind::From { image, name } = instruction.kind() {
                stages.push(Stage {
                    number: stages.len(),
                    instructions: at..at + 1,
                    name: name.as_ref().map(|name| name.raw.clone()),
                    base: image.raw.clone(),
                });
            } else if let Some(stage) = stages.last_mut() {
                stage.instructions.end = at + 1;
            }
        }
        stages
    }

    /// The stage that a reference in stage `from` means: the base of a FROM, a `--from`, a mount's `from=`.
    /// Names are compared without case, the latest earlier one counts; a number counts only where
    /// `by_number` allows it (not in FROM).
    #[must_use]
    pub fn stage_of(stages: &[Stage], reference: &str, from: usize, by_number: bool) -> Option<usize> {
        let earlier = stages.get(..from)?;
        let named = earlier.iter().rposition(|stage| {
            stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(reference))
        });
        named.or_else(|| reference.parse().ok().filter(|number| by_number && *number < from))
    }

    /// What the instructions of a stage take from elsewhere by `COPY --from` and `RUN --mount=…from=`,
    /// as written, with the index of the instruction.
    pub fn sources_elsewhere(&self, stage: &Stage) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for at in stage.instructions.clone() {
            collect_from(self.instructions[at].parsed(), at, &mut found);
        }
        found
    }
}

fn collect_from(parsed: &Parsed, at: usize, found: &mut Vec<(usize, String)>) {
    for flag in &parsed.flags {
        let Some(value) = &flag.value else { continue };
        match flag.name.as_str() {
            "from" => found.push((at, value.clone())),
            "mount" => found.extend(
                value
                    .split(',')
                    .filter_map(|field| field.strip_prefix("from="))
                    .map(|from| (at, from.to_owned())),
            ),
            _ => {}
        }
    }
    if let Kind::Onbuild(Some(inner)) = &parsed.kind {
        collect_from(inner, at, found);
    }
}

impl fmt::Display for Dockerfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for instruction in &self.instructions {
            write!(f, "{instruction}")?;
        }
        f.write_str(&self.trailer)
    }
}
