//! rowmill loads huge local CSV files into SQLite in one shot: every good row exactly once, every bad row into a dead-letter file with
//! its place and reason, within a promise on memory.
//!
//! A [`Load`] is given its inputs and its database, and [runs](Load::run). What it did is in its [`LoadReport`]; a [bad record](RejectCode)
//! is not an error. Linux only.
//!
//! # Load, and look at the report
//! ```
//! use rowmill::{ColumnType, Load, Outcome, RejectCode};
//!
//! # let folder = tempfile::tempdir()?;
//! # let at = |name: &str| folder.path().join(name);
//! std::fs::write(at("people.csv"), "id,name,born\n1,Ada,1815-12-10\n2,Grace,1906-12-09\n2,Grace,1906-12-09\n3,Alan,1912\n")?;
//!
//! let report = Load::new([at("people.csv")])
//!     .into(at("people.db"))
//!     .errors(at("errors.csv"))
//!     .key(["id"])
//!     .column_type("born", ColumnType::Date)
//!     .run()?;
//!
//! assert_eq!(report.outcome, Outcome::Complete);
//! assert_eq!((report.records, report.loaded), (4, 2));
//! assert_eq!(report.by_code, [(RejectCode::TypeError, 1), (RejectCode::DuplicateKey, 1)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Watch progress, and stop
//! An [`Observer`] is told how far the load is; a [`CancelToken`] stops it from anywhere. What was read by then is committed, and the
//! same load goes on from there.
//! ```
//! use rowmill::{CancelToken, ColumnType, Load, Observer, Outcome, Progress};
//!
//! struct StopAt {
//!     records: u64,
//!     token: CancelToken,
//! }
//!
//! impl Observer for StopAt {
//!     fn progress(&self, progress: Progress) {
//!         if progress.records >= self.records {
//!             self.token.cancel();
//!         }
//!     }
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let at = |name: &str| folder.path().join(name);
//! # let numbers: String = (0..200_000).map(|number| format!("{number}\n")).collect();
//! # std::fs::write(at("numbers.csv"), format!("number\n{numbers}"))?;
//! let load = || {
//!     Load::new([at("numbers.csv")])
//!         .into(at("numbers.db"))
//!         .errors(at("errors.csv"))
//!         .column_type("number", ColumnType::Integer)
//!         .batch_rows(1_000)
//! #       .window_bytes(4 << 10).chunk_bytes(256)
//! };
//!
//! let token = CancelToken::new();
//! let watch = StopAt { records: 10_000, token: token.clone() };
//! let mut report = load().observer(&watch).cancel_token(&token).run()?;
//! if report.outcome == Outcome::Interrupted {
//!     println!("stopped after {} records", report.records);
//!     report = load().run()?;
//! }
//! assert_eq!((report.outcome, report.loaded), (Outcome::Complete, 200_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Settle rejects
//! The dead-letter file is CSV. Its columns `file`, `line`, `record`, `code`, `message` and others say what is wrong with which record,
//! and the last, `raw`, holds the record's bytes: once mended, they can be loaded into the same table. The key keeps rows that are already
//! there from getting in twice.
//! ```
//! use rowmill::Load;
//!
//! # let folder = tempfile::tempdir()?;
//! # let at = |name: &str| folder.path().join(name);
//! std::fs::write(at("people.csv"), "id,name\n1,Ada\n2\n3,Alan\n")?;
//! let report = Load::new([at("people.csv")]).into(at("people.db")).errors(at("errors.csv")).key(["id"]).run()?;
//! assert_eq!((report.loaded, report.rejected), (2, 1));
//!
//! let mut mended = String::from("id,name\n");
//! for letter in csv::Reader::from_path(at("errors.csv"))?.records() {
//!     let letter = letter?;
//!     let (message, raw) = (&letter[8], &letter[11]);
//!     assert_eq!(message, "expected 2 columns, found 1");
//!     mended += &format!("{raw},unknown\n");
//! }
//!
//! let report = Load::from_reader("mended", std::io::Cursor::new(mended))
//!     .into(at("people.db"))
//!     .errors(at("errors of mended.csv"))
//!     .table("people")
//!     .key(["id"])
//!     .run()?;
//! assert_eq!((report.loaded, report.rejected), (1, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does to its host
//! The library writes the database, the files that it is asked for and, while it runs, files of its own beside them. It prints nothing,
//! sets no signal handler and changes nothing about the process. Its threads end with the load; it keeps [one descriptor](Load::run) of
//! each database open.
//!
//! An input that another program cuts short while it is mapped makes the kernel raise SIGBUS. What is committed is safe, but a program that
//! must survive this should give the file as a [reader](Load::from_reader).
//!
//! # Caveats
//! - `1,"abc` ⏎ `2,x",3` ⏎ is one record: a stray opening quote that a later quote before a delimiter closes is a valid field.
//! - `01234`, `+5`, `1e3`, `3.14159265358979323846` are inferred as text: a number would not give back the same text.
//! - A key with a NULL in it never counts as a duplicate.

#![deny(missing_docs)]

// The rooms of the program see the library from outside, as any other program does.
#[cfg(feature = "cli")]
extern crate self as rowmill;

// The program's rooms.
#[cfg(feature = "cli")]
#[allow(missing_docs)]
mod allocator;
#[cfg(feature = "cli")]
#[allow(missing_docs)]
mod cli;
#[cfg(feature = "cli")]
#[allow(missing_docs)]
mod command;
#[cfg(feature = "cli")]
#[allow(missing_docs)]
mod progress_bar;
#[cfg(feature = "cli")]
#[allow(missing_docs)]
mod signals;

// The rooms; ARCHITECTURE.md lists them in the order in which the bytes pass through. Items that no program sees need docs only where their
// name does not say it all.
#[allow(missing_docs)]
mod batch;
mod builder;
mod cancel;
#[allow(missing_docs)]
mod checkpoint;
#[allow(missing_docs)]
mod chunk;
mod content_hash;
#[allow(missing_docs)]
mod database_file;
#[allow(missing_docs)]
mod decode;
#[allow(missing_docs)]
mod dedup;
mod dialect;
#[allow(missing_docs)]
mod encoding;
mod error;
#[allow(missing_docs)]
mod escape;
#[allow(missing_docs)]
mod faults;
#[allow(missing_docs)]
mod format;
#[allow(missing_docs)]
mod head;
mod idle;
#[allow(missing_docs)]
mod infer;
#[allow(missing_docs)]
mod ledger;
#[allow(missing_docs)]
mod load;
mod memory;
mod observer;
mod option_name;
mod options;
#[allow(missing_docs)]
mod parse;
#[allow(missing_docs)]
mod pipeline;
#[allow(missing_docs)]
mod plan;
#[allow(missing_docs)]
mod position;
mod profile;
pub mod range;
mod reject;
mod report;
#[allow(missing_docs)]
mod rows;
mod schema;
#[allow(missing_docs)]
mod settle;
#[allow(missing_docs)]
mod sqlite;
#[allow(missing_docs)]
mod syntax_fault;
#[allow(missing_docs)]
mod validate;
#[allow(missing_docs)]
mod window;

pub use builder::Load;
pub use cancel::CancelToken;
pub use content_hash::ContentHash;
pub use dialect::{Delimiter, Escape};
pub use encoding::Encoding;
pub use error::{Error, ErrorKind};
pub use memory::return_freed_memory;
pub use observer::{FileBegun, Observer, Phase, Progress};
pub use option_name::OptionName;
pub use options::{Atomic, ErrorLimit, IfExists, Inference, InputFormat, OnDuplicate, PassedLimit, WritePath};
pub use profile::{ColumnProfile, FirstText, Profile, ProfileFormat, ProfileValue, TextStart};
pub use reject::RejectCode;
pub use report::{
    ColumnReport, Distribution, DistributionOf, EarlierReport, FilterReport, FoundDialect, InputReport, LoadReport,
    MemorySplit, Outcome, RowsColumn, RowsProfile, SchemaReport, SkippedInput, StageTime, Summary,
};
pub use schema::ColumnType;
pub use schema::cells::EmptyCell;
pub use schema::contract::Contract;

/// The door for rowmill's own binary, Python module, tests, benches and fuzz targets. Nothing behind it is guaranteed to stay.
#[doc(hidden)]
#[allow(missing_docs)]
pub mod internal {
    pub use crate::cancel::Cancelled;
    pub use crate::load::{Explained, LetterGroup, Remedy, Retry};
    pub use crate::load::{check, explain, forget, glance, load, profile};
    pub use crate::options::LoadOptions;

    /// A door for each room.
    macro_rules! rooms {
        ($($room:ident)*) => {
            $(pub mod $room {
                pub use crate::$room::*;
            })*
        };
    }

    #[cfg(feature = "cli")]
    rooms! {
        allocator cli command
    }
    rooms! {
        chunk decode dedup encoding escape faults format head infer option_name options parse pipeline position reject report rows schema sqlite
        validate window
    }
}
