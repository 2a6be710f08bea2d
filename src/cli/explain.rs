//! `rowmill explain`: its flags, and what it prints.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::ValueHint;
use rowmill::Error;
use rowmill::internal::escape::cut;
use rowmill::internal::report::{Paint, agreeing, grouped, wrapped};
use rowmill::internal::{Explained, LetterGroup, explain};

use super::next::typed;
use super::width::columns_to_fill;

/// Groups that are shown, and characters of a name, a value and a message.
const SHOWN_GROUPS: usize = 20;
const NAME_CHARS: usize = 60;
const VALUE_CHARS: usize = 40;
const MESSAGE_CHARS: usize = 200;
/// How far what is said of a group is set in.
const INDENT: usize = 4;

/// Say what is in an errors file: reasons, columns, values, and the flags that help
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  rowmill explain errors.csv
  rowmill explain errors.people.csv

The file is only read, and may still be written by a load."
)]
pub struct ExplainArgs {
    /// The errors file of a load
    #[arg(value_name = "ERRORS", value_hint = ValueHint::FilePath)]
    errors: PathBuf,
    /// The file was written with --safe-errors
    #[arg(long, help_heading = "Rejects and reports")]
    safe_errors: bool,
}

/// An explanation as it was asked for.
#[derive(Debug)]
pub struct ExplainCommand {
    errors: PathBuf,
    is_guarded: bool,
}

impl ExplainArgs {
    pub(super) fn into_explain(self) -> ExplainCommand {
        ExplainCommand {
            errors: self.errors,
            is_guarded: self.safe_errors,
        }
    }
}

impl ExplainCommand {
    /// What is to be printed, with styles.
    ///
    /// # Errors
    /// As reading the errors file.
    pub fn text(&self) -> Result<String, Error> {
        let explained = explain(&self.errors, self.is_guarded)?;
        Ok(self.written(&explained, columns_to_fill()))
    }

    fn written(&self, explained: &Explained, columns: usize) -> String {
        let paint = Paint::new(true);
        let name = self.errors.as_os_str().as_encoded_bytes();
        let records = agreeing(explained.letters, "line", "lines");
        let groups = explained.groups.len() as u64;
        let kinds = agreeing(groups, "kind", "kinds");
        let headline = format!(
            "{}: {} {records} of {} {kinds}",
            cut(name, NAME_CHARS),
            grouped(explained.letters),
            grouped(groups)
        );
        let mut text = paint.strong(&headline) + "\n";
        for group in explained.groups.iter().take(SHOWN_GROUPS) {
            text.push('\n');
            text += &of_group(group, paint, columns);
        }
        if explained.groups.len() > SHOWN_GROUPS {
            text += &format!("\nand {} more kinds\n", explained.groups.len() - SHOWN_GROUPS);
        }
        if let Some(command) = self.command(explained) {
            text += &format!("\n{}", wrapped("try", 5, &command, usize::MAX));
            text += &wrapped(
                "",
                5,
                "with the database in place of DB, and the flags of the load",
                columns,
            );
        }
        text
    }

    /// The retry that takes most of the records.
    fn command(&self, explained: &Explained) -> Option<String> {
        let mut words: Vec<OsString> = vec!["retry".into(), self.errors.as_os_str().to_owned(), "DB".into()];
        let fixed = words.len();
        for remedy in explained.groups.iter().filter_map(|group| group.remedy.as_ref()) {
            let flag: OsString = remedy.option.flag().into();
            let value = remedy.value.clone().map(OsString::from_vec);
            let is_there = words
                .windows(2)
                .any(|pair| pair[0] == flag && value.as_ref().is_none_or(|value| pair[1] == *value));
            if is_there || (value.is_none() && words.contains(&flag)) {
                continue;
            }
            words.push(flag);
            words.extend(value);
        }
        (words.len() > fixed).then(|| typed(words.iter()))
    }
}

fn of_group(group: &LetterGroup, paint: Paint, columns: usize) -> String {
    let column = match group.column.is_empty() {
        true => String::new(),
        false => format!(" in {}", cut(&group.column, NAME_CHARS)),
    };
    let mut text = format!(
        "{} {}{column}\n",
        paint.strong(&grouped(group.count).to_string()),
        paint.label(&group.code)
    );
    let shown = group.values.iter().filter(|(value, _)| !value.is_empty());
    let values: Vec<String> = shown
        .map(|(value, count)| format!("'{}' ({})", cut(value, VALUE_CHARS), grouped(*count)))
        .collect();
    if !values.is_empty() {
        text += &wrapped("", INDENT, &format!("most often {}", values.join(", ")), columns);
    }
    let first = format!(
        "first in {}, line {}: {}",
        cut(&group.first_file, NAME_CHARS),
        grouped(group.first_line),
        cut(&group.first_message, MESSAGE_CHARS)
    );
    text += &wrapped("", INDENT, &first, columns);
    if let Some(remedy) = &group.remedy {
        let value = remedy
            .value
            .as_ref()
            .map_or_else(String::new, |value| format!(" {}", cut(value, VALUE_CHARS)));
        let records = agreeing(remedy.records, "record", "records");
        let helps = format!(
            "{}{value} helps {} {records}",
            remedy.option.flag(),
            grouped(remedy.records)
        );
        text += &wrapped("", INDENT, &helps, columns);
    }
    text
}
