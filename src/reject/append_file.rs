//! A file that only grows: buffered, counted, synced when asked. What others append to it meanwhile is kept in a file beside it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::option_name::{ERRORS, OptionName};
use crate::reject::line::LineSink;
use crate::reject::output::{self, BUFFER_BYTES, numbered, same_file};
use crate::reject::state::{Committed, HEADER};

/// XXH3-64 over bytes that come piece by piece.
#[derive(Default)]
pub(super) struct RunningHash(Xxh3);

impl RunningHash {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn digest(&self) -> u64 {
        self.0.digest()
    }
}

impl std::fmt::Debug for RunningHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RunningHash({:016x})", self.digest())
    }
}

/// Appends through a buffer of fixed size and knows its length without asking the system.
pub(super) struct AppendFile {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes handed to the system so far.
    written_bytes: u64,
    /// Hash of every byte appended.
    hasher: RunningHash,
    /// Whether something was written since the last sync.
    dirty: bool,
    /// Where the lines that others append are kept, if anywhere.
    others: Option<Others>,
}

/// What others wrote to a file that a load writes.
#[derive(Debug, Default)]
struct Others {
    /// Names that no new file may be given.
    taken: Vec<PathBuf>,
    /// Files in which that is kept.
    kept: Vec<PathBuf>,
}

impl std::fmt::Debug for AppendFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppendFile")
            .field("path", &self.path)
            .field("written_bytes", &self.written_bytes)
            .finish()
    }
}

impl LineSink for AppendFile {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
            if bytes.len() >= BUFFER_BYTES {
                return self.write(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

impl AppendFile {
    /// Creates `path`, where no file is.
    pub(super) fn create_new(path: &Path, option: OptionName) -> Result<Self, Error> {
        Ok(Self::new(output::create_new(path, option)?, path))
    }

    /// Appends to `file`, which is empty; `path` is for messages.
    pub(super) fn new(file: File, path: &Path) -> Self {
        AppendFile {
            file,
            path: path.to_owned(),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written_bytes: 0,
            hasher: RunningHash::default(),
            dirty: true,
            others: None,
        }
    }

    /// From now on, keeps what others append in a file beside this one, under none of the names `taken`.
    pub(super) fn keep_others(&mut self, taken: &[PathBuf]) {
        self.others = Some(Others {
            taken: taken.to_vec(),
            kept: Vec::new(),
        });
    }

    /// Lets another file, which has taken this one's name, take its place.
    pub(super) fn be_replaced_by(&mut self, mut other: AppendFile) {
        other.others = self.others.take();
        *self = other;
    }

    /// Files in which others' lines were kept since the last call.
    pub(super) fn take_kept(&mut self) -> Vec<PathBuf> {
        self.others
            .as_mut()
            .map(|others| std::mem::take(&mut others.kept))
            .unwrap_or_default()
    }

    /// Keeps what others have appended in a file beside this one, and cuts it off here.
    pub(super) fn set_others_aside(&mut self) -> Result<(), Error> {
        let Some(mut others) = self.others.take() else {
            return Ok(());
        };
        if self.file_bytes()? < self.written_bytes {
            // It was emptied, as by a rotation of logs: what was in it is gone.
            return Err(output::changed_meanwhile(&self.path));
        }
        if !self.is_whole()? {
            others.kept.push(self.copy_beside(&others.taken)?);
            self.cut()?;
        }
        self.others = Some(others);
        Ok(())
    }

    /// Copies what follows the load's own lines to a new file beside this one, with the next free number in its name; returns the path. The
    /// copy is then durable.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) when it cannot be made, [`ErrorKind::Io`](crate::ErrorKind::Io).
    fn copy_beside(&self, taken: &[PathBuf]) -> Result<PathBuf, Error> {
        for number in 1_u64.. {
            let path = numbered(&self.path, number);
            if fs::symlink_metadata(&path).is_ok() || taken.iter().any(|taken| same_file(taken, &path)) {
                continue;
            }
            let mut kept = AppendFile::create_new(&path, ERRORS)?;
            kept.put_header()?;
            kept.copy_from(self, self.written_bytes, self.file_bytes()?)?;
            kept.sync()?;
            output::sync_folder(&path)?;
            return Ok(path);
        }
        Err(Error::internal("every number is taken"))
    }

    /// Reads at `offset`, at most to the end of the file; returns how many bytes.
    pub(super) fn read_at(&self, piece: &mut [u8], offset: u64) -> Result<usize, Error> {
        loop {
            match self.file.read_at(piece, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|error| Error::io("reading back", &self.path, error)),
            }
        }
    }

    /// Goes on in `file` after what is committed of it. Gives `file` back if that is not there or is not what it was.
    ///
    /// What follows it stays until it is [cut](Self::cut).
    pub(super) fn over(file: File, path: &Path, committed: Committed) -> Result<Result<Self, File>, Error> {
        let mut append = Self::new(file, path);
        let fail = |action, error| Error::io(action, path, error);
        if append.file.metadata().map_err(|e| fail("reading", e))?.len() < committed.bytes {
            return Ok(Err(append.file));
        }
        let mut piece = vec![0; BUFFER_BYTES];
        while append.written_bytes < committed.bytes {
            let wanted = (committed.bytes - append.written_bytes).min(BUFFER_BYTES as u64) as usize;
            append
                .file
                .read_exact(&mut piece[..wanted])
                .map_err(|e| fail("reading", e))?;
            append.hasher.update(&piece[..wanted]);
            append.written_bytes += wanted as u64;
        }
        Ok(if committed.hash == append.hasher.digest() {
            Ok(append)
        } else {
            Err(append.file)
        })
    }

    /// Whether nothing follows what was appended.
    pub(super) fn is_whole(&self) -> Result<bool, Error> {
        Ok(self.file_bytes()? == self.written_bytes)
    }

    /// Length of the file, including what follows.
    pub(super) fn file_bytes(&self) -> Result<u64, Error> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| Error::io("reading", &self.path, error))
    }

    /// Cuts off what follows.
    pub(super) fn cut(&mut self) -> Result<(), Error> {
        self.dirty = true;
        self.file
            .set_len(self.written_bytes)
            .map_err(|error| Error::io("cutting", &self.path, error))
    }

    /// Removes everything from the file.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        self.buffer.clear();
        self.written_bytes = 0;
        self.hasher = RunningHash::default();
        self.cut()?;
        let rewound = self.file.rewind();
        rewound.map_err(|error| Error::io("cutting", &self.path, error))
    }

    /// Appends the first line of a dead-letter file.
    pub(super) fn put_header(&mut self) -> Result<(), Error> {
        self.put(HEADER.as_bytes())?;
        self.put(b"\n")?;
        self.flush()
    }

    /// XXH3-64 of everything appended so far.
    pub(super) fn hash(&self) -> u64 {
        self.hasher.digest()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// After a rename.
    pub(super) fn set_path(&mut self, path: &Path) {
        self.path = path.to_owned();
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes appended so far, those in the buffer too.
    pub(super) fn len_bytes(&self) -> u64 {
        self.written_bytes + self.buffer.len() as u64
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.write(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.set_others_aside()?;
        if let Err(error) = self.file.write_all(bytes) {
            // Part of them may be in the file: from now on, what follows is not known to be from others.
            self.others = None;
            return Err(Error::io("writing", &self.path, error));
        }
        self.written_bytes += bytes.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Flushes and waits until the bytes are on the disk.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        self.flush()?;
        if self.dirty {
            self.file
                .sync_data()
                .map_err(|error| Error::io("syncing", &self.path, error))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Copies bytes `from..to` of `source`, which must be flushed, to the end of this file.
    pub(super) fn copy_from(&mut self, source: &AppendFile, from: u64, to: u64) -> Result<(), Error> {
        self.copy_and_hash(source, from..to, &mut RunningHash::default())
    }

    /// As [`copy_from`](Self::copy_from); `read` hashes what was read.
    pub(super) fn copy_and_hash(
        &mut self,
        source: &AppendFile,
        range: Range<u64>,
        read: &mut RunningHash,
    ) -> Result<(), Error> {
        let mut offset = range.start;
        while offset < range.end {
            if self.buffer.len() == BUFFER_BYTES {
                self.flush()?;
            }
            let start = self.buffer.len();
            let wanted = ((BUFFER_BYTES - start) as u64).min(range.end - offset) as usize;
            self.buffer.resize(start + wanted, 0);
            let copied = source.file.read_exact_at(&mut self.buffer[start..], offset);
            copied.map_err(|error| Error::io("reading back", &source.path, error))?;
            self.hasher.update(&self.buffer[start..]);
            read.update(&self.buffer[start..]);
            offset += wanted as u64;
        }
        Ok(())
    }
}
