//! The Debian that a stage stands on: which packages have the libraries there.

use crate::facts::Base;
use crate::knowledge::{BASE_IMAGES, BUILD_TOOLS, RUNTIME_LIBRARIES};

/// The release that tags without one move to next, or have moved to last.
const NEWEST: &str = "trixie";
/// The one before.
const BEFORE: &str = "bookworm";

/// The runtime packages that a `-dev` package stands for.
pub(super) struct Runtime {
    /// Their names, those left out that slim images have anyway.
    pub packages: Vec<String>,
    /// Why a name may be another one, in words.
    pub unsure: Option<String>,
}

/// The distribution of a base.
pub(super) struct Debian {
    release: Option<String>,
    /// Whether the tag may stand on another release than the table says: it names none, and moves.
    moves: bool,
    /// Libraries that the slim variant has anyway.
    slim: &'static [String],
    written: String,
}

impl Debian {
    pub fn of(base: &Base) -> Self {
        let release = base.release().map(str::to_owned);
        Self {
            moves: base.named_release.is_none()
                && base.version.len() < 3
                && release.as_deref().is_none_or(|release| release == NEWEST),
            slim: base.image.and_then(|name| BASE_IMAGES.get(name)).map_or(&[], |row| &row.slim_libraries),
            written: base.written.clone(),
            release,
        }
    }

    /// What a `-dev` package stands for. `None` where that is not known.
    ///
    /// A tag that moves from one release to the next is given names that both know: where they differ by the
    /// ending `t64` alone, the new package provides the old name (Debian wiki, ReleaseGoals/64bit-time).
    pub fn runtime(&self, dev: &str) -> Option<Runtime> {
        let row = RUNTIME_LIBRARIES.get(dev)?;
        let release = self.release.as_deref().unwrap_or(NEWEST);
        let before = row.debian.get(BEFORE).filter(|_| self.moves);
        let mut runtime = Runtime { packages: Vec::new(), unsure: None };
        for package in row.debian.get(release)?.iter().filter(|package| !self.slim.contains(package)) {
            let known = |name: &str| before.is_none_or(|before| before.iter().any(|known| known == name));
            let old = package.strip_suffix("t64").filter(|old| before.is_some() && known(old));
            if old.is_none() && !known(package) {
                runtime.unsure = Some(format!(
                    "{package} is its name in Debian {release}, and {} names no release",
                    self.written
                ));
            }
            runtime.packages.push(old.unwrap_or(package).to_owned());
        }
        Some(runtime)
    }

    /// Whether a full image has a package, itself or by a `-dev` package.
    pub fn full_image_has(&self, package: &str) -> bool {
        BUILD_TOOLS.package.iter().any(|tool| {
            tool.name == package
                || RUNTIME_LIBRARIES
                    .get(&tool.name)
                    .is_some_and(|row| row.debian.values().flatten().any(|library| library == package))
        })
    }
}
