//! Instructions that change places.

use crate::plan::Situation;
use dfix_syntax::Instruction;

/// The blank lines at the head of a lead.
pub(crate) fn blank_lines(lead: &str) -> &str {
    let end = lead.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
    &lead[..end]
}

/// The instructions from the first of `moved` to `last`, those of `moved` behind the others. `with` gives what
/// comes instead of one that stays: what stands above those, and what below.
pub(crate) fn move_below(
    situation: Situation<'_>,
    moved: &[usize],
    last: usize,
    mut with: impl FnMut(usize) -> Option<(Vec<Instruction>, Vec<Instruction>)>,
) -> Option<Vec<Instruction>> {
    let tree = situation.tree;
    let first = *moved.first()?;
    let mut above = Vec::new();
    let mut below = Vec::new();
    for at in first..=last {
        if moved.contains(&at) {
            continue;
        }
        let (before, after) = with(at)?;
        above.extend(before);
        below.extend(after);
    }
    // Paragraphs stay where they are; a comment keeps its blank line.
    let lead = tree.instructions[first].lead().to_owned();
    let mut sunk: Vec<Instruction> = moved.iter().map(|&at| tree.instructions[at].clone()).collect();
    let blank = blank_lines(&lead).to_owned();
    if let (Some(top), Some(copy)) = (above.first_mut(), sunk.first_mut()) {
        let own = top.lead().to_owned();
        let own_blank = blank_lines(&own);
        let commented = own != own_blank;
        if !commented || blank.len() > own_blank.len() {
            *top = top.with_lead(&format!("{blank}{}", &own[own_blank.len()..]));
        }
        if lead == blank {
            *copy = copy.with_lead(own_blank);
        }
    }
    above.extend(sunk);
    above.extend(below);
    Some(above)
}
