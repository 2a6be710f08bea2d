//! What finished append-only loads leave in the database: a small table with one row for each table that they loaded.

use rusqlite::{Connection, OptionalExtension};

use crate::checkpoint::Finished;
use crate::error::Error;
use crate::option_name::TABLE as TABLE_OPTION;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::own::checkpoint::{self, encode, sealed, unsealed};
use crate::sqlite::own::{self, Found};

/// The table's name.
pub const TABLE: &str = "_rowmill_append_only";
const COLUMNS: [&str; 2] = ["table_name", "body"];

/// Notes that an append-only load of `table` is done, and forgets its checkpoint, in one transaction.
pub fn write(database: &Database, table: &str, finished: &Finished) -> Result<(), Error> {
    let connection = database.connection();
    database.begin()?;
    let run = || -> rusqlite::Result<()> {
        connection.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"{TABLE}\"(table_name TEXT PRIMARY KEY COLLATE NOCASE, body TEXT NOT NULL)"
        ))?;
        let replace = format!("REPLACE INTO \"{TABLE}\" VALUES (?1, ?2)");
        connection
            .execute(&replace, (table, sealed(&encode(finished))))
            .map(|_| ())
    };
    run().map_err(|e| database_error(database.path(), e))?;
    checkpoint::remove(database, table)?;
    database.commit()
}

/// The last finished append-only load of `table`, if there was one.
///
/// # Errors
/// `Schema` when it cannot be understood; `Database` when it cannot be read.
pub fn read(database: &Database, table: &str) -> Result<Option<Finished>, Error> {
    if find(database)? == Found::Nothing {
        return Ok(None);
    }
    let select = format!("SELECT CAST(body AS BLOB) FROM \"{TABLE}\" WHERE table_name = ?1");
    let connection = database.connection();
    let unknown = |reason: &dyn std::fmt::Display| {
        let path = database.path().display();
        Error::schema(format!(
            "{path} says in its table \"{TABLE}\" how far a file was loaded into table \"{table}\", but what it says cannot be used \
             ({reason}); put that row back as it was, or delete it and load the whole file into another table with {TABLE_OPTION}"
        ))
    };
    let body = connection.query_row(&select, [table], |row| row.get::<_, Option<Vec<u8>>>(0));
    let body = match body.optional() {
        Ok(None) => return Ok(None),
        Ok(Some(body)) => body.unwrap_or_default(),
        // The statement does not fit the table: somebody has made it a different one.
        Err(e @ rusqlite::Error::SqlInputError { .. }) => return Err(unknown(&e)),
        Err(e) => return Err(database_error(database.path(), e)),
    };
    let text = unsealed(&body).ok_or_else(|| unknown(&"it was changed"))?;
    serde_json::from_slice(text).map(Some).map_err(|e| unknown(&e))
}

/// What finished append-only loads have left, by table; what cannot be understood is left out.
///
/// # Errors
/// As any read.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<(String, Finished)>> {
    if own::find(connection, "main", TABLE, &COLUMNS)? != Found::Ours {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare(&format!(
        "SELECT table_name, CAST(body AS BLOB) FROM \"{TABLE}\" ORDER BY table_name"
    ))?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut all = Vec::new();
    for row in rows {
        let (table, body) = row?;
        let finished = unsealed(&body).and_then(|text| serde_json::from_slice(text).ok());
        all.extend(finished.map(|finished| (table, finished)));
    }
    Ok(all)
}

/// Forgets the finished append-only loads of `table`. In a transaction of the caller.
pub fn remove(database: &Database, table: &str) -> Result<(), Error> {
    let connection = database.connection();
    // A table that is not ours holds no notes of ours.
    if find(database)? != Found::Ours {
        return Ok(());
    }
    let run = || -> rusqlite::Result<()> {
        connection.execute(&format!("DELETE FROM \"{TABLE}\" WHERE table_name = ?1"), [table])?;
        let is_left: bool = connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM \"{TABLE}\")"), [], |row| {
            row.get(0)
        })?;
        if !is_left {
            connection.execute_batch(&format!("DROP TABLE \"{TABLE}\""))?;
        }
        Ok(())
    };
    run().map_err(|e| database_error(database.path(), e))
}

fn find(database: &Database) -> Result<Found, Error> {
    let found = own::find(database.connection(), "main", TABLE, &COLUMNS);
    found.map_err(|e| database_error(database.path(), e))
}
