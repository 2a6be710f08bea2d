//! Inference, in spans of any size, against the slow rules of the tests; and a number that was inferred gives its text back.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use rowmill::ColumnType;
use rowmill::internal::infer::{Facts, Reading, observe};
use rowmill::internal::parse::{Dialect, Records, Syntax, parse};
use rowmill::internal::schema::cast;
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::schema::widths::Widths;
use rowmill_fuzz::oracle::{Field, Grammar, Kind, Rules, kind_of_values};
use rowmill_fuzz::{Characters, Text};

#[derive(Debug, Arbitrary)]
struct Input {
    characters: Characters,
    empty_is_null: bool,
    width: u8,
    /// Records of each span, over and over. Empty: all in one.
    spans: Vec<u8>,
    text: Text,
}

/// Longer records are left to the target `parse`.
const MAX_RECORD_BYTES: usize = 1 << 20;

rowmill_fuzz::target!(|input: Input| {
    let width = usize::from(input.width % 4) + 1;
    let dialect = Dialect {
        delimiter: input.characters.delimiter.into(),
        quote: input.characters.quote,
        line_end: b'\n',
        ..Dialect::default()
    };
    let syntax = Syntax {
        dialect,
        columns: width as u32,
        max_record_bytes: MAX_RECORD_BYTES as u64,
    };
    let rules = Rules {
        delimiter: input.characters.delimiter,
        quote: dialect.quote,
        empty_is_null: input.empty_is_null,
        max_record_bytes: MAX_RECORD_BYTES,
        ..Rules::default()
    };
    let text = &input.text.0[..];
    let grammar = Grammar {
        input: text,
        rules: &rules,
        line_end: b'\n',
        width,
    };
    let sources: Vec<u32> = (0..width as u32).collect();
    let new_facts = || Facts::new(&vec![false; width], &[0]);
    let mut facts = new_facts();
    let mut values: Vec<Vec<Vec<u8>>> = vec![Vec::new(); width];
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut counts = input.spans.iter().map(|&count| usize::from(count).max(1)).cycle();
    let mut start = 0;
    while start < text.len() {
        let mut end = start;
        for _ in 0..counts.next().unwrap_or(usize::MAX) {
            if end == text.len() {
                break;
            }
            let record = grammar.record(end);
            end = record.next;
            let Ok(fields) = record.content else { continue };
            if fields.len() == width && is_text(&fields) {
                for (values, field) in values.iter_mut().zip(&fields) {
                    values.extend(value(field, input.empty_is_null).map(<[u8]>::to_vec));
                }
                keys.extend(value(&fields[0], input.empty_is_null).map(<[u8]>::to_vec));
            }
        }
        let mut records = Records::default();
        let span = &text[start..end];
        assert_eq!(parse(span, true, &syntax, &mut records), span.len());
        let mut later = new_facts();
        let rules = CellRules {
            quoted_empty_is_empty: input.empty_is_null,
            ..CellRules::default()
        };
        let reading = Reading {
            sources: &sources,
            field_count: width,
            widths: Widths::default(),
            format: &syntax,
            cells: &rules,
            numbers: Default::default(),
            repeated_header: None,
            trailing_delimiter: false,
        };
        observe(span, &records, &reading, &mut later);
        facts.merge(&later);
        start = end;
    }
    for (index, values) in values.iter().enumerate() {
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let expected = match kind_of_values(&values, index == 0) {
            Kind::Integer => ColumnType::Integer,
            Kind::Text => ColumnType::Text,
            Kind::Real => ColumnType::Real,
        };
        assert_eq!(facts.column_type(index), expected, "column {index}");
    }
    for key in &keys {
        must_be_cast_without_loss(key);
    }
    if facts.column_type(0) == ColumnType::Integer {
        let integers: Vec<i64> = keys
            .iter()
            .map(|key| std::str::from_utf8(key).unwrap().parse().unwrap())
            .collect();
        let order = facts.key_order();
        let breaks = integers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
        assert_eq!((order.values, order.breaks), (integers.len() as u64, breaks as u64));
    }
});

fn bytes(field: &Field) -> &[u8] {
    let (Field::Quoted(bytes) | Field::Unquoted(bytes)) = field;
    bytes
}

fn is_text(fields: &[Field]) -> bool {
    fields
        .iter()
        .all(|field| std::str::from_utf8(bytes(field)).is_ok() && !bytes(field).contains(&0))
}

/// `None` is NULL.
fn value(field: &Field, empty_is_null: bool) -> Option<&[u8]> {
    match field {
        Field::Unquoted(bytes) if bytes.is_empty() => None,
        Field::Quoted(bytes) if bytes.is_empty() && empty_is_null => None,
        field => Some(bytes(field)),
    }
}

/// An integer gives its own text back. A lossless real is the double that the standard library reads, and no other text with as
/// many digits gives the same one.
fn must_be_cast_without_loss(text: &[u8]) {
    if let Ok(integer) = cast::integer(text) {
        assert_eq!(integer.to_string().as_bytes(), text);
    }
    let standard = || std::str::from_utf8(text).unwrap().parse::<f64>().unwrap();
    if let Ok(real) = cast::real(text) {
        assert_eq!(real, standard());
    }
    if let Ok(real) = cast::lossless_real(text) {
        assert_eq!(real.to_bits(), standard().to_bits());
        // Rust prints the shortest digits that read back as the same double; zeros at either end are not digits.
        let digits = |text: &str| {
            let (digits, _) = text.split_once('e').unwrap_or((text, ""));
            let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
            digits.trim_matches('0').to_owned()
        };
        let text = std::str::from_utf8(text).unwrap();
        assert_eq!(
            digits(&format!("{real:e}")),
            digits(text),
            "{text} is not what {real:e} prints"
        );
    }
}
