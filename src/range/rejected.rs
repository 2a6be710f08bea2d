//! Rejects on their way to a dead-letter file that is the one a load would have written.

use std::io::Write;

use super::bytes::InputAccess;
use super::plan::{InputRange, ReadPlan};
use crate::error::Error;
use crate::option_name::ERRORS;
use crate::position::Position;
use crate::reject::line::{ColumnLabel, LetterFields, put_end, put_guard, put_quoted_bytes};
use crate::reject::{FirstRecord, HEADER, RejectCode, RejectReason};
use crate::window::RangeSource;

/// Bytes of an input that are read at a time to have the records of duplicates.
const NEAR_BYTES: u64 = 1 << 20;

/// A record that is not a row, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeReject {
    /// Where the record stands.
    pub position: Position,
    /// The column at fault, or the columns of the key; empty when no single field is.
    pub column: String,
    /// Why, in a word.
    pub code: RejectCode,
    /// Why, in plain English.
    pub message: String,
    /// The value at fault, in UTF-8 where it can be.
    pub value: Vec<u8>,
    /// Of a duplicate: the number of the record in which the key came first.
    pub first_record: Option<u64>,
    /// The bytes of the record, as they stand in the input.
    pub raw: Vec<u8>,
}

/// A row whose key came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedKey {
    /// Where its record stands.
    pub position: Position,
    /// The input and the number of the record in which the key came first.
    pub first_file_index: u32,
    /// See [`first_file_index`](Self::first_file_index).
    pub first_record: u64,
}

impl ReadPlan {
    /// The rejects of rows that repeat a key, all of one input, which `source` reads. Those that lie near each other are read together if they
    /// come in the order of the input.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) for positions that are none of the input, [`Io`](crate::ErrorKind::Io),
    /// [`InputChanged`](crate::ErrorKind::InputChanged) when it has another length than it had.
    pub fn duplicates(&self, source: &dyn RangeSource, repeated: &[RepeatedKey]) -> Result<Vec<RangeReject>, Error> {
        let Some(first) = repeated.first() else {
            return Ok(Vec::new());
        };
        let file_index = first.position.file_index;
        let Some(input) = self.scan.inputs.get(file_index as usize) else {
            return Err(Error::usage(format!(
                "the plan has no input with the index {file_index}"
            )));
        };
        let access = InputAccess {
            input,
            source,
            sizes: self.scan.sizes,
        };
        access.check_length()?;
        let column = self.key().join(",");
        let (mut near, mut near_start) = (Vec::new(), 0);
        let mut rejects = Vec::with_capacity(repeated.len());
        for repeat in repeated {
            let position = repeat.position;
            let end = position.offset_bytes.saturating_add(position.length_bytes);
            if position.file_index != file_index || end > input.data_end {
                return Err(Error::usage(format!(
                    "there is no record at byte {} of {}: duplicates are asked for one input at a time",
                    position.offset_bytes, input.name
                )));
            }
            if position.offset_bytes < near_start || end > near_start + near.len() as u64 {
                near.clear();
                near_start = position.offset_bytes;
                let near_end = end.max(near_start + NEAR_BYTES).min(input.data_end);
                access.read(near_start, near_end, &mut near)?;
            }
            let from = (position.offset_bytes - near_start) as usize;
            let reason = RejectReason::DuplicateKey {
                first: FirstRecord::Record {
                    file_index: repeat.first_file_index,
                    record: repeat.first_record,
                },
            };
            let other = (repeat.first_file_index != file_index)
                .then(|| self.scan.inputs.get(repeat.first_file_index as usize))
                .flatten();
            rejects.push(RangeReject {
                position,
                column: column.clone(),
                code: RejectCode::DuplicateKey,
                message: reason
                    .message(b"", other.map(|input| input.name.as_bytes()))
                    .to_string(),
                value: Vec::new(),
                first_record: Some(repeat.first_record),
                raw: near[from..from + position.length_bytes as usize].to_vec(),
            });
        }
        Ok(rejects)
    }

    /// The bytes of a record, as they stand in the input that `source` reads.
    ///
    /// # Errors
    /// As [`duplicates`](Self::duplicates).
    pub fn record_bytes(&self, source: &dyn RangeSource, position: &Position) -> Result<Vec<u8>, Error> {
        let range = InputRange {
            file_index: position.file_index,
            start: position.offset_bytes,
            end: position.offset_bytes.saturating_add(position.length_bytes),
        };
        let access = InputAccess::of(&self.scan, source, range)?;
        let mut bytes = Vec::new();
        access.read(range.start, range.end, &mut bytes)?;
        Ok(bytes)
    }
}

/// Writes a dead-letter file from the rejects of all ranges, those of duplicates among them: byte by byte what a load writes.
#[derive(Debug)]
pub struct RejectWriter<W> {
    names: Vec<String>,
    /// Text that a spreadsheet would run is made harmless.
    is_guarded: bool,
    out: W,
    line: Vec<u8>,
    /// File index and number of the last record.
    last: Option<(u32, u64)>,
}

impl<W: Write> RejectWriter<W> {
    /// Begins the file with its header.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io).
    pub fn new(plan: &ReadPlan, mut out: W) -> Result<Self, Error> {
        out.write_all(format!("{HEADER}\n").as_bytes()).map_err(cannot_write)?;
        Ok(RejectWriter {
            names: plan.input_names(),
            is_guarded: plan.scan.options()?.target.safe_errors,
            out,
            line: Vec::new(),
            last: None,
        })
    }

    /// Writes a line.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when its record does not come after the last one, [`Io`](crate::ErrorKind::Io).
    pub fn push(&mut self, reject: &RangeReject) -> Result<(), Error> {
        let place = (reject.position.file_index, reject.position.record);
        if self.last.is_some_and(|last| last >= place) {
            return Err(Error::usage(
                "rejects go into a dead-letter file in the order of their records: sort them by file index and record",
            ));
        }
        self.last = Some(place);
        let Some(name) = self.names.get(place.0 as usize) else {
            return Err(Error::usage(format!(
                "the plan has no input with the index {}",
                place.0
            )));
        };
        let fields = LetterFields {
            file: name.as_bytes(),
            position: &reject.position,
            column: ColumnLabel::Name(&reject.column),
            code: reject.code,
            message: reject.message.as_bytes(),
            value: &reject.value,
            first_record: reject.first_record,
        };
        self.line.clear();
        fields.put(&mut self.line, self.is_guarded)?;
        put_guard(&mut self.line, &reject.raw, self.is_guarded)?;
        put_quoted_bytes(&mut self.line, &reject.raw)?;
        put_end(&mut self.line)?;
        self.out.write_all(&self.line).map_err(cannot_write)
    }

    /// Ends the file and gives back what it was written to, flushed.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io).
    pub fn finish(mut self) -> Result<W, Error> {
        self.out.flush().map_err(cannot_write)?;
        Ok(self.out)
    }
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::io("writing", std::path::Path::new(ERRORS.as_str()), error)
}
