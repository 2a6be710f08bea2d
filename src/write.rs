//! Batches of rows into SQLite, by either of two paths that give the same table.

pub mod batch;
pub mod checkpoint;
pub mod consumed;
pub mod database;
mod describe;
pub mod descriptor;
pub mod destination;
pub mod direct;
mod file_object;
pub mod finished;
mod given_ids;
pub mod held;
pub mod index;
pub mod index_key;
pub mod index_pages;
pub mod lock;
pub mod once;
mod orphans;
pub mod own_table;
pub mod page_file;
pub mod pages;
pub mod prefix_set;
pub mod preview;
pub mod publish;
pub mod redo;
mod roots;
pub mod row_origins;
pub mod sort;
pub mod sql;
pub mod sql_text;
mod statement;
pub mod undo;

use std::sync::Arc;

use crate::position::Position;
use crate::reject::{FirstRecord, RejectReason};

/// What became of a row that was handed to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// With its row id; 0 in a table without them.
    Inserted { row_id: i64 },
    /// What must be unique is in the table already: the row that has it, if that can be told, and the names of its columns.
    Duplicate { row_id: Option<i64>, columns: Arc<str> },
    /// The table's own constraints refuse the row; SQLite's message. Nothing of it is left.
    Refused { message: Box<str> },
    /// A trigger left the row out. What else it did stays.
    Ignored,
    /// The row refers to one that is not there, which is no fault before the end. Nothing of it is left.
    Waits,
    /// The table refuses the row, and with it all that was done since the transaction began; SQLite's message.
    RolledBack { message: Box<str> },
}

impl RowOutcome {
    /// Why the table refused the row, in its own words.
    pub fn refusal(&self) -> RejectReason {
        let message = match self {
            RowOutcome::Refused { message } | RowOutcome::RolledBack { message } => message.clone(),
            RowOutcome::Ignored => "a trigger of the table ignored the row".into(),
            RowOutcome::Inserted { .. } | RowOutcome::Duplicate { .. } | RowOutcome::Waits => {
                "FOREIGN KEY constraint failed".into()
            }
        };
        RejectReason::ConstraintFailed { message }
    }
}

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
