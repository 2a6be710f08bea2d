//! Zstandard frames (RFC 8878); the only room with its crate.

use zstd::stream::read::Decoder as FrameDecoder;

use crate::decode::pieces::PieceSender;
use crate::decode::room::Room;
use crate::decode::source::Source;
use crate::decode::trouble::{PartFailed, Trouble};

/// Longest header of a frame: magic number, descriptor, window, dictionary, content size.
const HEADER_BYTES: usize = 18;
/// What unpacking takes besides the window: tables, and the block at hand.
const TABLES_BYTES: u64 = 1 << 20;
/// Window sizes that the crate knows, as powers of two.
const WINDOW_LOGS: std::ops::RangeInclusive<u32> = 10..=31;

/// Unpacks one frame, whose checksum is compared, if it has one.
///
/// # Errors
/// `Damaged`, `Refused` for one whose window is too large, `Read`, `Unwanted`.
pub(super) fn frame(source: &mut Source, pieces: &mut PieceSender, room: &mut Room) -> Result<(), Trouble> {
    let start_bytes = source.position();
    let window_bytes = window_bytes(source.peek(HEADER_BYTES)?).unwrap_or(0);
    room.reserve(window_bytes.saturating_add(TABLES_BYTES), "zstd window", start_bytes)?;
    let taken = unpack(source, pieces, window_bytes);
    taken.map_err(|failed| source.trouble(failed, "zstd", start_bytes))
}

fn unpack(source: &mut Source, pieces: &mut PieceSender, window_bytes: u64) -> Result<(), PartFailed> {
    let mut decoder = FrameDecoder::with_buffer(source)
        .map_err(PartFailed::Said)?
        .single_frame();
    let window_log = window_bytes.max(1).next_power_of_two().ilog2();
    let window_log = window_log.clamp(*WINDOW_LOGS.start(), *WINDOW_LOGS.end());
    decoder.window_log_max(window_log).map_err(PartFailed::Said)?;
    pieces.take_all(&mut decoder)
}

/// How far back a frame that begins with `header` refers. `None`: the header is cut short.
fn window_bytes(header: &[u8]) -> Option<u64> {
    let descriptor = *header.get(4)?;
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = u64::from(*header.get(5)?);
        let base = 1u64 << (10 + (window >> 3));
        return Some(base + base / 8 * (window & 7));
    }
    // The window is the whole content.
    let size_at = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let size = header.get(size_at..size_at + size_bytes)?;
    let content = size
        .iter()
        .rev()
        .fold(0u64, |number, &byte| (number << 8) | u64::from(byte));
    Some(if size_bytes == 2 { content + 256 } else { content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_from_headers() {
        // Window descriptor: exponent 4, mantissa 3.
        assert_eq!(
            window_bytes(b"\x28\xB5\x2F\xFD\x00\x23"),
            Some((1 << 14) + 3 * (1 << 11))
        );
        // One segment, whose size has one byte, two, eight.
        assert_eq!(window_bytes(b"\x28\xB5\x2F\xFD\x20\x07"), Some(7));
        assert_eq!(window_bytes(b"\x28\xB5\x2F\xFD\x60\x01\x02"), Some(0x0201 + 256));
        assert_eq!(
            window_bytes(b"\x28\xB5\x2F\xFD\xE1\xAA\0\0\0\0\x01\0\0\0"),
            Some(1 << 32)
        );
        assert_eq!(window_bytes(b"\x28\xB5\x2F\xFD\xE0\x01"), None);
    }
}
