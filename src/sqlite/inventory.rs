//! What is in a database: tables with their rows and sizes, and what rowmill remembers of loads.
//!
//! Comes in: a database, which others may use meanwhile. Goes out: a list. Never: a change to the database; it is opened for reading, and a
//! reader's lock is held only while rows are counted.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::error::Error;
use crate::options::TypedCommand;
use crate::schema::identifier::quote;
use crate::sqlite::database::database_error;
use crate::sqlite::own::{checkpoint, finished, once};
use crate::sqlite::reading::open_to_read;

/// How the names of all tables that rowmill keeps in a database begin.
const OWN_NAMES: &str = "_rowmill_";
/// How long to wait for somebody who has locked the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What is in a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    pub bytes: u64,
    pub tables: Vec<TableEntry>,
    pub unfinished: Vec<UnfinishedLoad>,
    pub remembered: Vec<RememberedLoads>,
    pub growing: Vec<GrowingFile>,
}

/// A table, without rowmill's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
    pub name: String,
    /// `None`: it cannot be counted here, such as a virtual table of another program.
    pub rows: Option<u64>,
    /// On its pages, and on those of its indexes; `None` if it has no pages of its own.
    pub bytes: Option<u64>,
    pub index_bytes: u64,
}

/// A load that was begun and is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedLoad {
    pub table: String,
    /// `None`: another version wrote the note, or somebody has changed it.
    pub known: Option<UnfinishedState>,
}

/// How far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedState {
    pub inputs: Vec<String>,
    pub records: u64,
    pub loaded: u64,
    pub rejected: u64,
    /// Bytes of the inputs that are accounted for, and all of them.
    pub done_bytes: u64,
    pub input_bytes: u64,
    /// What was typed to begin it, if that is known.
    pub command: Option<TypedCommand>,
}

/// What `once` remembers of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedLoads {
    pub table: String,
    pub inputs: u64,
    pub records: u64,
    /// The last of them, and when that was.
    pub last_input: String,
    pub last_at: String,
}

/// A file that grows, as far as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowingFile {
    pub table: String,
    pub path: String,
    pub records: u64,
    pub bytes: u64,
}

/// Looks at the database at `path`.
///
/// # Errors
/// `InputMissing` when it is not there, `Schema` when it is no database, `Database`, `DatabaseBusy`.
pub fn inventory(path: &Path) -> Result<Inventory, Error> {
    let fail = |error| database_error(path, error);
    let bytes = std::fs::metadata(path)
        .map_err(|source| Error::input_missing(path, source))?
        .len();
    let connection = open_to_read(path).map_err(fail)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    let unfinished = checkpoint::all(&connection).map_err(fail)?;
    let growing = finished::all(&connection).map_err(fail)?;
    Ok(Inventory {
        bytes,
        tables: tables(&connection).map_err(fail)?,
        unfinished: unfinished.into_iter().map(unfinished_load).collect(),
        remembered: remembered(&connection).map_err(fail)?,
        growing: growing
            .into_iter()
            .map(|(table, finished)| GrowingFile {
                table,
                path: finished
                    .identity
                    .inputs
                    .first()
                    .map(|input| input.path.clone())
                    .unwrap_or_default(),
                records: finished.loaded.counts.records,
                bytes: finished.loaded.offset_bytes,
            })
            .collect(),
    })
}

fn unfinished_load((table, found): (String, Option<crate::checkpoint::Checkpoint>)) -> UnfinishedLoad {
    let known = found.map(|found| UnfinishedState {
        inputs: found.identity.inputs.iter().map(|input| input.path.clone()).collect(),
        records: found.progress.counts.records,
        loaded: found.progress.counts.loaded,
        rejected: found.progress.counts.all_rejects(),
        done_bytes: found.progress.content.bytes,
        input_bytes: found.identity.inputs.iter().map(|input| input.length_bytes).sum(),
        command: found.identity.command,
    });
    UnfinishedLoad { table, known }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<TableEntry>> {
    let own = format!("{OWN_NAMES}*");
    // Tables that a virtual table keeps its own things in are its own affair.
    let mut select = connection.prepare(
        "SELECT name, type = 'table' FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
         AND name NOT GLOB ?1 AND name NOT GLOB 'sqlite_*' ORDER BY name COLLATE NOCASE",
    )?;
    let names = select.query_map([own], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    let names: Vec<(String, bool)> = names.collect::<rusqlite::Result<_>>()?;
    let entry = |(name, is_plain): (String, bool)| {
        let count = format!("SELECT count(*) FROM {}", quote(&name));
        let rows = connection.query_row(&count, [], |row| row.get::<_, i64>(0)).ok();
        TableEntry {
            bytes: is_plain.then(|| bytes_of(connection, &name)).flatten(),
            index_bytes: if is_plain { index_bytes_of(connection, &name) } else { 0 },
            rows: rows.map(i64::unsigned_abs),
            name,
        }
    };
    Ok(names.into_iter().map(entry).collect())
}

/// Bytes of the pages of a table or an index; `None` if SQLite cannot tell.
fn bytes_of(connection: &Connection, name: &str) -> Option<u64> {
    let sum = connection.query_row("SELECT sum(pgsize) FROM dbstat WHERE name = ?1", [name], |row| {
        row.get::<_, Option<i64>>(0)
    });
    sum.ok().flatten().map(i64::unsigned_abs)
}

fn index_bytes_of(connection: &Connection, table: &str) -> u64 {
    let names = || -> rusqlite::Result<Vec<String>> {
        let mut select = connection.prepare("SELECT name FROM pragma_index_list(?1)")?;
        select.query_map([table], |row| row.get(0))?.collect()
    };
    let names = names().unwrap_or_default();
    names.iter().filter_map(|name| bytes_of(connection, name)).sum()
}

fn remembered(connection: &Connection) -> rusqlite::Result<Vec<RememberedLoads>> {
    if !once::is_ours(connection)? {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare(&format!(
        "SELECT table_name, count(*), sum(records) FROM \"{}\" GROUP BY table_name ORDER BY table_name",
        once::TABLE
    ))?;
    let rows = select.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (table, inputs, records) = row?;
        let last = format!(
            "SELECT input, loaded_at FROM \"{}\" WHERE table_name = ?1 ORDER BY loaded_at DESC, rowid DESC LIMIT 1",
            once::TABLE
        );
        let last = connection.query_row(&last, [&table], |row| Ok((row.get(0)?, row.get(1)?)));
        let (last_input, last_at) = last.optional()?.unwrap_or_default();
        all.push(RememberedLoads {
            table,
            inputs: inputs.unsigned_abs(),
            records: records.unsigned_abs(),
            last_input,
            last_at,
        });
    }
    Ok(all)
}
