//! A value of a column, as far as it is kept: numbers whole, of texts the beginning.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

/// Bytes that are kept of a text.
const KEPT_BYTES: usize = 64;

/// The beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextStart {
    bytes: [u8; KEPT_BYTES],
    len: u8,
    is_cut: bool,
}

impl TextStart {
    pub(crate) fn of(text: &[u8]) -> Self {
        let len = text.len().min(KEPT_BYTES);
        let mut bytes = [0; KEPT_BYTES];
        bytes[..len].copy_from_slice(&text[..len]);
        TextStart {
            bytes,
            len: len as u8,
            is_cut: text.len() > len,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Returns the text, or what was kept of it.
    pub fn text(&self) -> &str {
        let bytes = self.as_bytes();
        // What was cut may end within a character; all else is UTF-8.
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        }
    }

    /// Returns whether the text is longer than what was kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How it compares to a whole text, as far as it was kept: as SQLite compares texts.
    pub(crate) fn compare_to(&self, text: &[u8]) -> Ordering {
        let kept = &text[..text.len().min(KEPT_BYTES)];
        let is_cut = text.len() > kept.len();
        self.as_bytes().cmp(kept).then(self.is_cut.cmp(&is_cut))
    }

    pub(crate) fn compare(&self, other: &TextStart) -> Ordering {
        let by_bytes = self.as_bytes().cmp(other.as_bytes());
        by_bytes.then(self.is_cut.cmp(&other.is_cut))
    }
}

/// A value of a column. Of a text that is longer than 64 bytes only the beginning is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ProfileValue {
    /// Of a column that is stored as INTEGER.
    Integer(i64),
    /// Of a column that is stored as REAL.
    Real(f64),
    /// Of a column that is stored as TEXT.
    Text(TextStart),
}

impl ProfileValue {
    /// The order of SQLite.
    pub(crate) fn compare(&self, other: &ProfileValue) -> Ordering {
        match (self, other) {
            (ProfileValue::Integer(own), ProfileValue::Integer(other)) => own.cmp(other),
            (ProfileValue::Real(own), ProfileValue::Real(other)) => own.total_cmp(other),
            (ProfileValue::Text(own), ProfileValue::Text(other)) => own.compare(other),
            // A column holds values of one kind.
            _ => Ordering::Equal,
        }
    }
}

impl std::fmt::Display for ProfileValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProfileValue::Integer(value) => value.fmt(f),
            ProfileValue::Real(value) => write!(f, "{value:?}"),
            ProfileValue::Text(text) => f.write_str(text.text()),
        }
    }
}

impl Serialize for ProfileValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ProfileValue::Integer(value) => serializer.serialize_i64(*value),
            ProfileValue::Real(value) => serializer.serialize_f64(*value),
            ProfileValue::Text(text) => serializer.serialize_str(text.text()),
        }
    }
}
