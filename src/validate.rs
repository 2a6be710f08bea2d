//! Records to typed rows, each written straight into its SQLite record, and to rejects.
//!
//! Comes in: a span and where its records and fields lie. Goes out: a [`RowBlock`]. Never: I/O, locks, panics, allocation per row or
//! field (a block's vectors are reused). The hard part is the cost: this is where a load's processor time goes, so UTF-8 and NULs
//! are looked for once per span, and a value is cast, stored and hashed in one go.

use xxhash_rust::xxh3::xxh3_128;

use crate::parse::{Dialect, FaultKind, RecordSpan, Records};
use crate::position::ByteRange;
use crate::reject::{BlockReject, RejectReason};
use crate::rows::{NULL_KEY, RowBlock, RowMeta};
use crate::schema::cast::{self, CastError};
use crate::schema::{Column, ColumnType, KeyPlan, RowPlan};

/// Whether `bytes` are UTF-8 without NUL.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// One field, as it stands in the input.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    bytes: &'a [u8],
    quote: Option<u8>,
}

impl<'a> Field<'a> {
    pub fn new(bytes: &'a [u8], dialect: &Dialect) -> Self {
        let quote = dialect.quote.filter(|quote| bytes.first() == Some(quote));
        Field { bytes, quote }
    }

    /// An unquoted empty field is NULL; a quoted one only if `empty_is_null`.
    pub fn is_null(&self, empty_is_null: bool) -> bool {
        self.bytes.is_empty() || (empty_is_null && self.quote.is_some() && self.bytes.len() == 2)
    }

    /// The bytes between the quotes; quotes inside are still doubled.
    pub fn unquoted(&self) -> &'a [u8] {
        match self.quote {
            Some(_) => &self.bytes[1..self.bytes.len() - 1],
            None => self.bytes,
        }
    }

    /// Appends the text: quotes removed, doubled quotes single.
    fn append_text(&self, out: &mut Vec<u8>) {
        let mut text = self.unquoted();
        if let Some(quote) = self.quote {
            while let Some(at) = memchr::memchr(quote, text) {
                out.extend_from_slice(&text[..=at]);
                text = text.get(at + 2..).unwrap_or_default();
            }
        }
        out.extend_from_slice(text);
    }
}

/// Turns the records of `span` into rows and rejects. `out` is emptied first.
///
/// `span` is exactly what was parsed. Which fault a record is rejected for: its syntax; invalid UTF-8; a NUL byte; the number of
/// fields; the first column, in the table's order, whose value does not fit.
pub fn validate(span: &[u8], records: &Records, plan: &RowPlan, dialect: &Dialect, out: &mut RowBlock) {
    out.clear();
    out.line_count = memchr::memchr_iter(dialect.line_end, span).count() as u32;
    // Text is copied, a number grows by no more than its digits, and each row has a header of a byte per column and one.
    out.records
        .reserve(span.len() + records.records.len() * (plan.columns.len() + 1));
    out.rows.reserve(records.records.len());
    let mut rows = Rows {
        span,
        plan,
        dialect,
        plain: is_plain_text(span),
        is_key: key_columns(plan),
        header_bytes: plan.columns.len() + 1,
        lines_before: 0,
        lines_counted_to: 0,
        out,
    };
    let mut first_field = 0usize;
    for record in &records.records {
        let fields = &records.field_ends[first_field..record.fields_end as usize];
        first_field = record.fields_end as usize;
        if record.start == record.end && fields.len() == 1 && plan.field_count > 1 {
            rows.out.blank_lines += 1;
            continue;
        }
        if let Err(reject) = rows
            .check(record, records, fields)
            .and_then(|()| rows.encode(record, fields))
        {
            rows.reject(record, reject);
        }
        rows.out.record_count += 1;
    }
}

/// For each column whether it is part of a hashed key; empty when the key is not hashed.
fn key_columns(plan: &RowPlan) -> Vec<bool> {
    match &plan.key {
        KeyPlan::Hashed(columns) => (0..plan.columns.len())
            .map(|index| columns.contains(&(index as u32)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Why a record is no row.
struct Reject {
    reason: RejectReason,
    /// 1-based; 0: no single field.
    column: u32,
    value: ByteRange,
}

struct Rows<'a> {
    span: &'a [u8],
    plan: &'a RowPlan,
    dialect: &'a Dialect,
    /// The whole span is UTF-8 without NUL, so no record needs to be looked at for that.
    plain: bool,
    is_key: Vec<bool>,
    /// Size of the last row's record header: the next one's is most likely the same.
    header_bytes: usize,
    /// Line ends before `lines_counted_to`.
    lines_before: u32,
    lines_counted_to: usize,
    out: &'a mut RowBlock,
}

impl Rows<'_> {
    /// Everything about a record that does not depend on its values' types.
    fn check(&self, record: &RecordSpan, records: &Records, fields: &[u32]) -> Result<(), Reject> {
        let whole = |reason| Reject {
            reason,
            column: 0,
            value: ByteRange::default(),
        };
        if record.fault != 0 {
            let fault = records.faults[record.fault as usize - 1];
            let reason = match fault.kind {
                FaultKind::UnterminatedQuote => RejectReason::UnterminatedQuote,
                FaultKind::InvalidQuote => RejectReason::InvalidQuote,
                FaultKind::RecordTooLarge => RejectReason::RecordTooLarge {
                    limit_bytes: self.plan.max_record_bytes,
                },
            };
            // What is too large is the record; which field was met first depends on how much of it was looked at.
            let column = if fault.kind == FaultKind::RecordTooLarge {
                0
            } else {
                fault.column
            };
            return Err(Reject {
                column,
                ..whole(reason)
            });
        }
        if !self.plain && !is_plain_text(&self.span[record.start as usize..record.end as usize]) {
            let field = |index: usize| ByteRange {
                start: self.field_start(record, fields, index),
                end: fields[index],
            };
            let bad = |test: &dyn Fn(&[u8]) -> bool| (0..fields.len()).find(|&index| test(field(index).of(self.span)));
            if let Some(index) = bad(&|bytes| simdutf8::basic::from_utf8(bytes).is_err()) {
                return Err(Reject {
                    reason: RejectReason::InvalidUtf8,
                    column: index as u32 + 1,
                    value: field(index),
                });
            }
            if let Some(index) = bad(&|bytes| memchr::memchr(0, bytes).is_some()) {
                return Err(Reject {
                    reason: RejectReason::NulByte,
                    column: index as u32 + 1,
                    value: field(index),
                });
            }
        }
        let (expected, found) = (self.plan.field_count, fields.len() as u32);
        match found.cmp(&expected) {
            std::cmp::Ordering::Less => Err(whole(RejectReason::MissingColumns { expected, found })),
            std::cmp::Ordering::Greater => Err(whole(RejectReason::TooManyColumns { expected, found })),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    fn field_start(&self, record: &RecordSpan, fields: &[u32], index: usize) -> u32 {
        if index == 0 {
            record.start
        } else {
            fields[index - 1] + 1
        }
    }

    /// Appends the record's row; leaves no trace if a value does not fit.
    fn encode(&mut self, record: &RecordSpan, fields: &[u32]) -> Result<(), Reject> {
        let start = self.out.records.len();
        let integer_keys = self.out.integer_keys.len();
        self.out.serial_types.clear();
        self.out.key_bytes.clear();
        self.out.records.resize(start + self.header_bytes, 0);
        let mut null_key = false;
        for (index, column) in self.plan.columns.iter().enumerate() {
            let source = self.plan.sources[index] as usize;
            let value = ByteRange {
                start: self.field_start(record, fields, source),
                end: fields[source],
            };
            let field = Field::new(value.of(self.span), self.dialect);
            match self.encode_field(index, column, field) {
                Ok(is_null) => null_key |= is_null && self.is_key.get(index) == Some(&true),
                Err(reason) => {
                    self.out.records.truncate(start);
                    self.out.integer_keys.truncate(integer_keys);
                    return Err(Reject {
                        reason,
                        column: source as u32 + 1,
                        value,
                    });
                }
            }
        }
        self.finish_header(start);
        if !self.is_key.is_empty() {
            let hash = if null_key {
                NULL_KEY
            } else {
                xxh3_128(&self.out.key_bytes).max(NULL_KEY + 1)
            };
            self.out.key_hashes.push(hash);
        }
        self.out.rows.push(RowMeta {
            end: self.out.records.len() as u32,
            record_index: self.out.record_count,
            source: ByteRange {
                start: record.start,
                end: record.end,
            },
        });
        Ok(())
    }

    /// Appends one value to the row's body, its serial type to the list, and its bytes to the key; whether it is NULL.
    #[inline]
    fn encode_field(&mut self, index: usize, column: &Column, field: Field<'_>) -> Result<bool, RejectReason> {
        let is_key = self.is_key.get(index) == Some(&true);
        let is_row_id = self.plan.key == KeyPlan::RowId(index as u32);
        if field.is_null(self.plan.empty_is_null) {
            if column.not_null || is_row_id {
                return Err(RejectReason::NullViolation);
            }
            self.out.serial_types.push(0);
            return Ok(true);
        }
        let expected = column.column_type;
        let refuse = |error| match error {
            CastError::Type => RejectReason::TypeError { expected },
            CastError::Range => RejectReason::OutOfRange { expected },
        };
        match expected {
            ColumnType::Integer | ColumnType::Boolean => {
                let value = match expected {
                    ColumnType::Integer => cast::integer(field.unquoted()).map_err(refuse)?,
                    _ => i64::from(cast::boolean(field.unquoted()).map_err(refuse)?),
                };
                if is_row_id {
                    self.out.integer_keys.push(value);
                    self.out.serial_types.push(0);
                } else {
                    let serial_type = push_integer(&mut self.out.records, value);
                    self.out.serial_types.push(serial_type);
                }
                if is_key {
                    self.out.key_bytes.push(b'i');
                    self.out.key_bytes.extend_from_slice(&value.to_le_bytes());
                }
            }
            ColumnType::Real => {
                let value = cast::real(field.unquoted()).map_err(refuse)?;
                let serial_type = push_real(&mut self.out.records, value);
                self.out.serial_types.push(serial_type);
                if is_key {
                    self.out.key_bytes.push(b'r');
                    self.out.key_bytes.extend_from_slice(&value.to_bits().to_le_bytes());
                }
            }
            ColumnType::Date => cast::date(field.unquoted()).map_err(refuse)?,
            ColumnType::Time => cast::time(field.unquoted()).map_err(refuse)?,
            ColumnType::DateTime => cast::date_time(field.unquoted()).map_err(refuse)?,
            ColumnType::Text | ColumnType::Any => {}
        }
        if !matches!(expected, ColumnType::Integer | ColumnType::Boolean | ColumnType::Real) {
            let start = self.out.records.len();
            field.append_text(&mut self.out.records);
            let text = &self.out.records[start..];
            self.out.serial_types.push(13 + 2 * text.len() as u64);
            if is_key {
                // The length first: ("ab", "c") and ("a", "bc") are different keys.
                self.out.key_bytes.push(b't');
                self.out.key_bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                self.out.key_bytes.extend_from_slice(text);
            }
        }
        Ok(false)
    }

    /// Writes the header before the body that begins `self.header_bytes` after `start`, moving the body if that guess was wrong.
    fn finish_header(&mut self, start: usize) {
        let RowBlock {
            records, serial_types, ..
        } = &mut *self.out;
        let types_bytes: usize = serial_types.iter().map(|&serial_type| varint_bytes(serial_type)).sum();
        // The header's size counts itself, which may take it over a border of the varint.
        let mut header_bytes = types_bytes + 1;
        if header_bytes > 127 {
            header_bytes = types_bytes + varint_bytes(types_bytes as u64 + 2);
        }
        if header_bytes != self.header_bytes {
            let body = start + self.header_bytes;
            let body_end = records.len();
            if header_bytes > self.header_bytes {
                records.resize(body_end + header_bytes - self.header_bytes, 0);
            }
            records.copy_within(body..body_end, start + header_bytes);
            records.truncate(start + header_bytes + body_end - body);
            self.header_bytes = header_bytes;
        }
        let mut at = put_varint(records, start, header_bytes as u64);
        for &serial_type in serial_types.iter() {
            at = put_varint(records, at, serial_type);
        }
    }

    fn reject(&mut self, record: &RecordSpan, reject: Reject) {
        let start = record.start as usize;
        let between = &self.span[self.lines_counted_to..start];
        self.lines_before += memchr::memchr_iter(self.dialect.line_end, between).count() as u32;
        self.lines_counted_to = start;
        self.out.rejects.push(BlockReject {
            record_index: self.out.record_count,
            source: ByteRange {
                start: record.start,
                end: record.end,
            },
            lines_before: self.lines_before,
            column: reject.column,
            value: reject.value,
            reason: reject.reason,
        });
    }
}

/// Appends `value` in as few bytes as its serial type allows. Source: SQLite file format §2.1.
#[inline]
fn push_integer(out: &mut Vec<u8>, value: i64) -> u64 {
    let (serial_type, bytes) = match value {
        0 => return 8,
        1 => return 9,
        -0x80..=0x7F => (1, 1),
        -0x8000..=0x7FFF => (2, 2),
        -0x80_0000..=0x7F_FFFF => (3, 3),
        -0x8000_0000..=0x7FFF_FFFF => (4, 4),
        -0x8000_0000_0000..=0x7FFF_FFFF_FFFF => (5, 6),
        _ => (6, 8),
    };
    out.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
    serial_type
}

/// Appends `value` as SQLite does in a REAL column: as an integer if it is one of at most 48 bits, which SQLite turns back when it
/// reads the column. Source: <https://sqlite.org/datatype3.html> §2, `MEM_IntReal` in sqlite3.c.
#[inline]
fn push_real(out: &mut Vec<u8>, value: f64) -> u64 {
    const LIMIT: i64 = 1 << 47;
    let integer = value as i64;
    if integer as f64 == value && (-LIMIT..LIMIT).contains(&integer) {
        return push_integer(out, integer);
    }
    out.extend_from_slice(&value.to_be_bytes());
    7
}

#[inline]
fn varint_bytes(value: u64) -> usize {
    // Serial types and header sizes stay far below the ninth byte's special rule.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Writes `value` at `at`, where room has been made; where it ends. Source: SQLite file format §1.6.
#[inline]
fn put_varint(out: &mut [u8], at: usize, value: u64) -> usize {
    if value < 0x80 {
        out[at] = value as u8;
        return at + 1;
    }
    let bytes = varint_bytes(value);
    for (index, byte) in out[at..at + bytes].iter_mut().enumerate() {
        let shifted = (value >> (7 * (bytes - 1 - index))) as u8;
        *byte = if index + 1 < bytes {
            shifted | 0x80
        } else {
            shifted & 0x7F
        };
    }
    at + bytes
}

#[cfg(test)]
mod tests;
