//! The command line: what may be said, and the [`Request`] that it comes to.

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dfix_transforms::catalog::{self, CATALOG};
use dfix_transforms::{Base, Cache, Merge, Options, Transform};
use std::path::PathBuf;
use std::process::ExitCode;

mod verify;

pub use verify::{Format, Proving};

/// The transform that cache mounts are made by.
const CACHE_MOUNTS: &str = "cache-mounts";

const ABOUT: &str = "Rewrites Dockerfiles, and says why.";

const LONG_ABOUT: &str = "\
Rewrites Dockerfiles so that images get smaller and builds quicker, and says why.

dfix reads each Dockerfile, looks at the files beside it, and plans a rewrite: dependencies are copied and \
installed before the sources, RUNs that belong together become one, caches stay out of layers, images get \
slimmer bases. Without an option it only tells what it would do; nothing is changed on disk but with --write.

Each step says how sure it is. 'same': the image stays the same but for caches and layers. 'checked': the \
image changes, and every known hazard was looked for. 'unproven': something could not be looked at; such a step \
is only suggested, unless --unproven is given.";

const AFTER_HELP: &str = "\
Examples:
  dfix                         what it would do in this folder, and why
  dfix --diff api/Dockerfile   the changes, as a diff
  dfix --write                 make the changes
  dfix --check                 for CI: exit code 1 if there is something to change
  dfix - < Dockerfile          rewrite standard input to standard output
  dfix --explain merge-runs    what one of the transforms does, with examples
  dfix verify                  build and run both, and compare; dfix verify --help
  dfix --write --verify        make the changes that are proven so

Exit codes: 0 nothing to do, or done; 1 --check or --diff found something to change; 2 an error.";

#[derive(Debug, Parser)]
#[command(name = "dfix", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,

    /// Dockerfiles, or folders to look for them in; `-` is standard input
    ///
    /// In a folder, dfix takes Dockerfile, Dockerfile.*, *.Dockerfile, *.dockerfile, Containerfile and
    /// Containerfile.*, and leaves out what .gitignore leaves out. A file that is named is always taken.
    /// With `-`, the rewritten file is printed, and nothing is known of the files beside it.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Print the changes as a unified diff; exit code 1 if there are any
    ///
    /// The diff can be applied with `git apply` or `patch -p1`. The reasons go to standard error.
    #[arg(long, help_heading = "What to do")]
    diff: bool,

    /// Change the files
    ///
    /// A file is replaced in one go or not at all, and keeps its permissions.
    #[arg(long, short = 'w', conflicts_with = "check", help_heading = "What to do")]
    write: bool,

    /// Change nothing; exit code 1 if there is something to change
    #[arg(long, help_heading = "What to do")]
    check: bool,

    /// List the transforms, in the order in which they run
    #[arg(long, group = "instead", conflicts_with_all = ["diff", "write", "check"], help_heading = "What to do")]
    list: bool,

    /// Explain a transform, with examples; --list has the ids
    #[arg(long, value_name = "ID", value_parser = ids(), hide_possible_values = true, group = "instead", conflicts_with_all = ["diff", "write", "check"], help_heading = "What to do")]
    explain: Option<String>,

    /// Print the completions for a shell
    #[arg(long, value_name = "SHELL", group = "instead", conflicts_with_all = ["diff", "write", "check"], help_heading = "What to do")]
    completions: Option<Shell>,

    /// With --write: build and run both images, and write only what is proven by that
    #[arg(long, requires = "write", help_heading = "What to do")]
    verify: bool,

    #[command(flatten)]
    choices: Choices,

    #[command(flatten)]
    voice: Voice,

    #[command(flatten)]
    proof: verify::ProofArgs,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build and run each Dockerfile and what dfix makes of it, and compare the two
    ///
    /// Both are built from the same build context, and their configurations, files, and behaviour are
    /// compared: nothing may differ but what the steps declare. Where something does, the step at fault is
    /// found, repaired or left out. What remains has been proven. Nothing is changed on disk; `dfix --write
    /// --verify` does that.
    ///
    /// Exit codes: 0 all is proven, or there is nothing to prove; 1 something had to be repaired or left out;
    /// 2 an error, or interrupted.
    Verify(Box<Verify>),
}

#[derive(Debug, Args)]
struct Verify {
    /// Dockerfiles, or folders to look for them in
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    /// Print the changes that are proven as a unified diff
    #[arg(long, help_heading = "What to print")]
    diff: bool,

    #[command(flatten)]
    choices: Choices,

    #[command(flatten)]
    voice: Voice,

    #[command(flatten)]
    proof: verify::ProofArgs,
}

/// What the chain is told.
#[derive(Debug, Args)]
struct Choices {
    /// The build context: the folder that `docker build` is given
    ///
    /// Without this, it is the folder that a Dockerfile lies in.
    #[arg(long, value_name = "DIR", help_heading = "How to do it")]
    context: Option<PathBuf>,

    /// Run only these transforms; repeat it, or separate them by commas
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = ids(), hide_possible_values = true, help_heading = "How to do it")]
    only: Vec<String>,

    /// Don't run these transforms
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = ids(), hide_possible_values = true, help_heading = "How to do it")]
    skip: Vec<String>,

    /// Make the steps, too, that could not be proven harmless
    #[arg(long, help_heading = "How to do it")]
    unproven: bool,

    /// How the caches of package managers are kept out of the image
    #[arg(long, value_enum, default_value_t = CacheArg::Flags, hide = catalog_lacks_cache_mounts(), help_heading = "How to do it")]
    cache: CacheArg,

    /// Which neighbouring RUNs become one
    #[arg(long, value_enum, default_value_t = MergeArg::Related, help_heading = "How to do it")]
    merge: MergeArg,

    /// Which small base image to aim at
    #[arg(long, value_enum, default_value_t = BaseArg::Slim, help_heading = "How to do it")]
    base: BaseArg,
}

/// How much is said, and how.
#[derive(Debug, Args)]
struct Voice {
    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = clap::ColorChoice::Auto, help_heading = "What to print")]
    color: clap::ColorChoice,

    /// Print nothing but errors (and the diff)
    #[arg(long, short = 'q', conflicts_with = "verbose", help_heading = "What to print")]
    quiet: bool,

    /// Print what was looked at and all that differs, too
    #[arg(long, short = 'v', help_heading = "What to print")]
    verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CacheArg {
    /// By flags such as --no-cache-dir, and by clean-up commands
    Flags,
    /// By cache mounts, which the next build finds again
    Mounts,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MergeArg {
    /// Those that belong together
    Related,
    /// All that can be joined without changing what they do
    All,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BaseArg {
    /// The same distribution without build tools
    Slim,
    /// Alpine Linux: smaller, with another C library
    Alpine,
}

fn ids() -> PossibleValuesParser {
    PossibleValuesParser::new(CATALOG.iter().map(|transform| transform.id))
}

fn catalog_lacks_cache_mounts() -> bool {
    catalog::get(CACHE_MOUNTS).is_none()
}

/// What the user wants.
pub struct Request {
    /// What is to be done.
    pub action: Action,
    /// Whether colour is wanted.
    pub color: clap::ColorChoice,
}

/// What is to be done.
pub enum Action {
    /// Files are to be rewritten, or looked at.
    Rewrite(Rewrite),
    /// What is planned for files is to be proven, and perhaps written.
    Verify(Rewrite, Box<Proving>),
    /// The transforms are to be listed.
    List,
    /// One of them is to be explained.
    Explain(&'static Transform),
    /// A shell wants to know the command line.
    Completions(Shell),
}

/// Which files are to be rewritten, and how.
pub struct Rewrite {
    /// The files.
    pub input: Input,
    /// What becomes of the result.
    pub mode: Mode,
    /// Whether a diff is to be printed.
    pub diff: bool,
    /// The build context, where the user names one.
    pub context: Option<PathBuf>,
    /// The choices that the chain is given.
    pub options: Options,
    /// How much is to be said.
    pub volume: Volume,
}

/// Where Dockerfiles come from.
pub enum Input {
    /// Standard input.
    Stdin,
    /// Files and folders.
    Paths(Vec<PathBuf>),
}

/// What becomes of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is told.
    Tell,
    /// It decides the exit code.
    Check,
    /// It is written.
    Write,
}

/// How much is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Errors only.
    Quiet,
    /// What is done and why.
    Normal,
    /// What was looked at, too.
    Verbose,
}

/// Reads the command line. `Err` is the exit code where it was answered already: a mistake in it, `--help`,
/// `--version`.
pub fn request() -> Result<Request, ExitCode> {
    Cli::try_parse().and_then(Cli::into_request).map_err(|error| {
        // A closed pipe is no error, and there is nowhere else to complain.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
    })
}

/// The completions for a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dfix", &mut script);
    script
}

fn usage(message: &str) -> clap::Error {
    Cli::command().error(ErrorKind::ArgumentConflict, message)
}

impl Cli {
    fn into_request(self) -> Result<Request, clap::Error> {
        if let Some(Task::Verify(verify)) = self.command {
            return verify.into_request();
        }
        let color = self.voice.color;
        if self.list {
            return Ok(Request { action: Action::List, color });
        }
        if let Some(transform) = self.explain.as_deref().and_then(catalog::get) {
            return Ok(Request { action: Action::Explain(transform), color });
        }
        if let Some(shell) = self.completions {
            return Ok(Request { action: Action::Completions(shell), color });
        }
        let input = input(self.paths)?;
        let stdin = matches!(input, Input::Stdin);
        if stdin && self.write {
            return Err(usage(
                "standard input (-) can't be written to; leave --write out to have the result printed",
            ));
        }
        let rewrite = Rewrite {
            input,
            mode: match (self.write, self.check) {
                (true, _) => Mode::Write,
                (_, true) => Mode::Check,
                _ => Mode::Tell,
            },
            diff: self.diff,
            context: self.choices.context.clone(),
            options: self.choices.into_options()?,
            volume: self.voice.volume(),
        };
        let proving = self.verify.then(|| self.proof.into_proving());
        let action = match proving {
            Some(proving) => Action::Verify(rewrite, Box::new(proving)),
            None => Action::Rewrite(rewrite),
        };
        Ok(Request { action, color })
    }
}

impl Verify {
    fn into_request(self) -> Result<Request, clap::Error> {
        let input = input(self.paths)?;
        if matches!(input, Input::Stdin) {
            return Err(usage("standard input (-) can't be verified: it has no build context"));
        }
        let rewrite = Rewrite {
            input,
            mode: Mode::Tell,
            diff: self.diff,
            context: self.choices.context.clone(),
            options: self.choices.into_options()?,
            volume: self.voice.volume(),
        };
        let color = self.voice.color;
        Ok(Request { action: Action::Verify(rewrite, Box::new(self.proof.into_proving())), color })
    }
}

fn input(paths: Vec<PathBuf>) -> Result<Input, clap::Error> {
    let stdin = paths.iter().any(|path| path.as_os_str() == "-");
    if stdin && paths.len() > 1 {
        return Err(usage("standard input (-) can't be read along with files"));
    }
    Ok(if stdin { Input::Stdin } else { Input::Paths(paths) })
}

impl Choices {
    fn into_options(self) -> Result<Options, clap::Error> {
        if self.cache == CacheArg::Mounts && catalog_lacks_cache_mounts() {
            return Err(usage("cache mounts are not made yet; leave --cache out, or use --cache flags"));
        }
        Ok(Options {
            only: self.only,
            skip: self.skip,
            unproven: self.unproven,
            cache: match self.cache {
                CacheArg::Flags => Cache::Flags,
                CacheArg::Mounts => Cache::Mounts,
            },
            merge: match self.merge {
                MergeArg::Related => Merge::Related,
                MergeArg::All => Merge::All,
            },
            base: match self.base {
                BaseArg::Slim => Base::Slim,
                BaseArg::Alpine => Base::Alpine,
            },
        })
    }
}

impl Voice {
    fn volume(&self) -> Volume {
        match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
