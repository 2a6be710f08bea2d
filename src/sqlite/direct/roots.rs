//! Root pages, changed by hand: where a table or an index begins, as the schema says.
//!
//! A change in place takes no page, so the numbers of the pages that follow are known. A change that makes an entry longer may take or free
//! some; so the first change of a load comes before any of its pages has a number.
//!
//! The connection must not read its schema anew between such a change and the commit that [publishes](crate::sqlite::direct::publish) the pages: as
//! far as it knows, they lie outside the database.

use rusqlite::Connection;

use crate::error::Error;
use crate::sqlite::database::{Database, set_defensive};
use crate::sqlite::direct::page_file::lock_byte;
use crate::sqlite::direct::pages::NewPages;

/// What has a root.
#[derive(Debug, Clone, Copy)]
pub enum RootKind {
    Table,
    Index,
}

/// Entries of the schema with roots past the end of the file.
#[derive(Debug)]
pub struct PlacedRoots {
    /// The pages that were reserved, starting with those of the entries.
    pub reserved: Vec<u32>,
    /// Pages of the database as SQLite knows it.
    pub known_pages: u32,
    /// The pages that follow.
    pub new: NewPages,
}

/// Gives the entries `names` of the schema the first of the pages that `reserve` takes past the end of the database. In a transaction.
///
/// # Errors
/// `Database`.
pub fn place(
    database: &Database,
    page_bytes: usize,
    (kind, names): (RootKind, &[String]),
    reserve: impl Fn(&mut NewPages) -> Vec<u32>,
) -> Result<PlacedRoots, Error> {
    loop {
        let known_pages = database.number("PRAGMA page_count")?;
        let mut new = NewPages::new(page_bytes, known_pages, lock_byte());
        let reserved = reserve(&mut new);
        for (name, &root) in names.iter().zip(&reserved) {
            set(database, kind, name, root)?;
        }
        // A longer entry may have taken one of these pages.
        if database.number("PRAGMA page_count")? == known_pages {
            return Ok(PlacedRoots {
                reserved,
                known_pages,
                new,
            });
        }
    }
}

/// Sets the root page of an entry of the schema. In a transaction.
///
/// # Errors
/// `Internal` when the entry does not exist, `Database`.
pub fn set(database: &Database, kind: RootKind, name: &str, root: u32) -> Result<(), Error> {
    let kind = match kind {
        RootKind::Table => "table",
        RootKind::Index => "index",
    };
    let update = "UPDATE sqlite_schema SET rootpage = ?1 WHERE type = ?2 AND name = ?3 COLLATE NOCASE";
    match change_schema(database, |connection| connection.execute(update, (root, kind, name)))? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("the {kind} \"{name}\" is not in the schema"))),
    }
}

/// Lets `change` write to the schema as to any table.
///
/// # Errors
/// `Database`.
pub fn change_schema<T>(
    database: &Database,
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<T> {
        set_defensive(connection, false)?;
        connection.execute_batch("PRAGMA writable_schema = ON")?;
        let changed = change(connection);
        connection.execute_batch("PRAGMA writable_schema = OFF")?;
        set_defensive(connection, true)?;
        changed
    };
    run().map_err(|e| database.fail(e))
}

/// How many bytes the number of a page takes in an entry of the schema. Source: SQLite file format §2.1.
pub fn width_bytes(page: u32) -> u32 {
    match page {
        0..=0x7F => 1,
        0x80..=0x7FFF => 2,
        0x8000..=0x7F_FFFF => 3,
        _ => 4,
    }
}
