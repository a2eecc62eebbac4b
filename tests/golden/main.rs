//! Every folder of `golden/` is a case, and a test of its name: the whole tool on a whole build context.
//!
//! `context/` is the build context, `arguments` (optional) are more flags for dfix, `aim.md` says what a
//! person who knows the trade would write (see [`aim`]). The other files are what dfix makes of it:
//! `expected/` the Dockerfiles afterwards, `expected.diff` what `--diff` prints, `report` what it says without
//! a flag. A second run must change nothing, and `git apply` and `patch -p1` must make `expected/` of the diff.
//!
//! `UPDATE_GOLDEN=1` writes those files anew. It leaves `aim.md` alone, and what that asks for is still tested.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test")]

mod aim;

use libtest_mimic::{Arguments, Failed, Trial};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use tempfile::TempDir;

/// The files of a folder by their path in it.
type Files = BTreeMap<String, Vec<u8>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(golden).expect("golden/").map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let trials = folders.into_iter().map(|folder| {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        Trial::test(name, move || Case::read(folder).test())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

struct Case {
    folder: PathBuf,
    context: Files,
    arguments: Vec<String>,
    update: bool,
}

/// What dfix makes of a context.
struct Made {
    diff: String,
    report: String,
    files: Files,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let context = files(&folder.join("context"));
        let arguments = fs::read_to_string(folder.join("arguments")).unwrap_or_default();
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
        Self { folder, context, arguments, update }
    }

    fn test(&self) -> Result<(), Failed> {
        let aims =
            fs::read_to_string(self.folder.join("aim.md")).map_err(|error| format!("aim.md: {error}"))?;
        let aims = aim::read(&aims)?;
        let made = self.make()?;
        let mut problems = self.compare(&made);
        problems.extend(self.apply(&made));
        let texts = |files: &Files| -> String {
            let dockerfiles = files.iter().filter(|(path, _)| is_dockerfile(path));
            dockerfiles.map(|(_, text)| String::from_utf8_lossy(text)).collect()
        };
        let (before, after) = (texts(&self.context), texts(&made.files));
        problems.extend(aims.iter().filter_map(|aim| aim.problem(&before, &after, &made.report)));
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n\n").into()) }
    }

    /// Runs dfix: to see, to write, and once more on what it wrote.
    fn make(&self) -> Result<Made, Failed> {
        let place = lay(&self.context);
        let diff = self.dfix(place.path(), &["--diff", "--quiet"])?;
        let report = self.dfix(place.path(), &[])?;
        if files(place.path()) != self.context {
            return Err("something was written although nobody asked for it".into());
        }
        let written = self.dfix(place.path(), &["--write"])?;
        let after = files(place.path());
        let changed = after != self.context;
        for (output, wanted) in [(&diff, i32::from(changed)), (&report, 0), (&written, 0)] {
            if output.status.code() != Some(wanted) {
                return Err(format!("expected exit code {wanted}, but got {}", words(output)).into());
            }
        }
        for (path, text) in &self.context {
            if !is_dockerfile(path) && after.get(path) != Some(text) {
                return Err(format!("{path} is not a Dockerfile, but was changed").into());
            }
        }
        let again = self.dfix(place.path(), &["--diff", "--quiet"])?;
        if again.status.code() != Some(0) || !again.stdout.is_empty() {
            return Err(format!("a second run is not content with the result: {}", words(&again)).into());
        }
        let text = |output: Output| String::from_utf8(output.stdout).expect("UTF-8");
        Ok(Made { diff: text(diff), report: text(report), files: after })
    }

    fn dfix(&self, folder: &Path, arguments: &[&str]) -> Result<Output, Failed> {
        let output = Command::new(env!("CARGO_BIN_EXE_dfix"))
            .args(["--color", "never"])
            .args(arguments)
            .args(&self.arguments)
            .arg(".")
            .current_dir(folder)
            .output()?;
        if output.status.code().is_none_or(|code| code > 1) {
            return Err(words(&output).into());
        }
        Ok(output)
    }

    /// Holds what was made against what is kept beside the case, or replaces that.
    fn compare(&self, made: &Made) -> Vec<String> {
        let dockerfiles = made.files.iter().filter(|(path, _)| is_dockerfile(path));
        let mut now: Files =
            dockerfiles.map(|(path, text)| (format!("expected/{path}"), text.clone())).collect();
        now.insert("expected.diff".to_owned(), made.diff.clone().into_bytes());
        now.insert("report".to_owned(), made.report.clone().into_bytes());
        let kept: Files = files(&self.folder)
            .into_iter()
            .filter(|(path, _)| path.starts_with("expected") || path == "report")
            .collect();
        if self.update {
            for path in kept.keys().filter(|path| !now.contains_key(*path)) {
                fs::remove_file(self.folder.join(path)).unwrap();
            }
            for (path, text) in now.iter().filter(|(path, text)| kept.get(*path) != Some(text)) {
                write(&self.folder.join(path), text);
            }
            return Vec::new();
        }
        let paths: std::collections::BTreeSet<&String> = kept.keys().chain(now.keys()).collect();
        paths
            .into_iter()
            .filter(|path| kept.get(*path) != now.get(*path))
            .map(|path| {
                let text = |files: &Files| {
                    files.get(path).map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
                };
                let (old, new) = (text(&kept), text(&now));
                let missing = if kept.contains_key(path) { "" } else { " is missing, it would be" };
                let difference = TextDiff::from_lines(&old, &new).unified_diff().to_string();
                format!("{path}{missing}\n{difference}")
            })
            .collect()
    }

    /// The diff is one that the tools of the trade take.
    fn apply(&self, made: &Made) -> Vec<String> {
        if made.diff.is_empty() {
            return Vec::new();
        }
        let mut problems = Vec::new();
        for (program, arguments) in [("git", &["apply"][..]), ("patch", &["-p1", "--quiet", "-i"][..])] {
            let place = lay(&self.context);
            let beside = tempfile::tempdir().unwrap();
            let diff = beside.path().join("a.diff");
            fs::write(&diff, &made.diff).unwrap();
            let output = Command::new(program)
                .args(arguments)
                .arg(&diff)
                .env("GIT_CEILING_DIRECTORIES", std::env::temp_dir())
                .current_dir(place.path())
                .output();
            match output {
                Err(error) if program == "patch" && error.kind() == std::io::ErrorKind::NotFound => {
                    eprintln!("patch is not installed: not tried");
                }
                Err(error) => problems.push(format!("{program}: {error}")),
                Ok(output) if !output.status.success() => {
                    problems.push(format!("{program} does not take the diff: {}", words(&output)));
                }
                Ok(_) if files(place.path()) != made.files => {
                    problems.push(format!("what {program} makes of the diff is not what --write wrote"));
                }
                Ok(_) => {}
            }
        }
        problems
    }
}

fn is_dockerfile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    (name.contains("dockerfile") || name.contains("containerfile")) && !name.ends_with(".dockerignore")
}

/// A new folder with these files.
fn lay(context: &Files) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in context {
        write(&folder.path().join(path), text);
    }
    folder
}

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).unwrap();
    fs::write(path, text).unwrap();
}

fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn words(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
