//! About how many different values a column has, from a sample of its rows and little memory.
//!
//! Of the values in the sample those with the least hashes are kept, and how often each came: as good as a sample of the different values. How
//! many different values the rows have that are not in the sample is told by how many came only once. What is left in the end does not
//! depend on the order in which parts come. Pure.
//!
//! Sources: Z. Bar-Yossef et al., "Counting Distinct Elements in a Data Stream" (2002), §2; P. Haas and L. Stokes, "Estimating the Number
//! of Classes in a Finite Population" (1998), the estimator called Duj1.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The hash of what is to be counted is its own hash.
#[derive(Debug, Clone, Default)]
struct OwnHash(u64);

impl Hasher for OwnHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        // The highest bits of those that are kept are zeros.
        self.0 = hash.rotate_right(8);
    }
}

/// The values of a column in a sample of its rows.
#[derive(Debug, Clone)]
pub(super) struct DistinctValues {
    /// Fewer than this are left in the end.
    most: usize,
    /// Only hashes below this are kept.
    limit: u64,
    counts: HashMap<u64, u64, BuildHasherDefault<OwnHash>>,
    /// All values of the sample.
    values: u64,
}

impl DistinctValues {
    /// Memory for each value of `most`.
    pub(super) const BYTES: usize = 2 * 2 * (size_of::<(u64, u64)>() + 1);

    pub(super) fn new(most: usize) -> Self {
        DistinctValues {
            most,
            limit: u64::MAX,
            counts: HashMap::default(),
            values: 0,
        }
    }

    /// Adds a value by its hash, whose bits must be as good as random.
    #[inline]
    pub(super) fn see(&mut self, hash: u64) {
        self.values += 1;
        self.add(hash, 1);
    }

    #[inline]
    fn add(&mut self, hash: u64, count: u64) {
        if hash < self.limit {
            *self.counts.entry(hash).or_default() += count;
            if self.counts.len() >= 2 * self.most {
                self.keep_least();
            }
        }
    }

    /// Keeps the least hashes. Which those are in the end is the same however often that is done on the way.
    fn keep_least(&mut self) {
        if self.counts.len() < self.most {
            return;
        }
        let mut hashes: Vec<u64> = self.counts.keys().copied().collect();
        let (_, limit, _) = hashes.select_nth_unstable(self.most - 1);
        self.limit = *limit;
        self.counts.retain(|hash, _| *hash < *limit);
    }

    pub(super) fn merge(&mut self, other: &DistinctValues) {
        self.values += other.values;
        if other.limit < self.limit {
            self.limit = other.limit;
            self.counts.retain(|hash, _| *hash < other.limit);
        }
        other.counts.iter().for_each(|(hash, count)| self.add(*hash, *count));
    }

    /// How many different values a column of `values` values has, and whether that is no estimate.
    pub(super) fn estimate(&mut self, values: u64) -> (u64, bool) {
        self.keep_least();
        let kept = self.counts.len() as f64;
        let share_of_hashes = match self.limit {
            u64::MAX => 1.0,
            limit => limit as f64 / u64::MAX as f64,
        };
        let once = self.counts.values().filter(|count| **count == 1).count();
        let seen = self.counts.values().sum::<u64>() as f64;
        let estimate = if self.values >= values {
            kept / share_of_hashes
        } else if once == self.counts.len() {
            // None came twice.
            values as f64
        } else {
            let once = once as f64;
            let share_of_rows = self.values as f64 / values as f64;
            seen * kept / (seen - once + once * share_of_rows) / share_of_hashes
        };
        let is_exact = self.values >= values && self.limit == u64::MAX;
        // No estimate may be what cannot be.
        (
            (estimate.round() as u64).clamp(self.counts.len() as u64, values),
            is_exact,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    /// Values of which every `step`-th is counted.
    fn estimate(values: impl Iterator<Item = u64> + Clone, step: usize) -> (u64, bool) {
        let mut distinct = DistinctValues::new(800);
        values
            .clone()
            .step_by(step)
            .for_each(|value| distinct.see(xxh3_64(&value.to_le_bytes())));
        distinct.estimate(values.count() as u64)
    }

    #[test]
    fn few_are_counted_and_many_are_about_right() {
        assert_eq!(estimate((0..100_000).map(|index| index % 700), 1), (700, true));
        assert_eq!(estimate(0..0, 1), (0, true));
        for distinct in [1_000, 20_000, 90_000] {
            let (estimate, is_exact) = estimate((0..200_000).map(|index| index % distinct), 1);
            assert!(
                estimate.abs_diff(distinct) < distinct / 8 && !is_exact,
                "{estimate} for {distinct}"
            );
        }
    }

    #[test]
    fn from_a_sample_few_and_all_are_right_and_what_lies_between_is_near() {
        assert_eq!(estimate((0..640_000).map(|index| index * 7 / 3 % 50), 31).0, 50);
        assert_eq!(estimate(0..500_000, 31), (500_000, false));
        for distinct in [1_000_u64, 10_000, 100_000] {
            let random = (0..800_000_u64).map(|index| xxh3_64(&index.to_be_bytes()) % distinct);
            let (estimate, _) = estimate(random, 31);
            assert!(estimate.abs_diff(distinct) < distinct / 4, "{estimate} for {distinct}");
        }
    }

    #[test]
    fn parts_merge_in_any_order_into_the_whole() {
        let part = |values: std::ops::Range<u64>| {
            let mut part = DistinctValues::new(100);
            values.for_each(|value| part.see(xxh3_64(&(value % 900).to_le_bytes())));
            part
        };
        let mut whole = part(0..2400);
        let wanted = whole.estimate(50_000);
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let parts = [part(0..700), part(700..1900), part(1900..2400)];
            let mut merged = DistinctValues::new(100);
            order.iter().for_each(|&index| merged.merge(&parts[index]));
            assert_eq!(merged.estimate(50_000), wanted);
            assert_eq!(merged.counts, whole.counts);
        }
    }
}
