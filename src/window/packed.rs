//! A file whose bytes are not those that are read, as it is packed or in UTF-16: these come in their order, and again from the first one
//! whenever earlier ones are wanted.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::buffered::{BufferedWindows, NextBytes};
use super::stream_source::ReadingInput;
use super::tail::{Tail, TailFilter, TailRules};
use super::wide_text::{self, WideText};
use super::{WantedSpan, Window};
use crate::decode::{Marks, PackedBytes, Packing, Unpacked};
use crate::encoding::wide::ByteOrder;
use crate::error::Error;

/// Most bytes that are passed over at a time.
const SKIP_PIECE_BYTES: u64 = 256 << 10;

/// A file that is packed or in UTF-16, or both.
#[derive(Debug)]
pub(super) struct PackedFile {
    pub(super) packing: Option<Packing>,
    windows: BufferedWindows,
    /// `None`: nothing was read yet, or nothing is read for a while.
    unpacked: Option<FileSource>,
    /// Whether UTF-16 is looked for, and the order of bytes that is assumed where no mark says it.
    pub(super) looks_for_wide: Option<Option<ByteOrder>>,
    wide: Option<WideText>,
    /// What is left out at the end of what is unpacked.
    pub(super) tail_rules: Option<TailRules>,
    filter: Option<TailFilter>,
    pub(super) marks: Arc<Marks>,
    /// What unpacking took, the member that was unpacked, and what was found at its end.
    memory_bytes: u64,
    member: Option<String>,
    tail: Tail,
    order: Option<ByteOrder>,
}

/// Where a file's bytes come from.
#[derive(Debug)]
enum FileSource {
    Unpacked(Unpacked),
    AsItStands(FromStart),
}

impl FileSource {
    /// As in [`Unpacked::read`].
    fn read(&mut self, piece: &mut [u8], reading: &ReadingInput<'_>) -> Result<Option<usize>, Error> {
        match self {
            FileSource::Unpacked(unpacked) => {
                let read = unpacked.read(piece, reading.stopped).transpose();
                read.map_err(|trouble| reading.not_unpacked(trouble))
            }
            FileSource::AsItStands(file) => loop {
                match file.read(piece) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    read => return read.map(Some).map_err(|e| reading.failed(e)),
                }
            },
        }
    }

    fn unpacked(&self) -> Option<&Unpacked> {
        match self {
            FileSource::Unpacked(unpacked) => Some(unpacked),
            FileSource::AsItStands(_) => None,
        }
    }
}

impl PackedFile {
    /// One that is packed, unless it is only in UTF-16.
    pub(super) fn new(packing: Option<Packing>) -> Self {
        PackedFile {
            packing,
            windows: BufferedWindows::default(),
            unpacked: None,
            looks_for_wide: None,
            wide: None,
            tail_rules: None,
            filter: None,
            marks: Arc::default(),
            memory_bytes: 0,
            member: None,
            tail: Tail::default(),
            order: None,
        }
    }

    /// See [`WideText::taken_bytes`].
    pub(super) fn wide_bytes(&self) -> Option<u64> {
        self.wide.as_ref().and_then(WideText::taken_bytes)
    }

    fn unpacked(&self) -> Option<&Unpacked> {
        self.unpacked.as_ref().and_then(FileSource::unpacked)
    }

    /// Memory that unpacking and recoding take. Known once its first bytes were read.
    pub(super) fn memory_bytes(&self) -> u64 {
        let recoding_bytes = self.order().map_or(0, |_| wide_text::MEMORY_BYTES);
        match &self.unpacked {
            None => self.memory_bytes,
            Some(source) => recoding_bytes + source.unpacked().map_or(0, Unpacked::memory_bytes),
        }
    }

    /// The order of bytes, if it is in UTF-16. Known once its first bytes were read.
    pub(super) fn order(&self) -> Option<ByteOrder> {
        self.wide.as_ref().and_then(WideText::order).or(self.order)
    }

    /// The member that is read, of an archive. Known once its first bytes were read.
    pub(super) fn member(&self) -> Option<String> {
        self.unpacked()
            .and_then(Unpacked::member)
            .or_else(|| self.member.clone())
    }

    /// What was left out at the end, once that was reached.
    pub(super) fn tail(&self) -> Tail {
        match self.filter.as_ref().map(TailFilter::tail) {
            Some(tail) if tail != Tail::default() => tail,
            _ => self.tail,
        }
    }

    /// Stops unpacking, and gives back what that holds.
    pub(super) fn rest(&mut self) {
        (self.memory_bytes, self.member, self.tail) = (self.memory_bytes(), self.member(), self.tail());
        self.order = self.order();
        (self.unpacked, self.filter, self.wide) = (None, None, None);
        self.windows = BufferedWindows::default();
    }

    /// The window of what is in `file` that is wanted, or less if that ends before. Begins anew if the window does not begin within the one
    /// handed out last or after it.
    pub(super) fn window(
        &mut self,
        file: &Arc<File>,
        span: WantedSpan,
        reading: ReadingInput<'_>,
    ) -> Result<Arc<Window>, Error> {
        let start_bytes = span.start_bytes;
        if start_bytes < *self.windows.reach().start() {
            self.rest();
        }
        let mut unpacked = match self.unpacked.take() {
            Some(unpacked) => unpacked,
            None => {
                self.filter = self.tail_rules.map(TailFilter::new);
                // What unpacks tells itself how far it got.
                let marks = self.packing.is_none().then(|| Arc::clone(&self.marks));
                self.wide = self.looks_for_wide.map(|assumed| WideText::new(assumed, marks));
                self.begin(file, &reading).map_err(|e| reading.failed(e))?
            }
        };
        let mut next = FileBytes {
            has_ended: false,
            unpacked: &mut unpacked,
            wide: self.wide.as_mut(),
            filter: self.filter.as_mut(),
            reading,
        };
        let mut at_bytes = *self.windows.reach().end();
        if start_bytes > at_bytes {
            self.windows = BufferedWindows::default();
            let mut piece = vec![0; SKIP_PIECE_BYTES as usize];
            while at_bytes < start_bytes {
                let piece_bytes = (start_bytes - at_bytes).min(SKIP_PIECE_BYTES) as usize;
                match next.read(at_bytes, &mut piece[..piece_bytes])? {
                    0 => break,
                    read_bytes => at_bytes += read_bytes as u64,
                }
            }
        }
        let window = self.windows.window(span, &mut next)?;
        self.unpacked = Some(unpacked);
        Ok(window)
    }

    fn begin(&self, file: &Arc<File>, reading: &ReadingInput<'_>) -> std::io::Result<FileSource> {
        let from_start = FromStart {
            file: Arc::clone(file),
            at_bytes: 0,
        };
        let Some(packing) = self.packing else {
            self.marks.clear();
            return Ok(FileSource::AsItStands(from_start));
        };
        let bytes = match packing {
            Packing::Zip => PackedBytes::File(Arc::clone(file)),
            _ => PackedBytes::Stream(Box::new(from_start)),
        };
        // ReadingInput a file never takes long.
        let stop = Some(Arc::new(AtomicBool::new(false)));
        let unpacked = Unpacked::begin(packing, reading.unpacking, bytes, &self.marks, stop)?;
        Ok(FileSource::Unpacked(unpacked))
    }
}

/// What is unpacked and recoded of a file.
struct FileBytes<'a> {
    unpacked: &'a mut FileSource,
    wide: Option<&'a mut WideText>,
    filter: Option<&'a mut TailFilter>,
    has_ended: bool,
    reading: ReadingInput<'a>,
}

impl NextBytes for FileBytes<'_> {
    fn read(&mut self, _at_bytes: u64, piece: &mut [u8]) -> Result<usize, Error> {
        let (unpacked, reading) = (&mut *self.unpacked, self.reading);
        let wide = &mut self.wide;
        let mut read_whole = |piece: &mut [u8]| match wide {
            None => unpacked.read(piece, &reading),
            Some(wide) => wide.read(piece, &mut |piece| unpacked.read(piece, &reading)),
        };
        let read = match &mut self.filter {
            None => read_whole(piece),
            Some(filter) => filter.read(piece, reading.path, &mut read_whole),
        };
        let read_bytes = read?.unwrap_or(0);
        self.has_ended |= read_bytes == 0;
        Ok(read_bytes)
    }

    fn has_ended(&self, _at_bytes: u64) -> bool {
        self.has_ended
    }

    fn no_room(&self, error: std::io::Error) -> Error {
        self.reading.no_room(error)
    }
}

/// A file's bytes from its first one on, whoever else reads it.
#[derive(Debug)]
struct FromStart {
    file: Arc<File>,
    at_bytes: u64,
}

impl Read for FromStart {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        let read_bytes = self.file.read_at(piece, self.at_bytes)?;
        self.at_bytes += read_bytes as u64;
        Ok(read_bytes)
    }
}
