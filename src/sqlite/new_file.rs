//! A database file that appears whole or not at all.
//!
//! It is written while it has no name, reaches the disk, and gets its name in one step, which fails if there is a file of that name. So
//! neither a kill nor a power cut leaves half of it, and it needs no journal. Other loads are kept out before it has a name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::faults;
use crate::reject::{beside_with, folder_of, link_unnamed, sync_folder};
use crate::sqlite::descriptor::Descriptor;
use crate::sqlite::lock::LoadLock;

/// What SQLite would take for parts of the database: left by another one of that name.
const LEFT_ENDINGS: [&str; 2] = ["-journal", "-wal"];
/// Permissions of the files that SQLite makes, before the user's mask. Source: `SQLITE_DEFAULT_FILE_PERMISSIONS`.
const PERMISSIONS: u32 = 0o644;

/// A file without a name.
#[derive(Debug)]
pub struct NewFile {
    descriptor: Arc<Descriptor>,
    /// Its name to be.
    path: PathBuf,
}

/// What came of a new file.
#[derive(Debug)]
pub enum Placed {
    /// It has its name, and other loads are kept out, if the file system can do that.
    Here(Option<LoadLock>),
    /// Somebody else has made a file of that name.
    Taken,
}

impl NewFile {
    /// A file that can get the name `path`; `None` if something of that name is there, or the file system knows no files without names.
    pub fn create(path: &Path) -> Option<NewFile> {
        if !is_free(path) || !Path::new("/proc/self/fd").exists() {
            return None;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .mode(PERMISSIONS)
            .custom_flags(libc::O_TMPFILE)
            .open(folder_of(path));
        Some(NewFile {
            descriptor: Descriptor::of_new(file.ok()?).ok()?,
            path: path.to_owned(),
        })
    }

    /// Gives it its content and its name, both on the disk.
    ///
    /// # Errors
    /// `Io`; then there is no such file.
    pub fn place(self, image: &[u8]) -> Result<Placed, Error> {
        let NewFile { descriptor, path } = self;
        let file = descriptor.file();
        let written = file.write_all_at(image, 0).and_then(|()| file.sync_data());
        written.map_err(|error| Error::io("writing", &path, error))?;
        faults::point("new database: on the disk");
        let lock = LoadLock::of_new(&descriptor);
        if !is_free(&path) {
            return Ok(Placed::Taken);
        }
        match link_unnamed(file, &path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Placed::Taken),
            Err(error) => return Err(Error::io("creating", &path, error)),
        }
        faults::point("new database: named");
        sync_folder(&path).inspect_err(|_| take_back(file, &path, image))?;
        Ok(Placed::Here(lock))
    }
}

/// Whether nothing has the name `path`, and nothing is left of a database that had it.
fn is_free(path: &Path) -> bool {
    let is_gone = |path: &Path| {
        let found = fs::symlink_metadata(path);
        found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    is_gone(path) && LEFT_ENDINGS.iter().all(|ending| is_gone(&beside_with(path, ending)))
}

/// Removes the name again, unless somebody has written to the file. Best effort: what went wrong is reported anyway.
fn take_back(file: &File, path: &Path, image: &[u8]) {
    let is_unchanged = || -> io::Result<bool> {
        let mut bytes = vec![0; image.len()];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(file.metadata()?.len() == image.len() as u64 && bytes == image)
    };
    if is_unchanged().unwrap_or(false) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_whole_and_locked_and_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let [first, second] = [(); 2].map(|()| NewFile::create(&path).unwrap());
        assert!(!path.exists());
        let Placed::Here(lock) = first.place(b"whole").unwrap() else {
            panic!("the name was free");
        };
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(LoadLock::take(&path, &|| true).is_err(), "another load is kept out");
        drop(lock);
        assert!(LoadLock::take(&path, &|| true).unwrap().is_some());
        assert!(matches!(second.place(b"late").unwrap(), Placed::Taken));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(NewFile::create(&path).is_none());
    }

    #[test]
    fn a_journal_that_an_earlier_database_left_is_never_met_by_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        for ending in LEFT_ENDINGS {
            let left = beside_with(&path, ending);
            let begun = NewFile::create(&path).unwrap();
            fs::write(&left, "old").unwrap();
            assert!(NewFile::create(&path).is_none(), "{ending}");
            assert!(matches!(begun.place(b"new").unwrap(), Placed::Taken), "{ending}");
            assert!(!path.exists());
            fs::remove_file(left).unwrap();
        }
    }
}
