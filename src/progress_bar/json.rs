//! Progress for other programs: one JSON object on each line of standard error. The README says what they hold.

use std::time::Instant;

use rowmill::{FileBegun, LoadReport, Phase};
use serde::Serialize;

use super::pace::Pace;

/// What has happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    File {
        number: usize,
        files: usize,
        path: String,
        table: &'a str,
    },
    Phase {
        phase: &'static str,
        total_bytes: Option<u64>,
    },
    Progress {
        phase: &'static str,
        bytes: u64,
        total_bytes: Option<u64>,
        records: u64,
        rejected: u64,
        /// Which input it is, of how many.
        input: usize,
        inputs: usize,
        /// Share of the whole, over all phases, from 0 to 1.
        share: f64,
        bytes_per_second: f64,
        records_per_second: f64,
        seconds_left: Option<f64>,
    },
    Note {
        message: &'a str,
    },
    Detail {
        message: &'a str,
    },
    Error {
        message: &'a str,
    },
    End {
        exit_code: u8,
        outcome: rowmill::Outcome,
        records: u64,
        loaded: u64,
        updated: u64,
        rejected: u64,
        duplicates: u64,
        bytes: u64,
        elapsed_ms: f64,
    },
}

impl<'a> Event<'a> {
    pub(super) fn of_file(file: FileBegun<'a>) -> Self {
        Event::File {
            number: file.number,
            files: file.files,
            path: file.path.display().to_string(),
            table: file.table,
        }
    }

    pub(super) fn of_phase(phase: Phase, total_bytes: Option<u64>) -> Self {
        Event::Phase {
            phase: phase.as_str(),
            total_bytes,
        }
    }

    pub(super) fn of_pace(pace: &Pace, now: Instant) -> Self {
        let progress = pace.progress;
        Event::Progress {
            phase: pace.phase.map_or("", Phase::as_str),
            bytes: progress.bytes,
            total_bytes: pace.total_bytes,
            records: progress.records,
            rejected: progress.rejected,
            input: progress.input,
            inputs: progress.inputs,
            share: pace.share(),
            bytes_per_second: pace.bytes_per_second(),
            records_per_second: pace.records_per_second(),
            seconds_left: pace.seconds_left(now),
        }
    }

    pub(super) fn of_end(report: &LoadReport) -> Self {
        Event::End {
            exit_code: report.exit_code,
            outcome: report.outcome,
            records: report.records,
            loaded: report.loaded,
            updated: report.updated,
            rejected: report.rejected,
            duplicates: report.duplicates,
            bytes: report.bytes,
            elapsed_ms: report.elapsed_ms,
        }
    }

    /// The line, with its line end.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON") + "\n"
    }
}
