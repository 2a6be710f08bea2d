//! After the last row: indexes, settlement, and the count of everything.

use super::Load;
use super::rows::RowsEnd;
use super::start::Start;
use crate::checkpoint::Counts;
use crate::dedup::Dedup;
use crate::error::Error;
use crate::observer::Phase;
use crate::plan::{self, DedupPlan, TablePlan};
use crate::reject::RejectCode;
use crate::report::LoadReport;
use crate::schema::identifier;
use crate::settle::Settlement;
use crate::write::batch::{BatchWriter, Sink};
use crate::write::checkpoint;
use crate::write::database::Database;

impl Load<'_> {
    /// Everything after the last row: key index, settlement, further indexes. A load that was stopped and can be resumed leaves all
    /// that to the run that finishes it.
    pub(super) fn finish(
        &self,
        database: &Database,
        start: &Start,
        dedup: &Dedup,
        writer: BatchWriter<'_>,
        end: RowsEnd,
        report: &mut LoadReport,
    ) -> Result<Counts, Error> {
        let plan = &start.plan;
        let (sink, letters, spool, mut counts, settings) = writer.into_parts();
        if let Sink::Direct(writer) = sink {
            writer.close()?;
        }
        if end != RowsEnd::Complete && settings.checkpoint {
            return Ok(counts);
        }
        if plan.build_key_index && plan.dedup == DedupPlan::Filter && !start.is_settled() {
            report.time_stage("key index", || self.build_key_index(database, plan))?;
        }
        if spool.count() > 0 {
            self.observer.phase(Phase::Settle, None);
        }
        let new_suspects = report.time_stage("settle", || {
            let mut writer = self.sql_writer(database, plan)?;
            Settlement {
                dedup,
                settings: &settings,
            }
            .settle(&mut writer, letters, spool, &mut counts)
        })?;
        if let Some(filter) = &mut report.filter {
            filter.false_alarms = new_suspects;
        }
        report.time_stage("further indexes", || self.build_indexes(database, plan))?;
        if !self.options.keep_checkpoint {
            checkpoint::remove(database)?;
        }
        Ok(counts)
    }

    /// The indexes that `--index` asks for.
    fn build_indexes(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        for index in &self.options.indexes {
            self.build_index(database, plan, &index_columns(plan, index)?, false)?;
        }
        Ok(())
    }

    pub(super) fn build_key_index(&self, database: &Database, plan: &TablePlan) -> Result<(), Error> {
        let columns: Vec<String> = plan
            .key_columns
            .iter()
            .map(|&index| plan.columns[index].name.clone())
            .collect();
        self.build_index(database, plan, &columns, true)
    }

    /// Builds an index, unless an earlier run of the same load did.
    fn build_index(
        &self,
        database: &Database,
        plan: &TablePlan,
        columns: &[String],
        unique: bool,
    ) -> Result<(), Error> {
        if database.has_index(&plan.table, columns, unique)? {
            return Ok(());
        }
        let name = identifier::index_name(&plan.table, columns, &database.index_names()?);
        self.observer.phase(Phase::Index, None);
        database.create_index(&name, &plan.table, columns, unique)
    }

    /// Fills in what was counted and checks that it adds up.
    pub(super) fn account(&self, end: RowsEnd, counts: &Counts, report: &mut LoadReport) {
        let duplicates = counts.rejected[RejectCode::DuplicateKey.index()];
        report.loaded = counts.loaded;
        report.duplicates = duplicates;
        report.rejected = counts.all_rejects() - duplicates;
        for code in RejectCode::ALL {
            report.add_code(code, counts.rejected[code.index()]);
        }
        report.batches = counts.batches;
        // The order thread counts what was parsed, the writer what became of it. At an error limit the former is ahead.
        let parsed: u64 = report.inputs.iter().map(|input| input.records).sum();
        report.records = if end == RowsEnd::ErrorLimit {
            counts.records
        } else {
            parsed
        };
        report.pending = counts.suspects;
        report.identity_holds = report.records == report.loaded + report.rejected + report.duplicates + report.pending;
        let limit = self.options.max_errors;
        match end {
            RowsEnd::ErrorLimit => report.stop_at_error_limit(),
            RowsEnd::Interrupted => report.interrupt(self.observer.stop_signal().unwrap_or(libc::SIGINT)),
            RowsEnd::Complete if limit.is_some_and(|limit| limit.is_passed(counts.all_rejects(), report.records)) => {
                report.stop_at_error_limit();
            }
            RowsEnd::Complete => report.complete(),
        }
    }
}

/// The columns that one `--index` names.
pub(super) fn index_columns(plan: &TablePlan, index: &str) -> Result<Vec<String>, Error> {
    let names: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    let wanted: Vec<String> = index.split(',').map(str::to_owned).collect();
    let columns = plan::key_columns(&names, &wanted, "--index")?;
    Ok(columns.into_iter().map(|index| names[index].clone()).collect())
}
