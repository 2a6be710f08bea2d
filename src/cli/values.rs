//! Flags that say what the cells of each column are.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use rowmill::internal::options::ContractSource;
use rowmill::internal::schema::cells::CellRules;
use rowmill::{ColumnType, EmptyCell, Inference};

use super::names::{Types, parse_types};
use super::usage;

/// What values are.
#[derive(Debug, clap::Args)]
pub struct ValueFlags {
    /// A Table Schema (JSON): types, rules and keys of the columns
    ///
    /// In the form of Frictionless Data. A value that breaks a rule is rejected (rule_failed). --types, --null, --empty and --empty-as-null come before what it says of a
    /// column. Its primaryKey is the --key; in a table that the load makes, required fields are NOT NULL, unique ones have an index, and
    /// foreign keys are declared.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Table")]
    schema: Option<PathBuf>,
    /// Declare column types; a value that does not fit is rejected
    #[arg(long, value_name = "COL=TYPE[,...]", value_parser = parse_types, help_heading = "Table")]
    types: Vec<Types>,
    /// Make columns TEXT unless --types declares them
    #[arg(long, help_heading = "Table")]
    pub(super) text: bool,
    /// Load fields that are this word as NULL, such as NA; repeatable
    ///
    /// Only without quotes: NULL, \N, NA, -.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Table")]
    null: Vec<String>,
    /// What an empty field without quotes is: null, text (the empty one, like "") or default (its column's, in a table that exists)
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        hide_possible_values = true,
        default_value = "null",
        hide_short_help = true,
        help_heading = "Table"
    )]
    empty: EmptyArg,
    /// Load quoted empty fields as what unquoted ones are: NULL, or with --empty default their column's DEFAULT
    #[arg(long, hide_short_help = true, help_heading = "Table")]
    empty_as_null: bool,
}

/// [`EmptyCell`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmptyArg {
    Null,
    Text,
    Default,
}

/// [`Inference`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum InferArg {
    Auto,
    Whole,
    Guess,
}

impl From<InferArg> for Inference {
    fn from(way: InferArg) -> Self {
        match way {
            InferArg::Auto => Inference::Auto,
            InferArg::Whole => Inference::Whole,
            InferArg::Guess => Inference::Guess,
        }
    }
}

/// Types that were declared, and how the dates and times among them are written, by the columns' names.
pub(super) type DeclaredTypes = (Vec<(String, ColumnType)>, Vec<(String, String)>);

impl ValueFlags {
    /// Where the contract comes from, if there is one.
    pub(super) fn take_schema(&mut self) -> Option<ContractSource> {
        self.schema.take().map(ContractSource::File)
    }

    /// Takes the types that were declared for `command`.
    ///
    /// # Errors
    /// A usage error when a column's type is declared twice.
    pub(super) fn take_types(&mut self, command: &str) -> Result<DeclaredTypes, clap::Error> {
        let (mut types, mut formats): DeclaredTypes = (Vec::new(), Vec::new());
        for declared in self.types.drain(..).flatten() {
            if types
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(&declared.column))
            {
                let message = format!("--types declares column '{}' twice", declared.column);
                return Err(usage(command, message));
            }
            if let Some(format) = declared.format {
                formats.push((declared.column.clone(), format));
            }
            types.push((declared.column, declared.column_type));
        }
        Ok((types, formats))
    }

    /// Takes how cells are read.
    pub(super) fn take_cells(&mut self) -> CellRules {
        CellRules {
            null_words: std::mem::take(&mut self.null),
            empty: match self.empty {
                EmptyArg::Null => EmptyCell::Null,
                EmptyArg::Text => EmptyCell::Text,
                EmptyArg::Default => EmptyCell::Default,
            },
            quoted_empty_is_empty: self.empty_as_null,
        }
    }
}
