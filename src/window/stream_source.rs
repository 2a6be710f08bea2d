//! Where the bytes of a stream come from: a file that is not a regular one, or the program's reader.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use super::wait_readable;

/// The program's reader.
#[derive(Clone)]
pub(super) struct SharedReader(Arc<Mutex<dyn Read + Send>>);

impl SharedReader {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        SharedReader(Arc::new(Mutex::new(reader)))
    }
}

impl fmt::Debug for SharedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedReader")
    }
}

/// Where a stream's bytes come from.
pub(super) enum StreamSource {
    File(Arc<File>),
    Reader(SharedReader),
}

impl StreamSource {
    /// Reads into `piece` and returns the number of bytes, 0 at the end; `None` when told to stop while there are none. A reader that keeps
    /// waiting cannot be stopped: `stopped` is asked only before and after a read.
    pub(super) fn read(&self, piece: &mut [u8], stopped: &dyn Fn() -> bool) -> Option<std::io::Result<usize>> {
        match self {
            StreamSource::File(file) => wait_readable(file, stopped).then(|| (&**file).read(piece)),
            StreamSource::Reader(_) if stopped() => None,
            StreamSource::Reader(SharedReader(reader)) => {
                let read = reader.lock().unwrap_or_else(PoisonError::into_inner).read(piece);
                Some(read.and_then(|read_bytes| match read_bytes > piece.len() {
                    true => Err(std::io::Error::other(
                        "the reader says that it gave more than it was asked for",
                    )),
                    false => Ok(read_bytes),
                }))
            }
        }
    }
}
