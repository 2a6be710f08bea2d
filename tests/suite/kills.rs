//! The program kills itself at every point that its code names, several times in a row, and the same command finishes the load.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;
use serde_json::Value;
use tempfile::TempDir;

use super::data::{Recipe, people_file};
use super::database;
use super::process::{Ended, Running, rowmill};

/// Kills of one series, before the load may finish.
const KILLS_IN_A_ROW: usize = 3;
/// Kills of the series of one kind of load together; there are five kinds.
const LEAST_KILLS: usize = 40;
/// Points that the command of these series does not get to; they have tests of their own.
const ELSEWHERE: [&str; 18] = [
    "batch: not committed yet",
    "before: has run",
    "fts: before it is built",
    "fts: built",
    "after: before it is run",
    "after: has run",
    "analyze: done",
    "vacuum: done",
    "restart: taken back",
    "at once: in memory",
    "files: one is loaded",
    "files: before the checkpoints go",
    "files: the checkpoints are gone",
    "retry: gathered",
    "retry: loaded",
    "retry: new letters on the disk",
    "retry: the checkpoint is gone",
    "retry: new letters in place",
];
/// Points on the way to a new database.
const NEW: [&str; 2] = ["new database: on the disk", "new database: named"];
/// Points that only a load whose guessed types are refuted gets to.
const REFUTED: [&str; 2] = ["guess: refuted", "guess: taken back"];
/// Points of the direct path alone, and of the SQL path alone.
const DIRECT: [&str; 6] = [
    "direct: pages written",
    "direct: pages rewritten",
    "publish: before the first page",
    "direct: before the commit",
    "index: pages written",
    "index: committed",
];
const SQL: [&str; 2] = ["index: before SQLite builds it", "index: built by SQLite"];

const ARGS: [&str; 14] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "t",
    "--key",
    "id",
    "--index",
    "name",
    "--report",
    "report.json",
    "--threads=2",
    "--batch-rows",
    "600",
];

/// Every point that the sources name.
fn points() -> BTreeSet<String> {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let names = text.split("faults::point(\"").skip(1);
            found.extend(names.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    let mut found = BTreeSet::new();
    collect(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20, "{found:?}");
    found
}

/// A folder with an input, and what the load of it comes to.
struct Load {
    folder: TempDir,
    write_path: &'static str,
    /// What the columns hold is guessed, and only the last record shows that it was wrong.
    refuted: bool,
    /// The database has an unfinished load into another table.
    beside: bool,
    golden: Option<Outcome>,
}

#[derive(Debug, PartialEq)]
struct Outcome {
    rows: Vec<String>,
    schema: Vec<String>,
    errors: Vec<u8>,
    totals: Vec<Value>,
}

impl Load {
    fn new(text_keys: bool, write_path: &'static str, refuted: bool) -> Load {
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe {
            seed: 3,
            records: 3000,
            bad_every: 101,
            duplicate_every: 53,
            text_keys,
            padding: 60,
        };
        let input = folder.path().join("in.csv");
        people_file(&recipe, &input);
        if refuted {
            let text = fs::read_to_string(&input).unwrap();
            let columns = text.lines().next().unwrap().split(',').count();
            fs::write(&input, text + "last" + &",x".repeat(columns - 1) + "\n").unwrap();
        }
        let mut load = Load {
            folder,
            write_path,
            refuted,
            beside: false,
            golden: None,
        };
        let ended = load.run(&["--infer", "whole"], None);
        assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
        load.golden = Some(load.outcome());
        load
    }

    /// The same, in a database in which an unfinished load has left its rows.
    fn beside_another() -> Load {
        let mut load = Load::new(true, "auto", false);
        load.beside = true;
        fs::write(load.path("beside.csv"), "k\n1\n2\n3,bad\n4\n").unwrap();
        assert_eq!(load.run_beside(&["--max-errors", "0"]), 3);
        fs::rename(load.path("out.db"), load.path("beside.db")).unwrap();
        load
    }

    fn run_beside(&self, more: &[&str]) -> i32 {
        if more.is_empty() {
            assert_eq!(database::count(&self.path("out.db"), "beside"), 2);
        } else {
            fs::remove_file(self.path("out.db")).unwrap();
        }
        let args = ["load", "beside.csv", "out.db", "--errors", "beside.errors.csv"];
        let args: Vec<_> = args.iter().chain(more).map(Into::into).collect();
        Running::start(rowmill(self.folder.path(), &args)).wait().code()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name != "in.csv" && !name.starts_with("beside") {
                fs::remove_file(path).unwrap();
            }
        }
        if self.beside {
            fs::copy(self.path("beside.db"), self.path("out.db")).unwrap();
            fs::copy(self.path("beside.errors.csv"), self.path("beside.errors.kept")).unwrap();
        }
    }

    /// Runs the command; `kill_at` is a point and how often the program gets there before it kills itself.
    fn run(&self, more: &[&str], kill_at: Option<(&str, u64)>) -> Ended {
        let paths = ["--write-path", self.write_path];
        let guess = ["--infer", "guess", "--chunk-bytes", "4096"];
        let guess = if self.refuted && !more.contains(&"--infer") {
            &guess[..]
        } else {
            &[]
        };
        let args: Vec<_> = ARGS
            .iter()
            .chain(&paths)
            .chain(guess)
            .chain(more)
            .map(Into::into)
            .collect();
        let mut command = rowmill(self.folder.path(), &args);
        if let Some((point, count)) = kill_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    }

    fn outcome(&self) -> Outcome {
        let dump = database::dump(&self.path("out.db"), "t");
        let report = fs::read_to_string(self.path("report.json")).unwrap_or_else(|_| "null".to_owned());
        let report: Value = serde_json::from_str(&report).unwrap();
        let totals = [
            "outcome",
            "records",
            "loaded",
            "rejected",
            "duplicates",
            "pending",
            "by_code",
            "bytes",
        ];
        Outcome {
            rows: dump.rows,
            schema: dump.schema,
            errors: fs::read(self.path("errors.csv")).unwrap(),
            totals: totals.iter().map(|&name| report[name].clone()).collect(),
        }
    }

    /// Whether everything is in: the same command would be another load.
    fn is_finished(&self) -> bool {
        let path = self.path("out.db");
        if !path.exists() || database::count(&path, "t") == 0 {
            return false;
        }
        let connection = database::open(&path);
        let table = "SELECT 1 FROM sqlite_schema WHERE name = '_rowmill_checkpoint'";
        let found = connection.query_row(table, [], |_| Ok(())).optional();
        let noted = "SELECT 1 FROM _rowmill_checkpoint WHERE table_name = 't'";
        found.unwrap().is_none()
            || connection
                .query_row(noted, [], |_| Ok(()))
                .optional()
                .unwrap()
                .is_none()
    }

    /// Kills the load at `kills`, one after another, lets it finish and compares; the points at which it was really killed.
    fn series<'k>(&self, kills: &[(&'k str, u64)]) -> Vec<&'k str> {
        self.clear();
        let what = || format!("--write-path {}, killed at {kills:?}", self.write_path);
        let golden = self.golden.as_ref().unwrap();
        let mut killed_at = Vec::new();
        let mut done = false;
        for &(point, count) in kills {
            let ended = self.run(&[], Some((point, count)));
            assert_eq!(database::integrity_or_none(&self.path("out.db")), "ok", "{}", what());
            match ended.code() {
                137 => killed_at.push(point),
                2 => done = true,
                code => panic!(
                    "{}: exit code {code}: {}",
                    what(),
                    String::from_utf8_lossy(&ended.stderr)
                ),
            }
            done |= self.is_finished();
            if done {
                break;
            }
        }
        if !done {
            let ended = self.run(&[], None);
            assert_eq!(
                ended.code(),
                2,
                "{}: {}",
                what(),
                String::from_utf8_lossy(&ended.stderr)
            );
        }
        assert_eq!(database::integrity(&self.path("out.db")), "ok", "{}", what());
        let found = self.outcome();
        assert_eq!(found.schema, golden.schema, "{}", what());
        assert!(found.rows == golden.rows, "{}: the rows differ", what());
        assert!(found.errors == golden.errors, "{}: errors.csv differs", what());
        // A load that was killed when all was done has no report.
        if self.path("report.json").exists() {
            assert_eq!(found.totals, golden.totals, "{}", what());
        }
        if self.beside {
            assert_eq!(self.run_beside(&[]), 2, "{}: the other load goes on", what());
            assert_eq!(database::count(&self.path("out.db"), "beside"), 3, "{}", what());
            fs::rename(self.path("beside.errors.kept"), self.path("beside.errors.csv")).unwrap();
        }
        killed_at
    }
}

/// A series for each point that a load on this write path gets to.
fn killed_everywhere(load: &Load) {
    let points = points();
    let others: &[&str] = if load.write_path == "auto" { &SQL } else { &DIRECT };
    let here = |name: &&str| {
        let is_reached = (load.refuted || !REFUTED.contains(name)) && !(load.beside && NEW.contains(name));
        is_reached && !ELSEWHERE.contains(name) && !others.contains(name)
    };
    let names: Vec<&str> = points.iter().map(String::as_str).filter(here).collect();
    let mut killed: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, &name) in names.iter().enumerate() {
        let often = ["batch:", "direct:", "publish:", "merge: before"]
            .iter()
            .any(|stage| name.starts_with(stage));
        // The same point twice, if it can be late and early, then one that lies elsewhere.
        let other = names[(index * 7 + 3) % names.len()];
        let kills: [(&str, u64); KILLS_IN_A_ROW] = [(name, if often { 3 } else { 1 }), (name, 1), (other, 1)];
        for point in load.series(&kills) {
            *killed.entry(point).or_default() += 1;
        }
    }
    let kills: usize = killed.values().sum();
    println!("{kills} kills: {killed:?}");
    assert!(kills >= LEAST_KILLS, "{kills} kills");
    let missed: Vec<_> = names.iter().filter(|name| !killed.contains_key(*name)).collect();
    assert!(missed.is_empty(), "no load was killed at {missed:?}");
}

#[test]
fn a_direct_load_killed_at_any_point_several_times_in_a_row_comes_to_the_same() {
    killed_everywhere(&Load::new(false, "auto", false));
}

#[test]
fn a_direct_load_with_an_index_killed_at_any_point_several_times_in_a_row_comes_to_the_same() {
    killed_everywhere(&Load::new(true, "auto", false));
}

#[test]
fn a_load_beside_an_unfinished_one_killed_at_any_point_several_times_in_a_row_comes_to_the_same() {
    killed_everywhere(&Load::beside_another());
}

#[test]
fn a_load_through_sql_killed_at_any_point_several_times_in_a_row_comes_to_the_same() {
    killed_everywhere(&Load::new(true, "sql", false));
}

#[test]
fn a_load_on_a_wrong_guess_killed_at_any_point_several_times_in_a_row_comes_to_the_same() {
    killed_everywhere(&Load::new(false, "auto", true));
}

/// Nothing or everything of it is there, and no file that nobody knows.
#[test]
fn a_small_load_that_is_killed_has_done_nothing_or_everything() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("in.csv"), "id,name\n1,a\n2,b\n").unwrap();
    let args = ["load", "in.csv", "out.db", "--table", "t", "--key", "id"].map(Into::into);
    for (point, is_done) in [
        ("load: errors.csv made", false),
        ("batch: committed", false),
        ("finish: the checkpoint is gone", false),
        ("at once: in memory", false),
        ("new database: on the disk", false),
        ("new database: named", true),
    ] {
        let _ = fs::remove_file(at("out.db"));
        let mut command = rowmill(folder.path(), &args);
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 137, "{point}");
        assert_eq!(at("out.db").exists(), is_done, "{point}");
        if !is_done {
            let ended = Running::start(rowmill(folder.path(), &args)).wait();
            assert_eq!(ended.code(), 0, "{point}: {}", String::from_utf8_lossy(&ended.stderr));
        }
        assert_eq!(database::integrity(&at("out.db")), "ok", "{point}");
        assert_eq!(database::count(&at("out.db"), "t"), 2, "{point}");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 3, "{point}: input, database and errors.csv alone");
    }
}

#[test]
fn a_restart_that_is_killed_can_be_done_again() {
    let load = Load::new(true, "sql", false);
    load.clear();
    for (more, point) in [
        (&[][..], "batch: committed"),
        (&["--restart"], "restart: taken back"),
        (&[], "settle: begun"),
        (&["--restart"], "restart: taken back"),
    ] {
        let ended = load.run(more, Some((point, 1)));
        assert_eq!(ended.code(), 137, "{point}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(database::integrity(&load.path("out.db")), "ok");
    }
    assert_eq!(load.run(&[], None).code(), 2);
    assert_eq!(Some(load.outcome()), load.golden);
}

/// A merged file that a load left when it was killed is not taken for that of a later load, which has none.
#[test]
fn the_merged_file_of_a_load_that_was_given_up_is_forgotten() {
    let load = Load::new(false, "auto", false);
    load.clear();
    let ended = load.run(&[], Some(("settle: before the commit", 1)));
    assert_eq!(ended.code(), 137);
    let merging = || {
        fs::read_dir(load.folder.path())
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".merging"))
    };
    assert!(merging());
    // A key out of order is looked at twice and is not a duplicate: something is settled, nothing is merged.
    let mut input = String::from("id,name,amount,note\n");
    for number in (1..=3000).filter(|number| number % 500 != 0) {
        input += &format!("{number},a,1.5,x\n");
    }
    input += "500,late,1.5,x\n7\n";
    fs::write(load.path("in.csv"), input).unwrap();
    let ended = load.run(&["--restart"], Some(("settle: committed", 1)));
    assert_eq!(ended.code(), 137, "{}", String::from_utf8_lossy(&ended.stderr));
    let ended = load.run(&[], None);
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    let errors = fs::read_to_string(load.path("errors.csv")).unwrap();
    let lines: Vec<&str> = errors.lines().take(3).collect();
    assert!(lines.len() == 2 && lines[1].contains("missing_columns"), "{lines:?}");
    assert_eq!(database::count(&load.path("out.db"), "t"), 2995);
}
