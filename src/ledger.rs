//! The books of a load: which records were read, what became of each, and whether that is more rejects than it may have.
//!
//! Comes in: blocks in input order, and what the destination said of each row. Goes out: counts, dead letters, suspects in their spool, and
//! the [`SavedProgress`] that a commit is to record. Never: a row, or a transaction; a load that writes no table could use it as well.
//!
//! `records = loaded + updated + rejected + duplicates + pending` holds at each commit, as every record passes here exactly once.

mod consumed;
mod limit;
mod open_items;
mod place;
mod wondering;

use std::path::{Path, PathBuf};

use self::consumed::Consumed;
pub use self::open_items::OpenItems;
pub use self::place::{Incoming, Place, Places};
use self::wondering::Wondering;
use crate::checkpoint::{Counts, SavedProgress, changed_since_begun};
use crate::content_hash::ContentHash;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::faults;
use crate::options::ErrorLimits;
use crate::pipeline::LinePiece;
use crate::position::Position;
use crate::reject::{
    BlockReject, ColumnLabel, DeadLetter, DeadLetters, Origins, RejectCode, RejectReason, SuspectEntry, SuspectReader,
    SuspectSpool,
};
use crate::rows::RowMeta;

/// What a [`Ledger`] needs to know about the load.
#[derive(Debug)]
pub struct LedgerSettings {
    pub inputs: Vec<InputNames>,
    pub max_errors: ErrorLimits,
    pub max_record_bytes: u64,
    /// Whether it is to be guessed in which encoding records are that are not UTF-8.
    pub guesses_encoding: bool,
}

/// The names by which places in an input are reported.
#[derive(Debug)]
pub struct InputNames {
    pub path: PathBuf,
    /// Column names by field.
    pub fields: Vec<String>,
    pub line_end: u8,
    pub encoding: Encoding,
}

/// The files beside the database.
#[derive(Debug)]
pub struct SideFiles {
    pub letters: DeadLetters,
    pub spool: SuspectSpool,
}

/// The books.
#[derive(Debug)]
pub struct Ledger {
    letters: DeadLetters,
    spool: SuspectSpool,
    settings: LedgerSettings,
    counts: Counts,
    /// Records that an earlier run of this load accounted for already.
    skip_records: u64,
    origins: Origins,
    /// What is noted of a load that stops at the error limit: the state before the record that passed it, from which the load goes on.
    stop: Option<SavedProgress>,
    long_line: LongLine,
    consumed: Consumed,
    wondering: Wondering,
}

/// What is left of a [`Ledger`] after the last row.
#[derive(Debug)]
pub struct ClosedBooks {
    pub side_files: SideFiles,
    pub counts: Counts,
    pub origins: Origins,
    /// What the counts account for.
    pub content: ContentHash,
}

/// A physical line longer than the record limit, while its pieces arrive.
#[derive(Debug, Default)]
struct LongLine {
    offset_bytes: u64,
    length_bytes: u64,
    /// CRs at the end of the last piece: part of the line's end only if nothing follows them.
    pending_crs: usize,
    /// What was read before it.
    before: ContentHash,
}

/// A row of a block, and its values.
pub struct PlacedRow<'a> {
    pub row: &'a RowMeta,
    /// The id that it is to have, unless that is left to SQLite.
    pub row_id: Option<i64>,
    /// The number of its record in the load.
    pub ordinal: u64,
    /// The row as a SQLite record.
    pub record: &'a [u8],
}

impl Ledger {
    pub fn new(side_files: SideFiles, settings: LedgerSettings) -> Self {
        let SideFiles { letters, spool } = side_files;
        let wondering = Wondering::new(settings.guesses_encoding);
        Ledger {
            wondering,
            letters,
            spool,
            settings,
            counts: Counts::default(),
            skip_records: 0,
            origins: Origins::default(),
            stop: None,
            long_line: LongLine::default(),
            consumed: Consumed::default(),
        }
    }

    /// Goes on where an earlier run of the same load stopped: that run's records are skipped.
    pub fn resume(&mut self, progress: &SavedProgress) {
        self.counts = progress.counts.clone();
        self.skip_records = progress.counts.records;
        self.consumed.expect(progress.content);
    }

    /// The rows that were set aside so far.
    ///
    /// # Errors
    /// `SideFileChanged` when the spool is not what it was; `Io`.
    pub fn waiting(&mut self) -> Result<SuspectReader<'_>, Error> {
        self.spool.reader()
    }

    /// Whether the place where an earlier run stopped has yet to be reached.
    pub fn is_expecting(&self) -> bool {
        self.consumed.is_expecting()
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where each input's records begin in the numbering of the load.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// An input that is not UTF-8, and the encoding that it is likely in, going by its rejects.
    pub fn likely_encoding(&self) -> Option<(&Path, Encoding)> {
        let (file_index, encoding) = self.wondering.likely()?;
        let input = self.settings.inputs.get(file_index as usize)?;
        Some((&input.path, encoding))
    }

    /// Moves to the next input; the load has `records_before` records before it.
    pub fn begin_input(&mut self, records_before: u64) {
        self.origins.begin_input(records_before);
    }

    /// Closes the books.
    pub fn close(self) -> ClosedBooks {
        ClosedBooks {
            side_files: SideFiles {
                letters: self.letters,
                spool: self.spool,
            },
            counts: self.counts,
            origins: self.origins,
            content: self.consumed.content(),
        }
    }

    /// Moves to the next block; returns how many of its first records are accounted for already.
    ///
    /// # Errors
    /// `InputChanged` when what an earlier run read was something else.
    pub fn begin_block(&mut self, incoming: &Incoming) -> Result<u32, Error> {
        let Incoming { block, place, .. } = incoming;
        self.read(place, block.bytes())?;
        let done = self.skip_records.saturating_sub(place.ordinal - 1);
        Ok(done.min(u64::from(block.output.record_count)) as u32)
    }

    /// The positions of a block's records.
    pub fn places<'a>(&self, incoming: &'a Incoming) -> Places<'a> {
        let input = &self.settings.inputs[incoming.place.file_index as usize];
        Places::new(incoming, input.line_end, input.encoding)
    }

    /// Moves to the next bytes of the input.
    fn read(&mut self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        if self.consumed.begin(place.span(bytes)) {
            return Ok(());
        }
        let inputs = &self.settings.inputs;
        let read = (place.file_index as usize + 1).min(inputs.len());
        let paths: Vec<PathBuf> = inputs[..read].iter().map(|input| input.path.clone()).collect();
        Err(changed_since_begun(&paths))
    }

    /// Counts the first `records` records of a block that are not counted yet.
    pub fn count_up_to(&mut self, incoming: &Incoming, records: u32) {
        let counted = (self.counts.records + 1 - incoming.place.ordinal) as u32;
        self.counts.records += u64::from(records - counted);
    }

    /// Accounts for the first `records` records of a block, and for their bytes.
    pub fn read_up_to(&mut self, incoming: &Incoming, records: u32) {
        self.count_up_to(incoming, records);
        let span = incoming.place.span(incoming.block.bytes());
        self.consumed.advance(span, incoming.block.output.end_of(records));
    }

    /// All records of a block are counted: accounts for all its bytes.
    pub fn end_block(&mut self, incoming: &Incoming) {
        let bytes = incoming.block.bytes();
        self.consumed.advance(incoming.place.span(bytes), bytes.len());
    }

    /// Counts a row that went in under this id.
    #[inline]
    pub fn add_row(&mut self, row_id: i64) {
        self.counts.add_row(row_id);
    }

    /// Counts so many rows that went in; `row_ids_hash`: the sum of the hashes of their ids.
    pub fn add_rows(&mut self, rows: u64, row_ids_hash: u64) {
        self.counts.add_rows(rows, row_ids_hash);
    }

    /// Counts a record whose values went into a row that was there.
    pub fn add_update(&mut self) {
        self.counts.updated += 1;
    }

    /// Counts a record that repeats a key and is passed over.
    pub fn skip_row(&mut self) {
        self.counts.skipped += 1;
    }

    /// Puts a row into the spool: what becomes of it is known only once all other rows are in.
    ///
    /// # Errors
    /// `Io` when the spool cannot be written.
    pub fn set_aside(&mut self, placed: &PlacedRow<'_>, places: &mut Places<'_>) -> Result<(), Error> {
        let row = placed.row;
        self.spool.append(&SuspectEntry {
            row_id: placed.row_id.unwrap_or(0),
            position: places.position(row.record_index, row.source),
            errors_offset: self.letters.len_bytes(),
            record: placed.record,
            raw: row.source.of(places.incoming.block.bytes()),
        })?;
        self.counts.suspects += 1;
        Ok(())
    }

    /// Rejects a row that the destination refused.
    ///
    /// # Errors
    /// `Io` when the dead-letter file cannot be written.
    pub fn reject_row(
        &mut self,
        row: &RowMeta,
        places: &mut Places<'_>,
        column: ColumnLabel<'_>,
        reason: &RejectReason,
    ) -> Result<(), Error> {
        let letter = DeadLetter {
            position: places.position(row.record_index, row.source),
            column,
            reason,
            value: b"",
            raw: row.source.of(places.incoming.block.bytes()),
        };
        self.letters.append(&letter)?;
        self.counts.reject(reason.code());
        Ok(())
    }

    /// Rejects a record that validation refused.
    ///
    /// # Errors
    /// `Io` when the dead-letter file cannot be written.
    pub fn reject_record(&mut self, reject: &BlockReject, places: &mut Places<'_>) -> Result<(), Error> {
        let block = &places.incoming.block;
        let position = places.position(reject.record_index, reject.source);
        self.write_fault(reject, position, block.bytes())?;
        if reject.reason == RejectReason::InvalidUtf8 {
            self.wondering.see(&position, reject.source.of(block.bytes()));
        }
        self.counts.reject(reject.reason.code());
        let further = &block.output.further_faults;
        let start = further.partition_point(|fault| fault.record_index < reject.record_index);
        let of_record = further[start..].iter();
        for fault in of_record.take_while(|fault| fault.record_index == reject.record_index) {
            self.write_fault(fault, position, block.bytes())?;
            self.counts.further_faults += 1;
        }
        Ok(())
    }

    /// Writes what is wrong with a record at `position` of a block that has `bytes`.
    fn write_fault(&mut self, fault: &BlockReject, position: Position, bytes: &[u8]) -> Result<(), Error> {
        let names = &self.settings.inputs[position.file_index as usize].fields;
        let column = match fault.column {
            0 => ColumnLabel::None,
            number => names
                .get(number as usize - 1)
                .map_or(ColumnLabel::Number(number), |name| ColumnLabel::Name(name)),
        };
        self.letters.append(&DeadLetter {
            position,
            column,
            reason: &fault.reason,
            value: fault.value.of(bytes),
            raw: fault.source.of(bytes),
        })
    }

    /// Whether a piece of a line that is too long for a record belongs to a record that is accounted for already.
    ///
    /// # Errors
    /// `InputChanged` as in [`begin_block`](Self::begin_block).
    pub fn begin_line_piece(&mut self, piece: &LinePiece, place: &Place) -> Result<bool, Error> {
        self.read(place, piece.bytes())?;
        Ok(place.ordinal <= self.skip_records)
    }

    /// Takes a piece of a line that is too long for a record; the line is rejected with its last piece.
    ///
    /// # Errors
    /// `Io` when the dead-letter file cannot be written.
    pub fn line_piece(&mut self, piece: &LinePiece, place: &Place) -> Result<(), Error> {
        self.consumed.advance(place.span(piece.bytes()), piece.bytes().len());
        let InputNames { line_end, encoding, .. } = self.settings.inputs[place.file_index as usize];
        if piece.first {
            self.letters.begin_large()?;
            self.long_line = LongLine {
                offset_bytes: place.offset_bytes,
                before: place.before,
                ..LongLine::default()
            };
        }
        let mut bytes = piece.bytes();
        if piece.last {
            // Otherwise the input ends here; an old Mac file may end with a line feed that is part of no line.
            let own = bytes.strip_suffix(&[line_end]);
            let final_line_feed = bytes.strip_suffix(b"\n").filter(|_| line_end == b'\r');
            bytes = own.or(final_line_feed).unwrap_or(bytes);
        }
        let trimmed = if line_end == b'\n' { trailing_crs(bytes) } else { 0 };
        let body = &bytes[..bytes.len() - trimmed];
        if body.is_empty() {
            self.long_line.pending_crs += trimmed;
        } else {
            for _ in 0..std::mem::replace(&mut self.long_line.pending_crs, trimmed) {
                self.letters.large_piece(b"\r")?;
                self.long_line.length_bytes += encoding.length_of(b"\r");
            }
            self.letters.large_piece(body)?;
            self.long_line.length_bytes += encoding.length_of(body);
        }
        if piece.last { self.end_line(place) } else { Ok(()) }
    }

    /// Rejects the line that is too long, now that all of it is there.
    fn end_line(&mut self, place: &Place) -> Result<(), Error> {
        let before = (place.file_index, self.long_line.before);
        self.note_stop(place.ordinal, before, RejectCode::RecordTooLarge);
        let reason = RejectReason::RecordTooLarge {
            limit_bytes: self.settings.max_record_bytes,
        };
        self.letters.end_large(&DeadLetter {
            position: Position {
                file_index: place.file_index,
                line: place.line,
                line_end: place.line,
                record: place.record,
                offset_bytes: self.long_line.offset_bytes,
                length_bytes: self.long_line.length_bytes,
            },
            column: ColumnLabel::None,
            reason: &reason,
            value: b"",
            raw: b"",
        })?;
        self.counts.reject(reason.code());
        self.counts.records += 1;
        Ok(())
    }

    /// Makes dead letters and suspects reach the disk and counts the batch, whose rows may then be committed; returns what is to be noted
    /// with them.
    ///
    /// # Errors
    /// `Io` when a file cannot be written.
    pub fn end_batch(&mut self) -> Result<SavedProgress, Error> {
        faults::point("batch: before the dead letters");
        self.letters.sync()?;
        faults::point("batch: dead letters synced");
        self.spool.sync()?;
        faults::point("batch: before the commit");
        self.counts.batches += 1;
        Ok(self.stop.take().unwrap_or_else(|| self.progress()))
    }

    /// The rows of the load did not stay: their records are neither loaded nor rejected. What was rejected reaches the disk.
    ///
    /// # Errors
    /// `Io`.
    pub fn take_back_rows(&mut self) -> Result<(), Error> {
        let counts = &mut self.counts;
        counts.suspects += std::mem::take(&mut counts.loaded) + std::mem::take(&mut counts.updated);
        self.letters.sync()
    }

    fn progress(&self) -> SavedProgress {
        let (errors, suspects) = (self.letters.state(), self.spool.state());
        SavedProgress {
            counts: self.counts.clone(),
            errors_bytes: errors.bytes,
            errors_hash: errors.hash,
            errors_mark: errors.mark,
            suspects_bytes: suspects.bytes,
            suspects_hash: suspects.hash,
            content: self.consumed.content(),
            ..SavedProgress::default()
        }
    }
}

fn trailing_crs(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|&&byte| byte == b'\r').count()
}
