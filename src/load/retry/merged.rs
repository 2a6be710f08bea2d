//! The dead letters after a retry: those of the records that are still no rows, in their order.
//!
//! Comes in: the letters before, and those of the load that tried them. Goes out: a file with a line for each record that is not in the
//! table. A line whose record was refused for the same reason is the line that it was; otherwise it says the new reason, and where the record
//! stood at first.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::load::retry::letters::{Letter, LetterField, LetterReader, Next};
use crate::load::retry::tried::TriedReader;
use crate::reject::{FirstRecord, HEADER, RejectCode, RejectReason, looks_like_formula};

/// How the letters came out.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Letters that are gone, or say something else.
    pub(super) changed: u64,
    /// Letters whose records were not tried, by the code that they have; records that are too long are among them.
    pub(super) untried: Vec<(RejectCode, u64)>,
}

/// What is put together.
pub(super) struct Merge<'a> {
    pub(super) before: &'a mut LetterReader,
    /// The letters of the load; `None` if nothing was tried.
    pub(super) after: Option<&'a mut LetterReader>,
    /// Which records were tried.
    pub(super) tried: &'a mut TriedReader,
    /// The names of the load's inputs, by number.
    pub(super) inputs: &'a [PathBuf],
}

impl Merge<'_> {
    /// Writes the letters to `path`.
    ///
    /// # Errors
    /// As reading letters, and writing.
    pub(super) fn write(self, path: &Path) -> Result<Merged, Error> {
        let Merge {
            before,
            mut after,
            tried,
            inputs,
        } = self;
        let failed = |error| Error::io("writing", path, error);
        let file = File::create(path).map_err(|error| Error::create(path, error))?;
        let mut out = BufWriter::new(file);
        writeln!(out, "{HEADER}").map_err(failed)?;
        let (mut letter, mut refused) = (Letter::default(), Letter::default());
        let mut has_refused = next_of(&mut after, &mut refused)?;
        let is_guarded = before.is_guarded();
        let mut records = vec![0u64; inputs.len()];
        let mut merged = Merged::default();
        loop {
            match before.next(&mut letter, &mut out)? {
                Next::End => break,
                Next::Large => {
                    merged.leave(RejectCode::RecordTooLarge);
                    continue;
                }
                Next::Letter => {}
            }
            let mut put = |reason: &Letter| match std::ptr::eq(reason, &raw const letter) && before.is_as_written() {
                true => out.write_all(&letter.text),
                false => LetterLine {
                    out: &mut out,
                    is_guarded,
                }
                .put(&letter, reason),
            };
            let Some(file) = tried.next()? else {
                merged.leave(code_of(&letter));
                put(&letter).map_err(failed)?;
                continue;
            };
            records[file] += 1;
            let is_refused = has_refused
                && refused.field(LetterField::File) == inputs[file].as_os_str().as_bytes()
                && refused.number(LetterField::Record) == Some(records[file]);
            if !is_refused {
                merged.changed += 1;
                continue;
            }
            let says_the_same = is_unchanged(&letter, &refused);
            merged.changed += u64::from(!says_the_same);
            let reason = if says_the_same { &letter } else { &refused };
            put(reason).map_err(failed)?;
            has_refused = next_of(&mut after, &mut refused)?;
        }
        if has_refused {
            return Err(Error::internal("a record was refused that was not tried"));
        }
        let synced = out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all();
        synced.map_err(failed)?;
        Ok(merged)
    }
}

impl Merged {
    fn leave(&mut self, code: RejectCode) {
        match self.untried.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.untried.push((code, 1)),
        }
    }
}

fn next_of(reader: &mut Option<&mut LetterReader>, letter: &mut Letter) -> Result<bool, Error> {
    match reader {
        Some(reader) => Ok(reader.next(letter, &mut std::io::sink())? == Next::Letter),
        None => Ok(false),
    }
}

/// The code of a letter; one that is none, as somebody changed it, counts as a broken quote.
pub(super) fn code_of(letter: &Letter) -> RejectCode {
    let is_it = |code: &RejectCode| code.as_str().as_bytes() == letter.field(LetterField::Code);
    RejectCode::ALL
        .into_iter()
        .find(is_it)
        .unwrap_or(RejectCode::InvalidQuote)
}

/// Whether the same record, as far as can be told, was refused for the same reason.
fn is_unchanged(letter: &Letter, refused: &Letter) -> bool {
    let same = [LetterField::Column, LetterField::Code, LetterField::Value]
        .into_iter()
        .all(|field| letter.field(field) == refused.field(field));
    same && letter.number(LetterField::ByteLength) == Some(letter.field(LetterField::Raw).len() as u64)
}

/// Writes lines.
struct LetterLine<'a, W> {
    out: &'a mut W,
    is_guarded: bool,
}

impl<W: Write> LetterLine<'_, W> {
    /// A line with the place and the record of `letter` and the reason of `reason`.
    fn put(&mut self, letter: &Letter, reason: &Letter) -> std::io::Result<()> {
        for place in LetterField::PLACE {
            self.put_field(letter.nth(place))?;
        }
        // The records of the load that tried them have other numbers.
        let unknown = RejectReason::DuplicateKey {
            first: FirstRecord::Unknown,
        };
        let names_record = !std::ptr::eq(letter, reason) && !reason.field(LetterField::FirstRecord).is_empty();
        let message = match names_record {
            true => unknown.message(b"", None).to_string().into_bytes(),
            false => reason.field(LetterField::Message).to_vec(),
        };
        let first: &[u8] = match names_record {
            true => b"",
            false => reason.field(LetterField::FirstRecord),
        };
        self.put_field(reason.field(LetterField::Column))?;
        self.put_field(reason.field(LetterField::Code))?;
        self.put_field(&message)?;
        self.put_field(reason.field(LetterField::Value))?;
        self.put_field(first)?;
        self.put_quoted(letter.field(LetterField::Raw))?;
        self.out.write_all(b"\n")
    }

    /// A field, and the comma after it.
    fn put_field(&mut self, field: &[u8]) -> std::io::Result<()> {
        match field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            true => self.put_quoted(field)?,
            false => {
                self.guard(field)?;
                self.out.write_all(field)?;
            }
        }
        self.out.write_all(b",")
    }

    fn put_quoted(&mut self, field: &[u8]) -> std::io::Result<()> {
        self.out.write_all(b"\"")?;
        self.guard(field)?;
        let mut rest = field;
        while let Some(at) = memchr::memchr(b'"', rest) {
            self.out.write_all(&rest[..=at])?;
            self.out.write_all(b"\"")?;
            rest = &rest[at + 1..];
        }
        self.out.write_all(rest)?;
        self.out.write_all(b"\"")
    }

    fn guard(&mut self, field: &[u8]) -> std::io::Result<()> {
        match self.is_guarded && looks_like_formula(field) {
            true => self.out.write_all(b"'"),
            false => Ok(()),
        }
    }
}
