//! Rows into statistics: an encoder that keeps no row.
//!
//! A row may turn out to be none at its last value, so its values wait until it ends; texts wait in a buffer that is used again for each.

use super::column::ColumnStats;
use crate::rows::{Encoder, ExpectedRows, Text};
use crate::schema::{Column, ColumnType};

/// What the values of a chunk's rows are like.
#[derive(Debug, Default)]
pub struct StatsEncoder {
    pub(super) columns: Vec<ColumnStats>,
    /// For each column, whether it keeps its values as they are written.
    are_kept: Vec<bool>,
    row: Vec<Pushed>,
    texts: Vec<u8>,
    rows: u32,
}

/// A value that waits for the end of its row.
#[derive(Debug, Clone, Copy)]
enum Pushed {
    Null,
    Integer(i64),
    Real(f64),
    /// Ends here in the buffer of texts, where the one before ends.
    Text(usize),
}

impl Encoder for StatsEncoder {
    fn begin(&mut self, expected: &ExpectedRows<'_>) {
        self.columns.resize_with(expected.columns.len(), ColumnStats::default);
        self.columns.iter_mut().for_each(ColumnStats::clear);
        self.are_kept.clear();
        let is_kept = |column: &Column| column.column_type == ColumnType::Text;
        self.are_kept.extend(expected.columns.iter().map(is_kept));
        self.rows = 0;
    }

    #[inline]
    fn begin_row(&mut self, _source_bytes: usize) {
        self.row.clear();
        self.texts.clear();
    }

    #[inline]
    fn push_null(&mut self) {
        self.row.push(Pushed::Null);
    }

    #[inline]
    fn push_integer(&mut self, value: i64) {
        self.row.push(Pushed::Integer(value));
    }

    #[inline]
    fn push_row_id(&mut self, value: i64) {
        self.push_integer(value);
    }

    /// Not known here, and no value of the input.
    fn push_record_number(&mut self) {
        self.push_null();
    }

    #[inline]
    fn push_real(&mut self, value: f64) {
        self.row.push(Pushed::Real(value));
    }

    #[inline]
    fn push_real_as_given(&mut self, value: f64) {
        self.push_real(value);
    }

    #[inline]
    fn push_text(&mut self, text: Text<'_>) {
        text.append_to(&mut self.texts);
        self.row.push(Pushed::Text(self.texts.len()));
    }

    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]) {
        text.append_to(&mut self.texts);
        self.texts.extend_from_slice(tail);
        self.row.push(Pushed::Text(self.texts.len()));
    }

    #[inline]
    fn end_row(&mut self) {
        let mut start = 0;
        for ((stats, pushed), &is_kept) in self.columns.iter_mut().zip(&self.row).zip(&self.are_kept) {
            match *pushed {
                Pushed::Null => stats.see_null(),
                Pushed::Integer(value) => stats.see_integer(value),
                Pushed::Real(value) => stats.see_real(value),
                Pushed::Text(end) => {
                    stats.see_text(&self.texts[start..end], self.rows, is_kept);
                    start = end;
                }
            }
        }
        self.rows += 1;
    }

    fn memory_bytes(&self) -> usize {
        self.columns.capacity() * (size_of::<ColumnStats>() + ColumnStats::HEAP_BYTES) + self.texts.capacity()
    }
}
