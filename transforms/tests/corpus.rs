//! The chain over every file of a folder of real Dockerfiles (`DFIX_CORPUS`), without a build context: the
//! result can be read, a second run changes nothing, and the check drops no step. Without the variable
//! nothing is read. `DFIX_ONLY` is a comma-separated list of transforms to run alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test")]

use dfix_syntax::Dockerfile;
use dfix_transforms::{Merge, Options, Outcome, Plan, plan};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn files() -> Vec<(PathBuf, Dockerfile)> {
    let Some(folder) = std::env::var_os("DFIX_CORPUS") else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
        .into_iter()
        .filter_map(|path| {
            let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
            Some((path, Dockerfile::parse(&text).ok()?))
        })
        .collect()
}

fn options() -> Options {
    let only = std::env::var("DFIX_ONLY").unwrap_or_default();
    let only = only.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    Options { only, ..Options::default() }
}

/// What is wrong with the plan of a file, in words.
fn problems(tree: &Dockerfile, options: &Options) -> (Plan, Vec<String>) {
    let made = plan(tree, None, options);
    let mut problems: Vec<String> = made
        .with_outcome(Outcome::Dropped)
        .map(|step| {
            format!("line {}: {} is dropped: {} {:?}", step.line, step.transform, step.message, step.evidence)
        })
        .collect();
    let printed = made.result.to_string();
    match Dockerfile::parse(&printed) {
        Ok(read) if read == made.result => {
            let again = plan(&read, None, options);
            if again.changes() {
                let steps: Vec<_> =
                    again.with_outcome(Outcome::Applied).map(|step| (step.line, &step.message)).collect();
                problems.push(format!("a second run changes it again: {steps:?}"));
            }
        }
        Ok(_) => problems.push("the result reads differently from what was planned".to_owned()),
        Err(error) => problems.push(format!("the result can't be read: {error}")),
    }
    (made, problems)
}

fn run(options: &Options) {
    let files = files();
    let next = AtomicUsize::new(0);
    let changed = AtomicUsize::new(0);
    let applied = Mutex::new(BTreeMap::new());
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((path, tree)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (made, problems) = problems(tree, options);
                    changed.fetch_add(usize::from(made.changes()), Ordering::Relaxed);
                    for step in &made.steps {
                        *applied
                            .lock()
                            .unwrap()
                            .entry((step.transform, format!("{:?}", step.outcome)))
                            .or_insert(0) += 1;
                    }
                    let name = path.file_name().unwrap().to_string_lossy();
                    faults
                        .lock()
                        .unwrap()
                        .extend(problems.iter().map(|problem| format!("{name}: {problem}")));
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    println!("{} files, {} changed; {:?}", files.len(), changed.into_inner(), applied.into_inner().unwrap());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn plans_hold() {
    run(&options());
}

#[test]
fn unproven_plans_hold() {
    run(&Options { unproven: true, ..options() });
}

#[test]
fn plans_that_merge_all_hold() {
    run(&Options { merge: Merge::All, ..options() });
}
