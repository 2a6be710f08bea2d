//! One load at a time into one database; and who is in the way when a database is locked.
//!
//! SQLite's own locks are held batch by batch. Between two batches another load could take this one's checkpoint for that of a load
//! that died, or number its rows alike; so a load holds a lock of its own from its first look at the database to its end, on a byte
//! far behind those that SQLite locks. Readers and other writers are not kept out by it.
//!
//! The lock is on the process's own [`Descriptor`] of the file, which is never closed: that would drop the locks of SQLite, and of the
//! program that loads.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::faults;
use crate::reject::beside_with;
use crate::write::database::CANNOT_BE_WRITTEN;
use crate::write::descriptor::Descriptor;

/// How long to wait for another process to let go of the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// As long as that, unless a test is in a hurry.
pub fn busy_timeout() -> Duration {
    faults::short_wait().unwrap_or(BUSY_TIMEOUT)
}

/// Between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// The byte that a load locks. SQLite locks some five hundred bytes from 0x40000000 on; no file is as long as this.
const LOCK_OFFSET: i64 = 1 << 62;

/// Processes that a message names.
const NAMED_HOLDERS: usize = 3;

/// Held while a load runs.
#[derive(Debug)]
pub struct LoadLock {
    descriptor: Arc<Descriptor>,
}

impl Drop for LoadLock {
    fn drop(&mut self) {
        // Nothing can be done about a failure; the end of the process unlocks too.
        let _ = set_lock(self.descriptor.file(), libc::F_UNLCK);
        self.descriptor.is_load_locked.store(false, Ordering::Release);
    }
}

impl LoadLock {
    /// Waits for other loads into the database at `path` to end, then keeps others out until it is dropped.
    ///
    /// `None` when there is nothing to lock: no such file, or one that cannot be a database; or a file system without locks.
    ///
    /// # Errors
    /// `DatabaseBusy` when another load goes on for longer than a short while, or when `stopped` says so; `OutputCreate` or `Io` when the
    /// file cannot be opened.
    pub fn take(path: &Path, stopped: &dyn Fn() -> bool) -> Result<Option<LoadLock>, Error> {
        let descriptor = match Descriptor::of(path) {
            Ok(descriptor) => descriptor,
            // Nothing to lock yet, or nothing that can be a database: SQLite makes the one and whoever opens it refuses the other.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Err(Error::create(path, CANNOT_BE_WRITTEN));
            }
            Err(error) => return Err(Error::io("opening", path, error)),
        };
        let since = Instant::now();
        loop {
            match lock(&descriptor) {
                Ok(()) => return Ok(Some(LoadLock { descriptor })),
                Err(error) if is_held(&error) => {}
                Err(_) => return Ok(None),
            }
            if since.elapsed() >= busy_timeout() || stopped() {
                let message = format!("another load into it is under way{}", holders(path));
                return Err(Error::new(ErrorKind::DatabaseBusy {
                    path: path.to_owned(),
                    message,
                }));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Keeps out the other loads of this process, then those of others; without waiting.
fn lock(descriptor: &Descriptor) -> io::Result<()> {
    if descriptor.is_load_locked.swap(true, Ordering::Acquire) {
        return Err(io::Error::from_raw_os_error(libc::EAGAIN));
    }
    let locked = set_lock(descriptor.file(), libc::F_WRLCK);
    if locked.is_err() {
        descriptor.is_load_locked.store(false, Ordering::Release);
    }
    locked
}

/// Locks the load's byte, without waiting, or unlocks it. The lock belongs to the open file, not to the process, so nothing that
/// SQLite opens or closes touches it.
fn set_lock(file: &File, lock_type: libc::c_int) -> io::Result<()> {
    let range = libc::flock {
        l_type: lock_type as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: LOCK_OFFSET,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open and `range` lives through the call, which only reads it.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const range) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

/// Which other processes hold locks on the file at `path`, as the end of a sentence; empty when none can be named.
///
/// Where the kernel does not tell (it names no process for some kinds of locks), those that have the file open.
pub(crate) fn holders(path: &Path) -> String {
    // In WAL mode the locks are on the shared-memory file.
    let files: Vec<FileId> = [path.to_owned(), beside_with(path, "-shm")]
        .iter()
        .filter_map(|path| FileId::of(path))
        .collect();
    let own = std::process::id();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut found: Vec<u32> = locks
        .lines()
        .filter_map(lock_line)
        .filter(|(pid, file)| *pid != own && files.contains(file))
        .map(|(pid, _)| pid)
        .collect();
    let mut verb = "held by";
    if found.is_empty() {
        verb = "open in";
        found = processes().filter(|&pid| pid != own && has_open(pid, &files)).collect();
    }
    found.sort_unstable();
    found.dedup();
    let named: Vec<String> = found.iter().take(NAMED_HOLDERS).map(|&pid| named(pid)).collect();
    if named.is_empty() {
        return String::new();
    }
    format!(", {verb} {}", named.join(", "))
}

/// A file as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    major: u32,
    minor: u32,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> Option<FileId> {
        let metadata = fs::metadata(path).ok()?;
        Some(FileId {
            major: libc::major(metadata.dev()),
            minor: libc::minor(metadata.dev()),
            inode: metadata.ino(),
        })
    }
}

/// Process and file of a lock that is held: `1: POSIX  ADVISORY  WRITE 4242 fe:00:1234 1073741824 1073742335`.
///
/// Lines of those that wait begin with `->`. Source: proc_locks(5).
fn lock_line(line: &str) -> Option<(u32, FileId)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next()? == "->" {
        return None;
    }
    let pid = words.nth(2)?.parse().ok()?;
    let mut file = words.next()?.split(':');
    let file = FileId {
        major: u32::from_str_radix(file.next()?, 16).ok()?,
        minor: u32::from_str_radix(file.next()?, 16).ok()?,
        inode: file.next()?.parse().ok()?,
    };
    Some((pid, file))
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether the process has one of `files` open, as far as its descriptors may be looked at.
fn has_open(pid: u32, files: &[FileId]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors
        .filter_map(|entry| FileId::of(&entry.path()))
        .any(|file| files.contains(&file))
}

fn named(pid: u32) -> String {
    match fs::read_to_string(PathBuf::from(format!("/proc/{pid}/comm"))) {
        Ok(command) => format!("{} (process {pid})", command.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernels_list_are_read() {
        let held = "3: POSIX  ADVISORY  WRITE 4242 fe:0a:1234 1073741824 1073742335";
        let file = FileId {
            major: 254,
            minor: 10,
            inode: 1234,
        };
        assert_eq!(lock_line(held), Some((4242, file)));
        for other in [
            "3: -> POSIX  ADVISORY  WRITE 4242 fe:0a:1234 0 EOF",
            "4: OFDLCK ADVISORY  WRITE -1 fe:0a:1234 0 EOF",
            "",
            "5:",
        ] {
            assert_eq!(lock_line(other), None, "{other}");
        }
    }

    #[test]
    fn a_second_load_of_the_same_database_gets_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(
            LoadLock::take(&path, &|| true).unwrap().is_none(),
            "nothing to lock yet"
        );
        fs::write(&path, "").unwrap();
        fs::hard_link(&path, folder.path().join("other.db")).unwrap();
        let first = LoadLock::take(&path, &|| true).unwrap().unwrap();
        let refused = LoadLock::take(&folder.path().join("other.db"), &|| true).unwrap_err();
        assert_eq!(refused.exit_code(), 75);
        assert!(refused.to_string().contains("another load"), "{refused}");
        drop(first);
        assert!(LoadLock::take(&path, &|| true).unwrap().is_some());
    }
}
