//! A request to stop, which a load looks at between two pieces of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a load to stop, from any thread.
///
/// A load that is cancelled drains what is in flight, commits it and returns its report, with
/// [`Outcome::Interrupted`](crate::Outcome::Interrupted). Run again, it goes on where it stopped. Clones are one token: cancelling one
/// cancels them all, and it cannot be undone.
///
/// A token can be made from a flag, which a signal handler may set: `CancelToken::from(Arc::clone(&flag))`.
///
/// ```
/// use rowmill::CancelToken;
///
/// let token = CancelToken::new();
/// let elsewhere = token.clone();
/// std::thread::spawn(move || elsewhere.cancel()).join().unwrap();
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
}

impl CancelToken {
    /// Creates a token that nobody has cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Asks every load that has this token, now or later, to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Returns whether somebody has asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl From<Arc<AtomicBool>> for CancelToken {
    /// Creates a token that is cancelled once `cancelled` is true.
    fn from(cancelled: Arc<AtomicBool>) -> Self {
        CancelToken { cancelled }
    }
}

/// Who asked a load to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The program, of its own accord.
    ByProgram,
    /// The program, because it received the signal with this number.
    BySignal(i32),
}
