//! A RUN that installs and then uses the sources, as two.

use super::texts;
use crate::catalog::sources::is_repeatable;
use crate::plan::{Effect, Situation};
use crate::style::script_in_text;
use dfix_syntax::Instruction;
use dfix_syntax::shell::Element;

/// Cuts the chain of `&&` of a RUN before a pipeline. What changes the shell in the first part (`cd`, `set`) is
/// given in the second, too. `first_with`: the command at the cut stands in both, in the first with this option.
pub(super) fn cut(
    situation: Situation<'_>,
    at: usize,
    pipeline: usize,
    first_with: Option<&str>,
) -> Option<(Instruction, Instruction)> {
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
    Some((head, tail))
}

/// What differs when a RUN has become two.
pub(super) fn effects(original: &Instruction, head: &Instruction, tail: &Instruction) -> Vec<Effect> {
    let mut left = texts(original);
    let mut effects = Vec::new();
    for text in texts(head).into_iter().chain(texts(tail)) {
        match left.iter().position(|known| *known == text) {
            Some(at) => {
                left.remove(at);
            }
            // What is given twice: the second one is what was there, further down.
            None if texts(original).contains(&text) => {
                effects.push(Effect::Moved(text.clone()));
                effects.push(Effect::Added(text));
            }
            None => effects.push(Effect::Added(text)),
        }
    }
    effects
}
