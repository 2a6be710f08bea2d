//! Rows whose key may be a duplicate, set aside in a file until the whole input has been seen.
//!
//! Comes in: suspects in input order, each with the place in the dead-letter file that its line would take. Goes out: the same, in
//! the same order, once every certain row is in the table. Constant memory both ways, however many there are. The file,
//! `errors.csv.suspects`, is made at the first suspect.

use std::fs;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::position::Position;
use crate::reject::append_file::AppendFile;
use crate::reject::output::{self, BUFFER_BYTES};

/// Bytes of an entry before its two byte strings: all integers, little-endian, in the order of [`Suspect`].
const ENTRY_HEAD_BYTES: usize = 8 + 4 + 5 * 8 + 8 + 4 + 4;

/// A suspect as it is read back; its vectors are reused from one to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspect {
    /// The row id that the row has if it turns out to be new.
    pub row_id: i64,
    pub position: Position,
    /// Length of the dead-letter file when the suspect was met: where its line belongs if it is a duplicate.
    pub errors_offset: u64,
    /// The row as a SQLite record.
    pub record: Vec<u8>,
    /// The record's bytes in the input, without the line end.
    pub raw: Vec<u8>,
}

/// A suspect on its way into the file; fields as in [`Suspect`].
#[derive(Debug, Clone, Copy)]
pub struct SuspectEntry<'a> {
    pub row_id: i64,
    pub position: Position,
    pub errors_offset: u64,
    pub record: &'a [u8],
    pub raw: &'a [u8],
}

/// The side file of suspects.
#[derive(Debug)]
pub struct SuspectSpool {
    path: PathBuf,
    out: Option<AppendFile>,
    count: u64,
    /// Whether the file's name is known to be on the disk.
    folder_synced: bool,
}

impl SuspectSpool {
    /// A spool beside the dead-letter file `errors`. Creates nothing yet.
    pub fn beside(errors: &Path) -> Self {
        SuspectSpool {
            path: output::beside(errors, "suspects"),
            out: None,
            count: 0,
            folder_synced: false,
        }
    }

    /// Opens the spool of an unfinished load again to go on after its first `count` suspects in `length_bytes`.
    ///
    /// # Errors
    /// [`ErrorKind::InputChanged`](crate::ErrorKind::InputChanged) when it is gone or too short.
    pub fn reopen(errors: &Path, count: u64, length_bytes: u64) -> Result<Self, Error> {
        let mut spool = Self::beside(errors);
        if count > 0 {
            let out = AppendFile::reopen(&spool.path, "--errors", length_bytes, None)?;
            spool.out = Some(out.ok_or_else(|| output::tampered(&spool.path))?);
            spool.count = count;
        }
        Ok(spool)
    }

    /// Suspects set aside so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes appended so far, those still buffered too.
    pub fn len_bytes(&self) -> u64 {
        self.out.as_ref().map_or(0, AppendFile::len_bytes)
    }

    /// Sets a suspect aside.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) at the first suspect, [`ErrorKind::Io`](crate::ErrorKind::Io)
    /// when the file cannot be written.
    pub fn append(&mut self, suspect: &SuspectEntry) -> Result<(), Error> {
        if self.out.is_none() {
            self.out = Some(AppendFile::create(&self.path, "--errors")?);
        }
        let out = self.out.as_mut().expect("made above");
        out.put(&encode_head(suspect)?)?;
        out.put(suspect.record)?;
        out.put(suspect.raw)?;
        self.count += 1;
        Ok(())
    }

    /// Flushes and waits until every suspect is on the disk (fdatasync); the first time the file's name too.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io); the load must end then.
    pub fn sync(&mut self) -> Result<(), Error> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.sync()?;
        // The dead-letter file's name may have been synced before there was a suspect.
        if !self.folder_synced {
            output::sync_folder(&self.path)?;
            self.folder_synced = true;
        }
        Ok(())
    }

    /// Reads from the first suspect on, in the order in which they were set aside.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when what is buffered cannot be written.
    pub fn reader(&mut self) -> Result<SuspectReader<'_>, Error> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        let source = self
            .out
            .as_ref()
            .map(|out| BufReader::with_capacity(BUFFER_BYTES, ReadFrom { out, offset: 0 }));
        Ok(SuspectReader {
            source,
            left: self.count,
            path: &self.path,
        })
    }

    /// Deletes the file, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn remove(self) -> Result<(), Error> {
        match self.out {
            Some(_) => fs::remove_file(&self.path).map_err(|error| Error::io("removing", &self.path, error)),
            None => Ok(()),
        }
    }
}

fn encode_head(suspect: &SuspectEntry) -> Result<[u8; ENTRY_HEAD_BYTES], Error> {
    let length = |bytes: &[u8]| {
        u32::try_from(bytes.len())
            .map_err(|_| Error::internal("a suspect of 4 GiB or more was not rejected as too large"))
    };
    let position = &suspect.position;
    let mut head = [0; ENTRY_HEAD_BYTES];
    let mut rest = head.as_mut_slice();
    put(&mut rest, suspect.row_id.to_le_bytes());
    put(&mut rest, position.file_index.to_le_bytes());
    for number in [
        position.line,
        position.line_end,
        position.record,
        position.offset_bytes,
        position.length_bytes,
    ] {
        put(&mut rest, number.to_le_bytes());
    }
    put(&mut rest, suspect.errors_offset.to_le_bytes());
    put(&mut rest, length(suspect.record)?.to_le_bytes());
    put(&mut rest, length(suspect.raw)?.to_le_bytes());
    Ok(head)
}

fn put<const N: usize>(rest: &mut &mut [u8], bytes: [u8; N]) {
    let (field, after) = std::mem::take(rest).split_at_mut(N);
    field.copy_from_slice(&bytes);
    *rest = after;
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (field, after) = rest
        .split_first_chunk()
        .expect("the head holds every field that is taken from it");
    *rest = after;
    *field
}

/// Reads suspects back; made by [`SuspectSpool::reader`].
#[derive(Debug)]
pub struct SuspectReader<'a> {
    source: Option<BufReader<ReadFrom<'a>>>,
    left: u64,
    path: &'a Path,
}

impl SuspectReader<'_> {
    /// Reads the next suspect into `suspect`, reusing its memory; `false` after the last.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file cannot be read, or someone else cut it short.
    pub fn next_into(&mut self, suspect: &mut Suspect) -> Result<bool, Error> {
        let Some(source) = &mut self.source else {
            return Ok(false);
        };
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        read_entry(source, suspect).map_err(|error| Error::io("reading back", self.path, error))?;
        Ok(true)
    }

    /// A second reader that goes on where this one is, to look ahead with.
    pub fn ahead(&self) -> Self {
        let source = self.source.as_ref().map(|source| {
            let ReadFrom { out, offset } = *source.get_ref();
            let offset = offset - source.buffer().len() as u64;
            BufReader::with_capacity(BUFFER_BYTES, ReadFrom { out, offset })
        });
        SuspectReader {
            source,
            left: self.left,
            path: self.path,
        }
    }
}

fn read_entry(source: &mut impl Read, suspect: &mut Suspect) -> io::Result<()> {
    let mut head = [0; ENTRY_HEAD_BYTES];
    source.read_exact(&mut head)?;
    let mut rest = head.as_slice();
    suspect.row_id = i64::from_le_bytes(take(&mut rest));
    suspect.position.file_index = u32::from_le_bytes(take(&mut rest));
    let position = &mut suspect.position;
    for number in [
        &mut position.line,
        &mut position.line_end,
        &mut position.record,
        &mut position.offset_bytes,
        &mut position.length_bytes,
        &mut suspect.errors_offset,
    ] {
        *number = u64::from_le_bytes(take(&mut rest));
    }
    let record_bytes = u32::from_le_bytes(take(&mut rest));
    let raw_bytes = u32::from_le_bytes(take(&mut rest));
    read_bytes(source, record_bytes, &mut suspect.record)?;
    read_bytes(source, raw_bytes, &mut suspect.raw)
}

/// Memory grows with what is there, not with what a damaged length claims.
fn read_bytes(source: &mut impl Read, length: u32, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    let read = source.take(u64::from(length)).read_to_end(into)?;
    if read == length as usize {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a file that stays open for appending, by offset.
#[derive(Debug)]
struct ReadFrom<'a> {
    out: &'a AppendFile,
    offset: u64,
}

impl Read for ReadFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.out.file().read_at(buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry<'a>(suspect: &'a Suspect) -> SuspectEntry<'a> {
        let Suspect {
            row_id,
            position,
            errors_offset,
            record,
            raw,
        } = suspect;
        SuspectEntry {
            row_id: *row_id,
            position: *position,
            errors_offset: *errors_offset,
            record,
            raw,
        }
    }

    fn read_all(spool: &mut SuspectSpool) -> Vec<Suspect> {
        let mut reader = spool.reader().unwrap();
        let (mut suspect, mut read) = (Suspect::default(), Vec::new());
        while reader.next_into(&mut suspect).unwrap() {
            read.push(suspect.clone());
        }
        read
    }

    fn any_suspect() -> impl Strategy<Value = Suspect> {
        let numbers = proptest::array::uniform6(any::<u64>());
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
        (any::<i64>(), any::<u32>(), numbers, bytes(), bytes()).prop_map(|(row_id, file_index, n, record, raw)| {
            Suspect {
                row_id,
                position: Position {
                    file_index,
                    line: n[0],
                    line_end: n[1],
                    record: n[2],
                    offset_bytes: n[3],
                    length_bytes: n[4],
                },
                errors_offset: n[5],
                record,
                raw,
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_set_aside_comes_back_in_order(suspects in proptest::collection::vec(any_suspect(), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = SuspectSpool::beside(&folder.path().join("errors.csv"));
            for suspect in &suspects {
                spool.append(&entry(suspect)).unwrap();
            }
            prop_assert_eq!(spool.count(), suspects.len() as u64);
            prop_assert_eq!(read_all(&mut spool), suspects);
        }
    }

    #[test]
    fn entries_larger_than_the_buffer_come_back_and_more_can_follow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("errors.csv");
        let mut spool = SuspectSpool::beside(&path);
        let large = Suspect {
            raw: vec![b'x'; 3 * BUFFER_BYTES + 1],
            record: vec![1; BUFFER_BYTES],
            ..Suspect::default()
        };
        let small = Suspect {
            row_id: -7,
            raw: b"a".to_vec(),
            ..Suspect::default()
        };
        spool.append(&entry(&large)).unwrap();
        assert_eq!(read_all(&mut spool), std::slice::from_ref(&large));
        spool.append(&entry(&small)).unwrap();
        assert_eq!(read_all(&mut spool), [large, small]);
        spool.sync().unwrap();
        let side_file = folder.path().join("errors.csv.suspects");
        assert_eq!(spool.len_bytes(), side_file.metadata().unwrap().len());
        spool.remove().unwrap();
        assert!(!side_file.exists());
    }

    #[test]
    fn no_suspect_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = SuspectSpool::beside(&folder.path().join("errors.csv"));
        assert_eq!(read_all(&mut spool), []);
        spool.sync().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        spool.remove().unwrap();
    }

    #[test]
    fn a_file_cut_short_is_an_error_not_a_shorter_list() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = SuspectSpool::beside(&folder.path().join("errors.csv"));
        spool
            .append(&SuspectEntry {
                row_id: 1,
                position: Position::default(),
                errors_offset: 0,
                record: b"",
                raw: b"abc",
            })
            .unwrap();
        spool.sync().unwrap();
        let side_file = fs::OpenOptions::new()
            .write(true)
            .open(folder.path().join("errors.csv.suspects"))
            .unwrap();
        side_file.set_len(spool.len_bytes() - 1).unwrap();
        assert!(spool.reader().unwrap().next_into(&mut Suspect::default()).is_err());
    }
}
