//! How wide the terminal is.

use std::io;

use terminal_size::terminal_size_of;

/// Columns of the terminal at standard output, if there is one.
pub(super) fn columns_of_stdout() -> Option<usize> {
    terminal_size_of(io::stdout())
        .map(|(columns, _)| usize::from(columns.0))
        .filter(|columns| *columns > 0)
}

/// Columns of the terminal at standard error, if there is one.
pub fn columns_of_stderr() -> Option<usize> {
    terminal_size_of(io::stderr())
        .map(|(columns, _)| usize::from(columns.0))
        .filter(|columns| *columns > 0)
}
