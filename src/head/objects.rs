//! Whether an input is JSON Lines: it is said, its name says so, or its first lines show it. And what is known of one before its records.

use std::path::Path;
use std::sync::Arc;

use super::beginning::Beginning;
use super::foreign::{JSON_LINES, holds_json_lines, is_one_value, text_format};
use super::{Head, original_bytes};
use crate::decode::without_ending;
use crate::dialect::{Delimiter, Dialect};
use crate::error::Error;
use crate::format::{Csv, FieldNames, JsonLines, UnknownName};
use crate::option_name::FORMAT;
use crate::options::{InputFormat, LoadOptions};
use crate::schema::identifier;
use crate::window::Input;

/// The names of an input's objects that are columns, in the order of its fields.
#[derive(Debug, Clone)]
pub struct Objects {
    pub names: Arc<FieldNames>,
    pub unknown: UnknownName,
}

/// How the records of an input are read.
#[derive(Debug, Clone, Copy)]
pub enum ReadAs<'a> {
    Csv(Csv),
    JsonLines(JsonLines<'a>),
}

/// How the records of the input that `head` is of are read.
pub fn read_as<'a>(head: &'a Head, options: &LoadOptions) -> ReadAs<'a> {
    match &head.objects {
        None => ReadAs::Csv(head.syntax(options)),
        Some(Objects { names, unknown }) => ReadAs::JsonLines(JsonLines {
            names,
            unknown: *unknown,
            encoding: head.dialect.encoding,
            max_record_bytes: options.limits.max_record_bytes,
        }),
    }
}

impl Objects {
    /// Of an input whose objects nobody has looked at.
    fn unknown() -> Self {
        Objects {
            names: Arc::default(),
            unknown: UnknownName::PassOver,
        }
    }

    /// The columns' names: those of the objects, but for an empty one.
    pub fn columns(&self) -> Vec<String> {
        identifier::unique_names(self.names.as_slice()).0
    }
}

/// The format that a file's name promises.
fn format_of_name(path: &Path) -> InputFormat {
    let ending = without_ending(path).extension();
    let ending = ending.map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("jsonl" | "ndjson") => InputFormat::JsonLines,
        _ => InputFormat::Auto,
    }
}

impl Beginning {
    /// Whether it is of an input that is JSON Lines.
    ///
    /// # Errors
    /// `InputUnusable` when it is neither that nor CSV.
    pub(super) fn holds_objects(&self, input: &Input, options: &LoadOptions) -> Result<bool, Error> {
        let text = self.text();
        let named = match options.dialect.format {
            InputFormat::Auto => match input.member() {
                Some(member) => format_of_name(Path::new(&member)),
                None => format_of_name(input.path()),
            },
            asked => asked,
        };
        let unusable = |message: &str| Err(Error::unusable(input.path(), message.to_owned()));
        match named {
            InputFormat::JsonLines => match text.trim_ascii_start().first() {
                // One that is cut short, or damaged, is a record that is rejected.
                Some(b'{') => is_one_value(text).map_or(Ok(true), unusable),
                _ => text_format(text).map_or(Ok(true), unusable),
            },
            _ if options.dialect.takes_any_text() => Ok(false),
            InputFormat::Auto if options.dialect.detect && holds_json_lines(text) => Ok(true),
            _ if holds_json_lines(text) => unusable(&format!("{JSON_LINES}; load it with {FORMAT} jsonl")),
            _ => text_format(text).map_or(Ok(false), unusable),
        }
    }

    /// The head of `input`, which is JSON Lines; the names of its objects are still to be found.
    ///
    /// # Errors
    /// `Io` when it cannot be read.
    pub(super) fn head_of_objects(&self, input: &mut Input, stopped: &dyn Fn() -> bool) -> Result<Head, Error> {
        let (end_bytes, encoding) = (self.passed.end_bytes, self.dialect.encoding);
        Ok(Head {
            dialect: Dialect {
                encoding: self.dialect.encoding,
                ..Dialect::default()
            },
            delimiter: Delimiter::COMMA,
            likely_encoding: self.encoding.likely,
            data_start_original: original_bytes(input, end_bytes, encoding, stopped)?,
            names: Vec::new(),
            header: Vec::new(),
            header_ends_quoted: false,
            trailing_delimiter: false,
            record_fields: 0,
            notices: Vec::new(),
            data_start_bytes: self.passed.end_bytes,
            lines: self.passed.lines,
            blank_lines: 0,
            comment_lines: 0,
            skipped_lines: self.passed.lines,
            content: self.passed.content,
            // Its columns have names.
            has_header: true,
            found: None,
            objects: Some(Objects::unknown()),
        })
    }
}
