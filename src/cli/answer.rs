//! `--then SQL`: the answer to a query, once a load is done.

use std::path::Path;

use rowmill::Error;
use rowmill::internal::report::{Paint, grouped, table_lines};
use rowmill::internal::sqlite::query::ask;

use super::width::columns_of_stdout;

/// Rows that are shown.
const MOST_ROWS: usize = 1_000;
/// Columns where the terminal does not say: all that there are.
const UNKNOWN_COLUMNS: usize = usize::MAX;

/// The answer as a table, with styles.
///
/// # Errors
/// `Usage` with what SQLite says of the query.
pub fn answer(database: &Path, sql: &str) -> Result<String, Error> {
    let answer = ask(database, sql, MOST_ROWS)?;
    let names: Vec<&str> = answer.names.iter().map(String::as_str).collect();
    if names.is_empty() {
        return Ok(String::new());
    }
    let lines = table_lines(&names, &answer.rows, columns_of_stdout().unwrap_or(UNKNOWN_COLUMNS));
    let paint = Paint::new(true);
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        text += &if index == 0 { paint.faint(line) } else { line.clone() };
        text.push('\n');
    }
    if answer.is_cut {
        text += &format!("... and more than {} rows\n", grouped(MOST_ROWS as u64));
    }
    Ok(text)
}
