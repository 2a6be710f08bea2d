//! How characters are written as bytes in an input: which encodings are read, and how their bytes become UTF-8.
//!
//! Comes in: an encoding's name, bytes. Goes out: UTF-8. Pure. There are three ways. UTF-8 is what a table holds: nothing is to be done. Of
//! the encodings in which every byte of ASCII means itself, the input's own bytes are parsed, and a [field](FieldEncoding) is recoded when
//! its value is taken. UTF-16 is recoded before anything looks at it ([`wide`]), in such a way that the original bytes can be had back.
//!
//! The hard part: in some encodings of several bytes the last one of a character may be a byte that means itself elsewhere, such as `|` or
//! `\`. Where such a byte shapes the records, the input's own bytes cannot be parsed, and it is refused.

mod field;
mod likely;
pub mod wide;

use std::borrow::Cow;
use std::fmt;

pub use self::field::{FieldEncoding, MOST_GROWTH};
pub use self::likely::{LIKELY_BYTES, likely};
use self::wide::ByteOrder;
use crate::error::Error;

/// Names that people use and the Encoding Standard does not have.
const OTHER_NAMES: [(&str, &str); 10] = [
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("utf16", "utf-16le"),
    ("utf16le", "utf-16le"),
    ("utf_16_le", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("utf_16_be", "utf-16be"),
    ("utf_8", "utf-8"),
];

/// How characters are written as bytes: UTF-8, UTF-16, or one of the older encodings, such as windows-1252 and Shift_JIS.
///
/// ```
/// use rowmill::Encoding;
///
/// // Names are those of the Encoding Standard, in which Latin-1 is what browsers take it for.
/// assert_eq!(Encoding::new("latin1")?.name(), "windows-1252");
/// assert_eq!(Encoding::new("sjis")?.name(), "Shift_JIS");
/// assert!(Encoding::new("cp437").is_err());
/// # Ok::<(), rowmill::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Encoding(Way);

/// How an encoding is read.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    #[default]
    AsItStands,
    Wide(ByteOrder),
    ByField(&'static FieldEncoding),
}

impl Encoding {
    /// What tables hold, and what inputs are in unless something else is said.
    pub const UTF_8: Encoding = Encoding(Way::AsItStands);

    pub(crate) const NAME_OF_UTF_8: &'static str = "UTF-8";

    /// The encoding with this name or label of the [Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels), in any case.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when there is none, or when it is not read, saying what to do.
    pub fn new(name: &str) -> Result<Encoding, Error> {
        let name = name.trim();
        let other = OTHER_NAMES.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let label = other.map_or(name, |(_, label)| label);
        let Some(known) = encoding_rs::Encoding::for_label(label.as_bytes()) else {
            return Err(Error::usage(format!(
                "no encoding is called '{name}'; names are those of the Encoding Standard, such as windows-1252, shift_jis or utf-16le. \
                 iconv knows more: iconv -f {name} -t UTF-8 FILE"
            )));
        };
        Self::of_standard(known).ok_or_else(|| {
            Error::usage(format!(
                "{name} switches between character sets within a text, which is not read; convert it first: iconv -f {name} -t UTF-8 FILE"
            ))
        })
    }

    /// `None` for one that is not read.
    fn of_standard(known: &'static encoding_rs::Encoding) -> Option<Encoding> {
        let way = if known == encoding_rs::UTF_8 {
            Way::AsItStands
        } else if known == encoding_rs::UTF_16LE {
            Way::Wide(ByteOrder::Little)
        } else if known == encoding_rs::UTF_16BE {
            Way::Wide(ByteOrder::Big)
        } else if known.is_ascii_compatible() {
            Way::ByField(FieldEncoding::of(known))
        } else {
            return None;
        };
        Some(Encoding(way))
    }

    /// UTF-16.
    pub(crate) const fn utf_16(order: ByteOrder) -> Encoding {
        Encoding(Way::Wide(order))
    }

    /// Its name in the Encoding Standard.
    pub fn name(self) -> &'static str {
        match self.0 {
            Way::AsItStands => Encoding::NAME_OF_UTF_8,
            Way::Wide(ByteOrder::Little) => "UTF-16LE",
            Way::Wide(ByteOrder::Big) => "UTF-16BE",
            Way::ByField(field) => field.name(),
        }
    }

    /// The order of bytes, if it is UTF-16.
    pub(crate) fn wide(self) -> Option<ByteOrder> {
        match self.0 {
            Way::Wide(order) => Some(order),
            _ => None,
        }
    }

    /// How fields are recoded, if its bytes are parsed as they stand and are not UTF-8.
    #[inline]
    pub(crate) fn by_field(self) -> Option<&'static FieldEncoding> {
        match self.0 {
            Way::ByField(field) => Some(field),
            _ => None,
        }
    }

    /// `bytes` of the input as UTF-8, as they are parsed: of UTF-16 that is what became of it. `None` if they are not of this encoding.
    pub(crate) fn text(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let Some(field) = self.by_field().filter(|_| !bytes.is_ascii()) else {
            return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        };
        let mut text = Vec::new();
        let is_sound = field.append(bytes, &mut text);
        String::from_utf8(text).ok().filter(|_| is_sound).map(Cow::Owned)
    }

    /// The same, for people: what is not of this encoding is replaced (U+FFFD). UTF-8 stays as it is, sound or not.
    pub(crate) fn shown(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let text = match self.0 {
            Way::AsItStands => return Cow::Borrowed(bytes),
            Way::Wide(_) => String::from_utf8_lossy(bytes),
            Way::ByField(field) => field.shown(bytes),
        };
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }

    /// How many bytes of the input `text` was made of; `text` is parsed as it stands, or was UTF-16.
    #[inline]
    pub(crate) fn length_of(self, text: &[u8]) -> u64 {
        match self.0 {
            Way::Wide(_) => wide::length_of(text),
            _ => text.len() as u64,
        }
    }

    /// A character of ASCII that shapes records, among `characters`, which may be a part of another character.
    pub(crate) fn ambiguous(self, characters: impl IntoIterator<Item = u8>) -> Option<char> {
        let field = self.by_field()?;
        let found = characters.into_iter().find(|&byte| field.may_be_last(byte));
        found.map(char::from)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoding({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_the_standard_is_read_or_refused_with_what_to_do() {
        for (label, name) in [
            ("utf8", "UTF-8"),
            ("UTF-16", "UTF-16LE"),
            ("utf-16be", "UTF-16BE"),
            ("utf16be", "UTF-16BE"),
            (" Latin1 ", "windows-1252"),
            ("cp1251", "windows-1251"),
            ("iso-8859-15", "ISO-8859-15"),
            ("cp932", "Shift_JIS"),
            ("gb2312", "GBK"),
            ("ks_c_5601-1987", "EUC-KR"),
            ("macintosh", "macintosh"),
        ] {
            assert_eq!(Encoding::new(label).map(Encoding::name).ok(), Some(name), "{label}");
        }
        for (label, words) in [
            ("iso-2022-jp", "iconv -f iso-2022-jp"),
            ("hz-gb-2312", "iconv"),
            ("klingon", "no encoding is called 'klingon'"),
            ("", "no encoding"),
        ] {
            let error = Encoding::new(label).expect_err(label);
            assert!(error.to_string().contains(words), "{label}: {error}");
            assert_eq!(error.exit_code(), 64);
        }
    }

    #[test]
    fn what_may_be_a_part_of_another_character_is_known() {
        let ambiguous = |name: &str, characters: &str| {
            let encoding = Encoding::new(name).unwrap();
            encoding.ambiguous(characters.bytes())
        };
        for name in ["windows-1252", "euc-jp", "utf-8", "utf-16le", "koi8-r"] {
            assert_eq!(ambiguous(name, "|\\^~aZ09,;\t\"'"), None, "{name}");
        }
        for name in ["shift_jis", "gbk", "big5", "gb18030"] {
            assert_eq!(ambiguous(name, ",;\t\"' |"), Some('|'), "{name}");
            assert_eq!(ambiguous(name, "\\"), Some('\\'), "{name}");
        }
        assert_eq!(ambiguous("gb18030", "5"), Some('5'));
        assert_eq!(ambiguous("gbk", "5"), None);
        assert_eq!(ambiguous("euc-kr", "|\\a"), Some('a'));
    }
}
