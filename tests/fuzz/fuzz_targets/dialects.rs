//! The parser in a dialect of any kind, fed in pieces of any size with some of what follows in view, against its own slow form: the same
//! records, fields and faults.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::internal::chunk::cut;
use rowmill::internal::parse::{Records, Syntax, parse_before};
use rowmill_fuzz::parsed::{collect, reference};
use rowmill_fuzz::{AnyDialect, Text};

#[derive(Debug, Arbitrary)]
struct Input {
    dialect: AnyDialect,
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
    let AnyDialect(dialect) = input.dialect;
    let syntax = Syntax {
        dialect,
        columns: u32::from(input.columns % 4),
        max_record_bytes: match input.max_record_bytes {
            0 => 1 << 20,
            limit => u64::from(limit),
        },
    };
    let text = &input.text.0[..];
    let expected = reference(text, &syntax);
    let mut found = Vec::new();
    let mut lengths = input.pieces.iter().map(|&length| usize::from(length).max(1)).cycle();
    let mut out = Records::default();
    let (mut start, mut present) = (0, 0);
    while start < text.len() {
        present = text.len().min(present + lengths.next().unwrap_or(text.len()));
        let view_end = text.len().min(present.max(start) + usize::from(input.ahead_bytes));
        let (span, border) = (&text[start..view_end], present.saturating_sub(start));
        let at_end = view_end == text.len();
        let decided = parse_before(span, border, at_end, &syntax, &mut out);
        found.extend(collect(&out, start));
        assert!(
            found.iter().all(|record| record.start < present),
            "no record starts after the border"
        );
        start += decided;
        assert!(
            start >= present || !at_end,
            "with the end in view everything is decided"
        );
    }
    assert_eq!(found, expected);
    match cut(text, usize::from(input.max_record_bytes), &dialect) {
        Some(length) => assert_eq!(text[length - 1], dialect.line_end, "a chunk ends just after a line end"),
        None => assert!(!text.contains(&dialect.line_end)),
    }
});
