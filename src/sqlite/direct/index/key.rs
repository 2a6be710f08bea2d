//! What an index takes from a row, and the order in which it puts that. Pure.
//!
//! A key's bytes are the serial types of its columns and then their values, both as they stand in the row's record, so that adding the row
//! id makes them an index record. A prefix goes with them: a number that is enough to order most keys.
//!
//! Source: SQLite file format §2.1 and §2.5 (NULL < numbers < text, BINARY collation); §2.4 (values as in the table, the row id last).

use std::cmp::Ordering;

use crate::error::Error;
use crate::schema::Column;
use crate::sqlite::format::{
    ValuePlace, compare, find_values, header_bytes, integer, integer_type, is_number, put_varint, real, take_varint,
    text_bytes, value_bytes,
};

/// The columns of an index.
#[derive(Debug, Clone)]
pub struct KeyColumns {
    columns: Vec<KeySource>,
    /// The first column holds reals (some of them stored as integers).
    first_is_real: bool,
    /// One past the last field of the record that is needed.
    fields: usize,
}

#[derive(Debug, Clone, Copy)]
enum KeySource {
    Field(usize),
    /// The INTEGER PRIMARY KEY, which the record holds as NULL.
    RowId,
}

/// One entry of an index.
#[derive(Debug, Clone, Copy)]
pub struct IndexEntry<'a> {
    pub prefix: u64,
    pub row_id: i64,
    /// Empty if the key is one integer: then the prefix says it all.
    pub key: &'a [u8],
}

/// Turns integers into numbers of the same order.
const SIGN: u64 = 1 << 63;

impl KeyColumns {
    /// The columns at `indices` of a table that is filled with `columns`; `row_id_column` is its INTEGER PRIMARY KEY.
    pub fn new(columns: &[Column], indices: &[usize], row_id_column: Option<usize>) -> Self {
        let source = |&index: &usize| {
            if row_id_column == Some(index) {
                KeySource::RowId
            } else {
                KeySource::Field(index)
            }
        };
        let first_is_real = indices
            .first()
            .is_some_and(|&index| columns[index].column_type.is_real());
        KeyColumns {
            columns: indices.iter().map(source).collect(),
            first_is_real,
            fields: indices.iter().max().map_or(0, |last| last + 1),
        }
    }

    /// A key of a single integer, which is given as the row id.
    pub fn integer() -> Self {
        KeyColumns {
            columns: vec![KeySource::RowId],
            first_is_real: false,
            fields: 0,
        }
    }

    /// The integer from which [`extract`](Self::extract) made `prefix`.
    pub fn integer_of(prefix: u64) -> i64 {
        (prefix ^ SIGN) as i64
    }

    /// The prefix of an integer.
    pub fn prefix_of(integer: i64) -> u64 {
        integer as u64 ^ SIGN
    }

    /// Appends the key of a row to `key` (nothing for a single integer) and returns the prefix.
    ///
    /// # Errors
    /// `Internal` for a record that validation did not make.
    #[inline]
    pub fn extract(
        &self,
        record: &[u8],
        row_id: i64,
        values: &mut RecordValues,
        key: &mut Vec<u8>,
    ) -> Result<u64, Error> {
        let malformed = || Error::internal("a malformed record reached an index");
        if let [source] = self.columns[..]
            && !self.first_is_real
        {
            match source {
                KeySource::RowId => return Ok(Self::prefix_of(row_id)),
                KeySource::Field(index) => {
                    let field = ValuePlace::find(record, index).ok_or_else(malformed)?;
                    if is_number(field.serial_type) {
                        return Ok(Self::prefix_of(integer(field.serial_type, field.of(record))));
                    }
                }
            }
        }
        find_values(record, self.fields, &mut values.0).ok_or_else(malformed)?;
        let start = key.len();
        let (row_id_type, row_id_bytes) = integer_type(row_id);
        for source in &self.columns {
            let serial_type = match *source {
                KeySource::Field(index) => values.0[index].serial_type,
                KeySource::RowId => row_id_type,
            };
            let mut varint = [0; 9];
            let bytes = put_varint(&mut varint, serial_type);
            key.extend_from_slice(&varint[..bytes]);
        }
        let values_start = key.len();
        for source in &self.columns {
            match *source {
                KeySource::Field(index) => key.extend_from_slice(values.0[index].of(record)),
                KeySource::RowId => key.extend_from_slice(&row_id.to_be_bytes()[8 - row_id_bytes..]),
            }
        }
        let serial_type = next_varint(&mut &key[start..]);
        Ok(self.prefix(serial_type, &key[values_start..]))
    }

    /// A number, made from the first value, that never orders two keys the wrong way round.
    fn prefix(&self, serial_type: u64, value: &[u8]) -> u64 {
        match serial_type {
            0 => 0,
            1..=9 if self.first_is_real => {
                // Adding zero makes the two zeros one.
                let bits = (real(serial_type, value) + 0.0).to_bits();
                if bits & SIGN == 0 { bits | SIGN } else { !bits }
            }
            1..=9 => integer(serial_type, value) as u64 ^ SIGN,
            _ => {
                let text = &value[..text_bytes(serial_type).min(8)];
                let mut word = [0; 8];
                word[..text.len()].copy_from_slice(text);
                u64::from_be_bytes(word)
            }
        }
    }

    /// The order in which two entries stand in the index.
    #[inline]
    pub fn compare(&self, a: &IndexEntry<'_>, b: &IndexEntry<'_>) -> Ordering {
        self.compare_keys(a, b).then(a.row_id.cmp(&b.row_id))
    }

    /// The order of two keys, whatever rows they belong to.
    #[inline]
    pub fn compare_keys(&self, a: &IndexEntry<'_>, b: &IndexEntry<'_>) -> Ordering {
        a.prefix
            .cmp(&b.prefix)
            .then_with(|| compare_values(a.key, b.key, self.columns.len()))
    }

    /// Whether a column of the key is NULL: such a key is never a duplicate.
    pub fn has_null(&self, entry: &IndexEntry<'_>) -> bool {
        let mut types = entry.key;
        !types.is_empty() && (0..self.columns.len()).any(|_| next_varint(&mut types) == 0)
    }

    /// The index record of an entry, made in `record`.
    #[inline]
    pub fn record<'r>(&self, entry: &IndexEntry<'_>, record: &'r mut Vec<u8>) -> &'r [u8] {
        if entry.key.is_empty() {
            record.resize(MAX_INTEGER_RECORD_BYTES, 0);
            let bytes = integer_record(Self::integer_of(entry.prefix), entry.row_id, record);
            return &record[..bytes];
        }
        record.clear();
        let key = entry.key;
        let mut values = key;
        for _ in 0..self.columns.len() {
            next_varint(&mut values);
        }
        let types = &key[..key.len() - values.len()];
        let (row_id_type, row_id_bytes) = integer_type(entry.row_id);
        let mut varint = [0; 9];
        let bytes = put_varint(&mut varint, header_bytes(types.len() + 1) as u64);
        record.extend_from_slice(&varint[..bytes]);
        record.extend_from_slice(types);
        record.push(row_id_type as u8);
        record.extend_from_slice(values);
        record.extend_from_slice(&entry.row_id.to_be_bytes()[8 - row_id_bytes..]);
        record
    }
}

/// Room for [`integer_record`]: the header and two numbers of eight bytes.
const MAX_INTEGER_RECORD_BYTES: usize = 3 + 8 + 8;

/// Writes the index record of a single integer to `record`; returns its size.
#[inline]
fn integer_record(integer: i64, row_id: i64, record: &mut [u8]) -> usize {
    let (key_type, key_bytes) = integer_type(integer);
    let (row_id_type, row_id_bytes) = integer_type(row_id);
    record[..3].copy_from_slice(&[3, key_type as u8, row_id_type as u8]);
    // Eight bytes each time, the last of which are written over or left out: a copy of a length that is known only now would be slower.
    let leading = |value: i64, bytes: usize| (value << (64 - 8 * bytes.max(1))).to_be_bytes();
    record[3..11].copy_from_slice(&leading(integer, key_bytes));
    let key_end = 3 + key_bytes;
    record[key_end..key_end + 8].copy_from_slice(&leading(row_id, row_id_bytes));
    key_end + row_id_bytes
}

/// Where the values of a record are; reused from row to row.
#[derive(Debug, Default)]
pub struct RecordValues(Vec<ValuePlace>);

/// Compares the values of two keys, column by column; an empty key is a single integer, which its prefix has given already.
fn compare_values(a: &[u8], b: &[u8], columns: usize) -> Ordering {
    if a.is_empty() || b.is_empty() {
        // If two keys have the same prefix and one is an integer, the other can only be an integer or NULL, which comes first.
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut a_types, mut b_types) = (a, b);
    let (mut a_values, mut b_values) = (a, b);
    for _ in 0..columns {
        next_varint(&mut a_values);
        next_varint(&mut b_values);
    }
    for _ in 0..columns {
        let (a_type, b_type) = (next_varint(&mut a_types), next_varint(&mut b_types));
        let a_value = take(&mut a_values, value_bytes(a_type));
        let b_value = take(&mut b_values, value_bytes(b_type));
        let order = compare((a_type, a_value), (b_type, b_value));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// As [`take_varint`], for keys: [`KeyColumns::extract`] made them.
#[inline]
fn next_varint(bytes: &mut &[u8]) -> u64 {
    take_varint(bytes).unwrap_or(0)
}
