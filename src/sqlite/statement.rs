//! A prepared statement that inserts or looks up a row, driven through SQLite's C interface: text is bound where it lies, without a
//! copy, which rusqlite's safe interface cannot allow.

use std::ffi::{CStr, c_int};
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::error::Error;
use crate::sqlite::database::{Database, database_error};
use crate::sqlite::format::RecordValue;

pub fn database_failure(database: &Database, failure: StatementFailure) -> Error {
    database_error(
        database.path(),
        rusqlite::Error::SqliteFailure(ffi::Error::new(failure.code), Some(failure.message)),
    )
}

/// The first of SQLite's steps for `sql` that `is_plain` does not know by its name and first operand.
///
/// The steps differ from version to version of SQLite: a step that is not known is one that may do anything.
/// Source: <https://sqlite.org/opcode.html>.
pub fn unusual_step(
    connection: &Connection,
    sql: &str,
    is_plain: impl Fn(&str, c_int) -> bool,
) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN {sql}"))?;
    // Nothing is bound: the steps are only listed, not taken.
    let mut steps = statement.raw_query();
    while let Some(step) = steps.next()? {
        let (name, code): (String, c_int) = (step.get("opcode")?, step.get("p1")?);
        if !is_plain(&name, code) {
            return Ok(Some(format!("{name} {code}")));
        }
    }
    Ok(None)
}

/// What SQLite said when a statement failed.
#[derive(Debug)]
pub struct StatementFailure {
    /// Extended result code.
    pub code: c_int,
    pub message: String,
}

impl StatementFailure {
    /// Whether the cause is in the values of the row: a constraint, or an expression (of a CHECK, an index, a generated column, a trigger)
    /// that cannot be computed from them, such as `json_extract` of text that is not JSON. Causes in the table show when the statement is
    /// prepared.
    pub fn is_of_the_row(&self) -> bool {
        let of_a_row = [
            ffi::SQLITE_CONSTRAINT,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_MISMATCH,
            ffi::SQLITE_TOOBIG,
        ];
        of_a_row.contains(&(self.code & 0xFF))
    }
}

/// A prepared statement.
#[derive(Debug)]
pub struct Statement<'d> {
    handle: *mut ffi::sqlite3_stmt,
    connection: &'d Connection,
}

impl<'d> Statement<'d> {
    pub fn new(database: &'d Database, sql: &str) -> Result<Self, Error> {
        let connection = database.connection();
        let length = c_int::try_from(sql.len()).map_err(|_| Error::schema("the table has too many columns"))?;
        let mut handle = ptr::null_mut();
        // SAFETY: the connection is open as long as `database`, which outlives `Self` by 'd; `sql` holds `length` bytes; SQLite writes
        // a statement or null to `handle`.
        let code = unsafe {
            let flags = ffi::SQLITE_PREPARE_PERSISTENT;
            ffi::sqlite3_prepare_v3(
                connection.handle(),
                sql.as_ptr().cast(),
                length,
                flags,
                &mut handle,
                ptr::null_mut(),
            )
        };
        let statement = Statement { handle, connection };
        if code != ffi::SQLITE_OK || handle.is_null() {
            return Err(database_failure(database, statement.failure(code)));
        }
        Ok(statement)
    }

    /// Runs a statement whose failure no row can be blamed for.
    pub fn run(&mut self, database: &Database) -> Result<(), Error> {
        let ran = self.step();
        ran.map(|_| ()).map_err(|failure| database_failure(database, failure))
    }

    /// Binds a value; text stays where it lies in `record` until the next [`step`](Self::step) returns.
    pub fn bind(&mut self, parameter: c_int, value: RecordValue, record: &[u8]) {
        // SAFETY: `handle` is a statement that is not running (`step` always resets it). The text lies within `record` (`decode`
        // checked it) and SQLite reads it only during the step that the caller makes next, once every parameter is bound anew, while
        // the records of all rows are still borrowed by it; `step` clears the bindings' use by resetting. A failing bind (no such parameter) leaves NULL, which the caller's
        // column list rules out.
        unsafe {
            match value {
                RecordValue::Null => ffi::sqlite3_bind_null(self.handle, parameter),
                RecordValue::Integer(value) => ffi::sqlite3_bind_int64(self.handle, parameter, value),
                RecordValue::Real(value) => ffi::sqlite3_bind_double(self.handle, parameter, value),
                RecordValue::Text { start, bytes } => ffi::sqlite3_bind_text64(
                    self.handle,
                    parameter,
                    record.as_ptr().add(start).cast(),
                    bytes as u64,
                    ffi::SQLITE_STATIC(),
                    ffi::SQLITE_UTF8 as u8,
                ),
            }
        };
    }

    /// Runs the statement once and makes it ready for the next run; returns the first column of the first row, if there is one.
    pub fn step(&mut self) -> Result<Option<i64>, StatementFailure> {
        // SAFETY: `handle` is a prepared statement; the column is read only while a row is there.
        unsafe {
            let code = ffi::sqlite3_step(self.handle);
            let result = match code {
                ffi::SQLITE_ROW => Ok(Some(ffi::sqlite3_column_int64(self.handle, 0))),
                ffi::SQLITE_DONE => Ok(None),
                _ => Err(self.failure(code)),
            };
            ffi::sqlite3_reset(self.handle);
            result
        }
    }

    fn failure(&self, code: c_int) -> StatementFailure {
        // SAFETY: the connection is open; the message is a NUL-terminated string that is valid until the next call on it.
        unsafe {
            let database = self.connection.handle();
            let extended = ffi::sqlite3_extended_errcode(database);
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(database))
                .to_string_lossy()
                .into_owned();
            StatementFailure {
                code: if extended & 0xFF == code & 0xFF { extended } else { code },
                message,
            }
        }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: `handle` came from sqlite3_prepare_v3 (null is allowed) and is not used again; the connection is still open.
        unsafe { ffi::sqlite3_finalize(self.handle) };
    }
}
