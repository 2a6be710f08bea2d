//! A file that grows: the load of what was appended since the last one, and what that one leaves behind for it.
//!
//! The result is that of one load of the whole file: numbers of lines and records go on, so do row ids, the dead-letter file and
//! the counts. The part that was loaded is read again only to see whether it is what it was: a key is looked up in the table. Only when a
//! new record repeats the row id of an old one is it parsed, to name the record that came first (see [`super::earlier`]).
//!
//! What may still change is left for the next time: a record without its line end, or within an open quote.

use std::ops::Range;
use std::path::PathBuf;

use super::account::{count, earlier, report_table};
use super::start::{Seen, Start, table_name};
use super::{Run, Sources};
use crate::checkpoint::{Base, Counts, Fingerprint, Finished, Loaded, SavedProgress};
use crate::content_hash::ContentHash;
use crate::error::{Error, ErrorKind};
use crate::option_name::RESTART;
use crate::pipeline::hash_range;
use crate::reject::Committed;
use crate::report::LoadReport;
use crate::sqlite::database::Database;
use crate::sqlite::own::checkpoint;
use crate::sqlite::own::finished;
use crate::window::Input;

impl Run<'_> {
    /// Refuses a file that is not the loaded one, grown, before a look at what it holds now: a log that was truncated is empty.
    ///
    /// # Errors
    /// `InputChanged` or `Usage` when input or options are not what they were.
    pub(super) fn check_grown(&self, paths: &[PathBuf]) -> Result<(), Error> {
        let is_file = paths.len() == 1 && paths[0].is_file();
        if !self.options.repeat.append_only || self.options.repeat.restart || !is_file {
            return Ok(());
        }
        let table = table_name(self.options, &paths[0])?;
        let Some(database) = self.existing_database()? else {
            return Ok(());
        };
        checkpoint::bring_up_to_date(&database)?;
        let unfinished = checkpoint::read(&database, &table)?;
        if let Some(found) = unfinished.filter(|found| !found.is_without_rows()) {
            return found.check(paths, self.options).map(|_| ());
        }
        match finished::read(&database, &table)? {
            Some(finished) => finished.check(paths, self.options),
            None => Ok(()),
        }
    }

    /// Goes on behind `finished`, which was [checked](Self::check_grown); `None` when nothing has come since.
    ///
    /// # Errors
    /// `Schema` when the table is not what it was, `Io` when the input cannot be read.
    pub(super) fn go_on_behind(
        &self,
        finished: Finished,
        seen: &Seen,
        sources: &mut Sources<'_>,
        report: &mut LoadReport,
    ) -> Result<Option<Start>, Error> {
        let Finished { mut identity, loaded } = finished;
        let Some(info) = &seen.info else {
            return Err(Error::schema(format!(
                "table \"{}\", which the loaded part of the input is in, is gone; start afresh with {RESTART}",
                seen.table
            )));
        };
        identity.plan.check_grown_table(info, identity.shape.as_ref())?;
        self.check_loaded(&loaded, sources)?;
        sources.begin_behind(&loaded);
        report.earlier = Some(earlier(&loaded));
        if !sources.has_line_behind(loaded.offset_bytes, self.observer)? {
            report_table(&identity.plan, report);
            self.nothing_new(&loaded, sources, report);
            return Ok(None);
        }
        let records = loaded.counts.records;
        self.observer.notice(&format!(
            "going on behind record {records}, which was the last one loaded"
        ));
        let base = Base {
            loaded,
            max_row_id: info.max_row_id,
        };
        let plan = identity.plan.behind(base.max_row_id, base.loaded.counts.records);
        let lengths_bytes = sources.lengths_bytes().unwrap_or_default();
        let fingerprints = sources.paths.iter().zip(&lengths_bytes);
        identity.inputs = fingerprints
            .map(|(path, &length_bytes)| Fingerprint::of_start(path, length_bytes))
            .collect::<Result<_, _>>()?;
        env!("CARGO_PKG_VERSION").clone_into(&mut identity.version);
        let errors = base.loaded.errors();
        identity.base = Some(base);
        let progress = SavedProgress {
            // A finished load leaves nothing behind what it committed.
            errors_end_bytes: Some(errors.bytes),
            ..identity.first_progress(errors)
        };
        Ok(Some(Start {
            plan,
            progress: Some(progress),
            identity: Some(identity),
            begun: false,
            obstacle: Some("the table has the rows of the loads before".to_owned()),
            shape: Some(info.shape()),
            needs_empty_table: false,
            makes_database: false,
        }))
    }

    /// Checks that every byte of the part that is loaded is what it was: read again, at the speed of memory or of the disk.
    ///
    /// # Errors
    /// `InputChanged` when it is not.
    pub(super) fn check_loaded(&self, loaded: &Loaded, sources: &mut Sources<'_>) -> Result<(), Error> {
        let message = format!(
            "since it was loaded, its loaded part was edited: it did not only grow; start afresh with {RESTART}"
        );
        let range = 0..loaded.offset_bytes;
        self.check_content(&mut sources.all[0].input, range, loaded.content, &message)
    }

    /// Checks that the bytes of `range` are still `content`.
    ///
    /// # Errors
    /// `InputChanged`, with `message`, when they are not.
    pub(super) fn check_content(
        &self,
        input: &mut Input,
        range: Range<u64>,
        content: ContentHash,
        message: &str,
    ) -> Result<(), Error> {
        let stopped = || self.observer.cancelled().is_some();
        match hash_range(&self.pool, input, range, &stopped)? {
            Some(found) if found != content => Err(Error::new(ErrorKind::InputChanged {
                path: input.path().to_owned(),
                message: message.to_owned(),
            })),
            // Stopped meanwhile: the load itself sees that and says so.
            _ => Ok(()),
        }
    }

    fn nothing_new(&self, loaded: &Loaded, sources: &Sources<'_>, report: &mut LoadReport) {
        let waiting_bytes = sources.total_bytes().unwrap_or(0) - loaded.offset_bytes;
        let waiting = match waiting_bytes {
            0 => String::new(),
            1 => "; its last byte is no whole line yet and waits for the next time".to_owned(),
            bytes => format!("; its last {bytes} bytes are no whole line yet and wait for the next time"),
        };
        self.observer.notice(&format!(
            "nothing new in {} since its record {}{waiting}",
            sources.paths[0].display(),
            loaded.counts.records
        ));
        report.inputs = sources.report();
        report.bytes = loaded.offset_bytes;
        report.records = loaded.counts.records;
        count(&loaded.counts, report);
        report.complete();
    }

    /// Leaves behind what the load of what will be appended goes on from, and ends this load.
    pub(super) fn leave_behind(
        &self,
        database: &Database,
        start: &Start,
        (counts, errors): (&Counts, Committed),
        report: &LoadReport,
    ) -> Result<(), Error> {
        let Some(identity) = &start.identity else {
            return Err(Error::internal("a stream was loaded as a file that grows"));
        };
        let input = &report.inputs[0];
        let loaded = Loaded {
            offset_bytes: input.bytes,
            lines: input.lines,
            blank_lines: input.blank_lines,
            counts: counts.clone(),
            errors_bytes: errors.bytes,
            errors_hash: errors.hash,
            errors_mark: errors.mark,
            content: input.content,
        };
        let mut identity = identity.clone();
        identity.base = None;
        identity.shape = database.describe_table(&start.plan.table)?.map(|info| info.shape());
        identity.inputs = vec![Fingerprint::of_start(&input.path, loaded.offset_bytes)?];
        finished::write(database, &start.plan.table, &Finished { identity, loaded })
    }
}
