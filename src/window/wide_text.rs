//! UTF-16 on its way to those who look at text: from here on it is UTF-8, as every other input is.
//!
//! Comes in: the bytes of an input, unpacked. Goes out: the same, unless they are UTF-16: a byte order mark says so, or whoever asks for the
//! load. What is held is one piece, whatever the length of the input.

use std::sync::Arc;

use super::tail::ReadPiece;
use crate::decode::Marks;
use crate::encoding::wide::{ByteOrder, Widened};
use crate::error::Error;

/// Bytes that tell whether a text begins with a byte order mark, and whether that is one of UTF-16.
pub(super) const MARK_BYTES: usize = 4;
/// The mark of UTF-8.
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes that are recoded at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Memory for a piece, and for what it becomes.
pub(super) const MEMORY_BYTES: u64 = 4 * PIECE_BYTES as u64;

/// The order of bytes of an input that begins with `start` and is UTF-16 by its mark, or without one by what is `assumed`.
pub(super) fn order_of(start: &[u8], assumed: Option<ByteOrder>) -> Option<ByteOrder> {
    ByteOrder::of_mark(start).or_else(|| assumed.filter(|_| !start.starts_with(UTF_8_MARK)))
}

/// Gives text in UTF-8.
#[derive(Debug)]
pub(super) struct WideText {
    /// The order of bytes of what has no mark, if that is UTF-16.
    assumed: Option<ByteOrder>,
    found: FoundText,
    /// Where to say how many bytes became how many, if anybody asks.
    marks: Option<Arc<Marks>>,
    /// Bytes taken, and bytes made of them.
    taken_bytes: u64,
    made_bytes: u64,
}

#[derive(Debug)]
enum FoundText {
    /// Not looked at to the end yet: the bytes so far.
    Unknown(Vec<u8>),
    /// Bytes that were looked at, and are still to be handed out.
    AsItStands(Vec<u8>),
    Wide(WideRecoding),
}

/// UTF-16 that is being recoded.
#[derive(Debug)]
struct WideRecoding {
    widened: Widened,
    bytes: Vec<u8>,
    text: Vec<u8>,
    /// How much of `text` was handed out.
    done: usize,
    has_ended: bool,
}

impl WideText {
    pub(super) fn new(assumed: Option<ByteOrder>, marks: Option<Arc<Marks>>) -> Self {
        WideText {
            assumed,
            found: FoundText::Unknown(Vec::new()),
            marks,
            taken_bytes: 0,
            made_bytes: 0,
        }
    }

    /// The order of bytes, if it is UTF-16. Known once something was read.
    pub(super) fn order(&self) -> Option<ByteOrder> {
        match &self.found {
            FoundText::Wide(recoding) => Some(recoding.widened.order()),
            _ => None,
        }
    }

    /// How many bytes of UTF-16 were taken so far; `None` if it is none.
    pub(super) fn taken_bytes(&self) -> Option<u64> {
        self.order().map(|_| self.taken_bytes)
    }

    /// Reads into `piece`, which is not empty, and returns the number of bytes, 0 at the end; `None` when told to stop. `read` reads what
    /// is not recoded yet in the same manner.
    pub(super) fn read(&mut self, piece: &mut [u8], read: &mut ReadPiece<'_>) -> Result<Option<usize>, Error> {
        if let FoundText::Unknown(_) = self.found
            && self.look(read)?.is_none()
        {
            return Ok(None);
        }
        match &mut self.found {
            FoundText::AsItStands(first) if first.is_empty() => read(piece),
            FoundText::AsItStands(first) | FoundText::Unknown(first) => {
                let bytes = first.len().min(piece.len());
                piece[..bytes].copy_from_slice(&first[..bytes]);
                first.drain(..bytes);
                Ok(Some(bytes))
            }
            FoundText::Wide(_) => self.recode(piece, read),
        }
    }

    /// Finds out whether it is UTF-16; `None` when told to stop before that is known.
    fn look(&mut self, read: &mut ReadPiece<'_>) -> Result<Option<()>, Error> {
        let FoundText::Unknown(first) = &mut self.found else {
            return Ok(Some(()));
        };
        // As few bytes as tell: more of them may take long to come.
        let may_tell = |first: &[u8]| match first {
            [] => true,
            [0xFF | 0xFE, ..] => first.len() < MARK_BYTES,
            _ => self.assumed.is_some() && UTF_8_MARK.starts_with(first) && first.len() < UTF_8_MARK.len(),
        };
        while may_tell(first) {
            let mut more = [0; MARK_BYTES];
            let wanted = MARK_BYTES - first.len();
            match read(&mut more[..wanted])? {
                None => return Ok(None),
                Some(0) => break,
                Some(bytes) => first.extend_from_slice(&more[..bytes]),
            }
        }
        let first = std::mem::take(first);
        self.found = match order_of(&first, self.assumed) {
            None => FoundText::AsItStands(first),
            Some(order) => {
                let mut recoding = WideRecoding {
                    widened: Widened::new(order),
                    bytes: vec![0; PIECE_BYTES],
                    text: Vec::new(),
                    done: 0,
                    has_ended: false,
                };
                recoding.widened.push(&first, &mut recoding.text);
                self.taken_bytes = first.len() as u64;
                self.made_bytes = recoding.text.len() as u64;
                FoundText::Wide(recoding)
            }
        };
        Ok(Some(()))
    }

    fn recode(&mut self, piece: &mut [u8], read: &mut ReadPiece<'_>) -> Result<Option<usize>, Error> {
        let FoundText::Wide(recoding) = &mut self.found else {
            return Ok(Some(0));
        };
        while recoding.done == recoding.text.len() {
            if recoding.has_ended {
                return Ok(Some(0));
            }
            let Some(bytes) = read(&mut recoding.bytes)? else {
                return Ok(None);
            };
            recoding.text.clear();
            recoding.done = 0;
            match bytes {
                0 => {
                    recoding.widened.end(&mut recoding.text);
                    recoding.has_ended = true;
                }
                bytes => recoding.widened.push(&recoding.bytes[..bytes], &mut recoding.text),
            }
            self.taken_bytes += bytes as u64;
            self.made_bytes += recoding.text.len() as u64;
            if let Some(marks) = &self.marks {
                marks.push(self.made_bytes, self.taken_bytes);
            }
        }
        let bytes = piece.len().min(recoding.text.len() - recoding.done);
        piece[..bytes].copy_from_slice(&recoding.text[recoding.done..recoding.done + bytes]);
        recoding.done += bytes;
        Ok(Some(bytes))
    }
}
