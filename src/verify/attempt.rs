//! The original on the bench, and attempts at what is planned beside it.

use super::config::target_stage;
use super::folder::{self, Node};
use super::image::{self, Image};
use super::outcome::{Check, Checks, Measures, Problem};
use super::session::Session;
use super::smoke::{self, Behaviour};
use super::trouble::{Tried, Trouble};
use super::{Case, Telling, config, files, look};
use dfix_transforms::Plan;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The original, built and watched, and what is needed to hold plans against it.
pub struct Bench<'b> {
    session: &'b Session<'b>,
    tell: Telling<'b>,
    case: &'b Case<'b>,
    /// The files of the build context that travel.
    pub nodes: Vec<Node>,
    /// The original.
    pub original: Original,
    behaviour: Behaviour,
    attempts: AtomicUsize,
}

/// The original's image.
pub struct Original {
    /// The Dockerfile that was built.
    pub file: PathBuf,
    /// The image.
    pub image: Image,
    /// In numbers.
    pub measures: Measures,
}

/// A plan that was built and held against the original.
pub struct Attempt {
    /// The plan.
    pub plan: Plan,
    /// The name of the image.
    pub name: String,
    /// The Dockerfile that was built.
    pub file: PathBuf,
    /// What differs that may not.
    pub problems: Vec<Problem>,
    /// What was looked at.
    pub checks: Checks,
    /// In numbers.
    pub measures: Measures,
}

const ORIGINAL: &str = "original";

impl<'b> Bench<'b> {
    /// Builds the original and watches it run.
    pub fn open(case: &'b Case<'b>, plan: &Plan, session: &'b Session<'b>, tell: Telling<'b>) -> Tried<Self> {
        let target = session.settings.target.as_deref();
        if target_stage(&plan.original, target).is_none() {
            return Err(Trouble::Failed(format!(
                "--target {}: the Dockerfile has no such stage",
                target.unwrap_or_default()
            )));
        }
        let nodes = folder::list(case.context, case.ignore)?;
        let file = session.lay(ORIGINAL, &plan.original.to_string(), Some(case.ignore))?;
        tell("building the original");
        let cold = session.settings.measure;
        let took = session.build(ORIGINAL, &file, case.context, cold)?.map_err(|said| {
            Trouble::Failed(format!(
                "the original does not build, so there is nothing to compare with: {said}\nthe whole output is in {}",
                session.logs().join(format!("{ORIGINAL}.log")).display()
            ))
        })?;
        tell("looking at the original");
        let (image, measures) = read(session, ORIGINAL, cold.then_some(took))?;
        tell("running the original");
        let behaviour = smoke::observe(session, ORIGINAL, &image)?;
        let original = Original { file, image, measures };
        Ok(Self { session, tell, case, nodes, original, behaviour, attempts: AtomicUsize::new(0) })
    }

    /// The stage that is built, where the user names one.
    pub fn target(&self) -> Option<&str> {
        self.session.settings.target.as_deref()
    }

    /// Builds a plan, looks at its image and runs it.
    pub fn attempt(&self, plan: Plan, what: &str) -> Tried<Attempt> {
        let number = self.attempts.fetch_add(1, Ordering::Relaxed);
        let name = if number == 0 { "plan".to_owned() } else { format!("plan{}", number + 1) };
        let file = self.session.lay(&name, &plan.result.to_string(), Some(self.case.ignore))?;
        let mut attempt = Attempt {
            plan,
            name,
            file,
            problems: Vec::new(),
            checks: Checks::default(),
            measures: Measures::default(),
        };
        (self.tell)(&format!("building {what}"));
        // Only what is most likely kept is timed at once; for the rest, the cache is as good.
        let cold = self.session.settings.measure && number == 0;
        match self.session.build(&attempt.name, &attempt.file, self.case.context, cold)? {
            Err(said) => {
                let log = self.session.logs().join(format!("{}.log", attempt.name));
                let what = format!(
                    "the rewritten file does not build, as the original does: {said}\n(the whole output: {})",
                    log.display()
                );
                attempt.problems.push(Problem::new(Check::Build, what));
            }
            Ok(took) => {
                (self.tell)(&format!("looking at {what}"));
                self.examine(&mut attempt, cold.then_some(took))?;
            }
        }
        Ok(attempt)
    }

    fn examine(&self, attempt: &mut Attempt, cold: Option<Duration>) -> Tried<()> {
        let (image, measures) = read(self.session, &attempt.name, cold)?;
        attempt.measures = measures;
        let before = &self.original.image;
        let target = self.session.settings.target.as_deref();
        let stage = |tree| target_stage(tree, target).unwrap_or_default();
        let targets = (stage(&attempt.plan.original), stage(&attempt.plan.result));
        let (differences, problems) = config::compare(&before.config, &image.config, &attempt.plan, targets);
        attempt.checks.config = differences;
        attempt.problems.extend(problems);
        let problems = files::compare(before, &image, &attempt.plan, targets, &mut attempt.checks);
        attempt.problems.extend(problems);
        let base = files::base_layers(&image, &attempt.plan.result, targets.1).unwrap_or_default();
        let looked = look::compare(before, &image, base);
        attempt.checks.looked_at = looked.files;
        attempt.checks.notes.extend(looked.notes);
        attempt.problems.extend(looked.problems);
        // What is known not to start need not be started.
        if !attempt.problems.iter().any(|problem| problem.check == Check::Look) {
            (self.tell)("running what is planned");
            let both = ((ORIGINAL, before), (attempt.name.as_str(), &image));
            let ran = smoke::compare(self.session, &self.behaviour, both.0, both.1)?;
            attempt.problems.extend(ran.problems);
            attempt.checks.run = ran.said;
            attempt.checks.notes.extend(ran.notes);
        }
        Ok(())
    }
}

fn read(session: &Session<'_>, name: &str, cold: Option<Duration>) -> Tried<(Image, Measures)> {
    let tag = session.tag(name);
    let compress = session.settings.measure;
    let mut images = session.engine.save(&[&tag], |archive| image::read(archive, &[&tag], compress))?;
    let image = images.pop().ok_or_else(|| Trouble::failed("the engine saved no image"))?;
    let size = session.engine.inspect(&tag)?["Size"].as_u64();
    let sum = || image.layers.iter().map(|layer| layer.size).sum();
    let mut measures = Measures::of(&image, size.unwrap_or_else(sum));
    measures.cold = cold.map(|took| took.as_secs_f64());
    Ok((image, measures))
}
