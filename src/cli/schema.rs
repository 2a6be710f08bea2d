//! `rowmill schema`: its flags, and the profile that they ask for.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use rowmill::ProfileFormat;
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{ContractOptions, DEFAULT_BATCH_ROWS, LimitOptions, TargetOptions};

use super::columns::ColumnFlags;
use super::input_format::InputFlags;
use super::outcome::Verbosity;
use super::resources::ResourceFlags;
use super::usage;
use super::values::ValueFlags;

const ABOUT_SCHEMA: &str = "Read CSV or JSON Lines files and print what is in their columns";

const LONG_ABOUT_SCHEMA: &str = "\
Read CSV or JSON Lines files and print what is in their columns.

Every value is read: the types are those that a load finds, and what is printed loads these files
without a reject. Only the number of different values is an estimate (~, 1.6 % off as a rule),
where there are more than 20; which columns could be the key is not.";

const EXAMPLES_AND_EXIT_CODES: &str = "\
Examples:
  rowmill schema people.csv
  rowmill schema people.csv --as sql | sqlite3 people.db
  rowmill schema people.csv --as table-schema > people.schema.json
  curl https://example.org/log.csv.gz | rowmill schema - --as json

Exit codes:
    0  every record can be loaded, and has a say
    2  printed; some records cannot be loaded, see rowmill check
   64  wrong usage                           70  a defect in rowmill
   65  the input cannot be loaded at all     71  the system has no more memory
   66  an input is missing                   74  reading or writing failed
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; nothing is printed";

#[derive(Debug, clap::Args)]
#[command(
    about = ABOUT_SCHEMA,
    long_about = LONG_ABOUT_SCHEMA,
    after_long_help = EXAMPLES_AND_EXIT_CODES,
    arg_required_else_help = true
)]
pub struct SchemaArgs {
    /// CSV or JSON Lines files, folders, patterns or -, as if they were loaded into one table
    ///
    /// What is read as a stream is first put into a file without a name in the system's folder for temporary files.
    #[arg(value_name = "INPUT", required = true, value_hint = ValueHint::FilePath)]
    inputs: Vec<PathBuf>,
    /// What to print: text (a table for people), table-schema (JSON), sql (CREATE TABLE) or json (everything)
    #[arg(
        long = "as",
        value_name = "FORM",
        value_enum,
        hide_possible_values = true,
        default_value = "text",
        help_heading = "Table"
    )]
    form: FormArg,
    /// Name of the table in what is printed [default: the input's name]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    table: Option<String>,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    columns: ColumnFlags,
    #[command(flatten)]
    input: InputFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    /// Show errors only: no progress bar or notes
    #[arg(long, short, help_heading = "Speed and memory")]
    quiet: bool,
}

/// [`ProfileFormat`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormArg {
    Text,
    TableSchema,
    Sql,
    Json,
}

/// A profile as it was asked for.
#[derive(Debug)]
pub struct SchemaCommand {
    pub inputs: Vec<PathBuf>,
    pub options: LoadOptions,
    pub form: ProfileFormat,
    pub verbosity: Verbosity,
}

impl SchemaArgs {
    /// The profile that these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form when a column's type is declared twice.
    pub(super) fn into_schema(mut self) -> Result<SchemaCommand, clap::Error> {
        let (types, formats) = self.values.take_types("schema")?;
        if self.values.take_schema().is_some() {
            let message = "it says what is in the columns, whatever a --schema asks for; rowmill check --schema says what breaks that";
            return Err(usage("schema", message.to_owned()));
        }
        Ok(SchemaCommand {
            inputs: self.inputs,
            form: match self.form {
                FormArg::Text => ProfileFormat::Text,
                FormArg::TableSchema => ProfileFormat::TableSchema,
                FormArg::Sql => ProfileFormat::Sql,
                FormArg::Json => ProfileFormat::Json,
            },
            verbosity: if self.quiet {
                Verbosity::Quiet
            } else {
                Verbosity::Normal
            },
            options: LoadOptions {
                limits: LimitOptions {
                    max_record_bytes: self.input.max_record_bytes,
                    ..LimitOptions::default()
                },
                target: TargetOptions {
                    table: self.table,
                    ..TargetOptions::default()
                },
                contract: ContractOptions {
                    all_text: self.values.text,
                    types,
                    formats,
                    ..ContractOptions::default()
                },
                columns: self.columns.into(),
                resources: self.resources.into_options(DEFAULT_BATCH_ROWS),
                dialect: self.input.into_dialect(self.values.take_cells()),
                ..LoadOptions::default()
            },
        })
    }
}
