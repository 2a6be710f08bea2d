//! A connection that only reads, and leaves nothing beside the database.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::database_file::unless_database;

/// Memory for SQLite's pages in KiB.
const CACHE_KIB: u64 = 512;
/// Where a database says that it has a write-ahead log, and how.
const WAL_AT: u64 = 18;
const WAL: u8 = 2;

/// Opens the database at `path`, which must be there, for reading only.
///
/// Whoever reads a database with a write-ahead log that nobody has open makes files beside it, and, reading only, cannot take them away. As
/// nobody writes to such a database, it is read as one that does not change.
pub fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // A path is just a path, whatever it is called.
    let path = Path::new(".").join(path);
    let connection = match has_wal(&path) && !is_in_use(&path) {
        true => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{}?immutable=1", encoded(&path)), flags)?
        }
        false => Connection::open_with_flags(&path, flags)?,
    };
    connection.execute_batch(&format!(
        "PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    Ok(connection)
}

/// Whether the database at `path` has a write-ahead log.
pub fn has_wal(path: &Path) -> bool {
    let mut mark = [0];
    let Ok(file) = File::open(path) else { return false };
    let read = file.read_exact_at(&mut mark, WAL_AT);
    // Were it closed, the process would lose its locks on the database.
    unless_database(file).is_none() && read.is_ok() && mark[0] == WAL
}

/// Whether the log is there: whoever closes the database last takes it away.
fn is_in_use(database: &Path) -> bool {
    let mut log: OsString = database.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).exists()
}

/// The path as a URI has it.
fn encoded(path: &Path) -> String {
    let byte = |&byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.as_os_str().as_bytes().iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_with_a_log_is_read_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a ?#%.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1);")
            .unwrap();
        let count = |connection: &Connection| {
            connection
                .query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(count(&open_to_read(&path).unwrap()), 1, "while somebody has it open");
        drop(writer);
        let reader = open_to_read(&path).unwrap();
        assert_eq!(count(&reader), 1);
        assert!(reader.execute_batch("INSERT INTO t VALUES (2)").is_err());
        drop(reader);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(open_to_read(&folder.path().join("none.db")).is_err());
    }
}
