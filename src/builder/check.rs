//! A check: what is asked of it, and its run.

use super::Load;
use super::watched::Watched;
use crate::error::Error;
use crate::load;
use crate::option_name::ERRORS;
use crate::options::CheckOptions;
use crate::report::LoadReport;

/// A look at the inputs before they are loaded.
impl Load<'_> {
    /// Makes a [check](Self::check) write a line into the dead-letter file for every value of a record that does not fit, not only for the
    /// first. The counts stay those of records; [`LoadReport::faults`] counts the lines. Default: false.
    pub fn all_errors(mut self, on: bool) -> Self {
        self.options.check = Some(CheckOptions { all_errors: on });
        self
    }

    /// Checks the inputs instead of loading them: the counts and the dead-letter file are those of a load into a table of a new database.
    ///
    /// No database is made, and none needs to be named. What does not fit into memory goes into files without a name, beside the
    /// [dead-letter file](Self::errors) and in the system's folder for temporary files. A check that was stopped begins anew; until then
    /// the dead-letter file has what was found so far. Options that only a database can heed, such as [`index`](Self::index), are passed
    /// over.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let at = |name: &str| folder.path().join(name);
    /// std::fs::write(at("people.csv"), "id,name,born\n1,Ada,1815\n2,Grace,1906\n2,Grace,soon\n")?;
    /// let report = rowmill::Load::new([at("people.csv")])
    ///     .errors(at("errors.csv"))
    ///     .key(["id"])
    ///     .column_type("born", rowmill::ColumnType::Integer)
    ///     .check()?;
    /// assert_eq!((report.records, report.loaded, report.rejected), (3, 2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run), but for what is said there of databases.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn check(self) -> Result<LoadReport, Error> {
        if !self.has_errors_file {
            return Err(Error::usage(format!(
                "rejected records need a place: name a file for them with {ERRORS}"
            )));
        }
        let mut options = self.options;
        options.check.get_or_insert_default();
        let watched = Watched::of(self.observer, &self.token);
        load::check_inputs(self.inputs, &options, &watched)
    }
}
