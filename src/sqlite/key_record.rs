//! Records of which only the key is wanted: all other values are NULL.
//!
//! Comes in: the values of a row, one by one. Goes out: a record with as many values as any other of the table, so that whatever finds a key
//! in a record finds it here.

use crate::rows::{Encoder, ExpectedRows, Text};
use crate::sqlite::record::SqliteRecords;

/// The rows of a chunk as SQLite records of their keys.
#[derive(Debug, Default)]
pub struct KeyRecords<'a> {
    records: SqliteRecords,
    /// For each column, whether it is part of the key.
    is_key: &'a [bool],
    column: usize,
}

impl<'a> KeyRecords<'a> {
    /// In the memory of `records`.
    pub fn over(records: SqliteRecords, is_key: &'a [bool]) -> Self {
        KeyRecords {
            records,
            is_key,
            column: 0,
        }
    }

    pub fn into_records(self) -> SqliteRecords {
        self.records
    }

    /// Hands the next value to `push`, if it is wanted.
    #[inline(always)]
    fn next(&mut self, push: impl FnOnce(&mut SqliteRecords)) {
        let is_key = self.is_key[self.column];
        self.column += 1;
        match is_key {
            true => push(&mut self.records),
            false => self.records.push_null(),
        }
    }
}

impl Encoder for KeyRecords<'_> {
    fn begin(&mut self, expected: &ExpectedRows<'_>) {
        self.records.begin(expected);
    }

    #[inline]
    fn begin_row(&mut self, source_bytes: usize) {
        self.column = 0;
        self.records.begin_row(source_bytes);
    }

    #[inline]
    fn push_null(&mut self) {
        self.next(SqliteRecords::push_null);
    }

    #[inline]
    fn push_integer(&mut self, value: i64) {
        self.next(|records| records.push_integer(value));
    }

    #[inline]
    fn push_row_id(&mut self, value: i64) {
        self.next(|records| records.push_row_id(value));
    }

    fn push_record_number(&mut self) {
        self.push_null();
    }

    #[inline]
    fn push_real(&mut self, value: f64) {
        self.next(|records| records.push_real(value));
    }

    #[inline]
    fn push_real_as_given(&mut self, value: f64) {
        self.next(|records| records.push_real_as_given(value));
    }

    #[inline]
    fn push_text(&mut self, text: Text<'_>) {
        self.next(|records| records.push_text(text));
    }

    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]) {
        self.next(|records| records.push_text_and(text, tail));
    }

    #[inline]
    fn end_row(&mut self) {
        self.records.end_row();
    }

    fn memory_bytes(&self) -> usize {
        self.records.memory_bytes()
    }
}
