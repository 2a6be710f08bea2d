//! The memory promise: how it is split at start, and the gate that holds what is in flight to its share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::decode::UnpackingMemory;
use crate::error::Error;
use crate::option_name::{MAX_RECORD_BYTES, MEMORY_BYTES, PROFILE_ROWS, THREADS};
use crate::options::DEFAULT_MAX_RECORD_BYTES;
use crate::report::{MemorySplit, size};

/// Code, stacks, allocator slack, SQLite's own small allocations and the terminal: measured at 14 MiB, rounded up.
const RESERVE_BYTES: u64 = 22 << 20;
/// Memory for SQLite's page cache: appends touch only the right edge of a tree, so more would help only where something is
/// [looked for](MemoryWish::searches).
pub const DATABASE_BYTES: u64 = 8 << 20;
/// Fewest bytes for blocks of rows in flight: a handful of chunks.
const MIN_BLOCKS_BYTES: u64 = 4 << 20;
/// Memory in which the entries of one index are sorted: two buffers, each as large as a core's cache or somewhat larger.
const INDEX_BYTES: u64 = 32 << 20;
/// Least memory in which all indexes are sorted: with less, millions of keys would take many runs and hours.
const MIN_INDEXES_BYTES: u64 = 2 << 20;
/// Memory for each byte of the longest record that may come: the byte itself where pieces of the record are put together, its copy as a
/// field of a row, and four bytes for the place of a field, as a record may consist of nothing but fields.
const RECORD_FACTOR: u64 = 6;
/// Memory of a worker thread: its stack, its heap and what it reuses. Measured at 22 KiB, rounded up.
const THREAD_BYTES: u64 = 32 << 10;
/// Threads for which [`RESERVE_BYTES`] is enough.
const RESERVED_THREADS: u64 = 64;
/// Mapped windows alive at once: one being cut, one being parsed, one waiting for the writer.
const WINDOWS_ALIVE: u64 = 3;
/// Smallest budget.
const SMALLEST_BYTES: u64 =
    RESERVE_BYTES + DATABASE_BYTES + MIN_BLOCKS_BYTES + MIN_INDEXES_BYTES + WINDOWS_ALIVE * (64 << 10);

/// What a load wants to keep in memory.
#[derive(Debug, Clone, Copy)]
pub struct MemoryWish {
    pub budget_bytes: u64,
    pub window_bytes: u64,
    /// Size of a filter that would hold every key of the input; 0 without one.
    pub filter_bytes: u64,
    /// Indexes whose entries are sorted while the rows are written.
    pub indexes: u64,
    /// Longest record that is accepted.
    pub record_bytes: u64,
    /// What unpacking the inputs takes.
    pub unpacking_bytes: u64,
    /// SQLite looks for something in an index, or in another table, for each row.
    pub searches: bool,
    /// What is kept of the rows to say what is in their columns.
    pub profile_bytes: u64,
}

/// Checks that `threads` threads can work within the budget.
///
/// # Errors
/// `Usage` saying what would do.
pub fn check_threads(budget_bytes: u64, threads: usize) -> Result<(), Error> {
    let more_bytes = (threads as u64)
        .saturating_sub(RESERVED_THREADS)
        .saturating_mul(THREAD_BYTES);
    let needed_bytes = SMALLEST_BYTES.saturating_add(more_bytes);
    if budget_bytes >= needed_bytes || more_bytes == 0 {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{MEMORY_BYTES} {} is too small for {THREADS} {threads}: at least {} are needed, or fewer threads",
        size(budget_bytes),
        size(needed_bytes.next_multiple_of(1 << 20))
    )))
}

/// Splits the budget between the parts of a load. The only place that decides.
///
/// # Errors
/// `Usage` when the budget is too small to work in, saying what would do.
pub fn split(wish: MemoryWish) -> Result<MemorySplit, Error> {
    // The parts below have room for a record of the usual length, on its way from one to the next.
    let record_bytes = RECORD_FACTOR * wish.record_bytes.saturating_sub(DEFAULT_MAX_RECORD_BYTES);
    let needed_bytes = SMALLEST_BYTES + record_bytes + wish.unpacking_bytes + wish.profile_bytes;
    let Some(mut rest) = wish.budget_bytes.checked_sub(needed_bytes) else {
        let why = match (record_bytes, wish.unpacking_bytes) {
            (0, 0) if wish.profile_bytes > 0 => format!(" for {PROFILE_ROWS}"),
            (0, 0) => String::new(),
            (0, _) => " for inputs that are packed".to_owned(),
            _ => format!(" for {MAX_RECORD_BYTES} {}", size(wish.record_bytes)),
        };
        return Err(Error::usage(format!(
            "{MEMORY_BYTES} {} is too small{why}: at least {} are needed",
            size(wish.budget_bytes),
            size(needed_bytes.next_multiple_of(1 << 20))
        )));
    };
    // Windows and blocks together get at most half of what is free; the filter gets what it needs of the other half and of what they leave.
    let windows_bytes = (WINDOWS_ALIVE * wish.window_bytes)
        .min(rest * 2 / 5)
        .max(WINDOWS_ALIVE * (64 << 10));
    rest = rest.saturating_sub(windows_bytes);
    let filter_bytes = wish.filter_bytes.min(rest * 9 / 10);
    rest -= filter_bytes;
    let more_indexes_bytes = (wish.indexes * INDEX_BYTES)
        .saturating_sub(MIN_INDEXES_BYTES)
        .min(rest / 3);
    // More rows in flight than this would keep no thread busier.
    let blocks_bytes = MIN_BLOCKS_BYTES + (rest - more_indexes_bytes).min(12 << 20);
    let indexes_bytes = match wish.indexes {
        0 => 0,
        _ => MIN_INDEXES_BYTES + more_indexes_bytes,
    };
    let unused_bytes = rest - more_indexes_bytes - (blocks_bytes - MIN_BLOCKS_BYTES);
    // A page in the cache takes a little more than its bytes.
    let database_bytes = DATABASE_BYTES + if wish.searches { unused_bytes / 4 * 3 } else { 0 };
    Ok(MemorySplit {
        budget_bytes: wish.budget_bytes,
        filter_bytes,
        windows_bytes,
        blocks_bytes,
        indexes_bytes,
        database_bytes,
        reserve_bytes: wish.budget_bytes - filter_bytes - windows_bytes - blocks_bytes - indexes_bytes - database_bytes,
    })
}

/// How much memory unpacking an input may take, where so many are unpacked `at_a_time`.
pub fn unpacking_memory(budget_bytes: u64, at_a_time: u64) -> UnpackingMemory {
    let free_bytes = budget_bytes.saturating_sub(SMALLEST_BYTES) / at_a_time;
    UnpackingMemory {
        limit_bytes: free_bytes / 4 * 3,
        // A large part, as the filter can use the rest.
        floor_bytes: free_bytes / 8,
    }
}

/// Memory for windows that wait to be processed, besides the one being cut.
pub fn waiting_windows_bytes(window_bytes: usize) -> usize {
    window_bytes * (WINDOWS_ALIVE as usize - 1)
}

/// Memory of the rows whose keys go through the filter together: the others are on their way to it, or past it.
pub fn dedup_group_bytes(split: &MemorySplit) -> usize {
    (split.blocks_bytes / 3) as usize
}

/// Bytes of one mapped window under `split`: the wish, or less where the budget is small.
pub fn window_bytes(split: &MemorySplit, wish_bytes: u64) -> usize {
    wish_bytes.min(split.windows_bytes / WINDOWS_ALIVE).max(1) as usize
}

/// Makes the C library give large blocks back to the system as soon as they are freed.
///
/// With every large block that it frees, glibc raises the size from which it does so, up to 32 MiB; buffers of rows then come from its
/// heaps and stay in them: 40 MB more at the peak with 16 threads, measured. Once the program sets that size, glibc leaves it alone.
pub fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes no pointer and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Holds the sum of all [`Permit`]s to a limit: whoever wants more waits until others are dropped.
#[derive(Debug)]
pub struct Gate {
    limit_bytes: usize,
    state: Mutex<GateState>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    used_bytes: usize,
    closed: bool,
    /// Threads that wait. To wake is a call of the system, even if nobody waits.
    waiting: usize,
}

impl Gate {
    pub fn new(limit_bytes: usize) -> Arc<Gate> {
        Arc::new(Gate {
            limit_bytes,
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        // The state is plain values that are valid after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `bytes` fit, or nothing else is held (so that one oversize piece can always pass). `None` once closed.
    pub fn acquire(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        while !state.closed && state.used_bytes > 0 && state.used_bytes + bytes > self.limit_bytes {
            state.waiting += 1;
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.closed {
            return None;
        }
        state.used_bytes += bytes;
        Some(Permit {
            gate: Arc::clone(self),
            bytes,
        })
    }

    /// As [`acquire`](Self::acquire), if that would not wait.
    pub fn try_acquire(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        let fits = state.used_bytes == 0 || state.used_bytes + bytes <= self.limit_bytes;
        (fits && !state.closed).then(|| {
            state.used_bytes += bytes;
            Permit {
                gate: Arc::clone(self),
                bytes,
            }
        })
    }

    /// Lets `bytes` in at once, beyond the limit if need be: for a thread that must not wait, because others wait for it. Those that can
    /// wait then wait longer.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Permit {
        self.lock().used_bytes += bytes;
        Permit {
            gate: Arc::clone(self),
            bytes,
        }
    }

    /// What held `before` bytes holds `after` from now on.
    fn change(&self, before: usize, after: usize) {
        let mut state = self.lock();
        state.used_bytes = state.used_bytes - before + after;
        let wakes = after < before && state.waiting > 0;
        drop(state);
        if wakes {
            self.freed.notify_all();
        }
    }

    /// Lets callers in again after [`close`](Self::close).
    pub fn open(&self) {
        self.lock().closed = false;
    }

    /// Lets nobody in any more and wakes all who wait.
    pub fn close(&self) {
        self.lock().closed = true;
        self.freed.notify_all();
    }
}

/// The right to hold some bytes, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Permit {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Corrects an estimate; never waits.
    pub fn resize(&mut self, bytes: usize) {
        self.gate.change(self.bytes, bytes);
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.change(self.bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_budget_and_leave_the_reserve() {
        for budget_mib in [40, 64, 100, 244, 256, 1024, 65536] {
            for (filter_bytes, indexes) in [(0, 0), (0, 3), (1 << 20, 1), (127 << 20, 1), (1 << 40, 100)] {
                let wish = MemoryWish {
                    budget_bytes: budget_mib << 20,
                    window_bytes: 16 << 20,
                    filter_bytes,
                    indexes,
                    record_bytes: DEFAULT_MAX_RECORD_BYTES,
                    unpacking_bytes: 0,
                    searches: indexes == 3,
                    profile_bytes: 0,
                };
                let split = split(wish).unwrap();
                let sum = split.filter_bytes + split.windows_bytes + split.blocks_bytes + split.indexes_bytes;
                assert_eq!(sum + split.database_bytes + split.reserve_bytes, split.budget_bytes);
                assert!(indexes == 0 || split.indexes_bytes > 0, "{split:?}");
                assert!(split.reserve_bytes >= RESERVE_BYTES, "{split:?}");
            }
        }
    }

    #[test]
    fn the_default_budget_holds_the_filter_for_100_million_keys() {
        let wish = MemoryWish {
            budget_bytes: crate::options::DEFAULT_MEMORY_BYTES,
            window_bytes: 16 << 20,
            filter_bytes: 122 << 20,
            indexes: 1,
            record_bytes: DEFAULT_MAX_RECORD_BYTES,
            unpacking_bytes: 0,
            searches: false,
            profile_bytes: 0,
        };
        assert_eq!(split(wish).unwrap().filter_bytes, 122 << 20);
    }

    #[test]
    fn a_budget_too_small_to_work_in_is_refused_with_what_would_do() {
        for (budget_bytes, record_bytes, least) in [
            (1 << 20, 1 << 20, "at least 37MiB"),
            (244 << 20, 110 << 20, "at least 649MiB"),
        ] {
            let error = split(MemoryWish {
                budget_bytes,
                window_bytes: 16 << 20,
                filter_bytes: 0,
                indexes: 0,
                record_bytes,
                unpacking_bytes: 0,
                searches: false,
                profile_bytes: 0,
            })
            .unwrap_err();
            assert_eq!(error.exit_code(), 64);
            assert!(error.to_string().contains(least), "{error}");
        }
    }

    #[test]
    fn the_gate_waits_until_enough_is_given_back_and_lets_one_oversize_piece_pass() {
        let gate = Gate::new(10);
        let huge = gate.acquire(100).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let permit = gate.acquire(6).unwrap();
                sender.send(()).unwrap();
                drop(permit);
            });
            assert!(receiver.recv_timeout(std::time::Duration::from_millis(20)).is_err());
            drop(huge);
            receiver.recv().unwrap();
        });
        let beyond = [gate.take(8), gate.take(8)];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _permit = gate.acquire(3).unwrap();
                sender.send(()).unwrap();
            });
            let [first, second] = beyond;
            drop(first);
            assert!(receiver.recv_timeout(std::time::Duration::from_millis(20)).is_err());
            drop(second);
            receiver.recv().unwrap();
        });
        gate.close();
        assert!(gate.acquire(1).is_none());
    }
}
