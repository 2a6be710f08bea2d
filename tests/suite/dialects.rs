//! Dialects other than the usual one: delimiters of several bytes, escapes, delimiters at the ends of lines, what stands at a file's end.

use std::fs;

use serde_json::Value;

use super::harness::{Case, Run, run_in};

/// What the report says of the only input.
fn input_report(run: &Run) -> Value {
    run.report().unwrap()["inputs"][0].clone()
}

/// Writes `text` to `in.csv` of a new folder and loads it with `args`; what became of it.
fn loaded(text: &str, args: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), text).unwrap();
    let ended = run_in(folder.path(), &[&["load", "in.csv", "out.db"], args].concat());
    (ended.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn delimiters_may_have_several_bytes() {
    for (delimiter, named) in [
        ("||", "||"),
        ("~|~", "~|~"),
        ("¦", "¦"),
        ("\x01", "\\x01"),
        ("\x1f\x1e", "\\x1f\\x1e"),
        (" | ", " | "),
        ("::::::::", "::::::::"),
    ] {
        let text = "id,name\n1,\"a,\"\"b\"\n2,|~: x\nx\n3,\"c\"d\n4,\n".replace(',', delimiter);
        let case = Case::csv(&text)
            .args(["--delimiter", named, "--types", "id=integer,name=text"])
            .expect_rejects([(4, "missing_columns"), (5, "invalid_quote")]);
        case.check();
        let run = case.once();
        let quoted = super::database::text_literal(format!("a{delimiter}\"b").as_bytes());
        let rows = run.dump().rows;
        assert_eq!(rows[0], format!("1: 1, {quoted}"));
        assert_eq!(rows[1..], ["2: 2, '|~: x'", "5: 4, NULL"]);
        assert_eq!(input_report(&run)["delimiter"], delimiter);
    }
}

#[test]
fn a_file_with_another_delimiter_is_the_file_with_commas() {
    let line = |id: u32| match id % 5 {
        0 => format!("{id},\"a,{id}\nb\",\"\"\n"),
        1 => format!("{id},\"a\"b,c\n"),
        2 => format!("{id},/,\"open\n"),
        3 => format!("{id}\n"),
        _ => format!("{id},x/,y\r\n"),
    };
    let text: String = "id,a,b\n".to_owned() + &(0..120).map(line).collect::<String>();
    let usual = Case::csv(&text).any_rejects().once();
    let case = Case::csv(text.replace(',', "||"))
        .args(["--delimiter", "||"])
        .any_rejects();
    case.check();
    let found = case.once();
    for name in ["records", "loaded", "rejected"] {
        assert_eq!(usual.counted(name), found.counted(name), "{name}");
    }
    let rows = |run: &Run| -> Vec<String> { run.dump().rows.iter().map(|row| row.replace("||", ",")).collect() };
    found.must_match("rows", &rows(&usual), &rows(&found));
}

#[test]
fn an_escape_makes_the_next_character_data() {
    let case = Case::csv("id,t\n1,a\\,b\n2,\"a\\\"b\"\"c\"\n3,a\\\nb\n4,a\\\\\n5,\\\"x\n\\6,n\\n\n7,\\N\n8,\"x\\\\\"\n9,a\\\r\nb\r\nx\\,y\n")
        .args(["--escape", "\\", "--null", "\\N"])
        .expect_types([("id", "integer"), ("t", "text")])
        .expect_rows([
            "1: 1, 'a,b'",
            "2: 2, 'a\"b\"c'",
            "3: 3, 'a\\nb'",
            "4: 4, 'a\\'",
            "5: 5, '\"x'",
            "6: 6, 'nn'",
            "7: 7, NULL",
            "8: 8, 'x\\'",
            "9: 9, 'a\\r\\nb'",
        ])
        .expect_rejects([(13, "missing_columns")]);
    case.check();
    // Of a value that does not fit, the message and the bytes are those of the file.
    Case::csv("id,t\nx\\1,a\n2,b\n")
        .args(["--escape", "\\", "--types", "id=integer"])
        .expect_rows(["2: 2, 'b'"])
        .expect_rejects([(2, "type_error")])
        .check();
}

#[test]
fn mysql_and_postgres_give_letters_after_the_backslash_their_meanings() {
    Case::csv("id\tt\n1\ta\\tb\\nc\\\\d\n2\t\\N\n3\tx\\\ty\n4\t\\Zz\\'\n5\ta\\0b\n")
        .args([
            "--delimiter",
            "tab",
            "--quote",
            "none",
            "--escape",
            "mysql",
            "--null",
            "\\N",
        ])
        .expect_rows([
            "1: 1, 'a\\tb\\nc\\d'",
            "2: 2, NULL",
            "3: 3, 'x\\ty'",
            "4: 4, '\\u{1a}z''",
        ])
        .expect_rejects([(7, "nul_byte")])
        .any_rejects()
        .check();
    Case::csv("1\ta\\tb\\x41\\101\\.\n2\t\\N\n3\t\\303\\251\n4\t\\xff\n5\t\\x00\n6\ta\\\\\n")
        .args([
            "--no-header",
            "--delimiter",
            "tab",
            "--quote",
            "none",
            "--escape",
            "postgres",
            "--null",
            "\\N",
        ])
        .expect_rows(["1: 1, 'a\\tbAA.'", "2: 2, NULL", "3: 3, 'é'", "6: 6, 'a\\'"])
        .expect_rejects([(4, "invalid_utf8"), (5, "nul_byte")])
        .check();
}

#[test]
fn types_are_inferred_from_what_escapes_stand_for() {
    // What is rejected has no say, wherever in the record that shows.
    Case::csv("id,n,t\n1,\\x35,a\n2,x,\\xff\n3,7,b\n")
        .args(["--escape", "postgres"])
        .expect_types([("id", "integer"), ("n", "integer"), ("t", "text")])
        .expect_rows(["1: 1, 5, 'a'", "3: 3, 7, 'b'"])
        .any_rejects()
        .check();
    Case::csv("id,n\n1,\\5\n\\1,6\n2,7\n")
        .args(["--escape", "\\", "--key", "id"])
        .expect_rows(["1: 1, 5", "3: 2, 7"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn names_and_repeated_headers_may_have_escapes() {
    Case::csv("i\\,d,\"a\\\"b\"\n1,x\n\"i,d\",a\\\"b\n2,y\n")
        .args(["--escape", "\\", "--drop-repeated-headers"])
        .expect_types([("i,d", "integer"), ("a\"b", "text")])
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
}

#[test]
fn records_with_escaped_line_ends_are_the_same_at_any_border() {
    let line = |id: u32| match id % 6 {
        0 => format!("{id},a\\\nb\\\r\nc\n"),
        1 => format!("{id},\"a\\\"\n{id}\\\\\"\n"),
        2 => format!("{id},\"stray\n"),
        3 => format!("{id},\"a\"b\\\nc\n"),
        4 => format!("{id},{}\n", "x\\\n".repeat(20)),
        _ => format!("{id},\\\\\n"),
    };
    let text: String = "id,t\n".to_owned() + &(0..90).map(line).collect::<String>();
    for args in [
        &["--escape", "\\"][..],
        &["--escape", "\\", "--max-record-bytes", "40"],
        &["--escape", "\\", "--no-double-quote"],
    ] {
        let args = args.iter().map(ToString::to_string).collect();
        Case::csv(&text).arg_list(args).any_rejects().check();
    }
}

#[test]
fn quotes_need_not_be_doubled() {
    let run = Case::csv("id,t\n1,\"\"\n2,\"a\"\"b\"\n3,\"c\"\n")
        .args(["--no-double-quote"])
        .expect_rows(["1: 1, ''", "3: 3, 'c'"])
        .expect_rejects([(3, "invalid_quote")]);
    run.check();
    let rejects = run.once().rejects();
    assert!(rejects[0].message.contains("there is no quote"), "{rejects:?}");
}

#[test]
fn characters_that_cannot_be_told_apart_are_a_usage_error() {
    for (args, words) in [
        (&["--escape", "\""][..], "leave it out"),
        (
            &["--escape", "|", "--delimiter", "||"],
            "--escape is a character of --delimiter",
        ),
        (
            &["--quote", ";", "--delimiter", "a;"],
            "--quote is a character of --delimiter",
        ),
        (&["--comment", "\\", "--escape", "mysql"], "same character"),
        (&["--delimiter", "a\\x00"], "--delimiter"),
        (&["--delimiter", "\\x0a"], "--delimiter"),
        (&["--delimiter", "123456789"], "8 bytes"),
        (&["--skip-footer", "1", "--append-only"], "--skip-footer"),
    ] {
        let (code, said) = loaded("a\n1\n", args);
        assert_eq!(code, 64, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_delimiter_at_the_end_of_every_line_makes_no_column() {
    for (text, rows, rejects) in [
        ("a,b,c,\n1,2,3,\n4,5,6,\n", vec!["1: 1, 2, 3", "2: 4, 5, 6"], vec![]),
        // In the header only, in the records only, in some of them.
        ("a,b,c,\n1,2,3\n4,5,6\n", vec!["1: 1, 2, 3", "2: 4, 5, 6"], vec![]),
        ("a,b,c\n1,2,3,\n4,5,6,\n", vec!["1: 1, 2, 3", "2: 4, 5, 6"], vec![]),
        (
            "a,b,c,\r\n1,2,3,\r\n\r\n4,5,6",
            vec!["1: 1, 2, 3", "2: 4, 5, 6"],
            vec![],
        ),
        ("a,b,c,\n", vec![], vec![]),
        (
            "a,b,c,\n1,2,3,\n4,5\n",
            vec!["1: 1, 2, 3"],
            vec![(3, "missing_columns")],
        ),
    ] {
        let rejects: Vec<(u64, &str)> = rejects;
        let mut case = Case::csv(text)
            .expect_row_list(rows.into_iter().map(str::to_owned).collect())
            .expect_said("no column is made");
        if !rejects.is_empty() {
            case = case.any_rejects();
        }
        case.check();
        let run = case.once();
        assert_eq!(input_report(&run)["trailing_delimiter"], true);
        let types = run.column_types();
        let names: Vec<&str> = types.iter().filter_map(|column| column.split(' ').next()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let found: Vec<(u64, String)> = run
            .rejects()
            .iter()
            .map(|reject| (reject.line, reject.code.clone()))
            .collect();
        assert_eq!(
            found,
            rejects
                .iter()
                .map(|(line, code)| (*line, (*code).to_owned()))
                .collect::<Vec<_>>()
        );
    }
    let spaced = Case::csv("a;b; \n1;2; \n3;\"x\n;\";\n").args(["--delimiter", ";", "--trim"]);
    spaced.expect_rows(["1: 1, '2'", "2: 3, 'x\\n;'"]).check();
}

#[test]
fn a_column_that_may_hold_something_stays() {
    for text in [
        "a,b,\n1,2,3\n4,5,\n",
        "a,b,\"\"\n1,2,\n",
        "a,b\n1,2,\n3,4\n",
        "a,b\n1,2,3\n",
        "a,b\n1,2,,\n",
        "a,b\n1,2,\"\"\n",
    ] {
        let run = Case::csv(text).any_rejects().once();
        assert_eq!(input_report(&run)["trailing_delimiter"], false, "{text:?}");
    }
    for text in ["1,2,\n3,4,\n", "1,2,\n"] {
        let run = Case::csv(text).args(["--no-header"]).once();
        assert_eq!(run.column_types().len(), 3, "{text:?}");
    }
}

#[test]
fn a_value_after_the_last_delimiter_is_a_reject_wherever_it_comes() {
    let mut text = "a,b,\n".to_owned();
    let long = "x".repeat(1000);
    for id in 0..100 {
        text += &format!("{id},{long},\n");
    }
    let last = 102;
    text += "x,y,z\n5,6\n";
    Case::csv(&text)
        .args(["--types", "a=text,b=text"])
        .any_rejects()
        .check();
    let run = Case::csv(&text).any_rejects().once();
    let rejects = run.rejects();
    assert_eq!(
        (rejects.len(), rejects[0].line, rejects[0].code.as_str()),
        (1, last, "too_many_columns")
    );
    assert_eq!(run.counted("loaded"), 101);
}

#[test]
fn lines_at_the_end_are_passed_over_and_counted() {
    for (text, lines, rows, footer) in [
        ("id,n\n1,2\n3,4\nTotal,6,x\n", "1", vec!["1: 1, 2", "2: 3, 4"], 1),
        ("id,n\n1,2\n3,4\nTotal,6", "1", vec!["1: 1, 2", "2: 3, 4"], 1),
        ("id,n\r\n1,2\r\n\r\n\"it's,\r\n", "2", vec!["1: 1, 2"], 2),
        ("id,n\r1,2\rTotal\r", "1", vec!["1: 1, 2"], 1),
        ("id,n\n1,2\nTotal\n\x1a", "1", vec!["1: 1, 2"], 1),
        ("id,n\n1,\"a\nb\"\n", "1", vec![], 1),
    ] {
        let case = Case::csv(text).args(["--skip-footer", lines]).any_rejects();
        case.check();
        let run = case.once();
        if !rows.is_empty() {
            assert_eq!(run.dump().rows, rows, "{text:?}");
        }
        assert_eq!(input_report(&run)["footer_lines"], footer, "{text:?}");
    }
    let long = "id,n\n1,2\n".to_owned() + &"x".repeat(100_000) + "\n" + "last\n";
    Case::csv(&long)
        .args(["--skip-footer", "2", "--text"])
        .expect_rows(["1: '1', '2'"])
        .check();
    Case::csv(&long)
        .args(["--skip-footer", "2", "--max-record-bytes", "1000"])
        .expect_exit(65)
        .expect_said("--skip-footer passes over")
        .check();
    Case::csv("id,n\n1,2\n")
        .args(["--skip-footer", "2"])
        .expect_exit(65)
        .expect_said("--skip-footer")
        .check();
    Case::csv("id,n\n1,2\nsum\n")
        .and_csv("more.csv", "id,n\n3,4\nsum\n")
        .args(["--skip-footer", "1"])
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .check();
}

#[test]
fn padding_at_the_end_is_passed_over() {
    for (end, bytes) in [("\x1a", 1), ("\0\0\0", 3), ("\x1a\0\0", 3)] {
        let case = Case::csv(format!("id,n\n1,2\n3,4\n{end}"))
            .expect_types([("id", "integer"), ("n", "integer")])
            .expect_rows(["1: 1, 2", "2: 3, 4"])
            .expect_said("of padding");
        case.check();
        assert_eq!(input_report(&case.once())["padding_bytes"], bytes);
    }
    Case::csv("id,n\n1,2\n3,4\x1a")
        .expect_rows(["1: 1, 2", "2: 3, 4"])
        .check();
    // A record that NULs follow may have been cut short.
    Case::csv("id,n\n1,2\n3,4\0\0")
        .expect_rows(["1: 1, 2"])
        .expect_rejects([(3, "nul_byte")])
        .check();
    let large = "id,n\n".to_owned() + &"1,2\n".repeat(3000) + &"\0".repeat(1_000_000);
    Case::csv(&large).any_rejects().check();
    assert_eq!(Case::csv(&large).once().counted("loaded"), 3000);
}

#[test]
fn form_feeds_between_records_are_blank_lines() {
    let case = Case::csv("\x0c\nid,n\n1,2\n\x0c\n3,4\n\x0c\r\n5,6\n\x0c")
        .expect_types([("id", "integer"), ("n", "integer")])
        .expect_rows(["1: 1, 2", "2: 3, 4", "3: 5, 6"]);
    case.check();
    assert_eq!(input_report(&case.once())["blank_lines"], 4);
}

#[test]
fn a_file_with_a_tail_is_known_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.csv"), "id,n,\n1,2,\nTotal\n\x1a").unwrap();
    let load = ["load", "in.csv", "out.db", "--once", "--skip-footer", "1"];
    for said in ["loaded 1 row", "is skipped"] {
        let ended = run_in(folder.path(), &load);
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.code(), 0, "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_load_in_another_dialect_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "id||t||\n".to_owned();
    for id in 0..300 {
        text += &format!("{id}||a\\||b\\\n{id}||\n");
    }
    text += "x||y||z\nTotal\n\0\0";
    fs::write(folder.path().join("in.csv"), &text).unwrap();
    let common = [
        "--delimiter",
        "||",
        "--escape",
        "\\",
        "--skip-footer",
        "1",
        "--batch-rows",
        "50",
        "--types",
        "id=integer,t=text",
    ];
    let whole = run_in(
        folder.path(),
        &[&["load", "in.csv", "whole.db", "--table", "t"], &common[..]].concat(),
    );
    assert_eq!(whole.code(), 2, "{}", String::from_utf8_lossy(&whole.stderr));
    // Stopped at its first reject, with the last batch to come.
    let part = ["load", "in.csv", "part.db", "--table", "t", "--errors", "part.csv"];
    let stopped = run_in(
        folder.path(),
        &[&part[..], &common[..], &["--max-errors", "0"]].concat(),
    );
    assert_eq!(stopped.code(), 3, "{}", String::from_utf8_lossy(&stopped.stderr));
    let refused = run_in(folder.path(), &[&part[..], &common[..4], &common[6..]].concat());
    assert_eq!(refused.code(), 64, "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--skip-footer was 1 and is 0"));
    let resumed = run_in(folder.path(), &[&part[..], &common[..]].concat());
    assert_eq!(resumed.code(), 2, "{}", String::from_utf8_lossy(&resumed.stderr));
    let rows = |name: &str| super::database::dump(&folder.path().join(name), "t").rows;
    assert_eq!(rows("part.db"), rows("whole.db"));
    assert_eq!(rows("part.db").len(), 300);
}

#[test]
fn the_delimiter_that_an_input_names_may_be_given_when_its_load_goes_on() {
    for (text, given, other) in [("id,n\n", ",", ";"), ("sep=;\nid;n\n", ";", ",")] {
        let folder = tempfile::tempdir().unwrap();
        let mut text = text.to_owned();
        for id in 0..100 {
            text += &format!("{id}{given}{id}\n");
        }
        text += "x\n";
        fs::write(folder.path().join("in.csv"), &text).unwrap();
        let load = ["load", "in.csv", "out.db", "--table", "t", "--report", "r.json"];
        let stopped = run_in(folder.path(), &[&load[..], &["--max-errors", "0"]].concat());
        assert_eq!(stopped.code(), 3, "{}", String::from_utf8_lossy(&stopped.stderr));
        let report: Value = serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
        assert_eq!(
            (&report["delimiter"], &report["inputs"][0]["delimiter"]),
            (&Value::from(given), &Value::from(given))
        );
        let refused = run_in(folder.path(), &[&load[..], &["--delimiter", other]].concat());
        assert_eq!(refused.code(), 64, "{}", String::from_utf8_lossy(&refused.stderr));
        let resumed = run_in(folder.path(), &[&load[..], &["--delimiter", given]].concat());
        assert_eq!(resumed.code(), 2, "{}", String::from_utf8_lossy(&resumed.stderr));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.csv");
    fs::write(&path, "sep=;\nid;n\n1;2\n").unwrap();
    let load = ["load", "in.csv", "out.db", "--append-only"];
    assert_eq!(run_in(folder.path(), &load).code(), 0);
    fs::write(&path, "sep=;\nid;n\n1;2\n3;4\n").unwrap();
    assert_eq!(
        run_in(folder.path(), &[&load[..], &["--delimiter", ";"]].concat()).code(),
        0
    );
    assert_eq!(
        run_in(folder.path(), &[&load[..], &["--delimiter", ","]].concat()).code(),
        64
    );
}
