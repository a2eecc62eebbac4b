//! Which Dockerfiles are meant by the paths on the command line.

use ignore::{DirEntry, WalkBuilder};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A Dockerfile to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is, as said or found.
    pub path: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Dockerfiles, in the order of the paths, those of a folder sorted by name; each once.
    pub targets: Vec<Target>,
    /// What could not be looked at, in words.
    pub problems: Vec<String>,
}

/// Hidden folders that people keep Dockerfiles in.
const HIDDEN_FOLDERS: &[&str] =
    &[".buildkite", ".ci", ".circleci", ".devcontainer", ".docker", ".github", ".gitlab"];

/// Folders of other people's files, whether or not a `.gitignore` says so.
const FOREIGN_FOLDERS: &[&str] = &["node_modules"];

/// Ends of names that look like a Dockerfile's and are another kind of file: ignore files, documents,
/// backups of editors and of version control, templates.
const OTHER_KINDS: &[&str] = &[
    "~",
    ".dockerignore",
    ".containerignore",
    ".md",
    ".rst",
    ".html",
    ".bak",
    ".backup",
    ".old",
    ".orig",
    ".rej",
    ".swp",
    ".swo",
    ".tmp",
    ".j2",
    ".jinja",
    ".jinja2",
    ".tmpl",
    ".tpl",
    ".template",
    ".gotmpl",
    ".erb",
    ".ejs",
    ".hbs",
    ".mustache",
    ".m4",
    ".in",
    ".liquid",
    ".patch",
    ".diff",
    ".asc",
    ".sig",
];

/// Whether a file in a folder is taken for a Dockerfile by its name.
fn is_dockerfile(name: &str) -> bool {
    let known = ["Dockerfile", "dockerfile", "Containerfile"].iter().any(|known| {
        name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.') && rest.len() > 1)
    });
    let ends = [".Dockerfile", ".dockerfile"]
        .iter()
        .any(|end| name.strip_suffix(end).is_some_and(|start| !start.is_empty() && !start.starts_with('.')));
    (known || ends) && !OTHER_KINDS.iter().any(|end| name.ends_with(end))
}

/// Finds the Dockerfiles that `paths` mean: a file is taken whatever its name, a folder is searched.
pub fn discover(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    let mut seen = HashSet::new();
    for path in paths {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => search(path, &mut seen, &mut found),
            Ok(_) => {
                if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                    found.targets.push(Target { path: path.clone() });
                }
            }
            Err(error) => found.problems.push(format!("{}: {}", path.display(), reason(&error))),
        }
    }
    found
}

fn search(folder: &Path, seen: &mut HashSet<PathBuf>, found: &mut Found) {
    let mut names = Vec::new();
    let before = found.problems.len();
    let walk = WalkBuilder::new(folder)
        .hidden(false)
        .ignore(false)
        .require_git(false)
        .filter_entry(|entry| entry.depth() == 0 || is_worth_a_look(entry))
        .build();
    for entry in walk {
        match entry {
            Ok(entry) if entry.depth() > 0 && entry.file_name().to_str().is_some_and(is_dockerfile) => {
                let link = entry.path_is_symlink();
                match entry.path().metadata() {
                    Ok(metadata) if metadata.is_file() => names.push((entry.into_path(), link)),
                    Ok(_) => {}
                    Err(error) => {
                        found.problems.push(format!("{}: {}", tidy(entry.path()).display(), reason(&error)))
                    }
                }
            }
            Ok(_) => {}
            Err(error) => found.problems.push(error.to_string()),
        }
    }
    if names.is_empty() && found.problems.len() == before {
        found.problems.push(format!(
            "{}: no Dockerfile in this folder (looked for Dockerfile, Dockerfile.*, *.Dockerfile, \
             Containerfile, Containerfile.*, but for what .gitignore leaves out)",
            folder.display()
        ));
        return;
    }
    names.sort();
    found.problems[before..].sort();
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    for (path, link) in names {
        // Nothing but the file itself can be a link here: linked folders are not searched.
        let key = match path.strip_prefix(folder) {
            Ok(rest) if !link => real.join(rest),
            _ => path.canonicalize().unwrap_or_else(|_| path.clone()),
        };
        if seen.insert(key) {
            found.targets.push(Target { path: tidy(&path) });
        }
    }
}

fn is_worth_a_look(entry: &DirEntry) -> bool {
    let Some(name) = entry.file_name().to_str() else { return true };
    if entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return !FOREIGN_FOLDERS.contains(&name)
            && (!name.starts_with('.') || HIDDEN_FOLDERS.contains(&name));
    }
    !name.starts_with('.')
}

/// A path without `.` components, for people to read.
pub fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|component| *component != Component::CurDir).collect();
    if tidy.as_os_str() == OsStr::new("") { PathBuf::from(".") } else { tidy }
}

/// What went wrong, without the number that Rust puts behind it.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            let end = text.rfind(" (os error").unwrap_or(text.len());
            text[..end].to_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_dockerfile_by_its_name() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "Dockerfile.dev",
            "api.Dockerfile",
            "api.dockerfile",
            "Containerfile",
            "Containerfile.web",
            "Dockerfile.alpine3.18",
            "Dockerfile.py",
        ] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "api.Dockerfile.dockerignore",
            "Dockerfile~",
            "Dockerfile.bak",
            "Dockerfile.j2",
            "Dockerfile.tmpl",
            "Dockerfile.erb",
            ".Dockerfile.swp",
            "Dockerfile.",
            ".dockerfile",
            "Dockerfiles",
            "MyDockerfile",
            "docker-compose.yml",
            "Dockerfile.md",
            "api.Dockerfile.in",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
