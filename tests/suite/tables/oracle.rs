//! The slow way: the same rows by plain INSERT, one after another, into a table that has its unique index from the beginning.

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::cell::Cell;
use super::compare::indexes;
use super::recipe::{Recipe, quote};

/// What plain INSERT made of the rows.
pub struct Oracle {
    pub connection: Connection,
    pub loaded: u64,
    pub refused: u64,
    /// The table had an index when the rows went in.
    pub had_index: bool,
}

impl Oracle {
    /// `row_id_column` is the INTEGER PRIMARY KEY of the table, new or not; `numbered`: rows without one have the numbers of their records.
    pub fn new(recipe: &Recipe, row_id_column: Option<usize>, numbered: bool) -> Oracle {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&recipe.setup).unwrap();
        if !recipe.table_exists {
            connection.execute_batch(&recipe.create_table(row_id_column)).unwrap();
        }
        let key_is_row_id = row_id_column.is_some_and(|place| recipe.key == [place]);
        if !recipe.key.is_empty() && !key_is_row_id {
            let sql = format!("CREATE UNIQUE INDEX oracle_key ON t({})", names(recipe, &recipe.key));
            connection.execute_batch(&sql).unwrap();
        }
        let mut oracle = Oracle {
            loaded: 0,
            refused: 0,
            had_index: !indexes(&connection).is_empty(),
            connection,
        };
        let row_id_column = row_id_column.filter(|place| recipe.fields.contains(place));
        oracle.insert(recipe, row_id_column, numbered && row_id_column.is_none());
        for (number, index) in recipe.indexes.iter().enumerate() {
            let sql = format!("CREATE INDEX oracle_{number} ON t({})", names(recipe, index));
            oracle.connection.execute_batch(&sql).unwrap();
        }
        oracle
    }

    fn insert(&mut self, recipe: &Recipe, row_id_column: Option<usize>, numbered: bool) {
        let connection = &self.connection;
        let row_id = if numbered { "_rowid_, " } else { "" };
        let marks = vec!["?"; recipe.fields.len() + usize::from(numbered)].join(",");
        let sql = format!(
            "INSERT INTO t({row_id}{}) VALUES ({marks})",
            names(recipe, &recipe.fields)
        );
        let mut insert = connection.prepare(&sql).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for (index, record) in recipe.records.iter().enumerate() {
            let row_id = numbered.then_some(Value::Integer(index as i64 + 1));
            // An INTEGER PRIMARY KEY without a value would get one from SQLite.
            let Some(cells) = record
                .as_ref()
                .filter(|cells| row_id_column.is_none_or(|place| cells[place] != Cell::Null))
            else {
                self.refused += 1;
                continue;
            };
            let values = recipe.fields.iter().map(|&place| cells[place].bound());
            match insert.execute(params_from_iter(row_id.into_iter().chain(values))) {
                Ok(_) => self.loaded += 1,
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => self.refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        connection.execute_batch("COMMIT").unwrap();
    }
}

/// Names of columns as SQL.
pub fn names(recipe: &Recipe, columns: &[usize]) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|&index| quote(&recipe.columns[index].name))
        .collect();
    names.join(", ")
}
