//! Files of real size: exact counts, damage that stays local, and the memory promise.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::Value;

use super::data::{Recipe, big, people, people_file};
use super::database;
use super::harness::{Case, PLAIN, Setting, run_in};

const PIPED: Setting = Setting { piped: true, ..PLAIN };

/// Loads `in.csv` of `folder` with `args` and returns its report; only the counts are checked.
fn report_of(folder: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = ["load", "in.csv", "out.db", "--table", "t", "--report", "report.json"]
        .into_iter()
        .chain(args.iter().copied())
        .collect();
    let ended = run_in(folder, &args);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let report = std::fs::read_to_string(folder.join("report.json")).unwrap_or_else(|error| panic!("{error}: {said}"));
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    assert_eq!(report["outcome"], "complete", "{said}");
    assert_eq!(report["identity_holds"], true, "{said}");
    assert_eq!(
        database::count(&folder.join("out.db"), "t"),
        report["loaded"].as_u64().unwrap(),
        "{said}"
    );
    report
}

#[test]
fn one_thousand_bad_records_among_one_hundred_thousand() {
    let recipe = Recipe {
        seed: 1,
        records: 100_000,
        bad_every: 100,
        duplicate_every: 0,
        text_keys: false,
        padding: 20,
    };
    let (bytes, content) = people(&recipe);
    assert_eq!((content.good, content.bad), (99_000, 1_000));
    let case = Case::csv(bytes)
        .args(["--key", "id", "--batch-rows", "1000"])
        .any_rejects();
    let run = case.once();
    assert_eq!(
        ["records", "loaded", "rejected", "duplicates"].map(|name| run.counted(name)),
        [100_000, 99_000, 1_000, 0]
    );
    assert_eq!(run.counted("batches"), 100);
    let rejects = run.rejects();
    assert_eq!(
        (rejects[0].line, rejects[999].line),
        (101, 100_001),
        "the header is line 1"
    );
    for setting in [
        PIPED,
        Setting {
            write_path: "sql",
            threads: 4,
            ..PLAIN
        },
    ] {
        run.must_equal(&case.run(&setting));
    }
}

#[test]
fn a_field_of_100_megabytes_costs_its_line_and_little_memory() {
    for quote in ["", "\""] {
        let mut bytes = format!("a,b\n1,x\n2,{quote}").into_bytes();
        bytes.resize(bytes.len() + 100_000_000, b'y');
        bytes.extend(format!("{quote}\n3,z\n").into_bytes());
        let case = Case::csv(bytes)
            .expect_rows(["1: 1, 'x'", "3: 3, 'z'"])
            .expect_rejects([(3, "record_too_large")]);
        let runs = [PLAIN, PIPED].map(|setting| case.check_at(&[setting]));
        for run in runs.iter().flatten() {
            assert!(
                run.counted("peak_rss_bytes") < 256_000_000,
                "{}",
                run.counted("peak_rss_bytes")
            );
        }
    }
}

#[test]
fn an_unclosed_quote_on_line_2_of_a_large_file_costs_that_line() {
    let folder = tempfile::tempdir().unwrap();
    let records: u64 = if big() { 40_000_000 } else { 2_600_000 };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(folder.path().join("in.csv")).unwrap());
    out.write_all(b"a,b\n1,\"unclosed\n").unwrap();
    for number in 2..=records {
        writeln!(out, "{number},some words here").unwrap();
    }
    drop(out);
    let report = report_of(folder.path(), &["--key", "a"]);
    assert_eq!(
        ["records", "loaded", "rejected"].map(|name| report[name].as_u64().unwrap()),
        [records, records - 1, 1]
    );
    assert_eq!(report["by_code"]["unterminated_quote"], 1);
    assert!(report["peak_rss_bytes"].as_u64().unwrap() < 256_000_000);
}

/// Stray quotes on every line must not make the load quadratic.
#[test]
fn a_stray_quote_on_every_line_takes_linear_time() {
    let lines: String = (0..200_000).map(|number| format!("{number},\"x\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), format!("a,b\n{lines}")).unwrap();
    let report = report_of(folder.path(), &[]);
    // Each runs into the quote of the next line, so two lines at a time are one damaged record.
    assert_eq!(report["by_code"]["invalid_quote"], 100_000);
    assert!(report["elapsed_ms"].as_f64().unwrap() < 60_000.0);
}

#[test]
fn memory_stays_below_256_megabytes_with_the_filter_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        seed: 9,
        records: if big() { 24_000_000 } else { 3_000_000 },
        bad_every: 100,
        duplicate_every: 50,
        text_keys: true,
        padding: 50,
    };
    let content = people_file(&recipe, &folder.path().join("in.csv"));
    for threads in ["2", "16"] {
        let _ = std::fs::remove_file(folder.path().join("out.db"));
        let report = report_of(folder.path(), &["--key", "id", "--threads", threads]);
        let counts = ["records", "loaded", "rejected", "duplicates"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [content.records, content.good, content.bad, content.duplicates]);
        let peak = report["peak_rss_bytes"].as_u64().unwrap();
        assert!(peak < 256_000_000, "{peak} bytes with {threads} threads: {report:#}");
        assert!(report["filter"]["inserted_keys"].as_u64().unwrap() > 0);
        assert_eq!(database::integrity(&folder.path().join("out.db")), "ok");
    }
}
