//! Where a load starts: afresh, where an unfinished one stopped, or (see [`super::append`]) behind a finished one.

use std::path::Path;

use super::account::earlier;
use super::outputs::name_holders;
use super::{Run, Sources};
use crate::checkpoint::{Again, Base, Checkpoint, Counts, Finished, Identity, SavedProgress};
use crate::error::Error;
use crate::faults;
use crate::ledger::SideFiles;
use crate::memory;
use crate::option_name::{INFERENCE, RESTART, TABLE};
use crate::options::LoadOptions;
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::{Left, check_errors_file};
use crate::report::LoadReport;
use crate::schema::TypeGuess;
use crate::schema::form::Form;
use crate::schema::shape::TableShape;
use crate::schema::table_info::TableInfo;
use crate::sqlite::database::Database;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;

/// How the names of all tables begin that rowmill keeps in a database.
const OWN_NAMES: &str = "_rowmill_";

/// Where a load starts from: the plan, and how far earlier runs got.
pub(super) struct Start {
    pub(super) plan: TablePlan,
    /// What can be resumed keeps a checkpoint: files can be read again, streams cannot.
    pub(super) identity: Option<Identity>,
    pub(super) progress: Option<SavedProgress>,
    /// The database has this load's checkpoint already.
    pub(super) begun: bool,
    /// Why the table cannot take the direct path, if that is known already.
    pub(super) obstacle: Option<String>,
    /// The table that the plan was made for, if it was there.
    pub(super) shape: Option<TableShape>,
    /// The plan was made for a table without rows.
    pub(super) needs_empty_table: bool,
    /// There was no database.
    pub(super) makes_database: bool,
}

impl Start {
    /// Whether the earlier run had settled everything and only its cleaning up is left.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.settled)
    }

    /// Whether this load, or the one that it goes on behind, created the table.
    pub(super) fn is_of_created_table(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.plan.create)
    }

    /// Greatest key of the table before the first load, where keys that ascend are row ids.
    pub(super) fn greatest_key_before(&self) -> Option<i64> {
        match self.identity.as_ref()?.plan.dedup {
            DedupPlan::Ascending { last } => last,
            DedupPlan::Database | DedupPlan::Filter => None,
        }
    }

    /// What its side files are named by, where a later run must find them.
    pub(super) fn token(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.token.as_str())
    }

    /// The finished load that this one goes on behind.
    pub(super) fn base(&self) -> Option<&Base> {
        self.identity.as_ref().and_then(|identity| identity.base.as_ref())
    }
}

/// `--table`, or the stem of the first input's name.
///
/// # Errors
/// `Usage` for a name that no table of a user can have.
pub(super) fn table_name(options: &LoadOptions, first: &Path) -> Result<String, Error> {
    let stem = || match first.file_stem() {
        Some(stem) if first.as_os_str() != "-" && !first.starts_with("/dev") => stem.to_string_lossy().into_owned(),
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

/// What the database holds before the load.
#[derive(Default)]
pub(super) struct Seen {
    /// The name of the table to load into.
    pub(super) table: String,
    pub(super) info: Option<TableInfo>,
    /// There is a database, be it one without a table.
    is_database: bool,
    checkpoint: Option<Checkpoint>,
    finished: Option<Finished>,
}

/// A load that was begun: what it committed, also of its dead letters.
struct Begun<'a> {
    identity: &'a Identity,
    counts: &'a Counts,
    /// Where its table begins by now, if it was moved.
    root_page: Option<u32>,
    left: Left,
}

impl Seen {
    /// The load that `--restart` is to take back.
    fn begun_load(&self) -> Option<Begun<'_>> {
        let unfinished = self.checkpoint.as_ref().map(|found| Begun {
            identity: &found.identity,
            counts: &found.progress.counts,
            root_page: found.progress.root_page,
            left: found.progress.left(),
        });
        let finished = self.finished.as_ref();
        unfinished.or_else(|| {
            finished.map(|finished| Begun {
                identity: &finished.identity,
                counts: &finished.loaded.counts,
                root_page: None,
                left: Left::whole(finished.loaded.errors()),
            })
        })
    }
}

impl Run<'_> {
    /// Plans a new load, takes up an unfinished one, or goes on behind a finished one; `None`: there is nothing to do.
    /// `may_guess`: types may be guessed, to be verified by loading.
    pub(super) fn start(
        &self,
        sources: &mut Sources<'_>,
        may_guess: bool,
        report: &mut LoadReport,
    ) -> Result<Option<Start>, Error> {
        let table = table_name(self.options, sources.first_named)?;
        // For what cannot be gone on with nothing is noted.
        let is_noted = sources.can_be_read_again();
        let mut seen = self.look_at_database(&table, is_noted)?;
        if self.options.repeat.restart || seen.begun_load().is_none() {
            // Before types are inferred, or rows taken back, for nothing.
            check_errors_file(&self.options.target.errors).map_err(name_holders)?;
        }
        if let Some(found) = &seen.checkpoint
            && self.forget_empty(found)?
        {
            seen = self.look_at_database(&table, is_noted)?;
        }
        if self.options.repeat.restart
            && let Some(Begun {
                identity,
                counts,
                root_page,
                left,
            }) = seen.begun_load()
        {
            self.restart(identity, counts, root_page)?;
            // After the rows: what is left here by a kill is only kept beside.
            self.forget_side_files(identity, left, 0)?;
            seen = self.look_at_database(&table, is_noted)?;
        }
        if let Some(found) = seen.checkpoint {
            return self.resume(found, seen.info.as_ref(), sources, report).map(Some);
        }
        if let Some(finished) = seen.finished.take() {
            return self.go_on_behind(finished, &seen, sources, report);
        }
        let start = self.start_afresh(seen, sources, may_guess, report)?;
        if let Some(by) = self.observer.cancelled() {
            // Types inferred from a part of the input would be a plan for another load.
            report.interrupt(by);
            report.identity_holds = true;
            return Ok(None);
        }
        Ok(Some(start))
    }

    /// Takes up an unfinished load.
    fn resume(
        &self,
        mut found: Checkpoint,
        info: Option<&TableInfo>,
        sources: &mut Sources<'_>,
        report: &mut LoadReport,
    ) -> Result<Start, Error> {
        if !sources.can_be_read_again() {
            return Err(Error::usage(format!(
                "{} is not finished, and a stream cannot be read again; finish it from its files, or {}",
                found.load(),
                found.ways()
            )));
        }
        let again = found.check(sources.paths, self.options)?;
        check_table(&found, info)?;
        let records = found.progress.counts.records;
        if again == Again::Mended {
            self.take_up_mended(&mut found, sources)?;
            self.observer.notice(&format!(
                "the input was mended behind record {records}, where the load was stopped: going on there"
            ));
        } else {
            self.observer
                .notice(&format!("resuming an unfinished load after record {records}"));
        }
        let Checkpoint { identity, progress } = found;
        let (shape, makes_database) = (identity.shape.clone(), identity.made_database);
        let mut plan = identity.plan.clone();
        if self.options.repeat.append_only {
            // What has come since is for the next load: this one was planned without it.
            sources.end_after(&identity);
        }
        if let Some(base) = &identity.base {
            self.check_loaded(&base.loaded, sources)?;
            sources.begin_behind(&base.loaded);
            report.earlier = Some(earlier(&base.loaded));
            plan = plan.behind(base.max_row_id, base.loaded.counts.records);
        }
        Ok(Start {
            plan,
            identity: Some(identity),
            progress: Some(progress),
            begun: true,
            obstacle: Some("resumed: the table has rows".to_owned()),
            shape,
            needs_empty_table: false,
            makes_database,
        })
    }

    /// From now on the unfinished load is one of the inputs as they are.
    fn take_up_mended(&self, found: &mut Checkpoint, sources: &Sources<'_>) -> Result<(), Error> {
        let lengths_bytes = sources.lengths_bytes().unwrap_or_default();
        found.identity.plan.sources = sources.fields();
        found.identity.inputs =
            Identity::new(sources.paths, &lengths_bytes, self.options, &found.identity.plan)?.inputs;
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        checkpoint::renew(&database, found)?;
        database.close()
    }

    fn start_afresh(
        &self,
        seen: Seen,
        sources: &mut Sources<'_>,
        may_guess: bool,
        report: &mut LoadReport,
    ) -> Result<Start, Error> {
        let lengths_bytes = sources.lengths_bytes().filter(|_| sources.can_be_read_again());
        faults::point("infer: before");
        // What was loaded on a wrong guess must be taken back without a trace, so there must be nothing else in the database.
        let may_guess = may_guess && !seen.is_database;
        let (facts, is_guess) = self.infer(sources, seen.info.as_ref(), may_guess, report)?;
        faults::point("infer: types known");
        let mut plan = match &seen.info {
            Some(info) => plan::plan_existing_table(info, sources.names(), sources.fields(), &facts, self.options)?,
            None => plan::plan_new_table(seen.table, sources.names(), sources.fields(), &facts, self.options)?,
        };
        if seen.info.is_none() {
            plan.guess = is_guess.then(|| TypeGuess { forms: facts.forms() });
            if !is_guess {
                plan.notices = plan::text_notices(&plan.columns, &facts, sources.paths);
            }
            if lengths_bytes.is_none() || self.options.repeat.append_only {
                // Values will come that nothing was inferred from.
                plan.settled = Some(facts.forms().iter().map(Form::settled).collect());
            }
        }
        let identity = lengths_bytes
            .map(|lengths| Identity::new(sources.paths, &lengths, self.options, &plan))
            .transpose()?;
        Ok(Start {
            plan,
            identity,
            progress: None,
            begun: false,
            obstacle: None,
            shape: seen.info.as_ref().map(TableInfo::shape),
            needs_empty_table: seen.info.as_ref().is_some_and(|info| info.is_empty),
            makes_database: !seen.is_database,
        })
    }

    /// The database, if there is one.
    pub(super) fn existing_database(&self) -> Result<Option<Database>, Error> {
        let there = std::fs::metadata(self.database_path).is_ok_and(|metadata| metadata.len() > 0);
        there
            .then(|| Database::open(self.database_path, memory::DATABASE_BYTES))
            .transpose()
    }

    /// What the database holds already; `is_noted`: the load will keep a checkpoint.
    fn look_at_database(&self, table: &str, is_noted: bool) -> Result<Seen, Error> {
        let Some(database) = self.existing_database()? else {
            return Ok(Seen {
                table: table.to_owned(),
                ..Seen::default()
            });
        };
        let may_hold_checkpoint = is_noted || !checkpoint::is_foreign(&database)?;
        if may_hold_checkpoint {
            checkpoint::bring_up_to_date(&database)?;
        }
        let info = database.describe_table(table)?;
        if info.as_ref().is_some_and(|info| info.has_triggers) {
            self.observer.notice(&format!(
                "table \"{table}\" has triggers; they run for every row loaded"
            ));
        }
        Ok(Seen {
            table: table.to_owned(),
            info,
            is_database: true,
            checkpoint: match may_hold_checkpoint {
                true => checkpoint::read(&database, table)?,
                false => None,
            },
            // Without the flag a load is a new one, whatever became of those before it.
            finished: match self.options.repeat.append_only {
                true => finished::read(&database, table)?,
                false => None,
            },
        })
    }

    /// Takes back what was loaded on a guess that a value refuted, or an earlier run's part of that: as if it had never begun.
    pub(super) fn take_back(&self, start: &Start, mut side_files: SideFiles) -> Result<(), Error> {
        faults::point("guess: refuted");
        let identity = start.identity.as_ref();
        let identity = identity.ok_or_else(|| Error::internal("types of a stream were guessed"))?;
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let found = checkpoint::read(&database, &identity.plan.table)?;
        database.close()?;
        let obstacles = match &found {
            Some(found) => self.drop_created(&found.identity, &found.progress.counts, found.progress.root_page)?,
            None => self.drop_created(identity, &Counts::default(), None)?,
        };
        if !obstacles.is_empty() {
            return Err(Error::schema(format!(
                "table \"{}\" was to be made anew, with other column types, but others use it by now: {}; take away what stands in \
                 the way and start afresh with {RESTART} {INFERENCE} whole",
                identity.plan.table,
                obstacles.join("; ")
            )));
        }
        faults::point("guess: taken back");
        side_files.letters.clear()?;
        side_files.spool.remove()
    }
}

/// # Errors
/// `Schema` when the table that the unfinished load was filling is gone, or would make other values of the rest.
fn check_table(found: &Checkpoint, info: Option<&TableInfo>) -> Result<(), Error> {
    let plan = &found.identity.plan;
    let is_there = |name: &str| {
        info.is_some_and(|info| {
            let mut columns = info.columns.iter();
            columns.any(|column| column.name.eq_ignore_ascii_case(name))
        })
    };
    let problem = match plan.columns.iter().find(|column| !is_there(&column.name)) {
        _ if info.is_none() => "the table is gone".to_owned(),
        Some(column) => format!("the table's column \"{}\" is gone", column.name),
        None => match (&found.identity.shape, info) {
            (Some(then), Some(now)) => match then.difference(&now.shape()) {
                Some(difference) => difference,
                None => return Ok(()),
            },
            _ => return Ok(()),
        },
    };
    Err(Error::schema(format!(
        "{} cannot go on: {problem}. Put it back, or {}",
        found.load(),
        found.ways()
    )))
}
