//! The lines of a dead-letter file, one after another, as somebody may have edited them.
//!
//! Comes in: a file that a load left, or what an editor or a spreadsheet made of it: other quotes, other line ends, `;` or tabs between the
//! fields. Goes out: its letters, in their order. A line that is longer than a record may be is handed out in pieces: it is never tried.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reject::HEADER;

/// Fields of a letter.
const FIELDS: usize = 12;
const BUFFER_BYTES: usize = 256 << 10;
/// Room in a letter for all but the record itself.
const REST_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The fields of a letter, by their places in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LetterField {
    File = 0,
    Line = 1,
    Record = 3,
    ByteLength = 5,
    Column = 6,
    Code = 7,
    Message = 8,
    Value = 9,
    FirstRecord = 10,
    Raw = 11,
}

impl LetterField {
    /// Those that say where the record stood, which are the first.
    pub(super) const PLACE: Range<usize> = 0..6;
}

/// One letter; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Letter {
    /// The line, with its line end.
    pub(super) text: Vec<u8>,
    /// The values of the fields, one after another, and where each ends.
    values: Vec<u8>,
    ends: Vec<usize>,
}

impl Letter {
    /// The value of a field.
    pub(super) fn field(&self, field: LetterField) -> &[u8] {
        self.nth(field as usize)
    }

    /// The value of the field at this place.
    pub(super) fn nth(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[place]]
    }

    /// A number; `None` if the field is none.
    pub(super) fn number(&self, field: LetterField) -> Option<u64> {
        std::str::from_utf8(self.field(field)).ok()?.trim().parse().ok()
    }

    /// Splits the line into fields; how many there are.
    fn split(&mut self, delimiter: u8, is_guarded: bool) -> usize {
        self.values.clear();
        self.ends.clear();
        let line = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut rest = line;
        loop {
            let start = self.values.len();
            rest = match rest.strip_prefix(b"\"") {
                Some(quoted) => take_quoted(quoted, &mut self.values),
                None => rest,
            };
            let end = memchr::memchr(delimiter, rest).unwrap_or(rest.len());
            self.values.extend_from_slice(&rest[..end]);
            if is_guarded && self.values.get(start) == Some(&b'\'') {
                self.values.remove(start);
            }
            self.ends.push(self.values.len());
            match rest.get(end + 1..) {
                Some(next) => rest = next,
                None => return self.ends.len(),
            }
        }
    }
}

/// Adds what stands in quotes, up to the closing one, to `values`; what follows that.
fn take_quoted<'a>(mut quoted: &'a [u8], values: &mut Vec<u8>) -> &'a [u8] {
    while let Some(at) = memchr::memchr(b'"', quoted) {
        values.extend_from_slice(&quoted[..at]);
        quoted = &quoted[at + 1..];
        match quoted.strip_prefix(b"\"") {
            Some(next) => {
                values.push(b'"');
                quoted = next;
            }
            None => return quoted,
        }
    }
    values.extend_from_slice(quoted);
    &[]
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Letter,
    /// A letter that is too long; it was handed over in pieces.
    Large,
    End,
}

/// Reads letters.
#[derive(Debug)]
pub(super) struct LetterReader {
    path: PathBuf,
    source: BufReader<File>,
    delimiter: u8,
    /// Values have a `'` before what a spreadsheet would run.
    is_guarded: bool,
    most_bytes: usize,
    /// Lines read so far.
    lines: u64,
}

impl LetterReader {
    /// Opens the file at `path`, whose letters hold records of at most `max_record_bytes`.
    ///
    /// # Errors
    /// `Io`, `InputUnusable` when it is no dead-letter file.
    pub(super) fn open(path: &Path, is_guarded: bool, max_record_bytes: u64) -> Result<LetterReader, Error> {
        let file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
        LetterReader::of(file, path, is_guarded, max_record_bytes)
    }

    /// As [`open`](Self::open), of a file that is open, from its beginning.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn of(
        mut file: File,
        path: &Path,
        is_guarded: bool,
        max_record_bytes: u64,
    ) -> Result<LetterReader, Error> {
        file.rewind().map_err(|error| Error::io("reading", path, error))?;
        let mut reader = LetterReader {
            path: path.to_owned(),
            source: BufReader::with_capacity(BUFFER_BYTES, file),
            delimiter: b',',
            is_guarded,
            // Each of its bytes may be a quote, which stands there twice, and `value` may hold all of it once more.
            most_bytes: (max_record_bytes as usize).saturating_mul(4).saturating_add(REST_BYTES),
            lines: 0,
        };
        let mut header = Letter::default();
        reader.read_line(&mut header, &mut std::io::sink())?;
        if header.text.starts_with(BYTE_ORDER_MARK) {
            header.text.drain(..BYTE_ORDER_MARK.len());
        }
        let names: Vec<&[u8]> = HEADER.split(',').map(str::as_bytes).collect();
        let delimiter = [b',', b';', b'\t'].into_iter().find(|&delimiter| {
            header.split(delimiter, false) == FIELDS && (0..FIELDS).all(|place| header.nth(place) == names[place])
        });
        match delimiter {
            Some(delimiter) => reader.delimiter = delimiter,
            None => {
                return Err(Error::unusable(
                    path,
                    "it is not an errors file of rowmill: its first line is another",
                ));
            }
        }
        Ok(reader)
    }

    /// Whether its lines are as a load writes them.
    pub(super) fn is_as_written(&self) -> bool {
        self.delimiter == b','
    }

    pub(super) fn is_guarded(&self) -> bool {
        self.is_guarded
    }

    /// Reads the next letter; one that is too long goes to `large`, as it stands.
    ///
    /// # Errors
    /// `Io`, `InputUnusable` when what comes is no letter.
    pub(super) fn next(&mut self, letter: &mut Letter, large: &mut dyn Write) -> Result<Next, Error> {
        loop {
            let first_line = self.lines + 1;
            match self.read_line(letter, large)? {
                Next::Letter if letter.text.iter().all(u8::is_ascii_whitespace) => {}
                Next::Letter => {
                    let fields = letter.split(self.delimiter, self.is_guarded);
                    if fields != FIELDS || letter.number(LetterField::Record).is_none() {
                        return Err(self.no_letter(first_line, fields));
                    }
                    return Ok(Next::Letter);
                }
                Next::Large if self.delimiter != b',' => {
                    let message = format!(
                        "line {first_line} is too long to be written with commas again; keep the file as the load wrote it"
                    );
                    return Err(Error::unusable(&self.path, message));
                }
                other => return Ok(other),
            }
        }
    }

    fn no_letter(&self, line: u64, fields: usize) -> Error {
        let what = match fields {
            FIELDS => "its field record is no number".to_owned(),
            fields => format!("it has {fields} fields, not {FIELDS}: is a quote missing, or one too many?"),
        };
        Error::unusable(
            &self.path,
            format!("line {line} is no line of an errors file: {what}. Mend it; nothing was done"),
        )
    }

    /// Reads up to a line end outside quotes.
    fn read_line(&mut self, letter: &mut Letter, large: &mut dyn Write) -> Result<Next, Error> {
        letter.text.clear();
        let (mut is_quoted, mut is_large) = (false, false);
        let failed = |path: &Path, error| Error::io("reading", path, error);
        loop {
            let bytes = self.source.fill_buf().map_err(|error| failed(&self.path, error))?;
            if bytes.is_empty() && is_quoted {
                return Err(Error::unusable(
                    &self.path,
                    "a quote in its last line is not closed. Mend it; nothing was done",
                ));
            }
            if bytes.is_empty() {
                return Ok(match (is_large, letter.text.is_empty()) {
                    (true, _) => Next::Large,
                    (false, true) => Next::End,
                    (false, false) => Next::Letter,
                });
            }
            let end = line_end(bytes, &mut is_quoted, &mut self.lines);
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if !is_large && letter.text.len() + piece.len() > self.most_bytes {
                is_large = true;
                large
                    .write_all(&letter.text)
                    .map_err(|error| failed(&self.path, error))?;
                letter.text.clear();
            }
            match is_large {
                true => large.write_all(piece).map_err(|error| failed(&self.path, error))?,
                false => letter.text.extend_from_slice(piece),
            }
            let taken = piece.len();
            self.source.consume(taken);
            if end.is_some() {
                return Ok(if is_large { Next::Large } else { Next::Letter });
            }
        }
    }
}

/// Where the line ends, after its line feed; counts line feeds. `is_quoted`: whether the bytes begin within quotes, and then end so.
fn line_end(bytes: &[u8], is_quoted: &mut bool, lines: &mut u64) -> Option<usize> {
    for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
        if bytes[at] == b'"' {
            *is_quoted = !*is_quoted;
            continue;
        }
        *lines += 1;
        if !*is_quoted {
            return Some(at + 1);
        }
    }
    None
}
