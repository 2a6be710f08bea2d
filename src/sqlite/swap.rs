//! A table that takes the place of another: loaded under a name of rowmill's own, and renamed in the transaction that drops the other, so
//! that whoever reads sees the old one until then.

use crate::checkpoint::{Checkpoint, Counts};
use crate::error::Error;
use crate::option_name::{FTS, IF_EXISTS, KEY, UNIQUE};
use crate::plan::TablePlan;
use crate::schema::constraint::TableConstraint;
use crate::schema::definition::{Definition, EntryKind};
use crate::schema::identifier::{index_name, is_index_name, quote};
use crate::sqlite::database::Database;
use crate::sqlite::direct::roots::change_schema;
use crate::sqlite::full_text::FullText;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::sqlite::own::once;
use crate::sqlite::undo::Made;

/// How the name of a table begins that is to take the place of another.
const PREFIX: &str = "_rowmill_new_";

/// What the table is called that is to take the place of `table`.
pub fn new_name(table: &str) -> String {
    format!("{PREFIX}{table}")
}

/// The checkpoint of an unfinished load into `table`, or into one that is to take its place.
///
/// # Errors
/// As [`checkpoint::read`].
pub fn unfinished(database: &Database, table: &str) -> Result<Option<Checkpoint>, Error> {
    match checkpoint::read(database, table)? {
        Some(found) => Ok(Some(found)),
        None => checkpoint::read(database, &new_name(table)),
    }
}

/// An index of the new table, and what it is to be called.
struct OwnIndex<'a> {
    name: String,
    columns: &'a [String],
    unique: bool,
}

/// A table that is to take the place of another.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The plan of the new table, under its first name.
    pub plan: &'a TablePlan,
    /// The columns of each further index that the load builds.
    pub indexes: &'a [Vec<String>],
}

impl Replacement<'_> {
    /// Checks that nothing is lost with the old table but its rows.
    ///
    /// # Errors
    /// `Schema` that says what would be lost.
    pub fn check(&self, database: &Database) -> Result<(), Error> {
        let Some(table) = &self.plan.replaces else {
            return Ok(());
        };
        let obstacles = self.obstacles(database, table)?;
        match obstacles.is_empty() {
            true => Ok(()),
            false => Err(Error::schema(format!(
                "{IF_EXISTS} replace would drop table \"{table}\", and what hangs on it would be lost or broken: {}; it stays as it is. \
                 Drop that first, or let the load make it again ({KEY}, {UNIQUE}, {FTS} and indexes), or use {IF_EXISTS} truncate",
                obstacles.join("; ")
            ))),
        }
    }

    fn obstacles(&self, database: &Database, table: &str) -> Result<Vec<String>, Error> {
        let Some(info) = database.describe_table(table)? else {
            return Ok(Vec::new());
        };
        let mut plan = self.plan.in_place();
        // If the new table's key is its row id, it needs no index of it.
        plan.build_key_index = !plan.key_columns.is_empty();
        let old = Made {
            plan: &plan,
            indexes: self.indexes,
            counts: &Counts::default(),
            root_page: None,
            asks_views: false,
        };
        let mut obstacles = old.hanging_on(database)?;
        let folded = |names: &[String]| {
            let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
            names.sort_unstable();
            names
        };
        let mut unique: Vec<Vec<String>> = vec![folded(&plan.names(&plan.key_columns))];
        unique.extend(plan.unique.iter().map(|columns| folded(&plan.names(columns))));
        unique.extend(plan.constraints.iter().filter_map(|constraint| match constraint {
            TableConstraint::Unique(names) => Some(folded(names)),
            _ => None,
        }));
        let of_constraints = info.unique_keys.iter().map(|key| key.columns.clone());
        unique.extend(
            plan.definition
                .iter()
                .flat_map(|made| made.unique.iter().map(|names| folded(names))),
        );
        for columns in of_constraints.chain(info.row_id_column.map(|column| vec![column])) {
            let names: Vec<String> = columns
                .iter()
                .map(|&column| info.columns[column].name.clone())
                .collect();
            if !unique.contains(&folded(&names)) {
                obstacles.push(format!("no two of its rows have the same {}", names.join(", ")));
            }
        }
        Ok(obstacles)
    }

    /// Drops the old table and gives the new one its name, in a transaction of the caller.
    ///
    /// # Errors
    /// As [`check`](Self::check), as others may have changed the schema since; `Database`.
    pub fn swap(&self, database: &Database) -> Result<(), Error> {
        let Some(table) = &self.plan.replaces else {
            return Ok(());
        };
        self.check(database)?;
        if self.plan.place_is_free && database.describe_table(table)?.is_some() {
            return Err(Error::schema(format!(
                "somebody made a table \"{table}\" during the load, which found none; the rows wait in \"{}\" until it is dropped or has another \
                 name",
                self.plan.table
            )));
        }
        let last = self.plan.in_place();
        if let Some(full_text) = FullText::of(&last, database)?
            && full_text.is_there(database)?
        {
            database.drop_table(&full_text.name)?;
        }
        let lists = self.index_lists();
        let own = self.own_indexes(database, &lists)?;
        database.drop_table(table)?;
        // SQL of the user's may write the name in another case.
        let place = self.plan.definition.as_ref().map_or(table, |made| &made.table);
        // SQLite is not to look at views and triggers, which say nothing of the new table, and may be broken already.
        let rename = format!(
            "PRAGMA legacy_alter_table = ON; ALTER TABLE main.{} RENAME TO {}; PRAGMA legacy_alter_table = OFF",
            quote(&self.plan.table),
            quote(place)
        );
        let renamed = database.connection().execute_batch(&rename);
        renamed.map_err(|e| database.fail(e))?;
        for index in own {
            rename_index(database, place, &index)?;
        }
        if let Some(definition) = &self.plan.definition {
            put_in_place(database, definition)?;
        }
        once::forget_rows(database, table)?;
        finished::remove(database, table)
    }

    /// The columns of each index that the load has built, and whether it is unique.
    fn index_lists(&self) -> Vec<(Vec<String>, bool)> {
        let plan = self.plan;
        let key = (plan.names(&plan.key_columns), true);
        let unique = plan.unique.iter().map(|columns| (plan.names(columns), true));
        let further = self.indexes.iter().map(|columns| (columns.clone(), false));
        std::iter::once(key).chain(unique).chain(further).collect()
    }

    /// The indexes of the new table.
    fn own_indexes<'l>(
        &self,
        database: &Database,
        lists: &'l [(Vec<String>, bool)],
    ) -> Result<Vec<OwnIndex<'l>>, Error> {
        let table = &self.plan.table;
        let run = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut find = database.connection().prepare(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL",
            )?;
            find.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let found = run().map_err(|e| database.fail(e))?;
        let own = found.into_iter().filter_map(|(name, sql)| {
            let (columns, unique) = lists.iter().find(|(columns, unique)| {
                is_index_name(&name, table, columns) && sql == Database::index_sql(&name, table, columns, *unique)
            })?;
            Some(OwnIndex {
                name,
                columns,
                unique: *unique,
            })
        });
        Ok(own.collect())
    }
}

/// Gives a table and its indexes, which stand aside, the names and the text that the user's SQL gives them.
fn put_in_place(database: &Database, definition: &Definition) -> Result<(), Error> {
    let update = "UPDATE sqlite_schema SET name = ?1, sql = ?2 WHERE type = ?3 AND name = ?4";
    // The table has its name already.
    for (entry, aside) in definition.entries.iter().zip(&definition.aside) {
        let found = match entry.kind {
            EntryKind::Table => &entry.name,
            _ => &aside.name,
        };
        change_schema(database, |connection| {
            connection.execute(update, (&entry.name, &entry.sql, entry.kind.as_str(), found))
        })?;
    }
    let reset = database.connection().execute_batch("PRAGMA writable_schema = RESET");
    reset.map_err(|e| database.fail(e))
}

/// Gives an index the name that it would have in a table called `table`. SQLite has no statement for that.
fn rename_index(database: &Database, table: &str, index: &OwnIndex<'_>) -> Result<(), Error> {
    let name = index_name(table, index.columns, &database.index_names()?);
    let sql = Database::index_sql(&name, table, index.columns, index.unique);
    let update = "UPDATE sqlite_schema SET name = ?1, sql = ?2 WHERE type = 'index' AND name = ?3";
    change_schema(database, |connection| {
        connection.execute(update, (&name, &sql, &index.name))
    })?;
    // The connection is to read the schema anew; others do because of the statements before this one.
    let reset = database.connection().execute_batch("PRAGMA writable_schema = RESET");
    reset.map_err(|e| database.fail(e))
}
