//! What a database holds, as text that can be compared and printed.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// A table, with its schema, in a form in which equal dumps are equal tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dump {
    /// The `CREATE` statements of the table and its indexes, in name order.
    pub schema: Vec<String>,
    /// `row id: value, value`, in row id order (see [`literal`]).
    pub rows: Vec<String>,
}

pub fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite would take `:memory:` for something else.
    Connection::open_with_flags(Path::new(".").join(path), flags)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()))
}

/// Makes a database with what `sql` says in it.
pub fn create(path: &Path, sql: &str) {
    let connection = Connection::open(path).expect("a new database");
    connection
        .execute_batch(sql)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// What `sql` finds: `value, value` for each row (see [`literal`]).
pub fn select(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Vec<String> = (0..width).map(|index| literal(row.get_ref(index).unwrap())).collect();
        Ok(values.join(", "))
    });
    rows?.collect()
}

/// The same, in the database at `path`; the SQL must be right.
pub fn select_from(path: &Path, sql: &str) -> Vec<String> {
    select(&open(path), sql).unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// Dumps `table`; an empty dump when there is no such table.
pub fn dump(path: &Path, table: &str) -> Dump {
    let connection = open(path);
    let mut schema = connection
        .prepare("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap();
    let schema: Vec<String> = schema
        .query_map([table], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    if schema.is_empty() {
        return Dump::default();
    }
    let name = table.replace('"', "\"\"");
    let mut rows = connection
        .prepare(&format!("SELECT * FROM \"{name}\" NOT INDEXED"))
        .unwrap();
    let names: Vec<String> = rows.column_names().map(str::to_lowercase).collect();
    let mut values: Vec<String> = rows
        .query_map([], |row| {
            let values: Vec<String> = (0..names.len())
                .map(|index| literal(row.get_ref(index).unwrap()))
                .collect();
            Ok(values.join(", "))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    // Row ids in a query of their own: with 2,000 columns a result row has no room for one more.
    let row_id = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|alias| !names.iter().any(|name| name == alias));
    let row_ids: Option<Vec<i64>> = row_id.and_then(|row_id| {
        let ids = connection
            .prepare(&format!("SELECT {row_id} FROM \"{name}\" NOT INDEXED"))
            .ok();
        ids.map(|mut ids| {
            ids.query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        })
    });
    for (index, values) in values.iter_mut().enumerate() {
        let row_id = row_ids.as_ref().map_or("NULL".to_owned(), |ids| ids[index].to_string());
        *values = format!("{row_id}: {values}");
    }
    let rows = values;
    Dump { schema, rows }
}

/// A value in a notation that shows its storage class: `1`, `1.0`, `'text'`, `x'00ff'`, `NULL`.
pub fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => format!("{real:?}"),
        ValueRef::Text(text) => text_literal(text),
        ValueRef::Blob(bytes) => format!(
            "x'{}'",
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        ),
    }
}

/// `'text'` with control characters made visible.
pub fn text_literal(text: &[u8]) -> String {
    let mut shown = String::from("'");
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '\n' => shown += "\\n",
            '\r' => shown += "\\r",
            '\t' => shown += "\\t",
            control if control.is_control() => shown += &control.escape_unicode().to_string(),
            other => shown.push(other),
        }
    }
    shown + "'"
}

/// What `PRAGMA integrity_check` says, in one line: `ok` when all is well.
pub fn integrity(path: &Path) -> String {
    let connection = open(path);
    let mut check = connection.prepare("PRAGMA integrity_check").unwrap();
    let lines: Result<Vec<String>, _> = check.query_map([], |row| row.get(0)).unwrap().collect();
    lines.map_or_else(|error| error.to_string(), |lines| lines.join("; "))
}

/// [`integrity`] of a database that need not be there yet.
pub fn integrity_or_none(path: &Path) -> String {
    if path.exists() {
        integrity(path)
    } else {
        "ok".to_owned()
    }
}

/// Rows of `table`, counted by SQLite itself; 0 when there is no such table.
pub fn count(path: &Path, table: &str) -> u64 {
    let name = table.replace('"', "\"\"");
    let counted = open(path).query_row(&format!("SELECT count(*) FROM \"{name}\" NOT INDEXED"), [], |row| {
        row.get::<_, i64>(0)
    });
    match counted {
        Ok(count) => u64::try_from(count).expect("a count is not negative"),
        Err(error) if error.to_string().contains("no such table") => 0,
        Err(error) => panic!("cannot count {table}: {error}"),
    }
}
