//! In which encoding records are that are not UTF-8, where nobody said it: their bytes are kept until there are enough to guess by.

use crate::encoding::{Encoding, LIKELY_BYTES, likely};
use crate::position::Position;

/// Bytes of records that are not UTF-8, all of one input.
#[derive(Debug, Default)]
pub struct Wondering {
    /// Nobody said what the inputs are in, nor was it guessed before.
    is_wanted: bool,
    file_index: Option<u32>,
    bytes: Vec<u8>,
}

impl Wondering {
    pub fn new(is_wanted: bool) -> Self {
        Wondering {
            is_wanted,
            ..Wondering::default()
        }
    }

    /// Keeps the bytes of a record that is not UTF-8, unless there are enough.
    pub fn see(&mut self, position: &Position, raw: &[u8]) {
        let first = *self.file_index.get_or_insert(position.file_index);
        if self.is_wanted && first == position.file_index && self.bytes.len() < LIKELY_BYTES {
            self.bytes
                .extend_from_slice(&raw[..raw.len().min(LIKELY_BYTES - self.bytes.len())]);
            self.bytes.push(b'\n');
        }
    }

    /// The input that the bytes are of, and the encoding that they are likely in.
    pub fn likely(&self) -> Option<(u32, Encoding)> {
        Some((self.file_index?, likely(&self.bytes, true)?))
    }
}
