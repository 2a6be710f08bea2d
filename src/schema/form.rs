//! The form in which a column's numbers are written, and whether each text can be recovered from the number that is stored.
//!
//! A REAL column keeps a number and forgets how it was written: `250.1` and `250.10` become one. So a column is REAL only if all its texts
//! are of one *form*, in which each number is written in only one way:
//!
//! - Plain decimals have the same number of decimals throughout (`1.50`, `0.25`), or are the shortest ones: none ends in a zero beyond a
//!   single `.0`, and whole numbers are written either with `.0` or without a point.
//! - Numbers with an exponent have one digit before the point, their other digits as above, and one way to write the exponent: the case of
//!   the letter, a `+` or none, zeros in front or none.
//! - Where both occur, a number's size decides which it is: either those with an exponent are smaller and larger than all plain ones
//!   (pandas, JavaScript, C), or a plain one is never longer than it would be with an exponent, and the others are shorter (R).
//! - If all numbers have exponents, without a point or a negative exponent, they are more likely codes (`12e4`): text.
//!
//! The digits must come back from the double, and a minus zero does not. What was seen is kept in a few words, however many values there
//! are, and can be put together in any order. Pure.

use serde::{Deserialize, Serialize};

use super::cast::{self, CastError, Decimal, MAX_EXACT_INTEGER, is_shortest};

/// What a value shows of its column's form; those that [`Form::why_text`] may have to name come first.
pub(crate) mod mark {
    pub const POINT_ZERO: u32 = 1;
    pub const TRAILING_ZERO: u32 = 1 << 1;
    pub const DECIMAL: u32 = 1 << 2;
    pub const EXPONENT: u32 = 1 << 3;
    /// An exponent that does not determine a form: `12e4`, `0.5e3`, `1e-0`.
    pub const ODD_EXPONENT: u32 = 1 << 4;
    pub const MINUS_ZERO: u32 = 1 << 5;
    /// More digits than a double holds, or a number beyond its range.
    pub const LOST_DIGITS: u32 = 1 << 6;
    /// An integer that an INTEGER column holds but a REAL one may not.
    pub const LARGE_INTEGER: u32 = 1 << 7;
    /// Beyond 64 bits.
    pub const HUGE_INTEGER: u32 = 1 << 8;
    /// A quoted empty field.
    pub const EMPTY: u32 = 1 << 9;
    /// Not a number: nothing else matters any more.
    pub const TEXT: u32 = 1 << 10;
    /// How many of them can be named.
    pub const NAMED: usize = 11;

    pub const INTEGER: u32 = 1 << 11;
    pub const PLAIN_ZERO: u32 = 1 << 12;
    /// Written in the longer of the two ways, plain or with an exponent.
    pub const LONGER_WAY: u32 = 1 << 13;
    pub const MANTISSA_INTEGER: u32 = 1 << 14;
    pub const MANTISSA_POINT: u32 = 1 << 15;
    pub const MANTISSA_POINT_ZERO: u32 = 1 << 16;
    pub const MANTISSA_TRAILING_ZERO: u32 = 1 << 17;
    pub const EXPONENT_ZERO: u32 = 1 << 18;
    pub const UPPER: u32 = 1 << 19;
    pub const LOWER: u32 = 1 << 20;
    pub const PLUS: u32 = 1 << 21;
    pub const NO_PLUS: u32 = 1 << 22;
    pub const MINUS: u32 = 1 << 23;
    /// Exponents of two or three digits with zeros in front, and of one or two without.
    pub const PADDED_2: u32 = 1 << 24;
    pub const PADDED_3: u32 = 1 << 25;
    pub const DIGITS_1: u32 = 1 << 26;
    pub const DIGITS_2: u32 = 1 << 27;
    /// The column is part of the key, where equal numbers would be one key.
    pub const KEY: u32 = 1 << 28;
}

use mark::*;

/// Anything but a canonical integer.
const NO_INTEGER: u32 = DECIMAL | EXPONENT | ODD_EXPONENT | MINUS_ZERO | LOST_DIGITS;

/// The least and the greatest number of decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Decimals {
    least: u32,
    greatest: u32,
}

impl Decimals {
    const NONE: Decimals = Decimals {
        least: u32::MAX,
        greatest: 0,
    };

    #[inline]
    fn see(&mut self, count: u32) {
        self.least = self.least.min(count);
        self.greatest = self.greatest.max(count);
    }

    fn merge(&mut self, other: &Decimals) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
    }

    fn are_one(&self) -> bool {
        self.least == self.greatest
    }
}

/// How the values of a column are written, as far as they were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Of [`mark`].
    marks: u32,
    /// Of plain numbers, integers among them.
    decimals: Decimals,
    /// Of the mantissas of numbers with an exponent.
    mantissa_decimals: Decimals,
    /// Magnitudes as the bits of doubles, which sort like the doubles; zero is left out. Of plain numbers:
    least: u64,
    greatest: u64,
    /// The greatest with a negative exponent, and the least with any other exponent.
    small: u64,
    large: u64,
}

impl Default for Form {
    fn default() -> Self {
        Form {
            marks: 0,
            decimals: Decimals::NONE,
            mantissa_decimals: Decimals::NONE,
            least: u64::MAX,
            greatest: 0,
            small: 0,
            large: u64::MAX,
        }
    }
}

/// What a column is, according to its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormVerdict {
    /// No value was seen.
    Unseen,
    Integer,
    Real,
    Text(WhyText),
}

/// Why a column is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyText {
    /// A value is not a number.
    NoNumber,
    /// All values are numbers, or empty in quotes.
    Numbers(WhyNoNumber),
}

/// Why a column of numbers is text all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNoNumber {
    /// Only a quoted empty field stands in the way.
    Empty,
    Key,
    HugeInteger,
    LargeInteger,
    LostDigits,
    MinusZero,
    Exponent,
    /// Zeros at the end come and go.
    Zeros,
    /// `1` beside `1.0`.
    PointZero,
}

impl WhyNoNumber {
    /// The marks of the values that are the reason.
    pub(crate) fn marks(self) -> u32 {
        match self {
            WhyNoNumber::Empty => EMPTY,
            WhyNoNumber::Key => DECIMAL | EXPONENT,
            WhyNoNumber::HugeInteger => HUGE_INTEGER,
            WhyNoNumber::LargeInteger => LARGE_INTEGER,
            WhyNoNumber::LostDigits => LOST_DIGITS,
            WhyNoNumber::MinusZero => MINUS_ZERO,
            WhyNoNumber::Exponent => EXPONENT | ODD_EXPONENT,
            WhyNoNumber::Zeros => TRAILING_ZERO | POINT_ZERO,
            WhyNoNumber::PointZero => POINT_ZERO,
        }
    }

    /// Why, said of the first such value.
    pub fn words(self) -> &'static str {
        match self {
            WhyNoNumber::Empty => "is an empty quoted field, which is a text",
            WhyNoNumber::Key => "is a key, and a number would be equal to others that are written differently",
            WhyNoNumber::HugeInteger => "is an integer beyond 64 bits",
            WhyNoNumber::LargeInteger | WhyNoNumber::LostDigits => "has digits that a 64-bit float does not keep",
            WhyNoNumber::MinusZero => "is a minus zero, whose sign SQLite does not keep",
            WhyNoNumber::Exponent => "has an exponent, and may be a code or the same number as another text",
            WhyNoNumber::Zeros => "ends in a zero that a number does not keep",
            WhyNoNumber::PointZero => "ends in .0, which a number does not keep, and others do not",
        }
    }
}

impl Form {
    /// The form of a column of which nothing was seen; `is_key`: it is part of the key.
    pub fn new(is_key: bool) -> Self {
        Form {
            marks: if is_key { KEY } else { 0 },
            ..Form::default()
        }
    }

    pub(crate) fn marks(&self) -> u32 {
        self.marks
    }

    /// Whether another value can change anything.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.marks & TEXT == 0
    }

    /// Adds a value that says itself that it is no number.
    #[inline]
    pub fn see_text(&mut self) {
        self.marks |= TEXT;
    }

    /// Adds values of the column that were seen elsewhere.
    pub fn merge(&mut self, other: &Form) {
        self.marks |= other.marks;
        self.decimals.merge(&other.decimals);
        self.mantissa_decimals.merge(&other.mantissa_decimals);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.small = self.small.max(other.small);
        self.large = self.large.min(other.large);
    }

    /// Adds a value that is not NULL; returns its number if it is an integer in canonical form.
    #[inline]
    pub fn see(&mut self, text: &[u8]) -> Option<i64> {
        match cast::integer(text) {
            Ok(value) => {
                self.see_integer(value.unsigned_abs(), text);
                return Some(value);
            }
            Err(CastError::Range) => self.marks |= HUGE_INTEGER,
            Err(CastError::Type) => {
                self.see_number(text);
            }
        }
        None
    }

    /// Adds a value that is not an integer in canonical form, or is one of at most 53 bits. Returns its number, if it has one.
    #[inline]
    pub fn see_number(&mut self, text: &[u8]) -> Option<f64> {
        match cast::decimal(text) {
            Ok(decimal) => {
                self.see_decimal(&decimal, text);
                Some(decimal.value)
            }
            Err(CastError::Range) => {
                self.marks |= LOST_DIGITS;
                None
            }
            Err(CastError::Type) => self.see_exponent(text),
        }
    }

    #[inline]
    fn see_integer(&mut self, magnitude: u64, text: &[u8]) {
        self.marks |= INTEGER;
        if magnitude > MAX_EXACT_INTEGER as u64 {
            self.marks |= LARGE_INTEGER;
        }
        // Five zeros take more room than an exponent.
        if text.ends_with(b"00000") {
            self.compare_lengths(text, magnitude.ilog10() as i32, false);
        }
        self.see_plain(magnitude as f64, 0);
    }

    #[inline]
    fn see_decimal(&mut self, decimal: &Decimal, text: &[u8]) {
        let magnitude = decimal.value.abs();
        if magnitude == 0.0 && text[0] == b'-' {
            self.marks |= MINUS_ZERO;
        } else if !decimal.has_point() {
            // One above the greatest exact integer rounds to it.
            self.marks |= if decimal.is_lossless(text) { 0 } else { LARGE_INTEGER };
            return self.see_integer(magnitude as u64, text);
        }
        self.marks |= DECIMAL;
        if text[text.len() - 1] == b'0' {
            let is_single = decimal.decimals == 1;
            self.marks |= LONGER_WAY | if is_single { POINT_ZERO } else { TRAILING_ZERO };
        }
        if !decimal.is_lossless(text) {
            self.marks |= LOST_DIGITS;
        }
        // Zeros after the point may take more room than an exponent.
        if magnitude < 1e-3 && magnitude > 0.0 {
            let exponent = magnitude_exponent(text);
            self.compare_lengths(text, exponent, false);
        }
        self.see_plain(magnitude, decimal.decimals as u32);
    }

    #[inline]
    fn see_plain(&mut self, magnitude: f64, decimals: u32) {
        self.decimals.see(decimals);
        if magnitude == 0.0 {
            self.marks |= PLAIN_ZERO;
        } else {
            self.least = self.least.min(magnitude.to_bits());
            self.greatest = self.greatest.max(magnitude.to_bits());
        }
    }

    /// Adds a value that is not a plain decimal.
    #[cold]
    fn see_exponent(&mut self, text: &[u8]) -> Option<f64> {
        let parts = cast::split(text).filter(|parts| {
            let canonical_whole = matches!(parts.whole, [_] | [b'1'..=b'9', ..]);
            canonical_whole && parts.fraction != Some(b"") && !text.starts_with(b"+")
        });
        let (Some(parts), Some(exponent)) = (&parts, parts.as_ref().and_then(|parts| parts.exponent)) else {
            self.marks |= if text.is_empty() { EMPTY } else { TEXT };
            return None;
        };
        let value: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let Some(value) = value.filter(|value| value.is_finite() && is_shortest(parts.mantissa, *value)) else {
            self.marks |= LOST_DIGITS;
            return None;
        };
        let (sign, digits) = match exponent {
            [sign @ (b'+' | b'-'), digits @ ..] => (Some(*sign), digits),
            digits => (None, digits),
        };
        let is_zero_exponent = digits.iter().all(|&digit| digit == b'0');
        let has_one_digit = parts.whole.len() == 1 && (parts.whole[0] != b'0' || (value == 0.0 && is_zero_exponent));
        let is_odd =
            !has_one_digit || (sign == Some(b'-') && is_zero_exponent) || (digits.len() > 3 && digits[0] == b'0');
        let fraction = parts.fraction.unwrap_or_default();
        self.marks |= EXPONENT
            | if is_odd { ODD_EXPONENT } else { 0 }
            | if text.contains(&b'E') { UPPER } else { LOWER }
            | match sign {
                Some(b'-') => MINUS,
                Some(_) => PLUS,
                None => NO_PLUS,
            }
            | match digits {
                [_] => DIGITS_1,
                [b'0', _] => PADDED_2,
                [_, _] => DIGITS_2,
                [b'0', _, _] => PADDED_3,
                _ => 0,
            }
            | match fraction {
                [] => MANTISSA_INTEGER,
                b"0" => MANTISSA_POINT | MANTISSA_POINT_ZERO,
                [.., b'0'] => MANTISSA_POINT | MANTISSA_TRAILING_ZERO,
                _ => MANTISSA_POINT,
            };
        self.mantissa_decimals.see(fraction.len() as u32);
        let magnitude = value.abs();
        if value == 0.0 {
            self.marks |= EXPONENT_ZERO | if parts.negative { MINUS_ZERO } else { 0 };
            return Some(value);
        }
        if sign == Some(b'-') {
            self.small = self.small.max(magnitude.to_bits());
        } else {
            self.large = self.large.min(magnitude.to_bits());
        }
        if !is_odd {
            let exponent: Option<i32> = std::str::from_utf8(exponent).ok().and_then(|text| text.parse().ok());
            self.compare_lengths(parts.mantissa, exponent.unwrap_or(0), true);
        }
        Some(value)
    }

    /// Notes whether a number is written the longer way, be that plain or with an exponent. Its first digit has the place value ten to the
    /// power of `exponent`. Which way is longer depends on the number alone.
    #[cold]
    fn compare_lengths(&mut self, digits: &[u8], exponent: i32, has_exponent: bool) {
        let count = cast::significant_digits(digits).count() as i32;
        let plain = if exponent < 0 {
            1 + count - exponent
        } else {
            count.max(exponent + 1) + i32::from(count > exponent + 1)
        };
        let with_exponent = count + i32::from(count > 1) + if exponent.abs() < 100 { 4 } else { 5 };
        if has_exponent != (plain > with_exponent) {
            self.marks |= LONGER_WAY;
        }
    }

    fn has(&self, marks: u32) -> bool {
        self.marks & marks != 0
    }

    fn has_all(&self, marks: u32) -> bool {
        self.marks & marks == marks
    }

    /// What the column is, if it holds only what was seen.
    pub fn verdict(&self) -> FormVerdict {
        let text = |why| FormVerdict::Text(WhyText::Numbers(why));
        if self.has(TEXT) {
            FormVerdict::Text(WhyText::NoNumber)
        } else if self.marks & !KEY == 0 {
            FormVerdict::Unseen
        } else if self.has(EMPTY) {
            // Alone it is a text like any other; among numbers, an option would let the others be numbers.
            let among_numbers = self.marks & !(KEY | EMPTY) != 0;
            let without = Form {
                marks: self.marks & !EMPTY,
                ..*self
            };
            match without.verdict() {
                FormVerdict::Text(why) => FormVerdict::Text(why),
                _ if among_numbers => text(WhyNoNumber::Empty),
                _ => FormVerdict::Text(WhyText::NoNumber),
            }
        } else if self.has(HUGE_INTEGER) {
            text(WhyNoNumber::HugeInteger)
        } else if !self.has(NO_INTEGER) {
            FormVerdict::Integer
        } else {
            match self.why_not_real() {
                Some(why) => text(why),
                None if self.has(KEY) => text(WhyNoNumber::Key),
                None => FormVerdict::Real,
            }
        }
    }

    fn why_not_real(&self) -> Option<WhyNoNumber> {
        let lost = [
            (LARGE_INTEGER, WhyNoNumber::LargeInteger),
            (LOST_DIGITS, WhyNoNumber::LostDigits),
            (MINUS_ZERO, WhyNoNumber::MinusZero),
            (ODD_EXPONENT, WhyNoNumber::Exponent),
        ];
        if let Some((_, why)) = lost.iter().find(|(mark, _)| self.has(*mark)) {
            return Some(*why);
        }
        if !self.decimals.are_one() {
            if self.has(TRAILING_ZERO) {
                return Some(WhyNoNumber::Zeros);
            }
            if self.has_all(INTEGER | POINT_ZERO) {
                return Some(WhyNoNumber::PointZero);
            }
        }
        (self.has(EXPONENT) && !self.exponents_are_of_one_form()).then_some(WhyNoNumber::Exponent)
    }

    fn exponents_are_of_one_form(&self) -> bool {
        let may_be_codes = !self.has(DECIMAL | MANTISSA_POINT | MINUS);
        let two_ways = [
            UPPER | LOWER,
            PLUS | NO_PLUS,
            PADDED_2 | PADDED_3,
            PADDED_2 | DIGITS_1,
            PADDED_3 | DIGITS_1,
            PADDED_3 | DIGITS_2,
            PLAIN_ZERO | EXPONENT_ZERO,
        ];
        if may_be_codes || two_ways.iter().any(|both| self.has_all(*both)) {
            return false;
        }
        let shortest = !self.has(MANTISSA_TRAILING_ZERO) && !self.has_all(MANTISSA_INTEGER | MANTISSA_POINT_ZERO);
        if !shortest && !self.mantissa_decimals.are_one() {
            return false;
        }
        let by_size = self.small < self.least && self.greatest < self.large;
        by_size || !self.has(LONGER_WAY)
    }

    /// The form with everything that it leaves open settled, so that values that it [admits](Self::admits) one by one are of one form
    /// together. For columns whose later values nobody compares with each other.
    pub fn settled(&self) -> Form {
        let mut form = *self;
        if form.verdict() != FormVerdict::Real {
            return form;
        }
        if !form.has(TRAILING_ZERO) {
            // The shortest decimals, not the same number of them.
            form.decimals.merge(&Decimals { least: 0, greatest: 2 });
            form.marks |= if form.has(POINT_ZERO | INTEGER) { 0 } else { POINT_ZERO };
        }
        if form.has(EXPONENT) {
            form.settle_exponents();
        } else {
            // Neither case of the letter fits any more.
            form.marks |= UPPER | LOWER;
        }
        form
    }

    fn settle_exponents(&mut self) {
        let width = if self.has(DIGITS_2) { DIGITS_1 } else { PADDED_3 };
        let zero = if self.has(DECIMAL | INTEGER) {
            PLAIN_ZERO
        } else {
            EXPONENT_ZERO
        };
        for (either, one) in [
            (PLUS | NO_PLUS, PLUS),
            (PADDED_2 | PADDED_3 | DIGITS_1, width),
            (PLAIN_ZERO | EXPONENT_ZERO, zero),
            (MANTISSA_INTEGER | MANTISSA_POINT_ZERO, MANTISSA_INTEGER),
        ] {
            if !self.has(either) {
                self.marks |= one;
            }
        }
        if !self.has(MANTISSA_TRAILING_ZERO) {
            self.mantissa_decimals.merge(&Decimals { least: 0, greatest: 2 });
        }
        if self.small < self.least && self.greatest < self.large {
            // What lies between is plain.
            (self.least, self.greatest) = (self.small + 1, self.large - 1);
            self.marks |= LONGER_WAY;
        } else {
            (self.small, self.large) = (u64::MAX, 0);
        }
    }

    /// The number of `text`, if a [settled](Self::settled) REAL form has a place for it.
    pub fn admits(&self, text: &[u8]) -> Option<f64> {
        let mut form = *self;
        let value = form.see_number(text)?;
        (form.verdict() == FormVerdict::Real).then_some(value)
    }
}

/// Whether marks are those of a column in which numbers were seen.
pub(crate) const fn has_numbers(marks: u32) -> bool {
    marks & !(KEY | EMPTY | TEXT) != 0
}

/// What was seen in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnFacts {
    pub form: Form,
    /// The column's type is declared, so the column is not looked at.
    pub(crate) skip: bool,
    /// Where in the span each mark that can be named was first seen: start and end of the value. Useful only as long as the span is there.
    #[serde(skip)]
    pub(crate) first_at: [(u32, u32); mark::NAMED],
    /// In the span, numbers stand before the first value that is none.
    pub(crate) follows_numbers: bool,
}

impl ColumnFacts {
    /// Notes that the value at `start..end` of the span has shown something new in the span.
    #[cold]
    fn note_first(&mut self, marks_before: u32, start: u32, end: u32) {
        let new = self.form.marks() & !marks_before;
        self.follows_numbers |= new & TEXT != 0 && has_numbers(marks_before);
        for (bit, first) in self.first_at.iter_mut().enumerate() {
            if new & 1 << bit != 0 {
                *first = (start, end);
            }
        }
    }

    /// Adds the value at `start..end`, which is `text` without its quotes. Returns its number, if it has one.
    #[inline]
    pub fn see_number(&mut self, text: &[u8], start: u32, end: u32) -> Option<f64> {
        let before = self.form.marks();
        let value = self.form.see_number(text);
        if self.form.marks() != before {
            self.note_first(before, start, end);
        }
        value
    }

    /// As [`see_number`](Self::see_number), but returns the number only if it is an integer in canonical form.
    #[inline]
    pub fn see(&mut self, text: &[u8], start: u32, end: u32) -> Option<i64> {
        let before = self.form.marks();
        let value = self.form.see(text);
        if self.form.marks() != before {
            self.note_first(before, start, end);
        }
        value
    }
}

/// The place value of the first digit that is not zero, as a power of ten, of a plain decimal below one.
fn magnitude_exponent(text: &[u8]) -> i32 {
    let first = text.iter().position(|byte| matches!(byte, b'1'..=b'9'));
    let point = text.iter().position(|&byte| byte == b'.');
    match (point, first) {
        (Some(point), Some(first)) => point as i32 - first as i32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
