//! rowmill's own tables in a database: whether what has one of their names is ours.

pub mod checkpoint;
pub mod finished;
pub mod once;
pub mod row_origins;

use rusqlite::{Connection, OptionalExtension};

use crate::error::Error;
use crate::sqlite::database::Database;

/// What has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Ours,
    /// A table of other columns, a view or an index.
    Foreign,
}

/// Looks in `schema` for our table `name`, which has these columns.
pub fn find(connection: &Connection, schema: &str, name: &str, columns: &[&str]) -> rusqlite::Result<Found> {
    let kind = format!("SELECT type FROM {schema}.sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type <> 'trigger'");
    let kind: Option<String> = connection.query_row(&kind, [name], |row| row.get(0)).optional()?;
    let Some(kind) = kind else {
        return Ok(Found::Nothing);
    };
    let mut select = connection.prepare("SELECT lower(name) FROM pragma_table_info(?1, ?2) ORDER BY cid")?;
    let names = select.query_map([name, schema], |row| row.get::<_, String>(0))?;
    let names = names.collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(if kind == "table" && names == columns {
        Found::Ours
    } else {
        Found::Foreign
    })
}

/// The error for a table that the load needs but whose name another table has.
pub fn foreign(database: &Database, name: &str) -> Error {
    Error::schema(format!(
        "{} has a table \"{name}\" that is not rowmill's; rename it",
        database.path().display()
    ))
}
