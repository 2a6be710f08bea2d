//! Which rows may repeat a key: an answer that is never wrong about "certainly new".
//!
//! Comes in: the keys of each block, in input order. Goes out: the indices of the *suspects*, rows whose key may have come before. Never: a
//! row dropped. Suspects are settled exactly, against the table, after the bulk of the rows (see [`crate::settle`]).
//!
//! Two ways, chosen from the input's head or from inference:
//! - [`Ascending`]: integer keys that mostly ascend, as exports do. A key greater than every key before it is new; it costs one
//!   comparison and no memory.
//! - [`Filter`]: any other key, by its 128-bit hash, in a Bloom filter that is split into shards.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use growable_bloom_filter::{GrowableBloom, GrowableBloomBuilder};

use crate::error::Error;
use crate::pipeline::WorkerPool;
use crate::report::FilterReport;
use crate::rows::{Encoder, NULL_KEY, RowBlock};

/// False alarms at full capacity. One costs an index look-up (about 10 µs), so 1 % at the very end, 0.13 % on average, is cheaper
/// than the further probes per key and the further memory that a lower ratio needs.
pub const FILTER_ERROR_RATIO: f64 = 0.01;
/// Hash functions that this ratio needs: log2(1 / 0.01), rounded up.
const FILTER_SLICES: f64 = 7.0;
/// Most keys a filter is sized for: the number that the memory promise was made for.
pub const MAX_FILTER_KEYS: u64 = 100_000_000;
/// Shards of a filter: a shard of the largest filter is 0.5 MiB, which an L2 cache holds.
const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 8;
/// Memory of a shard for each key that comes, up to which it is cheaper to read all of the shard first than to wait for the bits of one key
/// after another: a key's seven bits lie in seven places, and each is read only when the answer for the one before is known. Measured: 55
/// ns a key instead of 170 with 160 bytes a key, 90 instead of 240 with 700, 240 instead of 300 with 3,200, no difference with 4,200.
const READ_AHEAD_BYTES_PER_KEY: u64 = 3500;

/// Fewest keys at a time for which the shards are visited by several threads, and how many tasks each of those gets.
const PARALLEL_KEYS: usize = 8 << 10;
const STRETCHES_PER_THREAD: usize = 2;

/// How suspects are found.
#[derive(Debug)]
pub enum Dedup {
    /// No key, or SQLite finds duplicates itself as rows arrive.
    Off,
    Ascending(Ascending),
    Filter(Filter),
}

impl Dedup {
    /// Puts into the `suspects` of each block the indices of its rows that may repeat a key, ascending.
    ///
    /// # Errors
    /// `Io` when the map from keys to records outgrows memory and its temporary file cannot be written.
    pub fn admit<'b, E: Encoder + 'b>(
        &mut self,
        blocks: impl Iterator<Item = Candidates<'b, E>>,
        pool: &WorkerPool,
    ) -> Result<(), Error> {
        match self {
            Dedup::Off => Ok(()),
            Dedup::Ascending(ascending) => {
                for block in blocks {
                    ascending.admit(block.rows, block.first_ordinal, block.suspects)?;
                }
                Ok(())
            }
            Dedup::Filter(filter) => {
                filter.admit_blocks(blocks.collect(), pool);
                Ok(())
            }
        }
    }

    /// Whether several blocks at a time are cheaper than one.
    pub fn likes_groups(&self) -> bool {
        matches!(self, Dedup::Filter(_))
    }

    /// Says what the filter did, if there is one, and gives its memory back: indexes are built next, and they can use it.
    pub fn take_filter_report(&mut self) -> Option<FilterReport> {
        let Dedup::Filter(filter) = self else { return None };
        let report = filter.report();
        *self = Dedup::Off;
        Some(report)
    }
}

/// The rows of a block, before it is known which of them may repeat a key.
#[derive(Debug)]
pub struct Candidates<'b, E> {
    pub rows: &'b RowBlock<E>,
    /// Load-wide number of the block's first record, 1-based.
    pub first_ordinal: u64,
    /// Empty at first; the suspects that are found go here.
    pub suspects: &'b mut Vec<u32>,
}

/// Keys that mostly ascend.
#[derive(Debug)]
pub struct Ascending {
    /// Greatest key of the table before the load.
    existing: Option<i64>,
    last: Option<i64>,
    pub runs: KeyRuns,
}

impl Ascending {
    /// Starts above `last`, the greatest key that the table already holds. `folder` is where a temporary file may be made.
    pub fn new(last: Option<i64>, folder: &Path) -> Self {
        Ascending {
            existing: last,
            last,
            runs: KeyRuns::new(folder),
        }
    }

    /// Whether `key`, which is in the table but was not a suspect, was there before the load.
    pub fn existed(&self, key: i64) -> bool {
        self.existing.is_some_and(|existing| key <= existing)
    }

    fn admit<E: Encoder>(
        &mut self,
        block: &RowBlock<E>,
        first_ordinal: u64,
        suspects: &mut Vec<u32>,
    ) -> Result<(), Error> {
        for (row_index, (&key, row)) in block.integer_keys.iter().zip(&block.rows).enumerate() {
            if self.last.is_some_and(|last| key <= last) {
                suspects.push(row_index as u32);
            } else {
                self.last = Some(key);
                self.runs.push(key, first_ordinal + u64::from(row.record_index))?;
            }
        }
        Ok(())
    }
}

/// Remembers which record each ascending key came from: runs in which key and record number advance together.
#[derive(Debug)]
pub struct KeyRuns {
    current: Option<KeyRun>,
    /// Runs that no key will extend any more and that are not in the temporary file yet.
    pending: Vec<KeyRun>,
    spilled: Option<File>,
    /// First key of every [`RUNS_PER_READ`] spilled runs: it says which of them to read for a key.
    spilled_keys: Vec<i64>,
    folder: std::path::PathBuf,
}

#[derive(Debug, Clone, Copy)]
struct KeyRun {
    first_key: i64,
    last_key: i64,
    first_ordinal: u64,
}

/// Runs kept in memory before they move to a temporary file: 1.5 MiB.
const PENDING_RUNS: usize = 64 << 10;
/// Spilled runs that are read for one look-up: 6 KiB, and 3.1 MB in memory for 100 million runs.
const RUNS_PER_READ: usize = 256;
const _: () = assert!(PENDING_RUNS.is_multiple_of(RUNS_PER_READ));

impl KeyRun {
    const BYTES: usize = 24;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.first_key as u64, self.last_key as u64, self.first_ordinal];
        for (eight, word) in bytes.chunks_exact_mut(8).zip(words) {
            eight.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let [first_key, last_key, first_ordinal] =
            [0, 8, 16].map(|at| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index])));
        KeyRun {
            first_key: first_key as i64,
            last_key: last_key as i64,
            first_ordinal,
        }
    }

    fn ordinal_of(&self, key: i64) -> Option<u64> {
        (self.first_key..=self.last_key)
            .contains(&key)
            .then(|| self.first_ordinal + key.wrapping_sub(self.first_key) as u64)
    }
}

impl KeyRuns {
    fn new(folder: &Path) -> Self {
        KeyRuns {
            current: None,
            pending: Vec::new(),
            spilled: None,
            spilled_keys: Vec::new(),
            folder: folder.to_owned(),
        }
    }

    fn push(&mut self, key: i64, ordinal: u64) -> Result<(), Error> {
        if let Some(run) = &mut self.current {
            if run.last_key.checked_add(1) == Some(key)
                && ordinal.wrapping_sub(run.first_ordinal) == key.wrapping_sub(run.first_key) as u64
            {
                run.last_key = key;
                return Ok(());
            }
            self.pending.push(*run);
        }
        self.current = Some(KeyRun {
            first_key: key,
            last_key: key,
            first_ordinal: ordinal,
        });
        if self.pending.len() >= PENDING_RUNS {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> Result<(), Error> {
        let fail = |folder: &Path, e| Error::io("writing a temporary file in", folder, e);
        let mut file = match self.spilled.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.folder).map_err(|e| fail(&self.folder, e))?,
        };
        self.spilled_keys
            .extend(self.pending.iter().step_by(RUNS_PER_READ).map(|run| run.first_key));
        let bytes: Vec<u8> = self.pending.drain(..).flat_map(KeyRun::to_bytes).collect();
        file.write_all(&bytes).map_err(|e| fail(&self.folder, e))?;
        self.spilled = Some(file);
        Ok(())
    }

    /// The load-wide number of the record that `key` came with; `None` if no ascending record has it.
    ///
    /// # Errors
    /// `Io` when the temporary file cannot be read.
    pub fn ordinal_of(&self, key: i64) -> Result<Option<u64>, Error> {
        if let Some(ordinal) = self.current.and_then(|run| run.ordinal_of(key)) {
            return Ok(Some(ordinal));
        }
        let pending = self.pending.partition_point(|run| run.first_key <= key);
        if pending > 0 {
            return Ok(self.pending[pending - 1].ordinal_of(key));
        }
        let reads = self.spilled_keys.partition_point(|&first_key| first_key <= key);
        let Some(file) = self.spilled.as_ref().filter(|_| reads > 0) else {
            return Ok(None);
        };
        const READ_BYTES: usize = RUNS_PER_READ * KeyRun::BYTES;
        let mut bytes = [0; READ_BYTES];
        file.read_exact_at(&mut bytes, ((reads - 1) * READ_BYTES) as u64)
            .map_err(|e| Error::io("reading a temporary file in", &self.folder, e))?;
        let runs = bytes.as_chunks::<{ KeyRun::BYTES }>().0;
        // The first of them begins at or before `key`, or others would have been read.
        let above = runs.partition_point(|bytes| KeyRun::from_bytes(bytes).first_key <= key);
        Ok(KeyRun::from_bytes(&runs[above - 1]).ordinal_of(key))
    }
}

/// A Bloom filter in shards.
///
/// A shard never grows: growing would double its memory. Once it holds what it was sized for, it takes no further keys, and from then on
/// every key it does not know is a suspect: slower, but still exact.
#[derive(Debug)]
pub struct Filter {
    shards: Vec<GrowableBloom>,
    shard_capacity: usize,
    capacity_keys: u64,
    suspects: u64,
    shard_bytes: u64,
    /// The current keys grouped by shard, and where each group ends; reused.
    keys: Vec<FilterKey>,
    group_ends: Vec<u32>,
    /// Indices of the current keys that may have been seen; reused.
    found: Vec<u32>,
}

/// A key on its way into its shard.
#[derive(Debug, Clone, Copy, Default)]
struct FilterKey {
    /// The lower half of the key's hash: the upper half chose the shard, and the lower is as good as an independent hash.
    hash: u64,
    /// Index among the current keys.
    index: u32,
}

/// Memory that a filter for `keys` keys takes, in bytes.
pub fn filter_bytes(keys: u64) -> u64 {
    SHARDS as u64 * shard_bytes(shard_capacity(keys))
}

/// The most keys, up to `keys`, that a filter of at most `bytes` can be sized for.
pub fn keys_within(bytes: u64, keys: u64) -> u64 {
    let fits = (bytes as f64 * 8.0 / FILTER_SLICES * std::f64::consts::LN_2) as u64;
    let mut keys = keys.min(fits).max(1);
    while keys > 1 && filter_bytes(keys) > bytes.max(1) {
        keys -= keys.div_ceil(100);
    }
    keys.max(1)
}

fn shard_bytes(capacity: usize) -> u64 {
    ((capacity as f64 / std::f64::consts::LN_2).ceil() * FILTER_SLICES / 8.0).ceil() as u64
}

/// Keys fall into shards at random, so this is five standard deviations more than the average: a shard overflows once in 10,000 loads.
fn shard_capacity(keys: u64) -> usize {
    let average = keys as f64 / SHARDS as f64;
    (average + 5.0 * average.sqrt()).ceil().max(1.0) as usize
}

impl Filter {
    /// A filter for `keys` keys.
    pub fn new(keys: u64) -> Self {
        let shard_capacity = shard_capacity(keys);
        let shard = || {
            GrowableBloomBuilder::new()
                .estimated_insertions(shard_capacity)
                .desired_error_ratio(FILTER_ERROR_RATIO)
                .build()
        };
        Filter {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            shard_capacity,
            capacity_keys: keys,
            suspects: 0,
            shard_bytes: shard_bytes(shard_capacity),
            keys: Vec::new(),
            group_ends: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes the keys of several blocks, in their order. A shard is visited once for all of them, so most of its bits are found in
    /// the core's cache: half the time of one block at a time, measured.
    fn admit_blocks<E: Encoder>(&mut self, blocks: Vec<Candidates<'_, E>>, pool: &WorkerPool) {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        let keys = blocks.iter().map(|block| &block.rows.key_hashes[..]);
        self.admit(keys, &mut found, Some(pool));
        let (mut rest, mut start) = (&found[..], 0);
        for block in blocks {
            let end = start + block.rows.key_hashes.len() as u32;
            let (own, others) = rest.split_at(rest.partition_point(|&index| index < end));
            block.suspects.extend(own.iter().map(|index| index - start));
            (rest, start) = (others, end);
        }
        self.found = found;
    }

    /// Appends the indices of the keys that may have been seen before, ascending, and remembers the others. Indices count on from one
    /// slice of `keys` to the next.
    fn admit<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k [u128]> + Clone,
        suspects: &mut Vec<u32>,
        pool: Option<&WorkerPool>,
    ) {
        let before = suspects.len();
        self.group_by_shard(keys);
        match pool.filter(|pool| self.keys.len() >= PARALLEL_KEYS && pool.current_num_threads() > 1) {
            None => self.stretches(SHARDS).for_each(|stretch| stretch.admit(suspects)),
            Some(pool) => {
                // Shards have no key in common, so what one finds does not depend on when the others are visited.
                let shards = SHARDS.div_ceil(pool.current_num_threads() * STRETCHES_PER_THREAD);
                let mut found: Vec<Vec<u32>> = (0..SHARDS.div_ceil(shards)).map(|_| Vec::new()).collect();
                pool.in_place_scope(|tasks| {
                    for (stretch, found) in self.stretches(shards).zip(&mut found) {
                        tasks.spawn(move |_| stretch.admit(found));
                    }
                });
                suspects.extend(found.into_iter().flatten());
            }
        }
        suspects[before..].sort_unstable();
        self.suspects += (suspects.len() - before) as u64;
    }

    /// The shards, so many at a time, with their keys.
    fn stretches(&mut self, shards: usize) -> impl Iterator<Item = ShardStretch<'_>> {
        let Filter {
            shards: all,
            group_ends,
            keys,
            shard_capacity,
            shard_bytes,
            ..
        } = self;
        let (keys, shard_capacity, shard_bytes) = (&keys[..], *shard_capacity, *shard_bytes);
        let mut start = 0;
        all.chunks_mut(shards)
            .zip(group_ends.chunks(shards))
            .map(move |(shards, ends)| {
                let first = start;
                start = ends.last().map_or(start, |&end| end);
                ShardStretch {
                    shards,
                    ends,
                    first,
                    keys,
                    shard_capacity,
                    shard_bytes,
                }
            })
    }

    /// Fills [`Filter::keys`] with those of each shard together and in their order; NULL keys are left out.
    fn group_by_shard<'k>(&mut self, keys: impl Iterator<Item = &'k [u128]> + Clone) {
        let shard_of = |key: u128| (key >> (u128::BITS - SHARD_BITS)) as usize;
        self.group_ends.clear();
        self.group_ends.resize(SHARDS, 0);
        for &key in keys.clone().flatten().filter(|&&key| key != NULL_KEY) {
            self.group_ends[shard_of(key)] += 1;
        }
        let mut total = 0;
        for end in &mut self.group_ends {
            total += std::mem::replace(end, total);
        }
        self.keys.resize(total as usize, FilterKey::default());
        for (index, &key) in keys.flatten().enumerate().filter(|&(_, &key)| key != NULL_KEY) {
            let slot = &mut self.group_ends[shard_of(key)];
            self.keys[*slot as usize] = FilterKey {
                hash: key as u64,
                index: index as u32,
            };
            *slot += 1;
        }
    }

    /// What the filter did; how many suspects were false alarms is known only after settlement.
    fn report(&self) -> FilterReport {
        FilterReport {
            capacity_keys: self.capacity_keys,
            shards: SHARDS as u32,
            error_ratio: FILTER_ERROR_RATIO,
            inserted_keys: self.shards.iter().map(|shard| shard.len() as u64).sum(),
            suspects: self.suspects,
            false_alarms: 0,
        }
    }
}

/// Some shards, with the current keys that fall into them.
struct ShardStretch<'f> {
    shards: &'f mut [GrowableBloom],
    /// Where the keys of each shard end in `keys`; those of the first begin at `first`.
    ends: &'f [u32],
    first: u32,
    keys: &'f [FilterKey],
    shard_capacity: usize,
    shard_bytes: u64,
}

impl ShardStretch<'_> {
    /// Appends to `suspects` the indices of the keys that may have been seen before, and remembers the others.
    fn admit(self, suspects: &mut Vec<u32>) {
        let mut start = self.first;
        for (shard, &end) in self.shards.iter_mut().zip(self.ends) {
            let keys = &self.keys[start as usize..end as usize];
            if self.shard_bytes <= keys.len() as u64 * READ_AHEAD_BYTES_PER_KEY {
                read_ahead(shard);
            }
            for key in keys {
                let new = shard.len() < self.shard_capacity && shard.insert(key.hash);
                if !new {
                    suspects.push(key.index);
                }
            }
            start = end;
        }
    }
}

/// Brings a shard into the core's cache, by reading it from front to back.
///
/// The only way that the filter offers is comparison: the shard is compared with itself, which the compiler must not notice.
fn read_ahead(shard: &GrowableBloom) {
    black_box(black_box(shard) == black_box(shard));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::ByteRange;
    use crate::rows::{Nothing, RowMeta};
    use std::collections::HashSet;

    fn hash(key: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&key.to_le_bytes())
    }

    /// Keys with repeats, in blocks of `block_rows`; returns what was called certainly new.
    fn certainly_new(keys: &[u64], block_rows: usize, capacity: u64) -> Vec<usize> {
        certainly_new_by(keys, block_rows, capacity, None)
    }

    fn certainly_new_by(keys: &[u64], block_rows: usize, capacity: u64, pool: Option<&WorkerPool>) -> Vec<usize> {
        let mut filter = Filter::new(capacity);
        let mut new = Vec::new();
        for (block_index, block) in keys.chunks(block_rows).enumerate() {
            let hashes: Vec<u128> = block.iter().map(|&key| hash(key)).collect();
            let mut suspects = Vec::new();
            filter.admit(std::iter::once(&hashes[..]), &mut suspects, pool);
            assert!(suspects.is_sorted());
            let suspects: HashSet<u32> = suspects.into_iter().collect();
            new.extend(
                (0..block.len())
                    .filter(|i| !suspects.contains(&(*i as u32)))
                    .map(|i| block_index * block_rows + i),
            );
        }
        new
    }

    #[test]
    fn no_repeated_key_is_ever_called_new_at_any_fill_and_past_capacity() {
        let keys: Vec<u64> = (0..30_000u64).map(|i| i * i % 20_011).collect();
        for capacity in [1, 100, 5_000, 20_000, 1_000_000] {
            let mut seen = HashSet::new();
            let first: HashSet<usize> = (0..keys.len()).filter(|&i| seen.insert(keys[i])).collect();
            let new = certainly_new(&keys, 1_000, capacity);
            assert!(new.iter().all(|i| first.contains(i)), "capacity {capacity}");
        }
    }

    #[test]
    fn what_is_called_new_does_not_depend_on_how_keys_are_cut_into_blocks() {
        let keys: Vec<u64> = (0..10_000u64).map(|i| i * 7_919 % 9_973).collect();
        let whole = certainly_new(&keys, keys.len(), 4_000);
        for block_rows in [1, 7, 640] {
            assert_eq!(certainly_new(&keys, block_rows, 4_000), whole);
        }
        const { assert!(PARALLEL_KEYS < 10_000) };
        for threads in [1, 2, 5, 300] {
            let pool = WorkerPool::new(threads).unwrap();
            for block_rows in [keys.len(), 9_000] {
                assert_eq!(
                    certainly_new_by(&keys, block_rows, 4_000, Some(&pool)),
                    whole,
                    "{threads} threads"
                );
            }
        }
    }

    #[test]
    fn the_false_alarm_rate_stays_below_the_ratio_and_the_memory_below_the_figure() {
        let keys: Vec<u64> = (0..200_000).collect();
        let alarms = keys.len() - certainly_new(&keys, 4_096, 200_000).len();
        assert!(alarms < 2_000, "{alarms} false alarms");
        assert!(
            alarms > 20,
            "{alarms} false alarms: the filter is larger than it should be"
        );
        assert!(filter_bytes(MAX_FILTER_KEYS) < 122 << 20);
        let keys = keys_within(50 << 20, MAX_FILTER_KEYS);
        assert!(filter_bytes(keys) <= 50 << 20 && keys > 40_000_000, "{keys}");
    }

    #[test]
    fn a_null_key_is_a_duplicate_of_nothing() {
        let mut suspects = Vec::new();
        let keys: [&[u128]; 2] = [&[NULL_KEY, NULL_KEY], &[5, NULL_KEY]];
        Filter::new(10).admit(keys.into_iter(), &mut suspects, None);
        assert!(suspects.is_empty());
    }

    fn block(keys: &[i64]) -> RowBlock<Nothing> {
        let row = |i| RowMeta {
            record_index: i as u32,
            source: ByteRange::default(),
        };
        RowBlock {
            rows: (0..keys.len()).map(row).collect(),
            integer_keys: keys.to_vec(),
            ..RowBlock::default()
        }
    }

    #[test]
    fn out_of_order_keys_are_suspects_and_ascending_ones_know_their_record() {
        let mut ascending = Ascending::new(Some(4), Path::new("."));
        let mut suspects = Vec::new();
        ascending
            .admit(&block(&[3, 5, 6, 6, 9, 10, 8, 11]), 1, &mut suspects)
            .unwrap();
        assert_eq!(suspects, [0, 3, 6]);
        for (key, record) in [(5, 2), (6, 3), (9, 5), (10, 6), (11, 8)] {
            assert_eq!(ascending.runs.ordinal_of(key).unwrap(), Some(record));
        }
        for key in [1, 7, 8, 12] {
            assert_eq!(ascending.runs.ordinal_of(key).unwrap(), None, "{key}");
        }
    }

    #[test]
    fn key_runs_survive_the_move_to_a_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = KeyRuns::new(folder.path());
        let count = 3 * PENDING_RUNS as i64 + 17;
        for i in 0..count {
            runs.push(i * 10 - 100, i as u64 + 1).unwrap();
        }
        assert!(!runs.spilled_keys.is_empty());
        for i in [0, 1, 255, 256, 257, 65_535, 65_536, 100_000, count - 1] {
            assert_eq!(runs.ordinal_of(i * 10 - 100).unwrap(), Some(i as u64 + 1));
            assert_eq!(runs.ordinal_of(i * 10 - 99).unwrap(), None);
        }
    }
}
