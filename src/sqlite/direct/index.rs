//! The indexes of a table that is filled directly: collected while its rows are written, and built as finished pages at the end.
//!
//! Comes in: each row with its row id, and the keys of suspects. Goes out: which suspects are duplicates, from the sorted keys; then
//! each index, packed past the end of the file. A key too long to be sorted here leaves its index to SQLite.
//!
//! How an index gets into the schema without SQLite reading the whole table: its entry is written by hand, in the transaction in which its
//! pages become part of the database.

mod entries;
mod key;
mod pages;
mod parts;
mod prefix_set;
mod repeated;
mod sort;
mod unique;

use std::path::Path;
use std::sync::Arc;

pub use self::entries::KeyEntries;
pub use self::key::KeyColumns;
pub use self::unique::RepeatFinder;
use crate::error::Error;
use crate::idle::Idle;
use crate::pipeline::WorkerPool;
use crate::schema::Column;
use crate::schema::identifier::index_name;
use crate::sqlite::database::Database;
use crate::sqlite::direct::index::entries::SortedPart;
use crate::sqlite::direct::index::key::IndexEntry;
use crate::sqlite::direct::index::pages::IndexBuilder;
use crate::sqlite::direct::index::parts::{Building, PartPacker, Repeats};
use crate::sqlite::direct::index::prefix_set::PrefixSet;
use crate::sqlite::direct::index::repeated::RepeatedKeys;
use crate::sqlite::direct::index::sort::{Sorted, Sorter};
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::pages::NewPages;
use crate::sqlite::direct::publish::Publication;
use crate::sqlite::direct::roots::{self, PlacedRoots, RootKind};

/// Memory in which duplicates are brought into input order.
const DUPLICATES_BYTES: u64 = 4 << 20;

/// An index that a load is to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Indices of the columns in the record.
    pub columns: Vec<usize>,
    pub unique: bool,
}

/// What all indexes of a load share.
#[derive(Debug, Clone, Copy)]
pub struct IndexPlace<'a, 'p> {
    pub pool: &'p WorkerPool,
    /// The table's columns.
    pub columns: &'a [Column],
    /// Index in `columns` of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<usize>,
    /// For all indexes together.
    pub memory_bytes: u64,
    /// Where temporary files may be made.
    pub folder: &'a Path,
}

/// The indexes of one table.
#[derive(Debug)]
pub struct TableIndexes<'p> {
    indexes: Vec<TableIndex<'p>>,
    /// Prefixes of the suspects' keys: no other key can be repeated.
    suspects: PrefixSet,
    /// How many keys of the unique index must be left out of it.
    duplicates: u64,
}

#[derive(Debug)]
struct TableIndex<'p> {
    names: Vec<String>,
    unique: bool,
    columns: Arc<KeyColumns>,
    entries: Entries<'p>,
}

#[derive(Debug)]
enum Entries<'p> {
    Coming(Sorter<'p>),
    Sorted(Sorted<'p>),
    /// A key was too long, or the index has been built: nothing to build here.
    None,
}

impl<'p> TableIndexes<'p> {
    pub fn new(specs: &[IndexSpec], place: &IndexPlace<'_, 'p>) -> Self {
        let memory_bytes = place.memory_bytes / specs.len().max(1) as u64;
        let index = |spec: &IndexSpec| {
            let key = Arc::new(KeyColumns::new(place.columns, &spec.columns, place.row_id_column));
            let name = |&index: &usize| place.columns[index].name.clone();
            TableIndex {
                names: spec.columns.iter().map(name).collect(),
                unique: spec.unique,
                columns: Arc::clone(&key),
                entries: Entries::Coming(Sorter::new(place.pool, key, memory_bytes, place.folder)),
            }
        };
        TableIndexes {
            indexes: specs.iter().map(index).collect(),
            suspects: PrefixSet::default(),
            duplicates: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }

    /// Whether a key was too long for its index.
    pub fn lacks_keys(&self) -> bool {
        let lacks = |index: &TableIndex<'_>| matches!(index.entries, Entries::None);
        self.indexes.iter().any(lacks)
    }

    /// Leaves every index to SQLite.
    pub fn give_up(&mut self) {
        self.indexes.clear();
        self.suspects = PrefixSet::default();
    }

    /// Takes a row of the table.
    ///
    /// # Errors
    /// `Io` when a temporary file cannot be written.
    #[inline]
    pub fn push(&mut self, row_id: i64, record: &[u8]) -> Result<(), Error> {
        self.indexes
            .iter_mut()
            .try_for_each(|index| index.push(row_id, record).map(|_| ()))
    }

    /// What each index takes from a row, for [`push_packed`](Self::push_packed).
    pub fn key_columns(&self) -> Vec<Arc<KeyColumns>> {
        self.indexes.iter().map(|index| Arc::clone(&index.columns)).collect()
    }

    /// Takes the rows of the table that `entries` were made of, one for each index.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_packed(&mut self, entries: &[KeyEntries]) -> Result<(), Error> {
        for (index, entries) in self.indexes.iter_mut().zip(entries) {
            if let Entries::Coming(sorter) = &mut index.entries
                && !sorter.take(entries)?
            {
                index.entries = Entries::None;
            }
        }
        Ok(())
    }

    /// Takes a row that may be a duplicate: only its key is taken, for [`duplicates`](Self::duplicates).
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_suspect(&mut self, row_id: i64, record: &[u8]) -> Result<(), Error> {
        for index in self.indexes.iter_mut().filter(|index| index.unique) {
            if let Some(prefix) = index.push(row_id, record)? {
                self.suspects.insert(prefix);
            }
        }
        Ok(())
    }

    /// Takes a suspect that turned out to be new: the unique index has its key already.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_settled(&mut self, row_id: i64, record: &[u8]) -> Result<(), Error> {
        let mut others = self.indexes.iter_mut().filter(|index| !index.unique);
        others.try_for_each(|index| index.push(row_id, record).map(|_| ()))
    }

    /// The row ids of the duplicates in ascending order, each with the row id of the first row that has its key. `None` if only SQLite can
    /// find them.
    ///
    /// # Errors
    /// `Io` when a temporary file cannot be written or read.
    pub fn duplicates(&mut self, memory_bytes: u64) -> Result<Option<Duplicates<'p>>, Error> {
        let memory_bytes = memory_bytes.saturating_sub(DUPLICATES_BYTES);
        let Some(index) = self.indexes.iter_mut().find(|index| index.unique) else {
            return Ok(None);
        };
        index.sort(memory_bytes)?;
        let Entries::Sorted(sorted) = &index.entries else {
            return Ok(None);
        };
        let mut found = sorted.sorter(Arc::new(KeyColumns::integer()), DUPLICATES_BYTES);
        let mut groups = RepeatedKeys::default();
        let mut count = 0;
        let columns = sorted.columns();
        let repeats_of = |part: SortedPart<'_>| Repeats::of(part, columns);
        sorted.for_each_part_of(Some(&self.suspects), repeats_of, |part| {
            part.for_each(columns, &mut groups, |row_id, first| {
                count += 1;
                found.push_pair(row_id, first)
            })
        })?;
        self.duplicates = count;
        Ok(Some(Duplicates {
            sorted: found.finish(DUPLICATES_BYTES)?,
        }))
    }

    /// Makes SQLite build the unique index, or the others, if they cannot be built here.
    ///
    /// # Errors
    /// `Database`, `DatabaseBusy`.
    pub fn build_by_sql(&self, database: &Database, table: &str, unique: bool) -> Result<(), Error> {
        for index in self.indexes.iter().filter(|index| index.unique == unique) {
            if matches!(index.entries, Entries::None) {
                let name = index_name(table, &index.names, &database.index_names()?);
                database.create_index(&name, table, &index.names, index.unique)?;
            }
        }
        Ok(())
    }

    /// Builds every index that can be built here, within the open transaction of `database`, after everything else in it that may take a
    /// page. If there is any, returns what makes them part of the database when that is committed. `database` must not read its schema
    /// before then.
    ///
    /// # Errors
    /// `Io` when the disk is full or fails, `Database`.
    pub fn build(
        &mut self,
        database: &Database,
        table: &str,
        file: &PageFile,
        memory_bytes: u64,
    ) -> Result<Option<Publication>, Error> {
        self.indexes.retain(|index| !matches!(index.entries, Entries::None));
        if self.indexes.is_empty() {
            return Ok(None);
        }
        let page_bytes = database.number("PRAGMA page_size")? as usize;
        let names = self.enter(database, table)?;
        let one_each = |pages: &mut NewPages| names.iter().map(|_| pages.reserve()).collect();
        let PlacedRoots {
            reserved: roots,
            known_pages,
            new: mut pages,
        } = roots::place(database, page_bytes, (RootKind::Index, &names), one_each)?;
        let mut rewritten = Vec::new();
        for (index, root) in self.indexes.iter_mut().zip(roots) {
            index.sort(memory_bytes)?;
            let Entries::Sorted(sorted) = &index.entries else {
                continue;
            };
            let mut building = Building {
                builder: IndexBuilder::new(page_bytes, root),
                groups: index.unique.then(RepeatedKeys::default),
                left_out: 0,
                record: Vec::new(),
            };
            let packer = PartPacker {
                columns: sorted.columns(),
                unique: index.unique,
                page_bytes,
                idle: Idle::default(),
            };
            sorted.for_each_part(
                |part| packer.pack(part),
                |part| building.take(part, &packer, &mut pages, file),
            )?;
            let Building { builder, left_out, .. } = building;
            if index.unique && left_out != self.duplicates {
                let settled = self.duplicates;
                return Err(Error::internal(format!(
                    "{left_out} keys are in the table twice, not {settled}"
                )));
            }
            rewritten.push(builder.finish(&mut pages));
        }
        file.append(&mut pages)?;
        file.write_placed(&rewritten)?;
        Ok(Some(Publication {
            known_pages,
            page_count: pages.last_page(),
            free: None,
        }))
    }

    /// Enters every index into the schema, without a root; returns their names.
    fn enter(&self, database: &Database, table: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for index in &self.indexes {
            let name = index_name(table, &index.names, &database.index_names()?);
            let sql = Database::index_sql(&name, table, &index.names, index.unique);
            let insert = "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) \
                 SELECT 'index', ?1, name, 0, ?3 FROM sqlite_schema WHERE type = 'table' AND name = ?2 COLLATE NOCASE";
            roots::change_schema(database, |connection| connection.execute(insert, (&name, table, &sql)))?;
            names.push(name);
        }
        Ok(names)
    }
}

impl TableIndex<'_> {
    #[inline]
    fn push(&mut self, row_id: i64, record: &[u8]) -> Result<Option<u64>, Error> {
        let Entries::Coming(sorter) = &mut self.entries else {
            return Ok(None);
        };
        let prefix = sorter.push_row(record, row_id)?;
        if prefix.is_none() {
            self.entries = Entries::None;
        }
        Ok(prefix)
    }

    fn sort(&mut self, memory_bytes: u64) -> Result<(), Error> {
        self.entries = match std::mem::replace(&mut self.entries, Entries::None) {
            Entries::Coming(sorter) => Entries::Sorted(sorter.finish(memory_bytes)?),
            other => other,
        };
        Ok(())
    }
}

/// Duplicates in input order.
#[derive(Debug)]
pub struct Duplicates<'p> {
    sorted: Sorted<'p>,
}

impl Duplicates<'_> {
    /// Hands over the row id of each duplicate, and that of the row it repeats.
    ///
    /// # Errors
    /// `Io` when a temporary file cannot be read, and whatever `take` fails with.
    pub fn for_each(&self, mut take: impl FnMut(i64, i64) -> Result<(), Error>) -> Result<(), Error> {
        let pairs = |part: SortedPart<'_>| -> Vec<(i64, i64)> {
            let pair = |entry: IndexEntry<'_>| (KeyColumns::integer_of(entry.prefix), entry.row_id);
            part.entries().map(pair).collect()
        };
        self.sorted.for_each_part(pairs, |pairs| {
            pairs.into_iter().try_for_each(|(row_id, first)| take(row_id, first))
        })
    }
}

#[cfg(test)]
mod tests;
