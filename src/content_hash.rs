//! A hash of bytes that can be put together from the hashes of their pieces, wherever the pieces were cut.
//!
//! CRC-64/NVME, because a CRC is a remainder: the CRC of two pieces together follows from theirs and the second one's length. So pool tasks
//! hash their chunks, the order thread combines the hashes, and neither chunk size nor threads change the result. An edit that is not an
//! attack goes unnoticed once in 2^64.

use std::fmt;

use crc_fast::{CrcAlgorithm, checksum};
use serde::{Deserialize, Serialize};

/// x^64 = this, lowest power in the highest bit. Source: CRC-64/NVME (NVM Express, 64b CRC), polynomial 0xAD93D23594C93659.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
/// The polynomial 1.
const ONE: u64 = 1 << 63;
/// x^(8 · 2^k) for each bit k of a length in bytes.
const BYTE_POWERS: [u64; 64] = byte_powers();

/// A number of bytes, and their hash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentHash {
    /// How many bytes.
    pub bytes: u64,
    crc64: u64,
}

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> ContentHash {
        ContentHash {
            bytes: bytes.len() as u64,
            crc64: checksum(CrcAlgorithm::Crc64Nvme, bytes),
        }
    }

    /// Reads a hash that was [written](fmt::Display), if `text` is one.
    pub(crate) fn parse(bytes: u64, text: &str) -> Option<ContentHash> {
        let crc64 = u64::from_str_radix(text, 16).ok()?;
        Some(ContentHash { bytes, crc64 })
    }

    /// The hash of these bytes and, right after them, `next`'s. Takes about a microsecond.
    #[must_use]
    pub(crate) fn then(self, next: ContentHash) -> ContentHash {
        ContentHash {
            bytes: self.bytes + next.bytes,
            crc64: times(self.crc64, shift(next.bytes)) ^ next.crc64,
        }
    }
}

/// The hash alone, in hexadecimal.
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.crc64)
    }
}

/// x^(8 · `bytes`): what a CRC is multiplied by when that many bytes follow.
fn shift(bytes: u64) -> u64 {
    let mut product = ONE;
    for (bit, power) in BYTE_POWERS.into_iter().enumerate() {
        if bytes >> bit & 1 == 1 {
            product = times(product, power);
        }
    }
    product
}

/// The product of two polynomials over GF(2), modulo [`POLYNOMIAL`].
const fn times(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    let mut bit = 64;
    while bit > 0 {
        bit -= 1;
        // Without a branch: `-1` where the bit is set.
        product ^= b & (a >> bit & 1).wrapping_neg();
        b = b >> 1 ^ POLYNOMIAL & (b & 1).wrapping_neg();
    }
    product
}

const fn byte_powers() -> [u64; 64] {
    // x^8.
    let mut power = ONE >> 8;
    let mut powers = [0; 64];
    let mut bit = 0;
    while bit < powers.len() {
        powers[bit] = power;
        power = times(power, power);
        bit += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_its_name_says() {
        // The check value of CRC-64/NVME.
        assert_eq!(ContentHash::of(b"123456789").to_string(), "ae8b14860a799888");
        assert_eq!(ContentHash::of(b""), ContentHash::default());
        let hash = ContentHash::of(b"123456789");
        assert_eq!(ContentHash::parse(9, &hash.to_string()), Some(hash));
        assert_eq!(ContentHash::parse(9, "no hash"), None);
    }

    #[test]
    fn wherever_bytes_are_cut_the_pieces_have_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| (i * i % 251) as u8).collect();
        let whole = ContentHash::of(&bytes);
        for size in [1, 2, 7, 64, 255, 4096, 4999, 5000] {
            let pieces = bytes.chunks(size).map(ContentHash::of);
            assert_eq!(pieces.fold(ContentHash::default(), ContentHash::then), whole, "{size}");
        }
    }

    #[test]
    fn one_changed_moved_or_missing_byte_changes_the_hash() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i % 7) as u8).collect();
        let whole = ContentHash::of(&bytes);
        for at in 0..bytes.len() - 1 {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_ne!(ContentHash::of(&changed), whole);
            changed[at] ^= 1;
            changed.swap(at, at + 1);
            assert_ne!(ContentHash::of(&changed), whole);
        }
        assert_ne!(ContentHash::of(&bytes[1..]), whole);
    }
}
