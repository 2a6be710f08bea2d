//! What makes a load resumable: who it was, and how far it got.
//!
//! The same command started again finds the checkpoint, checks that inputs, options and dead-letter file are what they were, reads
//! the input again from its start and skips, without writing, every record that the last committed batch accounted for. Reading
//! again costs a fraction of writing, and it rebuilds filter, line numbers and record numbers exactly as they were, from the only
//! thing that is certain: the input itself.
//!
//! An append-only load that is done leaves behind a [`Finished`], from which the load of what was appended to its input goes on.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::content_hash::ContentHash;
use crate::error::{Error, ErrorKind};
use crate::options::LoadOptions;
use crate::plan::TablePlan;
use crate::reject::{Committed, RejectCode, random_token};

/// Bytes hashed at either end of an input.
const END_BYTES: usize = 64 << 10;
/// What to do when a load cannot go on.
const AGAIN: &str = "start afresh with --restart";

/// Who the load is: everything that must be the same for it to go on. Written once, before the first row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of rowmill: another one might decide differently.
    pub version: String,
    pub inputs: Vec<Fingerprint>,
    /// Options that the outcome depends on, by name, as text.
    pub options: Vec<(String, String)>,
    /// The plan of the first load, where this one goes on behind another.
    pub plan: TablePlan,
    /// The load that this one goes on behind.
    pub base: Option<Base>,
    /// What its side files are named by: those of no other load are named so.
    #[serde(default)]
    pub token: String,
}

/// How far a finished append-only load got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Offset in the input behind the last record that was accounted for.
    pub offset_bytes: u64,
    /// Physical lines before it.
    pub lines: u64,
    pub blank_lines: u64,
    /// Of this load and all those that it went on behind.
    pub counts: Counts,
    pub errors_bytes: u64,
    /// XXH3-64 of those bytes of the dead-letter file.
    pub errors_hash: u64,
    /// The first `offset_bytes` of the input.
    pub content: ContentHash,
    /// See [`Committed::mark`].
    #[serde(default)]
    pub errors_mark: u64,
}

/// What a load of appended records starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub loaded: Loaded,
    /// Greatest row id of the table when the load began.
    pub max_row_id: Option<i64>,
}

/// A finished append-only load: what the next one must find unchanged, and where it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// With the fingerprint of the loaded part of the input.
    pub identity: Identity,
    pub loaded: Loaded,
}

/// What tells an input from a changed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub path: String,
    pub length_bytes: u64,
    pub modified_ns: i128,
    pub inode: u64,
    /// XXH3-64 of the first and the last 64 KiB of these bytes.
    pub hash: u64,
}

/// What has been counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub records: u64,
    pub loaded: u64,
    /// By [`RejectCode::index`].
    pub rejected: [u64; RejectCode::ALL.len()],
    /// Rows that wait to be settled.
    pub suspects: u64,
    pub batches: u64,
}

impl Counts {
    /// Rejects of every code.
    pub fn all_rejects(&self) -> u64 {
        self.rejected.iter().sum()
    }
}

/// How far the load got; changes with every batch, in the batch's own transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub counts: Counts,
    pub errors_bytes: u64,
    /// XXH3-64 of those bytes of the dead-letter file.
    pub errors_hash: u64,
    pub errors_mark: u64,
    pub suspects_bytes: u64,
    /// The bytes of the inputs, one after another from their first byte on, that are accounted for.
    pub content: ContentHash,
    /// XXH3-64 of those bytes of the spool of suspects.
    pub suspects_hash: u64,
    /// Suspects are settled and the merged dead-letter file is complete under its temporary name.
    pub settled: bool,
    /// What the dead-letter file is once that is done.
    pub merged: Committed,
}

impl Progress {
    /// What is committed of the dead letters.
    pub fn errors(&self) -> Committed {
        Committed {
            bytes: self.errors_bytes,
            hash: self.errors_hash,
            mark: self.errors_mark,
        }
    }

    /// What is committed of the suspects.
    pub fn suspects(&self) -> Committed {
        Committed {
            bytes: self.suspects_bytes,
            hash: self.suspects_hash,
            mark: 0,
        }
    }
}

/// A checkpoint that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub identity: Identity,
    pub progress: Progress,
}

impl Fingerprint {
    /// Takes the fingerprint of the file at `path`.
    ///
    /// # Errors
    /// `Io` when it cannot be read.
    pub fn of(path: &Path) -> Result<Fingerprint, Error> {
        Fingerprint::of_start(path, u64::MAX)
    }

    /// Takes the fingerprint of the first `length_bytes` of the file at `path`, or of all that it has.
    ///
    /// # Errors
    /// `Io` when it cannot be read.
    pub fn of_start(path: &Path, length_bytes: u64) -> Result<Fingerprint, Error> {
        let take = || -> std::io::Result<Fingerprint> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            let length_bytes = length_bytes.min(metadata.len());
            let mut hasher = Xxh3::new();
            let mut bytes = Vec::with_capacity(END_BYTES);
            (&file)
                .take(length_bytes.min(END_BYTES as u64))
                .read_to_end(&mut bytes)?;
            hasher.update(&bytes);
            let tail = length_bytes.saturating_sub(END_BYTES as u64);
            bytes.resize((length_bytes - tail) as usize, 0);
            file.read_exact_at(&mut bytes, tail)?;
            hasher.update(&bytes);
            Ok(Fingerprint {
                path: path.to_string_lossy().into_owned(),
                length_bytes,
                modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
                inode: metadata.ino(),
                hash: hasher.digest(),
            })
        };
        take().map_err(|e| Error::io("reading", path, e))
    }

    /// In words, how `now` differs. The name may: the same file may be reached by another path. A file that grows may be written
    /// to and even be replaced by a copy: what counts are the bytes that were there.
    fn difference(&self, now: &Fingerprint, grows: bool) -> Option<String> {
        let (then_bytes, now_bytes) = (self.length_bytes, now.length_bytes);
        if then_bytes != now_bytes {
            Some(format!("it had {then_bytes} bytes and has {now_bytes}"))
        } else if self.hash != now.hash {
            Some(if grows {
                format!("the first {then_bytes} bytes of its content differ: it did not only grow")
            } else {
                "its content differs".to_owned()
            })
        } else if !grows && (self.modified_ns, self.inode) != (now.modified_ns, now.inode) {
            Some("it was written to or replaced".to_owned())
        } else {
            None
        }
    }
}

/// The error for inputs, read up to and with the last of `read`, that an unfinished load found otherwise.
pub fn changed_since_begun(read: &[PathBuf]) -> Error {
    let since = match read.len() {
        0 | 1 => "since the unfinished load began, what was loaded of it was edited",
        _ => "since the unfinished load began, what was loaded of it or of an input before it was edited",
    };
    Error::new(ErrorKind::InputChanged {
        path: read.last().cloned().unwrap_or_default(),
        message: format!("{since}; {AGAIN}"),
    })
}

/// Which run an identity is checked for: the words of what does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Begun,
    Finished,
}

impl Identity {
    /// The identity of a load that begins now. `lengths_bytes`: how much of each input it will read.
    ///
    /// # Errors
    /// `Io` when an input cannot be read.
    pub fn new(
        inputs: &[PathBuf],
        lengths_bytes: &[u64],
        options: &LoadOptions,
        plan: &TablePlan,
    ) -> Result<Identity, Error> {
        let fingerprint = |(path, &length_bytes): (&PathBuf, &u64)| {
            // A file may grow before it is read; only where that is foreseen does the rest not count.
            let length_bytes = if options.append_only { length_bytes } else { u64::MAX };
            Fingerprint::of_start(path, length_bytes)
        };
        Ok(Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: inputs
                .iter()
                .zip(lengths_bytes)
                .map(fingerprint)
                .collect::<Result<_, _>>()?,
            options: outcome_options(options),
            plan: plan.clone(),
            base: None,
            token: random_token(),
        })
    }

    /// Where a load of this identity starts, with these dead letters.
    pub fn first_progress(&self, errors: Committed) -> Progress {
        let (counts, content) = self.base.as_ref().map_or_else(Default::default, |base| {
            (base.loaded.counts.clone(), base.loaded.content)
        });
        Progress {
            counts,
            content,
            errors_bytes: errors.bytes,
            errors_hash: errors.hash,
            errors_mark: errors.mark,
            ..Progress::default()
        }
    }

    /// Checks that the load of `inputs` with `options` is this one, which was not finished.
    ///
    /// # Errors
    /// `InputChanged` when an input is not what it was, `Usage` when options differ: both say what.
    pub fn check(&self, inputs: &[PathBuf], options: &LoadOptions) -> Result<(), Error> {
        if self.version != env!("CARGO_PKG_VERSION") {
            let message = format!(
                "the unfinished load was begun by rowmill {}; finish it with that, or {AGAIN}",
                self.version
            );
            return Err(Error::usage(message));
        }
        self.check_options(options, Since::Begun)?;
        if self.inputs.len() != inputs.len() {
            let (then, now) = (self.inputs.len(), inputs.len());
            return Err(Error::usage(format!(
                "an unfinished load had {then} inputs, not {now}. Use the same, or {AGAIN}"
            )));
        }
        self.check_inputs(inputs, options, Since::Begun)
    }

    fn check_options(&self, options: &LoadOptions, since: Since) -> Result<(), Error> {
        let now = outcome_options(options);
        let differing: Vec<String> = (self.options.iter().zip(&now))
            .filter(|(then, now)| then != now)
            .map(|(then, now)| format!("{} was {} and is {}", then.0, then.1, now.1))
            .collect();
        if differing.is_empty() {
            return Ok(());
        }
        let which = match since {
            Since::Begun => "an unfinished load",
            Since::Finished => "the load that this one is to go on behind",
        };
        Err(Error::usage(format!(
            "{which} had other options: {}. Use the same, or {AGAIN}",
            differing.join("; ")
        )))
    }

    fn check_inputs(&self, inputs: &[PathBuf], options: &LoadOptions, since: Since) -> Result<(), Error> {
        for (then, path) in self.inputs.iter().zip(inputs) {
            let now = if options.append_only {
                Fingerprint::of_start(path, then.length_bytes)?
            } else {
                Fingerprint::of(path)?
            };
            if let Some(what) = then.difference(&now, options.append_only) {
                let since = match since {
                    Since::Begun => "since the unfinished load began",
                    Since::Finished => "since it was loaded",
                };
                return Err(Error::new(ErrorKind::InputChanged {
                    path: path.clone(),
                    message: format!("{since}, {what}; {AGAIN}"),
                }));
            }
        }
        Ok(())
    }
}

impl Loaded {
    /// What the dead-letter file is.
    pub fn errors(&self) -> Committed {
        Committed {
            bytes: self.errors_bytes,
            hash: self.errors_hash,
            mark: self.errors_mark,
        }
    }
}

impl Finished {
    /// Checks that the load of `inputs` with `options` can go on behind this one.
    ///
    /// # Errors
    /// `InputChanged` when the loaded part of the input is not what it was, `Usage` when options differ: both say what.
    pub fn check(&self, inputs: &[PathBuf], options: &LoadOptions) -> Result<(), Error> {
        self.identity.check_options(options, Since::Finished)?;
        self.identity.check_inputs(inputs, options, Since::Finished)
    }
}

/// The options that decide what a load's outcome is; not those that only decide how fast it comes.
fn outcome_options(options: &LoadOptions) -> Vec<(String, String)> {
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    [
        ("--table", text(&options.table)),
        ("--key", text(&options.key)),
        ("--index", text(&options.indexes)),
        ("--errors", text(&options.errors)),
        ("--safe-errors", text(&options.safe_errors)),
        ("--batch-rows", text(&options.batch_rows)),
        ("--delimiter", text(&char::from(options.delimiter))),
        ("--quote", text(&options.quote.map(char::from))),
        ("--no-header", text(&!options.header)),
        ("--text", text(&options.all_text)),
        ("--types", text(&options.types)),
        ("--empty-as-null", text(&options.empty_is_null)),
        ("--max-record-bytes", text(&options.max_record_bytes)),
        ("--append-only", text(&options.append_only)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
