//! Loads into a table that exists: its columns, its types, its constraints.

use super::harness::{Case, PLAIN, Setting};

#[test]
fn columns_are_matched_by_name_whatever_their_order_and_case() {
    Case::csv("NAME,id\nx,1\ny,2\n")
        .existing("CREATE TABLE t (id INTEGER, extra TEXT DEFAULT 'd', name TEXT)")
        .expect_rows(["1: 1, 'd', 'x'", "2: 2, 'd', 'y'"])
        .check();
}

#[test]
fn every_mismatch_is_reported_at_once_and_nothing_is_loaded() {
    let run = Case::csv("a,b,x,y\n1,2,3,4\n")
        .existing("CREATE TABLE t (a, b, must INTEGER NOT NULL, sum INTEGER GENERATED ALWAYS AS (a + b))")
        .expect_exit(78)
        .expect_said("\"x\"")
        .expect_said("\"y\"")
        .expect_said("\"must\"")
        .expect_rows([])
        .once();
    assert!(run.stderr().contains("nothing was loaded"), "{}", run.stderr());
}

#[test]
fn values_are_stored_as_the_columns_affinity_stores_them() {
    Case::csv("i,r,t,n,b\n1,1,1,1,1\n2,2.5,02,2.5,02\n3,3,x,x,1.0\n")
        .existing("CREATE TABLE t (i INT, r DOUBLE, t VARCHAR(3), n NUMERIC, b BLOB)")
        .expect_rows([
            "1: 1, 1.0, '1', 1, '1'",
            "2: 2, 2.5, '02', 2.5, '02'",
            "3: 3, 3.0, 'x', 'x', '1.0'",
        ])
        .check();
}

#[test]
fn a_value_that_does_not_fit_the_columns_type_is_rejected() {
    Case::csv("i,r\n1,1.5\nx,1\n2,y\n9223372036854775808,2\n")
        .existing("CREATE TABLE t (i INTEGER, r REAL)")
        .expect_rows(["1: 1, 1.5"])
        .expect_rejects([(3, "type_error"), (4, "type_error"), (5, "out_of_range")])
        .check();
}

#[test]
fn a_null_in_a_column_that_refuses_it_is_a_null_violation() {
    let case = Case::csv("a,b\n1,x\n,y\n3,\n4,z\n")
        .existing("CREATE TABLE t (a INTEGER NOT NULL, b TEXT NOT NULL)")
        .expect_rows(["1: 1, 'x'", "2: 4, 'z'"])
        .expect_rejects([(3, "null_violation"), (4, "null_violation")]);
    case.check();
    let columns: Vec<_> = case
        .once()
        .rejects()
        .iter()
        .map(|reject| reject.column.clone())
        .collect();
    assert_eq!(columns, ["a", "b"]);
}

#[test]
fn a_row_that_breaks_a_check_fails_alone_with_sqlites_message() {
    let case = Case::csv("a,b\n1,x\n-1,y\n2,z\n")
        .existing("CREATE TABLE t (a INTEGER CONSTRAINT positive CHECK (a > 0), b TEXT)")
        .expect_rows(["1: 1, 'x'", "2: 2, 'z'"])
        .expect_rejects([(3, "constraint_failed")]);
    case.check();
    assert!(case.once().rejects()[0].message.contains("positive"));
}

#[test]
fn a_foreign_key_that_the_database_enforces_refuses_orphans() {
    let run = Case::csv("id,parent\n1,1\n2,9\n")
        .existing("CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id, parent REFERENCES p)")
        .any_rejects()
        .once();
    // SQLite enforces foreign keys only where a connection asks for it; either way the report says what happened.
    assert_eq!(run.counted("records"), 2);
    assert_eq!(run.report().unwrap()["write_path"], "sql");
}

#[test]
fn a_unique_column_of_the_table_counts_without_a_key_flag() {
    Case::csv("a,b\n1,x\n2,x\n3,y\n")
        .existing("CREATE TABLE t (a INTEGER, b TEXT UNIQUE)")
        .expect_rows(["1: 1, 'x'", "2: 3, 'y'"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn triggers_run_for_every_row() {
    let run = Case::csv("a\n1\n2\n")
        .existing("CREATE TABLE t (a); CREATE TABLE log (n); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END")
        .expect_rows(["1: '1'", "2: '2'"])
        .expect_said("triggers")
        .run(&PLAIN);
    assert_eq!(super::database::count(&run.path("out.db"), "log"), 2);
}

#[test]
fn a_table_without_row_ids_is_loaded_in_key_order() {
    Case::csv("k,v\nb,1\na,2\nb,3\n")
        .existing("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID")
        .expect_rows(["NULL: 'a', 2", "NULL: 'b', 1"])
        .expect_rejects([(4, "duplicate_key")])
        .check();
}

#[test]
fn a_strict_table_takes_what_fits() {
    Case::csv("a,b\n1,x\ny,z\n")
        .existing("CREATE TABLE t (a INTEGER, b TEXT) STRICT")
        .expect_rows(["1: 1, 'x'"])
        .expect_rejects([(3, "type_error")])
        .check();
}

#[test]
fn rows_are_numbered_on_from_those_that_are_there() {
    Case::csv("a,b\n1,x\n2\n3,z\n")
        .existing("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t (rowid, a, b) VALUES (5, 0, 'old'), (9, 0, 'old')")
        .expect_rows(["5: 0, 'old'", "9: 0, 'old'", "10: 1, 'x'", "11: 3, 'z'"])
        .expect_rejects([(3, "missing_columns")])
        .check();
}

#[test]
fn an_existing_index_is_kept_up() {
    Case::csv("a,b\n3,x\n1,y\n2,z\n")
        .existing("CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX i ON t (a, b)")
        .expect_rows(["1: 3, 'x'", "2: 1, 'y'", "3: 2, 'z'"])
        .check();
}

#[test]
fn an_empty_plain_table_takes_the_direct_path_and_a_few_rows_go_behind_others_by_sql() {
    let path = |existing: &str| {
        let run = Case::csv("a,b\n1,x\n").existing(existing).run(&PLAIN);
        run.report().unwrap()["write_path"].as_str().unwrap().to_owned()
    };
    assert_eq!(path("CREATE TABLE t (a INTEGER, b TEXT)"), "direct");
    assert_eq!(
        path("CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (0, 'x')"),
        "sql"
    );
    assert_eq!(path("CREATE TABLE t (a INTEGER, b TEXT CHECK (b <> ''))"), "sql");
    assert_eq!(
        path("PRAGMA auto_vacuum = FULL; CREATE TABLE t (a INTEGER, b TEXT)"),
        "sql"
    );
}

#[test]
fn asking_for_the_direct_path_where_it_is_not_possible_says_why() {
    let direct = Setting {
        write_path: "direct",
        ..PLAIN
    };
    let run = Case::csv("a\n1\n")
        .existing("CREATE TABLE t (a); CREATE INDEX i ON t (a)")
        .run(&direct);
    assert_eq!(run.ended.code(), 64, "{}", run.stderr());
    assert!(
        run.stderr().contains("--write-path direct is not possible"),
        "{}",
        run.stderr()
    );
}

#[test]
fn a_database_with_another_page_size_and_other_tables_is_left_intact() {
    for page_size in [512, 1024, 8192, 65536] {
        Case::csv("a,b\n1,x\n2,y\n")
            .existing(&format!(
                "PRAGMA page_size = {page_size}; CREATE TABLE other (x); INSERT INTO other VALUES (zeroblob(100000)); \
                 DELETE FROM other; INSERT INTO other VALUES (1)"
            ))
            .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
            .check_at(&[
                PLAIN,
                Setting {
                    write_path: "sql",
                    ..PLAIN
                },
            ]);
    }
}

#[test]
fn a_database_in_wal_mode_or_utf16_is_loaded_too() {
    for pragma in ["journal_mode = WAL", "encoding = 'UTF-16'", "auto_vacuum = INCREMENTAL"] {
        let run = Case::csv("a,b\n1,x\n2,é\n")
            .existing(&format!("PRAGMA {pragma}; CREATE TABLE other (x)"))
            .run(&PLAIN);
        assert_eq!(run.ended.code(), 0, "{pragma}: {}", run.stderr());
        let connection = super::database::open(&run.path("out.db"));
        let texts: Vec<String> = connection
            .prepare("SELECT b FROM t")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(texts, ["x", "é"], "{pragma}");
    }
}

#[test]
fn a_column_named_rowid_is_a_column_like_any_other() {
    Case::csv("rowid,v\nx,1\ny,2\nx,3\n")
        .args(["--key", "rowid"])
        .existing("CREATE TABLE t (rowid TEXT, v INTEGER); INSERT INTO t VALUES ('y', 0)")
        .expect_rows(["1: 'y', 0", "2: 'x', 1"])
        .expect_rejects([(3, "duplicate_key"), (4, "duplicate_key")])
        .check();
}

#[test]
fn sqlite_finds_row_ids_that_are_free_where_the_greatest_is_taken() {
    let run = Case::csv("a\n1\n2\n")
        .existing("CREATE TABLE t (a INTEGER); INSERT INTO t (rowid, a) VALUES (9223372036854775807, 0)")
        .once();
    assert_eq!(run.counted("loaded"), 2);
}

#[test]
fn keys_that_sqlite_takes_for_equal_are_duplicates_however_they_are_written() {
    for (column, first, second) in [("k TEXT COLLATE NOCASE", "a", "A"), ("k TEXT COLLATE RTRIM", "a", "a ")] {
        let case = Case::csv(format!("k,v\n{first},x\n{second},y\nb,z\n"))
            .args(["--key", "k"])
            .existing(&format!("CREATE TABLE t ({column}, v TEXT)"))
            .expect_rejects([(3, "duplicate_key")]);
        let loaded = case.run(&PLAIN).counted("loaded");
        assert_eq!(loaded, 2, "{column}");
        case.check();
    }
}

#[test]
fn row_ids_that_the_input_brings_in_any_order_take_the_sql_path() {
    let case = Case::csv("id,v\n3,a\n1,b\n2,c\n2,d\n")
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        .expect_rows(["1: 1, 'b'", "2: 2, 'c'", "3: 3, 'a'"])
        .expect_rejects([(5, "duplicate_key")]);
    case.check();
    let path = case.run(&PLAIN).report().map(|report| report["write_path"].clone());
    assert_eq!(path, Some("sql".into()));
}

#[test]
fn a_row_for_which_an_expression_of_the_table_fails_is_a_reject() {
    let check = "CREATE TABLE t (id INTEGER, doc TEXT CHECK (json_extract(doc, '$.a') > 0))";
    let index = "CREATE TABLE t (id INTEGER, doc TEXT); CREATE UNIQUE INDEX i ON t (json_extract(doc, '$.a'))";
    let trigger = "CREATE TABLE t (id INTEGER, doc TEXT); CREATE TABLE log (a); \
                   CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (json_extract(NEW.doc, '$.a')); END";
    for existing in [check, index, trigger] {
        let case = Case::csv("id,doc\n1,{\"a\":1}\n2,{oops\n3,{\"a\":3}\n")
            .existing(existing)
            .expect_rows(["1: 1, '{\"a\":1}'", "2: 3, '{\"a\":3}'"])
            .expect_rejects([(3, "constraint_failed")]);
        case.check();
        let message = case.once().rejects()[0].message.clone();
        assert!(message.contains("malformed JSON"), "{message}");
    }
}

#[test]
fn the_tables_conflict_clauses_neither_drop_nor_replace_rows() {
    for write_path in ["auto", "sql"] {
        Case::csv("id,u\n1,a\n1,b\n2,a\n2,c\n3,d\n")
            .existing("CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u TEXT UNIQUE ON CONFLICT IGNORE)")
            .args(["--write-path", write_path])
            .expect_rows(["1: 1, 'a'", "2: 2, 'c'", "3: 3, 'd'"])
            .expect_rejects([(3, "duplicate_key"), (4, "duplicate_key")])
            .once();
    }
}

#[test]
fn a_row_that_a_trigger_ignores_is_a_reject() {
    Case::csv("a\n1\n2\n3\n")
        .existing(
            "CREATE TABLE t (a); CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.a = '2' BEGIN SELECT RAISE(IGNORE); END",
        )
        .expect_rows(["1: '1'", "2: '3'"])
        .expect_rejects([(3, "constraint_failed")])
        .check();
}

#[test]
fn triggers_beside_a_conflict_clause_are_refused() {
    Case::csv("a\n1\n")
        .existing(
            "CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE); CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        )
        .expect_exit(78)
        .expect_said("drop the triggers for the load")
        .once();
}

/// Rows `1` to `last` unless `left_out`, as SQLite numbers them.
fn numbered(last: u64, left_out: impl Fn(u64) -> bool) -> Vec<String> {
    let rows = (1..=last).filter(|&n| !left_out(n)).enumerate();
    rows.map(|(index, n)| format!("{}: {n}, 'v{n}'", index + 1)).collect()
}

#[test]
fn rows_that_are_inserted_together_still_fail_alone() {
    let lines = |last: u64| (1..=last).fold("a,b\n".to_owned(), |text, n| text + &format!("{n},v{n}\n"));
    let existing = "CREATE TABLE t (a INTEGER, b TEXT, CHECK (a % 50 <> 7))";
    let run = Case::csv(lines(1000))
        .existing(existing)
        .expect_row_list(numbered(1000, |n| n % 50 == 7))
        .any_rejects()
        .once();
    assert_eq!(run.counted("rejected"), 20);
    // The limit is passed at record 107: the records after it in its group are not in the table.
    Case::csv(lines(1000))
        .existing(existing)
        .args(["--max-errors", "2"])
        .expect_row_list(numbered(106, |n| n % 50 == 7))
        .any_rejects()
        .expect_exit(3)
        .once();
    // A record that is rejected before leaves no gap in the row ids, which SQLite gives.
    let gaps = lines(1000).replace("\n300,", "\nx300,").replace("\n555,", "\nx555,");
    Case::csv(gaps)
        .existing("CREATE TABLE t (a INTEGER, b TEXT, CHECK (1))")
        .expect_row_list(numbered(1000, |n| n == 300 || n == 555))
        .expect_rejects([(301, "type_error"), (556, "type_error")])
        .once();
}

#[test]
fn rows_that_refer_to_later_rows_are_orphans() {
    let lines = (1..=200).fold("a,b\n".to_owned(), |text, n| {
        text + &format!("{n},{}\n", if n == 100 { 101 } else { 1 })
    });
    Case::csv(lines)
        .existing("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER REFERENCES t)")
        .expect_row_list(
            (1..=200)
                .filter(|&n| n != 100)
                .map(|n| format!("{n}: {n}, 1"))
                .collect(),
        )
        .expect_rejects([(101, "constraint_failed")])
        .once();
}

#[test]
fn row_ids_go_on_from_those_of_rows_that_are_there() {
    let lines = (1..=300).fold("b\n".to_owned(), |text, n| text + &format!("v{n}\n"));
    for (existing, first) in [
        ("CREATE TABLE t (b TEXT); INSERT INTO t(rowid, b) VALUES (-9, 'x')", -8),
        (
            "CREATE TABLE t (b TEXT); INSERT INTO t(rowid, b) VALUES (70, 'x'), (7, 'y')",
            71,
        ),
        (
            "CREATE TABLE t (b TEXT, id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES ('x', 9)",
            10,
        ),
    ] {
        let run = Case::csv(&lines).existing(existing).any_rejects().once();
        let rows = run.dump().rows;
        let loaded: Vec<i64> = rows
            .iter()
            .filter(|row| row.contains("'v"))
            .filter_map(|row| row.split(':').next()?.parse().ok())
            .collect();
        assert_eq!(loaded, (first..first + 300).collect::<Vec<i64>>(), "{existing}");
    }
}

#[test]
fn a_column_that_makes_numbers_of_texts_refuses_those_that_could_not_be_recovered() {
    let case = Case::csv(
        "id,phone,acct,sha,per\n1,0123456789,1,x,1\n2,+4912,1,x,1\n3,a,12345678901234567891,x,1\n4,a,00042,x,1\n5,a,1,12e5,1\n\
         6,a,1,5e400,1\n7,a,1,x,2023.10\n8,a,1,x,1.0\n9,49-12,42,12e5a,2023.25\n10,-7,-9223372036854775808,,0.5\n11, 5,1,x,1\n",
    )
    .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, phone STRING, acct DECIMAL(20,0), sha UUID, per NUMERIC)")
    .expect_rows([
        "9: 9, '49-12', 42, '12e5a', 2023.25",
        "10: 10, -7, -9223372036854775808, NULL, 0.5",
    ])
    .expect_rejects([
        (2, "type_error"),
        (3, "type_error"),
        (4, "out_of_range"),
        (5, "type_error"),
        (6, "type_error"),
        (7, "out_of_range"),
        (8, "type_error"),
        (9, "type_error"),
        (12, "type_error"),
    ]);
    case.check();
    let message = case.once().rejects()[2].message.clone();
    for part in [
        "DECIMAL(20,0)",
        "NUMERIC affinity",
        "declare the column TEXT",
        "12345678901234567891",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn any_in_a_strict_table_keeps_texts() {
    Case::csv("a,b\n1,007\n2,1.50\n")
        .existing("CREATE TABLE t (a INTEGER, b ANY) STRICT")
        .expect_rows(["1: 1, '007'", "2: 2, '1.50'"])
        .check();
}

#[test]
fn the_second_month_means_what_the_first_meant() {
    let first = "CREATE TABLE t (id INTEGER, paid INTEGER, day TEXT, at TEXT, sum REAL); INSERT INTO t VALUES (1, 1, '2024-01-05', NULL, 1.5)";
    Case::csv("id,paid,day,at,sum\n+2,true,2024-02-01,2024-02-01 10:00+00,.5\n3,no,2024-02-30,,1\n4,f,yesterday,,1\n5,x,2024-02-02,,1\n6,F,,,007\n")
        .existing(first)
        .args(["--types", "id=integer,paid=boolean,day=date,at=datetime,sum=real"])
        .expect_rows([
            "1: 1, 1, '2024-01-05', NULL, 1.5",
            "2: 2, 1, '2024-02-01', '2024-02-01 10:00+00:00', 0.5",
            "3: 6, 0, NULL, NULL, 7.0",
        ])
        .expect_rejects([(3, "out_of_range"), (4, "type_error"), (5, "type_error")])
        .check();
}

#[test]
fn declared_types_hold_for_columns_of_numeric_or_no_affinity() {
    Case::csv("d,b,n,x,y\n2024-02-29,yes,1.50,2,3\n2024-02-30,no,1,1,1\n,,12.00,2.5,+4\n")
        .existing("CREATE TABLE t (d DATE, b BOOLEAN, n DECIMAL(10,2), x, y BLOB)")
        .args(["--types", "d=date,b=boolean,n=real,x=real,y=integer"])
        .expect_rows(["1: '2024-02-29', 1, 1.5, 2.0, 3", "2: NULL, NULL, 12, 2.5, 4"])
        .expect_rejects([(3, "out_of_range")])
        .check();
}

#[test]
fn a_type_that_a_column_cannot_hold_is_refused_before_anything_is_loaded() {
    for (column, kind) in [
        ("x INTEGER", "text"),
        ("x INTEGER", "date"),
        ("x INTEGER", "real"),
        ("x TEXT", "integer"),
        ("x TEXT", "boolean"),
        ("x REAL", "text"),
        ("x REAL", "boolean"),
        ("x DECIMAL(9,2)", "text"),
    ] {
        Case::csv("x,y\n1,2\n")
            .existing(&format!("CREATE TABLE t ({column}, y TEXT)"))
            .args(["--types", &format!("x={kind}")])
            .expect_exit(78)
            .expect_said(&format!("cannot hold --types x={kind}"))
            .expect_rows([])
            .once();
    }
}

#[test]
fn text_for_all_columns_is_noted_where_it_cannot_hold() {
    let case = |schema: &str| Case::csv("x,y\n1,007\n").existing(schema).args(["--text"]).once();
    let run = case("CREATE TABLE t (x INTEGER, y TEXT)");
    assert!(
        run.stderr().contains("--text has no effect on its columns \"x\""),
        "{}",
        run.stderr()
    );
    let run = case("CREATE TABLE t (x TEXT, y)");
    assert!(!run.stderr().contains("--text"), "{}", run.stderr());
}

#[test]
fn a_row_among_many_that_a_trigger_ignores_is_a_reject() {
    let lines = (1..=300).fold("a,b\n".to_owned(), |text, n| text + &format!("{n},v{n}\n"));
    let run = Case::csv(lines)
        .existing(
            "CREATE TABLE t (a INTEGER, b TEXT);
             CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.a % 50 = 7 BEGIN SELECT RAISE(IGNORE); END",
        )
        .expect_row_list(numbered(300, |n| n % 50 == 7))
        .any_rejects()
        .once();
    assert_eq!(run.counted("rejected"), 6);
}

#[test]
fn keys_are_row_ids_whatever_autoincrement_would_give() {
    let lines = (1..=300).fold("id,v\n".to_owned(), |text, n| text + &format!("{n},v{n}\n"));
    Case::csv(lines)
        .args(["--key", "id"])
        .existing(
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);
             INSERT INTO t VALUES (500, 'gone'); DELETE FROM t",
        )
        .expect_row_list((1..=300).map(|n| format!("{n}: {n}, 'v{n}'")).collect())
        .once();
}

#[test]
fn an_index_that_tells_more_apart_than_a_key_is_no_guard_of_it() {
    for index in [
        "CREATE UNIQUE INDEX i ON t (k) WHERE v > 0",
        "CREATE UNIQUE INDEX i ON t (k COLLATE BINARY)",
        "CREATE UNIQUE INDEX i ON t (k, v)",
        "CREATE UNIQUE INDEX i ON t (lower(k), v)",
        "CREATE INDEX i ON t (k)",
    ] {
        for row in ["", "; INSERT INTO t VALUES ('z', 5)"] {
            let case = Case::csv("k,v\na,0\nA,-1\nb,0\n")
                .args(["--key", "k"])
                .existing(&format!(
                    "CREATE TABLE t (k TEXT COLLATE NOCASE, v INTEGER); {index}{row}"
                ))
                .expect_rejects([(3, "duplicate_key")]);
            assert_eq!(case.once().counted("loaded"), 2, "{index}");
        }
    }
}

#[test]
fn a_descending_primary_key_is_a_column_and_no_row_id() {
    Case::csv("a,b\n5,x\n,y\n3,z\n")
        .existing("CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b TEXT)")
        .expect_rows(["1: 5, 'x'", "2: NULL, 'y'", "3: 3, 'z'"])
        .check();
}

#[test]
fn bytes_that_a_database_reserves_of_each_page_stay_reserved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.db");
    super::database::create(&path, "PRAGMA user_version = 1");
    // Of a database without tables: eight bytes at the end of each page, and where its one page's content begins.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] = 8;
    bytes[105..107].copy_from_slice(&4088_u16.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let lines: String = (1..=2000).map(|n| format!("{n},some text\n")).collect();
    std::fs::write(folder.path().join("t.csv"), format!("a,b\n{lines}")).unwrap();
    let ended = super::harness::run_in(folder.path(), &["load", "t.csv", "out.db"]);
    assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(super::database::integrity(&path), "ok");
    assert_eq!(super::database::count(&path, "t"), 2000);
}
