//! Finished pages into the database file, where nobody reads them: past its end, or where SQLite counts pages as free. A commit makes them
//! part of the database ([`publish`](crate::sqlite::direct::publish)).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ffi;

use crate::error::Error;
use crate::faults;
use crate::sqlite::database::Database;
use crate::sqlite::descriptor::Descriptor;
use crate::sqlite::direct::aligned::{ALIGNMENT, AlignedBytes};
use crate::sqlite::direct::file_object::FileObject;
use crate::sqlite::direct::leaf_run::LeafRun;
use crate::sqlite::direct::pages::{NewPages, PageNumbers, PlacedPage, RunNumbers};

/// Where [`lock_byte`] is in builds of SQLite that do not say. Source: `PENDING_BYTE` in sqlite3.c.
const DEFAULT_LOCK_BYTE: u64 = 0x4000_0000;
/// Greatest page number. Source: <https://sqlite.org/limits.html> (SQLITE_MAX_PAGE_COUNT).
const MOST_PAGES: u64 = 0xFFFF_FFFE;
/// From so many bytes on, pages go past the page cache: they would only push other files out of it, and copying them there and finding them
/// again takes more of the processor's time than all else that is done to a page. What smaller files hold is likely to be read soon.
/// In builds for tests, whose files are small, much earlier.
const DIRECT_FROM_BYTES: u64 = if cfg!(feature = "faults") { 128 << 10 } else { 64 << 20 };
/// Finished pages that wait in memory before they are written.
pub const FLUSH_BYTES: usize = 2 << 20;

/// The database file, which is written to alongside SQLite.
#[derive(Debug)]
pub struct PageFile {
    descriptor: Arc<Descriptor>,
    path: PathBuf,
    page_bytes: usize,
    /// What was written, from the first to the last byte, since the disk was last made to write.
    dirty: Mutex<Range<u64>>,
    /// Bytes of pages that were written in runs.
    written_bytes: AtomicU64,
    /// Who writes through the page cache, where the kernel lets only one write to a file at a time and the others burn their time.
    buffered: Mutex<()>,
}

impl PageFile {
    /// Opens the file at `path`, whose pages have `page_bytes` bytes.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &Path, page_bytes: usize) -> Result<Self, Error> {
        let descriptor = Descriptor::of(path).map_err(|e| Error::io("opening", path, e))?;
        // As an earlier load may have left it.
        descriptor.set_direct(false);
        Ok(PageFile {
            descriptor,
            path: path.to_owned(),
            page_bytes,
            dirty: Mutex::new(0..0),
            written_bytes: AtomicU64::new(0),
            buffered: Mutex::new(()),
        })
    }

    /// Writes the pages if there are enough of them to be worth a call.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails.
    #[inline]
    pub fn append_full(&self, pages: &mut NewPages) -> Result<(), Error> {
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
    pub fn append(&self, pages: &mut NewPages) -> Result<(), Error> {
        let (first_page, bytes) = pages.pending();
        if bytes.is_empty() {
            return Ok(());
        }
        self.write_new(first_page, bytes)?;
        pages.forget();
        faults::point("direct: pages written");
        Ok(())
    }

    /// Writes the finished pages of a run to their places.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_run(&self, run: &LeafRun, numbers: RunNumbers) -> Result<(), Error> {
        self.append_pages(numbers.leaves, run.leaves())?;
        self.append_pages(numbers.overflow, run.overflow())?;
        faults::point("direct: pages written");
        Ok(())
    }

    /// Writes new pages to their places.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_pages(&self, numbers: PageNumbers, bytes: &[u8]) -> Result<(), Error> {
        let before = self.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // Just once, so that a file system that refuses is not asked again.
        let is_now_large = (before..before + bytes.len() as u64).contains(&DIRECT_FROM_BYTES);
        if is_now_large && self.page_bytes.is_multiple_of(ALIGNMENT) && !is_in_memory(self.descriptor.file()) {
            self.descriptor.set_direct(true);
        }
        for (first_page, indices) in numbers.stretches() {
            let range = indices.start * self.page_bytes..indices.end * self.page_bytes;
            self.write_new(first_page, &bytes[range])?;
        }
        Ok(())
    }

    /// Writes pages past the end of the database, one after another, and makes the disk begin to write once there are enough.
    fn write_new(&self, first_page: u32, bytes: &[u8]) -> Result<(), Error> {
        let start = self.write(first_page, bytes)?;
        if self.descriptor.is_direct() {
            return Ok(());
        }
        let mut dirty = self.dirty.lock().unwrap_or_else(PoisonError::into_inner);
        if dirty.is_empty() {
            *dirty = start..start;
        }
        // Threads that write side by side may leave a gap, which is then written to the disk with the next pages.
        *dirty = dirty.start.min(start)..dirty.end.max(start + bytes.len() as u64);
        if dirty.end - dirty.start >= FLUSH_BYTES as u64 {
            let full = std::mem::replace(&mut *dirty, 0..0);
            drop(dirty);
            self.start_writeback(full);
        }
        Ok(())
    }

    /// Makes the kernel write dirty pages now, so that the disk works while the processor does. Only a hint: a failure shows at the sync.
    fn start_writeback(&self, dirty: Range<u64>) {
        // SAFETY: sync_file_range takes no pointer; the descriptor is open.
        unsafe {
            libc::sync_file_range(
                self.descriptor.file().as_raw_fd(),
                dirty.start as i64,
                (dirty.end - dirty.start) as i64,
                libc::SYNC_FILE_RANGE_WRITE,
            )
        };
    }

    /// Writes pages that nobody reads to their places.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn write_placed(&self, pages: &[PlacedPage]) -> Result<(), Error> {
        for page in pages {
            self.write(page.number, &page.bytes)?;
        }
        faults::point("direct: pages rewritten");
        Ok(())
    }

    /// Writes pages from number `first_page` on; returns the offset of the first.
    fn write(&self, first_page: u32, bytes: &[u8]) -> Result<u64, Error> {
        if u64::from(first_page) + (bytes.len() / self.page_bytes) as u64 > MOST_PAGES {
            let full = std::io::Error::new(
                std::io::ErrorKind::StorageFull,
                "the database has as many pages as it can have: VACUUM it with a larger PRAGMA page_size",
            );
            return Err(Error::io("writing", &self.path, full));
        }
        let offset_bytes = u64::from(first_page - 1) * self.page_bytes as u64;
        let written = match self.descriptor.is_direct() {
            true => self.write_directly(bytes, offset_bytes),
            false => self.write_buffered(bytes, offset_bytes),
        };
        written.map_err(|e| Error::io("writing", &self.path, e))?;
        Ok(offset_bytes)
    }

    fn write_buffered(&self, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        let _alone = self.buffered.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.descriptor.file().write_all_at(bytes, offset_bytes);
        match written {
            // Another thread has just made the descriptor a direct one.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && self.descriptor.is_direct() => {
                self.write_directly(bytes, offset_bytes)
            }
            written => written,
        }
    }

    /// Writes past the page cache; a file system that takes no such write after all, or not of this size, gets a usual one.
    fn write_directly(&self, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        let file = self.descriptor.file();
        let written = match AlignedBytes::are_aligned(bytes) {
            true => file.write_all_at(bytes, offset_bytes),
            false => file.write_all_at(&AlignedBytes::of(bytes), offset_bytes),
        };
        match written {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) && self.descriptor.set_direct(false) => {
                file.write_all_at(bytes, offset_bytes)
            }
            written => written,
        }
    }
}

/// Whether the file is in memory anyhow.
fn is_in_memory(file: &File) -> bool {
    // SAFETY: a statfs of zeroes is valid, and is written to by the call; the descriptor is open.
    let (known, system) = unsafe {
        let mut system: libc::statfs = std::mem::zeroed();
        (libc::fstatfs(file.as_raw_fd(), &mut system) == 0, system)
    };
    known && system.f_type == libc::TMPFS_MAGIC
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
