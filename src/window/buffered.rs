//! Windows of bytes that come in their order, in memory that they share out among themselves.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use memmap2::MmapMut;

use super::{Backing, WantedSpan, Window};
use crate::error::Error;

/// Memory that bytes are read into. The next windows reuse it: the kernel takes longer to make fresh memory than to read into it.
#[derive(Debug)]
pub(super) struct StreamBuffer {
    /// `None` only while it is being dropped.
    memory: Option<MmapMut>,
    /// How many of its bytes make up the window.
    length: usize,
    /// Where it goes when it is dropped; nowhere once the bytes have ended.
    idle: Weak<IdleBuffers>,
}

pub(super) type IdleBuffers = Mutex<Vec<MmapMut>>;

impl StreamBuffer {
    pub(super) fn bytes(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], |memory| &memory[..self.length])
    }
}

impl Drop for StreamBuffer {
    fn drop(&mut self) {
        if let (Some(memory), Some(idle)) = (self.memory.take(), self.idle.upgrade()) {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        }
    }
}

/// Memory of `bytes` bytes, from `idle` if there is some of that size; idle memory of any other size is given back to the system. There is
/// never more of it than there were windows alive at a time.
fn stream_memory(idle: &IdleBuffers, bytes: usize) -> std::io::Result<MmapMut> {
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    idle.retain(|memory| memory.len() == bytes);
    idle.pop().map_or_else(|| MmapMut::map_anon(bytes), Ok)
}

/// Bytes that come in their order.
pub(super) trait NextBytes {
    /// Reads the bytes at `at_bytes`, which follow those read before, into `piece` and returns their number; 0 at the end, or when told to
    /// stop while there are none.
    fn read(&mut self, at_bytes: u64, piece: &mut [u8]) -> Result<usize, Error>;

    /// Whether it is known that there are none from `at_bytes` on.
    fn has_ended(&self, at_bytes: u64) -> bool;

    /// What memory cannot be had for.
    fn no_room(&self, error: std::io::Error) -> Error;
}

/// The windows of bytes that come in their order.
#[derive(Debug, Default)]
pub(super) struct BufferedWindows {
    /// The window handed out last: its bytes past the next start are copied into the next window.
    last: Option<Arc<Window>>,
    idle: Arc<IdleBuffers>,
    has_ended: bool,
}

impl BufferedWindows {
    /// Where windows may begin: within the window handed out last, or at its end.
    pub(super) fn reach(&self) -> std::ops::RangeInclusive<u64> {
        self.last.as_ref().map_or(0..=0, |window| {
            window.start_bytes..=window.start_bytes + window.bytes().len() as u64
        })
    }

    /// Lets go of the window handed out last, if all bytes have come.
    pub(super) fn rest(&mut self) {
        if self.has_ended {
            self.last = None;
        }
    }

    /// Buffers that wait to be used again.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The window that is wanted, which starts within [`reach`](Self::reach), or less if the bytes end before.
    pub(super) fn window(&mut self, span: WantedSpan, next: &mut dyn NextBytes) -> Result<Arc<Window>, Error> {
        let start_bytes = span.start_bytes;
        let rest = self.last.as_ref().map_or(&[][..], |window| {
            let skip = (start_bytes - window.start_bytes) as usize;
            &window.bytes()[skip.min(window.bytes().len())..]
        });
        // A window shorter than what is left of the last one would lose bytes.
        let want_bytes = span.want_bytes.max(rest.len());
        let mut memory = stream_memory(&self.idle, want_bytes.max(1)).map_err(|e| next.no_room(e))?;
        memory[..rest.len()].copy_from_slice(rest);
        let mut filled = rest.len();
        while filled < want_bytes {
            match next.read(start_bytes + filled as u64, &mut memory[filled..want_bytes])? {
                0 => break,
                read_bytes => filled += read_bytes,
            }
        }
        let at_end = next.has_ended(start_bytes + filled as u64);
        self.has_ended = at_end;
        let idle = if at_end {
            // From here on, dropped memory is given back to the system: indexes are built next, and they can use it.
            self.idle = Arc::default();
            Weak::new()
        } else {
            Arc::downgrade(&self.idle)
        };
        let window = Arc::new(Window {
            start_bytes,
            at_end,
            backing: Backing::Buffered(StreamBuffer {
                memory: Some(memory),
                length: filled,
                idle,
            }),
        });
        self.last = Some(Arc::clone(&window));
        Ok(window)
    }
}
