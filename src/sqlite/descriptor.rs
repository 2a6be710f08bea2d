//! One descriptor of each database file that this process loads into, kept for the life of the process.
//!
//! SQLite's locks are POSIX locks, and those belong to the process: closing any descriptor of a file drops every lock that the process
//! has on it, whichever connection took it. A program that loads into a database may have connections of its own to it, in the middle of a
//! transaction or, in WAL mode, with a lock that keeps others from clearing the log away. So what is opened here is not closed again, and
//! the next load into the same file uses the same descriptor. SQLite does the same with its own.
//!
//! A file that no longer has a name is let go, as its space would never be freed otherwise; but only if nothing else in the process has it
//! open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::window::FileIdentity;

/// Every descriptor that is kept.
static KEPT: Mutex<Vec<Arc<Descriptor>>> = Mutex::new(Vec::new());

/// The process's own descriptor of a database file.
#[derive(Debug)]
pub struct Descriptor {
    file: File,
    identity: FileIdentity,
    /// A load of this process holds the load's lock. The system's lock belongs to the open file, which loads of one process share.
    pub(super) is_load_locked: AtomicBool,
    /// What is written with it goes past the page cache.
    is_direct: AtomicBool,
}

impl Descriptor {
    /// The descriptor of the regular file at `path`, for reading and writing; opened if this process has none yet.
    ///
    /// # Errors
    /// Those of the system; `InvalidInput` for anything but a regular file.
    pub fn of(path: &Path) -> io::Result<Arc<Descriptor>> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|descriptor| !descriptor.is_useless());
        let known = |kept: &[Arc<Descriptor>], identity| {
            let found = kept.iter().find(|descriptor| descriptor.identity == identity);
            found.map(Arc::clone)
        };
        // Checked first: a file that was opened needlessly could not be closed.
        if let Some(found) = known(&kept, regular(&fs::metadata(path)?)?) {
            return Ok(found);
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)?;
        let identity = regular(&file.metadata()?)?;
        let opened = Arc::new(Descriptor {
            file,
            identity,
            is_load_locked: AtomicBool::new(false),
            is_direct: AtomicBool::new(false),
        });
        // The name may have begun to lead to a known file just now: then both descriptors are kept, and the first one is used.
        let found = known(&kept, identity);
        kept.push(Arc::clone(&opened));
        Ok(found.unwrap_or(opened))
    }

    /// Keeps `file`, which this process has just made and which has no name yet.
    ///
    /// # Errors
    /// Those of the system.
    pub fn of_new(file: File) -> io::Result<Arc<Descriptor>> {
        let opened = Arc::new(Descriptor {
            identity: regular(&file.metadata()?)?,
            file,
            is_load_locked: AtomicBool::new(false),
            is_direct: AtomicBool::new(false),
        });
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Arc::clone(&opened));
        Ok(opened)
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    pub fn is_direct(&self) -> bool {
        self.is_direct.load(Ordering::Relaxed)
    }

    /// Makes what is written with it from now on go past the page cache, or not; returns whether the file system allows that.
    pub fn set_direct(&self, is_direct: bool) -> bool {
        let descriptor = self.file.as_raw_fd();
        // SAFETY: fcntl with these commands takes no pointer; the descriptor is open.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
        let wanted = if is_direct {
            flags | libc::O_DIRECT
        } else {
            flags & !libc::O_DIRECT
        };
        // SAFETY: as above.
        let is_set = flags >= 0 && (flags == wanted || unsafe { libc::fcntl(descriptor, libc::F_SETFL, wanted) } == 0);
        if is_set {
            self.is_direct.store(is_direct, Ordering::Relaxed);
        }
        is_set
    }

    /// Whether it can be closed: its file has no name, and nothing in this process uses it.
    fn is_useless(self: &Arc<Self>) -> bool {
        let has_name = self.file.metadata().map_or(true, |metadata| metadata.nlink() > 0);
        !has_name && Arc::strong_count(self) == 1 && open_here(self.identity) == Some(1)
    }
}

/// Whether this process has the file at `path` open other than by a descriptor that is kept here: as a connection of its own, or of
/// another copy of SQLite, while no load of the process is under way.
pub fn is_open_otherwise(path: &Path) -> bool {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(identity) = FileIdentity::of(path) else {
        return false;
    };
    let of_file = kept.iter().filter(|descriptor| descriptor.identity == identity);
    let own = of_file.count();
    open_here(identity).is_some_and(|open| open > own)
}

/// # Errors
/// `InvalidInput` for anything but a regular file: SQLite locks nothing else.
fn regular(metadata: &fs::Metadata) -> io::Result<FileIdentity> {
    if metadata.is_file() {
        Ok(FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// How many descriptors of the file this process has, if that can be found out.
fn open_here(identity: FileIdentity) -> Option<usize> {
    let descriptors = fs::read_dir("/proc/self/fd").ok()?;
    let is_it = |entry: &fs::DirEntry| FileIdentity::of(&entry.path()) == Some(identity);
    Some(descriptors.flatten().filter(is_it).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_descriptor_of_a_file_is_opened_and_kept_while_the_file_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("x.db"), "x").unwrap();
        fs::hard_link(at("x.db"), at("y.db")).unwrap();
        let identity = FileIdentity::of(&at("x.db")).unwrap();
        for name in ["x.db", "y.db", "x.db"] {
            let found = Descriptor::of(&at(name)).unwrap();
            assert_eq!((found.identity, open_here(identity)), (identity, Some(1)));
            assert!(!is_open_otherwise(&at(name)));
        }
        let others = File::open(at("y.db")).unwrap();
        assert!(is_open_otherwise(&at("x.db")));
        drop(others);
        assert!(!is_open_otherwise(&at("x.db")) && !is_open_otherwise(&at("none.db")));
        fs::remove_file(at("x.db")).unwrap();
        fs::write(at("x.db"), "another").unwrap();
        assert_ne!(Descriptor::of(&at("x.db")).unwrap().identity, identity);
        assert_eq!(open_here(identity), Some(1), "it has its other name");
    }

    #[test]
    fn a_file_without_a_name_is_let_go_once_nothing_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["x.db", "other.db"] {
            fs::write(at(name), "x").unwrap();
        }
        let identity = FileIdentity::of(&at("x.db")).unwrap();
        let used = Descriptor::of(&at("x.db")).unwrap();
        let others = File::open(at("x.db")).unwrap();
        fs::remove_file(at("x.db")).unwrap();
        let open_then = || {
            Descriptor::of(&at("other.db")).unwrap();
            open_here(identity)
        };
        assert_eq!(open_then(), Some(2));
        drop(used);
        assert_eq!(
            open_then(),
            Some(2),
            "closing it would drop the locks of whoever opened it"
        );
        drop(others);
        assert_eq!(open_then(), Some(0));
    }

    #[test]
    fn only_regular_files_are_opened() {
        for path in ["/dev/null", "/", "/none/such"] {
            assert!(Descriptor::of(Path::new(path)).is_err(), "{path}");
        }
    }
}
