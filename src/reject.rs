//! Records that are not loaded, and the dead-letter file that keeps them.

mod append_file;
#[allow(missing_docs)]
mod claim;
#[allow(missing_docs)]
mod dead_letters;
mod foreign_lines;
pub(crate) mod line;
mod merge;
mod message;
mod origins;
mod output;
mod place;
#[allow(missing_docs)]
mod samples;
#[allow(missing_docs)]
mod state;
#[allow(missing_docs)]
mod suspects;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::claim::is_errors_file;
pub(crate) use self::claim::lock;
pub use self::claim::{check_errors_file, forget_rejects};
pub use self::dead_letters::{DeadLetter, DeadLetters};
pub use self::line::ColumnLabel;
pub(crate) use self::line::looks_like_formula;
pub use self::merge::{DuplicateMerge, discard_merge};
pub use self::message::Message;
pub use self::origins::Origins;
#[cfg(feature = "html")]
pub(crate) use self::output::open_file;
pub(crate) use self::output::{beside_with, errors_file_of, folder_of, followed, same_file, sync_folder};
pub(crate) use self::place::{link_unnamed, random_token};
pub use self::samples::{RejectSample, RejectSamples, SAMPLES_PER_CODE};
pub use self::state::{Committed, HEADER, Left, LettersPlace};
pub use self::suspects::{Suspect, SuspectEntry, SuspectReader, SuspectSpool};

use crate::encoding::Encoding;
use crate::position::ByteRange;
use crate::schema::ColumnType;
use crate::syntax_fault::JsonExpected;

/// Why a record was not loaded: the `code` column of the dead-letter file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectCode {
    /// It has fewer fields than there are columns.
    MissingColumns,
    /// It has more fields than there are columns.
    TooManyColumns,
    /// A quoted field begins on this line and is not closed in time.
    UnterminatedQuote,
    /// Text follows a closing quote.
    InvalidQuote,
    /// It is longer than [`max_record_bytes`](crate::Load::max_record_bytes).
    RecordTooLarge,
    /// It is not UTF-8.
    InvalidUtf8,
    /// It has a NUL byte.
    NulByte,
    /// A value is not of its column's type.
    TypeError,
    /// A value is of its column's type, but is too large, or names a day that does not exist.
    OutOfRange,
    /// A value is missing where the column does not accept NULL.
    NullViolation,
    /// A value breaks a rule.
    RuleFailed,
    /// Its key came before, in the table or in the inputs.
    DuplicateKey,
    /// The database refuses the row.
    ConstraintFailed,
    /// It is not in the [encoding](crate::Load::encoding) that the input is in, which is not UTF-8.
    InvalidEncoding,
    /// A line of JSON Lines is not one object, or has a name twice.
    InvalidJson,
    /// An escape that was [found](crate::Load::detect_dialect), and not said, stands before a character of which programs think otherwise.
    InvalidEscape,
}

impl RejectCode {
    /// Every code, in the order of [`RejectCode::index`]: checkpoints count by it, so that a new one comes last.
    pub const ALL: [RejectCode; 16] = [
        RejectCode::MissingColumns,
        RejectCode::TooManyColumns,
        RejectCode::UnterminatedQuote,
        RejectCode::InvalidQuote,
        RejectCode::RecordTooLarge,
        RejectCode::InvalidUtf8,
        RejectCode::NulByte,
        RejectCode::TypeError,
        RejectCode::OutOfRange,
        RejectCode::NullViolation,
        RejectCode::RuleFailed,
        RejectCode::DuplicateKey,
        RejectCode::ConstraintFailed,
        RejectCode::InvalidEncoding,
        RejectCode::InvalidJson,
        RejectCode::InvalidEscape,
    ];

    /// Returns the code as it stands in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            RejectCode::MissingColumns => "missing_columns",
            RejectCode::TooManyColumns => "too_many_columns",
            RejectCode::UnterminatedQuote => "unterminated_quote",
            RejectCode::InvalidQuote => "invalid_quote",
            RejectCode::RecordTooLarge => "record_too_large",
            RejectCode::InvalidUtf8 => "invalid_utf8",
            RejectCode::NulByte => "nul_byte",
            RejectCode::TypeError => "type_error",
            RejectCode::OutOfRange => "out_of_range",
            RejectCode::NullViolation => "null_violation",
            RejectCode::RuleFailed => "rule_failed",
            RejectCode::DuplicateKey => "duplicate_key",
            RejectCode::ConstraintFailed => "constraint_failed",
            RejectCode::InvalidEncoding => "invalid_encoding",
            RejectCode::InvalidJson => "invalid_json",
            RejectCode::InvalidEscape => "invalid_escape",
        }
    }

    /// Returns the position in [`RejectCode::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reject's code with what its message needs. Formatted only when it is written.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectReason {
    MissingColumns {
        expected: u32,
        found: u32,
    },
    TooManyColumns {
        expected: u32,
        found: u32,
    },
    UnterminatedQuote,
    InvalidQuote {
        /// How a quote is written inside a quoted field.
        rule: &'static str,
    },
    RecordTooLarge {
        limit_bytes: u64,
    },
    InvalidUtf8,
    InvalidEncoding {
        /// That of the input, which is not UTF-8.
        encoding: Encoding,
    },
    NulByte,
    TypeError {
        expected: ColumnType,
    },
    OutOfRange {
        expected: ColumnType,
    },
    /// Not written as was said that the column is; `beyond`: written so, but of a value that there is not, or that the type does not have.
    NotAsWritten {
        expected: Arc<str>,
        beyond: bool,
    },
    /// A number, in a column that turns texts into numbers, that SQLite would not write back the same; `beyond`: it is too large.
    NotKept {
        declared_type: Box<str>,
        beyond: bool,
    },
    /// A number that is written differently from those that made the column REAL.
    OtherForm,
    NullViolation,
    /// A value that breaks a rule of the contract; `words` say which rule of which field, and what it asks for.
    RuleFailed {
        words: Arc<str>,
    },
    DuplicateKey {
        first: FirstRecord,
    },
    ConstraintFailed {
        message: Box<str>,
    },
    /// Something else than an object in JSON stands at this byte of the record, 1-based.
    NoObject {
        expected: JsonExpected,
        byte: u32,
    },
    /// A name stands in an object twice.
    RepeatedName,
    /// A name of an object is no column's.
    UnknownName,
    /// Nobody has said what the escape means that stands there.
    UnknownEscape,
}

/// The record in which a duplicate's key came first.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstRecord {
    /// A record of this load: its number within input `file_index`.
    Record { file_index: u32, record: u64 },
    /// A row that the table had before this load.
    Existing,
    /// A row of the table; whether it is from before this load or from this load, the table does not say.
    Unknown,
}

/// A reject found while a chunk was validated. Ranges are relative to the chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockReject {
    /// The record's index within the chunk, 0-based.
    pub record_index: u32,
    /// The record's raw bytes, without the line end.
    pub source: ByteRange,
    /// Line ends in the chunk before `source.start`.
    pub lines_before: u32,
    /// The field at fault, 1-based; 0 when no single field is.
    pub column: u32,
    /// The raw bytes of the field at fault; empty when no single field is.
    pub value: ByteRange,
    /// Why the record is rejected.
    pub reason: RejectReason,
}
