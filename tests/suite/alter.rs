//! `--alter`: a table that exists gets the columns of the input that it lacks, and nothing else ever happens to it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::database::{self, select_from};
use super::harness::{Case, PAIRS, Setting, run_in};
use super::process::{Ended, Running, rowmill, said};

fn schema(path: &Path) -> Vec<String> {
    select_from(
        path,
        "SELECT name, sql FROM sqlite_schema WHERE name <> '_rowmill_checkpoint' ORDER BY name",
    )
}

/// A folder with `t.csv` and a database.
fn scene(existing: &str, input: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    database::create(&folder.path().join("out.db"), existing);
    fs::write(folder.path().join("t.csv"), input).unwrap();
    folder
}

fn load(folder: &TempDir, more: &[&str]) -> Ended {
    run_in(folder.path(), &[&["load", "t.csv", "out.db"][..], more].concat())
}

/// The settings under which an input can be read before it is loaded.
fn from_files() -> Vec<Setting> {
    PAIRS.into_iter().filter(|setting| !setting.piped).collect()
}

const OLD: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'old')";

#[test]
fn a_table_gets_the_columns_that_it_lacks_in_the_types_of_a_new_one() {
    let run = Case::csv("n,id,name,x,z\n7,2,a,1.5,007\n,3,b,2.5,\n9,1,c,1.0,x\nten,4\n")
        .existing(OLD)
        .args(["--alter"])
        .expect_rows([
            "1: 1, 'old', NULL, NULL, NULL",
            "2: 2, 'a', 7, 1.5, '007'",
            "3: 3, 'b', NULL, 2.5, NULL",
        ])
        .expect_rejects([(4, "duplicate_key"), (5, "missing_columns")])
        .check_at(&from_files())
        .unwrap();
    let columns = select_from(&run.path("out.db"), "SELECT name, type FROM pragma_table_info('t')");
    let added = ["'n', 'INTEGER'", "'x', 'REAL'", "'z', 'TEXT'"];
    assert_eq!(columns[2..], added);
    assert!(
        run.stderr()
            .contains("table \"t\" gets columns: \"n\" (INTEGER), \"x\" (REAL), \"z\" (TEXT)"),
        "{}",
        run.stderr()
    );
}

#[test]
fn every_kind_of_table_gets_columns() {
    for (table, more) in [
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT) STRICT", &[][..]),
        (
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT) WITHOUT ROWID, STRICT",
            &[],
        ),
        (
            "CREATE TABLE t(id INTEGER, name TEXT CHECK (name <> 'x'), twice AS (id * 2))",
            &["--key", "id"],
        ),
        ("CREATE TABLE t(id INTEGER, name TEXT)", &["--key", "n"]),
        (
            "CREATE TABLE t(id INTEGER, name TEXT)",
            &["--unique", "n,day", "--index", "n"],
        ),
        (
            "CREATE TABLE t(id INTEGER, name TEXT)",
            &["--write-path", "direct", "--fts", "name"],
        ),
        (
            "CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES (9, 'old')",
            &["--if-exists", "truncate"],
        ),
        ("CREATE TABLE t(id INTEGER, name TEXT)", &["--atomic", "file"]),
    ] {
        let folder = scene(table, "id,name,n,day\n1,a,7,2024-01-01\n2,b,8,2024-01-02\n");
        let args = [
            &[
                "--alter",
                "--types",
                "day=date",
                "--const",
                "batch=x",
                "--row-number",
                "record",
            ][..],
            more,
        ]
        .concat();
        let ended = load(&folder, &args);
        assert_eq!(ended.code(), 0, "{table}: {}", said(&ended));
        let path = folder.path().join("out.db");
        assert_eq!(
            select_from(&path, "SELECT id, n, day, batch, record FROM t ORDER BY id"),
            ["1, 7, '2024-01-01', 'x', 1", "2, 8, '2024-01-02', 'x', 2"],
            "{table}"
        );
        assert_eq!(database::integrity(&path), "ok", "{table}");
        let types = select_from(
            &path,
            "SELECT type FROM pragma_table_info('t') WHERE name IN ('n', 'day', 'batch', 'record')",
        );
        assert_eq!(types, ["'INTEGER'", "'TEXT'", "'TEXT'", "'INTEGER'"], "{table}");
    }
}

#[test]
fn a_table_that_lacks_nothing_and_a_new_one_are_as_without_it() {
    Case::csv("name,ID\na,2\n")
        .existing(OLD)
        .args(["--alter"])
        .expect_rows(["1: 1, 'old'", "2: 2, 'a'"])
        .check();
    Case::csv("id,name\n1,a\n")
        .args(["--alter"])
        .expect_rows(["1: 1, 'a'"])
        .check();
    // Without names there is nothing to call a column.
    Case::csv("2,a,x\n")
        .existing(OLD)
        .args(["--alter", "--no-header"])
        .expect_exit(78)
        .expect_said("the input has 3 columns")
        .once();
    Case::csv("id,name,more\n2,a,x\n")
        .existing(OLD)
        .expect_exit(78)
        .expect_said("or let the table have it with --alter")
        .once();
    Case::csv("id,name,more\n2,a,x\n")
        .existing(OLD)
        .args(["--alter", "--if-exists", "fail"])
        .expect_exit(78)
        .once();
}

/// Of values that come only with the load no type is made.
#[test]
fn a_stream_needs_types_for_what_is_added() {
    let stream = Setting {
        piped: true,
        ..super::harness::PLAIN
    };
    let case = Case::csv("id,name,n\n2,a,7\n3,b,x\n").existing(OLD).args(["--alter"]);
    case.clone()
        .expect_exit(64)
        .expect_said("declare its type")
        .check_at(&[stream]);
    case.clone()
        .args(["--types", "n=integer"])
        .expect_rows(["1: 1, 'old', NULL", "2: 2, 'a', 7"])
        .expect_rejects([(3, "type_error")])
        .check_at(&[stream]);
    case.args(["--text"])
        .expect_rows(["1: 1, 'old', NULL", "2: 2, 'a', '7'", "3: 3, 'b', 'x'"])
        .check_at(&[stream]);
}

#[test]
fn objects_bring_columns_too() {
    Case::jsonl("{\"id\": 2, \"n\": 7}\n{\"id\": 3, \"name\": \"b\", \"late\": true}\n{\"late\": 1, \"late\": 2}\n")
        .existing(OLD)
        .args(["--alter"])
        .any_rejects()
        .expect_rows([
            "1: 1, 'old', NULL, NULL",
            "2: 2, NULL, 7, NULL",
            "3: 3, 'b', NULL, 'true'",
        ])
        .once();
}

/// Views and triggers that would make no sense any more keep a table as it is; others are left to their affairs.
#[test]
fn what_others_have_made_of_the_table_still_works() {
    for (other, fragment) in [
        (
            "CREATE VIEW v AS SELECT * FROM t UNION SELECT 1, 'x'",
            Some("the view \"v\""),
        ),
        (
            "CREATE TABLE o(id, name); CREATE TRIGGER g AFTER INSERT ON o BEGIN INSERT INTO t VALUES (new.id, new.name); END",
            Some("the INSERT triggers of \"o\""),
        ),
        (
            "CREATE TABLE o(id, name); CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO o SELECT * FROM t; END",
            Some("the DELETE triggers of \"t\""),
        ),
        (
            "CREATE TABLE o(n); CREATE VIEW v AS SELECT n FROM t, o",
            Some("the view \"v\""),
        ),
        ("CREATE VIEW v AS SELECT * FROM t", None),
        ("CREATE VIEW v AS SELECT * FROM gone", None),
        (
            "CREATE TABLE o(id, name); CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO o VALUES (new.id, new.name); END",
            None,
        ),
        ("CREATE TABLE o(id REFERENCES t(id))", None),
    ] {
        let folder = scene(&format!("{OLD}; {other}"), "id,name,n\n2,a,7\n");
        let path = folder.path().join("out.db");
        let before = schema(&path);
        let ended = load(&folder, &["--alter"]);
        match fragment {
            Some(fragment) => {
                assert_eq!(ended.code(), 78, "{other}: {}", said(&ended));
                assert!(said(&ended).contains(fragment), "{other}: {}", said(&ended));
                assert_eq!(schema(&path), before, "{other}");
                assert_eq!(database::count(&path, "t"), 1);
            }
            None => {
                assert_eq!(ended.code(), 0, "{other}: {}", said(&ended));
                assert_eq!(select_from(&path, "SELECT n FROM t"), ["NULL", "7"], "{other}");
            }
        }
    }
    // A type that the table cannot have is SQLite's to refuse, before anything is changed.
    let names: Vec<String> = (0..2000).map(|number| format!("c{number}")).collect();
    let folder = scene(OLD, &format!("id,{}\n1{}\n", names.join(","), ",1".repeat(2000)));
    let ended = load(&folder, &["--alter"]);
    assert_ne!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(
        select_from(&folder.path().join("out.db"), "SELECT * FROM t"),
        ["1, 'old'"]
    );
}

#[test]
fn what_was_added_stays_and_is_said_where_no_row_is() {
    let stays = "what --alter has added to table \"t\" stays there: n";
    for (input, more, code) in [
        ("id,name,n\n2,a,7,8\n", &["--max-errors", "0"][..], 3),
        ("id,name,n\n2,a,7,8\n", &[], 2),
        ("id,name,n\n", &[], 0),
    ] {
        let folder = scene(OLD, input);
        let alter = ["--alter", "--types", "n=integer"];
        let ended = load(&folder, &[&alter[..], more].concat());
        assert_eq!(ended.code(), code, "{input}: {}", said(&ended));
        assert!(said(&ended).contains(stays), "{input}: {}", said(&ended));
        let path = folder.path().join("out.db");
        assert_eq!(select_from(&path, "SELECT id, n FROM t"), ["1, NULL"], "{input}");
        // By then the table lacks nothing.
        fs::write(folder.path().join("t.csv"), "id,name,n\n2,a,7\n").unwrap();
        let ended = load(&folder, &alter);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert!(!said(&ended).contains(stays), "{}", said(&ended));
        assert_eq!(
            select_from(&path, "SELECT id, n FROM t"),
            ["1, NULL", "2, 7"],
            "{input}"
        );
    }
    let input = "id,name,n\n2,a,7\n3,b,8,9\n";
    let folder = scene(OLD, input);
    let args = ["--alter", "--max-errors", "0", "--batch-rows", "1"];
    assert_eq!(load(&folder, &args).code(), 3);
    let ended = load(&folder, &["--alter", "--restart"]);
    assert!(said(&ended).contains(stays), "{}", said(&ended));
    assert_eq!(ended.code(), 2);
}

#[test]
fn a_file_that_grows_brings_its_columns_once() {
    let folder = scene(OLD, "id,name,n\n2,a,7\n");
    let args = ["--alter", "--append-only"];
    assert_eq!(load(&folder, &args).code(), 64);
    let args = ["--alter", "--append-only", "--types", "n=integer"];
    assert_eq!(load(&folder, &args).code(), 0);
    fs::write(folder.path().join("t.csv"), "id,name,n\n2,a,7\n3,b,8\n").unwrap();
    let ended = load(&folder, &args);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    let rows = select_from(&folder.path().join("out.db"), "SELECT id, n FROM t");
    assert_eq!(rows, ["1, NULL", "2, 7", "3, 8"]);
}

/// Wherever the load is killed, twice each, the same command comes to the same table.
#[test]
fn a_load_that_alters_comes_to_the_same_wherever_it_was_killed() {
    let points = [
        "infer: types known",
        "load: errors.csv made",
        "load: table made",
        "batch: before the commit",
        "batch: committed",
        "load: rows committed",
        "index: built by SQLite",
        "finish: before the checkpoint goes",
    ];
    let lines: String = (0..700)
        .map(|number| match number % 50 {
            0 => format!("{number},bad\n"),
            other => format!("{},name{other},{number}\n", number % 600),
        })
        .collect();
    let args = [
        "load",
        "t.csv",
        "out.db",
        "--alter",
        "--batch-rows",
        "200",
        "--index",
        "n",
    ];
    let run = |folder: &TempDir, more: &[&str], kill_at: Option<(&str, u32)>| {
        let args: Vec<_> = args.iter().chain(more).map(Into::into).collect();
        let mut command = rowmill(folder.path(), &args);
        if let Some((point, count)) = kill_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    };
    for atomic in ["batch", "file"] {
        let more = ["--atomic", atomic];
        let mut golden = None;
        for (index, point) in [""].iter().chain(&points).enumerate() {
            let folder = scene(OLD, &format!("id,name,n\n{lines}"));
            let next = points[(index * 3 + 2) % points.len()];
            let kills = [Some((*point, 2)), Some((*point, 1)), Some((next, 1)), None];
            let mut ended = run(&folder, &more, kills[0].filter(|_| index > 0));
            for kill_at in &kills[1..] {
                if ended.code() == 137 {
                    ended = run(&folder, &more, *kill_at);
                }
            }
            assert_eq!(ended.code(), 2, "{point}, {next}: {}", said(&ended));
            let path = folder.path().join("out.db");
            assert_eq!(database::integrity(&path), "ok");
            let rows = select_from(&path, "SELECT * FROM t");
            let errors = fs::read(folder.path().join("errors.csv")).unwrap();
            let found = (rows, schema(&path), errors);
            let golden = golden.get_or_insert_with(|| found.clone());
            assert_eq!(found.1, golden.1, "{atomic}, {point}, {next}");
            assert!(found == *golden, "{atomic}, {point}, {next}: rows or rejects differ");
        }
    }
}
