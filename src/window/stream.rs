//! A stream: its bytes come once, and those that are only looked at are kept in a file without a name.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::buffered::{BufferedWindows, NextBytes};
use super::stream_source::{ReadingInput, StreamBytes, StreamSource};
use super::{WantedSpan, Window};
use crate::error::Error;

/// Most bytes of a stream that are recorded at a time.
const RECORD_PIECE_BYTES: u64 = 256 << 10;
const RECORD_ACTION: &str = "writing a temporary file in";

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) windows: BufferedWindows,
    pub(super) bytes: StreamBytes,
    /// The bytes that were looked at before anything was read.
    record: Option<StreamRecord>,
    /// Windows are taken from anywhere in the record, which grows as far as they reach.
    pub(super) is_recording: bool,
}

/// The first bytes of a stream.
#[derive(Debug)]
struct StreamRecord {
    /// A file without a name.
    file: Arc<File>,
    length_bytes: u64,
    folder: PathBuf,
}

/// The record, and the bytes that follow it.
struct RecordedFirst<'a> {
    record: Option<&'a StreamRecord>,
    bytes: &'a mut StreamBytes,
    reading: ReadingInput<'a>,
}

impl RecordedFirst<'_> {
    fn recorded_bytes(&self) -> u64 {
        self.record.map_or(0, |record| record.length_bytes)
    }
}

impl NextBytes for RecordedFirst<'_> {
    fn read(&mut self, at_bytes: u64, piece: &mut [u8]) -> Result<usize, Error> {
        let recorded_bytes = self.recorded_bytes().saturating_sub(at_bytes).min(piece.len() as u64) as usize;
        match self.record {
            Some(record) if recorded_bytes > 0 => {
                let read = record.file.read_exact_at(&mut piece[..recorded_bytes], at_bytes);
                read.map_err(|e| Error::io("reading a temporary file in", &record.folder, e))?;
                Ok(recorded_bytes)
            }
            _ => self.bytes.read(piece, &self.reading),
        }
    }

    fn has_ended(&self, at_bytes: u64) -> bool {
        self.bytes.has_ended() && at_bytes >= self.recorded_bytes()
    }

    fn no_room(&self, error: std::io::Error) -> Error {
        self.reading.no_room(error)
    }
}

impl Stream {
    /// A stream of which nothing was read yet.
    pub(super) fn new(source: StreamSource) -> Self {
        Stream {
            windows: BufferedWindows::default(),
            bytes: StreamBytes::new(source),
            record: None,
            is_recording: false,
        }
    }

    /// From now on, windows are only looked at.
    pub(super) fn record_in(&mut self, folder: &Path) -> Result<(), Error> {
        let file = tempfile::tempfile_in(folder).map_err(|e| Error::io(RECORD_ACTION, folder, e))?;
        self.record = Some(StreamRecord {
            file: Arc::new(file),
            length_bytes: 0,
            folder: folder.to_owned(),
        });
        self.is_recording = true;
        Ok(())
    }

    /// Makes the record reach up to `bytes`, if there are that many; the file, how many of these bytes it has, and whether that is all.
    pub(super) fn record_up_to(
        &mut self,
        bytes: u64,
        reading: &ReadingInput<'_>,
    ) -> Result<(Arc<File>, u64, bool), Error> {
        let Some(record) = &mut self.record else {
            return Err(Error::internal(
                "an input that is not being recorded was asked for its record",
            ));
        };
        let mut piece = Vec::new();
        while record.length_bytes < bytes && !self.bytes.has_ended() {
            piece.resize((bytes - record.length_bytes).min(RECORD_PIECE_BYTES) as usize, 0);
            let read_bytes = self.bytes.read(&mut piece, reading)?;
            let written = record.file.write_all_at(&piece[..read_bytes], record.length_bytes);
            written.map_err(|e| Error::io(RECORD_ACTION, &record.folder, e))?;
            record.length_bytes += read_bytes as u64;
        }
        let length_bytes = bytes.min(record.length_bytes);
        let is_whole = self.bytes.has_ended() && length_bytes == record.length_bytes;
        Ok((Arc::clone(&record.file), length_bytes, is_whole))
    }

    /// As in [`BufferedWindows::window`].
    pub(super) fn window(&mut self, span: WantedSpan, reading: ReadingInput<'_>) -> Result<Arc<Window>, Error> {
        let mut next = RecordedFirst {
            record: self.record.as_ref(),
            bytes: &mut self.bytes,
            reading,
        };
        let window = self.windows.window(span, &mut next)?;
        let recorded_bytes = next.recorded_bytes();
        if span.start_bytes + window.bytes().len() as u64 >= recorded_bytes {
            self.record = None;
        }
        Ok(window)
    }
}
