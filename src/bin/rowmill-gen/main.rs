//! Generates CSV files of any size from a seed, clean or dirty, and says exactly what loading them must give.
//!
//! Comes in: a shape, a number of records, shares of malformed and duplicate ones. Goes out: the file, and the counts
//! that a load must report, as JSON. Never: a different byte for the same arguments. The hard part: the counts are
//! exact, not sampled, so faults are placed by an even schedule, and each costs exactly the one line it is on, whatever
//! follows it.

mod faults;
mod random;
mod shapes;
#[cfg(test)]
mod tests;
mod text;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rowmill::RejectCode;
use serde_json::{Value, json};

use faults::{Class, Damage, Schedule};
use random::Rng;
use shapes::Shape;
use text::{BUFFER_BYTES, Text};

/// Generate a CSV file of any size, and the exact counts that loading it must give
#[derive(Debug, Parser)]
#[command(name = "rowmill-gen", version)]
struct Args {
    /// What the records look like
    #[arg(value_enum)]
    shape: Shape,
    /// Number of records, including malformed and duplicate ones but not the header
    #[arg(long, value_name = "N")]
    rows: u64,
    /// Seed: another one gives other values, but the same numbers of good, malformed and duplicate records
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Share of malformed records in percent, spread evenly over all kinds and over the file
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = parse_percent)]
    bad: f64,
    /// Share of records in percent that repeat the key of an earlier good record
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = parse_percent)]
    duplicates: f64,
    /// Where the records go [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the expected counts go, as JSON [default: standard error]
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage between 0 and 100 is needed".into()),
    }
}

/// What loading a generated file must give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Expected {
    loaded: u64,
    duplicates: u64,
    /// Indexed like [`RejectCode::ALL`].
    by_code: [u64; RejectCode::ALL.len()],
    /// Physical lines, the header included.
    lines: u64,
    bytes: u64,
    /// Sum of the sum column over the loaded rows, modulo 2^64.
    sum: u64,
}

/// Writes the file to `sink`.
fn generate(shape: Shape, schedule: Schedule, seed: u64, sink: &mut dyn Write) -> io::Result<Expected> {
    let layout = shape.layout();
    let damages = Damage::all(&layout);
    let mut rng = Rng::new(seed, 0);
    let mut text = Text::new();
    let mut expected = Expected::default();
    let quote: &[u8] = if layout.quoted { b"\"" } else { b"" };
    for (index, (name, _)) in layout.columns.iter().enumerate() {
        text.put(if index > 0 { b"," } else { b"" });
        text.put(&[quote, name.as_bytes(), quote].concat());
    }
    text.put(layout.line_end);
    for ordinal in 0..schedule.rows {
        let start = text.length;
        match schedule.class(ordinal) {
            Class::Good => {
                let sum = shape.write_row(&mut text, shape.key(ordinal, seed), &mut rng, false);
                expected.sum = expected.sum.wrapping_add(sum);
                expected.loaded += 1;
            }
            Class::Duplicate => {
                let first = schedule.earlier_good(ordinal, Rng::new(seed, !ordinal).draw());
                shape.write_row(&mut text, shape.key(first, seed), &mut rng, false);
                expected.duplicates += 1;
                expected.by_code[RejectCode::DuplicateKey.index()] += 1;
            }
            Class::Bad(index) => {
                shape.write_row(&mut text, shape.key(ordinal, seed), &mut rng, true);
                let damage = damages[(index % damages.len() as u64) as usize];
                let record = damage.apply(&text.bytes[start..text.length], &layout);
                text.length = start;
                text.put(&record);
                expected.by_code[damage.code().index()] += 1;
            }
        }
        text.put(layout.line_end);
        if text.length >= BUFFER_BYTES {
            flush(&mut text, &mut expected, sink)?;
        }
    }
    flush(&mut text, &mut expected, sink)?;
    sink.flush()?;
    Ok(expected)
}

fn flush(text: &mut Text, expected: &mut Expected, sink: &mut dyn Write) -> io::Result<()> {
    let bytes = &text.bytes[..text.length];
    expected.bytes += bytes.len() as u64;
    expected.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
    text.length = 0;
    sink.write_all(bytes)
}

/// The expectations and the flags under which they hold, for programs to read.
fn describe(args: &Args, expected: &Expected) -> Value {
    let layout = args.shape.layout();
    let codes = RejectCode::ALL
        .iter()
        .zip(expected.by_code)
        .filter(|&(_, count)| count > 0);
    let by_code: serde_json::Map<_, _> = codes
        .map(|(code, count)| (code.as_str().to_owned(), json!(count)))
        .collect();
    let types: Vec<String> = layout
        .columns
        .iter()
        .map(|(name, kind)| format!("{name}={kind}"))
        .collect();
    let key = &layout.columns[0].0;
    json!({
        "shape": args.shape.to_possible_value().map(|value| value.get_name().to_owned()),
        "seed": args.seed,
        "flags": ["--key", key, "--types", types.join(",")],
        "records": args.rows,
        "loaded": expected.loaded,
        "rejected": args.rows - expected.loaded - expected.duplicates,
        "duplicates": expected.duplicates,
        "by_code": by_code,
        "columns": layout.columns.len(),
        "lines": expected.lines,
        "bytes": expected.bytes,
        "sum_column": layout.columns[layout.sum_column].0,
        "sum": expected.sum,
    })
}

/// Exit code and message.
type Failure = (u8, String);

fn run(args: &Args) -> Result<(), Failure> {
    let create = |path: &PathBuf| {
        File::create(path).map_err(|error| {
            (
                73,
                format!("cannot create {}: {error}; choose another place", path.display()),
            )
        })
    };
    let schedule = Schedule::new(args.rows, args.bad, args.duplicates).map_err(|message| (64, message))?;
    let mut expect_file = args.expect.as_ref().map(create).transpose()?;
    let mut sink: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout().lock()),
    };
    let expected = generate(args.shape, schedule, args.seed, &mut sink)
        .map_err(|error| (74, format!("cannot write the records: {error}")))?;
    let text = format!("{:#}\n", describe(args, &expected));
    match &mut expect_file {
        Some(file) => file.write_all(text.as_bytes()),
        None => io::stderr().write_all(text.as_bytes()),
    }
    .map_err(|error| (74, format!("cannot write the expected counts: {error}")))
}

fn main() -> ExitCode {
    let args = Args::try_parse().unwrap_or_else(|error| {
        let code = if error.use_stderr() { 64 } else { 0 };
        // Nothing can be done if even this cannot be printed.
        let _ = error.print();
        std::process::exit(code)
    });
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            eprintln!("error: {message}");
            ExitCode::from(code)
        }
    }
}
