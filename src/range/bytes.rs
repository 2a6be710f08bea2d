//! The bytes of a range, and of what follows it as many as its last record needs.
//!
//! A range is in memory as a whole: it is asked for once, and whatever is looked for in it is there. Bytes after it are asked for in ever
//! larger pieces, up to the longest record.

use std::cell::Cell;
use std::path::Path;

use super::plan::{InputRange, MOST_RANGE_BYTES, PlannedInput, ScanPlan, StepSizes};
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::parse::{Records, Syntax, parse_before};
use crate::window::{RangeSource, read_fully};

/// Bytes that are hashed at a time, of what is not kept.
const HASH_BYTES: u64 = 1 << 20;

/// An input, and where its bytes are had.
#[derive(Clone, Copy)]
pub(super) struct InputAccess<'a> {
    pub(super) input: &'a PlannedInput,
    pub(super) source: &'a dyn RangeSource,
    pub(super) sizes: StepSizes,
}

impl<'a> InputAccess<'a> {
    /// The input of a range, and where its bytes are had.
    ///
    /// # Errors
    /// `Usage` for a range that is none of the plan; `InputChanged` when the input does not have the length that it had; `Io`.
    pub(super) fn of(plan: &'a ScanPlan, source: &'a dyn RangeSource, range: InputRange) -> Result<Self, Error> {
        let Some(input) = plan.inputs.get(range.file_index as usize) else {
            return Err(Error::usage(format!(
                "the plan has no input with the index {}",
                range.file_index
            )));
        };
        let is_within = input.data_start <= range.start && range.start <= range.end && range.end <= input.data_end;
        if !is_within || range.end - range.start > MOST_RANGE_BYTES {
            return Err(Error::usage(format!(
                "bytes {} to {} are no range of {}: its records lie from {} to {}, and a range has at most {MOST_RANGE_BYTES} bytes",
                range.start, range.end, input.name, input.data_start, input.data_end
            )));
        }
        let access = InputAccess {
            input,
            source,
            sizes: plan.sizes,
        };
        access.check_length()?;
        Ok(access)
    }

    fn path(&self) -> &Path {
        Path::new(&self.input.name)
    }

    pub(super) fn changed(&self, what: &str) -> Error {
        Error::changed(self.path(), what)
    }

    /// # Errors
    /// `InputChanged` when it is longer or shorter than it was; `Io`.
    pub(super) fn check_length(&self) -> Result<(), Error> {
        let found = self
            .source
            .length_bytes()
            .map_err(|e| Error::io("reading", self.path(), e))?;
        match found == self.input.length_bytes {
            true => Ok(()),
            false => Err(self.changed(&format!("it had {} bytes and has {found}", self.input.length_bytes))),
        }
    }

    /// Adds the bytes from `start` up to `end` to `bytes`.
    ///
    /// # Errors
    /// `InputChanged` when they are not there; `Io`.
    pub(super) fn read(&self, start: u64, end: u64, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let before = bytes.len();
        bytes.resize(before + (end - start) as usize, 0);
        self.fill(start, &mut bytes[before..])
    }

    /// Fills `bytes` with those from `start` on.
    fn fill(&self, start: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let read = read_fully(self.source, start, bytes);
        let read_bytes = read.map_err(|e| Error::io("reading", self.path(), e))?;
        match read_bytes == bytes.len() {
            true => Ok(()),
            false => Err(self.changed("it has fewer bytes than it had")),
        }
    }

    /// Checks that what stands before the records, and after them, is what it was. It belongs to the first range, and to the last.
    ///
    /// # Errors
    /// `InputChanged` when it is not; `Io`.
    pub(super) fn check_edges(&self, range: InputRange) -> Result<(), Error> {
        let input = self.input;
        let is_same = |start: u64, end: u64, then: ContentHash| Ok::<bool, Error>(self.hash(start, end)? == then);
        if range.start == input.data_start && !is_same(0, input.data_start, input.before)? {
            return Err(self.changed("what stands before its records is not what it was"));
        }
        if range.end == input.data_end && !is_same(input.data_end, input.length_bytes, input.after)? {
            return Err(self.changed("what stands after its records is not what it was"));
        }
        Ok(())
    }

    fn hash(&self, mut start: u64, end: u64) -> Result<ContentHash, Error> {
        let (mut content, mut piece) = (ContentHash::default(), Vec::new());
        while start < end {
            let to = (start + HASH_BYTES).min(end);
            piece.clear();
            self.read(start, to, &mut piece)?;
            content = content.then(ContentHash::of(&piece));
            start = to;
        }
        Ok(content)
    }
}

thread_local! {
    /// The memory of the thread's last range, for its next one: the system takes as long to give such memory as a scan does to go through it.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes of an input that are in memory.
#[derive(Debug, Default)]
pub(super) struct RangeBytes {
    /// Offset of the first one in the input.
    start: u64,
    /// The first so many are those of the input; what follows is of no meaning.
    length: usize,
    room: Vec<u8>,
    /// Where the records of the input end.
    data_end: u64,
}

impl Drop for RangeBytes {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.room);
        // A thread that is ending keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(room));
    }
}

impl RangeBytes {
    /// The bytes of `range`, with the one before it, if there is one, and some of those after it.
    ///
    /// # Errors
    /// As [`InputAccess::read`].
    pub(super) fn read(access: &InputAccess<'_>, range: InputRange) -> Result<Self, Error> {
        let data_end = access.input.data_end;
        let start = range.start - u64::from(range.start > access.input.data_start);
        let mut bytes = RangeBytes {
            start,
            length: 0,
            room: SPARE.take(),
            data_end,
        };
        bytes.extend_to(access, range.end.saturating_add(access.sizes.ahead_bytes))?;
        Ok(bytes)
    }

    fn end(&self) -> u64 {
        self.start + self.length as u64
    }

    /// Whether the records of the input end with these bytes.
    fn is_at_end(&self) -> bool {
        self.end() == self.data_end
    }

    fn extend_to(&mut self, access: &InputAccess<'_>, end: u64) -> Result<(), Error> {
        let from = self.end();
        let length = (end.min(self.data_end).max(from) - self.start) as usize;
        if length > self.room.len() {
            match self.length {
                // Memory that the system has just given is zero already.
                0 => self.room = vec![0; length],
                _ => self.room.resize(length, 0),
            }
        }
        access.fill(from, &mut self.room[self.length..length])?;
        self.length = length;
        Ok(())
    }

    /// Those from `start` up to `end`.
    pub(super) fn of(&self, start: u64, end: u64) -> &[u8] {
        &self.all()[(start - self.start) as usize..(end - self.start) as usize]
    }

    /// All from `start` on.
    pub(super) fn from(&self, start: u64) -> &[u8] {
        &self.all()[(start - self.start) as usize..]
    }

    fn all(&self) -> &[u8] {
        &self.room[..self.length]
    }

    /// Where the first line begins within `range`.
    pub(super) fn first_line(&self, range: InputRange, input: &PlannedInput) -> Option<u64> {
        if range.start == range.end {
            return None;
        }
        if range.start == input.data_start {
            return Some(range.start);
        }
        let before = self.of(range.start - 1, range.end - 1);
        memchr::memchr(input.line_end(), before).map(|at| range.start + at as u64)
    }
}

/// What a walk finds next.
pub(super) enum FoundRecords {
    /// Whole records, and nothing else, from `start` up to `end`.
    Records { start: u64, end: u64 },
    /// A line that is longer than any record may be, and does not end among the bytes that are there.
    LongLine { start: u64 },
}

/// A walk through the records that start before a border.
#[derive(Debug)]
pub(super) struct RecordWalk {
    /// Where the next record starts.
    pub(super) at: u64,
    border: u64,
    syntax: Syntax,
    /// Bytes of records to look for at a time.
    step_bytes: u64,
}

impl RecordWalk {
    /// One through the records from `start` on, where one begins.
    pub(super) fn new(start: u64, border: u64, syntax: Syntax, sizes: StepSizes) -> Self {
        RecordWalk {
            at: start,
            border,
            syntax,
            step_bytes: sizes.step_bytes,
        }
    }

    /// Looks for the next records, which go into `parsed`; `None` if there are no more. A long line is the last that is found.
    ///
    /// # Errors
    /// As [`InputAccess::read`].
    pub(super) fn next(
        &mut self,
        bytes: &mut RangeBytes,
        access: &InputAccess<'_>,
        parsed: &mut Records,
    ) -> Result<Option<FoundRecords>, Error> {
        while self.at < self.border {
            let step = (self.border - self.at).min(self.step_bytes) as usize;
            let span = bytes.from(self.at);
            let consumed = parse_before(span, step, bytes.is_at_end(), &self.syntax, parsed);
            // A record that is never closed is looked for in as many bytes as it may have, and each step begins with that anew.
            self.step_bytes = match parsed.faults.is_empty() {
                true => access.sizes.step_bytes,
                false => access.sizes.step_bytes.max(self.syntax.max_record_bytes),
            };
            if consumed > 0 {
                let start = self.at;
                self.at += consumed as u64;
                return Ok(Some(FoundRecords::Records { start, end: self.at }));
            }
            let there = span.len() as u64;
            if bytes.is_at_end() {
                return Err(Error::internal("a record at the end of an input was left undecided"));
            }
            if there > self.syntax.max_record_bytes {
                let start = self.at;
                self.at = self.border;
                return Ok(Some(FoundRecords::LongLine { start }));
            }
            let wanted = (there * 2)
                .max(access.sizes.ahead_bytes)
                .max(1)
                .min(self.syntax.max_record_bytes + 1);
            bytes.extend_to(access, self.at + wanted)?;
        }
        Ok(None)
    }
}
