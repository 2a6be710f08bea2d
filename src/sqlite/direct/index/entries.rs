//! Entries of an index in memory, before they are sorted and after.
//!
//! Comes in: rows, whose keys are taken from their records. Entries whose key is a single integer are kept as numbers of the same order: they
//! take less memory and sort in half the time. The first other key makes all of them general.

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::Error;
use crate::sqlite::direct::index::key::{IndexEntry, KeyColumns, RecordValues};

/// Longest key that is sorted here. Samples hold whole keys, so longer ones could break the memory promise.
pub const MAX_KEY_BYTES: usize = 4 << 10;

/// Entries in memory, all of them of one kind.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Entries whose key is a single integer, as numbers of the same order: they take less memory and sort in half the time.
    pub(super) integers: Vec<u128>,
    /// Any entries.
    pub(super) entries: Vec<EntryPlace>,
    pub(super) keys: Vec<u8>,
}

/// An entry whose key is a single integer as a number. The numbers sort as the entries do.
#[inline]
fn pack(prefix: u64, row_id: i64) -> u128 {
    u128::from(prefix) << 64 | u128::from(KeyColumns::prefix_of(row_id))
}

#[inline]
pub(super) fn unpack(number: u128) -> IndexEntry<'static> {
    IndexEntry {
        prefix: (number >> 64) as u64,
        row_id: KeyColumns::integer_of(number as u64),
        key: &[],
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct EntryPlace {
    prefix: u64,
    row_id: i64,
    key_start: u32,
    key_bytes: u32,
}

impl Buffer {
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.integers.len() * size_of::<u128>() + self.entries.len() * size_of::<EntryPlace>() + self.keys.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.integers.is_empty() && self.entries.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.integers.clear();
        self.entries.clear();
        self.keys.clear();
    }

    pub(super) fn entry(&self, slot: &EntryPlace) -> IndexEntry<'_> {
        let start = slot.key_start as usize;
        IndexEntry {
            prefix: slot.prefix,
            row_id: slot.row_id,
            key: &self.keys[start..start + slot.key_bytes as usize],
        }
    }

    /// The entries, in their current order.
    pub fn entries(&self) -> impl Iterator<Item = IndexEntry<'_>> {
        self.part(0..self.len()).entries()
    }

    pub fn len(&self) -> usize {
        // All of them are of one kind.
        self.integers.len() + self.entries.len()
    }

    /// Those at the places `range`.
    pub fn part(&self, range: Range<usize>) -> SortedPart<'_> {
        SortedPart { buffer: self, range }
    }

    pub(super) fn sort(&mut self, columns: &KeyColumns) {
        self.integers.sort_unstable();
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_unstable_by(|a, b| self.compare(a, b, columns));
        self.entries = entries;
    }

    /// As [`sort`](Self::sort), for entries that are already in a few sorted stretches: a stable sort only merges them.
    pub(super) fn merge(&mut self, columns: &KeyColumns) {
        self.integers.sort();
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|a, b| self.compare(a, b, columns));
        self.entries = entries;
    }

    #[inline]
    pub(super) fn compare(&self, a: &EntryPlace, b: &EntryPlace, columns: &KeyColumns) -> Ordering {
        match a.prefix.cmp(&b.prefix) {
            Ordering::Equal => columns.compare(&self.entry(a), &self.entry(b)),
            order => order,
        }
    }

    /// Takes an entry among others of any kind.
    pub(super) fn push(&mut self, entry: &IndexEntry<'_>) {
        self.entries.push(EntryPlace {
            prefix: entry.prefix,
            row_id: entry.row_id,
            // Buffers hold far less than 4 GiB: MAX_KEY_BYTES bounds what the last key adds.
            key_start: self.keys.len() as u32,
            key_bytes: entry.key.len() as u32,
        });
        self.keys.extend_from_slice(entry.key);
    }

    /// Takes an entry whose key is a single integer among others of that kind.
    #[inline]
    pub fn push_integer(&mut self, prefix: u64, row_id: i64) {
        self.integers.push(pack(prefix, row_id));
    }

    pub fn has_integers_only(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the integers take as general entries.
    pub fn general_bytes(&self) -> usize {
        self.integers.len() * size_of::<EntryPlace>()
    }

    /// Makes general entries of the integers.
    #[cold]
    pub fn make_general(&mut self) {
        for number in std::mem::take(&mut self.integers) {
            self.push(&unpack(number));
        }
    }
}

/// Entries that follow each other in a sorted buffer.
#[derive(Debug, Clone)]
pub struct SortedPart<'b> {
    buffer: &'b Buffer,
    range: Range<usize>,
}

impl<'b> SortedPart<'b> {
    /// The entries, in their order.
    pub fn entries(self) -> impl Iterator<Item = IndexEntry<'b>> {
        let SortedPart { buffer, range } = self;
        let (integers, entries) = match buffer.has_integers_only() {
            true => (&buffer.integers[range], &[][..]),
            false => (&[][..], &buffer.entries[range]),
        };
        let integers = integers.iter().map(|&number| unpack(number));
        integers.chain(entries.iter().map(|slot| buffer.entry(slot)))
    }

    /// About how many bytes they take in an index.
    pub fn bytes(&self) -> usize {
        let all = self.buffer.len().max(1);
        let bytes =
            self.buffer.integers.len() * size_of::<u128>() + self.buffer.entries.len() * 8 + self.buffer.keys.len();
        self.range.len() * (bytes / all + 4)
    }
}

/// The keys of several rows, in their order.
#[derive(Debug, Default)]
pub struct KeyEntries {
    buffer: Buffer,
    /// One was too long, and so was not taken.
    has_long_key: bool,
    fields: RecordValues,
}

impl KeyEntries {
    /// Takes the key of a row and returns its prefix; or `None`, without taking it, if it is longer than [`MAX_KEY_BYTES`].
    ///
    /// # Errors
    /// `Internal` for a record that validation did not make.
    #[inline]
    pub fn push_row(&mut self, columns: &KeyColumns, record: &[u8], row_id: i64) -> Result<Option<u64>, Error> {
        let KeyEntries { buffer, fields, .. } = self;
        let start = buffer.keys.len();
        let prefix = columns.extract(record, row_id, fields, &mut buffer.keys)?;
        let key_bytes = buffer.keys.len() - start;
        if key_bytes == 0 && buffer.has_integers_only() {
            buffer.push_integer(prefix, row_id);
            return Ok(Some(prefix));
        }
        if key_bytes > MAX_KEY_BYTES {
            buffer.keys.truncate(start);
            self.has_long_key = true;
            return Ok(None);
        }
        if buffer.has_integers_only() {
            buffer.make_general();
        }
        buffer.entries.push(EntryPlace {
            prefix,
            row_id,
            key_start: start as u32,
            key_bytes: key_bytes as u32,
        });
        Ok(Some(prefix))
    }

    /// The entries, unless a key was too long.
    pub fn buffer(&self) -> Option<&Buffer> {
        (!self.has_long_key).then_some(&self.buffer)
    }

    pub fn clear(&mut self) {
        self.buffer.clear();
        self.has_long_key = false;
    }
}
