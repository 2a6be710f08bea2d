//! What makes finished pages part of the database: a commit that records them on page 1.
//!
//! New pages lie past the end of the file, and rewritten ones are among those that the last commit counts as free: nobody reads either.
//! SQLite knows of neither, so the page count and the list of free pages that it writes on page 1 are not the ones that they need. For the
//! length of one COMMIT its file object is given another method to write with, which puts ours in their place. All the rest is SQLite's
//! own: its journal holds page 1 as it was, so that a rollback, even after a crash, undoes the change; its sync at commit is of the same
//! file, so that the pages are on the disk before the journal is given up; and at its next transaction it sees that page 1 is not as it
//! wrote it, and rereads what it remembers of the file. So would any other program.
//!
//! If SQLite did anything to the file that the pages were not made for, the commit fails: a page taken at the end, or a change to our free
//! pages. The page that lists those is the first of the free list, so whenever SQLite takes or frees a page, it writes to that page or puts
//! another before it.

use std::cell::Cell;

use rusqlite::{Connection, ffi};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;
use crate::faults;
use crate::sqlite::database::{Database, set_defensive};
use crate::sqlite::direct::file_object::{FileObject, change_counter, number_at};

/// Where on page 1 the fields that we set are. Source: SQLite file format §1.3.
const PAGE_COUNT: usize = 28;
const FIRST_TRUNK: usize = 32;
const FREE_PAGES: usize = 36;

/// Finished pages that a commit is to make part of the database.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Pages of the database as SQLite knows it.
    pub known_pages: u32,
    /// Pages of the database, including those that were written past its end.
    pub page_count: u32,
    /// Our free pages, if there are any.
    pub free: Option<FreePages>,
}

/// Pages that are free once the commit is done.
#[derive(Debug, Clone)]
pub struct FreePages {
    pub page_bytes: usize,
    /// The page that lists the others; it is not in use in the last committed state.
    pub trunk: u32,
    pub leaves: Vec<u32>,
    /// The list of ours that this one replaces.
    pub replaces: Option<FreeList>,
}

/// Our list of free pages, as a commit left it; it comes first in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeList {
    trunk: u32,
    /// Where the page that lists them lies, and the hash of its content.
    trunk_offset_bytes: i64,
    trunk_hash: u64,
    /// How many pages it has, itself included.
    pages: u32,
    /// How many free pages there are in all, those of others included.
    all_pages: u32,
    /// The list of others that follows.
    next: u32,
}

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The number that every commit increments, as this one left it.
    pub change_counter: u32,
    pub free: Option<FreeList>,
}

/// Commits the open transaction of `database`, and with it `publication`. Everybody then reads the schema anew. Once a root page was
/// changed by hand, the connection itself must not be asked about the schema before the commit.
///
/// # Errors
/// `DatabaseBusy`, `Io` or `Database`; nothing of the transaction is then part of the database.
pub fn commit(database: &Database, publication: &Publication) -> Result<Published, Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<Option<Published>> {
        set_defensive(connection, false)?;
        let version: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
        // The number has 32 bits, and all that matters is that it differs.
        connection.execute_batch(&format!("PRAGMA schema_version = {}", (version as i32).wrapping_add(1)))?;
        let published = commit_with(connection, publication);
        set_defensive(connection, true)?;
        published
    };
    let published = run().map_err(|e| database.fail(e))?;
    published.ok_or_else(|| {
        Error::internal(
            "finished pages could not be made part of the database: it is not in the state that they were made for",
        )
    })
}

fn commit_with(connection: &Connection, publication: &Publication) -> rusqlite::Result<Option<Published>> {
    let file = FileObject::of(connection)?;
    let before = change_counter(&file.header()?);
    if let Some(list) = publication.free.as_ref().and_then(|free| free.replaces) {
        // A large transaction may have written page 1 already.
        let mut page = vec![0; publication.free.as_ref().map_or(0, |free| free.page_bytes)];
        file.read(&mut page, list.trunk_offset_bytes)?;
        if xxh3_64(&page) != list.trunk_hash {
            return Ok(None);
        }
    }
    let own = file.methods()?;
    let hook = Hook {
        methods: ffi::sqlite3_io_methods {
            xWrite: Some(write),
            ..*own
        },
        own,
        publication,
        before,
        published: Cell::new(None),
        is_refused: Cell::new(false),
    };
    let _hooked = Hooked::new(&file, &hook);
    connection.execute_batch("COMMIT")?;
    Ok(hook.published.get())
}

/// A file's methods, with the one that writes replaced.
#[repr(C)]
struct Hook<'a> {
    /// First, so that a pointer to the methods is one to the whole.
    methods: ffi::sqlite3_io_methods,
    own: &'static ffi::sqlite3_io_methods,
    publication: &'a Publication,
    /// The change counter before the commit.
    before: u32,
    published: Cell<Option<Published>>,
    /// The commit has failed: whatever SQLite writes from then on takes it back.
    is_refused: Cell<bool>,
}

/// A file object that has a hook's methods; it gets its own back when this is dropped.
struct Hooked<'a> {
    file: *mut ffi::sqlite3_file,
    hook: &'a Hook<'a>,
}

impl<'a> Hooked<'a> {
    fn new(file: &'a FileObject<'_>, hook: &'a Hook<'a>) -> Self {
        let file = file.as_ptr();
        // SAFETY: the connection is open, so its file object lives; the connection is this thread's alone. The pointer covers the whole
        // hook, which lives longer than it stands in the file object: `drop` takes it out.
        unsafe { (*file).pMethods = (&raw const *hook).cast() };
        Hooked { file, hook }
    }
}

impl Drop for Hooked<'_> {
    fn drop(&mut self) {
        // SAFETY: as in `new`: the file object is borrowed, so its connection was not closed meanwhile.
        unsafe { (*self.file).pMethods = self.hook.own };
    }
}

/// What SQLite calls to write to a file that is [`Hooked`].
unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const std::ffi::c_void,
    count: std::ffi::c_int,
    offset: ffi::sqlite3_int64,
) -> std::ffi::c_int {
    // SAFETY: only a `Hooked` puts this function into a file object, and the methods there are the first field of its hook.
    let hook = unsafe { &*(*file).pMethods.cast::<Hook<'_>>() };
    let Some(own_write) = hook.own.xWrite else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    // SAFETY: SQLite passes as many bytes as it says.
    let page = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(count).unwrap_or(0)) };
    let has_header = offset == 0 && page.len() > FREE_PAGES + 4;
    let is_plain = match has_header {
        // With the old number it is the page as it was: SQLite is taking the transaction back.
        true => number_at(page, 24) == hook.before,
        false => !hook.is_our_list(offset),
    };
    if is_plain || hook.is_refused.get() {
        // SAFETY: passed on as SQLite passed it.
        return unsafe { own_write(file, bytes, count, offset) };
    }
    let filled = if has_header { hook.fill_in(page) } else { None };
    let Some((page, published, trunk)) = filled else {
        hook.is_refused.set(true);
        return ffi::SQLITE_IOERR_WRITE;
    };
    if let Some((trunk_offset, trunk)) = trunk {
        // SAFETY: as SQLite calls it; the bytes are ours and live beyond the call.
        let written = unsafe { own_write(file, trunk.as_ptr().cast(), trunk.len() as i32, trunk_offset) };
        if written != ffi::SQLITE_OK {
            return written;
        }
    }
    faults::point("publish: before the first page");
    hook.published.set(Some(published));
    // SAFETY: as above.
    unsafe { own_write(file, page.as_ptr().cast(), count, 0) }
}

/// Page 1, what it then says, and the page that lists our free pages, with its offset.
type Filled = (Vec<u8>, Published, Option<(i64, Vec<u8>)>);

impl Hook<'_> {
    /// Whether the page at `offset` is the one that lists our free pages in the last committed state.
    fn is_our_list(&self, offset: i64) -> bool {
        let replaced = self.publication.free.as_ref().and_then(|free| free.replaces);
        replaced.is_some_and(|list| list.trunk_offset_bytes == offset)
    }

    /// Page 1 with our fields; `None` if the database is not the one that the pages were made for.
    fn fill_in(&self, page: &[u8]) -> Option<Filled> {
        let Publication {
            known_pages,
            page_count,
            free,
        } = self.publication;
        if number_at(page, 24) != self.before.wrapping_add(1) || number_at(page, PAGE_COUNT) != *known_pages {
            return None;
        }
        let mut page = page.to_vec();
        let mut set = |offset: usize, number: u32| page[offset..offset + 4].copy_from_slice(&number.to_be_bytes());
        set(PAGE_COUNT, *page_count);
        let (mut trunk, mut list) = (None, None);
        if let Some(free) = free {
            let (first, pages) = (number_at(&page, FIRST_TRUNK), number_at(&page, FREE_PAGES));
            let (next, others) = match free.replaces {
                Some(ours) if (ours.trunk, ours.all_pages) == (first, pages) => {
                    (ours.next, pages.checked_sub(ours.pages)?)
                }
                Some(_) => return None,
                None => (first, pages),
            };
            let listing = free.page(next);
            let ours = 1 + free.leaves.len() as u32;
            let now = FreeList {
                trunk: free.trunk,
                trunk_offset_bytes: free.offset_bytes(),
                trunk_hash: xxh3_64(&listing),
                pages: ours,
                all_pages: others.checked_add(ours)?,
                next,
            };
            let mut set = |offset: usize, number: u32| page[offset..offset + 4].copy_from_slice(&number.to_be_bytes());
            set(FIRST_TRUNK, now.trunk);
            set(FREE_PAGES, now.all_pages);
            trunk = Some((now.trunk_offset_bytes, listing));
            list = Some(now);
        }
        let published = Published {
            change_counter: number_at(&page, 24),
            free: list,
        };
        Some((page, published, trunk))
    }
}

impl FreePages {
    fn offset_bytes(&self) -> i64 {
        i64::from(self.trunk - 1) * self.page_bytes as i64
    }

    /// The page that lists the others. Source: SQLite file format §1.5.
    fn page(&self, next: u32) -> Vec<u8> {
        let mut page: Vec<u8> = [next, self.leaves.len() as u32]
            .iter()
            .chain(&self.leaves)
            .flat_map(|number| number.to_be_bytes())
            .collect();
        page.resize(self.page_bytes, 0);
        page
    }
}

#[cfg(test)]
mod tests;
