//! What an installation reads of the sources.

use super::{conda, node, python};
use crate::catalog::sources::{Copied, Crossing, NEAR, Need, Reading, Scene};
use crate::facts::{Action, PackageCommand, join, package_commands};
use crate::project::join_context;

/// Where a file of the image comes from.
pub(super) enum Origin {
    /// A COPY that stays above brings this file of the context.
    Kept(String),
    /// A COPY that goes down brings it.
    Moved(String),
    /// `.dockerignore` keeps it from the COPY.
    Excluded(String),
    /// No COPY brings it.
    Elsewhere,
}

/// Looks at an installation.
pub(crate) fn look(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    match look_at(scene, command) {
        // Who copied the manifests on their own had a reason for what else stands above the installation.
        Reading::Install(one)
            if scene.situation.context.is_none() && one.needs.is_empty() && one.unproven.is_some() =>
        {
            Reading::Sources("its manifests are copied above, and nothing more is known of them".to_owned())
        }
        found => found,
    }
}

fn look_at(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    if installed_before(scene, command) {
        return Reading::Sources("it completes an installation above the COPY".to_owned());
    }
    match command.manager.id.as_str() {
        "pip" | "uv-pip" => python::pip(scene, command),
        "poetry" | "uv" => python::project(scene, command),
        "pipenv" => python::pipenv(scene, command),
        "conda" | "micromamba" => conda::look(scene, command),
        "npm" | "yarn" | "pnpm" | "bun" => node::look(scene, command),
        other => Reading::Obstacle(format!("what {other} reads when it installs is not known well enough")),
    }
}

/// Whether the dependencies have been installed above the first COPY that goes down, so that this command
/// adds what only the sources have.
fn installed_before(scene: Scene<'_>, command: &PackageCommand<'_>) -> bool {
    let (tree, facts) = (scene.situation.tree, scene.situation.facts);
    let Some(stage) = facts.at(scene.at).stage else { return false };
    let Some(end) = scene.moved.first().map(|copied| copied.at) else { return false };
    let start = facts.stages[stage].stage.instructions.start.max(end.saturating_sub(NEAR));
    let by_project = !command.manager.needs.is_empty();
    by_project
        && tree.instructions[start..end].iter().filter_map(|run| run.script()?.ok()).any(|script| {
            package_commands(script).iter().any(|earlier| {
                earlier.is(&command.manager.id, Action::Install)
                    && earlier.operands.is_empty()
                    && !is_global(earlier)
            })
        })
}

/// Whether a command installs for the whole system and not for a project.
pub(super) fn is_global(command: &PackageCommand<'_>) -> bool {
    command.options.iter().any(|option| {
        matches!(option.name.as_str(), "-g" | "--global" | "--location")
            && option.value.as_deref() != Some("project")
    })
}

/// Where a file of the image comes from.
pub(super) fn origin(scene: Scene<'_>, image: &str) -> Origin {
    let context = scene.situation.context;
    let mut all: Vec<(&Copied, bool)> = scene
        .kept
        .iter()
        .map(|copied| (copied, false))
        .chain(scene.moved.iter().map(|c| (c, true)))
        .collect();
    all.sort_by_key(|(copied, _)| std::cmp::Reverse(copied.at));
    if context.is_none()
        && let Some((path, _)) =
            scene.kept.iter().flat_map(Copied::places).find(|(_, target)| target == image)
    {
        // A folder may hold the file, too, but this COPY is known to.
        return Origin::Kept(path);
    }
    let found = all.iter().find_map(|(copied, moved)| {
        let path = match context {
            Some(context) => copied.provides(context, image),
            None => copied.context_path(image),
        };
        Some((path?, *moved))
    });
    match found {
        // The same file is there already.
        Some((path, true))
            if scene.kept.iter().any(|copied| copied.context_path(image).as_deref() == Some(&path)) =>
        {
            Origin::Kept(path)
        }
        Some((path, true)) => Origin::Moved(path),
        Some((path, false)) => Origin::Kept(path),
        None => all
            .iter()
            .filter_map(|(copied, _)| copied.context_path(image))
            .find(|path| context.is_some_and(|context| context.is_excluded(path)))
            .map_or(Origin::Elsewhere, Origin::Excluded),
    }
}

/// The refusal for a file that `.dockerignore` keeps away.
pub(super) fn excluded(path: &str) -> Reading {
    Reading::Obstacle(format!("{path} is not copied, because .dockerignore excludes it"))
}

/// A crossing without needs yet.
pub(super) fn crossing(command: &PackageCommand<'_>) -> Crossing {
    Crossing {
        manager: command.manager,
        needs: Vec::new(),
        evidence: Vec::new(),
        unproven: None,
        first_with: None,
    }
}

/// The folder of the project: the value of one of `options`, or the working directory.
pub(super) fn project_folder(
    scene: Scene<'_>,
    command: &PackageCommand<'_>,
    options: &[&str],
) -> Option<String> {
    let Some(option) = command.values(options).last() else { return scene.folder.map(str::to_owned) };
    join(scene.folder, option.value.as_deref()?)
}

/// The manifests in a folder of the image that a manager reads: those that the context holds, or where it
/// isn't known, what to copy in any case. Adds those that a COPY which goes down brings.
pub(super) fn add_manifests(scene: Scene<'_>, folder: &str, crossing: &mut Crossing) {
    let known = scene.situation.context.is_some();
    let names = if known { &crossing.manager.manifests } else { &crossing.manager.unseen };
    for name in names {
        let image = format!("{}/{name}", folder.trim_end_matches('/'));
        if let Origin::Moved(context) = origin(scene, &image) {
            crossing.needs.push(Need { image, context });
        }
    }
}

/// A folder beside the manifests that the install writes and the COPY would write over.
pub(super) fn written_over(scene: Scene<'_>, crossing: &Crossing, folder: &str) -> Option<Reading> {
    let context = scene.situation.context?;
    crossing.manager.writes.iter().find_map(|name| {
        let image = format!("{}/{name}", folder.trim_end_matches('/'));
        let path = scene.moved.iter().find_map(|copied| copied.provides(context, &image))?;
        Some(Reading::Obstacle(format!(
            "the build context has {path}, which the COPY would put over what is installed: add it to .dockerignore"
        )))
    })
}

/// The image path of a file of the context that lies as far from another one as it does in the context.
pub(super) fn beside(image: &str, context: &str, other: &str) -> Option<String> {
    let folder = context.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut up = String::new();
    let mut base = folder;
    loop {
        let rest = match base {
            "" => Some(other),
            _ => other.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')),
        };
        if let Some(rest) = rest {
            let image_folder = image.rsplit_once('/').map_or("", |(folder, _)| folder);
            return join_context(image_folder, &format!("{up}{rest}")).map(|path| format!("/{path}"));
        }
        up.push_str("../");
        base = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    }
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn finds_the_place_of_a_file_beside_another() {
        let at = |context, other| beside("/app/requirements/dev.txt", context, other);
        assert_eq!(
            at("requirements/dev.txt", "requirements/base.txt").as_deref(),
            Some("/app/requirements/base.txt")
        );
        assert_eq!(at("requirements/dev.txt", "base.txt").as_deref(), Some("/app/base.txt"));
        assert_eq!(at("api/requirements/dev.txt", "lib/x.txt"), Some("/lib/x.txt".to_owned()));
    }
}
