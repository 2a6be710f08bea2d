//! What a load says of itself: the table, and the counts, which must add up.

use super::Run;
use super::rows::RowsEnd;
use crate::cancel::Cancelled;
use crate::checkpoint::{Counts, Loaded};
use crate::plan::TablePlan;
use crate::reject::RejectCode;
use crate::report::{ColumnReport, EarlierReport, LoadReport, MemorySplit};
use crate::schema::Column;

impl Run<'_> {
    /// Says what is about to be done.
    pub(super) fn report_plan(&self, plan: &TablePlan, split: &MemorySplit, report: &mut LoadReport) {
        for notice in &plan.notices {
            self.observer.notice(notice);
        }
        report_table(plan, report);
        report.memory = *split;
        self.observer.detail(&format!("memory {split}"));
    }

    /// Whether more was rejected, when all was read, than the load may have.
    pub(super) fn is_over_limit(&self, counts: &Counts) -> bool {
        let limit = self.options.limits.max_errors;
        limit.is_some_and(|limit| limit.is_passed(counts.all_rejects(), counts.records))
    }

    /// Fills in what was counted and checks that it adds up. `committed_before`: records that an earlier run of the load has committed.
    pub(super) fn account(&self, end: RowsEnd, counts: &Counts, committed_before: u64, report: &mut LoadReport) {
        // The order thread counts what was parsed, the writer what became of it. At an error limit the former is ahead; the latter is
        // where a resumed load is interrupted among those.
        let parsed: u64 = report.inputs.iter().map(|input| input.records).sum();
        report.records = match end {
            RowsEnd::ErrorLimit => counts.records,
            RowsEnd::Interrupted => parsed.max(committed_before),
            RowsEnd::Complete => parsed,
        };
        count(counts, report);
        match end {
            RowsEnd::ErrorLimit => report.stop_at_error_limit(),
            RowsEnd::Interrupted => report.interrupt(self.observer.cancelled().unwrap_or(Cancelled::ByProgram)),
            RowsEnd::Complete if self.is_over_limit(counts) => report.end_over_error_limit(),
            RowsEnd::Complete => report.complete(),
        }
    }
}

/// Says which table is loaded.
pub(super) fn report_table(plan: &TablePlan, report: &mut LoadReport) {
    let column = |column: &Column| ColumnReport {
        name: column.name.clone(),
        column_type: column.column_type.as_str(),
    };
    report.table.clone_from(&plan.table);
    report.columns = plan.columns.iter().map(column).collect();
    report.key = plan
        .key_columns
        .iter()
        .map(|&index| plan.columns[index].name.clone())
        .collect();
}

/// Fills in what the writer counted.
pub(super) fn count(counts: &Counts, report: &mut LoadReport) {
    report.loaded = counts.loaded;
    report.duplicates = counts.duplicates();
    report.rejected = counts.all_rejects() - report.duplicates;
    for code in RejectCode::ALL {
        report.add_code(code, counts.rejected[code.index()]);
    }
    report.batches = counts.batches;
    report.pending = counts.suspects;
    report.identity_holds = counts.add_up_to(report.records);
}

/// What was done before this load.
pub(super) fn earlier(loaded: &Loaded) -> EarlierReport {
    EarlierReport {
        records: loaded.counts.records,
        loaded: loaded.counts.loaded,
        rejected: loaded.counts.all_rejects(),
    }
}
