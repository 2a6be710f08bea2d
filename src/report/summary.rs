//! The report for people.

use std::fmt;

use super::{FoundDialect, InputReport, LoadReport, MemorySplit, Outcome, several};
use crate::encoding::Encoding;
use crate::escape::escaped;
use crate::option_name::{FORGET, MAX_ERRORS, RESTART, SAME_LOAD};
use crate::options::JSON_LINES;
use crate::reject::RejectCode;

/// Signal numbers that have a name here; the same on every Unix.
const SIGNAL_NAMES: [(i32, &str); 3] = [(1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")];

/// Columns that a line names, of those that it could.
const NAMED_COLUMNS: usize = 8;

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
    pub(super) report: &'a LoadReport,
    pub(super) verbose: bool,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        self.headline(f)?;
        several::write_loads(report, f)?;
        write!(
            f,
            "\n  records     {}, {}",
            grouped(report.records),
            bytes(report.bytes)
        )?;
        self.dialect(f)?;
        self.encoding(f)?;
        self.widths(f)?;
        self.recoded(f)?;
        self.rejects(f)?;
        match report.loads.is_empty() {
            true => self.ways_on(f)?,
            false => several::write_ways_on(report, f)?,
        }
        let seconds = report.elapsed_ms / 1e3;
        write!(
            f,
            "\n  time        {}, {} rows/s",
            duration(seconds),
            grouped(report.rows_per_second as u64)
        )?;
        if seconds > 0.0 {
            write!(f, ", {:.1} MB/s", report.bytes as f64 / 1e6 / seconds)?;
        }
        write!(
            f,
            "\n  memory      peak {} of {}",
            size(report.peak_rss_bytes),
            size(report.memory.budget_bytes)
        )?;
        if !report.is_check {
            write!(f, "\n  write path  {}", report.write_path)?;
        }
        if !report.is_check && !report.write_path_reason.is_empty() {
            write!(f, " ({})", escaped(&report.write_path_reason))?;
        }
        if self.verbose {
            self.details(f)?;
        }
        Ok(())
    }
}

impl Summary<'_> {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let (table, database) = (
            escaped(&report.table),
            escaped(report.database.as_os_str().as_encoded_bytes()),
        );
        match report.earlier {
            _ if !report.loads.is_empty() => several::write_headline(report, f)?,
            _ if report.is_check => self.verdict(f)?,
            None => write!(f, "loaded {} into table {table} of {database}", rows(report.loaded))?,
            Some(earlier) => {
                let more = report.loaded.saturating_sub(earlier.loaded);
                write!(
                    f,
                    "loaded {} more {} into table {table} of {database}; with those of earlier loads:\n  loaded      {}",
                    grouped(more),
                    agreeing(more, "row", "rows"),
                    grouped(report.loaded)
                )?;
            }
        }
        self.ending(f)?;
        if !report.identity_holds && report.outcome != Outcome::Failed {
            write!(
                f,
                "\n  WARNING     the counts do not add up: {} records, but {} loaded + {} updated + {} rejected + {} duplicates; please report this",
                grouped(report.records),
                grouped(report.loaded),
                grouped(report.updated),
                grouped(report.rejected),
                grouped(report.duplicates)
            )?;
        }
        Ok(())
    }

    /// How the load ended, if not as it was to.
    fn ending(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        match report.outcome {
            Outcome::Complete => Ok(()),
            Outcome::ErrorLimit if report.is_check && report.all_read => {
                write!(f, "\n  OVER LIMIT  {}", passed(report))
            }
            Outcome::ErrorLimit if report.is_check => {
                let passed = passed(report);
                write!(
                    f,
                    "\n  STOPPED     at the error limit: {passed}; the rest of the input was not checked"
                )
            }
            Outcome::Interrupted if report.is_check => {
                let by = stopped_by(report);
                write!(f, "\n  STOPPED     by {by}; the rest of the input was not checked")
            }
            Outcome::ErrorLimit if report.all_read => {
                let then = if report.inputs.iter().all(|input| input.mapped) {
                    format!("the {SAME_LOAD} with a higher {MAX_ERRORS} accepts that, and loads nothing twice")
                } else {
                    "do not load it again".to_owned()
                };
                let passed = passed(report);
                write!(f, "\n  OVER LIMIT  {passed}; the whole input is loaded: {then}")
            }
            Outcome::ErrorLimit => {
                let passed = passed(report);
                write!(
                    f,
                    "\n  STOPPED     at the error limit: {passed}; the rest of the input was not loaded"
                )
            }
            Outcome::Interrupted => {
                let by = stopped_by(report);
                write!(f, "\n  STOPPED     by {by}; the rest of the input was not loaded")
            }
            Outcome::Failed => {
                let error = report.error.as_deref().unwrap_or("no reason was given");
                write!(f, "\n  FAILED      {}", escaped(error))
            }
        }
    }

    /// What a check found.
    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadReport {
            records, loaded, key, ..
        } = self.report;
        let are = agreeing(*records, "record", "records");
        write!(
            f,
            "checked {} {are}: {} can be loaded",
            grouped(*records),
            grouped(*loaded)
        )?;
        match key.is_empty() {
            true => Ok(()),
            false => write!(f, "\n  key         {}", escaped(&key.join(", "))),
        }
    }

    /// Rows of records that do not have as many fields as the header.
    fn widths(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = self.report.inputs.iter();
        let (cut, filled) = inputs.fold((0, 0), |(cut, filled), input| {
            (cut + input.cut_records, filled + input.filled_records)
        });
        if cut > 0 {
            write!(
                f,
                "\n  cut         {}, which had more fields than the header",
                rows(cut)
            )?;
        }
        if filled > 0 {
            write!(
                f,
                "\n  filled      {}, which had fewer fields than the header",
                rows(filled)
            )?;
        }
        Ok(())
    }

    /// What was found that is not as usual.
    fn dialect(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_objects = |input: &InputReport| input.format == JSON_LINES;
        if self.report.inputs.iter().any(is_objects) {
            f.write_str("\n  format      JSON Lines")?;
            match self.report.inputs.iter().all(is_objects) {
                true => return Ok(()),
                false => f.write_str(", and CSV")?,
            }
        }
        let mut found = self.report.inputs.iter().filter_map(|input| input.dialect);
        let Some(first) = found.next() else { return Ok(()) };
        let are_all_alike = found.all(|other| other == first);
        if first == FoundDialect::USUAL && are_all_alike {
            return Ok(());
        }
        write!(f, "\n  dialect     {first}")?;
        match are_all_alike {
            true => Ok(()),
            false => f.write_str("; in other files another one (see the report)"),
        }
    }

    /// The encoding, if it is not UTF-8.
    fn encoding(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.report.inputs.iter().map(|input| input.encoding);
        let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        match names[..] {
            [] | [Encoding::NAME_OF_UTF_8] => Ok(()),
            _ => write!(f, "\n  encoding    {}", names.join(", ")),
        }
    }

    /// Values that were written in another form than they are stored in.
    fn recoded(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        if report.recoded == 0 {
            return Ok(());
        }
        let values = agreeing(report.recoded, "value", "values");
        write!(f, "\n  recoded     {} {values}: ", grouped(report.recoded))?;
        let columns = || report.columns.iter().filter(|column| column.recoded > 0);
        for (index, column) in columns().take(NAMED_COLUMNS).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} {}", grouped(column.recoded), escaped(&column.name))?;
        }
        match columns().count() {
            0..=NAMED_COLUMNS => Ok(()),
            count => write!(f, " and {} more columns", count - NAMED_COLUMNS),
        }
    }

    fn rejects(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        if report.updated > 0 {
            let records = agreeing(report.updated, "record", "records");
            write!(
                f,
                "\n  updated     by {} {records}, whose keys other rows had",
                grouped(report.updated)
            )?;
        }
        if report.rejected + report.duplicates == 0 {
            return f.write_str("\n  rejected    none");
        }
        let errors_file = escaped(report.errors_file.as_os_str().as_encoded_bytes());
        write!(f, "\n  rejected    {}", grouped(report.rejected))?;
        let mut separator = ": ";
        for (code, count) in report
            .by_code
            .iter()
            .filter(|(code, _)| *code != RejectCode::DuplicateKey)
        {
            write!(f, "{separator}{} {code}", grouped(*count))?;
            separator = ", ";
        }
        if report.duplicates > 0 {
            write!(f, "\n  duplicates  {}", grouped(report.duplicates))?;
        }
        if report.skipped_duplicates > 0 {
            write!(f, ", of which {} were passed over", grouped(report.skipped_duplicates))?;
        }
        if report.faults > report.dead_letters() {
            write!(f, "\n  faults      {}", grouped(report.faults))?;
        }
        if report.dead_letters() == 0 {
            return Ok(());
        }
        match report.loads.is_empty() {
            true => write!(f, "\n              each with its place and reason in {errors_file}"),
            false => f.write_str("\n              each with its place and reason in the errors file of its table"),
        }
    }

    /// What can be done with a load that was stopped.
    fn ways_on(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let at_limit = match report.outcome {
            Outcome::ErrorLimit => true,
            Outcome::Interrupted => false,
            Outcome::Complete | Outcome::Failed => return Ok(()),
        };
        if report.is_check {
            return f.write_str("\n  to go on    check again: a check begins anew");
        }
        let (rows, stay) = (rows(report.loaded), agreeing(report.loaded, "stays", "stay"));
        if !report.resumable && report.all_read {
            return Ok(());
        }
        if !report.resumable {
            return match (at_limit, report.loaded) {
                (_, 0) if report.inputs.iter().all(|input| input.mapped) => {
                    write!(f, "\n  to go on    run the {SAME_LOAD} again; nothing was committed")
                }
                (_, 0) => {
                    f.write_str("\n  to go on    load it again: a stream cannot be resumed; nothing was committed")
                }
                _ => write!(
                    f,
                    "\n  to go on    load it again: a stream cannot be resumed; its {rows} so far {stay}"
                ),
            };
        }
        write!(f, "\n  to go on    run the {SAME_LOAD} again")?;
        if at_limit {
            write!(f, ", with a higher {MAX_ERRORS}")?;
            match (report.all_read, report.created_table) {
                (true, _) => f.write_str(": nothing is loaded twice")?,
                (false, true) => write!(f, "; or mend the input and add {RESTART}, which makes the table anew")?,
                (false, false) if report.earlier.is_some() => {}
                (false, false) => f.write_str(", or once the input is mended from the last reject on")?,
            }
        }
        if at_limit && !report.created_table {
            let are = agreeing(report.loaded, "is", "are");
            write!(
                f,
                "\n  or afresh   add {RESTART}: its {rows} {stay}, and {are} there twice if no key prevents it"
            )?;
        }
        write!(f, "\n  to give up  add {FORGET}: its {rows} {stay}")
    }

    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        for (index, stage) in report.stages.iter().enumerate() {
            let label = if index == 0 { "stages" } else { "" };
            let share = 100.0 * stage.busy_ms / report.elapsed_ms.max(f64::MIN_POSITIVE);
            write!(
                f,
                "\n  {label:<10}  {:<10} {:>10} {share:>4.0} %",
                stage.stage,
                duration(stage.busy_ms / 1e3).to_string()
            )?;
        }
        write!(f, "\n  memory      {}", report.memory)?;
        if let Some(filter) = &report.filter {
            write!(
                f,
                "\n  filter      {} of {} keys in {} shards at {} %, {} suspects, {} of them false alarms",
                grouped(filter.inserted_keys),
                grouped(filter.capacity_keys),
                filter.shards,
                filter.error_ratio * 100.0,
                grouped(filter.suspects),
                grouped(filter.false_alarms)
            )?;
        }
        let batches = grouped(report.batches);
        write!(
            f,
            "\n  batches     {batches} of {} records, {} threads",
            grouped(report.batch_rows),
            report.threads
        )?;
        write!(f, "\n  SQLite      {}", escaped(&report.sqlite_version))
    }
}

/// A number with its thousands separated: `1,234,567`.
pub fn grouped(number: u64) -> impl fmt::Display {
    struct Grouped(u64);
    impl fmt::Display for Grouped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let digits = self.0.to_string();
            let head = (digits.len() - 1) % 3 + 1;
            f.write_str(&digits[..head])?;
            for start in (head..digits.len()).step_by(3) {
                write!(f, ",{}", &digits[start..start + 3])?;
            }
            Ok(())
        }
    }
    Grouped(number)
}

/// `1 row`, `2,000 rows`.
pub fn rows(count: u64) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// The form of a word that agrees with a number: `1 row stays`, `2 rows stay`.
pub const fn agreeing(count: u64, one: &'static str, others: &'static str) -> &'static str {
    if count == 1 { one } else { others }
}

/// A size in decimal units: `512 B`, `1.5 kB`, `244.0 MB`, `1.05 GB`.
pub fn bytes(size_bytes: u64) -> impl fmt::Display {
    struct Bytes(u64);
    impl fmt::Display for Bytes {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let size = self.0 as f64;
            match self.0 {
                0..1_000 => write!(f, "{} B", self.0),
                1_000..1_000_000 => write!(f, "{:.1} kB", size / 1e3),
                1_000_000..1_000_000_000 => write!(f, "{:.1} MB", size / 1e6),
                _ => write!(f, "{:.2} GB", size / 1e9),
            }
        }
    }
    Bytes(size_bytes)
}

/// A size of memory in the form in which `--memory` takes it: `244MiB`; with a decimal if it is not a whole number.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes}B"),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        0x400..0x10_0000 if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        0x400..0x10_0000 => format!("{:.1}KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1}MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A wall time: `12 ms`, `3.21 s`, `2 min 05 s`, `1 h 02 min`.
pub(super) fn duration(seconds: f64) -> impl fmt::Display {
    struct Elapsed(f64);
    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let whole = self.0.round() as u64;
            if self.0 < 1.0 {
                write!(f, "{:.0} ms", self.0 * 1e3)
            } else if whole < 60 {
                write!(f, "{:.2} s", self.0)
            } else if whole < 3600 {
                write!(f, "{} min {:02} s", whole / 60, whole % 60)
            } else {
                write!(f, "{} h {:02} min", whole / 3600, whole % 3600 / 60)
            }
        }
    }
    Elapsed(seconds)
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
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_load_with_rejects_reads_like_this() {
        let mut report = sample();
        report.measure(Duration::from_millis(3200));
        report.peak_rss_bytes = 198_200_000;
        let expected = "\
loaded 4,850,000 rows into table people of people.db
  records     5,000,000, 1.05 GB
  rejected    50,000: 20,000 missing_columns, 30,000 type_error
  duplicates  100,000
              each with its place and reason in errors.csv
  time        3.20 s, 1,515,625 rows/s, 328.1 MB/s
  memory      peak 189.0MiB of 244MiB
  write path  direct";
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
            text.contains("1.05 GB\n  recoded     7,000 values: 1,000 c1, 2,000 c2, 4,000 c4\n  rejected"),
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
        assert!(text.contains("\n  stages      parse          250 ms   25 %"), "{text}");
        assert!(
            text.contains("\n  filter      0 of 100,000,000 keys in 0 shards at 1 %"),
            "{text}"
        );
        assert!(!report.summary(false).to_string().contains("stages"));
    }

    #[test]
    fn numbers_read_well_at_every_size() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number).to_string(), shown);
        }
        for (size, shown) in [
            (0, "0 B"),
            (1_500, "1.5 kB"),
            (244 << 20, "255.9 MB"),
            (1_050_000_000, "1.05 GB"),
        ] {
            assert_eq!(bytes(size).to_string(), shown);
        }
        for (seconds, shown) in [
            (0.012, "12 ms"),
            (3.214, "3.21 s"),
            (125.0, "2 min 05 s"),
            (3725.0, "1 h 02 min"),
        ] {
            assert_eq!(duration(seconds).to_string(), shown);
        }
    }
}
