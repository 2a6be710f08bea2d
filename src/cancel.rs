//! A request to stop, which a load looks at between two pieces of work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a load to stop, from any thread.
///
/// A load that is cancelled drains what is in flight, commits it and returns its report, with
/// [`Outcome::Interrupted`](crate::Outcome::Interrupted). Run again, it goes on where it stopped. Clones are one token: what one of
/// them is told, all of them know, and it cannot be taken back.
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
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Asks every load that has this token, now or later, to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl From<Arc<AtomicBool>> for CancelToken {
    /// A token that is cancelled once `cancelled` is true.
    fn from(cancelled: Arc<AtomicBool>) -> Self {
        CancelToken { cancelled }
    }
}

/// Who asked a load to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The program, of its own accord.
    ByProgram,
    /// The program, because it received the signal of this number.
    BySignal(i32),
}
