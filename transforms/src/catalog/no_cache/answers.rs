//! Options of system package managers that are not about caches: `-y`, `--no-install-recommends`.

use super::{Edit, Run, Work};
use crate::facts::PackageCommand;
use crate::plan::Safety;
use dfix_syntax::shell::Terminator;

/// An installation that asks and gets no answer ends the build, so a build that works never asks: the answer
/// changes nothing, unless the failure was let pass.
pub(super) fn yes(run: &Run<'_>, work: &mut Vec<Work>) {
    for command in run.commands.iter().filter(|command| asks(command)) {
        let manager = command.manager;
        let (Some(answer), Some(behind)) = (manager.assume_yes.first(), command.subcommand) else { continue };
        if run.survey.silence.covers(run.at, ["DL3014", "DL3030", "DL3038", "DL3034"])
            || run.survey.is_settled(run.at, &["Assume-Yes", "assumeyes"])
        {
            continue;
        }
        let fatal = run.script.is_and_chain() && run.is_link(command.index);
        let lists = run.script.lists();
        let last = lists
            .last()
            .is_some_and(|list| list.terminator != Terminator::Background && list.pipelines.len() == 1)
            && run.script.commands().len() == command.index + 1
            && command.simple.enclosures.is_empty();
        let safety = if fatal || last { Safety::Same } else { Safety::Unproven };
        let evidence = if safety == Safety::Same {
            "without an answer the build would end here as soon as there is something to ask"
        } else {
            "its failure may be let pass today, so that an answer would install what was not installed"
        };
        work.push(Work {
            safety,
            what: format!("answer {} ({answer})", manager.id),
            evidence: vec![evidence.to_owned()],
            edits: vec![Edit::AddWord { command: command.index, behind, text: answer.clone() }],
        });
    }
}

fn asks(command: &PackageCommand<'_>) -> bool {
    let manager = command.manager;
    let answered = command.has_option(&manager.assume_yes)
        || command
            .options
            .iter()
            .any(|option| manager.assume_yes.contains(&command.simple.words[option.word].raw));
    let fed = command.simple.in_pipeline
        || command.simple.redirections.iter().any(|redirection| redirection.operator.starts_with('<'));
    let computed =
        command.simple.words.iter().any(|word| word.literal.is_none() && !word.quoted && !word.has_glob);
    manager.asks.iter().any(|verb| verb == command.verb()) && !answered && !fed && !computed
}

/// Recommended packages may be what makes another one work: leaving them out is always a suggestion.
pub(super) fn fewer(run: &Run<'_>, work: &mut Vec<Work>) {
    for command in &run.commands {
        let manager = command.manager;
        let Some(behind) = command.subcommand else { continue };
        let program = command.simple.words[command.program].literal.as_deref().unwrap_or_default();
        let decided = command.options.iter().any(|option| {
            let raw = &command.simple.words[option.word].raw;
            manager.fewer_same.iter().any(|prefix| raw.starts_with(prefix))
        });
        if manager.fewer.is_empty()
            || command.verb() != "install"
            || decided
            || program.ends_with("aptitude")
            || run.survey.silence.covers(run.at, ["DL3015"])
            || run.survey.is_settled(run.at, &["Install-Recommends"])
            || command.operands.is_empty()
        {
            continue;
        }
        // Behind `-y`, where that comes first.
        let next = command.simple.words.get(behind + 1);
        let behind = behind + usize::from(next.is_some_and(|word| word.raw == "-y"));
        work.push(Work {
            safety: Safety::Unproven,
            what: format!("install no recommended packages ({})", manager.fewer),
            evidence: vec![
                "could not prove that none of the recommended packages is what something needs".to_owned(),
            ],
            edits: vec![Edit::AddWord { command: command.index, behind, text: manager.fewer.clone() }],
        });
    }
}
