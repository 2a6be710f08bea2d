//! Which columns the table gets from the inputs, and which besides.

use crate::error::Error;
use crate::option_name::{
    COLUMNS, CONSTANT, FILENAME_COLUMN, FILL_MISSING, IGNORE_EXTRA, OptionName, RENAME, ROW_NUMBER, UNION_BY_NAME,
};
use crate::schema::identifier::listed;
use crate::schema::widths::Widths;

/// Most bytes of all [`constants`](ColumnOptions::constants) together: each row holds them once more, and rows in flight have little room.
pub const MAX_CONSTANT_BYTES: usize = 1 << 10;

/// Which columns the table gets.
#[derive(Debug, Clone, Default)]
pub struct ColumnOptions {
    /// Columns of the inputs that are loaded, in the table's order, by the inputs' own names; `None`: all.
    pub chosen: Option<Vec<String>>,
    /// Names of columns in the inputs, each with its name in the table.
    pub renamed: Vec<(String, String)>,
    /// Inputs may lack columns that others have: what they lack is NULL.
    pub union_by_name: bool,
    /// What becomes of records that have more or fewer fields than the header.
    pub widths: Widths,
    /// Columns that are the same in every row, and what they are.
    pub constants: Vec<(String, String)>,
    /// The column for the input's name.
    pub filename: Option<String>,
    /// The column for the record's number in its input.
    pub row_number: Option<String>,
}

impl ColumnOptions {
    /// The name in the table of the inputs' column `name`.
    pub fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        let renamed = self.renamed.iter().find(|(old, _)| old.eq_ignore_ascii_case(name));
        renamed.map_or(name, |(_, new)| new)
    }

    /// The columns that come from no field, and the option that asks for each.
    pub fn given(&self) -> impl Iterator<Item = (&str, OptionName)> {
        let constants = self.constants.iter().map(|(name, _)| (name.as_str(), CONSTANT));
        let filename = self.filename.iter().map(|name| (name.as_str(), FILENAME_COLUMN));
        let row_number = self.row_number.iter().map(|name| (name.as_str(), ROW_NUMBER));
        constants.chain(filename).chain(row_number)
    }

    /// Each of these options, and how it is set, in words.
    pub fn described(&self) -> Vec<(OptionName, String)> {
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let none = || "none".to_owned();
        let pairs = |pairs: &[(String, String)]| match pairs {
            [] => none(),
            pairs => (pairs.iter())
                .map(|(left, right)| format!("{}={}", listed([left]), listed([right])))
                .collect::<Vec<_>>()
                .join(","),
        };
        vec![
            (COLUMNS, self.chosen.as_ref().map_or_else(|| "all".to_owned(), listed)),
            (RENAME, pairs(&self.renamed)),
            (UNION_BY_NAME, switch(self.union_by_name)),
            (IGNORE_EXTRA, switch(self.widths.ignore_extra)),
            (FILL_MISSING, switch(self.widths.fill_missing)),
            (CONSTANT, pairs(&self.constants)),
            (FILENAME_COLUMN, self.filename.clone().unwrap_or_else(none)),
            (ROW_NUMBER, self.row_number.clone().unwrap_or_else(none)),
        ]
    }

    /// # Errors
    /// `Usage` for names that cannot be, or that are there twice.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Some(chosen) = &self.chosen {
            if chosen.is_empty() {
                return Err(Error::usage(format!("{COLUMNS} names no column")));
            }
            check_each_once(chosen.iter().map(|name| (name.as_str(), COLUMNS)))?;
        }
        check_each_once(self.renamed.iter().map(|(old, _)| (old.as_str(), RENAME)))?;
        check_each_once(self.renamed.iter().map(|(_, new)| (new.as_str(), RENAME)))?;
        check_each_once(self.given())?;
        let of_constants = |(name, text): &(String, String)| match text.contains('\0') {
            true => Err(Error::usage(format!("{CONSTANT} {name}: a value cannot hold a NUL"))),
            false => Ok(text.len()),
        };
        let sizes = self.constants.iter().map(of_constants).collect::<Result<Vec<_>, _>>()?;
        if sizes.iter().sum::<usize>() > MAX_CONSTANT_BYTES {
            return Err(Error::usage(format!(
                "the values of {CONSTANT} are longer than {MAX_CONSTANT_BYTES} bytes in all; every row holds them, so put long ones into a table of their own"
            )));
        }
        Ok(())
    }
}

/// Checks that each name is one that a column can have, and is there once.
fn check_each_once<'a>(names: impl Iterator<Item = (&'a str, OptionName)>) -> Result<(), Error> {
    let mut seen: Vec<&str> = Vec::new();
    for (name, option) in names {
        if name.is_empty() || name.contains('\0') {
            return Err(Error::usage(format!(
                "{option}: a column needs a name, and no name has a NUL in it"
            )));
        }
        if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(Error::usage(format!(
                "{option} names \"{name}\", which is named before"
            )));
        }
        seen.push(name);
    }
    Ok(())
}
