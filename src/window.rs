//! Input bytes, a bounded span at a time: mapped where the input is a regular file, read into buffers where it is not.
//!
//! Comes in: a path, or the program's reader. Goes out: [`Window`]s, each a contiguous span that starts wherever the caller says the next
//! record may start, so a record that crosses the end of one window is whole again in the next. Never: a look at what the bytes mean. The
//! first bytes of a stream can be looked at before they are read: they go into a file without a name, which is later read first. What is
//! packed is unpacked on the way, and UTF-16 is recoded; offsets are those of what was packed, in UTF-8. A window is unmapped (or its buffer
//! given back for the next one) when its last user drops it; how many are alive is up to the caller.

mod buffered;
mod opening;
mod packed;
mod range_source;
mod stream;
mod stream_source;
mod tail;
#[cfg(test)]
mod tests;
mod watch;
mod wide_text;

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::{Advice, Mmap, MmapOptions};

use self::buffered::StreamBuffer;
use self::opening::{open_at_once, packing_of, start_of};
use self::packed::PackedFile;
use self::range_source::RangedInput;
pub use self::range_source::{RangeSource, read_fully};
use self::stream::Stream;
use self::stream_source::{ReadingInput, SharedReader, StreamSource};
pub use self::tail::{Tail, TailRules, first_line_end};
use self::tail::{TailFilter, of_file};
pub use self::watch::InputWatch;
use self::wide_text::{MARK_BYTES, WideText, order_of};
use crate::database_file::unless_database;
use crate::decode::{Marks, Packing, Unpacked, Unpacking};
use crate::encoding::wide::ByteOrder;
use crate::error::{Error, ErrorKind};
use crate::option_name::Wording;

/// Why a database is not an input.
pub const IS_DATABASE: Wording = Wording {
    on_command_line: "it is a SQLite database; the inputs come first, the database last",
    in_program: "it is a SQLite database, which cannot be an input",
};

/// A contiguous span of an input.
#[derive(Debug)]
pub struct Window {
    /// Offset of the first byte in the input, 0-based.
    pub start_bytes: u64,
    /// Whether the input ends where this window ends.
    pub at_end: bool,
    backing: Backing,
}

#[derive(Debug)]
enum Backing {
    Empty,
    /// A mapping starts at a page border: the first `skip` bytes lie before the window.
    Mapped {
        map: Mmap,
        skip: usize,
    },
    Buffered(StreamBuffer),
    Read(Vec<u8>),
}

impl Window {
    /// The bytes of the window.
    pub fn bytes(&self) -> &[u8] {
        match &self.backing {
            Backing::Empty => &[],
            Backing::Mapped { map, skip } => &map[*skip..],
            Backing::Buffered(buffer) => buffer.bytes(),
            Backing::Read(bytes) => bytes,
        }
    }
}

/// What can be done with an input. Whoever needs one of these abilities asks for that one, not for another that usually comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// How many bytes there are to read, if that is known before all of them are read.
    pub length_bytes: Option<u64>,
    /// Size of the file that it is, be it packed or not.
    pub file_bytes: Option<u64>,
    /// Its bytes are pages of a file: the memory that they take is given back when it is needed, and no window takes longer than another.
    pub can_be_mapped: bool,
    /// Windows may begin anywhere, even before those handed out already, now and when the load is started again. Of a packed file, all that
    /// comes before such a window is unpacked again.
    pub can_be_read_again: bool,
}

/// An open input.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    /// `None`: a stream, or a file that is closed, as one of many.
    file: Option<Arc<File>>,
    /// Whether the file is closed whenever nothing is read from it for a while.
    rests: bool,
    kind: InputKind,
    /// Whether the file may grow while it is read: only what was there at first is read.
    may_grow: bool,
    unpacking: Unpacking,
}

#[derive(Debug)]
enum InputKind {
    Mapped(OpenedFile),
    /// Or in UTF-16.
    Packed(OpenedFile, Box<PackedFile>),
    Streamed(Box<Stream>),
    Ranged(RangedInput),
}

/// A file as it was opened.
#[derive(Debug, Clone, Copy)]
struct OpenedFile {
    length_bytes: u64,
    /// What follows, and is no part of the input.
    tail: Tail,
    modified: Modified,
    identity: FileIdentity,
}

impl From<&Metadata> for OpenedFile {
    fn from(metadata: &Metadata) -> Self {
        OpenedFile {
            length_bytes: metadata.len(),
            tail: Tail::default(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            identity: FileIdentity::from(metadata),
        }
    }
}

/// A span of an input that is wanted; there may be less.
#[derive(Debug, Clone, Copy)]
struct WantedSpan {
    start_bytes: u64,
    want_bytes: usize,
}

/// When a file was last written to, as seconds and nanoseconds.
type Modified = (i64, i64);

/// What distinguishes one file from another, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    pub device: u64,
    pub inode: u64,
}

impl FileIdentity {
    /// The identity of the file at `path`, if there is one.
    pub fn of(path: &Path) -> Option<FileIdentity> {
        std::fs::metadata(path)
            .ok()
            .map(|metadata| FileIdentity::from(&metadata))
    }
}

impl From<&Metadata> for FileIdentity {
    fn from(metadata: &Metadata) -> Self {
        FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl Input {
    /// Opens `path`; `-` is standard input.
    ///
    /// # Errors
    /// `InputMissing` when it cannot be opened, `InputUnusable` for a directory.
    pub fn open(path: &Path) -> Result<Input, Error> {
        let missing = |source: std::io::Error| match source.raw_os_error() {
            // The input is there, but the system will not open it.
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Error::io("opening", path, source),
            _ => Error::new(ErrorKind::InputMissing {
                path: path.to_owned(),
                source,
            }),
        };
        let file = if path.as_os_str() == "-" {
            use std::os::fd::AsFd;
            File::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(missing)?)
        } else {
            open_at_once(path).map_err(missing)?
        };
        let metadata = file.metadata().map_err(missing)?;
        if metadata.is_dir() {
            return Err(Error::unusable(
                path,
                "it is a directory; name the CSV files in it one by one",
            ));
        }
        let file = if metadata.is_file() {
            unless_database(file).ok_or_else(|| Error::unusable(path, IS_DATABASE.to_string()))?
        } else {
            file
        };
        let file = Arc::new(file);
        let kind = if metadata.is_file() && path.as_os_str() != "-" {
            let state = OpenedFile::from(&metadata);
            match packing_of(&file).map_err(|e| Error::io("reading", path, e))? {
                Some(packing) => InputKind::Packed(state, Box::new(PackedFile::new(Some(packing)))),
                None => InputKind::Mapped(state),
            }
        } else {
            if metadata.file_type().is_block_device() {
                return Err(Error::unusable(path, "it is a block device; copy it into a file first"));
            }
            InputKind::Streamed(Box::new(Stream::new(StreamSource::File(Arc::clone(&file)))))
        };
        Ok(Input {
            path: path.to_owned(),
            file: Some(file),
            rests: false,
            kind,
            may_grow: false,
            unpacking: Unpacking::default(),
        })
    }

    /// The stream that `reader` gives, under the name `path`.
    pub fn from_reader(path: &Path, reader: Box<dyn Read + Send>) -> Input {
        let source = StreamSource::Reader(SharedReader::new(reader));
        Input {
            path: path.to_owned(),
            file: None,
            rests: false,
            kind: InputKind::Streamed(Box::new(Stream::new(source))),
            may_grow: false,
            unpacking: Unpacking::default(),
        }
    }

    /// What `source` has, under the name `path`; nothing is read that is not asked for.
    ///
    /// # Errors
    /// `Io` when its length or its first bytes cannot be had, `InputUnusable` when it is packed.
    pub fn from_ranges(path: &Path, source: Arc<dyn RangeSource>) -> Result<Input, Error> {
        Ok(Input {
            path: path.to_owned(),
            file: None,
            rests: false,
            kind: InputKind::Ranged(RangedInput::new(path, source)?),
            may_grow: false,
            unpacking: Unpacking::default(),
        })
    }

    /// Says how the input is to be unpacked, if it is packed. Before anything is read.
    pub fn set_unpacking(&mut self, unpacking: Unpacking) {
        self.unpacking = unpacking;
    }

    /// Has UTF-16 recoded, if that is what a byte order mark says; or, where there is no mark, what is `assumed`. Before anything is read.
    ///
    /// # Errors
    /// `Io` when a file's first bytes cannot be read.
    pub fn look_for_wide(&mut self, assumed: Option<ByteOrder>) -> Result<(), Error> {
        if let InputKind::Mapped(state) = self.kind {
            let file = self.opened()?;
            let start = start_of::<MARK_BYTES>(&file).map_err(|e| Error::io("reading", &self.path, e))?;
            if order_of(&start, assumed).is_some() {
                self.kind = InputKind::Packed(state, Box::new(PackedFile::new(None)));
            }
        }
        match &mut self.kind {
            InputKind::Mapped(_) => {}
            InputKind::Ranged(ranged) => ranged.refuse_wide(&self.path, assumed)?,
            InputKind::Packed(_, packed) => packed.looks_for_wide = Some(assumed),
            InputKind::Streamed(stream) => stream.bytes.wide = Some(WideText::new(assumed, None)),
        }
        Ok(())
    }

    /// The order of its bytes, if it is UTF-16 that is recoded. Known once its first bytes were read.
    pub fn wide(&self) -> Option<ByteOrder> {
        match &self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => None,
            InputKind::Packed(_, packed) => packed.order(),
            InputKind::Streamed(stream) => stream.bytes.wide.as_ref().and_then(WideText::order),
        }
    }

    /// How many bytes of UTF-16 were read so far, from the beginning on; `None` if it is none.
    pub fn wide_bytes(&self) -> Option<u64> {
        match &self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => None,
            InputKind::Packed(_, packed) => packed.wide_bytes(),
            InputKind::Streamed(stream) => stream.bytes.wide.as_ref().and_then(WideText::taken_bytes),
        }
    }

    /// Whether it is a file in UTF-16 that is not packed.
    pub fn is_wide_file(&self) -> bool {
        matches!(&self.kind, InputKind::Packed(_, packed) if packed.packing.is_none())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What can be done with the input.
    pub fn abilities(&self) -> Abilities {
        match &self.kind {
            InputKind::Mapped(state) => Abilities {
                length_bytes: Some(state.length_bytes),
                file_bytes: Some(state.length_bytes + state.tail.bytes()),
                can_be_mapped: true,
                can_be_read_again: true,
            },
            InputKind::Packed(state, _) => Abilities {
                length_bytes: None,
                file_bytes: Some(state.length_bytes),
                can_be_mapped: false,
                can_be_read_again: true,
            },
            InputKind::Ranged(ranged) => Abilities {
                length_bytes: Some(ranged.length_bytes),
                file_bytes: Some(ranged.length_bytes + ranged.tail.bytes()),
                can_be_mapped: false,
                can_be_read_again: true,
            },
            InputKind::Streamed(_) => Abilities {
                length_bytes: None,
                file_bytes: None,
                can_be_mapped: false,
                can_be_read_again: false,
            },
        }
    }

    /// What the input is packed with, if it is. Of a stream known once its first bytes were read.
    pub fn packing(&self) -> Option<Packing> {
        match &self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => None,
            InputKind::Packed(_, packed) => packed.packing,
            InputKind::Streamed(stream) => stream.bytes.unpacked().map(Unpacked::packing),
        }
    }

    /// Size of a packed file, or how much was read of a packed stream; else 0.
    pub fn packed_bytes(&self) -> u64 {
        match &self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => 0,
            InputKind::Packed(_, packed) if packed.packing.is_none() => 0,
            InputKind::Packed(state, _) => state.length_bytes,
            InputKind::Streamed(stream) => stream.bytes.unpacked().map_or(0, Unpacked::packed_bytes),
        }
    }

    /// Memory that unpacking takes. Known once its first bytes were read.
    pub fn unpacking_bytes(&self) -> u64 {
        match &self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => 0,
            InputKind::Packed(_, packed) => packed.memory_bytes(),
            InputKind::Streamed(stream) => stream.bytes.unpacked().map_or(0, Unpacked::memory_bytes),
        }
    }

    /// The member that is read, of an archive. Known once its first bytes were read.
    pub fn member(&self) -> Option<String> {
        match &self.kind {
            InputKind::Packed(_, packed) => packed.member(),
            _ => None,
        }
    }

    /// How many bytes of a packed file were read when so many bytes of what is in it had come. `None`: the bytes are the file's own, or those
    /// of a stream, whose length is not known.
    pub fn marks(&self) -> Option<Arc<Marks>> {
        match &self.kind {
            InputKind::Packed(_, packed) => Some(Arc::clone(&packed.marks)),
            _ => None,
        }
    }

    /// Makes a file be read as if it ended after its first `bytes`, if it has that many.
    pub fn end_after(&mut self, bytes: u64) {
        if let InputKind::Mapped(state) = &mut self.kind {
            state.length_bytes = bytes.min(state.length_bytes);
        }
    }

    /// The file as it was opened, if the input is one.
    fn file_state(&self) -> Option<&OpenedFile> {
        match &self.kind {
            InputKind::Mapped(state) | InputKind::Packed(state, _) => Some(state),
            InputKind::Streamed(_) | InputKind::Ranged(_) => None,
        }
    }

    /// Leaves out what `rules` find at the end of the input. Before anything is read.
    ///
    /// # Errors
    /// `InputUnusable` if that is too much; as [`window`](Self::window).
    pub fn leave_out_tail(&mut self, rules: TailRules) -> Result<(), Error> {
        match &mut self.kind {
            InputKind::Streamed(stream) => stream.bytes.tail = Some(TailFilter::new(rules)),
            InputKind::Packed(_, packed) => packed.tail_rules = Some(rules),
            InputKind::Mapped(state) => {
                let whole_bytes = state.length_bytes;
                let found = of_file(self, whole_bytes, rules)?;
                if let InputKind::Mapped(state) = &mut self.kind {
                    (state.length_bytes, state.tail) = (whole_bytes - found.bytes(), found);
                }
            }
            InputKind::Ranged(ranged) => {
                let whole_bytes = ranged.length_bytes;
                let found = of_file(self, whole_bytes, rules)?;
                if let InputKind::Ranged(ranged) = &mut self.kind {
                    (ranged.length_bytes, ranged.tail) = (whole_bytes - found.bytes(), found);
                }
            }
        }
        Ok(())
    }

    /// What was left out at the end: of what is streamed or packed, once that was reached.
    pub fn tail(&self) -> Tail {
        match &self.kind {
            InputKind::Mapped(state) => state.tail,
            InputKind::Ranged(ranged) => ranged.tail,
            InputKind::Packed(_, packed) => packed.tail(),
            InputKind::Streamed(stream) => stream.bytes.tail.as_ref().map(TailFilter::tail).unwrap_or_default(),
        }
    }

    /// Which file this is, if it is one.
    pub fn identity(&self) -> Option<FileIdentity> {
        self.file_state().map(|state| state.identity)
    }

    /// The window that starts at `start_bytes` and holds `want_bytes`, or fewer if the input ends before.
    ///
    /// For a stream `start_bytes` must lie within the window handed out last, or at its end. `stopped` is asked while a stream has nothing
    /// to give; once it says yes, the stream counts as ended.
    ///
    /// # Errors
    /// `Io` when mapping or reading fails, `InputChanged` when the file is no longer what was opened.
    pub fn window(
        &mut self,
        start_bytes: u64,
        want_bytes: usize,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Arc<Window>, Error> {
        let span = WantedSpan {
            start_bytes,
            want_bytes,
        };
        match &self.kind {
            InputKind::Mapped(OpenedFile { length_bytes, .. }) => {
                self.map(start_bytes, want_bytes, *length_bytes).map(Arc::new)
            }
            InputKind::Ranged(ranged) => ranged.window(&self.path, span).map(Arc::new),
            InputKind::Packed(..) => self.unpack(span, stopped),
            InputKind::Streamed(stream) if stream.is_recording => {
                let end_bytes = start_bytes.saturating_add(want_bytes as u64);
                let (mut record, is_whole) = self.recorded(end_bytes, stopped)?;
                let mut window = record.window(start_bytes, want_bytes, stopped)?;
                if let Some(window) = Arc::get_mut(&mut window) {
                    window.at_end &= is_whole;
                }
                Ok(window)
            }
            InputKind::Streamed(_) => self.stream(span, stopped),
        }
    }

    fn stream(&mut self, span: WantedSpan, stopped: &dyn Fn() -> bool) -> Result<Arc<Window>, Error> {
        let InputKind::Streamed(stream) = &mut self.kind else {
            return Err(Error::internal("a file was read as a stream"));
        };
        let reading = ReadingInput {
            path: &self.path,
            unpacking: &self.unpacking,
            stopped,
        };
        stream.window(span, reading)
    }

    fn unpack(&mut self, span: WantedSpan, stopped: &dyn Fn() -> bool) -> Result<Arc<Window>, Error> {
        let file = self.opened()?;
        self.check_unchanged()?;
        let watch = self.watch();
        let InputKind::Packed(_, packed) = &mut self.kind else {
            return Err(Error::internal("an input was unpacked that is not packed"));
        };
        let reading = ReadingInput {
            path: &self.path,
            unpacking: &self.unpacking,
            stopped,
        };
        let window = packed.window(&file, span, reading);
        // Bytes that changed meanwhile look damaged.
        window.map_err(|e| watch.and_then(|watch| watch.check_unchanged().err()).unwrap_or(e))
    }

    /// From now on, windows of a stream are only looked at: their bytes go into a file without a name in `folder`, which is read first once
    /// [`end_recording`](Self::end_recording) says that looking has ended. Does nothing for a file.
    ///
    /// # Errors
    /// `Io` when the file cannot be made.
    pub fn record_in(&mut self, folder: &Path) -> Result<(), Error> {
        match &mut self.kind {
            InputKind::Streamed(stream) => stream.record_in(folder),
            _ => Ok(()),
        }
    }

    pub fn end_recording(&mut self) {
        if let InputKind::Streamed(stream) = &mut self.kind {
            stream.is_recording = false;
        }
    }

    /// The first `bytes` of a stream that is being recorded, as a file, and whether that is all of it.
    ///
    /// # Errors
    /// `Io` when the stream cannot be read or its record cannot be written; as for any that is packed.
    pub fn recorded(&mut self, bytes: u64, stopped: &dyn Fn() -> bool) -> Result<(Input, bool), Error> {
        let InputKind::Streamed(stream) = &mut self.kind else {
            return Err(Error::internal("a file was asked for its record"));
        };
        let reading = ReadingInput {
            path: &self.path,
            unpacking: &self.unpacking,
            stopped,
        };
        let (record, length_bytes, is_whole) = stream.record_up_to(bytes, &reading)?;
        let metadata = record.metadata().map_err(|e| reading.failed(e))?;
        let file = Input {
            path: self.path.clone(),
            file: Some(record),
            rests: false,
            kind: InputKind::Mapped(OpenedFile {
                length_bytes,
                ..OpenedFile::from(&metadata)
            }),
            // What follows is not needed.
            may_grow: true,
            unpacking: self.unpacking.clone(),
        };
        Ok((file, is_whole))
    }

    /// Lets [`rest`](Self::rest) close the file from now on: there are more inputs than may be open.
    pub fn let_rest(&mut self) {
        self.rests = true;
    }

    /// Gives back what is held for reading: nothing will be read for a while.
    pub fn rest(&mut self) {
        match &mut self.kind {
            InputKind::Mapped(_) | InputKind::Ranged(_) => {}
            InputKind::Packed(_, packed) => packed.rest(),
            InputKind::Streamed(stream) => stream.windows.rest(),
        }
        if self.rests && self.identity().is_some() {
            self.file = None;
        }
    }

    /// The open file. If it was closed, it must be found again where it was.
    fn opened(&mut self) -> Result<Arc<File>, Error> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_at_once(&self.path).map_err(|e| Error::io("opening", &self.path, e))?);
        let metadata = file.metadata().map_err(|e| Error::io("reading", &self.path, e))?;
        if self.identity() != Some(FileIdentity::from(&metadata)) {
            return Err(self.changed("another file took its name".to_owned()));
        }
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    fn changed(&self, message: String) -> Error {
        Error::new(ErrorKind::InputChanged {
            path: self.path.clone(),
            message,
        })
    }

    /// From now on the file may grow.
    pub fn let_grow(&mut self) {
        self.may_grow = true;
    }

    /// Checks that nobody has written to the file since it was opened. A stream passes.
    ///
    /// Called before each window and after the last: what was read in between is then what the file held. It does not matter if another
    /// file took the name of this one.
    ///
    /// # Errors
    /// `InputChanged` saying how it changed, `Io` when the file cannot be checked.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        self.watch().map_or(Ok(()), |watch| watch.check_unchanged())
    }

    /// Whether a file that may grow was written to since it was opened. What it held then may have changed or not.
    ///
    /// # Errors
    /// `Io` when the file cannot be checked.
    pub fn was_written_to(&self) -> Result<bool, Error> {
        match self.watch() {
            Some(watch) if self.may_grow => Ok(watch.metadata()?.1 != watch.then.modified),
            _ => Ok(false),
        }
    }

    /// A way to check that the file, if it is one, is still what was opened.
    pub fn watch(&self) -> Option<InputWatch> {
        Some(InputWatch {
            path: self.path.clone(),
            file: self.file.clone(),
            then: *self.file_state()?,
            may_grow: self.may_grow,
        })
    }

    fn map(&mut self, start_bytes: u64, want_bytes: usize, length_bytes: u64) -> Result<Window, Error> {
        let file = self.opened()?;
        self.check_unchanged()?;
        let window_bytes = length_bytes.saturating_sub(start_bytes).min(want_bytes as u64) as usize;
        let at_end = start_bytes + window_bytes as u64 == length_bytes;
        if window_bytes == 0 {
            return Ok(Window {
                start_bytes,
                at_end,
                backing: Backing::Empty,
            });
        }
        let skip = (start_bytes % page_bytes()) as usize;
        let mut options = MmapOptions::new();
        options.offset(start_bytes - skip as u64).len(window_bytes + skip);
        // SAFETY: the mapping is private and read-only. Another process may still change or truncate the file under it: the length
        // was checked just now, a change of content shows up as other bytes, never as undefined values of a type with invalid
        // representations (only `u8` is read), and truncation after the check ends in SIGBUS, which ends the process with every
        // committed batch intact.
        let map = unsafe { options.map_copy_read_only(&*file) }.map_err(|e| Error::io("mapping", &self.path, e))?;
        // It is only advice: a kernel that does not know it loads the pages as they are touched.
        let _ = map.advise(Advice::Sequential);
        let _ = map.advise(Advice::PopulateRead);
        read_ahead(&file, start_bytes + window_bytes as u64, want_bytes);
        Ok(Window {
            start_bytes,
            at_end,
            backing: Backing::Mapped { map, skip },
        })
    }
}

/// Asks the kernel to fetch the next window while this one is being parsed.
fn read_ahead(file: &File, start_bytes: u64, want_bytes: usize) {
    let (Ok(start), Ok(length)) = (i64::try_from(start_bytes), i64::try_from(want_bytes)) else {
        return;
    };
    // SAFETY: posix_fadvise takes no pointer and cannot touch memory; the descriptor is open as long as `file`.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), start, length, libc::POSIX_FADV_WILLNEED) };
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096).max(1)
}
