//! A job on a thread of its own, while the calling thread waits for it, looks for signals and calls Python back.

use std::ffi::OsString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use rowmill::internal::Cancelled;
use rowmill::internal::cli::Accomplished;
use rowmill::{CancelToken, Error, FileBegun, Observer, Phase, Progress};

use crate::failure::Failure;

/// How long a signal may wait to be seen.
const TICK: Duration = Duration::from_millis(50);
/// How often Python is told of progress, at most.
const REFRESH: Duration = Duration::from_millis(100);
/// As much as the first thread of a process has, as a rule.
const STACK_BYTES: usize = 8 << 20;

/// What Python wants to hear.
pub struct Listener<'py> {
    /// Called with the kind and the text of a note.
    pub say: Bound<'py, PyAny>,
    /// Called with how far the job is.
    pub progress: Option<Bound<'py, PyAny>>,
}

/// How a job ended.
pub struct Awaited {
    pub done: Result<Accomplished, Failure>,
    /// What was raised in the meantime, which stopped it.
    pub raised: Option<PyErr>,
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
struct HowFar {
    phase: Option<Phase>,
    total_bytes: Option<u64>,
    progress: Progress,
    file: Option<OsString>,
    /// When Python was told of it last.
    told: Option<Instant>,
    /// It has moved since.
    is_news: bool,
}

/// What a job says.
enum Said {
    Note(&'static str, String),
    /// Look at the state; the job waits until that is done.
    Progress(SyncSender<()>),
}

/// The observer of a job.
struct Watch {
    said: Mutex<Sender<Said>>,
    state: Arc<Mutex<HowFar>>,
    stop: CancelToken,
    wants_progress: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    fn say(&self, said: Said) {
        // Nobody listens any more once the job is over.
        let _ = locked(&self.said).send(said);
    }

    /// Has Python told of the state, and waits for that.
    fn show(&self) {
        if self.wants_progress {
            let (seen, wait) = sync_channel(1);
            self.say(Said::Progress(seen));
            // An error means that it has been looked at, or will not be.
            let _ = wait.recv();
        }
    }
}

impl Observer for Watch {
    fn file(&self, file: FileBegun<'_>) {
        locked(&self.state).file = Some(file.path.as_os_str().to_owned());
    }

    fn phase(&self, phase: Phase, total_bytes: Option<u64>) {
        // How far the phase before it came.
        if locked(&self.state).is_news {
            self.show();
        }
        let mut state = locked(&self.state);
        state.phase = Some(phase);
        state.total_bytes = total_bytes;
        state.progress = Progress::default();
    }

    fn progress(&self, progress: Progress) {
        let mut state = locked(&self.state);
        state.progress = progress;
        state.is_news = true;
        if state.told.is_none_or(|told| told.elapsed() >= REFRESH) {
            state.told = Some(Instant::now());
            drop(state);
            self.show();
        }
    }

    fn notice(&self, message: &str) {
        self.say(Said::Note("note", message.to_owned()));
    }

    fn detail(&self, message: &str) {
        self.say(Said::Note("detail", message.to_owned()));
    }

    fn cancelled(&self) -> Option<Cancelled> {
        self.stop.is_cancelled().then_some(Cancelled::ByProgram)
    }
}

impl Listener<'_> {
    /// Runs `job` and waits for it. What is raised here stops it: then it drains and commits.
    ///
    /// # Errors
    /// An `OSError` when no thread can be started.
    pub fn watch(
        &self,
        py: Python<'_>,
        job: impl FnOnce(&dyn Observer) -> Result<Accomplished, Error> + Send,
    ) -> PyResult<Awaited> {
        let (said, mut heard) = channel();
        let state = Arc::new(Mutex::new(HowFar::default()));
        let stop = CancelToken::new();
        let watch = Watch {
            said: Mutex::new(said),
            state: Arc::clone(&state),
            stop: stop.clone(),
            wants_progress: self.progress.is_some(),
        };
        std::thread::scope(|scope| {
            let builder = Builder::new().name("load".to_owned()).stack_size(STACK_BYTES);
            let worker = builder.spawn_scoped(scope, move || {
                let done = job(&watch);
                // The calling thread hears of the end by this.
                drop(watch);
                done
            })?;
            let mut raised = None;
            while let Some(said) = next(py, &mut heard) {
                let heard = match said {
                    _ if raised.is_some() => Ok(()),
                    Some(said) => self.hear(py, said, &state),
                    None => py.check_signals(),
                };
                if let Err(error) = heard.and_then(|()| py.check_signals()) {
                    raised.get_or_insert(error);
                    stop.cancel();
                }
            }
            if raised.is_none() && locked(&state).is_news {
                raised = self.tell_progress(py, &state).err();
            }
            let done = match worker.join() {
                Ok(done) => done.map_err(Failure::from),
                Err(payload) => Err(Failure::panicked(&*payload)),
            };
            Ok(Awaited { done, raised })
        })
    }

    /// Calls back; a job that waits for it goes on.
    fn hear(&self, py: Python<'_>, said: Said, state: &Mutex<HowFar>) -> PyResult<()> {
        match said {
            Said::Note(kind, text) => self.say.call1((kind, text)).map(|_| ()),
            // Dropping the sender wakes the job up, however this ends.
            Said::Progress(_seen) => self.tell_progress(py, state),
        }
    }

    fn tell_progress(&self, py: Python<'_>, state: &Mutex<HowFar>) -> PyResult<()> {
        let HowFar {
            phase,
            total_bytes,
            progress,
            file,
            ..
        } = {
            let mut state = locked(state);
            state.is_news = false;
            state.clone()
        };
        let (Some(callback), Some(phase)) = (&self.progress, phase) else {
            return Ok(());
        };
        let Progress {
            bytes,
            records,
            rejected,
            ..
        } = progress;
        callback.call1((phase.as_str(), bytes, total_bytes, records, rejected, file))?;
        py.check_signals()
    }
}

/// What the job says next, if it says something soon; `None` once it is over.
fn next(py: Python<'_>, heard: &mut Receiver<Said>) -> Option<Option<Said>> {
    match py.detach(move || heard.recv_timeout(TICK)) {
        Ok(said) => Some(Some(said)),
        Err(RecvTimeoutError::Timeout) => Some(None),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}
