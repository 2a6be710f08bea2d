//! Rows and rejects of one block after another into batches, each committed whole.
//!
//! Comes in: blocks in input order with their suspects. Goes out: rows in the table, rejects in the dead-letter file, suspects in
//! their spool. The order at each batch edge: dead letters and suspects reach the disk, then the rows are committed, so a
//! committed row is never without the rejects that came before it. Batch edges lie at multiples of `batch_rows` records: they
//! depend on the input alone.

mod packed;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use self::packed::PackedStretches;
use crate::checkpoint::SavedProgress;
use crate::error::Error;
use crate::faults;
use crate::ledger::{ClosedBooks, Incoming, Ledger, Place, PlacedRow, Places};
use crate::pipeline::{Flow, LinePiece};
use crate::reject::{ColumnLabel, RejectCode, RejectReason, Suspect};
use crate::rows::{Landed, RowMeta};
use crate::schema::RowIds;
use crate::schema::repeats::RepeatPlan;
use crate::sqlite::RowOutcome;
use crate::sqlite::destination::{Destination, Opened};
use crate::sqlite::direct::index::TableIndexes;
use crate::sqlite::direct::packed::{Packs, PagePacker};
use crate::sqlite::insert::GroupOutcome;
use crate::window::InputWatch;

/// What a [`BatchWriter`] needs to know about the load.
#[derive(Debug)]
pub struct BatchSettings {
    /// The key's columns, comma-separated; empty without a key.
    pub key_names: String,
    pub row_ids: RowIds,
    /// What becomes of rows that repeat the key.
    pub repeats: RepeatPlan,
    pub batch_rows: u64,
    pub database_path: PathBuf,
    /// The table's name, if the load can be resumed and so keeps a checkpoint.
    pub checkpoint: Option<String>,
    /// Only rows are taken: the first reject or suspect [ends](BatchWriter::is_given_up) the load before anything is written of it.
    pub rows_only: bool,
    /// All batches are committed together, at the end.
    pub one_transaction: bool,
    /// The inputs that are files, to see whether they are still what was read.
    pub watches: Vec<InputWatch>,
}

/// What is left of a [`BatchWriter`] after the last row.
#[derive(Debug)]
pub struct BatchParts<'d> {
    pub destination: Destination<'d>,
    pub books: ClosedBooks,
    pub indexes: TableIndexes<'d>,
    pub settings: BatchSettings,
}

/// Writes blocks in batches.
#[derive(Debug)]
pub struct BatchWriter<'d> {
    destination: Destination<'d>,
    ledger: Ledger,
    settings: BatchSettings,
    /// Indexes that are built from the rows as they are written.
    indexes: TableIndexes<'d>,
    /// How blocks are packed before they come, if rows go in as finished pages.
    packing: Option<Arc<PagePacker>>,
    in_batch: bool,
    is_given_up: bool,
    /// Which rows of the last block are in the table.
    landed: Landed,
}

impl<'d> BatchWriter<'d> {
    /// A writer into `destination`, whose rows `indexes` collect.
    pub fn new(
        destination: Destination<'d>,
        ledger: Ledger,
        indexes: TableIndexes<'d>,
        settings: BatchSettings,
    ) -> Self {
        let takes_keys_only = destination.keeps_nothing() && !indexes.is_empty();
        let keys_only = || takes_keys_only.then_some(Packs::Keys);
        let packing = destination.packs().or_else(keys_only).map(|packs| {
            let keys = indexes.key_columns();
            Arc::new(PagePacker::new(packs, settings.row_ids, settings.batch_rows, keys))
        });
        BatchWriter {
            destination,
            ledger,
            indexes,
            packing,
            settings,
            in_batch: false,
            is_given_up: false,
            landed: Landed::default(),
        }
    }

    /// How blocks may be packed before they come; `None` where rows do not go in as pages.
    pub fn packing(&self) -> Option<Arc<PagePacker>> {
        self.packing.clone()
    }

    /// Whether something came that is not a row, where [only rows](BatchSettings::rows_only) are taken.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Which rows of the last block are in the table; those that were set aside are not.
    pub fn take_landed(&mut self) -> Landed {
        std::mem::take(&mut self.landed)
    }

    fn give_up(&mut self) -> Flow {
        self.is_given_up = true;
        Flow::Stop
    }

    /// Goes on where an earlier run of the same load stopped: that run's records are skipped.
    ///
    /// # Errors
    /// `SideFileChanged` when the spool is not what it was; `Database`, `Io`.
    pub fn resume(&mut self, progress: &SavedProgress) -> Result<(), Error> {
        self.ledger.resume(progress);
        self.destination.resume(progress.root_page);
        if self.destination.may_wait() {
            let mut waiting = self.ledger.waiting()?;
            let mut suspect = Suspect::default();
            while waiting.next_into(&mut suspect)? {
                let row_id = self.settings.row_ids.wanted(suspect.row_id);
                self.destination.hold(row_id, &suspect.record)?;
            }
        }
        Ok(())
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether rows go nowhere: only their keys are looked at.
    pub fn keeps_nothing(&self) -> bool {
        self.destination.keeps_nothing()
    }

    /// Whether a key was too long to be collected here: only SQLite can tell which keys are repeated.
    pub fn lacks_keys(&self) -> bool {
        self.indexes.lacks_keys()
    }

    /// Moves to the next input; the load has `records_before` records before it.
    pub fn begin_input(&mut self, records_before: u64) {
        self.ledger.begin_input(records_before);
    }

    /// Ends the load; returns the parts that settlement goes on with.
    pub fn into_parts(self) -> BatchParts<'d> {
        BatchParts {
            destination: self.destination,
            books: self.ledger.close(),
            indexes: self.indexes,
            settings: self.settings,
        }
    }

    /// Records that the open batch has room for.
    fn room(&self) -> u64 {
        self.settings.batch_rows - self.ledger.counts().records % self.settings.batch_rows
    }

    /// Whether the records counted so far are whole batches.
    fn is_at_edge(&self) -> bool {
        self.ledger.counts().records.is_multiple_of(self.settings.batch_rows)
    }

    /// Commits everything up to and including the first `records` records of a block.
    fn commit_within(&mut self, incoming: &Incoming, records: u32) -> Result<(), Error> {
        self.ledger.read_up_to(incoming, records);
        self.end_batch()
    }

    /// Commits what is a batch, unless all batches are one.
    fn end_batch(&mut self) -> Result<(), Error> {
        if !self.settings.one_transaction {
            return self.commit();
        }
        self.destination.save_origins()?;
        faults::point("batch: not committed yet");
        Ok(())
    }

    /// Writes a block; returns `Stop` once the error limit is passed, after writing everything up to the record that passed it.
    pub fn write_block(&mut self, incoming: &mut Incoming) -> Result<Flow, Error> {
        let mut stretches = PackedStretches::of(incoming);
        let incoming = &*incoming;
        let Incoming {
            block, place, suspects, ..
        } = incoming;
        if self.settings.rows_only && !(block.output.rejects.is_empty() && suspects.is_empty()) {
            return Ok(self.give_up());
        }
        let mut done_records = self.ledger.begin_block(incoming)?;
        let mut places = self.ledger.places(incoming);
        let rows = &block.output;
        let mut done_rows = rows.rows.partition_point(|row| row.record_index < done_records);
        self.landed.begin(done_rows);
        let mut suspects = &suspects[suspects.partition_point(|&row_index| (row_index as usize) < done_rows)..];
        let done_rejects = rows
            .rejects
            .partition_point(|reject| reject.record_index < done_records);
        let mut rejects = rows.rejects[done_rejects..].iter().peekable();
        while done_records < rows.record_count {
            self.begin()?;
            let edge = (u64::from(rows.record_count - done_records).min(self.room())) as u32 + done_records;
            let span_until = |until: u32| RowSpan {
                incoming,
                start: done_rows,
                end: done_rows + rows.rows[done_rows..].partition_point(|row| row.record_index < until),
            };
            self.write_packed(span_until(edge), rejects.len() as u64, &mut stretches)?;
            // Rows up to the next reject or the batch edge, whichever comes first.
            let until = rejects.peek().map_or(edge, |reject| reject.record_index.min(edge));
            let span = span_until(until);
            let end = span.end;
            if end <= stretches.taken_rows {
                self.set_aside_only(span, &mut suspects, &mut places)?;
            } else if self.write_rows(span, &mut suspects, &mut places)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            done_rows = end;
            self.landed.span.end = end;
            self.ledger.count_up_to(incoming, until);
            done_records = until;
            if until < edge
                && let Some(reject) = rejects.next()
            {
                self.ledger
                    .note_stop_within(incoming, reject.record_index, reject.reason.code());
                self.ledger.reject_record(reject, &mut places)?;
                done_records += 1;
                self.ledger.count_up_to(incoming, done_records);
                if self.ledger.past_limit(place.ordinal + u64::from(reject.record_index)) {
                    self.commit_within(incoming, done_records)?;
                    return Ok(Flow::Stop);
                }
            }
            if self.is_at_edge() {
                self.commit_within(incoming, done_records)?;
            }
        }
        self.ledger.end_block(incoming);
        Ok(Flow::Continue)
    }

    fn write_rows(&mut self, span: RowSpan<'_>, suspects: &mut &[u32], places: &mut Places<'_>) -> Result<Flow, Error> {
        let RowSpan { incoming, start, end } = span;
        let has_suspect = suspects.first().is_some_and(|&suspect| (suspect as usize) < end);
        if self.destination.keeps_nothing() && self.indexes.is_empty() && !has_suspect {
            // Under which ids they would have gone in is asked only where they are to be taken back.
            self.ledger.add_rows((end - start) as u64, 0);
            return Ok(Flow::Continue);
        }
        let group_rows = self.destination.group_rows();
        // Rows before this one go in one by one: their group was refused.
        let mut alone_until = start;
        let mut next = start;
        while next < end {
            let clear = suspects.first().map_or(end, |&suspect| end.min(suspect as usize));
            let group_end = group_rows.map_or(usize::MAX, |group_rows| next + group_rows);
            if next >= alone_until && group_end <= clear {
                let group = self.write_group(incoming, next..group_end)?;
                next += group.inserted;
                alone_until = next + group.alone;
                continue;
            }
            let row_index = next;
            next += 1;
            let placed = self.placed(incoming, row_index);
            if suspects.first() == Some(&(row_index as u32)) {
                *suspects = &suspects[1..];
                self.landed.left_out.push(row_index as u32);
                self.set_aside(&placed, places)?;
                continue;
            }
            let outcome = self.destination.insert(placed.row_id, placed.record)?;
            if let RowOutcome::Inserted { row_id: given } = outcome {
                self.inserted(&placed, given)?;
                self.keep(incoming, &placed)?;
                continue;
            }
            self.landed.left_out.push(row_index as u32);
            if self.not_inserted(incoming, &placed, outcome, places)? == Flow::Stop {
                self.landed.span.end = next;
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// A row of a block with the id that it is to have.
    #[inline(always)]
    fn placed<'a>(&self, incoming: &'a Incoming, row_index: usize) -> PlacedRow<'a> {
        let rows = &incoming.block.output;
        let row = &rows.rows[row_index];
        PlacedRow {
            row,
            row_id: row_id_of(self.settings.row_ids, incoming, row_index),
            ordinal: incoming.place.ordinal + u64::from(row.record_index),
            record: rows.values.record(row_index),
        }
    }

    /// Sets a row aside that may repeat a key.
    fn set_aside(&mut self, placed: &PlacedRow<'_>, places: &mut Places<'_>) -> Result<(), Error> {
        self.ledger.set_aside(placed, places)?;
        self.indexes.push_suspect(placed.row_id.unwrap_or(0), placed.record)
    }

    /// Puts several rows in at once, or as many of them as go in together.
    fn write_group(&mut self, incoming: &Incoming, rows: Range<usize>) -> Result<GroupOutcome, Error> {
        let row_ids = self.settings.row_ids;
        let values = &incoming.block.output.values;
        let group = rows
            .clone()
            .map(|row_index| (row_id_of(row_ids, incoming, row_index), values.record(row_index)));
        let outcome = self.destination.insert_group(group)?;
        for (number, row_index) in rows.take(outcome.inserted).enumerate() {
            let placed = self.placed(incoming, row_index);
            let given = self.destination.group_ids()[number];
            self.ledger.add_row(given);
            self.destination.origins.note(placed.row_id, given, placed.ordinal)?;
        }
        Ok(outcome)
    }

    /// Notes a row that went in under the id that it was `given`.
    #[inline]
    fn inserted(&mut self, placed: &PlacedRow<'_>, given: i64) -> Result<(), Error> {
        self.ledger.add_row(given);
        self.destination.origins.note(placed.row_id, given, placed.ordinal)?;
        self.indexes.push(given, placed.record)
    }

    /// Keeps a row that the table took until it is committed, if it may have to go in again.
    #[inline(always)]
    fn keep(&mut self, incoming: &Incoming, placed: &PlacedRow<'_>) -> Result<(), Error> {
        if self.destination.keep(placed.row_id, placed.ordinal, placed.record) {
            self.ledger.read_up_to(incoming, placed.row.record_index + 1);
            self.commit()?;
            self.begin()?;
        }
        Ok(())
    }

    /// A row that is not in the table; `Stop` as in [`write_block`](Self::write_block).
    fn not_inserted(
        &mut self,
        incoming: &Incoming,
        placed: &PlacedRow<'_>,
        outcome: RowOutcome,
        places: &mut Places<'_>,
    ) -> Result<Flow, Error> {
        if self.settings.rows_only {
            return Ok(self.give_up());
        }
        let record_index = placed.row.record_index;
        match outcome {
            RowOutcome::Updated => {
                self.ledger.add_update();
                self.keep(incoming, placed)?;
                return Ok(Flow::Continue);
            }
            RowOutcome::Skipped => {
                self.ledger.skip_row();
                return Ok(Flow::Continue);
            }
            _ => {}
        }
        if outcome == RowOutcome::Waits {
            self.destination.origins.note_keys();
            self.destination.hold(placed.row_id, placed.record)?;
            self.ledger.set_aside(placed, places)?;
            return Ok(Flow::Continue);
        }
        if let RowOutcome::RolledBack { .. } = outcome {
            // The rows before it, which it has taken along, go in again and are committed, so that none of them has to go in a third time.
            self.destination.put_back()?;
            self.ledger.read_up_to(incoming, record_index);
            self.commit()?;
            self.begin()?;
        }
        let is_ignored = outcome == RowOutcome::Ignored;
        let code = match &outcome {
            RowOutcome::Duplicate { .. } => RejectCode::DuplicateKey,
            other => other.refusal().code(),
        };
        self.ledger.note_stop_within(incoming, record_index, code);
        self.refused(placed.row, outcome, places)?;
        if self.ledger.past_limit(placed.ordinal) {
            // The load will go on at this record: what triggers did for it, they will do again then.
            self.destination.undo_ignored()?;
            self.commit_within(incoming, record_index + 1)?;
            return Ok(Flow::Stop);
        }
        if is_ignored {
            self.keep(incoming, placed)?;
        }
        Ok(Flow::Continue)
    }

    /// A row that the database refused becomes a reject.
    fn refused(&mut self, row: &RowMeta, outcome: RowOutcome, places: &mut Places<'_>) -> Result<(), Error> {
        let (column, reason) = match &outcome {
            RowOutcome::Duplicate { row_id, columns } => {
                let rows = &mut self.destination.origins;
                let first = rows.first_record(*row_id, self.ledger.origins())?;
                (ColumnLabel::Name(columns), RejectReason::DuplicateKey { first })
            }
            other => (ColumnLabel::None, other.refusal()),
        };
        self.ledger.reject_row(row, places, column, &reason)
    }

    /// Takes a piece of a line that is too long for a record; `Stop` as in [`BatchWriter::write_block`].
    pub fn write_line_piece(&mut self, piece: &LinePiece, place: &Place) -> Result<Flow, Error> {
        if self.settings.rows_only {
            return Ok(self.give_up());
        }
        if self.ledger.begin_line_piece(piece, place)? {
            return Ok(Flow::Continue);
        }
        if piece.first {
            self.begin()?;
        }
        self.ledger.line_piece(piece, place)?;
        if !piece.last {
            return Ok(Flow::Continue);
        }
        let stop = self.ledger.past_limit(place.ordinal);
        if stop || self.is_at_edge() {
            self.end_batch()?;
        }
        Ok(if stop { Flow::Stop } else { Flow::Continue })
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.in_batch {
            if self.destination.begin(self.ledger.counts())? == Opened::WithoutPages {
                // SQLite will build them at the end.
                self.indexes.give_up();
                if let Some(packing) = self.packing.take() {
                    packing.give_up();
                }
            }
            self.in_batch = true;
        }
        Ok(())
    }

    /// Takes back all rows of the only transaction. What was said of records stays: those whose rows are taken back are open again.
    ///
    /// # Errors
    /// `Io`, `Database`.
    pub fn take_back(&mut self) -> Result<(), Error> {
        if self.in_batch {
            self.destination.roll_back()?;
            self.in_batch = false;
        }
        self.ledger.take_back_rows()
    }

    /// Commits everything written since the last commit.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.in_batch {
            // If they are unchanged now, what was read before is what the files held.
            self.settings.watches.iter().try_for_each(InputWatch::check_unchanged)?;
            let progress = self.ledger.end_batch()?;
            let loaded = self.ledger.counts().loaded;
            let table = self.settings.checkpoint.as_deref();
            self.destination
                .commit(progress, loaded, table, &self.settings.database_path)?;
            self.in_batch = false;
            faults::point("batch: committed");
        }
        Ok(())
    }
}

/// The id that a row is to have, unless that is left to SQLite.
#[inline(always)]
fn row_id_of(row_ids: RowIds, incoming: &Incoming, row_index: usize) -> Option<i64> {
    let rows = &incoming.block.output;
    match row_ids {
        RowIds::Ordinal { base } => {
            let ordinal = incoming.place.ordinal + u64::from(rows.rows[row_index].record_index);
            Some(base + ordinal as i64)
        }
        RowIds::Key => Some(rows.integer_keys[row_index]),
        RowIds::Given | RowIds::None => None,
    }
}

/// Some rows of a block.
#[derive(Clone, Copy)]
struct RowSpan<'a> {
    incoming: &'a Incoming,
    start: usize,
    end: usize,
}
