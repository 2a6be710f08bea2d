//! What every step of a load needs: what was asked for, whom to tell, the threads, and the lock that keeps other loads out.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::decode::{Unpacking, without_ending};
use crate::error::Error;
use crate::load::account::Account;
use crate::memory;
use crate::observer::Observer;
use crate::option_name::TABLE;
use crate::options::LoadOptions;
use crate::pipeline::{ScanSettings, WorkerPool};
use crate::reject::{RejectSamples, folder_of, random_token};
use crate::report::MemorySplit;
use crate::sqlite::database::Database;
use crate::sqlite::lock::LoadLock;

/// How the names of all tables that rowmill keeps in a database begin.
const OWN_NAMES: &str = "_rowmill_";

/// What was asked for, but for the inputs.
pub(super) struct Asked<'a> {
    pub(super) database_path: &'a Path,
    pub(super) options: &'a LoadOptions,
    /// The first input as it was named, be it one that is skipped: a table without a name is named after it.
    pub(super) first_input: PathBuf,
    /// Other loads follow, or came before, that end with this one: its checkpoint stays until they are done.
    pub(super) is_one_of_several: bool,
}

/// Who looks on while a load runs.
pub(super) struct Onlookers<'a> {
    pub(super) observer: &'a dyn Observer,
    /// Where rejects leave samples, if anybody wants to see them.
    pub(super) samples: Option<RejectSamples>,
}

/// What every step of a load needs.
pub(super) struct Context<'a> {
    pub(super) database_path: &'a Path,
    pub(super) options: &'a LoadOptions,
    /// See [`Asked`].
    pub(super) first_input: PathBuf,
    /// See [`Asked`].
    pub(super) is_one_of_several: bool,
    pub(super) observer: &'a dyn Observer,
    /// See [`Onlookers`].
    pub(super) samples: Option<RejectSamples>,
    pub(super) account: &'a Account<'a>,
    pub(super) pool: WorkerPool,
    /// The token by which the side files of a load without a checkpoint are named.
    pub(super) token: String,
    /// Keeps other loads out of the database. Taken once there is a file to lock.
    lock: OnceLock<LoadLock>,
    /// Set once this run has made something in the database, or taken up what an earlier run made.
    made: OnceLock<()>,
    /// Set once a check has met a key that only SQLite can compare: from then on its rows go into a database that nobody sees.
    needs_rows: OnceLock<()>,
}

impl<'a> Context<'a> {
    /// Of a load that has done nothing yet.
    pub(super) fn new(asked: Asked<'a>, onlookers: Onlookers<'a>, account: &'a Account<'a>, pool: WorkerPool) -> Self {
        Context {
            database_path: asked.database_path,
            options: asked.options,
            first_input: asked.first_input,
            is_one_of_several: asked.is_one_of_several,
            observer: onlookers.observer,
            samples: onlookers.samples,
            account,
            pool,
            token: random_token(),
            lock: OnceLock::new(),
            made: OnceLock::new(),
            needs_rows: OnceLock::new(),
        }
    }

    /// Whether the inputs are only checked: there is no database, and no load comes after this one.
    pub(super) fn is_check(&self) -> bool {
        self.options.check.is_some()
    }

    /// Whether it is to be said what is in the columns of the rows that are loaded.
    pub(super) fn profiles_rows(&self) -> bool {
        !self.is_check() && (self.options.target.profile || self.options.target.report_html.is_some())
    }

    /// A check cannot do without rows.
    pub(super) fn note_needs_rows(&self) {
        self.needs_rows.get_or_init(|| ());
    }

    pub(super) fn needs_rows(&self) -> bool {
        self.needs_rows.get().is_some()
    }

    /// From now on there is something in the database that a load without a row must not leave there.
    pub(super) fn note_made(&self) {
        self.made.get_or_init(|| ());
    }

    pub(super) fn has_made(&self) -> bool {
        self.made.get().is_some()
    }

    /// The database was made by this load, which keeps others out with `lock`.
    pub(super) fn note_new_database(&self, lock: Option<LoadLock>) {
        self.note_made();
        if let Some(lock) = lock {
            // There was nothing to lock before.
            let _ = self.lock.set(lock);
        }
    }

    /// Keeps other loads out of the database; returns whether it did not do so before.
    pub(super) fn lock_database(&self) -> Result<bool, Error> {
        if self.lock.get().is_some() || self.is_check() {
            return Ok(false);
        }
        let lock = LoadLock::take(self.database_path, &|| self.is_stopped())?;
        Ok(lock.is_some_and(|lock| self.lock.set(lock).is_ok()))
    }

    /// The database, if there is one. Other loads are kept out before anything in it is looked at: it may have come since there was nothing
    /// to lock, and a load that has just begun in it looks like one that came to nothing.
    pub(super) fn existing_database(&self) -> Result<Option<Database>, Error> {
        let there = !self.is_check() && std::fs::metadata(self.database_path).is_ok_and(|metadata| metadata.len() > 0);
        if !there {
            return Ok(None);
        }
        self.lock_database()?;
        self.open_database().map(Some)
    }

    /// The database, which is made if there is none.
    pub(super) fn open_database(&self) -> Result<Database, Error> {
        Database::open(self.database_path, memory::DATABASE_BYTES)
    }

    /// Where what is too large for memory goes: beside the database, or beside the dead-letter file of a check.
    pub(super) fn folder(&self) -> &Path {
        folder_of(match self.is_check() {
            true => &self.options.target.errors,
            false => self.database_path,
        })
    }

    /// Whether somebody wants the load to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.observer.cancelled().is_some()
    }

    /// How inputs are to be unpacked, so many `at_a_time`.
    pub(super) fn unpacking(&self, at_a_time: u64) -> Unpacking {
        Unpacking {
            member: self.options.dialect.member.clone(),
            memory: memory::unpacking_memory(self.options.resources.memory_bytes, at_a_time),
        }
    }

    /// How inputs are scanned with this memory.
    pub(super) fn scan_settings(&self, split: &MemorySplit) -> ScanSettings {
        let window_bytes = memory::window_bytes(split, self.options.resources.window_bytes);
        ScanSettings {
            window_bytes,
            chunk_bytes: (self.options.resources.chunk_bytes as usize).min(window_bytes),
            blocks_bytes: split.blocks_bytes as usize,
            windows_bytes: memory::waiting_windows_bytes(window_bytes),
            may_grow: self.options.repeat.append_only,
        }
    }
}

/// The name of a folder, however it was reached.
fn folder_name(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `--table`, or the stem of the name of the member that is wanted, or of the first input's without what says how it is packed (an archive
/// gives its own name, as what is in it is not known before it is opened), or the name of the folder that it was found in.
///
/// # Errors
/// `Usage` for a name that no table of a user can have.
pub(super) fn table_name(options: &LoadOptions, first: &Path) -> Result<String, Error> {
    let stem = || match (&options.dialect.member, without_ending(first).file_stem()) {
        (Some(member), _) if Path::new(member).file_stem().is_some() => {
            let stem = Path::new(member).file_stem();
            stem.unwrap_or_default().to_string_lossy().into_owned()
        }
        _ if first.is_dir() => folder_name(first),
        (_, Some(stem)) if first.as_os_str() != "-" && !first.starts_with("/dev") => {
            stem.to_string_lossy().into_owned()
        }
        _ => "stdin".to_owned(),
    };
    let name = options.target.table.clone().unwrap_or_else(stem);
    let lower = name.to_ascii_lowercase();
    let why = match lower.as_str() {
        _ if lower.starts_with(OWN_NAMES) => format!(": names that begin with {OWN_NAMES} are rowmill's own"),
        _ if name.is_empty() || name.contains('\0') || lower.starts_with("sqlite_") => String::new(),
        _ => return Ok(name),
    };
    Err(Error::usage(format!(
        "a table cannot be named \"{name}\"{why}; name another one with {TABLE}"
    )))
}
