//! From two texts to a unified diff that `git apply` and `patch -p1` take.

use crate::output::Paint;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;
use std::path::{Component, Path};

/// The diff of the file `path`; empty where the texts are the same.
pub fn unified(path: &Path, before: &str, after: &str, paint: Paint) -> String {
    // Lines end at `\n` alone, as they do for git and patch: a lone `\r` is a character like any other.
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let diff = TextDiff::configure().diff_slices(&old, &new);
    let mut text = String::new();
    for hunk in diff.unified_diff().iter_hunks() {
        if text.is_empty() {
            let name = header_name(path);
            for (sign, side) in [("---", "a/"), ("+++", "b/")] {
                let name = name.replacen('\0', side, 1);
                let _ = writeln!(text, "{}", paint.bold(format_args!("{sign} {name}")));
            }
        }
        let _ = writeln!(text, "{}", paint.cyan(hunk.header()));
        for change in hunk.iter_changes() {
            let value: &str = change.value();
            let line = value.strip_suffix('\n');
            let shown = format_args!("{}{}", change.tag(), line.unwrap_or(value)).to_string();
            let _ = match change.tag() {
                ChangeTag::Delete => writeln!(text, "{}", paint.red(shown)),
                ChangeTag::Insert => writeln!(text, "{}", paint.green(shown)),
                ChangeTag::Equal => writeln!(text, "{shown}"),
            };
            if line.is_none() {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// The name for `---` and `+++`, with `\0` where `a/` or `b/` goes: that of the file itself, not of a link to
/// it, relative to the working directory where it lies below, quoted as git does where it must be.
fn header_name(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let real = path.canonicalize().unwrap_or_default();
    let relative = real.strip_prefix(&here).unwrap_or(path);
    let parts: Vec<String> = relative
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir | Component::Prefix(_)))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let name = parts.join("/");
    if name.contains(['"', '\\']) || name.contains(char::is_control) {
        let mut quoted = String::from("\"\0");
        for c in name.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                '\t' => quoted.push_str("\\t"),
                '\r' => quoted.push_str("\\r"),
                c if c.is_control() => {
                    let _ = write!(quoted, "\\{:03o}", u32::from(c));
                }
                c => quoted.push(c),
            }
        }
        return quoted + "\"";
    }
    // A tab ends the name where it has blanks in it: git and patch would take the rest for a date.
    let end = if name.contains(' ') { "\t" } else { "" };
    format!("\0{name}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str, before: &str, after: &str) -> String {
        unified(Path::new(name), before, after, Paint::plain())
    }

    #[test]
    fn shows_a_missing_newline_and_keeps_carriage_returns() {
        assert_eq!(
            plain("d/Dockerfile", "FROM a\r\nRUN b", "FROM a\r\nRUN c"),
            "--- a/d/Dockerfile\n+++ b/d/Dockerfile\n@@ -1,2 +1,2 @@\n FROM a\r\n-RUN b\n\\ No newline at end of file\n\
             +RUN c\n\\ No newline at end of file\n"
        );
        assert_eq!(
            plain("x", "a\rb\nc\n", "a\rb\nd\n"),
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\rb\n-c\n+d\n"
        );
        assert_eq!(plain("x", "a\n", "a\n"), "");
    }

    #[test]
    fn writes_names_as_git_does() {
        assert_eq!(header_name(Path::new("./a b/Dockerfile")), "\0a b/Dockerfile\t");
        assert_eq!(header_name(Path::new("a\"b")), "\"\0a\\\"b\"");
        assert_eq!(header_name(Path::new("/nowhere/é")), "\0nowhere/é");
    }
}
