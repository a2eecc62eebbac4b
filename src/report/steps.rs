//! The steps of a plan, for people.

use super::{Subject, clean, is_filter, tells_all, wrap};
use crate::cli::{Mode, Volume};
use crate::output::Paint;
use dfix_transforms::{Effect, Outcome, Step};
use std::fmt::Write as _;

/// The groups, in the order in which they matter to a reader.
const GROUPS: [Outcome; 4] = [Outcome::Applied, Outcome::Dropped, Outcome::Suggested, Outcome::Declined];

/// What is done to a file and why, what could be done, and what was left alone.
pub fn file(subject: &Subject<'_>, paint: Paint) -> String {
    let rewrite = subject.rewrite;
    let verbose = rewrite.volume == Volume::Verbose;
    if rewrite.volume == Volume::Quiet || is_filter(rewrite) && !verbose {
        return String::new();
    }
    let steps: Vec<&Step> = subject
        .plan
        .steps
        .iter()
        .filter(|step| tells_all(rewrite) || matches!(step.outcome, Outcome::Applied | Outcome::Dropped))
        .collect();
    if steps.is_empty() && !verbose {
        return String::new();
    }
    let mut text = format!("{}\n", paint.bold(clean(&subject.path.display().to_string())));
    let columns = Columns {
        line: steps.iter().map(|step| step.line.to_string().len()).max().unwrap_or(1),
        id: steps.iter().map(|step| step.transform.len()).max().unwrap_or(0),
    };
    for group in GROUPS {
        let mut members: Vec<&Step> = steps.iter().copied().filter(|step| step.outcome == group).collect();
        members.sort_by_key(|step| step.line);
        if members.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  {}", heading(group, rewrite.mode, paint));
        for step in members {
            write_step(&mut text, step, &columns, paint);
            if !verbose && group == Outcome::Suggested {
                write_doubt(&mut text, step, &columns, paint);
            }
            if verbose {
                write_details(&mut text, subject, step, &columns, paint);
            }
        }
    }
    if steps.is_empty() {
        let _ = writeln!(text, "  nothing to do");
    }
    if let Some((line, source)) = subject.missing.filter(|_| tells_all(rewrite)) {
        let note = format!(
            "the build context is not known: {} (line {line}) is not beside the Dockerfile, nor is anything else \
             that it copies; name the folder with --context",
            clean(source)
        );
        let _ = writeln!(text, "  {} {}", paint.bold("note:"), wrap(&note, 8, paint.width()));
    }
    text.push('\n');
    text
}

struct Columns {
    line: usize,
    id: usize,
}

impl Columns {
    /// Where messages start.
    fn message(&self) -> usize {
        4 + self.line + 2 + self.id + 2
    }
}

fn heading(group: Outcome, mode: Mode, paint: Paint) -> String {
    match group {
        Outcome::Applied if mode == Mode::Write => paint.green("changed").to_string(),
        Outcome::Applied => paint.green("would change").to_string(),
        Outcome::Dropped => paint.red("left out by the check: a bug of dfix").to_string(),
        Outcome::Suggested => paint.yellow("could change, not proven").to_string(),
        Outcome::Declined => paint.dim("left alone").to_string(),
    }
}

fn write_step(text: &mut String, step: &Step, columns: &Columns, paint: Paint) {
    let mut message = clean(&step.message);
    if step.outcome == Outcome::Applied
        && let Some(safety) = step.safety
    {
        let _ = write!(message, " ({})", safety.to_string().to_lowercase());
    }
    let _ = writeln!(
        text,
        "    {}  {}  {}",
        paint.dim(format_args!("{:>width$}", step.line, width = columns.line)),
        paint.cyan(format_args!("{:<width$}", step.transform, width = columns.id)),
        wrap(&message, columns.message(), paint.width()),
    );
}

/// Why a step is only suggested: the last of its evidence is what could not be looked at.
fn write_doubt(text: &mut String, step: &Step, columns: &Columns, paint: Paint) {
    let Some(doubt) = step.evidence.last() else { return };
    let indent = columns.message();
    let doubt = wrap(&clean(doubt), indent, paint.width());
    let _ = writeln!(text, "{:indent$}{}", "", paint.dim(doubt));
}

fn write_details(text: &mut String, subject: &Subject<'_>, step: &Step, columns: &Columns, paint: Paint) {
    let indent = columns.message();
    let mut line = |what: String| {
        let _ = writeln!(text, "{:indent$}{}", "", paint.dim(wrap(&what, indent + 2, paint.width())));
    };
    let written =
        subject.plan.original.instructions.iter().find(|instruction| instruction.line() == step.line);
    if let Some(first) = written.and_then(|instruction| instruction.text().lines().next()) {
        line(format!("| {}", clean(first.trim_end())));
    }
    for evidence in &step.evidence {
        line(format!("* {}", clean(evidence)));
    }
    for effect in &step.effects {
        match effect {
            Effect::Rewritten { from, to } => {
                line(format!("- {}", clean(from)));
                line(format!("+ {}", clean(to)));
            }
            Effect::Added(what) => line(format!("+ {}", clean(what))),
            Effect::Removed(what) => line(format!("- {}", clean(what))),
            Effect::Moved(what) => line(format!("> moved: {}", clean(what))),
            Effect::Repeated(what) => line(format!("> in more than one stage: {}", clean(what))),
            Effect::Base { from, to } => {
                line(format!("- FROM {}", clean(from)));
                line(format!("+ FROM {}", clean(to)));
            }
            Effect::Split { stage, into } => line(format!("> stage {stage} becomes {into} stages")),
            Effect::CommentMoved(comment) => {
                line(format!("> on a line of its own: {}", clean(comment)));
            }
        }
    }
}
