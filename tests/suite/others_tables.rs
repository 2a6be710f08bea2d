//! Tables that belong to others: whose row ids are theirs, whose rules look at other rows, and into which they write meanwhile.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::database::{self, count};
use super::harness::{Case, PLAIN, Setting};
use super::process::{Ended, Running, rowmill};

/// A folder with a database and an input.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(schema: &str, csv: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        database::create(&folder.path().join("out.db"), schema);
        fs::write(folder.path().join("in.csv"), csv).unwrap();
        Scene { folder }
    }

    fn start(&self, args: &[&str], signal_at: Option<&str>) -> Running {
        let all = ["load", "in.csv", "out.db", "--table", "t", "--report", "report.json"];
        let all: Vec<_> = all.iter().chain(args).map(|arg| (*arg).into()).collect();
        let mut command = rowmill(self.folder.path(), &all);
        if let Some(point) = signal_at {
            command.env("ROWMILL_SIGNAL_AT", point);
        }
        Running::start(command)
    }

    fn load(&self, args: &[&str]) -> Ended {
        self.start(args, None).wait()
    }

    /// Loads, and lets `meanwhile` write once the first batch is committed.
    fn load_while(&self, args: &[&str], meanwhile: &str) -> Ended {
        let running = self.start(args, Some(&format!("batch: committed 1 {}", libc::SIGSTOP)));
        running.wait_for_stop();
        self.write(meanwhile);
        running.signal(libc::SIGCONT);
        running.wait()
    }

    fn write(&self, sql: &str) {
        let connection = database::open(&self.folder.path().join("out.db"));
        connection
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let connection = database::open(&self.folder.path().join("out.db"));
        database::select(&connection, sql).unwrap()
    }

    fn report(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.folder.path().join("report.json")).unwrap()).unwrap()
    }

    /// Line, code, column and first record of each reject.
    fn rejects(&self) -> Vec<String> {
        let bytes = fs::read(self.folder.path().join("errors.csv")).unwrap();
        let rejects = super::dead_letters::read_rejects(&bytes).unwrap();
        let text = |reject: &super::dead_letters::Reject| {
            let first = reject.first_record.map_or(String::new(), |first| format!(" {first}"));
            format!("{} {} {}{first}", reject.line, reject.code, reject.column)
        };
        rejects.iter().map(text).collect()
    }

    fn is_sound(&self) {
        let report = self.report();
        assert_eq!(report["identity_holds"], true, "{report}");
        assert_eq!(database::integrity(&self.folder.path().join("out.db")), "ok");
    }

    /// The names of what rowmill keeps in a database.
    fn left_behind(&self) -> Vec<String> {
        self.rows("SELECT name FROM sqlite_schema WHERE name LIKE '\\_rowmill%' ESCAPE '\\'")
    }
}

#[test]
fn ids_that_autoincrement_gave_once_are_not_given_again() {
    Case::csv("name\nd\ne\n")
        .existing(
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); INSERT INTO t (name) VALUES ('a'), ('b'), ('c');
             DELETE FROM t WHERE id > 1",
        )
        .expect_rows(["1: 1, 'a'", "4: 4, 'd'", "5: 5, 'e'"])
        .check();
    let scene = Scene::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT); INSERT INTO t (v) VALUES ('x'), ('y'), ('z'); DELETE FROM t",
        "v\nnew\n",
    );
    assert_eq!(scene.load(&[]).code(), 0);
    assert_eq!(scene.rows("SELECT * FROM t"), ["4, 'new'"]);
    assert_eq!(scene.rows("SELECT seq FROM sqlite_sequence"), ["4"]);
}

#[test]
fn row_ids_that_are_used_up_cost_the_rows_that_get_none() {
    let last = i64::MAX;
    for (schema, landed) in [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER)", 0),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER)", 2),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER UNIQUE)",
            2,
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER); CREATE TABLE log (v);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.v); END",
            2,
        ),
    ] {
        let case = Case::csv("v\n1\n2\nx\n3\n4\n")
            .existing(&format!("{schema}; INSERT INTO t VALUES ({}, 0)", last - landed))
            .any_rejects();
        let run = case.once();
        assert_eq!(count(&run.path("out.db"), "t"), 1 + landed as u64, "{schema}");
        let rejects = run.rejects();
        assert_eq!(rejects.len() as i64, 5 - landed, "{schema}");
        let last = rejects.last().unwrap();
        assert_eq!((last.line, last.code.as_str()), (6, "constraint_failed"));
        assert!(last.message.contains("are used up"), "{}", last.message);
        case.check();
    }
    // The greatest id was given and its row is gone: it is not given again.
    let gone = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER); INSERT INTO t VALUES ({last}, 0); DELETE FROM t"
    );
    Case::csv("v\n1\n")
        .existing(&gone)
        .expect_rows([])
        .expect_rejects([(2, "constraint_failed")])
        .check();
    // The ids of a table that a trigger fills; SQLite then rolls everything back.
    let case = Case::csv("v\n1\n2\n3\n-4\n5\n").existing(&format!(
        "CREATE TABLE t (v INTEGER); CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO log VALUES ({}, 0);
         CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.v > 0 BEGIN INSERT INTO log (v) VALUES (NEW.v); END",
        last - 2
    ));
    let case = case
        .expect_rows(["1: 1", "2: 2", "3: -4"])
        .expect_rejects([(4, "constraint_failed"), (6, "constraint_failed")]);
    case.check();
    assert_eq!(count(&case.once().path("out.db"), "log"), 3);
    // Others take the last ones while the load runs.
    let scene = Scene::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER)",
        "v\n1\n2\n3\n",
    );
    let ended = scene.load_while(&["--batch-rows", "2"], &format!("INSERT INTO t VALUES ({last}, 0)"));
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(scene.rows("SELECT v FROM t"), ["1", "2", "0"]);
    assert_eq!(scene.rejects(), ["4 constraint_failed "]);
    scene.is_sound();
}

#[test]
fn what_has_the_name_of_a_table_of_rowmills_own_is_left_alone_or_reported() {
    let csv = "k,v\na,1\nb,2\n";
    let theirs = |name: &str| format!("CREATE TABLE {name} (mine, yours); INSERT INTO {name} VALUES ('precious', 1)");
    let view = |name: &str| format!("CREATE VIEW {name} AS SELECT 'precious' AS mine, 1 AS yours");
    let unique = "CREATE TABLE t (k TEXT UNIQUE, v INTEGER)";
    for make in [theirs, view] as [fn(&str) -> String; 2] {
        for (name, schema, args) in [
            // Which record a row came from, where SQLite numbers the rows.
            ("_rowmill_rows", unique, &[][..]),
            ("_ROWMILL_Rows", unique, &["--batch-rows", "1"]),
            ("_rowmill_loads", "CREATE TABLE t (k TEXT, v INTEGER)", &["--once"]),
            ("_rowmill_loads", "", &["--once", "--restart"]),
            ("_rowmill_checkpoint", unique, &[]),
        ] {
            let scene = Scene::new(&format!("{}; {schema}", make(name)), csv);
            let ended = scene.load(args);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.code(), 78, "{name}: {said}");
            let wanted = format!("a table \"{}\" that is not rowmill's; rename it", name.to_lowercase());
            assert!(said.contains(&wanted), "{name}: {said}");
            assert_eq!(scene.left_behind(), [format!("'{name}'")]);
            assert_eq!(scene.rows(&format!("SELECT * FROM {name}")), ["'precious', 1"]);
            assert_eq!(
                scene.rows("SELECT count(*) FROM sqlite_schema WHERE name = 't'"),
                [u8::from(!schema.is_empty()).to_string()]
            );
        }
        // Loads that do not need them.
        for (name, schema, args) in [
            ("_rowmill_rows", "CREATE TABLE t (k TEXT, v INTEGER)", &[][..]),
            ("_rowmill_rows", "", &["--key", "k"]),
            ("_rowmill_loads", "", &["--key", "k"]),
            ("_rowmill_append_only", "", &["--restart"]),
        ] {
            let scene = Scene::new(&format!("{}; {schema}", make(name)), csv);
            let ended = scene.load(args);
            assert_eq!(ended.code(), 0, "{name}: {}", String::from_utf8_lossy(&ended.stderr));
            assert_eq!(scene.rows("SELECT k, v FROM t"), ["'a', 1", "'b', 2"]);
            assert_eq!(scene.rows(&format!("SELECT * FROM {name}")), ["'precious', 1"]);
        }
    }
    // A stream has no checkpoint.
    let scene = Scene::new(&theirs("_rowmill_checkpoint"), csv);
    let piped = Setting { piped: true, ..PLAIN };
    Case::csv(csv)
        .existing(&theirs("_rowmill_checkpoint"))
        .expect_rows(["1: 'a', 1", "2: 'b', 2"])
        .check_at(&[piped]);
    assert_eq!(scene.load(&[]).code(), 78);
}

#[test]
fn a_checkpoint_that_others_remove_while_a_load_runs_is_missed_at_the_next_commit() {
    for schema in [
        "CREATE TABLE t (k TEXT, v INTEGER); INSERT INTO t VALUES ('x', 0)",
        "CREATE TABLE theirs (x)",
    ] {
        for meanwhile in [
            "DROP TABLE _rowmill_checkpoint",
            "DELETE FROM _rowmill_checkpoint",
            "DROP TABLE _rowmill_checkpoint; CREATE TABLE _rowmill_checkpoint (mine)",
        ] {
            let scene = Scene::new(schema, "k,v\na,1\nb,2\nc,3\n");
            let ended = scene.load_while(&["--batch-rows", "2"], meanwhile);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.code(), 78, "{meanwhile}: {said}");
            assert!(
                said.contains("is gone from table \"_rowmill_checkpoint\""),
                "{meanwhile}: {said}"
            );
            assert!(!said.contains("no such"), "{said}");
            assert_eq!(scene.report()["outcome"], "failed");
            assert_eq!(scene.rows("SELECT v FROM t WHERE v > 0"), ["1", "2"], "{meanwhile}");
        }
    }
}

#[test]
fn rejects_leave_no_gap_where_sqlite_gives_the_ids() {
    for schema in [
        "CREATE TABLE t (a INTEGER, b TEXT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
        "CREATE TABLE t (a INTEGER CHECK (a > 0), b TEXT)",
    ] {
        let scene = Scene::new(schema, "a,b\n1,x\nbad\n2,y\n");
        assert_eq!(scene.load(&[]).code(), 2);
        assert_eq!(
            scene.rows("SELECT rowid, a, b FROM t"),
            ["1, 1, 'x'", "2, 2, 'y'"],
            "{schema}"
        );
    }
}

#[test]
fn what_others_insert_while_a_load_runs_is_not_in_the_way() {
    let csv = "who,qty\nfile,1\nfile,2\nfile,3\nfile,4\nfile,5\n";
    for schema in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, who TEXT, qty INT); INSERT INTO t (who, qty) VALUES ('app', -1)",
        "CREATE TABLE t (who TEXT, qty INT); INSERT INTO t VALUES ('app', -1)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT, qty INT); INSERT INTO t VALUES (7, 'app', -1)",
        // Empty and plain: finished pages, until somebody writes.
        "CREATE TABLE t (who TEXT, qty INT)",
    ] {
        let scene = Scene::new(schema, csv);
        let before = count(&scene.folder.path().join("out.db"), "t");
        let insert = "INSERT INTO t (who, qty) VALUES ('app', -2), ('app', -3)";
        let ended = scene.load_while(&["--batch-rows", "2"], insert);
        assert_eq!(ended.code(), 0, "{schema}: {}", String::from_utf8_lossy(&ended.stderr));
        let app = scene.rows("SELECT count(*) FROM t WHERE who = 'app'");
        assert_eq!(app, [(before + 2).to_string()], "{schema}");
        assert_eq!(
            scene.rows("SELECT qty FROM t WHERE who = 'file' ORDER BY rowid"),
            ["1", "2", "3", "4", "5"]
        );
        scene.is_sound();
        assert_eq!(scene.left_behind(), [""; 0], "{schema}");
    }
}

#[test]
fn a_load_of_a_new_table_goes_on_while_others_write_to_their_own() {
    let csv = "k,v\nb,1\na,2\nb,3\nc,4\nd,5\na,6\n";
    let scene = Scene::new("CREATE TABLE theirs (x)", csv);
    let ended = scene.load_while(
        &["--batch-rows", "2", "--key", "k", "--index", "v"],
        "INSERT INTO theirs VALUES (1); CREATE TABLE more (y); INSERT INTO more SELECT randomblob(9000)",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(
        scene.rows("SELECT rowid, * FROM t"),
        ["1, 'b', 1", "2, 'a', 2", "4, 'c', 4", "5, 'd', 5"]
    );
    assert_eq!(scene.rejects(), ["4 duplicate_key k 1", "7 duplicate_key k 2"]);
    assert_eq!(
        scene.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'index'"),
        ["2"]
    );
    assert_eq!(scene.report()["write_path"], "sql");
    scene.is_sound();
}

#[test]
fn others_may_insert_into_a_new_table_while_it_is_loaded() {
    let scene = Scene::new("CREATE TABLE theirs (x)", "k,v\nb,1\na,2\nx,3\nc,4\nb,5\nq,6\nc,7\n");
    let ended = scene.load_while(&["--batch-rows", "2", "--key", "k"], "INSERT INTO t VALUES ('q', 0)");
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    let rows = scene.rows("SELECT k, v FROM t ORDER BY k");
    assert_eq!(rows, ["'a', 2", "'b', 1", "'c', 4", "'q', 0", "'x', 3"]);
    assert_eq!(
        scene.rejects(),
        ["6 duplicate_key k 1", "7 duplicate_key k", "8 duplicate_key k 4"],
        "the key q was there before this load got to it"
    );
    scene.is_sound();
}

#[test]
fn a_resumed_load_goes_on_among_rows_that_others_added() {
    for (schema, key) in [
        (
            "CREATE TABLE t (id INT, qty INTEGER); INSERT INTO t VALUES (100, 1), (101, 2)",
            false,
        ),
        (
            "CREATE TABLE t (id INT UNIQUE, qty INTEGER); INSERT INTO t VALUES (100, 1), (101, 2)",
            true,
        ),
        (
            "CREATE TABLE t (n INTEGER PRIMARY KEY, id INT UNIQUE, qty INTEGER)",
            true,
        ),
    ] {
        let scene = Scene::new(schema, "id,qty\n1,5\n2,5\n3,five\n4,1\n5,2\n2,3\n5,4\n6,3\n");
        let args = ["--batch-rows", "2"];
        assert_eq!(
            scene.load(&["--batch-rows", "2", "--max-errors", "0"]).code(),
            3,
            "{schema}"
        );
        scene.write("INSERT INTO t (id, qty) VALUES (500, 9), (501, 9)");
        let ended = scene.load(&args);
        assert_eq!(ended.code(), 2, "{schema}: {}", String::from_utf8_lossy(&ended.stderr));
        let rejects = scene.rejects();
        if key {
            assert_eq!(
                rejects,
                ["4 type_error qty", "7 duplicate_key id 2", "8 duplicate_key id 5"],
                "{schema}"
            );
        } else {
            assert_eq!(rejects, ["4 type_error qty"], "{schema}");
        }
        assert_eq!(scene.rows("SELECT count(*) FROM t WHERE id = 6 OR id = 4"), ["2"]);
        scene.is_sound();
        assert_eq!(scene.left_behind(), [""; 0]);
    }
}

#[test]
fn a_resumed_load_of_a_new_table_goes_on_among_rows_that_others_added() {
    let scene = Scene::new("CREATE TABLE theirs (x)", "k,v\nb,1\na,2\nx,bad\nc,4\nb,5\nq,6\nc,7\n");
    let args = ["--batch-rows", "2", "--key", "k", "--types", "v=integer"];
    let stopped: Vec<&str> = args.iter().copied().chain(["--max-errors", "0"]).collect();
    assert_eq!(scene.load(&stopped).code(), 3);
    scene.write("INSERT INTO t VALUES ('q', 0), ('r', 0)");
    let ended = scene.load(&args);
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    let rows = scene.rows("SELECT k, v FROM t ORDER BY k");
    assert_eq!(rows, ["'a', 2", "'b', 1", "'c', 4", "'q', 0", "'r', 0"]);
    // Row 3 is not from record 3.
    let expected = [
        "4 type_error v",
        "6 duplicate_key k 1",
        "7 duplicate_key k",
        "8 duplicate_key k 4",
    ];
    assert_eq!(scene.rejects(), expected);
    scene.is_sound();
}

#[test]
fn a_row_id_that_sqlite_gives_again_tells_the_later_record() {
    let scene = Scene::new(
        "CREATE TABLE t (k TEXT, u INTEGER UNIQUE); INSERT INTO t VALUES ('x', 92), ('y', 6)",
        "k,u\nd,0\nbad\ne,1\nf,5\ng,5\n",
    );
    assert_eq!(scene.load(&["--batch-rows", "2", "--max-errors", "0"]).code(), 3);
    scene.write("DELETE FROM t WHERE u IN (0, 6)");
    assert_eq!(scene.load(&["--batch-rows", "2"]).code(), 2);
    assert_eq!(scene.rows("SELECT rowid, k FROM t"), ["1, 'x'", "2, 'e'", "3, 'f'"]);
    assert_eq!(scene.rejects(), ["3 missing_columns ", "6 duplicate_key u 4"]);
    scene.is_sound();
}

#[test]
fn columns_may_have_all_the_names_of_the_row_id() {
    let case = Case::csv("rowid,_rowid_,oid,k\n1,2,3,a\n4,5,6,b\n7,8,9,a\n")
        .args(["--key", "k"])
        .expect_rejects([(4, "duplicate_key")]);
    case.check();
    let run = case.once();
    let connection = Connection::open(run.path("out.db")).unwrap();
    let sum: i64 = connection
        .query_row("SELECT sum(oid) FROM t", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sum, 9);
    Case::csv("ROWID,_Rowid_,Oid\n1,2,3\n4,5\n7,8,9\n")
        .expect_rejects([(3, "missing_columns")])
        .check();
    Case::csv("rowid,_rowid_,oid\n1,2,3\n1,8,9\n")
        .existing("CREATE TABLE t (rowid UNIQUE, _rowid_, oid); INSERT INTO t VALUES (7, 8, 9)")
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn the_first_row_wins_where_another_column_must_be_unique_too() {
    for key in ["k", "k,n"] {
        Case::csv("k,u,n\na,1,0\nb,1,0\nb,2,0\nc,2,0\n")
            .args(["--key", key])
            .existing("CREATE TABLE t (k TEXT, u INTEGER UNIQUE, n INTEGER)")
            .expect_rows(["1: 'a', 1, 0", "2: 'b', 2, 0"])
            .expect_rejects([(3, "duplicate_key"), (5, "duplicate_key")])
            .check();
    }
    // The key is the row id and mostly ascends: a row out of order is nevertheless judged in its turn.
    Case::csv("id,u\n10,a\n5,b\n20,b\n30,c\n")
        .args(["--key", "id"])
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT); CREATE UNIQUE INDEX i ON t (lower(u))")
        .expect_rows(["5: 5, 'b'", "10: 10, 'a'", "30: 30, 'c'"])
        .expect_rejects([(4, "constraint_failed")])
        .check();
}

#[test]
fn rules_that_look_at_other_rows_see_them_in_the_order_of_the_file() {
    let trigger =
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN (SELECT count(*) FROM t) >= 2 BEGIN SELECT RAISE(ABORT, 'full'); END";
    Case::csv("k,v\nb,1\nb,2\na,3\nc,4\n")
        .args(["--key", "k"])
        .existing(&format!("CREATE TABLE t (k TEXT, v INTEGER); {trigger}"))
        .expect_rows(["1: 'b', 1", "2: 'a', 3"])
        .expect_rejects([(3, "duplicate_key"), (5, "constraint_failed")])
        .check();
    Case::csv("id,parent\n9,\n3,9\n4,3\n7,8\n8,7\n")
        .args(["--key", "id"])
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t)")
        .expect_rows(["3: 3, 9", "4: 4, 3", "9: 9, NULL"])
        .expect_rejects([(5, "constraint_failed"), (6, "constraint_failed")])
        .check();
}

#[test]
fn the_outcome_does_not_depend_on_memory() {
    let mut csv = "k,u,v\n".to_owned();
    for i in 0..2000 {
        csv += &if i == 1500 {
            ",u1000,1500\n".to_owned()
        } else {
            format!("k{i},u{i},{i}\n")
        };
    }
    let case = |memory: &str| {
        Case::csv(&csv)
            .args(["--key", "k", "--memory", memory])
            .existing("CREATE TABLE t (k TEXT, u TEXT UNIQUE, v INTEGER)")
            .expect_rejects([(1502, "duplicate_key")])
            .once()
    };
    case("244m").must_equal(&case("64m"));
}

#[test]
fn a_key_column_is_the_primary_key_or_not_whether_file_or_pipe() {
    let mut csv = "id,v\n".to_owned();
    for i in 0..100_000 {
        csv += &format!("{i},aaaaaaaaaaaa\n");
    }
    let settings = [PLAIN, Setting { piped: true, ..PLAIN }];
    Case::csv(csv + ",a row without a key\n")
        .args(["--key", "id", "--types", "id=integer,v=text"])
        .expect_rejects([(100_002, "null_violation")])
        .check_at(&settings);
}

#[test]
fn an_orphan_under_a_deferred_foreign_key_is_a_reject() {
    let schema = "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (2);
                  CREATE TABLE t (a INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, b TEXT)";
    for batch_rows in ["200000", "1"] {
        let case = Case::csv("a,b\n1,one\n99,orphan\n2,two\n98,orphan,too many\n")
            .args(["--batch-rows", batch_rows])
            .existing(schema)
            .expect_rows(["1: 1, 'one'", "2: 2, 'two'"])
            .expect_rejects([(3, "constraint_failed"), (5, "too_many_columns")]);
        case.check();
        assert!(case.once().rejects()[0].message.contains("FOREIGN KEY"));
    }
}

#[test]
fn rows_may_refer_to_later_ones_under_a_deferred_foreign_key() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED, v TEXT UNIQUE)";
    for batch_rows in ["200000", "1", "2"] {
        Case::csv("id,parent,v\n1,2,a\n2,3,b\n3,,c\n4,5,d\n5,4,e\n6,7,f\n8,8,g\n9,6,h\n10,1,c\n11,4,i\n")
            .args(["--batch-rows", batch_rows])
            .existing(schema)
            .expect_rows([
                "1: 1, 2, 'a'",
                "2: 2, 3, 'b'",
                "3: 3, NULL, 'c'",
                "4: 4, 5, 'd'",
                "5: 5, 4, 'e'",
                "8: 8, 8, 'g'",
                "11: 11, 4, 'i'",
            ])
            .expect_rejects([
                (7, "constraint_failed"),
                (9, "constraint_failed"),
                (10, "duplicate_key"),
            ])
            .check();
    }
    // With a trigger, SQLite cannot be asked for all of them at once.
    let log = "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";
    let run = Case::csv("id,parent\n1,2\n2,3\n3,\n6,7\n")
        .args(["--batch-rows", "1"])
        .existing(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED); {log}"
        ))
        .expect_rows(["1: 1, 2", "2: 2, 3", "3: 3, NULL"])
        .expect_rejects([(5, "constraint_failed")])
        .once();
    assert_eq!(count(&run.path("out.db"), "log"), 3);
}

/// SQLite can only be asked whether any of them is open, not which.
#[test]
fn rows_that_refer_to_each_other_go_in_together_whatever_the_table_is_like() {
    let columns = "id TEXT PRIMARY KEY, mate TEXT REFERENCES t DEFERRABLE INITIALLY DEFERRED";
    let log = "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";
    for schema in [
        format!("CREATE TABLE t ({columns}) WITHOUT ROWID"),
        format!("CREATE TABLE t ({columns}); {log}"),
    ] {
        for batch_rows in ["200000", "1"] {
            let run = Case::csv("id,mate\na,b\nb,a\nc,c\nd,e\ne,f\nf,d\ng,\n")
                .args(["--batch-rows", batch_rows])
                .existing(&schema)
                .expect_rejects([])
                .once();
            assert_eq!(count(&run.path("out.db"), "t"), 7, "{schema}");
            if schema.contains("log") {
                assert_eq!(count(&run.path("out.db"), "log"), 7, "each row is logged once");
            }
        }
    }
}

#[test]
fn a_table_cannot_have_the_name_of_an_index_or_a_foreign_key_to_nothing() {
    for (schema, says) in [
        (
            "CREATE TABLE b (a); CREATE INDEX T ON b (a)",
            "is an index of table \"b\"; choose another table",
        ),
        (
            "CREATE TABLE t (v REFERENCES nowhere (a))",
            "make the table that its foreign key",
        ),
        (
            "CREATE TABLE p (a); CREATE TABLE t (v REFERENCES p (a))",
            "make a unique index on the columns",
        ),
    ] {
        let scene = Scene::new(schema, "v\n1\n");
        let ended = scene.load(&[]);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.code(), 78, "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_trigger_that_rolls_back_costs_its_row_alone() {
    let log = "CREATE TABLE log (a); CREATE TRIGGER l AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END;";
    let ignore = "CREATE TRIGGER i BEFORE INSERT ON t WHEN NEW.a = 6 BEGIN INSERT INTO log VALUES (60); SELECT RAISE(IGNORE); END;";
    let roll = "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.a % 3 = 0 AND NEW.a <> 6 BEGIN SELECT RAISE(ROLLBACK, 'no threes'); END;";
    for batch_rows in ["200000", "2"] {
        let case = Case::csv("a\n1\n2\n3\n4\nx\n5\n6\n7\n9\n9\n2\n")
            .args(["--batch-rows", batch_rows])
            .existing(&format!("CREATE TABLE t (a INT UNIQUE); {log} {ignore} {roll}"))
            .expect_rows(["1: 1", "2: 2", "3: 4", "4: 5", "5: 7"])
            .expect_rejects([
                (4, "constraint_failed"),
                (6, "type_error"),
                (8, "constraint_failed"),
                (10, "constraint_failed"),
                (11, "constraint_failed"),
                (12, "duplicate_key"),
            ]);
        case.check();
        let run = case.once();
        assert!(run.rejects()[0].message.contains("no threes"));
        assert_eq!(run.rejects()[5].first_record, Some(2));
        assert_eq!(
            count(&run.path("out.db"), "log"),
            6,
            "each row is logged once, and so is the one that was left out"
        );
    }
}

#[test]
fn a_row_that_fails_half_done_is_not_in_the_table() {
    Case::csv("a,b\n1,one\n-2,two\n3,three\n")
        .existing("CREATE TABLE t (a INTEGER, b TEXT); CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.a < 0 BEGIN SELECT RAISE(FAIL, 'negative'); END")
        .expect_rows(["1: 1, 'one'", "2: 3, 'three'"])
        .expect_rejects([(3, "constraint_failed")])
        .check();
    let run = Case::csv("a,b\n1,one\n1,again\n3,three\n")
        .existing(
            "CREATE TABLE log (a UNIQUE ON CONFLICT FAIL); CREATE TABLE t (a INTEGER, b TEXT);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END",
        )
        .expect_rows(["1: 1, 'one'", "2: 3, 'three'"])
        .expect_rejects([(3, "constraint_failed")])
        .once();
    assert_eq!(count(&run.path("out.db"), "log"), 2);
}

#[test]
fn a_conflict_is_reported_by_the_columns_that_are_in_conflict() {
    let run = Case::csv("k,u\na,1\nb,1\na,2\n")
        .args(["--key", "k"])
        .existing("CREATE TABLE t (k TEXT, u INTEGER UNIQUE)")
        .expect_rejects([(3, "duplicate_key"), (4, "duplicate_key")])
        .once();
    let columns: Vec<String> = run.rejects().iter().map(|reject| reject.column.clone()).collect();
    assert_eq!(columns, ["u", "k"]);
}

#[test]
fn a_duplicate_names_its_first_record_though_others_have_rows_far_above() {
    // No row of the load takes another number than its own.
    let scene = Scene::new("CREATE TABLE theirs (x)", "k,v\nb,1\na,2\nx,3\nc,4\nx,5\n");
    let ended = scene.load_while(
        &["--batch-rows", "2", "--key", "k"],
        "INSERT INTO t (rowid, k, v) VALUES (1000, 'q', 0)",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(scene.rejects(), ["6 duplicate_key k 3"]);
    scene.is_sound();
}

#[test]
fn a_row_of_others_in_the_gap_of_a_reject_is_no_record_of_the_load() {
    let scene = Scene::new("CREATE TABLE theirs (x)", "k,v\nb,1\nbad\na,2\nq,3\nb,4\nc,5\n");
    let ended = scene.load_while(
        &["--batch-rows", "3", "--key", "k"],
        "INSERT INTO t (rowid, k, v) VALUES (2, 'q', 0)",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(
        scene.rows("SELECT rowid, k, v FROM t"),
        ["1, 'b', 1", "2, 'q', 0", "3, 'a', 2", "6, 'c', 5"]
    );
    // Row 2 is not from record 2, so none of these rows is sure to be from the record of its number.
    let expected = ["3 missing_columns ", "5 duplicate_key k", "6 duplicate_key k"];
    assert_eq!(scene.rejects(), expected);
    scene.is_sound();
}

#[test]
fn several_row_ids_that_sqlite_gives_again_tell_the_later_records() {
    let scene = Scene::new(
        "CREATE TABLE t (k TEXT, u INTEGER UNIQUE); INSERT INTO t VALUES ('x', 92), ('y', 6)",
        "k,u\nd,0\nbad\ne,1\nbad\nf,5\ng,7\nbad\ni,8\nh,7\n",
    );
    assert_eq!(scene.load(&["--batch-rows", "2", "--max-errors", "1"]).code(), 3);
    scene.write("DELETE FROM t WHERE u IN (0, 1)");
    assert_eq!(scene.load(&["--batch-rows", "2"]).code(), 2);
    assert_eq!(
        scene.rows("SELECT rowid, k FROM t"),
        ["1, 'x'", "2, 'y'", "3, 'f'", "4, 'g'", "5, 'i'"]
    );
    assert_eq!(
        scene.rejects().last().map(String::as_str),
        Some("10 duplicate_key u 6"),
        "row 4 was record 3's before"
    );
    scene.is_sound();
}

#[test]
fn a_trigger_that_others_add_to_a_new_table_costs_its_row_alone() {
    let scene = Scene::new("CREATE TABLE theirs (x)", "a,b\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n");
    let ended = scene.load_while(
        &["--batch-rows", "2"],
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.a = 4 BEGIN SELECT RAISE(ROLLBACK, 'no fours'); END",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(scene.rows("SELECT a FROM t"), ["1", "2", "3", "5", "6"]);
    assert_eq!(scene.rejects(), ["5 constraint_failed "]);
    scene.is_sound();
}

/// Rows that may repeat a key go in last, and the trigger takes along those of them that went in before.
#[test]
fn a_trigger_that_rolls_back_where_suspects_are_settled_costs_its_row_alone() {
    let ascending: String = (1..=200).map(|n| format!("{},a\n", 10 * n)).collect();
    let scene = Scene::new(
        "CREATE TABLE theirs (x)",
        &format!("id,v\n{ascending}15,new\n25,bad\n35,new\n15,again\n45,bad\n55,new\nx,y,z\n40,again\n"),
    );
    let ended = scene.load_while(
        &["--batch-rows", "20", "--key", "id"],
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'no bad ones'); END",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(scene.rows("SELECT count(*) FROM t WHERE v = 'a'"), ["200"]);
    assert_eq!(
        scene.rows("SELECT * FROM t WHERE v <> 'a' ORDER BY id"),
        ["15, 'new'", "35, 'new'", "55, 'new'"]
    );
    assert_eq!(
        scene.rejects(),
        [
            "203 constraint_failed ",
            "205 duplicate_key id 201",
            "206 constraint_failed ",
            "208 too_many_columns ",
            "209 duplicate_key id 4"
        ]
    );
    scene.is_sound();
}

#[test]
fn others_may_insert_into_a_new_table_on_the_sql_path_too() {
    let scene = Scene::new("CREATE TABLE theirs (x)", "k,v\nb,1\na,2\nx,3\nc,4\nb,5\nq,6\nc,7\n");
    let ended = scene.load_while(
        &["--batch-rows", "2", "--key", "k", "--write-path", "sql"],
        "INSERT INTO t VALUES ('q', 0)",
    );
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    let rows = scene.rows("SELECT k, v FROM t ORDER BY k");
    assert_eq!(rows, ["'a', 2", "'b', 1", "'c', 4", "'q', 0", "'x', 3"]);
    assert_eq!(
        scene.rejects(),
        ["6 duplicate_key k 1", "7 duplicate_key k", "8 duplicate_key k 4"]
    );
    scene.is_sound();
}

#[test]
fn others_may_insert_where_rows_go_in_many_at_a_time() {
    let lines: String = (1..=300).map(|n| format!("{n},v{n}\n")).collect();
    let scene = Scene::new("CREATE TABLE theirs (x)", &format!("a,b\n{lines}"));
    let ended = scene.load_while(
        &["--batch-rows", "100", "--write-path", "sql"],
        "INSERT INTO t VALUES (-1, 'mine'), (-2, 'mine')",
    );
    assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(scene.rows("SELECT count(*), sum(a) FROM t WHERE a > 0"), ["300, 45150"]);
    assert_eq!(scene.rows("SELECT count(*) FROM t WHERE b = 'mine'"), ["2"]);
    scene.is_sound();
}

#[test]
fn rows_that_are_committed_before_their_batch_is_full_are_loaded_once() {
    let lines: String = (1..=40).map(|n| format!("{n},{}\n", "x".repeat(256 << 10))).collect();
    let scene = Scene::new(
        "CREATE TABLE t (a INTEGER, b TEXT);
         CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.a < 0 BEGIN SELECT RAISE(ROLLBACK, 'negative'); END",
        &format!("a,b\n{lines}"),
    );
    let killed = scene.start(&[], Some(&format!("batch: committed 1 {}", libc::SIGKILL)));
    assert_eq!(killed.wait().code(), 128 + libc::SIGKILL);
    let committed = count(&scene.folder.path().join("out.db"), "t");
    assert!(
        (1..40).contains(&committed),
        "{committed}: no more is kept than a few megabytes"
    );
    assert_eq!(scene.load(&[]).code(), 0);
    let all: Vec<String> = (1..=40).map(|n| n.to_string()).collect();
    assert_eq!(scene.rows("SELECT a FROM t"), all);
    scene.is_sound();
}

#[test]
fn a_conflict_clause_of_a_table_that_a_trigger_fills_costs_its_row_alone() {
    let run = Case::csv("a,b\n1,one\n2,two\n1,again\n3,three\n")
        .existing(
            "CREATE TABLE log (a UNIQUE ON CONFLICT ROLLBACK); CREATE TABLE t (a INTEGER, b TEXT);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END",
        )
        .expect_rows(["1: 1, 'one'", "2: 2, 'two'", "3: 3, 'three'"])
        .expect_rejects([(4, "constraint_failed")])
        .once();
    assert_eq!(count(&run.path("out.db"), "log"), 3);
}

#[test]
fn a_row_that_was_refused_for_the_sake_of_an_orphan_goes_in() {
    let scene = Scene::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED, v TEXT UNIQUE)",
        "id,parent,v\n1,99,x\n2,3,x\n3,,y\n",
    );
    assert_eq!(scene.load(&["--batch-rows", "1"]).code(), 2);
    assert_eq!(scene.rows("SELECT * FROM t"), ["2, 3, 'x'", "3, NULL, 'y'"]);
    assert_eq!(scene.rejects(), ["2 constraint_failed "]);
    scene.is_sound();
    // A row that waited and repeats another such row learns which.
    let scene = Scene::new(
        "CREATE TABLE t (id INTEGER, parent INTEGER REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED, v TEXT UNIQUE, UNIQUE (id))",
        "id,parent,v\n1,3,x\n2,3,x\n3,,y\n",
    );
    assert_eq!(scene.load(&["--batch-rows", "1"]).code(), 2);
    assert_eq!(scene.rejects(), ["3 duplicate_key v 1"]);
}

#[test]
fn an_orphan_that_a_trigger_leaves_elsewhere_is_a_reject() {
    let run = Case::csv("a,b\n1,one\n2,two\n3,three\n")
        .existing(
            "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (3); CREATE TABLE t (a INTEGER, b TEXT);
             CREATE TABLE log (a INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.a); END",
        )
        .expect_rows(["1: 1, 'one'", "2: 3, 'three'"])
        .expect_rejects([(3, "constraint_failed")])
        .once();
    assert_eq!(count(&run.path("out.db"), "log"), 2);
}

#[test]
fn a_row_out_of_order_is_there_for_those_that_refer_to_it() {
    let ids = (1..15).chain(16..=20).chain([15]).chain(21..=60);
    let lines: String = ids
        .map(|id| format!("{id},{}\n", if id == 21 { "15" } else { "" }))
        .collect();
    let row = |id: u32| format!("{id}: {id}, {}", if id == 21 { "15" } else { "NULL" });
    Case::csv(format!("id,parent\n{lines}"))
        .args(["--key", "id"])
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t)")
        .expect_row_list((1..=60).map(row).collect())
        .once();
}

/// A row that waits keeps its place: a later one with the same unique value does not go before it.
#[test]
fn the_first_row_wins_though_it_waits() {
    let parent = "parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED";
    let log = "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";
    for schema in [
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {parent}, v TEXT UNIQUE COLLATE NOCASE)"),
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {parent}, v TEXT UNIQUE COLLATE NOCASE) WITHOUT ROWID"),
        format!(
            "CREATE TABLE t (id INTEGER UNIQUE, {parent}, v TEXT COLLATE NOCASE); CREATE UNIQUE INDEX i ON t (lower(v))"
        ),
        format!("CREATE TABLE t (id INTEGER UNIQUE, {parent}, v TEXT); CREATE UNIQUE INDEX i ON t (v COLLATE NOCASE)"),
        format!("CREATE TABLE t (id INTEGER UNIQUE, {parent}, v TEXT UNIQUE COLLATE NOCASE); {log}"),
    ] {
        for batch_rows in ["200000", "1"] {
            // The first waits for the last and comes before the second; the fourth waits in vain, and the fifth has its place.
            let scene = Scene::new(&schema, "id,parent,v\n1,9,x\n2,,X\n3,2,c\n4,99,d\n5,,D\n9,,e\n");
            assert_eq!(scene.load(&["--batch-rows", batch_rows]).code(), 2, "{schema}");
            assert_eq!(
                scene.rows("SELECT id, parent, v FROM t ORDER BY id"),
                ["1, 9, 'x'", "5, NULL, 'D'", "9, NULL, 'e'"],
                "{schema}"
            );
            let lines: Vec<String> = scene.rejects().iter().map(|reject| reject[..1].to_owned()).collect();
            assert_eq!(lines, ["3", "4", "5"], "{schema}: {:?}", scene.rejects());
            scene.is_sound();
        }
    }
}

/// A row that refers to one that was refused because of an orphan goes in with it.
#[test]
fn a_row_whose_parent_had_to_give_way_to_an_orphan_goes_in() {
    let parent = "p INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED";
    let log = "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";
    for schema in [
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, {parent})"),
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, {parent}) WITHOUT ROWID"),
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, {parent}); {log}"),
    ] {
        let scene = Scene::new(&schema, "id,u,p\n1,u,99\n2,u,\n3,v,2\n4,w,5\n6,x,98\n5,x,\n");
        assert_eq!(scene.load(&[]).code(), 2, "{schema}");
        assert_eq!(
            scene.rows("SELECT id FROM t ORDER BY id"),
            ["2", "3", "4", "5"],
            "{schema}"
        );
        assert_eq!(
            scene.rejects(),
            ["2 constraint_failed ", "6 constraint_failed "],
            "{schema}"
        );
        scene.is_sound();
    }
}

/// What another foreign key refuses at once is refused, whether or not some row waits.
#[test]
fn a_foreign_key_that_is_not_deferred_is_looked_at_in_the_order_of_the_file() {
    let scene = Scene::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, d INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED, i INTEGER REFERENCES t)",
        "id,d,i\n1,4,\n2,,3\n3,,\n4,,\n5,,1\n",
    );
    assert_eq!(scene.load(&[]).code(), 2);
    assert_eq!(scene.rows("SELECT id FROM t ORDER BY id"), ["1", "3", "4", "5"]);
    assert_eq!(scene.rejects(), ["3 constraint_failed "]);
    scene.is_sound();
}

/// Tables whose row ids have no name, or whose key is filled by a default.
#[test]
fn rows_that_cannot_be_asked_about_go_in_together_if_all_hold() {
    let rowids =
        "CREATE TABLE t (rowid TEXT UNIQUE, oid TEXT REFERENCES t (rowid) DEFERRABLE INITIALLY DEFERRED, _rowid_ TEXT)";
    let scene = Scene::new(rowids, "rowid,oid,_rowid_\na,b,1\nb,a,2\nc,c,3\n");
    assert_eq!(scene.load(&[]).code(), 0);
    let defaults =
        "CREATE TABLE t (k TEXT NOT NULL, d TEXT NOT NULL DEFAULT 'x', r TEXT, rd TEXT DEFAULT 'x', PRIMARY KEY (k, d),
                    FOREIGN KEY (r, rd) REFERENCES t (k, d) DEFERRABLE INITIALLY DEFERRED) WITHOUT ROWID";
    let scene = Scene::new(defaults, "k,r\na,b\nb,a\nc,c\n");
    assert_eq!(scene.load(&[]).code(), 0);
    assert_eq!(scene.rows("SELECT count(*) FROM t"), ["3"]);
}

/// If the load brings what a row of others refers to, that hides no row of the load that lacks what it refers to.
#[test]
fn an_old_orphan_hides_no_new_one() {
    for end in ["", " WITHOUT ROWID"] {
        let scene = Scene::new(
            &format!(
                "PRAGMA foreign_keys = OFF;
                 CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED){end};
                 INSERT INTO t VALUES (1, 7), (2, 8)"
            ),
            "id,parent\n7,99\n8,98\n10,11\n11,\n",
        );
        assert_eq!(scene.load(&[]).code(), 2);
        assert_eq!(scene.rows("SELECT id FROM t ORDER BY id"), ["1", "2", "10", "11"]);
        assert_eq!(scene.rejects(), ["2 constraint_failed ", "3 constraint_failed "]);
    }
}

/// A circle goes in even if another waiting row is refused, and a long chain of rows that depend on nothing is recognized at once.
#[test]
fn waiting_rows_that_hold_together_go_in_whatever_becomes_of_the_others() {
    let columns = "id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED";
    let log = "CREATE TABLE log (id); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END";
    for schema in [
        format!("CREATE TABLE t ({columns})"),
        format!("CREATE TABLE t ({columns}) WITHOUT ROWID"),
        format!("CREATE TABLE t ({columns}); {log}"),
    ] {
        let links = if schema.contains("log") { 40 } else { 20_000 };
        // Each depends on the one before it, or after it, and the first, or the last, on nothing.
        let (half, rest) = (links / 2, 100_000);
        let chain: String = (1..=half).map(|n| format!("{},{}\n", 1000 + n, 999 + n)).collect();
        let chain = chain
            + &(1..=half)
                .map(|n| format!("{},{}\n", rest + n, rest + n + 1))
                .collect::<String>();
        let scene = Scene::new(&schema, &format!("id,parent\n1,2\n2,1\n3,99\n4,3\n{chain}5,6\n6,5\n"));
        assert_eq!(scene.load(&[]).code(), 2, "{schema}");
        assert_eq!(
            scene.rows("SELECT id FROM t ORDER BY id"),
            ["1", "2", "5", "6"],
            "{schema}"
        );
        assert_eq!(scene.rejects().len(), links + 2);
        if schema.contains("log") {
            assert_eq!(scene.rows("SELECT count(*) FROM log"), ["4"]);
        }
        scene.is_sound();
    }
}

#[test]
fn a_waiting_row_names_the_waiting_row_that_it_repeats() {
    let run = Case::csv("id,parent,v\n1,3,x\n2,3,x\n3,,y\n")
        .args(["--batch-rows", "1"])
        .existing(
            "CREATE TABLE log (id);
             CREATE TABLE t (id INTEGER UNIQUE, parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED, v TEXT UNIQUE);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END",
        )
        .expect_rejects([(3, "duplicate_key")])
        .once();
    assert_eq!(run.rejects()[0].first_record, Some(1));
}

#[test]
fn the_order_of_the_keys_is_that_of_the_first_mebibyte_however_it_is_read() {
    let settings = [
        PLAIN,
        Setting { piped: true, ..PLAIN },
        Setting {
            window: Some(4096),
            chunk: Some(4096),
            ..PLAIN
        },
    ];
    // Eighteen bytes a line: the keys begin to descend within the first mebibyte, or after it.
    for (ascending, descending, is_row_id) in [(20_000, 30_000, false), (66_000, 10_000, true)] {
        let ids = (100_000..100_000 + ascending).chain((0..descending).map(|i| 900_000 - i));
        let lines: String = ids.map(|id| format!("{id},aaaaaaaaaa\n")).collect();
        let run = Case::csv(format!("id,v\n{lines}"))
            .args(["--key", "id", "--types", "id=integer,v=text"])
            .check_at(&settings);
        let schema = run.unwrap().dump().schema;
        assert_eq!(schema[0].contains("PRIMARY KEY"), is_row_id, "{schema:?}");
    }
}

#[test]
fn a_waiting_row_that_rolls_back_costs_its_row_alone() {
    Case::csv("id,parent\n1,3\n2,3\n3,\n4,3\n")
        .args(["--batch-rows", "1"])
        .existing(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.id = 2 AND EXISTS (SELECT 1 FROM t WHERE id = 3)
             BEGIN SELECT RAISE(ROLLBACK, 'no two'); END",
        )
        .expect_rows(["1: 1, 3", "3: 3, NULL", "4: 4, 3"])
        .expect_rejects([(3, "constraint_failed")])
        .once();
}
