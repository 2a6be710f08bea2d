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
    pseudo_terminal_of(80)
}

/// A terminal of so many columns.
fn pseudo_terminal_of(columns: u16) -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let mut size = libc::winsize {
        ws_row: 24,
        ws_col: columns,
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
    drawn_in(80, folder, args, term)
}

/// The same, on a terminal of so many columns.
fn drawn_in(columns: u16, folder: &Path, args: &[&str], term: &str) -> (String, i32) {
    drawn_by(columns, "C.UTF-8", folder, args, term)
}

/// The same, with the characters of a locale.
fn drawn_by(columns: u16, locale: &str, folder: &Path, args: &[&str], term: &str) -> (String, i32) {
    let (mut ours, theirs) = pseudo_terminal_of(columns);
    let args: Vec<_> = args.iter().map(Into::into).collect();
    let mut command = rowmill(folder, &args);
    command
        .env("TERM", term)
        .env("LC_ALL", locale)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
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

/// A text without its colours, and whether it had some.
fn without_colours(text: &str) -> (String, bool) {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain += before;
        let end = after.find(|character: char| character.is_ascii_alphabetic()).unwrap();
        rest = &after[end + 1..];
    }
    (plain.clone() + rest, plain.len() + rest.len() < text.len())
}

#[test]
fn the_closing_card_fits_every_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = "id,name,zip\n1,Ada,01234\n2,Grace,10001\n2,Grace again,10002\nx,Edsger,30301\n4,\"Bar\"bara,30302\n5,Donald,94305\n";
    fs::write(folder.join("people.csv"), text).unwrap();
    for (columns, flag) in [
        (40, "always"),
        (40, "never"),
        (80, "always"),
        (80, "never"),
        (120, "auto"),
    ] {
        let _ = fs::remove_file(folder.join("errors.csv"));
        let database = format!("{columns}{flag}.db");
        let args = [
            "load",
            "people.csv",
            &database,
            "--table=people",
            "--key=id",
            "--types=id=integer",
            "--color",
            flag,
        ];
        let (drawn, code) = drawn_in(columns, folder, &args, "xterm");
        assert_eq!(code, 2, "{drawn}");
        // What the bar drew is wiped away before the card is shown.
        let card = &drawn[drawn.rfind("rowmill: ").unwrap_or(0).saturating_sub(8)..];
        let card = &card[card.find("rowmill").unwrap()..];
        let (card, has_colours) = without_colours(card);
        assert_eq!(has_colours, flag != "never", "{card:?}");
        for line in card.lines() {
            let taken = line.trim_end_matches('\r').chars().count();
            assert!(taken <= usize::from(columns), "{taken} columns: {line}\n{card}");
        }
        let words: Vec<&str> = card.split_whitespace().collect();
        let all = words.join(" ");
        for said in [
            "6 = 3 loaded + 2 rejected + 1 duplicate \u{2713}",
            "id integer (key), name text, zip text",
            "x,Edsger,30301 ^ ",
            "4,\"Bar\"bara,30302 ^^^^^^^^^",
            "5 Donald 94305",
            "rowmill retry errors.csv",
        ] {
            assert!(all.contains(said), "no '{said}' in {card}");
        }
    }
}

#[test]
fn a_profile_fits_every_terminal_and_its_characters() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text = String::from("id,the name of a person as it was given,amount,born\n");
    for id in 0..3_000 {
        text += &format!(
            "{id},person number {id} with a long name,{}.5,20{:02}-01-02\n",
            id % 90 * (id % 7),
            id % 30
        );
    }
    fs::write(folder.join("people.csv"), text).unwrap();
    for (columns, locale) in [
        (40, "C.UTF-8"),
        (80, "en_US.utf8"),
        (120, "C.UTF-8"),
        (40, "C"),
        (80, "C"),
        (120, "POSIX"),
    ] {
        let database = format!("{columns}{locale}.db");
        let args = [
            "load",
            "people.csv",
            &database,
            "--table=p",
            "--key=id",
            "--profile",
            "--color=never",
        ];
        let (drawn, code) = drawn_by(columns, locale, folder, &args, "xterm");
        assert_eq!(code, 0, "{drawn}");
        let card = &drawn[drawn.rfind("rowmill: loaded").unwrap()..];
        for line in card.lines() {
            let taken = line.trim_end_matches('\r').chars().count();
            assert!(taken <= usize::from(columns), "{taken} columns: {line}\n{card}");
        }
        let is_ascii = !locale.ends_with('8');
        assert_eq!(card.is_ascii(), is_ascii, "{card}");
        let full = if is_ascii { '@' } else { '\u{2588}' };
        assert!(card.matches(full).count() >= 4, "{card}");
        for said in ["person number", "integer key", "3,000"] {
            assert!(card.contains(said), "no '{said}' in {card}");
        }
    }
}

#[test]
fn progress_for_programs_is_a_line_of_json_for_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.csv"), "id,id\n1,2\n3\n").unwrap();
    fs::write(folder.join("b.csv"), "id,id\n4,5\n").unwrap();
    let run = |args: &[&str]| {
        let args: Vec<_> = args.iter().map(Into::into).collect();
        let ended = Running::start(rowmill(folder, &args)).wait();
        let text = String::from_utf8(ended.stderr.clone()).unwrap();
        let events: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        (ended.code(), events)
    };
    let (code, events) = run(&["load", "a.csv", "b.csv", "x.db", "--progress", "json", "--color=always"]);
    assert_eq!(code, 2, "{events:?}");
    let named = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert!(
        named("phase").iter().any(|event| event["phase"] == "infer"),
        "{events:?}"
    );
    assert!(
        named("note")[0]["message"].as_str().unwrap().contains("id_2"),
        "{events:?}"
    );
    let end = events.last().unwrap();
    let counts = ["exit_code", "records", "loaded", "rejected"].map(|name| end[name].as_u64().unwrap());
    assert_eq!((end["event"].as_str(), counts), (Some("end"), [2, 3, 2, 1]));
    assert_eq!(end["outcome"], "complete");
    let (code, events) = run(&["load", "missing.csv", "x.db", "--progress=json"]);
    assert_eq!((code, events.len()), (66, 1));
    assert!(events[0]["event"] == "error" && events[0]["message"].as_str().unwrap().contains("missing.csv"));
}

#[test]
fn without_progress_the_card_is_all_that_a_terminal_shows() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a,b\n1,2\n").unwrap();
    let (drawn, code) = drawn(
        folder.path(),
        &["load", "in.csv", "out.db", "--progress", "none", "--color", "never"],
        "xterm",
    );
    assert_eq!(code, 0, "{drawn}");
    assert!(
        drawn.starts_with("rowmill: loaded 1 row") && !drawn.contains('\u{1b}'),
        "{drawn:?}"
    );
}
