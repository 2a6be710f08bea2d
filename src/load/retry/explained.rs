//! What a dead-letter file says as a whole: its letters by reason and column, with the values that are at fault.
//!
//! Comes in: a dead-letter file, edited or not, even one that a load still writes. Goes out: counts, a few samples, and the flags with which a
//! retry would take the records. Never: a change to the file, or more memory than a few thousand short values.

use std::collections::HashMap;
use std::path::Path;

use super::letters::{Letter, LetterField, LetterReader, Next};
use crate::error::Error;
use crate::option_name::{DECIMAL_COMMA, FILL_MISSING, IGNORE_EXTRA, NULL_WORD, ON_DUPLICATE, OptionName};
use crate::reject::RejectCode;
use crate::schema::cast;

/// Groups that are told apart, different values of one that are counted, and bytes of such a value.
const MAX_GROUPS: usize = 1_000;
const MAX_VALUES: usize = 1_000;
const MAX_VALUE_BYTES: usize = 64;
/// Values of a group that are shown.
const SHOWN_VALUES: usize = 3;
/// A word that stands for no value is at least so often among ten.
const WORD_OF_TEN: u64 = 5;
const LEAST_WORDS: u64 = 2;

/// The letters of a dead-letter file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    pub letters: u64,
    /// The largest first.
    pub groups: Vec<LetterGroup>,
}

/// Letters of one reason that are about one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterGroup {
    pub code: String,
    /// Empty if they are about no single column.
    pub column: String,
    pub count: u64,
    /// The file and the line of the first, and what is wrong with it.
    pub first_file: Vec<u8>,
    pub first_line: u64,
    pub first_message: Vec<u8>,
    /// The values that come most often, and how often.
    pub values: Vec<(Vec<u8>, u64)>,
    pub remedy: Option<Remedy>,
}

/// An option with which records would be rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    pub option: OptionName,
    /// What the option is given, if it takes something.
    pub value: Option<Vec<u8>>,
    /// Records that it helps, as far as their letters show.
    pub records: u64,
}

/// A group while it is counted.
struct GroupCount {
    group: LetterGroup,
    values: HashMap<Vec<u8>, u64>,
    decimal_commas: u64,
}

/// Reads the dead-letter file at `errors`. `is_guarded`: spreadsheets were kept from running its values.
///
/// # Errors
/// `InputMissing`, `Io`, `InputUnusable` when it is no dead-letter file, or has a line that is none.
pub fn explain(errors: &Path, is_guarded: bool) -> Result<Explained, Error> {
    let file = std::fs::File::open(errors).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::input_missing(errors, source),
        _ => Error::io("opening", errors, source),
    })?;
    let mut reader = LetterReader::of(file, errors, is_guarded, crate::options::DEFAULT_MAX_RECORD_BYTES)?;
    let mut letter = Letter::default();
    let mut groups: HashMap<(Vec<u8>, Vec<u8>), GroupCount> = HashMap::new();
    let mut letters = 0;
    loop {
        match reader.next(&mut letter, &mut std::io::sink())? {
            Next::End => break,
            Next::Large => letters += 1,
            Next::Letter => {
                letters += 1;
                let key = (
                    letter.field(LetterField::Code).to_vec(),
                    letter.field(LetterField::Column).to_vec(),
                );
                if groups.len() < MAX_GROUPS || groups.contains_key(&key) {
                    groups
                        .entry(key)
                        .or_insert_with(|| GroupCount::begin(&letter))
                        .add(&letter);
                }
            }
        }
    }
    let mut groups: Vec<LetterGroup> = groups.into_values().map(GroupCount::end).collect();
    groups.sort_by(|left, right| {
        let key = |group: &LetterGroup| (std::cmp::Reverse(group.count), group.code.clone(), group.column.clone());
        key(left).cmp(&key(right))
    });
    Ok(Explained { letters, groups })
}

impl GroupCount {
    fn begin(letter: &Letter) -> Self {
        let text = |field| String::from_utf8_lossy(letter.field(field)).into_owned();
        GroupCount {
            group: LetterGroup {
                code: text(LetterField::Code),
                column: text(LetterField::Column),
                count: 0,
                first_file: letter.field(LetterField::File).to_vec(),
                first_line: letter.number(LetterField::Line).unwrap_or(0),
                first_message: letter.field(LetterField::Message).to_vec(),
                values: Vec::new(),
                remedy: None,
            },
            values: HashMap::new(),
            decimal_commas: 0,
        }
    }

    fn add(&mut self, letter: &Letter) {
        self.group.count += 1;
        let value = letter.field(LetterField::Value);
        self.decimal_commas += u64::from(has_decimal_comma(value));
        let value = &value[..value.len().min(MAX_VALUE_BYTES)];
        if let Some(count) = self.values.get_mut(value) {
            *count += 1;
        } else if self.values.len() < MAX_VALUES {
            self.values.insert(value.to_vec(), 1);
        }
    }

    fn end(mut self) -> LetterGroup {
        let mut values: Vec<(Vec<u8>, u64)> = self.values.drain().collect();
        values.sort_by(|left, right| (right.1, &left.0).cmp(&(left.1, &right.0)));
        values.truncate(SHOWN_VALUES);
        self.group.values = values;
        self.group.remedy = self.remedy();
        self.group
    }

    fn remedy(&self) -> Option<Remedy> {
        let all = |option, value: Option<&str>| {
            Some(Remedy {
                option,
                value: value.map(|value| value.as_bytes().to_vec()),
                records: self.group.count,
            })
        };
        let is = |code: RejectCode| self.group.code == code.as_str();
        if is(RejectCode::MissingColumns) {
            return all(FILL_MISSING, None);
        }
        if is(RejectCode::TooManyColumns) {
            return all(IGNORE_EXTRA, None);
        }
        if is(RejectCode::DuplicateKey) {
            return all(ON_DUPLICATE, Some("skip"));
        }
        if !is(RejectCode::TypeError) {
            return None;
        }
        if self.decimal_commas * 10 >= self.group.count * WORD_OF_TEN {
            return Some(Remedy {
                option: DECIMAL_COMMA,
                value: None,
                records: self.decimal_commas,
            });
        }
        let (word, records) = self.group.values.first()?;
        let is_word = !word.is_empty() && word.len() < MAX_VALUE_BYTES && !word.contains(&b'"');
        (is_word && *records >= LEAST_WORDS && records * 10 >= self.group.count * WORD_OF_TEN).then(|| Remedy {
            option: NULL_WORD,
            value: Some(word.clone()),
            records: *records,
        })
    }
}

/// Whether a text would be a number if commas stood for points.
fn has_decimal_comma(value: &[u8]) -> bool {
    let commas = value.iter().filter(|&&byte| byte == b',').count();
    let with_point: Vec<u8> = value
        .iter()
        .map(|&byte| if byte == b',' { b'.' } else { byte })
        .collect();
    commas == 1 && !value.contains(&b'.') && value.len() < MAX_VALUE_BYTES && cast::usual_real(&with_point).is_ok()
}
