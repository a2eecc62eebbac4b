//! One run: its names, its temporary files, and the end of both.

use super::engine::{Build, Engine};
use super::process;
use super::settings::Settings;
use super::trouble::{Tried, Trouble};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The repository of temporary images.
const REPOSITORY: &str = "dfix-verify";

/// How long an engine that went away is waited for, so that what was started can be removed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A proof in the making. Whatever it made is gone when it is.
pub struct Session<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// What the user says.
    pub settings: &'a Settings,
    id: String,
    folder: TempDir,
    logs: PathBuf,
    network: Mutex<bool>,
    ended: bool,
}

impl<'a> Session<'a> {
    /// Begins a run. `name` is what the logs are called after.
    pub fn begin(engine: &'a Engine, settings: &'a Settings, name: &str) -> Tried<Self> {
        let id = format!("{}-{:x}", own_prefix(), fingerprint(&(name, now())) & 0xff_ffff);
        let folder = tempfile::Builder::new()
            .prefix("dfix-verify-")
            .tempdir()
            .map_err(|error| Trouble::io("no temporary folder can be made", &error))?;
        let logs = settings.logs.clone().unwrap_or_else(|| std::env::temp_dir().join("dfix-logs")).join(&id);
        fs::create_dir_all(&logs)
            .map_err(|error| Trouble::io(&format!("{} can't be made", logs.display()), &error))?;
        Ok(Self { engine, settings, id, folder, logs, network: Mutex::new(false), ended: false })
    }

    /// Its name, which all that it makes carries.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder of logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// A temporary file or folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The name of a container, a network.
    pub fn name(&self, of: &str) -> String {
        format!("dfix-{}-{of}", self.id)
    }

    /// The tag of an image.
    pub fn tag(&self, of: &str) -> String {
        format!("{REPOSITORY}:{}-{of}", self.id)
    }

    /// Makes the network of this run, once.
    pub fn network(&self, name: &str) -> Tried<()> {
        let mut made = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        if !*made {
            self.engine.make_network(&self.id, name)?;
            *made = true;
        }
        Ok(())
    }

    /// Writes a Dockerfile outside the build context. The ignore file that counts for the original is laid
    /// beside it, where BuildKit looks first.
    pub fn lay(&self, name: &str, text: &str, ignore: Option<&str>) -> Tried<PathBuf> {
        let path = self.path(&format!("{name}.Dockerfile"));
        let failed = |error| Trouble::io("a temporary file can't be written", &error);
        fs::write(&path, text).map_err(failed)?;
        if let Some(ignore) = ignore {
            fs::write(ignore_file(&path), ignore).map_err(failed)?;
        }
        Ok(path)
    }

    /// Builds what [`Session::lay`] wrote, and tags it by `name`.
    pub fn build(
        &self,
        name: &str,
        file: &Path,
        context: &Path,
        cold: bool,
    ) -> Tried<Result<Duration, String>> {
        let ignore = ignore_file(file);
        let log = self.logs.join(format!("{name}.log"));
        let build = Build {
            file,
            ignore: ignore.is_file().then_some(ignore.as_path()),
            context,
            tag: &self.tag(name),
            cold,
            log: &log,
        };
        self.engine.build(&build, self.settings)
    }

    /// Ends the run. The logs stay where something failed, or where the user named their folder.
    ///
    /// # Errors
    /// What could not be removed, and how a person does it.
    pub fn end(mut self, keep_logs: bool) -> Tried<()> {
        if !keep_logs && self.settings.logs.is_none() {
            let _ = fs::remove_dir_all(&self.logs);
        }
        self.put_away()
    }

    fn put_away(&mut self) -> Tried<()> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let since = SystemTime::now();
        while !self.engine.answers() && since.elapsed().is_ok_and(|waited| waited < PATIENCE) {
            thread::sleep(Duration::from_millis(500));
        }
        self.engine.sweep(&self.id, REPOSITORY).map_err(|trouble| {
            Trouble::Failed(format!(
                "not everything that was started could be removed ({trouble}); the next `dfix verify` on this machine \
                 removes it, or do it by hand: images {REPOSITORY}:{id}-*, containers and networks dfix-{id}-*",
                id = self.id
            ))
        })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let _ = self.put_away();
    }
}

/// Where BuildKit looks for the ignore file of a Dockerfile first.
pub fn ignore_file(dockerfile: &Path) -> PathBuf {
    let mut name = dockerfile.as_os_str().to_owned();
    name.push(".dockerignore");
    PathBuf::from(name)
}

/// Removes what runs of this machine left that did not come to their end: killed, or without their engine.
pub fn sweep_leftovers(engine: &Engine) {
    let host = host();
    let dead = |run: &str| {
        let mut parts = run.split('-');
        let (theirs, pid) = (parts.next()?, parts.next()?.parse().ok()?);
        (theirs == host && !process::is_alive(pid)).then(|| run.to_owned())
    };
    let mut runs: Vec<String> = engine
        .tags(REPOSITORY)
        .unwrap_or_default()
        .iter()
        .filter_map(|tag| {
            let run = tag.rsplit(':').next()?;
            let parts: Vec<&str> = run.splitn(4, '-').take(3).collect();
            dead(&parts.join("-"))
        })
        .collect();
    runs.sort();
    runs.dedup();
    for run in runs {
        let _ = engine.sweep(&run, REPOSITORY);
    }
}

/// The beginning of the names of this process: which machine, which process.
fn own_prefix() -> String {
    format!("{}-{}", host(), std::process::id())
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    let machine = fs::read_to_string("/etc/machine-id");
    format!("{:06x}", fingerprint(&(name.unwrap_or_default(), machine.unwrap_or_default())) & 0xff_ffff)
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

fn fingerprint(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
