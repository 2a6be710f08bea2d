//! Input bytes, a bounded span at a time: mapped where the input is a regular file, read into buffers where it is not.
//!
//! Comes in: a path, or the program's reader. Goes out: [`Window`]s, each a contiguous span that starts wherever the caller says the next
//! record may start, so a record that crosses the end of one window is whole again in the next. Never: a look at what the bytes mean. The
//! first bytes of a stream can be looked at before they are read: they go into a file without a name, which is later read first. A window
//! is unmapped (or its buffer given back for the next one) when its last user drops it; how many are alive is up to the caller.

mod stream_source;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use memmap2::{Advice, Mmap, MmapMut, MmapOptions};

use self::stream_source::{SharedReader, StreamSource};
use crate::database_file::unless_database;
use crate::error::{Error, ErrorKind};
use crate::option_name::Wording;

/// Why a database is not an input.
pub const IS_DATABASE: Wording = Wording {
    on_command_line: "it is a SQLite database; the inputs come first, the database last",
    in_program: "it is a SQLite database, which cannot be an input",
};
/// Longest wait for a stream's next bytes before the stop request is looked at again.
const POLL_INTERVAL_MS: i32 = 100;
/// Most bytes of a stream that are recorded at a time.
const RECORD_PIECE_BYTES: u64 = 256 << 10;
const RECORD_ACTION: &str = "writing a temporary file in";

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
}

/// Memory that a stream is read into. The stream's next windows reuse it: the kernel takes longer to make fresh memory than to read into
/// it.
#[derive(Debug)]
struct StreamBuffer {
    /// `None` only while it is being dropped.
    memory: Option<MmapMut>,
    /// How many of its bytes make up the window.
    length: usize,
    /// Where it goes when it is dropped; nowhere once the stream has ended.
    idle: Weak<IdleBuffers>,
}

type IdleBuffers = Mutex<Vec<MmapMut>>;

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

impl Window {
    /// The bytes of the window.
    pub fn bytes(&self) -> &[u8] {
        match &self.backing {
            Backing::Empty => &[],
            Backing::Mapped { map, skip } => &map[*skip..],
            Backing::Buffered(buffer) => buffer.memory.as_ref().map_or(&[], |memory| &memory[..buffer.length]),
        }
    }
}

/// What can be done with an input. Whoever needs one of these abilities asks for that one, not for another that usually comes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Its size, if that is known before all of it is read.
    pub length_bytes: Option<u64>,
    /// Its bytes are pages of a file: the memory that they take is given back when it is needed.
    pub can_be_mapped: bool,
    /// Windows may begin anywhere, even before those handed out already, now and when the load is started again.
    pub can_be_read_again: bool,
}

/// An open input.
#[derive(Debug)]
pub struct Input {
    path: PathBuf,
    /// `None` while the file is closed, as one of many.
    file: Option<Arc<File>>,
    /// Whether the file is closed whenever nothing is read from it for a while.
    rests: bool,
    kind: InputKind,
    /// Whether the file may grow while it is read: only what was there at first is read.
    may_grow: bool,
}

#[derive(Debug)]
enum InputKind {
    Mapped {
        length_bytes: u64,
        modified: Modified,
        identity: FileIdentity,
    },
    /// `last` is the window handed out last: its bytes past the next start are copied into the next window.
    Streamed {
        last: Option<Arc<Window>>,
        ended: bool,
        idle: Arc<IdleBuffers>,
        /// The reader that the program gave; `None`: the file is read.
        reader: Option<SharedReader>,
        /// The bytes that were looked at before anything was read.
        record: Option<StreamRecord>,
        /// Windows are taken from anywhere in the record, which grows as far as they reach.
        recording: bool,
    },
}

impl InputKind {
    /// A stream of which nothing was read yet.
    fn stream(reader: Option<SharedReader>) -> InputKind {
        InputKind::Streamed {
            last: None,
            ended: false,
            idle: Arc::default(),
            reader,
            record: None,
            recording: false,
        }
    }
}

/// The first bytes of a stream.
#[derive(Debug)]
struct StreamRecord {
    /// A file without a name.
    file: Arc<File>,
    length_bytes: u64,
    folder: PathBuf,
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

/// A file that is read elsewhere, by which to check that it is still what was opened.
#[derive(Debug)]
pub struct InputWatch {
    path: PathBuf,
    /// `None`: the file is looked up by its name.
    file: Option<Arc<File>>,
    identity: FileIdentity,
    length_bytes: u64,
    modified: Modified,
    may_grow: bool,
}

impl InputWatch {
    /// As in [`Input::check_unchanged`].
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let length_bytes = self.length_bytes;
        let (now_bytes, modified) = self.metadata()?;
        let message = match now_bytes.cmp(&length_bytes) {
            Ordering::Equal | Ordering::Greater if self.may_grow => return Ok(()),
            Ordering::Less => format!("it shrank from {length_bytes} to {now_bytes} bytes"),
            Ordering::Greater => format!("it grew from {length_bytes} to {now_bytes} bytes"),
            Ordering::Equal if modified != self.modified => "it was written to".to_owned(),
            Ordering::Equal => return Ok(()),
        };
        Err(self.changed(message))
    }

    fn changed(&self, message: String) -> Error {
        Error::new(ErrorKind::InputChanged {
            path: self.path.clone(),
            message,
        })
    }

    /// The current size and time of the last write.
    fn metadata(&self) -> Result<(u64, Modified), Error> {
        let metadata = match &self.file {
            Some(file) => file.metadata(),
            None => std::fs::metadata(&self.path),
        };
        let metadata = metadata.map_err(|e| Error::io("reading", &self.path, e))?;
        if self.identity != FileIdentity::from(&metadata) {
            return Err(self.changed("another file took its name".to_owned()));
        }
        Ok((metadata.len(), (metadata.mtime(), metadata.mtime_nsec())))
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
        let kind = if metadata.is_file() && path.as_os_str() != "-" {
            InputKind::Mapped {
                length_bytes: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                identity: FileIdentity::from(&metadata),
            }
        } else {
            if metadata.file_type().is_block_device() {
                return Err(Error::unusable(path, "it is a block device; copy it into a file first"));
            }
            InputKind::stream(None)
        };
        Ok(Input {
            path: path.to_owned(),
            file: Some(Arc::new(file)),
            rests: false,
            kind,
            may_grow: false,
        })
    }

    /// The stream that `reader` gives, under the name `path`.
    pub fn from_reader(path: &Path, reader: Box<dyn Read + Send>) -> Input {
        Input {
            path: path.to_owned(),
            file: None,
            rests: false,
            kind: InputKind::stream(Some(SharedReader::new(reader))),
            may_grow: false,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What can be done with the input.
    pub fn abilities(&self) -> Abilities {
        match self.kind {
            InputKind::Mapped { length_bytes, .. } => Abilities {
                length_bytes: Some(length_bytes),
                can_be_mapped: true,
                can_be_read_again: true,
            },
            InputKind::Streamed { .. } => Abilities {
                length_bytes: None,
                can_be_mapped: false,
                can_be_read_again: false,
            },
        }
    }

    /// Makes a file be read as if it ended after its first `bytes`, if it has that many.
    pub fn end_after(&mut self, bytes: u64) {
        if let InputKind::Mapped { length_bytes, .. } = &mut self.kind {
            *length_bytes = bytes.min(*length_bytes);
        }
    }

    /// Which file this is, if it is one.
    pub fn identity(&self) -> Option<FileIdentity> {
        match self.kind {
            InputKind::Mapped { identity, .. } => Some(identity),
            InputKind::Streamed { .. } => None,
        }
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
        match self.kind {
            InputKind::Mapped { length_bytes, .. } => self.map(start_bytes, want_bytes, length_bytes).map(Arc::new),
            InputKind::Streamed { recording: true, .. } => {
                let (mut record, is_whole) = self.recorded(start_bytes.saturating_add(want_bytes as u64), stopped)?;
                let mut window = record.window(start_bytes, want_bytes, stopped)?;
                if let Some(window) = Arc::get_mut(&mut window) {
                    window.at_end &= is_whole;
                }
                Ok(window)
            }
            InputKind::Streamed { .. } => self.read(start_bytes, want_bytes, stopped),
        }
    }

    /// From now on, windows of a stream are only looked at: their bytes go into a file without a name in `folder`, which is read first once
    /// [`end_recording`](Self::end_recording) says that looking has ended. Does nothing for a file.
    ///
    /// # Errors
    /// `Io` when the file cannot be made.
    pub fn record_in(&mut self, folder: &Path) -> Result<(), Error> {
        if let InputKind::Streamed { record, recording, .. } = &mut self.kind {
            let file = tempfile::tempfile_in(folder).map_err(|e| Error::io(RECORD_ACTION, folder, e))?;
            *record = Some(StreamRecord {
                file: Arc::new(file),
                length_bytes: 0,
                folder: folder.to_owned(),
            });
            *recording = true;
        }
        Ok(())
    }

    pub fn end_recording(&mut self) {
        if let InputKind::Streamed { recording, .. } = &mut self.kind {
            *recording = false;
        }
    }

    /// The first `bytes` of a stream that is being recorded, as a file, and whether that is all of it.
    ///
    /// # Errors
    /// `Io` when the stream cannot be read or its record cannot be written.
    pub fn recorded(&mut self, bytes: u64, stopped: &dyn Fn() -> bool) -> Result<(Input, bool), Error> {
        let source = self.source()?;
        let InputKind::Streamed {
            ended,
            record: Some(record),
            ..
        } = &mut self.kind
        else {
            return Err(Error::internal(
                "an input that is not being recorded was asked for its record",
            ));
        };
        let mut piece = Vec::new();
        while record.length_bytes < bytes && !*ended {
            piece.resize((bytes - record.length_bytes).min(RECORD_PIECE_BYTES) as usize, 0);
            let Some(read) = source.read(&mut piece, stopped) else {
                *ended = true;
                break;
            };
            match read {
                Ok(0) => *ended = true,
                Ok(read_bytes) => {
                    let written = record.file.write_all_at(&piece[..read_bytes], record.length_bytes);
                    written.map_err(|e| Error::io(RECORD_ACTION, &record.folder, e))?;
                    record.length_bytes += read_bytes as u64;
                }
                Err(e) if e.kind() == IoErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("reading", &self.path, e)),
            }
        }
        let metadata = record
            .file
            .metadata()
            .map_err(|e| Error::io("reading", &self.path, e))?;
        let length_bytes = bytes.min(record.length_bytes);
        let file = Input {
            path: self.path.clone(),
            file: Some(Arc::clone(&record.file)),
            rests: false,
            kind: InputKind::Mapped {
                length_bytes,
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                identity: FileIdentity::from(&metadata),
            },
            // What follows is not needed.
            may_grow: true,
        };
        Ok((file, *ended && length_bytes == record.length_bytes))
    }

    /// Lets [`rest`](Self::rest) close the file from now on: there are more inputs than may be open.
    pub fn let_rest(&mut self) {
        self.rests = true;
    }

    /// Gives back what is held for reading: nothing will be read for a while.
    pub fn rest(&mut self) {
        match &mut self.kind {
            InputKind::Mapped { .. } if self.rests => self.file = None,
            InputKind::Streamed { last, ended: true, .. } => *last = None,
            _ => {}
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

    fn source(&mut self) -> Result<StreamSource, Error> {
        match &self.kind {
            InputKind::Streamed {
                reader: Some(reader), ..
            } => Ok(StreamSource::Reader(reader.clone())),
            _ => self.opened().map(StreamSource::File),
        }
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
            Some(watch) if self.may_grow => Ok(watch.metadata()?.1 != watch.modified),
            _ => Ok(false),
        }
    }

    /// A way to check that the file, if it is one, is still what was opened.
    pub fn watch(&self) -> Option<InputWatch> {
        let InputKind::Mapped {
            length_bytes,
            modified,
            identity,
        } = self.kind
        else {
            return None;
        };
        Some(InputWatch {
            path: self.path.clone(),
            file: self.file.clone(),
            identity,
            length_bytes,
            modified,
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

    fn read(&mut self, start_bytes: u64, want_bytes: usize, stopped: &dyn Fn() -> bool) -> Result<Arc<Window>, Error> {
        let source = self.source()?;
        let InputKind::Streamed {
            last,
            ended,
            idle,
            record,
            ..
        } = &mut self.kind
        else {
            return Err(Error::internal("a mapped input was read as a stream"));
        };
        let rest = last.as_ref().map_or(&[][..], |window| {
            let skip = (start_bytes - window.start_bytes) as usize;
            &window.bytes()[skip.min(window.bytes().len())..]
        });
        // A window shorter than what is left of the last one would lose bytes.
        let want_bytes = want_bytes.max(rest.len());
        let mut memory =
            stream_memory(idle, want_bytes.max(1)).map_err(|e| Error::io("making room to read", &self.path, e))?;
        memory[..rest.len()].copy_from_slice(rest);
        let mut filled = rest.len();
        let recorded_bytes = record.as_ref().map_or(0, |record| record.length_bytes);
        if let Some(record) = record {
            let at = start_bytes + filled as u64;
            let piece_bytes = recorded_bytes.saturating_sub(at).min((want_bytes - filled) as u64) as usize;
            let read = record.file.read_exact_at(&mut memory[filled..filled + piece_bytes], at);
            read.map_err(|e| Error::io("reading a temporary file in", &record.folder, e))?;
            filled += piece_bytes;
        }
        while filled < want_bytes && !*ended {
            let Some(read) = source.read(&mut memory[filled..want_bytes], stopped) else {
                *ended = true;
                break;
            };
            match read {
                Ok(0) => *ended = true,
                Ok(read_bytes) => filled += read_bytes,
                Err(e) if e.kind() == IoErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("reading", &self.path, e)),
            }
        }
        let at_end = *ended && start_bytes + filled as u64 >= recorded_bytes;
        if start_bytes + filled as u64 >= recorded_bytes {
            *record = None;
        }
        let weak_idle = if at_end {
            // From here on, dropped memory is given back to the system: indexes are built next, and they can use it.
            *idle = Arc::default();
            Weak::new()
        } else {
            Arc::downgrade(idle)
        };
        let window = Arc::new(Window {
            start_bytes,
            at_end,
            backing: Backing::Buffered(StreamBuffer {
                memory: Some(memory),
                length: filled,
                idle: weak_idle,
            }),
        });
        *last = Some(Arc::clone(&window));
        Ok(window)
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

/// Opens `path` for reading. A FIFO that nobody writes to yet does not block here: the wait comes later, for its first bytes, and a request
/// to stop can end it.
fn open_at_once(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    // SAFETY: fcntl on a descriptor that is open, with an integer argument or none.
    unsafe {
        let flags = libc::fcntl(file.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK);
    }
    Ok(file)
}

/// Waits until `file` has bytes or has ended; `false` when told to stop while it has neither.
fn wait_readable(file: &File, stopped: &dyn Fn() -> bool) -> bool {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        // SAFETY: `poll` is one valid pollfd for the duration of the call.
        let ready = unsafe { libc::poll(&mut poll, 1, POLL_INTERVAL_MS) };
        if stopped() {
            return false;
        }
        // If poll fails, the read that follows reports it.
        if ready > 0 || (ready < 0 && std::io::Error::last_os_error().kind() != IoErrorKind::Interrupted) {
            return true;
        }
    }
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointer.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096).max(1)
}
