//! `--table-per-file`: each file goes into a table of its own, and however the command is stopped, the same command comes to the same end.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use flate2::write::GzEncoder;
use rowmill::{FileBegun, Load, Observer};
use serde_json::Value;
use tempfile::TempDir;

use super::database;
use super::harness::run_in;
use super::once::SETTINGS;
use super::process::{Ended, Feed, Running, rowmill, said};

/// The files of most tests, and the flags that they need.
const FILES: [&str; 3] = ["people.csv", "events.jsonl", "prices.csv.gz"];

struct Job {
    folder: TempDir,
    setting: &'static [&'static str],
}

/// What a command has left: the rows of each table, the errors files, and the counts of the report.
#[derive(Debug, PartialEq)]
struct Left {
    schema: Vec<String>,
    rows: BTreeMap<String, Vec<String>>,
    errors: BTreeMap<String, String>,
    counts: Vec<String>,
}

impl Job {
    /// A folder with [`FILES`]: two of people's records are bad, one of the events repeats a key.
    fn new(setting: &'static [&'static str]) -> Job {
        let folder = tempfile::tempdir().unwrap();
        let job = Job { folder, setting };
        job.write(
            "people.csv",
            "id,name\n1,Ada\n2,Grace\n3\n4,Edsger\n5,x,y\n6,Donald\n7,Barbara\n",
        );
        let event = |id: u32| format!("{{\"id\": {id}, \"at\": \"2024-12-{id}\"}}\n");
        job.write("events.jsonl", &[10, 11, 12, 11, 13, 14].map(event).concat());
        let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed
            .write_all(b"id;price\n1;1,50\n2;2,75\n3;9,25\n4;4,00\n5;7,10\n")
            .unwrap();
        fs::write(job.path("prices.csv.gz"), packed.finish().unwrap()).unwrap();
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn args<'a>(&self, inputs: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        let fixed = ["x.db", "--table-per-file", "--report", "r.json", "--batch-rows", "2"];
        ["load"]
            .iter()
            .chain(inputs)
            .chain(&fixed)
            .chain(self.setting)
            .chain(more)
            .copied()
            .collect()
    }

    fn load(&self, inputs: &[&str], more: &[&str]) -> Ended {
        run_in(self.folder.path(), &self.args(inputs, more))
    }

    /// The load of [`FILES`], which sends itself a signal the n-th time that it gets to a point.
    fn signalled(&self, at: &str) -> Ended {
        let args = self.args(&FILES, &["--key", "id"]);
        let mut command = rowmill(self.folder.path(), &args.iter().map(Into::into).collect::<Vec<_>>());
        command.env("ROWMILL_SIGNAL_AT", at);
        Running::start(command).wait()
    }

    fn report(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("r.json")).unwrap()).unwrap()
    }

    fn tables(&self) -> Vec<String> {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let found = database::select(&database::open(&self.path("x.db")), tables).unwrap();
        found.iter().map(|name| name.trim_matches('\'').to_owned()).collect()
    }

    fn left(&self) -> Left {
        let report = self.report();
        let mut left = Left {
            schema: Vec::new(),
            rows: BTreeMap::new(),
            errors: BTreeMap::new(),
            counts: Vec::new(),
        };
        for report in report["loads"].as_array().unwrap().iter().chain([&report]) {
            let count = |name: &str| report[name].as_u64().unwrap();
            assert_eq!(
                count("records"),
                count("loaded") + count("rejected") + count("duplicates") + count("pending")
            );
            assert_eq!(report["identity_holds"], true);
            let names = [
                "table",
                "outcome",
                "records",
                "loaded",
                "rejected",
                "duplicates",
                "by_code",
                "columns",
                "errors_file",
            ];
            left.counts.push(names.map(|name| report[name].to_string()).join(" "));
        }
        assert_eq!(database::integrity(&self.path("x.db")), "ok");
        for table in self.tables() {
            let dump = database::dump(&self.path("x.db"), &table);
            left.schema.extend(dump.schema);
            left.rows.insert(table, dump.rows);
        }
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            match name.as_str() {
                "x.db" | "r.json" => {}
                _ if FILES.contains(&name.as_str()) => {}
                _ => {
                    let text = fs::read_to_string(self.path(&name)).unwrap();
                    left.errors.insert(name, text);
                }
            }
        }
        left
    }
}

fn exits(ended: &Ended, code: i32) {
    assert_eq!(ended.code(), code, "{}", said(ended));
}

#[test]
fn each_file_goes_into_a_table_of_its_own_with_errors_and_counts_of_its_own() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        let ended = job.load(&FILES, &["--key", "id"]);
        exits(&ended, 2);
        for words in [
            "file 2 of 3: events.jsonl, into table \"events\"",
            "loaded 15 rows into 3 tables of x.db",
            "tables      people: 5 rows, 2 rejected, from people.csv; see errors.people.csv",
            "events: 5 rows, 1 duplicate, from events.jsonl; see errors.events.csv",
            "prices: 5 rows, from prices.csv.gz",
            "in the errors file of its table",
        ] {
            assert!(said(&ended).contains(words), "{words}: {}", said(&ended));
        }
        let left = job.left();
        assert_eq!(job.tables(), ["events", "people", "prices"]);
        assert!(
            left.rows["events"][1].ends_with(": 11, '2024-12-11'"),
            "{:?}",
            left.rows
        );
        assert_eq!(left.rows["people"].len(), 5);
        assert_eq!(left.rows["prices"][2], "3: 3, '9,25'");
        let names: Vec<&String> = left.errors.keys().collect();
        assert_eq!(names, ["errors.events.csv", "errors.people.csv", "errors.prices.csv"]);
        assert_eq!(left.errors["errors.people.csv"].lines().count(), 3);
        assert!(left.errors["errors.events.csv"].contains("events.jsonl,4,4,4,"));
        let report = job.report();
        assert_eq!(report["exit_code"], 2);
        assert_eq!(
            (report["records"].as_u64(), report["table"].as_str()),
            (Some(18), Some(""))
        );
        let paths: Vec<&str> = report["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| input["path"].as_str().unwrap())
            .collect();
        assert_eq!(paths, FILES);
        // By itself each file comes to the same.
        let alone = Job::new(setting);
        for (file, table) in FILES.into_iter().zip(["people", "events", "prices"]) {
            let errors = format!("errors.{table}.csv");
            let args = [
                "load",
                file,
                "x.db",
                "--key",
                "id",
                "--batch-rows",
                "2",
                "--errors",
                &errors,
            ];
            run_in(alone.folder.path(), &[&args[..], setting].concat());
            assert_eq!(
                database::dump(&alone.path("x.db"), table).rows,
                left.rows[table],
                "{table}"
            );
            assert_eq!(fs::read_to_string(alone.path(&errors)).unwrap(), left.errors[&errors]);
        }
    }
}

#[test]
fn a_command_that_is_killed_anywhere_goes_on_and_loads_nothing_twice() {
    for setting in SETTINGS {
        let undisturbed = Job::new(setting);
        exits(&undisturbed.load(&FILES, &["--key", "id"]), 2);
        let expected = undisturbed.left();
        let mut killed = 0;
        for at in [
            "load: table made 1",
            "files: one is loaded 1",
            "load: errors.csv made 2",
            "load: table made 2",
            "batch: committed 5",
            "load: rows committed 2",
            "settle: committed 1",
            "finish: before the report 2",
            "files: one is loaded 2",
            "load: table made 3",
            "load: rows committed 3",
            "files: one is loaded 3",
            "files: before the checkpoints go 1",
        ] {
            let job = Job::new(setting);
            let mut ended = job.signalled(&format!("{at} 9"));
            assert_eq!(database::integrity_or_none(&job.path("x.db")), "ok", "{at}");
            if ended.code() == 137 {
                killed += 1;
                // Killed once more, if it gets there, and then not.
                ended = job.signalled("batch: committed 2 9");
            }
            if ended.code() == 137 {
                ended = job.load(&FILES, &["--key", "id"]);
            }
            exits(&ended, 2);
            let found = job.left();
            assert_eq!(found.rows, expected.rows, "{at} {setting:?}");
            assert_eq!(found.schema, expected.schema, "{at} {setting:?}");
            assert_eq!(found.counts, expected.counts, "{at} {setting:?}");
            let errors = |left: &Left, table: &str| left.errors[&format!("errors.{table}.csv")].clone();
            for table in ["people", "events", "prices"] {
                assert_eq!(errors(&found, table), errors(&expected, table), "{at} {table}");
            }
        }
        assert!(killed >= 11, "only {killed} were killed: {setting:?}");
        // Once all are done, nothing is left that goes on: the same command is new loads, whose keys are there already.
        let done = Job::new(setting);
        exits(&done.signalled("files: the checkpoints are gone 1 9"), 137);
        assert_eq!(done.tables(), ["events", "people", "prices"]);
        exits(&done.load(&FILES, &["--key", "id"]), 2);
        assert_eq!(done.left().rows, expected.rows);
        assert_eq!(done.report()["duplicates"].as_u64(), Some(16));
    }
}

#[test]
fn a_small_file_that_is_put_into_a_new_database_in_one_step_is_not_loaded_twice_either() {
    for at in [
        "at once: in memory 1 9",
        "files: one is loaded 1 9",
        "files: one is loaded 2 9",
    ] {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "b.csv"] {
            fs::write(folder.path().join(name), "id\n1\n").unwrap();
        }
        let args = ["load", "a.csv", "b.csv", "x.db", "--table-per-file"];
        let mut command = rowmill(folder.path(), &args.map(Into::into));
        command.env("ROWMILL_SIGNAL_AT", at);
        exits(&Running::start(command).wait(), 137);
        exits(&run_in(folder.path(), &args), 0);
        let database = folder.path().join("x.db");
        assert_eq!(
            (database::count(&database, "a"), database::count(&database, "b")),
            (1, 1),
            "{at}"
        );
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        assert_eq!(
            database::select(&database::open(&database), names).unwrap(),
            ["'a'", "'b'"],
            "{at}"
        );
    }
}

#[test]
fn an_interrupted_command_goes_on_with_the_file_at_which_it_stopped() {
    let job = Job::new(&[]);
    let ended = job.signalled("files: one is loaded 1 2");
    exits(&ended, 130);
    assert!(said(&ended).contains("STOPPED     by SIGINT") && said(&ended).contains("nothing is loaded twice"));
    let report = job.report();
    assert_eq!(
        (report["outcome"].as_str(), report["resumable"].as_bool()),
        (Some("interrupted"), Some(true))
    );
    assert_eq!(report["loads"].as_array().unwrap().len(), 2);
    assert_eq!(report["inputs"].as_array().unwrap().len(), 3);
    let ended = job.load(&FILES, &["--key", "id"]);
    exits(&ended, 2);
    assert!(said(&ended).contains("going on after record 7"), "{}", said(&ended));
    assert_eq!(job.report()["loaded"].as_u64(), Some(15));
}

#[test]
fn the_first_file_that_cannot_be_loaded_ends_the_command_which_goes_on_there() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        let files = ["people.csv", "second.csv", "events.jsonl"];
        job.write("second.csv", "%PDF-1.4\nno table\n");
        let ended = job.load(&files, &[]);
        exits(&ended, 65);
        assert!(
            said(&ended).contains("1 of 3 files is loaded; the same command goes on with second.csv"),
            "{}",
            said(&ended)
        );
        let report = job.report();
        assert_eq!(
            (report["outcome"].as_str(), report["exit_code"].as_u64()),
            (Some("failed"), Some(65))
        );
        assert_eq!(
            (
                report["loads"][0]["loaded"].as_u64(),
                report["loads"][1]["exit_code"].as_u64()
            ),
            (Some(5), Some(65))
        );
        job.write("second.csv", "a\n1\n");
        exits(&job.load(&files, &[]), 2);
        assert_eq!(job.tables(), ["events", "people", "second"]);
        let count = |table: &str| database::count(&job.path("x.db"), table);
        assert_eq!((count("people"), count("second"), count("events")), (5, 1, 6));
    }
}

#[test]
fn a_file_that_was_loaded_must_stay_as_it_is_until_all_are() {
    let job = Job::new(&[]);
    exits(&job.signalled("files: one is loaded 1 9"), 137);
    job.write("people.csv", "id,name\n1,Ada\n");
    let ended = job.load(&FILES, &["--key", "id"]);
    exits(&ended, 74);
    assert!(said(&ended).contains("people.csv changed"), "{}", said(&ended));
    assert_eq!(database::count(&job.path("x.db"), "people"), 5);
}

#[test]
fn the_error_limit_is_one_for_each_load() {
    let job = Job::new(&[]);
    // Three in all, but at most two in one file.
    exits(&job.load(&FILES, &["--key", "id", "--max-errors", "2"]), 2);
    let job = Job::new(&[]);
    let files = ["events.jsonl", "people.csv", "prices.csv.gz"];
    let ended = job.load(&files, &["--key", "id", "--max-errors", "1"]);
    exits(&ended, 3);
    assert!(
        said(&ended).contains("see errors.people.csv; the rest of it was not loaded"),
        "{}",
        said(&ended)
    );
    exits(&job.load(&files, &["--key", "id", "--max-errors", "2"]), 2);
    assert_eq!(job.report()["loaded"].as_u64(), Some(15));
    assert_eq!(job.tables(), ["events", "people", "prices"]);
}

#[test]
fn a_restart_makes_the_tables_of_the_loads_anew_and_leaves_those_of_others() {
    let job = Job::new(&[]);
    let others = "CREATE TABLE events(id INTEGER, at TEXT); INSERT INTO events VALUES (99, 'theirs')";
    database::create(&job.path("x.db"), others);
    let at = job.args(&FILES, &[]);
    let mut command = rowmill(job.folder.path(), &at.iter().map(Into::into).collect::<Vec<_>>());
    command.env("ROWMILL_SIGNAL_AT", "load: table made 3 9");
    exits(&Running::start(command).wait(), 137);
    let count = |table: &str| database::count(&job.path("x.db"), table);
    assert_eq!((count("people"), count("events"), count("prices")), (5, 7, 0));
    let ended = job.load(&FILES, &["--restart"]);
    exits(&ended, 2);
    assert!(said(&ended).contains("stay, and are there twice"), "{}", said(&ended));
    assert_eq!((count("people"), count("events"), count("prices")), (5, 13, 5));
    assert_eq!(job.tables(), ["events", "people", "prices"]);
}

#[test]
fn all_of_them_can_be_given_up() {
    let job = Job::new(&[]);
    exits(&job.signalled("files: one is loaded 2 9"), 137);
    assert_eq!(job.tables().len(), 3, "two and the checkpoints");
    let ended = job.load(&FILES, &["--forget"]);
    exits(&ended, 0);
    assert_eq!(said(&ended).matches("is given up").count(), 2, "{}", said(&ended));
    assert!(
        said(&ended).contains("no unfinished load into table \"prices\""),
        "{}",
        said(&ended)
    );
    assert_eq!(job.tables(), ["events", "people"]);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_loaded() {
    let job = Job::new(&[]);
    job.write("more/PEOPLE.csv", "a\n1\n");
    job.write("sqlite_x.csv", "a\n1\n");
    job.write("errors.people.csv", "a\n1\n");
    let _feed = Feed::bytes(job.path("fifo.csv"), b"a\n1\n".to_vec());
    for (inputs, more, code, words) in [
        (
            &["people.csv", "more/PEOPLE.csv"][..],
            &[][..],
            64,
            "people.csv and more/PEOPLE.csv would both be loaded into table",
        ),
        (
            &["people.csv", "people.csv"],
            &[],
            64,
            "would both be loaded into table \"people\"",
        ),
        (&["people.csv", "."], &[], 64, "would both be loaded into table"),
        (&["people.csv", "-"], &[], 64, "needs files, and - is a stream"),
        (
            &["people.csv", "fifo.csv"],
            &[],
            64,
            "needs files, and fifo.csv is a stream",
        ),
        (&["people.csv"], &["--table", "t"], 64, "cannot be used with"),
        (&["people.csv"], &["--union-by-name"], 64, "cannot be used with"),
        (
            &["people.csv", "sqlite_x.csv"],
            &[],
            64,
            "a table cannot be named \"sqlite_x\"",
        ),
        (&["people.csv", "missing.csv"], &[], 66, "missing.csv"),
        (
            &["people.csv", "errors.people.csv"],
            &[],
            73,
            "it is an input of this load",
        ),
        (&["people.csv", "x.db"], &[], 73, "it is an input; the last name"),
    ] {
        let ended = job.load(inputs, more);
        exits(&ended, code);
        assert!(said(&ended).contains(words), "{inputs:?} {more:?}: {}", said(&ended));
        assert!(!job.path("x.db").exists(), "{inputs:?} {more:?}");
    }
}

#[test]
fn a_folder_stands_for_all_its_files_but_those_of_rejects() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        job.write("in/a.csv", "id\n1\nx,y\n");
        job.write("in/b.tsv", "id\tv\n1\t2\n");
        job.write("in/c.jsonl", "{\"id\": 1}\n");
        // Whatever it is called, it is no errors file.
        job.write("in/errors.old.csv", "id\n1\n");
        let more = ["--once", "--errors", "in/errors.csv", "--filename-column", "file"];
        exits(&job.load(&["in"], &more), 2);
        assert_eq!(job.tables(), ["_rowmill_loads", "a", "b", "c", "errors.old"]);
        let rows = database::select(&database::open(&job.path("x.db")), "SELECT * FROM c").unwrap();
        assert_eq!(rows, ["1, 'in/c.jsonl'"]);
        // The job runs again: what was loaded is skipped, what has come since is loaded.
        job.write("in/d.csv", "id\n7\n");
        let ended = job.load(&["in/*.csv", "in/c.jsonl", "in/b.tsv"], &more);
        exits(&ended, 0);
        assert_eq!(said(&ended).matches("is skipped").count(), 4, "{}", said(&ended));
        assert!(said(&ended).contains("which was loaded before"), "{}", said(&ended));
        assert_eq!(job.report()["loaded"].as_u64(), Some(1));
        assert_eq!(job.report()["skipped"].as_array().unwrap().len(), 4);
        assert_eq!(job.tables(), ["_rowmill_loads", "a", "b", "c", "d", "errors.old"]);
    }
}

#[test]
fn each_file_may_grow() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        let files = ["people.csv", "events.jsonl"];
        exits(&job.load(&files, &["--append-only"]), 2);
        let grown = fs::read_to_string(job.path("people.csv")).unwrap() + "8,Alan\n";
        job.write("people.csv", &grown);
        let ended = job.load(&files, &["--append-only"]);
        exits(&ended, 0);
        assert!(
            said(&ended).contains("loaded 1 more row into 2 tables"),
            "{}",
            said(&ended)
        );
        let count = |table: &str| database::count(&job.path("x.db"), table);
        assert_eq!((count("people"), count("events")), (6, 6));
    }
}

#[test]
fn a_table_that_does_not_fit_ends_the_command() {
    let job = Job::new(&[]);
    let others = "CREATE TABLE prices(other TEXT); CREATE TABLE people(id INTEGER, name TEXT); INSERT INTO people VALUES (0, 'x')";
    database::create(&job.path("x.db"), others);
    exits(&job.load(&FILES, &[]), 78);
    let count = |table: &str| database::count(&job.path("x.db"), table);
    assert_eq!((count("people"), count("events"), count("prices")), (6, 6, 0));
    // Without that file the others are loaded, and nothing of them twice.
    exits(&job.load(&["people.csv", "events.jsonl"], &[]), 2);
    assert_eq!((count("people"), count("events"), count("prices")), (6, 6, 0));
    assert_eq!(job.tables(), ["events", "people", "prices"]);
}

#[test]
fn a_file_of_which_nothing_can_be_loaded_leaves_no_table() {
    let job = Job::new(&[]);
    job.write("odd.csv", "a,b\n1\n2\n");
    exits(&job.load(&["odd.csv", "people.csv"], &[]), 2);
    assert_eq!(job.tables(), ["people"]);
    assert_eq!(job.report()["rejected"].as_u64(), Some(4));
}

#[test]
fn the_page_lists_the_tables_and_their_first_rejects() {
    let job = Job::new(&[]);
    exits(&job.load(&FILES, &["--key", "id", "--report-html", "r.html"]), 2);
    let page = fs::read_to_string(job.path("r.html")).unwrap();
    for words in [
        "15 rows loaded",
        " into 3 tables",
        "<td>prices</td>",
        "errors.events.csv",
        "in the errors file of its table",
        "<td>events.jsonl</td><td class=\"number\">4</td>",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[derive(Default)]
struct Begun {
    files: Mutex<Vec<String>>,
}

impl Observer for Begun {
    fn file(&self, file: FileBegun<'_>) {
        let text = format!(
            "{}/{} {} {}",
            file.number,
            file.files,
            file.path.file_name().unwrap().display(),
            file.table
        );
        self.files.lock().unwrap().push(text);
    }
}

#[test]
fn a_program_is_told_which_file_it_is_and_gets_the_report_of_each() {
    let job = Job::new(&[]);
    let observer = Begun::default();
    let load = || {
        Load::new(FILES.map(|name| job.path(name)))
            .into(job.path("x.db"))
            .errors(job.path("bad.csv"))
            .detect_dialect(true)
    };
    let report = load()
        .table_per_file(true)
        .key(["id"])
        .observer(&observer)
        .run()
        .unwrap();
    assert_eq!(
        *observer.files.lock().unwrap(),
        [
            "1/3 people.csv people",
            "2/3 events.jsonl events",
            "3/3 prices.csv.gz prices"
        ]
    );
    let loaded: Vec<(&str, u64)> = report
        .loads
        .iter()
        .map(|load| (load.table.as_str(), load.loaded))
        .collect();
    assert_eq!(loaded, [("people", 5), ("events", 5), ("prices", 5)]);
    assert!(job.path("bad.people.csv").exists() && !job.path("bad.csv").exists());
    let refused = load().table_per_file(true).table("t").run().unwrap_err();
    assert!(
        refused.exit_code() == 64 && refused.to_string().contains("leave one of them out"),
        "{refused}"
    );
    let refused = load().table_per_file(true).union_by_name(true).run().unwrap_err();
    assert_eq!(refused.exit_code(), 64);
    let reader = Load::from_reader("people", std::io::empty())
        .into(job.path("y.db"))
        .errors(job.path("bad.csv"));
    assert_eq!(reader.table_per_file(true).run().unwrap_err().exit_code(), 64);
}
