//! The load as one sentence: inputs are opened, a table is planned, outputs are opened, rows are loaded and settled, and the load ends.
//!
//! Each step is a type in a room of its own, made of the one before:
//!
//! ```text
//! Inputs ─► OpenedInputs ─► Planned ─► Outputs ─► LoadedRows ─► SettledRows ─► Ended
//! inputs    opened          planned    outputs    rows          settled        leave
//! ```
//!
//! Folders and patterns become files ([`found`]), [`once`] leaves inputs out, [`per_file`] makes a load of each. What was [`seen`] in the database tells where a load has its [`start`]: [`afresh`] (types are read or guessed
//! in [`infer`]), where another one stopped ([`resume`]), or where a file has grown ([`append`]). [`order`] is the thread between parsing
//! and writing, [`earlier`] finds records of the loads before, [`undo`] takes back.
//!
//! What all of them need is in the [`Context`]. What they have to say goes to the [`Account`], which makes the report of it, also that of a
//! load that failed.

mod account;
mod afresh;
mod append;
mod at_once;
mod before;
mod check;
mod context;
mod contract;
mod definition;
mod done_blocks;
#[cfg(feature = "html")]
mod draft;
mod earlier;
mod ended;
mod files;
mod found;
mod glance;
mod indexes;
mod infer;
mod inputs;
mod last_steps;
mod leave;
mod leaving;
mod names;
mod once;
mod opened;
mod order;
mod outputs;
mod per_file;
mod planned;
mod profile;
mod ranged;
mod resume;
mod retry;
mod rows;
mod seen;
mod settled;
mod side_files;
mod start;
mod undo;

use std::path::{Path, PathBuf};
use std::time::Instant;

use self::account::Account;
use self::at_once::AtOnce;
use self::context::{Asked, Context, Onlookers};
use self::ended::{Ended, Halt};
pub use self::glance::glance;
pub use self::inputs::Inputs;
use self::opened::OpenedInputs;
use self::outputs::{OpenedTable, Outputs};
use self::per_file::FileLoads;
use self::planned::{Blueprint, Guess, Planned};
pub use self::profile::{profile, profile_inputs};
pub(crate) use self::ranged::{RangedHead, RangedInputs, look_at_ranges};
pub use self::retry::{Explained, LetterGroup, Remedy, Retry, explain};
use self::rows::LoadedRows;
use self::settled::SettledRows;
pub use self::undo::forget;
use crate::error::Error;
use crate::faults;
use crate::memory;
use crate::observer::Observer;
use crate::options::LoadOptions;
use crate::pipeline::WorkerPool;
use crate::reject::RejectSamples;
use crate::report::{LoadReport, Outcome};

/// Loads `inputs`, one after another, into one table of `database`; `-` among them is standard input.
///
/// # Errors
/// As [`Load::run`](crate::Load::run).
pub fn load(
    inputs: &[PathBuf],
    database: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<LoadReport, Error> {
    load_inputs(inputs.into(), database, options, observer)
}

/// Loads `inputs`, one after another, into one table of `database_path`.
///
/// A good row lands exactly once; a bad one goes to the dead-letter file with its place and reason and never stops the load. The report
/// counts everything; it is also written where the options say, even when the load fails.
///
/// # Errors
/// As [`Load::run`](crate::Load::run).
pub fn load_inputs(
    mut inputs: Inputs,
    database_path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
) -> Result<LoadReport, Error> {
    let started = Instant::now();
    let found = inputs.find_files(database_path, options);
    let (mut loads, planned) = match options.target.table_per_file.then(|| per_file::plan(&inputs, options)) {
        Some(Ok(loads)) => (loads, Ok(())),
        Some(Err(error)) => (Vec::new(), Err(error)),
        None => (Vec::new(), Ok(())),
    };
    // Before anything is opened: an input that is the database must not even be opened, as closing it would drop the locks on it.
    let errors: Vec<&Path> = match options.target.table_per_file {
        true => loads.iter().map(|load| &*load.options.target.errors).collect(),
        false => vec![&options.target.errors],
    };
    let checked = files::check(&inputs.paths(), database_path, &errors, options);
    let refusal = found.err().or(planned.err()).or(checked.refusal);
    let mut agreed = options.clone();
    let refusal = refusal
        .or_else(|| contract::agree(&mut agreed, loads.iter_mut().map(|load| &mut load.options)).err())
        .or_else(|| definition::agree(&mut agreed).err());
    let options = &agreed;
    let load = |onlookers: Result<Onlookers<'_>, Error>| match options.target.table_per_file {
        true => FileLoads {
            loads,
            inputs,
            database_path,
            options,
            refusal,
            started,
        }
        .load(onlookers),
        false => Task {
            inputs,
            database_path,
            options,
            is_one_of_several: false,
            refusal,
            started,
        }
        .load(onlookers),
    };
    let (told, page_written) = match options.target.report_html.as_deref().filter(|_| checked.page) {
        #[cfg(feature = "html")]
        Some(path) => draft::with_page(path, options, observer, load),
        // Where pages are not built in, the options that ask for one are refused.
        _ => {
            let kept = RejectSamples::default();
            let samples = Some(kept.clone());
            let mut told = load(Ok(Onlookers { observer, samples }));
            told.report.reject_samples = kept.to_vec();
            (told, Ok(()))
        }
    };
    // What only the page wanted is not told.
    let report = told.report.with_profiles(options.target.profile);
    // The report of a refusal is not written to a file that was refused.
    let json = options.target.report.as_ref().filter(|_| checked.report);
    let written = json.map_or(Ok(()), |path| report.write_json(path, observer));
    // What went wrong in the load comes first; and after a complete load the same command would be a new load.
    told.ended?;
    written.and(page_written).map_err(|error| match report.outcome {
        Outcome::Complete => error.after_complete_load(),
        _ => error,
    })?;
    Ok(report)
}

/// Checks `inputs`, one after another, as if they were to be loaded into a table of a new database; `-` among them is standard input.
/// `options` say that this is a check.
///
/// # Errors
/// As [`Load::check`](crate::Load::check).
pub fn check(inputs: &[PathBuf], options: &LoadOptions, observer: &dyn Observer) -> Result<LoadReport, Error> {
    check_inputs(inputs.into(), options, observer)
}

/// As [`check()`], of inputs of any kind.
///
/// # Errors
/// As [`Load::check`](crate::Load::check).
pub fn check_inputs(inputs: Inputs, options: &LoadOptions, observer: &dyn Observer) -> Result<LoadReport, Error> {
    load_inputs(inputs, Path::new(""), &check::without_database(options)?, observer)
}

/// What is to be loaded where, and how.
struct Task<'a> {
    inputs: Inputs,
    database_path: &'a Path,
    options: &'a LoadOptions,
    /// Others follow, or came before, that end with it.
    is_one_of_several: bool,
    /// What is wrong with the load's files.
    refusal: Option<Error>,
    started: Instant,
}

/// A load that is over, in words and figures.
struct Told {
    report: LoadReport,
    ended: Result<(), Error>,
    /// The token of a load that is done, but whose checkpoint stays until others are.
    kept_token: Option<String>,
}

impl Task<'_> {
    /// Loads, and tells what came of it.
    fn load(self, onlookers: Result<Onlookers<'_>, Error>) -> Told {
        let started = self.started;
        let account = Account::new(self.inputs.names(), self.database_path, self.options);
        let ended = onlookers
            .map_err(Halt::Failed)
            .and_then(|onlookers| self.run(onlookers, &account))
            .or_else(|halt| match halt {
                Halt::Early(ended) => Ok(*ended),
                Halt::Failed(error) => Err(error),
            });
        Told {
            kept_token: account.kept_token(),
            report: account.report(&ended, started.elapsed()),
            ended: ended.map(|_| ()),
        }
    }

    /// The load, step by step.
    fn run(self, onlookers: Onlookers<'_>, account: &Account<'_>) -> Result<Ended, Halt> {
        let Task { inputs, options, .. } = self;
        options.validate()?;
        self.refusal.map_or(Ok(()), Err)?;
        for notice in &inputs.notices {
            onlookers.observer.notice(notice);
        }
        before::check_sql(options)?;
        memory::check_threads(options.resources.memory_bytes, options.resources.threads)?;
        let asked = Asked {
            database_path: self.database_path,
            options,
            first_input: inputs.check(options)?,
            is_one_of_several: self.is_one_of_several,
        };
        let pool = WorkerPool::new(options.resources.threads)?;
        let context = &Context::new(asked, onlookers, account, pool);
        context.lock_database()?;
        faults::point("load: begun");
        account.threads(context.pool.current_num_threads());
        append::check_grown(&inputs.names(), context)?;
        let inputs = once::leave_out_loaded(inputs, context)?;
        let mut opened = OpenedInputs::open(inputs, context)?;
        // Values of rejected records are no evidence for or against a guess.
        let mut may_guess = !options.wants_every_fault();
        loop {
            let planned = Planned::of(opened, may_guess, context)?;
            let refuted = match carry_out(planned, context)? {
                Guess::Held(ended) => return Ok(ended),
                Guess::Refuted(refuted) => refuted,
            };
            opened = account.time("take back", || refuted.take_back(context))?;
            may_guess = false;
        }
    }
}

/// Carries out a load as it is planned. One that ends without a row leaves no trace.
fn carry_out(Planned { inputs, blueprint }: Planned, context: &Context<'_>) -> Result<Guess<Ended>, Error> {
    if context.is_check() {
        return check::carry_out(&blueprint, inputs, context);
    }
    let ended = fill(&blueprint, inputs, context);
    let held = match &ended {
        Ok(Guess::Refuted(_)) => return ended,
        Ok(Guess::Held(ended)) => Some(ended),
        Err(_) => None,
    };
    undo::leave_no_trace(&blueprint.start, held, context);
    ended
}

/// Opens what is written to, loads the rows, settles what is open, and ends the load.
fn fill(blueprint: &Blueprint, mut inputs: OpenedInputs, context: &Context<'_>) -> Result<Guess<Ended>, Error> {
    inputs.end_looking();
    let mut side_files = side_files::open(&blueprint.start, &inputs, context)?;
    faults::point("load: errors.csv made");
    match at_once::try_to(blueprint, inputs, side_files, context)? {
        AtOnce::Done(ended) => {
            faults::point("finish: before the report");
            return Ok(Guess::Held(ended));
        }
        AtOnce::Not(back) => (inputs, side_files) = *back,
    }
    let table = OpenedTable::open(blueprint, &side_files, context)?;
    faults::point("load: table made");
    let outputs = Outputs::open(&table, side_files, &inputs, context)?;
    let rows = match LoadedRows::of(outputs, inputs, context)? {
        Guess::Held(rows) => rows,
        Guess::Refuted(refuted) => return Ok(Guess::Refuted(refuted)),
    };
    faults::point("load: rows committed");
    let settled = SettledRows::of(rows, context)?;
    last_steps::take(&settled, context)?;
    let ended = leave::end(settled, context)?;
    faults::point("finish: before closing");
    table.database.close()?;
    faults::point("finish: before the report");
    Ok(Guess::Held(ended))
}
