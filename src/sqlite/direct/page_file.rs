//! Finished pages into the database file, where nobody reads them: past its end, or where SQLite counts pages as free. A commit makes them
//! part of the database ([`publish`](crate::sqlite::direct::publish)).

use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ffi;

use crate::error::Error;
use crate::faults;
use crate::sqlite::database::Database;
use crate::sqlite::descriptor::Descriptor;
use crate::sqlite::direct::file_object::FileObject;
use crate::sqlite::direct::pages::{NewPages, RewrittenPage};

/// Where [`lock_byte`] is in builds of SQLite that do not say. Source: `PENDING_BYTE` in sqlite3.c.
const DEFAULT_LOCK_BYTE: u64 = 0x4000_0000;
/// Finished pages that wait in memory before they are written.
const FLUSH_BYTES: usize = 2 << 20;

/// The database file, which is written to alongside SQLite.
#[derive(Debug)]
pub struct PageFile {
    descriptor: Arc<Descriptor>,
    path: PathBuf,
    page_bytes: usize,
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

    /// Writes the pages to their places past the end of the database, and makes the disk begin to write them.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    pub fn append(&mut self, pages: &mut NewPages) -> Result<(), Error> {
        let (first_page, bytes) = pages.pending();
        if bytes.is_empty() {
            return Ok(());
        }
        if pages.are_too_many() {
            let full = std::io::Error::new(
                std::io::ErrorKind::StorageFull,
                "the database has as many pages as it can have: VACUUM it with a larger PRAGMA page_size",
            );
            return Err(Error::io("writing", &self.path, full));
        }
        let offset_bytes = self.write(first_page, bytes)?;
        self.start_writeback(offset_bytes, bytes.len());
        pages.forget();
        faults::point("direct: pages written");
        Ok(())
    }

    /// Makes the kernel write dirty pages now, so that the disk works while the processor does. Only a hint: a failure shows at the sync.
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

    /// Gives pages that nobody reads new content.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn rewrite(&mut self, pages: &[RewrittenPage]) -> Result<(), Error> {
        for page in pages {
            self.write(page.number, &page.bytes)?;
        }
        faults::point("direct: pages rewritten");
        Ok(())
    }

    /// Writes pages from number `first_page` on; returns the offset of the first.
    fn write(&self, first_page: u32, bytes: &[u8]) -> Result<u64, Error> {
        let offset_bytes = u64::from(first_page - 1) * self.page_bytes as u64;
        let written = self.descriptor.file().write_all_at(bytes, offset_bytes);
        written.map_err(|e| Error::io("writing", &self.path, e))?;
        Ok(offset_bytes)
    }
}

/// Empties the file of `database` if it holds only `tables` and what belongs to them, and nothing that a program has set, and if `also`
/// agrees; returns whether it did. Nothing is journalled, so this takes no longer for a large database. `database` must be closed next.
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
        // Nobody else reads or writes from here on, so what is looked at stays as it is until the file is empty.
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
    let fail = |e| database.fail(e);
    let empties = look().map_err(fail)? && also(database)?;
    if empties {
        FileObject::of(connection).and_then(|file| file.empty()).map_err(fail)?;
    }
    connection.execute_batch("ROLLBACK").map_err(fail)?;
    Ok(empties)
}

/// The first byte that SQLite locks; the page that it lies in holds nothing. SQLite itself is asked, so that the two cannot disagree: its
/// tests, and ours, move the byte to where small files have it.
pub fn lock_byte() -> u64 {
    // SAFETY: the operation takes one unsigned int; zero changes nothing, and the byte is returned.
    let byte = unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PENDING_BYTE, 0u32) };
    match u64::try_from(byte) {
        Ok(byte) if byte > 0 => byte,
        _ => DEFAULT_LOCK_BYTE,
    }
}
