//! What SQLite makes of a text in a column of NUMERIC affinity, and whether the text can be recovered from that.
//!
//! Source: <https://sqlite.org/datatype3.html> §3; `applyNumericAffinity` and `sqlite3AtoF` in sqlite3.c.

use super::decimal::{decimal, split};
use super::{CastError, integer};

/// SQLite writes smaller numbers with an exponent. Source: `%!.15g` in sqlite3.c.
const LEAST_PLAIN: f64 = 1e-4;

/// What becomes of a text in a column of NUMERIC affinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numeric {
    /// It is not a number to SQLite and stays as it is.
    Text,
    Integer(i64),
    /// Never a whole number: SQLite would store that as an integer.
    Real(f64),
}

/// What SQLite stores for `text`, if the text can be recovered from it: an integer in canonical form, a plain decimal that does not end in
/// a zero and is not written with an exponent, or a text that is not a number.
///
/// # Errors
/// `Range` for a number beyond 64 bits, `Type` for one that SQLite would write back differently.
pub fn numeric(text: &[u8]) -> Result<Numeric, CastError> {
    match integer(text) {
        Ok(value) => return Ok(Numeric::Integer(value)),
        Err(CastError::Range) => return Err(CastError::Range),
        Err(CastError::Type) => {}
    }
    if let Ok(decimal) = decimal(text)
        && decimal.has_point()
        && !text.ends_with(b"0")
        && decimal.value.abs() >= LEAST_PLAIN
        && decimal.is_lossless(text)
    {
        return Ok(Numeric::Real(decimal.value));
    }
    // SQLite ignores blanks; a NUL never gets here.
    let is_blank = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(start, |last| last + 1);
    let number = &text[start..end];
    if split(number).is_none() {
        return Ok(Numeric::Text);
    }
    let value: Option<f64> = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    if value.is_some_and(f64::is_finite) {
        Err(CastError::Type)
    } else {
        Err(CastError::Range)
    }
}
