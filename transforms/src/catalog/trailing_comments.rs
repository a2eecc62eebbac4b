//! `trailing-comments`: a comment that Docker takes for arguments gets a line of its own.

use crate::check::instruction_text;
use crate::edit::Change;
use crate::plan::{Effect, Findings, Proposal, Safety, Situation};
use dfix_syntax::{Instruction, Keyword, Kind};

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    for (at, instruction) in situation.tree.instructions.iter().enumerate() {
        let Some(start) = comment_in(instruction) else { continue };
        let comment = instruction.arguments()[start..].trim_end().to_owned();
        let keyword = instruction.keyword();
        let Some((edited, effects)) = moved(instruction, start, &comment, situation.style.newline) else {
            findings.decline(
                instruction.line(),
                format!("`{comment}` is no comment to Docker, but an argument of {keyword}; write it above the instruction"),
            );
            continue;
        };
        findings.propose(Proposal {
            line: instruction.line(),
            safety: Safety::Unproven,
            what: format!(
                "move `{comment}` to a line of its own: in a line of {keyword} Docker takes it for arguments"
            ),
            evidence: vec![format!(
                "not known: whether {keyword} is meant to have these arguments (a comment starts a line)"
            )],
            changes: vec![Change::replace(at, edited)],
            effects,
        });
    }
}

/// Where, in the arguments of an instruction, a comment starts that is none to Docker (Dockerfile reference,
/// Format: a `#` anywhere else in a line is treated as an argument).
fn comment_in(instruction: &Instruction) -> Option<usize> {
    let has_arguments = match instruction.kind() {
        Kind::Copy(transfer) | Kind::Add(transfer) => !transfer.json,
        // A value in the old form of ENV is the rest of the line.
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().any(|pair| pair.old_form),
        Kind::Expose(_) | Kind::Workdir(_) | Kind::User(_) | Kind::Stopsignal(_) | Kind::Arg(_) => true,
        Kind::Volume(_) => !instruction.arguments().starts_with('['),
        _ => false,
    };
    if !has_arguments || !instruction.here_documents().is_empty() {
        return None;
    }
    let text = instruction.arguments();
    let start = text.match_indices('#').map(|(at, _)| at).find(|&at| {
        at > 0
            && text[..at].ends_with([' ', '\t'])
            && (text[at + 1..].is_empty() || text[at + 1..].starts_with([' ', '\t', '#']))
            && quotes_are_even(&text[..at])
    })?;
    // The instruction has to be one without it.
    let words = text[..start].split_whitespace().count();
    let needed = match instruction.keyword() {
        Keyword::Copy | Keyword::Add => 2,
        Keyword::Env | Keyword::Label if !text.split_whitespace().next()?.contains('=') => 2,
        _ => 1,
    };
    (words >= needed).then_some(start)
}

fn quotes_are_even(text: &str) -> bool {
    ['"', '\''].iter().all(|&quote| text.matches(quote).count() % 2 == 0)
}

/// The instruction without the comment, which stands above it. `None` where it goes over several lines.
fn moved(
    instruction: &Instruction,
    start: usize,
    comment: &str,
    newline: &str,
) -> Option<(Instruction, Vec<Effect>)> {
    let arguments = instruction.parsed().arguments.clone();
    let from = arguments.start + instruction.arguments()[..start].trim_end().len();
    let range = instruction.logical().map.exact(from..arguments.end)?;
    let after = instruction.text().get(range.end..)?;
    if !after.trim().is_empty() || instruction.text()[..range.start].contains('\n') {
        return None;
    }
    let edited = instruction.edited(&[(range, String::new())]).ok()?;
    let indent = instruction.text().len() - instruction.text().trim_start_matches([' ', '\t']).len();
    let lead = format!("{}{}{comment}{newline}", instruction.lead(), &instruction.text()[..indent]);
    let effects = vec![
        Effect::Rewritten { from: instruction_text(instruction), to: instruction_text(&edited) },
        Effect::CommentMoved(comment.to_owned()),
    ];
    Some((edited.with_lead(&lead), effects))
}
