//! What stands around a table: lines before the header, a row of units after it, Excel's `sep=`.

use std::fs;

use super::harness::{Case, Run, run_in};

/// The counts of the only input's lines.
fn line_counts(run: &Run) -> [u64; 3] {
    let report = run.report().unwrap();
    ["lines", "blank_lines", "skipped_lines"].map(|name| report["inputs"][0][name].as_u64().unwrap())
}

#[test]
fn lines_before_the_header_are_passed_over_and_counted_whatever_they_hold() {
    let case = Case::csv("\u{feff}Account \"statement\nPeriod,2024-01-01,it's,\"\n\n\nDate,Amount\n2024-01-02,-3.50\nx\n2024-01-03,100.25\n")
        .args(["--skip-lines", "2"])
        .expect_types([("Date", "text"), ("Amount", "real")])
        .expect_rows(["1: '2024-01-02', -3.5", "3: '2024-01-03', 100.25"])
        .expect_rejects([(7, "missing_columns")]);
    case.check();
    let run = case.once();
    assert_eq!(line_counts(&run), [8, 2, 2]);
    assert_eq!(run.rejects()[0].byte_offset, 78);
}

#[test]
fn the_header_may_be_a_line_with_others_before_and_after_it() {
    let text = "logger 7\n\"id\",\"t\nemp\"\n-,degC\nunits,\"\n1,20\n2,21\n";
    let case = Case::csv(text)
        .args(["--header-row", "2", "--skip-lines", "5"])
        .expect_types([("id", "integer"), ("t\nemp", "integer")])
        .expect_rows(["1: 1, 20", "2: 2, 21"]);
    case.check();
    assert_eq!(line_counts(&case.once()), [7, 0, 3]);
    let case = Case::csv("a\nb\nid,n\n1,2\n")
        .args(["--header-row", "3"])
        .expect_rows(["1: 1, 2"]);
    case.check();
    assert_eq!(line_counts(&case.once()), [4, 0, 2]);
    Case::csv("id,n\ns,m\n1,2\n")
        .args(["--header-row", "1", "--skip-lines", "2"])
        .expect_rows(["1: 1, 2"])
        .check();
    Case::csv("x\n1,2\n3,4\n")
        .args(["--no-header", "--skip-lines", "1"])
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .check();
}

#[test]
fn skipped_lines_end_as_lines_do_and_need_not_be_short() {
    let long = "x".repeat(10_000);
    Case::csv(format!("{long}\r\n\"{long}\r\nid,n\r\n1,\"a\r\nb\"\r\n"))
        .args(["--skip-lines", "2"])
        .expect_rows(["1: 1, 'a\\r\\nb'"])
        .check();
    Case::csv("it's \"\rid,n\r1,\"a\nb\"\r2,c\r")
        .args(["--skip-lines", "1"])
        .expect_rows(["1: 1, 'a\\nb'", "2: 2, 'c'"])
        .check();
}

#[test]
fn a_file_with_skipped_lines_is_the_file_without_them() {
    let body: String = (0..300).map(|id| format!("{id},{}.5,\"a\n{id}\"\n", id * 7)).collect();
    let (before, header, units) = ("title,\"\n\nfrom,to\n", "id,r,t\n", "-,m,\"s\n");
    let case = Case::csv(format!("{before}{header}{units}{body}")).args(["--header-row", "4", "--skip-lines", "5"]);
    let expected = Case::csv(format!("{header}{body}")).once();
    case.check();
    let found = case.once();
    found.must_match("rows", &expected.dump().rows, &found.dump().rows);
    found.must_match("types", &expected.column_types(), &found.column_types());
}

#[test]
fn each_of_several_inputs_has_its_own_first_lines() {
    let case = Case::csv("one\nid,n\n1,2\n")
        .and_csv("more.csv", "two\nn,id\n4,3\nx\n")
        .args(["--skip-lines", "1"])
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .expect_rejects([(4, "missing_columns")]);
    case.check();
}

#[test]
fn an_input_that_ends_within_what_is_passed_over_is_refused() {
    for (text, args) in [
        ("a\nb\n", &["--skip-lines", "3"][..]),
        ("a\nb\n", &["--skip-lines", "2"]),
        ("a", &["--skip-lines", "1"]),
        ("a\n", &["--header-row", "2"]),
        ("sep=;\n", &[]),
    ] {
        let case = Case::csv(text).arg_list(args.iter().map(ToString::to_string).collect());
        case.expect_exit(65).expect_said("passed over").check();
    }
    // But a row of units need not be followed by anything.
    Case::csv("id,n\ns,m\n")
        .args(["--header-row", "1", "--skip-lines", "9"])
        .expect_rows([])
        .check();
}

#[test]
fn a_growing_file_goes_on_after_its_first_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    let load = [
        "load",
        "in.csv",
        "out.db",
        "--append-only",
        "--header-row",
        "2",
        "--skip-lines",
        "3",
        "--report",
        "r.json",
    ];
    for (text, code, loaded) in [
        ("log\nid,n\nuni", 65, None),
        ("log\nid,n\nunit,m\n1,2\n", 0, Some(1)),
        ("log\nid,n\nunit,m\n1,2\n3,4\nx\n", 2, Some(2)),
    ] {
        fs::write(&path, text).unwrap();
        let ended = run_in(folder.path(), &load);
        assert_eq!(ended.code(), code, "{}", String::from_utf8_lossy(&ended.stderr));
        if let Some(loaded) = loaded {
            let report: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
            assert_eq!(
                (report["loaded"].as_u64(), report["inputs"][0]["skipped_lines"].as_u64()),
                (Some(loaded), Some(2))
            );
        }
    }
    let errors = fs::read_to_string(folder.path().join("errors.csv")).unwrap();
    assert!(errors.lines().nth(1).unwrap().starts_with("in.csv,6,6,"), "{errors}");
    let mut other = load;
    other[7] = "2";
    assert_eq!(run_in(folder.path(), &other).code(), 64);
}

#[test]
fn excels_first_line_names_the_delimiter() {
    for first in ["sep=;\n", "\u{feff}SEP=;\r\n", "\"sep=;\"\n"] {
        let case = Case::csv(format!("{first}id;name\n1;Ann\n2\n"))
            .expect_types([("id", "integer"), ("name", "text")])
            .expect_rows(["1: 1, 'Ann'"])
            .expect_rejects([(4, "missing_columns")]);
        case.check();
        assert_eq!(line_counts(&case.once()), [4, 0, 1]);
    }
    Case::csv("sep=\t\n1\t2\n")
        .args(["--no-header"])
        .expect_rows(["1: 1, 2"])
        .check();
    // A flag is stronger; the line is passed over all the same.
    Case::csv("sep=;\nid,n\n1,a;b\n")
        .args(["--delimiter", ","])
        .expect_rows(["1: 1, 'a;b'"])
        .check();
    // Each input has its own.
    Case::csv("sep=;\nid;n\n1;2\n")
        .and_csv("more.csv", "id,n\n3,4\n")
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .check();
    // It is one of the lines that are skipped.
    Case::csv("sep=;\ntitle\nid;n\n1;2\n")
        .args(["--skip-lines", "2"])
        .expect_rows(["1: 1, 2"])
        .check();
}

#[test]
fn a_first_line_that_only_looks_like_it_is_a_header() {
    for (text, name) in [
        ("sep=\n1\n", "sep="),
        ("sep=;;\n1\n", "sep=;;"),
        ("sep=\"\n1\n", "sep=\""),
    ] {
        Case::csv(text).expect_types([(name, "integer")]).check();
    }
    Case::csv("sep=;\n1\n")
        .args(["--header-row", "1", "--delimiter", ","])
        .expect_types([("sep=;", "integer")])
        .check();
}

#[test]
fn a_header_that_is_nowhere_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
    for args in [&["--header-row", "0"][..], &["--header-row", "1", "--no-header"]] {
        let ended = run_in(folder.path(), &[&["load", "in.csv", "out.db"], args].concat());
        assert_eq!(ended.code(), 64, "{args:?}");
    }
}

#[test]
fn comments_are_no_records_and_quotes_in_them_mean_nothing() {
    let case = Case::csv("#it's \"\n#,\"x\nid,t\n#\"a\n1,\"b\n#c\"\n2,#d\n#\n # e\n\n3,\"x\"\n#end \"")
        .args(["--comment", "#"])
        .expect_types([("id", "integer"), ("t", "text")])
        .expect_rows(["1: 1, 'b\\n#c'", "2: 2, '#d'", "4: 3, 'x'"])
        .expect_rejects([(9, "missing_columns")]);
    case.check();
    let run = case.once();
    let report = run.report().unwrap();
    assert_eq!(report["inputs"][0]["comment_lines"], 5);
    assert_eq!(report["records"], 4);
}

#[test]
fn a_file_with_comments_is_the_file_without_them() {
    // Quotes in the comments, comments within quotes, enough for many chunks and windows.
    let mut with = "#\"head\nid,n,t\n".to_owned();
    for id in 0..500_u32 {
        with += match id.wrapping_mul(2_654_435_761) % 7 {
            0 => "#\n",
            1 => "# it's \"open\n#,\"\n",
            2 => "#,\"a\",\"b\nx,1\n",
            _ => "",
        };
        with += &format!("{id},{},\"t\n#{id}\"\n", id % 9);
    }
    let mut without = String::new();
    let mut is_open = false;
    for line in with.lines() {
        if !is_open && line.starts_with('#') {
            continue;
        }
        is_open ^= line.matches('"').count() % 2 == 1;
        without += line;
        without += "\n";
    }
    let case = Case::csv(&with).args(["--comment", "#"]).any_rejects();
    let expected = Case::csv(&without).any_rejects().once();
    case.check();
    let found = case.once();
    found.must_match("rows", &expected.dump().rows, &found.dump().rows);
    found.must_match("types", &expected.column_types(), &found.column_types());
    for name in ["records", "loaded", "rejected"] {
        assert_eq!(expected.counted(name), found.counted(name));
    }
}

#[test]
fn a_comment_between_the_lines_of_damaged_quotes_speaks_for_nothing() {
    Case::csv("a,b\n1,\"x\n#c\n2,y\n\"3\",z\n4,v\n")
        .args(["--comment", "#"])
        .expect_rows(["2: '2', 'y'", "3: '3', 'z'", "4: '4', 'v'"])
        .expect_rejects([(2, "unterminated_quote")])
        .args(["--text"])
        .check();
}

#[test]
fn a_comment_longer_than_a_record_may_be_is_a_record_that_is_too_large() {
    for (length, rejects) in [(9, vec![]), (10, vec![(2, "record_too_large")])] {
        let text = format!("a,b\n#{}\n1,2\n", "x".repeat(length));
        let mut case = Case::csv(text).args(["--comment", "#", "--max-record-bytes", "10"]);
        if rejects.is_empty() {
            case = case.expect_rows(["1: 1, 2"]);
        } else {
            case = case.expect_rows(["2: 1, 2"]).expect_rejects([rejects[0]]);
        }
        case.check();
    }
}

#[test]
fn comments_in_old_mac_files_without_headers_and_alone() {
    Case::csv("#\"\ra;b\r#\r1;2\r")
        .args(["--comment", "#", "--delimiter", ";"])
        .expect_rows(["1: 1, 2"])
        .check();
    Case::csv("% x\n1\n%\n\n2\n")
        .args(["--comment", "%", "--no-header"])
        .expect_rows(["1: 1", "2: NULL", "3: 2"])
        .check();
    Case::csv("#a\n\n#b")
        .args(["--comment", "#"])
        .expect_exit(65)
        .expect_said("nothing but comments")
        .check();
    for args in [["--comment", ","], ["--comment", "\""]] {
        Case::csv("a\n").args(args).expect_exit(64).once();
    }
}

#[test]
fn blanks_around_fields_are_taken_off_and_a_quote_after_them_opens_a_field() {
    Case::csv("id, name,\tqty \n1, \"Smith, J\", 5\n 2 ,\"Lee\" ,7\n3,  Kim Li\t,\" 9 \"\n4,,  \n \t\n5, \"a\n \"\"b\"\"\" , 6\r\n")
        .args(["--trim"])
        .expect_types([("id", "integer"), ("name", "text"), ("qty", "text")])
        .expect_rows([
            "1: 1, 'Smith, J', '5'",
            "2: 2, 'Lee', '7'",
            "3: 3, 'Kim Li', ' 9 '",
            "4: 4, NULL, NULL",
            "5: 5, 'a\\n \"b\"', '6'",
        ])
        .check();
    // Without it blanks are data.
    Case::csv("id, name\n1, \"Lee\"\n")
        .expect_types([("id", "integer"), (" name", "text")])
        .expect_rows(["1: 1, ' \"Lee\"'"])
        .check();
}

#[test]
fn trimmed_values_are_judged_and_shown_without_blanks() {
    let case = Case::csv("k,d,n\n a , 2024-01-02 , NA\na,2024-01-02, 2 \n\"a\" , x y ,3\nb,2024-01-02,\"4\" z\n")
        .args(["--trim", "--null", "NA", "--key", "k", "--types", "d=date"])
        .expect_rows(["1: 'a', '2024-01-02', NULL"])
        .expect_rejects([(3, "duplicate_key"), (4, "type_error"), (5, "invalid_quote")]);
    case.check();
    assert_eq!(case.once().rejects()[1].value, b"x y");
}

#[test]
fn a_delimiter_that_is_a_tab_is_no_blank() {
    Case::csv("a\tb\tc\n1\t \"x\ty\" \t\n\t\t\n")
        .args(["--trim", "--delimiter", "tab"])
        .expect_rows(["1: 1, 'x\\ty', NULL", "2: NULL, NULL, NULL"])
        .check();
}

#[test]
fn a_file_with_blanks_is_the_file_without_them() {
    let (mut with, mut without) = ("id , n,\"t\" \n".to_owned(), "id,n,t\n".to_owned());
    for id in 0..500_u32 {
        let pad = |by: u32| ["", " ", "  ", "\t", " \t "][(id.wrapping_mul(2_654_435_761) / (by + 1) % 5) as usize];
        let text = format!("\"x,{id}\n \"\"y\"\" \"");
        with += &format!(
            "{}{id}{},{}{}.25{},{}{text}{}\n",
            pad(0),
            pad(1),
            pad(2),
            id * 3,
            pad(3),
            pad(4),
            pad(5)
        );
        without += &format!("{id},{}.25,{text}\n", id * 3);
        if id % 50 == 0 {
            with += &format!("{}\n", pad(6));
            without += "\n";
        }
    }
    let case = Case::csv(&with).args(["--trim", "--key", "id"]);
    let expected = Case::csv(&without).args(["--key", "id"]).once();
    case.check();
    let found = case.once();
    found.must_match("rows", &expected.dump().rows, &found.dump().rows);
    found.must_match("types", &expected.column_types(), &found.column_types());
    assert_eq!(line_counts(&found), line_counts(&expected));
}

#[test]
fn the_header_once_more_is_no_record_and_is_counted() {
    let case = Case::csv("id,\"v\",\n1,5,\nid,v,\n2,6,\n\u{feff}\"id\",v,\"\"\nid,v\nID,v,\nid,v,x\n3,7,\n")
        .args(["--drop-repeated-headers", "--types", "id=integer"])
        .expect_rows(["1: 1, '5', NULL", "2: 2, '6', NULL", "6: 3, '7', NULL"])
        .expect_rejects([(6, "missing_columns"), (7, "type_error"), (8, "type_error")]);
    case.check();
    let run = case.once();
    assert_eq!(run.report().unwrap()["inputs"][0]["repeated_headers"], 2);
    assert_eq!(run.counted("records"), 6);
}

#[test]
fn a_file_with_repeated_headers_is_the_file_without_them() {
    let header = "\"id\",\"a \"\"b\nc\",n\n";
    let (mut with, mut without) = (header.to_owned(), header.to_owned());
    for id in 0..400_u32 {
        let record = format!("{id},\"t\n{id}\",{}\n", id % 7);
        if id.wrapping_mul(2_654_435_761) % 9 == 0 {
            with += header;
        }
        with += &record;
        without += &record;
    }
    let case = Case::csv(&with).args(["--drop-repeated-headers", "--key", "id"]);
    let expected = Case::csv(&without).args(["--key", "id"]).once();
    case.check();
    let found = case.once();
    found.must_match("rows", &expected.dump().rows, &found.dump().rows);
    found.must_match("types", &expected.column_types(), &found.column_types());
}

#[test]
fn each_of_several_inputs_has_its_own_header_to_come_again() {
    Case::csv("id,n\n1,2\nid,n\n")
        .and_csv("more.csv", "n,id\n4,3\nn,id\nn,5\n")
        .args(["--drop-repeated-headers", "--types", "id=integer,n=integer"])
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .expect_rejects([(4, "type_error")])
        .check();
    Case::csv("1,2\n")
        .args(["--drop-repeated-headers", "--no-header"])
        .expect_exit(64)
        .once();
}

#[test]
fn a_load_that_was_stopped_goes_on_among_comments_blanks_and_headers() {
    let mut text = "title \"\nid;  v\nunits\n".to_owned();
    for id in 0..200_u32 {
        text += match id % 6 {
            0 => "# \"a\n",
            1 => "id;v\n",
            2 => " \n",
            _ => "",
        };
        text += &format!("{id} ; \"x;\n#{id}\" \n");
        if id % 40 == 20 {
            text += "bad\n";
        }
    }
    let around = [
        "--header-row",
        "2",
        "--skip-lines",
        "3",
        "--comment",
        "#",
        "--trim",
        "--drop-repeated-headers",
    ];
    let load = [
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
    let load = [&load[..], &around].concat();
    let outcome = |limits: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("in.csv"), &text).unwrap();
        for (index, limit) in limits.iter().enumerate() {
            let ended = run_in(folder.path(), &[&load[..], &["--max-errors", limit]].concat());
            let code = if index + 1 < limits.len() { 3 } else { 2 };
            assert_eq!(ended.code(), code, "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(path("r.json")).unwrap()).unwrap();
        let counts = ["records", "loaded", "rejected", "inputs"].map(|name| report[name].to_string());
        (
            super::database::dump(&path("out.db"), "in").rows,
            fs::read(path("errors.csv")).unwrap(),
            counts,
        )
    };
    let whole = outcome(&["9"]);
    assert_eq!(whole.0.len(), 200);
    assert!(outcome(&["0", "2", "9"]) == whole);
}
