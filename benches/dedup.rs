//! Keys per second of deduplication, in groups as a load makes them.

use divan::Bencher;
use divan::counter::ItemsCount;
use rowmill::internal::dedup::{Candidates, Dedup, Filter};
use rowmill::internal::pipeline::WorkerPool;
use rowmill::internal::rows::{Nothing, RowBlock};
use xxhash_rust::xxh3::xxh3_128;

const BLOCK_ROWS: u64 = 40_000;

fn main() {
    divan::main();
}

/// New keys, block after block, into a filter of this many keys.
#[divan::bench(args = [100_000, 10_000_000, 100_000_000])]
fn new_keys(bencher: Bencher, capacity_keys: u64) {
    let pool = WorkerPool::new(0).expect("threads");
    let mut dedup = Dedup::Filter(Filter::new(capacity_keys));
    let (mut block, mut suspects, mut next) = (RowBlock::<Nothing>::default(), Vec::new(), 0u64);
    bencher.counter(ItemsCount::new(BLOCK_ROWS)).bench_local(|| {
        block.key_hashes.clear();
        block
            .key_hashes
            .extend((next..next + BLOCK_ROWS).map(|key| xxh3_128(&key.to_le_bytes())));
        next += BLOCK_ROWS;
        suspects.clear();
        let candidates = Candidates {
            rows: &block,
            first_ordinal: 1,
            suspects: &mut suspects,
        };
        dedup
            .admit(std::iter::once(candidates), &pool)
            .expect("the filter does no I/O");
        assert!(
            next > capacity_keys || suspects.len() as u64 <= BLOCK_ROWS / 10,
            "{} suspects",
            suspects.len()
        );
    });
}
