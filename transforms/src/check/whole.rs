//! Holds what comes out of the whole chain against the original, by other means than step by step: the text
//! and the image's configuration, as someone would count who knows nothing of transforms.

use super::text::{instruction_text, keyword_named, parse_named};
use crate::facts::Facts;
use crate::plan::Effect;
use dfix_syntax::{Dockerfile, Keyword, Kind};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

/// What differs although nothing that was declared can be the reason.
pub(super) fn compare<'e>(
    (before, before_facts, before_text): (&Dockerfile, &Facts, &str),
    (after, after_facts, after_text): (&Dockerfile, &Facts, &str),
    effects: impl Iterator<Item = &'e Effect>,
    problems: &mut Vec<String>,
) {
    let declared = Touched::of(effects);
    texts(before_text, after_text, problems);
    if before.directives() != after.directives() {
        problems.push("parser directives differ".to_owned());
    }
    for (name, count) in missing(names_and_flags(before), names_and_flags(after)) {
        problems.push(format!("a stage's {name} is lost {count} times"));
    }
    for (pair, _) in missing(definitions(before), definitions(after)) {
        if !declared.texts.contains(&pair) {
            problems.push(format!("a variable is lost: {pair}"));
        }
    }
    let (was, is) = (configuration(before, before_facts), configuration(after, after_facts));
    for keyword in LISTED.into_iter().chain(LAST_WINS).filter(|keyword| !declared.keywords.contains(keyword))
    {
        if was.get(&keyword) != is.get(&keyword) {
            problems.push(format!("{keyword} of the last stage differs"));
        }
    }
    if !declared.keywords.contains(&Keyword::Label)
        && labels(before, before_facts) != labels(after, after_facts)
    {
        problems.push("a label of the last stage differs".to_owned());
    }
    end(before, before_facts, after, after_facts, &declared, problems);
}

const LISTED: [Keyword; 5] =
    [Keyword::Workdir, Keyword::Expose, Keyword::Volume, Keyword::Shell, Keyword::Onbuild];
const LAST_WINS: [Keyword; 5] =
    [Keyword::User, Keyword::Cmd, Keyword::Entrypoint, Keyword::Stopsignal, Keyword::Healthcheck];

/// What the declared effects can account for.
#[derive(Default)]
struct Touched {
    keywords: HashSet<Keyword>,
    variables: HashSet<String>,
    /// Variables of ARGs and ENVs that were taken out or changed, as [`definitions`] has them.
    texts: HashSet<String>,
    /// Variables whose own instruction was said to read differently.
    rewritten: HashSet<String>,
    /// Whether a WORKDIR was said to read differently.
    moves_workdir: bool,
}

impl Touched {
    fn of<'e>(effects: impl Iterator<Item = &'e Effect>) -> Self {
        let mut touched = Self::default();
        for effect in effects {
            let texts: &[&String] = match effect {
                Effect::Added(text) | Effect::Removed(text) => &[text],
                Effect::Rewritten { from, to } => &[from, to],
                _ => &[],
            };
            for text in texts {
                touched.keywords.extend(keyword_named(text));
                let Some(instruction) = parse_named(text) else { continue };
                touched.moves_workdir |=
                    instruction.keyword() == Keyword::Workdir && matches!(effect, Effect::Rewritten { .. });
                if let Kind::Env(pairs) | Kind::Arg(pairs) = instruction.kind() {
                    touched.variables.extend(pairs.iter().map(|pair| pair.name.clone()));
                    if matches!(effect, Effect::Rewritten { .. }) {
                        touched.rewritten.extend(pairs.iter().map(|pair| pair.name.clone()));
                    }
                    touched.texts.extend(pairs.iter().map(|pair| definition(instruction.keyword(), pair)));
                }
            }
        }
        touched
    }
}

/// Comment lines, line ends and the byte order mark.
fn texts(before: &str, after: &str, problems: &mut Vec<String>) {
    let comments = |text: &str| -> HashMap<String, usize> {
        counted(text.lines().map(str::trim).filter(|line| line.starts_with('#')).map(str::to_owned))
    };
    for (comment, _) in missing(comments(before), comments(after)) {
        problems.push(format!("a comment is lost: {comment}"));
    }
    if line_ends(before) != line_ends(after) {
        problems.push("line ends differ".to_owned());
    }
}

/// Whether there are CRLF and LF, a last newline and a byte order mark.
pub(super) fn line_ends(text: &str) -> (bool, bool, bool, bool) {
    let bytes = text.as_bytes();
    let (mut crlf, mut lf) = (false, false);
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let after_return = at.checked_sub(1).is_some_and(|before| bytes[before] == b'\r');
        crlf |= after_return;
        lf |= !after_return;
        if crlf && lf {
            break;
        }
    }
    (crlf, lf, text.ends_with('\n'), text.starts_with('\u{feff}'))
}

fn counted<T: Hash + Eq>(items: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}

/// What there is less of, and how much.
fn missing<T: Hash + Eq + Ord>(before: HashMap<T, usize>, after: HashMap<T, usize>) -> BTreeMap<T, usize> {
    let less = |(item, count): (T, usize)| {
        let left = after.get(&item).copied().unwrap_or_default();
        (left < count).then(|| (item, count - left))
    };
    before.into_iter().filter_map(less).collect()
}

fn names_and_flags(tree: &Dockerfile) -> HashMap<String, usize> {
    counted(tree.instructions.iter().flat_map(|instruction| {
        let Kind::From { name, .. } = instruction.kind() else { return Vec::new() };
        let logical = &instruction.logical().text;
        let flags = instruction.flags().iter().map(|flag| format!("flag {}", &logical[flag.span.clone()]));
        flags.chain(name.iter().map(|name| format!("name {}", name.raw.to_ascii_lowercase()))).collect()
    }))
}

fn definition(keyword: Keyword, pair: &dfix_syntax::ArgumentPair) -> String {
    let value = pair.value.as_ref().map_or(String::new(), |value| format!("={}", value.raw));
    format!("{keyword} {}{value}", pair.name)
}

fn definitions(tree: &Dockerfile) -> HashMap<String, usize> {
    counted(tree.instructions.iter().flat_map(|instruction| match instruction.kind() {
        Kind::Env(pairs) | Kind::Arg(pairs) => {
            pairs.iter().map(|pair| definition(instruction.keyword(), pair)).collect()
        }
        _ => Vec::new(),
    }))
}

/// The instructions of the last stage that make the image's configuration.
fn configuration(tree: &Dockerfile, facts: &Facts) -> HashMap<Keyword, Vec<String>> {
    let mut found: HashMap<Keyword, Vec<String>> = HashMap::new();
    let Some(last) = facts.last_stage() else { return found };
    for instruction in &tree.instructions[last.stage.instructions.clone()] {
        let keyword = instruction.keyword();
        if LAST_WINS.contains(&keyword) {
            found.insert(keyword, vec![instruction_text(instruction)]);
        } else if LISTED.contains(&keyword) {
            found.entry(keyword).or_default().push(instruction_text(instruction));
        }
    }
    found
}

/// The labels of the last stage: of two with one name the later one counts.
fn labels<'t>(tree: &'t Dockerfile, facts: &Facts) -> BTreeMap<&'t str, &'t str> {
    let last = facts.last_stage().map(|last| last.stage.instructions.clone()).unwrap_or_default();
    let pairs = tree.instructions[last].iter().filter_map(|instruction| match instruction.kind() {
        Kind::Label(pairs) => Some(pairs),
        _ => None,
    });
    pairs.flatten().map(|pair| (pair.name.as_str(), pair.value.as_ref().map_or("", |v| &v.raw))).collect()
}

/// What holds where the last stage ends: the environment, folder and user that the image starts with.
fn end(
    before: &Dockerfile,
    before_facts: &Facts,
    after: &Dockerfile,
    after_facts: &Facts,
    declared: &Touched,
    problems: &mut Vec<String>,
) {
    let ends = |tree: &Dockerfile, facts: &Facts| {
        let stage = facts.last_stage()?;
        let environment: BTreeMap<String, Option<String>> = facts
            .variables(stage.stage.number, usize::MAX)
            .into_iter()
            .filter(|(_, definition)| definition.env)
            .map(|(name, definition)| (name.to_owned(), definition.value.clone()))
            .collect();
        Some((environment, facts.at_end(stage.stage.number, tree)))
    };
    let (Some((was, at)), Some((is, now))) = (ends(before, before_facts), ends(after, after_facts)) else {
        return;
    };
    let names: HashSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let (old, new) = (was.get(name), is.get(name));
        let extended = declared.variables.contains(name) && (old.is_none() || extends(old, new));
        if old == new || extended || declared.rewritten.contains(name) {
            continue;
        }
        problems.push(format!("the image's {name} is another one"));
    }
    if let (Some(was), Some(is)) = (&at.workdir, &now.workdir)
        && was != is
        && !declared.moves_workdir
    {
        problems.push(format!("the last stage starts in {is}, not in {was}"));
    }
    if let (Some(was), Some(is)) = (&at.user, &now.user)
        && was != is
        && !declared.keywords.contains(&Keyword::User)
    {
        problems.push(format!("the last stage starts as {is}, not as {was}"));
    }
}

/// Whether a value ends as the old one did: something was put in front, as for PATH.
fn extends(old: Option<&Option<String>>, new: Option<&Option<String>>) -> bool {
    match (old, new) {
        (Some(Some(old)), Some(Some(new))) => new.ends_with(old.as_str()),
        (Some(None), Some(None)) => true,
        _ => false,
    }
}
