//! What the build context says about the application: its manifests and lock files, and what its sources call.
//!
//! Nothing here decides what to do about it; the transforms do.

pub mod node;
pub mod placement;
pub mod python;
pub mod sources;
pub mod start;
pub mod wheels;

use crate::context::BuildContext;
use crate::plan::BadManifest;

/// Joins a path in the build context to a folder of it (`""` for its root), with `.` and `..` taken out.
/// `None` where it leads out of the context.
#[must_use]
pub fn join_context(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The text of a file of the context; `None` where there is none, `Some(Err(_))` where it is not text.
pub(crate) fn text_of(
    context: &BuildContext,
    path: &str,
) -> Option<Result<std::sync::Arc<str>, BadManifest>> {
    if !context.contains(path) {
        return None;
    }
    Some(context.text(path).ok_or_else(|| BadManifest {
        path: path.to_owned(),
        message: "can't be read as UTF-8 text".to_owned(),
        position: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::join_context;

    #[test]
    fn joins_paths_of_the_context() {
        assert_eq!(join_context("", "./a//b"), Some("a/b".to_owned()));
        assert_eq!(join_context("web", "../api/x"), Some("api/x".to_owned()));
        assert_eq!(join_context("web", "../../x"), None);
    }
}
