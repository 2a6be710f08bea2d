//! What the values of a column are like: counted in a chunk, and merged.
//!
//! Everything here merges in any order but the first value that is no number, for which the parts must come in input order. Nothing is
//! allocated for a value. Pure.

use xxhash_rust::xxh3::xxh3_64;

use super::few::FewValues;
use super::hash_of_bits;
use super::reach::Reach;
use super::sketch::Sketch;
use crate::report::{ProfileValue, TextStart};
use crate::schema::cast;
use crate::sqlite::format::SeesValues;

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
    pub(super) reach: Reach,
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
            reach: Reach::default(),
            sketch: Sketch::default(),
            few: FewValues::default(),
            numbers: 0,
            no_number: None,
            suits: Suits::ALL,
        }
    }
}

impl ColumnStats {
    /// What it takes beside itself, about.
    pub(super) const HEAP_BYTES: usize = Sketch::BYTES + FewValues::BYTES;

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.sketch.clear();
        self.few.clear();
        self.reach = Reach::default();
        (self.numbers, self.no_number) = (0, None);
        self.suits = Suits::ALL;
    }

    #[inline]
    pub(super) fn see_null(&mut self) {
        self.reach.see_null();
    }

    #[inline]
    pub(super) fn see_integer(&mut self, value: i64) {
        let hash = hash_of_bits(value as u64);
        self.see(hash, || ProfileValue::Integer(value));
        self.reach.see_integer(value);
    }

    #[inline]
    pub(super) fn see_real(&mut self, value: f64) {
        // The two zeros are one number.
        let value = value + 0.0;
        self.see(hash_of_bits(value.to_bits()), || ProfileValue::Real(value));
        self.reach.see_real(value);
    }

    /// `row`: that of the chunk which it is in. `is_kept`: the column keeps its values as they are written, and may hold anything.
    #[inline]
    pub(super) fn see_text(&mut self, text: &[u8], row: u32, is_kept: bool) {
        self.see(xxh3_64(text), || ProfileValue::Text(TextStart::of(text)));
        self.reach.see_text(text);
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
        self.reach.values += 1;
        self.sketch.see(hash);
        self.few.see(hash, value);
    }

    /// Adds what was seen right after this. The first value that is no number is only taken if none was known.
    pub(super) fn merge(&mut self, later: &ColumnStats) {
        self.reach.merge(&later.reach);
        if later.reach.values > 0 {
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
}
