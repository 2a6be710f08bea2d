//! The FTS5 table over columns of a table: external content, so that it keeps only the words, and reads the texts from the table.
//!
//! It is recognized by its definition, word for word. Source: <https://sqlite.org/fts5.html>, §4.4.3 and §6.

use rusqlite::OptionalExtension;

use crate::error::Error;
use crate::option_name::FTS;
use crate::plan::TablePlan;
use crate::schema::identifier::{quote, quote_all};
use crate::schema::table_info::row_id_name;
use crate::sqlite::database::Database;

/// What its name has after the table's.
const ENDING: &str = "_fts";
/// What the names of the tables have after its own in which FTS5 keeps its data.
const DATA_ENDINGS: [&str; 5] = ["_data", "_idx", "_content", "_docsize", "_config"];

/// The full-text table that a load is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullText {
    pub name: String,
    /// The statement that creates it, as it then stands in the schema.
    sql: String,
}

impl FullText {
    /// The full-text table that `plan` asks for; `None` if it asks for none, or the table is gone.
    ///
    /// # Errors
    /// As [`Database::describe_table`].
    pub fn of(plan: &TablePlan, database: &Database) -> Result<Option<FullText>, Error> {
        if plan.fts.is_empty() {
            return Ok(None);
        }
        let info = database.describe_table(&plan.table)?;
        let row_id = info.as_ref().and_then(row_id_name);
        Ok(row_id.map(|row_id| FullText::over(plan, row_id)))
    }

    fn over(plan: &TablePlan, row_id: &str) -> FullText {
        let columns: Vec<String> = plan.fts.iter().map(|&index| plan.columns[index].name.clone()).collect();
        let name = format!("{}{ENDING}", plan.table);
        let sql = format!(
            "CREATE VIRTUAL TABLE {} USING fts5({}, content={}, content_rowid={})",
            quote(&name),
            quote_all(&columns),
            quote(&plan.table),
            quote(row_id)
        );
        FullText { name, sql }
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// `Database`.
    pub fn is_there(&self, database: &Database) -> Result<bool, Error> {
        let find = "SELECT sql FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
        let found = database
            .connection()
            .query_row(find, [&self.name], |row| row.get::<_, Option<String>>(0));
        let found = found.optional().map_err(|e| database.fail(e))?;
        Ok(found.is_some_and(|sql| sql.as_deref() == Some(&self.sql)))
    }

    /// Builds it from the rows of its table: makes it, if it is not there. In a transaction of the caller.
    ///
    /// # Errors
    /// `Schema` when something else has its name; as any write.
    pub fn build(&self, database: &Database) -> Result<(), Error> {
        let is_there = self.is_there(database)?;
        if !is_there {
            check_names(database, &self.name)?;
        }
        let make = if is_there { "" } else { &self.sql };
        let name = quote(&self.name);
        let run = database
            .connection()
            .execute_batch(&format!("{make};\nINSERT INTO {name}({name}) VALUES ('rebuild')"));
        run.map_err(|e| database.fail(e))
    }
}

/// Checks, before the first row, that the full-text table of `plan` can be made or is there.
///
/// # Errors
/// `Schema` when something else has its name.
pub fn check(plan: &TablePlan, database: &Database) -> Result<(), Error> {
    let plan = &plan.in_place();
    if plan.fts.is_empty() {
        return Ok(());
    }
    match FullText::of(plan, database)? {
        Some(full_text) if full_text.is_there(database)? => Ok(()),
        _ => check_names(database, &format!("{}{ENDING}", plan.table)),
    }
}

/// # Errors
/// `Schema` when something has the name of the full-text table, or of one of those that keep its data.
fn check_names(database: &Database, name: &str) -> Result<(), Error> {
    let taken = database.index_names()?;
    let names = std::iter::once(name.to_owned()).chain(DATA_ENDINGS.iter().map(|ending| format!("{name}{ending}")));
    let found = names
        .into_iter()
        .find(|name| taken.iter().any(|other| other.eq_ignore_ascii_case(name)));
    match found {
        Some(found) => Err(Error::schema(format!(
            "{FTS} would make the full-text table \"{name}\", and \"{found}\" is there already and is none over these columns; drop or \
             rename it, or leave {FTS} out"
        ))),
        None => Ok(()),
    }
}
