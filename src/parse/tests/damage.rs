//! Damaged quoted fields: how many lines they cost, and how much work.

use super::*;

fn of_columns(columns: u32) -> Syntax {
    Syntax {
        columns,
        ..plain(NO_LIMIT)
    }
}

#[test]
fn a_field_damaged_on_a_later_line_costs_all_its_lines() {
    assert_values(
        "1,\"a\nb\"x\n2,c\n",
        NO_LIMIT,
        &[&["InvalidQuote in 2: 1,\"a\nb\"x"], &["2", "c"]],
    );
}

#[test]
fn lines_that_are_records_by_themselves_stay_records() {
    assert_values(
        "1,\"a\n2,b\n\n3,\"c\"\n4,d\n",
        NO_LIMIT,
        &[
            &["UnterminatedQuote in 2: 1,\"a"],
            &["2", "b"],
            &[""],
            &["3", "c"],
            &["4", "d"],
        ],
    );
    // A column more, or a quote in an unquoted field, and they are not.
    assert_values(
        "1,\"a\n2,b,b\n3,\"c\"\n4,d\n",
        NO_LIMIT,
        &[&["InvalidQuote in 2: 1,\"a\n2,b,b\n3,\"c\""], &["4", "d"]],
    );
    assert_values(
        "1,\"a\n2,5' x 5\"y\n3,\"c\"\n4,d\n",
        NO_LIMIT,
        &[&["InvalidQuote in 2: 1,\"a\n2,5' x 5\"y"], &["3", "c"], &["4", "d"]],
    );
}

#[test]
fn quotes_that_are_not_doubled_cost_the_lines_of_their_text() {
    let fine = ["3", "ok", "3"];
    for (text, column) in [
        ("2,\"she said \"wow\" and\nleft, then came back\",5", 2),
        ("2,\"she said \"wow\", and\nleft, then\",5", 2),
        ("2,\"she\nsaid \"wow\" and\nleft, then\",5", 2),
        ("2,\"she said \"wow\" and\nleft, then, went\non\",5", 2),
        ("2,\"she said \"wow\" and\nthen \"bye\", left\ncame, back\",5", 2),
        ("2,\"5\" pipe\nleft, then\",5", 2),
    ] {
        assert_values_of(
            &of_columns(3),
            &format!("{text}\n3,ok,3\n"),
            &[&[&format!("InvalidQuote in {column}: {text}")], &fine],
        );
    }
    assert_values_of(
        &of_columns(1),
        "\"she said \"wow\" and\nleft\nfor good\"\nok\n",
        &[
            &["InvalidQuote in 1: \"she said \"wow\" and\nleft\nfor good\""],
            &["ok"],
        ],
    );
}

#[test]
fn blank_lines_count_for_nothing_while_nobody_knows_how_many_fields_there_are() {
    let text = format!("\"\na{}\n\"x", "\n".repeat(20));
    assert_values_of(
        &of_columns(0),
        &format!("{text}\n"),
        &[&[&format!("InvalidQuote in 1: {text}")]],
    );
}

#[test]
fn a_stray_quote_before_a_text_of_several_lines_makes_no_row_of_them() {
    for text in [
        "5,\"He said \"stop\", then left\nnothing here\na,b\nthe end\"",
        "5,\"a text\na,b\nof lines\"",
    ] {
        for before in ["4,\"a b", "3,\"a b\n4,c"] {
            let damaged = format!("{before}\n{text}");
            assert_values_of(
                &of_columns(2),
                &format!("{damaged}\n6,x\n"),
                &[&[&format!("InvalidQuote in 2: {damaged}")], &["6", "x"]],
            );
        }
    }
    // A damaged line that is whole costs nothing after it.
    assert_values_of(
        &of_columns(2),
        "4,\"a b\n5,\"He said \"stop\"\n6,x\n7,12\"\n",
        &[
            &["InvalidQuote in 2: 4,\"a b\n5,\"He said \"stop\""],
            &["6", "x"],
            &["7", "12\""],
        ],
    );
}

#[test]
fn damage_on_one_line_reaches_no_further_than_good_lines_allow() {
    assert_values_of(
        &of_columns(3),
        "1,\"5\" pipe\",3\n2,ok,4\n3,12\",5\n4,\"x\"y,6\n5,\"z\",7\n6,13\",8\n7,\"x\" ,9\n8,\"m\nn\",10\n9,5\" pipe,11\n",
        &[
            &["InvalidQuote in 2: 1,\"5\" pipe\",3"],
            &["2", "ok", "4"],
            &["3", "12\"", "5"],
            &["InvalidQuote in 2: 4,\"x\"y,6"],
            &["5", "z", "7"],
            &["6", "13\"", "8"],
            &["InvalidQuote in 2: 7,\"x\" ,9"],
            &["8", "m\nn", "10"],
            &["9", "5\" pipe", "11"],
        ],
    );
}

#[test]
fn a_span_that_does_not_fit_costs_its_first_line() {
    assert_values(
        "\"a\nb\"x,y\nz,1\n",
        6,
        &[&["UnterminatedQuote in 1: \"a"], &["b\"x", "y"], &["z", "1"]],
    );
    assert_values(
        "\"a\nb\"x,y\nz,1\n",
        8,
        &[&["InvalidQuote in 1: \"a\nb\"x,y"], &["z", "1"]],
    );
    assert_values(
        "\"a\"b\n7,c\"\nz,1\n",
        7,
        &[&["InvalidQuote in 1: \"a\"b"], &["7", "c\""], &["z", "1"]],
    );
    assert_values(
        "\"a\"b\n7,c\"\nz,1\n",
        9,
        &[&["InvalidQuote in 1: \"a\"b\n7,c\""], &["z", "1"]],
    );
}

#[test]
fn without_a_known_width_the_lines_must_be_of_one() {
    let lines = "\"a\nb,c\nd,\"e\"\nf,g\n";
    let (b, d, f) = (["b", "c"], ["d", "e"], ["f", "g"]);
    assert_values_of(&of_columns(0), lines, &[&["UnterminatedQuote in 1: \"a"], &b, &d, &f]);
    assert_values_of(
        &of_columns(0),
        "\"a\nb\nd,\"e\"\nf,g\n",
        &[&["InvalidQuote in 1: \"a\nb\nd,\"e\""], &f],
    );
}

#[test]
fn each_byte_is_looked_at_a_few_times_whatever_is_damaged() {
    // If there were more, they would grow with the length of the input or with the limit.
    const TIMES: u64 = 10;
    let (stray, tails) = ("1,\"a\n2,b\n".repeat(3) + "3,\"c\"\n", "x,y\n".repeat(50) + "z\"w,\n");
    for (line, end) in [
        ("1,\"a\"b\"c,d\n", ""),
        ("1,\"a\"b\"c,d\nx\n\n5\" y\n", ""),
        ("1,\"a\"b\"c,d\n2,b\n2,c\n", "\"x\n"),
        ("\"a\"b\n", "c,d\"\n"),
        ("\"a\nb\"x\n", "c,d\"\n"),
        ("\",\",\"\n", "\"x"),
        ("\",\",\"\n", "\"xyyyyyyyyyyyy"),
        ("a\",x,\"\n", ""),
        ("\"a\n", "b\"c"),
        (&stray, ""),
        (&tails, "\"a\"b\n"),
    ] {
        let mut text = line.repeat(60_000 / line.len()).into_bytes();
        text.extend(end.repeat(20_000 / end.len().max(1)).bytes());
        for max_record_bytes in [100, 10_000, 50_000, NO_LIMIT] {
            for columns in [0, 1, 2, 3] {
                let syntax = Syntax {
                    columns,
                    ..plain(max_record_bytes)
                };
                LOOKED_AT.set(0);
                let mut out = Records::default();
                assert_eq!(parse(&text, true, &syntax, &mut out), text.len());
                let times = LOOKED_AT.get() / text.len() as u64;
                assert!(
                    times <= TIMES,
                    "{line:?} {end:?} {max_record_bytes} {columns}: {times} times"
                );
            }
        }
    }
}
