//! The rows: parse and validate in parallel, find suspects in input order, write on the calling thread.
//!
//! ```text
//! reader + pool ──► order thread: line and record numbers, suspects ──► calling thread: batches
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::infer::ends_a_line;
use super::sources::Source;
use super::{Planned, Rows, Run, Sources};
use crate::batch::BatchWriter;
use crate::checkpoint::changed_since_begun;
use crate::content_hash::ContentHash;
use crate::dedup::{Candidates, Dedup};
use crate::error::Error;
use crate::faults;
use crate::format::Csv;
use crate::infer::{self, Facts};
use crate::ledger::{Incoming, Place};
use crate::memory;
use crate::observer::{Phase, Progress};
use crate::option_name::RESTART;
use crate::pipeline::{Flight, Flow, FoundBy, LinePiece, ScanRequest, ScanTimes, Scanned, Work, no_thread, scan};
use crate::plan::{self, TablePlan};
use crate::reject::BlockReject;
use crate::report::{InputReport, LoadReport, MemorySplit, StageTime};
use crate::rows::{Encoder, RowBlock};
use crate::schema::form::ColumnFacts;
use crate::schema::key_order::KeyOrder;
use crate::schema::{ColumnType, RowPlan};
use crate::sqlite::record::{RecordBlock, SqliteRecords};
use crate::validate::validate;

/// Blocks between the order thread and the writer; the memory gate is what really bounds them.
const JOBS_AHEAD: usize = 1024;
/// Shortest time between two calls of [`Observer::progress`](crate::Observer::progress).
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
/// A block that grew beyond this many times the chunk size is not kept for reuse: it held a rare large record.
const REUSE_FACTOR: usize = 20;

/// What the order thread hands to the writer, in input order.
enum Job {
    /// The next input begins after this many records of the load.
    Input {
        records_before: u64,
    },
    /// Boxed, so that the queue's slots are small.
    Block(Box<Incoming>),
    LinePiece {
        piece: LinePiece,
        place: Place,
    },
}

/// Validation of one input's chunks.
pub(super) struct RowWork<'a, E> {
    pub(super) plan: RowPlan,
    pub(super) format: Csv,
    pub(super) idle: &'a Mutex<Vec<RowBlock<E>>>,
}

impl<E: Encoder> Work for RowWork<'_, E> {
    type Format = Csv;
    type Output = RowBlock<E>;

    fn format(&self) -> Csv {
        self.format
    }

    fn output(&self) -> RowBlock<E> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut RowBlock<E>) {
        validate(span, parsed, &self.plan, &self.format, output);
        // Here, while the bytes are in the cache, and not on the one thread that keeps the order.
        output.content = ContentHash::of(span);
    }

    fn memory_bytes(&self, output: &RowBlock<E>) -> usize {
        output.capacity_bytes()
    }
}

/// State shared between the order thread and the writer.
#[derive(Default)]
struct Shared {
    idle: Mutex<Vec<RecordBlock>>,
    /// The writer wants no more.
    ended: AtomicBool,
    times: ScanTimes,
    dedup_ns: AtomicU64,
}

/// Why no more rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsEnd {
    Complete,
    ErrorLimit,
    Interrupted,
}

/// Running totals of the order thread.
struct Totals {
    records: u64,
    /// All that was read of the inputs so far.
    content: ContentHash,
    /// Whether every input was read to its end.
    complete: bool,
    /// The order of the keys, where types are guessed.
    key_order: KeyOrder,
    /// What the values look like, where that is guessed.
    facts: Facts,
    /// What the guess was refuted by, in words.
    refuted: Option<String>,
}

impl Run<'_> {
    /// Loads the rows of all inputs and commits them. `None` when types or the order of the keys are not as they were guessed: the rows
    /// must be taken back.
    pub(super) fn load_rows(
        &self,
        sources: &mut Sources<'_>,
        planned: &Planned<'_>,
        Rows { writer, dedup }: &mut Rows<'_>,
        report: &mut LoadReport,
    ) -> Result<Option<RowsEnd>, Error> {
        self.observer.phase(Phase::Load, sources.total_bytes());
        let shared = Shared::default();
        let plan = &planned.start.plan;
        let order = Order {
            load: self,
            plan,
            split: &planned.split,
            shared: &shared,
        };
        let paths = sources.paths;
        let since = Instant::now();
        let mut write_time = Duration::ZERO;
        let reports = &mut report.inputs;
        let (limit_passed, totals) = std::thread::scope(|threads| {
            let (jobs, queue) = sync_channel(JOBS_AHEAD);
            let order = std::thread::Builder::new()
                .spawn_scoped(threads, || order.run(sources, dedup, jobs, reports))
                .map_err(|e| no_thread(&e))?;
            let written = self.write_jobs(&queue, writer, &shared, &mut write_time);
            shared.ended.store(true, Ordering::Relaxed);
            drop(queue);
            let totals = order.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // What went wrong in writing comes first: it may be why reading ended.
            Ok::<_, Error>((written?, totals?))
        })?;
        if let Some(why) = totals.refuted {
            let then =
                "what was loaded is taken back, and types are inferred from every value before it is loaded again";
            self.observer.notice(&format!("{why}: {then}"));
            return Ok(None);
        }
        if totals.complete && !limit_passed && writer.ledger().is_expecting() {
            return Err(changed_since_begun(sources.paths));
        }
        if plan.guess.is_some() && totals.complete {
            for notice in plan::text_notices(&plan.columns, &totals.facts, paths) {
                self.observer.notice(&notice);
            }
        }
        let committing = Instant::now();
        writer.commit()?;
        report.bytes = report.inputs.iter().map(|input| input.bytes).sum();
        let busy = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        let stages = [
            ("read", busy(&shared.times.read_ns)),
            ("parse and validate", busy(&shared.times.work_ns)),
            ("dedup", busy(&shared.dedup_ns)),
            ("write", write_time),
            ("last commit", committing.elapsed()),
            ("all rows", since.elapsed()),
        ];
        report.stages.extend(stages.map(|(stage, busy)| StageTime {
            stage,
            busy_ms: busy.as_secs_f64() * 1e3,
        }));
        Ok(Some(match (limit_passed, totals.complete) {
            (true, _) => RowsEnd::ErrorLimit,
            (false, true) => RowsEnd::Complete,
            (false, false) => RowsEnd::Interrupted,
        }))
    }

    /// The writer's loop; returns whether the error limit was passed.
    fn write_jobs(
        &self,
        queue: &Receiver<Job>,
        writer: &mut BatchWriter<'_>,
        shared: &Shared,
        write_time: &mut Duration,
    ) -> Result<bool, Error> {
        let mut inputs_bytes = 0;
        let mut done_bytes = 0;
        let mut shown = Instant::now();
        let reuse_bytes = REUSE_FACTOR * self.options.resources.chunk_bytes as usize;
        self.show(0, writer);
        while let Ok(job) = queue.recv() {
            let since = Instant::now();
            let flow = match job {
                Job::Input { records_before } => {
                    inputs_bytes = done_bytes;
                    writer.begin_input(records_before);
                    Flow::Continue
                }
                Job::LinePiece { piece, place } => {
                    done_bytes = inputs_bytes + piece.start_bytes() + piece.bytes().len() as u64;
                    writer.write_line_piece(&piece, &place)?
                }
                Job::Block(incoming) => {
                    done_bytes = inputs_bytes + incoming.block.start_bytes + incoming.block.bytes().len() as u64;
                    let flow = writer.write_block(&incoming)?;
                    let rows = incoming.block.into_output();
                    if rows.capacity_bytes() <= reuse_bytes {
                        shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(rows);
                    }
                    flow
                }
            };
            *write_time += since.elapsed();
            if flow == Flow::Stop {
                return Ok(true);
            }
            if shown.elapsed() >= PROGRESS_INTERVAL {
                shown = Instant::now();
                self.show(done_bytes, writer);
            }
        }
        self.show(done_bytes, writer);
        Ok(false)
    }

    fn show(&self, done_bytes: u64, writer: &BatchWriter<'_>) {
        let counts = writer.ledger().counts();
        self.observer.progress(Progress {
            bytes: done_bytes,
            records: counts.records,
            rejected: counts.all_rejects(),
        });
    }
}

/// The order thread.
struct Order<'a> {
    load: &'a Run<'a>,
    plan: &'a TablePlan,
    split: &'a MemorySplit,
    shared: &'a Shared,
}

impl Order<'_> {
    fn run(
        &self,
        sources: &mut Sources<'_>,
        dedup: &mut Dedup,
        jobs: SyncSender<Job>,
        reports: &mut [InputReport],
    ) -> Result<Totals, Error> {
        let columns = self.plan.columns.len();
        let mut totals = Totals {
            records: 0,
            content: ContentHash::default(),
            complete: true,
            key_order: KeyOrder::default(),
            facts: Facts::new(&vec![false; columns], &self.plan.key_columns),
            refuted: None,
        };
        let flight = Flight::new(&self.load.scan_settings(self.split));
        for (file_index, report) in reports.iter_mut().enumerate() {
            if jobs
                .send(Job::Input {
                    records_before: totals.records,
                })
                .is_err()
            {
                break;
            }
            totals.content = totals.content.then(sources.content_before(file_index));
            // More than none only behind a loaded part.
            let report_records = report.records;
            let mut file = OneInput {
                order: self,
                flight: &flight,
                dedup,
                jobs: &jobs,
                report,
                place: Place {
                    file_index: file_index as u32,
                    line: 0,
                    record: report_records + 1,
                    ordinal: totals.records + report_records + 1,
                    before: totals.content,
                    after: totals.content,
                },
                read: ContentHash::default(),
                whole: ContentHash::default(),
                line_end: sources.all[file_index].head.dialect.line_end,
                is_length_known: false,
                held: Vec::new(),
                held_bytes: 0,
                key_order: &mut totals.key_order,
                facts: &mut totals.facts,
                refuted: &mut totals.refuted,
            };
            file.place.line = file.report.lines + 1;
            totals.complete = file.scan(sources)?;
            totals.records += file.report.records;
            totals.content = file.place.before;
            if !totals.complete {
                break;
            }
        }
        if totals.complete {
            totals.refuted = self.plan.refuted_by_order(&totals.key_order);
        }
        Ok(totals)
    }
}

/// One input on the order thread.
struct OneInput<'a> {
    order: &'a Order<'a>,
    flight: &'a Flight,
    dedup: &'a mut Dedup,
    jobs: &'a SyncSender<Job>,
    report: &'a mut InputReport,
    /// Where the next block begins.
    place: Place,
    /// What was read of the input from where its records begin.
    read: ContentHash,
    /// That up to the end of its last whole record.
    whole: ContentHash,
    line_end: u8,
    /// Else the report's bytes are counted as they are read.
    is_length_known: bool,
    /// Blocks that wait to go through deduplication together, and their memory.
    held: Vec<Incoming>,
    held_bytes: usize,
    /// As in [`Totals`].
    key_order: &'a mut KeyOrder,
    facts: &'a mut Facts,
    refuted: &'a mut Option<String>,
}

impl OneInput<'_> {
    fn scan(&mut self, sources: &mut Sources<'_>) -> Result<bool, Error> {
        let file_index = self.place.file_index as usize;
        let Order {
            load,
            plan,
            split,
            shared,
        } = *self.order;
        let start_bytes = sources.start_bytes(file_index);
        let start = sources.content_before(file_index);
        let Source { input, head, .. } = &mut sources.all[file_index];
        let work: RowWork<'_, SqliteRecords> = RowWork {
            plan: plan.row_plan(file_index, head.names.len(), load.options),
            format: head.syntax(load.options),
            idle: &shared.idle,
        };
        let observer = load.observer;
        let stopped = || shared.ended.load(Ordering::Relaxed) || observer.cancelled().is_some();
        let request = ScanRequest {
            settings: load.scan_settings(split),
            work: &work,
            flight: self.flight,
            times: &shared.times,
            stopped: &stopped,
        };
        self.is_length_known = input.abilities().length_bytes.is_some();
        if !self.is_length_known || load.options.repeat.append_only {
            self.report.bytes = start_bytes;
        }
        let complete = scan(&load.pool, input, start_bytes, request, &mut |scanned| {
            self.take(scanned)
        })?;
        self.report.content = start.then(self.whole);
        if self.refuted.is_some() {
            return Ok(false);
        }
        self.pass_on()?;
        if complete {
            faults::point("load: an input is read");
            // Before the last batch is committed: a record that was cut short or written over is not taken for a whole one.
            input.check_unchanged()?;
            if input.was_written_to()? {
                let range = start_bytes..start_bytes + self.whole.bytes;
                let message = format!(
                    "what was read of it was written over, and rows of both versions may be committed; start afresh with {RESTART}"
                );
                load.check_content(input, range, self.whole, &message)?;
            }
        }
        input.rest();
        Ok(complete)
    }

    fn take(&mut self, scanned: Scanned<RecordBlock>) -> Result<Flow, Error> {
        let mut place = self.place;
        // Where whole records end.
        let mut end_bytes = None;
        let (flow, bytes) = match scanned {
            Scanned::Nothing => return self.pass_on(),
            Scanned::LinePiece(piece) => {
                let bytes = piece.bytes().len();
                place.after = self.consume(ContentHash::of(piece.bytes()));
                if piece.last {
                    end_bytes = Some(piece.start_bytes() + bytes as u64);
                    self.advance(u64::from(ends_a_line(piece.bytes(), self.line_end)), 1);
                }
                let flow = match self.pass_on()? {
                    Flow::Continue => self.send(Job::LinePiece { piece, place }),
                    Flow::Stop => Flow::Stop,
                };
                (flow, bytes)
            }
            Scanned::Block(block) => {
                let rows = &block.output;
                if let Some(reject) = rows.refuted_by {
                    *self.refuted = Some(self.refutation(&rows.rejects[reject as usize], block.bytes()));
                    return Ok(Flow::Stop);
                }
                if let Some(why) = self.refuted_by_form(&rows.column_facts, block.bytes()) {
                    *self.refuted = Some(why);
                    return Ok(Flow::Stop);
                }
                self.key_order.merge(&rows.key_order);
                self.advance(u64::from(rows.line_count), u64::from(rows.record_count));
                self.report.blank_lines += u64::from(rows.blank_lines);
                self.held_bytes += rows.capacity_bytes();
                let bytes = block.bytes().len();
                place.after = self.consume(block.output.content);
                end_bytes = Some(block.start_bytes + bytes as u64);
                let suspects = Vec::new();
                self.held.push(Incoming { block, place, suspects });
                let flow = if self.dedup.likes_groups() && self.held_bytes < memory::dedup_group_bytes(self.order.split)
                {
                    Flow::Continue
                } else {
                    self.pass_on()?
                };
                (flow, bytes)
            }
        };
        if end_bytes.is_some() {
            self.whole = self.read;
        }
        if !self.is_length_known {
            self.report.bytes += bytes as u64;
        } else if let Some(end_bytes) = end_bytes.filter(|_| self.order.load.options.repeat.append_only) {
            self.report.bytes = end_bytes;
        }
        Ok(flow)
    }

    /// Has the blocks that are held deduplicated and hands them to the writer.
    fn pass_on(&mut self) -> Result<Flow, Error> {
        let since = Instant::now();
        let candidates = self.held.iter_mut().map(|incoming| Candidates {
            rows: &incoming.block.output,
            first_ordinal: incoming.place.ordinal,
            suspects: &mut incoming.suspects,
        });
        self.dedup.admit(candidates)?;
        let dedup_ns = &self.order.shared.dedup_ns;
        dedup_ns.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.held_bytes = 0;
        for incoming in self.held.drain(..) {
            if self.jobs.send(Job::Block(Box::new(incoming))).is_err() {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn send(&self, job: Job) -> Flow {
        match self.jobs.send(job) {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Stop,
        }
    }

    /// A value that the guessed type of its column does not have, in words.
    fn refutation(&self, reject: &BlockReject, span: &[u8]) -> String {
        let plan = self.order.plan;
        let fields = &plan.sources[self.place.file_index as usize];
        let column = fields.iter().position(|&field| field + 1 == reject.column);
        format!(
            "{}, line {}, column \"{}\", whose type was guessed: {}",
            self.report.path.display(),
            self.place.line + u64::from(reject.lines_before),
            column.map_or("", |index| &plan.columns[index].name),
            reject.reason.message(reject.value.of(span), None)
        )
    }

    fn consume(&mut self, content: ContentHash) -> ContentHash {
        self.read = self.read.then(content);
        self.place.before = self.place.before.then(content);
        self.place.before
    }

    /// Adds what the values of a block look like; in words, which of them speak against a guessed type, if any do.
    fn refuted_by_form(&mut self, facts: &[ColumnFacts], bytes: &[u8]) -> Option<String> {
        let plan = self.order.plan;
        let guess = plan.guess.as_ref()?;
        let Place { file_index, line, .. } = self.place;
        let place = infer::ValuePosition {
            file_index: file_index as usize,
            line,
        };
        let line_end = self.line_end;
        self.facts
            .merge_columns(facts, infer::SpanToInfer { bytes, line_end, place });
        let seen = self.facts.forms();
        let columns = plan.columns.iter().zip(&guess.forms).zip(&seen);
        let mut refuted = columns.filter(|((column, guessed), seen)| {
            let mut form = **guessed;
            form.merge(seen);
            // Integers are verified value by value.
            column.column_type != ColumnType::Integer && infer::column_type(form.verdict()) != column.column_type
        });
        let ((column, _), _) = refuted.next()?;
        Some(format!(
            "{}, line {line} or soon after, column \"{}\", whose type was guessed: its numbers are not written like those before them",
            self.report.path.display(),
            column.name
        ))
    }

    fn advance(&mut self, lines: u64, records: u64) {
        self.place.line += lines;
        self.place.record += records;
        self.place.ordinal += records;
        self.report.records += records;
        self.report.lines += lines;
    }
}
