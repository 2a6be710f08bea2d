//! A system that refuses: no file handles, no memory, no standard streams, no terminal, two loads at once. Nothing is lost, nothing
//! is mixed up, and the message says what to do.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::database::{self, Dump};
use super::harness::run_in;
use super::process::{Feed, Running, rowmill, said, wait_until};
use super::terminal::pseudo_terminal;

const ARGS: [&str; 9] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "t",
    "--key",
    "id",
    "--batch-rows=1000",
    "--threads=4",
];

/// Rows whose keys come in no order, with rejects and duplicates among them.
fn input(folder: &Path, records: u32) {
    let mut text = String::from("id,name\n");
    for number in 0..records {
        match number % 100 {
            0 => text += "1,too,many\n",
            1 => text += "7,again and again\n",
            _ => text += &format!("{},name {number}\n", u64::from(number) * 7919 % 1_000_003),
        }
    }
    fs::write(folder.join("in.csv"), text).unwrap();
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    rowmill(folder, &args)
}

/// Makes the program run under a limit of the system.
fn limited(mut command: Command, resource: libc::__rlimit_resource_t, limit: u64) -> Command {
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
    command
}

/// The table and the dead-letter file.
fn outcome(folder: &Path) -> (Dump, Vec<u8>) {
    assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    (
        database::dump(&folder.join("out.db"), "t"),
        fs::read(folder.join("errors.csv")).unwrap(),
    )
}

/// The result of the same load when nothing is in its way.
fn undisturbed(records: u32) -> (Dump, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    input(folder.path(), records);
    let ended = run_in(folder.path(), &ARGS);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    outcome(folder.path())
}

/// Runs under each limit until the load succeeds; whatever it refused before, the same command then does without the limit.
fn refused_until_enough(resource: libc::__rlimit_resource_t, limits: &[u64], codes: &[i32], hint: &str) {
    const RECORDS: u32 = 20_000;
    let expected = undisturbed(RECORDS);
    let mut refused = 0;
    for &limit in limits {
        let folder = tempfile::tempdir().unwrap();
        input(folder.path(), RECORDS);
        let ended = Running::start(limited(command(folder.path(), &ARGS), resource, limit)).wait();
        // The dynamic linker gave up before there was a program.
        if ended.code() == 127 {
            continue;
        }
        if ended.code() != 2 {
            // The C library itself ends a program, and says so, when a thread cannot note what to do at its end.
            let is_given_up = said(&ended).starts_with("Fatal glibc error") && said(&ended).contains("out of memory");
            if !is_given_up {
                assert!(
                    codes.contains(&ended.code()),
                    "limit {limit}: {} {}",
                    ended.status,
                    said(&ended)
                );
                assert!(said(&ended).contains(hint), "limit {limit}: {}", said(&ended));
                assert!(!said(&ended).contains("defect"), "limit {limit}: {}", said(&ended));
            }
            refused += 1;
            let ended = run_in(folder.path(), &ARGS);
            assert_eq!(ended.code(), 2, "limit {limit}, then none: {}", said(&ended));
        }
        assert!(outcome(folder.path()) == expected, "limit {limit}: another outcome");
    }
    assert!(refused >= 2, "the limits were too wide to refuse anything");
    assert!(refused < limits.len(), "the limits were too narrow to load anything");
}

#[test]
fn a_load_without_file_handles_says_so_and_the_same_command_finishes_it() {
    let limits: Vec<u64> = (4..=12).chain([64]).collect();
    refused_until_enough(libc::RLIMIT_NOFILE, &limits, &[74], "ulimit -n");
}

#[test]
fn a_load_without_address_space_says_so_and_the_same_command_finishes_it() {
    // With less, the system cannot put the program itself into memory, and kills it before it begins.
    let limits: Vec<u64> = (19..=40)
        .step_by(3)
        .chain([64, 128, 4096])
        .map(|mib| mib << 20)
        .collect();
    refused_until_enough(libc::RLIMIT_AS, &limits, &[64, 71, 74], "ulimit -v");
}

#[test]
fn standard_streams_that_are_closed_do_not_become_the_database() {
    const RECORDS: u32 = 3000;
    let expected = undisturbed(RECORDS);
    for closed in [&[0][..], &[1], &[2], &[1, 2], &[0, 1, 2]] {
        let folder = tempfile::tempdir().unwrap();
        input(folder.path(), RECORDS);
        let mut command = command(folder.path(), &ARGS);
        command.arg("-v");
        let close = move || {
            for &descriptor in closed {
                // SAFETY: close takes an integer; these descriptors are the child's own.
                unsafe { libc::close(descriptor) };
            }
            Ok(())
        };
        // SAFETY: what runs between fork and exec is system calls: no allocation, no lock.
        unsafe { command.pre_exec(close) };
        let ended = Running::start(command).wait();
        assert_eq!(ended.code(), 2, "closed {closed:?}: {}", said(&ended));
        assert_eq!(ended.stderr.is_empty(), closed.contains(&2));
        assert!(outcome(folder.path()) == expected, "closed {closed:?}: another outcome");
    }
}

#[test]
fn a_reader_of_the_messages_that_has_gone_away_stops_nothing() {
    const RECORDS: u32 = 3000;
    let folder = tempfile::tempdir().unwrap();
    input(folder.path(), RECORDS);
    let mut command = command(folder.path(), &ARGS);
    let mut child = command.arg("-v").stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(outcome(folder.path()) == undisturbed(RECORDS));
}

#[test]
fn a_terminal_that_goes_away_lets_the_load_drain() {
    let folder = tempfile::tempdir().unwrap();
    let fed = folder.path().join("fed");
    let feed = Feed::start(folder.path().join("in.csv"), move |fifo| {
        let mut left = fifo.write_all(b"id,name\n1,Ada\n").and_then(|()| fs::write(&fed, ""));
        while left.is_ok() {
            left = fifo.write_all(b"2,Grace\n").and_then(|()| fifo.flush());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let (terminal, inner) = pseudo_terminal();
    let mut command = command(folder.path(), &ARGS);
    command.args(["--report", "report.json"]).stderr(Stdio::from(inner));
    let lead = || {
        // Under nohup(1) the tests themselves ignore the signal, and a program that ignores it goes on, as it should.
        // SAFETY: all calls take integers; descriptor 2 is the terminal, which becomes that of the new session.
        match unsafe {
            libc::signal(libc::SIGHUP, libc::SIG_DFL);
            libc::setsid() > 0 && libc::ioctl(2, libc::TIOCSCTTY, 0) == 0
        } {
            true => Ok(()),
            false => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: what runs between fork and exec is system calls: no allocation, no lock.
    unsafe { command.pre_exec(lead) };
    let running = Running::start(command);
    // Signals are seen to before any input is opened.
    wait_until("the stream is read", || folder.path().join("fed").exists());
    drop(terminal);
    let ended = running.wait();
    drop(feed);
    assert_eq!(ended.status.code(), Some(128 + libc::SIGHUP), "{}", ended.status);
    let report = fs::read_to_string(folder.path().join("report.json")).expect("there is a report");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["outcome"], &report["signal"]),
        (&"interrupted".into(), &1.into())
    );
}

fn numbers(folder: &Path, name: &str, first: u32, rows: u32) -> Vec<String> {
    let rows: Vec<String> = (first..first + rows).map(|number| number.to_string()).collect();
    fs::write(folder.join(name), format!("n\n{}\n", rows.join("\n"))).unwrap();
    rows
}

fn loaded_numbers(folder: &Path) -> Vec<String> {
    let dump = database::dump(&folder.join("out.db"), "t");
    assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    let values = dump.rows.iter().map(|row| row.split_once(": ").unwrap().1.to_owned());
    values.collect()
}

#[test]
fn a_second_load_into_a_database_is_refused_while_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first_rows = numbers(folder.path(), "first.csv", 1, 200_000);
    let second_rows = numbers(folder.path(), "second.csv", 1_000_000, 3);
    database::create(&folder.path().join("out.db"), "CREATE TABLE other (x)");
    let first = Running::start(command(
        folder.path(),
        &["load", "first.csv", "out.db", "--table", "t", "--batch-rows=100"],
    ));
    wait_until("the first load has its lock", || {
        is_locked(&folder.path().join("out.db"))
    });
    first.signal(libc::SIGSTOP);
    let args = [
        "load",
        "second.csv",
        "out.db",
        "--table",
        "t",
        "--errors",
        "second.errors",
    ];
    let mut second = command(folder.path(), &args);
    // The first load has stopped: there is nothing to wait for.
    second.env("ROWMILL_BUSY_MS", "300");
    let refused = Running::start(second).wait();
    assert_eq!(refused.code(), 75, "{}", said(&refused));
    let holder = format!("rowmill (process {})", first.id());
    for fragment in ["another load", &holder, "run the load again"] {
        assert!(said(&refused).contains(fragment), "{}", said(&refused));
    }
    first.signal(libc::SIGCONT);
    let ended = first.wait();
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert!(loaded_numbers(folder.path()) == first_rows);
    assert_eq!(run_in(folder.path(), &args).code(), 0);
    assert!(loaded_numbers(folder.path()) == [first_rows, second_rows].concat());
}

/// A load in batches: a small one would be done in one step.
fn in_batches(input: &'static str, errors: &'static str) -> Vec<&'static str> {
    let more = ["--table", "t", "--batch-rows=100", "--errors", errors];
    [&["load", input, "out.db"][..], &more].concat()
}

#[test]
fn a_load_that_found_no_database_waits_for_the_one_that_has_made_it_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let first_rows = numbers(folder.path(), "first.csv", 1, 1000);
    let second_rows = numbers(folder.path(), "second.csv", 100_001, 1000);
    let stopped_at = |args: &[&str], point: &str| {
        let mut command = command(folder.path(), args);
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGSTOP));
        // Whom it would wait for has stopped.
        command.env("ROWMILL_BUSY_MS", "300");
        let running = Running::start(command);
        running.wait_for_stop();
        running
    };
    // There was nothing to lock for the second load, and what the first one has begun looks as if it had come to nothing.
    let second = stopped_at(&in_batches("second.csv", "second.errors"), "load: begun");
    assert!(!folder.path().join("out.db").exists());
    let first = stopped_at(&in_batches("first.csv", "first.errors"), "load: table made");
    assert_eq!(database::count(&folder.path().join("out.db"), "t"), 0);
    second.signal(libc::SIGCONT);
    let refused = second.wait();
    assert_eq!(refused.code(), 75, "{}", said(&refused));
    assert!(said(&refused).contains("another load"), "{}", said(&refused));
    first.signal(libc::SIGCONT);
    let ended = first.wait();
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert!(loaded_numbers(folder.path()) == first_rows);
    assert_eq!(
        run_in(folder.path(), &in_batches("second.csv", "second.errors")).code(),
        0
    );
    assert!(loaded_numbers(folder.path()) == [first_rows, second_rows].concat());
}

#[test]
fn a_load_that_was_planned_without_a_database_is_refused_once_another_has_ended_in_it() {
    for point in ["load: begun", "infer: types known", "load: errors.csv made"] {
        let folder = tempfile::tempdir().unwrap();
        let first_rows = numbers(folder.path(), "first.csv", 1, 1000);
        let second_rows = numbers(folder.path(), "second.csv", 100_001, 1000);
        let mut command = command(folder.path(), &in_batches("second.csv", "second.errors"));
        command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGSTOP));
        let second = Running::start(command);
        second.wait_for_stop();
        assert_eq!(
            run_in(folder.path(), &in_batches("first.csv", "first.errors")).code(),
            0
        );
        second.signal(libc::SIGCONT);
        let ended = second.wait();
        // What was planned after the other's end, knows of its table.
        let expected = match ended.code() {
            0 if point == "load: begun" => [first_rows, second_rows].concat(),
            75 if point != "load: begun" => first_rows,
            code => panic!("{point}: exit code {code}: {}", said(&ended)),
        };
        assert!(loaded_numbers(folder.path()) == expected, "{point}");
    }
}

/// Whether a load holds the database, checked in the load's own way.
fn is_locked(path: &Path) -> bool {
    rowmill::internal::sqlite::lock::LoadLock::take(path, &|| true).is_err()
}

#[test]
fn two_loads_started_at_once_come_one_after_the_other_or_one_is_refused() {
    for (round, write_path) in ["auto", "sql", "auto", "sql", "auto", "sql"].iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let a = numbers(folder.path(), "a.csv", 1, 4000);
        let b = numbers(folder.path(), "b.csv", 100_001, 4000);
        if round >= 2 {
            database::create(&folder.path().join("out.db"), "CREATE TABLE other (x)");
        }
        let args = |input: &'static str, errors: &'static str| {
            let more = [
                "--table",
                "t",
                "--batch-rows",
                "300",
                "--errors",
                errors,
                "--write-path",
                write_path,
            ];
            [&["load", input, "out.db"][..], &more].concat()
        };
        let (a_args, b_args) = (args("a.csv", "a.errors"), args("b.csv", "b.errors"));
        let running = [&a_args, &b_args].map(|args| Running::start(command(folder.path(), args)));
        let ended = running.map(Running::wait);
        let mut expected = Vec::new();
        for (ended, rows) in ended.iter().zip([&a, &b]) {
            match ended.code() {
                0 => expected.push(rows.clone()),
                75 => assert!(said(ended).contains("another load"), "{}", said(ended)),
                code => panic!("exit code {code}: {}", said(ended)),
            }
        }
        assert!(!expected.is_empty(), "one of them at least");
        let in_order = expected.concat();
        expected.reverse();
        let found = loaded_numbers(folder.path());
        assert!(
            found == in_order || found == expected.concat(),
            "round {round}: a mix of both"
        );
    }
}

/// Who looks at a load from outside (`top -H`, `perf`) sees which thread does what.
#[test]
fn threads_have_names() {
    let folder = tempfile::tempdir().unwrap();
    // More chunks than can wait: at the first commit no thread has come to its end.
    fs::write(
        folder.path().join("in.csv"),
        "a,b\n".to_owned() + &"1,x\n".repeat(50_000),
    )
    .unwrap();
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--text",
        "--threads=2",
        "--chunk-bytes=1",
        "--batch-rows=100",
    ];
    let mut command = rowmill(folder.path(), &args.map(Into::into));
    command.env("ROWMILL_SIGNAL_AT", format!("batch: committed 1 {}", libc::SIGSTOP));
    let running = Running::start(command);
    running.wait_for_stop();
    let tasks = fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let names: Vec<String> = tasks
        .map(|task| {
            fs::read_to_string(task.unwrap().path().join("comm"))
                .unwrap()
                .trim_end()
                .to_owned()
        })
        .collect();
    for name in [
        "rowmill",
        "rowmill-order",
        "rowmill-parse0",
        "rowmill-parse1",
        "rowmill-reader",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
}
