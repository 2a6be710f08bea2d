//! Delimiters of several bytes, escapes, quotes that are not doubled.

use super::*;
use crate::dialect::Delimiter;

const BACKSLASH: Option<Escape> = Some(Escape::Literal(b'\\'));

fn of(text: &str) -> Delimiter {
    Delimiter::new(text).unwrap()
}

/// Dialects that the kernel knows nothing of, mixed with all that others have.
pub(super) fn strange() -> impl Strategy<Value = Dialect> {
    let delimiter = prop::sample::select(vec![",", ",", "||", "|,", "|||", " |", "¦"]);
    let quote = prop::sample::select(vec![Some(b'"'), Some(b'"'), Some(b'"'), None]);
    let escape = prop::sample::select(vec![None, BACKSLASH, BACKSLASH, Some(Escape::Postgres)]);
    let comment = prop::sample::select(vec![None, None, Some(b'a')]);
    let rest = (any::<bool>(), any::<bool>(), any::<bool>());
    (delimiter, quote, escape, comment, rest).prop_map(|(delimiter, quote, escape, comment, (doubles, trim, mac))| {
        Dialect {
            delimiter: of(delimiter),
            quote,
            doubles_quotes: doubles,
            escape,
            line_end: if mac && trim { b'\r' } else { b'\n' },
            comment,
            trim,
            ..Dialect::default()
        }
    })
}

/// The values of `input`, escapes and quotes resolved; a fault's name if it has one.
fn resolved(input: &[u8], syntax: &Syntax) -> Vec<Vec<Vec<u8>>> {
    let dialect = &syntax.dialect;
    let parsed = parse_whole(Kernel::detect(), input, syntax);
    let of_record = |record: &Parsed| {
        if let Some((kind, column)) = record.fault {
            return vec![format!("{kind:?} in {column}").into_bytes()];
        }
        let mut start = record.start;
        let value = |&end: &usize| {
            let field = &input[start..end];
            start = end + dialect.delimiter.len();
            let is_quoted = field.first().is_some_and(|&first| Some(first) == dialect.quote);
            let text = if is_quoted { &field[1..field.len() - 1] } else { field };
            let mut value = Vec::new();
            match dialect.escape {
                Some(_) => dialect.resolve(text, is_quoted, &mut |piece| value.extend_from_slice(piece)),
                None => value.extend_from_slice(String::from_utf8_lossy(text).replace("\"\"", "\"").as_bytes()),
            }
            value
        };
        record.field_ends.iter().map(value).collect()
    };
    parsed.iter().map(of_record).collect()
}

#[track_caller]
fn assert_resolved(dialect: Dialect, input: &str, expected: &[&[&str]]) {
    let syntax = Syntax {
        dialect,
        ..plain(NO_LIMIT)
    };
    let found: Vec<Vec<String>> = resolved(input.as_bytes(), &syntax)
        .into_iter()
        .map(|record| {
            record
                .into_iter()
                .map(|value| String::from_utf8(value).unwrap())
                .collect()
        })
        .collect();
    assert_eq!(found, expected, "{input:?}");
    assert_eq!(
        parse_whole(Kernel::PORTABLE, input.as_bytes(), &syntax),
        reference(input.as_bytes(), &syntax)
    );
}

#[test]
fn delimiters_of_several_bytes_are_found_from_the_left() {
    let bars = Dialect {
        delimiter: of("||"),
        ..Dialect::default()
    };
    assert_resolved(
        bars,
        "a||b|c||\n|||||\n\"x||y\"||z|\n\"x\"|\n",
        &[
            &["a", "b|c", ""],
            &["", "", "|"],
            &["x||y", "z|"],
            &["InvalidQuote in 1"],
        ],
    );
    let broken = Dialect {
        delimiter: of("¦"),
        ..Dialect::default()
    };
    assert_resolved(broken, "ä¦b§¦\n", &[&["ä", "b§", ""]]);
}

#[test]
fn an_escape_makes_whatever_follows_data() {
    let quoted = Dialect {
        escape: BACKSLASH,
        ..Dialect::default()
    };
    for (input, values) in [
        ("a\\,b,c\n", &["a,b", "c"][..]),
        ("\"a\\\"b\"\"c\",d\n", &["a\"b\"c", "d"]),
        ("\\\"a,b\n", &["\"a", "b"]),
        ("a\\\nb,c\n", &["a\nb", "c"]),
        ("a\\\r\nb,c\r\n", &["a\r\nb", "c"]),
        ("a\\\\,b\\\\\n", &["a\\", "b\\"]),
        ("\"a\\\\\",b\n", &["a\\", "b"]),
        ("\"a\\\n\",b\n", &["a\n", "b"]),
        ("a,b\\", &["a", "b\\"]),
        ("a,b\\\r", &["a", "b\r"]),
        ("\"a\"\\,b\n", &["InvalidQuote in 1"]),
    ] {
        assert_resolved(quoted, input, &[values]);
    }
}

#[test]
fn quotes_that_are_not_doubled_close_their_field() {
    let single = Dialect {
        doubles_quotes: false,
        ..Dialect::default()
    };
    assert_resolved(
        single,
        "\"\",\"a\"\n\"a\"\"b\",c\n",
        &[&["", "a"], &["InvalidQuote in 1"]],
    );
}

#[test]
fn a_record_too_large_ends_at_the_last_line_end_within_the_limit() {
    let dialect = Dialect {
        escape: BACKSLASH,
        quote: None,
        ..Dialect::default()
    };
    let syntax = Syntax { dialect, ..plain(8) };
    let found = parse_whole(Kernel::detect(), b"a\\\nb\\\nc\\\nd\\\ne\nf\n", &syntax);
    let places: Vec<(usize, usize, bool)> = found
        .iter()
        .map(|record| (record.start, record.end, record.fault.is_some()))
        .collect();
    assert_eq!(places, [(0, 8, true), (9, 13, false), (14, 15, false)]);
}

#[test]
fn recovery_takes_linear_time_among_escapes() {
    let dialect = Dialect {
        escape: BACKSLASH,
        ..Dialect::default()
    };
    for line in ["a\",\"b\n", "\"a\n", "a\\\n", "a\",\"\\\n", "\"\",\"\\\"\n", "#\\\n"] {
        let input = line.repeat(3_000_000 / line.len()).into_bytes();
        for (max_record_bytes, dialect) in [
            (500_000, dialect),
            (NO_LIMIT, dialect),
            (
                500_000,
                Dialect {
                    comment: Some(b'#'),
                    ..dialect
                },
            ),
        ] {
            let began = Instant::now();
            let mut out = Records::default();
            let syntax = Syntax {
                dialect,
                ..plain(max_record_bytes)
            };
            assert_eq!(parse(&input, true, &syntax, &mut out), input.len());
            let elapsed = began.elapsed();
            assert!(
                elapsed < Duration::from_secs(20),
                "{line:?} {max_record_bytes}: {elapsed:?}"
            );
        }
    }
}

/// A value, written as it has to be: quoted if that is wanted or needed.
fn written(value: &str, always_quoted: bool, escape: Option<u8>, doubles: bool) -> String {
    let special = |c: char| matches!(c, ',' | '"' | '\n' | '\r') || Some(c) == escape.map(char::from);
    if !always_quoted && !value.contains(special) && !value.is_empty() {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        match (character, escape) {
            ('"', _) if doubles => text.push('"'),
            (character, Some(escape)) if character == '"' || character == char::from(escape) => {
                text.push(char::from(escape));
            }
            _ => {}
        }
        text.push(character);
    }
    text + "\""
}

proptest! {
    #[test]
    fn escaped_values_are_those_of_the_csv_crate(
        rows in prop::collection::vec(
            prop::collection::vec(("[ -~é\n\r\",\\\\]{0,12}|[a-z]{0,40}", any::<bool>()), 1..6),
            0..30,
        ),
        doubles: bool,
        escape in prop::sample::select(b"\\!".to_vec()),
    ) {
        let mut input = String::new();
        for row in &rows {
            let fields: Vec<String> = row.iter().map(|(value, quoted)| written(value, *quoted, Some(escape), doubles)).collect();
            input += &(fields.join(",") + "\n");
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .escape(Some(escape))
            .double_quote(doubles)
            .from_reader(input.as_bytes());
        let expected: Vec<Vec<Vec<u8>>> =
            reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
        let dialect = Dialect {
            escape: Some(Escape::Literal(escape)),
            doubles_quotes: doubles,
            ..Dialect::default()
        };
        let syntax = Syntax { dialect, ..plain(1 << 20) };
        let found = resolved(input.as_bytes(), &syntax);
        let meant: Vec<Vec<Vec<u8>>> =
            rows.iter().map(|row| row.iter().map(|(value, _)| value.clone().into_bytes()).collect()).collect();
        prop_assert_eq!(&found, &meant);
        prop_assert_eq!(&found, &expected);
    }

    /// With a delimiter that occurs nowhere else, a file is what it is with a comma.
    #[test]
    fn a_delimiter_of_several_bytes_is_as_good_as_one(
        pieces in prop::collection::vec(
            prop_oneof![
                3 => Just(","), 3 => Just("a"), 2 => Just("\""), 2 => Just("\n"), 1 => Just("\r\n"), 1 => Just("é"), 1 => Just("|"), 1 => Just("~"),
            ],
            0..80,
        ),
        columns in 0u32..4,
        trim: bool,
    ) {
        let with = |delimiter: &str| {
            let input: String = pieces.iter().map(|&piece| if piece == "," { delimiter } else { piece }).collect();
            let dialect = Dialect { delimiter: of(delimiter), trim, ..Dialect::default() };
            let syntax = Syntax { dialect, columns, ..plain(1 << 20) };
            resolved(input.as_bytes(), &syntax)
        };
        // Within quotes, and in lines that were not understood, a delimiter is data.
        let comma: Vec<Vec<Vec<u8>>> = with(",");
        let other: Vec<Vec<Vec<u8>>> = with("<;>")
            .into_iter()
            .map(|record| record.into_iter().map(|value| String::from_utf8(value).unwrap().replace("<;>", ",").into_bytes()).collect())
            .collect();
        prop_assert_eq!(comma, other);
    }
}
