//! Which of the rows that wait are in the table on trial, and under which row ids.
//!
//! Comes in: an entry for each row, in the order of the spool. Goes out: any of them. They are kept in a file without a name beside the
//! database, so that memory does not depend on how many rows wait.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reject::folder_of;

const BUFFER_BYTES: usize = 64 << 10;
/// Whether the row is in the table, its row id, and where it is in the spool.
const ENTRY_BYTES: usize = 1 + 8 + 8;

/// A row on trial.
#[derive(Debug, Clone, Copy)]
pub struct OneOnTrial {
    pub row_id: i64,
    /// Offset in the spool.
    pub offset: u64,
}

/// The rows on trial.
pub struct OnTrial {
    out: BufWriter<File>,
    folder: PathBuf,
}

impl OnTrial {
    /// Holds no rows yet.
    ///
    /// # Errors
    /// `Io` when no file can be made beside `database`.
    pub fn new(database: &Path) -> Result<Self, Error> {
        let folder = folder_of(database).to_owned();
        let file = tempfile::tempfile_in(&folder).map_err(|error| failed(&folder, error))?;
        Ok(OnTrial {
            out: BufWriter::with_capacity(BUFFER_BYTES, file),
            folder,
        })
    }

    /// Forgets all rows.
    ///
    /// # Errors
    /// `Io`.
    pub fn clear(&mut self) -> Result<(), Error> {
        let cleared = self.out.rewind().and_then(|()| self.out.get_ref().set_len(0));
        cleared.map_err(|error| failed(&self.folder, error))
    }

    /// Notes what became of the next row; `None` if it did not go in.
    ///
    /// # Errors
    /// `Io` when the disk is full.
    pub fn push(&mut self, one: Option<OneOnTrial>) -> Result<(), Error> {
        let mut entry = [0; ENTRY_BYTES];
        if let Some(OneOnTrial { row_id, offset }) = one {
            entry[0] = 1;
            entry[1..9].copy_from_slice(&row_id.to_le_bytes());
            entry[9..].copy_from_slice(&offset.to_le_bytes());
        }
        self.out.write_all(&entry).map_err(|error| failed(&self.folder, error))
    }

    /// Makes everything noted so far readable.
    ///
    /// # Errors
    /// `Io` when the disk is full.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|error| failed(&self.folder, error))
    }

    /// The row with number `index` in the spool, from 0; `None` if it did not go in.
    ///
    /// # Errors
    /// `Io`.
    pub fn get(&self, index: u64) -> Result<Option<OneOnTrial>, Error> {
        let mut entry = [0; ENTRY_BYTES];
        let read = self.out.get_ref().read_exact_at(&mut entry, index * ENTRY_BYTES as u64);
        read.map_err(|error| failed(&self.folder, error))?;
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&entry[at..at + 8]);
            bytes
        };
        Ok((entry[0] == 1).then(|| OneOnTrial {
            row_id: i64::from_le_bytes(number(1)),
            offset: u64::from_le_bytes(number(9)),
        }))
    }
}

fn failed(folder: &Path, error: std::io::Error) -> Error {
    Error::io("keeping a temporary file in", folder, error)
}
