//! `--atomic file`: all rows of a load land together, or none, in a new table and in one that exists.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use serde_json::Value;
use tempfile::TempDir;

use super::database::{self, select_from};
use super::harness::{Case, run_in};
use super::process::{Ended, Running, rowmill, said};

/// What is in the schema, but for what SQLite and rowmill keep for themselves.
fn names(path: &Path) -> Vec<String> {
    let names = select_from(
        path,
        "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_rowmill_checkpoint' ORDER BY name",
    );
    names.iter().map(|name| name.trim_matches('\'').to_owned()).collect()
}

/// A load of `in.csv` into table `t`.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(existing: Option<&str>, input: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        if let Some(sql) = existing {
            database::create(&folder.path().join("out.db"), sql);
        }
        fs::write(folder.path().join("in.csv"), input).unwrap();
        Scene { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, more: &[&str], signal_at: Option<(&str, u32, i32)>) -> Ended {
        self.start(more, signal_at).wait()
    }

    fn start(&self, more: &[&str], signal_at: Option<(&str, u32, i32)>) -> Running {
        let args = ["load", "in.csv", "out.db", "--table", "t", "--report", "report.json"];
        let args: Vec<_> = args.iter().chain(more).map(Into::into).collect();
        let mut command = rowmill(self.folder.path(), &args);
        if let Some((point, count, signal)) = signal_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {signal}"));
        }
        Running::start(command)
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("report.json")).unwrap()).unwrap()
    }

    /// Rows, schema and rejects.
    fn outcome(&self) -> (Vec<String>, Vec<String>, Vec<u8>) {
        let path = self.path("out.db");
        assert_eq!(database::integrity(&path), "ok");
        let schema = select_from(
            &path,
            "SELECT name, sql FROM sqlite_schema WHERE name <> '_rowmill_checkpoint' ORDER BY name",
        );
        (
            select_from(&path, "SELECT * FROM t"),
            schema,
            fs::read(self.path("errors.csv")).unwrap(),
        )
    }
}

/// 900 records, some bad, some that repeat a key.
fn input() -> String {
    let lines: String = (0..900)
        .map(|number| match number % 50 {
            0 => format!("{number},bad\n"),
            other => format!("{},name{other},{}\n", number % 870, number % 880),
        })
        .collect();
    format!("id,name,n\n{lines}")
}

const FILE: [&str; 4] = ["--atomic", "file", "--batch-rows", "100"];

#[test]
fn a_whole_load_is_as_one_in_batches() {
    let case = Case::csv("id,name\n3,a\n4\n1,b\n3,c\n").args(["--key", "id", "--atomic", "file"]);
    case.clone()
        .expect_rows(["1: 3, 'a'", "3: 1, 'b'"])
        .expect_rejects([(3, "missing_columns"), (5, "duplicate_key")])
        .check();
    case.existing("CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES (7, 'old')")
        .expect_rows(["1: 7, 'old'", "2: 3, 'a'", "3: 1, 'b'"])
        .expect_rejects([(3, "missing_columns"), (5, "duplicate_key")])
        .check();
}

/// Whatever a table holds against rows, it is the same to one transaction as to many.
#[test]
fn tables_that_exist_judge_each_row_as_in_batches() {
    for table in [
        "CREATE TABLE t(id INTEGER, name TEXT, n INT)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, n INT)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, n INT UNIQUE) WITHOUT ROWID",
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, n INT CHECK (n % 7 <> 0)); INSERT INTO t VALUES (5, 'old', 5)",
        "CREATE TABLE t(id INTEGER UNIQUE, name TEXT, n INT REFERENCES t(id)); INSERT INTO t VALUES (5, 'old', NULL)",
        "CREATE TABLE log(x); CREATE TABLE t(id INTEGER, name TEXT, n INT); \
         CREATE TRIGGER g BEFORE INSERT ON t BEGIN INSERT INTO log VALUES (new.n); SELECT iif(new.n % 9 = 0, RAISE(ABORT, 'nine'), 1); END",
    ] {
        for more in [
            &[][..],
            &["--key", "id"],
            &["--key", "id", "--on-duplicate", "update"],
            &["--if-exists", "truncate"],
        ] {
            let outcomes = ["batch", "file"].map(|atomic| {
                let scene = Scene::new(Some(table), &input());
                let args = [&["--atomic", atomic, "--batch-rows", "100", "--index", "n"][..], more].concat();
                let ended = scene.run(&args, None);
                assert_eq!(ended.code(), 2, "{table}, {args:?}: {}", said(&ended));
                let report = scene.report();
                let counts = ["records", "loaded", "updated", "rejected", "duplicates", "pending"]
                    .map(|name| report[name].clone());
                let log = match table.contains("log") {
                    true => select_from(&scene.path("out.db"), "SELECT * FROM log"),
                    false => Vec::new(),
                };
                (scene.outcome(), counts, log)
            });
            let [batch, file] = outcomes;
            assert_eq!(batch.1, file.1, "{table}, {more:?}");
            assert!(batch == file, "{table}, {more:?}: rows, schema or rejects differ");
        }
    }
}

const OLD: &str = "CREATE TABLE t(id INTEGER, name TEXT, n INT); INSERT INTO t VALUES (1, 'old', 1), (2, 'old', 2)";

#[test]
fn at_the_error_limit_nothing_lands_and_the_rejects_are_told() {
    for limit in ["5", "1%", "duplicate_key=3"] {
        for what in ["append", "truncate", "replace"] {
            let scene = Scene::new(Some(OLD), &input());
            let args = [&FILE[..], &["--max-errors", limit, "--if-exists", what, "--key", "id"]].concat();
            let ended = scene.run(&args, None);
            assert_eq!(ended.code(), 3, "{limit}, {what}: {}", said(&ended));
            let path = scene.path("out.db");
            assert_eq!(select_from(&path, "SELECT id FROM t"), ["1", "2"], "{limit}, {what}");
            let report = scene.report();
            let count = |name: &str| report[name].as_u64().unwrap();
            let all = count("loaded") + count("rejected") + count("duplicates") + count("pending");
            assert_eq!(count("records"), all, "{limit}, {what}: {report}");
            if what != "replace" {
                assert!(said(&ended).contains("table \"t\" is as it was"), "{}", said(&ended));
                assert_eq!(names(&path), ["t"], "{limit}, {what}");
                assert_eq!(count("loaded"), 0, "{limit}, {what}");
            }
            let rejects = fs::read_to_string(scene.path("errors.csv")).unwrap();
            assert!(rejects.lines().count() > 3, "{limit}, {what}: {rejects}");
            let args = [&FILE[..], &["--if-exists", what, "--key", "id"]].concat();
            let ended = scene.run(&args, None);
            assert_eq!(ended.code(), 2, "{limit}, {what}: {}", said(&ended));
            assert!(database::count(&path, "t") > 800, "{limit}, {what}");
        }
        let scene = Scene::new(None, &input());
        let ended = scene.run(&[&FILE[..], &["--max-errors", limit, "--key", "id"]].concat(), None);
        assert_eq!(ended.code(), 3, "{limit}: {}", said(&ended));
        assert!(!names(&scene.path("out.db")).contains(&"t".to_owned()), "{limit}");
        let ended = scene.run(&[&FILE[..], &["--key", "id"]].concat(), None);
        assert_eq!(ended.code(), 2, "{limit}: {}", said(&ended));
        assert_eq!(names(&scene.path("out.db")), ["t"], "{limit}");
    }
}

#[test]
fn what_is_interrupted_has_done_nothing() {
    for (existing, point) in [
        (Some(OLD), "batch: not committed yet"),
        (Some(OLD), "load: table made"),
        (None, "load: table made"),
        (None, "batch: committed"),
    ] {
        let scene = Scene::new(existing, &input());
        let ended = scene.run(&FILE, Some((point, 1, libc::SIGINT)));
        // What was read by then may have been all.
        if ended.code() != 130 {
            assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
            continue;
        }
        let path = scene.path("out.db");
        let rows = match existing {
            Some(_) => select_from(&path, "SELECT id FROM t"),
            None => names(&path).into_iter().filter(|name| name == "t").collect(),
        };
        assert_eq!(rows.len(), if existing.is_some() { 2 } else { 0 }, "{point}: {rows:?}");
        assert_eq!(scene.run(&FILE, None).code(), 2, "{point}");
        assert_eq!(names(&path), ["t"], "{point}");
    }
}

/// Readers see the table as it was until all is there; killed anywhere, twice, the same command comes to the same.
#[test]
fn a_whole_load_comes_to_the_same_wherever_it_was_killed() {
    let points = [
        ("load: errors.csv made", false),
        ("load: table made", false),
        ("batch: not committed yet", false),
        ("batch: before the commit", false),
        ("batch: committed", false),
        ("load: rows committed", true),
        ("settle: committed", false),
        ("index: built by SQLite", false),
        ("after: before it is run", false),
        ("after: has run", true),
        ("finish: before the checkpoint goes", true),
    ];
    for existing in [None, Some(OLD)] {
        for path in ["auto", "sql"] {
            let args = [&FILE[..], &["--key", "id", "--index", "n", "--write-path", path]].concat();
            let scene = Scene::new(existing, &input());
            assert_eq!(scene.run(&args, None).code(), 2);
            let golden = scene.outcome();
            for (index, (point, _)) in points.iter().enumerate() {
                let scene = Scene::new(existing, &input());
                let next = points[(index * 4 + 3) % points.len()].0;
                let what = format!("{existing:?}, {path}, {point}, {next}");
                let often = point.starts_with("batch") && !point.ends_with("committed") || existing.is_none();
                let first = if often && point.starts_with("batch") { 3 } else { 1 };
                let mut ended = scene.run(&args, Some((point, first, libc::SIGKILL)));
                for kill in [Some((*point, 1, libc::SIGKILL)), Some((next, 1, libc::SIGKILL)), None] {
                    if ended.code() != 137 {
                        break;
                    }
                    let database = scene.path("out.db");
                    // Nobody ever sees a part of it.
                    let seen = match database.exists() && names(&database).contains(&"t".to_owned()) {
                        true => database::count(&database, "t"),
                        false => 0,
                    };
                    let before = existing.map_or(0, |_| 2);
                    assert!(seen == before || seen == golden.0.len() as u64, "{what}: {seen} rows");
                    ended = scene.run(&args, kill);
                }
                assert_eq!(ended.code(), 2, "{what}: {}", said(&ended));
                let found = scene.outcome();
                assert_eq!(found.1, golden.1, "{what}");
                assert!(found == golden, "{what}: rows or rejects differ");
            }
        }
    }
}

/// In a table that exists the rows are one transaction: with a write-ahead log readers see what was there before, else they may have to wait.
#[test]
fn readers_of_a_table_that_exists_never_see_a_part() {
    for (mode, may_wait) in [("wal", false), ("delete", true)] {
        for point in ["batch: not committed yet", "batch: before the commit"] {
            let table = format!("PRAGMA journal_mode = {mode}; {OLD}; CREATE INDEX i ON t (n)");
            let scene = Scene::new(Some(&table), &input());
            let running = scene.start(&FILE, Some((point, 1, libc::SIGSTOP)));
            running.wait_for_stop();
            let reader = Connection::open(scene.path("out.db")).unwrap();
            reader.busy_timeout(Duration::ZERO).unwrap();
            let count = || reader.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
            match count() {
                Ok(rows) => assert_eq!(rows, 2, "{mode}, {point}"),
                Err(error) => assert!(
                    may_wait && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy),
                    "{mode}, {point}: {error}"
                ),
            }
            running.signal(libc::SIGCONT);
            let ended = running.wait();
            assert_eq!(ended.code(), 2, "{mode}, {point}: {}", said(&ended));
            assert_eq!(count().unwrap(), 2 + 882, "{mode}, {point}");
        }
    }
}

#[test]
fn a_table_that_somebody_makes_meanwhile_is_left_alone() {
    let scene = Scene::new(None, &input());
    assert_eq!(
        scene
            .run(&FILE, Some(("after: before it is run", 1, libc::SIGKILL)))
            .code(),
        137
    );
    let path = scene.path("out.db");
    database::create(&path, "CREATE TABLE t(mine)");
    let ended = scene.run(&FILE, None);
    assert_eq!(ended.code(), 78, "{}", said(&ended));
    assert!(said(&ended).contains("somebody made a table \"t\""), "{}", said(&ended));
    assert_eq!(select_from(&path, "SELECT count(*) FROM t"), ["0"]);
    database::create(&path, "DROP TABLE t");
    let ended = scene.run(&FILE, None);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(names(&path), ["t"]);
}

#[test]
fn a_whole_load_can_be_given_up_and_begun_anew() {
    for again in ["--forget", "--restart"] {
        let scene = Scene::new(None, &input());
        assert_eq!(
            scene.run(&FILE, Some(("batch: committed", 2, libc::SIGKILL))).code(),
            137
        );
        let path = scene.path("out.db");
        assert_eq!(names(&path), ["_rowmill_new_t"]);
        let ended = run_in(scene.folder.path(), &["load", "in.csv", "out.db", "--table", "t"]);
        assert_eq!(ended.code(), 64, "{}", said(&ended));
        assert!(
            said(&ended).contains("--atomic was file and is batch"),
            "{}",
            said(&ended)
        );
        let ended = scene.run(&[&FILE[..], &[again]].concat(), None);
        assert!(matches!(ended.code(), 0 | 2), "{again}: {}", said(&ended));
        let left = names(&path);
        assert!(
            left == ["t"] && again == "--restart" || left.is_empty(),
            "{again}: {left:?}"
        );
    }
}

#[test]
fn what_cannot_land_together_is_refused() {
    for (table, fragment) in [
        (
            "CREATE TABLE t(id INTEGER UNIQUE, name, n REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED)",
            "checked only at the commit",
        ),
        (
            "CREATE TABLE t(id, name, n); CREATE TRIGGER g AFTER INSERT ON t WHEN new.n = 3 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
            "may roll a whole transaction back",
        ),
    ] {
        let scene = Scene::new(Some(table), &input());
        let ended = scene.run(&FILE, None);
        assert_eq!(ended.code(), 78, "{table}: {}", said(&ended));
        assert!(said(&ended).contains(fragment), "{table}: {}", said(&ended));
    }
    let scene = Scene::new(None, &input());
    for flag in ["--once", "--append-only"] {
        let ended = scene.run(&[&FILE[..], &[flag]].concat(), None);
        assert_eq!(ended.code(), 64, "{flag}: {}", said(&ended));
    }
    let scene = Scene::new(Some(OLD), &input());
    assert_eq!(
        scene
            .run(&[&FILE[..], &["--write-path", "direct"]].concat(), None)
            .code(),
        64
    );
}

#[test]
fn a_header_alone_makes_the_table_and_rejects_alone_do_not() {
    for (input, code, wanted) in [("id,name\n", 0, &["t"][..]), ("id,name\n1\n2\n", 2, &[])] {
        let scene = Scene::new(Some("CREATE TABLE other(x)"), input);
        let ended = scene.run(&FILE, None);
        assert_eq!(ended.code(), code, "{}", said(&ended));
        let mut found = names(&scene.path("out.db"));
        found.retain(|name| name != "other");
        assert_eq!(found, wanted, "{}", said(&ended));
    }
}

/// Each file is whole in its table, or not there at all.
#[test]
fn each_of_several_files_lands_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "id\n1\n2\n").unwrap();
    fs::write(folder.path().join("b.csv"), "id,n\n1,2\n2\n3,4\n").unwrap();
    let args = [
        "load",
        "a.csv",
        "b.csv",
        "out.db",
        "--table-per-file",
        "--atomic",
        "file",
        "--max-errors",
        "0",
    ];
    let ended = run_in(folder.path(), &args);
    assert_eq!(ended.code(), 3, "{}", said(&ended));
    let path = folder.path().join("out.db");
    let seen: Vec<String> = names(&path)
        .into_iter()
        .filter(|name| !name.starts_with("_rowmill"))
        .collect();
    assert_eq!(seen, ["a"], "{}", said(&ended));
    fs::write(folder.path().join("b.csv"), "id,n\n1,2\n2,0\n3,4\n").unwrap();
    let ended = run_in(folder.path(), &[&args[..], &["--restart"]].concat());
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(names(&path), ["a", "b"]);
    assert_eq!(database::count(&path, "b"), 3);
}
