//! Files that grow: whatever the moments at which they are loaded, the outcome is that of one load of the whole.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rowmill::internal::options::{ContractOptions, LimitOptions, RepeatOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rowmill::{LoadReport, WritePath};
use serde_json::Value;
use tempfile::TempDir;

use super::data::{Numbers, Recipe, people};
use super::database;
use super::harness::{diff, read_rejects, run_in};
use super::process::{Ended, Feed, Running, rowmill, said, wait_until};
use super::random::{Cut, body, cuts, lines};

/// A file that grows, and the command that loads it again and again.
struct Growing {
    folder: TempDir,
    flags: Vec<String>,
}

impl Growing {
    fn new(flags: &[&str]) -> Growing {
        Growing {
            folder: tempfile::tempdir().unwrap(),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn args(&self) -> Vec<&str> {
        let fixed = [
            "load",
            "in.csv",
            "out.db",
            "--table",
            "t",
            "--append-only",
            "--report",
            "report.json",
        ];
        fixed.into_iter().chain(self.flags.iter().map(String::as_str)).collect()
    }

    /// Makes `bytes` the file's content and loads it.
    fn load(&self, bytes: &[u8]) -> Ended {
        fs::write(self.path("in.csv"), bytes).unwrap();
        self.again(&[])
    }

    /// Loads the file as it is.
    fn again(&self, more: &[&str]) -> Ended {
        let args: Vec<&str> = self.args().into_iter().chain(more.iter().copied()).collect();
        run_in(self.folder.path(), &args)
    }

    fn report(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("report.json")).unwrap()).unwrap()
    }

    fn rows(&self) -> Vec<String> {
        database::dump(&self.path("out.db"), "t").rows
    }

    fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("errors.csv")).unwrap()).into_owned()
    }

    /// Everything that a load that changes nothing must leave alone.
    fn state(&self) -> (Vec<u8>, Vec<u8>) {
        (
            fs::read(self.path("out.db")).unwrap(),
            fs::read(self.path("errors.csv")).unwrap(),
        )
    }

    /// The same as one load of the whole file, by an ordinary command.
    fn must_equal_one_load(&self) {
        let whole = Growing::new(&[]);
        fs::copy(self.path("in.csv"), whole.path("in.csv")).unwrap();
        let args = self.args();
        let args: Vec<&str> = args.into_iter().filter(|&arg| arg != "--append-only").collect();
        let ended = run_in(whole.folder.path(), &args);
        assert!([0, 2].contains(&ended.code()), "{}", said(&ended));
        let (found, expected) = (
            database::dump(&self.path("out.db"), "t"),
            database::dump(&whole.path("out.db"), "t"),
        );
        assert_eq!(found.schema, expected.schema);
        assert!(
            found.rows == expected.rows,
            "the rows differ from those of one load\n{}",
            diff(&expected.rows, &found.rows)
        );
        assert_eq!(self.errors(), whole.errors());
        for name in [
            "records",
            "loaded",
            "rejected",
            "duplicates",
            "by_code",
            "bytes",
            "columns",
            "key",
            "inputs",
        ] {
            let count = |growing: &Growing| growing.report()[name].clone();
            assert_eq!(count(self), count(&whole), "{name}");
        }
        assert_eq!(self.report()["identity_holds"], true);
        assert_eq!(database::integrity(&self.path("out.db")), "ok");
    }
}

#[test]
fn only_what_was_appended_is_loaded_by_the_same_command() {
    for path in ["auto", "sql", "direct"] {
        let log = Growing::new(&["--key", "id", "--write-path", path]);
        let ended = log.load(b"id,v\n1,a\n2,b\n2,c\n");
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        let ended = log.load(b"id,v\n1,a\n2,b\n2,c\n3,d\n4,e\n");
        // The exit code is about the records that were appended.
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert!(said(&ended).contains("going on after record 3"), "{}", said(&ended));
        assert!(said(&ended).contains("loaded 2 more rows"), "{}", said(&ended));
        let earlier = &log.report()["earlier"];
        assert_eq!(
            (&earlier["records"], &earlier["loaded"], &earlier["rejected"]),
            (&3.into(), &2.into(), &1.into())
        );
        log.must_equal_one_load();
    }
}

#[test]
fn nothing_new_is_said_and_changes_nothing() {
    let log = Growing::new(&["--key", "id"]);
    assert_eq!(log.again(&[]).code(), 66, "no file yet");
    let bytes = b"id,v\n1,a\nbad\n2,b\n";
    assert_eq!(log.load(bytes).code(), 2);
    let before = log.state();
    for more in ["", "3,c", "3,\"c"] {
        let ended = log.load(&[bytes, more.as_bytes()].concat());
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert!(
            said(&ended).contains("nothing new in in.csv since its record 3"),
            "{}",
            said(&ended)
        );
        assert_eq!(said(&ended).contains("wait for the next run"), !more.is_empty());
        assert!(log.state() == before, "something changed");
        let report = log.report();
        assert_eq!(
            (&report["records"], &report["outcome"]),
            (&3.into(), &"complete".into())
        );
    }
    log.load(bytes);
    log.must_equal_one_load();
}

#[test]
fn a_record_that_may_still_change_waits_for_its_end() {
    let log = Growing::new(&["--types", "id=integer,v=text"]);
    let whole = "id,v\r\n1,a\r\n2,\"b\r\n\"\r\n34,\"c\"\"\n\"\n";
    assert_eq!(log.load(b"id").code(), 65, "half a header is none");
    assert_eq!(log.load(b"id,v\r").code(), 65);
    // Every length: no row is ever half, lost or doubled.
    for end in whole.find('\n').unwrap() + 1..=whole.len() {
        let ended = log.load(&whole.as_bytes()[..end]);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        let rows = log.rows();
        let expected = ["1: 1, 'a'", "2: 2, 'b\\r\\n'", "3: 34, 'c\"\\n'"];
        assert_eq!(rows, expected[..rows.len()], "at {end} bytes");
    }
    log.must_equal_one_load();
}

#[test]
fn a_header_is_never_taken_from_a_line_that_may_go_on() {
    let log = Growing::new(&["--no-header"]);
    assert_eq!(log.load(b"1,a").code(), 65);
    assert_eq!(log.load(b"1,a,b\n2,c,d\n").code(), 0);
    assert_eq!(log.rows(), ["1: 1, 'a', 'b'", "2: 2, 'c', 'd'"]);
}

#[test]
fn values_that_do_not_fit_the_first_loads_types_are_rejected() {
    let log = Growing::new(&[]);
    assert_eq!(log.load(b"n,v\n1,a\n").code(), 0);
    let ended = log.load(b"n,v\n1,a\nx,b\n2,c\n");
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(log.rows(), ["1: 1, 'a'", "3: 2, 'c'"]);
    let rejects = read_rejects(log.errors().as_bytes()).unwrap();
    assert_eq!(rejects.len(), 1);
    assert_eq!(
        (rejects[0].line, rejects[0].record, &*rejects[0].code),
        (3, 2, "type_error")
    );
}

/// Lines of `k,v,w` with every kind of trouble; the integer keys ascend but for one in 40 after the first 40.
fn dirty_log(seed: u64, records: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut bytes = b"k,v,w\n".to_vec();
    let mut key = 0;
    for record in 1..=records {
        key += 1 + numbers.below(3);
        let k = if record > 40 && numbers.below(80) == 0 {
            numbers.below(key)
        } else {
            key
        };
        let line = match numbers.below(12) {
            0 => format!("{k},\"a\n,b\",\"\"\"\n\"\"\"\n"),
            1 => format!("{k},\"stray,x\n"),
            2 => format!("{k},\"closed\" badly,y\r\n"),
            3 => format!("{k},few\n"),
            4 => format!("x{k},no number,\n"),
            5 => format!("{k},crlf,\"\r\n\"\r\n"),
            6 => "\n".to_owned(),
            7 => format!("{k},{},long\n", "l".repeat(300)),
            _ => format!("{k},v{},w\n", numbers.below(5)),
        };
        bytes.extend(line.as_bytes());
    }
    // More than a record may have, so that nothing is undecided at the end.
    (0..30).for_each(|n| bytes.extend(format!("{},z,z\n", 9_000_000 + n).as_bytes()));
    bytes
}

#[test]
fn dirty_files_may_be_loaded_at_any_moments() {
    let keys: [&[&str]; 4] = [&[], &["--key", "k"], &["--key", "v"], &["--key", "v,k"]];
    let mut numbers = Numbers(11);
    for (round, key) in keys.iter().cycle().take(12).enumerate() {
        let bytes = dirty_log(round as u64, 300);
        let path = ["auto", "sql"][round / 4 % 2];
        let mut flags = vec![
            "--types",
            "k=integer,v=text,w=text",
            "--max-record-bytes",
            "250",
            "--write-path",
            path,
        ];
        flags.extend(["--batch-rows", "17", "--chunk-bytes", "64"]);
        flags.extend(*key);
        let log = Growing::new(&flags);
        // What the first load sees decides whether the integers ascend; with other keys it may see the header alone.
        let mut end = if *key == ["--key", "k"] { bytes.len() / 2 } else { 6 };
        while end < bytes.len() {
            let ended = log.load(&bytes[..end]);
            assert!([0, 2].contains(&ended.code()), "{}", said(&ended));
            end += 1 + numbers.below(bytes.len() as u64 / 3) as usize;
        }
        let ended = log.load(&bytes);
        assert!([0, 2].contains(&ended.code()), "{}", said(&ended));
        log.must_equal_one_load();
    }
}

#[test]
fn a_duplicate_names_the_record_of_an_earlier_load() {
    let log = Growing::new(&["--key", "id"]);
    let first: String = (1..=400).map(|n| format!("{},v\n", n * 10)).collect();
    let first = format!("id,v\n{first}55,gap\nonly one\n5000,v\n");
    assert_eq!(log.load(first.as_bytes()).code(), 2);
    let repeats = "55,again\n10,again\n600,again\n65,new gap\n65,again\n5000,again\n5010,again\n";
    let second = format!("{first}5010,v\n{repeats}");
    let ended = log.load(second.as_bytes());
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let rejects = read_rejects(log.errors().as_bytes()).unwrap();
    let first_records: Vec<_> = rejects.iter().skip(1).map(|reject| reject.first_record).collect();
    assert_eq!(first_records, [401, 1, 60, 408, 403, 404].map(Some));
    log.must_equal_one_load();
}

#[test]
fn keys_that_the_table_had_before_are_duplicates_of_them() {
    let log = Growing::new(&["--key", "k"]);
    let connection = rusqlite::Connection::open(log.path("out.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (5, 'old')")
        .unwrap();
    drop(connection);
    assert_eq!(log.load(b"k,v\n6,a\n7,b\n").code(), 0);
    assert_eq!(log.load(b"k,v\n6,a\n7,b\n5,c\n6,d\n").code(), 2);
    let rejects = read_rejects(log.errors().as_bytes()).unwrap();
    let found: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.record, reject.first_record))
        .collect();
    assert_eq!(found, [(3, None), (4, Some(1))]);
}

#[test]
fn a_file_that_did_not_only_grow_is_refused() {
    let bytes = b"id,v\n1,a\n2,b\n3,c\n";
    for (now, what) in [
        (&b""[..], "it had 17 bytes and has 0"),
        (b"id,v\n1,a\n", "it had 17 bytes and has 9"),
        (
            b"id,v\n1,a\n2,x\n3,c\n4,d\n",
            "the first 17 bytes of its content differ",
        ),
        (
            b"v,id\n1,a\n2,b\n3,c\n4,d\n",
            "the first 17 bytes of its content differ",
        ),
    ] {
        let log = Growing::new(&[]);
        assert_eq!(log.load(bytes).code(), 0);
        let before = log.state();
        let ended = log.load(now);
        assert_eq!(ended.code(), 74, "{}", said(&ended));
        assert!(
            said(&ended).contains(what) && said(&ended).contains("--restart"),
            "{}",
            said(&ended)
        );
        assert!(log.state() == before, "something changed");
    }
}

#[test]
fn a_copy_of_the_file_is_the_file() {
    let log = Growing::new(&[]);
    assert_eq!(log.load(b"id,v\n1,a\n").code(), 0);
    fs::write(log.path("copy"), b"id,v\n1,a\n2,b\n").unwrap();
    fs::rename(log.path("copy"), log.path("in.csv")).unwrap();
    assert_eq!(log.again(&[]).code(), 0);
    log.must_equal_one_load();
}

#[test]
fn restart_takes_all_loads_back() {
    let log = Growing::new(&["--key", "id"]);
    assert_eq!(log.load(b"id,v\n1,a\nx\n").code(), 2);
    assert_eq!(log.load(b"id,v\n1,a\nx\n2,b\n").code(), 0);
    fs::write(log.path("in.csv"), b"id,v\n7,z\n8,y\n").unwrap();
    assert_eq!(log.again(&[]).code(), 74);
    let ended = log.again(&["--restart"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    log.must_equal_one_load();
    assert_eq!(log.load(b"id,v\n7,z\n8,y\n9,x\n").code(), 0);
    log.must_equal_one_load();
}

#[test]
fn what_cannot_go_on_is_refused_with_what_differs() {
    let refused = |log: &Growing, more: &[&str], code: i32, what: &str| {
        let before = log.state();
        let ended = log.again(more);
        assert_eq!(ended.code(), code, "{}", said(&ended));
        assert!(said(&ended).contains(what), "{}", said(&ended));
        assert!(log.state() == before, "something changed");
    };
    let started = |sql: &str| {
        let log = Growing::new(&["--key", "v"]);
        assert_eq!(log.load(b"id,v\n1,a\n2,b\nx\n").code(), 2);
        database::open(&log.path("out.db")).execute_batch(sql).unwrap();
        fs::write(log.path("in.csv"), b"id,v\n1,a\n2,b\nx\n3,c\n").unwrap();
        log
    };
    refused(
        &started(""),
        &["--delimiter", ";"],
        64,
        "--delimiter was not given and is ';'",
    );
    refused(&started(""), &["--keep-checkpoint"], 64, "leave --keep-checkpoint out");
    refused(&started("DROP TABLE t"), &[], 78, "is gone");
    refused(
        &started("DROP INDEX t_v"),
        &[],
        78,
        "its unique index on the key is gone",
    );
    refused(
        &started("ALTER TABLE t RENAME id TO n"),
        &[],
        78,
        "column \"id\" is gone",
    );
    let log = started("");
    fs::write(log.path("errors.csv"), "other").unwrap();
    refused(&log, &[], 74, "not as the earlier run left it");
    // Rows that others added are not in the way.
    let log = started("INSERT INTO t(rowid, id, v) VALUES (4, 9, 'mine')");
    assert_eq!(log.again(&[]).code(), 0);
    assert_eq!(log.rows(), ["1: 1, 'a'", "2: 2, 'b'", "4: 9, 'mine'", "5: 3, 'c'"]);
    // Old rows may be removed.
    let log = started("DELETE FROM t");
    assert_eq!(log.again(&[]).code(), 0);
    assert_eq!(log.rows(), ["4: 3, 'c'"]);
}

#[test]
fn streams_and_several_inputs_are_refused() {
    let log = Growing::new(&[]);
    let feed = Feed::bytes(log.path("in.csv"), b"id,v\n1,a\n".to_vec());
    let ended = log.again(&[]);
    drop(feed);
    assert_eq!(ended.code(), 64, "{}", said(&ended));
    assert!(said(&ended).contains("--append-only needs a file"), "{}", said(&ended));
    fs::remove_file(log.path("in.csv")).unwrap();
    fs::write(log.path("in.csv"), "id,v\n").unwrap();
    let ended = run_in(
        log.folder.path(),
        &["load", "in.csv", "in.csv", "out.db", "--append-only"],
    );
    assert_eq!(ended.code(), 64, "{}", said(&ended));
    assert!(
        said(&ended).contains("--append-only takes one input"),
        "{}",
        said(&ended)
    );
}

#[test]
fn several_files_grow_in_one_database() {
    let log = Growing::new(&[]);
    let other = |bytes: &[u8]| {
        fs::write(log.path("other.csv"), bytes).unwrap();
        let args = [
            "load",
            "other.csv",
            "out.db",
            "--append-only",
            "--errors",
            "other_errors.csv",
        ];
        run_in(log.folder.path(), &args).code()
    };
    assert_eq!(log.load(b"a\n1\n").code(), 0);
    assert_eq!(other(b"b\nx\n"), 0);
    assert_eq!(log.load(b"a\n1\n2\n").code(), 0);
    assert_eq!(other(b"b\nx\ny\n"), 0);
    log.must_equal_one_load();
    assert_eq!(database::dump(&log.path("out.db"), "other").rows, ["1: 'x'", "2: 'y'"]);
}

#[test]
fn a_load_of_what_was_appended_goes_on_after_a_kill_or_a_signal() {
    for (text_keys, path, signal) in [
        (false, "auto", libc::SIGKILL),
        (true, "auto", libc::SIGKILL),
        (true, "sql", libc::SIGINT),
        (false, "sql", libc::SIGTERM),
    ] {
        let (bytes, _) = people(&Recipe {
            seed: 5,
            records: 200_000,
            bad_every: 101,
            duplicate_every: 53,
            text_keys,
            padding: 80,
        });
        let flags = [
            "--key",
            "id",
            "--write-path",
            path,
            "--batch-rows",
            "500",
            "--memory",
            "40MiB",
        ];
        let log = Growing::new(&[&flags[..], &["--types", "id=text"][..if text_keys { 2 } else { 0 }]].concat());
        let ended = log.load(&bytes[..bytes.len() / 10]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        let first_rows = database::count(&log.path("out.db"), "t");
        fs::write(log.path("in.csv"), &bytes[..bytes.len() / 2]).unwrap();
        let args: Vec<_> = log.args().into_iter().map(Into::into).collect();
        let running = Running::start(rowmill(log.folder.path(), &args));
        wait_until("the database grows", || {
            let size = |name| fs::metadata(log.path(name)).map_or(0, |metadata| metadata.len());
            size("out.db") > bytes.len() as u64 / 10 * 2
        });
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code(), 128 + signal, "{}", said(&ended));
        assert!(database::count(&log.path("out.db"), "t") > first_rows);
        // The file grows in the meantime: the load that goes on ends where it meant to, the next one takes the rest.
        fs::write(log.path("in.csv"), &bytes).unwrap();
        let ended = log.again(&[]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(said(&ended).contains("resuming an unfinished load"), "{}", said(&ended));
        assert!(log.report()["bytes"].as_u64().unwrap() <= bytes.len() as u64 / 2);
        // Keys that ascend go behind those that are there, as pages.
        let expected = if (path, text_keys) == ("auto", false) {
            "direct"
        } else {
            "sql"
        };
        assert_eq!(log.report()["write_path"], expected);
        let ended = log.again(&[]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        log.must_equal_one_load();
    }
}

fn options(folder: &Path, name: &str, cut: &Cut, key: &[&str], max_record_bytes: u64) -> LoadOptions {
    LoadOptions {
        target: TargetOptions {
            table: Some("t".to_owned()),
            errors: folder.join(name).with_extension("errors"),
            write_path: cut.write_path,
            ..TargetOptions::default()
        },
        contract: ContractOptions {
            key: key.iter().map(|&name| name.to_owned()).collect(),
            all_text: true,
            ..ContractOptions::default()
        },
        repeat: RepeatOptions {
            append_only: true,
            ..RepeatOptions::default()
        },
        limits: LimitOptions {
            max_record_bytes,
            ..LimitOptions::default()
        },
        resources: ResourceOptions {
            threads: cut.threads,
            window_bytes: cut.window_bytes,
            chunk_bytes: cut.chunk_bytes,
            batch_rows: cut.batch_rows,
            ..ResourceOptions::default()
        },
        ..LoadOptions::default()
    }
}

type Outcome = (database::Dump, Vec<u8>, [u64; 6]);

fn outcome(folder: &Path, name: &str, report: &LoadReport) -> Outcome {
    let input = &report.inputs[0];
    let counts = [
        report.records,
        report.loaded,
        report.rejected,
        report.duplicates,
        input.lines,
        input.bytes,
    ];
    (
        database::dump(&folder.join(name).with_extension("db"), "t"),
        fs::read(folder.join(name).with_extension("errors")).unwrap(),
        counts,
    )
}

/// Found by the test below: whether the bytes of a last line without a line feed were looked at depended on the window.
#[test]
fn a_last_line_longer_than_a_record_decides_what_is_before_it_in_every_window() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let input = [folder.join("in.csv")];
    fs::write(&input[0], "k,v\na,\"b\n0,\"x\"\"y\"").unwrap();
    for max_record_bytes in 4..14 {
        let outcomes = [1, 3, 7, 64].map(|window_bytes| {
            let name = format!("{max_record_bytes}-{window_bytes}");
            let cut = Cut {
                threads: 1,
                window_bytes,
                chunk_bytes: 1,
                batch_rows: 1,
                write_path: WritePath::Auto,
            };
            let report = load(
                &input,
                &folder.join(&name).with_extension("db"),
                &options(folder, &name, &cut, &[], max_record_bytes),
                &(),
            );
            outcome(folder, &name, &report.unwrap())
        });
        assert!(
            outcomes.iter().all(|other| *other == outcomes[0]),
            "records of {max_record_bytes} bytes: {outcomes:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_bytes_loaded_at_any_moments_are_as_loaded_at_once(
        body in prop_oneof![body(), lines()],
        ends in prop::collection::vec(0.0..1.0f64, 0..4),
        limit in prop_oneof![4 => Just(8u64 << 20), 1 => 4..12u64],
        key in prop_oneof![Just(&[][..]), Just(&["k"][..]), Just(&["v", "k"][..])],
        (cut, other_cut) in (cuts(), cuts()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let input = [folder.join("in.csv")];
        let header = b"k,v\n";
        let bytes = [&header[..], &body].concat();
        let mut ends: Vec<usize> = ends.iter().map(|share| header.len() + (share * body.len() as f64) as usize).collect();
        ends.sort_unstable();
        let steps = options(folder, "steps", &cut, key, limit);
        let mut last = None;
        for end in ends.into_iter().chain([bytes.len()]) {
            fs::write(&input[0], &bytes[..end]).unwrap();
            last = Some(load(&input, &folder.join("steps.db"), &steps, &()).unwrap());
        }
        let once = options(folder, "once", &other_cut, key, limit);
        let once = LoadOptions {
            resources: ResourceOptions { batch_rows: 1000, ..once.resources },
            ..once
        };
        let report = load(&input, &folder.join("once.db"), &once, &()).unwrap();
        prop_assert_eq!(outcome(folder, "steps", &last.unwrap()), outcome(folder, "once", &report));
        // A plain load of rejects alone leaves no table.
        let has_row = report.records == 0 || report.loaded > 0;
        if has_row && report.inputs[0].bytes == bytes.len() as u64 {
            let plain = LoadOptions {
                repeat: RepeatOptions::default(),
                ..options(folder, "plain", &other_cut, key, limit)
            };
            let plain_report = load(&input, &folder.join("plain.db"), &plain, &()).unwrap();
            prop_assert_eq!(outcome(folder, "plain", &plain_report), outcome(folder, "once", &report));
        }
    }
}

#[test]
fn a_load_of_what_was_appended_that_commits_nothing_leaves_the_loads_before() {
    for key in [&[][..], &["--key", "id"], &["--key", "v"]] {
        let log = Growing::new(key);
        assert_eq!(log.load(b"id,v\n1,a\n2,b\n").code(), 0);
        let before = database::dump(&log.path("out.db"), "t");
        fs::write(log.path("in.csv"), b"id,v\n1,a\n2,b\nx\n3,c\n").unwrap();
        let ended = log.again(&["--max-errors", "0"]);
        assert_eq!(ended.code(), 3, "{}", said(&ended));
        assert_eq!(database::dump(&log.path("out.db"), "t"), before);
        let ended = log.again(&[]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        log.must_equal_one_load();
    }
}

#[test]
fn a_file_whose_loads_are_forgotten_is_new_again_and_its_rows_stay() {
    let log = Growing::new(&[]);
    assert_eq!(log.load(b"id,v\n1,a\n2,b\n").code(), 0);
    let ended = log.again(&["--forget"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert!(said(&ended).contains("is forgotten; its rows stay"), "{}", said(&ended));
    assert_eq!(log.rows(), ["1: 1, 'a'", "2: 2, 'b'"]);
    assert_eq!(log.again(&[]).code(), 0);
    assert_eq!(log.rows(), ["1: 1, 'a'", "2: 2, 'b'", "3: 1, 'a'", "4: 2, 'b'"]);
}
