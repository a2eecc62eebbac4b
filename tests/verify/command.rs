//! The command, run as a user runs it.

use crate::common::{Lab, TWO_RUNS};
use crate::planted::{asked, engine_name, leftovers, network};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A Dockerfile that merge-runs changes, and whose build takes a while.
const SLOW: &str = "FROM debian:bookworm-slim\nRUN apt-get update\nRUN apt-get install -y hello\nRUN sleep 30\nCMD [\"hello\"]\n";

/// A Dockerfile that merge-runs changes.
const QUICK: &str =
    "FROM debian:bookworm-slim\nRUN apt-get update\nRUN apt-get install -y hello\nCMD [\"hello\"]\n";

fn arguments<'a>(engine: &'a str, network: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    more.iter().copied().chain(["--engine", engine, "--network", network, "--timeout", "10"]).collect()
}

fn start(lab: &Lab, more: &[&str]) -> Child {
    let (engine, network) = (engine_name(), network());
    lab.command(&arguments(&engine, &network, more))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn verifies_writes_and_prints_json() {
    let lab = Lab::new([("Dockerfile", QUICK)]);
    let (engine, network) = (engine_name(), network());
    let more = ["verify", "--format", "json", "--no-measure"];
    let ran = lab.dfix(&arguments(&engine, &network, &more)).code(0);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["proofs"][0]["verdict"], "proven", "{document:#}");
    assert_eq!(document["version"], 1);
    assert_eq!(lab.read("Dockerfile"), QUICK);
    let ran = lab.dfix(&arguments(&engine, &network, &["--write", "--verify", "--no-measure"])).code(0);
    assert!(ran.err.contains("and written"), "{}", ran.err);
    assert!(lab.read("Dockerfile").contains("RUN apt-get update && \\\n    apt-get install -y hello"));
    assert_eq!(lab.names(), ["Dockerfile"]);
    let ran = lab.dfix(&arguments(&engine, &network, &["verify"])).code(0);
    assert!(ran.out.contains("nothing to change, so nothing to prove"), "{}", ran.out);
}

#[cfg(unix)]
#[test]
fn interrupted_it_leaves_nothing() {
    let lab = Lab::new([("Dockerfile", SLOW)]);
    let child = start(&lab, &["--write", "--verify"]);
    let id = child.id();
    // Into the build of the original.
    std::thread::sleep(Duration::from_secs(8));
    lab.run("kill", &["-INT", &id.to_string()], "");
    let since = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(since.elapsed() < Duration::from_secs(30));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("interrupted; what was started is removed, and the file is as it was"), "{said}");
    assert_eq!(lab.read("Dockerfile"), SLOW);
    assert_eq!(leftovers(id), [""; 0]);
}

#[cfg(unix)]
#[test]
fn interrupted_while_a_container_runs_it_leaves_nothing() {
    let text = QUICK.replace("CMD [\"hello\"]", "EXPOSE 80\nCMD [\"sleep\", \"infinity\"]");
    let lab = Lab::new([("Dockerfile", &*text)]);
    let (engine, network) = (engine_name(), network());
    let mut command =
        lab.command(&["verify", "--engine", &engine, "--network", &network, "--timeout", "600"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    wait_for_container(id);
    lab.run("kill", &["-TERM", &id.to_string()], "");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(leftovers(id), [""; 0]);
}

#[cfg(unix)]
fn wait_for_container(process: u32) {
    let mark = format!("-{process}-");
    let since = Instant::now();
    while !asked(&["ps", "--format", "{{.Names}}"]).contains(&mark) {
        assert!(since.elapsed() < Duration::from_secs(240), "no container was started");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[cfg(unix)]
#[test]
fn what_an_engine_that_went_away_left_is_removed_by_the_next_run() {
    use std::os::unix::fs::PermissionsExt;
    let text = QUICK.replace("CMD [\"hello\"]", "EXPOSE 80\nCMD [\"sleep\", \"infinity\"]");
    let lab = Lab::new([("app/Dockerfile", &*text)]);
    // An engine that answers until a file says otherwise.
    let (real, gone) = (engine_name(), lab.path("gone"));
    let name = format!("bin/{}", real.rsplit('/').next().unwrap());
    let script = "#!/bin/sh\n[ -e GONE ] && { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }\nexec REAL \"$@\"\n";
    lab.write(&name, script.replace("GONE", gone.to_str().unwrap()).replace("REAL", &real));
    std::fs::set_permissions(lab.path(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (engine, network) = (lab.path(&name), network());
    let more = ["--write", "--verify", "app", "--engine", engine.to_str().unwrap(), "--network", &network];
    let mut command = lab.command(&more);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    wait_for_container(id);
    lab.write("gone", "");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("Start the engine again and repeat") || said.contains("could be removed"),
        "{said}"
    );
    assert_eq!(lab.read("app/Dockerfile"), text);
    assert!(!leftovers(id).is_empty(), "an engine that is gone removes nothing");
    lab.write("done/Dockerfile", "FROM debian:bookworm-slim\n");
    lab.dfix(&["verify", "done", "--engine", &real]).code(0);
    assert_eq!(leftovers(id), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let lab = Lab::new([("Dockerfile", "FROM debian:bookworm-slim\n")]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = lab.command(&["verify", "--format", "json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output can't be written to"));
}

#[test]
fn a_missing_engine_is_an_error() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let ran = lab.dfix(&["verify", "--engine", "no-such-engine"]).code(2);
    assert!(ran.err.contains("no container engine answers (no-such-engine: "), "{}", ran.err);
    let ran = lab.dfix(&["verify", "-"]).code(2);
    assert!(ran.err.contains("standard input (-) can't be verified"), "{}", ran.err);
    assert!(lab.dfix(&["--verify"]).code(2).err.contains("--write"));
}
