//! Which contents went into which table with `--once`: a small table with a row for each, which people can read too.

use rusqlite::{Connection, Row, params};

use crate::checkpoint::LoadedInput;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::option_name::ONCE;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::{self, Found};

/// The table's name.
pub const TABLE: &str = "_rowmill_loads";
const COLUMNS: [&str; 6] = ["table_name", "input", "bytes", "crc64_nvme", "loaded_at", "records"];

/// What is remembered of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub input: LoadedInput,
    /// UTC, as `2026-11-29T01:02:03Z`.
    pub loaded_at: String,
}

/// Remembers what went into `table`, and forgets its checkpoint, in one transaction.
///
/// # Errors
/// As any write.
pub fn finish(database: &Database, table: &str, inputs: &[LoadedInput]) -> Result<(), Error> {
    let connection = database.connection();
    database.begin()?;
    let run = || -> rusqlite::Result<()> {
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{TABLE}\"(table_name TEXT NOT NULL COLLATE NOCASE, input TEXT NOT NULL, bytes INTEGER NOT NULL, \
             crc64_nvme TEXT NOT NULL, loaded_at TEXT NOT NULL, records INTEGER NOT NULL, PRIMARY KEY(table_name, bytes, crc64_nvme))"
        ))?;
        let mut replace = connection.prepare(&format!(
            "REPLACE INTO \"{TABLE}\" VALUES (?1, ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?5)"
        ))?;
        for LoadedInput { name, content, records } in inputs {
            replace.execute(params![
                table,
                name,
                content.bytes as i64,
                content.to_string(),
                *records as i64
            ])?;
        }
        Ok(())
    };
    run().map_err(|e| database_error(database.path(), e))?;
    checkpoint::remove(database, table)?;
    database.commit()
}

/// Whether our table is there.
///
/// # Errors
/// `Schema` for a table of that name that is not ours; as any read.
pub fn exists(database: &Database) -> Result<bool, Error> {
    match find(database)? {
        Found::Nothing => Ok(false),
        Found::Ours => Ok(true),
        Found::Foreign => Err(own::foreign(database, TABLE)),
    }
}

/// Whether a table of that name is there and ours.
///
/// # Errors
/// As any read.
pub fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    own::find(connection, "main", TABLE, &COLUMNS).map(|found| found == Found::Ours)
}

/// What went into `table`, which is there.
///
/// # Errors
/// As [`exists`].
pub fn read(database: &Database, table: &str) -> Result<Vec<Remembered>, Error> {
    if !exists(database)? {
        return Ok(Vec::new());
    }
    let remembered = |row: &Row<'_>| -> rusqlite::Result<Option<Remembered>> {
        let (bytes, crc64, records): (i64, String, i64) = (row.get(1)?, row.get(2)?, row.get(4)?);
        let content = u64::try_from(bytes)
            .ok()
            .and_then(|bytes| ContentHash::parse(bytes, &crc64));
        let Some(content) = content else { return Ok(None) };
        let input = LoadedInput {
            name: row.get(0)?,
            content,
            records: records.try_into().unwrap_or(0),
        };
        let loaded_at = row.get(3)?;
        Ok(Some(Remembered { input, loaded_at }))
    };
    let run = || -> rusqlite::Result<Vec<Remembered>> {
        let mut select = database.connection().prepare(&format!(
            "SELECT input, bytes, crc64_nvme, loaded_at, records FROM \"{TABLE}\" WHERE table_name = ?1"
        ))?;
        // A row that rowmill cannot have written says nothing.
        let rows = select.query_map([table], remembered)?;
        rows.filter_map(Result::transpose).collect()
    };
    run().map_err(|e| {
        let path = database.path().display();
        Error::schema(format!(
            "the table \"{TABLE}\" of {path}, in which {ONCE} keeps what was loaded, cannot be read ({e}); load without {ONCE}"
        ))
    })
}

/// Forgets the inputs whose rows went into `table`, as the table has no rows: it was made anew, or emptied. In a transaction of the caller.
///
/// # Errors
/// As any write.
pub fn forget_rows(database: &Database, table: &str) -> Result<(), Error> {
    // A table that is not ours remembers nothing.
    if find(database)? != Found::Ours {
        return Ok(());
    }
    let delete = format!("DELETE FROM \"{TABLE}\" WHERE table_name = ?1 AND records > 0");
    let deleted = database.connection().execute(&delete, [table]);
    deleted.map(|_| ()).map_err(|e| database_error(database.path(), e))
}

fn find(database: &Database) -> Result<Found, Error> {
    let found = own::find(database.connection(), "main", TABLE, &COLUMNS);
    found.map_err(|e| database_error(database.path(), e))
}
