//! Records that do not have as many fields as their header: whether they are rows all the same. Pure.

use serde::{Deserialize, Serialize};

/// What becomes of records that have more or fewer fields than the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Widths {
    /// What a record has beyond the header's fields is left out.
    pub ignore_extra: bool,
    /// What a record lacks is what an empty field is.
    pub fill_missing: bool,
}

impl Widths {
    /// Whether every record must have as many fields as the header.
    pub fn are_usual(self) -> bool {
        self == Widths::default()
    }

    /// Whether a record of `found` fields may be a row where `expected` are meant.
    #[inline]
    pub fn admit(self, found: u32, expected: u32) -> bool {
        match found.cmp(&expected) {
            std::cmp::Ordering::Less => self.fill_missing,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => self.ignore_extra,
        }
    }
}
