//! The contract of a load, for programs: schema, key, types.

use std::path::Path;
use std::sync::Arc;

use super::Load;
use crate::options::{ContractSource, Inference, OnDuplicate};
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
