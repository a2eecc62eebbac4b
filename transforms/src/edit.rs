//! Edits of a tree.

use dfix_syntax::{Dockerfile, Instruction};
use std::collections::{BTreeMap, BTreeSet};
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

/// The instructions that changes touch, to tell whether another change touches the same.
#[derive(Default)]
pub(crate) struct Taken {
    /// Start and end of what is replaced.
    replaced: BTreeMap<usize, usize>,
    /// Where something is inserted.
    inserted: BTreeSet<usize>,
}

impl Taken {
    /// Takes the place of `changes`, where all of it is free.
    pub fn take(&mut self, changes: &[Change]) -> bool {
        if !changes.iter().all(|change| self.is_free(&change.range)) {
            return false;
        }
        for Change { range, .. } in changes {
            if range.is_empty() {
                self.inserted.insert(range.start);
            } else {
                self.replaced.insert(range.start, range.end);
            }
        }
        true
    }

    fn is_free(&self, range: &Range<usize>) -> bool {
        let before = self.replaced.range(..range.end).next_back();
        let within = self.inserted.range(range.start..).find(|at| **at > range.start);
        // An insertion is in the way of what begins before it and ends behind it, and the other way round.
        before.is_none_or(|(start, end)| *end <= range.start || range.is_empty() && *start >= range.end)
            && within.is_none_or(|at| *at >= range.end)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`apply`] says of two changes and what [`Taken`] says, whichever comes first.
    #[test]
    fn places_are_taken_where_changes_touch_the_same_instructions() {
        let tree = Dockerfile::parse("FROM a\nRUN b\nRUN c\nRUN d\nRUN e\n").unwrap();
        let ranges = || (0..5).flat_map(|start| (start..=5).map(move |end| start..end));
        for (one, other) in ranges().flat_map(|one| ranges().map(move |other| (one.clone(), other))) {
            let change = |range: &Range<usize>| Change { range: range.clone(), with: Vec::new() };
            let (one, other) = (change(&one), change(&other));
            let mut taken = Taken::default();
            assert!(taken.take(std::slice::from_ref(&one)));
            let free = taken.take(std::slice::from_ref(&other));
            assert_eq!(free, apply(&tree, [&one, &other]).is_some(), "{:?} {:?}", one.range, other.range);
        }
    }
}
