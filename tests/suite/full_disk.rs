//! A disk that is really full: a small file system in memory.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::data::{Recipe, people_file};
use super::database::{self, Dump};
use super::process::{Ended, Running, rowmill};

/// A tmpfs of a given size, unmounted when dropped.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None`, said loudly, where this user may not mount.
    fn mount(bytes: u64) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let target = c_string(folder.path().as_os_str().as_bytes());
        let options = c_string(format!("size={bytes}").as_bytes());
        // SAFETY: all pointers are those of NUL-terminated strings that live through the call.
        let mounted = unsafe {
            libc::mount(
                c"tmpfs".as_ptr(),
                target.as_ptr(),
                c"tmpfs".as_ptr(),
                0,
                options.as_ptr().cast(),
            )
        };
        if mounted != 0 {
            let error = std::io::Error::last_os_error();
            eprintln!("SKIPPED: no file system can be mounted here ({error}); run as root, or under `unshare -rm`");
            return None;
        }
        Some(SmallDisk { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let target = c_string(self.folder.path().as_os_str().as_bytes());
        // SAFETY: the pointer is that of a NUL-terminated string. Lazily: a file may still be open after a failed assertion.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}

fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap()
}

/// An input, and the command that loads it into `folder`.
struct Job {
    input: PathBuf,
    write_path: &'static str,
}

impl Job {
    fn load(&self, folder: &Path) -> Ended {
        let write_path = self.write_path;
        let mut args = vec!["load".into(), self.input.clone().into_os_string()];
        let flags = [
            "out.db",
            "--table",
            "t",
            "--key",
            "id",
            "--batch-rows",
            "2000",
            "--write-path",
            write_path,
        ];
        args.extend(flags.map(Into::into));
        Running::start(rowmill(folder, &args)).wait()
    }
}

fn left_in(folder: &Path) -> (Dump, Vec<u8>) {
    assert_eq!(database::integrity(&folder.join("out.db")), "ok");
    (
        database::dump(&folder.join("out.db"), "t"),
        fs::read(folder.join("errors.csv")).unwrap(),
    )
}

#[test]
fn a_load_that_fills_the_disk_says_so_and_finishes_when_there_is_room() {
    let elsewhere = tempfile::tempdir().unwrap();
    for (text_keys, write_path) in [(false, "auto"), (true, "auto"), (true, "sql")] {
        let recipe = Recipe {
            seed: 4,
            records: 20_000,
            bad_every: 101,
            duplicate_every: 53,
            text_keys,
            padding: 80,
        };
        let job = Job {
            input: elsewhere.path().join("in.csv"),
            write_path,
        };
        people_file(&recipe, &job.input);
        let plain = tempfile::tempdir().unwrap();
        assert_eq!(job.load(plain.path()).code(), 2);
        let golden = left_in(plain.path());
        let needed = fs::metadata(plain.path().join("out.db")).unwrap().len();
        // Full at once, among the rows, and when nearly all is done: the index, the merge.
        for room in [16 << 10, needed / 3, needed * 3 / 4, needed - (64 << 10)] {
            let Some(disk) = SmallDisk::mount(needed * 4) else {
                return;
            };
            let ballast = disk.path().join("ballast");
            let statistics = free_bytes(disk.path());
            let filled = fs::write(&ballast, vec![1; (statistics - room) as usize]);
            filled.expect("the rest of the disk can be filled");
            let ended = job.load(disk.path());
            let said = String::from_utf8_lossy(&ended.stderr);
            let what = format!("--write-path {write_path}, {room} of {needed} bytes free: {said}");
            assert_eq!(ended.code(), 74, "{what}");
            assert!(said.contains("free some space and run the load again"), "{what}");
            assert_eq!(database::integrity_or_none(&disk.path().join("out.db")), "ok", "{what}");
            fs::remove_file(ballast).unwrap();
            let ended = job.load(disk.path());
            assert_eq!(
                ended.code(),
                2,
                "{what}; again: {}",
                String::from_utf8_lossy(&ended.stderr)
            );
            assert!(left_in(disk.path()) == golden, "{what}");
        }
    }
}

fn free_bytes(folder: &Path) -> u64 {
    let path = c_string(folder.as_os_str().as_bytes());
    // SAFETY: statvfs is plain data for which zeros are valid; both pointers live through the call.
    unsafe {
        let mut statistics: libc::statvfs = std::mem::zeroed();
        assert_eq!(libc::statvfs(path.as_ptr(), &raw mut statistics), 0);
        statistics.f_bavail * statistics.f_frsize
    }
}
