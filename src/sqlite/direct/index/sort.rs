//! Entries of an index, sorted within a share of memory.
//!
//! Comes in: entries in any order, one after another. They fill a buffer; a full one is sorted by the worker threads and written to a
//! temporary file as a *run* while the next one fills. Goes out: every entry in order, in *parts* that each fit the memory: a part is
//! the same range of keys out of every run, so parts, too, are read and sorted in parallel, and only their order ties them together.
//! Entries that never filled a buffer stay in memory.
//!
//! The hard part is to cut parts of equal size without looking at every entry: each run keeps a sample of its entries and of where they
//! stand in the file.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use rayon::ThreadPool;
use rayon::slice::ParallelSliceMut;

use crate::error::Error;
use crate::idle::Idle;
use crate::sqlite::direct::index::entries::{Buffer, KeyEntries, MAX_KEY_BYTES, SortedPart, unpack};
use crate::sqlite::direct::index::key::{IndexEntry, KeyColumns};
use crate::sqlite::direct::index::prefix_set::PrefixSet;

/// Bytes of an entry in a run before its key: prefix, row id and length of the key, little-endian.
const HEAD_BYTES: usize = 8 + 8 + 4;
/// Bytes of an entry in a run of single integers: the number that [`pack`] makes of it, little-endian.
const INTEGER_BYTES: usize = 16;
/// Least number of bytes of a run between two samples.
const SAMPLE_EVERY_BYTES: usize = 16 << 10;
/// Memory of all samples, keys included; they also take at most half of a buffer's. Beyond that every other one is dropped.
const MAX_SAMPLES_BYTES: usize = 4 << 20;
/// Smallest buffer and smallest part: with smaller ones the overhead of a part would show.
const MIN_BUFFER_BYTES: usize = 64 << 10;
/// Largest part: what a core's cache holds sorts fastest.
const MAX_PART_BYTES: usize = 2 << 20;

/// Entries of a part that was in memory all the time; few in the unit tests, so that a few rows make many parts.
const PART_ENTRIES: usize = if cfg!(test) { 90 } else { 64 << 10 };

/// Takes entries in any order.
#[derive(Debug)]
pub struct Sorter<'p> {
    pool: &'p ThreadPool,
    columns: Arc<KeyColumns>,
    buffer_bytes: usize,
    folder: PathBuf,
    filling: Buffer,
    /// The other buffer, while it is being sorted and written, or once it is back.
    busy: Option<Receiver<Result<(SortedRun, Buffer), Error>>>,
    idle: Option<Buffer>,
    runs: Vec<SortedRun>,
    file: Option<Arc<File>>,
    file_bytes: u64,
    /// Not every entry is a single integer.
    mixed: bool,
    /// Entries of a row that comes alone.
    one: KeyEntries,
}

/// A sorted stretch of the temporary file.
#[derive(Debug)]
struct SortedRun {
    start: u64,
    end: u64,
    /// Its entries are numbers as [`pack`] makes them.
    integers: bool,
    samples: Vec<Sample>,
}

/// An entry of a run and where it stands in the file.
#[derive(Debug, Clone)]
struct Sample {
    offset: u64,
    prefix: u64,
    row_id: i64,
    key: Box<[u8]>,
}

impl Sample {
    fn new(entry: &IndexEntry<'_>, offset: u64) -> Self {
        Sample {
            offset,
            prefix: entry.prefix,
            row_id: entry.row_id,
            key: entry.key.into(),
        }
    }

    /// How much memory it takes.
    fn bytes(&self) -> usize {
        size_of::<Sample>() + self.key.len()
    }

    fn entry(&self) -> IndexEntry<'_> {
        IndexEntry {
            prefix: self.prefix,
            row_id: self.row_id,
            key: &self.key,
        }
    }
}

impl Buffer {
    /// Sorts with all threads.
    fn sort_by_all(&mut self, columns: &KeyColumns) {
        self.integers.par_sort_unstable();
        let mut entries = std::mem::take(&mut self.entries);
        entries.par_sort_unstable_by(|a, b| self.compare(a, b, columns));
        self.entries = entries;
    }

    /// How many bytes the entries take in a run.
    fn run_bytes(&self) -> usize {
        self.integers.len() * INTEGER_BYTES + self.entries.len() * HEAD_BYTES + self.keys.len()
    }

    /// Writes the entries as a run that begins at `start` of `file`.
    fn write(&self, file: &File, start: u64, folder: &Path) -> Result<SortedRun, Error> {
        let mut out = Vec::with_capacity(MIN_BUFFER_BYTES + HEAD_BYTES + MAX_KEY_BYTES);
        let mut run = SortedRun {
            start,
            end: start,
            integers: self.entries.is_empty(),
            samples: Vec::new(),
        };
        let mut next_sample = start;
        let fail = |e| Error::io("writing a temporary file in", folder, e);
        for piece in self.integers.chunks(SAMPLE_EVERY_BYTES / INTEGER_BYTES) {
            let start = out.len();
            run.samples.push(Sample::new(&unpack(piece[0]), run.end + start as u64));
            out.resize(start + piece.len() * INTEGER_BYTES, 0);
            for (bytes, number) in out[start..].as_chunks_mut().0.iter_mut().zip(piece) {
                *bytes = number.to_le_bytes();
            }
            if out.len() >= MIN_BUFFER_BYTES {
                file.write_all_at(&out, run.end).map_err(fail)?;
                run.end += out.len() as u64;
                out.clear();
            }
        }
        for slot in &self.entries {
            let entry = self.entry(slot);
            let offset = run.end + out.len() as u64;
            if offset >= next_sample {
                next_sample = offset + SAMPLE_EVERY_BYTES as u64;
                run.samples.push(Sample::new(&entry, offset));
            }
            let mut head = [0; HEAD_BYTES];
            head[..8].copy_from_slice(&entry.prefix.to_le_bytes());
            head[8..16].copy_from_slice(&entry.row_id.to_le_bytes());
            head[16..].copy_from_slice(&(entry.key.len() as u32).to_le_bytes());
            out.extend_from_slice(&head);
            out.extend_from_slice(entry.key);
            if out.len() >= MIN_BUFFER_BYTES {
                file.write_all_at(&out, run.end).map_err(fail)?;
                run.end += out.len() as u64;
                out.clear();
            }
        }
        file.write_all_at(&out, run.end).map_err(fail)?;
        run.end += out.len() as u64;
        Ok(run)
    }

    /// Takes the part's entries from `bytes`, which are entries as in a run. `None` if they are damaged.
    fn read(&mut self, bytes: &[u8], part: &Part<'_>) -> Option<()> {
        let Part {
            columns, range, only, ..
        } = part;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (head, tail) = rest.split_first_chunk::<HEAD_BYTES>()?;
            let (prefix, head) = head.split_first_chunk::<8>()?;
            let (row_id, key_bytes) = head.split_first_chunk::<8>()?;
            let key_bytes = u32::from_le_bytes(key_bytes.try_into().ok()?);
            let (key, tail) = tail.split_at_checked(key_bytes as usize)?;
            rest = tail;
            let prefix = u64::from_le_bytes(*prefix);
            if only.is_some_and(|only| !only.may_contain(prefix)) {
                continue;
            }
            let entry = IndexEntry {
                prefix,
                row_id: i64::from_le_bytes(*row_id),
                key,
            };
            if range
                .low
                .is_some_and(|low| columns.compare(&entry, &low.entry()).is_lt())
            {
                continue;
            }
            if range
                .high
                .is_some_and(|high| columns.compare(&entry, &high.entry()).is_ge())
            {
                return Some(());
            }
            self.push(&entry);
        }
        Some(())
    }

    /// As [`read`](Self::read), from a run of single integers.
    fn read_integers(&mut self, bytes: &[u8], part: &Part<'_>) -> Option<()> {
        let Part {
            columns, range, only, ..
        } = part;
        let (numbers, []) = bytes.as_chunks::<INTEGER_BYTES>() else {
            return None;
        };
        let below = |limit: &Sample| {
            numbers.partition_point(|&number| {
                let entry = unpack(u128::from_le_bytes(number));
                columns.compare(&entry, &limit.entry()).is_lt()
            })
        };
        let start = range.low.map_or(0, below);
        let end = range.high.map_or(numbers.len(), below);
        let numbers = numbers
            .get(start..end)?
            .iter()
            .map(|&number| u128::from_le_bytes(number));
        let may_be_wanted = |&number: &u128| only.is_none_or(|only| only.may_contain((number >> 64) as u64));
        if part.mixed {
            numbers
                .filter(may_be_wanted)
                .for_each(|number| self.push(&unpack(number)));
        } else if only.is_some() {
            self.integers.extend(numbers.filter(may_be_wanted));
        } else {
            self.integers.extend(numbers);
        }
        Some(())
    }
}

/// What is read from all runs at a time.
#[derive(Debug, Clone, Copy)]
struct Part<'s> {
    columns: &'s KeyColumns,
    range: KeyRange<'s>,
    /// Entries that it does not contain may be left out.
    only: Option<&'s PrefixSet>,
    /// Not all of its entries are single integers.
    mixed: bool,
}

/// The entries from `low` on and below `high`.
#[derive(Debug, Clone, Copy)]
struct KeyRange<'s> {
    low: Option<&'s Sample>,
    high: Option<&'s Sample>,
}

impl<'p> Sorter<'p> {
    /// A sorter in `memory_bytes`; what does not fit goes into a temporary file in `folder`.
    pub fn new(pool: &'p ThreadPool, columns: Arc<KeyColumns>, memory_bytes: u64, folder: &Path) -> Self {
        Sorter {
            pool,
            columns,
            buffer_bytes: ((memory_bytes / 2) as usize).max(MIN_BUFFER_BYTES),
            folder: folder.to_owned(),
            filling: Buffer::default(),
            busy: None,
            idle: None,
            runs: Vec::new(),
            file: None,
            file_bytes: 0,
            mixed: false,
            one: KeyEntries::default(),
        }
    }

    /// Takes the key of a row and returns its prefix; or `None`, without taking it, if it is longer than [`MAX_KEY_BYTES`].
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be made or written.
    pub fn push_row(&mut self, record: &[u8], row_id: i64) -> Result<Option<u64>, Error> {
        let mut one = std::mem::take(&mut self.one);
        one.clear();
        let prefix = one.push_row(&self.columns, record, row_id)?;
        self.take(&one)?;
        self.one = one;
        Ok(prefix)
    }

    /// Takes the keys of several rows; or returns `false`, without taking them, if one was longer than [`MAX_KEY_BYTES`].
    ///
    /// # Errors
    /// As [`push_row`](Self::push_row).
    pub fn take(&mut self, entries: &KeyEntries) -> Result<bool, Error> {
        let Some(buffer) = entries.buffer() else {
            return Ok(false);
        };
        if !self.mixed && !buffer.has_integers_only() {
            self.begin_mixed()?;
        }
        if self.mixed {
            for entry in buffer.entries() {
                self.filling.push(&entry);
                self.hand_over_full()?;
            }
            return Ok(true);
        }
        let mut rest = &buffer.integers[..];
        while !rest.is_empty() {
            let room_bytes = self.buffer_bytes.saturating_sub(self.filling.bytes());
            let (now, later) = rest.split_at(rest.len().min(room_bytes / INTEGER_BYTES + 1));
            self.filling.integers.extend_from_slice(now);
            self.hand_over_full()?;
            rest = later;
        }
        Ok(true)
    }

    fn hand_over_full(&mut self) -> Result<(), Error> {
        match self.filling.bytes() >= self.buffer_bytes {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    /// Takes a pair of integers, sorted by the first.
    ///
    /// # Errors
    /// As [`push_row`](Self::push_row).
    pub fn push_pair(&mut self, key: i64, value: i64) -> Result<(), Error> {
        self.filling.push_integer(KeyColumns::prefix_of(key), value);
        self.hand_over_full()
    }

    /// The first key that is not a single integer comes: from here on entries are stored in the general form.
    #[cold]
    fn begin_mixed(&mut self) -> Result<(), Error> {
        self.mixed = true;
        if self.filling.general_bytes() > self.buffer_bytes / 2 {
            return self.hand_over();
        }
        self.filling.make_general();
        Ok(())
    }

    /// Sends the full buffer off to be sorted and written, and goes on with the other one.
    fn hand_over(&mut self) -> Result<(), Error> {
        self.wait()?;
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = tempfile::tempfile_in(&self.folder)
                    .map_err(|e| Error::io("making a temporary file in", &self.folder, e))?;
                Arc::clone(self.file.insert(Arc::new(file)))
            }
        };
        let mut next = self.idle.take().unwrap_or_default();
        if self.mixed {
            // Its memory is needed for entries of the other kind.
            next.integers = Vec::new();
        }
        let mut full = std::mem::replace(&mut self.filling, next);
        let start = self.file_bytes;
        self.file_bytes += full.run_bytes() as u64;
        let columns = Arc::clone(&self.columns);
        let folder = self.folder.clone();
        let (done, busy) = sync_channel(1);
        self.busy = Some(busy);
        self.pool.spawn(move || {
            full.sort(&columns);
            let run = full.write(&file, start, &folder);
            full.clear();
            // Nobody waits for this any more if the load has failed.
            let _ = done.send(run.map(|run| (run, full)));
        });
        Ok(())
    }

    /// Waits for the buffer that is being written.
    fn wait(&mut self) -> Result<(), Error> {
        let Some(busy) = self.busy.take() else {
            return Ok(());
        };
        let (run, buffer) = busy
            .recv()
            .map_err(|_| Error::internal("sorting an index ended early"))??;
        self.runs.push(run);
        self.idle = Some(buffer);
        let limit_bytes = MAX_SAMPLES_BYTES.min(self.buffer_bytes / 2);
        // At least one sample a run is always left.
        while self.samples_bytes() > limit_bytes && self.runs.iter().any(|run| run.samples.len() > 1) {
            for run in &mut self.runs {
                let mut index = 0;
                run.samples.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
            }
        }
        Ok(())
    }

    /// Memory of the samples of all runs.
    pub(super) fn samples_bytes(&self) -> usize {
        self.runs.iter().flat_map(|run| &run.samples).map(Sample::bytes).sum()
    }

    /// Ends the input. `memory_bytes` is what the parts may take together that are in memory at a time.
    ///
    /// # Errors
    /// As [`push_row`](Self::push_row).
    pub fn finish(mut self, memory_bytes: u64) -> Result<Sorted<'p>, Error> {
        if self.file.is_none() {
            self.pool.install(|| self.filling.sort_by_all(&self.columns));
        } else {
            if !self.filling.is_empty() {
                self.hand_over()?;
            }
            self.wait()?;
            self.filling = Buffer::default();
        }
        let ahead = self.pool.current_num_threads() + 1;
        // For a moment a part is in memory twice: as it was read, and as entries.
        let part_bytes = (memory_bytes as usize / (ahead + 1) / 3).clamp(MIN_BUFFER_BYTES, MAX_PART_BYTES);
        let splitters = self.splitters(part_bytes);
        Ok(Sorted {
            pool: self.pool,
            columns: self.columns,
            memory: self.filling,
            runs: self.runs,
            splitters,
            file: self.file,
            mixed: self.mixed,
            folder: self.folder,
            ahead,
        })
    }

    /// Entries that cut all runs together into parts of about `part_bytes`.
    fn splitters(&self, part_bytes: usize) -> Vec<Sample> {
        let mut samples: Vec<&Sample> = self.runs.iter().flat_map(|run| &run.samples).collect();
        samples.sort_unstable_by(|a, b| self.columns.compare(&a.entry(), &b.entry()));
        let parts = (self.file_bytes as usize).div_ceil(part_bytes).max(1);
        let step = samples.len() as f64 / parts as f64;
        (1..parts)
            .filter_map(|part| samples.get((part as f64 * step) as usize))
            .map(|&sample| sample.clone())
            .collect()
    }
}

/// Where a part's entries are while something is made of them.
#[derive(Debug, Default)]
struct PartMemory {
    /// As they were read, of one run at a time.
    bytes: Vec<u8>,
    buffer: Buffer,
}

/// All entries, sorted; they can be read more than once.
#[derive(Debug)]
pub struct Sorted<'p> {
    pool: &'p ThreadPool,
    columns: Arc<KeyColumns>,
    /// Every entry, when there are no runs.
    memory: Buffer,
    runs: Vec<SortedRun>,
    splitters: Vec<Sample>,
    file: Option<Arc<File>>,
    mixed: bool,
    folder: PathBuf,
    /// How many parts may be in the making, or waiting, at a time.
    ahead: usize,
}

impl<'p> Sorted<'p> {
    /// Another sorter with the same threads and the same folder.
    pub fn sorter(&self, columns: Arc<KeyColumns>, memory_bytes: u64) -> Sorter<'p> {
        Sorter::new(self.pool, columns, memory_bytes, &self.folder)
    }

    pub fn columns(&self) -> &KeyColumns {
        &self.columns
    }

    /// Hands over, part by part and in order, what the worker threads `make` of each part's entries.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read, and whatever `take` fails with.
    pub fn for_each_part<T: Send>(
        &self,
        make: impl Fn(SortedPart<'_>) -> T + Sync,
        take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.for_each_part_of(None, make, take)
    }

    /// As [`for_each_part`](Self::for_each_part), but may leave out entries whose prefix is not in `only`.
    ///
    /// # Errors
    /// As [`for_each_part`](Self::for_each_part).
    pub fn for_each_part_of<T: Send>(
        &self,
        only: Option<&PrefixSet>,
        make: impl Fn(SortedPart<'_>) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let parts = match self.file {
            Some(_) => self.splitters.len() + 1,
            None => self.memory.len().div_ceil(PART_ENTRIES),
        };
        let (make, idle) = (&make, &Idle::default());
        let mut waiting: VecDeque<Receiver<Result<T, Error>>> = VecDeque::new();
        self.pool.in_place_scope(|scope| {
            for part in 0..parts {
                let (done, result) = sync_channel(1);
                scope.spawn(move |_| {
                    let made = match &self.file {
                        Some(file) => {
                            let mut memory: PartMemory = idle.take().unwrap_or_default();
                            let read = self.read_part(part, only, file, &mut memory);
                            let made = read.map(|()| make(memory.buffer.part(0..memory.buffer.len())));
                            idle.put(memory);
                            made
                        }
                        None => {
                            let start = part * PART_ENTRIES;
                            Ok(make(
                                self.memory.part(start..(start + PART_ENTRIES).min(self.memory.len())),
                            ))
                        }
                    };
                    // Nobody waits for this any more if an earlier part has failed.
                    let _ = done.send(made);
                });
                waiting.push_back(result);
                if waiting.len() == self.ahead {
                    take(next_part(&mut waiting)?)?;
                }
            }
            while !waiting.is_empty() {
                take(next_part(&mut waiting)?)?;
            }
            Ok(())
        })
    }

    /// Reads and sorts the entries between two splitters.
    fn read_part(
        &self,
        part: usize,
        only: Option<&PrefixSet>,
        file: &File,
        memory: &mut PartMemory,
    ) -> Result<(), Error> {
        let range = KeyRange {
            low: part.checked_sub(1).map(|low| &self.splitters[low]),
            high: self.splitters.get(part),
        };
        let part = Part {
            columns: &self.columns,
            range,
            only,
            mixed: self.mixed,
        };
        let PartMemory { bytes, buffer } = memory;
        buffer.clear();
        for run in &self.runs {
            let (start, end) = run.stretch(&range, &self.columns);
            bytes.resize((end - start) as usize, 0);
            file.read_exact_at(bytes, start)
                .map_err(|e| Error::io("reading a temporary file in", &self.folder, e))?;
            let read = if run.integers {
                buffer.read_integers(bytes, &part)
            } else {
                buffer.read(bytes, &part)
            };
            read.ok_or_else(|| Error::internal("a run of sorted keys is damaged"))?;
        }
        buffer.merge(&self.columns);
        Ok(())
    }
}

fn next_part<T>(waiting: &mut VecDeque<Receiver<Result<T, Error>>>) -> Result<T, Error> {
    let part = waiting.pop_front().and_then(|part| part.recv().ok());
    part.unwrap_or_else(|| Err(Error::internal("reading sorted keys ended early")))
}

impl SortedRun {
    /// Where in the file the entries of `range` stand, along with a few others.
    fn stretch(&self, range: &KeyRange<'_>, columns: &KeyColumns) -> (u64, u64) {
        let below = |limit: &Sample, or_equal: bool| {
            self.samples
                .partition_point(|sample| match columns.compare(&sample.entry(), &limit.entry()) {
                    Ordering::Less => true,
                    Ordering::Equal => or_equal,
                    Ordering::Greater => false,
                })
        };
        let start = range.low.map_or(0, |low| below(low, true));
        let start = start
            .checked_sub(1)
            .map_or(self.start, |index| self.samples[index].offset);
        let end = range.high.map_or(self.samples.len(), |high| below(high, false));
        let end = self.samples.get(end).map_or(self.end, |sample| sample.offset);
        (start, end.max(start))
    }
}
