//! What is no text: bytes that are not UTF-8, and NULs.

use crate::format::Format;

/// Whether `bytes` are UTF-8 without NUL.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Why a text is none that a table may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    InvalidUtf8,
    Nul,
}

/// What is wrong with the value of a field that stands in the input as `bytes`, if its escapes make that. `resolved` is overwritten.
pub fn resolved_fault<F: Format>(format: &F, bytes: &[u8], resolved: &mut Vec<u8>) -> Option<TextFault> {
    if !format.has_escape(bytes) {
        return None;
    }
    resolved.clear();
    format.resolve(format.field(bytes), &mut |piece| resolved.extend_from_slice(piece));
    match simdutf8::basic::from_utf8(resolved) {
        Err(_) => Some(TextFault::InvalidUtf8),
        Ok(_) => memchr::memchr(0, resolved).map(|_| TextFault::Nul),
    }
}
