//! The sources of an application in a stage: what COPY brings from the build context, and which of the
//! instructions behind it have no need of it.

mod commands;
mod copied;
mod walk;

pub(super) use copied::Copied;
pub(super) use walk::{
    Crossing, End, Need, Reading, RunUse, Scene, Walk, blank_lines, is_repeatable, is_start, move_below,
    use_of, walk,
};
