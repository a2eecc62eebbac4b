//! A RUN that installs and then uses the sources, as two.

use super::texts;
use crate::catalog::run_edit::RunEdit;
use crate::catalog::sources::{empties_cache, is_repeatable};
use crate::check::command_text;
use crate::plan::{Effect, Situation};
use crate::style::script_in_text;
use dfix_syntax::Instruction;
use dfix_syntax::shell::Element;

/// A RUN in two.
pub(super) struct Parts {
    /// What goes above the sources.
    pub head: Instruction,
    /// What stays below them.
    pub tail: Instruction,
    /// Commands of the end that are brought into the first part.
    brought: Vec<String>,
}

impl Parts {
    /// Whether something that was there goes into the first part, and not only a command that is new.
    pub fn takes_some(&self, original: &Instruction) -> bool {
        let known = texts(original);
        texts(&self.head).iter().any(|text| known.contains(text))
    }
}

/// Cuts the chain of `&&` of a RUN before a pipeline. What changes the shell in the first part (`cd`, `set`) is
/// given in the second, too. `first_with`: the command at the cut stands in both, in the first with this option.
pub(super) fn cut(
    situation: Situation<'_>,
    at: usize,
    pipeline: usize,
    first_with: Option<&str>,
) -> Option<Parts> {
    let instruction = &situation.tree.instructions[at];
    let escape = situation.style.escape;
    let newline = situation.style.newline;
    let script = instruction.script()?.ok()?;
    let whole = script_in_text(instruction)?;
    let text = instruction.text();
    let pipelines = &script.lists().first()?.pipelines;
    let place = |index: usize| instruction.script_range(pipelines.get(index)?.span.clone());
    let prefix = &text[..whole.start];
    if prefix.lines().any(|line| line.trim_start().starts_with('#')) {
        return None;
    }

    let (head_end, option) = match first_with {
        Some(option) => {
            let [Element::Simple(command)] = pipelines[pipeline].elements[..] else { return None };
            let simple = &script.commands()[command];
            let end = instruction.script_range(simple.end_of_words() - 1..simple.end_of_words())?.end;
            if end != place(pipeline)?.end {
                return None;
            }
            (end, format!(" {option}"))
        }
        None => (place(pipeline.checked_sub(1)?)?.end, String::new()),
    };
    let tail_start = place(pipeline)?.start;
    let head = format!("{}{option}{newline}", &text[..head_end]);

    // Comments between the two belong to the second.
    let before_tail = match pipeline.checked_sub(1) {
        Some(before) => place(before)?.end..tail_start,
        None => tail_start..tail_start,
    };
    let comments: String = text[before_tail]
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
        .map(|line| format!("{line}{newline}"))
        .collect();
    if first_with.is_some() && !comments.is_empty() {
        return None;
    }
    let again: String = pipelines[..pipeline]
        .iter()
        .filter_map(|pipeline| match pipeline.elements[..] {
            [Element::Simple(index)] => Some(&script.commands()[index]),
            _ => None,
        })
        .filter(|simple| is_repeatable(simple))
        .map(|simple| format!("{} && ", &script.text()[simple.span.clone()]))
        .collect();
    let tail = format!("{comments}{prefix}{again}{}", &text[tail_start..]);
    let head = Instruction::parse(&head, escape).ok()?.at_line(instruction.line());
    let tail = Instruction::parse(&tail, escape).ok()?.at_line(instruction.line());
    bring_cleaning(situation, head, tail)
}

/// What empties the cache of the installation goes with it: in another layer it would save nothing.
fn bring_cleaning(situation: Situation<'_>, head: Instruction, tail: Instruction) -> Option<Parts> {
    let script = tail.script()?.ok()?;
    let mut shorter = RunEdit::of(&tail, situation.style)?;
    let mut longer = RunEdit::of(&head, situation.style)?;
    let cleaning: Vec<usize> = (0..script.commands().len())
        .filter(|&index| empties_cache(index, &script.commands()[index]))
        .collect();
    let brought: Vec<String> =
        cleaning.iter().map(|&index| command_text(script, &script.commands()[index])).collect();
    if cleaning.is_empty() {
        return Some(Parts { head, tail, brought });
    }
    for (index, command) in cleaning.into_iter().zip(&brought) {
        shorter.remove_command(index)?;
        longer.append(command)?;
    }
    Some(Parts { head: longer.finish()?.0, tail: shorter.finish()?.0, brought })
}

/// What differs when a RUN has become two.
pub(super) fn effects(original: &Instruction, parts: &Parts) -> Vec<Effect> {
    let mut left = texts(original);
    let mut effects: Vec<Effect> = parts.brought.iter().cloned().map(Effect::Moved).collect();
    for text in texts(&parts.head).into_iter().chain(texts(&parts.tail)) {
        match left.iter().position(|known| *known == text) {
            Some(at) => {
                left.remove(at);
            }
            None => effects.push(Effect::Added(text)),
        }
    }
    effects
}
