//! The part of a RUN that belongs into the stage that runs.

use super::super::debian::Debian;
use super::super::draft::without_comments;
use super::super::system_packages::divide;
use super::roles::{Role, Run};
use crate::facts::package_commands;
use crate::style::script_in_text;
use dfix_syntax::Instruction;
use dfix_syntax::shell::{Element, Pipeline};
use std::collections::BTreeSet;
use std::ops::Range;

/// What of a RUN the stage that runs needs.
pub(super) enum Part {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole,
    /// This, which is less.
    Edited(Instruction),
}

/// A part, and what was found on the way.
pub(super) struct RunPart {
    pub part: Part,
    /// Packages of the distribution that it installs.
    pub packages: Vec<String>,
    /// Whether the RUN leaves packages in the image that are only needed to build.
    pub leaves_build_packages: bool,
    pub evidence: Vec<String>,
    /// What is not certain of it.
    pub doubts: Vec<String>,
}

impl RunPart {
    /// Divides a RUN. `Err` names what is in the way.
    pub fn of(run: &Run<'_>, debian: &Debian) -> Result<Self, String> {
        let line = run.instruction.line();
        let mut removed: BTreeSet<usize> = BTreeSet::new();
        let mut words: Vec<(usize, usize, String)> = Vec::new();
        let mut part = Self {
            part: Part::Whole,
            packages: Vec::new(),
            leaves_build_packages: false,
            evidence: Vec::new(),
            doubts: Vec::new(),
        };
        let builds = run.has(Role::Install) || run.has(Role::Tool);
        let purges = |verb: &str| matches!(verb, "purge" | "remove" | "autoremove" | "autopurge");
        let purged = run.packages.iter().any(|package| package.manager.system && purges(package.verb()));
        for package in run.packages.iter().filter(|package| run.roles[package.index] == Role::System) {
            let division = divide(package, debian).map_err(|reason| format!("line {line}: {reason}"))?;
            part.leaves_build_packages |=
                !purged && (!division.dropped.is_empty() || !division.replaced.is_empty());
            part.doubts.extend(division.doubts);
            part.evidence.extend(division.evidence.iter().map(|text| format!("line {line}: {text}")));
            if division.kept.is_empty() {
                removed.insert(package.index);
            } else {
                words.extend(division.dropped.iter().map(|&word| (package.index, word, String::new())));
                words.extend(division.replaced.into_iter().map(|(word, text)| (package.index, word, text)));
                part.packages.extend(division.kept);
            }
        }
        for (index, role) in run.roles.iter().enumerate() {
            let gone = match role {
                Role::Install | Role::Tool => true,
                Role::Cleanup => builds,
                Role::Housekeeping => {
                    let package = run.packages.iter().find(|package| package.index == index);
                    (builds || !removed.is_empty() || !words.is_empty())
                        && (part.packages.is_empty() || package.is_some_and(|one| purges(one.verb())))
                }
                _ => false,
            };
            if gone {
                removed.insert(index);
            }
        }
        if removed.is_empty() && words.is_empty() {
            return Ok(part);
        }
        let left = run.roles.iter().enumerate().filter(|(index, _)| !removed.contains(index));
        if left.into_iter().all(|(_, role)| matches!(role, Role::Plain | Role::Cleanup | Role::Housekeeping))
        {
            part.part = Part::Nothing;
            return Ok(part);
        }
        let edited = edited(run, &removed, &words).ok_or_else(|| {
            format!(
                "line {line} installs and does other things in a way that can't be taken apart; make it two RUNs"
            )
        })?;
        part.part = Part::Edited(edited);
        Ok(part)
    }
}

/// A RUN without some of its commands and words, and without the comments in it: those stay where it stands whole.
fn edited(run: &Run<'_>, removed: &BTreeSet<usize>, words: &[(usize, usize, String)]) -> Option<Instruction> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    if !removed.is_empty() {
        edits.extend(without_commands(run, removed)?);
    }
    let source = |span: Range<usize>| run.instruction.script_range(span);
    for (command, word, text) in words {
        let all = &run.script.commands()[*command].words;
        let span = source(all[*word].span.clone())?;
        if text.is_empty() {
            let before = source(all.get(word.checked_sub(1)?)?.span.clone())?;
            edits.push((before.end..span.end, String::new()));
        } else {
            edits.push((span, text.clone()));
        }
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    if edits.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
        return None;
    }
    without_comments(&run.instruction.edited(&edits).ok()?)
}

/// The edits that take whole pipelines out of a chain of `&&`.
fn without_commands(run: &Run<'_>, removed: &BTreeSet<usize>) -> Option<Vec<(Range<usize>, String)>> {
    if !run.script.is_and_chain() {
        return None;
    }
    let pipelines = &run.script.lists().first()?.pipelines;
    let gone: Vec<bool> = pipelines
        .iter()
        .map(|pipeline| {
            let all = commands_of(pipeline);
            match all.iter().filter(|index| removed.contains(index)).count() {
                0 => Some(false),
                count if count == all.len() => Some(true),
                _ => None,
            }
        })
        .collect::<Option<_>>()?;
    let span = |at: usize| run.instruction.script_range(pipelines[at].span.clone());
    let mut edits = Vec::new();
    let mut at = 0;
    while at < pipelines.len() {
        if !gone[at] {
            at += 1;
            continue;
        }
        let end = (at..pipelines.len()).find(|&next| !gone[next]).unwrap_or(pipelines.len());
        edits.push(match (end < pipelines.len(), at.checked_sub(1)) {
            (true, _) => (span(at)?.start..span(end)?.start, String::new()),
            (false, Some(before)) => (span(before)?.end..span(end - 1)?.end, String::new()),
            (false, None) => return None,
        });
        at = end;
    }
    Some(edits)
}

fn commands_of(pipeline: &Pipeline) -> Vec<usize> {
    pipeline
        .elements
        .iter()
        .flat_map(|element| match element {
            Element::Simple(index) => vec![*index],
            Element::Compound { commands, .. } => commands.clone().collect(),
        })
        .collect()
}

/// A RUN whose first installation of system packages installs more of them.
pub(super) fn with_packages(instruction: &Instruction, packages: &[String]) -> Option<Instruction> {
    let script = instruction.script()?.ok()?;
    let commands = package_commands(script);
    let install = commands.iter().find(|one| one.manager.id == "apt" && one.verb() == "install")?;
    let last = *install.operands.iter().max()?;
    let source = |word: usize| instruction.script_range(install.simple.words.get(word)?.span.clone());
    let end = source(last)?.end;
    // What stands between the last two packages separates the new ones, too.
    let between = source(last - 1).and_then(|before| {
        let text = instruction.text().get(before.end..source(last)?.start)?;
        (install.operands.contains(&(last - 1)) && !text.contains('#')).then(|| text.to_owned())
    });
    let separator = between.unwrap_or_else(|| " ".to_owned());
    let text: String = packages.iter().map(|package| format!("{separator}{package}")).collect();
    script_in_text(instruction)?;
    instruction.edited(&[(end..end, text)]).ok()
}
