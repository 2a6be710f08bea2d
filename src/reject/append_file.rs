//! A file that only grows: buffered, counted, synced when asked.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reject::output::{self, BUFFER_BYTES};

/// Appends through a buffer of fixed size and knows its length without asking the system.
#[derive(Debug)]
pub(super) struct AppendFile {
    file: File,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes handed to the system so far.
    written_bytes: u64,
    /// Whether something was written since the last sync.
    dirty: bool,
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
            dirty: true,
        }
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
            offset += wanted as u64;
        }
        Ok(())
    }
}
