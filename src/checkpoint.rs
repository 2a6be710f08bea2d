//! What makes a load resumable: who it was, and how far it got.
//!
//! When the same command is started again, it finds the checkpoint, checks that inputs, options and dead-letter file are what they were,
//! reads the input again from its start and skips, without writing, every record that committed batches account for. Reading
//! again costs a fraction of writing, and it rebuilds filter, line numbers and record numbers exactly as they were, from the only
//! thing that is certain: the input itself.
//!
//! An append-only load that is done leaves behind a [`Finished`], from which the next load takes up what was appended to the input since.

mod done;
mod outcome;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use xxhash_rust::xxh3::Xxh3;

pub use self::done::{DoneLoad, LoadedInput};
pub(crate) use self::outcome::outcome_options;
use crate::content_hash::ContentHash;
use crate::dialect::Delimiter;
use crate::error::{Error, ErrorKind};
use crate::option_name::{DELIMITER, FORGET, OptionName, RESTART, TABLE};
use crate::options::{LoadOptions, TypedCommand};
use crate::plan::TablePlan;
use crate::reject::{Committed, Left, RejectCode, random_token};
use crate::report::{agreeing, rows};
use crate::schema::shape::{Mark, TableShape};

/// Bytes hashed at either end of an input.
const END_BYTES: usize = 64 << 10;
/// Bytes read at a time when a part of an input is hashed.
const PIECE_BYTES: usize = 1 << 20;

/// Who the load is: everything that must be the same for it to go on. Written once, before the first row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of rowmill: another one might decide differently.
    pub version: String,
    pub inputs: Vec<Fingerprint>,
    /// Options that the outcome depends on, by name, as text.
    pub options: Vec<(String, String)>,
    /// The plan of the first load, if this one goes on where another ended.
    pub plan: TablePlan,
    /// The load that this one goes on after.
    pub base: Option<Base>,
    /// What its side files are named by; no other load's are named so.
    #[serde(default)]
    pub token: String,
    /// The columns of each index that is built after the rows are in.
    #[serde(default)]
    pub indexes: Vec<Vec<String>>,
    /// The table as the load found or made it.
    #[serde(default)]
    pub shape: Option<TableShape>,
    /// There was no database before this load.
    #[serde(default)]
    pub made_database: bool,
    /// What separated the fields of each input, whoever said so.
    #[serde(default)]
    pub delimiters: Vec<String>,
    /// The SQL before the rows has been run.
    #[serde(default)]
    pub before_ran: bool,
    /// Only its last steps are left to do.
    #[serde(default)]
    pub done: Option<DoneLoad>,
    /// What was typed to begin it, if that is known.
    #[serde(default)]
    pub command: Option<TypedCommand>,
}

/// How far a finished append-only load got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Offset in the input just after the last record that was accounted for.
    pub offset_bytes: u64,
    /// Physical lines before it.
    pub lines: u64,
    pub blank_lines: u64,
    #[serde(default)]
    pub comment_lines: u64,
    #[serde(default)]
    pub repeated_headers: u64,
    #[serde(default)]
    pub cut_records: u64,
    #[serde(default)]
    pub filled_records: u64,
    /// For each column, values that were written in another form than they are stored in; empty if there can be none.
    #[serde(default)]
    pub recoded: Vec<u64>,
    /// Of this load and all those before it that it went on after.
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

/// What shows whether an input has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub path: String,
    pub length_bytes: u64,
    pub modified_ns: i128,
    pub inode: u64,
    /// XXH3-64 of the first and the last 64 KiB of these bytes.
    pub hash: u64,
}

/// How much of an input a load will read.
#[derive(Debug, Clone)]
pub struct Extent {
    pub path: PathBuf,
    pub length_bytes: u64,
    /// What separates its fields.
    pub delimiter: Delimiter,
}

/// What has been counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub records: u64,
    pub loaded: u64,
    /// Records whose values went into rows that were there.
    #[serde(default)]
    pub updated: u64,
    /// Records that repeat a key and were passed over.
    #[serde(default)]
    pub skipped: u64,
    /// By [`RejectCode::index`].
    #[serde(deserialize_with = "by_code")]
    pub rejected: [u64; RejectCode::ALL.len()],
    /// Rows that wait to be settled.
    pub suspects: u64,
    pub batches: u64,
    /// A hash of the row ids of the rows that were loaded, whatever their order: see [`row_id_hash`].
    #[serde(default)]
    pub row_ids_hash: u64,
    /// Faults of rejected records beyond the first of each, in a check that looks for them.
    #[serde(default)]
    pub further_faults: u64,
}

/// Counts by code. There may be fewer in a checkpoint: none of a code that is younger.
fn by_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u64; RejectCode::ALL.len()], D::Error> {
    let known = Vec::<u64>::deserialize(deserializer)?;
    if known.len() > RejectCode::ALL.len() {
        return Err(D::Error::custom("there are more counts than codes"));
    }
    let mut counts = [0; RejectCode::ALL.len()];
    counts[..known.len()].copy_from_slice(&known);
    Ok(counts)
}

/// What a row id adds to [`Counts::row_ids_hash`]; sums differ for different sets of row ids. (The last steps of SplitMix64.)
#[inline]
pub fn row_id_hash(row_id: i64) -> u64 {
    let mut hash = row_id as u64;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

impl Counts {
    /// Counts a row that went into the table.
    #[inline]
    pub fn add_row(&mut self, row_id: i64) {
        self.add_rows(1, row_id_hash(row_id));
    }

    /// Counts rows that went into the table, with the sum of their ids' [hashes](row_id_hash).
    #[inline]
    pub fn add_rows(&mut self, rows: u64, row_ids_hash: u64) {
        self.loaded += rows;
        self.row_ids_hash = self.row_ids_hash.wrapping_add(row_ids_hash);
    }

    /// Counts a reject.
    pub fn reject(&mut self, code: RejectCode) {
        self.rejected[code.index()] += 1;
    }

    /// Records that repeat a key, and went into no row.
    pub fn duplicates(&self) -> u64 {
        self.rejected[RejectCode::DuplicateKey.index()] + self.skipped
    }

    /// Whether all `records` that were read are accounted for: each became a row or a reject, or waits.
    pub fn add_up_to(&self, records: u64) -> bool {
        records == self.loaded + self.updated + self.skipped + self.all_rejects() + self.suspects
    }

    /// Whether there are records, and each is a reject.
    pub fn are_all_rejects(&self) -> bool {
        self.records > 0 && self.all_rejects() == self.records
    }

    /// Whether there are records, and each has another number of fields than the header.
    pub fn are_all_of_other_width(&self) -> bool {
        let of_width = [RejectCode::MissingColumns, RejectCode::TooManyColumns].map(|code| self.rejected[code.index()]);
        self.records > 0 && of_width.iter().sum::<u64>() == self.records
    }

    /// Rejects of every code.
    pub fn all_rejects(&self) -> u64 {
        self.rejected.iter().sum()
    }
}

/// How far the load got; changes with every batch, in the batch's own transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedProgress {
    pub counts: Counts,
    pub errors_bytes: u64,
    /// XXH3-64 of those bytes of the dead-letter file.
    pub errors_hash: u64,
    pub errors_mark: u64,
    pub suspects_bytes: u64,
    /// The hash of those bytes of the inputs that are accounted for: one input after another, each from its first byte on.
    pub content: ContentHash,
    /// XXH3-64 of those bytes of the spool of suspects.
    pub suspects_hash: u64,
    /// Suspects are settled and the merged dead-letter file is complete under its temporary name.
    pub settled: bool,
    /// What the dead-letter file holds once that is done.
    pub merged: Committed,
    /// Length of the dead-letter file when the load ended in an orderly way; `None` while it runs.
    #[serde(default)]
    pub errors_end_bytes: Option<u64>,
    /// The input in which the load was stopped at the error limit. It goes on at the record that was one reject too many; that record, and
    /// all that follow it, may have been mended.
    #[serde(default)]
    pub stopped_in: Option<u32>,
    /// Where in the file the table begins, if no longer where the load [found or made it](Identity::shape).
    #[serde(default)]
    pub root_page: Option<u32>,
    /// What the table is known by.
    #[serde(default)]
    pub mark: Option<Mark>,
}

impl SavedProgress {
    /// What is committed of the dead letters.
    pub fn errors(&self) -> Committed {
        Committed {
            bytes: self.errors_bytes,
            hash: self.errors_hash,
            mark: self.errors_mark,
        }
    }

    /// What the load left of its dead letters.
    pub fn left(&self) -> Left {
        match self.settled {
            true => Left::whole(self.merged),
            false => Left {
                committed: self.errors(),
                end_bytes: self.errors_end_bytes,
            },
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
    pub progress: SavedProgress,
}

/// How a load that is begun again relates to the unfinished one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Inputs and options are what they were.
    Same,
    /// The input was mended after the place where the load was stopped.
    Mended,
}

impl Checkpoint {
    /// Bytes of the dead-letter file that belong to the loads that this one goes on after.
    pub fn earlier_errors_bytes(&self) -> u64 {
        self.identity.base.as_ref().map_or(0, |base| base.loaded.errors_bytes)
    }

    /// Whether no row of the load is in the table, and nothing was done that must not be done again: then nothing is lost with the checkpoint.
    pub fn is_without_rows(&self) -> bool {
        if self.identity.before_ran || self.identity.done.is_some() {
            return false;
        }
        let before = self.identity.base.as_ref();
        let before = before.map_or((0, 0), |base| (base.loaded.counts.loaded, base.loaded.counts.updated));
        let counts = &self.progress.counts;
        (counts.loaded, counts.updated) == before && counts.suspects == 0
    }

    /// Checks that the load of these inputs with `options` is this unfinished one.
    ///
    /// # Errors
    /// `OtherInput` when an input is not what it was, `Usage` when options differ: both say what differs and what can be done.
    pub fn check(&self, extents: &[Extent], options: &LoadOptions) -> Result<Again, Error> {
        let inputs = &paths(extents)[..];
        let (identity, load, ways) = (&self.identity, self.load(), self.ways());
        // Versions that knew only one load at a time kept the table's name among the options.
        if identity.version != env!("CARGO_PKG_VERSION") || identity.option(TABLE).is_some() {
            return Err(Error::usage(format!(
                "{load} was begun by another version of rowmill ({}); finish it with that, or {ways}",
                identity.version
            )));
        }
        if let Some(differing) = identity.differing_options(extents, options) {
            return Err(Error::usage(format!(
                "{load} had other options: {differing}. Use the same to finish it, or {ways}"
            )));
        }
        if identity.inputs.len() != inputs.len() {
            let (then, now) = (identity.inputs.len(), inputs.len());
            return Err(Error::usage(format!(
                "{load} had {then} {}, not {now}. Use the same to finish it, or {ways}",
                agreeing(then as u64, "input", "inputs")
            )));
        }
        let Some((path, what)) = identity.changed_input(inputs, options)? else {
            return Ok(Again::Same);
        };
        if self.is_mended(inputs)? {
            return Ok(Again::Mended);
        }
        let names = |path: &Path| path.file_name().map(std::ffi::OsStr::to_owned);
        let is_other = (identity.inputs.iter()).all(|then| names(Path::new(&then.path)) != names(path));
        let path = path.display();
        Err(other_input(if is_other {
            format!("{path} is not the input of {load}: {what}. Finish that load with its own input, or {ways}")
        } else {
            format!("input {path} changed: {what}, so {load} cannot go on with it. Put it back, or {ways}")
        }))
    }

    /// Whether everything that the load had read before it was stopped at the error limit is what it was. Not in a table that the load
    /// made: the rest of the input had a say in its types, which would have to be found anew.
    fn is_mended(&self, inputs: &[PathBuf]) -> Result<bool, Error> {
        let (Some(stopped_in), false, None) =
            (self.progress.stopped_in, self.identity.plan.create, &self.identity.base)
        else {
            return Ok(false);
        };
        let file_index = stopped_in as usize;
        for (then, path) in self.identity.inputs.iter().zip(inputs).take(file_index) {
            if then.difference(&Fingerprint::of(path)?, false).is_some() {
                return Ok(false);
            }
        }
        let mut content = ContentHash::default();
        for path in inputs.iter().take(file_index + 1) {
            content = content_of_start(path, content, self.progress.content.bytes)?;
        }
        Ok(content == self.progress.content)
    }

    /// The unfinished load, in words.
    pub fn load(&self) -> String {
        let inputs: Vec<&str> = self.identity.inputs.iter().map(|input| input.path.as_str()).collect();
        let more = match inputs.len() {
            0 | 1 => String::new(),
            inputs => format!(" and {} more", inputs - 1),
        };
        format!(
            "the unfinished load of {}{more} into table \"{}\" ({} so far)",
            inputs.first().unwrap_or(&"a stream"),
            self.identity.plan.shown_table(),
            rows(self.progress.counts.loaded)
        )
    }

    /// What can be done with a load that cannot go on, in words.
    pub fn ways(&self) -> String {
        let loaded = rows(self.progress.counts.loaded);
        if self.identity.plan.place_is_free {
            format!("start afresh with {RESTART} or give it up with {FORGET}; either leaves nothing of it")
        } else if let Some(table) = &self.identity.plan.replaces {
            format!("start afresh with {RESTART} or give it up with {FORGET}; either leaves table \"{table}\" as it is")
        } else if self.identity.plan.create {
            format!(
                "start afresh with {RESTART}, which makes the table anew, or give it up with {FORGET}, which leaves its {loaded}"
            )
        } else {
            format!(
                "start afresh with {RESTART} or give it up with {FORGET}; either leaves its {loaded} in the table, and rows that are \
                 loaded again are there twice unless a key prevents it"
            )
        }
    }
}

fn other_input(message: String) -> Error {
    Error::new(ErrorKind::OtherInput { message })
}

fn paths(extents: &[Extent]) -> Vec<PathBuf> {
    extents.iter().map(|extent| extent.path.clone()).collect()
}

/// `content` with the bytes of the file at `path` that follow it added, up to `length_bytes` in all.
///
/// # Errors
/// `Io` when it cannot be read.
fn content_of_start(path: &Path, mut content: ContentHash, length_bytes: u64) -> Result<ContentHash, Error> {
    let mut run = || -> std::io::Result<()> {
        let mut file = File::open(path)?.take(length_bytes.saturating_sub(content.bytes));
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                read => content = content.then(ContentHash::of(&piece[..read])),
            }
        }
    };
    run().map_err(|e| Error::io("reading", path, e))?;
    Ok(content)
}

impl Fingerprint {
    /// Takes the fingerprint of the file at `path`.
    ///
    /// # Errors
    /// `Io` when it cannot be read.
    pub fn of(path: &Path) -> Result<Fingerprint, Error> {
        Fingerprint::of_start(path, u64::MAX)
    }

    /// Takes the fingerprint of the first `length_bytes` of the file at `path`, or of the whole file if it is shorter.
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

    /// How `now` differs, in words. The name may differ: the same file may be reached by another path. A file that grows may be written to
    /// and even be replaced by a copy: what counts are the bytes that were there.
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

/// The error for inputs that are not what an unfinished load found. They were read up to the last of `read`, inclusive.
pub fn changed_since_begun(read: &[PathBuf]) -> Error {
    let since = match read.len() {
        0 | 1 => "the part of it that was loaded was edited after the unfinished load began",
        _ => "the part that was loaded of it, or of an input before it, was edited after the unfinished load began",
    };
    Error::new(ErrorKind::InputChanged {
        path: read.last().cloned().unwrap_or_default(),
        message: format!("{since}; start afresh with {RESTART} or give the load up with {FORGET}"),
    })
}

impl Identity {
    /// The identity of a load of `inputs` that begins now.
    ///
    /// # Errors
    /// `Io` when an input cannot be read.
    pub fn new(inputs: &[Extent], options: &LoadOptions, plan: &TablePlan) -> Result<Identity, Error> {
        let fingerprint = |Extent { path, length_bytes, .. }: &Extent| {
            // A file may grow before it is read; only where that is foreseen does the rest not count.
            match options.repeat.append_only {
                true => Fingerprint::of_start(path, *length_bytes),
                false => Fingerprint::of(path),
            }
        };
        Ok(Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: inputs.iter().map(fingerprint).collect::<Result<_, _>>()?,
            options: outcome_options(options)
                .into_iter()
                .map(|(option, value)| (option.flag().to_owned(), value))
                .collect(),
            plan: plan.clone(),
            base: None,
            token: random_token(),
            indexes: options.target.indexes.clone(),
            shape: None,
            made_database: false,
            delimiters: inputs.iter().map(|extent| extent.delimiter.to_string()).collect(),
            before_ran: false,
            done: None,
            command: options.target.command.clone(),
        })
    }

    /// Where a load of this identity starts, with the dead letters that are there.
    pub fn first_progress(&self, errors: Committed) -> SavedProgress {
        let (counts, content) = self.base.as_ref().map_or_else(Default::default, |base| {
            (base.loaded.counts.clone(), base.loaded.content)
        });
        SavedProgress {
            counts,
            content,
            errors_bytes: errors.bytes,
            errors_hash: errors.hash,
            errors_mark: errors.mark,
            ..SavedProgress::default()
        }
    }

    /// The options that are not what they were, in words.
    fn differing_options(&self, extents: &[Extent], options: &LoadOptions) -> Option<String> {
        let delimiters: Vec<String> = extents.iter().map(|extent| extent.delimiter.to_string()).collect();
        // What separates fields may be named, or left to the inputs and the default, as long as it is the same.
        let is_same_delimiter = |name: OptionName| name == DELIMITER && self.delimiters == delimiters;
        let now = outcome_options(options);
        // An option that is younger than the checkpoint was not given.
        let default = outcome_options(&LoadOptions::default());
        let differing = now.iter().zip(&default).filter_map(|((name, now), (_, default))| {
            let then = self.option(*name).unwrap_or(default);
            (then != now && !is_same_delimiter(*name)).then(|| format!("{name} was {then} and is {now}"))
        });
        let differing: Vec<String> = differing.collect();
        (!differing.is_empty()).then(|| differing.join("; "))
    }

    /// The first input that is not what it was, and how it differs, in words.
    fn changed_input<'p>(
        &self,
        inputs: &'p [PathBuf],
        options: &LoadOptions,
    ) -> Result<Option<(&'p Path, String)>, Error> {
        for (then, path) in self.inputs.iter().zip(inputs) {
            let now = if options.repeat.append_only {
                Fingerprint::of_start(path, then.length_bytes)?
            } else {
                Fingerprint::of(path)?
            };
            if let Some(what) = then.difference(&now, options.repeat.append_only) {
                return Ok(Some((path, what)));
            }
        }
        Ok(None)
    }

    /// The option `name` as it was when the load began, as text.
    pub fn option(&self, name: OptionName) -> Option<&str> {
        let found = self.options.iter().find(|(option, _)| option == name.flag());
        found.map(|(_, value)| value.as_str())
    }
}

impl Loaded {
    /// What the dead-letter file holds.
    pub fn errors(&self) -> Committed {
        Committed {
            bytes: self.errors_bytes,
            hash: self.errors_hash,
            mark: self.errors_mark,
        }
    }
}

impl Finished {
    /// Checks that the load of these inputs with `options` can go on after this one.
    ///
    /// # Errors
    /// `OtherInput` when the loaded part of the input is not what it was, `Usage` when options differ: both say what differs.
    pub fn check(&self, extents: &[Extent], options: &LoadOptions) -> Result<(), Error> {
        let inputs = &paths(extents)[..];
        if let Some(differing) = self.identity.differing_options(extents, options) {
            return Err(Error::usage(format!(
                "the load that this one is to go on after had other options: {differing}. Use the same, or start afresh with {RESTART}"
            )));
        }
        match self.identity.changed_input(inputs, options)? {
            None => Ok(()),
            Some((path, what)) => Err(other_input(format!(
                "input {} changed since it was loaded: {what}; start afresh with {RESTART}",
                path.display()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Facts;
    use crate::plan::{Header, Layout, plan_new_table};

    #[test]
    fn a_note_from_before_there_was_an_option_is_of_a_load_without_it() {
        let options = LoadOptions::default();
        let (names, path) = (&["a".to_owned()], Path::new("a.csv"));
        let layout = Layout::of(&[Header { path, names }], &options.columns).unwrap();
        let facts = Facts::new(&[false], &[]);
        let plan = plan_new_table("t".to_owned(), &layout, &facts, &options).unwrap();
        let mut note = serde_json::to_value(Identity::new(&[], &options, &plan).unwrap()).unwrap();
        let named = note["options"].as_array_mut().unwrap();
        let before = named.len();
        named.retain(|option| option[0] != "--decimal-comma" && option[0] != "--date-format");
        assert_eq!(named.len(), before - 2);
        let column = note["plan"]["columns"][0].as_object_mut().unwrap();
        assert!(column.remove("pattern").is_some());
        let then: Identity = serde_json::from_value(note).unwrap();
        assert_eq!(then.differing_options(&[], &options), None);
        let mut other = options;
        other.dialect.written.numbers.decimal_comma = true;
        let differing = "`decimal_comma` was off and is on";
        assert_eq!(then.differing_options(&[], &other).as_deref(), Some(differing));
    }
}
