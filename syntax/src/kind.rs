//! The typed view of an instruction.

use crate::error::ErrorKind;
use crate::heredoc;
use crate::instruction::{Flag, Keyword};
use crate::words::{self, Word, is_space};
use std::ops::Range;

/// How a command is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandForm {
    /// A JSON array: run as it is, without a shell.
    Exec(Vec<String>),
    /// Text for the shell; its range in the logical text.
    Shell(Range<usize>),
}

/// What COPY or ADD moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Sources as written, here-documents among them.
    pub sources: Vec<Word>,
    /// Where they go.
    pub destination: Word,
    /// Whether it is written as a JSON array.
    pub json: bool,
}

/// `NAME=value` of ENV, LABEL and ARG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentPair {
    /// The name as written.
    pub name: String,
    /// The value as written; `None` for an ARG without a default.
    pub value: Option<Word>,
    /// Where the pair stands in the logical text.
    pub span: Range<usize>,
    /// Whether it is the old form `ENV NAME value`, whose value is the rest of the line.
    pub old_form: bool,
}

/// What a HEALTHCHECK says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healthcheck {
    /// `HEALTHCHECK NONE`.
    None,
    /// `HEALTHCHECK CMD …`.
    Cmd(CommandForm),
}

/// An instruction's arguments, by instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `ADD`
    Add(Transfer),
    /// `ARG`
    Arg(Vec<ArgumentPair>),
    /// `CMD`
    Cmd(CommandForm),
    /// `COPY`
    Copy(Transfer),
    /// `ENTRYPOINT`
    Entrypoint(CommandForm),
    /// `ENV`
    Env(Vec<ArgumentPair>),
    /// `EXPOSE`
    Expose(Vec<Word>),
    /// `FROM`
    From {
        /// The base image or stage, as written.
        image: Word,
        /// The name after `AS`.
        name: Option<Word>,
    },
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `LABEL`
    Label(Vec<ArgumentPair>),
    /// `MAINTAINER`
    Maintainer(Word),
    /// `ONBUILD` and the instruction it holds back; `None` where that can't be understood, which only the
    /// build of an image on top of this one finds out.
    Onbuild(Option<Box<Parsed>>),
    /// `RUN`
    Run(CommandForm),
    /// `SHELL`
    Shell(Vec<String>),
    /// `STOPSIGNAL`
    Stopsignal(Word),
    /// `USER`
    User(Word),
    /// `VOLUME`
    Volume(Vec<String>),
    /// `WORKDIR`
    Workdir(Word),
}

/// Keyword, flags and arguments, in spans of the logical text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The keyword and where it stands.
    pub keyword: Range<usize>,
    /// Which instruction it is.
    pub name: Keyword,
    /// `--name=value` before the arguments.
    pub flags: Vec<Flag>,
    /// The arguments, white space around them left out.
    pub arguments: Range<usize>,
    /// The typed view of the arguments.
    pub kind: Kind,
}

type Problem = (ErrorKind, String);

fn build(message: impl Into<String>) -> Problem {
    (ErrorKind::Build, message.into())
}

impl Parsed {
    pub(crate) fn of(text: &str, escape: char) -> Result<Self, Problem> {
        Self::within(text, 0..text.len(), escape)
    }

    fn within(text: &str, range: Range<usize>, escape: char) -> Result<Self, Problem> {
        let range = trim(text, range);
        let end = text[range.clone()].find(is_space).map_or(range.end, |at| range.start + at);
        let keyword = range.start..end;
        let written = &text[keyword.clone()];
        let name = Keyword::parse(written).ok_or_else(|| {
            build(format!("unknown instruction: {}", written.chars().take(40).collect::<String>()))
        })?;
        let (flags, arguments) = flags(text, end..range.end);
        let arguments = trim(text, arguments);
        let kind = kind(text, name, &arguments, escape)?;
        Ok(Self { keyword, name, flags, arguments, kind })
    }

    /// Whether BuildKit looks for here-documents behind this line.
    pub(crate) fn can_contain_here_document(&self) -> bool {
        match &self.kind {
            Kind::Add(transfer) | Kind::Copy(transfer) => !transfer.json,
            Kind::Run(form) => matches!(form, CommandForm::Shell(_)),
            Kind::Onbuild(Some(inner)) => inner.can_contain_here_document(),
            _ => false,
        }
    }
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// Takes leading `--name[=value]` words off (`extractBuilderFlags` of BuildKit, which goes by bytes: only
/// white space of ASCII counts).
fn flags(text: &str, range: Range<usize>) -> (Vec<Flag>, Range<usize>) {
    let mut flags = Vec::new();
    let mut rest = skip_space(text, range);
    while text[rest.clone()].starts_with("--") {
        let word = words::flag(text, rest.clone());
        rest = skip_space(text, word.span.end..rest.end);
        if word.raw == "--" {
            break;
        }
        flags.push(Flag::of(&word));
    }
    (flags, rest)
}

fn skip_space(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    range.start + (part.len() - part.trim_start_matches(is_space).len())..range.end
}

fn kind(text: &str, name: Keyword, arguments: &Range<usize>, escape: char) -> Result<Kind, Problem> {
    let whole = || Word { span: arguments.clone(), raw: text[arguments.clone()].to_owned() };
    let need_one = || build(format!("{name} requires at least one argument"));
    let need_exactly_one = || build(format!("{name} requires exactly one argument"));
    let single = || if arguments.is_empty() { Err(need_exactly_one()) } else { Ok(whole()) };
    Ok(match name {
        Keyword::Add => Kind::Add(transfer(text, name, arguments)?),
        Keyword::Copy => Kind::Copy(transfer(text, name, arguments)?),
        Keyword::Arg => Kind::Arg(arg_pairs(text, arguments, escape).ok_or_else(need_one)?),
        Keyword::Env => Kind::Env(pairs(text, name, arguments, escape)?),
        Keyword::Label => Kind::Label(pairs(text, name, arguments, escape)?),
        // An empty command is one: `CMD` clears what the base image set.
        Keyword::Cmd => Kind::Cmd(command(text, arguments)?),
        Keyword::Entrypoint => Kind::Entrypoint(command(text, arguments)?),
        Keyword::Run => Kind::Run(command(text, arguments)?),
        Keyword::Expose => Kind::Expose(words::split_plain(text, arguments.clone())),
        Keyword::From => from(text, arguments)?,
        Keyword::Healthcheck => healthcheck(text, arguments)?,
        Keyword::Maintainer => Kind::Maintainer(single()?),
        Keyword::Onbuild => {
            if arguments.is_empty() {
                return Err(need_one());
            }
            onbuild(text, arguments, escape)?
        }
        Keyword::Shell => match json_array(&text[arguments.clone()])? {
            Some(list) if !list.is_empty() => Kind::Shell(list),
            _ => return Err(build("SHELL requires the arguments to be in JSON form")),
        },
        Keyword::Stopsignal => Kind::Stopsignal(single()?),
        Keyword::User => Kind::User(single()?),
        Keyword::Volume => {
            let list = json_array(&text[arguments.clone()])?.unwrap_or_else(|| {
                words::split_plain(text, arguments.clone()).into_iter().map(|word| word.raw).collect()
            });
            if list.is_empty() {
                return Err(need_one());
            }
            Kind::Volume(list)
        }
        Keyword::Workdir => Kind::Workdir(single()?),
    })
}

/// The instruction that is held back, which may not be one of those that `parseOnBuild` of BuildKit refuses.
fn onbuild(text: &str, arguments: &Range<usize>, escape: char) -> Result<Kind, Problem> {
    let written = &text[arguments.clone()];
    let end = written.find(is_space).unwrap_or(written.len());
    match Keyword::parse(&written[..end]) {
        Some(Keyword::Onbuild) => Err(build("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        Some(name @ (Keyword::From | Keyword::Maintainer)) => {
            Err(build(format!("{name} isn't allowed as an ONBUILD trigger")))
        }
        name => match Parsed::within(text, arguments.clone(), escape) {
            Ok(inner) => Ok(Kind::Onbuild(Some(Box::new(inner)))),
            // With a here-document, what the lines behind it are depends on the instruction.
            Err((ErrorKind::Build, _)) if name.is_none() || !written.contains("<<") => {
                Ok(Kind::Onbuild(None))
            }
            Err(problem) => Err(problem),
        },
    }
}

fn from(text: &str, arguments: &Range<usize>) -> Result<Kind, Problem> {
    let mut words = words::split_plain(text, arguments.clone()).into_iter();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(image), None, ..) => Ok(Kind::From { image, name: None }),
        (Some(image), Some(keyword), Some(name), None) if keyword.raw.eq_ignore_ascii_case("as") => {
            Ok(Kind::From { image, name: Some(name) })
        }
        _ => Err(build("FROM requires either one or three arguments")),
    }
}

fn command(text: &str, arguments: &Range<usize>) -> Result<CommandForm, Problem> {
    Ok(json_array(&text[arguments.clone()])?
        .map_or_else(|| CommandForm::Shell(arguments.clone()), CommandForm::Exec))
}

fn healthcheck(text: &str, arguments: &Range<usize>) -> Result<Kind, Problem> {
    let written = &text[arguments.clone()];
    let end = written.find(is_space).unwrap_or(written.len());
    let rest = skip_space(text, arguments.start + end..arguments.end);
    match written[..end].to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => Ok(Kind::Healthcheck(Healthcheck::None)),
        "NONE" => Err(build("HEALTHCHECK NONE takes no arguments")),
        "CMD" if rest.is_empty() => Err(build("missing command after HEALTHCHECK CMD")),
        "CMD" => Ok(Kind::Healthcheck(Healthcheck::Cmd(command(text, &rest)?))),
        "" => Err(build("HEALTHCHECK requires at least one argument")),
        other => Err(build(format!("unknown type \"{other}\" in HEALTHCHECK (try CMD)"))),
    }
}

fn transfer(text: &str, name: Keyword, arguments: &Range<usize>) -> Result<Transfer, Problem> {
    let list = json_array(&text[arguments.clone()])?;
    let json = list.is_some();
    let mut words: Vec<Word> = match list {
        Some(list) => list.into_iter().map(|raw| Word { span: arguments.clone(), raw }).collect(),
        None => words::split_plain(text, arguments.clone()),
    };
    let destination = words.pop().filter(|_| !words.is_empty());
    let destination = destination.ok_or_else(|| {
        build(format!("{name} requires at least two arguments, but only one was provided. Destination could not be determined"))
    })?;
    Ok(Transfer { sources: words, destination, json })
}

impl Transfer {
    /// Sources that are files, not here-documents.
    pub fn files(&self) -> impl Iterator<Item = &Word> {
        self.sources.iter().filter(|word| heredoc::announced(&word.raw).is_empty())
    }
}

/// The strings of a JSON array; `None` when it isn't one. An array of other things is an error of the parser.
/// What follows the array is ignored, as older versions of BuildKit do; newer ones make the whole a text for
/// the shell.
fn json_array(text: &str) -> Result<Option<Vec<String>>, Problem> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Vec<serde_json::Value>>();
    let Some(Ok(values)) = values.next() else { return Ok(None) };
    values
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(string) => Ok(string),
            _ => Err((
                ErrorKind::Grammar,
                "when using JSON array syntax, arrays must be comprised of strings only".to_owned(),
            )),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn pairs(
    text: &str,
    name: Keyword,
    arguments: &Range<usize>,
    escape: char,
) -> Result<Vec<ArgumentPair>, Problem> {
    let words = words::split(text, arguments.clone(), escape);
    let Some(first) = words.first() else {
        return Err(build(format!("{name} requires at least one argument")));
    };
    if !first.raw.contains('=') {
        let end = first.span.start
            + text[first.span.start..arguments.end]
                .find(is_space)
                .unwrap_or(arguments.end - first.span.start);
        let value = skip_space(text, end..arguments.end);
        if value.is_empty() {
            return Err((ErrorKind::Grammar, format!("{name} must have two arguments")));
        }
        return Ok(vec![ArgumentPair {
            name: text[first.span.start..end].to_owned(),
            value: Some(Word { raw: text[value.clone()].to_owned(), span: value }),
            span: arguments.clone(),
            old_form: true,
        }]);
    }
    words
        .into_iter()
        .map(|word| {
            pair(&word).ok_or_else(|| {
                let message = format!(
                    "Syntax error - can't find = in \"{}\". Must be of the form: name=value",
                    word.raw
                );
                (ErrorKind::Grammar, message)
            })
        })
        .collect()
}

fn pair(word: &Word) -> Option<ArgumentPair> {
    let equals = word.raw.find('=')?;
    Some(ArgumentPair {
        name: word.raw[..equals].to_owned(),
        value: Some(Word {
            raw: word.raw[equals + 1..].to_owned(),
            span: word.span.start + equals + 1..word.span.end,
        }),
        span: word.span.clone(),
        old_form: false,
    })
}

fn arg_pairs(text: &str, arguments: &Range<usize>, escape: char) -> Option<Vec<ArgumentPair>> {
    let words = words::split(text, arguments.clone(), escape);
    (!words.is_empty()).then(|| {
        words
            .into_iter()
            .map(|word| {
                pair(&word).unwrap_or_else(|| ArgumentPair {
                    name: word.raw.clone(),
                    value: None,
                    span: word.span.clone(),
                    old_form: false,
                })
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onbuild_holds_back_no_other_onbuild() {
        let refused = |text: &str| Parsed::of(text, '\\').unwrap_err().1;
        assert!(refused(&format!("{}RUN ls", "ONBUILD ".repeat(100_000))).starts_with("Chaining ONBUILD"));
        assert_eq!(refused("ONBUILD from a"), "FROM isn't allowed as an ONBUILD trigger");
        assert!(Parsed::of("onbuild run ls", '\\').is_ok());
    }

    #[test]
    fn onbuild_does_not_look_at_what_only_another_build_runs() {
        for text in ["ONBUILD COPPY a b", "ONBUILD ARG", "ONBUILD COPY a", "ONBUILD SHELL bash"] {
            assert!(matches!(Parsed::of(text, '\\'), Ok(Parsed { kind: Kind::Onbuild(None), .. })), "{text}");
        }
        // The parser looks into it, and refuses what it can't split.
        assert_eq!(Parsed::of("ONBUILD ENV A", '\\').unwrap_err().1, "ENV must have two arguments");
    }
}
