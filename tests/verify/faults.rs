//! Each of these faults is found, and its step named.

use crate::common::Lab;
use crate::planted::{Planted, expect_fault, innocent, settings, try_to_prove};
use dfix::verify::{Settings, Verdict};
use dfix_transforms::Effect;

/// A server that answers with a variable and a file.
const SERVER: &str = r#"import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} {os.environ.get('MODE')} {open('words.txt').read()}".encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 8000), Answer).serve_forever()
"#;

fn server(dockerfile: &str) -> Lab {
    Lab::new([("Dockerfile", dockerfile), ("main.py", SERVER), ("words.txt", "hello"), ("notes.txt", "x")])
}

fn added(text: &str) -> Vec<Effect> {
    vec![Effect::Added(text.to_owned())]
}

fn rewritten(from: &str, to: &str) -> Vec<Effect> {
    vec![Effect::Rewritten { from: from.to_owned(), to: to.to_owned() }]
}

const SERVING: &str =
    "FROM python:3.11-slim\nWORKDIR /app\nENV MODE=plain\nCOPY . .\nCMD [\"python\", \"main.py\"]\n";

#[test]
fn what_is_well_is_proven_and_measured() {
    let text = SERVING.replace("COPY . .", "COPY requirements.txt .\nRUN sleep 8\nCOPY . .");
    let lab = server(&text);
    lab.write("requirements.txt", "");
    let settings = Settings { measure: true, ..settings() };
    let proof = try_to_prove(&lab, &[innocent()], &settings).unwrap();
    assert_eq!((proof.verdict, &proof.faults[..]), (Verdict::Proven, &[][..]));
    assert_eq!(proof.checks.config.len(), 1, "{:?}", proof.checks.config);
    assert_eq!(proof.checks.own_files, 5, "{:?}", proof.checks);
    assert!(proof.checks.run[0].starts_with("both answer the same: / 200"), "{:?}", proof.checks.run);
    assert_eq!(proof.edited.as_deref(), Some("main.py"));
    for measures in [proof.before.unwrap(), proof.after.unwrap()] {
        assert!(measures.size > 50_000_000 && measures.compressed.unwrap() < measures.size);
        assert!(measures.cold.unwrap() > 8.0 && measures.rebuild.unwrap() < 8.0 && measures.context > 400);
        assert!(measures.rebuild_dependencies.unwrap() > 8.0);
        assert!(
            measures.layers.iter().any(|layer| layer.instruction.starts_with("COPY . .")),
            "{:?}",
            measures.layers
        );
    }
    assert_eq!(proof.result.unwrap(), text.replace("CMD", "LABEL tried=yes\nCMD"));
    assert_eq!(proof.logs, None);
}

#[test]
fn a_lost_variable() {
    let lost = Planted { id: "loses-env", from: "ENV MODE=plain\n", to: "", effects: Vec::new() };
    expect_fault(&server(SERVING), lost, "ENV MODE is lost; it was `plain`; no step declared that");
}

#[test]
fn a_server_that_answers_differently() {
    let (from, to) = ("ENV MODE=plain", "ENV MODE=other");
    let differs = Planted { id: "changes-mode", from, to, effects: rewritten(from, to) };
    expect_fault(&server(SERVING), differs, "GET / says `other hello` instead of `plain hello`");
}

#[test]
fn a_missing_source_file() {
    let (from, to) = ("COPY . .", "COPY main.py words.txt ./");
    let lacks = Planted { id: "copies-less", from, to, effects: rewritten(from, to) };
    expect_fault(&server(SERVING), lacks, "/app/notes.txt are missing; no step declared that");
}

#[test]
fn a_healthcheck_that_never_passes() {
    let check = "HEALTHCHECK --interval=30s --retries=2 CMD [\"python\", \"-c\", \"raise SystemExit(1)\"]";
    let never: &'static str = Box::leak(format!("{check}\nCMD [\"python\"").into_boxed_str());
    let fails = Planted { id: "checks", from: "CMD [\"python\"", to: never, effects: added(check) };
    expect_fault(&server(SERVING), fails, "HEALTHCHECK, which is new, does not become healthy");
}

#[test]
fn a_command_that_the_user_may_not_execute() {
    let lab = Lab::new([
        (
            "Dockerfile",
            "FROM debian:bookworm-slim\nCOPY run /srv/run\nRUN chmod 0700 /srv/run\nCMD [\"/srv/run\"]\n",
        ),
        ("run", "#!/bin/sh\necho ran\n"),
    ]);
    let drops = Planted {
        id: "drops-root",
        from: "CMD [\"/srv",
        to: "USER nobody\nCMD [\"/srv",
        effects: added("USER nobody"),
    };
    expect_fault(&lab, drops, "CMD can't start `/srv/run` as user 65534: /srv/run may not be executed");
}

#[test]
fn a_virtual_environment_that_was_moved() {
    let lab = Lab::new([
        (
            "Dockerfile",
            "FROM python:3.11-slim AS builder\nCOPY tool /src\nRUN python -m venv /opt/venv && \
             /opt/venv/bin/pip install --no-index --no-build-isolation /src\nFROM python:3.11-slim\n\
             COPY --from=builder /opt/venv /opt/venv\nCMD [\"/opt/venv/bin/tool\"]\n",
        ),
        (
            "tool/setup.py",
            "from setuptools import setup\nsetup(name='tool', version='1', py_modules=['tool'], \
             entry_points={'console_scripts': ['tool=tool:main']})\n",
        ),
        ("tool/tool.py", "def main():\n    print('ran')\n"),
    ]);
    let from = "COPY --from=builder /opt/venv /opt/venv\nCMD [\"/opt/venv/bin/tool\"]";
    let to = "COPY --from=builder /opt/venv /srv/venv\nCMD [\"/srv/venv/bin/tool\"]";
    let mut effects = rewritten("CMD [\"/opt/venv/bin/tool\"]", "CMD [\"/srv/venv/bin/tool\"]");
    effects.extend(rewritten(
        "COPY --from=builder /opt/venv /opt/venv",
        "COPY --from=builder /opt/venv /srv/venv",
    ));
    let moves = Planted { id: "moves-venv", from, to, effects };
    expect_fault(&lab, moves, "/opt/venv/bin/python, the interpreter of /srv/venv/bin/");
}

#[test]
fn a_build_that_fails_after_the_rewrite_only() {
    let to = "RUN cat /app/absent.txt\nCMD [\"python\"";
    let breaks =
        Planted { id: "breaks-build", from: "CMD [\"python\"", to, effects: added("cat /app/absent.txt") };
    expect_fault(&server(SERVING), breaks, "cat: /app/absent.txt: No such file or directory");
}

#[test]
fn a_runtime_without_its_library_is_repaired() {
    let before = "FROM python:3.11\nRUN pip install --no-cache-dir psycopg2==2.9.9\n\
                  CMD [\"python\", \"-c\", \"import psycopg2; print(psycopg2.__version__)\"]\n";
    let lab = Lab::new([("Dockerfile", before)]);
    let splits = Planted {
        id: "split-stages",
        from: "FROM python:3.11\nRUN pip install --no-cache-dir psycopg2==2.9.9\n",
        to: "FROM python:3.11 AS builder\nRUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\n\
             RUN pip install --no-cache-dir psycopg2==2.9.9\n\nFROM python:3.11-slim\nENV PATH=/opt/venv/bin:$PATH\n\
             COPY --from=builder /opt/venv /opt/venv\n",
        effects: vec![
            Effect::Split { stage: 0, into: 2 },
            Effect::Base { from: "python:3.11".to_owned(), to: "python:3.11-slim".to_owned() },
            Effect::Added("ENV PATH=/opt/venv/bin:$PATH".to_owned()),
        ],
    };
    let proof = try_to_prove(&lab, &[splits], &settings()).unwrap();
    assert_eq!(proof.verdict, Verdict::Repaired, "{proof:#?}");
    let fault = &proof.faults[0];
    assert_eq!(fault.transforms, ["split-stages"]);
    assert!(
        fault
            .problems
            .iter()
            .any(|problem| problem.what.starts_with("libpq.so.5 (package libpq5), which /opt/venv/")),
        "{:#?}",
        fault.problems
    );
    let result = proof.result.unwrap();
    assert!(
        result.contains(
            "\nFROM python:3.11-slim\nRUN apt-get update && \\\n    apt-get install -y --no-install-recommends libpq5 && \\\n"
        ),
        "{result}"
    );
    let (before, after) = (proof.before.unwrap().size, proof.after.unwrap().size);
    assert!(after * 3 < before, "{after} of {before}");
    assert!(proof.steps.iter().any(|step| step.message.starts_with("installs libpq5")));
}
