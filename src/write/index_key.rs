//! What an index takes from a row, and the order it stands in. Pure.
//!
//! A key's bytes are the serial types of its columns and then their values, both as they stand in the row's record, so that an index
//! record is made of them by adding the row id. Beside them goes a prefix: a number that orders most keys by itself.
//!
//! Source: SQLite file format §2.1 and §2.5 (NULL < numbers < text, BINARY collation); §2.4 (values as in the table, the row id last).

use std::cmp::Ordering;

use crate::error::Error;
use crate::schema::{Column, ColumnType};
use crate::write::pages::{put_varint, varint_bytes};

/// The columns of an index.
#[derive(Debug, Clone)]
pub struct KeyColumns {
    columns: Vec<Source>,
    /// The first column holds reals (some of them stored as integers).
    first_is_real: bool,
    /// One past the last field of the record that is needed.
    fields: usize,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Field(usize),
    /// The INTEGER PRIMARY KEY, which the record holds as NULL.
    RowId,
}

/// One entry of an index.
#[derive(Debug, Clone, Copy)]
pub struct IndexEntry<'a> {
    pub prefix: u64,
    pub row_id: i64,
    /// Empty when the key is one integer: then the prefix says all.
    pub key: &'a [u8],
}

/// Turns integers into numbers of the same order.
const SIGN: u64 = 1 << 63;

impl KeyColumns {
    /// The columns at `indices` of a table that is filled with `columns`; `row_id_column` is its INTEGER PRIMARY KEY.
    pub fn new(columns: &[Column], indices: &[usize], row_id_column: Option<usize>) -> Self {
        let source = |&index: &usize| {
            if row_id_column == Some(index) {
                Source::RowId
            } else {
                Source::Field(index)
            }
        };
        let first_is_real = indices
            .first()
            .is_some_and(|&index| columns[index].column_type == ColumnType::Real);
        KeyColumns {
            columns: indices.iter().map(source).collect(),
            first_is_real,
            fields: indices.iter().max().map_or(0, |last| last + 1),
        }
    }

    /// A single integer, which is given as row id.
    pub fn integer() -> Self {
        KeyColumns {
            columns: vec![Source::RowId],
            first_is_real: false,
            fields: 0,
        }
    }

    /// The integer that [`extract`](Self::extract) made `prefix` of.
    pub fn integer_of(prefix: u64) -> i64 {
        (prefix ^ SIGN) as i64
    }

    /// The prefix of an integer.
    pub fn prefix_of(integer: i64) -> u64 {
        integer as u64 ^ SIGN
    }

    /// Appends the key of a row to `key`, nothing for a single integer; returns the prefix.
    ///
    /// # Errors
    /// `Internal` for a record that validation did not make.
    #[inline]
    pub fn extract(&self, record: &[u8], row_id: i64, fields: &mut Fields, key: &mut Vec<u8>) -> Result<u64, Error> {
        let malformed = || Error::internal("a malformed record reached an index");
        if let [source] = self.columns[..]
            && !self.first_is_real
        {
            match source {
                Source::RowId => return Ok(Self::prefix_of(row_id)),
                Source::Field(index) => {
                    let field = FieldPlace::find(record, index).ok_or_else(malformed)?;
                    if (1..=9).contains(&field.serial_type) {
                        return Ok(Self::prefix_of(integer(field.serial_type, field.of(record))));
                    }
                }
            }
        }
        fields.read(record, self.fields).ok_or_else(malformed)?;
        let start = key.len();
        let (row_id_type, row_id_bytes) = integer_type(row_id);
        for source in &self.columns {
            let serial_type = match *source {
                Source::Field(index) => fields.0[index].serial_type,
                Source::RowId => row_id_type,
            };
            let mut varint = [0; 9];
            let bytes = put_varint(&mut varint, serial_type);
            key.extend_from_slice(&varint[..bytes]);
        }
        let values = key.len();
        for source in &self.columns {
            match *source {
                Source::Field(index) => key.extend_from_slice(fields.0[index].of(record)),
                Source::RowId => key.extend_from_slice(&row_id.to_be_bytes()[8 - row_id_bytes..]),
            }
        }
        let serial_type = next_varint(&mut &key[start..]);
        Ok(self.prefix(serial_type, &key[values..]))
    }

    /// A number that never orders two keys the wrong way round, from the first value.
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

    /// Whether a column of the key is NULL: such a key is a duplicate of nothing.
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
        // The header's size counts itself, which may take it over a border of the varint.
        let rest_bytes = types.len() + 1;
        let mut header_bytes = rest_bytes + 1;
        while rest_bytes + varint_bytes(header_bytes as u64) > header_bytes {
            header_bytes += 1;
        }
        let mut varint = [0; 9];
        let bytes = put_varint(&mut varint, header_bytes as u64);
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

/// Writes the index record of a single integer to `record`; its size.
#[inline]
fn integer_record(integer: i64, row_id: i64, record: &mut [u8]) -> usize {
    let (key_type, key_bytes) = integer_type(integer);
    let (row_id_type, row_id_bytes) = integer_type(row_id);
    record[..3].copy_from_slice(&[3, key_type as u8, row_id_type as u8]);
    // Eight bytes each time, of which the last ones are written over or left out: no copy of a length that is only known here.
    let leading = |value: i64, bytes: usize| (value << (64 - 8 * bytes.max(1))).to_be_bytes();
    record[3..11].copy_from_slice(&leading(integer, key_bytes));
    let key_end = 3 + key_bytes;
    record[key_end..key_end + 8].copy_from_slice(&leading(row_id, row_id_bytes));
    key_end + row_id_bytes
}

/// Where the fields of a record are; reused from row to row.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldPlace>);

#[derive(Debug, Clone, Copy)]
struct FieldPlace {
    serial_type: u64,
    start: usize,
    end: usize,
}

impl FieldPlace {
    /// The field at `index`. `None` when the record ends before.
    #[inline]
    fn find(record: &[u8], index: usize) -> Option<FieldPlace> {
        let mut types = record;
        let mut start = checked_varint(&mut types)? as usize;
        for _ in 0..index {
            start += value_bytes(checked_varint(&mut types)?);
        }
        let serial_type = checked_varint(&mut types)?;
        let end = start + value_bytes(serial_type);
        record.get(start..end)?;
        Some(FieldPlace {
            serial_type,
            start,
            end,
        })
    }

    #[inline]
    fn of<'r>(&self, record: &'r [u8]) -> &'r [u8] {
        &record[self.start..self.end]
    }
}

impl Fields {
    /// Finds the first `count` fields. `None` when the record ends before.
    #[inline]
    fn read(&mut self, record: &[u8], count: usize) -> Option<()> {
        self.0.clear();
        let mut types = record;
        let mut start = checked_varint(&mut types)? as usize;
        for _ in 0..count {
            let serial_type = checked_varint(&mut types)?;
            let end = start + value_bytes(serial_type);
            record.get(start..end)?;
            self.0.push(FieldPlace {
                serial_type,
                start,
                end,
            });
            start = end;
        }
        Some(())
    }
}

/// Compares the values of two keys, column by column; an empty key is a single integer that its prefix has told already.
fn compare_values(a: &[u8], b: &[u8], columns: usize) -> Ordering {
    if a.is_empty() || b.is_empty() {
        // Of two keys with the same prefix, one an integer, the other can only be an integer or NULL, which comes first.
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
        let order = match (class(a_type), class(b_type)) {
            (1, 1) => compare_numbers((a_type, a_value), (b_type, b_value)),
            (2, 2) => a_value.cmp(b_value),
            (a_class, b_class) => a_class.cmp(&b_class),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// 0: NULL, 1: a number, 2: text.
fn class(serial_type: u64) -> u8 {
    match serial_type {
        0 => 0,
        1..=9 => 1,
        _ => 2,
    }
}

fn compare_numbers(a: (u64, &[u8]), b: (u64, &[u8])) -> Ordering {
    if a.0 == 7 || b.0 == 7 {
        // A column that holds reals holds only integers of at most 48 bits beside them: the conversion is exact.
        real(a.0, a.1).partial_cmp(&real(b.0, b.1)).unwrap_or(Ordering::Equal)
    } else {
        integer(a.0, a.1).cmp(&integer(b.0, b.1))
    }
}

fn real(serial_type: u64, value: &[u8]) -> f64 {
    match serial_type {
        7 => f64::from_bits(big_endian(&value[..8]) as u64),
        _ => integer(serial_type, value) as f64,
    }
}

fn integer(serial_type: u64, value: &[u8]) -> i64 {
    match serial_type {
        8 | 9 => serial_type as i64 - 8,
        _ => big_endian(&value[..value_bytes(serial_type)]),
    }
}

/// A signed number of up to eight bytes.
#[inline]
fn big_endian(value: &[u8]) -> i64 {
    if let Ok(value) = value.try_into() {
        return i64::from_be_bytes(value);
    }
    let sign = value.first().map_or(0, |&byte| i64::from(byte as i8) >> 7);
    value.iter().fold(sign, |number, &byte| number << 8 | i64::from(byte))
}

/// The serial type of an integer and the bytes of its value.
#[inline]
fn integer_type(value: i64) -> (u64, usize) {
    match value {
        0 => (8, 0),
        1 => (9, 0),
        _ => match 65 - (value ^ (value >> 63)).leading_zeros() {
            0..=8 => (1, 1),
            9..=16 => (2, 2),
            17..=24 => (3, 3),
            25..=32 => (4, 4),
            33..=48 => (5, 6),
            _ => (6, 8),
        },
    }
}

fn text_bytes(serial_type: u64) -> usize {
    (serial_type as usize).saturating_sub(13) / 2
}

#[inline]
fn value_bytes(serial_type: u64) -> usize {
    const BYTES: [usize; 10] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];
    match BYTES.get(serial_type as usize) {
        Some(&bytes) => bytes,
        None => text_bytes(serial_type),
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// Reads a varint and steps over it; serial types never need the ninth byte.
#[inline]
fn checked_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(8) {
        value = value << 7 | u64::from(byte & 0x7F);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

/// As [`checked_varint`], for keys: [`KeyColumns::extract`] made them.
#[inline]
fn next_varint(bytes: &mut &[u8]) -> u64 {
    checked_varint(bytes).unwrap_or(0)
}
