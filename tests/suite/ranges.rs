//! Inputs in ranges: the rows and the dead letters of a load, whatever the ranges.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rowmill::range::arrow::arrow_array::cast::AsArray;
use rowmill::range::arrow::arrow_array::types::{Date32Type, Decimal128Type, Float64Type, Int64Type};
use rowmill::range::arrow::arrow_array::{Array, RecordBatch};
use rowmill::range::arrow::arrow_schema::DataType;
use rowmill::range::arrow::{ArrowReader, key_hashes, positions_of, rejects_of};
use rowmill::range::{
    CheckedRange, Position, RangePiece, RangePlanner, RangeReject, RangeReport, RangeSource, ReadPlan, RejectWriter,
    RepeatedKey, ScanPlan,
};
use rowmill::{ColumnType, Contract, EmptyCell, Encoding, Error, ErrorKind, IfExists, Load, OnDuplicate};
use rusqlite::types::Value;

use super::database;
use super::harness::side_by_side;

/// A source of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for index in (1..all.len()).rev() {
            all.swap(index, self.roll(index + 1));
        }
    }
}

/// What a load makes of inputs, or what their ranges make of them.
#[derive(Debug, PartialEq)]
struct Made {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    letters: String,
}

type Asked<'a> = dyn Fn(Load<'static>) -> Load<'static> + Sync + 'a;

/// What a load of `paths` makes.
fn loaded(paths: &[PathBuf], asked: &Asked<'_>) -> Result<Made, Error> {
    let folder = tempfile::tempdir().unwrap();
    let (database, errors) = (folder.path().join("x.db"), folder.path().join("errors.csv"));
    let report = asked(Load::new(paths))
        .into(&database)
        .errors(&errors)
        .table("t")
        .threads(1)
        .run()?;
    let letters = fs::read(&errors).unwrap_or_else(|_| HEADER.to_vec());
    let letters = letters.escape_ascii().to_string();
    let connection = database::open(&database);
    if !connection.table_exists(None, "t").unwrap() {
        assert_eq!(report.loaded, 0, "rows without a table");
        return Ok(Made {
            columns: Vec::new(),
            rows: Vec::new(),
            letters,
        });
    }
    let mut statement = connection.prepare("SELECT * FROM t ORDER BY rowid").unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|index| row.get(index)).collect();
    let rows = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
    Ok(Made {
        columns: columns.clone(),
        rows,
        letters,
    })
}

const HEADER: &[u8] = b"file,line,line_end,record,byte_offset,byte_length,column,code,message,value,first_record,raw\n";

/// How ranges are made of inputs.
#[derive(Clone, Copy)]
struct Cut {
    /// Length of each.
    bytes: u64,
    /// In what pieces they are read.
    pace: Option<(u64, u64)>,
    /// The order in which they are scanned and read.
    seed: u64,
    /// Each is entered at its first line, as if no record reached into it.
    is_naive: bool,
}

fn cut(bytes: u64, seed: u64) -> Cut {
    let mut dice = Dice(seed);
    let pace = [None, Some((1, 0)), Some((5, 1)), Some((64, 16)), Some((3, 40))];
    Cut {
        bytes,
        pace: pace[dice.roll(pace.len())],
        seed,
        is_naive: false,
    }
}

/// What the ranges of `paths` make; and how many bytes were parsed in the first pass.
fn ranged(paths: &[PathBuf], asked: &Asked<'_>, cut: Cut) -> Result<(Made, u64), Error> {
    let source = |path: &PathBuf| Arc::new(fs::File::open(path).unwrap()) as Arc<dyn RangeSource>;
    let sources: Vec<_> = paths.iter().map(source).collect();
    let mut planner = RangePlanner::new(&asked(Load::new(paths)), &sources)?;
    if let Some((step_bytes, ahead_bytes)) = cut.pace {
        planner.set_pace(step_bytes, ahead_bytes);
    }
    let mut dice = Dice(cut.seed);
    let plan = ScanPlan::from_json(&planner.scan_plan().to_json())?;
    let mut ranges = plan.ranges(cut.bytes);
    dice.shuffle(&mut ranges);
    let mut reports = Vec::new();
    for range in ranges {
        let report = plan.scan(&*sources[range.file_index as usize], range)?;
        reports.push(RangeReport::from_json(&report.to_json())?);
    }
    if cut.is_naive {
        reports = naive(&reports);
    }
    let parsed_bytes = reports.iter().map(RangeReport::parsed_bytes).sum();
    let composed = planner.compose(&reports)?;
    let plan = Arc::new(ReadPlan::from_json(&composed.plan.to_json())?);
    let mut pieces = composed.pieces;
    dice.shuffle(&mut pieces);
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    let mut hashes: HashMap<Vec<u8>, u64> = HashMap::new();
    for piece in pieces {
        let piece = RangePiece::from_json(&piece.to_json())?;
        let source = &sources[piece.range().file_index as usize];
        let mut records = 0;
        for block in ArrowReader::new(&plan, source, &piece)? {
            let block = block?;
            let keys = block.places["key"].as_binary::<i32>();
            let positions = positions_of(&block.places)?;
            let key_hashes = key_hashes(&block.places)?;
            for (row, position) in positions.into_iter().enumerate() {
                let key = keys.is_valid(row).then(|| keys.value(row).to_vec());
                let hash = key_hashes[row];
                assert_eq!(hash == 0, key.is_none(), "only what is no key has the hash 0");
                if let Some(key) = &key {
                    assert_eq!(*hashes.entry(key.clone()).or_insert(hash), hash, "a key has one hash");
                }
                rows.push((position, key, values(&block.rows, row)));
            }
            rejects.extend(rejects_of(&block.rejects)?);
            records += (block.rows.num_rows() + block.rejects.num_rows()) as u64;
        }
        assert_eq!(records, piece.records(), "the records of {piece:?}");
        let checked = CheckedRange::read(&plan, source, &piece)?;
        assert_eq!((checked.rows.len() + checked.rejects.len()) as u64, records);
    }
    rows.sort_by_key(|(position, ..)| (position.file_index, position.record));
    let totals: u64 = composed.totals.iter().map(|totals| totals.records).sum();
    assert_eq!(
        (rows.len() + rejects.len()) as u64,
        totals,
        "each record is a row or a reject"
    );
    let kept = keep_first(&plan, &sources, rows, &mut rejects)?;
    rejects.sort_by_key(|reject| (reject.position.file_index, reject.position.record));
    let mut letters = RejectWriter::new(&plan, Vec::new())?;
    for reject in &rejects {
        letters.push(reject)?;
    }
    let made = Made {
        columns: plan.columns().into_iter().map(|column| column.name).collect(),
        rows: by_row_id(&plan, kept),
        letters: letters.finish()?.escape_ascii().to_string(),
    };
    Ok((made, parsed_bytes))
}

/// The reports of ranges each of which is entered at its first line.
fn naive(reports: &[RangeReport]) -> Vec<RangeReport> {
    let mut values: Vec<serde_json::Value> = reports
        .iter()
        .map(|report| serde_json::from_str(&report.to_json()).unwrap())
        .collect();
    let place = |value: &serde_json::Value| {
        let range = &value["range"];
        (
            range["file_index"].as_u64(),
            range["start"].as_u64(),
            range["end"].as_u64(),
        )
    };
    values.sort_by_key(place);
    let firsts: Vec<_> = values
        .iter()
        .map(|value| value["ways"][0]["stretches"][0]["at"].clone())
        .collect();
    for index in 0..values.len() {
        if values[index]["ways"][0].is_null() {
            continue;
        }
        let file = values[index]["range"]["file_index"].clone();
        let is_of_file = |&later: &usize| values[later]["range"]["file_index"] == file;
        let mut later = (index + 1..values.len()).filter(is_of_file);
        let next = later
            .find(|&later| !firsts[later].is_null())
            .map(|later| firsts[later].clone());
        let end = values
            .iter()
            .filter(|value| value["range"]["file_index"] == file)
            .map(|value| &value["range"]["end"]);
        let end = end.max_by_key(|end| end.as_u64()).unwrap().clone();
        values[index]["ways"][0]["next"] = serde_json::json!({ "At": next.unwrap_or(end) });
    }
    values
        .iter()
        .map(|value| RangeReport::from_json(&value.to_string()).unwrap())
        .collect()
}

type PlacedRow = (Position, Option<Vec<u8>>, Vec<Value>);

/// The rows that have no key, or come first with theirs; the others become rejects.
fn keep_first(
    plan: &ReadPlan,
    sources: &[Arc<dyn RangeSource>],
    rows: Vec<PlacedRow>,
    rejects: &mut Vec<RangeReject>,
) -> Result<Vec<Vec<Value>>, Error> {
    let mut firsts: HashMap<Vec<u8>, Position> = HashMap::new();
    let mut repeated: Vec<Vec<RepeatedKey>> = vec![Vec::new(); sources.len()];
    let mut kept = Vec::new();
    for (position, key, values) in rows {
        let first = key.map(|key| *firsts.entry(key).or_insert(position));
        match first.filter(|first| *first != position) {
            None => kept.push(values),
            Some(first) => repeated[position.file_index as usize].push(RepeatedKey {
                position,
                first_file_index: first.file_index,
                first_record: first.record,
            }),
        }
    }
    for (source, repeated) in sources.iter().zip(&repeated) {
        rejects.extend(plan.duplicates(&**source, repeated)?);
    }
    Ok(kept)
}

/// Rows in the order of the row ids that a load gives them.
fn by_row_id(plan: &ReadPlan, mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    if let Some(name) = plan.row_id_column() {
        let index = plan.columns().iter().position(|column| column.name == name).unwrap();
        rows.sort_by_key(|row| match row[index] {
            Value::Integer(id) => id,
            ref other => panic!("a row id is {other:?}"),
        });
    }
    rows
}

/// A row as SQLite stores it.
fn values(rows: &RecordBatch, row: usize) -> Vec<Value> {
    let value = |column: &Arc<dyn Array>| {
        if column.is_null(row) {
            return Value::Null;
        }
        match column.data_type() {
            DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Value::Real(column.as_primitive::<Float64Type>().value(row)),
            DataType::Boolean => Value::Integer(i64::from(column.as_boolean().value(row))),
            DataType::Decimal128(..) => Value::Integer(column.as_primitive::<Decimal128Type>().value(row) as i64),
            DataType::Date32 => Value::Text(day(column.as_primitive::<Date32Type>().value(row))),
            DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row).to_owned()),
            other => panic!("no column is {other}"),
        }
    };
    rows.columns().iter().map(value).collect()
}

/// The day that is so many days after the first of 1970.
fn day(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

/// Checks that ranges make of `paths` what a load makes, or are refused where it is.
fn same(paths: &[PathBuf], asked: &Asked<'_>, cuts: impl IntoIterator<Item = Cut>) -> u64 {
    let whole = loaded(paths, asked);
    let mut parsed = 0;
    for cut in cuts {
        let context = format!(
            "{paths:?} in ranges of {} bytes, pace {:?}, seed {}",
            cut.bytes, cut.pace, cut.seed
        );
        match (&whole, ranged(paths, asked, cut)) {
            (Ok(whole), Ok((mut made, parsed_bytes))) => {
                if whole.columns.is_empty() {
                    made.columns.clear();
                }
                assert_eq!(made, *whole, "{context}");
                parsed += parsed_bytes;
            }
            (Err(whole), Err(error)) => assert_eq!(error.to_string(), whole.to_string(), "{context}"),
            (whole, made) => panic!("{context}: a load gives {whole:?}, ranges give {made:?}"),
        }
    }
    parsed
}

/// Whether ranges are refused what a load takes: what is packed or wide, has escapes, or is JSON Lines.
fn is_refused(paths: &[PathBuf], asked: &Asked<'_>) -> bool {
    let refused = ranged(paths, asked, cut(64, 1)).err();
    let is_refusal = |error: &Error| {
        let said = error.to_string();
        ["in ranges", "UTF-16", "packed"].iter().any(|word| said.contains(word))
    };
    refused.as_ref().is_some_and(is_refusal)
}

/// A line of `datasets/expected.csv`.
type Line = HashMap<String, String>;

fn dataset_lines() -> Vec<Line> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut expected = csv::Reader::from_path(folder.join("expected.csv")).unwrap();
    expected.deserialize().map(Result::unwrap).collect()
}

/// The flags of a line as methods.
fn with_flags(line: &Line, load: Load<'static>) -> Load<'static> {
    let mut flags = line["flags"].split_whitespace();
    let mut load = load.detect_dialect(!line["flags"].contains("--no-detect"));
    while let Some(flag) = flags.next() {
        load = match flag {
            "--key" => load.key(flags.next().unwrap().split(',')),
            "--types" => {
                let (name, column_type) = flags.next().unwrap().split_once('=').unwrap();
                let column_type = match column_type {
                    "integer" => ColumnType::Integer,
                    "date" => ColumnType::Date,
                    other => panic!("the type {other} is new here"),
                };
                load.column_type(name, column_type)
            }
            "--empty-as-null" => load.empty_as_null(true),
            "--no-header" => load.no_header(true),
            "--no-detect" => load,
            "--max-record-bytes" => {
                assert_eq!(flags.next(), Some("16KiB"));
                load.max_record_bytes(16 << 10)
            }
            "--format" => {
                assert_eq!(flags.next(), Some("jsonl"));
                load.format(rowmill::InputFormat::JsonLines)
            }
            other => panic!("the flag {other} is new here"),
        };
    }
    load
}

#[test]
fn every_dataset_gives_in_ranges_what_a_load_of_it_gives() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let refused = std::sync::atomic::AtomicUsize::new(0);
    side_by_side(&dataset_lines(), |index, line| {
        let path = folder.join(&line["file"]);
        let size = fs::metadata(&path).unwrap().len();
        let splits: &[u64] = match size < 30_000 {
            true => &[1, 2, 3, 7, 13, 64],
            false => &[4096, 50_000],
        };
        let line = line.clone();
        let asked = move |load: Load<'static>| with_flags(&line, load);
        let paths = [path];
        if loaded(&paths, &asked).is_ok() && is_refused(&paths, &asked) {
            refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        let of_large = |split: u64| Cut {
            pace: None,
            ..cut(split, split + index as u64)
        };
        match size < 30_000 {
            true => same(
                &paths,
                &asked,
                splits.iter().map(|&split| cut(split, split + 100 * index as u64)),
            ),
            false => same(&paths, &asked, splits.iter().map(|&split| of_large(split))),
        };
    });
    // JSON Lines and UTF-16.
    assert_eq!(refused.into_inner(), REFUSED_DATASETS);
}

/// Datasets that are JSON Lines or UTF-16.
const REFUSED_DATASETS: usize = 4;

#[test]
fn ranges_that_are_all_entered_as_if_no_record_reached_into_them_give_something_else() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let (mut runs, mut different) = (0, 0);
    for line in dataset_lines() {
        let path = folder.join(&line["file"]);
        let asked = |load: Load<'static>| with_flags(&line, load);
        let paths = [path];
        let Ok(whole) = loaded(&paths, &asked) else { continue };
        if fs::metadata(&paths[0]).unwrap().len() >= 30_000 || is_refused(&paths, &asked) {
            continue;
        }
        for split in [1, 3, 13] {
            let naive = Cut {
                is_naive: true,
                ..cut(split, 7)
            };
            runs += 1;
            let made = ranged(&paths, &asked, naive).map(|(made, _)| made);
            different += usize::from(!made.is_ok_and(|made| made == whole));
        }
    }
    assert!(
        different * 20 > runs,
        "only {different} of {runs} runs differ: the comparison sees nothing"
    );
    assert!(
        different < runs,
        "all {runs} runs differ, even where no record has a line end in it"
    );
}

/// Random files of pieces that are likely to go wrong together.
fn random_file(dice: &mut Dice) -> (usize, Vec<u8>) {
    const TOKENS: [&[u8]; 22] = [
        b"a",
        b"b",
        b"1",
        b"2",
        b"-3",
        b"1.5",
        b"",
        b"\"a\"",
        b"\"a\nb\"",
        b"\"\"",
        b"\"a\"\"b\"",
        b"\"",
        b"\"x",
        b"a\"b",
        b"\xc3\xa9",
        b"\xff",
        b"\0",
        b"\"1\"b",
        b"2024-02-29",
        b"2023-02-29",
        b"\r",
        b"left\"",
    ];
    const ENDS: [&[u8]; 11] = [
        b"\n", b"\n", b"\n", b"\n", b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r\r\n", b"",
    ];
    let columns = 1 + dice.roll(3);
    let mut bytes = b"a,b,c"[..2 * columns - 1].to_vec();
    bytes.push(b'\n');
    let tokens = if dice.roll(2) == 0 { TOKENS.len() } else { 11 };
    for _ in 0..dice.roll(40) {
        let fields = if dice.roll(20) < 17 { columns } else { dice.roll(5) };
        for field in 0..fields {
            if field > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(TOKENS[dice.roll(tokens)]);
        }
        bytes.extend_from_slice(ENDS[dice.roll(ENDS.len())]);
    }
    if dice.roll(10) == 0 {
        bytes.extend(std::iter::repeat_n(b'9', 1 + dice.roll(60)));
    }
    (columns, bytes)
}

/// Options for a file of so many columns.
fn random_options(dice: &mut Dice, columns: usize) -> Box<Asked<'static>> {
    let names = ["a", "b", "c"];
    let mut key: Vec<&str> = names[..columns].to_vec();
    dice.shuffle(&mut key);
    key.truncate(if dice.roll(10) < 7 { 1 + dice.roll(columns) } else { 0 });
    let types = [
        ColumnType::Integer,
        ColumnType::Real,
        ColumnType::Text,
        ColumnType::Date,
        ColumnType::Boolean,
        ColumnType::Decimal(1),
    ];
    let is_declared = dice.roll(10) < 4;
    let mut declared = Vec::new();
    for name in &names[..columns] {
        if is_declared && dice.roll(10) < 7 {
            declared.push((*name, types[dice.roll(types.len())]));
        }
    }
    let most = [None, Some(1), Some(3), Some(8), Some(20), Some(60)][dice.roll(6)];
    let (empty, text, comment, header) = (
        dice.roll(5) == 0,
        dice.roll(10) == 0,
        dice.roll(10) == 0,
        dice.roll(10) == 0,
    );
    let (fill, extra, number) = (dice.roll(8) == 0, dice.roll(8) == 0, dice.roll(8) == 0);
    Box::new(move |load: Load<'static>| {
        let mut load = load
            .key(key.clone())
            .empty_as_null(empty)
            .text(text)
            .fill_missing(fill)
            .ignore_extra(extra);
        for (name, column_type) in &declared {
            load = load.column_type(*name, *column_type);
        }
        if let Some(most) = most {
            load = load.max_record_bytes(most);
        }
        if comment {
            load = load.comment(Some(b'b'));
        }
        if number {
            load = load.row_number("n");
        }
        load.drop_repeated_headers(header)
    })
}

#[test]
fn random_files_give_in_ranges_what_a_load_of_them_gives() {
    let cases: u64 = std::env::var("ROWMILL_RANGE_FILES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(150);
    let seeds: Vec<u64> = (1..=cases).collect();
    side_by_side(&seeds, |_, &seed| {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (columns, bytes) = random_file(&mut dice);
        let mut paths = vec![folder.path().join("x.csv")];
        fs::write(&paths[0], &bytes).unwrap();
        if dice.roll(5) == 0 {
            paths.push(folder.path().join("y.csv"));
            fs::write(&paths[1], &bytes).unwrap();
        }
        let asked = random_options(&mut dice, columns);
        let splits = [1 + dice.roll(5), 7 + dice.roll(100)];
        same(&paths, &*asked, splits.map(|split| cut(split as u64, seed)));
    });
}

/// A file with these bytes.
fn file(folder: &Path, bytes: impl AsRef<[u8]>) -> Vec<PathBuf> {
    let path = folder.join("in.csv");
    fs::write(&path, bytes).unwrap();
    vec![path]
}

fn in_all_ranges(bytes: impl AsRef<[u8]>, asked: &Asked<'_>) {
    let folder = tempfile::tempdir().unwrap();
    same(
        &file(folder.path(), bytes),
        asked,
        (1..40).map(|split| cut(split, split)),
    );
}

#[test]
fn options_hold_in_ranges_as_in_a_load() {
    const TEXT: &str = "id;when;price;note\n1;31.12.2024;1.234,50;\"a\nb\"\n2;01.01.2025;-;x\n\n3;1.2.2025;7,5;y\n4;29.02.2023;0,10;\"z\n";
    in_all_ranges(TEXT, &|load| {
        load.delimiter(b';')
            .decimal_comma(true)
            .thousands('.')
            .column_type("when", ColumnType::Date)
            .date_format("%d.%m.%Y")
            .column_type("price", ColumnType::Decimal(2))
            .null_word("-")
            .empty(EmptyCell::Text)
            .rename("note", "remark")
            .constant("source", "shop")
            .filename_column("file")
            .row_number("number")
            .key(["id"])
    });
    in_all_ranges(
        "a|b\r\n1|\"x\r\ny\"\r\n# no \"record\r\n2| z \r\na|b\r\n3\r\n",
        &|load| {
            load.delimiter(b'|')
                .comment(Some(b'#'))
                .trim(true)
                .drop_repeated_headers(true)
                .columns(["b"])
        },
    );
    in_all_ranges("report\nof \"today\na,b\n1,2\n3,4\"5\n6,\"7\n8\"\nsum,13\n", &|load| {
        load.skip_lines(2).skip_footer(1)
    });
    in_all_ranges(b"id,name\n1,Andr\xe9\n2,\"Zo\xeb\nB\"\n3,\x81\n", &|load| {
        load.encoding(Encoding::new("windows-1252").unwrap())
    });
    in_all_ranges("a,b\n1,=x\n2\n-3,@y,z\n", &|load| load.safe_errors(true));
    in_all_ranges("a,b,\n1,2,\n\"3\n\",4,\n5,6\n", &|load| load);
}

#[test]
fn old_mac_files_give_in_ranges_what_a_load_of_them_gives() {
    in_all_ranges("a,b\r1,\"x\ry\"\r2,z\r\r3\r4,\"q\nr\"\r\n", &|load| load.key(["a"]));
    in_all_ranges("a,b\r1,2\r\"3\r4", &|load| load);
}

#[test]
fn a_contract_travels_with_the_plan() {
    let contract = Contract::from_json(
        r#"{"fields": [{"name": "id", "type": "integer", "constraints": {"required": true, "maximum": 5}},
                       {"name": "kind", "type": "string", "constraints": {"enum": ["x", "y"]}},
                       {"name": "day", "type": "date", "format": "%d/%m/%Y"}],
            "missingValues": ["", "n/a"], "primaryKey": "id"}"#,
    )
    .unwrap();
    let asked = move |load: Load<'static>| load.contract(&contract);
    in_all_ranges(
        "id,kind,day\n1,x,01/02/2024\n2,z,n/a\n9,y,\n,x,\n1,y,\"31/12/2023\"\n3,\"x\n\",1/1/2024\n",
        &asked,
    );
}

/// Bytes that are exchanged, once they have been read as often as is said.
struct Changing {
    first: Vec<u8>,
    later: Vec<u8>,
    reads: std::sync::atomic::AtomicI64,
}

impl RangeSource for Changing {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.first.len() as u64)
    }

    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.reads.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        let bytes = if left > 0 { &self.first } else { &self.later };
        // No more than three bytes at a time, as a store may give them.
        let most = buffer.len().min(3);
        bytes.read_at(offset_bytes, &mut buffer[..most])
    }
}

#[test]
fn a_source_that_changes_between_the_passes_is_noticed() {
    let text = "id,name\n1,\"a\nb\"\n2,c\n3,d\n";
    for at in 0..text.len() {
        let mut later = text.as_bytes().to_vec();
        later[at] = if later[at] == b'z' { b'y' } else { b'z' };
        let source = Arc::new(Changing {
            first: text.into(),
            later,
            reads: i64::MAX.into(),
        });
        let dynamic: Arc<dyn RangeSource> = source.clone();
        let planner = RangePlanner::new(&Load::new(["x.csv"]), &[Arc::clone(&dynamic)]).unwrap();
        let plan = planner.scan_plan();
        let reports: Vec<_> = plan
            .ranges(5)
            .into_iter()
            .map(|range| plan.scan(&*dynamic, range).unwrap())
            .collect();
        let composed = planner.compose(&reports).unwrap();
        let plan = Arc::new(composed.plan);
        let read_all = || {
            composed
                .pieces
                .iter()
                .try_for_each(|piece| CheckedRange::read(&plan, &dynamic, piece).map(drop))
        };
        read_all().unwrap();
        source.reads.store(0, std::sync::atomic::Ordering::Relaxed);
        let error = read_all().expect_err("a byte is another one");
        assert!(
            matches!(error.kind(), ErrorKind::InputChanged { .. }),
            "byte {at}: {error}"
        );
    }
}

#[test]
fn reports_that_do_not_fit_together_are_refused() {
    let source: Arc<dyn RangeSource> = Arc::new(b"a,b\n1,\"x\ny\"\n2,z\n".to_vec());
    let planner = |load: Load<'static>| RangePlanner::new(&load, &[Arc::clone(&source)]).unwrap();
    let planned = planner(Load::new(["x.csv"]));
    let plan = planned.scan_plan();
    let reports: Vec<_> = plan
        .ranges(3)
        .into_iter()
        .map(|range| plan.scan(&*source, range).unwrap())
        .collect();
    let refused = |reports: &[RangeReport]| planned.compose(reports).expect_err("not all ranges").to_string();
    assert!(refused(&reports[1..]).contains("do not touch"));
    assert!(refused(&reports[..3]).contains("scan all of it"));
    assert!(refused(&[&reports[..], &reports[..1]].concat()).contains("do not touch"));
    assert!(refused(&[]).contains("scan all of it"));
    let other = planner(Load::new(["x.csv"]).text(true));
    let error = other.compose(&reports).expect_err("reports of another plan");
    assert!(error.to_string().contains("another plan"), "{error}");
    let composed = planned.compose(&reports).unwrap();
    let other = other.scan_plan();
    let others: Vec<_> = other
        .ranges(3)
        .into_iter()
        .map(|range| other.scan(&*source, range).unwrap())
        .collect();
    let other = planner(Load::new(["x.csv"]).text(true)).compose(&others).unwrap();
    let error =
        ArrowReader::new(&Arc::new(other.plan), &source, &composed.pieces[0]).expect_err("a piece of another plan");
    assert!(error.to_string().contains("another plan"), "{error}");
}

#[test]
fn what_only_a_load_can_do_is_refused() {
    let source: Arc<dyn RangeSource> = Arc::new(b"a,b\n1,x\n".to_vec());
    let refused = |load: Load<'static>| {
        let error = RangePlanner::new(&load, &[Arc::clone(&source)]).expect_err("a refusal");
        assert!(matches!(error.kind(), ErrorKind::Usage { .. }), "{error}");
        error.to_string()
    };
    let load = || Load::new(["x.csv"]);
    for (load, word) in [
        (load().append_only(true), "`append_only`"),
        (load().once(true), "`once`"),
        (load().unique(["a"]), "`unique`"),
        (load().if_exists(IfExists::Truncate), "`if_exists`"),
        (load().key(["a"]).on_duplicate(OnDuplicate::Replace), "`on_duplicate`"),
        (load().max_errors(rowmill::ErrorLimit::Count(1)), "`max_errors`"),
        (load().index(["a"]), "`index`"),
        (load().before("SELECT 1"), "`before`"),
        (load().key(["c"]), "`key`"),
        (load().max_record_bytes(300 << 20), "`max_record_bytes`"),
        (load().input("y.csv"), "2 inputs"),
        (load().reader("z", io::empty()), "a reader"),
    ] {
        let said = refused(load);
        assert!(said.contains(word), "{word}: {said}");
    }
    let of = |bytes: &[u8], load: Load<'static>| {
        let source: Arc<dyn RangeSource> = Arc::new(bytes.to_vec());
        RangePlanner::new(&load, &[source]).expect_err("a refusal").to_string()
    };
    assert!(of(b"\x1f\x8b\x08\0\0\0\0\0", load()).contains("packed (gzip)"));
    assert!(of(b"\xff\xfea\0\n\0", load()).contains("UTF-16"));
    assert!(of(b"a,b\n1,x\\,y\n", load().escape(Some(rowmill::Escape::Literal(b'\\')))).contains("escapes"));
    assert!(of(b"{\"a\": 1}\n", load().format(rowmill::InputFormat::JsonLines)).contains("JSON Lines"));
    assert!(of(b"", load()).contains("it is empty"));
}

#[test]
fn no_range_is_parsed_more_than_twice_and_few_are_more_than_once() {
    let folder = tempfile::tempdir().unwrap();
    let asked = |load: Load<'static>| load.max_record_bytes(1000);
    // Whoever begins within a field takes every quote for the other one.
    let phases = format!("a,b,c\n{}", "1,\"\n\",2\n".repeat(20_000));
    let plain: String = (0..40_000)
        .map(|number| format!("{number},x,\"y {number}\"\n"))
        .collect();
    let quote = |number: u32| if number.is_multiple_of(500) { "\"" } else { "" };
    let stray: String = (0..40_000)
        .map(|number| format!("{number},{}x,y\n", quote(number)))
        .collect();
    for (name, text, most_percent) in [
        ("phases", phases, 200),
        ("plain", format!("a,b,c\n{plain}"), 101),
        ("stray quotes", format!("a,b,c\n{stray}"), 110),
    ] {
        let paths = file(folder.path(), &text);
        let cut = Cut {
            bytes: 20_000,
            pace: Some((4096, 64)),
            seed: 1,
            is_naive: false,
        };
        let (_, parsed_bytes) = ranged(&paths, &asked, cut).unwrap();
        let percent = parsed_bytes * 100 / text.len() as u64;
        assert!(percent <= most_percent, "{name}: {percent} % of the bytes were parsed");
        assert!(percent >= 99, "{name}: only {percent} % were parsed");
    }
}
