//! Rows that wait for what they refer to keep their place: a later row that shares a unique value with one of them, or refers to one, waits
//! too.
//!
//! Comes in: rows that wait, and each row after them. Goes out: whether that row may be judged before them. The values of unique keys are
//! kept in a separate database, which is a temporary file beyond a few megabytes and which no rollback of the load touches.
//! SQLite compares them, by the affinities and collations of the table. If what must be unique cannot be seen from the columns that the
//! load fills (an expression, a default), every later row waits.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::error::Error;
use crate::schema::ColumnType;
use crate::schema::identifier::quote;
use crate::schema::table_info::{BINARY, TableInfo};
use crate::sqlite::TargetTable;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::format::{RecordValue, decode};
use crate::sqlite::insert::orphans::{self, ForeignKey};

/// The unique values of rows that wait.
#[derive(Debug)]
pub struct HeldKeys {
    connection: Connection,
    keys: Vec<HeldKey>,
    /// The keys by which rows of the table refer to other rows of it.
    parents: Vec<HeldKey>,
    /// A row may refer to another by something that is not known here.
    refers_unseen: bool,
    /// The column that is the row id.
    row_id_column: Option<usize>,
    /// A row may share something that is not known here.
    holds_all: bool,
    /// Rows that wait.
    count: u64,
    /// Values of the current row; reused.
    values: Vec<RecordValue>,
}

/// Values of waiting rows, with which other rows are compared.
#[derive(Debug)]
struct HeldKey {
    table: String,
    /// The columns of the waiting rows, as indices among those that the load fills.
    columns: Vec<usize>,
    /// The columns of the rows that are compared with them.
    others: Vec<usize>,
    find: String,
    put: String,
}

/// A value of a row on its way into SQLite.
struct Bound<'a>(RecordValue, &'a [u8]);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Bound(value, record) = self;
        Ok(ToSqlOutput::Borrowed(match *value {
            RecordValue::Null => ValueRef::Null,
            RecordValue::Integer(value) => ValueRef::Integer(value),
            RecordValue::Real(value) => ValueRef::Real(value),
            RecordValue::Text { start, bytes } => ValueRef::Text(&record[start..start + bytes]),
        }))
    }
}

impl HeldKeys {
    /// Holds no rows of the table `info` yet.
    ///
    /// # Errors
    /// `Database`.
    pub fn new(database: &Database, info: &TableInfo, target: &TargetTable<'_>) -> Result<Self, Error> {
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
        let keys = all.iter().filter(|_| !holds_all);
        let keys: Vec<KeyParts<'_>> = keys.map(|parts| (parts.clone(), indices(parts))).collect();
        let foreign_keys = orphans::foreign_keys(database, &info.name).map_err(|error| database.fail(error))?;
        let own = foreign_keys
            .iter()
            .filter(|key| key.parent.eq_ignore_ascii_case(&info.name));
        let parents: Vec<Option<KeyParts<'_>>> = own.map(|key| parent_parts(info, target, key)).collect();
        let refers_unseen = parents.iter().any(Option::is_none);
        let make = || -> rusqlite::Result<(Connection, Vec<HeldKey>, Vec<HeldKey>)> {
            let connection = Connection::open("")?;
            connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
            let make = |(number, parts): (usize, &KeyParts<'_>)| HeldKey::new(&connection, number, parts);
            let count = keys.len();
            let keys = keys.iter().enumerate().map(make).collect::<rusqlite::Result<_>>()?;
            let parents = (count..).zip(parents.iter().flatten()).map(make);
            let parents = parents.collect::<rusqlite::Result<_>>()?;
            // Never committed: nobody else will read it.
            connection.execute_batch("BEGIN")?;
            Ok((connection, keys, parents))
        };
        let (connection, keys, parents) = make().map_err(|error| database_error(database.path(), error))?;
        Ok(HeldKeys {
            connection,
            keys,
            parents,
            refers_unseen,
            row_id_column: target.row_id_column,
            holds_all,
            count: 0,
            values: Vec::new(),
        })
    }

    /// Takes a row that waits.
    ///
    /// # Errors
    /// `Database`, `Io` when the disk is full.
    pub fn hold(&mut self, database: &Database, row_id: Option<i64>, record: &[u8]) -> Result<(), Error> {
        self.count += 1;
        self.read(row_id, record)?;
        let put = || -> rusqlite::Result<()> {
            for key in self.keys.iter().chain(&self.parents) {
                if !has_null(&key.columns, &self.values) {
                    let mut statement = self.connection.prepare_cached(&key.put)?;
                    statement.execute(rusqlite::params_from_iter(bound(&key.columns, &self.values, record)))?;
                }
            }
            Ok(())
        };
        put().map_err(|error| database_error(database.path(), error))
    }

    /// Whether a row must wait because it shares a unique value with one that waits.
    ///
    /// # Errors
    /// `Database`.
    pub fn shares(&mut self, database: &Database, row_id: Option<i64>, record: &[u8]) -> Result<bool, Error> {
        if self.holds_all || self.count == 0 {
            return Ok(self.count > 0);
        }
        self.read(row_id, record)?;
        self.is_held(&self.keys, record)
            .map_err(|error| database_error(database.path(), error))
    }

    /// Whether a row refers, or may refer, to one that waits.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_referred_to(&mut self, database: &Database, row_id: Option<i64>, record: &[u8]) -> Result<bool, Error> {
        if self.refers_unseen || self.count == 0 {
            return Ok(self.count > 0);
        }
        self.read(row_id, record)?;
        self.is_held(&self.parents, record)
            .map_err(|error| database_error(database.path(), error))
    }

    /// Forgets all rows.
    ///
    /// # Errors
    /// `Database`.
    pub fn clear(&mut self, database: &Database) -> Result<(), Error> {
        self.count = 0;
        let mut keys = self.keys.iter().chain(&self.parents);
        let cleared = keys.try_for_each(|key| self.connection.execute_batch(&format!("DELETE FROM {}", key.table)));
        cleared.map_err(|error| database_error(database.path(), error))
    }

    fn is_held(&self, keys: &[HeldKey], record: &[u8]) -> rusqlite::Result<bool> {
        for key in keys.iter().filter(|key| !has_null(&key.others, &self.values)) {
            let mut statement = self.connection.prepare_cached(&key.find)?;
            if statement.exists(rusqlite::params_from_iter(bound(&key.others, &self.values, record)))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<(), Error> {
        let malformed = || Error::internal("a malformed record waits");
        decode(record, &mut self.values).ok_or_else(malformed)?;
        if let (Some(index), Some(row_id)) = (self.row_id_column, row_id) {
            self.values[index] = RecordValue::Integer(row_id);
        }
        Ok(())
    }
}

/// Columns with their collations and types, and the columns of the rows that are compared with them.
type KeyParts<'a> = (Vec<(usize, &'a str, ColumnType)>, Vec<usize>);

fn indices(parts: &[(usize, &str, ColumnType)]) -> Vec<usize> {
    parts.iter().map(|(index, ..)| *index).collect()
}

/// The columns of its own table to which a foreign key refers, and the key's own columns; `None` if the load does not fill them all.
fn parent_parts<'a>(info: &'a TableInfo, target: &TargetTable<'_>, key: &ForeignKey) -> Option<KeyParts<'a>> {
    let place = |name: &str| (target.columns.iter()).position(|column| column.name.eq_ignore_ascii_case(name));
    let part = |name: &str| {
        let column = (info.columns.iter()).find(|column| column.name.eq_ignore_ascii_case(name))?;
        Some((place(name)?, column.collation.as_str(), column.column_type))
    };
    let parts = key.columns.iter().map(|(_, other)| part(other));
    let own = key.columns.iter().map(|(own, _)| place(own));
    Some((parts.collect::<Option<_>>()?, own.collect::<Option<_>>()?))
}

/// Whether any value is NULL, which is equal to nothing.
fn has_null(columns: &[usize], values: &[RecordValue]) -> bool {
    columns.iter().any(|&index| matches!(values[index], RecordValue::Null))
}

fn bound<'a>(columns: &'a [usize], values: &'a [RecordValue], record: &'a [u8]) -> impl Iterator<Item = Bound<'a>> {
    columns.iter().map(move |&index| Bound(values[index], record))
}

impl HeldKey {
    fn new(connection: &Connection, number: usize, (parts, others): &KeyParts<'_>) -> rusqlite::Result<Self> {
        let names: Vec<String> = (0..parts.len()).map(|part| format!("c{part}")).collect();
        let declared = names.iter().zip(parts).map(|(name, (_, collation, column_type))| {
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
        let tests: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
        let table = format!("k{number}");
        connection.execute_batch(&format!(
            "CREATE TABLE {table}({}, PRIMARY KEY ({})) WITHOUT ROWID",
            declared.join(","),
            names.join(",")
        ))?;
        let marks = vec!["?"; names.len()].join(",");
        Ok(HeldKey {
            columns: indices(parts),
            others: others.clone(),
            find: format!("SELECT 1 FROM {table} WHERE {}", tests.join(" AND ")),
            put: format!("INSERT OR IGNORE INTO {table} VALUES ({marks})"),
            table,
        })
    }
}
