//! What stands before the header, or the first record: lines that are passed over, and Excel's `sep=;`.
//!
//! Comes in: an input, and which of its lines are no records. Goes out: where the rest begins. Physical lines are counted, and a quote
//! means nothing in them: they need not be CSV.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::content_hash::ContentHash;
use crate::dialect::{Delimiter, Escape};
use crate::error::Error;
use crate::head::line_ends::LOOK_BYTES;
use crate::option_name::{HEADER_ROW, SKIP_LINES};
use crate::options::{DialectOptions, LoadOptions};
use crate::window::{Input, first_line_end};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Most bytes that a line with `sep=` in it has, its line end included.
const MOST_SEP_BYTES: usize = 10;

/// How far an input was passed over, a line at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassedLines {
    /// Where the rest begins.
    pub(super) end_bytes: u64,
    /// Physical lines before that.
    pub(super) lines: u64,
    /// The bytes before that.
    pub(super) content: ContentHash,
}

impl PassedLines {
    /// Passes over the lines before the header; what ends them.
    ///
    /// # Errors
    /// `InputUnusable` when the input has not so many.
    pub(super) fn pass(
        &mut self,
        preamble: Preamble,
        input: &mut Input,
        options: &LoadOptions,
        stopped: &dyn Fn() -> bool,
    ) -> Result<u8, Error> {
        let mut look_bytes = LOOK_BYTES;
        let line_end = loop {
            let window = input.window(self.end_bytes, look_bytes, stopped)?;
            let is_whole = window.at_end || look_bytes as u64 > options.limits.max_record_bytes;
            match first_line_end(window.bytes(), is_whole) {
                Some(line_end) => break line_end,
                None if is_whole => return Err(Error::unusable(input.path(), preamble.nothing_after())),
                None => look_bytes = look_bytes.saturating_mul(2),
            }
        };
        self.pass_lines(preamble.before, line_end, input, stopped)?;
        match self.lines < preamble.before {
            true => Err(Error::unusable(input.path(), preamble.nothing_after())),
            false => Ok(line_end),
        }
    }

    /// Goes on to the end of line `line`, or of the input; `line_end` ends lines.
    pub(super) fn pass_lines(
        &mut self,
        line: u64,
        line_end: u8,
        input: &mut Input,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        while self.lines < line {
            let window = input.window(self.end_bytes, LOOK_BYTES, stopped)?;
            let mut last = None;
            for end in memchr::memchr_iter(line_end, window.bytes()) {
                self.lines += 1;
                last = Some(end + 1);
                if self.lines == line {
                    break;
                }
            }
            // A line that the window cuts is passed over piece by piece.
            let passed = last.filter(|_| self.lines == line).unwrap_or(window.bytes().len());
            self.content = self.content.then(ContentHash::of(&window.bytes()[..passed]));
            self.end_bytes += passed as u64;
            if window.at_end {
                break;
            }
        }
        Ok(())
    }
}

/// The lines of an input that are no records, whatever they hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preamble {
    /// As many before the header, or before the first record without one.
    pub(super) before: u64,
    /// Up to this line none is a record, but the header may be among them.
    pub(super) up_to: u64,
    /// The delimiter that its first line names.
    pub(super) delimiter: Option<Delimiter>,
}

impl Preamble {
    /// That of an input that begins with `start`, byte order mark aside.
    pub(super) fn of(start: &[u8], options: &DialectOptions) -> Preamble {
        let named = named_delimiter(start).filter(|&byte| {
            let is_taken = [options.quote, options.comment, options.escape.map(Escape::byte)].contains(&Some(byte));
            !is_taken && options.header_row != Some(1)
        });
        let before = options.header_row.map_or(options.skip_lines, |row| row - 1);
        Preamble {
            before: before.max(u64::from(named.is_some())),
            up_to: options.skip_lines,
            delimiter: named.map(Delimiter::from),
        }
    }

    /// Why there is nothing after it.
    pub(super) fn nothing_after(self) -> String {
        format!(
            "it ends within its first {}, which are passed over ({SKIP_LINES}, {HEADER_ROW}, sep=): not even a header is left",
            match self.before {
                1 => "line".to_owned(),
                lines => format!("{lines} lines"),
            }
        )
    }
}

/// What separates the fields of the file at `path`: the options say it, or its first line. Of a file that cannot be read nothing is said:
/// whoever loads it will find out.
pub fn delimiter_of_file(path: &Path, options: &DialectOptions) -> Delimiter {
    let mut start = Vec::new();
    let most_bytes = (BYTE_ORDER_MARK.len() + MOST_SEP_BYTES) as u64;
    let read = File::open(path).and_then(|file| file.take(most_bytes).read_to_end(&mut start));
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&start);
    options.delimiter_or(read.ok().and_then(|_| Preamble::of(start, options).delimiter))
}

/// The delimiter that a first line such as `sep=;` names: the line is for Excel, and no record.
fn named_delimiter(start: &[u8]) -> Option<u8> {
    let line = &start[..start.len().min(MOST_SEP_BYTES)];
    let line = &line[..memchr::memchr2(b'\n', b'\r', line)?];
    let text = match line {
        [b'"', text @ .., b'"'] => text,
        text => text,
    };
    match text {
        [name @ .., delimiter] if name.eq_ignore_ascii_case(b"sep=") => {
            Some(*delimiter).filter(|byte| byte.is_ascii() && *byte != 0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_names_a_delimiter_in_one_form_only() {
        for (start, delimiter) in [
            ("sep=;\nid;name\n", Some(b';')),
            ("SEP=\t\r\nid", Some(b'\t')),
            ("\"sep=|\"\rid", Some(b'|')),
            ("sep=,\n", Some(b',')),
            ("sep=\nid", None),
            ("sep=;;\nid", None),
            ("sep=;", None),
            ("sep;\n", None),
            ("xsep=;\n", None),
            ("sep=\u{e9}\n", None),
        ] {
            assert_eq!(named_delimiter(start.as_bytes()), delimiter, "{start:?}");
        }
    }
}
