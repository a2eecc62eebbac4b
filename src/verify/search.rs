//! Finds the step at fault, repairs it where that is known how, else leaves it out.

use super::attempt::{Attempt, Bench};
use super::outcome::{Checks, Fault, Verdict};
use super::trouble::Tried;
use super::{Case, repair};
use dfix_transforms::{Effect, Outcome, Plan};
use std::collections::HashMap;

/// How often something missing is added: what was added may lack something itself.
const REPAIRS: usize = 3;

/// What is left of a plan.
pub struct Found {
    /// The short answer.
    pub verdict: Verdict,
    /// What is proven; `None` where it is the original.
    pub kept: Option<Attempt>,
    /// What went wrong on the way.
    pub faults: Vec<Fault>,
    /// What the answer rests on.
    pub checks: Checks,
}

/// Proves a plan, or as much of it as can be.
pub fn search(bench: &Bench<'_>, case: &Case<'_>, plan: Plan) -> Tried<Found> {
    let first = bench.attempt(plan, "what is planned")?;
    if first.problems.is_empty() {
        let checks = first.checks.clone();
        return Ok(Found { verdict: Verdict::Proven, kept: Some(first), faults: Vec::new(), checks });
    }
    if let Some((repaired, fault)) = repaired(bench, &first)? {
        let checks = repaired.checks.clone();
        return Ok(Found { verdict: Verdict::Repaired, kept: Some(repaired), faults: vec![fault], checks });
    }
    let tried = HashMap::from([(first.plan.result.to_string(), false)]);
    let mut search = Search { bench, case, plan: &first.plan, tried };
    let (guilty, kept) = search.leave_out()?;
    let lines = first
        .plan
        .with_outcome(Outcome::Applied)
        .filter(|step| guilty.iter().any(|id| id == step.transform))
        .map(|step| step.line)
        .collect();
    let names = guilty.join(" and ");
    let remedy = match (&kept, guilty.len()) {
        (Some(_), 1) => format!("{names} is left out; all else is proven"),
        (Some(_), _) => format!("{names} are left out; all else is proven"),
        (None, _) => "nothing of the plan is left".to_owned(),
    };
    let fault = Fault { transforms: guilty, lines, problems: first.problems.clone(), remedy };
    let verdict = if kept.is_some() { Verdict::Reduced } else { Verdict::Refuted };
    let checks = kept.as_ref().map_or_else(|| first.checks.clone(), |kept| kept.checks.clone());
    Ok(Found { verdict, kept, faults: vec![fault], checks })
}

/// The plan with what it lacks, where that is all that was wrong.
fn repaired(bench: &Bench<'_>, first: &Attempt) -> Tried<Option<(Attempt, Fault)>> {
    let mut lacks = repair::lacking(&first.problems);
    for _ in 0..REPAIRS {
        let target = bench.target();
        let Some(plan) = (!lacks.is_empty()).then(|| repair::install(&first.plan, &lacks, target)).flatten()
        else {
            return Ok(None);
        };
        let packages: Vec<&str> = lacks.iter().map(|lack| lack.package.as_str()).collect();
        let attempt = bench.attempt(plan, &format!("what is planned, with {}", packages.join(", ")))?;
        if attempt.problems.is_empty() {
            let (transforms, lines) = replacing_base(&first.plan);
            let remedy = format!(
                "{} is installed in the stage that runs; with it, all is proven",
                packages.join(", ")
            );
            let fault = Fault { transforms, lines, problems: first.problems.clone(), remedy };
            return Ok(Some((attempt, fault)));
        }
        let before = lacks.len();
        lacks.extend(repair::lacking(&attempt.problems));
        if lacks.len() == before {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The steps that put what runs on another base image: what is missing there was on the one before.
fn replacing_base(plan: &Plan) -> (Vec<String>, Vec<usize>) {
    let mut transforms: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for step in plan.with_outcome(Outcome::Applied) {
        if step.effects.iter().any(|effect| matches!(effect, Effect::Base { .. } | Effect::Split { .. })) {
            if !transforms.iter().any(|id| id == step.transform) {
                transforms.push(step.transform.to_owned());
            }
            lines.push(step.line);
        }
    }
    (transforms, lines)
}

/// The transforms that a plan applies, in the order of the chain, each once.
fn applied(plan: &Plan) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for step in plan.with_outcome(Outcome::Applied) {
        if !ids.iter().any(|id| id == step.transform) {
            ids.push(step.transform.to_owned());
        }
    }
    ids
}

struct Search<'s> {
    bench: &'s Bench<'s>,
    case: &'s Case<'s>,
    plan: &'s Plan,
    /// Texts that were tried, and whether they hold.
    tried: HashMap<String, bool>,
}

impl Search<'_> {
    /// The fewest transforms whose absence makes all well, and what is left without them.
    fn leave_out(&mut self) -> Tried<(Vec<String>, Option<Attempt>)> {
        // Those at the end of the chain do what is most daring.
        for id in applied(self.plan).into_iter().rev() {
            if let Some(kept) = self.without(std::slice::from_ref(&id))? {
                return Ok((vec![id], kept));
            }
        }
        // Where one is left out another one may find something to do that it didn't before.
        let mut left_out: Vec<String> = Vec::new();
        while let Some(id) = applied(&(self.case.planner)(&left_out)).pop() {
            left_out.push(id);
            if left_out.len() > 1
                && let Some(kept) = self.without(&left_out)?
            {
                return self.fewer(left_out, kept);
            }
        }
        Ok((left_out, None))
    }

    /// Takes back in what need not be left out.
    fn fewer(
        &mut self,
        mut left_out: Vec<String>,
        mut kept: Option<Attempt>,
    ) -> Tried<(Vec<String>, Option<Attempt>)> {
        let mut at = 0;
        while at < left_out.len() {
            let mut fewer = left_out.clone();
            fewer.remove(at);
            match self.without(&fewer)? {
                Some(better) if !fewer.is_empty() => {
                    kept = better;
                    left_out = fewer;
                }
                _ => at += 1,
            }
        }
        Ok((left_out, kept))
    }

    /// What is left without some transforms: `None` where it does not hold, `Some(None)` where it is the
    /// original.
    #[allow(
        clippy::option_option,
        reason = "what does not hold and what changes nothing are different answers"
    )]
    fn without(&mut self, left_out: &[String]) -> Tried<Option<Option<Attempt>>> {
        let plan = (self.case.planner)(left_out);
        if !plan.changes() {
            return Ok(Some(None));
        }
        let text = plan.result.to_string();
        if self.tried.get(&text) == Some(&false) {
            return Ok(None);
        }
        let attempt = self.bench.attempt(plan, &format!("without {}", left_out.join(", ")))?;
        let holds = attempt.problems.is_empty();
        self.tried.insert(text, holds);
        Ok(holds.then_some(Some(attempt)))
    }
}
