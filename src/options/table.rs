//! What a load does to its table besides filling it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::option_name::{
    AFTER, ALTER, ANALYZE, ATOMIC, BEFORE, CREATE_SQL, FTS, IF_EXISTS, NOT_NULL, OptionName, STRICT, TABLE_PER_FILE,
    UNIQUE, VACUUM,
};
use crate::schema::definition::Definition;
use crate::schema::identifier::{listed_lists, listed_or_none};

/// What becomes of the rows of a table that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IfExists {
    /// They stay, and those of the load come to them.
    #[default]
    Append,
    /// The load is refused.
    Fail,
    /// They are deleted in the transaction in which the first rows of the load go in.
    Truncate,
    /// The load fills a new table, which takes the place of the old one once all rows are in.
    Replace,
}

impl IfExists {
    /// The word for it on the command line and in notes.
    pub const fn as_str(self) -> &'static str {
        match self {
            IfExists::Append => "append",
            IfExists::Fail => "fail",
            IfExists::Truncate => "truncate",
            IfExists::Replace => "replace",
        }
    }

    /// Whether rows that are there give way to those of the load.
    pub fn takes_rows_away(self) -> bool {
        matches!(self, IfExists::Truncate | IfExists::Replace)
    }
}

/// What of a load lands together, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Atomic {
    /// Each batch; a load that is stopped goes on where it was.
    #[default]
    Batch,
    /// All inputs of the load: all of its rows, or none.
    File,
}

impl Atomic {
    /// The word for it on the command line and in notes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Atomic::Batch => "batch",
            Atomic::File => "file",
        }
    }
}

/// Where the SQL comes from that makes a new table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateSql {
    /// A file has it.
    File(PathBuf),
    /// A program has given it.
    Text(String),
}

/// What a load does to its table besides filling it.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// A new table is STRICT.
    pub strict: bool,
    /// Columns of a new table that are NOT NULL.
    pub not_null: Vec<String>,
    /// Lists of columns that no two rows may share.
    pub unique: Vec<Vec<String>>,
    /// Columns to search for words; empty: none.
    pub fts: Vec<String>,
    /// The SQL that makes a new table, in place of rowmill's own.
    pub create_sql: Option<CreateSql>,
    /// What that SQL makes, once it is read.
    pub definition: Option<Arc<Definition>>,
    /// SQL that runs before the first row.
    pub before: Vec<String>,
    /// SQL that runs after the last row.
    pub after: Vec<String>,
    /// Lets SQLite count what its planner wants to know of the table.
    pub analyze: bool,
    /// Lets SQLite write the whole database anew.
    pub vacuum: bool,
    /// What becomes of the rows of a table that is there already.
    pub if_exists: IfExists,
    /// A table that is there already gets the columns that it lacks.
    pub alter: bool,
    /// What of the load lands together.
    pub atomic: Atomic,
}

impl TableOptions {
    /// Names of columns that these options use.
    pub(super) fn column_names(&self) -> impl Iterator<Item = &String> {
        self.unique.iter().flatten().chain(&self.fts).chain(&self.not_null)
    }

    /// Each of these options with what it is set to.
    pub fn described(&self) -> Vec<(OptionName, String)> {
        let mut all = self.described_before_rows();
        all.extend([
            (AFTER, statements(&self.after)),
            (ANALYZE, switch(self.analyze)),
            (VACUUM, switch(self.vacuum)),
        ]);
        all
    }

    /// Those of them on which what becomes of rows depends. What is done after the rows may be mended when a load goes on.
    pub fn described_before_rows(&self) -> Vec<(OptionName, String)> {
        vec![
            (IF_EXISTS, self.if_exists.as_str().to_owned()),
            (ALTER, switch(self.alter)),
            (ATOMIC, self.atomic.as_str().to_owned()),
            (
                CREATE_SQL,
                (self.definition.as_ref()).map_or_else(|| "none".to_owned(), |definition| definition.sql()),
            ),
            (STRICT, switch(self.strict)),
            (NOT_NULL, listed_or_none(&self.not_null)),
            (UNIQUE, listed_lists(&self.unique)),
            (FTS, listed_or_none(&self.fts)),
            (BEFORE, statements(&self.before)),
        ]
    }

    /// Whether there is something to do that is not of the table alone, and must not be done twice, or only on the disk.
    pub fn goes_beyond_the_table(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty() || self.vacuum
    }

    /// Whether something is to be done once rows and indexes are in.
    pub fn has_last_steps(&self) -> bool {
        !self.after.is_empty() || self.analyze || self.vacuum
    }

    pub(super) fn validate(&self, table_per_file: bool) -> Result<(), Error> {
        let of_the_database = [
            (BEFORE, !self.before.is_empty()),
            (AFTER, !self.after.is_empty()),
            (VACUUM, self.vacuum),
        ];
        let asked = of_the_database.iter().find(|(_, is_asked)| *is_asked);
        if let Some((option, _)) = asked.filter(|_| table_per_file) {
            return Err(Error::usage(format!(
                "{option} is done once for a database, and {TABLE_PER_FILE} makes a load of each file; leave it out, and do it by itself \
                 before or after them"
            )));
        }
        if self.create_sql.is_some() {
            self.validate_create_sql(table_per_file)?;
        }
        // The names that an FTS5 table has for itself. Source: <https://sqlite.org/fts5.html> §2.
        let own = |name: &&String| ["rank", "rowid"].iter().any(|own| name.eq_ignore_ascii_case(own));
        match self.fts.iter().find(own) {
            Some(name) => Err(Error::usage(format!(
                "{FTS} names \"{name}\", a name that full-text tables have for themselves; leave it out, or give the column another name"
            ))),
            None => Ok(()),
        }
    }
}

impl TableOptions {
    /// Checks that nothing else says how a new table is made.
    fn validate_create_sql(&self, table_per_file: bool) -> Result<(), Error> {
        if table_per_file {
            return Err(Error::usage(format!(
                "{CREATE_SQL} makes one table, and {TABLE_PER_FILE} fills one for each file; leave one of them out"
            )));
        }
        let of_new_tables = [(STRICT, self.strict), (NOT_NULL, !self.not_null.is_empty())];
        match of_new_tables.iter().find(|(_, is_asked)| *is_asked) {
            Some((option, _)) => Err(Error::usage(format!(
                "{CREATE_SQL} makes the table, and {option} is for one that rowmill makes; leave it out, and say it in the SQL"
            ))),
            None => Ok(()),
        }
    }
}

fn switch(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

/// SQL as it was given, in one line.
fn statements(given: &[String]) -> String {
    match given {
        [] => "none".to_owned(),
        given => given.join("; "),
    }
}
