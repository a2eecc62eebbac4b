//! Node: dependencies, build and runtime.

use super::Split;
use crate::plan::Situation;

pub(super) fn look(_situation: Situation<'_>) -> Split {
    Split::Nothing
}
