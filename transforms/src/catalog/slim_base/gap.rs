//! What a full image has and its slim form has not.

use crate::facts::Base;
use crate::knowledge::{BUILD_TOOLS, BuildTool, Caller, RUNTIME_LIBRARIES};
use std::collections::{BTreeSet, HashSet};

/// What goes with the full image.
pub(in crate::catalog) struct Gap {
    family: &'static str,
    release: Option<String>,
    missing: Vec<&'static BuildTool>,
    /// Runtime packages that come with the `-dev` packages among the missing.
    libraries: BTreeSet<&'static str>,
}

/// Packages that are installed, by name.
#[derive(Debug, Clone, Default)]
pub(in crate::catalog) struct Installed(BTreeSet<String>);

impl Installed {
    /// `recommends` is whether the package manager installs what a package recommends.
    pub fn add(&mut self, operand: &str, recommends: bool) {
        // `git=1:2.3*`, `git:amd64`, `git/stable`.
        let name = operand.split(['=', ':', '/']).next().unwrap_or(operand);
        self.0.insert(name.to_owned());
        if recommends {
            let rows =
                BUILD_TOOLS.package.iter().filter(|row| row.recommended_by.iter().any(|known| known == name));
            self.0.extend(rows.map(|row| row.name.clone()));
        }
    }

    pub fn remove(&mut self, operand: &str) {
        self.0.remove(operand);
    }

    fn has(&self, row: &BuildTool) -> bool {
        self.0.contains(&row.name) || row.also.iter().any(|name| self.0.contains(name))
    }

    fn has_named(&self, name: &str) -> bool {
        self.0.contains(name) || rows_named(name).any(|row| self.has(row))
    }
}

fn rows_named(name: &str) -> impl Iterator<Item = &'static BuildTool> {
    BUILD_TOOLS.package.iter().filter(move |row| row.name == name)
}

/// A command without the machine before it and the version behind it: `x86_64-linux-gnu-gcc-12`, `python3.11`, `convert-im6.q16`.
fn unversioned(command: &str) -> &str {
    let name = ["x86_64-linux-gnu-", "aarch64-linux-gnu-"]
        .iter()
        .find_map(|machine| command.strip_prefix(machine))
        .unwrap_or(command);
    let name = name.trim_end_matches(".q16").trim_end_matches("-im6").trim_end_matches("-im7");
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c == '.');
    match name.rsplit_once(['-', '.']) {
        Some((head, version)) if digits(version) => head,
        _ => name,
    }
}

/// In trixie and noble the names of some libraries end in `t64`.
fn plain(name: &str) -> &str {
    name.strip_suffix("t64").unwrap_or(name)
}

/// `libmagic.so.1` and `magic` are the same library.
fn stem(library: &str) -> &str {
    let name = library.rsplit('/').next().unwrap_or(library);
    let name = name.split(".so").next().unwrap_or(name);
    let name = name.strip_prefix("lib").unwrap_or(name);
    name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'))
}

impl Gap {
    pub fn of(base: &Base) -> Option<Self> {
        let row = base.row()?;
        let images: &[&str] = match row.full.as_str() {
            "buildpack-deps" => &["buildpack-deps-curl", "buildpack-deps-scm", "buildpack-deps"],
            "buildpack-deps-scm" => &["buildpack-deps-curl", "buildpack-deps-scm"],
            "buildpack-deps-curl" => &["buildpack-deps-curl"],
            "plain" => &[],
            _ => return None,
        };
        let release = base.release().map(str::to_owned);
        let has = |tool: &BuildTool| {
            row.slim_keeps.contains(&tool.name)
                || release.as_ref().is_some_and(|release| tool.in_releases.contains(release))
        };
        let missing: Vec<&BuildTool> = BUILD_TOOLS
            .package
            .iter()
            .filter(|tool| images.contains(&tool.image.as_str()) && !has(tool))
            .collect();
        let names: HashSet<&str> = missing.iter().map(|tool| tool.name.as_str()).collect();
        let developed =
            RUNTIME_LIBRARIES.library.iter().filter(|library| names.contains(library.dev.as_str()));
        let libraries = developed
            .flat_map(|library| library.debian.values().flatten())
            .map(|name| plain(name))
            .chain(missing.iter().map(|tool| plain(&tool.name)))
            .collect();
        Some(Self { family: base.family(), release, missing, libraries })
    }

    /// How many packages it is about.
    pub fn len(&self) -> usize {
        self.missing.len()
    }

    /// The package with a command, by name or path, where the slim form has it not.
    pub fn command(&self, command: &str, installed: &Installed) -> Option<&'static BuildTool> {
        let (folder, name) = command.rsplit_once('/').unwrap_or(("", command));
        if !matches!(folder, "" | "/usr/bin" | "/bin" | "/usr/sbin" | "/sbin") {
            return None;
        }
        let plain_name = unversioned(name);
        self.missing.iter().copied().find(|tool| {
            // The interpreter of the image itself lies in /usr/local/bin.
            let own = folder.is_empty() && tool.kind == "interpreter" && tool.name.starts_with(self.family);
            !own && tool.commands.iter().any(|known| known == name || known == plain_name)
                && !installed.has(tool)
                && !installed.0.contains(name)
        })
    }

    /// What of a list of packages only the full image has. What it has not either makes no difference.
    pub fn lacking<'n>(&self, needs: &'n [String], installed: &Installed) -> Vec<&'n str> {
        let own = |name: &str| name == "python3" && self.family == "python";
        needs
            .iter()
            .map(String::as_str)
            .filter(|name| self.missing.iter().any(|tool| tool.name == *name))
            .filter(|name| !installed.has_named(name) && !own(name))
            .collect()
    }

    /// The package among `names` whose library only the full image has.
    pub fn library_package<'n>(&self, names: &'n [String], installed: &Installed) -> Option<&'n str> {
        names.iter().map(String::as_str).find(|name| {
            let dev = self.missing.iter().any(|tool| tool.name == **name);
            (dev || self.libraries.contains(plain(name)))
                && !installed.has_named(name)
                && !installed.0.iter().any(|package| plain(package) == plain(name))
                && !self.runtime_is_installed(name, installed)
        })
    }

    /// Whether the runtime part of a `-dev` package is installed.
    fn runtime_is_installed(&self, dev: &str, installed: &Installed) -> bool {
        let library = RUNTIME_LIBRARIES.library.iter().find(|library| library.dev == dev);
        library.is_some_and(|library| {
            library.debian.values().any(|names| {
                !names.is_empty()
                    && names.iter().all(|name| installed.0.iter().any(|known| plain(known) == plain(name)))
            })
        })
    }

    /// The package with a shared library that only the full image has.
    pub fn library(&self, library: &str, installed: &Installed) -> Option<&'static BuildTool> {
        let wanted = stem(library);
        self.missing.iter().copied().find(|tool| {
            tool.libraries.iter().any(|known| stem(known) == wanted)
                && !installed.has(tool)
                && !self.runtime_is_installed(&tool.name, installed)
        })
    }

    /// The package with a file that only the full image has.
    pub fn file(&self, path: &str, installed: &Installed) -> Option<&'static BuildTool> {
        self.missing
            .iter()
            .copied()
            .find(|tool| tool.files.iter().any(|known| lies_in(path, known)) && !installed.has(tool))
    }

    /// The package that a module of the standard library of Python needs.
    pub fn module(&self, module: &str, installed: &Installed) -> Option<&'static BuildTool> {
        let first = module.split('.').next().unwrap_or(module);
        self.missing.iter().copied().find(|tool| {
            self.family == "python" && tool.modules.iter().any(|known| known == first) && !installed.has(tool)
        })
    }

    /// What a command calls in its turn that only the full image has.
    pub fn called_by(
        &self,
        command: &str,
        installed: &Installed,
    ) -> Vec<(&'static Caller, Vec<&'static str>)> {
        let name = command.rsplit('/').next().unwrap_or(command);
        let callers =
            BUILD_TOOLS.caller.iter().filter(|caller| caller.commands.iter().any(|known| known == name));
        callers
            .filter(|_| name != self.family)
            .map(|caller| (caller, self.lacking(&caller.needs, installed)))
            .filter(|(caller, needs)| !needs.is_empty() || caller.opaque && !self.missing.is_empty())
            .collect()
    }

    /// Whether installing a package fails where slim images leave folders out.
    pub fn trips(&self, package: &str) -> Option<&'static str> {
        let name = package.split(['=', ':', '/']).next().unwrap_or(package);
        BUILD_TOOLS.trips.iter().find_map(|row| {
            let release = row.releases.is_empty()
                || self.release.as_ref().is_none_or(|release| row.releases.contains(release));
            let called = row.packages.iter().any(|known| match known.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == known,
            });
            (release && called).then_some(row.needs.as_str())
        })
    }
}

/// The folder among those that slim images leave empty in which a path lies.
pub(in crate::catalog) fn stripped(path: &str) -> Option<&'static str> {
    BUILD_TOOLS.stripped.iter().map(|row| row.path.as_str()).find(|folder| lies_in(path, folder))
}

fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(image: &str) -> Gap {
        Gap::of(&Base::of(image, Some(image))).unwrap()
    }

    #[test]
    fn knows_what_each_family_keeps() {
        let none = Installed::default();
        let lacks = |image: &str, command: &str| gap(image).command(command, &none).is_some();
        for (image, command, expected) in [
            ("python:3.11", "git", true),
            ("python:3.11", "/usr/bin/git", true),
            ("python:3.11", "/usr/local/bin/git", false),
            ("python:3.11", "python3", false),
            ("python:3.11", "/usr/bin/python3", true),
            ("python:3.11", "openssl", false),
            ("python:3.11", "adduser", true),
            ("python:3.11-bookworm", "adduser", false),
            ("node:20", "python3", true),
            ("node:20", "python3.11", true),
            ("node:20", "openssl", true),
            ("node:20", "node", false),
            ("rust:1.80", "gcc", false),
            ("rust:1.80", "g++", true),
            ("ruby:3.2", "ps", false),
            ("debian:bookworm", "git", false),
            ("node:20", "x86_64-linux-gnu-gcc-12", true),
            ("node:20", "convert-im6.q16", true),
        ] {
            assert_eq!(lacks(image, command), expected, "{command} in {image}");
        }
    }

    #[test]
    fn counts_what_is_installed() {
        let gap = gap("python:3.11");
        let mut installed = Installed::default();
        installed.add("build-essential", false);
        installed.add("libpq5", false);
        installed.add("gcc-12=12.2.0", false);
        assert!(gap.command("make", &installed).is_none());
        assert!(gap.command("gcc-12", &installed).is_none());
        assert!(gap.command("git", &installed).is_some());
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(gap.library_package(&names(&["libpq-dev"]), &installed), None);
        assert_eq!(gap.library_package(&names(&["libmagic1"]), &installed), Some("libmagic1"));
        assert_eq!(
            gap.lacking(&names(&["gcc", "libc6-dev", "cmake", "libpq-dev"]), &installed),
            ["libpq-dev"]
        );
        installed.remove("build-essential");
        assert!(gap.command("make", &installed).is_some());
    }

    #[test]
    fn finds_libraries_by_any_name() {
        let (gap, none) = (gap("python:3.11"), Installed::default());
        for name in ["magic", "libmagic.so.1", "/usr/lib/x86_64-linux-gnu/libmagic.so.1"] {
            assert_eq!(gap.library(name, &none).map(|tool| tool.name.as_str()), Some("libmagic1"), "{name}");
        }
        assert!(gap.library("c", &none).is_none());
    }
}
