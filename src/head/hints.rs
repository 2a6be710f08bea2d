//! What a file's name, or a first record of one field, says about the delimiter; what backslashes may mean.

use std::path::Path;

use crate::decode::without_ending;
use crate::dialect::Delimiter;
use crate::head::sniff::EscapeDoubt;
use crate::option_name::{DELIMITER, ESCAPE, NULL_WORD};

/// The delimiter that a file's name promises.
pub(super) fn delimiter_of_name(path: &Path) -> Option<u8> {
    let ending = without_ending(path).extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "tsv" | "tab" => Some(b'\t'),
        "psv" => Some(b'|'),
        _ => None,
    }
}

/// What to look at, if the first record of an input, `text`, is one field only with `delimiter`.
pub(super) fn one_column_hint(text: &[u8], delimiter: Delimiter) -> Option<String> {
    let count = |wanted: u8| {
        // As a delimiter stands, not as in prose.
        let stands = |(at, &byte): (usize, &u8)| byte == wanted && text.get(at + 1).is_some_and(|&next| next != b' ');
        text.iter().enumerate().filter(|&at| stands(at)).count()
    };
    let others = [(b',', "comma"), (b';', "semicolon"), (b'\t', "tab"), (b'|', "bar")];
    let counts = others.into_iter().filter(|&(byte, _)| delimiter.single() != Some(byte));
    let (found, name) = counts
        .map(|(byte, name)| (count(byte), name))
        .max_by_key(|&(count, _)| count)?;
    let plural = if found == 1 { "" } else { "s" };
    (found > 0)
        .then(|| format!("it has one column, and its first record holds {found} {name}{plural}: is {DELIMITER} right?"))
}

/// What to look at, if backslashes may mean something.
pub(super) fn escape_hint(doubt: EscapeDoubt) -> String {
    match doubt {
        EscapeDoubt::BeforeLetters => {
            format!(
                "backslashes before quotes or delimiters seem to be escapes, but others stand before letters, which programs read \
                 differently: is it {ESCAPE} mysql, postgres, or '\\'?"
            )
        }
        EscapeDoubt::NullWord => {
            format!(
                "it holds \\N, which MySQL and PostgreSQL write for NULL: are {NULL_WORD} '\\N' and {ESCAPE} mysql or postgres right?"
            )
        }
    }
}
