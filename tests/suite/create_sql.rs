//! `--create-sql`: a table that the user's own SQL makes, alone, in place of another, beside others, killed half-way.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::database::{self, select_from};
use super::harness::{Case, PLAIN, run_in};
use super::process::{Ended, Running, rowmill, said};

fn schema(path: &Path) -> Vec<String> {
    select_from(
        path,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> '_rowmill_checkpoint' ORDER BY name",
    )
}

/// A folder with `in.csv` and `t.sql`.
fn scene(sql: &str, input: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.sql"), sql).unwrap();
    fs::write(folder.path().join("in.csv"), input).unwrap();
    folder
}

/// Loads `in.csv` of the folder.
fn load(folder: &TempDir, more: &[&str]) -> Ended {
    let args = [&["load", "in.csv", "out.db", "--create-sql", "t.sql"][..], more].concat();
    run_in(folder.path(), &args)
}

/// A case with `sql` in a file, which lives as long as the folder.
fn case(input: &str, sql: &str) -> (Case, TempDir) {
    let folder = scene(sql, "");
    let path = folder.path().join("t.sql").to_string_lossy().into_owned();
    (Case::csv(input).arg_list(vec!["--create-sql".to_owned(), path]), folder)
}

const INPUT: &str = "id,name,age\n1,a,3\n2,b,200\n3,,4\n4,a,3\n5,c,\n1,z,1\n6,007,x\n";

#[test]
fn the_rules_of_the_users_table_are_held() {
    let sql = "-- people\nCREATE TABLE IF NOT EXISTS main.t(\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL,\n  age INTEGER CHECK (age BETWEEN 0 AND 150),\n  \
               twice INTEGER AS (age * 2)\n) STRICT;\nCREATE INDEX t_name ON t(name);\nCREATE UNIQUE INDEX t_both ON t(name, age);";
    let (case, _folder) = case(INPUT, sql);
    let run = case
        .expect_rows(["1: 1, 'a', 3, 6", "5: 5, 'c', NULL, NULL"])
        .expect_reject_list(&[
            (3, "constraint_failed"),
            (4, "null_violation"),
            (5, "duplicate_key"),
            (7, "duplicate_key"),
            (8, "type_error"),
        ])
        .once();
    let made = schema(&run.path("out.db"));
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(
        made[0].contains("CREATE TABLE t(") && made[0].ends_with("STRICT'"),
        "{made:?}"
    );
    case_of(sql).check();
}

/// The case of [`INPUT`], without what is expected of the stored rows.
fn case_of(sql: &'static str) -> Case {
    // The folder must outlive every run of the case.
    let folder = scene(sql, "").keep();
    let path = folder.join("t.sql").to_string_lossy().into_owned();
    Case::csv(INPUT)
        .arg_list(vec!["--create-sql".to_owned(), path])
        .any_rejects()
}

/// Rows go in as finished pages where the table is as plain as one of rowmill's own.
#[test]
fn a_plain_table_is_filled_directly() {
    let sql = "CREATE TABLE t(name VARCHAR(20), n INT, x TEXT)";
    let folder = scene(sql, "name,n,x\n007,7,1.50\nb,8,\nc,,1\nb,9,2\n");
    let ended = load(&folder, &["--write-path", "direct", "--key", "name"]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let database = folder.path().join("out.db");
    assert_eq!(
        select_from(&database, "SELECT rowid, name, n, x FROM t"),
        ["1, '007', 7, '1.50'", "2, 'b', 8, NULL", "3, 'c', NULL, '1'"]
    );
    assert_eq!(database::integrity(&database), "ok");
    assert!(schema(&database)[0].contains(sql), "{:?}", schema(&database));
}

#[test]
fn other_sql_is_refused_with_its_place() {
    for (sql, fragment) in [
        ("", "no CREATE TABLE"),
        (
            "CREATE VIEW v AS SELECT 1",
            "line 1, column 1: this makes \"v\", which is a view",
        ),
        (
            "CREATE TABLE t(id);\n  CREATE TABLE u(b)",
            "line 2, column 3: this is a second table",
        ),
        ("CREATE TEMP TABLE t(id)", "makes nothing"),
        (
            "CREATE TABLE t(id);\nCREATE TABLE IF NOT EXISTS t(id)",
            "line 2, column 1: this makes nothing",
        ),
        (
            "CREATE TABLE t(id,,name)",
            "line 1, column 19: near \",\": syntax error",
        ),
        (
            "/* ü */ CREATE TABLE t(id); DROP TABLE t",
            "line 1, column 29: only CREATE TABLE",
        ),
        ("PRAGMA user_version = 7; CREATE TABLE t(id)", "only CREATE TABLE"),
        ("ATTACH 'other.db' AS o; CREATE TABLE o.t(id)", "only CREATE TABLE"),
        ("CREATE TABLE other.t(id)", "unknown database other"),
        ("CREATE TABLE t AS SELECT 1 AS id", "AS SELECT"),
        ("CREATE VIRTUAL TABLE t USING fts5(id)", "virtual table"),
        ("CREATE TABLE t(id); CREATE INDEX i ON t(b)", "no such column: b"),
        (
            "CREATE TABLE t(id); CREATE INDEX i ON other(b)",
            "no such table: main.other",
        ),
        ("CREATE TABLE t(id CHECK (id > ?1))", "parameters prohibited"),
        ("CREATE TABLE t(id COLLATE strange)", "strange"),
        ("CREATE TABLE t(id)\0", "NUL"),
        ("CREATE TABLE t(other)", "does not fit the input"),
        (
            "CREATE TABLE t(id, \"name\", more NOT NULL)",
            "\"more\" must not be NULL",
        ),
    ] {
        let folder = scene(sql, "id,name\n1,a\n");
        let ended = load(&folder, &[]);
        assert_eq!(ended.code(), 78, "{sql}: {}", said(&ended));
        assert!(said(&ended).contains(fragment), "{sql}: {}", said(&ended));
        assert!(!folder.path().join("out.db").exists(), "{sql}");
    }
    let folder = scene("CREATE TABLE t(id, name)", "id,name\n1,a\n");
    for (args, code, fragment) in [
        (&["--table", "other"][..], 64, "makes table \"t\""),
        (&["--strict"], 64, "--strict"),
        (&["--not-null", "id"], 64, "--not-null"),
        (&["--table-per-file"], 64, "--table-per-file"),
        (&["--errors", "t.sql"], 73, "t.sql"),
        (&["--create-sql", "none.sql"], 64, "cannot be used multiple times"),
    ] {
        let ended = load(&folder, args);
        assert_eq!(ended.code(), code, "{args:?}: {}", said(&ended));
        assert!(said(&ended).contains(fragment), "{args:?}: {}", said(&ended));
    }
    fs::remove_file(folder.path().join("t.sql")).unwrap();
    assert_eq!(load(&folder, &[]).code(), 66);
    fs::write(folder.path().join("t.sql"), b"CREATE TABLE t(\xFF)").unwrap();
    assert_eq!(load(&folder, &[]).code(), 78);
}

#[test]
fn the_name_in_the_sql_is_the_tables() {
    let folder = scene("\u{FEFF}CREATE TABLE \"a 't\"\"\" (id INTEGER, name)", "id,name\n1,a\n");
    for table in [&[][..], &["--table", "A 'T\""]] {
        let ended = load(&folder, table);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
    }
    let database = folder.path().join("out.db");
    assert_eq!(select_from(&database, "SELECT count(*) FROM \"a 't\"\"\""), ["2"]);
    assert_eq!(schema(&database).len(), 1);
}

#[test]
fn a_table_that_is_there_is_left_to_if_exists() {
    let sql = "CREATE TABLE t(id INTEGER CHECK (id > 0), name TEXT)";
    for (existing, note) in [(sql, false), ("CREATE TABLE t(id INTEGER, name TEXT)", true)] {
        for (what, code, rows) in [("append", 0, 3), ("fail", 78, 2), ("truncate", 0, 1), ("replace", 0, 1)] {
            let folder = scene(sql, "id,name\n1,a\n");
            let database = folder.path().join("out.db");
            database::create(
                &database,
                &format!("{existing}; INSERT INTO t VALUES (7, 'old'), (8, 'old')"),
            );
            let ended = load(&folder, &["--if-exists", what]);
            assert_eq!(ended.code(), code, "{what}: {}", said(&ended));
            let is_noted = said(&ended).contains("is not what --create-sql would make");
            assert_eq!(is_noted, note && what != "replace", "{what}: {}", said(&ended));
            assert_eq!(database::count(&database, "t"), rows, "{what}");
            let kept = if what == "replace" { sql } else { existing };
            assert!(schema(&database)[0].contains(kept), "{what}: {:?}", schema(&database));
        }
    }
}

/// What is in the way of the SQL is found before anything is changed.
#[test]
fn what_the_database_lacks_or_has_already_is_said_beforehand() {
    for (existing, sql, fragment) in [
        (
            "CREATE TABLE o(x); CREATE INDEX i ON o(x)",
            "CREATE TABLE t(id, name); CREATE INDEX i ON t(id)",
            "index \"i\" cannot be made",
        ),
        ("CREATE VIEW t AS SELECT 1", "CREATE TABLE t(id, name)", "is a view"),
        (
            "CREATE TABLE o(x)",
            "CREATE TABLE t(id, name); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END",
            "no such table: main.log",
        ),
        (
            "CREATE TABLE o(x)",
            "CREATE TABLE t(id REFERENCES o(x), name)",
            "foreign key mismatch",
        ),
    ] {
        let folder = scene(sql, "id,name\n1,a\n");
        let database = folder.path().join("out.db");
        database::create(&database, existing);
        let before = schema(&database);
        let ended = load(&folder, &[]);
        assert_eq!(ended.code(), 78, "{sql}: {}", said(&ended));
        assert!(said(&ended).contains(fragment), "{sql}: {}", said(&ended));
        assert_eq!(schema(&database), before, "{sql}");
    }
}

#[test]
fn triggers_and_foreign_keys_of_the_sql_work_among_other_tables() {
    let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, shop INTEGER REFERENCES shops(id));\n\
               CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE shops SET n = n + 1 WHERE id = new.shop; SELECT 1; END;";
    let folder = scene(sql, "id,shop\n1,1\n2,1\n3,9\n2,2\n4,2\n");
    let database = folder.path().join("out.db");
    database::create(
        &database,
        "CREATE TABLE shops(id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO shops VALUES (1, 0), (2, 0)",
    );
    let ended = load(&folder, &["--keep-checkpoint"]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert!(said(&ended).contains("has triggers"), "{}", said(&ended));
    assert_eq!(
        select_from(&database, "SELECT id, shop FROM t"),
        ["1, 1", "2, 1", "4, 2"]
    );
    assert_eq!(select_from(&database, "SELECT n FROM shops"), ["2", "1"]);
    // What a trigger did elsewhere cannot be taken back.
    let ended = load(&folder, &["--restart"]);
    assert_eq!(ended.code(), 78, "{}", said(&ended));
    assert!(
        said(&ended).contains("trigger \"g\" has run for its rows"),
        "{}",
        said(&ended)
    );
    assert_eq!(database::count(&database, "t"), 3);
    let ended = load(&folder, &["--if-exists", "replace", "--restart"]);
    assert_eq!(ended.code(), 64, "{}", said(&ended));
}

#[test]
fn defaults_and_references_of_the_sql_are_known_before_the_first_row() {
    let sql = "CREATE TABLE t(id INTEGER, name TEXT DEFAULT 'new', boss REFERENCES t(id), UNIQUE(id))";
    let folder = scene(sql, "id,name,boss\n1,,\n2,b,1\n");
    let contract = |to: &str| {
        format!(
            r#"{{"fields": [{{"name": "id", "type": "integer"}}, {{"name": "name", "type": "string"}}, {{"name": "boss", "type": "any"}}],
                 "foreignKeys": [{{"fields": ["boss"], "reference": {{"resource": "", "fields": ["{to}"]}}}}]}}"#
        )
    };
    fs::write(folder.path().join("wrong.json"), contract("name")).unwrap();
    let ended = load(&folder, &["--schema", "wrong.json"]);
    assert_eq!(ended.code(), 78, "{}", said(&ended));
    assert!(
        said(&ended).contains("is to be made and does not have"),
        "{}",
        said(&ended)
    );
    let ended = load(&folder, &["--empty", "default"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    let database = folder.path().join("out.db");
    assert_eq!(select_from(&database, "SELECT id, name FROM t"), ["1, 'new'", "2, 'b'"]);
}

#[test]
fn a_load_without_a_row_leaves_nothing_and_a_header_alone_makes_the_table() {
    let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); CREATE INDEX i ON t(name)";
    let folder = scene(sql, "id,name\nx,a\ny,b\n");
    let ended = load(&folder, &["--batch-rows", "1"]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let database = folder.path().join("out.db");
    assert_eq!(fs::metadata(&database).map_or(0, |metadata| metadata.len()), 0);
    fs::write(folder.path().join("in.csv"), "id,name\n").unwrap();
    assert_eq!(load(&folder, &[]).code(), 0);
    assert_eq!(schema(&database).len(), 2);
}

#[test]
fn a_load_of_it_can_be_begun_anew_or_given_up_but_not_gone_on_with_under_other_sql() {
    let good: String = (1..=150).map(|id| format!("{id},a\n")).collect();
    for table in [
        "t(id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX mine ON t(name)",
        "t(id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID",
        "t(id INTEGER, name TEXT, CHECK (id > 0))",
        "t(number INTEGER PRIMARY KEY AUTOINCREMENT, id, name TEXT)",
        "t(id UNIQUE, name TEXT, FOREIGN KEY (name) REFERENCES t(id))",
    ] {
        let sql = format!("CREATE TABLE {table}").replace("FOREIGN KEY (name)", "FOREIGN KEY (id)");
        let folder = scene(&sql, &format!("id,name\n{good}3,c,d\n400,e\n"));
        let database = folder.path().join("out.db");
        let begin = |more: &[&str]| {
            load(
                &folder,
                &[&["--batch-rows", "100", "--max-errors", "0"][..], more].concat(),
            )
        };
        assert_eq!(begin(&[]).code(), 3);
        assert_eq!(database::count(&database, "t"), 150);
        fs::write(folder.path().join("t.sql"), sql.replace("name TEXT", "name")).unwrap();
        let other = begin(&[]);
        assert_eq!(other.code(), 64, "{}", said(&other));
        assert!(
            said(&other).contains("--create-sql was CREATE TABLE"),
            "{}",
            said(&other)
        );
        let ended = load(&folder, &["--restart"]);
        assert_eq!(ended.code(), 2, "{table}: {}", said(&ended));
        assert_eq!(database::count(&database, "t"), 151, "{table}");
        let made = schema(&database);
        assert!(made.iter().all(|entry| !entry.contains("name TEXT")), "{made:?}");
        // And of a load that was given up, the rows stay.
        assert_eq!(load(&folder, &["--forget"]).code(), 0);
        assert_eq!(database::count(&database, "t"), 151);
    }
    // Others have put an index on the table.
    let folder = scene("CREATE TABLE t(id, name)", "id,name\n1,a\n3,c,d\n4,e\n");
    let database = folder.path().join("out.db");
    assert_eq!(load(&folder, &["--max-errors", "0"]).code(), 3);
    database::create(&database, "CREATE INDEX others ON t(id)");
    let ended = load(&folder, &["--restart"]);
    assert_eq!(ended.code(), 78, "{}", said(&ended));
    assert!(said(&ended).contains("others"), "{}", said(&ended));
    assert_eq!(database::count(&database, "t"), 1);
}

#[test]
fn what_schema_writes_makes_the_same_table() {
    let folder = scene("", "id,name,x\n1,a,1.5\n2,b,2.5\n");
    let sql = run_in(folder.path(), &["schema", "in.csv", "--as", "sql"]);
    fs::write(folder.path().join("t.sql"), &sql.stdout).unwrap();
    let ended = load(&folder, &[]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(
        select_from(
            &folder.path().join("out.db"),
            "SELECT id, typeof(id), name, typeof(x) FROM \"in\""
        ),
        ["1, 'integer', 'a', 'real'", "2, 'integer', 'b', 'real'"]
    );
}

/// A folder with an input for the user's table, which is filled through finished pages or by INSERT.
struct Making {
    folder: TempDir,
    plain: bool,
}

impl Making {
    fn new(plain: bool) -> Making {
        let sql = match plain {
            true => "CREATE TABLE \"a t\"(k TEXT, n INT, note)",
            false => {
                "CREATE TABLE \"a t\"(k TEXT, n INT CHECK (n <> 13), note, boss REFERENCES \"a t\"(k), UNIQUE(k));\n\
                 CREATE UNIQUE INDEX [by \"n\"] ON \"a t\"(n, note); CREATE INDEX \"part\" ON \"a t\"(note) WHERE note > 'w5'"
            }
        };
        let lines: String = (0..900)
            .map(|number| match number % 50 {
                0 => format!("k{number}\n"),
                other => format!("k{},{},w{other}\n", number % 880, number % 870),
            })
            .collect();
        Making {
            folder: scene(sql, &format!("k,n,note\n{lines}")),
            plain,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clear(&self, existing: Option<&str>) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "in.csv" && name != "t.sql") {
                fs::remove_file(path).unwrap();
            }
        }
        if let Some(sql) = existing {
            database::create(&self.path("out.db"), sql);
        }
    }

    fn run(&self, more: &[&str], kill_at: Option<(&str, u32)>) -> Ended {
        let key = if self.plain { &["--key", "k"][..] } else { &[] };
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--create-sql",
            "t.sql",
            "--index",
            "n",
            "--batch-rows",
            "200",
        ];
        let args: Vec<_> = args.iter().chain(key).chain(more).map(Into::into).collect();
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
        let rows = select_from(&path, "SELECT rowid, * FROM \"a t\"");
        (rows, schema(&path), fs::read(self.path("errors.csv")).unwrap())
    }
}

const POINTS: [&str; 9] = [
    "infer: types known",
    "load: table made",
    "batch: committed",
    "settle: committed",
    "index: pages written",
    "index: built by SQLite",
    "after: before it is run",
    "after: has run",
    "finish: before the checkpoint goes",
];

/// New, in place of another and of one that it made itself: killed anywhere, the table is the same to the word.
#[test]
fn the_users_table_is_the_same_wherever_the_load_was_killed() {
    for plain in [true, false] {
        let making = Making::new(plain);
        assert_eq!(making.run(&[], None).code(), 2);
        let golden = making.outcome();
        assert!(golden.0.len() > 800, "{plain}: {}", golden.0.len());
        assert_eq!(golden.1.len(), if plain { 3 } else { 4 }, "{:?}", golden.1);
        let replace = &["--if-exists", "replace"][..];
        for (existing, more) in [
            (None, &[][..]),
            (Some("CREATE TABLE other(x)"), &[]),
            (Some("CREATE TABLE \"A t\"(x); INSERT INTO \"a t\" VALUES (1)"), replace),
        ] {
            for (index, point) in POINTS.iter().enumerate() {
                making.clear(existing);
                let next = POINTS[(index * 2 + 3) % POINTS.len()];
                let mut ended = making.run(more, Some((point, 1)));
                for kill_at in [Some((*point, 1)), Some((next, 1)), None] {
                    if ended.code() == 137 {
                        ended = making.run(more, kill_at);
                    }
                }
                assert_eq!(ended.code(), 2, "{point}, {next}: {}", said(&ended));
                let mut found = making.outcome();
                found.1.retain(|entry| !entry.contains("other"));
                let what = format!("{plain}, {existing:?}, {point}, {next}");
                assert_eq!(found.1, golden.1, "{what}");
                assert!(found == golden, "{what}: rows or rejects differ");
            }
        }
        // And once more, now in place of what the load made.
        let ended = making.run(replace, None);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(making.outcome() == golden, "{plain}");
    }
}

/// A stream has no checkpoint: a load of it that ends early leaves nothing of its own.
#[test]
fn streams_fill_the_users_table_too() {
    let (case, _folder) = case(
        "id,name\n1,a\n2,b,c\n3,d\n",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name); CREATE INDEX i ON t(name)",
    );
    let piped = super::harness::Setting { piped: true, ..PLAIN };
    case.clone()
        .expect_rows(["1: 1, 'a'", "3: 3, 'd'"])
        .any_rejects()
        .run(&piped);
    let run = case
        .args(["--max-errors", "0"])
        .expect_exit(3)
        .any_rejects()
        .run(&piped);
    assert_eq!(database::count(&run.path("out.db"), "t"), 1);
}
