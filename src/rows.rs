//! The rows of one chunk, on their way from validate to write: what an encoder made of their values, and flat vectors beside that.
//!
//! A [`RowBlock`] is reused from chunk to chunk, so nothing is allocated per row or field once the vectors have grown.

mod encoder;

pub(crate) use encoder::undoubled;
pub use encoder::{Encoder, ExpectedRows, Nothing, Text};

use crate::content_hash::ContentHash;
use crate::position::ByteRange;
use crate::reject::BlockReject;
use crate::schema::form::ColumnFacts;
use crate::schema::key_order::KeyOrder;

/// One row of a [`RowBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowMeta {
    /// The record's index within the chunk, 0-based, rejects counted too.
    pub record_index: u32,
    /// The record's bytes in the chunk, without the line end.
    pub source: ByteRange,
}

/// The rows and rejects of one chunk, in input order.
#[derive(Debug, Default)]
pub struct RowBlock<E> {
    /// The values of the rows.
    pub values: E,
    pub rows: Vec<RowMeta>,
    /// One per row if the key is a single integer column that is the table's row id, else empty.
    pub integer_keys: Vec<i64>,
    /// One per row if the key is hashed, else empty; [`NULL_KEY`] if a key column is NULL.
    pub key_hashes: Vec<u128>,
    pub rejects: Vec<BlockReject>,
    /// Faults of rejected records beyond those in [`rejects`](Self::rejects), if they are asked for.
    pub further_faults: Vec<BlockReject>,
    /// If types are guessed: the order of the keys, if the key is a single integer column.
    pub key_order: KeyOrder,
    /// If types are guessed: what each column's values look like, for those columns to which it matters.
    pub column_facts: Vec<ColumnFacts>,
    /// If types are guessed: index in [`rejects`](Self::rejects) of the first that refutes the guess.
    pub refuted_by: Option<u32>,
    /// Records in the chunk: rows and rejects.
    pub record_count: u32,
    /// How many bytes of the input the chunk was made of: more or fewer than it has only if that was UTF-16.
    pub original_bytes: u64,
    /// Line ends in the chunk, those inside quoted fields too.
    pub line_count: u32,
    /// Blank lines skipped: neither rows nor rejects.
    pub blank_lines: u32,
    /// Comments skipped, as well.
    pub comment_lines: u32,
    /// Records skipped that are the header once more.
    pub repeated_headers: u32,
    /// Rows of records with more fields than the header, and with fewer.
    pub cut_records: u32,
    pub filled_records: u32,
    /// For each column, values of rows that were written in another form than they are stored in; empty if there can be none.
    pub recoded: Vec<u64>,
    /// The hash of the chunk's bytes.
    pub content: ContentHash,
    /// Bytes of the key being hashed; here only to be reused.
    pub(crate) key_bytes: Vec<u8>,
    /// Columns of the row at hand that count as recoded once it is one, and a value in the form in which it is cast; as well.
    pub(crate) recoded_in_row: Vec<u16>,
    pub(crate) plain_value: Vec<u8>,
    /// A value whose escapes are resolved, and a field in UTF-8; here only to be reused.
    pub(crate) resolved: Vec<u8>,
    /// A value whose doubled quotes are single; as well.
    pub(crate) meant_text: Vec<u8>,
    pub(crate) recoded_text: Vec<u8>,
}

/// Which rows of a block a load has put into its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Indices of rows: these, but for those in [`left_out`](Self::left_out), which ascend.
    pub span: std::ops::Range<usize>,
    pub left_out: Vec<u32>,
}

impl Landed {
    /// Begins with the rows from `first_row` on, of which none is in yet.
    pub fn begin(&mut self, first_row: usize) {
        self.span = first_row..first_row;
        self.left_out.clear();
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        let mut left_out = self.left_out.iter().peekable();
        self.span
            .clone()
            .filter(move |row| left_out.next_if(|&&out| out as usize == *row).is_none())
    }
}

/// The hash that stands for a key with a NULL in it, which is never a duplicate.
pub const NULL_KEY: u128 = 0;

impl<E: Encoder> RowBlock<E> {
    /// Empties the block and keeps its memory. The encoder empties the values itself.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.integer_keys.clear();
        self.key_hashes.clear();
        self.rejects.clear();
        self.further_faults.clear();
        self.key_order = KeyOrder::default();
        self.column_facts.clear();
        self.refuted_by = None;
        self.record_count = 0;
        self.original_bytes = 0;
        self.line_count = 0;
        self.blank_lines = 0;
        self.comment_lines = 0;
        self.repeated_headers = 0;
        self.cut_records = 0;
        self.filled_records = 0;
        self.recoded.clear();
    }

    /// Runs `work` on this block with other values in it, in the same memory; returns those.
    pub fn lend<F: Encoder>(&mut self, values: F, work: impl FnOnce(&mut RowBlock<F>)) -> F {
        let (mut lent, own) = std::mem::take(self).with_values(values);
        work(&mut lent);
        let (block, values) = lent.with_values(own);
        *self = block;
        values
    }

    /// The block with other values, and those that it had.
    fn with_values<F>(self, values: F) -> (RowBlock<F>, E) {
        let block = RowBlock {
            values,
            rows: self.rows,
            integer_keys: self.integer_keys,
            key_hashes: self.key_hashes,
            rejects: self.rejects,
            further_faults: self.further_faults,
            key_order: self.key_order,
            column_facts: self.column_facts,
            refuted_by: self.refuted_by,
            record_count: self.record_count,
            original_bytes: self.original_bytes,
            line_count: self.line_count,
            blank_lines: self.blank_lines,
            comment_lines: self.comment_lines,
            repeated_headers: self.repeated_headers,
            cut_records: self.cut_records,
            filled_records: self.filled_records,
            recoded: self.recoded,
            content: self.content,
            key_bytes: self.key_bytes,
            recoded_in_row: self.recoded_in_row,
            plain_value: self.plain_value,
            resolved: self.resolved,
            meant_text: self.meant_text,
            recoded_text: self.recoded_text,
        };
        (block, self.values)
    }

    /// Lines of the chunk that are no records.
    pub fn skipped(&self) -> u32 {
        self.blank_lines + self.comment_lines + self.repeated_headers
    }

    /// Where the first `records` records end in the chunk, without the last one's line end.
    pub fn end_of(&self, records: u32) -> usize {
        let rows = self.rows.partition_point(|row| row.record_index < records);
        let rejects = self.rejects.partition_point(|reject| reject.record_index < records);
        let row_end = rows.checked_sub(1).map_or(0, |last| self.rows[last].source.end);
        let reject_end = rejects.checked_sub(1).map_or(0, |last| self.rejects[last].source.end);
        row_end.max(reject_end) as usize
    }

    /// Bytes of memory that this block holds on to, used or not.
    pub fn capacity_bytes(&self) -> usize {
        self.values.memory_bytes()
            + self.rows.capacity() * size_of::<RowMeta>()
            + self.integer_keys.capacity() * size_of::<i64>()
            + self.key_hashes.capacity() * size_of::<u128>()
            + (self.rejects.capacity() + self.further_faults.capacity()) * size_of::<BlockReject>()
            + self.column_facts.capacity() * size_of::<ColumnFacts>()
            + self.recoded.capacity() * size_of::<u64>()
            + self.plain_value.capacity()
            + self.resolved.capacity()
            + self.meant_text.capacity()
            + self.recoded_text.capacity()
    }
}
