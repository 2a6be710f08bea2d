//! The direct path: finished pages into the file, inside SQLite's own transaction.
//!
//! New pages are written past the end of the file, where no reader looks and no journal is needed. What makes them part of the
//! database (the changed interior pages, the root, the page count) goes through SQLite's pager at commit, as rows of the
//! `sqlite_dbpage` table, so the rollback journal covers it: after a crash at any moment the file is what the last commit left, plus
//! bytes past its end that nothing refers to. SQLite's sync at commit is of the same file, so the new pages are on the disk before
//! the journal is given up.
//!
//! Traps: this connection must never read the table (its cache would be stale), no statement in a batch's transaction may allocate a
//! page, and the file opened here must stay open until the connection is closed: closing it drops SQLite's POSIX locks.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use crate::error::{Error, ErrorKind};
use crate::memory;
use crate::schema::identifier::quote;
use crate::schema::{Column, ColumnType};
use crate::write::database::{Database, database_error};
use crate::write::pages::{LOCK_BYTE, TableBuilder};

/// Finished pages that wait in memory before they are written.
const FLUSH_BYTES: usize = 2 << 20;

/// Appends rows to a table that was empty when it was opened.
#[derive(Debug)]
pub struct DirectWriter {
    // In this order: fields are dropped in the order of their declaration, and the connection must go before the file.
    database: Database,
    file: File,
    path: PathBuf,
    builder: TableBuilder,
    page_bytes: usize,
    in_batch: bool,
    /// A tree built out of order would be a corrupt one: one comparison a row rules it out, whatever the plan was.
    last_row_id: Option<i64>,
    /// SQLite's number for the state of the file that the builder knows; it changes when another connection commits.
    data_version: i64,
    /// The last new page that was written, to be passed through the pager: it tells the pager how large the file is.
    last_page: Option<(u32, Vec<u8>)>,
}

impl DirectWriter {
    /// A writer for the empty table `table` of the database at `path`; see [`obstacle`] for which tables can take it.
    ///
    /// # Errors
    /// `Io` or `Database` when the file cannot be opened or read.
    pub fn open(path: &Path, table: &str) -> Result<Self, Error> {
        let database = Database::open(path, memory::DATABASE_BYTES)?;
        database.prepare_for_load()?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| Error::io("opening", path, e))?;
        let connection = database.connection();
        // First: what others commit while the rest is read is then noticed when the first batch begins.
        let data_version = data_version(&database)?;
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
        let builder = TableBuilder::new(page_bytes, root_page, page_count, LOCK_BYTE);
        Ok(DirectWriter {
            database,
            file,
            path: path.to_owned(),
            builder,
            page_bytes,
            in_batch: false,
            last_row_id: None,
            data_version,
            last_page: None,
        })
    }

    /// Appends a row; `row_id` must be greater than every one before it.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails, `DatabaseBusy` when another process writes, `Internal` for a row id that does not ascend.
    #[inline]
    pub fn append(&mut self, row_id: i64, record: &[u8]) -> Result<(), Error> {
        if !self.in_batch {
            self.begin()?;
        }
        if self.last_row_id.is_some_and(|last| row_id <= last) {
            return Err(Error::internal(format!(
                "row id {row_id} does not ascend on the direct path"
            )));
        }
        self.last_row_id = Some(row_id);
        self.builder.append(row_id, record);
        if self.builder.pending_bytes() >= FLUSH_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// From here on no other process can add pages to the file; one that did since the last batch may hold the very pages that come
    /// next.
    fn begin(&mut self) -> Result<(), Error> {
        self.database.begin()?;
        if data_version(&self.database)? != self.data_version {
            let message = "it was written to during the load".to_owned();
            return Err(Error::new(ErrorKind::DatabaseBusy {
                path: self.path.clone(),
                message,
            }));
        }
        self.in_batch = true;
        Ok(())
    }

    /// Writes finished pages past the end of the database and has the disk begin with them.
    fn flush(&mut self) -> Result<(), Error> {
        let (first_page, pages) = self.builder.new_pages();
        if pages.is_empty() {
            return Ok(());
        }
        let offset_bytes = u64::from(first_page - 1) * self.page_bytes as u64;
        self.file
            .write_all_at(pages, offset_bytes)
            .map_err(|e| Error::io("writing", &self.path, e))?;
        let last = pages.len() - self.page_bytes;
        let last_number = first_page + (last / self.page_bytes) as u32;
        self.last_page = Some((last_number, pages[last..].to_vec()));
        start_writeback(&self.file, offset_bytes, pages.len());
        self.builder.forget_new_pages();
        Ok(())
    }

    /// Commits everything appended so far in one transaction, in which `also` runs: it may update rows in place, nothing else.
    ///
    /// # Errors
    /// As [`append`](Self::append); nothing of the batch is then part of the database.
    pub fn commit(&mut self, also: &mut dyn FnMut(&Connection) -> Result<(), Error>) -> Result<(), Error> {
        if !self.in_batch {
            self.begin()?;
        }
        also(self.database.connection())?;
        if self.builder.rows() > 0 {
            let changed = self.builder.finish_batch();
            self.flush()?;
            let connection = self.database.connection();
            let pass = || -> rusqlite::Result<()> {
                let mut put = connection.prepare("INSERT INTO sqlite_dbpage(pgno, data) VALUES (?1, ?2)")?;
                for page in &changed {
                    put.execute((page.number, &page.bytes))?;
                }
                let Some((number, bytes)) = &self.last_page else {
                    return Ok(());
                };
                put.execute((number, bytes))?;
                let first = "SELECT data FROM sqlite_dbpage WHERE pgno = 1";
                let mut header: Vec<u8> = connection.query_row(first, [], |row| row.get(0))?;
                header[28..32].copy_from_slice(&number.to_be_bytes());
                // The page count is believed only if these agree; the pager writes both anew at commit.
                header.copy_within(24..28, 92);
                put.execute((1, &header))?;
                Ok(())
            };
            pass().map_err(|e| database_error(&self.path, e))?;
        }
        self.database.commit()?;
        self.in_batch = false;
        self.last_page = None;
        Ok(())
    }

    /// Closes the connection, then the file.
    ///
    /// # Errors
    /// `Database` when SQLite cannot close.
    pub fn close(self) -> Result<(), Error> {
        let DirectWriter { database, file, .. } = self;
        database.close()?;
        drop(file);
        Ok(())
    }
}

/// Changes whenever another connection commits. Source: <https://sqlite.org/pragma.html#pragma_data_version>
fn data_version(database: &Database) -> Result<i64, Error> {
    let read = || {
        database
            .connection()
            .query_row("PRAGMA data_version", [], |row| row.get(0))
    };
    read().map_err(|e| database_error(database.path(), e))
}

/// Has the kernel write dirty pages now, so that the disk works while the processor does. Only a hint: failure shows at the sync.
fn start_writeback(file: &File, offset_bytes: u64, length_bytes: usize) {
    // SAFETY: sync_file_range takes no pointer; the descriptor is open.
    unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            offset_bytes as i64,
            length_bytes as i64,
            libc::SYNC_FILE_RANGE_WRITE,
        )
    };
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
    let other = columns.iter().find(|column| column.column_type == ColumnType::Any);
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
mod tests;
