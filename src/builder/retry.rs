//! A retry: what is asked of it, and its run.

use std::path::Path;

use super::Load;
use super::watched::Watched;
use crate::error::Error;
use crate::load::Retry;
use crate::report::LoadReport;

/// Rejected records, once they are mended.
impl Load<'_> {
    /// Loads the records of the [dead-letter file](Self::errors) that are good by now, and takes them out of it.
    ///
    /// Somebody has mended the field `raw` of its lines, with an editor or a spreadsheet. The options are those of the load that rejected
    /// the records; its inputs need not be named, but must still be there, as their beginnings are read: or name another one that begins
    /// as they do. What is still rejected stays in the file with its place, and says why now; a file in which nothing was mended stays as
    /// it is. A record whose key is in the table by now is a duplicate, even of one that came after it in the input.
    ///
    /// Each record lands once: a retry that was stopped or killed goes on when it is run again, before the file is edited again. Until it
    /// is done, there are more files beside it, whose names begin with its own and `.retry-`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let at = |name: &str| folder.path().join(name);
    /// std::fs::write(at("people.csv"), "id,name\n1,Ada\n2,Grace,x\n3,Alan\n")?;
    /// let load = || rowmill::Load::new([at("people.csv")]).into(at("x.db")).errors(at("errors.csv")).key(["id"]);
    /// assert_eq!(load().run()?.rejected, 1);
    /// let letters = std::fs::read_to_string(at("errors.csv"))?;
    /// std::fs::write(at("errors.csv"), letters.replace("2,Grace,x", "2,Grace"))?;
    /// let report = load().retry()?;
    /// assert_eq!((report.records, report.loaded, report.rejected), (1, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run); [`InputUnusable`](crate::ErrorKind::InputUnusable) also for a dead-letter file with a line that is none.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn retry(self) -> Result<LoadReport, Error> {
        let database = self.database()?;
        let watched = Watched::of(self.observer, &self.token);
        let inputs = self.inputs.names();
        let retry = Retry {
            errors: &self.options.target.errors,
            like: inputs.first().map(|path| path as &Path),
            database: &database,
            options: &self.options,
        };
        retry.run(&watched)
    }
}
