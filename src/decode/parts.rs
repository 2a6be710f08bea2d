//! The parts of packed bytes, one after another: members of gzip, frames of zstd and lz4, streams of xz and bzip2.

#[cfg(feature = "gzip")]
use crate::decode::bgzf;
use crate::decode::packing::{LOOK_BYTES, Packing, is_skippable};
use crate::decode::pieces::PieceSender;
use crate::decode::room::Room;
use crate::decode::source::Source;
use crate::decode::trouble::Trouble;

/// Bytes of a skippable frame's head: mark and length.
const SKIPPABLE_HEAD_BYTES: usize = 8;

/// Unpacks all parts of `source`, which begins as what `packing` packed.
///
/// # Errors
/// `Refused` when it cannot be unpacked, or not within `room`; `Damaged` also where something else follows; `Read`, `Unwanted`.
pub(super) fn all(
    packing: Packing,
    source: &mut Source,
    pieces: &mut PieceSender,
    room: &mut Room,
) -> Result<(), Trouble> {
    let mut parts = Chain {
        packing,
        source,
        pieces,
        room,
        is_begun: false,
    };
    while parts.one()? {}
    Ok(())
}

struct Chain<'a> {
    packing: Packing,
    source: &'a mut Source,
    pieces: &'a mut PieceSender,
    room: &'a mut Room,
    /// A part was unpacked: what packs the others is settled.
    is_begun: bool,
}

impl Chain<'_> {
    /// Unpacks the next part; whether there was one.
    fn one(&mut self) -> Result<bool, Trouble> {
        let first = self.source.peek(LOOK_BYTES)?;
        if first.is_empty() {
            return Ok(false);
        }
        let found = Packing::of(first);
        if is_skippable(first) && matches!(self.packing, Packing::Zstd | Packing::Lz4) {
            return self.skip().map(|()| true);
        }
        if !self.is_begun && found == Some(Packing::Lz4) {
            // What was skipped did not tell.
            self.packing = Packing::Lz4;
        }
        if found != Some(self.packing) {
            return self.end(found);
        }
        self.is_begun = true;
        #[cfg(feature = "gzip")]
        if self.packing == Packing::Gzip && bgzf::is_block(self.source)? {
            // Each block is compared before it is handed out.
            return bgzf::blocks(self.source, self.pieces).map(|()| true);
        }
        let start_bytes = self.pieces.unpacked_bytes();
        self.part().map_err(|trouble| match trouble {
            Trouble::Damaged(message) if self.pieces.unpacked_bytes() > 0 => Trouble::Damaged(format!(
                "{message}; what it unpacks to may be wrong from byte {start_bytes} on"
            )),
            trouble => trouble,
        })?;
        Ok(true)
    }

    fn part(&mut self) -> Result<(), Trouble> {
        let Chain {
            source, pieces, room, ..
        } = self;
        match self.packing {
            #[cfg(feature = "gzip")]
            Packing::Gzip => super::gzip::member(source, pieces),
            #[cfg(feature = "zstd")]
            Packing::Zstd => super::zstd::frame(source, pieces, room),
            #[cfg(feature = "xz")]
            Packing::Xz => super::xz::stream(source, pieces, room),
            #[cfg(feature = "bzip2")]
            Packing::Bzip2 => super::bzip2::stream(source, pieces),
            #[cfg(feature = "lz4")]
            Packing::Lz4 => super::lz4::frame(source, pieces),
            other => {
                let _ = (source, pieces, room);
                Err(Trouble::Refused(other.not_built_in()))
            }
        }
    }

    /// Passes over a frame that holds nothing.
    fn skip(&mut self) -> Result<(), Trouble> {
        let head = self.source.peek(SKIPPABLE_HEAD_BYTES)?;
        // A head that is cut short is found out by passing over all of it.
        let bytes = head.get(4..8).map_or(0, |length| {
            length
                .iter()
                .rev()
                .fold(0u64, |number, &byte| (number << 8) | u64::from(byte))
        });
        self.source
            .skip(SKIPPABLE_HEAD_BYTES as u64 + bytes, self.packing.as_str())
    }

    /// Checks that nothing follows but padding, after which a stream of xz may follow; whether one does. `found`: what the bytes there were
    /// packed with.
    fn end(&mut self, found: Option<Packing>) -> Result<bool, Trouble> {
        let (at_bytes, packing) = (self.source.position(), self.packing);
        match found {
            Some(found) => Err(Trouble::Damaged(format!(
                "after {packing} data, {found} data follow at its byte {at_bytes}: unpack them one by one"
            ))),
            None if self.source.is_padding()? => Ok(false),
            None if packing == Packing::Xz && self.is_xz_after_padding(at_bytes)? => Ok(true),
            None => Err(Trouble::Damaged(format!(
                "what follows the {packing} data, at its byte {at_bytes}, is not {packing} data: it was damaged, or something was appended"
            ))),
        }
    }

    /// Whether a stream of xz follows after as many NUL bytes from `at_bytes` on as there may be between two.
    fn is_xz_after_padding(&mut self, at_bytes: u64) -> Result<bool, Trouble> {
        let is_padded = (self.source.position() - at_bytes).is_multiple_of(4);
        Ok(is_padded && Packing::of(self.source.peek(LOOK_BYTES)?) == Some(Packing::Xz))
    }
}
