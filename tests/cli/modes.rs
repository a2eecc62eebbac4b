//! What is printed where, and the exit codes.

use crate::common::{DONE, Lab, ONE_RUN, TWO_RUNS};
use std::process::Stdio;

#[test]
fn tells_what_it_would_do_and_changes_nothing() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS), ("api/Dockerfile", DONE)]);
    let ran = lab.dfix(&[]).code(0);
    assert!(
        ran.out.starts_with("Dockerfile\n  would change\n    2  merge-runs  merge 2 RUNs"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("1 of 2 files would change (1 step)"), "{}", ran.out);
    assert!(ran.out.contains("--diff") && ran.out.contains("--write"), "{}", ran.out);
    assert!(!ran.out.contains("api/Dockerfile"), "{}", ran.out);
    assert_eq!(ran.err, "");
    assert_eq!(lab.read("Dockerfile"), TWO_RUNS);
}

#[test]
fn says_why_it_leaves_something_alone() {
    let lab =
        Lab::new([("Dockerfile", "FROM busybox:1.36\nRUN <<EOF\ntouch /srv/a\nEOF\nRUN chmod 600 /srv/a\n")]);
    let ran = lab.dfix(&[]).code(0);
    assert!(ran.out.contains("left alone\n    5  merge-runs  "), "{}", ran.out);
    assert!(ran.out.contains("nothing would change in 1 file, 1 place left alone"), "{}", ran.out);
    // Where something is done, only that is told.
    let check = lab.dfix(&["--check"]).code(0);
    assert!(!check.err.contains("stay apart"), "{}", check.err);
    assert!(lab.dfix(&["--check", "-v"]).code(0).err.contains("stay apart"));
}

#[test]
fn check_answers_by_its_exit_code() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let ran = lab.dfix(&["--check"]).code(1);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("merge-runs"), "{}", ran.err);
    let quiet = lab.dfix(&["--check", "-q"]).code(1);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    lab.write("Dockerfile", DONE);
    lab.dfix(&["--check"]).code(0);
}

#[test]
fn the_diff_is_on_standard_output_and_the_words_are_not() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let ran = lab.dfix(&["--diff"]).code(1);
    assert!(ran.out.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,3 @@\n"), "{}", ran.out);
    assert!(!ran.out.contains("merge-runs") && ran.err.contains("merge-runs"), "{ran:#?}");
    let quiet = lab.dfix(&["--diff", "-q"]).code(1);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), (ran.out.as_str(), ""));
    lab.write("Dockerfile", DONE);
    assert_eq!(lab.dfix(&["--diff"]).code(0).out, "");
}

#[test]
fn verbose_shows_the_line_and_the_evidence() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let ran = lab.dfix(&["-v"]).code(0);
    assert!(ran.out.contains("| RUN touch /srv/a\n"), "{}", ran.out);
    assert!(ran.out.contains("* nothing in them outlives its own shell"), "{}", ran.out);
}

#[test]
fn standard_input_becomes_standard_output() {
    let lab = Lab::new([]);
    let ran = lab.dfix_with(&["-"], TWO_RUNS).code(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), (ONE_RUN, ""));
    assert!(lab.dfix_with(&["-", "-v"], TWO_RUNS).code(0).err.contains("merge-runs"));
    let odd = "\u{feff}# escape=`\r\n\r\nfrom  busybox:1.36\r\n\trun a ` \r\n  b\r\n# end";
    assert_eq!(lab.dfix_with(&["-"], odd).code(0).out, odd);
}

#[test]
fn standard_input_takes_the_other_modes() {
    let lab = Lab::new([]);
    let diff = lab.dfix_with(&["--diff", "-"], TWO_RUNS).code(1);
    assert!(diff.out.starts_with("--- a/Dockerfile\n"), "{}", diff.out);
    let check = lab.dfix_with(&["--check", "-"], TWO_RUNS).code(1);
    assert_eq!(check.out, "");
    assert!(check.err.contains("merge-runs"), "{}", check.err);
    lab.dfix_with(&["--check", "-"], ONE_RUN).code(0);
    assert!(lab.dfix_with(&["--write", "-"], TWO_RUNS).code(2).err.contains("can't be written to"));
    assert!(lab.dfix_with(&["-", "x"], TWO_RUNS).code(2).err.contains("along with files"));
}

#[test]
fn only_and_skip_choose_transforms() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    lab.dfix(&["--check", "--only", "merge-runs"]).code(1);
    lab.dfix(&["--check", "--only", "no-cache,merge-runs"]).code(1);
    lab.dfix(&["--check", "--only", "split-stages"]).code(0);
    lab.dfix(&["--check", "--only", "merge-runs", "--skip", "merge-runs"]).code(0);
    let unknown = lab.dfix(&["--only", "merge-run"]).code(2);
    assert!(unknown.err.contains("similar value exists: 'merge-runs'"), "{}", unknown.err);
    assert!(unknown.err.contains("split-dependency-copy"), "{}", unknown.err);
}

#[test]
fn says_what_it_can_do() {
    let lab = Lab::new([]);
    assert!(lab.dfix(&["--list"]).code(0).out.contains("\nmerge-runs  "));
    assert!(lab.dfix(&["--explain", "merge-runs"]).code(0).out.starts_with("merge-runs\n"));
    assert!(lab.dfix(&["--explain", "merge"]).code(2).err.contains("merge-runs"));
    assert_eq!(lab.dfix(&["--version"]).code(0).out, format!("dfix {}\n", env!("CARGO_PKG_VERSION")));
    assert!(lab.dfix(&["--help"]).code(0).out.contains("Examples:"));
    assert!(lab.dfix(&["--no-such-option"]).code(2).err.contains("--no-such-option"));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(lab.dfix(&["--completions", shell]).code(0).out.contains("dfix"), "{shell}");
    }
}

#[test]
fn colour_is_for_terminals_or_when_asked_for() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    assert!(!lab.dfix(&["--diff"]).out.contains('\u{1b}'));
    assert!(
        lab.dfix(&["--diff", "--color", "always"]).out.contains("\u{1b}[31m-RUN touch /srv/a\u{1b}[0m\n")
    );
    assert!(!lab.dfix(&["--diff", "--color", "never"]).out.contains('\u{1b}'));
    let output = lab.command(&["--color", "auto"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn escapes_of_a_file_reach_a_diff_but_no_message() {
    let lab = Lab::new([(
        "Dockerfile",
        "FROM busybox:1.36\nRUN touch /srv/a\nRUN chmod 600 /srv/a\nRUN \u{1b}[31m\n",
    )]);
    assert!(lab.dfix(&["--diff", "-q"]).out.contains("RUN \u{1b}[31m\n"));
    lab.write("Dockerfile", "FROM busybox:1.36\nRUN\u{1b}[31m x\n");
    assert!(!lab.dfix(&[]).code(2).err.contains('\u{1b}'));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let lab = Lab::new([]);
    for number in 0..300 {
        lab.write(&format!("{number}/Dockerfile"), TWO_RUNS);
    }
    for arguments in [&[][..], &["--help"], &["--list"]] {
        let mut child = lab.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
    // What is to be written is written even so.
    let mut child = lab.command(&["--write", "--diff", "-q"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!((0..300).all(|number| lab.read(&format!("{number}/Dockerfile")) == ONE_RUN));
}
