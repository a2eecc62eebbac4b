//! How commands and instructions are named in effects and messages.

use super::script::Walk;
use dfix_syntax::shell::{Script, SimpleCommand};
use dfix_syntax::{HereDocument, Instruction, Keyword, Kind};
use std::hash::DefaultHasher;
use std::ops::Range;

/// What an instruction does, as [`Effect`](crate::plan::Effect)s name it: a RUN command by command.
pub(crate) fn atom_texts(instruction: &Instruction) -> Vec<String> {
    match instruction.script() {
        Some(Ok(script)) if instruction.keyword() == Keyword::Run && !script.commands().is_empty() => {
            let mut atoms = Vec::new();
            Walk::of(script, DefaultHasher::new(), false, &mut atoms).script();
            atoms.into_iter().map(|atom| atom.text).collect()
        }
        _ => vec![instruction_text(instruction)],
    }
}

/// A simple command as one line: its parts as written, joined by one space.
pub(crate) fn command_text(script: &Script, simple: &SimpleCommand) -> String {
    let mut parts: Vec<Range<usize>> = simple.assignments.iter().map(|a| a.span.clone()).collect();
    parts.extend(simple.words.iter().map(|word| word.span.clone()));
    parts.extend(simple.redirections.iter().map(|redirection| redirection.span.clone()));
    parts.sort_by_key(|span| span.start);
    parts.into_iter().map(|span| &script.text()[span]).collect::<Vec<_>>().join(" ")
}

/// An instruction as one line: keyword in upper case, flags, arguments, here-documents.
pub(crate) fn instruction_text(instruction: &Instruction) -> String {
    let logical = &instruction.logical().text;
    let mut text = instruction.keyword().to_string();
    for flag in instruction.flags() {
        text.push(' ');
        text.push_str(&logical[flag.span.clone()]);
    }
    text.push(' ');
    match instruction.kind() {
        // In the old form white space is part of the value.
        Kind::Env(pairs) | Kind::Label(pairs) if pairs.iter().any(|pair| pair.old_form) => {
            for pair in pairs {
                text.push_str(&pair.name);
                text.push(' ');
                text.push_str(pair.value.as_ref().map_or("", |value| &value.raw));
            }
        }
        _ => text.push_str(&collapse(instruction.arguments(), instruction.escape())),
    }
    for HereDocument { body, .. } in instruction.here_documents() {
        text.push('\n');
        text.push_str(&instruction.text()[body.clone()]);
    }
    text
}

/// White space outside quotes as one space.
fn collapse(text: &str, escape: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut gap = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if quote.is_none() && c.is_whitespace() {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        out.push(c);
        if c == escape && quote != Some('\'') {
            out.extend(chars.next());
        }
    }
    out
}

/// The instruction that a text of an effect names; `None` for a command.
pub(super) fn parse_named(text: &str) -> Option<Instruction> {
    let keyword = text.split(' ').next()?;
    let known = Keyword::parse(keyword).filter(|known| known.as_str() == keyword)?;
    let instruction = Instruction::parse(text, '\\').ok()?;
    (instruction.keyword() == known).then_some(instruction)
}

/// Which instruction a text of an effect names; `None` for a command.
pub(super) fn keyword_named(text: &str) -> Option<Keyword> {
    let keyword = text.split(' ').next()?;
    Keyword::parse(keyword).filter(|known| known.as_str() == keyword)
}
