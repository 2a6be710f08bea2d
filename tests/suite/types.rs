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
fn an_exponent_keeps_a_column_text() {
    for value in ["1e3", "1E3", "1.5e3", "inf", "NaN", "Infinity"] {
        column_becomes(&["1.5", value], "text", &["'1.5'", &format!("'{value}'")]);
    }
}

#[test]
fn a_minus_zero_is_no_integer() {
    column_becomes(&["-0", "1"], "text", &["'-0'", "'1'"]);
}

#[test]
fn plain_decimals_are_real_and_take_integers_with_them() {
    column_becomes(
        &["5.10", "-0.5", "3", "", "0.0"],
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
    Case::csv("a,b\ntrue,p\nfalse,q\n1,r\n0,s\nyes,t\n,u\n")
        .args(["--types", "a=boolean"])
        .expect_rows(["1: 1, 'p'", "2: 0, 'q'", "3: 1, 'r'", "4: 0, 's'", "6: NULL, 'u'"])
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
