//! The transforms: their list, and their manuals.

use super::wrap;
use crate::output::Paint;
use dfix_transforms::Transform;
use dfix_transforms::catalog::CATALOG;
use std::fmt::Write as _;

/// All transforms in chain order, with what they do.
pub fn list(paint: Paint) -> String {
    let width = CATALOG.iter().map(|transform| transform.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for transform in CATALOG {
        let id = format!("{:<width$}", transform.id);
        let best = transform.best.to_string().to_lowercase();
        let _ = writeln!(
            text,
            "{}  {best:<8}  {}",
            paint.cyan(id),
            wrap(&first_sentence(transform.manual), width + 12, paint.width())
        );
    }
    text
}

/// The first sentence below the title of a manual.
fn first_sentence(manual: &str) -> String {
    let paragraph: Vec<&str> = manual
        .lines()
        .skip_while(|line| line.starts_with('#') || line.trim().is_empty())
        .take_while(|line| !line.trim().is_empty())
        .collect();
    let paragraph = paragraph.join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
    paragraph[..end].to_owned()
}

/// A manual, readable in a terminal: titles bold, examples indented, their marks left out.
pub fn explain(transform: &Transform, paint: Paint) -> String {
    let mut text = String::new();
    let mut fence = None;
    for line in transform.manual.lines() {
        let trimmed = line.trim_start();
        if let Some(info) = trimmed.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(()) };
            if fence.is_some()
                && let Some(name) = info.trim().strip_prefix("file ")
            {
                let _ = writeln!(text, "    {}", paint.dim(format_args!("{name}:")));
            }
            continue;
        }
        let _ = if fence.is_some() {
            writeln!(text, "    {line}")
        } else if let Some(title) = trimmed.strip_prefix('#') {
            writeln!(text, "{}", paint.bold(title.trim_start_matches('#').trim()))
        } else if trimmed == "->" {
            writeln!(text, "  becomes")
        } else if let Some(said) = trimmed.strip_prefix("> ") {
            writeln!(text, "  {} {said}", paint.dim("dfix says:"))
        } else {
            writeln!(text, "{line}")
        };
    }
    text
}
