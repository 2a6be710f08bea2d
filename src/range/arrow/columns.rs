//! Rows into Arrow arrays: an encoder with a buffer for each column.
//!
//! A row may turn out to be none at its last value; what it has left in the buffers is dropped when the next row begins. A buffer becomes an
//! array without being copied.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Float64Type, Int64Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use crate::position::Position;
use crate::rows::{Encoder, ExpectedRows, Text};
use crate::schema::{Column, ColumnType};

/// Short texts are copied as this many bytes, whatever their length.
const COPY_BYTES: usize = 32;
/// Digits of a 64-bit integer.
const DECIMAL_DIGITS: u8 = 19;

/// What a column is in Arrow.
pub(super) fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Real | ColumnType::Number | ColumnType::Percent => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Decimal(decimals) => DataType::Decimal128(DECIMAL_DIGITS, decimals as i8),
        // Times and moments keep their precision and their zone.
        _ => DataType::Utf8,
    }
}

/// The values of a column, row by row; a NULL has one, too.
#[derive(Debug)]
enum ColumnValues {
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Booleans(Vec<bool>),
    Days(Vec<i32>),
    Decimals(Vec<i128>, u8),
    Texts(TextBuffer),
}

/// Texts, one after another.
#[derive(Debug)]
pub(super) struct TextBuffer {
    bytes: Vec<u8>,
    /// Where each begins, and where the last one ends.
    offsets: Vec<i32>,
}

impl Default for TextBuffer {
    fn default() -> Self {
        TextBuffer {
            bytes: Vec::new(),
            offsets: vec![0],
        }
    }
}

impl TextBuffer {
    pub(super) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.end();
    }

    /// Adds what a text means, without ending it.
    #[inline(always)]
    fn append(&mut self, text: Text<'_>) {
        let length = text.end - text.start;
        match text.span[text.start..].first_chunk::<COPY_BYTES>() {
            Some(with_more) if length <= COPY_BYTES && text.doubled.is_none() => {
                let end = self.bytes.len() + length;
                self.bytes.extend_from_slice(with_more);
                self.bytes.truncate(end);
            }
            _ => text.append_to(&mut self.bytes),
        }
    }

    /// Ends the text at hand. A block is far shorter than 2 GiB.
    #[inline(always)]
    fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.offsets[rows] as usize);
    }

    fn last(&self) -> &[u8] {
        let start = self.offsets[self.offsets.len() - 2] as usize;
        &self.bytes[start..]
    }

    /// # Errors
    /// Of Arrow, for offsets that are not in order, as where a text were too long.
    fn take(&mut self) -> Result<(OffsetBuffer<i32>, Buffer), ArrowError> {
        let TextBuffer { bytes, offsets } = std::mem::take(self);
        if i32::try_from(bytes.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(bytes.len()));
        }
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes)))
    }

    pub(super) fn take_texts(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.take()?;
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
    }

    pub(super) fn take_bytes(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.take()?;
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?))
    }
}

/// The buffer of a column.
#[derive(Debug)]
struct ColumnBuffer {
    values: ColumnValues,
    /// Which rows are NULL.
    nulls: Vec<u32>,
    /// It holds the number of each record.
    is_record_number: bool,
}

impl ColumnBuffer {
    fn new(column: &Column) -> Self {
        let values = match column.column_type {
            ColumnType::Integer => ColumnValues::Integers(Vec::new()),
            ColumnType::Real | ColumnType::Number | ColumnType::Percent => ColumnValues::Reals(Vec::new()),
            ColumnType::Boolean => ColumnValues::Booleans(Vec::new()),
            ColumnType::Date => ColumnValues::Days(Vec::new()),
            ColumnType::Decimal(decimals) => ColumnValues::Decimals(Vec::new(), decimals),
            _ => ColumnValues::Texts(TextBuffer::default()),
        };
        ColumnBuffer {
            values,
            nulls: Vec::new(),
            is_record_number: false,
        }
    }

    fn reserve(&mut self, rows: usize, text_bytes: usize) {
        match &mut self.values {
            ColumnValues::Integers(values) => values.reserve(rows),
            ColumnValues::Reals(values) => values.reserve(rows),
            ColumnValues::Booleans(values) => values.reserve(rows),
            ColumnValues::Days(values) => values.reserve(rows),
            ColumnValues::Decimals(values, _) => values.reserve(rows),
            ColumnValues::Texts(texts) => {
                texts.offsets.reserve(rows);
                texts.bytes.reserve(text_bytes);
            }
        }
    }

    fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            ColumnValues::Integers(values) => values.truncate(rows),
            ColumnValues::Reals(values) => values.truncate(rows),
            ColumnValues::Booleans(values) => values.truncate(rows),
            ColumnValues::Days(values) => values.truncate(rows),
            ColumnValues::Decimals(values, _) => values.truncate(rows),
            ColumnValues::Texts(texts) => texts.truncate(rows),
        }
        while self.nulls.last().is_some_and(|&row| row as usize >= rows) {
            self.nulls.pop();
        }
    }

    #[inline]
    fn push_null(&mut self, row: usize) {
        self.nulls.push(row as u32);
        match &mut self.values {
            ColumnValues::Integers(values) => values.push(0),
            ColumnValues::Reals(values) => values.push(0.0),
            ColumnValues::Booleans(values) => values.push(false),
            ColumnValues::Days(values) => values.push(0),
            ColumnValues::Decimals(values, _) => values.push(0),
            ColumnValues::Texts(texts) => texts.end(),
        }
    }

    /// Whether the column takes an integer.
    #[inline]
    fn push_integer(&mut self, value: i64) -> bool {
        match &mut self.values {
            ColumnValues::Integers(values) => values.push(value),
            ColumnValues::Reals(values) => values.push(value as f64),
            ColumnValues::Booleans(values) => values.push(value != 0),
            ColumnValues::Decimals(values, _) => values.push(i128::from(value)),
            ColumnValues::Days(_) | ColumnValues::Texts(_) => return false,
        }
        true
    }

    /// Whether the column takes a number. A minus zero is a zero, as it is in a database.
    #[inline]
    fn push_real(&mut self, value: f64) -> bool {
        match &mut self.values {
            ColumnValues::Reals(values) => values.push(value + 0.0),
            _ => return false,
        }
        true
    }

    /// Whether the column takes a text that ends with `tail`.
    #[inline]
    fn push_text(&mut self, text: Text<'_>, tail: &[u8]) -> bool {
        match &mut self.values {
            ColumnValues::Texts(texts) => {
                texts.append(text);
                texts.bytes.extend_from_slice(tail);
                texts.end();
                true
            }
            ColumnValues::Days(days) => {
                let Some(day) = day_of(&text.span[text.start..text.end]) else {
                    return false;
                };
                days.push(day);
                true
            }
            _ => false,
        }
    }

    /// Adds the value of the last row to `key`, in a form in which no two values are the same; false if it is NULL.
    fn add_to_key(&self, row: usize, key: &mut Vec<u8>) -> bool {
        if self.nulls.last() == Some(&(row as u32)) {
            return false;
        }
        match &self.values {
            ColumnValues::Integers(values) => key.extend_from_slice(&values[row].to_be_bytes()),
            ColumnValues::Reals(values) => key.extend_from_slice(&values[row].to_bits().to_be_bytes()),
            ColumnValues::Booleans(values) => key.push(u8::from(values[row])),
            ColumnValues::Days(values) => key.extend_from_slice(&values[row].to_be_bytes()),
            ColumnValues::Decimals(values, _) => key.extend_from_slice(&values[row].to_be_bytes()),
            ColumnValues::Texts(texts) => {
                let text = texts.last();
                // The length first: no text is taken for a part of the next.
                key.extend_from_slice(&(text.len() as u32).to_be_bytes());
                key.extend_from_slice(text);
            }
        }
        true
    }

    /// The array of the first `rows`, which are gone then.
    fn take(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let nulls = nulls_of(&self.nulls, rows);
        self.nulls.clear();
        Ok(match &mut self.values {
            ColumnValues::Integers(values) => primitive::<Int64Type>(std::mem::take(values), nulls)?,
            ColumnValues::Reals(values) => primitive::<Float64Type>(std::mem::take(values), nulls)?,
            ColumnValues::Booleans(values) => {
                let values = BooleanBuffer::from(std::mem::take(values));
                Arc::new(BooleanArray::new(values, nulls))
            }
            ColumnValues::Days(values) => Arc::new(Date32Array::try_new(std::mem::take(values).into(), nulls)?),
            ColumnValues::Decimals(values, decimals) => {
                let array: PrimitiveArray<Decimal128Type> =
                    Decimal128Array::try_new(std::mem::take(values).into(), nulls)?;
                Arc::new(array.with_precision_and_scale(DECIMAL_DIGITS, *decimals as i8)?)
            }
            ColumnValues::Texts(texts) => texts.take_texts(nulls)?,
        })
    }
}

fn primitive<T: arrow_array::types::ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(values.into(), nulls)?))
}

/// Which of so many rows are NULL, as Arrow has it.
fn nulls_of(nulls: &[u32], rows: usize) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut is_valid = vec![true; rows];
    for &row in nulls {
        is_valid[row as usize] = false;
    }
    Some(NullBuffer::from(is_valid))
}

/// Days from 1970 on of a day that exists, `YYYY-MM-DD`.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
fn day_of(text: &[u8]) -> Option<i32> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?.iter();
        digits
            .map(|digit| i32::from(digit.wrapping_sub(b'0')))
            .try_fold(0, |number, digit| (digit < 10).then_some(number * 10 + digit))
    };
    if text.len() != 10 {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Years begin with March: then the day that a leap year adds is its last.
    let year = year - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Rows as columns.
#[derive(Debug, Default)]
pub(super) struct ArrowRows {
    columns: Vec<ColumnBuffer>,
    /// Columns that the key is made of.
    key_columns: Vec<usize>,
    keys: TextBuffer,
    /// Rows whose key has a NULL.
    null_keys: Vec<u32>,
    key: Vec<u8>,
    rows: usize,
    /// The next column of the row at hand.
    at: usize,
    /// A row was begun and is not ended.
    is_open: bool,
    /// A value did not go into its column.
    has_misfit: bool,
}

impl ArrowRows {
    /// From the next block on, keys of these columns are made.
    pub(super) fn set_key(&mut self, columns: Vec<usize>) {
        self.key_columns = columns;
    }

    /// The columns of the rows, whose records stand at `positions`, and their keys; NULL where there is none.
    ///
    /// # Errors
    /// Of Arrow, when a value is of another type than its column: a fault of this code.
    pub(super) fn take(&mut self, positions: &[Position]) -> Result<(Vec<ArrayRef>, ArrayRef), ArrowError> {
        self.drop_open_row();
        if self.has_misfit || positions.len() != self.rows {
            return Err(ArrowError::InvalidArgumentError(
                "a value is of another type than its column".to_owned(),
            ));
        }
        for column in self.columns.iter_mut().filter(|column| column.is_record_number) {
            let numbers = positions.iter().map(|position| position.record as i64).collect();
            (column.values, column.nulls) = (ColumnValues::Integers(numbers), Vec::new());
        }
        let rows = self.rows;
        let columns = self
            .columns
            .iter_mut()
            .map(|column| column.take(rows))
            .collect::<Result<_, _>>()?;
        let nulls = match self.key_columns.is_empty() {
            true => (rows > 0).then(|| NullBuffer::new_null(rows)),
            false => nulls_of(&self.null_keys, rows),
        };
        self.null_keys.clear();
        self.rows = 0;
        Ok((columns, self.keys.take_bytes(nulls)?))
    }

    fn drop_open_row(&mut self) {
        if self.is_open {
            let rows = self.rows;
            self.columns.iter_mut().for_each(|column| column.truncate(rows));
            self.is_open = false;
        }
    }

    /// The column of the next value.
    #[inline(always)]
    fn next(&mut self) -> &mut ColumnBuffer {
        self.at += 1;
        &mut self.columns[self.at - 1]
    }

    fn push_key(&mut self) {
        let row = self.rows;
        self.key.clear();
        let (columns, key) = (&self.columns, &mut self.key);
        let is_whole = self
            .key_columns
            .iter()
            .all(|&index| columns[index].add_to_key(row, key));
        match is_whole && !self.key_columns.is_empty() {
            true => self.keys.push(&self.key),
            false => {
                self.null_keys.push(row as u32);
                self.keys.end();
            }
        }
    }
}

impl Encoder for ArrowRows {
    fn begin(&mut self, expected: &ExpectedRows<'_>) {
        if self.columns.len() != expected.columns.len() {
            self.columns = expected.columns.iter().map(ColumnBuffer::new).collect();
        }
        let text_bytes = expected.source_bytes / expected.columns.len().max(1);
        for column in &mut self.columns {
            column.truncate(0);
            column.reserve(expected.rows, text_bytes);
        }
        self.keys.truncate(0);
        self.null_keys.clear();
        (self.rows, self.is_open, self.has_misfit) = (0, false, false);
    }

    #[inline]
    fn begin_row(&mut self, _source_bytes: usize) {
        self.drop_open_row();
        (self.at, self.is_open) = (0, true);
    }

    #[inline]
    fn push_null(&mut self) {
        let row = self.rows;
        self.next().push_null(row);
    }

    #[inline]
    fn push_integer(&mut self, value: i64) {
        self.has_misfit |= !self.next().push_integer(value);
    }

    #[inline]
    fn push_row_id(&mut self, value: i64) {
        self.push_integer(value);
    }

    /// It is known once the block is placed.
    fn push_record_number(&mut self) {
        let column = self.next();
        column.is_record_number = true;
        column.push_integer(0);
    }

    #[inline]
    fn push_real(&mut self, value: f64) {
        self.has_misfit |= !self.next().push_real(value);
    }

    #[inline]
    fn push_real_as_given(&mut self, value: f64) {
        self.push_real(value);
    }

    #[inline]
    fn push_text(&mut self, text: Text<'_>) {
        self.has_misfit |= !self.next().push_text(text, b"");
    }

    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]) {
        self.has_misfit |= !self.next().push_text(text, tail);
    }

    #[inline]
    fn end_row(&mut self) {
        self.push_key();
        self.rows += 1;
        self.is_open = false;
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}

/// Numbers of records, lines and bytes: none of them comes near the greatest of 63 bits.
pub(super) fn numbers<'a>(positions: impl Iterator<Item = &'a Position>, of: impl Fn(&Position) -> u64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(
        positions.map(|position| of(position) as i64),
    ))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, Float64Array};

    use super::*;

    #[test]
    fn days_are_counted_from_1970_on() {
        for (text, day) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-02-29", Some(11_016)),
            ("2024-03-01", Some(19_783)),
            ("0000-01-01", Some(-719_528)),
            ("9999-12-31", Some(2_932_896)),
            ("1815-12-10", Some(-56_270)),
            ("2024-3-01", None),
            ("2024-03-0x", None),
        ] {
            assert_eq!(day_of(text.as_bytes()), day, "{text}");
        }
    }

    #[test]
    fn no_two_keys_are_written_the_same() {
        let columns = [Column::new("a", ColumnType::Text), Column::new("b", ColumnType::Text)];
        let mut rows = ArrowRows::default();
        rows.set_key(vec![0, 1]);
        rows.begin(&ExpectedRows {
            columns: &columns,
            rows: 4,
            source_bytes: 10,
        });
        let text = |text: &'static str| Text {
            span: text.as_bytes(),
            start: 0,
            end: text.len(),
            doubled: None,
        };
        for (a, b) in [("x", "yz"), ("xy", "z"), ("", "xyz")] {
            rows.begin_row(0);
            rows.push_text(text(a));
            rows.push_text(text(b));
            rows.end_row();
        }
        // A row that is not ended leaves no trace.
        rows.begin_row(0);
        rows.push_text(text("gone"));
        rows.begin_row(0);
        rows.push_null();
        rows.push_text(text("y"));
        rows.end_row();
        rows.begin_row(0);
        rows.push_text(text("gone"));
        let (columns, keys) = rows.take(&[Position::default(); 4]).unwrap();
        let keys = keys.as_any().downcast_ref::<BinaryArray>().unwrap();
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!((keys.len(), different.len(), different.contains(&None)), (4, 4, true));
        let texts = columns[1].as_any().downcast_ref::<StringArray>().unwrap();
        assert_eq!(
            texts.iter().map(Option::unwrap).collect::<Vec<_>>(),
            ["yz", "z", "xyz", "y"]
        );
    }
    #[test]
    fn a_minus_zero_is_a_zero() {
        let mut column = ColumnBuffer::new(&Column::new("a", ColumnType::Real));
        assert!(column.push_real(-0.0));
        let array = column.take(1).unwrap();
        let reals = array.as_any().downcast_ref::<Float64Array>().unwrap();
        assert_eq!(reals.value(0).to_bits(), 0);
    }
}
