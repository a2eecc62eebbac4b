//! Python: a virtual environment is built in one stage and copied into the next.

mod assemble;
mod dependencies;
mod environment;
mod fate;
mod part;
mod reads;
mod roles;

use super::Split;
use super::asked::{Asked, Asking, words};
use super::debian::Debian;
use crate::catalog::slim_base::gap::{Gap, Installed};
use crate::facts::{Action, Variant, package_commands};
use crate::plan::Situation;
use crate::project::sources::{Sources, uses_of};
use assemble::Assembly;
use dependencies::{Target, needs};
use dfix_syntax::{Instruction, Keyword, Kind};
use environment::Environment;
use fate::Fates;
use part::RunPart;
use roles::{Role, Run};

/// Where something is in the way, and what.
type Obstacle = (usize, String);

pub(super) fn look(situation: Situation<'_>) -> Split {
    let base = &situation.facts.stages[0].base;
    // Other images of the family have no slim variant.
    if base.image != Some("python") || !matches!(base.variant, Variant::Full | Variant::Slim) {
        return Split::Nothing;
    }
    let runs: Vec<usize> = indexes(situation).filter(|&at| is(situation, at, Keyword::Run)).collect();
    if !runs.iter().any(|&at| installs(&situation.tree.instructions[at])) {
        return Split::Nothing;
    }
    if base.variant == Variant::Slim && !leaves_build_packages(situation, &runs) {
        return Split::Nothing;
    }
    match split(situation, &runs) {
        Ok(split) => split,
        Err((line, reason)) => {
            Split::Declined(line, format!("building and running stay in one stage: {reason}"))
        }
    }
}

fn indexes(situation: Situation<'_>) -> impl Iterator<Item = usize> + use<> {
    situation.facts.stages[0].stage.instructions.clone().skip(1)
}

fn is(situation: Situation<'_>, at: usize, keyword: Keyword) -> bool {
    situation.tree.instructions[at].keyword() == keyword
}

/// Whether a RUN installs Python packages.
fn installs(run: &Instruction) -> bool {
    run.script().and_then(Result::ok).is_some_and(|script| {
        package_commands(script)
            .iter()
            .any(|command| command.manager.language == "python" && command.action == Action::Install)
    })
}

/// Whether packages that are only built with stay in the image.
fn leaves_build_packages(situation: Situation<'_>, runs: &[usize]) -> bool {
    let debian = Debian::of(&situation.facts.stages[0].base);
    runs.iter()
        .filter_map(|&at| Run::of(&situation.tree.instructions[at]).ok())
        .any(|run| RunPart::of(&run, &debian).is_ok_and(|part| part.leaves_build_packages))
}

fn split(situation: Situation<'_>, runs: &[usize]) -> Result<Split, Obstacle> {
    let tree = situation.tree;
    let base = &situation.facts.stages[0].base;
    let line = |at: usize| tree.instructions[at].line();
    let slim = runtime_base(situation)?;
    let mut runs: Vec<(usize, Run<'_>)> = runs
        .iter()
        .map(|&at| Run::of(&tree.instructions[at]).map(|run| (at, run)).map_err(|reason| (line(at), reason)))
        .collect::<Result<_, _>>()?;
    let installing: Vec<usize> =
        runs.iter().filter(|(_, run)| run.has(Role::Install)).map(|(at, _)| *at).collect();
    let (Some(&first), Some(&last)) = (installing.first(), installing.last()) else {
        return Ok(Split::Nothing);
    };
    let environment = Environment::of(situation, &runs, first, last)?;
    let debian = Debian::of(base);
    let reads = reads::reads(situation, &runs, &base.version);
    if let Some(bad) = reads.broken {
        return Ok(Split::Broken(bad));
    }
    if let Some(obstacle) = reads.obstacle {
        return Err((line(first), obstacle));
    }
    // What an installation has read may be removed by the same RUN.
    for (_, run) in runs.iter_mut().filter(|(_, run)| run.has(Role::Install)) {
        for (simple, role) in run.script.commands().iter().zip(&mut run.roles) {
            if reads.removed_by(simple) {
                *role = Role::Cleanup;
            }
        }
    }
    let gap = Gap::of(base).filter(|_| base.variant == Variant::Full);
    let needs = needs(
        &reads.requirements,
        &reads.wheels,
        &Target { python: &base.version, debian: &debian, gap: gap.as_ref() },
    );
    if let Some(model) = needs.model {
        return Err((
            line(first),
            format!("{model} is about models, which outweigh what a second stage would save"),
        ));
    }
    if let Some(compiler) = needs.compiler {
        return Err((line(first), format!("{compiler}, which the stage that runs would not have")));
    }
    let parts = runs
        .iter()
        .map(|(at, run)| RunPart::of(run, &debian).map_err(|reason| (line(*at), reason)))
        .collect::<Result<Vec<_>, _>>()?;
    let evidence: Vec<String> = parts.iter().flat_map(|part| part.evidence.clone()).collect();
    let unsure: Vec<String> = parts.iter().flat_map(|part| part.doubts.clone()).collect();
    let packages: Vec<String> = parts.iter().flat_map(|part| part.packages.clone()).collect();
    let compiles = needs.compiles || reads.vcs || !reads.doubts.is_empty();
    let range = situation.facts.stages[0].stage.instructions.start + 1..=last;
    let named = fate::named(range.map(|at| (at, &tree.instructions[at])));
    let fates = Fates { situation, last, runs: &runs, parts, reads: &reads, compiles, named }.of_all();
    let installed = installed(&fates, situation);
    let asking = Asking { language: "python", debian: &debian, gap: gap.as_ref(), installed: &installed };
    let mut asked = asked(situation, &fates, asking);
    environment.hold_against(situation, &asked, first, &fates)?;
    if let Some(obstacle) = asked.obstacles.first() {
        return Err((line(first), obstacle.clone()));
    }
    let mut wanted = needs.wanted;
    wanted.append(&mut asked.wanted);
    wanted.retain(|package, _| !packages.contains(package));
    // Some packages can't be installed where manuals are left out.
    let trips = packages
        .iter()
        .chain(wanted.keys())
        .find_map(|package| Some((package, gap.as_ref()?.trips(package)?)));
    if let Some((package, folder)) = trips {
        return Err((
            line(first),
            format!("{package} can't be installed where {folder} is gone, as it is in slim images"),
        ));
    }
    let mut doubts = asked.doubts;
    doubts.extend(environment.doubts.iter().cloned());
    doubts.extend(reads.doubts.iter().cloned());
    doubts.extend(unsure);
    doubts.extend(needs.unclear);
    if !needs.unknown.is_empty() {
        doubts.push(format!(
            "whether these need libraries of the system is not known: {}",
            needs.unknown.join(", ")
        ));
    }
    if situation.context.is_none() {
        doubts.push("what the sources call is not known without the build context".to_owned());
    }
    let assembly = Assembly {
        situation,
        slim,
        fates,
        runs: &runs,
        first,
        last,
        environment: &environment,
        wanted,
        evidence,
        doubts,
        dependencies: needs.count,
    };
    assembly.proposal().map(|proposal| Split::Proposed(Box::new(proposal)))
}

/// The base of the stage that runs.
fn runtime_base(situation: Situation<'_>) -> Result<String, Obstacle> {
    let stage = &situation.facts.stages[0];
    let base = &stage.base;
    let from = situation.tree.instructions[stage.stage.instructions.start].line();
    if base.variant == Variant::Slim {
        return Ok(base.written.clone());
    }
    if base.computed {
        return Err((from, format!("the base {} is only known when it is built", base.written)));
    }
    if base.reference.as_ref().is_some_and(|reference| reference.digest.is_some()) {
        return Err((
            from,
            format!("{} is pinned by a digest, and that of its slim variant is not known", base.written),
        ));
    }
    base.slim_tag()
        .and_then(|tag| base.with_tag(&tag))
        .ok_or_else(|| (from, format!("no slim variant of {} is known", base.written)))
}

/// What the author installs in the last stage.
fn installed(fates: &[(usize, fate::Fate)], situation: Situation<'_>) -> Installed {
    let mut installed = Installed::default();
    for (at, fate) in fates.iter().filter(|(_, fate)| fate.runtime) {
        let instruction = fate.edited.as_ref().unwrap_or(&situation.tree.instructions[*at]);
        let Some(Ok(script)) = instruction.script() else { continue };
        for command in package_commands(script).iter().filter(|one| one.is("apt", Action::Install)) {
            let recommends = !command.options.iter().any(|one| one.name == "--no-install-recommends");
            for package in command.operand_values().flatten() {
                installed.add(package, recommends);
            }
        }
    }
    installed
}

/// What the sources and all that runs in the last stage ask for.
fn asked(situation: Situation<'_>, fates: &[(usize, fate::Fate)], asking: Asking<'_>) -> Asked {
    let mut sources = situation.context.map_or_else(Sources::default, |context| Sources::of(context, ""));
    let mut starts = false;
    for (at, fate) in fates.iter().filter(|(_, fate)| fate.runtime) {
        let instruction = fate.edited.as_ref().unwrap_or(&situation.tree.instructions[*at]);
        starts |= matches!(instruction.keyword(), Keyword::Cmd | Keyword::Entrypoint);
        sources.add(situation.context, uses_of(instruction));
    }
    let mut asked = Asked::of(&sources, asking);
    if !starts {
        asked.doubts.push("neither CMD nor ENTRYPOINT says what is started in the image".to_owned());
    }
    for (name, place) in asked.managers.clone() {
        match name.as_str() {
            "pip" | "pip3" => asked.doubts.push(format!("{place} installs packages when it runs")),
            _ => asked.obstacles.push(format!(
                "{place} calls {name}, which is not in the stage that runs; start the program itself"
            )),
        }
    }
    let follows = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        situation.context.is_some_and(|context| context.named(last).next().is_some())
    };
    for one in &sources.uses {
        let crate::project::sources::Need::Command(name) = &one.need else { continue };
        let of_system = ["/usr/", "/bin/", "/sbin/"].iter().any(|start| name.starts_with(start));
        if name.contains('/') && !of_system && situation.context.is_some() && !follows(name) {
            asked
                .doubts
                .push(format!("{} runs {name}, which is not in the build context", words(&one.place)));
        }
    }
    asked
}

/// Whether an instruction sets a variable.
fn sets(instruction: &Instruction, name: &str) -> bool {
    match instruction.kind() {
        Kind::Env(pairs) | Kind::Arg(pairs) => pairs.iter().any(|pair| pair.name == name),
        _ => false,
    }
}
