//! The rows: parsed and validated in parallel, looked at for repeats in input order, written by the calling thread.
//!
//! ```text
//! reader + pool ──► order thread: line and record numbers, suspects ──► calling thread: batches
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::batch::BatchWriter;
use crate::checkpoint::changed_since_begun;
use crate::decode::Marks;
use crate::error::Error;
use crate::ledger::Incoming;
use crate::load::context::Context;
use crate::load::done_blocks::DoneBlocks;
use crate::load::opened::{OpenedInputs, encoding_hint};
use crate::load::order::{Delivery, OrderThread, Shared, Totals};
use crate::load::outputs::Outputs;
use crate::load::planned::Guess;
use crate::observer::{Phase, Progress};
use crate::option_name::{ATOMIC, RESTART};
use crate::pipeline::{Flow, no_thread};
use crate::plan;
use crate::report::{agreeing, rows};

/// Blocks between the order thread and the writer; the memory gate is what really bounds them.
const DELIVERIES_AHEAD: usize = 1024;
/// Shortest time between two calls of [`Observer::progress`](crate::Observer::progress).
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
/// Why no more rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsEnd {
    Complete,
    ErrorLimit,
    Interrupted,
}

/// The rows of all inputs, read and committed but for those whose fate is open.
pub(super) struct LoadedRows<'d> {
    pub(super) inputs: OpenedInputs,
    pub(super) outputs: Outputs<'d>,
    pub(super) end: RowsEnd,
}

impl<'d> LoadedRows<'d> {
    /// Loads the rows of all inputs and commits them, unless types or the order of the keys are not as they were guessed, or something comes
    /// that is not a row where only rows are taken.
    pub(super) fn of(
        mut outputs: Outputs<'d>,
        mut inputs: OpenedInputs,
        context: &Context<'_>,
    ) -> Result<Guess<LoadedRows<'d>>, Error> {
        let phase = if context.is_check() { Phase::Check } else { Phase::Load };
        context.observer.phase(phase, inputs.total_bytes());
        let since = Instant::now();
        let shared = Shared::default();
        let written = pass_through(&mut outputs, &mut inputs, &shared, context)
            .map_err(|e| e.and_say(|| committed_so_far(&outputs, context)))?;
        if outputs.writer.is_given_up() {
            return Ok(Guess::Refuted(Box::new(outputs.not_to_stay(inputs))));
        }
        if let Some(why) = written.totals.evidence.refuted {
            let then =
                "what was loaded is taken back, and types are inferred from every value before it is loaded again";
            context.observer.notice(&format!("{why}: {then}"));
            return Ok(Guess::Refuted(Box::new(outputs.not_to_stay(inputs))));
        }
        let plan = &outputs.blueprint.start.plan;
        let is_complete = written.totals.complete;
        if is_complete && !written.limit_passed && outputs.writer.ledger().is_expecting() {
            return Err(changed_since_begun(&inputs.paths()));
        }
        if plan.guess.is_some() && is_complete {
            for notice in plan::text_notices(&plan.columns, &written.totals.evidence.facts, &inputs.paths()) {
                context.observer.notice(&notice);
            }
        }
        if let Some((path, encoding)) = outputs.writer.ledger().likely_encoding() {
            context
                .observer
                .notice(&format!("{}: {}", path.display(), encoding_hint(encoding)));
        }
        let committing = Instant::now();
        let end = match (written.limit_passed, is_complete) {
            (true, _) => RowsEnd::ErrorLimit,
            (false, true) => RowsEnd::Complete,
            (false, false) => RowsEnd::Interrupted,
        };
        let end = commit(&mut outputs, end, context)?;
        let account = context.account;
        account.rows_committed(inputs.bytes_read());
        let busy = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        account.stage("read", busy(&shared.times.read_ns));
        account.stage("parse and validate", busy(&shared.times.work_ns));
        account.stage("dedup", busy(&shared.dedup_ns));
        account.stage("write", written.write_time);
        account.stage("last commit", committing.elapsed());
        account.stage("all rows", since.elapsed());
        account.filter(outputs.dedup.take_filter_report());
        Ok(Guess::Held(LoadedRows { inputs, outputs, end }))
    }
}

/// Commits the last rows; or, if all rows are to land together and not all are there, takes them back. How the load is then to end.
fn commit(outputs: &mut Outputs<'_>, end: RowsEnd, context: &Context<'_>) -> Result<RowsEnd, Error> {
    let plan = &outputs.blueprint.start.plan;
    let counts = outputs.writer.ledger().counts();
    let limits = &context.options.limits.errors;
    let is_over_limit = limits.passed(&counts.rejected, counts.records).is_some();
    if !plan.one_transaction || (end == RowsEnd::Complete && !is_over_limit) {
        outputs.writer.commit()?;
        return Ok(end);
    }
    let gone_in = counts.loaded + counts.updated;
    outputs.writer.take_back()?;
    context.observer.notice(&format!(
        "{ATOMIC} file: the load does not come to its end, so table \"{}\" is as it was; {} that had gone in {} taken back",
        plan.table,
        rows(gone_in),
        agreeing(gone_in, "is", "are")
    ));
    Ok(match end {
        RowsEnd::Complete => RowsEnd::ErrorLimit,
        end => end,
    })
}

/// What is committed of a load whose input turned out to be damaged, and what can be done about it.
fn committed_so_far(outputs: &Outputs<'_>, context: &Context<'_>) -> String {
    if context.is_check() {
        return ": get a whole copy of it and check that".to_owned();
    }
    let start = &outputs.blueprint.start;
    let before = start.progress.as_ref().map_or(0, |progress| progress.counts.records);
    let (read, batch_rows) = (
        outputs.writer.ledger().counts().records,
        context.options.resources.batch_rows,
    );
    let committed = (read / batch_rows * batch_rows).max(before);
    match (committed, start.identity.is_some()) {
        (0, _) => "; nothing of the load is committed: get a whole copy of it and load that".to_owned(),
        (_, true) => format!(
            "; the first {committed} records of the load are committed: get a whole copy of it, and start afresh with {RESTART}"
        ),
        (_, false) => format!(
            "; the first {committed} records of the load are committed and stay: get a whole copy of it, and load that into another table"
        ),
    }
}

/// What came of the two threads that rows go through.
struct Passed {
    totals: Totals,
    limit_passed: bool,
    write_time: Duration,
}

/// Reads the inputs on the order thread, and writes on this one what comes from there.
fn pass_through(
    outputs: &mut Outputs<'_>,
    inputs: &mut OpenedInputs,
    shared: &Shared,
    context: &Context<'_>,
) -> Result<Passed, Error> {
    let Outputs {
        blueprint,
        dedup,
        writer,
        gathering,
        ..
    } = outputs;
    let done_blocks = DoneBlocks::new(&shared.idle, gathering.as_ref(), context);
    let order = OrderThread {
        blueprint,
        context,
        shared,
        gives_verdicts_only: writer.keeps_nothing(),
        packing: writer.packing(),
    };
    let input_count = inputs.all.len();
    std::thread::scope(|threads| {
        let (deliveries, queue) = sync_channel(DELIVERIES_AHEAD);
        let order = std::thread::Builder::new()
            .name("rowmill-order".to_owned())
            .spawn_scoped(threads, || order.run(inputs, dedup, deliveries))
            .map_err(|e| no_thread(&e))?;
        let mut writing = Writing {
            writer,
            shared,
            context,
            done_blocks: &done_blocks,
            inputs_bytes: 0,
            marks: None,
            done_bytes: 0,
            input_number: 0,
            input_count,
            write_time: Duration::ZERO,
        };
        let written = writing.take_all(&queue);
        shared.ended.store(true, Ordering::Relaxed);
        drop(queue);
        let totals = order.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let write_time = writing.write_time;
        done_blocks.end();
        // What went wrong in writing comes first: it may be why reading ended.
        Ok(Passed {
            limit_passed: written?,
            totals: totals?,
            write_time,
        })
    })
}

/// The writer's side.
struct Writing<'a, 'd> {
    writer: &'a mut BatchWriter<'d>,
    shared: &'a Shared,
    context: &'a Context<'a>,
    done_blocks: &'a DoneBlocks<'a>,
    /// Bytes of the inputs before the one at hand.
    inputs_bytes: u64,
    /// How far the input at hand was unpacked, if it is a packed file.
    marks: Option<Arc<Marks>>,
    done_bytes: u64,
    /// Which input is at hand, from 1 on, and how many there are.
    input_number: usize,
    input_count: usize,
    write_time: Duration,
}

impl Writing<'_, '_> {
    /// Writes all that is delivered; whether the error limit was passed.
    fn take_all(&mut self, queue: &Receiver<Delivery>) -> Result<bool, Error> {
        let mut shown = Instant::now();
        self.show();
        while let Ok(delivery) = queue.recv() {
            let since = Instant::now();
            let flow = self.take(delivery)?;
            self.write_time += since.elapsed();
            if flow == Flow::Stop {
                return Ok(true);
            }
            if shown.elapsed() >= PROGRESS_INTERVAL {
                shown = Instant::now();
                self.show();
            }
        }
        self.show();
        Ok(false)
    }

    fn take(&mut self, delivery: Delivery) -> Result<Flow, Error> {
        match delivery {
            Delivery::Input { records_before, marks } => {
                self.inputs_bytes = self.done_bytes;
                self.input_number += 1;
                self.marks = marks;
                self.writer.begin_input(records_before);
                Ok(Flow::Continue)
            }
            Delivery::LinePiece { piece, place } => {
                self.done_up_to(piece.start_bytes() + piece.bytes().len() as u64);
                self.writer.write_line_piece(&piece, &place)
            }
            Delivery::Packing(packed) => {
                let packed = packed.recv();
                self.write_block(packed.map_err(|_| Error::internal("packing rows ended early"))?)
            }
            Delivery::Block(incoming) => self.write_block(incoming),
        }
    }

    fn write_block(&mut self, mut incoming: Box<Incoming>) -> Result<Flow, Error> {
        self.done_up_to(incoming.block.start_bytes + incoming.block.bytes().len() as u64);
        let flow = self.writer.write_block(&mut incoming)?;
        self.shared.blocks_ahead.fetch_sub(1, Ordering::Relaxed);
        self.done_blocks.take(*incoming, || self.writer.take_landed());
        Ok(flow)
    }

    /// The input at hand is done up to `end_bytes`. Progress in a packed file is told in bytes of the file, whose number is known.
    fn done_up_to(&mut self, end_bytes: u64) {
        let packed_bytes = self.marks.as_ref().map(|marks| marks.packed_bytes(end_bytes));
        self.done_bytes = self.inputs_bytes + packed_bytes.unwrap_or(end_bytes);
    }

    fn show(&self) {
        let counts = self.writer.ledger().counts();
        self.context.observer.progress(Progress {
            bytes: self.done_bytes,
            records: counts.records,
            rejected: counts.all_rejects(),
            input: self.input_number,
            inputs: self.input_count,
        });
    }
}
