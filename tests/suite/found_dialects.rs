//! Dialects that are found from an input's first bytes, and what is said where nothing is certain.

use std::fs;

use super::database;
use super::harness::{Case, PLAIN, Setting, run_in};
use super::process::said;

/// What the report says was found, of each input.
fn found(case: &Case) -> Vec<String> {
    let report = case.once().report().unwrap();
    let inputs = report["inputs"].as_array().unwrap();
    let found = inputs.iter().map(|input| {
        let dialect = &input["dialect"];
        format!(
            "{} {} {} {}",
            dialect["delimiter"].as_str().unwrap().escape_default(),
            dialect["quote"].as_str().unwrap_or("none"),
            if dialect["header"].as_bool().unwrap() {
                "header"
            } else {
                "rows"
            },
            if dialect["row_names"].as_bool().unwrap() {
                "row_names"
            } else {
                "-"
            }
        )
    });
    found.collect()
}

#[test]
fn a_delimiter_with_which_all_records_agree_is_found() {
    for (text, delimiter) in [
        ("id;name;city\n1;Ann;Oslo\n2;Bob;Rome\n", ";"),
        ("id\tname\n1\tAnn, Bob\n2\tC, D\n", "\\t"),
        ("id|n\r\n1|a;b\r\n2|c;d\r\n", "|"),
        ("id\u{1f}n\n1\u{1f}a\n2\u{1f}b\n", "\\u{1f}"),
        // A comma in each record is a decimal one, if that explains more.
        ("x;y\n1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n2,5;9,5\n", ";"),
        // Quotes hold delimiters and line ends.
        ("id;t\n1;\"a,b;c\nd\"\n2;\"x,y\"\n", ";"),
    ] {
        assert_eq!(
            found(&Case::csv(text).any_rejects())[0].split(' ').next(),
            Some(delimiter),
            "{text:?}"
        );
    }
    let bad_ones = "x;\n";
    let good_ones: String = (3..30).map(|id| format!("{id};b;c\n")).collect();
    let expected = ["1: '1', 'Ann', 'Oslo'".to_owned(), "2: '2', 'Bo;b', 'Rome'".to_owned()];
    let rest = (3..30).map(|id| format!("{}: '{id}', 'b', 'c'", id + 1));
    Case::csv(format!(
        "id;name;city\n1;Ann;Oslo\n2;\"Bo;b\";Rome\n{bad_ones}{good_ones}"
    ))
    .expect_row_list(expected.into_iter().chain(rest).collect())
    .expect_rejects([(4, "missing_columns")])
    .args(["--text"])
    .check();
}

#[test]
fn a_comma_file_stays_one_however_bad_it_is() {
    for text in [
        "id,tags\n1,a;b\n2,c;d\n3,e;f\n",
        "1,a;b\n2,c;d\n3,e;f\n",
        "id,name\n1,Ann\n2\n3,Bob,x\n4,Cy\n",
        "id,t\n1,\"a\n2,b\n3,c\n",
        "a|b,c\n1|2,3\n4|5,6\n",
        "id\n1\n2\n",
        "a;b\n",
    ] {
        let case = Case::csv(format!("{text}\n")).any_rejects();
        let report = case.once().report().unwrap();
        let dialect = &report["inputs"][0]["dialect"];
        assert!(dialect.is_null() || dialect["delimiter"] == ",", "{text:?}: {dialect}");
    }
}

#[test]
fn another_quote_is_found_where_columns_are_written_in_it() {
    let case = Case::csv("id,'na,me'\n1,'a,b'\n2,'c''d'\n").expect_rows(["1: 1, 'a,b'", "2: 2, 'c'd'"]);
    case.check();
    assert_eq!(found(&case), [", ' header -"]);
    // Apostrophes are no quotes.
    let case = Case::csv("id,t\n1,'tis\n2,it's\n3,rock 'n' roll\n");
    assert_eq!(found(&case), [", \" header -"]);
    // In a file of tabs, a quote that is never closed is text.
    let case = Case::csv("id\tt\n1\t\"open\n2\t5\" pipe\n").expect_rows(["1: 1, '\"open'", "2: 2, '5\" pipe'"]);
    case.check();
    assert_eq!(found(&case), ["\\t none header -"]);
}

#[test]
fn a_first_record_like_all_others_is_no_header() {
    let case = Case::csv("1,Ann,2024-01-01\n2,Bob,2024-01-02\n3,Cy,2024-02-01\n")
        .expect_rows([
            "1: 1, 'Ann', '2024-01-01'",
            "2: 2, 'Bob', '2024-01-02'",
            "3: 3, 'Cy', '2024-02-01'",
        ])
        .expect_types([("column_1", "integer"), ("column_2", "text"), ("column_3", "text")]);
    case.check();
    assert_eq!(found(&case), [", \" rows -"]);
    for text in [
        "country,1990,1991\nNorway,5,6\nSweden,7,8\nChile,1,2\n",
        "0,1,2\n7,8,9\n1,5,3\n2,2,2\n",
        "a,b\nx,y\nz,w\n",
        "id,v\n1,2\n3,4\n5,6\n",
        ",x\n1,2\n3,4\n5,6\n",
        "1,2\n3,4\n",
    ] {
        assert!(
            found(&Case::csv(text).any_rejects())[0].ends_with("header -"),
            "{text:?}"
        );
    }
    // Whoever names a column says that there is a header.
    let case = Case::csv("7,x\n1,a\n2,b\n3,c\n");
    assert_eq!(found(&case), [", \" rows -"]);
    assert_eq!(found(&case.clone().args(["--key", "7"])), [", \" header -"]);
    assert_eq!(found(&case.args(["--header"])), [", \" header -"]);
}

#[test]
fn a_header_that_leaves_out_the_names_of_rows_gets_one_more() {
    // Where one record in three has another number of fields, nothing is clear, nor with one record.
    for text in ["x,y\nr1,5,a\nr2,6,b\nr3,7\n", "x,y\nr1,5,a\n"] {
        assert!(
            !found(&Case::csv(text).any_rejects())[0].ends_with("row_names"),
            "{text}"
        );
    }
    let case = Case::csv("\"x\",\"y\"\n\"r1\",5,a\n\"r2\",6,b\n")
        .expect_rows(["1: 'r1', 5, 'a'", "2: 'r2', 6, 'b'"])
        .expect_types([("row_name", "text"), ("x", "integer"), ("y", "text")]);
    case.check();
    let run = case.once();
    assert!(run.stderr().contains("row_name"), "{}", run.stderr());
}

#[test]
fn what_is_given_is_not_looked_for() {
    let case = Case::csv("a;b,c\n1;2,3\n4;5,6\n").args(["--delimiter", ","]);
    case.clone().expect_rows(["1: '1;2', 3", "2: '4;5', 6"]).check();
    let text = "id;name\n1;Ann\n2;Bob\n";
    Case::csv(text)
        .args(["--no-detect"])
        .expect_rows(["1: '1;Ann'", "2: '2;Bob'"])
        .expect_said("its first record holds 1 semicolon: is --delimiter right?")
        .check();
    Case::csv("1;Ann\n2;Bob\n3;Cy\n")
        .args(["--header"])
        .expect_rows(["1: 2, 'Bob'", "2: 3, 'Cy'"])
        .check();
}

#[test]
fn each_file_has_its_own_dialect_and_the_first_says_whether_there_are_headers() {
    Case::csv("id;name\n1;Ann\n2;Bob\n")
        .and_csv("more.tsv", "name\tid\nCy\t3\n")
        .expect_rows(["1: 1, 'Ann'", "2: 2, 'Bob'", "3: 3, 'Cy'"])
        .check();
    Case::csv("1;5.5\n2;6.5\n3;7.5\n")
        .and_csv("more.csv", "a,1.5\n4,2.5\n")
        .expect_rows([
            "1: '1', 5.5",
            "2: '2', 6.5",
            "3: '3', 7.5",
            "4: 'a', 1.5",
            "5: '4', 2.5",
        ])
        .check();
}

#[test]
fn a_table_that_got_no_row_is_not_left_behind_and_the_flag_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("out.db");
    fs::write(folder.path().join("in.csv"), "id,v\n1,2,3\n2,3,4,5\n3\n").unwrap();
    let run = run_in(
        folder.path(),
        &[
            "load", "in.csv", "out.db", "--table", "t", "--index", "v", "--key", "id",
        ],
    );
    assert_eq!(run.code(), 2);
    assert!(
        said(&run).contains("are --delimiter and --quote right?"),
        "{}",
        said(&run)
    );
    assert!(!database.exists() || fs::metadata(&database).unwrap().len() == 0);
    // The rejects stay, and the mended command is free to make the table.
    assert!(folder.path().join("errors.csv").exists());
    fs::write(folder.path().join("in.csv"), "id,v\n1,2\n").unwrap();
    assert_eq!(
        run_in(folder.path(), &["load", "in.csv", "out.db", "--table", "t"]).code(),
        0
    );
    // A table of others stays, and so does one of a file without records.
    fs::write(folder.path().join("bad.csv"), "id,v\nx,2,3\n").unwrap();
    assert_eq!(
        run_in(folder.path(), &["load", "bad.csv", "out.db", "--table", "t"]).code(),
        2
    );
    assert_eq!(database::dump(&database, "t").rows.len(), 1);
    fs::write(folder.path().join("none.csv"), "id,v\n").unwrap();
    assert_eq!(
        run_in(folder.path(), &["load", "none.csv", "out.db", "--table", "u"]).code(),
        0
    );
    assert!(database::dump(&database, "u").rows.is_empty());
}

#[test]
fn a_file_that_grows_keeps_the_dialect_that_was_found_first() {
    let folder = tempfile::tempdir().unwrap();
    let load = || {
        run_in(
            folder.path(),
            &["load", "in.csv", "out.db", "--table", "t", "--append-only"],
        )
    };
    // At first every record agrees; what comes later has another number of fields.
    let mut text = "a;b\n1;2\n3;4\n".to_owned();
    fs::write(folder.path().join("in.csv"), &text).unwrap();
    assert_eq!(load().code(), 0);
    text += "5;6\n7\n8\n9\n10\n11\n12;1\n";
    fs::write(folder.path().join("in.csv"), &text).unwrap();
    let run = load();
    assert_eq!(run.code(), 2, "{}", said(&run));
    let rows = database::dump(&folder.path().join("out.db"), "t").rows;
    assert_eq!(rows, ["1: 1, 2", "2: 3, 4", "3: 5, 6", "9: 12, 1"]);
}

#[test]
fn what_is_no_csv_is_named_and_refused() {
    let mut tar = vec![0; 1024];
    tar[..5].copy_from_slice(b"a.csv");
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, name) in [
        (tar.as_slice(), "tar archive"),
        (b"PAR1\x15\x04\x15\0\x15", "Parquet"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", "Excel"),
        (b"<!DOCTYPE html>\n<title>Sign in</title>\n", "HTML"),
        (b"\n<?xml version=\"1.0\"?>\n<rows/>\n", "XML"),
        (b"[{\"id\": 1},\n{\"id\": 2}]\n", "JSON"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n",
            "git lfs pull",
        ),
        (b"{\\rtf1\\ansi x}", "RTF"),
        (b"a\0,\0b\0\n\x001\0,\x002\0\n\0", "UTF-16"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("in.csv"), bytes).unwrap();
        let run = run_in(folder.path(), &["load", "in.csv", "out.db"]);
        assert_eq!(run.code(), 65, "{name}: {}", said(&run));
        assert!(said(&run).contains(name), "{name}: {}", said(&run));
        assert!(!folder.path().join("out.db").exists(), "{name}");
    }
    // Where any text is a record, there is nothing to refuse.
    Case::csv("{\"id\": 1}\n{\"id\": 2}\n")
        .args(["--no-header", "--quote", "none", "--delimiter", "\u{1}"])
        .expect_rows(["1: '{\"id\": 1}'", "2: '{\"id\": 2}'"])
        .check();
}

/// What the report says is the escape of the only input.
fn escape(case: &Case) -> Option<String> {
    let report = case.once().report().unwrap();
    report["inputs"][0]["dialect"]["escape"].as_str().map(str::to_owned)
}

#[test]
fn backslashes_are_escapes_if_only_that_makes_all_records_alike() {
    for (text, rows) in [
        (
            "id,t\n1,\"say \\\"hi\\\", you\"\n2,\"a\\\\b\"\n",
            ["1: 1, 'say \"hi\", you'", "2: 2, 'a\\b'"],
        ),
        ("id,t\n1,'it\\'s, so'\n2,'b'\n", ["1: 1, 'it's, so'", "2: 2, 'b'"]),
        ("id\tt\n1\ta\\\tb\n2\tc\\\nd\n", ["1: 1, 'a\\tb'", "2: 2, 'c\\nd'"]),
        // They agree without escapes, too; but each backslash stands where only an escape would.
        (
            "id,price,t\n1,5\\,50,5\\\" pipe\n2,7\\,25,x\n",
            ["1: 1, '5,50', '5\" pipe'", "2: 2, '7,25', 'x'"],
        ),
    ] {
        let case = Case::csv(text).expect_rows(rows);
        case.check();
        assert_eq!(escape(&case).as_deref(), Some("\\"), "{text:?}");
        let without = Case::csv(text).any_rejects().args(["--escape", "none"]);
        assert_eq!(escape(&without), None, "{text:?}");
    }
    // Records that agree without escapes have none, nor has a damaged file.
    for text in [
        "id,path\n1,\"C:\\dir\\\"\n2,\"D:\\x\\\"\n",
        "id,path\n1,C:\\dir\\\n2,D:\\\n",
        "id,json\n1,\"{\"\"a\"\":\"\"b\\\"\"c\"\"}\"\n2,\"{}\"\n",
        "id,t\n1,\"a \\\" b\n2,x,y\n3,\"c\n",
        // Within quotes, a delimiter needs no escape.
        "id,t,u\n1,\"a \\,\",x\n2,\"b\\\",y\n3,c,d\n4,c,d\n5,c,d\n",
    ] {
        assert_eq!(escape(&Case::csv(text).any_rejects()), None, "{text:?}");
    }
}

#[test]
fn what_backslashes_before_letters_mean_is_asked_for() {
    let text = "id,t\n1,\"say \\\"hi\\\"\\nthere\"\n2,b\n";
    let case = Case::csv(text).expect_said("is it --escape mysql, postgres, or '\\'?");
    assert_eq!(escape(&case.clone().any_rejects()), None);
    case.any_rejects().check();
    Case::csv(text)
        .args(["--escape", "mysql"])
        .expect_rows(["1: 1, 'say \"hi\"\\nthere'", "2: 2, 'b'"])
        .check();
    let text = "id\tt\n1\t\\N\n2\tb\n";
    Case::csv(text)
        .expect_said("are --null '\\N' and --escape mysql or postgres right?")
        .expect_rows(["1: 1, '\\N'", "2: 2, 'b'"])
        .check();
    Case::csv(text)
        .args(["--null", "\\N", "--escape", "mysql"])
        .expect_rows(["1: 1, NULL", "2: 2, 'b'"])
        .check();
}

#[test]
fn an_escape_that_was_found_means_nothing_before_letters_that_come_later() {
    let mut text = String::from("id,t\n1,\"say \\\"hi\\\", you\"\n2,\"a\\\\b\"\n");
    for id in 3..2000 {
        text += &format!("{id},\"this fills up what is looked at\"\n");
    }
    assert!(text.len() > 64 << 10);
    text += "2000,\"C:\\new\"\n2001,\"\\\\n \\\" \\_\"\n2002,\\é\n2003,\\N\n2004,\"\\\\\\5\"\n";
    let settings = [
        PLAIN,
        Setting {
            threads: 4,
            window: Some(4096),
            chunk: Some(1000),
            write_path: "sql",
            piped: true,
            ..PLAIN
        },
        Setting {
            chunk: Some(4096),
            infer: "guess",
            ..PLAIN
        },
    ];
    let last_rows = |case: &Case| {
        let run = case.check_at(&settings).unwrap();
        let rows = run.dump().rows;
        (rows[1999..].join("\n"), run.rejects())
    };
    let found = Case::csv(&text).expect_rejects([2001, 2003, 2004, 2005].map(|line| (line, "invalid_escape")));
    let (rows, rejects) = last_rows(&found);
    assert_eq!(rows, "2001: 2001, '\\n \" _'");
    assert!(
        rejects[0].message.contains("say it with --escape"),
        "{}",
        rejects[0].message
    );
    // What was said is believed, and a word for NULL is no escape.
    let null = Case::csv(&text).args(["--null", "\\N"]);
    let null = null.expect_rejects([2001, 2003, 2005].map(|line| (line, "invalid_escape")));
    assert_eq!(last_rows(&null).0, "2001: 2001, '\\n \" _'\n2003: 2003, NULL");
    let said = Case::csv(&text).args(["--escape", "\\"]);
    assert_eq!(
        last_rows(&said).0,
        "2000: 2000, 'C:new'\n2001: 2001, '\\n \" _'\n2002: 2002, 'é'\n2003: 2003, 'N'\n2004: 2004, '\\5'"
    );
    // A column that is not loaded is not looked at.
    let other = Case::csv(&text).args(["--columns", "id"]);
    assert_eq!(other.check_at(&settings).unwrap().counted("loaded"), 2004);
}

#[test]
fn an_apostrophe_that_is_given_another_meaning_is_no_quote() {
    let case = Case::csv("id'a'b\n1'x'y\n2'z'w\n").args(["--delimiter", "'"]);
    case.expect_rows(["1: 1, 'x', 'y'", "2: 2, 'z', 'w'"]).check();
    let text = "id,a,b\n'1,'c d',\"e\"\n1,'x','y'\n2,'z','w'\n";
    let case = Case::csv(text).args(["--comment", "'"]);
    case.expect_rows(["1: 1, ''x'', ''y''", "2: 2, ''z'', ''w''"]).check();
}
