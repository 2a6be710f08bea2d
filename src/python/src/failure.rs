//! Why something was not done, as Python is told of it.

use std::any::Any;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use pyo3::prelude::*;
use rowmill::Error;

/// What ended a job, or kept it from being begun.
#[derive(Debug)]
pub struct Failure {
    /// The name of the variant of the library's `ErrorKind`.
    pub kind: String,
    /// What happened, where, and what to do.
    pub message: String,
    /// What the program would exit with.
    pub exit_code: u8,
    /// The file that it is about.
    pub path: Option<OsString>,
}

impl Failure {
    pub fn usage(message: String) -> Failure {
        Failure {
            kind: "Usage".to_owned(),
            message,
            exit_code: 64,
            path: None,
        }
    }

    /// This process has the database at `path` open otherwise.
    pub fn open_otherwise(path: &Path) -> Failure {
        Failure {
            kind: "DatabaseBusy".to_owned(),
            message: format!(
                "database {} is open in this process, by a connection of sqlite3 or the like: two copies of SQLite in one process do not see \
                 each other's locks; close it, and open it again after the load",
                path.display()
            ),
            exit_code: 75,
            path: Some(path.into()),
        }
    }

    /// The input at `path` cannot be opened.
    pub fn missing(path: &Path, error: &io::Error) -> Failure {
        Failure {
            kind: "InputMissing".to_owned(),
            message: format!(
                "cannot open input {}: {error}; check the path and its permissions",
                path.display()
            ),
            exit_code: 66,
            path: Some(path.into()),
        }
    }

    /// A job panicked.
    pub fn panicked(payload: &(dyn Any + Send)) -> Failure {
        let formatted = payload.downcast_ref::<String>().map(String::as_str);
        let reason = formatted.or_else(|| payload.downcast_ref::<&str>().copied());
        Failure {
            kind: "Internal".to_owned(),
            message: format!(
                "internal error: {}; this is a defect in rowmill, please report it",
                reason.unwrap_or("no reason was given")
            ),
            exit_code: 70,
            path: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = format!("{:?}", error.kind());
        let name = kind.split([' ', '{', '(']).next().unwrap_or_default();
        Failure {
            kind: name.to_owned(),
            message: error.to_string(),
            exit_code: error.exit_code(),
            path: error.path().map(Into::into),
        }
    }
}

impl From<Failure> for PyErr {
    /// The exception of the package's own.
    fn from(failure: Failure) -> PyErr {
        let Failure {
            kind,
            message,
            exit_code,
            path,
        } = failure;
        Python::attach(|py| {
            let made = py
                .import("rowmill._errors")
                .and_then(|errors| errors.call_method1("error_of", (kind, message, exit_code, path)));
            made.map_or_else(|error| error, PyErr::from_value)
        })
    }
}
