//! What becomes of records that repeat a key, where it is asked for: passed over, or the last one wins.

use std::fs;

use serde_json::Value;

use super::database;
use super::harness::{Case, PLAIN, Run, Setting, all_settings};
use super::process::{Running, rowmill};

fn keyed(csv: &str, what: &str) -> Case {
    Case::csv(csv).args(["--key", "k", "--on-duplicate", what])
}

/// How many records did what.
fn counts(run: &Run) -> [u64; 4] {
    ["loaded", "updated", "duplicates", "skipped_duplicates"].map(|name| run.counted(name))
}

#[test]
fn the_first_wins_and_the_others_are_only_counted() {
    for (csv, rows) in [
        (
            "k,v\nb,1\na,2\nb,3\na,4\nc,5\n",
            ["1: 'b', 1", "2: 'a', 2", "5: 'c', 5"],
        ),
        ("k,v\n1,1\n2,2\n1,3\n2,4\n3,5\n", ["1: 1, 1", "2: 2, 2", "5: 3, 5"]),
    ] {
        let case = keyed(csv, "skip").expect_rows(rows);
        case.check();
        let run = case.once();
        assert_eq!(counts(&run), [3, 0, 2, 2]);
        assert!(run.stderr().contains("2 were passed over"), "{}", run.stderr());
    }
    // Keys that ascend are row ids.
    keyed("k,v\n7,1\n8,2\n7,3\n9,4\n8,5\n", "skip")
        .existing("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (7, 0)")
        .expect_rows(["7: 7, 0", "8: 8, 2", "9: 9, 4"])
        .check();
    // Other rejects are rejects.
    keyed("k,v\nb,1\nb,2\na\nb,3\n", "skip")
        .expect_rows(["1: 'b', 1"])
        .expect_rejects([(4, "missing_columns")])
        .check();
}

#[test]
fn the_last_wins_in_a_table_that_the_load_makes() {
    for what in ["update", "replace"] {
        // Keys of which the filter knows: texts, and numbers in no order.
        for (csv, rows) in [
            (
                "k,v,w\nb,1,x\na,2,y\nb,3,\na,4,z\nc,5,z\nb,6,u\n",
                ["1: 'b', 6, 'u'", "2: 'a', 4, 'z'", "5: 'c', 5, 'z'"],
            ),
            (
                "k,v,w\n1,1,x\n2,2,y\n1,3,\n2,4,z\n3,5,z\n1,6,u\n",
                ["1: 1, 6, 'u'", "2: 2, 4, 'z'", "5: 3, 5, 'z'"],
            ),
            (
                "k,v,w\n9,1,x\n5,2,y\n9,3,\n5,4,z\n7,5,z\n9,6,u\n",
                ["1: 9, 6, 'u'", "2: 5, 4, 'z'", "5: 7, 5, 'z'"],
            ),
        ] {
            let case = keyed(csv, what).expect_rows(rows);
            case.check();
            assert_eq!(counts(&case.once()), [3, 3, 0, 0]);
        }
    }
    // Indexes know the last values.
    let run = Case::csv("k,v\nb,1\na,2\nb,3\n")
        .args(["--key", "k", "--on-duplicate", "update", "--index", "v"])
        .expect_rows(["1: 'b', 3", "2: 'a', 2"])
        .check_at(&all_settings())
        .unwrap();
    let found = "SELECT k FROM t INDEXED BY t_v WHERE v = 3";
    assert_eq!(
        database::select(&database::open(&run.path("out.db")), found).unwrap(),
        ["'b'"]
    );
}

#[test]
fn a_key_of_several_columns_and_one_that_is_null() {
    Case::csv("a,b,v\n1,x,1\n1,y,2\n1,x,3\n1,,4\n1,,5\n,x,6\n,x,7\n")
        .args(["--key", "a,b", "--on-duplicate", "update"])
        .expect_rows([
            "1: 1, 'x', 3",
            "2: 1, 'y', 2",
            "4: 1, NULL, 4",
            "5: 1, NULL, 5",
            "6: NULL, 'x', 6",
            "7: NULL, 'x', 7",
        ])
        .check();
}

const STOCK: &str = "CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE, v INTEGER, note TEXT DEFAULT 'none', seen DEFAULT new, \
     doubled AS (v * 2)); INSERT INTO t (k, v, note, seen) VALUES ('a', 1, 'old', 'long ago'), ('b', 2, 'old', 'long ago')";

#[test]
fn rows_that_were_there_are_changed_as_it_is_asked() {
    let csv = "v,k\n7,A\n8,c\n9,C\n";
    for (what, rows) in [
        (
            "update",
            [
                "1: 'a', 7, 'old', 'long ago', 14",
                "2: 'b', 2, 'old', 'long ago', 4",
                "3: 'c', 9, 'none', 'new', 18",
            ],
        ),
        (
            "replace",
            [
                "1: 'a', 7, 'none', 'new', 14",
                "2: 'b', 2, 'old', 'long ago', 4",
                "3: 'c', 9, 'none', 'new', 18",
            ],
        ),
    ] {
        let case = keyed(csv, what).existing(STOCK).expect_rows(rows);
        case.check();
        assert_eq!(counts(&case.once()), [1, 2, 0, 0]);
        // The table's own primary key is the key where none is named.
        Case::csv(csv)
            .args(["--on-duplicate", what])
            .existing(STOCK)
            .expect_rows(rows)
            .check();
    }
}

#[test]
fn only_the_columns_that_are_named_are_changed() {
    Case::csv("k,v,w\na,7,x\nb,8,y\nb,9,z\n")
        .args(["--key", "k", "--on-duplicate", "update=w"])
        .existing("CREATE TABLE t (k TEXT UNIQUE, v INTEGER, w TEXT); INSERT INTO t VALUES ('a', 1, 'old')")
        .expect_rows(["1: 'a', 1, 'x'", "2: 'b', 8, 'z'"])
        .check();
    Case::csv("k\na\nb\na\n")
        .args(["--key", "k", "--on-duplicate", "update"])
        .expect_rows(["1: 'a'", "2: 'b'"])
        .check();
}

#[test]
fn a_change_that_the_table_refuses_is_a_reject_and_leaves_the_row_as_it_was() {
    let schema = "CREATE TABLE t (k TEXT PRIMARY KEY, u INTEGER UNIQUE, v INTEGER CHECK (v > 0), w NOT NULL DEFAULT 1); \
         INSERT INTO t VALUES ('a', 1, 1, 1), ('b', 2, 1, 1)";
    let case = keyed("k,u,v\na,2,5\na,3,0\na,4,6\nb,4,7\n", "update")
        .existing(schema)
        .expect_rows(["1: 'a', 4, 6, 1", "2: 'b', 2, 1, 1"])
        .expect_rejects([
            (2, "constraint_failed"),
            (3, "constraint_failed"),
            (5, "constraint_failed"),
        ]);
    case.check();
    assert!(case.once().rejects()[0].message.contains("t.u"));
}

#[test]
fn tables_without_row_ids_strict_ones_and_row_ids() {
    keyed("k,v\nb,1\na,2\nb,3\n", "update")
        .existing("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID; INSERT INTO t VALUES ('a', 0)")
        .expect_rows(["NULL: 'a', 2", "NULL: 'b', 3"])
        .check();
    keyed("k,v\n1,1\n2,x\n1,3\n", "replace")
        .existing("CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER) STRICT; INSERT INTO t VALUES (1, 0)")
        .expect_rows(["1: 1, 3"])
        .expect_rejects([(3, "type_error")])
        .check();
}

#[test]
fn triggers_see_changes_and_rows_that_refer_stay() {
    let schema = "PRAGMA foreign_keys = ON; CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES ('a', 1); \
         CREATE TABLE c (k REFERENCES t ON DELETE CASCADE); INSERT INTO c VALUES ('a'); CREATE TABLE log (x); \
         CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('+' || NEW.k); END; \
         CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('-' || OLD.k); END; \
         CREATE TRIGGER u AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (OLD.v || '>' || NEW.v); END";
    for what in ["update", "replace"] {
        let run = keyed("k,v\na,2\nb,3\nb,4\n", what)
            .existing(schema)
            .expect_rows(["1: 'a', 2", "2: 'b', 4"])
            .check_at(&all_settings())
            .unwrap();
        let connection = database::open(&run.path("out.db"));
        let log = database::select(&connection, "SELECT x FROM log ORDER BY rowid").unwrap();
        assert_eq!(log, ["'1>2'", "'+b'", "'3>4'"]);
        assert_eq!(database::count(&run.path("out.db"), "c"), 1);
    }
}

#[test]
fn a_change_that_others_refer_to_at_the_commit_is_a_reject() {
    let schema = "CREATE TABLE t (k TEXT PRIMARY KEY, u INTEGER UNIQUE); INSERT INTO t VALUES ('a', 1), ('b', 2); \
         CREATE TABLE c (u REFERENCES t (u) DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1)";
    keyed("k,u\na,5\nb,6\nc,7\n", "update")
        .existing(schema)
        .expect_rows(["1: 'a', 1", "2: 'b', 6", "3: 'c', 7"])
        .expect_rejects([(2, "constraint_failed")])
        .check();
}

#[test]
fn what_cannot_be_done_is_refused() {
    let refused = |args: [&str; 4], code: i32, said: &str| {
        Case::csv("k,v\na,1\na,2\n")
            .args(args)
            .expect_exit(code)
            .expect_said(said)
            .once();
    };
    refused(["--text", "--max-errors=9", "--on-duplicate", "skip"], 64, "--key");
    refused(["--key", "k", "--on-duplicate", "update=k"], 64, "belongs to the key");
    refused(["--key", "k", "--on-duplicate", "update=x"], 64, "\"x\"");
    refused(["--key", "k", "--on-duplicate", "last"], 64, "update=COL");
    keyed("k,p\na,1\na,2\n", "update")
        .existing("CREATE TABLE t (k TEXT PRIMARY KEY, p REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        .expect_exit(78)
        .expect_said("DEFERRABLE")
        .once();
}

/// A file of `records` records with few keys, in no order, and what its last records leave.
fn few_keys(records: u64) -> (String, Vec<String>, u64) {
    let mut csv = String::from("k,v\n");
    let mut rows: Vec<(u64, u64, u64)> = Vec::new();
    for record in 1..=records {
        let key = record.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 52;
        csv += &format!("key {key},{record}\n");
        match rows.iter_mut().find(|(_, known, _)| *known == key) {
            Some((.., value)) => *value = record,
            None => rows.push((record, key, record)),
        }
    }
    let loaded = rows.len() as u64;
    let text = |(row_id, key, value)| format!("{row_id}: 'key {key}', {value}");
    (csv, rows.into_iter().map(text).collect(), loaded)
}

#[test]
fn many_records_of_few_keys_in_batches_and_blocks() {
    let (csv, rows, loaded) = few_keys(20_000);
    for write_path in ["auto", "sql"] {
        let setting = Setting {
            threads: 2,
            chunk: Some(1000),
            write_path,
            ..PLAIN
        };
        let run = Case::csv(&csv)
            .args(["--key", "k", "--on-duplicate", "update", "--batch-rows", "3000"])
            .expect_row_list(rows.clone())
            .run(&setting);
        assert_eq!(run.ended.code(), 0, "{}", run.stderr());
        run.must_match("rows", &rows, &run.dump().rows);
        assert_eq!(counts(&run), [loaded, 20_000 - loaded, 0, 0]);
    }
}

#[test]
fn a_load_that_is_killed_changes_each_row_as_one_that_is_not() {
    let (csv, rows, loaded) = few_keys(6_000);
    for (existing, write_path) in [(false, "auto"), (false, "sql"), (true, "auto")] {
        for point in [
            "batch: committed",
            "batch: before the commit",
            "settle: begun",
            "settle: committed",
        ] {
            if existing && point.starts_with("settle") {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            fs::write(at("in.csv"), &csv).unwrap();
            if existing {
                let schema = "CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)";
                rusqlite::Connection::open(at("out.db"))
                    .unwrap()
                    .execute_batch(schema)
                    .unwrap();
            }
            let args = [
                "load",
                "in.csv",
                "out.db",
                "--table",
                "t",
                "--key",
                "k",
                "--on-duplicate",
                "update",
                "--batch-rows",
                "1000",
                "--report",
                "report.json",
                "--write-path",
                write_path,
            ];
            let args = args.map(Into::into);
            let mut command = rowmill(folder.path(), &args);
            command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
            assert_eq!(Running::start(command).wait().code(), 137, "{point}, {write_path}");
            let ended = Running::start(rowmill(folder.path(), &args)).wait();
            assert_eq!(ended.code(), 0, "{point}: {}", String::from_utf8_lossy(&ended.stderr));
            let found = database::dump(&at("out.db"), "t").rows;
            // Rows that were refused have no row id in a table of others.
            let values = |rows: &[String]| -> Vec<String> {
                rows.iter()
                    .map(|row| row.split_once(": ").unwrap().1.to_owned())
                    .collect()
            };
            assert!(values(&found) == values(&rows), "{point}, {write_path}");
            let report: Value = serde_json::from_slice(&fs::read(at("report.json")).unwrap()).unwrap();
            assert_eq!(report["loaded"].as_u64(), Some(loaded), "{point}");
            assert_eq!(report["updated"].as_u64(), Some(6_000 - loaded), "{point}");
            assert_eq!(database::integrity(&at("out.db")), "ok");
        }
    }
}

#[test]
fn a_load_goes_on_only_as_it_began() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), few_keys(2_000).0).unwrap();
    let run = |what: &str, kill: bool| {
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--key",
            "k",
            "--batch-rows",
            "500",
            "--on-duplicate",
            what,
        ]
        .map(Into::into);
        let mut command = rowmill(folder.path(), &args);
        if kill {
            command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 1 {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    };
    assert_eq!(run("update", true).code(), 137);
    let ended = run("skip", false);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.code() == 64 && said.contains("--on-duplicate was update and is skip"),
        "{said}"
    );
    assert_eq!(run("update", false).code(), 0);
}
