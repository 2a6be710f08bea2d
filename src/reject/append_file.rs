//! A file that only grows: buffered, counted, synced when asked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use crate::error::Error;
use crate::reject::output::{self, BUFFER_BYTES};

/// Appends through a buffer of fixed size and knows its length without asking the system.
pub(super) struct AppendFile {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes handed to the system so far.
    written_bytes: u64,
    /// XXH3-64 over every byte appended.
    hasher: Xxh3,
    /// Whether something was written since the last sync.
    dirty: bool,
}

impl std::fmt::Debug for AppendFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppendFile")
            .field("path", &self.path)
            .field("written_bytes", &self.written_bytes)
            .finish()
    }
}

impl AppendFile {
    /// Creates `path` or replaces the regular file that is there; see [`output::create_file`].
    pub(super) fn create(path: &Path, flag: &str) -> Result<Self, Error> {
        let file = output::create_file(path, flag)?;
        Ok(Self::new(file, path))
    }

    /// Appends to `file`, which is empty; `path` is for messages.
    pub(super) fn new(file: File, path: &Path) -> Self {
        AppendFile {
            file,
            path: path.to_owned(),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written_bytes: 0,
            hasher: Xxh3::new(),
            dirty: true,
        }
    }

    /// Opens `path` again to append after its first `length_bytes`; what follows them is cut off.
    ///
    /// `Ok(None)` when the file is not there, is shorter, or, where `hash` is given, its bytes are not what they were.
    pub(super) fn reopen(path: &Path, flag: &str, length_bytes: u64, hash: Option<u64>) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let mut append = Self::new(output::open_file(path, flag)?, path);
        let fail = |action, error| Error::io(action, path, error);
        if append.file.metadata().map_err(|e| fail("reading", e))?.len() < length_bytes {
            return Ok(None);
        }
        let mut piece = vec![0; BUFFER_BYTES];
        while append.written_bytes < length_bytes {
            let wanted = (length_bytes - append.written_bytes).min(BUFFER_BYTES as u64) as usize;
            append
                .file
                .read_exact(&mut piece[..wanted])
                .map_err(|e| fail("reading", e))?;
            append.hasher.update(&piece[..wanted]);
            append.written_bytes += wanted as u64;
        }
        if hash.is_some_and(|hash| hash != append.hasher.digest()) {
            return Ok(None);
        }
        append.file.set_len(length_bytes).map_err(|e| fail("cutting", e))?;
        Ok(Some(append))
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

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
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
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io("writing", &self.path, error))?;
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
        let mut offset = from;
        while offset < to {
            if self.buffer.len() == BUFFER_BYTES {
                self.flush()?;
            }
            let start = self.buffer.len();
            let wanted = ((BUFFER_BYTES - start) as u64).min(to - offset) as usize;
            self.buffer.resize(start + wanted, 0);
            let read = source.file.read_exact_at(&mut self.buffer[start..], offset);
            read.map_err(|error| Error::io("reading back", &source.path, error))?;
            self.hasher.update(&self.buffer[start..]);
            offset += wanted as u64;
        }
        Ok(())
    }
}
