//! The parser, fed in pieces of any size with some of what follows in view, against the slow grammar of the tests: the same records, fields and faults.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::internal::chunk::cut;
use rowmill::internal::parse::{Dialect, Records, Syntax, parse_before};
use rowmill_fuzz::oracle::{Grammar, Rules};
use rowmill_fuzz::records::{must_be_fields, must_be_named};
use rowmill_fuzz::{Characters, Text};

#[derive(Debug, Arbitrary)]
struct Input {
    characters: Characters,
    old_mac: bool,
    /// 0: not known.
    columns: u8,
    /// 0: no limit.
    max_record_bytes: u16,
    /// Lengths of the pieces in which the text arrives, over and over. Empty: whole.
    pieces: Vec<u8>,
    /// How many bytes after a piece are in view.
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
        delimiter: input.characters.delimiter.into(),
        quote: input.characters.quote,
        line_end,
        ..Dialect::default()
    };
    let syntax = Syntax {
        dialect,
        columns: u32::from(input.columns % 4),
        max_record_bytes,
    };
    let rules = Rules {
        delimiter: input.characters.delimiter,
        quote: dialect.quote,
        max_record_bytes: max_record_bytes as usize,
        ..Rules::default()
    };
    let text = &input.text.0[..];
    // What becomes of a line feed after the last line of an old Mac file is tested by the target `line_ends`.
    let text = if input.old_mac { text.trim_ascii_end() } else { text };
    let grammar = Grammar {
        input: text,
        rules: &rules,
        line_end,
        width: syntax.columns as usize,
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
        let decided = parse_before(span, border, at_end, &syntax, &mut out);
        let mut first_field = 0;
        for record in &out.records {
            let expected = grammar.record(expected_at);
            expected_at = expected.next;
            assert!(
                start + (record.start as usize) < present,
                "no record starts after the border"
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
