//! Row ids that AUTOINCREMENT gives: this notices that they are used up before SQLite says, of all things, that the disk is full.

use crate::error::Error;
use crate::schema::identifier::quote;
use crate::schema::table_info::{TableInfo, row_id_alias};
use crate::sqlite::database::Database;
use crate::sqlite::statement::{Statement, database_failure};

/// The row ids that AUTOINCREMENT gives: none twice, so at some point none is left. Then SQLite says that the disk is full.
#[derive(Debug)]
pub struct GivenIds<'d> {
    /// Finds the greatest id that was given.
    greatest: Statement<'d>,
    /// The greatest id must be checked before each row.
    pub is_near_end: bool,
}

impl<'d> GivenIds<'d> {
    /// `None` if SQLite gives no ids, or always finds free ones.
    pub fn new(database: &'d Database, info: &TableInfo) -> Result<Option<Self>, Error> {
        let alias = row_id_alias(&info.columns);
        let Some(alias) = alias.filter(|_| info.may_autoincrement) else {
            return Ok(None);
        };
        // Source: <https://sqlite.org/autoinc.html> §3.
        let greatest = format!(
            "SELECT max(ifnull((SELECT max(seq) FROM main.sqlite_sequence WHERE name = '{}'), 0),
                        ifnull((SELECT max({alias}) FROM main.{}), 0))",
            info.name.replace('\'', "''"),
            quote(&info.name)
        );
        Ok(Some(GivenIds {
            greatest: Statement::new(database, &greatest)?,
            is_near_end: false,
        }))
    }

    pub fn greatest(&mut self, database: &Database) -> Result<i64, Error> {
        let greatest = self.greatest.step();
        let greatest = greatest.map_err(|failure| database_failure(database, failure))?;
        Ok(greatest.unwrap_or(0))
    }
}

/// What SQLite means when it says, about such a table, that the disk is full.
pub fn no_more_ids(table: &str) -> String {
    format!(
        "the row ids of table \"{table}\" are used up: AUTOINCREMENT has reached {}, the greatest possible",
        i64::MAX
    )
}
