//! bzip2; the only room with its crate.

use bzip2::bufread::BzDecoder;

use crate::decode::pieces::PieceSender;
use crate::decode::source::Source;
use crate::decode::trouble::Trouble;

/// Unpacks one stream, whose checksums are compared, block by block.
///
/// # Errors
/// `Damaged`, `Read`, `Unwanted`.
pub(super) fn stream(source: &mut Source, pieces: &mut PieceSender) -> Result<(), Trouble> {
    let start_bytes = source.position();
    let taken = pieces.take_all(&mut BzDecoder::new(&mut *source));
    taken.map_err(|failed| source.trouble(failed, "bzip2", start_bytes))
}
