//! The report page of a load where pages are not built in: none. An option that asks for one is refused before the load begins.

use std::path::PathBuf;

use crate::error::Error;
use crate::observer::Observer;
use crate::options::LoadOptions;
use crate::reject::RejectSamples;
use crate::report::LoadReport;

/// A page that is never written.
pub(super) struct PageDraft;

impl PageDraft {
    /// Opens nothing.
    pub(super) fn open(_path: Option<&PathBuf>) -> Result<Self, Error> {
        Ok(PageDraft)
    }

    /// Nobody wants to see rejects.
    pub(super) fn samples(&self) -> Option<RejectSamples> {
        None
    }

    /// There are none to forget.
    pub(super) fn forget_samples(&self) {}

    /// Runs `load` with `observer`.
    pub(super) fn watch<T>(&self, observer: &dyn Observer, load: impl FnOnce(&dyn Observer) -> T) -> T {
        load(observer)
    }

    /// Writes nothing.
    pub(super) fn write(&self, _report: &LoadReport, _options: &LoadOptions) -> Result<(), Error> {
        Ok(())
    }
}
