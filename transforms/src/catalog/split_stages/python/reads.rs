//! What the installations of a stage read, and the dependencies that they install.

use super::roles::{Role, Run, operands, package_name};
use crate::context::BuildContext;
use crate::facts::{PackageCommand, join, program_word};
use crate::plan::{BadManifest, Situation};
use crate::project::placement::source_of;
use crate::project::python::{Place, Pyproject, Requirement, Requirements, locked, pipfile};
use crate::project::wheels::{Wheel, wheels};
use dfix_syntax::shell::SimpleCommand;
use std::collections::BTreeMap;

/// What installations read, and what they install.
#[derive(Default)]
pub(super) struct Reads {
    /// Paths in the build context.
    pub files: Vec<String>,
    /// Names of files whose place in the build context is not known.
    pub names: Vec<String>,
    /// Whether the sources are installed, too.
    pub sources: bool,
    /// Whether something is fetched by version control.
    pub vcs: bool,
    pub requirements: Vec<Requirement>,
    pub wheels: BTreeMap<String, Wheel>,
    /// What could not be looked at, in words.
    pub doubts: Vec<String>,
    /// What stands in the way, in words.
    pub obstacle: Option<String>,
    pub broken: Option<BadManifest>,
}

/// Looks at all installations. `runs` are the RUNs with their indexes.
pub(super) fn reads(situation: Situation<'_>, runs: &[(usize, Run<'_>)], python: &[u32]) -> Reads {
    let mut reads = Reads::default();
    for (at, run) in runs {
        for install in run.installs() {
            reads.install(situation, *at, install, python);
        }
        if run.has(Role::Tool) {
            reads.names.extend(["pip.conf", ".netrc"].map(str::to_owned));
        }
    }
    reads
}

impl Reads {
    /// Whether an installation reads a file of this name.
    pub fn names_file(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name) || self.files.iter().any(|file| base_name(file) == name)
    }

    /// Whether a command removes nothing but what installations read.
    pub fn removed_by(&self, simple: &SimpleCommand) -> bool {
        let mut operands = simple.words.iter().skip(1).filter(|word| !word.raw.starts_with('-')).peekable();
        simple.name() == Some("rm")
            && operands.peek().is_some()
            && operands
                .all(|word| word.literal.as_deref().is_some_and(|path| self.names_file(&base_name(path))))
    }

    fn install(&mut self, situation: Situation<'_>, at: usize, install: &PackageCommand<'_>, python: &[u32]) {
        let line = situation.tree.instructions[at].line();
        match install.manager.id.as_str() {
            "pip" | "uv-pip" => self.pip(situation, at, install),
            id => self.project(situation, at, id, install, python),
        }
        if let Some(option) =
            install.options.iter().find(|option| install.manager.elsewhere.contains(&option.name))
        {
            self.object(format!(
                "line {line} installs with {}, which is not into the environment that a split could copy",
                option.name
            ));
        }
        let program = program_word(install.simple).and_then(|(at, _)| install.simple.words.get(at));
        if let Some(name) =
            program.and_then(|word| word.literal.as_deref()).filter(|name| name.starts_with('/'))
        {
            self.object(format!(
                "line {line} installs with {name}, which is not that of a virtual environment"
            ));
        }
        if install.sudo {
            self.object(format!("line {line} installs with sudo, which forgets PATH"));
        }
    }

    fn object(&mut self, obstacle: String) {
        self.obstacle.get_or_insert(obstacle);
    }

    fn pip(&mut self, situation: Situation<'_>, at: usize, install: &PackageCommand<'_>) {
        let line = situation.tree.instructions[at].line();
        if install.verb() == "uninstall" {
            return;
        }
        let mut paths = Vec::new();
        for option in install.values(&["-r", "--requirement", "--requirements", "-c", "--constraint"]) {
            match &option.value {
                Some(path) if path.contains("://") => {
                    self.doubts.push(format!("{path} is not in the build context"));
                }
                Some(path) => paths.push(path.clone()),
                None => self.computed(line),
            }
        }
        if install.values(&["-e", "--editable"]).next().is_some() {
            self.object(format!("line {line} installs sources in place (-e), which a copy would not hold"));
        }
        for name in operands(install) {
            let Some(name) = name else {
                self.computed(line);
                continue;
            };
            if is_local(name) {
                self.sources = true;
                self.local(situation, at, name);
            } else if name.contains("://") || name.contains("git+") {
                self.doubts.push(format!("what {name} needs is not known"));
            } else {
                self.requirements.push(named(name, line));
            }
        }
        for path in paths {
            let found = located(situation, at, &path);
            match (situation.context, found) {
                (Some(context), Some(found)) => self.requirements_file(context, &found),
                (Some(_), None) => {
                    self.names.push(base_name(&path));
                    self.doubts.push(format!("{path} (line {line}) was not found in the build context"));
                }
                (None, _) => {
                    self.names.push(base_name(&path));
                    self.doubts.push(format!("the packages in {path} are not known"));
                }
            }
        }
    }

    fn computed(&mut self, line: usize) {
        self.sources = true;
        self.doubts.push(format!("line {line} computes what it installs"));
    }

    fn requirements_file(&mut self, context: &BuildContext, path: &str) {
        let read = Requirements::of(context, [path]);
        self.files.extend(read.files);
        self.requirements.extend(read.requirements);
        for place in read.local {
            self.sources = true;
            if place.text.starts_with("-e") || place.text.starts_with("--editable") {
                self.object(format!("{place} installs sources in place, which a copy would not hold"));
            } else {
                self.doubts.push(format!("what {place} needs is not known"));
            }
        }
        // A package that is known is that also where it comes from version control.
        let named = |place: &&Place| !self.requirements.iter().any(|one| one.place == **place);
        self.vcs |= !read.vcs.is_empty();
        let unclear: Vec<&Place> = read.vcs.iter().filter(named).chain(&read.unknown).collect();
        self.doubts.extend(unclear.into_iter().map(|place| format!("what {place} needs is not known")));
        self.doubts.extend(read.missing.iter().map(|place| format!("{place} was not found")));
    }

    /// `pip install .`
    fn local(&mut self, situation: Situation<'_>, at: usize, name: &str) {
        let name = name.split('[').next().unwrap_or(name);
        let project = situation.context.and_then(|context| {
            let folder = located(situation, at, &format!("{}/pyproject.toml", name.trim_end_matches('/')))?;
            Pyproject::of(context, folder.strip_suffix("pyproject.toml")?.trim_end_matches('/'))
        });
        match project {
            Some(Ok(project)) if project.get(&["project", "dependencies"]).is_some() => {
                self.requirements.extend(project.dependencies());
            }
            Some(Err(bad)) => self.broken = Some(bad),
            _ => self.doubts.push(format!("what `pip install {name}` brings is not known")),
        }
    }

    /// Poetry, uv, Pipenv.
    fn project(
        &mut self,
        situation: Situation<'_>,
        at: usize,
        id: &str,
        install: &PackageCommand<'_>,
        python: &[u32],
    ) {
        self.names.extend(install.manager.manifests.iter().cloned());
        let leaves_out = ["--no-root", "--no-install-project", "--no-directory"];
        let bare = install.options.iter().any(|option| leaves_out.contains(&option.name.as_str()));
        let Some(context) = situation.context else {
            self.sources |= !bare;
            self.doubts.push(format!("the packages that {id} installs are not known"));
            return;
        };
        let manifests = install.manager.manifests.iter().filter_map(|name| located(situation, at, name));
        self.files.extend(manifests);
        let lock = match id {
            "pipenv" => "Pipfile.lock",
            "uv" => "uv.lock",
            _ => "poetry.lock",
        };
        let mut own = String::new();
        let manifest = if id == "pipenv" { "Pipfile" } else { "pyproject.toml" };
        let Some(path) = located(situation, at, manifest) else {
            self.doubts.push(format!("{manifest} was not found in the build context"));
            self.sources |= !bare;
            return;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if id == "pipenv" {
            match pipfile(context, folder) {
                Some(Ok(list)) => self.requirements.extend(list),
                Some(Err(bad)) => self.broken = Some(bad),
                None => {}
            }
        } else {
            match Pyproject::of(context, folder) {
                Some(Ok(project)) => {
                    self.sources |= !bare && project.is_package() || !project.local().is_empty();
                    if let Some(place) = project.local().first() {
                        self.doubts.push(format!("what {place} needs is not known"));
                    }
                    for keys in [["tool", "poetry", "name"].as_slice(), &["project", "name"]] {
                        if let Some(name) = project.get(keys).and_then(toml::Value::as_str) {
                            own = crate::project::python::normalise(name);
                        }
                    }
                    self.requirements.extend(project.dependencies());
                }
                Some(Err(bad)) => self.broken = Some(bad),
                None => {}
            }
        }
        if let Some(path) = located(situation, at, lock) {
            match locked(context, &path) {
                Some(Ok(list)) => {
                    self.requirements.extend(list.into_iter().filter(|one| one.name != own));
                    self.wheels.extend(wheels(context, &path, python));
                }
                Some(Err(bad)) => self.broken = Some(bad),
                None => {}
            }
        }
    }
}

/// The file of the build context that a command reads as `path`: copied, or mounted for it.
pub(super) fn located(situation: Situation<'_>, at: usize, path: &str) -> Option<String> {
    let context = situation.context?;
    let workdir = situation.facts.at(at).workdir.as_deref();
    let full = join(workdir, path)?;
    let mounted = situation.tree.instructions[at]
        .flags()
        .iter()
        .filter(|flag| flag.name == "mount")
        .filter_map(|flag| flag.value.as_deref())
        .find_map(|mount| {
            let field = |names: &[&str]| {
                mount.split(',').find_map(|field| {
                    let (name, value) = field.split_once('=')?;
                    names.contains(&name).then(|| value.to_owned())
                })
            };
            let bind = field(&["type"]).is_none_or(|kind| kind == "bind") && field(&["from"]).is_none();
            let target = join(workdir, &field(&["target", "dst", "destination"])?)?;
            let source = field(&["source", "src"]).unwrap_or_default();
            let rest = full.strip_prefix(&target).filter(|_| bind)?;
            crate::project::join_context(&source, rest).filter(|path| context.contains(path))
        });
    mounted.or_else(|| source_of(situation, at, &full))
}

/// Whether an operand of pip is a path.
fn is_local(name: &str) -> bool {
    let bare = name.split('[').next().unwrap_or(name);
    !name.contains("://")
        && !name.starts_with("git+")
        && (bare.starts_with('.')
            || bare.contains('/')
            || [".whl", ".tar.gz", ".zip"].iter().any(|end| bare.ends_with(end)))
}

fn named(specification: &str, line: usize) -> Requirement {
    let version = specification.split_once("==").map(|(_, version)| version.trim_matches('=').to_owned());
    let extras = specification
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(list, _)| list.split(',').map(|extra| extra.trim().to_owned()).collect());
    Requirement {
        name: package_name(specification),
        version,
        extras: extras.unwrap_or_default(),
        place: Place { path: String::new(), line, text: specification.to_owned() },
    }
}

pub(super) fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
