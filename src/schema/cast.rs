//! The one routine that decides what a text is: inference asks it, loading asks it, so they can never disagree.
//!
//! Inference is strict: [`integer`] and [`decimal::lossless_real`] take only forms from which the text can be recovered. A type that
//! somebody has declared takes every usual form: [`usual_integer`], [`real`], [`boolean`], [`date_time`]. What is written in other forms is
//! brought into a usual one first: numbers with signs and groups, dates by a [`Pattern`].

mod affinity;
mod amount;
mod calendar;
mod decimal;
mod figures;
mod formats;
mod moment;
mod pattern;
#[cfg(test)]
mod tests;

pub use affinity::{Numeric, numeric};
pub use amount::{MAX_UNIT_DECIMALS, Recast};
pub use calendar::{
    CalendarSpan, DATE_BYTES, MOMENT_BYTES, MomentKey, duration, is_plain_moment, xsd_date_time, xsd_time, year,
    year_month,
};
pub(super) use decimal::{Decimal, decimal, is_shortest, significant_digits, split};
pub use decimal::{lossless_real, real, usual_real};
pub use figures::FigureStyle;
pub use formats::{array_size, is_base64, is_email, is_uri, is_uuid, object_size};
pub use moment::{Moment, date, date_time, time};
pub use pattern::{IsoText, Pattern, PatternKind};

/// Why a text is not a value of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastError {
    /// Another form.
    Type,
    /// The right form, but a value that the type does not have.
    Range,
}

/// Integers up to this one, and down to its negative, are doubles without loss.
pub const MAX_EXACT_INTEGER: i64 = 1 << 53;

/// Eight ASCII digits, the first in the lowest byte, to their value; `None` if any byte is not a digit.
///
/// Equivalent to a loop over the bytes. Source: D. Lemire, "Quickly parsing eight digits" (2018).
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0;
    let carried = word.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0;
    if high != ZEROS || carried != ZEROS {
        return None;
    }
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = (digits.wrapping_mul(10)).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// Eight times the character `0`.
const ZEROS: u64 = 0x3030_3030_3030_3030;
/// `text`, of at most eight bytes, as a word: the first byte is the lowest, and missing bytes are zero.
///
/// By overlapping reads: a loop over so few bytes costs more in mispredicted branches than in reading.
#[inline]
fn word(text: &[u8]) -> u64 {
    let length = text.len();
    if let Some(eight) = text.first_chunk::<8>() {
        u64::from_le_bytes(*eight)
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        first | last << (8 * (length - 4))
    } else if length > 0 {
        let byte = |at: usize| u64::from(text[at]) << (8 * at);
        byte(0) | byte(length / 2) | byte(length - 1)
    } else {
        0
    }
}

/// The value of the `count` digits, 1 to 8, that are the lowest bytes of `word`; `None` if any of them is not a digit.
#[inline]
fn up_to_eight_digits(word: u64, count: usize) -> Option<u64> {
    // Zeros in front make eight of them.
    let zeros = ZEROS.checked_shr(8 * count as u32).unwrap_or(0);
    eight_digits(word << (64 - 8 * count) | zeros)
}

/// 1 to 19 digits (which fit 64 bits) to their value; `None` if any byte is not a digit.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    let Some((front, last)) = text.split_last_chunk::<8>() else {
        return up_to_eight_digits(word(text), text.len());
    };
    let last = eight_digits(u64::from_le_bytes(*last))?;
    if front.is_empty() {
        return Some(last);
    }
    let front = match front.split_last_chunk::<8>() {
        None => up_to_eight_digits(word(front), front.len())?,
        Some((first, middle)) => {
            let middle = eight_digits(u64::from_le_bytes(*middle))?;
            match first {
                [] => middle,
                _ => up_to_eight_digits(word(first), first.len())? * 100_000_000 + middle,
            }
        }
    };
    Some(front * 100_000_000 + last)
}

/// A 64-bit integer in canonical form: `0` or `-?[1-9][0-9]*`.
///
/// # Errors
/// `Range` for the right form but beyond 64 bits, `Type` for anything else.
pub fn integer(text: &[u8]) -> Result<i64, CastError> {
    let (negative, magnitude) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match magnitude {
        [] => return Err(CastError::Type),
        [b'0'] if !negative => return Ok(0),
        [b'0', ..] => return Err(CastError::Type),
        _ if magnitude.len() > 19 => {
            let all_digits = magnitude.iter().all(u8::is_ascii_digit);
            return Err(if all_digits { CastError::Range } else { CastError::Type });
        }
        _ => {}
    }
    let value = digits(magnitude).ok_or(CastError::Type)?;
    let signed = if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    };
    signed.ok_or(CastError::Range)
}

/// As [`integer`], but also with a `+` or zeros in front: the forms that are taken where an integer was asked for.
///
/// # Errors
/// As [`integer`].
pub fn usual_integer(text: &[u8]) -> Result<i64, CastError> {
    let error = match integer(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(error);
    }
    let mut value = 0i64;
    for &digit in digits {
        let digit = i64::from(digit - b'0');
        // Downwards: there is one more negative number than there are positive ones.
        let next = value.checked_mul(10).and_then(|value| value.checked_sub(digit));
        value = next.ok_or(CastError::Range)?;
    }
    let value = if negative { Some(value) } else { value.checked_neg() };
    value.ok_or(CastError::Range)
}

/// `true` or `false`, `t` or `f`, `yes` or `no`, `y` or `n`, in any case, `1` or `0`.
///
/// # Errors
/// `Type`.
pub fn boolean(text: &[u8]) -> Result<bool, CastError> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is_one_of(&["1", "true", "t", "yes", "y"]) {
        Ok(true)
    } else if is_one_of(&["0", "false", "f", "no", "n"]) {
        Ok(false)
    } else {
        Err(CastError::Type)
    }
}
