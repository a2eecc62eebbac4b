//! Commands of shell scripts and argument lists.

use super::{Need, Use};
use crate::facts::program_word;
use crate::knowledge::{PROCESS_CALLS, Wrapper};
use crate::project::python::Place;
use dfix_syntax::shell::{CompoundKind, Element, Script, SimpleCommand, Word};

/// What the shell does itself (POSIX.1-2024, 1.7 and 2.15; Bash Reference Manual, 4 Shell Builtin Commands).
const BUILT_IN: [&str; 46] = [
    ":",
    ".",
    "[",
    "[[",
    "alias",
    "bg",
    "bind",
    "break",
    "cd",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "jobs",
    "kill",
    "let",
    "local",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "test",
    "times",
    "trap",
    "true",
    "typeset",
    "ulimit",
    "umask",
    "unset",
    "wait",
];

const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"];

/// How deep a command in a command is looked into.
const DEEPEST: usize = 6;

/// What a script needs, with the offset of each command in it.
#[must_use]
pub fn script_needs(script: &Script) -> Vec<(usize, Need)> {
    script_needs_at(script, 0)
}

/// What a command needs that is given as a list of words; `None` stands for a computed one.
#[must_use]
pub fn argv_needs(words: &[Option<&str>]) -> Vec<Need> {
    let mut needs = Vec::new();
    argv(words, 0, &mut needs);
    needs
}

/// What a text for the shell needs.
pub(super) fn text_needs(text: &str) -> Vec<Need> {
    text_needs_at(text, 0)
}

fn text_needs_at(text: &str, depth: usize) -> Vec<Need> {
    match Script::parse(text) {
        Ok(script) if depth < DEEPEST => {
            script_needs_at(&script, depth).into_iter().map(|(_, need)| need).collect()
        }
        _ => vec![Need::Computed],
    }
}

fn script_needs_at(script: &Script, depth: usize) -> Vec<(usize, Need)> {
    let mut found = Vec::new();
    let functions = functions(script);
    for simple in script.commands() {
        let mut needs = Vec::new();
        let words = literals(simple);
        if !words.first().is_some_and(|first| first.is_some_and(|name| functions.contains(&name))) {
            argv(&words, depth, &mut needs);
        }
        // `curl … | sh` runs what nobody has seen.
        let program = program_word(simple).and_then(|(at, _)| words.get(at..)).unwrap_or_default();
        if simple.in_pipeline && reads_program(program) {
            needs.push(Need::Computed);
        }
        needs.extend(simple.words.iter().skip(1).filter_map(file));
        needs.extend(simple.redirections.iter().filter_map(|one| one.target.as_ref()).filter_map(file));
        needs.extend(simple.assignments.iter().filter_map(|assignment| file(&assignment.value)));
        found.extend(needs.into_iter().map(|need| (simple.span.start, need)));
    }
    for nested in script.substitution_commands() {
        let words: Vec<Option<&str>> = nested.words.iter().map(Option::as_deref).collect();
        let mut needs = Vec::new();
        argv(&words, depth, &mut needs);
        found.extend(needs.into_iter().map(|need| (0, need)));
    }
    if script.has_unknown_substitution() {
        found.push((0, Need::Computed));
    }
    found
}

/// Whether a command is an interpreter that is given no program other than its input.
fn reads_program(words: &[Option<&str>]) -> bool {
    let Some((Some(name), rest)) = words.split_first() else { return false };
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let interprets = SHELLS.contains(&name) || matches!(name, "python" | "node" | "perl" | "ruby" | "php");
    let program =
        |word: &Option<&str>| !word.is_some_and(|word| word.starts_with('-') && !word.contains('c'));
    let stands_for_input = rest.iter().any(|word| matches!(word, Some("-" | "-s")));
    interprets && (stands_for_input || !rest.iter().any(program))
}

/// The names of functions that a script defines.
fn functions(script: &Script) -> Vec<&str> {
    let elements =
        script.lists().iter().flat_map(|list| &list.pipelines).flat_map(|pipeline| &pipeline.elements);
    elements
        .filter_map(|element| {
            let Element::Compound { kind: CompoundKind::FunctionDefinition, span, .. } = element else {
                return None;
            };
            let text = script.text().get(span.clone())?;
            let text = text.strip_prefix("function ").unwrap_or(text).trim_start();
            text.split(|c: char| c == '(' || c.is_whitespace()).next()
        })
        .collect()
}

/// The literal words of a command. `"$@"` at its end stands for arguments that are looked at where they are given.
fn literals(simple: &SimpleCommand) -> Vec<Option<&str>> {
    let mut words: Vec<Option<&str>> = Vec::new();
    for word in &simple.words {
        if word.literal.is_none()
            && word.variables.iter().all(|name| matches!(name.as_str(), "@" | "*"))
            && !word.variables.is_empty()
            && !word.has_substitution
        {
            break;
        }
        words.push(word.literal.as_deref());
    }
    words
}

/// A word that names a file of the system.
fn file(word: &Word) -> Option<Need> {
    let value = word.literal.as_deref()?;
    let value =
        value.split_once('=').filter(|(name, _)| name.starts_with('-')).map_or(value, |(_, value)| value);
    is_system_path(value).then(|| Need::File(value.to_owned()))
}

/// Whether a text is the absolute name of a file that the image brings rather than the application.
pub(super) fn is_system_path(text: &str) -> bool {
    ["/usr/", "/etc/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/"]
        .iter()
        .any(|start| text.starts_with(start))
        && !text.contains(char::is_whitespace)
}

fn argv(words: &[Option<&str>], depth: usize, needs: &mut Vec<Need>) {
    let Some(&first) = words.first() else { return };
    let Some(name) = first else {
        needs.push(Need::Computed);
        return;
    };
    let rest = &words[1..];
    let base = name.rsplit('/').next().unwrap_or(name);
    if depth > DEEPEST {
        needs.push(Need::Computed);
        return;
    }
    match base {
        "command" | "type" | "which" | "hash"
            if base != "command" || rest.iter().flatten().any(|word| matches!(*word, "-v" | "-V")) =>
        {
            // Who asks for a command goes on to call it.
            needs.extend(
                operands(rest).map(|word| word.map_or(Need::Computed, |word| Need::Command(word.to_owned()))),
            );
        }
        "eval" => match rest.iter().copied().collect::<Option<Vec<&str>>>() {
            Some(words) => needs.extend(text_needs_at(&words.join(" "), depth + 1)),
            None => needs.push(Need::Computed),
        },
        "." | "source" => match operands(rest).next() {
            Some(Some(path)) => needs.push(Need::Script(path.to_owned())),
            Some(None) => needs.push(Need::Computed),
            None => {}
        },
        _ if BUILT_IN.contains(&base) && !name.contains('/') => {}
        _ => {
            let wrapper = wrapper_of(base, rest);
            if !wrapper.is_some_and(|wrapper| wrapper.names.iter().any(|known| known == "exec")) {
                needs.push(Need::Command(name.to_owned()));
            }
            match wrapper {
                Some(wrapper) => argv(behind(wrapper, rest), depth + 1, needs),
                None => arguments(base, rest, depth, needs),
            }
        }
    }
}

/// What a command needs beyond itself, by its arguments.
fn arguments(base: &str, rest: &[Option<&str>], depth: usize, needs: &mut Vec<Need>) {
    let known = || rest.iter().copied().flatten();
    let interpreter = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match interpreter {
        shell if SHELLS.contains(&shell) => run_shell(rest, depth, needs),
        "su" => {
            if known().any(|word| matches!(word, "-" | "-l" | "--login")) {
                needs.push(Need::LoginShell);
            }
            if let Some(at) = rest.iter().position(|word| matches!(word, Some("-c" | "--command"))) {
                match rest.get(at + 1).copied().flatten() {
                    Some(text) => needs.extend(text_needs_at(text, depth + 1)),
                    None => needs.push(Need::Computed),
                }
            }
        }
        "find" => {
            for (at, _) in
                rest.iter().enumerate().filter(|(_, word)| matches!(word, Some("-exec" | "-execdir" | "-ok")))
            {
                argv(&rest[at + 1..], depth + 1, needs);
            }
        }
        "service" => {
            needs.extend(operands(rest).next().flatten().map(|name| Need::Command(name.to_owned())));
        }
        "tar" => needs.extend(tar(rest).map(|name| Need::Command(name.to_owned()))),
        "npm" | "yarn" | "pnpm" | "bun" => needs.extend(package_script(interpreter, rest)),
        "python" | "pypy" | "node" | "nodejs" | "perl" | "ruby" | "php" | "tsx" | "ts-node" => {
            // `-m module`, `-c code`, `-e code` are not files.
            let code = known()
                .take_while(|word| word.starts_with('-'))
                .any(|word| matches!(word, "-m" | "-c" | "-e" | "-p" | "--eval" | "--print"));
            if let ("python" | "pypy", Some(at)) =
                (interpreter, rest.iter().position(|word| *word == Some("-m")).filter(|_| code))
            {
                needs.extend(rest.get(at + 1).copied().flatten().map(|name| Need::Module(name.to_owned())));
            }
            if let Some(Some(path)) = operands(rest).next().filter(|_| !code) {
                needs.push(Need::Script(path.to_owned()));
            }
        }
        _ => {}
    }
}

fn run_shell(rest: &[Option<&str>], depth: usize, needs: &mut Vec<Need>) {
    let mut text = false;
    for word in rest {
        match word {
            Some(word) if word.starts_with('-') || word.starts_with('+') => {
                let short = word.starts_with('-') && !word.starts_with("--");
                text |= short && word.contains('c');
                if *word == "--login" || short && word.contains('l') {
                    needs.push(Need::LoginShell);
                }
            }
            // `set -o` and the like take a word, which can't be mistaken for a script.
            Some("errexit" | "pipefail" | "nounset" | "xtrace") => {}
            Some(word) if text => {
                needs.extend(text_needs_at(word, depth + 1));
                return;
            }
            Some(word) => {
                needs.push(Need::Script((*word).to_owned()));
                return;
            }
            None => {
                needs.push(Need::Computed);
                return;
            }
        }
    }
}

fn operands<'w>(words: &'w [Option<&'w str>]) -> impl Iterator<Item = Option<&'w str>> {
    words.iter().copied().filter(|word| !word.is_some_and(|word| word.starts_with('-')))
}

/// The programs that tar starts to pack and unpack (tar(1), Compression options).
fn tar(rest: &[Option<&str>]) -> impl Iterator<Item = &'static str> {
    let mut programs = Vec::new();
    for (at, word) in rest.iter().enumerate() {
        let Some(word) = word else { continue };
        let options = word.strip_prefix('-').filter(|word| !word.starts_with('-'));
        let options =
            options.or_else(|| Some(*word).filter(|word| at == 0 && !word.contains(['-', '.', '/'])));
        for (program, letter, long, endings) in [
            ("gzip", 'z', "--gzip", &[".tar.gz", ".tgz"][..]),
            ("bzip2", 'j', "--bzip2", &[".tar.bz2", ".tbz", ".tbz2"]),
            ("xz", 'J', "--xz", &[".tar.xz", ".txz", ".tar.lzma"]),
            ("zstd", '\0', "--zstd", &[".tar.zst"]),
        ] {
            if options.is_some_and(|options| options.contains(letter))
                || *word == long
                || endings.iter().any(|ending| word.ends_with(ending))
            {
                programs.push(program);
            }
        }
    }
    programs.into_iter()
}

/// The script of package.json that a package manager runs (npm, Yarn and pnpm documentation: `run`, `start`, `test`).
fn package_script(manager: &str, rest: &[Option<&str>]) -> Option<Need> {
    let mut words = operands(rest);
    let verb = words.next()?;
    match verb? {
        "run" | "run-script" => {
            Some(words.next()?.map_or(Need::Computed, |name| Need::PackageScript(name.to_owned())))
        }
        verb @ ("start" | "test" | "stop" | "restart") => Some(Need::PackageScript(verb.to_owned())),
        // Yarn, pnpm and Bun run a script by its name alone.
        verb if manager != "npm" => Some(Need::PackageScript(verb.to_owned())),
        _ => None,
    }
}

/// The row of a command that starts the one behind it.
fn wrapper_of(base: &str, rest: &[Option<&str>]) -> Option<&'static Wrapper> {
    PROCESS_CALLS.wrapper.iter().find(|wrapper| {
        wrapper.names.iter().any(|name| name == base)
            && (!wrapper.needs_verb
                || operands(rest)
                    .next()
                    .flatten()
                    .is_some_and(|verb| wrapper.verbs.iter().any(|known| known == verb)))
    })
}

/// The command behind a wrapper and its options.
fn behind<'w>(wrapper: &Wrapper, rest: &'w [Option<&'w str>]) -> &'w [Option<&'w str>] {
    let mut at = 0;
    let mut left = wrapper.operands;
    while let Some(word) = rest.get(at) {
        match word {
            Some("--") => return &rest[at + 1..],
            Some(word) if word.starts_with('-') => {
                at += usize::from(wrapper.value_options.iter().any(|option| option == word));
            }
            Some(word) if wrapper.assignments && word.contains('=') => {}
            Some(word) if wrapper.verbs.iter().any(|verb| verb == word) => {}
            _ if left > 0 => left -= 1,
            _ => return &rest[at..],
        }
        at += 1;
    }
    &[]
}

/// What the first line of a file (`#!`) needs.
pub(super) fn shebang(path: &str, text: &str) -> Option<Use> {
    let line = text.lines().next()?;
    let mut words = line.strip_prefix("#!")?.split_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    let place = Place { path: path.to_owned(), line: 1, text: line.trim().to_owned() };
    Some(Use { need: Need::Command(program.to_owned()), place })
}

/// Whether a file is a shell script.
pub(super) fn is_script(path: &str, text: &str) -> bool {
    let shell = text.lines().next().and_then(|line| line.strip_prefix("#!")).is_some_and(|line| {
        line.split_whitespace().any(|word| SHELLS.contains(&word.rsplit('/').next().unwrap_or(word)))
    });
    shell || [".sh", ".bash"].iter().any(|end| path.ends_with(end))
}

/// What a file with a shell script needs.
pub(super) fn file_needs(path: &str, text: &str) -> Vec<Use> {
    let place = |line: usize| Place {
        path: path.to_owned(),
        line,
        text: text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned(),
    };
    let unix = text.replace("\r\n", "\n");
    let mut uses: Vec<Use> = match Script::parse(&unix) {
        Ok(script) => script_needs(&script)
            .into_iter()
            .map(|(offset, need)| Use { need, place: place(unix[..offset].matches('\n').count() + 1) })
            .collect(),
        Err(error) => {
            let line = unix.get(..error.offset).map_or(1, |before| before.matches('\n').count() + 1);
            vec![Use { need: Need::Computed, place: place(line) }]
        }
    };
    let login = text
        .lines()
        .next()
        .filter(|line| line.starts_with("#!") && (line.contains(" -l") || line.contains("--login")));
    if login.is_some() {
        uses.push(Use { need: Need::LoginShell, place: place(1) });
    }
    uses
}
