//! Inputs that somebody changes while they are being loaded: never a crash, and nothing is committed that was not read whole.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::TempDir;

use super::data::{Recipe, people};
use super::database;
use super::harness::run_in;
use super::process::{Ended, Running, rowmill};

/// With a window of a few pages the load meets the change wherever it is made.
const ARGS: [&str; 15] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "t",
    "--key",
    "id",
    "--batch-rows",
    "299",
    "--window-bytes",
    "16384",
    "--chunk-bytes",
    "4096",
    "--threads",
    "2",
];

fn input(records: u64) -> Vec<u8> {
    let recipe = Recipe {
        seed: 9,
        records,
        bad_every: 101,
        duplicate_every: 53,
        text_keys: true,
        padding: 60,
    };
    people(&recipe).0
}

/// Stops a load at a point, lets `change` do its work on the input, and has the load go on.
fn changed_at(point: &str, change: &dyn Fn(&Path)) -> (TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    fs::write(&path, input(3000)).unwrap();
    let args: Vec<_> = ARGS.iter().map(Into::into).collect();
    let mut command = rowmill(folder.path(), &args);
    command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGSTOP));
    let running = Running::start(command);
    running.wait_for_stop();
    change(&path);
    running.signal(libc::SIGCONT);
    (folder, running.wait())
}

/// The rows of an undisturbed load of `input`.
fn rows_of(input: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), input).unwrap();
    assert_eq!(run_in(folder.path(), &ARGS).code(), 2);
    database::dump(&folder.path().join("out.db"), "t").rows
}

/// The load said so and committed only rows of the input as it was.
fn was_refused(folder: &Path, ended: &Ended, says: &str) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.code(), 74, "{said}");
    assert!(said.contains(says), "{said}");
    let database_path = folder.join("out.db");
    assert_eq!(database::integrity_or_none(&database_path), "ok");
    if database_path.exists() {
        let whole = rows_of(&input(3000));
        let found = database::dump(&database_path, "t").rows;
        assert!(found.len() < whole.len(), "the last batch is not committed");
        let strange: Vec<_> = found.iter().filter(|row| !whole.contains(row)).take(3).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }
}

/// As [`was_refused`], unless the whole input had been read before it changed.
fn was_refused_or_read(folder: &Path, ended: &Ended, says: &str) {
    if ended.code() == 2 {
        let found = database::dump(&folder.join("out.db"), "t").rows;
        assert!(found == rows_of(&input(3000)), "success with rows of another input");
    } else {
        was_refused(folder, ended, says);
    }
}

/// The same command does not mix the two; with `--restart` the input as it is now is loaded.
fn is_loaded_afresh(folder: &Path) {
    let again = run_in(folder, &ARGS);
    let said = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.code(), 74, "{said}");
    assert!(said.contains("--restart"), "{said}");
    let args: Vec<&str> = ARGS.iter().copied().chain(["--restart"]).collect();
    let restarted = run_in(folder, &args);
    assert_eq!(restarted.code(), 2, "{}", String::from_utf8_lossy(&restarted.stderr));
    let now = fs::read(folder.join("in.csv")).unwrap();
    assert!(database::dump(&folder.join("out.db"), "t").rows == rows_of(&now));
}

#[test]
fn an_input_that_grows_ends_the_load() {
    let grow = |path: &Path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"knew,Name,1.5,one more\n").unwrap();
    };
    let (folder, ended) = changed_at("load: an input is read 1", &grow);
    was_refused(folder.path(), &ended, "it grew from");
    is_loaded_afresh(folder.path());
    let (folder, ended) = changed_at("batch: committed 1", &grow);
    was_refused_or_read(folder.path(), &ended, "it grew from");
}

#[test]
fn an_input_that_is_cut_ends_the_load() {
    let long = input(3000).len() as u64;
    // In the first page, in the middle, and in the last page, whose lost bytes read as zeros.
    for length in [100, long / 2, long - 40] {
        let cut = |path: &Path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(length).unwrap();
        };
        for point in ["infer: before 1", "infer: types known 1", "load: an input is read 1"] {
            let (folder, ended) = changed_at(point, &cut);
            was_refused(folder.path(), &ended, "shrank");
        }
        for point in ["batch: committed 1", "batch: committed 5"] {
            let (folder, ended) = changed_at(point, &cut);
            was_refused_or_read(folder.path(), &ended, "shrank");
        }
    }
}

#[test]
fn an_input_that_is_written_over_ends_the_load() {
    let middle = input(3000).len() as u64 / 2;
    let write_over = |path: &Path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(b"zzz", middle).unwrap();
    };
    let (folder, ended) = changed_at("infer: types known 1", &write_over);
    was_refused(folder.path(), &ended, "it was written to");
    let (folder, ended) = changed_at("load: an input is read 1", &write_over);
    was_refused(folder.path(), &ended, "it was written to");
    is_loaded_afresh(folder.path());
}

#[test]
fn an_input_whose_name_another_file_takes_is_read_to_its_end() {
    let replace = |path: &Path| {
        let other = path.with_extension("new");
        fs::write(&other, input(500)).unwrap();
        fs::rename(other, path).unwrap();
    };
    let (folder, ended) = changed_at("batch: committed 1", &replace);
    assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(database::dump(&folder.path().join("out.db"), "t").rows == rows_of(&input(3000)));
    // Before the checkpoint is made, which would take the one for the other.
    let (folder, ended) = changed_at("infer: types known 1", &replace);
    was_refused(folder.path(), &ended, "another file took its name");
    assert!(!folder.path().join("out.db").exists());
}
