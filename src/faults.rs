//! Named points at which tests stop or kill the program. They exist only in builds with the feature `faults`, which tests turn on; in every
//! other build a point does nothing.

/// The program gets here. The name says which stage it is and what has just been done or comes next.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    fail::fail_point!(name);
}

/// The program gets here: does nothing without the feature `faults`.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// How long to wait for others to let go of a database, where a test knows that they will not: `ROWMILL_BUSY_MS`.
#[cfg(feature = "faults")]
pub fn short_wait() -> Option<std::time::Duration> {
    let asked = std::env::var("ROWMILL_BUSY_MS").ok()?;
    asked.parse().ok().map(std::time::Duration::from_millis)
}

/// `None`: only tests are in a hurry.
#[cfg(not(feature = "faults"))]
pub fn short_wait() -> Option<std::time::Duration> {
    None
}

/// Sends this process a signal at a point, as the environment asks: `ROWMILL_SIGNAL_AT="NAME COUNT SIGNAL"` sends SIGNAL (a number) the
/// COUNT-th time that the program gets to the point NAME.
#[cfg(feature = "faults")]
pub fn arm_from_environment() {
    use std::sync::atomic::{AtomicU64, Ordering};

    let Ok(asked) = std::env::var("ROWMILL_SIGNAL_AT") else {
        return;
    };
    let words: Vec<&str> = asked.rsplitn(3, ' ').collect();
    let [signal, count, name] = words[..] else {
        return;
    };
    let (Ok(signal), Ok(count)) = (signal.parse::<i32>(), count.parse::<u64>()) else {
        return;
    };
    let times = AtomicU64::new(0);
    let send = move || {
        if times.fetch_add(1, Ordering::Relaxed) + 1 == count {
            // To this thread: it then goes no step further. SAFETY: raise takes no pointer.
            unsafe { libc::raise(signal) };
        }
    };
    // The only error is one of the action's text, and this action has none.
    let _ = fail::cfg_callback(name, send);
}
