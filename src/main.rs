//! dfix: rewrites Dockerfiles.

mod cli;
mod context;
mod diff;
mod discover;
mod job;
mod output;
mod report;
mod run;
mod source;
mod write;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::request() {
        Ok(request) => run::run(&request),
        Err(code) => code,
    }
}
