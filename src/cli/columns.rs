//! Flags that say which columns there are.

use rowmill::internal::options::ColumnOptions;
use rowmill::internal::schema::widths::Widths;

use super::names::{Names, Pair, parse_constant, parse_list, parse_renamed};

/// Which columns there are.
#[derive(Debug, clap::Args)]
pub struct ColumnFlags {
    /// Load only these columns of the input, in this order
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, help_heading = "Columns")]
    columns: Option<Names>,
    /// Give a column of the input another name; repeatable
    ///
    /// By the new name --key, --index and --types know it.
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_renamed, help_heading = "Columns")]
    rename: Vec<Pair>,
    /// Load files that have other columns: what one lacks is NULL
    ///
    /// The table has the columns of all.
    #[arg(long, help_heading = "Columns")]
    union_by_name: bool,
    /// Load records with more fields than the header: the rest is left out, and the records are counted
    #[arg(long, hide_short_help = true, help_heading = "Columns")]
    ignore_extra: bool,
    /// Load records with fewer fields than the header: what they lack is NULL, and the records are counted
    #[arg(long, hide_short_help = true, help_heading = "Columns")]
    fill_missing: bool,
    /// Add a column that is the same in every row; repeatable
    #[arg(long = "const", value_name = "NAME=VALUE", value_parser = parse_constant, hide_short_help = true, help_heading = "Columns")]
    constants: Vec<Pair>,
    /// Add a column with the input's name, as the errors file has it
    #[arg(long, value_name = "NAME", hide_short_help = true, help_heading = "Columns")]
    filename_column: Option<String>,
    /// Add a column with the record's number in its input, as the errors file has it
    #[arg(long, value_name = "NAME", hide_short_help = true, help_heading = "Columns")]
    row_number: Option<String>,
}

impl From<ColumnFlags> for ColumnOptions {
    fn from(flags: ColumnFlags) -> Self {
        ColumnOptions {
            chosen: flags.columns,
            renamed: flags.rename,
            union_by_name: flags.union_by_name,
            widths: Widths {
                ignore_extra: flags.ignore_extra,
                fill_missing: flags.fill_missing,
            },
            constants: flags.constants,
            filename: flags.filename_column,
            row_number: flags.row_number,
        }
    }
}
