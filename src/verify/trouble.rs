//! Why a proof could not be made, as opposed to one that failed.

use std::fmt;
use std::io;

/// What ended a proof before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The user, or the system, wants dfix to stop.
    Interrupted,
    /// The engine does not answer any more.
    EngineGone(String),
    /// A program took longer than it may.
    TooLong(String),
    /// Anything else, in words that a person can act on.
    Failed(String),
}

/// A result that may be [`Trouble`].
pub type Tried<T> = Result<T, Trouble>;

impl Trouble {
    /// Anything that has words for it.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed(what.into())
    }

    /// A file or a stream that could not be read or written.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull => "; make room on the disk and try again",
            _ => "",
        };
        Self::Failed(format!("{what}: {}{advice}", crate::discover::reason(error)))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::EngineGone(said) => write!(f, "the container engine stopped answering: {said}"),
            Self::TooLong(what) | Self::Failed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Trouble {}
