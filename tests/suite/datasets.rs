//! Every file of `datasets/`, loaded with the flags and with the outcome that `datasets/expected.csv` names.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::database;
use super::harness::{Case, PLAIN, Run, Setting, side_by_side};

/// Settings that must agree on every dataset.
const SETTINGS: [Setting; 3] = [
    PLAIN,
    Setting {
        threads: 4,
        window: Some(4096),
        chunk: Some(64),
        write_path: "sql",
        piped: true,
        infer: "auto",
    },
    Setting {
        threads: 2,
        window: Some(65_536),
        chunk: Some(1000),
        ..PLAIN
    },
];

/// `name TYPE, name TYPE` of the table, as SQLite tells it.
fn columns(run: &Run) -> String {
    let connection = database::open(&run.path("out.db"));
    let mut columns = connection
        .prepare("SELECT name || ' ' || type FROM pragma_table_info('t')")
        .unwrap();
    let columns: Vec<String> = columns
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    columns.join(", ")
}

/// `code=count` for each code, with blanks between.
fn by_code(run: &Run) -> Vec<String> {
    let report = run.report().unwrap_or_else(|| run.fail("there is no report"));
    let codes = report["by_code"].as_object().cloned().unwrap_or_default();
    let mut codes: Vec<String> = codes.iter().map(|(code, count)| format!("{code}={count}")).collect();
    codes.sort();
    codes
}

/// A line of `expected.csv`.
type Line = HashMap<String, String>;

fn meets(folder: &Path, line: &Line) {
    let bytes = fs::read(folder.join(&line["file"])).unwrap_or_else(|error| panic!("{}: {error}", line["file"]));
    let exit: i32 = line["exit_code"].parse().unwrap();
    let flags = line["flags"].split_whitespace().map(str::to_owned).collect();
    let case = Case::csv(bytes).arg_list(flags).any_rejects().expect_exit(exit);
    let Some(run) = case.check_at(&SETTINGS) else {
        unreachable!("there are settings")
    };
    if exit > 3 {
        return;
    }
    for count in ["records", "loaded", "rejected", "duplicates"] {
        if run.counted(count).to_string() != line[count] {
            run.fail(&format!(
                "{}: {} {count}, expected {}",
                line["file"],
                run.counted(count),
                line[count]
            ));
        }
    }
    let blank = run.report().unwrap()["inputs"][0]["blank_lines"].to_string();
    assert_eq!(blank, line["blank_lines"], "{}: blank lines", line["file"]);
    let mut codes: Vec<String> = line["by_code"].split_whitespace().map(str::to_owned).collect();
    codes.sort();
    assert_eq!(by_code(&run), codes, "{}", line["file"]);
    if !line["columns"].is_empty() {
        assert_eq!(columns(&run), line["columns"], "{}", line["file"]);
    }
}

#[test]
fn every_dataset_gives_what_is_expected_of_it() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut expected = csv::Reader::from_path(folder.join("expected.csv")).unwrap();
    let lines: Vec<Line> = expected.deserialize().map(Result::unwrap).collect();
    assert!(lines.len() > 60, "only {} lines in expected.csv", lines.len());
    side_by_side(&lines, |_, line| meets(&folder, line));
}
