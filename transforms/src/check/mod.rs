//! Holds a rewritten tree against the one it was made from: nothing may differ but what was declared.
//!
//! The check knows nothing of how a transform works. It makes a summary of both trees, applies the declared
//! [`Effect`]s to the first and expects the second.

mod atoms;

use crate::plan::Effect;
use atoms::{Atom, StageSummary, Summary};
use dfix_syntax::Dockerfile;
use std::collections::HashMap;

pub(crate) use atoms::{atom_texts, command_text, instruction_text};

/// Compares two trees. `effects` are the differences that a transform declared.
///
/// # Errors
/// Every difference that was not declared, and every declaration that has no difference, in words.
pub fn check(before: &Dockerfile, after: &Dockerfile, effects: &[Effect]) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    let printed = after.to_string();
    match Dockerfile::parse(&printed) {
        Err(error) => problems.push(format!("the result can't be read any more: {error}")),
        Ok(read) if read != *after => {
            problems.push("the result reads differently from what was built".to_owned())
        }
        Ok(read) => {
            let original = before.to_string();
            let first = Summary::of(before, &original);
            let second = Summary::of(&read, &printed);
            compare(&first, &second, effects, &mut problems);
            second_reader(&original, &printed, &read, &mut problems);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn compare(before: &Summary, after: &Summary, effects: &[Effect], problems: &mut Vec<String>) {
    if before.directives != after.directives {
        problems.push("parser directives differ".to_owned());
    }
    if before.line_ends != after.line_ends {
        problems.push("line ends differ".to_owned());
    }
    compare_comments(before, after, effects, problems);
    let Some(groups) = stage_groups(before, after, effects) else {
        problems.push(format!("{} stages became {} without a word", before.stages.len(), after.stages.len()));
        return;
    };
    let mut declared = Declared::of(effects);
    declared.compare(before.globals.clone(), &[after.globals.clone()], problems);
    for (stage, group) in before.stages.iter().zip(&groups) {
        let parts = &after.stages[group.clone()];
        compare_heads(stage, parts, effects, problems);
        let lists: Vec<Vec<Atom>> = parts.iter().map(|part| part.atoms.clone()).collect();
        declared.compare(stage.atoms.clone(), &lists, problems);
    }
    declared.report_unused(problems);
    compare_edges(before, after, &groups, problems);
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

/// For each stage before, the stages it became.
fn stage_groups(
    before: &Summary,
    after: &Summary,
    effects: &[Effect],
) -> Option<Vec<std::ops::Range<usize>>> {
    let mut at = 0;
    let groups = (0..before.stages.len())
        .map(|number| {
            let into = effects.iter().find_map(|effect| match effect {
                Effect::Split { stage, into } if *stage == number => Some(*into),
                _ => None,
            });
            let start = at;
            at += into.unwrap_or(1);
            start..at
        })
        .collect();
    (at == after.stages.len()).then_some(groups)
}

fn compare_heads(
    stage: &StageSummary,
    parts: &[StageSummary],
    effects: &[Effect],
    problems: &mut Vec<String>,
) {
    let Some(last) = parts.last() else { return };
    if stage.name != last.name {
        problems.push(format!("the stage {:?} is called {:?}", stage.name, last.name));
    }
    for part in parts {
        let inner = part.parent.is_some() && part.base != stage.base;
        if part.flags != stage.flags && !inner {
            problems.push(format!("FROM {} has other flags", part.base));
        }
        let declared = effects.iter().any(
            |effect| matches!(effect, Effect::Base { from, to } if *from == stage.base && *to == part.base),
        );
        if part.base != stage.base && !declared {
            problems.push(format!("the base {} became {}", stage.base, part.base));
        }
    }
}

/// Every reference to a stage means the same stage as before; no reference hangs in the air.
fn compare_edges(
    before: &Summary,
    after: &Summary,
    groups: &[std::ops::Range<usize>],
    problems: &mut Vec<String>,
) {
    let stage_of = |summary: &Summary, reference: &str, from: usize| {
        let named = summary.stages[..from].iter().rposition(|stage| {
            stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(reference))
        });
        named.or_else(|| reference.parse().ok().filter(|number: &usize| *number < from))
    };
    let mut outside: Vec<&str> = Vec::new();
    for (number, stage) in before.stages.iter().enumerate() {
        for source in &stage.sources {
            let Some(meant) = stage_of(before, source, number) else {
                outside.push(source);
                continue;
            };
            let kept = groups[number].clone().any(|part| {
                after.stages[part].sources.iter().any(|new| {
                    stage_of(after, new, part) == groups[meant].clone().last()
                        || new == source
                            && stage_of(after, new, part).is_some_and(|stage| groups[meant].contains(&stage))
                })
            });
            if !kept {
                problems.push(format!("`from={source}` means another stage"));
            }
        }
        let parent = stage.parent.and_then(|parent| groups[parent].clone().last());
        let first = &after.stages[groups[number].start];
        if first.parent != parent {
            problems.push(format!("FROM {} means something else", stage.base));
        }
    }
    for (number, stage) in after.stages.iter().enumerate() {
        for source in &stage.sources {
            if stage_of(after, source, number).is_none() && !outside.contains(&source.as_str()) {
                problems.push(format!("`from={source}` names no stage"));
            }
        }
    }
}

/// The declared effects on what happens, each to be used once.
#[derive(Clone)]
struct Declared<'e> {
    rewritten: Vec<(&'e str, &'e str)>,
    added: Vec<&'e str>,
    removed: Vec<&'e str>,
    moved: Vec<&'e str>,
    repeated: Vec<&'e str>,
}

impl<'e> Declared<'e> {
    fn of(effects: &'e [Effect]) -> Self {
        let mut all = Self {
            rewritten: Vec::new(),
            added: Vec::new(),
            removed: Vec::new(),
            moved: Vec::new(),
            repeated: Vec::new(),
        };
        // The next one to be used up is mostly the last in its list.
        for effect in effects.iter().rev() {
            match effect {
                Effect::Rewritten { from, to } => all.rewritten.push((from, to)),
                Effect::Added(text) => all.added.push(text),
                Effect::Removed(text) => all.removed.push(text),
                Effect::Moved(text) => all.moved.push(text),
                Effect::Repeated(text) => all.repeated.push(text),
                Effect::Base { .. } | Effect::Split { .. } | Effect::CommentMoved(_) => {}
            }
        }
        all
    }

    /// Expects `before`, changed as declared, to be spread over `after` in its order.
    fn compare(&mut self, mut before: Vec<Atom>, after: &[Vec<Atom>], problems: &mut Vec<String>) {
        if let [after] = after
            && let Some(rest) = self.side_by_side(&before, after)
        {
            *self = rest;
            return;
        }
        let mut after: Vec<Vec<Atom>> = after.to_vec();
        let mut rewritten = vec![false; before.len()];
        self.rewritten.retain(|(from, to)| {
            let found = before.iter().zip(&rewritten).position(|(atom, done)| !done && atom.text == *from);
            if let Some(at) = found {
                before[at].text = (*to).to_owned();
                rewritten[at] = true;
            }
            found.is_none()
        });
        take(&mut self.removed, &mut before);
        for list in &mut after {
            take(&mut self.added, list);
        }
        self.moved.retain(|text| {
            let from = before.iter().position(|atom| atom.text == *text);
            let to = after
                .iter()
                .enumerate()
                .find_map(|(list, atoms)| Some((list, atoms.iter().position(|atom| atom.text == *text)?)));
            let (Some(from), Some((list, to))) = (from, to) else { return true };
            if before[from].context != after[list][to].context {
                problems.push(format!("moved into other circumstances: {text}"));
            }
            before.remove(from);
            after[list].remove(to);
            false
        });
        self.spread(&before, &after, problems);
    }

    /// Goes through both lists in step, which tells apart commands that read the same. What is left of the
    /// effects, where each difference is one of them; `None` where something moved, or was not declared.
    fn side_by_side(&self, before: &[Atom], after: &[Atom]) -> Option<Self> {
        if before == after {
            // What was declared is about another stage, though it may read alike.
            return Some(self.clone());
        }
        if before.iter().any(|atom| self.moved.contains(&atom.text.as_str())) {
            return None;
        }
        let mut rest = self.clone();
        let mut after = after.iter().peekable();
        let mut before = before.iter().peekable();
        while let (Some(was), Some(is)) = (before.peek(), after.peek()) {
            if was == is {
                before.next();
                after.next();
                continue;
            }
            let rewritten = |&(from, to): &(&str, &str)| from == was.text && to == is.text;
            if was.context == is.context
                && let Some(at) = rest.rewritten.iter().rposition(rewritten)
            {
                rest.rewritten.remove(at);
                before.next();
                after.next();
            } else if use_up(&mut rest.added, &is.text) {
                after.next();
            } else if use_up(&mut rest.removed, &was.text) {
                before.next();
            } else {
                return None;
            }
        }
        let gone = before.all(|was| use_up(&mut rest.removed, &was.text));
        (gone && after.all(|is| use_up(&mut rest.added, &is.text))).then_some(rest)
    }

    fn spread(&self, before: &[Atom], after: &[Vec<Atom>], problems: &mut Vec<String>) {
        let mut covered = vec![0_usize; before.len()];
        let mut last = vec![false; before.len()];
        for (number, list) in after.iter().enumerate() {
            let mut at = 0;
            for atom in list {
                let found = before[at..]
                    .iter()
                    .position(|known| known.text == atom.text && known.context == atom.context);
                let Some(offset) = found else {
                    let elsewhere = before.iter().any(|known| known.text == atom.text);
                    let what =
                        if elsewhere { "stands elsewhere, or under other circumstances" } else { "is new" };
                    problems.push(format!("{what}: {}", atom.text));
                    continue;
                };
                covered[at + offset] += 1;
                last[at + offset] |= number + 1 == after.len();
                at += offset + 1;
            }
        }
        for ((atom, count), last) in before.iter().zip(&covered).zip(&last) {
            if *count == 0 {
                problems.push(format!("lost: {}", atom.text));
            } else if atom.config && !last {
                problems.push(format!("lost in the last stage: {}", atom.text));
            } else if *count > 1 && !self.repeated.contains(&atom.text.as_str()) {
                problems.push(format!("happens {count} times: {}", atom.text));
            }
        }
    }

    fn report_unused(&self, problems: &mut Vec<String>) {
        let rewritten = self.rewritten.iter().map(|(from, _)| from);
        for text in rewritten.chain(&self.added).chain(&self.removed).chain(&self.moved) {
            problems.push(format!("declared, but not so: {text}"));
        }
    }
}

/// Takes a text off a list of such.
fn use_up(texts: &mut Vec<&str>, text: &str) -> bool {
    let at = texts.iter().rposition(|known| *known == text);
    at.map(|at| texts.remove(at)).is_some()
}

/// Takes each of `texts` that is among `atoms` off both.
fn take(texts: &mut Vec<&str>, atoms: &mut Vec<Atom>) {
    if texts.is_empty() {
        return;
    }
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for text in texts.iter() {
        *wanted.entry(text).or_insert(0) += 1;
    }
    atoms.retain(|atom| match wanted.get_mut(atom.text.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    texts.retain(|text| match wanted.get_mut(*text) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
}

/// What `dockerfile-parser` could read before, it still reads, to the same instructions. It knows of no
/// other escape character.
fn second_reader(before: &str, after: &str, tree: &Dockerfile, problems: &mut Vec<String>) {
    if tree.escape() != '\\' || dockerfile_parser::Dockerfile::parse(before).is_err() {
        return;
    }
    match dockerfile_parser::Dockerfile::parse(after) {
        Err(_) => problems.push("a second reader can't read the result any more".to_owned()),
        Ok(read) if read.instructions.len() != tree.instructions.len() => problems.push(format!(
            "a second reader finds {} instructions, not {}",
            read.instructions.len(),
            tree.instructions.len()
        )),
        Ok(_) => {}
    }
}
