//! `package.json` and the lock files of npm, Yarn and pnpm.

use super::{join_context, text_of};
use crate::context::BuildContext;
use crate::plan::BadManifest;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Table = BTreeMap<String, String>;

/// A `package.json` (npm documentation, package.json).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Package {
    /// Its name.
    pub name: Option<String>,
    /// `module` or `commonjs`.
    pub r#type: Option<String>,
    /// The entry point.
    pub main: Option<String>,
    /// Commands by name.
    pub scripts: Table,
    /// What it needs to run.
    pub dependencies: Table,
    /// What it needs to be built and tested.
    pub dev_dependencies: Table,
    /// What it uses where it can be had.
    pub optional_dependencies: Table,
    /// What it expects its user to install.
    pub peer_dependencies: Table,
    /// The package manager that Corepack takes (`pnpm@9.1.0`).
    pub package_manager: Option<String>,
    /// Workspaces: a list of globs, or a table that holds one.
    workspaces: Value,
    /// pnpm's settings.
    pnpm: Value,
    /// Forced versions (Yarn).
    resolutions: Value,
}

/// npm runs these scripts of the root package during `npm install` and `npm ci` (npm documentation, scripts,
/// Life Cycle Operation Order); Yarn and pnpm do likewise.
const LIFECYCLE: [&str; 7] =
    ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

impl Package {
    /// Reads the text of a `package.json`.
    ///
    /// # Errors
    /// Where it is no JSON, or not of that form.
    pub fn parse(path: &str, text: &str) -> Result<Self, BadManifest> {
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| BadManifest {
            path: path.to_owned(),
            message: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
            position: Some((error.line(), error.column())),
        })
    }

    /// The `package.json` in a folder of the context (`""` for its root).
    #[must_use]
    pub fn of(context: &BuildContext, folder: &str) -> Option<Result<Self, BadManifest>> {
        let path = join_context(folder, "package.json")?;
        Some(text_of(context, &path)?.and_then(|text| Self::parse(&path, &text)))
    }

    /// The scripts that an install runs, with their commands.
    pub fn lifecycle(&self) -> impl Iterator<Item = (&str, &str)> {
        LIFECYCLE.iter().filter_map(|name| Some((*name, self.scripts.get(*name)?.as_str())))
    }

    /// Globs of workspaces, those of `pnpm-workspace.yaml` not among them.
    #[must_use]
    pub fn workspaces(&self) -> Vec<&str> {
        let list = match &self.workspaces {
            Value::Object(table) => table.get("packages").unwrap_or(&Value::Null),
            other => other,
        };
        list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// All dependencies, development ones included, with their ranges.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies]
            .into_iter()
            .flatten()
            .map(|(name, range)| (name.as_str(), range.as_str()))
    }

    /// Whether it depends on a package to run.
    #[must_use]
    pub fn needs(&self, name: &str) -> bool {
        self.dependencies.contains_key(name) || self.optional_dependencies.contains_key(name)
    }

    /// Whether it depends on a package only for development.
    #[must_use]
    pub fn needs_for_development(&self, name: &str) -> bool {
        self.dev_dependencies.contains_key(name) && !self.needs(name)
    }

    /// Dependencies that lie in the build context: `file:`, `link:`, `portal:`, `workspace:` and bare paths.
    pub fn local(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(_, range)| {
            ["file:", "link:", "portal:", "workspace:", "./", "../", "/", "~/"]
                .iter()
                .any(|start| range.starts_with(start))
        })
    }

    /// Dependencies with patches that Yarn or pnpm apply on install.
    #[must_use]
    pub fn has_patches(&self) -> bool {
        self.all().any(|(_, range)| range.starts_with("patch:"))
            || self.pnpm.get("patchedDependencies").is_some()
            || self.resolutions.to_string().contains("patch:")
    }
}

/// How a lock file stands to its `package.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// It has what the package asks for.
    InStep {
        /// Its path in the context.
        path: String,
        /// The version of its format (`lockfileVersion`, Yarn's `__metadata.version`); 1 for Yarn Classic.
        version: u32,
    },
    /// It has not, so an install that insists on it fails.
    OutOfStep {
        /// Its path in the context.
        path: String,
        /// The first dependency that differs, and how.
        why: String,
    },
    /// There is none.
    Missing,
    /// It could not be understood.
    Unread {
        /// Its path in the context.
        path: String,
        /// Why.
        why: String,
    },
}

impl Lock {
    /// Whether an install that insists on it works.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        matches!(self, Self::InStep { .. })
    }

    /// Why an install can't insist on it, in words; `None` where it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        match self {
            Self::InStep { .. } => None,
            Self::OutOfStep { path, why } => Some(format!("{path} is not in step with package.json: {why}")),
            Self::Missing => Some("there is no lock file".to_owned()),
            Self::Unread { path, why } => Some(format!("{path} can't be read: {why}")),
        }
    }

    /// The state of the lock file in a folder that the package manager with this id (`npm`, `yarn`, `pnpm`)
    /// reads. Nothing is known of other managers' files: [`Lock::Missing`] where none is there.
    #[must_use]
    pub fn of(manager: &str, package: &Package, context: &BuildContext, folder: &str) -> Self {
        let names: &[&str] = match manager {
            // npm prefers npm-shrinkwrap.json (npm documentation, npm-shrinkwrap.json).
            "npm" => &["npm-shrinkwrap.json", "package-lock.json"],
            "yarn" => &["yarn.lock"],
            "pnpm" => &["pnpm-lock.yaml"],
            _ => &[],
        };
        for name in names {
            let Some(path) = join_context(folder, name) else { continue };
            let Some(text) = text_of(context, &path) else { continue };
            let read = text.map_err(|bad| bad.message).and_then(|text| match manager {
                "npm" => npm(package, &text),
                "yarn" => yarn(package, &text),
                _ => pnpm(package, &text),
            });
            return match read {
                Ok((version, None)) => Self::InStep { path, version },
                Ok((_, Some(why))) => Self::OutOfStep { path, why },
                Err(why) => Self::Unread { path, why },
            };
        }
        Self::Missing
    }
}

/// Version of the format, and what differs.
type Verdict = Result<(u32, Option<String>), String>;

fn npm(package: &Package, text: &str) -> Verdict {
    let lock: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let version = lock.get("lockfileVersion").and_then(Value::as_u64).unwrap_or(1) as u32;
    let Some(root) = lock.get("packages").and_then(|packages| packages.get("")) else {
        // Version 1 names no ranges: `npm ci` compares the versions it holds with those of package.json.
        let held = lock.get("dependencies").and_then(Value::as_object);
        let missing = package.all().find(|(name, _)| !held.is_some_and(|held| held.contains_key(*name)));
        return Ok((version, missing.map(|(name, _)| format!("{name} is not in it"))));
    };
    let table = |key: &str| root.get(key).and_then(Value::as_object);
    for (key, wanted) in [
        ("dependencies", &package.dependencies),
        ("devDependencies", &package.dev_dependencies),
        ("optionalDependencies", &package.optional_dependencies),
    ] {
        // npm moves what is optional as well out of `dependencies`.
        let wanted: BTreeMap<&str, &str> = wanted
            .iter()
            .filter(|(name, _)| key != "dependencies" || !package.optional_dependencies.contains_key(*name))
            .map(|(name, range)| (name.as_str(), range.as_str()))
            .collect();
        let held: BTreeMap<&str, &str> = table(key)
            .into_iter()
            .flatten()
            .filter_map(|(name, range)| Some((name.as_str(), range.as_str()?)))
            .collect();
        if let Some(why) = first_difference(&wanted, &held) {
            return Ok((version, Some(why)));
        }
    }
    let packages = lock.get("packages").and_then(Value::as_object);
    let absent = package
        .dependencies
        .keys()
        .chain(package.dev_dependencies.keys())
        .find(|name| !packages.is_some_and(|all| all.contains_key(&format!("node_modules/{name}"))));
    Ok((version, absent.map(|name| format!("{name} is not resolved in it"))))
}

fn first_difference(wanted: &BTreeMap<&str, &str>, held: &BTreeMap<&str, &str>) -> Option<String> {
    for (name, range) in wanted {
        match held.get(name) {
            None => return Some(format!("{name} is not in it")),
            Some(other) if other != range => {
                return Some(format!("it has {name} {other}, package.json asks for {range}"));
            }
            Some(_) => {}
        }
    }
    let extra = held.keys().find(|name| !wanted.contains_key(*name))?;
    Some(format!("it has {extra}, which package.json does not ask for"))
}

/// The keys of `yarn.lock`: `"name@range", name@range:` in Classic, `"name@npm:range, name@npm:range":` in Berry.
fn yarn(package: &Package, text: &str) -> Verdict {
    let mut version = 1;
    let mut metadata = false;
    let mut keys: BTreeSet<&str> = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            let value = line.trim().strip_prefix("version:");
            if let Some(number) = value.filter(|_| metadata).and_then(|value| value.trim().parse().ok()) {
                version = number;
            }
        } else if let Some(key) = line.strip_suffix(':').filter(|key| !key.starts_with('#')) {
            metadata = key == "__metadata";
            keys.extend(key.split(',').map(|part| part.trim().trim_matches('"')));
        }
    }
    if keys.is_empty() {
        let none = package.all().next();
        return Ok((version, none.map(|(name, _)| format!("{name} is not in it"))));
    }
    let missing = package.all().find(|(name, range)| {
        // The protocol of the registry is left out in package.json.
        let plain = format!("{name}@{range}");
        let registry = format!("{name}@npm:{range}");
        !keys.contains(plain.as_str())
            && !keys.contains(registry.as_str())
            && !keys.iter().any(|key| {
                key.starts_with(&format!("{plain}::")) || key.starts_with(&format!("{name}@patch:"))
            })
    });
    Ok((version, missing.map(|(name, range)| format!("{name}@{range} is not in it"))))
}

/// `importers` (from version 5.4 on, for each package of a workspace) or `specifiers` of `pnpm-lock.yaml`.
fn pnpm(package: &Package, text: &str) -> Verdict {
    let lock: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let version = match lock.get("lockfileVersion") {
        Some(Value::String(text)) => text.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0),
        Some(Value::Number(number)) => number.as_f64().unwrap_or_default() as u32,
        _ => return Err("it has no lockfileVersion".to_owned()),
    };
    let root = lock.get("importers").and_then(|all| all.get(".")).unwrap_or(&lock);
    let mut held: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(specifiers) = root.get("specifiers").and_then(Value::as_object) {
        held.extend(specifiers.iter().filter_map(|(name, range)| Some((name.as_str(), range.as_str()?))));
    } else {
        for key in ["dependencies", "devDependencies", "optionalDependencies"] {
            let table = root.get(key).and_then(Value::as_object).into_iter().flatten();
            held.extend(
                table.filter_map(|(name, entry)| Some((name.as_str(), entry.get("specifier")?.as_str()?))),
            );
        }
    }
    let wanted: BTreeMap<&str, &str> = package.all().collect();
    Ok((version, first_difference(&wanted, &held)))
}

/// The packages that a JavaScript or TypeScript source loads: `require('x')`, `from 'x'`, `import 'x'`,
/// `import('x')`. Types (`import type`) are left out: no code is loaded for them. By words, not by grammar: a
/// superset.
#[must_use]
pub fn imports(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if ["import type", "export type", "//", "*"].iter().any(|start| line.trim_start().starts_with(start))
        {
            continue;
        }
        for keyword in ["require(", "from ", "import ", "import("] {
            for (at, _) in line.match_indices(keyword) {
                let rest = line[at + keyword.len()..].trim_start();
                let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"' | '`')) else {
                    continue;
                };
                let Some(name) = rest[1..].split(quote).next() else { continue };
                if !name.starts_with(['.', '/']) {
                    found.insert(package_of(name));
                }
            }
        }
    }
    found
}

/// The package of a module (`lodash/fp` → `lodash`, `@scope/name/x` → `@scope/name`).
fn package_of(module: &str) -> &str {
    let slashes = if module.starts_with('@') { 2 } else { 1 };
    module.match_indices('/').nth(slashes - 1).map_or(module, |(at, _)| &module[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        Package::parse("package.json", text).unwrap()
    }

    fn lock(manager: &str, name: &str, text: &str) -> Lock {
        let manifest = r#"{"dependencies": {"a": "^1.0.0"}, "devDependencies": {"b": "2"}}"#;
        let context = BuildContext::of_texts([("package.json", manifest), (name, text)]);
        Lock::of(manager, &package(manifest), &context, "")
    }

    #[test]
    fn names_the_place_of_an_error() {
        let bad = Package::parse("web/package.json", "{\n  \"name\": }").unwrap_err();
        assert_eq!(bad.path, "web/package.json");
        assert_eq!(bad.position, Some((2, 11)));
        assert!(bad.message.contains("expected value"), "{}", bad.message);
    }

    #[test]
    fn finds_imports() {
        let text = "const a = require('lodash/fp');\nimport x from \"@scope/name/y\"\nimport './local'\nimport type { T } from 't'\nawait import('late')\n// require('no')\n";
        assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), ["@scope/name", "late", "lodash"]);
    }

    #[test]
    fn finds_lifecycle_scripts_and_local_dependencies() {
        let package = package(
            r#"{"scripts": {"prepare": "husky", "build": "tsc"}, "workspaces": {"packages": ["packages/*"]},
                "dependencies": {"x": "file:../x", "y": "^1"}, "devDependencies": {"z": "workspace:*"}}"#,
        );
        assert_eq!(package.lifecycle().collect::<Vec<_>>(), [("prepare", "husky")]);
        assert_eq!(package.local().map(|(name, _)| name).collect::<Vec<_>>(), ["x", "z"]);
        assert_eq!(package.workspaces(), ["packages/*"]);
    }

    #[test]
    fn compares_npm_locks() {
        let held = |range: &str| {
            format!(
                r#"{{"lockfileVersion": 3, "packages": {{
                    "": {{"dependencies": {{"a": "{range}"}}, "devDependencies": {{"b": "2"}}}},
                    "node_modules/a": {{}}, "node_modules/b": {{}}}}}}"#
            )
        };
        let in_step = Lock::InStep { path: "package-lock.json".to_owned(), version: 3 };
        assert_eq!(lock("npm", "package-lock.json", &held("^1.0.0")), in_step);
        let Lock::OutOfStep { why, .. } = lock("npm", "package-lock.json", &held("^2.0.0")) else { panic!() };
        assert_eq!(why, "it has a ^2.0.0, package.json asks for ^1.0.0");
        assert!(matches!(lock("npm", "package-lock.json", "{"), Lock::Unread { .. }));
        assert_eq!(lock("npm", "yarn.lock", ""), Lock::Missing);
        let old = r#"{"lockfileVersion": 1, "dependencies": {"a": {}, "b": {}}}"#;
        assert!(lock("npm", "package-lock.json", old).is_in_step());
    }

    #[test]
    fn compares_yarn_locks() {
        let classic = "# yarn lockfile v1\n\n\"a@^1.0.0\", a@^1.0.1:\n  version \"1.0.1\"\n\nb@2:\n  version \"2.0.0\"\n";
        assert_eq!(
            lock("yarn", "yarn.lock", classic),
            Lock::InStep { path: "yarn.lock".to_owned(), version: 1 }
        );
        let berry = "__metadata:\n  version: 8\n\n\"a@npm:^1.0.0\":\n  version: 1.0.1\n\n\"b@npm:2\":\n  version: 2\n";
        assert_eq!(
            lock("yarn", "yarn.lock", berry),
            Lock::InStep { path: "yarn.lock".to_owned(), version: 8 }
        );
        assert!(!lock("yarn", "yarn.lock", "a@^1.0.0:\n  version \"1\"\n").is_in_step());
    }

    #[test]
    fn compares_pnpm_locks() {
        let nine = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        version: 1.0.1\n    devDependencies:\n      b:\n        specifier: '2'\n        version: 2.0.0\n";
        assert_eq!(
            lock("pnpm", "pnpm-lock.yaml", nine),
            Lock::InStep { path: "pnpm-lock.yaml".to_owned(), version: 9 }
        );
        let five = "lockfileVersion: 5.4\nspecifiers:\n  a: ^1.0.0\n  b: '2'\ndependencies:\n  a: 1.0.1\n";
        assert!(lock("pnpm", "pnpm-lock.yaml", five).is_in_step());
        assert!(!lock("pnpm", "pnpm-lock.yaml", &nine.replace("'2'", "'3'")).is_in_step());
    }
}
