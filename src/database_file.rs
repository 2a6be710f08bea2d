//! How a SQLite database is known from outside, and what must not be done with it: to be opened and closed again.
//!
//! Closing any descriptor of a file drops every POSIX lock that the process has on it, and a program that loads may have connections to
//! databases that it names by mistake.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// How a SQLite database begins. Source: SQLite file format §1.3.1.
pub const START: &[u8] = b"SQLite format 3\0";

/// Gives the file back unless it is a database, which stays open until the process ends.
pub fn unless_database(file: File) -> Option<File> {
    let mut start = [0; START.len()];
    if file.read_exact_at(&mut start, 0).is_ok() && start == START {
        std::mem::forget(file);
        return None;
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

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
