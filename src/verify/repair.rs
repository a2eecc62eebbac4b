//! Adds what a rewritten image lacks.

use super::config::target_stage;
use super::outcome::{Lack, Problem};
use dfix_syntax::{Dockerfile, Keyword};
use dfix_transforms::{Effect, Facts, Outcome, Plan, Step, Style};
use std::collections::BTreeSet;

/// What the step is called in reports.
pub const ID: &str = "verify";

/// The packages that would help against problems, where all that is wrong may come from what they lack.
pub fn lacking(problems: &[Problem]) -> BTreeSet<Lack> {
    problems.iter().filter_map(|problem| problem.lacks.clone()).collect()
}

/// The plan with packages installed where the stage that is built begins. `None` where that can't be written:
/// the stage does not begin as root.
pub fn install(plan: &Plan, lacks: &BTreeSet<Lack>, target: Option<&str>) -> Option<Plan> {
    let tree = &plan.result;
    let number = target_stage(tree, target)?;
    let from = tree.stages().get(number)?.instructions.start;
    let facts = Facts::of(tree);
    if from + 1 < tree.instructions.len()
        && facts.at(from + 1).user.as_deref().is_some_and(|user| !matches!(user, "" | "root" | "0"))
    {
        return None;
    }
    let packages: BTreeSet<&str> = lacks.iter().map(|lack| lack.package.as_str()).collect();
    let packages = packages.into_iter().collect::<Vec<_>>().join(" ");
    let commands = [
        "apt-get update".to_owned(),
        format!("apt-get install -y --no-install-recommends {packages}"),
        "rm -rf /var/lib/apt/lists/*".to_owned(),
    ];
    let style = Style::of(tree);
    let run = style.line(Keyword::Run, &commands.join(&style.joint()))?;
    let mut instructions = tree.instructions.clone();
    instructions.insert(from + 1, run);
    let mut result = tree.clone();
    // The last line of a file may lack its end.
    if let Some(before) = instructions.get_mut(from)
        && !before.text().ends_with('\n')
    {
        *before = before.with_end(style.newline);
    }
    result.instructions = instructions;
    // What is written is what was read.
    let result = Dockerfile::parse(&result.to_string()).ok()?;
    let files: Vec<&str> = lacks.iter().map(|lack| lack.file.as_str()).collect();
    let mut repaired = plan.clone();
    repaired.result = result;
    repaired.steps.push(Step {
        transform: ID,
        line: tree.instructions.get(from)?.line(),
        outcome: Outcome::Applied,
        safety: None,
        message: format!("installs {packages} in the stage that runs, which lacks {}", files.join(", ")),
        evidence: vec!["both images were built and looked at".to_owned()],
        effects: commands.into_iter().map(Effect::Added).collect(),
    });
    Some(repaired)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        let tree = Dockerfile::parse(text).unwrap();
        Plan { original: tree.clone(), result: tree, steps: Vec::new(), broken: Vec::new() }
    }

    fn lacks(packages: &[&str]) -> BTreeSet<Lack> {
        packages
            .iter()
            .map(|&package| Lack { package: package.to_owned(), file: format!("{package}.so") })
            .collect()
    }

    #[test]
    fn installs_where_the_last_stage_begins() {
        let before =
            "FROM python:3.11 AS builder\nRUN a \\\n && b\n\nFROM python:3.11-slim\nUSER app\nCMD [\"x\"]\n";
        let repaired = install(&plan(before), &lacks(&["libpq5", "curl"]), None).unwrap();
        assert_eq!(
            repaired.result.to_string(),
            "FROM python:3.11 AS builder\nRUN a \\\n && b\n\nFROM python:3.11-slim\nRUN apt-get update \\\n && apt-get install -y \
             --no-install-recommends curl libpq5 \\\n && rm -rf /var/lib/apt/lists/*\nUSER app\nCMD [\"x\"]\n"
        );
        assert_eq!(
            repaired.steps[0].message,
            "installs curl libpq5 in the stage that runs, which lacks curl.so, libpq5.so"
        );
    }

    #[test]
    fn a_file_without_a_last_newline_stays_readable() {
        let repaired = install(&plan("FROM python:3.11-slim"), &lacks(&["libpq5"]), None).unwrap();
        assert!(repaired.result.to_string().starts_with("FROM python:3.11-slim\nRUN apt-get update && \\\n"));
    }
}
