//! The declared effects on what happens, each to be used once.

use super::align::{Pair, Rules, Step, UNDECLARED, align};
use super::atoms::Atom;
use super::circumstances::Circumstances;
use super::text::keyword_named;
use crate::plan::Effect;
use dfix_syntax::Keyword;
use std::collections::HashMap;

/// How often each text may still be used.
#[derive(Default)]
struct Budget<'e>(HashMap<&'e str, usize>);

impl<'e> Budget<'e> {
    fn add(&mut self, text: &'e str) {
        *self.0.entry(text).or_insert(0) += 1;
    }

    fn has(&self, text: &str) -> bool {
        self.0.get(text).is_some_and(|count| *count > 0)
    }

    fn take(&mut self, text: &str) -> bool {
        match self.0.get_mut(text) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    fn left(&self) -> impl Iterator<Item = &'e str> + '_ {
        self.0.iter().flat_map(|(text, count)| std::iter::repeat_n(*text, *count))
    }
}

#[derive(Default)]
pub(super) struct Declared<'e> {
    rewritten: HashMap<&'e str, Budget<'e>>,
    added: Budget<'e>,
    removed: Budget<'e>,
    moved: Budget<'e>,
    repeated: Budget<'e>,
    /// What stood still while something else came before it or went: said to have moved, it has.
    passed: HashMap<String, usize>,
}

impl<'e> Declared<'e> {
    pub fn of(effects: &'e [Effect]) -> Self {
        let mut all = Self::default();
        for effect in effects {
            match effect {
                Effect::Rewritten { from, to } => all.rewritten.entry(from).or_default().add(to),
                Effect::Added(text) => all.added.add(text),
                Effect::Removed(text) => all.removed.add(text),
                Effect::Moved(text) => all.moved.add(text),
                Effect::Repeated(text) => all.repeated.add(text),
                Effect::Base { .. } | Effect::Split { .. } | Effect::CommentMoved(_) => {}
            }
        }
        all
    }

    fn rewrites(&self, from: &str, to: &str) -> bool {
        self.rewritten.get(from).is_some_and(|forms| forms.has(to))
    }

    /// Expects `before`, changed as declared, to be spread over the lists of `after` in its order.
    pub fn compare(
        &mut self,
        before: &[Atom],
        after: &[&[Atom]],
        circumstances: &Circumstances<'_>,
        problems: &mut Vec<String>,
    ) {
        let mut spread =
            Spread { times: vec![0; before.len()], last: vec![false; before.len()], extra: Vec::new() };
        let mut rewrites: HashMap<usize, &str> = HashMap::new();
        for (number, &list) in after.iter().enumerate() {
            let laid = Laid { before, after: list, declared: self, circumstances, several: after.len() > 1 };
            for step in align(before.len(), list.len(), &laid) {
                match step {
                    Step::Gone(_) => {}
                    Step::New(at) => spread.extra.push((number, at)),
                    Step::Paired(from, to, pair) => {
                        spread.times[from] += 1;
                        spread.last[from] |= number + 1 == after.len();
                        if pair == Pair::Rewritten {
                            rewrites.insert(from, &list[to].text);
                        } else if pair == Pair::Otherwise {
                            problems.push(otherwise(&before[from], &list[to], circumstances));
                        }
                    }
                }
            }
        }
        for (from, to) in rewrites {
            if let Some(forms) = self.rewritten.get_mut(before[from].text.as_str()) {
                forms.take(to);
            }
        }
        let moves = !spread.extra.is_empty();
        for (number, at) in std::mem::take(&mut spread.extra) {
            let last = number + 1 == after.len();
            self.explain_new(before, &after[number][at], last, &mut spread, circumstances, problems);
        }
        for (at, atom) in before.iter().enumerate() {
            let (times, last) = (spread.times[at], spread.last[at]);
            if times > 0 && moves && self.moved.has(&atom.text) {
                *self.passed.entry(atom.text.clone()).or_insert(0) += 1;
            }
            if times == 0 && !self.removed.take(&atom.text) {
                problems.push(format!("lost: {}", atom.text));
            } else if times > 0 && atom.config && !last {
                problems.push(format!("lost in the last stage: {}", atom.text));
            } else if times > 1 && !(1..times).all(|_| self.repeats(&atom.text)) {
                problems.push(format!("happens {times} times: {}", atom.text));
            }
        }
    }

    /// Whether something may happen once more: what is added may read like something that there was.
    fn repeats(&mut self, text: &str) -> bool {
        self.repeated.take(text) || self.added.take(text)
    }

    /// Something that stands where nothing like it stood: moved there, or added.
    fn explain_new(
        &mut self,
        before: &[Atom],
        new: &Atom,
        last: bool,
        spread: &mut Spread,
        circumstances: &Circumstances<'_>,
        problems: &mut Vec<String>,
    ) {
        let from = before
            .iter()
            .enumerate()
            .find(|(at, atom)| spread.times[*at] == 0 && atom.text == new.text)
            .filter(|_| self.moved.take(&new.text));
        if let Some((at, atom)) = from {
            spread.times[at] = 1;
            spread.last[at] = last;
            if !circumstances.same(atom, new) {
                problems.push(format!("moved into other circumstances: {}", new.text));
            }
        } else if !self.added.take(&new.text) {
            let known = before.iter().any(|atom| atom.text == new.text);
            let what = if known { "stands elsewhere" } else { "is new" };
            problems.push(format!("{what}: {}", new.text));
        }
    }

    pub fn report_unused(&mut self, problems: &mut Vec<String>) {
        for (text, count) in std::mem::take(&mut self.passed) {
            let _ = (0..count).take_while(|_| self.moved.take(&text)).count();
        }
        let budgets = [&self.added, &self.removed, &self.moved, &self.repeated];
        let mut left: Vec<&str> = budgets.into_iter().flat_map(Budget::left).collect();
        left.extend(self.rewritten.iter().flat_map(|(from, to)| to.left().map(|_| *from)));
        left.sort_unstable();
        problems.extend(left.into_iter().map(|text| format!("declared, but not so: {text}")));
    }
}

/// How what happened before is spread over what happens now.
struct Spread {
    /// In how many lists each is found.
    times: Vec<usize>,
    /// Whether the last list has it.
    last: Vec<bool>,
    /// List and index of what was not found before.
    extra: Vec<(usize, usize)>,
}

/// One list laid beside what happened before.
struct Laid<'a> {
    before: &'a [Atom],
    after: &'a [Atom],
    declared: &'a Declared<'a>,
    circumstances: &'a Circumstances<'a>,
    /// Whether there are other lists, where what is missing here may be.
    several: bool,
}

impl Rules for Laid<'_> {
    fn pair(&self, before: usize, after: usize) -> Pair {
        let (before, after) = (&self.before[before], &self.after[after]);
        let same = before.text == after.text;
        if !same && !self.declared.rewrites(&before.text, &after.text) {
            return Pair::Different;
        }
        match self.circumstances.same(before, after) {
            true if same => Pair::Same,
            true => Pair::Rewritten,
            false => Pair::Otherwise,
        }
    }

    fn gone_cost(&self, before: usize) -> u32 {
        let text = &self.before[before].text;
        if self.several || self.declared.removed.has(text) || self.declared.moved.has(text) {
            1
        } else {
            UNDECLARED
        }
    }

    fn new_cost(&self, after: usize) -> u32 {
        let text = &self.after[after].text;
        if self.declared.added.has(text) || self.declared.moved.has(text) { 1 } else { UNDECLARED }
    }
}

fn otherwise(before: &Atom, after: &Atom, circumstances: &Circumstances<'_>) -> String {
    if before.text != after.text && !circumstances.same_sources(before, after) {
        format!("takes files from another place: {}", after.text)
    } else {
        format!("stands under other circumstances: {}", after.text)
    }
}

/// Configuration is never taken away, nor becomes something else; some of it is the author's alone.
pub(super) fn forbidden(effects: &[Effect], problems: &mut Vec<String>) {
    for effect in effects {
        match effect {
            Effect::Removed(text) if keyword_named(text).is_some_and(is_config) => {
                problems.push(format!("{text} can't be removed"));
            }
            Effect::Rewritten { from, to } if keyword_named(from) != keyword_named(to) => {
                problems.push(format!("{from} became {to}"));
            }
            Effect::Added(text) if keyword_named(text).is_some_and(is_the_authors) => {
                problems.push(format!("{text} can't be added"));
            }
            Effect::Split { stage, into: 0 } => {
                problems.push(format!("stage {stage}: a stage can't become none"));
            }
            _ => {}
        }
    }
}

fn is_config(keyword: Keyword) -> bool {
    !matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Arg | Keyword::From)
}

fn is_the_authors(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::Cmd
            | Keyword::Entrypoint
            | Keyword::Expose
            | Keyword::Volume
            | Keyword::Stopsignal
            | Keyword::Onbuild
            | Keyword::Maintainer
    )
}
