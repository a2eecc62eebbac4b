//! The proof of a plan: both files are built, looked at, run and compared on a container engine.
//!
//! [`prove`] takes the points in order: it builds the original and the plan from the same build context,
//! compares the configurations of the images, their files, what they lack, and what they do when they run.
//! Where something differs that no step declared, it finds the step at fault, repairs it or leaves it out,
//! and proves what remains. Last it measures. Containers, networks and tags that it makes carry the name of
//! the run, and go with it.

mod answers;
mod attempt;
mod config;
mod container;
mod elf;
mod engine;
mod files;
mod folder;
mod image;
pub mod interrupt;
mod look;
mod measure;
pub mod outcome;
mod process;
mod repair;
mod search;
mod session;
mod settings;
mod smoke;
mod tree;
mod trouble;

pub use engine::Engine;
pub use outcome::{Proof, Verdict};
pub use session::sweep_leftovers;
pub use settings::Settings;
pub use trouble::{Tried, Trouble};

use attempt::Bench;
use dfix_transforms::{Outcome, Plan};
use measure::Workshop;
use outcome::{Measures, ProvenStep};
use session::Session;
use std::path::Path;

/// A Dockerfile, and what is planned for it.
pub struct Case<'c> {
    /// The Dockerfile.
    pub path: &'c Path,
    /// The build context.
    pub context: &'c Path,
    /// The ignore file that counts: its text.
    pub ignore: &'c str,
    /// Plans the rewrite without the transforms that are named.
    pub planner: &'c (dyn Fn(&[String]) -> Plan + Sync),
}

/// Is told what is being done.
pub type Telling<'t> = &'t (dyn Fn(&str) + Sync);

/// Proves what is planned for a Dockerfile, or as much of it as can be.
///
/// # Errors
/// When there is no telling: the original does not build, the engine is gone, the user interrupts. Whatever
/// was started is gone then, too.
pub fn prove(case: &Case<'_>, engine: &Engine, settings: &Settings, tell: Telling<'_>) -> Tried<Proof> {
    let plan = (case.planner)(&[]);
    let mut proof = Proof {
        path: case.path.to_path_buf(),
        engine: engine.name.clone(),
        original: plan.original.to_string(),
        ..Proof::default()
    };
    if !plan.changes() {
        return Ok(proof);
    }
    let session = Session::begin(engine, settings, &case.path.to_string_lossy())?;
    let logs = session.logs().to_path_buf();
    let done = prove_in(case, plan, &session, tell, &mut proof);
    let failed = done.is_err() || !matches!(proof.verdict, Verdict::Proven);
    let ended = session.end(failed);
    if failed || settings.logs.is_some() {
        proof.logs = Some(logs);
    }
    done.and(ended).map(|()| proof)
}

fn prove_in(
    case: &Case<'_>,
    plan: Plan,
    session: &Session<'_>,
    tell: Telling<'_>,
    proof: &mut Proof,
) -> Tried<()> {
    let bench = Bench::open(case, &plan, session, tell)?;
    let found = search::search(&bench, case, plan)?;
    proof.verdict = found.verdict;
    proof.faults = found.faults;
    proof.checks = found.checks;
    let mut before = bench.original.measures.clone();
    before.context = bench.nodes.iter().map(|node| node.size).sum();
    let mut kept = found.kept;
    if session.settings.measure {
        let mut workshop = Workshop::open(session, case.context, &bench.nodes, &bench.original.image)?;
        proof.edited = workshop.source().map(str::to_owned);
        proof.manifest = workshop.manifest().map(str::to_owned);
        tell("timing rebuilds of the original");
        workshop.measure("original", &bench.original.file, &mut before)?;
        if let Some(kept) = &mut kept {
            if kept.measures.cold.is_none() {
                tell("timing a cold build of what is proven");
                let built = session.build(&kept.name, &kept.file, case.context, true)?;
                kept.measures.cold = built.ok().map(|took| took.as_secs_f64());
            }
            tell("timing rebuilds of what is proven");
            workshop.measure(&kept.name, &kept.file, &mut kept.measures)?;
        }
    }
    if let Some(kept) = kept {
        let context = before.context;
        proof.after = Some(Measures { context, ..kept.measures });
        proof.steps = kept
            .plan
            .with_outcome(Outcome::Applied)
            .map(|step| ProvenStep {
                transform: step.transform.to_owned(),
                line: step.line,
                message: step.message.clone(),
            })
            .collect();
        proof.result = Some(kept.plan.result.to_string());
    }
    proof.before = Some(before);
    Ok(())
}
