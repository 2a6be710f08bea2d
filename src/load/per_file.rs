//! A table for each file: as many loads, one after another, and one report of them all.
//!
//! Each load is what it would be by itself, with a table, an errors file, limits and counts of its own. The hard part: the same command must
//! load nothing twice, wherever it was stopped. So the checkpoint of a load that is done stays in the database until all of them are, and
//! then they go in one transaction.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::faults;
use crate::load::context::{Onlookers, table_name};
use crate::load::inputs::Inputs;
use crate::load::{Task, Told};
use crate::memory;
use crate::observer::{FileBegun, Observer};
use crate::option_name::{SAME_LOAD, TABLE, TABLE_PER_FILE};
use crate::options::LoadOptions;
use crate::reject::{RejectSamples, errors_file_of};
use crate::report::{LoadReport, Outcome, agreeing, of_several};
use crate::sqlite::database::Database;
use crate::sqlite::lock::LoadLock;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::row_origins;
use crate::sqlite::swap::unfinished;

/// The load of one of the files.
pub(super) struct FileLoad {
    pub(super) input: PathBuf,
    pub(super) table: String,
    /// Those of all, with a table and an errors file of its own.
    pub(super) options: LoadOptions,
}

/// A load that is done, but whose checkpoint stays until all are.
pub(super) struct KeptLoad {
    pub(super) table: String,
    pub(super) token: String,
}

/// The load of each of `inputs`, whose folders and patterns are files by now.
///
/// # Errors
/// `Usage` for inputs that are no files, for names that no table can have, and for two of one name.
pub(super) fn plan(inputs: &Inputs, options: &LoadOptions) -> Result<Vec<FileLoad>, Error> {
    let mut loads = Vec::new();
    let mut named: HashMap<String, PathBuf> = HashMap::new();
    for input in &inputs.all {
        let path = &input.name;
        if input.reader.is_some() || is_stream(path) {
            return Err(Error::usage(format!(
                "{TABLE_PER_FILE} needs files, and {} is a stream: when the {SAME_LOAD} is run again, it is not known whether it was loaded; \
                 load it by itself, into a table named with {TABLE}",
                path.display()
            )));
        }
        let table = table_name(options, path)?;
        match named.entry(table.to_ascii_lowercase()) {
            Entry::Vacant(free) => drop(free.insert(path.clone())),
            Entry::Occupied(other) => {
                return Err(Error::usage(format!(
                    "{} and {} would both be loaded into table \"{table}\"; rename one, or load it by itself, into a table named with {TABLE}",
                    other.get().display(),
                    path.display()
                )));
            }
        }
        let mut own = options.clone();
        own.target.table_per_file = false;
        own.target.errors = errors_file_of(&options.target.errors, &table);
        own.target.table = Some(table.clone());
        loads.push(FileLoad {
            input: path.clone(),
            table,
            options: own,
        });
    }
    match loads.is_empty() {
        true => Err(Error::usage("no input named")),
        false => Ok(loads),
    }
}

/// Whether the path is there, but is no file. A folder that is left by now is refused by the load itself.
fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
        || path
            .metadata()
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// All the loads.
pub(super) struct FileLoads<'a> {
    pub(super) loads: Vec<FileLoad>,
    pub(super) inputs: Inputs,
    pub(super) database_path: &'a Path,
    pub(super) options: &'a LoadOptions,
    /// What is wrong with the files of the loads.
    pub(super) refusal: Option<Error>,
    pub(super) started: Instant,
}

impl FileLoads<'_> {
    /// Loads one file after another, up to the first that is not loaded whole, and tells what came of it.
    pub(super) fn load(mut self, onlookers: Result<Onlookers<'_>, Error>) -> Told {
        let mut reports = Vec::new();
        let refusal = self.refusal.take();
        let ended = (self.options.validate())
            .and_then(|()| refusal.map_or(Ok(()), Err))
            .and(onlookers)
            .and_then(|onlookers| self.run(&onlookers, &mut reports));
        let nothing = LoadReport::new(self.database_path, &self.inputs.names(), self.options);
        let mut report = of_several(nothing, reports);
        if let Err(error) = &ended {
            report.fail(error);
        }
        report.measure(self.started.elapsed());
        Told {
            report,
            ended,
            kept_token: None,
        }
    }

    fn run(&self, onlookers: &Onlookers<'_>, reports: &mut Vec<LoadReport>) -> Result<(), Error> {
        let observer = onlookers.observer;
        for notice in &self.inputs.notices {
            observer.notice(notice);
        }
        for load in &self.loads {
            check_there(&load.input)?;
        }
        let files = self.loads.len();
        let mut done: Vec<KeptLoad> = Vec::new();
        let mut inputs_before = 0;
        for (index, load) in self.loads.iter().enumerate() {
            observer.file(FileBegun {
                number: index + 1,
                files,
                path: &load.input,
                table: &load.table,
            });
            let samples = onlookers.samples.as_ref().map(|_| RejectSamples::default());
            let told = self.load_one(load, observer, samples.clone());
            if let (Some(all), Some(samples)) = (&onlookers.samples, samples) {
                all.take_over(&samples, inputs_before);
            }
            inputs_before += told.report.inputs.len() as u32;
            let outcome = told.report.outcome;
            reports.push(told.report);
            if let Err(error) = told.ended {
                if index > 0 {
                    let are = agreeing(index as u64, "is", "are");
                    observer.notice(&format!(
                        "{index} of {files} files {are} loaded; the {SAME_LOAD} goes on with {}",
                        load.input.display()
                    ));
                }
                return Err(error);
            }
            if outcome != Outcome::Complete {
                return Ok(());
            }
            let table = load.table.clone();
            done.extend(told.kept_token.map(|token| KeptLoad { table, token }));
            faults::point("files: one is loaded");
        }
        match self.options.repeat.keep_checkpoint {
            true => Ok(()),
            false => end_kept(&done, self.database_path, observer),
        }
    }

    fn load_one(&self, load: &FileLoad, observer: &dyn Observer, samples: Option<RejectSamples>) -> Told {
        let task = Task {
            inputs: Inputs::from(std::slice::from_ref(&load.input)),
            database_path: self.database_path,
            options: &load.options,
            is_one_of_several: true,
            refusal: None,
            started: Instant::now(),
        };
        task.load(Ok(Onlookers { observer, samples }))
    }
}

/// Ends all these loads at once: from here on, the same command would be new loads.
pub(super) fn end_kept(done: &[KeptLoad], database_path: &Path, observer: &dyn Observer) -> Result<(), Error> {
    if done.is_empty() {
        return Ok(());
    }
    faults::point("files: before the checkpoints go");
    let stopped = || observer.cancelled().is_some();
    let lock = LoadLock::take(database_path, &stopped)?;
    let database = Database::open(database_path, memory::DATABASE_BYTES)?;
    database.begin()?;
    for KeptLoad { table, token } in done {
        // Somebody may have ended that load meanwhile, and begun another one.
        let found = unfinished(&database, table)?;
        if let Some(found) = found.filter(|found| found.identity.token == *token) {
            row_origins::forget(&database, &found.identity.plan.table)?;
            checkpoint::remove(&database, &found.identity.plan.table)?;
        }
    }
    database.commit()?;
    faults::point("files: the checkpoints are gone");
    database.close()?;
    drop(lock);
    Ok(())
}

/// Refuses a file that is not there before another one is loaded.
fn check_there(path: &Path) -> Result<(), Error> {
    match path.metadata() {
        Ok(_) => Ok(()),
        Err(source) => {
            let path = path.to_owned();
            Err(Error::new(ErrorKind::InputMissing { path, source }))
        }
    }
}
