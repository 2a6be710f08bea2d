//! Which columns the table gets, and where each comes from: from a field of an input, by name, or from none.
//!
//! Comes in: the headers of the inputs, and what was asked for. Goes out: the columns' names, first those that come from fields; for each
//! input the field of each column. Names are compared as SQLite compares them, without regard to ASCII case.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::contract::{self, contract_fields};
use super::{GivenColumn, GivenValues, difference, key_columns, unknown_column};
use crate::error::Error;
use crate::head::MAX_COLUMNS;
use crate::option_name::{
    COLUMN_TYPE, COLUMNS, CONSTANT, FILENAME_COLUMN, KEY, OptionName, RENAME, ROW_NUMBER, UNION_BY_NAME,
};
use crate::options::{ColumnOptions, LoadOptions};
use crate::schema::stored::stored;
use crate::schema::written::WrittenForms;
use crate::schema::{Column, ColumnType, NO_FIELD};

/// The header of an input.
pub struct Header<'a> {
    pub path: &'a Path,
    pub names: &'a [String],
}

/// The columns that a load fills, and where they come from.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Their names in the table: those that come from fields, and then the others.
    pub names: Vec<String>,
    /// For each input, the field of each column; [`NO_FIELD`] for those that it does not have.
    pub sources: Vec<Vec<u32>>,
    /// The inputs' own names of the columns that come from fields.
    pub input_names: Vec<String>,
    /// The columns that come from no field.
    given: Vec<GivenSource>,
    /// For each column that comes from fields, the first input without it.
    lacking: Vec<Option<PathBuf>>,
    /// What the inputs are called.
    paths: Vec<PathBuf>,
}

/// Where a column comes from that comes from no field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum GivenSource {
    Constant(String),
    Filename,
    RecordNumber,
}

impl GivenSource {
    fn option(&self) -> OptionName {
        match self {
            GivenSource::Constant(_) => CONSTANT,
            GivenSource::Filename => FILENAME_COLUMN,
            GivenSource::RecordNumber => ROW_NUMBER,
        }
    }
}

/// The header of an input, under the names that its columns have in the table.
struct Renamed<'a> {
    header: &'a Header<'a>,
    /// The fields, by their columns' names in lower case.
    fields: HashMap<String, usize>,
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl<'a> Renamed<'a> {
    /// # Errors
    /// `Usage` when two columns would have one name.
    fn of(header: &'a Header<'a>, options: &ColumnOptions) -> Result<Self, Error> {
        let mut fields = HashMap::new();
        for (field, name) in header.names.iter().enumerate() {
            let new = options.renamed(name);
            if let Some(other) = fields.insert(folded(new), field) {
                return Err(Error::usage(format!(
                    "{RENAME} gives two columns of {} the name \"{new}\": \"{}\" and \"{name}\"",
                    header.path.display(),
                    header.names[other]
                )));
            }
        }
        Ok(Renamed { header, fields })
    }

    fn field(&self, name: &str) -> Option<usize> {
        self.fields.get(&folded(name)).copied()
    }

    fn source(&self, name: &str) -> u32 {
        self.field(name).map_or(NO_FIELD, |field| field as u32)
    }
}

impl Layout {
    /// Lays out the columns of a load of inputs with these `headers`.
    ///
    /// # Errors
    /// `Schema` listing every input whose header differs, and how; `Usage` when an option names a column that is not there.
    pub fn of(headers: &[Header<'_>], options: &ColumnOptions) -> Result<Layout, Error> {
        check_names(headers, options)?;
        let renamed = headers.iter().map(|header| Renamed::of(header, options));
        let renamed = renamed.collect::<Result<Vec<_>, Error>>()?;
        let input_names = input_names(headers, options);
        let mut names: Vec<String> = input_names
            .iter()
            .map(|name| options.renamed(name).to_owned())
            .collect();
        check_headers(&renamed, &names, options)?;
        let lacking = |name: &String| {
            let without = renamed.iter().find(|renamed| renamed.field(name).is_none());
            without.map(|renamed| renamed.header.path.to_owned())
        };
        let lacking: Vec<Option<PathBuf>> = names.iter().map(lacking).collect();
        for (name, option) in options.given() {
            if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(Error::usage(format!(
                    "{option} names \"{name}\", which is a column of the input already; leave that out with {COLUMNS}, or use another name"
                )));
            }
        }
        names.extend(options.given().map(|(name, _)| name.to_owned()));
        if names.len() > MAX_COLUMNS {
            return Err(Error::usage(format!(
                "the table would have {} columns, and SQLite takes at most {MAX_COLUMNS}; choose some with {COLUMNS}",
                names.len()
            )));
        }
        let constants = options
            .constants
            .iter()
            .map(|(_, text)| GivenSource::Constant(text.clone()));
        let filename = options.filename.iter().map(|_| GivenSource::Filename);
        let row_number = options.row_number.iter().map(|_| GivenSource::RecordNumber);
        Ok(Layout {
            sources: renamed
                .iter()
                .map(|renamed| names[..lacking.len()].iter().map(|name| renamed.source(name)))
                .map(|fields| {
                    let mut sources: Vec<u32> = fields.collect();
                    sources.resize(names.len(), NO_FIELD);
                    sources
                })
                .collect(),
            given: constants.chain(filename).chain(row_number).collect(),
            paths: headers.iter().map(|header| header.path.to_owned()).collect(),
            names,
            input_names,
            lacking,
        })
    }

    /// How many columns come from fields.
    pub fn field_columns(&self) -> usize {
        self.lacking.len()
    }

    /// The option that asks for a column; `None` if it comes from fields.
    pub fn given_by(&self, column: usize) -> Option<OptionName> {
        let given = self.given.get(column.checked_sub(self.field_columns())?)?;
        Some(given.option())
    }

    /// The first input that does not have a column that others have.
    pub fn lacking(&self, column: usize) -> Option<&Path> {
        self.lacking.get(column)?.as_deref()
    }

    /// Positions of the columns of the key.
    ///
    /// # Errors
    /// `Usage` for a key that cannot distinguish records, or not before they are counted; `Schema` for an input without a column of it.
    pub fn key(&self, options: &LoadOptions) -> Result<Vec<usize>, Error> {
        let key = key_columns(&self.names, &options.contract.key, KEY)?;
        for &column in &key {
            let name = &self.names[column];
            if let Some(path) = self.lacking(column) {
                return Err(Error::schema(format!(
                    "column \"{name}\" of the key is not in {}; nothing was loaded",
                    path.display()
                )));
            }
            if self.given_by(column) == Some(ROW_NUMBER) {
                return Err(Error::usage(format!(
                    "{KEY} names \"{name}\", the record's number, by which no two records of an input are the same; leave it out of {KEY}"
                )));
            }
        }
        if !key.is_empty() && key.iter().all(|&column| self.given_by(column).is_some()) {
            return Err(Error::usage(format!(
                "{KEY} names only columns that are the same in all records of an input; add one of the input's own"
            )));
        }
        Ok(key)
    }

    /// The declared type of each column, if it has one: those that come from no field always do.
    ///
    /// # Errors
    /// `Usage` when a type is declared for a column that is not there, or that has another.
    pub fn declared_types(&self, options: &LoadOptions) -> Result<Vec<Option<ColumnType>>, Error> {
        let mut types = self.types_by_name(options)?;
        for (column, column_type) in types.iter_mut().enumerate() {
            if self.given_by(column) == Some(ROW_NUMBER) {
                *column_type = Some(ColumnType::Integer);
            } else if options.contract.all_text || self.given_by(column).is_some() {
                *column_type = column_type.or(Some(ColumnType::Text));
            }
        }
        Ok(types)
    }

    /// The type that is declared for each column by its name.
    ///
    /// # Errors
    /// As [`declared_types`](Self::declared_types).
    pub(super) fn types_by_name(&self, options: &LoadOptions) -> Result<Vec<Option<ColumnType>>, Error> {
        let fields = contract_fields(self, options)?;
        let mut types: Vec<Option<ColumnType>> = (0..self.names.len())
            .map(|column| contract::field(&fields, column, options).map(|field| field.column_type))
            .collect();
        for (name, column_type) in &options.contract.types {
            let index = key_columns(&self.names, std::slice::from_ref(name), COLUMN_TYPE)?;
            if self.given_by(index[0]) == Some(ROW_NUMBER) && *column_type != ColumnType::Integer {
                return Err(Error::usage(format!(
                    "{COLUMN_TYPE} declares \"{name}\", the record's number, as something else than an integer"
                )));
            }
            types[index[0]] = Some(*column_type);
        }
        Ok(types)
    }

    /// What the columns hold that come from no field, where these are all `columns`.
    ///
    /// # Errors
    /// `Usage` for a value that its column does not take.
    pub(super) fn given_columns(&self, columns: &[Column], forms: &WrittenForms) -> Result<Vec<GivenColumn>, Error> {
        let given = self.given.iter().enumerate().map(|(index, source)| {
            let index = self.field_columns() + index;
            let column = &columns[index];
            let value = |text: &str| {
                stored(text, column, forms).map_err(|_| {
                    Error::usage(format!(
                        "{} {}: '{text}' is no {}, which the column's type is",
                        source.option(),
                        column.name,
                        column.column_type.as_str()
                    ))
                })
            };
            let values = match source {
                GivenSource::Constant(text) => GivenValues::Same(value(text)?),
                GivenSource::Filename => {
                    let values = self.paths.iter().map(|path| value(&path.to_string_lossy()));
                    GivenValues::OfInput(values.collect::<Result<_, _>>()?)
                }
                GivenSource::RecordNumber => GivenValues::RecordNumber,
            };
            Ok(GivenColumn { column: index, values })
        });
        given.collect()
    }
}

/// The inputs' own names of the columns that come from fields, in the order of the table.
fn input_names(headers: &[Header<'_>], options: &ColumnOptions) -> Vec<String> {
    if let Some(chosen) = &options.chosen {
        // As the first input that has it writes it.
        let written = |name: &String| {
            let mut names = headers.iter().flat_map(|header| header.names);
            names
                .find(|other| other.eq_ignore_ascii_case(name))
                .unwrap_or(name)
                .clone()
        };
        return chosen.iter().map(written).collect();
    }
    if !options.union_by_name {
        return headers[0].names.to_vec();
    }
    let mut names = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for name in headers.iter().flat_map(|header| header.names) {
        if seen.insert(folded(options.renamed(name))) {
            names.push(name.clone());
        }
    }
    names
}

/// Checks that the columns that options name are there.
fn check_names(headers: &[Header<'_>], options: &ColumnOptions) -> Result<(), Error> {
    let is_there = |name: &str| {
        let mut names = headers.iter().flat_map(|header| header.names);
        names.any(|other| other.eq_ignore_ascii_case(name))
    };
    let names = || -> Vec<String> {
        let plain = ColumnOptions {
            union_by_name: true,
            ..ColumnOptions::default()
        };
        input_names(headers, &plain)
    };
    for name in options.chosen.iter().flatten() {
        if !is_there(name) {
            let old = options.renamed.iter().find(|(_, new)| new.eq_ignore_ascii_case(name));
            return Err(match old {
                Some((old, _)) => Error::usage(format!(
                    "{COLUMNS} names \"{name}\", which is a column's new name; it takes the names of the input: \"{old}\""
                )),
                None => unknown_column(name, &names(), COLUMNS),
            });
        }
    }
    for (old, _) in &options.renamed {
        if !is_there(old) {
            return Err(unknown_column(old, &names(), RENAME));
        }
        let is_chosen = |chosen: &Vec<String>| chosen.iter().any(|name| name.eq_ignore_ascii_case(old));
        if !options.chosen.as_ref().is_none_or(is_chosen) {
            return Err(Error::usage(format!(
                "{RENAME} names \"{old}\", which {COLUMNS} leaves out; add it there, or leave it out here too"
            )));
        }
    }
    Ok(())
}

/// Checks that every input has the columns of the first, or those that were chosen, and no others.
fn check_headers(all: &[Renamed<'_>], names: &[String], options: &ColumnOptions) -> Result<(), Error> {
    if options.union_by_name {
        return Ok(());
    }
    let wanted: HashMap<String, usize> = names
        .iter()
        .enumerate()
        .map(|(index, name)| (folded(name), index))
        .collect();
    let mut problems = Vec::new();
    for renamed in all {
        let missing = names.iter().filter(|name| renamed.field(name).is_none());
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        let is_extra =
            |name: &&String| options.chosen.is_none() && !wanted.contains_key(&folded(options.renamed(name)));
        let extra = renamed.header.names.iter().filter(is_extra);
        let extra: Vec<&str> = extra.map(String::as_str).collect();
        if !missing.is_empty() || !extra.is_empty() {
            let path = renamed.header.path.display();
            problems.push(format!("{path}: {}", difference(&missing, &extra)));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let what = match options.chosen {
        Some(_) => "not every input has the columns that were chosen".to_owned(),
        None => format!("headers differ from that of {}", all[0].header.path.display()),
    };
    Err(Error::schema(format!(
        "{what}; nothing was loaded:\n  {}\nwith {UNION_BY_NAME} what an input lacks is NULL; {COLUMNS} chooses columns that all have",
        problems.join("\n  ")
    )))
}
