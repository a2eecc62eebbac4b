//! The files of an image.

use super::elf::Elf;
use std::collections::{BTreeMap, HashMap};

/// How many links are followed.
const LINKS: usize = 40;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file: its size and a fingerprint of its content.
    File {
        /// In bytes.
        size: u64,
        /// Of the content.
        hash: u64,
    },
    /// A folder.
    Folder,
    /// A symbolic link, and where it points to.
    Link(String),
    /// A device, a pipe.
    Other,
}

/// A file, a folder, a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// The layer that it comes from, counted from 0.
    pub layer: usize,
    /// What is known of it as a program or a library.
    pub elf: Option<Box<Elf>>,
    /// The first line of a script, without `#!`.
    pub script: Option<Box<str>>,
}

impl Entry {
    /// Its size in bytes; 0 but for files.
    pub fn size(&self) -> u64 {
        if let Kind::File { size, .. } = self.kind { size } else { 0 }
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File { .. })
    }
}

/// All files of an image, by absolute path.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The entries.
    pub entries: BTreeMap<String, Entry>,
    /// The text of files that are looked into: accounts, settings of the loader, lists of packages.
    pub texts: HashMap<String, String>,
}

/// Who runs a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u64,
    /// The numbers of the groups.
    pub groups: Vec<u64>,
}

impl Tree {
    /// The path that a path leads to when links are followed, where there is something.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut links = 0;
        let mut rest: Vec<String> = parts(path).rev().map(str::to_owned).collect();
        let mut at = String::new();
        while let Some(part) = rest.pop() {
            if part == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{at}/{part}");
            match self.entries.get(&next)?.kind {
                Kind::Link(ref target) => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with('/') {
                        at.clear();
                    }
                    rest.extend(parts(target).rev().map(str::to_owned));
                }
                _ => at = next,
            }
        }
        Some(if at.is_empty() { "/".to_owned() } else { at })
    }

    /// What a path leads to.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(&self.resolve(path)?)
    }

    /// The text of a file that is looked into.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(&self.resolve(path)?).map(String::as_str)
    }

    /// Whether an account may execute the file at a path, each folder on the way there included. `Err` says
    /// what is in the way.
    pub fn may_execute(&self, path: &str, account: &Account) -> Result<(), String> {
        let Some(real) = self.resolve(path) else { return Err(format!("{path} does not exist")) };
        let mut folder = String::new();
        for part in parts(&real) {
            let last = folder.len() + 1 + part.len() == real.len();
            folder = format!("{folder}/{part}");
            let Some(entry) = self.entries.get(&folder) else {
                return Err(format!("{folder} does not exist"));
            };
            if last && !entry.is_file() {
                return Err(format!("{path} is not a file"));
            }
            if !allows(entry, account) {
                let what = if last { "may not be executed by" } else { "may not be entered by" };
                return Err(format!("{folder} {what} user {} (mode {:o})", account.uid, entry.mode & 0o7777));
            }
        }
        Ok(())
    }

    /// The account that a USER names: `name`, `1000`, `name:group`.
    pub fn account(&self, user: &str) -> Option<Account> {
        let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
        let rows = |file: &str| -> Vec<Vec<String>> {
            let text = self.text(file).unwrap_or_default();
            text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
        };
        if name.is_empty() || name == "root" || name == "0" {
            return Some(Account { uid: 0, groups: vec![0] });
        }
        let (users, groups) = (rows("/etc/passwd"), rows("/etc/group"));
        let field = |row: &[String], at: usize| row.get(at).and_then(|text| text.parse::<u64>().ok());
        let row = users.iter().find(|row| {
            row.first().is_some_and(|known| known == name) || row.get(2).is_some_and(|uid| uid == name)
        });
        let uid = row.and_then(|row| field(row, 2)).or_else(|| name.parse().ok())?;
        let first = match group {
            Some(group) => group.parse().ok().or_else(|| {
                groups
                    .iter()
                    .find(|row| row.first().is_some_and(|known| known == group))
                    .and_then(|row| field(row, 2))
            }),
            None => row.and_then(|row| field(row, 3)),
        };
        let login = row.and_then(|row| row.first()).cloned().unwrap_or_default();
        let more = groups
            .iter()
            .filter(|row| row.get(3).is_some_and(|members| members.split(',').any(|member| member == login)))
            .filter_map(|row| field(row, 2));
        Some(Account { uid, groups: first.into_iter().chain(more).collect() })
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn allows(entry: &Entry, account: &Account) -> bool {
    let shift = if account.uid == entry.uid {
        6
    } else if account.groups.contains(&entry.gid) {
        3
    } else {
        0
    };
    // Root passes where anyone may.
    if account.uid == 0 {
        return entry.mode & 0o111 != 0 || matches!(entry.kind, Kind::Folder);
    }
    entry.mode >> shift & 1 != 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tree of `(path, kind, mode, uid)`; folders on the way are made.
    pub fn tree<'a>(files: impl IntoIterator<Item = (&'a str, Kind, u32, u64)>) -> Tree {
        let mut tree = Tree::default();
        let entry = |kind, mode, uid| Entry { kind, mode, uid, gid: uid, layer: 0, elf: None, script: None };
        for (path, kind, mode, uid) in files {
            let mut folder = String::new();
            for part in parts(path) {
                folder = format!("{folder}/{part}");
                tree.entries.entry(folder.clone()).or_insert_with(|| entry(Kind::Folder, 0o755, 0));
            }
            tree.entries.insert(path.to_owned(), entry(kind, mode, uid));
        }
        tree
    }

    pub fn file() -> Kind {
        Kind::File { size: 1, hash: 1 }
    }

    #[test]
    fn follows_links() {
        let link = |to: &str| Kind::Link(to.to_owned());
        let tree = tree([
            ("/usr/bin/x", file(), 0o755, 0),
            ("/bin", link("usr/bin"), 0o777, 0),
            ("/opt/y", link("../bin/x"), 0o777, 0),
            ("/loop", link("/loop"), 0o777, 0),
        ]);
        assert_eq!(tree.resolve("/bin/x").as_deref(), Some("/usr/bin/x"));
        assert_eq!(tree.resolve("/opt/./y").as_deref(), Some("/usr/bin/x"));
        assert_eq!(tree.resolve("/loop"), None);
        assert_eq!(tree.resolve("/bin/z"), None);
    }

    #[test]
    fn knows_who_may_execute() {
        let mut tree = tree([
            ("/root", Kind::Folder, 0o700, 0),
            ("/root/.local/bin/uvicorn", file(), 0o755, 0),
            ("/app/run", file(), 0o750, 7),
            ("/app/plain", file(), 0o644, 0),
        ]);
        tree.texts.insert("/etc/passwd".to_owned(), "app:x:100:101::/:/bin/sh\nown:x:7:7::/:".to_owned());
        tree.texts.insert("/etc/group".to_owned(), "app:x:101:\nrun:x:7:app\n".to_owned());
        for path in ["/etc/passwd", "/etc/group"] {
            tree.entries.insert(path.to_owned(), tree.entries["/app/plain"].clone());
        }
        tree.entries.insert("/etc".to_owned(), tree.entries["/app"].clone());
        let may = |path, user| tree.may_execute(path, &tree.account(user).unwrap());
        assert_eq!(may("/root/.local/bin/uvicorn", ""), Ok(()));
        assert_eq!(
            may("/root/.local/bin/uvicorn", "app").unwrap_err(),
            "/root may not be entered by user 100 (mode 700)"
        );
        assert_eq!(may("/app/run", "app"), Ok(()));
        assert_eq!(may("/app/run", "own"), Ok(()));
        assert!(may("/app/run", "1234").is_err());
        assert!(may("/app/plain", "0").unwrap_err().contains("may not be executed"));
        assert_eq!(tree.account("nobody-here"), None);
        assert_eq!(tree.account("app:7").unwrap().groups, [7, 7]);
    }
}
