//! The second pass over a range: its rows and rejects, each with its place in the input.
//!
//! Comes in: a range whose first record is known. Goes out: block after block, judged by [`validate`], as in a load. A range is compared with
//! what was scanned before anything is made of it.

use std::sync::Arc;

use super::bytes::{FoundRecords, InputAccess, RangeBytes, RecordWalk};
use super::compose::RangePiece;
use super::plan::ReadPlan;
use super::rejected::RangeReject;
use super::scan::NextRecord;
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::format::Parsed;
use crate::option_name::MAX_RECORD_BYTES;
use crate::parse::{Records, Syntax};
use crate::position::{ByteRange, Position};
use crate::reject::{BlockReject, RejectReason};
use crate::rows::{Encoder, Nothing, RowBlock};
use crate::schema::RowPlan;
use crate::validate::validate;
use crate::window::RangeSource;

/// Bytes that are read at a time of a line that is longer than a record may be.
const LINE_PIECE_BYTES: u64 = 8 << 20;
/// Most bytes of such a line: its reject holds it as a whole.
const MOST_LINE_BYTES: u64 = 1 << 30;

/// Reads the records of a range, block by block.
pub(super) struct PieceReader<E> {
    plan: Arc<ReadPlan>,
    source: Arc<dyn RangeSource>,
    piece: RangePiece,
    row_plan: RowPlan,
    syntax: Syntax,
    bytes: RangeBytes,
    walk: RecordWalk,
    parsed: Records,
    /// Where the next block begins.
    line: u64,
    record: u64,
    is_done: bool,
    /// What the last block holds.
    pub(super) block: RowBlock<E>,
    /// Where the records of its rows stand.
    pub(super) positions: Vec<Position>,
    pub(super) rejects: Vec<RangeReject>,
}

impl<E: Encoder> PieceReader<E> {
    /// # Errors
    /// `Usage` for a piece of another plan; `InputChanged` when the input is not what was scanned; `Io`.
    pub(super) fn new(plan: Arc<ReadPlan>, source: Arc<dyn RangeSource>, piece: RangePiece) -> Result<Self, Error> {
        if piece.plan != plan.scan.mark {
            return Err(Error::usage(
                "the place of a range is of another plan: read all ranges with the plan that came with them",
            ));
        }
        let range = piece.range;
        let access = InputAccess::of(&plan.scan, &*source, range)?;
        access.check_edges(range)?;
        let bytes = RangeBytes::read(&access, range)?;
        if ContentHash::of(bytes.of(range.start, range.end)) != piece.content {
            return Err(access.changed("a range of it is not what it was when it was scanned"));
        }
        let options = plan.scan.options()?;
        let row_plan = plan.row_plan(range.file_index as usize, &options);
        let syntax = plan.scan.syntax(access.input)?;
        Ok(PieceReader {
            row_plan,
            bytes,
            walk: RecordWalk::new(piece.entry, range.end, syntax, plan.scan.sizes),
            syntax,
            parsed: Records::default(),
            line: piece.line,
            record: piece.record,
            is_done: false,
            block: RowBlock::default(),
            positions: Vec::new(),
            rejects: Vec::new(),
            plan,
            source,
            piece,
        })
    }

    #[cfg(feature = "arrow")]
    pub(super) fn plan(&self) -> &ReadPlan {
        &self.plan
    }

    /// Reads the next block; false once there is none.
    ///
    /// # Errors
    /// `InputChanged` when the records are not those that were scanned; `Io`.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        self.positions.clear();
        self.rejects.clear();
        if self.is_done {
            return Ok(false);
        }
        let (plan, source) = (Arc::clone(&self.plan), Arc::clone(&self.source));
        let access = InputAccess {
            input: &plan.scan.inputs[self.piece.range.file_index as usize],
            source: &*source,
            sizes: plan.scan.sizes,
        };
        match self.walk.next(&mut self.bytes, &access, &mut self.parsed) {
            Ok(Some(FoundRecords::Records { start, end })) => self.take_records(&access, start, end),
            Ok(Some(FoundRecords::LongLine { start })) => self.take_long_line(&access, start)?,
            Ok(None) => {
                self.is_done = true;
                self.check_end(&access)?;
                return Ok(false);
            }
            Err(error) => {
                self.is_done = true;
                return Err(error);
            }
        }
        Ok(true)
    }

    /// # Errors
    /// `InputChanged` unless the records are as many as were scanned, and end where those did.
    fn check_end(&self, access: &InputAccess<'_>) -> Result<(), Error> {
        let is_end = match self.piece.next {
            NextRecord::At(at) => at == self.walk.at || self.piece.entry >= self.piece.range.end,
            NextRecord::NextLine => true,
        };
        match is_end && self.record == self.piece.record + self.piece.records {
            true => Ok(()),
            false => Err(access.changed("the records of a range are not those that were scanned")),
        }
    }

    fn take_records(&mut self, access: &InputAccess<'_>, start: u64, end: u64) {
        let span = self.bytes.of(start, end);
        validate(span, &self.parsed, &self.row_plan, &self.syntax, &mut self.block);
        let mut places = BlockPlaces {
            span,
            file_index: self.piece.range.file_index,
            line_end: self.syntax.dialect.line_end,
            is_multi_line: self.parsed.is_multi_line(),
            are_lines: !self.parsed.is_multi_line() && self.block.skipped() == 0,
            start,
            line: self.line,
            record: self.record,
            at: 0,
        };
        self.positions.reserve(self.block.rows.len());
        for row in &self.block.rows {
            self.positions.push(places.position(row.record_index, row.source));
        }
        (places.at, places.line) = (0, self.line);
        for reject in &self.block.rejects {
            let position = places.position(reject.record_index, reject.source);
            let reject = range_reject(access, &self.syntax, position, (reject, span));
            self.rejects.push(reject);
        }
        self.line += u64::from(self.block.line_count);
        self.record += u64::from(self.block.record_count);
    }

    /// Rejects a line that is longer than any record may be.
    fn take_long_line(&mut self, access: &InputAccess<'_>, start: u64) -> Result<(), Error> {
        validate(&[], &Records::default(), &self.row_plan, &self.syntax, &mut self.block);
        let line_end = self.syntax.dialect.line_end;
        let mut raw = self.bytes.from(start).to_vec();
        let (mut at, data_end) = (start + raw.len() as u64, access.input.data_end);
        let mut has_ended = false;
        while at < data_end && !has_ended {
            let to = (at + LINE_PIECE_BYTES).min(data_end);
            let before = raw.len();
            access.read(at, to, &mut raw)?;
            if let Some(distance) = memchr::memchr(line_end, &raw[before..]) {
                raw.truncate(before + distance);
                has_ended = true;
            }
            if raw.len() as u64 > MOST_LINE_BYTES {
                return Err(Error::unusable(
                    access.input.name.as_ref(),
                    format!(
                        "the line that begins at byte {start} has more than {MOST_LINE_BYTES} bytes, too many to be handed out as a reject; \
                         load the input as a whole, or raise {MAX_RECORD_BYTES}"
                    ),
                ));
            }
            at = to;
        }
        // An old Mac file may end with a line feed that is part of no line.
        if !has_ended && line_end == b'\r' && raw.ends_with(b"\n") {
            raw.pop();
        }
        while line_end == b'\n' && raw.ends_with(b"\r") {
            raw.pop();
        }
        let reason = RejectReason::RecordTooLarge {
            limit_bytes: self.syntax.max_record_bytes,
        };
        self.rejects.push(RangeReject {
            position: Position {
                file_index: self.piece.range.file_index,
                line: self.line,
                line_end: self.line,
                record: self.record,
                offset_bytes: start,
                length_bytes: raw.len() as u64,
            },
            column: String::new(),
            code: reason.code(),
            message: reason.message(b"", None).to_string(),
            value: Vec::new(),
            first_record: None,
            raw,
        });
        self.line += u64::from(has_ended);
        self.record += 1;
        Ok(())
    }
}

/// A reject of a block, which is `span`, in the words of a dead letter.
fn range_reject(
    access: &InputAccess<'_>,
    syntax: &Syntax,
    position: Position,
    (reject, span): (&BlockReject, &[u8]),
) -> RangeReject {
    let column = match reject.column {
        0 => String::new(),
        number => (access.input.names.get(number as usize - 1))
            .cloned()
            .unwrap_or_else(|| number.to_string()),
    };
    let bytes = reject.value.of(span);
    let value = syntax.dialect.encoding.shown(bytes);
    // What is wrong with bytes is said of the bytes.
    let judged = match reject.reason {
        RejectReason::InvalidEncoding { .. } => bytes,
        _ => &value,
    };
    RangeReject {
        position,
        column,
        code: reject.reason.code(),
        message: reject.reason.message(judged, None).to_string(),
        value: value.to_vec(),
        first_record: None,
        raw: reject.source.of(span).to_vec(),
    }
}

/// Finds the positions of the records of a block, one after another, only forward.
struct BlockPlaces<'a> {
    span: &'a [u8],
    file_index: u32,
    line_end: u8,
    /// A record may have line ends in it.
    is_multi_line: bool,
    /// Each line of the block is a record.
    are_lines: bool,
    /// Where the block begins: its offset in the input, its line, its first record.
    start: u64,
    line: u64,
    record: u64,
    /// Line ends are counted up to here.
    at: usize,
}

impl BlockPlaces<'_> {
    fn position(&mut self, record_index: u32, source: ByteRange) -> Position {
        let line = match self.are_lines {
            true => self.line + u64::from(record_index),
            false => self.line_at(source.start),
        };
        Position {
            file_index: self.file_index,
            line,
            line_end: match self.is_multi_line {
                true => self.line_at(source.end),
                false => line,
            },
            record: self.record + u64::from(record_index),
            offset_bytes: self.start + u64::from(source.start),
            length_bytes: u64::from(source.len()),
        }
    }

    fn line_at(&mut self, offset: u32) -> u64 {
        let between = &self.span[self.at..offset as usize];
        self.line += memchr::memchr_iter(self.line_end, between).count() as u64;
        self.at = offset as usize;
        self.line
    }
}

/// What becomes of the records of a range, without their values: a check of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedRange {
    /// Where the records stand that are rows.
    pub rows: Vec<Position>,
    /// The others.
    pub rejects: Vec<RangeReject>,
}

impl CheckedRange {
    /// Checks the records of a range, as [`Load::check`](crate::Load::check) does, without a look at keys.
    ///
    /// # Errors
    /// [`InputChanged`](crate::ErrorKind::InputChanged) when the range is not what was scanned, [`Io`](crate::ErrorKind::Io),
    /// [`Usage`](crate::ErrorKind::Usage) for a piece of another plan.
    pub fn read(plan: &Arc<ReadPlan>, source: &Arc<dyn RangeSource>, piece: &RangePiece) -> Result<Self, Error> {
        let mut reader: PieceReader<Nothing> = PieceReader::new(Arc::clone(plan), Arc::clone(source), piece.clone())?;
        let mut checked = CheckedRange::default();
        while reader.advance()? {
            checked.rows.append(&mut reader.positions);
            checked.rejects.append(&mut reader.rejects);
        }
        Ok(checked)
    }
}
