//! Rows of any content and size through the direct path, at every page size, against plain INSERTs of the same values.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use rowmill::ColumnType;
use rowmill::internal::schema::Column;
use rowmill::internal::sqlite::database::Database;
use rowmill::internal::sqlite::direct::DirectWriter;
use rowmill_fuzz::database::{dump, integrity};
use rusqlite::types::Value;

const CACHE_BYTES: u64 = 1 << 20;
/// Keep one run short.
const MAX_ROWS: usize = 3000;
const MAX_BYTES: usize = 2 << 20;

#[derive(Debug, Arbitrary)]
enum Cell {
    Null,
    Small(i8),
    Integer(i64),
    Real(f64),
    Text(String),
    /// A text of this many bytes: records that spill onto overflow pages.
    Long(u16),
}

#[derive(Debug, Arbitrary)]
struct Group {
    /// Each row's id is this much above the one before it.
    step: u32,
    cells: [Cell; 3],
    times: u8,
    commit: bool,
}

#[derive(Debug)]
struct Input {
    page_bytes: u32,
    first_row_id: i64,
    groups: Vec<Group>,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Input {
            page_bytes: *u.choose(&[512, 512, 1024, 4096, 8192, 65536])?,
            first_row_id: *u.choose(&[1, 1, 0, -1, i64::MIN, -5_000_000_000, 1 << 40, i64::MAX - (1 << 48)])?,
            groups: Vec::arbitrary(u)?,
        })
    }
}

impl Cell {
    /// The value as SQLite stores it in a column without a type of its own.
    fn value(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Small(integer) => Value::Integer(i64::from(*integer)),
            Cell::Integer(integer) => Value::Integer(*integer),
            // SQLite stores NaN as NULL and small whole doubles as integers, which is not the page builder's business.
            Cell::Real(real) => Value::Real(if real.fract().abs() > 0.0 { *real } else { 0.5 }),
            Cell::Text(text) => Value::Text(text.replace('\0', "")),
            Cell::Long(length) => Value::Text("long".repeat(usize::from(*length) / 4)),
        }
    }
}

rowmill_fuzz::target!(|input: Input| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (direct, plain) = (folder.path().join("direct.db"), folder.path().join("plain.db"));
    create(&direct, input.page_bytes);
    create(&plain, input.page_bytes);
    let connection = rowmill_fuzz::database::open(&plain);
    connection
        .execute_batch("PRAGMA synchronous = OFF; BEGIN")
        .expect("a transaction");
    let mut insert = connection
        .prepare("INSERT INTO t(rowid, a, b, c) VALUES (?1, ?2, ?3, ?4)")
        .expect("a table");
    let mut writer = DirectWriter::open(&direct, "t").expect("a writer");
    let mut row_id = input.first_row_id;
    let (mut rows, mut bytes) = (0, 0);
    for group in &input.groups {
        let [a, b, c] = group.cells.each_ref().map(Cell::value);
        let record = record(&[&a, &b, &c]);
        let times = (usize::from(group.times) + 1)
            .min(MAX_ROWS - rows)
            .min((MAX_BYTES - bytes) / record.len());
        rows += times;
        bytes += times * record.len();
        assert!(writer.begin().expect("a transaction"));
        for _ in 0..times {
            insert.execute((row_id, &a, &b, &c)).expect("a row");
            writer.append(Some(row_id), &record).expect("a row");
            row_id += i64::from(group.step) + 1;
        }
        if group.commit {
            writer.commit(&mut |_| Ok(())).expect("a commit");
        }
    }
    writer.commit(&mut |_| Ok(())).expect("a commit");
    writer.close().expect("closed");
    drop(insert);
    connection.execute_batch("COMMIT").expect("a commit");
    drop(connection);
    assert_eq!(integrity(&direct), "ok");
    assert_eq!(dump(&direct, "t"), dump(&plain, "t"));
});

fn create(path: &Path, page_bytes: u32) {
    let database = Database::open(path, CACHE_BYTES).expect("a new database");
    let size = format!("PRAGMA page_size = {page_bytes}");
    database.connection().execute_batch(&size).expect("a page size");
    let columns = ["a", "b", "c"].map(|name| Column::new(name, ColumnType::Any));
    database.create_table("t", &columns, None, &[]).expect("a new table");
    database.close().expect("closed");
}

/// A record in SQLite's format. Source: <https://sqlite.org/fileformat2.html#record_format>
fn record(values: &[&Value]) -> Vec<u8> {
    let (mut types, mut body) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Null => types.push(0),
            Value::Integer(0) => types.push(8),
            Value::Integer(1) => types.push(9),
            Value::Integer(integer) => {
                let (kind, length) = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 6)]
                    .into_iter()
                    .find(|(_, length)| (-(1i64 << (8 * length - 1))..1 << (8 * length - 1)).contains(integer))
                    .unwrap_or((6, 8));
                types.push(kind);
                body.extend_from_slice(&integer.to_be_bytes()[8 - length..]);
            }
            Value::Real(real) => {
                types.push(7);
                body.extend_from_slice(&real.to_bits().to_be_bytes());
            }
            Value::Text(text) => {
                types.extend(varint(text.len() * 2 + 13));
                body.extend_from_slice(text.as_bytes());
            }
            Value::Blob(_) => unreachable!("there are no blobs"),
        }
    }
    let mut record = vec![types.len() as u8 + 1];
    record.extend(types);
    record.extend(body);
    record
}

fn varint(number: usize) -> Vec<u8> {
    let mut bytes = vec![(number & 127) as u8];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 127) as u8 | 128);
        rest >>= 7;
    }
    bytes
}
