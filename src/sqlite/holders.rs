//! Who is in the way when a database is locked, and how long to wait for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::faults;
use crate::reject::beside_with;

/// How long to wait for another process to let go of the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// As long as that, unless a test is in a hurry.
pub fn busy_timeout() -> Duration {
    faults::short_wait().unwrap_or(BUSY_TIMEOUT)
}

/// How many processes a message names.
const NAMED_HOLDERS: usize = 3;

/// Which other processes hold locks on the file at `path`, as the end of a sentence; empty when none can be named.
///
/// If the kernel does not say (it names no process for some kinds of locks), those that have the file open.
pub(crate) fn holders(path: &Path) -> String {
    // In WAL mode the locks are on the shared-memory file.
    let files: Vec<FileId> = [path.to_owned(), beside_with(path, "-shm")]
        .iter()
        .filter_map(|path| FileId::of(path))
        .collect();
    let own = std::process::id();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut found: Vec<u32> = locks
        .lines()
        .filter_map(lock_line)
        .filter(|(pid, file)| *pid != own && files.contains(file))
        .map(|(pid, _)| pid)
        .collect();
    let mut verb = "held by";
    if found.is_empty() {
        verb = "open in";
        found = processes().filter(|&pid| pid != own && has_open(pid, &files)).collect();
    }
    found.sort_unstable();
    found.dedup();
    let named: Vec<String> = found.iter().take(NAMED_HOLDERS).map(|&pid| named(pid)).collect();
    if named.is_empty() {
        return String::new();
    }
    format!(", {verb} {}", named.join(", "))
}

/// A file as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    major: u32,
    minor: u32,
    inode: u64,
}

impl FileId {
    fn of(path: &Path) -> Option<FileId> {
        let metadata = fs::metadata(path).ok()?;
        Some(FileId {
            major: libc::major(metadata.dev()),
            minor: libc::minor(metadata.dev()),
            inode: metadata.ino(),
        })
    }
}

/// Process and file of a lock that is held: `1: POSIX  ADVISORY  WRITE 4242 fe:00:1234 1073741824 1073742335`.
///
/// Lines of those that wait begin with `->`. Source: proc_locks(5).
fn lock_line(line: &str) -> Option<(u32, FileId)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next()? == "->" {
        return None;
    }
    let pid = words.nth(2)?.parse().ok()?;
    let mut file = words.next()?.split(':');
    let file = FileId {
        major: u32::from_str_radix(file.next()?, 16).ok()?,
        minor: u32::from_str_radix(file.next()?, 16).ok()?,
        inode: file.next()?.parse().ok()?,
    };
    Some((pid, file))
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether the process has one of `files` open, as far as its descriptors may be looked at.
fn has_open(pid: u32, files: &[FileId]) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    descriptors
        .filter_map(|entry| FileId::of(&entry.path()))
        .any(|file| files.contains(&file))
}

fn named(pid: u32) -> String {
    match fs::read_to_string(PathBuf::from(format!("/proc/{pid}/comm"))) {
        Ok(command) => format!("{} (process {pid})", command.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernels_list_are_read() {
        let held = "3: POSIX  ADVISORY  WRITE 4242 fe:0a:1234 1073741824 1073742335";
        let file = FileId {
            major: 254,
            minor: 10,
            inode: 1234,
        };
        assert_eq!(lock_line(held), Some((4242, file)));
        for other in [
            "3: -> POSIX  ADVISORY  WRITE 4242 fe:0a:1234 0 EOF",
            "4: OFDLCK ADVISORY  WRITE -1 fe:0a:1234 0 EOF",
            "",
            "5:",
        ] {
            assert_eq!(lock_line(other), None, "{other}");
        }
    }
}
