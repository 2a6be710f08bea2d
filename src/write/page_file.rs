//! Finished pages into the database file, and into the transaction that makes them part of the database.
//!
//! New pages are written past the end of the file, where no reader looks and no journal is needed. What makes them part of the
//! database (changed pages such as roots, and the page count) goes through SQLite's pager, as rows of the `sqlite_dbpage` table, so
//! the rollback journal covers it.

use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use crate::error::Error;
use crate::faults;
use crate::write::database::{Database, database_error, set_defensive};
use crate::write::descriptor::Descriptor;
use crate::write::pages::{ChangedPage, NewPages};

/// Where [`lock_byte`] is in every build of SQLite that does not tell. Source: `PENDING_BYTE` in sqlite3.c.
const DEFAULT_LOCK_BYTE: u64 = 0x4000_0000;
/// Finished pages that wait in memory before they are written.
const FLUSH_BYTES: usize = 2 << 20;

/// The database file, written to beside SQLite.
#[derive(Debug)]
pub struct PageFile {
    descriptor: Arc<Descriptor>,
    path: PathBuf,
    page_bytes: usize,
    /// The last new page that was written, to be passed through the pager: it tells the pager how large the file is.
    last_page: Option<(u32, Vec<u8>)>,
}

impl PageFile {
    /// Opens the file at `path`, whose pages have `page_bytes` bytes.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &Path, page_bytes: usize) -> Result<Self, Error> {
        let descriptor = Descriptor::of(path).map_err(|e| Error::io("opening", path, e))?;
        Ok(PageFile {
            descriptor,
            path: path.to_owned(),
            page_bytes,
            last_page: None,
        })
    }

    /// Writes the pages if there are enough of them to be worth a call.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    #[inline]
    pub fn append_full(&mut self, pages: &mut NewPages) -> Result<(), Error> {
        if pages.pending_bytes() >= FLUSH_BYTES {
            self.append(pages)
        } else {
            Ok(())
        }
    }

    /// Writes the pages to their places past the end of the database and has the disk begin with them.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    pub fn append(&mut self, pages: &mut NewPages) -> Result<(), Error> {
        let (first_page, bytes) = pages.pending();
        if bytes.is_empty() {
            return Ok(());
        }
        let offset_bytes = u64::from(first_page - 1) * self.page_bytes as u64;
        self.descriptor
            .file()
            .write_all_at(bytes, offset_bytes)
            .map_err(|e| Error::io("writing", &self.path, e))?;
        let last = bytes.len() - self.page_bytes;
        self.last_page = Some((pages.last_page(), bytes[last..].to_vec()));
        self.start_writeback(offset_bytes, bytes.len());
        pages.forget();
        faults::point("direct: pages written");
        Ok(())
    }

    /// Has the kernel write dirty pages now, so that the disk works while the processor does. Only a hint: failure shows at the sync.
    fn start_writeback(&self, offset_bytes: u64, length_bytes: usize) {
        // SAFETY: sync_file_range takes no pointer; the descriptor is open.
        unsafe {
            libc::sync_file_range(
                self.descriptor.file().as_raw_fd(),
                offset_bytes as i64,
                length_bytes as i64,
                libc::SYNC_FILE_RANGE_WRITE,
            )
        };
    }

    /// Makes everything appended since the last call part of the database once the open transaction of `connection` is committed;
    /// `changed` are the pages that get new content.
    ///
    /// # Errors
    /// `Database` or `Io`.
    pub fn publish(&mut self, connection: &Connection, changed: &[ChangedPage]) -> Result<(), Error> {
        let pass = || -> rusqlite::Result<()> {
            let mut put = connection.prepare("INSERT INTO sqlite_dbpage(pgno, data) VALUES (?1, ?2)")?;
            for page in changed {
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
        let published = set_defensive(connection, false)
            .and_then(|()| pass())
            .and_then(|()| set_defensive(connection, true));
        published.map_err(|e| database_error(&self.path, e))?;
        self.last_page = None;
        Ok(())
    }
}

/// Makes an empty file of `database` if it holds nothing but `tables` and what belongs to them, nothing that a program has set, and `also`
/// agrees; whether it did. Nothing is journalled, so that it takes no longer for a large database. `database` must be closed next.
///
/// # Errors
/// `DatabaseBusy` while anybody else has a transaction in it, `Database`, and whatever `also` fails with.
pub fn empty_if_only(
    database: &Database,
    tables: &[&str],
    also: &dyn Fn(&Database) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let connection = database.connection();
    let look = || -> rusqlite::Result<bool> {
        // Nobody reads or writes from here on, so what is looked at stays as it is until the file is empty.
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        let mut statement = connection.prepare("SELECT tbl_name FROM sqlite_schema")?;
        let names: Vec<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let is_set = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, bool>(0));
        let is_ours = |name: &String| tables.iter().any(|table| table.eq_ignore_ascii_case(name));
        let is_untouched = !is_set("PRAGMA user_version")? && !is_set("PRAGMA application_id")?;
        Ok(names.iter().all(is_ours) && mode != "wal" && is_untouched)
    };
    let fail = |e| database_error(database.path(), e);
    let empties = look().map_err(fail)? && also(database)?;
    if empties {
        empty_file(connection).map_err(fail)?;
    }
    connection.execute_batch("ROLLBACK").map_err(fail)?;
    Ok(empties)
}

/// Cuts the file of `connection`, which must have an exclusive transaction in which nothing was written, to nothing: an empty database.
fn empty_file(connection: &Connection) -> rusqlite::Result<()> {
    let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
    // SAFETY: the handle is that of an open connection; the operation stores one pointer where its argument points to.
    let found = unsafe {
        ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        )
    };
    // SAFETY: the pointer is SQLite's own file object, which lives as long as the connection; its methods are a static table.
    let result = match unsafe { file.as_ref().and_then(|file| file.pMethods.as_ref()) } {
        Some(methods) if found == ffi::SQLITE_OK => match (methods.xTruncate, methods.xSync) {
            // SAFETY: called as SQLite calls them, on the file that they belong to, which this thread alone uses.
            (Some(truncate), Some(sync)) => unsafe {
                match truncate(file, 0) {
                    ffi::SQLITE_OK => sync(file, ffi::SQLITE_SYNC_FULL),
                    error => error,
                }
            },
            _ => ffi::SQLITE_ERROR,
        },
        _ => ffi::SQLITE_ERROR,
    };
    match result {
        ffi::SQLITE_OK => Ok(()),
        error => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(error), None)),
    }
}

/// The first byte that SQLite locks; the page that it lies in holds nothing. SQLite itself is asked, so that the two cannot differ: its
/// tests, and ours, move the byte to where small files have it.
pub fn lock_byte() -> u64 {
    // SAFETY: the operation takes one unsigned int; zero changes nothing, and the byte is returned.
    let byte = unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PENDING_BYTE, 0u32) };
    match u64::try_from(byte) {
        Ok(byte) if byte > 0 => byte,
        _ => DEFAULT_LOCK_BYTE,
    }
}
