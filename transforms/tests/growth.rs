//! Time grows with the length of a file, not with its square. The benchmark `plan` has the figures.

#![allow(clippy::unwrap_used, reason = "a test")]

use dfix_syntax::Dockerfile;
use dfix_transforms::{Merge, Options, plan};
use std::time::{Duration, Instant};

fn runs(count: usize) -> String {
    let runs = (0..count).map(|number| format!("RUN apt-get update && apt-get install -y p{number}\n"));
    std::iter::once("FROM debian:12\n".to_owned()).chain(runs).collect()
}

fn parts(count: usize) -> String {
    let part = |number| {
        format!(
            "# {number}\nENV PART={number}\nRUN apt-get update && \\\n    apt-get install -y p{number}\n\
             RUN rm -rf /var/lib/apt/lists/*\nCOPY p{number}/ /srv/p{number}/\nRUN make -C /srv/p{number}\n"
        )
    };
    std::iter::once("FROM debian:12\n".to_owned()).chain((0..count).map(part)).collect()
}

fn stages(count: usize) -> String {
    let stage = |number| {
        format!(
            "FROM debian:12 AS s{number}\nCOPY --from=s0 /a /b\nRUN apt-get update\nRUN apt-get install -y a\n"
        )
    };
    std::iter::once("FROM debian:12 AS s0\nRUN a\n".to_owned()).chain((1..=count).map(stage)).collect()
}

fn comments(count: usize) -> String {
    format!("FROM debian:12\nRUN <<EOF\n{}EOF\n", "# why\nmake -C a\n".repeat(count))
}

fn time(text: &str) -> Duration {
    let options = Options { merge: Merge::Related, unproven: true, ..Options::default() };
    let start = Instant::now();
    let tree = Dockerfile::parse(text).unwrap();
    std::hint::black_box(plan(&tree, None, &options));
    start.elapsed()
}

/// Other work on the machine makes single measurements wrong, a square makes all of them large.
#[track_caller]
fn grows_in_step(file: fn(usize) -> String, count: usize) {
    let (short, long) = (file(count), file(2 * count));
    let mut ratios = Vec::new();
    for _ in 0..8 {
        ratios.push(time(&long).as_secs_f64() / time(&short).as_secs_f64());
        if ratios.iter().any(|ratio| *ratio < 2.6) {
            return;
        }
    }
    panic!("twice the length takes {ratios:.1?} times as long");
}

#[test]
fn with_the_number_of_runs() {
    grows_in_step(runs, 400);
}

#[test]
fn with_the_number_of_changes() {
    grows_in_step(parts, 150);
}

#[test]
fn with_the_number_of_stages() {
    grows_in_step(stages, 80);
}

#[test]
fn with_the_length_of_a_script() {
    grows_in_step(comments, 200);
}
