//! Real signals to a real process: it drains, commits and reports; the same command then finishes the load.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rowmill::internal::options::{ResourceOptions, TargetOptions};
use rowmill::internal::{Cancelled, LoadOptions, load};
use rowmill::{LoadReport, Observer, Outcome};
use serde_json::Value;

use super::data::{Content, Recipe, people, people_file};
use super::database;
use super::harness::{read_rejects, run_in};
use super::process::{Ended, Feed, Running, make_fifo, rowmill, wait_until};

const ARGS: [&str; 10] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "t",
    "--key",
    "id",
    "--report",
    "report.json",
    "--threads=2",
];

fn start(folder: &Path, more: &[&str]) -> Running {
    let args: Vec<_> = ARGS.iter().chain(more).map(Into::into).collect();
    Running::start(rowmill(folder, &args))
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Exit code, report and database agree about where the load stopped.
fn was_interrupted(folder: &Path, ended: &Ended, signal: i32) -> Value {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(128 + signal), "{said}");
    let report = fs::read_to_string(folder.join("report.json")).expect("there is a report");
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    assert_eq!(report["outcome"], "interrupted", "{said}");
    assert_eq!(report["signal"], signal);
    assert_eq!(report["identity_holds"], true);
    assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    assert_eq!(
        report["loaded"].as_u64().unwrap(),
        database::count(&folder.join("out.db"), "t")
    );
    let rejects = read_rejects(&fs::read(folder.join("errors.csv")).unwrap()).expect("errors.csv is valid CSV");
    let rejected = report["rejected"].as_u64().unwrap() + report["duplicates"].as_u64().unwrap();
    assert_eq!(rejects.len() as u64, rejected);
    report
}

#[test]
fn a_stream_that_is_slow_is_stopped_between_its_bytes() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
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
        assert!(
            bytes.len() > 20 << 20,
            "more than the head of a stream, so that rows are written"
        );
        let feed = Feed::start(folder.path().join("in.csv"), move |fifo| {
            let mut left = fifo.write_all(&bytes);
            let mut number = 1_000_000;
            while left.is_ok() {
                number += 1;
                left = writeln!(fifo, "{number},slow,1.5,x").and_then(|()| fifo.flush());
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let running = start(folder.path(), &["--batch-rows", "2000"]);
        wait_until("rows are in the database", || {
            size_of(&folder.path().join("out.db")) > 1 << 20
        });
        running.signal(signal);
        let asked = Instant::now();
        let ended = running.wait();
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "it took {:?}",
            asked.elapsed()
        );
        drop(feed);
        let report = was_interrupted(folder.path(), &ended, signal);
        assert!(report["loaded"].as_u64().unwrap() > 0);
    }
}

/// Nobody can read it again.
#[test]
fn what_was_read_of_a_stream_that_is_stopped_is_committed() {
    const ROWS: usize = 200_000;
    const PIPE_BYTES: usize = 64 << 10;
    let folder = tempfile::tempdir().unwrap();
    let (written, wait_for_it) = std::sync::mpsc::channel();
    let (ended, wait_for_end) = std::sync::mpsc::channel::<()>();
    let feed = Feed::start(folder.path().join("in.csv"), move |fifo| {
        let rows: String = (0..ROWS).map(|id| format!("{id:06},x\n")).collect();
        fifo.write_all(format!("id,v\n{rows}cut").as_bytes()).unwrap();
        written.send(()).unwrap();
        let _ = wait_for_end.recv();
    });
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--table",
        "t",
        "--report",
        "report.json",
        "--text",
    ];
    let running = Running::start(rowmill(folder.path(), &args.map(Into::into)));
    wait_for_it.recv().unwrap();
    running.signal(libc::SIGINT);
    let stopped = running.wait();
    drop(ended);
    drop(feed);
    let report = was_interrupted(folder.path(), &stopped, libc::SIGINT);
    // What the pipe held had not been read.
    let loaded = report["loaded"].as_u64().unwrap() as usize;
    assert!(loaded <= ROWS && loaded > ROWS - PIPE_BYTES / 9, "{loaded} rows");
}

#[test]
fn a_stream_that_has_given_little_is_stopped_too() {
    let folder = tempfile::tempdir().unwrap();
    let feed = Feed::start(folder.path().join("in.csv"), |fifo| {
        let mut left = fifo.write_all(b"id,v\n1,x\n");
        while left.is_ok() {
            std::thread::sleep(Duration::from_millis(20));
            left = fifo.write_all(b"2,y\n").and_then(|()| fifo.flush());
        }
    });
    let running = start(folder.path(), &["--batch-rows", "2000"]);
    std::thread::sleep(Duration::from_millis(500));
    running.signal(libc::SIGTERM);
    let asked = Instant::now();
    let ended = running.wait();
    drop(feed);
    assert_eq!(
        ended.status.code(),
        Some(143),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "it took {:?}",
        asked.elapsed()
    );
}

#[test]
fn a_stream_that_gives_nothing_is_stopped_and_not_called_empty() {
    let folder = tempfile::tempdir().unwrap();
    let [opened, over] = ["opened", "over"].map(|name| folder.path().join(name));
    let (here, there) = (opened.clone(), over.clone());
    let feed = Feed::start(folder.path().join("in.csv"), move |_| {
        fs::write(&here, "").unwrap();
        wait_until("the load has ended", || there.exists());
    });
    let running = start(folder.path(), &[]);
    // Signals are seen to before any input is opened.
    wait_until("the stream is opened", || opened.exists());
    running.signal(libc::SIGINT);
    let ended = running.wait();
    fs::write(over, "").unwrap();
    drop(feed);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(!said.contains("empty"), "{said}");
}

/// The rows are in; only the report is missing, and that is what is said.
#[test]
fn a_report_for_a_fifo_that_nobody_reads_is_given_up_at_the_first_signal() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("in.csv"), "id,v\n1,x\n").unwrap();
        make_fifo(&folder.join("report.json"));
        let mut command = rowmill(folder, &ARGS.map(Into::into));
        command.env(
            "ROWMILL_SIGNAL_AT",
            format!("finish: before the report 1 {}", libc::SIGSTOP),
        );
        let running = Running::start(command);
        running.wait_for_stop();
        running.signal(libc::SIGCONT);
        // Long enough to be waiting for the FIFO; sooner it comes to the same.
        std::thread::sleep(Duration::from_millis(300));
        let asked = Instant::now();
        running.signal(signal);
        let ended = running.wait();
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 74, "{said}");
        assert!(
            said.contains("the load is complete") && said.contains("nobody reads"),
            "{said}"
        );
    }
}

#[test]
fn a_report_waits_for_the_reader_of_its_fifo_and_reaches_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("in.csv"), "id,v\n1,x\n").unwrap();
    make_fifo(&folder.join("report.json"));
    let running = start(folder, &[]);
    std::thread::sleep(Duration::from_millis(500));
    let report: Value = serde_json::from_str(&fs::read_to_string(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["loaded"], 1);
    assert_eq!(running.wait().code(), 0);
}

/// A file that takes long enough for a load of it to be stopped in the middle.
fn large_input(folder: &Path, text_keys: bool) -> Content {
    let recipe = Recipe {
        seed: 5,
        records: 300_000,
        bad_every: 101,
        duplicate_every: 53,
        text_keys,
        padding: 80,
    };
    people_file(&recipe, &folder.join("in.csv"))
}

/// The table and the dead-letter file of the same load without a stop.
fn undisturbed(folder: &Path, more: &[&str]) -> (database::Dump, Vec<u8>) {
    let other = tempfile::tempdir().unwrap();
    fs::copy(folder.join("in.csv"), other.path().join("in.csv")).unwrap();
    let args: Vec<&str> = ARGS.iter().chain(more).copied().collect();
    assert_eq!(run_in(other.path(), &args).code(), 2);
    (
        database::dump(&other.path().join("out.db"), "t"),
        fs::read(other.path().join("errors.csv")).unwrap(),
    )
}

/// Runs the command of [`start`] until it is done, and compares with the load that nobody stopped.
fn finishes_as_if_undisturbed(folder: &Path, more: &[&str], content: Content) {
    let args: Vec<&str> = ARGS.iter().chain(more).copied().collect();
    let ended = run_in(folder, &args);
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    assert_eq!(database::count(&folder.join("out.db"), "t"), content.good);
    let (dump, errors) = undisturbed(folder, more);
    let found = database::dump(&folder.join("out.db"), "t");
    assert_eq!(found.schema, dump.schema);
    assert!(
        found.rows == dump.rows,
        "the rows differ from those of an undisturbed load"
    );
    assert!(
        fs::read(folder.join("errors.csv")).unwrap() == errors,
        "errors.csv differs from that of an undisturbed load"
    );
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn a_load_is_stopped_in_the_middle_of_a_file_and_the_same_command_finishes_it() {
    for (text_keys, path) in [(true, "auto"), (false, "auto"), (true, "sql")] {
        let folder = tempfile::tempdir().unwrap();
        let content = large_input(folder.path(), text_keys);
        // With little memory little is read ahead of the writer: there is something left to stop.
        let more = ["--write-path", path, "--batch-rows", "500", "--memory", "40MiB"];
        let running = start(folder.path(), &more);
        wait_until("rows are in the database", || {
            size_of(&folder.path().join("out.db")) > 1 << 20
        });
        running.signal(libc::SIGINT);
        let report = was_interrupted(folder.path(), &running.wait(), libc::SIGINT);
        assert!(
            report["records"].as_u64().unwrap() < content.records,
            "it was stopped before the end"
        );
        finishes_as_if_undisturbed(folder.path(), &more, content);
    }
}

/// A signal that is there from the given look on.
struct StopsAt {
    look: u32,
    looks: AtomicU32,
}

impl Observer for StopsAt {
    fn cancelled(&self) -> Option<Cancelled> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        (look >= self.look).then_some(Cancelled::BySignal(libc::SIGINT))
    }
}

/// Loads `in.csv` of `folder` in small pieces until the given look for a signal.
fn load_until(folder: &Path, look: u32) -> LoadReport {
    let options = LoadOptions {
        target: TargetOptions {
            errors: folder.join("errors.csv"),
            ..TargetOptions::default()
        },
        resources: ResourceOptions {
            batch_rows: 5,
            chunk_bytes: 8,
            window_bytes: 64,
            threads: 1,
            ..ResourceOptions::default()
        },
        ..LoadOptions::default()
    };
    let looks = AtomicU32::new(0);
    load(
        &[folder.join("in.csv")],
        &folder.join("out.db"),
        &options,
        &StopsAt { look, looks },
    )
    .unwrap()
}

#[test]
fn a_resumed_load_that_is_stopped_anywhere_accounts_for_every_record() {
    let lines: String = (0..60)
        .map(|number| {
            if number % 7 == 3 {
                "bad\n".to_owned()
            } else {
                format!("{number},x\n")
            }
        })
        .collect();
    let begin = |look| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), format!("a,b\n{lines}")).unwrap();
        let report = load_until(folder.path(), look);
        (folder, report)
    };
    // Far enough for most of it to be committed.
    let look = (1..).find(|&look| (30..60).contains(&begin(look).1.records)).unwrap();
    let mut stopped_again = 0;
    for again in 0.. {
        let (folder, first) = begin(look);
        let report = load_until(folder.path(), again);
        assert!(
            report.identity_holds,
            "stopped at look {look}, then {again}: {report:?}"
        );
        if report.outcome == Outcome::Complete {
            assert_eq!((report.records, report.loaded, report.rejected), (60, 51, 9));
            break;
        }
        // A load that has not begun to read says nothing about the run before it.
        if report.records > 0 {
            stopped_again += 1;
            assert!(report.records >= first.records, "{report:?}");
        }
    }
    assert!(stopped_again > 10, "{stopped_again}");
}

#[test]
fn a_load_that_was_killed_is_finished_by_the_same_command() {
    // The second was killed before its first batch was committed.
    for (text_keys, path, batch_rows, bytes) in [
        (true, "auto", "2000", 2 << 20),
        (true, "auto", "1000000", 1),
        (false, "auto", "2000", 3 << 20),
        (true, "sql", "2000", 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let content = large_input(folder.path(), text_keys);
        let more = ["--write-path", path, "--batch-rows", batch_rows];
        for kill in 1..=2 {
            let running = start(folder.path(), &more);
            wait_until("the database grows", || {
                size_of(&folder.path().join("out.db")) > kill * bytes
            });
            running.signal(libc::SIGKILL);
            let ended = running.wait();
            assert_eq!(ended.code(), 137, "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert_eq!(database::integrity(&folder.path().join("out.db")), "ok");
        finishes_as_if_undisturbed(folder.path(), &more, content);
    }
}

#[test]
fn a_second_signal_exits_at_once() {
    let folder = tempfile::tempdir().unwrap();
    large_input(folder.path(), true);
    let running = start(folder.path(), &["--write-path", "sql", "--batch-rows", "2000"]);
    let database_path = folder.path().join("out.db");
    wait_until("rows are in the database", || size_of(&database_path) > 1 << 20);
    // A reader that stays keeps the load from committing: after the first signal it waits for the lock.
    let reader = database::open(&database_path);
    reader.busy_timeout(Duration::from_secs(10)).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let seen: i64 = reader
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap();
    running.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(300));
    running.signal(libc::SIGINT);
    let asked = Instant::now();
    let ended = running.wait();
    assert_eq!(
        ended.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "it took {:?}",
        asked.elapsed()
    );
    drop(reader);
    assert_eq!(database::integrity(&database_path), "ok");
    assert!(
        database::count(&database_path, "t") >= seen as u64,
        "what was committed stays"
    );
}

#[test]
fn a_file_that_shrinks_while_it_is_loaded_ends_the_load_with_a_message() {
    let folder = tempfile::tempdir().unwrap();
    large_input(folder.path(), true);
    let more = ["--batch-rows", "500", "--memory", "40MiB"];
    let running = start(folder.path(), &more);
    wait_until("rows are in the database", || {
        size_of(&folder.path().join("out.db")) > 1 << 20
    });
    let input = fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("in.csv"))
        .unwrap();
    input.set_len(1000).unwrap();
    let ended = running.wait();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(said.contains("shrank") && said.contains("run the load again"), "{said}");
    let database_path = folder.path().join("out.db");
    assert_eq!(database::integrity(&database_path), "ok");
    assert!(database::count(&database_path, "t") > 0);
    // The input is not what the unfinished load began with, and is not loaded as if it were.
    let args: Vec<&str> = ARGS.iter().chain(&more).copied().collect();
    let again = run_in(folder.path(), &args);
    assert_eq!(again.code(), 74, "{}", String::from_utf8_lossy(&again.stderr));
}

/// Rows whose keys are still to be compared wait for the next run, as in a load that was stopped before.
#[test]
fn a_load_that_settles_duplicates_is_stopped_and_settles_them_the_next_time() {
    let recipe = Recipe {
        seed: 3,
        records: 4_000,
        bad_every: 50,
        duplicate_every: 9,
        text_keys: true,
        padding: 20,
    };
    let load = |folder: &Path, path: &str, point: Option<&str>| {
        let args: Vec<_> = ARGS.iter().chain(&["--write-path", path]).map(Into::into).collect();
        let mut command = rowmill(folder, &args);
        if let Some(point) = point {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGINT));
        }
        Running::start(command).wait()
    };
    for path in ["auto", "sql"] {
        let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        for folder in [&whole, &stopped] {
            people_file(&recipe, &folder.path().join("in.csv"));
        }
        assert_eq!(load(whole.path(), path, None).code(), 2);
        let ended = load(stopped.path(), path, Some("settle: begun"));
        let report = was_interrupted(stopped.path(), &ended, libc::SIGINT);
        assert!(report["pending"].as_u64().unwrap() > 0, "{report}");
        assert_eq!(load(stopped.path(), path, None).code(), 2);
        let outcome = |folder: &Path| {
            let errors = fs::read(folder.join("errors.csv")).unwrap();
            (database::dump(&folder.join("out.db"), "t"), errors)
        };
        assert!(
            outcome(whole.path()) == outcome(stopped.path()),
            "{path}: another outcome"
        );
    }
}
