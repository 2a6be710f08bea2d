//! The memory that unpacking may take: a part of the load's promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::packing::UnpackingMemory;
use crate::decode::trouble::Trouble;
use crate::option_name::MEMORY_BYTES;
use crate::report::size;

/// The memory that one input's unpacking takes.
pub(super) struct Room {
    memory: UnpackingMemory,
    /// What is set aside; 0 before the first part. Others look at it.
    reserved: Arc<AtomicU64>,
}

impl Room {
    pub(super) fn new(memory: UnpackingMemory, reserved: Arc<AtomicU64>) -> Self {
        Room { memory, reserved }
    }

    /// Makes sure that a part whose `what` begins at `start_bytes` may take `bytes`. The first part says how much is set aside.
    ///
    /// # Errors
    /// `Refused` when it is too much, saying what would do.
    pub(super) fn reserve(&mut self, bytes: u64, what: &str, start_bytes: u64) -> Result<(), Trouble> {
        let limit_bytes = match self.reserved.load(Ordering::Relaxed) {
            0 => self.memory.limit_bytes,
            reserved => reserved,
        };
        if bytes > limit_bytes {
            let takes = size(bytes.next_multiple_of(1 << 20));
            return Err(too_much(what, start_bytes, &takes, limit_bytes));
        }
        let floor_bytes = self.memory.floor_bytes.min(self.memory.limit_bytes);
        self.reserved.fetch_max(bytes.max(floor_bytes), Ordering::Relaxed);
        Ok(())
    }

    /// What is set aside.
    #[cfg(feature = "xz")]
    pub(super) fn reserved_bytes(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    /// The error for a part that turned out to take more than was set aside.
    #[cfg(feature = "xz")]
    pub(super) fn too_much(&self, what: &str, start_bytes: u64) -> Trouble {
        too_much(what, start_bytes, "more", self.reserved_bytes())
    }
}

fn too_much(what: &str, start_bytes: u64, takes: &str, limit_bytes: u64) -> Trouble {
    Trouble::Refused(format!(
        "unpacking takes {takes} of memory for the {what} of what begins at its byte {start_bytes}, and {MEMORY_BYTES} leaves {} for that; \
         allow more with {MEMORY_BYTES}, or unpack it first",
        size(limit_bytes)
    ))
}
