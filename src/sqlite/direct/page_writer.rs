//! Threads that write packed rows to the database file while the thread that commits goes on.
//!
//! Comes in: runs of pages whose places in the file are known. They are written in any order, as nobody reads them before the batch is
//! committed; before that, the committing thread [waits](PageWriter::wait) for all of them. The first failure is kept until somebody asks.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::Error;
use crate::memory::{Gate, Permit};
use crate::sqlite::direct::packed::{PackedRows, PagePacker};
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::pages::RunNumbers;

/// Pages that may wait to be written.
const WAITING_BYTES: usize = 4 << 20;
/// Runs that may wait; the bytes are what really bounds them, except for small ones.
const WAITING_RUNS: usize = 64;

/// A run of pages that is to be written.
#[derive(Debug)]
struct WaitingRun {
    packed: PackedRows,
    numbers: RunNumbers,
    /// Gets the memory back.
    packing: Arc<PagePacker>,
    _permit: Permit,
}

/// Writes pages in threads of its own.
#[derive(Debug)]
pub struct PageWriter {
    /// `None` once it ends.
    queue: Option<SyncSender<WaitingRun>>,
    gate: Arc<Gate>,
    progress: Arc<WriteProgress>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct WriteProgress {
    state: Mutex<WriteState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WriteState {
    /// Runs that were handed over and are not written yet.
    waiting: u64,
    failure: Option<Error>,
}

impl WriteProgress {
    fn lock(&self) -> MutexGuard<'_, WriteState> {
        // The state is plain values that are valid after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageWriter {
    /// A writer to `file`, in `threads` threads.
    ///
    /// # Errors
    /// Those of the system, when it refuses a thread.
    pub fn new(file: &Arc<PageFile>, threads: usize) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(WAITING_RUNS);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut writer = PageWriter {
            queue: Some(queue),
            gate: Gate::new(WAITING_BYTES),
            progress: Arc::default(),
            threads: Vec::new(),
        };
        for index in 0..threads {
            let (file, waiting, progress) = (Arc::clone(file), Arc::clone(&waiting), Arc::clone(&writer.progress));
            let thread = std::thread::Builder::new().name(format!("rowmill-write-{index}"));
            // If one is refused, those before it end as the writer is dropped.
            writer
                .threads
                .push(thread.spawn(move || write_all(&file, &waiting, &progress))?);
        }
        Ok(writer)
    }

    /// Hands over pages to be written, waiting if too many wait already.
    ///
    /// # Errors
    /// The first failure of an earlier run.
    pub fn write(&self, packed: PackedRows, numbers: RunNumbers, packing: &Arc<PagePacker>) -> Result<(), Error> {
        let ended = || Error::internal("the thread that writes pages has ended");
        let permit = self.gate.acquire(packed.leaves.pending_bytes()).ok_or_else(ended)?;
        let mut state = self.progress.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        state.waiting += 1;
        drop(state);
        let run = WaitingRun {
            packed,
            numbers,
            packing: Arc::clone(packing),
            _permit: permit,
        };
        self.queue.as_ref().ok_or_else(ended)?.send(run).map_err(|_| ended())
    }

    /// Waits until everything that was handed over is written.
    ///
    /// # Errors
    /// The first failure.
    pub fn wait(&self) -> Result<(), Error> {
        let mut state = self.progress.lock();
        while state.waiting > 0 {
            state = self
                .progress
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

impl Drop for PageWriter {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A load leaves no thread behind. A panic there has been printed, and whoever waits is told that the thread has ended.
            let _ = thread.join();
        }
    }
}

/// Writes what comes until nothing can come any more.
fn write_all(file: &PageFile, waiting: &Mutex<Receiver<WaitingRun>>, progress: &WriteProgress) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(run) = next else { return };
        let done = Done(progress);
        if let Err(failure) = file.append_run(&run.packed.leaves, run.numbers) {
            progress.lock().failure.get_or_insert(failure);
        }
        run.packing.reuse(run.packed);
        drop(done);
    }
}

/// A run that is being written; it counts as written once this is dropped.
struct Done<'a>(&'a WriteProgress);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        if std::thread::panicking() {
            state
                .failure
                .get_or_insert_with(|| Error::internal("the thread that writes pages has ended"));
        }
        self.0.changed.notify_all();
    }
}
