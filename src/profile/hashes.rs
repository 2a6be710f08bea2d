//! The values of some columns as numbers of 128 bits, which are different where the values are: what shows that none comes twice.
//!
//! Integers and reals are their own numbers. Of a text it is the hash: two texts of one hash would count as a repeat, which is the safe side.

use xxhash_rust::xxh3::xxh3_128;

use crate::rows::{Encoder, ExpectedRows, Text};

/// The values of the wanted columns, row by row.
#[derive(Debug, Default)]
pub struct ValueHashes {
    wanted: Vec<bool>,
    column: usize,
    /// Those of rows that have ended, and of the one at hand.
    hashes: Vec<u128>,
    ended: usize,
    text: Vec<u8>,
}

impl ValueHashes {
    /// Says which columns are wanted.
    pub fn want(&mut self, wanted: &[bool]) {
        self.wanted.clear();
        self.wanted.extend_from_slice(wanted);
    }

    /// The numbers of one row after another, one for each wanted column. No value of those may be NULL.
    pub fn as_slice(&self) -> &[u128] {
        &self.hashes[..self.ended]
    }

    #[inline]
    fn push(&mut self, hash: impl FnOnce(&mut Vec<u8>) -> u128) {
        if self.wanted.get(self.column) == Some(&true) {
            self.hashes.push(hash(&mut self.text));
        }
        self.column += 1;
    }
}

impl Encoder for ValueHashes {
    fn begin(&mut self, _expected: &ExpectedRows<'_>) {
        self.hashes.clear();
        self.ended = 0;
    }

    #[inline]
    fn begin_row(&mut self, _source_bytes: usize) {
        self.hashes.truncate(self.ended);
        self.column = 0;
    }

    #[inline]
    fn push_null(&mut self) {
        self.push(|_| 0);
    }

    #[inline]
    fn push_integer(&mut self, value: i64) {
        self.push(|_| u128::from(value as u64));
    }

    #[inline]
    fn push_row_id(&mut self, value: i64) {
        self.push_integer(value);
    }

    fn push_record_number(&mut self) {
        self.push_null();
    }

    #[inline]
    fn push_real(&mut self, value: f64) {
        // The two zeros are one number.
        self.push(|_| u128::from((value + 0.0).to_bits()));
    }

    #[inline]
    fn push_real_as_given(&mut self, value: f64) {
        self.push_real(value);
    }

    #[inline]
    fn push_text(&mut self, text: Text<'_>) {
        self.push_text_and(text, b"");
    }

    #[inline]
    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]) {
        self.push(|room| {
            room.clear();
            text.append_to(room);
            room.extend_from_slice(tail);
            xxh3_128(room)
        });
    }

    #[inline]
    fn end_row(&mut self) {
        self.ended = self.hashes.len();
    }

    fn memory_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u128>() + self.text.capacity()
    }
}
