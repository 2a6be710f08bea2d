//! What became of a row that was handed to the database.

use std::sync::Arc;

use crate::reject::RejectReason;

/// What became of a row that was handed to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// It is in the table, with this row id; 0 in a table without row ids.
    Inserted { row_id: i64 },
    /// A row with its key is in the table, and has taken its values.
    Updated,
    /// A row with its key is in the table, and it is passed over.
    Skipped,
    /// A value that must be unique is in the table already: the row that has it, if known, and the names of its columns.
    Duplicate { row_id: Option<i64>, columns: Arc<str> },
    /// The table's own constraints refuse the row, with SQLite's message. Nothing of it is left.
    Refused { message: Box<str> },
    /// A trigger left the row out. Whatever else the trigger did stays.
    Ignored,
    /// The row refers to one that is not there, which is not an error until the end. Nothing of it is left.
    Waits,
    /// The table refuses the row and undoes all that was done since the transaction began, with SQLite's message.
    RolledBack { message: Box<str> },
}

impl RowOutcome {
    /// Why the table refused the row, in its own words.
    pub fn refusal(&self) -> RejectReason {
        let message = match self {
            RowOutcome::Refused { message } | RowOutcome::RolledBack { message } => message.clone(),
            RowOutcome::Ignored => "a trigger of the table ignored the row".into(),
            RowOutcome::Inserted { .. }
            | RowOutcome::Updated
            | RowOutcome::Skipped
            | RowOutcome::Duplicate { .. }
            | RowOutcome::Waits => "FOREIGN KEY constraint failed".into(),
        };
        RejectReason::ConstraintFailed { message }
    }
}
