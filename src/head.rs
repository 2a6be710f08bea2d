//! The head of an input: byte order mark, line ends, header; everything that must be known before the first record is parsed.

pub mod line_ends;

use std::sync::Arc;

use crate::content_hash::ContentHash;
use crate::database_file;
use crate::error::Error;
use crate::options::LoadOptions;
use crate::parse::{Dialect, FaultKind, RecordSpan, Records, Syntax, parse};
use crate::schema::identifier;
use crate::window::{IS_DATABASE, Input, Window};
use line_ends::{LOOK_BYTES, LineEnds, Look, line_ends};

/// Bytes of a stream that are looked at before anything is loaded: column types are inferred from them.
pub const STREAM_HEAD_BYTES: usize = 16 << 20;
/// Bytes of a file's head from which its row count and the order of its keys are estimated.
pub const FILE_HEAD_BYTES: usize = 1 << 20;
/// Bytes parsed at first to find the header; doubled until it is whole.
const HEADER_BYTES: usize = 64 << 10;
/// Most columns of a SQLite table in its default build, which other programs must be able to read.
pub const MAX_COLUMNS: usize = 2000;

/// Why a file that is still to grow cannot be loaded yet.
const NO_WHOLE_LINE: &str = "it does not hold one whole line yet: with --append-only a line counts once its line feed is there; \
                             run the same command again when it is";

/// Why an old Mac file that is still to grow cannot be loaded.
const OLD_MAC_GROWS: &str = "its lines end with carriage returns, as in old Mac files, and with --append-only a line counts once its line \
                             feed is there; load it without --append-only, or turn every one into a line feed: tr '\\r' '\\n' < FILE";

/// What an input begins with.
#[derive(Debug)]
pub struct Head {
    pub dialect: Dialect,
    /// Column names, made unique.
    pub names: Vec<String>,
    /// Words for each name that had to be changed.
    pub notices: Vec<String>,
    /// Where the first record after the header begins.
    pub data_start_bytes: u64,
    /// Physical lines before that: blank lines, header.
    pub lines: u64,
    pub blank_lines: u64,
    /// The bytes before the first record.
    pub content: ContentHash,
    /// The first bytes of the input, for estimates and for inference on streams, until they are forgotten.
    window: Option<Arc<Window>>,
}

impl Head {
    /// The bytes of the head that follow the header, and whether the input ends with them. Nothing once they are forgotten.
    pub fn sample(&self) -> (&[u8], bool) {
        match &self.window {
            Some(window) => (&window.bytes()[self.data_start_bytes as usize..], window.at_end),
            None => (&[], false),
        }
    }

    /// What tells one record from the next.
    pub fn syntax(&self, options: &LoadOptions) -> Syntax {
        Syntax {
            dialect: self.dialect,
            columns: self.names.len() as u32,
            max_record_bytes: options.max_record_bytes,
        }
    }

    /// Gives the sample's memory back.
    pub fn forget_sample(&mut self) {
        self.window = None;
    }
}

/// Reads the head of `input`.
///
/// # Errors
/// `InputUnusable` when it is empty, binary, compressed or in another encoding, or has no usable header; `Io` when it cannot be read.
pub fn read_head(input: &mut Input, options: &LoadOptions, stopped: &dyn Fn() -> bool) -> Result<Head, Error> {
    let mut want_bytes = if input.length_bytes().is_some() {
        FILE_HEAD_BYTES
    } else {
        STREAM_HEAD_BYTES
    };
    let mut window = input.window(0, want_bytes, stopped)?;
    let path = input.path().to_owned();
    if let Some(message) = foreign_format(window.bytes()) {
        return Err(Error::unusable(&path, message));
    }
    let bom_bytes = if window.bytes().starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    };
    let dialect = Dialect {
        delimiter: options.delimiter,
        quote: options.quote,
        line_end: line_end(input, &mut window, options, stopped)?,
    };
    want_bytes = want_bytes.max(window.bytes().len());
    if options.append_only && dialect.line_end != b'\n' {
        // A CR that is the last byte may be half of a line end.
        let written = window.bytes();
        let before = written.iter().rposition(|&byte| byte != b'\r').map_or(0, |at| at + 1);
        let is_old_mac = line_ends(&look(&written[..before], true, options)) == Some(LineEnds::Cr);
        let message = if is_old_mac { OLD_MAC_GROWS } else { NO_WHOLE_LINE };
        return Err(Error::unusable(&path, message));
    }
    let syntax = Syntax {
        dialect,
        columns: 0,
        max_record_bytes: options.max_record_bytes,
    };
    let mut records = Records::default();
    let mut parse_bytes = HEADER_BYTES;
    // The first record that is not a blank line; without a header, the first from which the number of columns can be told.
    let is_first =
        |record: &RecordSpan| (record.end > record.start || record.fault != 0) && (options.header || record.fault == 0);
    let (at, blank_lines) = loop {
        let bytes = &window.bytes()[bom_bytes..];
        let span = &bytes[..bytes.len().min(parse_bytes)];
        let at_end = window.at_end && span.len() == bytes.len();
        let decides = at_end && !options.append_only;
        parse(span, decides, &syntax, &mut records);
        if let Some(at) = records.records.iter().position(is_first) {
            break (at, at as u64);
        }
        if at_end {
            let message = match (bytes.is_empty(), records.faults.is_empty()) {
                _ if options.append_only => NO_WHOLE_LINE,
                (true, _) => "it is empty: not even a header",
                (_, true) => "it holds nothing but blank lines: not even a header",
                _ => {
                    "none of its records is well-formed, so its columns cannot be counted; are --quote and --delimiter right?"
                }
            };
            return Err(Error::unusable(&path, message));
        }
        if span.len() == bytes.len() {
            want_bytes *= 2;
            window = input.window(0, want_bytes, stopped)?;
        }
        parse_bytes *= 2;
    };
    let bytes = &window.bytes()[bom_bytes..];
    let header = records.records[at];
    let fields_start = if at == 0 { 0 } else { records.records[at - 1].fields_end };
    let fields = Fields {
        bytes,
        start: header.start,
        ends: &records.field_ends[fields_start as usize..header.fields_end as usize],
    };
    if header.fault != 0 {
        let fault = records.faults[header.fault as usize - 1];
        let what = match fault.kind {
            FaultKind::UnterminatedQuote => "a quoted field that is not closed",
            FaultKind::InvalidQuote => "text after a closing quote",
            FaultKind::RecordTooLarge => "more bytes than --max-record-bytes allows: is it a CSV file?",
        };
        let message = format!(
            "its header, line {}, has {what} (column {})",
            blank_lines + 1,
            fault.column
        );
        return Err(Error::unusable(&path, message));
    }
    let header_bytes = &bytes[header.start as usize..header.end as usize];
    if memchr::memchr(0, header_bytes).is_some() {
        let hint = "its first line has NUL bytes: it is a binary file or in UTF-16 without a byte order mark";
        return Err(Error::unusable(&path, hint));
    }
    if fields.ends.len() > MAX_COLUMNS {
        let message = format!(
            "it has {} columns; a SQLite table holds at most {MAX_COLUMNS}",
            fields.ends.len()
        );
        return Err(Error::unusable(&path, format!("{message}. Is --delimiter right?")));
    }
    if !options.header {
        let names = (1..=fields.ends.len())
            .map(|number| format!("column_{number}"))
            .collect();
        return Ok(Head {
            dialect,
            names,
            notices: Vec::new(),
            data_start_bytes: bom_bytes as u64,
            lines: 0,
            blank_lines: 0,
            content: ContentHash::of(&window.bytes()[..bom_bytes]),
            window: Some(window),
        });
    }
    let names = fields.decode(&dialect).map_err(|column| {
        Error::unusable(
            &path,
            format!("its header is not UTF-8 (column {column}); convert it with iconv first"),
        )
    })?;
    let (names, notices) = identifier::unique_names(&names);
    // The header ends with its line end, or with the input.
    let after = &bytes[header.end as usize..];
    let line_end_bytes = memchr::memchr(dialect.line_end, after).map_or(after.len(), |at| at + 1);
    let data_start = bom_bytes + header.end as usize + line_end_bytes;
    let header_lines = memchr::memchr_iter(dialect.line_end, &window.bytes()[..data_start]).count() as u64;
    Ok(Head {
        dialect,
        names,
        notices,
        data_start_bytes: data_start as u64,
        lines: header_lines,
        blank_lines,
        content: ContentHash::of(&window.bytes()[..data_start]),
        window: Some(window),
    })
}

/// The fields of one record.
struct Fields<'a> {
    bytes: &'a [u8],
    start: u32,
    ends: &'a [u32],
}

impl Fields<'_> {
    /// The fields as text, quotes removed; the 1-based number of the first that is not UTF-8 otherwise.
    fn decode(&self, dialect: &Dialect) -> Result<Vec<String>, usize> {
        let mut start = self.start as usize;
        let mut names = Vec::with_capacity(self.ends.len());
        for (index, &end) in self.ends.iter().enumerate() {
            let field = &self.bytes[start..end as usize];
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

/// What ends the lines of `input`, told by its first line end outside quotes. `head` is widened until that is there; where it is not, as far
/// as a record may reach, LF.
fn line_end(
    input: &mut Input,
    head: &mut Arc<Window>,
    options: &LoadOptions,
    stopped: &dyn Fn() -> bool,
) -> Result<u8, Error> {
    let limit_bytes = usize::try_from(options.max_record_bytes).unwrap_or(usize::MAX);
    let mut look_bytes = LOOK_BYTES;
    loop {
        if head.bytes().len() < look_bytes && !head.at_end && !stopped() {
            *head = input.window(0, look_bytes, stopped)?;
        }
        let bytes = head.bytes();
        let at_end = head.at_end && bytes.len() <= look_bytes;
        let bytes = &bytes[..bytes.len().min(look_bytes)];
        let look = look(bytes, at_end, options);
        return match line_ends(&look) {
            Some(LineEnds::Lf) => Ok(b'\n'),
            Some(LineEnds::Cr) => Ok(b'\r'),
            Some(LineEnds::Mixed { cr, lf }) => {
                let before = bytes.len() - look.bytes.len() + 1;
                let message = format!(
                    "a carriage return (byte {}) stands where its first line ends or within it, and a line feed (byte {}) outside quotes \
                     after that, so nobody can tell what a line is; take that carriage return out or quote its field, or, if it is \
                     an old Mac file, turn every one into a line feed: tr '\\r' '\\n' < FILE",
                    cr + before,
                    lf + before
                );
                Err(Error::unusable(input.path(), message))
            }
            None if at_end || look_bytes > limit_bytes || stopped() => Ok(b'\n'),
            None => {
                look_bytes *= 2;
                continue;
            }
        };
    }
}

/// `bytes`, with which an input begins, without a byte order mark.
fn look<'a>(bytes: &'a [u8], at_end: bool, options: &LoadOptions) -> Look<'a> {
    Look {
        bytes: bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes),
        at_end,
        delimiter: options.delimiter,
        quote: options.quote,
    }
}

/// Says what a file is that is no CSV in UTF-8, and what to do about it.
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
        (
            b"\x1F\x8B",
            "it is compressed with gzip; pipe it in: zcat FILE | rowmill load - DB",
        ),
        (
            b"\x28\xB5\x2F\xFD",
            "it is compressed with zstd; pipe it in: zstdcat FILE | rowmill load - DB",
        ),
        (
            b"PK\x03\x04",
            "it is a zip archive or a spreadsheet; extract or export it as CSV first",
        ),
        (database_file::START, IS_DATABASE),
        (b"PAR1", "it is a Parquet file, not CSV"),
        (b"%PDF-", "it is a PDF document, not CSV"),
    ];
    known
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|&(_, message)| message)
}
