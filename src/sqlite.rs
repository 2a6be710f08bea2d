//! All of SQLite: its file format, its databases and tables, and the ways of rows into them.
//!
//! From the bottom: `format` and `record` (bytes), `database` with what it says about its tables, `own` (the tables that rowmill keeps for
//! itself), and two ways in that give the same table, `insert` and `direct`; `destination` chooses between them.

pub mod added;
pub mod database;
pub mod defaults;
pub mod definition;
mod describe;
pub mod descriptor;
pub mod destination;
pub mod direct;
pub mod emptied;
pub mod format;
pub mod full_text;
pub mod given_sql;
pub mod holders;
pub mod insert;
pub mod inventory;
pub mod key_record;
pub mod lock;
pub mod new_file;
pub mod own;
pub mod preview;
pub mod query;
pub mod reading;
pub mod record;
mod row_outcome;
mod sql_text;
mod statement;
pub mod swap;
mod target;
pub mod undo;

pub use row_outcome::RowOutcome;
pub use target::TargetTable;
