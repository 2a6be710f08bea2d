//! CSV as a format. The fields of a record touch: after each comes a delimiter, then the next field, so one offset a field says it all.
//! In the usual dialect the delimiter's length is a constant.

use super::{Field, Fields, Format, Parsed, Record};
use crate::chunk;
use crate::dialect::Escape;
use crate::encoding::Encoding;
use crate::parse::{COMMENT, Dialect, Records, Syntax, parse_before};
use crate::position::ByteRange;

/// CSV in a dialect.
pub type Csv = Syntax;

impl Format for Csv {
    type Parsed = Records;

    fn parse_before(&self, span: &[u8], border_bytes: usize, at_end: bool, found: &mut Records) -> usize {
        parse_before(span, border_bytes, at_end, self, found)
    }

    fn cut(&self, window: &[u8], target_bytes: usize, lines_matter: bool) -> Option<usize> {
        // Finding line ends outside quotes takes a pass over the bytes, which most inputs do not need.
        let (quote, escape) = match lines_matter {
            true => (self.dialect.quote, self.dialect.escape),
            false => (None, None),
        };
        let dialect = Dialect {
            quote,
            escape,
            ..self.dialect
        };
        chunk::cut(window, target_bytes, &dialect)
    }

    fn line_end(&self) -> u8 {
        self.dialect.line_end
    }

    fn is_usual(&self) -> bool {
        self.dialect.comment.is_none() && !self.dialect.trim && self.dialect.is_bytewise()
    }

    fn value(&self, span: &[u8], range: ByteRange) -> ByteRange {
        let (before, value) = self.dialect.trimmed(range.of(span));
        let start = range.start + before as u32;
        ByteRange {
            start,
            end: start + value.len() as u32,
        }
    }

    fn max_record_bytes(&self) -> u64 {
        self.max_record_bytes
    }

    #[inline]
    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        Field::new(bytes, self.dialect.quote.filter(|quote| bytes.first() == Some(quote)))
    }

    #[inline]
    fn encoding(&self) -> Encoding {
        self.dialect.encoding
    }

    #[inline]
    fn escape(&self) -> Option<Escape> {
        self.dialect.escape
    }

    fn inner_quotes(&self) -> &'static str {
        match (self.dialect.doubles_quotes, self.dialect.escape) {
            (true, None) => "a quote is written twice",
            (true, Some(_)) => "a quote is written twice, or after an escape",
            (false, Some(_)) => "a quote is written after an escape",
            (false, None) => "there is no quote, as two do not stand for one",
        }
    }

    fn resolve(&self, field: Field<'_>, take: &mut dyn FnMut(&[u8])) {
        self.dialect.resolve(field.unquoted(), field.quote().is_some(), take);
    }
}

/// Fields with a delimiter between each two of them.
#[derive(Debug, Clone, Copy)]
pub struct TouchingFields<'r> {
    start: u32,
    /// Length of a delimiter.
    gap: u32,
    ends: &'r [u32],
}

impl Fields for TouchingFields<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn range(&self, index: usize) -> ByteRange {
        // The end first: if it is there, so are those before it, and a second check is not needed.
        let end = self.ends[index];
        let start = match index {
            0 => self.start,
            _ => self.ends[index - 1] + self.gap,
        };
        ByteRange { start, end }
    }
}

impl Parsed for Records {
    type Fields<'r> = TouchingFields<'r>;

    fn count(&self) -> usize {
        self.records.len()
    }

    fn is_multi_line(&self) -> bool {
        self.multi_line
    }

    #[inline]
    fn iter<const USUAL: bool>(&self) -> impl Iterator<Item = (Record, TouchingFields<'_>)> {
        let mut first_field = 0;
        let gap = if USUAL { 1 } else { self.gap };
        self.records.iter().map(move |record| {
            let ends = &self.field_ends[first_field..record.fields_end as usize];
            first_field = record.fields_end as usize;
            let found = Record {
                source: ByteRange {
                    start: record.start,
                    end: record.end,
                },
                is_comment: record.fault == COMMENT,
                fault: match record.fault {
                    0 | COMMENT => None,
                    fault => Some(self.faults[fault as usize - 1]),
                },
            };
            let start = record.start;
            (found, TouchingFields { start, gap, ends })
        })
    }
}
