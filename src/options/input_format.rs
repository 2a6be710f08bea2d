//! Which format the inputs have, and which options say nothing of it.

use crate::error::Error;
use crate::option_name::{
    COMMENT, DECIMAL_COMMA, DELIMITER, DROP_REPEATED_HEADERS, ENCODING, ESCAPE, FORMAT, HEADER_ROW, NO_DOUBLE_QUOTE,
    NO_HEADER, OptionName, QUOTE, TRIM,
};
use crate::options::DialectOptions;

/// The format of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InputFormat {
    /// JSON Lines if a file's name ends with `.jsonl` or `.ndjson` (before what says how it is packed), or, where the dialect is to be
    /// found, if its first two lines are objects; otherwise CSV.
    #[default]
    Auto,
    /// CSV, or text like it in another dialect.
    Csv,
    /// JSON Lines, or NDJSON: an object on each line, whose names are the columns.
    JsonLines,
}

/// The name of [`InputFormat::JsonLines`].
pub const JSON_LINES: &str = "jsonl";

impl InputFormat {
    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            InputFormat::Auto => "auto",
            InputFormat::Csv => "csv",
            InputFormat::JsonLines => JSON_LINES,
        }
    }
}

impl DialectOptions {
    /// Checks that nothing is said that can only be said of CSV; `what` is JSON Lines.
    ///
    /// # Errors
    /// `Usage` naming the option.
    pub(crate) fn check_for_objects(&self, what: &str) -> Result<(), Error> {
        let usual = DialectOptions::default();
        let about_csv = [
            (DELIMITER, self.delimiter.is_some()),
            (QUOTE, self.quote_is_given || self.quote != usual.quote),
            (NO_DOUBLE_QUOTE, !self.doubles_quotes),
            (ESCAPE, self.escape_is_given || self.escape.is_some()),
            (NO_HEADER, !self.header || self.header_is_given),
            (HEADER_ROW, self.header_row.is_some()),
            (COMMENT, self.comment.is_some()),
            (DROP_REPEATED_HEADERS, self.drop_repeated_headers),
            (TRIM, self.trim),
            (DECIMAL_COMMA, self.written.numbers.decimal_comma),
        ];
        if let Some(encoding) = self.encoding.filter(|encoding| encoding.by_field().is_some()) {
            return Err(Error::usage(format!(
                "{ENCODING} {encoding}: JSON Lines are read in UTF-8 and UTF-16 only, and {what} is that; convert it first: iconv -f {encoding} \
                 -t UTF-8 FILE"
            )));
        }
        let said = about_csv.into_iter().find(|(_, is_said)| *is_said);
        said.map_or(Ok(()), |(option, _)| Err(means_nothing(option, what)))
    }
}

fn means_nothing(option: OptionName, what: &str) -> Error {
    Error::usage(format!(
        "{option} is about CSV, and {what} is JSON Lines; leave it out, or say with {FORMAT} csv that it is CSV"
    ))
}
