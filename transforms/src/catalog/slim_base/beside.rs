//! What the build context brings: sources, scripts, and what they call. And what was looked at in the end.

use super::gap::Installed;
use super::judge::Spot;
use super::look::{DOCKERFILE, Look};
use crate::plan::Situation;
use crate::project::sources::{Need, Sources, Use};
use dfix_syntax::{Instruction, Keyword, Kind};

impl Look<'_> {
    /// The sources that the image holds, and what the commands of the Dockerfile run.
    pub fn sources(&mut self) {
        if self.gap.len() == 0 {
            return;
        }
        let Situation { tree, facts, context, .. } = self.situation;
        let copies = tree.instructions.iter().filter(|instruction| {
            matches!(instruction.kind(), Kind::Copy(_) | Kind::Add(_)) && instruction.flag("from").is_none()
        });
        let copies: Vec<&Instruction> = copies.collect();
        match context {
            None => {
                if let Some(copy) = copies.first() {
                    self.doubt(format!(
                        "line {} copies files of the build context, which is not known",
                        copy.line()
                    ));
                }
            }
            Some(context) => {
                let brought = Brought::of(&copies);
                let paths: Vec<&str> =
                    context.under("").map(|(path, _)| path).filter(|path| brought.has(path)).collect();
                let mut read = Sources::of_files(context, paths);
                read.add(Some(context), self.sources.uses.drain(..));
                for name in ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"] {
                    if context.contains(name) {
                        read.follow(context, name);
                    }
                }
                self.sources = read;
            }
        }
        for place in self.sources.unread.clone() {
            self.doubt(format!("{} was not read: {}", place.path, place.text));
        }
        let ends: Vec<Installed> = facts
            .stages
            .iter()
            .filter(|stage| stage.children.is_empty())
            .filter_map(|stage| self.installed[stage.stage.number].clone())
            .collect();
        for one in self.sources.uses.clone() {
            if one.place.path == DOCKERFILE {
                continue;
            }
            let start = match one.place.line {
                0 => format!("{} ({})", one.place.path, one.place.text),
                line => format!("{}:{line}", one.place.path),
            };
            let line = self.situation.tree.instructions[self.root.stage.instructions.start].line();
            let spot = Spot { line, start };
            for installed in &ends {
                self.judge(&one.need, &spot, installed);
                self.called_by(&one.need, &spot, installed, false);
            }
            let script =
                |other: &Use| other.place == one.place && matches!(other.need, Need::PackageScript(_));
            if !self.sources.uses.iter().any(script) {
                self.hidden_install(&one.need, &spot);
            }
        }
        let starts = [Keyword::Cmd, Keyword::Entrypoint];
        let own = facts.stages.iter().filter(|stage| self.installed[stage.stage.number].is_some());
        let started = own
            .flat_map(|stage| stage.stage.instructions.clone())
            .any(|at| starts.contains(&tree.instructions[at].keyword()));
        if !started {
            self.doubt(
                "the image has no CMD or ENTRYPOINT of its own, and what it is started with is not known"
                    .to_owned(),
            );
        }
    }

    /// What was looked at.
    pub fn evidence(&self) -> Vec<String> {
        let Self { name, commands, .. } = self;
        let mut found = Vec::new();
        if self.gap.len() == 0 {
            found.push(format!("{name} has the same packages, and leaves out manuals, documentation and message catalogues, which nothing here names"));
            return found;
        }
        let s = |count: usize| if count == 1 { "" } else { "s" };
        found.push(format!(
            "{name} leaves out {} packages (compilers, headers, git, curl and others); the commands of {commands} instruction{} call nothing of it that is not installed here",
            self.gap.len(),
            s(*commands)
        ));
        let files = self.sources.files.iter().filter(|path| !path.contains('#')).count();
        if files > 0 {
            let mut called: Vec<&str> = self
                .sources
                .uses
                .iter()
                .filter(|one| one.place.path != DOCKERFILE)
                .filter_map(|one| one.need.command())
                .collect();
            called.sort_unstable();
            called.dedup();
            let what = match called.len() {
                0 => "no commands".to_owned(),
                1..=6 => called.join(", "),
                more => format!("{} and {} more", called[..6].join(", "), more - 6),
            };
            found.push(match files {
                1 => format!("1 file of the build context calls {what}"),
                _ => format!("{files} files of the build context call {what}"),
            });
        }
        if !self.packages.is_empty() {
            let all: Vec<&str> = self.packages.iter().map(String::as_str).collect();
            let shown = all.iter().take(6).copied().collect::<Vec<_>>().join(", ");
            let more = if all.len() > 6 { format!(" and {} more", all.len() - 6) } else { String::new() };
            found.push(match all.len() {
                1 => format!("1 package needs none of it: {shown}"),
                count => format!("{count} packages need none of it: {shown}{more}"),
            });
        }
        found
    }
}

/// Which files of the context COPYs and ADDs bring.
struct Brought(Vec<String>);

impl Brought {
    fn of(copies: &[&Instruction]) -> Self {
        let sources = copies.iter().flat_map(|copy| match copy.kind() {
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                transfer.files().map(|word| word.raw.clone()).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        });
        Self(
            sources
                .map(|source| {
                    let source =
                        source.trim_matches(['"', '\'']).trim_start_matches('/').trim_start_matches("./");
                    let source = if source == "." { "" } else { source.trim_end_matches('/') };
                    // Up to the first wildcard or variable.
                    source.split(['*', '?', '[', '$']).next().unwrap_or_default().to_owned()
                })
                .collect(),
        )
    }

    /// A superset: a name that only starts like a source counts.
    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|source| path.starts_with(source.as_str()))
    }
}
