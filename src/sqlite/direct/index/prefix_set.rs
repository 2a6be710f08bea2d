//! Which keys are worth a look when the sorted ones are searched for duplicates. Pure.

/// A set of prefixes that may seem to hold some that it was never given: one bit for each, chosen by a hash.
#[derive(Debug)]
pub struct PrefixSet {
    bits: Vec<u64>,
}

/// Bits of a [`PrefixSet`], as a power of two: 1 MiB, which is enough for two million prefixes.
const PREFIX_SET_BITS: u32 = 23;

impl Default for PrefixSet {
    fn default() -> Self {
        PrefixSet {
            bits: vec![0; 1 << (PREFIX_SET_BITS - 6)],
        }
    }
}

impl PrefixSet {
    /// The word and the bit of a prefix, by multiplicative hashing.
    #[inline]
    fn place(prefix: u64) -> (usize, u64) {
        let hash = prefix.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PREFIX_SET_BITS);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    #[inline]
    pub fn insert(&mut self, prefix: u64) {
        let (word, bit) = Self::place(prefix);
        self.bits[word] |= bit;
    }

    #[inline]
    pub fn may_contain(&self, prefix: u64) -> bool {
        let (word, bit) = Self::place(prefix);
        self.bits[word] & bit != 0
    }
}
