//! pip, Poetry, uv and Pipenv.

use super::needs::{Origin, add_manifests, beside, crossing, excluded, origin, project_folder, written_over};
use crate::catalog::sources::{Crossing, Need, Reading, Scene};
use crate::facts::{PackageCommand, join};
use crate::project::python::{Place, Pyproject, Requirements, pipfile_local};

/// Options of `pip install` and `uv pip install` that name requirements files.
const FILES: &[&str] = &[
    "-r",
    "--requirement",
    "--requirements",
    "-c",
    "--constraint",
    "--constraints",
    "--override",
    "--overrides",
];

/// `pip install` and `uv pip install`.
pub(super) fn pip(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    let computed = || Reading::Sources("what is installed is only known to the build".to_owned());
    let build =
        |what: &str| Reading::Obstacle(format!("`{}` installs {what} from the sources", shown(command)));
    for option in &command.options {
        let name = option.name.as_str();
        let Some(value) = option.value.as_deref() else {
            let computed_value = option.value_word.is_some();
            if computed_value
                && !FILES.contains(&name)
                && !command.manager.path_options.iter().any(|one| one == name)
            {
                continue;
            }
            // `-r$FILE`, `-rfile`
            if computed_value
                || name.starts_with("-r") && name != "-r"
                || name.starts_with("-c") && name != "-c"
            {
                return computed();
            }
            continue;
        };
        match name {
            "-e" | "--editable" if value.contains("://") => {
                return Reading::Sources(format!(
                    "`{}` puts its sources into the working directory",
                    shown(command)
                ));
            }
            "-e" | "--editable" => return build(value),
            "--group" => return Reading::Sources("a dependency group of the project".to_owned()),
            _ if command.manager.path_options.iter().any(|one| one == name)
                && !value.contains("://")
                && concerned(scene, value) =>
            {
                return Reading::Obstacle(format!("`{name} {value}` names a place that the COPY writes to"));
            }
            _ => {}
        }
    }
    for &operand in &command.operands {
        let word = &command.simple.words[operand];
        match &word.literal {
            Some(text) if is_path(text) => {
                if concerned(scene, text.split('[').next().unwrap_or(text)) {
                    return build(text);
                }
            }
            Some(_) => {}
            None if word.raw.trim_start_matches('"').starts_with(|c: char| c.is_ascii_alphanumeric()) => {}
            None => return computed(),
        }
    }
    let mut crossing = crossing(command);
    for option in command.values(FILES) {
        let Some(value) = option.value.as_deref() else { return computed() };
        if value.contains("://") {
            continue;
        }
        if let Some(refusal) = requirements(scene, value, &mut crossing) {
            return refusal;
        }
    }
    if crossing.needs.is_empty() && crossing.evidence.is_empty() && crossing.unproven.is_none() {
        return Reading::Nothing;
    }
    Reading::Install(Box::new(crossing))
}

/// A requirements file and all that it names.
fn requirements(scene: Scene<'_>, value: &str, crossing: &mut Crossing) -> Option<Reading> {
    let Some(image) = join(scene.folder, value) else {
        return Some(Reading::Sources("the working directory is not known".to_owned()));
    };
    let (path, moved) = match origin(scene, &image) {
        Origin::Moved(path) => (path, true),
        Origin::Kept(path) => (path, false),
        Origin::Excluded(path) => return Some(excluded(&path)),
        Origin::Elsewhere
            if scene.moved.iter().any(|copied| copied.concerns(scene.situation.context, &image)) =>
        {
            return Some(Reading::Obstacle(format!("{value} is not in the build context")));
        }
        Origin::Elsewhere => {
            return Some(Reading::Sources(format!("{value} does not come from the build context")));
        }
    };
    let Some(context) = scene.situation.context else {
        if moved {
            crossing.needs.push(Need { image, context: path.clone() });
        }
        crossing.unproven = Some(format!(
            "the build context is not known: {path} may name other files or the project itself (`-r`, `-e .`)"
        ));
        return None;
    };
    let all = Requirements::of(context, [path.as_str()]);
    if let Some(refusal) = refusal(&all) {
        return Some(refusal);
    }
    add_files(scene, &image, &path, &all, crossing)
}

/// Why a set of requirements files can't be installed from without the sources.
pub(super) fn refusal(all: &Requirements) -> Option<Reading> {
    if let Some(place) = all.local.first() {
        return Some(Reading::Obstacle(format!("{place} is installed from the sources")));
    }
    let place = all.missing.first()?;
    Some(Reading::Obstacle(format!("{place} is not in the build context")))
}

/// Adds requirements files as needs, at the places where those lie that name them.
pub(super) fn add_files(
    scene: Scene<'_>,
    image: &str,
    path: &str,
    all: &Requirements,
    crossing: &mut Crossing,
) -> Option<Reading> {
    for file in &all.files {
        let Some(place) = beside(image, path, file) else { continue };
        match origin(scene, &place) {
            Origin::Moved(found) if found == *file => {
                let need = Need { image: place, context: found };
                if !crossing.needs.contains(&need) {
                    crossing.needs.push(need);
                }
            }
            Origin::Kept(found) if found == *file => {}
            _ => return Some(Reading::Obstacle(format!("{file} is not copied to where {path} names it"))),
        }
    }
    if let Some(place) = all.unknown.first() {
        crossing.unproven = Some(format!("{place} could not be understood"));
    }
    crossing.evidence.push(format!(
        "{} name{} no path of the project",
        all.files.join(", "),
        if all.files.len() == 1 { "s" } else { "" }
    ));
    None
}

/// `poetry install` and `uv sync`.
pub(super) fn project(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    let poetry = command.manager.id == "poetry";
    let options = ["-C", "--directory", "-P", "--project"];
    let Some(folder) = project_folder(scene, command, &options) else {
        return Reading::Sources("the folder of the project is not known".to_owned());
    };
    let has = |name: &str| command.options.iter().any(|option| option.name == name);
    if ["--only-root", "--package", "--all-packages", "--script"].into_iter().any(has) {
        return Reading::Sources("it installs the project itself".to_owned());
    }
    let image = format!("{}/pyproject.toml", folder.trim_end_matches('/'));
    let without = has(&command.manager.without_project) || has("--no-install-workspace");
    let mut crossing = crossing(command);
    let path = match origin(scene, &image) {
        Origin::Moved(path) | Origin::Kept(path) => path,
        Origin::Excluded(path) => return excluded(&path),
        Origin::Elsewhere => return Reading::Sources("its pyproject.toml is not copied".to_owned()),
    };
    add_manifests(scene, &folder, &mut crossing);
    let Some(context) = scene.situation.context else {
        if !without {
            return Reading::Sources("it may install the project itself".to_owned());
        }
        crossing.unproven =
            Some("the build context is not known: pyproject.toml may name paths of the project".to_owned());
        return Reading::Install(Box::new(crossing));
    };
    let context_folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let pyproject = match Pyproject::of(context, context_folder) {
        Some(Ok(pyproject)) => pyproject,
        Some(Err(bad)) => return Reading::Broken(bad),
        None => return Reading::Sources("its pyproject.toml is not copied".to_owned()),
    };
    if let Some(place) = pyproject.local().first() {
        return local(place);
    }
    if let Some(refusal) = written_over(scene, &crossing, &folder) {
        return refusal;
    }
    crossing.evidence.push(format!("{path} names no path of the project"));
    if !without && pyproject.is_package() {
        let frozen = has("--frozen");
        if !poetry && !frozen && pyproject.get(&["project", "dynamic"]).is_some() {
            return Reading::Obstacle(format!(
                "{path} leaves part of its metadata to the build (`dynamic`), and `uv sync` without --frozen builds it"
            ));
        }
        crossing.first_with = Some(&command.manager.without_project);
        crossing.evidence.push(format!(
            "{path} describes a package, so the project itself is installed where it was, behind the COPY"
        ));
    }
    Reading::Install(Box::new(crossing))
}

/// `pipenv install` and `pipenv sync`.
pub(super) fn pipenv(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    let Some(folder) = scene.folder else {
        return Reading::Sources("the working directory is not known".to_owned());
    };
    if !command.operands.is_empty()
        || command.values(&["-e", "--editable", "-r", "--requirements"]).next().is_some()
    {
        return Reading::Obstacle(format!("`{}` changes the Pipfile", shown(command)));
    }
    let mut crossing = crossing(command);
    let path = match origin(scene, &format!("{}/Pipfile", folder.trim_end_matches('/'))) {
        Origin::Moved(path) | Origin::Kept(path) => path,
        Origin::Excluded(path) => return excluded(&path),
        Origin::Elsewhere => return Reading::Sources("its Pipfile is not copied".to_owned()),
    };
    add_manifests(scene, folder, &mut crossing);
    let Some(context) = scene.situation.context else {
        crossing.unproven =
            Some("the build context is not known: the Pipfile may name paths of the project".to_owned());
        return Reading::Install(Box::new(crossing));
    };
    let context_folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    match pipfile_local(context, context_folder) {
        Some(Ok(places)) => {
            if let Some(place) = places.first() {
                return local(place);
            }
        }
        Some(Err(bad)) => return Reading::Broken(bad),
        None => return Reading::Sources("its Pipfile is not copied".to_owned()),
    }
    if let Some(refusal) = written_over(scene, &crossing, folder) {
        return refusal;
    }
    crossing.evidence.push(format!("{path} names no path of the project"));
    Reading::Install(Box::new(crossing))
}

fn local(place: &Place) -> Reading {
    Reading::Obstacle(format!("{place} is installed from the sources"))
}

/// Whether a word may lie where a COPY that goes down writes.
fn concerned(scene: Scene<'_>, text: &str) -> bool {
    join(scene.folder, text)
        .is_none_or(|path| scene.moved.iter().any(|copied| copied.concerns(scene.situation.context, &path)))
}

/// Whether an operand of `pip install` is a path and no name (pip documentation, pip install, Argument Handling).
fn is_path(text: &str) -> bool {
    let bare = text.split('[').next().unwrap_or(text);
    !text.contains("://")
        && (bare.contains('/') && !bare.contains('@')
            || bare == "."
            || [".whl", ".tar.gz", ".zip"].iter().any(|end| bare.ends_with(end))
            || text.contains("file:"))
}

/// A command for a message.
pub(super) fn shown(command: &PackageCommand<'_>) -> String {
    command.simple.words.iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join(" ")
}
