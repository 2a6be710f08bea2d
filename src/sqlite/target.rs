//! The table that a load fills, as far as the ways into it need to know.

use crate::schema::repeats::RepeatPlan;
use crate::schema::shape::{Mark, TableShape};
use crate::schema::{Column, RowIds};

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
