//! Here-documents of RUN, COPY and ADD.

use crate::lex;
use std::ops::Range;

/// A here-document (`<<EOF`): its redirection, and the lines up to its terminator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HereDocument {
    /// The terminating word, quotes removed.
    pub name: String,
    /// Whether variables in it are expanded (its word is not quoted).
    pub expand: bool,
    /// Whether leading tabs are cut (`<<-`).
    pub chomp: bool,
    /// The file descriptor before `<<`; 0 where there is none.
    pub descriptor: u32,
    /// Its lines, the terminator left out, in the source text of the instruction.
    pub body: Range<usize>,
    /// The terminator's line, its newline included, in the source text of the instruction.
    pub terminator: Range<usize>,
}

/// What a word `<<NAME` announces.
pub(crate) struct Announced {
    pub name: String,
    pub expand: bool,
    pub chomp: bool,
    pub descriptor: u32,
    /// Whether white space stands behind `<<`.
    pub spaced: bool,
}

/// The here-documents that the words of `line` announce (`heredocsFromLine` of BuildKit).
pub(crate) fn announced(line: &str) -> Vec<Announced> {
    if !line.contains("<<") {
        return Vec::new();
    }
    lex::words(line).unwrap_or_default().into_iter().filter_map(announced_by).collect()
}

/// Whether a line is the word that announces a here-document, and nothing else.
pub(crate) fn is_alone(line: &str) -> bool {
    matches!(lex::words(line).as_deref(), Some([word]) if announced_by(word).is_some())
}

/// BuildKit's `^(\d*)<<(-?)\s*([^<]*)$`, the rest being one word.
fn announced_by(word: &str) -> Option<Announced> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = word[digits..].strip_prefix("<<")?;
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let spaced = rest.starts_with(char::is_whitespace);
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let mut name = String::with_capacity(rest.len());
    let mut quote = None;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => name.extend(chars.next()),
            _ => name.push(c),
        }
    }
    if name.is_empty() {
        return None;
    }
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let expand = quotes(&name) == quotes(rest);
    let descriptor = word[..digits].parse().unwrap_or(0);
    Some(Announced { name, expand, chomp, descriptor, spaced })
}
