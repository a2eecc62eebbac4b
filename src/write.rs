//! From a text to the disk: whole, or not at all.

use crate::discover::reason;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

/// Puts `after` in the place of `before`. A link stays one, and the file behind it is replaced; permissions
/// and, where possible, the owner stay.
///
/// # Errors
/// Why the file was left as it is, in words that follow its name.
pub fn replace(path: &Path, before: &str, after: &str) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| reason(&error))?;
    if !metadata.is_file() {
        return Err("not written: it is not a regular file".to_owned());
    }
    if metadata.permissions().readonly() {
        return Err("not written: the file is read-only".to_owned());
    }
    let real = path.canonicalize().map_err(|error| reason(&error))?;
    let folder = real.parent().unwrap_or_else(|| Path::new("/"));
    let in_folder = |error: std::io::Error| {
        format!("not written: no file can be made in {}: {}", folder.display(), reason(&error))
    };
    let mut file =
        tempfile::Builder::new().prefix(".dfix-").suffix(".tmp").tempfile_in(folder).map_err(in_folder)?;
    file.write_all(after.as_bytes()).map_err(in_folder)?;
    file.as_file().set_permissions(metadata.permissions()).map_err(in_folder)?;
    keep_owner(file.as_file(), &metadata);
    file.as_file().sync_all().map_err(in_folder)?;
    // Someone may have saved the file since it was read.
    if fs::read(&real).map_err(|error| reason(&error))? != before.as_bytes() {
        return Err("not written: the file has changed since it was read".to_owned());
    }
    file.persist(&real).map_err(|error| in_folder(error.error))?;
    Ok(())
}

/// Gives a file the owner of the one that it replaces. Only root may give files away; for others the file
/// becomes theirs, as with any editor.
#[cfg(unix)]
fn keep_owner(file: &File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let Ok(now) = file.metadata() else { return };
    if (now.uid(), now.gid()) == (metadata.uid(), metadata.gid()) {
        return;
    }
    if fchown(file, Some(metadata.uid()), Some(metadata.gid())).is_err() {
        let _ = fchown(file, None, Some(metadata.gid()));
    }
    // Another owner takes set-id bits off.
    let _ = file.set_permissions(fs::Permissions::from_mode(metadata.mode()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}
