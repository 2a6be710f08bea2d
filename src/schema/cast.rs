//! The one routine that decides what a text is: inference asks it, loading asks it, so they can never disagree.
//!
//! Lossless: a number is accepted only in the form from which the text can be told again. Zip codes (`01234`), signs (`+5`),
//! separators (`1_000`), exponents (`1e3`) are text.

use std::io::Write as _;

/// Why a text is not a value of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastError {
    /// Another form.
    Type,
    /// The right form, but a value that the type does not have.
    Range,
}

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Integers up to this one, and down to its negative, are doubles without loss.
pub const MAX_EXACT_INTEGER: i64 = 1 << 53;
/// Any decimal of at most this many digits, zeros in front counted, survives the way to a double and back.
const LOSSLESS_DIGITS: usize = 15;

/// Eight ASCII digits, the first in the lowest byte, to their value; `None` if any byte is no digit.
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
/// Eight times the point.
const POINTS: u64 = 0x2E2E_2E2E_2E2E_2E2E;

/// `text`, of at most eight bytes, as a word: the first byte is the lowest, what is missing is zero.
///
/// By overlapping reads: a loop over so few bytes costs more in branches that are guessed wrong than in reading.
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

/// The value of the `count` digits that are the lowest bytes of `word`, 1 to 8 of them; `None` if any is no digit.
#[inline]
fn up_to_eight_digits(word: u64, count: usize) -> Option<u64> {
    // Zeros in front make eight of them.
    let zeros = ZEROS.checked_shr(8 * count as u32).unwrap_or(0);
    eight_digits(word << (64 - 8 * count) | zeros)
}

/// Digits to their value, 1 to 19 of them (which fit 64 bits); `None` if any byte is no digit.
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
/// `Range` for the right form beyond 64 bits, `Type` for anything else.
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

/// A plain decimal, `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, as the nearest double. Minus zero becomes zero, as in SQLite's files.
///
/// # Errors
/// `Range` for a decimal too large for a double, `Type` for anything else.
pub fn real(text: &[u8]) -> Result<f64, CastError> {
    decimal(text).map(|decimal| decimal.value)
}

/// As [`real`], for inference: only values that can be told again from the double, and integers only up to
/// [`MAX_EXACT_INTEGER`]: `10000000000000000000` is a double, but whoever wrote it wrote an integer.
///
/// # Errors
/// As [`real`], and `Range` when digits would be lost.
pub fn lossless_real(text: &[u8]) -> Result<f64, CastError> {
    let decimal = decimal(text)?;
    if decimal.value == 0.0 && text.starts_with(b"-") {
        // SQLite keeps no minus zero.
        return Err(CastError::Range);
    }
    if !decimal.has_point && decimal.value.abs() > MAX_EXACT_INTEGER as f64 {
        return Err(CastError::Range);
    }
    if decimal.digits <= LOSSLESS_DIGITS || is_shortest(text, decimal.value) {
        Ok(decimal.value)
    } else {
        Err(CastError::Range)
    }
}

/// Whether inference takes `text` for a number.
pub fn is_number(text: &[u8]) -> bool {
    integer(text).is_ok() || lossless_real(text).is_ok()
}

/// Whether `text`, a plain decimal whose nearest double is `value`, has the digits of the shortest text that reads back as `value`.
///
/// Zeros at either end do not count: two numbers as near to each other as these cannot differ by a power of ten alone.
fn is_shortest(text: &[u8], value: f64) -> bool {
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
fn significant_digits(text: &[u8]) -> impl Iterator<Item = u8> {
    let matters = |byte: &u8| (b'1'..=b'9').contains(byte);
    let first = text.iter().position(matters).unwrap_or(text.len());
    let end = text.iter().rposition(matters).map_or(first, |last| last + 1);
    text[first..end].iter().copied().filter(u8::is_ascii_digit)
}

/// A plain decimal.
#[derive(Debug, PartialEq)]
struct Decimal {
    value: f64,
    /// Zeros in front counted.
    digits: usize,
    has_point: bool,
}

/// The digits of a decimal without sign, as one integer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Digits {
    /// Of no use with more than 19 digits.
    mantissa: u64,
    before_point: usize,
    behind_point: usize,
}

/// A decimal of 1 to 16 bytes, without loops; `None` if it is none.
#[inline]
fn short_decimal(text: &[u8]) -> Option<Digits> {
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
        behind_point: length.saturating_sub(before_point + 1),
    })
}

/// Index of the first byte of `word` that is a point.
#[inline]
fn first_point(word: u64) -> Option<usize> {
    const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
    let difference = word ^ POINTS;
    // Exact for the first zero byte, and only that is asked for.
    let zeros = difference.wrapping_sub(LOWEST_BITS) & !difference & (LOWEST_BITS << 7);
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

/// As [`short_decimal`], of any length.
fn long_decimal(text: &[u8]) -> Option<Digits> {
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
        behind_point: text.len().saturating_sub(before_point + 1),
    })
}

#[inline]
fn decimal(text: &[u8]) -> Result<Decimal, CastError> {
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
        behind_point,
    } = found.ok_or(CastError::Type)?;
    let has_point = before_point < magnitude.len();
    if before_point == 0 || (before_point > 1 && magnitude[0] == b'0') || (has_point && behind_point == 0) {
        return Err(CastError::Type);
    }
    let digits = before_point + behind_point;
    let value = if digits <= 19 && mantissa <= MAX_EXACT_INTEGER as u64 {
        // Both operands are exact, so the one division rounds correctly.
        mantissa as f64 / EXACT_POWERS[behind_point]
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
        has_point,
    })
}

/// `true` or `false` in any case, `1` or `0`.
///
/// # Errors
/// `Type`.
pub fn boolean(text: &[u8]) -> Result<bool, CastError> {
    match text {
        b"1" => Ok(true),
        b"0" => Ok(false),
        _ if text.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(CastError::Type),
    }
}

/// The value of two ASCII digits.
fn two(text: &[u8]) -> Result<u32, CastError> {
    match *text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Ok(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => Err(CastError::Type),
    }
}

/// Eight bytes that look like `form`, in which `0` stands for any digit: at each byte's index its digit times ten and the digit behind it.
#[inline]
fn pairs_of(text: [u8; 8], form: &[u8; 8]) -> Result<[u8; 8], CastError> {
    // Zero to nine where a digit is wanted, zero where the form's own byte is.
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*form);
    // What makes the greatest value that is allowed the greatest of four bits.
    let headroom = form.map(|byte| if byte == b'0' { 6 } else { 15 });
    let carried = digits.wrapping_add(u64::from_le_bytes(headroom));
    if (digits | carried) & 0xF0F0_F0F0_F0F0_F0F0 != 0 {
        return Err(CastError::Type);
    }
    Ok((digits.wrapping_mul(10)).wrapping_add(digits >> 8).to_le_bytes())
}

/// `YYYY-MM-DD`, a day of the Gregorian calendar.
///
/// # Errors
/// `Range` for a day that does not exist, `Type` for another form.
pub fn date(text: &[u8]) -> Result<(), CastError> {
    let (Some(first), Some(last), 10) = (text.first_chunk(), text.last_chunk(), text.len()) else {
        return Err(CastError::Type);
    };
    let [century, ..] = pairs_of(*first, b"0000-00-")?;
    let [year_of_century, _, _, month, _, _, day, _] = pairs_of(*last, b"00-00-00")?;
    let year = u32::from(century) * 100 + u32::from(year_of_century);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => 0,
    };
    if (1..=days).contains(&day) {
        Ok(())
    } else {
        Err(CastError::Range)
    }
}

/// `HH:MM:SS` with an optional fraction.
///
/// # Errors
/// `Range` for an hour, minute or second that does not exist, `Type` for another form.
pub fn time(text: &[u8]) -> Result<(), CastError> {
    let Some((clock, fraction)) = text.split_first_chunk() else {
        return Err(CastError::Type);
    };
    let [hour, _, _, minute, _, _, second, _] = pairs_of(*clock, b"00:00:00")?;
    match fraction {
        [] => {}
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {}
        _ => return Err(CastError::Type),
    }
    if hour < 24 && minute < 60 && second < 60 {
        Ok(())
    } else {
        Err(CastError::Range)
    }
}

/// A date and a time joined by `T` or a space, with an optional `Z` or `±HH:MM`.
///
/// # Errors
/// `Range` for a moment that does not exist, `Type` for another form.
pub fn date_time(text: &[u8]) -> Result<(), CastError> {
    let Some((day, [b'T' | b' ', clock @ ..])) = text.split_at_checked(10) else {
        return Err(CastError::Type);
    };
    let (clock, zone) = match clock {
        [clock @ .., b'Z'] => (clock, None),
        [clock @ .., b'+' | b'-', a, b, b':', c, d] => (clock, Some((two(&[*a, *b])?, two(&[*c, *d])?))),
        _ => (clock, None),
    };
    // The form first: a wrong form is the clearer message.
    let (day, clock) = (date(day), time(clock));
    if day == Err(CastError::Type) || clock == Err(CastError::Type) {
        return Err(CastError::Type);
    }
    if zone.is_some_and(|(hours, minutes)| hours > 23 || minutes > 59) {
        return Err(CastError::Range);
    }
    day.and(clock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_decimals_are_read_as_long_ones(text in "[0-9]{0,16}|[0-9]{0,9}\\.[0-9]{0,9}|[-./0-9:a]{1,16}|[0-9.\\PC]{1,16}") {
            let text = &text.as_bytes()[..text.len().min(16)];
            if !text.is_empty() {
                // A point alone has no digits to read.
                let long = long_decimal(text).filter(|_| text != b".");
                prop_assert_eq!(short_decimal(text), long);
            }
        }

        #[test]
        fn digits_are_read_as_by_the_standard_library(text in "[0-9]{1,19}|[-./0-9:;]{1,19}") {
            let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let wanted = all_digits.then(|| text.parse::<u64>().unwrap());
            prop_assert_eq!(digits(text.as_bytes()), wanted);
        }
    }

    #[test]
    fn integers_are_canonical_and_64_bits_wide() {
        for (text, value) in [("0", 0), ("7", 7), ("-7", -7), ("1234567890", 1_234_567_890)] {
            assert_eq!(integer(text.as_bytes()), Ok(value));
        }
        assert_eq!(integer(b"9223372036854775807"), Ok(i64::MAX));
        assert_eq!(integer(b"-9223372036854775808"), Ok(i64::MIN));
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "123456789012345678901234",
        ] {
            assert_eq!(integer(text.as_bytes()), Err(CastError::Range), "{text}");
        }
        for text in [
            "",
            "-",
            "-0",
            "+5",
            "007",
            "00",
            "1_000",
            "1e3",
            " 5",
            "5 ",
            "12a",
            "1234567:",
            "123456789012345678/",
            "0x1",
        ] {
            assert_eq!(integer(text.as_bytes()), Err(CastError::Type), "{text}");
        }
    }

    #[test]
    fn reals_are_plain_decimals() {
        for (text, value) in [
            ("0", 0.0),
            ("-0", 0.0),
            ("5.10", 5.1),
            ("-2.5", -2.5),
            ("0.1", 0.1),
            ("123456789.000", 123_456_789.0),
        ] {
            assert_eq!(
                real(text.as_bytes()).map(f64::to_bits),
                Ok(f64::to_bits(value)),
                "{text}"
            );
        }
        for text in [
            "", "-", ".5", "5.", "1e3", "+1.5", "007.5", "1.2.3", "nan", "inf", "1,5", " 1.5",
        ] {
            assert_eq!(real(text.as_bytes()), Err(CastError::Type), "{text}");
        }
        assert_eq!(real("9".repeat(400).as_bytes()), Err(CastError::Range));
    }

    #[test]
    fn inference_refuses_decimals_that_a_double_cannot_tell_again() {
        for text in [
            "0.1",
            "3.141592653589793",
            "123456.789",
            "1.10000000000000000000",
            "9007199254740992.0",
            "9007199254740992",
            "-48.8583701234567800",
            "-73.98513412475586",
            "0.00000000000000000012345678901234568",
            "100000000000000000000.0",
            "0.000",
        ] {
            assert!(lossless_real(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [
            "3.14159265358979323846",
            "0.1000000000000000055511151231257827",
            "9007199254740993.0",
            "9007199254740993",
            "9007199254740994",
            "10000000000000000000",
            "-100000000000000000000",
            "-0",
            "-0.00",
        ] {
            assert_eq!(lossless_real(text.as_bytes()), Err(CastError::Range), "{text}");
        }
    }

    #[test]
    fn inference_refuses_decimals_too_small_for_all_their_digits() {
        let tiny = |zeros: usize, digits: &str| format!("0.{}{digits}", "0".repeat(zeros));
        for text in [tiny(400, "1"), tiny(323, "3"), tiny(315, "123456789")] {
            assert_eq!(lossless_real(text.as_bytes()), Err(CastError::Range), "{text}");
        }
        for text in [tiny(300, "123456789012345"), tiny(323, "5"), tiny(400, "")] {
            assert!(lossless_real(text.as_bytes()).is_ok(), "{text}");
        }
    }

    /// Whether `text` has this form, in which `0` is any digit, and the numbers that it writes there.
    fn naive_numbers(text: &[u8], form: &str) -> Option<Vec<u32>> {
        let fits = |(&byte, place): (&u8, u8)| {
            if place == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == place
            }
        };
        if text.len() != form.len() || !text.iter().zip(form.bytes()).all(fits) {
            return None;
        }
        let text = std::str::from_utf8(text).unwrap();
        Some(text.split(['-', ':']).map(|digits| digits.parse().unwrap()).collect())
    }

    proptest! {
        #[test]
        fn dates_and_clocks_are_what_they_look_like(
            (year, month, day) in (0u32..10_000, 0u32..16, 0u32..34),
            (hour, minute, second) in (0u32..26, 0u32..64, 0u32..64),
            (at, byte) in (0usize..14, prop_oneof![any::<u8>(), b'-'..=b':']),
        ) {
            let mut texts = [format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}")].map(String::into_bytes);
            for text in &mut texts {
                // Often behind the end: then nothing is changed.
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
            }
            let is_day = |numbers: Vec<u32>| {
                let leap = numbers[0].is_multiple_of(4) && (!numbers[0].is_multiple_of(100) || numbers[0].is_multiple_of(400));
                let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
                numbers[1].checked_sub(1).and_then(|month| days.get(month as usize)).is_some_and(|days| (1..=*days).contains(&numbers[2]))
            };
            let is_clock = |numbers: Vec<u32>| numbers[0] < 24 && numbers[1] < 60 && numbers[2] < 60;
            let judge = |exists: Option<bool>| match exists {
                Some(true) => Ok(()),
                Some(false) => Err(CastError::Range),
                None => Err(CastError::Type),
            };
            prop_assert_eq!(date(&texts[0]), judge(naive_numbers(&texts[0], "0000-00-00").map(is_day)));
            prop_assert_eq!(time(&texts[1]), judge(naive_numbers(&texts[1], "00:00:00").map(is_clock)));
        }
    }

    #[test]
    fn dates_and_times_exist() {
        for text in ["2024-02-29", "1999-12-31", "0000-01-01"] {
            assert_eq!(date(text.as_bytes()), Ok(()), "{text}");
        }
        for text in ["2023-02-29", "2023-13-01", "2023-00-10", "2023-04-31", "1900-02-29"] {
            assert_eq!(date(text.as_bytes()), Err(CastError::Range), "{text}");
        }
        for text in ["2023-1-01", "20230101", "2023/01/01", "2023-01-01 ", "", "2023-0x-01"] {
            assert_eq!(date(text.as_bytes()), Err(CastError::Type), "{text}");
        }
        for text in [
            "2023-01-01T00:00:00Z",
            "2023-01-01 23:59:59.123+02:00",
            "2023-01-01T12:00:00",
        ] {
            assert_eq!(date_time(text.as_bytes()), Ok(()), "{text}");
        }
        for text in [
            "2023-13-45T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01 10:60:00",
            "2023-01-01T00:00:00+24:00",
        ] {
            assert_eq!(date_time(text.as_bytes()), Err(CastError::Range), "{text}");
        }
        for text in [
            "2023-01-01",
            "2023-01-01T",
            "2023-01-01X00:00:00",
            "2023-01-01T00:00:00.",
            "é023-01-01T00:00:00",
        ] {
            assert_eq!(date_time(text.as_bytes()), Err(CastError::Type), "{text}");
        }
        assert_eq!(time(b"25:00:00"), Err(CastError::Range));
    }

    proptest! {
        #[test]
        fn integers_agree_with_the_standard_library(text in "-?[0-9]{1,21}") {
            let canonical = text.parse::<i128>().unwrap().to_string() == text;
            let wanted = match text.parse::<i64>() {
                _ if !canonical => Err(CastError::Type),
                Ok(value) => Ok(value),
                Err(_) => Err(CastError::Range),
            };
            prop_assert_eq!(integer(text.as_bytes()), wanted);
        }

        #[test]
        fn reals_agree_with_the_standard_library_bit_for_bit(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,30})?") {
            let wanted = text.parse::<f64>().unwrap();
            let wanted = if wanted == 0.0 { 0.0 } else { wanted };
            prop_assert_eq!(real(text.as_bytes()).map(f64::to_bits), Ok(wanted.to_bits()));
        }

        #[test]
        fn what_inference_takes_for_a_real_can_be_told_again(text in "-?(0|[1-9][0-9]{0,18})\\.(0{0,330}[0-9]{1,18})") {
            // The slow way: the shortest text of the double, written out, against the text itself.
            let value = text.parse::<f64>().unwrap();
            let shortest = format!("{value}");
            let shortest = if shortest.contains('.') { shortest } else { shortest + ".0" };
            let plain = |text: &str| text.trim_end_matches('0').to_owned();
            let minus_zero = value == 0.0 && text.starts_with('-');
            let wanted = plain(&shortest) == plain(&text) && !minus_zero;
            prop_assert_eq!(lossless_real(text.as_bytes()).is_ok(), wanted, "{}", text);
        }

        #[test]
        fn any_bytes_are_no_panic(bytes: Vec<u8>) {
            let _ = (integer(&bytes), real(&bytes), lossless_real(&bytes), date(&bytes), time(&bytes), date_time(&bytes));
        }
    }
}
