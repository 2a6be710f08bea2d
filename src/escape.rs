//! Text from outside (file names, column names, field values, SQLite's messages) made safe to show.
//!
//! Comes in: any bytes. Goes out: a [`Display`](fmt::Display) in which nothing can hide, move the cursor, change colours or reorder the
//! line. Never: allocation, or a change to text that is harmless. What goes into files as data is never escaped.

use std::fmt::{self, Write};

/// Shows `text` with everything that a terminal could act on spelled out; all other text is untouched.
///
/// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls and zero-width characters become
/// `\u{hex}`, bytes that are not UTF-8 become `\xhh`.
///
/// ```
/// assert_eq!(rowmill::internal::escape::escaped("café\u{1b}[2J").to_string(), "café\\u{1b}[2J");
/// assert_eq!(rowmill::internal::escape::escaped(b"caf\xe9").to_string(), "caf\\xe9");
/// ```
pub fn escaped<T: AsRef<[u8]> + ?Sized>(text: &T) -> Escaped<'_> {
    Escaped {
        bytes: text.as_ref(),
        ascii_only: false,
        max_chars: usize::MAX,
    }
}

/// The first `max_chars` characters of `text` in plain ASCII, with `...` in place of the rest.
///
/// As [`escaped`], but every character beyond ASCII becomes `\u{hex}` too.
pub fn excerpt<T: AsRef<[u8]> + ?Sized>(text: &T, max_chars: usize) -> Escaped<'_> {
    Escaped {
        bytes: text.as_ref(),
        ascii_only: true,
        max_chars,
    }
}

/// The first `max_chars` characters of `text` as [`escaped`] shows them, with `...` in place of the rest.
pub fn cut<T: AsRef<[u8]> + ?Sized>(text: &T, max_chars: usize) -> Escaped<'_> {
    Escaped {
        bytes: text.as_ref(),
        ascii_only: false,
        max_chars,
    }
}

/// Escapes its text as it is shown; made by [`escaped`], [`excerpt`] and [`cut`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a> {
    bytes: &'a [u8],
    ascii_only: bool,
    max_chars: usize,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = self.max_chars;
        for chunk in self.bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                if room == 0 {
                    return f.write_str("...");
                }
                room -= 1;
                if is_unsafe(character) || (self.ascii_only && !character.is_ascii()) {
                    write!(f, "\\u{{{:x}}}", u32::from(character))?;
                } else {
                    f.write_char(character)?;
                }
            }
            for byte in chunk.invalid() {
                if room == 0 {
                    return f.write_str("...");
                }
                room -= 1;
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a terminal could do anything with `character` other than show a glyph that takes up room.
///
/// Source: Unicode Standard Annex 9 (bidirectional controls) and the default-ignorable format characters that show nothing.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn leaves_harmless_text_of_any_language_alone() {
        let text = "naïve 東京 Ω 🦀 a\\b 'x' \"y\"";
        assert_eq!(escaped(text).to_string(), text);
    }

    #[test]
    fn spells_out_what_a_terminal_would_act_on() {
        for (text, shown) in [
            ("\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("\0\x7f", "\\u{0}\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gpj.exe\u{202c}", "\\u{202e}gpj.exe\\u{202c}"),
            (
                "\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
                "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}",
            ),
            (
                "a\u{200b}\u{200d}\u{2060}\u{feff}b",
                "a\\u{200b}\\u{200d}\\u{2060}\\u{feff}b",
            ),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ] {
            assert_eq!(escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn shows_invalid_utf8_byte_by_byte() {
        assert_eq!(escaped(b"caf\xe9!\xff\xe2\x82").to_string(), "caf\\xe9!\\xff\\xe2\\x82");
    }

    #[test]
    fn an_excerpt_is_ascii_and_cut_on_a_character() {
        assert_eq!(excerpt("abc", 3).to_string(), "abc");
        assert_eq!(excerpt("abcd", 3).to_string(), "abc...");
        assert_eq!(excerpt("é東x", 2).to_string(), "\\u{e9}\\u{6771}...");
        assert_eq!(excerpt(b"\xff\xfe", 1).to_string(), "\\xff...");
    }

    #[test]
    fn what_is_cut_keeps_its_script() {
        assert_eq!(cut("東京都\u{202e}", 3).to_string(), "東京都...");
        assert_eq!(cut("東京\n", 3).to_string(), "東京\\u{a}");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_can_act_on_a_terminal(bytes: Vec<u8>, text: String) {
            prop_assert!(!escaped(&bytes).to_string().chars().any(is_unsafe));
            prop_assert!(!escaped(&text).to_string().chars().any(is_unsafe));
            prop_assert!(excerpt(&text, 9).to_string().bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
    }
}
