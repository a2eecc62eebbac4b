//! The comparison with what `brush-parser` makes of the same text.

use std::ops::Range;

use brush_parser::ast::{self, CommandPrefixOrSuffixItem as Item};
use brush_parser::{ParserOptions, Token, TokenizerOptions};

use super::model::{CompoundKind, ScriptError};
use super::parser::Parser;

/// brush recurses for each of these that is open, so their number bounds its stack.
const MAX_EXPANSIONS: usize = 400;

/// A token as brush is expected to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flat {
    Operator(&'static str),
    Word(u64),
    /// The delimiter of a here-document, after which brush has the body and the delimiter again.
    Tag(u64),
    /// Any tokens that start before this byte.
    Opaque(usize),
}

impl Flat {
    pub fn word(text: &str) -> Flat {
        Flat::Word(Flat::hash_without(text, 0, &[]))
    }

    /// The hash of a word (FNV-1a) without white space and continued lines, which brush does not keep
    /// inside substitutions, and without comments.
    pub fn hash_without(text: &str, start: usize, comments: &[Range<usize>]) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut comments = comments.iter().peekable();
        let mut bytes = text.bytes().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            let at = start + at;
            while comments.next_if(|comment| comment.end <= at).is_some() {}
            if comments.peek().is_some_and(|comment| comment.start <= at) || byte.is_ascii_whitespace() {
                continue;
            }
            if byte == b'\\' && bytes.next_if(|(_, next)| *next == b'\n').is_some() {
                continue;
            }
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash
    }
}

/// One step of a walk over the structure, which both parsers must take alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Sequential,
    Background,
    And,
    Or,
    Pipe,
    Timed,
    Negated,
    Simple,
    Assignment,
    Array,
    Word(u64),
    Redirection,
    ProcessSubstitution,
    Open(CompoundKind),
    Body,
    Item,
    Close,
}

/// Refuses a script that brush does not read as the parser did.
pub(super) fn agrees(parser: &Parser<'_>) -> Result<(), ScriptError> {
    let text = parser.text;
    let fail = |message: &str, offset: usize| Err(ScriptError { message: message.to_owned(), offset });
    let expansion = |pair: &&[u8]| pair[0] == b'$' && b"({[".contains(&pair[1]);
    if text.as_bytes().windows(2).filter(expansion).count() > MAX_EXPANSIONS {
        return fail("too many expansions", 0);
    }
    let options = TokenizerOptions::default();
    let tokens = match brush_parser::uncached_tokenize_str(text, &options) {
        Ok(tokens) => tokens,
        Err(error) => return fail(&error.to_string(), 0),
    };
    if let Err(offset) = same_tokens(text, &parser.found.flat, &tokens) {
        return fail("two parsers disagree on a word", offset);
    }
    // Only now, since the depth of the tree that brush builds is known to be within the limits.
    let program = match brush_parser::parse_tokens(&tokens, &ParserOptions::default()) {
        Ok(program) => program,
        Err(error) => return fail(&error.to_string(), 0),
    };
    let mut walk = Walk { events: Vec::new() };
    for list in &program.complete_commands {
        walk.list(list);
    }
    if walk.events == parser.found.events { Ok(()) } else { fail("two parsers disagree on the structure", 0) }
}

/// Compares the tokens; an error is the byte offset of the first that differs.
fn same_tokens(text: &str, expected: &[Flat], tokens: &[Token]) -> Result<(), usize> {
    let mut found = tokens.iter().peekable();
    // brush counts characters.
    let (mut byte, mut character) = (0, 0);
    let mut offset = 0;
    for flat in expected {
        if let Flat::Opaque(end) = *flat {
            character += text.get(byte..end).ok_or(byte)?.chars().count();
            (byte, offset) = (end, end);
            while found.next_if(|token| token.location().start.index < character).is_some() {}
            continue;
        }
        let same = match (flat, found.next()) {
            (Flat::Operator(operator), Some(Token::Operator(text, _))) => operator == text,
            (Flat::Word(_), Some(Token::Word(text, _))) => *flat == Flat::word(text),
            (Flat::Tag(hash), Some(Token::Word(text, _))) => {
                found.next();
                found.next();
                Flat::Word(*hash) == Flat::word(text)
            }
            _ => false,
        };
        if !same {
            return Err(offset);
        }
    }
    if found.next().is_some() { Err(text.len()) } else { Ok(()) }
}

struct Walk {
    events: Vec<Event>,
}

impl Walk {
    fn word(&mut self, word: &ast::Word) {
        self.text(&word.value);
    }

    fn text(&mut self, text: &str) {
        self.events.push(Event::Word(Flat::hash_without(text, 0, &[])));
    }

    fn list(&mut self, list: &ast::CompoundList) {
        for ast::CompoundListItem(and_or, separator) in &list.0 {
            self.pipeline(&and_or.first);
            for next in &and_or.additional {
                let (event, pipeline) = match next {
                    ast::AndOr::And(pipeline) => (Event::And, pipeline),
                    ast::AndOr::Or(pipeline) => (Event::Or, pipeline),
                };
                self.events.push(event);
                self.pipeline(pipeline);
            }
            self.events.push(match separator {
                ast::SeparatorOperator::Async => Event::Background,
                ast::SeparatorOperator::Sequence => Event::Sequential,
            });
        }
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline) {
        self.events.extend(pipeline.timed.is_some().then_some(Event::Timed));
        self.events.extend(pipeline.bang.then_some(Event::Negated));
        for (index, command) in pipeline.seq.iter().enumerate() {
            self.events.extend((index > 0).then_some(Event::Pipe));
            match command {
                ast::Command::Simple(simple) => self.simple(simple),
                ast::Command::Compound(compound, redirections) => {
                    self.compound(compound);
                    self.redirections(redirections.as_ref());
                }
                ast::Command::Function(function) => {
                    self.events.push(Event::Open(CompoundKind::FunctionDefinition));
                    self.word(&function.fname);
                    self.compound(&function.body.0);
                    self.redirections(function.body.1.as_ref());
                }
                ast::Command::ExtendedTest(_, redirections) => {
                    self.events.extend([Event::Open(CompoundKind::Test), Event::Close]);
                    self.redirections(redirections.as_ref());
                }
            }
        }
    }

    fn simple(&mut self, simple: &ast::SimpleCommand) {
        self.events.push(Event::Simple);
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.item(item, true);
        }
        simple.word_or_name.iter().for_each(|word| self.word(word));
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            self.item(item, false);
        }
    }

    fn item(&mut self, item: &Item, is_prefix: bool) {
        match item {
            Item::IoRedirect(redirection) => self.redirection(redirection),
            Item::Word(word) => self.word(word),
            Item::AssignmentWord(assignment, word) => match assignment.value {
                ast::AssignmentValue::Array(_) => self.events.push(Event::Array),
                ast::AssignmentValue::Scalar(_) if is_prefix => self.events.push(Event::Assignment),
                ast::AssignmentValue::Scalar(_) => self.word(word),
            },
            Item::ProcessSubstitution(_, subshell) => self.process_substitution(subshell),
        }
    }

    fn process_substitution(&mut self, subshell: &ast::SubshellCommand) {
        self.events.push(Event::ProcessSubstitution);
        self.list(&subshell.list);
        self.events.push(Event::Close);
    }

    fn redirections(&mut self, redirections: Option<&ast::RedirectList>) {
        redirections.iter().flat_map(|list| &list.0).for_each(|each| self.redirection(each));
    }

    fn redirection(&mut self, redirection: &ast::IoRedirect) {
        self.events.push(Event::Redirection);
        match redirection {
            ast::IoRedirect::File(_, _, target) => match target {
                ast::IoFileRedirectTarget::Filename(word) | ast::IoFileRedirectTarget::Duplicate(word) => {
                    self.word(word)
                }
                ast::IoFileRedirectTarget::ProcessSubstitution(_, subshell) => {
                    self.process_substitution(subshell);
                }
                ast::IoFileRedirectTarget::Fd(_) => {}
            },
            ast::IoRedirect::HereDocument(_, document) => self.word(&document.here_end),
            ast::IoRedirect::HereString(_, word) | ast::IoRedirect::OutputAndError(word, _) => {
                self.word(word);
            }
        }
    }

    fn body(&mut self, list: &ast::CompoundList) {
        self.events.push(Event::Body);
        self.list(list);
    }

    fn compound(&mut self, compound: &ast::CompoundCommand) {
        use ast::CompoundCommand as Compound;
        let kind = match compound {
            Compound::Arithmetic(_) => CompoundKind::Arithmetic,
            Compound::ArithmeticForClause(_) => CompoundKind::ArithmeticFor,
            Compound::BraceGroup(_) => CompoundKind::BraceGroup,
            Compound::Subshell(_) => CompoundKind::Subshell,
            Compound::ForClause(_) => CompoundKind::For,
            Compound::CaseClause(_) => CompoundKind::Case,
            Compound::IfClause(_) => CompoundKind::If,
            Compound::WhileClause(_) => CompoundKind::While,
            Compound::UntilClause(_) => CompoundKind::Until,
            Compound::Coprocess(_) => CompoundKind::Other,
        };
        self.events.push(Event::Open(kind));
        match compound {
            Compound::Arithmetic(_) | Compound::Coprocess(_) => {}
            Compound::ArithmeticForClause(clause) => self.body(&clause.body.list),
            Compound::BraceGroup(group) => self.list(&group.list),
            Compound::Subshell(subshell) => self.list(&subshell.list),
            Compound::ForClause(clause) => {
                self.text(&clause.variable_name);
                clause.values.iter().flatten().for_each(|word| self.word(word));
                self.body(&clause.body.list);
            }
            Compound::CaseClause(clause) => {
                self.word(&clause.value);
                for item in &clause.cases {
                    self.events.push(Event::Item);
                    item.patterns.iter().for_each(|pattern| self.word(pattern));
                    self.events.push(Event::Body);
                    item.cmd.iter().for_each(|list| self.list(list));
                }
            }
            Compound::IfClause(clause) => {
                self.list(&clause.condition);
                self.body(&clause.then);
                for part in clause.elses.iter().flatten() {
                    self.events.push(Event::Item);
                    match &part.condition {
                        Some(condition) => {
                            self.list(condition);
                            self.body(&part.body);
                        }
                        None => self.list(&part.body),
                    }
                }
            }
            Compound::WhileClause(clause) | Compound::UntilClause(clause) => {
                self.list(&clause.0);
                self.body(&clause.1.list);
            }
        }
        self.events.push(Event::Close);
    }
}
