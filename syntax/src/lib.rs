//! The lossless Dockerfile tree, and the shell scripts inside it.
//!
//! [`Dockerfile::parse`] splits a file as BuildKit's parser does (`frontend/dockerfile/parser`) and keeps
//! every byte: `Dockerfile::parse(text)?.to_string() == text`. Each [`Instruction`] owns its source text,
//! the comments and blank lines above it included, and a typed view of it ([`Kind`]). An instruction is a
//! value that is never changed: an edit makes a new one from new text.
//!
//! This crate has no opinion on what a Dockerfile should look like, and does no input or output.

mod dockerfile;
mod error;
mod heredoc;
mod image;
mod instruction;
mod kind;
mod lex;
mod reader;
pub mod shell;
mod span;
mod words;

pub use dockerfile::{Directive, Dockerfile, Newline, Stage};
pub use error::{Error, ErrorKind, Position};
pub use heredoc::HereDocument;
pub use image::ImageReference;
pub use instruction::{Flag, Instruction, Keyword};
pub use kind::{ArgumentPair, CommandForm, Healthcheck, Kind, Parsed, Transfer};
pub use span::{LogicalText, SourceMap};
pub use words::{Word, variables_of};
