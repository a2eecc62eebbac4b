//! The configurations of two images: what differs, and which step said so.

use super::image::Config;
use super::outcome::{Check, ConfigDifference, Problem};
use dfix_syntax::{Dockerfile, Instruction, Keyword, Kind};
use dfix_transforms::{Effect, Outcome, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// Compares two configurations. `target` is the number of the stage that is built, of each tree.
pub fn compare(
    before: &Config,
    after: &Config,
    plan: &Plan,
    targets: (usize, usize),
) -> (Vec<ConfigDifference>, Vec<Problem>) {
    let (old, new) = (fields(before), fields(after));
    let declared = Declared::of(plan, targets);
    let mut differences = Vec::new();
    let mut problems = Vec::new();
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for field in names {
        let (was, is) = (old.get(field), new.get(field));
        if was == is {
            continue;
        }
        let declared_by = declared.by(field);
        if declared_by.is_none() {
            let what = match (was, is) {
                (Some(was), None) => format!("{field} is lost; it was `{was}`"),
                (None, Some(is)) => format!("{field} is new: `{is}`"),
                (was, is) => format!(
                    "{field} is `{}`, and was `{}`",
                    is.map_or("", String::as_str),
                    was.map_or("", String::as_str)
                ),
            };
            problems.push(Problem::new(Check::Config, format!("{what}; no step declared that")));
        }
        differences.push(ConfigDifference {
            field: field.clone(),
            before: was.cloned(),
            after: is.cloned(),
            declared_by: declared_by.map(str::to_owned),
        });
    }
    (differences, problems)
}

/// A configuration as a list of names and values: variables and labels each by themselves.
fn fields(config: &Config) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut put = |name: String, value: String| {
        if !value.is_empty() {
            fields.insert(name, value);
        }
    };
    let list = |list: &Option<Vec<String>>| {
        list.as_ref().filter(|list| !list.is_empty()).map(|list| format!("{list:?}")).unwrap_or_default()
    };
    for pair in config.env.iter().flatten() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // An empty variable is set all the same.
        put(format!("ENV {name}"), if value.is_empty() { "\"\"".to_owned() } else { value.to_owned() });
    }
    for (name, value) in config.labels.iter().flatten() {
        put(format!("LABEL {name}"), if value.is_empty() { "\"\"".to_owned() } else { value.clone() });
    }
    for (name, _) in config.exposed_ports.iter().flatten() {
        put(format!("EXPOSE {name}"), name.clone());
    }
    for (name, _) in config.volumes.iter().flatten() {
        put(format!("VOLUME {name}"), name.clone());
    }
    put("USER".to_owned(), config.user.clone());
    // No WORKDIR and `/` are the same.
    put("WORKDIR".to_owned(), config.working_dir.trim_end_matches('/').to_owned());
    put("ENTRYPOINT".to_owned(), list(&config.entrypoint));
    put("CMD".to_owned(), list(&config.cmd));
    put("STOPSIGNAL".to_owned(), config.stop_signal.clone());
    put("SHELL".to_owned(), list(&config.shell));
    put("ONBUILD".to_owned(), list(&config.on_build));
    if let Some(check) = &config.healthcheck {
        let text = format!(
            "{:?} (interval {}, timeout {}, start period {}, retries {})",
            check.test, check.interval, check.timeout, check.start_period, check.retries
        );
        put("HEALTHCHECK".to_owned(), text);
    }
    fields
}

/// Which differences the steps of a plan declare.
struct Declared<'p> {
    /// By field: the transform.
    named: BTreeMap<String, &'p str>,
    /// The transform that takes another base image, or makes a stage of its own for what runs.
    base: Option<&'p str>,
    /// By field: the instructions that set it, of each tree. What both set alike differs by the base image.
    written: [BTreeMap<String, Vec<String>>; 2],
}

impl<'p> Declared<'p> {
    fn of(plan: &'p Plan, targets: (usize, usize)) -> Self {
        let mut named = BTreeMap::new();
        let mut base = None;
        for step in plan.with_outcome(Outcome::Applied) {
            for effect in &step.effects {
                match effect {
                    Effect::Added(text) | Effect::Removed(text) => {
                        declare(text, plan.original.escape(), step.transform, &mut named);
                    }
                    Effect::Rewritten { from, to } => {
                        for text in [from, to] {
                            declare(text, plan.original.escape(), step.transform, &mut named);
                        }
                    }
                    Effect::Base { .. } | Effect::Split { .. } => base = Some(step.transform),
                    Effect::Moved(_) | Effect::Repeated(_) | Effect::CommentMoved(_) => {}
                }
            }
        }
        let written = [written(&plan.original, targets.0), written(&plan.result, targets.1)];
        Self { named, base, written }
    }

    fn by(&self, field: &str) -> Option<&'p str> {
        let [before, after] = &self.written;
        let inherited = || self.base.filter(|_| before.get(field) == after.get(field));
        self.named.get(field).copied().or_else(inherited)
    }
}

/// Notes the fields that an instruction, given as the check prints it, is about.
fn declare<'p>(text: &str, escape: char, transform: &'p str, named: &mut BTreeMap<String, &'p str>) {
    // Commands are declared in the same way; instructions have their keyword in upper case.
    let keyword = text.split(' ').next().unwrap_or_default();
    if keyword.is_empty() || keyword.contains(|c: char| !c.is_ascii_uppercase()) {
        return;
    }
    let Ok(instruction) = Instruction::parse(text, escape) else { return };
    for field in fields_of(&instruction) {
        named.insert(field, transform);
    }
}

/// The fields that an instruction sets.
fn fields_of(instruction: &Instruction) -> Vec<String> {
    let each = |keyword: &str, names: Vec<String>| {
        names.into_iter().map(|name| format!("{keyword} {name}")).collect()
    };
    match instruction.kind() {
        Kind::Env(pairs) => each("ENV", pairs.iter().map(|pair| pair.name.clone()).collect()),
        Kind::Label(pairs) => {
            each("LABEL", pairs.iter().map(|pair| pair.name.trim_matches(['"', '\'']).to_owned()).collect())
        }
        Kind::Expose(ports) => each(
            "EXPOSE",
            ports
                .iter()
                .map(
                    |port| {
                        if port.raw.contains('/') { port.raw.clone() } else { format!("{}/tcp", port.raw) }
                    },
                )
                .collect(),
        ),
        Kind::Volume(paths) => each("VOLUME", paths.clone()),
        // ENTRYPOINT clears the CMD of the base image.
        Kind::Entrypoint(_) => vec!["ENTRYPOINT".to_owned(), "CMD".to_owned()],
        Kind::Cmd(_)
        | Kind::User(_)
        | Kind::Workdir(_)
        | Kind::Stopsignal(_)
        | Kind::Healthcheck(_)
        | Kind::Shell(_) => vec![instruction.keyword().to_string()],
        _ => Vec::new(),
    }
}

/// The fields that a stage, and the stages it is built on, set, and the instructions that do.
fn written(tree: &Dockerfile, target: usize) -> BTreeMap<String, Vec<String>> {
    let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for at in chain(tree, target) {
        let instruction = &tree.instructions[at];
        for field in fields_of(instruction) {
            written.entry(field).or_default().push(instruction.logical().text.clone());
        }
    }
    written
}

/// Indexes of the instructions that make the image of a stage: of the stages that it is built on first, FROM
/// left out.
pub fn chain(tree: &Dockerfile, target: usize) -> Vec<usize> {
    let stages = tree.stages();
    let mut chain = Vec::new();
    let mut at = Some(target);
    while let Some(stage) = at.and_then(|number| stages.get(number)) {
        let own = stage.instructions.clone().filter(|&at| tree.instructions[at].keyword() != Keyword::From);
        chain.splice(0..0, own);
        at = Dockerfile::stage_of(&stages, &stage.base, stage.number, false);
    }
    chain
}

/// The number of the stage that `--target` means: a name, a number, or the last.
pub fn target_stage(tree: &Dockerfile, target: Option<&str>) -> Option<usize> {
    let stages = tree.stages();
    match target {
        None => stages.len().checked_sub(1),
        Some(name) => Dockerfile::stage_of(&stages, name, stages.len(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::image::Healthcheck;
    use dfix_transforms::{Safety, Step};

    fn plan(before: &str, after: &str, effects: Vec<Effect>) -> Plan {
        Plan {
            original: Dockerfile::parse(before).unwrap(),
            result: Dockerfile::parse(after).unwrap(),
            steps: vec![Step {
                transform: "split-stages",
                line: 1,
                outcome: Outcome::Applied,
                safety: Some(Safety::Checked),
                message: String::new(),
                evidence: Vec::new(),
                effects,
            }],
            broken: Vec::new(),
        }
    }

    fn config(env: &[&str]) -> Config {
        Config { env: Some(env.iter().map(|&pair| pair.to_owned()).collect()), ..Config::default() }
    }

    fn found(before: &Config, after: &Config, plan: &Plan) -> Vec<String> {
        compare(before, after, plan, (0, 0)).1.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn what_no_step_declared_is_a_problem() {
        let plan = plan(
            "FROM a\nENV A=1\n",
            "FROM b\nENV A=1 PATH=/opt/venv/bin:$PATH\n",
            vec![
                Effect::Added("ENV PATH=/opt/venv/bin:$PATH".to_owned()),
                Effect::Base { from: "a".to_owned(), to: "b".to_owned() },
                Effect::Rewritten { from: "env X=1 npm ci".to_owned(), to: "npm ci".to_owned() },
            ],
        );
        let before = config(&["A=1", "PATH=/bin", "BASE=a"]);
        assert_eq!(found(&before, &config(&["A=1", "PATH=/opt/venv/bin:/bin", "BASE=b"]), &plan), [""; 0]);
        assert_eq!(
            found(&before, &config(&["PATH=/bin", "BASE=a"]), &plan),
            ["ENV A is lost; it was `1`; no step declared that"]
        );
        let mut other = before.clone();
        other.user = "app".to_owned();
        other.healthcheck = Some(Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() });
        assert_eq!(
            found(&before, &other, &plan),
            [""; 0],
            "no instruction is about them: they came with the base"
        );
        let kept = self::plan("FROM a\nUSER x\nCMD y\n", "FROM a\nUSER x\nCMD y\n", Vec::new());
        assert_eq!(found(&before, &other, &kept).len(), 2);
    }

    #[test]
    fn an_instruction_that_is_gone_is_declared_by_it() {
        let effects = vec![Effect::Rewritten {
            from: "CMD [\"poetry\", \"run\", \"x\"]".to_owned(),
            to: "CMD [\"x\"]".to_owned(),
        }];
        let plan = plan("FROM a\nCMD [\"poetry\", \"run\", \"x\"]\n", "FROM a\nCMD [\"x\"]\n", effects);
        let command = |words: &[&str]| Config {
            cmd: Some(words.iter().map(|&word| word.to_owned()).collect()),
            ..Config::default()
        };
        let (differences, problems) =
            compare(&command(&["poetry", "run", "x"]), &command(&["x"]), &plan, (0, 0));
        assert_eq!(problems, []);
        assert_eq!(differences[0].declared_by.as_deref(), Some("split-stages"));
    }

    #[test]
    fn a_target_is_a_name_a_number_or_the_last() {
        let tree = Dockerfile::parse("FROM a AS one\nRUN x\nFROM one AS two\nENV A=1\nFROM b\n").unwrap();
        assert_eq!(target_stage(&tree, Some("ONE")), Some(0));
        assert_eq!(target_stage(&tree, Some("1")), Some(1));
        assert_eq!(target_stage(&tree, None), Some(2));
        assert_eq!(target_stage(&tree, Some("three")), None);
        assert_eq!(chain(&tree, 1), [1, 3]);
    }
}
