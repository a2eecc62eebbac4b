//! What an image can be seen to lack without running it: commands, libraries, interpreters.
//!
//! Only what the original has counts: what it lacks itself, it does without.

use super::elf::Loader;
use super::image::Image;
use super::outcome::{Check, Lack, Problem};
use super::tree::{Account, Tree};
use dfix_syntax::shell::Script;
use dfix_transforms::facts::program_word;
use dfix_transforms::knowledge::RUNTIME_LIBRARIES;
use std::collections::{BTreeMap, BTreeSet};

/// Folders of the distribution's own packages, which depend on each other in ways that hold.
const DISTRIBUTION: &[&str] = &[
    "/usr/lib/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/share/",
    "/usr/libexec/",
    "/lib/",
    "/lib64/",
    "/bin/",
    "/sbin/",
];

/// Words of a shell that are no program.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit",
    "export", "false", "getopts", "local", "printf", "pwd", "read", "return", "set", "shift", "source",
    "test", "trap", "true", "type", "ulimit", "umask", "unset", "wait",
];

/// Folders of packages of languages, whose scripts are for many occasions.
const PACKAGES: &[&str] = &["/node_modules/", "/site-packages/", "/dist-packages/"];

/// What was seen.
#[derive(Debug, Default)]
pub struct Looked {
    /// What the second image lacks, and the first has.
    pub problems: Vec<Problem>,
    /// What it lacks where that need not matter.
    pub notes: Vec<String>,
    /// How many files were looked into.
    pub files: usize,
}

/// Looks at the second image, with the first to compare. `base` is how many layers of the second are its base
/// image's: what a smaller base image lacks for its own files matters only where they are used.
pub fn compare(before: &Image, after: &Image, base: usize) -> Looked {
    let mut looked = Looked { problems: commands(before, after), ..Looked::default() };
    let (old, new) = (Lacking::of(before), Lacking::of(after));
    looked.files = new.looked_at;
    let finder = Finder { before: &before.tree, after: &after.tree };
    let of_base = |path: &str| after.tree.entries.get(path).is_some_and(|entry| entry.layer < base);
    let (based, added): (Vec<_>, Vec<_>) =
        new.libraries.iter().filter(|lack| !old.has(&lack.0, &lack.1)).partition(|lack| of_base(&lack.0));
    for (library, users) in grouped(&added) {
        let lacks = finder.library(library);
        let holder = lacks.as_ref().map(|lack| format!(" (package {})", lack.package)).unwrap_or_default();
        let what = format!("{library}{holder}, which {} needs, is missing", some(&users));
        looked.problems.push(Problem { check: Check::Look, what, lacks });
    }
    if !based.is_empty() {
        let libraries: Vec<&str> = grouped(&based).into_keys().collect();
        let users: BTreeSet<&str> = based.iter().map(|(path, _)| name(path)).collect();
        let users: Vec<&str> = users.into_iter().collect();
        looked.notes.push(format!(
            "the base image itself lacks {}, for {}; the original's has it",
            some(&libraries),
            some(&users)
        ));
    }
    let (aside, own): (Vec<_>, Vec<_>) = new
        .interpreters
        .iter()
        .filter(|(script, interpreter)| !of_base(script) && !old.has_interpreter(script, interpreter))
        .partition(|(script, _)| PACKAGES.iter().any(|folder| script.contains(folder)));
    for (interpreter, scripts) in grouped(&own) {
        let lacks = finder.file(interpreter);
        let what = format!("{interpreter}, the interpreter of {}, is missing", some(&scripts));
        looked.problems.push(Problem { check: Check::Look, what, lacks });
    }
    for (interpreter, scripts) in grouped(&aside) {
        looked.notes.push(format!("{interpreter} is missing, the interpreter of {}", some(&scripts)));
    }
    looked
}

/// Who lacks something, by what that is.
fn grouped<'l>(lacks: &[&'l (String, String)]) -> BTreeMap<&'l str, Vec<&'l str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (who, what) in lacks {
        groups.entry(what).or_default().push(who);
    }
    groups
}

fn some(names: &[&str]) -> String {
    match names {
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
        [] => String::new(),
    }
}

/// What an image lacks.
struct Lacking {
    /// Who, and which library.
    libraries: Vec<(String, String)>,
    /// Which script, and which interpreter.
    interpreters: Vec<(String, String)>,
    looked_at: usize,
}

impl Lacking {
    fn of(image: &Image) -> Self {
        let mut lacking = Self { libraries: Vec::new(), interpreters: Vec::new(), looked_at: 0 };
        let mut loader = Loader::of(&image.tree, image.config.variable("LD_LIBRARY_PATH"));
        for (path, entry) in &image.tree.entries {
            if DISTRIBUTION.iter().any(|folder| path.starts_with(folder)) {
                continue;
            }
            if entry.elf.is_some() {
                lacking.looked_at += 1;
                lacking
                    .libraries
                    .extend(loader.missing(path).into_keys().map(|library| (path.clone(), library)));
            } else if let Some(line) = entry.script.as_deref().filter(|_| entry.mode & 0o111 != 0) {
                lacking.looked_at += 1;
                if let Some(interpreter) = missing_interpreter(image, line) {
                    lacking.interpreters.push((path.clone(), interpreter));
                }
            }
        }
        lacking
    }

    /// Whether a file of this name lacks the library: it may lie elsewhere in the other image.
    fn has(&self, path: &str, library: &str) -> bool {
        self.libraries.iter().any(|(known, lacks)| lacks == library && name(known) == name(path))
    }

    fn has_interpreter(&self, path: &str, interpreter: &str) -> bool {
        self.interpreters
            .iter()
            .any(|(known, lacks)| name(lacks) == name(interpreter) && name(known) == name(path))
    }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The interpreter that the first line of a script names, where the image has none.
fn missing_interpreter(image: &Image, line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let interpreter = words.next().filter(|word| word.starts_with('/'))?;
    if image.tree.get(interpreter).is_none() {
        return Some(interpreter.to_owned());
    }
    if name(interpreter) != "env" {
        return None;
    }
    let program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    let root = Account { uid: 0, groups: vec![0] };
    find_command(image, program, &root).is_none_or(|found| found.is_err()).then(|| program.to_owned())
}

/// Looks for what ENTRYPOINT, CMD and HEALTHCHECK start, as the user that they run as.
fn commands(before: &Image, after: &Image) -> Vec<Problem> {
    let mut problems = Vec::new();
    let user = &after.config.user;
    let Some(account) = after.tree.account(user) else {
        let knows = before.tree.account(&before.config.user).is_some();
        if knows {
            let user = user.split(':').next().unwrap_or_default();
            problems.push(Problem::new(Check::Look, format!("USER {user} does not exist in the image")));
        }
        return problems;
    };
    let finder = Finder { before: &before.tree, after: &after.tree };
    let own = before.tree.account(&before.config.user).unwrap_or(Account { uid: 0, groups: vec![0] });
    let worked: BTreeSet<String> = started(before)
        .into_iter()
        .filter(|(_, command)| matches!(find_command(before, command, &own), Some(Ok(_))))
        .map(|(_, command)| command)
        .collect();
    let same_start = before.config.command() == after.config.command();
    for (place, command) in started(after) {
        // What the original starts and does not find is not looked for; what is new has to be there.
        if same_start && !worked.contains(&command) {
            continue;
        }
        let who = if account.uid == 0 { String::new() } else { format!(" as user {}", account.uid) };
        match find_command(after, &command, &account) {
            Some(Ok(_)) => {}
            Some(Err(reason)) => {
                problems.push(Problem::new(
                    Check::Look,
                    format!("{place} can't start `{command}`{who}: {reason}"),
                ));
            }
            None => {
                let lacks = match find_command(before, &command, &own) {
                    Some(Ok(path)) => finder.file(&path),
                    _ => None,
                };
                let what = format!("{place} can't start `{command}`{who}: it is not on PATH");
                problems.push(Problem { check: Check::Look, what, lacks });
            }
        }
    }
    problems
}

/// The programs that an image starts, and by which instruction.
fn started(image: &Image) -> Vec<(&'static str, String)> {
    let config = &image.config;
    let mut found = Vec::new();
    let start =
        if config.entrypoint.as_ref().is_some_and(|words| !words.is_empty()) { "ENTRYPOINT" } else { "CMD" };
    programs(start, &config.command(), &mut found);
    if let Some([form, rest @ ..]) = config.health_command() {
        let words: Vec<&str> = match form.as_str() {
            "CMD-SHELL" => ["/bin/sh", "-c"].into_iter().chain(rest.iter().map(String::as_str)).collect(),
            _ => rest.iter().map(String::as_str).collect(),
        };
        programs("HEALTHCHECK", &words, &mut found);
    }
    found
}

fn programs(place: &'static str, words: &[&str], found: &mut Vec<(&'static str, String)>) {
    let Some(first) = words.first() else { return };
    found.push((place, (*first).to_owned()));
    // What the shell is given is looked into, as far as it can be read.
    let [shell, flag, text, ..] = words else { return };
    if !matches!(name(shell), "sh" | "bash" | "dash" | "ash")
        || !flag.starts_with('-')
        || !flag.ends_with('c')
    {
        return;
    }
    let Ok(script) = Script::parse(text) else { return };
    for simple in script.commands() {
        let Some((at, _)) = program_word(simple) else { continue };
        if let Some(program) = simple.words.get(at).and_then(|word| word.literal.as_deref())
            && !SHELL_WORDS.contains(&program)
            && !program.is_empty()
        {
            found.push((place, program.to_owned()));
        }
    }
}

/// Where a command is found: `None` where it isn't, `Some(Err(_))` where it is and may not be executed.
fn find_command(image: &Image, command: &str, account: &Account) -> Option<Result<String, String>> {
    let tree = &image.tree;
    if command.contains('/') {
        let folder = if image.config.working_dir.is_empty() { "/" } else { &image.config.working_dir };
        let path = if command.starts_with('/') { command.to_owned() } else { format!("{folder}/{command}") };
        tree.get(&path)?;
        return Some(tree.may_execute(&path, account).map(|()| path));
    }
    let path = image
        .config
        .variable("PATH")
        .unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let mut refused = None;
    for folder in path.split(':').filter(|folder| folder.starts_with('/')) {
        let path = format!("{folder}/{command}");
        if tree.get(&path).is_none() {
            continue;
        }
        match tree.may_execute(&path, account) {
            Ok(()) => return Some(Ok(path)),
            Err(reason) => drop(refused.get_or_insert(Err(reason))),
        }
    }
    refused
}

/// Finds out which package holds a file.
struct Finder<'t> {
    before: &'t Tree,
    after: &'t Tree,
}

impl Finder<'_> {
    /// The package of a library: the one that holds it in the original, else the one that is known for it.
    fn library(&self, library: &str) -> Option<Lack> {
        let held = Loader::of(self.before, None).find(library).and_then(|path| self.file(&path));
        held.or_else(|| {
            let release = release(self.after)?;
            let row = RUNTIME_LIBRARIES
                .library
                .iter()
                .find(|row| row.provides.iter().any(|provided| provided == library))?;
            let packages = row.debian.get(&release).or_else(|| row.ubuntu.get(&release))?;
            let [package] = &packages[..] else { return None };
            Some(Lack { package: package.clone(), file: library.to_owned() })
        })
    }

    /// The package that holds a file in the original, where both images are of the same release.
    fn file(&self, path: &str) -> Option<Lack> {
        if release(self.before)? != release(self.after)? {
            return None;
        }
        let real = self.before.resolve(path)?;
        // The lists name files as they were packed, before `/lib` became a link to `/usr/lib`.
        let bare = |path: &str| path.strip_prefix("/usr").unwrap_or(path).to_owned();
        let names = [bare(path), bare(&real)];
        let mut lists = self.before.texts.iter().filter(|(list, _)| list.starts_with("/var/lib/dpkg/info/"));
        let (list, _) = lists.find(|(_, text)| text.lines().any(|line| names.contains(&bare(line))))?;
        let package = name(list).trim_end_matches(".list").split(':').next()?;
        Some(Lack { package: package.to_owned(), file: path.to_owned() })
    }
}

/// The release of Debian or Ubuntu that an image stands on.
pub fn release(tree: &Tree) -> Option<String> {
    let text = tree.text("/etc/os-release")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(line.trim_matches('"').to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::elf::Elf;
    use crate::verify::image::{Config, Healthcheck};
    use crate::verify::tree::tests::{file, tree};

    fn image(files: &[(&str, u32)], config: Config) -> Image {
        let tree = tree(files.iter().map(|(path, mode)| (*path, file(), *mode, 0)));
        Image { config, history: Vec::new(), layers: Vec::new(), tree }
    }

    fn command(words: &[&str]) -> Config {
        Config { cmd: Some(words.iter().map(|&word| word.to_owned()).collect()), ..Config::default() }
    }

    fn told(before: &Image, after: &Image) -> Vec<String> {
        compare(before, after, 0).problems.into_iter().map(|problem| problem.what).collect()
    }

    fn with_text(mut image: Image, path: &str, text: &str) -> Image {
        for (path, entry) in tree([(path, file(), 0o644, 0)]).entries {
            image.tree.entries.entry(path).or_insert(entry);
        }
        image.tree.texts.insert(path.to_owned(), text.to_owned());
        image
    }

    #[test]
    fn the_command_has_to_be_there_for_the_user() {
        let files = [("/usr/local/bin/uvicorn", 0o755), ("/bin/sh", 0o755)];
        let before = image(&files, command(&["uvicorn", "main:app"]));
        assert_eq!(told(&before, &image(&files, command(&["uvicorn", "main:app"]))), [""; 0]);
        assert_eq!(
            told(&before, &image(&[("/bin/sh", 0o755)], command(&["uvicorn", "main:app"]))),
            ["CMD can't start `uvicorn`: it is not on PATH"]
        );
        let mut other = command(&["uvicorn", "main:app"]);
        other.user = "1000".to_owned();
        let closed = image(&[("/usr/local/bin/uvicorn", 0o700)], other);
        assert_eq!(
            told(&before, &closed),
            [
                "CMD can't start `uvicorn` as user 1000: /usr/local/bin/uvicorn may not be executed by user 1000 (mode 700)"
            ]
        );
        let shell = command(&["/bin/sh", "-c", "exec uvicorn main:app && curl x"]);
        assert_eq!(
            told(&image(&files, shell.clone()), &image(&files, shell)),
            [""; 0],
            "curl was not there before"
        );
    }

    #[test]
    fn what_a_healthcheck_calls_has_to_be_there() {
        let checked = |files: &[(&str, u32)]| {
            let mut config = command(&["node"]);
            let test = ["CMD-SHELL", "curl -f localhost || exit 1"].map(str::to_owned).to_vec();
            config.healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
            let image = image(files, config);
            let image = with_text(image, "/etc/os-release", "VERSION_CODENAME=bookworm\n");
            with_text(image, "/var/lib/dpkg/info/curl.list", "/.\n/usr/bin\n/usr/bin/curl\n")
        };
        let before = checked(&[("/bin/sh", 0o755), ("/usr/bin/node", 0o755), ("/usr/bin/curl", 0o755)]);
        let after = checked(&[("/bin/sh", 0o755), ("/usr/bin/node", 0o755)]);
        let problems = compare(&before, &after, 0).problems;
        assert_eq!(problems[0].what, "HEALTHCHECK can't start `curl`: it is not on PATH");
        assert_eq!(problems[0].lacks.as_ref().map(|lack| lack.package.as_str()), Some("curl"));
    }

    #[test]
    fn a_missing_library_is_named_with_its_package() {
        let made = |with: bool| {
            let mut image = with_text(
                image(&[("/opt/venv/a/_psycopg.so", 0o644)], Config::default()),
                "/etc/os-release",
                "VERSION_CODENAME=bookworm\n",
            );
            let elf = |needed: &[&str]| {
                let needed = needed.iter().map(|&name| name.to_owned()).collect();
                Some(Box::new(Elf { machine: (62, true), needed, ..Elf::default() }))
            };
            image.tree.entries.get_mut("/opt/venv/a/_psycopg.so").unwrap().elf = elf(&["libpq.so.5"]);
            if with {
                for (path, mut entry) in tree([("/usr/lib/libpq.so.5", file(), 0o644, 0)]).entries {
                    entry.elf = if entry.is_file() { elf(&[]) } else { None };
                    image.tree.entries.entry(path).or_insert(entry);
                }
            }
            image
        };
        let looked = compare(&made(true), &made(false), 0);
        assert_eq!(
            looked.problems[0].what,
            "libpq.so.5 (package libpq5), which /opt/venv/a/_psycopg.so needs, is missing"
        );
        assert_eq!(looked.files, 1);
        let looked = compare(&made(true), &made(false), 1);
        assert_eq!(looked.problems, [], "the file is the base image's");
        assert_eq!(
            looked.notes,
            ["the base image itself lacks libpq.so.5, for _psycopg.so; the original's has it"]
        );
        assert_eq!(told(&made(false), &made(false)), [""; 0], "the original does without");
    }

    #[test]
    fn an_interpreter_has_to_be_there() {
        let scripted = |files: &[(&str, u32)], line: &str| {
            let mut image = image(files, Config::default());
            image.tree.entries.get_mut("/app/run").unwrap().script = Some(line.into());
            image
        };
        let files = [("/app/run", 0o755), ("/bin/bash", 0o755), ("/usr/bin/env", 0o755)];
        let before = scripted(&files, "/bin/bash");
        assert_eq!(told(&before, &scripted(&files, "/bin/bash")), [""; 0]);
        let lost = scripted(&[files[0], files[2]], "/bin/bash");
        assert_eq!(told(&before, &lost), ["/bin/bash, the interpreter of /app/run, is missing"]);
        let by_env = |files: &[(&str, u32)]| scripted(files, "/usr/bin/env -S bash -e");
        assert_eq!(
            told(&by_env(&files), &by_env(&[files[0], files[2]])),
            ["bash, the interpreter of /app/run, is missing"]
        );
        assert_eq!(told(&lost, &lost), [""; 0]);
    }
}
