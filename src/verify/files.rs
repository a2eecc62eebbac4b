//! The files of two images: what is gone, new, changed, and whether the application's own are all there.

use super::config::chain;
use super::image::Image;
use super::outcome::{Check, Checks, FileDifference, Problem};
use super::tree::{Entry, Kind as Node, Tree};
use dfix_syntax::{Dockerfile, Kind};
use dfix_transforms::knowledge::{BUILD_TOOLS, FILE_KINDS};
use dfix_transforms::{Effect, Outcome, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// How many paths are named in a message.
const NAMED: usize = 4;

/// Compares the files of two images, and notes it among the checks.
pub fn compare(
    before: &Image,
    after: &Image,
    plan: &Plan,
    targets: (usize, usize),
    checks: &mut Checks,
) -> Vec<Problem> {
    let own = own_files(before, &plan.original, targets.0);
    if own.is_none() {
        checks.notes.push(
            "which files are the application's own could not be told from the history of the image"
                .to_owned(),
        );
    }
    let own = own.unwrap_or_default();
    checks.files = by_kind(&before.tree, &after.tree, &own);
    checks.packages = (packages(&before.tree), packages(&after.tree));
    own_problems(&own, before, after, plan, targets.1, checks)
}

/// A file of the application: as it was copied, and by which instruction.
struct Own<'i> {
    copied: &'i Entry,
    instruction: usize,
}

/// The files that COPY and ADD brought from the build context, by path. `None` where the history of the image
/// does not fit the Dockerfile.
fn own_files<'i>(image: &'i Image, tree: &Dockerfile, target: usize) -> Option<BTreeMap<&'i str, Own<'i>>> {
    let mut own = BTreeMap::new();
    for (instruction, layer) in layers_of(image, tree, target)? {
        let (Kind::Copy(_) | Kind::Add(_)) = tree.instructions[instruction].kind() else { continue };
        if tree.instructions[instruction].flag("from").is_some() {
            continue;
        }
        for (path, copied) in image.layers.get(layer)?.files() {
            if !matches!(copied.kind, Node::Folder) {
                own.insert(path, Own { copied, instruction });
            }
        }
    }
    Some(own)
}

/// How many layers an image has of its base image. `None` where its history does not fit the Dockerfile.
pub fn base_layers(image: &Image, tree: &Dockerfile, target: usize) -> Option<usize> {
    let first = image.history.len().checked_sub(chain(tree, target).len())?;
    Some(image.history.get(..first)?.iter().filter(|entry| !entry.empty_layer).count())
}

/// Which layer an instruction made. Builders write one entry of the history for each instruction.
fn layers_of(image: &Image, tree: &Dockerfile, target: usize) -> Option<Vec<(usize, usize)>> {
    let chain = chain(tree, target);
    let first = image.history.len().checked_sub(chain.len())?;
    let mut layer = base_layers(image, tree, target)?;
    let mut found = Vec::new();
    for (&at, entry) in chain.iter().zip(&image.history[first..]) {
        let keyword = tree.instructions[at].keyword();
        let is_run = matches!(tree.instructions[at].kind(), Kind::Run(_));
        if !is_run && !entry.created_by.contains(keyword.as_str()) {
            return None;
        }
        if !entry.empty_layer {
            found.push((at, layer));
            layer += 1;
        }
    }
    Some(found)
}

fn own_problems(
    own: &BTreeMap<&str, Own<'_>>,
    before: &Image,
    after: &Image,
    plan: &Plan,
    target: usize,
    checks: &mut Checks,
) -> Vec<Problem> {
    let kept: BTreeSet<String> = chain(&plan.result, target)
        .into_iter()
        .map(|at| plan.result.instructions[at].logical().text.clone())
        .collect();
    let applied = || plan.with_outcome(Outcome::Applied);
    let splits =
        applied().any(|step| step.effects.iter().any(|effect| matches!(effect, Effect::Split { .. })));
    let owners = applied().any(|step| step.effects.iter().any(speaks_of_owners));
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, file) in own {
        // What a later instruction removed is not missed.
        let Some(was) = before.tree.entries.get(*path) else { continue };
        let Some(is) = after.tree.entries.get(*path) else {
            let text = &plan.original.instructions[file.instruction].logical().text;
            if splits && !kept.contains(text) {
                checks.own_files_left_behind.push((*path).to_owned());
            } else {
                lists.entry("missing").or_default().push(path);
            }
            continue;
        };
        if is.kind != was.kind && is.kind != file.copied.kind {
            lists.entry("different").or_default().push(path);
        } else if (is.uid, is.gid) != (was.uid, was.gid) && !owners {
            lists.entry("owned by someone else").or_default().push(path);
        } else if is.mode & 0o7777 != was.mode & 0o7777 && !owners {
            lists.entry("there with other permissions").or_default().push(path);
        } else {
            checks.own_files += 1;
        }
    }
    lists
        .into_iter()
        .map(|(what, paths)| {
            let shown = paths.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if paths.len() > NAMED {
                format!(" and {} more", paths.len() - NAMED)
            } else {
                String::new()
            };
            let verb = if paths.len() == 1 { "is" } else { "are" };
            Problem::new(Check::Files, format!("{shown}{more} {verb} {what}; no step declared that"))
        })
        .collect()
}

/// Whether an effect is about owners or permissions of files.
fn speaks_of_owners(effect: &Effect) -> bool {
    let speaks =
        |text: &str| ["chown", "chmod", "USER ", "useradd", "adduser"].iter().any(|word| text.contains(word));
    match effect {
        Effect::Added(text) | Effect::Removed(text) => speaks(text),
        Effect::Rewritten { from, to } => speaks(from) || speaks(to),
        _ => false,
    }
}

/// What is gone, new and changed, by kind.
fn by_kind(before: &Tree, after: &Tree, own: &BTreeMap<&str, Own<'_>>) -> BTreeMap<String, FileDifference> {
    let mut kinds: BTreeMap<String, FileDifference> = BTreeMap::new();
    for (path, was) in before.entries.iter().filter(|(_, entry)| !matches!(entry.kind, Node::Folder)) {
        match after.entries.get(path) {
            None => {
                let kind = kinds.entry(kind_of(path, own).to_owned()).or_default();
                kind.gone += 1;
                kind.gone_bytes += was.size();
            }
            Some(is) if differs(was, is) => {
                kinds.entry(kind_of(path, own).to_owned()).or_default().changed += 1;
            }
            Some(_) => {}
        }
    }
    for (path, is) in after.entries.iter().filter(|(_, entry)| !matches!(entry.kind, Node::Folder)) {
        if !before.entries.contains_key(path) {
            let kind = kinds.entry(kind_of(path, own).to_owned()).or_default();
            kind.new += 1;
            kind.new_bytes += is.size();
        }
    }
    kinds
}

fn differs(was: &Entry, is: &Entry) -> bool {
    was.kind != is.kind || was.mode & 0o7777 != is.mode & 0o7777 || (was.uid, was.gid) != (is.uid, is.gid)
}

/// What a file is for.
fn kind_of(path: &str, own: &BTreeMap<&str, Own<'_>>) -> &'static str {
    if own.contains_key(path) {
        return "application";
    }
    let command = ["/usr/bin/", "/bin/", "/usr/sbin/"].iter().find_map(|folder| path.strip_prefix(folder));
    let built_with = |name: &str| {
        BUILD_TOOLS.package.iter().any(|package| package.commands.iter().any(|command| command == name))
    };
    if command.is_some_and(built_with) {
        return "toolchain";
    }
    for row in &FILE_KINDS.kind {
        let under = row.under.iter().any(|folder| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
        });
        let inside = row.inside.iter().any(|name| path.contains(&format!("/{name}/")));
        let ends = row.ends.iter().any(|end| path.ends_with(end.as_str()));
        if under || inside || ends {
            return &row.name;
        }
    }
    "other"
}

/// Packages of languages that are installed: folders with the metadata of one.
fn packages(tree: &Tree) -> usize {
    tree.entries
        .keys()
        .filter(|path| {
            path.ends_with(".dist-info/METADATA")
                || path.strip_suffix("/package.json").is_some_and(|folder| {
                    let mut parts = folder.rsplit('/');
                    let name = parts.next().is_some_and(|name| !name.is_empty());
                    let holder = parts.next();
                    let scoped = holder.is_some_and(|scope| scope.starts_with('@'));
                    name && (holder == Some("node_modules") || scoped && parts.next() == Some("node_modules"))
                })
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tree::tests::{file, tree};

    #[test]
    fn knows_what_a_file_is_for() {
        let kind = |path| kind_of(path, &BTreeMap::new());
        assert_eq!(kind("/root/.cache/pip/x"), "caches");
        assert_eq!(kind("/var/lib/apt/lists/x"), "package indexes");
        assert_eq!(kind("/usr/share/doc/gcc/x"), "documentation");
        assert_eq!(kind("/usr/include/x.h"), "toolchain");
        assert_eq!(kind("/usr/bin/git"), "toolchain");
        assert_eq!(kind("/app/node_modules/a/index.js"), "dependencies");
        assert_eq!(kind("/usr/lib/x86_64-linux-gnu/libc.so.6"), "system");
    }

    #[test]
    fn counts_packages() {
        let tree = tree([
            ("/app/node_modules/a/package.json", file(), 0o644, 0),
            ("/app/node_modules/@s/b/package.json", file(), 0o644, 0),
            ("/app/node_modules/a/lib/package.json", file(), 0o644, 0),
            ("/opt/venv/lib/python3.11/site-packages/a-1.dist-info/METADATA", file(), 0o644, 0),
        ]);
        assert_eq!(packages(&tree), 3);
    }
}
