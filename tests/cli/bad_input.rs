//! Whatever is wrong with one file is said with its place, and the others are done.

use crate::common::{Lab, ONE_RUN, TWO_RUNS};

/// Runs dfix over a bad file and a good one: exit code 2, the bad one as it was, the good one done.
#[track_caller]
fn refused(bad: impl AsRef<[u8]>, says: &[&str]) {
    let lab = Lab::new([("a/Dockerfile", ""), ("b/Dockerfile", TWO_RUNS)]);
    lab.write("a/Dockerfile", &bad);
    let ran = lab.dfix(&["--write"]).code(2);
    for words in says {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    assert!(ran.err.contains("1 of 2 files changed (1 step), 1 error"), "{}", ran.err);
    assert!(std::fs::read(lab.path("a/Dockerfile")).unwrap() == bad.as_ref());
    assert_eq!(lab.read("b/Dockerfile"), ONE_RUN);
    assert_eq!(lab.names(), ["a", "b"]);
    let ran = lab.dfix_with(&["--diff", "-"], &bad).code(2);
    assert_eq!(ran.out, "");
    assert_ne!(ran.err, "");
}

#[test]
fn not_utf_8() {
    refused(b"FROM a\nRUN \xff\n", &["error: a/Dockerfile: not UTF-8: byte 0xff at line 2, column 5\n"]);
    refused(b"\xff\xfeF\0R\0O\0M\0", &["a/Dockerfile: is UTF-16; save it as UTF-8"]);
}

#[test]
fn empty() {
    refused("", &["error: file with no instructions", "a/Dockerfile:1:1"]);
    refused("# nothing\n\n", &["error: file with no instructions", "a/Dockerfile:"]);
}

#[test]
fn no_from() {
    refused("RUN ls\n", &["error: no build stage in current context", "a/Dockerfile:1:1", "| RUN ls"]);
    refused("ARG A=1\n", &["the file has no FROM", "a/Dockerfile:"]);
}

#[test]
fn unknown_instruction() {
    refused(
        "FROM a\n  RUNN apt-get update\r\n",
        &[
            "error: unknown instruction: RUNN",
            "--> a/Dockerfile:2:3",
            "2 |   RUNN apt-get update\n",
            "  ^^^^",
        ],
    );
}

#[test]
fn a_filter_gives_back_what_only_a_build_refuses() {
    let lab = Lab::new([]);
    let odd = "FROM a\nINCLUDE b\nRUN apt-get update\n";
    let ran = lab.dfix_with(&["-"], odd).code(0);
    assert_eq!(ran.out, odd);
    assert!(ran.err.contains("unknown instruction: INCLUDE"), "{}", ran.err);
    let ran = lab.dfix_with(&["-"], "RUN ls\n").code(2);
    assert_eq!(ran.out, "");
}

#[test]
fn unclosed_here_document() {
    refused("FROM a\nRUN <<EOF\nls\n", &["unterminated heredoc", "--> a/Dockerfile:2:1"]);
}

#[test]
fn a_frontend_of_another_kind_may_know_more() {
    refused(
        "# syntax=example/frontend:1\nFROM a\nINCLUDE b\n",
        &["unknown instruction: INCLUDE", "asks for the frontend example/frontend:1"],
    );
    let lab = Lab::new([("Dockerfile", "# syntax=docker/dockerfile:1\nFROM a\nINCLUDE b\n")]);
    assert!(!lab.dfix(&[]).code(2).err.contains("frontend"));
}

#[test]
fn a_line_of_a_megabyte() {
    let lab = Lab::new([]);
    let ran = lab.dfix_with(&["--check", "-"], format!("FROM a\n{}\n", "x".repeat(1 << 20))).code(2);
    assert!(ran.err.len() < 2000, "{} bytes", ran.err.len());
}

#[test]
fn a_hundred_megabytes() {
    let line = "RUN echo a line of a file that nobody wrote by hand\n";
    let bad = format!("FROM a\n{}", line.repeat(100_000_000 / line.len()));
    refused(bad, &["a/Dockerfile: longer than 16 MiB: this is not a Dockerfile"]);
}

#[test]
fn nested_without_end() {
    let lab = Lab::new([]);
    let nested = [
        format!("FROM a\nRUN {}ls{}\n", "(".repeat(50_000), ")".repeat(50_000)),
        format!("FROM a\nRUN {}ls{}\n", "if true; then ".repeat(20_000), "; fi".repeat(20_000)),
        format!("FROM a\nRUN echo {}x{}\n", "\"${A:-".repeat(5_000), "}\"".repeat(5_000)),
        format!("FROM a\nARG A=aa\n{}RUN echo $A\n", "ENV A=$A$A\n".repeat(60)),
        format!("FROM a\nCMD {}\n", "[".repeat(100_000)),
    ];
    for text in nested {
        assert_eq!(lab.dfix_with(&["-"], &text).code(0).out, text);
    }
    lab.dfix_with(&["--check", "-"], format!("FROM a\n{}RUN ls\n", "ONBUILD ".repeat(100_000))).code(2);
}

#[test]
fn a_broken_manifest() {
    let dockerfile = "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm install\nCMD [\"node\", \"a.js\"]\n";
    let lab = Lab::new([
        ("a/Dockerfile", dockerfile),
        ("a/package.json", "{\n  \"name\": \"a\",,\n}\n"),
        ("b/Dockerfile", TWO_RUNS),
    ]);
    let ran = lab.dfix(&["--write"]).code(2);
    assert!(ran.err.contains("--> a/package.json:2:15"), "{}", ran.err);
    assert!(ran.err.contains("2 |   \"name\": \"a\",,\n"), "{}", ran.err);
    assert!(ran.err.contains("note: a/Dockerfile was left alone because of this\n"), "{}", ran.err);
    assert_eq!(lab.read("a/Dockerfile"), dockerfile);
    assert_eq!(lab.read("b/Dockerfile"), ONE_RUN);
    let ran = lab.dfix_with(&["-", "--context", "a"], dockerfile).code(2);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("--> a/package.json:2:15"), "{}", ran.err);
    lab.dfix_with(&["-"], dockerfile).code(0);
}

#[test]
fn nothing_there() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS), ("docs/README.md", "")]);
    let ran = lab.dfix(&["--check", "nowhere", "docs", "Dockerfile"]).code(2);
    assert!(ran.err.contains("error: nowhere: there is no such file or folder\n"), "{}", ran.err);
    assert!(ran.err.contains("error: docs: no Dockerfile in this folder"), "{}", ran.err);
    assert!(ran.err.contains("1 of 1 file would change (1 step), 2 errors"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere() {
    use crate::common::link;
    let lab = Lab::new([("Dockerfile", TWO_RUNS), ("a/x", ""), ("b/x", "")]);
    link("Dockerfile", lab.path("a/Dockerfile"));
    link("gone", lab.path("b/Dockerfile"));
    let ran = lab.dfix(&["--write"]).code(2);
    assert!(ran.err.contains("error: a/Dockerfile: "), "{}", ran.err);
    assert!(ran.err.contains("links"), "{}", ran.err);
    assert!(ran.err.contains("error: b/Dockerfile: there is no such file"), "{}", ran.err);
    assert_eq!(lab.read("Dockerfile"), ONE_RUN);
}

#[cfg(unix)]
#[test]
fn no_permission() {
    use std::os::unix::fs::PermissionsExt;
    let lab =
        Lab::new([("Dockerfile", TWO_RUNS), ("api/Dockerfile", TWO_RUNS), ("web/Dockerfile", TWO_RUNS)]);
    let close = |path: &str| {
        std::fs::set_permissions(lab.path(path), std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    close("Dockerfile");
    close("api");
    if std::fs::read(lab.path("Dockerfile")).is_ok() {
        return; // Root may read everything.
    }
    let ran = lab.dfix(&["--check"]).code(2);
    std::fs::set_permissions(lab.path("api"), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(ran.err.contains("Dockerfile: permission denied"), "{}", ran.err);
    assert!(ran.err.contains("api: "), "{}", ran.err);
    assert!(ran.err.contains("web/Dockerfile\n  would change"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_can_not_be_read() {
    // Reading the memory of a process at address 0 is an error for everyone.
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let ran = lab.dfix(&["--check", "/proc/self/mem", "Dockerfile"]).code(2);
    assert!(ran.err.contains("error: /proc/self/mem: input/output error\n"), "{}", ran.err);
    assert!(ran.err.contains("1 of 2 files would change"), "{}", ran.err);
}
