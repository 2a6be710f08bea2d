//! Indexes built here, checked against SQLite: it must find nothing wrong with them, sort as they do, and go on with them.

use super::*;
use crate::pipeline::WorkerPool;
use crate::schema::ColumnType;
use crate::sqlite::direct::publish;
use crate::sqlite::direct::tests::{check, record};
use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

/// A table, and the indexes to build on it.
struct Case<'a> {
    page_bytes: usize,
    kinds: &'a [ColumnType],
    rows: &'a [Vec<Value>],
    specs: &'a [IndexSpec],
    memory_bytes: u64,
}

fn spec(columns: &[usize], unique: bool) -> IndexSpec {
    IndexSpec {
        columns: columns.to_vec(),
        unique,
    }
}

impl Case<'_> {
    fn columns(&self) -> Vec<Column> {
        let column = |(index, &column_type): (usize, &ColumnType)| Column::new(format!("c{index}"), column_type);
        self.kinds.iter().enumerate().map(column).collect()
    }

    /// Fills the table by INSERT and builds its indexes here; returns the database, in which SQLite has found nothing wrong.
    fn build(&self) -> (TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let columns = self.columns();
        let declared: Vec<String> = columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.column_type.sql()))
            .collect();
        let mut plain = Connection::open(&path).unwrap();
        let create = format!(
            "PRAGMA page_size = {}; CREATE TABLE other(x); CREATE TABLE t({});",
            self.page_bytes,
            declared.join(",")
        );
        plain.execute_batch(&create).unwrap();
        let filling = plain.transaction().unwrap();
        let insert = format!("INSERT INTO t VALUES ({})", vec!["?"; columns.len()].join(","));
        for row in self.rows {
            filling.execute(&insert, rusqlite::params_from_iter(row)).unwrap();
        }
        filling.commit().unwrap();
        plain.close().unwrap();

        let pool = WorkerPool::new(2).unwrap();
        let place = IndexPlace {
            pool: &pool,
            columns: &columns,
            row_id_column: None,
            memory_bytes: self.memory_bytes,
            folder: folder.path(),
        };
        let mut indexes = TableIndexes::new(self.specs, &place);
        for (index, row) in self.rows.iter().enumerate() {
            indexes.push(index as i64 + 1, &record(row)).unwrap();
        }
        let file = PageFile::open(&path, self.page_bytes).unwrap();
        let database = Database::open(&path, 1 << 20).unwrap();
        database.begin().unwrap();
        indexes.build_by_sql(&database, "t", true).unwrap();
        indexes.build_by_sql(&database, "t", false).unwrap();
        match indexes.build(&database, "T", &file, 1 << 20).unwrap() {
            Some(publication) => publish::commit(&database, &publication).map(|_| ()).unwrap(),
            None => database.commit().unwrap(),
        }
        database.close().unwrap();
        drop(file);
        let after = Connection::open(&path).unwrap();
        assert_eq!(
            check(&after),
            "ok",
            "page size {}, {} rows",
            self.page_bytes,
            self.rows.len()
        );
        (folder, after)
    }
}

fn schema(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT type || name || tbl_name || sql FROM sqlite_schema ORDER BY rowid")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn every_number_of_entries_makes_a_sound_tree() {
    // Pages of 512 bytes fill after some 40 integers and 5 long texts: pages that wait for a divider occur on every level.
    for text_bytes in [0, 90, 700] {
        let rows: Vec<Vec<Value>> = (0..1_300i64)
            .map(|i| {
                vec![
                    Value::Integer(i * 7_919 % 1_301),
                    Value::Text(format!("{:0>text_bytes$}", i * 31 % 1_301)),
                ]
            })
            .collect();
        let counts = (0..60).chain([600, 601, 602, 1_298, 1_299, 1_300]);
        for count in counts {
            Case {
                page_bytes: 512,
                kinds: &[ColumnType::Integer, ColumnType::Text],
                rows: &rows[..count],
                specs: &[spec(&[0], true), spec(&[1], false), spec(&[1, 0], false)],
                memory_bytes: 1 << 20,
            }
            .build();
        }
    }
}

#[test]
fn the_schema_is_what_sqlite_would_write_and_the_index_lives_on() {
    let rows: Vec<Vec<Value>> = (0..40_000i64)
        .map(|i| {
            vec![
                Value::Integer(i * 48_271 % 65_537),
                Value::Text(format!("name {}", i % 100)),
            ]
        })
        .collect();
    let specs = [spec(&[0], true), spec(&[1, 0], false)];
    let (_folder, connection) = Case {
        page_bytes: 1024,
        kinds: &[ColumnType::Integer, ColumnType::Text],
        rows: &rows,
        specs: &specs,
        // Many runs: 40,000 entries of 24 bytes and more.
        memory_bytes: 0,
    }
    .build();
    let by_sqlite = Connection::open_in_memory().unwrap();
    by_sqlite
        .execute_batch(
            "CREATE TABLE other(x); CREATE TABLE t(c0 INTEGER,c1 TEXT); CREATE UNIQUE INDEX \"T_c0\" ON \"T\"(\"c0\"); \
             CREATE INDEX \"T_c1_c0\" ON \"T\"(\"c1\", \"c0\")",
        )
        .unwrap();
    assert_eq!(schema(&connection), schema(&by_sqlite));
    let plan: String = connection
        .query_row("EXPLAIN QUERY PLAN SELECT * FROM t WHERE c0 = 5", [], |row| row.get(3))
        .unwrap();
    assert!(plan.contains("T_c0"), "{plan}");
    for (key, row_id) in [(0, 1), (48_271, 2), (39_999 * 48_271 % 65_537, 40_000)] {
        let found: i64 = connection
            .query_row("SELECT rowid FROM t WHERE c0 = ?", [key], |row| row.get(0))
            .unwrap();
        assert_eq!(found, row_id);
    }
    connection.execute("INSERT INTO t VALUES (0, 'again')", []).unwrap_err();
    connection
        .execute_batch(
            "INSERT INTO t VALUES (-1, 'new'), (NULL, NULL), (NULL, ''); UPDATE t SET c1 = c1 || 'x' WHERE c0 % 3 = 0; \
             DELETE FROM t WHERE c0 % 5 = 0;",
        )
        .unwrap();
    assert_eq!(check(&connection), "ok");
    connection.execute_batch("REINDEX; VACUUM").unwrap();
    assert_eq!(check(&connection), "ok");
}

#[test]
fn keys_that_share_a_long_prefix_are_spilled_and_cut_into_parts_all_the_same() {
    let rows: Vec<Vec<Value>> = (0..30_000i64)
        .map(|i| {
            vec![
                Value::Text(format!("customers/of/the/north/{:06}", i * 7_919 % 30_011)),
                Value::Integer(i % 2),
            ]
        })
        .collect();
    Case {
        page_bytes: 4096,
        kinds: &[ColumnType::Text, ColumnType::Boolean],
        rows: &rows,
        specs: &[spec(&[0], true), spec(&[1], false)],
        memory_bytes: 0,
    }
    .build();
}

#[test]
fn a_null_among_integers_may_come_before_or_after_any_run() {
    // A buffer holds 4,096 integers; up to a third of that is converted, more is written as a run.
    for nulls in [
        &[0][..],
        &[1_300],
        &[1_400, 1_401],
        &[4_095],
        &[4_096],
        &[20_000, 29_999],
        &[],
    ] {
        let mut rows: Vec<Vec<Value>> = (0..30_000i64)
            .map(|i| {
                vec![Value::Integer(
                    i.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64) >> (i % 60),
                )]
            })
            .collect();
        // The prefix of both is zero.
        rows[5] = vec![Value::Integer(i64::MIN)];
        rows[29_000] = vec![Value::Integer(i64::MIN)];
        for &index in nulls {
            rows[index] = vec![Value::Null];
        }
        Case {
            page_bytes: 4096,
            kinds: &[ColumnType::Integer],
            rows: &rows,
            specs: &[spec(&[0], false)],
            memory_bytes: 0,
        }
        .build();
    }
}

#[test]
fn samples_of_long_keys_take_no_more_than_their_share() {
    let rows: Vec<Vec<Value>> = (0..2_000i64)
        .map(|i| vec![Value::Text(format!("{:04}{}", i * 7_919 % 2_003, "z".repeat(3_900)))])
        .collect();
    let case = Case {
        page_bytes: 4096,
        kinds: &[ColumnType::Text],
        rows: &rows,
        specs: &[spec(&[0], true)],
        memory_bytes: 0,
    };
    case.build();
    let folder = tempfile::tempdir().unwrap();
    let pool = WorkerPool::new(2).unwrap();
    let key = std::sync::Arc::new(KeyColumns::new(&case.columns(), &[0], None));
    let mut sorter = Sorter::new(&pool, key, 0, folder.path());
    for (index, row) in rows.iter().enumerate() {
        sorter.push_row(&record(row), index as i64).unwrap();
        // Half of a buffer of 64 KiB, or one sample for each run of 16 keys.
        let runs = index / 16 + 1;
        assert!(sorter.samples_bytes() <= (32 << 10).max(runs * 4_000));
    }
}

#[test]
fn a_key_too_long_to_be_sorted_leaves_its_index_to_sqlite() {
    let mut rows: Vec<Vec<Value>> = (0..500i64).map(|i| vec![Value::Text(i.to_string())]).collect();
    rows[300] = vec![Value::Text(
        "x".repeat(crate::sqlite::direct::index::entries::MAX_KEY_BYTES + 1),
    )];
    let (_folder, connection) = Case {
        page_bytes: 4096,
        kinds: &[ColumnType::Text],
        rows: &rows,
        specs: &[spec(&[0], true)],
        memory_bytes: 1 << 20,
    }
    .build();
    assert_eq!(schema(&connection).len(), 3);
}

#[test]
fn duplicates_are_separated_from_false_alarms_in_input_order() {
    let folder = tempfile::tempdir().unwrap();
    let pool = WorkerPool::new(2).unwrap();
    let columns = Case {
        page_bytes: 512,
        kinds: &[ColumnType::Integer, ColumnType::Text],
        rows: &[],
        specs: &[],
        memory_bytes: 0,
    }
    .columns();
    let keys = [&[1, 0][..], &[0]];
    for (key_columns, (memory_bytes, count)) in keys
        .into_iter()
        .flat_map(|key| [(key, (1 << 20, 100)), (key, (0, 50_000))])
    {
        let place = IndexPlace {
            pool: &pool,
            columns: &columns,
            row_id_column: None,
            memory_bytes,
            folder: folder.path(),
        };
        let mut indexes = TableIndexes::new(&[spec(key_columns, true)], &place);
        let mut first_rows = std::collections::HashMap::new();
        let mut expected = Vec::new();
        for row_id in 1..=count {
            let key = row_id * 7_919 % (count * 3 / 4);
            let number = if key == 5 { Value::Null } else { Value::Integer(key) };
            let row = record(&[number, Value::Text(format!("key {}", key % 10))]);
            let first = *first_rows.entry(key).or_insert(row_id);
            let is_repeat = first != row_id && key != 5;
            // Some that are not repeats are called suspects, too.
            if is_repeat || row_id % 11 == 0 {
                indexes.push_suspect(row_id, &row).unwrap();
            } else {
                indexes.push(row_id, &row).unwrap();
            }
            if is_repeat {
                expected.push((row_id, first));
            }
        }
        let duplicates = indexes
            .duplicates(1 << 20)
            .unwrap()
            .expect("the key index is collected");
        let mut found = Vec::new();
        duplicates
            .for_each(|row_id, first| {
                found.push((row_id, first));
                Ok(())
            })
            .unwrap();
        assert!(expected.len() > 20);
        assert_eq!(found, expected);
    }
}

fn value(kind: ColumnType) -> BoxedStrategy<Value> {
    let of_kind = match kind {
        ColumnType::Integer => prop_oneof![
            any::<i64>(),
            -300i64..300,
            prop::sample::select(vec![i64::MIN, i64::MAX, 0, 1, -1, 1 << 47, -(1 << 47)])
        ]
        .prop_map(Value::Integer)
        .boxed(),
        ColumnType::Real => prop_oneof![
            any::<i32>().prop_map(|i| f64::from(i) / 8.0),
            prop::sample::select(vec![0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 140_737_488_355_328.0])
        ]
        .prop_map(Value::Real)
        .boxed(),
        _ => prop_oneof![
            "[ab]{0,12}".boxed(),
            "[a-zé€]{0,20}".boxed(),
            (0usize..3_000).prop_map(|bytes| "y".repeat(bytes)).boxed()
        ]
        .prop_map(Value::Text)
        .boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 6 => of_kind].boxed()
}

fn kinds() -> impl Strategy<Value = Vec<ColumnType>> {
    let kind = prop::sample::select(vec![ColumnType::Integer, ColumnType::Real, ColumnType::Text]);
    prop::collection::vec(kind, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_tables_get_indexes_that_sqlite_finds_nothing_wrong_with(
        page_shift in 9u32..17,
        (kinds, rows) in kinds().prop_flat_map(|kinds| {
            let row: Vec<_> = kinds.iter().map(|&kind| value(kind)).collect();
            (Just(kinds), prop::collection::vec(row, 0..300))
        }),
        order in any::<u64>(),
        memory_bytes in prop_oneof![Just(0u64), Just(1 << 20)],
    ) {
        let mut all: Vec<usize> = (0..kinds.len()).collect();
        let turn = order as usize % kinds.len();
        all.rotate_left(turn);
        let mut specs: Vec<IndexSpec> = all.iter().map(|&column| spec(&[column], false)).collect();
        if all.len() > 1 {
            specs.push(spec(&all, false));
        }
        Case { page_bytes: 1 << page_shift, kinds: &kinds, rows: &rows, specs: &specs, memory_bytes }.build();
    }
}
