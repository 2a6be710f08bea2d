//! A load that is planned: which table it fills from where on, with which memory, and which indexes it builds.
//!
//! Comes in: the opened inputs. Goes out: they, and the blueprint that all later steps go by. Types and an order of keys that were guessed
//! may be refuted later on: then the rows are taken back, and the inputs are planned once more.

use crate::checkpoint::{Counts, Identity};
use crate::dedup;
use crate::error::Error;
use crate::faults;
use crate::ledger::SideFiles;
use crate::load::afresh;
use crate::load::append;
use crate::load::context::{Context, table_name};
use crate::load::ended::{Ended, Halt};
use crate::load::indexes;
use crate::load::leaving;
use crate::load::opened::OpenedInputs;
use crate::load::resume;
use crate::load::seen::{self, Seen};
use crate::load::start::Start;
use crate::load::undo::{self, Begun};
use crate::memory::{self, MemoryWish};
use crate::option_name::{IF_EXISTS, INFERENCE, RESTART, TABLE};
use crate::options::IfExists;
use crate::plan::{DedupPlan, TablePlan};
use crate::profile::gathering_bytes;
use crate::report::MemorySplit;
use crate::sqlite::direct::index::IndexSpec;
use crate::sqlite::full_text;
use crate::sqlite::own::checkpoint;

/// A load that is planned.
pub(super) struct Planned {
    pub(super) inputs: OpenedInputs,
    pub(super) blueprint: Blueprint,
}

/// What is to be made, and with what.
pub(super) struct Blueprint {
    pub(super) start: Start,
    pub(super) split: MemorySplit,
    /// The indexes of a table that is filled directly.
    pub(super) indexes: Vec<IndexSpec>,
}

/// What came of a step that may rely on a guess.
pub(super) enum Guess<T> {
    /// It held, or there was none.
    Held(T),
    Refuted(Box<Refuted>),
}

/// A value, or the order of the keys, is not as it was guessed: what is to be taken back, and what to start again with.
pub(super) struct Refuted {
    pub(super) inputs: OpenedInputs,
    /// To be emptied when the rows are taken back.
    pub(super) side_files: SideFiles,
    pub(super) identity: Option<Identity>,
}

impl Planned {
    /// Plans the load of `inputs`, and says what is about to be done. `may_guess`: types may be guessed, to be verified by loading.
    pub(super) fn of(mut inputs: OpenedInputs, may_guess: bool, context: &Context<'_>) -> Result<Planned, Halt> {
        let start = find_start(&mut inputs, may_guess, context)?;
        inputs.check_unchanged()?;
        inputs.begin_counting(context);
        let plan = &start.plan;
        check_full_text(plan, context)?;
        let indexes = indexes::specs(plan, context)?;
        let split = split_memory(plan, &inputs, indexes.len() as u64, context)?;
        let of_contract = context
            .options
            .contract
            .agreed
            .iter()
            .flat_map(|agreed| &agreed.contract.notices);
        for notice in plan.notices.iter().chain(of_contract) {
            context.observer.notice(notice);
        }
        context.account.table(plan);
        context.account.memory(split);
        context.observer.detail(&format!("memory {split}"));
        let blueprint = Blueprint { start, split, indexes };
        Ok(Planned { inputs, blueprint })
    }
}

/// Plans a new load, takes up an unfinished one, or goes on after a finished one; at the end are those with nothing to do.
/// `may_guess`: types may be guessed, to be verified by loading.
fn find_start(inputs: &mut OpenedInputs, may_guess: bool, context: &Context<'_>) -> Result<Start, Halt> {
    let table = table_name(context.options, &context.first_input)?;
    let mut seen = seen::look_around(&table, inputs, context)?;
    if let Some(found) = &seen.checkpoint
        && let Some(done) = &found.identity.done
        && inputs.can_be_read_again()
    {
        return Err(leaving::take_up(found, done, inputs, context));
    }
    if let Some(found) = seen.checkpoint {
        return resume::resume(found, seen.info.as_ref(), inputs, context).map_err(Halt::Failed);
    }
    if let Some(finished) = seen.finished.take() {
        if !finished.identity.plan.create {
            check_may_exist(&seen, context).map_err(Halt::Failed)?;
        }
        return append::go_on_after(finished, &seen, inputs, context);
    }
    check_may_exist(&seen, context).map_err(Halt::Failed)?;
    let start = afresh::start_afresh(seen, inputs, may_guess, context);
    match context.observer.cancelled() {
        // Types inferred from a part of the input would be a plan for another load, and nothing is wrong with what was not read.
        Some(by) => Err(Halt::Early(Box::new(Ended::interrupted(by)))),
        None => start.map_err(Halt::Failed),
    }
}

/// # Errors
/// `Schema` when the table exists and must not.
fn check_may_exist(seen: &Seen, context: &Context<'_>) -> Result<(), Error> {
    match &seen.info {
        Some(info) if context.options.table.if_exists == IfExists::Fail => Err(Error::schema(format!(
            "table \"{}\" exists already, and {IF_EXISTS} fail loads only into a new one; nothing was loaded: name another table with \
             {TABLE}, or drop it first",
            info.name
        ))),
        _ => Ok(()),
    }
}

/// # Errors
/// `Schema` when something else has the name of the full-text table that is to be made.
fn check_full_text(plan: &TablePlan, context: &Context<'_>) -> Result<(), Error> {
    if plan.fts.is_empty() {
        return Ok(());
    }
    match context.existing_database()? {
        Some(database) => full_text::check(plan, &database).and_then(|()| database.close()),
        None => Ok(()),
    }
}

impl Refuted {
    /// Takes back what was loaded on a guess, or an earlier run's part of that: as if it had never begun. What is left are the inputs.
    pub(super) fn take_back(self, context: &Context<'_>) -> Result<OpenedInputs, Error> {
        let Refuted {
            inputs,
            mut side_files,
            identity,
        } = self;
        faults::point("guess: refuted");
        if !context.is_check() {
            take_back_rows(identity, context)?;
        }
        faults::point("guess: taken back");
        side_files.letters.clear()?;
        side_files.spool.remove()?;
        if let Some(samples) = &context.samples {
            samples.clear();
        }
        Ok(inputs)
    }
}

/// Takes back what was loaded on a guess, into a table that the load of this identity made.
fn take_back_rows(identity: Option<Identity>, context: &Context<'_>) -> Result<(), Error> {
    let identity = identity.ok_or_else(|| Error::internal("types of a stream were guessed"))?;
    let database = context.open_database()?;
    let found = checkpoint::read(&database, &identity.plan.table)?;
    database.close()?;
    let nothing = Counts::default();
    let begun = found.as_ref().map_or(
        Begun {
            identity: &identity,
            counts: &nothing,
            root_page: None,
        },
        Begun::of,
    );
    let obstacles = undo::drop_created(&begun, context)?;
    if !obstacles.is_empty() {
        return Err(Error::schema(format!(
            "table \"{}\" was to be made anew, with other column types, but others use it by now: {}; remove what stands in \
                 the way and start afresh with {RESTART} {INFERENCE} whole",
            identity.plan.table,
            obstacles.join("; ")
        )));
    }
    Ok(())
}

fn split_memory(
    plan: &TablePlan,
    inputs: &OpenedInputs,
    indexes: u64,
    context: &Context<'_>,
) -> Result<MemorySplit, Error> {
    let options = context.options;
    let keys = match plan.dedup {
        DedupPlan::Filter => inputs.estimated_keys,
        _ => 0,
    };
    memory::split(MemoryWish {
        budget_bytes: options.resources.memory_bytes,
        window_bytes: options.resources.window_bytes,
        filter_bytes: if keys > 0 { dedup::filter_bytes(keys) } else { 0 },
        indexes,
        record_bytes: options.limits.max_record_bytes,
        unpacking_bytes: inputs.unpacking_bytes(),
        searches: !plan.create || plan.definition.is_some() || !plan.unique.is_empty(),
        profile_bytes: match context.profiles_rows() {
            true => gathering_bytes(plan.columns.len()),
            false => 0,
        },
    })
}
