//! `merge-runs`: neighbouring RUNs that belong together become one layer.

mod relations;

use self::relations::{Reason, relations};
use super::silence::Silence;
use crate::edit::Change;
use crate::facts::{leaks, sets_errexit};
use crate::options::Merge;
use crate::plan::{Findings, Proposal, Safety, Situation};
use crate::style::{Style, script_in_text};
use dfix_syntax::shell::{Element, Script};
use dfix_syntax::{CommandForm, Instruction, Keyword, Kind};

/// Linux takes 128 KiB as one argument, and the script of a RUN is one (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST_SCRIPT: usize = 100_000;

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    let silence = Silence::of(situation.tree);
    for stage in situation.facts.stages.iter().filter(|stage| stage.shipped) {
        let mut at = stage.stage.instructions.start;
        while at < stage.stage.instructions.end {
            let end = (at..stage.stage.instructions.end)
                .find(|&next| situation.tree.instructions[next].keyword() != Keyword::Run)
                .unwrap_or(stage.stage.instructions.end);
            if end > at + 1 {
                neighbours(situation, &silence, at, end, findings);
            }
            at = end + 1;
        }
    }
}

/// Looks at the RUNs from `start` to `end`, between which nothing else stands.
fn neighbours(
    situation: Situation<'_>,
    silence: &Silence<'_>,
    start: usize,
    end: usize,
    findings: &mut Findings,
) {
    let runs = &situation.tree.instructions[start..end];
    let all = || Reason { text: "both run one after the other".to_owned(), shrinks: true, minor: false };
    let related = match situation.options.merge {
        Merge::All => vec![Some(all()); runs.len() - 1],
        Merge::Related => relations(runs),
    };
    let mut first = 0;
    let mut reasons: Vec<String> = Vec::new();
    let mut length = runs[0].arguments().len();
    for at in 1..=runs.len() {
        let reason = related.get(at - 1).cloned().flatten();
        let joined = reason.is_some_and(|reason| {
            length += runs[at].arguments().len() + 8;
            match obstacle(situation, silence, start + at, reason.shrinks) {
                _ if length > LONGEST_SCRIPT => false,
                None => {
                    reasons.push(reason.text);
                    true
                }
                Some(obstacle) => {
                    // Only a gain that is missed is worth a word.
                    if situation.options.merge == Merge::Related && !reason.minor {
                        let why = format!("{}, but they stay apart: {obstacle}", reason.text);
                        findings.decline(runs[at].line(), why);
                    }
                    false
                }
            }
        });
        if !joined {
            propose(situation, start + first, start + at, std::mem::take(&mut reasons), findings);
            first = at;
            length = runs.get(at).map_or(0, |run| run.arguments().len());
        }
    }
}

fn propose(
    situation: Situation<'_>,
    start: usize,
    end: usize,
    mut reasons: Vec<String>,
    findings: &mut Findings,
) {
    let runs = &situation.tree.instructions[start..end];
    if runs.len() < 2 {
        return;
    }
    let fits: Result<Vec<Fit>, String> =
        (start..end).map(|at| Fit::of(situation, at, at + 1 == end)).collect();
    let Ok(fits) = fits else { return };
    let Some(joined) = join(runs, &fits, situation.style) else { return };
    reasons.dedup();
    let mut evidence = vec![
        "joined by `&&`, the first command that fails still ends the build, and none of the others runs"
            .to_owned(),
    ];
    let enclosed: Vec<String> = runs
        .iter()
        .zip(&fits)
        .filter(|(_, fit)| **fit == Fit::Enclosed)
        .map(|(run, _)| run.line().to_string())
        .collect();
    evidence.push(if enclosed.is_empty() {
        "nothing in them outlives its own shell (cd, export, set, umask, functions, traps)".to_owned()
    } else {
        format!("the commands of line {} keep a shell of their own, in brackets", enclosed.join(", "))
    });
    findings.propose(Proposal {
        line: runs[0].line(),
        safety: Safety::Same,
        what: format!("merge {} RUNs into one layer: {}", runs.len(), reasons.join("; ")),
        evidence,
        changes: vec![Change { range: start..end, with: vec![joined] }],
        effects: Vec::new(),
    });
}

/// Why the RUN at `at` can't be joined to the one before it.
fn obstacle(situation: Situation<'_>, silence: &Silence<'_>, at: usize, brackets: bool) -> Option<String> {
    let (before, run) = (&situation.tree.instructions[at - 1], &situation.tree.instructions[at]);
    let flags = |instruction: &Instruction| {
        instruction.flags().iter().map(|flag| (flag.name.clone(), flag.value.clone())).collect::<Vec<_>>()
    };
    if flags(before) != flags(run) {
        return Some("their --mount, --network or --security flags differ".to_owned());
    }
    if silence.covers(at, ["DL3059"]) {
        return Some("a comment tells a linter to let consecutive RUNs be".to_owned());
    }
    if inner_comments(run).any(speaks_to_a_linter) {
        return Some(
            "a comment above the second one is an instruction to a linter about that line".to_owned(),
        );
    }
    for (at, last) in [(at - 1, false), (at, true)] {
        match Fit::of(situation, at, last) {
            Err(obstacle) => return Some(obstacle),
            Ok(Fit::Enclosed) if !brackets => {
                let line = situation.tree.instructions[at].line();
                return Some(format!("line {line} is more than a chain of `&&`, or changes its shell"));
            }
            Ok(_) => {}
        }
    }
    None
}

/// Whether a comment tells a linter to look away from the next line.
fn speaks_to_a_linter(comment: &str) -> bool {
    let comment = comment.to_ascii_lowercase();
    ["ignore", "skip=", "nosemgrep", "noqa", "nosec", "disable="].iter().any(|word| comment.contains(word))
}

/// How a RUN becomes part of a longer chain of `&&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// As it is.
    Plain,
    /// In brackets: what it changes in its shell must not reach the others, or `&&` would bind its parts
    /// in another way.
    Enclosed,
}

impl Fit {
    /// How the RUN at `at` fits, as the last one of a chain or before others; else what is in the way.
    fn of(situation: Situation<'_>, at: usize, last: bool) -> Result<Self, String> {
        let run = &situation.tree.instructions[at];
        let line = run.line();
        if !situation.facts.is_posix(at) {
            return Err(format!("the shell of line {line} is not a POSIX shell"));
        }
        if !run.here_documents().is_empty() {
            return Err(format!("line {line} has a here-document"));
        }
        if matches!(run.kind(), Kind::Run(CommandForm::Exec(_))) {
            return Err(format!("line {line} runs without a shell (JSON form)"));
        }
        let Some(Ok(script)) = run.script() else {
            return Err(format!("the shell script of line {line} was not understood"));
        };
        if script.commands().is_empty() || !script.comments().is_empty() || script.has_here_document() {
            return Err(format!("line {line} ends in a comment, or holds a here-document"));
        }
        let leaks = leaks(script);
        if let Some(leak) = leaks.iter().find(|leak| leak.is_process) {
            return Err(format!("{} of line {line} would still run during the commands after it", leak.what));
        }
        let exits = situation.facts.at(at).shell.exits_on_error() || sets_errexit(script.commands());
        if exits && !last && has_compound(script) {
            return Err(format!("`-e` would no longer count inside the brackets or keywords of line {line}"));
        }
        if script.is_and_chain() && (last || leaks.is_empty()) {
            return Ok(Self::Plain);
        }
        if exits {
            return Err(match leaks.first() {
                Some(leak) => format!("{} of line {line} would reach the commands after it", leak.what),
                None => format!("line {line} is more than a chain of `&&`, and runs under `-e`"),
            });
        }
        Ok(Self::Enclosed)
    }
}

fn has_compound(script: &Script) -> bool {
    script
        .lists()
        .iter()
        .flat_map(|list| &list.pipelines)
        .flat_map(|pipeline| &pipeline.elements)
        .any(|element| matches!(element, Element::Compound { .. }))
}

/// One RUN with the scripts of several, comments between them kept in place.
fn join(runs: &[Instruction], fits: &[Fit], style: &Style) -> Option<Instruction> {
    let own = runs.iter().map(|run| style.of_run(run)).find(|own| own != style);
    let style = own.as_ref().unwrap_or(style);
    let first = runs.first()?;
    let mut text = format!("{}{}", first.lead(), &first.text()[..script_in_text(first)?.start]);
    let mut rest = "";
    for (number, (run, fit)) in runs.iter().zip(fits).enumerate() {
        if !rest.trim().is_empty() {
            return None;
        }
        if number > 0 {
            let comments: Vec<&str> = inner_comments(run).collect();
            if comments.is_empty() {
                text.push_str(&style.joint());
            } else {
                text.push_str(&style.joint_around(&comments));
            }
        }
        let range = script_in_text(run)?;
        let script = &run.text()[range.clone()];
        match fit {
            Fit::Plain => text.push_str(script),
            // `((` would begin arithmetic.
            Fit::Enclosed if script.starts_with('(') => text.push_str(&format!("( {script} )")),
            Fit::Enclosed => text.push_str(&format!("({script})")),
        }
        rest = &run.text()[range.end..];
    }
    text.push_str(rest);
    Some(Instruction::parse(&text, style.escape).ok()?.at_line(first.line()))
}

/// The comment lines above a RUN, and those inside it before its first command.
fn inner_comments(run: &Instruction) -> impl Iterator<Item = &str> {
    let start = script_in_text(run).map_or(0, |range| range.start);
    run.lead()
        .lines()
        .chain(run.text()[..start].lines().skip(1))
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
}
