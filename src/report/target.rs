//! Where a report goes: into a file of its own, or down a stream that the process was given.
//!
//! Comes in: a path and what writes the report. Goes out: a regular file that is whole or not there at all, or bytes in a pipe or a
//! device. The hard part: what a path leads to. A name below `/dev` says nothing; what counts is whether it is one of the system's names
//! for a descriptor of the process, and what is there.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::is_json_report;
use crate::database_file::is_foreign;
use crate::error::Error;
use crate::observer::Observer;
use crate::option_name::REPORT;
use crate::reject::{folder_of, sync_folder};

/// Time between two looks at a FIFO that nobody reads, and at whether to stop waiting for a reader.
const PAUSE: Duration = Duration::from_millis(20);
/// Time after which the user is told what the load is waiting for.
const SILENCE: Duration = Duration::from_secs(1);

/// What writes the report.
type Put<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

/// The number of the process's descriptor for which `path` is one of the system's names.
fn named_descriptor(path: &Path) -> Option<u32> {
    let known = [("/dev/stdin", 0), ("/dev/stdout", 1), ("/dev/stderr", 2)];
    if let Some((_, number)) = known.iter().find(|(name, _)| path == Path::new(name)) {
        return Some(*number);
    }
    let is_folder = |folder: &Path| folder == Path::new("/dev/fd") || folder == Path::new("/proc/self/fd");
    let name = path.file_name().filter(|_| path.parent().is_some_and(is_folder))?;
    name.to_str()?.parse().ok()
}

/// Whether `path` is one of the system's names for a descriptor of the process, whether or not that descriptor exists.
pub(crate) fn names_descriptor(path: &Path) -> bool {
    named_descriptor(path).is_some()
}

/// Whether `path` is a name for a stream that the process was started with and that can be written to. The report goes down that stream,
/// even if it is a regular file, whereas any other regular file would be replaced.
pub(crate) fn is_own_stream(path: &Path) -> bool {
    let Some(number) = named_descriptor(path) else {
        return false;
    };
    match (path.metadata(), fs::metadata(format!("/proc/self/fd/{number}"))) {
        // A file that somebody has put under such a name is a file like any other.
        (Ok(named), Ok(own)) => (named.dev(), named.ino()) == (own.dev(), own.ino()) && may_be_written(number),
        // Without /proc these names lead nowhere; these two streams are there all the same.
        (Err(_), Err(_)) => number == 1 || number == 2,
        _ => false,
    }
}

/// Whether the descriptor was opened for writing: its name could be opened for writing whatever the descriptor was opened for.
///
/// Source: proc_pid_fdinfo(5), `flags`: octal.
fn may_be_written(number: u32) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| libc::c_int::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

fn own_stream(path: &Path) -> io::Result<File> {
    match named_descriptor(path) {
        Some(1) => io::stdout().as_fd().try_clone_to_owned().map(File::from),
        Some(2) => io::stderr().as_fd().try_clone_to_owned().map(File::from),
        _ => File::options().append(true).open(path),
    }
}

/// Writes what `put` gives to `path`. A regular file is replaced in one step, never half-written; a pipe or a device such as
/// `/dev/stdout` is written to. If nobody reads a FIFO, this waits for a reader until `observer` asks to stop.
///
/// # Errors
/// `OutputCreate` when the file cannot be created, `Io` when it cannot be written.
pub(super) fn write(path: &Path, observer: &dyn Observer, put: Put<'_>) -> Result<(), Error> {
    let failed = |error| Error::io("writing", path, error);
    if is_own_stream(path) {
        return own_stream(path)
            .and_then(|stream| put_into(&stream, put))
            .map_err(failed);
    }
    let refuse = |why: &str| Error::create(path, format!("{why}; name another file with {REPORT}"));
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => return Err(refuse("it is a folder")),
        Ok(metadata) if metadata.file_type().is_fifo() => {
            let mut fifo = Fifo::open(path, observer)?;
            return put_into(&mut fifo, put).map_err(failed);
        }
        Ok(metadata) if metadata.file_type().is_char_device() => {
            let opened = File::options().write(true).open(path);
            let device = opened.map_err(|error| refuse(&error.to_string()))?;
            return put_into(&device, put).map_err(failed);
        }
        Ok(metadata) if !metadata.is_file() => return Err(refuse("it is neither a regular file nor a stream")),
        _ => {}
    }
    if path.is_symlink() {
        return Err(refuse("it is a symbolic link, which is not followed"));
    }
    replace(path, put, &refuse)
}

fn replace(path: &Path, put: Put<'_>, refuse: &dyn Fn(&str) -> Error) -> Result<(), Error> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if is_foreign(&target, is_json_report) {
        let why = "a file that is not a report of rowmill has come there during the load, and it is left as it is";
        return Err(refuse(why));
    }
    // The permissions that any program's new file gets: the umask takes away what the user does not want.
    let mut builder = tempfile::Builder::new();
    let created = builder
        .permissions(Permissions::from_mode(0o666))
        .prefix(".rowmill-report")
        .tempfile_in(folder_of(&target));
    let file = created.map_err(|error| refuse(&error.to_string()))?;
    let written = put_into(file.as_file(), put).and_then(|()| file.as_file().sync_data());
    written.map_err(|error| Error::io("writing", path, error))?;
    file.persist(&target)
        .map_err(|error| Error::io("replacing", path, error.error))?;
    sync_folder(&target)
}

/// The writing end of a FIFO, which never blocks: nobody may read it yet, or whoever does may have paused.
struct Fifo<'a> {
    file: File,
    observer: &'a dyn Observer,
}

impl<'a> Fifo<'a> {
    /// Waits until somebody has opened the FIFO at `path` for reading.
    ///
    /// # Errors
    /// `Io` when asked to stop before that; `OutputCreate` when it cannot be opened.
    fn open(path: &Path, observer: &'a dyn Observer) -> Result<Self, Error> {
        let since = Instant::now();
        let mut is_said = false;
        loop {
            let opened = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
            match opened {
                Ok(file) => return Ok(Fifo { file, observer }),
                Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {}
                Err(error) => {
                    return Err(Error::create(path, format!("{error}; name another file with {REPORT}")));
                }
            }
            if observer.cancelled().is_some() {
                return Err(Error::io("writing", path, stopped()));
            }
            if !is_said && since.elapsed() >= SILENCE {
                is_said = true;
                let path = path.display();
                observer.notice(&format!(
                    "the report waits for somebody to read {path}; interrupt to go on without it"
                ));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("it is a FIFO that nobody reads, and the wait for that was interrupted")
}

impl Write for Fifo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
            if self.observer.cancelled().is_some() {
                return Err(stopped());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put_into(target: impl Write, put: Put<'_>) -> io::Result<()> {
    let mut out = BufWriter::new(target);
    put(&mut out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_names_of_descriptors_are_streams_of_the_process() {
        for (path, number) in [
            ("/dev/stdout", 1),
            ("/dev//./stderr", 2),
            ("/dev/fd/1", 1),
            ("/proc/self/fd/63", 63),
        ] {
            assert_eq!(named_descriptor(Path::new(path)), Some(number), "{path}");
        }
        for path in [
            "/dev/shm/x",
            "/dev/fd",
            "/dev/fd/x",
            "/dev/fd/../shm/1",
            "/dev/../dev/stdout",
            "/proc/self/fd/../cwd/1",
            "/proc/self/fd/1/1",
            "stdout",
        ] {
            assert_eq!(named_descriptor(Path::new(path)), None, "{path}");
        }
        assert!(is_own_stream(Path::new("/dev/stdout")));
        assert!(!is_own_stream(Path::new("/dev/fd/9999")), "nothing is there");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "x").unwrap();
        let file = File::open(&path).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert!(
            !is_own_stream(Path::new(&format!("/dev/fd/{number}"))),
            "it is open for reading"
        );
    }
}
