//! What an escape makes of the character after it.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The backslash of MySQL and PostgreSQL.
const BACKSLASH: u8 = b'\\';
/// What the escapes of these are called.
const MYSQL: &str = "mysql";
const POSTGRES: &str = "postgres";

/// A character that takes its meaning from the one after it, inside quotes and outside. Whatever follows it is data: a delimiter, a quote,
/// a line end, another escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escape {
    /// After this ASCII character each one means itself: `\n` is an n.
    Literal(u8),
    /// The same, but nobody has said so: it was [found](crate::Load::detect_dialect). Before a letter, a digit or what is not ASCII, where
    /// programs think otherwise, it means nothing, and the record is rejected.
    Found(u8),
    /// A backslash, as MySQL writes it (`SELECT ... INTO OUTFILE`, `LOAD DATA`): `\0` `\b` `\n` `\r` `\t` `\Z` are NUL, backspace, line
    /// feed, carriage return, tab and Control-Z; any other character means itself.
    MySql,
    /// A backslash, as PostgreSQL writes it (`COPY` in text format): `\b` `\f` `\n` `\r` `\t` `\v` are backspace, form feed, line feed,
    /// carriage return, tab and vertical tab, one to three octal digits or `x` and one or two hexadecimal ones are the byte with that
    /// number; any other character means itself.
    Postgres,
}

impl Escape {
    /// The character itself.
    #[inline]
    pub fn byte(self) -> u8 {
        match self {
            Escape::Literal(byte) | Escape::Found(byte) => byte,
            Escape::MySql | Escape::Postgres => BACKSLASH,
        }
    }

    /// Whether it may stand for bytes that no text may hold.
    pub(crate) fn makes_bytes(self) -> bool {
        matches!(self, Escape::MySql | Escape::Postgres)
    }

    /// Whether nobody knows what it means somewhere in `text`, which does not begin within an escape and its character.
    pub(crate) fn is_doubtful_in(self, text: &[u8]) -> bool {
        let Escape::Found(byte) = self else { return false };
        let mut rest = text;
        while let Some(at) = memchr::memchr(byte, rest) {
            if rest.get(at + 1).is_some_and(|&next| Self::is_doubtful_before(next)) {
                return true;
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        false
    }

    /// Whether programs think otherwise of an escape before this byte, or before a text whose backslashes are none.
    pub(crate) fn is_doubtful_before(next: u8) -> bool {
        next.is_ascii_alphanumeric() || !next.is_ascii()
    }

    /// What it stands for together with the bytes after it, and how many of them belong to it. With none after it, it means itself.
    pub(super) fn meaning(self, after: &[u8]) -> (u8, usize) {
        let Some(&next) = after.first() else {
            return (self.byte(), 0);
        };
        let meant = match (self, next) {
            (Escape::Literal(_) | Escape::Found(_), next) => next,
            (_, b'b') => 0x08,
            (_, b'n') => b'\n',
            (_, b'r') => b'\r',
            (_, b't') => b'\t',
            (Escape::MySql, b'0') => 0,
            (Escape::MySql, b'Z') => 0x1a,
            (Escape::Postgres, b'f') => 0x0c,
            (Escape::Postgres, b'v') => 0x0b,
            (Escape::Postgres, b'0'..=b'7') => return number(after, 8, 3),
            (Escape::Postgres, b'x') if after.get(1).is_some_and(u8::is_ascii_hexdigit) => {
                let (meant, length) = number(&after[1..], 16, 2);
                return (meant, length + 1);
            }
            (_, next) => next,
        };
        (meant, 1)
    }
}

/// The number that the first digits of `text`, at most so many, are to this base, modulo 256; and how many they are.
fn number(text: &[u8], base: u32, most_digits: usize) -> (u8, usize) {
    let digits = text
        .iter()
        .take(most_digits)
        .map_while(|&byte| char::from(byte).to_digit(base));
    let (value, length) = digits.fold((0, 0), |(value, length), digit| (value * base + digit, length + 1));
    (value as u8, length)
}

/// As its character, or the name of what it is like.
impl Serialize for Escape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Escape::Literal(byte) | Escape::Found(byte) => serializer.serialize_char(char::from(*byte)),
            Escape::MySql => serializer.serialize_str(MYSQL),
            Escape::Postgres => serializer.serialize_str(POSTGRES),
        }
    }
}

impl<'de> Deserialize<'de> for Escape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.as_str(), text.as_bytes()) {
            (MYSQL, _) => Ok(Escape::MySql),
            (POSTGRES, _) => Ok(Escape::Postgres),
            (_, [byte]) => Ok(Escape::Literal(*byte)),
            _ => Err(D::Error::custom("an escape is one character, mysql or postgres")),
        }
    }
}

/// As the command line takes it.
impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Escape::Literal(byte) | Escape::Found(byte) => write!(f, "'{}'", char::from(*byte)),
            Escape::MySql => f.write_str(MYSQL),
            Escape::Postgres => f.write_str(POSTGRES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_found_escape_is_doubtful_and_only_where_programs_differ() {
        let found = Escape::Found(b'\\');
        for text in [r#"\"\,\'\\"#, r"\\n", "\\\n", r"a\", r"\_\%\ "] {
            assert!(!found.is_doubtful_in(text.as_bytes()), "{text}");
        }
        for text in [r"a\n", r"\\\n", r"\0", r"\\ \N", "\\é"] {
            assert!(found.is_doubtful_in(text.as_bytes()), "{text}");
            for said in [Escape::Literal(b'\\'), Escape::MySql, Escape::Postgres] {
                assert!(!said.is_doubtful_in(text.as_bytes()));
            }
        }
        assert_eq!(found.meaning(b"n"), (b'n', 1));
        assert_eq!((found.to_string(), found.byte()), ("'\\'".to_owned(), b'\\'));
    }
}
