//! Which record each row came from, where row ids do not say it: in tables whose rows SQLite numbers.
//!
//! Comes in: row ids with the numbers of their records, as the rows go in. Goes out: the record of a row that a later one repeats. Runs are
//! kept, in which row id and record number advance together: one run for all rows that came without a reject between them. They are rows of
//! a small table, written in the transaction of the rows that they describe, so that a resumed load knows them. A load that cannot be
//! resumed keeps them in a temporary table.

use rusqlite::{Connection, OptionalExtension, Statement};

use crate::error::Error;
use crate::reject::FirstRecord;
use crate::reject::Origins;
use crate::schema::RowIds;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::own::{self, Found};

/// The table's name; its rows are removed when the load that they belong to is done.
pub const TABLE: &str = "_rowmill_rows";
const COLUMNS: [&str; 4] = ["table_name", "row_id", "record", "rows"];

/// The origins of one table's rows.
#[derive(Debug)]
pub struct RowOrigins<'d> {
    database: &'d Database,
    /// The loaded table.
    table: String,
    schema: &'static str,
    row_ids: RowIds,
    current: Option<OriginRun>,
    /// Rows whose ids are their keys are also noted.
    notes_keys: bool,
    /// Set once others have written to a table that this load numbers itself: from then on every row is noted.
    among_others: Option<AmongOthers>,
    /// The table of runs exists.
    exists: bool,
    find: Option<Statement<'d>>,
    put: Option<Statement<'d>>,
    clear: Option<Statement<'d>>,
}

/// How far a table was numbered by this load alone.
#[derive(Debug, Clone, Copy)]
pub struct AmongOthers {
    /// The number of the last record before it was noticed that others have written.
    pub last_row_id: i64,
    /// Rows of others are among those up to it, so a row's number does not say whose it is.
    pub is_mixed: bool,
}

/// Rows whose ids and records advance together.
#[derive(Debug, Clone, Copy)]
struct OriginRun {
    row_id: i64,
    record: u64,
    rows: u64,
}

impl OriginRun {
    fn record_of(&self, row_id: i64) -> Option<u64> {
        let place = row_id
            .checked_sub(self.row_id)
            .and_then(|place| u64::try_from(place).ok())?;
        (place < self.rows).then(|| self.record + place)
    }
}

impl<'d> RowOrigins<'d> {
    /// The origins of `table`'s rows, including those of an earlier run of the load; `resumable`: a later run will need them.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read, `Schema` when the table of runs will be needed and another one has its name.
    pub fn open(database: &'d Database, table: &str, row_ids: RowIds, resumable: bool) -> Result<Self, Error> {
        let found = if resumable {
            find(database, "main")?
        } else {
            Found::Nothing
        };
        if found == Found::Foreign && row_ids == RowIds::Given {
            return Err(own::foreign(database, TABLE));
        }
        Ok(RowOrigins {
            database,
            table: table.to_owned(),
            schema: if resumable { "main" } else { "temp" },
            row_ids,
            current: None,
            notes_keys: false,
            among_others: None,
            exists: found == Found::Ours,
            find: None,
            put: None,
            clear: None,
        })
    }

    /// Notes every row from now on, because others have rows in the table, too.
    pub fn note_all(&mut self, since: AmongOthers) {
        self.among_others.get_or_insert(since);
    }

    /// Also notes rows whose ids are their keys from now on: a row that waits may find that such a row has taken its key.
    pub fn note_keys(&mut self) {
        self.notes_keys = true;
    }

    /// Whether others have written to a table that this load numbers itself.
    pub fn is_among_others(&self) -> bool {
        self.among_others.is_some()
    }

    /// Whether every row is noted.
    pub fn notes_all(&self) -> bool {
        self.among_others.is_some() || !matches!(self.row_ids, RowIds::Ordinal { .. })
    }

    /// Takes a row that went in. `wanted`: the id that it was to have, if that was not left to SQLite.
    ///
    /// # Errors
    /// `Database`, `Io` when the disk is full.
    #[inline(always)]
    pub fn note(&mut self, wanted: Option<i64>, row_id: i64, record: u64) -> Result<(), Error> {
        match self.row_ids {
            RowIds::Given => self.extend(row_id, record),
            RowIds::Key if self.notes_keys => self.extend(row_id, record),
            RowIds::Ordinal { .. } if self.among_others.is_some() || wanted != Some(row_id) => {
                self.extend(row_id, record)
            }
            _ => Ok(()),
        }
    }

    /// Takes a row whose id is its key.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    #[inline]
    pub fn extend(&mut self, row_id: i64, record: u64) -> Result<(), Error> {
        match &mut self.current {
            Some(run)
                if run.row_id.checked_add_unsigned(run.rows) == Some(row_id) && run.record + run.rows == record =>
            {
                run.rows += 1;
                Ok(())
            }
            _ => {
                let run = OriginRun {
                    row_id,
                    record,
                    rows: 1,
                };
                match self.current.replace(run) {
                    Some(ended) => self.store(ended),
                    None => Ok(()),
                }
            }
        }
    }

    /// Writes what is not written yet, before a commit: a later run of the load may go on from there, and a rollback may go back to it.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub fn save(&mut self) -> Result<(), Error> {
        match self.current {
            Some(run) => self.store(run),
            None => Ok(()),
        }
    }

    /// Forgets what was noted since the last commit: the transaction was rolled back.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn rolled_back(&mut self) -> Result<(), Error> {
        self.current = None;
        self.exists = find(self.database, self.schema)? == Found::Ours;
        Ok(())
    }

    /// The record that the row `row_id` came from.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub fn first_record(&mut self, row_id: Option<i64>, origins: &Origins) -> Result<FirstRecord, Error> {
        let Some(row_id) = row_id.filter(|_| self.row_ids != RowIds::None) else {
            return Ok(FirstRecord::Unknown);
        };
        let noted = self.run_at(row_id)?.and_then(|run| run.record_of(row_id));
        Ok(match (noted, self.row_ids, self.among_others) {
            (Some(record), _, _) => origins.record(record),
            // Rows that came before keys were noted are not known.
            (None, RowIds::Key, _) => FirstRecord::Unknown,
            (None, RowIds::Ordinal { .. }, Some(since)) if row_id > since.last_row_id => FirstRecord::Existing,
            (None, RowIds::Ordinal { .. }, Some(since)) if since.is_mixed => FirstRecord::Unknown,
            (None, RowIds::Ordinal { base }, _) => origins.first_record(base, row_id),
            (None, _, _) => FirstRecord::Existing,
        })
    }

    /// The record of a row whose id is its key, if it was [noted](Self::extend).
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub fn record_of(&mut self, row_id: i64) -> Result<Option<u64>, Error> {
        Ok(self.run_at(row_id)?.and_then(|run| run.record_of(row_id)))
    }

    /// The last run that begins at or before `row_id`.
    fn run_at(&mut self, row_id: i64) -> Result<Option<OriginRun>, Error> {
        if let Some(run) = self.current.filter(|run| run.record_of(row_id).is_some()) {
            return Ok(Some(run));
        }
        if !self.exists {
            return Ok(None);
        }
        let run = |row: &rusqlite::Row<'_>| {
            Ok(OriginRun {
                row_id: row.get(0)?,
                record: row.get::<_, i64>(1)? as u64,
                rows: row.get::<_, i64>(2)? as u64,
            })
        };
        let find = format!(
            "SELECT row_id, record, rows FROM {}.\"{TABLE}\" WHERE table_name = ?1 AND row_id <= ?2
             ORDER BY row_id DESC LIMIT 1",
            self.schema
        );
        let found = prepared(&mut self.find, self.database.connection(), &find)
            .and_then(|find| find.query_row((&self.table, row_id), run).optional());
        found.map_err(|error| database_error(self.database.path(), error))
    }

    fn store(&mut self, run: OriginRun) -> Result<(), Error> {
        let schema = self.schema;
        if !self.exists && find(self.database, schema)? == Found::Foreign {
            return Err(own::foreign(self.database, TABLE));
        }
        let connection = self.database.connection();
        let create = || {
            connection.execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS {schema}.\"{TABLE}\"(table_name TEXT COLLATE NOCASE, row_id INTEGER, record INTEGER,
                 rows INTEGER, PRIMARY KEY (table_name, row_id)) WITHOUT ROWID"
            ))
        };
        let created = if self.exists { Ok(()) } else { create() };
        let stored = created.and_then(|()| {
            let sql = format!("REPLACE INTO {schema}.\"{TABLE}\" VALUES (?1, ?2, ?3, ?4)");
            let put = prepared(&mut self.put, connection, &sql)?;
            put.execute((&self.table, run.row_id, run.record as i64, run.rows as i64))?;
            // Runs of rows whose ids others have freed and SQLite has given again.
            let sql = format!("DELETE FROM {schema}.\"{TABLE}\" WHERE table_name = ?1 AND row_id > ?2 AND row_id < ?3");
            let clear = prepared(&mut self.clear, connection, &sql)?;
            clear.execute((&self.table, run.row_id, run.row_id.saturating_add_unsigned(run.rows)))
        });
        stored.map_err(|error| database_error(self.database.path(), error))?;
        self.exists = true;
        Ok(())
    }
}

/// The statement, prepared when it is first needed.
fn prepared<'s, 'd>(
    statement: &'s mut Option<Statement<'d>>,
    connection: &'d Connection,
    sql: &str,
) -> rusqlite::Result<&'s mut Statement<'d>> {
    Ok(match statement {
        Some(statement) => statement,
        none => none.insert(connection.prepare(sql)?),
    })
}

/// Forgets where the rows of `table` came from; the table of runs is dropped with its last row.
///
/// # Errors
/// `Database`, `DatabaseBusy`.
pub fn forget(database: &Database, table: &str) -> Result<(), Error> {
    if find(database, "main")? != Found::Ours {
        return Ok(());
    }
    let connection = database.connection();
    let run = || -> rusqlite::Result<()> {
        connection.execute(&format!("DELETE FROM main.\"{TABLE}\" WHERE table_name = ?1"), [table])?;
        let rest = format!("SELECT 1 FROM main.\"{TABLE}\" LIMIT 1");
        match connection.query_row(&rest, [], |_| Ok(())).optional()? {
            Some(()) => Ok(()),
            None => connection.execute_batch(&format!("DROP TABLE main.\"{TABLE}\"")),
        }
    };
    run().map_err(|error| database_error(database.path(), error))
}

fn find(database: &Database, schema: &str) -> Result<Found, Error> {
    let found = own::find(database.connection(), schema, TABLE, &COLUMNS);
    found.map_err(|error| database_error(database.path(), error))
}
