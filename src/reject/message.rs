//! The `message` column of the dead-letter file: what was expected and what was found, in plain English and plain ASCII.

use std::fmt;

use crate::encoding::Encoding;
use crate::escape::excerpt;
use crate::option_name::{COLUMN_TYPE, EMPTY_AS_NULL, ENCODING, ESCAPE, IGNORE_EXTRA, MAX_RECORD_BYTES};
use crate::reject::{FirstRecord, RejectCode, RejectReason};
use crate::schema::ColumnType;
use crate::syntax_fault::JsonExpected;

/// Characters of a value that a message quotes; the `value` column has all of it.
const EXCERPT_CHARS: usize = 32;
/// Characters of SQLite's own message: long enough for any constraint's name, short enough for a table cell.
const CONSTRAINT_CHARS: usize = 400;
/// Characters of a column's declared type.
const DECLARED_TYPE_CHARS: usize = 40;
/// Characters of a file name; longer than the 255 bytes that file systems allow one name.
const FILE_NAME_CHARS: usize = 256;

impl RejectReason {
    /// The code of this reason.
    pub const fn code(&self) -> RejectCode {
        match self {
            RejectReason::MissingColumns { .. } => RejectCode::MissingColumns,
            RejectReason::TooManyColumns { .. } => RejectCode::TooManyColumns,
            RejectReason::UnterminatedQuote => RejectCode::UnterminatedQuote,
            RejectReason::InvalidQuote { .. } => RejectCode::InvalidQuote,
            RejectReason::RecordTooLarge { .. } => RejectCode::RecordTooLarge,
            RejectReason::InvalidUtf8 => RejectCode::InvalidUtf8,
            RejectReason::InvalidEncoding { .. } => RejectCode::InvalidEncoding,
            RejectReason::NulByte => RejectCode::NulByte,
            RejectReason::TypeError { .. }
            | RejectReason::NotAsWritten { beyond: false, .. }
            | RejectReason::NotKept { beyond: false, .. }
            | RejectReason::OtherForm => RejectCode::TypeError,
            RejectReason::OutOfRange { .. }
            | RejectReason::NotAsWritten { beyond: true, .. }
            | RejectReason::NotKept { beyond: true, .. } => RejectCode::OutOfRange,
            RejectReason::NullViolation => RejectCode::NullViolation,
            RejectReason::RuleFailed { .. } => RejectCode::RuleFailed,
            RejectReason::DuplicateKey { .. } => RejectCode::DuplicateKey,
            RejectReason::ConstraintFailed { .. } => RejectCode::ConstraintFailed,
            RejectReason::NoObject { .. } | RejectReason::RepeatedName => RejectCode::InvalidJson,
            RejectReason::UnknownName => RejectCode::TooManyColumns,
            RejectReason::UnknownEscape => RejectCode::InvalidEscape,
        }
    }

    /// The reason in words. `value` is the raw field at fault (empty: none), `first_file` the input that holds the first
    /// occurrence of a duplicate when that is another input than the reject's own.
    ///
    /// The same reject always gives the same words, in ASCII without control characters.
    pub fn message<'a>(&'a self, value: &'a [u8], first_file: Option<&'a [u8]>) -> Message<'a> {
        Message {
            reason: self,
            value,
            first_file,
        }
    }
}

/// A reason in words; made by [`RejectReason::message`].
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    reason: &'a RejectReason,
    value: &'a [u8],
    first_file: Option<&'a [u8]>,
}

/// The word for so many of them.
fn columns(count: u32) -> &'static str {
    if count == 1 { "column" } else { "columns" }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            RejectReason::MissingColumns { expected, found } | RejectReason::TooManyColumns { expected, found } => {
                write!(f, "expected {expected} {}, found {found}", columns(*expected))
            }
            RejectReason::UnterminatedQuote => {
                f.write_str("a quoted field starts on this line and is never properly closed; expected a closing quote")
            }
            RejectReason::InvalidQuote { rule } => write!(
                f,
                "text follows a closing quote; expected a delimiter or the end of the line (inside a quoted field {rule})"
            ),
            RejectReason::RecordTooLarge { limit_bytes } => {
                write!(
                    f,
                    "expected at most {limit_bytes} bytes; {MAX_RECORD_BYTES} raises the limit"
                )
            }
            RejectReason::InvalidUtf8 => self.invalid_utf8(f),
            RejectReason::InvalidEncoding { encoding } => self.invalid_encoding(f, *encoding),
            RejectReason::NulByte => f.write_str("expected text, found a NUL byte (0x00)"),
            RejectReason::TypeError { expected } => {
                f.write_str(expected_form(*expected))?;
                self.found(f)
            }
            RejectReason::OutOfRange { expected } => {
                f.write_str(expected_range(*expected))?;
                self.found(f)
            }
            RejectReason::NotAsWritten { expected, .. } | RejectReason::RuleFailed { words: expected } => {
                f.write_str(expected)?;
                self.found(f)
            }
            RejectReason::NotKept { declared_type, beyond } => self.not_kept(f, declared_type, *beyond),
            RejectReason::OtherForm => {
                f.write_str("expected a number written like those that made the column REAL")?;
                self.found(f)?;
                write!(f, "; declare the column with {COLUMN_TYPE}")
            }
            RejectReason::NullViolation => f.write_str("expected a value; the column does not accept NULL"),
            RejectReason::DuplicateKey {
                first: FirstRecord::Existing,
            } => f.write_str("the key was in the table before this load"),
            RejectReason::DuplicateKey {
                first: FirstRecord::Unknown,
            } => f.write_str("the key is in the table already"),
            RejectReason::DuplicateKey {
                first: FirstRecord::Record { record, .. },
            } => {
                write!(f, "the key came first in record {record}")?;
                match self.first_file {
                    Some(file) => write!(f, " of {}", excerpt(file, FILE_NAME_CHARS)),
                    None => Ok(()),
                }
            }
            RejectReason::NoObject { expected, byte } => self.no_object(f, *expected, *byte),
            RejectReason::RepeatedName | RejectReason::UnknownName => self.name(f),
            RejectReason::UnknownEscape => write!(
                f,
                "backslashes were found to be escapes, but nothing says what they mean before letters, digits and the like; say it with {ESCAPE}"
            ),
            RejectReason::ConstraintFailed { message } => {
                write!(
                    f,
                    "the table refuses the row: {}",
                    excerpt(&**message, CONSTRAINT_CHARS)
                )
            }
        }
    }
}

impl Message<'_> {
    fn found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            [] => f.write_str(", found an empty field"),
            [b'"', b'"'] | [b'\'', b'\''] => {
                write!(f, ", found an empty quoted field; {EMPTY_AS_NULL} loads it as NULL")
            }
            value => {
                write!(f, ", found '{}'", excerpt(value, EXCERPT_CHARS))?;
                let unquoted = match value {
                    [b'"', inside @ .., b'"'] => inside,
                    value => value,
                };
                match unquoted.trim_ascii().len() {
                    trimmed if trimmed < unquoted.len() => f.write_str("; there are blanks around the value"),
                    _ => Ok(()),
                }
            }
        }
    }

    fn name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = excerpt(self.value, EXCERPT_CHARS);
        match self.reason {
            RejectReason::RepeatedName => write!(
                f,
                "expected each name once, found {name} again (names are compared without regard to case)"
            ),
            _ => write!(
                f,
                "expected names of columns, found {name}; {IGNORE_EXTRA} leaves out what is no column"
            ),
        }
    }

    fn no_object(&self, f: &mut fmt::Formatter<'_>, expected: JsonExpected, byte: u32) -> fmt::Result {
        write!(f, "expected {} at byte {byte} of the line, found ", expected.words())?;
        match self.value {
            [] => f.write_str("its end"),
            value => write!(f, "'{}'", excerpt(value, EXCERPT_CHARS)),
        }
    }

    fn not_kept(&self, f: &mut fmt::Formatter<'_>, declared_type: &str, beyond: bool) -> fmt::Result {
        let declared_type = excerpt(declared_type, DECLARED_TYPE_CHARS);
        write!(
            f,
            "the column is declared {declared_type}, which has NUMERIC affinity: SQLite turns numbers into "
        )?;
        f.write_str(match beyond {
            true => "integers or floats, and this one is too large for them",
            false => "integers or floats, which would not give back this text",
        })?;
        self.found(f)?;
        write!(f, "; declare the column TEXT, or say with {COLUMN_TYPE} what it holds")
    }

    fn invalid_utf8(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected UTF-8")?;
        match std::str::from_utf8(self.value) {
            Err(error) => {
                let offset = error.valid_up_to();
                write!(
                    f,
                    ", found byte 0x{:02x} at offset {offset} of the field",
                    self.value[offset]
                )?;
            }
            Ok(_) => f.write_str(", found other bytes")?,
        }
        write!(f, "; is the file in another encoding ({ENCODING})?")
    }

    fn invalid_encoding(&self, f: &mut fmt::Formatter<'_>, encoding: Encoding) -> fmt::Result {
        write!(f, "expected text in {encoding}")?;
        let Some(field) = encoding.by_field() else {
            return f.write_str(", found half of a surrogate pair, or half of a unit at the end of the file");
        };
        match field
            .first_unsound(self.value)
            .and_then(|at| Some((at, self.value.get(at)?)))
        {
            Some((at, byte)) => write!(f, ", found byte 0x{byte:02x} at offset {at} of the field")?,
            None => f.write_str(", found other bytes")?,
        }
        write!(f, "; is {ENCODING} right?")
    }
}

const fn expected_form(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer => "expected an integer such as 42 or -7",
        ColumnType::Real | ColumnType::Number => "expected a number such as 1.5 or -7",
        ColumnType::Percent => "expected a percentage such as 12.5%",
        ColumnType::Decimal(_) => "expected an amount such as 12.50",
        ColumnType::Boolean => "expected true or false, t or f, yes or no, y or n, 1 or 0",
        ColumnType::Date => "expected a date such as 2024-02-29",
        ColumnType::Time => "expected a time such as 23:59:59",
        ColumnType::DateTime => "expected a date and time such as 2024-02-29T23:59:59Z",
        ColumnType::Text | ColumnType::Any | ColumnType::Numeric => "expected text",
    }
}

const fn expected_range(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Integer => "expected an integer from -9223372036854775808 to 9223372036854775807",
        ColumnType::Real | ColumnType::Number | ColumnType::Percent => "expected a number that a 64-bit float can hold",
        ColumnType::Date => "expected a day that exists",
        ColumnType::Time => "expected a time of day from 00:00 to 23:59:59 (zone: at most 14:59)",
        ColumnType::DateTime => {
            "expected a day that exists and a time from 00:00 to 23:59:59 (zone: at most 14:59), which as UTC, to the nearest thousandth of a second, is within the years 0000 to 9999"
        }
        ColumnType::Boolean | ColumnType::Decimal(_) | ColumnType::Text | ColumnType::Any | ColumnType::Numeric => {
            "expected a value within the column's range"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(reason: RejectReason, value: &[u8]) -> String {
        reason.message(value, None).to_string()
    }

    #[test]
    fn says_what_was_expected_and_what_was_found() {
        let integer = ColumnType::Integer;
        assert_eq!(
            words(RejectReason::MissingColumns { expected: 5, found: 3 }, b""),
            "expected 5 columns, found 3"
        );
        assert_eq!(
            words(RejectReason::TooManyColumns { expected: 1, found: 2 }, b""),
            "expected 1 column, found 2"
        );
        assert_eq!(
            words(RejectReason::TypeError { expected: integer }, b"12a"),
            "expected an integer such as 42 or -7, found '12a'"
        );
        assert_eq!(
            words(RejectReason::TypeError { expected: integer }, b""),
            "expected an integer such as 42 or -7, found an empty field"
        );
        assert_eq!(
            words(
                RejectReason::OutOfRange {
                    expected: ColumnType::Date
                },
                b"2023-02-30"
            ),
            "expected a day that exists, found '2023-02-30'"
        );
        assert_eq!(
            words(RejectReason::InvalidUtf8, b"caf\xe9"),
            "expected UTF-8, found byte 0xe9 at offset 3 of the field; is the file in another encoding (`encoding`)?"
        );
    }

    #[test]
    fn names_the_first_record_and_its_file_only_when_it_is_another_one() {
        let reason = RejectReason::DuplicateKey {
            first: FirstRecord::Record {
                file_index: 0,
                record: 17,
            },
        };
        assert_eq!(reason.message(b"", None).to_string(), "the key came first in record 17");
        assert_eq!(
            reason.message(b"", Some(b"a\n.csv")).to_string(),
            "the key came first in record 17 of a\\u{a}.csv"
        );
    }

    proptest! {
        #[test]
        fn every_message_is_short_printable_ascii(value: Vec<u8>, refusal: String) {
            for reason in [
                RejectReason::TypeError { expected: ColumnType::Real },
                RejectReason::InvalidUtf8,
                RejectReason::ConstraintFailed { message: refusal.into() },
            ] {
                let message = words(reason, &value);
                prop_assert!(message.bytes().all(|b| (b' '..=b'~').contains(&b)), "{message}");
            }
        }
    }
}
