//! Flags that say what is done to the table besides filling it.

use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};
use rowmill::internal::options::{CreateSql, TableOptions};
use rowmill::{Atomic, IfExists};

use super::names::{Names, parse_list};

/// What is done to the table besides filling it.
#[derive(Debug, clap::Args)]
pub struct TableFlags {
    /// What becomes of a table that exists: append (rows are added), fail, truncate (its rows go) or replace (by a new table)
    ///
    /// truncate deletes the rows in the transaction in which the first new ones go in; replace fills a new table, and who reads sees the old
    /// one until all rows are in. A load without a row takes nothing away.
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        hide_possible_values = true,
        default_value = "append",
        hide_short_help = true,
        help_heading = "Table"
    )]
    if_exists: IfExistsArg,
    /// Add the columns of the input to a table that exists and lacks them
    ///
    /// They get the types that they would get in a new table, and are NULL in the rows that were there. Nothing is ever dropped or changed.
    #[arg(long, hide_short_help = true, help_heading = "Table")]
    alter: bool,
    /// What lands together: batch (what is committed stays, and the load goes on there) or file (all rows of the load, or none)
    ///
    /// file fills a new table under another name, and one that exists in a single transaction.
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        hide_possible_values = true,
        default_value = "batch",
        hide_short_help = true,
        help_heading = "Table"
    )]
    atomic: AtomicArg,
    /// Make a new table by the CREATE TABLE in a file, which may also make its indexes and triggers
    ///
    /// Its name is the table's, if --table does not say it. A table that exists stays as it is: see --if-exists. Nothing else may stand in the
    /// file. `rowmill schema --as sql` writes such a statement.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true, help_heading = "Table")]
    create_sql: Option<PathBuf>,
    /// Make a new table STRICT; rows then go in by INSERT
    #[arg(long, hide_short_help = true, help_heading = "Table")]
    strict: bool,
    /// Make these columns of a new table NOT NULL; a record without a value there is rejected
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, hide_short_help = true, help_heading = "Table")]
    not_null: Option<Names>,
    /// Unique index on these columns: a row that shares them with an earlier one is a duplicate; repeatable
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, hide_short_help = true, help_heading = "Table")]
    unique: Vec<Names>,
    /// Make these columns searchable for words, in the FTS5 table NAME_fts
    ///
    /// It is built once the rows are in, and anew by each load with this flag; nothing else keeps it up to date.
    #[arg(long, value_name = "COL[,COL]", value_parser = parse_list, hide_short_help = true, help_heading = "Table")]
    fts: Option<Names>,
    /// Run SQL before the first row, in a transaction of its own; repeatable
    ///
    /// Not again by a load that goes on. Without BEGIN, COMMIT and the like, ATTACH, DETACH and VACUUM.
    #[arg(long, value_name = "SQL", hide_short_help = true, help_heading = "Table")]
    before: Vec<String>,
    /// Run SQL after the last row, in one transaction; repeatable
    ///
    /// Once for each load that comes to its end. If it fails, the rows are in, and the same command goes on with it; the SQL may be mended.
    #[arg(long, value_name = "SQL", hide_short_help = true, help_heading = "Table")]
    after: Vec<String>,
    /// Run ANALYZE on the table once the rows are in
    #[arg(long, hide_short_help = true, help_heading = "Table")]
    analyze: bool,
    /// Run VACUUM at the very end; nobody else may use the database then
    #[arg(long, hide_short_help = true, help_heading = "Table")]
    vacuum: bool,
}

/// [`IfExists`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IfExistsArg {
    Append,
    Fail,
    Truncate,
    Replace,
}

/// [`Atomic`], with a word for each variant on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AtomicArg {
    Batch,
    File,
}

impl From<TableFlags> for TableOptions {
    fn from(flags: TableFlags) -> Self {
        TableOptions {
            alter: flags.alter,
            atomic: match flags.atomic {
                AtomicArg::Batch => Atomic::Batch,
                AtomicArg::File => Atomic::File,
            },
            create_sql: flags.create_sql.map(CreateSql::File),
            definition: None,
            strict: flags.strict,
            not_null: flags.not_null.unwrap_or_default(),
            unique: flags.unique,
            fts: flags.fts.unwrap_or_default(),
            before: flags.before,
            after: flags.after,
            analyze: flags.analyze,
            vacuum: flags.vacuum,
            if_exists: match flags.if_exists {
                IfExistsArg::Append => IfExists::Append,
                IfExistsArg::Fail => IfExists::Fail,
                IfExistsArg::Truncate => IfExists::Truncate,
                IfExistsArg::Replace => IfExists::Replace,
            },
        }
    }
}
