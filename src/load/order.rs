//! The order thread: one input after another is scanned, in parallel, and what comes back in input order gets its lines and numbers.
//!
//! Comes in: the opened inputs. Goes out: blocks for the writer, with the rows in them that may repeat a key; in the end what the load read
//! in all. Here a guess is refuted: by the first value that its column's type does not have, or by the order of the keys at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use crate::content_hash::ContentHash;
use crate::decode::Marks;
use crate::dedup::{Candidates, Dedup};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::escape::excerpt;
use crate::faults;
use crate::format::Format;
use crate::head::{Head, ReadAs, read_as};
use crate::idle::Idle;
use crate::infer::{self, Facts};
use crate::ledger::{Incoming, Place};
use crate::load::context::Context;
use crate::load::infer::ends_a_line;
use crate::load::opened::{InputCount, OpenedInput, OpenedInputs, ReadPart, check_content};
use crate::load::planned::Blueprint;
use crate::memory;
use crate::option_name::RESTART;
use crate::pipeline::{Flight, Flow, FoundBy, LinePiece, ScanRequest, ScanTimes, Scanned, Work, scan};
use crate::plan::TablePlan;
use crate::reject::{BlockReject, RejectReason};
use crate::report::agreeing;
use crate::rows::{Encoder, Nothing, RowBlock, RowMeta};
use crate::schema::form::ColumnFacts;
use crate::schema::key_order::KeyOrder;
use crate::schema::{ColumnType, RowPlan};
use crate::sqlite::direct::packed::{Packs, PagePacker, RowsToPack};
use crate::sqlite::key_record::KeyRecords;
use crate::sqlite::record::{RecordBlock, SqliteRecords};
use crate::validate::{bytes_beyond_record, validate};
use crate::window::Input;

/// Characters of a name that a notice quotes.
const NAME_CHARS: usize = 32;

/// What the order thread hands to the writer, in input order.
pub(super) enum Delivery {
    /// The next input begins after this many records of the load.
    Input {
        records_before: u64,
        /// How far it was unpacked, if it is a packed file.
        marks: Option<Arc<Marks>>,
    },
    /// Boxed, so that the queue's slots are small.
    Block(Box<Incoming>),
    /// A block that a worker thread is packing.
    Packing(Receiver<Box<Incoming>>),
    LinePiece {
        piece: LinePiece,
        place: Place,
    },
}

/// Validation of one input's chunks.
pub(super) struct RowWork<'a, E, F> {
    pub(super) plan: RowPlan,
    pub(super) format: F,
    pub(super) memory: RowMemory<'a, E>,
}

/// The memory that rows are in.
pub(super) struct RowMemory<'a, E> {
    /// Blocks to be used again.
    pub(super) idle: &'a Idle<RowBlock<E>>,
    /// The rows will be packed: while they wait for their turn, they are in memory twice.
    pub(super) packs: bool,
}

impl<E, F: Format> RowWork<'_, E, F> {
    /// Hashed here, while the bytes are in the cache, and not on the one thread that keeps the order.
    fn note_content(&self, span: &[u8], output: &mut RowBlock<E>) {
        output.content = ContentHash::of(span);
        output.original_bytes = self.format.encoding().length_of(span);
    }
}

impl<E: Encoder, F: Format> Work for RowWork<'_, E, F> {
    type Format = F;
    type Output = RowBlock<E>;

    fn format(&self) -> F {
        self.format
    }

    fn output(&self) -> RowBlock<E> {
        self.memory.idle.take().unwrap_or_default()
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut RowBlock<E>) {
        validate(span, parsed, &self.plan, &self.format, output);
        self.note_content(span, output);
    }

    fn memory_bytes(&self, output: &RowBlock<E>) -> usize {
        let packed_bytes = if self.memory.packs {
            output.values.memory_bytes()
        } else {
            0
        };
        output.capacity_bytes() + packed_bytes
    }

    fn bytes_per_line(&self) -> usize {
        bytes_beyond_record(&self.plan) + self.format.bytes_per_line()
    }
}

/// Validation of one input's chunks where only verdicts are asked for: no values are kept but those of keys.
struct VerdictWork<'a, F> {
    rows: RowWork<'a, SqliteRecords, F>,
    /// For each column, whether it is part of the key; empty without one.
    is_key: Vec<bool>,
}

impl<F: Format> Work for VerdictWork<'_, F> {
    type Format = F;
    type Output = RecordBlock;

    fn format(&self) -> F {
        self.rows.format()
    }

    fn output(&self) -> RecordBlock {
        self.rows.output()
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut RecordBlock) {
        let RowWork { plan, format, .. } = &self.rows;
        if self.is_key.is_empty() {
            output.lend(Nothing, |block| validate(span, parsed, plan, format, block));
        } else {
            let records = std::mem::take(&mut output.values);
            let keys = KeyRecords::over(records, &self.is_key);
            let keys = output.lend(keys, |block| validate(span, parsed, plan, format, block));
            output.values = keys.into_records();
        }
        self.rows.note_content(span, output);
    }

    fn memory_bytes(&self, output: &RecordBlock) -> usize {
        self.rows.memory_bytes(output)
    }

    fn bytes_per_line(&self) -> usize {
        self.rows.bytes_per_line()
    }
}

/// What the order thread and the writer share.
#[derive(Default)]
pub(super) struct Shared {
    /// Outputs to be used again.
    pub(super) idle: Arc<Idle<RecordBlock>>,
    /// The writer wants no more.
    pub(super) ended: AtomicBool,
    pub(super) times: ScanTimes,
    pub(super) dedup_ns: AtomicU64,
    /// Blocks on their way from the order thread into the table.
    pub(super) blocks_ahead: AtomicU64,
}

/// How many rows of a block come from records after the first `done_records` of the load, but for those that may repeat a key.
fn rows_after(incoming: &Incoming, done_records: u64) -> i64 {
    let rows = &incoming.block.output.rows;
    let is_done = |row: &RowMeta| incoming.place.ordinal + u64::from(row.record_index) <= done_records;
    let first = rows.partition_point(is_done);
    let suspects = incoming.suspects.partition_point(|&suspect| (suspect as usize) < first);
    (rows.len() - first) as i64 - (incoming.suspects.len() - suspects) as i64
}

/// What was read of all inputs together.
pub(super) struct Totals {
    records: u64,
    content: ContentHash,
    /// Whether every input was read to its end.
    pub(super) complete: bool,
    pub(super) evidence: Evidence,
}

impl Totals {
    /// Nothing yet.
    fn new(plan: &TablePlan) -> Self {
        Totals {
            records: 0,
            content: ContentHash::default(),
            complete: true,
            evidence: Evidence {
                key_order: KeyOrder::default(),
                facts: Facts::new(&vec![false; plan.columns.len()], &plan.key_columns),
                refuted: None,
            },
        }
    }
}

pub(super) struct Evidence {
    /// The order of the keys so far.
    key_order: KeyOrder,
    /// What the values so far look like.
    pub(super) facts: Facts,
    /// What refuted the guess, in words.
    pub(super) refuted: Option<String>,
}

/// The order thread.
pub(super) struct OrderThread<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) context: &'a Context<'a>,
    pub(super) shared: &'a Shared,
    /// No values are asked for but those of keys.
    pub(super) gives_verdicts_only: bool,
    /// How blocks are packed, if rows go in as finished pages, or if their keys are collected.
    pub(super) packing: Option<Arc<PagePacker>>,
}

impl OrderThread<'_> {
    /// Reads the inputs to their end, or until nobody wants more of them.
    pub(super) fn run(
        &self,
        inputs: &mut OpenedInputs,
        dedup: &mut Dedup,
        deliveries: SyncSender<Delivery>,
    ) -> Result<Totals, Error> {
        let plan = self.plan();
        let mut totals = Totals::new(plan);
        let packs = self.packing.as_ref().map(|packing| packing.packs);
        let mut next_given = match packs {
            Some(Packs::Pages { next_row_id, .. }) => next_row_id,
            Some(Packs::Keys) | None => 1,
        };
        let flight = Flight::new(&self.context.scan_settings(&self.blueprint.split));
        for (file_index, opened) in inputs.all.iter_mut().enumerate() {
            let records_before = totals.records;
            let marks = opened.input.marks();
            if deliveries.send(Delivery::Input { records_before, marks }).is_err() {
                break;
            }
            let (start_bytes, before) = (opened.start_bytes(), opened.content_before());
            let original_start_bytes = opened.original_start_bytes();
            let OpenedInput { input, head, count, .. } = opened;
            let content = totals.content.then(before);
            let mut one = OneInput {
                order: self,
                flight: &flight,
                dedup,
                deliveries: &deliveries,
                path: input.path().to_owned(),
                start_bytes,
                before,
                place: Place {
                    file_index: file_index as u32,
                    offset_bytes: original_start_bytes,
                    line: count.lines + 1,
                    // More than none only after a loaded part.
                    record: count.records + 1,
                    ordinal: records_before + count.records + 1,
                    before: content,
                    after: content,
                },
                count,
                read: ContentHash::default(),
                whole: ContentHash::default(),
                line_end: head.dialect.line_end,
                encoding: head.dialect.encoding,
                is_length_known: input.abilities().length_bytes.is_some(),
                held: Vec::new(),
                held_bytes: 0,
                evidence: &mut totals.evidence,
                next_given: &mut next_given,
            };
            let complete = one.scan(input, head);
            totals.content = one.place.before;
            self.context.account.input_read(file_index, opened.report());
            totals.complete = complete?;
            totals.records += opened.count.records;
            if !totals.complete {
                break;
            }
        }
        if totals.complete {
            totals.evidence.refuted = plan.refuted_by_order(&totals.evidence.key_order);
        }
        Ok(totals)
    }

    fn plan(&self) -> &TablePlan {
        &self.blueprint.start.plan
    }
}

/// One input on the order thread.
struct OneInput<'a> {
    order: &'a OrderThread<'a>,
    flight: &'a Flight,
    dedup: &'a mut Dedup,
    deliveries: &'a SyncSender<Delivery>,
    path: PathBuf,
    /// Where its records begin, and what comes before that.
    start_bytes: u64,
    before: ContentHash,
    count: &'a mut InputCount,
    /// Where the next block begins.
    place: Place,
    /// The hash of what was read of the input from where its records begin.
    read: ContentHash,
    /// The same up to the end of its last whole record.
    whole: ContentHash,
    line_end: u8,
    encoding: Encoding,
    /// Else its bytes are counted as they are read.
    is_length_known: bool,
    /// Blocks that wait to go through deduplication together, and their memory.
    held: Vec<Incoming>,
    held_bytes: usize,
    evidence: &'a mut Evidence,
    /// The row id that the next row gets where row ids are those that SQLite would give.
    next_given: &'a mut i64,
}

impl OneInput<'_> {
    /// Whether the input was read to its end.
    fn scan(&mut self, input: &mut Input, head: &Head) -> Result<bool, Error> {
        let OrderThread { context, shared, .. } = *self.order;
        let options = context.options;
        let plan = RowPlan {
            repeated_header: head.repeated_header(options).map(<[String]>::to_vec),
            trailing_delimiter: head.trailing_delimiter,
            ..(self.order.plan()).row_plan(self.place.file_index as usize, head.names.len(), options)
        };
        let memory = RowMemory {
            idle: &shared.idle,
            packs: self.order.packing.is_some(),
        };
        match read_as(head, options) {
            ReadAs::Csv(format) => self.scan_rows(input, RowWork { plan, format, memory }),
            ReadAs::JsonLines(format) => self.scan_rows(input, RowWork { plan, format, memory }),
        }
    }

    fn scan_rows<F: Format>(&mut self, input: &mut Input, rows: RowWork<'_, SqliteRecords, F>) -> Result<bool, Error> {
        if !self.order.gives_verdicts_only {
            return self.scan_as(input, &rows);
        }
        let plan = self.order.plan();
        let is_key = |index| plan.key_columns.contains(&index);
        let is_key = match plan.key_columns.is_empty() {
            true => Vec::new(),
            false => (0..plan.columns.len()).map(is_key).collect(),
        };
        self.scan_as(input, &VerdictWork { rows, is_key })
    }

    fn scan_as<W: Work<Output = RecordBlock>>(&mut self, input: &mut Input, work: &W) -> Result<bool, Error> {
        let OrderThread { context, shared, .. } = *self.order;
        let (options, start_bytes) = (context.options, self.start_bytes);
        let stopped = || shared.ended.load(Ordering::Relaxed) || context.is_stopped();
        let request = ScanRequest {
            settings: context.scan_settings(&self.order.blueprint.split),
            work,
            flight: self.flight,
            times: &shared.times,
            stopped: &stopped,
        };
        if !self.is_length_known || options.repeat.append_only {
            self.count.bytes = self.place.offset_bytes;
        }
        let complete = scan(&context.pool, input, start_bytes, request, &mut |scanned| {
            self.take(scanned)
        })?;
        self.count.content = self.before.then(self.whole);
        if self.evidence.refuted.is_some() {
            return Ok(false);
        }
        self.pass_on()?;
        if complete {
            self.end(input);
            faults::point("load: an input is read");
            self.check_read(input)?;
        }
        input.rest();
        Ok(complete)
    }

    /// Accounts for what was left out at the end of the input.
    fn end(&mut self, input: &Input) {
        let tail = input.tail();
        self.count.content = self.count.content.then(tail.content);
        if let Some(bytes) = input.wide_bytes() {
            self.count.bytes = bytes;
        } else if !self.is_length_known {
            self.count.bytes += tail.bytes();
        }
        if tail.padding_bytes > 0 {
            self.order.context.observer.notice(&format!(
                "{}: it ends with {} {} of padding (NULs, or a Control-Z), which {} passed over",
                self.path.display(),
                tail.padding_bytes,
                agreeing(tail.padding_bytes, "byte", "bytes"),
                agreeing(tail.padding_bytes, "is", "are")
            ));
        }
    }

    /// Checks that an input which was read to its end is still what was read. Before the last batch is committed, so that a record that was
    /// cut short or written over is not taken for a whole one.
    fn check_read(&self, input: &mut Input) -> Result<(), Error> {
        input.check_unchanged()?;
        if !input.was_written_to()? {
            return Ok(());
        }
        let part = ReadPart {
            range: self.start_bytes..self.start_bytes + self.whole.bytes,
            content: self.whole,
        };
        let message = format!(
            "what was read of it was written over, and rows of both versions may be committed; start afresh with {RESTART}"
        );
        check_content(input, part, &message, self.order.context)
    }

    fn take(&mut self, scanned: Scanned<RecordBlock>) -> Result<Flow, Error> {
        let mut place = self.place;
        // Where whole records end.
        let mut end_bytes = None;
        let (flow, original_bytes) = match scanned {
            Scanned::Waiting if self.order.shared.blocks_ahead.load(Ordering::Relaxed) > 0 => {
                return Ok(Flow::Continue);
            }
            Scanned::Nothing | Scanned::Waiting => return self.pass_on(),
            Scanned::LinePiece(piece) => {
                let bytes = piece.bytes().len();
                let original_bytes = self.encoding.length_of(piece.bytes());
                place.after = self.consume(ContentHash::of(piece.bytes()));
                if piece.last {
                    end_bytes = Some(piece.start_bytes() + bytes as u64);
                    self.advance(u64::from(ends_a_line(piece.bytes(), self.line_end)), 1);
                }
                let flow = match self.pass_on()? {
                    Flow::Continue => self.send(Delivery::LinePiece { piece, place }),
                    Flow::Stop => Flow::Stop,
                };
                (flow, original_bytes)
            }
            Scanned::Block(mut block) => {
                if self.order.plan().has_record_number() && !self.order.gives_verdicts_only {
                    self.number_records(&mut block.output);
                }
                let rows = &block.output;
                if let Some(reject) = rows.refuted_by {
                    self.evidence.refuted = Some(self.refutation(&rows.rejects[reject as usize], block.bytes()));
                    return Ok(Flow::Stop);
                }
                if let Some(why) = self.refuted_by_form(&rows.column_facts, block.bytes()) {
                    self.evidence.refuted = Some(why);
                    return Ok(Flow::Stop);
                }
                self.evidence.key_order.merge(&rows.key_order);
                self.advance(u64::from(rows.line_count), u64::from(rows.record_count));
                self.count.add_block(rows);
                self.held_bytes += rows.capacity_bytes();
                let (bytes, original_bytes) = (block.bytes().len(), block.output.original_bytes);
                place.after = self.consume(block.output.content);
                end_bytes = Some(block.start_bytes + bytes as u64);
                self.held.push(Incoming {
                    block,
                    place,
                    suspects: Vec::new(),
                    packed: Vec::new(),
                });
                let flow = if self.dedup.likes_groups()
                    && self.held_bytes < memory::dedup_group_bytes(&self.order.blueprint.split)
                {
                    Flow::Continue
                } else {
                    self.pass_on()?
                };
                (flow, original_bytes)
            }
        };
        self.place.offset_bytes += original_bytes;
        if end_bytes.is_some() {
            self.whole = self.read;
        }
        if !self.is_length_known {
            self.count.bytes += original_bytes;
        } else if let Some(end_bytes) = end_bytes.filter(|_| self.order.context.options.repeat.append_only) {
            self.count.bytes = end_bytes;
        }
        Ok(flow)
    }

    /// Fills in the number of the record of each row of a block.
    fn number_records(&self, block: &mut RecordBlock) {
        for (index, row) in block.rows.iter().enumerate() {
            let number = self.place.record + u64::from(row.record_index);
            block.values.set_record_number(index, number);
        }
    }

    /// Deduplicates the blocks that are held and hands them to the writer.
    fn pass_on(&mut self) -> Result<Flow, Error> {
        let since = Instant::now();
        let candidates = self.held.iter_mut().map(|incoming| Candidates {
            rows: &incoming.block.output,
            first_ordinal: incoming.place.ordinal,
            suspects: &mut incoming.suspects,
        });
        self.dedup.admit(candidates, &self.order.context.pool)?;
        let dedup_ns = &self.order.shared.dedup_ns;
        dedup_ns.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.held_bytes = 0;
        for incoming in std::mem::take(&mut self.held) {
            self.order.shared.blocks_ahead.fetch_add(1, Ordering::Relaxed);
            let delivery = self.pack(Box::new(incoming));
            if self.send(delivery) == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Has a block packed by the worker threads, if rows go in as pages.
    fn pack(&mut self, mut incoming: Box<Incoming>) -> Delivery {
        let Some(packing) = self.order.packing.clone() else {
            return Delivery::Block(incoming);
        };
        let done_records = self.order.blueprint.start.records_done();
        if incoming.place.ordinal <= done_records {
            // Rows that are left to do of it go in one by one.
            *self.next_given += rows_after(&incoming, done_records);
            return Delivery::Block(incoming);
        }
        let first_given = *self.next_given;
        *self.next_given += rows_after(&incoming, done_records);
        let (done, packed) = sync_channel(1);
        self.order.context.pool.spawn(move || {
            incoming.packed = packing.pack(RowsToPack {
                block: &incoming.block.output,
                first_ordinal: incoming.place.ordinal,
                first_given,
                suspects: &incoming.suspects,
            });
            // Nobody waits for this any more if the load has failed.
            let _ = done.send(incoming);
        });
        Delivery::Packing(packed)
    }

    fn send(&self, delivery: Delivery) -> Flow {
        match self.deliveries.send(delivery) {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Stop,
        }
    }

    /// A value that does not fit the guessed type of its column, in words.
    fn refutation(&self, reject: &BlockReject, span: &[u8]) -> String {
        let plan = self.order.plan();
        let line = self.place.line + u64::from(reject.lines_before);
        if reject.reason == RejectReason::UnknownName {
            let name = excerpt(reject.value.of(span), NAME_CHARS);
            return format!(
                "{}, line {line}: the first objects do not have the name {name}",
                self.path.display()
            );
        }
        let fields = &plan.sources[self.place.file_index as usize];
        let column = fields
            .iter()
            .position(|&field| Some(field) == reject.column.checked_sub(1));
        format!(
            "{}, line {line}, column \"{}\", whose type was guessed: {}",
            self.path.display(),
            column.map_or("", |index| &plan.columns[index].name),
            reject.reason.message(&self.encoding.shown(reject.value.of(span)), None)
        )
    }

    fn consume(&mut self, content: ContentHash) -> ContentHash {
        self.read = self.read.then(content);
        self.place.before = self.place.before.then(content);
        self.place.before
    }

    /// Adds what the values of a block look like; returns, in words, which of them speak against a guessed type, if any do.
    fn refuted_by_form(&mut self, facts: &[ColumnFacts], bytes: &[u8]) -> Option<String> {
        let plan = self.order.plan();
        let guess = plan.guess.as_ref()?;
        let Place { file_index, line, .. } = self.place;
        let place = infer::ValuePosition {
            file_index: file_index as usize,
            line,
        };
        let line_end = self.line_end;
        self.evidence
            .facts
            .merge_columns(facts, infer::SpanToInfer { bytes, line_end, place });
        let seen = self.evidence.facts.forms();
        let columns = plan.columns.iter().zip(&guess.forms).zip(&seen);
        let mut refuted = columns.filter(|((column, guessed), seen)| {
            let mut form = **guessed;
            form.merge(seen);
            // Integers are verified value by value, and what is declared was not guessed.
            column.column_type != ColumnType::Integer
                && !column.declared
                && infer::column_type(form.verdict()) != column.column_type
        });
        let ((column, _), _) = refuted.next()?;
        Some(format!(
            "{}, line {line} or soon after, column \"{}\", whose type was guessed: its numbers are not written like those before",
            self.path.display(),
            column.name
        ))
    }

    fn advance(&mut self, lines: u64, records: u64) {
        self.place.line += lines;
        self.place.record += records;
        self.place.ordinal += records;
        self.count.records += records;
        self.count.lines += lines;
    }
}
