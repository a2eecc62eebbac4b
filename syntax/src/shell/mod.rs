//! A view of the shell script inside a `RUN`, with byte-exact spans.
//!
//! The scripts are split by a parser of our own, because an edit needs the exact place of each word,
//! operator and comment, which the tree of `brush-parser` does not have. Each result is then compared with
//! the tokens and the tree that `brush-parser` makes of the same text, and a script on which the two
//! disagree is refused: a transform may leave a script alone, but must never edit it wrongly.

use std::collections::BTreeSet;
use std::ops::Range;

mod check;
mod compound;
mod grammar;
mod here;
mod model;
mod parser;
mod simple;
mod words;

pub use model::{
    AndOrList, Assignment, CompoundKind, Element, Joint, NestedCommand, Pipeline, Redirection, ScriptError,
    SimpleCommand, Terminator, Word,
};

/// A parsed shell script.
#[derive(Debug, Clone)]
pub struct Script {
    text: String,
    commands: Vec<SimpleCommand>,
    lists: Vec<AndOrList>,
    comments: Vec<Range<usize>>,
    here_documents: Vec<Range<usize>>,
    has_here_document: bool,
    variables: BTreeSet<String>,
    nested: Vec<NestedCommand>,
    unknown: bool,
}

impl Script {
    /// Parses a script as bash would, most of POSIX `sh` included.
    ///
    /// # Errors
    ///
    /// When the text is no valid script, or one whose structure is not certain.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        if let Some(offset) = text.find('\0') {
            return Err(ScriptError { message: "a NUL character".to_owned(), offset });
        }
        let mut parser = parser::Parser::new(text, 0);
        let lists = parser.script()?;
        check::agrees(&parser)?;
        let parser::Parser { frame, found, .. } = parser;
        Ok(Script {
            text: text.to_owned(),
            commands: frame.commands,
            lists,
            comments: found.comments,
            here_documents: found.here_documents,
            has_here_document: found.has_here_document,
            variables: found.variables,
            nested: found.nested,
            unknown: found.unknown,
        })
    }

    /// The text that was parsed, to which all spans refer.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every simple command in source order, those inside compound commands, function bodies and subshells
    /// included, but not those inside substitutions.
    #[must_use]
    pub fn commands(&self) -> &[SimpleCommand] {
        &self.commands
    }

    /// The and-or lists at the top level.
    #[must_use]
    pub fn lists(&self) -> &[AndOrList] {
        &self.lists
    }

    /// Whether the whole script is one list of pipelines joined by `&&` only, with no `;` or `&` at its end.
    #[must_use]
    pub fn is_and_chain(&self) -> bool {
        match self.lists.as_slice() {
            [list] => {
                matches!(list.terminator, Terminator::None | Terminator::Newline)
                    && list.pipelines.iter().all(|pipeline| pipeline.joined_by != Some(Joint::Or))
            }
            _ => false,
        }
    }

    /// The comments, from the `#` to the end of the line (newline excluded), in source order. Those inside
    /// `$(…)` are included.
    #[must_use]
    pub fn comments(&self) -> &[Range<usize>] {
        &self.comments
    }

    /// Whether the script has a here-document (`<<` or `<<-`), also inside a substitution.
    #[must_use]
    pub fn has_here_document(&self) -> bool {
        self.has_here_document
    }

    /// The bodies of here-documents outside substitutions, with the line of the delimiter. No span of a
    /// command or a list tells of the body it owns, though a body may lie inside the span of a list.
    #[must_use]
    pub fn here_documents(&self) -> &[Range<usize>] {
        &self.here_documents
    }

    /// The names of variables expanded anywhere in the script: a best-effort superset. Special parameters
    /// (`@`, `1`, `?`) are among them.
    #[must_use]
    pub fn variables_read(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// The simple commands inside `$(…)`, `` `…` ``, `<(…)` and `>(…)`, at any depth, for look-up only.
    #[must_use]
    pub fn substitution_commands(&self) -> &[NestedCommand] {
        &self.nested
    }

    /// Whether a substitution could not be parsed, so that commands may be hidden in it.
    #[must_use]
    pub fn has_unknown_substitution(&self) -> bool {
        self.unknown
    }
}

#[cfg(test)]
mod tests;
