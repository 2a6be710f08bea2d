//! What a load is asked to read: files by name, and readers of the program's.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use super::once;
use super::sources::needs_file;
use crate::error::Error;
use crate::options::LoadOptions;

/// Readers by their place among the inputs.
pub(super) type Readers = BTreeMap<usize, Box<dyn Read + Send>>;

/// The inputs of a load, in order.
#[derive(Default)]
pub struct Inputs {
    /// For a reader what it is called.
    pub(super) names: Vec<PathBuf>,
    /// Those that are no files, by their place in `names`.
    pub(super) readers: Readers,
}

impl Inputs {
    /// Adds the file or stream at `path`.
    pub fn add_path(&mut self, path: PathBuf) {
        self.names.push(path);
    }

    /// Adds what `reader` gives, under `name`.
    pub fn add_reader(&mut self, name: PathBuf, reader: Box<dyn Read + Send>) {
        self.readers.insert(self.names.len(), reader);
        self.names.push(name);
    }

    /// What the inputs are called.
    pub fn names(&self) -> &[PathBuf] {
        &self.names
    }

    /// Checks that there are inputs, and that readers among them are not asked for what only a file can do.
    ///
    /// # Errors
    /// `Usage` saying what is wrong.
    pub(super) fn check(&self, options: &LoadOptions) -> Result<(), Error> {
        if self.names.is_empty() {
            return Err(Error::usage("no input named"));
        }
        let Some(&first) = self.readers.keys().next() else {
            return Ok(());
        };
        let name = self.names[first].display();
        if options.repeat.once {
            return Err(once::needs_files(&name));
        }
        if options.repeat.append_only {
            return Err(needs_file(&name));
        }
        Ok(())
    }

    /// Those that have a place in the file system.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let has_place = |(index, _): &(usize, &PathBuf)| !self.readers.contains_key(index);
        let paths = self.names.iter().enumerate().filter(has_place);
        paths.map(|(_, path)| path.clone()).collect()
    }
}

impl From<&[PathBuf]> for Inputs {
    fn from(paths: &[PathBuf]) -> Self {
        Inputs {
            names: paths.to_vec(),
            readers: BTreeMap::new(),
        }
    }
}
