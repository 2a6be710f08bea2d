//! What the system, the table or the error limit does not allow: said in words, with the right exit code and a way to go on.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use super::database;
use super::harness::{Case, PLAIN, run_in};
use super::process::{Ended, Feed, Running, rowmill, said, wait_until};

/// Runs under a limit of the system.
fn limited(folder: &Path, args: &[&str], resource: libc::__rlimit_resource_t, limit: u64) -> Ended {
    let args: Vec<_> = args.iter().map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    let limit = libc::rlimit {
        rlim_cur: limit,
        rlim_max: limit,
    };
    let set = move || {
        // SAFETY: `limit` lives through the call, which only reads it.
        match unsafe { libc::setrlimit(resource, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: what runs between fork and exec is one system call: no allocation, no lock.
    unsafe { command.pre_exec(set) };
    Running::start(command).wait()
}

#[test]
fn more_inputs_than_may_be_open_are_opened_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..150).map(|number| format!("{number}.csv")).collect();
    for (number, name) in names.iter().enumerate() {
        fs::write(folder.path().join(name), format!("a\n{number}\n")).unwrap();
    }
    let mut args: Vec<&str> = vec!["load"];
    args.extend(names.iter().map(String::as_str));
    args.extend(["out.db", "--table", "t"]);
    let ended = limited(folder.path(), &args, libc::RLIMIT_NOFILE, 100);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    let rows = database::dump(&folder.path().join("out.db"), "t").rows;
    assert_eq!((rows.len(), rows[149].as_str()), (150, "150: 149"));
}

#[test]
fn more_streams_than_may_be_open_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..40).map(|number| format!("{number}.csv")).collect();
    let feeds: Vec<Feed> = names
        .iter()
        .map(|name| Feed::bytes(folder.path().join(name), b"a\n1\n".to_vec()))
        .collect();
    let mut args: Vec<&str> = vec!["load"];
    args.extend(names.iter().map(String::as_str));
    args.extend(["out.db", "--table", "t"]);
    let ended = limited(folder.path(), &args, libc::RLIMIT_NOFILE, 30);
    drop(feeds);
    assert_eq!(ended.code(), 74, "{}", said(&ended));
    assert!(said(&ended).contains("ulimit -n"), "{}", said(&ended));
}

#[test]
fn a_file_that_may_not_grow_is_said_and_the_same_command_goes_on() {
    for write_path in ["direct", "sql"] {
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..60_000).map(|number| format!("{number},some name\n")).collect();
        fs::write(folder.path().join("in.csv"), format!("a,b\n{rows}")).unwrap();
        let args = ["load", "in.csv", "out.db", "--table", "t", "--batch-rows", "5000"];
        let more = [&args[..], &["--write-path", write_path]].concat();
        let ended = limited(folder.path(), &more, libc::RLIMIT_FSIZE, 400_000);
        assert_eq!(ended.code(), 74, "{write_path}: {}", said(&ended));
        assert!(said(&ended).contains("ulimit -f"), "{write_path}: {}", said(&ended));
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 0, "{write_path}: {}", said(&ended));
        assert_eq!(database::count(&folder.path().join("out.db"), "t"), 60_000);
    }
}

#[test]
fn a_fifo_that_nobody_writes_to_is_given_up_at_the_first_signal() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let folder = tempfile::tempdir().unwrap();
        let path = std::ffi::CString::new(folder.path().join("in.csv").to_str().unwrap()).unwrap();
        // SAFETY: `path` is a NUL-terminated string that lives through the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
        let args = ["load", "in.csv", "out.db", "--report", "report.json"].map(Into::into);
        let running = Running::start(rowmill(folder.path(), &args));
        let opened = format!("/proc/{}/fd", running.id());
        wait_until("the FIFO is open", || {
            let open = fs::read_dir(&opened).into_iter().flatten().flatten();
            open.filter_map(|entry| fs::read_link(entry.path()).ok())
                .any(|target| target.ends_with("in.csv"))
        });
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.status.code(), Some(128 + signal), "{}", said(&ended));
        assert!(!folder.path().join("out.db").exists());
    }
}

#[test]
fn a_device_that_is_full_is_said() {
    for (flag, code) in [("--report", 74), ("--report-html", 73)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), "a,b\n1,2\n").unwrap();
        let ended = run_in(folder.path(), &["load", "in.csv", "out.db", flag, "/dev/full"]);
        assert_eq!(ended.code(), code, "{flag}: {}", said(&ended));
        assert!(said(&ended).contains("/dev/full"), "{flag}: {}", said(&ended));
    }
}

#[test]
fn a_load_over_its_limit_that_is_complete_says_so_and_is_not_loaded_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("name,n\n");
    for number in 0..95 {
        text += &format!("x{number},{number}\n");
    }
    text += &"bad\n".repeat(5);
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let load = |limit: &str| {
        let args = ["load", "in.csv", "out.db", "--table", "t", "--max-errors", limit];
        run_in(folder.path(), &args)
    };
    for _ in 0..2 {
        let ended = load("1%");
        assert_eq!(ended.code(), 3, "{}", said(&ended));
        for words in ["the whole input is loaded", "a higher --max-errors"] {
            assert!(said(&ended).contains(words), "{}", said(&ended));
        }
        assert!(!said(&ended).contains("was not loaded"), "{}", said(&ended));
    }
    let ended = load("10%");
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(database::count(&folder.path().join("out.db"), "t"), 95);
    let errors = fs::read_to_string(folder.path().join("errors.csv")).unwrap();
    assert_eq!(errors.lines().count(), 6);
    let tables: i64 = database::open(&folder.path().join("out.db"))
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1, "the checkpoint is gone");
}

#[test]
fn duplicates_that_pass_the_limit_at_the_end_do_not_load_the_rest_twice() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "k,v\na,1\nb,2\na,3\nc,4\n").unwrap();
    let load = |limit: &str| {
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--table",
            "t",
            "--key",
            "k",
            "--max-errors",
            limit,
        ];
        run_in(folder.path(), &args)
    };
    assert_eq!(load("0").code(), 3);
    let ended = load("1");
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let rows = database::dump(&folder.path().join("out.db"), "t").rows;
    assert_eq!(rows, ["1: 'a', 1", "2: 'b', 2", "4: 'c', 4"]);
}

#[test]
fn a_table_whose_rows_repeat_the_key_is_refused_with_an_example() {
    Case::csv("code,v\nb,3\n")
        .existing("CREATE TABLE t (code TEXT, v INT); INSERT INTO t VALUES (NULL, 0), (NULL, 0), ('a', 1), ('a', 2)")
        .args(["--key", "code"])
        .expect_exit(78)
        .expect_said("has rows that repeat the key code, for example 'a'; nothing was loaded")
        .once();
}

#[test]
fn an_index_that_a_key_adds_to_a_table_is_said() {
    for rows in ["", "; INSERT INTO t VALUES ('a', 1)"] {
        Case::csv("code,v\nb,3\n")
            .existing(&format!("CREATE TABLE t (code TEXT, v INT){rows}"))
            .args(["--key", "code"])
            .expect_said("has no unique index on the key code: one is added to it")
            .check();
    }
}

#[test]
fn columns_of_an_index_may_be_quoted_as_those_of_a_key() {
    let run = Case::csv("\"last, first\",v\na,1\n")
        .args(["--index", "\"last, first\",v"])
        .expect_rows(["1: 'a', 1"])
        .once();
    assert!(
        run.dump().schema[1].contains("(\"last, first\", \"v\")"),
        "{:?}",
        run.dump().schema
    );
}

#[test]
fn without_a_header_generated_columns_do_not_count() {
    for stored in ["STORED", "VIRTUAL"] {
        let existing = format!("CREATE TABLE t (a INT, g INT GENERATED ALWAYS AS (a * 2) {stored}, b TEXT)");
        Case::csv("1,x\n2,y\n")
            .existing(&existing)
            .args(["--no-header"])
            .expect_rows(["1: 1, 2, 'x'", "2: 2, 4, 'y'"])
            .check();
        Case::csv("1,x,3\n")
            .existing(&existing)
            .args(["--no-header"])
            .expect_exit(78)
            .expect_said("the input has 3 columns, the table takes 2")
            .run(&PLAIN);
    }
}

#[test]
fn what_an_append_only_load_left_is_not_believed_once_it_was_edited() {
    let edits = [
        "UPDATE _rowmill_append_only SET body = replace(body, '\"records\":1', '\"records\":7')",
        "UPDATE _rowmill_append_only SET body = 'x'",
        "UPDATE _rowmill_append_only SET body = x'ff00'",
        "ALTER TABLE _rowmill_append_only DROP COLUMN body",
    ];
    for edit in edits {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
        let args = ["load", "in.csv", "out.db", "--table", "t", "--append-only"];
        assert_eq!(run_in(folder.path(), &args).code(), 0);
        database::create(&folder.path().join("out.db"), edit);
        fs::write(folder.path().join("in.csv"), "a\n1\n2\n").unwrap();
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 78, "{edit}: {}", said(&ended));
        assert!(said(&ended).contains("put that row back"), "{edit}: {}", said(&ended));
        assert_eq!(database::count(&folder.path().join("out.db"), "t"), 1);
    }
}
