//! Proofs on a real engine: planted faults are found, the step that causes each is named, and nothing is left
//! behind. Needs a container engine and the lab's bases (`lab/bases/build`); fails where they are missing.
//!
//! `DFIX_TEST_ENGINE` names another engine than docker, `DFIX_TEST_NETWORK` another network for builds than
//! the host's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;

mod command;
mod faults;
mod limits;
mod planted;
