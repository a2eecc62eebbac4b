//! Stages in the making, from the instructions of the one that they replace.

use crate::check::atom_texts;
use crate::edit::Change;
use crate::plan::{Effect, Situation};
use dfix_syntax::{Instruction, Keyword};

/// The stages that come instead of the only one of a file.
pub(super) struct Draft<'a> {
    situation: Situation<'a>,
    /// Index of the FROM.
    from: usize,
    stages: usize,
    instructions: Vec<Instruction>,
    /// How often each instruction of the original is there.
    kept: Vec<usize>,
    effects: Vec<Effect>,
}

impl<'a> Draft<'a> {
    /// A draft for the only stage of a file.
    pub fn of(situation: Situation<'a>) -> Option<Self> {
        let [stage] = situation.facts.stages.as_slice() else { return None };
        Some(Self {
            situation,
            from: stage.stage.instructions.start,
            stages: 0,
            instructions: Vec::new(),
            kept: vec![0; situation.tree.instructions.len()],
            effects: Vec::new(),
        })
    }

    /// A stage name that the file doesn't use: `wanted`, or `wanted-2`…
    pub fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| {
            self.situation.facts.stages.iter().any(|stage| {
                stage.stage.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
            })
        };
        let names = std::iter::once(wanted.to_owned()).chain((2..).map(|n| format!("{wanted}-{n}")));
        names.into_iter().find(|name| !taken(name)).unwrap_or_else(|| wanted.to_owned())
    }

    /// Starts a stage. The first takes over what stands above the old FROM; the last, for which `name` is
    /// `None`, its name.
    pub fn stage(&mut self, base: &str, name: Option<&str>) -> Option<()> {
        let Situation { tree, style, facts, .. } = self.situation;
        let old = &tree.instructions[self.from];
        let written = &facts.stages[0].stage;
        let mut arguments: Vec<String> =
            old.flags().iter().map(|flag| old.logical().text[flag.span.clone()].to_owned()).collect();
        arguments.push(base.to_owned());
        if let Some(name) = name.or(written.name.as_deref()) {
            arguments.push(style.alias().to_owned());
            arguments.push(name.to_owned());
        }
        let line = style.line(Keyword::From, &arguments.join(" "))?.at_line(old.line());
        let lead = if self.stages == 0 { old.lead() } else { style.newline };
        self.instructions.push(line.with_lead(lead));
        self.stages += 1;
        if base != written.base && !self.instructions.is_empty() {
            let effect = Effect::Base { from: written.base.clone(), to: base.to_owned() };
            if !self.effects.contains(&effect) {
                self.effects.push(effect);
            }
        }
        Some(())
    }

    /// Takes an instruction over as it is. Where it is there already, without the comments above and in it.
    pub fn keep(&mut self, at: usize) {
        let instruction = &self.situation.tree.instructions[at];
        if self.kept[at] > 0 {
            for text in atom_texts(instruction) {
                self.effects.push(Effect::Repeated(text));
            }
            let bare = without_comments(instruction).unwrap_or_else(|| instruction.with_lead(""));
            self.instructions.push(bare.with_lead(self.gap(at)));
        } else {
            self.instructions.push(instruction.clone());
        }
        self.kept[at] += 1;
    }

    /// Takes part of an instruction over that is there already.
    pub fn repeat_as(&mut self, at: usize, instruction: &Instruction) {
        let all = atom_texts(&self.situation.tree.instructions[at]);
        for text in atom_texts(instruction) {
            self.effects.push(match all.contains(&text) {
                true => Effect::Repeated(text),
                false => Effect::Added(text),
            });
        }
        self.instructions.push(instruction.with_lead(self.gap(at)));
        self.kept[at] += 1;
    }

    /// A blank line where the original has one above an instruction.
    fn gap(&self, at: usize) -> &'static str {
        let lead = self.situation.tree.instructions[at].lead();
        if lead.starts_with(['\n', '\r']) { self.situation.style.newline } else { "" }
    }

    /// Takes an instruction over in another form, with the effects of the difference.
    pub fn keep_as(&mut self, at: usize, instruction: Instruction, effects: Vec<Effect>) {
        self.instructions.push(instruction);
        self.effects.extend(effects);
        self.kept[at] += 1;
    }

    /// Adds an instruction of one line.
    pub fn add(&mut self, keyword: Keyword, arguments: &str) -> Option<()> {
        let instruction = self.situation.style.line(keyword, arguments)?;
        self.add_instruction(instruction);
        Some(())
    }

    /// Adds an instruction of one line before the one at `at`, with the blank line that stands above that.
    pub fn add_above(&mut self, at: usize, keyword: Keyword, arguments: &str) -> Option<()> {
        let instruction = self.situation.style.line(keyword, arguments)?;
        self.add_instruction(instruction.with_lead(self.gap(at)));
        Some(())
    }

    /// Adds an instruction.
    pub fn add_instruction(&mut self, instruction: Instruction) {
        self.effects.extend(atom_texts(&instruction).into_iter().map(Effect::Added));
        let line = self.instructions.last().map_or(0, Instruction::line);
        self.instructions.push(instruction.at_line(line));
    }

    /// The change and its effects. `None` where an instruction of the original has been forgotten.
    pub fn finish(mut self) -> Option<(Change, Vec<Effect>)> {
        let range = self.situation.facts.stages[0].stage.instructions.clone();
        if range.clone().skip(1).any(|at| self.kept[at] == 0) {
            return None;
        }
        self.effects.push(Effect::Split { stage: 0, into: self.stages });
        Some((Change { range, with: self.instructions }, self.effects))
    }
}

/// An instruction without the comments in and above it. `None` where one is part of a script.
pub(super) fn without_comments(instruction: &Instruction) -> Option<Instruction> {
    let bare = instruction.with_lead("");
    let in_script = bare.script().and_then(Result::ok).is_some_and(|script| !script.comments().is_empty());
    if !in_script && bare.comments().next().is_none() {
        return Some(bare);
    }
    if in_script || !bare.here_documents().is_empty() {
        return None;
    }
    let lines = bare.text().split_inclusive('\n');
    let text: String = lines.filter(|line| !line.trim_start().starts_with('#')).collect();
    Some(Instruction::parse(&text, bare.escape()).ok()?.at_line(bare.line()))
}
