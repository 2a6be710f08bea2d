//! A member of a zip archive; the only room with rawzip.
//!
//! Comes in: an archive that can be read anywhere, and which member is wanted, if that was said. Goes out: what the member unpacks to. The
//! table of contents at the archive's end says what there is: local headers are only passed over.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, RangeReader, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder};
use rawzip::{ZipEntry, ZipFileHeaderRecord, ZipLocator};

use crate::decode::gauges::Gauges;
use crate::decode::gzip;
use crate::decode::pieces::PieceSender;
use crate::decode::source::Source;
use crate::decode::trouble::{PartFailed, Trouble};
use crate::escape::escaped;
use crate::option_name::MEMBER;

/// Most members that a message names.
const MAX_NAMED: usize = 8;
/// Members that only office programs write: the archive is a spreadsheet or another document.
const OFFICE_MEMBERS: [&[u8]; 2] = [b"[Content_Types].xml", b"META-INF/manifest.xml"];

/// The archive's file: two readers share it.
#[derive(Clone)]
struct ArchiveFile(Arc<File>);

impl ReaderAt for ArchiveFile {
    fn read_at(&self, piece: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        FileExt::read_at(&*self.0, piece, offset_bytes)
    }
}

/// A member that was found.
struct Member {
    name: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    is_encrypted: bool,
}

impl Member {
    fn of(record: &ZipFileHeaderRecord<'_>) -> Member {
        Member {
            name: shown(record),
            place: record.wayfinder(),
            method: record.compression_method(),
            is_encrypted: record.flags().is_encrypted(),
        }
    }

    /// # Errors
    /// `Refused` when it cannot be unpacked.
    fn check(&self) -> Result<(), Trouble> {
        let name = &self.name;
        if self.is_encrypted {
            return Err(refused(format!(
                "its member {name} is encrypted; unpack it first, with its password: unzip FILE"
            )));
        }
        match self.method {
            CompressionMethod::STORE | CompressionMethod::DEFLATE => Ok(()),
            method => Err(refused(format!(
                "its member {name} is packed with method {} ({}), and only stored and deflated ones can be read; unpack it first: 7z x FILE",
                method.as_u16(),
                method.name().unwrap_or("unknown")
            ))),
        }
    }
}

fn shown(record: &ZipFileHeaderRecord<'_>) -> String {
    escaped(&record.file_path()).to_string()
}

fn refused(message: impl Into<String>) -> Trouble {
    Trouble::Refused(message.into())
}

fn broken(error: &rawzip::Error) -> Trouble {
    refused(format!(
        "it is a zip archive whose table of contents is damaged or cut short ({error})"
    ))
}

/// Unpacks the member that is `wanted`, or else the only CSV file, of the archive in `file`.
///
/// # Errors
/// `Refused` when there is none, or more than one, or it cannot be unpacked; `Damaged`, `Read`, `Unwanted`.
pub(super) fn member(
    file: &Arc<File>,
    wanted: Option<&str>,
    pieces: &mut PieceSender,
    gauges: &Gauges,
) -> Result<(), Trouble> {
    let length_bytes = file.metadata().map_err(Trouble::Read)?.len();
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipLocator::new()
        .locate_in_reader(ArchiveFile(Arc::clone(file)), &mut buffer, length_bytes)
        .map_err(|(_, e)| broken(&e))?;
    let member = choose(&archive, wanted, &mut buffer)?;
    member.check()?;
    let entry = archive.get_entry(member.place).map_err(|e| broken(&e))?;
    gauges
        .member
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone_from(&Some(member.name));
    let (start_bytes, end_bytes) = entry.compressed_data_range();
    gauges.taken.store(start_bytes, Ordering::Relaxed);
    let range = RangeReader::new(ArchiveFile(Arc::clone(file)), start_bytes..end_bytes);
    let mut source = Source::new(Box::new(range), Arc::clone(&gauges.taken));
    unpack(&entry, member.method, &mut source, pieces).map_err(|failed| source.trouble(failed, "zip", start_bytes))?;
    if !source.peek(1)?.is_empty() {
        let at_bytes = source.position();
        return Err(Trouble::Damaged(format!(
            "its member goes on after the end of what it holds, at byte {at_bytes} of the archive"
        )));
    }
    gauges.taken.store(length_bytes, Ordering::Relaxed);
    Ok(())
}

fn unpack(
    entry: &ZipEntry<'_, ArchiveFile>,
    method: CompressionMethod,
    source: &mut Source,
    pieces: &mut PieceSender,
) -> Result<(), PartFailed> {
    if method == CompressionMethod::DEFLATE {
        pieces.take_all(&mut entry.verifying_reader(gzip::inflated(source)))
    } else {
        pieces.take_all(&mut entry.verifying_reader(source))
    }
}

/// What a look through an archive found.
#[derive(Default)]
struct MembersSeen {
    /// Members that may be meant, and the last of them.
    matches: usize,
    matching: Option<Member>,
    /// Those that are JSON Lines by their names, and the last of them.
    objects: usize,
    object: Option<Member>,
    /// All files, and the last of them.
    files: usize,
    file: Option<Member>,
    /// Some of their names.
    names: Vec<String>,
    is_office: bool,
}

impl MembersSeen {
    fn add(&mut self, record: &ZipFileHeaderRecord<'_>, wanted: Option<&str>) {
        let path = record.file_path();
        let path: &[u8] = path.as_ref();
        self.is_office |= OFFICE_MEMBERS.contains(&path);
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        // What programs add for themselves is nobody's data.
        let is_hidden = name.starts_with(b".") || path.starts_with(b"__MACOSX/");
        let is_match = match wanted {
            Some(wanted) => path == wanted.as_bytes(),
            None => !is_hidden && name.to_ascii_lowercase().ends_with(b".csv"),
        };
        if record.is_dir() || (is_hidden && !is_match) {
            return;
        }
        let lower = name.to_ascii_lowercase();
        if lower.ends_with(b".jsonl") || lower.ends_with(b".ndjson") {
            self.objects += 1;
            self.object = Some(Member::of(record));
        }
        if is_match {
            self.matches += 1;
            self.matching = Some(Member::of(record));
        }
        self.files += 1;
        self.file = Some(Member::of(record));
        if self.names.len() < MAX_NAMED {
            self.names.push(shown(record));
        }
    }

    /// The files, in words.
    fn listed(&self) -> String {
        let names = self.names.join(", ");
        match self.files - self.names.len() {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }
}

/// # Errors
/// `Refused` unless there is exactly one that may be meant.
fn choose(archive: &ZipArchive<ArchiveFile>, wanted: Option<&str>, buffer: &mut [u8]) -> Result<Member, Trouble> {
    let mut found = MembersSeen::default();
    let mut entries = archive.entries(buffer);
    while let Some(record) = entries.next_entry().map_err(|e| broken(&e))? {
        found.add(&record, wanted);
    }
    if found.is_office && wanted.is_none() {
        let message = "it is a spreadsheet or another document of an office program; export it as CSV first";
        return Err(refused(message));
    }
    let listed = found.listed();
    match (wanted, found.matches, found.files) {
        (_, 1, _) => found.matching.ok_or_else(|| refused("it has no member")),
        (_, _, 0) => Err(refused("it is a zip archive without a file in it")),
        (Some(wanted), 0, _) => Err(refused(format!(
            "it has no member {}; it has {listed}: name one of them with {MEMBER}",
            escaped(wanted)
        ))),
        (Some(wanted), _, _) => Err(refused(format!(
            "it has more than one member {}; unpack it first",
            escaped(wanted)
        ))),
        (None, 0, 1) => found.file.ok_or_else(|| refused("it has no member")),
        (None, 0, _) if found.objects == 1 => found.object.ok_or_else(|| refused("it has no member")),
        (None, 0, _) => Err(refused(format!(
            "it is a zip archive with several files, none of which ends with .csv: {listed}; name one of them with {MEMBER}"
        ))),
        (None, _, _) => Err(refused(format!(
            "it is a zip archive with several CSV files: {listed}; name one of them with {MEMBER}"
        ))),
    }
}
