//! Where the bytes of a stream come from: a file that is not a regular one, or the program's reader; unpacked, if they are packed.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::opening::wait_readable;
use super::tail::TailFilter;
use super::wide_text::WideText;
use crate::decode::{LOOK_BYTES, Marks, PackedBytes, Packing, Trouble, Unpacked, Unpacking};
use crate::error::{Error, ErrorKind};

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
#[derive(Debug, Clone)]
pub(super) enum StreamSource {
    File(Arc<File>),
    Reader(SharedReader),
}

impl StreamSource {
    /// Reads into `piece` and returns the number of bytes, 0 at the end; `None` when told to stop while there are none. A reader that keeps
    /// waiting cannot be stopped: `stopped` is asked only before and after a read.
    fn read(&self, piece: &mut [u8], stopped: &dyn Fn() -> bool) -> Option<std::io::Result<usize>> {
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

/// What reading an input needs to know of it.
#[derive(Clone, Copy)]
pub(super) struct ReadingInput<'a> {
    pub(super) path: &'a Path,
    pub(super) unpacking: &'a Unpacking,
    pub(super) stopped: &'a dyn Fn() -> bool,
}

impl ReadingInput<'_> {
    pub(super) fn failed(&self, error: std::io::Error) -> Error {
        Error::io("reading", self.path, error)
    }

    pub(super) fn no_room(&self, error: std::io::Error) -> Error {
        Error::io("making room to read", self.path, error)
    }

    /// What is wrong with an input that cannot be unpacked.
    pub(super) fn not_unpacked(&self, trouble: Trouble) -> Error {
        let path = self.path.to_owned();
        match trouble {
            Trouble::Damaged(message) => Error::new(ErrorKind::InputDamaged { path, message }),
            Trouble::Refused(message) => Error::unusable(&path, message),
            Trouble::Read(e) => self.failed(e),
            Trouble::Unwanted => Error::internal("an input was unpacked that nobody reads"),
        }
    }
}

/// A stream's bytes, unpacked if they are packed.
#[derive(Debug)]
pub(super) struct StreamBytes {
    source: StreamSource,
    found: FoundBytes,
    /// Recodes UTF-16, if that is looked for.
    pub(super) wide: Option<WideText>,
    /// What is left out at the end.
    pub(super) tail: Option<TailFilter>,
    has_ended: bool,
}

/// What a stream turned out to be.
#[derive(Debug)]
enum FoundBytes {
    /// Not looked at to the end yet: the bytes so far.
    Unknown(Vec<u8>),
    /// Bytes that were looked at, and are still to be handed out; the others come from the source.
    Plain(Vec<u8>),
    Packed(Unpacked),
}

impl StreamBytes {
    pub(super) fn new(source: StreamSource) -> Self {
        StreamBytes {
            source,
            found: FoundBytes::Unknown(Vec::new()),
            wide: None,
            tail: None,
            has_ended: false,
        }
    }

    /// Whether no more bytes come.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What unpacks the stream, if it is packed.
    pub(super) fn unpacked(&self) -> Option<&Unpacked> {
        match &self.found {
            FoundBytes::Packed(unpacked) => Some(unpacked),
            _ => None,
        }
    }

    /// Reads into `piece` and returns the number of bytes; 0 at the end, or when told to stop while there are none: that is the end, too.
    pub(super) fn read(&mut self, piece: &mut [u8], reading: &ReadingInput<'_>) -> Result<usize, Error> {
        if self.has_ended || piece.is_empty() {
            return Ok(0);
        }
        let read = match self.tail.take() {
            None => self.read_text(piece, reading)?,
            Some(mut tail) => {
                let read = tail.read(piece, reading.path, &mut |piece| self.read_text(piece, reading));
                self.tail = Some(tail);
                read?
            }
        };
        self.has_ended = matches!(read, None | Some(0));
        Ok(read.unwrap_or(0))
    }

    /// As [`read`](Self::read), with what is left out at the end; `None` when told to stop.
    fn read_text(&mut self, piece: &mut [u8], reading: &ReadingInput<'_>) -> Result<Option<usize>, Error> {
        let Some(mut wide) = self.wide.take() else {
            return self.read_whole(piece, reading);
        };
        let read = wide.read(piece, &mut |piece| self.read_whole(piece, reading));
        self.wide = Some(wide);
        read
    }

    /// As [`read_text`](Self::read_text), without recoding.
    fn read_whole(&mut self, piece: &mut [u8], reading: &ReadingInput<'_>) -> Result<Option<usize>, Error> {
        match self.look(reading)? {
            None => Ok(None),
            Some(()) => self.read_found(piece, reading),
        }
    }

    fn read_found(&mut self, piece: &mut [u8], reading: &ReadingInput<'_>) -> Result<Option<usize>, Error> {
        match &mut self.found {
            FoundBytes::Packed(unpacked) => {
                let read = unpacked.read(piece, reading.stopped).transpose();
                read.map_err(|trouble| reading.not_unpacked(trouble))
            }
            FoundBytes::Plain(first) if first.is_empty() => {
                read_again(&self.source, piece, reading.stopped).map_err(|e| reading.failed(e))
            }
            FoundBytes::Plain(first) | FoundBytes::Unknown(first) => {
                let bytes = first.len().min(piece.len());
                piece[..bytes].copy_from_slice(&first[..bytes]);
                first.drain(..bytes);
                Ok(Some(bytes))
            }
        }
    }

    /// Finds out whether the stream is packed; `None` when told to stop before that is known.
    fn look(&mut self, reading: &ReadingInput<'_>) -> Result<Option<()>, Error> {
        let FoundBytes::Unknown(first) = &mut self.found else {
            return Ok(Some(()));
        };
        // As few bytes as tell: more of them may take long to come.
        while Packing::may_be(first) {
            let mut more = [0; LOOK_BYTES];
            let wanted = &mut more[..LOOK_BYTES - first.len()];
            match read_again(&self.source, wanted, reading.stopped).map_err(|e| reading.failed(e))? {
                None => return Ok(None),
                Some(0) => break,
                Some(bytes) => first.extend_from_slice(&more[..bytes]),
            }
        }
        let first = std::mem::take(first);
        self.found = match Packing::of(&first) {
            None => FoundBytes::Plain(first),
            Some(packing) => {
                let unpacked = self.unpack(packing, first, reading.unpacking);
                FoundBytes::Packed(unpacked.map_err(|e| reading.failed(e))?)
            }
        };
        Ok(Some(()))
    }

    /// Unpacks `first`, and the bytes that follow it.
    fn unpack(&self, packing: Packing, first: Vec<u8>, unpacking: &Unpacking) -> std::io::Result<Unpacked> {
        let stop = Arc::new(AtomicBool::new(false));
        let rest = StoppableReader {
            source: self.source.clone(),
            stop: Arc::clone(&stop),
        };
        let can_be_stopped = matches!(self.source, StreamSource::File(_));
        Unpacked::begin(
            packing,
            unpacking,
            PackedBytes::Stream(Box::new(std::io::Cursor::new(first).chain(rest))),
            &Arc::<Marks>::default(),
            can_be_stopped.then_some(stop),
        )
    }
}

/// Reads as [`StreamSource::read`] does, again when that was interrupted.
fn read_again(source: &StreamSource, piece: &mut [u8], stopped: &dyn Fn() -> bool) -> std::io::Result<Option<usize>> {
    loop {
        match source.read(piece, stopped).transpose() {
            Err(e) if e.kind() == IoErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// A stream's bytes for another thread, which fail once that is to stop.
struct StoppableReader {
    source: StreamSource,
    stop: Arc<AtomicBool>,
}

impl Read for StoppableReader {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        match self.source.read(piece, &|| self.stop.load(Ordering::Relaxed)) {
            Some(read) => read,
            None => Err(std::io::Error::other("nobody wants more bytes")),
        }
    }
}
