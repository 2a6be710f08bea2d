//! rowmill loads huge local CSV files into SQLite in one shot.

pub mod position;
pub mod escape;
pub mod error;
pub mod options;
pub mod schema;
pub mod observer;
pub mod memory;
pub mod window;
pub mod head;
pub mod chunk;
pub mod parse;
pub mod rows;
pub mod reject;
pub mod validate;
pub mod dedup;
pub mod plan;
pub mod write;
pub mod checkpoint;
pub mod settle;
pub mod report;
pub mod pipeline;
pub mod load;

pub use error::{Error, ErrorKind};
pub use load::load;
pub use observer::{Observer, Phase, Progress};
pub use options::LoadOptions;
pub use report::LoadReport;
