//! The announced counts against two readers that know nothing of the generator: the csv crate for clean files, and for
//! dirty ones a slow reader of rowmill's rules that looks at one byte at a time.

use std::collections::HashSet;

use super::*;
use crate::random::shuffle;

/// A file and what is announced about it.
fn file(shape: Shape, rows: u64, bad: f64, duplicates: f64) -> (Vec<u8>, Expected) {
    let mut bytes = Vec::new();
    let schedule = Schedule::new(rows, bad, duplicates).expect("the shares leave good records");
    let expected = generate(shape, schedule, 7, &mut bytes).expect("memory takes everything");
    (bytes, expected)
}

/// The fields of the record at `start` with their quotes, and where the next one starts; or its syntax fault.
fn record(bytes: &[u8], start: usize) -> (Result<Vec<Vec<u8>>, RejectCode>, usize) {
    let next_line = |from: usize| {
        bytes[from..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(bytes.len(), |n| from + n + 1)
    };
    let fault = |at: usize| match next_line(start) > at {
        true => (Err(RejectCode::InvalidQuote), next_line(start)),
        false => (Err(RejectCode::UnterminatedQuote), next_line(start)),
    };
    let (mut fields, mut field, mut at) = (Vec::new(), Vec::new(), start);
    loop {
        if field.is_empty() && bytes.get(at) == Some(&b'"') {
            loop {
                field.push(bytes[at]);
                at += 1;
                match (bytes.get(at), bytes.get(at + 1)) {
                    (None, _) => return (Err(RejectCode::UnterminatedQuote), next_line(start)),
                    (Some(b'"'), Some(b'"')) => at += 1,
                    (Some(b'"'), None | Some(b',' | b'\r' | b'\n')) => break,
                    (Some(b'"'), _) => return fault(at),
                    _ => {}
                }
            }
            field.push(b'"');
            at += 1;
        }
        match bytes.get(at) {
            Some(b'\r') if bytes.get(at + 1) == Some(&b'\n') => {}
            Some(b',') => fields.push(std::mem::take(&mut field)),
            None | Some(b'\n') => {
                fields.push(field);
                return (Ok(fields), at + 1);
            }
            Some(&byte) => field.push(byte),
        }
        at += 1;
    }
}

fn fits(value: &[u8], kind: &str) -> Result<(), RejectCode> {
    let text = std::str::from_utf8(value).expect("invalid text was rejected before");
    match kind {
        "integer" if text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse::<i64>().map(drop).map_err(|_| RejectCode::OutOfRange)
        }
        "integer" => Err(RejectCode::TypeError),
        "real" => text.parse::<f64>().map(drop).map_err(|_| RejectCode::TypeError),
        "date" | "datetime" => match text[5..7].parse::<u32>() {
            Ok(1..=12) => Ok(()),
            _ => Err(RejectCode::OutOfRange),
        },
        _ => Ok(()),
    }
}

fn check(record: &[Vec<u8>], layout: &shapes::Layout) -> Result<Vec<Vec<u8>>, RejectCode> {
    if record.len() != layout.columns.len() {
        let few = record.len() < layout.columns.len();
        return Err(if few {
            RejectCode::MissingColumns
        } else {
            RejectCode::TooManyColumns
        });
    }
    let unquoted = |field: &Vec<u8>| match field.strip_prefix(b"\"") {
        Some(rest) => rest
            .strip_suffix(b"\"")
            .expect("a quoted field ends with its quote")
            .to_vec(),
        None => field.clone(),
    };
    let values: Vec<Vec<u8>> = record.iter().map(unquoted).collect();
    if values.iter().any(|value| std::str::from_utf8(value).is_err()) {
        return Err(RejectCode::InvalidUtf8);
    }
    if values.iter().any(|value| value.contains(&0)) {
        return Err(RejectCode::NulByte);
    }
    for (value, (_, kind)) in values.iter().zip(&layout.columns) {
        fits(value, kind)?;
    }
    Ok(values)
}

/// What loading `bytes` gives, found out the slow way.
fn load(bytes: &[u8], shape: Shape) -> Expected {
    let layout = shape.layout();
    let lines = bytes.iter().filter(|&&b| b == b'\n').count() as u64;
    let mut expected = Expected {
        lines,
        bytes: bytes.len() as u64,
        ..Expected::default()
    };
    let mut keys = HashSet::new();
    let (header, mut at) = record(bytes, 0);
    assert_eq!(header.map(|fields| fields.len()), Ok(layout.columns.len()));
    while at < bytes.len() {
        let (parsed, next) = record(bytes, at);
        at = next;
        match parsed.and_then(|fields| check(&fields, &layout)) {
            Ok(values) if keys.insert(values[0].clone()) => {
                let number = std::str::from_utf8(&values[layout.sum_column]).expect("valid text was checked");
                expected.sum = expected
                    .sum
                    .wrapping_add(number.parse().expect("an integer column was checked"));
                expected.loaded += 1;
            }
            Ok(_) => {
                expected.duplicates += 1;
                expected.by_code[RejectCode::DuplicateKey.index()] += 1;
            }
            Err(code) => expected.by_code[code.index()] += 1,
        }
    }
    expected
}

#[test]
fn dirty_files_load_as_announced() {
    for &shape in Shape::value_variants() {
        for (rows, bad, duplicates) in [(3_000, 5.0, 3.0), (400, 60.0, 39.0), (257, 100.0, 0.0), (1, 0.0, 0.0)] {
            let (bytes, expected) = file(shape, rows, bad, duplicates);
            assert_eq!(
                load(&bytes, shape),
                expected,
                "{shape:?}, {rows} rows, {bad} % bad, {duplicates} % duplicates"
            );
        }
    }
}

#[test]
fn shares_are_exact() {
    let (_, expected) = file(Shape::People, 100_000, 1.0, 2.0);
    assert_eq!((expected.loaded, expected.duplicates), (97_000, 2_000));
    assert_eq!(expected.by_code.iter().sum::<u64>(), 3_000);
    let code = |code: RejectCode| expected.by_code[code.index()];
    assert_eq!(
        (code(RejectCode::MissingColumns), code(RejectCode::UnterminatedQuote)),
        (100, 100)
    );
    assert_eq!((code(RejectCode::TypeError), code(RejectCode::OutOfRange)), (200, 200));
}

#[test]
fn the_csv_crate_reads_clean_files_of_every_shape() {
    for &shape in Shape::value_variants() {
        let (bytes, expected) = file(shape, 1_000, 0.0, 0.0);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let names: Vec<String> = shape.layout().columns.into_iter().map(|(name, _)| name).collect();
        assert_eq!(reader.headers().expect("a header").iter().collect::<Vec<_>>(), names);
        let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a good record")).collect();
        assert_eq!((records.len(), expected.loaded), (1_000, 1_000), "{shape:?}");
        assert!(records.iter().all(|record| record.len() == names.len()));
    }
}

#[test]
fn quoted_files_have_doubled_quotes_and_line_breaks() {
    for (shape, line_break) in [(Shape::Quoted, "\n"), (Shape::Multiline, "\r\n")] {
        let (bytes, expected) = file(shape, 500, 0.0, 0.0);
        assert!(expected.lines > 600, "{shape:?} has {} lines", expected.lines);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let notes: Vec<String> = reader
            .records()
            .map(|record| record.expect("a good record")[7].to_owned())
            .collect();
        assert!(notes.iter().any(|note| note.contains('"')) && notes.iter().any(|note| note.contains(line_break)));
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_another_seed_gives_others() {
    for &shape in Shape::value_variants() {
        assert!(file(shape, 3_000, 3.0, 2.0) == file(shape, 3_000, 3.0, 2.0));
        let with_seed = |seed| {
            let mut bytes = Vec::new();
            generate(
                shape,
                Schedule {
                    rows: 50,
                    bad: 0,
                    duplicates: 0,
                },
                seed,
                &mut bytes,
            )
            .expect("memory takes it");
            bytes
        };
        assert_ne!(with_seed(1), with_seed(2), "{shape:?}");
    }
}

#[test]
fn shuffling_is_a_permutation() {
    for bits in [3, 8, 11] {
        let shuffled: HashSet<u64> = (0..1 << bits).map(|ordinal| shuffle(ordinal, bits, 5)).collect();
        assert_eq!(shuffled.len(), 1 << bits);
        assert!(shuffled.iter().all(|&number| number < 1 << bits));
    }
}

#[test]
fn shares_that_leave_nothing_to_repeat_are_refused() {
    assert!(Schedule::new(100, 60.0, 41.0).is_err());
    assert!(Schedule::new(100, 50.0, 50.0).is_err());
    assert!(Schedule::new(100, 100.0, 0.0).is_ok());
    assert!(parse_percent("1%") == Ok(1.0) && parse_percent("-1").is_err() && parse_percent("NaN").is_err());
}

#[test]
fn numbers_are_written_as_the_standard_library_writes_them() {
    let mut text = Text::new();
    for number in [0, 7, 10, 99, 100, 12_345, u64::MAX] {
        text.length = 0;
        text.number(number);
        assert_eq!(text.bytes[..text.length], *number.to_string().as_bytes());
    }
}
