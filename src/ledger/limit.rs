//! The error limit: when a load has more rejects than it may have, and where it goes on when it is started again.

use super::{Incoming, Ledger};
use crate::checkpoint::{Counts, SavedProgress};
use crate::content_hash::ContentHash;
use crate::reject::RejectCode;

impl Ledger {
    /// Whether the rejects so far, with `ordinal` records read, are more than the load may have.
    pub fn past_limit(&self, ordinal: u64) -> bool {
        self.would_be_past_limit(ordinal, None)
    }

    /// Whether the load may have to stop within a block that begins with record number `ordinal` and has so many `rejects`.
    pub fn may_stop(&self, ordinal: u64, rejects: u64) -> bool {
        let limits = &self.settings.max_errors;
        rejects > 0 && limits.may_be_passed(&self.counts.rejected, rejects, ordinal)
    }

    /// Before a record of a block is rejected for the reason `code`: notes the state that the load goes on from if this is one reject too
    /// many.
    pub fn note_stop_within(&mut self, incoming: &Incoming, record_index: u32, code: RejectCode) {
        let ordinal = incoming.place.ordinal + u64::from(record_index);
        if self.would_be_past_limit(ordinal, Some(code)) {
            let span = incoming.place.span(incoming.block.bytes());
            self.consumed.advance(span, incoming.block.output.end_of(record_index));
            self.note_stop(ordinal, (incoming.place.file_index, self.consumed.content()), code);
        }
    }

    /// As [`note_stop_within`](Self::note_stop_within), for any record: number `ordinal` of the load, in input `file_index`. `content`: the
    /// hash of what was read before it.
    pub(super) fn note_stop(&mut self, ordinal: u64, (file_index, content): (u32, ContentHash), code: RejectCode) {
        if self.would_be_past_limit(ordinal, Some(code)) {
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

    /// `more`: the reason of a reject that is not counted yet.
    fn would_be_past_limit(&self, ordinal: u64, more: Option<RejectCode>) -> bool {
        let limits = &self.settings.max_errors;
        limits.is_passed_early(&self.counts.rejected, more, ordinal)
    }
}
