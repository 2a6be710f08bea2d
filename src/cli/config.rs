//! `--config FILE`: flags of a load in a TOML file, as if they stood on the command line, before those that do.
//!
//! Comes in: the words of the command line. Goes out: the same, with those of the file after the subcommand; a flag that stands on the command
//! line takes the place of the file's. Each key is a flag's long name. What a value means, and whether it is one, is clap's to say.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::{ArgAction, Command, CommandFactory};
use toml::{Table, Value};

use super::{Args, usage};

/// The flag that names the file.
const CONFIG: &str = "--config";
/// Keys of what stands on a command line without a flag.
const INPUTS: &str = "inputs";
const DATABASE: &str = "database";

/// The words of a command line, with those of the file that it names, if it names one.
///
/// # Errors
/// A usage error in clap's own form that says what is wrong in the file.
pub fn with_config(words: Vec<OsString>) -> Result<Vec<OsString>, clap::Error> {
    let Some(path) = config_of(&words) else {
        return Ok(words);
    };
    let name = words
        .get(1)
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut command = Args::command();
    command.build();
    let Some(subcommand) = command.find_subcommand(&name) else {
        return Ok(words);
    };
    let refuse = |message: String| usage(&name, format!("{CONFIG} {}: {message}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
    let table: Table = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    let own = ConfigFile {
        subcommand,
        load: command.find_subcommand("load").unwrap_or(subcommand),
        words: &words[2..],
    };
    let (flags, names) = own.words_of(table).map_err(refuse)?;
    let mut all = words[..2].to_vec();
    all.extend(flags);
    all.extend(words[2..].iter().cloned());
    // Names on the command line take the place of the file's.
    if !own.has_names() {
        all.push("--".into());
        all.extend(names);
    }
    Ok(all)
}

/// The file that the command line names.
fn config_of(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == CONFIG {
            return words.next().map(PathBuf::from);
        }
        let text = word
            .to_str()
            .and_then(|word| word.strip_prefix(CONFIG)?.strip_prefix('='));
        if let Some(path) = text {
            return Some(path.into());
        }
    }
    None
}

/// A file, and the command line that names it.
struct ConfigFile<'a> {
    subcommand: &'a Command,
    /// A file may be for several commands: flags of a load that this one does not have are passed over.
    load: &'a Command,
    /// What follows the subcommand.
    words: &'a [OsString],
}

impl ConfigFile<'_> {
    /// The words of the file: flags, and inputs and database.
    fn words_of(&self, table: Table) -> Result<(Vec<OsString>, Vec<OsString>), String> {
        let (mut flags, mut inputs, mut database) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in table {
            match key.as_str() {
                INPUTS => inputs = texts(&key, &value)?,
                DATABASE if self.takes_database() => database = texts(&key, &value)?,
                DATABASE => {}
                _ => self.add_flag(&key.replace('_', "-"), &value, &mut flags)?,
            }
        }
        let names = inputs.into_iter().chain(database).map(OsString::from);
        Ok((flags, names.collect()))
    }

    fn takes_database(&self) -> bool {
        self.subcommand.get_name() == self.load.get_name()
    }

    /// Adds the words of one key.
    fn add_flag(&self, key: &str, value: &Value, words: &mut Vec<OsString>) -> Result<(), String> {
        let flag = |command: &Command| command.get_arguments().find(|arg| arg.get_long() == Some(key)).cloned();
        let Some(arg) = flag(self.subcommand) else {
            return match flag(self.load) {
                Some(_) => Ok(()),
                None => Err(format!(
                    "there is no flag --{key}; keys are long names of flags, {INPUTS} and {DATABASE}"
                )),
            };
        };
        let long = format!("--{key}");
        if long == CONFIG {
            return Err(format!("{CONFIG} cannot stand in a file that it names"));
        }
        if self.stands_on_command_line(&arg) {
            return Ok(());
        }
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, Value::Boolean(true)) => words.push(long.into()),
            (ArgAction::SetTrue, Value::Boolean(false)) => {}
            (ArgAction::SetTrue, _) => return Err(format!("{key} is true or false")),
            (ArgAction::Append, Value::Array(values)) => {
                for value in values {
                    words.push(format!("{long}={}", text(key, value)?).into());
                }
            }
            (_, Value::Table(named)) => {
                for (name, value) in named {
                    words.push(format!("{long}={}={}", quoted(name), text(key, value)?).into());
                }
            }
            (_, value) => words.push(format!("{long}={}", text(key, value)?).into()),
        }
        Ok(())
    }

    /// Whether a flag stands on the command line.
    fn stands_on_command_line(&self, arg: &clap::Arg) -> bool {
        let long = format!("--{}", arg.get_long().unwrap_or_default());
        let short = arg.get_short().map(|short| format!("-{short}"));
        self.words.iter().take_while(|word| *word != "--").any(|word| {
            let word = word.to_string_lossy();
            word == long.as_str() || word.starts_with(&format!("{long}=")) || short.as_deref() == Some(&*word)
        })
    }

    /// Whether inputs, or a database, stand on the command line: words that are neither flags nor what follows one.
    fn has_names(&self) -> bool {
        let mut words = self.words.iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy();
            if word == "--" {
                return words.next().is_some();
            }
            if !word.starts_with('-') || word == "-" {
                return true;
            }
            let name = word.trim_start_matches('-');
            let arg = self.subcommand.get_arguments().find(|arg| arg.get_long() == Some(name));
            if arg.is_some_and(|arg| arg.get_action().takes_values()) {
                words.next();
            }
        }
        false
    }
}

/// A value as it stands on a command line: a list of names with commas between them.
fn text(key: &str, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Array(names) => {
            let names: Result<Vec<String>, String> = names.iter().map(|name| Ok(quoted(&text(key, name)?))).collect();
            names?.join(",")
        }
        Value::Table(_) => return Err(format!("{key} cannot be a table of tables")),
        Value::Boolean(_) => return Err(format!("{key} is not true or false, but a value")),
        other => other.to_string(),
    })
}

/// Texts of a key that has one or more.
fn texts(key: &str, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(values) => values.iter().map(|value| text(key, value)).collect(),
        value => text(key, value).map(|text| vec![text]),
    }
}

/// A name as lists of names have it.
fn quoted(name: &str) -> String {
    match name.contains([',', '=', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}
