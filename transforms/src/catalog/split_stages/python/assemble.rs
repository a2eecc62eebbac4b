//! The two stages, put together.

use super::super::draft::{Draft, without_comments};
use super::super::system_packages::Wanted;
use super::Obstacle;
use super::environment::Environment;
use super::fate::Fate;
use super::part::with_packages;
use super::roles::{Role, Run};
use crate::catalog::run_edit::RunEdit;
use crate::facts::package_commands;
use crate::plan::{Effect, Proposal, Safety, Situation};
use dfix_syntax::{Instruction, Keyword, Kind};

/// All that the stages are made of.
pub(super) struct Assembly<'a> {
    pub situation: Situation<'a>,
    /// The base of the stage that runs.
    pub slim: String,
    pub fates: Vec<(usize, Fate)>,
    pub runs: &'a [(usize, Run<'a>)],
    /// The first and the last installation.
    pub first: usize,
    pub last: usize,
    pub environment: &'a Environment,
    pub wanted: Wanted,
    pub evidence: Vec<String>,
    pub doubts: Vec<String>,
    pub dependencies: usize,
}

impl Assembly<'_> {
    pub fn proposal(mut self) -> Result<Proposal, Obstacle> {
        let from =
            self.situation.tree.instructions[self.situation.facts.stages[0].stage.instructions.start].line();
        if let Some(line) = self.unrepeatable() {
            return Err((
                from,
                format!("line {line} is needed in both stages, and a comment in it can't be"),
            ));
        }
        self.add_packages();
        let drafted = self.draft();
        let (change, effects) =
            drafted.ok_or_else(|| (from, "the two stages could not be written".to_owned()))?;
        let Self { environment, slim, wanted, mut evidence, doubts, dependencies, .. } = self;
        evidence.extend(wanted.iter().map(|(package, why)| format!("{package} is installed, because {why}")));
        let s = if dependencies == 1 { "y" } else { "ies" };
        if doubts.is_empty() {
            evidence.push(format!(
                "{dependencies} dependenc{s}: none needs a library of the system at run time that is not there"
            ));
            evidence.push(format!(
                "nothing in the sources or in what starts calls a program that {slim} lacks, a login shell, or \
                 Python's packages by their absolute names"
            ));
        }
        let safety = if doubts.is_empty() { Safety::Checked } else { Safety::Unproven };
        evidence.extend(doubts);
        Ok(Proposal {
            line: from,
            safety,
            what: format!(
                "install into {} in a stage of its own, and copy that into {slim}",
                environment.path
            ),
            evidence,
            changes: vec![change],
            effects,
        })
    }

    /// The line of an instruction that would have to stand in both stages with a comment in its script.
    fn unrepeatable(&self) -> Option<usize> {
        let both =
            self.fates.iter().filter(|(_, fate)| fate.builder && fate.runtime && fate.edited.is_none());
        both.map(|(at, _)| &self.situation.tree.instructions[*at])
            .find(|instruction| without_comments(instruction).is_none())
            .map(Instruction::line)
    }

    /// Puts packages that are wanted into the author's first installation of such, where that comes first.
    fn add_packages(&mut self) {
        let packages: Vec<String> = self.wanted.keys().cloned().collect();
        if packages.is_empty() {
            return;
        }
        let tree = self.situation.tree;
        let first_run = self
            .fates
            .iter_mut()
            .find(|(at, fate)| fate.runtime && tree.instructions[*at].keyword() == Keyword::Run);
        let Some((at, fate)) = first_run else { return };
        let own = fate.edited.clone().or_else(|| without_comments(&tree.instructions[*at]));
        let Some(edited) = own.and_then(|own| with_packages(&own, &packages)) else { return };
        // The builder has it as it was: both together hold all of it.
        fate.builder = true;
        fate.edited = Some(edited);
        self.evidence.extend(
            self.wanted.iter().map(|(package, why)| format!("{package} is installed, because {why}")),
        );
        self.wanted.clear();
    }

    fn draft(&self) -> Option<(crate::edit::Change, Vec<Effect>)> {
        let Situation { facts, tree, .. } = self.situation;
        let base = &facts.stages[0].stage.base;
        let mut draft = Draft::of(self.situation)?;
        let builder = draft.free_name("builder");
        let place = self.place();
        draft.stage(base, Some(&builder))?;
        for (at, fate) in self.fates.iter().filter(|(at, _)| *at <= self.last) {
            if *at == place && self.environment.made {
                draft.add_above(*at, Keyword::Run, &format!("python -m venv {}", self.environment.path))?;
                draft.add(Keyword::Env, &self.variables())?;
            }
            if fate.builder {
                match (self.in_new_form(*at, fate), self.without_system_flag(*at)?) {
                    (Some(arguments), _) => draft.add_above(*at, Keyword::Env, &arguments)?,
                    (None, Some((instruction, effects))) => draft.keep_as(*at, instruction, effects),
                    (None, None) => draft.keep(*at),
                }
            }
        }
        draft.stage(&self.slim, None)?;
        let packages: Vec<&String> = self.wanted.keys().collect();
        let mut packages = (!packages.is_empty()).then_some(packages);
        let copied = self.copied_at(place);
        let mut waiting = true;
        for (at, fate) in &self.fates {
            let instruction = &tree.instructions[*at];
            let heads = matches!(
                instruction.keyword(),
                Keyword::Arg | Keyword::Env | Keyword::Label | Keyword::Shell | Keyword::Maintainer
            );
            if fate.runtime
                && !heads
                && let Some(packages) = packages.take()
            {
                draft.add_instruction(self.installation(&packages)?);
            }
            if *at >= copied && waiting {
                waiting = false;
                if let Some(packages) = packages.take() {
                    draft.add_instruction(self.installation(&packages)?);
                }
                self.copy(&mut draft, &builder, *at)?;
            }
            if fate.runtime {
                match &fate.edited {
                    Some(edited) => draft.repeat_as(*at, edited),
                    None => draft.keep(*at),
                }
            }
        }
        if waiting {
            self.copy(&mut draft, &builder, self.last)?;
        }
        draft.finish()
    }

    fn copy(&self, draft: &mut Draft<'_>, builder: &str, above: usize) -> Option<()> {
        let path = &self.environment.path;
        let copy = format!("--from={builder} {path} {path}");
        if !self.environment.made {
            return draft.add_above(above, Keyword::Copy, &copy);
        }
        draft.add_above(above, Keyword::Env, &format!("PATH={path}/bin:$PATH"))?;
        draft.add(Keyword::Copy, &copy)
    }

    fn variables(&self) -> String {
        let path = &self.environment.path;
        match self.environment.announced {
            true => format!("VIRTUAL_ENV={path} PATH={path}/bin:$PATH"),
            false => format!("PATH={path}/bin:$PATH"),
        }
    }

    /// Index of the instruction before which the environment is made: the first COPY of the builder after what
    /// sets up tools, or the first installation.
    fn place(&self) -> usize {
        let tools = self
            .runs
            .iter()
            .filter(|(at, run)| *at < self.first && run.has(Role::Tool) && !run.has(Role::Install));
        let after = tools.map(|(at, _)| at + 1).max().unwrap_or_default();
        let after = after.max(Environment::last_path(self.situation, self.first).map_or(0, |at| at + 1));
        let copy = self.fates.iter().find(|(at, fate)| {
            let keyword = self.situation.tree.instructions[*at].keyword();
            (after..self.first).contains(at)
                && fate.builder
                && matches!(keyword, Keyword::Copy | Keyword::Add)
                && self.situation.tree.instructions[*at].flag("from").is_none()
        });
        copy.map_or(self.first, |(at, _)| *at)
    }

    /// Index of the instruction of the stage that runs before which the environment is copied: where it is made in the
    /// other, but behind what is cheap to keep and changes seldom.
    fn copied_at(&self, place: usize) -> usize {
        let waits = |at: usize| {
            let instruction = &self.situation.tree.instructions[at];
            match instruction.keyword() {
                Keyword::Arg | Keyword::Env | Keyword::Label | Keyword::Shell | Keyword::Workdir => true,
                Keyword::Run => {
                    let found = self.runs.binary_search_by_key(&at, |(run, _)| *run);
                    found.is_ok_and(|found| !self.runs[found].1.has(Role::Other))
                }
                _ => false,
            }
        };
        let next = self
            .fates
            .iter()
            .find(|(at, fate)| *at >= place && (*at > self.last || fate.runtime && !waits(*at)));
        next.map_or(place, |(at, _)| *at)
    }

    /// The installation of packages that full images had.
    fn installation(&self, packages: &[&String]) -> Option<Instruction> {
        let style = self.situation.style;
        let list = packages.iter().map(|package| package.as_str()).collect::<Vec<_>>().join(" ");
        let joint = style.joint();
        style.line(
            Keyword::Run,
            &format!(
                "apt-get update{joint}apt-get install -y --no-install-recommends {list}{joint}rm -rf /var/lib/apt/lists/*"
            ),
        )
    }

    /// The arguments of `ENV NAME value` as `NAME=value`, where it stands in both stages: the old form is
    /// deprecated, and is not written a second time.
    fn in_new_form(&self, at: usize, fate: &Fate) -> Option<String> {
        let Kind::Env(pairs) = self.situation.tree.instructions[at].kind() else { return None };
        let [pair] = pairs.as_slice() else { return None };
        let value = &pair.value.as_ref().filter(|_| pair.old_form && fate.runtime)?.raw;
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        if quoted.is_some_and(|inner| !inner.contains(['"', '\'', '\\', '`'])) {
            return Some(format!("{}={value}", pair.name));
        }
        match value.contains(['"', '\'', '\\', '`']) {
            true => None,
            false if value.contains(char::is_whitespace) => Some(format!("{}=\"{value}\"", pair.name)),
            false => Some(format!("{}={value}", pair.name)),
        }
    }

    /// `uv pip install --system` installs past an active virtual environment.
    #[allow(clippy::option_option, reason = "nothing to edit and an edit that fails are different answers")]
    fn without_system_flag(&self, at: usize) -> Option<Option<(Instruction, Vec<Effect>)>> {
        let instruction = &self.situation.tree.instructions[at];
        let Some(Ok(script)) = instruction.script() else { return Some(None) };
        let mut edit: Option<RunEdit<'_>> = None;
        for command in package_commands(script).iter().filter(|command| command.manager.id == "uv-pip") {
            for option in command.options.iter().filter(|option| option.name == "--system") {
                if edit.is_none() {
                    edit = Some(RunEdit::of(instruction, self.situation.style)?);
                }
                edit.as_mut()?.drop_word(command.index, option.word)?;
            }
        }
        match edit {
            None => Some(None),
            Some(edit) => Some(Some(edit.finish()?)),
        }
    }
}
