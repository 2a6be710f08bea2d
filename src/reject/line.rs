//! One line of the dead-letter file, whatever it is written to.

use std::fmt::{self, Write as _};

use crate::error::Error;
use crate::position::Position;
use crate::reject::RejectCode;

/// The field at fault, as the `column` of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnLabel<'a> {
    /// No single field is at fault: the column is left empty.
    None,
    /// A column's name, or the comma-separated names of a composite key.
    Name(&'a str),
    /// The number, 1-based, of a field that has no name.
    Number(u32),
}

impl fmt::Display for ColumnLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnLabel::None => Ok(()),
            ColumnLabel::Name(name) => f.write_str(name),
            ColumnLabel::Number(number) => write!(f, "{number}"),
        }
    }
}

/// What lines are written to.
pub(crate) trait LineSink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error>;
}

impl LineSink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Everything in a line but the raw bytes of the record.
pub(crate) struct LetterFields<'a> {
    /// The input's name.
    pub(crate) file: &'a [u8],
    pub(crate) position: &'a Position,
    pub(crate) column: ColumnLabel<'a>,
    pub(crate) code: RejectCode,
    pub(crate) message: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) first_record: Option<u64>,
}

impl LetterFields<'_> {
    /// Writes them, and the opening quote of the raw bytes.
    pub(crate) fn put(&self, out: &mut impl LineSink, guarded: bool) -> Result<(), Error> {
        let position = self.position;
        put_text(out, self.file, guarded)?;
        put_display(
            out,
            format_args!(
                ",{},{},{},{},{},",
                position.line, position.line_end, position.record, position.offset_bytes, position.length_bytes
            ),
        )?;
        match self.column {
            ColumnLabel::None => {}
            ColumnLabel::Name(name) => put_text(out, name.as_bytes(), guarded)?,
            ColumnLabel::Number(number) => put_display(out, format_args!("{number}"))?,
        }
        out.put(b",")?;
        out.put(self.code.as_str().as_bytes())?;
        out.put(b",")?;
        put_text(out, self.message, guarded)?;
        out.put(b",")?;
        put_text(out, self.value, guarded)?;
        out.put(b",")?;
        if let Some(record) = self.first_record {
            put_display(out, format_args!("{record}"))?;
        }
        out.put(b",\"")
    }
}

/// Writes what comes after the raw bytes.
pub(crate) fn put_end(out: &mut impl LineSink) -> Result<(), Error> {
    out.put(b"\"\n")
}

/// One field, quoted if it has to be, guarded if that is wanted.
fn put_text(out: &mut impl LineSink, field: &[u8], guarded: bool) -> Result<(), Error> {
    let bare = memchr::memchr3(b',', b'"', b'\n', field).is_none() && memchr::memchr(b'\r', field).is_none();
    if bare {
        put_guard(out, field, guarded)?;
        return out.put(field);
    }
    out.put(b"\"")?;
    put_guard(out, field, guarded)?;
    put_quoted_bytes(out, field)?;
    out.put(b"\"")
}

/// Writes what goes before a field so that no spreadsheet runs it.
pub(crate) fn put_guard(out: &mut impl LineSink, field: &[u8], guarded: bool) -> Result<(), Error> {
    match guarded && looks_like_formula(field) {
        true => out.put(b"'"),
        false => Ok(()),
    }
}

/// Writes a text piece by piece, without making it.
fn put_display(out: &mut impl LineSink, text: fmt::Arguments) -> Result<(), Error> {
    struct Pieces<'a, S> {
        out: &'a mut S,
        error: Option<Error>,
    }
    impl<S: LineSink> fmt::Write for Pieces<'_, S> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            self.out.put(piece.as_bytes()).map_err(|error| {
                self.error = Some(error);
                fmt::Error
            })
        }
    }
    let mut pieces = Pieces { out, error: None };
    match pieces.write_fmt(text) {
        Ok(()) => Ok(()),
        Err(fmt::Error) => Err(pieces
            .error
            .unwrap_or_else(|| Error::internal("a number cannot be written"))),
    }
}

/// Whether a spreadsheet might run the field, or it begins with the guard itself. A signed number is just a number.
///
/// Source: OWASP, "CSV Injection".
pub(crate) fn looks_like_formula(field: &[u8]) -> bool {
    match field {
        [b'+' | b'-', rest @ ..] => {
            let digits = rest.iter().filter(|byte| byte.is_ascii_digit()).count();
            let points = rest.iter().filter(|byte| **byte == b'.').count();
            digits == 0 || points > 1 || digits + points < rest.len()
        }
        [b'=' | b'@' | b'\t' | b'\r' | b'\n' | b'\'', ..] => true,
        _ => false,
    }
}

/// Writes the inside of a quoted field: every byte as it is, quotes doubled. May be called piece by piece.
pub(crate) fn put_quoted_bytes(out: &mut impl LineSink, mut bytes: &[u8]) -> Result<(), Error> {
    while let Some(quote) = memchr::memchr(b'"', bytes) {
        out.put(&bytes[..=quote])?;
        out.put(b"\"")?;
        bytes = &bytes[quote + 1..];
    }
    out.put(bytes)
}
