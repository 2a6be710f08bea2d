//! Numbers, money and dates as people write them: the values that are stored, what does not fit, keys, and what is counted.

use std::fs;

use super::database;
use super::harness::{Case, Run, run_in};

/// How many values of each column count as recoded, and of all.
fn recoded(run: &Run) -> (Vec<u64>, u64) {
    let report = run.report().unwrap();
    let columns = report["columns"].as_array().unwrap();
    let each = columns
        .iter()
        .map(|column| column["recoded"].as_u64().unwrap())
        .collect();
    (each, report["recoded"].as_u64().unwrap())
}

#[test]
fn a_bank_statement_is_loaded_as_it_was_downloaded() {
    let text = "Day;Text;Amount;Rate;At\n\
                31.12.2024;a;1.234,50 EUR;12,5%;12/31/2024 3:05 pm\n\
                1.2.2024;b;(7,00);-3%;1/2/2024 12:00 AM\n\
                29.2.2023;c;1,00;1%;1/2/2024 12:00 AM\n\
                2024-02-01;d;1,00;1%;1/2/2024 12:00 AM\n\
                1.3.2024;e;1.23;1%;1/2/2024 12:00 AM\n\
                1.3.2024;f;1,005;1%;1/2/2024 12:00 AM\n\
                1.3.2024;g;1,00;1;1/2/2024 12:00 AM\n\
                1.3.2024;h;1,00;1%;1/2/2024 13:00 AM\n\
                1.3.2024;i;\"- 1.000.000,1\";\"0,5 %\";\"1/2/2024 11:59 AM\"\n\
                ;j;;;\n";
    let case = Case::csv(text)
        .args([
            "--delimiter",
            ";",
            "--decimal-comma",
            "--thousands",
            ".",
            "--date-format",
            "%d.%m.%Y",
        ])
        .args(["--datetime-format", "%m/%d/%Y %I:%M %p"])
        .args(["--types", "Day=date,Amount=decimal(2),Rate=percent,At=datetime"])
        .expect_types([
            ("Day", "date"),
            ("Text", "text"),
            ("Amount", "decimal(2)"),
            ("Rate", "percent"),
            ("At", "datetime"),
        ])
        .expect_rows([
            "1: '2024-12-31', 'a', 123450, 0.125, '2024-12-31T15:05'",
            "2: '2024-02-01', 'b', -700, -0.03, '2024-01-02T00:00'",
            "9: '2024-03-01', 'i', -100000010, 0.005, '2024-01-02T11:59'",
            "10: NULL, 'j', NULL, NULL, NULL",
        ])
        .expect_rejects([
            (4, "out_of_range"),
            (5, "type_error"),
            (6, "type_error"),
            (7, "out_of_range"),
            (8, "type_error"),
            (9, "out_of_range"),
        ])
        .expect_said("recoded     12 values: 3 Day, 3 Amount, 3 Rate, 3 At");
    case.check();
    let run = case.once();
    assert_eq!(recoded(&run), (vec![3, 0, 3, 3, 3], 12));
    let messages: Vec<String> = run.rejects().iter().map(|reject| reject.message.clone()).collect();
    assert_eq!(
        messages,
        [
            "expected a day that exists (%d.%m.%Y), found '29.2.2023'",
            "expected a date such as 31.12.2024 (%d.%m.%Y), found '2024-02-01'",
            "expected an amount such as 1.234,5 or (7 EUR), found '1.23'",
            "expected an amount with at most 2 decimals, which counted in units of the last one fits 64 bits, found '1,005'",
            "expected a percentage such as 1.234,5%, found '1'",
            "expected a day and a time that exist (%m/%d/%Y %I:%M %p), found '1/2/2024 13:00 AM'",
        ]
    );
}

#[test]
fn a_decimal_comma_holds_for_numbers_that_nobody_declared() {
    let case = Case::csv("a;b;c;d;e;f\n1,5;1;1,5;1.5;1,50;x\n2,25;2;2;2.5;1,5;1,5\n-7,125;3;-0,5;3,5;2,25;2\n")
        .args(["--delimiter", ";", "--decimal-comma"])
        .expect_types([
            ("a", "real"),
            ("b", "integer"),
            ("c", "real"),
            ("d", "text"),
            ("e", "text"),
            ("f", "text"),
        ])
        .expect_rows([
            "1: 1.5, 1, 1.5, '1.5', '1,50', 'x'",
            "2: 2.25, 2, 2.0, '2.5', '1,5', '1,5'",
            "3: -7.125, 3, -0.5, '3,5', '2,25', '2'",
        ]);
    case.check();
    assert_eq!(recoded(&case.once()), (vec![3, 0, 2, 0, 0, 0], 5));
    // A guess that later values refute, and one that they do not.
    let mut text = "a;b\n".to_owned();
    for id in 0..300 {
        text += &format!(
            "{id},5;{}\n",
            if id == 200 {
                "0.5".to_owned()
            } else {
                format!("{id},25")
            }
        );
    }
    let case = Case::csv(text)
        .args(["--delimiter", ";", "--decimal-comma"])
        .expect_types([("a", "real"), ("b", "text")]);
    case.check();
    assert_eq!(recoded(&case.once()).1, 300);
}

#[test]
fn what_is_written_with_commas_is_what_is_written_with_points() {
    let (mut commas, mut points) = ("id;a;b;c\n".to_owned(), "id;a;b;c\n".to_owned());
    for id in 0..400_u32 {
        let number = id.wrapping_mul(2_654_435_761) % 1_000_003;
        let a = format!("{}.{:03}", number / 1000, number % 1000);
        let b = match id % 50 {
            7 => "1.2.3".to_owned(),
            9 => String::new(),
            _ => format!("{}", number % 77),
        };
        let c = if id % 3 == 0 {
            format!("{}e-3", number % 9 + 1)
        } else {
            format!("{}.5", number % 99)
        };
        points += &format!("{id};{a};{b};{c}\n");
        commas += &format!(
            "{id};{};{};{}\n",
            a.replace('.', ","),
            b.replace('.', ","),
            c.replace('.', ",")
        );
    }
    for types in ["", "a=real,b=real,c=real", "a=number,b=integer,c=number"] {
        let flags = |case: Case| {
            let case = case.args(["--delimiter", ";", "--key", "a"]).any_rejects();
            if types.is_empty() {
                case
            } else {
                case.args(["--types", types])
            }
        };
        let expected = flags(Case::csv(&points)).once();
        let case = flags(Case::csv(&commas)).args(["--decimal-comma"]);
        case.check();
        let found = case.once();
        // A comma between values has a blank after it.
        let with_points = |row: &String| row.replace(", ", "; ").replace(',', ".").replace("; ", ", ");
        let as_points = |run: &Run| run.dump().rows.iter().map(with_points).collect::<Vec<_>>();
        found.must_match("rows", &as_points(&expected), &as_points(&found));
        found.must_match("types", &expected.column_types(), &found.column_types());
        let lines = |run: &Run| {
            run.rejects()
                .iter()
                .map(|reject| format!("{} {}", reject.line, reject.code))
                .collect::<Vec<_>>()
        };
        found.must_match("rejects", &lines(&expected), &lines(&found));
    }
}

#[test]
fn numbers_with_signs_and_groups_are_their_values() {
    let case = Case::csv(
        "n,i,r\n\"$1,234.50\",\"1,234\",\"1,234.5\"\n(2),-12,-2\n3-,\"12,34,567\",1e3\n5 %,+7,.5\n\"1,23\",1,1\n1,\"1,23\",1\n1,1,$1\n1e999,1,1\n\
         1,\"9,223,372,036,854,775,808\",1\n12 EUR,007,5.\n",
    )
    .args(["--thousands", ",", "--types", "n=number,i=integer,r=real"])
    .expect_rows([
        "1: 1234.5, 1234, 1234.5",
        "2: -2.0, -12, -2.0",
        "3: -3.0, 1234567, 1000.0",
        "4: 5.0, 7, 0.5",
        "10: 12.0, 7, 5.0",
    ])
    .expect_rejects([
        (6, "type_error"),
        (7, "type_error"),
        (8, "type_error"),
        (9, "out_of_range"),
        (10, "out_of_range"),
    ]);
    case.check();
    assert_eq!(recoded(&case.once()), (vec![5, 2, 1], 8));
    for (thousands, number) in [
        (" ", "1 234"),
        (" ", "1\u{a0}234"),
        ("\u{202f}", "1\u{202f}234"),
        ("'", "1’234"),
        ("_", "1_234"),
    ] {
        Case::csv(format!("n\n{number}\n"))
            .args(["--thousands", thousands, "--types", "n=integer"])
            .expect_rows(["1: 1234"])
            .check();
    }
}

#[test]
fn two_spellings_of_one_number_or_day_are_one_key() {
    for (types, rows, kept) in [
        (
            "k=number",
            ["\"1,5\"", "(1,5)", "1,50 €", "-1,5", "2"],
            ["1.5", "-1.5", "2.0"],
        ),
        (
            "k=decimal(2)",
            ["\"1,5\"", "(1,5)", "1,50 €", "-1,5", "2"],
            ["150", "-150", "200"],
        ),
        (
            "k=date:%d.%m.%Y",
            ["1.2.2024", "3.2.2024", "01.02.2024", "03.2.2024", "4.2.2024"],
            ["'2024-02-01'", "'2024-02-03'", "'2024-02-04'"],
        ),
        (
            "k=integer",
            ["1.000", "-5", "1000", "-5", "1.001"],
            ["1000", "-5", "1001"],
        ),
        (
            "k=date:%s",
            ["86400", "0", "86401", "5", "172800"],
            ["'1970-01-02'", "'1970-01-01'", "'1970-01-03'"],
        ),
    ] {
        let text = format!(
            "k;n\n{}",
            rows.iter()
                .enumerate()
                .map(|(n, row)| format!("{row};{n}\n"))
                .collect::<String>()
        );
        let args = ["--delimiter", ";", "--decimal-comma", "--key", "k", "--types"];
        let mut flags: Vec<String> = args.map(str::to_owned).to_vec();
        flags.push(types.to_owned());
        if types == "k=integer" {
            flags.extend(["--thousands".to_owned(), ".".to_owned()]);
        }
        for existing in [false, true] {
            let mut case = Case::csv(&text)
                .arg_list(flags.clone())
                .expect_rejects([(4, "duplicate_key"), (5, "duplicate_key")]);
            if existing {
                case = case.existing("CREATE TABLE t (k, n INTEGER)");
            }
            let mut values: Vec<String> = kept
                .iter()
                .zip([0, 1, 4])
                .map(|(key, n)| format!("{key}, {n}"))
                .collect();
            case.check();
            let run = case.once();
            let mut found: Vec<String> = run
                .dump()
                .rows
                .iter()
                .map(|row| row.split_once(": ").unwrap().1.to_owned())
                .collect();
            values.sort();
            found.sort();
            run.must_match("rows", &values, &found);
        }
    }
}

#[test]
fn an_existing_table_takes_what_its_columns_can_hold() {
    Case::csv("i;r;t;n;b;d\n12,34;1,5;31.12.2024;1,5;1,5;7%\n1,5;2;1.2.2024;x;(2);-8\n")
        .existing("CREATE TABLE t (i INTEGER, r REAL, t TEXT, n DECIMAL(10,2), b, d NUMERIC)")
        .args([
            "--delimiter",
            ";",
            "--decimal-comma",
            "--types",
            "i=decimal(2),t=date:%d.%m.%Y,b=number,d=number",
        ])
        .expect_rows([
            "1: 1234, 1.5, '2024-12-31', 1.5, 1.5, 7",
            "2: 150, 2.0, '2024-02-01', 'x', -2.0, -8",
        ])
        .check();
    // Numbers to SQLite and not to whoever writes commas, or the other way round and not to be recovered.
    Case::csv("n;r;i\n1.5;1;1\n1,50;1;1\n2;1.5;1\n3;1;1,0\n1,2,3;1;1\n4;1;1\n")
        .existing("CREATE TABLE t (n DECIMAL(10,2), r REAL, i INTEGER)")
        .args(["--delimiter", ";", "--decimal-comma"])
        .expect_rows(["1: '1,2,3', 1.0, 1", "2: 4, 1.0, 1"])
        .expect_rejects([
            (2, "type_error"),
            (3, "type_error"),
            (4, "type_error"),
            (5, "type_error"),
        ])
        .check();
    for (declared, types) in [
        ("INTEGER", "a=number"),
        ("INTEGER", "a=percent"),
        ("REAL", "a=decimal(2)"),
        ("TEXT", "a=number"),
        ("TEXT", "a=decimal(0)"),
    ] {
        Case::csv("a\n1\n")
            .existing(&format!("CREATE TABLE t (a {declared})"))
            .args(["--types", types])
            .expect_exit(78)
            .expect_said("cannot hold")
            .once();
    }
}

#[test]
fn each_column_may_have_a_format_of_its_own() {
    let case = Case::csv("a,b,c,d\n31.12.2024,\"Dec 31, 24\",1735659059,3:05 PM\n")
        .args(["--date-format", "%d.%m.%Y", "--two-digit-year-pivot", "70"])
        .args(["--types", "a=date,b=date:\"%b %e, %y\",c=datetime:%s,d=time:%I:%M %p"])
        .expect_rows(["1: '2024-12-31', '2024-12-31', '2024-12-31T15:30:59Z', '15:05'"]);
    case.check();
    assert_eq!(recoded(&case.once()), (vec![1, 1, 1, 1], 4));
    Case::csv("a\n31.12.69\n31.12.70\n")
        .args(["--types", "a=date:%d.%m.%y", "--two-digit-year-pivot", "70"])
        .expect_rows(["1: '2069-12-31'", "2: '1970-12-31'"])
        .check();
    let case = Case::csv("a\n2024-12-31\n")
        .args(["--types", "a=date:%F"])
        .expect_rows(["1: '2024-12-31'"]);
    assert_eq!(recoded(&case.once()), (vec![0], 0));
    assert!(!case.once().stderr().contains("recoded"));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    for (args, words) in [
        (["--thousands", ".", "--types", "a=number"], "a point has two meanings"),
        (
            ["--thousands", ",", "--decimal-comma", "--types=a=number"],
            "give a comma two meanings",
        ),
        (["--thousands", "x", "--types", "a=number"], "takes a blank"),
        (
            ["--thousands", "'", "--types", "a=date"],
            "declared as numbers, and none is",
        ),
        (["--types", "a=decimal(19)", "--types", "b=text"], "0 to 18"),
        (["--types", "a=decimal(10,2)", "--types", "b=text"], "decimal(2)"),
        (
            ["--types", "a=date", "--date-format", "%d.%m.%y"],
            "--two-digit-year-pivot",
        ),
        (["--types", "a=date", "--date-format", "%d.%m"], "does not say the year"),
        (["--types", "a=date", "--date-format", "%Q"], "%Q, which is not known"),
        (
            ["--types", "a=date", "--datetime-format", "%F %R"],
            "declared as datetime",
        ),
        (
            ["--types", "a=date:%F", "--date-format", "%F"],
            "without a format of their own",
        ),
        (
            ["--types", "a=integer:%F", "--types", "b=text"],
            "not declared as date, time or datetime",
        ),
        (
            ["--types", "a=date", "--two-digit-year-pivot", "101"],
            "without its century",
        ),
    ] {
        Case::csv("a,b\n1,2\n")
            .args(args)
            .expect_exit(64)
            .expect_said(words)
            .once();
    }
}

#[test]
fn several_inputs_and_null_words_are_as_before() {
    let case = Case::csv("d;n\n1.2.2024;1,5\nNA;-\n")
        .and_csv("more.csv", "n;d\n\"2,5\";3.2.2024\n;\n")
        .args(["--delimiter", ";", "--decimal-comma", "--null", "NA", "--null", "-"])
        .args(["--types", "d=date:%d.%m.%Y,n=number"])
        .expect_rows([
            "1: '2024-02-01', 1.5",
            "2: NULL, NULL",
            "3: '2024-02-03', 2.5",
            "4: NULL, NULL",
        ]);
    case.check();
    assert_eq!(recoded(&case.once()), (vec![2, 2], 4));
}

#[test]
fn a_value_that_grows_has_room_in_its_row() {
    let mut text = "a,b,c,d\n".to_owned();
    let mut rows = Vec::new();
    for id in 0..500 {
        text += &format!("{0},{0},{0},{0}\n", id % 10);
        let moment = format!("'1970-01-01T00:00:0{}Z'", id % 10);
        rows.push(format!("{}: {moment}, {moment}, {moment}, {moment}", id + 1));
    }
    Case::csv(text)
        .args([
            "--datetime-format",
            "%s",
            "--types",
            "a=datetime,b=datetime,c=datetime,d=datetime",
        ])
        .expect_row_list(rows)
        .check();
}

#[test]
fn a_load_that_was_stopped_goes_on_in_the_same_form_only() {
    let mut text = "d;n\n".to_owned();
    for id in 0..200_u32 {
        text += &format!("{}.{}.2024;{},5\n", id % 28 + 1, id % 12 + 1, id);
        if id % 40 == 20 {
            text += "bad;1\n";
        }
    }
    let load = |more: &[&'static str]| {
        let fixed = [
            "load",
            "in.csv",
            "out.db",
            "--delimiter",
            ";",
            "--batch-rows",
            "7",
            "--chunk-bytes",
            "50",
            "--report",
            "r.json",
        ];
        [&fixed, more].concat()
    };
    let forms = ["--decimal-comma", "--types", "d=date:%d.%m.%Y,n=decimal(1)"];
    let outcome = |limits: &[&'static str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("in.csv"), &text).unwrap();
        for (index, limit) in limits.iter().enumerate() {
            let last = index + 1 == limits.len();
            if index > 0 {
                for other in [
                    ["--decimal-comma", "--types", "d=date:%m.%d.%Y,n=decimal(1)"],
                    ["--decimal-comma", "--types", "d=date:%d.%m.%Y,n=decimal(2)"],
                    ["--text", "--types", "d=date:%d.%m.%Y,n=decimal(1)"],
                ] {
                    let ended = run_in(folder.path(), &load(&[&other[..], &["--max-errors", limit]].concat()));
                    assert_eq!(ended.code(), 64, "{}", String::from_utf8_lossy(&ended.stderr));
                }
            }
            let ended = run_in(folder.path(), &load(&[&forms[..], &["--max-errors", limit]].concat()));
            assert_eq!(
                ended.code(),
                if last { 2 } else { 3 },
                "{}",
                String::from_utf8_lossy(&ended.stderr)
            );
        }
        let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(path("r.json")).unwrap()).unwrap();
        let counts = ["records", "loaded", "rejected", "recoded", "columns"].map(|name| report[name].to_string());
        (
            database::dump(&path("out.db"), "in").rows,
            fs::read(path("errors.csv")).unwrap(),
            counts,
        )
    };
    let whole = outcome(&["100"]);
    assert_eq!(whole.0.len(), 200);
    assert_eq!(whole.2[3], "400");
    assert!(outcome(&["1", "3", "100"]) == whole);
}

#[test]
fn a_file_that_grows_is_counted_as_one_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let load = [
        "load",
        "in.csv",
        "out.db",
        "--append-only",
        "--delimiter",
        ";",
        "--decimal-comma",
        "--key",
        "d",
        "--types",
        "d=date:%d.%m.%Y,n=number",
        "--report",
        "r.json",
    ];
    for (text, code, recoded) in [
        ("d;n\n1.2.2024;1,5\n", 0, 2),
        ("d;n\n1.2.2024;1,5\n", 0, 2),
        ("d;n\n1.2.2024;1,5\n2.2.2024;7\n01.02.2024;8,5\n", 2, 5),
    ] {
        fs::write(path("in.csv"), text).unwrap();
        let ended = run_in(folder.path(), &load);
        assert_eq!(ended.code(), code, "{}", String::from_utf8_lossy(&ended.stderr));
        let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(path("r.json")).unwrap()).unwrap();
        assert_eq!(report["recoded"].as_u64(), Some(recoded));
    }
    assert_eq!(
        database::dump(&path("out.db"), "in").rows,
        ["1: '2024-02-01', 1.5", "2: '2024-02-02', 7.0"]
    );
}
