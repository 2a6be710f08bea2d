//! Records that chunk borders cut, put together again in input order.
//!
//! Comes in: the chunks, in input order, each with what was made of it as if a record began at its first byte. Goes out: adjacent blocks,
//! each of whole records.
//!
//! The hard part: damaged inputs. A quote that is never closed leaves its record undecided until the next quote, which may be many
//! chunks away; then it costs one line, and all other lines of those chunks are what they were taken for. So the bytes of undecided records
//! are parsed again with the bytes of the chunks after them in view, but only up to where the next chunk begins. If a record begins exactly
//! there, that chunk was read rightly, and what was made of it is used unchanged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::{
    Block, BlockSource, FinishedSpan, Flow, FoundBy, HeldWindow, IDLE, InputPiece, LINE_BYTES, LinePiece, Scan,
    Scanned, Work, add_time,
};
use crate::error::Error;
use crate::format::Format;
use crate::memory::Permit;

/// Bytes of undecided records that are parsed at a time, where a row holds little more than its record: few compared with what a load may
/// hold, many compared with what is looked at again for each piece.
const PIECE_BYTES: usize = 256 << 10;
/// Capacity for undecided bytes that is kept when there are none.
const KEPT_BYTES: usize = 1 << 20;

/// A chunk, and what was made of it as if a record began at its first byte.
struct Chunk<T> {
    window: Arc<HeldWindow>,
    start: usize,
    end: usize,
    finished: FinishedSpan<T>,
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

/// Records that were undecided.
struct Decided<T> {
    block: Block<T>,
    /// Others before the next chunk are undecided still.
    is_left: bool,
}

/// The bytes from the first undecided record to the end of the last chunk that came.
struct Undecided<T> {
    bytes: Vec<u8>,
    /// How many of `bytes` have been handed over since.
    done: usize,
    /// Offset of the first of `bytes` in the input.
    start_bytes: u64,
    /// Length of `bytes` from which another attempt is worth its time.
    retry_bytes: usize,
    /// The chunks in `bytes` that may have been read rightly, each with the offset in `bytes` at which it begins.
    ahead: VecDeque<(usize, Chunk<T>)>,
    /// Memory that `ahead` holds.
    ahead_bytes: usize,
}

impl<T> Default for Undecided<T> {
    fn default() -> Self {
        Undecided {
            bytes: Vec::new(),
            done: 0,
            start_bytes: 0,
            retry_bytes: 0,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
        }
    }
}

impl<T> Undecided<T> {
    /// Whether nothing is undecided.
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Lets go of all memory that others may be waiting for. The bytes stay.
    fn let_go(&mut self) {
        self.ahead.clear();
        self.ahead_bytes = 0;
    }

    /// Begins with the part of `chunk` that it does not decide alone.
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

    /// The chunk whose first byte has turned out to begin a record, if there is one.
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

    /// Forgets the bytes that have been handed over. Another attempt is worth its time once there are `retry_factor` times as many bytes as
    /// are left.
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

/// The calling thread's part of a scan.
pub(super) struct Stitcher<'s, 'c, W: Work> {
    scan: &'s Scan<'s, W>,
    carry: Undecided<W::Output>,
    parsed: FoundBy<W>,
    consume: &'c mut Consume<'c, W::Output>,
    /// The input ends with what came last.
    at_end: bool,
}

/// What is done with all that a scan finds.
type Consume<'c, T> = dyn FnMut(Scanned<T>) -> Result<Flow, Error> + 'c;

impl<'s, 'c, W: Work> Stitcher<'s, 'c, W> {
    pub(super) fn new(scan: &'s Scan<'s, W>, consume: &'c mut Consume<'c, W::Output>) -> Self {
        Stitcher {
            scan,
            carry: Undecided::default(),
            parsed: FoundBy::<W>::default(),
            consume,
            at_end: false,
        }
    }

    /// Takes results in input order and stitches records that chunk borders cut; returns whether the end of the input was reached.
    ///
    /// # Errors
    /// The first one of reading or of `consume`.
    pub(super) fn take(&mut self, queue: &Receiver<InputPiece<W::Output>>) -> Result<bool, Error> {
        loop {
            let flow = match queue.recv_timeout(IDLE) {
                Ok(slot) => self.take_slot(slot)?,
                Err(RecvTimeoutError::Timeout) => self.nothing(Scanned::Nothing)?,
                Err(RecvTimeoutError::Disconnected) => {
                    let is_undecided = self.at_end && !self.scan.settings.may_grow && !self.carry.is_empty();
                    return match is_undecided {
                        true => Err(Error::internal("records at the end of the input were left undecided")),
                        false => Ok(self.at_end),
                    };
                }
            };
            if flow == Flow::Stop {
                return Ok(false);
            }
        }
    }

    /// Nothing comes for a while, as `why` says: lets go of what is held.
    fn nothing(&mut self, why: Scanned<W::Output>) -> Result<Flow, Error> {
        self.carry.let_go();
        (self.consume)(why)
    }

    fn take_slot(&mut self, slot: InputPiece<W::Output>) -> Result<Flow, Error> {
        match slot {
            InputPiece::Failed(error) => Err(error),
            InputPiece::Waiting => self.nothing(Scanned::Waiting),
            InputPiece::LinePiece(piece) => {
                let is_decided = piece.last || self.scan.settings.may_grow;
                self.at_end = is_decided && piece.window.at_end && piece.end == piece.window.bytes().len();
                if piece.first && self.stitch_before(&piece)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                (self.consume)(Scanned::LinePiece(piece))
            }
            InputPiece::Chunk {
                window,
                start,
                end,
                at_end,
                result,
            } => {
                self.at_end = at_end;
                let since = Instant::now();
                let finished = result
                    .recv()
                    .map_err(|_| Error::internal("a chunk was dropped before it was parsed"))?;
                add_time(&self.scan.times.wait_ns, since);
                self.take_chunk(Chunk {
                    window,
                    start,
                    end,
                    finished,
                })
            }
        }
    }

    /// Hands over what `chunk`, the next of the input, decides.
    fn take_chunk(&mut self, chunk: Chunk<W::Output>) -> Result<Flow, Error> {
        let carry = &mut self.carry;
        if carry.is_empty() {
            carry.begin(&chunk);
            let is_left = self.at_end && !carry.is_empty();
            let flow = (self.consume)(Scanned::Block(chunk.into_block()))?;
            if is_left && flow == Flow::Continue {
                return self.stitch(self.carry.bytes.len(), !self.scan.settings.may_grow);
            }
            return Ok(flow);
        }
        // What is held back here must leave enough memory for others.
        carry.push(chunk, self.scan.settings.blocks_bytes / 2);
        let end = carry.bytes.len();
        if self.at_end || end >= carry.retry_bytes {
            self.stitch(end, self.at_end && !self.scan.settings.may_grow)
        } else {
            Ok(Flow::Continue)
        }
    }

    /// Decides what was unfinished before a line that is too long for any record to reach across. As many of its bytes as a record may have
    /// are enough to decide every record that began before it; the line itself is left alone.
    fn stitch_before(&mut self, line: &LinePiece) -> Result<Flow, Error> {
        if self.carry.is_empty() {
            return Ok(Flow::Continue);
        }
        let end = self.carry.bytes.len();
        let limit_bytes = usize::try_from(self.scan.format.max_record_bytes()).unwrap_or(usize::MAX);
        let ahead = &line.bytes()[..line.bytes().len().min(limit_bytes.saturating_add(1))];
        self.carry.bytes.extend_from_slice(ahead);
        let flow = self.stitch(end, false)?;
        if flow == Flow::Continue && self.carry.bytes.len() != ahead.len() {
            return Err(Error::internal(
                "a record reached into a line that is longer than a record can be",
            ));
        }
        self.carry.bytes.clear();
        Ok(flow)
    }

    /// Hands over the undecided records that begin before `end`, as far as the bytes there are decide them.
    fn stitch(&mut self, end: usize, at_end: bool) -> Result<Flow, Error> {
        while self.carry.done < end {
            let (block, is_undecided) = match self.carry.next_chunk() {
                Some(chunk) => {
                    let carry = &mut self.carry;
                    // With no byte after it, only the end of the input can decide what the chunk did not decide itself, and the chunk need
                    // not have known of that end.
                    let is_last = carry.done + chunk.bytes().len() == carry.bytes.len();
                    carry.done += chunk.finished.consumed;
                    (chunk.into_block(), is_last && !at_end)
                }
                None => match self.parse_undecided(end, at_end)? {
                    Some(found) => (found.block, found.is_left),
                    None => {
                        // Doubling keeps the total work linear however long the record turns out to be.
                        self.carry.forget_done(2);
                        return Ok(Flow::Continue);
                    }
                },
            };
            if (self.consume)(Scanned::Block(block))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            if is_undecided {
                break;
            }
        }
        self.carry.forget_done(1);
        Ok(Flow::Continue)
    }

    /// Parses the undecided records that begin before `end` or the next chunk; `None` if the bytes decide none of them, else those that
    /// they decide.
    fn parse_undecided(&mut self, end: usize, at_end: bool) -> Result<Option<Decided<W::Output>>, Error> {
        let carry = &mut self.carry;
        // In pieces, because the output of short lines takes many times their bytes.
        let border = carry.ahead.front().map_or(end, |(at, _)| *at);
        let piece_bytes = PIECE_BYTES * LINE_BYTES / self.scan.line_bytes();
        let border = border.min(carry.done + piece_bytes.max(self.scan.chunk_bytes()));
        let span = &carry.bytes[carry.done..];
        let (consumed, output) = self
            .scan
            .parse_and_work(span, border - carry.done, at_end, &mut self.parsed);
        if consumed == 0 {
            return Ok(None);
        }
        let bytes = span[..consumed].to_vec();
        let memory_bytes = consumed + self.scan.work.memory_bytes(&output);
        let start_bytes = carry.start_bytes + carry.done as u64;
        carry.done += consumed;
        let is_left = carry.done < border;
        let block = Block {
            source: BlockSource::Stitched {
                bytes,
                _permit: self.wait_for_consumer(memory_bytes)?,
            },
            start_bytes,
            output,
            // Without waiting: the memory that it would wait for may be held by what comes after this.
            _permit: self.scan.flight.blocks.take(memory_bytes),
        };
        Ok(Some(Decided { block, is_left }))
    }

    /// Waits until the blocks that came from here and are still in memory leave room for another of `memory_bytes`.
    fn wait_for_consumer(&mut self, memory_bytes: usize) -> Result<Permit, Error> {
        let gate = &self.scan.flight.stitched;
        if let Some(permit) = gate.try_acquire(memory_bytes) {
            return Ok(permit);
        }
        // What the consumer holds back would never be done.
        (self.consume)(Scanned::Nothing)?;
        let permit = gate.acquire(memory_bytes);
        permit.ok_or_else(|| Error::internal("blocks were waited for after the end of their scan"))
    }
}
