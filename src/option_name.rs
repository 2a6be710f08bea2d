//! What messages call an option: its method in a program, its flag on the command line, or its keyword argument.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// How options are called. Set once, by the program, before anything else: all loads of a process are asked for in the same way.
static SPEECH: AtomicU8 = AtomicU8::new(Speech::Methods as u8);

/// How whoever asks for loads gives their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Speech {
    /// A program in Rust calls methods: `max_errors`.
    Methods,
    /// The command line has flags: `--max-errors`.
    Flags,
    /// Keyword arguments, as in Python, which have the names of flags: `max_errors`.
    Keywords,
}

/// Makes the messages of this process call options so from now on.
pub fn speak_of(speech: Speech) {
    SPEECH.store(speech as u8, Ordering::Relaxed);
}

fn speech() -> Speech {
    let said = SPEECH.load(Ordering::Relaxed);
    let all = [Speech::Methods, Speech::Flags, Speech::Keywords];
    all.into_iter()
        .find(|speech| *speech as u8 == said)
        .unwrap_or(Speech::Methods)
}

/// An option of a load. It is written as a message calls it: the name of its method in backticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionName {
    method: &'static str,
    flag: &'static str,
}

impl OptionName {
    /// Returns the name of the [`Load`](crate::Load)'s method, without backticks: `max_errors`.
    pub const fn as_str(self) -> &'static str {
        self.method
    }

    /// The bare name under which whoever gives the options knows it.
    #[cfg(feature = "html")]
    pub(crate) fn spoken(self) -> std::borrow::Cow<'static, str> {
        match speech() {
            Speech::Methods => self.method.into(),
            Speech::Flags => self.flag.into(),
            Speech::Keywords => self.keyword().into(),
        }
    }

    /// The keyword argument: `max_errors`.
    fn keyword(self) -> String {
        self.flag.trim_start_matches('-').replace('-', "_")
    }

    /// The flag, which is also the option's name in the notes that a load keeps in its database: `--max-errors`.
    #[doc(hidden)]
    pub const fn flag(self) -> &'static str {
        self.flag
    }
}

/// Defines the options that messages name: a constant for each, from its method and its flag, and the list of them.
macro_rules! options {
    ($($name:ident $method:literal $flag:literal)*) => {
        $(#[allow(missing_docs)] pub const $name: OptionName = OptionName { method: $method, flag: $flag };)*

        /// Every option that a message may name.
        pub const ALL: &[OptionName] = &[$($name),*];
    };
}

options! {
    AFTER "after" "--after"
    ALTER "alter" "--alter"
    ANALYZE "analyze" "--analyze"
    APPEND_ONLY "append_only" "--append-only"
    ATOMIC "atomic" "--atomic"
    BATCH_ROWS "batch_rows" "--batch-rows"
    BEFORE "before" "--before"
    CHUNK_BYTES "chunk_bytes" "--chunk-bytes"
    COLUMNS "columns" "--columns"
    COLUMN_TYPE "column_type" "--types"
    COLUMN_FORMAT "column_format" "--types"
    COMMENT "comment" "--comment"
    CONSTANT "constant" "--const"
    CONTRACT "contract" "--schema"
    CREATE_SQL "create_sql" "--create-sql"
    CREATE_SQL_FILE "create_sql_file" "--create-sql"
    DATE_FORMAT "date_format" "--date-format"
    DATETIME_FORMAT "datetime_format" "--datetime-format"
    DECIMAL_COMMA "decimal_comma" "--decimal-comma"
    DELIMITER "delimiter" "--delimiter"
    DROP_REPEATED_HEADERS "drop_repeated_headers" "--drop-repeated-headers"
    EMPTY "empty" "--empty"
    EMPTY_AS_NULL "empty_as_null" "--empty-as-null"
    ENCODING "encoding" "--encoding"
    ERRORS "errors" "--errors"
    ESCAPE "escape" "--escape"
    FILENAME_COLUMN "filename_column" "--filename-column"
    FILL_MISSING "fill_missing" "--fill-missing"
    FORGET "forget" "--forget"
    FORMAT "format" "--format"
    FTS "fts" "--fts"
    HEADER_ROW "header_row" "--header-row"
    IF_EXISTS "if_exists" "--if-exists"
    IGNORE_EXTRA "ignore_extra" "--ignore-extra"
    INDEX "index" "--index"
    INFERENCE "inference" "--infer"
    KEEP_CHECKPOINT "keep_checkpoint" "--keep-checkpoint"
    KEY "key" "--key"
    MAX_ERRORS "max_errors" "--max-errors"
    MAX_ERRORS_OF "max_errors_of" "--max-errors"
    MAX_RECORD_BYTES "max_record_bytes" "--max-record-bytes"
    MEMBER "member" "--member"
    MEMORY_BYTES "memory_bytes" "--memory"
    NO_DOUBLE_QUOTE "no_double_quote" "--no-double-quote"
    NO_HEADER "no_header" "--no-header"
    NOT_NULL "not_null" "--not-null"
    NULL_WORD "null_word" "--null"
    ON_DUPLICATE "on_duplicate" "--on-duplicate"
    ONCE "once" "--once"
    PROFILE_ROWS "profile_rows" "--profile"
    QUOTE "quote" "--quote"
    RENAME "rename" "--rename"
    REPORT "report" "--report"
    REPORT_HTML "report_html" "--report-html"
    RESTART "restart" "--restart"
    ROW_NUMBER "row_number" "--row-number"
    SAFE_ERRORS "safe_errors" "--safe-errors"
    SCHEMA "schema" "--schema"
    SKIP_FOOTER "skip_footer" "--skip-footer"
    SKIP_LINES "skip_lines" "--skip-lines"
    STRICT "strict" "--strict"
    TABLE "table" "--table"
    TABLE_PER_FILE "table_per_file" "--table-per-file"
    TEXT "text" "--text"
    THOUSANDS "thousands" "--thousands"
    THREADS "threads" "--threads"
    TRIM "trim" "--trim"
    UNIQUE "unique" "--unique"
    UNION_BY_NAME "union_by_name" "--union-by-name"
    TWO_DIGIT_YEAR_PIVOT "two_digit_year_pivot" "--two-digit-year-pivot"
    VACUUM "vacuum" "--vacuum"
    WINDOW_BYTES "window_bytes" "--window-bytes"
    WRITE_PATH "write_path" "--write-path"
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match speech() {
            Speech::Methods => write!(f, "`{}`", self.method),
            Speech::Flags => f.write_str(self.flag),
            Speech::Keywords => write!(f, "`{}`", self.keyword()),
        }
    }
}

/// Words that depend on how the load was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wording {
    /// For whoever gives flags.
    pub on_command_line: &'static str,
    /// For whoever calls methods, or functions with keyword arguments.
    pub in_program: &'static str,
}

/// What to run again so that a load goes on.
pub const SAME_LOAD: Wording = Wording {
    on_command_line: "same command",
    in_program: "same load",
};

/// Where the header of a file is found that is not there any more.
pub const SAME_HEADER: Wording = Wording {
    on_command_line: "name a file with the same header with --like",
    in_program: "name a file with the same header as an input (in Python with `like`)",
};

/// What UTF-16 is whose units begin with their lower byte, if no byte order mark says it.
pub const WIDE_LITTLE: Wording = Wording {
    on_command_line: "it is UTF-16 text without a byte order mark; load it with --encoding utf-16le",
    in_program: "it is UTF-16 text without a byte order mark; load it with `encoding`, as UTF-16LE",
};
/// The same, with the upper byte first.
pub const WIDE_BIG: Wording = Wording {
    on_command_line: "it is UTF-16 text without a byte order mark; load it with --encoding utf-16be",
    in_program: "it is UTF-16 text without a byte order mark; load it with `encoding`, as UTF-16BE",
};

impl Wording {
    /// The words for this process.
    pub fn as_str(self) -> &'static str {
        match speech() {
            Speech::Flags => self.on_command_line,
            Speech::Methods | Speech::Keywords => self.in_program,
        }
    }
}

impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_its_method() {
        let builder = concat!(
            include_str!("builder.rs"),
            include_str!("builder/contract.rs"),
            include_str!("builder/table.rs")
        );
        for option in ALL {
            let method = option.as_str();
            let is_there = |after: &str| builder.contains(&format!("pub fn {method}{after}"));
            assert!(is_there("(") || is_there("<"), "{method}");
        }
    }

    #[test]
    fn messages_of_the_library_speak_of_methods() {
        assert_eq!(MAX_ERRORS.to_string(), "`max_errors`");
        assert_eq!(MEMORY_BYTES.to_string(), "`memory_bytes`");
        assert_eq!(MEMORY_BYTES.keyword(), "memory");
        assert_eq!(DATE_FORMAT.keyword(), "date_format");
    }
}
