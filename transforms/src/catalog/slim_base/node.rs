//! Node packages: which are compiled, and what they call and load.

use super::look::{Install, Look};
use crate::context::BuildContext;
use crate::knowledge::{NODE_PACKAGES, NodePackage, numbers, version_matches};
use crate::project::join_context;
use crate::project::node::Package;
use crate::project::placement::folder_of;
use crate::project::sources::Need;
use serde_json::Value;
use std::collections::BTreeMap;

/// A package as a lock file, or the manifest, names it.
struct Named {
    version: Option<String>,
    /// Whether it runs a script when it is installed; `None` where the file doesn't say.
    script: Option<bool>,
    development: bool,
    /// Whether it is fetched from a repository.
    repository: bool,
}

pub(super) fn look(look: &mut Look<'_>, install: Install<'_>) {
    let Install { at, command, .. } = install;
    let line = look.situation.tree.instructions[at].line();
    for operand in command.operand_values() {
        match operand {
            Some(name) if is_repository(name) => repository(look, install, line, name),
            Some(name) => {
                let end = name.rfind('@').filter(|at| *at > 0).unwrap_or(name.len());
                let version =
                    name.get(end + 1..).filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
                let named = Named {
                    version: version.map(str::to_owned),
                    script: None,
                    development: false,
                    repository: false,
                };
                if row(&name[..end]).is_none() && !is_tool(&name[..end]) {
                    look.doubt(format!(
                        "whether {name} (line {line}) is compiled, and what it calls, is not known"
                    ));
                } else {
                    judge(look, install, line, &name[..end], &named, &format!("line {line}"));
                }
            }
            None => look.doubt(format!("line {line} installs packages whose names are computed")),
        }
    }
    if command.operands.is_empty() {
        manifest(look, install, line);
    }
}

/// Whether a package is known for its commands alone, or has no compiled code.
fn is_tool(name: &str) -> bool {
    NODE_PACKAGES.pure.iter().any(|known| known == name)
        || matches!(name, "npm" | "yarn" | "pnpm" | "corepack")
}

fn row(name: &str) -> Option<&'static NodePackage> {
    NODE_PACKAGES.package.iter().find(|row| row.name == name)
}

fn manifest(look: &mut Look<'_>, install: Install<'_>, line: usize) {
    let situation = look.situation;
    let folder = install.folder.and_then(|folder| folder_of(situation, install.at, folder, "package.json"));
    let Some((folder, context)) = folder.zip(situation.context) else {
        look.doubt(format!("line {line} installs from a package.json that is not known"));
        return;
    };
    let Some(Ok(package)) = Package::of(context, &folder) else {
        look.doubt(format!("the package.json that line {line} installs from could not be read"));
        return;
    };
    for (name, _) in package.lifecycle() {
        look.follow(line, Need::PackageScript(name.to_owned()));
    }
    for (name, range) in package.all() {
        if is_repository(range) {
            repository(look, install, line, &format!("{name} ({range})"));
        }
    }
    let locked = npm_lock(context, &folder).or_else(|| other_lock(context, &folder));
    match locked {
        Some((path, all)) => {
            for (name, named) in &all {
                judge(look, install, line, name, named, &path);
            }
        }
        None => {
            let path = join_context(&folder, "package.json").unwrap_or_default();
            for (name, range) in package.all() {
                let version = range.trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
                let version = Some(version.to_owned())
                    .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
                let development = package.needs_for_development(name);
                let named = Named { version, script: None, development, repository: false };
                if row(name).is_none() && !is_tool(name) {
                    look.doubt(format!("without a lock file it is not known what {name} ({path}) installs"));
                } else {
                    judge(look, install, line, name, &named, &path);
                }
            }
        }
    }
}

/// The packages in `package-lock.json`, indirect ones included.
fn npm_lock(context: &BuildContext, folder: &str) -> Option<(String, BTreeMap<String, Named>)> {
    ["npm-shrinkwrap.json", "package-lock.json"].iter().find_map(|file| {
        let path = join_context(folder, file)?;
        let lock: Value = serde_json::from_str(&context.text(&path)?).ok()?;
        let packages = lock.get("packages")?.as_object()?;
        let flag = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
        let all = packages
            .iter()
            .filter_map(|(key, value)| {
                let name = key
                    .rsplit("node_modules/")
                    .next()
                    .filter(|name| !name.is_empty() && key.contains("node_modules/"))?;
                let named = Named {
                    version: value.get("version").and_then(Value::as_str).map(str::to_owned),
                    script: Some(flag(value, "hasInstallScript")),
                    development: flag(value, "dev"),
                    repository: value.get("resolved").and_then(Value::as_str).is_some_and(is_repository),
                };
                Some((name.to_owned(), named))
            })
            .collect();
        Some((path, all))
    })
}

/// The packages in `yarn.lock` or `pnpm-lock.yaml`: names, and versions where they stand in the key.
fn other_lock(context: &BuildContext, folder: &str) -> Option<(String, BTreeMap<String, Named>)> {
    let path = join_context(folder, "yarn.lock").filter(|path| context.contains(path));
    let path =
        path.or_else(|| join_context(folder, "pnpm-lock.yaml").filter(|path| context.contains(path)))?;
    let text = context.text(&path)?;
    let mut all: BTreeMap<String, Named> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines() {
        let body = line.trim().trim_matches(['"', '\'']);
        let version = body.strip_prefix("version ").or_else(|| body.strip_prefix("version: "));
        if let (Some(version), Some(last)) = (version, &last) {
            if let Some(named) = all.get_mut(last) {
                named.version = Some(version.trim_matches('"').to_owned());
            }
            continue;
        }
        let Some(key) = line.trim().strip_suffix(':') else { continue };
        let key = key.trim_matches(['"', '\'']).trim_start_matches('/');
        let first = key.split(',').next().unwrap_or(key).trim_matches(['"', '\'']);
        let Some(end) = first.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1) else { continue };
        let version =
            Some(&first[end + 1..]).filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
        let version = version.map(|version| version.split('(').next().unwrap_or(version).to_owned());
        last = Some(first[..end].to_owned());
        all.entry(first[..end].to_owned()).or_insert(Named {
            version,
            script: None,
            development: false,
            repository: false,
        });
    }
    (!all.is_empty()).then_some((path, all))
}

fn judge(look: &mut Look<'_>, install: Install<'_>, line: usize, name: &str, named: &Named, place: &str) {
    let before = (look.obstacles.len(), look.doubts.len());
    let shown = match &named.version {
        Some(version) => format!("{name} {version} ({place})"),
        None => format!("{name} ({place})"),
    };
    if named.repository {
        repository(look, install, line, &shown);
    }
    match row(name) {
        Some(row) => of_row(look, install, line, row, named, &shown),
        None if named.script == Some(true) => {
            look.doubt(format!("{shown} runs a script when it is installed, and may compile"));
        }
        None => {}
    }
    if before == (look.obstacles.len(), look.doubts.len()) && !named.development {
        look.packages.insert(name.to_owned());
    }
}

fn of_row(
    look: &mut Look<'_>,
    install: Install<'_>,
    line: usize,
    row: &NodePackage,
    named: &Named,
    shown: &str,
) {
    let lacking = look.gap.lacking(&row.build_needs, install.installed).join(", ");
    let any_node = !row.any_node.is_empty()
        && named
            .version
            .as_ref()
            .is_none_or(|version| version_matches(&numbers(version), &format!(">={}", row.any_node)));
    if row.native == "compiles" && !install.elsewhere && !lacking.is_empty() {
        let has_not = look.has_not(&lacking);
        look.block(line, format!("{shown} is compiled, which needs {lacking}, {has_not}"));
    } else if row.native == "prebuilt" && !install.elsewhere && !lacking.is_empty() && !any_node {
        look.doubt(format!(
            "{shown} fetches a binary, and is compiled with {lacking} where that can't be had"
        ));
    }
    let compiled_libraries: &[String] = if row.native == "compiles" { &row.runtime_libraries } else { &[] };
    for libraries in [compiled_libraries, &row.runtime_system] {
        if let Some(package) = look.gap.library_package(libraries, install.installed) {
            let has_not = look.has_not(package);
            look.block(line, format!("{shown} loads a library of {package}, {has_not}"));
        }
    }
    // Tools for development are called by scripts, which are looked at themselves.
    if row.dev_only_use || named.development {
        return;
    }
    for name in &row.runtime_commands {
        if look.gap.command(name, install.installed).is_some() {
            let has_not = look.has_not(name);
            look.block(line, format!("{shown} calls {name}, {has_not}"));
        }
    }
}

/// Whether a version is fetched from a repository, for which npm calls git (npm documentation, package.json, Git URLs).
fn is_repository(range: &str) -> bool {
    ["git+", "git:", "git@", "github:", "gitlab:", "bitbucket:", "gist:"]
        .iter()
        .any(|start| range.starts_with(start))
        || range.ends_with(".git")
        || range.contains('/') && !range.contains(':') && !range.starts_with(['@', '.', '/', '~'])
}

fn repository(look: &mut Look<'_>, install: Install<'_>, line: usize, what: &str) {
    if !install.elsewhere && look.gap.command("git", install.installed).is_some() {
        let has_not = look.has_not("git");
        look.block(line, format!("{what} comes from a repository, for which git is called, {has_not}"));
    } else {
        look.doubt(format!("{what} comes from a repository, and what it installs is not looked at"));
    }
}
