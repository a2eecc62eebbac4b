//! What holds for the file as a whole, looked up once.

use super::decided::home;
use super::index::{Reader, reader_at, readers_elsewhere};
use crate::catalog::silence::Silence;
use crate::facts::{StageFacts, package_commands, program_word};
use crate::knowledge::PackageManager;
use crate::plan::Situation;
use dfix_syntax::shell::SimpleCommand;
use dfix_syntax::{Dockerfile, Instruction, Kind, Stage};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Words of configuration files that answer for `apt-get` and the like, or decide about recommended packages.
const SETTINGS: &[&str] = &["Assume-Yes", "assumeyes", "Install-Recommends"];

type Readers = HashMap<(usize, &'static str), Rc<Vec<Reader>>>;

pub(super) struct Survey<'a> {
    pub situation: Situation<'a>,
    pub stages: Vec<Stage>,
    pub silence: Silence<'a>,
    kept: Vec<bool>,
    /// For each of `SETTINGS` the first instruction that has it.
    settings: Vec<Option<usize>>,
    /// Who installs from a cache, by program: the last index and its line.
    offline: HashMap<&'static str, (usize, usize)>,
    /// Folders that something reads or changes, as paths, with index and line.
    touched: Vec<(usize, usize, String)>,
    cache_users: RefCell<HashMap<&'static str, Vec<(usize, usize)>>>,
    readers: RefCell<Readers>,
}

impl<'a> Survey<'a> {
    pub fn of(situation: Situation<'a>) -> Self {
        let tree = situation.tree;
        let stages = tree.stages();
        let kept = situation.facts.stages.iter().map(|stage| is_kept(situation, &stages, stage)).collect();
        let settings = SETTINGS
            .iter()
            .map(|word| tree.instructions.iter().position(|instruction| instruction.text().contains(word)))
            .collect();
        let mut offline = HashMap::new();
        for (at, instruction) in tree.instructions.iter().enumerate() {
            let Some(Ok(script)) = instruction.script() else { continue };
            for command in package_commands(script) {
                if command.has_option(&command.manager.offline) {
                    offline.insert(command.manager.programs[0].as_str(), (at, instruction.line()));
                }
            }
        }
        let touched = tree
            .instructions
            .iter()
            .enumerate()
            .flat_map(|(at, instruction)| {
                touched(instruction).map(move |path| (at, instruction.line(), path))
            })
            .collect();
        let silence = Silence::of(tree);
        Self {
            situation,
            stages,
            silence,
            kept,
            settings,
            offline,
            touched,
            cache_users: RefCell::default(),
            readers: RefCell::default(),
        }
    }

    /// Whether the files of a stage get into an image.
    pub fn is_kept(&self, stage: usize) -> bool {
        self.kept[stage]
    }

    /// Whether an instruction up to `at` has a word that settles something elsewhere: in a configuration file
    /// that it writes, or an option.
    pub fn is_settled(&self, at: usize, words: &[&str]) -> bool {
        SETTINGS
            .iter()
            .zip(&self.settings)
            .any(|(word, first)| words.contains(word) && first.is_some_and(|first| first <= at))
    }

    /// The line of a RUN from `at` on that installs from the cache of a package manager.
    pub fn offline_reader(&self, at: usize, manager: &PackageManager) -> Option<usize> {
        let (last, line) = self.offline.get(manager.programs.first()?.as_str())?;
        (*last >= at).then_some(*line)
    }

    /// The line of an instruction from `at` on that names a cache folder, other than to remove or make it:
    /// it would not find what it names.
    pub fn cache_user(&self, at: usize, manager: &'static PackageManager) -> Option<usize> {
        let mut known = self.cache_users.borrow_mut();
        let users = known.entry(manager.id.as_str()).or_insert_with(|| self.users_of(manager));
        users.get(users.partition_point(|(index, _)| *index < at)).map(|(_, line)| *line)
    }

    fn users_of(&self, manager: &PackageManager) -> Vec<(usize, usize)> {
        let caches: Vec<String> = manager.cache.iter().map(|cache| home(cache)).collect();
        let names = |path: &str| {
            caches.iter().any(|cache| {
                // `~/.cache` is shared by many: a folder in it says nothing.
                path.strip_prefix(cache.as_str()).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with('/') && !cache.ends_with("/.cache")
                })
            })
        };
        let users = self.touched.iter().filter(|(.., path)| names(path));
        users.map(|(at, line, _)| (*at, *line)).collect()
    }

    /// What the instructions behind `at` do with an index: in its stage, those built on it, and those that
    /// copy it.
    pub fn reader_after(&self, stage: usize, at: usize, manager: &'static PackageManager) -> Reader {
        let range = self.stages[stage].instructions.clone();
        let key = (stage, manager.lists.as_str());
        let known = self.readers.borrow().get(&key).cloned();
        let readers = known.unwrap_or_else(|| {
            let readers = Rc::new(self.readers_of(stage, manager));
            self.readers.borrow_mut().insert(key, Rc::clone(&readers));
            readers
        });
        readers.get(at - range.start).cloned().unwrap_or(Reader::None)
    }

    /// For each instruction of a stage, what happens behind it.
    fn readers_of(&self, stage: usize, manager: &'static PackageManager) -> Vec<Reader> {
        let range = self.stages[stage].instructions.clone();
        let mut readers = vec![readers_elsewhere(self, stage, manager)];
        for at in range.skip(1).rev() {
            let next = reader_at(self, stage, at, manager).then(|| readers.last().cloned());
            readers.push(next);
        }
        readers.reverse();
        readers
    }
}

/// The cache-like folders that an instruction names and that have to be there for it.
fn touched(instruction: &Instruction) -> Box<dyn Iterator<Item = String> + '_> {
    match instruction.kind() {
        Kind::Copy(transfer) if instruction.flag("from").is_some() => {
            Box::new(transfer.sources.iter().map(|source| folder(&source.raw)))
        }
        _ => match instruction.script() {
            Some(Ok(script)) => Box::new(
                script
                    .commands()
                    .iter()
                    .filter(|simple| !may_lack(simple))
                    .flat_map(|simple| simple.words.iter().skip(1))
                    .filter(|word| word.raw.contains('/'))
                    .map(|word| folder(&word.raw)),
            ),
            _ => Box::new(std::iter::empty()),
        },
    }
}

/// Whether a command is content where a folder that it names is not there.
fn may_lack(simple: &SimpleCommand) -> bool {
    let Some((program, _)) = program_word(simple) else { return false };
    let forced = || simple.words.iter().any(|word| word.raw.starts_with('-') && word.raw.contains('f'));
    match simple.words[program].literal.as_deref() {
        Some("rm") => forced(),
        Some("mkdir" | "echo" | "install") => true,
        _ => false,
    }
}

fn folder(raw: &str) -> String {
    let path = raw.replace(['"', '\''], "").replace("${HOME}", "~").replace("$HOME", "~");
    home(&path)
}

/// It is shipped, or a stage that is copies all of it.
fn is_kept(situation: Situation<'_>, stages: &[Stage], stage: &StageFacts) -> bool {
    let copies_all = |reader: usize| {
        situation.tree.instructions[stages[reader].instructions.clone()].iter().any(|instruction| {
            let Kind::Copy(transfer) = instruction.kind() else { return false };
            let from = instruction.flag("from");
            from.and_then(|from| Dockerfile::stage_of(stages, from, reader, true)) == Some(stage.stage.number)
                && transfer.sources.iter().any(|source| matches!(source.raw.as_str(), "/" | "/*" | "/."))
        })
    };
    stage.shipped
        || stage.readers.iter().any(|&reader| situation.facts.stages[reader].shipped && copies_all(reader))
}
