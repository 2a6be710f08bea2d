//! The reader thread: maps windows, cuts them into chunks, puts those into the queue and their parsing into the pool.
//!
//! A line that does not fit into a window as large as a record may be goes out in pieces, unparsed. In an input that may grow, bytes
//! without a line end decide nothing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use rayon::Scope;

use super::{EXPANSION_UNIT, FIRST_EXPANSION, Flow, HeldWindow, InputPiece, LinePiece, Scan, Work};
use crate::error::Error;
use crate::format::Format;
use crate::memory::{Gate, Permit};
use crate::window::Input;

/// How far an input has been read.
pub(super) struct Reader<'r, 's, 't, W: Work> {
    scan: &'s Scan<'s, W>,
    tasks: &'r Scope<'t>,
    slots: &'r SyncSender<InputPiece<W::Output>>,
    /// Where the next window begins, and how much of it is wanted.
    next_bytes: u64,
    want_bytes: usize,
    /// Whether the bytes there continue a line whose first pieces were handed out.
    within_line: bool,
    /// The input cannot be read again: what was read of it is handed out even if the scan was asked to stop.
    must_hand_out: bool,
    /// The scan was asked to stop, so the last line may be cut short.
    is_stopping: bool,
}

impl<'r, 's: 't, 't, W: Work> Reader<'r, 's, 't, W>
where
    W::Output: 't,
{
    pub(super) fn new(
        scan: &'s Scan<'s, W>,
        start_bytes: u64,
        tasks: &'r Scope<'t>,
        slots: &'r SyncSender<InputPiece<W::Output>>,
    ) -> Self {
        Reader {
            scan,
            tasks,
            slots,
            next_bytes: start_bytes,
            want_bytes: scan.settings.window_bytes,
            within_line: false,
            must_hand_out: false,
            is_stopping: false,
        }
    }

    /// Reads to the end of `input`, or until the scan is over.
    ///
    /// # Errors
    /// As in [`Input::window`].
    pub(super) fn read(mut self, input: &mut Input) -> Result<(), Error> {
        self.must_hand_out = !input.abilities().can_be_read_again;
        loop {
            let window = input.window(self.next_bytes, self.want_bytes, self.scan.stopped)?;
            // Taken while the reader holds no other window, so that it waits only for windows that others will let go of.
            let Some(permit) = self.acquire(&self.scan.flight.windows, window.bytes().len()) else {
                return Ok(());
            };
            let window = Arc::new(HeldWindow {
                window,
                _permit: permit,
            });
            if self.hand_out(&window) == Flow::Stop {
                return Ok(());
            }
        }
    }

    /// Takes memory; says so before it waits for any.
    fn acquire(&self, gate: &Arc<Gate>, bytes: usize) -> Option<Permit> {
        gate.try_acquire(bytes).or_else(|| {
            self.slots.send(InputPiece::Waiting).ok()?;
            gate.acquire(bytes)
        })
    }

    /// Hands out what `window` decides, and chooses the next window.
    fn hand_out(&mut self, window: &Arc<HeldWindow>) -> Flow {
        self.is_stopping = (self.scan.stopped)();
        if self.is_stopping && !self.must_hand_out {
            return Flow::Stop;
        }
        let Some(done) = self.cut_up(window).filter(|_| !self.is_stopping) else {
            return Flow::Stop;
        };
        if window.at_end {
            self.end(window, done);
            return Flow::Stop;
        }
        self.move_on(window, done)
    }

    /// Hands out the whole lines of `window`; returns where they end, or `None` once the scan is over.
    fn cut_up(&mut self, window: &Arc<HeldWindow>) -> Option<usize> {
        let (length, may_grow) = (window.bytes().len(), self.scan.settings.may_grow);
        let mut done = if self.within_line {
            self.go_on_with_line(window)?
        } else {
            0
        };
        while done < length && !self.within_line {
            let Some(chunk_bytes) = self.cut(&window.bytes()[done..]) else {
                break;
            };
            // In an input that may grow, an empty chunk follows as the last one.
            let at_end = window.at_end && done + chunk_bytes == length && !may_grow && !self.is_stopping;
            if !self.start(window, done..done + chunk_bytes, at_end) {
                return None;
            }
            done += chunk_bytes;
        }
        Some(done)
    }

    /// Hands out the next piece of a line that is too long; returns where it ends, or `None` once the scan is over.
    fn go_on_with_line(&mut self, window: &Arc<HeldWindow>) -> Option<usize> {
        let may_grow = self.scan.settings.may_grow;
        let line_end = memchr::memchr(self.scan.format.line_end(), window.bytes());
        self.within_line = line_end.is_none() && (may_grow || !window.at_end);
        let piece = LinePiece {
            window: Arc::clone(window),
            start: 0,
            end: line_end.map_or(window.bytes().len(), |at| at + 1),
            first: false,
            last: !self.within_line,
        };
        let end = piece.end;
        self.slots.send(InputPiece::LinePiece(piece)).ok().map(|()| end)
    }

    /// Hands out the first piece of a line that is too long, which is `window` from `start` on; returns whether anybody listens.
    fn begin_line(&self, window: &Arc<HeldWindow>, start: usize) -> bool {
        let piece = LinePiece {
            window: Arc::clone(window),
            start,
            end: window.bytes().len(),
            first: true,
            last: false,
        };
        self.slots.send(InputPiece::LinePiece(piece)).is_ok()
    }

    /// Hands out what `window`, the last one, has after its last line end.
    fn end(&self, window: &Arc<HeldWindow>, done: usize) {
        let (length, may_grow) = (window.bytes().len(), self.scan.settings.may_grow);
        if may_grow && length - done > self.limit_bytes() {
            // It is too long for a record whatever follows, so it decides what was unfinished before it, as in smaller windows. If nobody
            // listens, the scan is over anyhow.
            self.begin_line(window, done);
            return;
        }
        // Bytes without a line end decide nothing in an input that may grow.
        let end = if may_grow { done } else { length };
        if done < end || length == 0 || (may_grow && !self.within_line) {
            self.start(window, done..end, true);
        }
    }

    /// Chooses the next window after `done` bytes of this one were handed out.
    fn move_on(&mut self, window: &Arc<HeldWindow>, done: usize) -> Flow {
        let (length, limit_bytes) = (window.bytes().len(), self.limit_bytes());
        if done > 0 {
            self.next_bytes += done as u64;
            self.want_bytes = self.scan.settings.window_bytes;
        } else if length > limit_bytes {
            if !self.begin_line(window, 0) {
                return Flow::Stop;
            }
            self.next_bytes += length as u64;
            self.want_bytes = self.scan.settings.window_bytes;
            self.within_line = true;
        } else {
            // Not one line end in the window: look further, as far as a record may reach.
            self.want_bytes = self
                .want_bytes
                .saturating_mul(2)
                .min(limit_bytes.saturating_add(1))
                .max(self.want_bytes + 1);
        }
        Flow::Continue
    }

    /// The greatest length of a record.
    fn limit_bytes(&self) -> usize {
        usize::try_from(self.scan.format.max_record_bytes()).unwrap_or(usize::MAX)
    }

    /// Where the next chunk of `window` ends. A guess, which affects only how much is parsed twice.
    fn cut(&self, window: &[u8]) -> Option<usize> {
        let lines_matter = self.scan.lines_matter.load(Ordering::Relaxed);
        self.scan.format.cut(window, self.scan.chunk_bytes(), lines_matter)
    }

    /// Puts a chunk into the queue and its parsing into the pool; `false` once the scan is over.
    fn start(&self, window: &Arc<HeldWindow>, range: Range<usize>, at_end: bool) -> bool {
        let scan = self.scan;
        if (scan.stopped)() && !self.must_hand_out {
            return false;
        }
        let expansion = match scan.flight.expansion.load(Ordering::Relaxed) {
            0 => FIRST_EXPANSION * EXPANSION_UNIT,
            seen => seen.max(EXPANSION_UNIT),
        };
        let estimate_bytes = (range.len() as u64 * expansion / EXPANSION_UNIT) as usize;
        let Some(permit) = self.acquire(&scan.flight.blocks, estimate_bytes) else {
            return false;
        };
        let (sender, result) = sync_channel(1);
        let (start, end) = (range.start, range.end);
        let slot = InputPiece::Chunk {
            window: Arc::clone(window),
            start,
            end,
            at_end,
            result,
        };
        if self.slots.send(slot).is_err() {
            return false;
        }
        let window = Arc::clone(window);
        self.tasks.spawn(move |_| {
            let finished = scan.work_on(&window.bytes()[start..end], at_end && !scan.settings.may_grow, permit);
            // Nobody waits for the result of a scan that was stopped.
            let _ = sender.send(finished);
        });
        true
    }
}
