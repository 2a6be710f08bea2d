//! Whether a file is still what it was when it was opened.

use std::cmp::Ordering;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{FileIdentity, Modified, OpenedFile};
use crate::error::{Error, ErrorKind};

/// A file that is read elsewhere, by which to check that it is still what was opened.
#[derive(Debug)]
pub struct InputWatch {
    pub(super) path: PathBuf,
    /// `None`: the file is looked up by its name.
    pub(super) file: Option<Arc<File>>,
    pub(super) then: OpenedFile,
    pub(super) may_grow: bool,
}

impl InputWatch {
    /// As in [`Input::check_unchanged`].
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let length_bytes = self.then.length_bytes + self.then.tail.bytes();
        let (now_bytes, modified) = self.metadata()?;
        let message = match now_bytes.cmp(&length_bytes) {
            Ordering::Equal | Ordering::Greater if self.may_grow => return Ok(()),
            Ordering::Less => format!("it shrank from {length_bytes} to {now_bytes} bytes"),
            Ordering::Greater => format!("it grew from {length_bytes} to {now_bytes} bytes"),
            Ordering::Equal if modified != self.then.modified => "it was written to".to_owned(),
            Ordering::Equal => return Ok(()),
        };
        Err(self.changed(message))
    }

    fn changed(&self, message: String) -> Error {
        Error::new(ErrorKind::InputChanged {
            path: self.path.clone(),
            message,
        })
    }

    /// The current size and time of the last write.
    pub(super) fn metadata(&self) -> Result<(u64, Modified), Error> {
        let metadata = match &self.file {
            Some(file) => file.metadata(),
            None => std::fs::metadata(&self.path),
        };
        let metadata = metadata.map_err(|e| Error::io("reading", &self.path, e))?;
        if self.then.identity != FileIdentity::from(&metadata) {
            return Err(self.changed("another file took its name".to_owned()));
        }
        Ok((metadata.len(), (metadata.mtime(), metadata.mtime_nsec())))
    }
}
