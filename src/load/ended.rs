//! How a load came to its end, where it did not fail, and what it had counted by then.

use crate::cancel::Cancelled;
use crate::checkpoint::Counts;
use crate::error::Error;

/// A load that is over and did not fail.
pub(super) struct Ended {
    pub(super) how: Ending,
    /// Records read.
    pub(super) records: u64,
    pub(super) counts: Counts,
}

/// How a load that did not fail came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// All is loaded, and more of it was rejected than may be.
    CompleteOverErrorLimit,
    AtErrorLimit,
    Interrupted(Cancelled),
}

/// Why a step has no next one.
pub(super) enum Halt {
    Failed(Error),
    /// There is nothing more to do.
    Early(Box<Ended>),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(error)
    }
}

impl Ended {
    /// A load that was stopped before it read a record.
    pub(super) fn interrupted(by: Cancelled) -> Ended {
        Ended {
            how: Ending::Interrupted(by),
            ..Ended::without_records()
        }
    }

    /// A load that found nothing to read.
    pub(super) fn without_records() -> Ended {
        Ended {
            how: Ending::Complete,
            records: 0,
            counts: Counts::default(),
        }
    }
}
