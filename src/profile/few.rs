//! The values of a column, counted one by one, as long as there are only a few.

use crate::report::ProfileValue;

/// Most values that are counted one by one.
pub(super) const MOST_VALUES: usize = 20;

/// A few values and how often each came. What is in it when all parts are merged does not depend on their order: more than a few in any
/// part, or in all of them together, are too many.
#[derive(Debug, Clone, Default)]
pub(super) struct FewValues {
    are_too_many: bool,
    /// Beside the values, so that one is found without a look at the others.
    hashes: Vec<u64>,
    values: Vec<(ProfileValue, u64)>,
}

impl FewValues {
    /// Memory of as many values as there may be.
    pub(super) const BYTES: usize = MOST_VALUES * (size_of::<(ProfileValue, u64)>() + size_of::<u64>());

    pub(super) fn clear(&mut self) {
        self.are_too_many = false;
        self.hashes.clear();
        self.values.clear();
    }

    /// Adds a value with this hash.
    #[inline]
    pub(super) fn see(&mut self, hash: u64, value: impl FnOnce() -> ProfileValue) {
        if !self.are_too_many {
            self.add(hash, 1, value);
        }
    }

    fn add(&mut self, hash: u64, count: u64, value: impl FnOnce() -> ProfileValue) {
        if let Some(index) = self.hashes.iter().position(|known| *known == hash) {
            self.values[index].1 += count;
            return;
        }
        if self.hashes.len() < MOST_VALUES {
            self.hashes.push(hash);
            self.values.push((value(), count));
        } else {
            self.clear();
            self.are_too_many = true;
        }
    }

    pub(super) fn merge(&mut self, other: &FewValues) {
        if self.are_too_many || other.are_too_many {
            self.clear();
            self.are_too_many = true;
        }
        for (hash, (value, count)) in other.hashes.iter().zip(&other.values) {
            if !self.are_too_many {
                self.add(*hash, *count, || *value);
            }
        }
    }

    /// How many there are; `None` if there are too many.
    pub(super) fn distinct(&self) -> Option<u64> {
        (!self.are_too_many).then_some(self.values.len() as u64)
    }

    /// The values in their order; `None` if there are too many, or not all of one is kept.
    pub(super) fn in_order(&self) -> Option<Vec<(ProfileValue, u64)>> {
        let is_cut = |(value, _): &(ProfileValue, u64)| matches!(value, ProfileValue::Text(start) if start.is_cut());
        let mut values = self.values.clone();
        values.sort_by(|(own, _), (other, _)| own.compare(other));
        (!self.are_too_many && !values.iter().any(is_cut)).then_some(values)
    }
}
