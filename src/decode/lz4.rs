//! lz4 frames; the only room with lz4_flex.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

use crate::decode::pieces::PieceSender;
use crate::decode::source::Source;
use crate::decode::trouble::{PartFailed, Trouble};

/// How frames of the format begin that was used before there were frames with lengths and checksums.
const LEGACY: &[u8] = b"\x02\x21\x4C\x18";

/// Whether the end of the packed bytes was asked for. A whole frame ends with a mark of its own, so whoever unpacks one never does; the crate
/// takes the end between two blocks for the end of the frame.
struct EndSeen<'s> {
    source: &'s mut Source,
    is_seen: bool,
}

impl Read for EndSeen<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(piece)?;
        self.is_seen |= bytes == 0 && !piece.is_empty();
        Ok(bytes)
    }
}

/// Unpacks one frame, whose checksums are compared, if it has some.
///
/// # Errors
/// `Damaged`, `Refused`, `Read`, `Unwanted`.
pub(super) fn frame(source: &mut Source, pieces: &mut PieceSender) -> Result<(), Trouble> {
    if source.peek(LEGACY.len())? == LEGACY {
        let message = "it is in lz4's old format, which has no checksums; unpack it first: lz4 -d FILE";
        return Err(Trouble::Refused(message.to_owned()));
    }
    let start_bytes = source.position();
    let mut watched = EndSeen {
        source: &mut *source,
        is_seen: false,
    };
    let mut taken = pieces.take_all(&mut FrameDecoder::new(&mut watched));
    if watched.is_seen && taken.is_ok() {
        taken = Err(PartFailed::Said(io::ErrorKind::UnexpectedEof.into()));
    }
    taken.map_err(|failed| source.trouble(failed, "lz4", start_bytes))
}
