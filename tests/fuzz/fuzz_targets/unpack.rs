//! Packed bytes, whole and damaged, read in pieces of any size: what comes out depends on the bytes alone, and what was packed comes out
//! as it was, or with an error.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use flate2::Compression;
use flate2::write::GzEncoder;
use rowmill::internal::decode::{LOOK_BYTES, PackedBytes, Packing, Trouble, Unpacked, Unpacking};

/// Read no further: little input may stand for any number of bytes.
const MOST_BYTES: usize = 4 << 20;

/// What is done to a text before it is unpacked.
#[derive(Debug, Arbitrary)]
enum Content {
    /// It is packed bytes.
    Packed,
    /// It is packed, in parts that follow each other.
    Gzip { parts: u8 },
    /// So, and a bit is turned.
    Flipped { at: u32, bit: u8 },
    /// So, and something is missing.
    Cut { at: u32 },
}

/// All bytes that are left.
#[derive(Debug)]
struct Rest(Vec<u8>);

impl<'a> Arbitrary<'a> for Rest {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Rest(u.bytes(u.len())?.to_vec()))
    }
}

#[derive(Debug, Arbitrary)]
struct Input {
    /// Length of the pieces in which the packed bytes arrive; 0: as asked for.
    piece_bytes: u8,
    /// How many bytes are taken at a time.
    taken_bytes: u16,
    content: Content,
    text: Rest,
}

/// A reader that hands out pieces.
struct InPieces {
    bytes: io::Cursor<Vec<u8>>,
    piece_bytes: usize,
}

impl Read for InPieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece_bytes.min(buffer.len());
        self.bytes.read(&mut buffer[..length])
    }
}

/// `text` as gzip packs it, in so many parts.
fn gzip(text: &[u8], parts: u8) -> Vec<u8> {
    let part_bytes = text.len() / usize::from(parts.max(1)) + 1;
    let mut packed = Vec::new();
    for part in text.chunks(part_bytes) {
        let mut packer = GzEncoder::new(packed, Compression::fast());
        packer.write_all(part).expect("memory");
        packed = packer.finish().expect("memory");
    }
    packed
}

/// The first bytes of what comes out, and how it ends; `None`: there is more.
fn unpack(packing: Packing, packed: PackedBytes, taken_bytes: usize) -> (Vec<u8>, Option<Result<(), String>>) {
    let begun = Unpacked::begin(packing, &Unpacking::default(), packed, &Arc::default(), None);
    let mut unpacked = begun.expect("a thread can be started");
    let (mut all, mut piece) = (Vec::new(), vec![0; taken_bytes.max(1)]);
    while all.len() < MOST_BYTES {
        match unpacked.read(&mut piece, &|| false).expect("nobody stops it") {
            Ok(0) => return (all, Some(Ok(()))),
            Ok(bytes) => all.extend_from_slice(&piece[..bytes]),
            Err(Trouble::Damaged(said) | Trouble::Refused(said)) => return (all, Some(Err(said))),
            Err(trouble) => panic!("its bytes can be read: {trouble:?}"),
        }
    }
    all.truncate(MOST_BYTES);
    (all, None)
}

/// `bytes` as an input of that kind has them: an archive is a file.
fn source(packing: Packing, bytes: &[u8], piece_bytes: u8) -> PackedBytes {
    if packing == Packing::Zip {
        let mut file: File = tempfile::tempfile().expect("a temporary file");
        file.write_all(bytes).expect("room for it");
        return PackedBytes::File(Arc::new(file));
    }
    PackedBytes::Stream(Box::new(InPieces {
        bytes: io::Cursor::new(bytes.to_vec()),
        piece_bytes: match piece_bytes {
            0 => usize::MAX,
            bytes => usize::from(bytes),
        },
    }))
}

rowmill_fuzz::target!(|input: Input| {
    let Rest(text) = input.text;
    let mut is_whole = false;
    let packed = match input.content {
        Content::Packed => text.clone(),
        Content::Gzip { parts } => {
            is_whole = !text.is_empty();
            gzip(&text, parts % 8)
        }
        Content::Flipped { at, bit } => {
            let mut packed = gzip(&text, 2);
            let length = packed.len().max(1);
            if let Some(byte) = packed.get_mut(at as usize % length) {
                *byte ^= 1 << (bit % 8);
            }
            packed
        }
        Content::Cut { at } => {
            let mut packed = gzip(&text, 2);
            packed.truncate(at as usize % packed.len().max(1));
            packed
        }
    };
    let Some(packing) = Packing::of(&packed[..packed.len().min(LOOK_BYTES)]) else {
        return;
    };
    let (whole, end) = unpack(packing, source(packing, &packed, 0), 1 << 16);
    let (pieced, pieced_end) = unpack(
        packing,
        source(packing, &packed, input.piece_bytes),
        usize::from(input.taken_bytes),
    );
    assert!(end == pieced_end, "{end:?}, in pieces: {pieced_end:?}");
    assert!(whole == pieced, "{} bytes, in pieces: {}", whole.len(), pieced.len());
    assert!(!is_whole || (end == Some(Ok(())) && whole == text), "{end:?}");
    // A part that was not told to be damaged is what was packed, from its beginning.
    assert!(
        end != Some(Ok(()))
            || packing != Packing::Gzip
            || !matches!(input.content, Content::Cut { .. })
            || text.starts_with(&whole)
    );
});
