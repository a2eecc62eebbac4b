//! dfix: rewrites Dockerfiles, and proves on a container engine that nothing else changed.
//!
//! The command is [`main`]. What a test of the proof needs, it finds in [`verify`].

mod cli;
mod context;
mod diff;
mod discover;
mod job;
mod output;
mod proving;
mod report;
mod run;
mod source;
pub mod verify;
mod write;

use std::process::ExitCode;

/// Runs the command that the command line says.
#[must_use]
pub fn main() -> ExitCode {
    match cli::request() {
        Ok(request) => run::run(&request),
        Err(code) => code,
    }
}
