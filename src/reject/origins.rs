//! From the number of a record in the load to its input, and back.

use crate::position::Position;
use crate::reject::FirstRecord;

/// How the record numbers of a load map to those of its inputs.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// For each input begun so far, how many records came before it.
    records_before: Vec<u64>,
}

impl Origins {
    /// The next input begins after `records` records.
    pub fn begin_input(&mut self, records: u64) {
        self.records_before.push(records);
    }

    /// The input and the record in it, 1-based, that is number `ordinal` of the load.
    pub fn record(&self, ordinal: u64) -> FirstRecord {
        let inputs = self.records_before.partition_point(|&before| before < ordinal);
        let file_index = inputs.saturating_sub(1);
        let before = self.records_before.get(file_index).copied().unwrap_or(0);
        FirstRecord::Record {
            file_index: file_index as u32,
            record: ordinal - before,
        }
    }

    /// The number in the load of the record at `position`.
    pub fn ordinal(&self, position: &Position) -> u64 {
        self.records_before
            .get(position.file_index as usize)
            .copied()
            .unwrap_or(0)
            + position.record
    }

    /// Where the row with `row_id` came from, when row ids are `base` plus the number of the record.
    pub fn first_record(&self, base: i64, row_id: i64) -> FirstRecord {
        match row_id.checked_sub(base) {
            Some(ordinal) if ordinal > 0 => self.record(ordinal as u64),
            _ => FirstRecord::Existing,
        }
    }
}
