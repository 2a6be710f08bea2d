//! The direct path: finished pages into the file, inside SQLite's own transaction.
//!
//! New pages are written past the end of the file, where no reader looks and no journal is needed. What makes them part of the
//! database (the changed interior pages, the root, the page count) goes through SQLite's pager at commit, as rows of the
//! `sqlite_dbpage` table, so the rollback journal covers it: after a crash at any moment the file is what the last commit left, plus
//! bytes past its end that nothing refers to. SQLite's sync at commit is of the same file, so the new pages are on the disk before
//! the journal is given up.
//!
//! Traps: this connection must never read the table (its cache would be stale), and no statement in a batch's transaction may allocate
//! a page.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::error::Error;
use crate::faults;
use crate::memory;
use crate::schema::identifier::quote;
use crate::schema::{Column, ColumnType};
use crate::write::database::{Database, database_error};
use crate::write::page_file::{PageFile, lock_byte};
use crate::write::pages::TableBuilder;

/// Appends rows to a table that was empty when it was opened, as long as nobody else writes to the database.
#[derive(Debug)]
pub struct DirectWriter {
    database: Database,
    file: PageFile,
    page_bytes: usize,
    builder: TableBuilder,
    in_batch: bool,
    /// A tree built out of order would be a corrupt one: one comparison a row rules it out, whatever the plan was.
    last_row_id: Option<i64>,
    /// SQLite's number for the state of the file that the builder knows; it changes when another connection commits.
    data_version: i64,
}

impl DirectWriter {
    /// A writer for the empty table `table` of the database at `path`; see [`obstacle`] for which tables can take it.
    ///
    /// # Errors
    /// `Io` or `Database` when the file cannot be opened or read.
    pub fn open(path: &Path, table: &str) -> Result<Self, Error> {
        let database = Database::open(path, memory::DATABASE_BYTES)?;
        database.prepare_for_load()?;
        let connection = database.connection();
        // First: what others commit while the rest is read is then noticed when the first batch begins.
        let data_version = database.data_version()?;
        let read = || -> rusqlite::Result<(usize, u32, u32)> {
            let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
            let root = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
            let root_page = connection.query_row(root, [table], |row| row.get(0))?;
            Ok((
                number("PRAGMA page_size")? as usize,
                root_page,
                number("PRAGMA page_count")?,
            ))
        };
        let (page_bytes, root_page, page_count) = read().map_err(|e| database_error(path, e))?;
        let builder = TableBuilder::new(page_bytes, root_page, page_count, lock_byte());
        Ok(DirectWriter {
            database,
            file: PageFile::open(path, page_bytes)?,
            page_bytes,
            builder,
            in_batch: false,
            last_row_id: None,
            data_version,
        })
    }

    /// Appends a row of a batch that was [begun](Self::begin); its row id. `row_id` must be greater than every one before it; without
    /// one, the row gets the number that SQLite would give it.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails, `Internal` for a row id that does not ascend.
    #[inline]
    pub fn append(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<i64, Error> {
        // Source: <https://sqlite.org/autoinc.html> §2.
        let row_id = row_id.unwrap_or_else(|| self.last_row_id.map_or(1, |last| last + 1));
        if self.last_row_id.is_some_and(|last| row_id <= last) {
            return Err(Error::internal(format!(
                "row id {row_id} does not ascend on the direct path"
            )));
        }
        self.last_row_id = Some(row_id);
        self.builder.append(row_id, record);
        self.file.append_full(self.builder.new_pages())?;
        Ok(row_id)
    }

    /// Begins a batch, if none is begun; whether that is possible. From here on no other process can add pages to the file. One that
    /// did since the last batch may hold the very pages that come next, or have changed the table: then nothing more can be appended.
    ///
    /// # Errors
    /// `DatabaseBusy` when another process writes, `Database`.
    pub fn begin(&mut self) -> Result<bool, Error> {
        if self.in_batch {
            return Ok(true);
        }
        self.database.begin()?;
        if self.database.data_version()? != self.data_version {
            self.database.rollback()?;
            return Ok(false);
        }
        self.in_batch = true;
        Ok(true)
    }

    /// Commits everything appended so far in one transaction, in which `also` runs: it may update rows in place, nothing else.
    ///
    /// # Errors
    /// As [`append`](Self::append); nothing of the batch is then part of the database.
    pub fn commit(&mut self, also: &mut dyn FnMut(&Connection) -> Result<(), Error>) -> Result<(), Error> {
        also(self.database.connection())?;
        if self.builder.rows() > 0 {
            let changed = self.builder.finish_batch();
            self.file.append(self.builder.new_pages())?;
            self.file.publish(self.database.connection(), &changed)?;
        }
        faults::point("direct: before the commit");
        self.database.commit()?;
        self.in_batch = false;
        Ok(())
    }

    /// The state in which the last batch left the database, for [`DatabaseState::is_unchanged`]; `None` when another process has
    /// written since.
    ///
    /// # Errors
    /// `DatabaseBusy`, `Database`.
    pub fn state(&mut self) -> Result<Option<DatabaseState>, Error> {
        if !self.begin()? {
            return Ok(None);
        }
        let state = DatabaseState {
            change_counter: change_counter(&self.database)?,
            page_bytes: self.page_bytes,
        };
        self.database.rollback()?;
        self.in_batch = false;
        Ok(Some(state))
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// `Database` when SQLite cannot close.
    pub fn close(self) -> Result<(), Error> {
        self.database.close()
    }
}

/// A committed state of the database.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseState {
    change_counter: u32,
    pub page_bytes: usize,
}

impl DatabaseState {
    /// Whether nobody has written since; within a transaction of `database`.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_unchanged(&self, database: &Database) -> Result<bool, Error> {
        Ok(change_counter(database)? == self.change_counter)
    }
}

/// The number that every commit counts up. Source: SQLite file format §1.3.
fn change_counter(database: &Database) -> Result<u32, Error> {
    let read = || {
        let first = "SELECT substr(data, 25, 4) FROM sqlite_dbpage WHERE pgno = 1";
        database.connection().query_row(first, [], |row| row.get(0))
    };
    let bytes: [u8; 4] = read().map_err(|e| database_error(database.path(), e))?;
    Ok(u32::from_be_bytes(bytes))
}

/// Why `table`, filled with `columns`, cannot take the direct path; `None` when it can.
///
/// Conservative: a word in the table's SQL that might mean more than a plain column is an obstacle, even inside a name.
///
/// # Errors
/// `Database` when the schema cannot be read.
pub fn obstacle(database: &Database, table: &str, columns: &[Column]) -> Result<Option<String>, Error> {
    let connection = database.connection();
    let look = || -> rusqlite::Result<Option<String>> {
        let flag = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        if !flag("SELECT sqlite_compileoption_used('ENABLE_DBPAGE_VTAB')")? {
            return Ok(Some("this build of SQLite has no sqlite_dbpage table".to_owned()));
        }
        let mode = text("PRAGMA journal_mode")?;
        if !["delete", "truncate", "persist"].contains(&mode.as_str()) {
            return Ok(Some(format!("the database's journal mode is {mode}")));
        }
        if text("PRAGMA encoding")? != "UTF-8" {
            return Ok(Some("the database's text encoding is not UTF-8".to_owned()));
        }
        if flag("PRAGMA auto_vacuum")? {
            return Ok(Some("the database is in auto_vacuum mode".to_owned()));
        }
        let reserved = "SELECT substr(data, 21, 1) <> x'00' FROM sqlite_dbpage WHERE pgno = 1";
        if flag(reserved)? {
            return Ok(Some("the database reserves bytes of each page".to_owned()));
        }
        let own = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
        let sql: String = connection.query_row(own, [table], |row| row.get(0))?;
        let others = "SELECT type || ' ' || name FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type <> 'table' LIMIT 1";
        if let Some(other) = connection
            .query_row(others, [table], |row| row.get::<_, String>(0))
            .optional()?
        {
            return Ok(Some(format!("the table has the {other}")));
        }
        if connection
            .query_row(&format!("SELECT 1 FROM {} LIMIT 1", quote(table)), [], |_| Ok(()))
            .optional()?
            .is_some()
        {
            return Ok(Some("the table has rows".to_owned()));
        }
        Ok(plain_sql(&sql))
    };
    if let Some(reason) = look().map_err(|e| database_error(database.path(), e))? {
        return Ok(Some(reason));
    }
    let info = database
        .describe_table(table)?
        .ok_or_else(|| Error::internal("the table to load is gone"))?;
    let same = info.columns.len() == columns.len()
        && info
            .columns
            .iter()
            .zip(columns)
            .all(|(theirs, ours)| theirs.name == ours.name);
    if !same {
        return Ok(Some(
            "the input does not have the table's columns in their order".to_owned(),
        ));
    }
    let other = info
        .columns
        .iter()
        .find(|column| matches!(column.column_type, ColumnType::Any | ColumnType::Numeric));
    Ok(other.map(|column| format!("SQLite must convert the values of column \"{}\"", column.name)))
}

/// The first word of a `CREATE TABLE` that means more than plain columns, if there is one.
fn plain_sql(sql: &str) -> Option<String> {
    let words = [
        "CHECK",
        "GENERATED",
        "AS",
        "COLLATE",
        "AUTOINCREMENT",
        "REFERENCES",
        "FOREIGN",
        "WITHOUT",
        "STRICT",
        "UNIQUE",
    ];
    let upper = sql.to_ascii_uppercase();
    // Names that rowmill quotes are no words of SQL: only what stands outside double quotes counts.
    let outside: String = upper.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let found = outside
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| words.contains(word));
    found.map(|word| format!("the table is declared with {word}"))
}

#[cfg(test)]
pub(super) mod tests;
