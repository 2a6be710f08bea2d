//! What is wrong with a command line, or with a file that it names, in the form of every other error: what, where, what to do.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use clap::error::ContextKind;
use rowmill::internal::schema::identifier::nearest;
use rowmill::{Error, ErrorKind};

use super::Args;

/// What clap's paragraphs begin with that say nothing about this case.
const BOILERPLATE: [&str; 2] = ["Usage:", "For more information"];
/// Most files of a folder that are looked at for a similar name.
const MAX_FILES: usize = 10_000;

/// A usage error in one sentence. `words`: the command line.
pub fn wrong_usage(error: &clap::Error, words: &[OsString]) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let paragraphs = text.trim_end().split("\n\n").map(str::trim);
    let said: Vec<String> = paragraphs
        .filter(|paragraph| !BOILERPLATE.iter().any(|start| paragraph.starts_with(start)))
        .map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
            lines.join(" ").replace("tip: ", "")
        })
        .collect();
    let variable = variable_of(error, words).map_or_else(String::new, |name| format!(" (from the variable {name})"));
    let [what, tips @ ..] = &said[..] else {
        return text.to_owned();
    };
    let tips: String = tips.iter().map(|tip| format!("; {tip}")).collect();
    format!("{what}{variable}{tips}; see {}", help_for(words))
}

/// The help of the command that was meant.
fn help_for(words: &[OsString]) -> String {
    let name = words.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    match Args::command().find_subcommand(name) {
        Some(_) => format!("rowmill {name} --help"),
        None => "rowmill --help".to_owned(),
    }
}

/// The variable that a wrong value came from, if it did not come from a flag.
fn variable_of(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let flag = error.get(ContextKind::InvalidArg)?.to_string();
    let flag = flag.split(' ').next()?.strip_prefix("--")?;
    let mut command = Args::command();
    command.build();
    let mut arguments = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let argument = arguments.find(|argument| argument.get_long() == Some(flag))?;
    let variable = argument.get_env()?.to_string_lossy().into_owned();
    let is_flag = |word: &OsString| word.to_string_lossy().starts_with(&format!("--{flag}"));
    (!words.iter().any(is_flag) && std::env::var_os(&variable).is_some()).then_some(variable)
}

/// An error of a load, and what a missing file could be meant to be.
pub fn explained(error: &Error) -> String {
    let said = error.to_string();
    match error.kind() {
        ErrorKind::InputMissing { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            match similar_file(path) {
                Some(similar) => format!("{said} (is {similar} meant?)"),
                None => said,
            }
        }
        _ => said,
    }
}

/// The file beside one that is not there whose name is most like it.
fn similar_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = folder.unwrap_or(Path::new(".")).read_dir().ok()?;
    let names = entries
        .take(MAX_FILES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    // In any order the same answer.
    names.sort_unstable();
    let similar = nearest(name, &names)?;
    Some(folder.map_or_else(
        || similar.to_owned(),
        |folder| folder.join(similar).display().to_string(),
    ))
}
