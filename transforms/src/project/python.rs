//! `requirements.txt`, `pyproject.toml`, `Pipfile` and the lock files of Python's package managers.

use super::{join_context, text_of};
use crate::context::BuildContext;
use crate::plan::BadManifest;
use pep508_rs::{Requirement as Pep508, VerbatimUrl, VersionOrUrl};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use toml::{Table, Value};

/// A dependency that some file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its normalised name (PEP 503).
    pub name: String,
    /// Its version, where one is pinned (`==1.2.3`, or a lock file's).
    pub version: Option<String>,
    /// Extras asked for (`celery[redis]`).
    pub extras: Vec<String>,
    /// Where.
    pub place: Place,
}

/// A line of a file in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The line, counted from 1; 0 where it is not known.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{} ({})", self.path, self.text),
            line => write!(f, "{}:{line} ({})", self.path, self.text),
        }
    }
}

/// What a set of requirements files asks for (pip documentation, Requirements File Format).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The files that are read: those named, and what they name by `-r` and `-c`.
    pub files: Vec<String>,
    /// Dependencies, in order.
    pub requirements: Vec<Requirement>,
    /// Lines that install from a path (`-e .`, `./wheels/x.whl`, `x @ file:…`) or look for files at one.
    pub local: Vec<Place>,
    /// Lines that install from version control, which needs its command.
    pub vcs: Vec<Place>,
    /// Files that are named and not in the context.
    pub missing: Vec<Place>,
    /// Lines that could not be understood.
    pub unknown: Vec<Place>,
}

impl Requirements {
    /// Reads requirements files of the context, and those they name.
    #[must_use]
    pub fn of<'p>(context: &BuildContext, paths: impl IntoIterator<Item = &'p str>) -> Self {
        let mut all = Self::default();
        for path in paths {
            let place = Place { path: path.to_owned(), line: 0, text: path.to_owned() };
            all.read(context, path, &place);
        }
        all
    }

    /// Reads lines that stand in another file (`environment.yml`) as if they were those of a requirements file.
    pub fn add_lines<'l>(
        &mut self,
        context: &BuildContext,
        path: &str,
        lines: impl IntoIterator<Item = &'l str>,
    ) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for text in lines {
            self.line(
                context,
                folder,
                Place { path: path.to_owned(), line: 0, text: text.trim().to_owned() },
            );
        }
    }

    fn read(&mut self, context: &BuildContext, path: &str, named: &Place) {
        if self.files.iter().any(|known| known == path) {
            return;
        }
        let Some(Ok(text)) = text_of(context, path) else {
            self.missing.push(named.clone());
            return;
        };
        self.files.push(path.to_owned());
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, text) in logical_lines(&text) {
            let place = Place { path: path.to_owned(), line, text };
            self.line(context, folder, place);
        }
    }

    fn line(&mut self, context: &BuildContext, folder: &str, place: Place) {
        let text = place.text.as_str();
        let is_long = text.starts_with("--");
        if text.starts_with('-') {
            let (option, value) = match text.find(['=', ' ', '\t']) {
                Some(at) => (&text[..at], text[at + 1..].trim()),
                None if !is_long && text.len() > 2 => text.split_at(2),
                None => (text, ""),
            };
            match option {
                "-r" | "--requirement" | "-c" | "--constraint" => {
                    match join_context(folder, value).filter(|_| !value.contains("://")) {
                        Some(path) => self.read(context, &path, &place),
                        None if value.contains("://") => {}
                        None => self.missing.push(place),
                    }
                }
                "-e" | "--editable" if is_vcs(value) => self.vcs.push(place),
                "-e" | "--editable" => self.local.push(place),
                "-f" | "--find-links" if !value.contains("://") => self.local.push(place),
                _ => {}
            }
            return;
        }
        if is_vcs(text) {
            self.vcs.push(place);
            return;
        }
        if is_path(text) {
            self.local.push(place);
            return;
        }
        // Options of one requirement stand behind it.
        let specification = text.split(" --").next().unwrap_or(text).trim();
        match Pep508::<VerbatimUrl>::from_str(specification) {
            Ok(parsed) => {
                if let Some(VersionOrUrl::Url(url)) = &parsed.version_or_url {
                    let url = url.to_string();
                    if is_vcs(&url) {
                        self.vcs.push(place.clone());
                    } else if url.starts_with("file:") || !url.contains("://") {
                        self.local.push(place.clone());
                    }
                }
                self.requirements.push(requirement(&parsed, place));
            }
            // An archive's address.
            Err(_) if text.contains("://") => {}
            Err(_) => self.unknown.push(place),
        }
    }
}

/// The requirement that an argument of `pip install` is; `None` for a path, an address or an option.
#[must_use]
pub fn requirement_of(text: &str, place: Place) -> Option<Requirement> {
    if is_vcs(text) || is_path(text) {
        return None;
    }
    Pep508::<VerbatimUrl>::from_str(text).ok().map(|parsed| requirement(&parsed, place))
}

fn requirement(parsed: &Pep508<VerbatimUrl>, place: Place) -> Requirement {
    let version = match &parsed.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(all)) => all
            .iter()
            .find(|one| one.operator().to_string().starts_with("=="))
            .map(|one| one.version().to_string()),
        _ => None,
    };
    Requirement {
        name: parsed.name.to_string(),
        version,
        extras: parsed.extras.iter().map(ToString::to_string).collect(),
        place,
    }
}

fn is_vcs(text: &str) -> bool {
    ["git+", "hg+", "svn+", "bzr+"].iter().any(|start| text.starts_with(start))
}

fn is_path(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let bare = first.split('[').next().unwrap_or(first);
    bare == "."
        || ["./", "../", "/", "file:", "~/"].iter().any(|start| bare.starts_with(start))
        || [".whl", ".tar.gz", ".zip"].iter().any(|end| bare.ends_with(end)) && !bare.contains("://")
}

/// Lines with comments taken out and continuations joined, with the number of their first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (start, mut logical) = open.take().unwrap_or((number + 1, String::new()));
        if let Some(before) = line.strip_suffix('\\') {
            logical.push_str(before);
            open = Some((start, logical));
            continue;
        }
        logical.push_str(line);
        lines.push((start, logical));
    }
    lines.extend(open);
    lines
        .into_iter()
        .map(|(number, line)| {
            let comment = match line.trim_start().starts_with('#') {
                true => Some(0),
                false => line.find(" #").or_else(|| line.find("\t#")),
            };
            (number, line[..comment.unwrap_or(line.len())].trim().to_owned())
        })
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// A `pyproject.toml`.
#[derive(Debug, Clone, Default)]
pub struct Pyproject {
    /// Its path in the context.
    pub path: String,
    table: Table,
}

impl Pyproject {
    /// The `pyproject.toml` in a folder of the context.
    #[must_use]
    pub fn of(context: &BuildContext, folder: &str) -> Option<Result<Self, BadManifest>> {
        let path = join_context(folder, "pyproject.toml")?;
        Some(
            text_of(context, &path)?
                .and_then(|text| Ok(Self { table: toml_table(&path, &text)?, path: path.clone() })),
        )
    }

    /// A value by its path of keys (`["tool", "poetry", "name"]`).
    #[must_use]
    pub fn get(&self, keys: &[&str]) -> Option<&Value> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.table.get(*first)?, |value, key| value.get(*key))
    }

    /// Whether it has a table of a tool.
    #[must_use]
    pub fn has_tool(&self, tool: &str) -> bool {
        self.get(&["tool", tool]).is_some()
    }

    /// Whether installing it without `--no-root` installs the project itself: not in Poetry's
    /// `package-mode = false`, nor in uv without a build system.
    #[must_use]
    pub fn is_package(&self) -> bool {
        if self.get(&["tool", "poetry", "package-mode"]).and_then(Value::as_bool) == Some(false) {
            return false;
        }
        match self.get(&["tool", "uv", "package"]).and_then(Value::as_bool) {
            Some(package) => package,
            None => self.get(&["build-system"]).is_some() || self.has_tool("poetry"),
        }
    }

    /// Dependencies to run, of `[project]` and `[tool.poetry.dependencies]`.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Requirement> {
        let listed = self.get(&["project", "dependencies"]).and_then(Value::as_array);
        let mut all: Vec<Requirement> = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter_map(|text| {
                let parsed = Pep508::<VerbatimUrl>::from_str(text).ok()?;
                Some(requirement(&parsed, self.place(text)))
            })
            .collect();
        let poetry = self.get(&["tool", "poetry", "dependencies"]).and_then(Value::as_table);
        all.extend(
            poetry
                .into_iter()
                .flatten()
                .filter(|(name, _)| *name != "python")
                .map(|(name, value)| self.of_poetry(name, value)),
        );
        all
    }

    /// Whether it has dependencies for development: groups, `dev-dependencies`.
    #[must_use]
    pub fn has_development_dependencies(&self) -> bool {
        self.get(&["tool", "poetry", "dev-dependencies"]).is_some()
            || self.get(&["tool", "poetry", "group"]).is_some()
            || self.get(&["dependency-groups"]).is_some()
            || self.get(&["tool", "uv", "dev-dependencies"]).is_some()
            || self.get(&["tool", "pdm", "dev-dependencies"]).is_some()
    }

    /// Paths of the context that dependencies are installed from, and workspaces.
    #[must_use]
    pub fn local(&self) -> Vec<Place> {
        let mut found = Vec::new();
        let poetry = self.get(&["tool", "poetry"]);
        let groups = poetry.and_then(|poetry| poetry.get("group")).and_then(Value::as_table);
        let tables = groups
            .into_iter()
            .flatten()
            .filter_map(|(_, group)| group.get("dependencies"))
            .chain(poetry.and_then(|poetry| poetry.get("dependencies")))
            .chain(poetry.and_then(|poetry| poetry.get("dev-dependencies")))
            .chain(self.get(&["tool", "uv", "sources"]));
        for (name, value) in tables.filter_map(Value::as_table).flatten() {
            let variants = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for variant in variants {
                if let Some(path) = variant.get("path").and_then(Value::as_str) {
                    found.push(self.place(&format!("{name} = {{ path = \"{path}\" }}")));
                } else if variant.get("workspace").is_some() {
                    found.push(self.place(&format!("{name} = {{ workspace = true }}")));
                }
            }
        }
        if self.get(&["tool", "uv", "workspace"]).is_some() {
            found.push(self.place("[tool.uv.workspace]"));
        }
        let listed = self.get(&["project", "dependencies"]).and_then(Value::as_array).into_iter().flatten();
        found.extend(
            listed
                .filter_map(Value::as_str)
                .filter(|text| text.contains("file:"))
                .map(|text| self.place(text)),
        );
        found
    }

    /// Files of the context that a build of the package reads besides sources: readme, licences.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let named = |value: &Value| -> Option<String> {
            Some(value.as_str().or_else(|| value.get("file")?.as_str())?.to_owned())
        };
        [&["project", "readme"][..], &["tool", "poetry", "readme"], &["project", "license"]]
            .into_iter()
            .filter_map(|keys| self.get(keys))
            .flat_map(|value| match value.as_array() {
                Some(list) => list.iter().filter_map(named).collect::<Vec<_>>(),
                None => named(value).filter(|name| name.contains('.')).into_iter().collect(),
            })
            .collect()
    }

    fn place(&self, text: &str) -> Place {
        Place { path: self.path.clone(), line: 0, text: text.to_owned() }
    }

    fn of_poetry(&self, name: &str, value: &Value) -> Requirement {
        let written = value.as_str().or_else(|| value.get("version")?.as_str()).unwrap_or_default();
        // Poetry takes a bare version for that one.
        let exact = written.trim_start_matches('=').trim();
        let pinned = !exact.is_empty() && exact.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        let extras = value.get("extras").and_then(Value::as_array).into_iter().flatten();
        Requirement {
            name: normalise(name),
            version: pinned.then(|| exact.to_owned()),
            extras: extras.filter_map(Value::as_str).map(str::to_owned).collect(),
            place: self.place(name),
        }
    }
}

/// The packages that a lock file of Poetry, uv or PDM (`[[package]]`) or of Pipenv (`default`) holds, those of
/// indirect dependencies included. `None` where there is no such file.
#[must_use]
pub fn locked(context: &BuildContext, path: &str) -> Option<Result<Vec<Requirement>, BadManifest>> {
    let text = match text_of(context, path)? {
        Ok(text) => text,
        Err(bad) => return Some(Err(bad)),
    };
    let place = |name: &str| Place { path: path.to_owned(), line: 0, text: name.to_owned() };
    let entry = |name: &str, version: Option<&str>| Requirement {
        name: normalise(name),
        version: version.map(|version| version.trim_start_matches('=').to_owned()),
        extras: Vec::new(),
        place: place(name),
    };
    if path.ends_with("Pipfile.lock") {
        return Some(match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(lock) => {
                let table = lock.get("default").and_then(serde_json::Value::as_object);
                let entries = table.into_iter().flatten();
                Ok(entries
                    .map(|(name, value)| {
                        entry(name, value.get("version").and_then(serde_json::Value::as_str))
                    })
                    .collect())
            }
            Err(error) => Err(BadManifest {
                path: path.to_owned(),
                message: error.to_string(),
                position: Some((error.line(), error.column())),
            }),
        });
    }
    Some(toml_table(path, &text).map(|table| {
        let packages = table.get("package").and_then(Value::as_array).into_iter().flatten();
        packages
            // uv lists a project that is no package as well (uv documentation, `package = false`).
            .filter(|package| package.get("source").and_then(|source| source.get("virtual")).is_none())
            .filter_map(|package| {
                let version = package.get("version").and_then(Value::as_str);
                Some(entry(package.get("name")?.as_str()?, version))
            })
            .collect()
    }))
}

/// The names of the wheels that a lock file of Poetry, uv or PDM lists, by package. Empty where it lists none.
#[must_use]
pub fn locked_wheels(context: &BuildContext, path: &str) -> BTreeMap<String, Vec<String>> {
    let table = text_of(context, path).and_then(Result::ok).and_then(|text| toml_table(path, &text).ok());
    let mut wheels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in table.iter().filter_map(|table| table.get("package")).filter_map(Value::as_array).flatten()
    {
        let Some(name) = package.get("name").and_then(Value::as_str) else { continue };
        let lists = ["files", "wheels"].into_iter().filter_map(|key| package.get(key)?.as_array());
        let names = lists.flatten().filter_map(|entry| {
            let file =
                entry.get("file").or_else(|| entry.get("url")).or_else(|| entry.get("path"))?.as_str()?;
            file.rsplit('/').next().filter(|file| file.ends_with(".whl")).map(str::to_owned)
        });
        wheels.entry(normalise(name)).or_default().extend(names);
    }
    wheels
}

/// The dependencies to run that a `Pipfile` names; `None` where there is none in the folder.
#[must_use]
pub fn pipfile(context: &BuildContext, folder: &str) -> Option<Result<Vec<Requirement>, BadManifest>> {
    let path = join_context(folder, "Pipfile")?;
    let table = text_of(context, &path)?.and_then(|text| toml_table(&path, &text));
    Some(table.map(|table| {
        let reader = Pyproject { path: path.clone(), table: Table::new() };
        let packages = table.get("packages").and_then(Value::as_table).into_iter().flatten();
        packages.map(|(name, value)| reader.of_poetry(name, value)).collect()
    }))
}

/// Dependencies of a `Pipfile` that are installed from a path of the context.
#[must_use]
pub fn pipfile_local(context: &BuildContext, folder: &str) -> Option<Result<Vec<Place>, BadManifest>> {
    let path = join_context(folder, "Pipfile")?;
    let table = text_of(context, &path)?.and_then(|text| toml_table(&path, &text));
    Some(table.map(|table| {
        let reader = Pyproject { path: path.clone(), table: Table::new() };
        let packages = table.iter().filter(|(name, _)| *name != "requires" && *name != "source");
        packages
            .filter_map(|(_, value)| value.as_table())
            .flatten()
            .filter_map(|(name, value)| {
                let key = ["path", "file"].into_iter().find(|key| value.get(key).is_some())?;
                let path = value.get(key)?.as_str()?;
                (!path.contains("://")).then(|| reader.place(&format!("{name} = {{ {key} = \"{path}\" }}")))
            })
            .collect()
    }))
}

fn toml_table(path: &str, text: &str) -> Result<Table, BadManifest> {
    toml::from_str(text).map_err(|error| {
        let position = error.span().map(|span| {
            let position = dfix_syntax::Position::of(text, span.start);
            (position.line, position.column)
        });
        BadManifest { path: path.to_owned(), message: error.message().to_owned(), position }
    })
}

/// A name as PEP 503 compares it: lower case, one `-` for each run of `-`, `_` and `.`.
#[must_use]
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The modules that a Python source imports, first components only. By lines: an import inside a string is
/// taken for one, so this is a superset.
#[must_use]
pub fn imports(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let names = match (line.strip_prefix("import "), line.strip_prefix("from ")) {
            (Some(list), _) => list,
            (_, Some(rest)) => rest.split(" import").next().unwrap_or_default(),
            _ => continue,
        };
        for name in names.split(',') {
            let name =
                name.split_whitespace().next().unwrap_or_default().split('.').next().unwrap_or_default();
            if !name.is_empty() {
                found.insert(name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_requirements_and_what_they_name() {
        let context = BuildContext::of_texts([
            (
                "api/requirements.txt",
                "# comment\n-r base.txt\n-c ../constraints.txt\n--extra-index-url https://x/simple\nFlask[async]==2.3.2 ; python_version > '3' # why\nuvicorn \\\n  >=0.20\npsycopg2==2.9.9 --hash=sha256:00\n-e .\n./wheels/a.whl\ngit+https://h/x.git@v1#egg=x\nmypkg @ git+https://h/y.git\n-rmissing.txt\n?\n",
            ),
            ("api/base.txt", "Django_Rest.Framework\n"),
            ("constraints.txt", "click==8\n"),
        ]);
        let read = Requirements::of(&context, ["api/requirements.txt"]);
        assert_eq!(read.files, ["api/requirements.txt", "api/base.txt", "constraints.txt"]);
        let names: Vec<_> =
            read.requirements.iter().map(|r| (r.name.as_str(), r.version.as_deref())).collect();
        assert_eq!(
            names,
            [
                ("django-rest-framework", None),
                ("click", Some("8")),
                ("flask", Some("2.3.2")),
                ("uvicorn", None),
                ("psycopg2", Some("2.9.9")),
                ("mypkg", None),
            ]
        );
        assert_eq!(read.requirements[2].extras, ["async"]);
        assert_eq!(read.requirements[2].place.line, 5);
        assert_eq!(
            read.local.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(),
            ["-e .", "./wheels/a.whl"]
        );
        assert_eq!(read.vcs.len(), 2);
        assert_eq!(read.missing.len(), 1);
        assert_eq!(read.unknown.len(), 1);
    }

    #[test]
    fn reads_pyproject() {
        let context = BuildContext::of_texts([(
            "pyproject.toml",
            "[tool.poetry]\nreadme = \"README.md\"\npackage-mode = false\n[tool.poetry.dependencies]\npython = \"^3.11\"\nFlask = \"^2\"\npandas = \"2.1.0\"\nlib = { path = \"../lib\", develop = true }\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n",
        )]);
        let project = Pyproject::of(&context, "").unwrap().unwrap();
        let names: Vec<_> = project.dependencies().into_iter().map(|r| (r.name, r.version)).collect();
        assert_eq!(
            names,
            [
                ("flask".to_owned(), None),
                ("lib".to_owned(), None),
                ("pandas".to_owned(), Some("2.1.0".to_owned()))
            ]
        );
        assert!(!project.is_package());
        assert!(project.has_development_dependencies());
        assert_eq!(project.local().len(), 1);
        assert_eq!(project.files(), ["README.md"]);
    }

    #[test]
    fn reads_lock_files() {
        let context = BuildContext::of_texts([
            ("poetry.lock", "[[package]]\nname = \"Flask\"\nversion = \"2.3.2\"\n"),
            ("Pipfile.lock", r#"{"default": {"flask": {"version": "==2.3.2"}}}"#),
            (
                "uv.lock",
                "[[package]]\nname = \"shop\"\nsource = { virtual = \".\" }\n[[package]]\nname = \"Flask\"\nversion = \"2.3.2\"\n",
            ),
            ("broken/uv.lock", "[[package]\n"),
        ]);
        for path in ["poetry.lock", "Pipfile.lock", "uv.lock"] {
            let all = locked(&context, path).unwrap().unwrap();
            assert_eq!((all[0].name.as_str(), all[0].version.as_deref()), ("flask", Some("2.3.2")));
        }
        assert_eq!(locked(&context, "broken/uv.lock").unwrap().unwrap_err().position.unwrap().0, 1);
        assert!(locked(&context, "pdm.lock").is_none());
    }

    #[test]
    fn finds_imports() {
        let found =
            imports("import os, sys as s\nfrom flask.views import View\n  import numpy.linalg\nprint(1)\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["flask", "numpy", "os", "sys"]);
    }
}
