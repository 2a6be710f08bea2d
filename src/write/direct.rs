//! The direct path: finished pages into the file, inside SQLite's own transaction.
//!
//! New pages are written past the end of the file, where no reader looks and no journal is needed. What makes them part of the
//! database (the changed interior pages, the root, the page count) goes through SQLite's pager at commit, as rows of the
//! `sqlite_dbpage` table, so the rollback journal covers it: after a crash at any moment the file is what the last commit left, plus
//! bytes past its end that nothing refers to. SQLite's sync at commit is of the same file, so the new pages are on the disk before
//! the journal is given up.
//!
//! Traps: this connection must never read a row of the table (its cache would be stale), and no statement in a batch's transaction may allocate
//! a page.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::Error;
use crate::faults;
use crate::memory;
use crate::schema::identifier::quote;
use crate::schema::{Column, ColumnType};
use crate::write::database::{Database, database_error};
use crate::write::page_file::{PageFile, lock_byte};
use crate::write::pages::TableBuilder;
use crate::write::table_info::TableInfo;

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
    /// A writer for the empty table `table` of the database at `path`; [`obstacle`](Self::obstacle) tells whether the table can take it.
    ///
    /// # Errors
    /// `Io` or `Database` when the file cannot be opened or read.
    pub fn open(path: &Path, table: &str) -> Result<Self, Error> {
        let database = Database::open(path, memory::DATABASE_BYTES)?;
        database.prepare_for_load()?;
        let connection = database.connection();
        // First: what others commit while the rest is looked at is then noticed when the first batch begins.
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

    /// Why `table`, filled with `columns`, cannot take the direct path; `None` when it can. What others commit from now on is noticed
    /// when the first batch begins.
    ///
    /// SQLite itself is asked, about each property that it tells of and, for what it tells of no other way, about the steps that it
    /// would take for an INSERT: one that is not known to be harmless is an obstacle.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn obstacle(&self, table: &str, columns: &[Column]) -> Result<Option<String>, Error> {
        obstacle(&self.database, table, columns)
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

/// What SQLite does for an INSERT of one row into a plain table: no step that looks at other tables, other rows or what the values are,
/// but for NULLs and the row id, which validation and order have seen to.
const PLAIN_STEPS: [&str; 15] = [
    "Init",
    "Transaction",
    "Goto",
    "OpenWrite",
    "Variable",
    "SoftNull",
    "NotNull",
    "NewRowid",
    "MustBeInt",
    "HaltIfNull",
    "NotExists",
    "Affinity",
    "MakeRecord",
    "Insert",
    "Halt",
];

fn obstacle(database: &Database, table: &str, columns: &[Column]) -> Result<Option<String>, Error> {
    let fail = |e| database_error(database.path(), e);
    if let Some(reason) = obstacle_in_file(database.connection()).map_err(fail)? {
        return Ok(Some(reason));
    }
    let info = database
        .describe_table(table)?
        .ok_or_else(|| Error::internal("the table to load is gone"))?;
    if let Some(reason) = obstacle_in_table(database.connection(), &info).map_err(fail)? {
        return Ok(Some(reason));
    }
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
    if let Some(column) = other {
        return Ok(Some(format!(
            "SQLite must convert the values of column \"{}\"",
            column.name
        )));
    }
    let step = unusual_step(database.connection(), &info).map_err(fail)?;
    Ok(step.map(|step| format!("SQLite must look at each row of this table (its step {step})")))
}

/// What stands in the way in the database as a whole.
fn obstacle_in_file(connection: &Connection) -> rusqlite::Result<Option<String>> {
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
    Ok(None)
}

/// What stands in the way in the table, as far as SQLite tells of it.
fn obstacle_in_table(connection: &Connection, info: &TableInfo) -> rusqlite::Result<Option<String>> {
    let others =
        "SELECT type || ' ' || name FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type <> 'table' LIMIT 1";
    let other = connection
        .query_row(others, [&info.name], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(other) = other {
        return Ok(Some(format!("the table has the {other}")));
    }
    if !info.is_empty {
        return Ok(Some("the table has rows".to_owned()));
    }
    let strict = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let is_strict: bool = connection.query_row(strict, [&info.name], |row| row.get(0))?;
    let named = [
        (info.without_rowid, "the table is WITHOUT ROWID"),
        (is_strict, "the table is STRICT"),
        (info.has_foreign_keys, "the table has foreign keys"),
        (info.may_autoincrement, "the table's row ids are AUTOINCREMENT"),
        (
            info.columns.iter().any(|column| column.generated),
            "the table has generated columns",
        ),
    ];
    if let Some((_, reason)) = named.iter().find(|(is_so, _)| *is_so) {
        return Ok(Some((*reason).to_owned()));
    }
    let other = info.columns.iter().find(|column| !column.is_binary());
    Ok(other.map(|column| {
        let (name, collation) = (&column.name, &column.collation);
        format!("the values of column \"{name}\" are compared by {collation}")
    }))
}

/// The first of SQLite's steps for an INSERT that is not [plain](PLAIN_STEPS), such as those of a CHECK.
///
/// The steps differ from version to version of SQLite; what a new one does otherwise is taken for unusual, which costs speed alone.
/// Source: <https://sqlite.org/opcode.html>.
fn unusual_step(connection: &Connection, info: &TableInfo) -> rusqlite::Result<Option<String>> {
    let values = vec!["?"; info.columns.len()].join(",");
    let explain = format!(
        "EXPLAIN INSERT OR ABORT INTO main.{} VALUES ({values})",
        quote(&info.name)
    );
    let mut statement = connection.prepare(&explain)?;
    // Nothing is bound: the steps are listed, not taken.
    let mut steps = statement.raw_query();
    while let Some(step) = steps.next()? {
        let (name, code): (String, i32) = (step.get("opcode")?, step.get("p1")?);
        let halts_for_more = name == "Halt" && ![0, ffi::SQLITE_CONSTRAINT_PRIMARYKEY].contains(&code);
        if halts_for_more || !PLAIN_STEPS.contains(&name.as_str()) {
            return Ok(Some(format!("{name} {code}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
pub(super) mod tests;
