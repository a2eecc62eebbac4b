//! What the dependencies need where they run, and what is not known of them.

use super::super::asked::words;
use super::super::debian::Debian;
use super::super::system_packages::Wanted;
use crate::catalog::slim_base::gap::{Gap, Installed};
use crate::knowledge::{
    BUILD_TOOLS, COMMAND_PURPOSES, PYTHON_PACKAGES, PythonPackage, RUNTIME_LIBRARIES, numbers,
};
use crate::project::python::{Requirement, normalise};
use crate::project::wheels::Wheel;
use std::collections::BTreeMap;

/// What is known of the dependencies of an application.
#[derive(Default)]
pub(super) struct Needs {
    /// Packages of the distribution that they need at run time.
    pub wanted: Wanted,
    /// Those in no table, and without a file in a lock that tells.
    pub unknown: Vec<String>,
    /// The first that is about models.
    pub model: Option<String>,
    /// The first that needs a compiler at run time.
    pub compiler: Option<String>,
    /// What can't be told of them, in words.
    pub unclear: Vec<String>,
    /// Whether something may be compiled when it is installed.
    pub compiles: bool,
    /// How many there are.
    pub count: usize,
}

/// The base that they run on.
pub(super) struct Target<'a> {
    /// The version of Python.
    pub python: &'a [u32],
    /// The distribution.
    pub debian: &'a Debian,
    /// What the base of the stage that runs lacks that the one before had.
    pub gap: Option<&'a Gap>,
}

/// What requirements need. `wheels` is what lock files say of them.
pub(super) fn needs(
    requirements: &[Requirement],
    wheels: &BTreeMap<String, Wheel>,
    target: &Target<'_>,
) -> Needs {
    let mut needs = Needs { count: requirements.len(), ..Needs::default() };
    for requirement in requirements {
        let name = requirement.name.as_str();
        let locked = wheels.get(name).copied();
        let Some(row) = PYTHON_PACKAGES.get(name) else {
            // Its libraries are in it; what it calls, only who asked for it may know.
            let direct = !requirement.place.path.ends_with("lock");
            match locked {
                Some(Wheel::Pure | Wheel::Compiled) if !direct => {}
                _ if PYTHON_PACKAGES.needs_nothing(name) => {}
                _ => {
                    needs.compiles = true;
                    if !needs.unknown.iter().any(|known| known == name) {
                        needs.unknown.push(name.to_owned());
                    }
                }
            }
            continue;
        };
        if row.model {
            needs.model.get_or_insert_with(|| format!("{name} ({})", words(&requirement.place)));
        }
        let binary = is_binary_extra(requirement);
        let compiled = !binary && may_compile(row, requirement, locked, target.python);
        needs.compiles |= compiled && row.compiles != "never";
        needs.row(row, compiled, binary, requirement, target);
    }
    needs
}

impl Needs {
    fn row(
        &mut self,
        row: &PythonPackage,
        compiled: bool,
        binary: bool,
        requirement: &Requirement,
        target: &Target<'_>,
    ) {
        let place = words(&requirement.place);
        if compiled {
            for dev in &row.runtime_libraries {
                let runtime = target.debian.runtime(dev);
                let Some(runtime) = runtime.filter(|_| target.gap.is_some()) else {
                    // Where the author installed it, the packages of the distribution are divided.
                    if target.gap.is_some() && is_header(dev) {
                        self.unclear.push(format!("which package has the libraries of {dev} is not known"));
                    }
                    continue;
                };
                let had = is_header(dev);
                // What the image did not have for it, it can't have used.
                let mut used = runtime.packages;
                used.retain(|package| had || target.debian.full_image_has(package));
                if !used.is_empty() {
                    self.unclear.extend(runtime.unsure);
                }
                for package in used {
                    self.want(&package, format!("{} is built against {dev} ({place})", row.name));
                }
            }
        }
        for package in row.runtime_system.iter().filter(|_| target.gap.is_some() && !binary) {
            if target.debian.full_image_has(package) {
                self.want(package, format!("{} needs it at run time ({place})", row.name));
            }
        }
        for command in &row.runtime_commands {
            let none = Installed::default();
            let tool = target.gap.and_then(|gap| gap.command(command, &none));
            let compiles = tool.is_some_and(|tool| tool.kind == "compiler")
                || COMMAND_PURPOSES.of(command) == "compiles";
            if compiles {
                self.compiler.get_or_insert_with(|| format!("{} calls {command} ({place})", row.name));
            } else if let Some(tool) = tool {
                self.want(&tool.name, format!("{} calls {command} ({place})", row.name));
            }
        }
    }

    fn want(&mut self, package: &str, why: String) {
        self.wanted.entry(package.to_owned()).or_insert(why);
    }
}

/// `psycopg[binary]` brings what `psycopg` needs, in a wheel of its own.
fn is_binary_extra(requirement: &Requirement) -> bool {
    requirement.extras.iter().any(|extra| {
        let name = normalise(&format!("{}-{extra}", requirement.name));
        PYTHON_PACKAGES.wheels.contains(&name)
    })
}

/// Whether a package may have been compiled rather than come as a wheel.
fn may_compile(
    row: &PythonPackage,
    requirement: &Requirement,
    locked: Option<Wheel>,
    python: &[u32],
) -> bool {
    if let Some(wheel) = locked
        && row.compiles != "always"
        && !row.compiles.is_empty()
    {
        return wheel == Wheel::Source;
    }
    let first = |rule: &str| rule.strip_prefix("before:").map(numbers).unwrap_or_default();
    match row.compiles.as_str() {
        "never" => false,
        // Loads the library by its name, wheel or not.
        "always" | "" => true,
        rule => {
            // The newest release for this Python has a wheel.
            let Some(version) = requirement.version.as_deref().map(numbers) else { return false };
            version < first(rule)
                || match python {
                    [3, minor, ..] if *minor <= 11 => false,
                    [3, minor, ..] => {
                        row.compiles_on.get(&format!("3.{minor}")).is_none_or(|rule| version < first(rule))
                    }
                    _ => true,
                }
        }
    }
}

/// Names of one package: `libxslt-dev` is what `libxslt1-dev` is called by, too.
fn same(package: &str, dev: &str) -> bool {
    package == dev
        || RUNTIME_LIBRARIES
            .library
            .iter()
            .find(|row| row.dev == dev)
            .zip(RUNTIME_LIBRARIES.library.iter().find(|row| row.dev == package))
            .is_some_and(|(one, other)| !one.debian.is_empty() && one.debian == other.debian)
}

/// Whether full images have a `-dev` package.
fn is_header(dev: &str) -> bool {
    BUILD_TOOLS.package.iter().any(|package| same(&package.name, dev))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Base;
    use crate::project::python::Place;

    fn wanted(name: &str, version: Option<&str>, python: &[u32]) -> Vec<String> {
        let requirement = Requirement {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            extras: Vec::new(),
            place: Place { path: "requirements.txt".to_owned(), line: 1, text: name.to_owned() },
        };
        let base = Base::of("python:3.11-bookworm", Some("python:3.11-bookworm"));
        let (debian, gap) = (Debian::of(&base), Gap::of(&base));
        let target = Target { python, debian: &debian, gap: gap.as_ref() };
        needs(&[requirement], &BTreeMap::new(), &target).wanted.into_keys().collect()
    }

    #[test]
    fn a_library_that_the_full_image_brought_is_wanted() {
        assert_eq!(wanted("psycopg2", None, &[3, 11]), ["libpq5"]);
        assert_eq!(wanted("mysqlclient", None, &[3, 11]), ["libmariadb3"]);
        assert_eq!(wanted("psycopg2-binary", None, &[3, 11]), [""; 0]);
        assert_eq!(wanted("gitpython", None, &[3, 11]), ["git"]);
        assert_eq!(wanted("python-magic", None, &[3, 11]), ["libmagic1"]);
        // The full image has no libldap either: only an installation by the author can have brought it.
        assert_eq!(wanted("python-ldap", None, &[3, 11]), [""; 0]);
    }

    #[test]
    fn an_old_version_has_no_wheel() {
        assert_eq!(wanted("lxml", None, &[3, 11]), [""; 0]);
        assert_eq!(wanted("lxml", Some("4.6.3"), &[3, 11]), ["libxml2", "libxslt1.1"]);
        assert_eq!(wanted("lxml", Some("5.1.0"), &[3, 11]), [""; 0]);
        assert_eq!(wanted("lxml", Some("5.1.0"), &[3, 12]), [""; 0]);
        assert_eq!(wanted("lxml", Some("5.1.0"), &[3, 13]), ["libxml2", "libxslt1.1"]);
        assert_eq!(wanted("lxml", Some("5.1.0"), &[3]), ["libxml2", "libxslt1.1"]);
    }

    #[test]
    fn what_is_in_no_table_is_unknown() {
        let requirement = |name: &str| Requirement {
            name: name.to_owned(),
            version: None,
            extras: Vec::new(),
            place: Place { path: "poetry.lock".to_owned(), line: 1, text: name.to_owned() },
        };
        let list = [requirement("flask"), requirement("in-house"), requirement("locked-pure")];
        let wheels = BTreeMap::from([("locked-pure".to_owned(), Wheel::Pure)]);
        let debian = Debian::of(&Base::of("python:3", Some("python:3")));
        let target = Target { python: &[3, 11], debian: &debian, gap: None };
        assert_eq!(needs(&list, &wheels, &target).unknown, ["in-house"]);
    }
}
