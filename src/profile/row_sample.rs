//! A few rows of all, each as likely as any other: those whose numbers have the least hashes.
//!
//! Which they are in the end depends on the rows' numbers alone. Pure.

/// What is kept of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SampledValue {
    Null,
    Number(f64),
    /// A text of so many characters.
    Text(u64),
    /// A text of so many characters that is a date, or a date with a time, so many seconds after the beginning of 1970.
    Moment(i64, u8),
}

/// The rows.
#[derive(Debug, Clone)]
pub(super) struct RowSample {
    columns: usize,
    /// Fewer than this are left in the end.
    most: usize,
    /// Only rows with hashes below this are kept.
    limit: u64,
    /// The hash of each row.
    hashes: Vec<u64>,
    /// Their values, row by row.
    values: Vec<SampledValue>,
}

impl RowSample {
    /// Memory for each value of `most` rows.
    pub(super) const BYTES: usize = 2 * size_of::<SampledValue>();

    pub(super) fn new(columns: usize, most: usize) -> Self {
        RowSample {
            columns,
            most,
            limit: u64::MAX,
            hashes: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Rows with hashes from this on are not wanted.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Adds a row, if it is wanted.
    pub(super) fn see(&mut self, hash: u64, values: &[SampledValue]) {
        if hash >= self.limit {
            return;
        }
        self.hashes.push(hash);
        self.values.extend_from_slice(values);
        if self.hashes.len() >= 2 * self.most {
            self.keep_least();
        }
    }

    /// Keeps the rows with the least hashes. Which those are in the end is the same however often that is done on the way.
    pub(super) fn keep_least(&mut self) {
        if self.hashes.len() < self.most {
            return;
        }
        let mut sorted = self.hashes.clone();
        let (_, limit, _) = sorted.select_nth_unstable(self.most - 1);
        self.limit = *limit;
        let mut kept = 0;
        for row in 0..self.hashes.len() {
            if self.hashes[row] < self.limit {
                self.hashes[kept] = self.hashes[row];
                let start = row * self.columns;
                self.values
                    .copy_within(start..start + self.columns, kept * self.columns);
                kept += 1;
            }
        }
        self.hashes.truncate(kept);
        self.values.truncate(kept * self.columns);
    }

    pub(super) fn merge(&mut self, other: &RowSample) {
        self.limit = self.limit.min(other.limit);
        for (row, &hash) in other.hashes.iter().enumerate() {
            self.see(hash, &other.values[row * self.columns..(row + 1) * self.columns]);
        }
        // A lower limit may leave fewer of its own.
        let rows = std::mem::take(&mut self.hashes);
        let values = std::mem::take(&mut self.values);
        for (row, &hash) in rows.iter().enumerate() {
            self.see(hash, &values[row * self.columns..(row + 1) * self.columns]);
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// The values of a column.
    pub(super) fn of_column(&self, column: usize) -> impl Iterator<Item = SampledValue> + Clone {
        self.values.iter().skip(column).step_by(self.columns.max(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn sample(rows: std::ops::Range<u64>) -> RowSample {
        let mut sample = RowSample::new(2, 50);
        for row in rows {
            sample.see(
                xxh3_64(&row.to_le_bytes()),
                &[SampledValue::Number(row as f64), SampledValue::Text(row)],
            );
        }
        sample
    }

    fn sorted(sample: &RowSample) -> Vec<String> {
        let pairs = sample.of_column(0).zip(sample.of_column(1));
        let mut rows: Vec<String> = pairs.map(|pair| format!("{pair:?}")).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn the_same_rows_are_left_whatever_the_order() {
        let mut whole = sample(0..3000);
        whole.keep_least();
        assert_eq!((whole.rows(), sorted(&whole).len()), (49, 49));
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let parts = [sample(0..20), sample(20..900), sample(900..3000)];
            let mut merged = RowSample::new(2, 50);
            order.iter().for_each(|&index| merged.merge(&parts[index]));
            merged.keep_least();
            assert_eq!(sorted(&merged), sorted(&whole));
        }
        assert_eq!(sample(0..49).rows(), 49);
    }
}
