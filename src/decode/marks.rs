//! How far packed bytes were read when so many bytes of what is in them had come: progress is told in packed bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most marks that are kept: where nobody asks for them, every second one goes, so that what is told is too little.
const MAX_MARKS: usize = 4096;

/// Pairs of offsets, in what was unpacked and in the packed bytes, that belong together.
#[derive(Debug, Default)]
pub struct Marks(Mutex<MarkList>);

#[derive(Debug, Default)]
struct MarkList {
    /// Those passed last, and all that come after it.
    passed: (u64, u64),
    ahead: VecDeque<(u64, u64)>,
}

impl Marks {
    fn list(&self) -> MutexGuard<'_, MarkList> {
        // The list is whole after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unpacking begins anew.
    pub fn clear(&self) {
        *self.list() = MarkList::default();
    }

    /// The first `unpacked_bytes` bytes came of the first `packed_bytes`.
    pub fn push(&self, unpacked_bytes: u64, packed_bytes: u64) {
        let ahead = &mut self.list().ahead;
        if ahead.len() >= MAX_MARKS {
            let mut is_kept = false;
            ahead.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        ahead.push_back((unpacked_bytes, packed_bytes));
    }

    /// How many packed bytes the first `unpacked_bytes` bytes came of, about. Asked for ascending offsets.
    pub fn packed_bytes(&self, unpacked_bytes: u64) -> u64 {
        let mut list = self.list();
        while let Some(&mark) = list.ahead.front().filter(|(unpacked, _)| *unpacked <= unpacked_bytes) {
            list.passed = mark;
            list.ahead.pop_front();
        }
        list.passed.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_passed_in_order_and_their_number_is_bounded() {
        let marks = Marks::default();
        for number in 1..100_000 {
            marks.push(number * 10, number);
        }
        assert!(marks.list().ahead.len() <= MAX_MARKS);
        let half = marks.packed_bytes(500_000);
        // Never more than is true: the older marks are, the fewer of them are left.
        assert!(half <= 50_000, "{half}");
        assert_eq!(marks.packed_bytes(400_000), half);
        assert_eq!(marks.packed_bytes(u64::MAX), 99_999);
        marks.clear();
        assert_eq!(marks.packed_bytes(u64::MAX), 0);
    }
}
