//! JSON Lines, whole and in spans of any size, against serde_json: which lines are objects, and what their values are.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::Encoding;
use rowmill::internal::format::{FaultKind, FieldNames, Fields, Format, JsonLines, Parsed, UnknownName};
use rowmill_fuzz::Text;
use rowmill_fuzz::members::Members;
use serde_json::Value;

#[derive(Debug, Arbitrary)]
struct Input {
    /// Lengths of the spans, over and over. Empty: all in one.
    spans: Vec<u8>,
    pieces: Vec<Piece>,
}

/// What JSON is made of, and anything else.
#[derive(Debug, Arbitrary)]
enum Piece {
    Line,
    Word(u8),
    Text(Text),
}

const WORDS: [&str; 32] = [
    "{", "}", "[", "]", ":", ",", " ", "\"", "\"a\":", "\"b\":", "\"A\":", "\"c\":", "\\\"", "\\\\", "\\u", "d83d",
    "\\ude00", "\\u0000", "null", "true", "false", "0", "-", "12", ".5", "e", "E+7", "\t", "\r", "\u{e9}", "\"a\"",
    "\"x y\"",
];
const NAMES: [&str; 2] = ["a", "b"];

/// A line as it was found: the values as they stand there.
type Line = Result<Vec<Vec<u8>>, FaultKind>;

fn found(span: &[u8], at_end: bool, format: &JsonLines<'_>, lines: &mut Vec<Line>) -> usize {
    let mut parsed = <JsonLines<'_> as Format>::Parsed::default();
    let consumed = format.parse_before(span, span.len(), at_end, &mut parsed);
    for (record, fields) in parsed.iter::<false>() {
        let field = |index| fields.range(index).of(span).to_vec();
        let values = || (0..fields.count()).map(field).collect();
        lines.push(record.fault.map_or_else(|| Ok(values()), |fault| Err(fault.kind)));
        if let Some(fault) = record.fault {
            // It must lie within the record.
            let _ = format.at_fault(span, &record, fault).of(span);
        }
    }
    consumed
}

/// `line` must be what serde_json takes `text` for.
fn must_agree(text: &[u8], line: &Line, format: &JsonLines<'_>) {
    let shown = text.escape_ascii();
    let read: Result<Members, _> = serde_json::from_slice(text);
    let Members(members) = match read {
        Ok(members) => members,
        // It is a number all the same; and bytes that are not UTF-8 are validation's affair.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(_) if std::str::from_utf8(text).is_err() => return,
        Err(_) => {
            let is_blank = matches!(line, Ok(values) if values.is_empty());
            return assert!(line.is_err() || is_blank, "{shown}: {line:?}");
        }
    };
    let named = |name: &str| -> Vec<&Value> {
        let of_name = members.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value).collect()
    };
    let is_repeated = NAMES.iter().any(|name| named(name).len() > 1);
    let has_nul = |text: &str| text.contains('\0');
    let is_nul = (members.iter()).any(|(name, value)| has_nul(name) || value.as_str().is_some_and(has_nul));
    match line {
        Err(FaultKind::EscapedNul) => assert!(is_nul, "{shown}"),
        Err(FaultKind::RepeatedName) => assert!(is_repeated && !is_nul, "{shown}"),
        Err(kind) => panic!("{shown}: {kind:?}"),
        Ok(values) => {
            assert!(!is_repeated && !is_nul, "{shown}");
            for (name, value) in NAMES.iter().zip(values) {
                let expected = named(name).first().map_or(Value::Null, |&value| value.clone());
                if value.is_empty() {
                    assert_eq!(expected, Value::Null, "{shown}");
                } else if let Some(text) = expected.as_str() {
                    let mut resolved = Vec::new();
                    format.resolve(format.field(value), &mut |piece| resolved.extend_from_slice(piece));
                    assert_eq!(resolved, text.as_bytes(), "{shown}");
                } else {
                    assert_eq!(serde_json::from_slice::<Value>(value).ok(), Some(expected), "{shown}");
                }
            }
        }
    }
}

rowmill_fuzz::target!(|input: Input| {
    let mut text = Vec::new();
    for piece in input.pieces.iter().take(400) {
        match piece {
            Piece::Line => text.push(b'\n'),
            Piece::Word(word) => text.extend_from_slice(WORDS[usize::from(*word) % WORDS.len()].as_bytes()),
            Piece::Text(piece) => text.extend_from_slice(&piece.0),
        }
    }
    let names: FieldNames = NAMES.iter().collect();
    let format = JsonLines {
        names: &names,
        unknown: UnknownName::PassOver,
        encoding: Encoding::UTF_8,
        max_record_bytes: 1 << 20,
    };
    let mut lines = Vec::new();
    found(&text, true, &format, &mut lines);
    let ends_line = text.is_empty() || text.ends_with(b"\n");
    let mut texts: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    if ends_line {
        texts.pop();
    }
    assert_eq!(lines.len(), texts.len());
    for (text, line) in texts.iter().zip(&lines) {
        // A form feed alone is a blank line.
        if !text.starts_with(b"\x0c") {
            must_agree(text, line, &format);
        }
    }
    let (mut at, mut end, mut pieces) = (0, 0, Vec::new());
    let mut spans = input.spans.iter().map(|&bytes| usize::from(bytes) + 1).cycle();
    while end < text.len() {
        end = spans.next().map_or(text.len(), |bytes| (end + bytes).min(text.len()));
        at += found(&text[at..end], end == text.len(), &format, &mut pieces);
    }
    assert!(pieces == lines, "spans of {:?} give other records", input.spans);
});
