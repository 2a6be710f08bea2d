//! Rows whose key may be a duplicate, set aside in a file until the whole input has been seen.
//!
//! Comes in: suspects in input order, each with the place in the dead-letter file that its line would take. Goes out: the same, in
//! the same order, once every certain row is in the table. Constant memory both ways, however many there are. The file is made at
//! the first suspect; no other load has its name, `errors.csv.TOKEN.suspects`. A running hash makes sure, across runs too, that what is
//! read back is what was written.

use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::option_name::ERRORS;
use crate::position::Position;
use crate::reject::append_file::{AppendFile, RunningHash};
use crate::reject::line::LineSink;
use crate::reject::output::{self, BUFFER_BYTES};
use crate::reject::state::{Committed, LettersPlace};

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
    /// Whether the file keeps its name: no load goes on from a file without one.
    named: bool,
    out: Option<AppendFile>,
    count: u64,
    /// Whether the file's name is known to be on the disk.
    folder_synced: bool,
}

impl SuspectSpool {
    /// A spool beside the dead-letter file of `place`. Creates nothing yet. Unless it is `named`, nothing is left of it, whatever happens.
    pub fn beside(place: &LettersPlace, named: bool) -> Self {
        SuspectSpool {
            path: output::side_file(place.path, place.token, "suspects"),
            named,
            out: None,
            count: 0,
            folder_synced: false,
        }
    }

    /// Reopens the spool of an unfinished load to go on after its first `count` suspects, which are `committed`.
    ///
    /// # Errors
    /// [`ErrorKind::SideFileChanged`](crate::ErrorKind::SideFileChanged) when it is gone or is not what it was.
    pub fn reopen(place: &LettersPlace, count: u64, committed: Committed) -> Result<Self, Error> {
        let mut spool = Self::beside(place, true);
        if count == 0 {
            spool.forget()?;
            return Ok(spool);
        }
        let file = output::open_existing(&spool.path, ERRORS)?;
        let out = match file {
            Some(file) => AppendFile::over(file, &spool.path, committed)?.ok(),
            None => None,
        };
        let mut out = out.ok_or_else(|| output::tampered(&spool.path))?;
        out.cut()?;
        spool.out = Some(out);
        spool.count = count;
        Ok(spool)
    }

    /// Removes the file of an earlier run that committed none of it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn forget(&self) -> Result<(), Error> {
        output::remove_if_there(&self.path)
    }

    /// Suspects set aside so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What a later run must find again: everything set aside so far.
    pub fn state(&self) -> Committed {
        let out = self.out.as_ref();
        out.map_or_else(Committed::default, |out| Committed {
            bytes: out.len_bytes(),
            hash: out.hash(),
            mark: 0,
        })
    }

    /// Sets a suspect aside.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) at the first suspect, [`ErrorKind::Io`](crate::ErrorKind::Io)
    /// when the file cannot be written.
    pub fn append(&mut self, suspect: &SuspectEntry) -> Result<(), Error> {
        if self.out.is_none() {
            self.out = Some(AppendFile::create_new(&self.path, ERRORS)?);
            if !self.named {
                output::remove_if_there(&self.path)?;
            }
        }
        let out = self.out.as_mut().expect("made above");
        out.put(&encode_head(suspect)?)?;
        out.put(suspect.record)?;
        out.put(suspect.raw)?;
        self.count += 1;
        Ok(())
    }

    /// Flushes and waits until every suspect is on the disk (fdatasync), and the first time also the file's name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io); the load must end then.
    pub fn sync(&mut self) -> Result<(), Error> {
        let Some(out) = &mut self.out else { return Ok(()) };
        out.sync()?;
        // The dead-letter file's name may have been synced before there was any suspect.
        if self.named && !self.folder_synced {
            output::sync_folder(&self.path)?;
            self.folder_synced = true;
        }
        Ok(())
    }

    /// Reads the suspects from the first on, in the order in which they were set aside.
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
            count: self.count,
            left: self.count,
            offset: 0,
            path: &self.path,
            seal: Some(Seal {
                read: RunningHash::default(),
                written: self.state().hash,
            }),
        })
    }

    /// Reads the row of the suspect at `offset`, as a SQLite record, into `record`. It is not checked that it is what was written.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when it cannot be read.
    pub fn record_at(&self, offset: u64, record: &mut Vec<u8>) -> Result<(), Error> {
        let Some(out) = &self.out else {
            return Err(Error::internal("a suspect was looked for where none is"));
        };
        let mut source = ReadFrom { out, offset };
        let mut read = || -> io::Result<()> {
            let mut head = [0; ENTRY_HEAD_BYTES];
            source.read_exact(&mut head)?;
            let mut lengths = &head[ENTRY_HEAD_BYTES - 8..];
            read_bytes(&mut source, u32::from_le_bytes(take(&mut lengths)), record)
        };
        read().map_err(|error| Error::io("reading back", &self.path, error))
    }

    /// Deletes the file, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn remove(self) -> Result<(), Error> {
        if self.out.is_some() && self.named {
            return self.forget();
        }
        Ok(())
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
    count: u64,
    left: u64,
    /// Offset in the file of the next suspect.
    offset: u64,
    path: &'a Path,
    /// `None` for a reader that only looks ahead.
    seal: Option<Seal>,
}

/// Checks that what is read back is what was written.
#[derive(Debug)]
struct Seal {
    read: RunningHash,
    written: u64,
}

impl SuspectReader<'_> {
    /// Reads the next suspect into `suspect`, reusing its memory; `false` after the last.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file cannot be read,
    /// [`ErrorKind::SideFileChanged`](crate::ErrorKind::SideFileChanged) when somebody else cut it short, or wrote to it, which shows after
    /// the last suspect.
    pub fn next_into(&mut self, suspect: &mut Suspect) -> Result<bool, Error> {
        let Some(source) = &mut self.source else {
            return Ok(false);
        };
        if self.left == 0 {
            let is_whole = self.seal.as_ref().is_none_or(|seal| seal.read.digest() == seal.written);
            return if is_whole {
                Ok(false)
            } else {
                Err(output::changed_meanwhile(self.path))
            };
        }
        self.left -= 1;
        read_entry(source, suspect, self.seal.as_mut()).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => output::changed_meanwhile(self.path),
            _ => Error::io("reading back", self.path, error),
        })?;
        self.offset += (ENTRY_HEAD_BYTES + suspect.record.len() + suspect.raw.len()) as u64;
        Ok(true)
    }

    /// Offset in the file of the next suspect, for [`SuspectSpool::record_at`].
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes back to the first suspect.
    pub fn rewind(&mut self) {
        if let Some(source) = &mut self.source {
            let ReadFrom { out, .. } = *source.get_ref();
            *source = BufReader::with_capacity(BUFFER_BYTES, ReadFrom { out, offset: 0 });
        }
        self.left = self.count;
        self.offset = 0;
        if let Some(seal) = &mut self.seal {
            seal.read = RunningHash::default();
        }
    }

    /// A second reader that goes on from where this one is, to look ahead with.
    pub fn ahead(&self) -> Self {
        let source = self.source.as_ref().map(|source| {
            let ReadFrom { out, offset } = *source.get_ref();
            let offset = offset - source.buffer().len() as u64;
            BufReader::with_capacity(BUFFER_BYTES, ReadFrom { out, offset })
        });
        SuspectReader {
            source,
            count: self.count,
            left: self.left,
            offset: self.offset,
            path: self.path,
            seal: None,
        }
    }
}

fn read_entry(source: &mut impl Read, suspect: &mut Suspect, seal: Option<&mut Seal>) -> io::Result<()> {
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
    read_bytes(source, raw_bytes, &mut suspect.raw)?;
    if let Some(seal) = seal {
        seal.read.update(&head);
        seal.read.update(&suspect.record);
        seal.read.update(&suspect.raw);
    }
    Ok(())
}

/// Memory grows with the bytes that are there, not with what a damaged length claims.
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
    use std::fs;

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

    fn spool_in(folder: &Path, named: bool) -> SuspectSpool {
        SuspectSpool::beside(&place(&folder.join("errors.csv")), named)
    }

    fn place(errors: &Path) -> LettersPlace<'_> {
        LettersPlace {
            path: errors,
            inputs: &[],
            taken: &[],
            token: "07",
        }
    }

    proptest! {
        #[test]
        fn what_was_set_aside_comes_back_in_order(suspects in proptest::collection::vec(any_suspect(), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = spool_in(folder.path(), true);
            for suspect in &suspects {
                spool.append(&entry(suspect)).unwrap();
            }
            prop_assert_eq!(spool.count(), suspects.len() as u64);
            prop_assert_eq!(read_all(&mut spool), suspects);
        }
    }

    #[test]
    fn entries_larger_than_the_buffer_come_back_and_more_can_follow() {
        for named in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = spool_in(folder.path(), named);
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
            let side_file = folder.path().join("errors.csv.07.suspects");
            assert_eq!(side_file.exists(), named);
            if named {
                assert_eq!(spool.state().bytes, side_file.metadata().unwrap().len());
            }
            spool.remove().unwrap();
            assert!(!side_file.exists());
        }
    }

    #[test]
    fn no_suspect_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = spool_in(folder.path(), true);
        assert_eq!(read_all(&mut spool), []);
        spool.sync().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        spool.remove().unwrap();
    }

    /// A spool of three suspects, on the disk.
    fn three_suspects(folder: &Path) -> SuspectSpool {
        let mut spool = spool_in(folder, true);
        for row_id in 1..=3 {
            let raw = b"abc".to_vec();
            spool
                .append(&entry(&Suspect {
                    row_id,
                    raw,
                    ..Suspect::default()
                }))
                .unwrap();
        }
        spool.sync().unwrap();
        spool
    }

    #[test]
    fn a_file_that_somebody_changed_is_an_error_not_other_rows() {
        let changes: [fn(&mut Vec<u8>); 3] = [
            |bytes| bytes.truncate(bytes.len() - 1),
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            |bytes| bytes[0] ^= 1,
        ];
        for change in changes {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = three_suspects(folder.path());
            let path = folder.path().join("errors.csv.07.suspects");
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let state = spool.state();
            let mut reader = spool.reader().unwrap();
            let mut suspect = Suspect::default();
            let error = loop {
                match reader.next_into(&mut suspect) {
                    Ok(true) => {}
                    Ok(false) => panic!("it was believed"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.exit_code(), 74, "{error}");
            let again = SuspectSpool::reopen(&place(&folder.path().join("errors.csv")), 3, state).unwrap_err();
            assert_eq!(again.exit_code(), 74, "{again}");
            assert!(again.to_string().contains("`restart`"), "{again}");
        }
    }

    #[test]
    fn what_follows_the_committed_suspects_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = three_suspects(folder.path());
        let (count, state) = (spool.count(), spool.state());
        spool.append(&entry(&Suspect::default())).unwrap();
        spool.sync().unwrap();
        drop(spool);
        let mut again = SuspectSpool::reopen(&place(&folder.path().join("errors.csv")), count, state).unwrap();
        assert_eq!(read_all(&mut again).len(), 3);
        let none = SuspectSpool::reopen(&place(&folder.path().join("errors.csv")), 0, Committed::default()).unwrap();
        assert_eq!(none.count(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
