//! The parser against an independent one, against the csv crate, and case by case.

mod damage;
mod dialects;
mod reference;

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::dialect::Escape;
use reference::reference;

thread_local! {
    /// Bytes that this thread has looked at, the kernel aside.
    pub(super) static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
}

/// A record as tests look at it: its bytes' offsets, its fields' offsets, its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parsed {
    start: usize,
    end: usize,
    field_ends: Vec<usize>,
    fault: Option<(FaultKind, u32)>,
}

/// The records of `out`, `base` added to all offsets.
fn collect(out: &Records, base: usize) -> Vec<Parsed> {
    let mut fields_start = 0;
    let mut faults = 0;
    let mut records = Vec::new();
    for record in &out.records {
        let fields_end = record.fields_end as usize;
        let field_ends = out.field_ends[fields_start..fields_end]
            .iter()
            .map(|&end| base + end as usize)
            .collect();
        fields_start = fields_end;
        let fault = (record.fault != 0 && record.fault != COMMENT).then(|| {
            faults += 1;
            assert_eq!(record.fault, faults, "faults are numbered in order");
            let fault = out.faults[record.fault as usize - 1];
            (fault.kind, fault.column)
        });
        records.push(Parsed {
            start: base + record.start as usize,
            end: base + record.end as usize,
            field_ends,
            fault,
        });
    }
    assert_eq!(fields_start, out.field_ends.len(), "no field is left over");
    assert_eq!(faults as usize, out.faults.len(), "no fault is left over");
    records
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::available()
}

fn parse_whole(kernel: Kernel, span: &[u8], syntax: &Syntax) -> Vec<Parsed> {
    let dialect = &syntax.dialect;
    let mut out = Records::default();
    let decided = parse_all_with(
        kernel,
        &ParseRequest {
            span,
            at_end: true,
            dialect: syntax.dialect,
            columns: syntax.columns,
            max_record_bytes: syntax.max_record_bytes,
        },
        span.len(),
        &mut out,
    );
    assert_eq!(decided, span.len(), "at the end everything is decided");
    let lines = span.split(|&byte| byte == dialect.line_end).count();
    let last_is_empty = span.last().is_none_or(|&byte| byte == dialect.line_end);
    assert!(
        out.multi_line || out.records.len() == lines - usize::from(last_is_empty),
        "each record is a line, or it is said that they are not"
    );
    collect(&out, 0)
}

/// Feeds `input` in pieces of the given lengths, the last piece being the rest.
fn parse_pieces(kernel: Kernel, input: &[u8], pieces: &[usize], syntax: &Syntax) -> Vec<Parsed> {
    let mut out = Records::default();
    let mut records = Vec::new();
    let (mut start, mut end) = (0, 0);
    let mut pieces = pieces.iter();
    while end < input.len() {
        end = pieces
            .next()
            .map_or(input.len(), |piece| (end + piece).min(input.len()));
        let span = &input[start..end];
        let at_end = end == input.len();
        let decided = parse_all_with(
            kernel,
            &ParseRequest {
                span,
                at_end,
                dialect: syntax.dialect,
                columns: syntax.columns,
                max_record_bytes: syntax.max_record_bytes,
            },
            span.len(),
            &mut out,
        );
        records.extend(collect(&out, start));
        start += decided;
    }
    assert_eq!(start, input.len(), "at the end everything is decided");
    records
}

/// Parses `input` up to one border after another, with everything in view.
fn parse_up_to_borders(kernel: Kernel, input: &[u8], pieces: &[usize], syntax: &Syntax) -> Vec<Parsed> {
    let mut out = Records::default();
    let mut records = Vec::new();
    let (mut start, mut border) = (0, 0);
    let mut pieces = pieces.iter();
    while start < input.len() {
        border = pieces
            .next()
            .map_or(input.len(), |piece| (border + piece).min(input.len()));
        let view = ParseRequest {
            span: &input[start..],
            at_end: true,
            dialect: syntax.dialect,
            columns: syntax.columns,
            max_record_bytes: syntax.max_record_bytes,
        };
        let decided = parse_all_with(kernel, &view, border.saturating_sub(start), &mut out);
        records.extend(collect(&out, start));
        assert!(
            records.iter().all(|record| record.start < border),
            "none starts after the border"
        );
        start += decided;
        assert!(start >= border, "all that start before it are decided");
    }
    records
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop_oneof![
        6 => Just(Dialect::default()),
        1 => Just(Dialect { line_end: b'\r', ..Dialect::default() }),
        1 => Just(Dialect { quote: None, ..Dialect::default() }),
        3 => Just(Dialect { comment: Some(b'a'), ..Dialect::default() }),
        3 => Just(Dialect { trim: true, ..Dialect::default() }),
        1 => Just(Dialect { delimiter: b'\t'.into(), quote: Some(b'\''), ..Dialect::default() }),
        6 => dialects::strange(),
    ]
}

fn syntaxes() -> impl Strategy<Value = Syntax> {
    (dialects(), 0u32..4, limits()).prop_map(|(dialect, columns, max_record_bytes)| Syntax {
        dialect,
        columns,
        max_record_bytes,
    })
}

/// Plain CSV of two columns.
fn plain(max_record_bytes: u64) -> Syntax {
    Syntax {
        dialect: Dialect::default(),
        columns: 2,
        max_record_bytes,
    }
}

/// Bytes in which everything that can go wrong with syntax goes wrong.
fn wild_bytes() -> impl Strategy<Value = Vec<u8>> {
    let dense = prop::collection::vec(
        prop_oneof![
            4 => Just(b'a'), 3 => Just(b','), 3 => Just(b'"'), 3 => Just(b'\n'), 2 => Just(b'\r'),
            1 => Just(b'\t'), 1 => Just(b'\''), 2 => Just(b' '), 2 => Just(b'|'), 2 => Just(b'\\'), 1 => any::<u8>(),
        ],
        0..120,
    );
    prop_oneof![dense, line_pieces()]
}

/// Longer input made of pieces that are mostly well-formed, so that whole blocks are.
fn line_pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "[a-z]{0,30},",
        5 => "[a-z]{0,20}\n",
        2 => "[a-z]{0,20}\r\n",
        2 => " {1,2}\"[a-z,\n]{0,9}\" ?,",
        4 => "\"[a-z,\n\r]{0,25}\",",
        2 => "\"([a-z,]|\"\"){0,25}\"\n",
        2 => "\"([a-z,]|\"\"){0,25}\"\r{1,2}\n",
        1 => "[a-z]{0,9}\"[a-z]{0,9}",
        2 => "\\\\[a\n\r\",\\\\|]",
        2 => "[a-z]{0,9}\\|{1,3}",
        1 => "\"[a-z]{0,9}\\|{1,3}",
        1 => "\"",
        1 => "\r",
        1 => "\n",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

fn limits() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1u64..40, 2 => 40u64..400, 2 => Just(1 << 20), 1 => Just(u64::MAX >> 1)]
}

proptest! {
    #[test]
    fn records_are_those_of_the_reference_parser(input in wild_bytes(), syntax in syntaxes()) {
        let expected = reference(&input, &syntax);
        for kernel in kernels() {
            prop_assert_eq!(parse_whole(kernel, &input, &syntax), expected.clone());
        }
    }

    #[test]
    fn records_do_not_depend_on_where_spans_end(
        input in wild_bytes(),
        pieces in prop::collection::vec(prop_oneof![0usize..4, 1usize..200], 0..40),
        syntax in syntaxes(),
    ) {
        let expected = reference(&input, &syntax);
        for kernel in kernels() {
            prop_assert_eq!(parse_pieces(kernel, &input, &pieces, &syntax), expected.clone());
            prop_assert_eq!(parse_up_to_borders(kernel, &input, &pieces, &syntax), expected.clone());
        }
    }

    #[test]
    fn lines_of_stray_quotes_are_those_of_the_reference_parser(
        lines in prop::collection::vec("(a\",x,\"|\",|\"|\"a|a\",\"|,\"\"|b|\",\"|a\"\r?|b,\"c\"|\"d\"e)\n", 0..40),
        max in limits(),
        columns in 0u32..4,
    ) {
        let input = lines.concat().into_bytes();
        let syntax = Syntax { columns, ..plain(max) };
        let expected = reference(&input, &syntax);
        for kernel in kernels() {
            prop_assert_eq!(parse_whole(kernel, &input, &syntax), expected.clone());
        }
    }

    #[test]
    fn values_are_those_of_the_csv_crate(
        rows in prop::collection::vec(
            prop::collection::vec(("[ -~é\n\r\",]{0,12}|[a-z]{0,40}", any::<bool>()), 1..6),
            0..30,
        ),
        crlf: bool,
    ) {
        let mut input = String::new();
        for row in &rows {
            for (index, (value, always_quoted)) in row.iter().enumerate() {
                if index > 0 {
                    input.push(',');
                }
                if *always_quoted || value.contains([',', '"', '\n', '\r']) || (row.len() == 1 && value.is_empty()) {
                    input.push('"');
                    input.push_str(&value.replace('"', "\"\""));
                    input.push('"');
                } else {
                    input.push_str(value);
                }
            }
            input.push_str(if crlf { "\r\n" } else { "\n" });
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input.as_bytes());
        let expected: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        for kernel in kernels() {
            let values: Vec<Vec<String>> = parse_whole(kernel, input.as_bytes(), &plain(1 << 20))
                .iter()
                .map(|record| values(&input, record))
                .collect();
            prop_assert_eq!(values, expected.clone());
        }
    }
}

/// The fields of a record without their quotes; a fault's name if it has one.
fn values(input: &str, record: &Parsed) -> Vec<String> {
    if let Some((kind, column)) = record.fault {
        return vec![format!("{kind:?} in {column}: {}", &input[record.start..record.end])];
    }
    let mut start = record.start;
    let unquoted = |&end: &usize| {
        let field = &input[start..end];
        start = end + 1;
        match field.strip_prefix('"') {
            Some(rest) => rest
                .strip_suffix('"')
                .expect("a quoted field ends with a quote")
                .replace("\"\"", "\""),
            None => field.to_owned(),
        }
    };
    record.field_ends.iter().map(unquoted).collect()
}

/// Asserts the values of `input` for both kernels, whole and byte by byte.
#[track_caller]
fn assert_values(input: &str, max_record_bytes: u64, expected: &[&[&str]]) {
    assert_values_of(&plain(max_record_bytes), input, expected);
}

#[track_caller]
fn assert_values_of(syntax: &Syntax, input: &str, expected: &[&[&str]]) {
    for kernel in kernels() {
        let whole = parse_whole(kernel, input.as_bytes(), syntax);
        let found: Vec<Vec<String>> = whole.iter().map(|record| values(input, record)).collect();
        assert_eq!(found, expected, "{kernel:?}");
        let pieces = vec![1; input.len()];
        assert_eq!(
            parse_pieces(kernel, input.as_bytes(), &pieces, syntax),
            whole,
            "{kernel:?}"
        );
    }
}

const NO_LIMIT: u64 = 1 << 30;

#[test]
fn nothing_is_no_record() {
    assert_values("", NO_LIMIT, &[]);
}

#[test]
fn a_quote_inside_an_unquoted_field_is_text() {
    assert_values(
        "5\" pipe,2\nx\"y\"z,\n",
        NO_LIMIT,
        &[&["5\" pipe", "2"], &["x\"y\"z", ""]],
    );
}

#[test]
fn lf_and_crlf_mix_and_extra_crs_do_not_reach_the_value() {
    assert_values(
        "a,b\nc,d\r\ne,f\r\r\n\"g\",\"h\"\r\r\n\"i\",\"j\"\r\n",
        NO_LIMIT,
        &[&["a", "b"], &["c", "d"], &["e", "f"], &["g", "h"], &["i", "j"]],
    );
}

#[test]
fn a_lone_cr_is_data() {
    assert_values("a\rb,\rc\nd\r,e\n", NO_LIMIT, &[&["a\rb", "\rc"], &["d\r", "e"]]);
    assert_values(
        "\"a\"\rb,c\nd\n",
        NO_LIMIT,
        &[&["InvalidQuote in 1: \"a\"\rb,c"], &["d"]],
    );
}

#[test]
fn crs_belong_to_the_end_of_input_as_they_do_to_a_line_end() {
    assert_values("a,b\r\r", NO_LIMIT, &[&["a", "b"]]);
    assert_values("a,\"b\"\r", NO_LIMIT, &[&["a", "b"]]);
    assert_values("a\n\r", NO_LIMIT, &[&["a"], &[""]]);
}

#[test]
fn cr_ends_lines_of_old_mac_files_and_lf_is_data_there() {
    let dialect = Dialect {
        line_end: b'\r',
        ..Dialect::default()
    };
    let syntax = Syntax {
        dialect,
        ..plain(NO_LIMIT)
    };
    assert_values_of(
        &syntax,
        "a,b\n\r\"c\rd\",\"e\"\r\rf",
        &[&["a", "b\n"], &["c\rd", "e"], &[""], &["f"]],
    );
    assert_values_of(&syntax, "\"a\"\n\rb\r", &[&["InvalidQuote in 1: \"a\"\n"], &["b"]]);
}

#[test]
fn without_a_quote_character_quotes_are_text() {
    let found = parse_whole(
        Kernel::detect(),
        b"\"a,b\"\n\"",
        &Syntax {
            dialect: Dialect {
                quote: None,
                ..Dialect::default()
            },
            ..plain(NO_LIMIT)
        },
    );
    assert_eq!(
        found.iter().map(|record| record.field_ends.clone()).collect::<Vec<_>>(),
        [vec![2, 5], vec![7]]
    );
}

#[test]
fn a_blank_line_is_a_record_of_one_empty_field() {
    assert_values("\na\n\r\n\n", NO_LIMIT, &[&[""], &["a"], &[""], &[""]]);
}

#[test]
fn the_last_record_counts_without_a_line_end() {
    assert_values("a,b\nc,d", NO_LIMIT, &[&["a", "b"], &["c", "d"]]);
    assert_values("a,b\nc,", NO_LIMIT, &[&["a", "b"], &["c", ""]]);
    assert_values("a,b\n\"c\"", NO_LIMIT, &[&["a", "b"], &["c"]]);
}

#[test]
fn quoted_fields_hold_delimiters_line_ends_and_doubled_quotes() {
    assert_values(
        "\"a,b\",\"c\nd\r\n\",\"\"\"e\"\"\",\"\"\nf\n",
        NO_LIMIT,
        &[&["a,b", "c\nd\r\n", "\"e\"", ""], &["f"]],
    );
}

#[test]
fn records_have_as_many_fields_as_they_have() {
    assert_values("a\nb,c,d\n,,\n", NO_LIMIT, &[&["a"], &["b", "c", "d"], &["", "", ""]]);
}

#[test]
fn nul_and_bytes_that_are_not_text_are_data() {
    let found = parse_whole(Kernel::detect(), b"\0,\xff\n\x80\n", &plain(NO_LIMIT));
    assert_eq!(
        found.iter().map(|record| record.field_ends.clone()).collect::<Vec<_>>(),
        [vec![1, 3], vec![5]]
    );
}

#[test]
fn text_after_a_closing_quote_costs_its_line() {
    assert_values(
        "x,\"a\"b,c\nd,e\n\"a\" ,b\n",
        NO_LIMIT,
        &[
            &["InvalidQuote in 2: x,\"a\"b,c"],
            &["d", "e"],
            &["InvalidQuote in 1: \"a\" ,b"],
        ],
    );
}

#[test]
fn a_quote_that_is_never_closed_costs_its_line() {
    assert_values(
        "a,b\nc,\"d\r\ne,f\ng,h",
        NO_LIMIT,
        &[
            &["a", "b"],
            &["UnterminatedQuote in 2: c,\"d"],
            &["e", "f"],
            &["g", "h"],
        ],
    );
    assert_values("a\n\"", NO_LIMIT, &[&["a"], &["UnterminatedQuote in 1: \""]]);
}

#[test]
fn a_stray_quote_that_runs_into_a_later_one_costs_its_line() {
    assert_values(
        "\"a,b\nc,d\n\"e\",f\ng,h\n",
        NO_LIMIT,
        &[
            &["UnterminatedQuote in 1: \"a,b"],
            &["c", "d"],
            &["e", "f"],
            &["g", "h"],
        ],
    );
}

#[test]
fn a_quoted_field_longer_than_the_limit_costs_its_line() {
    assert_values(
        "\"aa\nbb\ncc\",d\ne\n",
        8,
        &[&["UnterminatedQuote in 1: \"aa"], &["bb"], &["cc\"", "d"], &["e"]],
    );
    assert_values("\"aa\nbb\ncc\",d\ne\n", 12, &[&["aa\nbb\ncc", "d"], &["e"]]);
    assert_values(
        "\"aa\nbb\ncc\",d\ne\n",
        11,
        &[&["RecordTooLarge in 2: \"aa"], &["bb"], &["cc\"", "d"], &["e"]],
    );
}

#[test]
fn a_line_longer_than_the_limit_is_too_large_whatever_else_is_wrong_with_it() {
    assert_values(
        "aaaa\nbbbbb\ncccc",
        4,
        &[&["aaaa"], &["RecordTooLarge in 1: bbbbb"], &["cccc"]],
    );
    assert_values(
        "\"a\"b\n\"a\"bb\n",
        4,
        &[&["InvalidQuote in 1: \"a\"b"], &["RecordTooLarge in 1: \"a\"bb"]],
    );
    assert_values("a,b,ccc", 4, &[&["RecordTooLarge in 3: a,b,ccc"]]);
}

#[test]
fn a_record_is_not_decided_before_the_byte_that_decides_it() {
    let mut out = Records::default();
    let mut decided = |span: &[u8], at_end: bool| parse(span, at_end, &plain(8), &mut out);
    assert_eq!(decided(b"", false), 0);
    assert_eq!(decided(b"a\nb", false), 2);
    assert_eq!(decided(b"a\nb\r", false), 2);
    assert_eq!(decided(b"a\n\"b\"", false), 2);
    assert_eq!(decided(b"a\n\"b\nb", false), 2);
    assert_eq!(decided(b"a\n\"b\"c", false), 2);
    // The next line shows whether the damage reaches further.
    assert_eq!(decided(b"a\n\"b\"c\n", false), 2);
    assert_eq!(decided(b"a\n\"b\"c\n", true), 7);
    assert_eq!(decided(b"a\n\"b\"c\nd,e\n", false), 11);
    assert_eq!(decided(b"a\n\"b\"cccc\nd", false), 10);
    // Nine bytes from the quote on: the limit decides against it, not against the line after it.
    assert_eq!(decided(b"a\n\"b\nbbbbb", false), 2);
    assert_eq!(decided(b"a\n\"b\nbbbbbb", false), 5);
    // The line is too long, but how much it costs is open.
    assert_eq!(decided(b"aaaaaaaaaaaa", false), 0);
    assert_eq!(decided(b"aaaaaaaaaaaa", true), 12);
}

#[test]
fn recovery_takes_linear_time_on_lines_of_stray_quotes() {
    // Quadratic time would mean hours: every line opens a quote that no later line closes well, or closes at all.
    for (line, tail) in [
        ("a\",x,\"\n", ""),
        ("\",\"\n", ""),
        ("\"a\n", ""),
        ("b,\"\n\"\"\n", "x"),
        ("\",\",\"\n", "\"\"\"\"x"),
        ("a,\",\"\",\n", "b"),
    ] {
        let mut input = line.repeat(3_000_000 / line.len()).into_bytes();
        input.extend(tail.repeat(1_000_000 / tail.len().max(1)).bytes());
        for max_record_bytes in [500_000, NO_LIMIT] {
            let began = Instant::now();
            let mut out = Records::default();
            assert_eq!(parse(&input, true, &plain(max_record_bytes), &mut out), input.len());
            let elapsed = began.elapsed();
            assert!(
                elapsed < Duration::from_secs(20),
                "{line:?} {tail:?} {max_record_bytes}: {elapsed:?}"
            );
        }
    }
}

#[test]
fn what_matters_may_lie_across_the_edge_of_a_block() {
    let cases = [
        "\"a\"b",
        "\"a\"\rb",
        "\"a\"\r\r\n",
        "\"a\"\r\n",
        "\"a\"\"b\"",
        "\"\"\"\"",
        "\"\"",
        "a\"b",
        "a\"\"b\"",
        "\"a\nb\"",
        "\"a,b\",",
        "a\r\nb",
        "\n\r\n\n",
        "\n\"\"\n",
        "\"",
        ",\"b",
        "\"a\"\"",
        "\r\"a\"",
    ];
    // Whole blocks before and after, with quotes and without, and a field that ends right where the case begins.
    for (before, separator, after) in [
        ("a", "", ""),
        ("a", ",", ","),
        ("a", "\n", "\n"),
        ("\"\"\"\",b,", "", "\n"),
        ("\"a\nb\"\n", "", "\n"),
    ] {
        for case in cases {
            for shift in 0..64 {
                for rows in ["c,d\n\"e\"\n", "cc,dd\n"] {
                    let (shift, before) = ("x".repeat(shift), before.repeat(96 / before.len()));
                    let input = format!("{shift},{before}{separator}{case}{after}{}", rows.repeat(20));
                    let expected = reference(input.as_bytes(), &plain(NO_LIMIT));
                    for kernel in kernels() {
                        let found = parse_whole(kernel, input.as_bytes(), &plain(NO_LIMIT));
                        assert_eq!(found, expected, "{kernel:?} {input:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_kernel_itself_takes_well_formed_blocks() {
    for row in [
        "a,b\n",
        "a,b\r\n",
        "\"a\",\"b\"\n",
        "\"a\",\"b\"\r\n",
        "\"\"\"a\n\r\",\"\",\"\"\"\"\n",
        "\n",
        "\"\",,\"\"\n",
    ] {
        for shift in 0..64 {
            let input = "x".repeat(shift) + "\n" + &row.repeat(400 / row.len());
            let (span, dialect) = (input.as_bytes(), Dialect::default());
            for kernel in kernels() {
                let mut out = Records::default();
                let input = ParseRequest {
                    span,
                    at_end: true,
                    dialect,
                    columns: 2,
                    max_record_bytes: NO_LIMIT,
                };
                let next = kernel.scan(&input, 0, &mut out);
                assert!(
                    next + 64 + row.len() > span.len(),
                    "{kernel:?} {row:?} {shift}: stopped at {next}"
                );
            }
        }
    }
}
