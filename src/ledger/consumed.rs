//! Which bytes of the inputs the batches account for, as a hash of all of them: it is kept in the checkpoint, and a resumed load, which
//! reads them again, must arrive at the same hash before it writes.

use crate::content_hash::ContentHash;

/// The bytes of a block, or of a piece of a line, and the hashes of all that the load reads up to its start and up to its end.
#[derive(Debug, Clone, Copy)]
pub struct ConsumedSpan<'a> {
    pub bytes: &'a [u8],
    pub before: ContentHash,
    pub after: ContentHash,
}

/// The hash of the bytes that are accounted for so far.
#[derive(Debug, Default)]
pub struct Consumed {
    content: ContentHash,
    /// How many bytes of the current span are part of that.
    span_bytes: usize,
    /// What an earlier run of the load had consumed, until this one gets there.
    expected: Option<ContentHash>,
}

impl Consumed {
    /// Sets what an earlier run consumed, to be found again.
    pub fn expect(&mut self, content: ContentHash) {
        self.expected = (content.bytes > 0).then_some(content);
    }

    /// Whether what an earlier run consumed has yet to be found again.
    pub fn is_expecting(&self) -> bool {
        self.expected.is_some()
    }

    pub fn content(&self) -> ContentHash {
        self.content
    }

    /// Moves to the next span. Returns `false` when it shows that what an earlier run consumed was something else.
    #[must_use]
    pub fn begin(&mut self, span: ConsumedSpan<'_>) -> bool {
        self.content = span.before;
        self.span_bytes = 0;
        let Some(expected) = self.expected.filter(|expected| expected.bytes <= span.after.bytes) else {
            return true;
        };
        self.expected = None;
        // Nothing was consumed before the first span, so the expected place cannot lie before it in the same input.
        let Some(bytes) = expected.bytes.checked_sub(span.before.bytes) else {
            return false;
        };
        let start = &span.bytes[..span.bytes.len().min(bytes as usize)];
        span.before.then(ContentHash::of(start)) == expected
    }

    /// The records that end before `end` in the span are accounted for.
    pub fn advance(&mut self, span: ConsumedSpan<'_>, end: usize) {
        if end >= span.bytes.len() {
            self.content = span.after;
        } else if end > self.span_bytes {
            self.content = self.content.then(ContentHash::of(&span.bytes[self.span_bytes..end]));
        }
        self.span_bytes = self.span_bytes.max(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(bytes: &[u8], size: usize) -> impl Iterator<Item = ConsumedSpan<'_>> {
        bytes.chunks(size).enumerate().map(move |(index, piece)| ConsumedSpan {
            bytes: piece,
            before: ContentHash::of(&bytes[..index * size]),
            after: ContentHash::of(&bytes[..index * size + piece.len()]),
        })
    }

    #[test]
    fn a_place_is_found_again_wherever_the_spans_are_cut_and_a_changed_byte_before_it_is_noticed() {
        let bytes: Vec<u8> = (0..100).collect();
        for (end, size) in [(1, 1), (30, 7), (35, 7), (99, 100), (100, 100), (100, 33)] {
            let mut first = Consumed::default();
            for span in spans(&bytes, 10) {
                let done = (end as u64).saturating_sub(span.before.bytes).min(10) as usize;
                if done > 0 {
                    assert!(first.begin(span));
                    first.advance(span, done / 2);
                    first.advance(span, done);
                }
            }
            assert_eq!(first.content(), ContentHash::of(&bytes[..end]));
            for changed_at in [None, Some(0), Some(end - 1)] {
                let mut bytes = bytes.clone();
                changed_at.into_iter().for_each(|at: usize| bytes[at] ^= 1);
                let mut again = Consumed::default();
                again.expect(first.content());
                let same = spans(&bytes, size).all(|span| again.begin(span));
                assert_eq!(same, changed_at.is_none(), "{end} {size} {changed_at:?}");
                assert!(!again.is_expecting());
            }
        }
    }

    #[test]
    fn a_place_that_was_never_reached_is_still_expected() {
        let mut consumed = Consumed::default();
        consumed.expect(ContentHash::default());
        assert!(!consumed.is_expecting(), "nothing was consumed");
        consumed.expect(ContentHash::of(b"0123456789"));
        assert!(spans(b"01234", 2).all(|span| consumed.begin(span)));
        assert!(consumed.is_expecting());
    }
}
