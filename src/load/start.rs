//! Where a load starts: afresh, where an unfinished one stopped, or afresh after that one is taken back.

use std::path::Path;

use super::{Load, Sources};
use crate::checkpoint::{Checkpoint, Identity, Progress};
use crate::error::Error;
use crate::memory;
use crate::options::LoadOptions;
use crate::plan::{self, TablePlan};
use crate::report::LoadReport;
use crate::schema::RowIds;
use crate::write::checkpoint;
use crate::write::database::{Database, TableInfo};

/// Where a load starts from: the plan, and how far an earlier run of it got.
pub(super) struct Start {
    pub(super) plan: TablePlan,
    /// What can be resumed keeps a checkpoint: files can be read again, streams cannot.
    pub(super) identity: Option<Identity>,
    pub(super) progress: Option<Progress>,
    /// Why the table cannot take the direct path, if that is known already.
    pub(super) obstacle: Option<String>,
}

impl Start {
    /// Whether the earlier run had settled everything and only its cleaning up is left.
    pub(super) fn is_settled(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.settled)
    }
}

/// `--table`, or the stem of the first input's name.
///
/// # Errors
/// `Usage` for a name that no table of a user can have.
fn table_name(options: &LoadOptions, first: &Path) -> Result<String, Error> {
    let stem = || match first.file_stem() {
        Some(stem) if first.as_os_str() != "-" && !first.starts_with("/dev") => stem.to_string_lossy().into_owned(),
        _ => "stdin".to_owned(),
    };
    let name = options.table.clone().unwrap_or_else(stem);
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.contains('\0') || lower.starts_with("sqlite_") || lower == checkpoint::TABLE {
        let message = format!("a table cannot be named \"{name}\"; name another one with --table");
        return Err(Error::usage(message));
    }
    Ok(name)
}

/// What the database holds before the load.
#[derive(Default)]
struct Seen {
    info: Option<TableInfo>,
    checkpoint: Option<Checkpoint>,
}

impl Load<'_> {
    /// Plans a new load, or takes up an unfinished one.
    pub(super) fn start(&self, sources: &mut Sources<'_>, report: &mut LoadReport) -> Result<Start, Error> {
        let table = table_name(self.options, &sources.paths[0])?;
        let mut seen = self.look_at_database(&table)?;
        let resumable = sources.total_bytes().is_some();
        if let Some(found) = seen.checkpoint.take() {
            if !self.options.restart {
                if !resumable {
                    let message = "an unfinished load is in the database, and a stream cannot be read again";
                    return Err(Error::usage(format!(
                        "{message}; finish it from its files, or start afresh with --restart"
                    )));
                }
                found.identity.check(sources.paths, self.options)?;
                let records = found.progress.counts.records;
                self.observer
                    .notice(&format!("resuming an unfinished load after record {records}"));
                let plan = found.identity.plan.clone();
                let obstacle = Some("resumed: the table has rows".to_owned());
                return Ok(Start {
                    plan,
                    identity: Some(found.identity),
                    progress: Some(found.progress),
                    obstacle,
                });
            }
            self.undo(&found)?;
            seen = self.look_at_database(&table)?;
        }
        let facts = self.infer(sources, seen.info.as_ref(), report)?;
        let plan = match &seen.info {
            Some(info) => {
                plan::plan_existing_table(info, &sources.heads, sources.fields.clone(), &facts, self.options)?
            }
            None => plan::plan_new_table(table, &sources.heads, sources.fields.clone(), &facts, self.options)?,
        };
        let identity = if resumable {
            Some(Identity::new(sources.paths, self.options, &plan)?)
        } else {
            None
        };
        Ok(Start {
            plan,
            identity,
            progress: None,
            obstacle: None,
        })
    }

    /// What the database holds already.
    fn look_at_database(&self, table: &str) -> Result<Seen, Error> {
        let there = std::fs::metadata(self.database_path).is_ok_and(|metadata| metadata.len() > 0);
        if !there {
            return Ok(Seen::default());
        }
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let info = database.describe_table(table)?;
        if info.as_ref().is_some_and(|info| info.has_triggers) {
            self.observer.notice(&format!(
                "table \"{table}\" has triggers; they run for every row loaded"
            ));
        }
        Ok(Seen {
            info,
            checkpoint: checkpoint::read(&database)?,
        })
    }

    /// Takes an unfinished load's rows out again.
    fn undo(&self, found: &Checkpoint) -> Result<(), Error> {
        let database = Database::open(self.database_path, memory::DATABASE_BYTES)?;
        let plan = &found.identity.plan;
        database.begin()?;
        match plan.row_ids {
            _ if plan.create => database.drop_table(&plan.table)?,
            RowIds::Ordinal { base } => database.delete_rows_above(&plan.table, base)?,
            RowIds::Key | RowIds::None => {
                return Err(Error::usage(format!(
                    "--restart cannot take the unfinished load's rows out of table \"{}\", which had rows before: \
                     run the same command without --restart to finish it",
                    plan.table
                )));
            }
        }
        checkpoint::remove(&database)?;
        database.commit()?;
        self.observer
            .notice("an unfinished load was taken back; starting afresh");
        database.close()
    }
}
