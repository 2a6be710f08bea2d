//! Numbers with decimal and group characters of any kind, and with text around them, as a Table Schema may have them.

use super::{CastError, usual_integer, usual_real};

/// What looks like a minus, and is none that is known: a number that loses it would be another one.
const OTHER_MINUS: &[u8] = "\u{2212}".as_bytes();

/// How numbers are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureStyle {
    /// What stands before the decimals.
    pub decimal: Box<str>,
    /// What may stand between digits before them.
    pub group: Option<Box<str>>,
    /// Nothing but the number stands in a field; else what is around it is taken off.
    pub is_bare: bool,
}

impl Default for FigureStyle {
    fn default() -> Self {
        FigureStyle {
            decimal: ".".into(),
            group: None,
            is_bare: true,
        }
    }
}

impl FigureStyle {
    /// Whether numbers are written as usual.
    pub fn is_usual(&self) -> bool {
        self.is_bare && self.group.is_none() && *self.decimal == *"."
    }

    /// An integer; and whether it was not written as usual.
    ///
    /// # Errors
    /// `Range` for one of more than 64 bits, `Type` for any other text.
    pub fn integer(&self, text: &[u8], room: &mut Vec<u8>) -> Result<(i64, bool), CastError> {
        if self.is_usual() {
            return usual_integer(text).map(|value| (value, false));
        }
        let value = usual_integer(self.plain(text, room)?)?;
        Ok((value, room.as_slice() != text))
    }

    /// A number, or infinity; and whether it was not written as usual.
    ///
    /// # Errors
    /// `Range` for one that no 64-bit float holds, or that is NaN, which SQLite cannot store; `Type` for any other text.
    #[inline]
    pub fn number(&self, text: &[u8], room: &mut Vec<u8>) -> Result<(f64, bool), CastError> {
        let found = match self.is_usual() {
            true => usual_real(text).map(|value| (value, false)),
            false => self.unusual_number(text, room),
        };
        found.or_else(|error| special(text).unwrap_or(Err(error)))
    }

    fn unusual_number(&self, text: &[u8], room: &mut Vec<u8>) -> Result<(f64, bool), CastError> {
        let value = usual_real(self.plain(text, room)?)?;
        Ok((value, room.as_slice() != text))
    }

    /// `text` as numbers are usually written; it is in `room` then.
    fn plain<'r>(&self, text: &[u8], room: &'r mut Vec<u8>) -> Result<&'r [u8], CastError> {
        room.clear();
        let text = match self.is_bare {
            true => text,
            false => self.bare(text)?,
        };
        let decimal = self.decimal.as_bytes();
        let group = self.group.as_deref().unwrap_or_default().as_bytes();
        let mut rest = text;
        let mut is_whole = true;
        while let Some(&byte) = rest.first() {
            let is_grouped = |rest: &[u8]| {
                !group.is_empty()
                    && rest.starts_with(group)
                    && rest.get(group.len()).is_some_and(u8::is_ascii_digit)
                    && room.last().is_some_and(u8::is_ascii_digit)
            };
            if is_whole && is_grouped(rest) {
                rest = &rest[group.len()..];
                continue;
            }
            if is_whole && rest.starts_with(decimal) {
                room.push(b'.');
                rest = &rest[decimal.len()..];
                is_whole = false;
                continue;
            }
            // A point that is not the decimal sign is none, and no group begins after an exponent.
            if byte == b'.' {
                return Err(CastError::Type);
            }
            is_whole &= !matches!(byte, b'e' | b'E');
            room.push(byte);
            rest = &rest[1..];
        }
        Ok(room)
    }

    /// The number in `text`, without what stands before and after it. What may be its sign is never taken off.
    fn bare<'t>(&self, text: &'t [u8]) -> Result<&'t [u8], CastError> {
        let decimal = self.decimal.as_bytes();
        let first_digit = text.iter().position(u8::is_ascii_digit).ok_or(CastError::Type)?;
        let last_digit = text.iter().rposition(u8::is_ascii_digit).ok_or(CastError::Type)?;
        let mut start = first_digit;
        if text[..start].ends_with(decimal) {
            start -= decimal.len();
        }
        if matches!(text[..start].last(), Some(b'+' | b'-')) {
            start -= 1;
        }
        let mut end = last_digit + 1;
        // `5.` is a number, too.
        if text[end..].starts_with(decimal) && text.len() == end + decimal.len() {
            end = text.len();
        }
        let (before, after) = (&text[..start], &text[end..]);
        let may_be_signs = |around: &[u8]| {
            around.iter().any(|byte| matches!(byte, b'+' | b'-' | b'('))
                || memchr::memmem::find(around, OTHER_MINUS).is_some()
        };
        match may_be_signs(before) || may_be_signs(after) {
            true => Err(CastError::Type),
            false => Ok(&text[start..end]),
        }
    }
}

/// What stands for no number, or for one without end.
#[cold]
fn special(text: &[u8]) -> Option<Result<(f64, bool), CastError>> {
    let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
    match () {
        () if is("INF") => Some(Ok((f64::INFINITY, false))),
        () if is("-INF") => Some(Ok((f64::NEG_INFINITY, false))),
        () if is("NaN") => Some(Err(CastError::Range)),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(decimal: &str, group: Option<&str>, is_bare: bool) -> FigureStyle {
        FigureStyle {
            decimal: decimal.into(),
            group: group.map(Into::into),
            is_bare,
        }
    }

    #[test]
    fn numbers_are_read_in_any_style_and_nothing_that_may_be_a_sign_is_lost() {
        let type_error = Err(CastError::Type);
        for (style, text, wanted) in [
            (style(".", None, true), "1.5", Ok((1.5, false))),
            (style(".", None, true), "inf", Ok((f64::INFINITY, false))),
            (style(".", None, true), "NaN", Err(CastError::Range)),
            (style(".", None, true), "1e400", Err(CastError::Range)),
            (style(".", Some(","), true), "1,000,000.50", Ok((1_000_000.5, true))),
            (style(".", Some(","), true), "10.50", Ok((10.5, false))),
            (style(".", Some(","), true), "1,,000", type_error),
            (style(".", Some(","), true), ",100", type_error),
            (style(".", Some(","), true), "1.000,5", type_error),
            (style(",", None, true), "1,5", Ok((1.5, true))),
            (style(",", None, true), "1.234", type_error),
            (style(",", Some("."), true), "1.234,5e2", Ok((123_450.0, true))),
            (style("@", Some("#"), true), "10#000@5", Ok((10_000.5, true))),
            (style("::", Some("--"), true), "1--000::5", Ok((1000.5, true))),
            (style(".", None, false), "EUR -12.3", Ok((-12.3, true))),
            (style(".", None, false), "-12.3 \u{20ac}", Ok((-12.3, true))),
            (style(".", None, false), "$.5", Ok((0.5, true))),
            (style(".", None, false), "95%", Ok((95.0, true))),
            (style(".", None, false), "7", Ok((7.0, false))),
            (style(".", None, false), "-$5", type_error),
            (style(".", None, false), "5-", type_error),
            (style(".", None, false), "(5)", type_error),
            (style(".", None, false), "\u{2212}5", type_error),
            (style(".", None, false), "EUR", type_error),
            (style(",", None, false), "1.234.", type_error),
            (style(".", None, false), "10+000.00", type_error),
        ] {
            assert_eq!(
                style.number(text.as_bytes(), &mut Vec::new()),
                wanted,
                "{text} {style:?}"
            );
        }
        let grouped = style(".", Some(" "), true);
        assert_eq!(grouped.integer(b"-1 234", &mut Vec::new()), Ok((-1234, true)));
        assert_eq!(
            grouped.integer(b"1 234.0", &mut Vec::new()),
            type_error.map(|(_, is)| (0, is))
        );
    }
}
