//! The diff is one that other tools can apply.

use crate::common::{Lab, TWO_RUNS};

/// Files whose diffs are hard on tools: line ends, a missing last newline, odd characters and names.
const FILES: &[(&str, &str)] = &[
    ("Dockerfile", TWO_RUNS),
    ("last/Dockerfile", "FROM busybox:1.36\nRUN touch /srv/a\nRUN chmod 600 /srv/a"),
    ("middle/Dockerfile", "FROM busybox:1.36\nRUN touch /srv/a\nRUN chmod 600 /srv/a\nCMD [\"a\"]"),
    ("crlf/Dockerfile", "FROM busybox:1.36\r\nRUN touch /srv/a\r\nRUN chmod 600 /srv/a\r\nCMD a\r\n"),
    ("bom/Dockerfile", "\u{feff}FROM busybox:1.36\nRUN touch /srv/a\nRUN chmod 600 /srv/a\n"),
    ("lone/Dockerfile", "FROM busybox:1.36\nRUN touch /srv/a\nRUN chmod 600 /srv/a\nRUN echo a\rb\n"),
    ("wörter mit blanks/Dockerfile", TWO_RUNS),
    (
        "blank lines/Dockerfile",
        "\n\n\nFROM busybox:1.36\n\nRUN touch /srv/a\nRUN chmod 600 /srv/a\n\n\n# end\n\n",
    ),
];

/// What dfix itself writes.
fn written() -> Vec<String> {
    let lab = Lab::new(FILES.iter().copied());
    lab.dfix(&["--write"]).code(0);
    let written: Vec<String> = FILES.iter().map(|(path, _)| lab.read(path)).collect();
    for ((path, before), after) in FILES.iter().zip(&written) {
        assert_ne!(before, after, "{path}");
    }
    written
}

#[test]
fn git_applies_it() {
    let lab = Lab::new(FILES.iter().copied());
    let diff = lab.dfix(&["--diff", "-q"]).code(1).out;
    lab.run("git", &["apply"], &diff);
    for ((path, _), after) in FILES.iter().zip(written()) {
        assert_eq!(lab.read(path), after, "{path}");
    }
}

#[test]
fn patch_applies_it() {
    let lab = Lab::new(FILES.iter().copied());
    let diff = lab.dfix(&["--diff", "-q"]).code(1).out;
    lab.run("patch", &["-p1", "--binary"], &diff);
    for ((path, _), after) in FILES.iter().zip(written()) {
        assert_eq!(lab.read(path), after, "{path}");
    }
}

#[test]
fn names_are_relative_to_the_working_directory() {
    let lab = Lab::new([("a/Dockerfile", TWO_RUNS)]);
    let absolute = lab.path("a/Dockerfile").canonicalize().unwrap();
    for name in ["a", "./a/Dockerfile", "a/../a/Dockerfile", absolute.to_str().unwrap()] {
        let ran = lab.dfix(&["--diff", "-q", name]).code(1);
        assert!(ran.out.starts_with("--- a/a/Dockerfile\n+++ b/a/Dockerfile\n"), "{name}: {}", ran.out);
    }
}

#[test]
fn can_be_had_along_with_writing() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let diff = lab.dfix(&["--diff", "-q"]).code(1).out;
    assert_eq!(lab.dfix(&["--diff", "--write", "-q"]).code(0).out, diff);
    lab.run("git", &["apply", "--reverse"], &diff);
    assert_eq!(lab.read("Dockerfile"), TWO_RUNS);
}
