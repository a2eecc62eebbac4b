//! The sources of an application in a stage: what COPY brings from the build context, and which of the
//! instructions behind it have no need of it.

mod commands;
mod copied;
mod moving;
mod reading;
mod walk;

pub(super) use copied::Copied;
pub(super) use moving::{blank_lines, move_below};
pub(super) use reading::{Crossing, Need, Reading, RunUse, Scene};
pub(super) use walk::{End, NEAR, Walk, empties_cache, is_repeatable, is_start, last_copies, use_of, walk};
