//! What a load is asked to do, validated once; every constant of the program with its unit and reason.

mod columns;
mod contract;
mod input_format;
mod limits;
mod on_duplicate;
mod table;
mod typed_command;
pub(crate) mod written;

use std::path::PathBuf;

pub use self::columns::{ColumnOptions, MAX_CONSTANT_BYTES};
pub use self::contract::{Agreement, ContractSource};
pub use self::input_format::{InputFormat, JSON_LINES};
pub use self::limits::{ErrorLimits, LimitOptions, PassedLimit};
pub use self::on_duplicate::OnDuplicate;
pub use self::table::{Atomic, CreateSql, IfExists, TableOptions};
pub use self::typed_command::{TypedCommand, shell_word, typed};
use crate::dialect::{Delimiter, Escape};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::option_name::{
    APPEND_ONLY, ATOMIC, BATCH_ROWS, CHUNK_BYTES, COLUMN_TYPE, COMMENT, DELIMITER, DROP_REPEATED_HEADERS, EMPTY,
    EMPTY_AS_NULL, ESCAPE, HEADER_ROW, IF_EXISTS, KEEP_CHECKPOINT, MEMBER, NO_HEADER, NULL_WORD, ONCE, OptionName,
    QUOTE, REPORT, REPORT_HTML, SKIP_FOOTER, TABLE, TABLE_PER_FILE, THREADS, UNION_BY_NAME, WINDOW_BYTES,
};
use crate::schema::ColumnType;
use crate::schema::cells::{CellRules, EmptyCell};
use crate::schema::written::WrittenForms;

/// Default promise on peak memory (VmHWM), mapped pages included. Below 256 MB (decimal), so that either reading holds.
pub const DEFAULT_MEMORY_BYTES: u64 = 244 << 20;
/// Span of a file that is mapped at a time: large enough that mapping costs nothing, small enough that two fit beside the filter.
pub const DEFAULT_WINDOW_BYTES: u64 = 16 << 20;
/// Bytes that one task parses: fits the L2 cache together with the rows made from it.
pub const DEFAULT_CHUNK_BYTES: u64 = 256 << 10;
/// Longest record: a quoted field still open after this many bytes is a stray quote, not data.
pub const DEFAULT_MAX_RECORD_BYTES: u64 = 8 << 20;
/// Most that `max_record_bytes` may be. Offsets within a parsed span are 32 bits wide, and a span holds a record and a chunk.
pub const MAX_RECORD_BYTES: u64 = 512 << 20;
/// Most that `chunk_bytes` may be, for the same reason.
pub const MAX_CHUNK_BYTES: u64 = 256 << 20;
/// Most worker threads. A larger number is a slip of the keyboard, and the stacks alone would break the memory promise.
pub const MAX_THREADS: usize = 1024;
/// Records of one transaction.
pub const DEFAULT_BATCH_ROWS: u64 = 200_000;

/// What separates fields where nothing says otherwise.
pub const DEFAULT_DELIMITER: Delimiter = Delimiter::COMMA;

/// When to stop because too many records were rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ErrorLimit {
    /// More than this many rejects.
    Count(u64),
    /// More than this share of all records, in percent; checked from the 1,000th record on and at the end.
    Percent(f64),
}

impl ErrorLimit {
    /// Returns whether `rejects` among `records` records are too many.
    pub fn is_passed(self, rejects: u64, records: u64) -> bool {
        match self {
            ErrorLimit::Count(limit) => rejects > limit,
            ErrorLimit::Percent(percent) => rejects as f64 * 100.0 > percent * records as f64,
        }
    }
}

/// How rows get into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WritePath {
    /// The direct path if the table allows it, otherwise SQL.
    #[default]
    Auto,
    /// Always prepared INSERT statements.
    Sql,
    /// The direct path, or an error that says why not.
    Direct,
}

/// Where the types of a new table's columns come from when they are not declared. The outcome is the same: types that fit every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Inference {
    /// A guess for a large file that goes into a new database; otherwise every value.
    #[default]
    Auto,
    /// Every value, in a pass of its own before anything is loaded.
    Whole,
    /// A guess from the first chunk, which every value verifies as it is loaded; once one refutes it, what was loaded is taken back and the
    /// load starts again with [`Whole`](Self::Whole). Where that could not be done, this is the same as [`Whole`](Self::Whole).
    Guess,
}

/// The options of a load, in groups. [`LoadOptions::default`] is what the command line does without flags.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// How the inputs are written.
    pub dialect: DialectOptions,
    /// Which columns the table gets.
    pub columns: ColumnOptions,
    /// What a good row is.
    pub contract: ContractOptions,
    /// Where rows, rejects and reports go.
    pub target: TargetOptions,
    /// What is done to the table besides filling it.
    pub table: TableOptions,
    /// What becomes of loads before and after this one.
    pub repeat: RepeatOptions,
    /// What is too much.
    pub limits: LimitOptions,
    /// How much of the machine may be used.
    pub resources: ResourceOptions,
    /// The inputs are only checked: there is no database.
    pub check: Option<CheckOptions>,
}

/// What a check looks for beyond what a load says.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Every fault of a record, not only its first.
    pub all_errors: bool,
}

/// How the inputs are written.
#[derive(Debug, Clone)]
pub struct DialectOptions {
    /// Which format they have; nearly all of the rest is about CSV.
    pub format: InputFormat,
    /// What separates fields; `None`: what the input's first line names (`sep=;`), else a comma.
    pub delimiter: Option<Delimiter>,
    /// `None`: quotes are plain text.
    pub quote: Option<u8>,
    /// Within quotes, two of them stand for one.
    pub doubles_quotes: bool,
    /// Takes its meaning from the character after it; `None`: there is none.
    pub escape: Option<Escape>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Lines that begin with it, outside quotes, are no records.
    pub comment: Option<u8>,
    /// Records that are the header once more are no records.
    pub drop_repeated_headers: bool,
    /// Blanks and tabs around fields are not part of them.
    pub trim: bool,
    /// How characters are written where no byte order mark says it; `None`: in UTF-8, and what is not is wondered at.
    pub encoding: Option<Encoding>,
    /// The first so many lines of each input are no records.
    pub skip_lines: u64,
    /// The line of each input on which the header stands, from 1 on.
    pub header_row: Option<u64>,
    /// The member that is read of inputs that are zip archives; `None`: their only CSV file.
    pub member: Option<String>,
    /// The last so many lines of each input are no records.
    pub skip_footer: u64,
    /// How cells are read.
    pub cells: CellRules,
    /// What is not given is found out from each input's first bytes.
    pub detect: bool,
    /// The quote was given: it is not to be found out.
    pub quote_is_given: bool,
    /// It was said whether there are escapes.
    pub escape_is_given: bool,
    /// It was said whether there is a header.
    pub header_is_given: bool,
    /// How numbers, dates and times are written.
    pub written: WrittenForms,
}

/// What a good row is.
#[derive(Debug, Clone, Default)]
pub struct ContractOptions {
    /// Columns that make a row unique; empty: no key.
    pub key: Vec<String>,
    /// What becomes of records that repeat a key.
    pub on_duplicate: OnDuplicate,
    /// Declared column types by name.
    pub types: Vec<(String, ColumnType)>,
    /// How the dates or times of a declared column are written, by its name.
    pub formats: Vec<(String, String)>,
    /// Every column TEXT unless `types` says otherwise.
    pub all_text: bool,
    /// Where the other columns' types come from.
    pub inference: Inference,
    /// Where the contract comes from, if there is one.
    pub source: Option<ContractSource>,
    /// The contract, once it is read.
    pub agreed: Option<Agreement>,
}

/// Where rows, rejects and reports go.
#[derive(Debug, Clone)]
pub struct TargetOptions {
    /// Table to load into; default: the stem of the first input's name, or of the member that is named (`stdin` for a pipe).
    pub table: Option<String>,
    /// Each input is a file that is loaded by itself, into a table named after it.
    pub table_per_file: bool,
    /// Lists of columns to index after the rows are in.
    pub indexes: Vec<Vec<String>>,
    /// How rows get into the database.
    pub write_path: WritePath,
    /// The dead-letter file.
    pub errors: PathBuf,
    /// Put a `'` before fields of the dead-letter file that a spreadsheet would take for a formula.
    pub safe_errors: bool,
    /// Where to write the JSON report, on every way out.
    pub report: Option<PathBuf>,
    /// Where to write the same as a page for people, on every way out.
    pub report_html: Option<PathBuf>,
    /// Say what is in the columns of the rows that are loaded.
    pub profile: bool,
    /// What was typed, if that is known.
    pub command: Option<TypedCommand>,
}

/// What a load does about loads before it, and what it keeps for loads after it.
#[derive(Debug, Clone, Default)]
pub struct RepeatOptions {
    /// Forget an unfinished load of the same table and start afresh.
    pub restart: bool,
    /// Leave the checkpoint in the database when the load is done.
    pub keep_checkpoint: bool,
    /// The input is a file that grows: load what was added since the last load of it, up to its last whole record.
    pub append_only: bool,
    /// Skip inputs whose content went into the table before with this option; remember what goes in now, in the database.
    pub once: bool,
}

/// How much of the machine a load may use, and in what pieces.
#[derive(Debug, Clone)]
pub struct ResourceOptions {
    /// Worker threads; 0: one per core.
    pub threads: usize,
    /// Promise on peak memory in bytes.
    pub memory_bytes: u64,
    /// Records per transaction.
    pub batch_rows: u64,
    /// Input mapped at a time.
    pub window_bytes: u64,
    /// Input parsed by one task.
    pub chunk_bytes: u64,
}

impl Default for DialectOptions {
    fn default() -> Self {
        DialectOptions {
            format: InputFormat::Auto,
            delimiter: None,
            quote: Some(b'"'),
            doubles_quotes: true,
            escape: None,
            header: true,
            comment: None,
            drop_repeated_headers: false,
            trim: false,
            encoding: None,
            skip_lines: 0,
            header_row: None,
            member: None,
            skip_footer: 0,
            cells: CellRules::default(),
            detect: false,
            quote_is_given: false,
            escape_is_given: false,
            header_is_given: false,
            written: WrittenForms::default(),
        }
    }
}

impl Default for TargetOptions {
    fn default() -> Self {
        TargetOptions {
            table: None,
            table_per_file: false,
            indexes: Vec::new(),
            write_path: WritePath::Auto,
            errors: PathBuf::from("errors.csv"),
            safe_errors: false,
            report: None,
            report_html: None,
            profile: false,
            command: None,
        }
    }
}

impl Default for ResourceOptions {
    fn default() -> Self {
        ResourceOptions {
            threads: 0,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            batch_rows: DEFAULT_BATCH_ROWS,
            window_bytes: DEFAULT_WINDOW_BYTES,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
        }
    }
}

impl LoadOptions {
    /// Checks what can be checked before anything is opened.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) naming the option and what it takes.
    pub fn validate(&self) -> Result<(), Error> {
        self.dialect.validate()?;
        self.columns.validate()?;
        self.contract.validate()?;
        written::validate(self)?;
        self.target.validate()?;
        self.table.validate(self.target.table_per_file)?;
        self.repeat.validate()?;
        self.limits.validate()?;
        self.resources.validate()?;
        if self.target.table_per_file && self.columns.union_by_name {
            return Err(Error::usage(format!(
                "{UNION_BY_NAME} puts files with other columns into one table, and {TABLE_PER_FILE} loads each into its own; leave one of \
                 them out"
            )));
        }
        if self.table.if_exists.takes_rows_away() && (self.repeat.append_only || self.repeat.once) {
            let option = if self.repeat.once { ONCE } else { APPEND_ONLY };
            return Err(Error::usage(format!(
                "{option} relies on rows of earlier loads, and {IF_EXISTS} {} takes them away; leave one of them out",
                self.table.if_exists.as_str()
            )));
        }
        if self.table.atomic == Atomic::File && (self.repeat.append_only || self.repeat.once) {
            let option = if self.repeat.once { ONCE } else { APPEND_ONLY };
            return Err(Error::usage(format!(
                "{option} keeps notes of what is in a table, and {ATOMIC} file may fill it under another name first; leave one of them out"
            )));
        }
        match self.dialect.skip_footer > 0 && self.repeat.append_only {
            true => Err(Error::usage(format!(
                "{APPEND_ONLY} is for a file that grows, whose last lines are not the last for long; leave {SKIP_FOOTER} out"
            ))),
            false => Ok(()),
        }
    }
}

impl LoadOptions {
    /// Whether every fault of a record is asked for, not only the first.
    pub fn wants_every_fault(&self) -> bool {
        self.check.as_ref().is_some_and(|check| check.all_errors)
    }

    /// Names of columns that other options use.
    pub fn column_names(&self) -> Vec<&str> {
        let (contract, columns) = (&self.contract, &self.columns);
        let types = contract.types.iter().map(|(name, _)| name);
        let named = contract
            .key
            .iter()
            .chain(types)
            .chain(self.target.indexes.iter().flatten())
            .chain(self.table.column_names());
        let chosen = columns.chosen.iter().flatten();
        let renamed = columns.renamed.iter().map(|(name, _)| name);
        named.chain(chosen).chain(renamed).map(String::as_str).collect()
    }
}

impl DialectOptions {
    fn validate(&self) -> Result<(), Error> {
        if self.format == InputFormat::JsonLines {
            self.check_for_objects("the input")?;
            return self.validate_member().and_then(|()| self.validate_cells());
        }
        let is_usable = |c: u8| c.is_ascii() && !matches!(c, 0 | b'\n' | b'\r');
        if self.delimiter.is_some_and(|delimiter| !delimiter.is_usable()) {
            return Err(Error::usage(format!(
                "{DELIMITER} must be characters other than line ends and NUL"
            )));
        }
        self.validate_member()?;
        let characters = [
            (QUOTE, self.quote),
            (COMMENT, self.comment),
            (ESCAPE, self.escape.map(Escape::byte)),
        ];
        for (index, (option, byte)) in characters.iter().enumerate() {
            let Some(byte) = *byte else { continue };
            if !is_usable(byte) {
                return Err(Error::usage(format!(
                    "{option} must be one ASCII character other than a line end or NUL"
                )));
            }
            if self.delimiter_or(None).as_bytes().contains(&byte) {
                return Err(Error::usage(match self.delimiter_or(None).single() {
                    Some(_) => format!("{option} and {DELIMITER} are the same character"),
                    None => format!("{option} is a character of {DELIMITER}; it must be another one"),
                }));
            }
            if let Some((other, _)) = characters[..index].iter().find(|(_, other)| *other == Some(byte)) {
                return Err(Error::usage(self.same_character(*option, *other)));
            }
        }
        self.validate_encoding()?;
        self.validate_header().and_then(|()| self.validate_cells())
    }

    fn validate_member(&self) -> Result<(), Error> {
        match self.member.as_ref().is_some_and(String::is_empty) {
            true => Err(Error::usage(format!(
                "{MEMBER} takes the name of a member of a zip archive"
            ))),
            false => Ok(()),
        }
    }

    /// Checks that what shapes the inputs can be told apart in their encoding.
    fn validate_encoding(&self) -> Result<(), Error> {
        let Some(encoding) = self.encoding else { return Ok(()) };
        let Some(field) = encoding.by_field() else {
            return Ok(());
        };
        if let Some(delimiter) = self.delimiter
            && field.in_bytes(&delimiter.text()).is_none()
        {
            return Err(Error::usage(format!(
                "{DELIMITER} {delimiter} cannot be looked for in {encoding}, as its characters are not one byte each there; convert the                  file first: iconv -f {encoding} -t UTF-8 FILE"
            )));
        }
        match self.ambiguous(encoding, self.delimiter, self.quote) {
            Some(message) => Err(Error::usage(message)),
            None => Ok(()),
        }
    }

    /// Why records that `delimiter` and `quote` shape cannot be told in this encoding, if they cannot.
    pub fn ambiguous(&self, encoding: Encoding, delimiter: Option<Delimiter>, quote: Option<u8>) -> Option<String> {
        let delimiter = delimiter.iter().flat_map(Delimiter::as_bytes);
        let others = [quote, self.comment, self.escape.map(Escape::byte)];
        let character = encoding.ambiguous(delimiter.copied().chain(others.into_iter().flatten()))?;
        Some(format!(
            "in {encoding} the byte of '{character}' may be a part of another character, so that it cannot be looked for as what separates,              quotes or escapes; convert the file first: iconv -f {encoding} -t UTF-8 FILE"
        ))
    }

    /// Why two options may not be one character.
    fn same_character(&self, option: OptionName, other: OptionName) -> String {
        let what = format!("{option} and {other} are the same character");
        match (option, other) {
            (ESCAPE, QUOTE) if self.doubles_quotes => {
                format!("{what}: within quotes, two of them stand for one without {ESCAPE}; leave it out")
            }
            _ => what,
        }
    }

    /// What separates fields in an input whose first line names `named`.
    pub fn delimiter_or(&self, named: Option<Delimiter>) -> Delimiter {
        self.delimiter.or(named).unwrap_or(DEFAULT_DELIMITER)
    }

    /// Whether lines of any text are records, such as those of JSON or HTML.
    pub fn takes_any_text(&self) -> bool {
        !self.header && self.quote.is_none()
    }

    /// Whether it is known, and not to be found out, if there is a header.
    pub fn says_header(&self) -> bool {
        self.header_is_given || self.header_row.is_some() || self.drop_repeated_headers
    }

    fn validate_header(&self) -> Result<(), Error> {
        match self.header_row {
            Some(0) => Err(Error::usage(format!("{HEADER_ROW} counts lines from 1 on"))),
            Some(_) if !self.header => Err(Error::usage(format!(
                "{HEADER_ROW} says where the header is, and {NO_HEADER} that there is none; leave one of them out"
            ))),
            None if self.drop_repeated_headers && !self.header => Err(Error::usage(format!(
                "{DROP_REPEATED_HEADERS} drops records that are the header once more, and {NO_HEADER} says that there is none; leave one of \
                 them out"
            ))),
            _ => Ok(()),
        }
    }

    fn validate_cells(&self) -> Result<(), Error> {
        let CellRules {
            null_words,
            empty,
            quoted_empty_is_empty,
        } = &self.cells;
        for word in null_words {
            let bytes = word.as_bytes();
            if bytes.is_empty() {
                return Err(Error::usage(format!(
                    "{NULL_WORD} takes a word; what an empty field is, {EMPTY} says"
                )));
            }
            let delimiter = self.delimiter_or(None);
            let is_cut = bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
                || bytes.windows(delimiter.len()).any(|part| part == delimiter.as_bytes());
            if self.format != InputFormat::JsonLines && (is_cut || bytes.first().copied() == self.quote) {
                return Err(Error::usage(format!(
                    "{NULL_WORD} '{}' can be no field without quotes, and only those are looked at: it has a delimiter or line end in it, \
                     or begins with a quote",
                    word.escape_debug()
                )));
            }
        }
        match (empty, quoted_empty_is_empty) {
            (EmptyCell::Text, true) => Err(Error::usage(format!(
                "{EMPTY} text loads empty fields as texts, and {EMPTY_AS_NULL} loads them as NULL; leave one of them out"
            ))),
            _ => Ok(()),
        }
    }
}

impl ContractOptions {
    /// Whether the type of a column is declared by its name.
    pub fn is_declared(&self, name: &str) -> bool {
        self.types.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// The type that a column is declared as, as the command line takes it: `date:%d.%m.%Y`.
    pub fn type_text(&self, name: &str, column_type: ColumnType) -> String {
        let own = self.formats.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        match own {
            None => column_type.as_str().to_owned(),
            Some((_, format)) if format.contains([',', '"']) => {
                format!("{}:\"{}\"", column_type.as_str(), format.replace('"', "\"\""))
            }
            Some((_, format)) => format!("{}:{format}", column_type.as_str()),
        }
    }

    fn validate(&self) -> Result<(), Error> {
        for (index, (name, column_type)) in self.types.iter().enumerate() {
            let is_declared = self.types[..index]
                .iter()
                .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name));
            if is_declared {
                return Err(Error::usage(format!("{COLUMN_TYPE} declares column '{name}' twice")));
            }
            if matches!(column_type, ColumnType::Any | ColumnType::Numeric) {
                return Err(Error::usage(format!(
                    "{COLUMN_TYPE} declares column '{name}' with a type that only an existing table can have"
                )));
            }
        }
        Ok(())
    }
}

impl TargetOptions {
    fn validate(&self) -> Result<(), Error> {
        if self.table_per_file && self.table.is_some() {
            return Err(Error::usage(format!(
                "{TABLE} names one table, and {TABLE_PER_FILE} loads each file into its own; leave one of them out"
            )));
        }
        match &self.report_html {
            Some(_) if cfg!(not(feature = "html")) => Err(Error::usage(format!(
                "{REPORT_HTML} needs rowmill built with its feature `html`; build it that way, or use {REPORT}"
            ))),
            _ => Ok(()),
        }
    }
}

impl RepeatOptions {
    fn validate(&self) -> Result<(), Error> {
        let message = match (self.append_only, self.once, self.keep_checkpoint) {
            (true, _, true) => {
                format!("{APPEND_ONLY} keeps what it needs in the database; leave {KEEP_CHECKPOINT} out")
            }
            (true, true, _) => format!(
                "{APPEND_ONLY} loads what is new in a file that grows, {ONCE} loads files that never change: leave one of them out"
            ),
            (_, true, true) => format!(
                "{ONCE} remembers a load when its checkpoint goes, and {KEEP_CHECKPOINT} keeps that; leave one of them out"
            ),
            _ => return Ok(()),
        };
        Err(Error::usage(message))
    }
}

impl ResourceOptions {
    fn validate(&self) -> Result<(), Error> {
        check_range(BATCH_ROWS, self.batch_rows, None)?;
        check_range(WINDOW_BYTES, self.window_bytes, None)?;
        check_range(CHUNK_BYTES, self.chunk_bytes, Some(MAX_CHUNK_BYTES))?;
        if self.threads > MAX_THREADS {
            return Err(Error::usage(format!(
                "{THREADS} {} is more than {MAX_THREADS}, the most there can be; 0 is one per core",
                self.threads
            )));
        }
        Ok(())
    }
}

/// Checks that `value` is at least 1 and, where there is a limit, at most `most_bytes`.
fn check_range(option: OptionName, value: u64, most_bytes: Option<u64>) -> Result<(), Error> {
    match most_bytes {
        _ if value == 0 => Err(Error::usage(format!("{option} must be at least 1"))),
        Some(most) if value > most => Err(Error::usage(format!("{option} must be at most {} MiB", most >> 20))),
        _ => Ok(()),
    }
}
