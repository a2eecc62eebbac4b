//! What a user may choose.

/// How caches of package managers are kept out of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cache {
    /// By flags and clean-up commands.
    #[default]
    Flags,
    /// By `RUN --mount=type=cache`, which keeps them for the next build.
    Mounts,
}

/// Which neighbouring RUNs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Merge {
    /// Those that belong together.
    #[default]
    Related,
    /// All that can be joined exactly.
    All,
}

/// The small base to aim at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Base {
    /// The same distribution without build tools.
    #[default]
    Slim,
    /// Alpine Linux: smaller, with another C library.
    Alpine,
}

/// Choices for a plan.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ids of the transforms to run; all when empty.
    pub only: Vec<String>,
    /// Ids of transforms to leave out.
    pub skip: Vec<String>,
    /// Whether steps that could not be proven are made, too.
    pub unproven: bool,
    /// How caches are kept out of layers.
    pub cache: Cache,
    /// Which RUNs are merged.
    pub merge: Merge,
    /// Which small base is aimed at.
    pub base: Base,
}

impl Options {
    /// Whether the transform `id` runs.
    #[must_use]
    pub fn runs(&self, id: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == id);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}
