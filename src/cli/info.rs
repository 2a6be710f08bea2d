//! `rowmill info`: its flags, and what it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use rowmill::Error;
use rowmill::internal::escape::{cut, escaped};
use rowmill::internal::option_name::{FORGET, TABLE};
use rowmill::internal::report::{Paint, agreeing, bytes, grouped, padded, rows, text_columns, wrapped};
use rowmill::internal::sqlite::inventory::{Inventory, TableEntry, UnfinishedLoad, inventory};

use super::next::typed;
use super::width::columns_to_fill;

/// Characters of a name.
const NAME_CHARS: usize = 40;
/// How far what is said of a load is set in.
const INDENT: usize = 2;

/// List a database's tables, and the loads that are unfinished or remembered
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  rowmill info people.db
  rowmill info people.db --forget people

The database is only read, unless --forget says otherwise; rows are counted, which takes a while
where there are many."
)]
pub struct InfoArgs {
    /// The database
    #[arg(value_name = "DB", value_hint = ValueHint::FilePath)]
    database: PathBuf,
    /// Give up the unfinished load into this table: its rows stay. Refused while a load is under way
    #[arg(long, value_name = "TABLE", help_heading = "Loading again")]
    forget: Option<String>,
}

/// A look at a database as it was asked for.
#[derive(Debug)]
pub struct InfoCommand {
    pub database: PathBuf,
    /// The table whose unfinished load is to be given up instead.
    pub forget: Option<String>,
}

impl InfoArgs {
    pub(super) fn into_info(self) -> InfoCommand {
        InfoCommand {
            database: self.database,
            forget: self.forget,
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
    format!(
        "the load of {}{more} into table {table}: {} of {} records are committed, {} rejected, {} of {} read. The same command goes on there. \
         To give it up: {give_up}",
        inputs.join(", "),
        rows(state.loaded),
        grouped(state.records),
        grouped(state.rejected),
        bytes(state.done_bytes),
        bytes(state.input_bytes)
    )
}
