//! Inputs of which any part can be read at any time, wherever they are: the program says how.

use std::fs::File;
use std::io::{self, ErrorKind as IoErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::wide_text::{MARK_BYTES, order_of};
use super::{Backing, Tail, WantedSpan, Window};
use crate::decode::{LOOK_BYTES, Packing};
use crate::encoding::wide::ByteOrder;
use crate::error::Error;

/// Bytes that can be read from anywhere: a file, an object of a store, memory.
pub trait RangeSource: Send + Sync {
    /// How many bytes there are.
    ///
    /// # Errors
    /// Whatever keeps that from being known.
    fn length_bytes(&self) -> io::Result<u64>;

    /// Reads bytes from `offset_bytes` on into `buffer` and returns how many; 0 only at the end, or for an empty buffer. Fewer than the
    /// buffer holds are no error: the rest is asked for again.
    ///
    /// # Errors
    /// Whatever keeps them from being read. [`Interrupted`](io::ErrorKind::Interrupted) is no error: the same is asked for again.
    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl RangeSource for [u8] {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset_bytes).map_or(self.len(), |offset| offset.min(self.len()));
        let read_bytes = buffer.len().min(self.len() - start);
        buffer[..read_bytes].copy_from_slice(&self[start..start + read_bytes]);
        Ok(read_bytes)
    }
}

impl RangeSource for Vec<u8> {
    fn length_bytes(&self) -> io::Result<u64> {
        self.as_slice().length_bytes()
    }

    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset_bytes, buffer)
    }
}

impl RangeSource for File {
    fn length_bytes(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset_bytes)
    }
}

/// Reads from `offset_bytes` on until `buffer` is full or the source ends; returns how many bytes that were.
pub fn read_fully(source: &dyn RangeSource, offset_bytes: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read_at(offset_bytes + filled as u64, &mut buffer[filled..]) {
            Ok(0) => break,
            // A source that says it read more than there is room for is at fault.
            Ok(read_bytes) if read_bytes > buffer.len() - filled => {
                return Err(io::Error::other("more bytes were read than were asked for"));
            }
            Ok(read_bytes) => filled += read_bytes,
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// An input that is read from a [`RangeSource`].
pub(super) struct RangedInput {
    source: Arc<dyn RangeSource>,
    pub(super) length_bytes: u64,
    /// What follows, and is no part of the input.
    pub(super) tail: Tail,
}

impl std::fmt::Debug for RangedInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RangedInput")
            .field("length_bytes", &self.length_bytes)
            .finish_non_exhaustive()
    }
}

impl RangedInput {
    pub(super) fn new(path: &Path, source: Arc<dyn RangeSource>) -> Result<Self, Error> {
        let length_bytes = source.length_bytes().map_err(|e| Error::io("reading", path, e))?;
        let ranged = RangedInput {
            source,
            length_bytes,
            tail: Tail::default(),
        };
        match Packing::of(&ranged.read(path, 0, LOOK_BYTES)?) {
            None => Ok(ranged),
            Some(packing) => Err(Error::unusable(
                path,
                format!(
                    "it is packed ({}): of what is packed no part can be read without all that comes before it; unpack it first",
                    packing.as_str()
                ),
            )),
        }
    }

    /// # Errors
    /// `InputUnusable` when it is UTF-16, of which no part can be read by itself.
    pub(super) fn refuse_wide(&self, path: &Path, assumed: Option<ByteOrder>) -> Result<(), Error> {
        match order_of(&self.read(path, 0, MARK_BYTES)?, assumed) {
            None => Ok(()),
            Some(_) => Err(Error::unusable(
                path,
                "it is UTF-16, which is recoded from its beginning on, so that no part can be read by itself; convert it first: iconv -f \
                 UTF-16 -t UTF-8 FILE",
            )),
        }
    }

    fn read(&self, path: &Path, offset_bytes: u64, bytes: usize) -> Result<Vec<u8>, Error> {
        let there = self.length_bytes.saturating_sub(offset_bytes);
        let mut buffer = vec![0; there.min(bytes as u64) as usize];
        let read = read_fully(&*self.source, offset_bytes, &mut buffer);
        let read_bytes = read.map_err(|e| Error::io("reading", path, e))?;
        if read_bytes < buffer.len() {
            let message = "it has fewer bytes than it said".to_owned();
            return Err(Error::changed(path, message));
        }
        Ok(buffer)
    }

    pub(super) fn window(&self, path: &Path, span: WantedSpan) -> Result<Window, Error> {
        let bytes = self.read(path, span.start_bytes, span.want_bytes)?;
        Ok(Window {
            start_bytes: span.start_bytes,
            at_end: span.start_bytes + bytes.len() as u64 >= self.length_bytes,
            backing: Backing::Read(bytes),
        })
    }
}
