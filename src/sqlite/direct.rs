//! The direct path: finished pages into the file, inside SQLite's own transaction.
//!
//! Pages are written past the end of the file, and over pages of ours that the last commit left free, where no reader looks and no
//! journal is needed. Each batch completes the table's tree, with a root of its own. What makes it part of the database, the root's number
//! in the schema and the fields of page 1, goes through SQLite's pager at commit, so the rollback journal covers it:
//! after a crash at any moment the file is what the last commit left, plus bytes that nothing refers to.
//!
//! Traps: this connection must never read a row of the table, and no statement in a batch's transaction may take or free a page.

pub mod aligned;
pub mod edge;
pub mod file_object;
pub mod index;
pub mod leaf_run;
pub mod packed;
pub mod page_file;
mod page_writer;
pub mod pages;
pub mod publish;
pub mod roots;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::Error;
use crate::faults;
use crate::memory;
use crate::schema::identifier::quote;
use crate::schema::shape::Mark;
use crate::schema::table_info::TableInfo;
use crate::schema::{ColumnType, RowIds};
use crate::sqlite::TargetTable;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::direct::edge::Edge;
use crate::sqlite::direct::file_object::{FileObject, change_counter, reserved_bytes};
use crate::sqlite::direct::packed::{PackedRows, Packs, PagePacker};
use crate::sqlite::direct::page_file::{FLUSH_BYTES, PageFile};
use crate::sqlite::direct::page_writer::PageWriter;
use crate::sqlite::direct::pages::{NewPages, TableBuilder};
use crate::sqlite::direct::publish::{FreeList, FreePages, Publication};
use crate::sqlite::direct::roots::{PlacedRoots, RootKind};
use crate::sqlite::own::checkpoint;
use crate::sqlite::statement::unusual_step;

/// Threads that write packed rows: a disk is fast only if it always has something to do.
const WRITE_THREADS: usize = 2;

/// Appends rows to a table, past those that it has, as long as nobody else writes to the database.
#[derive(Debug)]
pub struct DirectWriter {
    database: Database,
    file: Arc<PageFile>,
    /// Writes rows that come packed; `None` before the first of them.
    page_writer: Option<PageWriter>,
    page_bytes: usize,
    table: String,
    /// Where the table began before the first batch.
    first_root: u32,
    /// The edge of the table's tree before the first batch, to which that adds rows; `None` if it cannot.
    edge: Option<Edge>,
    builder: TableBuilder,
    /// What the batches so far have made part of the database; `None` before the first has begun.
    edition: Option<Edition>,
    in_batch: bool,
    /// A tree built out of order would be corrupt: one comparison a row rules that out, whatever the plan was.
    last_row_id: Option<i64>,
    /// SQLite's number for the state of the file that the builder knows; every commit increments it.
    change_counter: u32,
}

/// Pairs of pages of which each batch uses one and leaves the other free: what the last commit uses is not written to.
#[derive(Debug)]
struct Edition {
    /// Both numbers have the same width, so that the schema's entry can be changed in place.
    roots: [u32; 2],
    trunks: [u32; 2],
    /// Which of the two the open batch uses.
    current: usize,
    /// Pages of the database as SQLite knows it.
    known_pages: u32,
    /// Which of them the last commit left free.
    free: Option<FreeList>,
}

impl DirectWriter {
    /// A writer for the table `table` of the database at `path`; [`obstacle`](Self::obstacle) says whether the table can take it.
    ///
    /// # Errors
    /// `Io` or `Database` when the file cannot be opened or read.
    pub fn open(path: &Path, table: &str) -> Result<Self, Error> {
        let database = Database::open(path, memory::DATABASE_BYTES)?;
        database.prepare_for_load()?;
        let connection = database.connection();
        let read = || -> rusqlite::Result<(usize, Option<u32>, u32, Option<Edge>)> {
            connection.execute_batch("BEGIN")?;
            let root = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
            let first_root = connection.query_row(root, [table], |row| row.get(0)).optional()?;
            // This comes first, so that what others commit while the table is looked at is noticed when the first batch begins.
            let counter = change_counter(&FileObject::of(connection)?.header()?);
            let page_bytes: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let edge = first_root.and_then(|root| read_edge(connection, page_bytes as usize, root));
            connection.execute_batch("COMMIT")?;
            Ok((page_bytes as usize, first_root, counter, edge))
        };
        let (page_bytes, first_root, change_counter, edge) = read().map_err(|e| database_error(path, e))?;
        let first_root = first_root.ok_or_else(|| Error::table_gone(table))?;
        Ok(DirectWriter {
            file: Arc::new(PageFile::open(path, page_bytes)?),
            page_writer: None,
            database,
            page_bytes,
            table: table.to_owned(),
            first_root,
            // The first batch's builder is made when that batch begins.
            builder: TableBuilder::new(page_bytes, first_root, NewPages::new(page_bytes, 0, 0)),
            edition: None,
            in_batch: false,
            last_row_id: edge.as_ref().and_then(Edge::last_row_id),
            edge,
            change_counter,
        })
    }

    /// The pages that it takes.
    pub fn packs(&self) -> Packs {
        Packs::Pages {
            page_bytes: self.page_bytes,
            next_row_id: self.next_row_id(),
        }
    }

    /// The row id that SQLite would give to the next row. Source: <https://sqlite.org/autoinc.html> §2.
    fn next_row_id(&self) -> i64 {
        self.last_row_id.map_or(1, |last| last.saturating_add(1))
    }

    /// The greatest row id of the table; `None` if it is empty.
    pub fn last_row_id(&self) -> Option<i64> {
        self.last_row_id
    }

    /// Why the table of `target`, filled with its columns, cannot take the direct path; `None` when it can. What others commit from the
    /// time on at which this writer was opened is noticed when the first batch begins. `database`: another connection to it.
    ///
    /// SQLite itself is asked, about each property that it reports and, for what it reports in no other way, about the steps that it would
    /// take for an INSERT: a step that is not known to be harmless is an obstacle.
    ///
    /// # Errors
    /// `Database` when the schema cannot be read.
    pub fn obstacle(&self, database: &Database, target: &TargetTable<'_>) -> Result<Option<String>, Error> {
        let obstacle = obstacle(database, target)?;
        let unread = || "the table's pages are not as SQLite makes them".to_owned();
        Ok(obstacle.or_else(|| self.edge.is_none().then(unread)))
    }

    /// Appends a row of a batch that was [begun](Self::begin); returns its row id. `row_id` must be greater than every one before it;
    /// without one, the row gets the number that SQLite would give it.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails, `Internal` for a row id that does not ascend.
    #[inline]
    pub fn append(&mut self, row_id: Option<i64>, record: &[u8]) -> Result<i64, Error> {
        let row_id = row_id.unwrap_or_else(|| self.next_row_id());
        if self.last_row_id.is_some_and(|last| row_id <= last) {
            return Err(Error::internal(format!(
                "row id {row_id} does not ascend on the direct path"
            )));
        }
        self.last_row_id = Some(row_id);
        self.builder.append(row_id, record);
        if self.builder.run().pending_bytes() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(row_id)
    }

    /// Writes what is finished.
    fn flush(&mut self) -> Result<(), Error> {
        self.file.append(self.builder.new_pages())?;
        let numbers = self.builder.take_own();
        self.file.append_run(self.builder.run(), numbers)?;
        self.builder.forget_own();
        self.file.write_placed(&self.builder.take_many_placed())
    }

    /// Whether rows that are packed can come next, in a batch that was [begun](Self::begin).
    pub fn takes_packed(&self, rows: &PackedRows) -> bool {
        let follows = match (rows.row_ids, self.last_row_id) {
            (RowIds::Given, _) => rows.first_row_id == self.next_row_id(),
            (_, last) => last.is_none_or(|last| rows.first_row_id > last),
        };
        follows && self.in_batch && rows.page_bytes() == self.page_bytes
    }

    /// Appends rows that are packed, and that [can come next](Self::takes_packed); `packing` gets their memory back.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_packed(&mut self, mut rows: PackedRows, packing: &Arc<PagePacker>) -> Result<(), Error> {
        self.builder.close_leaf();
        self.flush()?;
        let numbers = self.builder.take(&mut rows.leaves);
        self.last_row_id = Some(rows.leaves.last_row_id());
        if self.page_writer.is_none() {
            self.page_writer = PageWriter::new(&self.file, WRITE_THREADS).ok();
        }
        match &self.page_writer {
            Some(page_writer) => page_writer.write(rows, numbers, packing),
            // The system refuses another thread.
            None => {
                self.file.append_run(&rows.leaves, numbers)?;
                packing.reuse(rows);
                Ok(())
            }
        }
    }

    /// Begins a batch, if none is begun; returns whether that is possible. From here on no other process can add pages to the file. A
    /// process that did so since the last batch may have taken the very pages that come next, or have changed the table: then nothing more
    /// can be appended.
    ///
    /// # Errors
    /// `DatabaseBusy` when another process writes, `Database`.
    pub fn begin(&mut self) -> Result<bool, Error> {
        if self.in_batch {
            return Ok(true);
        }
        if !self.begin_unchanged()? {
            return Ok(false);
        }
        if self.edition.is_none() {
            let edge = self.edge.take();
            let edge = edge.ok_or_else(|| Error::internal("finished pages for a table whose edge is not known"))?;
            let (edition, new) = self.first_edition()?;
            self.builder = TableBuilder::after(self.page_bytes, &edge, new);
            self.edition = Some(edition);
        }
        self.in_batch = true;
        Ok(true)
    }

    /// Begins a transaction if nobody else has written since the last one; returns whether it did.
    fn begin_unchanged(&self) -> Result<bool, Error> {
        self.database.begin()?;
        let is_unchanged = read_change_counter(&self.database)? == self.change_counter;
        if !is_unchanged {
            self.database.rollback()?;
        }
        Ok(is_unchanged)
    }

    /// Moves the table to the first of our pages.
    fn first_edition(&self) -> Result<(Edition, NewPages), Error> {
        let four = |new: &mut NewPages| {
            let mut pages = [(); 4].map(|()| new.reserve());
            // Of four consecutive numbers at most one is followed by a wider one.
            if roots::width_bytes(pages[0]) != roots::width_bytes(pages[1]) {
                pages.reverse();
            }
            pages.to_vec()
        };
        let names = [self.table.clone()];
        let PlacedRoots {
            reserved,
            known_pages,
            new,
        } = roots::place(&self.database, self.page_bytes, (RootKind::Table, &names), four)?;
        let edition = Edition {
            roots: [reserved[0], reserved[1]],
            trunks: [reserved[2], reserved[3]],
            current: 0,
            known_pages,
            free: None,
        };
        Ok((edition, new))
    }

    /// The mark by which the table will be recognized once the open batch is committed, with `rows` of the load.
    pub fn mark(&self, rows: u64) -> Option<Mark> {
        self.last_row_id.map(|row_id| Mark {
            row_id: Some(row_id),
            rows,
            root_page: i64::from(self.root_page()),
        })
    }

    /// The page at which the table begins, or will begin once the open batch is committed.
    pub fn root_page(&self) -> u32 {
        match &self.edition {
            Some(edition) if self.in_batch => edition.roots[edition.current],
            Some(edition) if edition.free.is_some() => edition.roots[1 - edition.current],
            _ => self.first_root,
        }
    }

    /// Commits everything appended so far in one transaction, in which `also` runs: it may update rows in place and do nothing else.
    ///
    /// # Errors
    /// As [`append`](Self::append); nothing of the batch is then part of the database.
    pub fn commit(&mut self, also: &mut dyn FnMut(&Connection) -> Result<(), Error>) -> Result<(), Error> {
        also(self.database.connection())?;
        let root = self.root_page();
        self.flush()?;
        let Some(edition) = self.edition.as_mut().filter(|_| self.in_batch) else {
            return Err(Error::internal("a batch that was not begun was to be committed"));
        };
        self.file.write_placed(&self.builder.finish_batch(root))?;
        roots::set(&self.database, RootKind::Table, &self.table, root)?;
        let other = 1 - edition.current;
        let publication = Publication {
            known_pages: edition.known_pages,
            page_count: self.builder.new_pages().last_page(),
            free: Some(FreePages {
                page_bytes: self.page_bytes,
                trunk: edition.trunks[edition.current],
                leaves: (self.builder.free_pages())
                    .chain([edition.roots[other], edition.trunks[other]])
                    .collect(),
                replaces: edition.free,
            }),
        };
        if let Some(page_writer) = &self.page_writer {
            page_writer.wait()?;
        }
        faults::point("direct: before the commit");
        let published = publish::commit(&self.database, &publication)?;
        edition.known_pages = publication.page_count;
        edition.free = published.free;
        edition.current = other;
        self.builder.committed();
        self.change_counter = published.change_counter;
        self.in_batch = false;
        Ok(())
    }

    /// The state in which the last batch left the database, for [`DatabaseState::is_unchanged`]; `None` when another process has
    /// written since.
    ///
    /// # Errors
    /// `DatabaseBusy`, `Database`.
    pub fn state(&mut self) -> Result<Option<DatabaseState>, Error> {
        if !self.begin_unchanged()? {
            return Ok(None);
        }
        self.database.rollback()?;
        Ok(Some(DatabaseState {
            change_counter: self.change_counter,
            page_bytes: self.page_bytes,
        }))
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// `Database` when SQLite cannot close.
    pub fn close(self) -> Result<(), Error> {
        self.database.close()
    }
}

/// The right edge of the tree at `root`; in a transaction. `None` if it cannot be read.
fn read_edge(connection: &Connection, page_bytes: usize, root: u32) -> Option<Edge> {
    let file = FileObject::of(connection).ok()?;
    let read = |number: u32, page: &mut [u8]| {
        let offset_bytes = (i64::from(number) - 1) * page_bytes as i64;
        file.read(page, offset_bytes)
    };
    Edge::read(page_bytes, root, read).ok().flatten()
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
        Ok(read_change_counter(database)? == self.change_counter)
    }
}

/// The [number](change_counter) in the file, within a transaction.
fn read_change_counter(database: &Database) -> Result<u32, Error> {
    let read = || FileObject::of(database.connection())?.header();
    read()
        .map(|header| change_counter(&header))
        .map_err(|e| database.fail(e))
}

/// What SQLite does for an INSERT of one row into a plain table. None of these steps looks at other tables, other rows or what the values
/// are, except for NULLs and the row id, which validation and order have taken care of.
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

fn obstacle(database: &Database, target: &TargetTable<'_>) -> Result<Option<String>, Error> {
    let &TargetTable {
        table, columns, shape, ..
    } = target;
    let fail = |e| database_error(database.path(), e);
    if let Some(reason) = obstacle_in_file(database.connection()).map_err(fail)? {
        return Ok(Some(reason));
    }
    let Some(info) = database.describe_table(table)? else {
        return Err(Error::table_gone(table));
    };
    if let Some(difference) = shape.and_then(|shape| shape.difference(&info.shape())) {
        return Ok(Some(difference));
    }
    if let Some(reason) = obstacle_in_table(database.connection(), &info).map_err(fail)? {
        return Ok(Some(reason));
    }
    let same = info.columns.len() == columns.len()
        && info
            .columns
            .iter()
            .zip(columns)
            .all(|(theirs, ours)| theirs.name == ours.name && theirs.not_null == ours.not_null);
    if !same {
        return Ok(Some(
            "the input does not have the table's columns in their order, or the table was changed".to_owned(),
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
    let step = unusual_insert(database.connection(), &info).map_err(fail)?;
    Ok(step.map(|step| format!("SQLite must look at each row of this table (its step {step})")))
}

/// What stands in the way in the database as a whole.
fn obstacle_in_file(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let flag = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, bool>(0));
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    let mode = text("PRAGMA journal_mode")?;
    if !["delete", "truncate", "persist"].contains(&mode.as_str()) {
        return Ok(Some(format!("the database's journal mode is {mode}")));
    }
    let on_checkpoints = "SELECT count(*) FROM sqlite_schema WHERE tbl_name = ?1 AND type <> 'table'";
    if connection.query_row(on_checkpoints, [checkpoint::TABLE], |row| row.get::<_, bool>(0))? {
        return Ok(Some(format!(
            "others have an index or a trigger on {}",
            checkpoint::TABLE
        )));
    }
    if text("PRAGMA encoding")? != "UTF-8" {
        return Ok(Some("the database's text encoding is not UTF-8".to_owned()));
    }
    if flag("PRAGMA auto_vacuum")? {
        return Ok(Some("the database is in auto_vacuum mode".to_owned()));
    }
    if reserved_bytes(&FileObject::of(connection)?.header()?) != 0 {
        return Ok(Some("the database reserves bytes of each page".to_owned()));
    }
    Ok(None)
}

/// What stands in the way in the table, as far as SQLite reports it.
fn obstacle_in_table(connection: &Connection, info: &TableInfo) -> rusqlite::Result<Option<String>> {
    let others =
        "SELECT type || ' ' || name FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type <> 'table' LIMIT 1";
    let other = connection
        .query_row(others, [&info.name], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(other) = other {
        return Ok(Some(format!("the table has the {other}")));
    }
    let strict = "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
    let is_strict: bool = connection.query_row(strict, [&info.name], |row| row.get(0))?;
    let named = [
        (info.without_rowid, "the table is WITHOUT ROWID"),
        (is_strict, "the table is STRICT"),
        ((info.foreign_keys > 0), "the table has foreign keys"),
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
/// What a new version of SQLite does differently is taken as unusual, which costs only speed.
fn unusual_insert(connection: &Connection, info: &TableInfo) -> rusqlite::Result<Option<String>> {
    let values = vec!["?"; info.columns.len()].join(",");
    let insert = format!("INSERT OR ABORT INTO main.{} VALUES ({values})", quote(&info.name));
    unusual_step(connection, &insert, |name, code| {
        let halts_for_more = name == "Halt" && ![0, ffi::SQLITE_CONSTRAINT_PRIMARYKEY].contains(&code);
        PLAIN_STEPS.contains(&name) && !halts_for_more
    })
}

#[cfg(test)]
pub(super) mod tests;
