//! Types: what inference makes of values, what declared columns reject, and that no value is changed by any of it.

use super::harness::Case;

/// A column of these values, between a first and a last column of other types; expects `kind` and the stored `values`.
fn column_becomes(texts: &[&str], kind: &str, values: &[&str]) {
    let lines: String = texts.iter().map(|text| format!("x,{text},7\n")).collect();
    let rows = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{}: 'x', {value}, 7", index + 1))
        .collect();
    Case::csv(format!("a,b,c\n{lines}"))
        .expect_types([("a", "text"), ("b", kind), ("c", "integer")])
        .expect_row_list(rows)
        .check_at(&SOME);
}

/// Inference reads chunks in parallel, and a guess is as good as its first chunk: a few ways to cut are enough here.
const SOME: [super::harness::Setting; 5] = [
    super::harness::PLAIN,
    super::harness::Setting {
        threads: 4,
        window: Some(7),
        chunk: Some(1),
        write_path: "sql",
        piped: false,
        infer: "auto",
    },
    super::harness::Setting {
        threads: 2,
        window: None,
        chunk: Some(10),
        write_path: "auto",
        piped: false,
        infer: "guess",
    },
    super::harness::Setting {
        threads: 1,
        window: Some(7),
        chunk: Some(50),
        write_path: "sql",
        piped: false,
        infer: "guess",
    },
    super::harness::Setting {
        threads: 2,
        window: Some(4096),
        chunk: Some(7),
        write_path: "auto",
        piped: true,
        infer: "auto",
    },
];

#[test]
fn integers_in_canonical_form_are_integers() {
    column_becomes(
        &["0", "-1", "42", "", "1000000"],
        "integer",
        &["0", "-1", "42", "NULL", "1000000"],
    );
}

#[test]
fn the_whole_64_bit_range_is_integer_and_nothing_beyond_it() {
    column_becomes(
        &["9223372036854775807", "-9223372036854775808"],
        "integer",
        &["9223372036854775807", "-9223372036854775808"],
    );
    column_becomes(&["9223372036854775808", "1"], "text", &["'9223372036854775808'", "'1'"]);
    column_becomes(
        &["-9223372036854775809", "1"],
        "text",
        &["'-9223372036854775809'", "'1'"],
    );
    column_becomes(&["18446744073709551615"], "text", &["'18446744073709551615'"]);
}

#[test]
fn a_leading_zero_keeps_a_column_text() {
    column_becomes(&["01234", "98765"], "text", &["'01234'", "'98765'"]);
    column_becomes(&["00"], "text", &["'00'"]);
}

#[test]
fn a_plus_sign_an_underscore_or_a_space_keeps_a_column_text() {
    for value in ["+5", "1_000", " 5", "5 ", "0x10", "-", "--5"] {
        column_becomes(&["1", value], "text", &["'1'", &format!("'{value}'")]);
    }
    column_becomes(&["\"1,000\""], "text", &["'1,000'"]);
}

#[test]
fn codes_with_an_exponent_and_words_keep_a_column_text() {
    for value in ["12e4", "1.5e3x", "inf", "NaN", "Infinity", "1e", "150e-2"] {
        column_becomes(&["1.5", value], "text", &["'1.5'", &format!("'{value}'")]);
    }
    column_becomes(&["1e3", "2e4"], "text", &["'1e3'", "'2e4'"]);
    column_becomes(&["12e4", "7"], "text", &["'12e4'", "'7'"]);
}

#[test]
fn exponents_as_programs_write_them_are_numbers() {
    column_becomes(
        &["1.5e-05", "0.25", "1e+16", "3.0"],
        "real",
        &["1.5e-5", "0.25", "1e16", "3.0"],
    );
    column_becomes(&["1E5", "2.5E6", "1.5"], "real", &["100000.0", "2500000.0", "1.5"]);
    column_becomes(&["1e-7", "2e-7"], "real", &["1e-7", "2e-7"]);
}

#[test]
fn exponents_that_could_be_written_otherwise_keep_a_column_text() {
    column_becomes(&["1e-5", "1.0e-5"], "text", &["'1e-5'", "'1.0e-5'"]);
    column_becomes(&["1e-5", "0.00001"], "text", &["'1e-5'", "'0.00001'"]);
    column_becomes(&["1.5e5", "1.5E5"], "text", &["'1.5e5'", "'1.5E5'"]);
    column_becomes(&["1.5", "1e400"], "text", &["'1.5'", "'1e400'"]);
    column_becomes(&["1.5", "4e-324"], "text", &["'1.5'", "'4e-324'"]);
}

#[test]
fn two_codes_never_become_one_number() {
    column_becomes(
        &["250.1", "250.10", "401.9"],
        "text",
        &["'250.1'", "'250.10'", "'401.9'"],
    );
    column_becomes(
        &["1.4", "1.40", "2.0", "3"],
        "text",
        &["'1.4'", "'1.40'", "'2.0'", "'3'"],
    );
    column_becomes(&["1", "1.0"], "text", &["'1'", "'1.0'"]);
    column_becomes(&["1.50", "0.25", "-3.00"], "real", &["1.5", "0.25", "-3.0"]);
}

#[test]
fn the_load_says_why_a_column_of_numbers_is_text() {
    let said = |text: &str, args: &[&str], fragment: &str| {
        let case = Case::csv(text).arg_list(args.iter().map(|&arg| arg.to_owned()).collect());
        for infer in ["auto", "guess"] {
            let setting = super::harness::Setting {
                infer,
                chunk: Some(1 << 20),
                ..super::harness::PLAIN
            };
            let run = case.run(&setting);
            assert!(run.stderr().contains(fragment), "{infer}: {}", run.stderr());
        }
    };
    let codes = "code,label\n250.1,group\n250.10,\"type\nII\"\n401.90,other\n";
    said(
        codes,
        &[],
        "column \"code\" is TEXT: '250.10' (in.csv, line 3) ends in a zero that a number does not keep",
    );
    said(codes, &[], "--types code=real loads it as a number");
    said(
        "k,v\n1,a\n1.0,b\n",
        &["--key", "k"],
        "column \"k\" is TEXT: '1.0' (in.csv, line 3)",
    );
    said("k,v\n1,a\n1.5,b\n", &["--key", "k"], "is a key");
    said(
        "id,n\nx,\"5\"\ny,\"\"\n",
        &[],
        "column \"n\" is TEXT: '\"\"' (in.csv, line 3) is an empty quoted field",
    );
    said("id,n\nx,\"5\"\ny,\"\"\n", &[], "--empty-as-null");
    said("id,n\nx,12e4\n", &[], "'12e4' (in.csv, line 2) has an exponent");
    let run = Case::csv("a,b\n1.5,x\n01234,y\n").once();
    assert!(!run.stderr().contains("is TEXT"), "{}", run.stderr());
}

#[test]
fn a_key_is_never_a_float() {
    Case::csv("k,v\n1.5,1.5\n2.25,2.25\n1.5,7.5\n")
        .args(["--key", "k"])
        .expect_types([("k", "text"), ("v", "real")])
        .expect_rows(["1: '1.5', 1.5", "2: '2.25', 2.25"])
        .expect_rejects([(4, "duplicate_key")])
        .check();
    Case::csv("a,b,v\n1.5,1,x\n1.50,1,y\n")
        .args(["--key", "b,a"])
        .expect_rows(["1: '1.5', 1, 'x'", "2: '1.50', 1, 'y'"])
        .check();
    Case::csv("k,v\n1,a\n1.0,b\n")
        .args(["--key", "k"])
        .expect_rows(["1: '1', 'a'", "2: '1.0', 'b'"])
        .check();
}

#[test]
fn a_minus_zero_is_no_integer() {
    column_becomes(&["-0", "1"], "text", &["'-0'", "'1'"]);
}

#[test]
fn plain_decimals_are_real_and_take_integers_with_them() {
    column_becomes(&["5.1", "-3"], "real", &["5.1", "-3.0"]);
    column_becomes(
        &["5.1", "-0.5", "3.0", "", "0.0"],
        "real",
        &["5.1", "-0.5", "3.0", "NULL", "0.0"],
    );
}

#[test]
fn decimals_that_are_not_plain_keep_a_column_text() {
    for value in ["1.2.3", "01.5", "1,5", "$1.5", "."] {
        let quoted = format!("\"{value}\"");
        column_becomes(&["1.5", &quoted], "text", &["'1.5'", &format!("'{value}'")]);
    }
}

#[test]
fn an_integer_that_a_real_cannot_hold_keeps_a_column_text() {
    column_becomes(&["1.5", "9007199254740993"], "text", &["'1.5'", "'9007199254740993'"]);
}

#[test]
fn one_late_text_value_makes_the_whole_column_text_and_changes_no_value() {
    let mut lines = "a,b\n".to_owned();
    let mut rows = Vec::new();
    for number in 1..=2_000 {
        lines += &format!("{number},x\n");
        rows.push(format!("{number}: '{number}', 'x'"));
    }
    lines += "n/a,x\n";
    rows.push("2001: 'n/a', 'x'".to_owned());
    Case::csv(lines)
        .expect_types([("a", "text"), ("b", "text")])
        .expect_row_list(rows)
        .check_at(&SOME);
}

#[test]
fn a_column_without_values_is_text() {
    column_becomes(&["", ""], "text", &["NULL", "NULL"]);
}

#[test]
fn a_quoted_number_is_a_number() {
    column_becomes(&["\"1\"", "2"], "integer", &["1", "2"]);
}

#[test]
fn a_quoted_empty_field_is_text() {
    column_becomes(&["1", "\"\""], "text", &["'1'", "''"]);
}

#[test]
fn bad_records_say_nothing_about_types() {
    Case::csv(b"a,b\n1,2\nx\ny,z,w\n\"p\"q,r\n\xff,3\n4,5\n")
        .expect_types([("a", "integer"), ("b", "integer")])
        .expect_rows(["1: 1, 2", "6: 4, 5"])
        .expect_rejects([
            (3, "missing_columns"),
            (4, "too_many_columns"),
            (5, "invalid_quote"),
            (6, "invalid_utf8"),
        ])
        .check();
}

#[test]
fn dates_and_truth_values_stay_text_unless_declared() {
    column_becomes(&["2024-02-29", "true"], "text", &["'2024-02-29'", "'true'"]);
}

#[test]
fn a_flag_makes_every_column_text() {
    Case::csv("a,b\n1,1.50\n007,\n")
        .args(["--text"])
        .expect_types([("a", "text"), ("b", "text")])
        .expect_rows(["1: '1', '1.50'", "2: '007', NULL"])
        .check();
}

#[test]
fn declared_types_come_before_the_text_flag_and_inference() {
    Case::csv("a,b,c\n1,2,3\n")
        .args(["--text", "--types", "A=real,c=integer"])
        .expect_types([("a", "real"), ("b", "text"), ("c", "integer")])
        .expect_rows(["1: 1.0, '2', 3"])
        .check();
}

#[test]
fn a_declared_integer_rejects_what_is_none_and_what_is_too_large() {
    let case = Case::csv("a,b\n1,p\nx,q\n9223372036854775808,r\n-9223372036854775809,s\n1.5,t\n,u\n-7,v\n")
        .args(["--types", "a=integer"])
        .expect_rows(["1: 1, 'p'", "6: NULL, 'u'", "7: -7, 'v'"])
        .expect_rejects([
            (3, "type_error"),
            (4, "out_of_range"),
            (5, "out_of_range"),
            (6, "type_error"),
        ]);
    case.check();
    let rejects = case.once().rejects();
    let places: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.column.as_str(), reject.value.as_slice()))
        .collect();
    assert_eq!(places[0], ("a", &b"x"[..]));
    assert_eq!(places[1], ("a", &b"9223372036854775808"[..]));
}

#[test]
fn a_declared_real_rejects_what_is_none() {
    Case::csv("a,b\n1.5,p\nx,q\n2,r\n,s\n1.2.3,t\n")
        .args(["--types", "a=real"])
        .expect_rows(["1: 1.5, 'p'", "3: 2.0, 'r'", "4: NULL, 's'"])
        .expect_rejects([(3, "type_error"), (6, "type_error")])
        .check();
}

#[test]
fn a_declared_boolean_stores_one_or_zero() {
    Case::csv("a,b\ntrue,p\nfalse,q\n1,r\n0,s\nja,t\n,u\nT,v\nNo,w\nY,x\n")
        .args(["--types", "a=boolean"])
        .expect_rows([
            "1: 1, 'p'",
            "2: 0, 'q'",
            "3: 1, 'r'",
            "4: 0, 's'",
            "6: NULL, 'u'",
            "7: 1, 'v'",
            "8: 0, 'w'",
            "9: 1, 'x'",
        ])
        .expect_rejects([(6, "type_error")])
        .check();
}

#[test]
fn a_declared_date_is_a_day_that_exists() {
    Case::csv("a,b\n2024-02-29,p\n2023-02-29,q\n29.2.2024,r\n,s\n2024-13-01,t\n")
        .args(["--types", "a=date"])
        .expect_rows(["1: '2024-02-29', 'p'", "4: NULL, 's'"])
        .expect_rejects([(3, "out_of_range"), (4, "type_error"), (6, "out_of_range")])
        .check();
}

#[test]
fn declared_times_exist_too() {
    Case::csv(
        "a,b\n23:59:59,2024-02-29T23:59:59Z\n25:00:00,\n1pm,\n,2024-02-29 12:00:00+01:00\n,2024-02-30T00:00:00Z\n",
    )
    .args(["--types", "a=time,b=datetime"])
    .expect_rows([
        "1: '23:59:59', '2024-02-29T23:59:59Z'",
        "4: NULL, '2024-02-29 12:00:00+01:00'",
    ])
    .expect_rejects([(3, "out_of_range"), (4, "type_error"), (6, "out_of_range")])
    .check();
}

#[test]
fn a_declared_text_keeps_numbers_as_they_stand() {
    Case::csv("a,b\n007,1\n1e5,2\n")
        .args(["--types", "a=text"])
        .expect_rows(["1: '007', 1", "2: '1e5', 2"])
        .check();
}

#[test]
fn a_type_for_a_column_that_is_not_there_is_refused_before_anything_is_made() {
    let run = Case::csv("a,b\n1,2\n")
        .args(["--types", "c=integer"])
        .expect_exit(64)
        .expect_said("\"c\"")
        .once();
    assert!(!run.path("out.db").exists());
}

#[test]
fn a_declared_number_takes_every_usual_form() {
    Case::csv(
        "i,r\n+5,1.5e-05\n007,.5\n-0,+1.5\n0,5.\n1,1E3\n2,007.5\n3,5e400\n1e3,1\n4,inf\n99999999999999999999,2\n",
    )
    .args(["--types", "i=integer,r=real"])
    .expect_rows([
        "1: 5, 1.5e-5",
        "2: 7, 0.5",
        "3: 0, 1.5",
        "4: 0, 5.0",
        "5: 1, 1000.0",
        "6: 2, 7.5",
    ])
    .expect_rejects([
        (8, "out_of_range"),
        (9, "type_error"),
        (10, "type_error"),
        (11, "out_of_range"),
    ])
    .check();
    Case::csv("i,r\n1,1.5e-05\n2,.5\n+3,1\n007,1\n4,+1.5\n5,01.5\n")
        .existing("CREATE TABLE t (i INTEGER, r REAL)")
        .expect_rows(["1: 1, 1.5e-5", "2: 2, 0.5", "3: 4, 1.5"])
        .expect_rejects([(4, "type_error"), (5, "type_error"), (7, "type_error")])
        .check();
}

#[test]
fn a_declared_moment_is_stored_so_that_sqlite_understands_it() {
    let case = Case::csv(
        "n,at,t\n1,2024-01-02 03:04:05.678+00,12:30\n2,2024-01-02 03:04,12:30:01.5\n3,2024-01-02T03:04:05+0000,\n\
         4,2024-01-02T03:04:05z,\n5,2024-01-02T03:04:05Z,\n6,2024-01-02T24:00:00Z,\n7,2024-01-02T23:59:60,\n\"8\",\"2024-01-02 03:04:05-03\",\n",
    )
    .args(["--types", "at=datetime,t=time"])
    .expect_rows([
        "1: 1, '2024-01-02 03:04:05.678+00:00', '12:30'",
        "2: 2, '2024-01-02 03:04', '12:30:01.5'",
        "3: 3, '2024-01-02T03:04:05+00:00', NULL",
        "4: 4, '2024-01-02T03:04:05Z', NULL",
        "5: 5, '2024-01-02T03:04:05Z', NULL",
        "8: 8, '2024-01-02 03:04:05-03:00', NULL",
    ])
    .expect_rejects([(7, "out_of_range"), (8, "out_of_range")]);
    case.check();
    let run = case.once();
    let connection = super::database::open(&run.path("out.db"));
    let unknown: i64 = connection
        .query_row("SELECT count(*) FROM t WHERE datetime(at) IS NULL", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(unknown, 0);
    // What SQLite's functions do not know, or only in some versions, is not a moment.
    Case::csv(
        "n,at\n1,9999-12-31 23:59:59.9999999\n2,9999-12-31T23:59:59-14:00\n3,9999-12-31 23:59:59.999\n4,0000-01-01T00:00:00+14:00\n",
    )
    .args(["--types", "at=datetime"])
    .expect_rows(["3: 3, '9999-12-31 23:59:59.999'"])
    .expect_rejects([(2, "out_of_range"), (3, "out_of_range"), (5, "out_of_range")])
    .check();
    // Two ways to write the same value are one key.
    Case::csv("at,v\n2024-01-02 03:04:05+00,1\n2024-01-02 03:04:05+0000,2\n")
        .args(["--types", "at=datetime", "--key", "at"])
        .expect_rows(["1: '2024-01-02 03:04:05+00:00', 1"])
        .expect_rejects([(3, "duplicate_key")])
        .check();
}

#[test]
fn messages_say_what_helps() {
    let case = Case::csv("id,n\nx,\"\"\ny, 5\n")
        .args(["--types", "n=integer"])
        .any_rejects();
    let messages: Vec<String> = case
        .once()
        .rejects()
        .iter()
        .map(|reject| reject.message.clone())
        .collect();
    assert!(
        messages[0].contains("found an empty quoted field; --empty-as-null loads it as NULL"),
        "{}",
        messages[0]
    );
    assert!(
        messages[1].contains("there are blanks around the value"),
        "{}",
        messages[1]
    );
}

/// Types of a stream come from its beginning; what follows is not changed either.
#[test]
fn a_number_that_a_stream_writes_otherwise_later_is_no_number() {
    let mut text = "code,pad\n".to_owned();
    let pad = "x".repeat(64 << 10);
    (0..300).for_each(|_| text += &format!("250.1,{pad}\n"));
    text += "250.10,y\n250.25,z\n";
    let piped = super::harness::Setting {
        piped: true,
        ..super::harness::PLAIN
    };
    let run = Case::csv(text).any_rejects().run(&piped);
    let rejects = run.rejects();
    assert_eq!(rejects.len(), 1, "{}", run.stderr());
    assert_eq!((rejects[0].code.as_str(), rejects[0].line), ("type_error", 302));
    assert_eq!(run.column_types()[0], "code real");
}

#[test]
fn exponents_of_which_no_one_form_follows_are_texts() {
    let zeros = |text: &str| Case::csv(format!("x\n1.500000e-05\n2.000000e+03\n{text}\n"));
    zeros("0.000000e+00").expect_types([("x", "real")]).once();
    let rows = ["1: '1.500000e-05'", "2: '2.000000e+03'", "3: '0.000000e+05'"];
    zeros("0.000000e+05")
        .expect_types([("x", "text")])
        .expect_rows(rows)
        .once();
    let wide = ["1: '1.5e-0005'", "2: '2.5e-0007'"];
    Case::csv("x\n1.5e-0005\n2.5e-0007\n")
        .expect_types([("x", "text")])
        .expect_rows(wide)
        .once();
}

#[test]
fn the_last_day_of_february_is_that_of_its_year() {
    Case::csv("d,t\n2000-02-29,2000-02-29 12:00\n1900-02-29,2000-01-01 12:00\n2400-02-29,2100-02-29 12:00\n2024-02-29,2023-02-28T00:00\n")
        .args(["--types", "d=date,t=datetime"])
        .expect_rows(["1: '2000-02-29', '2000-02-29 12:00'", "4: '2024-02-29', '2023-02-28T00:00'"])
        .expect_rejects([(3, "out_of_range"), (4, "out_of_range")])
        .once();
}

#[test]
fn a_number_so_small_that_nothing_is_left_of_it_is_no_zero() {
    let zeros = "0".repeat(400);
    let case = Case::csv(format!("x,y\n0.{zeros}1,1\n0.{zeros},1\n-0.{zeros}7,1\n0.5,2\n"));
    for case in [
        case.clone()
            .args(["--types", "x=real"])
            .expect_rows(["2: 0.0, 1", "4: 0.5, 2"]),
        case.existing("CREATE TABLE t (x REAL, y INTEGER, z CHECK (z > 0))")
            .expect_rows(["1: 0.0, 1, NULL", "2: 0.5, 2, NULL"]),
    ] {
        case.expect_rejects([(2, "out_of_range"), (4, "out_of_range")]).once();
    }
}
