//! npm, Yarn, pnpm and Bun.

use super::needs::{
    Origin, add_manifests, crossing, excluded, is_global, origin, project_folder, written_over,
};
use super::python::shown;
use crate::catalog::sources::{Crossing, Need, Reading, Scene};
use crate::context::BuildContext;
use crate::facts::PackageCommand;
use crate::knowledge::NODE_PACKAGES;
use crate::plan::BadManifest;
use crate::project::join_context;
use crate::project::node::Package;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::Value;

/// Each member of a workspace is a COPY of its own: more are no longer a file that a person reads.
const MOST_MEMBERS: usize = 24;

pub(super) fn look(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    if is_global(command) {
        return global(scene, command);
    }
    let Some(folder) = project_folder(scene, command, &["--prefix", "-C", "--dir", "--cwd"]) else {
        return Reading::Sources("the folder of the project is not known".to_owned());
    };
    if command.computed {
        return Reading::Sources("what is installed is only known to the build".to_owned());
    }
    let mut crossing = crossing(command);
    let image = format!("{}/package.json", folder.trim_end_matches('/'));
    let path = match origin(scene, &image) {
        Origin::Moved(path) | Origin::Kept(path) => path,
        Origin::Excluded(path) => return excluded(&path),
        Origin::Elsewhere => return Reading::Sources("its package.json is not copied".to_owned()),
    };
    if !command.operands.is_empty() {
        return Reading::Obstacle(format!(
            "`{}` adds to package.json, which is copied: name the package there",
            shown(command)
        ));
    }
    add_manifests(scene, &folder, &mut crossing);
    let Some(context) = scene.situation.context else {
        crossing.unproven = Some(
            "the build context is not known: package.json may have workspaces, paths of the project, or scripts that run when it is installed"
                .to_owned(),
        );
        return Reading::Install(Box::new(crossing));
    };
    let context_folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let package = match Package::of(context, context_folder) {
        Some(Ok(package)) => package,
        Some(Err(bad)) => return Reading::Broken(bad),
        None => return Reading::Sources("its package.json is not copied".to_owned()),
    };
    let scripts = !command.options.iter().any(|option| {
        option.name == "--ignore-scripts"
            || option.name == "--mode" && option.value.as_deref() == Some("skip-build")
    });
    let members = match members(context, context_folder, &package) {
        Ok(members) => members,
        Err(bad) => return Reading::Broken(bad),
    };
    if let Some(refusal) = project_obstacle(context, context_folder, &package, &crossing, scripts) {
        return refusal;
    }
    if let Some(refusal) = package_obstacle(context, &path, &package, !members.is_empty(), scripts) {
        return refusal;
    }
    if let Some(refusal) = written_over(scene, &crossing, &folder) {
        return refusal;
    }
    if members.len() > MOST_MEMBERS {
        return Reading::Obstacle(format!(
            "{path} has {} workspaces, each of which would need a COPY of its own",
            members.len()
        ));
    }
    for member in &members {
        if let Some(refusal) =
            add_member(scene, context, (&folder, context_folder), member, scripts, &mut crossing)
        {
            return refusal;
        }
    }
    crossing.evidence.push(match scripts {
        true => {
            format!("{path} runs no script during an installation, and depends on no path of the project")
        }
        false => format!("{path} depends on no path of the project"),
    });
    Reading::Install(Box::new(crossing))
}

/// `npm install -g NAME`: npm looks at no file of the project then (npm documentation, config, `global`).
/// The others read settings in the working directory.
fn global(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    let names_only = command.operands.iter().all(|&at| {
        let word = &command.simple.words[at];
        let text = word.literal.as_deref().unwrap_or(&word.raw);
        !text.starts_with(['.', '/', '~', '$']) && !text.contains("file:")
    });
    if !names_only || command.operands.is_empty() {
        return Reading::Sources(format!("`{}` installs what is copied", shown(command)));
    }
    let settings = [".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"].iter().any(|name| {
        let Some(folder) = scene.folder else { return true };
        let image = format!("{}/{name}", folder.trim_end_matches('/'));
        match scene.situation.context {
            Some(context) => scene.moved.iter().any(|copied| copied.provides(context, &image).is_some()),
            None => scene.moved.iter().any(|copied| copied.context_path(&image).is_some()),
        }
    });
    if command.manager.id != "npm" && settings {
        return Reading::Sources("it may read settings that are copied".to_owned());
    }
    Reading::Nothing
}

/// What the root of a project has that keeps it from being installed alone.
fn project_obstacle(
    context: &BuildContext,
    folder: &str,
    package: &Package,
    crossing: &Crossing,
    scripts: bool,
) -> Option<Reading> {
    let obstacle = |text: String| Some(Reading::Obstacle(text));
    let file = |name: &str| join_context(folder, name).filter(|path| context.contains(path));
    let text = |name: &str| file(name).and_then(|path| context.text(&path)).unwrap_or_default();
    if let Some(path) = file("binding.gyp").filter(|_| scripts) {
        return obstacle(format!("{path} is built during the installation"));
    }
    if crossing.manager.id == "pnpm"
        && (package.has_patches() || text("pnpm-workspace.yaml").contains("patchedDependencies"))
    {
        return obstacle("pnpm applies patches of the project during the installation".to_owned());
    }
    if crossing.manager.id == "yarn" {
        let settings = text(".yarnrc");
        if settings.contains("offline-mirror") {
            return obstacle(".yarnrc names an offline mirror of the project".to_owned());
        }
        let manifest = text("package.json");
        if manifest.split("patch:").skip(1).any(|rest| {
            let reference = rest.split('"').next().unwrap_or_default();
            reference.contains('#') && !reference.contains(".yarn/patches")
        }) {
            return obstacle("package.json names patches outside .yarn/patches".to_owned());
        }
    } else if package.has_patches() && crossing.manager.id != "pnpm" {
        return obstacle("package.json names patches of the project".to_owned());
    }
    None
}

/// What a `package.json` says that needs the sources during an installation.
fn package_obstacle(
    context: &BuildContext,
    path: &str,
    package: &Package,
    in_workspace: bool,
    scripts: bool,
) -> Option<Reading> {
    let obstacle = |text: String| Some(Reading::Obstacle(text));
    if scripts && let Some((name, script)) = package.lifecycle().next() {
        return obstacle(format!(
            "{path} runs `{script}` as its {name} script during the installation, which may need the sources"
        ));
    }
    let mut local = package.local().filter(|(_, range)| !(in_workspace && range.starts_with("workspace:")));
    if let Some((name, range)) = local.next() {
        return obstacle(format!("{path} depends on a path of the project ({name}: {range})"));
    }
    let text = context.text(path).unwrap_or_default();
    if let Some(kind) = ["\"file:", "\"link:", "\"portal:"].iter().find(|kind| text.contains(**kind)) {
        return obstacle(format!("{path} names a path of the project ({}…)", kind.trim_start_matches('"')));
    }
    if !scripts {
        return None;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let reads = package.all().find_map(|(name, _)| {
        let row = NODE_PACKAGES.package.iter().find(|row| row.name == name)?;
        let file = row
            .install_reads
            .iter()
            .find_map(|file| join_context(folder, file).filter(|path| context.contains(path)))?;
        Some((name.to_owned(), file))
    });
    let (name, file) = reads?;
    if file == path {
        obstacle(format!("{name} looks at the project when it is installed"))
    } else {
        obstacle(format!("{name} reads {file} when it is installed"))
    }
}

/// A member of a workspace: its `package.json` is a manifest, too.
fn add_member(
    scene: Scene<'_>,
    context: &BuildContext,
    (folder, context_folder): (&str, &str),
    member: &str,
    scripts: bool,
    crossing: &mut Crossing,
) -> Option<Reading> {
    let path = format!("{member}/package.json");
    let package = match Package::of(context, member) {
        Some(Ok(package)) => package,
        Some(Err(bad)) => return Some(Reading::Broken(bad)),
        None => return None,
    };
    if let Some(refusal) = package_obstacle(context, &path, &package, true, scripts) {
        return Some(refusal);
    }
    if context.text(&path).is_some_and(|text| text.contains("\"bin\"")) {
        return Some(Reading::Obstacle(format!(
            "{path} has a `bin`, which is only linked where its file is there during the installation"
        )));
    }
    let rest = match context_folder {
        "" => member,
        _ => member.strip_prefix(context_folder).map_or(member, |rest| rest.trim_start_matches('/')),
    };
    let image_folder = format!("{}/{rest}", folder.trim_end_matches('/'));
    if let Some(refusal) = written_over(scene, crossing, &image_folder) {
        return Some(refusal);
    }
    let image = format!("{image_folder}/package.json");
    match origin(scene, &image) {
        Origin::Moved(found) if found == path => crossing.needs.push(Need { image, context: found }),
        Origin::Kept(found) if found == path => {}
        _ => {
            return Some(Reading::Obstacle(format!("{path} is a workspace that is not copied to its place")));
        }
    }
    None
}

/// Folders of the context that are members of the workspace whose root is `folder`.
fn members(context: &BuildContext, folder: &str, package: &Package) -> Result<Vec<String>, BadManifest> {
    let mut globs: Vec<String> = package.workspaces().into_iter().map(str::to_owned).collect();
    let workspace = join_context(folder, "pnpm-workspace.yaml").unwrap_or_default();
    if context.contains(&workspace) {
        let text = context.text(&workspace).unwrap_or_default();
        let value: Value = serde_saphyr::from_str(&text).map_err(|error| BadManifest {
            path: workspace.clone(),
            message: error.to_string(),
            position: None,
        })?;
        let listed = value.get("packages").and_then(Value::as_array).into_iter().flatten();
        globs.extend(listed.filter_map(|glob| glob.as_str().map(str::to_owned)));
    }
    if globs.is_empty() {
        return Ok(Vec::new());
    }
    let (without, with): (Vec<&String>, Vec<&String>) = globs.iter().partition(|glob| glob.starts_with('!'));
    let (with, without) = (set(with), set(without));
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let found = context.under(folder).filter_map(|(path, _)| {
        let member = path.strip_suffix("/package.json")?;
        let rest = member.strip_prefix(&prefix)?;
        let inside = with.is_match(rest)
            && !without.is_match(rest)
            && !rest.split('/').any(|part| part == "node_modules");
        inside.then(|| member.to_owned())
    });
    Ok(found.collect())
}

fn set(globs: Vec<&String>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        let pattern = glob.trim_start_matches('!').trim_start_matches("./").trim_end_matches('/');
        if let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() {
            builder.add(glob);
        }
    }
    builder.build().unwrap_or_default()
}
