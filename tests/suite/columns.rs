//! Which columns the table gets: chosen, renamed, of several files, and those that come from no field; records that are too long or short.

use std::fmt::Write as _;
use std::fs;

use super::database::{open, select};
use super::harness::{Case, Run, run_in};

/// Records of six columns with quotes, line ends, empty fields and faults, and their header.
fn six_columns(records: u32) -> String {
    let mut text = "id,Name,\"a,b\",amount,note,last\n".to_owned();
    for id in 0..records {
        let mixed = id.wrapping_mul(2_654_435_761) >> 7;
        let note = match mixed % 4 {
            0 => String::new(),
            1 => format!("\"line {id}\nand \"\"more\"\"\""),
            _ => format!("note {}", mixed % 97),
        };
        let _ = writeln!(
            text,
            "{id},n{},{},{}.5,{note},{}",
            mixed % 31,
            mixed % 1009,
            id % 77,
            mixed % 3
        );
        if mixed % 29 == 0 {
            text += "short,record\n";
        }
    }
    text
}

/// What a query finds in the table of a load.
fn found(run: &Run, sql: &str) -> Vec<String> {
    select(&open(&run.path("out.db")), sql).unwrap()
}

/// What was counted of the first input: rows of records that were cut, and filled.
fn widths(run: &Run) -> [u64; 2] {
    let report = run.report().unwrap();
    ["cut_records", "filled_records"].map(|name| report["inputs"][0][name].as_u64().unwrap())
}

#[test]
fn chosen_columns_are_loaded_in_the_order_given_under_their_new_names() {
    let case = Case::csv("id,Name,\"a,b\",secret\n1,Ada,2.5,x\n2,\"B\nC\",3.5,\n3,D\n4,E,5,y\n")
        .args([
            "--columns",
            "\"A,B\",ID,name",
            "--rename",
            "Name=who",
            "--key",
            "id",
            "--index",
            "who",
        ])
        .expect_types([("a,b", "real"), ("id", "integer"), ("who", "text")])
        .expect_rows(["1: 2.5, 1, 'Ada'", "2: 3.5, 2, 'B\\nC'", "4: 5.0, 4, 'E'"])
        .expect_rejects([(5, "missing_columns")]);
    case.check();
    Case::csv("a,b\n1,x\n2,y\n")
        .args(["--rename", "a=b", "--rename", "b=a", "--types", "b=integer"])
        .expect_types([("b", "integer"), ("a", "text")])
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
    Case::csv("1,x,2\n3,y,4\n")
        .args([
            "--no-header",
            "--columns",
            "column_3,column_1",
            "--rename",
            "column_1=id",
            "--key",
            "id",
        ])
        .expect_types([("column_3", "integer"), ("id", "integer")])
        .expect_rows(["1: 2, 1", "3: 4, 3"])
        .check();
}

#[test]
fn a_choice_of_columns_is_what_a_select_finds_in_all_of_them() {
    let text = six_columns(400);
    let whole = Case::csv(&text).any_rejects().once();
    for (args, sql) in [
        (
            &["--columns", "last,id,note", "--rename", "id=number"][..],
            "SELECT rowid, last, id, note FROM t",
        ),
        (&["--columns", "amount"], "SELECT rowid, amount FROM t"),
        (
            &["--columns", "Name,id", "--key", "name,ID", "--index", "id,name"],
            "SELECT rowid, Name, id FROM t",
        ),
        (
            &[
                "--const",
                "src=web",
                "--const",
                "n=007",
                "--const",
                "e=",
                "--types",
                "n=integer",
                "--filename-column",
                "file",
            ],
            "SELECT rowid, *, 'web', 7, '', 'in.csv' FROM t",
        ),
        (
            &[
                "--columns",
                "id,amount",
                "--row-number",
                "record",
                "--index",
                "record",
                "--const",
                "x=1.5",
                "--types",
                "x=real",
            ],
            "SELECT rowid, id, amount, 1.5, rowid FROM t",
        ),
    ] {
        let case = Case::csv(&text)
            .arg_list(args.iter().map(ToString::to_string).collect())
            .any_rejects();
        case.check();
        let run = case.once();
        run.must_match("rows", &found(&whole, sql), &found(&run, "SELECT rowid, * FROM t"));
        assert_eq!(run.rejects(), whole.rejects());
    }
}

#[test]
fn only_chosen_columns_are_looked_at_for_their_types_and_values() {
    // The second column would be refused if it were loaded: it is no date, and its key repeats.
    Case::csv("id,day,n\n1,x,5\n2,x,6\n")
        .existing("CREATE TABLE t (id INTEGER PRIMARY KEY, day TEXT UNIQUE, n INTEGER)")
        .args(["--columns", "n,id"])
        .expect_rows(["1: 1, NULL, 5", "2: 2, NULL, 6"])
        .check();
}

#[test]
fn records_that_are_too_long_or_short_are_the_records_that_they_are_made_into() {
    let (mut ragged, mut even) = ("id,a,b,c\n".to_owned(), "id,a,b,c\n".to_owned());
    let (mut cut, mut filled) = (0, 0);
    for id in 0..300_u32 {
        let fields = [
            id.to_string(),
            format!("\"x\n{}\"", id % 5),
            (id % 9).to_string(),
            "z".to_owned(),
        ];
        let width = 1 + (id.wrapping_mul(2_654_435_761) >> 9) as usize % 6;
        let kept = width.min(4);
        cut += u64::from(width > 4);
        filled += u64::from(width < 4);
        ragged += &fields[..kept].join(",");
        ragged += ["", ",\"m, \"\"x\"\"\"", ",more,"][width - kept];
        ragged.push('\n');
        even += &format!("{}{}\n", fields[..kept].join(","), ",".repeat(4 - kept));
        if id % 50 == 7 {
            ragged += "\n";
            even += "\n";
        }
    }
    let expected = Case::csv(&even).args(["--key", "id"]).once();
    let case = Case::csv(&ragged).args(["--key", "id", "--ignore-extra", "--fill-missing"]);
    case.check();
    let run = case.once();
    run.must_match("rows", &expected.dump().rows, &run.dump().rows);
    run.must_match("types", &expected.column_types(), &run.column_types());
    assert_eq!(widths(&run), [cut, filled]);
    assert!(cut > 50 && filled > 50);
    let said = run.stderr();
    assert!(said.contains(&format!("cut         {cut} rows")), "{said}");
    assert!(said.contains(&format!("filled      {filled} rows")), "{said}");
}

#[test]
fn each_kind_of_ragged_record_is_let_in_by_its_own_flag() {
    let text = "id,n\n1\n2,5\n3,6,7\n4,x,\n\n";
    Case::csv(text)
        .args(["--ignore-extra", "--types", "n=integer"])
        .expect_rows(["2: 2, 5", "3: 3, 6"])
        .expect_rejects([(2, "missing_columns"), (5, "type_error")])
        .check();
    let case = Case::csv(text)
        .args(["--fill-missing", "--key", "n,id"])
        .expect_rows(["1: 1, NULL", "2: 2, 5"])
        .expect_rejects([(4, "too_many_columns"), (5, "too_many_columns")]);
    case.check();
    assert_eq!(widths(&case.once()), [0, 1]);
    // What is missing is what an empty field is, but never a text.
    Case::csv("id,a,n\n1\n2,\n3,x,4,5\n")
        .existing("CREATE TABLE t (id INTEGER, a TEXT DEFAULT 'd', n INTEGER NOT NULL DEFAULT 7)")
        .args(["--fill-missing", "--ignore-extra", "--empty", "default"])
        .expect_rows(["1: 1, 'd', 7", "2: 2, 'd', 7", "3: 3, 'x', 4"])
        .check();
    Case::csv("id,n\n1\n2,\"\"\n3,4\n")
        .args(["--fill-missing", "--empty", "text"])
        .expect_rows(["1: 1, NULL", "2: 2, ''", "3: 3, '4'"])
        .check();
    Case::csv("id,n\n1\n2,3\n")
        .existing("CREATE TABLE t (id INTEGER, n INTEGER NOT NULL)")
        .args(["--fill-missing"])
        .expect_rows(["1: 2, 3"])
        .expect_rejects([(2, "null_violation")])
        .check();
    // Blank lines and comments are no records to be filled.
    Case::csv("id,n\n1,5\n  \n#c\n\n2\n")
        .args(["--fill-missing", "--trim", "--comment", "#", "--key", "id"])
        .expect_types([("id", "integer"), ("n", "integer")])
        .expect_rows(["1: 1, 5", "2: 2, NULL"])
        .check();
}

#[test]
fn chosen_columns_of_ragged_records_are_those_of_the_whole() {
    Case::csv("id,a,b\n1,x\n2\n3,y,z,w\n")
        .args([
            "--ignore-extra",
            "--fill-missing",
            "--columns",
            "b,id",
            "--row-number",
            "r",
        ])
        .expect_rows(["1: NULL, 1, 1", "2: NULL, 2, 2", "3: 'z', 3, 3"])
        .check();
}

#[test]
fn files_with_other_columns_become_one_table_with_those_of_all() {
    let first = "id,a\n1,x\n2,y\nbad\n";
    let (second, third) = ("B,ID,c\n5,3,\n6,4,7\n", "c,A,id,b\n8,z,5,9\n1,2\n");
    let case = Case::csv(first)
        .and_csv("b.csv", second)
        .and_csv("c.csv", third)
        .args([
            "--union-by-name",
            "--key",
            "id",
            "--index",
            "c",
            "--filename-column",
            "file",
        ])
        .expect_types([
            ("id", "integer"),
            ("a", "text"),
            ("B", "integer"),
            ("c", "integer"),
            ("file", "text"),
        ])
        .expect_rows([
            "1: 1, 'x', NULL, NULL, 'in.csv'",
            "2: 2, 'y', NULL, NULL, 'in.csv'",
            "3: 3, NULL, 5, NULL, 'b.csv'",
            "4: 4, NULL, 6, 7, 'b.csv'",
            "5: 5, 'z', 9, 8, 'c.csv'",
        ])
        .expect_rejects([(4, "missing_columns"), (3, "missing_columns")]);
    case.check();
    // A column may have another name in another file.
    Case::csv("id,a\n1,x\n")
        .and_csv("b.csv", "customer,a\n2,y\n")
        .args(["--rename", "customer=id"])
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
    Case::csv("id,a,only\n1,x,\n")
        .and_csv("b.csv", "other,a,id\n,y,2\n")
        .args(["--columns", "id,a"])
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
    Case::csv("id,a,only\n1,x,7\n")
        .and_csv("b.csv", "other,a,id\n,y,2\n")
        .args(["--columns", "only,id", "--union-by-name"])
        .expect_rows(["1: 7, 1", "2: NULL, 2"])
        .check();
}

#[test]
fn a_key_may_have_columns_that_come_from_no_field() {
    let case = Case::csv("id,v\n1,a\n2,b\n1,c\n")
        .and_csv("b.csv", "id,v\n2,d\n1,e\n2,f\n")
        .args([
            "--filename-column",
            "file",
            "--const",
            "n=5",
            "--types",
            "n=integer",
            "--key",
            "id,file,n",
            "--index",
            "n,v",
        ])
        .expect_rows([
            "1: 1, 'a', 5, 'in.csv'",
            "2: 2, 'b', 5, 'in.csv'",
            "4: 2, 'd', 5, 'b.csv'",
            "5: 1, 'e', 5, 'b.csv'",
        ])
        .expect_rejects([(4, "duplicate_key"), (4, "duplicate_key")]);
    case.check();
    Case::csv("id,v\n1,a\n2,b\n")
        .existing("CREATE TABLE t (v TEXT, id INTEGER, file TEXT, PRIMARY KEY (file, id)); INSERT INTO t VALUES ('z', 2, 'in.csv')")
        .args(["--filename-column", "file"])
        .expect_rows(["1: 'z', 2, 'in.csv'", "2: 'a', 1, 'in.csv'"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn given_columns_are_stored_as_the_table_stores_them() {
    let case = Case::csv("id\n1\n2\n")
        .existing("CREATE TABLE t (id INTEGER, r REAL, d DATE, x, at TEXT, nr INTEGER)")
        .args([
            "--const",
            "r=3",
            "--const",
            "D=5",
            "--const",
            "x=7",
            "--const",
            "at=2024-01-02T03:04Z",
            "--types",
            "at=datetime",
        ])
        .args(["--row-number", "NR"])
        .expect_rows([
            "1: 1, 3.0, 5, '7', '2024-01-02T03:04Z', 1",
            "2: 2, 3.0, 5, '7', '2024-01-02T03:04Z', 2",
        ]);
    case.check();
    Case::csv("id\n1\nx\n2\n")
        .existing("CREATE TABLE t (id INTEGER, nr INTEGER)")
        .args(["--row-number", "nr"])
        .expect_rows(["1: 1, 1", "2: 2, 3"])
        .expect_rejects([(3, "type_error")])
        .check();
}

#[test]
fn numbers_of_records_begin_anew_with_each_input_and_count_rejects() {
    let long = "y".repeat(300);
    let case = Case::csv(format!("id,v\n7,a\n8\n9,\"b\nb\"\n1,{long}\n10,c\n"))
        .and_csv("b.csv", "v,id\nx,11\n\ny,12\n")
        .args(["--row-number", "n", "--key", "id", "--max-record-bytes", "200"])
        .expect_rows([
            "7: 7, 'a', 1",
            "9: 9, 'b\\nb', 3",
            "10: 10, 'c', 5",
            "11: 11, 'x', 1",
            "12: 12, 'y', 2",
        ])
        .expect_rejects([(3, "missing_columns"), (6, "record_too_large")]);
    case.check();
}

#[test]
fn a_table_that_exists_says_what_to_leave_out_and_what_is_missing() {
    let existing =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, up TEXT AS (upper(name)) STORED, n INTEGER)";
    let refused = |text: &str, args: &[&str], said: &[&str]| {
        let case = Case::csv(text)
            .existing(existing)
            .arg_list(args.iter().map(ToString::to_string).collect());
        let case = said
            .iter()
            .fold(case.expect_exit(78), |case, said| case.expect_said(said));
        case.once();
    };
    refused(
        "id,name,internal\n1,a,x\n",
        &[],
        &["the table has no column \"internal\"; leave out what does not fit with --columns id,name, or let"],
    );
    refused(
        "id,nmae\n1,a\n",
        &[],
        &["no column \"nmae\" (--rename nmae=name loads it into \"name\")"],
    );
    refused(
        "id,name,up\n1,a,x\n",
        &[],
        &[
            "column \"up\" is generated by the table and cannot be loaded; leave out what does not fit with --columns id,name\n",
        ],
    );
    refused(
        "id,x\n1,a\n",
        &["--columns", "id"],
        &["column \"name\" must not be NULL and the input does not have it"],
    );
    refused(
        "id,name\n1,a\n",
        &["--const", "batch=1"],
        &["no column \"batch\", which --const names"],
    );
    refused(
        "name\na\n",
        &["--row-number", "id"],
        &["column \"id\" is the table's row id, which --row-number cannot give"],
    );
    refused(
        "1,a\n",
        &["--no-header", "--const", "name=b"],
        &["column \"name\" would be filled twice"],
    );
    refused(
        "1,a,2,3\n",
        &["--no-header"],
        &["the input has 4 columns, the table takes 3"],
    );
    Case::csv("id,name,internal\n1,a,x\n")
        .existing(existing)
        .args(["--columns", "id,name", "--const", "n=4"])
        .expect_rows(["1: 1, 'a', 'A', 4"])
        .check();
    // Without a header columns go by position, unless they are given names.
    Case::csv("x,1,a\ny,2,b\n")
        .existing(existing)
        .args(["--no-header", "--columns", "column_2,column_3"])
        .expect_rows(["1: 1, 'a', 'A', NULL", "2: 2, 'b', 'B', NULL"])
        .check();
    Case::csv("x,1,a\n")
        .existing(existing)
        .args([
            "--no-header",
            "--columns",
            "column_2,column_3",
            "--rename",
            "column_2=n",
            "--rename",
            "column_3=name",
        ])
        .expect_rows(["1: 1, 'a', 'A', 1"])
        .check();
    Case::csv("id,name\n1,a\n")
        .and_csv("b.csv", "id\n2\n")
        .existing(existing)
        .args(["--union-by-name"])
        .expect_exit(78)
        .expect_said("column \"name\" must not be NULL, and b.csv does not have it")
        .once();
}

#[test]
fn names_that_are_not_there_are_refused_with_what_there_is() {
    for (args, code, said) in [
        (
            &["--columns", "id,nam"][..],
            64,
            "--columns names \"nam\", which is not a column (is \"name\" meant?); the columns are \"id\", \"name\"",
        ),
        (
            &["--columns", "id,ID"],
            64,
            "--columns names \"ID\", which is named before",
        ),
        (&["--rename", "x=y"], 64, "--rename names \"x\", which is not a column"),
        (
            &["--rename", "id=name"],
            64,
            "--rename gives two columns of in.csv the name \"name\"",
        ),
        (
            &["--rename", "id=y", "--columns", "y"],
            64,
            "it takes the names of the input: \"id\"",
        ),
        (
            &["--rename", "id=y", "--columns", "name"],
            64,
            "--rename names \"id\", which --columns leaves out",
        ),
        (
            &["--rename", "id=y", "--key", "id"],
            64,
            "--key names \"id\", which is not a column",
        ),
        (
            &["--const", "ID=1"],
            64,
            "--const names \"ID\", which is a column of the input already",
        ),
        (
            &["--const", "a=1", "--row-number", "A"],
            64,
            "--row-number names \"A\", which is named before",
        ),
        (
            &["--const", "a=x", "--types", "a=integer"],
            64,
            "--const a: 'x' is no integer",
        ),
        (
            &["--const", "a=x", "--key", "a"],
            64,
            "--key names only columns that are the same in all records",
        ),
        (&["--row-number", "n", "--key", "id,n"], 64, "the record's number"),
        (
            &["--row-number", "n", "--types", "n=text"],
            64,
            "something else than an integer",
        ),
    ] {
        let case = Case::csv("id,name\n1,a\n").arg_list(args.iter().map(ToString::to_string).collect());
        case.expect_exit(code).expect_said(said).once();
    }
    let long = format!("a={}", "x".repeat(1025));
    Case::csv("id\n1\n").args(["--const", &long]).expect_exit(64).once();
    let two = |second: &str| Case::csv("id,a\n1,x\n").and_csv("b.csv", second);
    two("id,c\n1,2\n")
        .expect_exit(78)
        .expect_said("with --union-by-name what an input lacks is NULL")
        .once();
    two("id,c\n1,2\n")
        .args(["--columns", "id,a"])
        .expect_exit(78)
        .expect_said("b.csv: missing \"a\"")
        .once();
    two("a,c\n1,2\n")
        .args(["--union-by-name", "--key", "id"])
        .expect_exit(78)
        .expect_said("column \"id\" of the key is not in b.csv")
        .once();
}

/// Loads files, stopped at each of these limits of rejects but the last, and returns what came of it.
fn in_steps(files: &[(&str, &str)], args: &[&str], limits: &[&str]) -> (Vec<String>, Vec<u8>, [String; 4]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut load = vec!["load"];
    for (name, text) in files {
        fs::write(path(name), text).unwrap();
        load.push(name);
    }
    load.extend([
        "out.db",
        "--table",
        "t",
        "--batch-rows",
        "7",
        "--chunk-bytes",
        "50",
        "--report",
        "r.json",
    ]);
    load.extend(args);
    for (index, limit) in limits.iter().enumerate() {
        let ended = run_in(folder.path(), &[&load[..], &["--max-errors", limit]].concat());
        let code = if index + 1 < limits.len() { 3 } else { 2 };
        assert_eq!(ended.code(), code, "{}", String::from_utf8_lossy(&ended.stderr));
        if index == 0 && limits.len() > 1 {
            forget_options(&path("out.db"));
        }
    }
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(path("r.json")).unwrap()).unwrap();
    let rows = select(&open(&path("out.db")), "SELECT rowid, * FROM t").unwrap();
    let counts = ["records", "loaded", "rejected", "inputs"].map(|name| report[name].to_string());
    (rows, fs::read(path("errors.csv")).unwrap(), counts)
}

/// Takes what is as it is without the options of this room out of a checkpoint, as if the load had been begun before there were any.
fn forget_options(database: &std::path::Path) {
    let connection = open(database);
    let body: Vec<u8> = connection
        .query_row("SELECT body FROM _rowmill_checkpoint WHERE part = 0", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut identity: serde_json::Value = serde_json::from_slice(&body[17..]).unwrap();
    let options = identity["options"].as_array_mut().unwrap();
    let before = options.len();
    options.retain(|option| !["all", "off", "none"].contains(&option[1].as_str().unwrap()));
    assert!(options.len() < before);
    let text = identity.to_string();
    let sealed = format!("{:016x} {text}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
    let update = "UPDATE _rowmill_checkpoint SET body = ? WHERE part = 0";
    connection.execute(update, [sealed.as_bytes()]).unwrap();
}

#[test]
fn a_load_that_was_stopped_goes_on_with_the_same_columns() {
    let (mut first, mut second) = ("id,a,b\n".to_owned(), "b,extra,id\n".to_owned());
    for id in 0..150_u32 {
        first += &match id % 10 {
            3 => format!("{id}\n"),
            5 => format!("{id},x,7,8\n"),
            _ => format!("{id},\"x\n{id}\",{}\n", id % 3),
        };
        second += &format!("{},e{id},{}\n", id % 5, id + 1000);
        if id % 50 == 30 {
            first += "\"bad\"x,1,2\n";
            second += "\"bad\"x,1,2\n";
        }
    }
    let files = [("a.csv", &first[..]), ("b.csv", &second[..])];
    for args in [
        &[
            "--union-by-name",
            "--ignore-extra",
            "--fill-missing",
            "--filename-column",
            "file",
            "--row-number",
            "n",
            "--const",
            "c=k",
        ][..],
        &[
            "--columns",
            "b,id",
            "--rename",
            "b=x",
            "--ignore-extra",
            "--fill-missing",
            "--key",
            "id",
            "--row-number",
            "n",
        ],
    ] {
        let whole = in_steps(&files, args, &["99"]);
        assert_eq!(whole.0.len(), 300);
        assert!(in_steps(&files, args, &["0", "1", "4", "99"]) == whole, "{args:?}");
    }
}

#[test]
fn a_load_with_other_columns_does_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "id,n\n1,2\nx\n3,4\n").unwrap();
    let load = ["load", "in.csv", "out.db", "--batch-rows", "1", "--max-errors", "0"];
    assert_eq!(
        run_in(folder.path(), &[&load[..], &["--const", "a=1"]].concat()).code(),
        3
    );
    for (args, said) in [
        (&["--const", "a=2"][..], "--const was a=1 and is a=2"),
        (&[], "--const was a=1 and is none"),
        (&["--const", "a=1", "--columns", "id"], "--columns was all and is id"),
        (
            &["--const", "a=1", "--fill-missing"],
            "--fill-missing was off and is on",
        ),
        (
            &["--const", "a=1", "--filename-column", "f"],
            "--filename-column was none and is f",
        ),
    ] {
        let ended = run_in(folder.path(), &[&load[..], args].concat());
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.code(), 64, "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_growing_file_goes_on_with_its_numbers_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    let load = [
        "load",
        "in.csv",
        "out.db",
        "--append-only",
        "--columns",
        "v,id",
        "--row-number",
        "n",
        "--fill-missing",
        "--filename-column",
        "f",
        "--report",
        "r.json",
    ];
    for (text, filled) in [("id,x,v\n1,2,3\n4\n", 1), ("id,x,v\n1,2,3\n4\n5,6,7\n8,9\n10", 2)] {
        fs::write(&path, text).unwrap();
        let ended = run_in(folder.path(), &load);
        assert_eq!(ended.code(), 0, "{}", String::from_utf8_lossy(&ended.stderr));
        let report: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
        assert_eq!(report["inputs"][0]["filled_records"], filled);
    }
    let rows = select(&open(&folder.path().join("out.db")), "SELECT * FROM \"in\"").unwrap();
    assert_eq!(
        rows,
        [
            "3, 1, 'in.csv', 1",
            "NULL, 4, 'in.csv', 2",
            "7, 5, 'in.csv', 3",
            "NULL, 8, 'in.csv', 4"
        ]
    );
}
