//! What the check takes for the same in the scripts of RUNs, and what not.

#![allow(clippy::unwrap_used, reason = "a test")]

use dfix_syntax::Dockerfile;
use dfix_transforms::Effect;
use dfix_transforms::check::check;

fn compare(before: &str, after: &str, effects: &[Effect]) -> Result<(), Vec<String>> {
    let tree = |body: &str| Dockerfile::parse(&format!("FROM debian:12\n{body}\n")).unwrap();
    check(&tree(before), &tree(after), effects)
}

#[test]
fn a_chain_is_the_same_as_separate_runs() {
    for (before, after) in [
        ("RUN a\nRUN b", "RUN a && b"),
        ("RUN a | b\nRUN c", "RUN a | b && c"),
        ("RUN if a; then b; fi\nRUN c", "RUN if a; then b; fi && c"),
        ("RUN cd /x && a\nRUN b", "RUN (cd /x && a) && b"),
        ("RUN a; b\nRUN c || d", "RUN (a; b) && (c || d)"),
        ("RUN (a; b); c\nRUN d", "RUN ( (a; b); c ) && d"),
        ("RUN a\nRUN set -e; b; c", "RUN a && (set -e; b; c)"),
    ] {
        assert_eq!(compare(before, after, &[]), Ok(()), "{before}\n{after}");
    }
}

#[test]
fn what_changes_the_shell_is_not() {
    for (before, after) in [
        ("RUN cd /x\nRUN b", "RUN cd /x && b"),
        ("RUN export A=1\nRUN b", "RUN export A=1 && b"),
        ("RUN umask 077 && a\nRUN b", "RUN umask 077 && a && b"),
        ("RUN a; b\nRUN c", "RUN a; b && c"),
        ("RUN a\nRUN b || c", "RUN a && b || c"),
        ("RUN a &\nRUN b", "RUN a & b"),
        ("RUN set -e; a; b\nRUN c", "RUN (set -e; a; b) && c"),
        ("RUN service x start\nRUN b", "RUN service x start && b"),
        ("RUN f() { a; }; f\nRUN b", "RUN f() { a; }; f && b"),
    ] {
        assert!(compare(before, after, &[]).is_err(), "{before}\n{after}");
    }
}

#[test]
fn brackets_under_errexit_are_not() {
    let shell = "SHELL [\"/bin/bash\", \"-ec\"]\n";
    let run = |text: &str| format!("{shell}{text}");
    let differs = |before: &str, after: &str| compare(&run(before), &run(after), &[]).is_err();
    assert!(differs("RUN a; b\nRUN c", "RUN (a; b) && c"));
    assert!(differs("RUN if a; then b; c; fi\nRUN d", "RUN if a; then b; c; fi && d"));
    assert!(!differs("RUN a\nRUN b; c", "RUN a && (b; c)"));
    assert!(!differs("RUN a\nRUN b", "RUN a && b"));
}

#[test]
fn commands_that_read_alike_are_told_apart() {
    let added = [Effect::Added("x clean".to_owned())];
    assert_eq!(
        compare("RUN x a\nRUN x b && x clean", "RUN x a && x clean\nRUN x b && x clean", &added),
        Ok(())
    );
    assert!(compare("RUN x a\nRUN x b && x clean", "RUN x a && x clean\nRUN x b", &added).is_err());

    let rewritten = [Effect::Rewritten { from: "x a".to_owned(), to: "x -y a".to_owned() }];
    assert_eq!(compare("RUN x a; z\nRUN x a", "RUN x a; z\nRUN x -y a", &rewritten), Ok(()));

    let removed = [Effect::Removed("x".to_owned())];
    assert_eq!(compare("RUN x; a\nUSER u\nRUN x && b", "RUN x; a\nUSER u\nRUN b", &removed), Ok(()));
    assert!(compare("RUN x; a\nUSER u\nRUN x && b", "RUN a\nUSER u\nRUN b", &removed).is_err());
}

#[test]
fn a_loop_may_be_rewritten_inside() {
    let rewritten = [Effect::Rewritten { from: "x $p".to_owned(), to: "x -y $p".to_owned() }];
    let (before, after) = ("RUN for p in a; do x $p; done; c", "RUN for p in a; do x -y $p; done; c");
    assert_eq!(compare(before, after, &rewritten), Ok(()));
    assert!(compare(before, "RUN for p in a; do x -y $p; done", &rewritten).is_err());
}
