//! Times, moments, years, months and durations as XML Schema writes them, and where each lies on the line of time.
//!
//! Comes in: a text. Goes out: whether it is such a value, and what it is compared by. Source: XML Schema Part 2, §3.2.6 to §3.2.12.

use std::cmp::Ordering;

use super::CastError;
use super::moment::{clock, date, date_time, time};

/// Bytes of `YYYY-MM-DD`.
pub const DATE_BYTES: usize = 10;
/// Bytes of a moment without a zone and a fraction: `YYYY-MM-DDThh:mm:ss`.
pub const MOMENT_BYTES: usize = DATE_BYTES + 1 + CLOCK_BYTES;
/// Bytes of `hh:mm:ss`.
const CLOCK_BYTES: usize = 8;
/// Seconds of a day.
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// Most digits of a part of a duration: what is made of it is far from the ends of its type.
const MAX_PART_DIGITS: usize = 12;
/// Most digits of a year.
const MAX_YEAR_DIGITS: usize = 12;
/// Digits of a second's fraction by which durations are compared.
const FRACTION_DIGITS: usize = 18;
/// Parts of a second by which durations are compared.
const ATTOSECONDS: i128 = 1_000_000_000_000_000_000;
/// Year and month of the moments that durations are added to when they are compared: those between which all months and leap years differ.
const REFERENCES: [(i64, i64); 4] = [(1696, 9), (1697, 2), (1903, 3), (1903, 7)];

/// Whether `rest`, which follows `hh:mm:ss`, is a fraction and a zone, or one of them, or nothing.
fn is_fraction_and_zone(rest: &[u8]) -> bool {
    let rest = match rest {
        [b'.', more @ ..] => match digits_at_start(more) {
            0 => return false,
            digits => &more[digits..],
        },
        rest => rest,
    };
    match rest {
        [] | [b'Z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

fn digits_at_start(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `hh:mm:ss` with an optional fraction and zone (`Z`, `+hh:mm`).
///
/// # Errors
/// `Range` for a time or zone that does not exist, `Type` for another form.
pub fn xsd_time(text: &[u8]) -> Result<(), CastError> {
    match text.get(CLOCK_BYTES..) {
        Some(rest) if is_fraction_and_zone(rest) => time(text).map(|_| ()),
        _ => Err(CastError::Type),
    }
}

/// A date, `T`, and a [time](xsd_time).
///
/// # Errors
/// `Range` for a moment that does not exist, `Type` for another form.
pub fn xsd_date_time(text: &[u8]) -> Result<(), CastError> {
    match text.get(MOMENT_BYTES..) {
        Some(rest) if text[DATE_BYTES] == b'T' && is_fraction_and_zone(rest) => date_time(text).map(|_| ()),
        _ => Err(CastError::Type),
    }
}

/// Whether `text` is a [moment](xsd_date_time); it can have no zone and no fraction.
#[inline]
pub fn is_plain_moment(text: &[u8; MOMENT_BYTES]) -> bool {
    // In UTC, no moment of the years that have four digits is beyond those that SQLite knows.
    text[DATE_BYTES] == b'T' && date(&text[..DATE_BYTES]).is_ok() && clock(&text[DATE_BYTES + 1..]).is_ok()
}

/// A year of four digits, or of more without zeros in front; those before year 0 have a minus.
///
/// # Errors
/// `Range` for one of more digits than any calendar has, `Type` for another form.
pub fn year(text: &[u8]) -> Result<i64, CastError> {
    let (is_before, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let is_sound = digits.len() == 4 || (digits.len() > 4 && digits[0] != b'0');
    if !is_sound || !digits.iter().all(u8::is_ascii_digit) {
        return Err(CastError::Type);
    }
    if digits.len() > MAX_YEAR_DIGITS {
        return Err(CastError::Range);
    }
    Ok(if is_before { -number(digits) } else { number(digits) })
}

/// A [year] and a month: `2024-12`. Returns the months since the beginning of year 0.
///
/// # Errors
/// `Range` for a month that does not exist, `Type` for another form.
pub fn year_month(text: &[u8]) -> Result<i64, CastError> {
    let Some((before, [b'-', tens, ones])) = text.split_last_chunk() else {
        return Err(CastError::Type);
    };
    if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
        return Err(CastError::Type);
    }
    let year = year(before)?;
    match number(&[*tens, *ones]) {
        month @ 1..=12 => Ok(year * 12 + month - 1),
        _ => Err(CastError::Range),
    }
}

/// The value of digits, which are few enough.
fn number(digits: &[u8]) -> i64 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

/// Where a date, a time or a moment lies on the line of time. One without a zone is in UTC, as SQLite has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MomentKey<'a> {
    /// Since 1970, or since midnight.
    pub seconds: i64,
    /// Digits of the second's fraction, without zeros at the end.
    pub fraction: &'a [u8],
}

impl<'a> MomentKey<'a> {
    /// That of a date or moment that was found to be sound.
    pub fn of_date(text: &'a [u8]) -> Self {
        let days = days_from_civil(number(&text[..4]), number(&text[5..7]), number(&text[8..10]));
        let clock = match text.get(DATE_BYTES + 1..) {
            Some(clock) => MomentKey::of_time(clock),
            None => MomentKey {
                seconds: 0,
                fraction: b"",
            },
        };
        MomentKey {
            seconds: days * DAY_SECONDS + clock.seconds,
            ..clock
        }
    }

    /// The text of the moment that is so many seconds after the beginning of 1970; `None` if its year has not four digits.
    pub fn whole_second(seconds: i64) -> Option<[u8; MOMENT_BYTES]> {
        let (days, clock) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
        if days >= days_from_civil(10_000, 1, 1) {
            return None;
        }
        let year = (0..=9999).rev().find(|year| days_from_civil(*year, 1, 1) <= days)?;
        let month = (1..=12).rev().find(|month| days_from_civil(year, *month, 1) <= days)?;
        let day = days - days_from_civil(year, month, 1) + 1;
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        text.as_bytes().try_into().ok()
    }

    /// That of a time that was found to be sound.
    pub fn of_time(text: &'a [u8]) -> Self {
        let mut seconds = number(&text[..2]) * 3600 + number(&text[3..5]) * 60;
        let mut rest = &text[5..];
        if let [b':', a, b, more @ ..] = rest {
            seconds += number(&[*a, *b]);
            rest = more;
        }
        let mut fraction: &[u8] = b"";
        if let [b'.', more @ ..] = rest {
            let digits = digits_at_start(more);
            (fraction, rest) = more.split_at(digits);
        }
        while let [before @ .., b'0'] = fraction {
            fraction = before;
        }
        if let [sign @ (b'+' | b'-'), a, b, b':', c, d] = rest {
            let away = number(&[*a, *b]) * 3600 + number(&[*c, *d]) * 60;
            seconds += if *sign == b'+' { -away } else { away };
        }
        MomentKey { seconds, fraction }
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, which is taken to go on for ever in both directions.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2021), `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A duration: months and parts of a second, both with its sign, as no number of days makes a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarSpan {
    months: i64,
    attoseconds: i128,
}

impl CalendarSpan {
    /// How it compares to `other`, unless that depends on when they begin: a month may be longer than 30 days, or shorter.
    pub fn compare(&self, other: &CalendarSpan) -> Option<Ordering> {
        let from = |(year, month): (i64, i64)| self.added_to(year, month).cmp(&other.added_to(year, month));
        let ordering = from(REFERENCES[0]);
        let is_certain = REFERENCES[1..].iter().all(|&reference| from(reference) == ordering);
        is_certain.then_some(ordering)
    }

    /// Parts of a second from 1970 to its end, if it begins with that month.
    fn added_to(&self, year: i64, month: i64) -> i128 {
        let months = year * 12 + month - 1 + self.months;
        let days = days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1);
        i128::from(days) * i128::from(DAY_SECONDS) * ATTOSECONDS + self.attoseconds
    }
}

/// `PnYnMnDTnHnMnS` or a part of it, perhaps with a minus in front; the seconds may have a fraction.
///
/// # Errors
/// `Range` for numbers of more than twelve digits, `Type` for another form.
pub fn duration(text: &[u8]) -> Result<CalendarSpan, CastError> {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [b'P', rest @ ..] = text else {
        return Err(CastError::Type);
    };
    let mut parts = DurationParts {
        rest,
        is_after_t: false,
        last_rank: 0,
        span: CalendarSpan {
            months: 0,
            attoseconds: 0,
        },
    };
    while parts.take()? {}
    let CalendarSpan { months, attoseconds } = parts.span;
    Ok(match is_negative {
        true => CalendarSpan {
            months: -months,
            attoseconds: -attoseconds,
        },
        false => parts.span,
    })
}

/// A duration that is being read.
struct DurationParts<'a> {
    rest: &'a [u8],
    is_after_t: bool,
    /// Of the last part: years have 1, seconds 6.
    last_rank: u8,
    span: CalendarSpan,
}

impl DurationParts<'_> {
    /// Takes the next part; whether there was one.
    fn take(&mut self) -> Result<bool, CastError> {
        if let ([b'T', rest @ ..], false) = (self.rest, self.is_after_t) {
            (self.rest, self.is_after_t) = (rest, true);
            // Something must follow it.
            if rest.is_empty() {
                return Err(CastError::Type);
            }
        }
        if self.rest.is_empty() {
            return match self.last_rank {
                0 => Err(CastError::Type),
                _ => Ok(false),
            };
        }
        let (digits, rest) = self.rest.split_at(digits_at_start(self.rest));
        let (fraction, rest) = match rest {
            [b'.', more @ ..] => {
                let (fraction, rest) = more.split_at(digits_at_start(more));
                (Some(fraction), rest)
            }
            rest => (None, rest),
        };
        let Some((&designator, rest)) = rest.split_first() else {
            return Err(CastError::Type);
        };
        let (rank, seconds) = match (self.is_after_t, designator) {
            (false, b'Y') => (1, 0),
            (false, b'M') => (2, 0),
            (false, b'D') => (3, DAY_SECONDS),
            (true, b'H') => (4, 3600),
            (true, b'M') => (5, 60),
            (true, b'S') => (6, 1),
            _ => return Err(CastError::Type),
        };
        let has_fraction = fraction.is_some_and(|fraction| rank == 6 && !fraction.is_empty());
        if digits.is_empty() || rank <= self.last_rank || (fraction.is_some() && !has_fraction) {
            return Err(CastError::Type);
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        if digits.len() - zeros > MAX_PART_DIGITS {
            return Err(CastError::Range);
        }
        let count = number(&digits[zeros..]);
        match rank {
            1 => self.span.months += count * 12,
            2 => self.span.months += count,
            _ => self.span.attoseconds += i128::from(count) * i128::from(seconds) * ATTOSECONDS,
        }
        self.span.attoseconds += attoseconds(fraction.unwrap_or_default());
        (self.rest, self.last_rank) = (rest, rank);
        Ok(true)
    }
}

/// The digits of a second's fraction, as far as they are looked at.
fn attoseconds(fraction: &[u8]) -> i128 {
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0'));
    padded
        .take(FRACTION_DIGITS)
        .fold(0, |value, digit| value * 10 + i128::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_moments_have_seconds_and_a_zone_in_one_form_only() {
        for sound in [
            "00:00:00",
            "23:59:59.999",
            "12:00:00Z",
            "12:00:00+05:30",
            "12:00:00.5-08:00",
        ] {
            assert_eq!(xsd_time(sound.as_bytes()), Ok(()), "{sound}");
            assert_eq!(
                xsd_date_time(format!("2024-02-29T{sound}").as_bytes()),
                Ok(()),
                "{sound}"
            );
        }
        for other in [
            "12:00",
            "12:00:00z",
            "12:00:00 Z",
            "12:00:00+05",
            "12:00:00+0530",
            "12:00:00.",
            "12:00:00.Z",
            "",
        ] {
            assert_eq!(xsd_time(other.as_bytes()), Err(CastError::Type), "{other}");
            let moment = format!("2024-02-29T{other}");
            assert_eq!(xsd_date_time(moment.as_bytes()), Err(CastError::Type), "{moment}");
        }
        assert_eq!(xsd_time(b"24:00:00"), Err(CastError::Range));
        assert_eq!(xsd_date_time(b"2023-02-29T00:00:00"), Err(CastError::Range));
        assert_eq!(xsd_date_time(b"2024-02-29 00:00:00"), Err(CastError::Type));
    }

    #[test]
    fn moments_are_ordered_by_time_whatever_their_zone() {
        let mut last: Option<MomentKey<'_>> = None;
        for text in [
            "1969-12-31T23:59:59.999",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00.45",
            "1970-01-01T00:00:00.5",
            "2024-01-01T12:00:00+02:00",
            "2024-01-01T11:00:00",
            "2024-01-01T10:00:00-02:00",
        ] {
            let key = MomentKey::of_date(text.as_bytes());
            assert!(last.is_none_or(|last| last < key), "{text}");
            last = Some(key);
        }
        let same = ["2024-01-01T10:00:00Z", "2024-01-01T12:00:00.00+02:00"];
        let [left, right] = same.map(|text| MomentKey::of_date(text.as_bytes()));
        assert_eq!(left, right);
        assert_eq!(MomentKey::of_date(b"1970-01-02").seconds, DAY_SECONDS);
        assert_eq!(MomentKey::of_date(b"0000-03-01").seconds, -719_468 * DAY_SECONDS);
    }

    #[test]
    fn years_and_months_are_those_of_xml_schema() {
        for (text, wanted) in [
            ("2024", Ok(2024)),
            ("0044", Ok(44)),
            ("-0044", Ok(-44)),
            ("12024", Ok(12_024)),
        ] {
            assert_eq!(year(text.as_bytes()), wanted, "{text}");
        }
        for other in ["24", "02024", "+2024", "2024Z", "-", "", "20x4"] {
            assert_eq!(year(other.as_bytes()), Err(CastError::Type), "{other}");
        }
        assert_eq!(year(b"1234567890123"), Err(CastError::Range));
        assert_eq!(year_month(b"2024-12"), Ok(2024 * 12 + 11));
        assert_eq!(year_month(b"-0001-01"), Ok(-12));
        for (other, error) in [
            ("2024-13", CastError::Range),
            ("2024-00", CastError::Range),
            ("2024-1", CastError::Type),
            ("202412", CastError::Type),
            ("-12", CastError::Type),
        ] {
            assert_eq!(year_month(other.as_bytes()), Err(error), "{other}");
        }
    }

    #[test]
    fn durations_are_read_and_compared_as_xml_schema_says() {
        for sound in [
            "P1Y",
            "P1Y2M3DT4H5M6.7S",
            "PT0S",
            "-P30D",
            "P0Y",
            "PT36H",
            "P1347M",
            "P0001Y",
        ] {
            assert!(duration(sound.as_bytes()).is_ok(), "{sound}");
        }
        for other in [
            "P", "PT", "P1YT", "P-1Y", "1Y", "P1M1Y", "P1S", "PT1D", "P1.5Y", "PT1.S", "P1Y ", "P1W", "P1",
        ] {
            assert_eq!(duration(other.as_bytes()), Err(CastError::Type), "{other}");
        }
        assert_eq!(duration(b"P1234567890123Y"), Err(CastError::Range));
        assert!(duration(b"-P999999999999Y999999999999M999999999999DT999999999999H").is_ok());
        let compare = |left: &str, right: &str| {
            let [left, right] = [left, right].map(|text| duration(text.as_bytes()).unwrap());
            left.compare(&right)
        };
        assert_eq!(compare("P1Y", "P12M"), Some(Ordering::Equal));
        assert_eq!(compare("P1D", "PT24H"), Some(Ordering::Equal));
        assert_eq!(compare("PT1.5S", "PT1.4999S"), Some(Ordering::Greater));
        assert_eq!(compare("-P1D", "PT0S"), Some(Ordering::Less));
        // The table of §3.2.6.2.
        for (text, less, unknown, greater) in [
            ("P1Y", "P364D", vec!["P365D", "P366D"], "P367D"),
            ("P1M", "P27D", vec!["P28D", "P29D", "P30D", "P31D"], "P32D"),
            ("P5M", "P149D", vec!["P150D", "P151D", "P152D", "P153D"], "P154D"),
        ] {
            assert_eq!(compare(text, less), Some(Ordering::Greater), "{text} {less}");
            assert_eq!(compare(text, greater), Some(Ordering::Less), "{text} {greater}");
            for other in unknown {
                assert_eq!(compare(text, other), None, "{text} {other}");
            }
        }
    }
}
