//! Named points at which tests stop or kill the program. Only in builds with the feature `faults`, which tests turn on; in every other
//! build a point is nothing.

/// The program gets here. Names tell the stage and what has just been done or comes next.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    fail::fail_point!(name);
}

/// The program gets here: nothing, without the feature `faults`.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_name: &str) {}

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
