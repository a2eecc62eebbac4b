//! What the user may say about a proof.

use std::path::PathBuf;
use std::time::Duration;

/// How images are built, run and compared.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The engine: `docker`, `podman`, `buildah`, or the path of one.
    pub engine: Option<String>,
    /// A builder of `docker buildx`.
    pub builder: Option<String>,
    /// `NAME=value`, as `--build-arg` takes them.
    pub build_args: Vec<String>,
    /// As `--secret` takes them.
    pub secrets: Vec<String>,
    /// The stage to build.
    pub target: Option<String>,
    /// The platform to build for.
    pub platform: Option<String>,
    /// The network of builds.
    pub network: Option<String>,
    /// The network of running containers; one of their own, without a way out, where not said.
    pub run_network: Option<String>,
    /// `NAME=value` for running containers.
    pub environment: Vec<String>,
    /// A command that tells whether a running container is well.
    pub smoke: Option<String>,
    /// The port that the application listens on.
    pub port: Option<u16>,
    /// The paths to ask for.
    pub paths: Vec<String>,
    /// How long to wait for an application.
    pub timeout: Duration,
    /// The memory that a container may use.
    pub memory: String,
    /// Whether builds and rebuilds are timed, which takes several builds.
    pub measure: bool,
    /// The source file to edit for the rebuild, in the build context.
    pub edit: Option<String>,
    /// Where the logs of builds go.
    pub logs: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: None,
            builder: None,
            build_args: Vec::new(),
            secrets: Vec::new(),
            target: None,
            platform: None,
            network: None,
            run_network: None,
            environment: Vec::new(),
            smoke: None,
            port: None,
            paths: Vec::new(),
            timeout: Duration::from_secs(60),
            memory: "2g".to_owned(),
            measure: true,
            edit: None,
            logs: None,
        }
    }
}
