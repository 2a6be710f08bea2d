//! The report page of a running load: its file, opened before anything else is done, and what is noted for it meanwhile.
//!
//! The load's observer is wrapped, and what it is told is noted on the way. A separate thread notes the resident memory, as nothing in a
//! load happens at even intervals. Both cost a few microseconds a few times a second. Without `--report-html` there is none of this.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::cancel::Cancelled;
use crate::error::Error;
use crate::load::Told;
use crate::load::context::Onlookers;
use crate::observer::{FileBegun, Observer, Phase, Progress};
use crate::option_name::REPORT_HTML;
use crate::options::LoadOptions;
use crate::reject::{RejectSamples, lock, open_file};
use crate::report::{FIRST_INTERVAL, LoadReport, PageParts, Timeline, page, rss_bytes};
use crate::sqlite::preview::read_preview;

/// Most notices that are kept: as many as a person reads.
const MAX_NOTICES: usize = 20;
/// Stack of the thread that notes the memory; it calls next to nothing.
const STACK_BYTES: usize = 128 << 10;

/// Runs `load` with somebody beside it who takes notes, and writes a page of its report into the file at `path`: what came of the load, and
/// of the writing. Where the file cannot be had, the load is told so in the place of who looks on.
pub(super) fn with_page(
    path: &Path,
    options: &LoadOptions,
    observer: &dyn Observer,
    load: impl FnOnce(Result<Onlookers<'_>, Error>) -> Told,
) -> (Told, Result<(), Error>) {
    match PageDraft::open(path) {
        Ok(draft) => {
            let mut told = draft.watch(observer, load);
            told.report.reject_samples = draft.samples.to_vec();
            let written = draft.write(&told.report, options);
            (told, written)
        }
        Err(error) => (load(Err(error)), Ok(())),
    }
}

/// The page before it is written.
struct PageDraft {
    out: LockedFile,
    samples: RejectSamples,
    notes: Mutex<Notes>,
    started: Instant,
}

/// The file that the page goes into.
struct LockedFile {
    file: File,
    path: PathBuf,
    /// The file's state when it was opened.
    state: FileState,
}

/// Length and time of a file: whoever writes to it changes them.
type FileState = (u64, i64, i64);

fn state_of(file: &File) -> std::io::Result<FileState> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

#[derive(Default)]
struct Notes {
    timeline: Timeline,
    notices: Vec<String>,
    /// The file at hand, where each is loaded by itself.
    file: Option<PathBuf>,
}

impl PageDraft {
    /// Opens the page's file. What is in it stays until [`write`](Self::write).
    ///
    /// # Errors
    /// `OutputCreate` when it cannot be created, `OutputBusy` when another load has it open.
    fn open(path: &Path) -> Result<Self, Error> {
        let file = open_file(path, REPORT_HTML)?;
        lock(&file, path, REPORT_HTML)?;
        Ok(PageDraft {
            out: LockedFile {
                state: state_of(&file).map_err(|error| Error::io("opening", path, error))?,
                file,
                path: path.to_owned(),
            },
            samples: RejectSamples::default(),
            notes: Mutex::default(),
            started: Instant::now(),
        })
    }

    /// Runs `load` with an observer that passes everything on to `observer`.
    fn watch<T>(&self, observer: &dyn Observer, load: impl FnOnce(Result<Onlookers<'_>, Error>) -> T) -> T {
        let watching = Watching { draft: self, observer };
        self.note_memory();
        let result = std::thread::scope(|threads| {
            let (ended, end) = channel::<()>();
            let sampler = std::thread::Builder::new()
                .name("rowmill-sampler".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(threads, move || {
                    let mut interval = FIRST_INTERVAL;
                    while end.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                        interval = self.note_memory();
                    }
                });
            let result = load(Ok(Onlookers {
                observer: &watching,
                samples: Some(self.samples.clone()),
            }));
            drop(ended);
            // A page without that curve is still a page: the lack of a thread is no reason to fail.
            let _ = sampler.map(std::thread::ScopedJoinHandle::join);
            result
        });
        self.note_memory();
        result
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Every note is whole after any panic.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the resident memory and says when to do so again.
    fn note_memory(&self) -> std::time::Duration {
        let resident_bytes = rss_bytes();
        let mut notes = self.notes();
        if resident_bytes > 0 {
            notes.timeline.note_memory(self.started.elapsed(), resident_bytes);
        }
        notes.timeline.memory_interval()
    }

    /// Writes the page of a load that is over.
    ///
    /// # Errors
    /// `Io` when the file cannot be written.
    fn write(&self, report: &LoadReport, options: &LoadOptions) -> Result<(), Error> {
        let LockedFile { file, path, state } = &self.out;
        if state_of(file).ok() != Some(*state) {
            let message = format!(
                "somebody has written to it during the load, and it is left as it is; name another file with {REPORT_HTML}"
            );
            return Err(Error::create(path, message));
        }
        let preview = if report.columns.is_empty() || !report.database.exists() {
            Err("The load ended before it reached its table.".to_owned())
        } else {
            read_preview(&report.database, &report.table, &report.columns).map_err(|error| error.to_string())
        };
        let notes = self.notes();
        let text = page(&PageParts {
            report,
            options,
            timeline: &notes.timeline,
            notices: &notes.notices,
            samples: &self.samples.to_vec(),
            preview: &preview,
            unix_seconds: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        });
        let mut out: &File = file;
        let written = file
            .set_len(0)
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| file.sync_data());
        written.map_err(|error| Error::io("writing", path, error))
    }
}

/// The load's observer, with notes taken on the way.
struct Watching<'a> {
    draft: &'a PageDraft,
    observer: &'a dyn Observer,
}

impl Observer for Watching<'_> {
    fn file(&self, file: FileBegun<'_>) {
        self.draft.notes().file = Some(file.path.to_owned());
        self.observer.file(file);
    }

    fn phase(&self, phase: Phase, total_bytes: Option<u64>) {
        self.draft
            .notes()
            .timeline
            .begin_phase(self.draft.started.elapsed(), phase);
        self.observer.phase(phase, total_bytes);
    }

    fn progress(&self, progress: Progress) {
        self.draft
            .notes()
            .timeline
            .note_progress(self.draft.started.elapsed(), progress);
        self.observer.progress(progress);
    }

    fn notice(&self, message: &str) {
        let mut notes = self.draft.notes();
        if notes.notices.len() < MAX_NOTICES {
            let of_file = notes.file.as_ref().map(|file| format!("{}: ", file.display()));
            notes.notices.push(of_file.unwrap_or_default() + message);
        }
        drop(notes);
        self.observer.notice(message);
    }

    fn detail(&self, message: &str) {
        self.observer.detail(message);
    }

    fn cancelled(&self) -> Option<Cancelled> {
        self.observer.cancelled()
    }
}
