//! What a command, and what a RUN, has to do with the sources.

use super::copied::Copied;
use crate::facts::PackageCommand;
use crate::knowledge::PackageManager;
use crate::plan::{BadManifest, Situation};

/// A file or folder of the build context that an install reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// Its path in the image.
    pub image: String,
    /// Its path in the context.
    pub context: String,
}

/// An installation and what it reads.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    /// The package manager.
    pub manager: &'static PackageManager,
    /// What it reads of what is copied.
    pub needs: Vec<Need>,
    /// What was looked at.
    pub evidence: Vec<String>,
    /// What could not be looked at.
    pub unproven: Option<String>,
    /// The option with which the same command leaves the project itself out. Without it the command needs
    /// the sources.
    pub first_with: Option<&'static str>,
}

/// What a command has to do with the sources.
#[derive(Debug, Clone)]
pub(crate) enum Reading {
    /// Nothing.
    Nothing,
    /// It installs, and reads no more than some files.
    Install(Box<Crossing>),
    /// It uses them, or may.
    Sources(String),
    /// It installs, and something that a person can change stands in the way.
    Obstacle(String),
    /// It installs by a file that can't be read.
    Broken(BadManifest),
}

/// What a RUN has to do with the sources.
#[derive(Debug, Clone)]
pub(crate) enum RunUse {
    /// Nothing. Whether running it again costs something.
    Apart {
        /// Whether it installs, fetches or makes users.
        worth: bool,
    },
    /// It installs.
    Installs(Vec<Crossing>),
    /// Its first pipelines install; the one with this index uses the sources.
    Splits(usize, Vec<Crossing>),
}

/// What is known where a command stands.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The tree and all about it.
    pub situation: Situation<'a>,
    /// Index of the RUN.
    pub at: usize,
    /// The working directory.
    pub folder: Option<&'a str>,
    /// COPYs that would stand below it.
    pub moved: &'a [Copied],
    /// COPYs that stay above it.
    pub kept: &'a [Copied],
}

/// Looks at an installation.
pub(crate) type Look = fn(Scene<'_>, &PackageCommand<'_>) -> Reading;
