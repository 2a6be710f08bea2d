//! The rows of an open transaction, to be put back if a later one rolls it back: `RAISE(ROLLBACK)` in a trigger, or a conflict
//! clause of a table that a trigger fills.
//!
//! Only tables for which that is possible pay for it: a copy of each row, and a commit whenever the copies fill a few megabytes, which
//! depends on the input alone.

use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::sqlite::RowOutcome;

/// Copies that are kept before the rows are committed.
const FULL_BYTES: usize = 4 << 20;

/// Copies of the rows that the table took since the last commit.
#[derive(Debug, Default)]
pub struct Redo {
    rows: Vec<Row>,
    records: Vec<u8>,
}

#[derive(Debug)]
struct Row {
    row_id: Option<i64>,
    ordinal: u64,
    end: usize,
}

impl Redo {
    /// Keeps a row.
    pub fn keep(&mut self, row_id: Option<i64>, ordinal: u64, record: &[u8]) {
        self.records.extend_from_slice(record);
        self.rows.push(Row {
            row_id,
            ordinal,
            end: self.records.len(),
        });
    }

    /// Whether so many rows are kept that they should be committed.
    pub fn is_full(&self) -> bool {
        self.records.len() + self.rows.len() * size_of::<Row>() >= FULL_BYTES
    }

    /// Forgets the rows: they are committed.
    pub fn forget(&mut self) {
        self.rows.clear();
        self.records.clear();
    }

    /// Hands over the row id, record number and record of each row, in order.
    ///
    /// # Errors
    /// Whatever `take` fails with.
    pub fn for_each(&self, mut take: impl FnMut(Option<i64>, u64, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut start = 0;
        for row in &self.rows {
            take(row.row_id, row.ordinal, &self.records[start..row.end])?;
            start = row.end;
        }
        Ok(())
    }

    /// The error for a row that the table took before and does not take again.
    pub fn refused_now(path: &Path, outcome: &RowOutcome) -> Error {
        let why = match outcome {
            RowOutcome::Refused { message } | RowOutcome::RolledBack { message } => message,
            _ => "it is a duplicate",
        };
        let message = format!(
            "a trigger rolled rows back, and the table does not take them again: {why}; what was committed is safe, so run the load again"
        );
        Error::new(ErrorKind::Database {
            path: path.to_owned(),
            message,
            source: None,
        })
    }
}
