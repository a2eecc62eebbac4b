//! What never ends, prints without end or forks without end neither hangs a proof nor fills the machine.

use crate::common::Lab;
use crate::planted::{Planted, innocent, leftovers, settings, try_to_prove};
use dfix::verify::{Settings, Verdict};
use std::time::{Duration, Instant};

fn proves_in_time(command: &str) -> dfix::verify::Proof {
    let lab = Lab::new([("Dockerfile", &*format!("FROM debian:bookworm-slim\nCMD {command}\n"))]);
    let since = Instant::now();
    let settings = Settings { timeout: Duration::from_secs(3), ..settings() };
    let proof = try_to_prove(&lab, &[innocent()], &settings).unwrap();
    assert!(since.elapsed() < Duration::from_secs(90), "{:?}", since.elapsed());
    proof
}

#[test]
fn an_application_that_never_ends() {
    let proof = proves_in_time("sleep infinity");
    assert_eq!(proof.verdict, Verdict::Proven);
    assert_eq!(proof.checks.run, ["both go on running without listening on a port"]);
}

#[test]
fn an_application_that_prints_without_end() {
    assert_eq!(proves_in_time("yes and no").verdict, Verdict::Proven);
}

#[test]
fn an_application_that_forks_without_end() {
    // The limits are what counts here; whether both ends look the same is a matter of luck.
    let lab =
        Lab::new([("Dockerfile", "FROM debian:bookworm-slim\nCMD f() { f | f & }; f; sleep infinity\n")]);
    let since = Instant::now();
    let settings = Settings { timeout: Duration::from_secs(3), ..settings() };
    let _ = try_to_prove(&lab, &[innocent()], &settings);
    assert!(since.elapsed() < Duration::from_secs(180), "{:?}", since.elapsed());
}

#[test]
fn an_application_that_eats_memory_is_ended() {
    let lab = Lab::new([("Dockerfile", "FROM debian:bookworm-slim\nCMD tail /dev/zero; echo $?\n")]);
    let settings = Settings { memory: "64m".to_owned(), ..settings() };
    let proof = try_to_prove(&lab, &[innocent()], &settings).unwrap();
    assert_eq!(proof.verdict, Verdict::Proven, "{proof:#?}");
}

#[test]
fn two_proofs_side_by_side_do_not_disturb_each_other() {
    let proofs: Vec<_> = std::thread::scope(|scope| {
        let run = |name: &'static str| {
            scope.spawn(move || {
                let text = format!("FROM debian:bookworm-slim\nCMD [\"echo\", \"{name}\"]\n");
                let lab = Lab::new([("Dockerfile", &*text)]);
                try_to_prove(&lab, &[innocent()], &settings()).unwrap()
            })
        };
        [run("one"), run("two")].map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    for (proof, name) in proofs.iter().zip(["one", "two"]) {
        assert_eq!(proof.verdict, Verdict::Proven);
        assert!(proof.result.as_ref().unwrap().contains(name));
    }
}

#[test]
fn an_original_that_does_not_build_is_no_proof() {
    let lab = Lab::new([("Dockerfile", "FROM debian:bookworm-slim\nRUN false\nCMD x\n")]);
    let trouble = try_to_prove(&lab, &[innocent()], &settings()).unwrap_err();
    assert!(trouble.to_string().contains("the original does not build"), "{trouble}");
}

#[test]
fn a_smoke_command_decides() {
    let lab = Lab::new([("Dockerfile", "FROM debian:bookworm-slim\nENV A=1\nCMD [\"sleep\", \"60\"]\n")]);
    let command = "[ \"$($DFIX_ENGINE exec $DFIX_CONTAINER printenv A)\" = 1 ]";
    let with = |smoke: &str| Settings {
        smoke: Some(smoke.to_owned()),
        timeout: Duration::from_secs(5),
        ..settings()
    };
    let changes = || Planted {
        id: "changes",
        from: "ENV A=1",
        to: "ENV A=2",
        effects: vec![dfix_transforms::Effect::Rewritten {
            from: "ENV A=1".to_owned(),
            to: "ENV A=2".to_owned(),
        }],
    };
    let proof = try_to_prove(&lab, &[innocent(), changes()], &with(command)).unwrap();
    assert_eq!(proof.faults[0].transforms, ["changes"], "{proof:#?}");
    let proof = try_to_prove(&lab, &[innocent()], &with(command)).unwrap();
    assert_eq!(proof.checks.run[0], "the smoke command succeeds for both");
    let trouble = try_to_prove(&lab, &[innocent()], &with("false")).unwrap_err();
    assert!(trouble.to_string().contains("fails for the original"), "{trouble}");
}

#[test]
fn nothing_is_left_behind() {
    let lab = Lab::new([(
        "Dockerfile",
        "FROM debian:bookworm-slim\nVOLUME /data\nEXPOSE 80\nCMD [\"sleep\", \"9\"]\n",
    )]);
    let own = std::thread::spawn(move || {
        let mut command = lab.command(&["verify", "--network", &crate::planted::network(), "--timeout", "2"]);
        command.args(["--engine", &crate::planted::engine_name()]);
        let child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let id = child.id();
        child.wait_with_output().unwrap();
        id
    });
    assert_eq!(leftovers(own.join().unwrap()), [""; 0]);
}
