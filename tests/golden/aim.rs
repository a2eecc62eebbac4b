//! What a case is for, written by hand: prose, and a list of what can be tested of it.
//!
//! - has `…`: each of these texts is in the result
//! - order `…` `…`: they are, one after the other
//! - never `…`: none of them is
//! - says `…`: the report has them
//! - unchanged: the result is the file as it was
//! - changed: it isn't
//!
//! `not yet` before one of these: the tool falls short of it, which is known. When it no longer does, the test
//! fails until the words are taken away.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Has,
    Order,
    Never,
    Says,
    Unchanged,
    Changed,
}

/// One thing to test.
#[derive(Debug)]
pub struct Aim {
    verb: Verb,
    not_yet: bool,
    texts: Vec<String>,
}

/// Reads the list of an `aim.md`.
pub fn read(text: &str) -> Result<Vec<Aim>, String> {
    let mut aims = Vec::new();
    let mut item: Option<(String, Vec<String>)> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Item) => item = Some((String::new(), Vec::new())),
            Event::Text(words) => {
                if let Some((prose, _)) = &mut item {
                    prose.push_str(&words);
                }
            }
            Event::Code(code) => {
                if let Some((_, texts)) = &mut item {
                    texts.push(code.into_string());
                }
            }
            Event::End(TagEnd::Item) => {
                let Some((prose, texts)) = item.take() else { continue };
                aims.push(Aim::of(&prose, texts)?);
            }
            _ => {}
        }
    }
    if aims.is_empty() { Err("aim.md asks for nothing that can be tested".to_owned()) } else { Ok(aims) }
}

impl Aim {
    fn of(prose: &str, texts: Vec<String>) -> Result<Self, String> {
        let (not_yet, verb) = match prose.trim().strip_prefix("not yet") {
            Some(rest) => (true, rest),
            None => (false, prose),
        };
        let verb = match verb.split_whitespace().next().unwrap_or_default().trim_end_matches(':') {
            "has" => Verb::Has,
            "order" => Verb::Order,
            "never" => Verb::Never,
            "says" => Verb::Says,
            "unchanged" => Verb::Unchanged,
            "changed" => Verb::Changed,
            other => return Err(format!("aim.md: {other:?} is none of its words")),
        };
        if texts.is_empty() != matches!(verb, Verb::Unchanged | Verb::Changed) {
            return Err(format!("aim.md: {verb:?} with {} texts", texts.len()));
        }
        Ok(Self { verb, not_yet, texts })
    }

    /// How a result falls short of it.
    pub fn problem(&self, before: &str, after: &str, report: &str) -> Option<String> {
        let misses: Vec<&String> = match self.verb {
            Verb::Has => self.texts.iter().filter(|text| !after.contains(text.as_str())).collect(),
            Verb::Never => self.texts.iter().filter(|text| after.contains(text.as_str())).collect(),
            Verb::Says => self.texts.iter().filter(|text| !report.contains(text.as_str())).collect(),
            Verb::Order => {
                let mut rest = after;
                let mut follows = |text: &&String| match rest.split_once(text.as_str()) {
                    Some((_, behind)) => {
                        rest = behind;
                        false
                    }
                    None => true,
                };
                self.texts.iter().filter(|text| follows(text)).collect()
            }
            Verb::Unchanged | Verb::Changed => Vec::new(),
        };
        let missed = match self.verb {
            Verb::Unchanged => before != after,
            Verb::Changed => before == after,
            _ => !misses.is_empty(),
        };
        let verb = format!("{:?}", self.verb).to_lowercase();
        let shown = if self.verb == Verb::Says { report } else { after };
        match (missed, self.not_yet) {
            (true, false) => Some(format!("the aim `{verb}` is missed by {misses:?} in\n{shown}")),
            (false, true) => {
                Some(format!("the aim `{verb}` of {:?} is reached: take `not yet` away", self.texts))
            }
            _ => None,
        }
    }
}
