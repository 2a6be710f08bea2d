//! Records that chunk borders cut, put together again in input order.
//!
//! Comes in: the chunks, in input order, each with what was made of it as if a record began at its first byte. Goes out: blocks,
//! adjacent, each of whole records.
//!
//! The hard part: damaged inputs. A quote that is never closed leaves its record undecided until the next quote, which may be many
//! chunks away; then it costs one line, and all others of those chunks are what they were taken for. So the bytes of undecided
//! records are parsed again with the bytes of the chunks behind them in view, but no further than to where the next chunk begins.
//! If a record begins exactly there, the chunk was read rightly, and what was made of it is used as it is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Block, BlockSource, Finished, Flow, HeldWindow, LinePiece, Scan, Scanned, Work};
use crate::error::Error;
use crate::parse::Records;

/// Capacity for undecided bytes that is kept when there are none.
const KEPT_BYTES: usize = 1 << 20;

/// A chunk, and what was made of it as if a record began at its first byte.
pub(super) struct Chunk<T> {
    pub(super) window: Arc<HeldWindow>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) finished: Finished<T>,
}

impl<T> Chunk<T> {
    fn bytes(&self) -> &[u8] {
        &self.window.bytes()[self.start..self.end]
    }

    fn into_block(self) -> Block<T> {
        let Chunk {
            window,
            start,
            finished,
            ..
        } = self;
        Block {
            start_bytes: window.start_bytes + start as u64,
            source: BlockSource::Window {
                window,
                start,
                end: start + finished.consumed,
            },
            output: finished.output,
            _permit: finished.permit,
        }
    }
}

/// The bytes from the first undecided record on to the end of the last chunk that came.
pub(super) struct Carry<T> {
    bytes: Vec<u8>,
    /// How many of `bytes` have been handed over meanwhile.
    done: usize,
    /// Offset of the first of `bytes` in the input.
    start_bytes: u64,
    /// Length of `bytes` from which on another attempt is worth its time.
    retry_bytes: usize,
    /// Those of the chunks in `bytes` that may have been read rightly, each with where it begins in `bytes`.
    ahead: VecDeque<(usize, Chunk<T>)>,
    /// Memory that `ahead` holds.
    ahead_bytes: usize,
}

impl<T> Default for Carry<T> {
    fn default() -> Self {
        Carry {
            bytes: Vec::new(),
            done: 0,
            start_bytes: 0,
            retry_bytes: 0,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
        }
    }
}

impl<T> Carry<T> {
    /// Whether nothing is undecided.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Lets go of all that others may be waiting for. The bytes stay.
    pub(super) fn let_go(&mut self) {
        self.ahead.clear();
        self.ahead_bytes = 0;
    }

    /// Begins with what `chunk` alone does not decide.
    fn begin(&mut self, chunk: &Chunk<T>) {
        let rest = &chunk.bytes()[chunk.finished.consumed..];
        self.bytes.extend_from_slice(rest);
        self.start_bytes = chunk.window.start_bytes + (chunk.end - rest.len()) as u64;
        self.retry_bytes = rest.len() + 1;
    }

    fn push(&mut self, chunk: Chunk<T>, ahead_limit_bytes: usize) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(chunk.bytes());
        let memory_bytes = chunk.finished.permit.bytes();
        if self.ahead_bytes + memory_bytes <= ahead_limit_bytes {
            self.ahead_bytes += memory_bytes;
            self.ahead.push_back((at, chunk));
        }
    }

    /// The chunk at whose first byte a record has turned out to begin, if one has.
    fn next_chunk(&mut self) -> Option<Chunk<T>> {
        self.forget_passed();
        let (at, _) = self.ahead.front()?;
        if *at > self.done {
            return None;
        }
        let (_, chunk) = self.ahead.pop_front()?;
        self.ahead_bytes -= chunk.finished.permit.bytes();
        Some(chunk)
    }

    /// Lets go of chunks that a record reached into.
    fn forget_passed(&mut self) {
        while self.ahead.front().is_some_and(|(at, _)| *at < self.done) {
            self.ahead_bytes -= self
                .ahead
                .pop_front()
                .map_or(0, |(_, chunk)| chunk.finished.permit.bytes());
        }
    }

    /// Forgets the bytes that have been handed over. Another attempt is worth its time with `retry_factor` times the others and more.
    fn forget_done(&mut self, retry_factor: usize) {
        self.forget_passed();
        for (at, _) in &mut self.ahead {
            *at -= self.done;
        }
        self.bytes.drain(..self.done);
        self.start_bytes += self.done as u64;
        self.done = 0;
        self.retry_bytes = self.bytes.len() * retry_factor + 1;
        if self.bytes.is_empty() {
            self.let_go();
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }
}

impl<W: Work> Scan<'_, W> {
    /// Hands over what `chunk`, the next of the input, decides.
    pub(super) fn take_chunk(
        &self,
        chunk: Chunk<W::Output>,
        at_end: bool,
        carry: &mut Carry<W::Output>,
        records: &mut Records,
        consume: &mut dyn FnMut(Scanned<W::Output>) -> Result<Flow, Error>,
    ) -> Result<Flow, Error> {
        if carry.bytes.is_empty() {
            carry.begin(&chunk);
            return consume(Scanned::Block(chunk.into_block()));
        }
        // What is held back here must leave enough for others.
        carry.push(chunk, self.settings.blocks_bytes / 2);
        let end = carry.bytes.len();
        if at_end || end >= carry.retry_bytes {
            self.stitch(end, at_end && !self.settings.may_grow, carry, records, consume)
        } else {
            Ok(Flow::Continue)
        }
    }

    /// Decides what was unfinished before a line that is too long for any record to reach across: as many of its bytes as a record
    /// may have decide every record that began before it, and leave the line itself alone.
    pub(super) fn stitch_before(
        &self,
        line: &LinePiece,
        carry: &mut Carry<W::Output>,
        records: &mut Records,
        consume: &mut dyn FnMut(Scanned<W::Output>) -> Result<Flow, Error>,
    ) -> Result<Flow, Error> {
        if carry.bytes.is_empty() {
            return Ok(Flow::Continue);
        }
        let end = carry.bytes.len();
        let limit_bytes = usize::try_from(self.settings.syntax.max_record_bytes).unwrap_or(usize::MAX);
        let ahead = &line.bytes()[..line.bytes().len().min(limit_bytes.saturating_add(1))];
        carry.bytes.extend_from_slice(ahead);
        let flow = self.stitch(end, false, carry, records, consume)?;
        if flow == Flow::Continue && carry.bytes.len() != ahead.len() {
            return Err(Error::internal(
                "a record reached into a line that is longer than a record may be",
            ));
        }
        carry.bytes.clear();
        Ok(flow)
    }

    /// Hands over the undecided records that begin before `end`, as far as the bytes there are decide them.
    fn stitch(
        &self,
        end: usize,
        at_end: bool,
        carry: &mut Carry<W::Output>,
        records: &mut Records,
        consume: &mut dyn FnMut(Scanned<W::Output>) -> Result<Flow, Error>,
    ) -> Result<Flow, Error> {
        while carry.done < end {
            let (block, is_undecided) = match carry.next_chunk() {
                Some(chunk) => {
                    // With no byte behind it nothing but the end, which it need not have known, decides what it did not decide itself.
                    let is_last = carry.done + chunk.bytes().len() == carry.bytes.len();
                    carry.done += chunk.finished.consumed;
                    (chunk.into_block(), is_last && !at_end)
                }
                None => {
                    let border = carry.ahead.front().map_or(end, |(at, _)| *at);
                    let span = &carry.bytes[carry.done..];
                    let (consumed, output) = self.parse_and_work(span, border - carry.done, at_end, records);
                    if consumed == 0 {
                        // Doubling keeps the total work linear however long the record turns out to be.
                        carry.forget_done(2);
                        return Ok(Flow::Continue);
                    }
                    // Without waiting: what would be waited for may come behind this.
                    let permit = self.flight.blocks.take(consumed + self.work.memory_bytes(&output));
                    let block = Block {
                        source: BlockSource::Stitched(span[..consumed].to_vec()),
                        start_bytes: carry.start_bytes + carry.done as u64,
                        output,
                        _permit: permit,
                    };
                    carry.done += consumed;
                    (block, carry.done < border)
                }
            };
            if consume(Scanned::Block(block))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            if is_undecided {
                break;
            }
        }
        carry.forget_done(1);
        Ok(Flow::Continue)
    }
}
