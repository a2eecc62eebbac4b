//! An image as `save` writes it: configuration, history, layers, files.

mod config;

pub use config::Config;
#[cfg(test)]
pub use config::Healthcheck;

use super::elf::Elf;
use super::tree::{Entry, Kind, Tree};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use std::collections::HashMap;
use std::hash::Hasher;
use std::io::{self, Read, Write};

/// The longest program or library that is looked into.
const LONGEST_ELF: u64 = 1 << 30;

/// The longest text that is kept.
const LONGEST_TEXT: u64 = 4 << 20;

/// How much of a file tells what it is.
const HEAD: usize = 256;

/// An image.
#[derive(Debug)]
pub struct Image {
    /// The configuration.
    pub config: Config,
    /// What made each layer, and what made none.
    pub history: Vec<History>,
    /// The layers, from the bottom.
    pub layers: Vec<Layer>,
    /// The files.
    pub tree: Tree,
}

/// A layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The bytes of its files.
    pub size: u64,
    /// What travels; 0 where it was not measured.
    pub compressed: u64,
    /// Its files.
    items: Vec<(String, Item)>,
}

impl Layer {
    /// Paths of the files in it.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.items.iter().filter_map(|(path, item)| match item {
            Item::Entry(entry, _) => Some((path.as_str(), &**entry)),
            _ => None,
        })
    }
}

#[derive(Debug, Clone)]
enum Item {
    Entry(Box<Entry>, Option<String>),
    /// The same file as another one.
    Same(String),
    /// What lower layers have at this path is gone.
    Gone,
    /// What lower layers have below this path is gone.
    Emptied,
}

/// An entry of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct History {
    /// The instruction, as the builder notes it.
    pub created_by: String,
    /// Whether it made no layer.
    pub empty_layer: bool,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    config: Config,
    #[serde(default)]
    history: Vec<History>,
}

/// Reads the images of an archive, in the order of `tags`. `compress` is whether layers are compressed to
/// learn what travels.
pub fn read(archive: &mut dyn Read, tags: &[&str], compress: bool) -> io::Result<Vec<Image>> {
    let mut layers: HashMap<String, Layer> = HashMap::new();
    let mut texts: HashMap<String, Vec<u8>> = HashMap::new();
    let mut links: HashMap<String, String> = HashMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
        match entry.header().entry_type() {
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
                links.insert(path, target.unwrap_or_default());
            }
            tar::EntryType::Regular if entry.size() >= 512 => {
                let size = entry.size();
                let mut head = vec![0; 512];
                entry.read_exact(&mut head)?;
                if &head[257..262] == b"ustar" {
                    layers.insert(path, read_layer(&mut head.chain(entry), compress)?);
                } else if head.starts_with(&[0x1f, 0x8b]) {
                    let mut layer = read_layer(&mut GzDecoder::new(head.chain(entry)), false)?;
                    layer.compressed = size;
                    layers.insert(path, layer);
                } else if head.iter().all(|byte| *byte == 0) {
                    // A layer without files.
                    layers.insert(path, Layer { size: 0, compressed: 0, items: Vec::new() });
                } else if size <= LONGEST_TEXT {
                    let mut text = head.clone();
                    entry.read_to_end(&mut text)?;
                    texts.insert(path, text);
                }
            }
            tar::EntryType::Regular => {
                let mut text = Vec::new();
                entry.read_to_end(&mut text)?;
                texts.insert(path, text);
            }
            _ => {}
        }
    }
    let wrong =
        |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the archive of the image {what}"));
    let manifest = texts.get("manifest.json").ok_or_else(|| wrong("has no manifest"))?;
    let manifests: Vec<Manifest> = serde_json::from_slice(manifest)?;
    tags.iter()
        .map(|tag| {
            let named = |manifest: &&Manifest| {
                // Podman puts its own host in front of names that have none.
                manifest
                    .tags
                    .iter()
                    .flatten()
                    .any(|known| known == tag || known.ends_with(&format!("/{tag}")))
            };
            let manifest = manifests.iter().find(named).ok_or_else(|| wrong(&format!("lacks {tag}")))?;
            let config = texts.get(&manifest.config).ok_or_else(|| wrong("lacks a configuration"))?;
            let ConfigFile { config, history } = serde_json::from_slice(config)?;
            let layers = manifest
                .layers
                .iter()
                .map(|path| layer_at(path, &layers, &links).cloned().ok_or_else(|| wrong("lacks a layer")))
                .collect::<io::Result<Vec<Layer>>>()?;
            let tree = assemble(&layers);
            Ok(Image { config, history, layers, tree })
        })
        .collect()
}

fn layer_at<'l>(
    path: &str,
    layers: &'l HashMap<String, Layer>,
    links: &HashMap<String, String>,
) -> Option<&'l Layer> {
    layers.get(path).or_else(|| {
        let target = links.get(path)?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let joined = dfix_transforms::project::join_context(folder, target)?;
        layers.get(&joined)
    })
}

/// Counts what is written to it.
#[derive(Default)]
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes on what it reads, and has it compressed.
struct Tee<'r> {
    from: &'r mut dyn Read,
    to: Option<GzEncoder<Count>>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        if let Some(to) = &mut self.to {
            to.write_all(&buffer[..count])?;
        }
        Ok(count)
    }
}

fn read_layer(from: &mut dyn Read, compress: bool) -> io::Result<Layer> {
    let to = compress.then(|| GzEncoder::new(Count::default(), Compression::default()));
    let mut tee = Tee { from, to };
    let mut items = Vec::new();
    let mut size = 0;
    let mut archive = tar::Archive::new(&mut tee);
    for entry in archive.entries()? {
        let mut entry = entry?;
        size += if entry.header().entry_type().is_file() { entry.size() } else { 0 };
        let written = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = written.trim_start_matches("./").trim_matches('/');
        if name.is_empty() || name == "." {
            continue;
        }
        let path = format!("/{name}");
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let item = match name.strip_prefix(".wh.") {
            Some(".wh..opq") => (folder.to_owned(), Item::Emptied),
            Some(name) => (format!("{folder}/{name}"), Item::Gone),
            None => {
                let item = read_item(&path, &mut entry)?;
                (path, item)
            }
        };
        items.push(item);
    }
    io::copy(&mut tee, &mut io::sink())?;
    let compressed = match tee.to.map(GzEncoder::finish) {
        Some(count) => count?.0,
        None => 0,
    };
    Ok(Layer { size, compressed, items })
}

fn read_item(path: &str, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Item> {
    let header = entry.header();
    let (mode, uid, gid) = (header.mode()?, header.uid()?, header.gid()?);
    let link = || {
        entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default()
    };
    let kind = match header.entry_type() {
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink => Kind::Link(link()),
        tar::EntryType::Link => {
            return Ok(Item::Same(format!("/{}", link().trim_start_matches("./").trim_start_matches('/'))));
        }
        kind if kind.is_file() => return read_file(path, entry, (mode, uid, gid)),
        _ => Kind::Other,
    };
    Ok(Item::Entry(Box::new(Entry { kind, mode, uid, gid, layer: 0, elf: None, script: None }), None))
}

fn read_file(
    path: &str,
    entry: &mut tar::Entry<'_, impl Read>,
    (mode, uid, gid): (u32, u64, u64),
) -> io::Result<Item> {
    let size = entry.size();
    let mut hasher = std::hash::DefaultHasher::new();
    // A read may give less than there is: what a file is shows at its beginning, which is read as a whole.
    let mut head = Vec::with_capacity(HEAD);
    entry.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let script = head.strip_prefix(b"#!").map(|line| {
        let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        String::from_utf8_lossy(&line[..end]).trim().into()
    });
    let keep =
        head.starts_with(b"\x7fELF") && size <= LONGEST_ELF || is_looked_into(path) && size <= LONGEST_TEXT;
    hasher.write(&head);
    let mut kept = head;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = entry.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.write(bytes);
        if keep {
            kept.extend_from_slice(bytes);
        }
    }
    let elf = if keep && kept.starts_with(b"\x7fELF") { Elf::read(&kept).map(Box::new) } else { None };
    let text = is_looked_into(path).then(|| String::from_utf8_lossy(&kept).into_owned());
    let kind = Kind::File { size, hash: hasher.finish() };
    Ok(Item::Entry(Box::new(Entry { kind, mode, uid, gid, layer: 0, elf, script }), text))
}

/// Files whose text is needed: accounts, the loader's settings, the release, what packages hold.
fn is_looked_into(path: &str) -> bool {
    matches!(
        path,
        "/etc/passwd" | "/etc/group" | "/etc/ld.so.conf" | "/etc/os-release" | "/usr/lib/os-release"
    ) || path.starts_with("/etc/ld.so.conf.d/")
        || path.starts_with("/etc/ld-musl-")
        || path.starts_with("/var/lib/dpkg/info/") && path.ends_with(".list")
}

/// Lays the layers one above the other (OCI image specification, "Applying Changesets").
fn assemble(layers: &[Layer]) -> Tree {
    let mut tree = Tree::default();
    for (number, layer) in layers.iter().enumerate() {
        // What a layer removes is of lower ones.
        for (path, item) in &layer.items {
            match item {
                Item::Gone => remove(&mut tree, path, true),
                Item::Emptied => remove(&mut tree, path, false),
                _ => {}
            }
        }
        for (path, item) in &layer.items {
            match item {
                Item::Entry(entry, text) => {
                    if !matches!(entry.kind, Kind::Folder)
                        && tree.entries.get(path).is_some_and(|old| old.kind == Kind::Folder)
                    {
                        remove(&mut tree, path, true);
                    }
                    make_folders(&mut tree, path, number);
                    tree.entries.insert(path.clone(), Entry { layer: number, ..(**entry).clone() });
                    match text {
                        Some(text) => drop(tree.texts.insert(path.clone(), text.clone())),
                        None => drop(tree.texts.remove(path)),
                    }
                }
                Item::Same(target) => {
                    if let Some(entry) = tree.entries.get(target).cloned() {
                        tree.entries.insert(path.clone(), Entry { layer: number, ..entry });
                    }
                }
                Item::Gone | Item::Emptied => {}
            }
        }
    }
    tree
}

/// Folders that an archive does not name are there all the same.
fn make_folders(tree: &mut Tree, path: &str, layer: usize) {
    for (at, _) in path.match_indices('/').skip(1) {
        let folder =
            Entry { kind: Kind::Folder, mode: 0o755, uid: 0, gid: 0, layer, elf: None, script: None };
        tree.entries.entry(path[..at].to_owned()).or_insert(folder);
    }
}

fn remove(tree: &mut Tree, path: &str, itself: bool) {
    let below = format!("{path}/");
    let gone: Vec<String> = tree
        .entries
        .range(below.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&below))
        .cloned()
        .collect();
    for path in gone.iter().map(String::as_str).chain(itself.then_some(path)) {
        tree.entries.remove(path);
        tree.texts.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            builder.append_data(&mut header, path, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn lays_layers_one_above_the_other() {
        let first =
            archive(&[("a/x", b"1"), ("a/y", b"22"), ("b/z", b"3"), ("etc/passwd", b"app:x:1:1::/:")]);
        let second = archive(&[("a/.wh.x", b""), ("b/.wh..wh..opq", b""), ("b/new", b"#!/bin/sh -e\nx\n")]);
        let config = br#"{"config":{"Env":["A=1"],"Cmd":["x"],"ExposedPorts":{"80/tcp":{}}},
            "history":[{"created_by":"one"},{"created_by":"ENV","empty_layer":true},{"created_by":"two"}]}"#;
        let manifest = br#"[{"Config":"c.json","RepoTags":["r:t"],"Layers":["1/layer.tar","2/layer.tar"]}]"#;
        let whole = archive(&[
            ("1/layer.tar", &first),
            ("c.json", config),
            ("2/layer.tar", &second),
            ("manifest.json", manifest),
        ]);
        let mut images = read(&mut whole.as_slice(), &["r:t"], true).unwrap();
        let image = images.remove(0);
        let paths: Vec<&str> = image.tree.entries.keys().map(String::as_str).collect();
        assert_eq!(paths, ["/a", "/a/y", "/b", "/b/new", "/etc", "/etc/passwd"]);
        assert_eq!(image.tree.entries["/b/new"].script.as_deref(), Some("/bin/sh -e"));
        assert_eq!(image.tree.entries["/b/new"].layer, 1);
        assert_eq!(image.tree.text("/etc/passwd"), Some("app:x:1:1::/:"));
        assert_eq!(image.layers[0].size, 17);
        assert!(image.layers.iter().all(|layer| layer.compressed > 0));
        assert_eq!(image.config.ports(), [80]);
        assert_eq!(image.config.variable("A"), Some("1"));
        assert!(read(&mut whole.as_slice(), &["r:u"], false).is_err());
    }
}
