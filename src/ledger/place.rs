//! Blocks on their way to the table, and where each stands.

use super::consumed::ConsumedSpan;
use crate::content_hash::ContentHash;
use crate::pipeline::Block;
use crate::position::{ByteRange, Position};
use crate::sqlite::record::RecordBlock;

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
    /// The hash of all that the load read before it; and of the same with it.
    pub before: ContentHash,
    pub after: ContentHash,
}

impl Place {
    pub(super) fn span<'a>(&self, bytes: &'a [u8]) -> ConsumedSpan<'a> {
        let (before, after) = (self.before, self.after);
        ConsumedSpan { bytes, before, after }
    }
}

/// A block on its way to the table.
#[derive(Debug)]
pub struct Incoming {
    pub block: Block<RecordBlock>,
    pub place: Place,
    /// Row indices that may repeat a key, ascending.
    pub suspects: Vec<u32>,
}

/// Finds the positions of a block's records, one after another, only forward: line ends are counted up to each.
pub struct Places<'a> {
    pub(super) incoming: &'a Incoming,
    line_end: u8,
    at: usize,
    line: u64,
}

impl<'a> Places<'a> {
    pub(super) fn new(incoming: &'a Incoming, line_end: u8) -> Self {
        Places {
            incoming,
            line_end,
            at: 0,
            line: incoming.place.line,
        }
    }

    /// Where the record with this index stands; `source` are its bytes.
    pub(super) fn position(&mut self, record_index: u32, source: ByteRange) -> Position {
        let Incoming { block, place, .. } = self.incoming;
        Position {
            file_index: place.file_index,
            line: self.line_at(source.start),
            line_end: self.line_at(source.end),
            record: place.record + u64::from(record_index),
            offset_bytes: block.start_bytes + u64::from(source.start),
            length_bytes: u64::from(source.len()),
        }
    }

    fn line_at(&mut self, offset: u32) -> u64 {
        let offset = offset as usize;
        let between = &self.incoming.block.bytes()[self.at..offset];
        self.line += memchr::memchr_iter(self.line_end, between).count() as u64;
        self.at = offset;
        self.line
    }
}
