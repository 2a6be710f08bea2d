//! Several rows with one INSERT, where that makes no difference to the table.
//!
//! Where a table has indexes, every row touches a page of its own, which SQLite copies first if it may have to undo the statement. There the
//! statement says OR FAIL: the rows before the one that is refused stay, and nothing is copied.

use rusqlite::ffi;

use super::{ParameterLayout, RowIdPlace};
use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::table_info::{TableInfo, row_id_alias};
use crate::sqlite::database::Database;
use crate::sqlite::format::RecordValue;
use crate::sqlite::statement::{Statement, database_failure, unusual_step};

/// Most rows of one INSERT: more would be no faster, and a group that is refused goes in a second time, row by row.
pub(super) const GROUP_ROWS: usize = 64;
/// Most values of one INSERT: 64 rows of 8 columns and a row id. Wider rows gain little, and a refused group costs more.
const GROUP_VALUES: usize = 576;

/// What SQLite does for an INSERT of several rows that have indexes, and of which none can fail but for a constraint: no step computes
/// anything from values. Source: <https://sqlite.org/opcode.html>.
const STEPS_WITH_INDEXES: [&str; 23] = [
    "Init",
    "Transaction",
    "Goto",
    "InitCoroutine",
    "Variable",
    "Yield",
    "EndCoroutine",
    "OpenWrite",
    "NewRowid",
    "MustBeInt",
    "NotNull",
    "SoftNull",
    "HaltIfNull",
    "NotExists",
    "Affinity",
    "SCopy",
    "IntCopy",
    "Copy",
    "MakeRecord",
    "NoConflict",
    "IdxInsert",
    "Insert",
    "Halt",
];

/// What became of a group of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupOutcome {
    /// So many of the first are in.
    pub inserted: usize,
    /// So many after those are to go in one by one.
    pub alone: usize,
}

impl GroupOutcome {
    /// None of the `rows` is in.
    pub fn alone(rows: usize) -> GroupOutcome {
        GroupOutcome {
            inserted: 0,
            alone: rows,
        }
    }
}

/// INSERTs of several rows each.
#[derive(Debug)]
pub(super) struct GroupInserts<'d> {
    pub(super) rows: usize,
    /// The rows before one that is refused stay.
    keeps_first: bool,
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
    /// triggers see the rows that came before. With indexes also if something else than a constraint may refuse a row: SQLite would not say
    /// how many rows are in.
    pub(super) fn new(
        database: &'d Database,
        info: &TableInfo,
        names: &[String],
        layout: ParameterLayout,
    ) -> Result<Option<Self>, Error> {
        let alone = info.has_triggers || info.foreign_keys > 0;
        let most_values = GROUP_VALUES.min(parameter_limit(database));
        let rows = GROUP_ROWS.min(most_values / names.len().max(1));
        if alone || info.without_rowid || rows < 2 {
            return Ok(None);
        }
        let keeps_first = info.has_indexes;
        if keeps_first {
            let insert = or_fail(&insert_sql(info, names, 2));
            let is_plain = |name: &str, _| STEPS_WITH_INDEXES.contains(&name);
            let unusual = unusual_step(database.connection(), &insert, is_plain);
            if unusual.map_err(|error| database.fail(error))?.is_some() {
                return Ok(None);
            }
        }
        // AUTOINCREMENT chooses row ids in its own way.
        let left_out = match layout.row_id {
            RowIdPlace::First => Some((0, RowIdPlace::Nowhere)),
            RowIdPlace::Column(index) => Some((index, RowIdPlace::LeftOut(index))),
            RowIdPlace::Nowhere | RowIdPlace::LeftOut(_) => None,
        };
        let left_out = left_out.filter(|_| names.len() > 1 && !info.may_autoincrement);
        let sql = |names: &[String]| match keeps_first {
            false => insert_sql(info, names, rows),
            true => or_fail(&insert_sql(info, names, rows)),
        };
        let group = |names: &[String], row_id| Group {
            sql: sql(names),
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
            keeps_first,
            with_ids: group(names, layout.row_id),
            appending,
            last_row_id: info.max_row_id,
            greatest: alias.map(greatest).transpose()?,
        }))
    }

    /// Inserts `rows`, or as many of them as go in together, and appends their row ids to `ids`; `values` is reused.
    ///
    /// # Errors
    /// As [`SqlWriter::insert`](super::SqlWriter::insert).
    pub(super) fn insert<'r>(
        &mut self,
        database: &'d Database,
        values: &mut Vec<RecordValue>,
        rows: impl ExactSizeIterator<Item = (Option<i64>, &'r [u8])> + Clone,
        ids: &mut Vec<i64>,
    ) -> Result<GroupOutcome, Error> {
        let count = rows.len();
        let is_numbered = self.greatest.is_some();
        let mut last_row_id = self.last_row_id;
        let mut as_chosen = true;
        for (row_id, _) in rows.clone().filter(|_| is_numbered) {
            match row_id {
                Some(row_id) if last_row_id.is_none_or(|last| row_id > last) => {
                    // Source: <https://sqlite.org/autoinc.html> §2.
                    as_chosen &= row_id == last_row_id.map_or(1, |last| last + 1);
                    last_row_id = Some(row_id);
                }
                _ => return Ok(GroupOutcome::alone(count)),
            }
        }
        let group = match &mut self.appending {
            Some(appending) if as_chosen && is_numbered => appending,
            _ => &mut self.with_ids,
        };
        let layout = group.layout;
        let insert = match &mut group.insert {
            Some(insert) => insert,
            none => none.insert(Statement::new(database, &group.sql)?),
        };
        let mut parameter = 1;
        for (row_id, record) in rows.clone() {
            layout.read(row_id, record, values)?;
            parameter = layout.bind(insert, parameter, (row_id, record), values);
        }
        let stepped = insert.step();
        let connection = database.connection();
        let last = connection.last_insert_rowid();
        let inserted = match stepped {
            Ok(_) if is_numbered && Some(last) != last_row_id => {
                let message = "SQLite numbered rows differently from what was foreseen";
                return Err(Error::internal(message));
            }
            Ok(_) => count,
            Err(failure) if !failure.is_of_the_row() => return Err(database_failure(database, failure)),
            Err(failure) if self.keeps_first => match failure.code & 0xFF {
                ffi::SQLITE_CONSTRAINT => connection.changes() as usize,
                // Only of a constraint SQLite says how many rows are in.
                _ => return Err(database_failure(database, failure)),
            },
            Err(_) => 0,
        };
        if inserted > 0 {
            self.last_row_id = is_numbered.then_some(last).or(self.last_row_id);
        }
        // Of the rows of one statement SQLite numbers each one higher than the one before, unless their ids are given.
        let numbered = (0..inserted as i64).rev().map(|after| last.wrapping_sub(after));
        ids.extend(rows.zip(numbered).map(|((row_id, _), number)| row_id.unwrap_or(number)));
        Ok(match inserted {
            _ if inserted == count => GroupOutcome { inserted, alone: 0 },
            _ if self.keeps_first => GroupOutcome { inserted, alone: 1 },
            _ => GroupOutcome::alone(count),
        })
    }
}

/// The INSERT `sql` with the rows before one that is refused kept.
fn or_fail(sql: &str) -> String {
    sql.replacen("INSERT OR ABORT ", "INSERT OR FAIL ", 1)
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
