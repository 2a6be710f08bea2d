//! The syntax table, row by row: what is data, what ends a line, what costs how much.

use super::harness::Case;

#[test]
fn a_quote_inside_an_unquoted_field_is_text() {
    Case::csv("id,size\n1,5\" pipe\n2,\"5\"\" pipe\"\n3,a\"b\"c\n")
        .expect_rows(["1: 1, '5\" pipe'", "2: 2, '5\" pipe'", "3: 3, 'a\"b\"c'"])
        .check();
}

#[test]
fn lf_and_crlf_mix_freely() {
    Case::csv("a,b\r\n1,x\n2,y\r\n3,z\n")
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'", "3: 3, 'z'"])
        .check();
}

#[test]
fn a_lone_cr_is_data_where_the_first_line_ends_with_lf() {
    Case::csv("a,b\nx\ry,1\nz,2\n")
        .expect_rows(["1: 'x\\ry', 1", "2: 'z', 2"])
        .check();
}

#[test]
fn cr_ends_lines_where_the_first_line_ends_with_it() {
    Case::csv("a,b\r1,x\r2\r3,z")
        .expect_rows(["1: 1, 'x'", "3: 3, 'z'"])
        .expect_rejects([(3, "missing_columns")])
        .check();
}

#[test]
fn an_old_mac_file_may_end_with_a_line_feed_and_hold_some_in_quotes() {
    Case::csv("id,v\r1,a\r2,b\r3,c\n")
        .expect_types([("id", "integer"), ("v", "text")])
        .expect_rows(["1: 1, 'a'", "2: 2, 'b'", "3: 3, 'c'"])
        .check();
    Case::csv("id,note\r1,plain\r2,\"first\nsecond\"\r3,x\r")
        .expect_rows(["1: 1, 'plain'", "2: 2, 'first\\nsecond'", "3: 3, 'x'"])
        .check();
    Case::csv("\u{feff}\r\r\"a\nb\",c\r1,\"x\n\"\r\n")
        .expect_types([("a\nb", "integer"), ("c", "text")])
        .expect_rows(["1: 1, 'x\\n'"])
        .check();
    // With one column the last line feed is not a row either.
    Case::csv("v\r1\r\r2\r\n")
        .expect_rows(["1: 1", "2: NULL", "3: 2"])
        .check();
    Case::csv("1,\"a\nb\"\r2,c\n")
        .args(["--no-header"])
        .expect_rows(["1: 1, 'a\\nb'", "2: 2, 'c'"])
        .check();
}

#[test]
fn a_doubled_quote_does_not_end_the_field_whose_line_ends_do_not_count() {
    Case::csv("id,note\r1,\"say \"\"yes\nor no\"\"\"\r2,x\r")
        .expect_rows(["1: 1, 'say \"yes\\nor no\"'", "2: 2, 'x'"])
        .check();
    Case::csv("\"a \"\"b\rc\",d\n1,x\n").expect_rows(["1: 1, 'x'"]).check();
}

#[test]
fn where_quotes_are_text_a_line_end_within_them_counts() {
    Case::csv("a,b\r1,\"x\r2,y\"\n")
        .args(["--quote", "none"])
        .expect_rows(["1: 1, '\"x'", "2: 2, 'y\"'"])
        .check();
    Case::csv("\"a\rb\",c\n1,x\n").expect_rows(["1: 1, 'x'"]).check();
    Case::csv("\"a\rb\",c\n1,x\n")
        .args(["--quote", "none"])
        .expect_exit(65)
        .expect_said("carriage return")
        .check();
}

#[test]
fn a_header_with_carriage_returns_in_a_file_with_line_feeds_is_refused() {
    for (bytes, said) in [
        ("a,b\rc\n1,2\n3,4\n", "(byte 4)"),
        ("a\r,b\n1,2", "(byte 2)"),
        ("a,b\r1,x\r\n2,y\r\n", "(byte 9)"),
        ("a,b\r1,x\n2,y\r3,z\r", "(byte 8)"),
        ("\u{feff}a,b\rc\n1,2\n", "(byte 7)"),
        ("v\r1\n2\r", "tr '\\r' '\\n'"),
    ] {
        Case::csv(bytes).expect_exit(65).expect_said(said).check();
    }
}

#[test]
fn extra_crs_before_lf_do_not_reach_the_value() {
    Case::csv("a,b\r\r\n1,x\r\r\n2,\"y\"\r\r\r\n3,z\r")
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'", "3: 3, 'z'"])
        .check();
}

#[test]
fn a_cr_inside_a_quoted_field_is_data() {
    Case::csv("a,b\n1,\"x\r\ny\"\n2,\"z\r\"\n")
        .expect_rows(["1: 1, 'x\\r\\ny'", "2: 2, 'z\\r'"])
        .check();
}

#[test]
fn a_byte_order_mark_is_stripped_once() {
    Case::csv("\u{feff}a,b\n1,\u{feff}x\n")
        .expect_types([("a", "integer"), ("b", "text")])
        .expect_rows(["1: 1, '\u{feff}x'"])
        .check();
}

#[test]
fn a_byte_order_mark_before_a_quoted_name_is_stripped() {
    Case::csv("\u{feff}\"a,1\",b\n1,x\n")
        .expect_types([("a,1", "integer"), ("b", "text")])
        .expect_rows(["1: 1, 'x'"])
        .check();
}

#[test]
fn a_byte_order_mark_counts_in_byte_offsets() {
    let run = Case::csv("\u{feff}a,b\nx\n")
        .expect_rejects([(2, "missing_columns")])
        .once();
    assert_eq!(run.rejects()[0].byte_offset, 7);
}

#[test]
fn blank_lines_are_skipped_and_counted_when_there_are_several_columns() {
    let case = Case::csv("\n\r\na,b\n\n1,x\n\r\n\n2,y\n\n").expect_rows(["1: 1, 'x'", "2: 2, 'y'"]);
    case.check();
    let report = case.once().report().unwrap();
    assert_eq!(report["inputs"][0]["blank_lines"], 6);
    assert_eq!(report["inputs"][0]["lines"], 9);
}

#[test]
fn a_blank_line_is_a_row_when_there_is_one_column() {
    Case::csv("a\n1\n\n3\n")
        .expect_rows(["1: 1", "2: NULL", "3: 3"])
        .check();
}

#[test]
fn lines_after_blank_lines_keep_their_numbers() {
    Case::csv("a,b\n\n\r\n1\n\n2,x\n\n\n3\n")
        .expect_rows(["2: 2, 'x'"])
        .expect_rejects([(4, "missing_columns"), (9, "missing_columns")])
        .check();
}

#[test]
fn the_last_record_counts_without_a_line_end() {
    Case::csv("a,b\n1,x\n2,y")
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
    Case::csv("a,b\n1,x\n2,\"y\"")
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .check();
    Case::csv("a,b\n1,x\n2,")
        .expect_rows(["1: 1, 'x'", "2: 2, NULL"])
        .check();
}

#[test]
fn too_few_and_too_many_fields_are_rejected_never_padded_or_cut() {
    Case::csv("a,b,c\n1,2,3\n4,5\n6,7,8,9\n10\n11,12,\n13,14,15,\n")
        .expect_rows(["1: 1, 2, 3", "5: 11, 12, NULL"])
        .expect_rejects([
            (3, "missing_columns"),
            (4, "too_many_columns"),
            (5, "missing_columns"),
            (7, "too_many_columns"),
        ])
        .check();
}

#[test]
fn an_unquoted_empty_field_is_null_and_a_quoted_one_is_the_empty_string() {
    Case::csv("a,b,c\nx,,y\nx,\"\",y\n,,\n\"\",\"\",\"\"\n")
        .expect_rows([
            "1: 'x', NULL, 'y'",
            "2: 'x', '', 'y'",
            "3: NULL, NULL, NULL",
            "4: '', '', ''",
        ])
        .check();
}

#[test]
fn a_flag_makes_quoted_empty_fields_null_too() {
    Case::csv("a,b\nx,\"\"\n\"\",1\n")
        .args(["--empty-as-null"])
        .expect_rows(["1: 'x', NULL", "2: NULL, 1"])
        .check();
}

#[test]
fn a_nul_byte_is_rejected_with_its_bytes_untouched() {
    let case = Case::csv(b"a,b\n1,x\0y\n\0,2\n3,\"z\0\"\n4,ok\n")
        .expect_rows(["4: '4', 'ok'"])
        .expect_rejects([(2, "nul_byte"), (3, "nul_byte"), (4, "nul_byte")]);
    let case = case.args(["--text"]);
    case.check();
    let rejects = case.once().rejects();
    assert_eq!(
        (&rejects[0].raw[..], &rejects[0].column[..], &rejects[0].value[..]),
        (&b"1,x\0y"[..], "b", &b"x\0y"[..])
    );
}

#[test]
fn invalid_utf8_is_rejected_with_its_bytes_untouched() {
    let case = Case::csv(b"a,b\n1,caf\xe9\n2,\xc3\xa9\n3,\"\xed\xa0\x80\"\n4,\xf0\x9f\x98\n")
        .expect_rows(["2: 2, 'é'"])
        .expect_rejects([(2, "invalid_utf8"), (4, "invalid_utf8"), (5, "invalid_utf8")]);
    case.check();
    let rejects = case.once().rejects();
    assert_eq!((&rejects[0].raw[..], &rejects[0].column[..]), (&b"1,caf\xe9"[..], "b"));
    assert!(rejects[0].message.contains("0xe9"), "{}", rejects[0].message);
}

#[test]
fn utf8_that_spans_a_field_border_is_invalid_on_both_sides() {
    Case::csv(b"a,b\n\xc3,\xa9\nx,y\n")
        .expect_rows(["2: 'x', 'y'"])
        .expect_rejects([(2, "invalid_utf8")])
        .check();
}

#[test]
fn a_header_name_is_trimmed_of_nothing() {
    Case::csv(" a ,\"b \"\"x\"\"\",c;d\n1,2,3\n")
        .expect_types([(" a ", "integer"), ("b \"x\"", "integer"), ("c;d", "integer")])
        .expect_rows(["1: 1, 2, 3"])
        .check();
}

#[test]
fn a_header_name_may_be_an_sql_keyword_or_an_attack() {
    Case::csv("select,\"x\"\"); DROP TABLE t; --\",rowid,oid\n1,2,3,4\n")
        .args(["--text"])
        .expect_types([
            ("select", "text"),
            ("x\"); DROP TABLE t; --", "text"),
            ("rowid", "text"),
            ("oid", "text"),
        ])
        .check();
}

#[test]
fn a_quoted_header_name_may_span_lines() {
    Case::csv("a,\"b\nc\"\n1,x\n2\n")
        .expect_types([("a", "integer"), ("b\nc", "text")])
        .expect_rows(["1: 1, 'x'"])
        .expect_rejects([(4, "missing_columns")])
        .check();
}

#[test]
fn a_record_may_span_lines_and_has_a_first_and_a_last_one() {
    let case = Case::csv("a,b\n1,\"x\ny\r\n\nz\"\n2,\"p\nq\",r\n3,s\n")
        .expect_rows(["1: 1, 'x\\ny\\r\\n\\nz'", "3: 3, 's'"])
        .expect_rejects([(6, "too_many_columns")]);
    case.check();
    let reject = &case.once().rejects()[0];
    assert_eq!(
        (reject.line, reject.line_end, reject.record, &reject.raw[..]),
        (6, 7, 2, &b"2,\"p\nq\",r"[..])
    );
}

#[test]
fn text_after_a_closing_quote_costs_one_line() {
    let case = Case::csv("a,b\n1,\"x\"y\n2,z\n\"p\" ,q\n3,w\n")
        .expect_rows(["2: 2, 'z'", "4: 3, 'w'"])
        .expect_rejects([(2, "invalid_quote"), (4, "invalid_quote")])
        .args(["--types", "a=integer"]);
    case.check();
    assert_eq!(case.once().rejects()[0].raw, b"1,\"x\"y");
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    Case::csv("a,b\n1,x\n2,\"oops\n3,y\n4,z\n")
        .expect_rows(["1: 1, 'x'", "3: 3, 'y'", "4: 4, 'z'"])
        .expect_rejects([(3, "unterminated_quote")])
        .check();
}

#[test]
fn lines_that_are_all_opened_by_stray_quotes_cost_themselves_alone() {
    Case::csv("a,b\n0,v\n1,\"w\n2,\"x\n3,\"y\n4,z\n")
        .expect_rows(["1: 0, 'v'", "4: 4, 'z'"])
        .expect_rejects([(3, "invalid_quote"), (5, "unterminated_quote")])
        .check();
}

#[test]
fn a_stray_quote_before_lines_that_are_records_costs_its_own_line() {
    Case::csv("a,b\n1,\"oops\n2,x\n\n3,\"y\"\n4,w\n")
        .expect_rows(["2: 2, 'x'", "3: 3, 'y'", "4: 4, 'w'"])
        .expect_rejects([(2, "unterminated_quote")])
        .check();
}

#[test]
fn a_damaged_field_of_several_lines_is_one_reject_and_none_of_its_lines_a_row() {
    let case = Case::csv("a,b\n0,v\n1,\"oops\n2,x\n3,\"y\"z\r\n4,w\n")
        .expect_rows(["1: 0, 'v'", "3: 4, 'w'"])
        .expect_rejects([(3, "invalid_quote")]);
    case.check();
    let reject = &case.once().rejects()[0];
    assert_eq!((reject.line, reject.line_end, &reject.column[..]), (3, 5, "b"));
    assert_eq!(reject.raw, b"1,\"oops\n2,x\n3,\"y\"z");
}

#[test]
fn quotes_that_were_not_doubled_make_no_rows_of_the_lines_of_their_text() {
    for text in [
        "2,\"she said \"wow\" and\nleft, then came back\",5",
        "2,\"she said \"wow\", and\nleft, then\",5",
        "2,\"she\n\nsaid \"wow\" and\nleft, then\",5",
        "2,\"5\" pipe\r\nleft, then\",5",
    ] {
        let case = Case::csv(format!("id,comment,score\n1,fine,4\n{text}\n3,ok,3\n"))
            .expect_types([("id", "integer"), ("comment", "text"), ("score", "integer")])
            .expect_rows(["1: 1, 'fine', 4", "3: 3, 'ok', 3"])
            .expect_rejects([(3, "invalid_quote")]);
        case.check();
        assert_eq!(case.once().rejects()[0].raw, text.as_bytes());
    }
}

#[test]
fn damage_in_a_table_of_one_column_is_found_by_its_quotes() {
    Case::csv("note\n\"she said \"wow\" and\nleft\nfor good\"\nok\n\"a\n\nb\n\"c\"\n")
        .expect_rows(["2: 'ok'", "4: NULL", "5: 'b'", "6: 'c'"])
        .expect_rejects([(2, "invalid_quote"), (6, "unterminated_quote")])
        .check();
}

#[test]
fn without_a_header_damage_before_the_first_good_record_is_judged_by_its_width() {
    Case::csv("1,\"a\n2,b\n3,\"c\"\n")
        .args(["--no-header"])
        .expect_rows(["2: 2, 'b'", "3: 3, 'c'"])
        .expect_rejects([(1, "unterminated_quote")])
        .check();
}

#[test]
fn a_record_longer_than_the_limit_costs_its_line_and_no_more() {
    Case::csv("a,b\n1,0123456789abcdef\n2,ok\n3,\"0123\n56789\"\n4,ok\n")
        .args(["--max-record-bytes", "10"])
        .expect_rows(["2: 2, 'ok'", "5: 4, 'ok'"])
        .expect_rejects([
            (2, "record_too_large"),
            (4, "unterminated_quote"),
            (5, "missing_columns"),
        ])
        .check();
}

#[test]
fn a_record_as_long_as_the_limit_is_loaded() {
    Case::csv("a,b\n1,abcdefgh\n2,\"abc\nd\"\n3,abcdefghi\n4,abcdefgh")
        .args(["--max-record-bytes", "10"])
        .expect_rows(["1: 1, 'abcdefgh'", "2: 2, 'abc\\nd'", "4: 4, 'abcdefgh'"])
        .expect_rejects([(5, "record_too_large")])
        .check();
}

#[test]
fn other_delimiters_and_quotes_are_taken_as_told() {
    Case::csv("a;b\n1;'x;y'\n2;\"z,\"\n")
        .args(["--delimiter", ";", "--quote", "'"])
        .expect_rows(["1: 1, 'x;y'", "2: 2, '\"z,\"'"])
        .check();
    Case::csv("a\tb\n1\tx,y\n")
        .args(["--delimiter", "tab"])
        .expect_rows(["1: 1, 'x,y'"])
        .check();
}

#[test]
fn without_a_quote_character_quotes_are_text() {
    Case::csv("a,b\n1,\"x\n2,y\"\n")
        .args(["--quote", "none"])
        .expect_rows(["1: 1, '\"x'", "2: 2, 'y\"'"])
        .check();
}

#[test]
fn without_a_header_columns_are_numbered_and_the_first_record_is_data() {
    Case::csv("1,x\n2,y\n3\n")
        .args(["--no-header"])
        .expect_types([("column_1", "integer"), ("column_2", "text")])
        .expect_rows(["1: 1, 'x'", "2: 2, 'y'"])
        .expect_rejects([(3, "missing_columns")])
        .check();
}

#[test]
fn a_record_and_its_reject_may_be_larger_than_windows_and_chunks() {
    let long = "x".repeat(20_000);
    let quoted = "y\n\"\"".repeat(3_000);
    Case::csv(format!(
        "a,b\n1,{long}\n2,\"{quoted}\"\n{long},3,4\n5,\"{quoted}\",6\n7,z\n"
    ))
    .expect_row_list(vec![
        format!("1: 1, '{long}'"),
        format!("2: 2, '{}'", "y\\n\"".repeat(3_000)),
        "5: 7, 'z'".to_owned(),
    ])
    .args(["--types", "a=integer"])
    .expect_rejects([(3004, "too_many_columns"), (3005, "too_many_columns")])
    .check();
}

#[test]
fn without_a_header_a_bad_first_record_costs_itself_alone() {
    Case::csv("1,\"x\"y\n2,z\n3\n")
        .args(["--no-header"])
        .expect_types([("column_1", "integer"), ("column_2", "text")])
        .expect_rows(["2: 2, 'z'"])
        .expect_rejects([(1, "invalid_quote"), (3, "missing_columns")])
        .check();
}

/// Of many lines after a stray quote a quarter may be bad records; if more are, or there are fewer lines, no line is sure to be a record.
#[test]
fn how_many_bad_lines_there_may_be_after_a_stray_quote() {
    for (good, bad, are_records) in [
        (12, 4, true),
        (12, 5, false),
        (12, 3, false),
        (15, 1, true),
        (15, 0, true),
    ] {
        let mut text = "a,b\n0,\"stray\n".to_owned();
        text += &"bad\n".repeat(bad);
        text += &(1..good).map(|n| format!("{n},v\n")).collect::<String>();
        // This quote ends what the stray one began.
        text += &format!("{good},\"late\"\n77,v\n");
        let run = Case::csv(&text).any_rejects().once();
        let lines: Vec<u64> = run.rejects().iter().map(|reject| reject.line).collect();
        let expected: Vec<u64> = (2..=2 + if are_records { bad as u64 } else { 0 }).collect();
        assert_eq!(lines, expected, "{good} {bad}");
        assert_eq!(
            run.counted("loaded"),
            if are_records { good + 1 } else { 1 },
            "{good} {bad}"
        );
    }
}
