//! The command, run as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod diff;
mod discovery;
mod modes;
mod write;
