//! README.md says what is so: its diff is what dfix prints, its table is what the manuals say, and the options
//! it names exist. `UPDATE_GOLDEN=1` writes the diff and the table anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use dfix_transforms::Transform;
use dfix_transforms::catalog::CATALOG;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn dfix(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dfix"))
        .args(["--color", "never"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Holds what stands between two marks of the README against what should.
fn between(name: &str, wanted: &str) {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let text = readme();
    let (before, rest) = text.split_once(&open).expect("an opening mark");
    let (found, after) = rest.split_once(&close).expect("a closing mark");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        if found != wanted {
            fs::write(root().join("README.md"), format!("{before}{open}{wanted}{close}{after}")).unwrap();
        }
    } else {
        assert_eq!(found, wanted, "UPDATE_GOLDEN=1 writes it anew");
    }
}

/// The first sentence of a manual.
fn summary(transform: &Transform) -> String {
    let mut text = String::new();
    let mut inside = false;
    for event in Parser::new(transform.manual) {
        match event {
            Event::Start(Tag::Paragraph) => inside = true,
            Event::End(TagEnd::Paragraph) => break,
            Event::Text(words) if inside => text.push_str(&words),
            Event::Code(words) if inside => text.push_str(&format!("`{words}`")),
            Event::SoftBreak if inside => text.push(' '),
            _ => {}
        }
    }
    // A dot in a code span ends no sentence.
    let ends = text.match_indices(". ").map(|(at, _)| at);
    let end = ends
        .into_iter()
        .find(|&at| text[..at].matches('`').count().is_multiple_of(2))
        .map_or(text.len(), |at| at + 1);
    text.truncate(end);
    text.replace('|', "\\|")
}

// One test: two that write the same file would get in each other's way.
#[test]
fn shows_what_is_so() {
    between("diff", &format!("```diff\n{}```\n", dfix(&["--diff", "--quiet", "examples/api"])));

    let mut table = "| transform | what it does | at best |\n|---|---|---|\n".to_owned();
    for transform in CATALOG {
        let Transform { id, best, .. } = transform;
        let summary = summary(transform);
        assert!(!summary.is_empty(), "the manual of {id} begins with a paragraph that says what it does");
        table.push_str(&format!("| `{id}` | {summary} | {best} |\n"));
    }
    between("transforms", &table);
}

#[test]
fn names_options_that_exist() {
    let (text, help) = (readme(), dfix(&["--help"]));
    let mut named = 0;
    for line in text.lines().filter(|line| line.trim_start_matches(['`', '-', '|', ' ']).starts_with("dfix "))
    {
        for word in line.split_whitespace().filter(|word| word.starts_with("--")) {
            let option = word.trim_end_matches(|c: char| !c.is_ascii_lowercase());
            assert!(
                help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                "{option}"
            );
            named += 1;
        }
    }
    assert!(named > 5, "the README shows how to use it");
}
