//! From a folder to a [`BuildContext`]: what a Dockerfile finds beside it.

use dfix_syntax::{Dockerfile, Kind};
use dfix_transforms::BuildContext;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// So many files are listed; what lies deepest is what is left out.
const MOST_FILES: usize = 100_000;

/// The longest file of a context whose text is looked at.
const LONGEST_TEXT: u64 = 4 << 20;

/// Folders that are known to be there, but not looked through: tools keep them, people don't write in them.
const TOOL_FOLDERS: &[&str] = &[".git", ".hg", ".svn", "node_modules"];

/// Files by which other tools mark a folder as theirs: a cache (bford.info/cachedir), a virtual environment
/// (PEP 405).
const TOOL_MARKS: &[&str] = &["CACHEDIR.TAG", "pyvenv.cfg"];

type Key = (PathBuf, Option<PathBuf>);
type Slot = Arc<OnceLock<Arc<BuildContext>>>;

/// The build contexts of all Dockerfiles of a run, each read once.
pub struct Contexts {
    given: Option<PathBuf>,
    read: Mutex<HashMap<Key, Slot>>,
}

impl Contexts {
    /// Contexts for a run; `given` is the one that the user names.
    pub fn new(given: Option<PathBuf>) -> Self {
        Self { given, read: Mutex::new(HashMap::new()) }
    }

    /// Whether the user named the context.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// The folder of the context of a Dockerfile.
    pub fn folder(&self, path: &Path) -> PathBuf {
        self.given.clone().unwrap_or_else(|| folder_of(path))
    }

    /// The context of a Dockerfile; of standard input, where `path` is `None`.
    pub fn of(&self, path: Option<&Path>) -> Option<Arc<BuildContext>> {
        let folder = path.map(|path| self.folder(path)).or_else(|| self.given.clone())?;
        // `Dockerfile.dockerignore` beside the Dockerfile is read instead of `.dockerignore`
        // (Docker reference, Build context, "Filename and location").
        let own = path.map(ignore_file_of).filter(|own| own.is_file());
        let key = (folder, own);
        let mut slots = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.entry(key.clone()).or_default());
        drop(slots);
        Some(Arc::clone(slot.get_or_init(|| Arc::new(snapshot(&key.0, key.1.as_deref())))))
    }

    /// The text of the ignore file that counts for a Dockerfile; empty where there is none.
    pub fn ignore(&self, path: &Path) -> String {
        let own = Some(ignore_file_of(path)).filter(|own| own.is_file());
        ignore_text(&self.folder(path), own.as_deref())
    }

    /// Forgets the contexts that no Dockerfile of `folders` needs any more.
    pub fn keep(&self, paths: &[&Path]) {
        let folders: Vec<PathBuf> = paths.iter().map(|path| folder_of(path)).collect();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|(folder, _), _| self.given.is_some() || folders.contains(folder));
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn ignore_file_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".dockerignore");
    path.with_file_name(name)
}

fn snapshot(folder: &Path, own_ignore: Option<&Path>) -> BuildContext {
    let (files, complete) = list(folder, MOST_FILES);
    let ignore = ignore_text(folder, own_ignore);
    let root = folder.to_path_buf();
    BuildContext::new(files, &ignore, complete, Box::new(move |path| text(&root.join(path))))
}

fn ignore_text(folder: &Path, own: Option<&Path>) -> String {
    let path = own.map_or_else(|| folder.join(".dockerignore"), Path::to_path_buf);
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn text(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST_TEXT {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LONGEST_TEXT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The files below a folder with their sizes, level by level, and whether these are all. Links are not
/// followed, since an engine isn't given what is behind them either: a link counts as a file.
fn list(root: &Path, most: usize) -> (Vec<(String, u64)>, bool) {
    let mut files = Vec::new();
    let mut complete = true;
    let mut folders = VecDeque::from([(root.to_path_buf(), String::new(), false)]);
    while let Some((folder, prefix, tools)) = folders.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else {
            complete = false;
            continue;
        };
        let first = files.len();
        let mut below = Vec::new();
        let mut marked = tools;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                complete = false;
                continue;
            };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                below.push(name.to_owned());
            } else {
                marked |= TOOL_MARKS.contains(&name);
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                files.push((format!("{prefix}{name}"), size));
            }
            if files.len() >= most {
                return (files, false);
            }
        }
        if marked && !prefix.is_empty() {
            // One file is enough to know that the folder is there.
            below.sort();
            below.truncate(usize::from(files.len() == first));
        }
        for name in below {
            let tools = marked && !prefix.is_empty() || TOOL_FOLDERS.contains(&name.as_str());
            folders.push_back((folder.join(&name), format!("{prefix}{name}/"), tools));
        }
    }
    (files, complete)
}

/// The first file that a Dockerfile copies, with its line, where the context holds none of those it copies:
/// then the engine is given another folder.
pub fn missing_from(context: &BuildContext, tree: &Dockerfile) -> Option<(usize, String)> {
    let mut missing = None;
    for instruction in &tree.instructions {
        let (Kind::Copy(transfer) | Kind::Add(transfer)) = instruction.kind() else { continue };
        if instruction.flag("from").is_some() {
            continue;
        }
        for word in transfer.files() {
            // What was meant as a comment says nothing of the context.
            if word.raw.starts_with('#') {
                break;
            }
            let source = word.raw.trim_matches(['"', '\'']);
            let source = source.strip_prefix("./").unwrap_or(source).trim_matches('/');
            if source.is_empty()
                || source == "."
                || source.contains(['$', '*', '?', '[', '\\'])
                || source.contains("://")
                || source.starts_with("git@")
            {
                continue;
            }
            if context.contains(source) || context.has_folder(source) || context.is_excluded(source) {
                return None;
            }
            missing.get_or_insert_with(|| (instruction.line(), source.to_owned()));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    fn names(files: &[&str], most: usize) -> (Vec<String>, bool) {
        let (mut files, complete) = list(folder(files).path(), most);
        files.sort();
        (files.into_iter().map(|(name, _)| name).collect(), complete)
    }

    #[test]
    fn lists_what_people_write_and_knows_of_the_rest() {
        let files = [
            "app/main.py",
            "package.json",
            "node_modules/a/package.json",
            "node_modules/b/package.json",
            ".git/HEAD",
            ".git/objects/ab/cd",
            "env/pyvenv.cfg",
            "env/lib/x.py",
            "target/CACHEDIR.TAG",
            "target/debug/x",
        ];
        let known = [
            ".git/HEAD",
            "app/main.py",
            "env/pyvenv.cfg",
            "node_modules/a/package.json",
            "package.json",
            "target/CACHEDIR.TAG",
        ];
        assert_eq!(names(&files, 100), (known.map(str::to_owned).to_vec(), true));
    }

    #[test]
    fn stops_at_the_deepest() {
        assert_eq!(names(&["a", "b/c", "b/d/e"], 1), (vec!["a".to_owned()], false));
    }

    #[test]
    fn the_ignore_file_of_a_dockerfile_is_read_instead_of_the_common_one() {
        let folder = folder(&["a.txt", "b.txt", "Dockerfile", "web.Dockerfile"]);
        fs::write(folder.path().join(".dockerignore"), "a.txt\n").unwrap();
        fs::write(folder.path().join("web.Dockerfile.dockerignore"), "b.txt\n").unwrap();
        let contexts = Contexts::new(None);
        let has =
            |name: &str, file: &str| contexts.of(Some(&folder.path().join(name))).unwrap().contains(file);
        assert!(!has("Dockerfile", "a.txt") && has("Dockerfile", "b.txt"));
        assert!(has("web.Dockerfile", "a.txt") && !has("web.Dockerfile", "b.txt"));
        assert!(contexts.of(None).is_none());
        contexts.keep(&[]);
        assert!(contexts.read.lock().unwrap().is_empty());
    }

    #[test]
    fn a_context_without_any_copied_file_is_another_one() {
        let context = |files: &[&str]| {
            let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
            BuildContext::of_texts(files)
        };
        let tree =
            Dockerfile::parse("FROM a\nCOPY . .\nCOPY --from=x /y /z\nCOPY ./a/b c $D *.x https://e.x/ /\n")
                .unwrap();
        assert_eq!(missing_from(&context(&["z"]), &tree), Some((4, "a/b".to_owned())));
        assert_eq!(missing_from(&context(&["z", "c"]), &tree), None);
        assert_eq!(missing_from(&context(&["a/b/d"]), &tree), None);
        let nothing = Dockerfile::parse("FROM a\nCOPY . .\nCOPY . . # all of it\n").unwrap();
        assert_eq!(missing_from(&context(&[]), &nothing), None);
    }
}
