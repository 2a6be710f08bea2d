//! Loads that are stopped, or die, at any moment and are started again come to what a load left alone comes to; a checkpoint that was
//! tampered with is refused.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use arbitrary::Arbitrary;
use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{Cancelled, LoadOptions, load};
use rowmill::{Error, Inference, LoadReport, Observer, Outcome, Phase, Progress, WritePath};
use rowmill_fuzz::Text;
use rowmill_fuzz::database::{Dump, dump, integrity, open};

const SIGTERM: i32 = 15;

#[derive(Debug, Arbitrary)]
enum Trouble {
    /// A signal, seen from the given look on.
    Signal { look: u8 },
    /// The machine dies at the given event; all that is left is what the files hold then.
    Death { event: u8 },
    /// A byte of the checkpoint changes.
    Tamper { progress: bool, at: u16, mask: u8 },
}

#[derive(Debug, Arbitrary)]
struct Input {
    key: bool,
    sql: bool,
    two_threads: bool,
    /// Types are guessed from the first chunk, often wrongly.
    guess: bool,
    /// The table that is there before; none for most.
    existing: u8,
    batch_rows: u8,
    chunk_bytes: u8,
    window_bytes: u8,
    troubles: Vec<Trouble>,
    text: Text,
}

rowmill_fuzz::target!(|input: Input| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let mut text = b"a,b\n".to_vec();
    text.extend_from_slice(&input.text.0);
    fs::write(at("in.csv"), &text).expect("an input");
    let Some(expected) = undisturbed(folder.path(), &input) else {
        return;
    };
    let here = at("run");
    fs::create_dir(&here).expect("a folder");
    prepare(&here, &input);
    let place = Place {
        input: at("in.csv"),
        folder: here,
        saved: at("saved"),
    };
    for trouble in input.troubles.iter().take(12) {
        let done = match *trouble {
            Trouble::Signal { look } => place.run(&input, &Watch::signal(look)),
            Trouble::Death { event } => place.die(&input, event),
            Trouble::Tamper { progress, at, mask } => {
                place.tamper(&input, if progress { 2 } else { 1 }, usize::from(at), mask);
                None
            }
        };
        if let Some(report) = done {
            must_be(&place, &report, &expected);
            return;
        }
    }
    let report = place.run(&input, &Watch::default()).expect("nobody stops it");
    must_be(&place, &report, &expected);
});

/// Tables of others, with rules of every kind.
const EXISTING: [&str; 8] = [
    "CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('x', 'y')",
    "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE, b TEXT); INSERT INTO t (a) VALUES ('1'), ('2'); \
     DELETE FROM t",
    "CREATE TABLE t (a INTEGER, b TEXT UNIQUE, CHECK (a <> 3))",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)",
    "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE, b)",
    "CREATE TABLE t (a TEXT, b TEXT UNIQUE); CREATE TRIGGER g AFTER INSERT ON t WHEN NEW.b LIKE '%1%' \
     BEGIN SELECT RAISE(ROLLBACK, 'one'); END",
    "CREATE TABLE t (a TEXT UNIQUE, b TEXT REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE t (a TEXT, b TEXT)",
];

/// Makes the table that is there before the load.
fn prepare(folder: &Path, input: &Input) {
    if let Some(sql) = EXISTING.get(usize::from(input.existing % 16)) {
        let connection = rusqlite::Connection::open(folder.join("out.db")).expect("a new database");
        connection.execute_batch(sql).expect("a table");
    }
}

/// What a load comes to.
#[derive(Debug, PartialEq)]
struct Result {
    dump: Dump,
    errors: Vec<u8>,
    counts: [u64; 4],
}

fn counts(report: &LoadReport) -> [u64; 4] {
    [report.records, report.loaded, report.rejected, report.duplicates]
}

/// The load left alone; `None` for an input that cannot be loaded at all.
fn undisturbed(folder: &Path, input: &Input) -> Option<Result> {
    let here = folder.join("alone");
    fs::create_dir(&here).expect("a folder");
    prepare(&here, input);
    let options = LoadOptions {
        contract: ContractOptions {
            inference: Inference::Whole,
            ..options(&here, input).contract
        },
        ..options(&here, input)
    };
    let report = load(&[folder.join("in.csv")], &here.join("out.db"), &options, &()).ok()?;
    Some(Result {
        dump: dump(&here.join("out.db"), "t"),
        errors: fs::read(here.join("errors.csv")).expect("the file is there"),
        counts: counts(&report),
    })
}

fn must_be(place: &Place, report: &LoadReport, expected: &Result) {
    let database = place.folder.join("out.db");
    assert!(report.identity_holds);
    assert_eq!(integrity(&database), "ok");
    let found = Result {
        dump: dump(&database, "t"),
        errors: fs::read(place.folder.join("errors.csv")).expect("the file is there"),
        counts: counts(report),
    };
    assert_eq!(&found, expected);
    let left: Vec<_> = fs::read_dir(&place.folder)
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        // In a copy, nobody knows who wrote the lines that were not committed: they are kept.
        .filter(|name| !name.starts_with("errors.") || name == "errors.csv")
        .collect();
    assert_eq!(left.len(), 2, "left behind: {left:?}");
}

fn options(folder: &Path, input: &Input) -> LoadOptions {
    LoadOptions {
        target: TargetOptions {
            table: Some("t".to_owned()),
            errors: folder.join("errors.csv"),
            write_path: if input.sql { WritePath::Sql } else { WritePath::Auto },
            ..TargetOptions::default()
        },
        contract: ContractOptions {
            key: input.key.then(|| "a".to_owned()).into_iter().collect(),
            inference: if input.guess {
                Inference::Guess
            } else {
                Inference::Whole
            },
            ..ContractOptions::default()
        },
        resources: ResourceOptions {
            threads: if input.two_threads { 2 } else { 1 },
            batch_rows: u64::from(input.batch_rows) + 1,
            chunk_bytes: u64::from(input.chunk_bytes) + 1,
            window_bytes: (u64::from(input.window_bytes) + 1) * 16,
            ..ResourceOptions::default()
        },
        ..LoadOptions::default()
    }
}

/// Where the disturbed load runs.
struct Place {
    input: PathBuf,
    folder: PathBuf,
    saved: PathBuf,
}

impl Place {
    fn try_run(&self, input: &Input, watch: &Watch) -> std::result::Result<LoadReport, Error> {
        let options = options(&self.folder, input);
        load(
            std::slice::from_ref(&self.input),
            &self.folder.join("out.db"),
            &options,
            watch,
        )
    }

    /// The report of a load that ended; `None`: it was stopped.
    fn run(&self, input: &Input, watch: &Watch) -> Option<LoadReport> {
        let report = self.try_run(input, watch).expect("an input that can be loaded");
        assert!(report.identity_holds);
        (report.outcome == Outcome::Complete).then_some(report)
    }

    /// A load of which only what it had written by the given event is left; returns the report of one that ended before that.
    fn die(&self, input: &Input, event: u8) -> Option<LoadReport> {
        let watch = Watch {
            save: Some((self.folder.clone(), self.saved.clone())),
            event_left: Mutex::new(Cell::new(u32::from(event))),
            ..Watch::default()
        };
        let report = self.run(input, &watch);
        if !self.saved.exists() {
            return report;
        }
        fs::remove_dir_all(&self.folder).expect("the folder is there");
        fs::rename(&self.saved, &self.folder).expect("the saved files are there");
        None
    }

    /// Changes a byte of the checkpoint, if there is one, and demands that the load refuses to go on with it.
    fn tamper(&self, input: &Input, id: i64, at: usize, mask: u8) {
        let database = self.folder.join("out.db");
        if mask == 0 || !database.exists() {
            return;
        }
        let connection = open(&database);
        let read = "SELECT CAST(body AS BLOB) FROM _rowmill_checkpoint WHERE id = ?1";
        let Ok(body) = connection.query_row(read, [id], |row| row.get::<_, Vec<u8>>(0)) else {
            return;
        };
        let mut changed = body.clone();
        let at = at % body.len();
        changed[at] ^= mask;
        let write = "UPDATE _rowmill_checkpoint SET body = ?1 WHERE id = ?2";
        connection.execute(write, (&changed, id)).expect("an update");
        assert!(
            self.try_run(input, &Watch::default()).is_err(),
            "a checkpoint that was changed is refused"
        );
        connection.execute(write, (&body, id)).expect("an update");
    }
}

/// Looks on and makes trouble.
#[derive(Default)]
struct Watch {
    /// The look from which on there is a signal; 0: never.
    signal_from: u32,
    looks: AtomicU32,
    /// From where to where the files are copied at the event.
    save: Option<(PathBuf, PathBuf)>,
    event_left: Mutex<Cell<u32>>,
}

impl Watch {
    fn signal(look: u8) -> Watch {
        Watch {
            signal_from: u32::from(look) + 1,
            ..Watch::default()
        }
    }

    /// Called on the thread that writes, between two writes: what the files hold now is what a death would leave.
    fn event(&self) {
        let Some((from, to)) = &self.save else { return };
        let left = self.event_left.lock().expect("nobody panics");
        match left.get() {
            1 => {
                fs::create_dir(to).expect("a folder");
                for entry in fs::read_dir(from).expect("the folder is there").flatten() {
                    fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
                }
                left.set(0);
            }
            0 => {}
            more => left.set(more - 1),
        }
    }
}

impl Observer for Watch {
    fn phase(&self, _: Phase, _: Option<u64>) {
        self.event();
    }

    fn progress(&self, _: Progress) {
        self.event();
    }

    fn notice(&self, _: &str) {
        self.event();
    }

    fn detail(&self, _: &str) {
        self.event();
    }

    fn cancelled(&self) -> Option<Cancelled> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        (self.signal_from > 0 && look >= self.signal_from).then_some(Cancelled::BySignal(SIGTERM))
    }
}
