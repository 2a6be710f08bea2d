//! Bytes per second of the parser and of the chunk cutter, one core, input in memory.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use rowmill::internal::chunk::cut;
use rowmill::internal::parse::{Dialect, Records, Syntax, parse};

/// Large enough for a steady state, small enough for the caches in which a chunk is parsed.
const CHUNK_BYTES: usize = 1 << 20;

const MAX_RECORD_BYTES: u64 = 16 << 20;

fn main() {
    divan::main();
}

/// A million bytes of rows made by `row` from their number, and how many there are.
fn rows(row: impl Fn(usize) -> String) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut count = 0;
    while bytes.len() < CHUNK_BYTES {
        bytes.extend_from_slice(row(count).as_bytes());
        count += 1;
    }
    (bytes, count)
}

fn number(index: usize, digits: usize) -> String {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
    format!("{mixed:020}")[20 - digits..].to_owned()
}

/// Eight columns whose widths vary; 118 bytes with seven delimiters and a line end.
fn columns(index: usize) -> [String; 8] {
    let shift = index % 7;
    [
        number(index, 11),
        format!("customer{}", number(index, 4 + shift)),
        format!("user.{}@example.com", number(index * 3, 13 - shift)),
        number(index * 5, 5 + shift),
        "2024-05-17".to_owned(),
        format!("{}.{}", number(index * 7, 9 - shift), number(index, 2)),
        "north-east".to_owned(),
        number(index * 11, 20),
    ]
}

fn unquoted_row(index: usize) -> String {
    columns(index).join(",") + "\n"
}

fn syntax() -> Syntax {
    Syntax {
        dialect: Dialect::default(),
        columns: 8,
        max_record_bytes: MAX_RECORD_BYTES,
    }
}

fn bench_parse(bencher: Bencher, row: impl Fn(usize) -> String) {
    let (bytes, count) = rows(row);
    let mut out = Records::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let decided = parse(black_box(&bytes), true, &syntax(), &mut out);
        assert_eq!(decided, bytes.len());
        assert_eq!(out.records.len(), count);
        assert!(out.faults.is_empty());
    });
}

#[divan::bench]
fn parse_unquoted(bencher: Bencher) {
    bench_parse(bencher, unquoted_row);
}

#[divan::bench]
fn parse_unquoted_crlf(bencher: Bencher) {
    bench_parse(bencher, |index| columns(index).join(",") + "\r\n");
}

#[divan::bench]
fn parse_narrow(bencher: Bencher) {
    bench_parse(bencher, |index| {
        format!("{},{}\n", number(index, 3 + index % 5), number(index, 1 + index % 3))
    });
}

#[divan::bench]
fn parse_quoted(bencher: Bencher) {
    bench_parse(bencher, |index| format!("\"{}\"\n", columns(index).join("\",\"")));
}

#[divan::bench]
fn parse_quoted_crlf(bencher: Bencher) {
    bench_parse(bencher, |index| format!("\"{}\"\r\n", columns(index).join("\",\"")));
}

#[divan::bench]
fn parse_quoted_multiline(bencher: Bencher) {
    bench_parse(bencher, |index| {
        let address = format!(
            "\"{} Main Street\nc/o \"\"{}\"\"\nSpringfield\"",
            number(index, 3),
            number(index, 6)
        );
        format!("{},{address},{}\n", number(index, 10), columns(index).join(","))
    });
}

/// Every row has a quote that is text, which the kernel leaves to the walk.
#[divan::bench]
fn parse_quotes_as_text(bencher: Bencher) {
    bench_parse(bencher, |index| format!("5\" pipe,{}", unquoted_row(index)));
}

/// Every row has a fault.
#[divan::bench]
fn parse_faults(bencher: Bencher) {
    let (bytes, count) = rows(|index| format!("\"5\" pipe,{}", unquoted_row(index)));
    let mut out = Records::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        parse(black_box(&bytes), true, &syntax(), &mut out);
        assert_eq!(out.faults.len(), count);
    });
}

#[divan::bench]
fn cut_unquoted(bencher: Bencher) {
    let (bytes, _) = rows(unquoted_row);
    let target_bytes = CHUNK_BYTES - 1000;
    bencher.counter(BytesCount::new(target_bytes)).bench_local(|| {
        let end = cut(black_box(&bytes), target_bytes, &Dialect::default()).expect("every row ends with a line end");
        assert_eq!(bytes[end - 1], b'\n');
        assert!((target_bytes..target_bytes + 200).contains(&end));
    });
}
