//! Columns that a table of others gets for a load: added, and taken back if something that uses the table would no longer work.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind};
use crate::option_name::ALTER;
use crate::schema::Column;
use crate::schema::identifier::{listed, quote};
use crate::sqlite::database::Database;

/// Adds `columns` to `table`, in a transaction of the caller, who rolls it back on an error.
///
/// # Errors
/// `Schema` when SQLite refuses one, or a view or trigger that could be used before could not be any more; `DatabaseBusy`, `Io`.
pub fn add(database: &Database, table: &str, columns: &[Column]) -> Result<(), Error> {
    let usable = usable(database).map_err(|e| database.fail(e))?;
    for column in columns {
        let declared = format!("{} {}", quote(&column.name), column.column_type.sql());
        let add = format!("ALTER TABLE main.{} ADD COLUMN {declared}", quote(table));
        database.connection().execute_batch(&add).map_err(|error| {
            let message = error.to_string();
            let error = database.fail(error);
            match error.kind() {
                ErrorKind::Database { .. } => Error::schema(format!(
                    "{ALTER} cannot add column {declared} to table \"{table}\": {message}; nothing was loaded"
                )),
                _ => error,
            }
        })?;
    }
    let left = self::usable(database).map_err(|e| database.fail(e))?;
    let broken: Vec<&str> = usable.difference(&left).map(String::as_str).collect();
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Error::schema(format!(
            "{ALTER} would add {} to table \"{table}\", and then SQLite could make no sense any more of {}; nothing was changed: name the \
             columns there, or drop it first",
            listed(columns.iter().map(|column| &column.name)),
            broken.join(", ")
        ))),
    }
}

/// The views that can be read, and the tables and views whose triggers can run, in words. SQLite is asked, by statements that are prepared and
/// not run.
fn usable(database: &Database) -> rusqlite::Result<BTreeSet<String>> {
    let connection = database.connection();
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    let mut usable = BTreeSet::new();
    for view in names("SELECT name FROM sqlite_schema WHERE type = 'view'")? {
        if connection
            .prepare(&format!("SELECT * FROM main.{}", quote(&view)))
            .is_ok()
        {
            usable.insert(format!("the view \"{view}\""));
        }
    }
    for table in names("SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'")? {
        let mut columns = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
        let columns: Vec<String> = columns
            .query_map([&table], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let own = quote(&table);
        let set: Vec<String> = columns.iter().map(|name| format!("{0} = {0}", quote(name))).collect();
        let first = columns.first().map_or_else(|| "rowid".to_owned(), |name| quote(name));
        for (what, statement) in [
            ("INSERT", format!("INSERT INTO main.{own}({first}) VALUES (NULL)")),
            ("UPDATE", format!("UPDATE main.{own} SET {}", set.join(", "))),
            ("DELETE", format!("DELETE FROM main.{own}")),
        ] {
            if connection.prepare(&statement).is_ok() {
                usable.insert(format!("the {what} triggers of \"{table}\""));
            }
        }
    }
    Ok(usable)
}
