//! Flags that say what the cells of each column are.

use clap::ValueEnum;
use rowmill::EmptyCell;
use rowmill::internal::schema::cells::CellRules;

use super::names::{Types, parse_types};
use super::usage;

/// What values are.
#[derive(Debug, clap::Args)]
pub struct ValueFlags {
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

impl ValueFlags {
    /// Takes the types that were declared.
    ///
    /// # Errors
    /// A usage error when a column's type is declared twice.
    pub(super) fn take_types(&mut self) -> Result<Types, clap::Error> {
        let mut types: Types = Vec::new();
        for declared in self.types.drain(..).flatten() {
            if types
                .iter()
                .any(|known| known.column.eq_ignore_ascii_case(&declared.column))
            {
                return Err(usage(format!("--types declares column '{}' twice", declared.column)));
            }
            types.push(declared);
        }
        Ok(types)
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
