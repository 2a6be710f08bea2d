//! The characters that shape an input: what separates fields, what encloses them, what makes a character mean itself.
//!
//! Values only, and what a field's text means in them. How they divide an input into records is in [`parse`](crate::parse).

mod delimiter;
mod escape;

pub use delimiter::Delimiter;
pub use escape::Escape;

use crate::encoding::Encoding;

/// The characters that shape an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Separates fields; never has a quote, an escape, CR or LF in it.
    pub delimiter: Delimiter,
    /// Opens and closes quoted fields. `None`: quotes are plain text.
    pub quote: Option<u8>,
    /// A doubled quote inside a quoted field stands for one.
    pub doubles_quotes: bool,
    /// Takes its meaning from the character after it, inside quotes and outside.
    pub escape: Option<Escape>,
    /// Ends lines: `b'\n'`, or `b'\r'` for an old Mac file.
    pub line_end: u8,
    /// Lines that begin with it, outside quotes, are comments; never another one of these.
    pub comment: Option<u8>,
    /// Blanks and tabs around a field are not part of its value, and a quote after them opens a quoted field.
    pub trim: bool,
    /// How characters are written. What shapes the input is given in its bytes.
    pub encoding: Encoding,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            delimiter: Delimiter::COMMA,
            quote: Some(b'"'),
            doubles_quotes: true,
            escape: None,
            line_end: b'\n',
            comment: None,
            trim: false,
            encoding: Encoding::UTF_8,
        }
    }
}

impl Dialect {
    /// Whether every byte means by itself what it means: a delimiter of one byte, doubled quotes, no escapes.
    #[inline]
    pub fn is_bytewise(&self) -> bool {
        self.delimiter.single().is_some() && self.escape.is_none() && self.doubles_quotes
    }

    /// The byte of the escape.
    #[inline]
    pub fn escape_byte(&self) -> Option<u8> {
        self.escape.map(Escape::byte)
    }

    /// Whether `byte` means nothing at the edge of a field.
    pub fn is_blank(&self, byte: u8) -> bool {
        self.trim && matches!(byte, b' ' | b'\t') && self.delimiter.single() != Some(byte)
    }

    /// `field` without what means nothing at its edges: how many bytes that is before it, and the rest.
    pub fn trimmed<'a>(&self, field: &'a [u8]) -> (usize, &'a [u8]) {
        let is_kept = |byte: &u8| !self.is_blank(*byte);
        let start = field.iter().position(is_kept).unwrap_or(field.len());
        let end = field.iter().rposition(is_kept).map_or(start, |last| last + 1);
        // A blank after an escape means itself.
        let end = end + usize::from(end < field.len() && self.ends_with_escape(&field[start..end]));
        (start, &field[start..end])
    }

    /// Whether `text`, which does not begin within an escape and its character, ends with an escape that has no character yet.
    pub fn ends_with_escape(&self, text: &[u8]) -> bool {
        let Some(escape) = self.escape_byte() else { return false };
        let escapes = text.iter().rev().take_while(|&&byte| byte == escape).count();
        !escapes.is_multiple_of(2)
    }

    /// Gives `take` what the inside of a field means, piece by piece: escapes and, within a pair of quotes, doubled quotes are resolved.
    pub fn resolve(&self, text: &[u8], is_quoted: bool, take: &mut dyn FnMut(&[u8])) {
        let doubled = self.quote.filter(|_| is_quoted && self.doubles_quotes);
        let Some(special) = self.escape_byte().or(doubled) else {
            return take(text);
        };
        let mut rest = text;
        while let Some(at) = memchr::memchr2(special, doubled.unwrap_or(special), rest) {
            take(&rest[..at]);
            match self.escape.filter(|escape| escape.byte() == rest[at]) {
                Some(escape) => {
                    let (meant, length) = escape.meaning(&rest[at + 1..]);
                    take(&[meant]);
                    rest = &rest[at + 1 + length..];
                }
                None => {
                    take(&rest[at..=at]);
                    rest = rest.get(at + 2..).unwrap_or_default();
                }
            }
        }
        take(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(dialect: &Dialect, text: &str, is_quoted: bool) -> Vec<u8> {
        let mut out = Vec::new();
        dialect.resolve(text.as_bytes(), is_quoted, &mut |piece| out.extend_from_slice(piece));
        out
    }

    fn with(escape: Escape) -> Dialect {
        Dialect {
            escape: Some(escape),
            ..Dialect::default()
        }
    }

    #[test]
    fn an_escape_makes_the_next_character_mean_itself_or_what_its_dialect_says() {
        let literal = with(Escape::Literal(b'\\'));
        for (dialect, text, meant) in [
            (literal, "a\\,b\\\\c\\n\\\n", &b"a,b\\cn\n"[..]),
            (literal, "\\é\\", "é\\".as_bytes()),
            (with(Escape::Literal(b'!')), "!!!,\\", b"!,\\"),
            (
                with(Escape::MySql),
                "\\0\\b\\n\\r\\t\\Z\\N\\'\\f\\x41",
                b"\0\x08\n\r\t\x1aN'fx41",
            ),
            (
                with(Escape::Postgres),
                "\\b\\f\\n\\r\\t\\v\\Z\\.",
                b"\x08\x0c\n\r\t\x0bZ.",
            ),
            (
                with(Escape::Postgres),
                "\\x41\\x4\\xg\\101\\7z\\1012\\8",
                b"A\x04xgA\x07zA28",
            ),
            (with(Escape::Postgres), "\\xc3\\251", "é".as_bytes()),
        ] {
            assert_eq!(resolved(&dialect, text, false), meant, "{text:?}");
        }
    }

    #[test]
    fn doubled_quotes_stand_for_one_beside_escapes_unless_they_do_not() {
        let dialect = with(Escape::Literal(b'\\'));
        assert_eq!(resolved(&dialect, "a\"\"b\\\"", true), b"a\"b\"");
        assert_eq!(resolved(&dialect, "a\"\"b", false), b"a\"\"b");
        assert_eq!(resolved(&Dialect::default(), "a\"\"b\\", true), b"a\"b\\");
        assert_eq!(resolved(&Dialect::default(), "a\"\"b", false), b"a\"\"b");
        let single = Dialect {
            doubles_quotes: false,
            ..dialect
        };
        assert_eq!(resolved(&single, "a\\\"\\\"b", true), b"a\"\"b");
    }

    #[test]
    fn a_blank_after_an_escape_is_not_trimmed() {
        let dialect = Dialect {
            trim: true,
            ..with(Escape::Literal(b'\\'))
        };
        for (field, kept) in [
            (" a ", "a"),
            (" a\\  ", "a\\ "),
            ("a\\\\ ", "a\\\\"),
            (" \\ ", "\\ "),
            ("  ", ""),
        ] {
            assert_eq!(dialect.trimmed(field.as_bytes()).1, kept.as_bytes(), "{field:?}");
        }
    }
}
