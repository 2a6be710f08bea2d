//! Opening the files that a load writes, without ever writing over the wrong one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::database_file::unless_database;
use crate::error::Error;
use crate::option_name::{OptionName, RESTART};

/// Bytes that are buffered before they are handed to the system.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

/// `path` with `.suffix` after its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    beside_with(path, &format!(".{suffix}"))
}

/// `path` with `ending` after its name.
pub(crate) fn beside_with(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// `errors.csv` with `number` before its ending.
pub(super) fn numbered(path: &Path, number: u64) -> PathBuf {
    errors_file_of(path, &number.to_string())
}

/// The errors file of `table`, where each table has one: `errors.csv` with the table's name before its ending.
pub(crate) fn errors_file_of(path: &Path, table: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{table}"));
    if let Some(ending) = path.extension() {
        name.push(".");
        name.push(ending);
    }
    path.with_file_name(name)
}

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// How many links are followed from one name to the next; Linux follows as many.
const MAX_LINKS: u32 = 40;

/// Where a file of this name is, or would be created: its folder and its name there, links followed.
fn place_of(path: &Path) -> Option<(PathBuf, OsString)> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(target);
    }
    Some((folder_of(&path).canonicalize().ok()?, path.file_name()?.to_owned()))
}

/// `path`, or what it leads to if it is a link, even if there is nothing there yet.
pub(crate) fn followed(path: &Path) -> PathBuf {
    place_of(path).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

/// Whether both names lead to one file, or would once the file is created.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        // A device such as /dev/null or a terminal can be read and written at once.
        (Ok(a), Ok(b)) => !a.file_type().is_char_device() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(_), Err(_)) => match (place_of(a), place_of(b)) {
            (Some(a), Some(b)) => {
                same_folder(&a.0, &b.0) && (a.1 == b.1 || (differ_in_case(&a.1, &b.1) && folds_case(&a.0)))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether both are one folder, which may be mounted at several places.
fn same_folder(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => a == b,
    }
}

fn differ_in_case(a: &OsStr, b: &OsStr) -> bool {
    a.to_string_lossy().to_lowercase() == b.to_string_lossy().to_lowercase()
}

/// Whether a name in `folder` finds a file whose name differs in case. Tried with a file that is removed at once.
fn folds_case(folder: &Path) -> bool {
    let probe = tempfile::Builder::new().prefix(".rowmill-case-").tempfile_in(folder);
    let Ok(probe) = probe else { return false };
    let name = probe
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_uppercase();
    folder.join(name).exists()
}

/// Opens or creates `path` and leaves what is in it. A link is never followed, and only a regular file is ever opened.
///
/// # Errors
/// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) saying what is in the way and to name another place with `option`.
#[cfg(any(feature = "html", test))]
pub(crate) fn open_file(path: &Path, option: OptionName) -> Result<File, Error> {
    open_with(path, option, OpenOptions::new().create(true))
}

/// Opens `path` as [`open_file`] does; `None` if there is nothing there.
pub(super) fn open_existing(path: &Path, option: OptionName) -> Result<Option<File>, Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => open_with(path, option, &mut OpenOptions::new()).map(Some),
    }
}

/// Creates `path`, where no file is.
///
/// # Errors
/// As [`open_file`].
pub(super) fn create_new(path: &Path, option: OptionName) -> Result<File, Error> {
    open_with(path, option, OpenOptions::new().create_new(true))
}

fn open_with(path: &Path, option: OptionName, options: &mut OpenOptions) -> Result<File, Error> {
    let opened = options
        .read(true)
        .write(true)
        // O_NONBLOCK keeps a FIFO from blocking the open.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = opened.map_err(|error| refusal(path, option, error))?;
    let metadata = file.metadata().map_err(|error| refusal(path, option, error))?;
    if !metadata.is_file() {
        let message = format!("it is not a regular file; name another file with {option}");
        return Err(Error::create(path, message));
    }
    unless_database(file).ok_or_else(|| {
        let message = format!("it is a SQLite database; name another file with {option}");
        Error::create(path, message)
    })
}

/// Why an output could not be created or opened, in words.
pub(super) fn refusal(path: &Path, option: OptionName, error: io::Error) -> Error {
    let refuse = |why: &str| Error::create(path, format!("{why}; name another file with {option}"));
    match error.raw_os_error() {
        Some(libc::ELOOP) => refuse("it is a symbolic link, which is not followed"),
        Some(libc::EISDIR) => refuse("it is a folder"),
        Some(libc::ENOENT) => refuse("its folder does not exist; create that"),
        Some(libc::ENOTDIR) => refuse("part of its path is not a folder"),
        Some(libc::EACCES | libc::EPERM) => refuse("permission denied"),
        Some(libc::EROFS) => refuse("the file system is read-only"),
        Some(libc::ENXIO) => refuse("it is not a regular file"),
        Some(libc::EMFILE | libc::ENFILE) => Error::io("opening", path, error),
        _ => refuse(&error.to_string()),
    }
}

/// The error for a file of an unfinished load that is not as that load left it.
pub(super) fn tampered(path: &Path) -> Error {
    let message = format!("it is not as the earlier run left it; put it back, or start afresh with {RESTART}");
    Error::side_file_changed(path, &message)
}

/// The error for a file that no longer holds what this load wrote to it.
pub(super) fn changed_meanwhile(path: &Path) -> Error {
    let message = format!(
        "it was changed, moved or removed by somebody else while the load wrote it; what was committed is safe. Put the file back and run \
         the load again, or start afresh with {RESTART}"
    );
    Error::side_file_changed(path, &message)
}

/// Bytes of the errors file's name that its side files repeat: names have at most 255.
const MAX_NAME_BYTES: usize = 200;

/// A side file of the load that is named by `token`: `errors.csv.0123456789abcdef.KIND`.
pub(super) fn side_file(errors: &Path, token: &str, kind: &str) -> PathBuf {
    let name = errors.file_name().unwrap_or_default().as_bytes();
    let name = OsStr::from_bytes(&name[..name.len().min(MAX_NAME_BYTES)]);
    beside(&errors.with_file_name(name), &format!("{token}.{kind}"))
}

/// Removes the file `path` if it exists.
pub(super) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        // In a folder that cannot be written to, removing a file fails even if it is not there.
        Err(error) if fs::symlink_metadata(path).is_ok() => Err(Error::io("removing", path, error)),
        _ => Ok(()),
    }
}

/// Makes the names in `path`'s folder durable: a created or renamed file survives a power cut only after this.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io).
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced {
        // Some file systems (FUSE, network) have no fsync for folders; there is nothing more to be done there.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput || error.kind() == io::ErrorKind::Unsupported => {
            Ok(())
        }
        other => other.map_err(|error| Error::io("syncing the folder", folder, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::option_name::ERRORS;
    use std::os::unix::fs::symlink;

    fn message(result: Result<impl Sized, Error>) -> String {
        result.err().expect("should be refused").to_string()
    }

    #[test]
    fn one_file_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "").unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        symlink(at("a"), at("soft")).unwrap();
        symlink("new", at("dangling")).unwrap();
        symlink("dangling", at("twice")).unwrap();
        symlink(".", at("here")).unwrap();
        for (one, other) in [
            ("a", "a"),
            ("./a", "here/here/a"),
            ("hard", "soft"),
            ("new", "dangling"),
            ("twice", "here/new"),
        ] {
            assert!(same_file(&at(one), &at(other)), "{one} {other}");
        }
        for (one, other) in [("a", "new"), ("A", "a"), ("new", "New"), ("none/a", "none/b")] {
            assert!(!same_file(&at(one), &at(other)), "{one} {other}");
        }
        assert!(!same_file(Path::new("/dev/null"), Path::new("/dev/null")));
        assert_eq!(
            followed(&at("twice")),
            folder.path().canonicalize().unwrap().join("new")
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6, "nothing is left");
    }

    #[test]
    fn what_is_in_the_way_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("target"), "precious").unwrap();
        symlink(at("target"), at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        assert!(message(open_file(&at("link"), ERRORS)).contains("symbolic link"));
        assert!(message(open_existing(&at("link"), ERRORS)).contains("symbolic link"));
        assert!(message(create_new(&at("target"), ERRORS)).contains("exists"));
        assert!(message(open_file(&at("folder"), ERRORS)).contains("it is a folder"));
        assert!(message(open_file(&at("none/e.csv"), ERRORS)).contains("folder does not exist"));
        assert!(message(open_file(&at("target/e.csv"), ERRORS)).contains("not a folder"));
        assert!(message(open_file(Path::new("/dev/null"), ERRORS)).contains("not a regular file"));
        assert!(message(open_file(&at("link"), ERRORS)).contains("name another file with `errors`"));
        assert!(open_existing(&at("none"), ERRORS).unwrap().is_none());
        assert_eq!(fs::read(at("target")).unwrap(), b"precious");
    }

    #[test]
    fn the_longest_names_have_side_files_too() {
        let errors = PathBuf::from("folder").join("e".repeat(255));
        let side = side_file(&errors, "0123456789abcdef", "suspects");
        assert!(side.file_name().unwrap().len() <= 255);
        assert_eq!(
            side_file(Path::new("errors.csv"), "07", "merging"),
            Path::new("errors.csv.07.merging")
        );
    }
}
