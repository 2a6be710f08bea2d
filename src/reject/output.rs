//! Opening the files that a load writes, without ever writing over the wrong one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::database_file::unless_database;
use crate::error::{Error, ErrorKind};

/// Bytes that are gathered before they are handed to the system.
pub(super) const BUFFER_BYTES: usize = 64 << 10;

/// What SQLite puts behind a database's name for files of its own.
const SQLITE_ENDINGS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Refuses outputs that are the same file as an input, the database or one another, whatever they are called: `./a.csv`, a hard
/// link and a symbolic link are all found out.
///
/// Called before anything is created.
///
/// # Errors
/// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) naming both.
pub fn check_outputs(inputs: &[PathBuf], database: &Path, errors: &Path, report: Option<&Path>) -> Result<(), Error> {
    let errors_taken: Vec<PathBuf> = [errors.to_owned()]
        .into_iter()
        .chain(["suspects", "merging"].map(|suffix| beside(errors, suffix)))
        .collect();
    let database_taken = SQLITE_ENDINGS.map(|ending| beside_with(database, ending));
    for input in inputs {
        // Standard input may be one of these files too.
        let input = if input.as_os_str() == "-" {
            Path::new("/dev/stdin")
        } else {
            input
        };
        if same_file(input, database) {
            return Err(Error::create(
                database,
                "it is an input; the last name on the command line is the database",
            ));
        }
        if let Some(taken) = database_taken.iter().find(|taken| same_file(input, taken)) {
            return Err(Error::create(
                taken,
                "it is an input, and SQLite keeps a file of that name beside the database",
            ));
        }
        for path in &errors_taken {
            if same_file(input, path) {
                return Err(Error::create(
                    path,
                    "it is an input of this load; name another file with --errors",
                ));
            }
        }
    }
    for path in &errors_taken {
        if database_taken.iter().any(|taken| same_file(path, taken)) {
            return Err(Error::create(
                path,
                "SQLite keeps a file of that name beside the database; name another file with --errors",
            ));
        }
    }
    if same_file(errors, database) {
        return Err(Error::create(
            errors,
            "it is the database; name another file with --errors",
        ));
    }
    let Some(report) = report else { return Ok(()) };
    let taken = inputs
        .iter()
        .map(PathBuf::as_path)
        .chain([database])
        .chain(errors_taken.iter().map(PathBuf::as_path))
        .chain(database_taken.iter().map(PathBuf::as_path));
    for path in taken {
        if same_file(report, path) {
            let message = format!(
                "it is the same file as {}; name another one with --report",
                path.display()
            );
            return Err(Error::create(report, message));
        }
    }
    Ok(())
}

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

/// The folder that `path` is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether both names lead to one regular file, or would once the file is created.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        // What is no regular file, such as /dev/null or a terminal, can be read and written at once.
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(_), Err(_)) => {
            let place = |path: &Path| Some((folder_of(path).canonicalize().ok()?, path.file_name()?.to_owned()));
            place(a).is_some_and(|at| place(b) == Some(at))
        }
        _ => false,
    }
}

/// Creates `path`, or empties the regular file that is there. A link is never followed and nothing else is ever opened.
///
/// # Errors
/// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) saying what is in the way and to name another place with `flag`.
pub(super) fn create_file(path: &Path, flag: &str) -> Result<File, Error> {
    let file = open_file(path, flag)?;
    file.set_len(0)
        .map_err(|error| Error::create(path, format!("{error}; name another file with {flag}")))?;
    Ok(file)
}

/// Opens or creates `path` and leaves what is in it. A link is never followed and nothing but a regular file is ever opened.
///
/// # Errors
/// [`ErrorKind::OutputCreate`](crate::ErrorKind::OutputCreate) saying what is in the way and to name another place with `flag`.
pub(crate) fn open_file(path: &Path, flag: &str) -> Result<File, Error> {
    let refuse = |why: &str| Error::create(path, format!("{why}; name another file with {flag}"));
    // Emptied only once it is known to be a regular file; O_NONBLOCK keeps a FIFO from blocking the open.
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => refuse("it is a symbolic link, which is not followed"),
        Some(libc::EISDIR) => refuse("it is a folder"),
        Some(libc::ENOENT) => refuse("its folder does not exist; create that"),
        Some(libc::ENOTDIR) => refuse("part of its path is not a folder"),
        Some(libc::EACCES | libc::EPERM) => refuse("permission denied"),
        Some(libc::EROFS) => refuse("the file system is read-only"),
        Some(libc::ENXIO) => refuse("it is not a regular file"),
        Some(libc::EMFILE | libc::ENFILE) => Error::io("opening", path, error),
        _ => refuse(&error.to_string()),
    })?;
    let metadata = file.metadata().map_err(|error| refuse(&error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    unless_database(file).ok_or_else(|| refuse("it is a SQLite database"))
}

/// The error for a file of an unfinished load that is not what that load left.
pub(super) fn tampered(path: &Path) -> Error {
    let message = "it is not what the earlier run left; put it back, or start afresh with --restart".to_owned();
    Error::new(ErrorKind::InputChanged {
        path: path.to_owned(),
        message,
    })
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
    use std::fs;
    use std::os::unix::fs::symlink;

    fn message(result: Result<impl Sized, Error>) -> String {
        result.err().expect("should be refused").to_string()
    }

    #[test]
    fn an_errors_file_that_is_the_input_is_refused_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("in.csv"), "a\n1\n").unwrap();
        fs::hard_link(at("in.csv"), at("hard.csv")).unwrap();
        symlink(at("in.csv"), at("soft.csv")).unwrap();
        let inputs = [at("in.csv")];
        for name in ["in.csv", "./in.csv", "hard.csv", "soft.csv"] {
            let refused = message(check_outputs(&inputs, &at("x.db"), &at(name), None));
            assert!(refused.contains("input of this load"), "{refused}");
            let refused = message(check_outputs(&inputs, &at("x.db"), &at("errors.csv"), Some(&at(name))));
            assert!(refused.contains("--report"), "{refused}");
        }
        let refused = message(check_outputs(&inputs, &at("in.csv"), &at("errors.csv"), None));
        assert!(refused.contains("the database"), "{refused}");
        check_outputs(&inputs, &at("x.db"), &at("errors.csv"), Some(&at("report.json"))).unwrap();
    }

    #[test]
    fn outputs_that_do_not_exist_yet_may_not_share_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(check_outputs(&[], &at("x.db"), &at("./x.db"), None).is_err());
        assert!(check_outputs(&[], &at("x.db"), &at("e.csv"), Some(&at("e.csv"))).is_err());
        assert!(check_outputs(&[], &at("x.db"), &at("e.csv"), Some(&at("e.csv.merging"))).is_err());
        for name in ["x.db-journal", "x.db-wal", "x.db-shm"] {
            assert!(check_outputs(&[], &at("x.db"), &at(name), None).is_err());
            assert!(check_outputs(&[], &at("x.db"), &at("e.csv"), Some(&at(name))).is_err());
        }
        assert!(check_outputs(&["-".into()], &at("x.db"), &at("e.csv"), Some(Path::new("/dev/null"))).is_ok());
    }

    #[test]
    fn what_is_in_the_way_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("target"), "precious").unwrap();
        symlink(at("target"), at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        assert!(message(create_file(&at("link"), "--errors")).contains("symbolic link"));
        assert!(message(create_file(&at("folder"), "--errors")).contains("it is a folder"));
        assert!(message(create_file(&at("none/e.csv"), "--errors")).contains("folder does not exist"));
        assert!(message(create_file(&at("target/e.csv"), "--errors")).contains("not a folder"));
        assert!(message(create_file(Path::new("/dev/null"), "--errors")).contains("not a regular file"));
        assert!(message(create_file(&at("link"), "--errors")).contains("name another file with --errors"));
        assert_eq!(fs::read(at("target")).unwrap(), b"precious");
    }
}
