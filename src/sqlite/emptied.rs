//! A table whose rows give way to those of a load: what keeps that from being done, and the doing.

use crate::error::Error;
use crate::option_name::IF_EXISTS;
use crate::schema::identifier::quote;
use crate::schema::table_info::TableInfo;
use crate::sqlite::database::Database;
use crate::sqlite::own::finished;
use crate::sqlite::own::once;

/// Checks that the rows of a table can be deleted in the transaction in which the first row of a load goes in.
///
/// # Errors
/// `Schema` when other tables refer to it, or something in its schema could delete or keep other rows.
pub fn check(database: &Database, info: &TableInfo) -> Result<(), Error> {
    let referring = referring_tables(database, &info.name)?;
    let obstacle = match referring.first() {
        Some(other) => Some(format!("the table \"{other}\" refers to it by a foreign key")),
        None if info.traces.deferred => Some("it has a foreign key that is checked only at the commit".to_owned()),
        None if info.traces.rolled_back => Some("one of its triggers may roll a whole transaction back".to_owned()),
        None => None,
    };
    match obstacle {
        Some(obstacle) => Err(Error::schema(format!(
            "{IF_EXISTS} truncate cannot delete the rows of table \"{}\": {obstacle}; nothing was loaded: delete them before the load, and \
             leave {IF_EXISTS} out",
            info.name
        ))),
        None => Ok(()),
    }
}

/// Deletes the rows of `table`, in a transaction of the caller, and forgets what is noted of how they got there.
///
/// # Errors
/// As [`check`], as others may have changed the schema since; `Schema` when a trigger keeps rows.
pub fn empty(database: &Database, table: &str) -> Result<(), Error> {
    let info = database
        .describe_table(table)?
        .ok_or_else(|| Error::table_gone(table))?;
    check(database, &info)?;
    let delete = format!("DELETE FROM main.{}", quote(table));
    let deleted = database.connection().execute_batch(&delete);
    deleted.map_err(|e| database.fail(e))?;
    if !database.is_empty(table)? {
        return Err(Error::schema(format!(
            "{IF_EXISTS} truncate cannot delete the rows of table \"{table}\": one of its triggers keeps some of them, or puts in others; \
             nothing was loaded"
        )));
    }
    once::forget_rows(database, table)?;
    finished::remove(database, table)
}

/// The other tables that refer to `table` by a foreign key.
///
/// # Errors
/// `Database`.
pub fn referring_tables(database: &Database, table: &str) -> Result<Vec<String>, Error> {
    let run = || -> rusqlite::Result<Vec<String>> {
        let mut referring = database.connection().prepare(
            "SELECT DISTINCT other.name FROM sqlite_schema other, pragma_foreign_key_list(other.name) key \
             WHERE other.type = 'table' AND key.\"table\" = ?1 COLLATE NOCASE AND other.name <> ?1 COLLATE NOCASE",
        )?;
        referring.query_map([table], |row| row.get(0))?.collect()
    };
    run().map_err(|e| database.fail(e))
}
