//! Says what is in a table, whoever loaded it: rows, key sum, and a digest of every value with its storage class that does
//! not depend on the order of the rows. The same for a CSV file, read by the csv crate: what the table should hold.
//!
//! `table_digest sqlite DATABASE KEY [REFERENCE]` or `table_digest csv FILE KEY TYPES [REFERENCE]` (`-`: standard input). With
//! `REFERENCE`, a database, also how many rows are the same as one there. The table is always `bench`.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read, stdin};

use csv::{ReaderBuilder, StringRecord};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use xxhash_rust::xxh3::xxh3_64;

/// What is known about a set of rows.
#[derive(Default)]
struct Contents {
    rows: u64,
    key_sum: u64,
    /// Sum of the rows' hashes.
    digest: u64,
    /// Hashes of reference rows that were not met yet, and how often each occurs; `same_rows` counts the others.
    reference: HashMap<u64, u32>,
    same_rows: u64,
}

impl Contents {
    fn add(&mut self, key: i64, row: &[u8]) {
        let hash = xxh3_64(row);
        self.rows += 1;
        self.key_sum = self.key_sum.wrapping_add(key as u64);
        self.digest = self.digest.wrapping_add(hash);
        if let Some(count) = self.reference.get_mut(&hash).filter(|count| **count > 0) {
            *count -= 1;
            self.same_rows += 1;
        }
    }

    fn with_reference(database: Option<&String>) -> Result<Self, Box<dyn Error>> {
        let mut contents = Contents::default();
        if let Some(database) = database {
            let mut reference = HashMap::new();
            read_table(database, 0, |_, row| *reference.entry(xxh3_64(row)).or_insert(0) += 1)?;
            contents.reference = reference;
        }
        Ok(contents)
    }
}

/// Appends a value so that no two rows have the same bytes: storage class, length, value.
fn append(row: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut put = |class: u8, bytes: &[u8]| {
        row.push(class);
        row.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        row.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => put(0, &[]),
        ValueRef::Integer(integer) => put(1, &integer.to_le_bytes()),
        ValueRef::Real(real) => put(2, &real.to_bits().to_le_bytes()),
        // `sqlite3 .import` knows no NULL: it stores the empty string for `a,,b`. The two count as the same here.
        ValueRef::Text([]) => put(0, &[]),
        ValueRef::Text(text) => put(3, text),
        ValueRef::Blob(blob) => put(4, blob),
    }
}

fn read_table(database: &str, key: usize, mut take: impl FnMut(i64, &[u8])) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut select = connection.prepare("SELECT * FROM bench")?;
    let columns = select.column_count();
    let mut rows = select.query([])?;
    let mut bytes = Vec::new();
    while let Some(row) = rows.next()? {
        bytes.clear();
        for column in 0..columns {
            append(&mut bytes, row.get_ref(column)?);
        }
        // A key that is not an integer, as lax loaders may store it, counts as nothing: sum and digest will differ.
        take(row.get_ref(key)?.as_i64().unwrap_or(0), &bytes);
    }
    Ok(())
}

fn read_csv(input: Box<dyn Read>, key: usize, types: &str, contents: &mut Contents) -> Result<(), Box<dyn Error>> {
    let types: Vec<&str> = types
        .split(',')
        .map(|declared| declared.rsplit('=').next().unwrap_or(""))
        .collect();
    let mut reader = ReaderBuilder::new().from_reader(input);
    let mut record = StringRecord::new();
    let mut bytes = Vec::new();
    while reader.read_record(&mut record)? {
        bytes.clear();
        for (field, kind) in record.iter().zip(&types) {
            let value = match *kind {
                _ if field.is_empty() => ValueRef::Null,
                "integer" => ValueRef::Integer(field.parse()?),
                "real" => ValueRef::Real(field.parse()?),
                _ => ValueRef::Text(field.as_bytes()),
            };
            append(&mut bytes, value);
        }
        contents.add(record[key].parse().unwrap_or(0), &bytes);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map_or("", String::as_str);
    let contents = match (mode, arguments.get(1), arguments.get(2)) {
        ("sqlite", Some(database), Some(key)) => {
            let mut contents = Contents::with_reference(arguments.get(3))?;
            read_table(database, key.parse()?, |key, row| contents.add(key, row))?;
            contents
        }
        ("csv", Some(file), Some(key)) => {
            let types = arguments.get(3).ok_or("TYPES are missing")?;
            let mut contents = Contents::with_reference(arguments.get(4))?;
            let input: Box<dyn Read> = if file == "-" {
                Box::new(stdin())
            } else {
                Box::new(File::open(file)?)
            };
            read_csv(input, key.parse()?, types, &mut contents)?;
            contents
        }
        _ => return Err("usage: table_digest sqlite DATABASE KEY [REFERENCE] | csv FILE KEY TYPES [REFERENCE]".into()),
    };
    println!(
        "{{\"rows\": {}, \"key_sum\": {}, \"digest\": \"{:016x}\", \"same_rows\": {}}}",
        contents.rows, contents.key_sum, contents.digest, contents.same_rows
    );
    Ok(())
}
