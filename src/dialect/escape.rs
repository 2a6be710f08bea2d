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
            Escape::Literal(byte) => byte,
            Escape::MySql | Escape::Postgres => BACKSLASH,
        }
    }

    /// Whether it may stand for bytes that no text may hold.
    pub(crate) fn makes_bytes(self) -> bool {
        !matches!(self, Escape::Literal(_))
    }

    /// What it stands for together with the bytes after it, and how many of them belong to it. With none after it, it means itself.
    pub(super) fn meaning(self, after: &[u8]) -> (u8, usize) {
        let Some(&next) = after.first() else {
            return (self.byte(), 0);
        };
        let meant = match (self, next) {
            (Escape::Literal(_), next) => next,
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
            Escape::Literal(byte) => serializer.serialize_char(char::from(*byte)),
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
            Escape::Literal(byte) => write!(f, "'{}'", char::from(*byte)),
            Escape::MySql => f.write_str(MYSQL),
            Escape::Postgres => f.write_str(POSTGRES),
        }
    }
}
