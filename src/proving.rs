//! Proves, and perhaps writes, what is planned for the files of a request.

use crate::cli::{Format, Input, Mode, Proving, Rewrite, Volume};
use crate::context::{self, Contexts};
use crate::discover::{Target, discover};
use crate::output::Output;
use crate::report::{self, problem, proof};
use crate::verify::{self, Case, Engine, Proof, Trouble, Verdict, interrupt};
use crate::{diff, source, write};
use anyhow::Context as _;
use dfix_syntax::Dockerfile;
use dfix_transforms::{Options, Plan, plan};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The stack of a worker: a script may be nested deeply.
const STACK: usize = 64 << 20;

/// What came of a file: the proof, or what stands in its way.
type Done = Result<Box<Proof>, String>;

/// Proves what is planned for all files, and says so.
///
/// # Errors
/// When there is nothing to work with: no engine, no output.
pub fn run(rewrite: &Rewrite, proving: &Proving, output: &mut Output) -> anyhow::Result<ExitCode> {
    if let Some(folder) = rewrite.context.as_deref() {
        anyhow::ensure!(folder.is_dir(), "--context {}: there is no such folder", folder.display());
    }
    let Input::Paths(paths) = &rewrite.input else {
        anyhow::bail!("standard input has no build context to verify it with");
    };
    interrupt::listen();
    let found = discover(paths);
    for message in &found.problems {
        output.tell(&problem::general(message, output.err));
    }
    let engine = Engine::find(&proving.settings)?;
    verify::sweep_leftovers(&engine);
    let contexts = Contexts::new(rewrite.context.clone());
    let mut told = Told { rewrite, proving, proofs: Vec::new(), failed: Vec::new() };
    let work = Work { targets: &found.targets, rewrite, proving, contexts: &contexts, engine: &engine };
    work.run(|bars, target, done| told.one(bars, target, done, output))?;
    told.end(output)?;
    Ok(ExitCode::from(match &told {
        told if !told.failed.is_empty() || !found.problems.is_empty() => 2,
        told if told.proofs.iter().any(|proof| !is_well(proof.verdict)) => 1,
        _ => 0,
    }))
}

fn is_well(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Proven | Verdict::NothingToProve)
}

struct Work<'w> {
    targets: &'w [Target],
    rewrite: &'w Rewrite,
    proving: &'w Proving,
    contexts: &'w Contexts,
    engine: &'w Engine,
}

impl Work<'_> {
    /// Works on as many files at once as is wanted, and hands on what comes of them in their order.
    fn run(
        &self,
        mut hand_on: impl FnMut(&MultiProgress, &Target, Done) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let bars = MultiProgress::new();
        if self.rewrite.volume == Volume::Quiet {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| -> anyhow::Result<()> {
            for _ in 0..self.proving.jobs.min(self.targets.len()) {
                let (sender, bars, next) = (sender.clone(), &bars, &next);
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
                    while let Some((at, target)) = Some(next.fetch_add(1, Ordering::Relaxed))
                        .and_then(|at| Some((at, self.targets.get(at)?)))
                    {
                        if interrupt::is_raised() || sender.send((at, self.one(target, bars))).is_err() {
                            break;
                        }
                    }
                })?;
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut at = 0;
            for (number, done) in receiver {
                waiting.insert(number, done);
                while let Some(done) = waiting.remove(&at) {
                    hand_on(&bars, &self.targets[at], done)?;
                    at += 1;
                }
            }
            Ok(())
        })
    }

    fn one(&self, target: &Target, bars: &MultiProgress) -> Done {
        let path = &target.path;
        let bar = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_prefix(path.display().to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        let done = self.prove(path, &|what| bar.set_message(what.to_owned()));
        bar.finish_and_clear();
        done
    }

    fn prove(&self, path: &Path, tell: &(dyn Fn(&str) + Sync)) -> Done {
        let text = source::read(path)?;
        let tree = Dockerfile::parse(&text).map_err(|error| error.to_string())?;
        let files = self.contexts.of(Some(path)).ok_or("its build context is not known")?;
        if let Some((line, source)) =
            context::missing_from(&files, &tree).filter(|_| !self.contexts.is_given())
        {
            return Err(format!(
                "the build context is not known: {source} (line {line}) is not beside the Dockerfile; name the folder \
                 with --context"
            ));
        }
        let options = &self.rewrite.options;
        let planner = |left_out: &[String]| -> Plan {
            let skip = options.skip.iter().chain(left_out).cloned().collect();
            plan(&tree, Some(&files), &Options { skip, ..options.clone() })
        };
        let folder = self.contexts.folder(path);
        let ignore = self.contexts.ignore(path);
        if let Some(broken) = planner(&[]).broken.first() {
            return Err(format!("{} can't be read: {}", folder.join(&broken.path).display(), broken.message));
        }
        let case = Case { path, context: &folder, ignore: &ignore, planner: &planner };
        let mut proof =
            verify::prove(&case, self.engine, &self.proving.settings, tell).map_err(|trouble| match trouble {
                Trouble::Interrupted => {
                    "interrupted; what was started is removed, and the file is as it was".to_owned()
                }
                Trouble::EngineGone(_) => format!(
                    "{trouble}; the file is as it was. Start the engine again and repeat: what may have been left behind \
                     is removed then"
                ),
                _ => trouble.to_string(),
            })?;
        if self.rewrite.mode == Mode::Write
            && let Some(after) = &proof.result
        {
            write::replace(path, &text, after)?;
            proof.written = true;
        }
        Ok(Box::new(proof))
    }
}

/// What is told, and what was.
struct Told<'t> {
    rewrite: &'t Rewrite,
    proving: &'t Proving,
    proofs: Vec<Proof>,
    failed: Vec<proof::Failure>,
}

impl Told<'_> {
    fn one(
        &mut self,
        bars: &MultiProgress,
        target: &Target,
        done: Done,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        match done {
            Err(message) => {
                // What a program said on several lines stays on several lines.
                let mut lines = message.lines();
                let mut text = problem::plain(&target.path, lines.next().unwrap_or_default(), output.err);
                lines.for_each(|line| text.push_str(&format!("  {}\n", report::clean(line))));
                bars.suspend(|| output.tell(&text));
                self.failed.push(proof::Failure { path: target.path.clone(), message });
            }
            Ok(proof) => {
                if self.proving.format == Format::Text && self.rewrite.volume > Volume::Quiet {
                    // Where a diff is wanted, it has standard output to itself.
                    let aside = self.rewrite.diff || self.rewrite.mode == Mode::Write;
                    let paint = if aside { output.err } else { output.out };
                    let text = proof::table(&proof, self.rewrite.volume == Volume::Verbose, paint);
                    let printed = bars.suspend(|| {
                        if aside {
                            output.tell(&text);
                            return Ok(());
                        }
                        output.print(text.as_bytes())
                    });
                    printed.context("standard output can't be written to")?;
                }
                if self.rewrite.diff
                    && self.proving.format == Format::Text
                    && let Some(after) = &proof.result
                {
                    let text = diff::unified(&target.path, &proof.original, after, output.out);
                    bars.suspend(|| output.print(text.as_bytes()))
                        .context("standard output can't be written to")?;
                }
                self.proofs.push(*proof);
            }
        }
        Ok(())
    }

    fn end(&self, output: &mut Output) -> anyhow::Result<()> {
        match self.proving.format {
            Format::Json => {
                let text = proof::json(&self.proofs, &self.failed)?;
                output.print(text.as_bytes()).context("standard output can't be written to")?;
            }
            Format::Text if self.proofs.len() > 1 && self.rewrite.volume > Volume::Quiet => {
                let text = proof::sums(&self.proofs, output.err);
                output.tell(&text);
            }
            Format::Text => {}
        }
        Ok(())
    }
}
