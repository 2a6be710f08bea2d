//! The first few rejects of each code, kept for the report page while they go by on their way to the dead-letter file.

use std::sync::{Arc, Mutex, PoisonError};

use crate::position::Position;
use crate::reject::RejectCode;

/// How many rejects of one code are kept.
pub const SAMPLES_PER_CODE: usize = 5;
/// How many raw bytes of a reject are kept: more than a page shows.
pub(super) const RAW_BYTES: usize = 1024;

/// A reject as the dead-letter file has it, cut to what a person looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectSample {
    pub code: RejectCode,
    pub position: Position,
    /// As in the dead-letter file: a name, a number, or empty.
    pub column: String,
    pub message: String,
    /// Where the field at fault stands in `raw`, if a single one is: its first byte, and its bytes.
    pub field: Option<(usize, usize)>,
    /// The first raw bytes; empty for a record too large to hold in memory.
    pub raw: Vec<u8>,
}

/// Samples, filled by the dead-letter file's writer and read by whoever holds a clone, even after a load that failed.
#[derive(Debug, Clone, Default)]
pub struct RejectSamples {
    shared: Arc<Mutex<Vec<RejectSample>>>,
}

impl RejectSamples {
    /// What was kept, in the order in which it was written.
    pub fn to_vec(&self) -> Vec<RejectSample> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was kept.
    pub fn clear(&self) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes over what `others` kept, as far as there is room. Their input 0 is `first_input` here.
    pub fn take_over(&self, others: &RejectSamples, first_input: u32) {
        for mut sample in others.to_vec() {
            let kept = self.to_vec();
            if kept.iter().filter(|kept| kept.code == sample.code).count() < SAMPLES_PER_CODE {
                sample.position.file_index += first_input;
                self.push(sample);
            }
        }
    }

    fn push(&self, sample: RejectSample) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }
}

/// Decides which rejects are kept; without a place to keep them, none.
#[derive(Debug, Clone, Default)]
pub(super) struct SampleTaker {
    samples: Option<RejectSamples>,
    taken: [usize; RejectCode::ALL.len()],
}

impl SampleTaker {
    pub(super) fn new(samples: RejectSamples) -> Self {
        SampleTaker {
            samples: Some(samples),
            ..SampleTaker::default()
        }
    }

    pub(super) fn wants(&self, code: RejectCode) -> bool {
        self.samples.is_some() && self.taken[code.index()] < SAMPLES_PER_CODE
    }

    pub(super) fn take(&mut self, sample: RejectSample) {
        self.taken[sample.code.index()] += 1;
        if let Some(samples) = &self.samples {
            samples.push(sample);
        }
    }
}
