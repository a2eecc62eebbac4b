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
    // A dot in a code span ends no sentence.
    let mut ends = paragraph.match_indices(". ").map(|(at, _)| at);
    let end = ends
        .find(|&at| paragraph[..at].matches('`').count().is_multiple_of(2))
        .map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].to_owned()
}

/// Options of an example in a manual, and what they are on the command line.
const EXAMPLE_OPTIONS: [(&str, &str); 3] =
    [("unproven", "--unproven"), ("merge=all", "--merge all"), ("base=alpine", "--base alpine")];

/// A manual, readable in a terminal: titles bold, examples indented, their marks left out.
pub fn explain(transform: &Transform, paint: Paint) -> String {
    let mut text = String::new();
    let (mut in_example, mut in_quote) = (false, false);
    for line in transform.manual.lines() {
        let quoted = line.strip_prefix('>').filter(|_| !in_example);
        let _ = match (line.strip_prefix("```"), quoted) {
            (Some(info), _) => {
                in_example = !in_example;
                text.push_str(&caption(info, paint));
                Ok(())
            }
            _ if in_example => writeln!(text, "    {line}"),
            (None, Some(said)) if in_quote => writeln!(text, "            {}", said.trim()),
            (None, Some(said)) => writeln!(text, "  {} {}", paint.dim("dfix says:"), said.trim()),
            _ if line.starts_with('#') => {
                writeln!(text, "{}", paint.bold(line.trim_start_matches('#').trim()))
            }
            _ if line.trim() == "->" => writeln!(text, "  becomes"),
            _ => writeln!(text, "{line}"),
        };
        in_quote = quoted.is_some();
    }
    text
}

/// What stands above an example: the name of a file, or the options that it is made with.
fn caption(info: &str, paint: Paint) -> String {
    if let Some(name) = info.strip_prefix("file ") {
        return format!("    {}\n", paint.dim(format_args!("{}:", name.trim())));
    }
    let options: Vec<&str> = info
        .split_whitespace()
        .filter_map(|word| EXAMPLE_OPTIONS.iter().find(|(name, _)| *name == word))
        .map(|(_, option)| *option)
        .collect();
    if options.is_empty() {
        return String::new();
    }
    format!("    {}\n", paint.dim(format_args!("with {}:", options.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfix_transforms::Safety;

    #[test]
    fn shows_a_manual_without_its_marks() {
        let manual = "# x\n\nDoes `y`. And z.\n\n## One\n\n```file a.txt\n> b\n```\n\n```dockerfile unproven\nFROM a\n```\n\n\
                      ->\n\n> because\n> so\n";
        let transform = Transform { id: "x", best: Safety::Same, manual, find: |_, _| {} };
        assert_eq!(
            explain(&transform, Paint::plain()),
            "x\n\nDoes `y`. And z.\n\nOne\n\n    a.txt:\n    > b\n\n    with --unproven:\n    FROM a\n\n  becomes\n\n  \
             dfix says: because\n            so\n"
        );
        assert_eq!(first_sentence(manual), "Does `y`.");
        assert_eq!(first_sentence("# x\n\nMoves `COPY . .` down. And z.\n"), "Moves `COPY . .` down.");
    }
}
