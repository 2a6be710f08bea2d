//! SQL that somebody wants to be run before or after the rows: looked at before anything is done, and run within a transaction of the load's.

use rusqlite::Batch;
use rusqlite::fallible_iterator::FallibleIterator;

use crate::error::{Error, ErrorKind};
use crate::escape::cut;
use crate::option_name::OptionName;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::sql_text::first_words;

/// Characters of a statement that a message quotes.
const QUOTED_CHARS: usize = 120;
/// What statements begin with that would end the transaction they are run in, or cannot be run in one.
const REFUSED: [&str; 9] = [
    "ATTACH",
    "BEGIN",
    "COMMIT",
    "DETACH",
    "END",
    "RELEASE",
    "ROLLBACK",
    "SAVEPOINT",
    "VACUUM",
];

/// Checks what `option` asks to be run.
///
/// # Errors
/// `Usage` for a statement that cannot be run within a transaction.
pub fn check(option: OptionName, given: &[String]) -> Result<(), Error> {
    for sql in given {
        let mut words = first_words(sql).into_iter();
        if let Some(word) = words.find(|word| REFUSED.iter().any(|refused| word.eq_ignore_ascii_case(refused))) {
            return Err(Error::usage(format!(
                "{option} runs in a transaction of its own, in which {} cannot be run; leave it out of: {}",
                word.to_ascii_uppercase(),
                quoted(sql)
            )));
        }
    }
    Ok(())
}

/// Runs what `option` asks for, in the open transaction of the caller, who rolls it back on an error.
///
/// # Errors
/// `Schema` that names the statement, for one that SQLite refuses; `DatabaseBusy`, `Io`.
pub fn run(database: &Database, option: OptionName, given: &[String]) -> Result<(), Error> {
    for sql in given {
        let mut batch = Batch::new(database.connection(), sql);
        loop {
            let mut statement = match batch.next() {
                Ok(Some(statement)) => statement,
                Ok(None) => break,
                Err(error) => return Err(refused(database, option, sql, error)),
            };
            let text = statement.expanded_sql().unwrap_or_else(|| sql.clone());
            if statement.parameter_count() > 0 {
                return Err(not_run(
                    option,
                    &text,
                    "it has a parameter, and nothing gives it a value",
                ));
            }
            let ran = statement.query([]).and_then(|mut rows| {
                while rows.next()?.is_some() {}
                Ok(())
            });
            ran.map_err(|error| refused(database, option, &text, error))?;
            if database.connection().is_autocommit() {
                return Err(not_run(
                    option,
                    &text,
                    "it has ended the transaction that it was run in",
                ));
            }
        }
    }
    Ok(())
}

/// The error for a statement that failed: what is wrong with the database or the disk comes first.
fn refused(database: &Database, option: OptionName, sql: &str, error: rusqlite::Error) -> Error {
    let text = match &error {
        rusqlite::Error::SqlInputError { sql, .. } => sql.clone(),
        _ => sql.to_owned(),
    };
    let message = match &error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    let error = database_error(database.path(), error);
    match error.kind() {
        ErrorKind::Database { .. } => not_run(option, &text, &message),
        _ => error,
    }
}

fn not_run(option: OptionName, sql: &str, message: &str) -> Error {
    Error::schema(format!("{option} failed: {message}, in: {}", quoted(sql)))
}

fn quoted(sql: &str) -> String {
    cut(sql.trim(), QUOTED_CHARS).to_string()
}
