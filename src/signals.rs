//! Requests to stop: the first asks the load to drain and commit, the second ends the process at once. Also the signal that is raised when
//! a mapped file that has become shorter is read.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGBUS, SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// Added to a signal's number to make the exit code, as shells do.
pub const EXIT_SIGNAL_BASE: i32 = 128;

/// Exit code when an input can be read no further (sysexits.h: EX_IOERR).
const EXIT_IO: i32 = 74;
const INPUT_GONE: &str = "\nrowmill: error: an input shrank or could not be read while it was being loaded; what was committed \
    is safe: put the input back and run the load again\n";

/// Makes SIGBUS end the process with a message instead of a crash from now on.
///
/// Another process may cut a file after its length was checked and before its mapped bytes were last read. The kernel then raises SIGBUS at
/// the read, where nothing can be returned and nothing more can be done: what was committed is safe, as after any crash.
///
/// The handler takes the place of the standard library's instead of running after it: that one restores the default action and returns, and
/// a second thread that reads at the same moment would then end the process before the message or its exit code.
pub fn explain_unreadable_input() {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    extern "C" fn explain(_signal: libc::c_int) {
        if IS_SAID.swap(true, Ordering::Relaxed) {
            loop {
                // SAFETY: pause(2) takes nothing. The thread that came first ends the process.
                unsafe { libc::pause() };
            }
        }
        // SAFETY: the pointer and the length are those of a static string.
        unsafe { libc::write(libc::STDERR_FILENO, INPUT_GONE.as_ptr().cast(), INPUT_GONE.len()) };
        low_level::exit(EXIT_IO);
    }
    // SAFETY: all zeros are a valid `sigaction`; the handler is async-signal-safe: an atomic, pause(2), write(2) and _exit(2), no
    // allocation, no lock. SA_ONSTACK, as the standard library gives every thread a stack for signals.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = explain as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(SIGBUS, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(set, 0, "the signal exists and may be handled");
}

/// Makes a write beyond a file-size limit (`ulimit -f`) fail and be reported from now on, where SIGXFSZ would end the process without a
/// word.
pub fn report_file_size_limit() {
    // SAFETY: ignoring a signal takes no handler.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// The first signal that asked the process to stop.
#[derive(Debug, Clone)]
pub struct StopSignal {
    /// The signal's number; 0: none yet.
    received: Arc<AtomicUsize>,
}

impl StopSignal {
    /// Makes SIGINT, SIGTERM and SIGHUP requests to stop from now on. A second one, of any kind, exits at once with 128 + its number;
    /// what was committed is safe, as after any crash.
    pub fn install() -> Self {
        let received = Arc::new(AtomicUsize::new(0));
        let asked_before = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && hangup_is_ignored() {
                continue;
            }
            // Handlers run in the order in which they are registered: first look for an earlier request, then leave one.
            flag::register_conditional_shutdown(signal, EXIT_SIGNAL_BASE + signal, Arc::clone(&asked_before))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&received), signal as usize))
                .and_then(|_| flag::register(signal, Arc::clone(&asked_before)))
                .expect("these signals exist and may be handled");
        }
        StopSignal { received }
    }

    /// The number of the signal that asked to stop, if one did.
    pub fn received(&self) -> Option<i32> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// One that has received `signal` (0: none), without any handler.
    #[cfg(test)]
    pub fn holding(signal: usize) -> Self {
        StopSignal {
            received: Arc::new(AtomicUsize::new(signal)),
        }
    }
}

/// Whether the process was started so that it outlives its terminal, as by `nohup`; that must stay so.
///
/// Source: proc_pid_status(5), `SigIgn`: a hexadecimal mask in which bit n - 1 stands for signal n.
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.unwrap_or(0) >> (SIGHUP - 1) & 1 == 1
}
