//! How a new table is made: STRICT, with columns that are NOT NULL.

use std::fs;

use rusqlite::Connection;

use super::database;
use super::harness::{Case, run_in};

#[test]
fn a_strict_table_has_the_same_rows_and_refuses_others_values() {
    let run = Case::csv("id,name,share\n1,a,0.5\n2,,1.25\nx\n3,c,2.0\n")
        .args(["--strict", "--key", "id", "--index", "name"])
        .expect_rows(["1: 1, 'a', 0.5", "2: 2, NULL, 1.25", "3: 3, 'c', 2.0"])
        .expect_rejects([(4, "missing_columns")])
        .once();
    let connection = Connection::open(run.path("out.db")).unwrap();
    let refused = connection.execute_batch("INSERT INTO t VALUES (9, 'x', 'no number')");
    assert!(refused.unwrap_err().to_string().contains("REAL"));
}

#[test]
fn a_record_without_a_value_for_a_column_that_is_not_null_is_rejected() {
    Case::csv("id,na\"me\n1,a\n2,\n,c\n4,\"\"\n5,NA\n")
        .args(["--not-null", "\"na\"\"me\"", "--null", "NA"])
        .expect_rows(["1: 1, 'a'", "3: NULL, 'c'", "4: 4, ''"])
        .expect_rejects([(3, "null_violation"), (6, "null_violation")])
        .check();
    let run = Case::csv("id,name\n1,a\n2,b\n")
        .args(["--not-null", "id,name", "--key", "id", "--write-path", "direct"])
        .once();
    let schema = run.dump().schema;
    assert!(schema[0].contains("\"name\" TEXT NOT NULL"), "{schema:?}");
    let connection = Connection::open(run.path("out.db")).unwrap();
    assert!(connection.execute_batch("INSERT INTO t VALUES (9, NULL)").is_err());
}

/// What the load made is recognized with all that it is declared as, and taken back.
#[test]
fn a_strict_table_can_be_begun_anew_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    let flags = [
        "--strict",
        "--not-null",
        "b",
        "--keep-checkpoint",
        "--write-path",
        "sql",
    ];
    let run = |input: &str, more: &[&str]| {
        fs::write(folder.path().join("t.csv"), input).unwrap();
        let args = [&["load", "t.csv", "out.db"], &flags[..], more].concat();
        let ended = run_in(folder.path(), &args);
        (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    assert_eq!(run("a,b\n1,x\n", &[]).0, 0);
    let (code, said) = run("a,b\n1.5,x\n2.5,y\n", &["--restart"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(database::dump(&database, "t").rows, ["1: 1.5, 'x'", "2: 2.5, 'y'"]);
    let (code, said) = run("a,b\nz,x\n", &["--restart", "--if-exists", "replace"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(database::dump(&database, "t").rows, ["1: 'z', 'x'"]);
}

#[test]
fn a_table_that_exists_stays_as_it_is() {
    Case::csv("a,b\n1,x\n2,\n")
        .existing("CREATE TABLE t(a INTEGER, b TEXT)")
        .args(["--strict", "--not-null", "b"])
        .expect_rows(["1: 1, 'x'", "2: 2, NULL"])
        .expect_said("--not-null has no effect")
        .check();
}

#[test]
fn a_column_that_a_file_does_not_have_cannot_be_not_null() {
    Case::csv("a,b\n1,x\n")
        .and_csv("more.csv", "a\n2\n")
        .args(["--union-by-name", "--not-null", "b"])
        .expect_exit(78)
        .expect_said("--not-null")
        .once();
    Case::csv("a,b\n1,x\n")
        .args(["--not-null", "c"])
        .expect_exit(64)
        .expect_said("\"c\"")
        .once();
}
