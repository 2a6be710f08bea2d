//! Memory that waits to be used again: the system takes longer to hand out fresh memory than most work takes to fill it.

use std::sync::{Mutex, PoisonError};

/// Things whose memory is to be used again, by any thread.
#[derive(Debug)]
pub struct Idle<T>(Mutex<Vec<T>>);

impl<T> Idle<T> {
    /// One of them, as it was left.
    pub fn take(&self) -> Option<T> {
        // A list is valid after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub fn put(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Idle(Mutex::default())
    }
}
