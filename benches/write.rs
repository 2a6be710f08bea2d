//! Rows per second of either write path, committed, into a temporary folder.

use divan::Bencher;
use divan::counter::ItemsCount;
use rowmill::ColumnType;
use rowmill::internal::schema::repeats::RepeatPlan;
use rowmill::internal::schema::{Column, RowIds};
use rowmill::internal::sqlite::RowOutcome;
use rowmill::internal::sqlite::TargetTable;
use rowmill::internal::sqlite::database::Database;
use rowmill::internal::sqlite::direct::DirectWriter;
use rowmill::internal::sqlite::insert::SqlWriter;

/// A multiple of the rows of a group.
const ROWS: i64 = 204_800;
const CACHE_BYTES: u64 = 8 << 20;

fn main() {
    divan::main();
}

/// A record of two texts, 104 bytes.
fn record() -> Vec<u8> {
    let mut record = vec![3, 13 + 2 * 50, 13 + 2 * 51];
    record.extend([b'x'; 101]);
    record
}

fn columns() -> Vec<Column> {
    ["a", "b"].map(|name| Column::new(name, ColumnType::Text)).to_vec()
}

/// The table, whose rows keep the ids that they come with.
fn target(columns: &[Column]) -> TargetTable<'_> {
    TargetTable {
        table: "t",
        columns,
        row_id_column: None,
        key_columns: &[],
        row_ids: RowIds::Ordinal { base: 0 },
        repeats: &RepeatPlan::Reject,
        shape: None,
        mark: None,
    }
}

#[divan::bench(sample_count = 10)]
fn sql_path(bencher: Bencher) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = Database::open(&folder.path().join("sql.db"), CACHE_BYTES).expect("a new database");
    let record = record();
    bencher.counter(ItemsCount::new(ROWS as u64)).bench_local(|| {
        database.drop_table("t").expect("no table is left");
        database.create_table("t", &columns(), None, &[]).expect("a new table");
        let columns = columns();
        let mut writer = SqlWriter::new(&database, target(&columns)).expect("a writer");
        writer.begin().expect("a transaction");
        for row_id in 1..=ROWS {
            assert_eq!(
                writer.insert(Some(row_id), &record).expect("a row"),
                RowOutcome::Inserted { row_id }
            );
        }
        writer.commit().expect("a commit");
    });
}

#[divan::bench(sample_count = 10)]
fn sql_path_by_groups(bencher: Bencher) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = Database::open(&folder.path().join("sql.db"), CACHE_BYTES).expect("a new database");
    let record = record();
    bencher.counter(ItemsCount::new(ROWS as u64)).bench_local(|| {
        database.drop_table("t").expect("no table is left");
        database.create_table("t", &columns(), None, &[]).expect("a new table");
        let columns = columns();
        let mut writer = SqlWriter::new(&database, target(&columns)).expect("a writer");
        let group_rows = writer.group_rows().expect("a plain table takes groups");
        writer.begin().expect("a transaction");
        for group in 0..ROWS as usize / group_rows {
            let row_ids = group * group_rows + 1..(group + 1) * group_rows + 1;
            let rows = row_ids.map(|row_id| (Some(row_id as i64), &record[..]));
            let outcome = writer.insert_group(rows).expect("a group");
            assert_eq!(outcome.inserted, group_rows);
        }
        writer.commit().expect("a commit");
    });
}

#[divan::bench(sample_count = 10)]
fn direct_path(bencher: Bencher) {
    let record = record();
    bencher.counter(ItemsCount::new(ROWS as u64)).bench_local(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("direct.db");
        let database = Database::open(&path, CACHE_BYTES).expect("a new database");
        database.create_table("t", &columns(), None, &[]).expect("a new table");
        let mut writer = DirectWriter::open(&path, "t").expect("a writer");
        assert!(writer.begin().expect("a transaction"));
        for row_id in 1..=ROWS {
            writer.append(Some(row_id), &record).expect("a row");
        }
        writer.commit(&mut |_| Ok(())).expect("a commit");
        writer.close().expect("closed");
    });
}
