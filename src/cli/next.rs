//! The command that comes next, as one would type it: look at the rows, mend and retry, load what was checked, go on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use rowmill::internal::options::shell_word;
use rowmill::{InputReport, LoadReport, Outcome};

use super::{Args, Invocation, with_config};

/// Flags of a load that a retry has as well, but that are about another file or about what is said.
const NOT_CARRIED_OVER: [&str; 5] = ["report", "errors", "max-errors", "color", "progress"];
/// Longest command that is shown.
const MAX_BYTES: usize = 1_000;

/// What could be typed after `job`, whose command line is `words`.
pub fn next_command(job: &Invocation, words: &[OsString], report: &LoadReport) -> Option<String> {
    let next = match (job, report.outcome) {
        (Invocation::Load(_) | Invocation::Retry(_), Outcome::Interrupted) if report.resumable => {
            Some(typed(words.iter().skip(1)))
        }
        // Nothing fits: what is wrong is wrong with all of them.
        (Invocation::Load(_), Outcome::Complete)
            if report.loads.is_empty() && report.rejected > 0 && report.loaded + report.updated == 0 =>
        {
            Some(typed(
                [OsString::from("explain"), report.errors_file.clone().into()].iter(),
            ))
        }
        (Invocation::Load(load), Outcome::Complete) if report.loads.is_empty() => {
            let can_be_retried = |input: &InputReport| input.path.is_file() && !input.encoding.starts_with("UTF-16");
            match report.rejected > 0 && report.inputs.iter().all(can_be_retried) && !numbers_records(words) {
                true => carried_over(words, "retry", &[&report.errors_file, &load.database])
                    .map(|command| format!("mend the column raw of {}, then {command}", quoted(&report.errors_file))),
                false if report.rejected == 0 && report.loaded > 0 => Some(look(&load.database, &report.table)),
                false => None,
            }
        }
        (Invocation::Retry(retry), Outcome::Complete)
            if report.rejected + report.duplicates == 0 && report.loaded > 0 =>
        {
            Some(look(&retry.database, &report.table))
        }
        (Invocation::Check(check), Outcome::Complete) if report.rejected + report.duplicates == 0 => {
            let database = match &check.inputs[..] {
                [input] if input.file_stem().is_some() && input != Path::new("-") => input.with_extension("db"),
                _ => return None,
            };
            carried_over(words, "load", &[&check.inputs[0], &database])
        }
        _ => None,
    };
    next.filter(|next| next.len() <= MAX_BYTES)
}

/// Whether columns are asked for that a retry cannot fill.
fn numbers_records(words: &[OsString]) -> bool {
    let asked = |word: &OsString| {
        ["--filename-column", "--row-number"]
            .iter()
            .any(|flag| word.to_string_lossy().starts_with(flag))
    };
    words.iter().any(asked)
}

/// Looks at the first rows of a table.
fn look(database: &Path, table: &str) -> String {
    let table = format!("\"{}\"", table.replace('"', "\"\""));
    let sql = format!("SELECT * FROM {table} LIMIT 10");
    format!("sqlite3 -box {} {}", quoted(database), quoted(Path::new(&sql)))
}

/// The flags of a command line for another command, which is about these files.
fn carried_over(words: &[OsString], name: &str, files: &[&PathBuf]) -> Option<String> {
    // Flags of a file are needed, too, and not every command takes that.
    let words = with_config(words.to_vec()).ok()?;
    let mut command = Args::command();
    command.build();
    let own = command.find_subcommand(words.get(1)?.to_str()?)?;
    let other = command.find_subcommand(name)?;
    let mut kept: Vec<OsString> = vec![name.into()];
    kept.extend(files.iter().map(|file| file.as_os_str().to_owned()));
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        let text = word.to_str().unwrap_or_default();
        let Some(flag) = text.strip_prefix("--") else { continue };
        let (long, has_value) = flag.split_once('=').map_or((flag, false), |(long, _)| (long, true));
        let value = match !has_value && takes_value(own, long) {
            true => Some(rest.next()?),
            false => None,
        };
        let is_known = other.get_arguments().any(|argument| argument.get_long() == Some(long));
        if is_known && !NOT_CARRIED_OVER.contains(&long) {
            kept.push(word.clone());
            kept.extend(value.cloned());
        }
    }
    Some(typed(kept.iter()))
}

fn takes_value(command: &Command, long: &str) -> bool {
    let mut arguments = command.get_arguments();
    arguments
        .find(|argument| argument.get_long() == Some(long))
        .is_some_and(|argument| argument.get_action().takes_values())
}

/// Words as one would type them after the program's name.
pub(super) fn typed<'a>(words: impl Iterator<Item = &'a OsString>) -> String {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    rowmill::internal::options::typed(words.iter().map(String::as_str))
}

fn quoted(word: &Path) -> String {
    shell_word(&word.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn flags_are_carried_over_if_the_other_command_has_them() {
        let line = "rowmill load p.csv x.db --key id --types=a=integer --index a -q --report r.json --errors e.csv --null it's";
        let files = [&PathBuf::from("e.csv"), &PathBuf::from("my x.db")];
        assert_eq!(
            carried_over(&words(line), "retry", &files).as_deref(),
            Some("rowmill retry e.csv 'my x.db' --key id --types=a=integer --null 'it'\\''s'")
        );
        let checked = carried_over(&words("rowmill check p.csv --all-errors --key id"), "load", &files[..1]);
        assert_eq!(checked.as_deref(), Some("rowmill load e.csv --key id"));
    }

    #[test]
    fn names_are_quoted_for_sql_and_for_the_shell() {
        assert_eq!(
            look(Path::new("x.db"), "a\"b's"),
            "sqlite3 -box x.db 'SELECT * FROM \"a\"\"b'\\''s\" LIMIT 10'"
        );
    }
}
