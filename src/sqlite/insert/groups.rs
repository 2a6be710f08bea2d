//! Several rows with one INSERT, where that makes no difference to the table.

use rusqlite::ffi;

use super::{ParameterLayout, RowIdPlace};
use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::table_info::{TableInfo, row_id_alias};
use crate::sqlite::database::Database;
use crate::sqlite::statement::Statement;

/// Most rows of one INSERT: more would be no faster, and a group that is refused goes in a second time, row by row.
const GROUP_ROWS: usize = 64;
/// Most values of one INSERT: 64 rows of 8 columns and a row id. Wider rows gain little, and a refused group costs more.
const GROUP_VALUES: usize = 576;

/// INSERTs of several rows each.
#[derive(Debug)]
pub(super) struct GroupInserts<'d> {
    pub(super) rows: usize,
    pub(super) with_ids: Group<'d>,
    /// Whether the row ids are left to SQLite, which then appends and need not search the table for each.
    pub(super) appending: Option<Group<'d>>,
    /// Greatest row id of the table, as of this transaction; a group's ids must be above it. Others would touch pages all over the table,
    /// which SQLite copies first so that it can undo the statement.
    pub(super) last_row_id: Option<i64>,
    /// Finds that row id; `None` if SQLite numbers the rows.
    pub(super) greatest: Option<Statement<'d>>,
}

/// One INSERT of several rows, prepared when the first group is full: a small load never needs it.
#[derive(Debug)]
pub(super) struct Group<'d> {
    pub(super) sql: String,
    pub(super) layout: ParameterLayout,
    pub(super) insert: Option<Statement<'d>>,
}

impl<'d> GroupInserts<'d> {
    /// `None` if rows of one statement are not treated as those of several are: foreign keys are checked when a statement ends, and
    /// triggers see the rows that came before. With an index every row touches a page of its own, which SQLite copies first so that it can
    /// undo the statement: that is slower than row by row.
    pub(super) fn new(
        database: &'d Database,
        info: &TableInfo,
        names: &[String],
        layout: ParameterLayout,
    ) -> Result<Option<Self>, Error> {
        let alone = info.has_triggers || (info.foreign_keys > 0) || info.has_indexes;
        let most_values = GROUP_VALUES.min(parameter_limit(database));
        let rows = GROUP_ROWS.min(most_values / names.len().max(1));
        if alone || info.without_rowid || rows < 2 {
            return Ok(None);
        }
        // AUTOINCREMENT chooses row ids in its own way.
        let left_out = match layout.row_id {
            RowIdPlace::First => Some((0, RowIdPlace::Nowhere)),
            RowIdPlace::Column(index) => Some((index, RowIdPlace::LeftOut(index))),
            RowIdPlace::Nowhere | RowIdPlace::LeftOut(_) => None,
        };
        let left_out = left_out.filter(|_| names.len() > 1 && !info.may_autoincrement);
        let group = |names: &[String], row_id| Group {
            sql: insert_sql(info, names, rows),
            layout: ParameterLayout { row_id },
            insert: None,
        };
        let appending = left_out.map(|(place, row_id)| {
            let mut names = names.to_vec();
            names.remove(place);
            group(&names, row_id)
        });
        // Asks for a row, so that a table without rows differs from one whose greatest row id is 0.
        let greatest = |alias| {
            let table = quote(&info.name);
            Statement::new(
                database,
                &format!("SELECT {alias} FROM {table} ORDER BY {alias} DESC LIMIT 1"),
            )
        };
        let alias = row_id_alias(&info.columns).filter(|_| layout.row_id != RowIdPlace::Nowhere);
        Ok(Some(GroupInserts {
            rows,
            with_ids: group(names, layout.row_id),
            appending,
            last_row_id: info.max_row_id,
            greatest: alias.map(greatest).transpose()?,
        }))
    }
}

/// Most parameters of one statement.
fn parameter_limit(database: &Database) -> usize {
    // SAFETY: the connection is open; a limit of -1 reads it and changes nothing.
    let limit = unsafe {
        let handle = database.connection().handle();
        ffi::sqlite3_limit(handle, ffi::SQLITE_LIMIT_VARIABLE_NUMBER, -1)
    };
    usize::try_from(limit).unwrap_or(0)
}

/// The INSERT of `row_count` rows into the columns `names`.
///
/// OR ABORT overrules the table's ON CONFLICT clauses, which would drop or replace rows unseen. It would also overrule those within
/// triggers, which are none of our business: with triggers it is left out.
pub(super) fn insert_sql(info: &TableInfo, names: &[String], row_count: usize) -> String {
    let row = format!("({})", vec!["?"; names.len()].join(","));
    let rows = vec![row; row_count].join(",");
    let or_abort = if info.has_triggers { "" } else { "OR ABORT " };
    let (table, names) = (quote(&info.name), names.join(","));
    format!("INSERT {or_abort}INTO {table}({names}) VALUES {rows}")
}
