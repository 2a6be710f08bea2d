//! Rows that worker threads pack into pages, block by block: the same table as by INSERT, whatever stands between the rows.

use super::data::{Recipe, people};
use super::harness::{Case, PLAIN, Setting};

/// Blocks of many pages; the first setting packs nothing.
const SETTINGS: [Setting; 5] = [
    Setting {
        write_path: "sql",
        ..PLAIN
    },
    PLAIN,
    Setting {
        threads: 1,
        chunk: Some(100_000),
        ..PLAIN
    },
    Setting {
        threads: 4,
        chunk: Some(60_000),
        window: Some(200_000),
        piped: true,
        ..PLAIN
    },
    Setting {
        threads: 3,
        chunk: Some(1 << 20),
        infer: "guess",
        ..PLAIN
    },
];

fn case(text_keys: bool, padding: usize) -> Case {
    let (bytes, _) = people(&Recipe {
        seed: 11,
        records: 12_000,
        bad_every: 97,
        duplicate_every: 131,
        text_keys,
        padding,
    });
    Case::csv(bytes)
}

#[test]
fn bad_records_duplicates_and_batch_edges_between_the_rows_of_a_block() {
    for (text_keys, padding, batch_rows) in [(false, 100, "2500"), (true, 30, "700"), (true, 90, "100000")] {
        case(text_keys, padding)
            .args(["--key", "id", "--batch-rows", batch_rows])
            .any_rejects()
            .check_at(&SETTINGS);
    }
}

#[test]
fn records_that_are_too_long_for_a_page() {
    let mut text = "id,note\n".to_owned();
    for id in 0..3_000 {
        let length = [10, 200, 3_950, 4_070, 9_000][id % 5] / if id % 7 == 0 { 1 } else { 3 };
        text.push_str(&format!("{},{}\n", id * 3, "x".repeat(length)));
    }
    Case::csv(text)
        .args(["--key", "id", "--batch-rows", "1100"])
        .check_at(&SETTINGS);
}

#[test]
fn a_few_records_so_long_that_one_leaf_holds_them_all() {
    for records in 1..5 {
        let rows: String = (0..records)
            .map(|id| format!("{id},{}\n", "x".repeat(300_000)))
            .collect();
        Case::csv(format!("id,note\n{rows}"))
            .args(["--key", "id", "--batch-rows", "3"])
            .check_at(&SETTINGS);
    }
}

#[test]
fn the_row_ids_that_sqlite_would_give_in_a_table_of_others() {
    case(true, 60)
        .existing("CREATE TABLE t (id TEXT, name TEXT, amount REAL, note TEXT)")
        .args(["--key", "id", "--batch-rows", "5000"])
        .any_rejects()
        .check_at(&SETTINGS[..4]);
}

/// By INSERT, and as pages behind those that the table has, although the input is small.
const BEHIND: [Setting; 4] = [
    SETTINGS[0],
    Setting {
        write_path: "direct",
        ..SETTINGS[1]
    },
    Setting {
        write_path: "direct",
        ..SETTINGS[2]
    },
    Setting {
        write_path: "direct",
        ..SETTINGS[3]
    },
];

/// Of the table's own rows, of which many are gone again, some are too long for a page.
fn rows_of_others(columns: &str, rows: u32) -> String {
    format!(
        "CREATE TABLE t ({columns}); WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT {rows}) \
         INSERT INTO t(rowid, name, amount, note) SELECT v, 'x' || v, v / 3.0, hex(zeroblob(v % 50 * (v % 50))) FROM n; \
         DELETE FROM t WHERE rowid % 3 = 1 OR rowid BETWEEN 100 AND 1000"
    )
}

#[test]
fn rows_behind_those_of_others() {
    for rows in [2, 30, 3_000, 30_000] {
        case(true, 60)
            .existing(&rows_of_others("id TEXT, name TEXT, amount REAL, note TEXT", rows))
            .args(["--batch-rows", "5000"])
            .any_rejects()
            .check_at(&BEHIND);
    }
}

#[test]
fn keys_among_those_of_others_and_behind_them() {
    for rows in [2, 3_000] {
        case(false, 60)
            .existing(&rows_of_others(
                "id INTEGER PRIMARY KEY, name TEXT, amount REAL, note TEXT",
                rows,
            ))
            .args(["--key", "id", "--batch-rows", "700"])
            .any_rejects()
            .check_at(&BEHIND);
    }
}

#[test]
fn row_ids_near_the_last_one_leave_the_rows_to_sqlite() {
    let direct = Setting {
        write_path: "direct",
        ..PLAIN
    };
    for (last, code) in [(i64::MAX / 2, 0), (i64::MAX - 1, 64), (i64::MAX, 64)] {
        let run = Case::csv("a\n1\n2\n")
            .existing(&format!(
                "CREATE TABLE t (a TEXT); INSERT INTO t(rowid) VALUES ({last})"
            ))
            .run(&direct);
        assert_eq!(run.ended.code(), code, "{}", run.stderr());
    }
}

#[test]
fn keys_that_are_now_and_then_too_long_to_be_sorted() {
    let mut text = "id,note\n".to_owned();
    for id in 0..4_000 {
        let long = if id == 2_900 { "k".repeat(6_000) } else { String::new() };
        text.push_str(&format!("k{long}{},{}\n", id * 7 % 3_990, "y".repeat(60)));
    }
    Case::csv(text)
        .args(["--key", "id", "--batch-rows", "1500"])
        .any_rejects()
        .check_at(&SETTINGS);
}

/// What is in the table is what stands before the record that passed the limit, although the block that it is in was packed.
#[test]
fn a_load_that_ends_within_a_block_at_the_error_limit() {
    for limit in ["1", "20", "50"] {
        case(false, 60)
            .args(["--key", "id", "--batch-rows", "2000", "--max-errors", limit])
            .any_rejects()
            .expect_exit(3)
            .check_at(&SETTINGS[..3]);
    }
}
