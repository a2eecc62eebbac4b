//! A container engine, by its command line.

use super::process::{self, Ended, Watch};
use super::settings::Settings;
use super::trouble::{Tried, Trouble};
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// How long an image may take to be read.
const SAVE_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The label of whatever a run starts.
const LABEL: &str = "dfix.run";

/// Whose command line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Docker,
    Podman,
}

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    builds: PathBuf,
    runs: PathBuf,
    family: Family,
    /// Its name and version, for people.
    pub name: String,
    /// Whether it runs on this machine, with this machine's processes and networks in sight.
    pub local: bool,
}

/// What is built.
pub struct Build<'a> {
    /// The Dockerfile.
    pub file: &'a Path,
    /// The ignore file that goes with it.
    pub ignore: Option<&'a Path>,
    /// The build context.
    pub context: &'a Path,
    /// The tag of the image.
    pub tag: &'a str,
    /// Whether every step is run anew.
    pub cold: bool,
    /// Where the output goes.
    pub log: &'a Path,
}

impl Engine {
    /// The engine that is asked for, or the first that answers.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub fn find(settings: &Settings) -> Tried<Self> {
        let named = settings.engine.as_deref();
        let mut said = Vec::new();
        for candidate in named.map_or_else(|| vec!["docker", "podman"], |name| vec![name]) {
            match Self::open(candidate) {
                Ok(engine) if settings.builder.is_some() && engine.family != Family::Docker => {
                    return Err(Trouble::failed(
                        "--builder names a builder of docker buildx: it needs --engine docker",
                    ));
                }
                Ok(engine) => return Ok(engine),
                Err(Trouble::Interrupted) => return Err(Trouble::Interrupted),
                Err(trouble) => said.push(format!("{candidate}: {trouble}")),
            }
        }
        Err(Trouble::Failed(format!(
            "no container engine answers ({}); start one, or name it with --engine",
            said.join("; ")
        )))
    }

    fn open(name: &str) -> Tried<Self> {
        let base = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name);
        let (family, runs) = match base {
            "buildah" => (Family::Podman, PathBuf::from("podman")),
            base if base.starts_with("podman") => (Family::Podman, PathBuf::from(name)),
            _ => (Family::Docker, PathBuf::from(name)),
        };
        let mut engine =
            Self { builds: PathBuf::from(name), runs, family, name: String::new(), local: false };
        let format = match family {
            Family::Docker => "{{.ServerVersion}}\t{{.Name}}\t{{.SecurityOptions}}",
            Family::Podman => "{{.Version.Version}}\t{{.Host.Hostname}}\t{{.Host.Security.Rootless}}",
        };
        let info = engine.ask(&["info", "--format", format], Watch::QUICK)?;
        let fields: Vec<&str> = info.trim().split('\t').collect();
        let [version, host, security] = fields[..] else {
            return Err(Trouble::Failed(format!("`info` says {}", info.trim())));
        };
        let rootless = security == "true" || security.contains("rootless");
        engine.name = format!("{base} {version}");
        engine.local = !rootless && host_name().is_some_and(|own| own == host);
        if family == Family::Docker && !engine.command(&["buildx", "version"], Watch::QUICK)?.is_ok() {
            return Err(Trouble::failed("has no buildx, which builds need; install docker-buildx"));
        }
        if engine.builds != engine.runs {
            let mut version = Command::new(&engine.builds);
            version.arg("--version");
            if !process::run(version, None, Watch::QUICK)?.is_ok() {
                return Err(Trouble::failed("does not run"));
            }
        }
        Ok(engine)
    }

    /// The program that runs containers.
    pub fn program(&self) -> &Path {
        &self.runs
    }

    fn start(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.runs);
        command.args(arguments);
        command
    }

    fn command(&self, arguments: &[&str], watch: Watch) -> Tried<Ended> {
        process::run(self.start(arguments), None, watch)
    }

    /// What it answers; `Err` with what it complains of.
    pub fn ask(&self, arguments: &[&str], watch: Watch) -> Tried<String> {
        let ended = self.command(arguments, watch)?;
        if ended.is_ok() { Ok(ended.out) } else { Err(self.classify(&ended.complaint())) }
    }

    /// Whether what went wrong is the engine's end.
    fn classify(&self, complaint: &str) -> Trouble {
        if self.answers() { Trouble::failed(complaint) } else { Trouble::EngineGone(complaint.to_owned()) }
    }

    /// Whether it still answers.
    pub fn answers(&self) -> bool {
        let watch = Watch { limit: Duration::from_secs(10), heed: false };
        self.command(&["info", "--format", "ok"], watch).is_ok_and(|ended| ended.is_ok())
    }

    /// Builds an image. `Ok(Err(_))` is a build that fails.
    pub fn build(&self, build: &Build<'_>, settings: &Settings) -> Tried<Result<Duration, String>> {
        let log = File::create(build.log).map_err(|error| {
            Trouble::io(&format!("the log {} can't be written", build.log.display()), &error)
        })?;
        let mut command = Command::new(&self.builds);
        match self.family {
            Family::Docker => {
                command.args(["buildx", "build", "--load", "--progress", "plain", "--provenance", "false"]);
                if let Some(builder) = &settings.builder {
                    command.args(["--builder", builder]);
                }
            }
            // The other format knows neither HEALTHCHECK nor SHELL.
            Family::Podman => {
                command.args(["build", "--format", "docker", "--layers"]);
                if let Some(ignore) = build.ignore {
                    command.arg("--ignorefile").arg(ignore);
                }
            }
        }
        command.arg("--file").arg(build.file).args(["--tag", build.tag]);
        if build.cold {
            command.arg("--no-cache");
        }
        let one = |name: &'static str, value: &Option<String>| value.clone().map(|value| (name, value));
        let many = |name: &'static str, values: &[String]| -> Vec<_> {
            values.iter().map(|value| (name, value.clone())).collect()
        };
        let options = one("--target", &settings.target)
            .into_iter()
            .chain(one("--platform", &settings.platform))
            .chain(one("--network", &settings.network))
            .chain(many("--build-arg", &settings.build_args))
            .chain(many("--secret", &settings.secrets));
        for (name, value) in options {
            command.args([name, &value]);
        }
        command.arg(build.context);
        match process::run(command, Some(log), Watch { limit: BUILD_LIMIT, heed: true })? {
            ended if ended.is_ok() => Ok(Ok(ended.took)),
            ended => match self.classify(&build_error(&ended.err)) {
                Trouble::Failed(said) => Ok(Err(said)),
                gone => Err(gone),
            },
        }
    }

    /// The images as one tar archive, as `save` writes it.
    pub fn save<T>(
        &self,
        tags: &[&str],
        reader: impl FnOnce(&mut dyn Read) -> std::io::Result<T>,
    ) -> Tried<T> {
        let mut command = self.start(&["save"]);
        if self.family == Family::Podman {
            command.args(["--format", "docker-archive", "--multi-image-archive"]);
        }
        command.args(tags);
        process::stream(command, Watch { limit: SAVE_LIMIT, heed: true }, reader).map_err(|trouble| {
            match trouble {
                Trouble::Failed(said) => self.classify(&said),
                other => other,
            }
        })
    }

    /// What is known of an image.
    pub fn inspect(&self, tag: &str) -> Tried<Value> {
        self.value(&["image", "inspect", tag])
    }

    /// What is known of a container; `None` where there is none.
    pub fn container(&self, name: &str) -> Option<Value> {
        self.value(&["container", "inspect", name]).ok()
    }

    fn value(&self, arguments: &[&str]) -> Tried<Value> {
        let text = self.ask(arguments, Watch::QUICK)?;
        match serde_json::from_str(&text) {
            Ok(Value::Array(mut list)) if !list.is_empty() => Ok(list.remove(0)),
            _ => Err(Trouble::Failed(format!("`{}` gave no answer", arguments.join(" ")))),
        }
    }

    /// A container that is attached to this process and goes when it ends.
    pub fn container_command(&self, run: &str, name: &str, limits: &Limits<'_>) -> Command {
        let mut command = self.start(&["run", "--rm", "--name", name, "--label"]);
        command.arg(format!("{LABEL}={run}"));
        // Nothing is kept of what it prints but what dfix reads.
        command.args(["--log-driver", "none", "--pids-limit", "512", "--stop-timeout", "2"]);
        command.args(["--memory", limits.memory, "--memory-swap", limits.memory]);
        // Both get the same name, so that an answer that holds it is the same.
        if limits.network != "host" {
            command.args(["--hostname", "app"]);
        }
        command.args(["--network", limits.network]);
        for port in limits.published {
            command.args(["--publish", &format!("127.0.0.1::{port}")]);
        }
        for variable in limits.environment {
            command.args(["--env", variable]);
        }
        command
    }

    /// Runs the healthcheck of a container at once, where that takes asking: podman leaves it to a timer of
    /// systemd, which need not be there.
    pub fn run_healthcheck(&self, name: &str) -> Option<bool> {
        if self.family == Family::Docker {
            return None;
        }
        self.command(&["healthcheck", "run", name], Watch::QUICK).ok().map(|ended| ended.is_ok())
    }

    /// Makes a network without a way out.
    pub fn make_network(&self, run: &str, name: &str) -> Tried<()> {
        self.ask(
            &["network", "create", "--internal", "--label", &format!("{LABEL}={run}"), name],
            Watch::QUICK,
        )
        .map(drop)
    }

    /// Removes a container, and its volumes, whatever it does.
    pub fn remove_container(&self, name: &str) {
        let _ = self.command(&["rm", "--force", "--volumes", name], Watch::CLEANUP);
    }

    /// Removes all that a run made: containers, networks, tags. `Err` is what could not be removed.
    pub fn sweep(&self, run: &str, repository: &str) -> Tried<()> {
        let label = format!("label={LABEL}={run}");
        let list = |arguments: &[&str]| -> Tried<Vec<String>> {
            Ok(self.ask(arguments, Watch::CLEANUP)?.lines().map(str::to_owned).collect())
        };
        let mut problems = Vec::new();
        let mut remove = |command: &[&str], names: Vec<String>| {
            for name in names {
                let arguments: Vec<&str> = command.iter().copied().chain([name.as_str()]).collect();
                if let Err(trouble) = self.ask(&arguments, Watch::CLEANUP) {
                    problems.push(format!("{name} ({trouble})"));
                }
            }
        };
        remove(&["rm", "--force", "--volumes"], list(&["ps", "--all", "--quiet", "--filter", &label])?);
        remove(&["network", "rm"], list(&["network", "ls", "--quiet", "--filter", &label])?);
        remove(
            &["rmi"],
            self.tags(repository)?.into_iter().filter(|tag| tag.contains(&format!(":{run}-"))).collect(),
        );
        if problems.is_empty() { Ok(()) } else { Err(Trouble::Failed(problems.join(", "))) }
    }

    /// The tags of a repository.
    pub fn tags(&self, repository: &str) -> Tried<Vec<String>> {
        let list =
            self.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}", repository], Watch::CLEANUP)?;
        Ok(list.lines().map(str::to_owned).collect())
    }
}

/// What a container may use.
pub struct Limits<'a> {
    /// Memory.
    pub memory: &'a str,
    /// The network.
    pub network: &'a str,
    /// Ports that are made known to this machine.
    pub published: &'a [u16],
    /// `NAME=value`.
    pub environment: &'a [String],
}

/// What a build says went wrong: BuildKit's last `ERROR`, with what the failing command printed before.
fn build_error(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let Some(last) = lines.last() else { return "no message".to_owned() };
    // `------` encloses the last lines of the command that failed.
    let fences: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.trim() == "------").map(|(at, _)| at).collect();
    let shown = match fences[..] {
        [.., open, close] => lines[open + 1..close].iter().rev().take(6).rev().copied().collect(),
        _ => Vec::new(),
    };
    let last = last
        .trim()
        .trim_start_matches("ERROR: ")
        .trim_start_matches("Error: ")
        .trim_start_matches("failed to solve: ");
    if shown.is_empty() { last.to_owned() } else { format!("{last}\n{}", shown.join("\n")) }
}

fn host_name() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_a_build_failed() {
        let said = "#5 1.2 x\n#5 ERROR: process did not\n------\n > [2/2] RUN false:\n0.1 first\n0.2 second\n------\n\
                    Dockerfile:2\n--------------------\n   1 | FROM a\n--------------------\n\
                    ERROR: failed to solve: process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n";
        assert_eq!(
            build_error(said),
            "process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n > [2/2] RUN false:\n0.1 first\n0.2 second"
        );
        assert_eq!(build_error("Error: no such file\n"), "no such file");
    }
}
