//! Programs and libraries: which libraries they need, and whether an image has them where the loader looks.

use super::tree::Tree;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the loader reads of a program or a library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elf {
    /// The machine, and whether it is of 64 bits.
    pub machine: (u16, bool),
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// Where it says to look first (`DT_RPATH`).
    pub rpath: Vec<String>,
    /// Where it says to look (`DT_RUNPATH`).
    pub runpath: Vec<String>,
    /// The loader that it asks for.
    pub loader: Option<String>,
}

impl Elf {
    /// Reads a file; `None` where it is none, or is broken.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let elf = goblin::elf::Elf::parse(bytes).ok()?;
        // Objects and cores are not loaded.
        if !matches!(elf.header.e_type, goblin::elf::header::ET_EXEC | goblin::elf::header::ET_DYN) {
            return None;
        }
        let split = |paths: &[&str]| -> Vec<String> {
            paths
                .iter()
                .flat_map(|path| path.split(':'))
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Some(Self {
            machine: (elf.header.e_machine, elf.is_64),
            needed: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
            rpath: split(&elf.rpaths),
            runpath: split(&elf.runpaths),
            loader: elf.interpreter.map(str::to_owned),
        })
    }
}

/// The loader of an image.
pub struct Loader<'t> {
    tree: &'t Tree,
    /// Folders of `LD_LIBRARY_PATH`.
    environment: Vec<String>,
    /// Folders that the image is set up with: `/etc/ld.so.conf`, the loader's own.
    folders: Vec<String>,
    /// Whether what lies below these folders was looked at: for each library, what it lacks.
    known: HashMap<String, bool>,
}

/// Folders that glibc and musl look in without being told (`ld.so(8)`; musl: `ldso/dynlink.c`).
const DEFAULT_FOLDERS: &[&str] = &["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];

impl<'t> Loader<'t> {
    /// The loader of an image, with the value of `LD_LIBRARY_PATH`.
    pub fn of(tree: &'t Tree, library_path: Option<&str>) -> Self {
        let mut folders = Vec::new();
        let mut seen = HashSet::new();
        configured(tree, "/etc/ld.so.conf", &mut folders, &mut seen);
        for (path, text) in &tree.texts {
            if path.starts_with("/etc/ld-musl-") {
                folders
                    .extend(text.split([':', '\n']).filter(|folder| !folder.is_empty()).map(str::to_owned));
            }
        }
        folders.extend(DEFAULT_FOLDERS.iter().map(|&folder| folder.to_owned()));
        // Debian's loaders have the folder of their architecture built in.
        let multiarch = tree.entries.keys().filter_map(|path| {
            let name = path.strip_prefix("/usr/lib/").or_else(|| path.strip_prefix("/lib/"))?;
            (name.ends_with("-linux-gnu") && !name.contains('/')).then(|| path.clone())
        });
        folders.extend(multiarch);
        let environment = library_path.unwrap_or_default().split([':', ';']);
        let environment = environment.filter(|folder| !folder.is_empty()).map(str::to_owned).collect();
        Self { tree, environment, folders, known: HashMap::new() }
    }

    /// The libraries that the file at a path, and what it loads, needs and can't find: library, and who
    /// needs it.
    pub fn missing(&mut self, path: &str) -> BTreeMap<String, String> {
        let mut missing = BTreeMap::new();
        let mut seen = HashSet::new();
        self.follow(path, &[], &mut seen, &mut missing);
        missing
    }

    fn follow(
        &mut self,
        path: &str,
        inherited: &[String],
        seen: &mut HashSet<String>,
        missing: &mut BTreeMap<String, String>,
    ) {
        let Some(real) = self.tree.resolve(path) else { return };
        if !seen.insert(real.clone()) || self.known.get(&real) == Some(&true) && inherited.is_empty() {
            return;
        }
        let Some(elf) = self.tree.entries.get(&real).and_then(|entry| entry.elf.clone()) else { return };
        let before = missing.len();
        let expand = |paths: &[String]| -> Vec<String> {
            let origin = real.rsplit_once('/').map_or("/", |(folder, _)| folder);
            paths.iter().map(|path| path.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)).collect()
        };
        // DT_RPATH counts for what is loaded in turn, too, unless DT_RUNPATH is there.
        let mut rpath = if elf.runpath.is_empty() { expand(&elf.rpath) } else { Vec::new() };
        rpath.extend_from_slice(inherited);
        let runpath = expand(&elf.runpath);
        for name in &elf.needed {
            let places = rpath.iter().chain(&self.environment).chain(&runpath).chain(&self.folders);
            let found = if name.contains('/') {
                self.fits(name, elf.machine).then(|| name.clone())
            } else {
                places.map(|folder| format!("{folder}/{name}")).find(|path| self.fits(path, elf.machine))
            };
            match found {
                Some(library) => self.follow(&library, &rpath, seen, missing),
                None if is_loader(name) => {}
                None => {
                    missing.entry(name.clone()).or_insert_with(|| real.clone());
                }
            }
        }
        if missing.len() == before && inherited.is_empty() {
            self.known.insert(real, true);
        }
    }

    /// Whether a library for the machine lies at a path.
    fn fits(&self, path: &str, machine: (u16, bool)) -> bool {
        self.tree.get(path).is_some_and(|entry| entry.elf.as_ref().is_some_and(|elf| elf.machine == machine))
    }

    /// Where a library of this name lies.
    pub fn find(&self, name: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| {
            let path = format!("{folder}/{name}");
            self.tree.get(&path).map(|_| path)
        })
    }
}

/// Whether a needed library is the loader itself: whatever loads the file is one.
fn is_loader(name: &str) -> bool {
    name.starts_with("ld-linux") || name.starts_with("ld-musl") || name.starts_with("ld64.so")
}

/// Folders of a file of `ld.so.conf(5)`, and of those it includes.
fn configured(tree: &Tree, path: &str, folders: &mut Vec<String>, seen: &mut HashSet<String>) {
    if !seen.insert(path.to_owned()) {
        return;
    }
    for line in tree.text(path).unwrap_or_default().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include ") {
            Some(pattern) => {
                let (start, end) = pattern.trim().split_once('*').unwrap_or((pattern.trim(), ""));
                let mut files: Vec<&String> =
                    tree.texts.keys().filter(|file| file.starts_with(start) && file.ends_with(end)).collect();
                files.sort();
                for file in files {
                    configured(tree, file, folders, seen);
                }
            }
            None if line.starts_with('/') => folders.push(line.to_owned()),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tree::tests::{file, tree};

    const X86: (u16, bool) = (62, true);

    fn library(tree: &mut Tree, path: &str, needed: &[&str], runpath: &[&str]) {
        let mut more = super::super::tree::tests::tree([(path, file(), 0o644, 0)]);
        if let Some(entry) = more.entries.get_mut(path) {
            entry.elf = Some(Box::new(Elf {
                machine: X86,
                needed: needed.iter().map(|&name| name.to_owned()).collect(),
                runpath: runpath.iter().map(|&folder| folder.to_owned()).collect(),
                ..Elf::default()
            }));
        }
        for (path, entry) in more.entries {
            tree.entries.insert(path, entry);
        }
    }

    fn text(tree: &mut Tree, path: &str, text: &str) {
        for (path, entry) in super::super::tree::tests::tree([(path, file(), 0o644, 0)]).entries {
            tree.entries.insert(path, entry);
        }
        tree.texts.insert(path.to_owned(), text.to_owned());
    }

    #[test]
    fn finds_libraries_where_the_loader_does() {
        let mut image = tree([]);
        library(&mut image, "/usr/lib/x86_64-linux-gnu/libpq.so.5", &["libssl.so.3", "libc.so.6"], &[]);
        library(&mut image, "/usr/lib/x86_64-linux-gnu/libc.so.6", &["ld-linux-x86-64.so.2"], &[]);
        library(&mut image, "/opt/venv/lib/psycopg2/_psycopg.so", &["libpq.so.5"], &[]);
        library(&mut image, "/opt/venv/lib/numpy/core.so", &["libblas.so"], &["$ORIGIN/../numpy.libs"]);
        library(&mut image, "/opt/venv/lib/numpy.libs/libblas.so", &["libc.so.6"], &[]);
        library(&mut image, "/srv/own.so", &["libown.so"], &[]);
        library(&mut image, "/srv/lib/libown.so", &[], &[]);
        text(&mut image, "/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n");
        let lacking = |image: &Tree, path: &str, environment: Option<&str>| -> Vec<(String, String)> {
            Loader::of(image, environment).missing(path).into_iter().collect()
        };
        let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
        assert_eq!(
            lacking(&image, "/opt/venv/lib/psycopg2/_psycopg.so", None),
            pair("libssl.so.3", "/usr/lib/x86_64-linux-gnu/libpq.so.5")
        );
        assert_eq!(lacking(&image, "/opt/venv/lib/numpy/core.so", None), []);
        assert_eq!(lacking(&image, "/srv/own.so", None), pair("libown.so", "/srv/own.so"));
        assert_eq!(lacking(&image, "/srv/own.so", Some("/x:/srv/lib")), []);
        text(&mut image, "/etc/ld.so.conf.d/own.conf", "/srv/lib # ours\n");
        assert_eq!(lacking(&image, "/srv/own.so", None), []);
    }

    #[test]
    fn a_library_for_another_machine_does_not_count() {
        let mut image = tree([]);
        library(&mut image, "/usr/lib/libx.so", &[], &[]);
        library(&mut image, "/a.so", &["libx.so"], &[]);
        image.entries.get_mut("/usr/lib/libx.so").unwrap().elf.as_mut().unwrap().machine = (3, false);
        assert_eq!(Loader::of(&image, None).missing("/a.so").len(), 1);
    }

    #[test]
    fn reads_a_program() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if cfg!(target_os = "linux") {
            let elf = Elf::read(&own).unwrap();
            assert!(elf.needed.iter().any(|name| name.starts_with("libc.")), "{:?}", elf.needed);
        }
        assert_eq!(Elf::read(b"\x7fELF and nothing more"), None);
        assert_eq!(Elf::read(&own[..own.len().min(4096)]).filter(|elf| !elf.needed.is_empty()), None);
    }
}
