//! After the last row: suspects are settled, and indexes are built.
//!
//! Comes in: the rows that are in, and those that were set aside. Goes out: the final counts, and the dead-letter file with every reject
//! in its place. A load that was stopped and can be resumed leaves all that to the run that finishes it.

use std::sync::Arc;

use crate::batch::{BatchParts, BatchSettings};
use crate::checkpoint::{Counts, SavedProgress};
use crate::content_hash::ContentHash;
use crate::dedup::Dedup;
use crate::error::Error;
use crate::faults;
use crate::ledger::{ClosedBooks, OpenItems, SideFiles};
use crate::load::account::WritePathTaken;
use crate::load::context::Context;
use crate::load::earlier::EarlierRecords;
use crate::load::indexes;
use crate::load::opened::OpenedInputs;
use crate::load::outputs::Outputs;
use crate::load::planned::Blueprint;
use crate::load::rows::{LoadedRows, RowsEnd};
use crate::load::side_files::{note_end, tell_notes};
use crate::observer::Phase;
use crate::plan::DedupPlan;
use crate::profile::{LaterRows, RowsGathering};
use crate::reject::{DeadLetters, Origins};
use crate::settle::{EarlierKeys, Settlement, Suspects, Waiting};
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::destination::Sink;
use crate::sqlite::direct::DatabaseState;
use crate::sqlite::direct::index::TableIndexes;
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::publish::{self, Publication};
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::row_origins::RowOrigins;

/// Rows that are settled, or left to a later run of the load.
pub(super) struct SettledRows<'d> {
    pub(super) blueprint: &'d Blueprint,
    pub(super) database: &'d Database,
    pub(super) inputs: OpenedInputs,
    pub(super) end: RowsEnd,
    pub(super) counts: Counts,
    /// The dead letters, all of them; `None` where a later run goes on.
    pub(super) letters: Option<DeadLetters>,
}

/// The books, when all rows that were set aside are settled.
struct SettledBooks {
    counts: Counts,
    letters: DeadLetters,
}

impl<'d> SettledRows<'d> {
    /// Builds the key's index, settles the suspects and builds the further indexes.
    pub(super) fn of(rows: LoadedRows<'d>, context: &Context<'_>) -> Result<SettledRows<'d>, Error> {
        let LoadedRows {
            mut inputs,
            outputs,
            end,
        } = rows;
        let mut unsettled = Unsettled::of(outputs, context)?;
        let (blueprint, database) = (unsettled.blueprint, unsettled.database);
        let left_to_later = |end, counts, inputs| SettledRows {
            blueprint,
            database,
            inputs,
            end,
            counts,
            letters: None,
        };
        let before = unsettled.counts.clone();
        let settings = &unsettled.last.settings;
        let gathering = unsettled.gathering.clone();
        let tell_profile = || {
            if let Some(gathering) = &gathering {
                context.account.profile(gathering.profile());
            }
        };
        if end != RowsEnd::Complete && (settings.checkpoint.is_some() || settings.one_transaction) {
            let letters = &mut unsettled.side_files.letters;
            tell_notes(letters, context);
            // Best effort: without that note the load counts as one that was killed.
            let _ = note_end(database, &blueprint.start.plan.table, letters.state().bytes);
            if !settings.one_transaction {
                tell_profile();
            }
            return Ok(left_to_later(end, before, inputs));
        }
        let settled = unsettled.settle(&mut inputs, context)?;
        tell_profile();
        let Some(settled) = settled else {
            return Ok(left_to_later(RowsEnd::Interrupted, before, inputs));
        };
        let SettledBooks { counts, mut letters } = settled;
        tell_notes(&mut letters, context);
        context.account.false_alarms(counts.loaded - before.loaded);
        Ok(SettledRows {
            blueprint,
            database,
            inputs,
            end,
            counts,
            letters: Some(letters),
        })
    }
}

/// What the rows that went in leave to be done.
struct Unsettled<'d> {
    blueprint: &'d Blueprint,
    database: &'d Database,
    target: TargetTable<'d>,
    /// Where the rows came from.
    rows: RowOrigins<'d>,
    dedup: Dedup,
    indexes: TableIndexes<'d>,
    /// What is in the columns of those that are in, if that is asked for.
    gathering: Option<Arc<RowsGathering>>,
    side_files: SideFiles,
    counts: Counts,
    last: Last,
    /// The rows went in as finished pages, or nowhere, so none was refused.
    all_written: bool,
    /// There are no rows, only their keys.
    kept_nothing: bool,
    /// The database after the last page of the direct path, if indexes are also to be published as pages.
    state: Option<DatabaseState>,
}

/// An open transaction, and the file that finished pages go into.
struct IndexPages {
    database: Database,
    file: PageFile,
}

/// What the suspects are judged by besides the table.
struct Judge<'a> {
    /// The records of the loads that this one goes on after.
    earlier: Option<Box<dyn EarlierKeys + 'a>>,
    /// Whether to stop.
    stopped: &'a dyn Fn() -> bool,
}

impl<'d> Unsettled<'d> {
    /// The rows are in and no longer need a writer: closes the way that they took into the table.
    fn of(outputs: Outputs<'d>, context: &Context<'_>) -> Result<Unsettled<'d>, Error> {
        let Outputs {
            blueprint,
            began_direct,
            dedup,
            writer,
            gathering,
        } = outputs;
        let BatchParts {
            destination,
            books,
            indexes,
            settings,
        } = writer.into_parts();
        let ClosedBooks {
            side_files,
            counts,
            origins,
            content,
        } = books;
        let last = Last {
            settings,
            origins,
            content,
            root_page: destination.root_page(),
            publication: None,
        };
        let kept_nothing = destination.keeps_nothing();
        let is_direct = matches!(destination.sink, Sink::Direct(_));
        // Of what earlier runs did to the rows nothing is known.
        let all_written = kept_nothing || is_direct && blueprint.start.progress.is_none();
        if began_direct && !is_direct {
            context.account.write_path(WritePathTaken {
                name: "sql",
                reason: "another program wrote to the database during the load".to_owned(),
            });
        }
        let mut state = None;
        if let Sink::Direct(mut writer) = destination.sink {
            if !indexes.is_empty() {
                state = writer.state()?;
            }
            writer.close()?;
        }
        Ok(Unsettled {
            blueprint,
            database: destination.database,
            target: destination.target,
            rows: destination.origins,
            dedup,
            indexes,
            gathering,
            side_files,
            counts,
            last,
            all_written,
            kept_nothing,
            state,
        })
    }

    /// Settles all; `None` when that was stopped.
    fn settle(mut self, inputs: &mut OpenedInputs, context: &Context<'_>) -> Result<Option<SettledBooks>, Error> {
        let (start, blueprint) = (&self.blueprint.start, self.blueprint);
        if self.side_files.spool.count() > 0 {
            context.observer.phase(Phase::Settle, None);
        }
        let stopped = || start.identity.is_some() && context.is_stopped();
        if self.kept_nothing {
            return self.settle_by_keys(&stopped, context);
        }
        // Rows that are changed later have other values in the indexes than those that were collected.
        let changes_rows = start.plan.repeats.updates() && self.side_files.spool.count() > 0;
        let state = self.state.take().filter(|_| !changes_rows);
        let pages = state.map(|state| open_pages(state, context)).transpose()?;
        if let Some(pages) = pages.flatten() {
            return self.settle_directly(pages, &stopped, context);
        }
        let earlier = start.base().map(|base| {
            let existing = start.greatest_key_before();
            let opened = &mut inputs.all[0];
            Box::new(EarlierRecords {
                context,
                blueprint,
                opened,
                base,
                existing,
            }) as Box<dyn EarlierKeys>
        });
        let judge = Judge {
            earlier,
            stopped: &stopped,
        };
        self.settle_by_sql(judge, context)
    }

    /// Makes SQLite build the key's index, judge the suspects by it and build the other indexes. `None` if that was stopped.
    fn settle_by_sql(self, judge: Judge<'_>, context: &Context<'_>) -> Result<Option<SettledBooks>, Error> {
        let (database, start) = (self.database, &self.blueprint.start);
        let (plan, account) = (&start.plan, context.account);
        if plan.build_key_index && plan.dedup == DedupPlan::Filter && !start.is_settled() {
            account.time("key index", || indexes::build_key_index(database, plan, context))?;
        }
        let settled = if self.side_files.spool.count() > 0 {
            account.time("settle", || self.ask_database(judge))?
        } else {
            Some(SettledBooks {
                counts: self.counts,
                letters: self.side_files.letters,
            })
        };
        if settled.is_some() {
            account.time("further indexes", || indexes::build_further(database, plan, context))?;
        }
        Ok(settled)
    }

    /// Makes SQLite judge the suspects, in one transaction, so that an interrupted settlement leaves no trace and starts again from the
    /// spool. `None` if it was stopped.
    fn ask_database(self, Judge { earlier, stopped }: Judge<'_>) -> Result<Option<SettledBooks>, Error> {
        let Unsettled {
            database,
            target,
            rows,
            side_files: SideFiles { mut letters, mut spool },
            last,
            gathering,
            ..
        } = self;
        let mut later = gathering.as_ref().map(RowsGathering::later);
        let plan = &self.blueprint.start.plan;
        let is_guarded = plan.dedup != DedupPlan::Database || !begin_unguarded(database, &plan.table)?;
        if is_guarded {
            database.begin()?;
        }
        let mut writer = SqlWriter::new(database, target)?;
        let items = OpenItems::new(self.counts, &mut letters);
        let settled = if plan.dedup == DedupPlan::Database {
            let waiting = Waiting {
                writer: &mut writer,
                target,
                is_guarded,
                settings: &last.settings,
                origins: &last.origins,
                rows,
                spool: &mut spool,
                later: later.as_mut(),
                stopped,
            };
            waiting.settle(items)?
        } else {
            let settlement = Settlement {
                dedup: &self.dedup,
                settings: &last.settings,
                origins: &last.origins,
                all_written: self.all_written,
                earlier,
                rows,
                later: later.as_mut(),
                stopped,
            };
            let suspects = Suspects {
                items,
                spool: &mut spool,
                duplicates: None,
                indexes: None,
            };
            settlement.settle(&mut writer, suspects)?
        };
        let committed = settled.map(|items| last.commit_settled(database, items));
        let Some(counts) = committed.transpose()? else {
            database.rollback()?;
            return Ok(None);
        };
        later.into_iter().for_each(LaterRows::keep);
        database.look_at_foreign_keys(true)?;
        spool.remove()?;
        Ok(Some(SettledBooks { counts, letters }))
    }

    /// Lets the sorted keys, or those of rows that ascended, judge the suspects of a check. Those that are new go into a database that
    /// nobody sees, and only where their keys have to be compared with later ones. `None` if that was stopped.
    fn settle_by_keys(
        mut self,
        stopped: &dyn Fn() -> bool,
        context: &Context<'_>,
    ) -> Result<Option<SettledBooks>, Error> {
        if self.side_files.spool.count() == 0 {
            return Ok(Some(SettledBooks {
                counts: self.counts,
                letters: self.side_files.letters,
            }));
        }
        let (database, account) = (self.database, context.account);
        let split = self.blueprint.split;
        let memory_bytes = split.filter_bytes + split.windows_bytes + split.blocks_bytes;
        database.begin()?;
        let SideFiles { mut letters, mut spool } = self.side_files;
        let items = account.time("settle", || {
            let duplicates = self.indexes.duplicates(memory_bytes)?;
            let mut writer = SqlWriter::new(database, self.target)?;
            let settlement = Settlement {
                dedup: &self.dedup,
                settings: &self.last.settings,
                origins: &self.last.origins,
                all_written: true,
                earlier: None,
                rows: self.rows,
                later: None,
                stopped,
            };
            let suspects = Suspects {
                items: OpenItems::new(self.counts, &mut letters),
                spool: &mut spool,
                duplicates: duplicates.as_ref(),
                indexes: None,
            };
            settlement.settle(&mut writer, suspects)
        })?;
        let committed = items.map(|items| self.last.commit_settled(database, items));
        let Some(counts) = committed.transpose()? else {
            database.rollback()?;
            return Ok(None);
        };
        spool.remove()?;
        Ok(Some(SettledBooks { counts, letters }))
    }

    /// Lets the sorted keys judge the suspects, and builds every index as finished pages, all in one transaction. `None` if that was
    /// stopped.
    fn settle_directly(
        self,
        pages: IndexPages,
        stopped: &dyn Fn() -> bool,
        context: &Context<'_>,
    ) -> Result<Option<SettledBooks>, Error> {
        let IndexPages { database, file } = pages;
        let Unsettled {
            rows,
            mut indexes,
            side_files: SideFiles { mut letters, mut spool },
            mut last,
            gathering,
            ..
        } = self;
        let mut later = gathering.as_ref().map(RowsGathering::later);
        let (table, account) = (&self.blueprint.start.plan.table, context.account);
        // Filter, windows and rows are gone: their memory is free.
        let split = self.blueprint.split;
        let memory_bytes = split.filter_bytes + split.windows_bytes + split.blocks_bytes;
        account.time("key index", || indexes.build_by_sql(&database, table, true))?;
        let mut items = None;
        if spool.count() > 0 {
            items = account.time("settle", || {
                let duplicates = indexes.duplicates(memory_bytes)?;
                let mut writer = SqlWriter::new(&database, self.target)?;
                // Only a new load comes this way.
                let settlement = Settlement {
                    dedup: &self.dedup,
                    settings: &last.settings,
                    origins: &last.origins,
                    all_written: true,
                    earlier: None,
                    rows,
                    later: later.as_mut(),
                    stopped,
                };
                let suspects = Suspects {
                    items: OpenItems::new(self.counts.clone(), &mut letters),
                    spool: &mut spool,
                    duplicates: duplicates.as_ref(),
                    indexes: Some(&mut indexes),
                };
                settlement.settle(&mut writer, suspects)
            })?;
            if items.is_none() {
                database.rollback()?;
                database.close()?;
                return Ok(None);
            }
        }
        context.observer.phase(Phase::Index, None);
        last.publication = account.time("indexes", || {
            indexes.build_by_sql(&database, table, false)?;
            indexes.build(&database, table, &file, memory_bytes)
        })?;
        faults::point("index: pages written");
        let counts = items.map_or_else(
            || last.commit(&database).map(|()| self.counts),
            |items| last.commit_settled(&database, items),
        )?;
        later.into_iter().for_each(LaterRows::keep);
        spool.remove()?;
        faults::point("index: committed");
        database.close()?;
        Ok(Some(SettledBooks { counts, letters }))
    }
}

/// Begins the transaction in which indexes go in as finished pages; `None` if others have written since the rows went in.
fn open_pages(state: DatabaseState, context: &Context<'_>) -> Result<Option<IndexPages>, Error> {
    let file = PageFile::open(context.database_path, state.page_bytes)?;
    let database = context.open_database()?;
    database.prepare_for_load()?;
    database.begin()?;
    if state.is_unchanged(&database)? {
        return Ok(Some(IndexPages { database, file }));
    }
    database.rollback()?;
    database.close()?;
    Ok(None)
}

/// Begins a transaction in which SQLite does not check foreign keys, if each row's own can be checked here; returns whether it did. While a
/// foreign key is open and the referring column has no index, SQLite goes through the whole table for each row to which others may refer.
fn begin_unguarded(database: &Database, table: &str) -> Result<bool, Error> {
    let tells_all = || {
        database
            .describe_table(table)
            .map(|info| info.is_some_and(|info| info.has_one_foreign_key_alone()))
    };
    if !tells_all()? {
        return Ok(false);
    }
    database.look_at_foreign_keys(false)?;
    database.begin()?;
    if tells_all()? {
        return Ok(true);
    }
    // Somebody changed the table meanwhile.
    database.rollback()?;
    database.look_at_foreign_keys(true)?;
    Ok(false)
}

/// What the last transaction of a load needs besides its rows.
struct Last {
    settings: BatchSettings,
    /// How the load's record numbers map to those of the inputs.
    origins: Origins,
    /// What the counts account for.
    content: ContentHash,
    root_page: Option<u32>,
    /// Indexes that went in as finished pages.
    publication: Option<Publication>,
}

impl Last {
    fn commit(&self, database: &Database) -> Result<(), Error> {
        match &self.publication {
            Some(publication) => publish::commit(database, publication).map(|_| ()),
            None => database.commit(),
        }
    }

    /// Ends the transaction of a settlement. The merged file is complete before the commit that relies on it, and takes its place
    /// afterwards.
    fn commit_settled(&self, database: &Database, mut items: OpenItems<'_>) -> Result<Counts, Error> {
        let progress = SavedProgress {
            root_page: self.root_page,
            ..items.end_batch(self.content)?
        };
        if let Some(table) = &self.settings.checkpoint {
            checkpoint::write(database.connection(), database.path(), table, &progress)?;
        }
        faults::point("settle: before the commit");
        self.commit(database)?;
        faults::point("settle: committed");
        let counts = items.close()?;
        faults::point("settle: merge in place");
        Ok(counts)
    }
}
