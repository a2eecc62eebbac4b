//! Edits of a tree.

use dfix_syntax::{Dockerfile, Instruction};
use std::ops::Range;

/// Instructions that are replaced by others; an empty range is an insertion before its start.
#[derive(Debug, Clone)]
pub struct Change {
    /// Indexes of the instructions that go.
    pub range: Range<usize>,
    /// What comes instead.
    pub with: Vec<Instruction>,
}

impl Change {
    /// One instruction for another.
    #[must_use]
    pub fn replace(at: usize, with: Instruction) -> Self {
        Self { range: at..at + 1, with: vec![with] }
    }
}

/// Makes disjoint changes. `None` where two of them touch the same instructions.
pub(crate) fn apply<'a>(
    tree: &Dockerfile,
    changes: impl IntoIterator<Item = &'a Change>,
) -> Option<Dockerfile> {
    let mut changes: Vec<&Change> = changes.into_iter().collect();
    changes.sort_by_key(|change| (change.range.start, change.range.end));
    let mut instructions = Vec::with_capacity(tree.instructions.len() + 8);
    let mut at = 0;
    for change in changes {
        if change.range.start < at {
            return None;
        }
        instructions.extend_from_slice(tree.instructions.get(at..change.range.start)?);
        instructions.extend(change.with.iter().cloned());
        at = change.range.end;
    }
    instructions.extend_from_slice(tree.instructions.get(at..)?);
    let mut edited = tree.clone();
    edited.instructions = instructions;
    Some(close_lines(edited))
}

/// Every instruction but the last ends with a newline; the end of the file stays as it was.
fn close_lines(mut tree: Dockerfile) -> Dockerfile {
    let newline = tree.newline().as_str();
    let ended = tree.ended_with_newline();
    let last = tree.instructions.len().saturating_sub(1);
    for at in 0..tree.instructions.len() {
        let instruction = &tree.instructions[at];
        let closed = instruction.text().ends_with('\n');
        let wanted = at < last || ended || !tree.trailer.is_empty();
        if closed != wanted && instruction.here_documents().is_empty() {
            tree.instructions[at] = instruction.with_end(if wanted { newline } else { "" });
        } else if !closed && wanted {
            tree.instructions[at] = instruction.with_end(newline);
        }
    }
    tree
}
