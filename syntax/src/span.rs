//! From the text that an instruction means back to the text that was written.

use std::ops::Range;

/// Maps offsets of a derived text (continuations joined, comments left out, leading tabs of a
/// here-document cut) to offsets of the source that it was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    derived: usize,
    source: usize,
    len: usize,
}

impl SourceMap {
    /// Records that `len` bytes from `derived` on stand at `source`. Pieces come in ascending order.
    pub(crate) fn push(&mut self, derived: usize, source: usize, len: usize) {
        if len > 0 {
            self.pieces.push(Piece { derived, source, len });
        }
    }

    fn piece_at(&self, offset: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.derived <= offset);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// The source offset of the byte at `offset`.
    #[must_use]
    pub fn source_of(&self, offset: usize) -> Option<usize> {
        let piece = self.piece_at(offset)?;
        (offset < piece.derived + piece.len).then(|| piece.source + (offset - piece.derived))
    }

    /// The source range from the first to the last byte of `range`; what was left out between them
    /// (a continuation, a comment line) lies inside it. For an empty range, the place it stands at.
    #[must_use]
    pub fn hull(&self, range: Range<usize>) -> Option<Range<usize>> {
        if range.is_empty() {
            let at = match range.start.checked_sub(1) {
                Some(before) => self.source_of(before)? + 1,
                None => self.source_of(0)?,
            };
            return Some(at..at);
        }
        Some(self.source_of(range.start)?..self.source_of(range.end - 1)? + 1)
    }

    /// The source range of `range`, when it stands there unbroken.
    #[must_use]
    pub fn exact(&self, range: Range<usize>) -> Option<Range<usize>> {
        let len = range.len();
        self.hull(range).filter(|hull| hull.len() == len)
    }

    /// The pieces that cover `range` of the derived text, with `shift` added to derived offsets.
    pub(crate) fn append_slice(&mut self, other: &Self, range: Range<usize>, at: usize) {
        let first = other.pieces.partition_point(|piece| piece.derived + piece.len <= range.start);
        for piece in other.pieces[first..].iter().take_while(|piece| piece.derived < range.end) {
            let start = piece.derived.max(range.start);
            let end = (piece.derived + piece.len).min(range.end);
            self.push(at + start - range.start, piece.source + (start - piece.derived), end - start);
        }
    }
}

/// A text that was derived from source text, and the way back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogicalText {
    /// The derived text.
    pub text: String,
    /// Where its bytes stand in the source text of the instruction.
    pub map: SourceMap,
}

impl LogicalText {
    /// Appends `piece`, which stands at `source`.
    pub(crate) fn push(&mut self, piece: &str, source: usize) {
        self.map.push(self.text.len(), source, piece.len());
        self.text.push_str(piece);
    }

    /// Appends text that stands nowhere in the source.
    pub(crate) fn push_made(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// The part `range`, with its own way back.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let mut part = Self { text: self.text[range.clone()].to_owned(), map: SourceMap::default() };
        part.map.append_slice(&self.map, range, 0);
        part
    }
}
