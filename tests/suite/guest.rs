//! The library as a guest in a program that has connections of its own to the database: their locks keep other programs out as before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rowmill::LoadReport;
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{RepeatOptions, ResourceOptions, TargetOptions};
use rusqlite::Connection;
use tempfile::TempDir;

use super::database;
use super::process::has_shell;

/// What the other process is to do, where, and where it says what came of it.
const ASKED: [&str; 3] = ["ROWMILL_OTHER_SQL", "ROWMILL_OTHER_DATABASE", "ROWMILL_OTHER_ANSWER"];

/// A folder with a database `x.db`, to which the program has a connection, and an input `in.csv`.
struct Host {
    own: Connection,
    folder: TempDir,
}

impl Host {
    fn new(journal_mode: &str) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let own = Connection::open(folder.path().join("x.db")).unwrap();
        let mode = format!("PRAGMA journal_mode = {journal_mode}");
        let found: String = own.query_row(&mode, [], |row| row.get(0)).unwrap();
        assert_eq!(found, journal_mode);
        let host = Host { own, folder };
        host.run("CREATE TABLE note(t TEXT); INSERT INTO note VALUES ('before')");
        fs::write(host.path("in.csv"), "id,v\n1,a\n2,b\n2,c\n").unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, sql: &str) {
        self.own
            .execute_batch(sql)
            .unwrap_or_else(|error| panic!("the program's own {sql}: {error}"));
    }

    fn count(&self, table: &str) -> u64 {
        let count = format!("SELECT count(*) FROM \"{table}\"");
        self.own.query_row(&count, [], |row| row.get::<_, i64>(0)).unwrap() as u64
    }

    fn load(&self, input: &str, options: LoadOptions) -> Result<LoadReport, rowmill::Error> {
        let options = LoadOptions {
            target: TargetOptions {
                errors: self.path("errors.csv"),
                table: Some("t".to_owned()),
                ..options.target
            },
            resources: ResourceOptions {
                threads: 2,
                ..options.resources
            },
            ..options
        };
        rowmill::internal::load(&[self.path(input)], &self.path("x.db"), &options, &())
    }

    /// Another process runs `sql`; returns what SQLite objects to.
    fn other_program(&self, sql: &str) -> Result<(), String> {
        let answer = self.path("answer");
        let values = [
            sql.as_ref(),
            self.path("x.db").into_os_string().as_os_str(),
            answer.as_os_str(),
        ]
        .map(ToOwned::to_owned);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "suite::guest::the_other_program", "--ignored"])
            .envs(ASKED.into_iter().zip(values))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        match fs::read_to_string(answer).unwrap().as_str() {
            "done" => Ok(()),
            error => Err(error.to_owned()),
        }
    }

    /// As [`Host::other_program`], by SQLite's own shell where there is one: an older SQLite does not see by itself that locks were lost.
    fn shell(&self, sql: &str) -> Result<(), String> {
        if !has_shell() {
            return self.other_program(sql);
        }
        let output = Command::new("sqlite3")
            .arg(self.path("x.db"))
            .arg(sql)
            .output()
            .unwrap();
        match String::from_utf8_lossy(&output.stderr).as_ref() {
            "" => Ok(()),
            error => Err(error.to_owned()),
        }
    }

    fn other_is_kept_out(&self, when: &str) {
        let written = self.other_program("INSERT INTO note VALUES ('other')");
        let kept_out = written.as_ref().is_err_and(|error| error.contains("locked"));
        assert!(kept_out, "{when}: {written:?}");
    }
}

#[test]
#[ignore = "the other process of the tests here"]
fn the_other_program() {
    let [sql, path, answer] = ASKED.map(|name| std::env::var(name).unwrap());
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    let said = match connection.execute_batch(&sql) {
        Ok(()) => "done".to_owned(),
        Err(error) => error.to_string(),
    };
    drop(connection);
    fs::write(answer, said).unwrap();
}

fn failed(result: Result<LoadReport, rowmill::Error>, exit_code: i32) {
    match result {
        Ok(report) => panic!("the load succeeded: {} rows", report.loaded),
        Err(error) => assert_eq!(i32::from(error.exit_code()), exit_code, "{error}"),
    }
}

#[test]
fn a_load_that_fails_leaves_the_locks_of_its_program_alone() {
    let host = Host::new("delete");
    fs::hard_link(host.path("x.db"), host.path("x.csv")).unwrap();
    host.run("BEGIN IMMEDIATE; INSERT INTO note VALUES ('mine')");
    host.other_is_kept_out("before any load");
    let growing = || LoadOptions {
        repeat: RepeatOptions {
            append_only: true,
            ..RepeatOptions::default()
        },
        ..LoadOptions::default()
    };
    for (input, exit_code) in [("none.csv", 66), ("x.db", 73), ("x.csv", 73), ("x.db-journal", 73)] {
        failed(host.load(input, LoadOptions::default()), exit_code);
        host.other_is_kept_out(input);
        failed(host.load(input, growing()), exit_code);
        host.other_is_kept_out(input);
    }
    host.run("COMMIT");
    assert_eq!(host.count("note"), 2);
    assert_eq!(database::integrity(&host.path("x.db")), "ok");
}

#[test]
fn another_database_of_the_program_is_neither_read_nor_written_and_stays_locked() {
    let host = Host::new("delete");
    host.run("BEGIN IMMEDIATE");
    let target = host.path("target.db");
    let options = LoadOptions {
        target: TargetOptions {
            errors: host.path("errors.csv"),
            ..TargetOptions::default()
        },
        ..LoadOptions::default()
    };
    failed(
        rowmill::internal::load(&[host.path("x.db")], &target, &options, &()),
        65,
    );
    host.other_is_kept_out("as an input");
    // To read the file here would do what must not be done: it would be closed again.
    for (errors, page) in [("x.db", None), ("errors.csv", Some("x.db"))] {
        let options = LoadOptions {
            target: TargetOptions {
                errors: host.path(errors),
                report_html: page.map(|name| host.path(name)),
                ..TargetOptions::default()
            },
            ..LoadOptions::default()
        };
        failed(
            rowmill::internal::load(&[host.path("in.csv")], &target, &options, &()),
            73,
        );
        host.other_is_kept_out("as an output");
    }
    host.run("INSERT INTO note VALUES ('mine'); COMMIT");
    assert_eq!(host.count("note"), 2);
    assert_eq!(database::integrity(&host.path("x.db")), "ok");
}

#[test]
fn a_load_that_its_program_is_in_the_way_of_is_refused_and_leaves_its_locks_alone() {
    let host = Host::new("delete");
    host.run("BEGIN IMMEDIATE; INSERT INTO note VALUES ('mine')");
    failed(host.load("in.csv", LoadOptions::default()), 75);
    host.other_is_kept_out("after the refusal");
    host.run("COMMIT");
    assert_eq!(host.load("in.csv", LoadOptions::default()).unwrap().loaded, 3);
    assert_eq!((host.count("note"), host.count("t")), (2, 3));
    assert_eq!(database::integrity(&host.path("x.db")), "ok");
}

#[test]
fn a_load_that_succeeds_leaves_the_locks_of_its_program_alone() {
    let host = Host::new("delete");
    let growing = || LoadOptions {
        repeat: RepeatOptions {
            append_only: true,
            ..RepeatOptions::default()
        },
        ..LoadOptions::default()
    };
    assert_eq!(host.load("in.csv", growing()).unwrap().loaded, 3);
    host.run("BEGIN IMMEDIATE; INSERT INTO note VALUES ('mine')");
    // There is nothing new, so it succeeds beside the open transaction.
    assert_eq!(host.load("in.csv", growing()).unwrap().exit_code, 0);
    host.other_is_kept_out("after a load that succeeded");
    host.run("COMMIT");
    assert_eq!(host.other_program("INSERT INTO note VALUES ('other')"), Ok(()));
    assert_eq!(host.count("note"), 3);
}

#[test]
fn a_database_in_wal_mode_is_whole_after_loads_beside_its_programs_connection() {
    for fails in [false, true] {
        let host = Host::new("wal");
        if fails {
            failed(host.load("none.csv", LoadOptions::default()), 66);
        } else {
            assert_eq!(host.load("in.csv", LoadOptions::default()).unwrap().loaded, 3);
        }
        // The last connection to close clears the log away: the other program's must know that it is not the last.
        assert_eq!(host.shell("INSERT INTO note VALUES ('other')"), Ok(()));
        assert!(host.path("x.db-wal").exists(), "the log is still there");
        host.run("INSERT INTO note VALUES ('mine')");
        let many = "CREATE TABLE many(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300) \
                    INSERT INTO many SELECT hex(randomblob(400)) FROM n";
        assert_eq!(host.shell(many), Ok(()));
        host.run("CREATE TABLE own(x); INSERT INTO own VALUES (1)");
        assert_eq!((host.count("note"), host.count("many")), (3, 300));
        let Host { own, folder } = host;
        drop(own);
        assert_eq!(database::integrity(&folder.path().join("x.db")), "ok");
        let notes = database::count(&folder.path().join("x.db"), "note");
        let loaded = database::count(&folder.path().join("x.db"), "t");
        assert_eq!((notes, loaded), (3, if fails { 0 } else { 3 }));
    }
}

#[test]
fn loads_of_one_program_into_one_database_come_one_after_another() {
    let host = Host::new("delete");
    std::thread::scope(|threads| {
        let folder: &Path = host.folder.path();
        for number in 0..4 {
            threads.spawn(move || {
                let options = LoadOptions {
                    target: TargetOptions {
                        errors: folder.join(format!("errors{number}.csv")),
                        table: Some(format!("t{number}")),
                        ..TargetOptions::default()
                    },
                    resources: ResourceOptions {
                        batch_rows: 1,
                        threads: 1,
                        ..ResourceOptions::default()
                    },
                    ..LoadOptions::default()
                };
                let report =
                    rowmill::internal::load(&[folder.join("in.csv")], &folder.join("x.db"), &options, &()).unwrap();
                assert_eq!(report.loaded, 3);
            });
        }
    });
    for number in 0..4 {
        assert_eq!(host.count(&format!("t{number}")), 3);
    }
}
