//! The options that decide what a load's outcome is, in words: what a load must have to go on with another.

use crate::option_name::{
    APPEND_ONLY, BATCH_ROWS, COLUMN_TYPE, COMMENT, DELIMITER, DROP_REPEATED_HEADERS, EMPTY, EMPTY_AS_NULL, ENCODING,
    ERRORS, ESCAPE, FORMAT, HEADER_ROW, INDEX, KEY, MAX_RECORD_BYTES, MEMBER, NO_DOUBLE_QUOTE, NO_HEADER, NULL_WORD,
    ON_DUPLICATE, OptionName, QUOTE, SAFE_ERRORS, SCHEMA, SKIP_FOOTER, SKIP_LINES, TEXT, TRIM,
};
use crate::options::{DialectOptions, LoadOptions, written};
use crate::schema::identifier::listed_lists;

/// The options that decide what a load's outcome is, not those that only decide how fast it comes. The table's name is not among them: the
/// checkpoint is kept under it.
pub(crate) fn outcome_options(options: &LoadOptions) -> Vec<(OptionName, String)> {
    let cells = &options.dialect.cells;
    let types = options.contract.types.iter().map(|(name, column_type)| {
        (
            name.as_str(),
            format!("={}", options.contract.type_text(name, *column_type)),
        )
    });
    let mut all = vec![
        (
            KEY,
            listed(options.contract.key.iter().map(|name| (name.as_str(), String::new()))),
        ),
        (ON_DUPLICATE, options.contract.on_duplicate.to_string()),
        (INDEX, listed_lists(&options.target.indexes)),
        (ERRORS, options.target.errors.to_string_lossy().into_owned()),
        (SAFE_ERRORS, switch(options.target.safe_errors)),
        (BATCH_ROWS, options.resources.batch_rows.to_string()),
        (TEXT, switch(options.contract.all_text)),
        (
            SCHEMA,
            (options.contract.agreed.as_ref()).map_or_else(|| "none".to_owned(), |agreed| agreed.contract.hash()),
        ),
        (COLUMN_TYPE, listed(types)),
        (
            NULL_WORD,
            listed(cells.null_words.iter().map(|word| (word.as_str(), String::new()))),
        ),
        (EMPTY, cells.empty.as_str().to_owned()),
        (EMPTY_AS_NULL, switch(cells.quoted_empty_is_empty)),
        (MAX_RECORD_BYTES, options.limits.max_record_bytes.to_string()),
        (APPEND_ONLY, switch(options.repeat.append_only)),
    ];
    all.extend(options.table.described_before_rows());
    all.extend(dialect_options(&options.dialect));
    all.extend(options.columns.described());
    all.extend(written::texts(&options.dialect.written));
    all
}

fn switch(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

/// Those of them that say how the inputs are written.
fn dialect_options(dialect: &DialectOptions) -> Vec<(OptionName, String)> {
    let character = |byte: u8| match byte {
        b'\t' => "tab".to_owned(),
        byte => format!("'{}'", char::from(byte)),
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let delimiter = dialect.delimiter.map(|delimiter| delimiter.to_string());
    vec![
        (FORMAT, dialect.format.as_str().to_owned()),
        (DELIMITER, delimiter.unwrap_or_else(|| "not given".to_owned())),
        (QUOTE, or_none(dialect.quote.map(character))),
        (NO_DOUBLE_QUOTE, switch(!dialect.doubles_quotes)),
        (ESCAPE, or_none(dialect.escape.map(|escape| escape.to_string()))),
        (NO_HEADER, switch(!dialect.header)),
        (COMMENT, or_none(dialect.comment.map(character))),
        (DROP_REPEATED_HEADERS, switch(dialect.drop_repeated_headers)),
        (TRIM, switch(dialect.trim)),
        (ENCODING, (dialect.encoding.unwrap_or_default().name()).to_owned()),
        (SKIP_LINES, dialect.skip_lines.to_string()),
        (HEADER_ROW, header_row(dialect)),
        (
            MEMBER,
            dialect.member.clone().unwrap_or_else(|| "the only one".to_owned()),
        ),
        (SKIP_FOOTER, dialect.skip_footer.to_string()),
    ]
}

/// The line on which the header is to stand.
fn header_row(dialect: &DialectOptions) -> String {
    let row = dialect.header_row.map(|row| row.to_string());
    row.unwrap_or_else(|| "the first that is not skipped".to_owned())
}

/// `a,"b,c"`: names as the command line takes them, each with what belongs to it; `none` if there are none.
fn listed<'a>(names: impl Iterator<Item = (&'a str, String)>) -> String {
    let one = |(name, rest): (&str, String)| match name.contains([',', '"', '=']) || name == "none" {
        true => format!("\"{}\"{rest}", name.replace('"', "\"\"")),
        false => format!("{name}{rest}"),
    };
    let names: Vec<String> = names.map(one).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(",")
    }
}
