//! The system's allocator, which ends the process with a clear message when it has nothing left to give.
//!
//! An allocation that fails cannot be returned as an error from everywhere, and the standard library's answer is a crash. Here the
//! program says what to do and exits; what was committed is safe, as after any crash. Where rowmill is a guest in another program, nothing is
//! said, and the standard library's answer stays.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code when the system refuses memory (sysexits.h: EX_OSERR).
const EXIT_SYSTEM: i32 = 71;
const OUT_OF_MEMORY: &str = "\nrowmill: error: the system has no more memory to give; lower --memory or --threads, or allow more \
    address space (ulimit -v), and run the load again: what was committed is safe\n";

/// Whether the process is rowmill's own.
static SAYS_WHY: AtomicBool = AtomicBool::new(false);

/// Makes the process end with a message from now on when it is out of memory, if the allocator is its own.
pub fn say_why() {
    SAYS_WHY.store(true, Ordering::Relaxed);
}

/// [`System`], except that it ends rowmill's own process with a message when it is out of memory.
pub struct AllocatorThatSaysWhy;

// SAFETY: every call goes to the system's allocator with the arguments it came with, and what that returns is returned.
unsafe impl GlobalAlloc for AllocatorThatSaysWhy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises for this call.
        given(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises for this call.
        given(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        // SAFETY: as the caller promises for this call.
        given(unsafe { System.realloc(block, layout, new_bytes) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises for this call.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn given(block: *mut u8) -> *mut u8 {
    if block.is_null() && SAYS_WHY.load(Ordering::Relaxed) {
        end();
    }
    block
}

#[cold]
fn end() -> ! {
    // SAFETY: the pointer and the length are those of a static string; _exit(2) takes an integer. Neither allocates.
    unsafe {
        libc::write(libc::STDERR_FILENO, OUT_OF_MEMORY.as_ptr().cast(), OUT_OF_MEMORY.len());
        libc::_exit(EXIT_SYSTEM)
    }
}
