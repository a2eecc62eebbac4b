//! Transforms of Dockerfiles: pure functions from tree to tree.
//!
//! [`plan`] sends a [`Dockerfile`](dfix_syntax::Dockerfile) through the [`catalog`] in order. Each transform
//! looks at the tree, the [`Facts`] that hold in it and the [`BuildContext`], and proposes edits with the
//! evidence for them, or declines with a reason. After every transform [`check`] reads the result anew and
//! holds it against the original: nothing may differ but what the transform declared.
//!
//! Nothing here reads or writes a file, looks at the environment or prints.

pub mod catalog;
mod chain;
pub mod check;
pub mod context;
mod edit;
pub mod facts;
pub mod knowledge;
mod options;
mod plan;
pub mod project;
mod style;

pub use chain::{plan, plan_with};
pub use context::BuildContext;
pub use edit::Change;
pub use facts::Facts;
pub use options::{Base, Cache, Merge, Options};
pub use plan::{
    BadManifest, Effect, Finding, Findings, Outcome, Plan, Proposal, Refusal, Safety, Situation, Step,
    Transform,
};
pub use style::Style;
