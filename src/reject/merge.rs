//! Duplicates that are known only at the end, put into their places in the dead-letter file.
//!
//! Comes in: duplicates in input order, each with the offset in the file at which its line belongs. Goes out: a new file that
//! takes the old one's name in one step, so a reader, or a power cut, meets either the whole old file or the whole new one.
//! Nothing is parsed and memory is constant. Without a duplicate nothing is touched.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::faults;
use crate::option_name::ERRORS;
use crate::reject::append_file::{AppendFile, RunningHash};
use crate::reject::claim;
use crate::reject::dead_letters::{DeadLetter, DeadLetters};
use crate::reject::output;
use crate::reject::state::Committed;

/// A merge under way; made by [`DeadLetters::merge_duplicates`]. If dropped before [`finish`](Self::finish), it leaves the dead-letter file
/// as it was, and beside it the merged file, if that is complete.
#[derive(Debug)]
pub struct DuplicateMerge<'a> {
    letters: &'a mut DeadLetters,
    /// The file that will take the dead-letter file's place; made at the first duplicate.
    merged: Option<AppendFile>,
    /// Bytes of the dead-letter file that have been copied.
    copied_bytes: u64,
    /// Hash of those bytes as they were read.
    read: RunningHash,
    /// Whether the merged file is complete: from then on a commit may rely on it.
    prepared: bool,
}

impl DeadLetters {
    /// Begins to merge duplicates into the file. Nothing happens on the disk before the first one.
    pub fn merge_duplicates(&mut self) -> DuplicateMerge<'_> {
        DuplicateMerge {
            letters: self,
            merged: None,
            copied_bytes: 0,
            read: RunningHash::default(),
            prepared: false,
        }
    }
}

impl DuplicateMerge<'_> {
    /// Puts the line of `duplicate` at `errors_offset` of the file as it was before the merge, after any that were put there already.
    ///
    /// `errors_offset` is what [`DeadLetters::len_bytes`] said when the record was met; it is never less than the one before.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate), [`ErrorKind::Io`](crate::ErrorKind::Io), and
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) for offsets out of order or outside the file.
    pub fn push(&mut self, errors_offset: u64, duplicate: &DeadLetter) -> Result<(), Error> {
        if errors_offset < self.copied_bytes || errors_offset > self.letters.len_bytes() {
            return Err(Error::internal("the duplicates to merge are not in input order"));
        }
        if self.merged.is_none() {
            self.merged = Some(self.start()?);
        }
        let merged = self.merged.as_mut().expect("made above");
        merged.copy_and_hash(&self.letters.out, self.copied_bytes..errors_offset, &mut self.read)?;
        self.copied_bytes = errors_offset;
        faults::point("merge: before a line");
        self.letters.lines.write(merged, duplicate)
    }

    fn start(&mut self) -> Result<AppendFile, Error> {
        let errors = &mut self.letters.out;
        errors.flush()?;
        let path = output::side_file(errors.path(), &self.letters.token, "merging");
        let merged = AppendFile::create_new(&path, ERRORS)?;
        claim::lock(merged.file(), &path, ERRORS)?;
        let same_permissions = errors
            .file()
            .metadata()
            .and_then(|old| merged.file().set_permissions(old.permissions()));
        same_permissions.map_err(|error| Error::io("setting the permissions of", &path, error))?;
        Ok(merged)
    }

    /// Forgets the duplicates that were put in so far.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file that was begun cannot be removed.
    pub fn start_over(&mut self) -> Result<(), Error> {
        if let Some(merged) = self.merged.take() {
            output::remove_if_there(merged.path())?;
        }
        self.copied_bytes = 0;
        self.read = RunningHash::default();
        Ok(())
    }

    /// Completes the merged file under its temporary name, durably; returns what the dead-letter file is to hold.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io), and [`ErrorKind::SideFileChanged`](crate::ErrorKind::SideFileChanged) when the dead-letter
    /// file does not hold what was written to it; it is left as it was.
    pub fn prepare(&mut self) -> Result<Committed, Error> {
        let before = self.before();
        let Some(merged) = &mut self.merged else {
            return Ok(before);
        };
        if !self.prepared {
            merged.copy_and_hash(&self.letters.out, self.copied_bytes..before.bytes, &mut self.read)?;
            self.copied_bytes = before.bytes;
            if self.read.digest() != before.hash {
                return Err(output::changed_meanwhile(self.letters.path()));
            }
            merged.sync()?;
            output::sync_folder(merged.path())?;
            self.prepared = true;
        }
        Ok(Committed {
            bytes: merged.len_bytes(),
            hash: merged.hash(),
            mark: claim::mark_of(merged.file()),
        })
    }

    /// What the dead-letter file holds without the duplicates.
    pub fn before(&self) -> Committed {
        self.letters.state()
    }

    /// Puts the merged file in the dead-letter file's place, durably. Further lines can be appended afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io); the dead-letter file is then still whole, with none or all of the duplicates.
    pub fn finish(mut self) -> Result<(), Error> {
        self.prepare()?;
        let Some(mut merged) = self.merged.take() else {
            return Ok(());
        };
        let path = self.letters.path().to_owned();
        self.letters.out.set_others_aside()?;
        fs::rename(merged.path(), &path).map_err(|error| Error::io("replacing", &path, error))?;
        faults::point("merge: renamed");
        merged.set_path(&path);
        self.letters.replace(merged);
        output::sync_folder(&path)
    }
}

/// Removes what a load left beside its dead-letter file once nothing committed relies on it. Durable once the folder is synced, as the
/// first [`DeadLetters::sync`] does.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) when it cannot be removed.
pub fn discard_merge(errors: &Path, token: &str) -> Result<(), Error> {
    output::remove_if_there(&output::side_file(errors, token, "merging"))
}

impl Drop for DuplicateMerge<'_> {
    fn drop(&mut self) {
        // A commit that reports an error may have happened all the same: what it relies on stays. The next run of the load knows.
        if let Some(merged) = &self.merged
            && !self.prepared
        {
            // Best effort: the load is failing already, and the next run removes the file.
            let _ = fs::remove_file(merged.path());
        }
    }
}
