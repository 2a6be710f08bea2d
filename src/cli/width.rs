//! How wide the terminal is, and which characters it has.

use std::io;
use std::os::fd::AsFd;

use terminal_size::terminal_size_of;

/// Columns where there is no terminal, or it does not say.
const USUAL_COLUMNS: usize = 100;

/// Columns of the terminal at standard output, if there is one.
pub(super) fn columns_of_stdout() -> Option<usize> {
    columns_of(&io::stdout())
}

/// Columns to fill on standard output.
pub(super) fn columns_to_fill() -> usize {
    columns_of_stdout().unwrap_or(USUAL_COLUMNS)
}

/// Columns of the terminal at standard error, if there is one.
pub fn columns_of_stderr() -> Option<usize> {
    columns_of(&io::stderr())
}

/// Whether standard error is a terminal that has only the characters of ASCII, as the locale says.
pub fn stderr_is_ascii() -> bool {
    let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find(|name| set(name));
    let locale = locale.and_then(|name| std::env::var(name).ok()).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    columns_of_stderr().is_some() && !locale.contains("utf-8") && !locale.contains("utf8")
}

fn columns_of(stream: &impl AsFd) -> Option<usize> {
    terminal_size_of(stream)
        .map(|(columns, _)| usize::from(columns.0))
        .filter(|columns| *columns > 0)
}
