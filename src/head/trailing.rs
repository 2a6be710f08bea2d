//! Delimiters that end lines instead of standing between fields.
//!
//! Comes in: a header and the first records after it. Goes out: whether every line ends with a delimiter. Evidence must be clear, as what
//! is dropped is a column: none of the records that are looked at has a value there.

use super::Head;
use crate::error::Error;
use crate::format::{Csv, Fields, Format, Parsed, are_names};
use crate::options::LoadOptions;
use crate::parse::{Records, parse};
use crate::schema::identifier;
use crate::window::Input;

/// Bytes after the header that are looked at.
const SAMPLE_BYTES: usize = 64 << 10;

/// Whether the lines of an input end with a delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnding {
    /// As the header does, which has no name after it.
    AsHeader,
    /// Unlike the header.
    UnlikeHeader,
    /// No.
    Plain,
}

impl Head {
    /// Takes an empty last column for the delimiter before it, where that is what it is.
    ///
    /// # Errors
    /// As [`Input::window`].
    pub(super) fn drop_trailing_delimiter(
        &mut self,
        input: &mut Input,
        options: &LoadOptions,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        // What is appended later may speak against it, and names of rows are one field more.
        if options.repeat.append_only || self.found.is_some_and(|found| found.row_names) {
            return Ok(());
        }
        // With one byte more: only that shows whether a stream ends there.
        let window = input.window(self.data_start_bytes, SAMPLE_BYTES + 1, stopped)?;
        let bytes = &window.bytes()[..window.bytes().len().min(SAMPLE_BYTES)];
        let at_end = window.bytes().len() <= SAMPLE_BYTES;
        let syntax = Csv {
            columns: 0,
            ..self.syntax(options)
        };
        let mut records = Records::default();
        parse(bytes, at_end, &syntax, &mut records);
        let names = self.header.len();
        let note = match self.line_ending(bytes, &syntax, &records, options) {
            LineEnding::Plain => return Ok(()),
            LineEnding::AsHeader => "its header ends with a delimiter, and no record has a value after its last one",
            LineEnding::UnlikeHeader => "its records end with a delimiter, unlike its header",
        };
        let has_empty_name = note.starts_with("its header");
        let kept = names - usize::from(has_empty_name);
        self.record_fields = kept as u32 + 1;
        let (names, mut notices) = identifier::unique_names(&self.header[..kept]);
        notices.push(format!("{note}: no column is made of what is after it"));
        (self.names, self.notices, self.trailing_delimiter) = (names, notices, true);
        Ok(())
    }

    fn line_ending(&self, bytes: &[u8], syntax: &Csv, records: &Records, options: &LoadOptions) -> LineEnding {
        let names = self.header.len();
        let mut ending = match self.header.last().is_some_and(String::is_empty) && !self.header_ends_quoted {
            true if names < 2 => return LineEnding::Plain,
            true => LineEnding::AsHeader,
            false => LineEnding::Plain,
        };
        let is_header = ending;
        for (record, fields) in records.iter::<false>() {
            let text = syntax.value(bytes, record.source).of(bytes);
            let is_blank = names > 1 && fields.count() == 1 && matches!(text, b"" | b"\x0c");
            let repeats = self
                .repeated_header(options)
                .is_some_and(|names| are_names(syntax, bytes, fields, names));
            if record.is_comment || record.fault.is_some() || is_blank || repeats {
                continue;
            }
            let last = fields.range(fields.count() - 1);
            let is_empty = syntax.value(bytes, last).is_empty();
            match is_header {
                LineEnding::AsHeader if fields.count() == names && !is_empty => return LineEnding::Plain,
                LineEnding::AsHeader => {}
                _ if fields.count() == names + 1 && is_empty => ending = LineEnding::UnlikeHeader,
                _ => return LineEnding::Plain,
            }
        }
        ending
    }
}
