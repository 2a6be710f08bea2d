//! The first record of an input, from which its columns are taken.

use std::path::Path;

use super::{MAX_COLUMNS, Search, binary};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::option_name::DELIMITER;
use crate::parse::{FaultKind, RecordSpan};

/// The first record, in the window that it was found in.
pub(super) struct HeaderRecord<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) span: RecordSpan,
    /// Where its fields end.
    pub(super) ends: &'a [u32],
}

impl HeaderRecord<'_> {
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[self.span.start as usize..self.span.end as usize]
    }

    /// Checks that the columns can be taken from it.
    pub(super) fn check(&self, search: &Search<'_>, path: &Path) -> Result<(), Error> {
        let line = search.line();
        if self.span.fault != 0 {
            let fault = search.records.faults[self.span.fault as usize - 1];
            let what = match fault.kind {
                FaultKind::UnterminatedQuote => "a quoted field that is not closed",
                FaultKind::InvalidQuote => "text after a closing quote",
                _ => return Err(Error::unusable(path, search.too_long())),
            };
            let message = format!("its header, line {line}, has {what} (column {})", fault.column);
            return Err(Error::unusable(path, message));
        }
        // After damaged records, this is not the first line.
        if search.damaged_bytes == 0 && memchr::memchr(0, self.text()).is_some() {
            return Err(Error::unusable(path, binary()));
        }
        if search.options.dialect.header
            && search.syntax.dialect.line_end == b'\n'
            && let Some(at) = self.bare_cr(&search.syntax.dialect)
        {
            return Err(Error::unusable(
                path,
                format!(
                    "its header, line {line}, has a carriage return within it (column {at}), but lines end with line feeds; remove that \
                     carriage return or quote its field, or, if it is an old Mac file, turn every one into a line feed: tr '\\r' '\\n' < FILE"
                ),
            ));
        }
        if self.ends.len() > MAX_COLUMNS {
            let message = format!(
                "it has {} columns; a SQLite table holds at most {MAX_COLUMNS}. Is {DELIMITER} right?",
                self.ends.len()
            );
            return Err(Error::unusable(path, message));
        }
        Ok(())
    }

    /// The 1-based number of the first field with a carriage return in it that is not in quotes.
    fn bare_cr(&self, dialect: &Dialect) -> Option<usize> {
        let mut start = self.span.start as usize;
        self.ends
            .iter()
            .position(|&end| {
                let (_, field) = dialect.trimmed(&self.bytes[start..end as usize]);
                start = end as usize + dialect.delimiter.len();
                field.first().copied() != dialect.quote && field.contains(&b'\r')
            })
            .map(|index| index + 1)
    }

    /// The fields as text, quotes removed; the 1-based number of the first that is none otherwise.
    pub(super) fn decode(&self, dialect: &Dialect) -> Result<Vec<String>, usize> {
        let mut start = self.span.start as usize;
        let mut names = Vec::with_capacity(self.ends.len());
        for (index, &end) in self.ends.iter().enumerate() {
            let (_, field) = dialect.trimmed(&self.bytes[start..end as usize]);
            let quoted = field
                .first()
                .is_some_and(|&first| Some(first) == dialect.quote && field.len() >= 2);
            let name = match quoted {
                true => &field[1..field.len() - 1],
                false => field,
            };
            let mut meant = Vec::with_capacity(name.len());
            dialect.resolve(name, quoted, &mut |piece| meant.extend_from_slice(piece));
            names.push(dialect.encoding.text(&meant).ok_or(index + 1)?.into_owned());
            start = end as usize + dialect.delimiter.len();
        }
        Ok(names)
    }
}
