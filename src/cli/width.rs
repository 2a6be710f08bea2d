//! How wide the terminal is.

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

fn columns_of(stream: &impl AsFd) -> Option<usize> {
    terminal_size_of(stream)
        .map(|(columns, _)| usize::from(columns.0))
        .filter(|columns| *columns > 0)
}
