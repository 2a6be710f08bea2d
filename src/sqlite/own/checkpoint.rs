//! The checkpoints' place in the database: a small table of its own, with two rows for each table that is being loaded, written in
//! the same transaction as that table's rows.
//!
//! The row that changes has a fixed size and is updated in place: on the direct path no statement of a batch's transaction may
//! allocate a page. Each body begins with a hash of the rest, so that one that was damaged or edited is refused, not believed.
//! Bodies are blobs: text would be kept in the database's own encoding, which may be UTF-16.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::{Checkpoint, Identity, SavedProgress};
use crate::error::Error;
use crate::option_name::FORGET;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::own;

/// The table's name; dropped when the last load is done.
pub const TABLE: &str = "_rowmill_checkpoint";
/// Size of the row that changes. Fourteen counters of up to 20 digits and their names take about 600 bytes.
const PROGRESS_BYTES: usize = 1024;
/// The hash in hexadecimal digits, and a space.
const SEAL_BYTES: usize = 17;
/// Which of a load's two rows: who it is, and how far it got.
const IDENTITY: i64 = 0;
const PROGRESS: i64 = 1;

/// Notes that a load of `identity` begins, with room for its progress. In a transaction of the caller.
pub fn create(database: &Database, identity: &Identity) -> Result<(), Error> {
    let run = || insert(database.connection(), identity, &SavedProgress::default());
    run().map_err(|e| database_error(database.path(), e))
}

fn insert(connection: &Connection, identity: &Identity, progress: &SavedProgress) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS \"{TABLE}\"(id INTEGER PRIMARY KEY, table_name TEXT NOT NULL COLLATE NOCASE, \
         part INTEGER NOT NULL, body BLOB NOT NULL)"
    ))?;
    let table = &identity.plan.table;
    delete(connection, table)?;
    let insert = format!("INSERT INTO \"{TABLE}\"(table_name, part, body) VALUES (?1, ?2, ?3)");
    connection.execute(&insert, (table, IDENTITY, sealed(&encode(identity)).as_bytes()))?;
    connection.execute(&insert, (table, PROGRESS, padded(progress).as_bytes()))?;
    Ok(())
}

/// Writes anew who an unfinished load is and how far it got.
pub fn renew(database: &Database, checkpoint: &Checkpoint) -> Result<(), Error> {
    database.begin()?;
    put(database, checkpoint)?;
    database.commit()
}

/// The same, in a transaction of the caller.
pub fn put(database: &Database, checkpoint: &Checkpoint) -> Result<(), Error> {
    let run = || insert(database.connection(), &checkpoint.identity, &checkpoint.progress);
    run().map_err(|e| database_error(database.path(), e))
}

/// Writes the progress of the load into `table`, in a transaction of the caller.
pub fn write(connection: &Connection, path: &Path, table: &str, progress: &SavedProgress) -> Result<(), Error> {
    let update = format!(
        "UPDATE \"{TABLE}\" SET body = ?1 \
         WHERE id = (SELECT id FROM \"{TABLE}\" WHERE table_name = ?2 AND part = {PROGRESS})"
    );
    let run = || {
        connection
            .prepare(&update)?
            .execute((padded(progress).as_bytes(), table))
    };
    match run() {
        Ok(1) => Ok(()),
        // The table is gone, and the note with it, or another table has its name.
        Err(error) if matches!(form(connection), Ok(CheckpointTable::ByTable)) => Err(database_error(path, error)),
        _ => Err(Error::schema(format!(
            "the load's note of how far it got is gone from table \"{TABLE}\" of {}: somebody else removed it; \
             what was committed is in table \"{table}\"",
            path.display()
        ))),
    }
}

/// The checkpoint that an unfinished load into `table` left, if there is one.
///
/// # Errors
/// `Schema` when it cannot be understood; `Database` when it cannot be read.
pub fn read(database: &Database, table: &str) -> Result<Option<Checkpoint>, Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<Option<[Vec<u8>; 2]>> {
        match form(connection)? {
            CheckpointTable::Absent => Ok(None),
            CheckpointTable::ByTable => {
                let select = format!("SELECT CAST(body AS BLOB) FROM \"{TABLE}\" WHERE table_name = ?1 AND part = ?2");
                let body = |part| {
                    connection
                        .query_row(&select, (table, part), |row| row.get::<_, Vec<u8>>(0))
                        .optional()
                };
                Ok(match (body(IDENTITY)?, body(PROGRESS)?) {
                    (None, None) => None,
                    (identity, progress) => Some([identity.unwrap_or_default(), progress.unwrap_or_default()]),
                })
            }
            CheckpointTable::OfOneLoad => {
                let bodies = bodies_of_one_load(connection)?;
                Ok(Some(bodies)
                    .filter(|[identity, _]| names_table(identity).is_none_or(|name| same_name(&name, table))))
            }
            CheckpointTable::Unknown => Ok(Some([Vec::new(), Vec::new()])),
        }
    };
    let Some([identity, progress]) = run().map_err(|e| database_error(database.path(), e))? else {
        return Ok(None);
    };
    // Without a plan that can be trusted, nobody knows what the load made.
    let unknown = |reason: &dyn std::fmt::Display| {
        let path = database.path().display();
        Error::schema(format!(
            "{path} holds a note of an unfinished load into table \"{table}\" that cannot be used ({reason}); give that load up with \
             {FORGET}, which leaves its rows, or name another table or database"
        ))
    };
    let open = |row: &[u8]| {
        unsealed(row)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| unknown(&"it was changed"))
    };
    let (identity, progress) = (open(&identity)?, open(&progress)?);
    let other_version = |e| unknown(&format_args!("another version of rowmill wrote it: {e}"));
    Ok(Some(Checkpoint {
        identity: serde_json::from_slice(&identity).map_err(other_version)?,
        progress: serde_json::from_slice(&progress).map_err(other_version)?,
    }))
}

/// What is noted of each load that is not done, by its table; `None` where that cannot be understood.
///
/// # Errors
/// As any read.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<(String, Option<Checkpoint>)>> {
    if !matches!(form(connection)?, CheckpointTable::ByTable) {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare(&format!(
        "SELECT table_name, max(CAST(body AS BLOB)) FILTER (WHERE part = {IDENTITY}), max(CAST(body AS BLOB)) FILTER (WHERE part = {PROGRESS}) \
         FROM \"{TABLE}\" GROUP BY table_name ORDER BY table_name"
    ))?;
    let bodies = select.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default(),
            row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default(),
        ))
    })?;
    let noted = |(table, identity, progress): (String, Vec<u8>, Vec<u8>)| {
        let understood = || {
            Some(Checkpoint {
                identity: serde_json::from_slice(unsealed(&identity)?).ok()?,
                progress: serde_json::from_slice(unsealed(&progress)?).ok()?,
            })
        };
        let found: Option<Checkpoint> = understood();
        // A table that is to take the place of another is known by that one's name.
        let table = found
            .as_ref()
            .map_or(table, |found| found.identity.plan.shown_table().to_owned());
        (table, found)
    };
    bodies.map(|row| row.map(noted)).collect()
}

/// Whether a table of that name is somebody else's.
///
/// # Errors
/// `Database`.
pub fn is_foreign(database: &Database) -> Result<bool, Error> {
    let form = form(database.connection()).map_err(|e| database_error(database.path(), e))?;
    Ok(matches!(form, CheckpointTable::Unknown))
}

/// Brings a checkpoint that was left by a version that knew only one load at a time into today's form, in a transaction of its own.
///
/// # Errors
/// `Schema` when a table of that name is somebody else's, or the load in it cannot be identified; `Database`.
pub fn bring_up_to_date(database: &Database) -> Result<(), Error> {
    let connection = database.connection();
    let fail = |e| database_error(database.path(), e);
    match form(connection).map_err(fail)? {
        CheckpointTable::Absent | CheckpointTable::ByTable => return Ok(()),
        CheckpointTable::OfOneLoad => {}
        CheckpointTable::Unknown => return Err(own::foreign(database, TABLE)),
    }
    let [identity, progress] = bodies_of_one_load(connection).map_err(fail)?;
    let Some(table) = names_table(&identity) else {
        return Err(Error::schema(format!(
            "{} holds a note of an unfinished load that cannot be used (it was changed); drop its table \"{TABLE}\" to give that load up",
            database.path().display()
        )));
    };
    let move_over = || -> rusqlite::Result<()> {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; DROP TABLE \"{TABLE}\"; \
             CREATE TABLE \"{TABLE}\"(id INTEGER PRIMARY KEY, table_name TEXT NOT NULL COLLATE NOCASE, \
             part INTEGER NOT NULL, body BLOB NOT NULL)"
        ))?;
        let insert = format!("INSERT INTO \"{TABLE}\"(table_name, part, body) VALUES (?1, ?2, ?3)");
        connection.execute(&insert, (&table, IDENTITY, identity))?;
        connection.execute(&insert, (&table, PROGRESS, progress))?;
        connection.execute_batch("COMMIT")
    };
    move_over().map_err(fail)
}

/// Removes what is noted of the load into `table`, and the table of checkpoints with its last one. In a transaction of the caller,
/// or each statement in its own.
pub fn remove(database: &Database, table: &str) -> Result<(), Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<()> {
        let others = match form(connection)? {
            CheckpointTable::ByTable => {
                let others = format!("SELECT count(*) FROM \"{TABLE}\" WHERE table_name <> ?1");
                connection.query_row(&others, [table], |row| row.get::<_, i64>(0))?
            }
            CheckpointTable::OfOneLoad => 0,
            CheckpointTable::Absent | CheckpointTable::Unknown => return Ok(()),
        };
        match others {
            0 => connection.execute_batch(&format!("DROP TABLE \"{TABLE}\"")),
            _ => delete(connection, table),
        }
    };
    run().map_err(|e| database_error(database.path(), e))
}

/// Whether no load into any table but `table` is noted.
///
/// # Errors
/// `Database`.
pub fn is_only(database: &Database, table: &str) -> Result<bool, Error> {
    let connection = database.connection();
    let run = || match form(connection)? {
        CheckpointTable::ByTable => {
            let others = format!("SELECT EXISTS (SELECT 1 FROM \"{TABLE}\" WHERE table_name <> ?1)");
            connection.query_row(&others, [table], |row| row.get::<_, bool>(0).map(|others| !others))
        }
        CheckpointTable::Absent | CheckpointTable::OfOneLoad => Ok(true),
        CheckpointTable::Unknown => Ok(false),
    };
    run().map_err(|e| database_error(database.path(), e))
}

fn delete(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    let delete = format!("DELETE FROM \"{TABLE}\" WHERE table_name = ?1");
    connection.execute(&delete, [table]).map(|_| ())
}

/// What the table of checkpoints looks like.
enum CheckpointTable {
    Absent,
    ByTable,
    /// The form of versions that knew only one load at a time: two rows of text.
    OfOneLoad,
    /// Somebody else's.
    Unknown,
}

fn form(connection: &Connection) -> rusqlite::Result<CheckpointTable> {
    let mut statement = connection.prepare("SELECT lower(name) FROM pragma_table_info(?1) ORDER BY cid")?;
    let names: Vec<String> = statement
        .query_map([TABLE], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(match names[..] {
        [] => CheckpointTable::Absent,
        ["id", "table_name", "part", "body"] => CheckpointTable::ByTable,
        ["id", "body"] => CheckpointTable::OfOneLoad,
        _ => CheckpointTable::Unknown,
    })
}

fn bodies_of_one_load(connection: &Connection) -> rusqlite::Result<[Vec<u8>; 2]> {
    let body = |id: i64| {
        // As text: whatever the database's encoding, it comes as UTF-8.
        let select = format!("SELECT CAST(body AS TEXT) FROM \"{TABLE}\" WHERE id = ?1");
        let found = connection.query_row(&select, [id], |row| row.get::<_, String>(0));
        found.optional().map(|body| body.unwrap_or_default().into_bytes())
    };
    Ok([body(1)?, body(2)?])
}

/// The table that a load was for.
fn names_table(identity: &[u8]) -> Option<String> {
    let identity: serde_json::Value = serde_json::from_slice(unsealed(identity)?).ok()?;
    identity["plan"]["table"].as_str().map(str::to_owned)
}

fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

pub(super) fn encode<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values with string keys always serialize")
}

fn padded(progress: &SavedProgress) -> String {
    sealed(&format!("{:<PROGRESS_BYTES$}", encode(progress)))
}

/// `text` after its hash.
pub(super) fn sealed(text: &str) -> String {
    format!("{:016x} {text}", xxh3_64(text.as_bytes()))
}

/// The text of a row, if the row is as it was written.
pub(super) fn unsealed(row: &[u8]) -> Option<&[u8]> {
    let (seal, text) = row.split_at_checked(SEAL_BYTES)?;
    (format!("{:016x} ", xxh3_64(text)).as_bytes() == seal).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_was_changed_anywhere_is_not_believed() {
        let row = padded(&SavedProgress::default()).into_bytes();
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
