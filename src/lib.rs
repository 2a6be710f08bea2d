//! rowmill loads huge local CSV files into SQLite in one shot.

pub mod position;
pub mod escape;
pub mod error;
pub mod options;
pub mod schema;
pub mod observer;
pub mod window;
pub mod chunk;
pub mod parse;
pub mod rows;
pub mod reject;
pub mod validate;
pub mod dedup;
pub mod write;
pub mod checkpoint;
pub mod report;
pub mod pipeline;

pub use error::{Error, ErrorKind};
pub use observer::{Observer, Phase, Progress};
pub use options::LoadOptions;
pub use report::LoadReport;
