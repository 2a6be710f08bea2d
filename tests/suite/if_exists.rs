//! A table that is there already: `--if-exists` fail, truncate and replace, killed half-way, beside others who use it.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::database::{self, select_from};
use super::harness::{Case, run_in};
use super::process::{Ended, Running, rowmill, said};

const OLD: &str = "CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES (7, 'old'), (8, 'old'), (9, 'old')";

/// What is in the schema, but for what SQLite keeps for itself.
fn names(path: &Path) -> Vec<String> {
    let names = select_from(
        path,
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\\_fts\\_%' ESCAPE '\\' ORDER BY name",
    );
    names.iter().map(|name| name.trim_matches('\'').to_owned()).collect()
}

#[test]
fn fail_takes_a_new_table_alone() {
    Case::csv("id,name\n1,a\n")
        .args(["--if-exists", "fail"])
        .expect_rows(["1: 1, 'a'"])
        .check();
    let run = Case::csv("id,name\n1,a\n")
        .existing(OLD)
        .args(["--if-exists", "fail"])
        .expect_exit(78)
        .expect_said("--if-exists fail")
        .once();
    assert_eq!(database::count(&run.path("out.db"), "t"), 3);
}

#[test]
fn rows_that_were_there_give_way_to_those_of_the_load() {
    for what in ["truncate", "replace"] {
        Case::csv("id,name\n3,a\n4\n1,b\n3,c\n")
            .existing(OLD)
            .args(["--if-exists", what])
            .expect_rows(match what {
                "truncate" => ["1: 3, 'a'", "2: 1, 'b'", "3: 3, 'c'"],
                _ => ["1: 3, 'a'", "3: 1, 'b'", "4: 3, 'c'"],
            })
            .expect_rejects([(3, "missing_columns")])
            .check();
    }
}

/// The rows that are gone have no say in what repeats a key, whatever kind of key it is.
#[test]
fn keys_of_rows_that_give_way_are_free() {
    for table in [
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, twice INTEGER AS (id * 2)) STRICT",
        "CREATE TABLE t(id INTEGER, name TEXT, CHECK (id > 0)); CREATE UNIQUE INDEX t_id ON t(id)",
    ] {
        let run = Case::csv("id,name\n1,a\n2,b\n7,c\n2,d\n5,e\n")
            .existing(&format!(
                "{table}; INSERT INTO t(id, name) VALUES (2, 'old'), (7, 'old'), (100, 'old')"
            ))
            .args(["--if-exists", "truncate", "--key", "id", "--batch-rows", "2"])
            .expect_rejects([(5, "duplicate_key")])
            .once();
        let rows = select_from(&run.path("out.db"), "SELECT id, name FROM t ORDER BY id");
        assert_eq!(rows, ["1, 'a'", "2, 'b'", "5, 'e'", "7, 'c'"], "{table}");
    }
}

#[test]
fn a_load_without_a_row_takes_nothing_away() {
    for what in ["truncate", "replace"] {
        for (input, more, code) in [
            ("id,name\n", &[][..], 0),
            ("id,name\n1\n2\n", &[], 2),
            ("id,name\n1\n2\n3,a\n", &["--max-errors", "1"], 3),
            (
                "id,name\nx,a\ny,b\n",
                &["--types", "id=integer", "--batch-rows", "1"],
                2,
            ),
        ] {
            let args = [&["--if-exists", what][..], more].concat();
            let folder = tempfile::tempdir().unwrap();
            database::create(&folder.path().join("out.db"), OLD);
            fs::write(folder.path().join("t.csv"), input).unwrap();
            let args: Vec<&str> = ["load", "t.csv", "out.db"].into_iter().chain(args).collect();
            let ended = run_in(folder.path(), &args);
            assert_eq!(ended.code(), code, "{what}, {input}: {}", said(&ended));
            let database = folder.path().join("out.db");
            assert_eq!(database::count(&database, "t"), 3, "{what}, {input}");
            assert_eq!(names(&database), ["t"], "{what}, {input}: {}", said(&ended));
        }
    }
}

/// Nobody reads a half-done table: the old rows are there until the first new ones are, or all of them.
#[test]
fn readers_see_old_rows_or_new_ones() {
    for journal in ["WAL", "DELETE"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("out.db");
        database::create(&database, &format!("PRAGMA journal_mode = {journal}; {OLD}"));
        let lines: String = (0..1000).map(|number| format!("{number},new\n")).collect();
        fs::write(folder.path().join("t.csv"), format!("id,name\n{lines}")).unwrap();
        let kill = |what: &str, point: &str, count: u32| {
            let args = ["load", "t.csv", "out.db", "--if-exists", what, "--batch-rows", "300"].map(Into::into);
            let mut command = rowmill(folder.path(), &args);
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
            Running::start(command).wait().code()
        };
        assert_eq!(kill("replace", "batch: committed", 2), 137);
        assert_eq!(select_from(&database, "SELECT DISTINCT name FROM t"), ["'old'"]);
        assert_eq!(kill("replace", "after: before it is run", 1), 137);
        assert_eq!(select_from(&database, "SELECT DISTINCT name FROM t"), ["'old'"]);
        assert_eq!(kill("replace", "after: has run", 1), 137);
        assert_eq!(select_from(&database, "SELECT name, count(*) FROM t"), ["'new', 1000"]);
        assert_eq!(kill("replace", "nowhere", 1), 0);
        assert_eq!(names(&database), ["t"]);
        assert_eq!(kill("truncate", "load: table made", 1), 137);
        assert_eq!(select_from(&database, "SELECT count(*) FROM t"), ["1000"]);
        assert_eq!(kill("truncate", "batch: committed", 1), 137);
        assert_eq!(select_from(&database, "SELECT count(*) FROM t"), ["300"]);
        assert_eq!(kill("truncate", "nowhere", 1), 0);
        assert_eq!(
            select_from(&database, "SELECT count(*), count(DISTINCT id) FROM t"),
            ["1000, 1000"]
        );
    }
}

#[test]
fn what_would_be_lost_with_a_table_keeps_it_from_being_replaced() {
    for (other, fragment) in [
        ("CREATE VIEW v AS SELECT name FROM t", "view \"v\""),
        (
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            "trigger \"g\"",
        ),
        (
            "CREATE TABLE o(x); CREATE TRIGGER g AFTER INSERT ON o BEGIN DELETE FROM \"T\"; END",
            "trigger \"g\"",
        ),
        ("CREATE INDEX mine ON t(name)", "index \"mine\""),
        ("CREATE UNIQUE INDEX t_id ON t(id)", "index \"t_id\""),
        (
            "CREATE VIRTUAL TABLE t_fts USING fts5(name, content='t')",
            "virtual table \"t_fts\"",
        ),
        (
            "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)",
            "have the same id",
        ),
        (
            "DROP TABLE t; CREATE TABLE t(id INTEGER, name TEXT UNIQUE)",
            "have the same name",
        ),
        (
            "CREATE UNIQUE INDEX i ON t(id); CREATE TABLE child(x REFERENCES t(id))",
            "table \"child\" refers",
        ),
        ("CREATE TABLE _rowmill_new_t(x)", "_rowmill_new_t"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("out.db");
        database::create(&database, &format!("{OLD}; {other}"));
        let before = select_from(&database, "SELECT name, sql FROM sqlite_schema");
        fs::write(folder.path().join("t.csv"), "id,name\n1,a\n").unwrap();
        let ended = run_in(folder.path(), &["load", "t.csv", "out.db", "--if-exists", "replace"]);
        assert_eq!(ended.code(), 78, "{other}: {}", said(&ended));
        assert!(said(&ended).contains(fragment), "{other}: {}", said(&ended));
        assert_eq!(
            select_from(&database, "SELECT name, sql FROM sqlite_schema"),
            before,
            "{other}"
        );
    }
    for (other, code) in [
        (
            "CREATE UNIQUE INDEX i ON t(id); CREATE TABLE child(x REFERENCES t(id) ON DELETE CASCADE)",
            78,
        ),
        (
            "CREATE TRIGGER keep BEFORE DELETE ON t BEGIN SELECT RAISE(IGNORE); END",
            78,
        ),
        (
            "CREATE TABLE log(x); CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO log VALUES (old.id); END",
            0,
        ),
        ("CREATE VIEW v AS SELECT name FROM t", 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("out.db");
        database::create(&database, &format!("{OLD}; {other}"));
        fs::write(folder.path().join("t.csv"), "id,name\n1,a\n").unwrap();
        let ended = run_in(folder.path(), &["load", "t.csv", "out.db", "--if-exists", "truncate"]);
        assert_eq!(ended.code(), code, "{other}: {}", said(&ended));
        assert_eq!(
            database::count(&database, "t"),
            if code == 0 { 1 } else { 3 },
            "{other}"
        );
    }
}

#[test]
fn what_relies_on_earlier_rows_is_refused_with_it() {
    for (flag, what) in [("--once", "replace"), ("--append-only", "truncate")] {
        Case::csv("a\n1\n")
            .args([flag, "--if-exists", what])
            .expect_exit(64)
            .expect_said("--if-exists")
            .once();
    }
}

/// A folder with an input that replaces a table with all that can belong to one, killed on the way.
struct Replacing {
    folder: TempDir,
}

const ARGS: [&str; 16] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "a \"t\"",
    "--key",
    "id",
    "--unique",
    "mail",
    "--index",
    "note,id",
    "--fts",
    "note",
    "--batch-rows",
    "200",
    "--analyze",
];

impl Replacing {
    fn new(old: &str) -> Replacing {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = (0..900)
            .map(|number| match number % 50 {
                0 => format!("k{number}\n"),
                other => format!("k{},m{},word{other}\n", number % 880, number % 870),
            })
            .collect();
        fs::write(folder.path().join("in.csv"), format!("id,mail,note\n{lines}")).unwrap();
        database::create(&folder.path().join("old.db"), old);
        Replacing { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path
                .file_name()
                .is_some_and(|name| name != "in.csv" && name != "old.db")
            {
                fs::remove_file(path).unwrap();
            }
        }
        fs::copy(self.path("old.db"), self.path("out.db")).unwrap();
    }

    fn run(&self, more: &[&str], kill_at: Option<(&str, u32)>) -> Ended {
        let args: Vec<_> = ARGS
            .iter()
            .chain(&["--if-exists", "replace"])
            .chain(more)
            .map(Into::into)
            .collect();
        let mut command = rowmill(self.folder.path(), &args);
        if let Some((point, count)) = kill_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    }

    /// Rows, schema and rejects.
    fn outcome(&self) -> (Vec<String>, Vec<String>, Vec<u8>) {
        let path = self.path("out.db");
        assert_eq!(database::integrity(&path), "ok");
        let fts = "\"a \"\"t\"\"_fts\"";
        let check = format!("INSERT INTO {fts}({fts}, rank) VALUES ('integrity-check', 1)");
        Connection::open(&path).unwrap().execute_batch(&check).unwrap();
        let rows = select_from(&path, "SELECT rowid, * FROM \"a \"\"t\"\"\"");
        let schema = select_from(
            &path,
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
        );
        (rows, schema, fs::read(self.path("errors.csv")).unwrap())
    }
}

const OLD_T: &str = "CREATE TABLE \"a \"\"t\"\"\"(other REAL); INSERT INTO \"a \"\"t\"\"\" VALUES (1.5)";

/// The replaced table is, to the word, what the same load makes where there was none.
#[test]
fn a_table_that_was_replaced_is_as_one_that_was_new_wherever_the_load_was_killed() {
    let load = Replacing::new(OLD_T);
    load.clear();
    fs::remove_file(load.path("out.db")).unwrap();
    assert_eq!(load.run(&[], None).code(), 2);
    let golden = load.outcome();
    assert!(
        golden.1.iter().any(|entry| entry.contains("'a \"t\"_note_id'")),
        "{:?}",
        golden.1
    );
    let points = [
        "load: table made",
        "batch: committed",
        "settle: committed",
        "index: built by SQLite",
        "fts: before it is built",
        "after: before it is run",
        "after: has run",
        "analyze: done",
        "finish: before the checkpoint goes",
    ];
    for path in ["auto", "sql"] {
        for (index, point) in points.iter().enumerate() {
            load.clear();
            let more = ["--write-path", path];
            let next = points[(index * 2 + 3) % points.len()];
            let mut ended = load.run(&more, Some((point, 1)));
            for kill_at in [Some((next, 1)), None] {
                if ended.code() == 137 {
                    ended = load.run(&more, kill_at);
                }
            }
            assert_eq!(ended.code(), 2, "{path}, {point}, {next}: {}", said(&ended));
            assert_eq!(load.outcome(), golden, "{path}, {point}, {next}");
        }
    }
    // And once more, now with all that belongs to it.
    let ended = load.run(&[], None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(load.outcome(), golden);
}

#[test]
fn without_other_unique_columns_the_new_table_is_filled_directly() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    database::create(&database, OLD);
    fs::write(folder.path().join("t.csv"), "id,name\n5,a\n3,b\n5,c\n1,d\n").unwrap();
    let args = [
        "load",
        "t.csv",
        "out.db",
        "--if-exists",
        "replace",
        "--key",
        "id",
        "--index",
        "name",
        "--write-path",
        "direct",
    ];
    for _ in 0..2 {
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(said(&ended).contains("into table t of"), "{}", said(&ended));
        assert_eq!(
            select_from(&database, "SELECT id FROM t ORDER BY rowid"),
            ["5", "3", "1"]
        );
        assert_eq!(names(&database), ["t", "t_id", "t_name"]);
        assert_eq!(database::integrity(&database), "ok");
        // The renamed index is the one that is used.
        let plan = select_from(&database, "EXPLAIN QUERY PLAN SELECT * FROM t WHERE id = 3");
        assert!(plan[0].contains("USING INDEX t_id"), "{plan:?}");
        let again = Connection::open(&database)
            .unwrap()
            .execute_batch("INSERT INTO t VALUES (3, 'x')");
        assert!(again.unwrap_err().to_string().contains("UNIQUE"));
    }
}

#[test]
fn a_replacement_that_is_given_up_or_begun_anew_leaves_the_old_table() {
    let load = Replacing::new(OLD_T);
    load.clear();
    assert_eq!(load.run(&[], Some(("batch: committed", 2))).code(), 137);
    let other = run_in(load.folder.path(), &ARGS);
    assert_eq!(other.code(), 64, "{}", said(&other));
    assert!(
        said(&other).contains("--if-exists was replace and is append"),
        "{}",
        said(&other)
    );
    let ended = run_in(
        load.folder.path(),
        &["load", "out.db", "--table", "a \"t\"", "--forget"],
    );
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert!(said(&ended).contains("stays as it was"), "{}", said(&ended));
    assert_eq!(
        select_from(&load.path("out.db"), "SELECT * FROM \"a \"\"t\"\"\""),
        ["1.5"]
    );
    assert_eq!(names(&load.path("out.db")), ["a \"t\""]);
    assert_eq!(load.run(&[], Some(("batch: committed", 2))).code(), 137);
    let ended = load.run(&["--restart"], None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert!(database::count(&load.path("out.db"), "a \"t\"") > 700);
    assert!(
        !names(&load.path("out.db"))
            .iter()
            .any(|name| name.starts_with("_rowmill"))
    );
}

#[test]
fn a_stream_replaces_a_table_or_leaves_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    database::create(&database, OLD);
    let run = |input: &str, limit: &str| {
        fs::write(folder.path().join("x.csv"), input).unwrap();
        let args = [
            "load",
            "-",
            "out.db",
            "--table",
            "t",
            "--if-exists",
            "replace",
            "--max-errors",
            limit,
        ]
        .map(Into::into);
        let mut command = rowmill(folder.path(), &args);
        command.stdin(fs::File::open(folder.path().join("x.csv")).unwrap());
        Running::start(command).wait()
    };
    let ended = run("id,name\n1,a\n2\n3\n", "1");
    assert_eq!(ended.code(), 3, "{}", said(&ended));
    assert_eq!(database::count(&database, "t"), 3);
    assert_eq!(names(&database), ["t"]);
    let ended = run("id,name\n1,a\n2\n", "1");
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(database::count(&database, "t"), 1);
    assert_eq!(names(&database), ["t"]);
}

#[test]
fn each_file_replaces_its_own_table() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    database::create(
        &database,
        &format!("{OLD}; CREATE TABLE u(x); INSERT INTO u VALUES (1)"),
    );
    fs::write(folder.path().join("t.csv"), "id\n1\n").unwrap();
    fs::write(folder.path().join("u.csv"), "id\n2\n3\n").unwrap();
    let args = [
        "load",
        "t.csv",
        "u.csv",
        "out.db",
        "--table-per-file",
        "--if-exists",
        "replace",
    ]
    .map(Into::into);
    let mut command = rowmill(folder.path(), &args);
    command.env("ROWMILL_SIGNAL_AT", format!("files: one is loaded 1 {}", libc::SIGKILL));
    assert_eq!(Running::start(command).wait().code(), 137);
    let ended = Running::start(rowmill(folder.path(), &args)).wait();
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(
        (database::count(&database, "t"), database::count(&database, "u")),
        (1, 2)
    );
    assert_eq!(names(&database), ["t", "u"]);
}
