//! Flags that say how the inputs are written.

use rowmill::internal::options::DialectOptions;
use rowmill::internal::schema::cells::CellRules;
use rowmill::internal::schema::written::{DateStyle, NumberStyle, WrittenForms};
use rowmill::{Delimiter, Encoding, InputFormat};

use super::characters::{
    EscapeArg, Quote, parse_comment, parse_delimiter, parse_encoding, parse_escape, parse_format, parse_quote,
};
use super::sizes::parse_size;

/// How the inputs are written.
#[derive(Debug, clap::Args)]
pub struct InputFlags {
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
    pub(super) max_record_bytes: u64,
}

impl InputFlags {
    /// What these flags say of inputs whose cells are read as `cells` says.
    pub(super) fn into_dialect(self, cells: CellRules) -> DialectOptions {
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
            member: self.member,
            skip_footer: self.skip_footer,
            cells,
            written: WrittenForms {
                numbers: NumberStyle {
                    decimal_comma: self.decimal_comma,
                    thousands: self.thousands,
                },
                dates: DateStyle {
                    date: self.date_format,
                    date_time: self.datetime_format,
                    two_digit_year_pivot: self.two_digit_year_pivot,
                },
            },
        }
    }
}
