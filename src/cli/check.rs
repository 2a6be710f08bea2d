//! `rowmill check`: its flags, and the check that they ask for.

use std::path::PathBuf;

use clap::ValueHint;
use rowmill::OnDuplicate;
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{
    CheckOptions, ContractOptions, DEFAULT_BATCH_ROWS, LimitOptions, RepeatOptions, TableOptions, TargetOptions,
};

use super::columns::ColumnFlags;
use super::input_format::InputFlags;
use super::names::{Names, parse_list};
use super::outcome::{OutcomeFlags, Verbosity};
use super::resources::ResourceFlags;
use super::usage;
use super::values::{InferArg, ValueFlags};

const ABOUT_CHECK: &str = "Check CSV or JSON Lines files without loading them: what a load would reject, and why";

const LONG_ABOUT_CHECK: &str = "\
Check CSV or JSON Lines files without loading them.

The counts and the errors file are those of a load into a table of a new database, byte by byte,
with the same flags; but no database is made. A check that was stopped begins anew.";

const EXAMPLES_AND_EXIT_CODES: &str = "\
Examples:
  rowmill check people.csv --key id
  rowmill check people.csv --types born=date --all-errors --errors faults.csv
  curl https://example.org/log.csv.gz | rowmill check - --max-errors 1%

Sizes, types and names of columns are written as for a load: rowmill load --help

Exit codes:
    0  every record can be loaded
    2  some records would be rejected or are duplicates, see the errors file
    3  stopped at --max-errors
   64  wrong usage                           70  a defect in rowmill
   65  the input cannot be loaded at all     71  the system has no more memory
   66  an input is missing                   73  an output cannot be created
   74  reading or writing failed             75  the errors file is in use
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; the errors file has what was found by then";

#[derive(Debug, clap::Args)]
#[command(
    about = ABOUT_CHECK,
    long_about = LONG_ABOUT_CHECK,
    after_long_help = EXAMPLES_AND_EXIT_CODES,
    arg_required_else_help = true
)]
pub struct CheckArgs {
    /// CSV or JSON Lines files, folders, patterns or - to check, as if they were loaded into one table
    #[arg(value_name = "INPUT", required_unless_present = "config", value_hint = ValueHint::FilePath)]
    inputs: Vec<PathBuf>,
    /// Columns that make a row unique: the first wins
    ///
    /// The others are duplicates, which are rejects. Keys are compared exactly; what does not fit into --memory goes into files without a
    /// name beside the errors file.
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, help_heading = "Table")]
    key: Option<Names>,
    /// Take flags, and inputs from a TOML file: key = "id"
    ///
    /// As for a load, and it may be the same file: what is only about a load is passed over. Flags that are given here take the
    /// place of the file's, and so do inputs. Lists are arrays, and pairs such as those of --types a table:
    /// types = { id = "integer" }. Paths are as they would be here.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Table")]
    config: Option<PathBuf>,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    columns: ColumnFlags,
    #[command(flatten)]
    input: InputFlags,
    /// Write a line for each value of a record that does not fit, not only for the first
    #[arg(long, help_heading = "Rejects and reports")]
    all_errors: bool,
    /// Where rejects and duplicates go
    ///
    /// Rejects of another load are kept beside it under the next free number (errors.1.csv); a file that is not an errors file of rowmill
    /// is never touched.
    #[arg(long, value_name = "FILE", default_value = "errors.csv", value_hint = ValueHint::FilePath, help_heading = "Rejects and reports")]
    errors: PathBuf,
    #[command(flatten)]
    outcome: OutcomeFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    /// Where undeclared column types come from: auto, whole (a pass over every value) or guess (verified while checking)
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

/// A check as it was asked for.
#[derive(Debug)]
pub struct CheckCommand {
    pub inputs: Vec<PathBuf>,
    pub options: LoadOptions,
    pub verbosity: Verbosity,
}

impl CheckArgs {
    /// The check that these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form when a column's type is declared twice.
    pub(super) fn into_check(mut self) -> Result<CheckCommand, clap::Error> {
        let (types, formats) = self.values.take_types("check")?;
        let errors = self.outcome.take_limits("check")?;
        if let Some(config) = self.config.filter(|_| self.inputs.is_empty()) {
            let message = format!("an input is needed, here or in {} (inputs)", config.display());
            return Err(usage("check", message));
        }
        Ok(CheckCommand {
            inputs: self.inputs,
            verbosity: self.outcome.verbosity(),
            options: LoadOptions {
                limits: LimitOptions {
                    errors,
                    max_record_bytes: self.input.max_record_bytes,
                },
                target: TargetOptions {
                    errors: self.errors,
                    report: self.outcome.report,
                    safe_errors: self.outcome.safe_errors,
                    ..TargetOptions::default()
                },
                table: TableOptions::default(),
                contract: ContractOptions {
                    on_duplicate: OnDuplicate::default(),
                    key: self.key.unwrap_or_default(),
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
                check: Some(CheckOptions {
                    all_errors: self.all_errors,
                }),
            },
        })
    }
}
