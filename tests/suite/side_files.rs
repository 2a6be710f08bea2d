//! What a load writes beside its database belongs to it alone: nothing else is written over, nothing of another load is lost or taken.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use super::database;
use super::dead_letters::read_rejects;
use super::harness::run_in;
use super::process::{Ended, Running, rowmill, said};

const HEADER: &str = "file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw";

fn load(folder: &Path, args: &[&str]) -> Ended {
    run_in(folder, &[&["load"], args].concat())
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap()).into_owned()
}

fn rejects(folder: &Path, name: &str) -> usize {
    read_rejects(&fs::read(folder.join(name)).unwrap()).unwrap().len()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// `records` rows with a reject among every hundred.
fn many(records: u32) -> String {
    let mut text = String::from("id,v\n");
    for id in 0..records {
        text += &if id % 100 == 7 {
            format!("{id}\n")
        } else {
            format!("{id},v\n")
        };
    }
    text
}

#[test]
fn a_file_that_is_no_errors_file_is_never_emptied() {
    for content in [
        "when,what\n2024-01-01,my own log\n",
        "x",
        "file,line\n",
        "file,line,line_end,record",
        "\n",
        &format!("{HEADER},more\nx\n"),
        &format!("\n{HEADER}\n"),
    ] {
        for flags in [&[][..], &["--safe-errors"], &["--restart"]] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), "in.csv", "a,b\n1,2\n");
            write(folder.path(), "errors.csv", content);
            let ended = load(folder.path(), &[&["in.csv", "out.db"], flags].concat());
            assert_eq!(ended.code(), 73, "{content}: {}", said(&ended));
            assert!(said(&ended).contains("name another with --errors"), "{}", said(&ended));
            assert_eq!(read(folder.path(), "errors.csv"), content);
            assert_eq!(names(folder.path()), ["errors.csv", "in.csv"]);
        }
    }
}

#[test]
fn an_empty_errors_file_and_one_without_rejects_are_used_again() {
    for content in [
        String::new(),
        format!("{HEADER}\n"),
        HEADER.to_owned(),
        format!("\u{feff}{HEADER}\r\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "in.csv", "a,b\n1,2\n3\n");
        write(folder.path(), "errors.csv", &content);
        let ended = load(folder.path(), &["in.csv", "out.db"]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert_eq!(rejects(folder.path(), "errors.csv"), 1);
        assert_eq!(names(folder.path()), ["errors.csv", "in.csv", "out.db"]);
    }
}

#[test]
fn rejects_of_an_earlier_load_are_kept_beside_under_the_next_free_number() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1,2\n3\n");
    write(folder, "errors.2.csv", "somebody else's");
    fs::create_dir(folder.join("errors.3.csv")).unwrap();
    symlink("nowhere", folder.join("errors.4.csv")).unwrap();
    let mut kept = Vec::new();
    for (number, database) in ["1.db", "2.db", "3.db"].iter().enumerate() {
        let ended = load(folder, &["in.csv", database]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        let note = ["", "kept in errors.1.csv", "kept in errors.5.csv"][number];
        assert!(said(&ended).contains(note), "{}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), 1);
        kept.push(read(folder, "errors.csv"));
    }
    assert_eq!(read(folder, "errors.1.csv"), kept[0]);
    assert_eq!(read(folder, "errors.5.csv"), kept[1]);
    assert_eq!(read(folder, "errors.2.csv"), "somebody else's");
    assert!(!folder.join("nowhere").exists());
    // Without a dot in the name, and a number that another output of this load is to have.
    write(folder, "more.csv", "a,b\n1\n");
    for database in ["4.db", "5.db"] {
        let args = ["more.csv", database, "--errors", "rejects", "--report", "rejects.1"];
        let ended = load(folder, &args);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
    }
    assert_eq!(rejects(folder, "rejects.2"), 1);
    assert!(read(folder, "rejects.1").starts_with('{'));
}

#[test]
fn a_load_that_goes_on_or_takes_back_a_guess_keeps_its_own_errors_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let lines: String = (0..200).map(|id| format!("{id},{id}\n{id}\n")).collect();
    write(folder, "in.csv", &format!("a,b\n{lines}x,y\n"));
    let guess = [
        "in.csv",
        "out.db",
        "--infer",
        "guess",
        "--chunk-bytes",
        "64",
        "--batch-rows",
        "10",
    ];
    let ended = load(folder, &guess);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert!(said(&ended).contains("taken back"), "{}", said(&ended));
    assert_eq!(rejects(folder, "errors.csv"), 200);
    assert_eq!(names(folder), ["errors.csv", "in.csv", "out.db"]);
    // A log that grows goes on in the same file.
    write(folder, "log.csv", "a,b\n1,2\n3\n");
    let log = ["log.csv", "log.db", "--append-only", "--errors", "log_errors.csv"];
    assert_eq!(load(folder, &log).code(), 2);
    write(folder, "log.csv", "a,b\n1,2\n3\n4\n");
    assert_eq!(load(folder, &log).code(), 2);
    assert_eq!(rejects(folder, "log_errors.csv"), 2);
    // What a restart takes back is its own.
    let restart = [&log[..], &["--restart"]].concat();
    assert_eq!(load(folder, &restart).code(), 2);
    assert_eq!(rejects(folder, "log_errors.csv"), 2);
    assert_eq!(
        names(folder),
        ["errors.csv", "in.csv", "log.csv", "log.db", "log_errors.csv", "out.db"]
    );
}

/// Another load used the same errors file since: its rejects are kept, and the log goes on.
#[test]
fn rejects_of_a_load_between_two_of_a_log_are_kept() {
    for first in ["a,b\n1,2\n", "a,b\n1,2\n3\n"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "log.csv", first);
        let log = ["log.csv", "log.db", "--append-only"];
        load(folder, &log);
        let before = rejects(folder, "errors.csv");
        write(folder, "other.csv", "c,d,e\n1\n2\n");
        assert_eq!(load(folder, &["other.csv", "other.db"]).code(), 2);
        assert_eq!(rejects(folder, "errors.csv"), 2);
        write(folder, "log.csv", &format!("{first}4\n"));
        let ended = load(folder, &log);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), before + 1);
        let kept = names(folder)
            .into_iter()
            .filter(|name| name.starts_with("errors.") && name != "errors.csv");
        let kept: Vec<usize> = kept.map(|name| rejects(folder, &name)).collect();
        assert_eq!(kept, [2], "{}", said(&ended));
    }
}

fn append(folder: &Path, name: &str, text: &str) {
    let mut file = fs::File::options().append(true).open(folder.join(name)).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

/// A finished load leaves nothing after what it committed: anything there was written by somebody else.
#[test]
fn notes_that_somebody_made_in_an_errors_file_are_kept() {
    for first in ["id,v\n1,a\n2\n3,c\n", "id,v\n"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "log.csv", first);
        let log = [
            "log.csv",
            "log.db",
            "--table",
            "t",
            "--append-only",
            "--types",
            "id=integer",
        ];
        let ended = load(folder, &log);
        assert!([0, 2].contains(&ended.code()), "{}", said(&ended));
        let before = rejects(folder, "errors.csv");
        append(folder, "errors.csv", "# checked by Ann\n");
        let noted = read(folder, "errors.csv");
        append(folder, "log.csv", "4,d\n5\n");
        let ended = load(folder, &log);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(said(&ended).contains("kept in errors.1.csv"), "{}", said(&ended));
        assert_eq!(read(folder, "errors.1.csv"), noted);
        assert_eq!(rejects(folder, "errors.csv"), before + 1);
        // Loads that go on from there go on in the new file.
        append(folder, "log.csv", "6\n");
        let ended = load(folder, &log);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), before + 2);
        assert!(!folder.join("errors.2.csv").exists());
    }
}

/// After what a load has committed may come what it wrote before it was stopped at the limit, but that is known to the byte.
#[test]
fn notes_in_the_errors_file_of_a_load_that_was_stopped_are_kept() {
    for note in ["", "# checked by Ann\n"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", "id,v\n1,a\n2\n3\n4\n5,e\n");
        for limit in ["1", "2"] {
            let ended = load(folder, &["in.csv", "x.db", "--max-errors", limit]);
            assert_eq!(ended.code(), 3, "{}", said(&ended));
        }
        append(folder, "errors.csv", note);
        let noted = read(folder, "errors.csv");
        let ended = load(folder, &["in.csv", "x.db"]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), 3);
        assert_eq!(folder.join("errors.1.csv").exists(), !note.is_empty());
        if !note.is_empty() {
            assert_eq!(read(folder, "errors.1.csv"), noted);
        }
    }
}

/// While a load writes the file, and after it was killed, whatever it does next.
#[test]
fn notes_in_the_errors_file_of_a_load_that_runs_or_was_killed_are_kept() {
    let text = many(3000) + "5,again\n17,again\n";
    let args = [
        "in.csv",
        "x.db",
        "--key",
        "id",
        "--batch-rows",
        "500",
        "--write-path",
        "sql",
    ];
    let note = "# checked by Ann\n";
    let found_in = |folder: &Path, note: &str| {
        let holds = |name: &String| name.starts_with("errors.") && read(folder, name).contains(note);
        names(folder).iter().filter(|name| holds(name)).count()
    };
    // While it runs: after the second batch, and when only duplicates have yet to come to their places.
    for point in [
        "batch: committed 2",
        "batch: committed 6",
        "settle: before the commit 1",
        "settle: committed 1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", &text);
        let all: Vec<OsString> = ["load"].iter().chain(&args).map(OsString::from).collect();
        let mut command = rowmill(folder, &all);
        command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGSTOP));
        let running = Running::start(command);
        running.wait_for_stop();
        append(folder, "errors.csv", note);
        running.signal(libc::SIGCONT);
        let ended = running.wait();
        assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), 32, "{point}");
        assert_eq!(found_in(folder, note), 1, "{point}");
        assert!(
            said(&ended).contains("kept in errors.1.csv"),
            "{point}: {}",
            said(&ended)
        );
    }
    // After a kill with lines that are not committed, and before the first commit.
    for (point, next) in [
        ("batch: before the commit 3", &[][..]),
        ("batch: before the commit 3", &["--restart"]),
        ("batch: before the commit 3", &["--forget"]),
        ("batch: before the commit 1", &[]),
        ("batch: before the commit 1", &["--restart"]),
        ("batch: before the commit 1", &["--forget"]),
    ] {
        for note in [note, ""] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            write(folder, "in.csv", &text);
            let all: Vec<OsString> = ["load"].iter().chain(&args).map(OsString::from).collect();
            let mut command = rowmill(folder, &all);
            command.env("ROWMILL_SIGNAL_AT", format!("{point} {}", libc::SIGKILL));
            assert_eq!(Running::start(command).wait().code(), 137, "{point}");
            append(folder, "errors.csv", note);
            let ended = load(folder, &[&args, next].concat());
            if next.contains(&"--forget") {
                assert_eq!(ended.code(), 0, "{}", said(&ended));
            } else {
                assert_eq!(ended.code(), 2, "{}", said(&ended));
                assert_eq!(rejects(folder, "errors.csv"), 32, "{point}");
            }
            if note.is_empty() {
                let kept = names(folder).iter().filter(|name| name.starts_with("errors.")).count();
                assert!(kept <= 1, "{point} {next:?}: {:?}", names(folder));
            } else {
                assert_eq!(found_in(folder, note), 1, "{point} {next:?}: {:?}", names(folder));
            }
        }
    }
}

/// This is what a rotation of logs by copying and emptying does.
#[test]
fn an_errors_file_that_is_emptied_while_a_load_writes_it_ends_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", &many(3000));
    let running = stopped_load(folder, &["in.csv", "x.db", "--batch-rows", "500"]);
    fs::File::options()
        .write(true)
        .open(folder.join("errors.csv"))
        .unwrap()
        .set_len(0)
        .unwrap();
    running.signal(libc::SIGCONT);
    let ended = running.wait();
    assert_eq!(ended.code(), 74, "{}", said(&ended));
    assert!(said(&ended).contains("changed, moved or removed"), "{}", said(&ended));
    assert!(!read(folder, "errors.csv").contains('\0'));
}

#[test]
fn an_errors_file_that_somebody_keeps_under_another_name_is_never_cut() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "id,v\n1,a\n2\n3\n4\n5,e\n");
    assert_eq!(load(folder, &["in.csv", "x.db", "--max-errors", "1"]).code(), 3);
    fs::hard_link(folder.join("errors.csv"), folder.join("evidence.csv")).unwrap();
    let evidence = read(folder, "evidence.csv");
    assert_eq!(evidence.lines().count(), 3);
    let ended = load(folder, &["in.csv", "x.db", "--max-errors", "0", "--restart"]);
    assert_eq!(ended.code(), 3, "{}", said(&ended));
    assert_eq!(read(folder, "evidence.csv"), evidence);
    assert_eq!(rejects(folder, "errors.csv"), 1);
    // Nor when a load that has written more than it committed goes on.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", &many(3000));
    let args = ["load", "in.csv", "x.db", "--batch-rows", "500"];
    let mut command = rowmill(folder, &args.map(Into::into));
    command.env(
        "ROWMILL_SIGNAL_AT",
        format!("batch: before the commit 3 {}", libc::SIGKILL),
    );
    assert_eq!(Running::start(command).wait().code(), 137);
    fs::hard_link(folder.join("errors.csv"), folder.join("evidence.csv")).unwrap();
    let evidence = read(folder, "evidence.csv");
    let ended = load(folder, &args[1..]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(read(folder, "evidence.csv"), evidence);
    assert_eq!(rejects(folder, "errors.csv"), 30);
}

/// The rejects of the loads that it went on after are theirs.
#[test]
fn a_load_of_what_was_appended_that_is_killed_at_once_leaves_the_earlier_rejects() {
    for point in ["load: table made", "batch: before the commit"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "log.csv", "id,v\n1,a\n2\n3,c\n");
        let log = ["load", "log.csv", "log.db", "--table", "t", "--append-only"];
        assert_eq!(load(folder, &log[1..]).code(), 2);
        append(folder, "log.csv", "4,d\n5\n");
        let mut command = rowmill(folder, &log.map(Into::into));
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 137, "{point}");
        let ended = load(folder, &log[1..]);
        assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), 2, "{point}");
        assert_eq!(names(folder), ["errors.csv", "log.csv", "log.db"], "{point}");
    }
}

/// A load that has stopped itself at its second commit.
fn stopped_load(folder: &Path, args: &[&str]) -> Running {
    let args: Vec<OsString> = ["load"].iter().chain(args).map(OsString::from).collect();
    let mut command = rowmill(folder, &args);
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 2 {}", libc::SIGSTOP));
    let running = Running::start(command);
    running.wait_for_stop();
    running
}

#[test]
fn two_loads_at_once_never_meet_in_one_errors_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "b.csv", "id,v\n7,ROW OF B\n7,again\n");
    let mut text = String::from("id,v\n");
    for id in (100..200).chain(1..100) {
        text += &format!("{id},A\n{id}\n");
    }
    write(folder, "a.csv", &text);
    let common = ["--table", "t", "--key", "id", "--batch-rows", "150"];
    let first = stopped_load(folder, &[&["a.csv", "a.db"], &common[..]].concat());
    fs::hard_link(folder.join("errors.csv"), folder.join("hard.csv")).unwrap();
    for errors in ["errors.csv", "./errors.csv", "hard.csv"] {
        let ended = load(folder, &[&["b.csv", "b.db", "--errors", errors], &common[..]].concat());
        assert_eq!(ended.code(), 75, "{}", said(&ended));
        let holder = format!("held by rowmill (process {})", first.id());
        assert!(said(&ended).contains(&holder), "{}", said(&ended));
        assert!(
            said(&ended).contains("name another file with --errors"),
            "{}",
            said(&ended)
        );
        assert!(!folder.join("b.db").exists());
    }
    // Whoever reads it is not kept out.
    assert!(read(folder, "errors.csv").starts_with(HEADER));
    let ended = load(
        folder,
        &[&["b.csv", "b.db", "--errors", "b_errors.csv"], &common[..]].concat(),
    );
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    first.signal(libc::SIGCONT);
    let ended = first.wait();
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(rejects(folder, "errors.csv"), 199);
    assert_eq!(rejects(folder, "b_errors.csv"), 1);
    assert_eq!(database::count(&folder.join("a.db"), "t"), 199);
    assert_eq!(database::count(&folder.join("b.db"), "t"), 1);
}

#[test]
fn loads_started_together_lose_no_reject() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let inputs: Vec<String> = (0..4).map(|number| format!("{number}.csv")).collect();
    let running: Vec<_> = inputs
        .iter()
        .map(|name| {
            write(folder, name, &many(20_000));
            let database = format!("{name}.db");
            let args = ["load", name, &database, "--key", "id", "-q"];
            Running::start(rowmill(folder, &args.map(Into::into)))
        })
        .collect();
    let codes: Vec<i32> = running.into_iter().map(|running| running.wait().code()).collect();
    assert!(codes.iter().all(|code| [2, 75].contains(code)), "{codes:?}");
    let files = names(folder).into_iter().filter(|name| name.starts_with("errors."));
    let found: usize = files.map(|name| rejects(folder, &name)).sum();
    let done = codes.iter().filter(|code| **code == 2).count();
    assert!(done >= 1);
    assert_eq!(found, done * 200, "{codes:?}");
}

/// A killed load, another load with the same errors file, and the first again: it finds its own.
#[test]
fn a_killed_load_goes_on_in_its_own_files_although_another_load_came_between() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text = many(3000);
    text += "5,again\n17,again\n";
    write(folder, "in.csv", &text);
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--key",
        "id",
        "--batch-rows",
        "500",
        "--write-path",
        "sql",
    ];
    for (point, count) in [
        ("batch: committed", 3),
        ("batch: before the commit", 1),
        ("settle: committed", 1),
    ] {
        for name in names(folder).iter().filter(|name| *name != "in.csv") {
            fs::remove_file(folder.join(name)).unwrap();
        }
        let mut command = rowmill(folder, &args.map(Into::into));
        command.env("ROWMILL_SIGNAL_AT", format!("{point} {count} {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 137, "{point}");
        write(folder, "other.csv", "c,d,e\n1\n2\n");
        assert_eq!(load(folder, &["other.csv", "other.db"]).code(), 2);
        let ended = load(folder, &args[1..]);
        assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
        assert_eq!(rejects(folder, "errors.csv"), 32, "{point}: {}", said(&ended));
        assert_eq!(database::count(&folder.join("out.db"), "in"), 2970, "{point}");
        let kept = names(folder)
            .into_iter()
            .filter(|name| name.starts_with("errors.") && name != "errors.csv");
        let kept: Vec<String> = kept.collect();
        assert!(kept.iter().any(|name| rejects(folder, name) == 2), "{point}: {kept:?}");
        assert!(kept.iter().all(|name| name.ends_with(".csv")), "{point}: {kept:?}");
    }
}

#[test]
fn a_spool_that_was_edited_between_two_runs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text = many(1000);
    text += "5,again\n5,again\n";
    text += &(2000..4000).map(|id| format!("{id},v\n")).collect::<String>();
    write(folder, "in.csv", &text);
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--key",
        "id",
        "--batch-rows",
        "500",
        "--write-path",
        "sql",
    ];
    let mut command = rowmill(folder, &args.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 5 {}", libc::SIGKILL));
    assert_eq!(Running::start(command).wait().code(), 137);
    let name = names(folder)
        .into_iter()
        .find(|name| name.ends_with(".suspects"))
        .unwrap();
    let good = fs::read(folder.join(&name)).unwrap();
    let mut bad = good.clone();
    let last = bad.len() - 1;
    bad[last] ^= 1;
    fs::write(folder.join(&name), bad).unwrap();
    let ended = load(folder, &args[1..]);
    assert_eq!(ended.code(), 74, "{}", said(&ended));
    assert!(
        said(&ended).contains(&name) && said(&ended).contains("--restart"),
        "{}",
        said(&ended)
    );
    fs::write(folder.join(&name), good).unwrap();
    assert_eq!(load(folder, &args[1..]).code(), 2);
    assert_eq!(rejects(folder, "errors.csv"), 12);
    assert_eq!(names(folder), ["errors.csv", "in.csv", "out.db"]);
}

#[test]
fn an_output_that_is_refused_is_not_written_by_the_report_of_that_either() {
    let setup = |folder: &Path| {
        write(folder, "in.csv", "a,b\n1,2\n");
        rusqlite::Connection::open(folder.join("x.db"))
            .unwrap()
            .execute_batch("CREATE TABLE precious(a); INSERT INTO precious VALUES (42)")
            .unwrap();
        write(folder, "mine", "precious");
        write(folder, "mine.json", "{\"a\": 1}\n");
        write(folder, "mine.html", "<!DOCTYPE html><html><title>mine</title></html>");
        write(folder, "errors.csv", &format!("{HEADER}\nold\n"));
        fs::hard_link(folder.join("in.csv"), folder.join("hard")).unwrap();
        symlink("in.csv", folder.join("soft")).unwrap();
        symlink("x.db-wal", folder.join("dangling")).unwrap();
        symlink(".", folder.join("here")).unwrap();
    };
    let cases: [(&[&str], i32); 22] = [
        (&["in.csv", "x.db", "--report", "in.csv"], 73),
        (&["in.csv", "x.db", "--report", "./here/in.csv"], 73),
        (&["in.csv", "x.db", "--report", "hard"], 73),
        (&["in.csv", "x.db", "--report", "soft"], 73),
        (&["in.csv", "x.db", "--report", "x.db"], 73),
        (&["in.csv", "x.db", "--report", "x.db-journal"], 73),
        (&["in.csv", "x.db", "--report", "dangling"], 73),
        (&["in.csv", "x.db", "--report", "errors.csv"], 73),
        (&["in.csv", "x.db", "--report", "mine"], 73),
        (&["in.csv", "x.db", "--report", "mine.json"], 73),
        (&["in.csv", "x.db", "--report-html", "in.csv"], 73),
        (&["in.csv", "x.db", "--report-html", "mine.html"], 73),
        (&["in.csv", "x.db", "--report-html", "x.db"], 73),
        (&["in.csv", "x.db", "--report", "x.db", "--batch-rows", "0"], 64),
        (&["in.csv", "x.db", "--report-html", "x.db", "--batch-rows", "0"], 64),
        (&["in.csv", "x.db", "--report", "mine", "--batch-rows", "0"], 64),
        (&["in.csv", "in.csv"], 73),
        (&["in.csv", "soft"], 73),
        (&["in.csv", "x.db", "--errors", "x.db"], 73),
        (&["in.csv", "x.db", "--errors", "hard"], 73),
        (&["in.csv", "x.db", "--errors", "dangling"], 73),
        (&["gone.csv", "x.db", "--report", "gone.csv"], 73),
    ];
    for (args, code) in cases {
        let folder = tempfile::tempdir().unwrap();
        setup(folder.path());
        let before: Vec<(String, Vec<u8>)> = names(folder.path())
            .into_iter()
            .filter_map(|name| Some((name.clone(), fs::read(folder.path().join(&name)).ok()?)))
            .collect();
        let ended = load(folder.path(), &[args, &["--table", "t"]].concat());
        assert_eq!(ended.code(), code, "{args:?}: {}", said(&ended));
        for (name, bytes) in before {
            assert!(
                fs::read(folder.path().join(&name)).unwrap() == bytes,
                "{args:?}: {name}"
            );
        }
        assert!(!folder.path().join("gone.csv").exists());
    }
}

#[test]
fn standard_streams_are_files_of_the_load_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1,2\n");
    let mut command = rowmill(folder, &["load", "-", "x.db", "--report", "in.csv"].map(Into::into));
    command.stdin(fs::File::open(folder.join("in.csv")).unwrap());
    let ended = Running::start(command).wait();
    assert_eq!(ended.code(), 73, "{}", said(&ended));
    assert_eq!(read(folder, "in.csv"), "a,b\n1,2\n");
    let messages = fs::File::create(folder.join("errors.csv")).unwrap();
    let mut command = rowmill(folder, &["load", "in.csv", "x.db"].map(Into::into));
    command.stderr(Stdio::from(messages));
    assert_eq!(command.status().unwrap().code(), Some(73));
    assert!(read(folder, "errors.csv").contains("standard error"));
    // A report for standard output is written from where that stands.
    write(folder, "log", "before\n");
    let log = fs::File::options().append(true).open(folder.join("log")).unwrap();
    let args = ["load", "in.csv", "x.db", "--errors", "e.csv", "--report", "/dev/stdout"];
    let mut command = rowmill(folder, &args.map(Into::into));
    command.stdout(Stdio::from(log));
    assert_eq!(command.status().unwrap().code(), Some(0));
    let log = read(folder, "log");
    assert!(log.starts_with("before\n{") && log.ends_with("}\n"), "{log}");
}

#[test]
fn a_report_is_no_stream_for_lying_below_dev_or_proc() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    write(&folder, "in.csv", "a,b\n1,2\n");
    write(&folder, "mine", "precious");
    let mut paths = vec![
        format!("/dev/..{}/mine", folder.display()),
        "/proc/self/fd/../cwd/mine".to_owned(),
        // By the time the report is written this may be any file of the load.
        "/dev/fd/7".to_owned(),
    ];
    let shared = tempfile::tempdir_in("/dev/shm").ok();
    if let Some(shared) = &shared {
        write(shared.path(), "mine", "precious");
        paths.push(shared.path().join("mine").display().to_string());
    }
    for path in &paths {
        for flag in ["--report", "--report-html"] {
            let ended = load(&folder, &["in.csv", "x.db", flag, path]);
            assert_eq!(ended.code(), 73, "{flag} {path}: {}", said(&ended));
            assert!(said(&ended).contains(flag), "{}", said(&ended));
            assert_eq!(names(&folder), ["in.csv", "mine"]);
        }
    }
    for place in shared.iter().map(tempfile::TempDir::path).chain([folder.as_path()]) {
        assert_eq!(read(place, "mine"), "precious");
    }
}

#[test]
fn a_database_whose_name_is_that_of_a_folder_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1,2\n");
    for name in [
        "in.csv/",
        "in.csv/.",
        "x.db/",
        "x.db/./",
        "none/../in.csv",
        "in.csv/../x.db",
        ".",
        "./",
    ] {
        let ended = load(folder, &["in.csv", name, "--table", "t"]);
        assert_eq!(ended.code(), 73, "{name}: {}", said(&ended));
        assert!(said(&ended).contains("name"), "{}", said(&ended));
        assert_eq!(names(folder), ["in.csv"], "{name}");
        assert_eq!(read(folder, "in.csv"), "a,b\n1,2\n");
    }
    let ended = load(folder, &["in.csv", "x.db/", "--report", "x.db"]);
    assert_eq!(ended.code(), 73, "{}", said(&ended));
    assert_eq!(names(folder), ["in.csv"]);
}

#[test]
fn a_file_of_somebody_in_the_place_of_a_journal_is_left_alone() {
    // Beside a database that exists it may be the database's own, torn by a power cut.
    for ending in ["-journal", "-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", "a,b\n1,2\n");
        let name = format!("x.db{ending}");
        write(folder, &name, "my notes\n");
        let before = names(folder);
        let ended = load(folder, &["in.csv", "x.db"]);
        assert_eq!(ended.code(), 73, "{}", said(&ended));
        assert!(said(&ended).contains("rename that file"), "{}", said(&ended));
        assert_eq!(read(folder, &name), "my notes\n");
        assert_eq!(names(folder), before);
    }
}

#[test]
fn a_file_of_somebody_beside_what_a_link_leads_to_is_left_alone() {
    for ending in ["-journal", "-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", "a,b\n1,2\n");
        let name = format!("real.db{ending}");
        write(folder, &name, "my notes\n");
        std::os::unix::fs::symlink("real.db", folder.join("x.db")).unwrap();
        let ended = load(folder, &["in.csv", "x.db"]);
        assert_eq!(ended.code(), 73, "{}", said(&ended));
        assert_eq!(read(folder, &name), "my notes\n");
    }
}

#[test]
fn a_report_without_a_folder_is_refused_before_anything_is_loaded() {
    for flag in ["--report", "--report-html"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", "a,b\n1,2\n");
        let ended = load(folder, &["in.csv", "x.db", flag, "none/report"]);
        assert_eq!(ended.code(), 73, "{}", said(&ended));
        assert!(
            said(&ended).contains("none/report: its folder does not exist"),
            "{}",
            said(&ended)
        );
        assert_eq!(names(folder), ["in.csv"]);
    }
}

#[test]
fn a_file_that_comes_to_the_place_of_a_report_during_the_load_is_left_alone() {
    let text: String = (0..100).map(|id| format!("{id},x\n")).collect();
    for (flag, name) in [("--report", "r.json"), ("--report-html", "r.html")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", &format!("id,v\n{text}"));
        let running = stopped_load(folder, &["in.csv", "x.db", "--batch-rows", "10", flag, name]);
        write(folder, name, "precious");
        running.signal(libc::SIGCONT);
        let ended = running.wait();
        assert_eq!(ended.code(), 73, "{flag}: {}", said(&ended));
        assert_eq!(read(folder, name), "precious", "{flag}");
    }
}

/// A journal that a killed load left is SQLite's, synced or not.
#[test]
fn a_journal_that_a_killed_load_left_is_gone_on_with() {
    for (point, path) in [
        ("load: table made", "sql"),
        ("batch: before the commit", "sql"),
        ("direct: pages written", "direct"),
        ("direct: before the commit", "direct"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", &many(3000));
        let args = [
            "load",
            "in.csv",
            "x.db",
            "--key",
            "id",
            "--batch-rows",
            "500",
            "--write-path",
            path,
        ];
        let mut command = rowmill(folder, &args.map(Into::into));
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
        assert_eq!(Running::start(command).wait().code(), 137, "{point}");
        let ended = load(folder, &["in.csv", "x.db", "--key", "id", "--batch-rows", "500"]);
        assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
        assert_eq!(database::count(&folder.join("x.db"), "in"), 2970, "{point}");
    }
}

#[test]
fn databases_called_like_a_side_file_are_left_whole() {
    for (name, input) in [
        ("errors.csv.merging", "k,b\na,2\nb,1\na,3\n"),
        ("errors.csv.suspects", "k,b\na,2\nb,1\na,3\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", input);
        rusqlite::Connection::open(folder.join(name))
            .unwrap()
            .execute_batch("CREATE TABLE precious(a); INSERT INTO precious VALUES (42)")
            .unwrap();
        let ended = load(folder, &["in.csv", name, "--table", "t", "--key", "k"]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert_eq!(database::count(&folder.join(name), "precious"), 1);
        assert_eq!(database::count(&folder.join(name), "t"), 2);
        assert_eq!(database::integrity(&folder.join(name)), "ok");
    }
}

#[test]
fn side_files_that_somebody_changes_while_they_are_written_end_the_load() {
    let mut text = many(1000);
    text += "5,again\n";
    text += &(2000..4000).map(|id| format!("{id},v\n")).collect::<String>();
    text += "6,again\n7\n";
    let edit = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        let mut file = fs::File::options().write(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
    };
    let move_away = |path: &Path| fs::rename(path, path.with_extension("moved")).unwrap();
    let changes = [
        ("errors.csv", &move_away as &dyn Fn(&Path)),
        ("errors.csv", &edit),
        (".suspects", &edit),
    ];
    for (ending, change) in changes {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", &text);
        let args = [
            "in.csv",
            "out.db",
            "--key",
            "id",
            "--batch-rows",
            "1500",
            "--write-path",
            "sql",
        ];
        let running = stopped_load(folder, &args);
        let name = names(folder).into_iter().find(|name| name.ends_with(ending)).unwrap();
        change(&folder.join(&name));
        running.signal(libc::SIGCONT);
        let ended = running.wait();
        assert_eq!(ended.code(), 74, "{}", said(&ended));
        assert!(said(&ended).contains(&name), "{}", said(&ended));
        assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    }
}

#[test]
fn an_output_that_another_file_of_the_load_is_to_have_is_refused() {
    let cases: [&[&str]; 8] = [
        // SQLite names its files after what a link leads to.
        &["in.csv", "link.db", "--errors", "real.db-journal"],
        &["in.csv", "link.db", "--report", "real.db-wal"],
        &["in.csv", "link.db", "--report-html", "link.db-shm"],
        &["in.csv", "x.db", "--report-html", "x.db-journal"],
        &["in.csv", "x.db", "--report-html", "x.db-wal"],
        &["x.db-journal", "x.db"],
        &["in.csv", "x.db", "--errors", "one", "--report-html", "one"],
        &["in.csv", "x.db", "--report", "one", "--report-html", "one"],
    ];
    for args in cases {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "in.csv", "a,b\n1,2\n");
        symlink("real.db", folder.join("link.db")).unwrap();
        let mut before = vec!["in.csv", "link.db"];
        if args[0] != "in.csv" {
            write(folder, args[0], "a,b\n1,2\n");
            before.push(args[0]);
        }
        let ended = load(folder, &[args, &["--table", "t"]].concat());
        assert_eq!(ended.code(), 73, "{args:?}: {}", said(&ended));
        let written: Vec<String> = names(folder).into_iter().filter(|name| name != "one").collect();
        assert_eq!(written, before, "{args:?}");
        assert_eq!(read(folder, args[0]), "a,b\n1,2\n");
    }
}

#[test]
fn nothing_is_loaded_into_a_database_that_messages_go_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1,2\n");
    rusqlite::Connection::open(folder.join("x.db"))
        .unwrap()
        .execute_batch("CREATE TABLE precious(a); INSERT INTO precious VALUES (42)")
        .unwrap();
    for stream in ["stderr", "stdout"] {
        let messages = fs::File::options().append(true).open(folder.join("x.db")).unwrap();
        let mut command = rowmill(folder, &["load", "in.csv", "x.db", "--table", "t"].map(Into::into));
        match stream {
            "stderr" => command.stderr(Stdio::from(messages)),
            _ => command.stdout(Stdio::from(messages)),
        };
        assert_eq!(command.status().unwrap().code(), Some(73), "{stream}");
        assert_eq!(database::count(&folder.join("x.db"), "precious"), 1);
        assert_eq!(database::integrity(&folder.join("x.db")), "ok");
        assert_eq!(names(folder), ["in.csv", "x.db"]);
    }
}

#[test]
fn rejects_are_not_kept_under_the_name_that_the_report_is_to_have() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1\n");
    let args = ["in.csv", "1.db", "--errors", "rejects"];
    assert_eq!(load(folder, &args).code(), 2);
    for (database, flag, name, kept) in [
        ("2.db", "--report", "rejects.1", "rejects.2"),
        ("3.db", "--report-html", "rejects.3", "rejects.4"),
    ] {
        let ended = load(folder, &["in.csv", database, "--errors", "rejects", flag, name]);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(said(&ended).contains(&format!("kept in {kept}")), "{}", said(&ended));
        assert_eq!((rejects(folder, "rejects"), rejects(folder, kept)), (1, 1));
    }
}

#[test]
fn an_errors_file_that_is_made_anew_may_be_read_by_whom_the_old_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", "a,b\n1\n");
    let mode = || fs::metadata(folder.join("errors.csv")).unwrap().permissions().mode() & 0o777;
    write(folder, "errors.csv", &format!("{HEADER}\n"));
    for (database, bits) in [("1.db", 0o600), ("2.db", 0o640), ("3.db", 0o664)] {
        fs::set_permissions(folder.join("errors.csv"), fs::Permissions::from_mode(bits)).unwrap();
        assert_eq!(load(folder, &["in.csv", database]).code(), 2);
        assert_eq!(mode(), bits);
    }
}

#[test]
fn a_killed_load_finds_its_own_rejects_among_several_that_were_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.csv", &many(3000));
    write(folder, "other.csv", "c,d,e\n1\n2\n");
    assert_eq!(load(folder, &["other.csv", "1.db"]).code(), 2);
    let args = ["load", "in.csv", "out.db", "--batch-rows", "500"];
    let mut command = rowmill(folder, &args.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 3 {}", libc::SIGKILL));
    assert_eq!(Running::start(command).wait().code(), 137);
    for database in ["2.db", "3.db"] {
        assert_eq!(load(folder, &["other.csv", database]).code(), 2);
    }
    let ended = load(folder, &args[1..]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert!(said(&ended).contains("errors.2.csv"), "{}", said(&ended));
    assert_eq!(rejects(folder, "errors.csv"), 30);
    let kept = names(folder).into_iter().filter(|name| name.starts_with("errors."));
    let kept: Vec<usize> = kept
        .map(|name| rejects(folder, &name))
        .filter(|&lines| lines != 30)
        .collect();
    assert_eq!(kept, [2, 2, 2]);
}
