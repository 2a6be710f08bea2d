//! Rows per second of validation: typed rows as SQLite records, one core, input in memory and parsed already.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use rowmill::ColumnType;
use rowmill::internal::infer::{Facts, Reading, observe};
use rowmill::internal::parse::{Dialect, Records, Syntax, parse};
use rowmill::internal::rows::{Encoder, Nothing, RowBlock};
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::schema::rules::ColumnRules;
use rowmill::internal::schema::widths::Widths;
use rowmill::internal::schema::written::NumberStyle;
use rowmill::internal::schema::{Column, KeyPlan, RowPlan};
use rowmill::internal::sqlite::record::SqliteRecords;
use rowmill::internal::validate::validate;

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
        columns: types.map(|column_type| Column::new("c", column_type)).to_vec(),
        sources: (0..8).collect(),
        given: Vec::new(),
        field_count: 8,
        widths: Widths::default(),
        key,
        cells: CellRules::default(),
        numbers: NumberStyle::default(),
        recodings: Vec::new(),
        rules: ColumnRules::default(),
        repeated_header: None,
        trailing_delimiter: false,
        max_record_bytes: 1 << 20,
        guess: None,
        settled: None,
        every_fault: false,
    }
}

fn syntax() -> Syntax {
    Syntax {
        dialect: Dialect::default(),
        columns: 8,
        max_record_bytes: 1 << 20,
    }
}

fn bench(bencher: Bencher, key: KeyPlan) {
    bench_bytes::<SqliteRecords>(bencher, key, chunk(), 0);
}

/// `rejects` of the rows of `bytes` are rejected.
fn bench_bytes<E: Encoder>(bencher: Bencher, key: KeyPlan, bytes: Vec<u8>, rejects: usize) {
    let (format, plan) = (syntax(), plan(key));
    let (mut records, mut out) = (Records::default(), RowBlock::<E>::default());
    parse(&bytes, true, &format, &mut records);
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| {
            validate(black_box(&bytes), &records, &plan, &format, &mut out);
            assert_eq!((out.rows.len(), out.rejects.len()), (ROWS - rejects, rejects));
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

/// Only which records are rows, and their keys.
#[divan::bench]
fn verdicts_alone(bencher: Bencher) {
    bench_bytes::<Nothing>(bencher, KeyPlan::RowId(0), chunk(), 0);
}

/// One bad byte: every record of the chunk is then checked by itself.
#[divan::bench]
fn one_invalid_byte(bencher: Bencher) {
    let mut bytes = chunk();
    let name = bytes
        .iter()
        .position(|&byte| byte == b'G')
        .expect("every row has a name");
    bytes[name] = 0xFF;
    bench_bytes::<SqliteRecords>(bencher, KeyPlan::RowId(0), bytes, 1);
}

/// Coordinates as programs print them: more digits than any double is sure to keep.
#[divan::bench]
fn infer_long_decimals(bencher: Bencher) {
    let row = |index: usize| {
        let (x, y) = (index as f64 / 7_919.0 + 48.0, -(index as f64) / 104_729.0 - 73.0);
        format!("{x},{y}\n")
    };
    let (bytes, format) = ((0..ROWS).map(row).collect::<String>().into_bytes(), syntax());
    let mut records = Records::default();
    parse(&bytes, true, &format, &mut records);
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| {
            let mut facts = Facts::new(&[false; 2], &[]);
            let reading = Reading {
                sources: &[0, 1],
                field_count: 2,
                widths: Widths::default(),
                format: &format,
                cells: &CellRules::default(),
                numbers: NumberStyle::default(),
                repeated_header: None,
                trailing_delimiter: false,
            };
            observe(black_box(&bytes), &records, &reading, &mut facts);
            assert_eq!(facts.column_type(1), ColumnType::Real);
        });
}

#[divan::bench]
fn infer_every_column(bencher: Bencher) {
    let (bytes, format) = (chunk(), syntax());
    let mut records = Records::default();
    parse(&bytes, true, &format, &mut records);
    let sources: Vec<u32> = (0..8).collect();
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| {
            let mut facts = Facts::new(&[false; 8], &[0]);
            let reading = Reading {
                sources: &sources,
                field_count: 8,
                widths: Widths::default(),
                format: &format,
                cells: &CellRules::default(),
                numbers: NumberStyle::default(),
                repeated_header: None,
                trailing_delimiter: false,
            };
            observe(black_box(&bytes), &records, &reading, &mut facts);
            assert_eq!(facts.key_order().values, ROWS as u64);
        });
}
