//! What was read is what counts: a resumed load, and one that goes on after another, find every byte that was loaded as it was.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::path::Path;

use tempfile::TempDir;

use super::database;
use super::harness::{Case, run_in};
use super::process::{Ended, Running, rowmill, said};

const LOAD: [&str; 8] = [
    "load",
    "in.csv",
    "x.db",
    "--table",
    "t",
    "--batch-rows",
    "500",
    "--report",
];
/// Settings that may differ from run to run.
const SETTINGS: [[&str; 6]; 3] = [
    ["--threads", "1", "--window-bytes", "16k", "--chunk-bytes", "1k"],
    ["--threads", "2", "--window-bytes", "1m", "--chunk-bytes", "256k"],
    ["--threads", "4", "--window-bytes", "64k", "--chunk-bytes", "7"],
];

/// Several times longer than the parts at both its ends that are looked at: with line ends in quotes, blank lines and lines that are too
/// long.
fn lines(records: u32, word: &str) -> String {
    let mut text = "id,v\n".to_owned();
    for id in 0..records {
        match id % 100 {
            7 => text += &format!("{id},\"two\nlines {word}\"\n\n"),
            50 => text += &format!("{id},{}\n", word.repeat(300)),
            _ => text += &format!("{id},\"{word} and more of that, so that it takes some room\"\n"),
        }
    }
    text
}

fn command(folder: &Path, more: &[&str]) -> std::process::Command {
    let fixed = ["report.json", "--max-record-bytes", "500"];
    let args = LOAD.iter().chain(&fixed).chain(more).map(Into::into);
    rowmill(folder, &args.collect::<Vec<_>>())
}

fn load(folder: &Path, more: &[&str]) -> Ended {
    Running::start(command(folder, more)).wait()
}

/// A load of `text` that was sent `signal` when it got to `point`.
fn stopped_at(text: &str, point: &str, signal: i32, more: &[&str]) -> (TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let mut command = command(folder.path(), more);
    command.env("ROWMILL_SIGNAL_AT", format!("{point} {signal}"));
    let running = Running::start(command);
    (folder, running)
}

/// Writes over the file and gives it back its time, as `rsync --inplace --times` does.
fn edit_in_place(path: &Path, text: &str) {
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), text.len() as u64);
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let times = FileTimes::new().set_modified(before.modified().unwrap());
    file.set_times(times).unwrap();
    drop(file);
    assert_eq!(
        fs::metadata(path).unwrap().modified().unwrap(),
        before.modified().unwrap()
    );
}

/// `text` with one letter changed at the first `b` from `at` on.
fn edited(text: &str, at: usize) -> String {
    let at = at + text[at..].find('b').unwrap();
    format!("{}B{}", &text[..at], &text[at + 1..])
}

fn rows(folder: &Path) -> Vec<String> {
    database::dump(&folder.join("x.db"), "t").rows
}

#[test]
fn an_edit_of_what_was_loaded_is_refused_at_resume_though_size_and_time_are_kept() {
    let text = lines(6000, "abc");
    for (index, settings) in SETTINGS.iter().enumerate() {
        let (folder, running) = stopped_at(&text, "batch: committed 9", libc::SIGKILL, settings);
        running.wait();
        let (folder, path) = (folder.path(), folder.path().join("in.csv"));
        let committed = rows(folder);
        let last = text.find("\n4499,").unwrap();
        assert!(
            text.len() - last > 80_000 && committed.len() > 4000,
            "{}",
            committed.len()
        );
        for at in [70_000, 200_000, last - 60] {
            edit_in_place(&path, &edited(&text, at));
            let again = load(folder, &SETTINGS[(index + 1) % 3]);
            assert_eq!(again.code(), 74, "{at}: {}", said(&again));
            assert!(
                said(&again).contains("was edited") && said(&again).contains("--restart"),
                "{}",
                said(&again)
            );
            assert_eq!(rows(folder), committed, "nothing new is committed");
        }
        // What is not loaded yet does not matter yet.
        let other = edited(&text, last + 10);
        edit_in_place(&path, &other);
        assert_eq!(load(folder, &SETTINGS[(index + 2) % 3]).code(), 2);
        let expected = Case::csv(&other)
            .args(["--max-record-bytes", "500"])
            .any_rejects()
            .once();
        assert!(rows(folder) == expected.dump().rows);
    }
}

#[test]
fn an_edit_is_refused_in_any_of_several_inputs_and_after_the_last_row() {
    let (first, second) = (lines(3000, "abc"), lines(3000, "bcd"));
    for (point, edits) in [
        ("batch: committed 9", 2),
        ("load: rows committed 1", 2),
        ("index: committed 1", 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("in.csv"), &first).unwrap();
        fs::write(folder.join("more.csv"), &second).unwrap();
        let args = [
            "load",
            "in.csv",
            "more.csv",
            "x.db",
            "--table",
            "t",
            "--key",
            "id,v",
            "--batch-rows",
            "500",
            "-q",
        ];
        let mut command = rowmill(folder, &args.map(Into::into));
        command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGKILL));
        let killed = Running::start(command).wait();
        assert_eq!(killed.code(), 128 + libc::SIGKILL, "{point}: {}", said(&killed));
        for (name, text) in [("in.csv", &first), ("more.csv", &second)].into_iter().take(edits) {
            edit_in_place(&folder.join(name), &edited(text, 70_000));
            let again = run_in(folder, &args);
            assert_eq!(again.code(), 74, "{point} {name}: {}", said(&again));
            assert!(said(&again).contains("--restart"), "{}", said(&again));
            edit_in_place(&folder.join(name), text);
        }
        assert_eq!(run_in(folder, &args).code(), 0, "{point}");
    }
}

#[test]
fn no_row_of_a_version_that_was_written_over_the_input_meanwhile_is_committed() {
    let (old, new) = (lines(6000, "abc"), lines(6000, "xbc"));
    for point in [
        "batch: committed 1",
        "batch: committed 3",
        "batch: committed 8",
        "load: an input is read 1",
    ] {
        for settings in &SETTINGS {
            let (folder, running) = stopped_at(&old, point, libc::SIGSTOP, settings);
            running.wait_for_stop();
            fs::write(folder.path().join("new.csv"), &new).unwrap();
            let mut file = OpenOptions::new()
                .write(true)
                .open(folder.path().join("in.csv"))
                .unwrap();
            file.write_all(new.as_bytes()).unwrap();
            drop(file);
            running.signal(libc::SIGCONT);
            let ended = running.wait();
            assert_eq!(ended.code(), 74, "{point}: {}", said(&ended));
            let strange = rows(folder.path()).into_iter().find(|row| row.contains("xbc"));
            assert_eq!(strange, None, "{point}");
        }
    }
}

#[test]
fn a_file_that_grows_is_refused_when_its_loaded_part_was_edited_anywhere() {
    let text = lines(6000, "abc");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("in.csv");
    fs::write(&path, &text).unwrap();
    assert_eq!(load(folder, &["--append-only"]).code(), 2);
    let loaded = rows(folder);
    for at in [70_000, text.len() / 2, text.len() - 90_000] {
        for appended in ["", "6000,new\n"] {
            fs::write(&path, edited(&text, at) + appended).unwrap();
            let again = load(folder, &["--append-only"]);
            assert_eq!(again.code(), 74, "{at}: {}", said(&again));
            assert!(said(&again).contains("did not only grow"), "{}", said(&again));
            assert_eq!(rows(folder), loaded);
        }
    }
    fs::write(&path, text.clone() + "6000,new\n").unwrap();
    let again = load(folder, &["--append-only"]);
    assert_eq!(again.code(), 0, "{}", said(&again));
    assert_eq!(rows(folder).len(), loaded.len() + 1);
}

#[test]
fn a_file_that_grows_is_refused_when_it_is_written_over_while_it_is_loaded() {
    let (old, new) = (lines(6000, "abc"), lines(6000, "xbc"));
    for (point, more) in [("batch: committed 3", ""), ("load: an input is read 1", "7000,more\n")] {
        let (folder, running) = stopped_at(&old, point, libc::SIGSTOP, &["--append-only"]);
        running.wait_for_stop();
        let mut file = OpenOptions::new()
            .write(true)
            .open(folder.path().join("in.csv"))
            .unwrap();
        file.write_all((new.clone() + more).as_bytes()).unwrap();
        drop(file);
        running.signal(libc::SIGCONT);
        let ended = running.wait();
        if ended.code() == 2 && point.starts_with("batch") {
            // It had been read to its end before that.
            assert!(rows(folder.path()).iter().all(|row| !row.contains("xbc")), "{point}");
        } else {
            assert_eq!(ended.code(), 74, "{point}: {}", said(&ended));
            assert!(said(&ended).contains("was written over"), "{}", said(&ended));
        }
        let again = load(folder.path(), &["--append-only"]);
        assert_eq!(again.code(), 74, "{point}: {}", said(&again));
    }
    // A file that only grows meanwhile is not one of them.
    let (folder, running) = stopped_at(&old, "load: an input is read 1", libc::SIGSTOP, &["--append-only"]);
    running.wait_for_stop();
    let mut file = File::options().append(true).open(folder.path().join("in.csv")).unwrap();
    file.write_all(b"7000,more\n").unwrap();
    drop(file);
    running.signal(libc::SIGCONT);
    assert_eq!(running.wait().code(), 2);
    let again = load(folder.path(), &["--append-only"]);
    assert_eq!(again.code(), 0, "{}", said(&again));
}

/// CRC-64/NVME, a bit at a time.
fn crc64_nvme(bytes: &[u8]) -> u64 {
    let step = |crc: u64| crc >> 1 ^ if crc & 1 == 1 { 0x9A6C_9329_AC4B_C9B5 } else { 0 };
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u64::from(byte), |crc, _| step(crc)))
}

#[test]
fn the_report_has_the_hash_of_all_that_was_read_at_every_setting() {
    assert_eq!(crc64_nvme(b"123456789"), 0xAE8B_1486_0A79_9888);
    let text = "\u{feff}id,v\r\n1,\"a\r\nb\"\r\n\r\n2,b\"ad\r\n3,\"never closed\r\n4,long long long long line\r\n5,e";
    let case = Case::csv(text)
        .and_csv("more.csv", "id,v\n6,f\n\n\n")
        .args(["--max-record-bytes", "20"])
        .any_rejects();
    for setting in super::harness::all_settings() {
        let run = case.run(&setting);
        let report = run.report().unwrap();
        for (index, text) in [text, "id,v\n6,f\n\n\n"].into_iter().enumerate() {
            let input = &report["inputs"][index];
            let hash = format!("{:016x}", crc64_nvme(text.as_bytes()));
            assert_eq!(input["crc64_nvme"].as_str(), Some(hash.as_str()), "{setting:?} {index}");
            assert_eq!(
                input["hashed_bytes"].as_u64(),
                Some(text.len() as u64),
                "{setting:?} {index}"
            );
        }
    }
}

#[test]
fn what_an_earlier_load_read_of_a_file_that_grows_is_looked_at_again_after_a_kill() {
    let text = lines(6000, "abc");
    let grown = lines(9000, "abc");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("in.csv");
    fs::write(&path, &text).unwrap();
    assert_eq!(load(folder, &["--append-only"]).code(), 2);
    fs::write(&path, &grown).unwrap();
    let mut command = command(folder, &["--append-only"]);
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 2 {}", libc::SIGKILL));
    assert_eq!(Running::start(command).wait().code(), 128 + libc::SIGKILL);
    let loaded = rows(folder);
    edit_in_place(&path, &edited(&grown, text.len() / 2));
    let again = load(folder, &["--append-only"]);
    assert_eq!(again.code(), 74, "{}", said(&again));
    assert!(said(&again).contains("did not only grow"), "{}", said(&again));
    assert_eq!(rows(folder), loaded);
    edit_in_place(&path, &grown);
    assert_eq!(load(folder, &["--append-only"]).code(), 2);
    let expected = Case::csv(&grown)
        .args(["--max-record-bytes", "500"])
        .any_rejects()
        .once();
    assert!(rows(folder) == expected.dump().rows);
}
