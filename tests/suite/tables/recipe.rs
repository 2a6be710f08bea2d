//! A random table from a seed: its columns, its records, its key and indexes, and the database that it is loaded into.

use std::fmt::Write as _;

use rowmill::internal::LoadOptions;
use rowmill::internal::options::DEFAULT_MEMORY_BYTES;
use rowmill::internal::options::{ContractOptions, ResourceOptions, TargetOptions};
use rowmill::{ColumnType, Inference, OnDuplicate};

use super::cell::{Cell, record_bytes};
use super::setup;
use crate::suite::data::Numbers;

/// What a column's values are taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Real,
    Text,
    Boolean,
    Date,
    Time,
    DateTime,
    /// Any text, in a column of an existing table that takes it as it is.
    Any,
    /// Text, some of which the affinity of a column of an existing table turns into a number from which it can be recovered.
    Numeric,
}

/// How a column's values follow one another.
#[derive(Debug, Clone, PartialEq)]
pub enum Style {
    /// Whatever makes trouble.
    Pool,
    /// Integers from `start` on, now and then one that was there already.
    Ascending { start: i64, gap: i64 },
    /// Few different values.
    Few { count: u64 },
    /// Texts that differ only after, or before, very many bytes.
    Alike {
        bytes: usize,
        count: u64,
        number_last: bool,
    },
    /// Text that brings the record, or an index's record, to a size at which SQLite changes its layout.
    Filler,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// What stands after the name in `CREATE TABLE`.
    pub declared: String,
    pub style: Style,
    /// One value in this many is NULL; 0: none.
    pub null_every: u64,
}

/// The size class of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Small,
    /// Record sizes at the borders of the overflow rules.
    Threshold,
    Wide,
    /// Texts of up to a megabyte.
    Large,
    /// Small pages and many rows.
    Deep,
    Big,
}

/// A table to load.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub seed: u64,
    pub shape: Shape,
    pub page_bytes: usize,
    /// What made the database that the load finds; empty: there is none.
    pub setup: String,
    pub table_exists: bool,
    /// In an existing table.
    pub row_id_column: Option<usize>,
    pub columns: Vec<Column>,
    /// For each field of the input its column.
    pub fields: Vec<usize>,
    /// Indices in `columns`.
    pub key: Vec<usize>,
    pub indexes: Vec<Vec<usize>>,
    /// Values by column; `None`: a record with a field too many.
    pub records: Vec<Option<Vec<Cell>>>,
    pub infer: bool,
    pub options: LoadOptions,
}

/// Little more memory than a load needs to work.
pub const SMALL_MEMORY_BYTES: u64 = 48 << 20;
pub const PAGE_SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/// Random choices.
pub struct Dice(pub Numbers);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Once in `n` throws.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

impl Recipe {
    pub fn new(seed: u64) -> Recipe {
        let mut dice = Dice(Numbers(seed));
        let shape = match seed % 100 {
            13 => Shape::Big,
            14..=18 => Shape::Deep,
            20..=25 => Shape::Wide,
            30..=36 => Shape::Large,
            40..=64 => Shape::Threshold,
            _ => Shape::Small,
        };
        let table_exists = dice.one_in(2);
        let has_database = table_exists || dice.below(5) < 3;
        let page_bytes = match (has_database, shape) {
            (false, _) => 4096,
            (_, Shape::Deep | Shape::Big) => dice.pick(&[512, 512, 512, 1024, 4096]),
            _ => dice.pick(&PAGE_SIZES),
        };
        let row_count = match shape {
            Shape::Big => 20_000 + dice.below(20_000),
            Shape::Deep => 1_500 + dice.below(4_000),
            Shape::Wide => 1 + dice.below(12),
            Shape::Large => 1 + dice.below(25),
            _ => dice.pick(&[0, 1, 2, 7, 20, 20, 60, 60, 150, 400]) + dice.below(4),
        };
        let infer = !table_exists && row_count > 0 && dice.one_in(3);
        let mut columns = columns(shape, table_exists, infer, &mut dice);
        let row_id_column = if table_exists {
            make_row_id(&mut columns, &mut dice)
        } else {
            None
        };
        let key = key(shape, row_id_column, &mut columns, &mut dice);
        for &place in key.iter().filter(|_| infer) {
            // A key is never taken for a REAL.
            if columns[place].kind == Kind::Real {
                (columns[place].kind, columns[place].declared) = (Kind::Integer, "INTEGER".to_owned());
            }
        }
        let mut fields: Vec<usize> = (0..columns.len()).collect();
        if table_exists && dice.one_in(12) {
            // Another order than the table's, and perhaps not every column.
            let middle = dice.below(fields.len());
            fields.rotate_left(middle);
            if fields.len() > 2 && !key.contains(&fields[0]) && !columns[fields[0]].declared.contains("NOT NULL") {
                fields.remove(0);
            }
        }
        let count = dice.pick(&[0, 0, 1, 1, 2, 3]);
        let indexes = (0..count).map(|_| index(&fields, &columns, &mut dice)).collect();
        let mut recipe = Recipe {
            seed,
            shape,
            page_bytes,
            setup: String::new(),
            table_exists,
            row_id_column,
            columns,
            fields,
            key,
            indexes,
            records: Vec::new(),
            infer,
            options: LoadOptions::default(),
        };
        if has_database {
            recipe.setup = setup::sql(&recipe, &mut dice);
        }
        recipe.fill(row_count, &mut dice);
        recipe.options = recipe.load_options(&mut dice);
        recipe
    }

    /// `CREATE TABLE t` with a row id column or without.
    pub fn create_table(&self, row_id_column: Option<usize>) -> String {
        let column = |(index, column): (usize, &Column)| {
            let declared = if row_id_column == Some(index) {
                "INTEGER PRIMARY KEY"
            } else {
                &column.declared
            };
            format!("{} {declared}", quote(&column.name))
        };
        let columns: Vec<String> = self.columns.iter().enumerate().map(column).collect();
        format!("CREATE TABLE t({})", columns.join(", "))
    }

    fn load_options(&self, dice: &mut Dice) -> LoadOptions {
        let name = |&index: &usize| self.columns[index].name.clone();
        let small = self.text_bytes() < 50_000;
        let all_text = !self.table_exists && self.columns.iter().all(|column| column.kind == Kind::Text) && !self.infer;
        let typed = |column: &Column| (column.name.clone(), column.kind.column_type());
        let few_batches = self.records.len().div_ceil(40).max(1);
        LoadOptions {
            target: TargetOptions {
                table: Some("t".to_owned()),
                indexes: self
                    .indexes
                    .iter()
                    .map(|index| index.iter().map(name).collect())
                    .collect(),
                ..TargetOptions::default()
            },
            contract: ContractOptions {
                on_duplicate: OnDuplicate::Reject,
                key: self.key.iter().map(name).collect(),
                all_text,
                inference: dice.pick(&[Inference::Guess, Inference::Whole]),
                types: if self.table_exists || self.infer || all_text {
                    Vec::new()
                } else {
                    self.columns.iter().map(typed).collect()
                },
                ..ContractOptions::default()
            },
            resources: ResourceOptions {
                threads: 1 + dice.below(3),
                memory_bytes: dice.pick(&[SMALL_MEMORY_BYTES, DEFAULT_MEMORY_BYTES]),
                batch_rows: dice.pick(&[few_batches, few_batches + 17, 1000, 200_000]) as u64,
                window_bytes: if small {
                    dice.pick(&[1000, 16 << 20])
                } else {
                    dice.pick(&[64 << 10, 16 << 20])
                },
                chunk_bytes: if small {
                    dice.pick(&[7, 512, 256 << 10])
                } else {
                    dice.pick(&[16 << 10, 256 << 10])
                },
            },
            ..LoadOptions::default()
        }
    }

    /// The input, with a header.
    pub fn csv(&self) -> String {
        let mut dice = Dice(Numbers(!self.seed));
        let mut out = String::new();
        for (place, &index) in self.fields.iter().enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            Cell::Text(self.columns[index].name.clone()).write_csv(false, &mut out);
        }
        out.push('\n');
        for record in &self.records {
            match record {
                None => out.push_str(&",".repeat(self.fields.len())),
                Some(cells) => {
                    for (place, &index) in self.fields.iter().enumerate() {
                        out.push_str(if place > 0 { "," } else { "" });
                        cells[index].write_csv(dice.one_in(9), &mut out);
                    }
                }
            }
            out.push('\n');
        }
        out
    }

    fn text_bytes(&self) -> usize {
        let cells = self.records.iter().flatten().flatten();
        cells.map(Cell::text_bytes).sum()
    }

    fn fill(&mut self, row_count: usize, dice: &mut Dice) {
        let most_bytes = 4 << 20;
        let mut bytes = 0;
        for number in 1..=row_count as u64 {
            if number > 1 && dice.one_in(60) {
                self.records.push(None);
                continue;
            }
            let cells = self
                .columns
                .iter()
                .map(|column| column.cell(number, self.shape, self.infer, dice));
            let mut cells: Vec<Cell> = cells.collect();
            for index in 0..cells.len() {
                if self.columns[index].style == Style::Filler && cells[index] != Cell::Null {
                    self.fit(index, number, &mut cells, dice);
                }
            }
            bytes += cells.iter().map(Cell::text_bytes).sum::<usize>();
            self.records.push(Some(cells));
            if bytes > most_bytes {
                break;
            }
        }
    }

    /// Makes `cells[index]` so long that the row's record, or that of an index, comes to a border.
    fn fit(&self, index: usize, number: u64, cells: &mut [Cell], dice: &mut Dice) {
        let mut index_columns = self
            .indexes
            .iter()
            .chain([&self.key])
            .filter(|columns| columns.contains(&index));
        let index_columns = index_columns.next().filter(|_| dice.one_in(2));
        let target = border(self.page_bytes, index_columns.is_some(), dice);
        let digits = format!("{:06}", number + dice.below(3) as u64);
        let number_last = dice.one_in(2);
        let mut bytes = 0usize;
        for _ in 0..4 {
            cells[index] = Cell::Text(padded(&digits, bytes, number_last));
            let found = match index_columns {
                Some(columns) => {
                    let row_id = [Cell::Integer(number as i64)];
                    record_bytes(columns.iter().map(|&index| &cells[index]).chain(&row_id))
                }
                None => record_bytes(cells.iter()),
            };
            bytes = (bytes + target).saturating_sub(found);
        }
    }
}

/// `digits` and as many `y` as make `bytes` bytes.
fn padded(digits: &str, bytes: usize, number_last: bool) -> String {
    let filler = "y".repeat(bytes.saturating_sub(digits.len()));
    if number_last {
        filler + digits
    } else {
        digits.to_owned() + &filler
    }
}

/// A record size at which more or less of a record stays in its page. Source: SQLite file format §1.6.
fn border(page_bytes: usize, is_index: bool, dice: &mut Dice) -> usize {
    let most = if is_index {
        (page_bytes - 12) * 64 / 255 - 23
    } else {
        page_bytes - 35
    };
    let least = (page_bytes - 12) * 32 / 255 - 23;
    let pages = dice.pick(&[0, 0, 0, 1, 1, 2, 3]);
    let pages = if page_bytes > 8192 { pages.min(1) } else { pages };
    let base = dice.pick(&[most, most, least]) + pages * (page_bytes - 4);
    base + dice.below(6) - 3
}

impl Kind {
    fn column_type(self) -> ColumnType {
        match self {
            Kind::Integer => ColumnType::Integer,
            Kind::Real => ColumnType::Real,
            Kind::Text => ColumnType::Text,
            Kind::Boolean => ColumnType::Boolean,
            Kind::Date => ColumnType::Date,
            Kind::Time => ColumnType::Time,
            Kind::DateTime => ColumnType::DateTime,
            Kind::Any | Kind::Numeric => unreachable!("only in tables that exist"),
        }
    }
}

/// As SQL writes a name.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn columns(shape: Shape, table_exists: bool, infer: bool, dice: &mut Dice) -> Vec<Column> {
    let count = match shape {
        Shape::Wide => dice.pick(&[101, 127, 128, 300, 999, 2000]),
        Shape::Big => 2 + dice.below(3),
        Shape::Large => 1 + dice.below(4),
        _ => 1 + dice.below(8),
    };
    let only_text = dice.one_in(8);
    // Most existing tables can take the direct path.
    let plain = !dice.one_in(5);
    let mut columns: Vec<Column> = (0..count)
        .map(|index| {
            let existing = table_exists.then_some(plain);
            let (kind, declared) = kind_of(existing, infer, only_text, dice);
            let style = match dice.below(4) {
                0 => Style::Few {
                    count: 1 + dice.below(30) as u64,
                },
                _ => Style::Pool,
            };
            Column {
                name: column_name(index, dice),
                kind,
                declared: declared.to_owned(),
                style,
                null_every: dice.pick(&[0, 3, 10, 50]),
            }
        })
        .collect();
    if shape == Shape::Threshold {
        let place = dice.below(columns.len());
        let column = &mut columns[place];
        (column.kind, column.declared, column.style) = (Kind::Text, "TEXT".to_owned(), Style::Filler);
    }
    columns
}

/// What a column holds and how it is declared. `existing`: the table exists, and whether it is a plain one.
fn kind_of(existing: Option<bool>, infer: bool, only_text: bool, dice: &mut Dice) -> (Kind, &'static str) {
    let inferred = [(Kind::Integer, "INTEGER"), (Kind::Real, "REAL"), (Kind::Text, "TEXT")];
    let typed = [
        (Kind::Boolean, "INTEGER"),
        (Kind::Date, "TEXT"),
        (Kind::Time, "TEXT"),
        (Kind::DateTime, "TEXT"),
    ];
    let declared = [
        (Kind::Integer, "INT"),
        (Kind::Integer, "UNSIGNED BIG INT"),
        (Kind::Text, "VARCHAR(10)"),
        (Kind::Text, "CLOB"),
        (Kind::Real, "DOUBLE PRECISION"),
        (Kind::Real, "FLOAT"),
        (Kind::Text, "text DEFAULT 'x'"),
        (Kind::Text, "TEXT NOT NULL"),
        (Kind::Integer, "INTEGER NOT NULL"),
    ];
    let odd = [
        (Kind::Any, ""),
        (Kind::Any, "BLOB"),
        (Kind::Numeric, "NUMERIC"),
        (Kind::Numeric, "BOOLEAN"),
        (Kind::Numeric, "DATE"),
        (Kind::Numeric, "DECIMAL(10,5)"),
        (Kind::Text, "TEXT COLLATE NOCASE"),
        (Kind::Text, "TEXT COLLATE RTRIM"),
    ];
    match existing {
        _ if only_text => (Kind::Text, "TEXT"),
        Some(false) if dice.one_in(2) => dice.pick(&odd),
        Some(_) if dice.one_in(2) => dice.pick(&declared),
        None if !infer && dice.one_in(4) => dice.pick(&typed),
        _ => dice.pick(&inferred),
    }
}

fn column_name(index: usize, dice: &mut Dice) -> String {
    match dice.below(40) {
        0 if index == 0 => "rowid".to_owned(),
        1 => format!("select {index}"),
        2 => format!("é\"{index}"),
        _ => format!("c{index}"),
    }
}

/// Gives an existing table an INTEGER PRIMARY KEY, or not.
fn make_row_id(columns: &mut [Column], dice: &mut Dice) -> Option<usize> {
    if !dice.one_in(3) {
        return None;
    }
    let place = dice.below(columns.len());
    let column = &mut columns[place];
    (column.kind, column.declared) = (Kind::Integer, "INTEGER PRIMARY KEY".to_owned());
    column.style = ascending(dice);
    column.null_every = if dice.one_in(4) { 70 } else { 0 };
    Some(place)
}

fn ascending(dice: &mut Dice) -> Style {
    Style::Ascending {
        start: dice.pick(&[1, 1, 0, -500, 1 << 40, i64::MIN, i64::MAX - (1 << 40), i64::MAX - 100]),
        gap: dice.pick(&[1, 1, 3, 100_000]),
    }
}

/// Chooses the key and gives its columns values that repeat now and then.
fn key(shape: Shape, row_id_column: Option<usize>, columns: &mut [Column], dice: &mut Dice) -> Vec<usize> {
    if dice.one_in(4) {
        return Vec::new();
    }
    if let Some(place) = row_id_column.filter(|_| dice.below(4) < 3) {
        return vec![place];
    }
    let wanted = if columns.len() > 130 && dice.one_in(2) {
        130
    } else {
        dice.pick(&[1, 1, 1, 2, 3])
    };
    let wanted = wanted.min(columns.len());
    let mut key: Vec<usize> = Vec::new();
    while key.len() < wanted {
        let place = dice.below(columns.len());
        if !key.contains(&place) {
            key.push(place);
        }
    }
    for &place in &key {
        let column = &mut columns[place];
        if Some(place) == row_id_column || column.style == Style::Filler {
            continue;
        }
        column.null_every = dice.pick(&[0, 0, 20]);
        let many = dice.pick(&[40, 2_000, 1 << 40]);
        column.style = match column.kind {
            Kind::Integer if dice.one_in(2) => ascending(dice),
            Kind::Integer | Kind::Real => dice.pick(&[Style::Pool, Style::Few { count: many }]),
            Kind::Text => {
                let bytes = dice.pick(&[0, 8, 20, 100, 700]);
                let bytes = if matches!(shape, Shape::Deep | Shape::Big) {
                    bytes.min(100)
                } else {
                    bytes
                };
                Style::Alike {
                    bytes,
                    count: many,
                    number_last: dice.one_in(2),
                }
            }
            _ => dice.pick(&[Style::Pool, Style::Few { count: 25 }]),
        };
    }
    key
}

/// Columns of a further index.
fn index(fields: &[usize], columns: &[Column], dice: &mut Dice) -> Vec<usize> {
    // Now and then so many that the header of an index record takes more than 127 bytes.
    let wanted = if fields.len() > 130 && dice.one_in(2) {
        130
    } else {
        dice.pick(&[1, 1, 2, 3])
    };
    let wanted = wanted.min(fields.len());
    let mut index = Vec::new();
    if let Some(filler) = fields
        .iter()
        .find(|&&place| columns[place].style == Style::Filler)
        .filter(|_| dice.one_in(2))
    {
        index.push(*filler);
    }
    while index.len() < wanted {
        let place = dice.pick(fields);
        if !index.contains(&place) {
            index.push(place);
        }
    }
    index
}

impl Column {
    /// The value in record `number`, 1-based. With `infer` the first record shows the column's type.
    fn cell(&self, number: u64, shape: Shape, infer: bool, dice: &mut Dice) -> Cell {
        let shows_type = infer && number == 1;
        if !shows_type && self.null_every > 0 && dice.0.below(self.null_every) == 0 {
            return Cell::Null;
        }
        match (&self.style, self.kind) {
            (Style::Ascending { start, gap }, Kind::Integer) => {
                let repeated = number > 100 && dice.one_in(80);
                let number = if repeated {
                    number - dice.below(90) as u64
                } else {
                    number
                };
                Cell::Integer(start.saturating_add(gap * number as i64))
            }
            (Style::Few { count }, Kind::Integer) => Cell::Integer(dice.0.below(*count) as i64 - 20),
            (Style::Few { count }, Kind::Real) => Cell::Real(format!("{}.5", dice.0.below(*count))),
            (Style::Few { count }, Kind::Text) => Cell::Text(format!("t{}", dice.0.below(*count))),
            (
                Style::Alike {
                    bytes,
                    count,
                    number_last,
                },
                _,
            ) => {
                let digits = dice.0.below(*count).to_string() + "k";
                Cell::Text(padded(&digits, digits.len() + bytes, *number_last))
            }
            (_, Kind::Integer) => Cell::Integer(integer(dice)),
            (_, Kind::Real) if shows_type => Cell::Real("0.5".to_owned()),
            (_, Kind::Real) => Cell::Real(real(infer, dice)),
            (_, Kind::Text) if shows_type => Cell::Text("text".to_owned()),
            (_, Kind::Text) => Cell::Text(text(shape, dice)),
            (_, Kind::Boolean) => {
                let (text, value) = dice.pick(&[("true", true), ("FALSE", false), ("1", true), ("0", false)]);
                Cell::Boolean(text, value)
            }
            (_, Kind::Date) => Cell::Text(format!(
                "{:04}-{:02}-{:02}",
                dice.below(3000),
                1 + dice.below(12),
                1 + dice.below(28)
            )),
            (_, Kind::Time) => Cell::Text(format!(
                "{:02}:{:02}:{:02}",
                dice.below(24),
                dice.below(60),
                dice.below(60)
            )),
            (_, Kind::DateTime) => Cell::Text(format!("2024-02-29T{:02}:00:00.{}Z", dice.below(24), dice.below(1000))),
            (_, Kind::Any) => Cell::Text(anything(dice)),
            (_, Kind::Numeric) => Cell::Text(match dice.below(3) {
                0 => dice.pick(&["1", "abc", "1.5", "0x1", "-2", ""]).to_owned(),
                1 => integer(dice).to_string(),
                _ => dice.below(50).to_string(),
            }),
        }
    }
}

/// Integers of every width, and the edges of each.
fn integer(dice: &mut Dice) -> i64 {
    let edge = 1i128 << dice.pick(&[0, 7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 62, 63]);
    let near = edge + dice.below(3) as i128 - 1;
    match dice.below(4) {
        0 => near.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
        1 => (-near).clamp(i64::MIN.into(), i64::MAX.into()) as i64,
        2 => dice.below(200) as i64 - 100,
        _ => (dice.0.next() as i64) >> dice.below(63),
    }
}

/// Plain decimals; `lossless`: only those that inference takes for a REAL, all of which have one decimal.
fn real(lossless: bool, dice: &mut Dice) -> String {
    let zeros = "0".repeat(300);
    if lossless {
        return format!("{}.{}", integer(dice) >> 16, 1 + dice.below(9));
    }
    match dice.below(12) {
        0 => dice.below(1000).to_string(),
        1 => format!("{}.0", dice.below(1_000_000)),
        2 => format!("-{}.25", dice.below(1000)),
        3 => format!("1{zeros}.0"),
        4 => format!("0.{:06}", 1 + dice.below(999_999)),
        5 => format!("{}", dice.0.below(1 << 53)),
        6 => "-0.0".to_owned(),
        7 => format!("0.{zeros}{}", dice.0.next()),
        8 => dice.0.next().to_string(),
        9 => integer(dice).to_string(),
        10 => format!("{}.{}", integer(dice), dice.0.next()),
        _ => format!("17{zeros}000000.5"),
    }
}

fn text(shape: Shape, dice: &mut Dice) -> String {
    let words = [
        "",
        "",
        "a",
        "01234",
        "1e3",
        "-5",
        "1.0",
        "é€𝄞",
        "a,b",
        "\"",
        "two\nlines",
        " edge ",
        "NULL",
        "x'00'",
        "Straße",
    ];
    if shape == Shape::Large && dice.one_in(3) {
        let bytes = dice.pick(&[3_000, 70_000, 300_000, 1 << 20]);
        return "large text, ".repeat(bytes / 12 + 1)[..bytes - dice.below(900)].to_owned();
    }
    match dice.below(10) {
        0..5 => dice.pick(&words).to_owned(),
        5..8 => format!("{:x}", dice.0.next()),
        8 => "word ".repeat(dice.below(12)),
        _ if shape == Shape::Small => "z".repeat(dice.pick(&[50, 57, 58, 130, 600, 2_000, 9_000]) + dice.below(3)),
        _ => "z".repeat(dice.below(100)),
    }
}

/// Text that some affinity turns into a number.
fn anything(dice: &mut Dice) -> String {
    let mut out = String::new();
    match dice.below(3) {
        0 => {
            let texts = [
                "1",
                "1.0",
                "01",
                "1e0",
                "+1",
                " 1",
                "1 ",
                "0x1",
                "",
                "-0",
                "-0.0",
                "abc",
                "1.5",
                "9223372036854775808",
                "1e400",
            ];
            out.push_str(dice.pick(&texts));
        }
        1 => out = integer(dice).to_string(),
        _ => write!(out, "{}", dice.below(50)).expect("a string takes anything"),
    }
    out
}
