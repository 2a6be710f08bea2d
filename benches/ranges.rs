//! Bytes and rows per second of processor time of ranges: the first pass, with types declared and inferred, and the second to Arrow arrays. One
//! core, input in memory.
//!
//! `cargo bench --bench ranges -- FILE`; without a file, rows of eight columns are made up.

use std::fs;
use std::sync::Arc;

use rowmill::range::arrow::ArrowReader;
use rowmill::range::{RangePlanner, RangeSource, ScanPlan};
use rowmill::{ColumnType, Load};

/// Length of a range.
const RANGE_BYTES: u64 = 64 << 20;
/// Of so many runs the fastest counts.
const RUNS: usize = 5;
/// Rows where no file is named: enough to see that everything runs.
const ROWS: usize = 20_000;

/// Columns of the generated file, in their order.
const TYPES: [(&str, ColumnType); 3] = [
    ("id", ColumnType::Integer),
    ("balance", ColumnType::Real),
    ("created", ColumnType::DateTime),
];

fn made_up() -> Vec<u8> {
    let row = |index: usize| {
        format!(
            "{index},Grace Lamport,grace{index}@example.org,Dunedin,{}.{:02},2006-01-27T20:45:51,{:05},warm distant hollow distant\n",
            index * 7_919 % 100_000,
            index % 100,
            index * 31 % 100_000
        )
    };
    let rows: String = (0..ROWS).map(row).collect();
    format!("id,name,email,city,balance,created,zip,note\n{rows}").into_bytes()
}

/// Nanoseconds that this thread has been on a processor.
fn busy_ns() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    told.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
}

/// Prints the rate of the fastest of some runs.
fn measure(what: &str, bytes: usize, mut run: impl FnMut() -> usize) {
    let (mut fastest, mut rows) = (u64::MAX, 0);
    for _ in 0..RUNS {
        let before = busy_ns();
        rows = run();
        fastest = fastest.min(busy_ns() - before);
    }
    let seconds = fastest.max(1) as f64 / 1e9;
    println!(
        "{what:<28} {seconds:>7.3} s {:>6.2} GB/s {:>6.2} M rows/s",
        bytes as f64 / seconds / 1e9,
        rows as f64 / seconds / 1e6
    );
}

fn scan(plan: &ScanPlan, source: &dyn RangeSource) -> Vec<rowmill::range::RangeReport> {
    let ranges = plan.ranges(RANGE_BYTES);
    ranges
        .into_iter()
        .map(|range| plan.scan(source, range).expect("it does not change"))
        .collect()
}

fn main() {
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let bytes = file.map_or_else(made_up, |file| fs::read(file).expect("the file can be read"));
    let length = bytes.len();
    let source: Arc<dyn RangeSource> = Arc::new(bytes);
    let planner = |load: Load<'static>| {
        RangePlanner::new(&load, &[Arc::clone(&source)]).unwrap_or_else(|error| panic!("{error}"))
    };
    let declared = || {
        let load = Load::new(["people.csv"]).text(true).key(["id"]);
        TYPES
            .iter()
            .fold(load, |load, (name, column_type)| load.column_type(*name, *column_type))
    };
    for (what, load) in [
        ("scan, types declared", declared()),
        ("scan, types inferred", Load::new(["people.csv"]).key(["id"])),
    ] {
        let planner = planner(load);
        measure(what, length, || {
            let reports = scan(planner.scan_plan(), &*source);
            planner.compose(&reports).expect("all ranges").totals[0].records as usize
        });
    }
    for (what, load) in [
        ("read, types declared", declared()),
        ("read, types inferred", Load::new(["people.csv"]).key(["id"])),
        ("read, all text, no key", Load::new(["people.csv"]).text(true)),
    ] {
        let planner = planner(load);
        let composed = planner
            .compose(&scan(planner.scan_plan(), &*source))
            .expect("all ranges");
        let plan = Arc::new(composed.plan);
        measure(what, length, || {
            let mut rows = 0;
            for piece in &composed.pieces {
                let blocks = ArrowReader::new(&plan, &source, piece).expect("it does not change");
                rows += blocks
                    .map(|block| block.expect("it does not change").rows.num_rows())
                    .sum::<usize>();
            }
            rows
        });
    }
}
