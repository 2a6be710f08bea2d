//! Equal keys among sorted ones, found part by part: a part is looked through without knowing what came before it, so its first key is open
//! until the part before it is known. Pure.

use std::cmp::Ordering;

use crate::sqlite::direct::index::key::{IndexEntry, KeyColumns};

/// An entry that is kept beyond its part.
#[derive(Debug, Clone, Default)]
pub struct OwnedEntry {
    prefix: u64,
    pub row_id: i64,
    key: Vec<u8>,
}

impl OwnedEntry {
    pub fn of(entry: &IndexEntry<'_>) -> Self {
        OwnedEntry {
            prefix: entry.prefix,
            row_id: entry.row_id,
            key: entry.key.to_vec(),
        }
    }

    pub fn entry(&self) -> IndexEntry<'_> {
        IndexEntry {
            prefix: self.prefix,
            row_id: self.row_id,
            key: &self.key,
        }
    }

    fn set(&mut self, entry: &IndexEntry<'_>) {
        (self.prefix, self.row_id) = (entry.prefix, entry.row_id);
        self.key.clear();
        self.key.extend_from_slice(entry.key);
    }

    #[inline]
    fn has_key_of(&self, columns: &KeyColumns, entry: &IndexEntry<'_>) -> bool {
        self.prefix == entry.prefix
            && columns.compare_keys(&self.entry(), entry) == Ordering::Equal
            && !columns.has_null(entry)
    }
}

/// Finds equal keys among sorted ones.
#[derive(Debug, Default)]
pub struct RepeatedKeys {
    /// The first entry with the current key.
    first: Option<OwnedEntry>,
}

impl RepeatedKeys {
    /// The row id of an earlier entry with the same key, if there is one.
    #[inline]
    pub fn first_with_key(&mut self, columns: &KeyColumns, entry: &IndexEntry<'_>) -> Option<i64> {
        match &mut self.first {
            Some(first) if first.has_key_of(columns, entry) => Some(first.row_id),
            Some(first) => {
                first.set(entry);
                None
            }
            none => {
                *none = Some(OwnedEntry::of(entry));
                None
            }
        }
    }

    /// Goes on after a part, whose last key is that of `part`.
    pub fn go_on_after(&mut self, part: RepeatedKeys) {
        if part.first.is_some() {
            self.first = part.first;
        }
    }
}
