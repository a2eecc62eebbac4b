//! How long builds take when something changed.

use super::folder::{self, Node};
use super::image::Image;
use super::outcome::Measures;
use super::session::Session;
use super::trouble::{Tried, Trouble};
use dfix_transforms::knowledge::PACKAGE_MANAGERS;
use std::fs;
use std::path::{Path, PathBuf};

/// How a comment is written, by the ends of names.
const COMMENTS: &[(&[&str], &str, &str)] = &[
    (&[".py", ".rb", ".sh", ".pl"], "# ", ""),
    (
        &[".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".cs", ".c", ".cpp"],
        "// ",
        "",
    ),
    (&[".css"], "/* ", " */"),
    (&[".html"], "<!-- ", " -->"),
];

/// Folders whose files are not what an application consists of.
const ASIDE: &[&str] =
    &["test", "tests", "spec", "docs", "examples", "node_modules", ".git", ".github", "scripts"];

/// A copy of the build context, to be edited.
pub struct Workshop<'s> {
    session: &'s Session<'s>,
    folder: PathBuf,
    source: Option<String>,
    manifest: Option<String>,
    edits: u32,
}

impl<'s> Workshop<'s> {
    /// Copies the build context.
    pub fn open(session: &'s Session<'s>, context: &Path, nodes: &[Node], original: &Image) -> Tried<Self> {
        let folder = session.path("context");
        folder::copy(context, nodes, &folder)?;
        let source = match &session.settings.edit {
            Some(named) => {
                if !folder.join(named).is_file() {
                    return Err(Trouble::Failed(format!(
                        "--edit {named}: the build context has no such file"
                    )));
                }
                Some(named.clone())
            }
            None => source(nodes, original),
        };
        Ok(Self { session, folder, source, manifest: manifest(nodes), edits: 0 })
    }

    /// The file that stands for the sources.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The file that stands for the dependencies.
    pub fn manifest(&self) -> Option<&str> {
        self.manifest.as_deref()
    }

    /// Times both rebuilds of what is tagged by `name`. What was built before has to be in the cache.
    pub fn measure(&mut self, name: &str, file: &Path, measures: &mut Measures) -> Tried<()> {
        if let Some(source) = self.source.clone() {
            // Each build gets an edit of its own: none finds what another one left in the cache.
            let (open, close) = comment(&source).unwrap_or_default();
            self.edits += 1;
            let line = format!("\n{open}edit {} of {}{close}\n", self.edits, self.session.id());
            measures.rebuild = self.rebuild(&source, &line, &format!("{name}-source"), file)?;
        }
        if let Some(manifest) = self.manifest.clone() {
            self.edits += 1;
            let line = blanks(&format!("{}{}", self.session.id(), self.edits));
            measures.rebuild_dependencies =
                self.rebuild(&manifest, &line, &format!("{name}-dependencies"), file)?;
        }
        Ok(())
    }

    /// Builds with a line added to a file, which is as it was afterwards.
    fn rebuild(&self, edited: &str, line: &str, name: &str, file: &Path) -> Tried<Option<f64>> {
        let path = self.folder.join(edited);
        let failed = |error| Trouble::io(&format!("{} can't be edited", path.display()), &error);
        let mut bytes = fs::read(&path).map_err(failed)?;
        let length = bytes.len();
        bytes.extend_from_slice(line.as_bytes());
        fs::write(&path, &bytes).map_err(failed)?;
        let built = self.session.build(name, file, &self.folder, false)?;
        fs::write(&path, &bytes[..length]).map_err(failed)?;
        Ok(built.ok().map(|took| took.as_secs_f64()))
    }
}

fn comment(path: &str) -> Option<(&'static str, &'static str)> {
    let row = COMMENTS.iter().find(|(ends, _, _)| ends.iter().any(|end| path.ends_with(end)));
    row.map(|(_, open, close)| (*open, *close))
}

/// A line of blanks that stands for a text, at the end of a file where blanks mean nothing.
fn blanks(text: &str) -> String {
    let bits = text.bytes().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    bits.map(|bit| if bit == 0 { ' ' } else { '\t' }).chain(['\n']).collect()
}

/// A source file that is in the image: one that the command names, else the largest.
fn source(nodes: &[Node], original: &Image) -> Option<String> {
    let command = original.config.command().join(" ");
    let started: Vec<&str> = command
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/')))
        .filter(|word| !word.is_empty())
        .collect();
    let names: std::collections::HashSet<&str> =
        original.tree.entries.keys().filter_map(|path| path.rsplit('/').next()).collect();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    nodes
        .iter()
        .filter(|node| node.is_file() && node.size > 0 && comment(&node.path).is_some())
        .filter(|node| !node.path.split('/').any(|part| ASIDE.contains(&part)))
        .filter(|node| !name(&node.path).contains(".config.") && !name(&node.path).contains(".test."))
        .filter(|node| !matches!(name(&node.path).as_str(), "setup.py" | "conftest.py" | "__init__.py"))
        .filter(|node| !node.path.ends_with(".d.ts") && names.contains(name(&node.path).as_str()))
        .max_by_key(|node| {
            let stem = node.path.rsplit_once('.').map_or(node.path.as_str(), |(stem, _)| stem);
            let named = started.iter().any(|word| *word == stem || word.ends_with(&format!("/{stem}")));
            (named, node.size)
        })
        .map(|node| node.path.clone())
}

/// The manifest that an install reads, the shallowest first.
fn manifest(nodes: &[Node]) -> Option<String> {
    let known = |name: &str| {
        let listed = PACKAGE_MANAGERS
            .manager
            .iter()
            .any(|row| row.manifests.first().is_some_and(|first| first == name));
        let requirements = name.starts_with("requirements") && name.ends_with(".txt");
        listed
            || requirements
            || matches!(
                name,
                "go.mod" | "Cargo.toml" | "pom.xml" | "build.gradle" | "Gemfile" | "composer.json"
            )
    };
    nodes
        .iter()
        .filter(|node| node.is_file() && known(node.path.rsplit('/').next().unwrap_or_default()))
        .min_by_key(|node| (node.path.matches('/').count(), node.path.len()))
        .map(|node| node.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_differ_as_their_texts_do() {
        assert_ne!(blanks("a1"), blanks("a2"));
        assert!(blanks("a1").trim().is_empty());
    }

    #[test]
    fn knows_comments() {
        assert_eq!(comment("a/b.tsx"), Some(("// ", "")));
        assert_eq!(comment("a/b.json"), None);
    }
}
