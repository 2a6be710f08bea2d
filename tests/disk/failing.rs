//! Every call for a file fails: the first, the second, …, once or from then on. The load ends with a message and the right exit code,
//! or with everything in; the database is whole; and the same command, when the disk works again, comes to what it always comes to.

use std::ffi::CString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rowmill::internal::options::{ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};

use super::calls::{Call, Event, Fault, How, Watch};
use super::data::big;
use super::database;
use super::scene::{Outcome, Scene, Shape};

const EIO: How = How::Error(libc::EIO);
const ENOSPC: How = How::Error(libc::ENOSPC);

/// Every kind of call with the ways in which it fails.
const WAYS: [(Call, &[How]); 8] = [
    (Call::Open, &[EIO, How::Error(libc::EMFILE), How::Error(libc::EACCES)]),
    (Call::Read, &[EIO]),
    (Call::Map, &[EIO, How::Error(libc::ENOMEM)]),
    (Call::Write, &[ENOSPC, EIO, How::Short]),
    (Call::Sync, &[EIO, ENOSPC]),
    (Call::Truncate, &[EIO]),
    (Call::Delete, &[EIO]),
    (Call::Rename, &[EIO, ENOSPC]),
];

/// What came of the loads of one scene.
#[derive(Debug, Default)]
struct Tally {
    failed: u64,
    /// Loads that came through although a call failed.
    came_through: u64,
    wrong: Vec<String>,
}

/// Runs one load in which `fault` strikes; returns `false` once the load makes fewer such calls.
fn strike(scene: &Scene, golden: &Outcome, fault: Fault, tally: &mut Tally) -> bool {
    let watch = Watch::start(&scene.work(), Some(fault));
    let result = catch_unwind(AssertUnwindSafe(|| scene.load()));
    let (events, failed) = watch.end();
    if failed == 0 {
        scene.reset();
        return false;
    }
    let struck: Vec<(bool, &String)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Failed { name, file, .. } => Some((file.is_some(), name)),
            _ => None,
        })
        .collect();
    let mut what = format!("{:?}, {fault:?} on {:?}", scene.shape, &struck[..struck.len().min(3)]);
    match &result {
        Err(_) => tally.wrong.push(format!("{what}: a panic")),
        Ok(Err(error)) => {
            tally.failed += 1;
            let _ = write!(what, ": {error}");
            let code = error.exit_code();
            let allowed: &[u8] = match fault.call {
                // "Cannot be created" is 73, "cannot be opened" of an input 66.
                Call::Open => &[66, 73, 74],
                Call::Truncate => &[73, 74],
                _ => &[74],
            };
            if !allowed.contains(&code) {
                tally.wrong.push(format!("{what}: exit code {code}"));
            }
            if scene.is_finished(golden) {
                tally.wrong.push(format!("{what}: it had finished"));
            }
        }
        Ok(Ok(report)) => {
            tally.came_through += 1;
            if fault.call == Call::Sync && struck[0].0 {
                tally.wrong.push(format!("{what}: a sync that failed was passed over"));
            }
            let same = catch_unwind(AssertUnwindSafe(|| {
                scene.equals(golden, &scene.outcome(Some(report)), &|| what.clone());
            }));
            if same.is_err() {
                tally.wrong.push(format!("{what}: success, but not everything is in"));
            }
        }
    }
    let finished = catch_unwind(AssertUnwindSafe(|| scene.finishes_as(golden, &|| what.clone())));
    if let Err(panic) = finished {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        tally.wrong.push(format!("afterwards: {said}"));
    }
    scene.reset();
    true
}

/// In a short run each call fails in one of the ways, in turn; in a long one in all of them.
fn strike_everywhere(shape: Shape) {
    let scene = Scene::new(shape, 400, true);
    let golden = scene.golden();
    let mut tally = Tally::default();
    for (call, ways) in WAYS {
        let mut calls = 0;
        for nth in 1.. {
            let kinds: Vec<(How, bool)> = ways.iter().flat_map(|&how| [(how, false), (how, true)]).collect();
            let chosen = if big() {
                kinds
            } else {
                vec![kinds[nth as usize % kinds.len()]]
            };
            let struck = chosen.into_iter().filter(|&(how, forever)| {
                let fault = Fault {
                    call,
                    nth,
                    forever,
                    how,
                    name: "",
                };
                strike(&scene, &golden, fault, &mut tally)
            });
            if struck.count() == 0 {
                break;
            }
            calls = nth;
        }
        println!("{shape:?} {call:?}: {calls} calls failed in turn");
    }
    println!(
        "{shape:?}: {} failed, {} came through",
        tally.failed, tally.came_through
    );
    assert!(
        tally.wrong.is_empty(),
        "{} wrong:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
}

#[test]
fn any_call_may_fail_on_the_direct_path() {
    strike_everywhere(Shape::DirectAscending);
}

#[test]
fn any_call_may_fail_on_the_direct_path_with_an_index() {
    strike_everywhere(Shape::DirectSmallPages);
}

#[test]
fn any_call_may_fail_on_the_sql_path() {
    strike_everywhere(Shape::Sql);
}

#[test]
fn any_call_may_fail_for_a_table_with_rows() {
    strike_everywhere(Shape::SqlExisting);
}

/// A stream cannot be read again: what was committed stays and is whole, and the message says that reading failed.
#[test]
fn any_read_of_a_stream_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("in.fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let database = folder.path().join("out.db");
    let options = LoadOptions {
        target: TargetOptions {
            table: Some("t".to_owned()),
            errors: folder.path().join("errors.csv"),
            ..TargetOptions::default()
        },
        resources: ResourceOptions {
            batch_rows: 500,
            window_bytes: 16 << 10,
            chunk_bytes: 4 << 10,
            ..ResourceOptions::default()
        },
        ..LoadOptions::default()
    };
    let mut failures = 0;
    for nth in 1.. {
        let _ = std::fs::remove_file(&database);
        let fault = Fault {
            call: Call::Read,
            nth,
            forever: nth % 2 == 0,
            how: EIO,
            name: "in.fifo",
        };
        let watch = Watch::start(folder.path(), Some(fault));
        let (result, records) = std::thread::scope(|threads| {
            let feeder = threads.spawn(|| feed(&fifo));
            let result = load(std::slice::from_ref(&fifo), &database, &options, &());
            // A feeder that still waits for a reader, or for room, is let go.
            drop(
                std::fs::OpenOptions::new()
                    .read(true)
                    .custom_flags(libc::O_NONBLOCK)
                    .open(&fifo),
            );
            (result, feeder.join().unwrap())
        });
        let (_, failed) = watch.end();
        if failed == 0 {
            let report = result.unwrap();
            assert_eq!((report.records, report.loaded), (records, records));
            break;
        }
        failures = nth;
        let error = result.expect_err("a read failed");
        assert_eq!(error.exit_code(), 74, "{error}");
        assert!(error.to_string().contains("reading"), "{error}");
        assert_eq!(database::integrity_or_none(&database), "ok");
        if database.exists() {
            assert_eq!(database::count(&database, "t") % 500, 0, "whole batches");
        }
    }
    assert!(failures > 15, "a read for each piece and one for the end: {failures}");
}

/// Writes a small table to the FIFO, in pieces of which it holds one at a time: each takes a read of its own, however busy the machine
/// is. The records of it.
fn feed(fifo: &Path) -> u64 {
    const PIECE_BYTES: usize = 4096;
    let mut text = String::from("id,name\n");
    for number in 0..3000 {
        let _ = writeln!(text, "{number},some name or other");
    }
    let mut fifo = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
    // SAFETY: fcntl on a descriptor that is open, with an integer argument.
    let held = unsafe { libc::fcntl(fifo.as_raw_fd(), libc::F_SETPIPE_SZ, PIECE_BYTES as libc::c_int) };
    assert_eq!(held, PIECE_BYTES as libc::c_int, "a pipe of a page");
    for piece in text.as_bytes().chunks(PIECE_BYTES) {
        // A load that no longer reads has had an error.
        if fifo.write_all(piece).is_err() {
            break;
        }
    }
    3000
}
