//! What the cells of a sample look like: numbers, moments, text.
//!
//! Comes in: a record's bytes and where its fields end. Goes out: the form of each cell. Pure, and looser than the types of columns are:
//! nothing is loaded by it, it only weighs dialects against each other.

use crate::dialect::Dialect;

/// Longest cell that can be a number or a moment.
const MOST_BYTES: usize = 40;

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleForm {
    Empty,
    /// Digits with signs, points, commas; perhaps a currency or a percent sign.
    Number,
    /// A date, a time, or both.
    Moment,
    Text,
}

/// A record's cells.
#[derive(Debug)]
pub(super) struct SampleCells<'a> {
    dialect: Dialect,
    cells: Vec<&'a [u8]>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleCell<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
}

impl<'a> SampleCells<'a> {
    /// Those of a record that begins at `start` of `span` and whose fields end at `ends`.
    pub(super) fn new(span: &'a [u8], start: u32, ends: &[u32], dialect: Dialect) -> Self {
        let mut start = start as usize;
        let cells = ends
            .iter()
            .map(|&end| {
                let cell = &span[start..end as usize];
                start = end as usize + dialect.delimiter.len();
                cell
            })
            .collect();
        SampleCells { dialect, cells }
    }

    pub(super) fn count(&self) -> usize {
        self.cells.len()
    }

    /// Whether it is a blank line.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self.cells[..], [cell] if cell.trim_ascii().is_empty())
    }

    pub(super) fn cell(&self, index: usize) -> SampleCell<'a> {
        SampleCell {
            bytes: self.cells[index],
            dialect: self.dialect,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = SampleCell<'a>> {
        (0..self.cells.len()).map(|index| self.cell(index))
    }
}

impl<'a> SampleCell<'a> {
    /// Whether it is enclosed in a pair of `quote`s.
    pub(super) fn is_enclosed_in(&self, quote: u8) -> bool {
        matches!(self.bytes.trim_ascii(), [first, .., last] if *first == quote && *last == quote)
    }

    /// Whether a backslash in it stands before a quote, or before the delimiter that follows if there is one; a cell in quotes needs none.
    pub(super) fn seems_escaped(&self, delimiter_follows: bool) -> bool {
        let is_quoted = self.dialect.quote.is_some() && self.bytes.trim_ascii().first().copied() == self.dialect.quote;
        let before_quote = || self.bytes.windows(2).any(|pair| matches!(pair, b"\\\"" | b"\\'"));
        let before_delimiter = || delimiter_follows && self.bytes.len() > 1 && self.bytes.ends_with(b"\\");
        !is_quoted && (before_quote() || before_delimiter())
    }

    /// What is within its quotes, blanks aside.
    fn text(&self) -> &'a [u8] {
        let bytes = self.bytes.trim_ascii();
        match (self.dialect.quote, bytes) {
            (Some(quote), [first, inside @ .., last]) if *first == quote && *last == quote => inside.trim_ascii(),
            _ => bytes,
        }
    }

    /// Whether `text` is all that stands there.
    pub(super) fn is(&self, text: &str) -> bool {
        self.bytes == text.as_bytes()
    }

    /// Whether it says `name`, in any case.
    pub(super) fn says(&self, name: &str) -> bool {
        self.text().eq_ignore_ascii_case(name.trim().as_bytes())
    }

    /// Its value, if that is an integer.
    pub(super) fn integer(&self) -> Option<i64> {
        std::str::from_utf8(self.text()).ok()?.parse().ok()
    }

    pub(super) fn form(&self) -> SampleForm {
        let text = self.text();
        match text.len() {
            0 => SampleForm::Empty,
            1..=MOST_BYTES if is_moment(text) => SampleForm::Moment,
            1..=MOST_BYTES if is_number(text) => SampleForm::Number,
            _ => SampleForm::Text,
        }
    }

    /// How often one of `delimiters` stands in it, outside quotes and not as in prose, where a blank follows.
    pub(super) fn count_delimiters(&self, delimiters: &[u8]) -> u32 {
        if self.dialect.quote.is_some_and(|quote| self.is_enclosed_in(quote)) {
            return 0;
        }
        let is_tight = |(index, byte): &(usize, &u8)| {
            delimiters.contains(byte)
                && self.dialect.delimiter.single() != Some(**byte)
                && self.bytes.get(index + 1) != Some(&b' ')
        };
        self.bytes.iter().enumerate().filter(is_tight).count() as u32
    }
}

/// Whether `text` is digits, grouped or not, with what a number may have around them.
fn is_number(text: &[u8]) -> bool {
    let mut rest = text;
    for sign in ["-", "+", "(", "$", "€", "£", "¥", "-", "+"] {
        rest = rest.strip_prefix(sign.as_bytes()).unwrap_or(rest).trim_ascii_start();
    }
    for sign in [")", "%", "€", "$", "-"] {
        rest = rest.strip_suffix(sign.as_bytes()).unwrap_or(rest).trim_ascii_end();
    }
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let is_exponent = |digits: &[u8]| {
        let digits = match digits {
            [b'-' | b'+', digits @ ..] => digits,
            digits => digits,
        };
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    let between = |byte: &u8| matches!(byte, b'.' | b',' | b'\'' | b'_');
    // A separator stands alone: `1,,2` is no number.
    let is_sound = !mantissa.windows(2).any(|pair| between(&pair[0]) && between(&pair[1]));
    mantissa.iter().any(u8::is_ascii_digit)
        && mantissa.iter().all(|byte| byte.is_ascii_digit() || between(byte))
        && is_sound
        && exponent.is_none_or(is_exponent)
}

/// Whether `text` is a date such as 2024-02-29, 29.2.2024 or 2/29/24, a time such as 23:59, or one after the other.
fn is_moment(text: &[u8]) -> bool {
    let at = text.iter().position(|byte| matches!(byte, b'T' | b' '));
    match at {
        Some(at) => is_time(text) || is_date(&text[..at]) && is_time(text[at + 1..].trim_ascii_start()),
        None => is_date(text) || is_time(text),
    }
}

fn is_date(text: &[u8]) -> bool {
    let is_of = |separator: u8| {
        let mut parts = text.split(|&byte| byte == separator);
        let lengths = [parts.next(), parts.next(), parts.next()].map(|part| match part {
            Some(part) if !part.is_empty() && part.iter().all(u8::is_ascii_digit) => part.len(),
            _ => 0,
        });
        parts.next().is_none() && matches!(lengths, [4, 1..=2, 1..=2] | [1..=2, 1..=2, 4 | 2])
    };
    is_of(b'-') || is_of(b'/') || is_of(b'.')
}

fn is_time(text: &[u8]) -> bool {
    let mut digits = 0;
    let mut parts = 0;
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b':' if (1..=2).contains(&digits) && parts < 3 => (parts, digits) = (parts + 1, 0),
            // Fractions of a second, a zone, AM or PM.
            b'.' | b',' | b'+' | b'-' | b' ' | b'Z' | b'z' | b'A' | b'P' | b'a' | b'p' if parts > 0 && digits > 0 => {
                return text[index..].len() <= 14;
            }
            _ => return false,
        }
    }
    parts > 0 && digits == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_form_that_a_reader_sees() {
        for (text, form) in [
            ("", SampleForm::Empty),
            ("\"\"", SampleForm::Empty),
            ("  ", SampleForm::Empty),
            ("0", SampleForm::Number),
            ("-1.5", SampleForm::Number),
            ("1,5", SampleForm::Number),
            ("1.234,56", SampleForm::Number),
            ("\"1,200.50\"", SampleForm::Number),
            ("$5.00", SampleForm::Number),
            ("12 %", SampleForm::Number),
            ("1e-05", SampleForm::Number),
            ("(5)", SampleForm::Number),
            ("1,,2", SampleForm::Text),
            (".", SampleForm::Text),
            ("5a", SampleForm::Text),
            ("e5", SampleForm::Text),
            ("2024-02-29", SampleForm::Moment),
            ("29.2.2024", SampleForm::Moment),
            ("2/29/24", SampleForm::Moment),
            ("2024-02-29T23:59:59.123Z", SampleForm::Moment),
            ("2024-02-29 23:59", SampleForm::Moment),
            ("23:59", SampleForm::Moment),
            ("9:05 PM", SampleForm::Moment),
            ("1.2.3.4", SampleForm::Number),
            ("555-1234", SampleForm::Text),
            ("a:b", SampleForm::Text),
        ] {
            let dialect = Dialect::default();
            let bytes = text.as_bytes();
            assert_eq!(SampleCell { bytes, dialect }.form(), form, "{text}");
        }
    }
}
