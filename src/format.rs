//! How bytes become records: the seam between an input's text and everything after it.
//!
//! Comes in: a span that begins where a record begins. Goes out: its records, and for each where it and its fields lie. The pipeline and
//! validation are compiled for each format, so that a record or a field costs no call. CSV is one, whose grammar is described in
//! [`parse`](crate::parse), and JSON Lines is another; nothing below asks for either by name.

mod csv;
mod json_lines;

pub use self::csv::Csv;
pub use self::json_lines::{FieldNames, JsonLines, UnknownName, object_names};
pub use crate::dialect::Escape;
use crate::encoding::Encoding;
use crate::position::ByteRange;
use crate::schema::cells::{CellMeaning, CellRules};
use crate::schema::rules::MissingValues;
pub use crate::syntax_fault::{Fault, FaultKind, JsonExpected};

/// A format, with everything that an input's form depends on.
pub trait Format: Copy + Send + Sync {
    /// What is found in a span.
    type Parsed: Parsed;

    /// Whether what stands between the fields of a record must be UTF-8, too.
    const IS_TEXT_THROUGHOUT: bool = false;

    /// Finds the records of `span` that start before `border_bytes`, as far as the bytes decide them; the bytes after the border only help
    /// to decide the last of them. `at_end`: the input ends with the span.
    ///
    /// Returns where the first record that is not decided starts: exactly `border_bytes` if a record starts there, more if one reaches
    /// across it. The outcome depends on the bytes alone, never on where a span ended.
    fn parse_before(&self, span: &[u8], border_bytes: usize, at_end: bool, found: &mut Self::Parsed) -> usize;

    /// Where to end a chunk that starts at `window[0]` and is about `target_bytes` long: just after a line end. `None` if there is none. A
    /// guess, which affects only how much is parsed twice. `lines_matter`: records of this input may have line ends
    /// in them.
    fn cut(&self, window: &[u8], target_bytes: usize, lines_matter: bool) -> Option<usize>;

    /// The byte that ends lines.
    fn line_end(&self) -> u8;

    /// Whether every record is meant as one, and every field as it stands: no comments, no blanks that mean nothing, no escapes, and one byte
    /// between two fields.
    fn is_usual(&self) -> bool;

    /// Where the value of the field in `range` of `span` stands.
    fn value(&self, span: &[u8], range: ByteRange) -> ByteRange;

    /// The greatest length of a record.
    fn max_record_bytes(&self) -> u64;

    /// The field that stands in the input as `bytes`.
    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a>;

    /// How characters are written in the bytes that are parsed.
    fn encoding(&self) -> Encoding;

    /// What in a field may take its meaning from the character after it.
    fn escape(&self) -> Option<Escape>;

    /// Gives `take` the value of a field piece by piece, escapes and doubled quotes resolved.
    fn resolve(&self, field: Field<'_>, take: &mut dyn FnMut(&[u8]));

    /// How a quote is written inside a quoted field, in words.
    fn inner_quotes(&self) -> &'static str;

    /// Whether a field that stands in the input as `bytes` has an escape in it.
    #[inline]
    fn has_escape(&self, bytes: &[u8]) -> bool {
        self.escape()
            .is_some_and(|escape| memchr::memchr(escape.byte(), bytes).is_some())
    }

    /// How a field is read by `rules`.
    fn cell(&self, field: Field<'_>, rules: &CellRules) -> CellMeaning {
        rules.read::<false>(field.bytes(), field.quote().is_some())
    }

    /// How a field is read of which `missing` texts stand for no value.
    fn cell_or_missing(&self, field: Field<'_>, missing: &MissingValues) -> CellMeaning {
        match missing.have(field.unquoted(), field.quote()) {
            true => CellMeaning::Null,
            false => CellMeaning::Value,
        }
    }

    /// Whether a field says that it is a text, whatever it looks like.
    #[inline(always)]
    fn is_text(&self, _field: Field<'_>) -> bool {
        false
    }

    /// What stands in `span` where a record has a `fault`; empty if that is told in other ways.
    fn at_fault(&self, _span: &[u8], _record: &Record, _fault: Fault) -> ByteRange {
        ByteRange::default()
    }

    /// Memory that what is found in a line takes, besides what every format takes.
    fn bytes_per_line(&self) -> usize {
        0
    }

    /// Line ends in `span`, whose records are `parsed`.
    fn line_count(&self, span: &[u8], parsed: &Self::Parsed) -> u32 {
        if parsed.is_multi_line() {
            return memchr::memchr_iter(self.line_end(), span).count() as u32;
        }
        let last_is_open = span.last().is_some_and(|&byte| byte != self.line_end());
        parsed.count() as u32 - u32::from(last_is_open)
    }
}

/// The records of one span. It is reused from span to span.
pub trait Parsed: Default + Send {
    type Fields<'r>: Fields
    where
        Self: 'r;

    /// How many there are.
    fn count(&self) -> usize;

    /// Whether a record may hold a line end. If none does, each record is a line.
    fn is_multi_line(&self) -> bool;

    /// The records in input order, each with its fields. `USUAL`: their format is [usual](Format::is_usual).
    fn iter<const USUAL: bool>(&self) -> impl Iterator<Item = (Record, Self::Fields<'_>)>;
}

/// One record of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its bytes in the span, without the line end.
    pub source: ByteRange,
    /// A record with a fault has no fields. One without a fault that has none, and is no comment, is a blank line.
    pub fault: Option<Fault>,
    /// It is a line that is no record, though it has its place among them.
    pub is_comment: bool,
}

/// Where the fields of a record lie: each a range of its own, which need not touch its neighbours.
pub trait Fields: Copy {
    fn count(&self) -> usize;

    /// The field with this index, 0-based, in the span.
    fn range(&self, index: usize) -> ByteRange;
}

/// Whether the `fields` of a record in `span` say `names`, quotes and blanks that mean nothing aside; a byte order mark before the first is
/// one of a file that was put together from others.
pub fn are_names<F: Format>(format: &F, span: &[u8], fields: impl Fields, names: &[String]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let is_name = |(index, name): (usize, &String)| {
        let bytes = format.value(span, fields.range(index)).of(span);
        let bytes = match index {
            0 => bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes),
            _ => bytes,
        };
        match format.has_escape(bytes) || !(bytes.is_ascii() || format.encoding().by_field().is_none()) {
            false => format.field(bytes).says(name.as_bytes()),
            true => resolves_to(format, format.field(bytes), name),
        }
    };
    fields.count() == names.len() && names.iter().enumerate().all(is_name)
}

/// Whether a record in `span` has, after the `expected` fields, one more that is empty: a delimiter at the end of the line makes one.
pub fn ends_empty<F: Format>(format: &F, span: &[u8], fields: impl Fields, expected: u32) -> bool {
    let is_one_more = fields.count() == expected as usize + 1;
    is_one_more && format.value(span, fields.range(expected as usize)).is_empty()
}

/// Whether the value of a field, which is not what its bytes are, is `text`. Takes memory for the field: it is asked only of fields of which
/// all before them said what was looked for.
fn resolves_to<F: Format>(format: &F, field: Field<'_>, text: &str) -> bool {
    let mut value = Vec::with_capacity(field.bytes().len());
    format.resolve(field, &mut |piece| value.extend_from_slice(piece));
    format.encoding().text(&value).is_some_and(|value| value == text)
}

/// One field, as it stands in the input.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    bytes: &'a [u8],
    quote: Option<u8>,
}

impl<'a> Field<'a> {
    /// A field that is enclosed in a pair of `quote`s, if one is given.
    #[inline]
    pub fn new(bytes: &'a [u8], quote: Option<u8>) -> Self {
        Field { bytes, quote }
    }

    /// The quote that encloses it. Within the field, a doubled quote stands for a single one.
    #[inline]
    pub fn quote(&self) -> Option<u8> {
        self.quote
    }

    /// Its bytes as they stand there.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether its value is `text`.
    fn says(&self, text: &[u8]) -> bool {
        let Some(quote) = self.quote else {
            return self.bytes == text;
        };
        if self.bytes.len() < 2 {
            return false;
        }
        let (mut inside, mut text) = (self.unquoted().iter(), text.iter());
        while let Some(byte) = inside.next() {
            if text.next() != Some(byte) {
                return false;
            }
            if *byte == quote {
                inside.next();
            }
        }
        text.next().is_none()
    }

    /// The bytes between the quotes; quotes inside are still doubled.
    #[inline]
    pub fn unquoted(&self) -> &'a [u8] {
        match self.quote {
            Some(_) => &self.bytes[1..self.bytes.len() - 1],
            None => self.bytes,
        }
    }
}
