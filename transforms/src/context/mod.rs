//! The files beside a Dockerfile.

mod dockerignore;

pub use dockerignore::Dockerignore;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Reads a file of the build context by its path; `None` where it can't be read as UTF-8 text.
pub type Loader = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The build context: names and sizes of its files, and their text on demand. Paths are relative to its
/// root, with `/` between components. Files that `.dockerignore` excludes are left out, as an engine does.
pub struct BuildContext {
    files: BTreeMap<String, File>,
    excluded: BTreeSet<String>,
    ignore: Dockerignore,
    load: Loader,
    complete: bool,
    names: OnceLock<HashMap<String, Vec<String>>>,
}

#[derive(Debug, Default)]
struct File {
    size: u64,
    text: OnceLock<Option<Arc<str>>>,
}

impl BuildContext {
    /// A context of files with sizes in bytes. `dockerignore` is the text of the file that applies.
    /// `complete` is whether all files were listed.
    pub fn new(
        files: impl IntoIterator<Item = (String, u64)>,
        dockerignore: &str,
        complete: bool,
        load: Loader,
    ) -> Self {
        let ignore = Dockerignore::parse(dockerignore);
        let mut included = BTreeMap::new();
        let mut excluded = BTreeSet::new();
        for (path, size) in files {
            if ignore.excludes(&path) {
                excluded.insert(path);
            } else {
                included.insert(path, File { size, text: OnceLock::new() });
            }
        }
        Self { files: included, excluded, ignore, load, complete, names: OnceLock::new() }
    }

    /// A context made of texts.
    #[must_use]
    pub fn of_texts<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let texts: BTreeMap<String, String> =
            files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let sizes: Vec<(String, u64)> =
            texts.iter().map(|(path, text)| (path.clone(), text.len() as u64)).collect();
        let ignore = texts.get(".dockerignore").cloned().unwrap_or_default();
        Self::new(sizes, &ignore, true, Box::new(move |path| texts.get(path).cloned()))
    }

    /// Whether all of its files are known: too many were not listed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether the engine gets a file of this path.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The size of a file that the engine gets, in bytes.
    #[must_use]
    pub fn size(&self, path: &str) -> Option<u64> {
        Some(self.files.get(path)?.size)
    }

    /// Whether there is a file of this path that `.dockerignore` keeps from the engine.
    #[must_use]
    pub fn is_excluded(&self, path: &str) -> bool {
        self.excluded.contains(path)
            || !self.files.contains_key(path) && self.ignore.excludes(path) && self.has_folder(path)
    }

    /// Whether a folder has files.
    #[must_use]
    pub fn has_folder(&self, folder: &str) -> bool {
        self.under(folder).next().is_some()
    }

    /// Paths and sizes of the files below a folder (`""` for all).
    pub fn under<'s>(&'s self, folder: &'s str) -> impl Iterator<Item = (&'s str, u64)> + 's {
        let prefix = if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") };
        self.starting_with(prefix)
    }

    /// Paths and sizes of the files whose path starts with a text.
    pub fn starting_with(&self, prefix: String) -> impl Iterator<Item = (&str, u64)> {
        self.files
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, file)| (path.as_str(), file.size))
    }

    /// Paths of the files with a name, in whatever folder, in order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &str> {
        let names = self.names.get_or_init(|| {
            let mut names: HashMap<String, Vec<String>> = HashMap::new();
            for path in self.files.keys() {
                let name = path.rsplit('/').next().unwrap_or(path);
                names.entry(name.to_owned()).or_default().push(path.clone());
            }
            names
        });
        names.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The text of a file that the engine gets.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<Arc<str>> {
        let file = self.files.get(path)?;
        file.text.get_or_init(|| (self.load)(path).map(Arc::from)).clone()
    }
}

impl fmt::Debug for BuildContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildContext")
            .field("files", &self.files.len())
            .field("excluded", &self.excluded.len())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
