//! Flags that say where rejects and reports go, and how much is said.

use std::path::PathBuf;

use clap::ValueHint;
use rowmill::internal::options::ErrorLimits;
use rowmill::{ErrorLimit, RejectCode};

use super::usage;

/// Where rejects and reports go.
#[derive(Debug, clap::Args)]
pub struct OutcomeFlags {
    /// Put a ' before fields of the errors file that a spreadsheet would run as a formula; a leading ' is then never data
    #[arg(long, hide_short_help = true, help_heading = "Rejects and reports")]
    pub(super) safe_errors: bool,
    /// Stop when more than this are rejected [default: never]
    ///
    /// Or more than this for one reason, by the code that the errors file has: --max-errors type_error=10; repeatable.
    #[arg(long, value_name = "[CODE=]N|N%", value_parser = parse_limit, help_heading = "Rejects and reports")]
    max_errors: Vec<NamedLimit>,
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

/// A limit of rejects, of all or for one reason.
type NamedLimit = (Option<RejectCode>, ErrorLimit);

impl OutcomeFlags {
    /// The limits of rejects.
    ///
    /// # Errors
    /// A usage error in clap's own form when there are two for the same.
    pub(super) fn take_limits(&mut self, command: &'static str) -> Result<ErrorLimits, clap::Error> {
        let mut limits = ErrorLimits::default();
        for (code, limit) in std::mem::take(&mut self.max_errors) {
            match code {
                Some(code) if limits.by_code.iter().any(|(other, _)| *other == code) => {
                    return Err(usage(
                        command,
                        format!("--max-errors gives {code} two limits; leave one of them out"),
                    ));
                }
                Some(code) => limits.by_code.push((code, limit)),
                None if limits.all.is_some() => {
                    return Err(usage(
                        command,
                        "--max-errors is given twice for all rejects; leave one of them out".to_owned(),
                    ));
                }
                None => limits.all = Some(limit),
            }
        }
        Ok(limits)
    }
}

fn parse_limit(text: &str) -> Result<NamedLimit, String> {
    let Some((code, limit)) = text.split_once('=') else {
        return parse_error_limit(text).map(|limit| (None, limit));
    };
    let Some(code) = RejectCode::ALL.into_iter().find(|known| known.as_str() == code) else {
        let known: Vec<&str> = RejectCode::ALL.iter().map(|known| known.as_str()).collect();
        return Err(format!(
            "'{code}' is no code of a reject; they are {}",
            known.join(", ")
        ));
    };
    parse_error_limit(limit).map(|limit| (Some(code), limit))
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
