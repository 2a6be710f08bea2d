//! Which rows refer to what is not there.
//!
//! Comes in: a row of the table. Goes out: whether one of its foreign keys is open. SQLite itself only counts open keys, and a new row's
//! open key can be cancelled out in that count by closing one that an old row left open long ago; so each row is checked. A value is
//! compared as SQLite does it for a foreign key: by the affinity and the collation of the column that it refers to. Source:
//! <https://sqlite.org/foreignkeys.html> §2, <https://sqlite.org/datatype3.html> §4.2.

use std::ffi::c_int;

use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::table_info::{TableInfo, row_id_name};
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::format::{RecordValue, decode};
use crate::sqlite::statement::{Statement, database_failure};

/// Checks the rows of one table.
#[derive(Debug)]
pub struct Orphans<'d> {
    database: &'d Database,
    find: Statement<'d>,
    delete: Statement<'d>,
    find_any: Statement<'d>,
    /// If rows are identified by their primary key: the places of its columns among those that the load fills.
    key: Option<Vec<usize>>,
    /// Values of the current row; reused.
    values: Vec<RecordValue>,
}

/// A foreign key: the table that it refers to, and its columns here and there.
pub struct ForeignKey {
    pub(super) parent: String,
    pub(super) columns: Vec<(String, String)>,
}

impl<'d> Orphans<'d> {
    /// `None` if the table has no foreign keys, or the load cannot identify its rows.
    ///
    /// # Errors
    /// `Database`.
    pub fn new(database: &'d Database, info: &TableInfo, target: &TargetTable<'_>) -> Result<Option<Self>, Error> {
        let foreign_keys = foreign_keys(database, &info.name).map_err(|error| database.fail(error))?;
        let (row, key) = if info.without_rowid {
            let name = |&index: &usize| info.columns[index].name.as_str();
            let names: Vec<&str> = info.primary_key.iter().map(name).collect();
            let place = |name: &&str| (target.columns.iter()).position(|column| column.name.eq_ignore_ascii_case(name));
            let Some(places) = names.iter().map(place).collect::<Option<Vec<usize>>>() else {
                return Ok(None);
            };
            let tests: Vec<String> = names.iter().map(|name| format!("c.{} = ?", quote(name))).collect();
            (tests.join(" AND "), Some(places))
        } else {
            let Some(name) = row_id_name(info) else {
                return Ok(None);
            };
            (format!("c.{} = ?", quote(name)), None)
        };
        if foreign_keys.is_empty() {
            return Ok(None);
        }
        let open: Vec<String> = foreign_keys.iter().map(ForeignKey::is_open).collect();
        let (table, open) = (quote(&info.name), open.join(" OR "));
        Ok(Some(Orphans {
            database,
            find: Statement::new(
                database,
                &format!("SELECT 1 FROM main.{table} AS c WHERE {row} AND ({open})"),
            )?,
            find_any: Statement::new(
                database,
                &format!("SELECT 1 FROM main.{table} AS c WHERE {open} LIMIT 1"),
            )?,
            delete: Statement::new(database, &format!("DELETE FROM main.{table} AS c WHERE {row}"))?,
            key,
            values: Vec::new(),
        }))
    }

    /// Whether the row, which is in the table, refers to what is not there.
    ///
    /// # Errors
    /// `Database`.
    pub fn has(&mut self, row_id: i64, record: &[u8]) -> Result<bool, Error> {
        self.decode(record)?;
        bind(&mut self.find, (self.key.as_deref(), &self.values), row_id, record);
        let found = self.find.step();
        found
            .map(|found| found.is_some())
            .map_err(|failure| database_failure(self.database, failure))
    }

    /// Whether any row of the table refers to what is not there.
    ///
    /// # Errors
    /// `Database`.
    pub fn has_any(&mut self) -> Result<bool, Error> {
        let found = self.find_any.step();
        found
            .map(|found| found.is_some())
            .map_err(|failure| database_failure(self.database, failure))
    }

    /// Deletes the row; returns whether that was possible.
    ///
    /// # Errors
    /// `Internal` for a malformed record.
    pub fn delete(&mut self, row_id: i64, record: &[u8]) -> Result<bool, Error> {
        self.decode(record)?;
        bind(&mut self.delete, (self.key.as_deref(), &self.values), row_id, record);
        Ok(self.delete.step().is_ok())
    }

    fn decode(&mut self, record: &[u8]) -> Result<(), Error> {
        let malformed = || Error::internal("a malformed record is in the table");
        decode(record, &mut self.values).ok_or_else(malformed)
    }
}

fn bind(statement: &mut Statement<'_>, (key, values): (Option<&[usize]>, &[RecordValue]), row_id: i64, record: &[u8]) {
    match key {
        None => statement.bind(1, RecordValue::Integer(row_id), record),
        Some(places) => {
            for (number, &place) in places.iter().enumerate() {
                statement.bind(number as c_int + 1, values[place], record);
            }
        }
    }
}

impl ForeignKey {
    /// The SQL test of whether row `c` refers to what is not there.
    fn is_open(&self) -> String {
        let is_set = self
            .columns
            .iter()
            .map(|(own, _)| format!("c.{} IS NOT NULL", quote(own)));
        // The sign removes the affinity of the value's own column, so that the other column's counts.
        let is_equal = self
            .columns
            .iter()
            .map(|(own, other)| format!("p.{} = +c.{}", quote(other), quote(own)));
        format!(
            "({} AND NOT EXISTS (SELECT 1 FROM main.{} AS p WHERE {}))",
            is_set.collect::<Vec<_>>().join(" AND "),
            quote(&self.parent),
            is_equal.collect::<Vec<_>>().join(" AND ")
        )
    }
}

/// The foreign keys of `table`.
pub(super) fn foreign_keys(database: &Database, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let connection = database.connection();
    let mut list = connection
        .prepare("SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq")?;
    let mut rows = list.query([table])?;
    let mut last_id = None;
    let mut keys: Vec<ForeignKey> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if last_id.replace(id) != Some(id) {
            keys.push(ForeignKey {
                parent: row.get(1)?,
                columns: Vec::new(),
            });
        }
        let key = keys.last_mut().expect("pushed above");
        let (own, other): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let other = match other {
            Some(other) => other,
            // The primary key is meant.
            None => connection.query_row(
                "SELECT name FROM pragma_table_info(?1) WHERE pk = ?2",
                (&key.parent, key.columns.len() as i64 + 1),
                |row| row.get(0),
            )?,
        };
        key.columns.push((own, other));
    }
    Ok(keys)
}
