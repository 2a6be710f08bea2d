//! Rows that wait for what they refer to keep their place: a later row that shares a unique value with one of them waits, too.
//!
//! Comes in: rows that wait, and each row after them. Goes out: whether that one may be judged before them. What is kept are the values
//! of unique keys, in a database of its own that is a temporary file beyond a few megabytes and that no rollback of the load touches.
//! SQLite compares them, by the affinities and collations of the table. Where what must be unique is not known by columns that the load
//! fills (an expression, a default), every later row waits.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::error::Error;
use crate::schema::ColumnType;
use crate::schema::identifier::quote;
use crate::schema::table_info::{BINARY, TableInfo};
use crate::write::database::{Database, database_error};
use crate::write::sql::SqlTarget;
use crate::write::statement::{Value, decode};

/// The unique values of rows that wait.
#[derive(Debug)]
pub struct HeldKeys {
    connection: Connection,
    keys: Vec<HeldKey>,
    /// The column that is the row id.
    row_id_column: Option<usize>,
    /// A row may share what is not known here.
    holds_all: bool,
    /// Values of the row at hand; reused.
    values: Vec<Value>,
}

/// What no two rows share.
#[derive(Debug)]
struct HeldKey {
    /// Indices of the columns among those that the load fills.
    columns: Vec<usize>,
    find: String,
    put: String,
}

/// A value of a row on its way into SQLite.
struct Bound<'a>(Value, &'a [u8]);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Bound(value, record) = self;
        Ok(ToSqlOutput::Borrowed(match *value {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(value),
            Value::Real(value) => ValueRef::Real(value),
            Value::Text { start, bytes } => ValueRef::Text(&record[start..start + bytes]),
        }))
    }
}

impl HeldKeys {
    /// Of rows of the table `info`, none yet.
    ///
    /// # Errors
    /// `Database`.
    pub fn new(database: &Database, info: &TableInfo, target: &SqlTarget<'_>) -> Result<Self, Error> {
        let place = |index: usize| {
            let name = &info.columns[index].name;
            (target.columns.iter()).position(|column| column.name.eq_ignore_ascii_case(name))
        };
        let row_id = target
            .row_id_column
            .map(|index| vec![(index, BINARY, ColumnType::Integer)]);
        let unique = info.unique_indexes.iter().map(|index| {
            let parts = index.columns.iter();
            let filled = parts.filter_map(|(column, collation)| {
                Some((place(*column)?, collation.as_str(), info.columns[*column].column_type))
            });
            filled.collect::<Vec<_>>()
        });
        let all: Vec<_> = row_id.into_iter().chain(unique).collect();
        let holds_all = all.iter().any(Vec::is_empty);
        let make = || -> rusqlite::Result<(Connection, Vec<HeldKey>)> {
            let connection = Connection::open("")?;
            connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
            let mut keys = Vec::new();
            for (number, parts) in all.iter().enumerate().filter(|_| !holds_all) {
                keys.push(HeldKey::new(&connection, number, parts)?);
            }
            // Never committed: nobody else will read it.
            connection.execute_batch("BEGIN")?;
            Ok((connection, keys))
        };
        let (connection, keys) = make().map_err(|error| database_error(database.path(), error))?;
        Ok(HeldKeys {
            connection,
            keys,
            row_id_column: target.row_id_column,
            holds_all,
            values: Vec::new(),
        })
    }

    /// Takes a row that waits.
    ///
    /// # Errors
    /// `Database`, `Io` when the disk is full.
    pub fn hold(&mut self, database: &Database, row_id: Option<i64>, record: &[u8]) -> Result<(), Error> {
        self.read(row_id, record)?;
        let put = || -> rusqlite::Result<()> {
            for key in self.keys.iter().filter(|key| !key.has_null(&self.values)) {
                let mut statement = self.connection.prepare_cached(&key.put)?;
                statement.execute(rusqlite::params_from_iter(key.bound(&self.values, record)))?;
            }
            Ok(())
        };
        put().map_err(|error| database_error(database.path(), error))
    }

    /// Whether a row must wait for one that waits.
    ///
    /// # Errors
    /// `Database`.
    pub fn shares(&mut self, database: &Database, row_id: Option<i64>, record: &[u8]) -> Result<bool, Error> {
        if self.holds_all {
            return Ok(true);
        }
        self.read(row_id, record)?;
        let find = || -> rusqlite::Result<bool> {
            for key in self.keys.iter().filter(|key| !key.has_null(&self.values)) {
                let mut statement = self.connection.prepare_cached(&key.find)?;
                if statement.exists(rusqlite::params_from_iter(key.bound(&self.values, record)))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        find().map_err(|error| database_error(database.path(), error))
    }

    fn read(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<(), Error> {
        let malformed = || Error::internal("a malformed record waits");
        decode(record, &mut self.values).ok_or_else(malformed)?;
        if let (Some(index), Some(row_id)) = (self.row_id_column, row_id) {
            self.values[index] = Value::Integer(row_id);
        }
        Ok(())
    }
}

impl HeldKey {
    fn new(connection: &Connection, number: usize, parts: &[(usize, &str, ColumnType)]) -> rusqlite::Result<Self> {
        let columns: Vec<String> = (0..parts.len()).map(|part| format!("c{part}")).collect();
        let declared = columns.iter().zip(parts).map(|(name, (_, collation, column_type))| {
            let affinity = match column_type {
                ColumnType::Integer => "INTEGER",
                ColumnType::Real => "REAL",
                ColumnType::Numeric => "NUMERIC",
                ColumnType::Any => "BLOB",
                _ => "TEXT",
            };
            format!("{name} {affinity} COLLATE {}", quote(collation))
        });
        let declared: Vec<String> = declared.collect();
        let table = format!("k{number}");
        let columns_list = columns.join(",");
        connection.execute_batch(&format!(
            "CREATE TABLE {table}({}, PRIMARY KEY ({columns_list})) WITHOUT ROWID",
            declared.join(",")
        ))?;
        let marks = vec!["?"; columns.len()].join(",");
        Ok(HeldKey {
            columns: parts.iter().map(|(index, ..)| *index).collect(),
            find: format!(
                "SELECT 1 FROM {table} WHERE {}",
                columns
                    .iter()
                    .map(|name| format!("{name} = ?"))
                    .collect::<Vec<_>>()
                    .join(" AND ")
            ),
            put: format!("INSERT OR IGNORE INTO {table} VALUES ({marks})"),
        })
    }

    /// Whether a value is NULL, which is equal to nothing.
    fn has_null(&self, values: &[Value]) -> bool {
        self.columns.iter().any(|&index| matches!(values[index], Value::Null))
    }

    fn bound<'a>(&'a self, values: &'a [Value], record: &'a [u8]) -> impl Iterator<Item = Bound<'a>> {
        self.columns.iter().map(move |&index| Bound(values[index], record))
    }
}
