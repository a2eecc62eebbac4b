//! From a [`Request`] to an exit code.

use crate::cli::{self, Action, Input, Mode, Request, Rewrite, Volume};
use crate::context::Contexts;
use crate::discover::{Target, discover};
use crate::job::{self, Tally};
use crate::output::Output;
use crate::proving;
use crate::report::{self, manual, problem};
use anyhow::Context as _;
use rayon::prelude::*;
use std::path::Path;
use std::process::ExitCode;

/// Files that are worked on before their results are printed, so that memory stays bounded.
const AT_ONCE: usize = 256;

/// The stack of a worker: a script may be nested deeply.
const STACK: usize = 64 << 20;

/// Does what is wanted.
pub fn run(request: &Request) -> ExitCode {
    let mut output = Output::new(request.color);
    let paint = output.out;
    let done = match &request.action {
        Action::List => print(&mut output, manual::list(paint).as_bytes()),
        Action::Explain(transform) => print(&mut output, manual::explain(transform, paint).as_bytes()),
        Action::Completions(shell) => print(&mut output, &cli::completions(*shell)),
        Action::Rewrite(rewrite) => self::rewrite(rewrite, &mut output),
        Action::Verify(rewrite, proving) => proving::run(rewrite, proving, &mut output),
    };
    done.unwrap_or_else(|error| {
        output.tell(&problem::general(&format!("{error:#}"), output.err));
        ExitCode::from(2)
    })
}

fn print(output: &mut Output, text: &[u8]) -> anyhow::Result<ExitCode> {
    output.print(text).context("standard output can't be written to")?;
    Ok(ExitCode::SUCCESS)
}

fn rewrite(rewrite: &Rewrite, output: &mut Output) -> anyhow::Result<ExitCode> {
    if let Some(folder) = rewrite.context.as_deref() {
        anyhow::ensure!(folder.is_dir(), "--context {}: there is no such folder", folder.display());
    }
    job::keep_panics();
    let contexts = Contexts::new(rewrite.context.clone());
    let tally = match &rewrite.input {
        Input::Paths(paths) => {
            let found = discover(paths);
            for message in &found.problems {
                output.tell(&problem::general(message, output.err));
            }
            let mut tally = files(&found.targets, rewrite, &contexts, output)?;
            tally.failed += found.problems.len();
            if !found.targets.is_empty() && rewrite.volume > Volume::Quiet {
                let total = report::total(&tally, rewrite, output.err);
                if report::is_main_output(rewrite) {
                    print(output, total.as_bytes())?;
                } else {
                    output.tell(&total);
                }
            }
            tally
        }
        Input::Stdin => {
            let verdict = job::stdin(rewrite, &contexts, output);
            output.tell(&verdict.err);
            print(output, verdict.out.as_bytes())?;
            verdict.tally
        }
    };
    Ok(exit_code(&tally, rewrite))
}

fn files(
    targets: &[Target],
    rewrite: &Rewrite,
    contexts: &Contexts,
    output: &mut Output,
) -> anyhow::Result<Tally> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers =
        rayon::ThreadPoolBuilder::new().num_threads(cores.min(targets.len())).stack_size(STACK).build()?;
    let mut tally = Tally::default();
    for some in targets.chunks(AT_ONCE) {
        let folders: Vec<&Path> = some.iter().map(|target| target.path.as_path()).collect();
        contexts.keep(&folders);
        let verdicts: Vec<_> = workers
            .install(|| some.par_iter().map(|target| job::file(target, rewrite, contexts, output)).collect());
        for verdict in verdicts {
            output.tell(&verdict.err);
            print(output, verdict.out.as_bytes())?;
            tally += verdict.tally;
        }
        if !output.is_open() && rewrite.mode == Mode::Tell {
            break;
        }
    }
    Ok(tally)
}

fn exit_code(tally: &Tally, rewrite: &Rewrite) -> ExitCode {
    let asked = rewrite.mode == Mode::Check || rewrite.diff && rewrite.mode != Mode::Write;
    ExitCode::from(match tally {
        tally if tally.failed > 0 => 2,
        tally if tally.changed > 0 && asked => 1,
        _ => 0,
    })
}
