//! What becomes of a load that does not go on: taken back, forgotten, overtaken by another one. Only what is rowmill's ever goes.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::database;
use super::harness::run_in;
use super::process::{Running, rowmill};

/// A folder with a database and inputs, in which commands are run one after another.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(files: &[(&str, &str)], sql: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        if !sql.is_empty() {
            database::create(&folder.path().join("x.db"), sql);
        }
        Scene { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn sql(&self, sql: &str) {
        database::open(&self.path("x.db")).execute_batch(sql).unwrap();
    }

    /// Runs `rowmill load ARGS`, demands an exit code and gives back what was said.
    fn load(&self, args: &str, code: i32) -> String {
        let args: Vec<&str> = ["load"].into_iter().chain(args.split_whitespace()).collect();
        let ended = run_in(self.folder.path(), &args);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.code(), code, "{args:?}: {said}");
        for debug_form in ["Some(", "None", "[]", "[\""] {
            assert!(!said.contains(debug_form), "{args:?}: {said}");
        }
        assert_eq!(database::integrity_or_none(&self.path("x.db")), "ok");
        said
    }

    /// Runs `rowmill load ARGS` until it sends itself `signal` at `point`.
    fn stop_at(&self, args: &str, point: &str, signal: i32) {
        let args: Vec<_> = ["load"]
            .into_iter()
            .chain(args.split_whitespace())
            .map(Into::into)
            .collect();
        let mut command = rowmill(self.folder.path(), &args);
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {signal}"));
        let ended = Running::start(command).wait();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 128 + signal, "{said}");
    }

    fn rows(&self, table: &str) -> Vec<String> {
        database::dump(&self.path("x.db"), table).rows
    }

    /// The names of everything in the schema.
    fn schema(&self) -> Vec<String> {
        let connection = database::open(&self.path("x.db"));
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema ORDER BY name")
            .unwrap();
        names
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        self.schema().iter().any(|other| other == name)
    }
}

fn says(said: &str, fragments: &[&str]) {
    for fragment in fragments {
        assert!(said.contains(fragment), "does not say \"{fragment}\": {said}");
    }
}

/// 2,000 rows, a bad one, 2,000 rows.
fn names_and_numbers() -> String {
    let rows: String = (0..2000).map(|i| format!("csv{i},{i}\n")).collect();
    format!("name,n\n{rows}bad,notanumber\n{rows}")
}

const STOPPING: &str = "in.csv x.db --table t --batch-rows 100 --max-errors 0";

#[test]
fn restart_deletes_no_row_from_a_table_of_others() {
    let scene = Scene::new(
        &[("in.csv", &names_and_numbers())],
        "CREATE TABLE t (name TEXT, n INTEGER); INSERT INTO t VALUES ('old row', 0)",
    );
    let said = scene.load(STOPPING, 3);
    says(&said, &["--restart", "--forget", "2,000 rows"]);
    scene.sql("INSERT INTO t VALUES ('written by the application', 1), ('and another', 2)");
    let said = scene.load("in.csv x.db --table t --batch-rows 100 --restart", 2);
    says(&said, &["2,000 rows that it committed stay", "twice"]);
    let rows = scene.rows("t");
    assert_eq!(rows.len(), 1 + 2000 + 2 + 4000);
    assert_eq!(
        rows.iter()
            .filter(|row| row.contains("application") || row.contains("another"))
            .count(),
        2
    );
    assert_eq!(scene.schema(), ["t"]);
}

#[test]
fn a_load_of_one_table_is_never_in_the_way_of_another_table() {
    let scene = Scene::new(
        &[
            ("t.csv", "id,qty\n1,5\n2,5\n3,five\n4,6\n"),
            ("u.csv", "k\n1\n"),
            ("v.csv", "k\nx,y\n"),
        ],
        "CREATE TABLE t (id INT, qty INTEGER); INSERT INTO t VALUES (100, 1), (101, 2)",
    );
    scene.load("t.csv x.db --max-errors 0", 3);
    scene.sql("INSERT INTO t VALUES (500, 9)");
    scene.load("u.csv x.db", 0);
    assert_eq!(scene.rows("u"), ["1: 1"]);
    scene.load("u.csv x.db --restart --table w", 0);
    let said = scene.load("u.csv x.db --forget", 0);
    says(&said, &["no unfinished load into table \"u\""]);
    assert_eq!(scene.rows("t").len(), 5, "{:?}", scene.rows("t"));
    assert!(scene.has("_rowmill_checkpoint"));
    // Whatever the case in which the table is named, its load goes on, and the last one takes the notes along.
    scene.load("t.csv x.db --table T", 2);
    assert_eq!(scene.rows("t").len(), 6);
    assert_eq!(scene.schema(), ["t", "u", "w"]);
}

#[test]
fn unfinished_loads_of_two_tables_go_on_one_after_the_other() {
    let scene = Scene::new(&[("in.csv", &names_and_numbers())], "");
    for table in ["a", "b"] {
        let args = format!(
            "in.csv x.db --table {table} --errors {table}.csv --types n=integer --batch-rows 100 --max-errors 0"
        );
        scene.load(&args, 3);
        scene.load(&args, 3);
    }
    for table in ["b", "a"] {
        assert_eq!(scene.rows(table).len(), 2000);
        let args = format!("in.csv x.db --table {table} --errors {table}.csv --types n=integer --batch-rows 100");
        scene.load(&args, 2);
        assert_eq!(scene.rows(table).len(), 4000);
    }
    assert_eq!(scene.schema(), ["a", "b"]);
}

const FIVE: &str = "id,qty\n1,5\n2,5\n3,five\n4,6\n";

#[test]
fn a_load_stopped_at_the_error_limit_goes_on_with_the_mended_file() {
    for existing in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
        "CREATE TABLE t (id INTEGER, qty INTEGER)",
        "CREATE TABLE t (id INTEGER UNIQUE, qty INTEGER) STRICT",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER) WITHOUT ROWID",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, qty INTEGER)",
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
    ] {
        let scene = Scene::new(&[("t.csv", FIVE)], existing);
        let said = scene.load("t.csv x.db --max-errors 0", 3);
        says(
            &said,
            &["run the same command again", "mended", "--forget", "--restart"],
        );
        assert_eq!(scene.rows("t").len(), 2);
        // Unchanged, it stops at the same place.
        scene.load("t.csv x.db --max-errors 0", 3);
        assert_eq!(scene.rows("t").len(), 2);
        scene.write("t.csv", &FIVE.replace("five", "5"));
        let said = scene.load("t.csv x.db --max-errors 0", 0);
        says(&said, &["mended", "record 2"]);
        let values: Vec<String> = scene
            .rows("t")
            .iter()
            .map(|row| row.split(": ").nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(values, ["1, 5", "2, 5", "3, 5", "4, 6"], "{existing}");
        assert!(!scene.has("_rowmill_checkpoint"));
        assert_eq!(fs::read_to_string(scene.path("errors.csv")).unwrap().lines().count(), 1);
    }
}

#[test]
fn a_file_that_was_changed_before_the_place_of_the_stop_is_refused_with_ways_on() {
    let scene = Scene::new(
        &[("t.csv", FIVE)],
        "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
    );
    scene.load("t.csv x.db --max-errors 0", 3);
    scene.write("t.csv", "id,qty\n1,5\n2,7\n3,5\n4,6\n");
    let said = scene.load("t.csv x.db --max-errors 0", 74);
    says(
        &said,
        &["t.csv", "table \"t\"", "2 rows so far", "--restart", "--forget"],
    );
    scene.load("t.csv x.db --restart", 2);
    assert_eq!(scene.rows("t"), ["1: 1, 5", "2: 2, 5", "3: 3, 5", "4: 4, 6"]);
}

#[test]
fn a_table_that_the_load_made_is_made_anew_from_the_mended_file() {
    for more in ["", " --key id", " --write-path sql", " --key qty", " --index qty"] {
        let scene = Scene::new(&[("t.csv", "id,qty\n1,5\n2,5\n3,5,5\n4,x\n")], "");
        let said = scene.load(&format!("t.csv x.db --max-errors 0{more}"), 3);
        says(&said, &["--restart", "--forget"]);
        scene.write("t.csv", "id,qty\n1,5\n2,6\n3,7\n4,x\n");
        says(
            &scene.load(&format!("t.csv x.db --max-errors 0{more}"), 74),
            &["--restart", "--forget"],
        );
        scene.load(&format!("t.csv x.db --max-errors 0 --restart{more}"), 0);
        assert_eq!(scene.rows("t"), ["1: 1, '5'", "2: 2, '6'", "3: 3, '7'", "4: 4, 'x'"]);
    }
}

#[test]
fn a_load_can_be_given_up_after_any_stop_and_its_rows_stay() {
    let existing = "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)";
    for (sql, args) in [
        ("", "t.csv x.db --types qty=integer"),
        (existing, "t.csv x.db"),
        (
            "PRAGMA encoding = 'UTF-16be'; CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
            "t.csv x.db",
        ),
    ] {
        let scene = Scene::new(&[("t.csv", FIVE)], sql);
        for forget in [
            "t.csv x.db --forget",
            "x.db --table T --forget",
            "gone.csv x.db --table t --forget",
        ] {
            scene.load(&format!("{args} --max-errors 0"), 3);
            assert!(scene.has("_rowmill_checkpoint"));
            let said = scene.load(forget, 0);
            says(&said, &["t.csv", "2 rows so far", "stay"]);
            assert!(!scene.has("_rowmill_checkpoint"));
            assert_eq!(scene.rows("t"), ["1: 1, 5", "2: 2, 5"]);
            scene.sql("DELETE FROM t");
        }
        scene.stop_at(&format!("{args} --batch-rows 1"), "batch: committed", libc::SIGKILL);
        says(&scene.load("t.csv x.db --forget", 0), &["1 row so far"]);
        assert_eq!(scene.rows("t"), ["1: 1, 5"]);
        scene.load(args, 2);
    }
    let scene = Scene::new(&[("t.csv", FIVE)], "");
    says(&scene.load("t.csv x.db --forget", 66), &["x.db"]);
}

#[test]
fn a_table_that_the_load_made_is_not_dropped_once_others_use_it() {
    for (sql, obstacle) in [
        (
            "INSERT INTO t VALUES (9, 9)",
            "it holds 3 rows, of which the load made 2",
        ),
        ("DELETE FROM t WHERE id = 1", "it holds 1 row, of which the load made 2"),
        ("CREATE INDEX mine ON t(qty)", "index \"mine\""),
        (
            "CREATE TRIGGER mine AFTER INSERT ON t BEGIN SELECT 1; END",
            "trigger \"mine\"",
        ),
        ("CREATE VIEW mine AS SELECT * FROM t JOIN (SELECT 1)", "view \"mine\""),
        (
            "CREATE TABLE mine (a REFERENCES T(id)); INSERT INTO mine VALUES (NULL)",
            "the table \"mine\" refers to it",
        ),
        ("ALTER TABLE t ADD COLUMN more", "definition"),
    ] {
        let scene = Scene::new(
            &[("t.csv", FIVE)],
            "CREATE TABLE other (a); CREATE VIEW apart AS SELECT * FROM other",
        );
        let args = "t.csv x.db --types qty=integer --key id --index qty";
        scene.load(&format!("{args} --max-errors 0"), 3);
        scene.sql(sql);
        let before = (scene.schema(), scene.rows("t"));
        let said = scene.load(&format!("{args} --restart"), 78);
        says(&said, &[obstacle, "--forget", "nothing was changed"]);
        assert_eq!(before, (scene.schema(), scene.rows("t")), "{sql}");
        scene.load(&format!("{args} --forget"), 0);
        assert_eq!(before.1, scene.rows("t"), "{sql}");
    }
}

/// Where rows have the numbers of their records, a row that took the place of another is noticed by its number.
#[test]
fn a_table_with_a_row_of_others_in_the_place_of_one_of_the_load_is_not_dropped() {
    let scene = Scene::new(&[("t.csv", FIVE)], "CREATE TABLE other (a)");
    scene.load("t.csv x.db --types qty=integer --max-errors 0", 3);
    scene.sql("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (9, 9)");
    says(
        &scene.load("t.csv x.db --types qty=integer --restart", 78),
        &[
            "it holds rows that the load did not make, in place of some that it made",
            "--forget",
        ],
    );
    assert_eq!(scene.rows("t"), ["2: 2, 5", "3: 9, 9"]);
}

#[test]
fn a_load_that_committed_no_row_leaves_nothing() {
    let bad_first = "id,qty\n1\n2,5\n";
    for more in [
        "",
        " --key id",
        " --write-path sql",
        " --key qty --types qty=text --index id",
    ] {
        let scene = Scene::new(&[("t.csv", bad_first)], "");
        let said = scene.load(&format!("t.csv x.db --max-errors 0{more}"), 3);
        says(&said, &["nothing was committed"]);
        assert_eq!(scene.schema(), [""; 0], "{more}");
        assert_eq!(fs::read_to_string(scene.path("errors.csv")).unwrap().lines().count(), 2);
        let ended = run_in(
            scene.folder.path(),
            &["load", "-", "x.db", "--table", "t", "--max-errors", "0"],
        );
        assert_eq!(ended.code(), 65, "an empty stream");
        assert_eq!(scene.schema(), [""; 0]);
    }
    // A table of others, with the index that the key would have had.
    let existing = "CREATE TABLE other (a); CREATE TABLE t (id, qty); INSERT INTO t VALUES (7, 7)";
    let scene = Scene::new(&[("t.csv", bad_first)], existing);
    scene.load("t.csv x.db --key id --max-errors 0", 3);
    assert_eq!(scene.schema(), ["other", "t"]);
    scene.stop_at("t.csv x.db --key id", "load: table made", libc::SIGINT);
    assert_eq!(scene.schema(), ["other", "t"]);
    scene.stop_at("t.csv x.db --key id --table new", "load: table made", libc::SIGTERM);
    assert_eq!(scene.schema(), ["other", "t"]);
}

#[test]
fn a_load_that_was_killed_before_its_first_rows_is_no_ones_obstacle() {
    let scene = Scene::new(
        &[("t.csv", FIVE), ("u.csv", "other\nx\n")],
        "CREATE TABLE e (a, b); INSERT INTO e VALUES (1, 2)",
    );
    scene.stop_at("t.csv x.db", "load: table made", libc::SIGKILL);
    assert!(scene.has("t") && scene.has("_rowmill_checkpoint"));
    scene.load("u.csv x.db --table t", 0);
    assert_eq!(scene.rows("t"), ["1: 'x'"]);
    scene.write("e.csv", "a,b\n3,4\n");
    scene.stop_at("e.csv x.db --key a", "load: table made", libc::SIGKILL);
    assert!(scene.has("e_a") && scene.has("_rowmill_checkpoint"));
    scene.write("e.csv", "b,a\n3,4\n");
    scene.load("e.csv x.db", 0);
    assert_eq!(scene.schema(), ["e", "t"]);
    // What somebody has put in meanwhile stays: the load is then one into a table that exists.
    scene.stop_at("t.csv x.db --table n", "load: table made", libc::SIGKILL);
    scene.sql("INSERT INTO n VALUES (0, 0)");
    scene.load("t.csv x.db --table n --forget", 0);
    assert_eq!(scene.rows("n").len(), 1);
}

#[test]
fn another_load_that_is_unfinished_is_named() {
    let scene = Scene::new(
        &[("t.csv", FIVE), ("u.csv", "id,qty\n8,8\n")],
        "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
    );
    scene.load("t.csv x.db --max-errors 0", 3);
    let named = ["t.csv", "table \"t\"", "2 rows so far", "--restart", "--forget"];
    says(&scene.load("u.csv x.db --table t", 74), &named);
    says(&scene.load("t.csv u.csv x.db --table t", 64), &named);
    says(&scene.load("t.csv x.db --key id --quote none", 64), &named);
    says(
        &scene.load("t.csv x.db --key id --delimiter tab", 64),
        &["--delimiter was not given and is tab"],
    );
    let said = scene.load("t.csv x.db --key id,qty --index id --types qty=text", 64);
    says(
        &said,
        &[
            "--key was none and is id,qty",
            "--index was none and is id",
            "--types was none and is qty=text",
        ],
    );
    assert_eq!(scene.rows("t").len(), 2);
    scene.sql("DROP TABLE t");
    says(&scene.load("t.csv x.db", 78), &["the table is gone", "--forget"]);
    scene.load("t.csv x.db --forget", 0);
    assert_eq!(scene.schema(), [""; 0]);
}

#[test]
fn a_load_over_the_limit_that_read_everything_is_not_loaded_twice() {
    let lines: String = (1..=95).map(|i| format!("x{i},{i}\n")).collect();
    let text = format!("name,n\n{lines}{}", "bad\n".repeat(5));
    for sql in ["", "CREATE TABLE t (name, n)"] {
        let scene = Scene::new(&[("in.csv", &text)], sql);
        let said = scene.load("in.csv x.db --table t --max-errors 1%", 3);
        says(&said, &["the whole input is loaded", "nothing is loaded twice"]);
        scene.load("in.csv x.db --table t --max-errors 1%", 3);
        scene.load("in.csv x.db --table t --max-errors 10%", 2);
        assert_eq!(scene.rows("t").len(), 95);
        assert_eq!(scene.schema(), ["t"]);
        assert_eq!(fs::read_to_string(scene.path("errors.csv")).unwrap().lines().count(), 6);
    }
}

/// Turns the checkpoints into what a version that knew only one load at a time left.
fn as_of_old(path: &Path) {
    database::open(path)
        .execute_batch(
            "CREATE TABLE old (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
             INSERT INTO old SELECT id, CAST(body AS TEXT) FROM _rowmill_checkpoint;
             DROP TABLE _rowmill_checkpoint; ALTER TABLE old RENAME TO _rowmill_checkpoint",
        )
        .unwrap();
}

#[test]
fn a_checkpoint_in_the_form_of_one_load_is_understood() {
    let scene = Scene::new(
        &[("t.csv", FIVE), ("u.csv", "k\n1\n")],
        "CREATE TABLE t (id INTEGER PRIMARY KEY, qty INTEGER)",
    );
    scene.load("t.csv x.db --max-errors 0", 3);
    as_of_old(&scene.path("x.db"));
    scene.load("u.csv x.db", 0);
    scene.load("t.csv x.db", 2);
    assert_eq!(scene.rows("t").len(), 3);
    assert_eq!(scene.schema(), ["t", "u"]);
}

#[test]
fn a_table_of_somebody_else_with_the_checkpoints_name_is_left_alone() {
    let scene = Scene::new(&[("u.csv", "k\n1\n")], "CREATE TABLE _rowmill_checkpoint (mine)");
    says(&scene.load("u.csv x.db", 78), &["_rowmill_checkpoint", "rename"]);
    assert_eq!(scene.schema(), ["_rowmill_checkpoint"]);
}

#[test]
fn a_load_in_utf_16_that_was_killed_goes_on() {
    let lines: String = (0..50).map(|i| format!("{i},ä{i}€\u{1F600}\n")).collect();
    for encoding in ["UTF-16le", "UTF-16be"] {
        for args in ["t.csv x.db --batch-rows 10", "t.csv x.db --batch-rows 10 --key s"] {
            let scene = Scene::new(
                &[("t.csv", &format!("i,s\n{lines}7,ä7€\u{1F600}\nbad\n"))],
                &format!("PRAGMA encoding = '{encoding}'; CREATE TABLE t (i INTEGER, s TEXT)"),
            );
            scene.stop_at(args, "batch: committed", libc::SIGKILL);
            scene.stop_at(args, "batch: before the commit", libc::SIGKILL);
            scene.load(args, 2);
            let expected: Vec<String> = (0..50).map(|i| format!("{}: {i}, 'ä{i}€\u{1F600}'", i + 1)).collect();
            assert_eq!(scene.rows("t")[..50], expected);
            assert!(!scene.has("_rowmill_checkpoint"));
        }
    }
}

#[test]
fn indexes_of_others_outlive_a_load_that_committed_no_row() {
    let scene = Scene::new(
        &[("t.csv", "id,qty\n1\n2,5\n")],
        "CREATE TABLE t (id, qty); INSERT INTO t VALUES (7, 7);
         CREATE INDEX mine ON t(qty); CREATE UNIQUE INDEX theirs ON t(qty, id)",
    );
    scene.load("t.csv x.db --key id --max-errors 0", 3);
    assert_eq!(scene.schema(), ["mine", "t", "theirs"]);
    scene.stop_at("t.csv x.db --key id", "load: table made", libc::SIGINT);
    assert_eq!(scene.schema(), ["mine", "t", "theirs"]);
}

#[test]
fn nothing_but_rows_is_left_of_a_load_that_is_given_up() {
    // A table in which SQLite numbers the rows, and a key: which record each row came from is noted.
    let scene = Scene::new(
        &[("t.csv", FIVE)],
        "CREATE TABLE t (id INTEGER, qty INTEGER); CREATE UNIQUE INDEX u ON t(id)",
    );
    scene.load("t.csv x.db --max-errors 0", 3);
    assert!(scene.has("_rowmill_rows"));
    scene.load("t.csv x.db --forget", 0);
    assert_eq!(scene.schema(), ["t", "u"]);
    assert_eq!(scene.rows("t").len(), 2);
    // Rows that may repeat a key wait in a file of their own.
    let scene = Scene::new(&[("k.csv", "k,v\na,1\nb,2\na,3\nbad\nc,4\n")], "");
    scene.load("k.csv x.db --key k --max-errors 0", 3);
    let waiting = || {
        let names = fs::read_dir(scene.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".suspects"))
            .count()
    };
    assert_eq!(waiting(), 1);
    scene.load("k.csv x.db --forget", 0);
    assert_eq!(waiting(), 0);
}

#[test]
fn a_row_of_others_below_those_of_the_load_is_not_dropped() {
    let scene = Scene::new(&[("t.csv", FIVE)], "CREATE TABLE other (a)");
    scene.load("t.csv x.db --types qty=integer --max-errors 0", 3);
    scene.sql("DELETE FROM t WHERE id = 1; INSERT INTO t(rowid, id, qty) VALUES (-7, 9, 9)");
    let said = scene.load("t.csv x.db --types qty=integer --restart", 78);
    says(&said, &["it holds rows that the load did not make", "--forget"]);
    assert_eq!(scene.rows("t"), ["-7: 9, 9", "2: 2, 5"]);
}

#[test]
fn a_table_that_the_load_made_is_made_anew_although_only_what_follows_was_mended() {
    let scene = Scene::new(&[("t.csv", "id,qty\n1,5\n2,5\n3\n4,6\n")], "");
    scene.load("t.csv x.db --max-errors 0", 3);
    scene.write("t.csv", "id,qty\n1,5\n2,5\n3,x\n4,6\n");
    says(&scene.load("t.csv x.db", 74), &["--restart", "--forget"]);
    scene.load("t.csv x.db --restart", 0);
    assert_eq!(scene.rows("t"), ["1: 1, '5'", "2: 2, '5'", "3: 3, 'x'", "4: 4, '6'"]);
}

/// Whatever found the record that was one too many: the table, or the limit on its length.
#[test]
fn a_load_stopped_by_any_kind_of_reject_goes_on_with_the_mended_file() {
    let long = "x".repeat(200);
    for (existing, bad, code) in [
        (
            "CREATE TABLE t (id INTEGER, qty INTEGER CHECK (qty > 0))",
            "3,-5",
            "constraint_failed",
        ),
        (
            "CREATE TABLE t (id INTEGER UNIQUE, qty INTEGER)",
            "1,5",
            "duplicate_key",
        ),
        (
            "CREATE TABLE t (id INTEGER, qty INTEGER)",
            &format!("3,{long}"),
            "record_too_large",
        ),
        (
            "CREATE TABLE t (id INTEGER, qty INTEGER)",
            "3,\"5\n",
            "unterminated_quote",
        ),
    ] {
        for cut in ["", " --window-bytes 7 --chunk-bytes 1"] {
            let text = FIVE.replace("3,five", bad);
            let scene = Scene::new(&[("t.csv", &text)], existing);
            let args = &format!("t.csv x.db --max-record-bytes 100 --max-errors 0{cut}");
            scene.load(args, 3);
            assert!(
                fs::read_to_string(scene.path("errors.csv")).unwrap().contains(code),
                "{code}"
            );
            scene.write("t.csv", &FIVE.replace("five", "5"));
            says(&scene.load(args, 0), &["mended", "record 2"]);
            assert_eq!(scene.rows("t"), ["1: 1, 5", "2: 2, 5", "3: 3, 5", "4: 4, 6"], "{code}");
        }
    }
}

#[test]
fn a_load_that_goes_on_with_a_mended_file_can_be_killed_again() {
    let scene = Scene::new(&[("t.csv", FIVE)], "CREATE TABLE t (id INTEGER, qty INTEGER)");
    scene.load("t.csv x.db --batch-rows 1 --max-errors 0", 3);
    scene.write("t.csv", &FIVE.replace("five", "5"));
    let args = "t.csv x.db --batch-rows 1 --max-errors 0";
    scene.stop_at(args, "batch: committed", libc::SIGKILL);
    assert_eq!(scene.rows("t").len(), 3);
    scene.load(args, 0);
    assert_eq!(scene.rows("t"), ["1: 1, 5", "2: 2, 5", "3: 3, 5", "4: 4, 6"]);
    assert_eq!(scene.schema(), ["t"]);
}
