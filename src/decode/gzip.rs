//! gzip and deflate (RFC 1951, RFC 1952); the only room with flate2.

use std::io::Read;

#[cfg(feature = "zip")]
use flate2::bufread::DeflateDecoder;
#[cfg(feature = "gzip")]
use flate2::bufread::GzDecoder;
#[cfg(feature = "gzip")]
use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::decode::pieces::PieceSender;
use crate::decode::source::Source;
use crate::decode::trouble::Trouble;

/// Unpacks whole blocks, one after another.
#[cfg(feature = "gzip")]
pub(super) struct BlockUnpacker(Decompress);

#[cfg(feature = "gzip")]
impl Default for BlockUnpacker {
    fn default() -> Self {
        BlockUnpacker(Decompress::new(false))
    }
}

#[cfg(feature = "gzip")]
impl BlockUnpacker {
    /// Adds what `deflated` unpacks to; whether it was `bytes` bytes with this checksum, and all of `deflated` was needed for it.
    pub(super) fn unpack(&mut self, deflated: &[u8], checksum: u32, bytes: u32, unpacked: &mut Vec<u8>) -> bool {
        self.0.reset(false);
        let start = unpacked.len();
        // One byte more than there may be: else a block that is too long would look as one that is not finished.
        unpacked.resize(start + bytes as usize + 1, 0);
        let status = self
            .0
            .decompress(deflated, &mut unpacked[start..], FlushDecompress::Finish);
        unpacked.truncate(start + bytes as usize);
        let mut crc = Crc::new();
        crc.update(&unpacked[start..]);
        matches!(status, Ok(Status::StreamEnd))
            && self.0.total_out() == u64::from(bytes)
            && self.0.total_in() == deflated.len() as u64
            && crc.sum() == checksum
    }
}

/// Unpacks one member, whose length and checksum are compared.
///
/// # Errors
/// `Damaged`, `Read`, `Unwanted`.
#[cfg(feature = "gzip")]
pub(super) fn member(source: &mut Source, pieces: &mut PieceSender) -> Result<(), Trouble> {
    let start_bytes = source.position();
    let taken = pieces.take_all(&mut GzDecoder::new(&mut *source));
    taken.map_err(|failed| source.trouble(failed, "gzip", start_bytes))
}

/// What deflated bytes unpack to.
#[cfg(feature = "zip")]
pub(super) fn inflated(source: &mut Source) -> impl Read {
    DeflateDecoder::new(source)
}
