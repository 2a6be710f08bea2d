//! Blocks on their way to where rows go, and where each stands.

use super::consumed::Span;
use crate::content_hash::ContentHash;
use crate::pipeline::Block;
use crate::position::{ByteRange, Position};
use crate::reject::FirstRecord;
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

/// A block on its way to where rows go.
#[derive(Debug)]
pub struct Incoming {
    pub block: Block<RecordBlock>,
    pub place: Place,
    /// Row indices that may repeat a key, ascending.
    pub suspects: Vec<u32>,
}

/// Tells the positions of records of a block, which only move forward: line ends are counted up to each.
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

    /// Where the record with this index is, of which `source` are the bytes.
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

/// How the record numbers of a load map to those of its inputs.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// For each input begun so far, how many records came before it.
    records_before: Vec<u64>,
}

impl Origins {
    /// The next input begins after `records` records.
    pub fn begin_input(&mut self, records: u64) {
        self.records_before.push(records);
    }

    /// The input and the record in it, 1-based, that is number `ordinal` of the load.
    pub fn record(&self, ordinal: u64) -> FirstRecord {
        let inputs = self.records_before.partition_point(|&before| before < ordinal);
        let file_index = inputs.saturating_sub(1);
        let before = self.records_before.get(file_index).copied().unwrap_or(0);
        FirstRecord::Record {
            file_index: file_index as u32,
            record: ordinal - before,
        }
    }

    /// The number in the load of the record at `position`.
    pub fn ordinal(&self, position: &Position) -> u64 {
        self.records_before
            .get(position.file_index as usize)
            .copied()
            .unwrap_or(0)
            + position.record
    }

    /// Where the row with `row_id` came from, when row ids are `base` plus the number of the record.
    pub fn first_record(&self, base: i64, row_id: i64) -> FirstRecord {
        match row_id.checked_sub(base) {
            Some(ordinal) if ordinal > 0 => self.record(ordinal as u64),
            _ => FirstRecord::Existing,
        }
    }
}
