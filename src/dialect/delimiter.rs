//! What separates fields: one character, or several.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes of a [`Delimiter`].
const MOST_BYTES: usize = 8;

/// What separates fields: one to eight bytes.
///
/// ```
/// use rowmill::Delimiter;
///
/// assert_eq!(Delimiter::from(b';').as_bytes(), b";");
/// assert_eq!(Delimiter::new("||").map(|delimiter| delimiter.to_string()).as_deref(), Some("'||'"));
/// assert_eq!(Delimiter::new("¦").map(|delimiter| delimiter.as_bytes().len()), Some(2));
/// assert_eq!(Delimiter::new(""), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delimiter {
    /// Those after the last one are zero.
    bytes: [u8; MOST_BYTES],
    length: u8,
}

impl Delimiter {
    /// `,`
    pub const COMMA: Delimiter = Delimiter::of_byte(b',');

    /// One of several characters; `None` if it has no byte or more than eight.
    pub const fn new(text: &str) -> Option<Delimiter> {
        Delimiter::of_bytes(text.as_bytes())
    }

    /// That of an input that is not in UTF-8.
    pub(crate) const fn of_bytes(text: &[u8]) -> Option<Delimiter> {
        if text.is_empty() || text.len() > MOST_BYTES {
            return None;
        }
        let mut bytes = [0; MOST_BYTES];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Some(Delimiter {
            bytes,
            length: text.len() as u8,
        })
    }

    const fn of_byte(byte: u8) -> Delimiter {
        let mut bytes = [0; MOST_BYTES];
        bytes[0] = byte;
        Delimiter { bytes, length: 1 }
    }

    /// Its bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Its only byte; `None` if it has several.
    #[inline]
    pub fn single(&self) -> Option<u8> {
        (self.length == 1).then_some(self.bytes[0])
    }

    /// The byte with which it begins.
    #[inline]
    pub(crate) fn first(&self) -> u8 {
        self.bytes[0]
    }

    /// How many bytes it has: as many lie between two fields.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.length)
    }

    /// Its characters.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }

    /// Whether it can be told from what is around it: it is UTF-8, without line ends and NULs.
    pub(crate) fn is_usable(&self) -> bool {
        std::str::from_utf8(self.as_bytes()).is_ok()
            && !self.as_bytes().iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r'))
    }
}

impl From<u8> for Delimiter {
    fn from(byte: u8) -> Self {
        Delimiter::of_byte(byte)
    }
}

impl From<char> for Delimiter {
    fn from(character: char) -> Self {
        let mut bytes = [0; MOST_BYTES];
        let length = character.encode_utf8(&mut bytes).len() as u8;
        Delimiter { bytes, length }
    }
}

/// As its characters.
impl Serialize for Delimiter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Delimiter::new(&text).ok_or_else(|| D::Error::custom("a delimiter has one to eight bytes"))
    }
}

impl fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delimiter({self})")
    }
}

/// In quotes, as a message would say it: `';'`, `'\x01'`; a tab is called so.
impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_bytes() {
            b"\t" => f.write_str("tab"),
            bytes => {
                f.write_str("'")?;
                for chunk in bytes.utf8_chunks() {
                    for character in chunk.valid().chars() {
                        match character {
                            character if character.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(character))?,
                            character => write!(f, "{character}")?,
                        }
                    }
                    for byte in chunk.invalid() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                }
                f.write_str("'")
            }
        }
    }
}
