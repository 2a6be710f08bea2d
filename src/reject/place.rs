//! Names that appear whole or not at all, and never in place of another file.
//!
//! A file is written while it has no name, reaches the disk, and is then given its name in one step, which fails if there is a file of that
//! name. So neither a reader nor a power cut meets half of it, and no other program's file is lost to a race.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::reject::output::{beside, folder_of};

/// What a new file is called before it has its name.
#[derive(Debug)]
pub(super) struct Unplaced {
    /// `None`: it has no name, as the file system allows that.
    temporary: Option<PathBuf>,
}

impl Unplaced {
    /// A new file in the folder of `path`.
    pub(super) fn create(path: &Path) -> io::Result<(File, Self)> {
        let unnamed = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_TMPFILE)
            .open(folder_of(path));
        match unnamed {
            Ok(file) if Path::new("/proc/self/fd").exists() => Ok((file, Unplaced { temporary: None })),
            Err(error) if !is_unsupported(&error) => Err(error),
            _ => {
                let temporary = beside(path, &format!("{}.new", random_token()));
                let file = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&temporary)?;
                let temporary = Some(temporary);
                Ok((file, Unplaced { temporary }))
            }
        }
    }

    /// Gives `file` the name `path`. `AlreadyExists` if there is a file of that name.
    pub(super) fn place(&self, file: &File, path: &Path) -> io::Result<()> {
        match &self.temporary {
            Some(temporary) => move_new(temporary, path).inspect_err(|_| {
                // Best effort: what went wrong is reported anyway.
                let _ = fs::remove_file(temporary);
            }),
            None => link_unnamed(file, path),
        }
    }
}

/// Sixteen hexadecimal digits that no other load has.
pub(crate) fn random_token() -> String {
    // Seeded by the system, differently each time.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

fn is_unsupported(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    // Old kernels mistake O_TMPFILE for an attempt to write to the folder.
    matches!(
        code,
        Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS | libc::EISDIR)
    )
}

/// Gives a file that has no name the name `path`. `AlreadyExists` if there is a file of that name.
pub(crate) fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = CString::new(path.as_os_str().as_bytes())?;
    let here = libc::AT_FDCWD;
    // SAFETY: both names are NUL-terminated and live through the call, which only reads them.
    match unsafe { libc::linkat(here, from.as_ptr(), here, to.as_ptr(), libc::AT_SYMLINK_FOLLOW) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Renames `from` to `to`, which must be free. `AlreadyExists` if there is a file of that name.
pub(super) fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    let names = (
        CString::new(from.as_os_str().as_bytes())?,
        CString::new(to.as_os_str().as_bytes())?,
    );
    let here = libc::AT_FDCWD;
    // SAFETY: both names are NUL-terminated and live through the call, which only reads them.
    let moved = unsafe { libc::renameat2(here, names.0.as_ptr(), here, names.1.as_ptr(), libc::RENAME_NOREPLACE) };
    if moved == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // Some file systems cannot promise that; then a second name is made, which never replaces a file, and the first is removed.
        error if is_unsupported(&error) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_new_file_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (mut file, new) = Unplaced::create(&at("a")).unwrap();
        file.write_all(b"new").unwrap();
        assert!(!at("a").exists());
        fs::write(at("a"), "old").unwrap();
        assert_eq!(
            new.place(&file, &at("a")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        new.place(&file, &at("b")).unwrap();
        assert_eq!(fs::read(at("b")).unwrap(), b"new");
        let refused = move_new(&at("b"), &at("a")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        move_new(&at("b"), &at("c")).unwrap();
        assert_eq!(fs::read(at("a")).unwrap(), b"old");
        assert_eq!(fs::read(at("c")).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert_ne!(random_token(), random_token());
    }
}
