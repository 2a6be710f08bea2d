//! `rowmill retry`: its flags, and the retry that they ask for.

use std::path::PathBuf;

use clap::ValueHint;
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{
    ContractOptions, DEFAULT_BATCH_ROWS, LimitOptions, RepeatOptions, TableOptions, TargetOptions,
};

use super::columns::ColumnFlags;
use super::input_format::InputFlags;
use super::names::{Names, RepeatsArg, parse_list, parse_repeats};
use super::outcome::{OutcomeFlags, Verbosity};
use super::resources::ResourceFlags;
use super::values::{InferArg, ValueFlags};

const ABOUT_RETRY: &str = "Load rejected records that were mended in the errors file, and take them out of it";

const LONG_ABOUT_RETRY: &str = "\
Load rejected records that were mended in the errors file, and take them out of it.

Mend the field raw of the errors file, with an editor or a spreadsheet, and run this with the
flags of the load. What is good now lands in the table, once; what is not stays in the file, with
its place and the reason. The files that the records came from are looked at for their headers.";

const EXAMPLES_AND_EXIT_CODES: &str = "\
Examples:
  rowmill load people.csv people.db --key id
  rowmill retry errors.csv people.db --key id

A record whose key is in the table by now is a duplicate, even of one that came after it. A file
in which nothing was mended stays as it is. Sizes, types and names of columns are written as for
a load: rowmill load --help

Exit codes:
    0  every record is in the table
    2  some records are still rejected, see the errors file
    3  stopped at --max-errors; the same command goes on
   64  wrong usage                           70  a defect in rowmill
   65  a line of the errors file is none     71  the system has no more memory
   66  a file is missing                     73  an output cannot be created
   74  reading or writing failed             75  the database or the errors file is busy
   78  the table does not fit the records
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; the same command goes on";

#[derive(Debug, clap::Args)]
#[command(
    about = ABOUT_RETRY,
    long_about = LONG_ABOUT_RETRY,
    after_long_help = EXAMPLES_AND_EXIT_CODES,
    arg_required_else_help = true
)]
pub struct RetryArgs {
    /// The errors file of a load, mended
    #[arg(value_name = "ERRORS", value_hint = ValueHint::FilePath)]
    errors: PathBuf,
    /// The database
    #[arg(value_name = "DB", value_hint = ValueHint::FilePath)]
    database: PathBuf,
    /// A file with the header of those that the records came from, if they are not there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Table")]
    like: Option<PathBuf>,
    /// Table to load into [default: the name of the file that the first record came from]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    table: Option<String>,
    /// Columns that make a row unique
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, help_heading = "Table")]
    key: Option<Names>,
    /// Do with records that repeat the key: reject, skip, abort, replace, update, update=COL,...
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = parse_repeats,
        default_value = "reject",
        hide_short_help = true,
        help_heading = "Table"
    )]
    on_duplicate: RepeatsArg,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    columns: ColumnFlags,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    outcome: OutcomeFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    /// Where undeclared column types of a table come from that is not there: auto, whole or guess
    #[arg(
        long,
        value_name = "WAY",
        value_enum,
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = "Speed and memory"
    )]
    infer: InferArg,
}

/// A retry as it was asked for.
#[derive(Debug)]
pub struct RetryCommand {
    pub errors: PathBuf,
    pub like: Option<PathBuf>,
    pub database: PathBuf,
    pub options: LoadOptions,
    pub verbosity: Verbosity,
}

impl RetryArgs {
    /// The retry that these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form when a column's type is declared twice.
    pub(super) fn into_retry(mut self) -> Result<RetryCommand, clap::Error> {
        let (types, formats) = self.values.take_types("retry")?;
        let mut errors = self.outcome.take_limits("retry")?;
        let on_duplicate = self.on_duplicate.take(&mut errors);
        Ok(RetryCommand {
            verbosity: self.outcome.verbosity(),
            options: LoadOptions {
                limits: LimitOptions {
                    errors,
                    max_record_bytes: self.input.max_record_bytes,
                },
                target: TargetOptions {
                    table: self.table,
                    errors: self.errors.clone(),
                    report: self.outcome.report,
                    safe_errors: self.outcome.safe_errors,
                    ..TargetOptions::default()
                },
                table: TableOptions::default(),
                contract: ContractOptions {
                    key: self.key.unwrap_or_default(),
                    on_duplicate,
                    all_text: self.values.text,
                    types,
                    formats,
                    inference: self.infer.into(),
                    source: self.values.take_schema(),
                    agreed: None,
                },
                columns: self.columns.into(),
                resources: self.resources.into_options(DEFAULT_BATCH_ROWS),
                dialect: self.input.into_dialect(self.values.take_cells()),
                repeat: RepeatOptions::default(),
                check: None,
            },
            errors: self.errors,
            like: self.like,
            database: self.database,
        })
    }
}
