//! `no-cache`: what package managers keep for the next time stays out of the layers.

mod answers;
mod cleanup;
mod decided;
mod flags;
mod index;
mod survey;

use self::survey::Survey;
use super::run_edit::RunEdit;
use crate::edit::Change;
use crate::facts::{Action, PackageCommand, StageFacts, package_commands};
use crate::knowledge::{PACKAGE_MANAGERS, PackageManager};
use crate::options::Cache;
use crate::plan::{Findings, Proposal, Safety, Situation};
use dfix_syntax::shell::{Element, Script};
use dfix_syntax::{CommandForm, Instruction, Keyword, Kind};

pub(crate) fn find(situation: Situation<'_>, findings: &mut Findings) {
    if situation.options.cache == Cache::Mounts {
        return;
    }
    let survey = Survey::of(situation);
    for stage in &situation.facts.stages {
        let kept = survey.is_kept(stage.stage.number);
        for at in stage.stage.instructions.clone() {
            let run = &situation.tree.instructions[at];
            if run.keyword() != Keyword::Run || !situation.facts.is_posix(at) {
                continue;
            }
            match Run::at(&survey, stage.stage.number, at) {
                Some(run) => run.look(findings),
                None if kept => unread(run, findings),
                None => {}
            }
        }
    }
}

/// A RUN whose script was understood.
struct Run<'a> {
    survey: &'a Survey<'a>,
    situation: Situation<'a>,
    stage: &'a StageFacts,
    at: usize,
    run: &'a Instruction,
    script: &'a Script,
    commands: Vec<PackageCommand<'a>>,
    /// Whether what it leaves behind gets into an image.
    kept: bool,
}

/// One edit of a RUN.
enum Edit {
    /// A word behind another one.
    AddWord { command: usize, behind: usize, text: String },
    /// A word less.
    DropWord { command: usize, word: usize },
    /// A command less.
    Remove { command: usize },
    /// A command at the end.
    Append(String),
    /// A command behind another one.
    Behind { command: usize, text: String },
}

/// Edits that belong together.
struct Work {
    safety: Safety,
    what: String,
    evidence: Vec<String>,
    edits: Vec<Edit>,
}

impl<'a> Run<'a> {
    fn at(survey: &'a Survey<'a>, stage: usize, at: usize) -> Option<Self> {
        let situation = survey.situation;
        let run = &situation.tree.instructions[at];
        let Kind::Run(CommandForm::Shell(_)) = run.kind() else { return None };
        let script = run.script()?.ok()?;
        let kept = survey.is_kept(stage);
        let stage = &situation.facts.stages[stage];
        Some(Self { survey, situation, stage, at, run, script, commands: package_commands(script), kept })
    }

    fn look(&self, findings: &mut Findings) {
        let mut work = Vec::new();
        answers::yes(self, &mut work);
        if self.kept {
            flags::find(self, &mut work, findings);
            cleanup::find(self, &mut work, findings);
            answers::fewer(self, &mut work);
            self.quoted(findings);
        }
        for safety in [Safety::Same, Safety::Unproven] {
            let chosen: Vec<&Work> = work.iter().filter(|work| work.safety == safety).collect();
            if chosen.is_empty() {
                continue;
            }
            if let Some(proposal) = self.proposal(safety, &chosen) {
                findings.propose(proposal);
                if self.situation.options.unproven {
                    // Two edits of one RUN take two rounds: the chain would only find out that they overlap.
                    break;
                }
            } else {
                let what: Vec<&str> = chosen.iter().map(|work| work.what.as_str()).collect();
                findings.decline(
                    self.line(),
                    format!("the shape of line {} leaves no place to {}", self.line(), what.join(", ")),
                );
            }
        }
    }

    fn proposal(&self, safety: Safety, chosen: &[&Work]) -> Option<Proposal> {
        let mut edit = RunEdit::of(self.run, self.situation.style)?;
        for step in chosen.iter().flat_map(|work| &work.edits) {
            match step {
                Edit::AddWord { command, behind, text } => edit.add_word(*command, *behind, text)?,
                Edit::DropWord { command, word } => edit.drop_word(*command, *word)?,
                Edit::Remove { command } => edit.remove_command(*command)?,
                Edit::Append(text) => edit.append(text)?,
                Edit::Behind { command, text } => edit.add_command(*command, text)?,
            }
        }
        let (with, effects) = edit.finish()?;
        let mut evidence: Vec<String> = Vec::new();
        for line in chosen.iter().flat_map(|work| &work.evidence) {
            if !evidence.contains(line) {
                evidence.push(line.clone());
            }
        }
        let what: Vec<&str> = chosen.iter().map(|work| work.what.as_str()).collect();
        Some(Proposal {
            line: self.line(),
            safety,
            what: what.join("; "),
            evidence,
            changes: vec![Change::replace(self.at, with)],
            effects,
        })
    }

    fn line(&self) -> usize {
        self.run.line()
    }

    fn silenced(&self, manager: &PackageManager) -> bool {
        self.survey.silence.covers(self.at, manager.rules.iter().map(String::as_str))
    }

    /// The installing commands, without those that only say something about the program.
    fn installs(&self) -> impl Iterator<Item = &PackageCommand<'a>> {
        self.commands.iter().filter(|command| command.action == Action::Install && is_real(command))
    }

    /// Whether a command is a link of its own of the outermost chain of `&&`.
    fn is_link(&self, index: usize) -> bool {
        self.script.is_and_chain()
            && self.script.lists().iter().flat_map(|list| &list.pipelines).any(|pipeline| {
                !pipeline.negated
                    && matches!(pipeline.elements[..], [Element::Simple(found)] if found == index)
            })
    }

    /// What a shell is given in quotes to run is not edited; it is told where there is something to do.
    fn quoted(&self, findings: &mut Findings) {
        for simple in self.script.commands() {
            let shell = simple.name().map(|name| name.rsplit('/').next().unwrap_or(name));
            if !matches!(shell, Some("sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "su" | "gosu" | "sudo"))
            {
                continue;
            }
            let scripts = simple.words.iter().skip(1).filter(|word| word.quoted);
            for text in scripts.filter_map(|word| word.literal.as_deref()) {
                let Ok(script) = Script::parse(text) else { continue };
                let wanted = package_commands(&script).into_iter().find(|command| {
                    command.action == Action::Install
                        && !command.manager.flag.is_empty()
                        && !decided::by_option(command)
                });
                if let Some(command) = wanted {
                    findings.decline(
                        self.line(),
                        format!(
                            "line {} runs `{} {}` in quotes, which dfix does not edit: add {} there",
                            self.line(),
                            command.manager.id,
                            command.verb(),
                            command.manager.flag
                        ),
                    );
                }
            }
        }
    }
}

/// Whether an installing command does something: `yarn --version` and `conda env list` do not.
fn is_real(command: &PackageCommand<'_>) -> bool {
    let asks = |name: &str| matches!(name, "--version" | "-v" | "--help" | "-h");
    match command.verb() {
        "" => !command.options.iter().any(|option| asks(&option.name)),
        "env" => matches!(command.operand_values().next(), Some(Some("create" | "update"))),
        _ => true,
    }
}

/// A RUN that can't be edited, where it names an installation.
fn unread(run: &Instruction, findings: &mut Findings) {
    let why = match run.kind() {
        Kind::Run(CommandForm::Exec(_)) => "it is written in JSON form",
        _ => "its shell script was not understood",
    };
    let text = run.arguments().replace(['"', ',', '[', ']'], " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let named = PACKAGE_MANAGERS.manager.iter().find_map(|manager| {
        let to_do = if manager.flag.is_empty() { &manager.cleanup } else { &manager.flag };
        let done = to_do.is_empty()
            || words.iter().any(|word| *word == to_do || manager.same_flags.iter().any(|flag| flag == word));
        let at = words.iter().position(|word| manager.programs.iter().any(|program| program == word))?;
        let verb = words[at + 1..].iter().find(|word| !word.starts_with('-'))?;
        (!done && !verb.is_empty() && manager.install.iter().any(|install| install == verb))
            .then_some((manager, to_do))
    });
    if let Some((manager, to_do)) = named {
        findings.decline(
            run.line(),
            format!(
                "line {} installs with {}, but {why}: it is left alone, `{to_do}` would keep the cache out",
                run.line(),
                manager.id
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::options::Options;
    use crate::{Cache, Merge, plan};
    use dfix_syntax::Dockerfile;

    fn rewritten(text: &str, options: Options) -> String {
        plan(&Dockerfile::parse(text).unwrap(), None, &options).result.to_string()
    }

    #[test]
    fn lines_end_as_they_did() {
        let text = "FROM debian:12\r\nRUN apt-get update && \\\r\n  apt-get install -y curl\r\nRUN apt-get install -y git";
        let only = vec!["merge-runs".to_owned(), "no-cache".to_owned()];
        assert_eq!(
            rewritten(text, Options { only, ..Options::default() }),
            "FROM debian:12\r\nRUN apt-get update && \\\r\n  apt-get install -y curl && \\\r\n  apt-get install -y git && \\\r\n  rm -rf /var/lib/apt/lists/*"
        );
    }

    #[test]
    fn mounts_instead_leave_flags_alone() {
        let text = "FROM debian:12\nRUN apt-get update && apt-get install curl\nRUN pip install flask\n";
        let options =
            Options { only: vec!["no-cache".to_owned()], cache: Cache::Mounts, ..Options::default() };
        assert_eq!(rewritten(text, options), text);
    }

    #[test]
    fn merged_runs_are_cleaned_once() {
        let text =
            "FROM debian:12\nRUN apt-get update\nRUN cd /srv && touch a\nRUN apt-get install -y curl\n";
        let only = vec!["merge-runs".to_owned(), "no-cache".to_owned()];
        assert_eq!(
            rewritten(text, Options { only, merge: Merge::All, ..Options::default() }),
            "FROM debian:12\nRUN apt-get update && \\\n    (cd /srv && touch a) && \\\n    apt-get install -y curl && \\\n    rm -rf /var/lib/apt/lists/*\n"
        );
    }
}
