//! Records to typed rows, each pushed value by value into an [`Encoder`], and to rejects.
//!
//! Comes in: a span and what its format found in it. Goes out: a [`RowBlock`]. Never: I/O, locks, panics, allocation per row or
//! field (a block's vectors are reused). The hard part is the cost: this is where a load's processor time goes, so UTF-8 and NULs are
//! checked once per span, and a value is cast, stored and hashed in one go.

mod beyond_record;
mod recoded;
#[cfg(test)]
mod tests;

use xxhash_rust::xxh3::xxh3_128;

pub use self::beyond_record::bytes_beyond_record;
use self::beyond_record::{added_bytes, default_of, given_bytes};
use crate::format::{Fault, FaultKind, Field, Fields, Format, Parsed, Record, are_names};
use crate::position::ByteRange;
use crate::reject::{BlockReject, RejectReason};
use crate::rows::{Encoder, ExpectedRows, NULL_KEY, RowBlock, RowMeta, Text};
use crate::schema::cast::{self, CastError, Moment, Numeric};
use crate::schema::cells::{CellMeaning, EmptyCell, StoredValue};
use crate::schema::form::ColumnFacts;
use crate::schema::{Column, ColumnType, Given, KeyPlan, RowPlan};

/// Whether `bytes` are UTF-8 without NUL.
pub fn is_plain_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Turns the records of `span` into rows and rejects. `out` is emptied first.
///
/// `span` is exactly what was parsed. A record is rejected for the first of these faults: its syntax; invalid UTF-8; a NUL byte; the number
/// of fields; the first column, in the table's order, whose value does not fit.
pub fn validate<F: Format, E: Encoder>(
    span: &[u8],
    parsed: &F::Parsed,
    plan: &RowPlan,
    format: &F,
    out: &mut RowBlock<E>,
) {
    out.clear();
    out.line_count = format.line_count(span, parsed);
    // A row with the right number of fields has a delimiter or line end for each; records without, which fill a chunk that begins within
    // quotes, need no room.
    let most_rows = parsed.count().min(span.len() / plan.field_count.max(1) as usize + 1);
    out.rows.reserve(most_rows);
    let mut encoder = std::mem::take(&mut out.values);
    encoder.begin(&ExpectedRows {
        columns: &plan.columns,
        rows: most_rows,
        source_bytes: span.len(),
    });
    let mut rows = RowMaker {
        span,
        plan,
        format,
        plain: is_plain_text(span),
        encoder,
        added_bytes: added_bytes(plan) + given_bytes(plan),
        lines_before: 0,
        lines_counted_to: 0,
        out,
    };
    if let Some(guess) = &plan.guess {
        rows.out.column_facts.resize(guess.forms.len(), ColumnFacts::default());
    }
    rows.out.recoded.resize(plan.recodings.len(), 0);
    let is_usual = plan.cells.are_usual() && plan.takes_fields_only();
    match is_usual && format.is_usual() && plan.repeated_header.is_none() {
        true => rows.take_all::<true>(parsed),
        false => rows.take_all::<false>(parsed),
    }
    let RowMaker { encoder, out, .. } = rows;
    out.values = encoder;
}

/// What each value's handling needs to know about its column, in one word so that it stays in a register.
#[derive(Debug, Clone, Copy)]
struct ColumnWork {
    /// Index of its field in a record.
    source: u32,
    /// Index in the plan's columns.
    index: u16,
    cast: UsualCast,
    flags: u8,
}

/// How the values of a column are cast, in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsualCast {
    /// Kept as they stand.
    Text,
    Integer,
    Real,
    Boolean,
    Date,
    Time,
    DateTime,
    Numeric,
    /// They are not written as usual: see [`RowPlan::recodings`].
    Recoded,
}

impl UsualCast {
    fn of(index: usize, plan: &RowPlan) -> Self {
        if matches!(plan.recodings.get(index), Some(Some(_))) {
            return UsualCast::Recoded;
        }
        match plan.columns[index].column_type {
            ColumnType::Text | ColumnType::Any => UsualCast::Text,
            ColumnType::Integer => UsualCast::Integer,
            ColumnType::Real => UsualCast::Real,
            ColumnType::Boolean => UsualCast::Boolean,
            ColumnType::Date => UsualCast::Date,
            ColumnType::Time => UsualCast::Time,
            ColumnType::DateTime => UsualCast::DateTime,
            ColumnType::Numeric => UsualCast::Numeric,
            // Always among the recodings.
            ColumnType::Number | ColumnType::Percent | ColumnType::Decimal(_) => UsualCast::Recoded,
        }
    }
}

const NOT_NULL: u8 = 1;
/// Part of a hashed key.
const IS_KEY: u8 = 1 << 1;
const IS_ROW_ID: u8 = 1 << 2;
/// The type is a guess that depends on the form of the numbers, so what they look like is noted.
const OBSERVED: u8 = 1 << 3;
/// The type comes from a part of the input, and all other numbers must be in the form of that part's.
const SETTLED: u8 = 1 << 4;
/// The type is a guess, and so is whether the column's integers ascend.
const ORDERED: u8 = 1 << 5;
/// Somebody asked for the type, so every usual form of it is taken.
const DECLARED: u8 = 1 << 6;
/// SQLite stores a value as it is given.
const NO_AFFINITY: u8 = 1 << 7;

impl ColumnWork {
    fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

fn columns(plan: &RowPlan) -> Vec<ColumnWork> {
    let key: &[u32] = match &plan.key {
        KeyPlan::Hashed(columns) => columns,
        _ => &[],
    };
    let guess = plan.guess.as_ref();
    let column = |(index, column): (usize, &Column)| {
        let is_row_id = plan.key == KeyPlan::RowId(index as u32);
        let is_only_key = is_row_id || *key == [index as u32];
        let flags = [
            (NOT_NULL, column.not_null || is_row_id),
            (IS_KEY, key.contains(&(index as u32))),
            (IS_ROW_ID, is_row_id),
            (
                OBSERVED,
                guess.is_some_and(|guess| column.column_type != ColumnType::Integer && guess.forms[index].is_open()),
            ),
            (
                SETTLED,
                column.column_type == ColumnType::Real && !column.declared && plan.settled.is_some(),
            ),
            (DECLARED, column.declared),
            (
                NO_AFFINITY,
                column
                    .in_table
                    .as_ref()
                    .is_some_and(|table| table.affinity == ColumnType::Any),
            ),
            (
                ORDERED,
                guess.is_some() && is_only_key && column.column_type == ColumnType::Integer,
            ),
        ];
        ColumnWork {
            source: plan.sources[index],
            index: index as u16,
            cast: UsualCast::of(index, plan),
            flags: flags
                .iter()
                .filter(|(_, holds)| *holds)
                .fold(0, |all, (flag, _)| all | flag),
        }
    };
    plan.columns.iter().enumerate().map(column).collect()
}

/// Why a column of type `expected` does not take a value.
#[cold]
fn refuse(expected: ColumnType, error: CastError) -> RejectReason {
    match error {
        CastError::Type => RejectReason::TypeError { expected },
        CastError::Range => RejectReason::OutOfRange { expected },
    }
}

/// Adds a text to a key's bytes. Not inlined: few columns are both text and key, and it would take registers from all others.
#[inline(never)]
fn push_text_key(key_bytes: &mut Vec<u8>, text: Text<'_>) {
    match text.doubled {
        None => push_plain_key(key_bytes, &text.span[text.start..text.end], b""),
        Some(_) => push_doubled_key(key_bytes, text),
    }
}

/// Adds a text that is meant as it stands, and its tail, to a key's bytes.
#[inline]
fn push_plain_key(key_bytes: &mut Vec<u8>, text: &[u8], tail: &[u8]) {
    // The length first: ("ab", "c") and ("a", "bc") are different keys.
    key_bytes.push(b't');
    key_bytes.extend_from_slice(&((text.len() + tail.len()) as u64).to_le_bytes());
    key_bytes.extend_from_slice(text);
    key_bytes.extend_from_slice(tail);
}

/// As [`push_plain_key`], for a text whose length is known only once it is written.
fn push_doubled_key(key_bytes: &mut Vec<u8>, text: Text<'_>) {
    push_plain_key(key_bytes, b"", b"");
    let text_at = key_bytes.len();
    text.append_to(key_bytes);
    let length = (key_bytes.len() - text_at) as u64;
    key_bytes[text_at - size_of::<u64>()..text_at].copy_from_slice(&length.to_le_bytes());
}

/// Why a record is not a row.
struct Reject {
    reason: RejectReason,
    /// 1-based; 0: no single field.
    column: u32,
    value: ByteRange,
}

impl Reject {
    /// For a fault that is not in a single field.
    fn whole(reason: RejectReason) -> Self {
        Reject {
            reason,
            column: 0,
            value: ByteRange::default(),
        }
    }
}

struct RowMaker<'a, F, E> {
    span: &'a [u8],
    plan: &'a RowPlan,
    format: &'a F,
    /// The whole span is UTF-8 without NUL, so no record needs to be checked for that.
    plain: bool,
    encoder: E,
    /// Bytes that a row's values may have beyond those of its fields, with texts that are the same in every row.
    added_bytes: usize,
    /// Line ends before `lines_counted_to`.
    lines_before: u32,
    lines_counted_to: usize,
    out: &'a mut RowBlock<E>,
}

impl<F: Format, E: Encoder> RowMaker<'_, F, E> {
    /// Makes rows and rejects of all records. `USUAL`: format and rules for cells are, so that no time is spent on others.
    fn take_all<const USUAL: bool>(&mut self, parsed: &F::Parsed) {
        let columns = columns(self.plan);
        for (record, fields) in parsed.iter() {
            if fields.count() == 1 && self.plan.field_count > 1 && self.is_blank::<USUAL>(&record) {
                self.out.blank_lines += 1;
                continue;
            }
            if !USUAL && record.is_comment {
                self.out.comment_lines += 1;
                continue;
            }
            if !USUAL && self.is_header(&record, fields) {
                self.out.repeated_headers += 1;
                continue;
            }
            match self
                .check(&record, fields)
                .and_then(|()| self.encode::<USUAL>(&record, fields, &columns))
            {
                Ok(()) if !USUAL => self.count_width(fields.count() as u32),
                Ok(()) => {}
                Err(reject) => self.reject(record.source, reject),
            }
            self.out.record_count += 1;
        }
    }

    /// Whether a record of one field is a blank line.
    #[inline(always)]
    fn is_blank<const USUAL: bool>(&self, record: &Record) -> bool {
        record.source.is_empty() || (!USUAL && self.format.value(self.span, record.source).is_empty())
    }

    /// Whether a record is the header once more.
    fn is_header(&self, record: &Record, fields: impl Fields) -> bool {
        let names = self.plan.repeated_header.as_ref();
        record.fault.is_none() && names.is_some_and(|names| are_names(self.format, self.span, fields, names))
    }

    /// Counts a row of `found` fields, if they are more or fewer than are meant.
    fn count_width(&mut self, found: u32) {
        let expected = self.plan.field_count;
        self.out.cut_records += u32::from(found > expected);
        self.out.filled_records += u32::from(found < expected);
    }

    /// Everything about a record that does not depend on its values' types.
    fn check(&self, record: &Record, fields: impl Fields) -> Result<(), Reject> {
        if let Some(fault) = record.fault {
            return Err(self.refuse_fault(fault));
        }
        if !self.plain && !is_plain_text(record.source.of(self.span)) {
            self.check_text(fields)?;
        }
        let (expected, found) = (self.plan.field_count, fields.count() as u32);
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            _ if self.plan.widths.admit(found, expected) => Ok(()),
            std::cmp::Ordering::Less => Err(Reject::whole(RejectReason::MissingColumns { expected, found })),
            std::cmp::Ordering::Greater => Err(Reject::whole(RejectReason::TooManyColumns { expected, found })),
        }
    }

    #[cold]
    fn refuse_fault(&self, fault: Fault) -> Reject {
        let reason = match fault.kind {
            FaultKind::UnterminatedQuote => RejectReason::UnterminatedQuote,
            FaultKind::InvalidQuote => RejectReason::InvalidQuote,
            FaultKind::RecordTooLarge => RejectReason::RecordTooLarge {
                limit_bytes: self.plan.max_record_bytes,
            },
        };
        // It is the record that is too large; which field that shows in depends on how much of it was looked at.
        let column = if fault.kind == FaultKind::RecordTooLarge {
            0
        } else {
            fault.column
        };
        Reject {
            column,
            ..Reject::whole(reason)
        }
    }

    /// Finds the field that is not UTF-8, or has a NUL in it.
    fn check_text(&self, fields: impl Fields) -> Result<(), Reject> {
        let bad = |test: &dyn Fn(&[u8]) -> bool| {
            let index = (0..fields.count()).find(|&index| test(fields.range(index).of(self.span)))?;
            Some((index as u32 + 1, fields.range(index)))
        };
        let found = match bad(&|bytes| simdutf8::basic::from_utf8(bytes).is_err()) {
            Some(found) => Some((RejectReason::InvalidUtf8, found)),
            None => bad(&|bytes| memchr::memchr(0, bytes).is_some()).map(|found| (RejectReason::NulByte, found)),
        };
        found.map_or(Ok(()), |(reason, (column, value))| {
            Err(Reject { reason, column, value })
        })
    }

    /// Appends the record's row; leaves no trace if a value does not fit.
    fn encode<const USUAL: bool>(
        &mut self,
        record: &Record,
        fields: impl Fields,
        columns: &[ColumnWork],
    ) -> Result<(), Reject> {
        let integer_keys = self.out.integer_keys.len();
        self.out.key_bytes.clear();
        self.encoder.begin_row(record.source.len() as usize + self.added_bytes);
        let mut null_key = false;
        for &column in columns {
            let source = column.source as usize;
            if !USUAL && source >= fields.count() {
                match self.encode_given(column) {
                    Ok(is_null) => null_key |= is_null && column.is(IS_KEY),
                    Err(reason) => {
                        self.out.integer_keys.truncate(integer_keys);
                        return Err(Reject {
                            column: column.source.wrapping_add(1),
                            ..Reject::whole(reason)
                        });
                    }
                }
                continue;
            }
            let value = match USUAL {
                true => fields.range(source),
                false => self.format.value(self.span, fields.range(source)),
            };
            match self.encode_field::<USUAL>(column, value.start as usize, value.end as usize) {
                Ok(is_null) => null_key |= is_null && column.is(IS_KEY),
                Err(reason) => {
                    self.out.integer_keys.truncate(integer_keys);
                    self.out.recoded_in_row.clear();
                    return Err(Reject {
                        reason,
                        column: source as u32 + 1,
                        value,
                    });
                }
            }
        }
        if let KeyPlan::Hashed(_) = self.plan.key {
            let hash = if null_key {
                NULL_KEY
            } else {
                xxh3_128(&self.out.key_bytes).max(NULL_KEY + 1)
            };
            self.out.key_hashes.push(hash);
        }
        self.encoder.end_row();
        if !self.out.recoded_in_row.is_empty() {
            self.count_recoded();
        }
        self.out.rows.push(RowMeta {
            record_index: self.out.record_count,
            source: record.source,
        });
        Ok(())
    }

    /// Appends the value of the field at `start..end` to the row, and its bytes to the key; returns whether it is NULL.
    #[inline]
    fn encode_field<const USUAL: bool>(
        &mut self,
        column: ColumnWork,
        start: usize,
        end: usize,
    ) -> Result<bool, RejectReason> {
        let field = self.format.field(&self.span[start..end]);
        let cell = self.plan.cells.read::<USUAL>(field.bytes(), field.quote().is_some());
        if cell != CellMeaning::Value {
            return match !USUAL && cell == CellMeaning::Default && self.encode_default(column) {
                true => Ok(false),
                false => self.encode_null(column),
            };
        }
        match column.cast {
            UsualCast::Text => {
                if column.is(OBSERVED) {
                    self.observe_text(column, field.unquoted(), (start, end));
                }
                let quotes = usize::from(field.quote().is_some());
                self.encode_text(column, (start + quotes, end - quotes), field.quote());
            }
            UsualCast::Integer => {
                let value = match column.is(DECLARED) {
                    false => cast::integer(field.unquoted()),
                    true => cast::usual_integer(field.unquoted()),
                };
                self.encode_integer(column, value.map_err(|error| refuse(ColumnType::Integer, error))?);
            }
            UsualCast::Real => self.encode_real(column, field.unquoted(), (start, end))?,
            _ => self.encode_other(column, field, start)?,
        }
        Ok(false)
    }

    /// Appends NULL, if the column takes it.
    #[inline(always)]
    fn encode_null(&mut self, column: ColumnWork) -> Result<bool, RejectReason> {
        if column.is(NOT_NULL) {
            return Err(RejectReason::NullViolation);
        }
        self.encoder.push_null();
        self.out.key_order.nulls += u64::from(column.is(ORDERED));
        Ok(true)
    }

    /// Appends the value of a column that comes from no field of the record; returns whether it is NULL.
    #[inline(never)]
    fn encode_given(&mut self, column: ColumnWork) -> Result<bool, RejectReason> {
        let plan = self.plan;
        let index = column.index as usize;
        match plan.given.iter().find(|(given, _)| *given == index) {
            Some((_, Given::Value(value))) => self.encode_stored(column, value),
            Some((_, Given::RecordNumber)) => self.encoder.push_record_number(),
            None if plan.cells.empty == EmptyCell::Default && self.encode_default(column) => {}
            None => return self.encode_null(column),
        }
        Ok(false)
    }

    /// Appends the DEFAULT of a column, if it has one.
    #[inline(never)]
    fn encode_default(&mut self, column: ColumnWork) -> bool {
        let plan = self.plan;
        let value = default_of(&plan.columns[column.index as usize]);
        if let Some(value) = value {
            self.encode_stored(column, value);
        }
        value.is_some()
    }

    /// Appends a value that is as the column stores it.
    fn encode_stored(&mut self, column: ColumnWork, value: &StoredValue) {
        match value {
            StoredValue::Integer(value) => self.encode_integer(column, *value),
            StoredValue::Real(bits) => self.encode_double(column, f64::from_bits(*bits)),
            StoredValue::Text(text) => {
                let text = Text {
                    span: text.as_bytes(),
                    start: 0,
                    end: text.len(),
                    doubled: None,
                };
                self.encoder.push_text(text);
                if column.is(IS_KEY) {
                    push_text_key(&mut self.out.key_bytes, text);
                }
            }
        }
    }

    /// Appends a value of one of the types that take longer anyway: their code would take registers from those above.
    #[inline(never)]
    fn encode_other(&mut self, column: ColumnWork, field: Field<'_>, start: usize) -> Result<(), RejectReason> {
        let text = field.unquoted();
        let text_start = start + usize::from(field.quote().is_some());
        let mut kept = (text_start, text_start + text.len());
        match column.cast {
            UsualCast::Boolean => {
                let value = cast::boolean(text).map_err(|error| refuse(ColumnType::Boolean, error))?;
                self.encode_integer(column, i64::from(value));
                return Ok(());
            }
            UsualCast::Numeric => match cast::numeric(text).map_err(|error| self.refuse_numeric(column, error))? {
                Numeric::Text => {}
                Numeric::Integer(value) => {
                    self.encode_integer(column, value);
                    return Ok(());
                }
                Numeric::Real(value) => {
                    self.encode_double(column, value);
                    return Ok(());
                }
            },
            UsualCast::Date => cast::date(text).map_err(|error| refuse(ColumnType::Date, error))?,
            UsualCast::Time | UsualCast::DateTime => {
                let (moment, expected) = match column.cast {
                    UsualCast::Time => (cast::time(text), ColumnType::Time),
                    _ => (cast::date_time(text), ColumnType::DateTime),
                };
                let moment = moment.map_err(|error| refuse(expected, error))?;
                kept.1 = text_start + moment.kept_bytes;
                if !moment.tail().is_empty() {
                    self.encode_moment(column, kept, &moment);
                    return Ok(());
                }
            }
            UsualCast::Recoded => return self.encode_recoded(column, field, (start, start + field.bytes().len())),
            UsualCast::Text | UsualCast::Integer | UsualCast::Real => {
                unreachable!("encode_field takes these")
            }
        }
        self.encode_text(column, kept, field.quote());
        Ok(())
    }

    /// Appends a value of a REAL column.
    #[inline(never)]
    fn encode_real(&mut self, column: ColumnWork, text: &[u8], place: (usize, usize)) -> Result<(), RejectReason> {
        let value = self.real(column, text, place)?;
        self.encode_double(column, value);
        Ok(())
    }

    #[inline(always)]
    fn real(&mut self, column: ColumnWork, text: &[u8], (start, end): (usize, usize)) -> Result<f64, RejectReason> {
        let expected = ColumnType::Real;
        if column.is(OBSERVED) {
            let facts = &mut self.out.column_facts[column.index as usize];
            let value = facts.see_number(text, start as u32, end as u32);
            return value.ok_or(RejectReason::TypeError { expected });
        }
        if column.is(SETTLED) {
            let form = self
                .plan
                .settled
                .as_ref()
                .and_then(|forms| forms.get(column.index as usize));
            if let Some(value) = form.and_then(|form| form.admits(text)) {
                return Ok(value);
            }
            let value = cast::real(text).map_err(|error| refuse(expected, error));
            return value.and(Err(RejectReason::OtherForm));
        }
        let value = match column.is(DECLARED) {
            false => cast::real(text),
            true => cast::usual_real(text),
        };
        value.map_err(|error| refuse(expected, error))
    }

    /// Notes what a value of a column that is guessed to be TEXT looks like: the column may turn out to hold numbers.
    fn observe_text(&mut self, column: ColumnWork, text: &[u8], (start, end): (usize, usize)) {
        let facts = &mut self.out.column_facts[column.index as usize];
        if facts.form.is_open() {
            let text = self.plan.numbers.undeclared().as_usual(text, &mut self.out.plain_value);
            facts.see(text, start as u32, end as u32);
        }
    }

    #[inline(always)]
    fn encode_integer(&mut self, column: ColumnWork, value: i64) {
        if column.is(ORDERED) {
            self.out.key_order.see(value);
        }
        if column.is(IS_ROW_ID) {
            self.out.integer_keys.push(value);
            self.encoder.push_row_id(value);
        } else {
            self.encoder.push_integer(value);
        }
        if column.is(IS_KEY) {
            self.out.key_bytes.push(b'i');
            self.out.key_bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    #[inline(always)]
    fn encode_double(&mut self, column: ColumnWork, value: f64) {
        match column.is(NO_AFFINITY) {
            false => self.encoder.push_real(value),
            true => self.encoder.push_real_as_given(value),
        }
        if column.is(IS_KEY) {
            self.out.key_bytes.push(b'r');
            self.out.key_bytes.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }

    #[inline(always)]
    fn encode_text(&mut self, column: ColumnWork, (start, end): (usize, usize), doubled: Option<u8>) {
        let text = Text {
            span: self.span,
            start,
            end,
            doubled,
        };
        self.encoder.push_text(text);
        if column.is(IS_KEY) {
            push_text_key(&mut self.out.key_bytes, text);
        }
    }

    /// A moment whose text is not quite what SQLite's functions understand: the part that they do, and then what they take for the rest.
    fn encode_moment(&mut self, column: ColumnWork, (start, end): (usize, usize), moment: &Moment) {
        let text = Text {
            span: self.span,
            start,
            end,
            doubled: None,
        };
        self.encoder.push_text_and(text, moment.tail());
        if column.is(IS_KEY) {
            push_plain_key(&mut self.out.key_bytes, &self.span[start..end], moment.tail());
        }
    }

    /// Why a column of NUMERIC affinity does not take a value.
    #[cold]
    fn refuse_numeric(&self, column: ColumnWork, error: CastError) -> RejectReason {
        let in_table = self.plan.columns[column.index as usize].in_table.as_ref();
        RejectReason::NotKept {
            declared_type: in_table.map_or("", |table| &table.declared_type).into(),
            beyond: error == CastError::Range,
        }
    }

    fn reject(&mut self, source: ByteRange, reject: Reject) {
        let start = source.start as usize;
        let between = &self.span[self.lines_counted_to..start];
        self.lines_before += memchr::memchr_iter(self.format.line_end(), between).count() as u32;
        self.lines_counted_to = start;
        let is_of_a_value = matches!(
            reject.reason,
            RejectReason::TypeError { .. } | RejectReason::OutOfRange { .. } | RejectReason::NullViolation
        );
        if is_of_a_value && self.plan.guess.is_some() && self.out.refuted_by.is_none() {
            self.out.refuted_by = Some(self.out.rejects.len() as u32);
        }
        self.out.rejects.push(BlockReject {
            record_index: self.out.record_count,
            source,
            lines_before: self.lines_before,
            column: reject.column,
            value: reject.value,
            reason: reject.reason,
        });
    }
}
