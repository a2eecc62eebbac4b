//! What other stages and images bring: what was compiled there needs its libraries here.

use super::gap::Installed;
use super::look::Look;
use crate::facts::package_command;
use crate::knowledge::BUILD_TOOLS;
use crate::plan::Situation;
use crate::project::sources::script_needs;
use dfix_syntax::{Dockerfile, ImageReference, Keyword, Kind};
use std::collections::BTreeSet;

impl Look<'_> {
    /// What the stages hold that is copied into a stage on the base.
    pub fn copies(&mut self, number: usize, seen: &mut BTreeSet<usize>) {
        if self.gap.len() == 0 {
            return;
        }
        let Situation { tree, facts, .. } = self.situation;
        let stages: Vec<_> = facts.stages.iter().map(|stage| stage.stage.clone()).collect();
        for (at, from) in tree.sources_elsewhere(&stages[number]) {
            let line = tree.instructions[at].line();
            match Dockerfile::stage_of(&stages, &from, number, true) {
                Some(source) if self.installed[source].is_some() || !seen.insert(source) => {}
                Some(source) => {
                    let mut chain = Some(source);
                    while let Some(stage) = chain {
                        self.built_in(stage, line);
                        chain = facts.stages[stage].parent;
                    }
                    self.copies(source, seen);
                }
                None if tree.instructions[at].keyword() == Keyword::Run => {}
                None => {
                    let image = ImageReference::parse(&from).familiar_name();
                    if !BUILD_TOOLS.static_images.contains(&image) {
                        self.doubt(format!("line {line} copies from the image {from}; which libraries that needs is not known"));
                    }
                }
            }
        }
    }

    /// A stage whose files are copied: what is compiled there may need a library that only the full image has.
    fn built_in(&mut self, number: usize, copied: usize) {
        let Situation { tree, facts, .. } = self.situation;
        let mut installed = Installed::default();
        for at in facts.stages[number].stage.instructions.clone() {
            let instruction = &tree.instructions[at];
            let Kind::Run(_) = instruction.kind() else { continue };
            let line = instruction.line();
            let Some(Ok(script)) = instruction.script().filter(|_| facts.is_posix(at)) else {
                self.doubt(format!("line {copied} copies what line {line} may have compiled"));
                continue;
            };
            for (index, simple) in script.commands().iter().enumerate() {
                if let Some(command) = package_command(index, simple) {
                    self.package_command(at, script, &command, &mut installed, true);
                }
            }
            let compiler = script_needs(script).into_iter().find_map(|(_, need)| {
                let name = need.command()?.to_owned();
                let tool = BUILD_TOOLS
                    .package
                    .iter()
                    .any(|tool| tool.kind == "compiler" && tool.commands.contains(&name));
                let caller = BUILD_TOOLS.caller.iter().any(|caller| {
                    caller.commands.contains(&name)
                        && caller.needs.iter().any(|need| matches!(need.as_str(), "gcc" | "g++"))
                });
                (tool || caller).then_some(name)
            });
            if let Some(compiler) = compiler {
                self.doubt(format!("line {copied} copies what line {line} builds with {compiler}; which libraries that needs is not known"));
            }
        }
    }
}
