//! The parser, fed in pieces of any size with some of what follows in view, against the slow grammar of the tests: the same records, fields and faults.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::chunk::cut;
use rowmill::parse::{Dialect, FaultKind, Records, parse_before};
use rowmill_fuzz::oracle::{Field, Grammar, Record, Rules};
use rowmill_fuzz::{Characters, Text};

#[derive(Debug, Arbitrary)]
struct Input {
    characters: Characters,
    old_mac: bool,
    /// 0: no limit.
    max_record_bytes: u16,
    /// Lengths of the pieces in which the text arrives, over and over. Empty: whole.
    pieces: Vec<u8>,
    /// Bytes behind a piece that are in view.
    ahead_bytes: u8,
    text: Text,
}

rowmill_fuzz::target!(|input: Input| {
    let line_end = if input.old_mac { b'\r' } else { b'\n' };
    let max_record_bytes = match input.max_record_bytes {
        0 => 1 << 20,
        limit => u64::from(limit),
    };
    let dialect = Dialect {
        delimiter: input.characters.delimiter,
        quote: input.characters.quote,
        line_end,
    };
    let rules = Rules {
        delimiter: dialect.delimiter,
        quote: dialect.quote,
        max_record_bytes: max_record_bytes as usize,
        ..Rules::default()
    };
    let text = &input.text.0[..];
    let grammar = Grammar {
        input: text,
        rules: &rules,
        line_end,
    };
    let mut expected_at = 0;
    let mut lengths = input.pieces.iter().map(|&length| usize::from(length).max(1)).cycle();
    let mut out = Records::default();
    let (mut start, mut present) = (0, 0);
    while start < text.len() {
        present = text.len().min(present + lengths.next().unwrap_or(text.len()));
        let view_end = text.len().min(present.max(start) + usize::from(input.ahead_bytes));
        let (span, border) = (&text[start..view_end], present.saturating_sub(start));
        let at_end = view_end == text.len();
        let decided = parse_before(span, border, at_end, &dialect, max_record_bytes, &mut out);
        let mut first_field = 0;
        for record in &out.records {
            let expected = grammar.record(expected_at);
            expected_at = expected.next;
            assert!(
                start + (record.start as usize) < present,
                "no record starts behind the border"
            );
            assert_eq!(
                (start + record.start as usize, start + record.end as usize),
                (expected.start, expected.end)
            );
            let ends = &out.field_ends[first_field..record.fields_end as usize];
            first_field = record.fields_end as usize;
            match record.fault.checked_sub(1) {
                Some(fault) => must_be_named(&expected, out.faults[fault as usize].kind),
                None => must_be_fields(&expected, span, record.start as usize, ends, dialect.quote),
            }
        }
        start += decided;
        assert_eq!(start, expected_at, "what is decided ends where a record ends");
        assert!(
            start >= present || !at_end,
            "with the end in view everything is decided"
        );
    }
    if let Some(length) = cut(text, usize::from(input.max_record_bytes), &dialect) {
        assert_eq!(text[length - 1], line_end, "a chunk ends just after a line end");
    } else {
        assert!(!text.contains(&line_end));
    }
});

fn must_be_named(expected: &Record, kind: FaultKind) {
    let code = match kind {
        FaultKind::UnterminatedQuote => "unterminated_quote",
        FaultKind::InvalidQuote => "invalid_quote",
        FaultKind::RecordTooLarge => "record_too_large",
    };
    let codes = expected
        .content
        .as_ref()
        .expect_err("a fault where the grammar sees none");
    assert!(codes.contains(code), "{code} is none of {codes:?}");
}

fn must_be_fields(expected: &Record, span: &[u8], mut start: usize, ends: &[u32], quote: Option<u8>) {
    let fields = expected.content.as_ref().expect("the grammar sees a fault");
    assert_eq!(fields.len(), ends.len());
    for (field, &end) in fields.iter().zip(ends) {
        let bytes = &span[start..end as usize];
        start = end as usize + 1;
        match (field, quote) {
            (Field::Quoted(value), Some(quote)) => {
                let mut quoted = vec![quote];
                for &byte in value {
                    quoted.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == quote)));
                }
                quoted.push(quote);
                assert_eq!(bytes, quoted);
            }
            (Field::Quoted(_), None) => panic!("a quoted field without quotes"),
            (Field::Unquoted(value), _) => assert_eq!(bytes, value),
        }
    }
}
