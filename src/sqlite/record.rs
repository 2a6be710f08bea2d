//! Values to SQLite records (file format §2.1), back to back in one buffer.
//!
//! Comes in: the values of a record, one by one. Goes out: its bytes after those of the record before. The buffer's length is room, not
//! content: it is zeroed once and written over from then on, so that a value is stored by a few moves of fixed size, without a call, a
//! check of the capacity or a byte set to zero first. The room is checked once per record.

use crate::rows::{Encoder, ExpectedRows, RowBlock, Text, undoubled};
use crate::sqlite::format::{header_bytes, integer_type, put_varint, varint_bytes};

/// Most bytes that a column takes beyond those of its field: a value of 8 bytes, and a serial type of up to 5 in the header.
const GROWTH_BYTES: usize = 13;
/// Most bytes of a header's own size, as a varint: columns are few enough.
const HEADER_SIZE_BYTES: usize = 5;
/// Short texts are copied as this many bytes, whatever their length.
const COPY_BYTES: usize = 32;

/// Bytes of a record's number, and the serial type of an integer of that size.
const NUMBER_BYTES: usize = 6;
const NUMBER_TYPE: u32 = 5;

/// The rows and rejects of a chunk, the rows as SQLite records.
pub type RecordBlock = RowBlock<SqliteRecords>;

/// The rows of a chunk as SQLite records.
#[derive(Debug, Default)]
pub struct SqliteRecords {
    buffer: Vec<u8>,
    /// One past the last byte of each record; it starts where the one before ends.
    ends: Vec<u32>,
    /// Serial types of the record being written, the first `columns` of them.
    serial_types: Vec<u32>,
    columns: usize,
    /// Where the record being written begins, and where its next value goes.
    start: usize,
    at: usize,
    /// Size of the last record's header: the next one's is most likely the same.
    header_bytes: usize,
}

impl Encoder for SqliteRecords {
    fn begin(&mut self, expected: &ExpectedRows<'_>) {
        let columns = expected.columns.len();
        self.ends.clear();
        self.ends.reserve(expected.rows);
        self.serial_types.resize(columns, 0);
        // Text is copied, a number takes no more bytes than it has digits, and each row has a header of one byte per column plus one.
        let expected_bytes = expected.source_bytes + expected.rows * (columns + 1);
        if self.buffer.len() < expected_bytes {
            self.buffer.resize(expected_bytes, 0);
        }
        self.columns = 0;
        self.start = 0;
        self.at = 0;
        self.header_bytes = columns + 1;
    }

    #[inline]
    fn begin_row(&mut self, source_bytes: usize) {
        self.columns = 0;
        self.at = self.start + self.header_bytes;
        let most = source_bytes + self.serial_types.len() * GROWTH_BYTES + HEADER_SIZE_BYTES + COPY_BYTES;
        let end = self.at + most;
        if end > self.buffer.len() {
            // By at least an eighth: after one record that outgrows what was expected, more will come.
            self.buffer.resize(end + self.buffer.len() / 8, 0);
        }
    }

    #[inline]
    fn push_null(&mut self) {
        self.push_type(0);
    }

    /// In as few bytes as its serial type allows.
    #[inline]
    fn push_integer(&mut self, value: i64) {
        if value == 0 || value == 1 {
            return self.push_type(8 + value as u32);
        }
        let (serial_type, bytes) = integer_type(value);
        let shifted = (value as u64) << (64 - 8 * bytes);
        self.buffer[self.at..self.at + 8].copy_from_slice(&shifted.to_be_bytes());
        self.at += bytes;
        self.push_type(serial_type as u32);
    }

    /// NULL: the value is kept beside the record.
    #[inline]
    fn push_row_id(&mut self, _value: i64) {
        self.push_null();
    }

    /// Room for it, at the record's end, of a fixed size: no input has more records than 48 bits count.
    fn push_record_number(&mut self) {
        self.buffer[self.at..self.at + NUMBER_BYTES].fill(0);
        self.at += NUMBER_BYTES;
        self.push_type(NUMBER_TYPE);
    }

    /// As SQLite stores it in a REAL column: as an integer if it is one of at most 48 bits, which SQLite turns back into a double when it
    /// reads the column. Source: <https://sqlite.org/datatype3.html> §2, `MEM_IntReal` in sqlite3.c.
    #[inline]
    fn push_real(&mut self, value: f64) {
        const LIMIT: i64 = 1 << 47;
        let integer = value as i64;
        if integer as f64 == value && (-LIMIT..LIMIT).contains(&integer) {
            return self.push_integer(integer);
        }
        self.push_real_as_given(value);
    }

    /// As a double even if it is whole: here SQLite would not turn an integer back.
    #[inline]
    fn push_real_as_given(&mut self, value: f64) {
        self.buffer[self.at..self.at + 8].copy_from_slice(&value.to_be_bytes());
        self.at += 8;
        self.push_type(7);
    }

    /// Inlined wherever it is called: that was measured to make a difference of a tenth of a load's processor time.
    #[inline(always)]
    fn push_text(&mut self, text: Text<'_>) {
        let text_start = self.at;
        match text.doubled {
            None => self.copy(text.span, text.start, text.end),
            Some(quote) => self.copy_undoubled(text.span, (text.start, text.end), quote),
        }
        self.push_type(13 + 2 * (self.at - text_start) as u32);
    }

    fn push_text_and(&mut self, text: Text<'_>, tail: &[u8]) {
        let text_start = self.at;
        self.copy(text.span, text.start, text.end);
        self.copy(tail, 0, tail.len());
        self.push_type(13 + 2 * (self.at - text_start) as u32);
    }

    /// Writes the header before the values.
    #[inline]
    fn end_row(&mut self) {
        let serial_types = &self.serial_types[..self.columns];
        let all_bits = serial_types.iter().fold(0, |bits, serial_type| bits | serial_type);
        // Every serial type in one byte, and the header's size too.
        if all_bits < 0x80 && self.columns < 0x7F {
            self.make_header(self.columns + 1);
            let header = &mut self.buffer[self.start..self.start + self.header_bytes];
            header[0] = self.header_bytes as u8;
            for (byte, &serial_type) in header[1..].iter_mut().zip(self.serial_types.iter()) {
                *byte = serial_type as u8;
            }
        } else {
            self.end_long();
        }
        self.start = self.at;
        self.ends.push(self.at as u32);
    }

    fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

impl SqliteRecords {
    /// The record of row `row_index`; nothing where no records were made.
    pub fn record(&self, row_index: usize) -> &[u8] {
        let Some(&end) = self.ends.get(row_index) else {
            return &[];
        };
        let start = row_index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.buffer[start as usize..end as usize]
    }

    /// The bytes that the records are in, with room after the last of them.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Where the record of row `row_index` begins in [`bytes`](Self::bytes).
    #[inline]
    pub fn start_of(&self, row_index: usize) -> usize {
        row_index.checked_sub(1).map_or(0, |before| self.ends[before]) as usize
    }

    /// How long the records of rows `rows` are in all.
    pub fn bytes_of(&self, rows: std::ops::Range<usize>) -> usize {
        let end_before = |row_index: usize| row_index.checked_sub(1).map_or(0, |before| self.ends[before]);
        (end_before(rows.end) - end_before(rows.start)) as usize
    }

    /// Fills in the number of the record that row `row_index` was made of.
    pub fn set_record_number(&mut self, row_index: usize, number: u64) {
        let end = self.ends[row_index] as usize;
        self.buffer[end - NUMBER_BYTES..end].copy_from_slice(&number.to_be_bytes()[8 - NUMBER_BYTES..]);
    }

    #[inline]
    fn push_type(&mut self, serial_type: u32) {
        self.serial_types[self.columns] = serial_type;
        self.columns += 1;
    }

    /// Never inlined: it would take registers from what is done for all other fields.
    #[inline(never)]
    fn copy_undoubled(&mut self, span: &[u8], (start, end): (usize, usize), quote: u8) {
        undoubled(span, (start, end), quote, |start, end| self.copy(span, start, end));
    }

    #[inline]
    fn copy(&mut self, span: &[u8], start: usize, end: usize) {
        let length = end - start;
        let to = &mut self.buffer[self.at..];
        match (
            span[start..].first_chunk::<COPY_BYTES>(),
            to.first_chunk_mut::<COPY_BYTES>(),
        ) {
            // The excess that is copied lands in the room of this record, or of those to come.
            (Some(from), Some(to)) if length <= COPY_BYTES => *to = *from,
            _ => to[..length].copy_from_slice(&span[start..end]),
        }
        self.at += length;
    }

    fn end_long(&mut self) {
        let serial_types = &self.serial_types[..self.columns];
        let types_bytes: usize = serial_types
            .iter()
            .map(|&serial_type| varint_bytes(u64::from(serial_type)))
            .sum();
        let header_bytes = header_bytes(types_bytes);
        self.make_header(header_bytes);
        let mut at = self.start + put_varint(&mut self.buffer[self.start..], header_bytes as u64);
        for &serial_type in &self.serial_types[..self.columns] {
            at += put_varint(&mut self.buffer[at..], u64::from(serial_type));
        }
    }

    /// Moves the values to where they begin after a header of `header_bytes`.
    #[inline]
    fn make_header(&mut self, header_bytes: usize) {
        if header_bytes != self.header_bytes {
            let body = self.start + self.header_bytes..self.at;
            self.at = self.start + header_bytes + body.len();
            self.buffer.copy_within(body, self.start + header_bytes);
            self.header_bytes = header_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::{Column, ColumnType};

    #[derive(Debug, Clone)]
    enum Value {
        Null,
        Integer(i64),
        Real(f64),
        Text(String),
    }

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            1 => Just(Value::Null),
            3 => (any::<i64>(), 0u32..64).prop_map(|(value, shift)| Value::Integer(value >> shift)),
            2 => any::<f64>().prop_filter("a number", |value| value.is_finite()).prop_map(Value::Real),
            4 => "[a-z\"é]{0,70}".prop_map(Value::Text),
        ]
    }

    fn naive_varint(value: u64) -> Vec<u8> {
        let mut bytes = vec![value as u8 & 0x7F];
        let mut rest = value >> 7;
        while rest > 0 {
            bytes.insert(0, rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes
    }

    /// The record as the file format's description has it, written for being obvious.
    fn naive(values: &[Value]) -> Vec<u8> {
        let (mut types, mut body) = (Vec::new(), Vec::new());
        for value in values {
            let mut integer = |value: i64| -> u64 {
                let widths: [(u64, u32); 6] = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (6, 8)];
                let fits = |bytes: u32| value >= i64::MIN >> (64 - 8 * bytes) && value <= i64::MAX >> (64 - 8 * bytes);
                let (serial_type, bytes) = *widths.iter().find(|(_, bytes)| fits(*bytes)).unwrap();
                if value == 0 || value == 1 {
                    return 8 + value as u64;
                }
                body.extend_from_slice(&value.to_be_bytes()[8 - bytes as usize..]);
                serial_type
            };
            let serial_type = match value {
                Value::Null => 0,
                Value::Integer(value) => integer(*value),
                Value::Real(value) if value.fract() == 0.0 && value.abs() < (1u64 << 47) as f64 => {
                    integer(*value as i64)
                }
                Value::Real(value) => {
                    body.extend_from_slice(&value.to_be_bytes());
                    7
                }
                Value::Text(text) => {
                    body.extend_from_slice(text.as_bytes());
                    13 + 2 * text.len() as u64
                }
            };
            types.extend(naive_varint(serial_type));
        }
        let mut size = types.len() + 1;
        while size != types.len() + naive_varint(size as u64).len() {
            size = types.len() + naive_varint(size as u64).len();
        }
        [naive_varint(size as u64), types, body].concat()
    }

    proptest! {
        #[test]
        fn records_are_those_of_the_file_format_in_a_buffer_of_any_age_and_size(
            columns in prop_oneof![9 => 0usize..20, 1 => 100usize..300],
            pool in prop::collection::vec(values(), 1..40),
            records in 0usize..12,
            (source_bytes, old_bytes) in (0usize..2000, 0usize..2000),
        ) {
            let table: Vec<Column> = (0..columns).map(|_| Column::new("c", ColumnType::Any)).collect();
            let mut encoder = SqliteRecords { buffer: vec![0xAA; old_bytes], ..SqliteRecords::default() };
            encoder.begin(&ExpectedRows { columns: &table, rows: 0, source_bytes });
            let mut wanted = Vec::new();
            for number in 0..records {
                let values: Vec<&Value> = (0..columns).map(|column| &pool[(number * 7 + column) % pool.len()]).collect();
                // The least length of a field with each value.
                let source_bytes = values.iter().map(|value| match value {
                    Value::Text(text) => text.len(),
                    _ => 1,
                }).sum();
                // A row that is given up half way leaves no trace.
                encoder.begin_row(source_bytes);
                if columns > 0 {
                    encoder.push_integer(i64::MIN);
                }
                encoder.begin_row(source_bytes);
                for value in &values {
                    match value {
                        Value::Null => encoder.push_null(),
                        Value::Integer(value) => encoder.push_integer(*value),
                        Value::Real(value) => encoder.push_real(*value),
                        Value::Text(text) => {
                            let doubled = text.replace('"', "\"\"");
                            let span = format!("{}{doubled}{}", &"before, "[..number % 8], &",after it is more"[..number]);
                            let (span, start) = (span.as_bytes(), number % 8);
                            let quote = (doubled != *text).then_some(b'"');
                            encoder.push_text(Text { span, start, end: start + doubled.len(), doubled: quote });
                        }
                    }
                }
                encoder.end_row();
                let values: Vec<Value> = values.into_iter().cloned().collect();
                wanted.push(naive(&values));
            }
            for (number, wanted) in wanted.iter().enumerate() {
                prop_assert_eq!(encoder.record(number), &wanted[..]);
            }
        }
    }
}
