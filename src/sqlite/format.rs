//! SQLite's file format, as far as more than one part needs it: varints, serial types, the values of a record and their order. Pure.
//!
//! Source: <https://sqlite.org/fileformat2.html> §1.6 (varints, overflow), §2.1 (records), §2.5 (NULL < numbers < text, BINARY collation).

use std::cmp::Ordering;

/// Serial types of values that are not of a fixed size.
const NULL: u64 = 0;
const REAL: u64 = 7;
/// The integers 0 and 1 have serial types of their own, this one and the next.
const ZERO: u64 = 8;
const ONE: u64 = 9;
/// Serial type of an empty text; each byte adds 2.
const TEXT: u64 = 13;

/// Bytes of a varint: seven bits in each, eight in the ninth.
#[inline]
pub fn varint_bytes(value: u64) -> usize {
    match value {
        // Nearly all of them.
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => ((64 - value.leading_zeros() as usize).div_ceil(7)).min(9),
    }
}

/// Writes a varint at the start of `out`; returns its length.
#[inline]
pub fn put_varint(out: &mut [u8], value: u64) -> usize {
    match value {
        0..0x80 => {
            out[0] = value as u8;
            1
        }
        0x80..0x4000 => {
            out[..2].copy_from_slice(&[(value >> 7) as u8 | 0x80, value as u8 & 0x7F]);
            2
        }
        _ => put_long_varint(out, value),
    }
}

fn put_long_varint(out: &mut [u8], value: u64) -> usize {
    let bytes = varint_bytes(value);
    let mut rest = value;
    for index in (0..bytes).rev() {
        if index == 8 {
            out[index] = rest as u8;
            rest >>= 8;
        } else {
            out[index] = (rest & 0x7F) as u8 | if index + 1 < bytes { 0x80 } else { 0 };
            rest >>= 7;
        }
    }
    bytes
}

/// Reads a varint and steps over it. `None` if the bytes end before it does, or if it has nine bytes, which no size and no serial type
/// needs.
#[inline]
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
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

/// Reads a row id, a varint of up to nine bytes, and steps over it. `None` if the bytes end before it does.
#[inline]
pub fn take_row_id(bytes: &mut &[u8]) -> Option<i64> {
    if let Some(value) = take_varint(bytes) {
        return Some(value as i64);
    }
    // The ninth byte has eight bits of the number.
    let (nine, rest) = bytes.split_first_chunk::<9>()?;
    let seven_bits = |value: u64, byte: &u8| value << 7 | u64::from(byte & 0x7F);
    let value = nine[..8].iter().fold(0, seven_bits) << 8 | u64::from(nine[8]);
    *bytes = rest;
    Some(value as i64)
}

/// Size of a record's header whose serial types take `types_bytes`; the size counts itself.
#[inline]
pub fn header_bytes(types_bytes: usize) -> usize {
    let with_one = types_bytes + 1;
    match varint_bytes(with_one as u64) {
        1 => with_one,
        // The size of the size may push it over another border.
        more => types_bytes + varint_bytes((types_bytes + more) as u64),
    }
}

/// Bytes of a record that stay in its cell when it is longer than `most` and has overflow pages.
pub fn local_bytes(record_bytes: usize, most: usize, page_bytes: usize) -> usize {
    let least = (page_bytes - 12) * 32 / 255 - 23;
    let fitting = least + (record_bytes - least) % (page_bytes - 4);
    if fitting <= most { fitting } else { least }
}

/// The serial type of an integer and the bytes of its value: as few as possible.
#[inline]
pub fn integer_type(value: i64) -> (u64, usize) {
    match value {
        0 => (ZERO, 0),
        1 => (ONE, 0),
        // With the sign: -128 and 127 need 8 bits.
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

/// Whether a value of this serial type is a number.
#[inline]
pub fn is_number(serial_type: u64) -> bool {
    (1..=ONE).contains(&serial_type)
}

/// Length of a value in bytes.
#[inline]
pub fn value_bytes(serial_type: u64) -> usize {
    const BYTES: [usize; 10] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];
    match BYTES.get(serial_type as usize) {
        Some(&bytes) => bytes,
        None => text_bytes(serial_type),
    }
}

/// Length of a text in bytes.
pub fn text_bytes(serial_type: u64) -> usize {
    (serial_type as usize).saturating_sub(TEXT as usize) / 2
}

/// The integer that `value` is.
pub fn integer(serial_type: u64, value: &[u8]) -> i64 {
    match serial_type {
        ZERO | ONE => (serial_type - ZERO) as i64,
        _ => big_endian(&value[..value_bytes(serial_type)]),
    }
}

/// The number that `value` is, as a double: a column of reals holds integers, too.
pub fn real(serial_type: u64, value: &[u8]) -> f64 {
    match serial_type {
        REAL => f64::from_bits(big_endian(&value[..8]) as u64),
        _ => integer(serial_type, value) as f64,
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

/// The order of two values, each with its serial type.
#[inline]
pub fn compare((a_type, a): (u64, &[u8]), (b_type, b): (u64, &[u8])) -> Ordering {
    match (class(a_type), class(b_type)) {
        (1, 1) if a_type == REAL || b_type == REAL => {
            // A column that holds reals holds only integers of at most 48 bits beside them: the conversion is exact.
            real(a_type, a).partial_cmp(&real(b_type, b)).unwrap_or(Ordering::Equal)
        }
        (1, 1) => integer(a_type, a).cmp(&integer(b_type, b)),
        (2, 2) => a.cmp(b),
        (a_class, b_class) => a_class.cmp(&b_class),
    }
}

/// 0: NULL, 1: a number, 2: text.
fn class(serial_type: u64) -> u8 {
    match serial_type {
        NULL => 0,
        1..=ONE => 1,
        _ => 2,
    }
}

/// Where a value lies in a record.
#[derive(Debug, Clone, Copy)]
pub struct ValuePlace {
    pub serial_type: u64,
    pub start: usize,
    pub end: usize,
}

impl ValuePlace {
    /// The value at `index`. `None` if the record ends before it.
    #[inline]
    pub fn find(record: &[u8], index: usize) -> Option<ValuePlace> {
        let mut types = record;
        let mut start = take_varint(&mut types)? as usize;
        for _ in 0..index {
            start += value_bytes(take_varint(&mut types)?);
        }
        let serial_type = take_varint(&mut types)?;
        let end = start + value_bytes(serial_type);
        record.get(start..end)?;
        Some(ValuePlace {
            serial_type,
            start,
            end,
        })
    }

    /// Its bytes in the record.
    #[inline]
    pub fn of<'r>(&self, record: &'r [u8]) -> &'r [u8] {
        &record[self.start..self.end]
    }
}

/// Finds the first `count` values of a record. `None` if it ends before that.
#[inline]
pub fn find_values(record: &[u8], count: usize, places: &mut Vec<ValuePlace>) -> Option<()> {
    places.clear();
    let mut types = record;
    let mut start = take_varint(&mut types)? as usize;
    for _ in 0..count {
        let serial_type = take_varint(&mut types)?;
        let end = start + value_bytes(serial_type);
        record.get(start..end)?;
        places.push(ValuePlace {
            serial_type,
            start,
            end,
        });
        start = end;
    }
    Some(())
}

/// A value of a record; for a text, where its bytes lie.
#[derive(Debug, Clone, Copy)]
pub enum RecordValue {
    Null,
    Integer(i64),
    Real(f64),
    Text { start: usize, bytes: usize },
}

/// Reads all values of a record. `None` if validation cannot have made it.
pub fn decode(record: &[u8], values: &mut Vec<RecordValue>) -> Option<()> {
    values.clear();
    let mut types = record;
    let header_bytes = usize::try_from(take_varint(&mut types)?).ok()?;
    let header_end = record.len().checked_sub(header_bytes)?;
    let mut start = header_bytes;
    while types.len() > header_end {
        let serial_type = take_varint(&mut types)?;
        let bytes = value_bytes(serial_type);
        let value = record.get(start..start.checked_add(bytes)?)?;
        values.push(match serial_type {
            NULL => RecordValue::Null,
            REAL => RecordValue::Real(real(serial_type, value)),
            1..=ONE => RecordValue::Integer(integer(serial_type, value)),
            _ if serial_type >= TEXT && serial_type % 2 == 1 => RecordValue::Text { start, bytes },
            _ => return None,
        });
        start += bytes;
    }
    Some(())
}

/// The eight bytes from `start` on, big-endian; zeros where there are fewer.
#[inline(always)]
pub fn word_at(bytes: &[u8], start: usize) -> u64 {
    let rest = bytes.get(start..).unwrap_or_default();
    match rest.first_chunk() {
        Some(eight) => u64::from_be_bytes(*eight),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(eight)
        }
    }
}

/// Where a value lies in the bytes that its record is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spot {
    serial_type: u32,
    start: u32,
}

impl Spot {
    /// Finds the first `columns` values of the record that begins at `start` of `bytes`, and gives `take` each with its number. The record must
    /// have been made here: of another one there may be fewer, and they may lie anywhere.
    pub fn each(bytes: &[u8], start: usize, columns: usize, mut take: impl FnMut(usize, Spot)) {
        let mut types = bytes.get(start..).unwrap_or_default();
        let mut at = start as u32;
        at += take_varint(&mut types).unwrap_or_default() as u32;
        for column in 0..columns {
            let Some(serial_type) = take_varint(&mut types) else {
                return;
            };
            take(
                column,
                Spot {
                    serial_type: serial_type as u32,
                    start: at,
                },
            );
            at += value_bytes(serial_type) as u32;
        }
    }

    /// The value. A number beyond the end of `bytes` is zero.
    pub fn value(self, bytes: &[u8]) -> RecordValue {
        let (start, serial_type) = (self.start as usize, u64::from(self.serial_type));
        match serial_type {
            NULL => RecordValue::Null,
            REAL => RecordValue::Real(f64::from_bits(word_at(bytes, start))),
            1..=ONE => RecordValue::Integer(short_integer(serial_type as u8, word_at(bytes, start))),
            _ => RecordValue::Text {
                start,
                bytes: text_bytes(serial_type),
            },
        }
    }
}

/// The integer whose bytes are the first of `word`. Without a branch: which type comes next cannot be foreseen.
#[inline(always)]
fn short_integer(serial_type: u8, word: u64) -> i64 {
    /// Of each serial type, bits of eight bytes beyond those of its integers, which bits of the rest count, and what is added to them.
    const INTEGERS: [(u8, i64, u8); 16] = {
        let mut integers = [(0, 0, 0); 16];
        let (mut serial_type, rest_bits) = (1, [64, 56, 48, 40, 32, 16, 0]);
        while serial_type < rest_bits.len() {
            integers[serial_type] = (rest_bits[serial_type], -1, 0);
            serial_type += 1;
        }
        integers[ONE as usize].2 = 1;
        integers
    };
    let (rest_bits, counting_bits, added) = INTEGERS[usize::from(serial_type) & 15];
    ((word as i64 >> (rest_bits & 63)) & counting_bits) + i64::from(added)
}

/// Takes the values of one column of many records.
pub trait SeesValues {
    fn see_null(&mut self);
    fn see_integer(&mut self, value: i64);
    fn see_real(&mut self, value: f64);
    /// A text of `length` bytes from `start` of `bytes` on, the first of which are those of `word`.
    fn see_text_at(&mut self, word: u64, bytes: &[u8], start: usize, length: usize);
}

/// Gives each of `columns` its value of the record that begins at `start` of `bytes`, which was made here.
#[inline]
pub fn see_record<V: SeesValues>(columns: &mut [V], bytes: &[u8], start: usize) {
    let count = columns.len();
    let record = bytes.get(start..).unwrap_or_default();
    // Every serial type in one byte, and the header's size too.
    let is_short = count < 0x7F && record.first().is_some_and(|&header| usize::from(header) == count + 1);
    let Some(types) = record.get(1..=count).filter(|_| is_short) else {
        return see_long_record(columns, bytes, start);
    };
    let mut at = start + 1 + count;
    for (column, &serial_type) in columns.iter_mut().zip(types) {
        let word = word_at(bytes, at);
        if u64::from(serial_type) >= TEXT {
            let length = usize::from(serial_type - TEXT as u8) / 2;
            column.see_text_at(word, bytes, at, length);
            at += length;
        } else if serial_type == NULL as u8 {
            column.see_null();
        } else if serial_type == REAL as u8 {
            column.see_real(f64::from_bits(word));
            at += 8;
        } else {
            column.see_integer(short_integer(serial_type, word));
            at += value_bytes(u64::from(serial_type));
        }
    }
}

fn see_long_record<V: SeesValues>(columns: &mut [V], bytes: &[u8], start: usize) {
    Spot::each(bytes, start, columns.len(), |column, spot| match spot.value(bytes) {
        RecordValue::Null => columns[column].see_null(),
        RecordValue::Integer(value) => columns[column].see_integer(value),
        RecordValue::Real(value) => columns[column].see_real(value),
        RecordValue::Text { start, bytes: length } => {
            columns[column].see_text_at(word_at(bytes, start), bytes, start, length);
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_varint_is_read_as_it_was_written(value in (any::<u64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)) {
            let mut bytes = [0; 9];
            let written = put_varint(&mut bytes, value);
            prop_assert_eq!(written, varint_bytes(value));
            let mut rest = &bytes[..written];
            prop_assert_eq!(take_varint(&mut rest), (written < 9).then_some(value));
            prop_assert!(written == 9 || rest.is_empty());
            let mut rest = &bytes[..written];
            prop_assert_eq!(take_row_id(&mut rest), Some(value as i64));
            prop_assert!(rest.is_empty());
            prop_assert_eq!(take_row_id(&mut &bytes[..written - 1]), None);
        }

        #[test]
        fn bytes_that_are_no_record_are_refused(record in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut values = Vec::new();
            if decode(&record, &mut values).is_some() {
                let texts = values.iter().filter_map(|value| match value {
                    RecordValue::Text { start, bytes } => Some(start + bytes),
                    _ => None,
                });
                prop_assert!(texts.max().unwrap_or(0) <= record.len());
            }
        }
    }

    proptest! {
        /// As the record is decoded from its header, in a buffer that has other records around it.
        #[test]
        fn spots_are_where_the_values_are(
            types in prop::collection::vec(prop_oneof![0u64..10, 0u64..70, 0u64..9000], 0..200),
            before in 0usize..20,
            after in 0usize..9,
            seed in any::<u8>(),
        ) {
            let types: Vec<u64> = types.into_iter().map(|kind| if kind > 9 { 2 * kind + 1 } else { kind }).collect();
            let types_bytes = types.iter().map(|&serial_type| varint_bytes(serial_type)).sum();
            let mut record = vec![0; header_bytes(types_bytes)];
            let mut at = put_varint(&mut record.clone(), header_bytes(types_bytes) as u64);
            put_varint(&mut record, header_bytes(types_bytes) as u64);
            for &serial_type in &types {
                at += put_varint(&mut record[at..], serial_type);
            }
            let body: usize = types.iter().map(|&serial_type| value_bytes(serial_type)).sum();
            record.extend((0..body).map(|index| (index as u8).wrapping_mul(37) ^ seed));
            let bytes = [vec![0xFF; before], record.clone(), vec![0xFF; after]].concat();
            let mut wanted = Vec::new();
            decode(&record, &mut wanted).unwrap();
            let wanted: Vec<String> = wanted.into_iter().map(|value| said(value, &record)).collect();
            let mut found = Vec::new();
            Spot::each(&bytes, before, types.len(), |column, spot| {
                assert_eq!(column, found.len());
                found.push(said(spot.value(&bytes), &bytes));
            });
            prop_assert_eq!(&found, &wanted);
            let mut seen = vec![Seen::default(); types.len()];
            see_record(&mut seen, &bytes, before);
            let seen: Vec<String> = seen.into_iter().map(|Seen(seen)| seen).collect();
            prop_assert_eq!(&seen, &wanted);
        }
    }

    /// A value in words.
    fn said(value: RecordValue, record: &[u8]) -> String {
        match value {
            RecordValue::Text { start, bytes } => format!("{:?}", &record[start..start + bytes]),
            other => format!("{other:?}"),
        }
    }

    /// The value that was seen last, in the same words.
    #[derive(Clone, Default)]
    struct Seen(String);

    impl SeesValues for Seen {
        fn see_null(&mut self) {
            self.0 = said(RecordValue::Null, &[]);
        }

        fn see_integer(&mut self, value: i64) {
            self.0 = said(RecordValue::Integer(value), &[]);
        }

        fn see_real(&mut self, value: f64) {
            self.0 = said(RecordValue::Real(value), &[]);
        }

        fn see_text_at(&mut self, word: u64, bytes: &[u8], start: usize, length: usize) {
            assert_eq!(word, word_at(bytes, start));
            self.0 = said(RecordValue::Text { start, bytes: length }, bytes);
        }
    }

    /// The smallest header that holds the types and its own size.
    #[test]
    fn a_header_counts_its_own_size() {
        for types_bytes in (0..400).chain(16_000..17_000).chain(2_097_000..2_098_000) {
            let naive = (types_bytes + 1..).find(|&all| all == types_bytes + varint_bytes(all as u64));
            assert_eq!(header_bytes(types_bytes), naive.unwrap(), "{types_bytes}");
        }
    }
}
