//! What is inferred loads, and the text of every value can be recovered from what the database holds.

use std::collections::HashMap;
use std::fs;

use proptest::prelude::*;
use rowmill::Inference;
use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::internal::{LoadOptions, load};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::random::{Cut, cuts};

/// Texts of one kind, as programs write them.
fn texts() -> impl Strategy<Value = BoxedStrategy<String>> {
    let decimals = |count: usize| {
        (any::<i32>(), 0u32..30)
            .prop_map(move |(value, shift)| format!("{:.count$}", f64::from(value >> shift) / 8.0))
            .boxed()
    };
    let shifted = || (any::<i64>(), 0u32..64).prop_map(|(value, shift)| value >> shift);
    prop_oneof![
        4 => Just(shifted().prop_map(|value| value.to_string()).boxed()),
        1 => Just("0[0-9]{1,5}".boxed()),
        1 => Just("[0-9]{15,25}".boxed()),
        4 => (0usize..7).prop_map(decimals),
        // The shortest text of a number: Rust, JavaScript; Python; C's %e.
        2 => Just(any::<f32>().prop_map(|value| f64::from(value).to_string()).boxed()),
        3 => Just((-1e7..1e7).prop_map(|value: f64| format!("{value:?}")).boxed()),
        2 => Just((-300i32..300, 1u32..9999).prop_map(|(power, digits)| format!("{}e{power:+03}", f64::from(digits) / 1000.0)).boxed()),
        1 => Just((-1e9..1e9).prop_map(|value: f64| format!("{value:.3e}")).boxed()),
        1 => Just("[1-9][0-9]e[0-9]".boxed()),
        1 => Just("-?[0-9]{1,3}\\.[0-9]{1,3}".boxed()),
        1 => Just("-?[0-9]\\.[0-9]{12,20}".boxed()),
        1 => Just("[-+ ]?[0-9]{0,2}[.eE ]?[-+0-9]{0,3}".boxed()),
        1 => Just("[0-9a-c.]{0,4}".boxed()),
    ]
}

/// A column: most of its texts are of one kind, some of another, some are missing.
fn columns() -> impl Strategy<Value = Vec<String>> {
    let strange = prop_oneof![
        Just("-0"),
        Just("-0.0"),
        Just("0.0"),
        Just("1"),
        Just("1.0"),
        Just("1.50"),
        Just("1e5"),
        Just("1.5e-05"),
        Just("nan"),
        Just("inf"),
        Just("1e400"),
        Just("9007199254740993"),
        Just("9223372036854775808"),
        Just("+1"),
        Just("1."),
        Just(".5"),
        Just(" 1"),
        Just("x"),
    ];
    (texts(), 0u8..4, prop::option::weighted(0.3, (strange, 0usize..60))).prop_flat_map(|(most, missing, strange)| {
        let values = prop_oneof![u32::from(missing) => Just(String::new()), 12 => most];
        prop::collection::vec(values, 60).prop_map(move |mut column| {
            if let Some((strange, at)) = strange {
                column[at] = strange.to_owned();
            }
            column
        })
    })
}

/// A decimal number's digits without zeros at either end, and the power of ten of the first: the same for all its spellings.
fn digits_of(text: &str) -> (bool, String, i32) {
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let whole = whole.trim_start_matches('-');
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0').to_owned();
    let power = match digits.is_empty() {
        true => 0,
        false => power.parse::<i32>().unwrap() + whole.len() as i32 - leading as i32,
    };
    (is_negative, digits, power)
}

/// What is wrong with a column as it is stored.
fn trouble(texts: &[String], stored: &[Value]) -> Option<String> {
    let mut text_of_number: HashMap<u64, &str> = HashMap::new();
    for (text, value) in texts.iter().zip(stored) {
        let is_right = match value {
            Value::Null => text.is_empty(),
            Value::Integer(number) => number.to_string() == *text,
            Value::Text(stored) => stored == text && !text.is_empty(),
            Value::Real(number) => {
                // The number is the one that is written, to the last digit, and no other text of the column is the same.
                digits_of(text) == digits_of(&format!("{number:e}"))
                    && *text_of_number.entry(number.to_bits()).or_insert(text) == text
            }
            Value::Blob(_) => false,
        };
        if !is_right {
            return Some(format!("{text:?} is stored as {value:?}"));
        }
    }
    None
}

fn stored(connection: &Connection, column: usize) -> Vec<Value> {
    let mut statement = connection
        .prepare(&format!("SELECT c{column} FROM t ORDER BY rowid"))
        .unwrap();
    let values = statement.query_map([], |row| row.get(0)).unwrap();
    values.map(Result::unwrap).collect()
}

fn options(cut: &Cut, inference: Inference) -> LoadOptions {
    LoadOptions {
        target: TargetOptions {
            table: Some("t".to_owned()),
            write_path: cut.write_path,
            ..TargetOptions::default()
        },
        resources: ResourceOptions {
            threads: cut.threads,
            window_bytes: cut.window_bytes,
            chunk_bytes: cut.chunk_bytes,
            batch_rows: cut.batch_rows,
            ..ResourceOptions::default()
        },
        contract: ContractOptions {
            inference,
            ..ContractOptions::default()
        },
        ..LoadOptions::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if super::data::big() { 20_000 } else { 400 }))]

    #[test]
    fn the_text_of_every_value_can_be_recovered_from_the_database(
        columns in prop::collection::vec(columns(), 1..8),
        guessed in any::<bool>(),
        cut in cuts(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (input, database) = (folder.path().join("in.csv"), folder.path().join("out.db"));
        let names: Vec<String> = (0..columns.len()).map(|number| format!("c{number}")).chain(["last".to_owned()]).collect();
        let mut csv = names.join(",") + "\n";
        for number in 0..columns[0].len() {
            for column in &columns {
                csv += &column[number];
                csv.push(',');
            }
            csv += "x\n";
        }
        fs::write(&input, csv).unwrap();
        let inference = if guessed { Inference::Guess } else { Inference::Whole };
        let options = LoadOptions {
            target: TargetOptions {
                errors: folder.path().join("errors.csv"),
                ..options(&cut, inference).target
            },
            ..options(&cut, inference)
        };
        let report = load(&[input], &database, &options, &()).unwrap();
        prop_assert_eq!((report.records, report.loaded, report.rejected), (60, 60, 0));
        let connection = Connection::open(database).unwrap();
        for (number, texts) in columns.iter().enumerate() {
            prop_assert_eq!(trouble(texts, &stored(&connection, number)), None, "column {}: {:?}", number, texts);
        }
    }
}
