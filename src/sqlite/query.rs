//! The answer to a query of the user's, for people.
//!
//! Comes in: a database that a load has left, and SQL. Goes out: names and rows, as many as are asked for. Never: a change to the database.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;

use crate::error::Error;
use crate::report::{Cell, PREVIEW_TEXT_BYTES};
use crate::sqlite::reading::open_to_read;

/// How long to wait for somebody who has locked the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub names: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// There are more rows than were asked for.
    pub is_cut: bool,
}

/// Asks the database at `path`, for `most_rows` rows at most.
///
/// # Errors
/// `Usage` with what SQLite says of the query, which only reads.
pub fn ask(path: &Path, sql: &str, most_rows: usize) -> Result<Answer, Error> {
    let run = || -> rusqlite::Result<Answer> {
        let connection = open_to_read(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let mut statement = connection.prepare(sql)?;
        let mut answer = Answer {
            names: statement.column_names().map(str::to_owned).collect(),
            ..Answer::default()
        };
        let columns = answer.names.len();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if answer.rows.len() == most_rows {
                answer.is_cut = true;
                break;
            }
            let cells = (0..columns).map(|index| row.get_ref(index).map(cell));
            answer.rows.push(cells.collect::<rusqlite::Result<_>>()?);
        }
        Ok(answer)
    };
    run().map_err(|error| {
        Error::usage(format!(
            "the query cannot be answered: {error}; the load itself is done: {sql}"
        ))
    })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(integer) => Cell::Integer(integer),
        ValueRef::Real(real) => Cell::Real(real),
        ValueRef::Text(text) => Cell::Text(text[..text.len().min(PREVIEW_TEXT_BYTES)].to_vec()),
        ValueRef::Blob(blob) => Cell::Bytes {
            length_bytes: blob.len() as u64,
        },
    }
}
