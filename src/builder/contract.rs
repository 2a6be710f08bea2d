//! The contract of a load, for programs: schema, key, types; and the check of inputs against it, before they are loaded.

use std::path::Path;
use std::sync::Arc;

use super::Load;
use super::watched::Watched;
use crate::error::Error;
use crate::load;
use crate::option_name::ERRORS;
use crate::options::{CheckOptions, ContractSource, Inference, OnDuplicate};
use crate::profile::Profile;
use crate::report::LoadReport;
use crate::schema::ColumnType;
use crate::schema::contract::Contract;

/// The contract: what a good row is.
impl Load<'_> {
    /// Takes a Frictionless [Table Schema](https://datapackage.org/standard/table-schema/) from the file at `path`: the types of the columns,
    /// how their values are written, and the rules that they keep. A value that breaks one is rejected as
    /// [`RuleFailed`](crate::RejectCode::RuleFailed). What other options say of a column comes first; what contradicts is refused. Default:
    /// none.
    ///
    /// The fields that are `required` are NOT NULL in a table that the load makes, `unique` ones have a unique index there, and foreign keys
    /// are declared. The primary key is the [`key`](Self::key).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let at = |name: &str| folder.path().join(name);
    /// std::fs::write(
    ///     at("people.schema.json"),
    ///     r#"{"fields": [{"name": "id", "type": "integer"},
    ///                    {"name": "age", "type": "integer", "constraints": {"minimum": 0, "maximum": 130}}],
    ///         "primaryKey": ["id"]}"#,
    /// )?;
    /// let reader = std::io::Cursor::new("id,age\n1,36\n2,360\n");
    /// let load = rowmill::Load::from_reader("people", reader).into(at("people.db")).errors(at("errors.csv"));
    /// let report = load.schema(at("people.schema.json")).run()?;
    /// assert_eq!((report.loaded, &report.by_code[..]), (1, &[(rowmill::RejectCode::RuleFailed, 1)][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schema(mut self, path: impl AsRef<Path>) -> Self {
        self.options.contract.source = Some(ContractSource::File(path.as_ref().to_owned()));
        self
    }

    /// Takes a contract that is compiled already, in place of a [`schema`](Self::schema). Default: none.
    pub fn contract(mut self, contract: &Contract) -> Self {
        self.options.contract.source = Some(ContractSource::Compiled(Arc::new(contract.clone())));
        self
    }

    /// Sets the columns that together make a row unique: the first row with a key wins, the others are rejected as duplicates. Default:
    /// none, or the columns of the primary key if the table exists.
    pub fn key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.options.contract.key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what becomes of records that repeat a [key](Self::key). Default: [`OnDuplicate::Reject`].
    pub fn on_duplicate(mut self, what: OnDuplicate) -> Self {
        self.options.contract.on_duplicate = what;
        self
    }

    /// Declares the type of a column; a value that does not fit is rejected. May be called for each column. Types that are not declared are
    /// [inferred](Self::inference).
    pub fn column_type(mut self, column: impl Into<String>, column_type: ColumnType) -> Self {
        self.options.contract.types.push((column.into(), column_type));
        self
    }

    /// Says how one column is written that is [declared](Self::column_type) as a date, a time or both; it comes before
    /// [`date_format`](Self::date_format) and [`datetime_format`](Self::datetime_format). May be called for each column.
    pub fn column_format(mut self, column: impl Into<String>, pattern: impl Into<String>) -> Self {
        self.options.contract.formats.push((column.into(), pattern.into()));
        self
    }

    /// Makes every column text whose type is not declared. Default: false.
    pub fn text(mut self, on: bool) -> Self {
        self.options.contract.all_text = on;
        self
    }

    /// Sets how types that are not declared are found; a matter of speed. Default: [`Inference::Auto`].
    pub fn inference(mut self, inference: Inference) -> Self {
        self.options.contract.inference = inference;
        self
    }

    /// Adds an index on these columns, built when the rows are in. May be called for each index.
    pub fn index<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.options
            .target
            .indexes
            .push(columns.into_iter().map(Into::into).collect());
        self
    }
}

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
    /// the dead-letter file has what was found so far. Options that only a database can heed, such as [`index`](Self::index) and
    /// [`on_duplicate`](Self::on_duplicate), are passed over; [`table_per_file`](Self::table_per_file) and
    /// [`report_html`](Self::report_html) are refused.
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

    /// Reads every value of the inputs and says what is in their columns, instead of loading them: types, NULLs, extents, how many values are
    /// different, and which columns could be the [key](Self::key), which itself is not heeded here. Nothing is written, but for files
    /// without a name in the system's folder for temporary files. `None` if it was stopped.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let at = |name: &str| folder.path().join(name);
    /// std::fs::write(at("people.csv"), "id,name,born\n1,Ada,1815\n2,Grace,1906\n3,Ada,\n")?;
    /// let profile = rowmill::Load::new([at("people.csv")]).profile()?.expect("nobody stops it");
    /// let [id, name, born] = &profile.columns[..] else { unreachable!() };
    /// assert!(id.is_unique && !name.is_unique);
    /// assert_eq!((born.nulls, born.column_type), (1, rowmill::ColumnType::Integer));
    /// print!("{}", profile.written(rowmill::ProfileFormat::Sql));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`check`](Self::check), but for what is said there of the dead-letter file.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn profile(self) -> Result<Option<Profile>, Error> {
        let watched = Watched::of(self.observer, &self.token);
        load::profile_inputs(self.inputs, &self.options, &watched)
    }
}
