//! The head of an input: byte order mark, line ends, header; everything that must be known before the first record is parsed.

mod beginning;
mod foreign;
mod header_record;
mod hints;
pub mod line_ends;
mod objects;
mod preamble;
mod sample_cells;
mod sniff;
mod trailing;

use std::path::Path;
use std::sync::Arc;

use crate::content_hash::ContentHash;
use crate::dialect::{Delimiter, Dialect};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::option_name::{APPEND_ONLY, DELIMITER, ENCODING, MAX_RECORD_BYTES, QUOTE, SAME_LOAD, SKIP_FOOTER};
use crate::options::LoadOptions;
use crate::parse::{COMMENT, Records, Syntax, parse};
use crate::report::{FoundDialect, size};
use crate::schema::identifier;
use crate::window::{Input, Window};
use beginning::{Beginning, HeadEncoding, delimiter_in};
use header_record::HeaderRecord;
use hints::{escape_hint, one_column_hint};
use line_ends::{LOOK_BYTES, LineEnds, Look, line_ends};
pub use objects::{Objects, ReadAs, read_as};
use preamble::PassedLines;
pub use preamble::delimiter_of_file;
use sniff::Sniffed;

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

/// What the column is called that a header leaves out.
const ROW_NAME: &str = "row_name";
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Why a first line with NUL bytes is no header.
fn binary() -> String {
    format!(
        "its first line has NUL bytes: it is a binary file, or in UTF-16 without a byte order mark ({ENCODING} utf-16le, or utf-16be)"
    )
}

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
    /// What separates fields, as characters.
    pub delimiter: Delimiter,
    /// Nobody said in which encoding it is, and it is not UTF-8 but likely this.
    pub likely_encoding: Option<Encoding>,
    /// Where the first record after the header begins in the original input; of UTF-16 that is elsewhere than in what is parsed.
    pub data_start_original: u64,
    /// Column names, made unique.
    pub names: Vec<String>,
    /// What its header says, name by name; nothing without one.
    header: Vec<String>,
    /// Its last name is in quotes.
    header_ends_quoted: bool,
    /// Every line ends with a delimiter that separates nothing: a record may have one field more than there are names, if it is empty.
    pub trailing_delimiter: bool,
    /// Fields of a record, that one included.
    record_fields: u32,
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
    /// Whether it has a header.
    pub has_header: bool,
    /// What was found out about its dialect, where that was asked for.
    pub found: Option<FoundDialect>,
    /// It is JSON Lines, and these are the names that are columns; `None`: it is CSV.
    pub objects: Option<Objects>,
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

    /// Takes in what was found about the dialect.
    fn take_in(&mut self, found: FoundDialect) {
        if found.row_names {
            let mut names = vec![ROW_NAME.to_owned()];
            names.append(&mut self.names);
            (self.names, _) = identifier::unique_names(&names);
            self.record_fields += 1;
            self.notices.push(format!(
                "its records have one field more than its header; the first is taken for the name of the row, \"{}\"",
                self.names[0]
            ));
        }
        self.found = Some(found);
    }

    /// What a record says that is the header once more, where such records are to be dropped.
    pub fn repeated_header(&self, options: &LoadOptions) -> Option<&[String]> {
        options.dialect.drop_repeated_headers.then_some(&self.header)
    }

    /// How records are separated in CSV.
    pub fn syntax(&self, options: &LoadOptions) -> Syntax {
        Syntax {
            dialect: self.dialect,
            columns: self.record_fields,
            max_record_bytes: options.limits.max_record_bytes,
        }
    }
}

/// Reads the head of `input`; if it is CSV, its dialect is the one `decided` before, if there is one. Whatever it begins with, only a bounded span of it
/// is in memory at a time, and none afterwards.
///
/// # Errors
/// `InputUnusable` when it is empty, of another format or in another encoding, or has no usable header; `Io` when it cannot be read.
pub fn read_head(
    input: &mut Input,
    options: &LoadOptions,
    decided: Option<FoundDialect>,
    stopped: &dyn Fn() -> bool,
) -> Result<Head, Error> {
    let path = input.path().to_owned();
    let beginning = Beginning::of(input, options, stopped)?;
    if beginning.holds_objects(input, options)? {
        return beginning.head_of_objects(input, stopped);
    }
    let sniffed = match decided {
        None => beginning.look_for_dialect(&path, options),
        Some(dialect) => Some(Sniffed { dialect, doubt: None }),
    };
    let found = sniffed.map(|sniffed| sniffed.dialect);
    let Beginning {
        mut first,
        passed,
        preamble,
        mut dialect,
        encoding,
    } = beginning;
    let mut delimiter = options.dialect.delimiter_or(preamble.delimiter);
    let options = &with_found(options, found);
    if let Some(found) = found {
        delimiter = found.delimiter;
        dialect.delimiter = delimiter_in(dialect.encoding, delimiter);
        dialect.quote = found.quote_byte();
        dialect.escape = found.escape;
    }
    if let Some(message) = options
        .dialect
        .ambiguous(dialect.encoding, Some(delimiter), dialect.quote)
    {
        return Err(Error::unusable(&path, message));
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
    let record = search.found(&window, index);
    record.check(&search, &path)?;
    let mut head = match options.dialect.header {
        true => search.header(&record, window.start_bytes, &path, &encoding)?,
        false => search.without_header(record.ends.len()),
    };
    (head.delimiter, head.likely_encoding) = (delimiter, encoding.likely);
    head.notices.extend(encoding.notice);
    let hint = one_column_hint(&dialect.encoding.shown(record.text()), delimiter);
    if let Some(found) = found {
        head.take_in(found);
    }
    if options.dialect.header {
        head.pass_lines(preamble.up_to, input, options, stopped)?;
        head.drop_trailing_delimiter(input, options, stopped)?;
    }
    if head.names.len() == 1 {
        head.notices.extend(hint);
    }
    head.notices
        .extend(sniffed.and_then(|sniffed| sniffed.doubt).map(escape_hint));
    head.data_start_original = original_bytes(input, head.data_start_bytes, dialect.encoding, stopped)?;
    Ok(head)
}

/// How many bytes of the input the first `end_bytes` were made of that are parsed.
fn original_bytes(
    input: &mut Input,
    end_bytes: u64,
    encoding: Encoding,
    stopped: &dyn Fn() -> bool,
) -> Result<u64, Error> {
    if encoding.wide().is_none() {
        return Ok(end_bytes);
    }
    let (mut at_bytes, mut original_bytes) = (0, 0);
    while at_bytes < end_bytes {
        let want_bytes = (end_bytes - at_bytes).min(LOOK_BYTES as u64) as usize;
        let window = input.window(at_bytes, want_bytes, stopped)?;
        // More of it may be there than was wanted.
        let bytes = &window.bytes()[..window.bytes().len().min(want_bytes)];
        if bytes.is_empty() {
            break;
        }
        at_bytes += bytes.len() as u64;
        original_bytes += encoding.length_of(bytes);
    }
    Ok(original_bytes)
}

/// `options` with what was found in place of what is assumed otherwise.
fn with_found(options: &LoadOptions, found: Option<FoundDialect>) -> LoadOptions {
    let mut options = options.clone();
    if let Some(found) = found {
        options.dialect.header = found.header;
        options.dialect.quote = found.quote_byte();
        options.dialect.escape = found.escape;
    }
    options
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
    /// Line ends within comments, which escapes make data.
    inner_line_ends: u64,
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
            inner_line_ends: 0,
            damaged_bytes: 0,
        }
    }

    /// The head whose names are the fields of the record that was `found` in a window that begins at `window_start_bytes`.
    fn header(
        &self,
        found: &HeaderRecord<'_>,
        window_start_bytes: u64,
        path: &Path,
        encoding: &HeadEncoding,
    ) -> Result<Head, Error> {
        let dialect = self.syntax.dialect;
        let names = found.decode(&dialect).map_err(|column| {
            let message = format!(
                "its header is not {} (column {column}); {}",
                dialect.encoding,
                encoding.advice()
            );
            Error::unusable(path, message)
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
            delimiter: dialect.delimiter,
            likely_encoding: None,
            data_start_original: 0,
            header_ends_quoted: found.bytes[..found.span.end as usize].last().copied() == dialect.quote,
            trailing_delimiter: false,
            record_fields: names.len() as u32,
            names,
            header: header_names,
            notices,
            data_start_bytes: window_start_bytes + end as u64,
            lines: self.line() - 1 + memchr::memchr_iter(dialect.line_end, header).count() as u64,
            blank_lines: self.blank_lines,
            comment_lines: self.comment_lines,
            skipped_lines: self.passed.lines,
            content: self.content.then(ContentHash::of(&found.bytes[..end])),
            has_header: true,
            found: None,
            objects: None,
        })
    }

    /// The head of an input whose first record has as many fields as there are `columns`.
    fn without_header(&self, columns: usize) -> Head {
        Head {
            dialect: self.syntax.dialect,
            delimiter: self.syntax.dialect.delimiter,
            likely_encoding: None,
            data_start_original: 0,
            names: (1..=columns).map(|number| format!("column_{number}")).collect(),
            header: Vec::new(),
            header_ends_quoted: false,
            trailing_delimiter: false,
            record_fields: columns as u32,
            notices: Vec::new(),
            data_start_bytes: self.passed.end_bytes,
            lines: self.passed.lines,
            blank_lines: 0,
            comment_lines: 0,
            skipped_lines: self.passed.lines,
            content: self.content,
            has_header: false,
            found: None,
            objects: None,
        }
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
                return Err(Error::unusable(input.path(), binary()));
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
            if matches!(text, b"" | b"\x0c") && record.fault == 0 {
                self.blank_lines += 1;
            } else if record.fault == COMMENT {
                self.comment_lines += 1;
                let comment = &span[record.start as usize..record.end as usize];
                self.inner_line_ends += memchr::memchr_iter(self.syntax.dialect.line_end, comment).count() as u64;
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
        self.passed.lines + self.blank_lines + self.comment_lines + self.inner_line_ends + 1
    }

    /// Why no record was found.
    fn nothing_found(&self) -> String {
        if self.options.repeat.append_only {
            return no_whole_line();
        }
        let is_empty = self.at_bytes == self.passed.end_bytes && self.records.records.is_empty();
        if is_empty && self.options.dialect.skip_footer > 0 {
            return format!("all its lines are passed over ({SKIP_FOOTER}): not even a header is left");
        }
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
        dialect,
    }
}
