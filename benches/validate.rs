//! Rows per second of validation: typed rows as SQLite records, one core, input in memory and parsed already.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use rowmill::parse::{Dialect, Records, parse};
use rowmill::rows::RowBlock;
use rowmill::schema::infer::{Facts, observe};
use rowmill::schema::{Column, ColumnType, KeyPlan, RowPlan};
use rowmill::validate::validate;

const ROWS: usize = 2_200;

fn main() {
    divan::main();
}

/// A chunk's worth of rows of eight columns, 113 bytes each on average.
fn chunk() -> Vec<u8> {
    let row = |index: usize| {
        let (balance, zip) = (index * 7_919 % 100_000, index * 31 % 100_000);
        format!(
            "{},Grace Lamport,grace{index}@example.org,Dunedin,{balance}.{:02},2006-01-27T20:45:51,{zip:05},warm distant hollow distant\n",
            index + 1_000_000,
            index % 100
        )
    };
    (0..ROWS).map(row).collect::<String>().into_bytes()
}

fn plan(key: KeyPlan) -> RowPlan {
    use ColumnType::{DateTime, Integer, Real, Text};
    let types = [Integer, Text, Text, Text, Real, DateTime, Text, Text];
    RowPlan {
        columns: types
            .map(|column_type| Column {
                name: "c".to_owned(),
                column_type,
                not_null: false,
            })
            .to_vec(),
        sources: (0..8).collect(),
        field_count: 8,
        key,
        empty_is_null: false,
        max_record_bytes: 1 << 20,
    }
}

fn bench(bencher: Bencher, key: KeyPlan) {
    let (bytes, dialect, plan) = (chunk(), Dialect::default(), plan(key));
    let (mut records, mut out) = (Records::default(), RowBlock::default());
    parse(&bytes, true, &dialect, 1 << 20, &mut records);
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| {
            validate(black_box(&bytes), &records, &plan, &dialect, &mut out);
            assert_eq!((out.rows.len(), out.rejects.len()), (ROWS, 0));
        });
}

#[divan::bench]
fn integer_key_as_row_id(bencher: Bencher) {
    bench(bencher, KeyPlan::RowId(0));
}

#[divan::bench]
fn hashed_key(bencher: Bencher) {
    bench(bencher, KeyPlan::Hashed(vec![0]));
}

#[divan::bench]
fn infer_every_column(bencher: Bencher) {
    let (bytes, dialect) = (chunk(), Dialect::default());
    let mut records = Records::default();
    parse(&bytes, true, &dialect, 1 << 20, &mut records);
    let sources: Vec<u32> = (0..8).collect();
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| {
            let mut facts = Facts::new(&[false; 8], Some(0));
            observe(black_box(&bytes), &records, &sources, &dialect, false, &mut facts);
            assert_eq!(facts.key_order().map(|order| order.values), Some(ROWS as u64));
        });
}
