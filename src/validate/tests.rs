use super::*;
use crate::parse::parse;

fn column(name: &str, column_type: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        column_type,
        not_null: false,
    }
}

fn plan(types: &[ColumnType]) -> RowPlan {
    RowPlan {
        columns: types.iter().map(|&column_type| column("c", column_type)).collect(),
        sources: (0..types.len() as u32).collect(),
        field_count: types.len() as u32,
        key: KeyPlan::None,
        empty_is_null: false,
        max_record_bytes: 1000,
    }
}

fn rows(text: &[u8], plan: &RowPlan) -> RowBlock {
    let (dialect, mut records, mut out) = (Dialect::default(), Records::default(), RowBlock::default());
    let consumed = parse(text, true, &dialect, 100_000, &mut records);
    validate(&text[..consumed], &records, plan, &dialect, &mut out);
    assert_eq!(out.record_count as usize, out.rows.len() + out.rejects.len());
    out
}

fn codes(text: &[u8], plan: &RowPlan) -> Vec<(u32, &'static str, u32)> {
    let block = rows(text, plan);
    block
        .rejects
        .iter()
        .map(|r| (r.lines_before, r.reason.code().as_str(), r.column))
        .collect()
}

#[test]
fn every_fault_has_its_code_line_and_column() {
    let types = [ColumnType::Integer, ColumnType::Real, ColumnType::DateTime];
    let text = b"1,2.5,2024-01-01T00:00:00Z\n\n2,2.5\n3,1,2024-01-01T00:00:00Z,x\n\"4\"x,1,2\n\xFF,1,2\n5,\0,2\n\
        x,1,2024-01-01 00:00:00\n99999999999999999999,1,\n6,abc,\n7,1,2024-13-01T00:00:00Z\n8,,\n";
    assert_eq!(
        codes(text, &plan(&types)),
        [
            (2, "missing_columns", 0),
            (3, "too_many_columns", 0),
            (4, "invalid_quote", 1),
            (5, "invalid_utf8", 1),
            (6, "nul_byte", 2),
            (7, "type_error", 1),
            (8, "out_of_range", 1),
            (9, "type_error", 2),
            (10, "out_of_range", 3),
        ]
    );
    let block = rows(text, &plan(&types));
    assert_eq!((block.rows.len(), block.blank_lines, block.line_count), (2, 1, 12));
    assert_eq!(block.rows[1].record_index, 10);
}

#[test]
fn null_is_refused_where_the_column_or_the_row_id_forbids_it() {
    let mut plan = plan(&[ColumnType::Integer, ColumnType::Text]);
    plan.key = KeyPlan::RowId(0);
    plan.columns[1].not_null = true;
    assert_eq!(
        codes(b",a\n1,\n2,\"\"\n", &plan),
        [(0, "null_violation", 1), (1, "null_violation", 2)]
    );
    assert_eq!(rows(b",a\n1,\n2,\"\"\n", &plan).integer_keys, [2]);
    plan.empty_is_null = true;
    assert_eq!(codes(b"2,\"\"\n", &plan), [(0, "null_violation", 2)]);
}

#[test]
fn a_blank_line_is_a_row_when_there_is_one_column() {
    let block = rows(b"a\n\nb\n", &plan(&[ColumnType::Text]));
    assert_eq!((block.rows.len(), block.blank_lines), (3, 0));
    assert_eq!(block.record(1), [2, 0]);
}

#[test]
fn columns_may_come_from_fields_in_another_order() {
    let mut plan = plan(&[ColumnType::Text, ColumnType::Integer]);
    plan.sources = vec![1, 0];
    let block = rows(b"7,x\n", &plan);
    assert_eq!(block.record(0), [3, 15, 1, b'x', 7]);
}

#[test]
fn equal_keys_hash_alike_and_others_do_not() {
    let mut plan = plan(&[ColumnType::Text, ColumnType::Text]);
    plan.key = KeyPlan::Hashed(vec![0, 1]);
    let hashes = rows(b"ab,c\na,bc\n\"ab\",\"c\"\n,c\nab,\"\"\n\"a\"\"b\",c\n", &plan).key_hashes;
    assert_eq!(hashes[0], hashes[2]);
    assert_eq!(hashes[3], NULL_KEY);
    for (a, b) in [(0, 1), (0, 4), (0, 5), (1, 4)] {
        assert_ne!(hashes[a], hashes[b]);
    }
}

/// What SQLite itself stores for the same values.
fn stored_by_sqlite(types: &[ColumnType], values: &[rusqlite::types::Value]) -> Vec<u8> {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    let columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, t)| format!("c{i} {}", t.sql()))
        .collect();
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 65536; CREATE TABLE t({})",
            columns.join(",")
        ))
        .unwrap();
    let marks = vec!["?"; values.len()].join(",");
    connection
        .execute(
            &format!(
                "INSERT INTO t(rowid, {}) VALUES (1, {marks})",
                (0..types.len()).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",")
            ),
            rusqlite::params_from_iter(values),
        )
        .unwrap();
    let page: Vec<u8> = connection
        .query_row("SELECT data FROM sqlite_dbpage WHERE pgno = 2", [], |row| row.get(0))
        .unwrap();
    let cell = u16::from_be_bytes([page[8], page[9]]) as usize;
    let varint = |mut at: usize| {
        let mut value = 0usize;
        loop {
            value = value << 7 | (page[at] & 0x7F) as usize;
            at += 1;
            if page[at - 1] < 0x80 {
                return (value, at);
            }
        }
    };
    let (payload, at) = varint(cell);
    let (_, at) = varint(at);
    page[at..at + payload].to_vec()
}

#[test]
fn records_are_byte_for_byte_what_sqlite_stores() {
    use rusqlite::types::Value;
    let integers = [
        0,
        1,
        -1,
        2,
        127,
        128,
        -128,
        -129,
        32767,
        32768,
        -32769,
        8_388_607,
        8_388_608,
        2_147_483_647,
        2_147_483_648,
        140_737_488_355_327,
        140_737_488_355_328,
        i64::MAX,
        i64::MIN,
    ];
    for value in integers {
        let block = rows(
            format!("{value},x\n").as_bytes(),
            &plan(&[ColumnType::Integer, ColumnType::Text]),
        );
        let wanted = stored_by_sqlite(
            &[ColumnType::Integer, ColumnType::Text],
            &[Value::Integer(value), Value::Text("x".into())],
        );
        assert_eq!(block.record(0), wanted, "{value}");
    }
    for text in ["0.5", "-2.25", "1.5", "123456.789"] {
        let block = rows(
            format!("{text},x\n").as_bytes(),
            &plan(&[ColumnType::Real, ColumnType::Text]),
        );
        let wanted = stored_by_sqlite(
            &[ColumnType::Real, ColumnType::Text],
            &[Value::Real(text.parse().unwrap()), Value::Text("x".into())],
        );
        assert_eq!(block.record(0), wanted, "{text}");
    }
    for length in [0, 1, 56, 57, 58, 59, 8000, 20_000] {
        let text = "y".repeat(length);
        let block = rows(
            format!("1,\"{text}\"\n").as_bytes(),
            &plan(&[ColumnType::Integer, ColumnType::Text]),
        );
        let wanted = stored_by_sqlite(
            &[ColumnType::Integer, ColumnType::Text],
            &[Value::Integer(1), Value::Text(text)],
        );
        assert_eq!(block.record(0), wanted, "{length}");
    }
    for count in [1, 125, 126, 127, 128, 300] {
        let types = vec![ColumnType::Text; count];
        let line = vec!["ab"; count].join(",") + "\n";
        let values = vec![Value::Text("ab".into()); count];
        // Twice, so that a moved body and a right guess are both looked at.
        let block = rows((line.clone() + &line).as_bytes(), &plan(&types));
        let wanted = stored_by_sqlite(&types, &values);
        assert_eq!(
            (block.record(0), block.record(1)),
            (&wanted[..], &wanted[..]),
            "{count}"
        );
    }
}
