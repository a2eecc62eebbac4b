//! An instruction: its source text, and what it says.

use crate::error::Error;
use crate::heredoc::HereDocument;
use crate::kind::{CommandForm, Healthcheck, Kind, Parsed};
use crate::reader::Reader;
use crate::shell::{Script, ScriptError};
use crate::span::LogicalText;
use crate::words::Word;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

macro_rules! keywords {
    ($($name:ident $text:literal),* $(,)?) => {
        /// The eighteen instructions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Keyword { $(#[doc = concat!("`", $text, "`")] $name),* }

        impl Keyword {
            /// Reads a keyword, in any case.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                $(if word.eq_ignore_ascii_case($text) { return Some(Self::$name); })*
                None
            }

            /// The keyword in upper case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

keywords! {
    Add "ADD", Arg "ARG", Cmd "CMD", Copy "COPY", Entrypoint "ENTRYPOINT", Env "ENV", Expose "EXPOSE",
    From "FROM", Healthcheck "HEALTHCHECK", Label "LABEL", Maintainer "MAINTAINER", Onbuild "ONBUILD",
    Run "RUN", Shell "SHELL", Stopsignal "STOPSIGNAL", User "USER", Volume "VOLUME", Workdir "WORKDIR",
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `--name` or `--name=value` before the arguments of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The name, dashes left out.
    pub name: String,
    /// The value, quotes removed.
    pub value: Option<String>,
    /// Where it stands in the logical text.
    pub span: Range<usize>,
}

impl Flag {
    pub(crate) fn of(word: &Word) -> Self {
        let mut value = String::with_capacity(word.raw.len());
        let mut quote = None;
        let mut chars = word.raw.chars();
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (_, Some(open)) if c == open => quote = None,
                ('\\', _) => value.extend(chars.next()),
                _ => value.push(c),
            }
        }
        let text = value.strip_prefix("--").unwrap_or(&value);
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        Self { name: name.to_owned(), value: value.map(str::to_owned), span: word.span.clone() }
    }
}

/// An instruction with the comments and blank lines above it. A value: an edit makes a new one.
#[derive(Clone)]
pub struct Instruction(Arc<Inner>);

struct Inner {
    lead: String,
    line: usize,
    body: Arc<Body>,
}

/// What stays the same under other comments and on another line, the parsed script included.
struct Body {
    text: String,
    logical: LogicalText,
    parsed: Parsed,
    heredocs: Vec<HereDocument>,
    escape: char,
    script: Arc<OnceLock<Option<ScriptSource>>>,
}

/// The script of an instruction, and where its bytes stand in the instruction's text.
struct ScriptSource {
    text: LogicalText,
    script: Result<Script, ScriptError>,
}

impl Instruction {
    pub(crate) fn new(
        lead: &str,
        text: &str,
        logical: LogicalText,
        parsed: Parsed,
        heredocs: Vec<HereDocument>,
        escape: char,
        line: usize,
    ) -> Self {
        let text = text.to_owned();
        let body = Body { text, logical, parsed, heredocs, escape, script: Arc::default() };
        Self(Arc::new(Inner { lead: lead.to_owned(), line, body: Arc::new(body) }))
    }

    /// Reads one instruction, with the comments above it.
    ///
    /// # Errors
    /// When `text` is not exactly one instruction.
    pub fn parse(text: &str, escape: char) -> Result<Self, Error> {
        let read = Reader::of_part(text, escape).read()?;
        let one = read.trailer.is_empty() && read.instructions.len() == 1;
        read.instructions.into_iter().next().filter(|_| one).ok_or_else(|| Error {
            kind: crate::ErrorKind::Grammar,
            message: "not exactly one instruction".to_owned(),
            position: crate::Position::of(text, 0),
        })
    }

    /// Comments and blank lines above the instruction, as written.
    #[must_use]
    pub fn lead(&self) -> &str {
        &self.0.lead
    }

    /// The instruction as written, from its line's start to its last newline, here-documents included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.body.text
    }

    /// The line that BuildKit makes of it: continuations joined, comments left out.
    #[must_use]
    pub fn logical(&self) -> &LogicalText {
        &self.0.body.logical
    }

    /// Which instruction it is.
    #[must_use]
    pub fn keyword(&self) -> Keyword {
        self.0.body.parsed.name
    }

    /// The keyword as written.
    #[must_use]
    pub fn written_keyword(&self) -> &str {
        &self.0.body.logical.text[self.0.body.parsed.keyword.clone()]
    }

    /// Its arguments.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.0.body.parsed.kind
    }

    /// Keyword, flags and arguments with their spans.
    #[must_use]
    pub fn parsed(&self) -> &Parsed {
        &self.0.body.parsed
    }

    /// Its flags.
    #[must_use]
    pub fn flags(&self) -> &[Flag] {
        &self.0.body.parsed.flags
    }

    /// The value of a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags().iter().find(|flag| flag.name == name).and_then(|flag| flag.value.as_deref())
    }

    /// Its arguments as one logical text.
    #[must_use]
    pub fn arguments(&self) -> &str {
        &self.0.body.logical.text[self.0.body.parsed.arguments.clone()]
    }

    /// Its here-documents.
    #[must_use]
    pub fn here_documents(&self) -> &[HereDocument] {
        &self.0.body.heredocs
    }

    /// The escape character of its file.
    #[must_use]
    pub fn escape(&self) -> char {
        self.0.body.escape
    }

    /// Comment lines above it and inside its continuations, trimmed, in order.
    pub fn comments(&self) -> impl Iterator<Item = &str> {
        let inside =
            self.0.body.heredocs.first().map_or(self.0.body.text.len(), |heredoc| heredoc.body.start);
        self.0
            .lead
            .lines()
            .chain(self.0.body.text[..inside].lines())
            .map(|line| line.trim_start_matches('\u{feff}').trim())
            .filter(|line| line.starts_with('#'))
    }

    /// The same instruction under other comments and blank lines.
    #[must_use]
    pub fn with_lead(&self, lead: &str) -> Self {
        self.copied(lead, self.0.line)
    }

    /// The same instruction, said to come from `line`.
    #[must_use]
    pub fn at_line(&self, line: usize) -> Self {
        if line == self.0.line { self.clone() } else { self.copied(&self.0.lead, line) }
    }

    /// The line, counted from 1, of the file that it was read from or made for; 0 where it has none.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The same instruction, its last line ending in `end` (a newline or nothing).
    #[must_use]
    pub fn with_end(&self, end: &str) -> Self {
        let body = &self.0.body;
        let text = format!("{}{end}", body.text.trim_end_matches(['\r', '\n']));
        let body = Body {
            text,
            logical: body.logical.clone(),
            parsed: body.parsed.clone(),
            heredocs: body.heredocs.clone(),
            escape: body.escape,
            script: Arc::clone(&body.script),
        };
        Self(Arc::new(Inner { lead: self.0.lead.clone(), line: self.0.line, body: Arc::new(body) }))
    }

    fn copied(&self, lead: &str, line: usize) -> Self {
        Self(Arc::new(Inner { lead: lead.to_owned(), line, body: Arc::clone(&self.0.body) }))
    }

    /// The instruction with ranges of its text replaced. The edits are disjoint and in ascending order.
    ///
    /// # Errors
    /// When the result is no longer one instruction.
    pub fn edited(&self, edits: &[(Range<usize>, String)]) -> Result<Self, Error> {
        let mut text = String::with_capacity(self.0.body.text.len() + 64);
        text.push_str(&self.0.lead);
        let mut at = 0;
        for (range, new) in edits {
            text.push_str(self.0.body.text.get(at..range.start).unwrap_or_default());
            text.push_str(new);
            at = range.end;
        }
        text.push_str(self.0.body.text.get(at..).unwrap_or_default());
        Ok(Self::parse(&text, self.0.body.escape)?.at_line(self.0.line))
    }

    /// The command form of RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD.
    #[must_use]
    pub fn command(&self) -> Option<&CommandForm> {
        match self.kind() {
            Kind::Run(form) | Kind::Cmd(form) | Kind::Entrypoint(form) => Some(form),
            Kind::Healthcheck(Healthcheck::Cmd(form)) => Some(form),
            _ => None,
        }
    }

    fn script_source(&self) -> Option<&ScriptSource> {
        self.0
            .body
            .script
            .get_or_init(|| {
                let text = self.shell_text()?;
                let script = Script::parse(&text.text);
                Some(ScriptSource { text, script })
            })
            .as_ref()
    }

    /// What the shell is given to run, or `None` for the exec form, for a here-document with an
    /// interpreter of its own, and for instructions that run nothing.
    fn shell_text(&self) -> Option<LogicalText> {
        let CommandForm::Shell(range) = self.command()? else { return None };
        let line = self.0.body.logical.slice(range.clone());
        let Some(first) = self.0.body.heredocs.first() else { return Some(line) };
        if crate::heredoc::is_alone(&line.text) {
            let body = self.body_of(first);
            return (!body.text.starts_with("#!")).then_some(body);
        }
        let mut full = line;
        for heredoc in &self.0.body.heredocs {
            full.push_made("\n");
            full.push(&self.0.body.text[heredoc.body.clone()], heredoc.body.start);
            full.push_made(&heredoc.name);
        }
        Some(full)
    }

    fn body_of(&self, heredoc: &HereDocument) -> LogicalText {
        let mut body = LogicalText::default();
        let mut at = heredoc.body.start;
        for line in self.0.body.text[heredoc.body.clone()].split_inclusive('\n') {
            let cut = if heredoc.chomp { line.len() - line.trim_start_matches('\t').len() } else { 0 };
            body.push(&line[cut..], at + cut);
            at += line.len();
        }
        body
    }

    /// The shell script of RUN, CMD, ENTRYPOINT or HEALTHCHECK in shell form, parsed once.
    /// `Some(Err(…))` when it isn't shell that can be understood.
    #[must_use]
    pub fn script(&self) -> Option<Result<&Script, &ScriptError>> {
        self.script_source().map(|source| source.script.as_ref())
    }

    /// The text of its script and where it stands in [`Instruction::text`].
    #[must_use]
    pub fn script_text(&self) -> Option<&LogicalText> {
        self.script_source().map(|source| &source.text)
    }

    /// The range in [`Instruction::text`] of a range of its script.
    #[must_use]
    pub fn script_range(&self, range: Range<usize>) -> Option<Range<usize>> {
        self.script_text()?.map.hull(range)
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.lead)?;
        f.write_str(&self.0.body.text)
    }
}

impl fmt::Debug for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instruction").field(&self.to_string()).finish()
    }
}

impl PartialEq for Instruction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.lead == other.0.lead
                && (Arc::ptr_eq(&self.0.body, &other.0.body) || self.0.body.text == other.0.body.text)
    }
}

impl Eq for Instruction {}
