//! How a program asks for a load: inputs, database and options, one after another, then [`Load::run`].

mod contract;
mod retry;
mod table;
mod watched;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cancel::CancelToken;
use crate::dialect::{Delimiter, Escape};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::load::{self, Inputs};
use crate::observer::Observer;
use crate::option_name::ERRORS;
use crate::options::{ErrorLimit, InputFormat, LoadOptions, WritePath};
use crate::reject::RejectCode;
use crate::report::LoadReport;
use crate::schema::cells::EmptyCell;
use watched::Watched;

/// A load of one or more CSV inputs into one table of a SQLite database.
///
/// The inputs ([`new`](Self::new), [`from_reader`](Self::from_reader)), the database ([`into`](Self::into)) and the dead-letter file
/// ([`errors`](Self::errors)) must be named; everything else has a default. Nothing is looked at before [`run`](Self::run).
///
/// ```no_run
/// use rowmill::{ColumnType, ErrorLimit, Load};
///
/// let report = Load::new(["january.csv", "february.csv"])
///     .into("year.db")
///     .errors("errors.csv")
///     .table("sales")
///     .key(["shop", "date"])
///     .column_type("date", ColumnType::Date)
///     .max_errors(ErrorLimit::Percent(1.0))
///     .run()?;
/// println!("{}", report.summary(false));
/// # Ok::<(), rowmill::Error>(())
/// ```
#[must_use = "nothing is loaded before `run` is called"]
pub struct Load<'a> {
    inputs: Inputs,
    database: Option<PathBuf>,
    has_errors_file: bool,
    options: LoadOptions,
    observer: &'a dyn Observer,
    token: CancelToken,
}

/// What is loaded, and into what.
impl<'a> Load<'a> {
    /// Creates a load of the files `paths`, one after another, as if they were one. Their headers must have the same names, in any order,
    /// unless [`union_by_name`](Self::union_by_name) allows others.
    ///
    /// A FIFO or a device is read as a stream. `-` is standard input. A folder stands for the files in it that are named `*.csv`, `*.tsv`
    /// or `*.tab`, by name; those in folders of its own and hidden ones are not among them. A name with `*`, `?` or `[` that is no file
    /// stands for the files that match it, by name. The observer is told what was chosen.
    pub fn new<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let load = Load {
            inputs: Inputs::default(),
            database: None,
            has_errors_file: false,
            options: LoadOptions::default(),
            observer: &(),
            token: CancelToken::new(),
        };
        paths.into_iter().fold(load, Load::input)
    }

    /// Creates a load of all that `reader` gives. Reports and rejects call it `name`, and the table is named after it unless
    /// [`table`](Self::table) says otherwise.
    ///
    /// The outcome is the same as for a file with the same bytes and the same name, but a reader cannot be read twice: types are inferred
    /// from its first 16 MiB, later values that do not fit are rejected, and a load that was stopped cannot be resumed. It is read on the
    /// load's threads, once [`run`](Self::run) is called. A reader that waits for its next bytes keeps the load waiting, even one that is
    /// cancelled.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("people.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,name\n1,Ada\n2,Grace\n");
    /// let report = rowmill::Load::from_reader("people", reader).into(database).errors(errors).run()?;
    /// assert_eq!((report.table.as_str(), report.loaded), ("people", 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_reader(name: impl AsRef<Path>, reader: impl Read + Send + 'static) -> Self {
        Load::new::<&Path>([]).reader(name, reader)
    }

    /// Adds a file after the inputs so far.
    pub fn input(mut self, path: impl AsRef<Path>) -> Self {
        self.inputs.add_path(path.as_ref().to_owned());
        self
    }

    /// Adds a reader after the inputs so far, as [`from_reader`](Self::from_reader) does.
    pub fn reader(mut self, name: impl AsRef<Path>, reader: impl Read + Send + 'static) -> Self {
        self.inputs.add_reader(name.as_ref().to_owned(), Box::new(reader));
        self
    }

    /// Sets the database file, which is made if it does not exist. Its folder must exist. What does not fit into memory goes into that
    /// folder too, in files without a name.
    pub fn into(mut self, database: impl AsRef<Path>) -> Self {
        self.database = Some(database.as_ref().to_owned());
        self
    }

    /// Sets the table, which is made if it does not exist. Default: the name of the first input without its extension, `stdin` for
    /// standard input and devices.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.options.target.table = Some(name.into());
        self
    }

    /// Loads each input, which must be a file, by itself into a table that is named after it, with a dead-letter file of its own: beside
    /// that of [`errors`](Self::errors), with the table's name before its ending (`errors.people.csv`). Everything else holds for each of
    /// them. The first file that is not loaded whole ends it all; the same load goes on there, and loads nothing twice. The report has
    /// [that of each load](LoadReport::loads). Default: false.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let at = |name: &str| folder.path().join(name);
    /// std::fs::write(at("people.csv"), "id,name\n1,Ada\n2,Grace\n")?;
    /// std::fs::write(at("events.jsonl"), "{\"at\": \"2024-12-31\"}\n")?;
    /// let load = rowmill::Load::new([at("people.csv"), at("events.jsonl")]).into(at("x.db")).errors(at("errors.csv"));
    /// let report = load.table_per_file(true).run()?;
    /// let loads: Vec<_> = report.loads.iter().map(|load| (load.table.as_str(), load.loaded)).collect();
    /// assert_eq!(loads, [("people", 2), ("events", 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table_per_file(mut self, on: bool) -> Self {
        self.options.target.table_per_file = on;
        self
    }

    /// Sets the dead-letter file, a CSV file with a line for each record that is not loaded: where it stands, why it was rejected, and its
    /// bytes.
    ///
    /// There is no default, and no load without one: what is rejected must have a place. The file is made when the load begins. Rejects
    /// that another load left in a file of that name are kept beside it under the next free number (`errors.1.csv`); any other file is left
    /// alone, and the load is refused. While a load runs, there are more files beside it. They are gone when the load ends; a load that was
    /// stopped or killed needs them to go on.
    pub fn errors(mut self, path: impl AsRef<Path>) -> Self {
        self.options.target.errors = path.as_ref().to_owned();
        self.has_errors_file = true;
        self
    }

    /// Puts a `'` before fields of the dead-letter file that a spreadsheet would run as a formula. Default: false.
    pub fn safe_errors(mut self, on: bool) -> Self {
        self.options.target.safe_errors = on;
        self
    }

    /// Sets a file for the report as JSON, written even when the load fails. Default: none. An older report is replaced; any other file is
    /// left alone, and the load is refused.
    pub fn report(mut self, path: impl AsRef<Path>) -> Self {
        self.options.target.report = Some(path.as_ref().to_owned());
        self
    }

    /// Sets a file for the report as a page for people, written as [`report`](Self::report) is. Without the feature `html`, a load that
    /// asks for one is refused.
    pub fn report_html(mut self, path: impl AsRef<Path>) -> Self {
        self.options.target.report_html = Some(path.as_ref().to_owned());
        self
    }

    /// Says in the [report](LoadReport::profile) what is in the columns of the rows that are loaded: see
    /// [`RowsProfile`](crate::RowsProfile). A [page](Self::report_html) has it in any case. Default: false.
    pub fn profile_rows(mut self, on: bool) -> Self {
        self.options.target.profile = on;
        self
    }

    /// Sets how rows get into the database; a matter of speed. Default: [`WritePath::Auto`].
    pub fn write_path(mut self, path: WritePath) -> Self {
        self.options.target.write_path = path;
        self
    }
}

/// The dialect: how the inputs are written.
impl Load<'_> {
    /// Sets the format of the inputs. Default: [`InputFormat::Auto`], CSV unless a file's name ends with `.jsonl` or `.ndjson`. What is
    /// about delimiters, quotes, headers, comments and the like is refused for [`InputFormat::JsonLines`].
    pub fn format(mut self, format: InputFormat) -> Self {
        self.options.dialect.format = format;
        self
    }

    /// Sets what separates fields: a character, or several, other than line ends ([`Delimiter::new`]). Default: what an input's first line
    /// names if it has the form `sep=;`, otherwise `,`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id||name\n1||Ada\n2||a|b\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let delimiter = rowmill::Delimiter::new("||").expect("it has two bytes");
    /// assert_eq!(load.delimiter(delimiter).run()?.loaded, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delimiter(mut self, delimiter: impl Into<Delimiter>) -> Self {
        self.options.dialect.delimiter = Some(delimiter.into());
        self
    }

    /// Sets what quotes fields: an ASCII character other than a line end or the delimiter, or `None` if quotes are plain text.
    /// Default: `"`.
    pub fn quote(mut self, quote: Option<u8>) -> Self {
        self.options.dialect.quote = quote;
        self.options.dialect.quote_is_given = true;
        self
    }

    /// Two quotes in a quoted field are not one quote: the first closes the field. Default: false.
    pub fn no_double_quote(mut self, on: bool) -> Self {
        self.options.dialect.doubles_quotes = !on;
        self
    }

    /// Sets the character that takes its meaning from the one after it, inside quotes and outside: a delimiter, quote or line end after it
    /// is data. What other characters mean, the [`Escape`] says. [Words for NULL](Self::null_word) are compared before that. Default:
    /// `None`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id\tnote\n1\ta\\tb\n2\t\\N\n");
    /// let load = rowmill::Load::from_reader("notes", reader).into(database).errors(errors);
    /// let load = load.delimiter(b'\t').quote(None).escape(Some(rowmill::Escape::MySql)).null_word("\\N");
    /// assert_eq!(load.run()?.loaded, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn escape(mut self, escape: Option<Escape>) -> Self {
        self.options.dialect.escape = escape;
        self.options.dialect.escape_is_given = true;
        self
    }

    /// How characters are written, unless a byte order mark says it: what is neither UTF-8 nor so marked. What goes into the table is UTF-8;
    /// the dead-letter file keeps the original bytes and their offsets. Default: UTF-8, and a notice that names the likely encoding of what
    /// is not.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new(b"id,name\n1,Ren\xE9e\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// assert_eq!(load.encoding(rowmill::Encoding::new("latin1")?).run()?.loaded, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.options.dialect.encoding = Some(encoding);
        self
    }

    /// Takes the first record as data and names the columns `column_1`, `column_2` and so on. Default: false.
    pub fn no_header(mut self, on: bool) -> Self {
        self.options.dialect.header = !on;
        self.options.dialect.header_is_given = true;
        self
    }

    /// Finds out from the first 64 KiB of each input what is not given: the [delimiter](Self::delimiter) (`,`, `;`, tab, `|` and the ASCII
    /// separators), the [quote](Self::quote), a backslash as [escape](Self::escape) and whether there [is a header](Self::no_header), which
    /// the first input decides for all. If every record has one field more than the header, as in files of R's, the first is called
    /// `row_name`. What was found is in the [report](crate::InputReport::dialect). Evidence must be clear: otherwise the defaults count, and
    /// a comma file stays one, however many of its records are bad. Default: false.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id;name\n1;Ann\n2;Bob\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let report = load.detect_dialect(true).run()?;
    /// assert_eq!(report.inputs[0].dialect.map(|found| found.delimiter), Some(';'.into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detect_dialect(mut self, on: bool) -> Self {
        self.options.dialect.detect = on;
        self
    }

    /// Lines that begin with `comment`, outside quotes, are no records: an ASCII character other than a line end, the quote and the
    /// delimiter. Quotes in them mean nothing. Default: `None`.
    pub fn comment(mut self, comment: Option<u8>) -> Self {
        self.options.dialect.comment = comment;
        self
    }

    /// Records that are the header once more, as in files put together from others, are dropped and counted. Default: false.
    pub fn drop_repeated_headers(mut self, on: bool) -> Self {
        self.options.dialect.drop_repeated_headers = on;
        self
    }

    /// Blanks and tabs around fields, those of the header too, are not part of them, and a quote after them opens a quoted field:
    /// `a, "b"` has the fields `a` and `b`. What is within quotes stays as it is. Default: false.
    pub fn trim(mut self, on: bool) -> Self {
        self.options.dialect.trim = on;
        self
    }

    /// The first `lines` physical lines of each input are no records, whatever they hold; the header is the first line after them that
    /// is not blank, or where [`header_row`](Self::header_row) says. Default: 0.
    pub fn skip_lines(mut self, lines: u64) -> Self {
        self.options.dialect.skip_lines = lines;
        self
    }

    /// The header is line `row`, the first being 1. What is before it is passed over; what is after it, up to the last of
    /// [`skip_lines`](Self::skip_lines), too: `header_row(1)` with `skip_lines(2)` passes over a row of units. Default: the first line
    /// that is not skipped.
    pub fn header_row(mut self, row: u64) -> Self {
        self.options.dialect.header_row = Some(row);
        self
    }

    /// The member that is read of inputs that are zip archives, by its full name. Default: the only file in the archive, or the only one whose
    /// name ends with `.csv`.
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.options.dialect.member = Some(name.into());
        self
    }

    /// The last `lines` physical lines of each input are no records, whatever they hold. A stream is read so far ahead; together they may
    /// be as long as [a record](Self::max_record_bytes). Default: 0.
    pub fn skip_footer(mut self, lines: u64) -> Self {
        self.options.dialect.skip_footer = lines;
        self
    }

    /// A field that is this word, without quotes, is NULL: `NULL`, `\N`, `NA`, `-`. May be called for each word. Default: none.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,age\n1,36\n2,NA\n3,-\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let report = load.null_word("NA").null_word("-").run()?;
    /// assert_eq!((report.loaded, report.columns[1].column_type), (3, "integer"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn null_word(mut self, word: impl Into<String>) -> Self {
        self.options.dialect.cells.null_words.push(word.into());
        self
    }

    /// What an empty field without quotes is. Default: [`EmptyCell::Null`].
    pub fn empty(mut self, cell: EmptyCell) -> Self {
        self.options.dialect.cells.empty = cell;
        self
    }

    /// Quoted empty fields are what [unquoted ones](Self::empty) are: NULL, or the DEFAULT of their column. Default: false.
    pub fn empty_as_null(mut self, on: bool) -> Self {
        self.options.dialect.cells.quoted_empty_is_empty = on;
        self
    }

    /// In numbers a comma stands before the decimals, and a point does not: in columns declared as numbers, those of a table that exists,
    /// and those that are found to hold numbers. Default: false.
    pub fn decimal_comma(mut self, on: bool) -> Self {
        self.options.dialect.written.numbers.decimal_comma = on;
        self
    }

    /// What may stand between groups of digits in columns that are declared as numbers: a blank (which stands for every blank), `.`, `,`,
    /// `'`, `_`, or a blank that does not break a line. Groups have three digits; before the last they may have two, as in India. A number
    /// that is grouped in another way is rejected. Default: nothing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// use rowmill::ColumnType;
    ///
    /// let reader = std::io::Cursor::new("day;amount\n31.12.2024;1.234,50 EUR\n1.1.2025;(7,00)\n");
    /// let load = rowmill::Load::from_reader("statement", reader).into(database).errors(errors).delimiter(b';');
    /// let load = load.decimal_comma(true).thousands('.').column_type("amount", ColumnType::Decimal(2));
    /// let load = load.date_format("%d.%m.%Y").column_type("day", ColumnType::Date);
    /// let report = load.run()?;
    /// assert_eq!((report.loaded, report.recoded), (2, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thousands(mut self, separator: char) -> Self {
        self.options.dialect.written.numbers.thousands = Some(separator);
        self
    }

    /// How columns are written that are declared as [`Date`](crate::ColumnType::Date): a pattern such as `%d.%m.%Y`. They are stored as
    /// `2024-12-31`. Default: they are written so, too.
    pub fn date_format(mut self, pattern: impl Into<String>) -> Self {
        self.options.dialect.written.dates.date = Some(pattern.into());
        self
    }

    /// How columns are written that are declared as [`DateTime`](crate::ColumnType::DateTime): a pattern such as `%m/%d/%Y %I:%M %p`. They are
    /// stored as `2024-12-31T15:30`. Default: they are written so, too.
    pub fn datetime_format(mut self, pattern: impl Into<String>) -> Self {
        self.options.dialect.written.dates.date_time = Some(pattern.into());
        self
    }

    /// Of which century the two-digit years (`%y`) of patterns are: those below `year` of the 2000s, the others of the 1900s. Default:
    /// patterns with two-digit years are refused.
    pub fn two_digit_year_pivot(mut self, year: u8) -> Self {
        self.options.dialect.written.dates.two_digit_year_pivot = Some(year);
        self
    }
}

/// Columns: which the table gets. Names are compared without regard to ASCII case.
impl Load<'_> {
    /// Loads only these columns of the inputs, in this order. They are called by the inputs' own names (`column_1` and so on without a
    /// header). Inputs may have any others besides. Default: all, in the order of the first input.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// let reader = std::io::Cursor::new("id,internal,Full Name\n1,x,Ada\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(database).errors(errors);
    /// let report = load.columns(["Full Name", "id"]).rename("Full Name", "name").constant("source", "web").run()?;
    /// let names: Vec<&str> = report.columns.iter().map(|column| column.name.as_str()).collect();
    /// assert_eq!(names, ["name", "id", "source"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.options.columns.chosen = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Gives the inputs' column `old` the name `new` in the table, by which [`key`](Self::key), [`index`](Self::index) and
    /// [`column_type`](Self::column_type) know it. May be called for each column; two may swap their names.
    pub fn rename(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.options.columns.renamed.push((old.into(), new.into()));
        self
    }

    /// Inputs may lack columns that others have: the table has the columns of all, in the order in which they first come, and what an input
    /// lacks is NULL (with [`EmptyCell::Default`] the column's DEFAULT). Columns of the key must be in all of them. Default: false.
    pub fn union_by_name(mut self, on: bool) -> Self {
        self.options.columns.union_by_name = on;
        self
    }

    /// A record with more fields than the header is a row, and what it has beyond them is left out. Reports count such rows as
    /// [`cut_records`](crate::InputReport::cut_records). Default: false, it is rejected.
    pub fn ignore_extra(mut self, on: bool) -> Self {
        self.options.columns.widths.ignore_extra = on;
        self
    }

    /// A record with fewer fields than the header is a row, and what it lacks is NULL (with [`EmptyCell::Default`] the column's DEFAULT).
    /// Reports count such rows as [`filled_records`](crate::InputReport::filled_records). Blank lines are no rows all the same. Default:
    /// false, it is rejected.
    pub fn fill_missing(mut self, on: bool) -> Self {
        self.options.columns.widths.fill_missing = on;
        self
    }

    /// Adds a column that is `value` in every row: TEXT, unless [`column_type`](Self::column_type) or the table says otherwise. May be called
    /// for each column; all values together have at most 1,024 bytes.
    pub fn constant(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.columns.constants.push((name.into(), value.into()));
        self
    }

    /// Adds a column with the name of the input that a row comes from, as it was given: what the dead-letter file has as `file`. In a load
    /// that goes on, the names are those of its first run.
    pub fn filename_column(mut self, name: impl Into<String>) -> Self {
        self.options.columns.filename = Some(name.into());
        self
    }

    /// Adds a column with the number of a row's record in its input, from 1 on, rejected records counted: what the dead-letter file has as
    /// `record`. It cannot be part of the [`key`](Self::key).
    pub fn row_number(mut self, name: impl Into<String>) -> Self {
        self.options.columns.row_number = Some(name.into());
        self
    }
}

/// Loading again: a load that was stopped or killed goes on where it stopped when it is run again with the same inputs and options.
impl Load<'_> {
    /// Starts afresh where an unfinished load would go on. A table that the unfinished load made is made anew if nobody else has put
    /// anything into it; no row is taken from any other table. Default: false.
    pub fn restart(mut self, on: bool) -> Self {
        self.options.repeat.restart = on;
        self
    }

    /// Leaves the checkpoint, which says how far the load got, in the database when the load is done. Default: false.
    pub fn keep_checkpoint(mut self, on: bool) -> Self {
        self.options.repeat.keep_checkpoint = on;
        self
    }

    /// Treats the input as a file that grows: loads only what was appended since the last load of it, up to its last whole record.
    /// Default: false.
    pub fn append_only(mut self, on: bool) -> Self {
        self.options.repeat.append_only = on;
        self
    }

    /// Leaves out files whose content went into the table before with this option, under whatever name. What goes in now is remembered in
    /// the database. Default: false.
    pub fn once(mut self, on: bool) -> Self {
        self.options.repeat.once = on;
        self
    }
}

/// Limits: what is too much.
impl Load<'_> {
    /// Sets when to stop because too many records were rejected, duplicates included. Default: never.
    pub fn max_errors(mut self, limit: ErrorLimit) -> Self {
        self.options.limits.errors.all = Some(limit);
        self
    }

    /// Sets when to stop because too many records were rejected for one reason; besides [`max_errors`](Self::max_errors), which counts all of
    /// them. May be called for each reason. Default: never.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (database, errors) = (folder.path().join("t.db"), folder.path().join("errors.csv"));
    /// use rowmill::{ColumnType, ErrorLimit, Outcome, RejectCode};
    /// let reader = std::io::Cursor::new("id\n1\nx\n2\ny\n3\n");
    /// let load = rowmill::Load::from_reader("ids", reader).into(database).errors(errors).column_type("id", ColumnType::Integer);
    /// let report = load.max_errors_of(RejectCode::TypeError, ErrorLimit::Count(1)).run()?;
    /// let passed = report.passed_limit.ok_or("a limit was passed")?;
    /// assert_eq!((report.outcome, passed.code, passed.rejected), (Outcome::ErrorLimit, Some(RejectCode::TypeError), 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_errors_of(mut self, code: RejectCode, limit: ErrorLimit) -> Self {
        self.options.limits.errors.by_code.push((code, limit));
        self
    }

    /// Sets the length of the longest record, in bytes, from 1 to 512 MiB; longer ones are rejected. Default: 8 MiB.
    pub fn max_record_bytes(mut self, bytes: u64) -> Self {
        self.options.limits.max_record_bytes = bytes;
        self
    }
}

/// Resources: none of them changes the outcome, but [`batch_rows`](Self::batch_rows) must stay the same if a load is to go on.
impl Load<'_> {
    /// Sets the promise on peak memory in bytes, mapped pages included, for a process that does nothing else. Default: 244 MiB.
    ///
    /// It holds to the last megabytes only after [`return_freed_memory`](crate::return_freed_memory).
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.options.resources.memory_bytes = bytes;
        self
    }

    /// Sets the number of worker threads, at most 1,024; 0: one per core. Default: 0.
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.resources.threads = threads;
        self
    }

    /// Sets the number of records per transaction, at least 1. Default: 200,000.
    pub fn batch_rows(mut self, rows: u64) -> Self {
        self.options.resources.batch_rows = rows;
        self
    }

    /// Sets how many bytes of an input are mapped at a time, at least 1. Default: 16 MiB.
    pub fn window_bytes(mut self, bytes: u64) -> Self {
        self.options.resources.window_bytes = bytes;
        self
    }

    /// Sets how many bytes of an input one task parses, from 1 to 256 MiB. Default: 256 KiB.
    pub fn chunk_bytes(mut self, bytes: u64) -> Self {
        self.options.resources.chunk_bytes = bytes;
        self
    }
}

/// Watching, stopping, doing.
impl<'a> Load<'a> {
    /// Sets the observer that is told how the load goes.
    pub fn observer<'b>(self, observer: &'b dyn Observer) -> Load<'b>
    where
        'a: 'b,
    {
        Load { observer, ..self }
    }

    /// Sets the token by which the load can be stopped. A clone of it is kept; the caller keeps `token`.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.token = token.clone();
        self
    }

    /// Runs the load.
    ///
    /// A good row lands exactly once; a bad one goes to the [dead-letter file](Self::errors) and never stops the load. Rows are
    /// committed a batch at a time, and the rejects of a batch are on the disk before its rows are.
    ///
    /// # Errors
    /// An [`Error`] when the load could not be started or finished: its [kind](Error::kind) says what sort of trouble it is, its text what
    /// to do. What was committed stays, and the same load goes on from there when it is run again. Rejected records, an error limit that
    /// was reached and a request to stop are not errors: see [`LoadReport::outcome`].
    ///
    /// # The database of a running program
    /// The program may have connections of its own to the database, also within a transaction. Their locks stay as they are, and a load
    /// that finds them in its way ends with [`DatabaseBusy`](crate::ErrorKind::DatabaseBusy). To keep those locks, one descriptor of each
    /// database file that was loaded into stays open for the life of the process, or until the file no longer has a name. The program must
    /// use the same copy of SQLite: two copies in one process do not know of each other's locks.
    ///
    /// # Panics
    /// Not by itself; a panic of the observer or of a reader comes out here.
    pub fn run(self) -> Result<LoadReport, Error> {
        let database = self.database()?;
        let watched = Watched::of(self.observer, &self.token);
        // What was asked of a check does not make a load one.
        let options = LoadOptions {
            check: None,
            ..self.options
        };
        load::load_inputs(self.inputs, &database, &options, &watched)
    }

    /// Gives up the unfinished load into the table that [`run`](Self::run) would load into: only its checkpoint is removed, and every row
    /// that it committed stays. The inputs are not looked at, and they need not be named if [`table`](Self::table) is.
    ///
    /// The observer is told what was given up. It is not an error if there was nothing to give up. The dead-letter file stays, with the
    /// rejects of what was committed; the files that the load kept beside it are removed.
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when no table, database or dead-letter file is named,
    /// [`InputMissing`](crate::ErrorKind::InputMissing) when the database does not exist, [`DatabaseBusy`](crate::ErrorKind::DatabaseBusy)
    /// while a load is under way, and [`Database`](crate::ErrorKind::Database).
    pub fn forget(self) -> Result<(), Error> {
        let database = self.database()?;
        load::forget(
            &self.inputs.names(),
            &database,
            &self.options,
            &Watched::of(self.observer, &self.token),
        )
    }

    /// A load of these inputs with options that were made elsewhere.
    #[doc(hidden)]
    pub fn with_options(inputs: Vec<PathBuf>, options: LoadOptions) -> Load<'static> {
        Load {
            options,
            ..Load::new(inputs)
        }
    }

    /// The names of the inputs, and the options, for ranges of the inputs.
    ///
    /// # Errors
    /// `Usage` when an input is a reader, of which no part can be read by itself.
    pub(crate) fn for_ranges(&self) -> Result<(Vec<PathBuf>, &LoadOptions), Error> {
        match self.inputs.has_reader() {
            true => Err(Error::usage(
                "a reader gives its bytes once, in their order: name inputs, and give a source of bytes for each",
            )),
            false => Ok((self.inputs.names(), &self.options)),
        }
    }

    /// The database, if it and the dead-letter file are named: a load needs both.
    fn database(&self) -> Result<PathBuf, Error> {
        if !self.has_errors_file {
            return Err(Error::usage(format!(
                "rejected records need a place: name a file for them with {ERRORS}"
            )));
        }
        let missing = || Error::usage("no database named: name its file with `into`");
        self.database.clone().ok_or_else(missing)
    }
}

impl fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("inputs", &self.inputs.names())
            .field("database", &self.database)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
