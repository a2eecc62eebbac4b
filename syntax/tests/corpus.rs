//! Every file of a folder of real Dockerfiles (`DFIX_CORPUS`) survives reading and printing, and is
//! split as `parse-dockerfile`, an independent reader, splits it. Without the variable nothing is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test")]

use dfix_syntax::{Dockerfile, ErrorKind};
use std::path::PathBuf;

fn files() -> Vec<(PathBuf, String)> {
    let Some(folder) = std::env::var_os("DFIX_CORPUS") else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
        .into_iter()
        .filter_map(|path| {
            let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
            Some((path, text))
        })
        .collect()
}

#[test]
fn prints_what_it_read() {
    let mut refused = 0;
    for (path, text) in files() {
        match Dockerfile::parse(&text) {
            Ok(tree) => assert_eq!(tree.to_string(), text, "{}", path.display()),
            Err(error) => {
                refused += 1;
                println!("{}: {error} ({:?})", path.display(), error.kind);
                assert!(
                    error.kind == ErrorKind::Build || parse_dockerfile::parse(&text).is_err(),
                    "{}: refused, but another reader takes it: {error}",
                    path.display()
                );
            }
        }
    }
    println!("{refused} refused");
}

#[test]
fn splits_as_another_reader() {
    for (path, text) in files() {
        let (Ok(ours), Ok(theirs)) = (Dockerfile::parse(&text), parse_dockerfile::parse(&text)) else {
            continue;
        };
        let ours: Vec<String> = ours.instructions.iter().map(|i| i.keyword().to_string()).collect();
        let theirs: Vec<String> =
            // The variant's name is the keyword; it has no accessor of its own.
            theirs.instructions.iter().map(|i| variant(&format!("{i:?}"))).collect();
        assert_eq!(ours, theirs, "{}", path.display());
    }
}

fn variant(debug: &str) -> String {
    debug.split('(').next().unwrap_or_default().to_ascii_uppercase()
}
