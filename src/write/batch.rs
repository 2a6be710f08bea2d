//! Rows and rejects of one block after another into batches, each committed whole.
//!
//! Comes in: blocks in input order with their suspects. Goes out: rows in the table, rejects in the dead-letter file, suspects in
//! their spool. The order at each batch edge: dead letters and suspects reach the disk, then the rows are committed, so a
//! committed row is never without the rejects that came before it. Batch edges lie at multiples of `batch_rows` records: they
//! depend on the input alone.

mod incoming;
mod stop;

use std::path::PathBuf;

use self::incoming::LineCursor;
pub use self::incoming::{Incoming, Place};
use crate::checkpoint::{Counts, Progress, changed_since_begun};
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::faults;
use crate::options::ErrorLimit;
use crate::pipeline::{Flow, LinePiece};
use crate::position::{ByteRange, Position};
use crate::reject::{
    BlockReject, ColumnLabel, DeadLetter, DeadLetters, RejectReason, Suspect, SuspectEntry, SuspectSpool,
};
use crate::rows::RowMeta;
use crate::schema::RowIds;
use crate::window::InputWatch;
use crate::write::consumed::Consumed;
use crate::write::destination::{Began, Destination, Sink};
use crate::write::index::TableIndexes;
use crate::write::redo::Redo;
use crate::write::{Origins, RowOutcome};

/// What a [`BatchWriter`] needs to know about the load.
#[derive(Debug)]
pub struct BatchSettings {
    /// Column names by field, for each input.
    pub field_names: Vec<Vec<String>>,
    /// The key's columns, comma-separated; empty without a key.
    pub key_names: String,
    pub row_ids: RowIds,
    pub batch_rows: u64,
    pub max_errors: Option<ErrorLimit>,
    pub max_record_bytes: u64,
    pub line_ends: Vec<u8>,
    pub origins: Origins,
    pub database_path: PathBuf,
    /// The table's name, if the load can be resumed and so keeps a checkpoint.
    pub checkpoint: Option<String>,
    /// The inputs that are files, to see whether they are still what was read, and the name of each.
    pub watches: Vec<InputWatch>,
    pub paths: Vec<PathBuf>,
}

/// The files beside the database.
#[derive(Debug)]
pub struct SideFiles {
    pub letters: DeadLetters,
    pub spool: SuspectSpool,
}

/// What is left of a [`BatchWriter`] after the last row.
#[derive(Debug)]
pub struct BatchParts<'d> {
    pub destination: Destination<'d>,
    pub side_files: SideFiles,
    pub indexes: TableIndexes<'d>,
    pub counts: Counts,
    pub settings: BatchSettings,
    /// What the counts account for.
    pub content: ContentHash,
}

/// Writes blocks in batches.
#[derive(Debug)]
pub struct BatchWriter<'d> {
    destination: Destination<'d>,
    /// The rows of the open transaction, where one that is refused may take the others along.
    redo: Option<Redo>,
    letters: DeadLetters,
    spool: SuspectSpool,
    settings: BatchSettings,
    counts: Counts,
    /// Records that an earlier run of this load accounted for already.
    skip_records: u64,
    /// Indexes that are built from the rows as they are written.
    indexes: TableIndexes<'d>,
    /// Records of the open batch.
    batch_records: u64,
    in_batch: bool,
    /// What is noted of a load that stops at the error limit: the state before the record that passed it, which goes on from there.
    stop: Option<Progress>,
    /// CRs at the end of the last piece of a line: part of its end only if nothing follows them.
    pending_crs: usize,
    long_line: LongLine,
    consumed: Consumed,
}

/// A physical line longer than the record limit, while its pieces arrive.
#[derive(Debug, Default)]
struct LongLine {
    offset_bytes: u64,
    length_bytes: u64,
    /// What was read before it.
    before: ContentHash,
}

impl<'d> BatchWriter<'d> {
    /// A writer into `destination`, whose rows `indexes` collect.
    pub fn new(
        destination: Destination<'d>,
        side_files: SideFiles,
        indexes: TableIndexes<'d>,
        settings: BatchSettings,
    ) -> Self {
        let SideFiles { letters, spool } = side_files;
        BatchWriter {
            redo: Redo::for_sink(&destination.sink),
            destination,
            letters,
            spool,
            indexes,
            settings,
            counts: Counts::default(),
            skip_records: 0,
            batch_records: 0,
            in_batch: false,
            stop: None,
            pending_crs: 0,
            long_line: LongLine::default(),
            consumed: Consumed::default(),
        }
    }

    /// Goes on where an earlier run of the same load got to: its records are skipped.
    ///
    /// # Errors
    /// `SideFileChanged` when the spool is not what it was, `Database`, `Io`.
    pub fn resume(&mut self, progress: &Progress) -> Result<(), Error> {
        let counts = progress.counts.clone();
        self.skip_records = counts.records;
        self.batch_records = counts.records % self.settings.batch_rows;
        self.counts = counts;
        self.consumed.expect(progress.content);
        self.destination.resume(progress.root_page);
        if self.destination.may_wait() {
            let mut waiting = self.spool.reader()?;
            let mut suspect = Suspect::default();
            while waiting.next_into(&mut suspect)? {
                let row_id = self.settings.row_ids.wanted(suspect.row_id);
                self.destination.hold(row_id, &suspect.record)?;
            }
        }
        Ok(())
    }

    /// Whether the place that an earlier run got to has yet to be reached.
    pub fn is_expecting(&self) -> bool {
        self.consumed.is_expecting()
    }

    /// Comes to the next bytes of the input.
    fn read(&mut self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        if self.consumed.begin(place.span(bytes)) {
            return Ok(());
        }
        let read = (place.file_index as usize + 1).min(self.settings.paths.len());
        Err(changed_since_begun(&self.settings.paths[..read]))
    }

    /// Commits what there is up to and with the first `records` records of a block.
    fn commit_within(&mut self, incoming: &Incoming, records: u32) -> Result<(), Error> {
        self.read_up_to(incoming, records);
        self.commit()
    }

    /// Accounts for the first `records` records of a block, and for their bytes.
    fn read_up_to(&mut self, incoming: &Incoming, records: u32) {
        self.count_up_to(incoming, records);
        let span = incoming.place.span(incoming.block.bytes());
        self.consumed.advance(span, incoming.block.output.end_of(records));
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Where each input's records begin in the numbering of the load.
    pub fn origins(&mut self) -> &mut Origins {
        &mut self.settings.origins
    }

    /// Ends the load: the parts that settlement goes on with.
    pub fn into_parts(self) -> BatchParts<'d> {
        BatchParts {
            destination: self.destination,
            side_files: SideFiles {
                letters: self.letters,
                spool: self.spool,
            },
            indexes: self.indexes,
            counts: self.counts,
            settings: self.settings,
            content: self.consumed.content(),
        }
    }

    /// Writes a block; `Stop` once the error limit is passed, with everything up to the record that passed it written.
    pub fn write_block(&mut self, incoming: &Incoming) -> Result<Flow, Error> {
        let Incoming { block, place, suspects } = incoming;
        self.read(place, block.bytes())?;
        let rows = &block.output;
        let mut lines = LineCursor {
            bytes: block.bytes(),
            line_end: self.settings.line_ends[place.file_index as usize],
            at: 0,
            line: place.line,
        };
        let done = self.skip_records.saturating_sub(place.ordinal - 1);
        let mut done_records = done.min(u64::from(rows.record_count)) as u32;
        let mut done_rows = rows.rows.partition_point(|row| row.record_index < done_records);
        let mut suspects = &suspects[suspects.partition_point(|&row_index| (row_index as usize) < done_rows)..];
        let done_rejects = rows
            .rejects
            .partition_point(|reject| reject.record_index < done_records);
        let mut rejects = rows.rejects[done_rejects..].iter().peekable();
        while done_records < rows.record_count {
            self.begin()?;
            let room = self.settings.batch_rows - self.batch_records;
            let edge = (u64::from(rows.record_count - done_records).min(room)) as u32 + done_records;
            // Rows up to the next reject or the batch edge, whichever comes first.
            let until = rejects.peek().map_or(edge, |reject| reject.record_index.min(edge));
            let end = done_rows + rows.rows[done_rows..].partition_point(|row| row.record_index < until);
            let span = RowSpan {
                incoming,
                start: done_rows,
                end,
            };
            if self.write_rows(span, &mut suspects, &mut lines)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            done_rows = end;
            self.count_up_to(incoming, until);
            done_records = until;
            if until < edge
                && let Some(reject) = rejects.next()
            {
                self.note_stop_within(incoming, reject.record_index);
                self.reject_block(incoming, reject, &mut lines)?;
                done_records += 1;
                self.count_up_to(incoming, done_records);
                if self.past_limit(place.ordinal + u64::from(reject.record_index)) {
                    self.commit_within(incoming, done_records)?;
                    return Ok(Flow::Stop);
                }
            }
            if self.batch_records == self.settings.batch_rows {
                self.commit_within(incoming, done_records)?;
            }
        }
        self.consumed.advance(place.span(block.bytes()), block.bytes().len());
        Ok(Flow::Continue)
    }

    fn write_rows(
        &mut self,
        span: RowSpan<'_>,
        suspects: &mut &[u32],
        lines: &mut LineCursor<'_>,
    ) -> Result<Flow, Error> {
        let RowSpan { incoming, start, end } = span;
        let rows = &incoming.block.output;
        let row_ids = self.settings.row_ids;
        let ordinal_of = |row: &RowMeta| incoming.place.ordinal + u64::from(row.record_index);
        let row_id_of = |row_index: usize| match row_ids {
            RowIds::Ordinal { base } => Some(base + ordinal_of(&rows.rows[row_index]) as i64),
            RowIds::Key => Some(rows.integer_keys[row_index]),
            RowIds::Given | RowIds::None => None,
        };
        let group_rows = self.destination.sink.group_rows();
        // Rows below go in alone: their group was refused.
        let mut alone_until = start;
        let mut next = start;
        while next < end {
            let clear = suspects.first().map_or(end, |&suspect| end.min(suspect as usize));
            let group_end = group_rows.map_or(usize::MAX, |group_rows| next + group_rows);
            if next >= alone_until && group_end <= clear {
                let group = (next..group_end).map(|row_index| (row_id_of(row_index), rows.record(row_index)));
                if self.write_group(group)? {
                    next = group_end;
                    continue;
                }
                alone_until = group_end;
            }
            let row_index = next;
            next += 1;
            let row = &rows.rows[row_index];
            let ordinal = ordinal_of(row);
            let row_id = row_id_of(row_index);
            let record = rows.record(row_index);
            let one = OneRow {
                incoming,
                row,
                row_id,
                ordinal,
                record,
            };
            if suspects.first() == Some(&(row_index as u32)) {
                *suspects = &suspects[1..];
                self.set_aside(&one, lines)?;
                self.indexes.push_suspect(row_id.unwrap_or(0), record)?;
                continue;
            }
            let outcome = match &mut self.destination.sink {
                Sink::Sql(_) => self.destination.insert(row_id, record)?,
                Sink::Direct(writer) => {
                    // Finished pages refuse no row, and nothing takes one back.
                    let given = writer.append(row_id, record)?;
                    self.inserted(&one, given)?;
                    continue;
                }
            };
            if let RowOutcome::Inserted { row_id: given } = outcome {
                self.inserted(&one, given)?;
                self.keep_for_redo(&one)?;
            } else if self.not_inserted(&one, outcome, lines)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Puts several rows in at once, or none of them; which.
    fn write_group<'r>(&mut self, group: impl Iterator<Item = (Option<i64>, &'r [u8])> + Clone) -> Result<bool, Error> {
        if !self.destination.sink.insert_group(group.clone())? {
            return Ok(false);
        }
        // Ids that SQLite gave are not known here; nor are they asked for: a table of others is never taken back.
        group.for_each(|(row_id, _)| self.counts.add_row(row_id.unwrap_or(0)));
        Ok(true)
    }

    /// Notes a row that went in under the id that it was `given`.
    #[inline]
    fn inserted(&mut self, one: &OneRow<'_>, given: i64) -> Result<(), Error> {
        self.counts.add_row(given);
        self.destination.origins.note(one.row_id, given, one.ordinal)?;
        self.indexes.push(given, one.record)
    }

    /// Puts a row into the spool: what becomes of it is known only when all the others are in.
    fn set_aside(&mut self, one: &OneRow<'_>, lines: &mut LineCursor<'_>) -> Result<(), Error> {
        let position = self.position(one.incoming, one.row.record_index, one.row.source, lines);
        self.spool.append(&SuspectEntry {
            row_id: one.row_id.unwrap_or(0),
            position,
            errors_offset: self.letters.len_bytes(),
            record: one.record,
            raw: one.row.source.of(one.incoming.block.bytes()),
        })?;
        self.counts.suspects += 1;
        Ok(())
    }

    /// Keeps a row that the table took until it is committed, where it may have to go in again.
    #[inline]
    fn keep_for_redo(&mut self, one: &OneRow<'_>) -> Result<(), Error> {
        let Some(redo) = &mut self.redo else { return Ok(()) };
        redo.keep(one.row_id, one.ordinal, one.record);
        if redo.is_full() {
            self.read_up_to(one.incoming, one.row.record_index + 1);
            self.commit_rows()?;
            self.begin()?;
        }
        Ok(())
    }

    /// A row that is not in the table; `Stop` as in [`write_block`](Self::write_block).
    fn not_inserted(
        &mut self,
        one: &OneRow<'_>,
        outcome: RowOutcome,
        lines: &mut LineCursor<'_>,
    ) -> Result<Flow, Error> {
        if outcome == RowOutcome::Waits {
            self.destination.origins.note_keys();
            self.destination.hold(one.row_id, one.record)?;
            self.set_aside(one, lines)?;
            return Ok(Flow::Continue);
        }
        if let RowOutcome::RolledBack { .. } = outcome {
            self.put_back(one)?;
        }
        let is_ignored = outcome == RowOutcome::Ignored;
        self.note_stop_within(one.incoming, one.row.record_index);
        self.refused(one, outcome, lines)?;
        if self.past_limit(one.ordinal) {
            if let Sink::Sql(writer) = &mut self.destination.sink {
                // The load goes on at this record: what triggers did for it, they do then.
                writer.undo_ignored()?;
            }
            self.read_up_to(one.incoming, one.row.record_index + 1);
            self.commit()?;
            return Ok(Flow::Stop);
        }
        if is_ignored {
            self.keep_for_redo(one)?;
        }
        Ok(Flow::Continue)
    }

    /// Puts the rows before `one` back, which it has taken along when the table rolled the transaction back, and commits them, so that
    /// none of them goes in a third time.
    fn put_back(&mut self, one: &OneRow<'_>) -> Result<(), Error> {
        let Destination {
            sink,
            origins,
            database,
            ..
        } = &mut self.destination;
        origins.rolled_back()?;
        sink.begin()?;
        if let (Some(redo), Sink::Sql(writer)) = (&self.redo, sink) {
            redo.for_each(|row_id, ordinal, record| match writer.insert(row_id, record)? {
                RowOutcome::Inserted { row_id: given } => origins.note(row_id, given, ordinal),
                RowOutcome::Ignored => Ok(()),
                outcome => Err(Redo::refused_now(database.path(), &outcome)),
            })?;
        }
        self.read_up_to(one.incoming, one.row.record_index);
        self.commit_rows()?;
        self.begin()
    }

    /// Records of the block that are counted already.
    fn block_records_done(&self, incoming: &Incoming) -> u32 {
        (self.counts.records + 1 - incoming.place.ordinal) as u32
    }

    /// A row that the database refused becomes a reject.
    fn refused(&mut self, one: &OneRow<'_>, outcome: RowOutcome, lines: &mut LineCursor<'_>) -> Result<(), Error> {
        let position = self.position(one.incoming, one.row.record_index, one.row.source, lines);
        let (column, reason) = match &outcome {
            RowOutcome::Duplicate { row_id, columns } => {
                let first = self.destination.origins.first_record(*row_id, &self.settings.origins)?;
                (ColumnLabel::Name(columns), RejectReason::DuplicateKey { first })
            }
            other => (ColumnLabel::None, other.refusal()),
        };
        self.reject(&DeadLetter {
            position,
            column,
            reason: &reason,
            value: b"",
            raw: one.row.source.of(one.incoming.block.bytes()),
        })
    }

    /// A record that validation refused.
    fn reject_block(
        &mut self,
        incoming: &Incoming,
        reject: &BlockReject,
        lines: &mut LineCursor<'_>,
    ) -> Result<(), Error> {
        let bytes = incoming.block.bytes();
        let position = self.position(incoming, reject.record_index, reject.source, lines);
        let names = &self.settings.field_names[position.file_index as usize];
        let column = match reject.column {
            0 => ColumnLabel::None,
            number => names
                .get(number as usize - 1)
                .map_or(ColumnLabel::Number(number), |name| ColumnLabel::Name(name)),
        };
        let letter = DeadLetter {
            position,
            column,
            reason: &reject.reason,
            value: reject.value.of(bytes),
            raw: reject.source.of(bytes),
        };
        self.letters.append(&letter)?;
        self.counts.rejected[reject.reason.code().index()] += 1;
        Ok(())
    }

    fn position(&self, incoming: &Incoming, index: u32, source: ByteRange, lines: &mut LineCursor<'_>) -> Position {
        let line = lines.line_at(source.start);
        Position {
            file_index: incoming.place.file_index,
            line,
            line_end: lines.line_at(source.end),
            record: incoming.place.record + u64::from(index),
            offset_bytes: incoming.block.start_bytes + u64::from(source.start),
            length_bytes: u64::from(source.len()),
        }
    }

    fn reject(&mut self, letter: &DeadLetter<'_>) -> Result<(), Error> {
        self.letters.append(letter)?;
        self.counts.rejected[letter.reason.code().index()] += 1;
        Ok(())
    }

    /// Takes a piece of a line that is too long for a record; `Stop` as in [`BatchWriter::write_block`].
    pub fn write_line_piece(&mut self, piece: &LinePiece, place: &Place) -> Result<Flow, Error> {
        self.read(place, piece.bytes())?;
        if place.ordinal <= self.skip_records {
            return Ok(Flow::Continue);
        }
        self.consumed.advance(place.span(piece.bytes()), piece.bytes().len());
        let line_end = self.settings.line_ends[place.file_index as usize];
        if piece.first {
            self.begin()?;
            self.letters.begin_large()?;
            self.pending_crs = 0;
            self.long_line = LongLine {
                offset_bytes: piece.start_bytes(),
                length_bytes: 0,
                before: place.before,
            };
        }
        let mut bytes = piece.bytes();
        if piece.last {
            // Else the input ends here, an old Mac file perhaps with a line feed that is part of no line.
            let own = bytes.strip_suffix(&[line_end]);
            let final_line_feed = bytes.strip_suffix(b"\n").filter(|_| line_end == b'\r');
            bytes = own.or(final_line_feed).unwrap_or(bytes);
        }
        let trimmed = if line_end == b'\n' { trailing_crs(bytes) } else { 0 };
        let body = &bytes[..bytes.len() - trimmed];
        if body.is_empty() {
            self.pending_crs += trimmed;
        } else {
            for _ in 0..std::mem::replace(&mut self.pending_crs, trimmed) {
                self.letters.large_piece(b"\r")?;
                self.long_line.length_bytes += 1;
            }
            self.letters.large_piece(body)?;
            self.long_line.length_bytes += body.len() as u64;
        }
        if !piece.last {
            return Ok(Flow::Continue);
        }
        let position = Position {
            file_index: place.file_index,
            line: place.line,
            line_end: place.line,
            record: place.record,
            offset_bytes: self.long_line.offset_bytes,
            length_bytes: self.long_line.length_bytes,
        };
        self.note_stop(place.ordinal, place.file_index, self.long_line.before);
        let reason = RejectReason::RecordTooLarge {
            limit_bytes: self.settings.max_record_bytes,
        };
        let column = ColumnLabel::None;
        self.letters.end_large(&DeadLetter {
            position,
            column,
            reason: &reason,
            value: b"",
            raw: b"",
        })?;
        self.counts.rejected[reason.code().index()] += 1;
        self.count_records(1);
        let stop = self.past_limit(place.ordinal);
        if stop || self.batch_records == self.settings.batch_rows {
            self.commit()?;
        }
        Ok(if stop { Flow::Stop } else { Flow::Continue })
    }

    /// Counts the records of the block before `record_index` that are not counted yet.
    fn count_up_to(&mut self, incoming: &Incoming, record_index: u32) {
        self.count_records(record_index - self.block_records_done(incoming));
    }

    fn count_records(&mut self, records: u32) {
        self.batch_records += u64::from(records);
        self.counts.records += u64::from(records);
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.in_batch {
            let mut began = self.destination.sink.begin()?;
            if began == Began::Not {
                self.destination.go_on_by_sql()?;
                self.redo = Redo::for_sink(&self.destination.sink);
                // SQLite builds them at the end.
                self.indexes.give_up();
                self.destination.sink.begin()?;
                began = Began::AmongOthers;
            }
            if began == Began::AmongOthers {
                if self.destination.renew_if_outdated()? {
                    self.redo = Redo::for_sink(&self.destination.sink);
                }
                self.destination.look_for_others(&self.counts)?;
            }
            self.in_batch = true;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let (errors, suspects) = (self.letters.state(), self.spool.state());
        Progress {
            counts: self.counts.clone(),
            errors_bytes: errors.bytes,
            errors_hash: errors.hash,
            errors_mark: errors.mark,
            suspects_bytes: suspects.bytes,
            suspects_hash: suspects.hash,
            content: self.consumed.content(),
            ..Progress::default()
        }
    }

    /// Ends a batch: commits what has been written since the last commit.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.batch_records = 0;
        self.commit_rows()
    }

    fn commit_rows(&mut self) -> Result<(), Error> {
        if self.in_batch {
            // What was read before this moment is what the files held.
            self.settings.watches.iter().try_for_each(InputWatch::check_unchanged)?;
            faults::point("batch: before the dead letters");
            self.letters.sync()?;
            faults::point("batch: dead letters synced");
            self.spool.sync()?;
            faults::point("batch: before the commit");
            self.counts.batches += 1;
            self.destination.origins.save()?;
            let mark = self.destination.sink.mark(self.counts.loaded)?;
            let progress = Progress {
                root_page: self.destination.root_page(),
                mark,
                ..self.stop.take().unwrap_or_else(|| self.progress())
            };
            let checkpoint = self.settings.checkpoint.as_deref().map(|table| (table, &progress));
            let path = &self.settings.database_path;
            self.destination.sink.commit(checkpoint, path)?;
            self.destination.target.mark = mark;
            self.in_batch = false;
            if let Some(redo) = &mut self.redo {
                redo.forget();
            }
            faults::point("batch: committed");
        }
        Ok(())
    }
}

/// A row of a block.
struct OneRow<'a> {
    incoming: &'a Incoming,
    row: &'a RowMeta,
    /// The id that it is to have, where that is not left to SQLite.
    row_id: Option<i64>,
    /// Number of its record in the load.
    ordinal: u64,
    record: &'a [u8],
}

/// Some rows of a block.
struct RowSpan<'a> {
    incoming: &'a Incoming,
    start: usize,
    end: usize,
}

fn trailing_crs(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|&&byte| byte == b'\r').count()
}
