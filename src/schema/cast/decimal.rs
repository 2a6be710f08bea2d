//! Texts to doubles: plain decimals, without loops if they are short, and every usual form of a number where one was asked for.

use std::io::Write as _;

use super::{CastError, MAX_EXACT_INTEGER, ZEROS, eight_digits, up_to_eight_digits, word};

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Any decimal of at most this many digits, counting zeros in front, survives the way to a double and back.
const LOSSLESS_DIGITS: usize = 15;

/// Eight times the point.
const POINTS: u64 = 0x2E2E_2E2E_2E2E_2E2E;

/// A decimal of fewer digits is zero only if all of them are.
const VANISHING_DIGITS: usize = 300;

/// A number in any usual form, as the nearest double: [`usual_real`], but without needless zeros in front (`007.5`), which make a text look
/// like a code.
///
/// # Errors
/// As [`usual_real`].
#[inline]
pub fn real(text: &[u8]) -> Result<f64, CastError> {
    match decimal(text) {
        Ok(decimal) if decimal.value != 0.0 || decimal.digits < VANISHING_DIGITS => Ok(decimal.value),
        _ => usual(text, false),
    }
}

/// `[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`, as the nearest double. Minus zero becomes zero, as in SQLite's files.
///
/// # Errors
/// `Range` for a number too large for a double, or so small that nothing of it is left, `Type` for anything else.
#[inline]
pub fn usual_real(text: &[u8]) -> Result<f64, CastError> {
    match decimal(text) {
        Ok(decimal) if decimal.value != 0.0 || decimal.digits < VANISHING_DIGITS => Ok(decimal.value),
        _ => usual(text, true),
    }
}

#[cold]
fn usual(text: &[u8], zeros_in_front: bool) -> Result<f64, CastError> {
    let parts = split(text).ok_or(CastError::Type)?;
    if !zeros_in_front && matches!(parts.whole, [b'0', _, ..]) {
        return Err(CastError::Type);
    }
    let text = std::str::from_utf8(text).map_err(|_| CastError::Type)?;
    let value = text.parse::<f64>().map_err(|_| CastError::Type)?;
    let is_zero = significant_digits(parts.mantissa).next().is_none();
    match value {
        _ if !value.is_finite() || (value == 0.0 && !is_zero) => Err(CastError::Range),
        0.0 => Ok(0.0),
        value => Ok(value),
    }
}

/// The parts of a number in any usual form.
pub(in crate::schema) struct Parts<'a> {
    pub(in crate::schema) negative: bool,
    /// Without the sign.
    pub(in crate::schema) mantissa: &'a [u8],
    pub(in crate::schema) whole: &'a [u8],
    /// `None` without a point.
    pub(in crate::schema) fraction: Option<&'a [u8]>,
    /// With its sign; `None` without one.
    pub(in crate::schema) exponent: Option<&'a [u8]>,
}

/// `text` taken apart; `None` if it is not a number in any usual form.
pub(in crate::schema) fn split(text: &[u8]) -> Option<Parts<'_>> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let all_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let exponent_digits = match exponent {
        Some([b'+' | b'-', digits @ ..]) => digits,
        Some(digits) => digits,
        None => b"0",
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    let is_number = all_digits(whole)
        && all_digits(fraction.unwrap_or_default())
        && whole.len() + fraction.unwrap_or_default().len() > 0
        && !exponent_digits.is_empty()
        && all_digits(exponent_digits);
    is_number.then_some(Parts {
        negative,
        mantissa,
        whole,
        fraction,
        exponent,
    })
}

/// A plain decimal, `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, that can be recovered from the double; integers only up to
/// [`MAX_EXACT_INTEGER`]: `10000000000000000000` is a double, but whoever wrote it wrote an integer.
///
/// Only its digits can: how many zeros it ends with must be known from elsewhere (see [`crate::schema::form`]).
///
/// # Errors
/// `Type` for another form, `Range` for a decimal too large for a double and when digits would be lost.
pub fn lossless_real(text: &[u8]) -> Result<f64, CastError> {
    let decimal = decimal(text)?;
    if decimal.value == 0.0 && text.starts_with(b"-") {
        // SQLite does not keep a minus zero.
        return Err(CastError::Range);
    }
    if !decimal.has_point() && decimal.value.abs() > MAX_EXACT_INTEGER as f64 {
        return Err(CastError::Range);
    }
    if decimal.is_lossless(text) {
        Ok(decimal.value)
    } else {
        Err(CastError::Range)
    }
}

/// Whether `text`, a plain decimal whose nearest double is `value`, has the digits of the shortest text that reads back as `value`.
///
/// Zeros at either end do not count: two numbers so near to each other cannot differ only by a power of ten.
pub(in crate::schema) fn is_shortest(text: &[u8], value: f64) -> bool {
    // Sign, 17 digits, point and exponent of a double in Rust's shortest scientific form take at most 24 bytes.
    let mut shortest = [0u8; 32];
    let mut room = &mut shortest[..];
    if write!(room, "{value:e}").is_err() {
        return false;
    }
    let unused = room.len();
    let shortest = &shortest[..shortest.len() - unused];
    let mantissa = shortest.split(|&byte| byte == b'e').next().unwrap_or_default();
    significant_digits(text).eq(significant_digits(mantissa))
}

/// The digits of a plain decimal, from the first to the last that is not zero.
pub(in crate::schema) fn significant_digits(text: &[u8]) -> impl Iterator<Item = u8> {
    let matters = |byte: &u8| (b'1'..=b'9').contains(byte);
    let first = text.iter().position(matters).unwrap_or(text.len());
    let end = text.iter().rposition(matters).map_or(first, |last| last + 1);
    text[first..end].iter().copied().filter(u8::is_ascii_digit)
}

/// A plain decimal.
#[derive(Debug, PartialEq)]
pub(in crate::schema) struct Decimal {
    pub(in crate::schema) value: f64,
    /// Including zeros in front.
    digits: usize,
    pub(in crate::schema) decimals: usize,
}

impl Decimal {
    #[inline]
    pub(in crate::schema) fn has_point(&self) -> bool {
        self.decimals > 0
    }

    /// Whether the digits of `text`, from which this was read, can be recovered from the double.
    #[inline]
    pub(in crate::schema) fn is_lossless(&self, text: &[u8]) -> bool {
        self.digits <= LOSSLESS_DIGITS || is_shortest(text, self.value)
    }
}

/// The digits of a decimal without sign, as one integer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Digits {
    /// Of no use with more than 19 digits.
    mantissa: u64,
    before_point: usize,
    after_point: usize,
}

/// A decimal of 1 to 16 bytes, without loops; `None` if it is not one.
#[inline]
pub(super) fn short_decimal(text: &[u8]) -> Option<Digits> {
    let length = text.len();
    let (mantissa, before_point) = if length <= 8 {
        let word = word(text);
        let before_point = first_point(word).unwrap_or(length);
        let below = 1u64
            .checked_shl(8 * before_point as u32)
            .map_or(u64::MAX, |bit| bit - 1);
        let count = length - usize::from(before_point < length);
        if count == 0 {
            return None;
        }
        let without_point = word & below | (word >> 8) & !below;
        (up_to_eight_digits(without_point, count)?, before_point)
    } else {
        let (low, high) = (word(&text[..8]), word(&text[8..]));
        let word = u128::from(high) << 64 | u128::from(low);
        let before_point = first_point(low)
            .or_else(|| first_point(high).map(|at| 8 + at))
            .unwrap_or(length);
        let below = 1u128
            .checked_shl(8 * before_point as u32)
            .map_or(u128::MAX, |bit| bit - 1);
        let count = length - usize::from(before_point < length);
        let without_point = word & below | (word >> 8) & !below;
        let zeros = (u128::from(ZEROS) << 64 | u128::from(ZEROS)).checked_shr(8 * count as u32);
        let aligned = without_point << (128 - 8 * count) | zeros.unwrap_or(0);
        let (first, last) = (eight_digits(aligned as u64)?, eight_digits((aligned >> 64) as u64)?);
        (first * 100_000_000 + last, before_point)
    };
    Some(Digits {
        mantissa,
        before_point,
        after_point: length.saturating_sub(before_point + 1),
    })
}

/// Index of the first byte of `word` that is a point.
#[inline]
fn first_point(word: u64) -> Option<usize> {
    const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
    let difference = word ^ POINTS;
    // This is exact for the first zero byte, which is all that is needed.
    let zeros = difference.wrapping_sub(LOWEST_BITS) & !difference & (LOWEST_BITS << 7);
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

/// As [`short_decimal`], of any length.
pub(super) fn long_decimal(text: &[u8]) -> Option<Digits> {
    let (mut mantissa, mut before_point) = (0u64, None);
    for (index, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if before_point.is_none() => before_point = Some(index),
            _ => return None,
        }
    }
    let before_point = before_point.unwrap_or(text.len());
    Some(Digits {
        mantissa,
        before_point,
        after_point: text.len().saturating_sub(before_point + 1),
    })
}

/// A plain decimal, `-?(0|[1-9][0-9]*)(\.[0-9]+)?`.
///
/// # Errors
/// `Range` for one too large for a double, `Type` for anything else.
#[inline]
pub(in crate::schema) fn decimal(text: &[u8]) -> Result<Decimal, CastError> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let found = match magnitude.len() {
        0 => None,
        1..=16 => short_decimal(magnitude),
        _ => long_decimal(magnitude),
    };
    let Digits {
        mantissa,
        before_point,
        after_point,
    } = found.ok_or(CastError::Type)?;
    let has_point = before_point < magnitude.len();
    if before_point == 0 || (before_point > 1 && magnitude[0] == b'0') || (has_point && after_point == 0) {
        return Err(CastError::Type);
    }
    let digits = before_point + after_point;
    let value = if digits <= 19 && mantissa <= MAX_EXACT_INTEGER as u64 {
        // Both operands are exact, so the one division rounds correctly.
        mantissa as f64 / EXACT_POWERS[after_point]
    } else {
        let text = std::str::from_utf8(magnitude).map_err(|_| CastError::Type)?;
        text.parse::<f64>().map_err(|_| CastError::Type)?
    };
    if !value.is_finite() {
        return Err(CastError::Range);
    }
    let value = if negative && value != 0.0 { -value } else { value };
    Ok(Decimal {
        value,
        digits,
        decimals: after_point,
    })
}
