//! Which of the things that an input is divided into are records: blank lines, comments and repeated headers are none. Pure.

use serde::{Deserialize, Serialize};

use crate::format::{Fields, Format, Parsed, Record, are_names};

/// What has its place among the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    Record,
    /// A blank line, or a form feed between two pages.
    Blank,
    Comment,
    /// The header once more.
    RepeatedHeader,
}

/// What there is in a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    pub records: u64,
    pub blank_lines: u64,
    pub comment_lines: u64,
    pub repeated_headers: u64,
}

impl RecordCounts {
    /// Adds what there is in another span.
    pub fn add(&mut self, other: RecordCounts) {
        self.records += other.records;
        self.blank_lines += other.blank_lines;
        self.comment_lines += other.comment_lines;
        self.repeated_headers += other.repeated_headers;
    }
}

/// Tells records from what is none.
#[derive(Debug, Clone, Copy)]
pub struct RecordSorter<'a, F> {
    pub span: &'a [u8],
    pub format: &'a F,
    /// Fields of a record.
    pub field_count: u32,
    /// A record that says this is the header once more.
    pub repeated_header: Option<&'a [String]>,
}

impl<F: Format> RecordSorter<'_, F> {
    /// Whether a record is one. `USUAL`: the format [is](Format::is_usual), and no header is to be dropped.
    #[inline(always)]
    pub(super) fn kind<const USUAL: bool>(&self, record: &Record, fields: impl Fields) -> RecordKind {
        if fields.count() == 1 && self.field_count > 1 && self.is_blank::<USUAL>(record) {
            return RecordKind::Blank;
        }
        if USUAL {
            return RecordKind::Record;
        }
        if fields.count() == 0 && record.fault.is_none() && !record.is_comment {
            return RecordKind::Blank;
        }
        if record.is_comment {
            return RecordKind::Comment;
        }
        let repeats = |names: &[String]| are_names(self.format, self.span, fields, names);
        match record.fault.is_none() && self.repeated_header.is_some_and(repeats) {
            true => RecordKind::RepeatedHeader,
            false => RecordKind::Record,
        }
    }

    /// Whether a record of one field is a blank line, or a form feed between two pages.
    #[inline(always)]
    fn is_blank<const USUAL: bool>(&self, record: &Record) -> bool {
        record.source.is_empty()
            || record.source.of(self.span) == b"\x0c"
            || (!USUAL && self.format.value(self.span, record.source).is_empty())
    }

    /// Counts what was found in the span.
    pub fn count(&self, parsed: &F::Parsed) -> RecordCounts {
        match self.format.is_usual() && self.repeated_header.is_none() {
            true => self.count_by::<true>(parsed),
            false => self.count_by::<false>(parsed),
        }
    }

    fn count_by<const USUAL: bool>(&self, parsed: &F::Parsed) -> RecordCounts {
        let mut counts = RecordCounts::default();
        for (record, fields) in parsed.iter::<USUAL>() {
            match self.kind::<USUAL>(&record, fields) {
                RecordKind::Record => counts.records += 1,
                RecordKind::Blank => counts.blank_lines += 1,
                RecordKind::Comment => counts.comment_lines += 1,
                RecordKind::RepeatedHeader => counts.repeated_headers += 1,
            }
        }
        counts
    }
}
