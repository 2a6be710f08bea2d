//! What a column holds, from every value of it: facts per chunk, merged in input order.
//!
//! Pure. A column is INTEGER if every value is one in canonical form, REAL if every value is a number and all are written in one
//! [form](crate::schema::form); one value that is not a number makes it TEXT, and from then on its values are not looked at.

use serde::{Deserialize, Serialize};

use crate::format::{Escape, Field, Fields, Format, Parsed, Record, are_names, ends_empty};
use crate::position::ByteRange;
use crate::schema::cast;
use crate::schema::cells::{CellMeaning, CellRules};
use crate::schema::form::{ColumnFacts, Form, FormVerdict, WhyNoNumber, WhyText, has_numbers, mark};
use crate::schema::key_order::KeyOrder;
use crate::schema::widths::Widths;
use crate::schema::written::NumberStyle;
use crate::schema::{ColumnType, NO_FIELD};
use crate::validate::{faulty_by_escapes, is_plain_span, is_text, resolve};

/// Bytes of a value that are kept to name it.
const NAMED_BYTES: usize = 64;

/// The first value of a column that shows a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct First {
    column: usize,
    mark: u32,
    place: ValuePosition,
    value: Vec<u8>,
    /// Numbers stand before it.
    follows_numbers: bool,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuePosition {
    pub file_index: usize,
    /// 1-based.
    pub line: u64,
}

/// A span of an input, and where it begins.
#[derive(Debug, Clone, Copy)]
pub struct SpanToInfer<'a> {
    pub bytes: &'a [u8],
    pub line_end: u8,
    pub place: ValuePosition,
}

/// Why a column of numbers is text all the same, and the first value that made it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoNumber<'a> {
    pub why: WhyNoNumber,
    pub value: &'a [u8],
    pub place: ValuePosition,
}

/// The first value of a column that is no number, after others that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstOther<'a> {
    pub value: &'a [u8],
    pub place: ValuePosition,
}

/// What was seen in a span of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    columns: Vec<ColumnFacts>,
    key: Option<usize>,
    order: KeyOrder,
    /// The first values of their kind, as far as [`merge_span`](Self::merge_span) was given them.
    firsts: Vec<First>,
}

impl Facts {
    /// Nothing seen yet. `declared` columns are not looked at, except for their order if they are the one column of `key`.
    pub fn new(declared: &[bool], key: &[usize]) -> Self {
        let column = |(index, &skip): (usize, &bool)| ColumnFacts {
            form: Form::new(key.contains(&index)),
            skip,
            ..ColumnFacts::default()
        };
        Facts {
            columns: declared.iter().enumerate().map(column).collect(),
            key: match key {
                [index] => Some(*index),
                _ => None,
            },
            order: KeyOrder::default(),
            firsts: Vec::new(),
        }
    }

    /// Adds what was seen right after this.
    pub fn merge(&mut self, later: &Facts) {
        for (column, other) in self.columns.iter_mut().zip(&later.columns) {
            column.form.merge(&other.form);
        }
        self.order.merge(&later.order);
    }

    /// As [`merge`](Self::merge), for what was seen and its first values remembered by lines of which so many more come before.
    pub fn merge_after_lines(&mut self, later: &Facts, lines: u64) {
        for first in &later.firsts {
            if self.columns[first.column].form.marks() & first.mark == 0 {
                let mut first = first.clone();
                first.place.line += lines;
                self.firsts.push(first);
            }
        }
        self.merge(later);
    }

    /// As [`merge`](Self::merge), for what was seen in `span`, whose bytes are still there: first values are remembered.
    pub fn merge_span(&mut self, later: &Facts, span: SpanToInfer<'_>) {
        self.merge_columns(&later.columns, span);
        self.order.merge(&later.order);
    }

    /// As [`merge_span`](Self::merge_span), without the order of the keys.
    pub fn merge_columns(&mut self, later: &[ColumnFacts], span: SpanToInfer<'_>) {
        for (index, (column, other)) in self.columns.iter_mut().zip(later).enumerate() {
            let new = other.form.marks() & !column.form.marks();
            for bit in (0..mark::NAMED).filter(|bit| new & 1 << bit != 0) {
                let (start, end) = other.first_at[bit];
                // A value that says itself that it is a text has no place.
                if end == 0 {
                    continue;
                }
                let value = &span.bytes[start as usize..end as usize];
                let lines_before = memchr::memchr_iter(span.line_end, &span.bytes[..start as usize]).count();
                self.firsts.push(First {
                    column: index,
                    mark: 1 << bit,
                    place: ValuePosition {
                        line: span.place.line + lines_before as u64,
                        ..span.place
                    },
                    value: value[..value.len().min(NAMED_BYTES)].to_vec(),
                    follows_numbers: other.follows_numbers || has_numbers(column.form.marks()),
                });
            }
            column.form.merge(&other.form);
        }
    }

    /// The form of each column.
    pub fn forms(&self) -> Vec<Form> {
        self.columns.iter().map(|column| column.form).collect()
    }

    /// The type of a column; one without a value is TEXT.
    pub fn column_type(&self, index: usize) -> ColumnType {
        column_type(self.columns[index].form.verdict())
    }

    /// Why a column is TEXT though every value of it is a number; `None` for all other columns, and if the value is not known.
    pub fn no_number(&self, index: usize) -> Option<NoNumber<'_>> {
        let column = &self.columns[index];
        let FormVerdict::Text(WhyText::Numbers(why)) = column.form.verdict() else {
            return None;
        };
        let is_to_blame = |first: &&First| first.column == index && first.mark & why.marks() != 0;
        let place = |first: &&First| (first.place.file_index, first.place.line);
        let first = self.firsts.iter().filter(is_to_blame).min_by_key(place)?;
        (!column.skip).then_some(NoNumber {
            why,
            value: &first.value,
            place: first.place,
        })
    }

    /// The first value of a column that is no number, if numbers stand before it; `None` also if it is not known.
    pub fn first_other(&self, index: usize) -> Option<FirstOther<'_>> {
        let is_other = |first: &&First| first.column == index && first.mark == mark::TEXT && first.follows_numbers;
        let first = self
            .firsts
            .iter()
            .find(is_other)
            .filter(|_| !self.columns[index].skip)?;
        Some(FirstOther {
            value: &first.value,
            place: first.place,
        })
    }

    /// The order of the integers in the key column; without one, the order of nothing.
    pub fn key_order(&self) -> KeyOrder {
        self.order
    }

    /// Whether the next value of a column can add anything.
    fn is_open(&self, index: usize) -> bool {
        let column = &self.columns[index];
        self.key == Some(index) || (!column.skip && column.form.is_open())
    }

    /// Adds the value at `start..end` of the span.
    #[inline(always)]
    fn see(&mut self, index: usize, value: FieldValue<'_>) {
        let is_key = self.key == Some(index);
        let column = &mut self.columns[index];
        let FieldValue { text, place } = value;
        let number = if column.skip || !column.form.is_open() {
            cast::integer(text).ok()
        } else {
            column.see(text, place.start, place.end)
        };
        if is_key && let Some(number) = number {
            self.order.see(number);
        }
    }
}

/// A value that is not NULL, and where it stands in its span.
struct FieldValue<'a> {
    /// Without its quotes, its escapes resolved, as a usual number if it is one.
    text: &'a [u8],
    place: ByteRange,
}

/// The type that a column is given.
pub fn column_type(verdict: FormVerdict) -> ColumnType {
    match verdict {
        FormVerdict::Integer => ColumnType::Integer,
        FormVerdict::Real => ColumnType::Real,
        FormVerdict::Unseen | FormVerdict::Text(_) => ColumnType::Text,
    }
}

/// How fields become values.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a, F> {
    /// For each column, the field that it comes from, if it comes from one.
    pub sources: &'a [u32],
    /// Fields of a record, and what becomes of records that have more or fewer.
    pub field_count: usize,
    pub widths: Widths,
    pub format: &'a F,
    pub cells: &'a CellRules,
    /// How numbers are written.
    pub numbers: NumberStyle,
    /// A record that says this is the header once more, and none.
    pub repeated_header: Option<&'a [String]>,
    /// A record may have one field more, if it is empty.
    pub trailing_delimiter: bool,
}

/// Adds the records of one span to `facts`. Records that validation would reject for their form have no say.
pub fn observe<F: Format>(span: &[u8], parsed: &F::Parsed, reading: &Reading<'_, F>, facts: &mut Facts) {
    let is_usual = reading.cells.are_usual() && reading.widths.are_usual() && reading.numbers == NumberStyle::default();
    match is_usual && reading.format.is_usual() && reading.repeated_header.is_none() {
        true => observe_by::<F, true>(span, parsed, reading, facts),
        false => observe_by::<F, false>(span, parsed, reading, facts),
    }
}

/// [`observe`], where format and rules for cells are `USUAL`, or are not.
fn observe_by<F: Format, const USUAL: bool>(
    span: &[u8],
    parsed: &F::Parsed,
    reading: &Reading<'_, F>,
    facts: &mut Facts,
) {
    let Reading {
        sources,
        format,
        numbers,
        ..
    } = *reading;
    let makes_bytes = !USUAL && format.escape().is_some_and(Escape::makes_bytes);
    let (mut resolved, mut recoded, mut room) = (Vec::new(), Vec::new(), Vec::new());
    let has_field = |index: usize| sources[index] != NO_FIELD;
    let columns = (0..sources.len()).filter(|&index| has_field(index) && facts.is_open(index));
    let mut open: Vec<usize> = columns.collect();
    let span_is_plain = is_plain_span(format, span);
    for (record, fields) in parsed.iter::<USUAL>() {
        if !has_form_of_row::<F, USUAL>(span, &record, fields, reading) {
            continue;
        }
        if !span_is_plain && !is_text(format.encoding(), record.source.of(span)) {
            continue;
        }
        if makes_bytes && faulty_by_escapes(format, span, fields, &mut resolved).is_some() {
            continue;
        }
        let mut all_open = true;
        for &index in &open {
            if !USUAL && sources[index] as usize >= fields.count() {
                facts.order.nulls += u64::from(facts.key == Some(index));
                continue;
            }
            let range = match USUAL {
                true => fields.range(sources[index] as usize),
                false => format.value(span, fields.range(sources[index] as usize)),
            };
            let bytes = range.of(span);
            // What is not ASCII is no number in any encoding, and only that is asked of usual fields.
            let field = match USUAL || span_is_plain {
                true => format.field(bytes),
                false => utf_8_field(format, bytes, &mut recoded),
            };
            if is_settled::<F, USUAL>(field, index, reading, facts) {
                all_open &= USUAL || facts.is_open(index);
                continue;
            }
            let text = match !USUAL && format.has_escape(bytes) {
                false => field.unquoted(),
                true => {
                    resolve(format, bytes, &mut resolved, &mut room);
                    &resolved
                }
            };
            let text = match USUAL {
                true => text,
                // Of declared columns only the order of integers matters, and those may have their digits in groups.
                false if facts.columns[index].skip => numbers.as_usual(text, &mut room),
                false => numbers.undeclared().as_usual(text, &mut room),
            };
            facts.see(index, FieldValue { text, place: range });
            all_open &= facts.is_open(index);
        }
        if !all_open {
            open.retain(|&index| facts.is_open(index));
        }
    }
}

/// Whether nothing is to be read from a field: it is NULL, or says that it is a text. Either is noted.
#[inline(always)]
fn is_settled<F: Format, const USUAL: bool>(
    field: Field<'_>,
    index: usize,
    reading: &Reading<'_, F>,
    facts: &mut Facts,
) -> bool {
    let cell = match USUAL {
        true => reading.cells.read::<true>(field.bytes(), field.quote().is_some()),
        false => reading.format.cell(field, reading.cells),
    };
    if cell != CellMeaning::Value {
        facts.order.nulls += u64::from(facts.key == Some(index));
        return true;
    }
    if !USUAL && reading.format.is_text(field) && !facts.columns[index].skip {
        facts.columns[index].form.see_text();
        return true;
    }
    false
}

/// The field that stands in the input as `bytes`, in UTF-8. `recoded` is overwritten if it is not so already.
fn utf_8_field<'a, F: Format>(format: &F, bytes: &'a [u8], recoded: &'a mut Vec<u8>) -> Field<'a> {
    match format.encoding().by_field() {
        Some(encoding) if !bytes.is_ascii() => {
            recoded.clear();
            encoding.append(bytes, recoded);
            format.field(recoded)
        }
        _ => format.field(bytes),
    }
}

/// Whether a record has the form of a row, and is not the header once more.
#[inline(always)]
fn has_form_of_row<F: Format, const USUAL: bool>(
    span: &[u8],
    record: &Record,
    fields: impl Fields,
    reading: &Reading<'_, F>,
) -> bool {
    let (format, found) = (reading.format, fields.count());
    let fits = found == reading.field_count
        || (reading.trailing_delimiter && ends_empty(format, span, fields, reading.field_count as u32))
        || (!USUAL && may_be_row(span, record, found, reading));
    let repeats = |names: &[String]| are_names(format, span, fields, names);
    record.fault.is_none() && fits && (USUAL || !reading.repeated_header.is_some_and(repeats))
}

/// Whether a record of `found` fields, which are more or fewer than are meant, may be a row.
#[inline(never)]
fn may_be_row<F: Format>(span: &[u8], record: &Record, found: usize, reading: &Reading<'_, F>) -> bool {
    let text = reading.format.value(span, record.source).of(span);
    let is_blank = found == 1 && matches!(text, b"" | b"\x0c");
    !record.is_comment && found > 0 && !is_blank && reading.widths.admit(found as u32, reading.field_count as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Csv;
    use crate::parse::{Dialect, Records, parse};

    fn facts(text: &str) -> Facts {
        let mut records = Records::default();
        let format = Csv {
            dialect: Dialect::default(),
            columns: 2,
            max_record_bytes: 1000,
        };
        parse(text.as_bytes(), true, &format, &mut records);
        let mut facts = Facts::new(&[false, false], &[0]);
        let reading = Reading {
            sources: &[0, 1],
            field_count: 2,
            widths: Widths::default(),
            format: &format,
            cells: &CellRules::default(),
            numbers: NumberStyle::default(),
            repeated_header: None,
            trailing_delimiter: false,
        };
        observe(text.as_bytes(), &records, &reading, &mut facts);
        facts
    }

    fn second(values: &[&str]) -> ColumnType {
        let text: String = values
            .iter()
            .enumerate()
            .map(|(i, value)| format!("{i},{value}\n"))
            .collect();
        facts(&text).column_type(1)
    }

    #[test]
    fn a_column_is_a_number_only_if_every_value_can_be_recovered() {
        assert_eq!(second(&["1", "-2", "", "0"]), ColumnType::Integer);
        assert_eq!(second(&["1", "2.5", "9007199254740992"]), ColumnType::Real);
        assert_eq!(second(&["2.5", "9007199254740993"]), ColumnType::Text);
        assert_eq!(second(&["01234"]), ColumnType::Text);
        assert_eq!(second(&["18446744073709551615"]), ColumnType::Text);
        assert_eq!(second(&["2.5", "10000000000000000000"]), ColumnType::Text);
        assert_eq!(second(&["1e3"]), ColumnType::Text);
        assert_eq!(second(&["1", "2", "x"]), ColumnType::Text);
        assert_eq!(second(&["", ""]), ColumnType::Text);
        assert_eq!(second(&["5", "\"\""]), ColumnType::Text);
        assert_eq!(second(&["\"5\""]), ColumnType::Integer);
    }

    #[test]
    fn the_first_value_that_is_no_number_is_remembered_if_numbers_stand_before_it() {
        let seen = |lines: &[&str]| {
            let mut facts = Facts::new(&[false, false], &[]);
            let mut line = 2;
            for span in lines {
                let found = self::facts(span);
                let place = ValuePosition { file_index: 0, line };
                let bytes = span.as_bytes();
                facts.merge_span(
                    &found,
                    SpanToInfer {
                        bytes,
                        line_end: b'\n',
                        place,
                    },
                );
                line += span.lines().count() as u64;
            }
            let other = facts.first_other(1);
            other.map(|other| (String::from_utf8_lossy(other.value).into_owned(), other.place.line))
        };
        let expected = Some(("n/a".to_owned(), 4));
        assert_eq!(seen(&["1,5\n2,6\n3,n/a\n4,x\n"]), expected);
        assert_eq!(seen(&["1,5\n2,6\n", "3,n/a\n4,x\n"]), expected);
        assert_eq!(seen(&["1,n/a\n2,5\n"]), None);
        assert_eq!(seen(&["1,n/a\n", "2,5\n3,x\n"]), None);
        assert_eq!(seen(&["1,5\n2,6.50\n3,6.5\n"]), None);
    }

    #[test]
    fn records_that_will_be_rejected_do_not_vote() {
        assert_eq!(
            facts("1,2\n2,x,y\n3\n4,\"a\"b\n5,\0\n").column_type(1),
            ColumnType::Integer
        );
    }

    #[test]
    fn facts_of_pieces_merge_to_the_facts_of_the_whole() {
        let lines = ["1,5\n", "2,\n", "2,7\n", ",1.5\n", "9,x\n", "3,1\n"];
        let whole = facts(&lines.concat());
        for cut in 0..=lines.len() {
            let mut merged = facts(&lines[..cut].concat());
            merged.merge(&facts(&lines[cut..].concat()));
            let types = |facts: &Facts| [0, 1].map(|index| facts.column_type(index));
            assert_eq!((types(&merged), merged.key_order()), (types(&whole), whole.key_order()));
        }
        let order = whole.key_order();
        assert_eq!((order.values, order.breaks, order.nulls), (5, 2, 1));
    }
}
