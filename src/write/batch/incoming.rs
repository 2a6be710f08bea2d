//! Blocks on their way to the database, and where each stands.

use crate::content_hash::ContentHash;
use crate::pipeline::Block;
use crate::rows::RowBlock;
use crate::write::consumed::Span;

/// Where a block or a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub file_index: u32,
    /// Physical line of the first byte, 1-based.
    pub line: u64,
    /// Number within the input of the first record, 1-based.
    pub record: u64,
    /// Number within the load of the first record, 1-based.
    pub ordinal: u64,
    /// All that the load read before it, and that with it.
    pub before: ContentHash,
    pub after: ContentHash,
}

impl Place {
    pub(super) fn span<'a>(&self, bytes: &'a [u8]) -> Span<'a> {
        let (before, after) = (self.before, self.after);
        Span { bytes, before, after }
    }
}

/// A block on its way to the database.
#[derive(Debug)]
pub struct Incoming {
    pub block: Block<RowBlock>,
    pub place: Place,
    /// Row indices that may repeat a key, ascending.
    pub suspects: Vec<u32>,
}

/// Counts line ends up to a place that only moves forward.
pub(super) struct LineCursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) line_end: u8,
    pub(super) at: usize,
    pub(super) line: u64,
}

impl LineCursor<'_> {
    pub(super) fn line_at(&mut self, offset: u32) -> u64 {
        let offset = offset as usize;
        self.line += memchr::memchr_iter(self.line_end, &self.bytes[self.at..offset]).count() as u64;
        self.at = offset;
        self.line
    }
}
