//! The DEFAULTs of a table's columns, as values.
//!
//! Comes in: a table that exists, and columns that the load fills. Goes out: for each what the column stores for an empty cell. An
//! expression that SQLite computes for each row has no such value, unless it is the time: that is when the load begins.

use rusqlite::OptionalExtension;
use rusqlite::types::ValueRef;

use crate::error::Error;
use crate::option_name::EMPTY;
use crate::schema::cells::StoredValue;
use crate::schema::{Column, ColumnType};
use crate::sqlite::database::Database;

/// A table of the connection's own, for a moment.
const VALUES: &str = "_rowmill_defaults";
/// Words that stand for the time.
const TIMES: [&str; 3] = ["CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"];

/// Bare words that are no text.
const CONSTANTS: [&str; 3] = ["TRUE", "FALSE", "NULL"];

/// What SQLite makes of a DEFAULT.
enum FoundDefault {
    Null,
    Value(StoredValue),
    /// Nothing that can be known before the rows come.
    Computed,
}

/// Notes the DEFAULTs of `columns` of `table` in them.
///
/// # Errors
/// `Schema` naming every column whose DEFAULT is not one value, `Database` when SQLite cannot be asked.
pub fn take(database: &Database, table: &str, columns: &mut [Column]) -> Result<(), Error> {
    let mut computed = Vec::new();
    for column in columns {
        let Some(in_table) = &mut column.in_table else { continue };
        let found = default_of(database, table, &column.name, in_table.affinity).map_err(|e| database.fail(e))?;
        match found {
            FoundDefault::Null => in_table.default = None,
            FoundDefault::Value(value) => in_table.default = Some(value),
            FoundDefault::Computed => computed.push(format!("\"{}\"", column.name)),
        }
    }
    if computed.is_empty() {
        return Ok(());
    }
    Err(Error::schema(format!(
        "{EMPTY} default takes a DEFAULT that is one value, or the time; that of {} is computed for each row, or a BLOB. Take such columns \
         out of the input, so that the table fills them, or load empty fields as NULL",
        computed.join(", ")
    )))
}

/// The DEFAULT of a column as an expression that may stand in any statement; `NULL` if it has none.
///
/// # Errors
/// `Database` when SQLite cannot be asked.
pub fn expression(database: &Database, table: &str, column: &str) -> Result<String, Error> {
    let text = default_text(database, table, column).map_err(|e| database.fail(e))?;
    Ok(text.map_or_else(|| "NULL".to_owned(), |text| as_expression(&text)))
}

/// A DEFAULT that was written as `text`. A bare word there, or one in quotes that names have, is text; elsewhere it would name a column.
fn as_expression(text: &str) -> String {
    let unquoted = |quote: &str| text[1..text.len() - 1].replace(&quote.repeat(2), quote);
    let is_bare_word = text
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
        && !text.starts_with(|first: char| first.is_ascii_digit());
    let word = match text.as_bytes() {
        [b'"', .., b'"'] => unquoted("\""),
        [b'`', .., b'`'] => unquoted("`"),
        [b'[', .., b']'] => text[1..text.len() - 1].to_owned(),
        _ if is_bare_word && !is_time(text) && !CONSTANTS.contains(&text.to_ascii_uppercase().as_str()) => {
            text.to_owned()
        }
        _ => return format!("({text})"),
    };
    format!("'{}'", word.replace('\'', "''"))
}

/// The DEFAULT of a column as it was written.
fn default_text(database: &Database, table: &str, column: &str) -> rusqlite::Result<Option<String>> {
    let find = "SELECT dflt_value FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE";
    let text: Option<Option<String>> = database
        .connection()
        .query_row(find, [table, column], |row| row.get(0))
        .optional()?;
    Ok(text.flatten())
}

fn default_of(database: &Database, table: &str, column: &str, affinity: ColumnType) -> rusqlite::Result<FoundDefault> {
    let connection = database.connection();
    let Some(text) = default_text(database, table, column)? else {
        return Ok(FoundDefault::Null);
    };
    if !is_time(&text) && !is_constant(database, &text) {
        return Ok(FoundDefault::Computed);
    }
    let declared = match affinity {
        ColumnType::Any => "",
        affinity => affinity.sql(),
    };
    // A column of the same affinity stores it as that of the table would.
    let forget = format!("DROP TABLE IF EXISTS temp.{VALUES}");
    connection.execute_batch(&format!(
        "{forget}; CREATE TEMP TABLE {VALUES} (c {declared}); INSERT INTO temp.{VALUES} VALUES (({text}))"
    ))?;
    let found = connection.query_row(&format!("SELECT c FROM temp.{VALUES}"), [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Null => FoundDefault::Null,
            ValueRef::Integer(value) => FoundDefault::Value(StoredValue::Integer(value)),
            ValueRef::Real(value) => FoundDefault::Value(StoredValue::Real(value.to_bits())),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => FoundDefault::Value(StoredValue::Text(text.to_owned())),
                Err(_) => FoundDefault::Computed,
            },
            ValueRef::Blob(_) => FoundDefault::Computed,
        })
    });
    connection.execute_batch(&forget)?;
    found
}

fn is_time(text: &str) -> bool {
    TIMES.iter().any(|time| text.trim().eq_ignore_ascii_case(time))
}

/// Whether an expression calls nothing: SQLite has no step for it that is a function.
fn is_constant(database: &Database, text: &str) -> bool {
    let steps = || -> rusqlite::Result<bool> {
        let mut explain = database.connection().prepare(&format!("EXPLAIN SELECT ({text})"))?;
        let mut rows = explain.query([])?;
        while let Some(row) = rows.next()? {
            let step: String = row.get(1)?;
            if step.contains("Func") {
                return Ok(false);
            }
        }
        Ok(true)
    };
    // What SQLite cannot make sense of by itself is nothing that is known before the rows come.
    steps().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_defaults_are_text() {
        for (written, expression) in [
            ("'new'", "('new')"),
            ("new", "'new'"),
            ("\"it's\"", "'it''s'"),
            ("`a``b`", "'a`b'"),
            ("[a b]", "'a b'"),
            ("-1.5", "(-1.5)"),
            ("17", "(17)"),
            ("true", "(true)"),
            ("CURRENT_TIMESTAMP", "(CURRENT_TIMESTAMP)"),
            ("datetime('now')", "(datetime('now'))"),
        ] {
            assert_eq!(as_expression(written), expression);
        }
    }
}
