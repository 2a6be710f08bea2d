//! Whether any of many numbers comes twice, in bounded memory: they are sorted as the entries of an index are.

use std::path::Path;
use std::sync::Arc;

use rayon::ThreadPool;

use crate::error::Error;
use crate::sqlite::direct::index::entries::SortedPart;
use crate::sqlite::direct::index::key::KeyColumns;
use crate::sqlite::direct::index::sort::Sorter;

/// Takes numbers of 128 bits in any order.
#[derive(Debug)]
pub struct RepeatFinder<'p> {
    sorter: Sorter<'p>,
}

/// What is left of a part once its own numbers are compared.
struct LookedThrough {
    first: Option<(u64, i64)>,
    last: Option<(u64, i64)>,
    has_repeat: bool,
}

impl LookedThrough {
    fn of(part: SortedPart<'_>) -> Self {
        let mut looked = LookedThrough {
            first: None,
            last: None,
            has_repeat: false,
        };
        for entry in part.entries() {
            let number = Some((entry.prefix, entry.row_id));
            looked.has_repeat |= looked.last == number;
            looked.last = number;
            looked.first = looked.first.or(number);
        }
        looked
    }
}

impl<'p> RepeatFinder<'p> {
    /// In `memory_bytes`; what does not fit goes into a file without a name in `folder`.
    pub fn new(pool: &'p ThreadPool, memory_bytes: u64, folder: &Path) -> Self {
        RepeatFinder {
            sorter: Sorter::new(pool, Arc::new(KeyColumns::integer()), memory_bytes, folder),
        }
    }

    /// # Errors
    /// `Io` when the temporary file cannot be made or written.
    #[inline]
    pub fn push(&mut self, number: u128) -> Result<(), Error> {
        self.sorter.push_pair((number >> 64) as i64, number as i64)
    }

    /// Whether one came twice.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be written or read.
    pub fn has_repeat(self, memory_bytes: u64) -> Result<bool, Error> {
        let sorted = self.sorter.finish(memory_bytes)?;
        let (mut last, mut has_repeat) = (None, false);
        sorted.for_each_part(LookedThrough::of, |part| {
            has_repeat |= part.has_repeat || (last.is_some() && last == part.first);
            last = part.last.or(last);
            Ok(())
        })?;
        Ok(has_repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::WorkerPool;
    use proptest::prelude::*;

    fn has_repeat(numbers: &[u128]) -> bool {
        let pool = WorkerPool::new(2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut finder = RepeatFinder::new(&pool, 0, folder.path());
        numbers.iter().for_each(|&number| finder.push(number).unwrap());
        finder.has_repeat(1 << 20).unwrap()
    }

    proptest! {
        #[test]
        fn a_repeat_is_found_wherever_it_is(mut numbers in prop::collection::hash_set(any::<u128>(), 2..300), at in any::<prop::sample::Index>()) {
            numbers.extend([0, u128::MAX, 1 << 64, 1]);
            let mut numbers: Vec<u128> = numbers.into_iter().collect();
            prop_assert!(!has_repeat(&numbers));
            let again = numbers[at.index(numbers.len())];
            numbers.push(again);
            prop_assert!(has_repeat(&numbers));
        }
    }

    #[test]
    fn numbers_that_do_not_fit_into_memory_are_compared_in_a_file() {
        // Each buffer holds a few thousand.
        let numbers = |count: u128| (0..count).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        let mut many: Vec<u128> = numbers(100_000).collect();
        assert!(!has_repeat(&many));
        many.push(many[50_000]);
        assert!(has_repeat(&many));
    }
}
