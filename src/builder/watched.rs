//! The program's observer, and the token by which it stops the load, as one observer.

use crate::cancel::{CancelToken, Cancelled};
use crate::observer::{FileBegun, Observer, Phase, Progress};

/// The program's observer, with its token.
pub(super) struct Watched<'a> {
    observer: &'a dyn Observer,
    token: CancelToken,
}

impl<'a> Watched<'a> {
    pub(super) fn of(observer: &'a dyn Observer, token: &CancelToken) -> Self {
        Watched {
            observer,
            token: token.clone(),
        }
    }
}

impl Observer for Watched<'_> {
    fn file(&self, file: FileBegun<'_>) {
        self.observer.file(file);
    }

    fn phase(&self, phase: Phase, total_bytes: Option<u64>) {
        self.observer.phase(phase, total_bytes);
    }

    fn progress(&self, progress: Progress) {
        self.observer.progress(progress);
    }

    fn notice(&self, message: &str) {
        self.observer.notice(message);
    }

    fn detail(&self, message: &str) {
        self.observer.detail(message);
    }

    fn cancelled(&self) -> Option<Cancelled> {
        let by_token = self.token.is_cancelled().then_some(Cancelled::ByProgram);
        by_token.or_else(|| self.observer.cancelled())
    }
}
