//! One load at a time into one database.
//!
//! SQLite's own locks are held batch by batch. Between two batches another load could take this one's checkpoint for that of a load that
//! died, or give its rows the same numbers; so a load holds a lock of its own, from its first look at the database to its end, on a byte
//! far past those that SQLite locks. Readers and other writers are not kept out by it.
//!
//! The lock is on the process's own [`Descriptor`] of the file, which is never closed: that would drop the locks of SQLite, and of the
//! program that loads.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::sqlite::database::CANNOT_BE_WRITTEN;
use crate::sqlite::descriptor::Descriptor;
use crate::sqlite::holders::{busy_timeout, holders};

/// Pause between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// The byte that a load locks. SQLite locks some five hundred bytes from 0x40000000 on; no file is as long as this.
const LOCK_OFFSET: i64 = 1 << 62;

/// Held while a load runs.
#[derive(Debug)]
pub struct LoadLock {
    descriptor: Arc<Descriptor>,
}

impl Drop for LoadLock {
    fn drop(&mut self) {
        // Nothing can be done about a failure; the end of the process also unlocks.
        let _ = set_lock(self.descriptor.file(), libc::F_UNLCK);
        self.descriptor.is_load_locked.store(false, Ordering::Release);
    }
}

impl LoadLock {
    /// Keeps other loads out of a file that has no name yet; `None` on a file system without locks.
    pub(super) fn of_new(descriptor: &Arc<Descriptor>) -> Option<LoadLock> {
        let descriptor = Arc::clone(descriptor);
        lock(&descriptor).is_ok().then_some(LoadLock { descriptor })
    }

    /// Waits for other loads into the database at `path` to end, then keeps others out until it is dropped.
    ///
    /// `None` if there is nothing to lock: no file, one that cannot be a database, or a file system without locks.
    ///
    /// # Errors
    /// `DatabaseBusy` when another load goes on for longer than a short while, or when `stopped` says so; `OutputCreate` or `Io` when the
    /// file cannot be opened.
    pub fn take(path: &Path, stopped: &dyn Fn() -> bool) -> Result<Option<LoadLock>, Error> {
        let descriptor = match Descriptor::of(path) {
            Ok(descriptor) => descriptor,
            // Nothing to lock yet, or nothing that can be a database: SQLite will make the first, and whoever opens the second refuses it.
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

/// Keeps out other loads of this process, then those of other processes; without waiting.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
