//! What makes a load resumable: who it was, and how far it got.
//!
//! The same command started again finds the checkpoint, checks that inputs, options and dead-letter file are what they were, reads
//! the input again from its start and skips, without writing, every record that the last committed batch accounted for. Reading
//! again costs a fraction of writing, and it rebuilds filter, line numbers and record numbers exactly as they were, from the only
//! thing that is certain: the input itself.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, ErrorKind};
use crate::options::LoadOptions;
use crate::plan::TablePlan;
use crate::reject::RejectCode;

/// Bytes hashed at either end of an input.
const END_BYTES: usize = 64 << 10;

/// Who the load is: everything that must be the same for it to go on. Written once, before the first row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of rowmill: another one might decide differently.
    pub version: String,
    pub inputs: Vec<Fingerprint>,
    /// Options that the outcome depends on, by name, as text.
    pub options: Vec<(String, String)>,
    pub plan: TablePlan,
}

/// What tells an input from a changed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub path: String,
    pub length_bytes: u64,
    pub modified_ns: i128,
    pub inode: u64,
    /// XXH3-64 of the first and the last 64 KiB.
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
    pub suspects_bytes: u64,
    /// Suspects are settled and the merged dead-letter file is complete under its temporary name.
    pub settled: bool,
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
        let take = || -> std::io::Result<Fingerprint> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            let mut hasher = Xxh3::new();
            let mut bytes = Vec::with_capacity(END_BYTES);
            (&file).take(END_BYTES as u64).read_to_end(&mut bytes)?;
            hasher.update(&bytes);
            let tail = metadata.len().saturating_sub(END_BYTES as u64);
            bytes.resize((metadata.len() - tail) as usize, 0);
            file.read_exact_at(&mut bytes, tail)?;
            hasher.update(&bytes);
            Ok(Fingerprint {
                path: path.to_string_lossy().into_owned(),
                length_bytes: metadata.len(),
                modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
                inode: metadata.ino(),
                hash: hasher.digest(),
            })
        };
        take().map_err(|e| Error::io("reading", path, e))
    }
}

impl Identity {
    /// The identity of a load that begins now.
    ///
    /// # Errors
    /// `Io` when an input cannot be read.
    pub fn new(inputs: &[std::path::PathBuf], options: &LoadOptions, plan: &TablePlan) -> Result<Identity, Error> {
        Ok(Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: inputs
                .iter()
                .map(|path| Fingerprint::of(path))
                .collect::<Result<_, _>>()?,
            options: outcome_options(options),
            plan: plan.clone(),
        })
    }

    /// Checks that the load of `inputs` with `options` is this one.
    ///
    /// # Errors
    /// `InputChanged` when an input is not what it was, `Usage` when options differ: both say what.
    pub fn check(&self, inputs: &[std::path::PathBuf], options: &LoadOptions) -> Result<(), Error> {
        let again = "start afresh with --restart";
        if self.version != env!("CARGO_PKG_VERSION") {
            let message = format!(
                "the unfinished load was begun by rowmill {}; finish it with that, or {again}",
                self.version
            );
            return Err(Error::usage(message));
        }
        let now = outcome_options(options);
        let differing: Vec<String> = (self.options.iter().zip(&now))
            .filter(|(then, now)| then != now)
            .map(|(then, now)| format!("{} was {} and is {}", then.0, then.1, now.1))
            .collect();
        if !differing.is_empty() {
            let differing = differing.join("; ");
            return Err(Error::usage(format!(
                "an unfinished load had other options: {differing}. Use the same, or {again}"
            )));
        }
        if self.inputs.len() != inputs.len() {
            let (then, now) = (self.inputs.len(), inputs.len());
            return Err(Error::usage(format!(
                "an unfinished load had {then} inputs, not {now}. Use the same, or {again}"
            )));
        }
        for (then, path) in self.inputs.iter().zip(inputs) {
            let now = Fingerprint::of(path)?;
            // The name may differ: the same file may be reached by another path.
            if (then.length_bytes, then.modified_ns, then.inode, then.hash)
                != (now.length_bytes, now.modified_ns, now.inode, now.hash)
            {
                let what = if then.length_bytes != now.length_bytes {
                    format!("it had {} bytes and has {}", then.length_bytes, now.length_bytes)
                } else if then.hash != now.hash {
                    "its content differs".to_owned()
                } else {
                    "it was written to or replaced".to_owned()
                };
                let message = format!("since the unfinished load began, {what}; {again}");
                return Err(Error::new(ErrorKind::InputChanged {
                    path: path.clone(),
                    message,
                }));
            }
        }
        Ok(())
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
        ("--batch-rows", text(&options.batch_rows)),
        ("--delimiter", text(&char::from(options.delimiter))),
        ("--quote", text(&options.quote.map(char::from))),
        ("--no-header", text(&!options.header)),
        ("--text", text(&options.all_text)),
        ("--types", text(&options.types)),
        ("--empty-as-null", text(&options.empty_is_null)),
        ("--max-record-bytes", text(&options.max_record_bytes)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
