//! The error limit: when a load has more rejects than it may have, and where it goes on when it is started again.

use super::{Incoming, Ledger};
use crate::checkpoint::{Counts, SavedProgress};
use crate::content_hash::ContentHash;
use crate::options::ErrorLimit;

/// Records before a percentage limit is looked at: one bad record among the first ten does not make a bad file.
const PERCENT_FROM_RECORDS: u64 = 1000;

impl Ledger {
    /// Whether the rejects so far, with `ordinal` records read, are more than the load may have.
    pub fn past_limit(&self, ordinal: u64) -> bool {
        self.would_be_past_limit(ordinal, 0)
    }

    /// Whether the load may have to stop within a block that begins with record number `ordinal` and has so many `rejects`.
    pub fn may_stop(&self, ordinal: u64, rejects: u64) -> bool {
        let limit = self.settings.max_errors;
        rejects > 0 && limit.is_some_and(|limit| limit.is_passed(self.counts.all_rejects() + rejects, ordinal))
    }

    /// Before a record of a block is rejected: notes the state that the load goes on from if this is one reject too many.
    pub fn note_stop_within(&mut self, incoming: &Incoming, record_index: u32) {
        let ordinal = incoming.place.ordinal + u64::from(record_index);
        if self.would_be_past_limit(ordinal, 1) {
            let span = incoming.place.span(incoming.block.bytes());
            self.consumed.advance(span, incoming.block.output.end_of(record_index));
            self.note_stop(ordinal, incoming.place.file_index, self.consumed.content());
        }
    }

    /// As [`note_stop_within`](Self::note_stop_within), for any record: number `ordinal` of the load, in input `file_index`. `content`: the
    /// hash of what was read before it.
    pub(super) fn note_stop(&mut self, ordinal: u64, file_index: u32, content: ContentHash) {
        if self.would_be_past_limit(ordinal, 1) {
            self.stop = Some(SavedProgress {
                counts: Counts {
                    records: ordinal - 1,
                    ..self.counts.clone()
                },
                stopped_in: Some(file_index),
                content,
                ..self.progress()
            });
        }
    }

    /// `more`: rejects that are not counted yet.
    fn would_be_past_limit(&self, ordinal: u64, more: u64) -> bool {
        let early = matches!(self.settings.max_errors, Some(ErrorLimit::Percent(_))) && ordinal < PERCENT_FROM_RECORDS;
        !early
            && self
                .settings
                .max_errors
                .is_some_and(|limit| limit.is_passed(self.counts.all_rejects() + more, ordinal))
    }
}
