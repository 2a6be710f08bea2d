//! Records that were rejected and have been mended in the dead-letter file: once more into the table.
//!
//! Comes in: a dead-letter file that somebody edited. Goes out: its good records in the table, exactly once, and the file without them; what is
//! still rejected stays, with its place. The hard part is to do each once, wherever a run is killed. So the records become inputs of a
//! usual load ([`sound`]), in files whose names have the hash of the dead-letter file; the checkpoint of that load stays in the database
//! until the new dead letters ([`merged`]) are on the disk, and these take their place as the last step. Each step finds out whether it is
//! done already.
//!
//! ```text
//! errors.csv ─► errors.csv.retry-HASH-0 ... ─► table
//!                                              errors.csv.retry-HASH.errors ─► errors.csv.retry-HASH.done ─► errors.csv
//! ```

mod explained;
mod letters;
mod merged;
mod sound;
mod tried;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

pub use self::explained::{Explained, LetterGroup, Remedy, explain};
use self::letters::{Letter, LetterReader, Next};
use self::merged::{Merge, Merged, code_of};
use self::sound::{Wanted, gather, pinned};
use self::tried::{TriedReader, TriedWriter};
use crate::error::Error;
use crate::faults;
use crate::load::context::{Onlookers, table_name};
use crate::load::contract;
use crate::load::inputs::Inputs;
use crate::load::per_file::{KeptLoad, end_kept};
use crate::load::{Task, Told, files};
use crate::memory;
use crate::observer::Observer;
use crate::option_name::ERRORS;
use crate::options::LoadOptions;
use crate::reject::{RejectCode, beside_with, followed, lock, sync_folder};
use crate::report::{LoadReport, Outcome};
use crate::sqlite::database::Database;
use crate::sqlite::own::checkpoint;

const PIECE_BYTES: usize = 256 << 10;

/// What is to be retried.
#[derive(Debug, Clone, Copy)]
pub struct Retry<'a> {
    /// The dead-letter file.
    pub errors: &'a Path,
    /// A file that begins as those do from which the records came, if they are not there.
    pub like: Option<&'a Path>,
    pub database: &'a Path,
    /// Those of the load that the records were rejected by.
    pub options: &'a LoadOptions,
}

/// What was found in the dead-letter file, for a run that goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Gathered {
    /// The files that records came from.
    files: Vec<PathBuf>,
    /// The first of them names the table if nothing else does.
    table: String,
    /// Records that are tried.
    records: u64,
}

/// The files of a retry, all named by the hash of the dead-letter file.
struct RetryFiles {
    base: PathBuf,
}

impl RetryFiles {
    fn of(errors: &Path, hash: u64) -> Self {
        RetryFiles {
            base: beside_with(errors, &format!(".retry-{hash:016x}")),
        }
    }

    fn input(&self, number: usize) -> PathBuf {
        beside_with(&self.base, &format!("-{number}"))
    }

    fn with(&self, ending: &str) -> PathBuf {
        beside_with(&self.base, ending)
    }

    /// What was gathered, once that is whole.
    fn gathered(&self) -> PathBuf {
        self.with(".json")
    }

    fn tried(&self) -> PathBuf {
        self.with(".tried")
    }

    /// The dead letters of the load.
    fn letters(&self) -> PathBuf {
        self.with(".errors")
    }

    /// The new dead letters, once all else is done.
    fn done(&self) -> PathBuf {
        self.with(".done")
    }

    /// Removes all but the new dead letters.
    fn remove(&self, inputs: usize) -> Result<(), Error> {
        let others = [self.tried(), self.letters(), self.with(".part"), self.gathered()];
        for path in (0..inputs).map(|number| self.input(number)).chain(others) {
            remove(&path)?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", path, error)),
        _ => Ok(()),
    }
}

impl Retry<'_> {
    /// Loads what is good by now, and takes it out of the dead-letter file.
    ///
    /// # Errors
    /// As [`Load::run`](crate::Load::run); `InputUnusable` when the file is no dead-letter file, or has a line that is none.
    pub fn run(self, observer: &dyn Observer) -> Result<LoadReport, Error> {
        let started = Instant::now();
        let Retry { errors, options, .. } = self;
        // A link stays one.
        let target = followed(errors);
        let retry = Retry {
            errors: &target,
            ..self
        };
        let checked = files::check(&[errors.to_owned()], self.database, &[], options);
        let ended = options
            .validate()
            .and_then(|()| checked.refusal.map_or(Ok(()), Err))
            .and_then(|()| retry.carry_out(observer));
        let nothing = || LoadReport::new(self.database, &[errors.to_owned()], options);
        let (mut report, ended) = match ended {
            Ok(told) => (told.report, told.ended),
            Err(error) => (nothing(), Err(error)),
        };
        errors.clone_into(&mut report.errors_file);
        if let Err(error) = &ended {
            report.fail(error);
        }
        report.measure(started.elapsed());
        let json = options.target.report.as_ref().filter(|_| checked.report);
        let written = json.map_or(Ok(()), |path| report.write_json(path, observer));
        ended?;
        written?;
        Ok(report)
    }

    fn carry_out(self, observer: &dyn Observer) -> Result<Told, Error> {
        let errors = self.errors;
        let mut file = OpenOptions::new()
            .read(true)
            .open(errors)
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => Error::input_missing(errors, source),
                _ => Error::io("opening", errors, source),
            })?;
        // A load that still writes it is not disturbed.
        lock(&file, errors, ERRORS)?;
        let is_there = |now: &fs::Metadata, own: &fs::Metadata| (now.dev(), now.ino()) == (own.dev(), own.ino());
        if !fs::metadata(errors).is_ok_and(|now| file.metadata().is_ok_and(|own| is_there(&now, &own))) {
            return Err(Error::side_file_changed(
                errors,
                "another file took its place; run the same command again",
            ));
        }
        let hash = hash_of(&mut file, errors)?;
        let files = RetryFiles::of(errors, hash);
        if files.done().exists() {
            return self.end_begun(&files, observer);
        }
        let gathered = match self.read_gathered(&files)? {
            Some(gathered) => gathered,
            None => {
                let gathered = self.gather(&file, &files)?;
                if hash_of(&mut file, errors)? != hash {
                    files.remove(gathered.files.len())?;
                    let message = "it was edited meanwhile, and nothing was done; run the same command again";
                    return Err(Error::side_file_changed(errors, message));
                }
                gathered
            }
        };
        faults::point("retry: gathered");
        let told = self.load(&files, &gathered, observer)?;
        let mut told = match told.report.outcome {
            Outcome::Complete if told.ended.is_ok() => told,
            // What is there is for the run that goes on.
            _ => return Ok(told),
        };
        faults::point("retry: loaded");
        let merged = self.merge(&file, &files, &gathered)?;
        if merged.changed > 0 {
            let (part, done) = (files.with(".part"), files.done());
            fs::rename(&part, &done).map_err(|error| Error::io("renaming", &part, error))?;
            sync_folder(&done)?;
        }
        faults::point("retry: new letters on the disk");
        let table = gathered.table.clone();
        let kept: Vec<KeptLoad> = told
            .kept_token
            .take()
            .map(|token| KeptLoad { table, token })
            .into_iter()
            .collect();
        end_kept(&kept, self.database, observer)?;
        faults::point("retry: the checkpoint is gone");
        files.remove(gathered.files.len())?;
        if merged.changed > 0 {
            self.put_in_place(&files, hash)?;
        }
        tell_untried(&merged, &gathered, &mut told.report);
        Ok(told)
    }

    /// What an earlier run gathered of the same letters.
    fn read_gathered(&self, files: &RetryFiles) -> Result<Option<Gathered>, Error> {
        let path = files.gathered();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("reading", &path, error)),
        };
        let gathered = serde_json::from_slice(&text);
        gathered
            .map(Some)
            .map_err(|_| Error::side_file_changed(&path, "it is not what a retry left"))
    }

    fn letters(&self, path: &Path) -> Result<LetterReader, Error> {
        LetterReader::open(
            path,
            self.options.target.safe_errors,
            self.options.limits.max_record_bytes,
        )
    }

    /// The letters of the file that the retry is of, which is open: another one may take its name at any time.
    fn letters_of(&self, errors: &File) -> Result<LetterReader, Error> {
        let file = errors.try_clone();
        let file = file.map_err(|error| Error::io("reading", self.errors, error))?;
        let (target, limits) = (&self.options.target, &self.options.limits);
        LetterReader::of(file, self.errors, target.safe_errors, limits.max_record_bytes)
    }

    /// Makes inputs of the mended records.
    fn gather(&self, errors: &File, files: &RetryFiles) -> Result<Gathered, Error> {
        let wanted = Wanted {
            options: self.options,
            like: self.like,
        };
        let mut letters = self.letters_of(errors)?;
        let mut tried = TriedWriter::create(&files.tried())?;
        let sound = gather(&mut letters, wanted, &|number| files.input(number), &mut tried);
        let sound = match sound {
            Ok(sound) => sound,
            Err(error) => {
                // Nothing is left of what cannot be tried.
                let begun = (0..).take_while(|&number| files.input(number).exists()).count();
                files.remove(begun)?;
                return Err(error);
            }
        };
        tried.end()?;
        let gathered = Gathered {
            table: match sound.files.first() {
                Some(first) => table_name(self.options, first)?,
                None => String::new(),
            },
            files: sound.files,
            records: sound.records,
        };
        let path = files.gathered();
        let text = serde_json::to_vec(&gathered).map_err(|_| Error::internal("what was gathered cannot be noted"))?;
        let part = files.with(".part");
        let written = fs::write(&part, text).and_then(|()| File::open(&part)?.sync_all());
        written.map_err(|error| Error::io("writing", &part, error))?;
        sync_folder(&path)?;
        fs::rename(&part, &path).map_err(|error| Error::io("renaming", &part, error))?;
        sync_folder(&path)?;
        Ok(gathered)
    }

    /// Loads what was gathered; the checkpoint of a load that is done stays.
    fn load(&self, files: &RetryFiles, gathered: &Gathered, observer: &dyn Observer) -> Result<Told, Error> {
        let inputs: Vec<PathBuf> = (0..gathered.files.len()).map(|number| files.input(number)).collect();
        let Some(first) = gathered.files.first().filter(|_| gathered.records > 0) else {
            let mut report = LoadReport::new(self.database, &gathered.files, self.options);
            report.identity_holds = true;
            report.complete();
            return Ok(Told {
                report,
                ended: Ok(()),
                kept_token: None,
            });
        };
        let wanted = Wanted {
            options: self.options,
            like: self.like,
        };
        let mut options = pinned(first, wanted)?;
        options.target.table = Some(gathered.table.clone());
        options.target.errors = files.letters();
        (options.target.report, options.target.report_html) = (None, None);
        contract::agree(&mut options, std::iter::empty())?;
        let task = Task {
            inputs: Inputs::from(&inputs[..]),
            database_path: self.database,
            options: &options,
            is_one_of_several: true,
            refusal: None,
            started: Instant::now(),
        };
        let samples = None;
        let told = task.load(Ok(Onlookers { observer, samples }));
        if told.ended.is_err() && !self.has_begun(&inputs, &gathered.table)? {
            // The letters may be edited again before they are tried again.
            files.remove(inputs.len())?;
        }
        Ok(told)
    }

    /// Whether the database has a checkpoint of the load of these inputs.
    fn has_begun(&self, inputs: &[PathBuf], table: &str) -> Result<bool, Error> {
        if !fs::metadata(self.database).is_ok_and(|metadata| metadata.len() > 0) {
            return Ok(false);
        }
        let database = Database::open(self.database, memory::DATABASE_BYTES)?;
        let found = checkpoint::read(&database, table)?;
        database.close()?;
        let first = found.and_then(|found| Some(PathBuf::from(&found.identity.inputs.first()?.path)));
        Ok(first.as_ref() == inputs.first())
    }

    /// Puts the new letters together.
    fn merge(&self, errors: &File, files: &RetryFiles, gathered: &Gathered) -> Result<Merged, Error> {
        let inputs: Vec<PathBuf> = (0..gathered.files.len()).map(|number| files.input(number)).collect();
        let mut after = match gathered.records {
            0 => None,
            _ => Some(self.letters(&files.letters())?),
        };
        let merge = Merge {
            before: &mut self.letters_of(errors)?,
            after: after.as_mut(),
            tried: &mut TriedReader::open(&files.tried())?,
            inputs: &inputs,
        };
        merge.write(&files.with(".part"))
    }

    /// The new letters take the place of those that the retry read.
    fn put_in_place(&self, files: &RetryFiles, hash: u64) -> Result<(), Error> {
        let (errors, done) = (self.errors, files.done());
        let now = File::open(errors).map_err(|error| Error::io("opening", errors, error));
        if hash_of(&mut now?, errors)? != hash {
            return Err(Error::side_file_changed(
                errors,
                &format!(
                    "it was edited while its records were retried, which are in the table by now: do not retry it once more, but {}, where the \
                     others are, under its name",
                    done.display()
                ),
            ));
        }
        fs::rename(&done, errors).map_err(|error| Error::io("renaming", &done, error))?;
        sync_folder(errors)?;
        faults::point("retry: new letters in place");
        Ok(())
    }

    /// Ends a retry that was killed when all was in the table and the new letters were on the disk.
    fn end_begun(&self, files: &RetryFiles, observer: &dyn Observer) -> Result<Told, Error> {
        if let Some(gathered) = self.read_gathered(files)? {
            let inputs: Vec<PathBuf> = (0..gathered.files.len()).map(|number| files.input(number)).collect();
            if self.has_begun(&inputs, &gathered.table)? {
                let database = Database::open(self.database, memory::DATABASE_BYTES)?;
                let found = checkpoint::read(&database, &gathered.table)?;
                database.close()?;
                let kept = found.map(|found| KeptLoad {
                    table: gathered.table.clone(),
                    token: found.identity.token,
                });
                end_kept(kept.as_slice(), self.database, observer)?;
            }
            files.remove(inputs.len())?;
        }
        observer.notice("an earlier run had loaded all that is good; what was left of it is done now");
        let mut letters = self.letters(&files.done())?;
        let mut letter = Letter::default();
        let mut report = LoadReport::new(self.database, &[self.errors.to_owned()], self.options);
        loop {
            let code = match letters.next(&mut letter, &mut std::io::sink())? {
                Next::End => break,
                Next::Large => RejectCode::RecordTooLarge,
                Next::Letter => code_of(&letter),
            };
            count_untried(&mut report, code, 1);
        }
        let mut file = File::open(self.errors).map_err(|error| Error::io("opening", self.errors, error))?;
        let hash = hash_of(&mut file, self.errors)?;
        self.put_in_place(files, hash)?;
        report.identity_holds = true;
        report.complete();
        Ok(Told {
            report,
            ended: Ok(()),
            kept_token: None,
        })
    }
}

/// Counts records that were not tried.
fn count_untried(report: &mut LoadReport, code: RejectCode, count: u64) {
    report.records += count;
    match code {
        RejectCode::DuplicateKey => report.duplicates += count,
        _ => report.rejected += count,
    }
    report.faults += count;
    report.add_code(code, count);
}

/// Adds what was not tried to the report of what was, and calls the inputs as the letters do.
fn tell_untried(merged: &Merged, gathered: &Gathered, report: &mut LoadReport) {
    for &(code, count) in &merged.untried {
        count_untried(report, code, count);
    }
    for (input, name) in report.inputs.iter_mut().zip(&gathered.files) {
        name.clone_into(&mut input.path);
    }
    if report.outcome == Outcome::Complete {
        report.complete();
    }
}

/// The XXH3-64 of all bytes of `file`.
fn hash_of(file: &mut File, path: &Path) -> Result<u64, Error> {
    let mut hasher = Xxh3::new();
    file.rewind().map_err(|error| Error::io("reading", path, error))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.digest()),
            Ok(bytes) => hasher.update(&piece[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("reading", path, error)),
        }
    }
}
