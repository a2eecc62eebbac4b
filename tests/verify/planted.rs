//! Plans with steps of a test's own choice.

use crate::common::Lab;
use dfix::verify::{Case, Engine, Proof, Settings, Tried, Verdict, prove};
use dfix_syntax::Dockerfile;
use dfix_transforms::{Effect, Outcome, Plan, Safety, Step};
use std::process::Command;
use std::time::Duration;

/// A step that puts one text in the place of another.
pub struct Planted {
    pub id: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub effects: Vec<Effect>,
}

/// A step that does no harm, so that there is something to keep.
pub fn innocent() -> Planted {
    Planted {
        id: "innocent",
        from: "\nCMD",
        to: "\nLABEL tried=yes\nCMD",
        effects: vec![Effect::Added("LABEL tried=yes".to_owned())],
    }
}

pub fn engine() -> Engine {
    Engine::find(&settings()).expect("a container engine, as CONTRIBUTING.md says")
}

pub fn settings() -> Settings {
    Settings {
        engine: Some(engine_name()),
        network: Some(network()),
        timeout: Duration::from_secs(20),
        memory: "512m".to_owned(),
        measure: false,
        ..Settings::default()
    }
}

pub fn engine_name() -> String {
    std::env::var("DFIX_TEST_ENGINE").unwrap_or_else(|_| "docker".to_owned())
}

pub fn network() -> String {
    std::env::var("DFIX_TEST_NETWORK").unwrap_or_else(|_| "host".to_owned())
}

/// The plan that the steps make of a text.
pub fn plan(original: &str, steps: &[Planted], left_out: &[String]) -> Plan {
    let mut text = original.to_owned();
    let mut made = Vec::new();
    for step in steps.iter().filter(|step| !left_out.iter().any(|id| id == step.id)) {
        assert!(text.contains(step.from), "{:?} is not in\n{text}", step.from);
        text = text.replacen(step.from, step.to, 1);
        made.push(Step {
            transform: step.id,
            line: 1,
            outcome: Outcome::Applied,
            safety: Some(Safety::Checked),
            message: format!("{} instead of {}", step.to, step.from),
            evidence: Vec::new(),
            effects: step.effects.clone(),
        });
    }
    Plan {
        original: Dockerfile::parse(original).unwrap(),
        result: Dockerfile::parse(&text).unwrap(),
        steps: made,
        broken: Vec::new(),
    }
}

/// Proves what steps make of the Dockerfile of a lab.
pub fn try_to_prove(lab: &Lab, steps: &[Planted], settings: &Settings) -> Tried<Proof> {
    let path = lab.path("Dockerfile");
    let original = lab.read("Dockerfile");
    let folder = lab.path("");
    let planner = |left_out: &[String]| plan(&original, steps, left_out);
    let case = Case { path: &path, context: &folder, ignore: "", planner: &planner };
    let proof = prove(&case, &engine(), settings, &|_| {});
    assert_eq!(lab.read("Dockerfile"), original, "a proof writes nothing");
    proof
}

/// Expects that the step `id` is found to be at fault because of what `reason` says, and that the rest is kept.
#[track_caller]
pub fn expect_fault(lab: &Lab, guilty: Planted, reason: &str) {
    let id = guilty.id;
    let to = guilty.to;
    let proof = try_to_prove(lab, &[guilty, innocent()], &settings()).unwrap();
    assert_eq!(proof.verdict, Verdict::Reduced, "{proof:#?}");
    let [fault] = &proof.faults[..] else { panic!("{proof:#?}") };
    assert_eq!((&fault.transforms[..], &fault.lines[..]), (&[id.to_owned()][..], &[1][..]));
    assert!(
        fault.problems.iter().any(|problem| problem.what.contains(reason)),
        "{reason:?}: {:#?}",
        fault.problems
    );
    let result = proof.result.unwrap();
    assert!(result.contains("LABEL tried=yes") && (to.is_empty() || !result.contains(to)), "{result}");
}

/// What the engine says.
pub fn asked(arguments: &[&str]) -> String {
    let output = Command::new(engine_name()).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// All that runs of a process have left with the engine.
pub fn leftovers(process: u32) -> Vec<String> {
    let mark = format!("-{process}-");
    let lists = [
        asked(&["ps", "--all", "--format", "{{.Names}}"]),
        asked(&["images", "--format", "{{.Repository}}:{{.Tag}}"]),
        asked(&["network", "ls", "--format", "{{.Name}}"]),
    ];
    lists
        .iter()
        .flat_map(|list| list.lines())
        .filter(|name| name.starts_with("dfix-") && name.contains(&mark))
        .map(str::to_owned)
        .collect()
}
