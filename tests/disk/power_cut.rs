//! The power is cut at every point of a load, again and again with other losses. What was committed is there, the database is whole, and
//! the same command finishes the load as if nothing had happened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::calls::{Call, Event, Fault, How, Watch};
use super::image::{Disk, Image, Loss, put_on_disk};
use super::scene::{Outcome, SHAPES, Scene, Shape, committed_in};

/// Cuts in the test run; `ROWMILL_BIG_TESTS=1` makes them many more.
const CUTS: u64 = 60;
const MANY_CUTS: u64 = 2500;
/// A checkpoint that is gone because the load is finished accounts for every record.
const FINISHED: u64 = u64::MAX;

/// A load's record.
struct Recording {
    events: Vec<Event>,
    /// The calls of the disk that complete a commit, and the records that are then committed.
    commits: Vec<(usize, u64)>,
}

/// Records an undisturbed load; the scene is then as before.
fn record(scene: &Scene) -> Recording {
    let watch = Watch::start(&scene.work(), None);
    scene.load().unwrap();
    let (events, failed) = watch.end();
    assert_eq!(failed, 0);
    scene.reset();
    let mut commits = commits_of(&events);
    // The very last step only removes the checkpoint: if a power cut undoes it, the same command does it again.
    assert_eq!(commits.pop().unwrap().1, FINISHED);
    assert!(commits.len() > 6, "a commit for each batch and more: {commits:?}");
    Recording { events, commits }
}

/// A commit is complete when its journal is, durably, empty or gone; what it committed can then be read with plain SQLite.
fn commits_of(events: &[Event]) -> Vec<(usize, u64)> {
    let mut disk = Disk::default();
    let mut commits: Vec<(usize, u64)> = Vec::new();
    let mut given_up = false;
    let last = events.len() - 1;
    let journal = |file: &usize| {
        events.iter().any(|event| {
            matches!(event, Event::Created { file: other, name } | Event::Found { file: other, name, .. }
                if other == file && name.ends_with("-journal"))
        })
    };
    for (index, event) in events.iter().enumerate() {
        disk.play(event, false);
        match event {
            Event::Truncated { file, length: 0 } if journal(file) => given_up = true,
            Event::Synced { .. } | Event::FolderSynced { .. } | Event::Deleted { .. } if given_up || index == last => {
                given_up = false;
                let committed = committed_on(&disk.after_power_cut(Loss::none()));
                let before = commits.last().map_or(0, |&(_, before)| before);
                let committed = match committed {
                    None if before > 0 => FINISHED,
                    committed => committed.unwrap_or(0),
                };
                assert!(committed >= before, "progress never goes back: {before}, {committed}");
                commits.push((index, committed));
            }
            _ => {}
        }
    }
    commits
}

fn committed_on(image: &Image) -> Option<u64> {
    let folder = tempfile::tempdir().unwrap();
    put_on_disk(image, folder.path());
    committed_in(&folder.path().join("out.db"))
}

/// Cuts the power and looks at what is left, then finishes the load: the damage, if there is any.
fn cut(scene: &Scene, recording: &Recording, golden: &Outcome, disk: &Disk, at: usize, seed: u64) -> Option<String> {
    put_on_disk(&disk.after_power_cut(Loss::seeded(seed)), &scene.work());
    scene.make_folders();
    let there_before = matches!(scene.shape, Shape::DirectSmallPages | Shape::SqlExisting);
    if there_before && !scene.database().exists() {
        return Some("the database is gone".to_owned());
    }
    let integrity = scene.integrity();
    if integrity != "ok" {
        return Some(format!(
            "integrity_check: {}",
            integrity.lines().take(3).collect::<Vec<_>>().join("; ")
        ));
    }
    let before = |&&(index, _): &&(usize, u64)| index < at;
    let promised = recording.commits.iter().take_while(before).last();
    let promised = promised.map_or(0, |&(_, records)| records);
    let finished = scene.is_finished(golden);
    let found = if finished {
        FINISHED
    } else {
        scene.committed().unwrap_or(0)
    };
    if found < promised {
        return Some(format!("{promised} records were committed, {found} are there"));
    }
    let report = if finished { None } else { Some(scene.load_again()) };
    let report = match report.transpose() {
        Ok(report) => report,
        Err(error) => return Some(format!("the same command again: {error}")),
    };
    let outcome = scene.outcome(report.as_ref());
    let same = (&outcome.dump, &outcome.errors) == (&golden.dump, &golden.errors);
    if !same || (outcome.totals.is_some() && outcome.totals != golden.totals) {
        return Some("it came to another outcome".to_owned());
    }
    let integrity = scene.integrity();
    (integrity != "ok").then(|| format!("at the end: {integrity}"))
}

/// A disk on which some syncs do nothing, to show that the tests would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dishonesty {
    None,
    /// Syncs of files whose names end like this do nothing.
    Ignores(&'static str),
    IgnoresFolder,
    /// A sync covers only what was written through the same descriptor.
    OwnDescriptorOnly,
}

/// Cuts the power `cuts` times at points spread over the whole load; returns every damage that was seen, and where.
fn cut_often(scene: &Scene, golden: &Outcome, cuts: u64, dishonesty: Dishonesty) -> Vec<String> {
    let recording = record(scene);
    let total = recording.events.len();
    let names: std::collections::BTreeMap<usize, &str> = recording
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Created { file, name } | Event::Found { file, name, .. } => Some((*file, name.as_str())),
            _ => None,
        })
        .collect();
    let ignored = |event: &Event| match (event, dishonesty) {
        (Event::Synced { file, .. }, Dishonesty::Ignores(suffix)) => {
            names.get(file).is_some_and(|name| name.ends_with(suffix))
        }
        (Event::FolderSynced { .. }, Dishonesty::IgnoresFolder) => true,
        _ => false,
    };
    let mut disk = Disk::default();
    let mut played = 0;
    let mut damages = Vec::new();
    for number in 0..cuts {
        let at = 1 + (number as usize * (total - 1)) / (cuts as usize - 1).max(1);
        for event in &recording.events[played..at] {
            if !ignored(event) {
                disk.play(event, dishonesty == Dishonesty::OwnDescriptorOnly);
            }
        }
        played = at;
        let seed = number * 7919 + scene.shape as u64;
        let looked = catch_unwind(AssertUnwindSafe(|| cut(scene, &recording, golden, &disk, at, seed)));
        let damage = looked.unwrap_or_else(|_| Some("it cannot be read".to_owned()));
        damages.extend(damage.map(|what| {
            let last = format!("{:?}", recording.events[at - 1]);
            let last = &last[..last.len().min(60)];
            format!(
                "{:?}, cut after call {at} of {total} ({last}…), seed {seed}: {what}",
                scene.shape
            )
        }));
    }
    damages
}

fn wanted_cuts() -> u64 {
    if super::data::big() { MANY_CUTS } else { CUTS }
}

fn survives(shape: Shape) {
    let scene = Scene::new(shape, 1500, false);
    let golden = scene.golden();
    let damages = cut_often(&scene, &golden, wanted_cuts(), Dishonesty::None);
    assert!(damages.is_empty(), "{} damages:\n{}", damages.len(), damages.join("\n"));
}

#[test]
fn the_direct_path_survives_power_cuts() {
    survives(Shape::DirectAscending);
}

#[test]
fn the_direct_path_survives_power_cuts_with_a_deep_tree_and_an_index() {
    survives(Shape::DirectSmallPages);
}

#[test]
fn the_sql_path_survives_power_cuts() {
    survives(Shape::Sql);
}

#[test]
fn a_table_with_rows_survives_power_cuts() {
    survives(Shape::SqlExisting);
}

/// Damages on a disk that is not honest.
fn damages_with(shape: Shape, dishonesty: Dishonesty) -> Vec<String> {
    let scene = Scene::new(shape, 1500, false);
    let golden = scene.golden();
    cut_often(&scene, &golden, CUTS, dishonesty)
}

/// The tests above prove something only if they see the damage where a sync is missing.
#[test]
fn a_missing_sync_is_seen() {
    for (shape, dishonesty) in [
        (Shape::DirectAscending, Dishonesty::Ignores(".db")),
        (Shape::DirectSmallPages, Dishonesty::Ignores("-journal")),
        (Shape::Sql, Dishonesty::Ignores(".db")),
        (Shape::DirectSmallPages, Dishonesty::Ignores("errors.csv")),
        (Shape::DirectSmallPages, Dishonesty::Ignores(".suspects")),
        (Shape::Sql, Dishonesty::IgnoresFolder),
        (Shape::DirectAscending, Dishonesty::OwnDescriptorOnly),
        (Shape::DirectSmallPages, Dishonesty::OwnDescriptorOnly),
    ] {
        let damages = damages_with(shape, dishonesty);
        println!(
            "{shape:?} {dishonesty:?}: {} of {CUTS}\n  {}",
            damages.len(),
            damages.join("\n  ")
        );
        assert!(!damages.is_empty(), "{shape:?} on a disk with {dishonesty:?}");
    }
}

/// Linux takes bytes that could not be written as clean: a second sync succeeds, and they are lost all the same. So a sync that failed must
/// be the end of the load, and what the load leaves must do without those bytes.
#[test]
fn bytes_that_a_failed_sync_lost_are_not_missed() {
    for shape in SHAPES {
        let scene = Scene::new(shape, 400, false);
        let golden = scene.golden();
        let mut failures = 0;
        for nth in 1.. {
            let fault = Fault {
                call: Call::Sync,
                nth,
                forever: false,
                how: How::Error(libc::EIO),
                name: "",
            };
            let watch = Watch::start(&scene.work(), Some(fault));
            let _ = scene.load();
            let (events, failed) = watch.end();
            scene.reset();
            if failed == 0 {
                break;
            }
            failures = nth;
            let mut disk = Disk::default();
            events.iter().for_each(|event| disk.play(event, false));
            let everything = Recording {
                events,
                commits: Vec::new(),
            };
            for seed in [nth, nth + 1000] {
                let damage = cut(&scene, &everything, &golden, &disk, 0, seed);
                assert_eq!(
                    damage, None,
                    "{shape:?}, sync {nth} failed, then the power, seed {seed}"
                );
            }
            scene.reset();
        }
        assert!(failures > 20, "{shape:?}: only {failures} syncs");
    }
}
