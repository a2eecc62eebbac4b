//! What is said about a plan.

pub mod manual;
pub mod problem;
pub mod proof;
mod steps;

use crate::cli::{Input, Mode, Rewrite, Volume};
use crate::job::Tally;
use crate::output::Paint;
use dfix_transforms::Plan;
use std::path::Path;

pub use steps::file;

/// A file, and what is said about it.
pub struct Subject<'a> {
    /// The name of the file.
    pub path: &'a Path,
    /// What comes of it.
    pub plan: &'a Plan,
    /// What it copies and the folder beside it lacks, where its build context is therefore not known.
    pub missing: Option<&'a (usize, String)>,
    /// What the user wants.
    pub rewrite: &'a Rewrite,
}

/// Whether the report is what the user wants to read, on standard output; else it goes along with something.
pub fn is_main_output(rewrite: &Rewrite) -> bool {
    rewrite.mode == Mode::Tell && !rewrite.diff && matches!(rewrite.input, Input::Paths(_))
}

/// Whether dfix stands in a pipe, where only its result is wanted.
fn is_filter(rewrite: &Rewrite) -> bool {
    rewrite.mode == Mode::Tell && !rewrite.diff && matches!(rewrite.input, Input::Stdin)
}

/// Whether all is told, or only what is done.
fn tells_all(rewrite: &Rewrite) -> bool {
    is_main_output(rewrite) || rewrite.volume == Volume::Verbose
}

/// The last lines: how many, and what to do next.
pub fn total(tally: &Tally, rewrite: &Rewrite, paint: Paint) -> String {
    let files = count(tally.files, "file");
    let verb = if rewrite.mode == Mode::Write { "changed" } else { "would change" };
    let mut parts = vec![match tally.changed {
        0 if rewrite.mode == Mode::Write => format!("nothing to change in {files}"),
        0 => format!("nothing would change in {files}"),
        changed => format!("{changed} of {files} {verb} ({})", count(tally.applied, "step")),
    }];
    if tally.suggested > 0 {
        parts.push(format!("{} could be made with --unproven", count(tally.suggested, "step")));
    }
    if tally.declined > 0 {
        parts.push(format!("{} left alone", count(tally.declined, "place")));
    }
    if tally.suggested + tally.declined > 0 && !tells_all(rewrite) {
        let last = parts.pop().unwrap_or_default();
        parts.push(last + " (-v says why)");
    }
    if tally.failed > 0 {
        parts.push(count(tally.failed, "error"));
    }
    let mut text = format!("{}\n", paint.bold(parts.join(", ")));
    if is_main_output(rewrite) && tally.changed > 0 {
        text.push_str("See the changes with --diff, make them with --write.\n");
    }
    text
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Text from a file, fit for a terminal: without control characters.
pub fn clean(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// A text in lines of at most `width` characters, those after the first indented.
fn wrap(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(room) = width.and_then(|width| width.checked_sub(indent)).filter(|room| *room >= 24) else {
        return text.to_owned();
    };
    let mut wrapped = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_between_words() {
        assert_eq!(wrap("aaaa bbbb", 2, None), "aaaa bbbb");
        assert_eq!(
            wrap("the package index of apt and the installation", 4, Some(30)),
            "the package index of apt\n    and the installation"
        );
    }

    #[test]
    fn shows_control_characters() {
        assert_eq!(clean("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
    }
}
