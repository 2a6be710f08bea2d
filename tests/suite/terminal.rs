//! A real pseudo-terminal: the bar, the notes above it, and nothing that an input could use to take over the screen.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::data::{Recipe, people_file};
use super::process::{Feed, Running, rowmill};

/// A terminal of 80 columns: its own end and the program's.
pub fn pseudo_terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let mut size = libc::winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: both descriptors and the size are valid for the call; name and settings may be null.
    let opened = unsafe {
        libc::openpty(
            &mut ours,
            &mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            &raw mut size,
        )
    };
    assert_eq!(opened, 0, "there is a pseudo-terminal to be had");
    // A program that inherits the terminal's own end would keep it from going away.
    // SAFETY: fcntl on a descriptor that is open, with integer arguments.
    unsafe { libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: openpty has just opened both; nobody else owns them.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// Runs the program with a terminal as its stderr; returns what it drew and its exit code.
fn drawn(folder: &Path, args: &[&str], term: &str) -> (String, i32) {
    let (mut ours, theirs) = pseudo_terminal();
    let args: Vec<_> = args.iter().map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    command
        .env("TERM", term)
        .env_remove("NO_COLOR")
        .stderr(Stdio::from(theirs));
    let running = Running::start(command);
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        // Once the program has gone, reading a terminal fails (EIO) instead of ending.
        while let Ok(length @ 1..) = ours.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..length]);
        }
        bytes
    });
    let ended = running.wait();
    (
        String::from_utf8_lossy(&reader.join().unwrap()).into_owned(),
        ended.code(),
    )
}

#[test]
fn a_bar_shows_bytes_rows_and_phase() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        seed: 2,
        records: 600_000,
        bad_every: 100,
        duplicate_every: 0,
        text_keys: true,
        padding: 80,
    };
    people_file(&recipe, &folder.path().join("in.csv"));
    let (drawn, code) = drawn(folder.path(), &["load", "in.csv", "out.db", "--key", "id"], "xterm");
    assert_eq!(code, 2, "{drawn}");
    for fragment in ["load", "[", "% ", " MB of ", "MB/s", "rows/s", "rejected", "\u{1b}["] {
        assert!(drawn.contains(fragment), "no '{fragment}' in {drawn:?}");
    }
}

#[test]
fn a_stream_shows_counters_and_rate() {
    let folder = tempfile::tempdir().unwrap();
    let feed = Feed::start(folder.path().join("in.csv"), |fifo| {
        let line = "1,some text that is long enough\n".repeat(4_000);
        let mut left = fifo.write_all(b"a,b\n");
        for _ in 0..300 {
            left = left.and_then(|()| fifo.write_all(line.as_bytes()));
            std::thread::sleep(Duration::from_millis(4));
        }
    });
    let (drawn, code) = drawn(folder.path(), &["load", "in.csv", "out.db"], "xterm");
    drop(feed);
    assert_eq!(code, 0, "{drawn}");
    assert!(drawn.contains("rows/s"), "{drawn:?}");
}

#[test]
fn control_characters_from_the_input_never_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "evil\u{1b}[31mred\u{7}";
    fs::write(
        folder.path().join("in.csv"),
        format!("\"{name}\",\"{name}\",b\n1,2,3\n"),
    )
    .unwrap();
    let (drawn, code) = drawn(folder.path(), &["load", "in.csv", "out.db", "-v"], "xterm");
    assert_eq!(code, 0, "{drawn}");
    assert!(
        drawn.contains("evil") && drawn.contains("red"),
        "the renamed column is named: {drawn:?}"
    );
    assert!(!drawn.contains("\u{1b}[31m") && !drawn.contains('\u{7}'), "{drawn:?}");
}

#[test]
fn control_characters_in_a_files_name_never_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let name = "in\u{1b}]0;title\u{7}.csv";
    for exists in [false, true] {
        if exists {
            fs::write(folder.path().join(name), "a,a\n1,2\n3\n").unwrap();
        }
        let (drawn, _) = drawn(folder.path(), &["load", name, "out.db", "--table", "t"], "xterm");
        assert!(!drawn.contains("\u{1b}]0") && !drawn.contains('\u{7}'), "{drawn:?}");
        assert!(drawn.contains("title"), "{drawn:?}");
    }
}

#[test]
fn quiet_draws_nothing_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a,b\n1,2\n").unwrap();
    let (drawn, code) = drawn(folder.path(), &["load", "in.csv", "out.db", "-q"], "xterm");
    assert_eq!((drawn.as_str(), code), ("", 0));
}

#[test]
fn a_dumb_terminal_gets_notes_and_summary_without_escape_sequences() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a,a\n1,2\n3\n").unwrap();
    let (drawn, code) = drawn(folder.path(), &["load", "in.csv", "out.db"], "dumb");
    assert_eq!(code, 2, "{drawn}");
    assert!(drawn.contains("a_2") && drawn.contains("errors.csv"), "{drawn:?}");
    assert!(!drawn.contains('\u{1b}'), "{drawn:?}");
}
