//! What came of a proof: what reports are made from, and what `--format json` prints.

use super::image::Image;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was found about one Dockerfile.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Proof {
    /// The Dockerfile.
    pub path: PathBuf,
    /// The short answer.
    pub verdict: Verdict,
    /// The engine, with its version.
    pub engine: String,
    /// The steps that are proven, or would be made.
    pub steps: Vec<ProvenStep>,
    /// Whether the file was written.
    pub written: bool,
    /// What went wrong on the way, and what was done about it.
    pub faults: Vec<Fault>,
    /// What the proof rests on. Of the plan that was proven, or of the one that failed.
    pub checks: Checks,
    /// The source file that a line was added to for the rebuild.
    pub edited: Option<String>,
    /// The manifest that was changed for the rebuild.
    pub manifest: Option<String>,
    /// The image of the original.
    pub before: Option<Measures>,
    /// The image of the plan that was proven.
    pub after: Option<Measures>,
    /// The file as it was.
    #[serde(skip)]
    pub original: String,
    /// The file that was proven; `None` where there is none, or it is the original.
    pub result: Option<String>,
    /// Where the output of builds lies, where it was kept.
    pub logs: Option<PathBuf>,
}

/// The short answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The plan changes nothing.
    #[default]
    NothingToProve,
    /// The plan is proven as it was.
    Proven,
    /// The plan is proven with what was missing added.
    Repaired,
    /// What is left of the plan is proven, after steps at fault were left out.
    Reduced,
    /// Nothing of the plan could be proven.
    Refuted,
}

/// A step of the plan that was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenStep {
    /// The id of the transform.
    pub transform: String,
    /// The line of the original.
    pub line: usize,
    /// What it does.
    pub message: String,
}

/// Something that went wrong, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The transforms that cause it; empty where no single one does.
    pub transforms: Vec<String>,
    /// The lines of the original that they are about.
    pub lines: Vec<usize>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What was done about it.
    pub remedy: String,
}

/// A difference that may not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where it was found.
    pub check: Check,
    /// What it is, in one sentence.
    pub what: String,
    /// The package that would help, and the file of it that is missing.
    pub lacks: Option<Lack>,
}

/// A package that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lack {
    /// The package of the distribution.
    pub package: String,
    /// What is needed of it.
    pub file: String,
}

/// Where a difference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The image does not build.
    Build,
    /// In the configuration of the image.
    Config,
    /// Among the application's own files.
    Files,
    /// A command, a library or an interpreter is missing.
    Look,
    /// The running application behaves differently.
    Run,
    /// The healthcheck fails.
    Health,
}

impl Problem {
    /// A problem that no package helps against.
    pub fn new(check: Check, what: impl Into<String>) -> Self {
        Self { check, what: what.into(), lacks: None }
    }
}

/// What the proof rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Checks {
    /// Differences between the configurations.
    pub config: Vec<ConfigDifference>,
    /// Differences between the files, by kind.
    pub files: BTreeMap<String, FileDifference>,
    /// The application's own files that are the same in both.
    pub own_files: usize,
    /// Those that the image no longer holds because a step keeps them in an earlier stage.
    pub own_files_left_behind: Vec<String>,
    /// Installed packages of languages, before and after.
    pub packages: (usize, usize),
    /// Programs, libraries and scripts whose needs were looked up.
    pub looked_at: usize,
    /// What was asked of both containers, and what both said.
    pub run: Vec<String>,
    /// What could not be proven, in words.
    pub notes: Vec<String>,
}

/// A difference between two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigDifference {
    /// The instruction, with the name of the variable or label.
    pub field: String,
    /// The value of the original.
    pub before: Option<String>,
    /// The value of the plan.
    pub after: Option<String>,
    /// The transform that declared it; `None` where none did.
    pub declared_by: Option<String>,
}

/// Files of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// How many are gone.
    pub gone: usize,
    /// Their bytes.
    pub gone_bytes: u64,
    /// How many are new.
    pub new: usize,
    /// Their bytes.
    pub new_bytes: u64,
    /// How many differ in content, mode or owner.
    pub changed: usize,
}

/// An image in numbers. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Bytes on the disk.
    pub size: u64,
    /// Bytes that travel, where measured.
    pub compressed: Option<u64>,
    /// The layers, from the bottom.
    pub layers: Vec<LayerMeasure>,
    /// Bytes of the build context.
    pub context: u64,
    /// A build in which every step runs.
    pub cold: Option<f64>,
    /// A build after a line of the sources changed.
    pub rebuild: Option<f64>,
    /// A build after the manifest of dependencies changed.
    pub rebuild_dependencies: Option<f64>,
}

/// A layer in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerMeasure {
    /// The instruction that made it.
    pub instruction: String,
    /// Bytes of its files.
    pub size: u64,
    /// Bytes that travel, where measured.
    pub compressed: Option<u64>,
}

impl Measures {
    /// Size and layers of an image.
    pub fn of(image: &Image, size: u64) -> Self {
        let mut made = image.history.iter().filter(|entry| !entry.empty_layer);
        let layers: Vec<LayerMeasure> = image
            .layers
            .iter()
            .map(|layer| LayerMeasure {
                instruction: made.next().map(|entry| entry.created_by.clone()).unwrap_or_default(),
                size: layer.size,
                compressed: (layer.compressed > 0).then_some(layer.compressed),
            })
            .collect();
        let compressed = layers.iter().map(|layer| layer.compressed).sum();
        Self { size, compressed, layers, ..Self::default() }
    }
}
