//! Holds a rewritten tree against the one it was made from: nothing may differ but what was declared.
//!
//! The check knows nothing of how a transform works. It makes a summary of both trees, applies the declared
//! [`Effect`]s to the first and expects the second. After the whole chain it compares once more, by other
//! means, and asks a second reader.

mod align;
mod atoms;
mod circumstances;
mod declared;
mod script;
mod second;
mod split;
mod stages;
mod text;
mod whole;

use crate::facts::Facts;
use crate::plan::Effect;
use atoms::{Atom, Summary};
use circumstances::Circumstances;
use declared::Declared;
use dfix_syntax::Dockerfile;
use std::cell::OnceCell;

pub(crate) use text::{atom_texts, command_text, instruction_text};

/// Compares two trees. `effects` are the differences that a transform declared.
///
/// # Errors
/// Every difference that was not declared, and every declaration that has no difference, in words.
pub fn check(before: &Dockerfile, after: &Dockerfile, effects: &[Effect]) -> Result<(), Vec<String>> {
    let before = Reading::of(before.clone());
    let mut problems = Vec::new();
    match before.follow(after.clone(), effects) {
        Ok(after) => before.compare_whole(&after, effects.iter(), &mut problems),
        Err(found) => problems = found,
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// A tree with what is known of it, found out when first asked for.
pub(crate) struct Reading {
    tree: Dockerfile,
    facts: Facts,
    text: OnceCell<String>,
    summary: OnceCell<Summary>,
}

impl Reading {
    pub fn of(tree: Dockerfile) -> Self {
        let facts = Facts::of(&tree);
        Self { tree, facts, text: OnceCell::new(), summary: OnceCell::new() }
    }

    pub fn tree(&self) -> &Dockerfile {
        &self.tree
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| self.tree.to_string())
    }

    fn summary(&self) -> &Summary {
        self.summary.get_or_init(|| Summary::of(&self.tree, &self.facts))
    }

    /// The reading of a tree that was made of this one, where nothing differs but what was declared.
    ///
    /// # Errors
    /// The differences that were not declared, in words.
    pub fn follow(&self, tree: Dockerfile, effects: &[Effect]) -> Result<Self, Vec<String>> {
        let text = tree.to_string();
        match Dockerfile::parse(&text) {
            Err(error) => return Err(vec![format!("the result can't be read any more: {error}")]),
            // The same text, split at the same places, read with the same escape character: the same meaning.
            Ok(read) if read != tree || tree.instructions.iter().any(|i| i.escape() != tree.escape()) => {
                return Err(vec!["the result reads differently from what was built".to_owned()]);
            }
            Ok(_) => {}
        }
        let after = Self::of(tree);
        let mut problems = Vec::new();
        if whole::line_ends(self.text()) != whole::line_ends(&text) {
            problems.push("line ends differ".to_owned());
        }
        compare(self, &after, effects, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let _ = after.text.set(text);
        Ok(after)
    }

    /// Holds what came out of several steps against this, the original.
    pub fn compare_whole<'e>(
        &self,
        after: &Self,
        effects: impl Iterator<Item = &'e Effect>,
        problems: &mut Vec<String>,
    ) {
        let before = (&self.tree, &self.facts, self.text());
        whole::compare(before, (&after.tree, &after.facts, after.text()), effects, problems);
        second::reader((self.text(), &self.tree), (after.text(), &after.tree), problems);
    }
}

fn compare(old: &Reading, new: &Reading, effects: &[Effect], problems: &mut Vec<String>) {
    let (before, after) = (old.summary(), new.summary());
    if before.directives != after.directives {
        problems.push("parser directives differ".to_owned());
    }
    declared::forbidden(effects, problems);
    compare_comments(before, after, effects, problems);
    stages::report_unused(before, after, effects, problems);
    let Some(groups) = stages::groups(before, after, effects) else {
        problems.push(format!("{} stages became {} without a word", before.stages.len(), after.stages.len()));
        return;
    };
    if groups.iter().any(std::ops::Range::is_empty) {
        return;
    }
    let circumstances = Circumstances::of(&old.facts, &new.facts, &groups, effects);
    let mut declared = Declared::of(effects);
    declared.compare(&before.globals, &[&after.globals], &circumstances, problems);
    for (stage, group) in before.stages.iter().zip(&groups) {
        let parts = &after.stages[group.clone()];
        stages::compare_heads(stage, parts, group, effects, problems);
        let lists: Vec<&[Atom]> = parts.iter().map(|part| part.atoms.as_slice()).collect();
        declared.compare(&stage.atoms, &lists, &circumstances, problems);
        if parts.len() > 1 {
            split::compare(stage, after, group, &new.tree, &new.facts, problems);
        }
    }
    declared.report_unused(problems);
    stages::compare_edges(before, after, &groups, problems);
}

fn compare_comments(before: &Summary, after: &Summary, effects: &[Effect], problems: &mut Vec<String>) {
    let mut expected = before.comments.clone();
    for effect in effects {
        if let Effect::CommentMoved(comment) = effect {
            *expected.entry(comment.clone()).or_insert(0) += 1;
        }
    }
    for (comment, count) in &expected {
        if after.comments.get(comment).copied().unwrap_or(0) < *count {
            problems.push(format!("a comment is lost: {comment}"));
        }
    }
    for (comment, count) in &after.comments {
        if expected.get(comment).copied().unwrap_or(0) < *count {
            problems.push(format!("a comment is new: {comment}"));
        }
    }
}
