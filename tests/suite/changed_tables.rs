//! Tables that others change, make or drop while a load runs, while it is being planned, or between two runs of it.

use std::fs;

use tempfile::TempDir;

use super::database;
use super::harness::run_in;
use super::process::{Ended, Running, rowmill};

/// A folder with a database and an input.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(csv: &str, sql: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t.csv"), csv).unwrap();
        if !sql.is_empty() {
            database::create(&folder.path().join("x.db"), sql);
        }
        Scene { folder }
    }

    fn write(&self, sql: &str) {
        let connection = database::open(&self.folder.path().join("x.db"));
        connection
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let connection = database::open(&self.folder.path().join("x.db"));
        database::select(&connection, sql).unwrap()
    }

    /// Runs `rowmill load t.csv x.db --report r.json ARGS`, demands an exit code and gives back what was said.
    fn load(&self, args: &str, code: i32) -> String {
        let all = format!("load t.csv x.db --report r.json {args}");
        let ended = run_in(self.folder.path(), &all.split_whitespace().collect::<Vec<_>>());
        self.ended(&ended, code)
    }

    fn ended(&self, ended: &Ended, code: i32) -> String {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.code(), code, "{said}");
        assert_eq!(database::integrity(&self.folder.path().join("x.db")), "ok", "{said}");
        if let Ok(report) = fs::read(self.folder.path().join("r.json")) {
            let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
            assert!(
                report["outcome"] == "failed" || report["identity_holds"] == true,
                "{report}"
            );
        }
        said
    }

    /// Loads, and lets `meanwhile` run once the load has reached `point`.
    fn load_while(&self, args: &str, point: &str, meanwhile: &str, code: i32) -> String {
        let all = format!("load t.csv x.db --report r.json {args}");
        let mut command = rowmill(
            self.folder.path(),
            &all.split_whitespace().map(Into::into).collect::<Vec<_>>(),
        );
        command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGSTOP));
        let running = Running::start(command);
        running.wait_for_stop();
        self.write(meanwhile);
        running.signal(libc::SIGCONT);
        self.ended(&running.wait(), code)
    }
}

fn says(said: &str, fragments: &[&str]) {
    for fragment in fragments {
        assert!(said.contains(fragment), "does not say \"{fragment}\": {said}");
    }
}

fn numbers(range: std::ops::Range<u32>) -> String {
    range.map(|number| format!("{number},{number}\n")).collect()
}

/// The writer on the direct path knows the file as it was before it looked whether the table is empty.
#[test]
fn rows_that_are_committed_while_a_load_begins_stay() {
    for schema in ["", "CREATE TABLE t (a INTEGER, b INTEGER)"] {
        for point in ["load: table made 1", "load: errors.csv made 1"] {
            let is_early = point.starts_with("load: errors");
            // Before the load makes the database there is nothing that others could write to.
            if schema.is_empty() && is_early {
                continue;
            }
            let scene = Scene::new("a,b\n1,1\n3,3\n5,5\n", schema);
            let meanwhile = "INSERT INTO t VALUES (777, 777); CREATE INDEX theirs ON t (a)";
            // Before the final look at the table, the load was planned for an empty one.
            // A load that is done at once has no moment between table and rows; of more bytes than a batch has records, none is.
            let said = scene.load_while("--batch-rows 10", point, meanwhile, if is_early { 75 } else { 0 });
            if is_early {
                says(&said, &["was empty and has rows now"]);
                scene.load("", 0);
            }
            let rows = scene.rows("SELECT a FROM t ORDER BY a");
            assert_eq!(rows, ["1", "3", "5", "777"], "{schema}, {point}: {said}");
        }
    }
}

/// A table of the same name that came before the first page was written is not the one that was planned for.
#[test]
fn a_table_that_was_made_anew_while_a_load_begins_is_not_filled() {
    for columns in [
        "a INTEGER, b INTEGER NOT NULL",
        "b TEXT, a INTEGER",
        "a TEXT PRIMARY KEY, b INTEGER",
    ] {
        let csv = format!("a,b\n{}7,\n", numbers(1..6));
        let scene = Scene::new(&csv, "CREATE TABLE keep(x)");
        let anew = format!("BEGIN IMMEDIATE; DROP TABLE t; CREATE TABLE t({columns}); COMMIT");
        let said = scene.load_while("--key a", "load: table made 1", &anew, 78);
        says(&said, &["table"]);
        assert_eq!(scene.rows("SELECT count(*) FROM t"), ["0"], "{columns}: {said}");
    }
    let scene = Scene::new("a\n1\n", "CREATE TABLE keep(x)");
    let said = scene.load_while("", "load: table made 1", "DROP TABLE t", 78);
    says(&said, &["table \"t\" is gone: somebody dropped or renamed it"]);
}

/// What others attach to the notes of loads takes and frees pages among the load's own.
#[test]
fn an_index_or_a_trigger_of_others_on_the_notes_of_loads_does_no_harm() {
    for theirs in [
        "CREATE INDEX theirs ON _rowmill_checkpoint(body)",
        "CREATE TABLE log(x); INSERT INTO log SELECT zeroblob(9000) FROM sqlite_schema;
         CREATE TRIGGER theirs AFTER UPDATE ON _rowmill_checkpoint BEGIN
         DELETE FROM log WHERE rowid = (SELECT min(rowid) FROM log); INSERT INTO log VALUES (zeroblob(500)); END",
    ] {
        for point in ["load: table made 1", "batch: committed 2"] {
            let csv = format!("a,b\n{}", numbers(1..5001));
            let scene = Scene::new(&csv, "");
            scene.load_while("--batch-rows 500", point, theirs, 0);
            assert_eq!(
                scene.rows("SELECT count(*), sum(a) FROM t"),
                ["5000, 12502500"],
                "{theirs}, {point}"
            );
        }
    }
}

/// A trigger that was not there when the load began is heeded from the next batch on: nothing is in twice, lost or miscounted.
#[test]
fn a_trigger_that_comes_during_a_load_is_heeded() {
    let csv = format!("a,b\n{}", numbers(1..5001));
    for (trigger, name) in [
        (
            "BEFORE INSERT ON t WHEN new.a % 1000 = 777 BEGIN SELECT RAISE(IGNORE); END",
            "ignore",
        ),
        (
            "AFTER INSERT ON t WHEN new.a % 1000 = 777 BEGIN SELECT RAISE(FAIL, 'no'); END",
            "fail",
        ),
        (
            "BEFORE INSERT ON t WHEN new.a % 1000 = 777 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
            "rollback",
        ),
    ] {
        for schema in [
            "CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (-1, -1)",
            "CREATE TABLE t (a INT, b INT); CREATE UNIQUE INDEX u ON t (a); INSERT INTO t VALUES (-1, -1)",
            "CREATE TABLE t (a INT, b INT)",
        ] {
            let scene = Scene::new(&csv, schema);
            let meanwhile = format!("CREATE TRIGGER g {trigger}");
            scene.load_while("--batch-rows 500", "batch: committed 3", &meanwhile, 2);
            let others = scene.rows("SELECT count(*) FROM t WHERE a < 0")[0]
                .parse::<usize>()
                .unwrap();
            let counts = scene.rows("SELECT count(*), count(DISTINCT a) FROM t");
            // 777 went in before the trigger came.
            let expected = 5000 - 4 + others;
            assert_eq!(counts, [format!("{expected}, {expected}")], "{name}, {schema}");
            let report: serde_json::Value =
                serde_json::from_slice(&fs::read(scene.folder.path().join("r.json")).unwrap()).unwrap();
            assert_eq!(
                (&report["loaded"], &report["rejected"]),
                (&4996.into(), &4.into()),
                "{name}, {schema}"
            );
        }
    }
}

/// What the table makes of values decides what is loaded: another table of that name is not filled with the rest.
#[test]
fn a_column_that_became_another_ends_the_load_before_a_value_is_changed() {
    let csv = "id,zip\n1,01234\n2\n3,05678\n4,1e3\n";
    for (schema, args) in [("", ""), ("CREATE TABLE t (id INTEGER, zip TEXT)", "")] {
        let scene = Scene::new(csv, schema);
        scene.load(&format!("--max-errors 0 {args}"), 3);
        scene.write("DROP TABLE t; CREATE TABLE t (id INTEGER, zip INTEGER)");
        let said = scene.load("--max-errors 9", 78);
        says(
            &said,
            &["column \"zip\" was TEXT and is INTEGER", "--restart", "--forget"],
        );
        assert!(scene.rows("SELECT * FROM t").is_empty());
        scene.write("DROP TABLE t; CREATE TABLE t (id INTEGER, zip TEXT COLLATE NOCASE)");
        says(
            &scene.load("--max-errors 9", 78),
            &["compared by BINARY and is now compared by NOCASE"],
        );
        // One more column does not matter.
        scene.write("DROP TABLE t; CREATE TABLE t (zip VARCHAR(9), id INT, more TEXT DEFAULT 'x'); INSERT INTO t VALUES ('01234', 1, 'y')");
        scene.load("--max-errors 9", 2);
        assert_eq!(
            scene.rows("SELECT * FROM t"),
            ["'01234', 1, 'y'", "'05678', 3, 'x'", "'1e3', 4, 'x'"]
        );
    }
}

#[test]
fn a_file_that_grows_is_not_loaded_into_a_column_that_became_another() {
    let scene = Scene::new("id,zip\n1,01234\n", "");
    scene.load("--append-only", 0);
    scene.write("DROP TABLE t; CREATE TABLE t (id INTEGER, zip INTEGER)");
    fs::write(scene.folder.path().join("t.csv"), "id,zip\n1,01234\n2,05678\n").unwrap();
    let said = scene.load("--append-only", 78);
    says(&said, &["column \"zip\" was TEXT and is INTEGER", "nothing was loaded"]);
    assert!(scene.rows("SELECT * FROM t").is_empty());
}

#[test]
fn a_table_that_is_changed_during_a_load_ends_it_with_a_way_on() {
    let csv = format!("a,b\n{}", numbers(1..3001));
    for schema in [
        "CREATE TABLE t (a INT, b TEXT)",
        "CREATE TABLE t (a INT UNIQUE, b TEXT)",
        "",
    ] {
        for (change, words) in [
            ("ALTER TABLE t RENAME COLUMN b TO c", "column \"b\" is gone"),
            ("DROP TABLE t", "is gone"),
            (
                "DROP TABLE t; CREATE TABLE t (a TEXT, b INT)",
                "\"a\" was INTEGER and is TEXT",
            ),
        ] {
            let scene = Scene::new(&csv, schema);
            let said = scene.load_while("--batch-rows 500", "batch: committed 2", change, 78);
            says(&said, &[words]);
            let said = scene.load("--batch-rows 500", 78);
            says(&said, &["cannot go on", "--forget"]);
            scene.load("--batch-rows 500 --forget", 0);
        }
    }
}

/// Its columns are the same; what was committed is not in it.
#[test]
fn a_table_that_took_the_place_of_the_loads_is_not_filled() {
    let csv = format!("a,b\n{}", numbers(1..3001));
    for (schema, args) in [
        ("CREATE TABLE t (a INT, b TEXT)", ""),
        ("CREATE TABLE t (a INT UNIQUE, b TEXT)", ""),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)", ""),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID", ""),
        ("", ""),
        ("", "--key a"),
        ("", "--write-path sql"),
    ] {
        let definition = match schema {
            "" if args == "--key a" => "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)",
            "" => "CREATE TABLE t (a INTEGER, b INTEGER)",
            schema => schema,
        };
        let change = format!("ALTER TABLE t RENAME TO old; {definition}; INSERT INTO t VALUES (-1, 'theirs')");
        let scene = Scene::new(&csv, schema);
        let args = format!("--batch-rows 500 {args}");
        let said = scene.load_while(&args, "batch: committed 2", &change, 78);
        says(
            &said,
            &[
                "is not the one that this load put rows into",
                "Put the table back",
                "--forget",
            ],
        );
        says(&scene.load(&args, 78), &["is not the one"]);
        assert_eq!(scene.rows("SELECT a, b FROM t").len(), 1, "{schema}");
        // The way on.
        scene.write("DROP TABLE t; ALTER TABLE old RENAME TO t");
        scene.load(&args, 0);
        assert_eq!(scene.rows("SELECT count(DISTINCT a), sum(a) FROM t"), ["3000, 4501500"]);
        assert_eq!(scene.rows("PRAGMA integrity_check"), ["'ok'"]);
    }
}

/// The table is the same, even if it begins elsewhere, has fewer rows or is made differently.
#[test]
fn a_load_goes_on_in_a_table_that_others_work_on() {
    let csv = format!("a,b\n{}", numbers(1..3001));
    for schema in [
        "CREATE TABLE t (a INT, b TEXT)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID",
        "",
    ] {
        for (change, rows) in [
            ("CREATE TABLE fill (x); DROP TABLE fill; VACUUM", "3000"),
            ("DELETE FROM t WHERE a <= 1000", "2000"),
            ("DELETE FROM t WHERE a = 500; CREATE INDEX i ON t (b); VACUUM", "2999"),
            ("DELETE FROM t; CREATE TABLE notes (x)", "2000"),
            (
                "CREATE TABLE fresh AS SELECT * FROM t; DELETE FROM t; CREATE TABLE u (x); INSERT INTO t SELECT * FROM fresh; DROP TABLE fresh",
                "3000",
            ),
        ] {
            let scene = Scene::new(&csv, schema);
            scene.load_while("--batch-rows 500", "batch: committed 2", change, 0);
            assert_eq!(scene.rows("SELECT count(*) FROM t"), [rows], "{schema} {change}");
            assert_eq!(scene.rows("PRAGMA integrity_check"), ["'ok'"]);
        }
    }
}

#[test]
fn restart_drops_no_row_that_took_the_place_of_one_of_the_load() {
    // Keys that are row ids, row ids of rejects, and another table made the same way.
    for (csv, args, change, kept) in [
        (
            "id,b\n1,2\n2,3\n3,4\n4\n5,1\n",
            "--key id",
            "DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (900, 'precious')",
            "SELECT count(*) FROM t WHERE id = 900",
        ),
        (
            "id,b\n1,2\n2,3\n3\n4,4\n5\n",
            "--max-errors 1",
            "DELETE FROM t WHERE id = 2; INSERT INTO t(rowid, id, b) VALUES (3, 900, 'precious')",
            "SELECT count(*) FROM t WHERE id = 900",
        ),
        (
            "id,b\n1,2\n2,3\n3\n",
            "",
            "CREATE TABLE \"good\"(\"id\" INTEGER, \"b\" INTEGER); INSERT INTO good VALUES (7, 8), (9, 10); DROP TABLE t;
             ALTER TABLE good RENAME TO t",
            "SELECT count(*) FROM t WHERE id = 9",
        ),
    ] {
        let scene = Scene::new(csv, "CREATE TABLE other (x)");
        let first = match args.contains("--max-errors") {
            true => args.to_owned(),
            false => format!("{args} --max-errors 0"),
        };
        scene.load(&first, 3);
        scene.write(change);
        let said = scene.load(&format!("{first} --restart"), 78);
        says(&said, &["nothing was changed", "--forget"]);
        assert_eq!(scene.rows(kept), ["1"], "{said}");
        scene.load(&format!("{first} --forget"), 0);
        assert_eq!(scene.rows(kept), ["1"]);
    }
}

#[test]
fn restart_drops_no_table_that_a_trigger_or_a_view_of_others_uses() {
    for (use_it, words) in [
        (
            "CREATE TRIGGER g AFTER INSERT ON other BEGIN INSERT INTO t(a) VALUES (new.x); END",
            "trigger \"g\"",
        ),
        (
            "CREATE TRIGGER g AFTER INSERT ON other BEGIN INSERT INTO \"T\"(a) VALUES (new.x); END",
            "trigger \"g\"",
        ),
        // A function of another program.
        ("CREATE VIEW v AS SELECT a FROM [t] WHERE a REGEXP 'x'", "view \"v\""),
    ] {
        let scene = Scene::new("a,b\n1,2\n3\n", "CREATE TABLE other (x)");
        scene.load("--max-errors 0", 3);
        scene.write(use_it);
        let said = scene.load("--max-errors 0 --restart", 78);
        says(&said, &[words, "nothing was changed"]);
        assert_eq!(scene.rows("SELECT a FROM t"), ["1"]);
    }
}

#[test]
fn a_database_that_was_there_is_not_emptied_with_what_was_set_in_it() {
    let set = "PRAGMA page_size = 8192; PRAGMA application_id = 1234; PRAGMA user_version = 7; CREATE TABLE z (a); DROP TABLE z";
    let settings = |scene: &Scene| {
        ["page_size", "application_id", "user_version"].map(|name| scene.rows(&format!("PRAGMA {name}"))[0].clone())
    };
    for args in ["--max-errors 0", "--max-errors 0 --key a"] {
        let scene = Scene::new("a,b\nx\n1,2\n", set);
        scene.load(args, 3);
        assert_eq!(settings(&scene), ["8192", "1234", "7"]);
        fs::write(scene.folder.path().join("t.csv"), "a,b\n1,2\nx\n").unwrap();
        scene.load(args, 3);
        fs::write(scene.folder.path().join("t.csv"), "a,b\n1,2\n").unwrap();
        scene.load(&format!("{args} --restart"), 0);
        assert_eq!(settings(&scene), ["8192", "1234", "7"]);
        assert_eq!(scene.rows("SELECT * FROM t"), ["1, 2"]);
    }
    // Set after the load made the database.
    let scene = Scene::new("a,b\n1,2\nx\n", "");
    scene.load("--max-errors 0", 3);
    scene.write("PRAGMA user_version = 7");
    fs::write(scene.folder.path().join("t.csv"), "a,b\n1,2\n").unwrap();
    scene.load("--max-errors 0 --restart", 0);
    assert_eq!(settings(&scene)[2], "7");
}

#[test]
fn to_forget_a_load_that_committed_nothing_takes_along_what_it_made() {
    let csv = format!("id,b\n{}", numbers(1..2001));
    let stop = |scene: &Scene, args: &str| {
        let all = format!("load t.csv x.db {args}");
        let mut command = rowmill(
            scene.folder.path(),
            &all.split_whitespace().map(Into::into).collect::<Vec<_>>(),
        );
        command.env("ROWMILL_SIGNAL_AT", format!("load: table made 1 {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 128 + libc::SIGKILL);
    };
    let scene = Scene::new(&csv, "CREATE TABLE t (id, b); INSERT INTO t VALUES (1, 1)");
    for flag in ["--forget", "--restart --key b --max-errors 0 --types b=date"] {
        stop(&scene, "--key id");
        assert_eq!(
            scene.rows("SELECT count(*) FROM sqlite_schema WHERE name = 't_id'"),
            ["1"]
        );
        scene.load(
            &format!("--key id {flag}").replace("--key id --restart", "--restart"),
            if flag == "--forget" { 0 } else { 3 },
        );
        assert_eq!(scene.rows("SELECT name FROM sqlite_schema"), ["'t'"], "{flag}");
    }
    let scene = Scene::new(&csv, "CREATE TABLE other (x)");
    stop(&scene, "");
    scene.load("--forget", 0);
    assert_eq!(scene.rows("SELECT name FROM sqlite_schema"), ["'other'"]);
    let errors = fs::read_to_string(scene.folder.path().join("errors.csv")).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn an_index_that_others_made_in_the_same_words_stays() {
    let csv = format!("id,b\n{}", numbers(1..2001));
    let scene = Scene::new(&csv, "CREATE TABLE t (id, b); INSERT INTO t VALUES (-1, 1)");
    let mut command = rowmill(
        scene.folder.path(),
        &["load", "t.csv", "x.db", "--key", "id"].map(Into::into),
    );
    command.env("ROWMILL_SIGNAL_AT", format!("load: table made 1 {}", libc::SIGKILL));
    Running::start(command).wait();
    scene.write("CREATE UNIQUE INDEX \"mine\" ON \"t\"(\"id\")");
    scene.load("--forget", 0);
    assert_eq!(
        scene.rows("SELECT name FROM sqlite_schema WHERE type = 'index'"),
        ["'mine'"]
    );
}

#[test]
fn a_key_that_others_repeat_between_two_runs_is_named_with_the_ways_on() {
    for schema in ["", "CREATE TABLE t (k TEXT, v INTEGER)"] {
        let scene = Scene::new("k,v\na,1\nb,x,\nc,3\n", schema);
        scene.load("--key k --max-errors 0", 3);
        scene.write("INSERT INTO t VALUES ('a', 99)");
        let said = scene.load("--key k --max-errors 5", 78);
        says(
            &said,
            &[
                "repeat the key k, for example 'a'",
                "run the same command again",
                "--forget",
            ],
        );
        scene.write("DELETE FROM t WHERE v = 99");
        scene.load("--key k --max-errors 5", 2);
        assert_eq!(scene.rows("SELECT * FROM t ORDER BY k"), ["'a', 1", "'c', 3"]);
    }
}

#[test]
fn what_a_trigger_does_for_the_record_at_which_a_load_stops_is_done_once() {
    let schema = "CREATE TABLE t (a INT); CREATE TABLE log (a INT);
        CREATE TRIGGER g BEFORE INSERT ON t WHEN new.a = 2 BEGIN INSERT INTO log VALUES (new.a); SELECT RAISE(IGNORE); END";
    let scene = Scene::new("a\n1\n2\n3\n", schema);
    scene.load("--max-errors 0", 3);
    assert!(scene.rows("SELECT * FROM log").is_empty());
    scene.load("--max-errors 9", 2);
    assert_eq!(scene.rows("SELECT * FROM log"), ["2"]);
    assert_eq!(scene.rows("SELECT * FROM t"), ["1", "3"]);
}

/// VACUUM numbers the rows of a table without an INTEGER PRIMARY KEY anew, so a row id no longer says which record a row came from.
#[test]
fn a_vacuum_between_two_runs_names_no_wrong_record() {
    let scene = Scene::new("k,v\nx,1,1\nx,1,1\na,1\nb,2\nc,3,3\nd,4\na,5\nb,6\n", "");
    scene.load("--key k --max-errors 2", 3);
    scene.write("VACUUM");
    scene.load("--key k --max-errors 9", 2);
    let errors = fs::read_to_string(scene.folder.path().join("errors.csv")).unwrap();
    assert_eq!(
        errors
            .matches("duplicate_key,the key is in the table already,,,")
            .count(),
        2,
        "{errors}"
    );
    assert_eq!(scene.rows("SELECT * FROM t ORDER BY k"), ["'a', 1", "'b', 2", "'d', 4"]);
}
