//! The C library's file calls, replaced in this binary: each is made for real, and for files in a watched folder it is recorded,
//! or fails instead, as a test asks.
//!
//! The linker takes these functions for every `open`, `write`, `fsync`, … of the binary, those of the bundled SQLite and of the
//! standard library too. That is one layer below a VFS of SQLite: it sees SQLite's writes and the program's own writes to
//! the same file in the order in which the system sees them.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Kinds of calls that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    Read,
    Map,
    Write,
    Sync,
    Truncate,
    Delete,
    Rename,
}

/// What happens to a call that is chosen to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Error(c_int),
    /// Half of the bytes are written, and the call says so.
    Short,
}

/// Which call fails: the `nth` (1-based) of its kind, and with `forever` every one after it.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub call: Call,
    pub nth: u64,
    pub forever: bool,
    pub how: How,
    /// Only calls on files whose names end like this; empty: on all files.
    pub name: &'static str,
}

/// What was done to the files of a watched folder, in order. A file keeps its number when it is renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file that was there before the recording, met for the first time.
    Found {
        file: usize,
        name: String,
        bytes: Vec<u8>,
    },
    Created {
        file: usize,
        name: String,
    },
    Written {
        file: usize,
        opening: usize,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncated {
        file: usize,
        length: u64,
    },
    /// `opening` distinguishes the descriptors of one file.
    Synced {
        file: usize,
        opening: usize,
    },
    /// The folder's name within the watched one; empty: the watched one itself.
    FolderSynced {
        folder: String,
    },
    Deleted {
        name: String,
    },
    Renamed {
        from: String,
        to: String,
    },
    /// A call that was made to fail.
    Failed {
        call: Call,
        name: String,
        file: Option<usize>,
    },
}

/// A folder whose files' calls are watched until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// Numbers of the files by their names now.
    names: HashMap<String, usize>,
    files: usize,
    openings: usize,
    fault: Option<Fault>,
    /// Calls of the fault's kind so far.
    seen: u64,
    /// Calls that failed.
    failed: u64,
}

/// What a descriptor stands for.
#[derive(Clone)]
struct Opened {
    shared: Arc<Shared>,
    target: Target,
    name: Arc<str>,
    opening: usize,
}

#[derive(Clone)]
enum Target {
    File(usize),
    Folder(String),
}

static WATCHED: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());
static DESCRIPTORS: Mutex<Option<HashMap<c_int, Opened>>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Watches `folder`; calls in it that match `fault` fail.
    pub fn start(folder: &Path, fault: Option<Fault>) -> Watch {
        let state = State {
            fault,
            ..State::default()
        };
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            state: Mutex::new(state),
        });
        lock(&WATCHED).push(Arc::clone(&shared));
        Watch { shared }
    }

    /// Ends the watch: what was done, and how many calls failed.
    pub fn end(self) -> (Vec<Event>, u64) {
        let mut state = lock(&self.shared.state);
        (std::mem::take(&mut state.events), state.failed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&WATCHED).retain(|other| !Arc::ptr_eq(other, &self.shared));
        if let Some(descriptors) = lock(&DESCRIPTORS).as_mut() {
            descriptors.retain(|_, opened| !Arc::ptr_eq(&opened.shared, &self.shared));
        }
    }
}

impl State {
    /// Whether this call on the file called `name` fails, and how.
    fn fails(&mut self, call: Call, name: &str, file: Option<usize>) -> Option<How> {
        let fault = self.fault?;
        if fault.call != call || !name.ends_with(fault.name) {
            return None;
        }
        self.seen += 1;
        let fails = self.seen == fault.nth || (fault.forever && self.seen > fault.nth);
        if !fails {
            return None;
        }
        self.failed += 1;
        let name = name.to_owned();
        self.events.push(Event::Failed { call, name, file });
        Some(fault.how)
    }

    fn new_file(&mut self) -> usize {
        self.files += 1;
        self.files
    }
}

/// The watch on `path`, and the file's name in the watched folder; an empty name is the folder itself.
fn watch_on(path: *const c_char) -> Option<(Arc<Shared>, String)> {
    // SAFETY: callers of the C library's functions pass a NUL-terminated path.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    let watched = lock(&WATCHED);
    watched.iter().find_map(|shared| {
        let name = path.strip_prefix(&shared.folder).ok()?;
        Some((Arc::clone(shared), name.to_string_lossy().into_owned()))
    })
}

fn opened(descriptor: c_int) -> Option<Opened> {
    lock(&DESCRIPTORS).as_ref()?.get(&descriptor).cloned()
}

fn fail(errno: c_int) -> c_int {
    // SAFETY: the C library gives every thread a place for its errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Whether a call on `descriptor` fails.
fn fault_of(descriptor: c_int, call: Call) -> Option<How> {
    let opened = opened(descriptor)?;
    let file = match opened.target {
        Target::File(file) => Some(file),
        Target::Folder(_) => None,
    };
    lock(&opened.shared.state).fails(call, &opened.name, file)
}

/// Records what was done to the file of `descriptor`: `event` gets its number and that of the opening.
fn record(descriptor: c_int, event: impl FnOnce(usize, usize) -> Event) {
    if let Some(opened) = opened(descriptor)
        && let Target::File(file) = opened.target
    {
        lock(&opened.shared.state).events.push(event(file, opened.opening));
    }
}

fn open_for_real(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    // SAFETY: the arguments are the caller's.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int }
}

/// The bytes of a file that is met for the first time; `None` when there is none.
fn bytes_before(path: *const c_char) -> Option<Vec<u8>> {
    let descriptor = open_for_real(path, libc::O_RDONLY | libc::O_CLOEXEC, 0);
    if descriptor < 0 {
        return None;
    }
    let mut bytes = Vec::new();
    let mut piece = [0; 1 << 16];
    loop {
        // SAFETY: the buffer holds that many bytes; the descriptor is open.
        let read = unsafe { libc::syscall(libc::SYS_read, descriptor, piece.as_mut_ptr(), piece.len()) };
        if read <= 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..read as usize]);
    }
    // SAFETY: it was opened above.
    unsafe { libc::syscall(libc::SYS_close, descriptor) };
    Some(bytes)
}

fn open_hook(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    let Some((shared, name)) = watch_on(path) else {
        return open_for_real(path, flags, mode);
    };
    // No lock is held while a file is opened: a FIFO waits for its other end.
    if let Some(how) = lock(&shared.state).fails(Call::Open, &name, None) {
        return fail(match how {
            How::Error(errno) => errno,
            How::Short => libc::EIO,
        });
    }
    let unnamed = flags & libc::O_TMPFILE == libc::O_TMPFILE;
    let is_folder = !unnamed && shared.folder.join(&name).is_dir();
    let known = lock(&shared.state).names.get(&name).copied();
    let is_file = known.is_none() && !unnamed && shared.folder.join(&name).is_file();
    let before = if is_file { bytes_before(path) } else { None };
    let descriptor = open_for_real(path, flags, mode);
    if descriptor < 0 {
        return descriptor;
    }
    let mut state = lock(&shared.state);
    let called: Arc<str> = name.as_str().into();
    let target = match known {
        _ if is_folder => Target::Folder(name),
        // Without a name it is gone after a power cut: its writes count as those of a file that is never in the folder.
        _ if unnamed => Target::File(state.new_file()),
        Some(file) => Target::File(file),
        None => {
            let file = state.new_file();
            state.names.insert(name.clone(), file);
            state.events.push(match before {
                Some(bytes) => Event::Found { file, name, bytes },
                None => Event::Created { file, name },
            });
            Target::File(file)
        }
    };
    if let Target::File(file) = target
        && flags & libc::O_TRUNC != 0
    {
        state.events.push(Event::Truncated { file, length: 0 });
    }
    state.openings += 1;
    let opening = state.openings;
    drop(state);
    let opened = Opened {
        shared,
        target,
        name: called,
        opening,
    };
    lock(&DESCRIPTORS).get_or_insert_default().insert(descriptor, opened);
    descriptor
}

fn sync_hook(descriptor: c_int, number: libc::c_long) -> c_int {
    if let Some(How::Error(errno)) = fault_of(descriptor, Call::Sync) {
        return fail(errno);
    }
    // What a crash of the machine leaves is worked out from the record, so nobody waits for the disk for watched files.
    if let Some(Opened {
        shared,
        target,
        opening,
        ..
    }) = opened(descriptor)
    {
        lock(&shared.state).events.push(match target {
            Target::File(file) => Event::Synced { file, opening },
            Target::Folder(folder) => Event::FolderSynced { folder },
        });
        return 0;
    }
    // SAFETY: no pointer.
    unsafe { libc::syscall(number, descriptor) as c_int }
}

fn write_hook(descriptor: c_int, bytes: *const c_void, length: usize, offset: Option<i64>) -> isize {
    let write = |length: usize| {
        // SAFETY: the caller's buffer holds `length` bytes or more.
        unsafe {
            match offset {
                Some(offset) => libc::syscall(libc::SYS_pwrite64, descriptor, bytes, length, offset) as isize,
                None => libc::syscall(libc::SYS_write, descriptor, bytes, length) as isize,
            }
        }
    };
    if opened(descriptor).is_none() {
        return write(length);
    }
    let length = match fault_of(descriptor, Call::Write) {
        Some(How::Error(errno)) => return fail(errno) as isize,
        Some(How::Short) => length.div_ceil(2),
        None => length,
    };
    // SAFETY: no pointer.
    let position = || unsafe { libc::syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) };
    let offset = offset.unwrap_or_else(position);
    let written = write(length);
    if written > 0 {
        // SAFETY: the caller's buffer holds the bytes that were written from it.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), written as usize) }.to_vec();
        let offset = offset as u64;
        record(descriptor, |file, opening| Event::Written {
            file,
            opening,
            offset,
            bytes,
        });
    }
    written
}

fn read_hook(descriptor: c_int, number: libc::c_long, buffer: *mut c_void, length: usize, offset: i64) -> isize {
    if let Some(How::Error(errno)) = fault_of(descriptor, Call::Read) {
        return fail(errno) as isize;
    }
    // SAFETY: the arguments are the caller's; read(2) takes no fourth and looks at none.
    unsafe { libc::syscall(number, descriptor, buffer, length, offset) as isize }
}

fn truncate_hook(descriptor: c_int, length: i64) -> c_int {
    if let Some(How::Error(errno)) = fault_of(descriptor, Call::Truncate) {
        return fail(errno);
    }
    // SAFETY: no pointer.
    let done = unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, length) as c_int };
    if done == 0 {
        let length = length as u64;
        record(descriptor, |file, _| Event::Truncated { file, length });
    }
    done
}

fn map_hook(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) -> *mut c_void {
    if descriptor >= 0
        && let Some(How::Error(errno)) = fault_of(descriptor, Call::Map)
    {
        fail(errno);
        return libc::MAP_FAILED;
    }
    // SAFETY: the arguments are the caller's.
    unsafe { libc::syscall(libc::SYS_mmap, address, length, protection, flags, descriptor, offset) as *mut c_void }
}

// SAFETY of what follows: names, arguments and results are those of the C library's functions; the third argument of `open` is
// passed as any other on the platforms of Linux, whether the caller gives it or not.

#[unsafe(no_mangle)]
extern "C" fn open(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    open_hook(path, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn open64(path: *const c_char, flags: c_int, mode: libc::mode_t) -> c_int {
    open_hook(path, flags | libc::O_LARGEFILE, mode)
}

#[unsafe(no_mangle)]
extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(descriptors) = lock(&DESCRIPTORS).as_mut() {
        descriptors.remove(&descriptor);
    }
    // SAFETY: no pointer; the descriptor is the caller's to close.
    unsafe { libc::syscall(libc::SYS_close, descriptor) as c_int }
}

#[unsafe(no_mangle)]
extern "C" fn read(descriptor: c_int, buffer: *mut c_void, length: usize) -> isize {
    read_hook(descriptor, libc::SYS_read, buffer, length, 0)
}

#[unsafe(no_mangle)]
extern "C" fn pread(descriptor: c_int, buffer: *mut c_void, length: usize, offset: i64) -> isize {
    read_hook(descriptor, libc::SYS_pread64, buffer, length, offset)
}

#[unsafe(no_mangle)]
extern "C" fn pread64(descriptor: c_int, buffer: *mut c_void, length: usize, offset: i64) -> isize {
    read_hook(descriptor, libc::SYS_pread64, buffer, length, offset)
}

#[unsafe(no_mangle)]
extern "C" fn write(descriptor: c_int, bytes: *const c_void, length: usize) -> isize {
    write_hook(descriptor, bytes, length, None)
}

#[unsafe(no_mangle)]
extern "C" fn pwrite(descriptor: c_int, bytes: *const c_void, length: usize, offset: i64) -> isize {
    write_hook(descriptor, bytes, length, Some(offset))
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(descriptor: c_int, bytes: *const c_void, length: usize, offset: i64) -> isize {
    write_hook(descriptor, bytes, length, Some(offset))
}

#[unsafe(no_mangle)]
extern "C" fn fsync(descriptor: c_int) -> c_int {
    sync_hook(descriptor, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    sync_hook(descriptor, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(descriptor: c_int, length: i64) -> c_int {
    truncate_hook(descriptor, length)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(descriptor: c_int, length: i64) -> c_int {
    truncate_hook(descriptor, length)
}

#[unsafe(no_mangle)]
extern "C" fn unlink(path: *const c_char) -> c_int {
    let watch = watch_on(path);
    if let Some((shared, name)) = &watch
        && let Some(How::Error(errno)) = lock(&shared.state).fails(Call::Delete, name, None)
    {
        return fail(errno);
    }
    // SAFETY: the path is the caller's.
    let done = unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    if let Some((shared, name)) = watch
        && done == 0
    {
        let mut state = lock(&shared.state);
        state.names.remove(&name);
        state.events.push(Event::Deleted { name });
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let watch = watch_on(from).zip(watch_on(to));
    if let Some(((shared, from), _)) = &watch
        && let Some(How::Error(errno)) = lock(&shared.state).fails(Call::Rename, from, None)
    {
        return fail(errno);
    }
    let here = libc::AT_FDCWD;
    // SAFETY: the paths are the caller's.
    let done = unsafe { libc::syscall(libc::SYS_renameat2, here, from, here, to, 0) as c_int };
    if let Some(((shared, from), (_, to))) = watch
        && done == 0
    {
        renamed(&shared, from, to);
    }
    done
}

fn renamed(shared: &Shared, from: String, to: String) {
    let mut state = lock(&shared.state);
    if let Some(file) = state.names.remove(&from) {
        state.names.insert(to.clone(), file);
    }
    state.events.push(Event::Renamed { from, to });
}

#[unsafe(no_mangle)]
extern "C" fn renameat2(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: libc::c_uint,
) -> c_int {
    // The program names whole paths; a rename that replaces nothing is a rename.
    let watch = watch_on(from).zip(watch_on(to));
    if let Some(((shared, from), _)) = &watch
        && let Some(How::Error(errno)) = lock(&shared.state).fails(Call::Rename, from, None)
    {
        return fail(errno);
    }
    // SAFETY: the paths are the caller's.
    let done = unsafe { libc::syscall(libc::SYS_renameat2, from_folder, from, to_folder, to, flags) as c_int };
    if let Some(((shared, from), (_, to))) = watch
        && done == 0
    {
        renamed(&shared, from, to);
    }
    done
}

/// Gives a file without a name its name: the source is `/proc/self/fd/NUMBER`.
#[unsafe(no_mangle)]
extern "C" fn linkat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: callers of the C library's functions pass a NUL-terminated path.
    let source = unsafe { CStr::from_ptr(from) }.to_string_lossy();
    let descriptor = source
        .strip_prefix("/proc/self/fd/")
        .and_then(|number| number.parse().ok());
    let watch = watch_on(to).zip(descriptor.and_then(opened));
    if let Some(((shared, name), _)) = &watch
        && let Some(How::Error(errno)) = lock(&shared.state).fails(Call::Rename, name, None)
    {
        return fail(errno);
    }
    // SAFETY: the paths are the caller's.
    let done = unsafe { libc::syscall(libc::SYS_linkat, from_folder, from, to_folder, to, flags) as c_int };
    if let Some(((shared, name), source)) = watch
        && done == 0
        && let Target::File(file) = source.target
    {
        let mut state = lock(&shared.state);
        state.names.insert(name.clone(), file);
        state.events.push(Event::Created { file, name });
    }
    done
}

#[unsafe(no_mangle)]
extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) -> *mut c_void {
    map_hook(address, length, protection, flags, descriptor, offset)
}

#[unsafe(no_mangle)]
extern "C" fn mmap64(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    descriptor: c_int,
    offset: i64,
) -> *mut c_void {
    map_hook(address, length, protection, flags, descriptor, offset)
}
