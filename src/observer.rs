//! How progress leaves the library, and how a request to stop enters it.

use std::path::Path;

use crate::cancel::Cancelled;

/// What a load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Reading every value to find the column types.
    Infer,
    /// Parsing and writing rows.
    Load,
    /// Parsing and judging records, in a check.
    Check,
    /// Looking at every value for what it is like, in a profile.
    Survey,
    /// Building indexes.
    Index,
    /// Deciding exactly which suspects are duplicates.
    Settle,
}

impl Phase {
    /// Returns the phase's name in reports and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Infer => "infer",
            Phase::Load => "load",
            Phase::Check => "check",
            Phase::Survey => "survey",
            Phase::Index => "index",
            Phase::Settle => "settle",
        }
    }
}

/// Counters of a running phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Input bytes done in this phase.
    pub bytes: u64,
    /// Records done in this phase.
    pub records: u64,
    /// Rejects so far; duplicates that are settled later are not counted yet.
    pub rejected: u64,
    /// Which input it is, from 1 on; 0 where that is not told.
    pub input: usize,
    /// How many inputs there are.
    pub inputs: usize,
}

/// A file whose load begins, of several that are loaded one after another (see [`table_per_file`](crate::Load::table_per_file)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileBegun<'a> {
    /// Which of them it is, from 1 on.
    pub number: usize,
    /// How many there are.
    pub files: usize,
    /// The file, as it was named or found.
    pub path: &'a Path,
    /// The table that it goes into.
    pub table: &'a str,
}

/// Watches a load. Every method has a default that does nothing, so `&()` is an observer.
///
/// Methods are called on threads of the load, a few hundred times a second at most, and the load waits for them to return.
pub trait Observer: Sync {
    /// Called when the load of a file begins, if each goes into a table of its own.
    fn file(&self, _file: FileBegun<'_>) {}
    /// Called when a phase begins; `total_bytes` is the input size if it is known.
    fn phase(&self, _phase: Phase, _total_bytes: Option<u64>) {}
    /// Called when the counters of the current phase have moved.
    fn progress(&self, _progress: Progress) {}
    /// Called with something that the user should know but that is not an error, such as a renamed column. One line, not escaped.
    fn notice(&self, _message: &str) {}
    /// Called with detail for those who asked for it, such as how the memory budget is split. One line, not escaped.
    fn detail(&self, _message: &str) {}
    /// Called between two pieces of work: returns who asks the load to drain, commit and return, if anybody does. This is how a
    /// [`CancelToken`](crate::CancelToken) reaches the load's steps.
    #[doc(hidden)]
    fn cancelled(&self) -> Option<Cancelled> {
        None
    }
}

impl Observer for () {}
