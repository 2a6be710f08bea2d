//! Bytes in memory that begin where writes past the page cache want them to begin. Pure.

use std::ops::{Deref, DerefMut};

/// The largest unit in which disks and file systems in use take such writes.
pub const ALIGNMENT: usize = 4096;

/// Bytes whose first one lies at a multiple of [`ALIGNMENT`].
#[derive(Debug, Default)]
pub struct AlignedBytes {
    room: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBytes {
    /// A copy of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut aligned = AlignedBytes::default();
        aligned.grow(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }

    /// Whether `bytes` begin and end at multiples of [`ALIGNMENT`].
    pub fn are_aligned(bytes: &[u8]) -> bool {
        bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) && bytes.len().is_multiple_of(ALIGNMENT)
    }

    /// Makes them at least `length` bytes long; those that are added are zero.
    pub fn grow(&mut self, length: usize) {
        if length <= self.length {
            return;
        }
        let room = vec![0; length + ALIGNMENT];
        let start = room.as_ptr().addr().next_multiple_of(ALIGNMENT) - room.as_ptr().addr();
        let mut grown = AlignedBytes { room, start, length };
        grown[..self.length].copy_from_slice(self);
        *self = grown;
    }
}

impl Deref for AlignedBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.room[self.start..self.start + self.length]
    }
}

impl DerefMut for AlignedBytes {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_what_and_where_they_are_as_they_grow() {
        let mut bytes = AlignedBytes::default();
        for length in [1, 5000, 4096, 100_000, 3_000_000] {
            let before = bytes.to_vec();
            bytes.grow(length);
            assert_eq!(bytes[..before.len()], before);
            assert!(bytes[before.len()..].iter().all(|&byte| byte == 0));
            assert!(bytes.len() >= length && bytes.as_ptr().addr().is_multiple_of(ALIGNMENT));
            bytes.fill(length as u8);
        }
        assert!(AlignedBytes::are_aligned(&bytes[4096..8192]));
        assert!(!AlignedBytes::are_aligned(&bytes[4097..8193]) && !AlignedBytes::are_aligned(&bytes[..4097]));
        assert_eq!(AlignedBytes::of(b"some text")[..], *b"some text");
    }
}
