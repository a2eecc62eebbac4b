//! What may be said about a proof.

use crate::verify::Settings;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const HEADING: &str = "How to verify";

/// How images are built, run and compared.
#[derive(Debug, Args)]
pub(super) struct ProofArgs {
    /// The container engine: docker, podman, buildah (with podman to run), or the path of one
    #[arg(long, value_name = "NAME", help_heading = HEADING, hide_short_help = true)]
    engine: Option<String>,

    /// Build with this builder of `docker buildx`
    #[arg(long, value_name = "NAME", help_heading = HEADING, hide_short_help = true)]
    builder: Option<String>,

    /// Set a build argument; repeat it for more
    #[arg(long, value_name = "NAME=VALUE", help_heading = HEADING, hide_short_help = true)]
    build_arg: Vec<String>,

    /// Give the build a secret, as `docker build --secret` takes it
    #[arg(long, value_name = "id=ID,src=FILE", help_heading = HEADING, hide_short_help = true)]
    secret: Vec<String>,

    /// Build this stage, not the last one
    #[arg(long, value_name = "STAGE", help_heading = HEADING, hide_short_help = true)]
    target: Option<String>,

    /// Build for this platform
    #[arg(long, value_name = "OS/ARCH", help_heading = HEADING, hide_short_help = true)]
    platform: Option<String>,

    /// The network of builds
    #[arg(long, value_name = "MODE", help_heading = HEADING, hide_short_help = true)]
    network: Option<String>,

    /// The network of running containers; without this, it is one of their own that leads nowhere
    #[arg(long, value_name = "NAME", help_heading = HEADING, hide_short_help = true)]
    run_network: Option<String>,

    /// Set a variable in the running containers; repeat it for more
    #[arg(long, short = 'e', value_name = "NAME=VALUE", help_heading = HEADING, hide_short_help = true)]
    env: Vec<String>,

    /// A shell command that tells by its exit code whether a running container is well
    ///
    /// It runs on this machine, once for each container, and finds DFIX_URL, DFIX_HOST, DFIX_PORT,
    /// DFIX_CONTAINER, DFIX_IMAGE and DFIX_ENGINE in its environment.
    #[arg(long, value_name = "COMMAND", help_heading = HEADING, hide_short_help = true)]
    smoke: Option<String>,

    /// The port that the application listens on
    #[arg(long, value_name = "PORT", help_heading = HEADING, hide_short_help = true)]
    port: Option<u16>,

    /// Ask for this path, instead of the usual ones; repeat it for more
    #[arg(long, value_name = "PATH", value_parser = absolute, help_heading = HEADING, hide_short_help = true)]
    path: Vec<String>,

    /// How long to wait for an application to start, and for a smoke command, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = HEADING, hide_short_help = true)]
    timeout: u64,

    /// How much memory a container may use
    #[arg(long, value_name = "SIZE", default_value = "2g", help_heading = HEADING, hide_short_help = true)]
    memory: String,

    /// How many Dockerfiles are verified at once; what is timed is only right with one
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64), help_heading = HEADING, hide_short_help = true)]
    jobs: u8,

    /// Don't time builds, which takes several of them
    #[arg(long, help_heading = HEADING, hide_short_help = true)]
    no_measure: bool,

    /// The source file to add a line to when a rebuild is timed, in the build context
    #[arg(long, value_name = "FILE", help_heading = HEADING, hide_short_help = true)]
    edit: Option<String>,

    /// Keep the output of builds in this folder
    #[arg(long, value_name = "DIR", help_heading = HEADING, hide_short_help = true)]
    logs: Option<PathBuf>,

    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = HEADING, hide_short_help = true)]
    format: Format,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table
    Text,
    /// JSON, as docs/verify-schema.json describes it
    Json,
}

/// How the proof is made, and how it is told.
pub struct Proving {
    /// How images are built, run and compared.
    pub settings: Settings,
    /// How many Dockerfiles are verified at once.
    pub jobs: usize,
    /// How the result is printed.
    pub format: Format,
}

fn absolute(path: &str) -> Result<String, String> {
    if path.starts_with('/') { Ok(path.to_owned()) } else { Err("a path begins with /".to_owned()) }
}

impl ProofArgs {
    pub(super) fn into_proving(self) -> Proving {
        Proving {
            settings: Settings {
                engine: self.engine,
                builder: self.builder,
                build_args: self.build_arg,
                secrets: self.secret,
                target: self.target,
                platform: self.platform,
                network: self.network,
                run_network: self.run_network,
                environment: self.env,
                smoke: self.smoke,
                port: self.port,
                paths: self.path,
                timeout: Duration::from_secs(self.timeout),
                memory: self.memory,
                measure: !self.no_measure,
                edit: self.edit,
                logs: self.logs,
            },
            jobs: usize::from(self.jobs),
            format: self.format,
        }
    }
}
