use super::*;
use crate::format::{Csv, Field, Record};
use crate::parse::{Dialect, RecordSpan, Records, parse};
use crate::rows::Nothing;
use crate::schema::Column;
use crate::schema::cells::CellRules;
use crate::schema::rules::ColumnRules;
use crate::schema::widths::Widths;
use crate::schema::written::NumberStyle;
use crate::sqlite::record::RecordBlock;
use proptest::prelude::*;

fn column(name: &str, column_type: ColumnType) -> Column {
    Column::new(name, column_type)
}

fn plan(types: &[ColumnType]) -> RowPlan {
    RowPlan {
        columns: types.iter().map(|&column_type| column("c", column_type)).collect(),
        sources: (0..types.len() as u32).collect(),
        given: Vec::new(),
        field_count: types.len() as u32,
        widths: Widths::default(),
        key: KeyPlan::None,
        cells: CellRules::default(),
        numbers: NumberStyle::default(),
        recodings: Vec::new(),
        rules: ColumnRules::default(),
        repeated_header: None,
        trailing_delimiter: false,
        max_record_bytes: 1000,
        guess: None,
        settled: None,
        every_fault: false,
    }
}

fn syntax(plan: &RowPlan) -> Csv {
    Csv {
        dialect: Dialect::default(),
        columns: plan.field_count,
        max_record_bytes: 100_000,
    }
}

fn rows(text: &[u8], plan: &RowPlan) -> RecordBlock {
    let (format, mut records, mut out) = (syntax(plan), Records::default(), RecordBlock::default());
    let consumed = parse(text, true, &format, &mut records);
    validate(&text[..consumed], &records, plan, &format, &mut out);
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
    plan.cells.quoted_empty_is_empty = true;
    assert_eq!(codes(b"2,\"\"\n", &plan), [(0, "null_violation", 2)]);
}

#[test]
fn a_blank_line_is_a_row_when_there_is_one_column() {
    let block = rows(b"a\n\nb\n", &plan(&[ColumnType::Text]));
    assert_eq!((block.rows.len(), block.blank_lines), (3, 0));
    assert_eq!(block.values.record(1), [2, 0]);
}

#[test]
fn columns_may_come_from_fields_in_another_order() {
    let mut plan = plan(&[ColumnType::Text, ColumnType::Integer]);
    plan.sources = vec![1, 0];
    let block = rows(b"7,x\n", &plan);
    assert_eq!(block.values.record(0), [3, 15, 1, b'x', 7]);
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

#[test]
fn of_several_faults_in_a_record_the_first_in_order_of_precedence_counts() {
    let plan = plan(&[ColumnType::Integer, ColumnType::Integer]);
    let text = b"\"x\"\xFF,\0,x\n\0,\xFF,x\nx,\0,x\nx,y,z\nx,99999999999999999999\n99999999999999999999,x\n";
    assert_eq!(
        codes(text, &plan),
        [
            (0, "invalid_quote", 1),
            (1, "invalid_utf8", 2),
            (2, "nul_byte", 2),
            (3, "too_many_columns", 0),
            (4, "type_error", 1),
            (5, "out_of_range", 1),
        ]
    );
}

#[test]
fn a_row_id_is_stored_as_null_in_its_record() {
    let mut plan = plan(&[ColumnType::Integer, ColumnType::Text]);
    plan.key = KeyPlan::RowId(0);
    let block = rows(b"7,x\n", &plan);
    assert_eq!(
        (block.values.record(0), &block.integer_keys[..]),
        (&[3, 0, 15, b'x'][..], &[7][..])
    );
}

/// The SQLite records of a block.
fn records_of(block: &RecordBlock) -> Vec<Vec<u8>> {
    (0..block.rows.len())
        .map(|index| block.values.record(index).to_vec())
        .collect()
}

/// Validates one record of `span` as if it stood alone.
fn alone(span: &[u8], records: &Records, index: usize, plan: &RowPlan) -> RecordBlock {
    let record = records.records[index];
    let first = index
        .checked_sub(1)
        .map_or(0, |before| records.records[before].fields_end as usize);
    let fields = &records.field_ends[first..record.fields_end as usize];
    let mut one = Records {
        field_ends: fields.iter().map(|end| end - record.start).collect(),
        gap: 1,
        records: vec![RecordSpan {
            start: 0,
            end: record.end - record.start,
            fields_end: fields.len() as u32,
            fault: 0,
        }],
        faults: Vec::new(),
        multi_line: true,
    };
    if record.fault != 0 {
        one.faults.push(records.faults[record.fault as usize - 1]);
        one.records[0].fault = 1;
    }
    let mut out = RecordBlock::default();
    let bytes = &span[record.start as usize..record.end as usize];
    validate(bytes, &one, plan, &syntax(plan), &mut out);
    out
}

/// Fields that may or may not be numbers and texts; the good ones are more frequent.
const FIELDS: &[&[u8]] = &[
    b"1",
    b"2",
    b"3",
    b"4",
    b"1",
    b"2",
    b"3",
    b"4",
    b"2.0",
    b"2.5",
    b"",
    b"\"\"",
    b"x",
    b"\xFF",
    b"\0",
    b"\"a\"\"b\"",
    b"\"a\nb\"",
    b"\"q\"z",
    b"-9000000000",
    b"99999999999999999999",
    b"a text so long that its serial type takes two bytes, not one",
];

proptest! {
    #[test]
    fn a_record_gives_the_same_in_any_company(
        lines in prop::collection::vec(
            prop_oneof![
                8 => prop::collection::vec(prop::sample::select(FIELDS), 3),
                1 => prop::collection::vec(prop::sample::select(FIELDS), 1..5),
            ],
            0..20,
        ),
        key in prop_oneof![Just(KeyPlan::None), Just(KeyPlan::RowId(0)), Just(KeyPlan::Hashed(vec![0, 1]))],
        empty_is_null: bool,
    ) {
        let text: Vec<u8> = lines.iter().flat_map(|fields| [&fields.join(&b","[..])[..], b"\n"].concat()).collect();
        let mut plan = plan(&[ColumnType::Integer, ColumnType::Real, ColumnType::Text]);
        (plan.key, plan.cells.quoted_empty_is_empty) = (key, empty_is_null);
        let mut records = Records::default();
        let consumed = parse(&text, true, &syntax(&plan), &mut records);
        let span = &text[..consumed];
        let whole = rows(&text, &plan);
        let mut joined = RowBlock::<Nothing>::default();
        let mut joined_records = Vec::new();
        for (index, record) in records.records.iter().enumerate() {
            let one = alone(span, &records, index, &plan);
            let moved = |range: ByteRange| ByteRange { start: range.start + record.start, end: range.end + record.start };
            joined.rows.extend(one.rows.iter().map(|row| RowMeta {
                record_index: joined.record_count,
                source: moved(row.source),
            }));
            joined.rejects.extend(one.rejects.iter().map(|reject| BlockReject {
                record_index: joined.record_count,
                source: moved(reject.source),
                lines_before: span[..record.start as usize].iter().filter(|&&byte| byte == b'\n').count() as u32,
                // Only a field at fault has a place; "none" stays at zero.
                value: if reject.column == 0 || reject.value.is_empty() { reject.value } else { moved(reject.value) },
                ..reject.clone()
            }));
            joined_records.extend(records_of(&one));
            joined.integer_keys.extend(&one.integer_keys);
            joined.key_hashes.extend(&one.key_hashes);
            joined.record_count += one.record_count;
            joined.blank_lines += one.blank_lines;
        }
        prop_assert_eq!(records_of(&whole), joined_records);
        prop_assert_eq!(&whole.rows, &joined.rows);
        let placed = |rejects: &[BlockReject]| -> Vec<BlockReject> {
            let nowhere = |reject: &BlockReject| reject.value.is_empty();
            rejects
                .iter()
                .map(|reject| BlockReject { value: if nowhere(reject) { ByteRange::default() } else { reject.value }, ..reject.clone() })
                .collect()
        };
        prop_assert_eq!(placed(&whole.rejects), placed(&joined.rejects));
        // A rejected record leaves nothing behind: there is a key for each row, or none at all.
        let keys = whole.integer_keys.len() + whole.key_hashes.len();
        prop_assert!(plan.key == KeyPlan::None && keys == 0 || plan.key != KeyPlan::None && keys == whole.rows.len());
        prop_assert_eq!(&whole.integer_keys, &joined.integer_keys);
        prop_assert_eq!(&whole.key_hashes, &joined.key_hashes);
        prop_assert_eq!((whole.record_count, whole.blank_lines), (joined.record_count, joined.blank_lines));
        // The verdict does not depend on what is made of the values, either.
        let mut bare = RowBlock::<Nothing>::default();
        validate(span, &records, &plan, &syntax(&plan), &mut bare);
        prop_assert_eq!((&bare.rows, &bare.rejects), (&whole.rows, &whole.rejects));
        prop_assert_eq!((&bare.integer_keys, &bare.key_hashes), (&whole.integer_keys, &whole.key_hashes));
        prop_assert_eq!((bare.record_count, bare.line_count, bare.blank_lines), (whole.record_count, whole.line_count, whole.blank_lines));
    }
}

/// What SQLite itself stores for the same values, in a table with these `options`.
fn stored_by_sqlite(options: &str, types: &[ColumnType], values: &[rusqlite::types::Value]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let connection = rusqlite::Connection::open(file.path()).unwrap();
    let columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, t)| format!("c{i} {}", t.sql()))
        .collect();
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF; PRAGMA page_size = 65536; CREATE TABLE t({}) {options}",
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
    let page = std::fs::read(file.path()).unwrap().split_off(65_536);
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
            "",
            &[ColumnType::Integer, ColumnType::Text],
            &[Value::Integer(value), Value::Text("x".into())],
        );
        assert_eq!(block.values.record(0), wanted, "{value}");
    }
    for length in [0, 1, 56, 57, 58, 59, 8000, 20_000] {
        let text = "y".repeat(length);
        let block = rows(
            format!("1,\"{text}\"\n").as_bytes(),
            &plan(&[ColumnType::Integer, ColumnType::Text]),
        );
        let wanted = stored_by_sqlite(
            "",
            &[ColumnType::Integer, ColumnType::Text],
            &[Value::Integer(1), Value::Text(text)],
        );
        assert_eq!(block.values.record(0), wanted, "{length}");
    }
    for count in [1, 125, 126, 127, 128, 300] {
        let types = vec![ColumnType::Text; count];
        let line = vec!["ab"; count].join(",") + "\n";
        let values = vec![Value::Text("ab".into()); count];
        // Twice, so that a moved body and a right guess are both looked at.
        let block = rows((line.clone() + &line).as_bytes(), &plan(&types));
        let wanted = stored_by_sqlite("", &types, &values);
        assert_eq!(
            (block.values.record(0), block.values.record(1)),
            (&wanted[..], &wanted[..]),
            "{count}"
        );
    }
}

#[test]
fn reals_are_byte_for_byte_what_sqlite_stores_whole_numbers_among_them() {
    use rusqlite::types::Value;
    let types = [ColumnType::Real, ColumnType::Text];
    let texts = [
        "0",
        "0.0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "-1",
        "5.0",
        "-5.00",
        "127",
        "128",
        "-128",
        "-129",
        "32767.0",
        "32768.0",
        "8388607",
        "8388608",
        "2147483647",
        "2147483648",
        "140737488355327",
        "140737488355328",
        "-140737488355328",
        "-140737488355329",
        "1000000000000000",
        "9007199254740992",
        "-9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "100000000000000000000",
        "0.5",
        "-2.25",
        "1.5",
        "123456.789",
        "0.1",
        "140737488355327.5",
    ];
    for text in texts {
        let block = rows(format!("{text},x\n").as_bytes(), &plan(&types));
        let values = [Value::Real(text.parse().unwrap()), Value::Text("x".into())];
        for options in ["", "STRICT"] {
            assert_eq!(
                block.values.record(0),
                stored_by_sqlite(options, &types, &values),
                "{text} {options}"
            );
        }
    }
}

#[test]
fn nulls_among_values_are_what_sqlite_stores() {
    use rusqlite::types::Value;
    let types = [
        ColumnType::Integer,
        ColumnType::Real,
        ColumnType::Text,
        ColumnType::Boolean,
        ColumnType::Date,
    ];
    let block = rows(b",,,,\n7,,\"\",TRUE,\n,3.0,,false,2024-02-29\n", &plan(&types));
    let text = |text: &str| Value::Text(text.to_owned());
    let wanted = [
        vec![Value::Null; 5],
        vec![Value::Integer(7), Value::Null, text(""), Value::Integer(1), Value::Null],
        vec![
            Value::Null,
            Value::Real(3.0),
            Value::Null,
            Value::Integer(0),
            text("2024-02-29"),
        ],
    ];
    for (index, values) in wanted.iter().enumerate() {
        assert_eq!(
            block.values.record(index),
            stored_by_sqlite("", &types, values),
            "{values:?}"
        );
    }
}

/// CSV with blanks around its fields that are not part of them, so that fields do not touch.
#[derive(Clone, Copy)]
struct Padded(Csv);

#[derive(Default)]
struct PaddedRecords {
    padded: Records,
    fields: Vec<ByteRange>,
}

impl Fields for &[ByteRange] {
    fn count(&self) -> usize {
        self.len()
    }

    fn range(&self, index: usize) -> ByteRange {
        self[index]
    }
}

impl Parsed for PaddedRecords {
    type Fields<'r> = &'r [ByteRange];

    fn count(&self) -> usize {
        self.padded.count()
    }

    fn is_multi_line(&self) -> bool {
        self.padded.is_multi_line()
    }

    fn iter<const USUAL: bool>(&self) -> impl Iterator<Item = (Record, &[ByteRange])> {
        let mut rest = &self.fields[..];
        self.padded.iter::<USUAL>().map(move |(record, padded)| {
            let fields;
            (fields, rest) = rest.split_at(padded.count());
            (record, fields)
        })
    }
}

impl Format for Padded {
    type Parsed = PaddedRecords;

    fn parse_before(&self, span: &[u8], border_bytes: usize, at_end: bool, found: &mut PaddedRecords) -> usize {
        let decided = self.0.parse_before(span, border_bytes, at_end, &mut found.padded);
        found.fields.clear();
        for (_, padded) in found.padded.iter::<true>() {
            found.fields.extend((0..padded.count()).map(|index| {
                let ByteRange { mut start, mut end } = padded.range(index);
                while start < end && span[start as usize] == b' ' {
                    start += 1;
                }
                while start < end && span[end as usize - 1] == b' ' {
                    end -= 1;
                }
                ByteRange { start, end }
            }));
        }
        decided
    }

    fn cut(&self, window: &[u8], target_bytes: usize, lines_matter: bool) -> Option<usize> {
        self.0.cut(window, target_bytes, lines_matter)
    }

    fn is_usual(&self) -> bool {
        true
    }

    fn value(&self, _span: &[u8], range: ByteRange) -> ByteRange {
        range
    }

    fn line_end(&self) -> u8 {
        self.0.line_end()
    }

    fn max_record_bytes(&self) -> u64 {
        self.0.max_record_bytes()
    }

    fn encoding(&self) -> crate::encoding::Encoding {
        crate::encoding::Encoding::UTF_8
    }

    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        self.0.field(bytes)
    }

    fn escape(&self) -> Option<Escape> {
        self.0.escape()
    }

    fn inner_quotes(&self) -> &'static str {
        self.0.inner_quotes()
    }

    fn resolve(&self, field: Field<'_>, take: &mut dyn FnMut(&[u8])) {
        self.0.resolve(field, take);
    }
}

#[test]
fn the_fields_of_another_format_need_not_touch() {
    let plan = plan(&[ColumnType::Integer, ColumnType::Text]);
    let text = b" 7 ,x\n8,  a b \n  ,y\nz , \n";
    let format = Padded(syntax(&plan));
    let (mut parsed, mut block) = (PaddedRecords::default(), RecordBlock::default());
    assert_eq!(format.parse_before(text, text.len(), true, &mut parsed), text.len());
    validate(text, &parsed, &plan, &format, &mut block);
    assert_eq!(records_of(&block), records_of(&rows(b"7,x\n8,a b\n,y\n", &plan)));
    let [reject] = &block.rejects[..] else {
        panic!("one record has no integer: {:?}", block.rejects);
    };
    assert_eq!((reject.value.of(text), reject.lines_before), (&b"z"[..], 3));
}
