//! Random inputs against two oracles: the slow loader of `oracle.rs` for any bytes at all, the csv crate for valid CSV.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rowmill::internal::options::{ContractOptions, DialectOptions, LimitOptions, ResourceOptions, TargetOptions};
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::{LoadOptions, load};
use rowmill::{LoadReport, WritePath};

use super::database::{self, text_literal};
use super::harness::{Reject, read_rejects};
use super::oracle::{Kind, Rules, predict};

/// Loads `bytes` within this process.
fn load_bytes(folder: &Path, bytes: &[u8], options: LoadOptions) -> Result<(LoadReport, Vec<Reject>), rowmill::Error> {
    let input = folder.join("in.csv");
    fs::write(&input, bytes).unwrap();
    let database = folder.join("out.db");
    let _ = fs::remove_file(&database);
    let errors = folder.join("errors.csv");
    let options = LoadOptions {
        target: TargetOptions {
            errors: errors.clone(),
            table: Some("t".to_owned()),
            ..options.target
        },
        ..options
    };
    let report = load(&[input], &database, &options, &())?;
    let rejects = read_rejects(&fs::read(errors).unwrap()).expect("errors.csv is valid CSV");
    Ok((report, rejects))
}

/// How a random load is cut and written.
#[derive(Debug, Clone)]
pub struct Cut {
    pub threads: usize,
    pub window_bytes: u64,
    pub chunk_bytes: u64,
    pub batch_rows: u64,
    pub write_path: WritePath,
}

pub fn cuts() -> impl Strategy<Value = Cut> {
    let sizes = || prop_oneof![Just(1u64), Just(2), Just(7), Just(64), Just(1 << 20)];
    let paths = prop_oneof![Just(WritePath::Auto), Just(WritePath::Sql)];
    (1usize..4, sizes(), sizes(), 1u64..20, paths).prop_map(
        |(threads, window_bytes, chunk_bytes, batch_rows, write_path)| Cut {
            threads,
            window_bytes,
            chunk_bytes,
            batch_rows,
            write_path,
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    let quotes = prop_oneof![4 => Just(Some(b'"')), 1 => Just(None)];
    let limits = prop_oneof![4 => Just(8 << 20), 1 => 1usize..12];
    let keys = prop_oneof![Just(vec![]), Just(vec![0]), Just(vec![1, 0])];
    (
        quotes,
        limits,
        keys,
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.8),
    )
        .prop_map(
            |(quote, max_record_bytes, key, all_text, empty_is_null, header)| Rules {
                quote,
                max_record_bytes,
                key,
                all_text,
                empty_is_null,
                header,
                ..Rules::default()
            },
        )
}

/// Bytes that are likely to make trouble.
pub fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => Just(b",".to_vec()),
        5 => Just(b"\n".to_vec()),
        4 => Just(b"\"".to_vec()),
        1 => Just(b"\"\"".to_vec()),
        1 => Just(b"\r".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\n\n".to_vec()),
        1 => Just(b"\0".to_vec()),
        1 => Just(b"\xff".to_vec()),
        1 => Just("é".as_bytes().to_vec()),
        6 => "[ab]{1,3}".prop_map(String::into_bytes),
        6 => "-?[0-9]{1,2}".prop_map(String::into_bytes),
        2 => "-?[0-9]{1,2}[.][0-9]{0,2}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Mostly well-formed lines of two columns, so that something is loaded and types are found.
pub fn lines() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![
        4 => "[0-9]{1,2}",
        1 => "-?[0-9]{1,3}[.][0-9]{1,3}",
        1 => "[a-c]{0,2}",
        1 => "\"[a,\n]{0,3}\"",
        1 => Just("\"x\"\"y\"".to_owned()),
    ];
    let line = prop_oneof![
        12 => (field.clone(), field.clone()).prop_map(|(a, b)| format!("{a},{b}")),
        1 => field.clone(),
        1 => Just(String::new()),
        1 => Just("a,\"b".to_owned()),
    ];
    let ends = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    (prop::collection::vec(line, 0..25), ends).prop_map(|(lines, end)| lines.join(end).into_bytes())
}

fn key_names(rules: &Rules, header: &str) -> Vec<String> {
    let names: Vec<&str> = if rules.header {
        header.split(',').collect()
    } else {
        vec!["column_1", "column_2"]
    };
    rules.key.iter().map(|&index| names[index].to_owned()).collect()
}

/// Loads `k,v` + `body` and demands what the oracle says.
fn agrees(body: &[u8], rules: &Rules, cut: &Cut) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let header = "k,v";
    let mut bytes = if rules.header {
        header.as_bytes().to_vec()
    } else {
        b"1,x".to_vec()
    };
    // The header line ends as the first line of the body does, so that old Mac files are possible.
    bytes.extend(if super::harness::line_end_of(body) == b'\r' {
        b"\r"
    } else {
        b"\n"
    });
    bytes.extend(body);
    let options = LoadOptions {
        contract: ContractOptions {
            key: key_names(rules, header),
            all_text: rules.all_text,
            ..ContractOptions::default()
        },
        dialect: DialectOptions {
            quote: rules.quote,
            header: rules.header,
            cells: CellRules {
                quoted_empty_is_empty: rules.empty_is_null,
                ..CellRules::default()
            },
            ..DialectOptions::default()
        },
        limits: LimitOptions {
            max_record_bytes: rules.max_record_bytes as u64,
            ..LimitOptions::default()
        },
        resources: ResourceOptions {
            threads: cut.threads,
            window_bytes: cut.window_bytes,
            chunk_bytes: cut.chunk_bytes,
            batch_rows: cut.batch_rows,
            ..ResourceOptions::default()
        },
        target: TargetOptions {
            write_path: cut.write_path,
            ..TargetOptions::default()
        },
        ..LoadOptions::default()
    };
    let shown = bytes.escape_ascii().to_string();
    let loaded = load_bytes(folder.path(), &bytes, options);
    if predict(&bytes, rules, false).is_none() {
        let code = loaded.err().map(|error| error.exit_code());
        prop_assert!(matches!(code, Some(64 | 65)), "{code:?}: {shown}");
        return Ok(());
    }
    let (report, rejects) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return Err(TestCaseError::fail(format!("{error}: {shown}"))),
    };
    let database = folder.path().join("out.db");
    let predicted = |row_id_is_key| predict(&bytes, rules, row_id_is_key).expect("it was predicted before");
    // A load of rejects alone leaves no table.
    let has_table = report.records == 0 || report.loaded > 0;
    let (rows, predicted) = if has_table {
        let dump = database::dump(&database, "t");
        let row_id_is_key = dump.schema[0].contains("PRIMARY KEY");
        (dump.rows, predicted(row_id_is_key))
    } else {
        let tables = database::select(&database::open(&database), "SELECT count(*) FROM sqlite_schema");
        prop_assert_eq!(tables.unwrap(), ["0"], "{}", shown);
        let usual = predicted(false);
        let is_empty = usual.rows.is_empty();
        (Vec::new(), if is_empty { usual } else { predicted(true) })
    };
    let kinds: Vec<&str> = report.columns.iter().map(|column| column.column_type).collect();
    prop_assert_eq!(
        &kinds,
        &predicted.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "{}",
        shown
    );
    prop_assert_eq!(&rows, &predicted.rows, "{}", shown);
    let met = rejects.len() == predicted.rejects.len()
        && predicted
            .rejects
            .iter()
            .zip(&rejects)
            .all(|(expected, found)| expected.is_met_by(found));
    prop_assert!(
        met,
        "{}\nexpected {:#?}\nfound {:#?}",
        shown,
        predicted.rejects,
        rejects
    );
    prop_assert_eq!(report.records, predicted.records, "{}", shown);
    prop_assert_eq!(report.inputs[0].blank_lines, predicted.blank_lines, "{}", shown);
    prop_assert!(report.identity_holds);
    prop_assert_eq!(database::integrity(&database), "ok", "{}", shown);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_become_what_the_oracle_says(body in body(), rules in rules(), cut in cuts()) {
        agrees(&body, &rules, &cut)?;
    }

    #[test]
    fn mostly_good_lines_become_what_the_oracle_says(body in lines(), rules in rules(), cut in cuts()) {
        agrees(&body, &rules, &cut)?;
    }

    #[test]
    fn valid_csv_is_read_as_the_csv_crate_reads_it(
        records in prop::collection::vec(prop::collection::vec("[a-c\",\r\n 0-9é]{0,8}", 3), 0..20),
        always_quoted in any::<bool>(),
        crlf in any::<bool>(),
        cut in cuts(),
    ) {
        let style = if always_quoted { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new().quote_style(style).terminator(terminator).from_writer(Vec::new());
        writer.write_record(["x", "y", "z"]).unwrap();
        for record in &records {
            writer.write_record(record).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = LoadOptions {
            contract: ContractOptions {
                all_text: true,
                ..ContractOptions::default()
            },
            resources: ResourceOptions {
                threads: cut.threads,
                window_bytes: cut.window_bytes,
                chunk_bytes: cut.chunk_bytes,
                ..ResourceOptions::default()
            },
            target: TargetOptions {
                write_path: cut.write_path,
                ..TargetOptions::default()
            },
            ..LoadOptions::default()
        };
        let (report, rejects) = load_bytes(folder.path(), &bytes, options).unwrap();
        prop_assert_eq!(rejects, vec![]);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let expected: Vec<String> = reader.records().enumerate().map(|(index, record)| {
            let record = record.unwrap();
            // The csv crate does not distinguish an empty field from a quoted empty one.
            let values: Vec<String> = record.iter().map(|value| match (value, always_quoted) {
                ("", false) => "NULL".to_owned(),
                _ => text_literal(value.as_bytes()),
            }).collect();
            format!("{}: {}", index + 1, values.join(", "))
        }).collect();
        prop_assert_eq!(report.loaded, expected.len() as u64);
        prop_assert_eq!(database::dump(&folder.path().join("out.db"), "t").rows, expected);
    }

    #[test]
    fn keys_of_every_kind_are_settled_exactly(
        keys in prop::collection::vec(0u32..40, 0..80),
        kind in prop_oneof![Just(Kind::Integer), Just(Kind::Real), Just(Kind::Text)],
        ascending in any::<bool>(),
        cut in cuts(),
    ) {
        let mut keys = keys;
        if ascending {
            keys.sort_unstable();
        }
        let lines: Vec<String> = keys.iter().map(|key| match (kind, key) {
            (_, 0) if !ascending => ",x".to_owned(),
            (Kind::Integer, key) => format!("{},x", i64::from(*key) - 20),
            (Kind::Real, key) => format!("{key}.5,x"),
            (Kind::Text, key) => format!("\"k{key}\",x"),
        }).collect();
        let rules = Rules { key: vec![0], ..Rules::default() };
        agrees(lines.join("\n").as_bytes(), &rules, &cut)?;
    }
}
