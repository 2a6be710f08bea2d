//! `rowmill info`: its flags, and what it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use rowmill::internal::escape::{cut, escaped};
use rowmill::internal::option_name::{FORGET, RESTART, TABLE};
use rowmill::internal::options::shell_word;
use rowmill::internal::report::{Paint, agreeing, bytes, grouped, padded, rows, text_columns, wrapped};
use rowmill::internal::sqlite::inventory::{Inventory, TableEntry, UnfinishedLoad, inventory};
use rowmill::{Error, Observer};

use super::Invocation;
use super::next::typed;
use super::width::columns_to_fill;

/// Characters of a name.
const NAME_CHARS: usize = 40;
/// Characters of a command that is not meant to be copied from here.
const COMMAND_CHARS: usize = 500;
/// How far what is said of a load is set in.
const INDENT: usize = 2;

/// List a database's tables, and the loads that are unfinished or remembered
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  rowmill info people.db
  rowmill info people.db --continue people
  rowmill info people.db --forget people

The database is only read, unless --continue or --forget says otherwise; rows are counted, which
takes a while where there are many."
)]
pub struct InfoArgs {
    /// The database
    #[arg(value_name = "DB", value_hint = ValueHint::FilePath)]
    database: PathBuf,
    /// Give up the unfinished load into this table: its rows stay. Refused while a load is under way
    #[arg(long, value_name = "TABLE", help_heading = "Loading again")]
    forget: Option<String>,
    /// Go on with the unfinished load into this table: the command that began it is run again, in the folder where it was
    #[arg(
        long = "continue",
        value_name = "TABLE",
        conflicts_with = "forget",
        help_heading = "Loading again"
    )]
    resume: Option<String>,
}

/// A look at a database as it was asked for.
#[derive(Debug)]
pub struct InfoCommand {
    pub database: PathBuf,
    /// The table whose unfinished load is to be given up instead.
    pub forget: Option<String>,
    /// The table whose unfinished load is to go on instead.
    pub resume: Option<String>,
}

impl InfoArgs {
    pub(super) fn into_info(self) -> InfoCommand {
        InfoCommand {
            database: self.database,
            forget: self.forget,
            resume: self.resume,
        }
    }
}

impl InfoCommand {
    /// What is to be printed, with styles.
    ///
    /// # Errors
    /// `InputMissing` when there is no such file, `Schema` when it is no database, as reading it.
    pub fn text(&self) -> Result<String, Error> {
        Ok(written(&self.database, &inventory(&self.database)?))
    }
}

/// The load into `table` that is unfinished in `database`, as it was asked for; from now on relative paths begin where they did then. Which
/// command that is, `observer` is told: it comes from the database.
///
/// # Errors
/// `Usage` when there is none, or when it is not known how it was asked for; as reading the database.
pub(super) fn continued(database: &Path, table: &str, observer: &dyn Observer) -> Result<Invocation, Error> {
    let found = inventory(database)?;
    let of_table = |load: &&UnfinishedLoad| load.table.eq_ignore_ascii_case(table);
    let Some(load) = found.unfinished.iter().find(of_table) else {
        return Err(Error::usage(format!(
            "{} has no unfinished load into a table \"{table}\"; rowmill info {} lists those that it has",
            database.display(),
            shell_word(&database.to_string_lossy())
        )));
    };
    let command = load.known.as_ref().and_then(|state| state.command.clone()).ok_or_else(|| {
        Error::usage(format!(
            "it is not known how the load into table \"{table}\" was asked for, by a program or another version of rowmill; run that again"
        ))
    })?;
    let own = database
        .canonicalize()
        .map_err(|error| Error::input_missing(database, error))?;
    std::env::set_current_dir(&command.folder).map_err(|error| Error::input_missing(&command.folder, error))?;
    // What began it afresh would begin it afresh again.
    let words = command.words.iter().filter(|word| *word != RESTART.flag());
    let words = std::iter::once("rowmill".into()).chain(words.map(OsString::from));
    let job = Invocation::of(words.collect()).map_err(|error| Error::usage(error.to_string().trim().to_owned()))?;
    let is_load = matches!(job, Invocation::Load(_) | Invocation::Retry(_));
    match job.database().and_then(|database| database.canonicalize().ok()) {
        Some(database) if is_load && database == own => {
            observer.notice(&format!(
                "goes on, in {}, with {}",
                command.folder.display(),
                command.text()
            ));
            Ok(job)
        }
        _ => Err(Error::usage(format!(
            "{} is not where it was when its load began: in {} that was {}; run it there, or that command with the database's name as it is now",
            database.display(),
            command.folder.display(),
            command.text()
        ))),
    }
}

fn written(database: &Path, found: &Inventory) -> String {
    let paint = Paint::new(true);
    let columns = columns_to_fill();
    let tables = found.tables.len() as u64;
    let named = escaped(database.as_os_str().as_encoded_bytes());
    let headline = format!(
        "{named}: {}, {} {}",
        bytes(found.bytes),
        grouped(tables),
        agreeing(tables, "table", "tables")
    );
    let mut text = paint.strong(&headline) + "\n";
    if tables > 0 {
        text += "\n";
        text += &table_of(&found.tables, paint);
    }
    let mut say = |label: &str, words: &str| {
        text += &format!("\n{}\n", paint.label(label));
        text += &wrapped("", INDENT, words, columns);
    };
    for load in &found.unfinished {
        say("unfinished", &unfinished(database, load));
    }
    for loads in &found.remembered {
        let words = format!(
            "{} {} with {} went into table {} with --once, the last of them {} at {}",
            grouped(loads.inputs),
            agreeing(loads.inputs, "file", "files"),
            rows(loads.records),
            cut(&loads.table, NAME_CHARS),
            escaped(&loads.last_input),
            escaped(&loads.last_at)
        );
        say("remembered", &words);
    }
    for file in &found.growing {
        let words = format!(
            "{} of {} are in table {}; the command with --append-only goes on there",
            bytes(file.bytes),
            escaped(&file.path),
            cut(&file.table, NAME_CHARS)
        );
        say("grows", &words);
    }
    text
}

/// The tables with their rows and sizes.
fn table_of(tables: &[TableEntry], paint: Paint) -> String {
    let heads = ["table", "rows", "size", "indexes"].map(str::to_owned);
    let mut lines = vec![heads];
    for table in tables {
        let size = |size_bytes: Option<u64>| size_bytes.map_or_else(|| "-".to_owned(), |size| bytes(size).to_string());
        lines.push([
            cut(&table.name, NAME_CHARS).to_string(),
            table
                .rows
                .map_or_else(|| "-".to_owned(), |rows| grouped(rows).to_string()),
            size(table.bytes),
            size(Some(table.index_bytes).filter(|bytes| *bytes > 0)),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| text_columns(&line[column])).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let mut shown = padded(&line[0], widths[0]);
        for column in 1..line.len() {
            let cell = &line[column];
            shown += &" ".repeat(2 + widths[column] - text_columns(cell));
            shown += cell;
        }
        text += &if index == 0 { paint.faint(&shown) } else { shown };
        text.push('\n');
    }
    text
}

fn unfinished(database: &Path, load: &UnfinishedLoad) -> String {
    let table = cut(&load.table, NAME_CHARS);
    let give_up: [OsString; 5] = [
        "load".into(),
        database.as_os_str().to_owned(),
        TABLE.flag().into(),
        (&load.table).into(),
        FORGET.flag().into(),
    ];
    let give_up = escaped(&typed(give_up.iter())).to_string();
    let Some(state) = &load.known else {
        return format!(
            "a load into table {table}, of which another version of rowmill knows more. To give it up: {give_up}"
        );
    };
    let inputs: Vec<String> = state
        .inputs
        .iter()
        .take(3)
        .map(|input| escaped(input).to_string())
        .collect();
    let more = match state.inputs.len() {
        0..=3 => String::new(),
        count => format!(" and {} more", count - 3),
    };
    let goes_on = match &state.command {
        None => "The same command goes on there.".to_owned(),
        Some(command) => {
            let again: [OsString; 4] = [
                "info".into(),
                database.as_os_str().to_owned(),
                "--continue".into(),
                (&load.table).into(),
            ];
            format!(
                "To go on: {}, which is, in {}, {}.",
                escaped(&typed(again.iter())),
                escaped(command.folder.as_os_str().as_encoded_bytes()),
                cut(&command.text(), COMMAND_CHARS)
            )
        }
    };
    format!(
        "the load of {}{more} into table {table}: {} of {} records are committed, {} rejected, {} of {} read. {goes_on} \
         To give it up: {give_up}",
        inputs.join(", "),
        rows(state.loaded),
        grouped(state.records),
        grouped(state.rejected),
        bytes(state.done_bytes),
        bytes(state.input_bytes)
    )
}
