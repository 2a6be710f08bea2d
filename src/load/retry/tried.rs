//! Which records are tried again, and as which input's: a number for each letter, in a file beside the dead-letter file, as there may be
//! any number of letters.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Writes the numbers.
#[derive(Debug)]
pub(super) struct TriedWriter {
    out: BufWriter<File>,
    path: PathBuf,
}

impl TriedWriter {
    /// # Errors
    /// `OutputCreate`.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|error| Error::create(path, error))?;
        Ok(TriedWriter {
            out: BufWriter::new(file),
            path: path.to_owned(),
        })
    }

    /// Notes the next letter; `None`: its record is not tried.
    ///
    /// # Errors
    /// `Io` when the disk is full.
    pub(super) fn push(&mut self, input: Option<usize>) -> Result<(), Error> {
        let number = input.map_or(0, |input| input as u32 + 1);
        let put = self.out.write_all(&number.to_le_bytes());
        put.map_err(|error| Error::io("writing", &self.path, error))
    }

    /// # Errors
    /// As [`push`](Self::push).
    pub(super) fn end(self) -> Result<(), Error> {
        let TriedWriter { out, path } = self;
        let ended = out.into_inner().map_err(std::io::IntoInnerError::into_error);
        let synced = ended.and_then(|file| file.sync_data());
        synced.map_err(|error| Error::io("writing", &path, error))
    }
}

/// Reads them again.
#[derive(Debug)]
pub(super) struct TriedReader {
    source: BufReader<File>,
    path: PathBuf,
}

impl TriedReader {
    /// # Errors
    /// `Io`.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
        Ok(TriedReader {
            source: BufReader::new(file),
            path: path.to_owned(),
        })
    }

    /// The input that the next letter's record is tried as one of; `None`: it is not.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn next(&mut self) -> Result<Option<usize>, Error> {
        let mut number = [0; 4];
        let read = self.source.read_exact(&mut number);
        read.map_err(|error| Error::io("reading", &self.path, error))?;
        Ok((u32::from_le_bytes(number) as usize).checked_sub(1))
    }
}
