//! Words as BuildKit splits them (`parseWords`, `shell.Lex`), which is not how a shell does.

use std::ops::Range;

/// A word of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it stands in the logical text of the instruction.
    pub span: Range<usize>,
    /// As written, quotes and escapes included.
    pub raw: String,
}

impl Word {
    /// The value after quotes and escapes are removed, or `None` where a variable is expanded in it.
    #[must_use]
    pub fn literal(&self, escape: char) -> Option<String> {
        let mut value = String::with_capacity(self.raw.len());
        let mut chars = self.raw.chars().peekable();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (_, Some(open)) if c == open => quote = None,
                ('$', None | Some('"')) => return None,
                (_, None) if c == escape => value.extend(chars.next()),
                (_, Some('"')) if c == escape => match chars.peek() {
                    Some(&next) if next == '"' || next == '$' || next == escape => value.extend(chars.next()),
                    _ => value.push(c),
                },
                _ => value.push(c),
            }
        }
        Some(value)
    }

    /// Names of the variables that BuildKit expands in it.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        variables_of(&self.raw)
    }
}

/// Names of the variables in `text` (`$NAME`, `${NAME}`, `${NAME:-word}`), single-quoted ones left out.
#[must_use]
pub fn variables_of(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut names = Vec::new();
    let (mut at, mut single) = (0, false);
    let mut double = false;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            b'\\' if !single => at += 1,
            b'$' if !single => {
                let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'{'));
                let end = start
                    + bytes[start.min(bytes.len())..]
                        .iter()
                        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                        .count();
                if end > start && !names.iter().any(|name| name == &text[start..end]) {
                    names.push(text[start..end].to_owned());
                }
                at = end.max(at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// Characters that BuildKit takes for white space between words.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// Splits `text[range]` at white space outside quotes (`parseWords` of BuildKit).
/// An unclosed quote reaches to the end, as there.
pub(crate) fn split(text: &str, range: Range<usize>, escape: char) -> Vec<Word> {
    let mut words = Vec::new();
    let mut chars = text[range.clone()].char_indices().map(|(at, c)| (at + range.start, c)).peekable();
    let mut start = None;
    let mut quote: Option<char> = None;
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if let Some(from) = start.take() {
                words.push(word(text, from..at));
            }
            continue;
        }
        start.get_or_insert(at);
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            // It protects what follows, everywhere but in single quotes; at the end it means nothing.
            _ if c == escape && quote != Some('\'') && chars.next().is_none() => {
                if let Some(from) = start.take().filter(|from| *from < at) {
                    words.push(word(text, from..at));
                }
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        words.push(word(text, from..range.end));
    }
    words
}

fn word(text: &str, span: Range<usize>) -> Word {
    Word { raw: text[span.clone()].to_owned(), span }
}

/// Splits at white space only, quotes meaning nothing (`parseStringsWhitespaceDelimited`).
pub(crate) fn split_plain(text: &str, range: Range<usize>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in text[range.clone()].char_indices().map(|(at, c)| (at + range.start, c)) {
        if is_space(c) {
            if let Some(from) = start.take() {
                words.push(word(text, from..at));
            }
        } else {
            start.get_or_insert(at);
        }
    }
    if let Some(from) = start {
        words.push(word(text, from..range.end));
    }
    words
}

/// The flag at the start of `text[range]`: up to white space outside quotes, in which a backslash protects
/// what follows, whatever the escape character of the file.
pub(crate) fn flag(text: &str, range: Range<usize>) -> Word {
    let mut quote: Option<char> = None;
    let mut chars = text[range.clone()].char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if is_space(c) => return word(text, range.start..range.start + at),
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == '\\' => {
                chars.next();
            }
            _ => {}
        }
    }
    word(text, range)
}
