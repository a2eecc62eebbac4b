//! The transforms, one file each, in the order in which they run.

mod merge_runs;
mod no_cache;
mod order_layers;
mod production_dependencies;
mod run_edit;
mod silence;
mod slim_base;
mod sources;
mod split_dependency_copy;
mod split_stages;
mod trailing_comments;

use crate::plan::{Safety, Transform};

macro_rules! catalog {
    ($($module:ident $id:literal $best:ident),* $(,)?) => {
        /// All transforms, in chain order.
        pub const CATALOG: &[Transform] = &[$(Transform {
            id: $id,
            best: Safety::$best,
            manual: include_str!(concat!($id, ".md")),
            find: $module::find,
        }),*];
    };
}

catalog! {
    trailing_comments "trailing-comments" Unproven,
    split_dependency_copy "split-dependency-copy" Same,
    order_layers "order-layers" Same,
    merge_runs "merge-runs" Same,
    no_cache "no-cache" Same,
    slim_base "slim-base" Checked,
    split_stages "split-stages" Checked,
    production_dependencies "production-dependencies" Checked,
}

/// The transform with an id.
#[must_use]
pub fn get(id: &str) -> Option<&'static Transform> {
    CATALOG.iter().find(|transform| transform.id == id)
}
