//! What can be wrong with a Dockerfile, in BuildKit's terms.

use std::fmt;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Offset in bytes from the start of the file.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl Position {
    /// The position of a byte offset in `text`; an offset past the end is the end.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
        }
    }
}

/// Which of BuildKit's two readers rejects the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The parser: the file can't be split into instructions.
    Grammar,
    /// The frontend: the file was split, but an instruction in it can't be understood, so no build starts.
    /// A frontend of another kind (`# syntax=`) may know the instruction.
    Build,
}

/// Why a Dockerfile can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Which reader rejects it.
    pub kind: ErrorKind,
    /// What is wrong, as BuildKit would put it where it has words for it.
    pub message: String,
    /// Where.
    pub position: Position,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.position.line, self.position.column, self.message)
    }
}

impl std::error::Error for Error {}
