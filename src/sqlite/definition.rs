//! A table that SQL of the user's makes.
//!
//! Comes in: the text of a file. Goes out: what then stands in the schema. The text is not understood here: SQLite runs it in a database in
//! memory, where nothing else is, and is asked what came of it. What it makes elsewhere is made by the statements that SQLite itself keeps.

use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::option_name::CREATE_SQL;
use crate::schema::definition::{Definition, EntryKind, SchemaEntry};
use crate::schema::identifier::quote;
use crate::sqlite::database::Database;
use crate::sqlite::sql_text::{statements, with_index_name};
use crate::sqlite::swap::new_name;

/// An entry of the schema as SQLite tells it.
struct SchemaRow {
    word: String,
    name: String,
    sql: String,
    /// It has pages of its own, or needs none.
    is_real: bool,
}

/// Reads SQL that makes one table, and perhaps indexes and triggers of that table.
///
/// # Errors
/// `Schema`, with the place, for everything else.
pub fn read(text: &str) -> Result<Definition, Error> {
    if let Some(at_bytes) = text.find('\0') {
        return Err(refused(text, at_bytes, "a NUL byte is no SQL"));
    }
    let database = Database::in_memory(Path::new(":memory:"))?;
    // What others are to be referred to is not there.
    database.ignore_foreign_keys()?;
    let mut told: Vec<SchemaRow> = Vec::new();
    let found = statements(text);
    let ends = found.iter().skip(1).map(|next| next.start_bytes).chain([text.len()]);
    for (statement, end) in found.iter().zip(ends) {
        let start = statement.start_bytes;
        let wrong = |at_bytes: usize, why: &str| refused(text, start + at_bytes, why);
        if !statement.first_word.eq_ignore_ascii_case("CREATE") {
            return Err(wrong(
                0,
                "only CREATE TABLE, and CREATE INDEX and CREATE TRIGGER for that table, can stand here",
            ));
        }
        let run = || -> rusqlite::Result<()> {
            let mut prepared = database.connection().prepare(&text[start..end])?;
            prepared.query([])?.next().map(|_| ())
        };
        run().map_err(|error| match error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => wrong(usize::try_from(offset).unwrap_or(0), &msg),
            error => wrong(0, &error.to_string()),
        })?;
        let now = entries(&database)?;
        check_step(&told, &now).map_err(|why| wrong(0, &why))?;
        told = now;
    }
    define(&database, told)
}

/// What a statement has made, `now` that it has run, is what it may make.
fn check_step(then: &[SchemaRow], now: &[SchemaRow]) -> Result<(), String> {
    if now.len() <= then.len() {
        return Err("this makes nothing that stays in the database; leave it out".to_owned());
    }
    match now[then.len()..]
        .iter()
        .find(|entry| EntryKind::from_word(&entry.word).is_none() || !entry.is_real)
    {
        Some(other) => Err(format!(
            "this makes \"{}\", which is a {}; only a table, its indexes and triggers can be made here",
            other.name,
            if other.is_real { &other.word } else { "virtual table" }
        )),
        None if now.iter().filter(|entry| entry.word == "table").count() > 1 => {
            Err("this is a second table, and a load fills one; leave it out, or make it before the load".to_owned())
        }
        None => Ok(()),
    }
}

/// Everything in the schema but what SQLite makes for itself, in the order in which it was made.
fn entries(database: &Database) -> Result<Vec<SchemaRow>, Error> {
    let run = || -> rusqlite::Result<Vec<SchemaRow>> {
        let mut statement = database.connection().prepare(
            "SELECT type, name, sql, type IN ('trigger', 'view') OR rootpage > 0 FROM sqlite_schema \
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
        )?;
        let told = statement.query_map([], |row| {
            Ok(SchemaRow {
                word: row.get(0)?,
                name: row.get(1)?,
                sql: row.get(2)?,
                is_real: row.get(3)?,
            })
        })?;
        told.collect()
    };
    run().map_err(|e| database.fail(e))
}

/// The definition that was made in `database`.
fn define(database: &Database, told: Vec<SchemaRow>) -> Result<Definition, Error> {
    let kept = |told: Vec<SchemaRow>| -> Vec<SchemaEntry> {
        let entries = told.into_iter().filter_map(|entry| {
            Some(SchemaEntry {
                kind: EntryKind::from_word(&entry.word)?,
                name: entry.name,
                sql: entry.sql,
            })
        });
        entries.collect()
    };
    let mut definition = Definition {
        table: String::new(),
        entries: kept(told),
        aside: Vec::new(),
        unique: Vec::new(),
    };
    let Some(table) = definition.entries.iter().find(|entry| entry.kind == EntryKind::Table) else {
        return Err(Error::schema(format!("{CREATE_SQL}: there is no CREATE TABLE in it")));
    };
    definition.table = table.name.clone();
    if !database.is_empty(&definition.table)? {
        return Err(Error::schema(format!(
            "{CREATE_SQL}: table \"{}\" is made with rows in it (AS SELECT); give its columns instead",
            definition.table
        )));
    }
    if !definition.has_triggers() {
        definition.unique = unique(database, &definition.table)?;
        let rename = format!(
            "ALTER TABLE main.{} RENAME TO {}",
            quote(&definition.table),
            quote(&new_name(&definition.table))
        );
        let renamed = database.connection().execute_batch(&rename);
        renamed.map_err(|e| database.fail(e))?;
        let mut aside = kept(entries(database)?);
        for entry in aside.iter_mut().filter(|entry| entry.kind == EntryKind::Index) {
            entry.name = new_name(&entry.name);
            entry.sql = with_index_name(&entry.sql, &quote(&entry.name))
                .ok_or_else(|| Error::internal("an index is made without a name"))?;
        }
        definition.aside = aside;
    }
    Ok(definition)
}

/// The columns of each key that no two rows of a table share, by name.
fn unique(database: &Database, table: &str) -> Result<Vec<Vec<String>>, Error> {
    let Some(info) = database.describe_table(table)? else {
        return Err(Error::table_gone(table));
    };
    let keys = info.unique_keys.iter().map(|key| key.columns.clone());
    let names = |columns: Vec<usize>| columns.iter().map(|&index| info.columns[index].name.clone()).collect();
    Ok(keys
        .chain(info.row_id_column.map(|column| vec![column]))
        .map(names)
        .collect())
}

/// Makes what `definition` says, in a transaction of the caller; `aside`: of a table that is to take the place of another.
///
/// # Errors
/// `Schema` when something there has one of the names, or the database lacks what the SQL relies on; `DatabaseBusy`, `Io`.
pub fn make(database: &Database, definition: &Definition, aside: bool) -> Result<(), Error> {
    for entry in definition.entries(aside) {
        let made = database.connection().execute_batch(&entry.sql);
        made.map_err(|error| {
            let message = error.to_string();
            let error = database.fail(error);
            match error.kind() {
                ErrorKind::Database { .. } => Error::schema(format!(
                    "{CREATE_SQL}: the {} \"{}\" cannot be made: {message}; nothing was loaded",
                    entry.kind.as_str(),
                    entry.name
                )),
                _ => error,
            }
        })?;
    }
    Ok(())
}

/// Whether the database has all that `definition` makes, word for word.
///
/// # Errors
/// `Database`.
pub fn is_there(database: &Database, definition: &Definition) -> Result<bool, Error> {
    let told = entries(database)?;
    let is_told = |entry: &SchemaEntry| told.iter().any(|told| told.name == entry.name && told.sql == entry.sql);
    Ok(definition.entries.iter().all(is_told))
}

/// The error for what stands `at_bytes` after the start of `text`.
fn refused(text: &str, at_bytes: usize, why: &str) -> Error {
    let before = &text.as_bytes()[..at_bytes.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    Error::schema(format!(
        "{CREATE_SQL}, line {line}, column {column}: {why}; nothing was loaded"
    ))
}
