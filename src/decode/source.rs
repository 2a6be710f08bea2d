//! Packed bytes, and where in them the reader is.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decode::trouble::{PartFailed, Trouble};

/// Bytes read at a time.
pub const SOURCE_BYTES: usize = 256 << 10;

/// Packed bytes, of which the next ones can be looked at before they are taken.
///
/// Those that unpack get as many bytes at a time as there is room for, however they arrive: of damaged bytes some crates hand out more if
/// they are given fewer, and what comes out must depend on the bytes alone.
pub struct Source {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer is not taken yet.
    start: usize,
    end: usize,
    /// Bytes taken so far: others look at it.
    taken: Arc<AtomicU64>,
    ended: bool,
    /// Why no more can be read than what is in the buffer.
    fails_next: Option<io::Error>,
    /// Why reading failed; those that unpack only see that it did.
    failed: Option<io::Error>,
}

impl Source {
    /// What `reader` gives. `taken` says where its first byte is.
    pub fn new(reader: Box<dyn Read + Send>, taken: Arc<AtomicU64>) -> Self {
        Source {
            reader,
            buffer: vec![0; SOURCE_BYTES],
            start: 0,
            end: 0,
            taken,
            ended: false,
            fails_next: None,
            failed: None,
        }
    }

    /// Offset of the next byte.
    pub fn position(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The next `bytes` bytes, or fewer at the end.
    ///
    /// # Errors
    /// `Read` when they cannot be read.
    pub fn peek(&mut self, bytes: usize) -> Result<&[u8], Trouble> {
        while self.end - self.start < bytes && !self.ended {
            self.fill()
                .map_err(|e| self.failed.take().map_or(Trouble::Read(e), Trouble::Read))?;
        }
        let end = self.end.min(self.start + bytes);
        Ok(&self.buffer[self.start..end])
    }

    /// Reads until there is no more room, or nothing more to read.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let filled = self.end;
        while self.end < self.buffer.len() && !self.ended && self.fails_next.is_none() {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read_bytes) => self.end += read_bytes,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => self.fails_next = Some(e),
            }
        }
        if self.end == filled && self.fails_next.is_some() {
            self.failed = self.fails_next.take();
            return Err(io::Error::other("the packed bytes cannot be read"));
        }
        Ok(())
    }

    /// Passes over `bytes` bytes.
    ///
    /// # Errors
    /// `Damaged` when there are fewer, `Read` when they cannot be read.
    pub fn skip(&mut self, mut bytes: u64, what: &str) -> Result<(), Trouble> {
        let begun = self.position();
        while bytes > 0 {
            let there = self.peek(1)?.len().min(1);
            if there == 0 {
                return Err(Trouble::Damaged(cut_short(what, begun)));
            }
            let passed = bytes.min((self.end - self.start) as u64);
            self.consume(passed as usize);
            bytes -= passed;
        }
        Ok(())
    }

    /// Whether there is nothing but NUL bytes up to the end: padding, as tapes and some tools add it. It is taken.
    ///
    /// # Errors
    /// `Read` when they cannot be read.
    pub fn is_padding(&mut self) -> Result<bool, Trouble> {
        loop {
            let bytes = self.peek(1)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            let rest = &self.buffer[self.start..self.end];
            let zeros = rest.iter().take_while(|&&byte| byte == 0).count();
            let is_padding = zeros == rest.len();
            self.consume(zeros);
            if !is_padding {
                return Ok(false);
            }
        }
    }

    /// What a part that begins at `start_bytes` of `what`, such as `gzip`, failed of.
    pub fn trouble(&mut self, failed: PartFailed, what: &str, start_bytes: u64) -> Trouble {
        match (self.failed.take(), failed) {
            (Some(e), _) => Trouble::Read(e),
            (None, PartFailed::Unwanted) => Trouble::Unwanted,
            (None, PartFailed::Said(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Trouble::Damaged(cut_short(what, start_bytes))
            }
            (None, PartFailed::Said(e)) => Trouble::Damaged(format!(
                "the {what} data that begin at its byte {start_bytes} are not what was packed: {e}"
            )),
        }
    }
}

fn cut_short(what: &str, start_bytes: u64) -> String {
    format!("it ends within the {what} data that begin at its byte {start_bytes}: it was cut short")
}

impl Read for Source {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let rest = self.fill_buf()?;
        let bytes = rest.len().min(piece.len());
        piece[..bytes].copy_from_slice(&rest[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
