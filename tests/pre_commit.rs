//! The hooks, run by pre-commit itself on a repository made for it. pre-commit is installed from PyPI into a
//! virtual environment, and builds dfix from these sources as it does for everybody: this takes minutes and
//! needs Python and the network, so it is behind the feature `pre-commit`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const BEFORE: &str = "FROM debian:bookworm-slim\nRUN apt-get update\nRUN apt-get install -y curl\n";

/// pre-commit in a virtual environment, and a repository that holds these sources.
struct Lab {
    folder: TempDir,
    revision: String,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lab = Self { folder, revision: String::new() };
        let venv = lab.path("venv");
        done(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        done(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "pre-commit>=4,<5"]));
        let hooks = lab.path("hooks");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let listed = done(Command::new("git").current_dir(sources).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]));
        for path in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let file = sources.join(path);
            // What cargo leaves out of the package is not needed to build it.
            if ["golden/", "lab/"].iter().all(|folder| !path.starts_with(folder)) && file.is_file() {
                let copy = hooks.join(path);
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::copy(&file, copy).unwrap();
            }
        }
        done(&mut lab.git(&hooks, &["init", "--quiet"]));
        done(&mut lab.git(&hooks, &["add", "--all", "--force"]));
        done(&mut lab.git(&hooks, &["commit", "--quiet", "--message", "sources"]));
        let revision = done(&mut lab.git(&hooks, &["rev-parse", "HEAD"]));
        lab.revision = String::from_utf8(revision.stdout).unwrap().trim().to_owned();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A repository with a Dockerfile staged, where a hook is set up.
    fn repository(&self, hook: &str) -> PathBuf {
        let place = self.path(hook);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("Dockerfile"), BEFORE).unwrap();
        let config = format!(
            "repos:\n  - repo: {}\n    rev: {}\n    hooks:\n      - id: {hook}\n",
            self.path("hooks").display(),
            self.revision
        );
        fs::write(place.join(".pre-commit-config.yaml"), config).unwrap();
        done(&mut self.git(&place, &["init", "--quiet"]));
        done(self.in_place(Command::new(self.path("venv").join("bin/pre-commit")).arg("install"), &place));
        done(&mut self.git(&place, &["add", "--all"]));
        place
    }

    fn git(&self, place: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@example.com"]).args(arguments);
        self.in_place(&mut command, place);
        command
    }

    fn in_place<'c>(&self, command: &'c mut Command, place: &Path) -> &'c mut Command {
        // The dependencies that are built already need not be built again.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        command
            .current_dir(place)
            .env("PRE_COMMIT_HOME", self.path("home"))
            .env("CARGO_TARGET_DIR", target)
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
    }
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", words(&output));
    output
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn hooks_stop_a_commit_until_it_is_right() {
    let lab = Lab::new();

    let place = lab.repository("dfix");
    let dockerfile = || fs::read_to_string(place.join("Dockerfile")).unwrap();
    let commit = ["commit", "--message", "Add a Dockerfile"];
    let first = lab.git(&place, &commit).output().unwrap();
    assert!(!first.status.success(), "{}", words(&first));
    assert!(words(&first).contains("files were modified by this hook"), "{}", words(&first));
    let rewritten = dockerfile();
    assert!(rewritten.contains("RUN apt-get update &&"), "{rewritten}");
    done(&mut lab.git(&place, &["add", "Dockerfile"]));
    let second = done(&mut lab.git(&place, &commit));
    assert!(words(&second).contains("Passed"), "{}", words(&second));
    assert_eq!(dockerfile(), rewritten);

    let place = lab.repository("dfix-check");
    let told = lab.git(&place, &commit).output().unwrap();
    assert!(!told.status.success(), "{}", words(&told));
    assert!(words(&told).contains("Failed"), "{}", words(&told));
    assert_eq!(fs::read_to_string(place.join("Dockerfile")).unwrap(), BEFORE);
    fs::write(place.join("Dockerfile"), &rewritten).unwrap();
    done(&mut lab.git(&place, &["add", "Dockerfile"]));
    done(&mut lab.git(&place, &commit));
}
