//! `split-dependency-copy`: the files that an installation reads are copied before it, all others behind it.

mod conda;
mod cut;
mod needs;
mod node;
mod python;

pub(super) use needs::look;

use super::sources::{
    Copied, Crossing, End, NEAR, Need, Reading, RunUse, Scene, Walk, blank_lines, is_start, last_copies,
    move_below, walk,
};
use crate::check::{atom_texts, instruction_text};
use crate::edit::Change;
use crate::facts::{Action, package_commands};
use crate::plan::{Effect, Findings, Proposal, Safety, Situation};
use dfix_syntax::{Instruction, Keyword};

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    for stage in &situation.facts.stages {
        let range = stage.stage.instructions.clone();
        let mut at = range.start + 1;
        let mut kept = Vec::new();
        while at < range.end {
            let Some(start) = is_start(situation, at, false) else {
                if let Some(Ok(copied)) = Copied::of(situation, at) {
                    kept.push(copied);
                }
                at += 1;
                continue;
            };
            let walk = walk(situation, start.clone(), range.end, last_copies(&kept), false, look);
            match propose(situation, &walk) {
                Some((proposal, last)) => {
                    report(situation, &walk, range.end, findings);
                    findings.propose(proposal);
                    at = last + 1;
                    // What went down has no part in what comes behind it.
                    kept.extend(walk.moved);
                }
                None => {
                    report(situation, &walk, range.end, findings);
                    at = next_start(&walk, range.end);
                    kept.extend(walk.moved);
                    kept.extend(walk.kept);
                }
            }
            kept.sort_by_key(|copied| copied.at);
            kept.dedup_by_key(|copied| copied.at);
            kept.retain(|copied| copied.at < at);
        }
    }
}

/// Where to look next when nothing came of a walk.
fn next_start(walk: &Walk, end: usize) -> usize {
    match &walk.end {
        End::Sources(at, _) | End::Obstacle(at, _) => *at + 1,
        End::Broken(_) => end,
        // Nothing but manifests stood there.
        End::Stage => walk.moved[0].at + 1,
    }
}

/// The rewrite for the last installation that a walk reached, and the index where it ends.
fn propose(situation: Situation<'_>, walk: &Walk) -> Option<(Proposal, usize)> {
    let tree = situation.tree;
    let (last, last_use) =
        walk.runs.iter().rev().find(|(_, run)| matches!(run, RunUse::Installs(_) | RunUse::Splits(..)))?;
    let crossings: Vec<&Crossing> = walk
        .runs
        .iter()
        .filter(|(at, _)| at <= last)
        .flat_map(|(_, run)| match run {
            RunUse::Installs(all) | RunUse::Splits(_, all) => all.as_slice(),
            RunUse::Apart { .. } => &[],
        })
        .collect();
    // A COPY of nothing but what the installations read stands where it should.
    let needed: Vec<&str> =
        crossings.iter().flat_map(|one| &one.needs).map(|need| need.context.as_str()).collect();
    let (stay, moved): (Vec<&Copied>, Vec<&Copied>) =
        walk.moved.iter().filter(|copied| copied.at < *last).partition(|copied| copied.brings_only(&needed));
    let first = moved.first()?.at;
    let parts = match last_use {
        RunUse::Splits(pipeline, crossings) => {
            Some(cut::cut(situation, *last, *pipeline, crossings.last().and_then(|one| one.first_with))?)
        }
        _ => None,
    };
    // The COPY makes the folder that it writes to. Where a WORKDIR would make it otherwise, for another user,
    // the manifests are copied before it.
    let plain = moved.iter().all(|copied| copied.flags.is_empty())
        && (first..=*last).all(|at| situation.facts.at(at).user.as_deref() == Some("root"));
    let early = !plain && tree.instructions[first..*last].iter().any(|one| one.keyword() == Keyword::Workdir);

    let there = |need: &Need| {
        stay.iter().any(|copied| copied.context_path(&need.image).as_deref() == Some(&need.context))
    };
    let mut copied: Vec<Need> = Vec::new();
    let mut added: Vec<Instruction> = Vec::new();
    let mut failed = false;
    let with = |at: usize| {
        let mut instruction = tree.instructions[at].clone();
        let all = match walk.runs.iter().find(|(run, _)| *run == at) {
            Some((_, RunUse::Installs(all) | RunUse::Splits(_, all))) => all.as_slice(),
            _ => &[],
        };
        let wanted: Vec<Need> = match (early, at == first_kept(&moved)) {
            (true, true) => crossings.iter().flat_map(|one| one.needs.clone()).collect(),
            (true, false) => Vec::new(),
            (false, _) => all.iter().flat_map(|one| one.needs.clone()).collect(),
        };
        let mut above = Vec::new();
        let new: Vec<Need> =
            wanted.into_iter().filter(|need| !copied.contains(need) && !there(need)).collect();
        match copies(situation, &moved, &new) {
            Some(copies) => above.extend(copies),
            None => failed = true,
        }
        copied.extend(new);
        // A new COPY starts the paragraph of its installation.
        if let Some(copy) = above.first_mut().filter(|_| at != first_kept(&moved)) {
            let lead = instruction.lead().to_owned();
            let blank = blank_lines(&lead);
            *copy = copy.with_lead(blank);
            if blank == lead {
                instruction = instruction.with_lead("");
            }
        }
        added.extend(above.iter().cloned());
        let mut below = Vec::new();
        match &parts {
            Some(parts) if at == *last => {
                above.push(parts.head.with_lead(instruction.lead()));
                below.push(parts.tail.clone());
            }
            _ => above.push(instruction),
        }
        Some((above, below))
    };
    let sunk: Vec<usize> = moved.iter().map(|copied| copied.at).collect();
    let instructions = move_below(situation, &sunk, *last, with)?;
    if failed || early && added.is_empty() {
        return None;
    }
    // A COPY that passes nothing but what is new has not changed places.
    let passes = |from: usize| {
        (from + 1..*last).any(|at| !sunk.contains(&at))
            || parts.as_ref().is_none_or(|parts| parts.takes_some(&tree.instructions[*last]))
    };
    let mut effects: Vec<Effect> = moved
        .iter()
        .filter(|copied| passes(copied.at))
        .map(|copied| Effect::Moved(instruction_text(&tree.instructions[copied.at])))
        .chain(added.iter().map(|copy| Effect::Added(instruction_text(copy))))
        .collect();
    if let Some(parts) = &parts {
        effects.extend(cut::effects(&tree.instructions[*last], parts));
    }
    Some((
        Proposal {
            line: tree.instructions[first].line(),
            safety: safety(situation, &crossings),
            what: message(situation, &moved, &copied, *last),
            evidence: evidence(&crossings),
            changes: vec![Change { range: first..*last + 1, with: instructions }],
            effects,
        },
        *last,
    ))
}

/// Index of the first instruction behind the first COPY that stays where it is.
fn first_kept(moved: &[&Copied]) -> usize {
    let first = moved.first().map_or(0, |copied| copied.at);
    (first..).find(|at| !moved.iter().any(|copied| copied.at == *at)).unwrap_or(first)
}

/// COPYs of what an installation needs, one for each folder, with the flags and in the terms of the COPYs that
/// bring it today. `None` where a name can't be written plainly.
fn copies(situation: Situation<'_>, moved: &[&Copied], needs: &[Need]) -> Option<Vec<Instruction>> {
    let context = situation.context;
    let mut groups: Vec<(usize, String, Vec<&Need>)> = Vec::new();
    for need in needs {
        let by = moved
            .iter()
            .rposition(|copied| copied.context_path(&need.image).is_some_and(|path| path == need.context))?;
        let folder = need.image.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        if name(&need.image) != name(&need.context)
            || need.context.contains([' ', '\t', '$', '[', '"', '\'', '\\'])
        {
            return None;
        }
        // What a folder holds is copied into a folder of the same name.
        if context
            .is_some_and(|context| context.has_folder(&need.context) && !context.contains(&need.context))
        {
            groups.push((by, need.image.clone(), vec![need]));
            continue;
        }
        match groups.iter_mut().find(|(other, place, _)| *other == by && *place == folder) {
            Some((.., list)) => list.push(need),
            None => groups.push((by, folder.to_owned(), vec![need])),
        }
    }
    groups
        .into_iter()
        .map(|(by, folder, needs)| {
            let copied = moved[by];
            let rest = folder.strip_prefix(copied.destination.trim_end_matches('/'))?.trim_start_matches('/');
            let sources: Vec<&str> = needs.iter().map(|need| need.context.as_str()).collect();
            let several = sources.len() > 1 || sources.iter().any(|source| source.contains('*'));
            let destination = destination(&copied.written, rest, several);
            let flags = if copied.flags.is_empty() { String::new() } else { format!("{} ", copied.flags) };
            let arguments = format!("{flags}{} {destination}", sources.join(" "));
            let copy = situation.style.line(Keyword::Copy, &arguments)?;
            Some(copy.at_line(situation.tree.instructions[copied.at].line()))
        })
        .collect()
}

/// A folder below the destination of a COPY, in the terms of that COPY.
fn destination(written: &str, rest: &str, several: bool) -> String {
    match (written, rest, several) {
        (".", "", false) => ".".to_owned(),
        (".", "", true) => "./".to_owned(),
        (".", rest, _) => format!("{rest}/"),
        (written, "", _) => format!("{}/", written.trim_end_matches('/')),
        (written, rest, _) => format!("{}/{rest}/", written.trim_end_matches('/')),
    }
}

fn safety(situation: Situation<'_>, crossings: &[&Crossing]) -> Safety {
    let listed = situation.context.is_some_and(crate::context::BuildContext::is_complete);
    match listed && crossings.iter().all(|one| one.unproven.is_none()) {
        true => Safety::Same,
        false => Safety::Unproven,
    }
}

fn evidence(crossings: &[&Crossing]) -> Vec<String> {
    let mut all: Vec<String> = crossings.iter().flat_map(|one| one.evidence.iter().cloned()).collect();
    all.extend(crossings.iter().filter_map(|one| one.unproven.clone()));
    let mut seen = Vec::new();
    all.retain(|text| {
        let new = !seen.contains(text);
        seen.push(text.clone());
        new
    });
    all
}

fn message(situation: Situation<'_>, moved: &[&Copied], copied: &[Need], last: usize) -> String {
    let line = situation.tree.instructions[last].line();
    let sources: Vec<String> =
        moved.iter().map(|copied| situation.tree.instructions[copied.at].line().to_string()).collect();
    let sources = format!("the COPY of line {}", sources.join(" and "));
    if copied.is_empty() {
        return format!("move {sources} below the installation of line {line}, which has no need of it");
    }
    let names: Vec<&str> = copied.iter().map(|need| need.context.as_str()).collect();
    format!("copy {} first, install by line {line}, and only then do {sources}", names.join(", "))
}

/// Says why an installation stays below the sources.
fn report(situation: Situation<'_>, walk: &Walk, end: usize, findings: &mut Findings) {
    let tree = situation.tree;
    match &walk.end {
        End::Stage => {}
        End::Broken(manifest) => findings.broken(manifest.clone()),
        End::Obstacle(at, reason) => findings.decline(tree.instructions[*at].line(), reason.clone()),
        End::Sources(at, reason) => {
            let copy = tree.instructions[walk.moved[0].at].line();
            if let Some(install) = later_install(situation, walk, *at, end) {
                let (line, between) = (tree.instructions[install].line(), tree.instructions[*at].line());
                let place =
                    if install == *at { "before it".to_owned() } else { format!("in line {between}") };
                findings.decline(
                    line,
                    format!(
                        "the installation could go above the COPY of line {copy} but for what stands {place}: {reason}"
                    ),
                );
            }
        }
    }
}

/// The first RUN from `from` on that would install by some files of what was copied.
fn later_install(situation: Situation<'_>, walk: &Walk, from: usize, end: usize) -> Option<usize> {
    situation.context?;
    (from..end.min(from + NEAR)).find(|&at| {
        let instruction = &situation.tree.instructions[at];
        let Some(Ok(script)) = instruction.script().filter(|_| instruction.keyword() == Keyword::Run) else {
            return false;
        };
        let workdir = situation.facts.at(at).workdir.clone();
        let scene = Scene { situation, at, folder: workdir.as_deref(), moved: &walk.moved, kept: &walk.kept };
        package_commands(script)
            .iter()
            .filter(|command| command.action == Action::Install && !command.manager.system)
            .any(|command| matches!(look(scene, command), Reading::Install(one) if !one.needs.is_empty()))
    })
}

/// The texts of what a RUN does.
fn texts(instruction: &Instruction) -> Vec<String> {
    atom_texts(instruction)
}
