//! What packs bytes, recognized by how they begin; pure.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use crate::option_name::Wording;

/// First bytes by which every format is recognized.
pub const LOOK_BYTES: usize = 10;
/// How frames begin that hold nothing: of zstd and of lz4 alike, with any last four bits in the first byte.
const SKIPPABLE: [u8; 4] = *b"\x50\x2A\x4D\x18";
/// Endings of names that say what a file is packed with, and not what is in it.
const ENDINGS: [&str; 9] = ["gz", "bgz", "gzip", "zst", "zstd", "xz", "bz2", "lz4", "zip"];

/// What packs bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Lz4,
    /// An archive.
    Zip,
}

/// How much memory unpacking may take, besides its buffers.
#[derive(Debug, Clone, Copy)]
pub struct UnpackingMemory {
    /// At most this much.
    pub limit_bytes: u64,
    /// Set aside where the first part of an input needs less: a later part may need more than the first.
    pub floor_bytes: u64,
}

impl Packing {
    /// What packs an input that begins with `first`, its first [`LOOK_BYTES`] bytes or all of them.
    pub fn of(first: &[u8]) -> Option<Packing> {
        let known: [(&[u8], Packing); 9] = [
            (b"\x1F\x8B", Packing::Gzip),
            (b"\x28\xB5\x2F\xFD", Packing::Zstd),
            (b"\xFD7zXZ\0", Packing::Xz),
            (b"\x04\x22\x4D\x18", Packing::Lz4),
            (b"\x02\x21\x4C\x18", Packing::Lz4),
            (b"PK\x03\x04", Packing::Zip),
            (b"PK\x05\x06", Packing::Zip),
            (b"PK\x07\x08", Packing::Zip),
            (b"PK00PK\x03\x04", Packing::Zip),
        ];
        let found = known.iter().find(|(magic, _)| first.starts_with(magic));
        found.map(|&(_, packing)| packing).or_else(|| {
            // Its own mark is text: the mark of the first block, or of the end, tells it from a CSV file.
            let is_block = |magic: &[u8]| first.len() >= 10 && first[4..].starts_with(magic);
            let is_bzip2 = first.starts_with(b"BZh")
                && matches!(first.get(3), Some(b'1'..=b'9'))
                && (is_block(b"\x31\x41\x59\x26\x53\x59") || is_block(b"\x17\x72\x45\x38\x50\x90"));
            match is_bzip2 {
                true => Some(Packing::Bzip2),
                false => is_skippable(first).then_some(Packing::Zstd),
            }
        })
    }

    /// Whether bytes that begin with `first` may turn out to be packed once more of them are known.
    pub fn may_be(first: &[u8]) -> bool {
        const STARTS: [&[u8]; 6] = [
            b"\x1F\x8B",
            b"\x28\xB5\x2F\xFD",
            b"\xFD7zXZ\0",
            b"\x04\x22\x4D\x18",
            b"\x02\x21\x4C\x18",
            b"PK",
        ];
        let begins = |start: &&[u8]| start.iter().zip(first).all(|(a, b)| a == b);
        let is_skippable = first
            .iter()
            .zip(SKIPPABLE)
            .enumerate()
            .all(|(at, (byte, known))| match at {
                0 => byte & 0xF0 == known,
                _ => *byte == known,
            });
        first.len() < LOOK_BYTES && (STARTS.iter().any(begins) || begins(&&b"BZh"[..]) || is_skippable)
    }

    /// The name under which it is known.
    pub const fn as_str(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Xz => "xz",
            Packing::Bzip2 => "bzip2",
            Packing::Lz4 => "lz4",
            Packing::Zip => "zip",
        }
    }

    /// Whether this build can unpack it.
    pub(super) const fn is_built_in(self) -> bool {
        match self {
            Packing::Gzip => cfg!(feature = "gzip"),
            Packing::Zstd => cfg!(feature = "zstd"),
            Packing::Xz => cfg!(feature = "xz"),
            Packing::Bzip2 => cfg!(feature = "bzip2"),
            Packing::Lz4 => cfg!(feature = "lz4"),
            Packing::Zip => cfg!(feature = "zip"),
        }
    }

    /// Why it cannot be loaded by this build.
    pub(super) fn not_built_in(self) -> String {
        const WAY: Wording = Wording {
            on_command_line: "pipe in what unpacks it (such as zcat FILE | rowmill load - DB)",
            in_program: "unpack it, or load it through a reader that does",
        };
        format!(
            "it is packed with {self}, which rowmill reads when built with its feature `{self}`; build it that way, or {WAY}"
        )
    }

    /// Most memory that unpacking takes whatever the bytes are like; what depends on them is reserved part by part.
    pub(super) const fn state_bytes(self) -> u64 {
        match self {
            // Also of blocks that are unpacked at the same time.
            Packing::Gzip => 6 << 20,
            Packing::Zip => 1 << 20,
            Packing::Zstd | Packing::Xz => 0,
            // Blocks of 900 kB, four bytes for each byte.
            Packing::Bzip2 => 5 << 20,
            // Blocks of 4 MiB: packed, and two of them unpacked.
            Packing::Lz4 => 13 << 20,
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a frame of zstd or lz4 begins with `first` that holds nothing.
pub(super) fn is_skippable(first: &[u8]) -> bool {
    first.len() >= 4 && first[0] & 0xF0 == SKIPPABLE[0] && first[1..4] == SKIPPABLE[1..]
}

/// `path` without the ending that says what it is packed with: `people.csv` for `people.csv.gz`.
pub fn without_ending(path: &Path) -> &Path {
    let is_ending = |ending: &OsStr| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
    match (path.extension().is_some_and(is_ending), path.file_stem()) {
        (true, Some(stem)) => Path::new(stem),
        _ => path,
    }
}
