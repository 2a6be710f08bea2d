//! Who works when: the one place that knows about threads, order, memory in flight and shutdown.
//!
//! ```text
//! reader thread          Rayon pool                     calling thread
//! window ─► cut ─► gate ─► parse ─► work (per chunk) ─► stitch ─► consume, strictly in input order
//! ```
//! - Order: the reader puts one slot per chunk into a queue, in input order; the calling thread takes them in that order and waits
//!   for each slot's result. Threads, window and chunk size therefore never change what `consume` sees.
//! - Exactness: a chunk is parsed at once as if a record began at its first byte. When the chunk before it left a record
//!   unfinished, that guess was wrong: its result is thrown away and its bytes are parsed again after those of the unfinished record.
//! - Memory: a chunk passes the [`Gate`] before it is parsed and its permit is dropped with its [`Block`], so the bytes in flight are
//!   bounded, whichever stage is the slowest. What the calling thread stitches itself waits for its consumer alone, as chunks that come
//!   later may hold the rest. A window is unmapped when the last block that points into it is dropped; a second
//!   gate bounds how many are alive.
//! - Shutdown: whoever fails or stops closes the gate; the reader then ends, the pool finishes what it has, and the rest is dropped.

mod reader;
mod stitch;
#[cfg(test)]
mod tests;

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::format::{Format, Parsed};
use crate::idle::Idle;
use crate::memory::{Gate, Permit};
use crate::option_name::THREADS;
use crate::window::{Input, Window};
use reader::Reader;
use stitch::Stitcher;

/// Slots that may wait for the calling thread; the gate is what really bounds them, except for very small chunks.
const MAX_SLOTS: usize = 4096;
/// How long nothing may come before the consumer is told so: rows of a slow stream are not to wait for those that follow.
const IDLE: Duration = Duration::from_millis(20);
/// Memory per input byte that is assumed before the first chunk has come back: the worst case, rows of two bytes.
const FIRST_EXPANSION: u64 = 16;
/// Bytes mapped at a time to be hashed: few compared with what a load may hold.
const HASH_WINDOW_BYTES: u64 = 2 << 20;
/// Bytes hashed by one task.
const HASH_PIECE_BYTES: usize = 256 << 10;
/// Memory that a line takes while its chunk is parsed and worked on, if it is a record: its place, a field, a row. Measured, rounded up.
const LINE_BYTES: usize = 64;
/// Memory for all chunks that are being worked on, and the most for one of them.
const TASKS_BYTES: usize = 64 << 20;
const MOST_TASK_BYTES: usize = 4 << 20;
/// Smallest size that chunks are reduced to where lines are short.
const LEAST_CHUNK_BYTES: usize = 4 << 10;
/// Unit in which the expansion is kept as an integer.
const EXPANSION_UNIT: u64 = 256;

/// The threads that parse and validate. Dropping it waits until they have ended: a load leaves no thread behind.
#[derive(Debug)]
pub struct WorkerPool {
    // In this order: the threads end once the pool is dropped.
    pool: ThreadPool,
    _threads: JoinedThreads,
}

/// Threads whose end is waited for: a Rayon pool does not wait for its own.
#[derive(Debug, Default)]
struct JoinedThreads(Vec<JoinHandle<()>>);

impl WorkerPool {
    /// A pool of `threads` threads; 0: one per core.
    ///
    /// # Errors
    /// `Usage` when the system refuses so many.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let mut joined = JoinedThreads::default();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let name = format!("rowmill-parse{}", thread.index());
                let spawned = std::thread::Builder::new().name(name).spawn(|| thread.run())?;
                joined.0.push(spawned);
                Ok(())
            })
            .build()
            .map_err(|e| no_thread(&e))?;
        Ok(WorkerPool { pool, _threads: joined })
    }
}

impl Deref for WorkerPool {
    type Target = ThreadPool;

    fn deref(&self) -> &ThreadPool {
        &self.pool
    }
}

impl Drop for JoinedThreads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // Rayon hands a task's panic to whoever started the task: no panic is left to be passed on here.
            let _ = thread.join();
        }
    }
}

/// The error for a system that refuses a thread.
pub fn no_thread(reason: &dyn std::fmt::Display) -> Error {
    Error::usage(format!(
        "cannot start the threads of the load: {reason}; try a smaller {THREADS}, or allow more processes (ulimit -u) or address \
         space (ulimit -v)"
    ))
}

/// What is done to each chunk, in parallel.
pub trait Work: Sync {
    type Format: Format;
    type Output: Send;
    /// How the bytes become records.
    fn format(&self) -> Self::Format;
    /// A new output, or one that is reused.
    fn output(&self) -> Self::Output;
    /// Turns `span`, whose records are `parsed`, into `output`.
    fn run(&self, span: &[u8], parsed: &FoundBy<Self>, output: &mut Self::Output);
    /// Memory that `output` holds on to, in bytes.
    fn memory_bytes(&self, output: &Self::Output) -> usize;
    /// Bytes that the output of a line holds besides what it makes of the line itself.
    fn bytes_per_line(&self) -> usize {
        0
    }
}

/// What the format of a `Work` finds in a span.
pub type FoundBy<W> = <<W as Work>::Format as Format>::Parsed;

/// What is in flight, shared by all scans of a load: the blocks of one input may wait for the writer while the next is read.
#[derive(Debug)]
pub struct Flight {
    blocks: Arc<Gate>,
    windows: Arc<Gate>,
    /// Blocks that the calling thread made itself: those it hands over before it makes more, or it would outrun a slow consumer.
    stitched: Arc<Gate>,
    /// Largest memory per input byte seen so far, in units of 1/[`EXPANSION_UNIT`]; 0: none yet.
    expansion: AtomicU64,
    /// Chunk size that suits lines as short as the shortest so far.
    chunk_bytes: AtomicUsize,
}

impl Flight {
    pub fn new(settings: &ScanSettings) -> Self {
        Flight {
            blocks: Gate::new(settings.blocks_bytes),
            windows: Gate::new(settings.windows_bytes),
            stitched: Gate::new(settings.blocks_bytes / 2),
            expansion: AtomicU64::new(0),
            chunk_bytes: AtomicUsize::new(settings.chunk_bytes),
        }
    }
}

/// How to scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanSettings {
    pub window_bytes: usize,
    pub chunk_bytes: usize,
    /// Memory for outputs in flight.
    pub blocks_bytes: usize,
    /// Memory for windows alive, besides the one that the reader is at.
    pub windows_bytes: usize,
    /// The input may grow: a record that bytes after the input's end could still change is left alone.
    pub may_grow: bool,
}

/// A window with the right to be in memory.
#[derive(Debug)]
struct HeldWindow {
    window: Arc<Window>,
    _permit: Permit,
}

impl std::ops::Deref for HeldWindow {
    type Target = Window;

    fn deref(&self) -> &Window {
        &self.window
    }
}

/// A parsed span of the input with what the work made of it.
#[derive(Debug)]
pub struct Block<T> {
    source: BlockSource,
    /// Offset of the span's first byte in the input.
    pub start_bytes: u64,
    pub output: T,
    _permit: Permit,
}

#[derive(Debug)]
enum BlockSource {
    Window {
        window: Arc<HeldWindow>,
        start: usize,
        end: usize,
    },
    Stitched {
        bytes: Vec<u8>,
        _permit: Permit,
    },
}

impl<T> Block<T> {
    /// The span's bytes: whole records, with their line ends.
    pub fn bytes(&self) -> &[u8] {
        match &self.source {
            BlockSource::Window { window, start, end } => &window.bytes()[*start..*end],
            BlockSource::Stitched { bytes, .. } => bytes,
        }
    }

    /// Lets go of the span and its memory permit, keeps the output.
    pub fn into_output(self) -> T {
        self.output
    }
}

/// A part of a physical line that is longer than the record limit and so is never parsed.
#[derive(Debug)]
pub struct LinePiece {
    window: Arc<HeldWindow>,
    start: usize,
    end: usize,
    pub first: bool,
    /// The line ends with this piece (which includes its line end, if it has one).
    pub last: bool,
}

impl LinePiece {
    pub fn bytes(&self) -> &[u8] {
        &self.window.bytes()[self.start..self.end]
    }

    /// Offset of the piece's first byte in the input.
    pub fn start_bytes(&self) -> u64 {
        self.window.start_bytes + self.start as u64
    }
}

/// What `consume` gets, in input order.
#[derive(Debug)]
pub enum Scanned<T> {
    Block(Block<T>),
    LinePiece(LinePiece),
    /// Nothing came for a while. A consumer that holds blocks back lets go of them now.
    Nothing,
    /// The reader waits for memory. A consumer that holds blocks back lets go of them, unless others, which it has let go of, are about to
    /// give theirs back.
    Waiting,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Stop,
}

/// Time spent, summed over a scan, in nanoseconds.
#[derive(Debug, Default)]
pub struct ScanTimes {
    /// Mapping or reading windows, page faults, cutting.
    pub read_ns: AtomicU64,
    /// Parsing and work, summed over the pool's threads.
    pub work_ns: AtomicU64,
    /// The calling thread waiting for a chunk's result.
    pub wait_ns: AtomicU64,
}

fn add_time(counter: &AtomicU64, since: Instant) {
    counter.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
}

struct FinishedSpan<T> {
    consumed: usize,
    output: T,
    permit: Permit,
}

enum InputPiece<T> {
    Chunk {
        window: Arc<HeldWindow>,
        start: usize,
        end: usize,
        at_end: bool,
        result: Receiver<FinishedSpan<T>>,
    },
    LinePiece(LinePiece),
    /// The reader waits for memory, which whoever consumes the pieces before this one may hold.
    Waiting,
    Failed(Error),
}

/// A scan of one input, shared between its threads.
struct Scan<'s, W: Work> {
    settings: ScanSettings,
    format: W::Format,
    work: &'s W,
    flight: &'s Flight,
    times: &'s ScanTimes,
    /// A record with a line end in it has been met, or one that its chunk did not decide: from then on the format is asked to find line
    /// ends that end records.
    lines_matter: AtomicBool,
    /// Memory for one chunk that is being worked on.
    task_bytes: usize,
    idle: Idle<FoundBy<W>>,
    stopped: &'s (dyn Fn() -> bool + Sync),
}

/// Scans `input` from `start_bytes`, where a record begins, to its end and hands everything to `consume` in input order.
///
/// Returns whether the end was reached: `false` when `consume` or `stopped` ended the scan before that. What `consume` has been given by
/// then is whole records. With [`ScanSettings::may_grow`] a last record that is not whole yet is not one of them; nor is a line that is too
/// long, though `consume` may have been given its first pieces.
///
/// # Errors
/// The first error of reading or of `consume`.
pub fn scan<W: Work>(
    pool: &ThreadPool,
    input: &mut Input,
    start_bytes: u64,
    scan: ScanRequest<'_, W>,
    consume: &mut dyn FnMut(Scanned<W::Output>) -> Result<Flow, Error>,
) -> Result<bool, Error> {
    let ScanRequest {
        settings,
        work,
        flight,
        times,
        stopped,
    } = scan;
    flight.blocks.open();
    flight.windows.open();
    let scan = Scan {
        settings,
        format: work.format(),
        work,
        flight,
        times,
        lines_matter: AtomicBool::new(false),
        task_bytes: (TASKS_BYTES / pool.current_num_threads().max(1)).min(MOST_TASK_BYTES),
        idle: Idle::default(),
        stopped,
    };
    let scan = &scan;
    pool.in_place_scope(|tasks| {
        std::thread::scope(|threads| {
            let (slots, queue) = sync_channel(MAX_SLOTS);
            let reader = std::thread::Builder::new().name("rowmill-reader".to_owned());
            let reader = reader.spawn_scoped(threads, move || {
                let since = Instant::now();
                if let Err(error) = Reader::new(scan, start_bytes, tasks, &slots).read(input) {
                    // If nobody listens, the scan is over anyhow.
                    let _ = slots.send(InputPiece::Failed(error));
                }
                add_time(&scan.times.read_ns, since);
            });
            let result = match &reader {
                Ok(_) => Stitcher::new(scan, consume).take(&queue),
                Err(error) => Err(no_thread(error)),
            };
            scan.flight.blocks.close();
            scan.flight.windows.close();
            drop(queue);
            // A scope waits for the closure that a thread runs, not for the thread.
            if let Ok(Err(panic)) = reader.map(std::thread::ScopedJoinHandle::join) {
                std::panic::resume_unwind(panic);
            }
            result
        })
    })
}

/// The hash of `range` of a file, computed by all threads; `None` if `stopped` ends the work first.
///
/// # Errors
/// `Io` or `InputChanged`, as in [`Input::window`].
pub fn hash_range(
    pool: &ThreadPool,
    input: &mut Input,
    range: Range<u64>,
    stopped: &dyn Fn() -> bool,
) -> Result<Option<ContentHash>, Error> {
    let mut content = ContentHash::default();
    let mut at_bytes = range.start;
    while at_bytes < range.end {
        if stopped() {
            return Ok(None);
        }
        let want_bytes = (range.end - at_bytes).min(HASH_WINDOW_BYTES) as usize;
        let window = input.window(at_bytes, want_bytes, stopped)?;
        if window.bytes().is_empty() {
            break;
        }
        let pieces = window.bytes().par_chunks(HASH_PIECE_BYTES).map(ContentHash::of);
        let pieces: Vec<ContentHash> = pool.install(|| pieces.collect());
        content = pieces.into_iter().fold(content, ContentHash::then);
        at_bytes += window.bytes().len() as u64;
    }
    Ok(Some(content))
}

/// What a scan is to do, and who may stop it.
pub struct ScanRequest<'s, W> {
    pub settings: ScanSettings,
    pub work: &'s W,
    pub flight: &'s Flight,
    pub times: &'s ScanTimes,
    pub stopped: &'s (dyn Fn() -> bool + Sync),
}

impl<W: Work> Scan<'_, W> {
    /// One chunk's task: parses as if a record began at its first byte, then does the work.
    fn work_on(&self, span: &[u8], at_end: bool, mut permit: Permit) -> FinishedSpan<W::Output> {
        let since = Instant::now();
        if self.is_crowded(span) {
            let mut output = self.work.output();
            // A reused output is not empty.
            self.work.run(&[], &FoundBy::<W>::default(), &mut output);
            permit.resize(self.work.memory_bytes(&output).max(span.len()));
            return FinishedSpan {
                consumed: 0,
                output,
                permit,
            };
        }
        let mut parsed = self.idle.take().unwrap_or_default();
        let (consumed, output) = self.parse_and_work(span, span.len(), at_end, &mut parsed);
        if parsed.is_multi_line() || consumed < span.len() {
            self.lines_matter.store(true, Ordering::Relaxed);
        }
        self.idle.put(parsed);
        let memory_bytes = self.work.memory_bytes(&output);
        permit.resize(memory_bytes.max(span.len()));
        // A short last chunk says nothing about the others: the least that an output holds would weigh too much.
        if span.len() >= self.chunk_bytes() / 2 {
            self.note_expansion(memory_bytes, span.len());
        }
        add_time(&self.times.work_ns, since);
        FinishedSpan {
            consumed,
            output,
            permit,
        }
    }

    /// Memory that a line takes while it is worked on.
    fn line_bytes(&self) -> usize {
        LINE_BYTES + self.work.bytes_per_line()
    }

    /// The current chunk size.
    fn chunk_bytes(&self) -> usize {
        self.settings
            .chunk_bytes
            .min(self.flight.chunk_bytes.load(Ordering::Relaxed))
    }

    fn note_expansion(&self, memory_bytes: usize, span_bytes: usize) {
        let expansion = memory_bytes as u64 * EXPANSION_UNIT / span_bytes.max(1) as u64;
        self.flight.expansion.fetch_max(expansion.max(1), Ordering::Relaxed);
    }

    /// Whether a chunk has so many lines that its output would take too much memory beside that of other threads. The chunks that follow
    /// are made smaller; this one is left to the calling thread, which takes it up in pieces.
    fn is_crowded(&self, span: &[u8]) -> bool {
        let lines = memchr::memchr_iter(self.format.line_end(), span).count();
        let memory_bytes = lines * self.line_bytes();
        if memory_bytes <= self.task_bytes || span.len() <= LEAST_CHUNK_BYTES {
            return false;
        }
        let chunk_bytes = (span.len() as u64 * self.task_bytes as u64 / memory_bytes as u64) as usize;
        // Half of it leaves room: lines are not equally short everywhere.
        let chunk_bytes = (chunk_bytes / 2).max(LEAST_CHUNK_BYTES);
        self.flight.chunk_bytes.fetch_min(chunk_bytes, Ordering::Relaxed);
        self.note_expansion(memory_bytes, span.len());
        true
    }

    /// Parses the records of `span` that start before `border`, does the work on them, and returns where the next one starts.
    fn parse_and_work(&self, span: &[u8], border: usize, at_end: bool, parsed: &mut FoundBy<W>) -> (usize, W::Output) {
        let consumed = self.format.parse_before(span, border, at_end, parsed);
        let mut output = self.work.output();
        self.work.run(&span[..consumed], parsed, &mut output);
        (consumed, output)
    }
}
