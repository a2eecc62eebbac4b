//! One Dockerfile, from its text to what is printed about it.

use crate::cli::{Input, Mode, Rewrite};
use crate::context::{self, Contexts};
use crate::discover::Target;
use crate::output::Output;
use crate::report::{self, Subject, problem};
use crate::{diff, source, write};
use dfix_syntax::{Dockerfile, ErrorKind};
use dfix_transforms::{BuildContext, Outcome, Plan, plan};
use std::cell::{Cell, RefCell};
use std::ops::AddAssign;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

/// What came of a file.
#[derive(Debug, Default)]
pub struct Verdict {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// What is counted.
    pub tally: Tally,
}

/// What is counted over all files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Files looked at.
    pub files: usize,
    /// Files that differ, or would.
    pub changed: usize,
    /// Files, and paths, with an error.
    pub failed: usize,
    /// Steps made, or to be made.
    pub applied: usize,
    /// Steps that wait for `--unproven`.
    pub suggested: usize,
    /// Places left alone.
    pub declined: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.changed += other.changed;
        self.failed += other.failed;
        self.applied += other.applied;
        self.suggested += other.suggested;
        self.declined += other.declined;
    }
}

/// Looks at a file, and rewrites it where that is wanted.
pub fn file(target: &Target, rewrite: &Rewrite, contexts: &Contexts, output: &Output) -> Verdict {
    guarded(&target.path, output, || {
        let path = &target.path;
        match source::read(path) {
            Err(message) => failure(problem::plain(path, &message, output.err)),
            Ok(text) => {
                look(path, &text, contexts.of(Some(path)).as_deref(), rewrite, contexts, output).verdict
            }
        }
    })
}

/// Rewrites standard input to standard output.
pub fn stdin(rewrite: &Rewrite, contexts: &Contexts, output: &Output) -> Verdict {
    let name = Path::new("<stdin>");
    guarded(name, output, || {
        let text = match source::read_stdin() {
            Err(message) => return failure(problem::plain(name, &message, output.err)),
            Ok(text) => text,
        };
        let looked = look(name, &text, contexts.of(None).as_deref(), rewrite, contexts, output);
        let mut verdict = looked.verdict;
        if verdict.tally.failed == 0 && rewrite.mode == Mode::Tell && !rewrite.diff {
            verdict.out = looked.result.unwrap_or(text);
        }
        verdict
    })
}

struct Looked {
    verdict: Verdict,
    /// The new text, where there is one.
    result: Option<String>,
}

fn failure(err: String) -> Verdict {
    Verdict { err, tally: Tally { files: 1, failed: 1, ..Tally::default() }, ..Verdict::default() }
}

fn look(
    path: &Path,
    text: &str,
    context: Option<&BuildContext>,
    rewrite: &Rewrite,
    contexts: &Contexts,
    output: &Output,
) -> Looked {
    let failed = |err| Looked { verdict: failure(err), result: None };
    let tree = match Dockerfile::parse(text) {
        Err(error) => {
            let message = problem::unreadable(path, text, &error, output.err);
            // Who filters a file through dfix gets it back: a frontend of its own (`# syntax=`) may take it.
            let filter = matches!(rewrite.input, Input::Stdin) && rewrite.mode == Mode::Tell && !rewrite.diff;
            if filter && error.kind == ErrorKind::Build && has_from(text) {
                let tally = Tally { files: 1, ..Tally::default() };
                return Looked {
                    verdict: Verdict { err: message, tally, ..Verdict::default() },
                    result: None,
                };
            }
            return failed(message);
        }
        Ok(tree) => tree,
    };
    let missing =
        context.filter(|_| !contexts.is_given()).and_then(|context| context::missing_from(context, &tree));
    let context = context.filter(|_| missing.is_none());
    let plan = plan(&tree, context, &rewrite.options);
    if !plan.broken.is_empty() {
        let root = contexts.folder(path);
        let messages = plan.broken.iter().map(|manifest| {
            let text = context.and_then(|context| context.text(&manifest.path));
            problem::broken(&root.join(&manifest.path), manifest, text.as_deref(), output.err)
        });
        return failed(messages.collect::<String>() + &problem::left_alone(path, output.err));
    }
    let mut verdict = Verdict { tally: tally(&plan), ..Verdict::default() };
    let result = plan.changes().then(|| plan.result.to_string());
    if let Some(after) = &result {
        if rewrite.mode == Mode::Write
            && let Err(message) = write::replace(path, text, after)
        {
            return failed(problem::plain(path, &message, output.err));
        }
        if rewrite.diff {
            // A diff of standard input is one of the file that it most likely came from.
            let path = if matches!(rewrite.input, Input::Stdin) { Path::new("Dockerfile") } else { path };
            verdict.out = diff::unified(path, text, after, output.out);
        }
    }
    let subject = Subject { path, plan: &plan, missing: missing.as_ref(), rewrite };
    if report::is_main_output(rewrite) {
        verdict.out = report::file(&subject, output.out);
    } else {
        verdict.err = report::file(&subject, output.err);
    }
    Looked { verdict, result }
}

/// Whether a line starts a stage.
fn has_from(text: &str) -> bool {
    text.lines()
        .any(|line| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("FROM")))
}

fn tally(plan: &Plan) -> Tally {
    let count = |outcome| plan.with_outcome(outcome).count();
    Tally {
        files: 1,
        changed: usize::from(plan.changes()),
        failed: 0,
        applied: count(Outcome::Applied),
        suggested: count(Outcome::Suggested),
        declined: count(Outcome::Declined),
    }
}

thread_local! {
    static IN_JOB: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has a panic inside a job kept for its verdict instead of being printed at once.
pub fn keep_panics() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if IN_JOB.get() {
            PANIC.set(Some(info.to_string()));
        } else {
            default(info);
        }
    }));
}

/// Runs a job. A panic in it is a bug of dfix, and the other files have nothing to do with it.
fn guarded(path: &Path, output: &Output, job: impl FnOnce() -> Verdict) -> Verdict {
    IN_JOB.set(true);
    let verdict = panic::catch_unwind(AssertUnwindSafe(job));
    IN_JOB.set(false);
    verdict.unwrap_or_else(|_| {
        let what = PANIC.take().unwrap_or_default();
        failure(problem::bug(path, &what, output.err))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_verdict_on_one_file() {
        keep_panics();
        let output = Output::new(clap::ColorChoice::Never);
        let verdict = guarded(Path::new("a/Dockerfile"), &output, || panic!("no such stage"));
        assert_eq!(verdict.tally.failed, 1);
        assert!(
            verdict.err.contains("a/Dockerfile") && verdict.err.contains("no such stage"),
            "{}",
            verdict.err
        );
        assert_eq!(guarded(Path::new("b"), &output, Verdict::default).tally.failed, 0);
    }
}
