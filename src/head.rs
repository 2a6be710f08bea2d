//! The head of an input: byte order mark, line ends, header; everything that must be known before the first record is parsed.

pub mod line_ends;
mod preamble;

use std::path::Path;
use std::sync::Arc;

use crate::content_hash::ContentHash;
use crate::database_file;
use crate::error::Error;
use crate::option_name::{APPEND_ONLY, DELIMITER, MAX_RECORD_BYTES, QUOTE, SAME_LOAD, Wording};
use crate::options::LoadOptions;
use crate::parse::{COMMENT, Dialect, FaultKind, RecordSpan, Records, Syntax, parse};
use crate::report::size;
use crate::schema::identifier;
use crate::window::{IS_DATABASE, Input, Window};
use line_ends::{LOOK_BYTES, LineEnds, Look, line_ends};
use preamble::{PassedLines, Preamble};

/// Bytes of a stream after its header that are looked at before anything is loaded: column types are inferred from them.
pub const STREAM_HEAD_BYTES: usize = 16 << 20;
/// Bytes of a file after its header from which its row count and the order of its keys are estimated.
pub const FILE_HEAD_BYTES: usize = 1 << 20;
/// Bytes parsed at a time to find the header. Only a record that they do not decide is looked at in a larger span.
const SEARCH_BYTES: usize = 64 << 10;
/// Bytes of damaged records before the first good one, without a header: past them the search for a good one ends.
const MAX_DAMAGED_BYTES: u64 = 16 << 20;
/// Most columns of a SQLite table in its default build, which other programs must be able to read.
pub const MAX_COLUMNS: usize = 2000;

const BINARY: &str = "its first line has NUL bytes: it is a binary file or in UTF-16 without a byte order mark";

/// Why a file that is still to grow cannot be loaded yet.
fn no_whole_line() -> String {
    format!(
        "it does not hold one whole line yet: with {APPEND_ONLY} a line counts once its line feed is there; run the {SAME_LOAD} \
         again when it is"
    )
}

/// Why an old Mac file that is still to grow cannot be loaded.
fn old_mac_grows() -> String {
    format!(
        "its lines end with carriage returns, as in old Mac files, and with {APPEND_ONLY} a line counts once its line feed is there; load \
         it without {APPEND_ONLY}, or turn every one into a line feed: tr '\\r' '\\n' < FILE"
    )
}

/// What an input begins with.
#[derive(Debug)]
pub struct Head {
    pub dialect: Dialect,
    /// Column names, made unique.
    pub names: Vec<String>,
    /// What its header says, name by name; nothing without one.
    header: Vec<String>,
    /// A notice for each name that had to be changed.
    pub notices: Vec<String>,
    /// Where the first record after the header begins.
    pub data_start_bytes: u64,
    /// Physical lines before that: blank lines, header.
    pub lines: u64,
    pub blank_lines: u64,
    pub comment_lines: u64,
    /// Lines before that which are passed over, whatever they hold.
    pub skipped_lines: u64,
    /// The bytes before the first record.
    pub content: ContentHash,
}

impl Head {
    /// Passes over what follows, up to line `line`.
    fn pass_lines(
        &mut self,
        line: u64,
        input: &mut Input,
        options: &LoadOptions,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let mut passed = PassedLines {
            end_bytes: self.data_start_bytes,
            lines: self.lines,
            content: self.content,
        };
        passed.pass_lines(line, self.dialect.line_end, input, stopped)?;
        if options.repeat.append_only && passed.lines < line {
            return Err(Error::unusable(input.path(), no_whole_line()));
        }
        self.skipped_lines += passed.lines - self.lines;
        self.data_start_bytes = passed.end_bytes;
        self.lines = passed.lines;
        self.content = passed.content;
        Ok(())
    }

    /// What a record says that is the header once more, where such records are to be dropped.
    pub fn repeated_header(&self, options: &LoadOptions) -> Option<&[String]> {
        options.dialect.drop_repeated_headers.then_some(&self.header)
    }

    /// How records are separated.
    pub fn syntax(&self, options: &LoadOptions) -> Syntax {
        Syntax {
            dialect: self.dialect,
            columns: self.names.len() as u32,
            max_record_bytes: options.limits.max_record_bytes,
        }
    }
}

/// Reads the head of `input`. Whatever it begins with, only a bounded span of it is in memory at a time, and none afterwards.
///
/// # Errors
/// `InputUnusable` when it is empty, binary, compressed or in another encoding, or has no usable header; `Io` when it cannot be read.
pub fn read_head(input: &mut Input, options: &LoadOptions, stopped: &dyn Fn() -> bool) -> Result<Head, Error> {
    let path = input.path().to_owned();
    let mut first = input.window(0, SEARCH_BYTES, stopped)?;
    if let Some(message) = foreign_format(first.bytes()) {
        return Err(Error::unusable(&path, message));
    }
    let bom_bytes = if first.bytes().starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    };
    let preamble = Preamble::of(&first.bytes()[bom_bytes as usize..], &options.dialect);
    let mut passed = PassedLines {
        end_bytes: bom_bytes,
        lines: 0,
        content: ContentHash::of(&first.bytes()[..bom_bytes as usize]),
    };
    let mut dialect = Dialect {
        delimiter: options.dialect.delimiter_or(preamble.delimiter),
        quote: options.dialect.quote,
        line_end: b'\n',
        comment: options.dialect.comment,
        trim: options.dialect.trim,
    };
    if preamble.before > 0 {
        dialect.line_end = passed.pass(preamble, input, options, stopped)?;
        first = input.window(passed.end_bytes, SEARCH_BYTES, stopped)?;
    }
    dialect.line_end = line_end(input, &mut first, dialect, options, stopped)?;
    if options.repeat.append_only && dialect.line_end != b'\n' {
        return Err(Error::unusable(&path, cannot_grow(first.bytes(), dialect)));
    }
    drop(first);
    let mut search = Search::new(passed, dialect, options);
    let Some((window, index)) = search.first_record(input, stopped)? else {
        return Err(Error::unusable(&path, search.nothing_found()));
    };
    let found = search.found(&window, index);
    found.check(&search, &path)?;
    if options.dialect.header {
        let mut head = search.header(&found, window.start_bytes, &path)?;
        head.pass_lines(preamble.up_to, input, options, stopped)?;
        return Ok(head);
    }
    let names = (1..=found.ends.len())
        .map(|number| format!("column_{number}"))
        .collect();
    Ok(Head {
        dialect,
        names,
        header: Vec::new(),
        notices: Vec::new(),
        data_start_bytes: passed.end_bytes,
        lines: passed.lines,
        blank_lines: 0,
        comment_lines: 0,
        skipped_lines: passed.lines,
        content: search.content,
    })
}

/// Why a file that begins with `written`, in which no line feed ends a line, cannot be loaded as one that grows.
fn cannot_grow(written: &[u8], dialect: Dialect) -> String {
    // A CR that is the last byte may be half of a line end.
    let before = written.iter().rposition(|&byte| byte != b'\r').map_or(0, |at| at + 1);
    match line_ends(&look(&written[..before], None, true, dialect)) {
        Some(LineEnds::Cr) => old_mac_grows(),
        _ => no_whole_line(),
    }
}

/// The search for the first record that is not a blank line or, without a header, for the first from which the columns can be counted.
struct Search<'a> {
    syntax: Syntax,
    options: &'a LoadOptions,
    records: Records,
    /// What was passed over before it began.
    passed: PassedLines,
    /// Offset up to which everything was passed over.
    at_bytes: u64,
    /// The hash of what was passed over; without a header, of the byte order mark alone, as all that follows is records.
    content: ContentHash,
    /// Blank lines before the record.
    blank_lines: u64,
    comment_lines: u64,
    /// Bytes of records passed over that were not blank lines.
    damaged_bytes: u64,
}

impl<'a> Search<'a> {
    /// One that begins after what was `passed` over.
    fn new(passed: PassedLines, dialect: Dialect, options: &'a LoadOptions) -> Self {
        Search {
            syntax: Syntax {
                dialect,
                columns: 0,
                max_record_bytes: options.limits.max_record_bytes,
            },
            options,
            records: Records::default(),
            passed,
            at_bytes: passed.end_bytes,
            content: passed.content,
            blank_lines: 0,
            comment_lines: 0,
            damaged_bytes: 0,
        }
    }

    /// The head whose names are the fields of the record that was `found` in a window that begins at `window_start_bytes`.
    fn header(&self, found: &HeaderRecord<'_>, window_start_bytes: u64, path: &Path) -> Result<Head, Error> {
        let dialect = self.syntax.dialect;
        let names = found.decode(&dialect).map_err(|column| {
            Error::unusable(
                path,
                format!("its header is not UTF-8 (column {column}); convert it with iconv first"),
            )
        })?;
        let header_names = names;
        let (names, notices) = identifier::unique_names(&header_names);
        // The header ends with its line end, or with the input.
        let after = &found.bytes[found.span.end as usize..];
        let line_end_bytes = memchr::memchr(dialect.line_end, after).map_or(after.len(), |at| at + 1);
        let end = found.span.end as usize + line_end_bytes;
        let header = &found.bytes[found.span.start as usize..end];
        Ok(Head {
            dialect,
            names,
            header: header_names,
            notices,
            data_start_bytes: window_start_bytes + end as u64,
            lines: self.line() - 1 + memchr::memchr_iter(dialect.line_end, header).count() as u64,
            blank_lines: self.blank_lines,
            comment_lines: self.comment_lines,
            skipped_lines: self.passed.lines,
            content: self.content.then(ContentHash::of(&found.bytes[..end])),
        })
    }

    /// A window that begins with the record or before it, and its index among [`records`](Self::records); `None` if there is none.
    fn first_record(
        &mut self,
        input: &mut Input,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<(Arc<Window>, usize)>, Error> {
        // A span of this length decides every record whose line is not too long.
        let most_bytes = usize::try_from(self.options.limits.max_record_bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(64);
        let mut want_bytes = SEARCH_BYTES;
        loop {
            let window = input.window(self.at_bytes, want_bytes, stopped)?;
            let decides = window.at_end && !self.options.repeat.append_only;
            let consumed = parse(window.bytes(), decides, &self.syntax, &mut self.records);
            if let Some(index) = self.first_of_span(window.bytes()) {
                return Ok(Some((window, index)));
            }
            if window.at_end {
                return Ok(None);
            }
            if consumed > 0 {
                self.at_bytes += consumed as u64;
                if self.options.dialect.header {
                    self.content = self.content.then(ContentHash::of(&window.bytes()[..consumed]));
                }
                want_bytes = SEARCH_BYTES;
            } else if self.options.dialect.header && memchr::memchr(0, window.bytes()).is_some() {
                return Err(Error::unusable(input.path(), BINARY));
            } else if window.bytes().len() >= most_bytes && self.options.dialect.header {
                return Err(Error::unusable(input.path(), self.too_long()));
            } else if window.bytes().len() >= most_bytes {
                self.pass_line(input, stopped)?;
                want_bytes = SEARCH_BYTES;
            } else {
                want_bytes = want_bytes.saturating_mul(2).min(most_bytes);
            }
            if self.damaged_bytes > MAX_DAMAGED_BYTES {
                return Ok(None);
            }
        }
    }

    /// Passes over a line that is too long, up to where the search for a good record ends.
    fn pass_line(&mut self, input: &mut Input, stopped: &dyn Fn() -> bool) -> Result<(), Error> {
        while self.damaged_bytes <= MAX_DAMAGED_BYTES {
            let window = input.window(self.at_bytes, LOOK_BYTES, stopped)?;
            let line_end = memchr::memchr(self.syntax.dialect.line_end, window.bytes());
            let passed_bytes = line_end.map_or(window.bytes().len(), |at| at + 1) as u64;
            self.at_bytes += passed_bytes;
            self.damaged_bytes += passed_bytes;
            if line_end.is_some() || window.at_end {
                break;
            }
        }
        Ok(())
    }

    /// The record's index among those of the span just parsed; those before it are counted.
    fn first_of_span(&mut self, span: &[u8]) -> Option<usize> {
        for (index, record) in self.records.records.iter().enumerate() {
            let (_, text) = self
                .syntax
                .dialect
                .trimmed(&span[record.start as usize..record.end as usize]);
            if text.is_empty() && record.fault == 0 {
                self.blank_lines += 1;
            } else if record.fault == COMMENT {
                self.comment_lines += 1;
            } else if self.options.dialect.header || record.fault == 0 {
                return Some(index);
            } else {
                self.damaged_bytes += u64::from(record.end - record.start);
            }
        }
        None
    }

    fn found<'w>(&'w self, window: &'w Window, index: usize) -> HeaderRecord<'w> {
        let records = &self.records.records;
        let fields_start = if index == 0 { 0 } else { records[index - 1].fields_end };
        let span = records[index];
        HeaderRecord {
            bytes: window.bytes(),
            span,
            ends: &self.records.field_ends[fields_start as usize..span.fields_end as usize],
        }
    }

    /// The line on which the record begins.
    fn line(&self) -> u64 {
        self.passed.lines + self.blank_lines + self.comment_lines + 1
    }

    /// Why no record was found.
    fn nothing_found(&self) -> String {
        if self.options.repeat.append_only {
            return no_whole_line();
        }
        let is_empty = self.at_bytes == self.passed.end_bytes && self.records.records.is_empty();
        let of_records = match (is_empty, self.damaged_bytes) {
            (true, _) if self.passed.lines > 0 => {
                return "nothing follows the lines that are passed over: not even a header".to_owned();
            }
            (true, _) => return "it is empty: not even a header".to_owned(),
            (_, 0) if self.comment_lines > 0 => {
                return "it holds nothing but comments and blank lines: not even a header".to_owned();
            }
            (_, 0) => return "it holds nothing but blank lines: not even a header".to_owned(),
            (_, 0..=MAX_DAMAGED_BYTES) => "of its records",
            _ => "of the records in its first 16 MiB",
        };
        format!(
            "none {of_records} is well-formed, so its columns cannot be counted; are {QUOTE} and {DELIMITER} right?"
        )
    }

    /// Why a first line that does not end is not a header.
    fn too_long(&self) -> String {
        too_long_line(self.line(), self.options)
    }
}

fn too_long_line(line: u64, options: &LoadOptions) -> String {
    format!(
        "its first record, line {line}, has more bytes than {MAX_RECORD_BYTES} allows ({}): is it a CSV file, and are {DELIMITER} and \
         {QUOTE} right? If they are, allow longer records with {MAX_RECORD_BYTES}",
        size(options.limits.max_record_bytes)
    )
}

/// The first record, in the window that it was found in.
struct HeaderRecord<'a> {
    bytes: &'a [u8],
    span: RecordSpan,
    /// Where its fields end.
    ends: &'a [u32],
}

impl HeaderRecord<'_> {
    /// Checks that the columns can be taken from it.
    fn check(&self, search: &Search<'_>, path: &Path) -> Result<(), Error> {
        let line = search.line();
        if self.span.fault != 0 {
            let fault = search.records.faults[self.span.fault as usize - 1];
            let what = match fault.kind {
                FaultKind::UnterminatedQuote => "a quoted field that is not closed",
                FaultKind::InvalidQuote => "text after a closing quote",
                FaultKind::RecordTooLarge => return Err(Error::unusable(path, search.too_long())),
            };
            let message = format!("its header, line {line}, has {what} (column {})", fault.column);
            return Err(Error::unusable(path, message));
        }
        let bytes = &self.bytes[self.span.start as usize..self.span.end as usize];
        // After damaged records, this is not the first line.
        if search.damaged_bytes == 0 && memchr::memchr(0, bytes).is_some() {
            return Err(Error::unusable(path, BINARY));
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
                start = end as usize + 1;
                field.first().copied() != dialect.quote && field.contains(&b'\r')
            })
            .map(|index| index + 1)
    }

    /// The fields as text, quotes removed; the 1-based number of the first that is not UTF-8 otherwise.
    fn decode(&self, dialect: &Dialect) -> Result<Vec<String>, usize> {
        let mut start = self.span.start as usize;
        let mut names = Vec::with_capacity(self.ends.len());
        for (index, &end) in self.ends.iter().enumerate() {
            let (_, field) = dialect.trimmed(&self.bytes[start..end as usize]);
            let text = simdutf8::basic::from_utf8(field).map_err(|_| index + 1)?;
            names.push(match dialect.quote.map(char::from) {
                Some(quote) if text.starts_with(quote) && text.len() >= 2 => {
                    let doubled: String = [quote, quote].iter().collect();
                    text[1..text.len() - 1].replace(&doubled, &quote.to_string())
                }
                _ => text.to_owned(),
            });
            start = end as usize + 1;
        }
        Ok(names)
    }
}

/// What ends the lines of `input`, decided by the first line end outside quotes from where `head` begins. `head` is widened until that is in
/// view; if there is none as far as a record may reach, it is that of `dialect`.
fn line_end(
    input: &mut Input,
    head: &mut Arc<Window>,
    dialect: Dialect,
    options: &LoadOptions,
    stopped: &dyn Fn() -> bool,
) -> Result<u8, Error> {
    let limit_bytes = usize::try_from(options.limits.max_record_bytes).unwrap_or(usize::MAX);
    let mut look_bytes = LOOK_BYTES;
    loop {
        // With the byte after the border: only that byte shows whether a stream ends there.
        if head.bytes().len() <= look_bytes && !head.at_end && !stopped() {
            *head = input.window(head.start_bytes, look_bytes.saturating_add(1), stopped)?;
        }
        let (bytes, after) = head.bytes().split_at(head.bytes().len().min(look_bytes));
        let next = after.first().copied();
        let is_widest = next.is_none() || look_bytes > limit_bytes || stopped();
        let look = look(bytes, next, is_widest, dialect);
        return match line_ends(&look) {
            Some(LineEnds::Lf) => Ok(b'\n'),
            Some(LineEnds::Cr) => Ok(b'\r'),
            Some(LineEnds::Mixed { cr, lf }) => {
                let before = head.start_bytes as usize + bytes.len() - look.bytes.len() + 1;
                let message = format!(
                    "a carriage return (byte {}) ends its first line or stands within it, and a line feed (byte {}) outside quotes comes after \
                     that, so nobody can tell what a line is; remove that carriage return or quote its field, or, if it is \
                     an old Mac file, turn every one into a line feed: tr '\\r' '\\n' < FILE",
                    cr + before,
                    lf + before
                );
                Err(Error::unusable(input.path(), message))
            }
            None if is_widest => Ok(dialect.line_end),
            None => {
                look_bytes = look_bytes.saturating_mul(2);
                continue;
            }
        };
    }
}

/// `bytes`, with which an input begins and which `next` follows, without a byte order mark.
fn look(bytes: &[u8], next: Option<u8>, is_widest: bool, dialect: Dialect) -> Look<'_> {
    Look {
        bytes: bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
        next,
        is_widest,
        delimiter: dialect.delimiter,
        quote: dialect.quote,
        comment: dialect.comment,
        trim: dialect.trim,
    }
}

const GZIP: Wording = Wording {
    on_command_line: "it is compressed with gzip; pipe it in: zcat FILE | rowmill load - DB",
    in_program: "it is compressed with gzip; decompress it, or load it through a reader that decompresses it",
};
const ZSTD: Wording = Wording {
    on_command_line: "it is compressed with zstd; pipe it in: zstdcat FILE | rowmill load - DB",
    in_program: "it is compressed with zstd; decompress it, or load it through a reader that decompresses it",
};

/// Says what a file that is not CSV in UTF-8 is, and what to do about it.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 10] = [
        (
            b"\xFF\xFE\0\0",
            "it is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8",
        ),
        (
            b"\0\0\xFE\xFF",
            "it is UTF-32 text; convert it first: iconv -f UTF-32 -t UTF-8",
        ),
        (
            b"\xFF\xFE",
            "it is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8",
        ),
        (
            b"\xFE\xFF",
            "it is UTF-16 text; convert it first: iconv -f UTF-16 -t UTF-8",
        ),
        (b"\x1F\x8B", GZIP.as_str()),
        (b"\x28\xB5\x2F\xFD", ZSTD.as_str()),
        (
            b"PK\x03\x04",
            "it is a zip archive or a spreadsheet; extract or export it as CSV first",
        ),
        (database_file::START, IS_DATABASE.as_str()),
        (b"PAR1", "it is a Parquet file, not CSV"),
        (b"%PDF-", "it is a PDF document, not CSV"),
    ];
    known
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|&(_, message)| message)
}
