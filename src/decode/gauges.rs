//! What the thread that unpacks lets others see.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// What the thread that unpacks lets others see.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Packed bytes taken so far.
    pub(super) taken: Arc<AtomicU64>,
    /// Memory set aside for unpacking, besides its buffers.
    pub(super) reserved: Arc<AtomicU64>,
    /// The member of an archive that is read.
    pub(super) member: Mutex<Option<String>>,
}
