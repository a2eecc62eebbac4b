//! The build context on the disk: what of it travels to the engine, and a copy of it to edit.

use super::trouble::{Tried, Trouble};
use dfix_transforms::context::Dockerignore;
use std::fs;
use std::path::{Path, PathBuf};

/// A file, a link or a folder of a build context.
pub struct Node {
    /// Its path below the root, with `/` between components.
    pub path: String,
    /// Its size in bytes; 0 for folders and links.
    pub size: u64,
    kind: fs::FileType,
}

impl Node {
    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.kind.is_file()
    }
}

/// What an engine is sent: all that the ignore file does not exclude, folders before what they hold.
pub fn list(root: &Path, ignore: &str) -> Tried<Vec<Node>> {
    let ignore = Dockerignore::parse(ignore);
    let mut found = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        super::interrupt::check()?;
        let failed = |error| Trouble::io(&folder.display().to_string(), &error);
        let mut entries =
            fs::read_dir(&folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                // A pattern with `!` may take back what lies below an excluded folder.
                folders.push((entry.path(), format!("{path}/")));
            }
            if ignore.excludes(&path) {
                continue;
            }
            let size = if kind.is_file() { entry.metadata().map_err(failed)?.len() } else { 0 };
            found.push(Node { path, size, kind });
        }
    }
    Ok(found)
}

/// Copies what an engine is sent into a new folder, permissions and links kept.
pub fn copy(root: &Path, nodes: &[Node], to: &Path) -> Tried<()> {
    fs::create_dir_all(to).map_err(|error| Trouble::io("a temporary folder can't be made", &error))?;
    let mut folders: Vec<(PathBuf, PathBuf)> = Vec::new();
    for node in nodes {
        super::interrupt::check()?;
        let (from, to) = (root.join(&node.path), to.join(&node.path));
        let failed = |error| Trouble::io(&format!("{} can't be copied", from.display()), &error);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        if node.kind.is_dir() {
            fs::create_dir_all(&to).map_err(failed)?;
            folders.push((from, to));
        } else if node.kind.is_symlink() {
            link(&fs::read_link(&from).map_err(failed)?, &to).map_err(failed)?;
        } else if node.kind.is_file() {
            fs::copy(&from, &to).map(drop).map_err(failed)?;
        }
    }
    // The deepest first: a folder that may not be written to takes no more files.
    for (from, to) in folders.iter().rev() {
        let kept = fs::metadata(from).and_then(|metadata| fs::set_permissions(to, metadata.permissions()));
        kept.map_err(|error| Trouble::io(&format!("{} can't be copied", from.display()), &error))?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    fs::write(at, target.to_string_lossy().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_what_is_sent() {
        let from = tempfile::tempdir().unwrap();
        for file in ["a.py", "src/b.py", "node_modules/x/y.js", "node_modules/keep.js"] {
            let path = from.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        }
        let nodes = list(from.path(), "node_modules\n!node_modules/keep.js\n").unwrap();
        let files: Vec<&str> =
            nodes.iter().filter(|node| node.is_file()).map(|node| node.path.as_str()).collect();
        assert_eq!(files, ["a.py", "src/b.py", "node_modules/keep.js"]);
        assert_eq!(nodes.iter().map(|node| node.size).sum::<u64>(), 15);
        let to = tempfile::tempdir().unwrap();
        copy(from.path(), &nodes, &to.path().join("copy")).unwrap();
        let again = list(&to.path().join("copy"), "").unwrap();
        assert_eq!(again.iter().filter(|node| node.is_file()).count(), 3);
    }
}
