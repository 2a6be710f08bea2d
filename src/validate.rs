//! Records to typed rows, each pushed value by value into an [`Encoder`], and to rejects.
//!
//! Comes in: a span and what its format found in it. Goes out: a [`RowBlock`]. Never: I/O, locks, panics, allocation per row or
//! field (a block's vectors are reused). The hard part is the cost: this is where a load's processor time goes, so UTF-8 and NULs are
//! checked once per span, and a value is cast, stored and hashed in one go. In other encodings a span of ASCII is as fast, and of any other
//! only the fields that are not ASCII are recoded.

mod beyond_record;
mod column_work;
mod every_fault;
mod fault;
mod key_bytes;
mod recoded;
mod record_kind;
#[cfg(test)]
mod tests;
mod text;

pub use self::record_kind::{RecordCounts, RecordSorter};
pub use self::text::{faulty_by_escapes, is_plain_span, is_plain_text, is_text, resolve};

use xxhash_rust::xxh3::xxh3_128;

pub use self::beyond_record::bytes_beyond_record;
use self::beyond_record::{added_bytes, default_of, given_bytes};
use self::column_work::{
    ColumnWork, DECLARED, IS_KEY, IS_ROW_ID, NO_AFFINITY, NOT_NULL, OBSERVED, ORDERED, SETTLED, UsualCast, columns,
};
use self::fault::{Reject, refuse, refuse_fault, see_text};
use self::key_bytes::{push_plain_key, push_text_key};
use self::record_kind::RecordKind;
use self::text::{FaultyField, HighBytes, TextFault, faulty_field, look_at_span};
use crate::encoding::{FieldEncoding, MOST_GROWTH};
use crate::format::{Escape, Field, Fields, Format, Parsed, Record, ends_empty};
use crate::position::ByteRange;
use crate::reject::{BlockReject, RejectReason};
use crate::rows::{Encoder, ExpectedRows, NULL_KEY, RowBlock, RowMeta, Text};
use crate::schema::cast::{self, CastError, Moment, Numeric};
use crate::schema::cells::{CellMeaning, EmptyCell, StoredValue};
use crate::schema::form::ColumnFacts;
use crate::schema::{ColumnType, Given, KeyPlan, RowPlan};

/// Turns the records of `span` into rows and rejects. `out` is emptied first.
///
/// `span` is exactly what was parsed. A record is rejected for the first of these faults: its syntax; bytes that are not of its encoding; a NUL byte; the number
/// of fields; the first column, in the table's order, whose value does not fit. The plan may ask for those of the other columns, too.
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
    let (plain, needs_recoding) = look_at_span(format, span);
    let mut rows = RowMaker {
        span,
        plan,
        format,
        plain,
        encoding: format.encoding().by_field(),
        high: HighBytes::not_searched(),
        encoder,
        added_bytes: added_bytes(plan) + given_bytes(plan),
        resolved: std::mem::take(&mut out.resolved),
        recoded: std::mem::take(&mut out.recoded_text),
        lines_before: 0,
        lines_counted_to: 0,
        out,
    };
    if let Some(guess) = &plan.guess {
        rows.out.column_facts.resize(guess.forms.len(), ColumnFacts::default());
    }
    rows.out.recoded.resize(plan.counted_columns(), 0);
    let is_usual = plan.cells.are_usual() && plan.rules.missing.is_empty() && plan.takes_fields_only();
    let is_usual = is_usual && format.is_usual() && plan.repeated_header.is_none();
    match (is_usual, needs_recoding) {
        (true, false) => rows.take_all::<true, false>(parsed),
        (true, true) => rows.take_all::<true, true>(parsed),
        (false, _) => rows.take_all::<false, true>(parsed),
    }
    let RowMaker {
        encoder,
        resolved,
        recoded,
        out,
        ..
    } = rows;
    (out.values, out.resolved, out.recoded_text) = (encoder, resolved, recoded);
}

struct RowMaker<'a, F, E> {
    span: &'a [u8],
    plan: &'a RowPlan,
    format: &'a F,
    /// The whole span is text in its encoding, so no record needs to be checked for that.
    plain: bool,
    /// How fields become UTF-8 that are not ASCII; `None`: they are.
    encoding: Option<&'static FieldEncoding>,
    /// Where bytes are that are not ASCII; nowhere, in UTF-8.
    high: HighBytes,
    encoder: E,
    /// Bytes that a row's values may have beyond those of its fields, with texts that are the same in every row.
    added_bytes: usize,
    /// The value of a field with escapes in it, and a field that was recoded; here only to be reused.
    resolved: Vec<u8>,
    recoded: Vec<u8>,
    /// Line ends before `lines_counted_to`.
    lines_before: u32,
    lines_counted_to: usize,
    out: &'a mut RowBlock<E>,
}

impl<F: Format, E: Encoder> RowMaker<'_, F, E> {
    /// Makes rows and rejects of all records. `USUAL`: format and rules for cells are, so that no time is spent on others. Only if it
    /// is `ENCODED` may the span need recoding.
    fn take_all<const USUAL: bool, const ENCODED: bool>(&mut self, parsed: &F::Parsed) {
        let columns = columns(self.plan);
        let sorter = RecordSorter {
            span: self.span,
            format: self.format,
            field_count: self.plan.field_count,
            repeated_header: self.plan.repeated_header.as_deref(),
        };
        for (record, fields) in parsed.iter::<USUAL>() {
            match sorter.kind::<USUAL>(&record, fields) {
                RecordKind::Record => {}
                RecordKind::Blank => {
                    self.out.blank_lines += 1;
                    continue;
                }
                RecordKind::Comment => {
                    self.out.comment_lines += 1;
                    continue;
                }
                RecordKind::RepeatedHeader => {
                    self.out.repeated_headers += 1;
                    continue;
                }
            }
            if let Err(reject) = self.check::<USUAL, ENCODED>(&record, fields) {
                self.reject(record.source, reject);
            } else if let Err(reject) = self.encode::<USUAL, ENCODED>(&record, fields, &columns) {
                self.reject(record.source, reject);
                if self.plan.every_fault {
                    every_fault::add_further::<USUAL, ENCODED, F, E>(self, (&record, fields), &columns);
                }
            } else if !USUAL {
                self.count_width(fields);
            }
            self.out.record_count += 1;
        }
    }

    /// Whether a record has one field more than are meant, which a delimiter at the end of its line makes.
    fn has_trailing_delimiter(&self, fields: impl Fields) -> bool {
        self.plan.trailing_delimiter && ends_empty(self.format, self.span, fields, self.plan.field_count)
    }

    /// Counts a row, if its fields are more or fewer than are meant.
    fn count_width(&mut self, fields: impl Fields) {
        let (expected, found) = (self.plan.field_count, fields.count() as u32);
        self.out.cut_records += u32::from(found > expected && !self.has_trailing_delimiter(fields));
        self.out.filled_records += u32::from(found < expected);
    }

    /// Everything about a record that does not depend on its values' types.
    fn check<const USUAL: bool, const ENCODED: bool>(
        &mut self,
        record: &Record,
        fields: impl Fields,
    ) -> Result<(), Reject> {
        if let Some(fault) = record.fault {
            return Err(refuse_fault(self.format, self.span, record, fault));
        }
        if ENCODED && self.encoding.is_some() {
            self.high.move_to(self.span, record.source.start as usize);
        }
        if !self.plain && !self.is_text::<ENCODED>(record) {
            self.refuse_faulty(faulty_field(self.format, self.span, fields))?;
            // Between the fields, where else it is not text.
            if F::IS_TEXT_THROUGHOUT {
                return Err(Reject::whole(TextFault::NotEncoded.reason(self.format.encoding())));
            }
        }
        if !USUAL && self.format.escape().is_some_and(Escape::makes_bytes) {
            let faulty = faulty_by_escapes(self.format, self.span, fields, &mut self.resolved);
            self.refuse_faulty(faulty)?;
        }
        let (expected, found) = (self.plan.field_count, fields.count() as u32);
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            _ if self.plan.widths.admit(found, expected) => Ok(()),
            std::cmp::Ordering::Less => Err(Reject::whole(RejectReason::MissingColumns { expected, found })),
            std::cmp::Ordering::Greater if self.has_trailing_delimiter(fields) => Ok(()),
            std::cmp::Ordering::Greater => Err(Reject::whole(RejectReason::TooManyColumns { expected, found })),
        }
    }

    /// Whether a record is text.
    #[inline(always)]
    fn is_text<const ENCODED: bool>(&self, record: &Record) -> bool {
        let bytes = record.source.of(self.span);
        match ENCODED {
            false => is_plain_text(bytes),
            true => is_text(self.format.encoding(), bytes),
        }
    }

    /// Refuses a record for its field that is no text, if it has one.
    #[inline(always)]
    fn refuse_faulty(&self, faulty: Option<FaultyField>) -> Result<(), Reject> {
        let Some(FaultyField { index, range, fault }) = faulty else {
            return Ok(());
        };
        Err(Reject {
            reason: fault.reason(self.format.encoding()),
            column: index as u32 + 1,
            value: range,
        })
    }

    /// Appends the record's row; leaves no trace if a value does not fit.
    fn encode<const USUAL: bool, const ENCODED: bool>(
        &mut self,
        record: &Record,
        fields: impl Fields,
        columns: &[ColumnWork],
    ) -> Result<(), Reject> {
        let integer_keys = self.out.integer_keys.len();
        self.begin_row::<ENCODED>(record);
        let mut null_key = false;
        for &column in columns {
            match self.encode_column::<USUAL, ENCODED>(column, fields) {
                Ok(is_null) => null_key |= is_null && column.is(IS_KEY),
                Err(reject) => {
                    self.out.integer_keys.truncate(integer_keys);
                    self.out.recoded_in_row.clear();
                    return Err(reject);
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

    #[inline(always)]
    fn begin_row<const ENCODED: bool>(&mut self, record: &Record) {
        self.out.key_bytes.clear();
        let growth = if ENCODED && self.high.are_before(record.source.end as usize) {
            MOST_GROWTH
        } else {
            1
        };
        self.encoder
            .begin_row(record.source.len() as usize * growth + self.added_bytes);
    }

    /// Appends the value of a column to the row; returns whether it is NULL.
    #[inline(always)]
    fn encode_column<const USUAL: bool, const ENCODED: bool>(
        &mut self,
        column: ColumnWork,
        fields: impl Fields,
    ) -> Result<bool, Reject> {
        let source = column.source as usize;
        if !USUAL && source >= fields.count() {
            return self.encode_given(column).map_err(|reason| Reject {
                column: column.source.wrapping_add(1),
                ..Reject::whole(reason)
            });
        }
        let value = match USUAL {
            true => fields.range(source),
            false => self.format.value(self.span, fields.range(source)),
        };
        let encoded = self.encode_field::<USUAL, ENCODED>(column, value.start as usize, value.end as usize);
        encoded.map_err(|reason| Reject {
            reason,
            column: source as u32 + 1,
            value,
        })
    }

    /// Appends the value of the field at `start..end` to the row, and its bytes to the key; returns whether it is NULL.
    #[inline]
    fn encode_field<const USUAL: bool, const ENCODED: bool>(
        &mut self,
        column: ColumnWork,
        start: usize,
        end: usize,
    ) -> Result<bool, RejectReason> {
        // Of what is not ASCII no usual number is made in any encoding.
        let may_matter = !USUAL || !matches!(column.cast, UsualCast::Integer | UsualCast::Real);
        if ENCODED && self.high.are_before(end) && may_matter && !self.span[start..end].is_ascii() {
            return self.encode_recoded_field::<USUAL>(column, (start, end));
        }
        let field = self.format.field(&self.span[start..end]);
        let cell = match USUAL {
            true => self.plan.cells.read::<true>(field.bytes(), field.quote().is_some()),
            false => self.cell(column, field),
        };
        if cell != CellMeaning::Value {
            return self.encode_nothing::<USUAL>(column, cell);
        }
        if !USUAL && self.format.is_text(field) {
            see_text(column, self.plan, &mut self.out.column_facts)?;
        }
        if !USUAL && self.format.has_escape(field.bytes()) {
            return self.encode_resolved(column, (start, end));
        }
        let quotes = usize::from(field.quote().is_some());
        let text = Text {
            span: self.span,
            start: start + quotes,
            end: end - quotes,
            doubled: field.quote(),
        };
        self.encode_value(column, text, (start, end))
    }

    /// How a field is read: as its column says, or as all are.
    #[inline]
    fn cell(&self, column: ColumnWork, field: Field<'_>) -> CellMeaning {
        match self.plan.rules.missing_in(column.index as usize) {
            Some(missing) => self.format.cell_or_missing(field, missing),
            None => self.format.cell(field, &self.plan.cells),
        }
    }

    /// Appends what a cell without a value stands for; returns whether that is NULL.
    #[inline(always)]
    fn encode_nothing<const USUAL: bool>(
        &mut self,
        column: ColumnWork,
        cell: CellMeaning,
    ) -> Result<bool, RejectReason> {
        match !USUAL && cell == CellMeaning::Default && self.encode_default(column) {
            true => Ok(false),
            false => self.encode_null(column),
        }
    }

    /// As [`encode_field`](Self::encode_field), for the one at `place`, which is not ASCII and not UTF-8. Its quotes, escapes and the like
    /// are ASCII, and so the same in UTF-8.
    #[inline(never)]
    fn encode_recoded_field<const USUAL: bool>(
        &mut self,
        column: ColumnWork,
        place: (usize, usize),
    ) -> Result<bool, RejectReason> {
        let bytes = &self.span[place.0..place.1];
        let mut recoded = std::mem::take(&mut self.recoded);
        recoded.clear();
        if let Some(encoding) = self.encoding {
            encoding.append(bytes, &mut recoded);
        }
        let field = self.format.field(&recoded);
        let cell = match self.plan.rules.missing_in(column.index as usize) {
            Some(_) if !USUAL => self.cell(column, field),
            _ => self.plan.cells.read::<USUAL>(field.bytes(), field.quote().is_some()),
        };
        if !USUAL && cell == CellMeaning::Value && self.format.has_escape(bytes) {
            self.recoded = recoded;
            return self.encode_resolved(column, place);
        }
        let encoded = if cell != CellMeaning::Value {
            self.encode_nothing::<USUAL>(column, cell)
        } else {
            let quotes = usize::from(field.quote().is_some());
            let text = Text {
                span: &recoded,
                start: quotes,
                end: recoded.len() - quotes,
                doubled: field.quote(),
            };
            self.encode_value(column, text, place)
        };
        self.recoded = recoded;
        encoded
    }

    /// As [`encode_field`](Self::encode_field), for one with escapes in it that is not NULL: its value is not part of the input.
    #[inline(never)]
    fn encode_resolved(&mut self, column: ColumnWork, place: (usize, usize)) -> Result<bool, RejectReason> {
        if (self.format.escape()).is_some_and(|escape| escape.is_doubtful_in(&self.span[place.0..place.1])) {
            return Err(RejectReason::UnknownEscape);
        }
        let mut resolved = std::mem::take(&mut self.resolved);
        let mut room = std::mem::take(&mut self.recoded);
        resolve(self.format, &self.span[place.0..place.1], &mut resolved, &mut room);
        let text = Text {
            span: &resolved,
            start: 0,
            end: resolved.len(),
            doubled: None,
        };
        let encoded = self.encode_value(column, text, place);
        (self.resolved, self.recoded) = (resolved, room);
        encoded
    }

    /// Appends a value that is not NULL, of the field at `place`.
    #[inline(always)]
    fn encode_value(
        &mut self,
        column: ColumnWork,
        text: Text<'_>,
        place: (usize, usize),
    ) -> Result<bool, RejectReason> {
        let bytes = &text.span[text.start..text.end];
        match column.cast {
            UsualCast::Text => {
                if column.is(OBSERVED) {
                    self.observe_text(column, bytes, place);
                }
                self.encode_text(column, text);
            }
            UsualCast::Integer => {
                let value = match column.is(DECLARED) {
                    false => cast::integer(bytes),
                    true => cast::usual_integer(bytes),
                };
                self.encode_integer(column, value.map_err(|error| refuse(ColumnType::Integer, error))?);
            }
            UsualCast::Real => self.encode_real(column, bytes, place)?,
            UsualCast::Ruled => self.encode_ruled(column, text)?,
            _ => self.encode_other(column, text, place)?,
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
    fn encode_other(
        &mut self,
        column: ColumnWork,
        mut kept: Text<'_>,
        place: (usize, usize),
    ) -> Result<(), RejectReason> {
        let text = &kept.span[kept.start..kept.end];
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
                kept.end = kept.start + moment.kept_bytes;
                if !moment.tail().is_empty() {
                    self.encode_moment(column, kept, &moment);
                    return Ok(());
                }
            }
            UsualCast::Recoded => return self.encode_recoded(column, kept, place),
            UsualCast::Text | UsualCast::Integer | UsualCast::Real | UsualCast::Ruled => {
                unreachable!("encode_value takes these")
            }
        }
        self.encode_text(column, kept);
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
    fn encode_text(&mut self, column: ColumnWork, text: Text<'_>) {
        self.encoder.push_text(text);
        if column.is(IS_KEY) {
            push_text_key(&mut self.out.key_bytes, text);
        }
    }

    /// A moment whose text is not quite what SQLite's functions understand: the part that they do, and then what they take for the rest.
    fn encode_moment(&mut self, column: ColumnWork, kept: Text<'_>, moment: &Moment) {
        let text = Text { doubled: None, ..kept };
        self.encoder.push_text_and(text, moment.tail());
        if column.is(IS_KEY) {
            push_plain_key(&mut self.out.key_bytes, &text.span[text.start..text.end], moment.tail());
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
        let refutes = matches!(
            reject.reason,
            RejectReason::TypeError { .. }
                | RejectReason::OutOfRange { .. }
                | RejectReason::NullViolation
                | RejectReason::UnknownName
        );
        if refutes && self.plan.guess.is_some() && self.out.refuted_by.is_none() {
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
