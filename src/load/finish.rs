//! After the last row: indexes and settlement.

use super::earlier::EarlierRecords;
use super::rows::RowsEnd;
use super::start::Start;
use super::{Planned, Rows, Run, Sources};
use crate::batch::{BatchParts, BatchSettings};
use crate::checkpoint::{Counts, SavedProgress};
use crate::content_hash::ContentHash;
use crate::dedup::Dedup;
use crate::error::Error;
use crate::faults;
use crate::ledger::{Accounts, SideFiles};
use crate::memory;
use crate::observer::Phase;
use crate::option_name::{INDEX, KEY};
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::Origins;
use crate::reject::{Committed, DeadLetters, DuplicateMerge};
use crate::report::LoadReport;
use crate::schema::identifier;
use crate::settle::{EarlierKeys, Settlement, Suspects, Waiting};
use crate::sqlite::TargetTable;
use crate::sqlite::database::Database;
use crate::sqlite::destination::Sink;
use crate::sqlite::direct::DatabaseState;
use crate::sqlite::direct::index::{IndexWish, TableIndexes};
use crate::sqlite::direct::page_file::PageFile;
use crate::sqlite::direct::publish::{self, Publication};
use crate::sqlite::insert::SqlWriter;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::row_origins::{self, RowOrigins};

/// What the rows left to finish.
struct Rest<'a, 'd> {
    database: &'d Database,
    /// Where the rows came from.
    rows: RowOrigins<'d>,
    target: TargetTable<'d>,
    plan: &'a TablePlan,
    dedup: Dedup,
    side_files: SideFiles,
    indexes: TableIndexes<'d>,
    counts: Counts,
    last: Last,
    /// The rows went in as finished pages, so none was refused.
    all_written: bool,
    /// The database after the last page of the direct path, if indexes are to be published as pages, too.
    state: Option<DatabaseState>,
}

/// An open transaction, and the file that finished pages go into.
struct IndexPages {
    database: Database,
    file: PageFile,
}

impl<'d> Rest<'_, 'd> {
    /// The rows are in and need no writer any more: closes the way that they took into the table.
    fn of<'a>(
        planned: &Planned<'a>,
        Rows { writer, dedup }: Rows<'d>,
        report: &mut LoadReport,
    ) -> Result<Rest<'a, 'd>, Error> {
        let BatchParts {
            destination,
            accounts,
            indexes,
            settings,
        } = writer.into_parts();
        let Accounts {
            side_files,
            counts,
            origins,
            content,
        } = accounts;
        let last = Last {
            settings,
            origins,
            content,
            root_page: destination.root_page(),
            publication: None,
        };
        let all_written = matches!(destination.sink, Sink::Direct(_));
        if !all_written && report.write_path == "direct" {
            report.write_path = "sql";
            report.write_path_reason = "another program wrote to the database during the load".to_owned();
        }
        let mut state = None;
        if let Sink::Direct(mut writer) = destination.sink {
            if !indexes.is_empty() {
                state = writer.state()?;
            }
            writer.close()?;
        }
        Ok(Rest {
            database: destination.database,
            rows: destination.origins,
            target: destination.target,
            plan: &planned.start.plan,
            dedup,
            side_files,
            indexes,
            counts,
            last,
            all_written,
            state,
        })
    }
}

impl Run<'_> {
    /// Everything after the last row: key index, settlement, further indexes. A load that was stopped and can be resumed leaves all
    /// that to the run that finishes it.
    pub(super) fn finish(
        &self,
        planned: &Planned<'_>,
        (rows, end): (Rows<'_>, RowsEnd),
        sources: &mut Sources<'_>,
        report: &mut LoadReport,
    ) -> Result<(Counts, RowsEnd), Error> {
        let start = planned.start;
        let mut rest = Rest::of(planned, rows, report)?;
        let database = rest.database;
        if end != RowsEnd::Complete && rest.last.settings.checkpoint.is_some() {
            self.tell_notes(&mut rest.side_files.letters);
            // Best effort: without that note the load counts as one that was killed.
            let _ = self.note_end(database, &start.plan.table, rest.side_files.letters.state().bytes);
            return Ok((rest.counts, end));
        }
        if rest.side_files.spool.count() > 0 {
            self.observer.phase(Phase::Settle, None);
        }
        let before = rest.counts.clone();
        let pages = rest.state.map(|state| self.open_pages(state)).transpose()?.flatten();
        let stopped = || start.identity.is_some() && self.observer.cancelled().is_some();
        let settled = match pages {
            Some(pages) => self.finish_directly(pages, rest, &stopped, report)?,
            None => {
                let earlier = start.base().map(|base| EarlierRecords {
                    load: self,
                    planned,
                    sources,
                    base,
                    existing: start.greatest_key_before(),
                });
                let earlier = earlier.map(|earlier| Box::new(earlier) as Box<dyn EarlierKeys>);
                self.finish_by_sql(start, rest, (earlier, &stopped), report)?
            }
        };
        let Some((counts, mut letters)) = settled else {
            return Ok((before, RowsEnd::Interrupted));
        };
        self.tell_notes(&mut letters);
        if let Some(filter) = &mut report.filter {
            filter.false_alarms = counts.loaded - before.loaded;
        }
        self.leave(database, start, (&counts, end, letters.state()), report)?;
        Ok((counts, end))
    }

    /// Leaves in the database what the next load of it needs, of one that is done for the most part nothing.
    fn leave(
        &self,
        database: &Database,
        start: &Start,
        (counts, end, errors): (&Counts, RowsEnd, Committed),
        report: &mut LoadReport,
    ) -> Result<(), Error> {
        let table = &start.plan.table;
        // A load over its limit keeps the checkpoint: the same command with another limit must not load everything once more.
        let keeps = self.options.repeat.keep_checkpoint || end == RowsEnd::Complete && self.is_over_limit(counts);
        if self.options.repeat.append_only {
            return self.leave_behind(database, start, (counts, errors), report);
        }
        if keeps {
            let _ = self.note_end(database, table, errors.bytes);
            return Ok(());
        }
        row_origins::forget(database, table)?;
        faults::point("finish: before the checkpoint goes");
        // Without the checkpoint the same command is another load: nothing that can fail may follow.
        database.give_up_journal()?;
        if self.options.repeat.once {
            self.remember(database, table, report)?;
        } else {
            checkpoint::remove(database, table)?;
        }
        faults::point("finish: the checkpoint is gone");
        Ok(())
    }

    /// SQLite builds the key's index, judges the suspects by it and builds the other indexes. `None` when that was stopped.
    fn finish_by_sql(
        &self,
        start: &Start,
        rest: Rest<'_, '_>,
        judge: Judge<'_>,
        report: &mut LoadReport,
    ) -> Result<Option<(Counts, DeadLetters)>, Error> {
        let (database, plan) = (rest.database, rest.plan);
        if plan.build_key_index && plan.dedup == DedupPlan::Filter && !start.is_settled() {
            report.time_stage("key index", || self.build_key_index(database, plan))?;
        }
        let settled = if rest.side_files.spool.count() > 0 {
            report.time_stage("settle", || settle_by_sql(rest, judge))?
        } else {
            Some((rest.counts, rest.side_files.letters))
        };
        if settled.is_some() {
            report.time_stage("further indexes", || self.build_indexes(database, plan))?;
        }
        Ok(settled)
    }

    /// Begins the transaction in which indexes go in as finished pages; `None` when others have written since the rows went in.
    fn open_pages(&self, state: DatabaseState) -> Result<Option<IndexPages>, Error> {
        let path = self.database_path;
        let file = PageFile::open(path, state.page_bytes)?;
        let database = Database::open(path, memory::DATABASE_BYTES)?;
        database.prepare_for_load()?;
        database.begin()?;
        if state.is_unchanged(&database)? {
            return Ok(Some(IndexPages { database, file }));
        }
        database.rollback()?;
        database.close()?;
        Ok(None)
    }

    /// The sorted keys judge the suspects, and every index is built as finished pages: one transaction for all of it. `None` when that
    /// was stopped.
    fn finish_directly(
        &self,
        IndexPages { database, mut file }: IndexPages,
        rest: Rest<'_, '_>,
        stopped: &dyn Fn() -> bool,
        report: &mut LoadReport,
    ) -> Result<Option<(Counts, DeadLetters)>, Error> {
        let Rest {
            plan,
            dedup,
            side_files: SideFiles { mut letters, mut spool },
            mut indexes,
            mut counts,
            mut last,
            rows,
            target,
            ..
        } = rest;
        // Filter, windows and rows are gone: what they had is free.
        let split = report.memory;
        let memory_bytes = split.filter_bytes + split.windows_bytes + split.blocks_bytes;
        report.time_stage("key index", || indexes.build_by_sql(&database, &plan.table, true))?;
        let merge = if spool.count() > 0 {
            let merge = report.time_stage("settle", || {
                let duplicates = indexes.duplicates(memory_bytes)?;
                let mut writer = SqlWriter::new(&database, target)?;
                // Only a new load comes this way.
                let settlement = Settlement {
                    dedup: &dedup,
                    settings: &last.settings,
                    origins: &last.origins,
                    all_written: true,
                    earlier: None,
                    rows,
                    stopped,
                };
                let suspects = Suspects {
                    letters: &mut letters,
                    spool: &mut spool,
                    duplicates: duplicates.as_ref(),
                    indexes: Some(&mut indexes),
                };
                settlement.settle(&mut writer, suspects, &mut counts)
            })?;
            let Some(merge) = merge else {
                database.rollback()?;
                database.close()?;
                return Ok(None);
            };
            Some(merge)
        } else {
            None
        };
        self.observer.phase(Phase::Index, None);
        last.publication = report.time_stage("indexes", || {
            indexes.build_by_sql(&database, &plan.table, false)?;
            indexes.build(&database, &plan.table, &mut file, memory_bytes)
        })?;
        faults::point("index: pages written");
        merge.map_or_else(
            || last.commit(&database),
            |merge| commit_settled(&database, merge, &last, &mut counts),
        )?;
        spool.remove()?;
        faults::point("index: committed");
        database.close()?;
        Ok(Some((counts, letters)))
    }

    /// The indexes that a table which is filled directly gets.
    pub(super) fn index_wishes(&self, plan: &TablePlan) -> Result<Vec<IndexWish>, Error> {
        let mut wishes = Vec::new();
        if plan.build_key_index && plan.dedup == DedupPlan::Filter {
            wishes.push(IndexWish {
                columns: plan.key_columns.clone(),
                unique: true,
            });
        }
        for index in &self.options.target.indexes {
            let columns = index_columns(plan, index)?;
            if !wishes.iter().any(|wish| wish.columns == columns) {
                wishes.push(IndexWish { columns, unique: false });
            }
        }
        Ok(wishes)
    }

    /// The indexes that `--index` asks for.
    fn build_indexes(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        for index in &self.options.target.indexes {
            self.build_index(database, plan, &index_columns(plan, index)?, false)?;
        }
        Ok(())
    }

    /// The unique index that a key needs which the table does not have.
    ///
    /// # Errors
    /// `Schema` with an example when rows of the table repeat the key.
    pub(super) fn build_key_index(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        let built = self.build_index(database, plan, &plan.key_columns, true);
        let Err(error) = built else { return built };
        let names = column_names(plan, &plan.key_columns);
        let Ok(Some(example)) = database.repeated_key(&plan.table, &names) else {
            return Err(error);
        };
        Err(Error::schema(format!(
            "table \"{}\" has rows that repeat the key {}, for example {example}; nothing was loaded: make them unique, or name \
             another {KEY}",
            plan.table,
            names.join(",")
        )))
    }

    /// Builds an index, unless an earlier run of the same load did.
    fn build_index(&self, database: &Database, plan: &TablePlan, columns: &[usize], unique: bool) -> Result<(), Error> {
        let names = column_names(plan, columns);
        if database.has_index(&plan.table, &names, unique)? {
            return Ok(());
        }
        let name = identifier::index_name(&plan.table, &names, &database.index_names()?);
        self.observer.phase(Phase::Index, None);
        faults::point("index: before SQLite builds it");
        database.create_index(&name, &plan.table, &names, unique)?;
        faults::point("index: built by SQLite");
        Ok(())
    }
}

fn column_names(plan: &TablePlan, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|&index| plan.columns[index].name.clone()).collect()
}

/// What the last transaction of a load needs besides its rows.
struct Last {
    settings: BatchSettings,
    /// How record numbers map to those of the inputs.
    origins: Origins,
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
}

/// What the suspects are judged by besides the table: the records of the loads that this one goes on behind, and whether to stop.
type Judge<'a> = (Option<Box<dyn EarlierKeys + 'a>>, &'a dyn Fn() -> bool);

/// Has SQLite judge the suspects, in one transaction, so that an interrupted settlement leaves no trace and starts again from the spool.
/// `None` when it was stopped.
fn settle_by_sql(rest: Rest<'_, '_>, (earlier, stopped): Judge<'_>) -> Result<Option<(Counts, DeadLetters)>, Error> {
    let Rest {
        database,
        plan,
        dedup,
        side_files: SideFiles { mut letters, mut spool },
        mut counts,
        last,
        all_written,
        rows,
        target,
        ..
    } = rest;
    let is_guarded = plan.dedup != DedupPlan::Database || !begin_unguarded(database, &plan.table)?;
    if is_guarded {
        database.begin()?;
    }
    let mut writer = SqlWriter::new(database, target)?;
    let merge = if plan.dedup == DedupPlan::Database {
        let waiting = Waiting {
            writer: &mut writer,
            target,
            is_guarded,
            settings: &last.settings,
            origins: &last.origins,
            rows,
            spool: &mut spool,
            stopped,
        };
        waiting.settle(&mut letters, &mut counts)?
    } else {
        let settlement = Settlement {
            dedup: &dedup,
            settings: &last.settings,
            origins: &last.origins,
            all_written,
            earlier,
            rows,
            stopped,
        };
        let suspects = Suspects {
            letters: &mut letters,
            spool: &mut spool,
            duplicates: None,
            indexes: None,
        };
        settlement.settle(&mut writer, suspects, &mut counts)?
    };
    let committed = merge.map(|merge| commit_settled(database, merge, &last, &mut counts));
    if committed.transpose()?.is_none() {
        database.rollback()?;
        return Ok(None);
    }
    database.look_at_foreign_keys(true)?;
    spool.remove()?;
    Ok(Some((counts, letters)))
}

/// Begins a transaction in which SQLite does not look at foreign keys, where each row can be asked about its own; whether it is begun. SQLite
/// goes through the whole table for each row that others may refer to, while one is open and the column that refers has no index.
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

/// Ends the transaction of a settlement. The merged file is complete before the commit that relies on it, and takes its place after.
fn commit_settled(
    database: &Database,
    mut merge: DuplicateMerge<'_>,
    last: &Last,
    counts: &mut Counts,
) -> Result<(), Error> {
    counts.batches += 1;
    faults::point("settle: before the merge is complete");
    let before = merge.before();
    let merged = merge.prepare()?;
    faults::point("settle: merge complete");
    if let Some(table) = &last.settings.checkpoint {
        let progress = SavedProgress {
            counts: counts.clone(),
            content: last.content,
            root_page: last.root_page,
            errors_bytes: before.bytes,
            errors_hash: before.hash,
            errors_mark: before.mark,
            settled: true,
            merged,
            ..SavedProgress::default()
        };
        checkpoint::write(database.connection(), database.path(), table, &progress)?;
    }
    faults::point("settle: before the commit");
    last.commit(database)?;
    faults::point("settle: committed");
    merge.finish()?;
    faults::point("settle: merge in place");
    Ok(())
}

/// The columns that one `--index` names.
pub(super) fn index_columns(plan: &TablePlan, index: &[String]) -> Result<Vec<usize>, Error> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    plan::key_columns(&names, index, INDEX)
}
