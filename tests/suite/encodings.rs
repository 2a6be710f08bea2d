//! Inputs that are not UTF-8: what comes of them is what comes of the same text in UTF-8, and errors.csv has the bytes of the file.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::data::Numbers;
use super::database;
use super::harness::{Case, PAIRS, PLAIN, Reject, Run, run_in, side_by_side};
use super::packing::{bgzf, gzip, zip, zstd};
use super::process::Ended;

/// Encodings of every kind, by the name that is given and the one that is reported.
const ENCODINGS: [(&str, &str); 16] = [
    ("latin1", "windows-1252"),
    ("windows-1251", "windows-1251"),
    ("windows-1253", "windows-1253"),
    ("iso-8859-2", "ISO-8859-2"),
    ("iso-8859-15", "ISO-8859-15"),
    ("koi8-u", "KOI8-U"),
    ("macintosh", "macintosh"),
    ("windows-874", "windows-874"),
    ("shift_jis", "Shift_JIS"),
    ("euc-jp", "EUC-JP"),
    ("gbk", "GBK"),
    ("gb18030", "gb18030"),
    ("big5", "Big5"),
    ("euc-kr", "EUC-KR"),
    ("utf-16le", "UTF-16LE"),
    ("utf-16be", "UTF-16BE"),
];

/// `text` in the encoding with this label.
pub fn encoded(text: &str, label: &str) -> Vec<u8> {
    match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect(label);
            let (bytes, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy, "{label}: {text}");
            bytes.into_owned()
        }
    }
}

/// UTF-16 as UTF-8, as well as it goes.
pub fn utf_8_of_wide(bytes: &[u8], is_big: bool) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|unit| match is_big {
        true => u16::from_be_bytes([unit[0], unit[1]]),
        false => u16::from_le_bytes([unit[0], unit[1]]),
    });
    let characters = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    characters.collect::<String>().into_bytes()
}

/// Characters that the encoding has and can give back, ASCII aside.
fn repertoire(label: &str) -> Vec<char> {
    if label.starts_with("utf-16") {
        return "éß–Ωжあ東\u{a00}\u{2c2c}\u{2222}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{1f980}\u{10ffff}"
            .chars()
            .collect();
    }
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect(label);
    let candidates = (0x80..0x3000_u32)
        .chain((0x3000..0x1_0000).step_by(7))
        .chain((0x1_F600..0x1_F700).step_by(5));
    let is_there = |character: &char| {
        let text = character.to_string();
        let (bytes, _, is_lossy) = encoding.encode(&text);
        !is_lossy && encoding.decode_without_bom_handling(&bytes).0 == text
    };
    candidates.filter_map(char::from_u32).filter(is_there).collect()
}

/// A file with everything that a record can be, of words of `letters`.
fn random_text(numbers: &mut Numbers, letters: &[char], records: u64) -> String {
    let mut text = "id,name,note\n".to_owned();
    for id in 0..records {
        let mut word = || -> String {
            let length = numbers.below(9);
            let letter = |_| match numbers.below(3) {
                0 => char::from(b'a' + numbers.below(26) as u8),
                _ => letters[numbers.below(letters.len() as u64) as usize],
            };
            (0..length).map(letter).collect()
        };
        let (first, second) = (word(), word());
        text += &match id % 11 {
            0 => format!("{id},\"{first}\n\"\"{second}\",x\n"),
            1 => format!("{id},{first}\n"),
            2 => format!("{id},{first},{second},{first}\n"),
            3 => format!("{id},\"{first}\"{second},\n"),
            4 => format!("{first},{second},\n"),
            5 => format!("{},{first},again\n", id - 4),
            6 => format!("{id},\"{first},{second}\",\"{second}\"\r\n"),
            7 => format!("{id},NULL,–\n").replace('–', &letters[0].to_string()),
            _ => format!("{id},{first},{second}\n"),
        };
    }
    text + "last,\"" + &letters[0].to_string()
}

/// What a reject says that does not depend on how the file is written.
fn apart_from_bytes(rejects: &[Reject]) -> Vec<String> {
    let said = rejects.iter().map(|reject| {
        let reject = Reject {
            byte_offset: 0,
            byte_length: 0,
            raw: Vec::new(),
            ..reject.clone()
        };
        format!("{reject:?}")
    });
    said.collect()
}

fn must_equal_but_for_bytes(utf_8: &Run, other: &Run) {
    let (left, right) = (utf_8.dump(), other.dump());
    other.must_match("schema", &left.schema, &right.schema);
    other.must_match("rows", &left.rows, &right.rows);
    other.must_match(
        "rejects",
        &apart_from_bytes(&utf_8.rejects()),
        &apart_from_bytes(&other.rejects()),
    );
}

#[test]
fn every_encoding_gives_what_the_same_text_in_utf_8_gives() {
    side_by_side(&ENCODINGS, |index, &(label, name)| {
        let letters = repertoire(label);
        let mut numbers = Numbers(index as u64);
        let text = random_text(&mut numbers, &letters, 130);
        let word = letters[0].to_string();
        let args = ["--null", &word, "--types", "id=integer", "--key", "id"]
            .map(str::to_owned)
            .to_vec();
        let utf_8 = Case::csv(&text).arg_list(args.clone()).any_rejects().once();
        let case = Case::csv(encoded(&text, label))
            .arg_list(args)
            .args(["--encoding", label])
            .any_rejects();
        let found = case.check_at(&PAIRS).unwrap();
        must_equal_but_for_bytes(&utf_8, &found);
        assert!(found.rejects().len() > 30, "{label}");
        let input = &found.report().unwrap()["inputs"][0];
        assert_eq!(
            (&input["encoding"], &input["bytes"]),
            (&Value::from(name), &Value::from(encoded(&text, label).len()))
        );
    });
}

#[test]
fn random_texts_in_random_encodings_give_what_they_give_in_utf_8() {
    let mut numbers = Numbers(4711);
    for round in 0..48 {
        let (label, _) = ENCODINGS[numbers.below(ENCODINGS.len() as u64) as usize];
        let letters = repertoire(label);
        let records = 1 + numbers.below(60);
        let text = random_text(&mut numbers, &letters, records);
        let args: &[&str] = match round % 4 {
            0 => &["--types", "id=integer"],
            1 => &["--text", "--fill-missing", "--trim"],
            2 => &["--escape", "!", "--key", "name"],
            _ => &["--max-record-bytes", "60", "--no-header"],
        };
        // What a record may have of bytes is counted in those that are parsed.
        let counts_bytes = args.contains(&"--max-record-bytes") && !label.starts_with("utf-16");
        let args: Vec<String> = args.iter().filter(|_| !counts_bytes).map(ToString::to_string).collect();
        let utf_8 = Case::csv(&text).arg_list(args.clone()).any_rejects().once();
        let case = Case::csv(encoded(&text, label))
            .arg_list(args)
            .args(["--encoding", label])
            .any_rejects();
        let setting = &PAIRS[numbers.below(PAIRS.len() as u64) as usize];
        must_equal_but_for_bytes(&utf_8, &case.check_at(&[*setting]).unwrap());
    }
}

const MIXED: &str = "id,naïve,x\n1,é,a\n2,\"ü\n\",\n3,ß\n1,again,\n4,😀,🦀\n";

fn marked(label: &str) -> Vec<u8> {
    encoded(&format!("\u{feff}{MIXED}"), label)
}

#[test]
fn byte_order_marks_are_noticed() {
    let utf_8 = Case::csv(MIXED).args(["--key", "id"]).any_rejects().once();
    for (label, name) in [("utf-16le", "UTF-16LE"), ("utf-16be", "UTF-16BE"), ("utf-8", "UTF-8")] {
        let case = Case::csv(marked(label)).args(["--key", "id"]).any_rejects();
        let found = case.check_at(&PAIRS).unwrap();
        must_equal_but_for_bytes(&utf_8, &found);
        assert_eq!(found.report().unwrap()["inputs"][0]["encoding"], name);
        assert!(!found.stderr().contains("byte order mark"), "{}", found.stderr());
        // A mark is believed, whatever else was said.
        let other = case.args(["--encoding", "windows-1251"]).check_at(&PAIRS).unwrap();
        must_equal_but_for_bytes(&utf_8, &other);
        assert!(
            other.stderr().contains("not read as windows-1251"),
            "{}",
            other.stderr()
        );
    }
}

#[test]
fn inputs_may_be_packed_and_in_utf_16() {
    let plain = Case::csv(marked("utf-16le")).args(["--key", "id"]).any_rejects();
    let expected = plain.once();
    for pack in [gzip, bgzf, zstd] {
        expected.must_equal(&plain.clone().packed(pack).check_at(&PAIRS).unwrap());
    }
    expected.must_equal(&plain.packed(zip).check_at(&[PLAIN]).unwrap());
    let latin = Case::csv(encoded("id,é\n1,ü\n2,ß,ä\n", "latin1"))
        .args(["--encoding", "latin1"])
        .any_rejects();
    latin.once().must_equal(&latin.packed(gzip).check_at(&PAIRS).unwrap());
}

#[test]
fn halves_of_pairs_and_of_units_are_rejected_and_kept() {
    let mut bytes = encoded("id,t\n1,a\n2,b?c\n3,\"d\n?\"\n4,e\n5", "utf-16le");
    for at in 0..bytes.len() - 1 {
        if at % 2 == 0 && bytes[at] == b'?' {
            bytes[at..at + 2].copy_from_slice(&[0x34, 0xd8]);
        }
    }
    bytes.push(b'x');
    Case::csv(&bytes)
        .args(["--encoding", "utf-16le"])
        .expect_rows(["1: 1, 'a'", "4: 4, 'e'"])
        .expect_rejects([
            (3, "invalid_encoding"),
            (4, "invalid_encoding"),
            (7, "invalid_encoding"),
        ])
        .check();
}

#[test]
fn bytes_that_an_encoding_does_not_have_are_rejected() {
    let case = Case::csv(b"id,t\n1,\xe1\n2,\xaa\n3,\xd2,\n4,\xff\n5,b\n".as_slice())
        .args(["--encoding", "windows-1253"])
        .expect_rows(["1: 1, 'α'", "5: 5, 'b'"])
        .expect_rejects([
            (3, "invalid_encoding"),
            (4, "invalid_encoding"),
            (5, "invalid_encoding"),
        ]);
    case.check();
    let rejects = case.once().rejects();
    assert_eq!(
        (
            rejects[0].value.as_slice(),
            rejects[0].raw.as_slice(),
            rejects[0].column.as_str()
        ),
        ("\u{fffd}".as_bytes(), b"2,\xaa".as_slice(), "t")
    );
    assert!(
        rejects[0].message.contains("windows-1253, found byte 0xaa at offset 0"),
        "{rejects:?}"
    );
    // A character that is cut short takes no delimiter, quote or line end along.
    Case::csv(b"id,t,u\n1,\x83,a\n2,\"\x83\",\n3,\x83\n4,\x83\x5c,\x83\x7c\n".as_slice())
        .args(["--encoding", "sjis"])
        .expect_rows(["4: 4, 'ソ', 'ポ'"])
        .expect_rejects([
            (2, "invalid_encoding"),
            (3, "invalid_encoding"),
            (4, "invalid_encoding"),
        ])
        .check();
}

/// Writes `bytes` to `in.csv` of `folder` and loads it with `args`.
fn load_in(folder: &Path, bytes: &[u8], args: &[&str]) -> (i32, String) {
    fs::write(folder.join("in.csv"), bytes).unwrap();
    let ended = run_in(folder, &[&["load", "in.csv", "out.db"], args].concat());
    said(&ended)
}

fn said(ended: &Ended) -> (i32, String) {
    (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn loaded(bytes: &[u8], args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    load_in(folder.path(), bytes, args)
}

#[test]
fn what_is_not_utf_8_gets_one_hint() {
    let line = "2,Orléans,François Lefèvre à Besançon\n";
    let near = encoded(&("id,city,name\n".to_owned() + &line.repeat(50)), "latin1");
    let far = [
        b"id,city,name\n".as_slice(),
        &b"1,Paris,Smith\n".repeat(9000),
        &encoded(line, "latin1").repeat(50),
    ]
    .concat();
    for bytes in [near.clone(), far] {
        let (code, stderr) = loaded(&bytes, &[]);
        assert_eq!(code, 2, "{stderr}");
        assert_eq!(
            stderr
                .matches("likely windows-1252: load it with --encoding windows-1252")
                .count(),
            1,
            "{stderr}"
        );
        assert!(stderr.contains("50 invalid_utf8"), "{stderr}");
        // Whoever said what it is knows better.
        let (code, stderr) = loaded(&bytes, &["--encoding", "utf-8"]);
        assert_eq!((code, stderr.contains("likely")), (2, false), "{stderr}");
        let (code, stderr) = loaded(&bytes, &["--encoding", "windows-1252"]);
        assert_eq!((code, stderr.contains("likely")), (0, false), "{stderr}");
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "b.csv", "c.csv"] {
        fs::write(folder.path().join(name), &near).unwrap();
    }
    let (_, stderr) = said(&run_in(folder.path(), &["load", "a.csv", "b.csv", "c.csv", "out.db"]));
    assert_eq!(stderr.matches("likely").count(), 1, "{stderr}");
    assert!(stderr.contains("2 other inputs are not UTF-8 either"), "{stderr}");
    let (code, stderr) = loaded(&encoded("número,名\n", "gb18030"), &[]);
    assert!(
        code == 65 && stderr.contains("its header is not UTF-8") && stderr.contains("--encoding"),
        "{stderr}"
    );
    for (label, flag) in [("utf-16le", "--encoding utf-16le"), ("utf-16be", "--encoding utf-16be")] {
        let (code, stderr) = loaded(&encoded(MIXED, label), &[]);
        assert!(code == 65 && stderr.contains(flag), "{stderr}");
    }
}

#[test]
fn what_cannot_be_told_apart_in_an_encoding_is_a_usage_error() {
    for (args, words) in [
        (
            &["--encoding", "sjis", "--delimiter", "|"][..],
            "'|' may be a part of another character",
        ),
        (&["--encoding", "gbk", "--escape", "mysql"], "'\\' may be a part"),
        (&["--encoding", "gb18030", "--delimiter", "1"], "'1' may be a part"),
        (
            &["--encoding", "euc-kr", "--delimiter", "¦"],
            "cannot be looked for in EUC-KR",
        ),
        (
            &["--encoding", "latin1", "--delimiter", "→"],
            "cannot be looked for in windows-1252",
        ),
        (&["--encoding", "iso-2022-jp"], "iconv -f iso-2022-jp"),
        (&["--encoding", "klingon"], "no encoding is called 'klingon'"),
    ] {
        let (code, stderr) = loaded(b"a,b\n1,2\n", args);
        assert_eq!(code, 64, "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    // Found, and not given: a bar that may be half a character is still seen, and not misread.
    let bars = encoded("番号|名前\n1|ポリ\n2|ソ\n3|表\n", "sjis");
    let (code, stderr) = loaded(&bars, &["--encoding", "sjis"]);
    assert!(code == 65 && stderr.contains("'|' may be a part"), "{stderr}");
    // In UTF-16 each character is what it is.
    let bars = encoded("番号|名前\n1|ポリ\n2|ソ\n3|表\n", "utf-16le");
    let (code, stderr) = loaded(&bars, &["--encoding", "utf-16le"]);
    assert!(code == 0 && stderr.contains("bars (|)"), "{stderr}");
}

#[test]
fn delimiters_words_and_names_are_those_of_the_encoding() {
    let text = "näme¦wört¦n\nß¦—¦1\n\"a\"\"ü¦é\"¦ä¦2\nnäme¦wört¦n\n";
    let args = ["--delimiter", "¦", "--null", "—", "--drop-repeated-headers"];
    let utf_8 = Case::csv(text).args(args).once();
    let case = Case::csv(encoded(text, "latin1"))
        .args(args)
        .args(["--encoding", "latin1"]);
    let found = case
        .expect_rows(["1: 'ß', NULL, 1", "2: 'a\"ü¦é', 'ä', 2"])
        .expect_types([("näme", "text"), ("wört", "text"), ("n", "integer")])
        .check_at(&PAIRS)
        .unwrap();
    must_equal_but_for_bytes(&utf_8, &found);
    assert_eq!(found.report().unwrap()["inputs"][0]["delimiter"], "¦");
    // The dialect is found in the text, whatever its bytes.
    Case::csv(encoded("番号;表示\n1;ポ;ソ\n2;表\n3;能\n4;a\n", "sjis"))
        .args(["--encoding", "sjis", "--delimiter", ";"])
        .any_rejects()
        .check();
    // Bytes that escapes stand for are those of the encoding.
    Case::csv(b"1\t\\351\xe9\\x41\n2\t\xfc\\tx\n".as_slice())
        .args([
            "--no-header",
            "--delimiter",
            "tab",
            "--quote",
            "none",
            "--escape",
            "postgres",
            "--encoding",
            "latin1",
        ])
        .expect_rows(["1: 1, 'ééA'", "2: 2, 'ü\\tx'"])
        .check();
}

#[test]
fn numbers_and_dates_are_read_in_any_encoding() {
    let text = "id,preis,größe\n1,\"1.234,50 €\",1\u{a0}000\n2,\"2,5\",x\n";
    let args = ["--types", "preis=decimal(2)", "--decimal-comma", "--thousands", "."];
    let utf_8 = Case::csv(text).args(args).any_rejects().once();
    let found = Case::csv(encoded(text, "windows-1252"))
        .args(args)
        .args(["--encoding", "windows-1252"])
        .any_rejects()
        .check_at(&PAIRS)
        .unwrap();
    must_equal_but_for_bytes(&utf_8, &found);
}

#[test]
fn lines_that_are_too_long_are_kept_byte_by_byte() {
    let long = "é🦀".repeat(40);
    let text = format!("id,t\n1,a\n2,{long}\n3,b\r\n{long}\n4,c");
    for label in ["utf-16le", "utf-16be"] {
        let case = Case::csv(encoded(&text, label)).args(["--encoding", label, "--max-record-bytes", "30"]);
        case.expect_rows(["1: 1, 'a'", "3: 3, 'b'", "5: 4, 'c'"])
            .expect_rejects([(3, "record_too_large"), (5, "record_too_large")])
            .check();
    }
}

#[test]
fn preambles_footers_and_padding_are_left_out_in_utf_16() {
    let text = "Überschrift\nsep=;\nid;t\n1;ü\n2\n\nSumme;é\nEnde\n\u{1a}";
    let args = [
        "--skip-lines",
        "2",
        "--delimiter",
        ";",
        "--skip-footer",
        "2",
        "--filename-column",
        "f",
    ];
    let utf_8 = Case::csv(text).args(args).any_rejects().once();
    let case = Case::csv(encoded(text, "utf-16be"))
        .args(args)
        .args(["--encoding", "utf-16be"])
        .any_rejects();
    must_equal_but_for_bytes(&utf_8, &case.check_at(&PAIRS).unwrap());
}

#[test]
fn a_load_goes_on_where_it_stopped_in_the_same_encoding_only() {
    for (label, other) in [("utf-16le", "latin1"), ("latin1", "utf-8")] {
        let folder = tempfile::tempdir().unwrap();
        let text: String =
            "id,t\n".to_owned() + &(0..4000).map(|id| format!("{id},é{id}\n")).collect::<String>() + "x\nß\ny\n";
        let bytes = encoded(&text, label);
        let once = ["--encoding", label, "--batch-rows", "1000"];
        let (code, stderr) = load_in(folder.path(), &bytes, &[&once[..], &["--max-errors", "1"]].concat());
        assert_eq!(code, 3, "{stderr}");
        let (code, stderr) = load_in(folder.path(), &bytes, &["--encoding", other, "--batch-rows", "1000"]);
        assert!(matches!(code, 64 | 65 | 74), "{code} {stderr}");
        // Time of last write is part of what a file is known by.
        let ended = run_in(
            folder.path(),
            &[&["load", "in.csv", "out.db"], &once[..], &["--restart"]].concat(),
        );
        assert_eq!(ended.code(), 2, "{:?}", said(&ended));
        assert_eq!(database::count(&folder.path().join("out.db"), "in"), 4000);
    }
}

#[test]
fn content_that_was_loaded_once_is_known_again() {
    for (label, flags) in [
        ("utf-16le", &["--once"][..]),
        ("latin1", &["--once", "--encoding", "latin1"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = if label == "latin1" {
            MIXED.replace("😀,🦀", "a,b")
        } else {
            format!("\u{feff}{MIXED}")
        };
        let bytes = encoded(&text, label);
        assert_eq!(load_in(folder.path(), &bytes, flags).0, 2);
        let (code, stderr) = load_in(folder.path(), &bytes, flags);
        assert!(code == 0 && stderr.contains("in.csv is skipped"), "{code} {stderr}");
    }
}

#[test]
fn a_file_that_grows_may_be_in_an_encoding_that_is_parsed_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--append-only", "--encoding", "latin1"];
    let start = encoded("id,t\n1,é\n2,ü\nß\n", "latin1");
    assert_eq!(load_in(folder.path(), &start, &flags).0, 2);
    let grown = [start, encoded("3,ä\nö\n", "latin1")].concat();
    assert_eq!(load_in(folder.path(), &grown, &flags).0, 2);
    let rows = database::dump(&folder.path().join("out.db"), "in").rows;
    assert_eq!(rows, ["1: 1, 'é'", "2: 2, 'ü'", "4: 3, 'ä'"]);
    let (code, stderr) = loaded(&marked("utf-16le"), &["--append-only"]);
    assert!(code == 64 && stderr.contains("is UTF-16"), "{code} {stderr}");
}

#[test]
fn inputs_of_one_load_may_differ_in_their_encoding() {
    let run = Case::csv("id,t\n1,é\n2\n")
        .and_csv("b.csv", encoded("\u{feff}id,t\n3,🦀\n4\n", "utf-16be"))
        .and_csv("c.csv", encoded("id,t\n5,ß\n6\n", "latin1"))
        .args(["--filename-column", "f"])
        .expect_rows(["1: 1, 'é', 'in.csv'", "3: 3, '🦀', 'b.csv'"])
        .any_rejects();
    run.check();
    let said = run.once().stderr();
    assert!(said.contains("c.csv: it is not UTF-8 but likely"), "{said}");
}
