//! What was found out about an input's dialect.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dialect::{Delimiter, Escape};

/// The dialect of an input, where [finding it](crate::Load::detect_dialect) was asked for: what was found, and what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FoundDialect {
    /// What separates fields.
    pub delimiter: Delimiter,
    /// What quotes fields; `None`: quotes are plain text.
    pub quote: Option<char>,
    /// What makes the character after it data.
    #[serde(default)]
    pub escape: Option<Escape>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Whether each record has one field more than the header: the first is the name of the row.
    pub row_names: bool,
}

impl FoundDialect {
    /// Commas, double quotes, a header: what is assumed where nothing is found.
    pub(crate) const USUAL: FoundDialect = FoundDialect {
        delimiter: Delimiter::COMMA,
        quote: Some('"'),
        escape: None,
        header: true,
        row_names: false,
    };

    /// The quote as a byte.
    pub(crate) fn quote_byte(self) -> Option<u8> {
        self.quote.map(|quote| quote as u8)
    }
}

/// In words: `semicolons between fields, quote ', no header`.
impl fmt::Display for FoundDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delimiter.as_bytes() {
            b"," => f.write_str("commas")?,
            b";" => f.write_str("semicolons")?,
            b"\t" => f.write_str("tabs")?,
            b"|" => f.write_str("bars (|)")?,
            _ => write!(f, "{}", self.delimiter)?,
        }
        f.write_str(" between fields, ")?;
        match self.quote {
            Some(quote) => write!(f, "quotes {quote}")?,
            None => f.write_str("no quotes")?,
        }
        if let Some(escape) = self.escape {
            write!(f, ", escape {escape}")?;
        }
        match (self.header, self.row_names) {
            (true, false) => f.write_str(", a header"),
            (true, true) => f.write_str(", a header without a name for the first field"),
            (false, _) => f.write_str(", no header"),
        }
    }
}
