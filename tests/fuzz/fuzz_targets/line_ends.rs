//! What ends the lines of an input, found from its bytes and by its head, against a second, plain form of the rule; and the records that
//! follow from it, including the last line feed of an old Mac file.

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::io::Write;

use arbitrary::Arbitrary;
use rowmill::internal::LoadOptions;
use rowmill::internal::head::line_ends::{LineEnds, Look, line_ends};
use rowmill::internal::head::read_head;
use rowmill::internal::options::DialectOptions;
use rowmill::internal::parse::{Dialect, Records, Syntax, parse_before};
use rowmill::internal::window;
use rowmill_fuzz::Characters;
use rowmill_fuzz::oracle::{Grammar, Rules, line_end};

#[derive(Debug, Arbitrary)]
struct Input {
    characters: Characters,
    columns: u8,
    /// Where the bytes are cut in two to be parsed.
    cut: u8,
    has_mark: bool,
    pieces: Vec<Piece>,
}

/// What decides about line ends, and what does not.
#[derive(Debug, Arbitrary, Clone, Copy)]
enum Piece {
    Cr,
    Lf,
    CrLf,
    Quote,
    Delimiter,
    Text,
}

rowmill_fuzz::target!(|input: Input| {
    let Characters { delimiter, quote } = input.characters;
    let mut text: Vec<u8> = Vec::new();
    for piece in input.pieces.iter().take(200) {
        match piece {
            Piece::Cr => text.push(b'\r'),
            Piece::Lf => text.push(b'\n'),
            Piece::CrLf => text.extend(b"\r\n"),
            Piece::Quote => text.push(quote.unwrap_or(b'"')),
            Piece::Delimiter => text.push(delimiter),
            Piece::Text => text.push(b'x'),
        }
    }
    let rules = Rules {
        delimiter,
        quote,
        ..Rules::default()
    };
    let expected = line_end(&text, &rules);
    let look = Look {
        bytes: &text,
        next: None,
        is_widest: true,
        dialect: Dialect {
            delimiter: delimiter.into(),
            quote,
            ..Dialect::default()
        },
    };
    let found = match line_ends(&look) {
        None | Some(LineEnds::Lf) => Some(b'\n'),
        Some(LineEnds::Cr) => Some(b'\r'),
        Some(LineEnds::Mixed { cr, lf }) => {
            assert_eq!((text[cr], text[lf]), (b'\r', b'\n'));
            None
        }
    };
    assert_eq!(found, expected);
    let cut = text.len().min(usize::from(input.cut));
    part_must_agree(&look, cut);
    head_must_say(&text, &input, expected);
    if let Some(line_end) = found {
        records_must_follow(&text, &input, line_end, &rules);
    }
});

/// A look at the first `cut` bytes says nothing that the whole does not say.
fn part_must_agree(whole: &Look<'_>, cut: usize) {
    let part = Look {
        bytes: &whole.bytes[..cut],
        next: whole.bytes.get(cut).copied(),
        is_widest: cut == whole.bytes.len(),
        ..*whole
    };
    match line_ends(&part) {
        None => {}
        Some(LineEnds::Cr) => assert!(!matches!(line_ends(whole), None | Some(LineEnds::Lf))),
        told => assert_eq!(told, line_ends(whole)),
    }
}

/// The head of a file of these bytes says the same, or that it has no header to be used.
fn head_must_say(text: &[u8], input: &Input, expected: Option<u8>) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    if input.has_mark {
        file.write_all(b"\xEF\xBB\xBF").expect("room for a mark");
    }
    file.write_all(text).expect("room for 400 bytes");
    let options = LoadOptions {
        dialect: DialectOptions {
            delimiter: Some(input.characters.delimiter.into()),
            quote: input.characters.quote,
            ..DialectOptions::default()
        },
        ..LoadOptions::default()
    };
    let mut source = window::Input::open(file.path()).expect("what was made just now");
    match read_head(&mut source, &options, None, &|| false) {
        Ok(head) => assert_eq!(Some(head.dialect.line_end), expected),
        Err(error) => assert_eq!(error.exit_code(), 65),
    }
}

/// Parsed in two pieces, the bytes are the records of the grammar.
fn records_must_follow(text: &[u8], input: &Input, line_end: u8, rules: &Rules) {
    let syntax = Syntax {
        dialect: Dialect {
            delimiter: rules.delimiter.into(),
            quote: rules.quote,
            line_end,
            ..Dialect::default()
        },
        columns: u32::from(input.columns % 4),
        max_record_bytes: 1 << 20,
    };
    let lines = match text.strip_suffix(b"\n") {
        Some(lines) if line_end == b'\r' => lines,
        _ => text,
    };
    let grammar = Grammar {
        input: lines,
        rules,
        line_end,
        width: syntax.columns as usize,
    };
    let cut = text.len().min(usize::from(input.cut));
    let (mut start, mut expected_at) = (0, 0);
    let mut out = Records::default();
    for border in [cut, text.len()] {
        let decided = parse_before(&text[start..], border.saturating_sub(start), true, &syntax, &mut out);
        for record in &out.records {
            let expected = grammar.record(expected_at);
            expected_at = expected.next;
            let found = (start + record.start as usize, start + record.end as usize);
            assert_eq!(found, (expected.start, expected.end));
        }
        start += decided;
    }
    assert_eq!((start, expected_at), (text.len(), lines.len()));
}
