//! Stages: their names, bases and flags, and what they take from each other.

use super::atoms::{StageSummary, Summary};
use crate::plan::Effect;
use std::collections::HashMap;
use std::ops::Range;

/// For each stage before, the stages it became.
pub(super) fn groups(before: &Summary, after: &Summary, effects: &[Effect]) -> Option<Vec<Range<usize>>> {
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

/// Effects on stages that are not so.
pub(super) fn report_unused(
    before: &Summary,
    after: &Summary,
    effects: &[Effect],
    problems: &mut Vec<String>,
) {
    for effect in effects {
        match effect {
            Effect::Base { from, to }
                if !before.stages.iter().any(|stage| stage.base == *from)
                    || !after.stages.iter().any(|stage| stage.base == *to) =>
            {
                problems.push(format!("declared, but not so: another base {to} for {from}"));
            }
            Effect::Split { stage, .. } if *stage >= before.stages.len() => {
                problems.push(format!("declared, but not so: stage {stage} was split"));
            }
            _ => {}
        }
    }
}

/// FROM of a stage and of what became of it.
pub(super) fn compare_heads(
    stage: &StageSummary,
    parts: &[StageSummary],
    group: &Range<usize>,
    effects: &[Effect],
    problems: &mut Vec<String>,
) {
    let Some(last) = parts.last() else { return };
    match (&stage.name, &last.name) {
        (was, is) if was == is => {}
        (Some(was), Some(is)) => problems.push(format!("the stage \"{was}\" is called \"{is}\"")),
        (Some(was), None) => problems.push(format!("the stage \"{was}\" has no name any more")),
        (None, is) => problems.push(format!("a stage without a name is called {is:?}")),
    }
    for part in parts {
        // Built on another part, which has the base.
        if part.parent.is_some_and(|parent| group.contains(&parent)) {
            continue;
        }
        if part.flags != stage.flags {
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

/// Every FROM means the same stage as before; no reference hangs in the air; no name is taken twice anew.
pub(super) fn compare_edges(
    before: &Summary,
    after: &Summary,
    groups: &[Range<usize>],
    problems: &mut Vec<String>,
) {
    let mut outside: Vec<&str> = Vec::new();
    for (number, stage) in before.stages.iter().enumerate() {
        outside.extend(stage.sources.iter().filter(|(_, at)| at.is_none()).map(|(name, _)| name.as_str()));
        let parent = stage.parent.and_then(|parent| groups[parent].clone().last());
        let first = groups[number].clone().next().map(|first| &after.stages[first]);
        if first.is_some_and(|first| first.parent != parent) {
            problems.push(format!("FROM {} means something else", stage.base));
        }
    }
    for (source, _) in after.stages.iter().flat_map(|stage| &stage.sources).filter(|(_, at)| at.is_none()) {
        if !outside.contains(&source.as_str()) {
            problems.push(format!("`from={source}` names no stage"));
        }
    }
    let names = |summary: &Summary| {
        let mut names: HashMap<String, usize> = HashMap::new();
        for name in summary.stages.iter().filter_map(|stage| stage.name.as_ref()) {
            *names.entry(name.to_ascii_lowercase()).or_insert(0) += 1;
        }
        names
    };
    let known = names(before);
    for (name, count) in names(after) {
        if count > 1 && count > known.get(&name).copied().unwrap_or_default() {
            problems.push(format!("two stages are called {name}"));
        }
    }
}
