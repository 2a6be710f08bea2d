//! The flags of the command line, and their one-time translation into validated options.

mod characters;
mod names;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use characters::{
    EscapeArg, Quote, parse_comment, parse_delimiter, parse_encoding, parse_escape, parse_format, parse_quote,
};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use names::{Names, Pair, Types, parse_constant, parse_list, parse_renamed, parse_types};
use rowmill::internal::LoadOptions;
use rowmill::internal::options::{
    ColumnOptions, ContractOptions, DialectOptions, LimitOptions, RepeatOptions, ResourceOptions, TargetOptions,
};
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::schema::widths::Widths;
use rowmill::internal::schema::written::{DateStyle, NumberStyle, WrittenForms};
use rowmill::{Delimiter, EmptyCell, Encoding, ErrorLimit, Inference, InputFormat, WritePath};

/// Units of a size, in lower case. One letter and `KiB` count in 1024s, `KB` in 1000s.
const SIZE_UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

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
Columns in --key, --index, --types, --columns, --rename and --const: a name that holds a comma, = or quote is quoted: '\"last, first\",id'.

Exit codes:
    0  every record was loaded
    2  loaded; some records were rejected or duplicates, see the errors file
    3  stopped at --max-errors
   64  wrong usage                           70  a defect in rowmill
   65  the input cannot be loaded at all     71  the system has no more memory
   66  an input is missing                   73  an output cannot be created
   74  reading or writing failed             75  the database is busy
   78  the table does not fit the input
  129, 130, 143  stopped by SIGHUP, SIGINT, SIGTERM; what was read by then is committed";

/// Load huge CSV files into SQLite: fast, exact, every bad record accounted for
#[derive(Debug, Parser)]
#[command(
    name = "rowmill",
    version,
    propagate_version = true,
    max_term_width = 110,
    arg_required_else_help = true
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Load(LoadArgs),
}

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
    #[arg(value_name = "INPUT... DB", required = true, value_hint = ValueHint::FilePath)]
    paths: Vec<PathBuf>,

    /// Table to load into, made if need be [default: the input's name]
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    table: Option<String>,
    /// Load each file into a table of its own, named after it
    ///
    /// The inputs are files, folders and patterns; two files of one name are refused. Rejects go to a file for each table: errors.people.csv.
    /// All other flags hold for each load. The first file that is not loaded whole ends the command; the same command goes on there.
    #[arg(long, conflicts_with = "table", help_heading = "Table")]
    table_per_file: bool,
    /// Columns that make a row unique: the first wins
    ///
    /// The others are duplicates, which are rejects.
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, help_heading = "Table")]
    key: Option<Names>,
    /// Index these columns once the rows are in; repeatable
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, hide_short_help = true, help_heading = "Table")]
    index: Vec<Names>,
    /// Declare column types; a value that does not fit is rejected
    #[arg(long, value_name = "COL=TYPE[,...]", value_parser = parse_types, help_heading = "Table")]
    types: Vec<Types>,
    /// Make columns TEXT unless --types declares them
    #[arg(long, help_heading = "Table")]
    text: bool,
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
    #[arg(long, conflicts_with = "table_per_file", help_heading = "Columns")]
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

    /// The format of the inputs: csv, jsonl (JSON Lines: an object on each line), or auto: what the name says, or the first lines
    #[arg(long, value_name = "FORMAT", value_parser = parse_format, default_value = "auto", hide_short_help = true, help_heading = "Input format")]
    format: InputFormat,
    /// What separates fields, such as ; or tab [default: found, or ,]
    ///
    /// Characters, such as ; or || or ¦, of up to 8 bytes; \t and \xNN stand for bytes; or tab, comma, semicolon, pipe, space. A first line
    /// such as sep=; says it, too.
    #[arg(long, value_name = "CHARS", value_parser = parse_delimiter, help_heading = "Input format")]
    delimiter: Option<Delimiter>,
    /// What quotes fields: one character, or `none` [default: found, or "]
    #[arg(long, value_name = "CHAR", value_parser = parse_quote, help_heading = "Input format")]
    quote: Option<Quote>,
    /// Two quotes in a quoted field are not one: the first closes the field
    #[arg(long, hide_short_help = true, help_heading = "Input format")]
    no_double_quote: bool,
    /// What makes the next character data: \, mysql, none [default: found]
    ///
    /// Also a delimiter, quote or line end. One character, after which each means itself; or mysql or postgres, a \ after which n, t and
    /// others mean what they do there; or `none`. Before letters one that was only found means nothing: such records are rejected.
    #[arg(long, value_name = "CHAR|NAME", value_parser = parse_escape, help_heading = "Input format")]
    escape: Option<EscapeArg>,
    /// How characters are written, such as latin1 [default: UTF-8]
    ///
    /// A name of the Encoding Standard, such as latin1, shift_jis or utf-16le, for what has no byte order mark. Without it, the encoding of
    /// what is not UTF-8 is guessed in a note.
    #[arg(long, value_name = "NAME", value_parser = parse_encoding, help_heading = "Input format")]
    encoding: Option<Encoding>,
    /// The first record names the columns [default: found]
    #[arg(
        long,
        conflicts_with = "no_header",
        hide_short_help = true,
        help_heading = "Input format"
    )]
    header: bool,
    /// The first record is data; columns are column_1, column_2 ...
    #[arg(long, help_heading = "Input format")]
    no_header: bool,
    /// Do not look for delimiter, quote, escape and header: commas, " and a header, unless other flags say otherwise
    #[arg(long, hide_short_help = true, help_heading = "Input format")]
    no_detect: bool,
    /// Lines that begin with it, outside quotes, are comments and no records
    #[arg(long, value_name = "CHAR", value_parser = parse_comment, hide_short_help = true, help_heading = "Input format")]
    comment: Option<u8>,
    /// Drop records that are the header once more (cat a.csv b.csv), and count them
    #[arg(long, hide_short_help = true, help_heading = "Input format")]
    drop_repeated_headers: bool,
    /// Take blanks and tabs around fields off, also between a delimiter and a quote; what is within quotes stays
    #[arg(long, hide_short_help = true, help_heading = "Input format")]
    trim: bool,
    /// Pass over the first N lines of each file
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Input format")]
    skip_lines: u64,
    /// The header is line N; what is before it is passed over, and what is after it up to --skip-lines (a row of units)
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Input format")]
    header_row: Option<u64>,
    /// Pass over the last N lines of each file, whatever they hold, such as totals
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_short_help = true,
        help_heading = "Input format"
    )]
    skip_footer: u64,
    /// Numbers have a comma before their decimals, and no point
    #[arg(long, hide_short_help = true, help_heading = "Numbers and dates")]
    decimal_comma: bool,
    /// What may stand between groups of digits in columns that are declared as numbers: a blank, . , ' or _
    #[arg(
        long,
        value_name = "CHAR",
        hide_short_help = true,
        help_heading = "Numbers and dates"
    )]
    thousands: Option<char>,
    /// How columns declared as date are written, such as %d.%m.%Y or '%b %e, %Y'; they are stored as 2024-12-31
    #[arg(
        long,
        value_name = "PATTERN",
        hide_short_help = true,
        help_heading = "Numbers and dates"
    )]
    date_format: Option<String>,
    /// How columns declared as datetime are written, such as '%m/%d/%Y %I:%M %p'; they are stored as 2024-12-31T15:30
    #[arg(
        long,
        value_name = "PATTERN",
        hide_short_help = true,
        help_heading = "Numbers and dates"
    )]
    datetime_format: Option<String>,
    /// Two-digit years (%y) below it are of the 2000s, the others of the 1900s
    #[arg(
        long,
        value_name = "YEAR",
        hide_short_help = true,
        help_heading = "Numbers and dates"
    )]
    two_digit_year_pivot: Option<u8>,
    /// The member to load of a zip archive [default: its only file, or its only one that ends with .csv]
    #[arg(long, value_name = "NAME", hide_short_help = true, help_heading = "Input format")]
    member: Option<String>,
    /// Longest record; longer ones are rejected
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = parse_size, hide_short_help = true, help_heading = "Input format")]
    max_record_bytes: u64,

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
    /// Put a ' before fields of the errors file that a spreadsheet would run as a formula; a leading ' is then never data
    #[arg(long, hide_short_help = true, help_heading = "Rejects and reports")]
    safe_errors: bool,
    /// Stop when more than this are rejected [default: never]
    #[arg(long, value_name = "N|N%", value_parser = parse_error_limit, help_heading = "Rejects and reports")]
    max_errors: Option<ErrorLimit>,

    /// Write a JSON report, also when the load fails
    ///
    /// An older report (it begins with "rowmill") is replaced; no other file is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Rejects and reports")]
    report: Option<PathBuf>,
    /// Write the report as one HTML page with charts
    ///
    /// Also when the load fails. An older page is replaced; no other file is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Rejects and reports")]
    report_html: Option<PathBuf>,
    /// Show errors only: no progress bar, notes or summary
    #[arg(long, short, conflicts_with = "verbose", help_heading = "Rejects and reports")]
    quiet: bool,
    /// Show details: memory split, write path, time by stage
    #[arg(long, short, hide_short_help = true, help_heading = "Rejects and reports")]
    verbose: bool,

    /// Promise on peak memory, mapped pages included
    #[arg(long, value_name = "SIZE", default_value = "244MiB", value_parser = parse_size, help_heading = "Speed and memory")]
    memory: u64,
    /// Worker threads; 0: one per core
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Speed and memory")]
    threads: usize,
    /// Records per transaction
    #[arg(long, value_name = "N", default_value_t = rowmill::internal::options::DEFAULT_BATCH_ROWS, hide_short_help = true, help_heading = "Speed and memory")]
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
    /// Input mapped at a time; the result is the same at any size
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = parse_size, hide_short_help = true, help_heading = "Speed and memory")]
    window_bytes: u64,
    /// Input parsed by one task; the result is the same at any size
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = parse_size, hide_short_help = true, help_heading = "Speed and memory")]
    chunk_bytes: u64,
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
enum InferArg {
    Auto,
    Whole,
    Guess,
}

/// [`WritePath`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WritePathArg {
    Auto,
    Sql,
    Direct,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// A load as it was asked for.
#[derive(Debug)]
pub struct LoadCommand {
    pub inputs: Vec<PathBuf>,
    pub database: PathBuf,
    pub options: LoadOptions,
    /// The load is to be given up instead of done.
    pub forget: bool,
    pub verbosity: Verbosity,
}

impl Args {
    /// The load that these flags ask for.
    ///
    /// # Errors
    /// A usage error in clap's own form when an input or the database is missing or a column's type is declared twice.
    pub fn into_load(self) -> Result<LoadCommand, clap::Error> {
        let Command::Load(args) = self.command;
        args.into_load()
    }
}

impl LoadArgs {
    fn into_load(mut self) -> Result<LoadCommand, clap::Error> {
        let database = match (self.paths.pop(), self.paths.is_empty()) {
            (Some(database), false) => database,
            (Some(database), true) if self.forget && self.table.is_some() => database,
            (only, _) => {
                let only = only.unwrap_or_default();
                return Err(usage(format!(
                    "two names are needed, an input and the database, but only '{0}' was given; for example: rowmill load {0} {1}",
                    only.display(),
                    only.with_extension("db").display()
                )));
            }
        };
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
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        Ok(LoadCommand {
            inputs: std::mem::take(&mut self.paths),
            database,
            forget: self.forget,
            verbosity,
            options: self.into_options(types),
        })
    }

    /// Takes what these flags say of columns.
    fn column_options(&mut self) -> ColumnOptions {
        ColumnOptions {
            chosen: self.columns.take(),
            renamed: std::mem::take(&mut self.rename),
            union_by_name: self.union_by_name,
            widths: Widths {
                ignore_extra: self.ignore_extra,
                fill_missing: self.fill_missing,
            },
            constants: std::mem::take(&mut self.constants),
            filename: self.filename_column.take(),
            row_number: self.row_number.take(),
        }
    }

    /// How values are written.
    fn take_written(&mut self) -> WrittenForms {
        WrittenForms {
            numbers: NumberStyle {
                decimal_comma: self.decimal_comma,
                thousands: self.thousands,
            },
            dates: DateStyle {
                date: self.date_format.take(),
                date_time: self.datetime_format.take(),
                two_digit_year_pivot: self.two_digit_year_pivot,
            },
        }
    }

    /// How the inputs are written.
    fn take_dialect(&mut self) -> DialectOptions {
        DialectOptions {
            format: self.format,
            delimiter: self.delimiter,
            quote: self.quote.unwrap_or(DialectOptions::default().quote),
            doubles_quotes: !self.no_double_quote,
            escape: self.escape.flatten(),
            header: !self.no_header,
            detect: !self.no_detect,
            quote_is_given: self.quote.is_some(),
            escape_is_given: self.escape.is_some(),
            header_is_given: self.header || self.no_header,
            comment: self.comment,
            drop_repeated_headers: self.drop_repeated_headers,
            trim: self.trim,
            encoding: self.encoding,
            skip_lines: self.skip_lines,
            header_row: self.header_row,
            member: self.member.take(),
            skip_footer: self.skip_footer,
            cells: CellRules {
                null_words: std::mem::take(&mut self.null),
                empty: match self.empty {
                    EmptyArg::Null => EmptyCell::Null,
                    EmptyArg::Text => EmptyCell::Text,
                    EmptyArg::Default => EmptyCell::Default,
                },
                quoted_empty_is_empty: self.empty_as_null,
            },
            written: self.take_written(),
        }
    }

    /// The options that these flags ask for, with the types that were declared.
    fn into_options(mut self, types: Types) -> LoadOptions {
        let columns = self.column_options();
        let dialect = self.take_dialect();
        let formats = types
            .iter()
            .filter_map(|one| Some((one.column.clone(), one.format.clone()?)));
        let formats = formats.collect();
        LoadOptions {
            target: TargetOptions {
                table: self.table,
                table_per_file: self.table_per_file,
                indexes: self.index,
                errors: self.errors,
                report: self.report,
                report_html: self.report_html,
                safe_errors: self.safe_errors,
                write_path: match self.write_path {
                    WritePathArg::Auto => WritePath::Auto,
                    WritePathArg::Sql => WritePath::Sql,
                    WritePathArg::Direct => WritePath::Direct,
                },
            },
            contract: ContractOptions {
                key: self.key.unwrap_or_default(),
                all_text: self.text,
                types: types.into_iter().map(|one| (one.column, one.column_type)).collect(),
                formats,
                inference: match self.infer {
                    InferArg::Auto => Inference::Auto,
                    InferArg::Whole => Inference::Whole,
                    InferArg::Guess => Inference::Guess,
                },
            },
            columns,
            resources: ResourceOptions {
                threads: self.threads,
                memory_bytes: self.memory,
                batch_rows: self.batch_rows,
                window_bytes: self.window_bytes,
                chunk_bytes: self.chunk_bytes,
            },
            dialect,
            limits: LimitOptions {
                max_errors: self.max_errors,
                max_record_bytes: self.max_record_bytes,
            },
            repeat: RepeatOptions {
                restart: self.restart,
                keep_checkpoint: self.keep_checkpoint,
                append_only: self.append_only,
                once: self.once,
            },
        }
    }
}

fn usage(message: String) -> clap::Error {
    let mut command = Args::command();
    command.build();
    let load = command
        .find_subcommand_mut("load")
        .expect("the command has a subcommand of that name");
    load.error(clap::error::ErrorKind::MissingRequiredArgument, message)
}

fn parse_size(text: &str) -> Result<u64, String> {
    let form = "expected a whole number of bytes, or one with a unit, such as 64k, 16MiB, 256MB or 1g";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(form)?;
    if number.is_empty() {
        return Err(form.to_owned());
    }
    let size = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor));
    size.ok_or_else(|| "a size that takes more than 64 bits is too large".to_owned())
}

fn parse_error_limit(text: &str) -> Result<ErrorLimit, String> {
    let form = || "expected a count such as 100, or a share between 0% and 100% such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        None => text.parse().map(ErrorLimit::Count).map_err(|_| form()),
        Some(percent) => match percent.parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(ErrorLimit::Percent(percent)),
            _ => Err(form()),
        },
    }
}
