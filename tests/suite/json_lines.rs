//! JSON Lines: objects that are rows, through the same stages as CSV, and with the same outcome.

use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;
use rowmill::{InputFormat, Load};

use super::database::{self, open, select, text_literal};
use super::harness::{Case, PAIRS, PLAIN, Run, run_in};
use super::packing::{ZipMember, bzip2, gzip, xz, zip_of, zstd};
use super::process::{Ended, said};

/// What a query finds in the table of a load.
fn found(run: &Run, sql: &str) -> Vec<String> {
    select(&open(&run.path("out.db")), sql).unwrap()
}

/// Writes `files` to a new folder and runs rowmill there with `args`.
fn loaded(files: &[(&str, &[u8])], args: &[&str]) -> (tempfile::TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let ended = run_in(folder.path(), &[&["load"], args].concat());
    (folder, ended)
}

#[test]
fn names_are_columns_and_values_are_what_they_say() {
    Case::jsonl(
        r#"{"id":1,"name":"Ada","score":1.5,"tags":["a", "b"],"ok":true}

{"name":"Gr\u00e9ce \"x\"\n","id":2,"score":null,"ok":false,"born":{"year": 1906}}
  {"id" : -3 , "name":"", "score":2.25}
{}
{"id":9007199254740993,"name":"\ud83d\ude00/\/","extra":"007"}"#,
    )
    .expect_types([
        ("id", "integer"),
        ("name", "text"),
        ("score", "real"),
        ("tags", "text"),
        ("ok", "text"),
        ("born", "text"),
        ("extra", "text"),
    ])
    .expect_rows([
        "1: 1, 'Ada', 1.5, '[\"a\", \"b\"]', 'true', NULL, NULL",
        "2: 2, 'Gréce \"x\"\\n', NULL, NULL, 'false', '{\"year\": 1906}', NULL",
        "3: -3, '', 2.25, NULL, NULL, NULL, NULL",
        "4: NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        "5: 9007199254740993, '😀//', NULL, NULL, NULL, NULL, '007'",
    ])
    .check();
}

#[test]
fn a_string_is_a_text_and_a_number_is_cast_as_in_csv() {
    let text = r#"{"s":"12","n":1,"m":1,"e":1e5,"big":18446744073709551615,"z":1.50,"k":1,"mixed_null":null}
{"s":"13","n":2,"m":"x","e":2,"big":1,"z":1.5,"k":"2"}
{"s":"14","n":3,"m":3,"e":15,"big":2,"z":2,"k":3,"mixed_null":7}"#;
    Case::jsonl(text)
        .expect_types([
            ("s", "text"),
            ("n", "integer"),
            ("m", "text"),
            ("e", "text"),
            ("big", "text"),
            ("z", "text"),
            ("k", "text"),
            ("mixed_null", "integer"),
        ])
        .expect_rows([
            "1: '12', 1, '1', '1e5', '18446744073709551615', '1.50', '1', NULL",
            "2: '13', 2, 'x', '2', '1', '1.5', '2', NULL",
            "3: '14', 3, '3', '15', '2', '2', '3', 7",
        ])
        .check();
    // Whoever declares a type, or has made the table, takes numbers in strings, too.
    let text = "{\"n\":\"12\",\"r\":\"1.5\",\"b\":true,\"d\":\"2024-02-29\"}\n{\"n\":7,\"r\":2e3,\"b\":0,\"d\":null}\n{\"n\":[7]}\n";
    Case::jsonl(text)
        .args(["--types", "n=integer,r=real,b=boolean,d=date"])
        .expect_rows(["1: 12, 1.5, 1, '2024-02-29'", "2: 7, 2000.0, 0, NULL"])
        .expect_rejects([(3, "type_error")])
        .check();
    Case::jsonl(text)
        .existing("CREATE TABLE t (n INTEGER, r REAL, b, d TEXT)")
        .expect_rows(["1: 12, 1.5, 'true', '2024-02-29'", "2: 7, 2000.0, '0', NULL"])
        .expect_rejects([(3, "type_error")])
        .check();
}

/// A line of each kind that is bad, with its code, between good ones.
const BAD: [(&[u8], &str); 14] = [
    (b"not json", "invalid_json"),
    (b"[1,2]", "invalid_json"),
    (b"{\"a\":1", "invalid_json"),
    (b"{\"b\":1,\"B\":2}", "invalid_json"),
    (b"{\"a\":\"\\ud800\"}", "invalid_json"),
    (b"{\"a\":[\"\\udc00\"]}", "invalid_json"),
    (b"{\"a\":1}{\"a\":2}", "invalid_json"),
    (b"{\"a\":\"tab\there\"}", "invalid_json"),
    (b"{\"a\":\"nul \0 \"}", "invalid_json"),
    (b"{\"a\":\"x\\u0000\"}", "nul_byte"),
    (b"{\"a\":\"\xff\"}", "invalid_utf8"),
    (b"{\"a\":2,\"c\xff\":1}", "invalid_utf8"),
    (b"{\"a\":[\"\xe9\"]}", "invalid_utf8"),
    (
        b"{\"a\":3,\"wide\":\"0123456789012345678901234567890123456789\"}",
        "record_too_large",
    ),
];

#[test]
fn bad_lines_are_rejected_where_they_stand() {
    let (mut text, mut rejects, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (line, code)) in BAD.iter().enumerate() {
        let line_number = 2 * index as u64 + 1;
        text.extend_from_slice(line);
        // Names that only bad lines have are no columns.
        let _ = write!(Bytes(&mut text), "\r\n{{\"b\":{index}}}\n");
        rejects.push((line_number, *code));
        rows.push(format!("{}: {index}", line_number + 1));
    }
    let mut case = Case::jsonl(&text)
        .args(["--max-record-bytes", "48"])
        .expect_types([("b", "integer")])
        .expect_row_list(rows);
    case = case.expect_reject_list(&rejects);
    case.check();
    let run = case.once();
    let messages: Vec<String> = run.rejects().into_iter().map(|reject| reject.message).collect();
    assert_eq!(
        messages[..4],
        [
            "expected an object, such as {\"id\": 1} at byte 1 of the line, found 'not json'",
            "expected an object, such as {\"id\": 1} at byte 1 of the line, found '[1,2]'",
            "expected a comma or } at byte 7 of the line, found its end",
            "expected each name once, found \"B\" again (names are compared without regard to case)",
        ]
    );
    assert_eq!(run.rejects()[10].column, "");
}

/// Lets text be written to bytes.
struct Bytes<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[test]
fn names_that_come_late_are_columns_too() {
    let mut text: String = (0..60).fold(String::new(), |mut text, id| {
        let _ = writeln!(text, "{{\"id\":{id},\"x\":\"{}\"}}", id % 7);
        text
    });
    text += "{\"late\":1.5,\"id\":60}\n{\"id\":\"last\"}\n";
    let case = Case::jsonl(&text).expect_types([("id", "text"), ("x", "text"), ("late", "real")]);
    case.check();
    let run = case.once();
    assert_eq!(run.dump().rows[60..], ["61: '60', NULL, 1.5", "62: 'last', NULL, NULL"]);
    // A key that ascends in the first chunk only, and a type that only the last object refutes.
    Case::jsonl("{\"id\":1}\n{\"id\":2}\n{\"id\":1}\n{\"id\":null}\n{\"id\":5,\"n\":\"7\"}\n")
        .args(["--key", "id"])
        .expect_types([("id", "integer"), ("n", "text")])
        .expect_rows(["1: 1, NULL", "2: 2, NULL", "4: NULL, NULL", "5: 5, '7'"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
    // Names that options use, of which the first chunk knows nothing.
    Case::jsonl("{\"a\":1}\n{\"a\":2,\"k\":\"x\"}\n{\"a\":3,\"k\":\"x\"}\n")
        .args(["--key", "kk", "--rename", "k=kk", "--index", "a", "--types", "kk=text"])
        .expect_rows(["1: 1, NULL", "2: 2, 'x'"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn a_table_that_exists_gives_what_objects_lack() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, Name TEXT NOT NULL DEFAULT 'nobody', n INTEGER, made TEXT DEFAULT 'now')";
    Case::jsonl("{\"name\":\"a\",\"n\":1}\n{\"n\":2,\"NAME\":\"b\"}\n{\"name\":\"c\",\"other\":1}\n{\"name\":null}\n")
        .existing(table)
        .expect_rows(["1: 1, 'a', 1, 'now'", "2: 2, 'b', 2, 'now'"])
        .expect_rejects([(3, "too_many_columns"), (4, "null_violation")])
        .check();
    let case = Case::jsonl("{\"n\":1}\n{\"x\":[1],\"n\":2,\"y\":3}\n{\"n\":3}\n")
        .existing(table)
        .args(["--ignore-extra"])
        .expect_rows([
            "1: 1, 'nobody', 1, 'now'",
            "2: 2, 'nobody', 2, 'now'",
            "3: 3, 'nobody', 3, 'now'",
        ]);
    case.check();
    assert_eq!(case.once().report().unwrap()["inputs"][0]["cut_records"], 1);
    Case::jsonl("{\"name\":\"a\",\"made\":null}\n{\"name\":\"b\",\"made\":\"then\"}\n{\"name\":null}\n")
        .existing(table)
        .args(["--empty", "default"])
        .expect_rows([
            "1: 1, 'a', NULL, 'now'",
            "2: 2, 'b', NULL, 'then'",
            "3: 3, 'nobody', NULL, 'now'",
        ])
        .check();
    // What the objects have must be in the table, and what the table must have in the objects.
    Case::jsonl("{\"z\":1}\n")
        .existing("CREATE TABLE t (a NOT NULL)")
        .expect_exit(65)
        .expect_said("no line of it is an object with a name in it")
        .once();
    let name = "{\"nome\":\"x\",\"n\":1}\n";
    Case::jsonl(name)
        .existing(table)
        .args(["--rename", "nome=name"])
        .expect_rows(["1: 1, 'x', 1, 'now'"])
        .check();
}

#[test]
fn columns_are_chosen_renamed_and_added() {
    Case::jsonl("{\"a\":1,\"b\":\"x\",\"c\":[1]}\n{\"c\":2}\n{\"b\":\"z\",\"d\":1}\n")
        .args([
            "--columns",
            "b,a,never",
            "--rename",
            "b=text",
            "--const",
            "source=web",
            "--filename-column",
            "file",
            "--row-number",
            "record",
        ])
        .expect_types([
            ("text", "text"),
            ("a", "integer"),
            ("never", "text"),
            ("source", "text"),
            ("file", "text"),
            ("record", "integer"),
        ])
        .expect_rows([
            "1: 'x', 1, NULL, 'web', 'in.jsonl', 1",
            "2: NULL, NULL, NULL, 'web', 'in.jsonl', 2",
            "3: 'z', NULL, NULL, 'web', 'in.jsonl', 3",
        ])
        .check();
}

#[test]
fn several_files_have_the_names_of_all() {
    Case::jsonl("{\"id\":1,\"a\":1}\n")
        .and_csv("b.ndjson", "{\"b\":\"x\",\"id\":2}\n\n{\"ID\":1}")
        .and_csv("c.jsonl", "")
        .args(["--key", "id"])
        .expect_types([("id", "integer"), ("a", "integer"), ("b", "text")])
        .expect_rows(["1: 1, 1, NULL", "2: 2, NULL, 'x'"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn words_for_null_and_empty_strings_are_what_the_options_say() {
    let text = "{\"a\":\"NA\",\"b\":\"\"}\n{\"a\":\"n\\u002fa\",\"b\":1}\n{\"a\":\"na\",\"b\":null}\n{\"a\":-1}\n";
    Case::jsonl(text)
        .args(["--null", "NA", "--null", "n/a", "--null", "-1"])
        .expect_types([("a", "text"), ("b", "text")])
        .expect_rows(["1: NULL, ''", "2: NULL, '1'", "3: 'na', NULL", "4: '-1', NULL"])
        .check();
    Case::jsonl(text)
        .args(["--empty-as-null"])
        .expect_types([("a", "text"), ("b", "integer")])
        .expect_rows(["1: 'NA', NULL", "2: 'n/a', 1", "3: 'na', NULL", "4: '-1', NULL"])
        .check();
    Case::jsonl(text)
        .args(["--empty", "text", "--columns", "b"])
        .expect_rows(["1: ''", "2: '1'", "3: ''", "4: ''"])
        .check();
    let run = Case::jsonl(text).once();
    assert!(run.stderr().contains("--empty-as-null"), "{}", run.stderr());
}

#[test]
fn the_format_is_what_is_said_what_a_name_says_or_what_the_first_lines_are() {
    let text = b"\xEF\xBB\xBF{\"a\":1}\n{\"a\":2}\n";
    let rows = ["1: 1", "2: 2"];
    for (name, packed) in [
        ("x.jsonl", text.to_vec()),
        ("x.NDJSON", text.to_vec()),
        ("x.jsonl.gz", gzip(text)),
        ("x.ndjson.zst", zstd(text)),
        ("x.jsonl.xz", xz(text)),
        ("x.bz2", bzip2(text)),
        ("x.json", text.to_vec()),
        (
            "x.zip",
            zip_of(&[
                ZipMember::deflated("readme.txt", b"x"),
                ZipMember::deflated("in.jsonl", text),
            ]),
        ),
    ] {
        let (folder, ended) = loaded(&[(name, &packed)], &[name, "out.db"]);
        assert_eq!(ended.code(), 0, "{name}: {}", said(&ended));
        assert!(said(&ended).contains("format      JSON Lines"), "{}", said(&ended));
        assert_eq!(database::dump(&folder.path().join("out.db"), "x").rows, rows, "{name}");
    }
    let one = b"{\"a\":1}\n";
    let refused = |files: &[(&str, &[u8])], args: &[&str], code: i32, fragment: &str| {
        let (_, ended) = loaded(files, args);
        assert!(
            ended.code() == code && said(&ended).contains(fragment),
            "{}",
            said(&ended)
        );
    };
    refused(&[("x.txt", one)], &["x.txt", "out.db"], 65, "it is JSON");
    let (folder, ended) = loaded(&[("x.txt", one)], &["x.txt", "out.db", "--format", "jsonl"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(database::dump(&folder.path().join("out.db"), "x").rows, rows[..1]);
    for (text, fragment) in [
        (
            &b"{\n  \"a\": 1\n}\n"[..],
            "it is JSON; write its records one on a line",
        ),
        (
            b"[{\"a\":1},\n{\"a\":2}]",
            "it is JSON; write its records one on a line",
        ),
        (b"<html><body>Sign in</body></html>", "HTML"),
        (b"", "no line of it is an object"),
        (b"{}\n{}\n", "no line of it is an object"),
    ] {
        refused(&[("x.jsonl", text)], &["x.jsonl", "out.db"], 65, fragment);
    }
    refused(
        &[("x.csv", text)],
        &["x.csv", "out.db", "--format", "csv"],
        65,
        "one object in a line; load it with --format jsonl",
    );
    refused(
        &[("a.csv", b"a\n1\n"), ("b.jsonl", one)],
        &["a.csv", "b.jsonl", "out.db"],
        64,
        "b.jsonl is JSON Lines and a.csv is CSV",
    );
}

#[test]
fn what_is_about_csv_is_refused() {
    for flags in [
        &["--delimiter", ";"][..],
        &["--quote", "\""],
        &["--escape", "mysql"],
        &["--no-double-quote"],
        &["--no-header"],
        &["--header-row", "2"],
        &["--comment", "#"],
        &["--drop-repeated-headers"],
        &["--trim"],
        &["--decimal-comma"],
    ] {
        for name in ["x.jsonl", "x.txt"] {
            let format: &[&str] = if name == "x.txt" { &["--format", "jsonl"] } else { &[] };
            let args = [&[name, "out.db"], flags, format].concat();
            let (_, ended) = loaded(&[(name, b"{\"a\":1}\n")], &args);
            let fragment = format!("{} is about CSV", flags[0]);
            assert!(
                ended.code() == 64 && said(&ended).contains(&fragment),
                "{}",
                said(&ended)
            );
        }
    }
    let (_, ended) = loaded(
        &[("x.jsonl", b"{\"a\":1}\n")],
        &["x.jsonl", "out.db", "--encoding", "latin1"],
    );
    let has_said = said(&ended).contains("UTF-8 and UTF-16 only");
    assert!(ended.code() == 64 && has_said, "{}", said(&ended));
    let text = "\u{feff}{\"a\":\"\u{e9}\"}\nbad\n{\"a\":\"\\u00e9\"}\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (folder, ended) = loaded(&[("x.jsonl", &wide)], &["x.jsonl", "out.db"]);
    assert_eq!(ended.code(), 2, "{}", said(&ended));
    assert_eq!(
        database::dump(&folder.path().join("out.db"), "x").rows,
        ["1: 'é'", "3: 'é'"]
    );
    // Lines that are passed over are lines in any format.
    Case::jsonl("some export\n{\"a\":1}\n2 lines\n")
        .args(["--skip-lines", "1", "--skip-footer", "1", "--format", "ndjson"])
        .expect_rows(["1: 1"])
        .check();
}

#[test]
fn a_table_holds_so_many_names_and_no_more() {
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|index| format!("\"c{index}\":{index}")).collect();
        format!("{{{}}}\n", members.join(","))
    };
    let (folder, ended) = loaded(&[("x.jsonl", object(2000).as_bytes())], &["x.jsonl", "out.db"]);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(database::count(&folder.path().join("out.db"), "x"), 1);
    let many = object(1999) + "{\"x\":1,\"c5\":0}\n{\"y\":1}\n";
    for args in [
        &["x.jsonl", "out.db"][..],
        &["x.jsonl", "out.db", "--chunk-bytes", "4096", "--infer", "guess"],
    ] {
        let (folder, ended) = loaded(&[("x.jsonl", many.as_bytes())], args);
        let has_said = said(&ended).contains("more than 2000 names") && said(&ended).contains("--columns");
        assert!(ended.code() == 65 && has_said, "{}", said(&ended));
        assert!(!folder.path().join("out.db").exists());
    }
    let args = ["x.jsonl", "out.db", "--columns", "y,c5"];
    let (folder, ended) = loaded(&[("x.jsonl", many.as_bytes())], &args);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    assert_eq!(
        database::dump(&folder.path().join("out.db"), "x").rows,
        ["1: NULL, 5", "2: NULL, 0", "3: 1, NULL"]
    );
}

#[test]
fn short_objects_for_wide_tables_keep_to_the_memory() {
    let members: Vec<String> = (0..1500).map(|index| format!("\"c{index}\":1")).collect();
    let text = format!("{{{}}}\n", members.join(",")) + &"{}\n{\"c7\":2}\n".repeat(40_000);
    let args = ["x.jsonl", "out.db", "--text", "--report", "report.json"];
    let (folder, ended) = loaded(&[("x.jsonl", text.as_bytes())], &args);
    assert_eq!(ended.code(), 0, "{}", said(&ended));
    let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["loaded"], 80_001);
    assert!(report["peak_rss_bytes"].as_u64().unwrap() < 244 << 20, "{report}");
}

/// What an object holds under a name.
#[derive(Debug, Clone)]
enum Held {
    Nothing,
    Null,
    /// As it is written.
    Number(String),
    Word(bool),
    Text(String),
    Nested(String),
}

impl Held {
    /// As JSON, with escapes wherever `escapes` says so.
    fn json(&self, escapes: u32) -> String {
        match self {
            Held::Nothing => unreachable!("it is not written"),
            Held::Null => "null".to_owned(),
            Held::Number(text) | Held::Nested(text) => text.clone(),
            Held::Word(word) => word.to_string(),
            Held::Text(text) if escapes.is_multiple_of(3) => {
                text.encode_utf16()
                    .fold("\"".to_owned(), |all, unit| all + &format!("\\u{unit:04x}"))
                    + "\""
            }
            Held::Text(text) => serde_json::to_string(text).unwrap(),
        }
    }

    /// As a field of CSV.
    fn csv(&self) -> String {
        match self {
            Held::Nothing | Held::Null => String::new(),
            Held::Number(text) => text.clone(),
            Held::Word(word) => word.to_string(),
            Held::Text(text) | Held::Nested(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        }
    }
}

fn held() -> impl Strategy<Value = Held> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (-50i32..50).prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,2}",
        "[1-9](\\.[0-9])?[eE][-+]?[0-9]",
        Just("18446744073709551616".to_owned()),
        Just("-0".to_owned()),
    ];
    let text = prop_oneof![
        "[a-zé😀\"\\\\,\n\t/ ]{0,12}",
        "[0-9]{1,4}",
        Just("NA".to_owned()),
        Just(String::new()),
    ];
    prop_oneof![
        2 => Just(Held::Nothing),
        1 => Just(Held::Null),
        4 => number.prop_map(Held::Number),
        1 => any::<bool>().prop_map(Held::Word),
        4 => text.prop_map(Held::Text),
        1 => prop::sample::select(vec!["[]", "{\"a\": [1, \"x,y\"]}", "[null, {\"b\":{}}]"])
            .prop_map(|text| Held::Nested(text.to_owned())),
    ]
}

/// What one column of a file holds: anything, or numbers only, so that it has a chance to be a number.
fn column(rows: usize) -> impl Strategy<Value = Vec<Held>> {
    let numbers = |held: Held| match held {
        Held::Text(_) | Held::Nested(_) | Held::Word(_) => Held::Null,
        held => held,
    };
    let small = |held: Held| match held {
        Held::Number(text) if text.parse::<i32>().is_ok() && text != "-0" => Held::Number(text),
        Held::Number(text) => Held::Number(text.len().to_string()),
        _ => Held::Nothing,
    };
    prop_oneof![
        prop::collection::vec(held(), rows),
        prop::collection::vec(held().prop_map(numbers), rows),
        prop::collection::vec(held().prop_map(small), rows),
    ]
}

/// Objects as JSON Lines, and as CSV with the columns in the order in which the objects name them first.
fn written(columns: &[Vec<Held>], seed: u32) -> (String, String, Vec<String>) {
    let name = |column: usize| format!("c{column}");
    let (mut json, mut order) = (String::new(), Vec::new());
    for row in 0..columns[0].len() {
        let mut present: Vec<usize> = (0..columns.len())
            .filter(|&column| !matches!(columns[column][row], Held::Nothing))
            .collect();
        let mixed = seed.wrapping_add(row as u32).wrapping_mul(2_654_435_761) >> 8;
        let turn = mixed as usize % present.len().max(1);
        present.rotate_left(turn);
        let blank = ["", " ", "\t", "  "][mixed as usize % 4];
        let members: Vec<String> = present
            .iter()
            .map(|&column| {
                format!(
                    "{blank}\"{}\"{blank}:{blank}{}",
                    name(column),
                    columns[column][row].json(mixed)
                )
            })
            .collect();
        for column in present {
            if !order.contains(&column) {
                order.push(column);
            }
        }
        let end = ["\n", "\r\n", "\n\n"][mixed as usize % 3];
        let _ = write!(json, "{{{}{blank}}}{end}", members.join(","));
    }
    let names: Vec<String> = order.iter().map(|&column| name(column)).collect();
    let mut csv = names.join(",") + "\n";
    csv.extend((0..columns[0].len()).map(|row| {
        let fields: Vec<String> = order.iter().map(|&column| columns[column][row].csv()).collect();
        fields.join(",") + "\n"
    }));
    // Where a text is, a column is text; CSV cannot say that of what looks like a number.
    let texts = order.iter().filter(|&&column| {
        let is_text = |held: &Held| matches!(held, Held::Text(text) if !text.is_empty());
        columns[column].iter().any(is_text)
    });
    (
        json,
        csv,
        texts.map(|&column| format!("{}=text", name(column))).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same rows as CSV give the same table, at every setting.
    #[test]
    fn objects_are_loaded_as_the_rows_that_they_are(
        columns in (2usize..30).prop_flat_map(|rows| prop::collection::vec(column(rows), 2..5)),
        seed: u32,
    ) {
        let (json, csv, texts) = written(&columns, seed);
        // Of one column, a row without a value is a blank line in CSV.
        prop_assume!(csv.lines().next().is_some_and(|header| header.contains(',')));
        // What the texts hold must not be taken for another dialect.
        let mut csv = Case::csv(csv).args(["--no-detect"]);
        if !texts.is_empty() {
            csv = csv.args(["--types", &texts.join(",")]);
        }
        let csv = csv.once();
        let case = Case::jsonl(json);
        let run = case.check_at(&PAIRS).unwrap();
        csv.must_match("schema", &csv.dump().schema, &run.dump().schema);
        csv.must_match("rows", &csv.dump().rows, &run.dump().rows);
    }
}

#[test]
fn packed_objects_are_what_they_are_unpacked() {
    let text = "{\"id\":1,\"a\":\"x\"}\n{\"id\":2}\nbad\n{\"id\":3,\"b\":1.5}\n";
    let case = || {
        Case::jsonl(text)
            .args(["--format", "jsonl"])
            .expect_rejects([(3, "invalid_json")])
    };
    let plain = case().check_at(&[PLAIN]).unwrap();
    for pack in [gzip, zstd, bzip2] {
        let packed = case().packed(pack).check_at(&PAIRS).unwrap();
        plain.must_equal(&packed);
    }
}

#[test]
fn a_file_of_objects_that_grows_keeps_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut text = String::new();
    let mut load = |more: &str| {
        text += more;
        fs::write(at("log.jsonl"), &text).unwrap();
        let ended = run_in(
            folder.path(),
            &["load", "log.jsonl", "out.db", "--append-only", "--key", "id"],
        );
        (ended.code(), said(&ended))
    };
    assert_eq!(load("{\"id\":1,\"a\":5}\n{\"id\":2,\"a\"").0, 0);
    assert_eq!(load(":6}\n{\"id\":1,\"a\":7}\n").0, 2);
    assert_eq!(
        load("{\"id\":3,\"b\":1}\n{\"id\":4,\"a\":\"8\"}\n{\"a\":9,\"id\":5}\n").0,
        2
    );
    let rows = database::dump(&at("out.db"), "log").rows;
    assert_eq!(rows, ["1: 1, 5", "2: 2, 6", "5: 5, 9"]);
    let errors = fs::read_to_string(at("errors.csv")).unwrap();
    let codes: Vec<&str> = errors
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(7).unwrap())
        .collect();
    assert_eq!(codes, ["duplicate_key", "too_many_columns", "type_error"]);
    assert!(errors.contains("the key came first in record 1"), "{errors}");
}

/// Loads `text` with a kill after `batches` batches, and again: what became of it.
fn killed_and_resumed(text: &str, more: &[&str], batches: u32) -> (Vec<String>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.jsonl"), text).unwrap();
    let args = [
        "load",
        "in.jsonl",
        "out.db",
        "--table",
        "t",
        "--batch-rows",
        "50",
        "--chunk-bytes",
        "512",
    ];
    let args: Vec<_> = args.iter().chain(more).map(Into::into).collect();
    let mut command = super::process::rowmill(folder.path(), &args);
    command.env(
        "ROWMILL_SIGNAL_AT",
        format!("batch: committed {batches} {}", libc::SIGKILL),
    );
    let ended = super::process::Running::start(command).wait();
    assert_eq!(ended.code(), if batches > 0 { 137 } else { 2 }, "{}", said(&ended));
    if batches > 0 {
        let ended = super::process::Running::start(super::process::rowmill(folder.path(), &args)).wait();
        assert_eq!(ended.code(), 2, "{}", said(&ended));
        assert!(said(&ended).contains("resuming an unfinished load"), "{}", said(&ended));
    }
    let at = |name: &str| folder.path().join(name);
    (
        database::dump(&at("out.db"), "t").rows,
        fs::read(at("errors.csv")).unwrap(),
    )
}

#[test]
fn a_load_that_was_killed_goes_on_with_the_same_names() {
    let mut text = String::new();
    for id in 0..400 {
        let _ = match id % 10 {
            3 => writeln!(text, "{{\"id\":{id},\"a\"}}"),
            7 => writeln!(text, "{{\"id\":{},\"b\":[{id}]}}", id - 1),
            _ => writeln!(text, "{{\"a\":\"x{id}\",\"b\":null,\"id\":{id}}}"),
        };
    }
    let late = text.clone() + "{\"id\":1000,\"late\":true}\n";
    for more in [&["--key", "id"][..], &["--key", "id", "--infer", "guess"]] {
        for text in [&text, &late] {
            let whole = killed_and_resumed(text, more, 0);
            for batches in [1, 4] {
                assert_eq!(killed_and_resumed(text, more, batches), whole, "{more:?}");
            }
        }
    }
}

#[test]
fn a_program_gives_the_format_of_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let load = |name: &str| {
        Load::from_reader(name, Cursor::new("{\"id\":1}\n{\"id\":2}\n"))
            .into(at("out.db"))
            .errors(at("errors.csv"))
    };
    let report = load("objects").format(InputFormat::JsonLines).run().unwrap();
    assert_eq!((report.loaded, report.inputs[0].format), (2, "jsonl"));
    let error = load("others").run().unwrap_err();
    assert!(error.to_string().contains("`format`"), "{error}");
    let error = load("others")
        .format(InputFormat::JsonLines)
        .delimiter(b';')
        .run()
        .unwrap_err();
    assert_eq!(error.exit_code(), 64, "{error}");
}

#[test]
fn what_a_folder_holds_is_csv_or_else_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join("in").join(name), text).unwrap();
    write("a.jsonl", "{\"x\":1}\n");
    write("b.ndjson", "{\"x\":2}\n");
    let load = |args: &[&str]| {
        let _ = fs::remove_file(folder.path().join("out.db"));
        let ended = run_in(folder.path(), &[&["load", "in", "out.db"], args].concat());
        assert_eq!(ended.code(), 0, "{}", said(&ended));
        database::dump(&folder.path().join("out.db"), "in").rows
    };
    assert_eq!(load(&[]), ["1: 1", "2: 2"]);
    write("c.csv", "x\n3\n");
    assert_eq!(load(&[]), ["1: 3"]);
    assert_eq!(load(&["--format", "jsonl"]), ["1: 1", "2: 2"]);
}

#[test]
fn values_of_a_dataset_are_what_serde_json_reads() {
    let dataset = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/earthquakes.jsonl");
    let text = fs::read_to_string(dataset).unwrap();
    let run = Case::jsonl(&text).once();
    let objects = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let values: Vec<String> = objects
        .map(|object| {
            let shown = ["title", "code", "felt", "mag", "geometry"].map(|name| match &object[name] {
                serde_json::Value::Null => "NULL".to_owned(),
                serde_json::Value::String(text) => text_literal(text.as_bytes()),
                serde_json::Value::Number(number) if name == "mag" => format!("{:?}", number.as_f64().unwrap()),
                serde_json::Value::Number(number) => number.to_string(),
                nested => text_literal(nested.to_string().as_bytes()),
            });
            shown.join(", ")
        })
        .collect();
    // serde_json sorts the names of what is within a value.
    let sql = "SELECT title, code, felt, mag, json_object('coordinates', json(geometry ->> 'coordinates'), 'type', geometry ->> 'type') \
               FROM t ORDER BY rowid";
    run.must_match("values", &values, &found(&run, sql));
}
