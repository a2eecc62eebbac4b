//! What is wrong, with the line that it is about.

use super::clean;
use crate::output::Paint;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use dfix_syntax::{Error, ErrorKind};
use dfix_transforms::BadManifest;
use std::ops::Range;
use std::path::Path;

/// An error about no file in particular.
pub fn general(message: &str, paint: Paint) -> String {
    format!("{} {}\n", paint.red("error:"), clean(message))
}

/// An error about a file as a whole.
pub fn plain(path: &Path, message: &str, paint: Paint) -> String {
    general(&format!("{}: {message}", path.display()), paint)
}

/// A Dockerfile that can't be read.
pub fn unreadable(path: &Path, text: &str, error: &Error, paint: Paint) -> String {
    let group = at_line(path, text, error.position.offset, error.position.line, &error.message);
    let frontend = foreign_frontend(text).filter(|_| error.kind == ErrorKind::Build);
    let group = match frontend {
        Some(frontend) => group.element(Level::NOTE.message(format!(
            "the file asks for the frontend {frontend}, which may know more than Docker's own; dfix knows only that"
        ))),
        None => group,
    };
    render(group, paint)
}

/// A file of the build context that can't be read.
pub fn broken(path: &Path, manifest: &BadManifest, text: Option<&str>, paint: Paint) -> String {
    match (manifest.position, text) {
        (Some((line, column)), Some(text)) => {
            let offset = offset_of(text, line, column);
            render(at_line(path, text, offset, line, &manifest.message), paint)
        }
        (Some((line, column)), None) => {
            general(&format!("{}:{line}:{column}: {}", path.display(), manifest.message), paint)
        }
        (None, _) => plain(path, &manifest.message, paint),
    }
}

/// Says that a Dockerfile was left alone because of what was said before.
pub fn left_alone(path: &Path, paint: Paint) -> String {
    let path = clean(&path.display().to_string());
    format!("{} {path} was left alone because of this\n", paint.bold("note:"))
}

/// A failure of dfix itself.
pub fn bug(path: &Path, what: &str, paint: Paint) -> String {
    plain(
        path,
        &format!("dfix failed on this file and left it alone. This is a bug; please report it: {what}"),
        paint,
    )
}

fn at_line<'a>(path: &Path, text: &'a str, offset: usize, line: usize, message: &str) -> Group<'a> {
    let lines = line_at(text, offset);
    let shown = text[lines.clone()].trim_end_matches(['\r', '\n']);
    let start = (offset - lines.start).min(shown.len());
    Level::ERROR.primary_title(message.to_owned()).element(
        Snippet::source(shown)
            .path(path.display().to_string())
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(start..shown.trim_end().len().max(start))),
    )
}

fn render(group: Group<'_>, paint: Paint) -> String {
    let renderer = if paint.is_coloured() { Renderer::styled() } else { Renderer::plain() };
    let renderer = paint.width().map_or(renderer.clone(), |width| renderer.term_width(width));
    renderer.render(&[group]) + "\n"
}

/// The line that holds a byte.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |newline| offset + newline);
    start..end
}

/// The byte at a line and a column in characters, both counted from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start..];
    let end = rest.find('\n').unwrap_or(rest.len());
    start + rest[..end].char_indices().nth(column.saturating_sub(1)).map_or(end, |(at, _)| at)
}

/// What `# syntax=` names, where that isn't Docker's own frontend.
fn foreign_frontend(text: &str) -> Option<&str> {
    let directive = |line: &'_ str| {
        let (name, value) = line.trim().strip_prefix('#')?.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.len()))
    };
    for line in text.trim_start_matches('\u{feff}').lines() {
        let (name, length) = directive(line)?;
        if name == "syntax" {
            let line = line.trim();
            let value = line[line.len() - length..].trim();
            let own = value.trim_start_matches("docker.io/").starts_with("docker/dockerfile");
            return (!own).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whose_frontend_it_is() {
        assert_eq!(foreign_frontend("# escape=`\n# Syntax = r2d4/mocker:1 \nFROM a"), Some("r2d4/mocker:1"));
        assert_eq!(foreign_frontend("# syntax=docker/dockerfile:1\n"), None);
        assert_eq!(foreign_frontend("FROM a\n# syntax=x\n"), None);
    }

    #[test]
    fn finds_a_place_by_line_and_column() {
        assert_eq!(offset_of("ab\ncd\n", 2, 2), 4);
        assert_eq!(offset_of("é\nñx", 2, 2), 5);
        assert_eq!(offset_of("ab\n", 1, 9), 2);
        assert_eq!(offset_of("ab", 7, 1), 2);
    }
}
