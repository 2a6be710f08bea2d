//! What a load is asked to do, validated once; every constant of the program with its unit and reason.

use std::path::PathBuf;

use crate::error::Error;
use crate::option_name::{
    self, APPEND_ONLY, BATCH_ROWS, CHUNK_BYTES, DELIMITER, KEEP_CHECKPOINT, MAX_ERRORS, ONCE, QUOTE, REPORT,
    REPORT_HTML, THREADS, WINDOW_BYTES,
};
use crate::schema::ColumnType;

/// Default promise on peak memory (VmHWM), mapped pages included. Below 256 MB (decimal), so that either reading holds.
pub const DEFAULT_MEMORY_BYTES: u64 = 244 << 20;
/// Mapped span of a file at a time: large enough that mapping costs nothing, small enough that two fit beside the filter.
pub const DEFAULT_WINDOW_BYTES: u64 = 16 << 20;
/// Bytes that one task parses: fits the L2 cache together with the rows made from it.
pub const DEFAULT_CHUNK_BYTES: u64 = 256 << 10;
/// Longest record: a quoted field still open after this many bytes is a stray quote, not data.
pub const DEFAULT_MAX_RECORD_BYTES: u64 = 8 << 20;
/// Most that `max_record_bytes` may be. Offsets within a parsed span are 32 bits wide, and a span holds a record and a chunk.
pub const MAX_RECORD_BYTES: u64 = 512 << 20;
/// Most that `chunk_bytes` may be, for the same reason.
pub const MAX_CHUNK_BYTES: u64 = 256 << 20;
/// Most worker threads. Beyond this a number is a slip of the keyboard, and the stacks alone would break the memory promise.
pub const MAX_THREADS: usize = 1024;
/// Records of one transaction.
pub const DEFAULT_BATCH_ROWS: u64 = 200_000;

/// When to stop because too many records were rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ErrorLimit {
    /// More than this many rejects.
    Count(u64),
    /// More than this share of all records, in percent; looked at from the 1,000th record on and at the end.
    Percent(f64),
}

impl ErrorLimit {
    /// Whether `rejects` among `records` records are too many.
    pub fn is_passed(self, rejects: u64, records: u64) -> bool {
        match self {
            ErrorLimit::Count(limit) => rejects > limit,
            ErrorLimit::Percent(percent) => rejects as f64 * 100.0 > percent * records as f64,
        }
    }
}

/// How rows get into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WritePath {
    /// The direct path where the table allows it, else SQL.
    #[default]
    Auto,
    /// Always prepared INSERT statements.
    Sql,
    /// The direct path, or an error that says why not.
    Direct,
}

/// Where the types of a new table's columns come from when they are not declared. The outcome is the same: types that fit every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Inference {
    /// A guess for a large file that goes into a new database, else every value.
    #[default]
    Auto,
    /// Every value, in a pass of its own before anything is loaded.
    Whole,
    /// A guess from the first chunk, which every value verifies as it is loaded; once one refutes it, what was loaded is taken back and
    /// the load starts again with [`Whole`](Self::Whole). Where that cannot be done, as [`Whole`](Self::Whole).
    Guess,
}

/// The options of a load. [`LoadOptions::default`] is what the command line does without flags.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Table to load into; default: the stem of the first input's name (`stdin` for a pipe).
    pub table: Option<String>,
    /// Columns that make a row unique; empty: no key.
    pub key: Vec<String>,
    /// Lists of columns to index after the rows are in.
    pub indexes: Vec<Vec<String>>,
    /// The dead-letter file.
    pub errors: PathBuf,
    /// Where to write the JSON report, on every way out.
    pub report: Option<PathBuf>,
    /// Where to write the same as a page for people, on every way out.
    pub report_html: Option<PathBuf>,
    /// Put a `'` before fields of the dead-letter file that a spreadsheet would take for a formula.
    pub safe_errors: bool,
    /// Worker threads; 0: one per core.
    pub threads: usize,
    /// Promise on peak memory in bytes.
    pub memory_bytes: u64,
    /// Records per transaction.
    pub batch_rows: u64,
    pub delimiter: u8,
    /// `None`: quotes are plain text.
    pub quote: Option<u8>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Every column TEXT unless `types` says otherwise.
    pub all_text: bool,
    /// Declared column types by name.
    pub types: Vec<(String, ColumnType)>,
    /// Where the other columns' types come from.
    pub inference: Inference,
    /// Quoted empty fields are NULL too.
    pub empty_is_null: bool,
    pub max_errors: Option<ErrorLimit>,
    pub max_record_bytes: u64,
    pub window_bytes: u64,
    pub chunk_bytes: u64,
    pub write_path: WritePath,
    /// Forget an unfinished load of the same table and start afresh.
    pub restart: bool,
    /// Leave the checkpoint in the database when the load is done.
    pub keep_checkpoint: bool,
    /// The input is a file that grows: load what came since the last load of it, up to its last whole record.
    pub append_only: bool,
    /// Skip inputs whose content went into the table before with this option; remember what goes in now, in the database.
    pub once: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions {
            table: None,
            key: Vec::new(),
            indexes: Vec::new(),
            errors: PathBuf::from("errors.csv"),
            report: None,
            report_html: None,
            safe_errors: false,
            threads: 0,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            batch_rows: DEFAULT_BATCH_ROWS,
            delimiter: b',',
            quote: Some(b'"'),
            header: true,
            all_text: false,
            types: Vec::new(),
            inference: Inference::Auto,
            empty_is_null: false,
            max_errors: None,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            window_bytes: DEFAULT_WINDOW_BYTES,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
            write_path: WritePath::Auto,
            restart: false,
            keep_checkpoint: false,
            append_only: false,
            once: false,
        }
    }
}

impl LoadOptions {
    /// Checks what can be checked before anything is opened.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the option and what it takes.
    pub fn validate(&self) -> Result<(), Error> {
        let line_end = |c: u8| c == b'\n' || c == b'\r';
        if line_end(self.delimiter) || self.delimiter == 0 || !self.delimiter.is_ascii() {
            return Err(Error::usage(format!(
                "{DELIMITER} must be one ASCII character other than a line end or NUL"
            )));
        }
        if self.report_html.is_some() && cfg!(not(feature = "html")) {
            return Err(Error::usage(format!(
                "{REPORT_HTML} needs rowmill built with its feature `html`; use {REPORT}, or build it so"
            )));
        }
        if let Some(quote) = self.quote {
            if line_end(quote) || quote == 0 || !quote.is_ascii() {
                return Err(Error::usage(format!(
                    "{QUOTE} must be one ASCII character other than a line end or NUL"
                )));
            }
            if quote == self.delimiter {
                return Err(Error::usage(format!("{DELIMITER} and {QUOTE} are the same character")));
            }
        }
        for (name, value) in [
            (BATCH_ROWS, self.batch_rows),
            (WINDOW_BYTES, self.window_bytes),
            (CHUNK_BYTES, self.chunk_bytes),
            (option_name::MAX_RECORD_BYTES, self.max_record_bytes),
        ] {
            if value == 0 {
                return Err(Error::usage(format!("{name} must be at least 1")));
            }
        }
        if self.threads > MAX_THREADS {
            return Err(Error::usage(format!(
                "{THREADS} {} is more than {MAX_THREADS}, the most there can be; 0 is one per core",
                self.threads
            )));
        }
        if self.append_only && self.keep_checkpoint {
            return Err(Error::usage(format!(
                "{APPEND_ONLY} keeps what it needs in the database; leave {KEEP_CHECKPOINT} out"
            )));
        }
        if self.append_only && self.once {
            return Err(Error::usage(format!(
                "{APPEND_ONLY} loads what is new of a file that changes, {ONCE} files that never change: leave one of them out"
            )));
        }
        if self.once && self.keep_checkpoint {
            return Err(Error::usage(format!(
                "{ONCE} remembers a load when it ends, and {KEEP_CHECKPOINT} leaves its end out; leave one of them out"
            )));
        }
        for (name, value, most) in [
            (option_name::MAX_RECORD_BYTES, self.max_record_bytes, MAX_RECORD_BYTES),
            (CHUNK_BYTES, self.chunk_bytes, MAX_CHUNK_BYTES),
        ] {
            if value > most {
                return Err(Error::usage(format!("{name} must be at most {} MiB", most >> 20)));
            }
        }
        if let Some(ErrorLimit::Percent(percent)) = self.max_errors
            && !(0.0..=100.0).contains(&percent)
        {
            return Err(Error::usage(format!(
                "{MAX_ERRORS} takes a percentage between 0% and 100%"
            )));
        }
        Ok(())
    }
}
