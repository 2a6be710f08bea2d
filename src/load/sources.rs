//! The inputs, opened: what each begins with, how their columns match, how much there is to read.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::Run;
use super::inputs::Readers;
use crate::checkpoint::{Identity, Loaded};
use crate::content_hash::ContentHash;
use crate::dedup;
use crate::error::{Error, ErrorKind};
use crate::head::{FILE_HEAD_BYTES, Head, read_head};
use crate::observer::Observer;
use crate::option_name::APPEND_ONLY;
use crate::plan;
use crate::report::InputReport;
use crate::window::{FileIdentity, Input};

/// Bytes looked through at a time for a line end.
const LOOK_BYTES: usize = 16 << 20;
/// Files that are kept open from beginning to end. More of them are opened one after another, when they are read.
const MAX_OPEN_FILES: usize = 64;

/// An input, opened, and what it begins with.
pub(super) struct Source {
    pub(super) input: Input,
    pub(super) head: Head,
    /// The field of each column of the first input's header.
    pub(super) fields: Vec<u32>,
}

/// The inputs, in the order in which they are loaded.
pub(super) struct Sources<'a> {
    pub(super) paths: &'a [PathBuf],
    /// The first name on the command line, which may be that of an input that is skipped.
    pub(super) first_named: &'a Path,
    pub(super) all: Vec<Source>,
    /// Keys to size the filter for.
    pub(super) estimated_keys: u64,
    /// The part of the one input that is loaded already.
    behind: Option<Loaded>,
}

impl<'a> Sources<'a> {
    /// Opens the inputs `paths`; `readers`: those of them that the program reads itself, by their place.
    pub(super) fn open(
        paths: &'a [PathBuf],
        mut readers: Readers,
        first_named: &'a Path,
        load: &Run<'_>,
    ) -> Result<Self, Error> {
        let Run { options, observer, .. } = *load;
        let mut inputs = Vec::with_capacity(paths.len());
        for (index, path) in paths.iter().enumerate() {
            let mut input = match readers.remove(&index) {
                Some(reader) => Input::from_reader(path, reader),
                None => Input::open(path)?,
            };
            if paths.len() > MAX_OPEN_FILES {
                input.let_rest();
                input.rest();
            }
            inputs.push(input);
        }
        if options.repeat.append_only {
            check_growing(&inputs)?;
            inputs.iter_mut().for_each(Input::let_grow);
        }
        let stopped = || observer.cancelled().is_some();
        let mut heads = Vec::with_capacity(paths.len());
        for input in &mut inputs {
            input.record_in(load.folder())?;
            heads.push(read_head(input, options, &stopped)?);
            input.rest();
        }
        for (head, path) in heads.iter().zip(paths) {
            for notice in &head.notices {
                observer.notice(&format!("{}: {notice}", path.display()));
            }
        }
        let fields = plan::match_headers(&heads, paths)?;
        let estimated_keys = estimate_keys(&mut inputs, &heads[0], &stopped)?;
        let parts = inputs.into_iter().zip(heads).zip(fields);
        let all = parts.map(|((input, head), fields)| Source { input, head, fields });
        Ok(Sources {
            paths,
            first_named,
            all: all.collect(),
            estimated_keys,
            behind: None,
        })
    }

    /// The column names of the first input, which those of the others are matched with.
    pub(super) fn names(&self) -> &[String] {
        &self.all[0].head.names
    }

    /// For each input, the field of each of these columns.
    pub(super) fn fields(&self) -> Vec<Vec<u32>> {
        self.all.iter().map(|source| source.fields.clone()).collect()
    }

    /// Whether a load of them can be gone on with when it was stopped.
    pub(super) fn can_be_read_again(&self) -> bool {
        self.all.iter().all(|source| source.input.abilities().can_be_read_again)
    }

    /// Takes up a file that grows behind its loaded part.
    pub(super) fn begin_behind(&mut self, loaded: &Loaded) {
        self.behind = Some(loaded.clone());
    }

    /// Reads the inputs as if they ended where they did when `identity` was taken.
    pub(super) fn end_after(&mut self, identity: &Identity) {
        for (source, fingerprint) in self.all.iter_mut().zip(&identity.inputs) {
            source.input.end_after(fingerprint.length_bytes);
        }
    }

    /// Whether a line ends behind `offset_bytes` of the first input.
    pub(super) fn has_line_behind(&mut self, mut offset_bytes: u64, observer: &dyn Observer) -> Result<bool, Error> {
        let stopped = || observer.cancelled().is_some();
        let Source { input, head, .. } = &mut self.all[0];
        let line_end = head.dialect.line_end;
        while !stopped() {
            let window = input.window(offset_bytes, LOOK_BYTES, &stopped)?;
            if memchr::memchr(line_end, window.bytes()).is_some() {
                return Ok(true);
            }
            if window.at_end {
                return Ok(false);
            }
            offset_bytes += window.bytes().len() as u64;
        }
        // The load itself sees the signal at once and says so.
        Ok(true)
    }

    /// Where the first record to load of input `file_index` begins.
    pub(super) fn start_bytes(&self, file_index: usize) -> u64 {
        match &self.behind {
            Some(loaded) => loaded.offset_bytes,
            None => self.all[file_index].head.data_start_bytes,
        }
    }

    /// What comes before that in the input: its header, or the part that is loaded already.
    pub(super) fn content_before(&self, file_index: usize) -> ContentHash {
        match &self.behind {
            Some(loaded) => loaded.content,
            None => self.all[file_index].head.content,
        }
    }

    /// Size of each input, if every one is known.
    pub(super) fn lengths_bytes(&self) -> Option<Vec<u64>> {
        self.all
            .iter()
            .map(|source| source.input.abilities().length_bytes)
            .collect()
    }

    /// Checks that the files opened are, unchanged, those that their names lead to now: what the checkpoint says of the inputs
    /// was learnt by name.
    ///
    /// # Errors
    /// `InputChanged` saying which one and how.
    pub(super) fn check_unchanged(&self) -> Result<(), Error> {
        for Source { input, .. } in &self.all {
            input.check_unchanged()?;
            if input.identity().is_some() && input.identity() != FileIdentity::of(input.path()) {
                let path = input.path().to_owned();
                let message = "another file took its name".to_owned();
                return Err(Error::new(ErrorKind::InputChanged { path, message }));
            }
        }
        Ok(())
    }

    /// Size of all inputs, if every one is known.
    pub(super) fn total_bytes(&self) -> Option<u64> {
        self.all
            .iter()
            .map(|source| source.input.abilities().length_bytes)
            .sum()
    }

    pub(super) fn report(&self) -> Vec<InputReport> {
        let report = |Source { input, head, .. }: &Source| {
            let abilities = input.abilities();
            let behind = self.behind.as_ref();
            let bytes = behind.map(|loaded| loaded.offset_bytes).or(abilities.length_bytes);
            InputReport {
                path: input.path().to_owned(),
                bytes: bytes.unwrap_or(0),
                mapped: abilities.can_be_mapped,
                records: behind.map_or(0, |loaded| loaded.counts.records),
                lines: behind.map_or(head.lines, |loaded| loaded.lines),
                blank_lines: behind.map_or(head.blank_lines, |loaded| loaded.blank_lines),
                content: behind.map_or_else(ContentHash::default, |loaded| loaded.content),
            }
        };
        self.all.iter().map(report).collect()
    }
}

/// Keys to size the filter for: the rows that the inputs' sizes promise, with a third to spare. A tenth would do for the estimate; but a
/// filter that is three quarters full raises a third of the false alarms of a full one, and each is an insert in the midst of a full
/// table: 30 µs, measured.
fn estimate_keys(inputs: &mut [Input], first: &Head, stopped: &dyn Fn() -> bool) -> Result<u64, Error> {
    let Some(total_bytes) = inputs
        .iter()
        .map(|input| input.abilities().length_bytes)
        .sum::<Option<u64>>()
    else {
        return Ok(dedup::MAX_FILTER_KEYS);
    };
    let sample = inputs[0].window(first.data_start_bytes, FILE_HEAD_BYTES, stopped)?;
    let lines = memchr::memchr_iter(first.dialect.line_end, sample.bytes())
        .count()
        .max(1);
    let rows = total_bytes as f64 * lines as f64 / sample.bytes().len().max(1) as f64;
    Ok(((rows * 1.35) as u64 + 1000).min(dedup::MAX_FILTER_KEYS))
}

/// # Errors
/// `Usage` unless the input is one file: where several grow, the order of their records is not that of one load.
fn check_growing(inputs: &[Input]) -> Result<(), Error> {
    match inputs {
        [input] if input.abilities().can_be_read_again => Ok(()),
        [input] => Err(needs_file(&input.path().display())),
        _ => Err(Error::usage(format!(
            "{APPEND_ONLY} takes one input; load each file that grows into a table of its own"
        ))),
    }
}

/// Why `--append-only` does not go with the stream `name`.
pub(super) fn needs_file(name: &dyn Display) -> Error {
    Error::usage(format!(
        "{APPEND_ONLY} needs a file, and {name} is a stream: what it gave once cannot be told from what is new"
    ))
}
