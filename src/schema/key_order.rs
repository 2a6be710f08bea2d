//! Whether integer keys ascend: seen value by value, span by span, and put together in input order.

use serde::{Deserialize, Serialize};

/// Keys that break the order, per hundred, up to which integer keys still count as ascending: each break costs one suspect.
const ASCENDING_BREAKS_PERCENT: u64 = 5;

/// The order of the integers in the key column. A break is a value that is not greater than the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOrder {
    pub values: u64,
    pub breaks: u64,
    pub nulls: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl KeyOrder {
    pub(crate) fn see(&mut self, value: i64) {
        self.values += 1;
        self.breaks += u64::from(self.last.is_some_and(|last| value <= last));
        self.first = self.first.or(Some(value));
        self.last = Some(value);
    }

    /// Adds what was seen right after this.
    pub fn merge(&mut self, later: &KeyOrder) {
        self.values += later.values;
        self.nulls += later.nulls;
        self.breaks += later.breaks;
        self.breaks += u64::from(matches!((self.last, later.first), (Some(last), Some(first)) if first <= last));
        self.first = self.first.or(later.first);
        self.last = later.last.or(self.last);
    }

    /// Whether the keys ascend well enough, and are never NULL, to be row ids.
    pub fn ascends(&self) -> bool {
        self.values > 0 && self.nulls == 0 && self.breaks * 100 <= self.values * ASCENDING_BREAKS_PERCENT
    }
}
