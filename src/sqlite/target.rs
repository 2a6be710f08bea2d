//! The table that a load fills, as far as the ways into it need to know.

use crate::error::Error;
use crate::option_name::{FORGET, SAME_LOAD};
use crate::schema::repeats::RepeatPlan;
use crate::schema::shape::{Mark, TableShape};
use crate::schema::table_info::TableInfo;
use crate::schema::{Column, RowIds};
use crate::sqlite::database::Database;

/// The table that is filled.
#[derive(Debug, Clone, Copy)]
pub struct TargetTable<'a> {
    pub table: &'a str,
    /// The columns that are filled.
    pub columns: &'a [Column],
    /// Index in `columns` of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<usize>,
    /// Indices in `columns` of the load's key.
    pub key_columns: &'a [usize],
    pub row_ids: RowIds,
    /// What becomes of rows that repeat the key.
    pub repeats: &'a RepeatPlan,
    /// The table that the plan was made for, if it may have been changed since.
    pub shape: Option<&'a TableShape>,
    /// The mark by which it is recognized, once this load has committed rows to it.
    pub mark: Option<Mark>,
}

impl TargetTable<'_> {
    /// Checks that the table, which is now as `info` says, is the one into which this load has committed rows, if it has.
    ///
    /// # Errors
    /// `Schema` when it is another one, or those rows are gone; `Database`.
    pub fn check_mark(&self, database: &Database, info: &TableInfo) -> Result<(), Error> {
        match self.mark.filter(|mark| mark.root_page != info.root_page) {
            Some(mark) if !database.has_mark(info, mark)? => Err(Error::schema(format!(
                "table \"{}\" is not the one that this load put rows into, or its rows were removed: the schema was changed, and the \
                 last row that was committed is gone. Put the table back (it may have been renamed) and run the {SAME_LOAD} again to \
                 go on, or give the load up with {FORGET}",
                self.table
            ))),
            _ => Ok(()),
        }
    }
}
