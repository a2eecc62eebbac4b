//! Who reads a package index that a RUN leaves behind.
//!
//! `apt-get install` fails where the lists are gone, so they may go only where every later installation
//! fetches its own. What can't be looked into (a script of the author's, without a build context) is said.

use super::survey::Survey;
use super::{Run, decided, flags};
use crate::facts::{Action, PackageCommand, package_command, package_commands, program_word, removes};
use crate::knowledge::PackageManager;
use crate::plan::Situation;
use dfix_syntax::shell::{CompoundKind, Joint, Script, SimpleCommand};
use dfix_syntax::{CommandForm, Dockerfile, Instruction, Kind};

/// What later instructions do with an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reader {
    /// None of them reads it.
    None,
    /// The next one to read an index fetches it, or removes this one, first.
    Fetches,
    /// One reads this index.
    Needs {
        /// Its line.
        line: usize,
        /// What it is.
        what: String,
    },
    /// One may read it: it could not be looked into.
    Unknown {
        /// Its line.
        line: usize,
        /// What it is.
        what: String,
    },
}

impl Reader {
    /// Of what happens in one order or side by side: a need outweighs what is unknown, and that the rest.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        if matches!(self, Self::Needs { .. }) {
            return self;
        }
        match (self, other()) {
            (_, needs @ Self::Needs { .. }) => needs,
            (unknown @ Self::Unknown { .. }, _) => unknown,
            (_, other) => other,
        }
    }

    /// Of what happens one after the other; `None` stands for nothing.
    pub fn then(self, next: impl FnOnce() -> Option<Self>) -> Self {
        match self {
            Self::Fetches | Self::Needs { .. } => self,
            _ => self.and(|| next().unwrap_or(Self::None)),
        }
    }
}

/// What stages that are built on one, or copy its index, do with it.
pub(super) fn readers_elsewhere(
    survey: &Survey<'_>,
    stage: usize,
    manager: &'static PackageManager,
) -> Reader {
    let facts = &survey.situation.facts.stages[stage];
    let mut found = Reader::None;
    for &child in facts.children.iter().chain(&facts.readers) {
        if facts.children.contains(&child) || copies_index(survey, stage, child, manager) {
            let start = survey.stages[child].instructions.start;
            found = found.and(|| survey.reader_after(child, start, manager));
        }
    }
    found
}

/// What the commands of a RUN from the one at `first` on do.
pub(super) fn reader_in(run: &Run<'_>, first: usize, manager: &'static PackageManager) -> Reader {
    scan(run.situation, run.script, first, manager, run.line(), &|command| {
        flags::will_have_flag(run, command)
    })
}

pub(super) fn reader_at(
    survey: &Survey<'_>,
    stage: usize,
    at: usize,
    manager: &'static PackageManager,
) -> Reader {
    let instruction = &survey.situation.tree.instructions[at];
    match (instruction.kind(), instruction.script()) {
        (Kind::Run(_), _) => match Run::at(survey, stage, at) {
            Some(run) => reader_in(&run, 0, manager),
            None => by_name(instruction, manager),
        },
        (Kind::Cmd(_) | Kind::Entrypoint(_), script) => {
            starts(survey.situation, instruction, script.and_then(Result::ok), manager)
        }
        (Kind::Onbuild(_), _) => by_name(instruction, manager),
        _ => Reader::None,
    }
}

/// What a container does when it starts. A script that is not seen is taken to leave the index alone: an
/// image that installs packages at its start would have to fetch an index of the day.
fn starts(
    situation: Situation<'_>,
    instruction: &Instruction,
    script: Option<&Script>,
    manager: &'static PackageManager,
) -> Reader {
    let line = instruction.line();
    let found = match (script, instruction.command()) {
        (Some(script), _) => scan(situation, script, 0, manager, line, &|_| false),
        (None, Some(CommandForm::Exec(words))) if situation.context.is_some() => {
            let programs = words.iter().take(2).map(|name| Called { name: name.clone(), sourced: true });
            programs.fold(by_name(instruction, manager), |found, called| {
                found.and(|| look_into(situation, &called, manager, line))
            })
        }
        _ => by_name(instruction, manager),
    };
    if matches!(found, Reader::Needs { .. }) { found } else { Reader::None }
}

/// For what is not read as a script: whether it names a program that reads an index.
fn by_name(instruction: &Instruction, manager: &PackageManager) -> Reader {
    match named(&instruction.logical().text, manager) {
        Some(name) => Reader::Needs { line: instruction.line(), what: format!("`{name}`") },
        None => Reader::None,
    }
}

fn scan(
    situation: Situation<'_>,
    script: &Script,
    first: usize,
    manager: &'static PackageManager,
    line: usize,
    has_flag: &dyn Fn(&PackageCommand<'_>) -> bool,
) -> Reader {
    let mut unknown = Reader::None;
    // An index that was fetched under a condition serves the rest of its chain of `&&`.
    let mut served = false;
    let needs = |what: String| Reader::Needs { line, what };
    for (index, simple) in script.commands().iter().enumerate().skip(first) {
        served &= simple.joined_by == Some(Joint::And);
        let command = package_command(index, simple).filter(|command| command.manager.lists == manager.lists);
        if let Some(command) = command {
            let verb = command.verb();
            let supplies = command.action == Action::Update || fetches_itself(&command);
            match command.action {
                _ if supplies && is_certain(simple) => return unknown.and(|| Reader::Fetches),
                _ if supplies => served = true,
                Action::Install if !served && !has_flag(&command) => {
                    return needs(format!("`{} {verb}`", command.manager.programs[0]));
                }
                _ if manager.index_verbs.iter().any(|reads| reads == verb) && !served => {
                    return needs(format!("`{} {verb}`", command.manager.programs[0]));
                }
                _ => {}
            }
        } else if removes(simple, std::iter::once(manager.lists.as_str())) && is_certain(simple) {
            return unknown.and(|| Reader::Fetches);
        } else if package_command(index, simple).is_some() {
            // What another package manager installs may have such a name.
        } else if let Some(name) = simple.words.iter().find_map(|word| named(&word.raw, manager)) {
            return needs(format!("`{name}`"));
        } else if let Some(called) = called_script(simple) {
            unknown = unknown.and(|| look_into(situation, &called, manager, line));
        }
        if matches!(unknown, Reader::Needs { .. }) {
            return unknown;
        }
    }
    unknown
}

/// Whether an installing command brings the index up to date by itself: `apk add --no-cache`, `--update`.
fn fetches_itself(command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    command.action == Action::Install
        && !manager.flag.is_empty()
        && command.has_option(&manager.drops)
        && !decided::by_option(command)
}

/// Whether a command runs whenever its script does.
fn is_certain(simple: &SimpleCommand) -> bool {
    !simple.condition
        && simple.joined_by != Some(Joint::Or)
        && simple
            .enclosures
            .iter()
            .all(|kind| matches!(kind, CompoundKind::Subshell | CompoundKind::BraceGroup))
}

/// The name of a program that reads the index, where a text has it as a word of its own.
fn named<'t>(text: &'t str, manager: &PackageManager) -> Option<&'t str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)));
    let names = words.filter_map(|word| match word.rsplit_once('/') {
        Some((folder, name)) => folder.ends_with("bin").then_some(name),
        None => Some(word),
    });
    let mut programs = names
        .filter(|name| manager.programs.iter().chain(&manager.index_programs).any(|program| program == name));
    programs.next()
}

/// A script that a command runs.
struct Called {
    name: String,
    /// Whether it only sets variables as a rule, so that it counts only where it is seen to do more.
    sourced: bool,
}

/// Scripts that build a program, whatever their names; and folders of programs.
const BUILDS: &[&str] =
    &["configure", "config", "Configure", "autogen.sh", "buildconf", "gradlew", "mvnw", "manage.py", "waf"];
const PROGRAMS: &[&str] = &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/"];

fn called_script(simple: &SimpleCommand) -> Option<Called> {
    let (program, _) = program_word(simple)?;
    let written = simple.words[program].literal.as_deref()?;
    let name = written.rsplit('/').next().unwrap_or(written);
    let operand = simple.words.iter().skip(program + 1).find(|word| !word.raw.starts_with('-'));
    let given = operand.map(|word| word.literal.as_deref().unwrap_or(&word.raw).to_owned());
    match name {
        "sh" | "bash" | "ash" | "dash" | "ksh" | "zsh" => {
            let inline = simple.words.iter().skip(program + 1).any(|word| {
                word.raw.starts_with('-') && !word.raw.starts_with("--") && word.raw.ends_with('c')
            });
            let literal = operand.is_some_and(|word| word.literal.is_some());
            // The words of `sh -c '…'` have been looked at.
            let name = given.unwrap_or_else(|| "a script from standard input".to_owned());
            (!(inline && literal)).then_some(Called { name, sourced: false })
        }
        "." | "source" => Some(Called { name: given?, sourced: true }),
        _ if BUILDS.contains(&name) => None,
        _ if written.contains('/') && PROGRAMS.iter().any(|folder| written.starts_with(folder)) => None,
        _ if written.ends_with(".sh") || written.ends_with(".bash") => {
            Some(Called { name: written.to_owned(), sourced: false })
        }
        _ if written.contains('/') => Some(Called { name: written.to_owned(), sourced: false }),
        _ => None,
    }
}

/// Reads a script in the build context, by its name: where in the image it lies says nothing of its place.
fn look_into(
    situation: Situation<'_>,
    called: &Called,
    manager: &'static PackageManager,
    line: usize,
) -> Reader {
    let unknown = || Reader::Unknown { line, what: called.name.clone() };
    let name = called.name.rsplit('/').next().unwrap_or_default();
    let Some(context) = situation.context else {
        return if called.sourced { Reader::None } else { unknown() };
    };
    let mut seen = false;
    for path in context.named(name) {
        let Some(text) = context.text(path) else { return unknown() };
        seen = true;
        if named(&text, manager).is_some() {
            let Ok(script) = Script::parse(&text) else { return unknown() };
            // A script that calls others is not followed further.
            let own = package_commands(&script);
            let fetches =
                own.iter().position(|c| c.manager.lists == manager.lists && c.action == Action::Update);
            let installs =
                own.iter().position(|c| c.manager.lists == manager.lists && c.action == Action::Install);
            match (fetches, installs) {
                (Some(fetch), Some(install)) if fetch < install && is_certain(own[fetch].simple) => {}
                (_, None) => {}
                _ => return Reader::Needs { line, what: path.to_owned() },
            }
        }
    }
    if seen || called.sourced { Reader::None } else { unknown() }
}

/// Whether a stage copies the folder of the index from another one, or one around it.
fn copies_index(survey: &Survey<'_>, from: usize, stage: usize, manager: &PackageManager) -> bool {
    let (situation, stages) = (survey.situation, &survey.stages);
    let lists = manager.lists.as_str();
    let around = |path: &str| {
        let path = path.trim_end_matches(['/', '*', '.']);
        lists == path
            || lists.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
            || path.strip_prefix(lists).is_some_and(|rest| rest.starts_with('/'))
    };
    stages[stage].instructions.clone().any(|at| {
        let instruction = &situation.tree.instructions[at];
        let named = |name: &str| Dockerfile::stage_of(stages, name, stage, true) == Some(from);
        let copied = match instruction.kind() {
            Kind::Copy(transfer) => {
                instruction.flag("from").is_some_and(named)
                    && transfer.sources.iter().any(|source| around(&source.raw))
            }
            _ => false,
        };
        copied
            || instruction.flags().iter().filter(|flag| flag.name == "mount").any(|flag| {
                let value = flag.value.as_deref().unwrap_or_default();
                value.split(',').any(|field| field.strip_prefix("from=").is_some_and(named))
                    && value.contains(lists)
            })
    })
}
