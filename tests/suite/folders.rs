//! Folders and patterns as inputs.

use std::fs;
use std::path::Path;

use super::database::{open, select};
use super::harness::run_in;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Runs a load and returns what it said, once its exit code is as expected.
fn said(folder: &Path, args: &[&str], code: i32) -> String {
    let ended = run_in(folder, args);
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.code(), code, "{args:?}: {stderr}");
    stderr
}

fn rows(folder: &Path, sql: &str) -> Vec<String> {
    select(&open(&folder.join("x.db")), sql).unwrap()
}

#[test]
fn a_folder_stands_for_its_csv_files_by_name_and_names_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let files = [
        ("sales.2024/b.csv", "id,v\n2,b\n"),
        ("sales.2024/a.TSV", "id,v\n1,a\n"),
        ("sales.2024/c.tab", "id,v\n3,c\n"),
        ("sales.2024/.hidden.csv", "no\n"),
        ("sales.2024/readme.txt", "no\n"),
        ("sales.2024/more.csv/d.csv", "id,v\n4,d\n"),
    ];
    write(at, &files);
    let stderr = said(at, &["load", "sales.2024/", "x.db", "--filename-column", "f"], 0);
    assert!(
        stderr.contains("sales.2024/: 3 files taken: a.TSV, b.csv, c.tab; not 1 file of another name"),
        "{stderr}"
    );
    let expected = [
        "1, 'a', 'sales.2024/a.TSV'",
        "2, 'b', 'sales.2024/b.csv'",
        "3, 'c', 'sales.2024/c.tab'",
    ];
    assert_eq!(rows(at, "SELECT * FROM \"sales.2024\""), expected);
    // However it is reached.
    let again = ["load", ".", "../x.db", "--const", "f=again"];
    said(&at.join("sales.2024"), &again, 0);
    assert_eq!(rows(at, "SELECT count(*) FROM \"sales.2024\" WHERE f = 'again'"), ["3"]);
}

#[test]
fn a_pattern_that_no_shell_has_expanded_stands_for_what_matches() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let files = [
        ("d/m-2.csv", "id\n2\n"),
        ("d/m-1.csv", "id\n1\n"),
        ("d/n-3.csv", "id\n3\n"),
        ("d/deep/m-4.csv", "id\n4\n"),
        ("d/m-5.csv/no.csv", "id\n5\n"),
        ("d/.m-6.csv", "id\n6\n"),
        ("odd[1].csv", "id\n7\n"),
    ];
    write(at, &files);
    let load = |pattern: &str| said(at, &["load", pattern, "x.db", "--table", "t"], 0);
    assert!(load("d/m-*.csv").contains("d/m-*.csv: 2 files taken: m-1.csv, m-2.csv"));
    load("d/[n]-?.csv");
    load("d/deep/*");
    load("d/**/m-[4].csv");
    // A file that is there is what its name says.
    load("odd[1].csv");
    assert_eq!(rows(at, "SELECT id FROM t"), ["1", "2", "3", "4", "4", "7"]);
}

#[test]
fn what_stands_for_no_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, &[("empty/readme.txt", ""), ("a.csv", "id\n1\n")]);
    for (input, why) in [
        (
            "none-*.csv",
            "cannot open input none-*.csv: no file of that name, and none that matches",
        ),
        (
            "empty",
            "cannot open input empty: no file named *.csv, *.tsv, *.tab, *.jsonl or *.ndjson is in this folder",
        ),
        ("nofolder/", "cannot open input nofolder/"),
    ] {
        let stderr = said(at, &["load", "a.csv", input, "x.db", "--report", "r.json"], 66);
        assert!(stderr.contains(why), "{stderr}");
        assert!(
            fs::read_to_string(at.join("r.json"))
                .unwrap()
                .contains("\"exit_code\": 66")
        );
    }
    assert!(said(at, &["load", "a[.csv", "x.db"], 64).contains("no pattern either"));
    assert!(!at.join("x.db").exists());
}

#[test]
fn files_that_the_load_writes_are_no_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, &[("in.csv", "id,v\n1,a\nx\n")]);
    let load = ["load", ".", "x.db", "--table", "t", "--key", "id"];
    said(at, &load, 2);
    let stderr = said(at, &load, 2);
    assert!(
        stderr.contains(".: 1 file taken: in.csv; not errors.csv, which this load writes"),
        "{stderr}"
    );
    assert!(at.join("errors.1.csv").exists());
    said(at, &load, 2);
    said(at, &["load", "*.csv", "x.db", "--table", "t", "--key", "id"], 2);
    assert_eq!(rows(at, "SELECT * FROM t"), ["1, 'a'"]);
}

#[test]
fn a_job_loads_what_has_come_into_its_folder_since() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let load = ["load", "in", "x.db", "--once", "--union-by-name"];
    write(at, &[("in/b.csv", "id,v\n1,a\n")]);
    said(at, &load, 0);
    said(at, &load, 0);
    write(at, &[("in/a.csv", "v,id\nb,2\n")]);
    assert!(said(at, &load, 0).contains("in/b.csv is skipped"));
    assert_eq!(rows(at, "SELECT * FROM \"in\""), ["1, 'a'", "2, 'b'"]);
    // An unfinished load is given up by the same name.
    write(at, &[("in/c.csv", "id,v\n3,c\nx\n")]);
    said(at, &[&load[..], &["--max-errors", "0"]].concat(), 3);
    assert!(said(at, &["load", "in", "x.db", "--forget"], 0).contains("given up"));
}
