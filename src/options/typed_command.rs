//! A command line, for whoever is to repeat it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What was typed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedCommand {
    /// The words after the program's name.
    pub words: Vec<String>,
    /// The folder that relative paths begin in.
    pub folder: PathBuf,
}

impl TypedCommand {
    /// As one would type it, with the program's name.
    pub fn text(&self) -> String {
        typed(self.words.iter().map(String::as_str))
    }
}

/// Words as one would type them after the program's name.
pub fn typed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    std::iter::once("rowmill".to_owned())
        .chain(words.map(shell_word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word for a shell.
pub fn shell_word(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:%@+".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
