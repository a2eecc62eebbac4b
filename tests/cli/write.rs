//! What is written: whole files, as they were but for their text.

use crate::common::{DONE, Lab, ONE_RUN, TWO_RUNS};
use std::fs;

#[test]
fn writes_once() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS), ("done.Dockerfile", DONE)]);
    let ran = lab.dfix(&["--write"]).code(0);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("  changed\n") && ran.err.contains("1 of 2 files changed"), "{}", ran.err);
    assert_eq!(lab.read("Dockerfile"), ONE_RUN);
    assert_eq!(lab.names(), ["Dockerfile", "done.Dockerfile"]);
    assert!(lab.dfix(&["--write"]).code(0).err.contains("nothing to change in 2 files"));
    assert!(lab.dfix(&["--write", "--check"]).code(2).err.contains("cannot be used with"));
}

#[test]
fn leaves_a_file_without_changes_untouched() {
    let lab = Lab::new([("Dockerfile", DONE)]);
    let before = lab.path("Dockerfile").metadata().unwrap();
    lab.dfix(&["--write"]).code(0);
    let after = lab.path("Dockerfile").metadata().unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[cfg(unix)]
#[test]
fn keeps_permissions() {
    use std::os::unix::fs::PermissionsExt;
    for mode in [0o644, 0o600, 0o755, 0o664] {
        let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
        let path = lab.path("Dockerfile");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        lab.dfix(&["--write"]).code(0);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, mode);
        assert_eq!(lab.read("Dockerfile"), ONE_RUN);
    }
}

#[cfg(unix)]
#[test]
fn keeps_the_owner_where_it_may() {
    use std::os::unix::fs::{MetadataExt, chown};
    let lab = Lab::new([("Dockerfile", TWO_RUNS)]);
    let path = lab.path("Dockerfile");
    if chown(&path, Some(1234), Some(2345)).is_err() {
        return; // Only root may give files away.
    }
    lab.dfix(&["--write"]).code(0);
    let metadata = path.metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (1234, 2345, 0o644));
}

#[cfg(unix)]
#[test]
fn writes_through_links() {
    let lab = Lab::new([("bases/base.Dockerfile", TWO_RUNS), ("api/x", "")]);
    crate::common::link("../bases/base.Dockerfile", lab.path("api/Dockerfile"));
    let ran = lab.dfix(&["--write", "api"]).code(0);
    assert!(ran.err.starts_with("api/Dockerfile\n"), "{}", ran.err);
    assert_eq!(lab.read("bases/base.Dockerfile"), ONE_RUN);
    assert!(lab.path("api/Dockerfile").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_read_only_file_stays_as_it_is() {
    let lab = Lab::new([("Dockerfile", TWO_RUNS), ("api/Dockerfile", TWO_RUNS)]);
    let path = lab.path("Dockerfile");
    let mut permissions = path.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let ran = lab.dfix(&["--write"]).code(2);
    assert!(ran.err.contains("error: Dockerfile: not written: the file is read-only\n"), "{}", ran.err);
    assert_eq!(lab.read("Dockerfile"), TWO_RUNS);
    assert_eq!(lab.read("api/Dockerfile"), ONE_RUN);
    assert_eq!(lab.names(), ["Dockerfile", "api"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_written_to() {
    let lab = Lab::new([]);
    let ran = lab.dfix_with(&["--write", "/dev/stdin"], TWO_RUNS).code(2);
    assert!(ran.err.contains("not written: it is not a regular file"), "{}", ran.err);
}
