//! `rowmill schema`: what it says of columns, against what SQLite says of the table that the same files are loaded into; and that what it
//! prints loads them without a reject.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rowmill::internal::options::ResourceOptions;
use rowmill::internal::{LoadOptions, profile};
use rowmill::{Load, ProfileFormat};
use rusqlite::types::Value as SqlValue;
use serde_json::Value;
use tempfile::TempDir;

use super::harness::{PAIRS, PLAIN, Setting, run_in, side_by_side};
use super::process::{Ended, Feed, Running, rowmill, wait_until};
use super::random::{body, cuts, lines};

/// Settings that suit larger inputs.
const SETTINGS: [Setting; 3] = [
    PLAIN,
    Setting {
        threads: 4,
        window: Some(4096),
        chunk: Some(64),
        piped: true,
        ..PLAIN
    },
    Setting {
        threads: 2,
        window: Some(65_536),
        chunk: Some(1000),
        ..PLAIN
    },
];

/// A folder with an input in it.
struct Scene {
    folder: TempDir,
    bytes: Vec<u8>,
    flags: Vec<String>,
}

impl Scene {
    fn of(bytes: impl AsRef<[u8]>, flags: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), &bytes).unwrap();
        Scene {
            folder,
            bytes: bytes.as_ref().to_vec(),
            flags: flags.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let args: Vec<&str> = args
            .iter()
            .copied()
            .chain(self.flags.iter().map(String::as_str))
            .collect();
        run_in(self.folder.path(), &args)
    }

    /// What is printed in this form at a setting; always the same exit code.
    fn printed(&self, form: &str, setting: &Setting) -> (i32, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.csv");
        let feed = match setting.piped {
            true => Some(Feed::bytes(path, self.bytes.clone())),
            false => {
                fs::write(path, &self.bytes).unwrap();
                None
            }
        };
        let mut args: Vec<OsString> = ["schema", "in.csv", "--as", form, "--quiet"].map(OsString::from).into();
        args.extend(self.flags.iter().map(OsString::from));
        let sizes = [
            ("--threads", Some(setting.threads).filter(|threads| *threads > 0)),
            ("--window-bytes", setting.window),
            ("--chunk-bytes", setting.chunk),
        ];
        for (name, size) in sizes {
            if let Some(size) = size {
                args.extend([name.into(), size.to_string().into()]);
            }
        }
        let ended = Running::start(rowmill(folder.path(), &args)).wait();
        drop(feed);
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        assert_eq!(
            String::from_utf8_lossy(&ended.stderr),
            "",
            "nothing is said with --quiet"
        );
        (ended.code(), String::from_utf8(ended.stdout).unwrap())
    }

    fn json(&self) -> Value {
        let (code, text) = self.printed("json", &PLAIN);
        assert!(code == 0 || code == 2, "{code}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Loads the input into table `t` of `database`, and returns the report.
    fn load(&self, database: &str, more: &[&str]) -> Value {
        let mut args = vec![
            "load",
            "in.csv",
            database,
            "--table",
            "t",
            "--report",
            "report.json",
            "--restart",
        ];
        args.extend(more);
        let ended = self.run(&args);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.code() == 0 || ended.code() == 2, "{more:?}: {said}");
        serde_json::from_slice(&fs::read(self.path("report.json")).unwrap()).unwrap()
    }
}

/// The flags of a dataset that a profile takes, too.
fn flags_of_schema(flags: &str) -> String {
    let mut words = flags.split_whitespace();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "--key" | "--index" | "--max-errors" | "--infer" => {
                words.next();
            }
            word => kept.push(word),
        }
    }
    kept.join(" ")
}

/// The files that can be loaded, and with which flags.
fn datasets() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut expected = csv::Reader::from_path(folder.join("expected.csv")).unwrap();
    let lines = expected.records().map(Result::unwrap);
    let can_be_loaded = lines.filter(|line| line[2].parse::<i32>().unwrap() <= 3);
    let all: Vec<_> = can_be_loaded
        .map(|line| (folder.join(&line[0]), flags_of_schema(&line[1])))
        .collect();
    assert!(all.len() > 60);
    all
}

/// A value as JSON has it.
fn as_json(value: SqlValue) -> Value {
    match value {
        SqlValue::Integer(value) => value.into(),
        SqlValue::Real(value) => value.into(),
        SqlValue::Text(value) => value.into(),
        _ => Value::Null,
    }
}

/// What SQLite says of each column of table `t` must be what the profile says.
fn must_be_what_the_table_has(json: &Value, database: &Path, shown: &str) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let rows = json["records"].as_u64().unwrap() - json["rejected"].as_u64().unwrap();
    for column in json["columns"].as_array().unwrap() {
        let name = format!("\"{}\"", column["name"].as_str().unwrap().replace('"', "\"\""));
        let shown = format!("{shown}: {column}");
        let number = |sql: &str| -> u64 {
            let sql = format!("SELECT {} FROM t", sql.replace('?', &name));
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64
        };
        let value = |sql: &str| -> Value {
            let sql = format!("SELECT {} FROM t", sql.replace('?', &name));
            as_json(connection.query_row(&sql, [], |row| row.get(0)).unwrap())
        };
        let said = |key: &str| column[key].as_u64().unwrap();
        assert_eq!(said("nulls"), number("count(*) - count(?)"), "{shown}");
        assert_eq!(said("values"), number("count(?)"), "{shown}");
        assert_eq!(said("values") + said("nulls"), rows, "{shown}");
        let distinct = number("count(DISTINCT ?)");
        match column["distinct_is_exact"].as_bool().unwrap() {
            true => assert_eq!(said("distinct"), distinct, "{shown}"),
            false => {
                let off = said("distinct").abs_diff(distinct) as f64;
                assert!(
                    distinct > 20 && off <= 2.0_f64.max(distinct as f64 * 0.08),
                    "{distinct}: {shown}"
                );
            }
        }
        let is_unique = distinct == rows && rows > 0;
        assert_eq!(column["is_unique"], is_unique, "{shown}");
        for (key, sql) in [("least", "min(?)"), ("greatest", "max(?)")] {
            let expected = match value(sql) {
                Value::String(text) => {
                    let end = (0..=text.len().min(64)).rev().find(|&end| text.is_char_boundary(end));
                    text[..end.unwrap()].into()
                }
                other => other,
            };
            // What is stored as an integer is a real all the same.
            let same = column[key] == expected
                || (column[key].as_f64().is_some() && column[key].as_f64() == expected.as_f64());
            assert!(same, "{expected}: {shown}");
        }
        let is_text = number("sum(typeof(?) = 'text') IS NOT NULL AND sum(typeof(?) = 'text') > 0") == 1;
        if is_text {
            assert_eq!(said("longest_chars"), number("max(length(?))"), "{shown}");
            assert_eq!(said("longest_bytes"), number("max(octet_length(?))"), "{shown}");
        }
        if let Some(few) = column["few"].as_array() {
            assert_eq!(few.len() as u64, distinct, "{shown}");
            let sum: u64 = few.iter().map(|value| value["count"].as_u64().unwrap()).sum();
            assert_eq!(sum, said("values"), "{shown}");
        }
    }
}

#[test]
fn of_every_dataset_it_says_what_the_table_has() {
    side_by_side(&datasets(), |_, (file, flags)| {
        let scene = Scene::of(fs::read(file).unwrap(), flags);
        let json = scene.json();
        let report = scene.load("out.db", &[]);
        let shown = format!("{} {flags}", file.display());
        assert_eq!(json["records"], report["records"], "{shown}");
        assert_eq!(json["rejected"], report["rejected"], "{shown}");
        assert_eq!(json["by_code"], report["by_code"], "{shown}");
        let types = |columns: &Value| -> Vec<String> {
            let columns = columns.as_array().unwrap().iter();
            columns
                .map(|column| format!("{} {}", column["name"], column["type"]))
                .collect()
        };
        assert_eq!(types(&json["columns"]), types(&report["columns"]), "{shown}");
        if report["loaded"].as_u64() > Some(0) && !flags.contains("--row-number") {
            must_be_what_the_table_has(&json, &scene.path("out.db"), &shown);
        }
    });
}

#[test]
fn what_it_prints_loads_every_dataset_without_a_further_reject() {
    side_by_side(&datasets(), |_, (file, flags)| {
        // Types that are declared already need not be said again, and a record's number goes nowhere else.
        if flags.contains("--types") || flags.contains("--row-number") {
            return;
        }
        let scene = Scene::of(fs::read(file).unwrap(), flags);
        let json = scene.json();
        let shown = format!("{} {flags}", file.display());
        let rejected = &json["rejected"];
        if json["records"] == *rejected {
            return;
        }
        let named = |column: &Value| {
            let kind = column["suits"].as_str().or(column["type"].as_str()).unwrap().to_owned();
            format!("\"{}\"={kind}", column["name"].as_str().unwrap().replace('"', "\"\""))
        };
        let types: Vec<String> = json["columns"].as_array().unwrap().iter().map(named).collect();
        let report = scene.load("typed.db", &["--types", &types.join(",")]);
        assert_eq!(report["rejected"], *rejected, "{shown} {types:?}");
        let (_, schema) = scene.printed("table-schema", &PLAIN);
        fs::write(scene.path("schema.json"), &schema).unwrap();
        let report = scene.load("contract.db", &["--schema", "schema.json"]);
        assert_eq!(
            (&report["rejected"], &report["duplicates"]),
            (rejected, &0.into()),
            "{shown}\n{schema}"
        );
        let (_, sql) = scene.printed("sql", &PLAIN);
        let connection = rusqlite::Connection::open(scene.path("made.db")).unwrap();
        let sql = sql.replacen("CREATE TABLE \"in\"", "CREATE TABLE \"t\"", 1);
        connection
            .execute_batch(&sql)
            .unwrap_or_else(|error| panic!("{shown}: {error}\n{sql}"));
        drop(connection);
        let report = scene.load("made.db", &[]);
        assert_eq!(
            (&report["rejected"], &report["duplicates"]),
            (rejected, &0.into()),
            "{shown}\n{sql}"
        );
    });
}

#[test]
fn it_is_the_same_however_the_input_is_cut_and_fits_a_screen() {
    side_by_side(&datasets(), |_, (file, flags)| {
        let scene = Scene::of(fs::read(file).unwrap(), flags);
        for form in ["json", "text"] {
            let first = scene.printed(form, &SETTINGS[0]);
            for setting in &SETTINGS[1..] {
                assert_eq!(
                    scene.printed(form, setting),
                    first,
                    "{} {flags} {setting:?}",
                    file.display()
                );
            }
            let wide = first.1.lines().find(|line| form == "text" && line.chars().count() > 80);
            // A word cannot be broken.
            assert!(
                wide.is_none_or(|line| !line.trim().contains("  ")),
                "{}: {wide:?}",
                file.display()
            );
        }
    });
    let text = "id,v,born\n1,1.5,2020-01-02\n2,\"a\nb\",\n\n3,07,2021-02-03\nx\n4,\"q\"\"q\",2021-02-03\n";
    let scene = Scene::of(text, "");
    let first = scene.printed("json", &PLAIN);
    for setting in &PAIRS {
        assert_eq!(scene.printed("json", setting), first, "{setting:?}");
    }
}

#[test]
fn a_small_table_reads_like_this() {
    let text = "id,name,status,price,born\n1,Ada,open,1.50,1815-12-10\n2,Grace,open,n/a,1906-12-09\n3,Alan,closed,3,1912-06-23\n4,,open,,\n";
    let scene = Scene::of(text, "");
    let expected = "\
in.csv: 4 records, 5 columns

column           type          nulls  distinct longest  least       greatest
id               integer           0         4          1           4
name             text              1         3       5  Ada         Grace
status           text              0         2       6  closed      open
price            text              1         3       4  1.50        n/a
born             text              1         3      10  1815-12-10  1912-06-23

could be key  id: its values are all there, and all different
few values    status: closed (1), open (3)
no numbers    price: 2 of 3 values are numbers; the first that is none is 'n/a'
              on line 3
could be      born: every value is a date: --types born=date
";
    assert_eq!(scene.printed("text", &PLAIN), (0, expected.to_owned()));
    let sql = "\
CREATE TABLE \"in\" (
  \"id\" INTEGER NOT NULL PRIMARY KEY,
  \"name\" TEXT,
  \"status\" TEXT NOT NULL,
  \"price\" TEXT,
  \"born\" TEXT
);
";
    assert_eq!(scene.printed("sql", &PLAIN), (0, sql.to_owned()));
    let schema: Value = serde_json::from_str(&scene.printed("table-schema", &PLAIN).1).unwrap();
    let kinds: Vec<&str> = schema["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["integer", "string", "string", "string", "date"]);
    assert_eq!(schema["primaryKey"], serde_json::json!(["id"]));
    assert_eq!(schema["fields"][0]["constraints"]["required"], true);
    assert_eq!(schema["fields"][1].get("constraints"), None);
}

#[test]
fn why_numbers_are_texts_is_said_with_the_line() {
    let scene = Scene::of("a,b\n1.5,x\n2.50,7\n3,8\n", "");
    let json = scene.json();
    let why = json["columns"][0]["why_text"].as_str().unwrap();
    assert!(why.contains("'2.50' (in.csv, line 3)"), "{why}");
    let second = &json["columns"][1];
    assert_eq!(
        (&second["numbers"], &second["no_number"]["line"]),
        (&2.into(), &2.into())
    );
    let (_, text) = scene.printed("text", &PLAIN);
    assert!(text.contains("no numbers    a: '2.50' (in.csv, line 3)"), "{text}");
}

#[test]
fn a_key_is_exact_where_the_sketch_is_not() {
    // One repeat, far away from the other, among many; and none.
    let mut text = "a,b,c,d\n".to_owned();
    for n in 0..60_000_u64 {
        let repeat = if n == 59_999 { 17 } else { n };
        text += &format!(
            "k{n},k{repeat},{},{}\n",
            n * 7919,
            repeat.wrapping_mul(7919) as f64 / 4.0
        );
    }
    let scene = Scene::of(text, "--memory 64MiB");
    let first = scene.printed("json", &PLAIN);
    let json: Value = serde_json::from_str(&first.1).unwrap();
    let unique: Vec<&Value> = json["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| &column["is_unique"])
        .collect();
    assert_eq!(
        unique,
        [
            &Value::Bool(true),
            &Value::Bool(false),
            &Value::Bool(true),
            &Value::Bool(false)
        ]
    );
    for setting in &SETTINGS[1..] {
        assert_eq!(scene.printed("json", setting), first, "{setting:?}");
    }
}

#[test]
fn many_columns_that_could_be_keys_are_looked_at_a_few_at_a_time() {
    let names: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
    let row = |n: u32| {
        (0..30)
            .map(|c| format!("v{}", if c == 29 { 0 } else { n * 31 + c }))
            .collect::<Vec<_>>()
            .join(",")
    };
    let rows: Vec<String> = (0..500).map(row).collect();
    let scene = Scene::of(format!("{}\n{}\n", names.join(","), rows.join("\n")), "");
    let json = scene.json();
    let unique = json["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| column["is_unique"] == true);
    assert_eq!(unique.count(), 29);
    // None of them is the key for certain.
    assert!(!scene.printed("sql", &PLAIN).1.contains("PRIMARY KEY"));
}

#[test]
fn what_cannot_be_read_has_no_profile() {
    let folder = tempfile::tempdir().unwrap();
    let missing = run_in(folder.path(), &["schema", "none.csv"]);
    assert_eq!((missing.code(), missing.stdout.len()), (66, 0));
    fs::write(folder.path().join("in.csv"), "").unwrap();
    let empty = run_in(folder.path(), &["schema", "in.csv"]);
    assert_eq!((empty.code(), empty.stdout.len()), (65, 0));
    assert_eq!(run_in(folder.path(), &["schema"]).code(), 64);
    assert_eq!(run_in(folder.path(), &["schema", "in.csv", "--as", "xml"]).code(), 64);
    fs::write(folder.path().join("in.csv"), "a,b\n1,2\n3\n").unwrap();
    let partly = run_in(folder.path(), &["schema", "in.csv"]);
    assert_eq!(partly.code(), 2);
    let printed = String::from_utf8_lossy(&partly.stdout).into_owned();
    assert!(
        printed.contains("2 records, 2 columns; 1 of them cannot be loaded"),
        "{printed}"
    );
    fs::write(folder.path().join("in.csv"), "a,b\n").unwrap();
    let header = run_in(folder.path(), &["schema", "in.csv", "--as", "sql"]);
    assert_eq!(
        String::from_utf8_lossy(&header.stdout),
        "CREATE TABLE \"in\" (\n  \"a\" TEXT,\n  \"b\" TEXT\n);\n"
    );
}

#[test]
fn a_profile_that_is_stopped_prints_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let feed = Feed::start(folder.path().join("in.csv"), |fifo| {
        let mut left = fifo.write_all(b"a,b\n");
        while left.is_ok() {
            left = fifo.write_all(b"1,2\n");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    let args = ["schema", "in.csv"].map(OsString::from);
    let running = Running::start(rowmill(folder.path(), &args));
    // Handlers are there before anything is opened.
    let opened = || {
        let files = fs::read_dir(format!("/proc/{}/fd", running.id()))
            .into_iter()
            .flatten()
            .flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|file| file.ends_with("in.csv"))
    };
    wait_until("the input is open", opened);
    running.signal(libc::SIGINT);
    let ended = running.wait();
    drop(feed);
    assert_eq!(
        (ended.code(), ended.stdout.len()),
        (130, 0),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[test]
fn a_program_asks_for_a_profile() {
    let scene = Scene::of("id,v\n1,a\n2,b\n", "");
    let profile = Load::new([scene.path("in.csv")]).profile().unwrap().unwrap();
    assert_eq!((profile.records, profile.columns.len()), (2, 2));
    assert!(profile.columns.iter().all(|column| column.is_unique));
    let reader = std::io::Cursor::new("id,v\n1,a\n2,b\n");
    let of_reader = Load::from_reader("in.csv", reader)
        .table("in")
        .profile()
        .unwrap()
        .unwrap();
    assert_eq!(
        of_reader.written(ProfileFormat::Sql),
        profile.written(ProfileFormat::Sql)
    );
    let token = rowmill::CancelToken::new();
    token.cancel();
    assert_eq!(
        Load::new([scene.path("in.csv")])
            .cancel_token(&token)
            .profile()
            .unwrap(),
        None
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_input_has_one_profile_which_is_that_of_its_table(
        body in prop_oneof![body(), lines()],
        cut in cuts(),
    ) {
        let bytes = [b"a,b\n", &body[..]].concat();
        let scene = Scene::of(&bytes, "");
        let options = |cut: Option<&super::random::Cut>| LoadOptions {
            resources: cut.map_or_else(ResourceOptions::default, |cut| ResourceOptions {
                threads: cut.threads,
                window_bytes: cut.window_bytes,
                chunk_bytes: cut.chunk_bytes,
                ..ResourceOptions::default()
            }),
            ..LoadOptions::default()
        };
        let inputs = [scene.path("in.csv")];
        let (whole, cut) = (profile(&inputs, &options(None), &()), profile(&inputs, &options(Some(&cut)), &()));
        let (Ok(Some(whole)), Ok(Some(cut))) = (&whole, &cut) else {
            let codes = [whole, cut].map(|result| result.map_err(|error| error.exit_code()).err());
            prop_assert_eq!(codes[0], codes[1]);
            return Ok(());
        };
        let json = whole.written(ProfileFormat::Json);
        prop_assert_eq!(&cut.written(ProfileFormat::Json), &json);
        let loaded = Load::new(inputs).errors(scene.path("errors.csv")).table("t").into(scene.path("out.db")).run().unwrap();
        prop_assert_eq!((loaded.records, loaded.rejected), (whole.records, whole.rejected));
        if loaded.loaded > 0 {
            let json = serde_json::from_str(&json).unwrap();
            must_be_what_the_table_has(&json, &scene.path("out.db"), &bytes.escape_ascii().to_string());
        }
    }
}

#[test]
fn a_schema_is_printed_and_none_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    let ended = super::harness::run_in(folder.path(), &["schema", "in.csv", "--schema", "in.csv"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.code() == 64 && said.contains("rowmill check --schema"), "{said}");
}
