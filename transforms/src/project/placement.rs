//! Where the files of the build context lie in the image.

use super::join_context;
use crate::facts::join;
use crate::plan::Situation;
use dfix_syntax::{Kind, Transfer};

/// The path in the build context of the file that lies at `image_path` (absolute) when the instruction at
/// `at` runs, by the COPYs and ADDs of its stage. `None` where none of them brings it, or where that is not
/// certain: another stage, a here-document, a variable without a value, `--parents`.
#[must_use]
pub fn source_of(situation: Situation<'_>, at: usize, image_path: &str) -> Option<String> {
    let context = situation.context?;
    let stage = situation.facts.at(at).stage?;
    let start = situation.facts.stages[stage].stage.instructions.start;
    (start..at).rev().find_map(|copy| {
        sources_for(situation, copy, image_path)?.into_iter().find(|path| context.contains(path))
    })
}

/// The folder of the build context whose files lie in `image_folder` (absolute) when the instruction at `at`
/// runs, told by one of its files.
#[must_use]
pub fn folder_of(situation: Situation<'_>, at: usize, image_folder: &str, file: &str) -> Option<String> {
    let source = source_of(situation, at, &format!("{}/{file}", image_folder.trim_end_matches('/')))?;
    source.strip_suffix(file).map(|folder| folder.trim_end_matches('/').to_owned())
}

/// What a COPY or ADD at `copy` would have to read to write `image_path`: one path for each source that could.
/// `None` for another instruction, and for one whose paths are not certain.
fn sources_for(situation: Situation<'_>, copy: usize, image_path: &str) -> Option<Vec<String>> {
    let instruction = &situation.tree.instructions[copy];
    let (Kind::Copy(transfer) | Kind::Add(transfer)) = instruction.kind() else { return None };
    if instruction.flag("from").is_some() || instruction.flags().iter().any(|flag| flag.name == "parents") {
        return None;
    }
    let place = situation.facts.at(copy);
    let stage = place.stage?;
    let expanded = |text: &str| situation.facts.expand_at(stage, copy, text);
    let written = expanded(&transfer.destination.raw)?;
    let destination = join(place.workdir.as_deref(), &written)?;
    let into_folder = is_folder(&written, transfer);
    let mut found = Vec::new();
    for source in transfer.files() {
        let source = expanded(&source.raw)?;
        if source.contains("://") {
            continue;
        }
        found.extend(source_for(situation, &source, &destination, into_folder, image_path));
    }
    Some(found)
}

/// Whether sources go into the destination, rather than becoming it.
fn is_folder(written: &str, transfer: &Transfer) -> bool {
    written.ends_with('/')
        || transfer.sources.len() > 1
        || matches!(written.rsplit('/').next(), Some("." | ".."))
}

fn source_for(
    situation: Situation<'_>,
    source: &str,
    destination: &str,
    into_folder: bool,
    image_path: &str,
) -> Option<String> {
    let context = situation.context?;
    let below = |folder: &str, path: &str| -> Option<String> {
        let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    if source.contains(['*', '?', '[']) {
        // Each match keeps its own name; folders among them are emptied out.
        let name = below(destination, image_path).filter(|name| !name.is_empty())?;
        let matcher =
            globset::GlobBuilder::new(source.trim_start_matches(['.', '/'])).literal_separator(true).build();
        let matcher = matcher.ok()?.compile_matcher();
        let folder = source.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = join_context(folder, &name)?;
        return matcher.is_match(&path).then_some(path);
    }
    let source = join_context("", source.trim_start_matches('/'))?;
    if source.is_empty() || context.has_folder(&source) {
        let rest = below(destination, image_path)?;
        return join_context(&source, &rest);
    }
    let name = source.rsplit('/').next().unwrap_or(&source);
    let target = match into_folder {
        true => format!("{}/{name}", destination.trim_end_matches('/')),
        false => destination.to_owned(),
    };
    (target == image_path).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BuildContext, Facts, Options, Style};
    use dfix_syntax::Dockerfile;

    fn found(copies: &str, path: &str) -> Option<String> {
        let tree = Dockerfile::parse(&format!("FROM node:18\nARG DIR=web\nWORKDIR /app\n{copies}\nRUN x\n"))
            .unwrap();
        let facts = Facts::of(&tree);
        let context = BuildContext::of_texts([
            ("package.json", ""),
            ("package-lock.json", ""),
            ("web/package.json", ""),
            ("web/src/a.js", ""),
        ]);
        let (options, style) = (Options::default(), Style::of(&tree));
        let situation = Situation {
            tree: &tree,
            facts: &facts,
            context: Some(&context),
            options: &options,
            style: &style,
        };
        source_of(situation, tree.instructions.len() - 1, path)
    }

    #[test]
    fn follows_copies() {
        let cases = [
            ("COPY . .", "/app/package.json", Some("package.json")),
            ("COPY ./ /app/", "/app/web/src/a.js", Some("web/src/a.js")),
            ("COPY . /srv", "/app/package.json", None),
            ("COPY web .", "/app/package.json", Some("web/package.json")),
            ("COPY web/ ./x/", "/app/x/src/a.js", Some("web/src/a.js")),
            ("COPY package*.json ./", "/app/package-lock.json", Some("package-lock.json")),
            ("COPY web/package*.json ./", "/app/package.json", Some("web/package.json")),
            ("COPY package.json /app/", "/app/package.json", Some("package.json")),
            ("COPY package.json p.json", "/app/p.json", Some("package.json")),
            ("COPY --from=x . .", "/app/package.json", None),
            ("COPY $DIR .", "/app/package.json", Some("web/package.json")),
            ("COPY $NONE/x .", "/app/package.json", None),
            ("COPY web .\nCOPY package.json .", "/app/package.json", Some("package.json")),
            ("ADD [\".\", \"/app\"]", "/app/package.json", Some("package.json")),
        ];
        for (copies, path, expected) in cases {
            assert_eq!(found(copies, path).as_deref(), expected, "{copies} {path}");
        }
    }
}
