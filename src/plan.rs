//! From headers, options and an existing table (or what inference found) to a plan: which field goes where, as what, under which key.
//!
//! Pure: nothing is opened, created or changed here, so every problem is reported before anything is changed.

mod contract;
mod existing;
mod layout;
mod repeats;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::contract::references;
pub use self::existing::{added_columns, lacking_columns, land_at_once, plan_existing_table};
pub use self::layout::{Header, Layout};
use self::repeats::plan_repeats;
use crate::error::Error;
use crate::escape::excerpt;
use crate::infer::{Facts, NoNumber};
use crate::option_name::{COLUMN_TYPE, EMPTY, EMPTY_AS_NULL, FTS, NOT_NULL, OptionName, RESTART, UNIQUE};
use crate::options::LoadOptions;
use crate::report::{FoundDialect, UndeclaredText, grouped};
use crate::schema::cells::StoredValue;
use crate::schema::constraint::TableConstraint;
use crate::schema::definition::Definition;
use crate::schema::form::{Form, WhyNoNumber};
use crate::schema::identifier::nearest;
use crate::schema::key_order::KeyOrder;
use crate::schema::recoding::Recoding;
use crate::schema::repeats::RepeatPlan;
use crate::schema::shape::TableShape;
use crate::schema::table_info::TableInfo;
use crate::schema::{Column, ColumnType, Given, KeyPlan, RowIds, RowPlan, TypeGuess};

/// Characters of a value that a notice quotes.
const NOTICE_CHARS: usize = 32;
/// Why rows that a unique index must be asked about go in one by one.
const ASKED_FOR_EACH_ROW: &str = "the table's own unique index must be asked about each row";
/// Most columns that a message lists.
const MAX_LISTED: usize = 40;

/// How duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DedupPlan {
    /// There is no key, or the table's own unique index refuses duplicates as they arrive.
    Database,
    /// Integer keys that ascend and are above the greatest key the table holds.
    Ascending { last: Option<i64> },
    /// The Bloom filter, then settlement against the unique index built after the rows.
    Filter,
}

/// A column that comes from no field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenColumn {
    /// Index in the plan's columns.
    pub column: usize,
    pub values: GivenValues,
}

/// What a column holds that comes from no field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GivenValues {
    /// The same in every row.
    Same(StoredValue),
    /// For each input, the same in all its rows.
    OfInput(Vec<StoredValue>),
    /// The number of the record in its input.
    RecordNumber,
}

impl GivenValues {
    /// What it is in the rows of input `file_index`.
    fn of_input(&self, file_index: usize) -> Given {
        match self {
            GivenValues::Same(value) => Given::Value(value.clone()),
            GivenValues::OfInput(values) => Given::Value(values[file_index].clone()),
            GivenValues::RecordNumber => Given::RecordNumber,
        }
    }
}

/// Everything that is decided before the first row is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePlan {
    pub table: String,
    /// The table does not exist yet.
    pub create: bool,
    /// The columns that the load fills, in record order.
    pub columns: Vec<Column>,
    /// Index in `columns` of the INTEGER PRIMARY KEY.
    pub row_id_column: Option<usize>,
    /// Indices in `columns` of the key; empty without one.
    pub key_columns: Vec<usize>,
    pub row_ids: RowIds,
    pub dedup: DedupPlan,
    /// The key has no unique index yet; it is built after the rows.
    pub build_key_index: bool,
    /// What becomes of records that repeat the key.
    #[serde(default)]
    pub repeats: RepeatPlan,
    /// The table is made STRICT.
    #[serde(default)]
    pub strict: bool,
    /// Indices in `columns` of each unique index besides the key's that the load adds before the first row.
    #[serde(default)]
    pub unique: Vec<Vec<usize>>,
    /// The SQL that makes the table, if it is the user's.
    #[serde(default)]
    pub definition: Option<Definition>,
    /// Columns that a table that exists gets before the first row.
    #[serde(default)]
    pub adds: Vec<Column>,
    /// The table whose place this one takes at the end.
    #[serde(default)]
    pub replaces: Option<String>,
    /// There is none in that place, and there must be none at the end.
    #[serde(default)]
    pub place_is_free: bool,
    /// All rows go into a table that exists in one transaction.
    #[serde(default)]
    pub one_transaction: bool,
    /// It is noted which records rows came from whose ids are their keys, so that a later one can name the first.
    #[serde(default)]
    pub notes_keys: bool,
    /// The rows that the table has are deleted when the first row of the load goes in.
    #[serde(default)]
    pub empties: bool,
    /// Indices in `columns` of those that are made searchable for words.
    #[serde(default)]
    pub fts: Vec<usize>,
    /// For each input, the field of each column; [`NO_FIELD`](crate::schema::NO_FIELD) for those that it does not have.
    pub sources: Vec<Vec<u32>>,
    /// For each column, the field of the contract that it is.
    #[serde(default)]
    pub contract_fields: Vec<Option<u32>>,
    /// What is declared of the whole table, if the load makes it.
    #[serde(default)]
    pub constraints: Vec<TableConstraint>,
    /// The columns that come from no field.
    #[serde(default)]
    pub given: Vec<GivenColumn>,
    /// The columns' types and the order of the keys are only guessed.
    pub guess: Option<TypeGuess>,
    /// If the columns' types were inferred from a part of the input: what the numbers of that part look like.
    #[serde(default)]
    pub settled: Option<Vec<Form>>,
    /// What was found out about the dialect of each input; nothing if that was not asked for.
    #[serde(default)]
    pub dialects: Vec<FoundDialect>,
    /// The names of the inputs' objects that are columns, in the order of the fields; nothing if the inputs are CSV.
    #[serde(default)]
    pub object_names: Vec<String>,
    /// Notices for the user.
    pub notices: Vec<String>,
}

impl TablePlan {
    /// Why rows cannot simply be appended in the order in which they come; `None` when their row ids are sure to ascend and the table need
    /// not be asked about them.
    pub fn append_obstacle(&self) -> Option<&'static str> {
        match (self.dedup, self.row_ids) {
            (DedupPlan::Database, _) if !self.key_columns.is_empty() => Some(ASKED_FOR_EACH_ROW),
            _ if !self.unique.is_empty() => Some(ASKED_FOR_EACH_ROW),
            _ if self.empties => Some("the table's rows are deleted first"),
            (DedupPlan::Database, RowIds::Key) => Some("the input's row ids come in any order"),
            (_, RowIds::None) => Some("the table is WITHOUT ROWID"),
            _ => None,
        }
    }

    /// The plan for the records that follow the first `records`, which are in a table whose greatest row id is `max_row_id`: by now the key
    /// has its index, which knows every key of the table.
    pub fn after(&self, max_row_id: Option<i64>, records: u64) -> TablePlan {
        TablePlan {
            row_ids: match self.row_ids {
                // Others have added rows, which have taken the next numbers.
                RowIds::Ordinal { base } if max_row_id.is_some_and(|max| max > base + records as i64) => RowIds::Given,
                row_ids => row_ids,
            },
            dedup: match self.dedup {
                DedupPlan::Ascending { .. } => DedupPlan::Ascending { last: max_row_id },
                DedupPlan::Filter | DedupPlan::Database => DedupPlan::Database,
            },
            create: false,
            adds: Vec::new(),
            build_key_index: false,
            guess: None,
            notices: Vec::new(),
            ..self.clone()
        }
    }

    /// Checks that the table, which was loaded with this plan, can take the records that follow.
    ///
    /// # Errors
    /// `Schema` with everything about it that was changed since.
    pub fn check_grown_table(&self, info: &TableInfo, then: Option<&TableShape>) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut table_indices = Vec::new();
        for column in &self.columns {
            let found = info
                .columns
                .iter()
                .position(|other| other.name.eq_ignore_ascii_case(&column.name));
            match found {
                Some(index) => table_indices.push(index),
                None => problems.push(format!("column \"{}\" is gone", column.name)),
            }
        }
        if problems.is_empty() {
            let row_id_column = self.row_id_column.map(|index| table_indices[index]);
            let key_is_row_id = row_id_column.is_some() && self.key_columns[..] == [self.row_id_column.unwrap_or(0)];
            if row_id_column.is_some() && row_id_column != info.row_id_column {
                problems.push("its primary key is another column".to_owned());
            }
            let covered = self.key_columns.is_empty() || key_is_row_id;
            if !covered && !has_unique_index(info, &self.key_columns, &table_indices) {
                problems.push("its unique index on the key is gone".to_owned());
            }
        }
        if problems.is_empty() {
            problems.extend(then.and_then(|then| then.difference(&info.shape())));
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::schema(format!(
            "table \"{}\" is no longer as the last load of this file left it; nothing was loaded:\n  {}\nput it back, or start afresh with \
             {RESTART}",
            info.name,
            problems.join("\n  ")
        )))
    }

    /// Why `order`, the order of all keys, is not the one that was guessed, in words; `None` if it is the same, or if none was guessed.
    pub fn refuted_by_order(&self, order: &KeyOrder) -> Option<String> {
        let [key] = self.key_columns[..] else { return None };
        let column = &self.columns[key];
        let guessed = self.row_id_column.is_some();
        let is_guess = self.guess.is_some() && column.column_type == ColumnType::Integer;
        (is_guess && order.ascends() != guessed).then(|| {
            let found = if guessed { "do not ascend" } else { "ascend" };
            format!(
                "the keys in column \"{}\" {found}, unlike the first of them",
                column.name
            )
        })
    }

    /// The name by which whoever asked for the load knows the table.
    pub fn shown_table(&self) -> &str {
        self.replaces.as_ref().unwrap_or(&self.table)
    }

    /// The plan of the table once it has the place that it is for.
    pub fn in_place(&self) -> TablePlan {
        TablePlan {
            table: self.shown_table().to_owned(),
            replaces: None,
            ..self.clone()
        }
    }

    /// The names of these of its columns.
    pub fn names(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|&index| self.columns[index].name.clone()).collect()
    }

    /// Whether a column holds the number of each record.
    pub fn has_record_number(&self) -> bool {
        (self.given.iter()).any(|given| given.values == GivenValues::RecordNumber)
    }

    /// What validation needs for input `file_index`, of which no record repeats the header or ends with a delimiter.
    pub fn row_plan(&self, file_index: usize, field_count: usize, options: &LoadOptions) -> RowPlan {
        let key = match self.dedup {
            DedupPlan::Filter => KeyPlan::Hashed(self.key_columns.iter().map(|&index| index as u32).collect()),
            _ => self
                .row_id_column
                .map_or(KeyPlan::None, |index| KeyPlan::RowId(index as u32)),
        };
        RowPlan {
            columns: self.columns.clone(),
            sources: self.sources[file_index].clone(),
            given: (self.given.iter())
                .map(|given| (given.column, given.values.of_input(file_index)))
                .collect(),
            field_count: field_count as u32,
            widths: options.columns.widths,
            key,
            cells: options.dialect.cells.clone(),
            numbers: options.dialect.written.numbers,
            recodings: Recoding::of_all(&self.columns, &options.dialect.written),
            rules: contract::column_rules(self, options),
            repeated_header: None,
            trailing_delimiter: false,
            max_record_bytes: options.limits.max_record_bytes,
            guess: self.guess.clone(),
            settled: self.settled.clone(),
            every_fault: options.wants_every_fault(),
        }
    }
}

fn difference(missing: &[&str], extra: &[&str]) -> String {
    let part = |word: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("{word} {}", names.join(", "))
    };
    match (missing.is_empty(), extra.is_empty()) {
        (false, false) => format!("{}; {}", part("missing", missing), part("unexpected", extra)),
        (false, true) => part("missing", missing),
        _ => part("unexpected", extra),
    }
}

/// Position of `name`, compared as SQLite compares identifiers.
fn find(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|other| other.eq_ignore_ascii_case(name))
}

/// Positions of the columns that `option` names, such as those of the key.
///
/// # Errors
/// `Usage`, listing the columns there are.
pub fn key_columns(names: &[String], wanted: &[String], option: OptionName) -> Result<Vec<usize>, Error> {
    let mut columns = Vec::new();
    for name in wanted {
        let index = find(names, name).ok_or_else(|| unknown_column(name, names, option))?;
        if columns.contains(&index) {
            return Err(Error::usage(format!("{option} names \"{name}\" twice")));
        }
        columns.push(index);
    }
    Ok(columns)
}

/// Whether columns of these names have taken all the names of the row id: then only SQLite can number the rows.
fn has_nameless_row_ids(names: &[String]) -> bool {
    let taken = |name: &&str| find(names, name).is_some();
    ["rowid", "_rowid_", "oid"].iter().all(taken)
}

/// The columns that are to be NOT NULL.
///
/// # Errors
/// As [`key_columns`]; `Schema` for one that an input does not have.
fn not_null_columns(table: &str, layout: &Layout, options: &LoadOptions) -> Result<Vec<usize>, Error> {
    let columns = key_columns(&layout.names, &options.table.not_null, NOT_NULL)?;
    let lacking = |&index: &usize| Some((index, layout.lacking(index)?));
    match columns.iter().find_map(lacking) {
        Some((index, path)) => Err(Error::schema(format!(
            "column \"{}\" of table \"{table}\" is to be NOT NULL, and {} does not have it; leave it out of {NOT_NULL}, or load that file into \
             another table",
            layout.names[index],
            path.display()
        ))),
        None => Ok(columns),
    }
}

/// The columns of each unique index that is asked for, but for one that is the key's.
///
/// # Errors
/// As [`key_columns`].
fn unique_indexes(names: &[String], key: &[usize], options: &LoadOptions) -> Result<Vec<Vec<usize>>, Error> {
    let mut unique: Vec<Vec<usize>> = Vec::new();
    for wanted in &options.table.unique {
        let columns = key_columns(names, wanted, UNIQUE)?;
        if columns != key && !unique.contains(&columns) {
            unique.push(columns);
        }
    }
    Ok(unique)
}

/// The columns that are to be made searchable for words; `is_nameless`: nothing names the table's row ids.
///
/// # Errors
/// As [`key_columns`]; `Usage` for a table whose rows cannot be named.
fn full_text(names: &[String], is_nameless: bool, options: &LoadOptions) -> Result<Vec<usize>, Error> {
    let columns = key_columns(names, &options.table.fts, FTS)?;
    match is_nameless && !columns.is_empty() {
        true => Err(Error::usage(format!(
            "{FTS} finds rows by their row ids, which have no name in this table; leave it out"
        ))),
        false => Ok(columns),
    }
}

/// The error for an `option` that names a column which is none of `names`.
fn unknown_column(name: &str, names: &[String], option: OptionName) -> Error {
    let nearest = nearest(name, names).map_or_else(String::new, |nearest| format!(" (is \"{nearest}\" meant?)"));
    let names: Vec<String> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("\"{name}\""))
        .collect();
    Error::usage(format!(
        "{option} names \"{name}\", which is not a column{nearest}; the columns are {}",
        names.join(", ")
    ))
}

/// How the column called `name` is written, which is declared as `column_type`, if it is not in the usual form.
fn pattern_of(name: &str, column_type: ColumnType, options: &LoadOptions) -> Option<String> {
    let dates = &options.dialect.written.dates;
    let own = options
        .contract
        .formats
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    match (own, column_type) {
        (Some((_, pattern)), _) => Some(pattern.clone()),
        (None, ColumnType::Date) => dates.date.clone(),
        (None, ColumnType::DateTime) => dates.date_time.clone(),
        _ => None,
    }
}

/// Why columns of numbers became TEXT, with the first value that made them so and the option that would load it.
pub fn text_notices(columns: &[Column], facts: &Facts, paths: &[PathBuf]) -> Vec<String> {
    let reasons = text_reasons(columns, facts, paths).into_iter();
    reasons
        .map(|(index, why)| format!("column \"{}\" is TEXT: {why}", columns[index].name))
        .collect()
}

/// The indices of columns of numbers that became TEXT, and why.
pub fn text_reasons(columns: &[Column], facts: &Facts, paths: &[PathBuf]) -> Vec<(usize, String)> {
    let reason = |(index, column): (usize, &Column)| {
        let NoNumber { why, value, place } = facts.no_number(index).filter(|_| !column.declared)?;
        let Column { name, .. } = column;
        let place = format!("{}, line {}", paths[place.file_index].display(), place.line);
        let is_unquoted = value.is_empty();
        let value = excerpt(value, NOTICE_CHARS);
        let way = match why {
            WhyNoNumber::Empty if is_unquoted => {
                format!("{EMPTY} null loads it as NULL and the others as numbers")
            }
            WhyNoNumber::Empty => format!("{EMPTY_AS_NULL} loads it as NULL and the others as numbers"),
            WhyNoNumber::HugeInteger | WhyNoNumber::LargeInteger | WhyNoNumber::LostDigits => {
                format!("{COLUMN_TYPE} {name}=real loads it rounded")
            }
            _ => format!("{COLUMN_TYPE} {name}=real loads it as a number"),
        };
        Some((index, format!("'{value}' ({place}) {}; {way}", why.words())))
    };
    columns.iter().enumerate().filter_map(reason).collect()
}

/// The columns that are TEXT because nothing else was said or found, each with the first value that is no number, where others are.
pub fn found_texts(columns: &[Column], facts: &Facts, paths: &[PathBuf]) -> Vec<UndeclaredText> {
    let is_found = |(_, column): &(usize, &Column)| !column.declared && column.column_type == ColumnType::Text;
    let found = columns.iter().enumerate().filter(is_found);
    let text = |(index, column): (usize, &Column)| UndeclaredText {
        column: column.name.clone(),
        first_other: facts.first_other(index).map(|other| {
            let line = format!("line {}", grouped(other.place.line));
            let place = match paths {
                [_] => line,
                paths => format!("{line} of {}", paths[other.place.file_index].display()),
            };
            (other.value.to_vec(), place)
        }),
    };
    found.map(text).collect()
}

/// Plans a table that the load creates. `facts` come from inference, or from the head if every type is declared.
///
/// # Errors
/// `Usage` when an option names no column, or a value that its column does not take.
pub fn plan_new_table(
    table: String,
    layout: &Layout,
    facts: &Facts,
    options: &LoadOptions,
) -> Result<TablePlan, Error> {
    let names = &layout.names;
    let declared = layout.declared_types(options)?;
    let key_columns = layout.key(options)?;
    let contract_fields = contract::contract_fields(layout, options)?;
    let not_null = not_null_columns(&table, layout, options)?;
    let is_required = |index| contract::field(&contract_fields, index, options).is_some_and(|field| field.is_required);
    let column = |(index, name): (usize, &String)| Column {
        declared: declared[index].is_some(),
        not_null: not_null.contains(&index) || is_required(index),
        pattern: declared[index].and_then(|declared| pattern_of(name, declared, options)),
        ..Column::new(name, declared[index].unwrap_or_else(|| facts.column_type(index)))
    };
    let mut columns: Vec<Column> = names.iter().enumerate().map(column).collect();
    // A row id cannot be NULL.
    let may_be_row_id = !(options.contract.agreed.as_ref()).is_some_and(|agreed| agreed.key_may_be_null);
    let row_id_column = match key_columns[..] {
        [index] if columns[index].column_type == ColumnType::Integer && facts.key_order().ascends() => Some(index),
        _ => None,
    }
    .filter(|_| may_be_row_id);
    if let Some(index) = row_id_column {
        columns[index].not_null = false;
    }
    let constraints = contract::of_new_table(&contract_fields, names, (&key_columns, row_id_column), options)?;
    let unique = unique_indexes(names, &key_columns, options)?;
    // Where a row's fate depends on those before it, SQLite judges each in its turn.
    let (is_plain, is_nameless) = (constraints.is_empty(), has_nameless_row_ids(names));
    let dedup = match (key_columns.is_empty(), row_id_column) {
        (without_key, _) if without_key || !is_plain || !unique.is_empty() => DedupPlan::Database,
        (_, Some(_)) => DedupPlan::Ascending { last: None },
        (_, None) if is_nameless => DedupPlan::Database,
        (_, None) => DedupPlan::Filter,
    };
    Ok(TablePlan {
        table,
        create: true,
        row_id_column,
        row_ids: new_row_ids(row_id_column, is_nameless || !is_plain),
        build_key_index: is_plain && !key_columns.is_empty() && row_id_column.is_none(),
        repeats: plan_repeats(&columns, &key_columns, &options.contract.on_duplicate)?,
        key_columns,
        contract_fields,
        constraints,
        dedup,
        strict: options.table.strict,
        unique,
        definition: None,
        adds: Vec::new(),
        place_is_free: false,
        one_transaction: false,
        notes_keys: false,
        replaces: None,
        empties: false,
        fts: full_text(names, is_nameless && row_id_column.is_none(), options)?,
        sources: layout.sources.clone(),
        given: layout.given_columns(&columns, &options.dialect.written)?,
        columns,
        guess: None,
        settled: None,
        dialects: Vec::new(),
        object_names: Vec::new(),
        notices: Vec::new(),
    })
}

/// The row ids of a table that the load makes; `are_given`: only SQLite can number its rows.
fn new_row_ids(row_id_column: Option<usize>, are_given: bool) -> RowIds {
    match row_id_column {
        Some(_) => RowIds::Key,
        None if are_given => RowIds::Given,
        None => RowIds::Ordinal { base: 0 },
    }
}

fn has_unique_index(info: &TableInfo, key_columns: &[usize], table_indices: &[usize]) -> bool {
    let mut key: Vec<usize> = key_columns.iter().map(|&index| table_indices[index]).collect();
    key.sort_unstable();
    info.unique_keys.iter().any(|unique| {
        let mut columns = unique.columns.clone();
        columns.sort_unstable();
        columns == key
    })
}
