//! A parsed record beside the one of the slow grammar.

use rowmill::internal::parse::FaultKind;

use crate::oracle::{Field, Record};

/// Fails unless the grammar sees a fault of that name.
pub fn must_be_named(expected: &Record, kind: FaultKind) {
    let code = match kind {
        FaultKind::UnterminatedQuote => "unterminated_quote",
        FaultKind::InvalidQuote => "invalid_quote",
        FaultKind::RecordTooLarge => "record_too_large",
        other => panic!("{other:?} is no fault of CSV"),
    };
    let codes = expected
        .content
        .as_ref()
        .expect_err("a fault where the grammar sees none");
    assert!(codes.contains(code), "{code} is none of {codes:?}");
}

/// Fails unless the grammar sees the fields of `span` that begin at `start` and end at `ends`.
pub fn must_be_fields(expected: &Record, span: &[u8], mut start: usize, ends: &[u32], quote: Option<u8>) {
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
