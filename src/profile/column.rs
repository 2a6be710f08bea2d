//! What the values of a column are like: counted in a chunk, and merged.
//!
//! Everything here merges in any order but the first value that is no number, for which the parts must come in input order. Nothing is
//! allocated for a value. Pure.

use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::few::FewValues;
use super::sketch::Sketch;
use super::value::{ProfileValue, TextStart};
use crate::schema::cast;

/// Types that texts may have all the same, as far as every value so far is of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suits {
    pub(super) date: bool,
    pub(super) time: bool,
    pub(super) date_time: bool,
}

impl Suits {
    const ALL: Suits = Suits {
        date: true,
        time: true,
        date_time: true,
    };

    fn see(&mut self, text: &[u8]) {
        self.date = self.date && cast::date(text).is_ok();
        self.time = self.time && cast::time(text).is_ok();
        self.date_time = self.date_time && cast::date_time(text).is_ok();
    }

    fn is_any(self) -> bool {
        self.date || self.time || self.date_time
    }

    fn merge(&mut self, other: Suits) {
        self.date &= other.date;
        self.time &= other.time;
        self.date_time &= other.date_time;
    }
}

/// A value, and which row of its chunk it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueOfRow {
    pub(super) row: u32,
    pub(super) value: TextStart,
}

/// What was seen of a column.
#[derive(Debug, Clone)]
pub(super) struct ColumnStats {
    pub(super) nulls: u64,
    pub(super) values: u64,
    pub(super) least: Option<ProfileValue>,
    pub(super) greatest: Option<ProfileValue>,
    /// The first bytes of both, if they are texts: enough for most comparisons.
    least_start: u64,
    greatest_start: u64,
    pub(super) longest_bytes: u64,
    pub(super) longest_chars: u64,
    pub(super) sketch: Sketch,
    pub(super) few: FewValues,
    /// How many texts are numbers, and the first that is not.
    pub(super) numbers: u64,
    pub(super) no_number: Option<ValueOfRow>,
    pub(super) suits: Suits,
}

impl Default for ColumnStats {
    fn default() -> Self {
        ColumnStats {
            nulls: 0,
            values: 0,
            least: None,
            greatest: None,
            least_start: u64::MAX,
            greatest_start: 0,
            longest_bytes: 0,
            longest_chars: 0,
            sketch: Sketch::default(),
            few: FewValues::default(),
            numbers: 0,
            no_number: None,
            suits: Suits::ALL,
        }
    }
}

/// A hash of a number by its bits: the last steps of SplitMix64, over one of no round bits.
#[inline]
fn hash_of_bits(bits: u64) -> u64 {
    let mut hash = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

/// The first bytes of a text, as a number of the same order; more bytes decide where two are equal.
#[inline]
fn start_of(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(start) => u64::from_be_bytes(*start),
        None => {
            let mut start = [0; 8];
            start[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(start)
        }
    }
}

/// How many characters a text has.
fn chars(text: &[u8]) -> u64 {
    // Every byte but those that go on with a character.
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

impl ColumnStats {
    /// What it takes beside itself, about.
    pub(super) const HEAP_BYTES: usize = Sketch::BYTES + FewValues::BYTES;

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.sketch.clear();
        self.few.clear();
        (self.nulls, self.values, self.numbers) = (0, 0, 0);
        (self.least, self.greatest, self.no_number) = (None, None, None);
        (self.least_start, self.greatest_start) = (u64::MAX, 0);
        (self.longest_bytes, self.longest_chars) = (0, 0);
        self.suits = Suits::ALL;
    }

    #[inline]
    pub(super) fn see_null(&mut self) {
        self.nulls += 1;
    }

    #[inline]
    pub(super) fn see_integer(&mut self, value: i64) {
        let hash = hash_of_bits(value as u64);
        self.see(hash, || ProfileValue::Integer(value));
        self.widen(ProfileValue::Integer(value));
    }

    #[inline]
    pub(super) fn see_real(&mut self, value: f64) {
        // The two zeros are one number.
        let value = value + 0.0;
        self.see(hash_of_bits(value.to_bits()), || ProfileValue::Real(value));
        self.widen(ProfileValue::Real(value));
    }

    /// `row`: that of the chunk which it is in. `is_kept`: the column keeps its values as they are written, and may hold anything.
    #[inline]
    pub(super) fn see_text(&mut self, text: &[u8], row: u32, is_kept: bool) {
        self.see(xxh3_64(text), || ProfileValue::Text(TextStart::of(text)));
        let start = start_of(text);
        if start <= self.least_start || start >= self.greatest_start {
            self.widen_by_text(text, start);
        }
        self.longest_bytes = self.longest_bytes.max(text.len() as u64);
        if text.len() as u64 > self.longest_chars {
            self.longest_chars = self.longest_chars.max(chars(text));
        }
        if is_kept {
            // No number begins with a letter, and most texts do.
            let may_be_number = !text.first().is_some_and(u8::is_ascii_alphabetic);
            match may_be_number && cast::usual_real(text).is_ok() {
                true => self.numbers += 1,
                false if self.no_number.is_none() => {
                    let value = TextStart::of(text);
                    self.no_number = Some(ValueOfRow { row, value });
                }
                false => {}
            }
            if self.suits.is_any() {
                self.suits.see(text);
            }
        }
    }

    #[inline]
    fn see(&mut self, hash: u64, value: impl FnOnce() -> ProfileValue) {
        self.values += 1;
        self.sketch.see(hash);
        self.few.see(hash, value);
    }

    /// Takes a number, or what was kept of a text, into the range of the values.
    #[inline]
    fn widen(&mut self, value: ProfileValue) {
        if self.least.is_none_or(|least| value.compare(&least) == Ordering::Less) {
            self.least = Some(value);
        }
        if self
            .greatest
            .is_none_or(|greatest| value.compare(&greatest) == Ordering::Greater)
        {
            self.greatest = Some(value);
        }
    }

    fn widen_by_text(&mut self, text: &[u8], start: u64) {
        let is_less = |kept: &ProfileValue| matches!(kept, ProfileValue::Text(kept) if kept.compare_to(text).is_gt());
        if self.least.as_ref().is_none_or(is_less) {
            self.least = Some(ProfileValue::Text(TextStart::of(text)));
            self.least_start = start;
        }
        let is_greater =
            |kept: &ProfileValue| matches!(kept, ProfileValue::Text(kept) if kept.compare_to(text).is_lt());
        if self.greatest.as_ref().is_none_or(is_greater) {
            self.greatest = Some(ProfileValue::Text(TextStart::of(text)));
            self.greatest_start = start;
        }
    }

    /// Adds what was seen right after this. The first value that is no number is only taken if none was known.
    pub(super) fn merge(&mut self, later: &ColumnStats) {
        self.nulls += later.nulls;
        self.values += later.values;
        let ends = [later.least, later.greatest];
        ends.into_iter().flatten().for_each(|value| self.widen(value));
        self.longest_bytes = self.longest_bytes.max(later.longest_bytes);
        self.longest_chars = self.longest_chars.max(later.longest_chars);
        if later.values > 0 {
            self.sketch.merge(&later.sketch);
        }
        self.few.merge(&later.few);
        self.numbers += later.numbers;
        self.no_number = self.no_number.or(later.no_number);
        self.suits.merge(later.suits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(texts: &[&str]) -> ColumnStats {
        let mut stats = ColumnStats::default();
        texts
            .iter()
            .zip(0..)
            .for_each(|(text, row)| stats.see_text(text.as_bytes(), row, true));
        stats
    }

    #[test]
    fn no_text_that_begins_with_a_letter_is_a_number() {
        for text in ["inf", "Infinity", "NaN", "nan", "e5", "E5", "x1", "i"] {
            assert!(cast::usual_real(text.as_bytes()).is_err(), "{text}");
        }
        let stats = stats(&["1", "inf", "-2.5", "+3", ".5", "a"]);
        assert_eq!((stats.numbers, stats.no_number.unwrap().row), (4, 1));
    }

    #[test]
    fn the_extent_is_that_of_whole_texts_even_where_they_begin_alike() {
        let long = "x".repeat(100);
        let texts = [
            "prefix-1",
            "prefix-10",
            "prefix-",
            &long,
            &long[..64],
            "",
            "prefix-0",
            "\u{10ffff}",
        ];
        for at in 0..texts.len() {
            let mut merged = stats(&texts[..at]);
            merged.merge(&stats(&texts[at..]));
            assert_eq!(merged.least.unwrap().to_string(), "");
            assert_eq!(merged.greatest.unwrap().to_string(), "\u{10ffff}");
            assert_eq!((merged.longest_bytes, merged.longest_chars), (100, 100));
        }
        let greatest = stats(&[&long[..64], &long]).greatest.unwrap();
        assert!(matches!(greatest, ProfileValue::Text(start) if start.is_cut()));
        let least = stats(&[&long, &long[..64]]).least.unwrap();
        assert!(matches!(least, ProfileValue::Text(start) if !start.is_cut()));
    }
}
