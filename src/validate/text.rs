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
