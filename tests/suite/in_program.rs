//! Loads as a program asks for them, in this process: readers, tokens, what is written and what is said.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rowmill::{
    CancelToken, ColumnType, ErrorKind, ErrorLimit, Load, LoadReport, Observer, Outcome, Progress, RejectCode,
};
use tempfile::TempDir;

use super::database::{self, Dump};

/// Good records, rejects of several kinds, duplicates, a field over several lines, a stray quote, an unclosed one at the end.
const MIXED: &str = "id,day,text\n1,2026-01-02,\"over\ntwo lines\"\n2,none,x\n1,2026-01-03,again\n3,2026-01-04\n\n4,2026-01-05,\"a\"b\n\
                     5,2026-01-06,5\" pipe\n6,2026-01-07,\"\"\n7,2026-01-08,\"open\n8,2026-01-09,last";

/// What `text` gives, a few bytes at a time.
struct Drops {
    rest: Vec<u8>,
    most_bytes: usize,
}

impl Drops {
    fn of(text: &str, most_bytes: usize) -> Drops {
        Drops {
            rest: text.bytes().rev().collect(),
            most_bytes,
        }
    }
}

impl Read for Drops {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let given = piece.len().min(self.most_bytes).min(self.rest.len());
        for byte in &mut piece[..given] {
            *byte = self.rest.pop().unwrap();
        }
        Ok(given)
    }
}

type Failure = fn(&mut [u8]) -> io::Result<usize>;

/// Gives `text`, then does something other than end.
struct ThenOther<F> {
    text: Drops,
    other: F,
}

impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for ThenOther<F> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self.text.read(piece)? {
            0 => (self.other)(piece),
            given => Ok(given),
        }
    }
}

/// Cancels once records are loaded.
struct StopsWhenItLoads(CancelToken);

impl Observer for StopsWhenItLoads {
    fn progress(&self, progress: Progress) {
        if progress.records > 0 {
            self.0.cancel();
        }
    }
}

/// A folder, and the names of a load's files in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Aims `load` at this folder, in pieces of `bytes`.
    fn aim<'a>(&self, load: Load<'a>, bytes: u64) -> Load<'a> {
        load.into(self.at("out.db"))
            .errors(self.at("errors.csv"))
            .table("t")
            .key(["id"])
            .column_type("id", ColumnType::Integer)
            .column_type("day", ColumnType::Date)
            .batch_rows(2)
            .window_bytes(bytes)
            .chunk_bytes(bytes)
    }

    fn result(&self, report: &LoadReport) -> (Dump, Vec<u8>, Vec<(RejectCode, u64)>) {
        assert!(report.identity_holds);
        assert_eq!(database::integrity(&self.at("out.db")), "ok");
        let errors = fs::read(self.at("errors.csv")).unwrap();
        (database::dump(&self.at("out.db"), "t"), errors, report.by_code.clone())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn a_reader_gets_the_verdicts_of_a_file_with_its_name() {
    let of_file = Place::new();
    let name = of_file.at("in.csv");
    fs::write(&name, MIXED).unwrap();
    let report = of_file.aim(Load::new([&name]), 1 << 20).run().unwrap();
    assert_eq!(
        (report.outcome, report.loaded, report.records),
        (Outcome::Complete, 4, 9)
    );
    let expected = of_file.result(&report);
    for most_bytes in [1, 3, 1000] {
        for piece_bytes in [1, 7, 1 << 20] {
            let here = Place::new();
            let load = Load::from_reader(&name, Drops::of(MIXED, most_bytes));
            let report = here.aim(load, piece_bytes).run().unwrap();
            assert_eq!(
                here.result(&report),
                expected,
                "{most_bytes} at a time, in pieces of {piece_bytes}"
            );
            assert_eq!(
                (report.inputs[0].mapped, report.inputs[0].path.as_path()),
                (false, name.as_path())
            );
        }
    }
}

#[test]
fn files_and_readers_are_loaded_in_the_order_in_which_they_are_named() {
    let here = Place::new();
    fs::write(here.at("in.csv"), "id,text\n2,file\n").unwrap();
    let report = Load::from_reader("first", Drops::of("text,id\nreader,1\n", 5))
        .input(here.at("in.csv"))
        .reader("last", Drops::of("id,text\n3,reader\n2,late\n", 5))
        .into(here.at("out.db"))
        .errors(here.at("errors.csv"))
        .key(["id"])
        .run()
        .unwrap();
    assert_eq!(
        (report.table.as_str(), report.loaded, report.duplicates),
        ("first", 3, 1)
    );
    let connection = database::open(&here.at("out.db"));
    let rows = database::select(&connection, "SELECT text FROM first ORDER BY rowid").unwrap();
    assert_eq!(rows, ["'reader'", "'file'", "'reader'"]);
    let errors = fs::read_to_string(here.at("errors.csv")).unwrap();
    assert!(errors.lines().nth(1).unwrap().starts_with("last,3,"), "{errors}");
}

#[test]
fn a_reader_that_fails_ends_the_load_and_says_why() {
    let failures: [Failure; 2] = [
        |_| Err(io::Error::other("the line went dead")),
        |piece| Ok(piece.len() + 1),
    ];
    for (failure, words) in failures
        .into_iter()
        .zip(["the line went dead", "more than it was asked for"])
    {
        let here = Place::new();
        let text = Drops::of("id,day,text\n1,2026-01-02,a\n", 10);
        let reader = ThenOther { text, other: failure };
        let error = here.aim(Load::from_reader("feed", reader), 8).run().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io { path, .. } if path == Path::new("feed")));
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_token_stops_a_load_and_the_same_load_goes_on() {
    let here = Place::new();
    let lines: String = (1..=3000).map(|number| format!("{number},2026-01-02,x\n")).collect();
    fs::write(here.at("in.csv"), format!("id,day,text\n{lines}")).unwrap();
    let token = CancelToken::new();
    let load = || here.aim(Load::new([here.at("in.csv")]), 16).text(true);
    let watch = StopsWhenItLoads(token.clone());
    let stopped = load().observer(&watch).cancel_token(&token).run().unwrap();
    assert_eq!(
        (stopped.outcome, stopped.signal, stopped.exit_code),
        (Outcome::Interrupted, None, 130)
    );
    assert!(stopped.resumable && stopped.loaded < 3000, "{}", stopped.summary(false));
    let said = stopped.summary(false).to_string();
    assert!(said.contains("STOPPED     by the program"), "{said}");
    assert!(
        said.contains("run the same load again") && said.contains("add `forget`"),
        "{said}"
    );
    // A token that was cancelled before the load begins lets nothing begin.
    let report = load().cancel_token(&token).run().unwrap();
    assert_eq!(report.outcome, Outcome::Interrupted);
    let report = load().run().unwrap();
    assert_eq!((report.outcome, report.loaded), (Outcome::Complete, 3000));
    assert_eq!(database::count(&here.at("out.db"), "t"), 3000);
}

#[test]
fn a_reader_that_is_cancelled_gives_what_it_gave() {
    let here = Place::new();
    let token = CancelToken::new();
    let text: String = (1..=50).map(|number| format!("{number},2026-01-02,x\n")).collect();
    let stop = token.clone();
    let reader = ThenOther {
        text: Drops::of(&format!("id,day,text\n{text}"), 16),
        other: move |piece: &mut [u8]| {
            stop.cancel();
            piece[..9].copy_from_slice(b"51,2026-0");
            Ok(9)
        },
    };
    let load = here.aim(Load::from_reader("feed", reader), 16);
    let report = load.cancel_token(&token).run().unwrap();
    assert_eq!(report.outcome, Outcome::Interrupted);
    assert!(report.identity_holds && report.loaded <= 50 && !report.resumable);
}

#[test]
fn an_unfinished_load_can_be_given_up() {
    let here = Place::new();
    fs::write(
        here.at("in.csv"),
        "id,day,text\n1,2026-01-02,a\nx,2026-01-02,b\n2,2026-01-02,c\n",
    )
    .unwrap();
    let load = || here.aim(Load::new([here.at("in.csv")]), 1 << 20).batch_rows(1);
    let report = load().max_errors(ErrorLimit::Count(0)).run().unwrap();
    assert_eq!((report.outcome, report.loaded), (Outcome::ErrorLimit, 1));
    load().forget().unwrap();
    assert_eq!(database::count(&here.at("out.db"), "t"), 1);
    let error = load().into(here.at("none.db")).forget().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InputMissing { .. }));
}

#[test]
fn only_what_was_asked_for_is_written() {
    let here = Place::new();
    fs::write(here.at("in.csv"), MIXED).unwrap();
    here.aim(Load::new([here.at("in.csv")]), 64).run().unwrap();
    assert_eq!(here.names(), ["errors.csv", "in.csv", "out.db"]);
    let nothing = Place::new();
    let load = || Load::from_reader("in", Drops::of(MIXED, 64));
    let refused = load().into(nothing.at("out.db")).run().unwrap_err();
    assert!(
        refused.to_string().contains("name a file for them with `errors`"),
        "{refused}"
    );
    let refused = load().errors(nothing.at("errors.csv")).run().unwrap_err();
    assert!(refused.to_string().contains("with `into`"), "{refused}");
    assert_eq!(nothing.names(), [""; 0]);
}

#[test]
fn options_that_do_not_go_together_are_refused_by_the_names_of_their_methods() {
    let here = Place::new();
    fs::write(here.at("in.csv"), MIXED).unwrap();
    let refused = |options: fn(Load<'static>) -> Load<'static>, words: &[&str]| {
        let load = options(here.aim(Load::new([here.at("in.csv")]), 64));
        let error = load.run().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Usage { .. }), "{error}");
        let said = error.to_string();
        assert!(
            words.iter().all(|word| said.contains(word)) && !said.contains("--"),
            "{said}"
        );
    };
    refused(|load| load.delimiter(b'"'), &["`delimiter`", "`quote`"]);
    refused(|load| load.quote(Some(b'\n')), &["`quote`"]);
    refused(
        |load| load.column_type("ID", ColumnType::Text),
        &["`column_type`", "'ID' twice"],
    );
    refused(
        |load| load.column_type("text", ColumnType::Numeric),
        &["`column_type`", "'text'"],
    );
    refused(|load| load.key(["none"]), &["`key`", "\"none\""]);
    refused(|load| load.max_errors(ErrorLimit::Percent(101.0)), &["`max_errors`"]);
    refused(|load| load.max_record_bytes(0), &["`max_record_bytes`", "at least 1"]);
    refused(|load| load.chunk_bytes(1 << 40), &["`chunk_bytes`", "at most 256 MiB"]);
    refused(|load| load.memory_bytes(1), &["`memory_bytes`"]);
    refused(|load| load.threads(5000), &["`threads`", "1024"]);
    refused(|load| load.once(true).append_only(true), &["`append_only`", "`once`"]);
    refused(|load| load.reader("more", io::empty()).once(true), &["`once`", "more"]);
    refused(
        |load| load.reader("more", io::empty()).append_only(true),
        &["`append_only`", "more"],
    );
    assert_eq!(here.names(), ["in.csv"]);
}

#[test]
fn rejects_name_the_methods_that_would_load_them() {
    let here = Place::new();
    let reader = Drops::of("id,day,text\n1,2026-01-02,too long a record for the limit\n", 64);
    let load = here.aim(Load::from_reader("in", reader), 64).max_record_bytes(32);
    assert_eq!(load.run().unwrap().by_code, [(RejectCode::RecordTooLarge, 1)]);
    let errors = fs::read_to_string(here.at("errors.csv")).unwrap();
    assert!(errors.contains("`max_record_bytes` raises the limit"), "{errors}");
}
