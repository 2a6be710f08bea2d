//! `--once`: the same content into the same table is loaded once, whatever the file is called and however often the command runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::database;
use super::harness::run_in;
use super::process::{Ended, Running, rowmill, said};

/// The settings among the pairs that files allow.
pub const SETTINGS: [&[&str]; 5] = [
    &[],
    &["--threads", "1", "--window-bytes", "7", "--chunk-bytes", "1"],
    &[
        "--threads",
        "4",
        "--window-bytes",
        "4096",
        "--chunk-bytes",
        "7",
        "--write-path",
        "sql",
    ],
    &[
        "--threads",
        "4",
        "--window-bytes",
        "7",
        "--chunk-bytes",
        "1m",
        "--infer",
        "guess",
    ],
    &[
        "--threads",
        "1",
        "--chunk-bytes",
        "40",
        "--write-path",
        "sql",
        "--infer",
        "guess",
    ],
];

struct Job {
    folder: TempDir,
    setting: &'static [&'static str],
}

impl Job {
    fn new(setting: &'static [&'static str]) -> Job {
        let folder = tempfile::tempdir().unwrap();
        Job { folder, setting }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn args<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["load", "x.db", "--report", "report.json"];
        if !names.iter().any(|name| name.starts_with("--table")) {
            args.push("--table=t");
        }
        for name in names.iter().rev() {
            let at = if name.starts_with("--") { args.len() } else { 1 };
            args.insert(at, name);
        }
        args.extend(self.setting);
        args
    }

    /// Loads files with `--once`; what begins with `--` is another flag.
    fn once(&self, names: &[&str]) -> Ended {
        let names: Vec<&str> = names.iter().copied().chain(["--once"]).collect();
        let ended = run_in(self.folder.path(), &self.args(&names));
        if ended.code() <= 3 {
            let report = self.report();
            let count = |name: &str| report[name].as_u64().unwrap();
            assert_eq!(
                count("records"),
                count("loaded") + count("rejected") + count("duplicates") + count("pending")
            );
            assert_eq!(report["identity_holds"], true);
            assert_eq!(report["exit_code"].as_i64(), Some(i64::from(ended.code())));
            assert_eq!(database::integrity(&self.path("x.db")), "ok");
        }
        ended
    }

    fn report(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("report.json")).unwrap()).unwrap()
    }

    fn rows(&self) -> u64 {
        database::count(&self.path("x.db"), "t")
    }

    fn run(&self, sql: &str) {
        database::open(&self.path("x.db")).execute_batch(sql).unwrap();
    }

    fn tables(&self) -> Vec<String> {
        let connection = database::open(&self.path("x.db"));
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap);
        names.collect()
    }
}

fn exits(ended: &Ended, code: i32) {
    assert_eq!(ended.code(), code, "{}", said(ended));
}

#[test]
fn the_same_content_again_is_a_note_and_no_rows() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        job.write("in.csv", "id,v\n1,a\n2,b\n");
        exits(&job.once(&["in.csv"]), 0);
        assert_eq!(
            (job.rows(), job.tables()),
            (2, vec!["_rowmill_loads".to_owned(), "t".to_owned()])
        );
        job.write("renamed.csv", "id,v\n1,a\n2,b\n");
        for name in ["in.csv", "renamed.csv"] {
            let again = job.once(&[name]);
            exits(&again, 0);
            assert!(
                said(&again).contains(&format!("{name} is skipped")) && said(&again).contains("from in.csv"),
                "{}",
                said(&again)
            );
            assert_eq!(job.rows(), 2);
            let report = job.report();
            assert_eq!(
                (report["outcome"].as_str(), report["loaded"].as_u64()),
                (Some("complete"), Some(0))
            );
            assert_eq!(report["skipped"][0]["path"], name);
        }
        // Of the same size, but different.
        job.write("in.csv", "id,v\n1,a\n2,c\n");
        exits(&job.once(&["in.csv"]), 0);
        assert_eq!(job.rows(), 4);
        // Into another table it is new.
        exits(&job.once(&["renamed.csv", "--table=u"]), 0);
        assert_eq!(database::count(&job.path("x.db"), "u"), 2);
    }
}

#[test]
fn of_several_files_those_that_are_new_are_loaded() {
    for setting in SETTINGS {
        let job = Job::new(setting);
        for (name, text) in [
            ("a.csv", "id,v\n1,a\n"),
            ("b.csv", "id,v\n2,bad,\n3,b\n"),
            ("c.csv", "id,v\n4,c\n"),
        ] {
            job.write(name, text);
        }
        job.write("a_copy.csv", "id,v\n1,a\n");
        exits(&job.once(&["a.csv"]), 0);
        // Rejects count as loaded.
        let more = job.once(&["a.csv", "b.csv"]);
        exits(&more, 2);
        assert!(said(&more).contains("a.csv is skipped"), "{}", said(&more));
        assert_eq!(job.rows(), 2);
        exits(&job.once(&["b.csv"]), 0);
        let last = job.once(&["b.csv", "c.csv", "a_copy.csv"]);
        exits(&last, 0);
        assert_eq!((job.rows(), job.report()["loaded"].as_u64()), (3, Some(1)));
        // Twice in one command.
        job.write("d.csv", "id,v\n5,d\n");
        job.write("e.csv", "id,v\n5,d\n");
        let twice = job.once(&["d.csv", "e.csv"]);
        exits(&twice, 0);
        assert!(
            said(&twice).contains("e.csv is skipped: its content is that of d.csv"),
            "{}",
            said(&twice)
        );
        assert_eq!(job.rows(), 4);
    }
}

#[test]
fn the_tables_name_is_that_of_the_first_file_though_it_is_skipped() {
    let job = Job::new(&[]);
    job.write("first.csv", "id\n1\n");
    job.write("second.csv", "id\n2\n");
    for names in [&["first.csv"][..], &["first.csv", "second.csv"]] {
        let args: Vec<&str> = ["load"]
            .iter()
            .chain(names)
            .copied()
            .chain(["x.db", "--once"])
            .collect();
        exits(&run_in(job.folder.path(), &args), 0);
    }
    assert_eq!(job.tables(), ["_rowmill_loads", "first"]);
    assert_eq!(database::count(&job.path("x.db"), "first"), 2);
}

#[test]
fn what_was_not_loaded_to_its_end_is_not_remembered() {
    let text: String = "id,v\n".to_owned() + &(0..5000).map(|id| format!("{id},a\n")).collect::<String>();
    for (index, setting) in SETTINGS.into_iter().enumerate() {
        let job = Job::new(setting);
        job.write("in.csv", &text);
        job.write("more.csv", "id,v\n9000,a\n");
        exits(&job.once(&["more.csv"]), 0);
        let args = job.args(&["more.csv", "in.csv", "--batch-rows=1000", "--once"]);
        let mut command = rowmill(job.folder.path(), &args.iter().map(Into::into).collect::<Vec<_>>());
        let point = ["batch: committed 2", "finish: before the checkpoint goes 1"][index % 2];
        command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGKILL));
        exits(&Running::start(command).wait(), 128 + libc::SIGKILL);
        // The same command goes on.
        let again = job.once(&["more.csv", "in.csv", "--batch-rows=1000"]);
        exits(&again, 0);
        assert!(
            said(&again).contains("resuming") && said(&again).contains("more.csv is skipped"),
            "{}",
            said(&again)
        );
        assert_eq!(job.rows(), 5001);
        exits(&job.once(&["in.csv", "--batch-rows=1000"]), 0);
        assert_eq!(job.rows(), 5001);
    }
    // Stopped at the error limit.
    let job = Job::new(&[]);
    job.write("in.csv", "id,v\n1,a\nbad\n2,b\n");
    exits(&job.once(&["in.csv", "--max-errors=0"]), 3);
    let again = job.once(&["in.csv"]);
    assert!(!said(&again).contains("skipped"), "{}", said(&again));
}

#[test]
fn a_load_that_is_over_is_over_however_it_ends() {
    // At once, and by the usual way.
    for (point, batch_rows) in [
        ("new database: named", "--batch-rows=100"),
        ("finish: the checkpoint is gone", "--batch-rows=1"),
    ] {
        let job = Job::new(&[]);
        job.write("in.csv", "id,v\n1,a\n");
        let args = job.args(&["in.csv", "--once", batch_rows]);
        let mut command = rowmill(job.folder.path(), &args.iter().map(Into::into).collect::<Vec<_>>());
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
        exits(&Running::start(command).wait(), 128 + libc::SIGKILL);
        let again = job.once(&["in.csv"]);
        exits(&again, 0);
        assert!(said(&again).contains("is skipped"), "{}", said(&again));
        assert_eq!(job.rows(), 1);
    }
}

#[test]
fn a_table_that_is_gone_or_made_anew_has_had_nothing() {
    let job = Job::new(&[]);
    job.write("in.csv", "id,v\n1,a\n");
    job.write("other.csv", "id,v\n2,b\n");
    exits(&job.once(&["in.csv"]), 0);
    job.run("DROP TABLE t");
    exits(&job.once(&["in.csv"]), 0);
    assert_eq!(job.rows(), 1);
    // Made anew by a load that knows nothing of it.
    job.run("DROP TABLE t");
    exits(&run_in(job.folder.path(), &job.args(&["other.csv"])), 0);
    exits(&job.once(&["in.csv"]), 0);
    assert_eq!(job.rows(), 2);
    // Asked for again.
    exits(&job.once(&["in.csv", "--restart"]), 0);
    exits(&job.once(&["in.csv"]), 0);
    assert_eq!(job.rows(), 3);
}

#[test]
fn a_table_without_rows_cannot_hold_what_is_remembered() {
    for setting in SETTINGS {
        // Emptied, made anew by others, and made anew under the name of one that was renamed.
        for undone in [
            "DELETE FROM t",
            "DROP TABLE t; CREATE TABLE t (id INTEGER, v TEXT)",
            "ALTER TABLE t RENAME TO t_old; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
        ] {
            let job = Job::new(setting);
            job.write("in.csv", "id,v\n1,a\n");
            job.write("other.csv", "id,v\n2,b\nbad\n");
            job.write("none.csv", "id,v\n");
            exits(&job.once(&["in.csv", "other.csv"]), 2);
            exits(&job.once(&["none.csv"]), 0);
            job.run(undone);
            let again = job.once(&["in.csv"]);
            exits(&again, 0);
            let gone = "table \"t\" has no rows: what was loaded into it with --once is gone";
            assert!(said(&again).contains(gone), "{}", said(&again));
            assert_eq!(job.rows(), 1);
            // That of the other file went with it; a file without records has nothing to lose.
            let last = job.once(&["in.csv", "none.csv", "other.csv"]);
            exits(&last, 2);
            assert!(said(&last).contains("in.csv is skipped") && said(&last).contains("none.csv is skipped"));
            assert!(!said(&last).contains("has no rows"), "{}", said(&last));
            assert_eq!(job.rows(), 2);
        }
    }
    // A load that does not know of this finds the table empty, too.
    let job = Job::new(&[]);
    job.write("in.csv", "id,v\n1,a\n");
    job.write("other.csv", "id,v\n2,b\n");
    exits(&job.once(&["in.csv"]), 0);
    job.run("DELETE FROM t");
    exits(&run_in(job.folder.path(), &job.args(&["other.csv"])), 0);
    exits(&job.once(&["in.csv"]), 0);
    assert_eq!(job.rows(), 2);
}

#[test]
fn what_cannot_be_loaded_once_is_refused_with_what_to_do() {
    let job = Job::new(&[]);
    job.write("in.csv", "id,v\n1,a\n");
    for (names, says) in [
        (&["in.csv", "-"][..], "save it as a file first"),
        (&["in.csv", "--append-only"], "leave one of them out"),
        (&["in.csv", "--keep-checkpoint"], "leave one of them out"),
        (&["in.csv", "--table=_ROWMILL_loads"], "are rowmill's own"),
    ] {
        let refused = job.once(names);
        exits(&refused, 64);
        assert!(said(&refused).contains(says), "{}", said(&refused));
        assert!(!job.path("x.db").exists());
    }
    // Nothing is kept without the flag.
    exits(&run_in(job.folder.path(), &job.args(&["in.csv"])), 0);
    assert_eq!(job.tables(), ["t"]);
    exits(&job.once(&["in.csv"]), 0);
    assert_eq!(job.rows(), 2, "nobody had remembered it");
    assert!(Path::new(&job.path("x.db")).exists());
}

#[test]
fn an_empty_file_is_no_copy_of_one_that_is_new() {
    let job = Job::new(&[]);
    job.write("in.csv", "id,v\n1,a\n");
    for name in ["empty.csv", "too.csv"] {
        job.write(name, "");
    }
    let refused = job.once(&["in.csv", "empty.csv", "too.csv"]);
    exits(&refused, 65);
    assert!(said(&refused).contains("empty.csv"), "{}", said(&refused));
}
