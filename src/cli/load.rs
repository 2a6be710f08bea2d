//! `rowmill load`: its flags, and the load that they ask for.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use rowmill::WritePath;
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{
    ContractOptions, DEFAULT_BATCH_ROWS, ErrorLimits, LimitOptions, RepeatOptions, TargetOptions,
};

use super::columns::ColumnFlags;
use super::input_format::InputFlags;
use super::names::{Names, RepeatsArg, parse_list, parse_repeats};
use super::outcome::{OutcomeFlags, Verbosity};
use super::resources::ResourceFlags;
use super::table::TableFlags;
use super::usage;
use super::values::{DeclaredTypes, InferArg, ValueFlags};

const ABOUT_LOAD: &str =
    "Load CSV or JSON Lines files into SQLite: each good record once, each bad one with its reason";

const LONG_ABOUT_LOAD: &str = "\
Load CSV or JSON Lines files into one table of a SQLite database, or each into its own.

Every good record lands in the table exactly once. Every bad one goes to the errors file, with
its exact place, the reason and its raw bytes. Column types are found by reading every value,
and no value is changed by them: 01234 stays text.";

const MORE_HELP: &str = "\
Examples: rowmill load people.csv people.db --key id
          curl https://example.org/log.csv.gz | rowmill load - log.db --table log
All flags, types, sizes and exit codes: rowmill load --help";

const EXAMPLES_AND_EXIT_CODES: &str = "\
Examples:
  rowmill load people.csv people.db
  rowmill load people.csv people.db --key id --errors rejects.csv
  rowmill load jan.csv feb.csv year.db --table sales --key shop,date
  rowmill load export/ all.db --table-per-file
  curl https://example.org/log.csv.gz | rowmill load - log.db --table log --types id=integer,at=datetime
  rowmill load export.tsv data.db --delimiter tab --quote none --max-errors 1%

Sizes: bytes, or with a unit: k, m, g, t, KiB, MiB, GiB, TiB (1024) or KB, MB, GB, TB (1000).
Types: text, integer, real, boolean, date, time, datetime, number (with currency and percent
signs), percent (12.5% as 0.125), decimal(2) (exact, in units of 0.01: cents). A date, time or
datetime may have its own format: --types 'born=date:%d.%m.%Y,at=datetime:\"%b %d, %Y %I:%M %p\"'.
Columns in --key, --index, --unique, --not-null, --fts, --types, --columns, --rename and --const: a name that holds a comma, = or quote is quoted: '\"last, first\",id'.

Exit codes:
    0  every record was loaded
    2  loaded; some records were rejected or duplicates, see the errors file
    3  stopped at --max-errors
   64  wrong usage                           70  a defect in rowmill
   65  the input cannot be loaded at all     71  the system has no more memory
   66  an input is missing                   73  an output cannot be created
   74  reading or writing failed             75  the database is busy
   78  the table does not fit the input, or the schema is wrong
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; what was read by then is committed";

#[derive(Debug, clap::Args)]
#[command(
    about = ABOUT_LOAD,
    long_about = LONG_ABOUT_LOAD,
    after_help = MORE_HELP,
    after_long_help = EXAMPLES_AND_EXIT_CODES,
    override_usage = "rowmill load [OPTIONS] <INPUT>... <DB>",
    arg_required_else_help = true
)]
pub struct LoadArgs {
    /// CSV or JSON Lines files, folders, patterns or - to load, and last the database
    ///
    /// Inputs are loaded in order; - or a FIFO is read as a stream. Of a folder the files named *.csv, *.tsv and *.tab are loaded, by name (if
    /// there are none, *.jsonl and *.ndjson; with --table-per-file both). A name with *, ? or [ that is no file stands for those that match.
    #[arg(value_name = "INPUT... DB", required_unless_present = "config", value_hint = ValueHint::FilePath)]
    paths: Vec<PathBuf>,
    /// Table to load into, made if need be [default: the input's name]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    table: Option<String>,
    /// Load each file into a table of its own, named after it
    ///
    /// The inputs are files, folders and patterns; two files of one name are refused. Rejects go to a file for each table: errors.people.csv.
    /// All other flags hold for each load. The first file that is not loaded whole ends the command; the same command goes on there.
    #[arg(long, conflicts_with_all = ["table", "union_by_name"], help_heading = "Table")]
    table_per_file: bool,
    /// Columns that make a row unique: the first wins
    ///
    /// The others are duplicates, which are rejects, unless --on-duplicate says otherwise.
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, help_heading = "Table")]
    key: Option<Names>,
    /// Do with records that repeat the key: reject, skip, abort, replace, update, update=COL,...
    ///
    /// reject: the first wins, and the others are rejects. skip: so, and the others are only counted. abort: the first such record stops the
    /// load, as --max-errors duplicate_key=0 does. replace: the last wins; what the
    /// input does not have gets its column's default. update: the last wins in the columns that the input has, or in those that are named.
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = parse_repeats,
        default_value = "reject",
        hide_short_help = true,
        help_heading = "Table"
    )]
    on_duplicate: RepeatsArg,
    /// Index these columns once the rows are in; repeatable
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, hide_short_help = true, help_heading = "Table")]
    index: Vec<Names>,
    #[command(flatten)]
    table_flags: TableFlags,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    columns: ColumnFlags,
    #[command(flatten)]
    input: InputFlags,
    /// Take flags, inputs and database from a TOML file: key = "id"
    ///
    /// Each key is the long name of a flag; `inputs` and `database` are what stands here without one. Flags that are given here take the
    /// place of the file's, and so do inputs and database, both. Lists are arrays, and pairs such as those of --types a table:
    /// types = { id = "integer" }. Paths are as they would be here.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Loading again")]
    config: Option<PathBuf>,
    /// Start afresh where the same command would go on
    ///
    /// Without it the same command goes on where an unfinished load into this table stopped. A table that the load made is made anew, if
    /// nobody else has put anything into it; no row is taken from any other table.
    #[arg(long, help_heading = "Loading again")]
    restart: bool,
    /// Give up an unfinished load into this table: its rows stay, and nothing is loaded. With --table the inputs can be left out
    #[arg(
        long,
        conflicts_with = "restart",
        hide_short_help = true,
        help_heading = "Loading again"
    )]
    forget: bool,
    /// Leave the checkpoint in the database when the load is done
    #[arg(long, hide_short_help = true, help_heading = "Loading again")]
    keep_checkpoint: bool,
    /// The file grows (a log): each run loads what was appended
    ///
    /// A last line without a line feed, or within an open quote, waits for the next run. Types stay those of the first load. Notes in the
    /// database how far it got.
    #[arg(long, help_heading = "Loading again")]
    append_only: bool,
    /// Skip files whose content went into the table before
    ///
    /// With --once, under whatever name, so that a job can be run twice. Keeps the size and hash of each in the database, in the table
    /// _rowmill_loads. With --restart they are loaded again.
    #[arg(long, help_heading = "Loading again")]
    once: bool,
    /// Where rejects and duplicates go
    ///
    /// Rejects of another load are kept beside it under the next free number (errors.1.csv); a file that is not an errors file of rowmill
    /// is never touched.
    #[arg(long, value_name = "FILE", default_value = "errors.csv", value_hint = ValueHint::FilePath, help_heading = "Rejects and reports")]
    errors: PathBuf,
    #[command(flatten)]
    outcome: OutcomeFlags,
    /// Write the report as one HTML page with charts
    ///
    /// Also when the load fails. An older page is replaced; no other file is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true, help_heading = "Rejects and reports")]
    report_html: Option<PathBuf>,
    /// Show what is in the columns of the rows that are loaded: NULLs, distinct values, least, greatest, longest, distribution
    ///
    /// Distinct values and distribution are told from samples: rowmill help profile. The report has it, too, and a page in any case. In a
    /// load that goes on, it is about the rows of this run.
    #[arg(long, hide_short_help = true, help_heading = "Rejects and reports")]
    profile: bool,
    /// Run a query on the database once the load is done, and print what it gives on standard output
    ///
    /// It only reads; up to 1,000 rows are shown, as a table. After a load that stopped it is not run.
    #[arg(
        long,
        value_name = "SQL",
        hide_short_help = true,
        help_heading = "Rejects and reports"
    )]
    then: Option<String>,
    #[command(flatten)]
    resources: ResourceFlags,
    /// Records per transaction
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BATCH_ROWS, hide_short_help = true, help_heading = "Speed and memory")]
    batch_rows: u64,
    /// Where undeclared column types come from: auto, whole (a pass over every value) or guess (verified while loading)
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
    /// How rows get into the database: auto, sql or direct
    #[arg(
        long,
        value_name = "PATH",
        value_enum,
        hide_possible_values = true,
        default_value = "auto",
        hide_short_help = true,
        help_heading = "Speed and memory"
    )]
    write_path: WritePathArg,
}

/// [`WritePath`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WritePathArg {
    Auto,
    Sql,
    Direct,
}

/// A load as it was asked for.
#[derive(Debug)]
pub struct LoadCommand {
    pub inputs: Vec<PathBuf>,
    pub database: PathBuf,
    pub options: LoadOptions,
    /// The load is to be given up instead of done.
    pub forget: bool,
    /// A query to run once the load is done.
    pub then: Option<String>,
    pub verbosity: Verbosity,
}

impl LoadArgs {
    /// The load that these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form when an input or the database is missing or a column's type is declared twice.
    pub(super) fn into_load(mut self) -> Result<LoadCommand, clap::Error> {
        let database = match (self.paths.pop(), self.paths.is_empty()) {
            (Some(database), false) => database,
            (Some(database), true) if self.forget && self.table.is_some() => database,
            (only, _) => {
                let only = only.unwrap_or_default();
                let what = match &self.config {
                    None => format!(
                        "two names are needed, an input and the database, but only '{0}' was given; for example: rowmill load {0} {1}",
                        only.display(),
                        only.with_extension("db").display()
                    ),
                    Some(config) => format!(
                        "an input and the database are needed, here or in {} (inputs, database)",
                        config.display()
                    ),
                };
                return Err(usage("load", what));
            }
        };
        let types = self.values.take_types("load")?;
        let limits = self.outcome.take_limits("load")?;
        Ok(LoadCommand {
            inputs: std::mem::take(&mut self.paths),
            database,
            forget: self.forget,
            then: self.then.take(),
            verbosity: self.outcome.verbosity(),
            options: self.into_options(types, limits),
        })
    }

    /// The options that these flags ask for, with the types that were declared.
    fn into_options(mut self, (types, formats): DeclaredTypes, mut limits: ErrorLimits) -> LoadOptions {
        let on_duplicate = self.on_duplicate.take(&mut limits);
        LoadOptions {
            limits: LimitOptions {
                errors: limits,
                max_record_bytes: self.input.max_record_bytes,
            },
            target: TargetOptions {
                table: self.table,
                table_per_file: self.table_per_file,
                indexes: self.index,
                errors: self.errors,
                report: self.outcome.report,
                report_html: self.report_html,
                profile: self.profile,
                command: None,
                safe_errors: self.outcome.safe_errors,
                write_path: match self.write_path {
                    WritePathArg::Auto => WritePath::Auto,
                    WritePathArg::Sql => WritePath::Sql,
                    WritePathArg::Direct => WritePath::Direct,
                },
            },
            table: self.table_flags.into(),
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
            resources: self.resources.into_options(self.batch_rows),
            dialect: self.input.into_dialect(self.values.take_cells()),
            check: None,
            repeat: RepeatOptions {
                restart: self.restart,
                keep_checkpoint: self.keep_checkpoint,
                append_only: self.append_only,
                once: self.once,
            },
        }
    }
}
