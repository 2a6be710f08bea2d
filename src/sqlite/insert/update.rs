//! What the SQL path does with a row whose key another row has: where it was asked for, that row takes the values.
//!
//! It is changed, not replaced: it keeps its row id, and rows that refer to it keep what they refer to. Where a trigger deletes rows that
//! are replaced, it does not run.

use std::ffi::c_int;

use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::repeats::RepeatPlan;
use crate::schema::table_info::{TableColumn, TableInfo};
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::defaults;
use crate::sqlite::format::RecordValue;
use crate::sqlite::statement::{Statement, StatementFailure};

/// What becomes of rows that repeat the load's key.
#[derive(Debug)]
pub(super) enum Repeated<'d> {
    /// They are refused.
    Reject,
    /// They are passed over.
    Skip,
    /// The row that has the key is changed.
    Update(RowUpdate<'d>),
}

/// Changes the row that has a key.
#[derive(Debug)]
pub(super) struct RowUpdate<'d> {
    update: Statement<'d>,
    sql: String,
    /// Indices of the values that are bound, among those of a row.
    bound: Vec<usize>,
}

impl<'d> Repeated<'d> {
    /// What is planned for `target`.
    ///
    /// # Errors
    /// `Database`.
    pub(super) fn planned(database: &'d Database, info: &TableInfo, target: &TargetTable<'_>) -> Result<Self, Error> {
        Ok(match target.repeats {
            RepeatPlan::Reject => Repeated::Reject,
            RepeatPlan::Skip => Repeated::Skip,
            RepeatPlan::Update { columns, resets_others } => {
                let others = match resets_others {
                    true => reset_others(database, info, target)?,
                    false => Vec::new(),
                };
                Repeated::Update(RowUpdate::new(database, info, target, (columns, &others))?)
            }
        })
    }
}

impl<'d> RowUpdate<'d> {
    /// An UPDATE of the `updated` columns, and of others as `others` says.
    fn new(
        database: &'d Database,
        info: &TableInfo,
        target: &TargetTable<'_>,
        (updated, others): (&[usize], &[String]),
    ) -> Result<Self, Error> {
        // If there is nothing to change, triggers still learn of the record.
        let bound = match updated.is_empty() && others.is_empty() {
            true => target.key_columns,
            false => updated,
        };
        let is_parameter = |&index: &usize| format!("{} = ?", quote(&target.columns[index].name));
        let set: Vec<String> = bound.iter().map(is_parameter).chain(others.iter().cloned()).collect();
        let key: Vec<String> = target.key_columns.iter().map(is_parameter).collect();
        // As in INSERTs: it overrules the table's ON CONFLICT clauses, and would those of triggers.
        let or_abort = if info.has_triggers { "" } else { "OR ABORT " };
        let sql = format!(
            "UPDATE {or_abort}main.{} SET {} WHERE {}",
            quote(&info.name),
            set.join(", "),
            key.join(" AND ")
        );
        Ok(RowUpdate {
            update: Statement::new(database, &sql)?,
            sql,
            bound: bound.iter().chain(target.key_columns).copied().collect(),
        })
    }

    /// Gives the row that has the key of the row `record` the values of that, which are `values`.
    pub(super) fn take(&mut self, values: &[RecordValue], record: &[u8]) -> Result<(), StatementFailure> {
        for (place, &index) in self.bound.iter().enumerate() {
            self.update.bind(place as c_int + 1, values[index], record);
        }
        self.update.step().map(|_| ())
    }

    /// Checks that the statement can still be prepared.
    ///
    /// # Errors
    /// `Database` with what others changed.
    pub(super) fn check(&self, database: &Database) -> Result<(), Error> {
        Statement::new(database, &self.sql).map(|_| ())
    }
}

/// Assignments of their defaults to the columns that the load does not fill.
fn reset_others(database: &Database, info: &TableInfo, target: &TargetTable<'_>) -> Result<Vec<String>, Error> {
    let is_filled = |name: &str| {
        target
            .columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let others = info.columns.iter().enumerate();
    let others = others
        .filter(|(index, column)| !column.generated && !is_filled(&column.name) && info.row_id_column != Some(*index));
    let reset = |(_, column): (usize, &TableColumn)| {
        let default = defaults::expression(database, &info.name, &column.name)?;
        Ok(format!("{} = {default}", quote(&column.name)))
    };
    others.map(reset).collect()
}
