//! The mended records as inputs: for each file that they came from one that begins as it does, and then has those of its records that are
//! well-formed by themselves, a line each.
//!
//! A record must not take part in what comes after it, such as one with an open quote: so each is parsed alone first, and what is not one
//! whole record stays where it is.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::{Csv, Fields, Format, Parsed};
use crate::head::{Head, ReadAs, read_as, read_head};
use crate::load::retry::letters::{Letter, LetterField, LetterReader, Next};
use crate::load::retry::tried::TriedWriter;
use crate::option_name::{FILENAME_COLUMN, ROW_NUMBER, SAME_HEADER};
use crate::options::{InputFormat, LoadOptions};
use crate::position::ByteRange;
use crate::window::Input;

/// Bytes of a head that are copied at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Files that records came from, and what is made of them.
#[derive(Debug, Default)]
struct Sources {
    all: Vec<SourceFile>,
    /// The file at hand.
    current: usize,
}

/// A file that records came from.
#[derive(Debug)]
struct SourceFile {
    /// As the letters call it.
    name: PathBuf,
    head: Head,
    out: BufWriter<File>,
    path: PathBuf,
}

/// What is wanted of the mended records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) options: &'a LoadOptions,
    /// A file that begins as those do that are not there.
    pub(super) like: Option<&'a Path>,
}

impl Sources {
    /// Which of the files the record of `letter` came from; a new one is begun at the path that `at` gives for its number.
    ///
    /// # Errors
    /// `InputMissing` when it is not there, `InputUnusable` when it is written in another way than those before; as reading a head.
    fn of(&mut self, letter: &Letter, wanted: Wanted<'_>, at: &dyn Fn(usize) -> PathBuf) -> Result<usize, Error> {
        let name = Path::new(OsStr::from_bytes(letter.field(LetterField::File)));
        if self.all.get(self.current).is_none_or(|file| file.name != name) {
            self.current = match self.all.iter().position(|file| file.name == name) {
                Some(index) => index,
                None => {
                    let file = SourceFile::begin(name, wanted, at(self.all.len()))?;
                    if let Some(first) = self.all.first().filter(|first| !first.is_written_as(&file)) {
                        return Err(Error::unusable(
                            name,
                            format!(
                                "it is written in another way than {}: sort the errors file by its column file, and retry the records of \
                                 each file by themselves",
                                first.name.display()
                            ),
                        ));
                    }
                    self.all.push(file);
                    self.all.len() - 1
                }
            };
        }
        Ok(self.current)
    }

    /// Makes all that was written reach the disk.
    fn end(&mut self) -> Result<(), Error> {
        for SourceFile { out, path, .. } in &mut self.all {
            let synced = out.flush().and_then(|()| out.get_ref().sync_data());
            synced.map_err(|error| Error::io("writing", path, error))?;
        }
        Ok(())
    }
}

impl SourceFile {
    fn begin(name: &Path, wanted: Wanted<'_>, path: PathBuf) -> Result<SourceFile, Error> {
        let (mut input, head) = read_beginning(name, wanted)?;
        let created = File::create(&path).map_err(|error| Error::create(&path, error))?;
        let mut file = SourceFile {
            name: name.to_owned(),
            head,
            out: BufWriter::new(created),
            path,
        };
        file.copy_head(&mut input)?;
        Ok(file)
    }

    /// Copies what stands before the first record.
    fn copy_head(&mut self, input: &mut Input) -> Result<(), Error> {
        let mut at_bytes = 0;
        while at_bytes < self.head.data_start_bytes {
            let want_bytes = (self.head.data_start_bytes - at_bytes).min(PIECE_BYTES as u64) as usize;
            let window = input.window(at_bytes, want_bytes, &|| false)?;
            let bytes = &window.bytes()[..window.bytes().len().min(want_bytes)];
            if bytes.is_empty() {
                break;
            }
            self.put(bytes)?;
            at_bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let put = self.out.write_all(bytes);
        put.map_err(|error| Error::io("writing", &self.path, error))
    }

    fn is_written_as(&self, other: &SourceFile) -> bool {
        let form = |file: &SourceFile| (file.head.dialect, file.head.has_header, file.head.objects.is_some());
        form(self) == form(other)
    }

    /// Takes a record, if it is well-formed by itself; whether it is.
    ///
    /// # Errors
    /// `Io` when the disk is full.
    fn take(&mut self, raw: &[u8], options: &LoadOptions) -> Result<bool, Error> {
        let line_end = self.head.dialect.line_end;
        let line = [raw, &[line_end]].concat();
        let is_sound = match read_as(&self.head, options) {
            // A line without anything is no record, but in a table of one column.
            ReadAs::Csv(_) if raw.is_empty() && self.head.names.len() > 1 => false,
            ReadAs::Csv(format) => is_one_record(&format, &line, raw.len()),
            ReadAs::JsonLines(_) => memchr::memchr2(b'\n', b'\r', raw).is_none() && !raw.trim_ascii().is_empty(),
        };
        if is_sound {
            self.put(&line)?;
        }
        Ok(is_sound)
    }
}

/// A file that records came from, or one that begins like it, and what it begins with.
fn read_beginning(name: &Path, Wanted { options, like }: Wanted<'_>) -> Result<(Input, Head), Error> {
    // A stream gives nothing a second time.
    let shown = match (name.is_file(), like) {
        (true, _) => name,
        (false, Some(like)) => like,
        (false, None) => {
            let message = format!("it is not there (any more), and its header is needed: {SAME_HEADER}");
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, message);
            return Err(Error::input_missing(name, source));
        }
    };
    let mut input = Input::open(shown)?;
    let head = read_head(&mut input, options, None, &|| false)?;
    if head.dialect.encoding.wide().is_some() {
        let message = "records in UTF-16 cannot be retried, as their bytes do not survive in an editor; convert the file to UTF-8, mend it and load that";
        return Err(Error::unusable(shown, message));
    }
    Ok((input, head))
}

/// The options of `wanted`, with all that is found out about the dialect of the file `name`.
///
/// # Errors
/// As [`Sources::of`].
pub(super) fn pinned(name: &Path, wanted: Wanted<'_>) -> Result<LoadOptions, Error> {
    let (_, head) = read_beginning(name, wanted)?;
    let mut pinned = wanted.options.clone();
    let dialect = &mut pinned.dialect;
    dialect.skip_footer = 0;
    dialect.drop_repeated_headers = false;
    dialect.detect = false;
    dialect.member = None;
    if head.objects.is_some() {
        dialect.format = InputFormat::JsonLines;
        return Ok(pinned);
    }
    dialect.format = InputFormat::Csv;
    dialect.delimiter = Some(head.delimiter);
    (dialect.quote, dialect.quote_is_given) = (head.dialect.quote, true);
    dialect.doubles_quotes = head.dialect.doubles_quotes;
    (dialect.escape, dialect.escape_is_given) = (head.dialect.escape, true);
    (dialect.header, dialect.header_is_given) = (head.has_header, true);
    dialect.encoding = Some(head.dialect.encoding);
    Ok(pinned)
}

/// Whether `line` is one record of `record_bytes`, and its end.
fn is_one_record(format: &Csv, line: &[u8], record_bytes: usize) -> bool {
    let mut found = <Csv as Format>::Parsed::default();
    if format.parse_before(line, line.len(), true, &mut found) != line.len() || found.count() != 1 {
        return false;
    }
    found.iter::<false>().all(|(record, fields)| {
        let ByteRange { start, end } = record.source;
        let is_whole = start == 0 && end as usize == record_bytes;
        is_whole && record.fault.is_none() && !record.is_comment && fields.count() > 0
    })
}

/// What was gathered.
pub(super) struct Sound {
    /// The files that records came from.
    pub(super) files: Vec<PathBuf>,
    pub(super) records: u64,
}

/// Writes the sound records of all letters, and into `tried` which they are.
///
/// # Errors
/// As reading letters and heads, and writing.
pub(super) fn gather(
    reader: &mut LetterReader,
    wanted: Wanted<'_>,
    at: &dyn Fn(usize) -> PathBuf,
    tried: &mut TriedWriter,
) -> Result<Sound, Error> {
    let columns = &wanted.options.columns;
    let of_places = [
        (FILENAME_COLUMN, columns.filename.is_some()),
        (ROW_NUMBER, columns.row_number.is_some()),
    ];
    if let Some((option, _)) = of_places.into_iter().find(|(_, is_given)| *is_given) {
        return Err(Error::usage(format!(
            "{option} is about the files that records came from, and cannot be retried"
        )));
    }
    let mut sources = Sources::default();
    let mut letter = Letter::default();
    let mut records = 0;
    loop {
        match reader.next(&mut letter, &mut std::io::sink())? {
            Next::End => break,
            Next::Large => {}
            Next::Letter => {
                let index = sources.of(&letter, wanted, at)?;
                let is_sound = sources.all[index].take(letter.field(LetterField::Raw), wanted.options)?;
                tried.push(is_sound.then_some(index))?;
                records += u64::from(is_sound);
            }
        }
    }
    sources.end()?;
    Ok(Sound {
        files: sources.all.into_iter().map(|file| file.name).collect(),
        records,
    })
}
