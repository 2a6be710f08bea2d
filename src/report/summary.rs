//! The report for people.

use std::fmt;

use super::paint::Paint;
use super::sheet::Sheet;
use super::units::{agreeing, bytes, duration, grouped, rows, size};
use super::{
    FoundDialect, Glance, InputReport, LoadReport, MemorySplit, Outcome, profile_shown, rejects_shown, rows_shown,
    several,
};
use crate::encoding::Encoding;
use crate::escape::{cut, escaped};
use crate::option_name::{FORGET, MAX_ERRORS, RESTART, SAME_LOAD};
use crate::options::JSON_LINES;
use crate::reject::RejectCode;

/// Signal numbers that have a name here; the same on every Unix.
const SIGNAL_NAMES: [(i32, &str); 3] = [(1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")];

/// Columns that a line names, of those that it could.
const NAMED_COLUMNS: usize = 8;
/// Least bytes whose rate is told.
const RATED_BYTES: u64 = 1_000_000;
/// Columns that are shown with their types, and characters of a name.
const SHOWN_COLUMNS: usize = 12;
const NAME_CHARS: usize = 30;

/// Who stopped a load.
pub(super) fn stopped_by(report: &LoadReport) -> &'static str {
    let Some(signal) = report.signal else {
        return "the program";
    };
    let known = SIGNAL_NAMES.iter().find(|(number, _)| *number == signal);
    known.map_or("a signal", |(_, name)| name)
}

/// A load in a few short lines; made by [`LoadReport::summary`]. Ends without a line end.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    report: &'a LoadReport,
    verbose: bool,
    /// Columns of the terminal, if it is for one.
    columns: Option<usize>,
    paint: Paint,
    glance: Option<&'a Glance>,
    next: Option<&'a str>,
    is_ascii: bool,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sheet = Sheet::new(&self.headline(), self.columns, self.paint);
        self.write(&mut sheet);
        f.write_str(&sheet.into_text())
    }
}

impl<'a> Summary<'a> {
    pub(super) fn new(report: &'a LoadReport, verbose: bool) -> Self {
        Summary {
            report,
            verbose,
            columns: None,
            paint: Paint::default(),
            glance: None,
            next: None,
            is_ascii: false,
        }
    }

    /// For a terminal of so many columns.
    #[doc(hidden)]
    pub fn in_columns(self, columns: Option<usize>) -> Self {
        Summary { columns, ..self }
    }

    /// With no characters of its own but those of ASCII.
    #[doc(hidden)]
    pub fn in_ascii(self, is_ascii: bool) -> Self {
        Summary { is_ascii, ..self }
    }

    #[doc(hidden)]
    pub fn painted(self, paint: Paint) -> Self {
        Summary { paint, ..self }
    }

    /// With a look at the table.
    #[doc(hidden)]
    pub fn with_glance(self, glance: &'a Glance) -> Self {
        Summary {
            glance: Some(glance),
            ..self
        }
    }

    /// With the command that comes next, as one would type it.
    #[doc(hidden)]
    pub fn with_next(self, next: Option<&'a str>) -> Self {
        Summary { next, ..self }
    }

    fn write(&self, sheet: &mut Sheet) {
        let report = self.report;
        if let Some(earlier) = report.earlier.filter(|_| report.loads.is_empty() && !report.is_check) {
            let earlier = grouped(earlier.loaded);
            sheet.entry(
                "earlier",
                &format!("{earlier} rows by loads before this one; the counts below are of all"),
            );
        }
        if report.is_check && !report.key.is_empty() {
            sheet.entry("key", &escaped(&report.key.join(", ")).to_string());
        }
        self.records(sheet);
        self.ending(sheet);
        several::write_loads(report, sheet);
        self.found(sheet);
        self.columns(sheet);
        self.widths(sheet);
        self.recoded(sheet);
        self.rejects(sheet);
        if let Some(glance) = self.glance {
            rows_shown::write(&report.columns, &glance.preview, sheet);
        }
        self.figures(sheet);
        match report.loads.is_empty() {
            true => self.ways_on(sheet),
            false => several::write_ways_on(report, sheet),
        }
        if self.verbose {
            self.details(sheet);
        }
        if let Some(next) = self.next {
            sheet.entry("next", &escaped(next).to_string());
        }
    }

    fn headline(&self) -> String {
        let report = self.report;
        let (table, database) = (
            escaped(&report.table),
            escaped(report.database.as_os_str().as_encoded_bytes()),
        );
        match report.earlier {
            _ if !report.loads.is_empty() => several::headline(report),
            _ if report.is_check => {
                let LoadReport { records, loaded, .. } = *report;
                let are = agreeing(records, "record", "records");
                format!("checked {} {are}: {} can be loaded", grouped(records), grouped(loaded))
            }
            None if report.loaded + report.updated == 0 => format!("loaded nothing into table {table} of {database}"),
            None => format!("loaded {} into table {table} of {database}", rows(report.loaded)),
            Some(earlier) => {
                let more = report.loaded.saturating_sub(earlier.loaded);
                let rows = agreeing(more, "row", "rows");
                format!("loaded {} more {rows} into table {table} of {database}", grouped(more))
            }
        }
    }

    /// What became of all records, as an equation.
    fn records(&self, sheet: &mut Sheet) {
        let report = self.report;
        let good = if report.is_check { "good" } else { "loaded" };
        let parts: Vec<String> = [
            (report.loaded, good),
            (report.updated, "updated"),
            (report.rejected, "rejected"),
            (
                report.duplicates,
                agreeing(report.duplicates, "duplicate", "duplicates"),
            ),
            (report.pending, "not settled yet"),
        ]
        .into_iter()
        .filter(|(count, what)| *count > 0 || *what == good)
        .map(|(count, what)| format!("{} {what}", grouped(count)))
        .collect();
        let sum = format!("{} = {}", grouped(report.records), parts.join(" + "));
        match report.identity_holds || report.outcome == Outcome::Failed {
            true => {
                let mark = if self.is_ascii { "(adds up)" } else { "✓" };
                sheet.entry_with_good("records", &sum, mark);
            }
            false => {
                sheet.alarm("records", &sum);
                sheet.alarm("WARNING", "the counts do not add up; please report this");
            }
        }
    }

    /// How the load ended, if not as it was to.
    fn ending(&self, sheet: &mut Sheet) {
        let report = self.report;
        let done = if report.is_check { "checked" } else { "loaded" };
        let rest = format!("the rest of the input was not {done}");
        match report.outcome {
            Outcome::Complete => {}
            Outcome::ErrorLimit if report.is_check && report.all_read => sheet.alarm("OVER LIMIT", &passed(report)),
            Outcome::ErrorLimit if report.all_read => {
                let then = if report.inputs.iter().all(|input| input.mapped) {
                    format!("the {SAME_LOAD} with a higher {MAX_ERRORS} accepts that, and loads nothing twice")
                } else {
                    "do not load it again".to_owned()
                };
                let passed = passed(report);
                sheet.alarm("OVER LIMIT", &format!("{passed}; the whole input is loaded: {then}"));
            }
            Outcome::ErrorLimit => {
                let words = format!("at the error limit{}: {}; {rest}", how_far(report), passed(report));
                sheet.alarm("STOPPED", &words);
            }
            Outcome::Interrupted => {
                sheet.alarm(
                    "STOPPED",
                    &format!("by {}{}; {rest}", stopped_by(report), how_far(report)),
                );
            }
            Outcome::Failed => {
                let error = report.error.as_deref().unwrap_or("no reason was given");
                sheet.alarm("FAILED", &escaped(error).to_string());
            }
        }
    }

    /// How the input is written, where that is not as usual.
    fn found(&self, sheet: &mut Sheet) {
        let is_objects = |input: &InputReport| input.format == JSON_LINES;
        let inputs = &self.report.inputs;
        let are_all_objects = !inputs.is_empty() && inputs.iter().all(is_objects);
        if are_all_objects {
            sheet.entry("format", "JSON Lines");
        } else if inputs.iter().any(is_objects) {
            sheet.entry("format", "JSON Lines, and CSV");
        }
        let mut found = inputs.iter().filter_map(|input| input.dialect);
        if let Some(first) = found.next().filter(|_| !are_all_objects) {
            let are_all_alike = found.all(|other| other == first);
            let others = "; in other files another one (see the report)";
            if first != FoundDialect::USUAL || !are_all_alike {
                let others = if are_all_alike { "" } else { others };
                sheet.entry("dialect", &format!("{first}{others}"));
            }
        }
        let names = inputs.iter().map(|input| input.encoding);
        let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        match names[..] {
            [] | [Encoding::NAME_OF_UTF_8] => {}
            _ => sheet.entry("encoding", &names.join(", ")),
        }
    }

    /// The columns of the table, and why some of them are TEXT.
    fn columns(&self, sheet: &mut Sheet) {
        match &self.report.profile {
            Some(profile) if profile.rows > 0 => profile_shown::write(self.report, self.is_ascii, sheet),
            _ if self.glance.is_some() => self.column_types(sheet),
            _ => {}
        }
        for (index, why) in self.glance.iter().flat_map(|glance| &glance.why_text).enumerate() {
            let label = if index == 0 { "why text" } else { "" };
            sheet.entry(label, &escaped(why).to_string());
        }
    }

    fn column_types(&self, sheet: &mut Sheet) {
        let columns = &self.report.columns;
        let named = columns.iter().take(SHOWN_COLUMNS).map(|column| {
            let key = if self.report.key.contains(&column.name) {
                " (key)"
            } else {
                ""
            };
            format!("{} {}{key}", cut(&column.name, NAME_CHARS), column.column_type)
        });
        let mut words = named.collect::<Vec<_>>().join(", ");
        if columns.len() > SHOWN_COLUMNS {
            words += &format!(" and {} more", columns.len() - SHOWN_COLUMNS);
        }
        if !columns.is_empty() {
            sheet.entry("columns", &words);
        }
    }

    /// Rows of records that do not have as many fields as the header.
    fn widths(&self, sheet: &mut Sheet) {
        let inputs = self.report.inputs.iter();
        let (cut, filled) = inputs.fold((0, 0), |(cut, filled), input| {
            (cut + input.cut_records, filled + input.filled_records)
        });
        for (label, count, than) in [("cut", cut, "more"), ("filled", filled, "fewer")] {
            if count > 0 {
                sheet.entry(
                    label,
                    &format!("{}, which had {than} fields than the header", rows(count)),
                );
            }
        }
    }

    /// Values that were written in another form than they are stored in.
    fn recoded(&self, sheet: &mut Sheet) {
        let report = self.report;
        if report.recoded == 0 {
            return;
        }
        let columns = || report.columns.iter().filter(|column| column.recoded > 0);
        let named = columns().take(NAMED_COLUMNS);
        let named: Vec<String> = named
            .map(|column| format!("{} {}", grouped(column.recoded), escaped(&column.name)))
            .collect();
        let values = agreeing(report.recoded, "value", "values");
        let mut words = format!("{} {values}: {}", grouped(report.recoded), named.join(", "));
        match columns().count() {
            0..=NAMED_COLUMNS => {}
            count => words += &format!(" and {} more columns", count - NAMED_COLUMNS),
        }
        sheet.entry("recoded", &words);
    }

    fn rejects(&self, sheet: &mut Sheet) {
        let report = self.report;
        if report.updated > 0 {
            let records = agreeing(report.updated, "record", "records");
            let words = format!("by {} {records}, whose keys other rows had", grouped(report.updated));
            sheet.entry("updated", &words);
        }
        if report.rejected + report.duplicates == 0 {
            return;
        }
        let codes = report
            .by_code
            .iter()
            .filter(|(code, _)| *code != RejectCode::DuplicateKey);
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{} {code}", grouped(*count)))
            .collect();
        match &codes[..] {
            [] => {}
            // The code has their number.
            [code] => sheet.entry("rejected", code),
            codes => sheet.entry(
                "rejected",
                &format!("{}: {}", grouped(report.rejected), codes.join(", ")),
            ),
        }
        if report.duplicates > 0 {
            let skipped = match report.skipped_duplicates {
                0 => String::new(),
                count => format!(
                    ", of which {} {} passed over",
                    grouped(count),
                    agreeing(count, "was", "were")
                ),
            };
            sheet.entry("duplicates", &format!("{}{skipped}", grouped(report.duplicates)));
        }
        if report.faults > report.dead_letters() {
            sheet.entry("faults", &grouped(report.faults).to_string());
        }
        if report.dead_letters() == 0 {
            return;
        }
        let each = agreeing(
            report.dead_letters(),
            "it stands, with its place and reason, in",
            "each with its place and reason in",
        );
        match report.loads.is_empty() {
            true => {
                let errors_file = escaped(report.errors_file.as_os_str().as_encoded_bytes());
                sheet.entry("", &format!("{each} {errors_file}"));
            }
            false => sheet.entry("", &format!("{each} the errors file of its table")),
        }
        rejects_shown::write(report, sheet);
    }

    /// How long it took, and how much memory.
    fn figures(&self, sheet: &mut Sheet) {
        let report = self.report;
        let seconds = report.elapsed_ms / 1e3;
        let read_bytes = read_bytes(report).map_or(report.bytes, |(read, _)| read);
        let mut words = format!("{} for {}", duration(seconds), bytes(read_bytes));
        let records = report.records - report.earlier.map_or(0, |earlier| earlier.records).min(report.records);
        // Of a small load they say nothing.
        if read_bytes >= RATED_BYTES && seconds > 0.0 {
            let per_second = grouped((records as f64 / seconds) as u64);
            words += &format!(
                ": {per_second} records/s, {:.1} MB/s",
                read_bytes as f64 / 1e6 / seconds
            );
        }
        sheet.entry("time", &words);
        // Where the system does not tell, as without /proc, nothing is said.
        if report.peak_rss_bytes > 0 {
            sheet.entry("memory", &format!("{} at its peak", size(report.peak_rss_bytes)));
        }
    }

    /// What can be done with a load that was stopped.
    fn ways_on(&self, sheet: &mut Sheet) {
        let report = self.report;
        let at_limit = match report.outcome {
            Outcome::ErrorLimit => true,
            Outcome::Interrupted => false,
            Outcome::Complete | Outcome::Failed => return,
        };
        if report.is_check {
            return sheet.entry("to go on", "check again: a check begins anew");
        }
        let (rows, stay) = (rows(report.loaded), agreeing(report.loaded, "stays", "stay"));
        if !report.resumable {
            return match (report.all_read, report.loaded) {
                (true, _) => {}
                (_, 0) if report.inputs.iter().all(|input| input.mapped) => {
                    sheet.entry("to go on", &format!("run the {SAME_LOAD} again; nothing was committed"));
                }
                (_, 0) => sheet.entry(
                    "to go on",
                    "load it again: a stream cannot be resumed; nothing was committed",
                ),
                _ => sheet.entry(
                    "to go on",
                    &format!("load it again: a stream cannot be resumed; its {rows} so far {stay}"),
                ),
            };
        }
        let mut words = format!("run the {SAME_LOAD} again");
        if at_limit {
            words += &format!(", with a higher {MAX_ERRORS}");
            match (report.all_read, report.created_table) {
                (true, _) => words += ": nothing is loaded twice",
                (false, true) => {
                    words += &format!("; or mend the input and add {RESTART}, which makes the table anew");
                }
                (false, false) if report.earlier.is_some() => {}
                (false, false) => words += ", or once the input is mended from the last reject on",
            }
        } else {
            words += ": it goes on there, and loads nothing twice";
        }
        sheet.entry("to go on", &words);
        if at_limit && !report.created_table {
            let are = agreeing(report.loaded, "is", "are");
            let words = format!("add {RESTART}: its {rows} {stay}, and {are} there twice if no key prevents it");
            sheet.entry("or afresh", &words);
        }
        sheet.entry("to give up", &format!("add {FORGET}: its {rows} {stay}"));
    }

    fn details(&self, sheet: &mut Sheet) {
        let report = self.report;
        if !report.is_check {
            let reason = match report.write_path_reason.is_empty() {
                true => String::new(),
                false => format!(" ({})", escaped(&report.write_path_reason)),
            };
            sheet.entry("write path", &format!("{}{reason}", report.write_path));
        }
        if !report.stages.is_empty() {
            sheet.entry("stages", "");
        }
        for stage in &report.stages {
            let share = 100.0 * stage.busy_ms / report.elapsed_ms.max(f64::MIN_POSITIVE);
            let busy = duration(stage.busy_ms / 1e3).to_string();
            sheet.verbatim(&format!("{:<20}{busy:>12}{share:>5.0} %", stage.stage));
        }
        sheet.entry("budget", &report.memory.to_string());
        if let Some(filter) = &report.filter {
            let words = format!(
                "{} of {} keys in {} {} at {} %, {} {}, {} false {}",
                grouped(filter.inserted_keys),
                grouped(filter.capacity_keys),
                filter.shards,
                agreeing(u64::from(filter.shards), "shard", "shards"),
                filter.error_ratio * 100.0,
                grouped(filter.suspects),
                agreeing(filter.suspects, "suspect", "suspects"),
                grouped(filter.false_alarms),
                agreeing(filter.false_alarms, "alarm", "alarms")
            );
            sheet.entry("filter", &words);
        }
        let words = format!(
            "{} of at most {} records, {} {}",
            grouped(report.batches),
            grouped(report.batch_rows),
            report.threads,
            agreeing(report.threads as u64, "thread", "threads")
        );
        sheet.entry("batches", &words);
        sheet.entry("SQLite", &escaped(&report.sqlite_version).to_string());
    }
}

/// How far a load came that was stopped: ` after 1.2 GB of 10.0 GB (12 %)`; nothing where that is not known.
fn how_far(report: &LoadReport) -> String {
    read_bytes(report).map_or_else(String::new, |(read, all)| {
        let percent = (100.0 * read as f64 / all as f64).floor();
        format!(" after {} of {} ({percent} %)", bytes(read), bytes(all))
    })
}

/// Bytes that a load of files has read that was stopped, and all that there are.
fn read_bytes(report: &LoadReport) -> Option<(u64, u64)> {
    let was_stopped = matches!(report.outcome, Outcome::ErrorLimit | Outcome::Interrupted) && !report.all_read;
    let (read, all) = report.inputs.iter().fold((0, 0), |(read, all), input| {
        (read + input.content.bytes.min(input.bytes), all + input.bytes)
    });
    (was_stopped && report.inputs.iter().all(|input| input.mapped) && all > 0).then_some((read, all))
}

impl fmt::Display for MemorySplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: filter {}, windows {}, rows {}, indexes {}, SQLite {}, reserve {}",
            size(self.budget_bytes),
            size(self.filter_bytes),
            size(self.windows_bytes),
            size(self.blocks_bytes),
            size(self.indexes_bytes),
            size(self.database_bytes),
            size(self.reserve_bytes)
        )
    }
}

/// Which limit of rejects was passed, and how far.
fn passed(report: &LoadReport) -> String {
    report.passed_limit.map_or_else(
        || format!("more was rejected than {MAX_ERRORS} allows"),
        |passed| passed.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::super::{EarlierReport, FilterReport, StageTime};
    use std::time::Duration;

    #[test]
    fn a_load_with_rejects_reads_like_this() {
        let mut report = sample();
        report.measure(Duration::from_millis(3200));
        report.peak_rss_bytes = 198_200_000;
        let expected = "\
loaded 4,850,000 rows into table people of people.db
  records     5,000,000 = 4,850,000 loaded + 50,000 rejected + 100,000 duplicates ✓
  rejected    50,000: 20,000 missing_columns, 30,000 type_error
  duplicates  100,000
              each with its place and reason in errors.csv
  time        3.20 s for 1.05 GB: 1,562,500 records/s, 328.1 MB/s
  memory      189.0MiB at its peak";
        assert_eq!(report.summary(false).to_string(), expected);
    }

    #[test]
    fn a_stopped_load_and_counts_that_do_not_add_up_are_said_loudly() {
        let mut report = sample();
        report.interrupt(crate::cancel::Cancelled::BySignal(2));
        assert!(report.summary(false).to_string().contains("\n  STOPPED     by SIGINT"));
        report.stop_at_error_limit();
        assert!(
            report
                .summary(false)
                .to_string()
                .contains("\n  STOPPED     at the error limit")
        );
        assert!(!report.summary(false).to_string().contains("WARNING"));
        report.identity_holds = false;
        assert!(
            report
                .summary(false)
                .to_string()
                .contains("\n  WARNING     the counts do not add up")
        );
    }

    #[test]
    fn one_row_is_not_spoken_of_as_many() {
        let mut report = sample();
        report.resumable = true;
        report.loaded = 1;
        report.stop_at_error_limit();
        let text = report.summary(false).to_string();
        for words in [
            "loaded 1 row into table people",
            "add `restart`: its 1 row stays, and is there twice if no key prevents it",
            "add `forget`: its 1 row stays",
        ] {
            assert!(text.contains(words), "{text}");
        }
        report.resumable = false;
        let text = report.summary(false).to_string();
        assert!(text.contains("its 1 row so far stays"), "{text}");
        report.earlier = Some(EarlierReport::default());
        assert!(report.summary(false).to_string().contains("loaded 1 more row into"));
    }

    #[test]
    fn values_that_were_recoded_are_named_by_their_columns() {
        let mut report = sample();
        assert!(!report.summary(false).to_string().contains("recoded"));
        let column = |index: u64| crate::report::ColumnReport {
            name: format!("c{index}"),
            column_type: "number",
            recoded: if index == 3 { 0 } else { index * 1000 },
        };
        report.columns = (1..=4).map(column).collect();
        report.recoded = 7000;
        let text = report.summary(false).to_string();
        assert!(
            text.contains("✓\n  recoded     7,000 values: 1,000 c1, 2,000 c2, 4,000 c4\n  rejected"),
            "{text}"
        );
        report.columns = (1..=12).map(column).collect();
        let text = report.summary(false).to_string();
        assert!(text.contains("9,000 c9 and 3 more columns\n"), "{text}");
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        let mut report = sample();
        report.table = "a\x1b[2J\nb".to_owned();
        report.database = "d\r.db".into();
        report.errors_file = "e\u{202e}.csv".into();
        report.write_path_reason = "trigger \x07".to_owned();
        let text = report.summary(true).to_string();
        assert!(text.contains("a\\u{1b}[2J\\u{a}b of d\\u{d}.db"), "{text}");
        assert!(
            text.contains("e\\u{202e}.csv") && text.contains("trigger \\u{7}"),
            "{text}"
        );
    }

    #[test]
    fn verbose_adds_stages_memory_and_filter() {
        let mut report = sample();
        report.elapsed_ms = 1000.0;
        report.write_path_reason = "new".to_owned();
        report.stages.push(StageTime {
            stage: "parse",
            busy_ms: 250.0,
        });
        report.filter = Some(FilterReport {
            capacity_keys: 100_000_000,
            error_ratio: 0.01,
            ..FilterReport::default()
        });
        let text = report.summary(true).to_string();
        assert!(
            text.contains("\n  stages\n    parse                     250 ms   25 %"),
            "{text}"
        );
        assert!(text.contains("\n  write path  direct (new)"), "{text}");
        assert!(
            text.contains("\n  filter      0 of 100,000,000 keys in 0 shards at 1 %"),
            "{text}"
        );
        let short = report.summary(false).to_string();
        assert!(!short.contains("stages") && !short.contains("write path"), "{short}");
    }
}
