//! Batches of rows into SQLite, by either of two paths that give the same table.

pub mod database;
pub mod direct;
pub mod index;
pub mod pages;
pub mod sql;

/// What became of a row that was handed to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    Inserted,
    /// The key is in the table already, in the row with this row id.
    Duplicate { row_id: i64 },
    /// The table's own constraints refuse the row; SQLite's message.
    Refused { message: Box<str> },
}
