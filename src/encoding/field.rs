//! Encodings in which every byte of ASCII means itself: fields are recoded one by one.
//!
//! Those of one byte a character are recoded by a table, as a decoder that is made for each field would take longer than the field.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use encoding_rs::{DecoderResult, Encoding as Standard};

/// Most bytes of UTF-8 that a byte becomes.
pub const MOST_GROWTH: usize = 3;
/// Bytes of UTF-8 that are made at a time where nobody wants to have them.
const SCRATCH_BYTES: usize = 1024;
/// The first byte that is not one of ASCII.
const FIRST_HIGH: u8 = 0x80;

/// An encoding in which every byte of ASCII means itself.
#[derive(Debug)]
pub struct FieldEncoding {
    standard: &'static Standard,
    /// What each byte that is not of ASCII becomes, if every one is a character or none.
    high: Option<HighHalf>,
}

/// The characters of the upper half of an encoding of one byte a character.
#[derive(Debug)]
struct HighHalf {
    characters: Box<[HighCharacter; 128]>,
    /// Each is one.
    are_all: bool,
}

/// A character in UTF-8. Without a byte, there is none.
#[derive(Debug, Clone, Copy, Default)]
struct HighCharacter {
    bytes: [u8; MOST_GROWTH],
    length: u8,
}

impl PartialEq for FieldEncoding {
    fn eq(&self, other: &Self) -> bool {
        self.standard == other.standard
    }
}

impl Eq for FieldEncoding {}

impl HighHalf {
    /// `None` for an encoding in which characters have several bytes.
    fn of(standard: &'static Standard) -> Option<HighHalf> {
        if !standard.is_single_byte() {
            return None;
        }
        let mut characters = Box::new([HighCharacter::default(); 128]);
        for (byte, character) in (FIRST_HIGH..=u8::MAX).zip(characters.iter_mut()) {
            if let Some(text) = standard.decode_without_bom_handling_and_without_replacement(&[byte]) {
                let text = &text.as_bytes()[..text.len().min(MOST_GROWTH)];
                character.bytes[..text.len()].copy_from_slice(text);
                character.length = text.len() as u8;
            }
        }
        let are_all = characters.iter().all(|character| character.length > 0);
        Some(HighHalf { characters, are_all })
    }

    /// The index of the first byte that is no character.
    fn first_unsound(&self, bytes: &[u8]) -> Option<usize> {
        let is_none = |&byte: &u8| byte >= FIRST_HIGH && self.characters[usize::from(byte - FIRST_HIGH)].length == 0;
        match self.are_all {
            true => None,
            false => bytes.iter().position(is_none),
        }
    }

    fn append(&self, bytes: &[u8], text: &mut Vec<u8>) -> bool {
        let start = text.len();
        text.resize(start + bytes.len() * MOST_GROWTH, 0);
        let (room, mut written, mut is_sound) = (&mut text[start..], 0, true);
        for &byte in bytes {
            // Most are ASCII, which a processor guesses well.
            if byte < FIRST_HIGH {
                room[written] = byte;
                written += 1;
                continue;
            }
            let HighCharacter { bytes, length } = self.characters[usize::from(byte - FIRST_HIGH)];
            // Two or three bytes, or nothing: what is written beyond that is written over.
            room[written..written + MOST_GROWTH].copy_from_slice(&bytes);
            written += usize::from(length);
            is_sound &= length > 0;
        }
        text.truncate(start + written);
        is_sound
    }
}

impl FieldEncoding {
    /// That of the standard, made when it is first asked for. There are some forty, so that keeping them costs little.
    pub(super) fn of(standard: &'static Standard) -> &'static FieldEncoding {
        static MADE: Mutex<Vec<&FieldEncoding>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = made.iter().find(|found| found.standard == standard) {
            return found;
        }
        let new = Box::leak(Box::new(FieldEncoding {
            standard,
            high: HighHalf::of(standard),
        }));
        made.push(new);
        new
    }

    pub(super) fn name(&self) -> &'static str {
        self.standard.name()
    }

    /// Whether every byte is a character, so that there is nothing that is not of this encoding.
    pub fn takes_every_byte(&self) -> bool {
        self.high.as_ref().is_some_and(|high| high.are_all)
    }

    /// Whether `bytes` are of this encoding.
    pub fn is_sound(&self, bytes: &[u8]) -> bool {
        self.first_unsound(bytes).is_none()
    }

    /// The index of the first byte that is not of this encoding, or where the character begins that is cut short.
    pub fn first_unsound(&self, bytes: &[u8]) -> Option<usize> {
        if let Some(high) = &self.high {
            return high.first_unsound(bytes);
        }
        let mut decoder = self.standard.new_decoder_without_bom_handling();
        let (mut scratch, mut rest) = ([0; SCRATCH_BYTES], bytes);
        loop {
            let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut scratch, true);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return None,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let end = bytes.len() - rest.len();
                    return Some(end.saturating_sub(usize::from(length) + usize::from(after)));
                }
            }
        }
    }

    /// Adds `bytes` in UTF-8 to `text`; whether they are of this encoding. If they are not, what is added means nothing.
    pub fn append(&self, bytes: &[u8], text: &mut Vec<u8>) -> bool {
        if let Some(high) = &self.high {
            return high.append(bytes, text);
        }
        let mut decoder = self.standard.new_decoder_without_bom_handling();
        let most_bytes = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        let start = text.len();
        // A length that is beyond all memory is that of no field.
        text.resize(start + most_bytes.unwrap_or(0), 0);
        let (result, _, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut text[start..], true);
        text.truncate(start + written);
        result == DecoderResult::InputEmpty
    }

    /// `bytes` for people: what is not of this encoding is replaced.
    pub(super) fn shown<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.standard.decode_without_bom_handling(bytes).0
    }

    /// `text` in this encoding, if it has all its characters and each is one byte.
    pub(crate) fn in_bytes(&self, text: &str) -> Option<Vec<u8>> {
        let (bytes, _, is_lossy) = self.standard.encode(text);
        let is_usable = !is_lossy && (self.high.is_some() || text.is_ascii());
        is_usable.then(|| bytes.into_owned())
    }

    /// Whether `byte`, one of ASCII, may be the last of a character of several bytes, or within one.
    pub(super) fn may_be_last(&self, byte: u8) -> bool {
        let standard = self.standard;
        if self.high.is_some() || standard == encoding_rs::EUC_JP {
            return false;
        }
        match byte {
            b'0'..=b'9' => standard == encoding_rs::GB18030,
            b'A'..=b'Z' | b'a'..=b'z' => true,
            b'@' | b'['..=b'`' | b'{'..=b'~' => standard != encoding_rs::EUC_KR,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<&'static FieldEncoding> {
        let labels = [
            "windows-1252",
            "windows-1251",
            "windows-1253",
            "windows-1255",
            "windows-874",
            "iso-8859-2",
            "iso-8859-7",
            "iso-8859-8",
            "iso-8859-15",
            "koi8-r",
            "koi8-u",
            "macintosh",
            "ibm866",
            "x-user-defined",
            "shift_jis",
            "euc-jp",
            "gbk",
            "gb18030",
            "big5",
            "euc-kr",
        ];
        let known = labels.map(|label| Standard::for_label(label.as_bytes()).expect(label));
        known.map(FieldEncoding::of).to_vec()
    }

    #[test]
    fn no_byte_of_ascii_that_is_called_safe_is_ever_within_a_character() {
        for field in all() {
            for lead in FIRST_HIGH..=u8::MAX {
                for byte in (0..FIRST_HIGH).filter(|&byte| !field.may_be_last(byte)) {
                    let mut text = Vec::new();
                    // If the character before it took the byte, it would be gone, or not be the last.
                    field.append(&[lead, byte], &mut text);
                    let is_cut = text.is_empty() || (text.last() == Some(&byte));
                    assert!(is_cut, "{}: {lead:#x} {byte:#x}", field.name());
                }
            }
        }
    }

    #[test]
    fn a_byte_becomes_at_most_three() {
        for field in all() {
            for lead in 0..=u8::MAX {
                for last in 0..=u8::MAX {
                    let mut text = Vec::new();
                    field.append(&[lead, last], &mut text);
                    assert!(text.len() <= 2 * MOST_GROWTH, "{}: {lead:#x} {last:#x}", field.name());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_become_what_the_standard_says(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xFF_u8, 0x30..0x7F_u8], 0..80),
            which in 0..20_usize,
        ) {
            let field = all()[which];
            let mut text = b"before".to_vec();
            let is_sound = field.append(&bytes, &mut text);
            let expected = field.standard.decode_without_bom_handling_and_without_replacement(&bytes);
            prop_assert_eq!(is_sound, expected.is_some());
            prop_assert_eq!(field.is_sound(&bytes), is_sound);
            if let Some(expected) = expected {
                prop_assert_eq!(&text[6..], expected.as_bytes());
            }
            match field.first_unsound(&bytes) {
                Some(at) => prop_assert!(field.is_sound(&bytes[..at]), "{} of {:?}", at, bytes),
                None => prop_assert!(is_sound),
            }
        }
    }
}
