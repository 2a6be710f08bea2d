//! `errors.csv`: one line per reject, itself valid CSV, with the record's raw bytes.
//!
//! Comes in: rejects in input order. Goes out: a file that is appended to through a buffer of fixed size, whatever the size of a
//! record. Never: a changed byte in `raw`, nor in a `value` of UTF-8 (invalid UTF-8, NULs and line ends stand as they were; only a quote is
//! doubled, as CSV asks). Of inputs in other encodings `raw` has the original bytes, whatever they were recoded to, and `value` is UTF-8. The hard part: a record too large to hold in memory, whose end, and with it its length and last line, is known
//! only after its bytes have gone by; they wait in an unnamed temporary file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::encoding::Encoding;
use crate::encoding::wide::Restored;
use crate::error::Error;
use crate::position::Position;
use crate::reject::append_file::AppendFile;
use crate::reject::claim;
use crate::reject::line::{ColumnLabel, LetterFields, put_end, put_guard, put_quoted_bytes};
use crate::reject::output::{self, BUFFER_BYTES};
use crate::reject::samples::{RAW_BYTES, RejectSample, RejectSamples, SampleTaker};
use crate::reject::state::{Committed, Left, LettersPlace};
use crate::reject::{FirstRecord, RejectReason};

/// One line of the dead-letter file, before it is written.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    pub position: Position,
    pub column: ColumnLabel<'a>,
    pub reason: &'a RejectReason,
    /// The bytes of the field at fault, as they were parsed; empty when no single field is.
    pub value: &'a [u8],
    /// The bytes of the record without its line end, as they were parsed.
    pub raw: &'a [u8],
}

/// The dead-letter file of a running load.
#[derive(Debug)]
pub struct DeadLetters {
    pub(super) out: AppendFile,
    pub(super) lines: LineWriter,
    /// Raw bytes of a record that is too large; made for the first one and reused.
    spool: Option<BufWriter<File>>,
    /// Whether the file's name is known to be on the disk.
    folder_synced: bool,
    /// What distinguishes the file from others that have, or had, its name.
    mark: u64,
    /// What the load's side files are named by.
    pub(super) token: String,
    /// What became of files that were in the way.
    notes: Vec<String>,
}

impl DeadLetters {
    /// Creates the file with its header line, for a load that has committed nothing, and keeps other loads from writing to it.
    ///
    /// The rejects of another load are kept under another name, as the [notes](Self::take_notes) say; a file that an earlier run of this
    /// load made, which `own_mark` shows, is replaced. A symbolic link is not followed.
    ///
    /// # Errors
    /// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) when the file cannot be created or is there and is not a dead-letter
    /// file, [`ErrorKind::OutputBusy`](crate::ErrorKind::OutputBusy) when another load writes it.
    pub fn create(place: &LettersPlace, own_mark: u64) -> Result<Self, Error> {
        let (out, kept) = claim::create(place, own_mark)?;
        let notes = kept.map(|kept| claim::kept_note(place.path, &kept));
        Ok(Self::on(out, place, notes.into_iter().collect()))
    }

    /// Reopens the file of an earlier run to go on after what is committed. What that run wrote after that is cut off; what it did not
    /// write is kept in another file, as the [notes](Self::take_notes) say.
    ///
    /// # Errors
    /// [`ErrorKind::SideFileChanged`](crate::ErrorKind::SideFileChanged) when it is gone or its bytes are not what they were;
    /// otherwise as [`create`](Self::create).
    pub fn reopen(place: &LettersPlace, left: Left) -> Result<Self, Error> {
        let (out, notes) = claim::reopen(place, left)?;
        Ok(Self::on(out, place, notes))
    }

    /// Opens the file of a load that is settled: if the merged file, `after`, has not yet taken the place of `before`, it does so now.
    ///
    /// # Errors
    /// As [`reopen`](Self::reopen).
    pub fn take_up_settled(place: &LettersPlace, before: Committed, after: Committed) -> Result<Self, Error> {
        let merged = output::side_file(place.path, place.token, "merging");
        let (out, notes) = claim::take_up_settled(place, &merged, before, after)?;
        Ok(Self::on(out, place, notes))
    }

    fn on(mut out: AppendFile, place: &LettersPlace, notes: Vec<String>) -> Self {
        out.keep_others(place.taken);
        DeadLetters {
            mark: claim::mark_of(out.file()),
            out,
            lines: LineWriter::new(place.inputs),
            spool: None,
            folder_synced: false,
            token: place.token.to_owned(),
            notes,
        }
    }

    /// What became of files that were in the way, and of what others wrote to this one, in words.
    pub fn take_notes(&mut self) -> Vec<String> {
        let path = self.out.path().to_owned();
        let kept = self.out.take_kept().into_iter();
        let notes = kept.map(|kept| {
            format!(
                "somebody else wrote to {} while this load did; that is kept in {}",
                path.display(),
                kept.display()
            )
        });
        std::mem::take(&mut self.notes).into_iter().chain(notes).collect()
    }

    /// Removes every line. A file that somebody also keeps under another name is left as it is: [`create`](Self::create) then moves it
    /// aside.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn clear(&mut self) -> Result<(), Error> {
        if claim::has_other_names(self.out.file()) {
            return self.out.flush();
        }
        self.out.set_others_aside()?;
        self.out.clear()?;
        self.out.put_header()
    }

    /// From now on, also keeps the first few lines of each code in `samples`.
    pub fn keep_samples(&mut self, samples: RejectSamples) {
        self.lines.samples = SampleTaker::new(samples);
    }

    /// With `on`, text fields that a spreadsheet would take for a formula get a `'` in front, and so do those that begin with one: readers
    /// of the file remove one leading `'` from every field and have the bytes as they were.
    pub fn guarded(mut self, on: bool) -> Self {
        self.lines.guarded = on;
        self
    }

    /// How the characters of each input are written, where that is not UTF-8.
    pub fn in_encodings(mut self, encodings: Vec<Encoding>) -> Self {
        self.lines.encodings = encodings;
        self
    }

    /// Says whether somebody else makes the file's name reach the disk, in time for what relies on it.
    pub fn leave_name_to_others(&mut self, is_left: bool) {
        self.folder_synced = is_left;
    }

    /// What a later run must find again: everything appended so far.
    pub fn state(&self) -> Committed {
        Committed {
            bytes: self.out.len_bytes(),
            hash: self.out.hash(),
            mark: self.mark,
        }
    }

    /// Goes on in another file, which has taken the place of this one.
    pub(super) fn replace(&mut self, out: AppendFile) {
        self.mark = claim::mark_of(out.file());
        self.out.be_replaced_by(out);
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.out.path()
    }

    /// Bytes appended so far, those still buffered too: the offset at which the next line will start.
    pub fn len_bytes(&self) -> u64 {
        self.out.len_bytes()
    }

    /// Appends one line.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file cannot be written.
    pub fn append(&mut self, letter: &DeadLetter) -> Result<(), Error> {
        self.lines.write(&mut self.out, letter)
    }

    /// Begins a record whose raw bytes come in pieces; whatever an earlier one left unfinished is forgotten.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when no temporary file can be made beside the dead-letter file.
    pub fn begin_large(&mut self) -> Result<(), Error> {
        let started = match &mut self.spool {
            Some(spool) => spool.rewind().and_then(|()| spool.get_ref().set_len(0)),
            None => tempfile::tempfile_in(output::folder_of(self.out.path()))
                .map(|file| self.spool = Some(BufWriter::with_capacity(BUFFER_BYTES, file))),
        };
        started.map_err(|error| spool_error(self.out.path(), error))
    }

    /// Takes the next raw bytes of the record that [`begin_large`](Self::begin_large) began. Constant memory.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when they cannot be set aside.
    pub fn large_piece(&mut self, piece: &[u8]) -> Result<(), Error> {
        let Some(spool) = &mut self.spool else {
            return Err(Error::internal("a piece of a large record came before its beginning"));
        };
        spool
            .write_all(piece)
            .map_err(|error| spool_error(self.out.path(), error))
    }

    /// Appends the line of the record that came in pieces; `letter.raw` is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file cannot be written.
    pub fn end_large(&mut self, letter: &DeadLetter) -> Result<(), Error> {
        let Some(spool) = &mut self.spool else {
            return Err(Error::internal("a large record ended before its beginning"));
        };
        let path = self.out.path().to_owned();
        spool.rewind().map_err(|error| spool_error(&path, error))?;
        self.lines.begin(&mut self.out, letter)?;
        let file = spool.get_ref();
        let mut piece = Vec::with_capacity(BUFFER_BYTES);
        let mut is_first = true;
        let mut raw = RawBytes::of(self.lines.encoding(letter));
        loop {
            piece.clear();
            let read = Read::take(file, BUFFER_BYTES as u64).read_to_end(&mut piece);
            if read.map_err(|error| spool_error(&path, error))? == 0 {
                break;
            }
            // A record that fits into the first piece is judged whole, as it would be had it come whole.
            if is_first {
                self.lines.guard(&mut self.out, &piece)?;
                is_first = false;
            }
            raw.put(&mut self.out, &piece)?;
        }
        self.lines.end(&mut self.out)?;
        // The disk space is given back now, not when the next large record comes.
        file.set_len(0).map_err(|error| spool_error(&path, error))
    }

    /// Hands what is buffered to the system.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the file cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.out.flush()
    }

    /// Flushes and waits until every line is on the disk (fdatasync), and the first time also the file's name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io). Then nobody knows what reached the disk, and the load must end.
    /// [`ErrorKind::SideFileChanged`](crate::ErrorKind::SideFileChanged) when the file has lost its name: its lines would be lost.
    pub fn sync(&mut self) -> Result<(), Error> {
        if !claim::leads_to(self.out.path(), self.out.file()) {
            return Err(output::changed_meanwhile(self.out.path()));
        }
        self.out.sync()?;
        if !self.folder_synced {
            output::sync_folder(self.out.path())?;
            self.folder_synced = true;
        }
        Ok(())
    }
}

fn spool_error(errors: &Path, error: io::Error) -> Error {
    Error::io("setting aside a large record beside", errors, error)
}

/// Formats lines; shared by the file as it grows and by the merge that copies it.
#[derive(Debug, Clone)]
pub(super) struct LineWriter {
    inputs: Vec<PathBuf>,
    /// How each is written; where there is none, in UTF-8.
    encodings: Vec<Encoding>,
    /// One message at a time, to find out whether it must be quoted.
    scratch: String,
    samples: SampleTaker,
    /// See [`DeadLetters::guarded`].
    guarded: bool,
}

impl LineWriter {
    fn new(inputs: &[PathBuf]) -> Self {
        LineWriter {
            inputs: inputs.to_vec(),
            encodings: Vec::new(),
            scratch: String::new(),
            samples: SampleTaker::default(),
            guarded: false,
        }
    }

    pub(super) fn write(&mut self, out: &mut AppendFile, letter: &DeadLetter) -> Result<(), Error> {
        self.begin(out, letter)?;
        self.guard(out, letter.raw)?;
        RawBytes::of(self.encoding(letter)).put(out, letter.raw)?;
        self.end(out)
    }

    /// How the record of a letter is written.
    fn encoding(&self, letter: &DeadLetter) -> Encoding {
        let file_index = letter.position.file_index as usize;
        self.encodings.get(file_index).copied().unwrap_or_default()
    }

    /// Writes everything up to the raw bytes, including their opening quote.
    fn begin(&mut self, out: &mut AppendFile, letter: &DeadLetter) -> Result<(), Error> {
        let position = &letter.position;
        let (first_record, first_file_index) = match letter.reason {
            RejectReason::DuplicateKey {
                first: FirstRecord::Record { file_index, record },
            } => (Some(*record), Some(*file_index)),
            _ => (None, None),
        };
        let other_file = first_file_index.filter(|index| *index != position.file_index);
        self.scratch.clear();
        let encoding = self.encoding(letter);
        let value = encoding.shown(letter.value);
        // What is wrong with bytes is said of the bytes.
        let judged = match letter.reason {
            RejectReason::InvalidEncoding { .. } => letter.value,
            _ => &value,
        };
        let message = letter
            .reason
            .message(judged, other_file.map(|index| input_name(&self.inputs, index)));
        write!(self.scratch, "{message}").expect("writing to a String cannot fail");
        if self.samples.wants(letter.reason.code()) {
            self.samples.take(RejectSample {
                code: letter.reason.code(),
                position: *position,
                column: letter.column.to_string(),
                message: self.scratch.clone(),
                field: field_in_raw(letter).filter(|_| encoding == Encoding::UTF_8),
                raw: encoding
                    .shown(&letter.raw[..letter.raw.len().min(RAW_BYTES)])
                    .into_owned(),
            });
        }
        let fields = LetterFields {
            file: input_name(&self.inputs, position.file_index),
            position,
            column: letter.column,
            code: letter.reason.code(),
            message: self.scratch.as_bytes(),
            value: &value,
            first_record,
        };
        fields.put(out, self.guarded)
    }

    fn end(&self, out: &mut AppendFile) -> Result<(), Error> {
        put_end(out)
    }

    /// As [`put_guard`], if that is wanted.
    fn guard(&self, out: &mut AppendFile, field: &[u8]) -> Result<(), Error> {
        put_guard(out, field, self.guarded)
    }
}

/// Where the field at fault stands in the record's bytes: both are parts of one chunk, if there is such a field.
fn field_in_raw(letter: &DeadLetter) -> Option<(usize, usize)> {
    let DeadLetter { value, raw, .. } = letter;
    let start = (value.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
    let is_within = letter.column != ColumnLabel::None && start + value.len() <= raw.len();
    is_within.then_some((start, value.len()))
}

fn input_name(inputs: &[PathBuf], file_index: u32) -> &[u8] {
    inputs
        .get(file_index as usize)
        .map_or(b"".as_slice(), |path| path.as_os_str().as_bytes())
}

/// Writes the raw bytes of a record, which may come piece by piece: those that it was made of, if it was recoded before it was parsed.
struct RawBytes {
    restored: Option<Restored>,
    /// The bytes of one piece, before quotes are doubled.
    bytes: Vec<u8>,
}

impl RawBytes {
    fn of(encoding: Encoding) -> Self {
        RawBytes {
            restored: encoding.wide().map(Restored::new),
            bytes: Vec::new(),
        }
    }

    fn put(&mut self, out: &mut AppendFile, raw: &[u8]) -> Result<(), Error> {
        let Some(restored) = &mut self.restored else {
            return put_quoted_bytes(out, raw);
        };
        for piece in raw.chunks(BUFFER_BYTES) {
            self.bytes.clear();
            restored.push(piece, &mut self.bytes);
            put_quoted_bytes(out, &self.bytes)?;
        }
        Ok(())
    }
}
