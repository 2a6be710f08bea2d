//! Dates and times that are written by a pattern such as `%d.%m.%Y`, read into the form in which they are stored.
//!
//! Comes in: a pattern, compiled once, and text after text. Goes out: what ISO 8601 has for it, exactly as the types without a pattern
//! take it. A pattern is strict: what it does not say is an error, and so is a text of which it leaves anything over.

mod compile;
#[cfg(test)]
mod tests;

use super::amount::blank_at_start;
use super::{CastError, date, date_time, time};

/// What a pattern gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternKind {
    Date,
    Time,
    DateTime,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    kind: PatternKind,
    items: Box<[Item]>,
    /// Two-digit years below it are of the 2000s.
    pivot: u8,
}

/// What stands next in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// This byte.
    Byte(u8),
    /// One blank or more.
    Blanks,
    /// Digits, at least and at most as many.
    Number(DatePart, u8, u8),
    /// As [`Number`](Self::Number), with two digits or a blank and one.
    Padded(DatePart),
    /// The month's name in English, whole or short, in any case.
    MonthName,
    /// The day's name, as well. It must be that of the date.
    WeekdayName,
    AmPm,
    /// A point and digits, or nothing.
    OptionalFraction,
    /// Seconds since 1970 in UTC, before it with a minus.
    Epoch,
    /// `Z`, `+HH`, `+HHMM`, `+HH:MM`, or with a minus.
    Zone,
}

/// What a number in a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatePart {
    Year,
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Hour,
    HourOfHalf,
    Minute,
    Second,
    Fraction,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From the day of 1970-01-01 on.
const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];
/// Letters of a short name.
const SHORT_NAME_BYTES: usize = 3;
/// Days before each month of a year that is no leap year.
const DAYS_BEFORE: [u16; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
/// Most digits of a fraction that are read: billionths.
const MAX_FRACTION_DIGITS: u8 = 9;
/// Seconds of the first moment of the year 0000 and of the last of the year 9999, since 1970.
const EPOCH_RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// A date, a time or both, as ISO 8601 writes them.
#[derive(Debug, Clone, Copy)]
pub struct IsoText {
    /// Longer than any, so that it can be copied in one piece.
    bytes: [u8; IsoText::ROOM_BYTES],
    length: usize,
}

impl IsoText {
    /// `2024-12-31T15:30:59.123456789+01:00`, and some more.
    const ROOM_BYTES: usize = 64;
    /// Most bytes that one has.
    pub const MAX_BYTES: usize = 35;

    pub const fn new() -> Self {
        IsoText {
            bytes: [0; Self::ROOM_BYTES],
            length: 0,
        }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The buffer that the text is at the start of.
    pub fn room(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn push_two_digits(&mut self, number: u32) {
        self.push(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
    }

    fn push_date(&mut self, year: u32, month: u32, day: u32) {
        self.push_two_digits(year / 100);
        self.push_two_digits(year);
        self.push(b"-");
        self.push_two_digits(month);
        self.push(b"-");
        self.push_two_digits(day);
    }
}

impl Default for IsoText {
    fn default() -> Self {
        Self::new()
    }
}

/// What was read of a text.
#[derive(Debug, Clone, Copy, Default)]
struct DateParts<'a> {
    year: u32,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    /// Index in [`WEEKDAYS`].
    weekday: Option<usize>,
    hour: u32,
    minute: u32,
    second: Option<u32>,
    is_afternoon: Option<bool>,
    fraction: &'a [u8],
    /// As it stands.
    zone: Option<&'a [u8]>,
    epoch: Option<i64>,
}

impl Pattern {
    /// Reads `text`; `iso` is written over.
    ///
    /// # Errors
    /// `Type` for a text that is not of this pattern, `Range` for one that names a day or a time that does not exist.
    pub fn read(&self, text: &[u8], iso: &mut IsoText) -> Result<(), CastError> {
        let mut parts = DateParts::default();
        let mut rest = text;
        for &item in &self.items {
            rest = parts.take(item, rest, self.pivot).ok_or(CastError::Type)?;
        }
        if !rest.is_empty() {
            return Err(CastError::Type);
        }
        iso.length = 0;
        parts.write(self.kind, iso)?;
        let written = iso.as_bytes();
        // The types without a pattern have the last word.
        match self.kind {
            PatternKind::Date => date(written),
            PatternKind::Time => time(written).map(|_| ()),
            PatternKind::DateTime => date_time(written).map(|_| ()),
        }
        .map_err(|_| CastError::Range)
    }
}

impl<'a> DateParts<'a> {
    /// Takes what stands at the start of `text`; returns the rest, or `None` if `item` does not stand there.
    #[inline]
    fn take(&mut self, item: Item, text: &'a [u8], pivot: u8) -> Option<&'a [u8]> {
        match item {
            Item::Byte(byte) => text
                .split_first()
                .filter(|(first, _)| **first == byte)
                .map(|(_, rest)| rest),
            Item::Number(DatePart::Fraction, least, most) => {
                let (digits, rest) = digits(text, least, most)?;
                self.fraction = digits;
                Some(rest)
            }
            Item::Number(part, least, most) => {
                let (digits, rest) = digits(text, least, most)?;
                self.set(part, number(digits), pivot);
                Some(rest)
            }
            Item::Padded(part) => {
                let (digits, rest) = match text.split_first()? {
                    (b' ', rest) => digits(rest, 1, 1)?,
                    _ => digits(text, 1, 2)?,
                };
                self.set(part, number(digits), pivot);
                Some(rest)
            }
            Item::Blanks => {
                let mut rest = text;
                while let length @ 1.. = blank_at_start(rest) {
                    rest = &rest[length..];
                }
                (rest.len() < text.len()).then_some(rest)
            }
            Item::MonthName => {
                let (index, rest) = name(text, &MONTHS)?;
                self.month = index as u32 + 1;
                Some(rest)
            }
            Item::WeekdayName => {
                let (index, rest) = name(text, &WEEKDAYS)?;
                self.weekday = Some(index);
                Some(rest)
            }
            Item::AmPm => self.take_half(text),
            Item::OptionalFraction => match text.split_first() {
                Some((b'.', digits_and_rest)) => {
                    let (digits, rest) = digits(digits_and_rest, 1, MAX_FRACTION_DIGITS)?;
                    self.fraction = digits;
                    Some(rest)
                }
                _ => Some(text),
            },
            Item::Epoch => self.take_epoch(text),
            Item::Zone => self.take_zone(text),
        }
    }

    #[inline]
    fn set(&mut self, part: DatePart, value: u32, pivot: u8) {
        match part {
            DatePart::Year => self.year = value,
            DatePart::YearOfCentury => self.year = value + if value < u32::from(pivot) { 2000 } else { 1900 },
            DatePart::Month => self.month = value,
            DatePart::Day => self.day = value,
            DatePart::DayOfYear => self.day_of_year = Some(value),
            DatePart::Hour | DatePart::HourOfHalf => self.hour = value,
            DatePart::Minute => self.minute = value,
            DatePart::Second => self.second = Some(value),
            // Its zeros count, so it is kept as digits.
            DatePart::Fraction => {}
        }
    }

    /// `AM`, `PM`, `a.m.`, `p.m.`, in any case.
    fn take_half(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (is_afternoon, rest) = match text {
            [b'a' | b'A', rest @ ..] => (false, rest),
            [b'p' | b'P', rest @ ..] => (true, rest),
            _ => return None,
        };
        self.is_afternoon = Some(is_afternoon);
        match rest {
            [b'm' | b'M', rest @ ..] | [b'.', b'm' | b'M', b'.', rest @ ..] => Some(rest),
            _ => None,
        }
    }

    fn take_epoch(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (is_before, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (digits, rest) = digits(text, 1, u8::MAX)?;
        let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
        let seconds = digits.iter().fold(0, add);
        self.epoch = Some(if is_before { -seconds } else { seconds });
        Some(rest)
    }

    fn take_zone(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let digit = |index: usize| text.get(index).is_some_and(u8::is_ascii_digit);
        let length = match text.first()? {
            b'Z' | b'z' => 1,
            b'+' | b'-' if !digit(1) || !digit(2) => return None,
            b'+' | b'-' if text.get(3) == Some(&b':') && digit(4) && digit(5) => 6,
            b'+' | b'-' if digit(3) && digit(4) => 5,
            b'+' | b'-' => 3,
            _ => return None,
        };
        let (zone, rest) = text.split_at(length);
        self.zone = Some(zone);
        Some(rest)
    }

    /// Writes what was read. Whether there is such a day, hour or zone is not looked at, where the result shows it.
    fn write(mut self, kind: PatternKind, iso: &mut IsoText) -> Result<(), CastError> {
        if let Some(seconds) = self.epoch {
            self.set_epoch(seconds)?;
        }
        if let Some(is_afternoon) = self.is_afternoon {
            if !(1..=12).contains(&self.hour) {
                return Err(CastError::Range);
            }
            self.hour = self.hour % 12 + if is_afternoon { 12 } else { 0 };
        }
        if kind != PatternKind::Time {
            self.find_day()?;
            iso.push_date(self.year, self.month, self.day);
        }
        if kind == PatternKind::Date {
            return Ok(());
        }
        if kind == PatternKind::DateTime {
            iso.push(b"T");
        }
        iso.push_two_digits(self.hour);
        iso.push(b":");
        iso.push_two_digits(self.minute);
        if let Some(second) = self.second {
            iso.push(b":");
            iso.push_two_digits(second);
        }
        if !self.fraction.is_empty() {
            iso.push(b".");
            iso.push(self.fraction);
        }
        match self.zone {
            None => {}
            Some([_]) => iso.push(b"Z"),
            Some(&[sign, a, b]) => iso.push(&[sign, a, b, b':', b'0', b'0']),
            Some(&[sign, a, b, c, d]) => iso.push(&[sign, a, b, b':', c, d]),
            Some(zone) => iso.push(zone),
        }
        Ok(())
    }

    /// Turns the day of the year into a day of a month, and compares the day of the week.
    fn find_day(&mut self) -> Result<(), CastError> {
        if let Some(day_of_year) = self.day_of_year {
            let is_leap = is_leap(self.year);
            let before = |month: usize| u32::from(DAYS_BEFORE[month]) + u32::from(is_leap && month > 1);
            let month = (1..=12)
                .find(|&month| day_of_year <= before(month))
                .ok_or(CastError::Range)?;
            self.month = month as u32;
            self.day = day_of_year.checked_sub(before(month - 1)).ok_or(CastError::Range)?;
        }
        match self.weekday {
            Some(weekday) if days_since_1970(self.year, self.month, self.day).rem_euclid(7) != weekday as i64 => {
                Err(CastError::Range)
            }
            _ => Ok(()),
        }
    }

    /// Source of the days: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    fn set_epoch(&mut self, seconds: i64) -> Result<(), CastError> {
        const DAY_SECONDS: i64 = 24 * 60 * 60;
        if !EPOCH_RANGE.contains(&seconds) {
            return Err(CastError::Range);
        }
        let second_of_day = seconds.rem_euclid(DAY_SECONDS) as u32;
        // From March of the year 0 on, so that the leap day is the last of a year.
        let days = seconds.div_euclid(DAY_SECONDS) + 719_468;
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        self.day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
        self.month = (month_from_march + if month_from_march < 10 { 3 } else { -9 }) as u32;
        let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(self.month <= 2);
        self.year = year as u32;
        self.hour = second_of_day / 3600;
        self.minute = second_of_day / 60 % 60;
        self.second = Some(second_of_day % 60);
        self.zone = Some(b"Z");
        Ok(())
    }
}

/// `least` to `most` digits at the start of `text`, as many as there are, and what follows them.
#[inline]
fn digits(text: &[u8], least: u8, most: u8) -> Option<(&[u8], &[u8])> {
    let most = usize::from(most).min(text.len());
    let count = text[..most].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count >= usize::from(least)).then(|| text.split_at(count))
}

/// The value of at most four digits.
#[inline]
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

/// The name at the start of `text`, whole or by its first letters: its index, and what follows it.
fn name<'a>(text: &'a [u8], names: &[&str]) -> Option<(usize, &'a [u8])> {
    let starts_with = |word: &str| {
        let start = text.get(..word.len())?;
        start.eq_ignore_ascii_case(word.as_bytes()).then(|| &text[word.len()..])
    };
    let index = names
        .iter()
        .position(|name| starts_with(&name[..SHORT_NAME_BYTES]).is_some())?;
    let rest = starts_with(names[index]).or_else(|| starts_with(&names[index][..SHORT_NAME_BYTES]))?;
    Some((index, rest))
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1970-01-01 to a date. Source: H. Hinnant, as above, `days_from_civil`.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let year = year - i64::from(month <= 2);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * 146_097 + day_of_era - 719_468
}
