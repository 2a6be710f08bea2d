//! What a load is asked to read: files by name, and the program's readers.

use std::fmt::Display;
use std::io::Read;
use std::path::PathBuf;

use crate::error::Error;
use crate::option_name::{APPEND_ONLY, ONCE};
use crate::options::LoadOptions;

/// The inputs of a load, in order.
#[derive(Default)]
pub struct Inputs {
    pub(super) all: Vec<NamedInput>,
}

/// An input that was asked for.
pub(super) struct NamedInput {
    /// Of a file or a stream its path; what a reader is called.
    pub(super) name: PathBuf,
    /// What the program reads itself; `None`: what is at the path.
    pub(super) reader: Option<Box<dyn Read + Send>>,
}

impl Inputs {
    /// Adds the file or stream at `path`.
    pub fn add_path(&mut self, path: PathBuf) {
        self.all.push(NamedInput {
            name: path,
            reader: None,
        });
    }

    /// Adds what `reader` gives, under `name`.
    pub fn add_reader(&mut self, name: PathBuf, reader: Box<dyn Read + Send>) {
        self.all.push(NamedInput {
            name,
            reader: Some(reader),
        });
    }

    /// What the inputs are called.
    pub fn names(&self) -> Vec<PathBuf> {
        self.all.iter().map(|input| input.name.clone()).collect()
    }

    /// Checks that there are inputs, and that readers among them are not asked for what only a file can do; the name of the first.
    ///
    /// # Errors
    /// `Usage` saying what is wrong.
    pub(super) fn check(&self, options: &LoadOptions) -> Result<PathBuf, Error> {
        let Some(first) = self.all.first() else {
            return Err(Error::usage("no input named"));
        };
        if let Some(reader) = self.all.iter().find(|input| input.reader.is_some()) {
            let name = reader.name.display();
            if options.repeat.once {
                return Err(needs_files(&name));
            }
            if options.repeat.append_only {
                return Err(needs_file(&name));
            }
        }
        Ok(first.name.clone())
    }

    /// Those that have a place in the file system.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let paths = self.all.iter().filter(|input| input.reader.is_none());
        paths.map(|input| input.name.clone()).collect()
    }
}

impl From<&[PathBuf]> for Inputs {
    fn from(paths: &[PathBuf]) -> Self {
        let mut inputs = Inputs::default();
        paths.iter().for_each(|path| inputs.add_path(path.clone()));
        inputs
    }
}

/// The error for `--once` with the stream `name`.
pub(super) fn needs_files(name: &dyn Display) -> Error {
    Error::usage(format!(
        "{ONCE} needs files, and {name} is a stream: whether its content was loaded before is not known until it is read; save it as a \
         file first, or leave {ONCE} out"
    ))
}

/// The error for `--append-only` with the stream `name`.
pub(super) fn needs_file(name: &dyn Display) -> Error {
    Error::usage(format!(
        "{APPEND_ONLY} needs a file, and {name} is a stream: what it gave before cannot be distinguished from what is new"
    ))
}
