//! Flags that say where rejects and reports go, and how much is said.

use std::path::PathBuf;

use clap::ValueHint;
use rowmill::ErrorLimit;

/// Where rejects and reports go.
#[derive(Debug, clap::Args)]
pub struct OutcomeFlags {
    /// Put a ' before fields of the errors file that a spreadsheet would run as a formula; a leading ' is then never data
    #[arg(long, hide_short_help = true, help_heading = "Rejects and reports")]
    pub(super) safe_errors: bool,
    /// Stop when more than this are rejected [default: never]
    #[arg(long, value_name = "N|N%", value_parser = parse_error_limit, help_heading = "Rejects and reports")]
    pub(super) max_errors: Option<ErrorLimit>,
    /// Write a JSON report, also when the load fails
    ///
    /// An older report (it begins with "rowmill") is replaced; no other file is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Rejects and reports")]
    pub(super) report: Option<PathBuf>,
    /// Show errors only: no progress bar, notes or summary
    #[arg(long, short, conflicts_with = "verbose", help_heading = "Rejects and reports")]
    quiet: bool,
    /// Show details: memory split, write path, time by stage
    #[arg(long, short, hide_short_help = true, help_heading = "Rejects and reports")]
    verbose: bool,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

impl OutcomeFlags {
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}

pub(super) fn parse_error_limit(text: &str) -> Result<ErrorLimit, String> {
    let form = || "expected a count such as 100, or a share between 0% and 100% such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        None => text.parse().map(ErrorLimit::Count).map_err(|_| form()),
        Some(percent) => match percent.parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(ErrorLimit::Percent(percent)),
            _ => Err(form()),
        },
    }
}
