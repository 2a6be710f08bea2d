//! What a load does to its table besides the rows: unique indexes, full text, SQL before and after, ANALYZE, VACUUM.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::database::{self, select_from};
use super::harness::{Case, PLAIN, Setting, read_rejects, run_in};
use super::process::{Ended, Running, rowmill, said};

const SQL: Setting = Setting {
    write_path: "sql",
    ..PLAIN
};

/// The schema without what rowmill and SQLite keep for themselves.
fn names(path: &Path) -> Vec<String> {
    let names = select_from(
        path,
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\\_fts\\_%' ESCAPE '\\' ORDER BY name",
    );
    names.iter().map(|name| name.trim_matches('\'').to_owned()).collect()
}

#[test]
fn the_first_row_with_a_unique_value_stays_in_a_new_table() {
    Case::csv("id,mail\n1,a\n2,b\n3,a\n4,\n5,\n6,b\n7,A\n")
        .args(["--unique", "mail"])
        .expect_rows(["1: 1, 'a'", "2: 2, 'b'", "4: 4, NULL", "5: 5, NULL", "7: 7, 'A'"])
        .expect_rejects([(4, "duplicate_key"), (7, "duplicate_key")])
        .check();
}

/// A row that the key refuses takes no unique value, and one that a unique value refuses takes no key.
#[test]
fn a_refused_row_takes_nothing_from_those_after_it() {
    for key in ["id", "name"] {
        Case::csv("id,name,mail\n1,x1,a\n1,x1,b\n2,x2,b\n3,x3,b\n3,x3,c\n")
            .args(["--key", key, "--unique", "mail"])
            .expect_rows(["1: 1, 'x1', 'a'", "3: 2, 'x2', 'b'", "5: 3, 'x3', 'c'"])
            .expect_rejects([(3, "duplicate_key"), (5, "duplicate_key")])
            .check();
    }
}

#[test]
fn unique_indexes_of_several_columns_are_judged_row_by_row() {
    let run = Case::csv("a,b,c\n1,1,1\n1,2,2\n1,1,3\n2,1,2\n2,2,3\n")
        .args(["--unique", "a,b", "--unique", "c", "--unique", "c", "--index", "c"])
        .expect_rows(["1: 1, 1, 1", "2: 1, 2, 2", "5: 2, 2, 3"])
        .expect_rejects([(4, "duplicate_key"), (5, "duplicate_key")])
        .check_at(&[PLAIN, SQL])
        .unwrap();
    assert_eq!(names(&run.path("out.db")), ["t", "t_a_b", "t_c"]);
}

#[test]
fn an_existing_table_gets_the_index_or_is_refused_with_an_example() {
    let table =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT COLLATE NOCASE); INSERT INTO t VALUES (1, 'a'), (2, 'b')";
    Case::csv("id,mail\n3,B\n4,c\n5,C\n")
        .existing(table)
        .args(["--unique", "mail"])
        .expect_rows(["1: 1, 'a'", "2: 2, 'b'", "4: 4, 'c'"])
        .expect_rejects([(2, "duplicate_key"), (4, "duplicate_key")])
        .check();
    let run = Case::csv("id,mail\n4,c\n")
        .existing(&format!("{table}, (3, 'B')"))
        .args(["--unique", "mail"])
        .expect_exit(78)
        .expect_said("for example 'b'")
        .once();
    assert_eq!(run.dump().rows.len(), 3);
    assert_eq!(names(&run.path("out.db")), ["t"]);
}

/// An index that was there before is not the load's, and stays when the load comes to nothing.
#[test]
fn a_load_that_comes_to_nothing_takes_only_its_own_unique_index_back() {
    let run = Case::csv("id,mail\n1\n2\n")
        .existing("CREATE TABLE t(id INTEGER, mail TEXT); CREATE UNIQUE INDEX \"t_id\" ON \"t\"(\"id\")")
        .args(["--key", "id", "--unique", "mail", "--max-errors", "0"])
        .expect_exit(3)
        .any_rejects()
        .once();
    assert_eq!(names(&run.path("out.db")), ["t", "t_id"]);
}

#[test]
fn words_are_found_in_a_new_table_and_again_after_a_second_load() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    let find = "SELECT rowid FROM \"my \"\"t\"\" é_fts\" WHERE \"my \"\"t\"\" é_fts\" MATCH 'grace' ORDER BY rowid";
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--table",
        "my \"t\" é",
        "--fts",
        "full name,note",
    ];
    fs::write(
        folder.path().join("in.csv"),
        "id,full name,note\n7,Ada,x\n8,Grace,y\n9\n10,Z,by grace\n",
    )
    .unwrap();
    let ended = run_in(folder.path(), &args);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(select_from(&database, find), ["2", "4"]);
    fs::write(folder.path().join("in.csv"), "id,full name,note\n11,Grace,z\n").unwrap();
    let ended = run_in(folder.path(), &args);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(select_from(&database, find), ["2", "4", "5"]);
    let check = "INSERT INTO \"my \"\"t\"\" é_fts\"(\"my \"\"t\"\" é_fts\", rank) VALUES ('integrity-check', 1)";
    Connection::open(&database).unwrap().execute_batch(check).unwrap();
}

#[test]
fn rows_of_an_integer_key_are_found_by_it_at_every_setting() {
    let case =
        Case::csv("id,name\n10,Ada L\n20,Grace H\n30,Ada B\n").args(["--key", "id", "--fts", "name", "--analyze"]);
    for setting in [PLAIN, SQL] {
        let run = case.run(&setting);
        assert_eq!(run.ended.code(), 0, "{}", run.stderr());
        let find = "SELECT rowid FROM t_fts WHERE t_fts MATCH 'ada' ORDER BY rowid";
        assert_eq!(select_from(&run.path("out.db"), find), ["10", "30"]);
        assert_eq!(
            select_from(&run.path("out.db"), "SELECT tbl, stat FROM sqlite_stat1"),
            ["'t', '3'"]
        );
    }
}

#[test]
fn what_is_no_such_full_text_table_is_left_alone_and_refused() {
    for other in [
        "CREATE TABLE t_fts(x)",
        "CREATE VIEW t_fts AS SELECT 1",
        "CREATE TABLE T_FTS_DATA(x)",
        "CREATE VIRTUAL TABLE t_fts USING fts5(a)",
        "CREATE TABLE t(a, b); CREATE VIRTUAL TABLE t_fts USING fts5(b, content='t')",
    ] {
        let run = Case::csv("a,b\n1,x\n")
            .existing(&format!("CREATE TABLE other(x); {other}"))
            .args(["--fts", "b"])
            .expect_exit(78)
            .expect_said("--fts")
            .run(&PLAIN);
        assert_eq!(run.ended.code(), 78, "{other}: {}", run.stderr());
        assert!(run.stderr().contains("--fts"), "{other}: {}", run.stderr());
    }
    for (columns, table, code) in [
        ("rank", "", 64),
        ("b", "CREATE TABLE t(a, b, rank, PRIMARY KEY(a)) WITHOUT ROWID", 64),
        ("nowhere", "", 64),
    ] {
        let run = Case::csv("a,b,rank\n1,x,2\n").existing(&format!("CREATE TABLE u(a); {table}"));
        let run = run.args(["--fts", columns]).run(&PLAIN);
        assert_eq!(run.ended.code(), code, "{columns}: {}", run.stderr());
    }
}

const BEFORE: &str = "CREATE TABLE IF NOT EXISTS log(what); INSERT INTO log VALUES ('before')";
const AFTER: &str = "INSERT INTO log SELECT 'after ' || count(*) FROM t";

#[test]
fn sql_runs_once_before_and_once_after_the_rows() {
    let case = Case::csv("a,b\n1,x\n2\n3,y\n")
        .args([
            "--before",
            BEFORE,
            "--after",
            AFTER,
            "--after",
            "SELECT 1; UPDATE t SET b = 'z' WHERE a = 1",
        ])
        .expect_rows(["1: 1, 'z'", "3: 3, 'y'"])
        .expect_rejects([(3, "missing_columns")]);
    case.check();
    let run = case.once();
    assert_eq!(
        select_from(&run.path("out.db"), "SELECT what FROM log"),
        ["'before'", "'after 2'"]
    );
}

#[test]
fn sql_that_is_refused_is_named_and_leaves_nothing() {
    for (option, sql, code, fragment) in [
        ("--before", "COMMIT", 64, "COMMIT"),
        ("--after", "SELECT 1; /* x */ attach 'y' AS z", 64, "ATTACH"),
        ("--after", "VACUUM", 64, "VACUUM"),
        ("--before", "SAVEPOINT x", 64, "SAVEPOINT"),
        (
            "--before",
            "INSERT INTO nowhere VALUES (1)",
            78,
            "no such table: nowhere",
        ),
        (
            "--before",
            "CREATE TABLE x(a); INSERT INTO x VALUES (?)",
            78,
            "parameter",
        ),
        ("--before", "DROP TABLE t", 78, "it is gone"),
        ("--before", "INSERT INTO t VALUES (1)", 78, "has rows now"),
        (
            "--before",
            "ALTER TABLE t RENAME COLUMN a TO c",
            78,
            "--before changed table \"t\"",
        ),
    ] {
        let run = Case::csv("a\n1\n")
            .args([option, sql])
            .expect_exit(code)
            .expect_said(fragment)
            .once();
        assert!(
            !run.path("out.db").exists() || names(&run.path("out.db")).is_empty(),
            "{sql}"
        );
    }
    let run = Case::csv("a\n1\n")
        .existing("CREATE TABLE x(a); CREATE TABLE r(a PRIMARY KEY ON CONFLICT ROLLBACK); INSERT INTO r VALUES (1)")
        .args(["--before", "INSERT INTO x VALUES (1); INSERT INTO r VALUES (1)"])
        .expect_exit(78)
        .once();
    assert_eq!(names(&run.path("out.db")).len(), 2);
    assert_eq!(database::count(&run.path("out.db"), "x"), 0);
}

/// The rows are in; the statement can be mended, and the load goes on with it.
#[test]
fn sql_after_the_rows_that_fails_can_be_mended() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    fs::write(folder.path().join("t.csv"), "a\n1\n2\n").unwrap();
    let args = |sql| {
        [
            "load",
            "t.csv",
            "out.db",
            "--before",
            "CREATE TABLE log(x)",
            "--after",
            sql,
        ]
    };
    let ended = run_in(
        folder.path(),
        &args("INSERT INTO log VALUES (1); INSERT INTO lok VALUES (2)"),
    );
    assert_eq!(ended.code(), 78, "{}", said(&ended));
    assert!(
        said(&ended).contains("INSERT INTO lok") && said(&ended).contains("all rows were loaded"),
        "{}",
        said(&ended)
    );
    assert_eq!(
        (database::count(&database, "t"), database::count(&database, "log")),
        (2, 0)
    );
    let ended = run_in(folder.path(), &args("INSERT INTO log VALUES (3)"));
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(select_from(&database, "SELECT x FROM log"), ["3"]);
    assert_eq!(database::count(&database, "t"), 2);
    assert_eq!(names(&database), ["log", "t"]);
}

/// A table through which rows only pass.
#[test]
fn sql_after_the_rows_may_take_the_table_away() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    database::create(&database, "CREATE TABLE all_rows(a)");
    fs::write(folder.path().join("t.csv"), "a\n1\n2\n").unwrap();
    let sql = "INSERT INTO all_rows SELECT a FROM t; DROP TABLE t";
    let args = ["load", "t.csv", "out.db", "--after", sql, "--analyze", "--vacuum"];
    for rows in [2, 4] {
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert_eq!(names(&database), ["all_rows"]);
        assert_eq!(database::count(&database, "all_rows"), rows);
    }
}

/// A load over its limit of errors has not come to its end, and takes the last steps with a higher one.
#[test]
fn a_load_over_its_limit_takes_no_last_steps() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    fs::write(folder.path().join("t.csv"), "a,b\n1,x\n2\n3,y\n4\n").unwrap();
    let args = |limit| {
        [
            "load",
            "t.csv",
            "out.db",
            "--before",
            BEFORE,
            "--after",
            AFTER,
            "--fts",
            "b",
            "--max-errors",
            limit,
        ]
    };
    assert_eq!(run_in(folder.path(), &args("1")).code(), 3);
    assert_eq!(select_from(&database, "SELECT what FROM log"), ["'before'"]);
    assert!(!names(&database).contains(&"t_fts".to_owned()));
    assert_eq!(run_in(folder.path(), &args("9")).code(), 2);
    assert_eq!(
        select_from(&database, "SELECT what FROM log"),
        ["'before'", "'after 2'"]
    );
    assert_eq!(names(&database), ["log", "t", "t_fts"]);
}

#[test]
fn what_runs_once_for_a_database_is_refused_with_a_table_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "a,b\n1,x\n").unwrap();
    fs::write(folder.path().join("u.csv"), "b\nx\nx\n").unwrap();
    for more in [&["--before", "SELECT 1"][..], &["--after", "SELECT 1"], &["--vacuum"]] {
        let args = [&["load", "t.csv", "u.csv", "out.db", "--table-per-file"], more].concat();
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 64, "{}", said(&ended));
        assert!(said(&ended).contains(more[0]), "{}", said(&ended));
    }
    let args = [
        "load",
        "t.csv",
        "u.csv",
        "out.db",
        "--table-per-file",
        "--fts",
        "b",
        "--unique",
        "b",
        "--analyze",
    ];
    let ended = run_in(folder.path(), &args);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(
        names(&folder.path().join("out.db")),
        ["t", "t_b", "t_fts", "u", "u_b", "u_fts"]
    );
}

/// Whoever uses the database is in the way of VACUUM alone: the rows are in, and the same command takes up what is left.
#[test]
fn vacuum_leaves_no_room_and_can_be_done_once_others_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    let other = "CREATE TABLE other(x); INSERT INTO other VALUES (zeroblob(500000)); DELETE FROM other";
    database::create(&database, other);
    fs::write(folder.path().join("t.csv"), "a,b\n1,x\n2,y\n").unwrap();
    let args = ["load", "t.csv", "out.db", "--vacuum", "--key", "b"].map(Into::into);
    let run = |kill_at: &str| {
        let mut command = rowmill(folder.path(), &args);
        command.env("ROWMILL_BUSY_MS", "50");
        command.env("ROWMILL_SIGNAL_AT", format!("{kill_at} 1 {}", libc::SIGKILL));
        Running::start(command).wait()
    };
    assert_eq!(run("after: has run").code(), 137);
    let reader = Connection::open(&database).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM other").unwrap();
    let ended = run("nowhere");
    assert_eq!(ended.code(), 75, "{}", said(&ended));
    assert!(said(&ended).contains("only --vacuum is left"), "{}", said(&ended));
    assert_eq!(database::count(&database, "t"), 2);
    reader.execute_batch("COMMIT").unwrap();
    let ended = run("nowhere");
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(names(&database), ["other", "t", "t_b"]);
    assert!(fs::metadata(&database).unwrap().len() < 50_000);
}

/// A folder with an input that takes all the steps, killed on the way.
struct Stepped {
    folder: TempDir,
}

impl Stepped {
    fn new() -> Stepped {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = (0..900)
            .map(|number| match number % 50 {
                0 => format!("{number}\n"),
                other => format!("{number},m{},word{other}\n", number % 700),
            })
            .collect();
        fs::write(folder.path().join("in.csv"), format!("id,mail,note\n{lines}")).unwrap();
        Stepped { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "in.csv") {
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn run(&self, more: &[&str], kill_at: Option<(&str, u32)>) -> Ended {
        let args = [
            "load", "in.csv", "out.db", "--table", "t", "--unique", "mail", "--fts", "note", "--index", "note",
        ];
        let steps = [
            "--before",
            BEFORE,
            "--after",
            AFTER,
            "--analyze",
            "--vacuum",
            "--batch-rows",
            "200",
        ];
        let args: Vec<_> = args.iter().chain(&steps).chain(more).map(Into::into).collect();
        let mut command = rowmill(self.folder.path(), &args);
        if let Some((point, count)) = kill_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    }

    fn outcome(&self) -> (Vec<String>, Vec<String>, Vec<String>, usize) {
        let path = self.path("out.db");
        assert_eq!(database::integrity(&path), "ok");
        let errors = read_rejects(&fs::read(self.path("errors.csv")).unwrap()).unwrap();
        let found = select_from(&path, "SELECT rowid FROM t_fts WHERE t_fts MATCH 'word7'");
        assert!(!found.is_empty());
        let log = select_from(&path, "SELECT what FROM log");
        (database::dump(&path, "t").rows, log, names(&path), errors.len())
    }
}

const POINTS: [&str; 11] = [
    "before: has run",
    "batch: committed",
    "index: built by SQLite",
    "fts: before it is built",
    "fts: built",
    "after: before it is run",
    "after: has run",
    "analyze: done",
    "vacuum: done",
    "finish: before the checkpoint goes",
    "load: table made",
];

#[test]
fn steps_that_are_killed_are_taken_once_whatever_was_done_before() {
    let load = Stepped::new();
    let ended = load.run(&[], None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let golden = load.outcome();
    assert_eq!(golden.1.len(), 2, "{:?}", golden.1);
    assert_eq!(golden.2, ["log", "t", "t_fts", "t_mail", "t_note"]);
    for (index, point) in POINTS.iter().enumerate() {
        load.clear();
        let next = POINTS[(index * 3 + 1) % POINTS.len()];
        assert_eq!(load.run(&[], Some((point, 1))).code(), 137, "{point}");
        let mut ended = load.run(&[], Some((next, 1)));
        if ended.code() == 137 {
            ended = load.run(&[], None);
        }
        assert_eq!(ended.code(), 2, "{point}, {next}: {}", said(&ended));
        assert_eq!(load.outcome(), golden, "{point}, {next}");
    }
}

#[test]
fn a_load_that_is_done_but_for_its_last_steps_ends_with_the_same_counts_and_sql() {
    let load = Stepped::new();
    assert_eq!(load.run(&[], Some(("after: has run", 1))).code(), 137);
    let ended = load.run(&["--after", "SELECT 1"], None);
    assert_eq!(ended.code(), 64, "{}", said(&ended));
    assert!(said(&ended).contains("has run its --after already"), "{}", said(&ended));
    let ended = load.run(&["--report", "report.json"], None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(load.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["outcome"], "complete");
    assert_eq!(report["records"], 900);
    let counts = ["loaded", "rejected", "duplicates"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(counts.iter().sum::<u64>(), 900, "{counts:?}");
    assert_eq!(load.outcome().1.len(), 2);
}

/// What the load made goes with it, its full-text table too; what SQL of others made stays.
#[test]
fn a_restart_takes_back_the_full_text_table() {
    let load = Stepped::new();
    assert_eq!(load.run(&[], Some(("fts: built", 1))).code(), 137);
    let ended = load.run(&["--restart"], None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let (_, log, names, _) = load.outcome();
    assert_eq!(log, ["'before'", "'before'", log[2].as_str()]);
    assert_eq!(names, ["log", "t", "t_fts", "t_mail", "t_note"]);
}

#[test]
fn files_that_are_remembered_or_grow_take_the_steps_too() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    let steps = [
        "--before",
        BEFORE,
        "--after",
        AFTER,
        "--fts",
        "b",
        "--analyze",
        "--vacuum",
    ];
    for mode in ["--once", "--append-only"] {
        let _ = fs::remove_file(&database);
        fs::write(folder.path().join("t.csv"), "a,b\n1,x\n2,y\n").unwrap();
        let args: Vec<_> = ["load", "t.csv", "out.db", mode]
            .iter()
            .chain(&steps)
            .map(Into::into)
            .collect();
        let mut command = rowmill(folder.path(), &args);
        command.env("ROWMILL_SIGNAL_AT", format!("vacuum: done 1 {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 137, "{mode}");
        let run = || Running::start(rowmill(folder.path(), &args)).wait();
        let ended = run();
        assert_eq!(ended.code(), 0, "{mode}: {}", said(&ended));
        assert_eq!(run().code(), 0, "{mode}: nothing is new");
        assert_eq!(
            select_from(&database, "SELECT what FROM log"),
            ["'before'", "'after 2'"],
            "{mode}"
        );
        fs::write(folder.path().join("t.csv"), "a,b\n1,x\n2,y\n3,z\n").unwrap();
        let ended = run();
        assert_eq!(ended.code(), 0, "{mode}: {}", said(&ended));
        let rows = database::count(&database, "t");
        assert_eq!(rows, if mode == "--once" { 5 } else { 3 });
        let found = select_from(&database, "SELECT count(*) FROM t_fts WHERE t_fts MATCH 'x OR y OR z'");
        assert_eq!(found, [rows.to_string()], "{mode}");
        assert_eq!(select_from(&database, "SELECT count(*) FROM log"), ["4"], "{mode}");
    }
}
