//! What a load is asked to read: files by name, and the program's readers.

use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::load::found::Finder;
use crate::option_name::{APPEND_ONLY, ONCE};
use crate::options::LoadOptions;

/// The inputs of a load, in order.
#[derive(Default)]
pub struct Inputs {
    pub(super) all: Vec<NamedInput>,
    /// The folder that the first of them was found in, if that is what was asked for.
    pub(super) first_folder: Option<PathBuf>,
    /// Which files were found in folders and by patterns.
    pub(super) notices: Vec<String>,
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

    /// Puts the files that folders and patterns stand for in their place. On an error everything is as it was.
    ///
    /// # Errors
    /// `InputMissing` when one stands for no file, `Io` when a folder cannot be read.
    pub(super) fn find_files(&mut self, database: &Path, options: &LoadOptions) -> Result<(), Error> {
        let finder = Finder { database, options };
        let find = |input: &NamedInput| match &input.reader {
            None if input.name.as_os_str() != "-" => finder.find(&input.name),
            _ => Ok(None),
        };
        let found = self.all.iter().map(find).collect::<Result<Vec<_>, Error>>()?;
        for (index, (input, found)) in std::mem::take(&mut self.all).into_iter().zip(found).enumerate() {
            let Some(found) = found else {
                self.all.push(input);
                continue;
            };
            if index == 0 && input.name.is_dir() {
                self.first_folder = Some(input.name);
            }
            self.notices.push(found.notice);
            found.files.into_iter().for_each(|path| self.add_path(path));
        }
        Ok(())
    }

    /// What the inputs are called.
    pub fn names(&self) -> Vec<PathBuf> {
        self.all.iter().map(|input| input.name.clone()).collect()
    }

    /// Whether one of them is a reader.
    pub fn has_reader(&self) -> bool {
        self.all.iter().any(|input| input.reader.is_some())
    }

    /// Checks that there are inputs, and that readers among them are not asked for what only a file can do; the name of the first,
    /// or of the folder that it was found in.
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
        Ok(self.first_folder.as_ref().unwrap_or(&first.name).clone())
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
