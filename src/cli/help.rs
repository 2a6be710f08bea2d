//! `rowmill help [COMMAND|TOPIC]`: the long help of a command, or a chapter of the README.
//!
//! The README is part of the program, so that its tables and what is printed here are one text.

use clap::CommandFactory;
use clap::error::ErrorKind;
use rowmill::internal::report::Paint;
use rowmill::internal::schema::identifier::nearest;

use super::Args;
use super::readme::chapter;
use super::width::columns_of_stdout;

const README: &str = include_str!("../../README.md");

/// What can be asked for besides commands: its name here, its chapter in the README, and what that is about.
const TOPICS: [(&str, &str, &str); 18] = [
    ("exit-codes", "Exit codes", "what each exit code means"),
    (
        "rejects",
        "Reject codes",
        "why records are rejected, and what errors.csv holds",
    ),
    (
        "inputs",
        "Inputs",
        "files, folders, pipes, packed files, and how the dialect is found",
    ),
    ("types", "Types", "column types, and how values are written"),
    (
        "dialects",
        "Syntax",
        "delimiters, quotes, escapes, headers, blank lines",
    ),
    ("jsonl", "JSON Lines", "objects as rows"),
    (
        "recipes",
        "What to say of a file",
        "the file has this or that: which flags to give",
    ),
    (
        "duplicates",
        "Records that repeat a key",
        "which record wins, and what becomes of the others",
    ),
    (
        "resume",
        "Going on, again and anew",
        "interrupted loads, --restart, --forget, --append-only, --once",
    ),
    ("retry", "Mend and retry", "how rejected records are mended and loaded"),
    ("config", "A nightly feed", "flags in a file"),
    (
        "tables",
        "The table before and after its rows",
        "indexes, full-text search, SQL before and after",
    ),
    (
        "profile",
        "What is in the columns",
        "what a load says of the rows that it loaded",
    ),
    (
        "if-exists",
        "A table that is there already",
        "append, fail, truncate or replace",
    ),
    (
        "contracts",
        "Contracts",
        "Table Schema: types, rules and keys in a file",
    ),
    ("environment", "Environment", "variables that stand for flags"),
    ("progress", "Progress for programs", "lines of JSON on standard error"),
    ("limits", "Limits, with what really happens", "what rowmill does not do"),
];

/// Widest text that is easily read.
const MAX_COLUMNS: usize = 100;

/// Print the help of a command, or explain a topic
#[derive(Debug, clap::Args)]
#[command(after_help = "Without a name: the commands and topics that there are.")]
pub struct HelpArgs {
    /// A command such as load, or a topic such as exit-codes
    #[arg(value_name = "COMMAND|TOPIC")]
    name: Option<String>,
}

impl HelpArgs {
    /// What is to be printed, with styles.
    ///
    /// # Errors
    /// A usage error in clap's own form when nothing has that name.
    pub(super) fn into_text(self) -> Result<String, clap::Error> {
        let mut command = Args::command();
        command.build();
        let Some(name) = self.name else {
            return Ok(command.render_long_help().ansi().to_string());
        };
        if let Some(subcommand) = command.find_subcommand_mut(&name) {
            return Ok(subcommand.render_long_help().ansi().to_string());
        }
        match TOPICS.iter().find(|(topic, ..)| *topic == name) {
            Some((_, heading, _)) => Ok(explained(heading, columns_of_stdout().unwrap_or(MAX_COLUMNS))),
            None => Err(unknown(&name, &mut command)),
        }
    }
}

/// A chapter of the README, in lines of so many columns.
fn explained(heading: &str, columns: usize) -> String {
    let text = chapter(README, heading, columns.min(MAX_COLUMNS)).expect("a test finds each chapter");
    format!("{}\n\n{text}", Paint::new(true).strong(heading))
}

/// Nothing has this name: what else could be meant, and what there is.
fn unknown(name: &str, command: &mut clap::Command) -> clap::Error {
    let commands: Vec<String> = command
        .get_subcommands()
        .map(|known| known.get_name().to_owned())
        .collect();
    let topics: Vec<String> = TOPICS.iter().map(|(topic, ..)| (*topic).to_owned()).collect();
    let all = [commands, topics.clone()].concat();
    let meant = nearest(name, &all).map_or_else(|| ".".to_owned(), |nearest| format!("; is '{nearest}' meant?"));
    command.error(
        ErrorKind::InvalidSubcommand,
        format!(
            "there is no command and no topic '{name}'{meant} Topics are {}",
            topics.join(", ")
        ),
    )
}

/// The topics in lines, for the end of the help.
pub(super) fn topics() -> String {
    let lines = TOPICS.map(|(topic, _, about)| format!("  {topic:<12} {about}"));
    format!("Topics (rowmill help TOPIC):\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_a_chapter_of_the_readme_and_fits_the_terminal() {
        for (topic, heading, _) in TOPICS {
            for columns in [40, 80, 100] {
                let text = explained(heading, columns);
                assert!(text.lines().count() > 4, "{topic}: {text}");
                let wide: Vec<&str> = text
                    .lines()
                    // Commands and words are not broken.
                    .filter(|line| line.trim().contains(' ') && !line.starts_with("    "))
                    .filter(|line| line.chars().count() > columns + 8)
                    .collect();
                assert!(wide.is_empty(), "{topic} at {columns}: {wide:#?}");
            }
            assert!(topics().contains(topic), "{topic}");
        }
    }

    #[test]
    fn what_is_printed_of_codes_is_what_the_program_has() {
        let text = explained("Reject codes", 100);
        for code in rowmill::RejectCode::ALL {
            assert!(text.contains(code.as_str()), "{code} in {text}");
        }
        let text = explained("Exit codes", 100);
        for code in [0, 2, 3, 64, 65, 66, 70, 71, 73, 74, 75, 78, 129, 130, 143] {
            assert!(text.contains(&code.to_string()), "{code} in {text}");
        }
    }

    #[test]
    fn a_name_that_nothing_has_says_what_could_be_meant() {
        let ask = |name: &str| {
            HelpArgs {
                name: Some(name.to_owned()),
            }
            .into_text()
        };
        let said = ask("exit-code").unwrap_err().to_string();
        assert!(said.contains("is 'exit-codes' meant?"), "{said}");
        assert!(ask("load").unwrap().contains("--key"));
        assert!(ask("types").unwrap().contains("decimal(N)"));
    }
}
