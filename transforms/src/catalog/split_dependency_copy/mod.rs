//! `split-dependency-copy`
use crate::plan::{Findings, Situation};
pub(crate) fn find(_situation: Situation<'_>, _findings: &mut Findings) {}
