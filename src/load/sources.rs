//! The inputs, opened: what each begins with, how their columns match, how much there is to read.

use std::path::{Path, PathBuf};

use crate::dedup;
use crate::error::Error;
use crate::head::{Head, read_head};
use crate::observer::Observer;
use crate::options::LoadOptions;
use crate::plan;
use crate::reject::check_outputs;
use crate::report::InputReport;
use crate::window::Input;

/// The inputs, opened, with what they begin with.
pub(super) struct Sources<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) inputs: Vec<Input>,
    pub(super) heads: Vec<Head>,
    /// For each input, the field of each column of the first input's header.
    pub(super) fields: Vec<Vec<u32>>,
}

impl<'a> Sources<'a> {
    pub(super) fn open(
        paths: &'a [PathBuf],
        database_path: &Path,
        options: &LoadOptions,
        observer: &dyn Observer,
    ) -> Result<Self, Error> {
        let mut inputs = paths
            .iter()
            .map(|path| Input::open(path))
            .collect::<Result<Vec<_>, _>>()?;
        check_outputs(paths, database_path, &options.errors, options.report.as_deref())?;
        let stopped = || observer.stop_signal().is_some();
        let heads = inputs
            .iter_mut()
            .map(|input| read_head(input, options, &stopped))
            .collect::<Result<Vec<_>, _>>()?;
        for (head, path) in heads.iter().zip(paths) {
            for notice in &head.notices {
                observer.notice(&format!("{}: {notice}", path.display()));
            }
        }
        let fields = plan::match_headers(&heads, paths)?;
        Ok(Sources {
            paths,
            inputs,
            heads,
            fields,
        })
    }

    /// Size of all inputs, if every one is a file.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.inputs.iter().map(Input::length_bytes).sum()
    }

    pub(super) fn report(&self) -> Vec<InputReport> {
        let report = |(input, head): (&Input, &Head)| InputReport {
            path: input.path().to_owned(),
            bytes: input.length_bytes().unwrap_or(0),
            mapped: input.length_bytes().is_some(),
            records: 0,
            lines: head.lines,
            blank_lines: head.blank_lines,
        };
        self.inputs.iter().zip(&self.heads).map(report).collect()
    }

    /// Keys to size the filter for: the rows that the inputs' sizes promise, with a tenth to spare.
    pub(super) fn estimated_keys(&self) -> u64 {
        let Some(total_bytes) = self.total_bytes() else {
            return dedup::MAX_FILTER_KEYS;
        };
        let (sample, _) = self.heads[0].sample();
        let lines = memchr::memchr_iter(self.heads[0].dialect.line_end, sample)
            .count()
            .max(1);
        let rows = total_bytes as f64 * lines as f64 / sample.len().max(1) as f64;
        ((rows * 1.1) as u64 + 1000).min(dedup::MAX_FILTER_KEYS)
    }
}
