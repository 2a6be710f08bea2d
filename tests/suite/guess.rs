//! Types that are guessed from the first chunk: every value verifies them, and a wrong guess leaves no trace.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::database;
use super::harness::{Case, PLAIN, Run, Setting, run_in};
use super::process::{Running, rowmill};

/// Holds the first few records.
const CHUNK_BYTES: u32 = 64;

const GUESS: Setting = Setting {
    infer: "guess",
    chunk: Some(CHUNK_BYTES),
    ..PLAIN
};

/// Records from number `first` on, with `second` as their second field.
fn records(first: usize, count: usize, second: &str) -> String {
    (first..first + count)
        .map(|number| format!("{number},{second}\n"))
        .collect()
}

fn stages(run: &Run) -> Vec<String> {
    let report = run.report().unwrap();
    let stages = report["stages"].as_array().unwrap().iter();
    stages
        .map(|stage| stage["stage"].as_str().unwrap().to_owned())
        .collect()
}

/// How many pages a database uses, and how many are free.
fn pages(path: &Path) -> (i64, i64) {
    let connection = database::open(path);
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let free = count("PRAGMA freelist_count");
    (count("PRAGMA page_count") - free, free)
}

/// Loads `text` on a guess on both write paths, and with every value read first; returns whether the guess was refuted.
fn is_refuted(text: &str, key: &str) -> bool {
    let mut case = Case::csv(text).args(["--batch-rows", "50"]).any_rejects();
    if !key.is_empty() {
        case = case.args(["--key", key]);
    }
    let whole = case.run(&PLAIN);
    assert!(stages(&whole).contains(&"infer".to_owned()));
    let refuted = ["auto", "sql"].map(|write_path| {
        let guessed = case.run(&Setting { write_path, ..GUESS });
        whole.must_equal(&guessed);
        let stages = stages(&guessed);
        assert_eq!(stages[0], "guess types");
        let [taken_back, inferred] = ["take back", "infer"].map(|stage| stages.iter().any(|other| other == stage));
        assert_eq!(taken_back, inferred, "{stages:?}");
        assert_eq!(
            guessed.stderr().contains("taken back"),
            taken_back,
            "{}",
            guessed.stderr()
        );
        if write_path == PLAIN.write_path {
            let [by_whole, by_guess] = [&whole, &guessed].map(|run| pages(&run.path("out.db")));
            assert_eq!(by_whole.0, by_guess.0, "pages are left over");
            // The checkpoint, which has the command, may be longer by a page, which each of two commits wrote anew.
            assert!(by_guess.1 <= by_whole.1 + 2, "{by_guess:?}, {by_whole:?}");
        }
        taken_back
    });
    assert_eq!(refuted[0], refuted[1]);
    refuted[0]
}

/// Whether `value`, long after values like `first`, refutes what was guessed from those.
fn refutes(first: &str, value: &str) -> bool {
    let text = format!(
        "a,b\n{}{}{}",
        records(1, 300, first),
        records(301, 1, value),
        records(302, 100, first)
    );
    is_refuted(&text, "")
}

#[test]
fn a_guess_that_every_value_fits_is_kept() {
    for (first, value) in [
        ("1", "-7"),
        ("1", ""),
        ("1.5", "3"),
        ("1.5", "3.0"),
        ("1.50", "3.00"),
        ("1.5", "0.25"),
        ("1.5", "1.5e-05"),
        ("12e4", "7"),
        ("x", "1"),
        ("x", ""),
        ("", ""),
        ("", "x"),
        ("", "\"\""),
        ("", "01"),
        ("", "-0.0"),
    ] {
        assert!(!refutes(first, value), "{first:?}, then {value:?}");
    }
}

#[test]
fn a_guess_that_one_value_does_not_fit_is_given_up() {
    for (first, value) in [
        ("1", "x"),
        ("1", "1.5"),
        ("1", "01"),
        ("1", "9223372036854775808"),
        ("1", "\"\""),
        ("1.5", "x"),
        ("1.5", "9007199254740993"),
        // Declared REAL these would be rounded; inferred they are text.
        ("1.5", "3.14159265358979323846"),
        ("1.5", "-0.0"),
        // Each is a number, but together they could not be recovered.
        ("1.5", "1.50"),
        ("1.50", "1.5"),
        ("1.0", "3"),
        ("1.5", "1e400"),
        ("1.5", "12e4"),
        // Codes, unless a number comes.
        ("1e4", "1.5"),
        ("1e4", "1e-7"),
        ("", "1"),
        ("", "1.5"),
        ("", "\"1\""),
    ] {
        assert!(refutes(first, value), "{first:?}, then {value:?}");
    }
}

#[test]
fn records_of_a_wrong_form_say_nothing_about_a_guess() {
    let text = format!(
        "a,b\n{}x\nx,y,z\nx,\"y\nx,\"y\"z\nx,\0\n\n{}",
        records(1, 200, "1"),
        records(201, 100, "2")
    );
    assert!(!is_refuted(&text, ""));
    assert!(!is_refuted(&text, "a"));
}

#[test]
fn the_order_of_the_keys_is_guessed_too() {
    let ascending = records(1000, 300, "x");
    let random: String = (0..300).map(|i| format!("{},x\n", 5000 + i * 7919 % 3001)).collect();
    let load = |first: &str, then: &str| is_refuted(&format!("a,b\n{first}{then}"), "a");
    assert!(!load(&ascending, "2000,x\n1999,y\n1999,z\n"));
    assert!(!load(&random, "5,x\n5,y\n"));
    assert!(load(&ascending, &random));
    assert!(load(&ascending, ",no key\n"));
    assert!(load(&ascending, "x,y\n"));
    // Unlike the first of them, nearly all ascend.
    assert!(load("9,x\n8,x\n7,x\n6,x\n5,x\n4,x\n3,x\n2,x\n1,x\n0,x\n", &ascending));
    // NULL among the first: no row ids, whatever follows.
    assert!(!load(",x\n1,x\n", &ascending));
}

#[test]
fn a_guess_is_verified_in_every_file() {
    let two = |second: &str| {
        Case::csv(format!("a,b\n{}", records(1, 100, "1")))
            .and_csv("two.csv", format!("b,a\n{second},101\n"))
            .args(["--key", "a"])
    };
    for (second, kind, refuted) in [("7", "integer", false), ("x", "text", true)] {
        let run = two(second).expect_types([("a", "integer"), ("b", kind)]).run(&GUESS);
        assert_eq!(run.ended.code(), 0, "{}", run.stderr());
        assert_eq!(stages(&run).contains(&"take back".to_owned()), refuted);
        if refuted {
            let place = "two.csv, line 2, column \"b\", whose type was guessed: expected an integer such as 42 or -7, found 'x'";
            assert!(run.stderr().contains(place), "{}", run.stderr());
        }
    }
}

/// If a database holds anything else, that could not be distinguished from what a wrong guess left, so nothing is guessed; nor where types
/// are known.
#[test]
fn nothing_is_guessed_into_a_database_or_beside_declared_types() {
    let text = format!("a,b\n{}", records(1, 100, "1"));
    let cases = [
        Case::csv(&text).existing("CREATE TABLE other(x)"),
        Case::csv(&text).args(["--types", "b=integer"]),
        Case::csv(&text).args(["--append-only"]),
    ];
    for case in cases {
        let stages = stages(&case.run(&GUESS));
        assert!(
            stages.contains(&"infer".to_owned()) && !stages.contains(&"take back".to_owned()),
            "{stages:?}"
        );
    }
}

/// A table that somebody made between two runs is kept; the load is taken back all the same.
#[test]
fn a_wrong_guess_is_taken_back_from_among_other_tables() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("a,b\n{}x,y\n", records(1, 2000, "1"));
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--table",
        "t",
        "--key",
        "a",
        "--infer",
        "guess",
        "--chunk-bytes",
        "256",
        "--batch-rows",
        "100",
        "--report",
        "report.json",
    ];
    let mut command = rowmill(folder.path(), &args.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 3 {}", libc::SIGKILL));
    assert_eq!(Running::start(command).wait().code(), 137);
    let path = folder.path().join("out.db");
    assert!(database::count(&path, "t") >= 200);
    let connection = database::open(&path);
    connection
        .execute_batch("CREATE TABLE other(x); INSERT INTO other VALUES (7)")
        .unwrap();
    drop(connection);
    let ended = Running::start(rowmill(folder.path(), &args.map(Into::into))).wait();
    assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(database::count(&path, "t"), 2001);
    assert_eq!(database::count(&path, "other"), 1);
    assert_eq!(database::integrity(&path), "ok");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["columns"][0]["type"], "text");
}

/// The page is about the rows that are in the table, not about those that were taken back.
#[test]
fn samples_of_rejects_are_not_kept_twice() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("a,b\n{}only\n{}x,y\n", records(1, 200, "1"), records(201, 2000, "1"));
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let guess = ["--infer", "guess", "--chunk-bytes", "64", "--report-html", "page.html"];
    let ended = run_in(folder.path(), &[&["load", "in.csv", "out.db"][..], &guess].concat());
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.code() == 2 && stderr.contains("taken back"), "{stderr}");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert_eq!(page.matches("expected 2 columns, found 1").count(), 1);
}
