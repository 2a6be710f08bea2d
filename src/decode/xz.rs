//! xz streams; the only room with liblzma.

use liblzma::bufread::XzDecoder;
use liblzma::stream::{Stream, TELL_UNSUPPORTED_CHECK};

use crate::decode::pieces::PieceSender;
use crate::decode::room::Room;
use crate::decode::source::Source;
use crate::decode::trouble::{PartFailed, Trouble};

/// Stream header, and the longest header of a block.
const HEADERS_BYTES: usize = 12 + 1024;
const STREAM_HEADER_BYTES: usize = 12;
/// The filter that unpacks; the others only turn bytes round.
const LZMA2: u64 = 0x21;
/// What unpacking takes besides the dictionary.
const TABLES_BYTES: u64 = 1 << 20;

/// Unpacks one stream, whose checksums are compared.
///
/// # Errors
/// `Damaged`, `Refused` for one whose dictionary is too large, `Read`, `Unwanted`.
pub(super) fn stream(source: &mut Source, pieces: &mut PieceSender, room: &mut Room) -> Result<(), Trouble> {
    let start_bytes = source.position();
    // A stream without a block has no dictionary, and what cannot be read is found out by unpacking.
    let dictionary_bytes = dictionary_bytes(source.peek(HEADERS_BYTES)?).unwrap_or(0);
    room.reserve(
        dictionary_bytes.saturating_add(TABLES_BYTES),
        "xz dictionary",
        start_bytes,
    )?;
    let taken = unpack(source, pieces, room.reserved_bytes());
    taken.map_err(|failed| match failed {
        PartFailed::Said(e) if is_memory_limit(&e) => room.too_much("xz dictionary", start_bytes),
        failed => source.trouble(failed, "xz", start_bytes),
    })
}

fn unpack(source: &mut Source, pieces: &mut PieceSender, limit_bytes: u64) -> Result<(), PartFailed> {
    let stream =
        Stream::new_stream_decoder(limit_bytes, TELL_UNSUPPORTED_CHECK).map_err(|e| PartFailed::Said(e.into()))?;
    pieces.take_all(&mut XzDecoder::new_stream(source, stream))
}

/// Whether a later block of the stream takes more memory than the first.
fn is_memory_limit(error: &std::io::Error) -> bool {
    let said = error
        .get_ref()
        .and_then(|said| said.downcast_ref::<liblzma::stream::Error>());
    matches!(said, Some(liblzma::stream::Error::MemLimit))
}

/// The dictionary of a stream's first block. `None`: there is none, or the header is cut short.
fn dictionary_bytes(headers: &[u8]) -> Option<u64> {
    let block = headers.get(STREAM_HEADER_BYTES..)?;
    // 0 begins the index of a stream without a block.
    if *block.first()? == 0 {
        return None;
    }
    let flags = *block.get(1)?;
    let mut at = 2;
    for has_size in [flags & 0x40 != 0, flags & 0x80 != 0] {
        if has_size {
            number(block, &mut at)?;
        }
    }
    for _ in 0..=(flags & 3) {
        let filter = number(block, &mut at)?;
        let properties_bytes = usize::try_from(number(block, &mut at)?).ok()?;
        if filter == LZMA2 {
            let bits = u32::from(*block.get(at)? & 0x3F);
            return Some(if bits >= 40 {
                u64::from(u32::MAX)
            } else {
                u64::from(2 | (bits & 1)) << (bits / 2 + 11)
            });
        }
        at = at.checked_add(properties_bytes)?;
    }
    None
}

/// A number of up to nine bytes with seven bits each.
fn number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << (7 * shift);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read_from_headers() {
        let with_block = |block: &[u8]| dictionary_bytes(&[&[0; STREAM_HEADER_BYTES][..], block].concat());
        assert_eq!(with_block(b"\x02\x00\x21\x01\x16\0\0\0"), Some(8 << 20));
        assert_eq!(with_block(b"\x02\x00\x21\x01\x17\0\0\0"), Some(12 << 20));
        assert_eq!(with_block(b"\x02\x00\x21\x01\x28\0\0\0"), Some(u64::from(u32::MAX)));
        // With both sizes, and a filter before.
        assert_eq!(
            with_block(b"\x04\xC1\x80\x01\x05\x03\x01\x00\x21\x01\x16\0\0"),
            Some(8 << 20)
        );
        assert_eq!(with_block(b"\0"), None);
        assert_eq!(with_block(b"\x02\x00\x21\x01"), None);
    }
}
