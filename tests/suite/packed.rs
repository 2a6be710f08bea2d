//! Inputs that are packed: what comes of them is what comes of the same bytes unpacked, and damage never goes by unnoticed.

use std::fs;
use std::path::Path;

use super::data::{Recipe, people};
use super::database;
use super::harness::{Case, PAIRS, PLAIN, Setting, run_in};
use super::packing::{
    Pack, ZipMember, bgzf, bzip2, bzip2_streams, gzip, gzip_members, lz4, lz4_frames, xz, xz_streams, zip, zip_of,
    zip_stored, zstd, zstd_frames,
};
use super::process::{Ended, said};

/// Every format whose parts follow each other, once as one part and once as many.
const STREAMED: [(&str, Pack); 11] = [
    ("gzip", gzip),
    ("gzip members", gzip_members),
    ("bgzf", bgzf),
    ("zstd", zstd),
    ("zstd frames", zstd_frames),
    ("xz", xz),
    ("xz streams", xz_streams),
    ("bzip2", bzip2),
    ("bzip2 streams", bzip2_streams),
    ("lz4", lz4),
    ("lz4 frames", lz4_frames),
];
const ARCHIVES: [(&str, Pack); 2] = [("zip", zip), ("zip stored", zip_stored)];

/// Everything that a record can be, and offsets that show in errors.csv.
const MIXED: &str =
    "id,name,amount\n1,Ada,1.5\n2,\"a\nb\",2\n3,x\n4,\"q\"\"q\",4\n\n2,again,5\n6,\"broken\"x,6\n7,last,7.25";

fn case() -> Case {
    Case::csv(MIXED).args(["--key", "id"]).any_rejects().expect_exit(2)
}

#[test]
fn packed_inputs_give_what_they_hold() {
    let plain = case().check_at(&[PLAIN]).unwrap();
    for (_, pack) in STREAMED {
        let packed = case().packed(pack).check_at(&PAIRS).unwrap();
        plain.must_equal(&packed);
    }
    let files: Vec<Setting> = PAIRS.into_iter().filter(|setting| !setting.piped).collect();
    for (_, pack) in ARCHIVES {
        let packed = case().packed(pack).check_at(&files).unwrap();
        plain.must_equal(&packed);
    }
}

#[test]
fn several_inputs_may_be_packed_in_several_ways() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv.gz"), gzip(b"id,x\n1,a\n")).unwrap();
    fs::write(at("b.csv"), "id,x\n2,b\n").unwrap();
    fs::write(at("c.csv.zst"), zstd(b"x,id\nc,3\n")).unwrap();
    fs::write(at("d.zip"), zip(b"id,x\n4,d\n")).unwrap();
    let ended = run_in(
        folder.path(),
        &[
            "load",
            "a.csv.gz",
            "b.csv",
            "c.csv.zst",
            "d.zip",
            "out.db",
            "--report",
            "r.json",
        ],
    );
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert!(
        said(&ended).contains("d.zip: loading its member data/in.csv"),
        "{}",
        said(&ended)
    );
    let rows = database::dump(&at("out.db"), "a").rows;
    assert_eq!(rows, ["1: 1, 'a'", "2: 2, 'b'", "3: 3, 'c'", "4: 4, 'd'"]);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(at("r.json")).unwrap()).unwrap();
    let inputs = &report["inputs"];
    assert_eq!(
        (&inputs[0]["packing"], &inputs[0]["bytes"]),
        (&"gzip".into(), &9.into())
    );
    assert_eq!(inputs[0]["packed_bytes"], fs::metadata(at("a.csv.gz")).unwrap().len());
    assert_eq!(
        (&inputs[1]["packing"], &inputs[1]["packed_bytes"]),
        (&serde_json::Value::Null, &0.into())
    );
    assert_eq!(
        (&inputs[3]["packing"], &inputs[3]["member"]),
        (&"zip".into(), &"data/in.csv".into())
    );
}

/// Loads `name`, which holds `bytes`, into `out.db` of a folder of its own.
fn load(name: &str, bytes: &[u8], flags: &[&str]) -> (tempfile::TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let args: Vec<&str> = ["load", name, "out.db"].iter().chain(flags).copied().collect();
    let ended = run_in(folder.path(), &args);
    (folder, ended)
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], flags: &[&str], exit: i32, words: &[&str]) {
    let (folder, ended) = load(name, bytes, flags);
    let said = said(&ended);
    assert_eq!(ended.code(), exit, "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!folder.path().join("out.db").exists(), "{said}");
}

#[test]
fn tables_are_named_after_what_is_packed() {
    for (name, pack, flags, table) in [
        ("people.csv.gz", gzip as Pack, &[][..], "people"),
        ("people.gz", gzip, &[], "people"),
        ("people.tsv.ZST", zstd, &["--delimiter", "tab"], "people"),
        ("a.b.csv.xz", xz, &[], "a.b"),
        ("people.csv", bzip2, &[], "people"),
        ("people.lz4", lz4, &[], "people"),
        ("people.zip", zip, &[], "people"),
        ("people.zip", zip, &["--member", "data/in.csv"], "in"),
    ] {
        let (folder, ended) = load(name, &pack(b"id\n1\n"), flags);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        assert_eq!(
            database::dump(&folder.path().join("out.db"), table).rows,
            ["1: 1"],
            "{name}"
        );
    }
}

#[test]
fn what_is_in_packed_files_must_be_csv() {
    refused("in.csv.gz", &gzip(b""), &[], 65, &["it is empty"]);
    refused(
        "in.csv.gz",
        &gzip(&gzip(b"id\n1\n")),
        &[],
        65,
        &["packed once more, with gzip"],
    );
    refused(
        "in.zip",
        &zip(&gzip(b"id\n1\n")),
        &[],
        65,
        &["packed once more, with gzip"],
    );
    refused(
        "in.gz",
        &gzip(&zip(b"id\n1\n")),
        &[],
        65,
        &["packed once more, with zip"],
    );
    refused("in.gz", &gzip(b"%PDF-1.7\n"), &[], 65, &["PDF"]);
}

#[test]
fn what_follows_must_be_of_the_same_format_or_padding() {
    let first = b"id\n1\n";
    for (name, pack) in STREAMED {
        let packed = pack(first);
        let other = if name.starts_with("gzip") || name == "bgzf" {
            zstd(b"2\n")
        } else {
            gzip(b"2\n")
        };
        let following = [&packed[..], &other].concat();
        let words = match name {
            // They end with padding.
            "gzip members" | "xz streams" => ["something was appended"],
            _ => ["data follow at its byte"],
        };
        refused("in.gz", &following, &["--text"], 74, &words);
        refused(
            "in.gz",
            &[&packed[..], b"2\n"].concat(),
            &["--text"],
            74,
            &["something was appended"],
        );
        let padding = if name.starts_with("xz") { 4 } else { 3 };
        let padded = [&packed[..], &vec![0; padding]].concat();
        let (folder, ended) = load("in.gz", &padded, &["--text"]);
        assert_eq!(ended.code(), 0, "{name}: {}", said(&ended));
        assert_eq!(database::dump(&folder.path().join("out.db"), "in").rows, ["1: '1'"]);
        refused(
            "in.gz",
            &[&padded[..], b"2\n"].concat(),
            &["--text"],
            74,
            &["something was appended"],
        );
    }
}

/// Rows of a load that said that all is well, or an error: never rows that the packed bytes did not hold.
fn never_altered(pack: Pack, change: impl Fn(&[u8], usize) -> Option<Vec<u8>>) {
    let csv = "id,text\n1,abcdefghijklmnop\n2,qrstuvwxyz0123456789\n3,the end\n";
    let packed = pack(csv.as_bytes());
    let whole = {
        let (folder, ended) = load("in.csv", csv.as_bytes(), &["--text"]);
        assert_eq!(ended.code(), 0);
        database::dump(&folder.path().join("out.db"), "in").rows
    };
    for at in 0..packed.len() {
        let Some(changed) = change(&packed, at) else { continue };
        let (folder, ended) = load("in.csv", &changed, &["--text"]);
        match ended.code() {
            // So few bytes do not tell that they are packed.
            0 if changed.len() < 10 => assert_eq!(database::count(&folder.path().join("out.db"), "in"), 0),
            // A flag or a time in a header may change without a change of what is packed.
            0 => assert_eq!(
                database::dump(&folder.path().join("out.db"), "in").rows,
                whole,
                "byte {at}"
            ),
            65 | 74 => assert!(!folder.path().join("out.db").exists(), "byte {at}: {}", said(&ended)),
            code => panic!("byte {at}: exit {code}: {}", said(&ended)),
        }
    }
}

#[test]
fn packed_inputs_that_are_cut_short_are_refused() {
    for (name, pack) in STREAMED.into_iter().chain(ARCHIVES) {
        // Whole parts are whole.
        if name.contains(' ') || name == "bgzf" {
            continue;
        }
        never_altered(pack, |packed, at| (at > 0).then(|| packed[..at].to_vec()));
    }
}

#[test]
fn packed_inputs_with_an_altered_byte_are_refused_or_right() {
    for (_, pack) in STREAMED
        .into_iter()
        .chain(ARCHIVES)
        .filter(|(name, _)| !name.contains(' '))
    {
        never_altered(pack, |packed, at| {
            let mut packed = packed.to_vec();
            packed[at] ^= 1 << (at % 8);
            Some(packed)
        });
    }
}

#[test]
fn members_of_archives_are_chosen_by_name_or_by_being_the_only_ones() {
    let two = zip_of(&[
        ZipMember::deflated("a.csv", b"id\n1\n"),
        ZipMember::deflated("b.csv", b"id\n2\n"),
    ]);
    refused(
        "in.zip",
        &two,
        &[],
        65,
        &["several CSV files: a.csv, b.csv", "--member"],
    );
    refused(
        "in.zip",
        &two,
        &["--member", "c.csv"],
        65,
        &["it has no member c.csv", "a.csv, b.csv"],
    );
    let (folder, ended) = load("in.zip", &two, &["--member", "b.csv"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(database::dump(&folder.path().join("out.db"), "b").rows, ["1: 2"]);
    let texts = zip_of(&[
        ZipMember::deflated("a.txt", b"id\n1\n"),
        ZipMember::deflated("b.txt", b"id\n2\n"),
    ]);
    refused("in.zip", &texts, &[], 65, &["none of which ends with .csv", "--member"]);
    refused("in.zip", &zip_of(&[]), &[], 65, &["without a file in it"]);
    let twice = zip_of(&[
        ZipMember::deflated("a.csv", b"id\n1\n"),
        ZipMember::deflated("a.csv", b"id\n2\n"),
    ]);
    refused(
        "in.zip",
        &twice,
        &["--member", "a.csv"],
        65,
        &["more than one member a.csv"],
    );
    let book = zip_of(&[
        ZipMember::deflated("[Content_Types].xml", b"<a/>"),
        ZipMember::deflated("xl/a.csv", b"id\n1\n"),
    ]);
    refused("in.xlsx", &book, &[], 65, &["spreadsheet", "export it as CSV"]);
    let secret = zip_of(&[ZipMember {
        flags: 1,
        ..ZipMember::deflated("a.csv", b"id\n1\n")
    }]);
    refused("in.zip", &secret, &[], 65, &["a.csv is encrypted"]);
    let lzma = zip_of(&[ZipMember {
        method: 14,
        ..ZipMember::deflated("a.csv", b"id\n1\n")
    }]);
    refused("in.zip", &lzma, &[], 65, &["method 14 (LZMA)"]);
    refused("in.csv", b"id\n1\n", &["--member", "a.csv"], 64, &["no input is one"]);
    let archive = zip(b"id\n1\n");
    refused(
        "in.zip",
        &archive[..archive.len() - 10],
        &[],
        65,
        &["table of contents is damaged"],
    );
    Case::csv("id\n1\n")
        .packed(zip)
        .expect_exit(65)
        .expect_said("save it as a file")
        .run(&Setting { piped: true, ..PLAIN });
}

#[test]
fn what_only_plain_files_allow_is_refused() {
    refused(
        "in.csv.gz",
        &gzip(b"id\n1\n"),
        &["--append-only"],
        64,
        &["is packed", "--once"],
    );
}

#[test]
fn content_that_was_loaded_is_known_whatever_packs_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.csv"), "id\n1\n2\n").unwrap();
    fs::write(at("a.csv.gz"), gzip(b"id\n1\n2\n")).unwrap();
    fs::write(at("b.csv.zst"), zstd(b"id\n3\n")).unwrap();
    let run = |inputs: &[&str]| {
        let args: Vec<&str> = ["load"]
            .iter()
            .chain(inputs)
            .chain(&["out.db", "--table", "t", "--once"])
            .copied()
            .collect();
        let ended = run_in(folder.path(), &args);
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        said(&ended)
    };
    run(&["a.csv.gz"]);
    assert!(run(&["a.csv", "b.csv.zst"]).contains("a.csv is skipped"));
    assert!(run(&["b.csv.zst"]).contains("b.csv.zst is skipped"));
    assert_eq!(database::dump(&at("out.db"), "t").rows, ["1: 1", "2: 2", "3: 3"]);
}

fn many_people(records: u64) -> Vec<u8> {
    let recipe = Recipe {
        seed: 11,
        records,
        bad_every: 101,
        duplicate_every: 53,
        text_keys: true,
        padding: 60,
    };
    people(&recipe).0
}

const MANY_ARGS: [&str; 12] = [
    "load",
    "in.csv",
    "out.db",
    "--table",
    "t",
    "--key",
    "id",
    "--batch-rows",
    "299",
    "--text",
    "--window-bytes",
    "16384",
];

#[test]
fn a_load_that_was_killed_goes_on_in_the_packed_file() {
    let plain = tempfile::tempdir().unwrap();
    fs::write(plain.path().join("in.csv"), many_people(3000)).unwrap();
    assert_eq!(run_in(plain.path(), &MANY_ARGS).code(), 2);
    let outcome = |folder: &Path| {
        let rows = database::dump(&folder.join("out.db"), "t").rows;
        (rows, fs::read(folder.join("errors.csv")).unwrap())
    };
    for (_, pack) in STREAMED.into_iter().chain(ARCHIVES) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), pack(&many_people(3000))).unwrap();
        for committed in [1, 3, 2] {
            let args: Vec<_> = MANY_ARGS.iter().map(Into::into).collect();
            let mut command = super::process::rowmill(folder.path(), &args);
            command.env(
                "ROWMILL_SIGNAL_AT",
                format!("batch: committed {committed} {}", libc::SIGKILL),
            );
            super::process::Running::start(command).wait();
        }
        let ended = run_in(folder.path(), &MANY_ARGS);
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(
            said(&ended).contains("resuming an unfinished load after record"),
            "{}",
            said(&ended)
        );
        assert!(outcome(folder.path()) == outcome(plain.path()));
    }
}

#[test]
fn damage_in_the_middle_says_what_is_committed_and_a_whole_copy_is_loaded_afresh() {
    let plain = many_people(30_000);
    let whole = gzip_members(&plain);
    let mut damaged = whole.clone();
    let at = damaged.len() * 3 / 4;
    damaged[at] ^= 0x10;
    let (folder, ended) = load("in.csv", &damaged, &MANY_ARGS[3..]);
    assert_eq!(ended.code(), 74, "{}", said(&ended));
    for words in [
        "in.csv is damaged",
        "gzip data that begin at its byte",
        "records of the load are committed",
        "--restart",
    ] {
        assert!(said(&ended).contains(words), "{words}: {}", said(&ended));
    }
    // What comes after that byte was not compared with a checksum. Some records have two lines.
    let message = said(&ended);
    let sound_bytes = message
        .split("may be wrong from byte ")
        .nth(1)
        .and_then(|rest| rest.split([' ', '\n', ';', ',']).next());
    let sound_bytes: usize = sound_bytes.unwrap().parse().unwrap();
    let sound_records = plain[..sound_bytes].iter().filter(|&&byte| byte == b'\n').count() / 2;
    let rows = database::dump(&folder.path().join("out.db"), "t").rows;
    let is_sound = |row: &&String| row.split(':').next().unwrap().parse::<usize>().unwrap() <= sound_records;
    let rows: Vec<&String> = rows.iter().filter(is_sound).collect();
    assert!(!rows.is_empty());
    let again = run_in(folder.path(), &MANY_ARGS);
    assert_eq!(again.code(), 74, "{}", said(&again));
    fs::write(folder.path().join("in.csv"), &whole).unwrap();
    let args: Vec<&str> = MANY_ARGS.iter().copied().chain(["--restart"]).collect();
    let restarted = run_in(folder.path(), &args);
    assert_eq!(restarted.code(), 2, "{}", said(&restarted));
    let all = database::dump(&folder.path().join("out.db"), "t").rows;
    assert!(
        rows.iter().all(|row| all.contains(*row)),
        "rows before the damage are right"
    );
}
