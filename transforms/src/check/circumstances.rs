//! Whether two things happen under the same circumstances, but for what was declared.

use super::atoms::Atom;
use super::text::parse_named;
use crate::facts::{Definition, Facts};
use crate::knowledge::RUNTIME_VARIABLES;
use crate::plan::Effect;
use dfix_syntax::Kind;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

/// Holds the places of two trees against each other.
pub(super) struct Circumstances<'a> {
    before: &'a Facts,
    after: &'a Facts,
    /// For each stage before, the stages it became.
    groups: &'a [Range<usize>],
    /// Variables that may be there, or be something else.
    defined: HashSet<String>,
    /// Variables that may be missing.
    dropped: HashSet<String>,
    known: RefCell<HashMap<(u64, u64), bool>>,
}

impl<'a> Circumstances<'a> {
    pub fn of(before: &'a Facts, after: &'a Facts, groups: &'a [Range<usize>], effects: &[Effect]) -> Self {
        let (mut defined, mut dropped) = (HashSet::new(), HashSet::new());
        for effect in effects {
            match effect {
                Effect::Added(text) => defined.extend(names(text)),
                // A variable that is defined further down is missing above; one that is defined further up
                // would reach commands that never saw it.
                Effect::Removed(text) | Effect::Moved(text) => dropped.extend(names(text)),
                Effect::Rewritten { from, to } => {
                    dropped.extend(names(from));
                    defined.extend(names(from));
                    defined.extend(names(to));
                }
                Effect::Repeated(_)
                | Effect::Base { .. }
                | Effect::Split { .. }
                | Effect::CommentMoved(_) => {}
            }
        }
        Self { before, after, groups, defined, dropped, known: RefCell::default() }
    }

    pub fn same(&self, before: &Atom, after: &Atom) -> bool {
        before.context == after.context
            && self.same_variables(before, after)
            && self.same_sources(before, after)
            && self.same_environment(before, after)
    }

    /// Variables that both name are the same.
    fn same_variables(&self, before: &Atom, after: &Atom) -> bool {
        if before.variables == after.variables {
            return true;
        }
        before.variables.iter().all(|(name, value)| {
            let other = after.variables.iter().find(|(other, _)| other == name);
            // What stands in front of PATH hides nothing that was found behind it.
            other.is_none_or(|(_, other)| other == value) || name == "PATH" && self.defined.contains(name)
        })
    }

    /// Files come from what the same stage ends as.
    pub fn same_sources(&self, before: &Atom, after: &Atom) -> bool {
        let meant = |source: &Option<usize>| source.map(|stage| self.groups[stage].end.checked_sub(1));
        before.sources.len() == after.sources.len()
            && before.sources.iter().zip(&after.sources).all(|(b, a)| meant(b) == a.map(Some))
    }

    /// What runs sees the same variables.
    fn same_environment(&self, before: &Atom, after: &Atom) -> bool {
        match (before.environment, after.environment) {
            (Some(b), Some(a)) if b != a => {
                if let Some(&known) = self.known.borrow().get(&(b, a)) {
                    return known;
                }
                let same = self.compare_environments(before.at, after.at);
                self.known.borrow_mut().insert((b, a), same);
                same
            }
            (b, a) => b.is_some() == a.is_some(),
        }
    }

    fn compare_environments(&self, before: usize, after: usize) -> bool {
        let variables = |facts: &'a Facts, at: usize| -> BTreeMap<&'a str, &'a Definition> {
            facts.at(at).stage.map(|stage| facts.variables(stage, at)).unwrap_or_default()
        };
        let (b, a) = (variables(self.before, before), variables(self.after, after));
        let split = self.groups.iter().any(|group| {
            group.len() > 1 && self.after.at(after).stage.is_some_and(|stage| group.contains(&stage))
        });
        let kept = b.iter().all(|(name, was)| match a.get(name) {
            Some(is) => was.env == is.env && was.value == is.value || self.defined.contains(*name),
            None => self.dropped.contains(*name) || split && RUNTIME_VARIABLES.has(name),
        });
        kept && a.keys().all(|name| b.contains_key(name) || self.defined.contains(*name))
    }
}

/// The variables that an instruction defines.
fn names(text: &str) -> Vec<String> {
    let Some(instruction) = parse_named(text) else { return Vec::new() };
    match instruction.kind() {
        Kind::Env(pairs) | Kind::Arg(pairs) => pairs.iter().map(|pair| pair.name.clone()).collect(),
        _ => Vec::new(),
    }
}
