//! Blocks on their way to the table, and where each stands.

use super::consumed::ConsumedSpan;
use crate::content_hash::ContentHash;
use crate::encoding::Encoding;
use crate::pipeline::Block;
use crate::position::{ByteRange, Position};
use crate::sqlite::direct::packed::PackedRows;
use crate::sqlite::record::RecordBlock;

/// Where a block or a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub file_index: u32,
    /// Offset in the input of the first byte, before anything was recoded.
    pub offset_bytes: u64,
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
    /// Its other rows as finished pages, as far as they are packed already.
    pub packed: Vec<PackedRows>,
}

/// Finds the positions of a block's records, one after another, only forward: line ends are counted up to each, and of UTF-16 bytes too.
pub struct Places<'a> {
    pub(super) incoming: &'a Incoming,
    line_end: u8,
    encoding: Encoding,
    at: usize,
    line: u64,
    offset_bytes: u64,
}

impl<'a> Places<'a> {
    pub(super) fn new(incoming: &'a Incoming, line_end: u8, encoding: Encoding) -> Self {
        Places {
            incoming,
            line_end,
            encoding,
            at: 0,
            line: incoming.place.line,
            offset_bytes: incoming.place.offset_bytes,
        }
    }

    /// Where the record with this index stands; `source` are its bytes.
    pub(super) fn position(&mut self, record_index: u32, source: ByteRange) -> Position {
        let place = self.incoming.place;
        let (line, offset_bytes) = self.reach(source.start);
        let (line_end, end_bytes) = self.reach(source.end);
        Position {
            file_index: place.file_index,
            line,
            line_end,
            record: place.record + u64::from(record_index),
            offset_bytes,
            length_bytes: end_bytes - offset_bytes,
        }
    }

    /// The line at `offset` of the block, and the offset in the input.
    fn reach(&mut self, offset: u32) -> (u64, u64) {
        let offset = offset as usize;
        let between = &self.incoming.block.bytes()[self.at..offset];
        self.line += memchr::memchr_iter(self.line_end, between).count() as u64;
        self.offset_bytes += self.encoding.length_of(between);
        self.at = offset;
        (self.line, self.offset_bytes)
    }
}
