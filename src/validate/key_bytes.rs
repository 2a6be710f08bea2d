//! The bytes of a key that are hashed: of each value its type, and of texts their length.

use crate::rows::Text;

/// Adds a text to a key's bytes. Not inlined: few columns are both text and key, and it would take registers from all others.
#[inline(never)]
pub(super) fn push_text_key(key_bytes: &mut Vec<u8>, text: Text<'_>) {
    match text.doubled {
        None => push_plain_key(key_bytes, &text.span[text.start..text.end], b""),
        Some(_) => push_doubled_key(key_bytes, text),
    }
}

/// Adds a text that is meant as it stands, and its tail, to a key's bytes.
#[inline]
pub(super) fn push_plain_key(key_bytes: &mut Vec<u8>, text: &[u8], tail: &[u8]) {
    // The length first: ("ab", "c") and ("a", "bc") are different keys.
    key_bytes.push(b't');
    key_bytes.extend_from_slice(&((text.len() + tail.len()) as u64).to_le_bytes());
    key_bytes.extend_from_slice(text);
    key_bytes.extend_from_slice(tail);
}

/// As [`push_plain_key`], for a text whose length is known only once it is written.
fn push_doubled_key(key_bytes: &mut Vec<u8>, text: Text<'_>) {
    push_plain_key(key_bytes, b"", b"");
    let text_at = key_bytes.len();
    text.append_to(key_bytes);
    let length = (key_bytes.len() - text_at) as u64;
    key_bytes[text_at - size_of::<u64>()..text_at].copy_from_slice(&length.to_le_bytes());
}
