//! The command line: usage errors, the error limit, what is said and where it goes.

use std::fs;

use super::data::{Recipe, people};
use super::database;
use super::harness::{Case, PLAIN, Setting, read_rejects, run_in};
use super::process::{Running, rowmill};

#[test]
fn wrong_usage_is_exit_code_64_and_says_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    for (args, fragment) in [
        (&["load", "in.csv"][..], "in.csv"),
        (
            &["load", "in.csv", "out.db", "--delimiter", "123456789"],
            "up to 8 bytes",
        ),
        (&["load", "in.csv", "out.db", "--delimiter", "\""], "same character"),
        (&["load", "in.csv", "out.db", "--types", "a=numeral"], "not a type"),
        (&["load", "in.csv", "out.db", "--max-errors", "x"], "count"),
        (&["load", "in.csv", "out.db", "--memory", "1k"], "too small"),
        (&["load", "in.csv", "out.db", "--batch-rows", "0"], "at least 1"),
        (
            &["load", "in.csv", "out.db", "--max-record-bytes", "1g"],
            "at most 512 MiB",
        ),
        (&["load", "in.csv", "out.db", "--wrong"], "--wrong"),
        (&["lode", "in.csv", "out.db"], "lode"),
    ] {
        let ended = run_in(folder.path(), args);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 64, "{args:?}: {said}");
        assert!(said.contains(fragment), "{args:?}: {said}");
        assert!(!folder.path().join("out.db").exists(), "{args:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_succeed() {
    let folder = tempfile::tempdir().unwrap();
    for (args, fragment) in [
        (&["--help"][..], "load"),
        (&["load", "--help"], "Exit codes"),
        (&["--version"], "rowmill"),
    ] {
        let ended = run_in(folder.path(), args);
        assert_eq!(ended.code(), 0);
        assert!(String::from_utf8_lossy(&ended.stdout).contains(fragment), "{args:?}");
    }
}

#[test]
fn the_table_is_named_after_the_file_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my people.csv"), "a\n1\n").unwrap();
    assert_eq!(run_in(folder.path(), &["load", "my people.csv", "out.db"]).code(), 0);
    assert_eq!(database::count(&folder.path().join("out.db"), "my people"), 1);
}

#[test]
fn standard_input_is_loaded_like_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "k,v\na,1\nb\na,3\n").unwrap();
    for (input, database) in [("-", "dash.db"), ("/dev/stdin", "dev.db")] {
        let args = ["load", input, database, "--key", "k"].map(Into::into);
        let mut command = rowmill(folder.path(), &args);
        command.stdin(fs::File::open(folder.path().join("in.csv")).unwrap());
        let ended = Running::start(command).wait();
        assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(
            database::dump(&folder.path().join(database), "stdin").rows,
            ["1: 'a', 1"]
        );
        let errors = fs::read_to_string(folder.path().join("errors.csv")).unwrap();
        assert_eq!(errors.lines().count(), 3, "{errors}");
    }
}

#[test]
fn the_errors_file_is_made_even_when_nothing_is_rejected() {
    let run = Case::csv("a\n1\n").run(&PLAIN);
    let errors = fs::read_to_string(run.path("errors.csv")).unwrap();
    assert_eq!(
        errors.trim_end(),
        "file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw"
    );
}

#[test]
fn quiet_says_nothing_and_verbose_says_more() {
    let said = |flag: &'static str| {
        let run = Case::csv("a,a\n1,2\n3\n").args([flag]).run(&PLAIN);
        assert_eq!(run.ended.code(), 2);
        run.stderr()
    };
    assert_eq!(said("--quiet"), "");
    let verbose = said("-v");
    assert!(verbose.contains("memory") && verbose.contains("a_2"), "{verbose}");
}

#[test]
fn the_summary_says_what_was_loaded_and_where_the_rest_is() {
    let run = Case::csv("k,v\na,1\nb\na,3\n")
        .args(["--key", "k"])
        .any_rejects()
        .once();
    let said = run.stderr();
    assert!(said.contains("errors.csv"), "{said}");
    assert!(said.contains("loaded 1 row into table t"), "{said}");
}

#[test]
fn the_load_stops_at_the_error_limit_and_keeps_what_it_read() {
    let lines: String = (1..=500)
        .map(|i| {
            if i % 10 == 0 {
                format!("{i}\n")
            } else {
                format!("{i},x\n")
            }
        })
        .collect();
    for setting in [
        PLAIN,
        Setting {
            threads: 4,
            window: Some(64),
            chunk: Some(7),
            write_path: "sql",
            piped: true,
            infer: "auto",
        },
    ] {
        let run = Case::csv(format!("a,b\n{lines}"))
            .args(["--max-errors", "5"])
            .run(&setting);
        assert_eq!(run.ended.code(), 3, "{}", run.stderr());
        let report = run.report().unwrap();
        assert_eq!(report["outcome"], "error_limit");
        let counts = ["records", "loaded", "rejected"].map(|name| run.counted(name));
        assert_eq!(
            counts,
            [60, 54, 6],
            "it stops at the record that passes the limit, however the input is cut"
        );
    }
}

#[test]
fn as_many_errors_as_the_limit_allows_are_no_reason_to_stop() {
    Case::csv("a,b\n1\n2\n3,x\n")
        .args(["--max-errors", "2"])
        .expect_rows(["3: 3, 'x'"])
        .expect_rejects([(2, "missing_columns"), (3, "missing_columns")])
        .check();
}

#[test]
fn a_limit_in_percent_is_looked_at_once_a_thousand_records_were_read() {
    let lines = |bad: u64| {
        (1..=3000)
            .map(|i| if i <= bad { format!("{i}\n") } else { format!("{i},x\n") })
            .collect::<String>()
    };
    let run = Case::csv(format!("a,b\n{}", lines(20)))
        .args(["--max-errors", "1%"])
        .any_rejects()
        .once();
    assert_eq!(
        run.counted("records"),
        3000,
        "2 % of the first 1,000 is too many, but they are the first 20"
    );
}

#[test]
fn more_bad_records_than_the_percentage_end_the_load_with_3() {
    let lines: String = (1..=3000)
        .map(|i| {
            if i % 20 == 0 {
                format!("{i}\n")
            } else {
                format!("{i},x\n")
            }
        })
        .collect();
    let run = Case::csv(format!("a,b\n{lines}"))
        .args(["--max-errors", "1%"])
        .run(&PLAIN);
    assert_eq!(run.ended.code(), 3, "{}", run.stderr());
    assert_eq!(run.counted("records"), 1000);
}

#[test]
fn indexes_are_built_after_the_rows_on_either_path() {
    let (bytes, _) = people(&Recipe {
        seed: 11,
        records: 2_000,
        bad_every: 0,
        duplicate_every: 0,
        text_keys: true,
        padding: 8,
    });
    let case = Case::csv(bytes).args(["--key", "id", "--index", "name", "--index", "amount,name"]);
    case.check_at(&[
        PLAIN,
        Setting {
            write_path: "sql",
            threads: 3,
            ..PLAIN
        },
    ]);
    let schema = case.once().dump().schema;
    assert_eq!(schema.len(), 4, "a table and three indexes: {schema:?}");
}

#[test]
fn an_index_on_a_column_that_is_not_there_is_refused_before_anything_is_made() {
    let run = Case::csv("a\n1\n")
        .args(["--index", "b"])
        .expect_exit(64)
        .expect_said("\"b\"")
        .once();
    assert!(!run.path("out.db").exists());
}

#[test]
fn the_report_names_path_dialect_schema_and_time() {
    let run = Case::csv("k;v\n1;x\n").args(["--delimiter", ";", "--key", "k"]).once();
    let report = run.report().unwrap();
    assert_eq!(report["write_path"], "memory");
    assert_eq!(report["delimiter"], ";");
    assert_eq!(report["key"][0], "k");
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(report["elapsed_ms"].as_f64().unwrap() > 0.0);
    assert!(!report["stages"].as_array().unwrap().is_empty());
    assert!(report["sqlite_version"].as_str().unwrap().starts_with('3'));
    assert!(report["memory"]["budget_bytes"].as_u64().unwrap() < 256_000_000);
}

#[test]
fn safe_errors_keeps_spreadsheets_from_running_what_was_rejected() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "id\n=1+1\n-5\n-5x\n").unwrap();
    let args = ["load", "in.csv", "out.db", "--types", "id=integer", "--safe-errors"];
    assert_eq!(run_in(folder.path(), &args).code(), 2);
    let rejects = read_rejects(&fs::read(folder.path().join("errors.csv")).unwrap()).unwrap();
    let found: Vec<(&[u8], &[u8])> = rejects
        .iter()
        .map(|reject| (&reject.value[..], &reject.raw[..]))
        .collect();
    assert_eq!(found, [(&b"'=1+1"[..], &b"'=1+1"[..]), (b"'-5x", b"'-5x")]);
    // Without the flag the bytes stand as they were.
    assert_eq!(
        run_in(folder.path(), &[&args[..5], &["--table", "u"]].concat()).code(),
        2
    );
    let rejects = read_rejects(&fs::read(folder.path().join("errors.csv")).unwrap()).unwrap();
    assert_eq!(rejects[0].raw, b"=1+1");
}
