//! Contracts: every case of `datasets/contract_cases.csv`, and what a Table Schema does to a whole load.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::database;
use super::harness::{Case, PAIRS, PLAIN, Setting, read_rejects, run_in, side_by_side};

/// What becomes of a value: the SQL literal of what is stored, or the code of its reject.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Stored(String),
    Rejected(String),
}

/// A value of the table of cases, and what is to become of it.
struct CaseOfValue {
    place: String,
    value: String,
    wanted: Verdict,
}

/// The cases by field, as JSON without its name.
fn cases() -> BTreeMap<String, Vec<CaseOfValue>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets/contract_cases.csv");
    let mut lines = csv::Reader::from_path(path).unwrap();
    let mut cases: BTreeMap<String, Vec<CaseOfValue>> = BTreeMap::new();
    for line in lines.records() {
        let line = line.unwrap();
        let [section, field, value, verdict, stored] = [0, 1, 2, 3, 4].map(|index| line[index].to_owned());
        let wanted = match verdict.as_str() {
            "row" => Verdict::Stored(stored),
            _ => Verdict::Rejected(verdict),
        };
        let place = format!("{section} {field} '{value}'");
        cases
            .entry(field)
            .or_default()
            .push(CaseOfValue { place, value, wanted });
    }
    cases
}

/// Runs each case through `judge`, which gets a schema of the fields `n` (a number) and `v`, and a CSV file of both; it says what became of
/// each record.
fn every_case_by(judge: impl Fn(&Value, &[u8]) -> BTreeMap<u64, Verdict> + Sync) {
    let cases: Vec<(String, Vec<CaseOfValue>)> = cases().into_iter().collect();
    let count: usize = cases.iter().map(|(_, cases)| cases.len()).sum();
    assert!(count > 400, "only {count} cases");
    side_by_side(&cases, |_, (field, cases)| {
        let mut field: Value = serde_json::from_str(field).unwrap();
        field["name"] = json!("v");
        let schema = json!({"fields": [{"name": "n", "type": "integer"}, field]});
        let mut input = csv::WriterBuilder::new()
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        input.write_record(["n", "v"]).unwrap();
        for (number, case) in cases.iter().enumerate() {
            input.write_record([&number.to_string(), &case.value]).unwrap();
        }
        let found = judge(&schema, &input.into_inner().unwrap());
        for (number, case) in cases.iter().enumerate() {
            let found = found.get(&(number as u64));
            assert_eq!(found, Some(&case.wanted), "{}", case.place);
        }
    });
}

/// A folder with a schema and the input `in.csv`.
fn scene(schema: &Value, input: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("schema.json"), schema.to_string()).unwrap();
    fs::write(folder.path().join("in.csv"), input).unwrap();
    folder
}

fn load(folder: &Path, more: &[&str]) -> (i32, String) {
    let args = ["load", "in.csv", "out.db", "--table", "t", "--schema", "schema.json"];
    let ended = run_in(folder, &[&args[..], more].concat());
    (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// What `rowmill load` makes of the records.
fn loaded(schema: &Value, input: &[u8], more: &[&str]) -> BTreeMap<u64, Verdict> {
    let folder = scene(schema, input);
    let (code, said) = load(folder.path(), more);
    assert!(code == 0 || code == 2, "{schema}: {said}");
    let mut found = BTreeMap::new();
    let database = folder.path().join("out.db");
    let connection = database::open(&database);
    // A load without a row leaves no table.
    if let Ok(mut rows) = connection.prepare("SELECT n, quote(v) FROM t") {
        let rows = rows
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .unwrap();
        for (number, stored) in rows.map(Result::unwrap) {
            found.insert(number as u64, Verdict::Stored(stored));
        }
    }
    for reject in read_rejects(&fs::read(folder.path().join("errors.csv")).unwrap()).unwrap() {
        found.insert(reject.record - 1, Verdict::Rejected(reject.code));
    }
    found
}

#[test]
fn every_case_of_the_table_is_judged_as_the_specification_says() {
    every_case_by(|schema, input| loaded(schema, input, &[]));
}

/// What `rowmill check` says of the records; what is stored, it does not say.
fn checked(schema: &Value, input: &[u8]) -> BTreeMap<u64, String> {
    let folder = scene(schema, input);
    let ended = run_in(folder.path(), &["check", "in.csv", "--schema", "schema.json"]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.code() == 0 || ended.code() == 2, "{schema}: {said}");
    let rejects = read_rejects(&fs::read(folder.path().join("errors.csv")).unwrap()).unwrap();
    rejects
        .into_iter()
        .map(|reject| (reject.record - 1, reject.code))
        .collect()
}

#[test]
fn a_check_rejects_what_a_load_rejects() {
    every_case_by(|schema, input| {
        let verdicts = loaded(schema, input, &[]);
        let rejected = verdicts.iter().filter_map(|(number, verdict)| match verdict {
            Verdict::Rejected(code) => Some((*number, code.clone())),
            Verdict::Stored(_) => None,
        });
        assert_eq!(checked(schema, input), rejected.collect(), "{schema}");
        verdicts
    });
    let schema = json!({"fields": [{"name": "n"}, {"name": "v", "constraints": {"unique": true}}], "primaryKey": "n"});
    let folder = scene(&schema, "n,v\n1,2\n");
    let ended = run_in(folder.path(), &["check", "in.csv", "--schema", "schema.json"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.code() == 64 && said.contains("which only a table can judge"),
        "{said}"
    );
}

#[test]
fn every_case_is_judged_the_same_however_it_is_cut_and_written() {
    let ways = ["--threads=4", "--window-bytes=7", "--chunk-bytes=5", "--write-path=sql"];
    every_case_by(|schema, input| loaded(schema, input, &ways));
}

#[test]
fn every_case_is_judged_the_same_in_another_encoding() {
    every_case_by(|schema, input| {
        let text = String::from_utf8(input.to_vec()).unwrap();
        let wide: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        loaded(schema, &wide, &[])
    });
}

const PEOPLE: &str = r#"{
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string", "constraints": {"required": true, "maxLength": 8}},
        {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 130}},
        {"name": "mail", "type": "string", "format": "email", "missingValues": ["", "none"]}
    ],
    "primaryKey": "id"
}"#;

/// A case with the schema beside it; the folder must live as long.
fn with_schema(schema: &str, input: &str) -> (TempDir, Case) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    fs::write(&path, schema).unwrap();
    let case = Case::csv(input).arg_list(vec!["--schema".to_owned(), path.to_string_lossy().into_owned()]);
    (folder, case)
}

#[test]
fn a_contract_holds_however_the_input_is_read() {
    let input = "id,name,age,mail\n1,Ada,36,a@b.org\n2,,40,\n3,\"Grace \"\"G\"\"\",-1,x\n3,Alan,41,none\n4,\"Charles Babbage\",50,\n3,Twice,1,\n5,Bob,x,\n6,Eve,,\"none\"\n";
    let (_folder, case) = with_schema(PEOPLE, input);
    case.expect_rows([
        "1: 1, 'Ada', 36, 'a@b.org'",
        "4: 3, 'Alan', 41, NULL",
        "8: 6, 'Eve', NULL, NULL",
    ])
    .expect_rejects([
        (3, "null_violation"),
        (4, "rule_failed"),
        (6, "rule_failed"),
        (7, "duplicate_key"),
        (8, "type_error"),
    ])
    .expect_types([
        ("id", "integer"),
        ("name", "text"),
        ("age", "integer"),
        ("mail", "text"),
    ])
    .check();
}

#[test]
fn constraints_of_the_whole_table_are_declared_and_kept() {
    let schema = r#"{
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "boss", "type": "integer"},
            {"name": "mail", "constraints": {"unique": true}},
            {"name": "a"},
            {"name": "b"}
        ],
        "primaryKey": ["id"],
        "uniqueKeys": [["a", "b"]],
        "foreignKeys": [{"fields": "boss", "reference": {"resource": "", "fields": "id"}}]
    }"#;
    let input = "id,boss,mail,a,b\n1,,x,1,1\n2,3,y,1,2\n3,1,z,2,1\n4,9,w,3,1\n5,1,x,4,1\n6,1,,1,2\n7,1,,,2\n8,1,,,2\n";
    let (_folder, case) = with_schema(schema, input);
    let run = case
        .expect_rows([
            "1: 1, NULL, 'x', '1', '1'",
            "2: 2, 3, 'y', '1', '2'",
            "3: 3, 1, 'z', '2', '1'",
            "7: 7, 1, NULL, NULL, '2'",
            "8: 8, 1, NULL, NULL, '2'",
        ])
        .expect_rejects([(5, "constraint_failed"), (6, "duplicate_key"), (7, "duplicate_key")])
        .check_at(&PAIRS)
        .unwrap();
    let sql = database::select(
        &database::open(&run.path("out.db")),
        "SELECT sql FROM sqlite_schema WHERE name = 't'",
    );
    let sql = &sql.unwrap()[0];
    assert!(
        sql.contains("UNIQUE (\"mail\")") && sql.contains("UNIQUE (\"a\", \"b\")"),
        "{sql}"
    );
    assert!(
        sql.contains("FOREIGN KEY (\"boss\") REFERENCES \"t\" (\"id\")"),
        "{sql}"
    );
}

#[test]
fn a_key_that_does_not_ascend_is_a_constraint_like_the_others() {
    let schema = r#"{"fields": [{"name": "id", "type": "integer"}, {"name": "next", "type": "integer"}, {"name": "m", "constraints": {"unique": true}}],
                     "primaryKey": "id", "foreignKeys": [{"fields": "next", "reference": {"fields": "id"}}]}"#;
    let (_folder, case) = with_schema(schema, "id,next,m\n9,3,a\n3,7,b\n7,,c\n3,9,d\n1,2,e\n2,9,a\n8,9,f\n");
    case.expect_rows(["1: 7, NULL, 'c'", "2: 9, 3, 'a'", "3: 3, 7, 'b'", "4: 8, 9, 'f'"])
        .expect_rejects([(5, "duplicate_key"), (6, "constraint_failed"), (7, "duplicate_key")])
        .check_at(&PAIRS);
}

#[test]
fn rows_are_not_changed_where_other_keys_of_the_schema_are_to_be_kept() {
    let of = |more: Value| {
        let mut schema = json!({"fields": [{"name": "id", "type": "integer"}, {"name": "m", "type": "string", "constraints": {"maxLength": 2}}], "primaryKey": "id"});
        schema["uniqueKeys"] = more;
        scene(&schema, "id,m\n1,a\n2,b\n1,c\n2,xyz\n")
    };
    let folder = of(json!([["id"]]));
    let (code, said) = load(folder.path(), &["--on-duplicate", "update"]);
    assert_eq!(code, 2, "{said}");
    assert_eq!(
        database::dump(&folder.path().join("out.db"), "t").rows,
        ["1: 1, 'c'", "2: 2, 'b'"]
    );
    let (code, said) = load(of(json!([["m"]])).path(), &["--on-duplicate", "replace"]);
    assert!(
        code == 64 && said.contains("--on-duplicate replace changes rows"),
        "{code} {said}"
    );
}

#[test]
fn required_fields_are_not_null_on_the_direct_path_and_one_unique_field_is_the_key() {
    let schema = r#"{"fields": [{"name": "a", "type": "integer", "constraints": {"required": true}},
                                {"name": "b", "type": "integer", "constraints": {"unique": true}}]}"#;
    let rows: String = (0..5000).map(|number| format!("{number},{}\n", number * 2)).collect();
    let (_folder, case) = with_schema(schema, &format!("a,b\n{rows}1,\n2,\n,7\n3,0\n"));
    let run = case
        .expect_rejects([(5004, "null_violation"), (5005, "duplicate_key")])
        .once();
    let report = run.report().unwrap();
    assert_eq!(
        (report["write_path"].as_str(), report["loaded"].as_u64()),
        (Some("direct"), Some(5002))
    );
    let sql = database::select(
        &database::open(&run.path("out.db")),
        "SELECT sql FROM sqlite_schema WHERE name = 't'",
    );
    assert_eq!(
        sql.unwrap(),
        ["'CREATE TABLE \"t\"(\"a\" INTEGER NOT NULL, \"b\" INTEGER)'"]
    );
    assert_eq!(database::integrity(&run.path("out.db")), "ok");
}

#[test]
fn the_same_schema_loads_more_into_the_table_that_it_made() {
    let schema = json!({
        "fields": [
            {"name": "id", "type": "integer"},
            {"name": "mail", "constraints": {"unique": true, "required": true}},
            {"name": "land"}
        ],
        "primaryKey": "id",
        "foreignKeys": [{"fields": "land", "reference": {"resource": "lands", "fields": "code"}}]
    });
    let folder = scene(&schema, "id,mail,land\n1,a,de\n2,b,xx\n");
    let (code, said) = load(folder.path(), &[]);
    assert_eq!(code, 78, "{said}");
    assert!(
        said.contains("$.foreignKeys[0].reference.resource") && said.contains("load that table first"),
        "{said}"
    );
    let database = folder.path().join("out.db");
    database::create(&database, "CREATE TABLE lands(code TEXT)");
    let (code, said) = load(folder.path(), &[]);
    assert!(code == 78 && said.contains("has no unique index on code"), "{said}");
    database::create(
        &database,
        "CREATE UNIQUE INDEX lands_code ON lands(code); INSERT INTO lands VALUES ('de'), ('fr')",
    );
    let (code, said) = load(folder.path(), &[]);
    assert_eq!(code, 2, "{said}");
    fs::write(
        folder.path().join("in.csv"),
        "id,mail,land\n3,a,fr\n4,d,fr\n5,e,it\n6,,de\n1,f,de\n",
    )
    .unwrap();
    let (code, said) = load(folder.path(), &["--errors", "more.csv"]);
    assert_eq!(code, 2, "{said}");
    assert_eq!(
        database::dump(&database, "t").rows,
        ["1: 1, 'a', 'de'", "4: 4, 'd', 'fr'"]
    );
    let rejects = read_rejects(&fs::read(folder.path().join("more.csv")).unwrap()).unwrap();
    let codes: Vec<&str> = rejects.iter().map(|reject| reject.code.as_str()).collect();
    assert_eq!(
        codes,
        ["duplicate_key", "constraint_failed", "null_violation", "duplicate_key"]
    );
}

#[test]
fn a_table_that_does_not_keep_what_the_schema_asks_for_is_refused() {
    let schema = json!({
        "fields": [{"name": "id", "type": "integer"}, {"name": "mail", "constraints": {"unique": true}}, {"name": "land"}],
        "primaryKey": "id",
        "foreignKeys": [{"fields": "land", "reference": {"resource": "lands", "fields": "code"}}]
    });
    let folder = scene(&schema, "id,mail,land\n1,a,de\n");
    let database = folder.path().join("out.db");
    let lands = "CREATE TABLE lands(code TEXT PRIMARY KEY)";
    database::create(
        &database,
        &format!("{lands}; CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT, land TEXT)"),
    );
    let (code, said) = load(folder.path(), &[]);
    assert!(code == 78 && said.contains("CREATE UNIQUE INDEX"), "{code} {said}");
    database::create(&database, "CREATE UNIQUE INDEX t_mail ON t(mail)");
    let (code, said) = load(folder.path(), &[]);
    assert!(
        code == 78 && said.contains("does not have a foreign key of the schema"),
        "{code} {said}"
    );
    assert_eq!(database::count(&database, "t"), 0);
    // One that names no columns refers to the primary key.
    let own = "DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT UNIQUE, land TEXT REFERENCES Lands)";
    database::create(&database, &format!("{own}; INSERT INTO lands VALUES ('de')"));
    let (code, said) = load(folder.path(), &[]);
    assert_eq!((code, database::count(&database, "t")), (0, 1), "{said}");
}

#[test]
fn fields_match_as_the_schema_demands() {
    let schema = |rule: &str| json!({"fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string", "constraints": {"maxLength": 1}}], "fieldsMatch": rule});
    for (rule, input, wanted) in [
        ("exact", "a,b\n1,x\n", Ok("1: 1, 'x'")),
        ("exact", "A,B\n1,x\n", Ok("1: 1, 'x'")),
        (
            "exact",
            "b,a\nx,1\n",
            Err("its columns stand in another order, b,a, than the fields: a,b"),
        ),
        ("exact", "a\n1\n", Err("missing b")),
        ("exact", "a,b,c\n1,x,2\n", Err("unexpected c")),
        ("equal", "b,a\nx,1\n", Ok("1: 'x', 1")),
        ("equal", "a,b,c\n1,x,2\n", Err("unexpected c")),
        ("equal", "a,c\n1,2\n", Err("missing b; unexpected c")),
        ("subset", "c,b,a\n2,x,1\n", Ok("1: 2, 'x', 1")),
        ("subset", "a,c\n1,2\n", Err("missing b")),
        ("superset", "b\nx\n", Ok("1: 'x'")),
        ("superset", "b,c\nx,2\n", Err("unexpected c")),
        ("partial", "c,a\n2,1\n", Ok("1: 2, 1")),
        (
            "partial",
            "c,d\n2,1\n",
            Err("none of its columns c,d is a field of the schema: a,b"),
        ),
    ] {
        let folder = scene(&schema(rule), input);
        let (code, said) = load(folder.path(), &[]);
        match wanted {
            Ok(row) => {
                assert_eq!(code, 0, "{rule} {input}: {said}");
                assert_eq!(
                    database::dump(&folder.path().join("out.db"), "t").rows,
                    [row],
                    "{rule} {input}"
                );
            }
            Err(words) => {
                assert_eq!(code, 78, "{rule} {input}: {said}");
                assert!(said.contains(words), "{rule} {input}: {said}");
                assert!(!folder.path().join("out.db").exists());
            }
        }
    }
    // A field that must have values must be there.
    let required = json!({"fields": [{"name": "a"}, {"name": "b"}], "fieldsMatch": "superset", "primaryKey": "a"});
    let (code, said) = load(scene(&required, "b\nx\n").path(), &[]);
    assert!(code == 78 && said.contains("missing a"), "{said}");
}

#[test]
fn inputs_without_a_header_get_the_names_of_the_fields() {
    let schema = json!({"fields": [{"name": "id", "type": "integer"}, {"name": "code", "type": "string", "constraints": {"pattern": "[a-z]"}}]});
    let folder = scene(&schema, "1,x\n2,XX\n");
    let (code, said) = load(folder.path(), &["--no-header"]);
    assert_eq!(code, 2, "{said}");
    let database = folder.path().join("out.db");
    let names = database::select(&database::open(&database), "SELECT name FROM pragma_table_info('t')");
    assert_eq!(names.unwrap(), ["'id'", "'code'"]);
    let reject = &read_rejects(&fs::read(folder.path().join("errors.csv")).unwrap()).unwrap()[0];
    assert_eq!(
        (reject.line, reject.column.as_str(), reject.code.as_str()),
        (2, "code", "rule_failed")
    );
    let folder = scene(&schema, "1,x,y\n");
    let (code, said) = load(folder.path(), &["--no-header"]);
    assert!(
        code == 78 && said.contains("3 columns, and the schema has 2 fields"),
        "{said}"
    );
    let by_name = json!({"fields": [{"name": "id"}, {"name": "code"}], "fieldsMatch": "equal"});
    let (code, said) = load(scene(&by_name, "1,x\n").path(), &["--no-header"]);
    assert!(code == 78 && said.contains("finds fields by their names"), "{said}");
}

#[test]
fn objects_keep_a_contract_too() {
    let input = "{\"id\": 1, \"tags\": [\"a\"], \"age\": 5}\n{\"age\": 200, \"id\": 2}\n{\"id\": 3, \"tags\": {}}\n{\"id\": 4, \"age\": null, \"tags\": \"\"}\n{\"id\": 5, \"more\": 1}\n{\"tags\": []}\n";
    let schema = r#"{"fields": [{"name": "id", "type": "integer"}, {"name": "tags", "type": "array", "constraints": {"maxLength": 2}},
                                {"name": "age", "type": "integer", "constraints": {"maximum": 130}}], "primaryKey": "id"}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("schema.json");
    fs::write(&path, schema).unwrap();
    Case::jsonl(input)
        .arg_list(vec!["--schema".to_owned(), path.to_string_lossy().into_owned()])
        .expect_rows(["1: 1, '[\"a\"]', 5", "4: 4, NULL, NULL"])
        .expect_rejects([
            (2, "rule_failed"),
            (3, "type_error"),
            (5, "too_many_columns"),
            (6, "null_violation"),
        ])
        .check();
}

#[test]
fn other_options_come_before_the_schema_and_contradictions_are_refused() {
    let schema = json!({
        "fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "constraints": {"minimum": 1}}],
        "missingValues": ["", "-"]
    });
    let input = "a,b\nx,1\n-,2\n";
    for (flags, wanted) in [
        (&[][..], Ok(&["2: NULL, 2"][..])),
        (&["--types", "a=text"], Ok(&["1: 'x', 1", "2: NULL, 2"])),
        // What --null says is all there is of missing values.
        (&["--types", "a=text", "--null", "x"], Ok(&["1: NULL, 1", "2: '-', 2"])),
        (&["--text"], Ok(&["2: NULL, 2"])),
        (
            &["--rename", "b=B2", "--types", "a=text"],
            Ok(&["1: 'x', 1", "2: NULL, 2"]),
        ),
        (&["--types", "b=text"], Err("rule minimum of field \"b\"")),
        (&["--decimal-comma"], Err("--decimal-comma says of all columns")),
        (
            &["--types", "a=date", "--date-format", "%d.%m.%Y"],
            Err("--date-format says of all columns"),
        ),
    ] {
        let folder = scene(&schema, input);
        let (code, said) = load(folder.path(), flags);
        match wanted {
            Ok(rows) => {
                assert!(code == 0 || code == 2, "{flags:?}: {said}");
                assert_eq!(
                    database::dump(&folder.path().join("out.db"), "t").rows,
                    rows,
                    "{flags:?}"
                );
            }
            Err(words) => assert!(code == 64 && said.contains(words), "{flags:?}: {code} {said}"),
        }
    }
    let keyed = json!({"fields": [{"name": "a"}, {"name": "b"}], "primaryKey": ["a", "b"]});
    for (flags, code, words) in [
        (&["--key", "b,a"][..], 0, ""),
        (
            &["--key", "a"],
            64,
            "--key is a, and the primaryKey of the schema is a,b",
        ),
        (
            &["--columns", "a"],
            64,
            "--columns leaves out \"b\", which the schema needs for primaryKey",
        ),
        (&["--rename", "b=x"], 0, ""),
    ] {
        let (found, said) = load(scene(&keyed, input).path(), flags);
        assert!(found == code && said.contains(words), "{flags:?}: {found} {said}");
    }
}

#[test]
fn a_load_goes_on_with_the_contract_that_it_began_with_and_no_other() {
    let schema: Value = serde_json::from_str(PEOPLE).unwrap();
    let row = |number: u64| match number {
        300 | 700 => format!("{number},Ada,200,\n"),
        _ => format!("{number},Ada,{},a@b.org\n", number % 100),
    };
    let input: String = (0..1000).map(row).collect();
    let input = format!("id,name,age,mail\n{input}");
    let whole = scene(&schema, &input);
    assert_eq!(load(whole.path(), &["--batch-rows", "100"]).0, 2);
    for settings in [
        &[][..],
        &["--threads=4", "--chunk-bytes=7"],
        &["--threads=1", "--write-path=sql", "--window-bytes=4096"],
    ] {
        let folder = scene(&schema, &input);
        let stopped = [&["--batch-rows", "100", "--max-errors", "rule_failed=0"], settings].concat();
        let (code, said) = load(folder.path(), &stopped);
        assert_eq!(code, 3, "{said}");
        let words = "1 of 301 records rejected as rule_failed, and --max-errors allows 0";
        assert!(said.contains(words), "{said}");
        let mut other = schema.clone();
        other["fields"][2]["constraints"]["maximum"] = json!(250);
        fs::write(folder.path().join("schema.json"), other.to_string()).unwrap();
        let (code, said) = load(folder.path(), &["--batch-rows", "100"]);
        assert!(
            code == 64 && said.contains("had other options: --schema was "),
            "{code} {said}"
        );
        // Only its words are others.
        let mut same = schema.clone();
        same["fields"][2]["title"] = json!("Age");
        fs::write(folder.path().join("schema.json"), format!("\n{same:#}")).unwrap();
        let (code, said) = load(folder.path(), &["--batch-rows", "100", "--report", "report.json"]);
        assert_eq!(code, 2, "{said}");
        let dump = |folder: &TempDir| database::dump(&folder.path().join("out.db"), "t");
        assert_eq!(dump(&folder).rows, dump(&whole).rows);
        let errors = |folder: &TempDir| fs::read_to_string(folder.path().join("errors.csv")).unwrap();
        assert_eq!(errors(&folder), errors(&whole));
        let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
        let hash = rowmill::Contract::from_json(PEOPLE).unwrap().hash();
        assert_eq!(
            (report["schema"]["hash"].as_str(), report["schema"]["path"].as_str()),
            (Some(&*hash), Some("schema.json"))
        );
    }
}

#[test]
fn a_file_that_grows_is_loaded_on_by_the_same_contract_only() {
    let schema: Value = serde_json::from_str(PEOPLE).unwrap();
    let folder = scene(&schema, "id,name,age,mail\n1,Ada,36,\n2,Bob,200,\n");
    assert_eq!(load(folder.path(), &["--append-only"]).0, 2);
    let more = "id,name,age,mail\n1,Ada,36,\n2,Bob,200,\n3,Eve,300,\n4,Dan,1,none\n";
    fs::write(folder.path().join("in.csv"), more).unwrap();
    let other = json!({"fields": schema["fields"], "primaryKey": "id", "missingValues": ["NA"]});
    fs::write(folder.path().join("schema.json"), other.to_string()).unwrap();
    let (code, said) = load(folder.path(), &["--append-only"]);
    assert!(code == 64 && said.contains("--schema was "), "{code} {said}");
    fs::write(folder.path().join("schema.json"), schema.to_string()).unwrap();
    let (code, said) = load(folder.path(), &["--append-only"]);
    assert_eq!(code, 2, "{said}");
    let rows = database::dump(&folder.path().join("out.db"), "t").rows;
    assert_eq!(rows, ["1: 1, 'Ada', 36, NULL", "4: 4, 'Dan', 1, NULL"]);
}

#[test]
fn a_load_with_keys_and_references_that_is_stopped_goes_on() {
    let schema = json!({
        "fields": [{"name": "id", "type": "integer"}, {"name": "boss", "type": "integer"},
                   {"name": "mail", "type": "string", "constraints": {"unique": true, "maxLength": 5}}],
        "primaryKey": "id",
        "foreignKeys": [{"fields": ["boss"], "reference": {"fields": ["id"]}}]
    });
    // Each refers to the next; every tenth mail repeats another; one is too long.
    let row = |number: u64| {
        format!(
            "{number},{},m{}\n",
            number + 1,
            if number == 255 {
                1_000_000
            } else {
                number - u64::from(number % 10 == 9)
            }
        )
    };
    let input: String = (0..400).map(row).collect();
    let input = format!("id,boss,mail\n{input}400,,\n");
    let whole = scene(&schema, &input);
    let (code, said) = load(whole.path(), &["--batch-rows", "50"]);
    assert_eq!(code, 2, "{said}");
    let folder = scene(&schema, &input);
    let (code, said) = load(
        folder.path(),
        &[
            "--batch-rows",
            "50",
            "--max-errors",
            "rule_failed=0",
            "--threads=3",
            "--chunk-bytes=64",
        ],
    );
    assert_eq!(code, 3, "{said}");
    let (code, said) = load(folder.path(), &["--batch-rows", "50"]);
    assert_eq!(code, 2, "{said}");
    for folder in [&whole, &folder] {
        let rows = database::dump(&folder.path().join("out.db"), "t").rows;
        assert_eq!(rows, database::dump(&whole.path().join("out.db"), "t").rows);
        assert_eq!(database::integrity(&folder.path().join("out.db")), "ok");
    }
    // Started afresh, the table is made anew.
    let (code, said) = load(folder.path(), &["--restart"]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn limits_by_reason_stop_a_load_where_the_first_is_passed() {
    let setting = |threads, chunk| Setting {
        threads,
        chunk: Some(chunk),
        ..PLAIN
    };
    let settings = [
        PLAIN,
        setting(4, 1),
        setting(1, 7),
        Setting {
            write_path: "sql",
            ..setting(3, 20)
        },
    ];
    let case = |flags: &[&str]| {
        let input = "a,b\n1,1\nx,2\n3\n4,4\ny,5\n6,6\nz,7\n";
        let flags = ["--types", "a=integer"]
            .iter()
            .chain(flags)
            .map(|&flag| flag.to_owned());
        Case::csv(input).arg_list(flags.collect())
    };
    case(&["--max-errors", "9", "--max-errors", "type_error=1"])
        .expect_exit(3)
        .expect_rejects([(3, "type_error"), (4, "missing_columns"), (6, "type_error")])
        .expect_said("2 of 5 records rejected as type_error, and --max-errors allows 1")
        .check_at(&settings);
    case(&["--max-errors", "missing_columns=0", "--max-errors", "type_error=1"])
        .expect_exit(3)
        .expect_rejects([(3, "type_error"), (4, "missing_columns")])
        .expect_said("1 of 3 records rejected as missing_columns, and --max-errors allows 0")
        .check_at(&settings);
    case(&[
        "--max-errors",
        "type_error=3",
        "--max-errors",
        "missing_columns=1",
        "--max-errors",
        "nul_byte=0",
    ])
    .expect_rejects([
        (3, "type_error"),
        (4, "missing_columns"),
        (6, "type_error"),
        (8, "type_error"),
    ])
    .check_at(&settings);
    // A share is looked at once there are enough records, and at the end.
    case(&["--max-errors", "type_error=10%"])
        .expect_exit(3)
        .expect_rejects([
            (3, "type_error"),
            (4, "missing_columns"),
            (6, "type_error"),
            (8, "type_error"),
        ])
        .expect_said("3 of 7 records rejected as type_error, and --max-errors allows 10%; the whole input is loaded")
        .check_at(&settings);
}

#[test]
fn a_schema_that_is_missing_wrong_or_another_file_of_the_load_is_refused() {
    let folder = scene(
        &json!({"fields": [{"name": "a", "constraints": {"minimum": 1}}]}),
        "a\n1\n",
    );
    let args = |schema: &str| {
        let ended = run_in(
            folder.path(),
            &[
                "load",
                "in.csv",
                "out.db",
                "--report",
                "report.json",
                "--schema",
                schema,
            ],
        );
        (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, said) = args("schema.json");
    assert!(
        code == 78 && said.contains("schema schema.json: $.fields[0].constraints.minimum"),
        "{code} {said}"
    );
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 78);
    let (code, said) = args("none.json");
    assert!(code == 66 && said.contains("none.json"), "{code} {said}");
    let (code, said) = args("in.csv");
    assert!(code == 64 && said.contains("same file"), "{code} {said}");
    assert!(!folder.path().join("out.db").exists());
    database::create(&folder.path().join("out.db"), "CREATE TABLE x(a)");
    database::create(&folder.path().join("other.db"), "CREATE TABLE x(a)");
    let (code, said) = args("out.db");
    assert!(code == 64 && said.contains("same file"), "{code} {said}");
    let (code, said) = args("other.db");
    assert!(code == 78 && said.contains("is a SQLite database"), "{code} {said}");
}

#[test]
fn constraints_beside_their_place_are_told() {
    let schema = json!({"fields": [
        {"name": "a", "required": true, "unique": false},
        {"name": "b", "minimum": 3, "type": "integer", "constraints": {"minimum": 3}},
    ]});
    let folder = scene(&schema, "a,b\n,4\n");
    let (code, said) = load(folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    for name in ["required", "unique"] {
        assert!(said.contains(&format!("$.fields[0].{name} stands beside")), "{said}");
    }
    assert!(!said.contains("minimum"), "{said}");
}

#[test]
fn a_contract_from_another_process_gives_the_same_verdicts() {
    let here = rowmill::Contract::from_json(PEOPLE).unwrap();
    let there = rowmill::Contract::from_json(&here.to_json()).unwrap();
    let input = "id,name,age,mail\n1,Ada,36,a@b.org\n2,,40,\n3,Grace,-1,x\n4,Charles Babbage,50,\nx,Y,1,none\n";
    let verdicts = |contract: &rowmill::Contract| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let report = rowmill::Load::from_reader("in", std::io::Cursor::new(input))
            .into(at("out.db"))
            .errors(at("errors.csv"))
            .table("t")
            .contract(contract)
            .run()
            .unwrap();
        assert_eq!(report.schema.unwrap().hash, contract.hash());
        (
            fs::read_to_string(at("errors.csv")).unwrap(),
            database::dump(&at("out.db"), "t").rows,
        )
    };
    let (errors, rows) = verdicts(&here);
    assert_eq!(rows, ["1: 1, 'Ada', 36, 'a@b.org'"]);
    assert!(errors.lines().count() > 4 && errors.contains("rule_failed"), "{errors}");
    assert_eq!(verdicts(&there), (errors, rows));
}
