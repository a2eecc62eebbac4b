//! Simple commands and redirections.

use super::check::{Event, Flat};
use super::model::{Assignment, CompoundKind, Element, Redirection, SimpleCommand, Word};
use super::parser::{Fallible, Kind, Level, Parser, Pending};
use super::words::assignment_prefix;

const REDIRECTIONS: [&str; 12] = ["<", ">", ">>", ">|", "<>", "<&", ">&", "&>", "&>>", "<<", "<<-", "<<<"];

impl Parser<'_> {
    /// Reads a simple command, or a function definition, which starts as one.
    pub fn simple(&mut self, start: usize) -> Fallible<(Element, usize)> {
        let first_event = self.found.events.len();
        self.event(Event::Simple);
        let mut command = SimpleCommand {
            span: start..start,
            assignments: Vec::new(),
            words: Vec::new(),
            redirections: Vec::new(),
            enclosures: Vec::new(),
            in_pipeline: false,
            joined_by: None,
            condition: self.frame.condition,
        };
        loop {
            if let Some(redirection) = self.redirection()? {
                command.span.end = redirection.span.end;
                command.redirections.push(redirection);
                continue;
            }
            match self.peek()?.kind {
                Kind::Word(_) => {}
                Kind::Operator("(") if is_name_of_function(&command) => {
                    if self.hidden == 0 {
                        self.found.events.truncate(first_event);
                    }
                    return self.function_after(start, command);
                }
                _ => break,
            }
            let Kind::Word(word) = self.take()?.kind else { break };
            command.span.end = word.span.end;
            let prefix = assignment_prefix(&word.raw);
            match prefix.filter(|_| command.words.is_empty()) {
                Some(prefix) => {
                    let array = word.raw[prefix..].starts_with('(');
                    self.event(if array { Event::Array } else { Event::Assignment });
                    command.assignments.push(assignment(*word, prefix));
                }
                None => {
                    self.word_event(&word);
                    command.words.push(*word);
                }
            }
        }
        if command.span.is_empty() {
            return self.error_at("expected a command", start);
        }
        command.enclosures = self.frame.enclosures.clone();
        let end = command.span.end;
        let index = self.frame.commands.len();
        self.frame.commands.push(command);
        Ok((Element::Simple(index), end))
    }

    fn function_after(&mut self, start: usize, command: SimpleCommand) -> Fallible<(Element, usize)> {
        let first = self.frame.commands.len();
        let kind = CompoundKind::FunctionDefinition;
        let Some(name) = command.words.into_iter().next() else {
            return self.error("expected a name");
        };
        self.event(Event::Open(kind));
        self.frame.enclosures.push(kind);
        // What the function does happens at its calls, not in the condition it is defined in.
        let condition = std::mem::take(&mut self.frame.condition);
        let end = self.deeper(Level::Other, |parser| parser.function(Kind::Word(Box::new(name))))?.end;
        self.frame.condition = condition;
        self.frame.enclosures.pop();
        let commands = first..self.frame.commands.len();
        Ok((Element::Compound { kind, span: start..end, commands }, end))
    }

    /// Reads a redirection, if one is next.
    pub fn redirection(&mut self) -> Fallible<Option<Redirection>> {
        match self.peek_operator()? {
            Some(operator) if REDIRECTIONS.contains(&operator) => {}
            _ => return Ok(None),
        }
        let token = self.take()?;
        let Kind::Operator(operator) = token.kind else { return Ok(None) };
        if operator.starts_with('&') && token.descriptor.is_some() {
            return self.error("`&>` with a descriptor");
        }
        self.event(Event::Redirection);
        let target = self.take()?;
        let Kind::Word(word) = target.kind else {
            return self.error_at("a redirection without target", target.span.start);
        };
        self.word_event(&word);
        if operator == "<<" || operator == "<<-" {
            if self.hidden == 0
                && let Some(Flat::Word(hash)) = self.found.flat.pop()
            {
                self.found.flat.push(Flat::Tag(hash));
            }
            let Some(delimiter) = word.literal.clone() else {
                return self.error_at("an expanded delimiter", word.span.start);
            };
            self.found.has_here_document = true;
            let (quoted, strip_tabs) = (word.quoted, operator == "<<-");
            self.frame.pending.push(Pending { delimiter, quoted, strip_tabs });
        }
        Ok(Some(Redirection {
            span: token.span.start..word.span.end,
            descriptor: token.descriptor,
            operator: operator.to_owned(),
            target: Some(*word),
        }))
    }

    /// Notes a word for the comparison.
    pub fn word_event(&mut self, word: &Word) {
        if self.hidden > 0 || word.raw.starts_with(['<', '>']) {
            return;
        }
        let array = assignment_prefix(&word.raw).is_some_and(|prefix| word.raw[prefix..].starts_with('('));
        if array {
            self.event(Event::Array);
            return;
        }
        let comments = &self.found.comments;
        let first = comments.partition_point(|comment| comment.start < word.span.start);
        let hash = Flat::hash_without(&word.raw, word.span.start, &comments[first..]);
        self.event(Event::Word(hash));
    }
}

fn is_name_of_function(command: &SimpleCommand) -> bool {
    command.words.len() == 1 && command.assignments.is_empty() && command.redirections.is_empty()
}

fn assignment(word: Word, prefix: usize) -> Assignment {
    let (before, after) = word.raw.split_at(prefix);
    let append = before.ends_with("+=");
    let name = before.split(['[', '+', '=']).next().unwrap_or_default().to_owned();
    // A tilde is also expanded after `=` and `:`; an index may hold quotes, which the literal has not.
    let certain = !before.contains('[') && !after.starts_with('~') && !after.contains(":~");
    let literal = word.literal.filter(|_| certain);
    let value = Word {
        span: word.span.start + prefix..word.span.end,
        raw: after.to_owned(),
        literal: literal.and_then(|literal| literal.get(prefix..).map(str::to_owned)),
        variables: word.variables,
        has_substitution: word.has_substitution,
        has_glob: word.has_glob,
        quoted: word.quoted,
    };
    Assignment { span: word.span, name, value, append }
}
