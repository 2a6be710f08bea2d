//! Every call for a file fails: the first, the second, …, once or from then on. The load ends with a message and the right exit code,
//! or with everything in; the database is whole; and the same command, when the disk works again, comes to what it always comes to.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::calls::{Call, Event, Fault, How, Watch};
use super::data::big;
use super::scene::{Outcome, SHAPES, Scene, Shape};

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

/// Runs one load in which `fault` strikes; `false` once the load makes fewer such calls.
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
                scene.equals(golden, &scene.outcome(Some(report)), &|| what.clone())
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
