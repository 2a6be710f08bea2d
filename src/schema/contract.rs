//! A contract: what a Frictionless Table Schema says of the fields of an input and of their values, compiled.
//!
//! Comes in: the JSON of a schema, version 1 or 2, alone or within the description of a resource or of a data package with one resource.
//! Goes out: the rules of each field, and those of the whole table. Everything that is wrong is said at once, each with its JSON path. What
//! the specification does not name is passed over; what it names and rowmill does not check is refused. Pure, but for
//! [`Contract::from_path`].
//!
//! Source: <https://datapackage.org/standard/table-schema/>, <https://specs.frictionlessdata.io/table-schema/>.

mod constraints;
mod field;
mod problems;
mod reading;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ColumnType;
use super::rules::{FieldRules, MissingValues};
use crate::database_file::unless_database;
use crate::error::{Error, ErrorKind};

/// Largest schema, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// How the fields of an input are found among those of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldsMatch {
    /// The same, in the same order.
    #[default]
    Exact,
    /// The same, in any order.
    Equal,
    /// All of the contract's, and perhaps others.
    Subset,
    /// None but the contract's; some may be lacking.
    Superset,
    /// At least one of the contract's.
    Partial,
}

impl FieldsMatch {
    pub(crate) const ALL: [FieldsMatch; 5] = [
        FieldsMatch::Exact,
        FieldsMatch::Equal,
        FieldsMatch::Subset,
        FieldsMatch::Superset,
        FieldsMatch::Partial,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            FieldsMatch::Exact => "exact",
            FieldsMatch::Equal => "equal",
            FieldsMatch::Subset => "subset",
            FieldsMatch::Superset => "superset",
            FieldsMatch::Partial => "partial",
        }
    }

    /// Whether an input may have fields that the contract does not name.
    pub(crate) const fn allows_others(self) -> bool {
        matches!(self, FieldsMatch::Subset | FieldsMatch::Partial)
    }

    /// Whether an input may lack fields that the contract names.
    pub(crate) const fn allows_lacking(self) -> bool {
        matches!(self, FieldsMatch::Superset | FieldsMatch::Partial)
    }
}

/// What a contract says of one field.
#[derive(Debug, Clone)]
pub(crate) struct ContractField {
    pub(crate) name: String,
    /// What its column holds.
    pub(crate) column_type: ColumnType,
    /// NULL is refused.
    pub(crate) is_required: bool,
    pub(crate) rules: Arc<FieldRules>,
    pub(crate) missing: Arc<MissingValues>,
}

/// Fields whose values must be among those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldReference {
    /// Indices of the fields.
    pub(crate) fields: Vec<usize>,
    /// The table that is referred to; `None`: the one that is described.
    pub(crate) table: Option<String>,
    pub(crate) to: Vec<String>,
    /// Where it stands in the schema.
    pub(crate) json_path: String,
}

/// What a good record is, compiled from a Frictionless Table Schema.
///
/// It can be handed to another process as [JSON](Self::to_json): the rules that are [made of it](Self::from_json) there are the same.
///
/// ```
/// let schema = r#"{"fields": [{"name": "age", "type": "integer", "constraints": {"minimum": 0}}]}"#;
/// let contract = rowmill::Contract::from_json(schema)?;
/// let same = rowmill::Contract::from_json(&contract.to_json())?;
/// assert_eq!(contract.hash(), same.hash());
/// # Ok::<(), rowmill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Contract {
    pub(crate) fields: Vec<ContractField>,
    pub(crate) fields_match: FieldsMatch,
    /// Indices of the fields of the primary key.
    pub(crate) primary_key: Vec<usize>,
    /// Fields that no two rows share, besides the primary key's.
    pub(crate) unique_keys: Vec<Vec<usize>>,
    pub(crate) references: Vec<FieldReference>,
    /// The part of the schema that means something here, as JSON.
    meaning: String,
    /// What is not wrong, and hardly what was meant.
    pub(crate) notices: Vec<String>,
    path: Option<PathBuf>,
}

impl PartialEq for Contract {
    fn eq(&self, other: &Self) -> bool {
        self.meaning == other.meaning
    }
}

impl Eq for Contract {}

impl Contract {
    /// Reads and compiles the schema in the file at `path`.
    ///
    /// # Errors
    /// [`InputMissing`](ErrorKind::InputMissing) if it cannot be read, [`Schema`](ErrorKind::Schema) with everything that is wrong with it.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Contract, Error> {
        let path = path.as_ref();
        let missing = |source| {
            Error::new(ErrorKind::InputMissing {
                path: path.to_owned(),
                source,
            })
        };
        let file = File::open(path).map_err(missing)?;
        let refuse = |why: &str| Error::schema(format!("schema {}: {why}", path.display()));
        let file = unless_database(file)
            .ok_or_else(|| refuse("it is a SQLite database; name a file with a Frictionless Table Schema"))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(missing)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(refuse(&format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8; JSON is"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let compiled = reading::compile(text).map_err(|problems| refuse(&problems))?;
        Ok(Contract {
            path: Some(path.to_owned()),
            ..compiled
        })
    }

    /// Compiles a schema.
    ///
    /// # Errors
    /// [`Schema`](ErrorKind::Schema) with everything that is wrong with it.
    pub fn from_json(text: &str) -> Result<Contract, Error> {
        reading::compile(text).map_err(|problems| Error::schema(format!("schema: {problems}")))
    }

    /// Returns the schema as JSON, without what has no meaning for rowmill, such as titles.
    pub fn to_json(&self) -> String {
        self.meaning.clone()
    }

    /// Returns a hash of [what it means](Self::to_json), by which reports and unfinished loads know it.
    pub fn hash(&self) -> String {
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(self.meaning.as_bytes()))
    }

    /// Returns the file that it was read from, if it was.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The index of the field called `name`, compared as SQLite compares names.
    pub(crate) fn field(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The names of these fields.
    pub(crate) fn names(&self, fields: &[usize]) -> Vec<String> {
        fields.iter().map(|&index| self.fields[index].name.clone()).collect()
    }

    /// The names of all fields.
    pub(crate) fn all_names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
