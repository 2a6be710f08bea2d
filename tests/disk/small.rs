//! A small load into a new database: how often it waits for the disk, and that nothing or everything of it is there, whatever fails.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rowmill::internal::options::{ContractOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rowmill::{Error, LoadReport};
use tempfile::TempDir;

use super::calls::{Call, Event, Fault, How, Watch};
use super::database::{self, Dump};
use super::image::{Disk, Loss, put_on_disk};

const RECORDS: usize = 40;
/// Power cuts after each call.
const CUTS: u64 = 12;

/// A folder with a small input, and the folder in which a load of it works.
struct Small {
    folder: TempDir,
}

impl Small {
    fn new() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("id,name,amount\n");
        for number in 0..RECORDS {
            text += &format!("k{},name {number},{number}.5\n", number * 7 % RECORDS);
        }
        fs::write(folder.path().join("in.csv"), text).unwrap();
        let small = Small { folder };
        small.reset();
        small
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn database(&self) -> PathBuf {
        self.work().join("out.db")
    }

    fn reset(&self) {
        let _ = fs::remove_dir_all(self.work());
        fs::create_dir(self.work()).unwrap();
    }

    fn load(&self) -> Result<LoadReport, Error> {
        let options = LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                errors: self.work().join("errors.csv"),
                indexes: vec![vec!["name".to_owned()]],
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                key: vec!["id".to_owned()],
                ..ContractOptions::default()
            },
            ..LoadOptions::default()
        };
        load(&[self.folder.path().join("in.csv")], &self.database(), &options, &())
    }

    fn watched(&self, fault: Option<Fault>) -> (Result<LoadReport, Error>, Vec<Event>, u64) {
        let watch = Watch::start(&self.work(), fault);
        let result = self.load();
        let (events, failed) = watch.end();
        (result, events, failed)
    }

    fn dump(&self) -> Dump {
        database::dump(&self.database(), "t")
    }

    /// What is wrong: neither nothing of the load is there nor everything.
    fn wrong(&self, golden: &Dump) -> Option<String> {
        if !self.database().exists() {
            return None;
        }
        let integrity = database::integrity_or_none(&self.database());
        if integrity != "ok" {
            return Some(integrity);
        }
        let dump = self.dump();
        (dump.schema != golden.schema || dump.rows != golden.rows).then(|| format!("{} rows", dump.rows.len()))
    }

    /// The same command again, after a load of which nothing is there.
    fn finish(&self, golden: &Dump, what: &str) {
        if !self.database().exists() {
            self.watched(None).0.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        assert_eq!(self.wrong(golden), None, "{what}");
        let names: Vec<String> = fs::read_dir(self.work())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        let known = |name: &String| ["out.db", "errors.csv"].contains(&name.as_str());
        assert!(names.iter().all(known), "{what}: {names:?}");
    }
}

#[test]
fn a_small_load_waits_for_the_disk_three_times() {
    let small = Small::new();
    let (report, events, _) = small.watched(None);
    let report = report.unwrap();
    assert_eq!((report.write_path, report.loaded), ("memory", RECORDS as u64));
    let names = |wanted: &dyn Fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    let files = names(&|event| matches!(event, Event::Synced { .. }));
    let folders = names(&|event| matches!(event, Event::FolderSynced { .. }));
    assert_eq!(
        (files, folders),
        (2, 1),
        "errors.csv, the database, and the names of both"
    );
    let journals = names(&|event| matches!(event, Event::Created { name, .. } if name.contains("journal")));
    assert_eq!(journals, 0);
    assert_eq!(small.dump().rows.len(), RECORDS);
}

#[test]
fn any_call_of_a_small_load_may_fail() {
    let small = Small::new();
    small.load().unwrap();
    let golden = small.dump();
    let (mut failed_loads, mut wrong) = (0, Vec::new());
    for call in [
        Call::Open,
        Call::Read,
        Call::Write,
        Call::Sync,
        Call::Truncate,
        Call::Delete,
        Call::Rename,
    ] {
        for nth in 1.. {
            small.reset();
            let fault = Fault {
                call,
                nth,
                forever: nth % 2 == 0,
                how: How::Error(libc::EIO),
                name: "",
            };
            let (result, _, failed) = small.watched(Some(fault));
            if failed == 0 {
                break;
            }
            let what = format!("{call:?} {nth}: {:?}", result.as_ref().map(|report| report.loaded));
            failed_loads += usize::from(result.is_err());
            if result.is_err() && small.database().exists() && call != Call::Delete {
                wrong.push(format!("{what}: it is there all the same"));
            }
            wrong.extend(small.wrong(&golden).map(|damage| format!("{what}: {damage}")));
            small.finish(&golden, &what);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(failed_loads >= 5, "{failed_loads}");
}

/// Cuts the power after each call of a load, on a disk whose syncs of files named `ignored` do nothing; every damage that was seen.
fn cut_everywhere(ignored: Option<&str>) -> Vec<String> {
    let small = Small::new();
    let (result, events, _) = small.watched(None);
    result.unwrap();
    let golden = small.dump();
    let synced_nothing = |event: &Event| {
        match (event, ignored) {
        (Event::Synced { file, .. }, Some(ignored)) => events.iter().any(
            |other| matches!(other, Event::Created { file: created, name } if created == file && name.ends_with(ignored)),
        ),
        (Event::FolderSynced { .. }, Some("")) => true,
        _ => false,
    }
    };
    let (mut disk, mut damages) = (Disk::default(), Vec::new());
    for (index, event) in events.iter().enumerate() {
        if !synced_nothing(event) {
            disk.play(event, false);
        }
        let is_last = index + 1 == events.len();
        for seed in 0..CUTS {
            small.reset();
            let image = disk.after_power_cut(Loss::seeded(seed * 31 + index as u64));
            put_on_disk(&image, &small.work());
            fs::create_dir_all(small.work()).unwrap();
            let what = format!("call {index} {:.40}, seed {seed}", format!("{event:?}"));
            let looked = catch_unwind(AssertUnwindSafe(|| small.wrong(&golden)));
            let damage = looked.unwrap_or_else(|_| Some("it cannot be read".to_owned()));
            damages.extend(damage.map(|damage| format!("{what}: {damage}")));
            if is_last && !small.database().exists() {
                damages.push(format!("{what}: the load had ended, and nothing is there"));
            }
            if ignored.is_none() {
                small.finish(&golden, &what);
            }
        }
    }
    damages
}

#[test]
fn a_small_load_survives_power_cuts() {
    assert_eq!(cut_everywhere(None), Vec::<String>::new());
}

#[test]
fn a_missing_sync_of_a_small_load_is_seen() {
    for ignored in ["out.db", ""] {
        assert!(!cut_everywhere(Some(ignored)).is_empty(), "{ignored:?}");
    }
}
