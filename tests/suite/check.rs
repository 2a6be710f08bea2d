//! `rowmill check` against `rowmill load` into a new database: the same exit code, the same counts, the same errors.csv byte for byte; and
//! nothing else is left in the folder.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rowmill::internal::options::{
    CheckOptions, ContractOptions, ErrorLimits, LimitOptions, ResourceOptions, TargetOptions,
};
use rowmill::internal::{LoadOptions, check, load};
use rowmill::{ErrorLimit, Load, Outcome};
use serde_json::Value;
use tempfile::TempDir;

use super::data::{Recipe, people, people_file};
use super::harness::{PAIRS, PLAIN, Setting, read_rejects, run_in, side_by_side};
use super::packing;
use super::process::{Ended, Feed, Running, rowmill, wait_until};
use super::random::{Cut, body, cuts, lines};

/// Settings that suit larger inputs.
const SETTINGS: [Setting; 3] = [
    PLAIN,
    Setting {
        threads: 4,
        window: Some(4096),
        chunk: Some(64),
        piped: true,
        ..PLAIN
    },
    Setting {
        threads: 2,
        window: Some(65_536),
        chunk: Some(1000),
        infer: "guess",
        ..PLAIN
    },
];

/// A run of the program in a folder of its own.
struct Done {
    folder: TempDir,
    ended: Ended,
}

impl Done {
    fn report(&self) -> Value {
        let text = fs::read(self.folder.path().join("report.json"));
        let text = text.unwrap_or_else(|error| panic!("no report: {error}\n{}", self.said()));
        serde_json::from_slice(&text).unwrap()
    }

    fn errors(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("errors.csv")).unwrap_or_default()
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.ended.stderr).into_owned()
    }

    /// What does not depend on whether rows were kept.
    fn counts(&self) -> Vec<String> {
        let report = self.report();
        let names = [
            "outcome",
            "exit_code",
            "all_read",
            "records",
            "loaded",
            "rejected",
            "duplicates",
            "by_code",
            "columns",
            "key",
            "inputs",
            "bytes",
            "identity_holds",
            "recoded",
        ];
        // At the error limit the threads that read are ahead, by as much as there was time for.
        let is_stopped = report["outcome"] == "error_limit";
        let depends_on_time = |name: &&str| is_stopped && ["inputs", "bytes", "recoded"].contains(name);
        let names = names.into_iter().filter(|name| !depends_on_time(name));
        names.map(|name| format!("{name} {}", report[name])).collect()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// Some inputs, and the flags with which they are read.
#[derive(Clone)]
struct Inputs {
    files: Vec<(String, Vec<u8>)>,
    flags: Vec<String>,
}

impl Inputs {
    fn csv(bytes: impl AsRef<[u8]>, flags: &str) -> Inputs {
        Inputs {
            files: vec![("in.csv".to_owned(), bytes.as_ref().to_vec())],
            flags: flags.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn run(&self, command: &str, setting: &Setting) -> Done {
        let folder = tempfile::tempdir().unwrap();
        let mut feeds = Vec::new();
        for (name, bytes) in &self.files {
            match setting.piped {
                true => feeds.push(Feed::bytes(folder.path().join(name), bytes.clone())),
                false => fs::write(folder.path().join(name), bytes).unwrap(),
            }
        }
        let mut args: Vec<OsString> = vec![command.into()];
        args.extend(self.files.iter().map(|(name, _)| name.into()));
        if command == "load" {
            args.extend(["out.db", "--table", "t", "--write-path", setting.write_path].map(OsString::from));
        }
        args.extend(["--report", "report.json", "--infer", setting.infer].map(OsString::from));
        args.extend(self.flags.iter().map(OsString::from));
        let sizes = [
            ("--threads", Some(setting.threads).filter(|threads| *threads > 0)),
            ("--window-bytes", setting.window),
            ("--chunk-bytes", setting.chunk),
        ];
        for (name, size) in sizes {
            if let Some(size) = size {
                args.extend([name.into(), size.to_string().into()]);
            }
        }
        let ended = Running::start(rowmill(folder.path(), &args)).wait();
        drop(feeds);
        Done { folder, ended }
    }

    /// Loads and checks at `setting`, and demands that they agree; the check.
    fn agree(&self, setting: &Setting) -> Done {
        let (loaded, checked) = (self.run("load", setting), self.run("check", setting));
        let shown = format!(
            "{:?} at {setting:?}\n{:?}\nload: {}\ncheck: {}",
            self.flags,
            String::from_utf8_lossy(&self.files[0].1[..self.files[0].1.len().min(500)]),
            loaded.said(),
            checked.said()
        );
        assert_eq!(checked.ended.code(), loaded.ended.code(), "exit code: {shown}");
        assert!(checked.ended.stdout.is_empty(), "{shown}");
        assert_eq!(
            String::from_utf8_lossy(&checked.errors()),
            String::from_utf8_lossy(&loaded.errors()),
            "{shown}"
        );
        if checked.ended.code() <= 3 {
            assert_eq!(checked.counts(), loaded.counts(), "{shown}");
        }
        assert_eq!(checked.report()["is_check"], true);
        let mut names = checked.names();
        for (name, _) in &self.files {
            assert!(names.remove(name), "{shown}");
        }
        names.remove("errors.csv");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["report.json"], "left: {shown}");
        checked
    }

    fn agree_at(&self, settings: &[Setting]) -> Done {
        let mut last = None;
        for setting in settings {
            last = Some(self.agree(setting));
        }
        last.unwrap()
    }
}

#[test]
fn every_dataset_is_checked_as_it_is_loaded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut expected = csv::Reader::from_path(folder.join("expected.csv")).unwrap();
    let lines: Vec<(String, String)> = expected
        .records()
        .map(|line| line.map(|line| (line[0].to_owned(), line[1].to_owned())))
        .map(Result::unwrap)
        .collect();
    assert!(lines.len() > 60);
    side_by_side(&lines, |_, (file, flags)| {
        let bytes = fs::read(folder.join(file)).unwrap();
        Inputs::csv(bytes, flags).agree_at(&SETTINGS);
    });
}

#[test]
fn faults_and_duplicates_are_those_of_a_load_however_the_input_is_cut() {
    let text = "id,name,born\n1,Ada,1815\n2,Grace,1906\n2,Grace,soon\n1,Eve,1900\n\n3\n\"x\"y,z,1\n7,\"a\nb\",1\n5,Y,2\n7,Z,3\n5,Z,3\n,Z,3\n";
    let all = [
        "--types born=integer",
        "--types born=integer --key id",
        "--key id,name",
        "--key name --text",
        "--key born --types born=real,id=integer",
        "--max-errors 1",
        "--columns name,id --key id --filename-column file --row-number line",
        "--no-header --skip-lines 1 --key column_1",
    ];
    let all: Vec<Inputs> = all.iter().map(|flags| Inputs::csv(text, flags)).collect();
    side_by_side(&all, |_, inputs| {
        inputs.agree_at(&PAIRS);
    });
    // At the error limit nobody comes later to judge what may be a duplicate: neither after a check nor after the load of a stream.
    let piped: Vec<Setting> = PAIRS.into_iter().filter(|setting| setting.piped).collect();
    let limited = Inputs::csv(text, "--key id --max-errors 1");
    let done = limited.agree_at(&piped);
    assert_eq!(limited.run("check", &PLAIN).errors(), done.errors());
}

#[test]
fn several_files_are_checked_as_one_table() {
    let inputs = Inputs {
        files: vec![
            ("a.csv".to_owned(), b"id,v\n1,a\n2,b\n2,c\n".to_vec()),
            ("b.csv".to_owned(), b"v,id\nd,2\ne,3\nf\n".to_vec()),
        ],
        flags: vec!["--key".to_owned(), "id".to_owned()],
    };
    let done = inputs.agree_at(&PAIRS);
    assert_eq!(done.report()["duplicates"], 2);
}

#[test]
fn columns_that_take_every_name_of_the_row_id_are_judged_by_sqlite_in_a_check_too() {
    let text = "rowid,oid,_rowid_\n1,a,x\n2,b,y\n1,c,z\n";
    let done = Inputs::csv(text, "--key rowid --text").agree_at(&PAIRS);
    assert_eq!(done.report()["duplicates"], 1);
}

#[test]
fn a_key_that_is_too_long_to_be_sorted_is_compared_in_a_database_that_nobody_sees() {
    let long = "x".repeat(5000);
    let lines: String = (0..50).map(|n| format!("{long}{},{n}\n", n % 40)).collect();
    let inputs = Inputs::csv(format!("k,v\nshort,1\n{lines}short,2\n"), "--key k");
    let done = inputs.agree_at(&[PLAIN, SETTINGS[2]]);
    assert_eq!(done.report()["duplicates"], 11);
    assert!(done.said().contains("too long to be sorted"), "{}", done.said());
    let piped = inputs.run("check", &SETTINGS[1]);
    assert_eq!(piped.ended.code(), 64, "{}", piped.said());
    assert!(piped.said().contains("check it as a file"), "{}", piped.said());
}

#[test]
fn keys_that_do_not_fit_into_memory_are_sorted_in_files_and_none_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        seed: 5,
        records: 600_000,
        bad_every: 1000,
        duplicate_every: 500,
        text_keys: true,
        padding: 10,
    };
    let content = people_file(&recipe, &folder.path().join("in.csv"));
    let run = |args: &[&str], errors: &str| {
        let common = [
            "--key",
            "id",
            "--errors",
            errors,
            "--report",
            "report.json",
            "--memory",
            "64MiB",
        ];
        let args: Vec<&str> = args.iter().chain(&common).copied().collect();
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
        let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
        let errors = fs::read(folder.path().join(errors)).unwrap();
        (report, errors)
    };
    let (report, checked) = run(&["check", "in.csv"], "checked.csv");
    assert_eq!(report["duplicates"], content.duplicates);
    assert_eq!(report["loaded"], content.good);
    let peak_bytes = report["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak_bytes < 64 << 20, "{peak_bytes}");
    let (_, loaded) = run(&["load", "in.csv", "out.db"], "loaded.csv");
    assert!(checked == loaded, "errors.csv differs");
    let names: BTreeSet<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let expected = ["checked.csv", "in.csv", "loaded.csv", "out.db", "report.json"];
    assert_eq!(names, expected.map(str::to_owned).into());
}

#[test]
fn an_input_that_cannot_be_loaded_cannot_be_checked() {
    for bytes in [&b""[..], b"\0\x01\x02\x03", b"<html><body>\n", b"a,a\n1,2\n"] {
        Inputs::csv(bytes, "").agree_at(&SETTINGS);
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = run_in(folder.path(), &["check", "none.csv"]);
    assert_eq!(missing.code(), 66);
    assert_eq!(run_in(folder.path(), &["check"]).code(), 64);
    fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    assert_eq!(run_in(folder.path(), &["check", "in.csv", "--key", "b"]).code(), 64);
    assert_eq!(
        run_in(folder.path(), &["check", "in.csv", "--errors", "in.csv"]).code(),
        73
    );
    assert_eq!(fs::read(folder.path().join("in.csv")).unwrap(), b"a\n1\n");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn what_packs_an_input_is_taken_off_in_a_check_too() {
    let text = "id,v\n1,a\n2,b\n2,c\n3\n";
    let mut inputs = Inputs::csv(packing::gzip(text.as_bytes()), "--key id");
    inputs.files[0].0 = "in.csv.gz".to_owned();
    let done = inputs.agree_at(&SETTINGS);
    assert_eq!(done.report()["rejected"], 1);
}

#[test]
fn a_check_that_is_stopped_keeps_what_it_found_and_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        seed: 1,
        records: 300_000,
        bad_every: 100,
        duplicate_every: 0,
        text_keys: false,
        padding: 60,
    };
    let (bytes, _) = people(&recipe);
    let errors = folder.path().join("errors.csv");
    let feed = Feed::start(folder.path().join("in.csv"), move |fifo| {
        let mut left = fifo.write_all(&bytes);
        let mut number = 1_000_000;
        while left.is_ok() {
            left = fifo.write_all(format!("{number},slow,1.5,x\n").as_bytes());
            number += 1;
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    let args = ["check", "in.csv", "--key", "id", "--report", "report.json"].map(OsString::from);
    let running = Running::start(rowmill(folder.path(), &args));
    wait_until("something was found", || {
        fs::metadata(&errors).is_ok_and(|metadata| metadata.len() > 100_000)
    });
    running.signal(libc::SIGINT);
    let ended = running.wait();
    drop(feed);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("a check begins anew"), "{said}");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["outcome"], &report["resumable"]),
        (&"interrupted".into(), &false.into())
    );
    assert_eq!(report["identity_holds"], true);
    let rejects = read_rejects(&fs::read(errors).unwrap()).unwrap();
    assert_eq!(report["rejected"], rejects.len());
    assert!(!folder.path().join("out.db").exists());
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

/// The lines of errors.csv as `record column code value`.
fn faults(done: &Done) -> Vec<String> {
    let rejects = read_rejects(&done.errors()).unwrap();
    let fault = |reject: super::harness::Reject| {
        let value = String::from_utf8_lossy(&reject.value).into_owned();
        format!("{} {} {} {value}", reject.record, reject.column, reject.code)
    };
    rejects.into_iter().map(fault).collect()
}

#[test]
fn all_errors_names_every_value_that_does_not_fit_and_counts_records_once() {
    let text = "id,a,b,c\n1,2,3,4\nx,y,3,z\n2,5\n3,1,2,w\n3,7,8,9\n3,\"q\"\"r\",t,2024-01-01\n";
    let types = "--types id=integer,a=integer,b=real,c=integer --key id";
    let first = Inputs::csv(text, types);
    let every = Inputs::csv(text, &format!("{types} --all-errors"));
    for setting in &PAIRS {
        let done = every.run("check", setting);
        let expected = [
            "2 id type_error x",
            "2 a type_error y",
            "2 c type_error z",
            "3  missing_columns ",
            "4 c type_error w",
            "6 a type_error \"q\"\"r\"",
            "6 b type_error t",
            "6 c type_error 2024-01-01",
        ];
        assert_eq!(faults(&done), expected, "{setting:?}: {}", done.said());
        let report = done.report();
        let counts =
            ["records", "loaded", "rejected", "duplicates", "faults"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [6, 2, 4, 0, 8], "{setting:?}");
        assert_eq!(report["by_code"]["type_error"], 3);
        assert_eq!(report["identity_holds"], true);
        // Without it the first of each record is there, and the counts are the same.
        let plain = first.agree(setting);
        assert_eq!(faults(&plain).len(), 4);
        assert_eq!(plain.report()["faults"], 4);
        assert_eq!(plain.report()["rejected"], report["rejected"]);
    }
}

#[test]
fn all_errors_come_in_their_places_among_duplicates() {
    let text = "id,a,b\nk1,1,1\nk2,x,y\nk1,3,3\nk3,u,v\nk1,w,5\n";
    let inputs = Inputs::csv(text, "--types a=integer,b=integer --key id --all-errors");
    for setting in &PAIRS {
        let done = inputs.run("check", setting);
        let expected = [
            "2 a type_error x",
            "2 b type_error y",
            "3 id duplicate_key ",
            "4 a type_error u",
            "4 b type_error v",
            "5 a type_error w",
        ];
        assert_eq!(faults(&done), expected, "{setting:?}");
    }
    let limited = Inputs::csv(text, "--types a=integer,b=integer --all-errors --max-errors 1");
    let done = limited.run("check", &PLAIN);
    assert_eq!((done.ended.code(), faults(&done).len()), (3, 4), "{}", done.said());
}

#[test]
fn values_of_a_rejected_record_leave_no_trace_in_the_next() {
    let all = ["date:%d.%m.%Y", "decimal(2)", "percent", "text", "integer"];
    for kind in all {
        let text = "a,b,c\nx,1,1\n1,2,2\ny,3,3\n2,4,4\n";
        let types = format!("--types a=integer,b={kind},c=integer --key c");
        let first = Inputs::csv(text, &types).run("check", &PLAIN);
        let every = Inputs::csv(text, &format!("{types} --all-errors")).run("check", &PLAIN);
        let names = [
            "records",
            "loaded",
            "rejected",
            "duplicates",
            "recoded",
            "columns",
            "by_code",
        ];
        let counts = |done: &Done| names.map(|name| done.report()[name].to_string());
        assert_eq!(counts(&every), counts(&first), "{kind}");
    }
}

#[test]
fn a_program_checks_before_it_loads() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in.csv"), "id,v\n1,a\n2\n2,b\n2,c\n").unwrap();
    let task = |errors: &str| Load::new([at("in.csv")]).errors(at(errors)).key(["id"]);
    let checked = task("checked.csv").check().unwrap();
    assert_eq!((checked.outcome, checked.is_check), (Outcome::Complete, true));
    assert_eq!(
        (checked.records, checked.loaded, checked.rejected, checked.duplicates),
        (4, 2, 1, 1)
    );
    assert_eq!(checked.database.as_os_str(), "");
    let loaded = task("loaded.csv").into(at("out.db")).run().unwrap();
    assert_eq!((loaded.is_check, loaded.loaded), (false, checked.loaded));
    assert_eq!(
        fs::read(at("checked.csv")).unwrap(),
        fs::read(at("loaded.csv")).unwrap()
    );
    let stopped = task("stopped.csv").max_errors(ErrorLimit::Count(0)).check().unwrap();
    assert_eq!((stopped.outcome, stopped.exit_code), (Outcome::ErrorLimit, 3));
    let summary = stopped.summary(false).to_string();
    assert!(
        summary.contains("a check begins anew") && !summary.contains("committed"),
        "{summary}"
    );
    // What was said of a check does not make a load one.
    let run = task("again.csv").all_errors(true).into(at("again.db")).run().unwrap();
    assert!(!run.is_check && at("again.db").exists());
    let error = Load::new([at("in.csv")]).check().unwrap_err();
    assert_eq!(error.exit_code(), 64);
    // What only a database can heed is passed over; what would be another check is refused.
    let heeds = task("heeds.csv")
        .index(["v"])
        .restart(true)
        .once(true)
        .append_only(true);
    assert_eq!(heeds.check().unwrap().loaded, 2);
    for refused in [
        task("no.csv").table_per_file(true),
        task("no.csv").report_html(at("page.html")),
    ] {
        assert_eq!(refused.check().unwrap_err().exit_code(), 64);
    }
    assert!(!at("no.csv").exists() && !at("page.html").exists());
}

/// What a load and a check of `bytes` say within this process.
fn agrees_in_process(bytes: &[u8], key: &[&str], cut: &Cut, max_errors: Option<u64>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in.csv"), bytes).unwrap();
    let options = |errors: &str, is_check: bool| LoadOptions {
        target: TargetOptions {
            errors: at(errors),
            table: Some("t".to_owned()),
            write_path: cut.write_path,
            ..TargetOptions::default()
        },
        contract: ContractOptions {
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            ..ContractOptions::default()
        },
        limits: LimitOptions {
            errors: ErrorLimits {
                all: max_errors.map(ErrorLimit::Count),
                by_code: Vec::new(),
            },
            ..LimitOptions::default()
        },
        resources: ResourceOptions {
            threads: cut.threads,
            window_bytes: cut.window_bytes,
            chunk_bytes: cut.chunk_bytes,
            batch_rows: cut.batch_rows,
            ..ResourceOptions::default()
        },
        check: is_check.then(CheckOptions::default),
        ..LoadOptions::default()
    };
    let inputs = [at("in.csv")];
    let loaded = load(&inputs, &at("out.db"), &options("loaded.csv", false), &());
    let checked = check(&inputs, &options("checked.csv", true), &());
    let shown = format!("{} {cut:?}", bytes.escape_ascii());
    match (loaded, checked) {
        (Ok(loaded), Ok(checked)) => {
            let counts = |report: &rowmill::LoadReport| {
                (
                    report.records,
                    report.loaded,
                    report.rejected,
                    report.duplicates,
                    report.exit_code,
                )
            };
            // At the error limit a load leaves its suspects to the run that goes on.
            if loaded.outcome == Outcome::Complete {
                prop_assert_eq!(counts(&checked), counts(&loaded), "{}", &shown);
                let read = |name: &str| fs::read(at(name)).unwrap();
                prop_assert_eq!(read("checked.csv"), read("loaded.csv"), "{}", &shown);
            }
            prop_assert_eq!(checked.outcome, loaded.outcome, "{}", &shown);
            prop_assert!(checked.identity_holds, "{}", &shown);
        }
        (Err(loaded), Err(checked)) => prop_assert_eq!(checked.exit_code(), loaded.exit_code(), "{}", &shown),
        (loaded, checked) => prop_assert!(false, "{loaded:?} {checked:?} {shown}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_checked_as_they_are_loaded(body in body(), cut in cuts(), limit in prop::option::of(0u64..5)) {
        let bytes = [b"a,b\n", &body[..]].concat();
        agrees_in_process(&bytes, &[], &cut, limit)?;
        agrees_in_process(&bytes, &["b", "a"], &cut, limit)?;
    }

    #[test]
    fn keys_of_every_kind_are_checked_as_they_are_loaded(
        body in lines(),
        keys in prop::collection::vec(0u32..40, 0..80),
        ascending in any::<bool>(),
        cut in cuts(),
    ) {
        let mut keys = keys;
        if ascending {
            keys.sort_unstable();
        }
        let text: String = keys.iter().map(|key| format!("{key},x\n")).collect();
        agrees_in_process(format!("a,b\n{text}").as_bytes(), &["a"], &cut, None)?;
        let bytes = [b"a,b\n", &body[..]].concat();
        agrees_in_process(&bytes, &["a"], &cut, None)?;
    }
}
