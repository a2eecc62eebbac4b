//! What a command line of a Node application starts, scripts of `package.json` followed through.

use super::node::Package;
use super::placement::source_of;
use crate::facts::{join, program_word};
use crate::knowledge::NODE_PACKAGES;
use crate::plan::Situation;
use dfix_syntax::shell::Script;
use dfix_syntax::{CommandForm, Instruction};

/// A program that is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The command, as it is looked up.
    pub name: String,
    /// The file that it is given to run, where it is Node.
    pub file: Option<String>,
    /// Where it is started, in words.
    pub place: String,
    /// Whether it is looked up among the commands of packages (`node_modules/.bin`) first.
    pub local: bool,
}

/// What a command line starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Started {
    /// The programs, in order.
    pub programs: Vec<Program>,
    /// What could not be followed, in words.
    pub unknown: Vec<String>,
}

/// Scripts that call scripts end somewhere.
const DEPTH: usize = 8;

/// How places of scripts of package.json begin.
const SCRIPT: &str = "the script";

/// Who provides a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// The image: a shell, Node itself, a tool of the system.
    Image,
    /// A package that is needed to run.
    Production(String),
    /// A package that is only needed for development.
    Development(String),
    /// Not known.
    Unknown,
}

/// Programs that every image with Node has: those of the package `coreutils` and of the official images.
const IN_THE_IMAGE: &[&str] = &[
    "[",
    "bash",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "date",
    "echo",
    "env",
    "exec",
    "exit",
    "export",
    "false",
    "find",
    "grep",
    "head",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mv",
    "node",
    "npm",
    "printf",
    "pwd",
    "rm",
    "rmdir",
    "sed",
    "set",
    "sh",
    "sleep",
    "sort",
    "tail",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "uniq",
    "wait",
    "wc",
    "which",
    "xargs",
    "cd",
    ":",
    "docker-entrypoint.sh",
    "awk",
    "yarn",
    "corepack",
];

/// Who provides a program to an application, by its `package.json`: a package of that name, or one that is
/// known for a command of that name.
#[must_use]
pub fn provider(package: &Package, program: &str) -> Provider {
    let of = |name: &str| {
        if package.needs(name) {
            Some(Provider::Production(name.to_owned()))
        } else if package.needs_for_development(name) {
            Some(Provider::Development(name.to_owned()))
        } else {
            None
        }
    };
    if IN_THE_IMAGE.contains(&program) {
        return Provider::Image;
    }
    let known = NODE_PACKAGES.package.iter().filter(|row| row.cli.iter().any(|cli| cli == program));
    of(program).or_else(|| known.filter_map(|row| of(&row.name)).next()).unwrap_or(Provider::Unknown)
}

/// What a CMD, an ENTRYPOINT, a HEALTHCHECK or a RUN starts. `folder` is the folder of the image that holds
/// `package.json`.
#[must_use]
pub fn started_by(situation: Situation<'_>, at: usize, package: &Package) -> Started {
    let instruction = &situation.tree.instructions[at];
    let mut follow = Follow { situation, at, package, found: Started::default() };
    let place = format!("line {}", instruction.line());
    follow.instruction(instruction, &place);
    follow.found
}

/// What the scripts start that an install runs (`postinstall`, `prepare`).
#[must_use]
pub fn started_by_install(situation: Situation<'_>, at: usize, package: &Package) -> Started {
    let mut follow = Follow { situation, at, package, found: Started::default() };
    for (name, text) in package.lifecycle() {
        follow.text(text, &format!("{SCRIPT} \"{name}\" of package.json"), 0);
    }
    follow.found
}

struct Follow<'a> {
    situation: Situation<'a>,
    at: usize,
    package: &'a Package,
    found: Started,
}

impl Follow<'_> {
    fn instruction(&mut self, instruction: &Instruction, place: &str) {
        match instruction.command() {
            Some(CommandForm::Exec(words)) => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                self.words(&words, place, 0);
            }
            Some(CommandForm::Shell(_)) => match instruction.script() {
                Some(Ok(script)) => self.script(script, place, 0),
                Some(Err(_)) => self.found.unknown.push(format!("the script of {place}")),
                None => {}
            },
            None => {}
        }
    }

    fn text(&mut self, text: &str, place: &str, depth: usize) {
        match Script::parse(text) {
            Ok(script) => self.script(&script, place, depth),
            Err(_) => self.found.unknown.push(format!("the script of {place}")),
        }
    }

    fn script(&mut self, script: &Script, place: &str, depth: usize) {
        if script.has_unknown_substitution() {
            self.found.unknown.push(format!("a substitution in {place}"));
        }
        for nested in script.substitution_commands() {
            match nested.words.first() {
                Some(Some(name)) => self.program(name, None, place),
                _ => self.found.unknown.push(format!("a computed command in {place}")),
            }
        }
        for simple in script.commands() {
            let Some((first, _)) = program_word(simple) else {
                if !simple.words.is_empty() {
                    self.found.unknown.push(format!("`{}` in {place}", simple.words[0].raw));
                }
                continue;
            };
            let words: Vec<&str> = simple.words[first..]
                .iter()
                .map(|word| word.literal.as_deref().unwrap_or(word.raw.as_str()))
                .collect();
            self.words(&words, place, depth);
        }
    }

    fn program(&mut self, name: &str, file: Option<&str>, place: &str) {
        self.program_of(name, file, place, false);
    }

    fn program_of(&mut self, name: &str, file: Option<&str>, place: &str, local: bool) {
        let (name, local) = match name.rsplit_once("node_modules/.bin/") {
            Some((_, name)) => (name, true),
            // npm, Yarn and pnpm put node_modules/.bin on the PATH of a script.
            None => (name.rsplit('/').next().unwrap_or(name), local || place.starts_with(SCRIPT)),
        };
        let program =
            Program { name: name.to_owned(), file: file.map(str::to_owned), place: place.to_owned(), local };
        if !self.found.programs.contains(&program) {
            self.found.programs.push(program);
        }
    }

    fn words(&mut self, words: &[&str], place: &str, depth: usize) {
        let Some((&name, rest)) = words.split_first() else { return };
        if depth > DEPTH {
            self.found.unknown.push(format!("scripts of package.json that call each other ({place})"));
            return;
        }
        let operand = || rest.iter().find(|word| !word.starts_with('-')).copied();
        match name {
            "npm" | "pnpm" | "yarn" | "bun" => self.manager(name, rest, place, depth),
            "npx" | "bunx" => match operand() {
                Some(command) => {
                    let name = command.split('@').next().filter(|name| !name.is_empty());
                    self.program_of(name.unwrap_or(command), None, place, true);
                }
                None => self.found.unknown.push(format!("`{name}` in {place}")),
            },
            "node" => {
                let inline = rest.iter().any(|word| matches!(*word, "-e" | "--eval" | "-p" | "--print"));
                self.program("node", operand().filter(|_| !inline), place);
            }
            "sh" | "bash" | "ash" | "dash" => {
                let inline = rest.iter().position(|word| word.starts_with('-') && word.ends_with('c'));
                match (inline.and_then(|at| rest.get(at + 1)), operand()) {
                    (Some(text), _) => self.text(text, place, depth + 1),
                    (None, Some(file)) => self.file(file, place, depth),
                    (None, None) => self.found.unknown.push(format!("`{name}` in {place}")),
                }
            }
            // What stands behind their own words is run.
            "exec"
            | "cross-env"
            | "tini"
            | "dumb-init"
            | "docker-entrypoint.sh"
            | "docker-entrypoint"
            | "time" => {
                if name == "cross-env" {
                    self.program(name, None, place);
                }
                let start = rest.iter().position(|word| !word.starts_with('-') && !word.contains('='));
                if let Some(start) = start {
                    self.words(&rest[start..], place, depth + 1);
                }
            }
            _ if name.contains('$') || name.contains('`') => {
                self.found.unknown.push(format!("`{name}` in {place}"));
            }
            _ if name.ends_with(".sh") => self.file(name, place, depth),
            _ => self.program(name, None, place),
        }
    }

    /// A script file of the context.
    fn file(&mut self, file: &str, place: &str, depth: usize) {
        let workdir = self.situation.facts.at(self.at).workdir.clone();
        let path = join(workdir.as_deref(), file)
            .and_then(|path| source_of(self.situation, self.at, &path))
            .or_else(|| self.basename_in_usual_places(file));
        let text = path.as_deref().and_then(|path| self.situation.context?.text(path));
        match (path, text) {
            (Some(path), Some(text)) => self.text(&text, &path, depth + 1),
            _ => self
                .found
                .unknown
                .push(format!("{file}, which {place} runs, was not found in the build context")),
        }
    }

    /// A bare name is looked up in PATH.
    fn basename_in_usual_places(&self, file: &str) -> Option<String> {
        if file.contains('/') {
            return None;
        }
        ["/usr/local/bin", "/usr/bin", "/bin", ""]
            .iter()
            .find_map(|folder| source_of(self.situation, self.at, &format!("{folder}/{file}")))
    }

    fn manager(&mut self, name: &str, rest: &[&str], place: &str, depth: usize) {
        // yarn and corepack are in the images; pnpm and bun have to be there.
        self.program(name, None, place);
        let mut operands = rest.iter().filter(|word| !word.starts_with('-')).copied();
        let Some(verb) = operands.next() else { return };
        match verb {
            "run" | "run-script" => {
                if let Some(script) = operands.next() {
                    self.package_script(script, place, depth, true);
                }
            }
            "start" | "test" | "stop" | "restart" => self.package_script(verb, place, depth, true),
            "exec" | "x" | "dlx" => match operands.next() {
                Some(command) => self.program_of(command, None, place, true),
                None => self.found.unknown.push(format!("`{name} {verb}` in {place}")),
            },
            "install" | "i" | "ci" | "add" | "cache" | "config" | "set" | "prune" | "rebuild" | "fetch" => {}
            other if name != "npm" => self.package_script(other, place, depth, false),
            _ => {}
        }
    }

    /// A script with the ones before and after it; `only` is whether nothing else can be meant.
    fn package_script(&mut self, script: &str, place: &str, depth: usize, only: bool) {
        let mut found = false;
        for name in [format!("pre{script}"), script.to_owned(), format!("post{script}")] {
            if let Some(text) = self.package.scripts.get(&name).cloned() {
                found |= name == script;
                self.text(&text, &format!("{SCRIPT} \"{name}\" of package.json"), depth + 1);
            }
        }
        match (found, only) {
            (true, _) => {}
            // npm's own default (npm documentation, npm-start).
            (false, true) if script == "start" => self.program("node", Some("server.js"), place),
            (false, true) => {
                self.found.unknown.push(format!("package.json has no script \"{script}\" ({place})"))
            }
            (false, false) => self.program_of(script, None, place, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BuildContext, Facts, Options, Style};
    use dfix_syntax::Dockerfile;

    fn started(last: &str, package: &str) -> (Vec<String>, usize) {
        let tree = Dockerfile::parse(&format!("FROM node:18\nWORKDIR /app\nCOPY . .\n{last}\n")).unwrap();
        let facts = Facts::of(&tree);
        let context = BuildContext::of_texts([
            ("package.json", package),
            ("start.sh", "#!/bin/sh\nset -e\nnpx prisma migrate deploy\nexec node dist/main.js \"$@\"\n"),
        ]);
        let (options, style) = (Options::default(), Style::of(&tree));
        let situation = Situation {
            tree: &tree,
            facts: &facts,
            context: Some(&context),
            options: &options,
            style: &style,
        };
        let package = Package::parse("package.json", package).unwrap();
        let found = started_by(situation, tree.instructions.len() - 1, &package);
        let mut programs: Vec<String> = Vec::new();
        for program in found.programs {
            let text = program.file.map_or(program.name.clone(), |file| format!("{} {file}", program.name));
            if !programs.contains(&text) {
                programs.push(text);
            }
        }
        (programs, found.unknown.len())
    }

    #[test]
    fn follows_scripts() {
        let package = r#"{"scripts": {"start": "next start", "prestart": "npm run build", "build": "next build",
            "dev": "cross-env A=1 nodemon src", "loop": "npm run loop"}}"#;
        let cases: &[(&str, &[&str], usize)] = &[
            ("CMD [\"npm\", \"start\"]", &["npm", "next"], 0),
            ("CMD npm run dev", &["npm", "cross-env", "nodemon"], 0),
            ("CMD [\"node\", \"--max-old-space-size=1\", \"dist/main.js\"]", &["node dist/main.js"], 0),
            ("CMD yarn next start", &["yarn", "next"], 0),
            ("CMD [\"./start.sh\"]", &["set", "prisma", "node dist/main.js"], 0),
            ("CMD [\"sh\", \"-c\", \"npx serve -s build\"]", &["serve"], 0),
            ("CMD $START", &[], 1),
            ("CMD [\"./other.sh\"]", &[], 1),
            ("CMD npm run nothing", &["npm"], 1),
            ("CMD npm run loop", &["npm"], 1),
            ("CMD ./node_modules/.bin/pm2-runtime x.js", &["pm2-runtime"], 0),
        ];
        for (last, programs, unknown) in cases {
            assert_eq!(
                started(last, package),
                (programs.iter().map(|&p| p.to_owned()).collect(), *unknown),
                "{last}"
            );
        }
    }

    #[test]
    fn knows_who_provides_a_program() {
        let package = Package::parse(
            "",
            r#"{"dependencies": {"next": "1"}, "devDependencies": {"typescript": "5", "vite": "5"}}"#,
        )
        .unwrap();
        assert_eq!(provider(&package, "next"), Provider::Production("next".to_owned()));
        assert_eq!(provider(&package, "vite"), Provider::Development("vite".to_owned()));
        assert_eq!(provider(&package, "tsc"), Provider::Development("typescript".to_owned()));
        assert_eq!(provider(&package, "node"), Provider::Image);
        assert_eq!(provider(&package, "mystery"), Provider::Unknown);
    }
}
