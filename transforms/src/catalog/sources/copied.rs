//! What a COPY or ADD brings from the build context, and where it puts it.

use crate::context::BuildContext;
use crate::facts::join;
use crate::knowledge::COMMANDS;
use crate::plan::Situation;
use crate::project::join_context;
use dfix_syntax::{Instruction, Keyword, Kind};
use globset::GlobBuilder;

/// Flags that say how files are written, not which.
const PLAIN_FLAGS: [&str; 3] = ["chown", "chmod", "link"];

/// A COPY or ADD from the build context.
#[derive(Debug, Clone)]
pub(crate) struct Copied {
    /// Index of the instruction.
    pub at: usize,
    /// The absolute path that it writes to.
    pub destination: String,
    /// Its destination as written.
    pub written: String,
    /// Whether the destination is given relative to the working directory.
    pub relative: bool,
    /// Its flags as written.
    pub flags: String,
    /// The working directory, which is there before it.
    folder: Option<String>,
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
enum Source {
    /// Writes one file: its path in the context, and the one in the image.
    File(String, String),
    /// Writes what a folder of the context holds (`""` for its root) into the destination.
    Folder(String),
    /// A pattern that can't be resolved without the context.
    Pattern(String),
}

impl Copied {
    /// Takes the instruction at an index apart.
    ///
    /// # Errors
    /// What stands in the way, for one that copies from the context. `None` for any other instruction.
    pub fn of(situation: Situation<'_>, at: usize) -> Option<Result<Self, String>> {
        let instruction = &situation.tree.instructions[at];
        let (Kind::Copy(transfer) | Kind::Add(transfer)) = instruction.kind() else { return None };
        if instruction.flag("from").is_some() {
            return None;
        }
        let line = instruction.line();
        let keyword = instruction.keyword();
        if !instruction.here_documents().is_empty() {
            return Some(Err(format!("line {line} writes a file of its own")));
        }
        if let Some(flag) = instruction.flags().iter().find(|flag| !PLAIN_FLAGS.contains(&&*flag.name)) {
            return Some(Err(format!("--{} of line {line} says which files are copied", flag.name)));
        }
        let unclear = || format!("line {line} copies to or from a place that only the build knows");
        let place = situation.facts.at(at);
        let expand = |raw: &str| match transfer.json {
            true => Some(raw.to_owned()),
            false => situation.facts.known_at(place.stage?, at, raw),
        };
        let Some(written) = expand(&transfer.destination.raw) else { return Some(Err(unclear())) };
        let Some(destination) = join(place.workdir.as_deref(), &written) else { return Some(Err(unclear())) };
        let mut sources = Vec::new();
        for word in &transfer.sources {
            let Some(source) = expand(&word.raw) else { return Some(Err(unclear())) };
            if keyword == Keyword::Add && (source.contains("://") || source.starts_with("git@")) {
                return Some(Err(format!("line {line} fetches {source}")));
            }
            let path = source.trim_start_matches('/');
            let Some(path) = join_context("", path) else {
                return Some(Err(format!("line {line} leads out of the build context")));
            };
            let folder_form = transfer.sources.len() > 1
                || written.ends_with(['/', '.'])
                || written.is_empty()
                || place.workdir.as_deref().is_some_and(|folder| below(folder, &destination).is_some())
                || COMMANDS.folders.contains(&destination);
            sources.extend(resolve(situation.context, &path, &source, &destination, folder_form));
        }
        if sources.is_empty() {
            return Some(Err(format!("line {line} copies nothing that is in the build context")));
        }
        if keyword == Keyword::Add && sources.iter().any(Source::is_archive) {
            return Some(Err(format!("line {line} unpacks an archive")));
        }
        let flags: Vec<&str> =
            instruction.flags().iter().map(|flag| &instruction.logical().text[flag.span.clone()]).collect();
        Some(Ok(Self {
            at,
            relative: !written.starts_with('/'),
            destination,
            written: transfer.destination.raw.clone(),
            flags: flags.join(" "),
            folder: place.workdir.as_deref().map(str::to_owned),
            sources,
        }))
    }

    /// The path in the context of what would lie at a path of the image. It need not exist.
    pub fn context_path(&self, image: &str) -> Option<String> {
        self.sources.iter().rev().find_map(|source| match source {
            Source::File(path, target) => {
                let name = path.rsplit('/').next();
                // Where the destination may be a folder, the file may lie in it.
                let inside = below(image, target).is_some_and(|rest| Some(rest) == name);
                (target == image || inside).then(|| path.clone())
            }
            Source::Folder(folder) => join_context(folder, below(image, &self.destination)?),
            Source::Pattern(pattern) => {
                let name = below(image, &self.destination).filter(|name| !name.is_empty())?;
                let (folder, form) = pattern.rsplit_once('/').unwrap_or(("", pattern));
                let glob = GlobBuilder::new(form).literal_separator(true).build().ok()?;
                glob.compile_matcher().is_match(name).then(|| join_context(folder, name))?
            }
        })
    }

    /// Whether it copies a file or a folder of the context to a path of the image.
    pub fn provides(&self, context: &BuildContext, image: &str) -> Option<String> {
        self.context_path(image).filter(|path| context.contains(path) || context.has_folder(path))
    }

    /// The files that it names one by one, with their paths in the image.
    pub fn targets(&self) -> Vec<(&str, &str)> {
        self.sources
            .iter()
            .filter_map(|source| match source {
                Source::File(path, target) => Some((path.as_str(), target.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Like [`targets`](Self::targets), with the patterns that can't be resolved.
    pub fn places(&self) -> Vec<(String, String)> {
        let patterns = self.sources.iter().filter_map(|source| match source {
            Source::Pattern(pattern) => {
                let name = pattern.rsplit('/').next().unwrap_or(pattern);
                Some((pattern.clone(), format!("{}/{name}", self.destination.trim_end_matches('/'))))
            }
            _ => None,
        });
        let named = self.targets().into_iter().map(|(path, image)| (path.to_owned(), image.to_owned()));
        named.chain(patterns).collect()
    }

    /// Whether all that it copies is among some paths of the context.
    pub fn brings_only(&self, paths: &[&str]) -> bool {
        self.sources.iter().all(|source| match source {
            Source::File(path, _) | Source::Folder(path) | Source::Pattern(path) => {
                paths.contains(&path.as_str())
            }
        })
    }

    /// The files, folders and patterns that it copies.
    pub fn paths(&self) -> Vec<&str> {
        self.sources
            .iter()
            .map(|source| match source {
                Source::File(path, _) | Source::Folder(path) | Source::Pattern(path) => path.as_str(),
            })
            .collect()
    }

    /// Whether what it writes may lie at, below or above a path of the image, or in a folder that it makes.
    pub fn concerns(&self, context: Option<&BuildContext>, path: &str) -> bool {
        let context = context.filter(|context| context.is_complete());
        let related = |target: &str, path: &str| related(target, path) || self.makes_folder(target, path);
        self.sources.iter().any(|source| match source {
            Source::File(_, target) => related(target, path),
            Source::Folder(folder) if self.destination == "/" => match context {
                // Only what the folder has at its top is written to the root of the image.
                Some(context) => match path.trim_start_matches('/').split('/').next() {
                    None | Some("") => true,
                    Some(top) => join_context(folder, top)
                        .is_none_or(|top| context.contains(&top) || context.has_folder(&top)),
                },
                None => true,
            },
            Source::Folder(_) | Source::Pattern(_) => related(&self.destination, path),
        })
    }

    /// Whether something that it copies may lie in a folder of the image, or in one above it.
    pub fn lies_around(&self, context: Option<&BuildContext>, folder: &str) -> bool {
        self.sources.iter().any(|source| match source {
            Source::File(_, target) => {
                let parent = target.rsplit_once('/').map_or("", |(parent, _)| parent);
                if parent.is_empty() { folder == "/" } else { below(folder, parent).is_some() }
            }
            _ => below(folder, &self.destination).is_some() && self.concerns(context, folder),
        })
    }

    /// Whether a folder above both paths may only be there because COPY makes those above its destination.
    fn makes_folder(&self, target: &str, path: &str) -> bool {
        let common = common_folder(target, path);
        let there = common == "/"
            || COMMANDS.folders.contains(&common)
            || self.folder.as_deref().is_some_and(|folder| below(folder, &common).is_some());
        !there
    }

    /// Whether two COPYs may write the same path.
    pub fn overlaps(&self, context: Option<&BuildContext>, other: &Self) -> bool {
        other.sources.iter().any(|source| match source {
            Source::File(_, target) => self.concerns(context, target),
            _ => self.concerns(context, &other.destination),
        })
    }

    /// A place that commands look at without being told, where it writes to one.
    pub fn system(&self, context: Option<&BuildContext>) -> Option<&str> {
        let context = context.filter(|context| context.is_complete());
        let folders = COMMANDS.system.iter().map(String::as_str);
        let mut folders = folders
            .filter(|folder| below(&self.destination, folder).is_some() || self.writes_into(context, folder));
        let found = folders.next();
        found.or_else(|| (self.is_tools() || self.settles_home(context)).then_some(&self.destination))
    }

    /// Whether it writes into an installation outside the working directory (`/opt/tool/bin`), or to where a
    /// package manager puts packages.
    fn is_tools(&self) -> bool {
        let outside = self.folder.as_deref().is_none_or(|folder| below(&self.destination, folder).is_none());
        self.destination.split('/').any(|part| {
            COMMANDS.packages.iter().any(|known| known == part)
                || outside && COMMANDS.tools.iter().any(|known| known == part)
        })
    }

    /// Whether something that it copies may land in a folder below its destination.
    fn writes_into(&self, context: Option<&BuildContext>, folder: &str) -> bool {
        self.sources.iter().any(|source| match source {
            Source::File(_, target) => below(target, folder).is_some(),
            Source::Folder(from) => below(folder, &self.destination).is_some_and(|rest| match context {
                Some(context) => join_context(from, rest)
                    .is_none_or(|path| context.contains(&path) || context.has_folder(&path)),
                None => true,
            }),
            Source::Pattern(_) => below(folder, &self.destination).is_some(),
        })
    }

    /// Whether it may write settings of tools into a home folder.
    fn settles_home(&self, context: Option<&BuildContext>) -> bool {
        let setting = |name: &str| COMMANDS.home.iter().any(|known| known == name);
        self.sources.iter().any(|source| match source {
            Source::File(_, target) => {
                target.rsplit_once('/').is_some_and(|(folder, name)| is_home(folder) && setting(name))
            }
            Source::Folder(from) if is_home(&self.destination) => match context {
                Some(context) => COMMANDS.home.iter().any(|name| {
                    join_context(from, name)
                        .is_none_or(|path| context.contains(&path) || context.has_folder(&path))
                }),
                None => true,
            },
            Source::Folder(_) => self.destination == "/home",
            Source::Pattern(_) => is_home(&self.destination),
        })
    }
}

impl Source {
    /// What ADD takes apart (Docker reference, ADD: local tar archives).
    fn is_archive(&self) -> bool {
        let (Self::File(path, _) | Self::Pattern(path)) = self else { return false };
        [".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst"]
            .iter()
            .any(|end| path.ends_with(end))
    }
}

/// What a source stands for.
fn resolve(
    context: Option<&BuildContext>,
    path: &str,
    written: &str,
    destination: &str,
    folder_form: bool,
) -> Vec<Source> {
    let target = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        match folder_form {
            true => format!("{}/{name}", destination.trim_end_matches('/')),
            false => destination.to_owned(),
        }
    };
    let one = |path: &str| Source::File(path.to_owned(), target(path));
    if path.contains(['*', '?', '[']) {
        let Some(context) = context else { return vec![Source::Pattern(path.to_owned())] };
        return matches(context, path)
            .into_iter()
            .map(|found| match context.contains(&found) {
                true => Source::File(found.clone(), {
                    let name = found.rsplit('/').next().unwrap_or(&found);
                    format!("{}/{name}", destination.trim_end_matches('/'))
                }),
                false => Source::Folder(found),
            })
            .collect();
    }
    match context {
        Some(context) if context.contains(path) => vec![one(path)],
        Some(context) if path.is_empty() || context.has_folder(path) => vec![Source::Folder(path.to_owned())],
        Some(_) => Vec::new(),
        None => {
            let name = path.rsplit('/').next().unwrap_or(path);
            let end = name.rsplit_once('.').map_or("", |(_, end)| end);
            let file = !written.ends_with('/')
                && (COMMANDS.file_ends.iter().any(|known| known == end)
                    || COMMANDS.file_names.iter().any(|known| known == name));
            vec![if file { one(path) } else { Source::Folder(path.to_owned()) }]
        }
    }
}

/// Files and folders of the context that a pattern of COPY matches (Go's `filepath.Match`: no `**`).
fn matches(context: &BuildContext, pattern: &str) -> Vec<String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    let Ok(matcher) = glob.map(|glob| glob.compile_matcher()) else { return Vec::new() };
    let depth = pattern.matches('/').count();
    let mut found: Vec<String> = Vec::new();
    let literal = pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len());
    for (path, _) in context.starting_with(pattern[..literal].to_owned()) {
        let end = path.match_indices('/').nth(depth).map_or(path.len(), |(at, _)| at);
        let head = &path[..end];
        if head.matches('/').count() == depth
            && found.last().is_none_or(|last| last != head)
            && matcher.is_match(head)
        {
            found.push(head.to_owned());
        }
    }
    found
}

/// What is left of `path` below `folder`; `""` for the folder itself.
pub(super) fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Whether one path is the other, or lies below it.
fn related(one: &str, other: &str) -> bool {
    below(one, other).is_some() || below(other, one).is_some()
}

/// The longest folder above both paths.
fn common_folder(one: &str, other: &str) -> String {
    let parts = one.split('/').zip(other.split('/')).take_while(|(one, other)| one == other);
    let common: Vec<&str> = parts.map(|(part, _)| part).collect();
    match common.join("/") {
        empty if empty.is_empty() => "/".to_owned(),
        folder => folder,
    }
}

fn is_home(folder: &str) -> bool {
    folder == "/root" || folder.strip_prefix("/home/").is_some_and(|name| !name.contains('/'))
}

/// Where a COPY or ADD writes what it takes from elsewhere: a stage, an image, an address, its own text.
pub(super) fn target(situation: Situation<'_>, at: usize, instruction: &Instruction) -> Option<String> {
    let (Kind::Copy(transfer) | Kind::Add(transfer)) = instruction.kind() else { return None };
    let place = situation.facts.at(at);
    let written = situation.facts.known_at(place.stage?, at, &transfer.destination.raw)?;
    join(place.workdir.as_deref(), &written)
}
