//! What is no text: bytes that are not of the input's encoding, and NULs.

use crate::encoding::Encoding;
use crate::format::{Fields, Format};
use crate::position::ByteRange;
use crate::reject::RejectReason;

/// Whether `bytes` are UTF-8 without NUL.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether `span` is text that means what it is in UTF-8: in other encodings only ASCII does.
pub fn is_plain_span<F: Format>(format: &F, span: &[u8]) -> bool {
    match format.encoding().by_field() {
        None => is_plain_text(span),
        Some(_) => memchr::memchr(0, span).is_none() && span.is_ascii(),
    }
}

/// Whether all of `span` is text in its encoding, and whether some of it is to be recoded; a `span` that is not all text is said to be.
pub fn look_at_span<F: Format>(format: &F, span: &[u8]) -> (bool, bool) {
    match format.encoding().by_field() {
        None => (is_plain_text(span), false),
        Some(encoding) => {
            let (has_nul, is_ascii) = (memchr::memchr(0, span).is_some(), span.is_ascii());
            (
                !has_nul && (is_ascii || encoding.takes_every_byte()),
                has_nul || !is_ascii,
            )
        }
    }
}

/// Where in a span the next byte is that is not ASCII.
#[derive(Debug)]
pub struct HighBytes {
    /// From here on the span was searched.
    from: usize,
    next: usize,
}

impl HighBytes {
    /// Of a span that was not searched. Until it is, there are none.
    pub fn not_searched() -> Self {
        HighBytes {
            from: usize::MAX,
            next: usize::MAX,
        }
    }

    /// Moves to `start`. Each byte is looked at once, as long as that ascends.
    #[inline(always)]
    pub fn move_to(&mut self, span: &[u8], start: usize) {
        if start < self.from || self.next < start {
            *self = HighBytes {
                from: start,
                next: first_high(&span[start..]).map_or(usize::MAX, |at| start + at),
            };
        }
    }

    /// Whether the next one lies before `end`.
    #[inline(always)]
    pub fn are_before(&self, end: usize) -> bool {
        self.next < end
    }
}

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 32;

fn first_high(bytes: &[u8]) -> Option<usize> {
    let block = bytes.chunks(BLOCK_BYTES).position(|block| !block.is_ascii())? * BLOCK_BYTES;
    let within = bytes[block..].iter().position(|byte| !byte.is_ascii())?;
    Some(block + within)
}

/// Whether `bytes` of the input are text.
pub fn is_text(encoding: Encoding, bytes: &[u8]) -> bool {
    match encoding.by_field() {
        None => is_plain_text(bytes),
        Some(field) => memchr::memchr(0, bytes).is_none() && field.is_sound(bytes),
    }
}

/// Why a text is none that a table may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    NotEncoded,
    Nul,
}

impl TextFault {
    /// The same, as why a record of an input in `encoding` is rejected.
    pub fn reason(self, encoding: Encoding) -> RejectReason {
        match self {
            TextFault::NotEncoded if encoding == Encoding::UTF_8 => RejectReason::InvalidUtf8,
            TextFault::NotEncoded => RejectReason::InvalidEncoding { encoding },
            TextFault::Nul => RejectReason::NulByte,
        }
    }
}

/// A field that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultyField {
    pub index: usize,
    pub range: ByteRange,
    pub fault: TextFault,
}

/// The field of a record in `span` that is not of the input's encoding; if all are, the one with a NUL in it.
pub fn faulty_field<F: Format>(format: &F, span: &[u8], fields: impl Fields) -> Option<FaultyField> {
    let first = |fault: TextFault, is_faulty: &dyn Fn(&[u8]) -> bool| {
        let index = (0..fields.count()).find(|&index| is_faulty(fields.range(index).of(span)))?;
        let range = fields.range(index);
        Some(FaultyField { index, range, fault })
    };
    let encoding = format.encoding().by_field();
    let is_not_encoded = |bytes: &[u8]| match encoding {
        None => simdutf8::basic::from_utf8(bytes).is_err(),
        Some(encoding) => !encoding.is_sound(bytes),
    };
    first(TextFault::NotEncoded, &is_not_encoded)
        .or_else(|| first(TextFault::Nul, &|bytes| memchr::memchr(0, bytes).is_some()))
}

/// The first field of a record in `span` whose escapes stand for what is no text. `resolved` is overwritten.
pub fn faulty_by_escapes<F: Format>(
    format: &F,
    span: &[u8],
    fields: impl Fields,
    resolved: &mut Vec<u8>,
) -> Option<FaultyField> {
    (0..fields.count()).find_map(|index| {
        let range = fields.range(index);
        let fault = resolved_fault(format, range.of(span), resolved)?;
        Some(FaultyField { index, range, fault })
    })
}

/// What is wrong with the value of a field that stands in the input as `bytes`, if its escapes make that. `resolved` is overwritten.
fn resolved_fault<F: Format>(format: &F, bytes: &[u8], resolved: &mut Vec<u8>) -> Option<TextFault> {
    if !format.has_escape(bytes) {
        return None;
    }
    resolved.clear();
    format.resolve(format.field(bytes), &mut |piece| resolved.extend_from_slice(piece));
    let is_encoded = match format.encoding().by_field() {
        None => simdutf8::basic::from_utf8(resolved).is_ok(),
        Some(encoding) => encoding.is_sound(resolved),
    };
    match is_encoded {
        false => Some(TextFault::NotEncoded),
        true => memchr::memchr(0, resolved).map(|_| TextFault::Nul),
    }
}

/// Makes `resolved` the value of a field that stands in the input as `raw`, escapes and doubled quotes resolved, in UTF-8. `room` is
/// overwritten.
pub fn resolve<F: Format>(format: &F, raw: &[u8], resolved: &mut Vec<u8>, room: &mut Vec<u8>) {
    resolved.clear();
    format.resolve(format.field(raw), &mut |piece| resolved.extend_from_slice(piece));
    if let Some(encoding) = format.encoding().by_field()
        && !resolved.is_ascii()
    {
        room.clear();
        encoding.append(resolved, room);
        std::mem::swap(resolved, room);
    }
}
