//! What a load made in the database, as distinct from what others made: only that is ever taken back.
//!
//! A table that the load created is dropped only if all of it is known to be the load's: its definition is, word for word, the one that the
//! load wrote, and it begins where the load made it; it has as many rows as the load committed, under the same row ids; and no index,
//! trigger, view or foreign key of others refers to it. What this cannot see: values that somebody changed in rows of the load.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::checkpoint::Counts;
use crate::error::Error;
use crate::plan::TablePlan;
use crate::report::rows;
use crate::schema::definition::{EntryKind, SchemaEntry};
use crate::schema::identifier::{is_index_name, quote};
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::emptied::referring_tables;
use crate::sqlite::full_text::FullText;
use crate::sqlite::sql_text::may_mean;

/// What a load made: a table that it created, or an index on one that was there.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    pub plan: &'a TablePlan,
    /// The columns of each index that it builds besides the key's.
    pub indexes: &'a [Vec<String>],
    /// The counts of what it committed.
    pub counts: &'a Counts,
    /// Where the table begins, if that is known.
    pub root_page: Option<i64>,
    /// Views that can be read are asked when the table is [dropped](Self::drop_table); others count as using it if they name it.
    pub asks_views: bool,
}

impl Made<'_> {
    /// What stands in the way of dropping the table, in words; nothing if the table is gone.
    ///
    /// # Errors
    /// `Schema` when the name is now that of a view, `Database` when it cannot be read.
    pub fn obstacles(&self, database: &Database) -> Result<Vec<String>, Error> {
        let Some(info) = database.describe_table(&self.plan.table)? else {
            return Ok(Vec::new());
        };
        let mut obstacles = self.hanging_on(database)?;
        if !self.has_own_definition(database)? {
            obstacles.insert(0, "its definition was changed since then".to_owned());
        }
        if self.root_page.is_some_and(|root_page| root_page != info.root_page) {
            obstacles.push(
                "it does not begin where the load made it: it is another table, or was moved by VACUUM".to_owned(),
            );
        }
        let (count, row_ids_hash) = database.row_ids(&info, i64::MAX)?;
        let loaded = self.counts.loaded;
        if count != loaded {
            obstacles.push(format!("it holds {}, of which the load made {loaded}", rows(count)));
        } else if row_ids_hash.is_some_and(|hash| hash != self.counts.row_ids_hash) {
            obstacles.push("it holds rows that the load did not make, in place of some that it made".to_owned());
        }
        Ok(obstacles)
    }

    /// Whether the table is defined as the load has defined it.
    fn has_own_definition(&self, database: &Database) -> Result<bool, Error> {
        let table = self.entries().find(|entry| entry.kind == EntryKind::Table);
        let made = table.map_or_else(|| Database::planned_sql(self.plan), |entry| entry.sql.clone());
        let find = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
        let found = database
            .connection()
            .query_row(find, [&self.plan.table], |row| row.get::<_, String>(0));
        found
            .map(|sql| sql == made)
            .map_err(|e| database_error(database.path(), e))
    }

    /// What others have in the schema that depends on the table, and is not known to be made by the load, in words.
    ///
    /// # Errors
    /// `Database`.
    pub fn hanging_on(&self, database: &Database) -> Result<Vec<String>, Error> {
        let connection = database.connection();
        let table = &self.plan.table;
        let full_text = self.full_text(database)?;
        let referring = referring_tables(database, table)?;
        let run = || -> rusqlite::Result<Vec<String>> {
            let mut obstacles = Vec::new();
            let full_text = full_text.as_ref().map(|full_text| full_text.name.as_str());
            let mut own = connection.prepare(
                "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL",
            )?;
            let mut entries = own.query([table])?;
            while let Some(entry) = entries.next()? {
                let (kind, name, sql): (String, String, String) = (entry.get(0)?, entry.get(1)?, entry.get(2)?);
                let is_defined = self.is_defined(&kind, &name, &sql);
                if is_defined && kind == "trigger" && self.counts.loaded > 0 {
                    obstacles.push(format!(
                        "its trigger \"{name}\" has run for its rows, and what it did elsewhere is not known"
                    ));
                } else if kind != "table" && !is_defined && !self.is_own_index(&name, &sql) {
                    obstacles.push(format!("it has the {kind} \"{name}\", which the load did not make"));
                }
            }
            for name in referring {
                obstacles.push(format!("the table \"{name}\" refers to it by a foreign key"));
            }
            let mut others = connection.prepare(
                "SELECT iif(type = 'table', 'virtual table', type), name, sql FROM sqlite_schema \
                 WHERE tbl_name <> ?1 COLLATE NOCASE AND (type IN ('trigger', 'view') OR rootpage = 0)",
            )?;
            let mut entries = others.query([table])?;
            while let Some(entry) = entries.next()? {
                let (kind, name, sql): (String, String, String) = (entry.get(0)?, entry.get(1)?, entry.get(2)?);
                // When the table is dropped, SQLite says which views read it, as far as it can make sense of them.
                let is_asked = self.asks_views && kind == "view" && is_sound(connection, &name);
                let is_own = full_text.is_some_and(|own| own.eq_ignore_ascii_case(&name));
                if !is_asked && !is_own && may_mean(&sql, table) {
                    obstacles.push(format!("the {kind} \"{name}\" may use it"));
                }
            }
            Ok(obstacles)
        };
        run().map_err(|e| database_error(database.path(), e))
    }

    /// The full-text table that the load made, if it is there.
    fn full_text(&self, database: &Database) -> Result<Option<FullText>, Error> {
        match FullText::of(self.plan, database)? {
            Some(full_text) if full_text.is_there(database)? => Ok(Some(full_text)),
            _ => Ok(None),
        }
    }

    /// What SQL of the user's makes.
    fn entries(&self) -> impl Iterator<Item = &SchemaEntry> {
        let aside = self.plan.replaces.is_some();
        let definition = self.plan.definition.iter();
        definition.flat_map(move |definition| definition.entries(aside))
    }

    /// Whether an entry of the schema is one that SQL of the user's makes, word for word.
    fn is_defined(&self, kind: &str, name: &str, sql: &str) -> bool {
        self.entries()
            .any(|entry| entry.kind.as_str() == kind && entry.name.eq_ignore_ascii_case(name) && entry.sql == sql)
    }

    fn is_own_index(&self, name: &str, sql: &str) -> bool {
        let plan = self.plan;
        let key = plan.names(&plan.key_columns);
        let unique: Vec<Vec<String>> = plan.unique.iter().map(|columns| plan.names(columns)).collect();
        // A table of others may have had one on the key before.
        let wanted = [(&key, true)]
            .into_iter()
            .filter(|_| plan.build_key_index)
            .chain(unique.iter().map(|columns| (columns, true)))
            .chain(self.indexes.iter().map(|columns| (columns, false)));
        wanted
            .filter(|(columns, _)| !columns.is_empty())
            .any(|(columns, unique)| {
                is_index_name(name, &plan.table, columns)
                    && sql == Database::index_sql(name, &plan.table, columns, unique)
            })
    }

    /// Drops the table, within a transaction of a connection that does [not enforce foreign keys](Database::ignore_foreign_keys);
    /// if views of others read it, says which. Then the transaction must be rolled back.
    ///
    /// # Errors
    /// `Database`.
    pub fn drop_table(&self, database: &Database) -> Result<Vec<String>, Error> {
        let sound = sound_views(database)?;
        if let Some(full_text) = self.full_text(database)? {
            database.drop_table(&full_text.name)?;
        }
        database.drop_table(&self.plan.table)?;
        let left = sound_views(database)?;
        let broken = sound.difference(&left);
        Ok(broken.map(|view| format!("the view \"{view}\" reads it")).collect())
    }

    /// Drops the unique indexes that the load built on a table of others before its first row. In a transaction of the caller.
    ///
    /// # Errors
    /// `Database`.
    pub fn drop_unique_indexes(&self, database: &Database) -> Result<(), Error> {
        let connection = database.connection();
        let run = || -> rusqlite::Result<()> {
            let mut indexes = connection
                .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL")?;
            let indexes: Vec<(String, String)> = indexes
                .query_map([&self.plan.table], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            for (name, sql) in indexes {
                if (Made { indexes: &[], ..*self }).is_own_index(&name, &sql) {
                    connection.execute_batch(&format!("DROP INDEX {}", quote(&name)))?;
                }
            }
            Ok(())
        };
        run().map_err(|e| database_error(database.path(), e))
    }
}

/// Names of the views that SQLite can read. SQLite is asked because no table lists what a view reads.
fn sound_views(database: &Database) -> Result<BTreeSet<String>, Error> {
    let connection = database.connection();
    let run = || -> rusqlite::Result<BTreeSet<String>> {
        let mut views = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'")?;
        let names: Vec<String> = views
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(names.into_iter().filter(|name| is_sound(connection, name)).collect())
    };
    run().map_err(|e| database_error(database.path(), e))
}

fn is_sound(connection: &Connection, view: &str) -> bool {
    connection
        .prepare(&format!("SELECT * FROM main.{}", quote(view)))
        .is_ok()
}
