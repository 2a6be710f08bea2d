//! How files are opened and looked at for the first time.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind as IoErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::decode::{LOOK_BYTES, Packing};

/// Longest wait for a stream's next bytes before the stop request is looked at again.
const POLL_INTERVAL_MS: i32 = 100;

/// What a file is packed with, if it is.
pub(super) fn packing_of(file: &File) -> std::io::Result<Option<Packing>> {
    Ok(Packing::of(&start_of::<LOOK_BYTES>(file)?))
}

/// The first bytes of a file, as many as it has.
pub(super) fn start_of<const BYTES: usize>(file: &File) -> std::io::Result<Vec<u8>> {
    let mut first = vec![0; BYTES];
    let mut bytes = 0;
    while bytes < first.len() {
        match file.read_at(&mut first[bytes..], bytes as u64) {
            Ok(0) => break,
            Ok(read_bytes) => bytes += read_bytes,
            Err(e) if e.kind() == IoErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    first.truncate(bytes);
    Ok(first)
}

/// Opens `path` for reading. A FIFO that nobody writes to yet does not block here: the wait comes later, for its first bytes, and a request
/// to stop can end it.
pub(super) fn open_at_once(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    // SAFETY: fcntl on a descriptor that is open, with an integer argument or none.
    unsafe {
        let flags = libc::fcntl(file.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK);
    }
    Ok(file)
}

/// Waits until `file` has bytes or has ended; `false` when told to stop while it has neither.
pub(super) fn wait_readable(file: &File, stopped: &dyn Fn() -> bool) -> bool {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        // SAFETY: `poll` is one valid pollfd for the duration of the call.
        let ready = unsafe { libc::poll(&mut poll, 1, POLL_INTERVAL_MS) };
        if stopped() {
            return false;
        }
        // If poll fails, the read that follows reports it.
        if ready > 0 || (ready < 0 && std::io::Error::last_os_error().kind() != IoErrorKind::Interrupted) {
            return true;
        }
    }
}
