//! `--profile`: what it says of columns is what SQLite finds in them, at every setting, and only of the rows that a run put in.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::data::{Recipe, people, people_file};
use super::database;
use super::harness::{Case, PAIRS, run_in};

/// What SQLite says of a column: NULLs, values, distinct, least, greatest, longest.
fn asked_of_sqlite(database: &Path, table: &str, column: &str) -> Vec<Value> {
    let column = format!("\"{}\"", column.replace('"', "\"\""));
    let asked = [
        format!("count(*) - count({column})"),
        format!("count({column})"),
        format!("count(DISTINCT {column})"),
        format!("min({column})"),
        format!("max({column})"),
        format!("coalesce(max(iif(typeof({column}) = 'text', length({column}), 0)), 0)"),
    ];
    let connection = database::open(database);
    let answers = asked.map(|what| {
        let sql = format!("SELECT {what} FROM \"{table}\"");
        let found = connection.query_row(&sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
        match found.unwrap_or_else(|error| panic!("{error}: {sql}")) {
            rusqlite::types::Value::Integer(integer) => Value::from(integer),
            rusqlite::types::Value::Real(real) => Value::from(real),
            rusqlite::types::Value::Text(text) => Value::from(text),
            _ => Value::Null,
        }
    });
    answers.to_vec()
}

/// What a profile has of a column, in the same order.
fn said_of(column: &Value) -> Vec<Value> {
    let names = ["nulls", "values", "distinct", "least", "greatest", "longest_chars"];
    names.map(|name| column[name].clone()).to_vec()
}

/// Compares a profile with the table, which has no other rows, and no text that is longer than what is kept.
#[track_caller]
pub fn must_fit(profile: &Value, database: &Path, table: &str) {
    assert_eq!(profile["rows"], database::count(database, table), "{profile:#}");
    for column in profile["columns"].as_array().expect("columns") {
        let (mut found, mut said) = (
            asked_of_sqlite(database, table, column["name"].as_str().expect("a name")),
            said_of(column),
        );
        if column["distinct_is_exact"] == false {
            found.remove(2);
            said.remove(2);
        }
        assert_eq!(said, found, "{column:#}");
    }
}

/// The report of the load in `folder`.
fn report(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[test]
fn it_is_what_sqlite_finds_at_every_setting() {
    let mixed = "id,name,amount,day,flag,empty\n3,Ada,1.5,2024-01-02,true,\n1,\"Grace, H\",2,2024-02-29,false,\n3,again,9,2023-01-01,true,\n\
                 x,y,1,2024-01-01,true,\n2,一二三,-0.25,,false,\n5,\"a\"\"b\",1e3,2024-01-02,true,\n4,,,2022-12-31,,\n1,once more,8,,,\n";
    let (people, _) = people(&Recipe {
        seed: 5,
        records: 900,
        bad_every: 17,
        duplicate_every: 13,
        text_keys: true,
        padding: 40,
    });
    let cases = [
        Case::csv(mixed).args(["--key", "id", "--types", "id=integer,amount=real,flag=boolean"]),
        Case::csv(mixed).args(["--row-number", "n", "--const", "source=a", "--filename-column", "f"]),
        Case::csv(people).args(["--key", "id", "--batch-rows", "50"]),
        Case::csv("id,a\n1,x\n2,y\n3,\n5,z\n").args(["--key", "id"]),
        Case::csv("a\n").args([]),
    ];
    for case in cases {
        let case = case.args(["--profile"]).any_rejects();
        let mut first: Option<Value> = None;
        for setting in &PAIRS {
            let run = case.run(setting);
            let report = run.report().unwrap();
            let profile = &report["profile"];
            assert_eq!(profile["rows"], report["loaded"], "{}", run.command);
            must_fit(profile, &run.path("out.db"), &run.table);
            let first = first.get_or_insert_with(|| profile.clone());
            assert_eq!(first, profile, "{}", run.command);
        }
    }
}

#[test]
fn of_many_rows_samples_tell_about_how_many_values_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut text = String::from("id,city,amount,day,skewed\n");
    let mut numbers = super::data::Numbers(9);
    for id in 0..300_000_u64 {
        let (city, amount) = (numbers.below(40), numbers.below(20_000));
        let (day, skewed) = (numbers.below(28) + 1, numbers.below(numbers.clone().below(1000) + 1));
        text += &format!("{id},city {city},{amount},2024-02-{day:02},{skewed}\n");
    }
    fs::write(folder.join("in.csv"), text).unwrap();
    let mut first: Option<Value> = None;
    for threads in ["1", "3"] {
        let database = format!("{threads}.db");
        let args = [
            "load",
            "in.csv",
            &database,
            "--table=t",
            "--profile",
            "--report",
            "report.json",
            "--threads",
            threads,
        ];
        assert_eq!(run_in(folder, &args).code(), 0);
        let report = report(folder);
        let profile = &report["profile"];
        must_fit(profile, &folder.join(&database), "t");
        for (index, column) in profile["columns"].as_array().unwrap().iter().enumerate() {
            let name = column["name"].as_str().unwrap();
            let found = asked_of_sqlite(&folder.join(&database), "t", name)[2].as_u64().unwrap();
            let said = column["distinct"].as_u64().unwrap();
            assert!(said.abs_diff(found) <= found / 8, "{name}: {said} for {found}");
            assert_eq!(column["distinct_is_exact"], false);
            let distribution = &column["distribution"];
            let of = ["numbers", "lengths", "numbers", "moments", "numbers"][index];
            assert_eq!(distribution["of"], of, "{distribution}");
            let counts = distribution["counts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|count| count.as_u64().unwrap());
            assert_eq!(counts.sum::<u64>(), profile["sampled_rows"].as_u64().unwrap());
        }
        let counts = profile["columns"][4]["distribution"]["counts"].as_array().unwrap();
        assert!(counts[0].as_u64() > counts[15].as_u64(), "{counts:?}");
        assert_eq!(first.get_or_insert_with(|| profile.clone()), profile);
    }
}

#[test]
fn a_load_that_goes_on_tells_of_the_rows_of_each_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (bytes, content) = people(&Recipe {
        seed: 11,
        records: 5_000,
        bad_every: 50,
        duplicate_every: 31,
        text_keys: false,
        padding: 30,
    });
    fs::write(folder.join("in.csv"), bytes).unwrap();
    let run = |limit: &str| {
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--key=id",
            "--types=id=integer",
            "--batch-rows=300",
            "--table=t",
            "--profile",
            "--report=report.json",
            "--max-errors",
            limit,
            "--chunk-bytes=5000",
        ];
        let ended = run_in(folder, &args);
        let report = report(folder);
        (ended, report)
    };
    let (ended, stopped) = run("60");
    assert_eq!(ended.code(), 3, "{stopped:#}");
    must_fit(&stopped["profile"], &folder.join("out.db"), "t");
    let before = stopped["profile"]["rows"].as_u64().unwrap();
    assert!(before > 0);
    let (ended, rest) = run("100000");
    assert_eq!(
        (ended.code(), rest["loaded"].as_u64().unwrap()),
        (2, content.good),
        "{rest:#}"
    );
    assert_eq!(rest["profile"]["rows"].as_u64().unwrap(), content.good - before);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("rows that this run put in:"), "{said}");
    let nulls = |report: &Value| report["profile"]["columns"][3]["nulls"].as_u64().unwrap();
    let all = asked_of_sqlite(&folder.join("out.db"), "t", "note");
    assert_eq!(nulls(&stopped) + nulls(&rest), all[0]);
}

#[test]
fn it_is_only_where_it_is_asked_for_and_a_page_has_it_in_any_case() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("in.csv"), "id,name\n1,Ada\n2,<b>Grace</b>\n3,\n").unwrap();
    let run = |more: &[&str]| {
        let args = [
            "load",
            "in.csv",
            "out.db",
            "--if-exists=replace",
            "--report=report.json",
        ];
        let ended = run_in(folder, &[&args[..], more].concat());
        assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
        let report = report(folder);
        (
            report["profile"].clone(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    let (profile, said) = run(&[]);
    assert!(profile.is_null() && !said.contains("profile"), "{said}");
    let (profile, said) = run(&["--report-html=page.html"]);
    assert!(profile.is_null() && !said.contains("profile"), "{said}");
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    for text in [
        "What is in the columns",
        "<td class=\"number\" data-label=\"distinct\">3</td>",
        "&lt;b&gt;Grace&lt;/b&gt;",
        "12 characters",
        "Of all 3 rows that were loaded.",
        "<code>rowmill load in.csv out.db --if-exists=replace",
        " UTC</p>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let (profile, said) = run(&["--profile"]);
    assert_eq!(profile["rows"], 3);
    assert!(said.contains("\n  profile     of 3 rows:\n"), "{said}");
    assert!(
        said.contains("\n    column  type     nulls  distinct  longest  least         greatest"),
        "{said}"
    );
}

#[test]
fn rows_that_are_taken_back_are_not_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    database::create(&folder.join("out.db"), "CREATE TABLE t(a INTEGER, b TEXT)");
    fs::write(folder.join("in.csv"), "a,b\n1,x\n2,y,z\n").unwrap();
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--table=t",
        "--atomic=file",
        "--max-errors=0",
        "--profile",
        "--report=report.json",
    ];
    assert_eq!(run_in(folder, &args).code(), 3);
    let report = report(folder);
    assert!(report["profile"].is_null(), "{report:#}");
}

#[test]
fn rows_that_the_table_refuses_or_that_go_in_late_are_told_of_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sql = "PRAGMA foreign_keys = ON; CREATE TABLE t(id INTEGER PRIMARY KEY, up INTEGER REFERENCES t(id) DEFERRABLE INITIALLY DEFERRED, n INTEGER CHECK (n < 10))";
    for write_path in ["auto", "sql"] {
        let database = format!("{write_path}.db");
        database::create(&folder.join(&database), sql);
        // 1 waits for 4, 5 for 9, which never comes; 6 is refused.
        fs::write(
            folder.join("in.csv"),
            "id,up,n\n1,4,1\n2,,2\n3,2,\n4,3,4\n5,9,5\n6,,60\n7,7,7\n",
        )
        .unwrap();
        let args = [
            "load",
            "in.csv",
            &database,
            "--table=t",
            "--profile",
            "--report=report.json",
            "--write-path",
            write_path,
        ];
        let ended = run_in(folder, &args);
        assert_eq!(ended.code(), 2, "{}", String::from_utf8_lossy(&ended.stderr));
        let report = report(folder);
        assert_eq!(report["loaded"], 5);
        must_fit(&report["profile"], &folder.join(&database), "t");
    }
}

#[test]
fn many_columns_stay_within_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let names: Vec<String> = (0..150).map(|index| format!("c{index}")).collect();
    let mut text = names.join(",") + "\n";
    for row in 0..20_000_u64 {
        let values: Vec<String> = (0..150)
            .map(|column| format!("{}", row * 31 % (column + 2) + column))
            .collect();
        text += &(values.join(",") + "\n");
    }
    fs::write(folder.join("in.csv"), text).unwrap();
    let args = [
        "load",
        "in.csv",
        "out.db",
        "--table=t",
        "--profile",
        "--report=report.json",
        "--memory=64MiB",
    ];
    assert_eq!(run_in(folder, &args).code(), 0);
    let report = report(folder);
    let peak = report["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < 64 << 20, "{peak}");
    must_fit(&report["profile"], &folder.join("out.db"), "t");
    let args = ["load", "in.csv", "small.db", "--table=t", "--profile", "--memory=40MiB"];
    let refused = run_in(folder, &args);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.code() == 64 && said.contains("too small for --profile"),
        "{said}"
    );
}

#[test]
fn several_tables_have_a_profile_each() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a", "b"] {
        let recipe = Recipe {
            seed: 1,
            records: 20,
            bad_every: 0,
            duplicate_every: 0,
            text_keys: name == "a",
            padding: 3,
        };
        people_file(&recipe, &folder.join(format!("{name}.csv")));
    }
    let args = [
        "load",
        "a.csv",
        "b.csv",
        "out.db",
        "--table-per-file",
        "--profile",
        "--report=report.json",
        "--report-html=page.html",
    ];
    let ended = run_in(folder, &args);
    assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
    let report = report(folder);
    for (index, table) in ["a", "b"].iter().enumerate() {
        must_fit(&report["loads"][index]["profile"], &folder.join("out.db"), table);
    }
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("What is in the columns of a") && page.contains("What is in the columns of b"));
}
