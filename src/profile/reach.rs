//! How far the values of a column reach: NULLs, the least, the greatest and the longest.
//!
//! Parts merge in any order. Nothing is allocated. Pure.

use crate::report::{ProfileValue, TextStart};
use crate::sqlite::format::{SeesValues, word_at};

/// The reach of a column's values.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Reach {
    // What is looked at for each value stands together.
    pub(super) nulls: u64,
    /// The first bytes of the least text and of the greatest: enough for most comparisons.
    least_start: u64,
    greatest_start: u64,
    pub(super) longest_chars: u64,
    /// The least and the greatest; the other way round as long as there is none.
    integers: (i64, i64),
    reals: (f64, f64),
    pub(super) values: u64,
    pub(super) longest_bytes: u64,
    least_text: Option<TextStart>,
    greatest_text: Option<TextStart>,
}

impl Default for Reach {
    fn default() -> Self {
        Reach {
            nulls: 0,
            values: 0,
            integers: (i64::MAX, i64::MIN),
            reals: (f64::INFINITY, f64::NEG_INFINITY),
            least_text: None,
            greatest_text: None,
            least_start: u64::MAX,
            greatest_start: 0,
            longest_bytes: 0,
            longest_chars: 0,
        }
    }
}

/// The first eight of a text's `length` bytes, as a number of the same order; more bytes decide where two are equal. `word`: these bytes, or
/// fewer and what follows them.
#[inline(always)]
fn start_of(word: u64, length: usize) -> u64 {
    /// The bits of so many bytes. Looked up, as no branch foresees how long the next text is.
    const STARTS: [u64; 16] = {
        let (mut starts, mut bytes) = ([u64::MAX; 16], 0);
        while bytes < 8 {
            starts[bytes] = !(u64::MAX >> (8 * bytes));
            bytes += 1;
        }
        starts
    };
    word & STARTS[length.min(8)]
}

/// How many characters a text has.
pub(super) fn chars(text: &[u8]) -> u64 {
    // Every byte but those that go on with a character.
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

impl SeesValues for Reach {
    #[inline(always)]
    fn see_null(&mut self) {
        self.nulls += 1;
    }

    #[inline(always)]
    fn see_integer(&mut self, value: i64) {
        self.integers = (self.integers.0.min(value), self.integers.1.max(value));
    }

    #[inline(always)]
    fn see_real(&mut self, value: f64) {
        // Not a number is none of the values of a table; `min` and `max` would look for it.
        let (least, greatest) = self.reals;
        self.reals = (
            if value < least { value } else { least },
            if value > greatest { value } else { greatest },
        );
    }

    #[inline(always)]
    fn see_text_at(&mut self, word: u64, bytes: &[u8], at: usize, length: usize) {
        let start = start_of(word, length);
        if start <= self.least_start || start >= self.greatest_start {
            self.widen_by_text(&bytes[at..at + length], start);
        }
        if length as u64 > self.longest_chars {
            self.see_long(&bytes[at..at + length]);
        }
    }
}

impl Reach {
    #[inline]
    pub(super) fn see_text(&mut self, text: &[u8]) {
        self.see_text_at(word_at(text, 0), text, 0, text.len());
    }

    /// Takes a row id, in whose place the record has a NULL.
    pub(super) fn see_row_id(&mut self, row_id: i64) {
        self.nulls -= 1;
        self.see_integer(row_id);
    }

    /// Says that `rows` rows were seen in all.
    pub(super) fn count_rows(&mut self, rows: u64) {
        self.values = rows - self.nulls;
    }

    /// Takes a text that may be the longest.
    #[cold]
    fn see_long(&mut self, text: &[u8]) {
        self.longest_bytes = self.longest_bytes.max(text.len() as u64);
        self.longest_chars = self.longest_chars.max(chars(text));
    }

    #[inline(never)]
    fn widen_by_text(&mut self, text: &[u8], start: u64) {
        if self
            .least_text
            .as_ref()
            .is_none_or(|least| least.compare_to(text).is_gt())
        {
            self.least_text = Some(TextStart::of(text));
            self.least_start = start;
        }
        let is_greatest = |greatest: &TextStart| greatest.compare_to(text).is_lt();
        if self.greatest_text.as_ref().is_none_or(is_greatest) {
            self.greatest_text = Some(TextStart::of(text));
            self.greatest_start = start;
        }
    }

    /// Adds what another part has.
    pub(super) fn merge(&mut self, other: &Reach) {
        self.nulls += other.nulls;
        self.values += other.values;
        let (own, others) = (self.integers, other.integers);
        self.integers = (own.0.min(others.0), own.1.max(others.1));
        let (own, others) = (self.reals, other.reals);
        self.reals = (own.0.min(others.0), own.1.max(others.1));
        if let (Some(least), Some(greatest)) = (other.least_text, other.greatest_text) {
            if self.least_text.is_none_or(|own| own.compare(&least).is_gt()) {
                (self.least_text, self.least_start) = (Some(least), other.least_start);
            }
            if self.greatest_text.is_none_or(|own| own.compare(&greatest).is_lt()) {
                (self.greatest_text, self.greatest_start) = (Some(greatest), other.greatest_start);
            }
        }
        self.longest_bytes = self.longest_bytes.max(other.longest_bytes);
        self.longest_chars = self.longest_chars.max(other.longest_chars);
    }

    /// The least value, as SQLite orders them: numbers before texts.
    pub(super) fn least(&self) -> Option<ProfileValue> {
        let text = self.least_text.map(ProfileValue::Text);
        self.numbers().map(|(least, _)| least).or(text)
    }

    /// The greatest.
    pub(super) fn greatest(&self) -> Option<ProfileValue> {
        let number = self.numbers().map(|(_, greatest)| greatest);
        self.greatest_text.map(ProfileValue::Text).or(number)
    }

    /// The least number and the greatest.
    fn numbers(&self) -> Option<(ProfileValue, ProfileValue)> {
        let ((first, last), (low, high)) = (self.integers, self.reals);
        let integers = (ProfileValue::Integer(first), ProfileValue::Integer(last));
        let reals = (ProfileValue::Real(low), ProfileValue::Real(high));
        match (first <= last, low <= high) {
            (true, false) => Some(integers),
            (false, true) => Some(reals),
            (true, true) => Some((
                if first as f64 <= low { integers.0 } else { reals.0 },
                if last as f64 >= high { integers.1 } else { reals.1 },
            )),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(texts: &[&str]) -> Reach {
        let mut reach = Reach::default();
        texts.iter().for_each(|text| reach.see_text(text.as_bytes()));
        reach.count_rows(texts.len() as u64);
        reach
    }

    #[test]
    fn the_reach_is_that_of_whole_texts_even_where_they_begin_alike() {
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
            let mut merged = reach(&texts[..at]);
            merged.merge(&reach(&texts[at..]));
            assert_eq!(merged.least().unwrap().to_string(), "");
            assert_eq!(merged.greatest().unwrap().to_string(), "\u{10ffff}");
            assert_eq!((merged.longest_bytes, merged.longest_chars), (100, 100));
        }
        let greatest = reach(&[&long[..64], &long]).greatest().unwrap();
        assert!(matches!(greatest, ProfileValue::Text(start) if start.is_cut()));
        let least = reach(&[&long, &long[..64]]).least().unwrap();
        assert!(matches!(least, ProfileValue::Text(start) if !start.is_cut()));
    }

    #[test]
    fn numbers_of_both_kinds_come_before_texts() {
        let mut reach = reach(&["b", "a"]);
        let ends = |reach: &Reach| {
            [reach.least(), reach.greatest()].map(|end| end.map_or("none".to_owned(), |end| end.to_string()))
        };
        assert_eq!(ends(&reach), ["a", "b"]);
        reach.see_integer(3);
        assert_eq!(ends(&reach), ["3", "b"]);
        let mut numbers = Reach::default();
        assert_eq!(ends(&numbers), ["none", "none"]);
        numbers.see_real(2.5);
        assert_eq!(ends(&numbers), ["2.5", "2.5"]);
        numbers.see_integer(-7);
        numbers.see_real(-6.5);
        assert_eq!(ends(&numbers), ["-7", "2.5"]);
    }
}
