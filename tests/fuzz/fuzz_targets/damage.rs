//! Quoted fields that are damaged on one of several lines, among good lines, tails and quotes of every kind, against the slow grammar of the
//! tests: the same records cost the same lines, whatever is in view, and no row comes of a line that was taken in.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::internal::parse::{Dialect, Records, Syntax, parse_before};
use rowmill_fuzz::oracle::{Grammar, Rules};
use rowmill_fuzz::records::{must_be_fields, must_be_named};

#[derive(Debug, Arbitrary)]
struct Input {
    old_mac: bool,
    columns: u8,
    /// 0: no limit.
    max_record_bytes: u8,
    /// Lengths of the pieces in which the text arrives, over and over. Empty: whole.
    pieces: Vec<u8>,
    /// How many bytes after a piece are in view.
    ahead_bytes: u8,
    lines: Vec<Vec<Token>>,
}

#[derive(Debug, Arbitrary, Clone, Copy)]
enum Token {
    Word,
    Delimiter,
    Quote,
    OpenField,
    CloseField,
    DoubledQuote,
    GoodLine,
    QuotedLine,
    Cr,
}

impl Token {
    fn text(self) -> &'static [u8] {
        match self {
            Token::Word => b"ab",
            Token::Delimiter => b",",
            Token::Quote => b"\"",
            Token::OpenField => b",\"",
            Token::CloseField => b"\",",
            Token::DoubledQuote => b"\"\"",
            Token::GoodLine => b"c,d",
            Token::QuotedLine => b"\"e\",f",
            Token::Cr => b"\r",
        }
    }
}

rowmill_fuzz::target!(|input: Input| {
    let line_end = if input.old_mac { b'\r' } else { b'\n' };
    let mut text: Vec<u8> = Vec::new();
    for line in input.lines.iter().take(60) {
        for token in line.iter().take(12) {
            text.extend(token.text());
        }
        text.push(line_end);
    }
    let syntax = Syntax {
        dialect: Dialect {
            line_end,
            ..Dialect::default()
        },
        columns: u32::from(input.columns % 4),
        max_record_bytes: match input.max_record_bytes {
            0 => 1 << 20,
            limit => u64::from(limit),
        },
    };
    let rules = Rules {
        max_record_bytes: syntax.max_record_bytes as usize,
        ..Rules::default()
    };
    let grammar = Grammar {
        input: &text,
        rules: &rules,
        line_end,
        width: syntax.columns as usize,
    };
    let mut lengths = input.pieces.iter().map(|&length| usize::from(length).max(1)).cycle();
    let mut out = Records::default();
    let (mut start, mut present, mut expected_at) = (0, 0, 0);
    while start < text.len() {
        present = text.len().min(present + lengths.next().unwrap_or(text.len()));
        let view_end = text.len().min(present.max(start) + usize::from(input.ahead_bytes));
        let (span, border) = (&text[start..view_end], present.saturating_sub(start));
        let at_end = view_end == text.len();
        let decided = parse_before(span, border, at_end, &syntax, &mut out);
        let mut first_field = 0;
        for record in &out.records {
            let expected = grammar.record(expected_at);
            expected_at = expected.next;
            let found = (start + record.start as usize, start + record.end as usize);
            assert_eq!(found, (expected.start, expected.end));
            let ends = &out.field_ends[first_field..record.fields_end as usize];
            first_field = record.fields_end as usize;
            match record.fault.checked_sub(1) {
                Some(fault) => must_be_named(&expected, out.faults[fault as usize].kind),
                None => must_be_fields(&expected, span, record.start as usize, ends, Some(b'"')),
            }
        }
        start += decided;
        assert_eq!(start, expected_at, "what is decided ends where a record ends");
        assert!(start >= present || !at_end, "with the end in view all is decided");
    }
});
