//! Dates, times and moments, and the form in which each is stored.

use super::CastError;

/// Eight bytes that look like `form`, in which `0` stands for any digit: returns, at each byte's index, its digit times ten plus the digit
/// after it.
#[inline]
fn pairs_of(text: [u8; 8], form: &[u8; 8]) -> Result<[u8; 8], CastError> {
    // Zero to nine where a digit is wanted, zero where the form's own byte stands.
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*form);
    // What takes the greatest value that is allowed to the greatest that four bits hold.
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

/// A time or a moment that exists, as it is to be stored: the text's first `kept_bytes`, then [`tail`](Self::tail).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub kept_bytes: usize,
    /// `Z`, or hours and minutes from UTC as `+HH:MM`.
    zone: [u8; 6],
    zone_bytes: usize,
}

impl Moment {
    /// What comes after the bytes that are kept.
    pub fn tail(&self) -> &[u8] {
        &self.zone[..self.zone_bytes]
    }

    fn of(kept_bytes: usize, tail: &[u8]) -> Self {
        let mut zone = [0; 6];
        zone[..tail.len()].copy_from_slice(tail);
        Moment {
            kept_bytes,
            zone,
            zone_bytes: tail.len(),
        }
    }
}

/// A text taken apart.
struct Zoned<'a> {
    clock: &'a [u8],
    moment: Moment,
    /// Whether SQLite's functions know the zone.
    zone_exists: bool,
}

fn zoned<'a>(clock: &'a [u8], tail: &[u8], zone_exists: bool) -> Zoned<'a> {
    Zoned {
        clock,
        moment: Moment::of(clock.len(), tail),
        zone_exists,
    }
}

/// Splits a clock from its zone: `Z`, `z`, `+HH`, `+HHMM`, `+HH:MM`, or the same with `-`, with or without a blank before; no zone is UTC,
/// says SQLite. The zone comes in the one form that SQLite's functions document.
fn split_zone(text: &[u8]) -> Zoned<'_> {
    let (clock, sign, [a, b, c, d]) = match text {
        [clock @ .., b'Z' | b'z'] => return zoned(clock.strip_suffix(b" ").unwrap_or(clock), b"Z", true),
        [clock @ .., sign @ (b'+' | b'-'), a, b, b':', c, d] => (clock, *sign, [*a, *b, *c, *d]),
        [clock @ .., sign @ (b'+' | b'-'), a, b, c, d] => (clock, *sign, [*a, *b, *c, *d]),
        [clock @ .., sign @ (b'+' | b'-'), a, b] => (clock, *sign, [*a, *b, b'0', b'0']),
        clock => return zoned(clock, b"", true),
    };
    if ![a, b, c, d].iter().all(u8::is_ascii_digit) {
        // No clock has a sign in it, so this is not a clock.
        return zoned(text, b"", true);
    }
    let clock = clock.strip_suffix(b" ").unwrap_or(clock);
    let hours = (a - b'0') * 10 + b - b'0';
    zoned(clock, &[sign, a, b, b':', c, d], hours <= MAX_ZONE_HOURS && c <= b'5')
}

/// What SQLite's date functions take. Source: `parseTimezone` in sqlite3.c.
const MAX_ZONE_HOURS: u8 = 14;
/// Most digits of a fraction that SQLite's date functions can read: they read them into a double. Source: `parseHhMmSs`.
const MAX_FRACTION_DIGITS: usize = 308;

/// `HH:MM` or `HH:MM:SS`, the latter with an optional fraction, without a zone.
pub(super) fn clock(text: &[u8]) -> Result<(), CastError> {
    if text.len() == 5 {
        let mut whole = *b"00:00:00";
        whole[..5].copy_from_slice(text);
        return clock(&whole);
    }
    let Some((clock, fraction)) = text.split_first_chunk() else {
        return Err(CastError::Type);
    };
    let [hour, _, _, minute, _, _, second, _] = pairs_of(*clock, b"00:00:00")?;
    match fraction {
        [] => {}
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {}
        _ => return Err(CastError::Type),
    }
    if hour < 24 && minute < 60 && second < 60 && fraction.len() <= 1 + MAX_FRACTION_DIGITS {
        Ok(())
    } else {
        Err(CastError::Range)
    }
}

/// `HH:MM` or `HH:MM:SS`, the latter with an optional fraction; then an optional zone.
///
/// # Errors
/// `Range` for an hour, minute, second or zone that does not exist, `Type` for another form.
#[inline]
pub fn time(text: &[u8]) -> Result<Moment, CastError> {
    if text.len() == 8 && clock(text).is_ok() {
        return Ok(Moment::of(text.len(), b""));
    }
    let zoned = split_zone(text);
    // The form first: a wrong form is the clearer message.
    clock(zoned.clock)?;
    if zoned.zone_exists {
        Ok(zoned.moment)
    } else {
        Err(CastError::Range)
    }
}

/// A date and a time joined by `T` or a blank.
///
/// # Errors
/// `Range` for a moment that does not exist or is not in the years of `is_within_years`; `Type` for another form.
#[inline]
pub fn date_time(text: &[u8]) -> Result<Moment, CastError> {
    const DATE_BYTES: usize = "2024-02-29T".len();
    let Some((day, [b'T' | b' ', clock @ ..])) = text.split_at_checked(DATE_BYTES - 1) else {
        return Err(CastError::Type);
    };
    // The form first: a wrong form is the clearer message.
    let (day, moment) = (date(day), time(clock));
    if day == Err(CastError::Type) || moment == Err(CastError::Type) {
        return Err(CastError::Type);
    }
    day?;
    let moment = moment?;
    if !is_within_years(&text[..DATE_BYTES - 1], &clock[..moment.kept_bytes], moment.tail()) {
        return Err(CastError::Range);
    }
    Ok(Moment {
        kept_bytes: DATE_BYTES + moment.kept_bytes,
        ..moment
    })
}

/// Whether a moment, which is well-formed, lies within the years 0000 to 9999 of UTC: SQLite's date functions know no others, and give NULL
/// for what comes after them.
fn is_within_years(day: &[u8], clock: &[u8], zone: &[u8]) -> bool {
    // A zone is less than a day away.
    if day != b"0000-01-01" && day != b"9999-12-31" {
        return true;
    }
    let number = |digits: &[u8]| i32::from(digits[0] - b'0') * 10 + i32::from(digits[1] - b'0');
    let minutes = |text: &[u8]| number(text) * 60 + number(&text[3..]);
    let from_utc = match zone {
        [b'+', away @ ..] => minutes(away),
        [b'-', away @ ..] => -minutes(away),
        _ => 0,
    };
    let minute = minutes(clock) - from_utc;
    const LAST_MINUTE: i32 = 24 * 60 - 1;
    match day {
        b"0000-01-01" => minute >= 0,
        _ => minute < LAST_MINUTE || (minute == LAST_MINUTE && !is_next_minute(&clock[5..])),
    }
}

/// Whether seconds and their fraction, such as `:59.9999`, become the next minute when they are rounded to milliseconds. SQLite's functions
/// did that before version 3.51, and whoever reads the database may have one of those. Source: `parseHhMmSs` and `computeJD` in sqlite3.c.
fn is_next_minute(seconds: &[u8]) -> bool {
    let [b':', b'5', b'9', b'.', digits @ ..] = seconds else {
        return false;
    };
    let (mut fraction, mut scale) = (0.0, 1.0);
    for &digit in digits {
        fraction = fraction * 10.0 + f64::from(digit - b'0');
        scale *= 10.0;
    }
    (59.0 + fraction / scale) * 1000.0 + 0.5 >= 60_000.0
}
