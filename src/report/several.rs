//! The report of several loads, each into its own table: what they have done together, and the report of each.

use super::sheet::Sheet;
use super::units::{agreeing, grouped, rows};
use super::{EarlierReport, LoadReport, Outcome, StageTime};
use crate::escape::escaped;
use crate::option_name::{FORGET, MAX_ERRORS, RESTART, SAME_LOAD};

/// Most loads that a summary lists.
const MAX_LISTED_LOADS: usize = 200;

/// What `loads` have done together; `nothing`: the report of all their inputs before anything was done. The last of them is the only one
/// that may not be complete.
pub(crate) fn of_several(nothing: LoadReport, loads: Vec<LoadReport>) -> LoadReport {
    let mut sum = nothing;
    let inputs_left = sum.inputs.split_off(loads.len().min(sum.inputs.len()));
    sum.inputs = loads.iter().flat_map(|load| load.inputs.iter().cloned()).collect();
    sum.inputs.extend(inputs_left);
    let Some(last) = loads.last() else { return sum };
    sum.identity_holds = loads.iter().all(|load| load.identity_holds);
    sum.created_table = loads.iter().any(|load| load.created_table);
    sum.sqlite_version.clone_from(&last.sqlite_version);
    sum.threads = last.threads;
    sum.memory = last.memory;
    let is_alike = loads.iter().all(|load| load.write_path == last.write_path);
    sum.write_path = if is_alike { last.write_path } else { "mixed" };
    for load in &loads {
        add(load, &mut sum);
    }
    match last.outcome {
        Outcome::Complete => sum.complete(),
        _ => {
            sum.outcome = last.outcome;
            sum.exit_code = last.exit_code;
            sum.signal = last.signal;
            // Those that are done are kept for the run that goes on.
            sum.resumable = last.resumable || loads.len() > 1;
        }
    }
    sum.loads = loads;
    sum
}

/// Adds the counts of one load to those of all.
fn add(load: &LoadReport, sum: &mut LoadReport) {
    sum.records += load.records;
    sum.loaded += load.loaded;
    sum.updated += load.updated;
    sum.skipped_duplicates += load.skipped_duplicates;
    sum.rejected += load.rejected;
    sum.duplicates += load.duplicates;
    sum.pending += load.pending;
    sum.faults += load.faults;
    sum.recoded += load.recoded;
    sum.bytes += load.bytes;
    sum.batches += load.batches;
    sum.skipped.extend(load.skipped.iter().cloned());
    for (code, count) in &load.by_code {
        sum.add_code(*code, *count);
    }
    if let Some(earlier) = load.earlier {
        let all = sum.earlier.get_or_insert_with(EarlierReport::default);
        all.records += earlier.records;
        all.loaded += earlier.loaded;
        all.rejected += earlier.rejected;
    }
    for StageTime { stage, busy_ms } in &load.stages {
        match sum.stages.iter_mut().find(|known| known.stage == *stage) {
            Some(known) => known.busy_ms += busy_ms,
            None => sum.stages.push(StageTime {
                stage,
                busy_ms: *busy_ms,
            }),
        }
    }
}

/// `loaded 12 rows into 3 tables of x.db`.
pub(super) fn headline(report: &LoadReport) -> String {
    let database = escaped(report.database.as_os_str().as_encoded_bytes());
    let tables = report.loads.len() as u64;
    let into = format!("{} {}", grouped(tables), agreeing(tables, "table", "tables"));
    match report.earlier {
        None => format!("loaded {} into {into} of {database}", rows(report.loaded)),
        Some(earlier) => {
            let more = report.loaded.saturating_sub(earlier.loaded);
            format!(
                "loaded {} more {} into {into} of {database}; with those of earlier loads:",
                grouped(more),
                agreeing(more, "row", "rows")
            )
        }
    }
}

/// A line for each load.
pub(super) fn write_loads(report: &LoadReport, sheet: &mut Sheet) {
    for (index, load) in report.loads.iter().take(MAX_LISTED_LOADS).enumerate() {
        sheet.entry(if index == 0 { "tables" } else { "" }, &line_of(load));
    }
    match report.loads.len() {
        0..=MAX_LISTED_LOADS => {}
        count => sheet.entry("", &format!("and {} more", grouped((count - MAX_LISTED_LOADS) as u64))),
    }
}

/// What one of several loads has done.
fn line_of(load: &LoadReport) -> String {
    let mut line = format!("{}: {}", escaped(&load.table), rows(load.loaded));
    for (count, what) in [
        (load.updated, "updated"),
        (load.rejected, "rejected"),
        (load.duplicates, agreeing(load.duplicates, "duplicate", "duplicates")),
    ] {
        if count > 0 {
            line += &format!(", {} {what}", grouped(count));
        }
    }
    let inputs = load.inputs.iter().map(|input| &input.path);
    let skipped = load.skipped.iter().map(|input| &input.path);
    if let Some(path) = inputs.chain(skipped).next() {
        line += &format!(", from {}", escaped(path.as_os_str().as_encoded_bytes()));
    }
    if !load.skipped.is_empty() {
        line += ", which was loaded before";
    }
    if load.dead_letters() > 0 {
        let errors_file = escaped(load.errors_file.as_os_str().as_encoded_bytes());
        line += &format!("; see {errors_file}");
    }
    if load.outcome != Outcome::Complete && !load.all_read {
        line += "; the rest of it was not loaded";
    }
    line
}

/// What can be done with loads of which the last was stopped.
pub(super) fn write_ways_on(report: &LoadReport, sheet: &mut Sheet) {
    if matches!(report.outcome, Outcome::Complete | Outcome::Failed) {
        return;
    }
    let higher = match report.outcome {
        Outcome::ErrorLimit => format!(", with a higher {MAX_ERRORS}"),
        _ => String::new(),
    };
    sheet.entry(
        "to go on",
        &format!("run the {SAME_LOAD} again{higher}: nothing is loaded twice"),
    );
    sheet.entry(
        "or afresh",
        &format!("add {RESTART}: tables that these loads have made are made anew, rows in others stay"),
    );
    sheet.entry("to give up", &format!("add {FORGET}: all rows stay"));
}
