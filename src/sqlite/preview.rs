//! The first rows of a table, read back for the report page and for the summary.
//!
//! Comes in: a database that nobody writes to any more. Goes out: a few short values. Never: a change to the database (it is opened
//! for reading), a long wait for somebody who has locked it, or a value too large to keep.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};

use crate::error::Error;
use crate::report::{Cell, ColumnReport, PREVIEW_COLUMNS, PREVIEW_ROWS, PREVIEW_TEXT_BYTES, Preview};
use crate::schema::identifier::quote;
use crate::sqlite::database::database_error;

/// Longest value that is read at all: SQLite brings it into memory whole.
const MAX_VALUE_BYTES: u64 = 64 << 10;
/// A preview is not worth waiting for.
const BUSY_TIMEOUT: Duration = Duration::from_millis(200);
/// Rows of which the texts are looked at, and bytes of such a text: longer ones are neither numbers nor dates.
pub const SAMPLE_ROWS: usize = 1_000;
const MAX_SAMPLED_BYTES: u64 = 64;
/// Memory for SQLite's pages in KiB: a few rows lie on a few pages.
const CACHE_KIB: u64 = 512;

/// The first rows of the first of `columns` of `table`.
///
/// # Errors
/// As any read of the database at `path`.
pub fn read_preview(path: &Path, table: &str, columns: &[ColumnReport]) -> Result<Preview, Error> {
    let read = || -> rusqlite::Result<Preview> {
        let connection = open(path)?;
        let shown = &columns[..columns.len().min(PREVIEW_COLUMNS)];
        let values: Vec<String> = shown.iter().map(|column| value_sql(&column.name)).collect();
        let sql = format!(
            "SELECT {} FROM {} LIMIT {PREVIEW_ROWS}",
            values.join(", "),
            quote(table)
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut preview = Preview::default();
        while let Some(row) = rows.next()? {
            let cells = (0..shown.len())
                .map(|index| cell(row, index))
                .collect::<Result<_, _>>()?;
            preview.rows.push(cells);
        }
        Ok(preview)
    };
    read().map_err(|error| database_error(path, error))
}

/// The texts in the first rows of these columns of `table`, a list for each, without NULLs.
///
/// # Errors
/// As any read of the database at `path`.
pub fn read_texts(path: &Path, table: &str, columns: &[&str]) -> Result<Vec<Vec<Vec<u8>>>, Error> {
    let read = || -> rusqlite::Result<Vec<Vec<Vec<u8>>>> {
        let mut texts = vec![Vec::new(); columns.len()];
        if columns.is_empty() {
            return Ok(texts);
        }
        let connection = open(path)?;
        let values = columns.iter().map(|column| {
            let column = quote(column);
            // A long text is like none that is looked for, such as this one.
            format!("CASE WHEN octet_length({column}) > {MAX_SAMPLED_BYTES} THEN '...' ELSE {column} END")
        });
        let sql = format!(
            "SELECT {} FROM {} LIMIT {SAMPLE_ROWS}",
            values.collect::<Vec<_>>().join(", "),
            quote(table)
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (index, texts) in texts.iter_mut().enumerate() {
                if let ValueRef::Text(text) = row.get_ref(index)? {
                    texts.push(text.to_vec());
                }
            }
        }
        Ok(texts)
    };
    read().map_err(|error| database_error(path, error))
}

/// A connection that only reads.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // As when it was loaded: a path is just a path, whatever it is called.
    let connection = Connection::open_with_flags(Path::new(".").join(path), flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(&format!(
        "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    Ok(connection)
}

/// The value if it is short, and its length in any case: SQLite knows that without reading the value.
fn value_sql(column: &str) -> String {
    let column = quote(column);
    format!("CASE WHEN octet_length({column}) <= {MAX_VALUE_BYTES} THEN {column} END, octet_length({column})")
}

fn cell(row: &Row<'_>, index: usize) -> rusqlite::Result<Cell> {
    let length_bytes: Option<i64> = row.get(2 * index + 1)?;
    Ok(match (row.get_ref(2 * index)?, length_bytes) {
        (ValueRef::Null, None) => Cell::Null,
        (ValueRef::Integer(integer), _) => Cell::Integer(integer),
        (ValueRef::Real(real), _) => Cell::Real(real),
        (ValueRef::Text(text), _) => Cell::Text(text[..text.len().min(PREVIEW_TEXT_BYTES)].to_vec()),
        (ValueRef::Null | ValueRef::Blob(_), length_bytes) => Cell::Bytes {
            length_bytes: length_bytes.map_or(0, i64::unsigned_abs),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> ColumnReport {
        ColumnReport {
            name: name.to_owned(),
            column_type: "text",
            recoded: 0,
        }
    }

    #[test]
    fn values_come_in_their_storage_class_and_large_ones_as_their_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch(
                "CREATE TABLE \"a \"\"t\"(\"x \"\"y\"); INSERT INTO \"a \"\"t\" VALUES (NULL), (-7), (1.5), (''), \
                 (CAST(x'ff41' AS TEXT)), (x'0001'), (printf('%.*c', 70000, 'x')), (printf('%.*c', 2000, 'x'));",
            )
            .unwrap();
        let preview = read_preview(&path, "a \"t", &[column("x \"y")]).unwrap();
        let cells: Vec<Cell> = preview.rows.into_iter().flatten().collect();
        let expected = [
            Cell::Null,
            Cell::Integer(-7),
            Cell::Real(1.5),
            Cell::Text(Vec::new()),
            Cell::Text(b"\xffA".to_vec()),
            Cell::Bytes { length_bytes: 2 },
            Cell::Bytes { length_bytes: 70_000 },
            Cell::Text(vec![b'x'; PREVIEW_TEXT_BYTES]),
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn only_the_first_rows_and_columns_are_read_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(read_preview(&path, "t", &[column("x")]).is_err());
        assert!(!path.exists());
        let names: Vec<String> = (0..PREVIEW_COLUMNS + 5).map(|index| format!("c{index}")).collect();
        let database = Connection::open(&path).unwrap();
        let values = vec!["value"; names.len()].join(", ");
        database
            .execute_batch(&format!(
                "CREATE TABLE t({}); WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 50) \
                 INSERT INTO t SELECT {values} FROM n;",
                names.join(", ")
            ))
            .unwrap();
        let columns: Vec<ColumnReport> = names.iter().map(|name| column(name)).collect();
        let preview = read_preview(&path, "t", &columns).unwrap();
        assert_eq!(preview.rows.len(), PREVIEW_ROWS);
        assert!(preview.rows.iter().all(|row| row.len() == PREVIEW_COLUMNS));
    }
}
