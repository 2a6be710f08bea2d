//! The checkpoint's place in the database: a small table of its own, written in the same transaction as the rows.
//!
//! The row that changes has a fixed size and is updated in place: on the direct path no statement of a batch's transaction may
//! allocate a page. Each row begins with a hash of the rest, so that one which was damaged or edited is refused, not believed.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::{Checkpoint, Identity, Progress};
use crate::error::Error;
use crate::write::database::{Database, database_error};

/// The table's name; dropped when the load is done.
pub const TABLE: &str = "_rowmill_checkpoint";
/// Size of the row that changes. Fourteen counters of up to 20 digits and their names take about 600 bytes.
const PROGRESS_BYTES: usize = 1024;
/// The hash in hexadecimal digits, and a space.
const SEAL_BYTES: usize = 17;

/// Creates the table with `identity` and a row for its progress. In a transaction of the caller.
pub fn create(database: &Database, identity: &Identity) -> Result<(), Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<()> {
        connection.execute_batch(&format!(
            "CREATE TABLE \"{TABLE}\"(id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
        ))?;
        let insert = format!("INSERT INTO \"{TABLE}\" VALUES (?1, ?2)");
        connection.execute(&insert, (1, sealed(&encode(identity))))?;
        connection.execute(&insert, (2, padded(&Progress::default())))?;
        Ok(())
    };
    run().map_err(|e| database_error(database.path(), e))
}

/// Writes `progress`, in a transaction of the caller.
pub fn write(connection: &Connection, path: &Path, progress: &Progress) -> Result<(), Error> {
    let update = format!("UPDATE \"{TABLE}\" SET body = ?1 WHERE id = 2");
    let run = || connection.prepare(&update)?.execute([padded(progress)]);
    run().map(|_| ()).map_err(|e| database_error(path, e))
}

/// The checkpoint that an unfinished load left, if there is one.
///
/// # Errors
/// `Schema` when it cannot be understood; `Database` when it cannot be read.
pub fn read(database: &Database) -> Result<Option<Checkpoint>, Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if connection.query_row(exists, [TABLE], |_| Ok(())).optional()?.is_none() {
            return Ok(None);
        }
        let body = |id: i64| {
            let select = format!("SELECT CAST(body AS BLOB) FROM \"{TABLE}\" WHERE id = ?1");
            connection.query_row(&select, [id], |row| row.get::<_, Vec<u8>>(0))
        };
        Ok(Some((body(1)?, body(2)?)))
    };
    let Some((identity, progress)) = run().map_err(|e| database_error(database.path(), e))? else {
        return Ok(None);
    };
    // Without a plan that can be trusted there is no telling which table --restart should take back.
    let unknown = |reason: &dyn std::fmt::Display| {
        let path = database.path().display();
        Error::schema(format!(
            "{path} holds a checkpoint that cannot be used ({reason}); drop its table \"{TABLE}\" and the table that was being \
             loaded, or name another database"
        ))
    };
    let open = |row: &[u8]| {
        unsealed(row)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| unknown(&"it was changed"))
    };
    Ok(Some(Checkpoint {
        identity: serde_json::from_slice(&open(&identity)?).map_err(|e| unknown(&e))?,
        progress: serde_json::from_slice(&open(&progress)?).map_err(|e| unknown(&e))?,
    }))
}

/// Removes the table. In a transaction of the caller, or its own.
pub fn remove(database: &Database) -> Result<(), Error> {
    let drop = format!("DROP TABLE IF EXISTS \"{TABLE}\"");
    database
        .connection()
        .execute_batch(&drop)
        .map_err(|e| database_error(database.path(), e))
}

pub(super) fn encode<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values with string keys always serialize")
}

fn padded(progress: &Progress) -> String {
    sealed(&format!("{:<PROGRESS_BYTES$}", encode(progress)))
}

/// `text` behind its hash.
pub(super) fn sealed(text: &str) -> String {
    format!("{:016x} {text}", xxh3_64(text.as_bytes()))
}

/// The text of a row that is as it was written.
pub(super) fn unsealed(row: &[u8]) -> Option<&[u8]> {
    let (seal, text) = row.split_at_checked(SEAL_BYTES)?;
    (format!("{:016x} ", xxh3_64(text)).as_bytes() == seal).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_was_changed_anywhere_is_not_believed() {
        let row = padded(&Progress::default()).into_bytes();
        assert!(unsealed(&row).is_some());
        assert_eq!(row.len(), SEAL_BYTES + PROGRESS_BYTES);
        for at in 0..row.len() {
            let mut changed = row.clone();
            changed[at] ^= 1;
            assert_eq!(unsealed(&changed), None, "byte {at}");
        }
        assert_eq!(unsealed(&row[..row.len() - 1]), None);
        assert_eq!(unsealed(b"{}"), None);
    }
}
