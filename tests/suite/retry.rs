//! Rejected records that were mended in the errors file: each lands once, and what is still rejected stays with its place.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::database;
use super::harness::run_in;
use super::process::{Ended, Running, rowmill, said};

const FLAGS: [&str; 4] = ["--key", "id", "--types", "born=integer"];
const PEOPLE: &str =
    "id,name,born\n1,Ada,1815\n2,Grace,x,1906\n3,\"Al\"an,1912\n4,Eve,soon\n1,Bob,1999\n5,Zoe,1950\n7,\"open,1\n";

struct Scene {
    folder: TempDir,
    flags: Vec<String>,
}

impl Scene {
    /// Loads `csv`, some of whose records are rejected.
    fn new(name: &str, csv: impl AsRef<[u8]>, flags: &[&str]) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), csv).unwrap();
        let scene = Scene {
            folder,
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        };
        let ended = scene.run(&["load", name, "out.db", "--table", "t"], None);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        scene
    }

    fn people() -> Scene {
        Scene::new("people.csv", PEOPLE, &FLAGS)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str], kill_at: Option<&str>) -> Ended {
        let flags = self.flags.iter().map(String::as_str);
        let args: Vec<OsString> = args.iter().copied().chain(flags).map(Into::into).collect();
        let mut command = rowmill(self.folder.path(), &args);
        if let Some(point) = kill_at {
            command.env("ROWMILL_SIGNAL_AT", format!("{point} 1 {}", libc::SIGKILL));
        }
        Running::start(command).wait()
    }

    /// Retries, and checks that the counts add up.
    fn retry(&self, more: &[&str]) -> Ended {
        let args = [
            "retry",
            "errors.csv",
            "out.db",
            "--table",
            "t",
            "--report",
            "report.json",
        ];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        let ended = self.run(&args, None);
        if ended.code() <= 3 {
            let report = self.report();
            let count = |name: &str| report[name].as_u64().unwrap();
            let rejected = count("rejected") + count("duplicates") - count("skipped_duplicates");
            let accounted = count("loaded") + count("updated") + count("rejected") + count("duplicates");
            assert_eq!(count("records"), accounted, "{report}");
            assert_eq!(report["identity_holds"].as_bool(), Some(true));
            assert_eq!(self.letters().len() as u64, rejected, "{}", said(&ended));
            assert_eq!(ended.code(), if rejected > 0 { 2 } else { 0 });
        }
        assert_eq!(database::integrity(&self.path("out.db")), "ok");
        ended
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("report.json")).unwrap()).unwrap()
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.path("errors.csv")).unwrap()
    }

    fn letters(&self) -> Vec<super::dead_letters::Reject> {
        super::dead_letters::read_rejects(&fs::read(self.path("errors.csv")).unwrap()).unwrap()
    }

    /// Edits the errors file: each pair is a text, which must be there, and what takes its place.
    fn mend(&self, pairs: &[(&str, &str)]) {
        let mut text = self.errors();
        for (from, to) in pairs {
            assert!(text.contains(from), "{from}: {text}");
            text = text.replace(from, to);
        }
        fs::write(self.path("errors.csv"), text).unwrap();
    }

    fn values(&self) -> Vec<String> {
        let mut rows = database::select(&database::open(&self.path("out.db")), "SELECT * FROM t").unwrap();
        rows.sort();
        rows
    }

    /// Nothing but what was there before, and a report.
    fn leaves_nothing(&self, inputs: &[&str]) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            let known = ["out.db", "errors.csv", "report.json"].contains(&&*name) || inputs.contains(&&*name);
            assert!(known, "left behind: {name}");
        }
        let own = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_rowmill%' ESCAPE '\\'";
        let own: i64 = database::open(&self.path("out.db"))
            .query_row(own, [], |row| row.get(0))
            .unwrap();
        assert_eq!(own, 0);
    }
}

/// What mends all of [`PEOPLE`].
const ALL_GOOD: [(&str, &str); 5] = [
    ("2,Grace,x,1906", "2,Grace,1906"),
    ("3,\"\"Al\"\"an,1912", "3,\"\"Al, an\"\",1912"),
    ("4,Eve,soon", "4,Eve,1990"),
    ("1,Bob,1999", "6,Bob,1999"),
    ("7,\"\"open,1", "7,open,1"),
];

#[test]
fn what_is_good_lands_and_what_is_not_stays_with_its_place() {
    let scene = Scene::people();
    let before = scene.letters();
    scene.mend(&ALL_GOOD[..2]);
    scene.mend(&[("1,Bob,1999", "8,Bob,late")]);
    assert_eq!(scene.retry(&[]).code(), 2);
    assert_eq!(
        scene.values(),
        [
            "1, 'Ada', 1815",
            "2, 'Grace', 1906",
            "3, 'Al, an', 1912",
            "5, 'Zoe', 1950"
        ]
    );
    let after = scene.letters();
    let places: Vec<_> = after
        .iter()
        .map(|letter| (letter.line, letter.record, &*letter.code, &*letter.column))
        .collect();
    assert_eq!(
        places,
        [
            (5, 4, "type_error", "born"),
            (6, 5, "type_error", "born"),
            (8, 7, "unterminated_quote", "name")
        ]
    );
    assert_eq!(after[0], before[2]);
    assert_eq!(after[2], before[4]);
    assert!(after[1].message.contains("'late'"), "{}", after[1].message);
    let report = scene.report();
    assert_eq!(report["inputs"][0]["path"].as_str(), Some("people.csv"));
    assert_eq!(
        report["by_code"],
        serde_json::json!({"type_error": 2, "unterminated_quote": 1})
    );
    scene.leaves_nothing(&["people.csv"]);
    // The rest, later.
    scene.mend(&[ALL_GOOD[2], ALL_GOOD[4], ("8,Bob,late", "8,Bob,1")]);
    assert_eq!(scene.retry(&[]).code(), 0);
    assert_eq!(scene.values().len(), 7);
    scene.leaves_nothing(&["people.csv"]);
    assert_eq!(scene.retry(&[]).code(), 0);
    assert_eq!(scene.values().len(), 7);
}

#[test]
fn a_file_in_which_nothing_was_mended_stays_as_it_is() {
    let scene = Scene::people();
    let (before, rows) = (scene.errors(), scene.values());
    let ended = scene.retry(&[]);
    assert_eq!(ended.code(), 2);
    assert_eq!((scene.errors(), scene.values()), (before, rows));
    scene.leaves_nothing(&["people.csv"]);
}

#[test]
fn a_key_that_came_later_is_in_the_table_first() {
    let scene = Scene::new("a.csv", "id,v\n1,x,\n1,late\n2,b\n", &["--key", "id"]);
    scene.mend(&[("1,x,", "1,x")]);
    assert_eq!(scene.retry(&[]).code(), 2);
    let letter = &scene.letters()[0];
    assert_eq!(
        (&*letter.code, letter.line, letter.first_record),
        ("duplicate_key", 2, None)
    );
    assert!(letter.message.contains("in the table"), "{}", letter.message);
    // The last one wins where it is asked for; two mended records may have one key, too.
    scene.mend(&[("1,x", "2,new")]);
    assert_eq!(scene.retry(&["--on-duplicate", "update"]).code(), 0);
    assert_eq!(scene.values(), ["1, 'late'", "2, 'new'"]);
}

#[test]
fn what_a_spreadsheet_makes_of_the_file_is_read_all_the_same() {
    for (delimiter, end, mark) in [(";", "\r\n", "\u{feff}"), ("\t", "\n", ""), (",", "\r\n", "")] {
        let scene = Scene::people();
        scene.mend(&ALL_GOOD[..4]);
        let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
        let errors = scene.errors();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(errors.as_bytes());
        let mut text = mark.to_owned();
        for record in reader.records() {
            let fields: Vec<String> = record.unwrap().iter().map(quoted).collect();
            text += &(fields.join(delimiter) + end);
        }
        fs::write(scene.path("errors.csv"), text).unwrap();
        assert_eq!(scene.retry(&[]).code(), 2);
        assert_eq!(scene.values().len(), 6);
        let letters = scene.letters();
        assert_eq!(letters.len(), 1);
        assert_eq!((&*letters[0].code, letters[0].line), ("unterminated_quote", 8));
    }
}

#[test]
fn fields_that_were_guarded_against_spreadsheets_are_what_they_were() {
    let csv = "id,f,n\n1,=a,x\n2,'b,y\n3,@c,7\n=4,d,z\n";
    let scene = Scene::new("a.csv", csv, &["--types", "n=integer", "--safe-errors"]);
    assert!(scene.errors().contains("\"'=4,d,z\""), "{}", scene.errors());
    let untouched = scene.errors();
    scene.retry(&[]);
    assert_eq!(scene.errors(), untouched);
    scene.mend(&[("1,=a,x", "1,=a,5"), ("2,'b,y", "2,'b,6"), (",z\"", ",zz\"")]);
    assert_eq!(scene.retry(&[]).code(), 2);
    assert_eq!(scene.values(), ["'1', '=a', 5", "'2', ''b', 6", "'3', '@c', 7"]);
    assert!(scene.errors().contains("\"'=4,d,zz\""), "{}", scene.errors());
}

#[test]
fn records_of_other_dialects_encodings_and_formats() {
    let mended = |scene: &Scene, pairs: &[(&str, &str)], rows: &[&str]| {
        scene.mend(pairs);
        assert_eq!(scene.retry(&[]).code(), 0, "{}", scene.errors());
        assert_eq!(scene.values(), rows);
    };
    let scene = Scene::new(
        "a.csv",
        "n;v\n1;'a;b'\n2;'c\n3;d;e\n",
        &["--types", "n=integer", "--delimiter", ";", "--quote", "'"],
    );
    mended(
        &scene,
        &[("2;'c", "2;'c;'"), ("3;d;e", "3;'d;e'")],
        &["1, 'a;b'", "2, 'c;'", "3, 'd;e'"],
    );
    let scene = Scene::new(
        "a.txt",
        "1\t\\N\n2\ta\\\tb\n3\tc\td\n",
        &[
            "--no-header",
            "--delimiter",
            "tab",
            "--escape",
            "mysql",
            "--quote",
            "none",
            "--null",
            "\\N",
        ],
    );
    mended(
        &scene,
        &[("3\tc\td", "3\tc\\\td")],
        &["1, NULL", "2, 'a\\tb'", "3, 'c\\td'"],
    );
    let scene = Scene::new(
        "a.csv",
        b"title\nn,v\n1,\xE9\n2,b,c\n",
        &["--skip-lines", "1", "--encoding", "latin1"],
    );
    mended(&scene, &[("2,b,c", "2,b")], &["1, 'é'", "2, 'b'"]);
    let scene = Scene::new("a.jsonl", "{\"n\":1,\"v\":\"a\"}\n{\"n\":2,\"v\"}\n", &[]);
    mended(
        &scene,
        &[("{\"\"n\"\":2,\"\"v\"\"}", "{\"\"n\"\":2,\"\"v\"\":\"\"b\"\"}")],
        &["1, 'a'", "2, 'b'"],
    );
    // Old Mac files, and records of several lines.
    let scene = Scene::new("a.csv", "n,v\r1,a\r2,b,c\r", &[]);
    mended(&scene, &[("2,b,c", "2,b")], &["1, 'a'", "2, 'b'"]);
    let scene = Scene::new("a.csv", "n,v\n1,\"a\nb\"\n2,c,d\n", &[]);
    mended(&scene, &[("2,c,d", "2,\"\"c\nd\"\"")], &["1, 'a\\nb'", "2, 'c\\nd'"]);
}

#[test]
fn records_of_several_files_and_of_one_that_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv"), "id,v\n1,a\n2,b,x\n").unwrap();
    fs::write(at("b.csv"), "v,id\nc,3\nd,4,x\n").unwrap();
    let mut packer =
        flate2::write::GzEncoder::new(fs::File::create(at("c.csv.gz")).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, b"id,v\n5,e\n6\n").unwrap();
    packer.finish().unwrap();
    let ended = run_in(
        folder.path(),
        &[
            "load", "a.csv", "b.csv", "c.csv.gz", "out.db", "--table", "t", "--key", "id",
        ],
    );
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    let scene = Scene {
        folder,
        flags: ["--key", "id"].map(str::to_owned).to_vec(),
    };
    scene.mend(&[("2,b,x", "2,b"), ("d,4,x", "d,4"), ("\"6\"", "\"6,f\"")]);
    assert_eq!(scene.retry(&[]).code(), 0);
    assert_eq!(
        scene.values(),
        ["1, 'a'", "2, 'b'", "3, 'c'", "4, 'd'", "5, 'e'", "6, 'f'"]
    );
    scene.leaves_nothing(&["a.csv", "b.csv", "c.csv.gz"]);
}

#[test]
fn what_is_not_one_good_record_stays() {
    let scene = Scene::people();
    let before = scene.letters();
    // Two records, none, an open quote that the next one could close.
    scene.mend(&[
        ("2,Grace,x,1906", "2,Grace,1906\n20,Hopper,1906"),
        ("4,Eve,soon", ""),
        ("1,Bob,1999", "6,\"\"Bob,1999"),
    ]);
    assert_eq!(scene.retry(&[]).code(), 2);
    assert_eq!(scene.values().len(), 2);
    assert_eq!(scene.letters().len(), before.len());
}

#[test]
fn a_record_that_is_too_large_stays_as_it_is() {
    let long = "x".repeat(3_000_000);
    let csv = format!("id,v\n1,a\n2,{long}\n3,b,c\n");
    let scene = Scene::new("a.csv", csv, &["--max-record-bytes", "1000"]);
    let before = scene.errors();
    scene.mend(&[("3,b,c", "3,b")]);
    assert_eq!(scene.retry(&[]).code(), 2);
    let lines: Vec<&str> = before.lines().collect();
    assert_eq!(scene.errors(), lines[..2].join("\n") + "\n");
    assert_eq!(scene.values(), ["1, 'a'", "3, 'b'"]);
}

#[test]
fn files_that_are_gone_and_files_that_are_no_letters() {
    let scene = Scene::people();
    scene.mend(&ALL_GOOD);
    fs::rename(scene.path("people.csv"), scene.path("moved.csv")).unwrap();
    let ended = scene.retry(&[]);
    assert!(
        ended.code() == 66 && said(&ended).contains("--like"),
        "{}",
        said(&ended)
    );
    assert_eq!(scene.values().len(), 2);
    scene.leaves_nothing(&["moved.csv"]);
    // The report of the failed one is replaced.
    assert_eq!(scene.retry(&["--like", "moved.csv"]).code(), 0);
    assert_eq!(scene.values().len(), 7);
    let refused = |text: &str, code: i32, fragment: &str| {
        fs::write(scene.path("errors.csv"), text).unwrap();
        let ended = scene.retry(&[]);
        assert!(
            ended.code() == code && said(&ended).contains(fragment),
            "{}",
            said(&ended)
        );
        assert_eq!(fs::read_to_string(scene.path("errors.csv")).unwrap(), text);
        scene.leaves_nothing(&["moved.csv"]);
    };
    refused("id,name\n1,x\n", 65, "errors file");
    let header = "file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw\n";
    refused(
        &format!("{header}moved.csv,2,2,1,0,1,,x,y,,,\"1,Ada\n"),
        65,
        "not closed",
    );
    refused(&format!("{header}moved.csv,2,2,1\n"), 65, "4 fields");
    fs::remove_file(scene.path("errors.csv")).unwrap();
    assert_eq!(scene.retry(&[]).code(), 66);
}

#[test]
fn a_table_that_does_not_fit_leaves_everything_as_it_was() {
    let scene = Scene::people();
    scene.mend(&ALL_GOOD);
    let before = scene.errors();
    database::open(&scene.path("out.db"))
        .execute_batch("ALTER TABLE t RENAME COLUMN name TO other")
        .unwrap();
    assert_eq!(scene.retry(&[]).code(), 78);
    assert_eq!(scene.errors(), before);
    scene.leaves_nothing(&["people.csv"]);
}

#[test]
fn a_retry_that_is_killed_anywhere_lands_each_record_once() {
    let mut csv = String::from("id,v\n");
    for record in 1..=900 {
        csv += &match record % 3 {
            0 => format!("{record},late\n"),
            1 => format!("{record},{record}\n"),
            _ => format!("{record},x,{record}\n"),
        };
    }
    let begun = || {
        let scene = Scene::new("a.csv", &csv, &["--types", "v=integer"]);
        let mended = scene.errors().replace(",x,", ",");
        fs::write(scene.path("errors.csv"), mended).unwrap();
        scene
    };
    let golden = begun();
    golden.retry(&[]);
    assert_eq!(golden.values().len(), 600);
    for point in [
        "retry: gathered",
        "load: begun",
        "batch: before the commit",
        "batch: committed",
        "retry: loaded",
        "retry: new letters on the disk",
        "files: before the checkpoints go",
        "files: the checkpoints are gone",
        "retry: the checkpoint is gone",
        "retry: new letters in place",
    ] {
        let scene = begun();
        let args = ["retry", "errors.csv", "out.db", "--table", "t"];
        assert_eq!(scene.run(&args, Some(point)).code(), 137, "{point}");
        // Killed twice at the same point, if the second run gets there.
        scene.run(&args, Some(point));
        let ended = scene.retry(&[]);
        assert_eq!(ended.code(), 2, "{point}: {}", said(&ended));
        assert!(
            scene.values() == golden.values(),
            "{point}: {} rows",
            scene.values().len()
        );
        assert_eq!(scene.errors(), golden.errors(), "{point}");
        scene.leaves_nothing(&["a.csv"]);
    }
}

#[test]
fn a_retry_that_is_under_way_goes_on_only_with_the_letters_it_began_with() {
    let scene = Scene::people();
    scene.mend(&ALL_GOOD[..2]);
    let args = ["retry", "errors.csv", "out.db", "--table", "t"];
    assert_eq!(scene.run(&args, Some("batch: committed")).code(), 137);
    let before = scene.errors();
    scene.mend(&ALL_GOOD[2..3]);
    let ended = scene.retry(&[]);
    assert!(ended.code() == 64 || ended.code() == 74, "{}", said(&ended));
    fs::write(scene.path("errors.csv"), before).unwrap();
    assert_eq!(scene.retry(&[]).code(), 2);
    assert_eq!(scene.values().len(), 4);
    scene.mend(&ALL_GOOD[2..]);
    assert_eq!(scene.retry(&[]).code(), 0);
    assert_eq!(scene.values().len(), 7);
    scene.leaves_nothing(&["people.csv"]);
}

#[test]
fn records_of_a_stream_need_a_file_with_the_same_header() {
    let scene = Scene::people();
    scene.mend(&[("people.csv,", "-,")]);
    scene.mend(&ALL_GOOD[..1]);
    let ended = scene.retry(&[]);
    assert!(
        ended.code() == 66 && said(&ended).contains("--like"),
        "{}",
        said(&ended)
    );
    assert_eq!(scene.retry(&["--like", "people.csv"]).code(), 2);
    assert_eq!(scene.values().len(), 3);
}
