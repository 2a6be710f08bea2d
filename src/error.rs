//! Fatal errors: what went wrong, where, and what to do. A bad record is not an error but data (see [`crate::reject`]).

use std::fmt;
use std::path::{Path, PathBuf};

use crate::option_name::{FORGET, MEMORY_BYTES, OptionName, SAME_LOAD};

type ErrorSource = Box<dyn std::error::Error + Send + Sync>;

/// An error that ends a load. Its [`Display`](fmt::Display) says what happened, where and what to do; it is not escaped.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// What kind of trouble ended the load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Options that contradict each other or name nothing that exists.
    #[error("{message}")]
    Usage {
        /// What is wrong, and what to do.
        message: String,
    },
    /// An input that does not exist or cannot be opened.
    #[error("cannot open input {}: {source}; check the path and its permissions", .path.display())]
    InputMissing {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An input that is not a CSV file that can be loaded.
    #[error("cannot load {}: {message}", .path.display())]
    InputUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An input that changed while it was read.
    #[error("input {} changed while it was being loaded: {message}; what was committed is safe, so run the load again", .path.display())]
    InputChanged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An input that is packed and cannot be unpacked to its end.
    #[error("input {} is damaged: {message}", .path.display())]
    InputDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what is committed of it.
        message: String,
    },
    /// An input that is not the one that the unfinished load had.
    #[error("{message}")]
    OtherInput {
        /// What is wrong, and what to do.
        message: String,
    },
    /// An output that cannot be created.
    #[error("cannot create {}: {message}", .path.display())]
    OutputCreate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// An output that another load writes.
    #[error("cannot write {}: another load is writing it{holders}; wait for that to end, or name another file with {option}", .path.display())]
    OutputBusy {
        /// The file.
        path: PathBuf,
        /// The option that names another file.
        option: OptionName,
        /// Who writes it, as far as is known; begins with a blank or is empty.
        holders: String,
    },
    /// A file of the load's own that no longer holds what the load wrote to it.
    #[error("{}: {message}", .path.display())]
    SideFileChanged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Reading or writing failed midway.
    #[error("{action} {} failed: {source}{}", .path.display(), hint_for(.source))]
    Io {
        /// What was being done, such as `writing`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Every row is in, but the report could not be written.
    #[error("the load is complete and need not be run again, but its report is missing: {reason}")]
    ReportMissing {
        /// Why it could not be written.
        reason: String,
        /// The exit code of the error that kept it from being written.
        exit_code: u8,
    },
    /// SQLite could not read or write the database.
    #[error("database {}: {message}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
        /// What SQLite said.
        source: Option<ErrorSource>,
    },
    /// Another process holds the database.
    #[error("database {} is locked by another process: {message}; wait for it or close it, then run the load again", .path.display())]
    DatabaseBusy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The file is not a SQLite database, or the table does not fit the input. Every problem found is listed.
    #[error("{message}")]
    Schema {
        /// What is wrong, and what to do.
        message: String,
    },
    /// A defect in rowmill.
    #[error("internal error: {message}; this is a defect in rowmill, please report it")]
    Internal {
        /// What does not add up.
        message: String,
    },
}

fn hint_for(error: &std::io::Error) -> String {
    let hint = match (error.raw_os_error(), error.kind()) {
        (Some(libc::ENOMEM), _) => {
            return format!("; lower {MEMORY_BYTES}, or allow more address space (ulimit -v), and run the load again");
        }
        (Some(libc::EMFILE | libc::ENFILE), _) => "; allow more open files (ulimit -n) and run the load again",
        (Some(libc::EFBIG), _) => {
            "; a file may not grow that large (ulimit -f, or the file system): allow larger files and run the load again"
        }
        (_, std::io::ErrorKind::StorageFull) => "; free some space and run the load again",
        (_, std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied) => {
            "; choose a folder that can be written to"
        }
        _ => "",
    };
    hint.to_owned()
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Error(Box::new(kind))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage {
            message: message.into(),
        })
    }

    pub(crate) fn schema(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Schema {
            message: message.into(),
        })
    }

    /// The table being loaded is gone.
    pub(crate) fn table_gone(table: &str) -> Self {
        Self::schema(format!(
            "table \"{table}\" is gone: somebody dropped or renamed it during the load; put it back and run the {SAME_LOAD} again to \
             go on, or give the load up with {FORGET}"
        ))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal {
            message: message.into(),
        })
    }

    pub(crate) fn unusable(path: &Path, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InputUnusable {
            path: path.to_owned(),
            message: message.into(),
        })
    }

    pub(crate) fn changed(path: &Path, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InputChanged {
            path: path.to_owned(),
            message: message.into(),
        })
    }

    pub(crate) fn input_missing(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Error::new(ErrorKind::InputMissing { path, source })
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::new(ErrorKind::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn create(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::OutputCreate {
            path: path.to_owned(),
            message: message.to_string(),
        })
    }

    pub(crate) fn output_busy(path: &Path, option: OptionName, holders: impl Into<String>) -> Self {
        Self::new(ErrorKind::OutputBusy {
            path: path.to_owned(),
            option,
            holders: holders.into(),
        })
    }

    pub(crate) fn side_file_changed(path: &Path, message: &str) -> Self {
        Self::new(ErrorKind::SideFileChanged {
            path: path.to_owned(),
            message: message.to_owned(),
        })
    }

    /// Turns an error in writing the report into one that fits a complete load: a write error advises running the load again, which would
    /// be wrong.
    pub(crate) fn after_complete_load(self) -> Self {
        let exit_code = self.exit_code();
        let reason = match &*self.0 {
            ErrorKind::Io { action, path, source } => format!("{action} {} failed: {source}", path.display()),
            other => other.to_string(),
        };
        Self::new(ErrorKind::ReportMissing { reason, exit_code })
    }

    /// Adds `more` to what is said of a damaged input.
    pub(crate) fn and_say(mut self, more: impl FnOnce() -> String) -> Self {
        if let ErrorKind::InputDamaged { message, .. } = &mut *self.0 {
            message.push_str(&more());
        }
        self
    }

    /// Adds `more` to what is said of a table, or of a database that others hold.
    pub(crate) fn explained(mut self, more: &str) -> Self {
        if let ErrorKind::Schema { message } | ErrorKind::DatabaseBusy { message, .. } = &mut *self.0 {
            message.push_str(more);
        }
        self
    }

    /// Returns the kind of trouble.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// Returns the file that the error is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            ErrorKind::InputMissing { path, .. }
            | ErrorKind::InputUnusable { path, .. }
            | ErrorKind::InputChanged { path, .. }
            | ErrorKind::InputDamaged { path, .. }
            | ErrorKind::OutputCreate { path, .. }
            | ErrorKind::OutputBusy { path, .. }
            | ErrorKind::SideFileChanged { path, .. }
            | ErrorKind::Io { path, .. }
            | ErrorKind::Database { path, .. }
            | ErrorKind::DatabaseBusy { path, .. } => Some(path),
            ErrorKind::Usage { .. }
            | ErrorKind::OtherInput { .. }
            | ErrorKind::ReportMissing { .. }
            | ErrorKind::Schema { .. }
            | ErrorKind::Internal { .. } => None,
        }
    }

    /// Returns the process exit code for this error (the README has the table).
    pub fn exit_code(&self) -> u8 {
        match *self.0 {
            ErrorKind::Usage { .. } => 64,
            ErrorKind::InputUnusable { .. } => 65,
            ErrorKind::InputMissing { .. } => 66,
            ErrorKind::Internal { .. } => 70,
            ErrorKind::OutputCreate { .. } => 73,
            ErrorKind::Io { .. }
            | ErrorKind::InputChanged { .. }
            | ErrorKind::InputDamaged { .. }
            | ErrorKind::OtherInput { .. }
            | ErrorKind::SideFileChanged { .. }
            | ErrorKind::Database { .. } => 74,
            ErrorKind::DatabaseBusy { .. } | ErrorKind::OutputBusy { .. } => 75,
            ErrorKind::ReportMissing { exit_code, .. } => exit_code,
            ErrorKind::Schema { .. } => 78,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
