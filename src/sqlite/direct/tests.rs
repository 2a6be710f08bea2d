//! The direct path against plain INSERT: the same rows, row ids, storage classes, and a file that SQLite finds nothing wrong with.

use super::packed::Packs;
use super::*;
use proptest::prelude::*;
use rusqlite::types::Value;

/// A record of integers, reals, texts and NULLs, as validation writes them.
pub fn record(values: &[Value]) -> Vec<u8> {
    let (mut types, mut body) = (Vec::new(), Vec::new());
    let mut varint = |mut value: u64| {
        let mut bytes = vec![(value & 0x7F) as u8];
        while value > 0x7F {
            value >>= 7;
            bytes.insert(0, (value & 0x7F) as u8 | 0x80);
        }
        types.extend(bytes);
    };
    for value in values {
        match value {
            Value::Null => varint(0),
            Value::Integer(integer) => {
                varint(6);
                body.extend(integer.to_be_bytes());
            }
            Value::Real(real) => {
                varint(7);
                body.extend(real.to_be_bytes());
            }
            Value::Text(text) => {
                varint(13 + 2 * text.len() as u64);
                body.extend(text.as_bytes());
            }
            Value::Blob(_) => unreachable!("no blobs come from CSV"),
        }
    }
    let size = types.len() + 1 + usize::from(types.len() + 1 > 127);
    let header = if size > 127 {
        vec![0x80 | (size >> 7) as u8, (size & 0x7F) as u8]
    } else {
        vec![size as u8]
    };
    [header, types, body].concat()
}

fn column(index: usize, value: &Value) -> String {
    let declared = match value {
        Value::Integer(_) => "INTEGER",
        Value::Real(_) => "REAL",
        _ => "TEXT",
    };
    format!("c{index} {declared}")
}

fn dump(connection: &Connection) -> Vec<String> {
    let columns = connection.prepare("SELECT * FROM t").unwrap().column_count();
    let types: Vec<String> = (0..columns).map(|index| format!("typeof(c{index})")).collect();
    let mut statement = connection
        .prepare(&format!("SELECT rowid, *, {} FROM t ORDER BY rowid", types.join(",")))
        .unwrap();
    let count = statement.column_count();
    let rows = statement.query_map([], |row| {
        Ok((0..count).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect())
    });
    rows.unwrap()
        .map(|row: rusqlite::Result<Vec<String>>| row.unwrap().join("|"))
        .collect()
}

pub fn check(connection: &Connection) -> String {
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap()
}

/// How rows come to the direct path.
#[derive(Debug, Clone, Copy)]
struct Steps {
    batch_rows: usize,
    /// Of so many rows at a time, every other group comes packed; all come one by one if this is 0.
    group_rows: usize,
    /// Rows that SQLite puts in before, of which it deletes every third again.
    rows_before: usize,
    /// Each batch comes from a writer of its own, as if the load were resumed.
    is_resumed: bool,
}

/// Loads the rows both ways, in batches, and compares after every batch.
fn compare(page_bytes: usize, kinds: &[Value], rows: &[(i64, Vec<Value>)], steps: Steps) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("direct.db");
    let columns: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(index, value)| column(index, value))
        .collect();
    let create = format!(
        "PRAGMA page_size = {page_bytes}; CREATE TABLE other(x); CREATE TABLE t({});",
        columns.join(",")
    );
    Connection::open(&path).unwrap().execute_batch(&create).unwrap();
    let plain = Connection::open_in_memory().unwrap();
    plain.execute_batch(&create).unwrap();
    let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    let insert = format!(
        "INSERT INTO t(rowid, {}) VALUES (?, {})",
        names.join(","),
        vec!["?"; columns.len()].join(",")
    );

    let (before, rows) = rows.split_at(steps.rows_before.min(rows.len()));
    for connection in [&Connection::open(&path).unwrap(), &plain] {
        connection.execute_batch("BEGIN").unwrap();
        for (row_id, values) in before {
            let parameters = std::iter::once(Value::Integer(*row_id)).chain(values.iter().cloned());
            connection
                .execute(&insert, rusqlite::params_from_iter(parameters))
                .unwrap();
        }
        connection
            .execute_batch("DELETE FROM t WHERE rowid % 3 = 0; COMMIT")
            .unwrap();
    }

    let mut writer = DirectWriter::open(&path, "t").unwrap();
    let packs = Packs::Pages {
        page_bytes,
        next_row_id: 1,
    };
    let packing = Arc::new(PagePacker::new(packs, RowIds::Key, u64::MAX, Vec::new()));
    for batch in rows.chunks(steps.batch_rows) {
        if steps.is_resumed {
            writer.close().unwrap();
            writer = DirectWriter::open(&path, "t").unwrap();
        }
        assert!(writer.begin().unwrap());
        let records: Vec<(i64, Vec<u8>)> = batch.iter().map(|(row_id, values)| (*row_id, record(values))).collect();
        let group_rows = if steps.group_rows == 0 {
            usize::MAX
        } else {
            steps.group_rows
        };
        for (index, group) in records.chunks(group_rows).enumerate() {
            let group = group.iter().map(|(row_id, record)| (*row_id, &record[..]));
            if steps.group_rows > 0 && index % 2 == 0 {
                let packed = packing.pack_records(group);
                assert!(writer.takes_packed(&packed));
                writer.append_packed(packed, &packing).unwrap();
            } else {
                for (row_id, record) in group {
                    writer.append(Some(row_id), record).unwrap();
                }
            }
        }
        for (row_id, values) in batch {
            let parameters = std::iter::once(Value::Integer(*row_id)).chain(values.iter().cloned());
            plain.execute(&insert, rusqlite::params_from_iter(parameters)).unwrap();
        }
        writer.commit(&mut |_| Ok(())).unwrap();
        let reader = Connection::open(&path).unwrap();
        assert_eq!(check(&reader), "ok", "page size {page_bytes}");
        assert_eq!(dump(&reader), dump(&plain));
    }
    writer.close().unwrap();
    let after = Connection::open(&path).unwrap();
    after.execute_batch("INSERT INTO t(c0) VALUES (NULL); UPDATE t SET c0 = NULL WHERE rowid % 3 = 0; DELETE FROM t WHERE rowid % 5 = 0; INSERT INTO other VALUES (1)").unwrap();
    assert_eq!(check(&after), "ok");
    after.execute_batch("VACUUM").unwrap();
    assert_eq!(check(&after), "ok");
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        3 => any::<i64>().prop_map(Value::Integer),
        2 => any::<i32>().prop_map(|i| Value::Real(f64::from(i) / 8.0 + 0.0625)),
        4 => "[a-zé]{0,30}".prop_map(Value::Text),
        1 => (0usize..9000).prop_map(|length| Value::Text("x".repeat(length))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn random_tables_equal_those_of_plain_insert(
        page_shift in 9u32..17,
        columns in prop::collection::vec(value(), 1..8),
        gaps in prop::collection::vec(1i64..50, 1..300),
        seeds in prop::collection::vec(value(), 16),
        batch_rows in 1usize..200,
        group_rows in prop_oneof![Just(0usize), 1usize..150],
        rows_before in prop_oneof![Just(0usize), 1usize..250],
        is_resumed in any::<bool>(),
        first in prop_oneof![Just(-100i64), Just(0), Just(i64::MAX / 2)],
    ) {
        let mut row_id = first;
        let rows: Vec<(i64, Vec<Value>)> = gaps.iter().enumerate().map(|(index, gap)| {
            row_id += gap;
            // Each value has its column's type or is NULL; a column of NULLs may have texts.
            let values = columns.iter().enumerate().map(|(place, column)| {
                let other = &seeds[(index * 7 + place) % seeds.len()];
                let same = std::mem::discriminant(other) == std::mem::discriminant(column);
                let text_column = matches!(column, Value::Null);
                if same || matches!(other, Value::Null) || (text_column && matches!(other, Value::Text(_))) {
                    other.clone()
                } else {
                    column.clone()
                }
            });
            (row_id, values.collect())
        }).collect();
        compare(1 << page_shift, &columns, &rows, Steps { batch_rows, group_rows, rows_before, is_resumed });
    }
}

/// Whatever the pages hold, an edge is read from them or it is not.
#[test]
fn pages_that_are_damaged_are_no_edge() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = Connection::open(&path).unwrap();
    let rows = "PRAGMA page_size = 512; CREATE TABLE t(a); WITH RECURSIVE n(v) AS (SELECT -50 UNION ALL SELECT v + 1 FROM n LIMIT 3000) \
                INSERT INTO t(rowid, a) SELECT v, hex(zeroblob(v % 300)) FROM n";
    connection.execute_batch(rows).unwrap();
    let file = std::fs::read(&path).unwrap();
    let read_from = |file: &[u8]| {
        Edge::read(512, 2, |number, page| {
            let start = (number as usize).checked_sub(1).ok_or(())? * 512;
            page.copy_from_slice(file.get(start..start + 512).ok_or(())?);
            Ok::<_, ()>(())
        })
    };
    let sound = read_from(&file).unwrap().unwrap();
    assert_eq!(sound.last_row_id(), Some(2949));
    assert!(sound.levels.len() > 1);
    for &page in &sound.pages {
        for at in 0..512 {
            for value in [0, 1, 0x0D, 0x7F, 0x80, 0xFF] {
                let mut damaged = file.clone();
                damaged[(page as usize - 1) * 512 + at] = value;
                if let Ok(Some(edge)) = read_from(&damaged) {
                    assert!(edge.cells().all(|cell| cell.is_some()));
                }
            }
        }
    }
}

#[test]
fn deep_trees_grow_over_many_batches() {
    let rows: Vec<(i64, Vec<Value>)> = (0..60_000)
        .map(|i| {
            (
                i * 1000 - 7_000_000,
                vec![Value::Text("abcdefgh".repeat(4)), Value::Integer(i)],
            )
        })
        .collect();
    let kinds = rows[0].1.clone();
    for (group_rows, rows_before) in [(0, 0), (1_500, 0), (0, 30_000), (1_500, 399)] {
        let steps = |batch_rows| Steps {
            batch_rows,
            group_rows,
            rows_before,
            is_resumed: rows_before > 0,
        };
        compare(512, &kinds, &rows, steps(7_011));
        compare(4096, &kinds, &rows[..400], steps(1));
    }
}

#[test]
fn what_is_not_committed_is_not_there_and_the_file_stays_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("direct.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t(c0 TEXT)")
        .unwrap();
    let mut writer = DirectWriter::open(&path, "t").unwrap();
    let row = record(&[Value::Text("x".repeat(500))]);
    assert!(writer.begin().unwrap());
    for row_id in 1..=20_000 {
        writer.append(Some(row_id), &row).unwrap();
        if row_id == 6_000 {
            writer.commit(&mut |_| Ok(())).unwrap();
            assert!(writer.begin().unwrap());
        }
    }
    drop(writer);
    let reader = Connection::open(&path).unwrap();
    assert_eq!(check(&reader), "ok");
    let count: i64 = reader
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 6_000);
}

#[test]
fn a_row_id_that_does_not_ascend_is_refused_before_it_reaches_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("direct.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t(c0 TEXT)")
        .unwrap();
    let row = record(&[Value::Text("x".to_owned())]);
    for (first, second) in [(5, 5), (5, 4), (0, -1)] {
        let mut writer = DirectWriter::open(&path, "t").unwrap();
        assert!(writer.begin().unwrap());
        assert_eq!(writer.append(Some(first), &row).unwrap(), first);
        assert_eq!(writer.append(Some(second), &row).unwrap_err().exit_code(), 70);
        assert_eq!(writer.append(None, &row).unwrap(), first + 1);
    }
}

#[test]
fn a_batch_is_refused_when_another_connection_wrote_since_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("direct.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE t(c0 TEXT); CREATE TABLE other(x)")
        .unwrap();
    let mut writer = DirectWriter::open(&path, "t").unwrap();
    let row = record(&[Value::Text("x".repeat(500))]);
    assert!(writer.begin().unwrap());
    for row_id in 1..=100 {
        writer.append(Some(row_id), &row).unwrap();
    }
    writer.commit(&mut |_| Ok(())).unwrap();
    other
        .execute_batch("INSERT INTO other SELECT randomblob(9000)")
        .unwrap();
    assert!(!writer.begin().unwrap());
    drop(writer);
    assert_eq!(check(&other), "ok");
    let count: i64 = other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 100);
}

/// The pages of a tree that was built in memory, by number, written as the direct path writes them.
#[derive(Default)]
struct Written(std::collections::BTreeMap<u32, Vec<u8>>);

impl Written {
    fn write(&mut self, first: u32, pages: &[u8]) {
        for (number, page) in (first..).zip(pages.chunks(512)) {
            assert!(
                self.0.insert(number, page.to_vec()).is_none(),
                "page {number} is written twice"
            );
        }
    }

    fn new_pages(&mut self, builder: &mut TableBuilder) {
        let (first, pages) = builder.new_pages().pending();
        self.write(first, pages);
        builder.new_pages().forget();
    }

    fn run(&mut self, run: &leaf_run::LeafRun, numbers: pages::RunNumbers) {
        for (numbers, bytes) in [(numbers.leaves, run.leaves()), (numbers.overflow, run.overflow())] {
            for (first, indices) in numbers.stretches() {
                self.write(first, &bytes[indices.start * 512..indices.end * 512]);
            }
        }
    }
}

#[test]
fn the_page_at_the_lock_byte_is_stepped_over() {
    for (lock_page, run_rows) in [
        (21, 7),
        (21, 300),
        (3, 300),
        (4, 300),
        (90, 150),
        (91, 150),
        (92, 150),
        (93, 150),
    ] {
        let mut builder = TableBuilder::new(512, 2, NewPages::new(512, 2, 512 * (lock_page - 1)));
        let mut written = Written::default();
        for row_id in 1..2_000 {
            let length = if row_id % 50 == 0 { 3_000 } else { 40 };
            builder.append(row_id, &record(&[Value::Text("x".repeat(length))]));
            if row_id % run_rows == 0 {
                written.new_pages(&mut builder);
                let numbers = builder.take_own();
                written.run(builder.run(), numbers);
                builder.forget_own();
            }
        }
        written.new_pages(&mut builder);
        let numbers = builder.take_own();
        written.run(builder.run(), numbers);
        builder.forget_own();
        let changed = builder.finish_batch(1_000_000);
        let lock_page = lock_page as u32;
        let used = |number: &u32| {
            written
                .0
                .get(number)
                .is_some_and(|page| page.iter().any(|&byte| byte != 0))
        };
        assert!(!used(&lock_page));
        // Every other page up to the last is there, and none is missing where pages refer to it.
        let last = builder.new_pages().last_page();
        let spare: Vec<u32> = changed.iter().map(|page| page.number).collect();
        assert!((3..=last).all(|number| number == lock_page || used(&number) || spare.contains(&number)));
        let children = |page: &[u8]| -> Vec<u32> {
            let number = |at: usize| u32::from_be_bytes(page[at..at + 4].try_into().unwrap());
            let cells = if page[0] == 0x05 {
                u16::from_be_bytes([page[3], page[4]])
            } else {
                0
            };
            (0..usize::from(cells))
                .map(|cell| {
                    number(usize::from(u16::from_be_bytes([
                        page[12 + 2 * cell],
                        page[13 + 2 * cell],
                    ])))
                })
                .collect()
        };
        let all = written.0.values().chain(changed.iter().map(|page| &page.bytes));
        assert!(
            all.flat_map(|page| children(page))
                .all(|child| child != lock_page && child <= last)
        );
    }
}
