//! Inputs and outputs that are no good: a clear message that says what to do, the right exit code, and nothing half-written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::database;
use super::harness::{Case, run_in};
use super::process::said;

/// Runs in a folder that `prepare` fills and demands exit code, fragments of the message, and no table.
fn refused(prepare: impl FnOnce(&Path), args: &[&str], code: i32, fragments: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let args: Vec<&str> = ["load"]
        .into_iter()
        .chain(args.iter().copied())
        .chain(["--report", "report.json"])
        .collect();
    let ended = run_in(folder.path(), &args);
    let said = said(&ended);
    assert_eq!(ended.code(), code, "{args:?}: {said}");
    for fragment in fragments {
        assert!(said.contains(fragment), "{args:?} does not say '{fragment}': {said}");
    }
    assert!(!said.contains('\u{1b}') && !said.contains("panicked"), "{said}");
    if let Ok(report) = fs::read_to_string(folder.path().join("report.json")) {
        let report: serde_json::Value = serde_json::from_str(&report).expect("the report is JSON");
        assert_eq!(
            (report["outcome"].as_str(), report["exit_code"].as_i64()),
            (Some("failed"), Some(i64::from(code)))
        );
    } else {
        assert_eq!(code, 64, "only a usage error may come without a report");
    }
    folder
}

fn good_input(folder: &Path) {
    fs::write(folder.join("in.csv"), "a,b\n1,x\n").unwrap();
}

fn input(bytes: &[u8]) -> impl FnOnce(&Path) {
    let bytes = bytes.to_vec();
    move |folder| fs::write(folder.join("in.csv"), bytes).unwrap()
}

const ARGS: [&str; 2] = ["in.csv", "out.db"];

#[test]
fn a_missing_file() {
    let folder = refused(|_| {}, &ARGS, 66, &["in.csv", "No such file", "check the path"]);
    assert!(!folder.path().join("out.db").exists() && !folder.path().join("errors.csv").exists());
}

#[test]
fn a_missing_second_file_is_found_before_the_first_is_loaded() {
    let folder = refused(good_input, &["in.csv", "more.csv", "out.db"], 66, &["more.csv"]);
    assert!(!folder.path().join("out.db").exists());
}

#[test]
fn a_directory() {
    refused(
        |folder| fs::create_dir(folder.join("in.csv")).unwrap(),
        &ARGS,
        66,
        &["no file named *.csv"],
    );
}

#[test]
fn an_empty_file() {
    let folder = refused(input(b""), &ARGS, 65, &["it is empty", "header"]);
    assert!(!folder.path().join("out.db").exists());
    refused(input(b"\n\r\n\n"), &ARGS, 65, &["blank lines"]);
    refused(input(b"\xEF\xBB\xBF"), &ARGS, 65, &["header"]);
}

#[test]
fn an_unclosed_quote_in_the_header() {
    refused(input(b"a,\"b\n1,2\n"), &ARGS, 65, &["header", "line 1", "not closed"]);
}

#[test]
fn a_header_alone_makes_an_empty_table() {
    for header in ["a,b\n", "a,b", "\u{feff}a,b\r\n"] {
        Case::csv(header)
            .expect_types([("a", "text"), ("b", "text")])
            .expect_rows([])
            .check();
    }
}

#[test]
fn duplicate_and_empty_header_names_are_made_unique_and_said() {
    Case::csv("name,NAME,,name,\n1,2,3,4,5\n")
        .expect_types([
            ("name", "integer"),
            ("NAME_2", "integer"),
            ("column_3", "integer"),
            ("name_3", "integer"),
            ("column_5", "integer"),
        ])
        .expect_rows(["1: 1, 2, 3, 4, 5"])
        .expect_said("NAME_2")
        .expect_said("column_3")
        .check();
}

#[test]
fn a_made_up_name_does_not_collide_with_a_given_one() {
    let run = Case::csv("a,a,a_2,column_4,\n1,2,3,4,5\n")
        .expect_rows(["1: 1, 2, 3, 4, 5"])
        .once();
    let mut names: Vec<String> = run.column_types();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn a_binary_file() {
    let elf: Vec<u8> = b"\x7fELF\x02\x01\x01\0\0\0\0"
        .iter()
        .copied()
        .chain((0..4096u32).map(|i| (i * 7) as u8))
        .collect();
    refused(input(&elf), &ARGS, 65, &["binary"]);
}

#[test]
fn wide_text() {
    let unmarked: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(input(&unmarked), &ARGS, 65, &["UTF-16", "--encoding utf-16le"]);
    let wide: Vec<u8> = "\u{feff}a,b\n1,2\n"
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    refused(input(&wide), &ARGS, 65, &["UTF-32", "iconv"]);
}

#[test]
fn compressed_files() {
    refused(input(b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), &ARGS, 65, &["gzip"]);
    // Something came out of it, and was not right.
    refused(
        input(b"\x1f\x8b\x08\0\0\0\0\0\0\x03rest"),
        &ARGS,
        74,
        &["gzip", "damaged"],
    );
    refused(input(b"\x28\xb5\x2f\xfdrest"), &ARGS, 65, &["zstd"]);
    refused(input(b"PK\x03\x04rest"), &ARGS, 65, &["zip"]);
}

#[test]
fn forty_thousand_columns() {
    let header: Vec<String> = (0..40_000).map(|i| format!("c{i}")).collect();
    let values = vec!["1"; 40_000].join(",");
    let folder = refused(
        input(format!("{}\n{values}\n", header.join(",")).as_bytes()),
        &ARGS,
        65,
        &["40000", "columns"],
    );
    assert!(!folder.path().join("out.db").exists());
}

#[test]
fn two_thousand_columns_are_loaded() {
    let line = |text: &dyn Fn(usize) -> String| (0..2_000).map(text).collect::<Vec<_>>().join(",");
    let header = line(&|i| format!("c{i}"));
    let values = line(&|i| i.to_string());
    Case::csv(format!("{header}\n{values}\n{values},extra\n{values}\n"))
        .expect_row_list(
            [1, 3]
                .map(|row| format!("{row}: {}", line(&|i| i.to_string()).replace(',', ", ")))
                .to_vec(),
        )
        .expect_rejects([(3, "too_many_columns")])
        .check();
}

#[test]
fn one_record_of_forty_thousand_fields_is_one_reject() {
    let many = vec!["1"; 40_000].join(",");
    Case::csv(format!("a,b\n1,x\n{many}\n2,y\n"))
        .expect_rows(["1: 1, 'x'", "3: 2, 'y'"])
        .expect_rejects([(3, "too_many_columns")])
        .check();
}

/// A place where nothing can be created: root is stopped by no permission, but by /proc.
fn read_only_folder(folder: &Path) -> std::path::PathBuf {
    // SAFETY: geteuid takes and gives integers only.
    if unsafe { libc::geteuid() } == 0 {
        return "/proc/self".into();
    }
    let inner = folder.join("read-only");
    fs::create_dir(&inner).unwrap();
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).unwrap();
    inner
}

#[test]
fn a_read_only_folder_for_the_database() {
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    let database = read_only_folder(folder.path()).join("out.db");
    let ended = run_in(folder.path(), &["load", "in.csv", database.to_str().unwrap()]);
    assert_eq!(ended.code(), 73, "{}", said(&ended));
    assert!(said(&ended).contains("out.db"), "{}", said(&ended));
}

#[test]
fn a_read_only_folder_for_the_errors_file() {
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    let errors = read_only_folder(folder.path()).join("errors.csv");
    let ended = run_in(
        folder.path(),
        &["load", "in.csv", "out.db", "--errors", errors.to_str().unwrap()],
    );
    assert_eq!(ended.code(), 73, "{}", said(&ended));
    assert!(said(&ended).contains("--errors"), "{}", said(&ended));
    assert!(!folder.path().join("out.db").exists(), "nothing is half-made");
}

#[test]
fn a_folder_for_the_outputs_that_does_not_exist() {
    let folder = refused(good_input, &["in.csv", "none/out.db"], 73, &["none/out.db"]);
    assert!(!folder.path().join("none").exists());
    refused(
        good_input,
        &["in.csv", "out.db", "--errors", "none/errors.csv"],
        73,
        &["none/errors.csv"],
    );
}

#[test]
fn a_report_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    let ended = run_in(
        folder.path(),
        &["load", "in.csv", "out.db", "--report", "none/report.json"],
    );
    assert_eq!(ended.code(), 73, "{}", said(&ended));
}

#[test]
fn a_locked_database() {
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    let connection = rusqlite::Connection::open(folder.path().join("out.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE other (x); INSERT INTO other VALUES (1); BEGIN EXCLUSIVE")
        .unwrap();
    let ended = run_in(
        folder.path(),
        &["load", "in.csv", "out.db", "--table", "t", "--report", "report.json"],
    );
    assert_eq!(ended.code(), 75, "{}", said(&ended));
    let command = fs::read_to_string("/proc/self/comm").unwrap();
    let holder = format!("held by {} (process {})", command.trim_end(), std::process::id());
    for fragment in ["locked by another process", &holder, "run the load again"] {
        assert!(said(&ended).contains(fragment), "{}", said(&ended));
    }
    connection.execute_batch("ROLLBACK").unwrap();
    assert_eq!(database::count(&folder.path().join("out.db"), "other"), 1);
    // Once it is free, the same command does the load.
    let ended = run_in(folder.path(), &["load", "in.csv", "out.db", "--table", "t"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
}

#[test]
fn a_database_that_is_locked_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    let connection = rusqlite::Connection::open(folder.path().join("out.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE other (x); BEGIN EXCLUSIVE")
        .unwrap();
    let release = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        connection.execute_batch("ROLLBACK").unwrap();
    });
    let ended = run_in(folder.path(), &["load", "in.csv", "out.db", "--table", "t"]);
    release.join().unwrap();
    assert_eq!(ended.code(), 0, "{}", said(&ended));
}

#[test]
fn a_file_that_is_no_database() {
    let text = "This is a letter, not a database. ".repeat(100);
    let prepare = |folder: &Path| {
        good_input(folder);
        fs::write(folder.join("out.db"), &text).unwrap();
    };
    let folder = refused(prepare, &ARGS, 78, &["out.db", "not a SQLite database"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("out.db")).unwrap(),
        text,
        "it is left alone"
    );
}

#[test]
fn a_view_in_the_tables_place() {
    let prepare = |folder: &Path| {
        good_input(folder);
        let connection = rusqlite::Connection::open(folder.join("out.db")).unwrap();
        connection
            .execute_batch("CREATE VIEW t AS SELECT 1 AS a, 2 AS b")
            .unwrap();
    };
    refused(prepare, &["in.csv", "out.db", "--table", "t"], 78, &["view"]);
}

#[test]
fn a_table_whose_columns_do_not_match() {
    let prepare = |folder: &Path| {
        good_input(folder);
        let connection = rusqlite::Connection::open(folder.join("out.db")).unwrap();
        connection.execute_batch("CREATE TABLE t (p, q)").unwrap();
    };
    refused(
        prepare,
        &["in.csv", "out.db", "--table", "t"],
        78,
        &["\"a\"", "\"b\"", "nothing was loaded"],
    );
}

#[test]
fn inputs_whose_headers_differ() {
    let prepare = |folder: &Path| {
        good_input(folder);
        fs::write(folder.join("two.csv"), "a,c\n1,2\n").unwrap();
        fs::write(folder.join("three.csv"), "a\n1\n").unwrap();
    };
    let folder = refused(
        prepare,
        &["in.csv", "two.csv", "three.csv", "out.db"],
        78,
        &["two.csv", "\"c\"", "three.csv", "\"b\""],
    );
    assert!(!folder.path().join("out.db").exists());
}

#[test]
fn an_errors_file_that_is_the_input() {
    for errors in ["in.csv", "./in.csv", "link.csv"] {
        let prepare = |folder: &Path| {
            good_input(folder);
            fs::hard_link(folder.join("in.csv"), folder.join("link.csv")).unwrap();
        };
        let folder = refused(
            prepare,
            &["in.csv", "out.db", "--errors", errors],
            73,
            &["input of this load"],
        );
        assert_eq!(fs::read_to_string(folder.path().join("in.csv")).unwrap(), "a,b\n1,x\n");
    }
}

#[test]
fn the_default_errors_file_as_the_input() {
    let prepare = |folder: &Path| fs::write(folder.join("errors.csv"), "a,b\n1,x\n").unwrap();
    let folder = refused(prepare, &["errors.csv", "out.db"], 73, &["--errors"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("errors.csv")).unwrap(),
        "a,b\n1,x\n"
    );
}

#[test]
fn a_database_that_is_the_input() {
    let folder = refused(good_input, &["in.csv", "in.csv"], 73, &["it is an input"]);
    assert_eq!(fs::read_to_string(folder.path().join("in.csv")).unwrap(), "a,b\n1,x\n");
}

#[test]
fn inputs_and_database_in_the_wrong_order() {
    let prepare = |folder: &Path| {
        good_input(folder);
        let connection = rusqlite::Connection::open(folder.join("out.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE other (x); INSERT INTO other VALUES (1)")
            .unwrap();
    };
    let folder = refused(
        prepare,
        &["out.db", "in.csv"],
        65,
        &["SQLite database", "database last"],
    );
    assert_eq!(fs::read_to_string(folder.path().join("in.csv")).unwrap(), "a,b\n1,x\n");
}

#[test]
fn an_input_without_header_in_which_no_record_is_well_formed() {
    refused(
        input(b"\"a\n\"b\n"),
        &["in.csv", "out.db", "--no-header"],
        65,
        &["well-formed", "--quote"],
    );
}

#[test]
fn a_database_name_that_means_something_to_sqlite_is_a_file_all_the_same() {
    for name in [":memory:", "file:out.db?mode=memory"] {
        let folder = tempfile::tempdir().unwrap();
        good_input(folder.path());
        let ended = run_in(folder.path(), &["load", "in.csv", name, "--table", "t"]);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert_eq!(database::count(&folder.path().join(name), "t"), 1);
    }
    let folder = tempfile::tempdir().unwrap();
    good_input(folder.path());
    assert_eq!(run_in(folder.path(), &["load", "in.csv", ""]).code(), 64);
}

#[test]
fn a_table_name_that_sqlite_keeps_for_itself() {
    for name in ["sqlite_rows", "SQLITE_x", ""] {
        let folder = refused(good_input, &["in.csv", "out.db", "--table", name], 64, &["--table"]);
        assert!(!folder.path().join("out.db").exists());
    }
}

#[test]
fn a_table_name_that_rowmill_keeps_for_itself() {
    let says = ["--table", "begin with _rowmill_", "rowmill's own"];
    for name in [
        "_rowmill_checkpoint",
        "_rowmill_rows",
        "_ROWMILL_Loads",
        "_Rowmill_",
        "_rowmill_mine",
    ] {
        for more in [&[][..], &["--once"], &["--append-only"]] {
            let args = [&["in.csv", "out.db", "--table", name], more].concat();
            let folder = refused(good_input, &args, 64, &says);
            assert!(!folder.path().join("out.db").exists());
        }
    }
    let prepare = |folder: &Path| fs::write(folder.join("_rowmill_x.csv"), "a\n1\n").unwrap();
    refused(prepare, &["_rowmill_x.csv", "out.db"], 64, &says);
    refused(prepare, &["out.db", "--forget", "--table", "_rowmill_rows"], 64, &says);
}
