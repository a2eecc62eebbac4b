use super::*;

fn needs(files: &[(&str, &str)]) -> Vec<String> {
    let context = BuildContext::of_texts(files.iter().copied());
    describe(&Sources::of(&context, ""))
}

fn describe(sources: &Sources) -> Vec<String> {
    let modules = |one: &&Use| !matches!(one.need, Need::Module(_));
    sources
        .uses
        .iter()
        .filter(modules)
        .map(|one| {
            let what = match &one.need {
                Need::Command(name) => name.clone(),
                Need::Script(name) => format!("script {name}"),
                Need::PackageScript(name) => format!("npm {name}"),
                Need::Library(name) => format!("lib {name}"),
                Need::File(name) => format!("file {name}"),
                Need::Module(name) => format!("module {name}"),
                Need::LoginShell => "login".to_owned(),
                Need::Computed => "?".to_owned(),
            };
            format!("{}:{} {what}", one.place.path, one.place.line)
        })
        .collect()
}

#[test]
fn finds_calls_in_python() {
    let found = needs(&[(
        "app.py",
        r#"import subprocess, os as o
from subprocess import check_output as co, PIPE
import sh
from shutil import which
# subprocess.run(["comment"])
"subprocess.run(['text'])"
subprocess.run(["git", "log"], stdout=PIPE)
subprocess.Popen("convert a b | gzip > c", shell=True)
co(args=["ffmpeg", x])
o.system(f"tar xf {name} && make install")
subprocess.run([sys.executable, "-m", "x"])
CMD = ["hg", "id"]
subprocess.call(CMD)
subprocess.run(command)
subprocess.run(["bash", "-c", "svn up"])
sh.curl("x")
which("wkhtmltopdf")
subprocess.run(
    [
        "pdftotext",
    ]
)
subprocess.run(f"{tool} x", shell=True)
subprocess.run(shlex.split("wget x"))
thread(subprocess.run, ["x"])
run = subprocess.run
run(["gpg"])
except_ = subprocess.CalledProcessError
class Popen:
    def which(self): pass
subprocess.run("%s x" % tool, shell=True)
"#,
    )]);
    let expected = [
        "7 git",
        "8 convert",
        "8 gzip",
        "9 ffmpeg",
        "10 tar",
        "10 make",
        "13 hg",
        "14 ?",
        "15 bash",
        "15 svn",
        "16 curl",
        "17 wkhtmltopdf",
        "18 pdftotext",
        "23 ?",
        "24 wget",
        "25 ?",
        "27 gpg",
        "31 ?",
    ];
    assert_eq!(found, expected.map(|one| format!("app.py:{one}")));
}

#[test]
fn finds_libraries_and_files_in_python() {
    let found = needs(&[(
        "a.py",
        "import ctypes\nfrom ctypes.util import find_library\nctypes.CDLL('libmagic.so.1')\nx = find_library('gdal')\nctypes.CDLL(find_library('c'))\nctypes.CDLL(path)\nopen('/usr/share/zoneinfo/UTC')\nopen('/data/x')\n",
    )]);
    assert_eq!(
        found,
        [
            "a.py:3 lib libmagic.so.1",
            "a.py:4 lib gdal",
            "a.py:5 lib c",
            "a.py:6 ?",
            "a.py:7 file /usr/share/zoneinfo/UTC"
        ]
    );
}

#[test]
fn finds_calls_in_javascript() {
    let found = needs(&[
        (
            "a.ts",
            r#"import { exec, spawn as start } from "node:child_process";
import * as cp from 'child_process';
import execa from "execa";
const run = promisify(exec);
// exec("comment")
exec(`git clone ${url}`);
start('convert', [a, b]);
cp.execFileSync("identify", ["x"]);
await run("wget x");
const m = /exec\("x"\)/.exec(text);
re.exec("no");
execa("hg", []);
start(process.execPath, ["x"]);
start(name);
const text = "it's" + 'x';
"#,
        ),
        (
            "b.js",
            "const { execSync, spawn: s } = require('child_process');\nconst cp = require('child_process');\nrequire(\"child_process\").exec('ps aux');\nexecSync('make');\ns(\"svn\");\ncp.spawn('bzip2');\nconst html = <p>Don't</p>;\nexecSync('file x');\n",
        ),
    ]);
    assert_eq!(
        found,
        [
            "a.ts:6 git",
            "a.ts:7 convert",
            "a.ts:8 identify",
            "a.ts:9 wget",
            "a.ts:12 hg",
            "a.ts:14 ?",
            "b.js:3 ps",
            "b.js:4 make",
            "b.js:5 svn",
            "b.js:6 bzip2",
            "b.js:8 file",
        ]
    );
}

#[test]
fn finds_calls_in_go_and_rust() {
    let found = needs(&[
        (
            "main.go",
            "package main\nimport (\n\t\"fmt\"\n\t\"os/exec\"\n)\nfunc main() {\n\texec.Command(\"git\", \"log\")\n\texec.CommandContext(ctx, \"sh\", \"-c\", \"make\")\n\texec.Command(name)\n}\n",
        ),
        (
            "x.rs",
            "use std::process::Command;\nfn main<'a>() { Command::new(\"git\").arg(\"x\"); let c = 'c'; std::process::Command::new(\"hg\"); }\n",
        ),
    ]);
    assert_eq!(found, ["main.go:7 git", "main.go:8 sh", "main.go:9 ?", "x.rs:2 git", "x.rs:2 hg"]);
}

#[test]
fn leaves_tests_and_dependencies_out() {
    let call = "import os\nos.system('git')\n";
    assert_eq!(
        needs(&[
            ("tests/a.py", call),
            ("test_a.py", call),
            ("a/node_modules/x.js", "x"),
            (".venv/a.py", call),
            ("release.sh", "git tag")
        ]),
        [] as [&str; 0]
    );
}

#[test]
fn follows_what_is_run() {
    let context = BuildContext::of_texts([
        ("docker/entrypoint.sh", "#!/bin/bash -l\nset -e\ngit pull\n. ./env.sh\nexec gosu app \"$@\"\n"),
        ("env.sh", "export A=$(curl -s x)\n\"$TOOL\" x\n"),
        ("supervisord.conf", "[program:a]\ncommand=/usr/local/bin/gunicorn x:y\n"),
        (
            "package.json",
            r#"{"scripts": {"start": "npm run go", "prego": "make x", "go": "NODE_ENV=x node index.js"}}"#,
        ),
        ("index.js", "require('child_process').exec('hg id')"),
    ]);
    let mut sources = Sources::default();
    assert!(sources.follow(&context, "/entrypoint.sh"));
    assert!(sources.follow(&context, "supervisord.conf"));
    assert!(!sources.follow(&context, "missing.sh"));
    let needs = argv_needs(&[Some("npm"), Some("start")]);
    let place = Place { path: "Dockerfile".to_owned(), line: 9, text: String::new() };
    sources.add(Some(&context), needs.into_iter().map(|need| Use { need, place: place.clone() }));
    let found = describe(&sources);
    let expected = [
        "docker/entrypoint.sh:1 /bin/bash",
        "docker/entrypoint.sh:3 git",
        "docker/entrypoint.sh:4 script ./env.sh",
        "env.sh:2 ?",
        "env.sh:1 curl",
        "docker/entrypoint.sh:5 gosu",
        "docker/entrypoint.sh:1 login",
        "supervisord.conf:2 /usr/local/bin/gunicorn",
        "supervisord.conf:2 file /usr/local/bin/gunicorn",
        "Dockerfile:9 npm",
        "Dockerfile:9 npm start",
        "package.json:0 npm",
        "package.json:0 npm go",
        "package.json:0 make",
        "package.json:0 node",
        "package.json:0 script index.js",
        "index.js:1 hg",
    ];
    assert_eq!(found, expected);
    assert!(sources.calls("gunicorn").is_some());
}

#[test]
fn looks_behind_wrappers() {
    let names = |text: &str| -> Vec<String> {
        shell::text_needs(text)
            .into_iter()
            .map(|need| need.command().map_or_else(|| format!("{need:?}"), str::to_owned))
            .collect()
    };
    assert_eq!(names("sudo -u app git pull"), ["sudo", "git"]);
    assert_eq!(names("timeout -k 5 10 curl x"), ["timeout", "curl"]);
    assert_eq!(names("exec tini -- gunicorn x"), ["tini", "gunicorn"]);
    assert_eq!(names("find . -name x -exec file {} +"), ["find", "file"]);
    assert_eq!(names("env A=b make"), ["env", "make"]);
    assert_eq!(names("command -v git"), ["git"]);
    assert_eq!(names("tar -xJf a"), ["tar", "xz"]);
    assert_eq!(names("f() { :; }; f && kill 1"), [] as [&str; 0]);
    assert_eq!(names("poetry run uvicorn x"), ["poetry", "uvicorn"]);
    assert_eq!(names("su - app -c 'git x'"), ["su", "LoginShell", "git"]);
    assert_eq!(names("eval $X"), ["Computed"]);
    assert_eq!(names("curl -s x | bash"), ["curl", "bash", "Computed"]);
    assert_eq!(names("curl -s x | sudo sh -s -- -y"), ["curl", "sudo", "sh", "Computed"]);
    assert_eq!(names("cat x | python3 - --yes"), ["cat", "python3", "Computed"]);
    assert_eq!(names("cat x | python3 -c 'y'"), ["cat", "python3"]);
    assert_eq!(names("bash -lc 'hg'"), ["bash", "LoginShell", "hg"]);
}

#[test]
fn reads_the_configuration_of_process_managers() {
    let context = BuildContext::of_texts([
        ("etc/supervisor/app.conf", "[program:a]\ncommand=bash -c \"git pull && gunicorn x\"\n"),
        ("etc/crontab", "SHELL=/bin/sh\n*/5 * * * * curl -s http://localhost\n"),
        (
            "compose.yaml",
            "services:\n  db:\n    image: x\n    command: hg\n  web:\n    build: .\n    command: [\"svn\", \"up\"]\n    healthcheck:\n      test: [\"CMD-SHELL\", \"wget x\"]\n",
        ),
    ]);
    let mut sources = Sources::default();
    let place = Place { path: "Dockerfile".to_owned(), line: 1, text: String::new() };
    let needs = shell::text_needs("service cron start && exec supervisord -n");
    sources.add(Some(&context), needs.into_iter().map(|need| Use { need, place: place.clone() }));
    sources.follow(&context, "compose.yaml");
    for name in ["git", "gunicorn", "curl", "svn", "wget"] {
        assert!(sources.calls(name).is_some(), "{name}");
    }
    assert!(sources.calls("hg").is_none());
}
