//! rowmill loads huge local CSV files into SQLite in one shot: every good row exactly once, every bad row into a dead-letter file with
//! its place and reason, within a promise on memory.
//!
//! The way of the bytes, which is also the order in which to read the modules: [`window`] maps the input a span at a time, [`head`]
//! looks at its beginning, [`chunk`] cuts spans, [`parse`] finds records and fields, [`validate`] makes rows of them (with
//! [`schema`]), [`dedup`] marks those that may repeat a key, [`mod@write`] puts rows into the database and rejects ([`reject`]) into their
//! file, [`settle`] decides the marked ones. [`pipeline`] is the only one that knows about threads, [`load()`] puts it all together.
//!
//! # Caveats
//! - `1,"abc` ⏎ `2,x",3` ⏎ is one record: a stray opening quote that a later quote before a delimiter closes is a valid field.
//! - `01234`, `+5`, `1e3`, `3.14159265358979323846` are inferred as text: a number would not give them back.
//! - A key with a NULL in it is a duplicate of nothing.

pub mod checkpoint;
pub mod chunk;
pub mod content_hash;
pub mod database_file;
pub mod dedup;
pub mod error;
pub mod escape;
pub mod faults;
pub mod head;
pub mod infer;
pub mod load;
pub mod memory;
pub mod observer;
pub mod options;
pub mod parse;
pub mod pipeline;
pub mod plan;
pub mod position;
pub mod reject;
pub mod report;
pub mod rows;
pub mod schema;
pub mod settle;
pub mod validate;
pub mod window;
pub mod write;

pub use error::{Error, ErrorKind};
pub use load::{forget, load};
pub use observer::{Observer, Phase, Progress};
pub use options::LoadOptions;
pub use report::LoadReport;
