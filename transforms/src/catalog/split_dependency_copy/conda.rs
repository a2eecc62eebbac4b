//! conda, mamba and micromamba.

use super::needs::{Origin, crossing, excluded, origin};
use super::python::{add_files, refusal};
use crate::catalog::sources::{Need, Reading, Scene};
use crate::facts::{PackageCommand, join};
use crate::plan::BadManifest;
use crate::project::python::Requirements;
use serde_json::Value;

pub(super) fn look(scene: Scene<'_>, command: &PackageCommand<'_>) -> Reading {
    let mut files: Vec<Option<&str>> =
        command.values(&["-f", "--file"]).map(|option| option.value.as_deref()).collect();
    let action = command.operand_values().next().flatten();
    if command.verb() == "env" {
        match action {
            Some("create" | "update") if files.is_empty() => files.push(Some("environment.yml")),
            Some("create" | "update") => {}
            _ => return Reading::Nothing,
        }
    }
    let mut crossing = crossing(command);
    for file in files {
        let Some(file) = file else {
            return Reading::Sources("what is installed is only known to the build".to_owned());
        };
        if file.contains("://") {
            continue;
        }
        let Some(image) = join(scene.folder, file) else {
            return Reading::Sources("the working directory is not known".to_owned());
        };
        let (path, moved) = match origin(scene, &image) {
            Origin::Moved(path) => (path, true),
            Origin::Kept(path) => (path, false),
            Origin::Excluded(path) => return excluded(&path),
            Origin::Elsewhere => {
                return Reading::Sources(format!("{file} does not come from the build context"));
            }
        };
        let mut all = Requirements { files: vec![path.clone()], ..Requirements::default() };
        match scene.situation.context {
            None => {
                crossing.unproven = Some(format!(
                    "the build context is not known: {path} may name other files or the project itself"
                ));
                if moved {
                    crossing.needs.push(Need { image, context: path });
                }
                continue;
            }
            Some(context) => {
                let text = context.text(&path).unwrap_or_default();
                if path.ends_with(".yml") || path.ends_with(".yaml") {
                    let lines = match pip_lines(&path, &text) {
                        Ok(lines) => lines,
                        Err(bad) => return Reading::Broken(bad),
                    };
                    all.add_lines(context, &path, lines.iter().map(String::as_str));
                } else if text.lines().any(|line| line.starts_with(['/', '.'])) {
                    return Reading::Obstacle(format!("{path} names a path of the project"));
                }
            }
        }
        if let Some(refusal) = refusal(&all).or_else(|| add_files(scene, &image, &path, &all, &mut crossing))
        {
            return refusal;
        }
    }
    if crossing.needs.is_empty() && crossing.evidence.is_empty() && crossing.unproven.is_none() {
        return Reading::Nothing;
    }
    Reading::Install(Box::new(crossing))
}

/// The lines that an environment file hands to pip (conda documentation, Creating an environment file manually).
fn pip_lines(path: &str, text: &str) -> Result<Vec<String>, BadManifest> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| BadManifest {
        path: path.to_owned(),
        message: error.to_string(),
        position: None,
    })?;
    let dependencies = value.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    Ok(dependencies
        .filter_map(|dependency| dependency.get("pip")?.as_array())
        .flatten()
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect())
}
