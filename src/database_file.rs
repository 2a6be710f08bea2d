//! How to tell from outside that a file is a SQLite database, or is not one of ours; and what must not be done with a database: opening it
//! and closing it again.
//!
//! Closing any descriptor of a file drops every POSIX lock that the process has on it, and a program may have connections to a database
//! that it names as an input or output by mistake.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// How a SQLite database begins. Source: SQLite file format §1.3.1.
pub const START: &[u8] = b"SQLite format 3\0";

/// How a rollback journal begins. Source: SQLite file format §3.
const JOURNAL_START: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// How a write-ahead log begins, with checksums of either byte order. Source: SQLite file format §4.1.
const WAL_STARTS: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

/// Bytes of a file that are looked at: the mark of a report is in its first lines.
const MARK_BYTES: u64 = 4096;

/// Whether a file that begins with `start` may be a rollback journal. Until a journal is synced, zeros stand at its beginning: a killed
/// program may have left it so.
pub fn is_journal(start: &[u8]) -> bool {
    start.starts_with(&JOURNAL_START) || is_blank(start, JOURNAL_START.len())
}

/// Whether a file that begins with `start` may be a write-ahead log, of which a power cut may have left nothing but zeros.
pub fn is_wal(start: &[u8]) -> bool {
    WAL_STARTS.iter().any(|known| start.starts_with(known)) || is_blank(start, WAL_STARTS[0].len())
}

fn is_blank(start: &[u8], length: usize) -> bool {
    start.iter().take(length).all(|byte| *byte == 0)
}

/// Gives the file back unless it is a database, which stays open until the process ends.
pub fn unless_database(file: File) -> Option<File> {
    let mut start = [0; START.len()];
    if file.read_exact_at(&mut start, 0).is_ok() && start == START {
        std::mem::forget(file);
        return None;
    }
    Some(file)
}

/// Whether there is a regular file that is not empty and whose beginning `is_ours` does not accept.
pub(crate) fn is_foreign(path: &Path, is_ours: fn(&[u8]) -> bool) -> bool {
    // What is wrong with links, folders and the like is said by whoever opens them.
    if !fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
        return false;
    }
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    // As far as is known, a file that cannot be read, or is a database that must stay open, is not ours.
    let Some(file) = opened.ok().and_then(unless_database) else {
        return true;
    };
    let mut start = Vec::new();
    let read = file.take(MARK_BYTES).read_to_end(&mut start);
    read.is_err() || !is_ours(&start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_are_known_by_their_first_bytes() {
        assert!(is_journal(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7more") && is_journal(&[0; 512]));
        assert!(is_wal(b"\x37\x7f\x06\x82more") && is_wal(b"\x37\x7f\x06\x83"));
        for other in [
            b"notes\n".as_slice(),
            b"\xd9\xd5\x05\xf9",
            b"\x37\x7f\x06\x84",
            b"\0\0n",
        ] {
            assert!(!is_journal(other) && !is_wal(other), "{other:?}");
        }
    }

    #[test]
    fn only_a_database_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for (content, is_database) in [
            (&b"SQLite format 3\0 and more"[..], true),
            (b"SQLite format 3", false),
            (b"", false),
            (b"id,v\n1,a of more than that\n", false),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(unless_database(File::open(&path).unwrap()).is_none(), is_database);
        }
    }
}
