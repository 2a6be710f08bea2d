//! Processes with a time limit, FIFOs that feed them and signals that stop them.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No test may hang: a process that takes longer is killed and the test fails.
pub const TIME_LIMIT: Duration = Duration::from_secs(300);

/// The program under test, in `folder`.
pub fn rowmill(folder: &Path, args: &[OsString]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowmill"));
    command
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Whether the system has SQLite's own shell.
pub fn has_shell() -> bool {
    Command::new("sqlite3")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ended {
    /// The exit code as a shell would show it.
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }
}

/// What it said on standard error.
pub fn said(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// A process that runs, its streams being read.
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().map(read_all);
        let stderr = child.stderr.take().map(read_all);
        Running { child, stdout, stderr }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: kill takes no pointer; the child has not been waited for, so the id is its own.
        let sent = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(sent, 0, "the process is there to be signalled");
    }

    /// Waits until the process has stopped itself (SIGSTOP).
    pub fn wait_for_stop(&self) {
        let path = format!("/proc/{}/stat", self.child.id());
        wait_until("it stopped", || {
            let stat = std::fs::read_to_string(&path).unwrap_or_default();
            // Source: proc_pid_stat(5): the state follows the name, which stands in parentheses.
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
            assert!(!state.starts_with('Z'), "it ended before it stopped");
            state.starts_with('T')
        });
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Ended {
        let deadline = Instant::now() + TIME_LIMIT;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let stderr = self.stderr.take().map_or(Vec::new(), |reader| reader.join().unwrap());
                panic!(
                    "it did not end within {TIME_LIMIT:?}; stderr:\n{}",
                    String::from_utf8_lossy(&stderr)
                );
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        };
        let joined = |reader: Option<JoinHandle<Vec<u8>>>| reader.map_or(Vec::new(), |reader| reader.join().unwrap());
        Ended {
            status,
            stdout: joined(self.stdout.take()),
            stderr: joined(self.stderr.take()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a failed assertion; a process that has been waited for is not signalled.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// Waits until `condition` holds; fails after the time limit.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_LIMIT / 4;
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn make_fifo(path: &Path) {
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(made, 0, "a FIFO can be made at {}", path.display());
}

/// A FIFO being fed by a thread.
pub struct Feed {
    abandoned: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Makes a FIFO at `path`; `write` gets its writing end once somebody reads it.
    pub fn start(path: PathBuf, write: impl FnOnce(&mut dyn Write) + Send + 'static) -> Feed {
        make_fifo(&path);
        let abandoned = Arc::new(AtomicBool::new(false));
        let given_up = Arc::clone(&abandoned);
        let thread = std::thread::spawn(move || {
            while !given_up.load(Ordering::Relaxed) {
                // Without a reader a non-blocking open fails; a blocking one would hang when the program never opens it.
                match OpenOptions::new()
                    .write(true)
                    .custom_flags(libc::O_NONBLOCK)
                    .open(&path)
                {
                    Ok(mut fifo) => {
                        // SAFETY: fcntl on a descriptor that is open, with an integer argument.
                        unsafe { libc::fcntl(fifo.as_raw_fd(), libc::F_SETFL, 0) };
                        write(&mut fifo);
                        return;
                    }
                    Err(_) => std::thread::sleep(Duration::from_micros(200)),
                }
            }
        });
        Feed {
            abandoned,
            thread: Some(thread),
        }
    }

    /// Feeds `bytes` in uneven pieces.
    pub fn bytes(path: PathBuf, bytes: Vec<u8>) -> Feed {
        Feed::start(path, move |fifo| {
            let mut rest = &bytes[..];
            let mut size = 1;
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                // A reader that has gone away is the program's decision.
                if fifo.write_all(piece).is_err() {
                    return;
                }
                rest = after;
                size = (size * 3 + 1) % 60_001;
            }
        })
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
