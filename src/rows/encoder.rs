//! Where validation puts the values of a row: the seam between what a good row is and what is made of it.
//!
//! Comes in: the values of one row after another, typed, in the table's order. What goes out is the encoder's own affair: SQLite
//! records, or nothing where only the verdicts are wanted. Validation is compiled for each encoder, so that a value costs no call.

use crate::schema::Column;

/// What is known of a chunk's rows before the first one.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedRows<'a> {
    pub columns: &'a [Column],
    /// At most this many rows.
    pub rows: usize,
    /// Bytes that they come from; more than they need, as line ends and rejects are included.
    pub source_bytes: usize,
}

/// A text as it stands in the input.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The span that it is part of: a short text is copied faster together with what follows it.
    pub span: &'a [u8],
    pub start: usize,
    pub end: usize,
    /// A byte of which every two in the text stand for one.
    pub doubled: Option<u8>,
}

impl Text<'_> {
    /// Adds the text that is meant to `bytes`.
    #[inline]
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        match self.doubled {
            None => bytes.extend_from_slice(&self.span[self.start..self.end]),
            Some(quote) => undoubled(self.span, (self.start, self.end), quote, |start, end| {
                bytes.extend_from_slice(&self.span[start..end]);
            }),
        }
    }
}

/// Splits a text in which two of `quote` stand for one into pieces, and gives `take` each piece's start and end in the span.
#[inline(always)]
pub fn undoubled(span: &[u8], (mut start, end): (usize, usize), quote: u8, mut take: impl FnMut(usize, usize)) {
    while let Some(distance) = memchr::memchr(quote, &span[start..end]) {
        take(start, start + distance + 1);
        start = (start + distance + 2).min(end);
    }
    take(start, end);
}

/// Takes the rows of a chunk, value by value.
///
/// The order of calls: [`begin`](Self::begin); for each row [`begin_row`](Self::begin_row), one push for each column, and
/// [`end_row`](Self::end_row). A row that is not ended, because one of its values does not fit, leaves no trace.
pub trait Encoder: Default + Send {
    /// Begins a chunk. The rows of the chunk before are gone; their memory is reused.
    fn begin(&mut self, expected: &ExpectedRows<'_>);

    /// Begins a row whose fields are `source_bytes` long in all.
    fn begin_row(&mut self, source_bytes: usize);

    fn push_null(&mut self);

    fn push_integer(&mut self, value: i64);

    /// The value of the column that is the table's row id.
    fn push_row_id(&mut self, value: i64);

    /// The number of the record in its input, which is known only once all records before it are counted. It is the last value of a row.
    fn push_record_number(&mut self);

    /// A number in a column of numbers.
    fn push_real(&mut self, value: f64);

    /// A number in a column that keeps every value as it is given.
    fn push_real_as_given(&mut self, value: f64);

    fn push_text(&mut self, text: Text<'_>);

    /// `text`, without quotes in it, and then `tail`, of at most six bytes.
    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]);

    fn end_row(&mut self);

    /// Memory that it holds on to, in bytes, used or not.
    fn memory_bytes(&self) -> usize;
}

/// Makes nothing of the values: for callers that only want to know which records are rows, and their keys.
#[derive(Debug, Default)]
pub struct Nothing;

impl Encoder for Nothing {
    fn begin(&mut self, _expected: &ExpectedRows<'_>) {}

    #[inline]
    fn begin_row(&mut self, _source_bytes: usize) {}

    #[inline]
    fn push_null(&mut self) {}

    #[inline]
    fn push_integer(&mut self, _value: i64) {}

    #[inline]
    fn push_row_id(&mut self, _value: i64) {}

    #[inline]
    fn push_record_number(&mut self) {}

    #[inline]
    fn push_real(&mut self, _value: f64) {}

    #[inline]
    fn push_real_as_given(&mut self, _value: f64) {}

    #[inline]
    fn push_text(&mut self, _text: Text<'_>) {}

    #[inline]
    fn push_text_and(&mut self, _text: Text<'_>, _tail: &[u8]) {}

    #[inline]
    fn end_row(&mut self) {}

    fn memory_bytes(&self) -> usize {
        0
    }
}
