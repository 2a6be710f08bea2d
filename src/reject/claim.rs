//! Whose file is at `--errors`, and making room there for the dead letters of one load.
//!
//! Dead letters are evidence. So a file that is not rowmill's is never touched; one that a running load writes is locked and left to it;
//! one that holds the rejects of another load is kept under the next free number; and what is cut off is only what this load itself wrote
//! after its last commit; the file's mark shows whose it is.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64;

use crate::database_file::is_foreign;
use crate::error::Error;
use crate::option_name::{ERRORS, OptionName};
use crate::reject::append_file::AppendFile;
use crate::reject::foreign_lines;
use crate::reject::output::{self, numbered, same_file};
use crate::reject::place::{Unplaced, move_new};
use crate::reject::state::{Committed, HEADER, Left, LettersPlace};

/// How long a process that was killed may take to let go of its files.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// How many times the file may have been replaced by the time it is opened, before that is an error.
const TRIES: u32 = 100;
/// The first line of every dead-letter file, its line end included.
const HEADER_BYTES: u64 = HEADER.len() as u64 + 1;
/// What a spreadsheet puts before a file that it has saved.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a dead-letter file holds.
enum Content {
    /// Nothing, or only the header.
    NoRejects,
    Rejects,
    /// It is not a dead-letter file.
    Foreign,
}

/// Distinguishes a file from every other one that ever had its name, by inode and time of birth. 0 if the file system does not know that
/// time.
pub(super) fn mark_of(file: &File) -> u64 {
    let Ok(metadata) = file.metadata() else { return 0 };
    let Ok(born) = metadata.created() else { return 0 };
    let born_ns = born.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    xxh3_64(format!("{} {born_ns}", metadata.ino()).as_bytes())
}

/// Whether `path` leads to `file` itself.
pub(super) fn leads_to(path: &Path, file: &File) -> bool {
    match (fs::symlink_metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => (named.dev(), named.ino()) == (opened.dev(), opened.ino()),
        _ => false,
    }
}

/// Keeps other loads from writing to `file` until it is closed. Readers are not kept out, nor are file systems without locks.
pub(crate) fn lock(file: &File, path: &Path, option: OptionName) -> Result<(), Error> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if since.elapsed() < LOCK_TIMEOUT => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Error::output_busy(path, option, "")),
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
}

/// Looks at what is at `path` without changing it, so that a load that could not begin says so before it reads anything.
///
/// # Errors
/// [`ErrorKind::OutputBusy`](crate::ErrorKind::OutputBusy) when another load writes it,
/// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) when it is not a dead-letter file.
pub fn check_errors_file(path: &Path) -> Result<(), Error> {
    match open_held(path)? {
        Some(file) => refuse_foreign(&file, path).map(|_| ()),
        None => Ok(()),
    }
}

/// Opens and locks the file at `path`; `None` if there is none.
fn open_held(path: &Path) -> Result<Option<File>, Error> {
    for _ in 0..TRIES {
        let Some(file) = output::open_existing(path, ERRORS)? else {
            return Ok(None);
        };
        lock(&file, path, ERRORS)?;
        // Whoever had the lock may have put another file in its place.
        if leads_to(path, &file) {
            return Ok(Some(file));
        }
    }
    Err(Error::output_busy(path, ERRORS, ""))
}

fn content_of(file: &File, path: &Path) -> Result<Content, Error> {
    let mut start = [0; BYTE_ORDER_MARK.len() + HEADER.len() + 2];
    let mut read = 0;
    while read < start.len() {
        match file.read_at(&mut start[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("reading", path, error)),
        }
    }
    let start = &start[..read];
    if start.is_empty() {
        return Ok(Content::NoRejects);
    }
    Ok(match after_header(start) {
        Some(b"" | b"\n" | b"\r\n") => Content::NoRejects,
        Some(_) => Content::Rejects,
        None => Content::Foreign,
    })
}

/// What is after the first line's text in a dead-letter file that begins with `start`; `None` if it is not one.
fn after_header(start: &[u8]) -> Option<&[u8]> {
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    let rest = start.strip_prefix(HEADER.as_bytes())?;
    matches!(rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]).then_some(rest)
}

/// Whether there is a dead-letter file at `path`, of whatever load. It is only looked at.
pub(crate) fn is_errors_file(path: &Path) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0);
    is_file && !is_foreign(path, |start| after_header(start).is_some())
}

/// Whether there are rejects in `file`; an error if it is not a dead-letter file.
fn refuse_foreign(file: &File, path: &Path) -> Result<bool, Error> {
    match content_of(file, path)? {
        Content::NoRejects => Ok(false),
        Content::Rejects => Ok(true),
        Content::Foreign => Err(Error::create(
            path,
            format!(
                "the file of that name is not an errors file of rowmill and is left as it is; name another with {ERRORS}"
            ),
        )),
    }
}

/// Makes the file, with its header, for a load that has committed nothing; returns also where the rejects of an earlier load were kept, if
/// there were any. `own_mark`: the mark of the file that an earlier run of the same load made.
pub(super) fn create(place: &LettersPlace, own_mark: u64) -> Result<(AppendFile, Option<PathBuf>), Error> {
    let path = place.path;
    let mut kept = None;
    for _ in 0..TRIES {
        let before = open_held(path)?;
        if let Some(file) = &before {
            let is_own = own_mark != 0 && mark_of(file) == own_mark;
            if refuse_foreign(file, path)? && !(is_own && holds_own_alone(file, place)?) {
                kept = Some(keep_beside(place)?);
            } else if let Err(error) = fs::remove_file(path) {
                if !is_forbidden(&error) {
                    return Err(Error::io("replacing", path, error));
                }
                return Ok((begin_in_place(before, path)?, kept));
            }
        }
        // What was there stays locked until the new file is in its place.
        if let Some(out) = put_in_place(place, before.as_ref(), super::append_file::AppendFile::put_header)? {
            return Ok((out, kept));
        }
    }
    Err(Error::output_busy(path, ERRORS, ""))
}

/// Whether every line after the first is one that the load may have written.
fn holds_own_alone(file: &File, place: &LettersPlace) -> Result<bool, Error> {
    let copy = file
        .try_clone()
        .map_err(|error| Error::io("reading", place.path, error))?;
    let out = AppendFile::new(copy, place.path);
    foreign_lines::may_be_own(&out, HEADER_BYTES, place.inputs)
}

/// Begins in a file without rejects of others, in a folder in which no name can be made or removed.
fn begin_in_place(file: Option<File>, path: &Path) -> Result<AppendFile, Error> {
    let file = file.ok_or_else(|| Error::internal("a file that was there is gone"))?;
    if has_other_names(&file) && matches!(content_of(&file, path)?, Content::Rejects) {
        return Err(Error::create(
            path,
            format!(
                "it holds rejects, is also kept under another name, and cannot be replaced; name another with {ERRORS}"
            ),
        ));
    }
    file.set_len(0).map_err(|error| Error::io("cutting", path, error))?;
    let mut out = AppendFile::new(file, path);
    out.put_header()?;
    out.sync()?;
    Ok(out)
}

/// Puts a new file in place, locked and whole on the disk, with what `fill` writes and the permissions of the one before. `None` if
/// somebody else has put one there.
fn put_in_place(
    place: &LettersPlace,
    before: Option<&File>,
    fill: impl FnOnce(&mut AppendFile) -> Result<(), Error>,
) -> Result<Option<AppendFile>, Error> {
    let path = place.path;
    let (file, new) = Unplaced::create(path).map_err(|error| output::refusal(path, ERRORS, error))?;
    if let Some(permissions) = before
        .and_then(|file| file.metadata().ok())
        .map(|found| found.permissions())
    {
        // Best effort: some file systems have none.
        let _ = file.set_permissions(permissions);
    }
    lock(&file, path, ERRORS)?;
    let mut out = AppendFile::new(file, path);
    fill(&mut out)?;
    out.sync()?;
    match new.place(out.file(), path) {
        Ok(()) => Ok(Some(out)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) if is_forbidden(&error) => Err(output::refusal(path, ERRORS, error)),
        Err(error) => Err(Error::io("creating", path, error)),
    }
}

fn is_forbidden(error: &std::io::Error) -> bool {
    let code = error.raw_os_error();
    matches!(code, Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::EBUSY))
}

/// Goes on in the file of which an earlier run left `left`; returns also what became of other files, in words.
pub(super) fn reopen(place: &LettersPlace, left: Left) -> Result<(AppendFile, Vec<String>), Error> {
    let (path, committed) = (place.path, left.committed);
    let mut notes = Vec::new();
    for _ in 0..TRIES {
        let found = open_held(path)?.map(|file| AppendFile::over(file, path, committed));
        let stranger = match found.transpose()? {
            Some(Ok(mut out)) => {
                let is_whole = out.is_whole()?;
                if is_whole || (is_own(&out, left, place.inputs)? && !has_other_names(out.file())) {
                    out.cut()?;
                    return Ok((out, notes));
                }
                // Bytes follow that this load may not have written: another load went on in the file, it is a copy, or somebody made notes
                // in it. Or they are its own, but somebody also keeps the file under another name.
                let is_same = is_same(out.file(), committed);
                let kept = keep_beside(place)?;
                notes.push(match is_same {
                    true => longer_note(path, &kept),
                    false => kept_note(path, &kept),
                });
                let copied = put_in_place(place, Some(out.file()), |new| new.copy_from(&out, 0, committed.bytes))?;
                match copied {
                    Some(copied) => return Ok((copied, notes)),
                    None => continue,
                }
            }
            Some(Err(file)) => Some(file),
            None => None,
        };
        // The file is another load's, or is gone; this load's may have been kept beside it.
        let own = find_kept(path, committed)?.ok_or_else(|| output::tampered(path))?;
        if let Some(file) = stranger {
            refuse_foreign(&file, path)?;
            let kept = keep_beside(place)?;
            notes.push(kept_note(path, &kept));
        }
        match move_new(&own, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            moved => moved.map_err(|error| Error::io("putting back", &own, error))?,
        }
        notes.push(format!(
            "{} held the rejects of this load and is {} again",
            own.display(),
            path.display()
        ));
    }
    Err(Error::output_busy(path, ERRORS, ""))
}

/// Whether all that is in the file was written by the load that has committed its beginning.
fn is_own(out: &AppendFile, left: Left, inputs: &[PathBuf]) -> Result<bool, Error> {
    let length_bytes = out.file_bytes()?;
    if out.is_whole()? {
        return Ok(true);
    }
    let may_be_own = left.end_bytes.is_none_or(|end_bytes| length_bytes <= end_bytes);
    Ok(may_be_own
        && is_same(out.file(), left.committed)
        && foreign_lines::may_be_own(out, left.committed.bytes.max(HEADER_BYTES), inputs)?)
}

/// Whether it is the very file to which that was committed.
fn is_same(file: &File, committed: Committed) -> bool {
    committed.mark != 0 && mark_of(file) == committed.mark
}

/// Whether somebody also keeps the file under another name: then it is never emptied or cut.
pub(super) fn has_other_names(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() > 1)
}

/// The note about rejects of another load that were kept.
pub(super) fn kept_note(path: &Path, kept: &Path) -> String {
    format!(
        "{} held the rejects of another load; they are kept in {}",
        path.display(),
        kept.display()
    )
}

/// The note about a file that holds more than the load left there.
fn longer_note(path: &Path, kept: &Path) -> String {
    format!(
        "{} held more than was committed to it; all of it is kept in {}",
        path.display(),
        kept.display()
    )
}

/// Takes up the file of a load that is settled: `merged`, if it is there, was to take the place of `before`, and is `after`.
pub(super) fn take_up_settled(
    place: &LettersPlace,
    merged: &Path,
    before: Committed,
    after: Committed,
) -> Result<(AppendFile, Vec<String>), Error> {
    let path = place.path;
    let complete = match output::open_existing(merged, ERRORS)? {
        Some(file) => AppendFile::over(file, merged, after)?.ok(),
        None => None,
    };
    let Some(mut complete) = complete else {
        return reopen(place, Left::whole(after));
    };
    lock(complete.file(), merged, ERRORS)?;
    let mut notes = Vec::new();
    // It stays locked until the merged file has its name.
    let held = open_held(path)?
        .map(|file| AppendFile::over(file, path, before))
        .transpose()?;
    let note: Option<fn(&Path, &Path) -> String> = match &held {
        // Nothing was written to it after the merge was complete.
        Some(Ok(out)) if out.is_whole()? => None,
        Some(Ok(out)) if is_same(out.file(), before) => Some(longer_note),
        Some(Ok(_)) => Some(kept_note),
        Some(Err(file)) => {
            refuse_foreign(file, path)?;
            Some(kept_note)
        }
        None => None,
    };
    if let Some(note) = note {
        let kept = keep_beside(place)?;
        notes.push(note(path, &kept));
    }
    fs::rename(merged, path).map_err(|error| Error::io("replacing", path, error))?;
    complete.set_path(path);
    output::sync_folder(path)?;
    Ok((complete, notes))
}

/// Removes the lines of a load that is taken back, if everything in the file is its own and nobody keeps the file under another name. The
/// first `keep_bytes`, if any, are those of loads that this one went on after. A file that is left unchanged here is later only kept under
/// another name.
///
/// # Errors
/// [`ErrorKind::OutputBusy`](crate::ErrorKind::OutputBusy) and [`ErrorKind::Io`](crate::ErrorKind::Io).
pub fn forget_rejects(place: &LettersPlace, left: Left, keep_bytes: u64) -> Result<(), Error> {
    let path = place.path;
    let Some(file) = open_held(path)? else { return Ok(()) };
    match AppendFile::over(file, path, left.committed)? {
        Ok(out)
            if is_own(&out, left, place.inputs)?
                && !has_other_names(out.file())
                && matches!(content_of(out.file(), path)?, Content::Rejects) =>
        {
            // The first line stays on the disk as it is: written anew, it could be lost in a power cut.
            let cut = out.file().set_len(keep_bytes.max(HEADER.len() as u64 + 1));
            cut.map_err(|error| Error::io("cutting", path, error))
        }
        _ => Ok(()),
    }
}

/// Moves the file to the next free number: `errors.csv` to `errors.1.csv`. Nothing is ever replaced.
fn keep_beside(place: &LettersPlace) -> Result<PathBuf, Error> {
    let path = place.path;
    for number in 1_u64.. {
        let to = numbered(path, number);
        if fs::symlink_metadata(&to).is_ok() || place.taken.iter().any(|taken| same_file(taken, &to)) {
            continue;
        }
        match move_new(path, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if is_forbidden(&error) => {
                return Err(Error::create(
                    path,
                    format!(
                        "it holds the rejects of another load, which cannot be kept as {}: {error}; name another with {ERRORS}",
                        to.display()
                    ),
                ));
            }
            Err(error) => return Err(Error::io("renaming", path, error)),
        }
    }
    Err(Error::internal("every number is taken"))
}

/// The file beside `path` that holds what is committed.
fn find_kept(path: &Path, committed: Committed) -> Result<Option<PathBuf>, Error> {
    // The header alone does not say whose it is.
    if committed.bytes <= HEADER.len() as u64 + 1 {
        return Ok(None);
    }
    for number in 1_u64.. {
        let kept = numbered(path, number);
        match fs::symlink_metadata(&kept) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => continue,
            Err(_) => break,
        }
        if let Ok(Some(file)) = output::open_existing(&kept, ERRORS)
            && AppendFile::over(file, &kept, committed)?.is_ok()
        {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}
