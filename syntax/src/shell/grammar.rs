//! Lists, pipelines and commands.

use super::check::Event;
use super::model::{AndOrList, CompoundKind, Element, Joint, Pipeline, Terminator};
use super::parser::{Fallible, Kind, Level, Parser};

/// What may not start a command, because it ends or continues a compound one.
const ENDS: [&str; 9] = ["then", "else", "elif", "fi", "do", "done", "esac", "}", "in"];

impl Parser<'_> {
    /// Reads the whole text.
    pub fn script(&mut self) -> Fallible<Vec<AndOrList>> {
        let lists = self.list()?;
        let token = self.take()?;
        if !matches!(token.kind, Kind::End) {
            return self.error_at("an unexpected token", token.span.start);
        }
        if !self.frame.pending.is_empty() {
            return self.error("a here-document without body");
        }
        Ok(lists)
    }

    /// Reads and-or lists up to something that ends them.
    pub fn list(&mut self) -> Fallible<Vec<AndOrList>> {
        let mut lists = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.at_end_of_list()? {
                return Ok(lists);
            }
            let mut list = self.and_or()?;
            let terminator = match self.peek_operator()? {
                Some(";") => Terminator::Sequential,
                Some("&") => Terminator::Background,
                Some("\n") => Terminator::Newline,
                _ => Terminator::None,
            };
            self.event(match terminator {
                Terminator::Background => Event::Background,
                _ => Event::Sequential,
            });
            list.terminator = terminator;
            if terminator == Terminator::None {
                lists.push(list);
                // Only a new command could follow, and it would need a separator.
                return if self.at_end_of_list()? { Ok(lists) } else { self.error("an unexpected token") };
            }
            list.terminator_span = Some(self.take()?.span);
            lists.push(list);
        }
    }

    fn at_end_of_list(&mut self) -> Fallible<bool> {
        Ok(match &self.peek()?.kind {
            Kind::End | Kind::Operator(")" | ";;" | ";&" | ";;&") => true,
            Kind::Operator(_) => false,
            Kind::Word(word) => ENDS.contains(&word.raw.as_str()),
        })
    }

    /// A list inside a compound command, which may not be empty.
    pub fn inner_list(&mut self) -> Fallible<()> {
        if self.list()?.is_empty() { self.error("an empty list") } else { Ok(()) }
    }

    fn and_or(&mut self) -> Fallible<AndOrList> {
        let mut pipelines = vec![self.pipeline(None)?];
        loop {
            let joint = match self.peek_operator()? {
                Some("&&") => Joint::And,
                Some("||") => Joint::Or,
                _ => break,
            };
            let operator = self.take()?.span;
            self.event(if joint == Joint::And { Event::And } else { Event::Or });
            self.skip_newlines()?;
            let mut pipeline = self.pipeline(Some(joint))?;
            pipeline.operator_span = Some(operator);
            pipelines.push(pipeline);
        }
        let span = match pipelines.as_slice() {
            [first, .., last] => first.span.start..last.span.end,
            [only] => only.span.clone(),
            [] => return self.error("an empty list"),
        };
        Ok(AndOrList { span, pipelines, terminator: Terminator::None, terminator_span: None })
    }

    fn pipeline(&mut self, joined_by: Option<Joint>) -> Fallible<Pipeline> {
        let start = self.peek()?.span.start;
        let timed = self.peek_raw()? == Some("time");
        if timed {
            self.take()?;
            if self.peek_raw()? == Some("-p") {
                self.take()?;
            }
            self.event(Event::Timed);
        }
        let condition = self.frame.condition;
        let mut negated = false;
        while self.peek_raw()? == Some("!") {
            self.take()?;
            negated = !negated;
            self.frame.condition = true;
            // Its place among `!` differs between shells.
            if self.peek_raw()? == Some("time") {
                return self.error("`time` after `!`");
            }
        }
        if negated {
            self.event(Event::Negated);
        }
        let mut elements = Vec::new();
        let end = loop {
            let (element, end) = self.command()?;
            elements.push(element);
            match self.peek_operator()? {
                Some("|") => {
                    self.take()?;
                    self.event(Event::Pipe);
                    self.skip_newlines()?;
                }
                // `2>&1 |` in bash, an error elsewhere.
                Some("|&") => return self.error("`|&`"),
                _ => break end,
            }
        };
        self.frame.condition = condition;
        let in_pipeline = elements.len() > 1;
        for element in &elements {
            if let Element::Simple(index) = element
                && let Some(command) = self.frame.commands.get_mut(*index)
            {
                command.in_pipeline = in_pipeline;
                command.joined_by = joined_by;
            }
        }
        Ok(Pipeline { span: start..end, joined_by, operator_span: None, negated, timed, elements })
    }

    /// Reads one command, and tells where it ends.
    pub fn command(&mut self) -> Fallible<(Element, usize)> {
        let token = self.peek()?;
        let start = token.span.start;
        let kind = match &token.kind {
            Kind::Operator("(") => Some(if self.byte() == Some(b'(') {
                CompoundKind::Arithmetic
            } else {
                CompoundKind::Subshell
            }),
            Kind::Word(word) => match word.raw.as_str() {
                "{" => Some(CompoundKind::BraceGroup),
                "if" => Some(CompoundKind::If),
                "for" => Some(CompoundKind::For),
                "while" => Some(CompoundKind::While),
                "until" => Some(CompoundKind::Until),
                "case" => Some(CompoundKind::Case),
                "[[" => Some(CompoundKind::Test),
                "function" => Some(CompoundKind::FunctionDefinition),
                "select" | "coproc" => return self.error("`select` or `coproc`"),
                word if ENDS.contains(&word) => return self.error("an unexpected reserved word"),
                _ => None,
            },
            _ => None,
        };
        match kind {
            Some(kind) => self.compound(start, kind),
            None => self.simple(start),
        }
    }

    fn compound(&mut self, start: usize, kind: CompoundKind) -> Fallible<(Element, usize)> {
        let first = self.frame.commands.len();
        let level = match kind {
            CompoundKind::Subshell | CompoundKind::Arithmetic => Level::Subshell,
            CompoundKind::Case => Level::Case,
            _ => Level::Other,
        };
        let (kind, end) = self.deeper(level, |parser| {
            let (kind, mut end) = parser.enclosed(kind)?;
            while let Some(redirection) = parser.redirection()? {
                end = redirection.span.end;
            }
            Ok((kind, end))
        })?;
        let commands = first..self.frame.commands.len();
        Ok((Element::Compound { kind, span: start..end, commands }, end))
    }

    /// Reads a compound command without redirections. The kind may turn out to be a more special one.
    fn enclosed(&mut self, kind: CompoundKind) -> Fallible<(CompoundKind, usize)> {
        self.frame.enclosures.push(kind);
        let condition = self.frame.condition;
        self.event(Event::Open(kind));
        let mut special = kind;
        let end = match kind {
            CompoundKind::Subshell => {
                self.take()?;
                self.inner_list()?;
                self.expect_operator(")")?
            }
            CompoundKind::BraceGroup => {
                self.take()?;
                self.inner_list()?;
                self.expect_reserved("}")?
            }
            CompoundKind::If => self.if_clause(condition)?,
            CompoundKind::While | CompoundKind::Until => {
                self.take()?;
                self.frame.condition = true;
                self.inner_list()?;
                self.frame.condition = condition;
                self.do_group()?
            }
            CompoundKind::For => {
                self.take()?;
                if self.peek_operator()? == Some("(") {
                    special = CompoundKind::ArithmeticFor;
                    self.frame.enclosures.pop();
                    self.frame.enclosures.push(special);
                    if self.hidden == 0 {
                        self.found.events.pop();
                    }
                    self.event(Event::Open(special));
                    self.arithmetic_head()?;
                    if self.peek_operator()? == Some(";") {
                        self.take()?;
                    }
                    self.skip_newlines()?;
                    self.do_group()?
                } else {
                    self.for_clause()?
                }
            }
            CompoundKind::Case => self.case_clause()?,
            CompoundKind::Arithmetic => self.arithmetic_head()?,
            CompoundKind::Test => self.test()?,
            CompoundKind::FunctionDefinition => {
                self.take()?;
                let token = self.take()?;
                self.frame.condition = false;
                self.function(token.kind)?
            }
            CompoundKind::ArithmeticFor | CompoundKind::Other => return self.error("unsupported"),
        }
        .end;
        self.frame.condition = condition;
        self.frame.enclosures.pop();
        // A function ends with its body, which has closed already.
        if kind != CompoundKind::FunctionDefinition {
            self.event(Event::Close);
        }
        Ok((special, end))
    }
}
