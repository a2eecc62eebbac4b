//! Edits of the commands in a RUN.

use crate::check::command_text;
use crate::plan::Effect;
use crate::style::Style;
use dfix_syntax::shell::{Element, Script, SimpleCommand, Terminator};
use dfix_syntax::{CommandForm, Instruction, Kind};
use std::ops::Range;

/// How long a line may become before it is broken.
const LINE: usize = 100;

/// Collects edits of one RUN and what they change.
pub(crate) struct RunEdit<'a> {
    instruction: &'a Instruction,
    script: &'a Script,
    style: Style,
    edits: Vec<(Range<usize>, String)>,
    /// Per command: words that go, and text behind a word.
    words: Vec<CommandEdit>,
    effects: Vec<Effect>,
}

#[derive(Default, Clone)]
struct CommandEdit {
    dropped: Vec<usize>,
    added: Vec<(usize, String)>,
    replaced: Vec<(usize, String)>,
}

impl<'a> RunEdit<'a> {
    /// `None` for what is not a RUN with a script that was understood.
    pub fn of(instruction: &'a Instruction, style: &Style) -> Option<Self> {
        let Kind::Run(CommandForm::Shell(_)) = instruction.kind() else { return None };
        let script = instruction.script()?.ok()?;
        Some(Self {
            instruction,
            script,
            style: style.of_run(instruction),
            edits: Vec::new(),
            words: vec![CommandEdit::default(); script.commands().len()],
            effects: Vec::new(),
        })
    }

    fn source(&self, span: Range<usize>) -> Option<Range<usize>> {
        self.instruction.script_range(span)
    }

    fn simple(&self, command: usize) -> &'a SimpleCommand {
        &self.script.commands()[command]
    }

    /// Puts a word behind another one.
    pub fn add_word(&mut self, command: usize, behind: usize, text: &str) -> Option<()> {
        let end = self.simple(command).words.get(behind)?.span.end;
        let at = self.source(end - 1..end)?.end;
        self.edits.push((at..at, format!(" {text}")));
        self.words[command].added.push((behind, text.to_owned()));
        Some(())
    }

    /// Takes a word, not the first, out.
    pub fn drop_word(&mut self, command: usize, word: usize) -> Option<()> {
        let words = &self.simple(command).words;
        let (before, gone) = (words.get(word.checked_sub(1)?)?, words.get(word)?);
        let start = self.source(before.span.end - 1..before.span.end)?.end;
        let end = self.source(gone.span.clone())?.end;
        self.edits.push((start..end, String::new()));
        self.words[command].dropped.push(word);
        Some(())
    }

    /// Puts another word in the place of one.
    pub fn replace_word(&mut self, command: usize, word: usize, text: &str) -> Option<()> {
        let span = self.source(self.simple(command).words.get(word)?.span.clone())?;
        self.edits.push((span, text.to_owned()));
        self.words[command].replaced.push((word, text.to_owned()));
        Some(())
    }

    /// Takes a command out of a chain of `&&` that has others.
    pub fn remove_command(&mut self, command: usize) -> Option<()> {
        if !self.script.is_and_chain() {
            return None;
        }
        let pipelines = &self.script.lists().first()?.pipelines;
        let at = pipelines.iter().position(
            |pipeline| matches!(pipeline.elements[..], [Element::Simple(index)] if index == command),
        )?;
        let span = match (pipelines.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => {
                let start = self.source(pipelines[at].span.clone())?.start;
                start..self.source(next.span.clone())?.start
            }
            (None, Some(before)) => {
                let start = self.source(pipelines[before].span.clone())?.end;
                start..self.source(pipelines[at].span.clone())?.end
            }
            (None, None) => return None,
        };
        // A comment line between the two would go with it.
        if self.instruction.text()[span.clone()]
            .lines()
            .skip(1)
            .any(|line| line.trim_start().starts_with('#'))
        {
            return None;
        }
        self.edits.push((span, String::new()));
        self.effects.push(Effect::Removed(command_text(self.script, self.simple(command))));
        Some(())
    }

    /// Whether a command can be appended that runs when, and only when, all went well.
    pub fn can_append(&self) -> bool {
        let Some(last) = self.script.lists().last() else { return false };
        let terminated = !matches!(last.terminator, Terminator::None | Terminator::Newline);
        let ends_simple = last.pipelines.last().is_some_and(|pipeline| {
            !pipeline.negated && matches!(pipeline.elements.last(), Some(Element::Simple(_)))
        });
        let here_document = self.script.has_here_document();
        let commented = self.script.comments().iter().any(|comment| comment.end > last.span.end);
        !terminated && ends_simple && !here_document && !commented
    }

    /// Appends a command to the script.
    pub fn append(&mut self, command: &str) -> Option<()> {
        if !self.can_append() {
            return None;
        }
        let last = self.script.lists().last()?;
        let at = self.source(last.span.clone())?.end;
        self.edits.push((at..at, format!("{}{command}", self.joint(command))));
        self.effects.push(Effect::Added(command.to_owned()));
        Some(())
    }

    /// Puts a command behind another one of a chain of `&&`.
    pub fn add_command(&mut self, behind: usize, command: &str) -> Option<()> {
        if !self.script.is_and_chain() {
            return None;
        }
        let pipelines = &self.script.lists().first()?.pipelines;
        let pipeline = pipelines
            .iter()
            .find(|pipeline| matches!(pipeline.elements[..], [Element::Simple(index)] if index == behind))?;
        if pipeline.negated {
            return None;
        }
        let at = self.source(pipeline.span.clone())?.end;
        self.edits.push((at..at, format!("{}{command}", self.joint(command))));
        self.effects.push(Effect::Added(command.to_owned()));
        Some(())
    }

    /// A RUN on one line stays on one, where there is room. In the script of a here-document lines need no
    /// escape.
    fn joint(&self, command: &str) -> String {
        let text = self.instruction.text().trim_end();
        let fits = !text.contains('\n') && text.chars().count() + command.len() < LINE;
        let inline = fits || !self.instruction.here_documents().is_empty();
        if inline { " && ".to_owned() } else { self.style.joint() }
    }

    /// The edited RUN, and what differs. `None` where the edits don't fit together.
    pub fn finish(mut self) -> Option<(Instruction, Vec<Effect>)> {
        for (index, edit) in self.words.iter().enumerate() {
            if edit.dropped.is_empty() && edit.added.is_empty() && edit.replaced.is_empty() {
                continue;
            }
            let simple = &self.script.commands()[index];
            let from = command_text(self.script, simple);
            self.effects.push(Effect::Rewritten { from, to: edited_text(self.script, simple, edit) });
        }
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        if self.edits.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
            return None;
        }
        Some((self.instruction.edited(&self.edits).ok()?, self.effects))
    }
}

fn edited_text(script: &Script, simple: &SimpleCommand, edit: &CommandEdit) -> String {
    let mut parts: Vec<(usize, String)> =
        simple.assignments.iter().map(|a| (a.span.start, script.text()[a.span.clone()].to_owned())).collect();
    parts
        .extend(simple.redirections.iter().map(|r| (r.span.start, script.text()[r.span.clone()].to_owned())));
    for (index, word) in simple.words.iter().enumerate() {
        if !edit.dropped.contains(&index) {
            let replaced = edit.replaced.iter().find(|(at, _)| *at == index).map(|(_, text)| text.clone());
            parts.push((word.span.start, replaced.unwrap_or_else(|| word.raw.clone())));
        }
        for (_, text) in edit.added.iter().filter(|(behind, _)| *behind == index) {
            parts.push((word.span.start, text.clone()));
        }
    }
    parts.sort_by_key(|(start, _)| *start);
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}
