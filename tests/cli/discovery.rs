//! Which files are found, and which build context they get.

use crate::common::{DONE, Lab, TWO_RUNS};

/// The files that dfix would change, in the order of its report.
fn found(lab: &Lab, arguments: &[&str]) -> Vec<String> {
    let ran = lab.dfix(arguments);
    assert!(ran.code < 2, "{ran:#?}");
    ran.out
        .lines()
        .filter(|line| !line.starts_with(' ') && line.contains("ockerfile"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn takes_files_by_name() {
    let names = [
        "Containerfile",
        "Dockerfile",
        "Dockerfile.dev",
        "a/web.Dockerfile",
        "a/web.dockerfile",
        "dockerfile",
    ];
    let others = [
        "Dockerfile.dockerignore",
        "Dockerfile.bak",
        "Dockerfile.j2",
        "Dockerfile~",
        "Makefile",
        "node_modules/x/Dockerfile",
        ".cache/Dockerfile",
    ];
    let lab = Lab::new(names.iter().chain(&others).map(|name| (*name, TWO_RUNS)));
    lab.write(".devcontainer/Dockerfile", TWO_RUNS);
    let ran = lab.dfix(&[]).code(0);
    let expected = [".devcontainer/Dockerfile"].iter().chain(&names);
    for name in expected {
        assert!(ran.out.contains(&format!("{name}\n  would change")), "{name}: {}", ran.out);
    }
    assert!(ran.out.contains("7 of 7 files"), "{}", ran.out);
    assert_eq!(
        found(&lab, &["Dockerfile.j2", "a"]),
        ["Dockerfile.j2", "a/web.Dockerfile", "a/web.dockerfile"]
    );
}

#[test]
fn honours_gitignore() {
    let lab = Lab::new([
        (".gitignore", "build/\n*.gen.Dockerfile\n"),
        ("build/Dockerfile", TWO_RUNS),
        ("x.gen.Dockerfile", TWO_RUNS),
        ("api/Dockerfile", TWO_RUNS),
    ]);
    assert_eq!(found(&lab, &[]), ["api/Dockerfile"]);
    assert_eq!(found(&lab, &["build/Dockerfile"]), ["build/Dockerfile"]);
}

#[test]
fn each_file_comes_once_and_in_order() {
    let lab = Lab::new([("b/Dockerfile", TWO_RUNS), ("a/Dockerfile", TWO_RUNS), ("c/Dockerfile", TWO_RUNS)]);
    assert_eq!(found(&lab, &["."]), ["a/Dockerfile", "b/Dockerfile", "c/Dockerfile"]);
    assert_eq!(
        found(&lab, &["b", "b/Dockerfile", "./b", "."]),
        ["b/Dockerfile", "a/Dockerfile", "c/Dockerfile"]
    );
}

#[test]
fn many_files_come_in_order() {
    let lab = Lab::new([]);
    let names: Vec<String> = (0..600).map(|number| format!("{number:03}/Dockerfile")).collect();
    for name in &names {
        lab.write(name, TWO_RUNS);
    }
    assert_eq!(found(&lab, &[]), names);
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere_twice() {
    use crate::common::link;
    let lab = Lab::new([("a/Dockerfile", TWO_RUNS)]);
    link("..", lab.path("a/up"));
    link("a", lab.path("also-a"));
    link("Dockerfile", lab.path("a/Dockerfile.link"));
    assert_eq!(found(&lab, &["."]), ["a/Dockerfile"]);
    assert_eq!(found(&lab, &["also-a"]), ["also-a/Dockerfile"]);
}

#[test]
fn a_folder_without_any_copied_file_is_not_the_context() {
    let dockerfile = "FROM busybox:1.36\nCOPY requirements.txt .\nCMD [\"true\"]\n";
    let lab = Lab::new([("docker/Dockerfile", dockerfile), ("requirements.txt", "flask\n")]);
    let ran = lab.dfix(&["-v", "docker"]).code(0);
    assert!(ran.out.contains("requirements.txt (line 2) is not beside the Dockerfile"), "{}", ran.out);
    let ran = lab.dfix(&["-v", "docker", "--context", "."]).code(0);
    assert!(!ran.out.contains("context is not known"), "{}", ran.out);
}

#[test]
fn the_context_must_be_there() {
    let lab = Lab::new([("Dockerfile", DONE)]);
    let ran = lab.dfix(&["--context", "nowhere"]).code(2);
    assert!(ran.err.contains("--context nowhere: there is no such folder"), "{}", ran.err);
}
