//! Packages of the distribution, divided between the stage that builds and the one that runs.

use super::debian::{Debian, Runtime};
use crate::facts::{Action, PackageCommand};
use crate::knowledge::BUILD_TOOLS;
use std::collections::BTreeMap;

/// Packages that the stage that runs has to have, each with the reason.
pub(super) type Wanted = BTreeMap<String, String>;

/// What becomes of a package in the stage that runs.
pub(super) enum Purpose {
    /// It stays.
    Run,
    /// It is only built with; what was built needs these packages.
    Build(Runtime),
    /// It is only built with, but what it stands for is not known: it stays.
    Unclear,
    /// Python modules of the distribution.
    PythonModule,
}

/// What a package of the distribution is for.
pub(super) fn purpose(package: &str, debian: &Debian) -> Purpose {
    let name = bare(package);
    if let Some(runtime) = debian.runtime(name) {
        return Purpose::Build(runtime);
    }
    let only_builds =
        BUILD_TOOLS.build_only.iter().find(|row| row.package_manager == "apt" && row.name == name);
    if let Some(row) = only_builds {
        return Purpose::Build(Runtime { packages: row.runtime.clone(), unsure: None });
    }
    if name.ends_with("-dev") || name.contains("-dev-") {
        return Purpose::Unclear;
    }
    if name.starts_with("python3-") || name.starts_with("python-") {
        return Purpose::PythonModule;
    }
    Purpose::Run
}

/// A package without version, release and architecture (apt-get(8): `name=version`, `name/release`,
/// `name:architecture`).
pub(super) fn bare(package: &str) -> &str {
    package.split(['=', '/', ':']).next().unwrap_or(package)
}

/// An `apt-get install`, divided.
#[derive(Default)]
pub(super) struct Division {
    /// Indexes of the words that go.
    pub dropped: Vec<usize>,
    /// Words that others take the place of.
    pub replaced: Vec<(usize, String)>,
    /// Packages that stay or come.
    pub kept: Vec<String>,
    /// Why a package is there.
    pub evidence: Vec<String>,
    /// What is not certain of it.
    pub doubts: Vec<String>,
}

/// Divides the packages of an installation. `Err` names what is in the way.
pub(super) fn divide(command: &PackageCommand<'_>, debian: &Debian) -> Result<Division, String> {
    let mut division = Division::default();
    let verb = command.verb();
    if verb != "install" {
        return Err(format!("`apt-get {verb}` changes packages that dfix can't name"));
    }
    let named: Vec<(usize, Option<&str>)> =
        command.operands.iter().copied().zip(command.operand_values()).collect();
    let written: Vec<String> =
        named.iter().filter_map(|(_, name)| name.map(|name| bare(name).to_owned())).collect();
    for (word, name) in named {
        let Some(name) = name else {
            return Err(format!("the package `{}` is computed", command.simple.words[word].raw));
        };
        if name.contains('/') && name.contains(".deb") || name.ends_with(".deb") {
            return Err(format!("`{name}` is a package file, whose needs dfix does not know"));
        }
        if name.ends_with('-') {
            return Err(format!("`{name}` removes a package"));
        }
        match purpose(name, debian) {
            Purpose::Run => division.kept.push(bare(name).to_owned()),
            Purpose::PythonModule => {
                return Err(format!(
                    "{name} is a Python module of the distribution, which a virtual environment does not see; \
                     install it with pip instead"
                ));
            }
            Purpose::Unclear => {
                division.kept.push(bare(name).to_owned());
                division
                    .evidence
                    .push(format!("{name} stays, because the libraries that it stands for are not known"));
            }
            Purpose::Build(runtime) => {
                let new: Vec<&String> = runtime
                    .packages
                    .iter()
                    .filter(|package| !written.contains(package) && !division.kept.contains(package))
                    .collect();
                if new.is_empty() {
                    division.dropped.push(word);
                    division.evidence.push(format!("{name} is only needed to build"));
                } else {
                    division.doubts.extend(runtime.unsure.clone());
                    let list = new.iter().map(|name| name.as_str()).collect::<Vec<_>>();
                    division.evidence.push(format!(
                        "{} instead of {name}, which is only needed to build",
                        list.join(", ")
                    ));
                    division.replaced.push((word, list.join(" ")));
                    let new: Vec<String> = new.into_iter().cloned().collect();
                    division.kept.extend(new);
                }
            }
        }
    }
    Ok(division)
}

/// Whether a command only concerns the package index or removes packages that were only built with.
pub(super) fn is_housekeeping(command: &PackageCommand<'_>) -> bool {
    matches!(command.action, Action::Update | Action::Clean)
        || matches!(command.verb(), "purge" | "remove" | "autoremove" | "autopurge")
}
